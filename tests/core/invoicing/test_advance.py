"""Bringing a customer up to an instant; every amount and date here is worked out by hand."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

from planctl.core.catalog.model import PriceRow, Terms
from planctl.core.customers import Customer
from planctl.core.dunning import paid_up
from planctl.core.invoicing.advance import RunTerms, advance, needed_windows, next_action
from planctl.core.invoicing.facts import CustomerFacts, Voided
from planctl.core.invoicing.model import OpenInvoice, Settlement
from planctl.core.periods import Anchor, Interval, instant_text
from planctl.core.subscriptions.model import BlockedSpan, Status
from tests.core.billing import (
    RUN,
    after,
    amounts,
    bill,
    canceled,
    facts_of,
    go,
    metered,
    monthly,
    moves,
    running,
    settled,
    sold,
    t,
    total_of,
    values,
)


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
    subscription = replace(running(monthly(features=metered()), "2026-01-01"), settled_at=t("2026-01-01"))
    (draft,) = go(subscription, "2026-02-01", {0: 130}).drafts
    assert amounts(draft) == [("usage", 300), ("fee", 1900)]
    assert (draft.kind, draft.period_index, draft.subtotal_minor) == ("renewal", 1, 2200)
    (claim,) = draft.claims
    assert values(claim, "quantity included billed over_limit") == (130, 100, 30, 0)


def test_a_late_run_bills_every_period_on_its_own_invoice_in_time_order() -> None:
    subscription = replace(running(monthly(features=metered()), "2026-01-01"), settled_at=t("2026-01-01"))
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
    subscription = replace(running(monthly(features=metered()), "2026-01-01"), settled_at=t("2026-01-01"))
    facts = CustomerFacts(Customer("nova"), (subscription,))
    (window,) = needed_windows(facts, t("2026-02-10"))
    named = (window.subscription, window.feature)
    assert (named, instant_text(window.starts_at), instant_text(window.ends_at)) == (
        ("sub_1", "minutes"),
        "2026-01-01T00:00:00Z",
        "2026-02-01T00:00:00Z",
    )


def test_a_yearly_plan_bills_monthly_usage_inside_the_year() -> None:
    terms = replace(
        monthly(features=metered()), rows=(PriceRow(Interval.parse("year"), {"USD": Decimal("190")}),)
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
        running(monthly("31", features=metered()), "2026-02-01"),
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
        running(monthly(features=metered()), "2026-01-01"),
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


# --- resets shorter than the billing period


def test_a_weekly_allowance_in_a_monthly_plan_closes_four_times_before_the_renewal() -> None:
    # Thursday 1 January: weeks close on 8, 15, 22 and 29 January and on 5 February; the month on 1 February.
    subscription = running(monthly(features=metered(reset="week")), "2026-01-01")
    result = go(subscription, "2026-02-05", {0: 101, 1: 100, 2: 0, 3: 150, 4: 160})
    assert bill(result) == [
        ("renewal", "2026-01-01T00:00:00Z", 1900),
        ("usage", "2026-01-08T00:00:00Z", 10),
        ("usage", "2026-01-29T00:00:00Z", 500),
        ("renewal", "2026-02-01T00:00:00Z", 1900),
        ("usage", "2026-02-05T00:00:00Z", 600),
    ]
    assert [(draft.period_index, draft.occasion) for draft in result.drafts if draft.kind == "usage"] == [
        (0, "allowance:week:0"),
        (0, "allowance:week:3"),
        (1, "allowance:week:4"),
    ]
    assert settled(result) == [("usage:week", 1, "zero"), ("usage:week", 2, "zero")]


def test_two_resets_in_one_plan_settle_apart_and_share_the_renewal_where_they_meet() -> None:
    # 1 February 2026 + 28 days = 1 March: the fourth week and the month close at the same instant.
    features = metered(reset="week") | metered("calls", included=1_000, each="0.01")
    subscription = running(monthly(features=features), "2026-02-01", settled_at=t("2026-02-22"))
    facts = facts_of(subscription, {3: 130})
    facts = replace(facts, totals={**facts.totals, **dict([total_of(subscription, "calls", 0, 1_250)])})
    (draft,) = advance(facts, t("2026-03-01"), RUN).drafts
    assert sorted(amounts(draft)) == [("fee", 1900), ("usage", 250), ("usage", 300)]
    assert {(one.part, one.index) for one in draft.settlements} == {
        ("usage:week", 3),
        ("usage", 0),
        ("fee", 1),
    }
    assert {(claim.feature, claim.allowance_index) for claim in draft.claims} == {
        ("minutes", 3),
        ("calls", 0),
    }


def test_a_week_within_a_plan_that_renews_on_the_17th_runs_from_the_start() -> None:
    terms = monthly("31", anchor=Anchor("day", 17), features=metered(reset="week"))
    result = go(running(terms, "2026-01-03"), "2026-01-17", {0: 110, 1: 120})
    # 3 to 16 January are 14 of the 31 days from 17 December: 14.00.
    assert bill(result) == [
        ("renewal", "2026-01-03T00:00:00Z", 1400),
        ("usage", "2026-01-10T00:00:00Z", 100),
        ("renewal", "2026-01-17T00:00:00Z", 200 + 3100),
    ]


def test_a_canceled_plan_closes_the_week_that_is_running_at_its_end() -> None:
    subscription = running(monthly(features=metered(reset="week")), "2026-01-01", settled_at=t("2026-01-29"))
    result = go(canceled(subscription, "2026-02-01"), "2026-02-03", {4: 130})
    (draft,) = result.drafts
    assert (draft.kind, draft.period_index, amounts(draft)) == ("final", 0, [("usage", 300)])
    assert (
        instant_text(draft.lines[0].starts_at),
        instant_text(draft.lines[0].ends_at or t("2000-01-01")),
    ) == (
        "2026-01-29T00:00:00Z",
        "2026-02-01T00:00:00Z",
    )


# --- starts to come


def test_a_scheduled_subscription_waits_and_starts_at_its_hour() -> None:
    pending = running(monthly(), "2026-03-01", "Europe/Berlin", status=Status.PENDING)
    assert go(pending, "2026-02-28T22:59:59Z").idle
    assert next_action(pending, ()) == t("2026-02-28T23:00:00Z")
    result = go(pending, "2026-02-28T23:00:00Z")
    assert moves(result) == [("pending", "active", "2026-02-28T23:00:00Z")]
    assert bill(result) == [("renewal", "2026-02-28T23:00:00Z", 1900)]
    assert [one.period.index for one in result.begun] == [0]


def test_a_late_run_starts_a_scheduled_subscription_on_its_own_day() -> None:
    pending = running(monthly(), "2026-03-01", status=Status.PENDING)
    result = go(pending, "2026-04-10")
    assert moves(result) == [("pending", "active", "2026-03-01T00:00:00Z")]
    assert bill(result) == [
        ("renewal", "2026-03-01T00:00:00Z", 1900),
        ("renewal", "2026-04-01T00:00:00Z", 1900),
    ]


def test_a_free_plan_ends_where_the_scheduled_one_starts() -> None:
    free = running(Terms(free=True), "2026-01-01", ends_at=t("2026-03-01"), end_reason="replaced")
    pending = running(monthly(), "2026-03-01", id="sub_2", status=Status.PENDING)
    facts = CustomerFacts(Customer("nova"), (free, pending))
    assert advance(facts, t("2026-02-28T23:59:59Z"), RUN).idle
    result = advance(facts, t("2026-03-05"), RUN)
    assert [
        (move.subscription, move.after.value, instant_text(move.at), move.reason)
        for move in result.transitions
    ] == [
        ("sub_1", "canceled", "2026-03-01T00:00:00Z", "replaced"),
        ("sub_2", "active", "2026-03-01T00:00:00Z", "start"),
    ]
    assert bill(result) == [("renewal", "2026-03-01T00:00:00Z", 1900)]


# --- blocked


BLOCKED_IN_FEBRUARY = (OpenInvoice("inv_1", "sub_1", t("2026-02-08"), t("2026-02-11"), 1900),)


def test_the_final_invoice_of_a_blocked_subscription_has_the_usage_of_all_the_block() -> None:
    subscription = canceled(
        running(monthly(features=metered()), "2026-02-01", settled_at=t("2026-02-01")), "2026-04-01"
    )
    result = go(subscription, "2026-04-01", {0: 130, 1: 150}, BLOCKED_IN_FEBRUARY)
    assert bill(result) == [("final", "2026-04-01T00:00:00Z", 800)]
    assert {(line.service_index, line.amount_minor) for line in result.drafts[0].lines} == {
        (0, 300),
        (1, 500),
    }
    assert settled(result) == [("usage", 0, "blocked"), ("fee", 1, "blocked")]
    assert {(one.part, one.index) for one in result.closed} == {("usage", 0), ("fee", 1)}


def test_the_same_usage_is_billed_where_a_run_came_in_between() -> None:
    subscription = canceled(
        running(monthly(features=metered()), "2026-02-01", settled_at=t("2026-02-01")), "2026-04-01"
    )
    first = go(subscription, "2026-03-01", {0: 130}, BLOCKED_IN_FEBRUARY)
    assert first.drafts == ()
    second = go(after(first), "2026-04-01", {0: 130, 1: 150}, (), first.settlements)
    assert bill(second) == [("final", "2026-04-01T00:00:00Z", 800)]


def test_canceling_while_blocked_ends_it_at_once_with_its_usage_and_without_a_fee() -> None:
    blocked = running(
        monthly(features=metered()),
        "2026-02-01",
        settled_at=t("2026-03-01"),
        status=Status.BLOCKED,
        blocked=(BlockedSpan(t("2026-02-11")),),
    )
    deferred = (
        Settlement("sub_1", "usage", 0, "blocked", t("2026-03-01")),
        Settlement("sub_1", "fee", 1, "blocked", t("2026-03-01")),
    )
    result = go(canceled(blocked, "2026-03-10"), "2026-03-10", {0: 105, 1: 101}, (), deferred)
    assert bill(result) == [("final", "2026-03-10T00:00:00Z", 60)]
    assert moves(result) == [("blocked", "canceled", "2026-03-10T00:00:00Z")]
    assert after(result).blocked == (BlockedSpan(t("2026-02-11"), t("2026-03-10")),)
    assert set(result.closed) == set(deferred)


def test_a_fee_in_arrears_is_owed_for_the_time_before_and_after_the_block() -> None:
    # February began before the block of 10 February: owed whole. March began in it, paid on the 11th: 21 of 31.
    subscription = running(
        monthly("31", bill="in arrears"),
        "2026-02-01",
        settled_at=t("2026-02-01"),
        blocked=(BlockedSpan(t("2026-02-10"), t("2026-03-11"), "pay_1"),),
    )
    result = go(subscription, "2026-04-01")
    assert bill(result) == [
        ("resume", "2026-03-11T00:00:00Z", 3100),
        ("renewal", "2026-04-01T00:00:00Z", 2100),
    ]
    (line,) = result.drafts[1].lines
    assert (line.kind, instant_text(line.starts_at)) == ("proration_charge", "2026-03-11T00:00:00Z")


def test_a_block_that_never_ended_leaves_the_fee_in_arrears_of_the_time_before_it() -> None:
    subscription = canceled(
        running(monthly("28", bill="in arrears"), "2026-02-01", settled_at=t("2026-02-01")), "2026-04-01"
    )
    result = go(subscription, "2026-04-02", unpaid=BLOCKED_IN_FEBRUARY)
    assert bill(result) == [("final", "2026-04-01T00:00:00Z", 2800)]
    assert [line.service_index for line in result.drafts[0].lines] == [0]


def test_a_payment_dated_back_behind_a_boundary_owes_the_period_that_was_not_charged() -> None:
    blocked = running(
        monthly("31"),
        "2026-02-01",
        settled_at=t("2026-03-01"),
        status=Status.BLOCKED,
        blocked=(BlockedSpan(t("2026-02-10")),),
    )
    paid = paid_up(blocked, (), t("2026-02-20"), "pay_1").subscription
    deferred = (Settlement("sub_1", "fee", 1, "blocked", t("2026-03-01")),)
    result = go(paid, "2026-03-05", deferred=deferred)
    assert bill(result) == [("resume", "2026-03-01T00:00:00Z", 3100)]
    assert result.closed == deferred


def test_a_block_that_covered_a_whole_period_leaves_nothing_to_look_at() -> None:
    blocked = running(
        monthly(),
        "2026-01-01",
        settled_at=t("2026-03-01"),
        blocked=(BlockedSpan(t("2026-01-20"), t("2026-03-01"), "pay_1"),),
    )
    deferred = (Settlement("sub_1", "fee", 1, "blocked", t("2026-02-01")),)
    result = go(blocked, "2026-03-02", deferred=deferred)
    assert (result.drafts, result.closed) == ((), deferred)
    assert result.subscriptions[0][1] == t("2026-04-01"), (
        "not the start, from which it would be looked at for ever"
    )


# --- ends


def test_canceling_at_once_pays_nothing_back_whether_the_run_came_before_or_not() -> None:
    # February is charged ahead, whole; canceled on the 15th without a refund.
    on_time = after(go(running(monthly("28"), "2026-02-01"), "2026-02-01"))
    assert go(canceled(on_time, "2026-02-15"), "2026-02-15").drafts == ()
    late = go(canceled(running(monthly("28"), "2026-02-01"), "2026-02-15"), "2026-02-15")
    assert bill(late) == [("renewal", "2026-02-01T00:00:00Z", 2800)]


def test_canceling_at_once_in_arrears_charges_the_days_that_were_used() -> None:
    # 1 to 14 February are 14 of 28 days.
    subscription = running(monthly("28", bill="in arrears"), "2026-02-01", settled_at=t("2026-02-01"))
    assert bill(go(canceled(subscription, "2026-02-15"), "2026-02-20")) == [
        ("final", "2026-02-15T00:00:00Z", 1400)
    ]


def test_an_ended_subscription_is_never_billed_again() -> None:
    subscription = canceled(running(monthly(features=metered()), "2026-01-01"), "2026-02-01")
    ended = after(go(subscription, "2026-02-01", {0: 200}))
    assert ended.status is Status.CANCELED
    assert go(ended, "2027-01-01", {0: 999, 1: 999}).idle
    assert next_action(ended, ()) is None


# --- void and issue again


def voided(*parts: Settlement, at: str = "2026-02-01", revision: int = 0) -> Voided:
    return Voided("sub_1", parts[0].index, "renewal", "", revision, t(at), parts)


def test_a_voided_invoice_is_issued_again_one_revision_later_with_the_same_charges() -> None:
    subscription = running(monthly(features=metered()), "2026-01-01", settled_at=t("2026-02-01"))
    parts = (
        Settlement("sub_1", "usage", 0, "reissue", t("2026-02-01")),
        Settlement("sub_1", "fee", 1, "reissue", t("2026-02-01")),
    )
    facts = facts_of(subscription, {0: 130}, voided=(voided(parts[1], parts[0]),))
    result = advance(facts, t("2026-02-03"), RUN)
    (draft,) = result.drafts
    assert (draft.kind, draft.period_index, draft.revision) == ("renewal", 1, 1)
    assert sorted(amounts(draft)) == [("fee", 1900), ("usage", 300)]
    assert {claim.revision for claim in draft.claims} == {1}
    assert {(one.part, one.outcome, one.revision) for one in draft.settlements} == {
        ("usage", "billed", 1),
        ("fee", "billed", 1),
    }
    assert set(result.closed) == set(parts), "or the next run would issue it once more"
    assert instant_text(draft.due_at) == "2026-02-10T00:00:00Z"


def test_issuing_again_after_the_end_charges_what_was_charged() -> None:
    ended = canceled(
        running(monthly("28"), "2026-02-01", settled_at=t("2026-02-15"), status=Status.CANCELED), "2026-02-15"
    )
    part = Settlement("sub_1", "fee", 0, "reissue", t("2026-02-01"))
    result = advance(facts_of(ended, voided=(voided(part),)), t("2026-02-20"), RUN)
    assert bill(result) == [("renewal", "2026-02-01T00:00:00Z", 2800)]


def test_the_usage_of_a_voided_invoice_is_asked_for_again() -> None:
    subscription = running(monthly(features=metered()), "2026-01-01", settled_at=t("2026-02-01"))
    part = Settlement("sub_1", "usage", 0, "reissue", t("2026-02-01"))
    (window,) = needed_windows(facts_of(subscription, voided=(voided(part),)), t("2026-02-03"))
    assert window.key == ("sub_1", "minutes", t("2026-01-01"), t("2026-02-01"))


# --- catching up and holds


def test_catching_up_fewer_periods_than_are_missing_stays_on_hold() -> None:
    subscription = running(monthly(), "2025-01-01", settled_at=t("2025-01-01"))
    asked = RunTerms(catch_up=12, catch_up_asked=True)
    assert advance(facts_of(subscription), t("2026-02-01"), asked).hold.startswith("catch-up")


def test_many_short_periods_within_35_days_are_simply_billed() -> None:
    subscription = running(sold(day="1"), "2026-01-01", pay="day", settled_at=t("2026-01-01"))
    assert len(go(subscription, "2026-02-05").drafts) == 35
    # The 13th missing period began more than 35 days before 7 February.
    assert go(subscription, "2026-02-06T00:00:01Z").hold.startswith("catch-up")


def test_periods_without_a_charge_do_not_count_as_missing() -> None:
    row = PriceRow(Interval.parse("month"), usage_only=True)
    subscription = running(monthly(rows=(row,), features=metered()), "2024-01-01", settled_at=t("2024-01-01"))
    assert go(subscription, "2026-02-01").hold == ""


def test_a_reason_to_stop_is_a_hold_and_nothing_else_happens() -> None:
    result = advance(facts_of(running(monthly()), stop="hold: looked at"), t("2026-02-01"), RUN)
    assert (result.hold, result.drafts, result.transitions, result.subscriptions) == (
        "hold: looked at",
        (),
        (),
        (),
    )


# --- zero


def test_an_invoice_of_zero_is_issued_only_where_that_is_set() -> None:
    subscription = running(monthly("0"), "2026-01-01")
    skipped = go(subscription, "2026-01-01")
    assert (skipped.drafts, settled(skipped)) == ((), [("fee", 0, "zero")])
    (issued,) = advance(facts_of(subscription), t("2026-01-01"), RunTerms(issue_zero=True)).drafts
    assert (issued.total_minor, [one.outcome for one in issued.settlements]) == (0, ["billed"])


def test_usage_within_the_allowance_is_claimed_though_nothing_is_billed() -> None:
    row = PriceRow(Interval.parse("month"), usage_only=True)
    subscription = running(monthly(rows=(row,), features=metered()), "2026-01-01")
    result = go(subscription, "2026-02-01", {0: 99})
    assert result.drafts == ()
    assert settled(result) == [("fee", 0, "zero"), ("usage", 0, "zero"), ("fee", 1, "zero")]
    assert [values(claim, "quantity included billed") for claim in result.claims] == [(99, 99, 0)]


def test_being_behind_counts_the_billing_periods_that_would_bill_something() -> None:
    subscription = running(monthly(features=metered()), "2026-01-01", settled_at=t("2026-01-01"))
    late = go(subscription, "2027-02-01", dict.fromkeys(range(13), 130))
    assert late.hold == f"catch-up: {subscription.id} is 13 periods behind"
    assert not go(subscription, "2027-01-01", dict.fromkeys(range(12), 130)).hold


def test_periods_within_a_block_do_not_make_a_subscription_late() -> None:
    blocked = (BlockedSpan(t("2026-01-20")),)
    subscription = running(monthly(), "2026-01-01", settled_at=t("2026-01-20"), blocked=blocked)
    result = go(replace(subscription, status=Status.BLOCKED), "2027-06-01")
    assert (result.hold, result.drafts) == ("", ())


def test_a_plan_by_use_is_behind_only_where_there_was_use() -> None:
    row = PriceRow(Interval.parse("month"), usage_only=True)
    subscription = running(monthly(rows=(row,), features=metered()), "2026-01-01", settled_at=t("2026-01-01"))
    assert not go(subscription, "2027-02-01", dict.fromkeys(range(13), 99)).hold
    assert go(subscription, "2027-02-01", dict.fromkeys(range(13), 130)).hold


def test_corrections_beyond_the_usage_of_a_period_claim_nothing() -> None:
    subscription = running(monthly(features=metered()), "2026-01-01", settled_at=t("2026-01-01"))
    (draft,) = go(subscription, "2026-02-01", {0: -5}).drafts
    assert amounts(draft) == [("fee", 1900)]
    (claim,) = draft.claims
    assert values(claim, "quantity included billed over_limit") == (0, 0, 0, 0)


# --- the calendar


def test_boundaries_keep_the_local_hour_over_both_clock_changes() -> None:
    # Berlin is at +1 until 29 March 2026 01:00 UTC and from 25 October 01:00 UTC, at +2 in between.
    subscription = running(monthly(), "2026-02-28T09:30:00Z", "Europe/Berlin")  # 10:30 in Berlin
    result = go(subscription, "2026-04-30")
    assert [instant_text(draft.at) for draft in result.drafts] == [
        "2026-02-28T09:30:00Z",
        "2026-03-28T09:30:00Z",
        "2026-04-28T08:30:00Z",
    ]


def test_a_start_at_a_local_midnight_that_was_skipped_bills_from_the_first_instant_after_it() -> None:
    # Beirut went from +2 to +3 at midnight of 29 March 2026: the day begins at 01:00, 22:00 UTC.
    result = go(running(sold(day="1"), "2026-03-28", "Asia/Beirut", pay="day"), "2026-03-30T12:00:00Z")
    assert [instant_text(draft.at) for draft in result.drafts] == [
        "2026-03-27T22:00:00Z",
        "2026-03-28T22:00:00Z",
        "2026-03-29T21:00:00Z",
    ]


def test_the_due_date_keeps_the_local_hour_over_a_clock_change() -> None:
    (draft,) = go(running(monthly(), "2026-03-25T11:00:00Z", "Europe/Berlin"), "2026-03-25T11:00:00Z").drafts
    assert instant_text(draft.due_at) == "2026-04-01T10:00:00Z"  # noon in Berlin, both times
    assert draft.grace_ends_at == t("2026-04-04T10:00:00Z")
