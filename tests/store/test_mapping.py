"""Core values survive being rows, and rows that nobody can have written are not believed."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from fractions import Fraction
from types import SimpleNamespace
from typing import Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from planctl.core.currencies import Currency
from planctl.core.instants import FOREVER
from planctl.core.invoicing.model import (
    Invoice,
    InvoiceKind,
    InvoiceStatus,
    Line,
    LineKind,
    Outcome,
    Settlement,
    UsageClaim,
)
from planctl.core.metering.model import UsageEvent
from planctl.core.periods import Instant
from planctl.core.subscriptions.model import BlockedSpan, Status, Subscription
from planctl.store import invoice_mapping, mapping, usage_mapping
from planctl.store.invoice_mapping import InvoiceParts, Number
from tests.store.samples import TERMS, TERMS_HASH, USD, a_draft, a_line, a_payment, a_subscription, on_day

instants = st.integers(0, FOREVER).map(Instant)
maybe_instants = st.none() | instants
whole = st.integers(0, 2**63 - 1)
texts = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), max_size=12)
names = texts.filter(bool)
fractions = st.fractions(max_denominator=10**9) | st.decimals(-(10**18), 10**18, places=12).map(Fraction)
quantities = st.one_of(
    st.integers(-(2**63) + 1, 2**63 - 1).map(Decimal), st.decimals(-(10**9), 10**9, places=12)
)
amounts = st.integers(0, 10**13)
currencies = st.sampled_from(
    [
        USD,
        Currency("JPY", "Yen", 0),
        Currency("KWD", "Kuwaiti Dinar", 3),
        Currency("USDT", "USDT", 6, iso=False),
    ]
)
documents = st.recursive(
    st.none() | st.booleans() | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=6,
)


def as_row(values: Any, **joined: Any) -> SimpleNamespace:
    """A row as a query gives it back."""
    return SimpleNamespace(**values, **joined)


subscriptions = st.builds(
    Subscription,
    id=names,
    customer=st.just("nova"),
    plan=names,
    plan_version=whole,
    terms=st.just(TERMS),
    terms_hash=st.just(TERMS_HASH),
    currency=currencies,
    pay=names,
    timezone=names,
    started_at=instants,
    anchor_at=instants,
    status=st.sampled_from(Status),
    exclusive_group=texts,
    settled_at=maybe_instants,
    fees_from=instants,
    usage_from=instants,
    ends_at=maybe_instants,
    end_reason=texts,
    quantity=st.integers(1, 10**9),
    quantities=st.dictionaries(texts, st.integers(0, 10**18 - 1).map(Decimal) | st.just(Decimal("0.5"))),
    negotiated=st.dictionaries(texts, texts),
    blocked=st.just((BlockedSpan(on_day(1), on_day(2), "pay_1"),)),
    catalog_revision=whole,
    created_at=instants,
)


@given(subscriptions, maybe_instants)
def test_a_subscription_survives_its_row(value: Subscription, next_action_at: int | None) -> None:
    row = as_row(mapping.subscription_row(value, 7, next_action_at), customer_id="nova")
    assert (row.customer, row.next_action_at) == (7, next_action_at)
    assert mapping.subscription_of(row, TERMS, value.blocked) == value


lines = st.builds(
    Line,
    kind=st.sampled_from(get_args(LineKind)),
    subscription=names,
    plan=names,
    plan_version=whole,
    charge_key=names,
    service_index=whole,
    description=texts,
    quantity=fractions,
    unit_price=st.none() | fractions,
    amount_minor=amounts,
    starts_at=instants,
    ends_at=maybe_instants,
    occasion=texts,
    feature=texts,
    detail=documents,
)


@given(lines, whole)
def test_a_line_survives_its_row(value: Line, revision: int) -> None:
    row = as_row(invoice_mapping.line_row("inv_1", 1, value, revision))
    assert invoice_mapping.line_of(row) == value


@given(
    st.lists(lines, min_size=1, max_size=3),
    currencies,
    st.sampled_from(get_args(InvoiceKind)),
    st.dictionaries(texts, texts),
)
def test_an_invoice_survives_its_row(
    several: list[Line], currency: Currency, kind: InvoiceKind, seller: dict[str, str]
) -> None:
    draft = a_draft(lines=tuple(several), currency=currency, kind=kind, grace_ends_at=on_day(20))
    total = draft.total_minor
    value = Invoice(
        "inv_1", "INV-1", InvoiceStatus.PAST_DUE, draft, total, 0, 0, total,
        seller=seller, buyer={"name": "Nova"}, tzdata="2026a",
        content_hash=invoice_mapping.content_hash(draft),
    )  # fmt: skip
    row = as_row(
        invoice_mapping.invoice_row(value, Number("INV-1", "INV", 2026, 1), 7), customer_id=draft.customer
    )
    parts = InvoiceParts(draft.lines, draft.claims, draft.settlements)
    assert invoice_mapping.invoice_of(row, parts) == value


@given(fractions, fractions, fractions, fractions)
def test_a_claim_survives_its_row(
    included: Fraction, wallet: Fraction, billed: Fraction, over_limit: Fraction
) -> None:
    value = UsageClaim(
        "sub_1", "minutes", 3, on_day(0), on_day(31), included + wallet + billed + over_limit,
        included, wallet, billed, over_limit, "allowance:3", 2,
    )  # fmt: skip
    assert mapping.claim_of(as_row(mapping.claim_row(value, "inv_1"))) == value


@given(st.sampled_from(get_args(Outcome)), st.sampled_from(["fee", "usage", "usage:day"]), texts, instants)
def test_a_settlement_survives_its_row(outcome: Outcome, part: str, occasion: str, due_at: Instant) -> None:
    value = Settlement("sub_1", part, 4, outcome, due_at, occasion, 1)
    assert mapping.settlement_of(as_row(mapping.settlement_row(value, "inv_1"))) == value


@given(quantities)
def test_a_quantity_survives_being_two_integers_of_one_sign(quantity: Decimal) -> None:
    whole_units, parts = usage_mapping.parts_of(quantity)
    assert whole_units * parts >= 0
    assert usage_mapping.decimal_of(whole_units, parts) == quantity
    assert usage_mapping.exact_quantity(whole_units, parts) == Fraction(quantity)


@pytest.mark.parametrize(
    ("quantity", "parts"),
    [
        ("0", (0, 0)),
        ("12", (12, 0)),
        ("-12", (-12, 0)),
        ("0.5", (0, 500_000_000_000)),
        ("-0.5", (0, -500_000_000_000)),
        ("-3.000000000001", (-3, -1)),
        ("1000000000000000000", (10**18, 0)),
    ],
)
def test_quantities_are_whole_units_and_parts_of_a_trillion(quantity: str, parts: tuple[int, int]) -> None:
    assert usage_mapping.parts_of(Decimal(quantity)) == parts


@given(
    st.text(st.characters(codec="utf-8", exclude_categories=["Cc"]), min_size=1, max_size=40)
    | st.uuids().map(str),
    quantities,
    st.dictionaries(names, texts, max_size=3),
    texts,
    st.sampled_from(["", "nova-east"]),
)
def test_an_event_survives_its_rows(
    event_id: str, quantity: Decimal, properties: dict[str, str], corrects: str, child: str
) -> None:
    value = UsageEvent(event_id, "nova", "call", on_day(3), quantity, properties, corrects, child)
    row = usage_mapping.event_row(value, 1, 7, 9, child=8 if child else 0)
    assert row.quantity == quantity
    stored = SimpleNamespace(
        event_key=row.key,
        at=row.at,
        quantity=row.whole,
        fraction=row.part,
        event_id=row.event_id if row.has_detail else None,
        properties=row.properties if row.has_detail else None,
        corrects=row.corrects if row.has_detail else None,
        child_id=child or None,
    )
    assert usage_mapping.event_of(stored, "nova", "call") == value


def test_a_payment_survives_its_row() -> None:
    value = a_payment("pay_1", "inv_1", 4900, status="refunded")
    row = as_row(invoice_mapping.payment_row(value, 7, on_day(5)), customer_id="nova")
    assert invoice_mapping.payment_of(row) == value


def test_amounts_keep_the_decimals_they_were_written_with() -> None:
    assert mapping.currency_of("USD", 2) == USD
    assert mapping.currency_of("USD", 3) == Currency("USD", "US Dollar", 3, iso=False)
    assert mapping.currency_of("USDT", 6) == Currency("USDT", "USDT", 6, iso=False)


@pytest.mark.parametrize(
    ("changes", "what"),
    [
        ({"created_at": 1.5}, "no integer"),
        ({"created_at": True}, "no integer"),
        ({"created_at": -1}, "no instant"),
        ({"ends_at": FOREVER + 1}, "no instant"),
        ({"quantity": 0}, "a quantity of 0"),
        ({"plan": ""}, "name is empty"),
        ({"plan": "a\x00b"}, "no storable text"),
        ({"plan": "a\ud800"}, "no storable text"),
        ({"plan": b"pro"}, "no text"),
        ({"terms_hash": "abc"}, "no hash"),
        ({"negotiated": {"price": 45}}, "no text"),
        ({"blocked": ()}, ""),
    ],
)
def test_a_value_that_no_column_should_hold_stops_before_it_is_written(
    changes: dict[str, Any], what: str
) -> None:
    value = replace(a_subscription(), **changes)
    if not what:
        assert mapping.subscription_row(value, 7, None)["id"] == "sub_1"
        return
    with pytest.raises(AssertionError, match=what):
        mapping.subscription_row(value, 7, None)


@pytest.mark.parametrize(
    ("changes", "what"),
    [
        ({"decimals": -1}, "below 0"),
        ({"quantities": '{"seats":5}'}, "no text"),
        ({"quantities": "[]"}, "no map"),
        ({"settled_at": "yesterday"}, "no integer"),
    ],
)
def test_a_row_that_nobody_can_have_written_is_not_believed(changes: dict[str, Any], what: str) -> None:
    row = as_row(dict(mapping.subscription_row(a_subscription(), 7, None)) | changes, customer_id="nova")
    with pytest.raises(AssertionError, match=what):
        mapping.subscription_of(row, TERMS, ())


@pytest.mark.parametrize(
    ("changes", "what"),
    [
        ({"subtotal_minor": 4901}, "do not sum"),
        ({"tax_minor": 1}, "a total of"),
        ({"paid_minor": 4901}, "more paid"),
        ({"status": InvoiceStatus.PAID, "paid_at": on_day(1)}, "4900 is due"),
        ({"status": InvoiceStatus.PAID, "paid_minor": 4900}, "at no time"),
        ({"status": InvoiceStatus.VOID}, "void or not"),
        ({"status": InvoiceStatus.DRAFT}, "not stored"),
        ({"draft": a_draft(lines=())}, "no lines"),
        ({"draft": a_draft(lines=(a_line(amount_minor=10**15 + 1),))}, "do not sum"),
    ],
)
def test_an_invoice_that_breaks_its_laws_is_not_written(changes: dict[str, Any], what: str) -> None:
    draft = a_draft()
    value = Invoice("inv_1", "INV-1", InvoiceStatus.OPEN, draft, 4900, 0, 0, 4900, content_hash="0" * 64)
    with pytest.raises(AssertionError, match=what):
        invoice_mapping.check_invoice(replace(value, **changes))


@pytest.mark.parametrize("text", ["", "1/0", "1e3", "0x10", "1.", ".5", "1/2/3", "nan", "٣"])
def test_a_number_that_is_not_exact_is_not_read(text: str) -> None:
    with pytest.raises(AssertionError, match="no exact number"):
        mapping.exact_of(text)
