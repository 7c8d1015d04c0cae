"""What a customer may use now; pools and limits are worked out by hand."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest

from planctl.core.catalog.model import Beyond, Entitlement, Feature, PriceRow, Terms
from planctl.core.currencies import Currency
from planctl.core.entitlements import (
    Checked,
    Holding,
    Question,
    Reason,
    check,
)
from planctl.core.invoicing.lineup import LineUp
from planctl.core.invoicing.model import UsageWindow
from planctl.core.open_pools import current_windows, open_pools
from planctl.core.periods import Instant, Interval, instant_text, parse_instant, zone
from planctl.core.pricing.kinds.each import Each
from planctl.core.subscriptions.model import Status, Subscription
from planctl.core.wallets import Grant

USD = Currency("USD", "US Dollar", 2)
MONTH = PriceRow(Interval.parse("month"), {"USD": Decimal(19)})

MINUTES = Feature("minutes", "metered", unit="minute")
CHATS = Feature("chats", "metered", unit="chat", spends={"minutes": Fraction(1, 10)})
SEATS = Feature("seats", "metered", unit="seat", reset="never")
SSO = Feature("sso", "boolean")
CONNECTORS = Feature("connectors", "list", values=("hubspot", "zapier", "salesforce"))
BILLED = Beyond("usage", {"": Each({"USD": Decimal("0.02")})})


def t(text: str) -> Instant:
    return parse_instant(text, zone("UTC"))


NOON = t("2026-02-10T12:00:00Z")


def running(*entitlements: Entitlement, name: str = "sub_1", **more: Any) -> Subscription:
    """A monthly subscription of 31 January in USD, whose second period is 28 February to 31 March."""
    terms = Terms(rows=(MONTH,), features={one.feature.id: one for one in entitlements})
    started = t("2026-01-10")
    plain = Subscription(
        name, "nova", "starter", 1, terms, "", USD, "month", "UTC", started, started, fees_from=started
    )
    return replace(plain, **more)


def together(
    used: Mapping[str, int | str],
    *subscriptions: Subscription,
    at: Instant = NOON,
    grants: Sequence[Grant] = (),
) -> list[Holding]:
    """The subscriptions with their pools, where each feature was used as said in every window of it."""
    lineup = LineUp(subscriptions, grants)
    totals = {
        window.key: Fraction(used[window.feature])
        for window in current_windows(lineup, at)
        if window.feature in used
    }
    pools = open_pools(lineup, at, totals)
    return [Holding(one, pools[one.id]) for one in subscriptions]


def held(subscription: Subscription, used: Mapping[str, int | str], at: Instant = NOON) -> Holding:
    """A customer's only subscription with its pools."""
    (holding,) = together(used, subscription, at=at)
    return holding


def windows_at(subscription: Subscription, at: Instant) -> tuple[UsageWindow, ...]:
    """The usage that its pools need."""
    return current_windows(LineUp((subscription,)), at)


def ask(
    feature: Feature, *holdings: Holding, quantity: int | str = 1, value: str = "", waiting: bool = False
) -> Checked:
    question = Question({feature.id}, feature.type, Fraction(quantity), value)
    return check(question, holdings, NOON, waiting=waiting)


def counted(answer: Checked) -> str:
    """Limit, used and left, `-` where there is none."""
    return " ".join("-" if one is None else str(one) for one in (answer.limit, answer.used, answer.remaining))


def included(feature: Feature, units: int, **more: Any) -> Entitlement:
    return replace(Entitlement(feature, included=Decimal(units)), **more)


# --- pools


def test_a_thousand_chats_at_a_tenth_use_a_hundred_minutes() -> None:
    chats = Entitlement(CHATS, included=None, own_allowance=False, spends=CHATS.spends)
    one = held(running(included(MINUTES, 1000), chats), {"minutes": 400, "chats": 1000})
    assert one.pools["minutes"].pool.total == 500
    assert one.pools["minutes"].remaining == 500
    assert one.pools["chats"].pool.total == 1000
    assert one.pools["chats"].remaining == 5000  # 500 minutes / (1/10)


def test_the_window_is_the_allowance_period_up_to_and_with_the_instant() -> None:
    (window,) = windows_at(running(included(MINUTES, 10)), NOON)
    assert instant_text(window.starts_at) == "2026-02-10T00:00:00Z"
    assert window.ends_at == NOON + 1


