"""Extensions are kept beside other changes; moves of a foreseen end come back with their subscription."""

from __future__ import annotations

from dataclasses import replace

import pytest

from planctl.core.invoicing.model import InvoiceStatus
from planctl.core.subscriptions.model import Extension
from planctl.errors import Conflict
from planctl.store import invoices, subscriptions
from planctl.store.engine import Store
from planctl.store.extensions import add_extension, cause_of, extended_at
from planctl.store.invoices import Issuing
from tests.store.samples import a_draft, on_day, with_subscriptions

FIRST = Extension("extend:sub_1:1", on_day(5), on_day(45), on_day(52))
SECOND = Extension("extend:sub_1:3", on_day(50), on_day(52), on_day(60))


def test_moves_of_the_end_come_back_in_their_order_and_other_extensions_do_not(store: Store) -> None:
    with store.write() as tx:
        (sub, _) = with_subscriptions(tx, 2)
        ending = replace(sub, expires_at=on_day(60), ends_at=on_day(60), end_reason="expired")
        subscriptions.update(tx, ending, None)
        add_extension(tx, "sub_1", 1, {"expiry": 7}, on_day(5), FIRST)
        add_extension(tx, "sub_1", 2, {"due": 3, "grace": 1}, on_day(6), None)
        add_extension(tx, "sub_1", 3, {"expiry": 8}, on_day(50), SECOND)
    with store.read() as tx:
        found = subscriptions.get_many(tx, ["sub_1", "sub_2"])
        assert found["sub_1"].extensions == (FIRST, SECOND)
        assert found["sub_2"].extensions == ()
        assert found["sub_1"].steps == ()
        assert subscriptions.next_change(tx, "sub_1") == 4
        assert [found["sub_1"].foreseen_end(on_day(day)) for day in (4, 5, 6, 50, 51)] == [
            on_day(45), on_day(45), on_day(52), on_day(52), on_day(60),
        ]  # fmt: skip


def test_an_extension_is_found_by_its_name(store: Store) -> None:
    with store.write() as tx:
        with_subscriptions(tx)
        add_extension(tx, "sub_1", 1, {"due": 3}, on_day(6), None)
    with store.read() as tx:
        assert extended_at(tx, cause_of("sub_1", 1)) == on_day(6)
        for unknown in ("extend:sub_1:2", "extend:sub_2:1", "extend:sub_1", "extend:", "extend:sub_1:x"):
            assert extended_at(tx, unknown) is None


def test_a_number_is_given_once(store: Store) -> None:
    with store.write() as tx:
        with_subscriptions(tx)
        add_extension(tx, "sub_1", 1, {"due": 3}, on_day(6), None)
    with pytest.raises(Conflict), store.write() as tx:
        add_extension(tx, "sub_1", 1, {"due": 3}, on_day(6), None)


def test_an_invoice_that_is_due_later_says_what_it_always_said(store: Store) -> None:
    with store.write() as tx:
        with_subscriptions(tx)
        (made,) = invoices.finalize(tx, [a_draft(due_at=on_day(14), grace_ends_at=on_day(17))], Issuing())
        invoices.mark_past_due(tx, [made.id])
        (unpaid,) = invoices.open_invoices(tx, ["nova"])["nova"]
        later = replace(unpaid, due_at=on_day(20), grace_ends_at=on_day(23), past_due=False)
        invoices.extend(tx, [later])
    with store.read() as tx:
        found = invoices.invoice(tx, made.number)
        assert invoices.open_invoices(tx, ["nova"])["nova"] == [later]
    assert (found.due_at, found.grace_ends_at, found.status) == (on_day(20), on_day(23), InvoiceStatus.OPEN)
    assert (found.draft, found.content_hash) == (made.draft, made.content_hash)
    assert [found.status_at(on_day(day)) for day in (19, 20)] == [InvoiceStatus.OPEN, InvoiceStatus.PAST_DUE]


def test_only_the_date_that_moved_is_kept_beside_the_first_one(store: Store) -> None:
    with store.write() as tx:
        with_subscriptions(tx)
        invoices.finalize(tx, [a_draft(due_at=on_day(14), grace_ends_at=on_day(17))], Issuing())
        (unpaid,) = invoices.open_invoices(tx, ["nova"])["nova"]
        invoices.extend(tx, [replace(unpaid, grace_ends_at=on_day(18))])
        kept = tx.connection.exec_driver_sql("SELECT extended_due_at, extended_grace_at FROM invoice").one()
    assert tuple(kept) == (None, on_day(18))


def test_invoices_are_listed_by_the_date_on_which_they_fall_due_now(store: Store) -> None:
    with store.write() as tx:
        with_subscriptions(tx)
        first, second = invoices.finalize(
            tx, [a_draft(0, due_at=on_day(14)), a_draft(1, due_at=on_day(45))], Issuing()
        )
        unpaid = invoices.open_invoices(tx, ["nova"])["nova"]
        assert [one.id for one in unpaid] == [first.id, second.id]
        invoices.extend(tx, [replace(unpaid[0], due_at=on_day(60))])
        assert [one.id for one in invoices.open_invoices(tx, ["nova"])["nova"]] == [second.id, first.id]


def test_what_is_paid_or_void_has_no_date_to_move(store: Store) -> None:
    with store.write() as tx:
        with_subscriptions(tx)
        (made,) = invoices.finalize(tx, [a_draft()], Issuing())
        (unpaid,) = invoices.open_invoices(tx, ["nova"])["nova"]
        invoices.void(tx, made.id, on_day(2))
        with pytest.raises(AssertionError, match="1 invoices to extend, 0 of them are unpaid"):
            invoices.extend(tx, [unpaid])
