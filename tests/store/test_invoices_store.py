"""Invoices get gapless numbers in the transaction that writes them, and come back as they were."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

import pytest

from planctl.core.invoicing.model import (
    InvoiceStatus,
    OpenInvoice,
    Settlement,
    UsageClaim,
)
from planctl.core.periods import Instant
from planctl.errors import Conflict, InvalidInput, NotFound, Refused
from planctl.store import invoices, subscriptions
from planctl.store.engine import Store
from planctl.store.invoice_mapping import content_hash
from planctl.store.invoices import InvoiceFilter, Issuing
from planctl.store.numbering import NumberFormat, SeriesState
from planctl.store.settings import put_setting
from tests.store.samples import DAY, a_draft, a_line, on_day, with_subscriptions

SELLER = {"name": "Acme GmbH", "tax_id": "DE136695976"}
ISSUING = Issuing(seller=SELLER, buyers={"nova": {"name": "Nova Ltd"}}, tzdata="2026a")


def test_an_invoice_comes_back_whole(store: Store) -> None:
    usage = a_line(
        kind="usage",
        charge_key="usage:minutes",
        feature="minutes",
        description="Minutes, December",
        quantity=Fraction(7, 3),
        unit_price=None,
        amount_minor=28,
        detail={"tiers": [{"to": "100", "amount": "0.28"}], "pool": None},
    )
    claim = UsageClaim(
        "sub_1", "minutes", 0, on_day(0), on_day(31),
        quantity=Fraction(103), included=Fraction(100), wallet=Fraction(0), billed=Fraction(3),
        over_limit=Fraction(0),
    )  # fmt: skip
    settlement = Settlement("sub_1", "fee", 0, "billed", on_day(0))
    draft = a_draft(
        lines=(a_line(), usage), claims=(claim,), settlements=(settlement,), grace_ends_at=on_day(21)
    )
    with store.write() as tx:
        with_subscriptions(tx)
        made = invoices.finalize(tx, [draft], ISSUING)[0]
    assert made.draft == draft
    assert made.number == "INV-2026-00001"
    assert made.status is InvoiceStatus.OPEN
    assert (made.subtotal_minor, made.total_minor, made.due_minor) == (4928, 4928, 4928)
    assert (made.seller, made.buyer, made.tzdata) == (SELLER, {"name": "Nova Ltd"}, "2026a")
    with store.read() as tx:
        assert invoices.invoice(tx, made.id) == made
        assert invoices.invoice(tx, "INV-2026-00001") == made
        assert subscriptions.claims(tx, ["sub_1"]) == {"sub_1": [(claim, made.id)]}
        with pytest.raises(NotFound, match="INV-2026-00002"):
            invoices.invoice(tx, "INV-2026-00002")


def test_numbers_are_consecutive_over_transactions_and_more_drafts_than_a_chunk(store: Store) -> None:
    with store.write() as tx:
        made = with_subscriptions(tx, 1203)
        drafts = [
            a_draft(subscription=value.id, customer=value.customer, lines=(a_line(subscription=value.id),))
            for value in made
        ]
        first = invoices.finalize(tx, drafts[:2], ISSUING)
    with store.write() as tx:
        rest = invoices.finalize(tx, drafts[2:], ISSUING)
        listed = invoices.listing(tx)
        states = invoices.series_states(tx)
    assert [one.number for one in first + rest] == [f"INV-2026-{n:05}" for n in range(1, 1204)]
    assert [one.draft.subscription for one in first + rest] == [value.id for value in made]
    assert listed == first + rest
    assert states == [SeriesState("INV", 2026, 1, 1204, 1203, 1, 1203)]


def test_a_number_of_an_undone_transaction_is_used_again(store: Store) -> None:
    with store.write() as tx:
        with_subscriptions(tx)
        invoices.finalize(tx, [a_draft(0)], ISSUING)
    with pytest.raises(Conflict), store.write() as tx:
        invoices.finalize(tx, [a_draft(1), a_draft(2), a_draft(0)], ISSUING)
    with store.write() as tx:
        tx.rollback_only()
        assert invoices.finalize(tx, [a_draft(1)], ISSUING)[0].number == "INV-2026-00002"
    with store.write() as tx:
        assert invoices.finalize(tx, [a_draft(1)], ISSUING)[0].number == "INV-2026-00002"
        assert [one.used for one in invoices.series_states(tx)] == [2]


def test_the_sequence_begins_again_in_the_store_s_new_year(store: Store) -> None:
    # New Year comes to Auckland 13 hours before it comes to UTC: 2027-01-01T00:00 there is 11:00 on the 31st.
    eve = Instant(on_day(364) + 11 * 3_600_000_000)
    with store.write() as tx:
        with_subscriptions(tx)
        put_setting(tx, "timezone", "Pacific/Auckland")
        drafts = [
            a_draft(0, issued_at=Instant(eve - 1)),
            a_draft(1, issued_at=eve),
            a_draft(2, issued_at=Instant(eve - 1)),
            a_draft(3, issued_at=eve),
        ]
        numbers = [one.number for one in invoices.finalize(tx, drafts, ISSUING)]
        states = invoices.series_states(tx)
    assert numbers == ["INV-2026-00001", "INV-2027-00001", "INV-2026-00002", "INV-2027-00002"]
    assert states == [SeriesState("INV", 2026, 1, 3, 2, 1, 2), SeriesState("INV", 2027, 1, 3, 2, 1, 2)]


def test_a_format_without_year_never_begins_again(store: Store) -> None:
    with store.write() as tx:
        with_subscriptions(tx)
        put_setting(tx, "numbering.format", "R{seq}")
        drafts = [a_draft(0), a_draft(1, issued_at=on_day(400))]
        assert [one.number for one in invoices.finalize(tx, drafts, ISSUING)] == ["R1", "R2"]
        assert [(one.year, one.next) for one in invoices.series_states(tx)] == [(0, 3)]


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ("{series}-{year}-{seq:05}", "INV-2026-00042"),
        ("{seq}", "42"),
        ("{year}/{seq:03}", "2026/042"),
        ("{seq:01} of {series}", "42 of INV"),
    ],
)
def test_a_number_format_fills_in_three_words(pattern: str, expected: str) -> None:
    assert NumberFormat(pattern).text("INV", 2026, 42) == expected


@pytest.mark.parametrize(
    "pattern",
    [
        "",
        "INV",
        "{year}",
        "{seq}{seq}",
        "{seq.__class__}",
        "{seq!r}",
        "{seq:>99999999}",
        "{seq:099}",
        "{month}-{seq}",
        "{seq}{",
        "{seq}}",
        "{seq}\n",
        "{seq}\x1b[2J",
        "{seq}" + "x" * 64,
    ],
)
def test_a_number_format_with_anything_else_is_refused(pattern: str) -> None:
    with pytest.raises(InvalidInput, match="number format"):
        NumberFormat(pattern)


def test_the_same_period_is_never_invoiced_twice(store: Store) -> None:
    with store.write() as tx:
        with_subscriptions(tx)
        invoices.finalize(tx, [a_draft()], ISSUING)
    with pytest.raises(Conflict), store.write() as tx:
        invoices.finalize(tx, [a_draft(1), a_draft()], ISSUING)
    another_kind_same_charge = a_draft(kind="resume", occasion="pay_1")
    with pytest.raises(Conflict), store.write() as tx:
        invoices.finalize(tx, [another_kind_same_charge], ISSUING)
    with store.read() as tx:
        assert [one.number for one in invoices.listing(tx)] == ["INV-2026-00001"]
        assert [one.next for one in invoices.series_states(tx)] == [2]


def test_a_zero_invoice_is_paid_when_issued_and_a_negative_one_is_our_mistake(store: Store) -> None:
    back = a_line(kind="proration_credit", charge_key="credit", unit_price=None, amount_minor=-4900)
    with store.write() as tx:
        with_subscriptions(tx)
        zero = invoices.finalize(tx, [a_draft(lines=(a_line(), back))], ISSUING)[0]
        assert (zero.status, zero.paid_at, zero.due_minor) == (InvoiceStatus.PAID, on_day(0), 0)
        assert invoices.open_invoices(tx, ["nova"]) == {"nova": []}
        with pytest.raises(AssertionError, match="total of -4900"):
            invoices.finalize(tx, [a_draft(1, lines=(back,))], ISSUING)


def test_the_content_hash_is_of_what_is_billed_not_of_when(store: Store) -> None:
    draft = a_draft()
    later = replace(draft, issued_at=on_day(3), due_at=on_day(17), grace_ends_at=on_day(20))
    dearer = replace(draft, lines=(a_line(amount_minor=4901),))
    renamed = replace(draft, lines=(a_line(description="Starter, Januar"),))
    assert content_hash(draft) == content_hash(later)
    assert len({content_hash(draft), content_hash(dearer), content_hash(renamed)}) == 3
    with store.write() as tx:
        with_subscriptions(tx)
        made = invoices.finalize(tx, [draft], ISSUING)[0]
        assert content_hash(invoices.invoice(tx, made.id).draft) == made.content_hash


def test_what_is_unpaid_is_known_per_customer_in_the_order_it_falls_due(store: Store) -> None:
    with store.write() as tx:
        with_subscriptions(tx, 2)
        second, first = invoices.finalize(
            tx, [a_draft(1, due_at=on_day(60), grace_ends_at=on_day(67)), a_draft(0)], ISSUING
        )
        invoices.mark_past_due(tx, [first.id])
        invoices.mark_past_due(tx, [first.id])
        found = invoices.open_invoices(tx, ["nova", "c2"])
        assert invoices.invoice(tx, first.id).status is InvoiceStatus.PAST_DUE
    assert found == {
        "nova": [
            OpenInvoice(first.id, "sub_1", on_day(14), None, 4900, past_due=True),
            OpenInvoice(second.id, "sub_1", on_day(60), on_day(67), 4900),
        ],
        "c2": [],
    }


def test_a_voided_invoice_keeps_its_number_and_counts_as_settled(store: Store) -> None:
    fee = Settlement("sub_1", "fee", 0, "billed", on_day(0))
    next_fee = Settlement("sub_1", "fee", 1, "billed", on_day(31))
    with store.write() as tx:
        with_subscriptions(tx)
        first, second = invoices.finalize(
            tx, [a_draft(0, settlements=(fee,)), a_draft(1, settlements=(next_fee,))], ISSUING
        )
        invoices.void(tx, first.id, on_day(2))
        invoices.void(tx, second.id, on_day(2), reissue=True)
        voided = invoices.invoice(tx, first.number)
        assert (voided.status, voided.voided_at, voided.due_minor) == (InvoiceStatus.VOID, on_day(2), 0)
        assert invoices.open_invoices(tx, ["nova"]) == {"nova": []}
        assert subscriptions.settlements(tx, ["sub_1"]) == {
            "sub_1": [replace(fee, outcome="void"), replace(next_fee, outcome="reissue")]
        }
        assert subscriptions.open_settlements(tx, ["sub_1"]) == {
            "sub_1": [replace(next_fee, outcome="reissue")]
        }
        with pytest.raises(AssertionError, match="cannot be voided"):
            invoices.void(tx, first.id, on_day(3))
        again = a_draft(1, revision=1, settlements=(replace(next_fee, revision=1),))
        assert invoices.finalize(tx, [again], ISSUING)[0].number == "INV-2026-00003"


def test_a_finalized_invoice_cannot_be_changed(store: Store) -> None:
    with store.write() as tx:
        with_subscriptions(tx)
        invoices.finalize(tx, [a_draft()], ISSUING)
    for statement in (
        "UPDATE invoice SET total = 1, subtotal = 1",
        "UPDATE invoice_line SET amount = 1",
        "DELETE FROM invoice_line",
        "DELETE FROM invoice",
    ):
        with pytest.raises(Refused), store.write() as tx:
            tx.connection.exec_driver_sql(statement)


def test_a_listing_filters_and_pages(store: Store) -> None:
    with store.write() as tx:
        with_subscriptions(tx, 2)
        other = a_draft(subscription="sub_2", customer="c2", issued_at=on_day(5))
        made = invoices.finalize(tx, [a_draft(0), other, a_draft(1)], ISSUING)
        invoices.mark_past_due(tx, [made[0].id])
        invoices.set_status(tx, [made[2].id], InvoiceStatus.UNCOLLECTIBLE)

        def numbers(wanted: InvoiceFilter) -> list[str]:
            return [one.number[-1] for one in invoices.listing(tx, wanted)]

        assert numbers(InvoiceFilter()) == ["1", "2", "3"]
        assert numbers(InvoiceFilter(customers=("c2",))) == ["2"]
        assert numbers(InvoiceFilter(subscriptions=("sub_1",))) == ["1", "3"]
        assert numbers(InvoiceFilter(statuses=(InvoiceStatus.PAST_DUE, InvoiceStatus.OPEN))) == ["1", "2"]
        assert numbers(InvoiceFilter(issued_from=on_day(5), issued_before=on_day(5) + DAY)) == ["2"]
        assert numbers(InvoiceFilter(after="INV-2026-00001", limit=1)) == ["2"]
        assert list(invoices.get_many(tx, [made[1].id, "inv_none"])) == [made[1].id]


def test_no_drafts_take_no_number(store: Store) -> None:
    with store.write() as tx:
        assert invoices.finalize(tx, [], ISSUING) == []
        assert invoices.series_states(tx) == []