def test_an_instant_on_the_boundary_opens_the_new_period() -> None:
    (window,) = windows_at(running(included(MINUTES, 10)), t("2026-02-10"))
    assert instant_text(window.starts_at) == "2026-02-10T00:00:00Z"
    (before,) = windows_at(running(included(MINUTES, 10)), Instant(t("2026-02-10") - 1))
    assert instant_text(before.starts_at) == "2026-01-10T00:00:00Z"


def test_the_level_of_a_held_feature_counts_from_before_the_subscription() -> None:
    (window,) = windows_at(running(included(SEATS, 3)), NOON)
    assert window.starts_at == 0


def test_no_pool_is_open_before_the_start_or_after_the_end() -> None:
    assert windows_at(running(included(MINUTES, 10)), t("2026-01-09")) == ()
    ended = running(included(MINUTES, 10), ends_at=NOON)
    assert windows_at(ended, NOON) == ()
    assert len(windows_at(ended, Instant(NOON - 1))) == 1


def test_units_above_a_priced_allowance_are_excess_and_above_a_hard_one_over_the_limit() -> None:
    priced = held(running(included(MINUTES, 1000, beyond=BILLED)), {"minutes": 1200})
    hard = held(running(included(MINUTES, 1000)), {"minutes": 1200})
    assert priced.pools["minutes"].excess == 200
    assert priced.pools["minutes"].over_limit == 0
    assert hard.pools["minutes"].excess == 0
    assert hard.pools["minutes"].over_limit == 200


def test_a_daily_allowance_has_a_window_of_its_own_beside_a_monthly_one() -> None:
    daily = included(MINUTES, 10, reset="day")
    windows = {one.feature: one.starts_at for one in windows_at(running(daily, included(SEATS, 1)), NOON)}
    assert instant_text(windows["minutes"]) == "2026-02-10T00:00:00Z"


# --- metered features


@pytest.mark.parametrize(
    ("used", "quantity", "allowed"), [(0, 1000, True), (0, 1001, False), (999, 1, True), (1000, 1, False)]
)
def test_a_hard_limit_is_reached_at_its_last_unit(used: int, quantity: int, allowed: bool) -> None:
    answer = ask(MINUTES, held(running(included(MINUTES, 1000)), {"minutes": used}), quantity=quantity)
    assert answer.allowed is allowed
    assert answer.reason is (Reason.ALLOWED if allowed else Reason.LIMIT_REACHED)
    assert counted(answer) == f"1000 {used} {1000 - used}"


def test_over_a_hard_limit_nothing_is_left_and_the_limit_stays_as_written() -> None:
    answer = ask(MINUTES, held(running(included(MINUTES, 1000)), {"minutes": 1200}))
    assert not answer.allowed
    assert counted(answer) == "1000 1200 0"


def test_a_price_past_the_allowance_goes_on_without_limit() -> None:
    answer = ask(MINUTES, held(running(included(MINUTES, 10, beyond=BILLED)), {"minutes": 25}), quantity=99)
    assert answer.allowed
    assert counted(answer) == "- 25 -"


def test_up_to_ends_what_is_priced() -> None:
    capped = replace(BILLED, up_to=Decimal(50))
    holding = held(running(included(MINUTES, 10, beyond=capped)), {"minutes": 45})
    assert ask(MINUTES, holding, quantity=5).allowed
    answer = ask(MINUTES, holding, quantity=6)
    assert answer.reason is Reason.LIMIT_REACHED
    assert counted(answer) == "50 45 5"


def test_a_trial_has_a_hard_limit_even_where_more_is_priced() -> None:
    until = t("2026-02-20")
    trial = running(included(MINUTES, 10, beyond=BILLED), status=Status.TRIALING, trial_ends_at=until)
    assert ask(MINUTES, held(trial, {"minutes": 10})).reason is Reason.LIMIT_REACHED
    over = replace(trial, status=Status.ACTIVE, trial_ends_at=NOON)
    assert ask(MINUTES, held(over, {"minutes": 10})).allowed, "the trial's end is no part of the trial"


def test_prepaid_units_raise_the_limit() -> None:
    prepaid = Beyond("prepaid", {"": Each({"USD": Decimal(4)})})
    bought = running(included(SEATS, 10, beyond=prepaid), quantities={"seats": Decimal(12)})
    answer = ask(SEATS, held(bought, {"seats": 11}))
    assert answer.allowed
    assert counted(answer) == "12 11 1"


