"""Credit notes are numbered in their own series, written once, and enter the balance whole."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from planctl.core.invoicing.model import CreditDraft, CreditLine, TaxShare
from planctl.errors import Conflict, NotFound
from planctl.store import balances, credit_notes, invoices
from planctl.store.credit_notes import CreditNoteFilter
from planctl.store.engine import Store, Tx
from planctl.store.invoices import Issuing
from planctl.store.settings import put_setting
from tests.store.samples import USD, a_draft, on_day, with_subscriptions

VAT = TaxShare("vat", Decimal("0.19"), 190)
INCLUDED = TaxShare("gst", Decimal("0.1"), 91, included=True)


def a_credit(invoice: str, occasion: str = "op_1", **changes: Any) -> CreditDraft:
    lines = (CreditLine(1, "Starter, January", 1000, (VAT, INCLUDED), "too much"),)
    said: dict[str, Any] = {"lines": lines, "issued_at": on_day(5), "reason": "goodwill"} | changes
    return CreditDraft("nova", invoice, occasion, USD, **said)


def invoiced(tx: Tx, periods: int = 1) -> list[str]:
    with_subscriptions(tx)
    return [one.id for one in invoices.finalize(tx, [a_draft(n) for n in range(periods)], Issuing())]


def test_a_credit_note_is_read_back_as_it_was_written(store: Store) -> None:
    with store.write() as tx:
        (name,) = invoiced(tx)
        (note,) = credit_notes.issue_credit_notes(tx, [a_credit(name, to="refund")], on_day(6))
        assert note.number == "CN-2026-00001"
        assert note.draft.total_minor == 1190
        assert credit_notes.credit_note(tx, note.number) == note
        assert credit_notes.credit_note(tx, note.id) == note
        assert credit_notes.notes_on(tx, [name, "inv_none"]) == {name: [note], "inv_none": []}


def test_the_amount_with_its_tax_enters_the_balance(store: Store) -> None:
    with store.write() as tx:
        (name,) = invoiced(tx)
        (note,) = credit_notes.issue_credit_notes(tx, [a_credit(name)], on_day(6))
        assert balances.moved(tx, [f"credit_note:{note.id}"]) == {f"credit_note:{note.id}": 1190}


def test_numbers_are_consecutive_and_apart_from_the_invoices(store: Store) -> None:
    with store.write() as tx:
        first, second = invoiced(tx, 2)
        made = credit_notes.issue_credit_notes(
            tx,
            [a_credit(first), a_credit(second), a_credit(first, "op_2", issued_at=on_day(365))],
            on_day(366),
        )
        assert [note.number for note in made] == ["CN-2026-00001", "CN-2026-00002", "CN-2027-00001"]
        states = {(one.series, one.year): (one.used, one.next) for one in invoices.series_states(tx)}
        assert states == {("CN", 2026): (2, 3), ("CN", 2027): (1, 2), ("INV", 2026): (2, 3)}


def test_where_the_format_names_no_series_the_number_does(store: Store) -> None:
    with store.write() as tx:
        (name,) = invoiced(tx)
        put_setting(tx, "numbering.format", "{year}/{seq:03}")
        (note,) = credit_notes.issue_credit_notes(tx, [a_credit(name)], on_day(6))
        assert note.number == "CN-2026/001"


def test_an_invoice_is_credited_once_for_an_occasion(store: Store) -> None:
    with store.write() as tx:
        (name,) = invoiced(tx)
        credit_notes.issue_credit_notes(tx, [a_credit(name)], on_day(6))
    with pytest.raises(Conflict), store.write() as tx:
        credit_notes.issue_credit_notes(tx, [a_credit(name)], on_day(7))
    with store.read() as tx:
        assert len(credit_notes.credit_notes(tx)) == 1


def test_a_listing_asks_for_customer_invoice_and_time(store: Store) -> None:
    with store.write() as tx:
        first, second = invoiced(tx, 2)
        one, two = credit_notes.issue_credit_notes(
            tx, [a_credit(first), a_credit(second, issued_at=on_day(9))], on_day(9)
        )

        def found(**asked: Any) -> list[str]:
            return [note.id for note in credit_notes.credit_notes(tx, CreditNoteFilter(**asked))]

        assert found() == [one.id, two.id]
        assert found(customers=("nova",), limit=1) == [one.id]
        assert found(customers=("c2",)) == []
        assert found(invoices=(second,)) == [two.id]
        assert found(from_at=on_day(9)) == [two.id]
        assert found(before_at=on_day(9)) == [one.id]


def test_an_unknown_credit_note_is_not_found(store: Store) -> None:
    with store.read() as tx, pytest.raises(NotFound, match="no credit note 'CN-1'"):
        credit_notes.credit_note(tx, "CN-1")
