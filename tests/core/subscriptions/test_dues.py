"""What falls due and when, worked out on a calendar."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest

from planctl.core.catalog.model import Entitlement, Feature, PriceRow, Reset, Terms
from planctl.core.periods import Anchor, Interval, Period, instant_text
from planctl.core.subscriptions.dues import (
    allowance_schedule,
    billed_features,
    charged_to,
    charges_fee,
    closed_features,
    credited_by_pause,
    default_reset,
    due_of,
    dues,
    effective_reset,
    first_part,
    next_due,
    owed,
    resumed_at,
    settles_at,
    usage_part,
)
from planctl.core.subscriptions.model import BlockedSpan, Extension, QuantityStep, Subscription
from tests.core.billing import canceled, metered, monthly, prepaid, running, sold, t


def told(subscription: Subscription, until: str) -> list[tuple[str, int, str]]:
    """Part, index and instant of everything due."""
    return [(due.part, due.index, instant_text(due.at)) for due in dues(subscription, t(until))]


def test_a_fee_ahead_is_due_at_the_starts_of_periods_and_usage_at_their_ends() -> None:
    subscription = running(monthly(features=metered()), "2026-01-31")
    assert told(subscription, "2026-03-31") == [
        ("fee", 0, "2026-01-31T00:00:00Z"),
        ("usage", 0, "2026-02-28T00:00:00Z"),
        ("fee", 1, "2026-02-28T00:00:00Z"),
        ("usage", 1, "2026-03-31T00:00:00Z"),
        ("fee", 2, "2026-03-31T00:00:00Z"),
    ]


def test_the_instant_asked_for_is_included_and_the_settled_one_is_not() -> None:
    subscription = running(monthly(), "2026-01-01")
    assert told(subscription, "2026-01-01") == [("fee", 0, "2026-01-01T00:00:00Z")]
    settled = replace(subscription, settled_at=t("2026-02-01"))
    assert told(settled, "2026-02-28T23:59:59.999999Z") == []
    assert told(settled, "2026-03-01") == [("fee", 2, "2026-03-01T00:00:00Z")]


def test_a_fee_in_arrears_is_due_at_the_ends_of_periods() -> None:
    subscription = running(monthly(bill="in arrears"), "2026-01-01")
    assert told(subscription, "2026-03-01") == [
        ("fee", 0, "2026-02-01T00:00:00Z"),
        ("fee", 1, "2026-03-01T00:00:00Z"),
    ]


def test_a_one_off_is_due_once_even_in_arrears_and_its_usage_never_closes() -> None:
    terms = replace(sold(once="299"), bill="in arrears", features=metered())
    subscription = running(terms, "2026-01-01", pay="once")
    assert told(subscription, "2036-01-01") == [("fee", 0, "2026-01-01T00:00:00Z")]
    assert next_due(replace(subscription, settled_at=t("2026-01-01"))) is None


def test_a_one_off_with_a_monthly_allowance_closes_every_month() -> None:
    subscription = running(
        replace(sold(once="299"), features=metered(reset="month")), "2026-01-31", pay="once"
    )
    assert told(subscription, "2026-03-31")[1:] == [
        ("usage:month", 0, "2026-02-28T00:00:00Z"),
        ("usage:month", 1, "2026-03-31T00:00:00Z"),
    ]


def test_a_free_plan_owes_nothing_ever() -> None:
    subscription = running(Terms(free=True, features=metered()), "2026-01-01")
    assert dues(subscription, t("2030-01-01")) == ()
    assert next_due(subscription) is None


def test_what_the_old_system_billed_is_left_out() -> None:
    # Paid to 1 March; moved in on 15 January, so January's usage is ours.
    subscription = running(
        monthly(features=metered()), "2025-11-01", fees_from=t("2026-03-01"), usage_from=t("2026-01-15")
    )
    assert told(subscription, "2026-03-01") == [
        ("usage", 2, "2026-02-01T00:00:00Z"),
        ("usage", 3, "2026-03-01T00:00:00Z"),
        ("fee", 4, "2026-03-01T00:00:00Z"),
    ]
    assert next_due(subscription) == t("2026-02-01"), "what is left out is not waited for"


def test_a_period_that_began_before_the_fees_are_ours_counts_as_billed_though_it_is_in_arrears() -> None:
    subscription = running(monthly(bill="in arrears"), "2026-01-01", fees_from=t("2026-01-02"))
    assert told(subscription, "2026-03-01") == [("fee", 1, "2026-03-01T00:00:00Z")]


def test_nothing_begins_at_or_after_the_end() -> None:
    subscription = canceled(running(monthly(features=metered()), "2026-01-01"), "2026-02-01")
    assert told(subscription, "2026-12-01") == [
        ("fee", 0, "2026-01-01T00:00:00Z"),
        ("usage", 0, "2026-02-01T00:00:00Z"),
    ]


def test_the_last_usage_closes_at_the_end_and_the_fee_ahead_stays_whole() -> None:
    subscription = canceled(running(monthly(features=metered()), "2026-01-01"), "2026-01-15")
    fee, usage = dues(subscription, t("2026-12-01"))
    assert (usage.at, usage.period.ends_at, usage.full.ends_at) == (
        t("2026-01-15"),
        t("2026-01-15"),
        t("2026-02-01"),
    )
    assert fee.period.ends_at == t("2026-02-01")
    arrears = replace(subscription, terms=monthly(bill="in arrears"))
    assert [due.period.ends_at for due in dues(arrears, t("2026-12-01"))] == [t("2026-01-15")]


def test_an_expiry_that_the_terms_foresaw_shortens_the_last_period() -> None:
    subscription = running(monthly(), "2026-01-01", ends_at=t("2026-01-15"), end_reason="expired")
    (fee,) = dues(subscription, t("2026-01-01"))
    assert (fee.period.ends_at, fee.full.ends_at) == (t("2026-01-15"), t("2026-02-01"))


def test_a_subscription_that_ended_where_it_began_owes_nothing() -> None:
    subscription = canceled(running(monthly(features=metered()), "2026-01-01"), "2026-01-01")
    assert dues(subscription, t("2026-12-01")) == ()


def test_a_stub_is_measured_by_the_whole_month() -> None:
    subscription = running(monthly(anchor=Anchor("calendar")), "2026-01-17")
    first, second = dues(subscription, t("2026-02-01"))
    assert (first.period.starts_at, first.period.ends_at) == (t("2026-01-17"), t("2026-02-01"))
    assert (first.full.starts_at, first.full.ends_at) == (t("2026-01-01"), t("2026-02-01"))
    assert second.period == second.full


@pytest.mark.parametrize(
    ("pay", "wanted"),
    [
        ("month", "interval"),
        ("week", "interval"),
        ("3 months", "month"),
        ("year", "month"),
        ("once", "interval"),
    ],
)
def test_allowances_reset_every_interval_or_every_month_where_that_is_longer(pay: str, wanted: Reset) -> None:
    assert default_reset(Interval.parse(pay)) == wanted


def test_a_reset_that_is_the_interval_is_the_default_one() -> None:
    (entitlement,) = metered(reset="month").values()
    assert effective_reset(entitlement, Interval.parse("month")) == "interval"
    assert effective_reset(entitlement, Interval.parse("year")) == "month"
    (held,) = prepaid().values()
    assert effective_reset(held, Interval.parse("month")) == "never"


def test_usage_settles_under_its_reset_but_for_the_default_one() -> None:
    yearly = running(replace(sold(year="190"), features=metered()), "2026-01-01", pay="year")
    assert billed_features(yearly) == {"month": ("minutes",)}
    assert (usage_part(yearly, "month"), usage_part(yearly, "week"), usage_part(yearly, "interval")) == (
        "usage",
        "usage:week",
        "usage:interval",
    )


def test_every_due_is_found_again_by_its_part_and_index() -> None:
    features = metered(reset="week") | metered("calls") | prepaid()
    for terms in (monthly(features=features), monthly(features=features, bill="in arrears")):
        for subscription in (
            running(terms, "2026-01-31"),
            canceled(running(terms, "2026-01-31"), "2026-05-05"),
        ):
            for due in dues(subscription, t("2026-06-01")):
                assert due_of(subscription, due.part, due.index) == due


def test_monthly_allowances_of_a_year_meet_its_boundaries() -> None:
    yearly = running(replace(sold(year="190"), features=metered()), "2024-02-29", pay="year")
    months = allowance_schedule(yearly, "month")
    assert [months.boundary(k) for k in (12, 24, 48)] == [t("2025-02-28"), t("2026-02-28"), t("2028-02-29")]
    assert [yearly.schedule().boundary(k) for k in (1, 2, 4)] == [months.boundary(k) for k in (12, 24, 48)]


def test_a_plan_on_a_day_of_the_month_has_weeks_and_days_from_its_start() -> None:
    subscription = running(monthly(anchor=Anchor("day", 17)), "2026-01-03")
    assert allowance_schedule(subscription, "week").boundary(1) == t("2026-01-10")
    assert allowance_schedule(subscription, "day").boundary(1) == t("2026-01-04")
    assert allowance_schedule(subscription, "month").boundary(1) == t("2026-01-17")


def test_a_fee_is_charged_for_a_price_or_for_what_is_bought_ahead() -> None:
    usage_only = monthly(rows=(PriceRow(Interval.parse("month"), usage_only=True),), features=prepaid())
    assert charges_fee(running(monthly()))
    assert not charges_fee(running(usage_only))
    assert charges_fee(running(usage_only, quantities={"seats": Decimal(12)}))
    assert not charges_fee(running(Terms(free=True)))


def test_of_a_row_without_a_fee_steps_of_a_quantity_are_charged() -> None:
    usage_only = monthly(rows=(PriceRow(Interval.parse("month"), usage_only=True),), features=prepaid())
    step = QuantityStep(t("2026-02-10"), "seats", Decimal(12), 1)
    assert charges_fee(running(usage_only, steps=(step,)))


# --- the rest of a period


def extended_to(day: str, made: str, **more: Any) -> Subscription:
    """30.00 a month since 1 April, foreseen to end on 11 April, and on another day since an extension was made."""
    terms = monthly("30", **more)
    extension = Extension("extend:1", t(made), t("2026-04-11"), t(day))
    return running(terms, "2026-04-01", expires_at=t(day), extensions=(extension,))


@pytest.mark.parametrize(
    ("made", "from_at", "ends_at"),
    [
        (
            "2026-04-05",
            "2026-04-08",
            "2026-04-21",
        ),  # an extension before the rest begins: it is charged with it
        ("2026-04-09", "2026-04-08", "2026-04-11"),  # after that: it was charged on its own
    ],
)
def test_the_rest_of_a_fee_is_charged_to_the_end_that_was_foreseen_by_then(
    made: str, from_at: str, ends_at: str
) -> None:
    one = extended_to("2026-04-21", made)
    due = due_of(one, "fee", 0)
    assert due.period.ends_at == t("2026-04-11")
    rest = charged_to(one, due, t(from_at))
    assert rest == replace(due, period=replace(due.period, ends_at=t(ends_at)))


def test_the_rest_of_a_fee_ends_with_its_period_where_no_end_is_foreseen_in_it() -> None:
    far = extended_to("2026-06-21", "2026-04-05")
    due = due_of(far, "fee", 0)
    assert charged_to(far, due, t("2026-04-08")).period.ends_at == t("2026-05-01")
    endless = replace(far, expires_at=None)
    assert charged_to(endless, due, t("2026-04-08")).period.ends_at == t("2026-05-01")


def test_a_whole_fee_a_minimum_and_a_fee_in_arrears_are_charged_as_they_fall_due() -> None:
    one = extended_to("2026-04-21", "2026-04-05", minimum={"USD": Decimal(50)})
    fee, minimum = due_of(one, "fee", 0), due_of(one, "minimum", 0)
    assert charged_to(one, fee, None) == fee
    assert charged_to(one, minimum, t("2026-04-08")) == minimum
    arrears = extended_to("2026-04-21", "2026-04-05", bill="in arrears")
    after = due_of(arrears, "fee", 0)
    assert charged_to(arrears, after, t("2026-04-08")) == after
    plain = replace(one, extensions=())
    foreseen = due_of(plain, "fee", 0)
    assert charged_to(plain, foreseen, t("2026-04-08")) == foreseen


def test_a_minimum_that_was_settled_is_not_compared_again() -> None:
    terms = monthly(minimum={"USD": Decimal(30)})
    settled = running(terms, "2026-01-01", settled_at=t("2026-02-01"))
    assert [due.part for due in dues(settled, t("2026-02-28"))] == []
    assert [due.index for due in dues(settled, t("2026-03-01")) if due.part == "minimum"] == [1]


def test_allowances_that_reset_never_have_one_open_period_of_the_subscription_s_own_anchor() -> None:
    held = running(monthly(anchor=Anchor("calendar")), "2026-01-10T12:00:00Z", "Europe/Berlin")
    never = allowance_schedule(held, "never")
    assert (never.anchor_at, str(never.interval), never.anchor, never.zone_name) == (
        held.started_at,
        "once",
        Anchor("calendar"),
        "Europe/Berlin",
    )


def test_allowances_begin_anew_where_the_billing_periods_do() -> None:
    yearly = running(sold(year="190"), "2026-01-31", pay="year", anchors=(t("2026-03-10"),))
    monthly_ones = allowance_schedule(yearly, "month")
    assert [monthly_ones.boundary(k) for k in range(4)] == [
        t("2026-01-31"),
        t("2026-02-28"),
        t("2026-03-10"),
        t("2026-04-10"),
    ]


def test_what_is_no_metered_feature_or_draws_on_another_has_no_allowance_to_close() -> None:
    (minutes,) = metered().values()
    chats = Feature("chats", "metered")
    spends = {"minutes": Fraction(1, 10)}
    for kept_out in (
        replace(minutes, feature=Feature("minutes", "boolean")),
        replace(minutes, granted=False),
        Entitlement(chats, included=Decimal(0), own_allowance=False, spends=spends),
    ):
        assert closed_features(running(monthly(features={"one": kept_out}))) == {}
    for closed in (
        Entitlement(chats, included=Decimal(5), spends=spends),
        Entitlement(chats, included=Decimal(5), own_allowance=False),
    ):
        assert closed_features(running(monthly(features={"one": closed}))) == {"interval": ("one",)}


def test_allowances_without_a_charge_close_from_the_day_on_which_pools_are_ours() -> None:
    (minutes,) = metered().values()
    hard = running(monthly(features={"minutes": replace(minutes, beyond=None)}), "2026-01-01")
    moved_in = replace(hard, pools_from=t("2026-02-01"))
    assert [index for part, index, _ in told(moved_in, "2026-04-01") if part == "usage"] == [1, 2]
    later = replace(hard, usage_from=t("2026-03-01"), pools_from=t("2026-02-01"))
    assert [index for part, index, _ in told(later, "2026-04-01") if part == "usage"] == [2]
    charged = replace(moved_in, terms=monthly(features=metered()))
    assert [index for part, index, _ in told(charged, "2026-04-01") if part == "usage"] == [0, 1, 2]


def test_in_a_trial_before_the_anchor_nothing_is_due_and_at_it_the_first_period_is() -> None:
    trial = running(monthly(), "2026-01-01", anchor_at=t("2026-01-15"), settled_at=t("2026-01-10"))
    assert told(trial, "2026-02-15") == [
        ("fee", 0, "2026-01-15T00:00:00Z"),
        ("fee", 1, "2026-02-15T00:00:00Z"),
    ]
    at_the_anchor = replace(trial, settled_at=t("2026-01-15"))
    assert told(at_the_anchor, "2026-02-15") == [("fee", 1, "2026-02-15T00:00:00Z")]


def test_a_period_that_begins_where_the_subscription_does_or_after_it_is_whole() -> None:
    held = running(monthly(), "2026-01-17", anchor_at=t("2026-01-01"))
    january, february = (
        Period(index, t(f"2026-0{index + 1}-01"), t(f"2026-0{index + 2}-01")) for index in (0, 1)
    )
    assert first_part(january, held) == replace(january, starts_at=t("2026-01-17"))
    assert first_part(february, held) == february
    assert first_part(january, replace(held, started_at=t("2026-01-01"))) == january
    assert first_part(january, replace(held, started_at=t("2026-03-05"))) == january


def test_minimums_follow_one_another_to_the_end_and_are_found_again() -> None:
    terms = monthly(minimum={"USD": Decimal(30)})
    found = [due for due in dues(running(terms, "2026-01-01"), t("2026-04-01")) if due.part == "minimum"]
    assert [(due.index, due.at) for due in found] == [
        (0, t("2026-02-01")),
        (1, t("2026-03-01")),
        (2, t("2026-04-01")),
    ]
    assert all(due_of(running(terms, "2026-01-01"), "minimum", due.index) == due for due in found)
    ended = canceled(running(terms, "2026-01-01"), "2026-02-01")
    assert [due.index for due in dues(ended, t("2026-04-01")) if due.part == "minimum"] == [0]


def test_what_was_settled_at_the_end_does_not_fall_due_again() -> None:
    terms = monthly(minimum={"USD": Decimal(30)}, features=metered())
    ended = canceled(running(terms, "2026-01-01", settled_at=t("2026-02-10")), "2026-02-10")
    assert told(ended, "2026-04-01") == []
    before = replace(ended, settled_at=t("2026-02-09"))
    assert [part for part, _, _ in told(before, "2026-04-01")] == ["usage", "minimum"]


def test_usage_of_what_was_paid_once_closes_where_it_is_ended() -> None:
    held = running(replace(sold(once="299"), features=metered()), "2026-01-01", pay="once")
    assert told(canceled(held, "2026-02-10"), "2026-04-01") == [
        ("fee", 0, "2026-01-01T00:00:00Z"),
        ("usage", 0, "2026-02-10T00:00:00Z"),
    ]


def test_usage_settled_at_renewal_is_that_of_the_whole_period_whenever_a_run_came_in_between() -> None:
    terms = replace(sold(year="190"), features=metered(reset="month"), settle="renewal")
    yearly = running(terms, "2026-01-01", pay="year", settled_at=t("2026-06-15"))
    assert [index for part, index, _ in told(yearly, "2027-01-01") if part == "usage"] == list(range(12))


def test_usage_of_an_instant_settles_with_the_billing_period_that_it_lies_in() -> None:
    over = t("2026-02-01T00:00:00.000001Z")
    terms = monthly(features=metered(), settle="renewal")
    ended = replace(running(terms, "2026-01-01"), ends_at=over, end_reason="canceled")
    assert settles_at(ended, Period(1, t("2026-02-01"), over)) == over
    assert settles_at(ended, Period(0, t("2026-01-01"), t("2026-02-01"))) == t("2026-02-01")


def test_a_part_is_found_by_the_name_of_its_reset_too() -> None:
    terms = replace(sold(year="190"), features=metered(reset="month"))
    yearly = running(terms, "2026-01-01", pay="year")
    assert due_of(yearly, "usage:month", 5) == replace(due_of(yearly, "usage", 5), part="usage:month")


def test_a_period_that_began_blocked_is_charged_from_its_end_on_but_for_a_fee_that_was_charged_ahead() -> (
    None
):
    block = BlockedSpan(t("2026-05-01"), t("2026-05-10"), "pay_1")
    terms = monthly("30", minimum={"USD": Decimal(50)}, features=metered())
    one = running(terms, "2026-04-01", blocked=(block,))
    fee, minimum, usage = (due_of(one, part, 1) for part in ("fee", "minimum", "usage"))
    assert resumed_at(one, fee) is None, "it was charged whole when the block began"
    assert resumed_at(one, fee, "pay_1") == t("2026-05-10")
    assert resumed_at(one, minimum) == t("2026-05-10")
    assert resumed_at(one, usage) is None
    assert resumed_at(one, usage, "pay_1") is None
    arrears = replace(one, terms=replace(terms, bill="in arrears"))
    assert resumed_at(arrears, due_of(arrears, "fee", 1)) == t("2026-05-10")


def test_a_block_postpones_usage_and_a_fee_whose_period_began_before_it() -> None:
    span = BlockedSpan(t("2026-02-10"), t("2026-03-11"), "pay_1")
    ahead = running(monthly(features=metered()), "2026-02-01", blocked=(span,))
    arrears = replace(ahead, terms=monthly(bill="in arrears"))
    february, march = due_of(arrears, "fee", 0), due_of(arrears, "fee", 1)
    assert owed(ahead, due_of(ahead, "usage", 0))
    assert not owed(ahead, due_of(ahead, "fee", 1))
    assert (owed(arrears, february), resumed_at(arrears, february)) == (True, None)
    assert (owed(arrears, march), resumed_at(arrears, march)) == (False, t("2026-03-11"))


def test_a_block_holds_its_first_instant_and_not_its_last() -> None:
    span = BlockedSpan(t("2026-02-10"), t("2026-03-11"))
    assert [span.holds(t(day)) for day in ("2026-02-09", "2026-02-10", "2026-03-10", "2026-03-11")] == [
        False,
        True,
        True,
        False,
    ]
    assert BlockedSpan(t("2026-02-10")).holds(t("2036-01-01"))


# --- what is closed without a price, and when it settles


def test_allowances_with_an_end_are_closed_though_nothing_is_charged_past_them() -> None:
    (minutes,) = metered().values()
    hard, unlimited = replace(minutes, beyond=None), replace(minutes, beyond=None, included=None)
    assert closed_features(running(monthly(features={"minutes": hard}))) == {"interval": ("minutes",)}
    assert billed_features(running(monthly(features={"minutes": hard}))) == {}
    assert closed_features(running(monthly(features={"minutes": unlimited}))) == {}
    assert closed_features(running(monthly(features=prepaid()))) == {}, "a level is not used up"


def test_a_free_plan_closes_allowances_where_packs_or_a_rollover_need_it() -> None:
    (minutes,) = metered().values()
    free = Terms(free=True, features={"minutes": minutes})
    assert closed_features(running(free)) == {}
    assert closed_features(running(replace(free, packs=True))) == {"interval": ("minutes",)}
    rolling = replace(free, features={"minutes": replace(minutes, rollover="all")})
    assert closed_features(running(rolling)) == {"interval": ("minutes",)}


def test_a_held_feature_charged_after_use_closes_with_the_billing_period() -> None:
    (minutes,) = metered().values()
    seats = replace(minutes, feature=replace(minutes.feature, reset="never"))
    yearly = running(replace(sold(year="190"), features={"minutes": seats}), "2026-01-01", pay="year")
    assert closed_features(yearly) == {"interval": ("minutes",)}
    assert [(due.part, due.index) for due in dues(yearly, t("2027-01-01")) if due.part != "fee"] == [
        ("usage:interval", 0)
    ]


def test_usage_settled_at_renewal_falls_due_at_the_end_of_the_billing_period() -> None:
    terms = replace(sold(year="190"), features=metered(), settle="renewal")
    yearly = running(terms, "2026-01-01", pay="year")
    assert told(yearly, "2026-12-31") == [("fee", 0, "2026-01-01T00:00:00Z")]
    assert next_due(replace(yearly, settled_at=t("2026-01-01"))) == t("2027-01-01")
    closings = [due for due in dues(yearly, t("2027-01-01")) if due.part == "usage"]
    assert [due.index for due in closings] == list(range(12))
    assert {due.at for due in closings} == {t("2027-01-01")}
    assert closings[5].period.ends_at == t("2026-07-01")
    for due in closings:
        assert due_of(yearly, due.part, due.index) == due


def test_a_minimum_falls_due_at_the_end_of_its_period_after_usage_and_before_the_next_fee() -> None:
    terms = monthly(features=metered(), minimum={"USD": Decimal(30)})
    assert told(running(terms, "2026-01-01"), "2026-02-01") == [
        ("fee", 0, "2026-01-01T00:00:00Z"),
        ("usage", 0, "2026-02-01T00:00:00Z"),
        ("minimum", 0, "2026-02-01T00:00:00Z"),
        ("fee", 1, "2026-02-01T00:00:00Z"),
    ]


def test_the_first_part_of_an_add_on_lies_within_its_bases_period() -> None:
    addon = running(monthly(), "2026-01-17", anchor_at=t("2026-01-01"))
    first, second = dues(addon, t("2026-02-01"))
    assert (first.index, first.period.starts_at, first.period.ends_at) == (
        0,
        t("2026-01-17"),
        t("2026-02-01"),
    )
    assert first.full.starts_at == t("2026-01-01")
    assert second.period.starts_at == t("2026-02-01")


# --- pauses and new anchors


def pause(begins: str, over: str | None = None, number: int = 1) -> BlockedSpan:
    if over is None:
        return BlockedSpan(t(begins), kind="paused")
    return BlockedSpan(t(begins), t(over), f"resume:{number}", "paused")


def test_after_a_pause_the_running_fee_is_charged_again_from_the_return_on() -> None:
    one = running(monthly("30"), "2026-04-01", blocked=(pause("2026-04-11", "2026-04-16"),))
    again = credited_by_pause(one, one.blocked[0])
    assert again is not None
    assert (again.part, again.index, again.period.ends_at) == ("fee", 0, t("2026-05-01"))
    assert resumed_at(one, again, "resume:1") == t("2026-04-16")
    assert resumed_at(one, again) is None, "the fee itself was for the whole period"


def test_a_second_pause_gives_back_what_was_charged_on_return_from_the_first() -> None:
    both = (pause("2026-04-11", "2026-05-05"), pause("2026-05-10", "2026-05-12", 2))
    one = running(monthly("30"), "2026-04-01", blocked=both)
    assert credited_by_pause(one, both[0]) is None, "the period that ran then began in the pause"
    again = credited_by_pause(one, both[1])
    assert again is not None
    assert (again.index, resumed_at(one, again, "resume:2")) == (1, t("2026-05-12"))
    assert resumed_at(one, again, "resume:1") == t("2026-05-05")


@pytest.mark.parametrize(
    "more",
    [
        {"terms": monthly("30", pause="keep")},
        {"terms": monthly("30", proration="none")},
        {"terms": monthly("30", bill="in arrears")},
        {"fees_from": t("2026-05-01")},
        {"blocked": (pause("2026-04-11"),)},
        {"terms": replace(sold(once="30"), pause="credit"), "pay": "once"},
        {"blocked": (BlockedSpan(t("2026-04-11"), t("2026-04-16"), "pay_1"),)},
    ],
)
def test_what_was_not_credited_is_not_charged_again(more: dict[str, Any]) -> None:
    plain = running(monthly("30"), "2026-04-01", blocked=(pause("2026-04-11", "2026-04-16"),))
    one = replace(plain, **more)
    assert credited_by_pause(one, one.blocked[0]) is None


@pytest.mark.parametrize(
    ("until", "credited"), [("2026-04-10", True), ("2026-04-11", True), ("2026-04-12", False), (None, False)]
)
def test_a_pause_of_a_period_that_began_blocked_is_credited_where_it_was_charged_before_it(
    until: str | None, credited: bool
) -> None:
    block = BlockedSpan(t("2026-03-25"), None if until is None else t(until), "pay_1")
    one = running(monthly("30"), "2026-03-01", blocked=(block, pause("2026-04-11", "2026-04-16")))
    assert (credited_by_pause(one, one.blocked[1]) is not None) is credited


def test_a_new_anchor_does_not_shorten_what_a_fee_charged_ahead_is_for() -> None:
    one = running(monthly("30"), "2026-04-01", anchors=(t("2026-04-20"),))
    periods = [(due.at, due.period.ends_at) for due in dues(one, t("2026-05-19"))]
    assert periods == [
        (t("2026-04-01"), t("2026-05-01")),
        (t("2026-04-20"), t("2026-05-20")),
    ]
    arrears = replace(one, terms=monthly("30", bill="in arrears"))
    (due,) = dues(arrears, t("2026-05-19"))
    assert (due.at, due.period.ends_at) == (t("2026-04-20"), t("2026-04-20"))


# --- what is remembered of terms


def test_terms_that_differ_in_one_price_are_remembered_apart() -> None:
    several = [monthly(features=metered(included=number)) for number in range(300)]
    assert len({hash(terms) for terms in several}) == 300
    assert hash(several[7]) == hash(monthly(features=metered(included=7)))


def test_features_close_in_the_order_of_their_own_terms() -> None:
    minutes, calls = metered(included=1), metered("calls", included=2)
    one, other = monthly(features=minutes | calls), monthly(features=calls | minutes)
    assert one == other
    assert closed_features(running(one))["interval"] == ("minutes", "calls")
    assert closed_features(running(other))["interval"] == ("calls", "minutes")