def test_unlimited_is_always_allowed() -> None:
    answer = ask(MINUTES, held(running(Entitlement(MINUTES, included=None)), {"minutes": 9}), quantity=10**18)
    assert answer.allowed
    assert counted(answer) == "- 9 -"


def test_a_feature_that_spends_another_may_use_what_the_other_has_left() -> None:
    chats = Entitlement(CHATS, included=None, own_allowance=False, spends=CHATS.spends)
    holding = held(running(included(MINUTES, 1000), chats), {"minutes": 400, "chats": 1000})
    answer = ask(CHATS, holding, quantity=5000)
    assert answer.allowed
    assert counted(answer) == "6000 1000 5000"
    assert not ask(CHATS, holding, quantity=5001).allowed


def test_a_priced_target_lets_the_feature_that_spends_it_go_on() -> None:
    chats = Entitlement(CHATS, included=None, own_allowance=False, spends=CHATS.spends)
    holding = held(running(included(MINUTES, 10, beyond=BILLED), chats), {"chats": 1000})
    assert ask(CHATS, holding, quantity=10**6).allowed


def test_a_feature_whose_target_is_not_granted_is_at_its_limit() -> None:
    chats = Entitlement(CHATS, included=None, own_allowance=False, spends=CHATS.spends)
    assert ask(CHATS, held(running(chats), {})).reason is Reason.LIMIT_REACHED


def test_the_reset_is_the_end_of_the_running_allowance_period() -> None:
    answer = ask(MINUTES, held(running(included(MINUTES, 10)), {}))
    assert answer.resets_at is not None
    assert instant_text(answer.resets_at) == "2026-03-10T00:00:00Z"
    assert ask(SEATS, held(running(included(SEATS, 1)), {})).resets_at is None


# --- other features


def test_a_boolean_is_allowed_where_it_is_granted() -> None:
    assert ask(SSO, held(running(Entitlement(SSO)), {})) == Checked(
        True, Reason.ALLOWED, granted_by=("sub_1",)
    )
    assert ask(SSO, held(running(Entitlement(SSO, granted=False)), {})).reason is Reason.NOT_GRANTED
    assert ask(SSO).reason is Reason.NOT_GRANTED


def test_a_list_is_the_union_of_what_every_subscription_grants() -> None:
    one, two = together(
        {},
        running(Entitlement(CONNECTORS, values=("hubspot",))),
        running(Entitlement(CONNECTORS, values=("zapier",)), name="sub_2"),
    )
    answer = ask(CONNECTORS, one, two, value="zapier")
    assert (answer.allowed, answer.values, answer.granted_by) == (
        True,
        ("hubspot", "zapier"),
        ("sub_1", "sub_2"),
    )
    assert ask(CONNECTORS, one, two, value="salesforce").reason is Reason.VALUE_NOT_INCLUDED


# --- access


@pytest.mark.parametrize(
    ("status", "reason"),
    [
        (Status.BLOCKED, Reason.BLOCKED),
        (Status.PAUSED, Reason.PAUSED),
        (Status.PENDING, Reason.NOT_STARTED),
        (Status.CANCELED, Reason.ENDED),
        (Status.EXPIRED, Reason.ENDED),
        (Status.ACTIVE, Reason.ALLOWED),
        (Status.PAST_DUE, Reason.ALLOWED),
    ],
)
def test_the_status_decides_access(status: Status, reason: Reason) -> None:
    assert ask(SSO, Holding(running(Entitlement(SSO), status=status))).reason is reason


def test_past_due_loses_access_only_where_the_terms_say_so() -> None:
    strict = running(Entitlement(SSO), status=Status.PAST_DUE)
    strict = replace(strict, terms=replace(strict.terms, on_past_due="block"))
    assert ask(SSO, Holding(strict)).reason is Reason.PAST_DUE


def test_one_usable_subscription_is_enough_and_alone_is_named() -> None:
    blocked = Holding(running(Entitlement(SSO), status=Status.BLOCKED))
    good = Holding(running(Entitlement(SSO), name="sub_2"))
    assert ask(SSO, blocked, good).granted_by == ("sub_2",)


def test_of_several_reasons_the_one_that_can_be_mended_is_told() -> None:
    ended = Holding(running(Entitlement(SSO), status=Status.CANCELED))
    blocked = Holding(running(Entitlement(SSO), name="sub_2", status=Status.BLOCKED))
    assert ask(SSO, ended, blocked).reason is Reason.BLOCKED


