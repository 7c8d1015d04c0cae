"""Bringing a customer up to an instant; every amount and date here is worked out by hand."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal
from fractions import Fraction

from planctl.core.catalog.model import Beyond, Entitlement, Feature, Meter, PriceRow, Terms
from planctl.core.currencies import iso_currency
from planctl.core.customers import Customer
from planctl.core.dunning import paid_up
from planctl.core.invoicing.advance import (
    Advanced,
    CustomerFacts,
    RunTerms,
    advance,
    needed_windows,
    next_action,
)
from planctl.core.invoicing.model import Draft, OpenInvoice, Settlement
from planctl.core.periods import Anchor, Instant, Interval, instant_text, parse_instant, zone
from planctl.core.pricing.kinds.each import Each
from planctl.core.subscriptions.model import BlockedSpan, Status, Subscription

USD = iso_currency("USD")
assert USD is not None
RUN = RunTerms()


def t(text: str, timezone: str = "UTC") -> Instant:
    return parse_instant(text, zone(timezone))


def monthly(price: str = "19", **more: object) -> Terms:
    """A plan with one monthly row in USD."""
    row = PriceRow(Interval.parse("month"), {"USD": Decimal(price)})
    return replace(Terms(rows=(row,), due_days=7, grace_days=3), **more)


def minutes(included: int = 100, each: str = "0.10") -> dict[str, Entitlement]:
    feature = Feature("minutes", "metered", unit="minute", meter=Meter())
    beyond = Beyond("usage", {"": Each({"USD": Decimal(each)})})
    return {"minutes": Entitlement(feature, included=Decimal(included), beyond=beyond)}


def running(
    terms: Terms, start: str = "2026-01-31", timezone: str = "UTC", pay: str = "month"
) -> Subscription:
    started = t(start, timezone)
    return Subscription(
        "sub_1", "nova", "starter", 1, terms, "", USD, pay, timezone, started, started,
        fees_from=started, usage_from=started,
    )  # fmt: skip


def go(
    subscription: Subscription,
    until: str,
    used: Mapping[int, int] | None = None,
    unpaid: tuple[OpenInvoice, ...] = (),
    deferred: tuple[Settlement, ...] = (),
) -> Advanced:
    totals = {(subscription.id, "minutes", index): Fraction(units) for index, units in (used or {}).items()}
    facts = CustomerFacts(Customer("nova"), (subscription,), unpaid, deferred, totals=totals)
    return advance(facts, t(until), RUN)


def after(result: Advanced) -> Subscription:
    (changed,) = result.subscriptions
    return changed[0]


def amounts(draft: Draft) -> list[tuple[str, int]]:
    return [(line.kind, line.amount_minor) for line in draft.lines]


def test_the_first_fee_is_due_at_the_start_and_the_next_on_the_clamped_day() -> None:
    first = go(running(monthly(), "2026-01-31", "Europe/Berlin"), "2026-01-31T09:00:00Z")
    (draft,) = first.drafts
    assert amounts(draft) == [("fee", 1900)]
    assert (instant_text(draft.starts_at), draft.ends_at and instant_text(draft.ends_at)) == (
        "2026-01-30T23:00:00Z",
        "2026-02-27T23:00:00Z",
    )
    assert instant_text(draft.due_at) == "2026-02-07T09:00:00Z"
    assert instant_text(draft.grace_ends_at or 0) == "2026-02-10T09:00:00Z"  # type: ignore[arg-type]
    subscription, following = first.subscriptions[0]
    assert following == draft.due_at, "dunning looks at the new invoice before the next period does"
    second = go(subscription, "2026-03-01")
    assert [(d.kind, d.period_index, instant_text(d.at)) for d in second.drafts] == [
        ("renewal", 1, "2026-02-27T23:00:00Z")
    ]


def test_usage_of_the_closed_period_and_the_next_fee_share_the_renewal_invoice() -> None:
    subscription = replace(running(monthly(features=minutes()), "2026-01-01"), settled_at=t("2026-01-01"))
    (draft,) = go(subscription, "2026-02-01", {0: 130}).drafts
    assert amounts(draft) == [("usage", 300), ("fee", 1900)]
    assert (draft.kind, draft.period_index, draft.subtotal_minor) == ("renewal", 1, 2200)
    (claim,) = draft.claims
    assert (claim.quantity, claim.included, claim.billed, claim.over_limit) == (130, 100, 30, 0)


def test_a_late_run_bills_every_period_on_its_own_invoice_in_time_order() -> None:
    subscription = replace(running(monthly(features=minutes()), "2026-01-01"), settled_at=t("2026-01-01"))
    result = go(subscription, "2026-03-15", {0: 130, 1: 100})
    assert [(d.period_index, d.subtotal_minor, instant_text(d.at)) for d in result.drafts] == [
        (1, 2200, "2026-02-01T00:00:00Z"),
        (2, 1900, "2026-03-01T00:00:00Z"),
    ]
    assert {instant_text(d.issued_at) for d in result.drafts} == {"2026-03-15T00:00:00Z"}
    assert {instant_text(d.due_at) for d in result.drafts} == {"2026-03-22T00:00:00Z"}
    assert [begun.period.index for begun in result.begun] == [1, 2]


def test_a_repeated_run_finds_nothing() -> None:
    done = after(go(running(monthly(), "2026-01-01"), "2026-01-20"))
    assert go(done, "2026-01-20").idle
    assert go(done, "2026-01-31T23:59:59Z").idle


def test_needed_windows_name_the_closing_periods_only() -> None:
    subscription = replace(running(monthly(features=minutes()), "2026-01-01"), settled_at=t("2026-01-01"))
    facts = CustomerFacts(Customer("nova"), (subscription,))
    (window,) = needed_windows(facts, t("2026-02-10"))
    assert (window.key, instant_text(window.starts_at), instant_text(window.ends_at)) == (
        ("sub_1", "minutes", 0),
        "2026-01-01T00:00:00Z",
        "2026-02-01T00:00:00Z",
    )


def test_a_yearly_plan_bills_monthly_usage_inside_the_year() -> None:
    terms = replace(
        monthly(features=minutes()), rows=(PriceRow(Interval.parse("year"), {"USD": Decimal("190")}),)
    )
    subscription = running(terms, "2026-01-01", pay="year")
    result = go(subscription, "2026-03-01", {0: 150, 1: 90})
    assert [(d.kind, d.period_index, d.occasion, d.subtotal_minor) for d in result.drafts] == [
        ("renewal", 0, "", 19000),
        ("usage", 0, "allowance:0", 500),
    ]
    assert [(s.part, s.index, s.outcome) for s in result.settlements] == [("usage", 1, "zero")]


def test_a_fee_in_arrears_is_billed_when_its_period_ends() -> None:
    result = go(running(monthly(bill="in arrears"), "2026-01-01"), "2026-02-01")
    (draft,) = result.drafts
    assert (draft.period_index, amounts(draft), draft.lines[0].service_index) == (1, [("fee", 1900)], 0)


def test_a_calendar_anchor_prorates_the_first_stub_by_day() -> None:
    # 17 of 31 days of January: 31.00 × 15/31 for 17..31 January, both included, is 15 days.
    subscription = running(monthly("31", anchor=Anchor("calendar")), "2026-01-17")
    (draft,) = go(subscription, "2026-01-17").drafts
    assert amounts(draft) == [("fee", 1500)]
    assert "15 of 31 days" in draft.lines[0].description


def test_one_off_is_billed_once() -> None:
    terms = replace(monthly(), rows=(PriceRow(Interval.parse("once"), {"USD": Decimal("299")}),))
    result = go(running(terms, "2026-01-01", pay="once"), "2026-01-01")
    assert [amounts(d) for d in result.drafts] == [[("one_off", 29900)]]
    assert go(after(result), "2029-01-01").drafts == ()


def test_a_free_plan_owes_nothing() -> None:
    assert go(running(Terms(free=True), "2026-01-01"), "2027-01-01").idle


def test_unpaid_is_past_due_at_the_due_date_and_blocked_at_the_end_of_grace() -> None:
    subscription = after(go(running(monthly(), "2026-01-31"), "2026-01-31T09:00:00Z"))
    unpaid = (OpenInvoice("inv_1", "sub_1", t("2026-02-07T09:00:00Z"), t("2026-02-10T09:00:00Z"), 1900),)
    assert go(subscription, "2026-02-07T08:59:59Z", unpaid=unpaid).idle
    past_due = go(subscription, "2026-02-07T09:00:00Z", unpaid=unpaid)
    assert after(past_due).status is Status.PAST_DUE
    assert past_due.past_due_invoices == ("inv_1",)
    blocked = go(subscription, "2026-03-01", unpaid=unpaid)
    assert [(m.before, m.after, instant_text(m.at)) for m in blocked.transitions] == [
        ("active", "past_due", "2026-02-07T09:00:00Z"),
        ("past_due", "blocked", "2026-02-10T09:00:00Z"),
    ]
    assert blocked.drafts == ()
    assert [(s.part, s.index, s.outcome) for s in blocked.settlements] == [("fee", 1, "blocked")]


def test_paying_charges_the_rest_of_the_running_period_and_the_usage_that_closed_meanwhile() -> None:
    # Blocked on 10 February; the period of 1 March (31 days) begins while blocked; paid on 11 March:
    # 21 of 31 days × 31.00 = 21.00, and February's 130 minutes.
    started = replace(
        running(monthly("31", features=minutes()), "2026-02-01"),
        settled_at=t("2026-03-01"),
        status=Status.BLOCKED,
        blocked=(BlockedSpan(t("2026-02-10")),),
    )
    deferred = (
        Settlement("sub_1", "usage", 0, "blocked", t("2026-03-01")),
        Settlement("sub_1", "fee", 1, "blocked", t("2026-03-01")),
    )
    paid = paid_up(started, (), t("2026-03-11"), "pay_1")
    assert [m.after for m in paid.transitions] == ["active"]
    result = go(paid.subscription, "2026-03-12", {0: 130}, deferred=deferred)
    (draft,) = result.drafts
    assert (draft.kind, draft.occasion, draft.period_index) == ("resume", "pay_1", 1)
    assert sorted(amounts(draft)) == [("proration_charge", 2100), ("usage", 300)]
    assert set(result.closed) == set(deferred)
    assert next_action(after(result), (), waiting=False) == t("2026-04-01")


def test_a_payment_dated_back_does_not_reopen_what_was_settled_as_blocked() -> None:
    blocked = replace(
        running(monthly(), "2026-02-01"),
        settled_at=t("2026-03-01"),
        status=Status.BLOCKED,
        blocked=(BlockedSpan(t("2026-02-10")),),
    )
    (span,) = paid_up(blocked, (), t("2026-02-20"), "pay_1").subscription.blocked
    assert span.ends_at == t("2026-03-01")


def test_a_period_that_passed_wholly_in_the_block_is_never_charged() -> None:
    blocked = replace(
        running(monthly(), "2026-01-01"),
        settled_at=t("2026-02-01"),
        status=Status.ACTIVE,
        blocked=(BlockedSpan(t("2026-01-20"), t("2026-03-05"), "pay_1"),),
    )
    deferred = (Settlement("sub_1", "fee", 1, "blocked", t("2026-02-01")),)
    result = go(blocked, "2026-03-06", deferred=deferred)
    # March (31 days) began in the block too; 5..31 March are 27 of 31 days of 19.00: 16.548 -> 16.55.
    assert [(d.kind, amounts(d)) for d in result.drafts] == [("resume", [("proration_charge", 1655)])]


def test_usage_of_the_last_period_is_billed_at_the_planned_end_even_by_a_late_run() -> None:
    subscription = replace(
        running(monthly(features=minutes()), "2026-01-01"),
        settled_at=t("2026-01-01"),
        ends_at=t("2026-02-01"),
        end_reason="canceled",
    )
    result = go(subscription, "2026-02-20", {0: 110})
    (draft,) = result.drafts
    assert (draft.kind, draft.period_index, amounts(draft)) == ("final", 0, [("usage", 100)])
    assert after(result).status is Status.CANCELED
    assert instant_text(result.transitions[-1].at) == "2026-02-01T00:00:00Z"


def test_more_than_twelve_periods_behind_is_put_on_hold() -> None:
    subscription = replace(running(monthly(), "2025-01-01"), settled_at=t("2025-01-01"))
    assert go(subscription, "2026-01-15").hold == ""
    assert go(subscription, "2026-02-01").hold.startswith("catch-up")
    asked = RunTerms(catch_up=13, catch_up_asked=True)
    facts = CustomerFacts(Customer("nova"), (subscription,))
    assert len(advance(facts, t("2026-02-01"), asked).drafts) == 13