def test_an_assigned_plan_that_has_not_started_grants_nothing_yet() -> None:
    assert ask(SSO, waiting=True).reason is Reason.NOT_STARTED


def test_before_its_start_a_subscription_grants_nothing() -> None:
    early = check(Question({"sso"}, "boolean"), [Holding(running(Entitlement(SSO)))], t("2026-01-09"))
    assert early.reason is Reason.NOT_STARTED


# --- several subscriptions and wallets


def given_minutes(units: int, begins: str, expires: str = "") -> Grant:
    amount = Fraction(units)
    ends = t(expires) if expires else None
    return Grant("wg_1", "nova", "minutes", "k", amount, amount, t(begins), ends)


def test_what_two_subscriptions_include_adds_up_and_use_counts_once() -> None:
    # 100 and 50; 120 used since both began: the older pays 100, the other 20; 30 are left.
    one, two = together(
        {"minutes": 120}, running(included(MINUTES, 100)), running(included(MINUTES, 50), name="sub_2")
    )
    assert [state.pools["minutes"].pool.used for state in (one, two)] == [100, 20]
    assert [state.pools["minutes"].answers for state in (one, two)] == [True, False]
    answer = ask(MINUTES, one, two, quantity=30)
    assert (answer.allowed, answer.granted_by) == (True, ("sub_1", "sub_2"))
    assert counted(answer) == "150 120 30"
    assert not ask(MINUTES, one, two, quantity=31).allowed


def test_the_next_reset_of_several_is_told() -> None:
    one, two = together(
        {}, running(included(MINUTES, 100)), running(included(MINUTES, 5, reset="day"), name="sub_2")
    )
    answer = ask(MINUTES, one, two)
    assert answer.resets_at is not None
    assert instant_text(answer.resets_at) == "2026-02-11T00:00:00Z"


def test_a_wallet_allows_more_than_the_allowance() -> None:
    grant = given_minutes(20, "2026-01-01")
    (one,) = together({"minutes": 90}, running(included(MINUTES, 100)), grants=[grant])
    assert ask(MINUTES, one, quantity=30).allowed
    answer = ask(MINUTES, one, quantity=31)
    assert answer.reason is Reason.LIMIT_REACHED
    assert (counted(answer), answer.wallet) == ("100 90 10", Fraction(20))


def test_what_open_use_draws_on_the_wallet_is_not_there_any_more() -> None:
    # 115 of 100: 15 of the 20 will be taken when the period closes.
    grant = given_minutes(20, "2026-01-01")
    (one,) = together({"minutes": 115}, running(included(MINUTES, 100)), grants=[grant])
    pool = one.pools["minutes"]
    assert (pool.pool.wallet, pool.wallet, pool.over_limit) == (Fraction(15), Fraction(5), Fraction(0))
    assert not ask(MINUTES, one, quantity=6).allowed


@pytest.mark.parametrize(("begins", "expires"), [("2026-02-11", ""), ("2026-01-01", "2026-02-10T12:00:00Z")])
def test_a_grant_outside_its_life_allows_nothing(begins: str, expires: str) -> None:
    grant = given_minutes(20, begins, expires)
    (one,) = together({"minutes": 100}, running(included(MINUTES, 100)), grants=[grant])
    assert not ask(MINUTES, one).allowed


def test_chats_may_use_the_wallet_of_minutes() -> None:
    # 10 minutes of the wallet are 100 chats at a tenth.
    chats = Entitlement(CHATS, included=None, own_allowance=False, spends=CHATS.spends)
    (one,) = together({}, running(included(MINUTES, 0), chats), grants=[given_minutes(10, "2026-01-01")])
    assert ask(CHATS, one, quantity=100).allowed
    assert not ask(CHATS, one, quantity=101).allowed


def test_what_rolled_over_is_there() -> None:
    one = running(included(MINUTES, 100, rollover="all"))
    lineup = LineUp((one,), (), {("sub_1", "minutes", 1): Fraction(40)})
    totals = {window.key: Fraction(120) for window in current_windows(lineup, NOON)}
    pool = open_pools(lineup, NOON, totals)["sub_1"]["minutes"].pool
    assert (pool.included, pool.rolled, pool.remaining) == (Fraction(140), Fraction(40), Fraction(20))
