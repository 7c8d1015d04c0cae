"""Whose allowance pays for what when several subscriptions grant a feature; every period is worked out by hand."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal
from fractions import Fraction
from itertools import pairwise
from typing import Any

import pytest

from planctl.core.catalog.model import Aggregate, Beyond, Entitlement, Feature, Meter, Terms
from planctl.core.draining import drain
from planctl.core.invoicing.lineup import Grantor, LineUp, windows_of
from planctl.core.invoicing.usage import Closing
from planctl.core.metering.model import Rounding
from planctl.core.periods import Anchor
from planctl.core.pricing.kinds.graduated import Graduated
from planctl.core.pricing.kinds.tiers import Tier
from planctl.core.subscriptions.dues import due_of
from planctl.core.subscriptions.model import QuantityStep, Status, Subscription
from planctl.core.wallets import Grant
from tests.core.billing import canceled, metered, monthly, running, sold, t, values
from tests.core.history import Used, closed, events, given, measured

MINUTES = Feature("minutes", "metered", unit="minute")
CHATS = Feature("chats", "metered", unit="chat")
CLAIM = "quantity included wallet billed over_limit"


def hard(included: int = 100, feature: Feature = MINUTES, **more: Any) -> dict[str, Entitlement]:
    """An allowance with a hard limit."""
    return {feature.id: Entitlement(feature, included=Decimal(included), **more)}


def spending(ratio: str, feature: Feature = CHATS, to: str = "minutes") -> dict[str, Entitlement]:
    """A feature without an allowance that draws on another."""
    return {
        feature.id: Entitlement(
            feature, included=Decimal(0), own_allowance=False, spends={to: Fraction(ratio)}
        )
    }


def sub(name: str, terms: Terms, start: str = "2026-01-01", **more: Any) -> Subscription:
    return running(terms, start, id=name, **more)


def graduated(to: str, first: str, then: str) -> Graduated:
    """One price up to a total, another beyond it."""
    return Graduated((Tier(Decimal(to), {"USD": Decimal(first)}), Tier(None, {"USD": Decimal(then)})))


def order(feature: str, at: str, *subscriptions: Subscription) -> list[str]:
    """The subscriptions whose allowances pay at an instant, in order."""
    lineup = LineUp(subscriptions)
    several = [one for one in lineup.grantors(feature) if one.open_at(t(at))]
    several.sort(key=lambda one: one.order(one.period_at(t(at))))
    return [one.subscription.id for one in several]


def holder(at: str, *subscriptions: Subscription) -> str:
    found = LineUp(subscriptions).holder("minutes", t(at))
    return "" if found is None else found.subscription.id


def close(
    subscription: Subscription,
    index: int,
    used: Sequence[Used],
    *beside: Subscription,
    part: str = "usage",
    grants: Sequence[Grant] = (),
) -> tuple[dict[str, Closing], dict[str, Fraction]]:
    return closed(due_of(subscription, part, index), subscription, events(*used), beside, grants)


def taken(
    subscription: Subscription, index: int, used: Sequence[Used], *beside: Subscription, **more: Any
) -> tuple[Any, ...]:
    """The claim on minutes: quantity, included, wallet, billed, over the limit."""
    found, _ = close(subscription, index, used, *beside, **more)
    return values(found["minutes"].claim, CLAIM)


# --- the order


def test_the_shortest_reset_pays_first_then_what_ends_soonest_then_the_oldest() -> None:
    week = sub("sub_w", monthly(features=hard(reset="week")), "2026-01-09")
    soon = sub("sub_s", monthly(features=hard()), "2025-12-20")
    late = sub("sub_l", monthly(features=hard()), "2025-11-01")
    older = sub("sub_o", monthly(features=hard()), "2025-10-01")
    forever = sub("sub_f", replace(sold(once="9"), features=hard()), "2024-01-01", pay="once")
    # 12 January: the week ends on the 16th, sub_s on the 20th, both others on 1 February, the one-off never.
    assert order("minutes", "2026-01-12", forever, older, late, soon, week) == [
        "sub_w", "sub_s", "sub_o", "sub_l", "sub_f",
    ]  # fmt: skip


def test_a_planned_end_makes_a_period_end_sooner() -> None:
    one, other = sub("sub_1", monthly(features=hard())), sub("sub_2", monthly(features=hard()))
    ending = canceled(other, "2026-01-20")
    assert order("minutes", "2026-01-12", one, other) == ["sub_1", "sub_2"]
    assert order("minutes", "2026-01-12", one, ending) == ["sub_2", "sub_1"]
    assert order("minutes", "2026-01-20", one, ending) == ["sub_1"]


def test_only_subscriptions_that_have_begun_and_grant_the_feature_count() -> None:
    waiting = sub("sub_2", monthly(features=hard()), "2026-02-10", status=Status.PENDING)
    without = sub("sub_3", monthly(features={"minutes": Entitlement(MINUTES, granted=False)}))
    later = sub("sub_4", monthly(features=hard()), "2026-02-01")
    assert order("minutes", "2026-01-12", waiting, without, later) == []
    assert holder("2026-01-12", waiting, without, later) == ""
    assert order("minutes", "2026-02-01", later) == ["sub_4"]
    # What is still to start when a run begins may open and close a period within that run.
    assert order("minutes", "2026-02-10", waiting) == ["sub_2"]


# --- who answers for what is above


def test_the_oldest_that_charges_answers_for_what_is_above() -> None:
    oldest = sub("sub_1", monthly(features=hard()), "2025-12-01")
    charging = sub("sub_2", monthly(features=metered()), "2026-01-01")
    younger = sub("sub_3", monthly(features=metered()), "2026-01-05")
    assert holder("2026-01-12", younger, charging, oldest) == "sub_2"
    assert holder("2025-12-31", younger, charging, oldest) == "sub_1"


def test_of_those_that_do_not_charge_the_oldest_whose_periods_close_answers() -> None:
    free = sub("sub_1", Terms(free=True, features=hard()), "2025-12-01")
    paid = sub("sub_2", monthly(features=hard()), "2026-01-01")
    assert holder("2026-01-12", free, paid) == "sub_2"
    assert holder("2025-12-12", free, paid) == "sub_1"
    assert holder("2026-01-12", canceled(paid, "2026-01-12"), free) == "sub_1"


# --- draining over several subscriptions


def test_a_month_beside_another_subscriptions_month_that_begins_in_its_middle() -> None:
    # sub_1 charges: months from the 1st with 100. sub_2: months from the 16th with 60, hard.
    # January of sub_1, used: 5th 80, 20th 50, 30th 70.
    # 5th: only sub_1 is open: 80 of its 100. 20th: sub_1 ends first (1 February before 16 February): 20 left,
    # then 30 of sub_2. 30th: 30 left of sub_2, 40 above. Claimed by sub_1: its own 100 and 40 billed.
    one = sub("sub_1", monthly(features=metered()), "2026-01-01")
    two = sub("sub_2", monthly(features=hard(60)), "2026-01-16")
    used = [("minutes", "2026-01-05", 80), ("minutes", "2026-01-20", 50), ("minutes", "2026-01-30", 70)]
    found, _ = close(one, 0, used, two)
    minutes = found["minutes"]
    assert values(minutes.claim, CLAIM) == (140, 100, 0, 40, 0)
    assert values(minutes.account, "total included above") == (200, 160, 40)
    assert minutes.rated.amount_minor == 400
    # sub_2's own period, to 16 February: in February sub_1's 100 end on 1 March, sub_2's on 16 February: sub_2
    # pays first but has nothing left. It took its 60, and answers for nothing.
    more = [*used, ("minutes", "2026-02-10", 30)]
    assert taken(two, 0, more, one) == (60, 60, 0, 0, 0)
    # February of sub_1 has to remember that sub_2's 60 were used up in January: 30 of its own 100.
    assert taken(one, 1, more, two) == (30, 30, 0, 0, 0)


def test_misaligned_periods_over_three_months_use_every_allowance_once() -> None:
    # sub_1 (months from the 1st, 10, charging), sub_2 (months from the 11th, 10, hard). 15 used every 20th.
    # 20 Jan: sub_1 ends 1 Feb, pays 10; sub_2 (11 Jan–11 Feb) 5. Each further month the same; sub_2 has 5 left
    # until the 11th, which 8 units on 5 Feb use first (it ends before 1 Mar): 5, then 3 of sub_1.
    # 20 Feb: sub_1 has 7, sub_2 (from 11 Feb) 8. 5 Mar: sub_2 2 left (ends 11 Mar), sub_1 4. 20 Mar: sub_1 6,
    # sub_2 9.
    one = sub("sub_1", monthly(features=metered(included=10)), "2026-01-01")
    two = sub("sub_2", monthly(features=hard(10)), "2026-01-11")
    used = [
        ("minutes", "2026-01-20", 15),
        ("minutes", "2026-02-05", 8),
        ("minutes", "2026-02-20", 15),
        ("minutes", "2026-03-05", 6),
        ("minutes", "2026-03-20", 15),
    ]
    assert [taken(one, index, used, two)[1] for index in range(3)] == [10, 10, 10]
    assert [taken(two, index, used, one)[1] for index in range(3)] == [10, 10, 9]
    assert [taken(one, index, used, two)[3] for index in range(3)] == [0, 0, 0]


def test_a_daily_allowance_of_an_add_on_pays_before_the_month_of_the_plan() -> None:
    # Two days with 30 and 5 units: 10 and 5 are the add-on's, 20 the plan's.
    plan = sub("sub_1", monthly(features=metered(included=15)), "2026-01-01")
    daily = sub("sub_2", monthly(features=hard(10, reset="day")), "2026-01-01", base="sub_1")
    used = [("minutes", "2026-01-03T10:00:00Z", 30), ("minutes", "2026-01-04T10:00:00Z", 5)]
    assert taken(plan, 0, used, daily) == (20, 15, 0, 5, 0)
    assert taken(daily, 2, used, plan, part="usage:day") == (10, 10, 0, 0, 0)
    assert taken(daily, 3, used, plan, part="usage:day") == (5, 5, 0, 0, 0)


def test_a_subscription_that_ended_pays_only_until_then_and_another_answers_afterwards() -> None:
    # sub_1 ends on 16 January. Until then it answers: 130 used: its 50, then the 40 of sub_2, 40 above.
    # After it sub_2 answers, and has nothing left: 25 above, at its own price.
    ended = canceled(sub("sub_1", monthly(features=metered(included=50, each="0.10"))), "2026-01-16")
    other = sub("sub_2", monthly(features=metered(included=40, each="0.20")), "2026-01-01")
    used = [("minutes", "2026-01-10", 130), ("minutes", "2026-01-20", 25)]
    first, _ = close(ended, 0, used, other)
    assert values(first["minutes"].claim, CLAIM) == (90, 50, 0, 40, 0)
    assert first["minutes"].rated.amount_minor == 400
    second, _ = close(other, 0, used, ended)
    assert values(second["minutes"].claim, CLAIM) == (65, 40, 0, 25, 0)
    assert second["minutes"].rated.amount_minor == 500


def test_tiers_count_the_units_that_any_allowance_paid() -> None:
    # 0.10 to 150, then 0.05; 100 included here and 30 in sub_2. 180 used: 130 included, 20 to 150 at 0.10,
    # 30 at 0.05: 2.00 + 1.50 = 3.50.
    (plain,) = metered().values()
    assert plain.beyond is not None
    tiered = replace(plain, beyond=replace(plain.beyond, prices={"": graduated("150", "0.10", "0.05")}))
    one = sub("sub_1", monthly(features={"minutes": tiered}))
    two = sub("sub_2", monthly(features=hard(30)))
    found, _ = close(one, 0, [("minutes", "2026-01-20", 180)], two)
    assert values(found["minutes"].rated, "excess amount_minor") == (50, 350)


def test_an_unlimited_allowance_of_any_subscription_leaves_nothing_above() -> None:
    one = sub("sub_1", monthly(features=metered()))
    (unlimited,) = hard().values()
    two = sub("sub_2", monthly(features={"minutes": replace(unlimited, included=None)}), "2026-01-11")
    # 150 on the 5th: 100 + 50 above; 1000 on the 20th: all of sub_2.
    used = [("minutes", "2026-01-05", 150), ("minutes", "2026-01-20", 1000)]
    found, _ = close(one, 0, used, two)
    assert values(found["minutes"].claim, CLAIM) == (150, 100, 0, 50, 0)
    assert found["minutes"].rated.amount_minor == 500


# --- wallets


def test_a_grant_pays_only_for_usage_inside_its_life() -> None:
    # 100 included are used up on the 3rd. The grant lives from the 10th to the 20th: 40 on the 5th are above,
    # 40 on the 10th are paid, 40 on the 20th (its end, not in its life) are above.
    one = sub("sub_1", monthly(features=metered()))
    used = [("minutes", f"2026-01-{day}", units) for day, units in
            (("03", 100), ("05", 40), ("10", 40), ("20", 40))]  # fmt: skip
    grant = given("wg_1", 500, "2026-01-10", "2026-01-20")
    found, lefts = close(one, 0, used, grants=(grant,))
    assert values(found["minutes"].claim, CLAIM) == (220, 100, 40, 80, 0)
    assert lefts == {"wg_1": 460}


def test_the_grant_that_ends_soonest_is_spent_first_and_the_allowance_before_any() -> None:
    one = sub("sub_1", monthly(features=metered(included=10)))
    never, soon = given("wg_1", 30, "2026-01-01"), given("wg_2", 30, "2026-01-05", "2026-03-01")
    # 25 on the 3rd: 10 included, 15 of wg_1 (wg_2 does not live yet); 40 on the 6th: 30 of wg_2, 10 of wg_1.
    used = [("minutes", "2026-01-03", 25), ("minutes", "2026-01-06", 40)]
    found, lefts = close(one, 0, used, grants=(never, soon))
    assert found["minutes"].account.wallet == {"wg_1": 25, "wg_2": 30}
    assert lefts == {"wg_1": 5, "wg_2": 0}
    assert found["minutes"].rated.amount_minor == 0


def test_units_that_a_wallet_paid_do_not_advance_tiers() -> None:
    # 0.10 to 150, then 0.05; 100 included, 40 of the wallet, 180 used: 40 above. Without the wallet's units the
    # positions are 101 to 140: all at 0.10 = 4.00.
    (plain,) = metered().values()
    assert plain.beyond is not None
    tiered = replace(plain, beyond=replace(plain.beyond, prices={"": graduated("150", "0.10", "0.05")}))
    one = sub("sub_1", monthly(features={"minutes": tiered}))
    used = [("minutes", "2026-01-20", 180)]
    found, _ = close(one, 0, used, grants=(given("wg_1", 40, "2026-01-01"),))
    assert found["minutes"].rated.amount_minor == 400


def test_a_wallet_pays_past_a_hard_limit_and_the_rest_is_over_it() -> None:
    one = sub("sub_1", monthly(features=hard()))
    used = [("minutes", "2026-01-20", 180)]
    assert taken(one, 0, used, grants=(given("wg_1", 50, "2026-01-01"),)) == (180, 100, 50, 0, 30)


def test_a_grant_pays_whole_units_and_keeps_what_its_entry_cuts_off() -> None:
    # A third of a minute per chat: one chat is 1/3, of which 0.333333333333 are posted.
    one = sub("sub_1", monthly(features=metered(included=0) | spending("1/3")))
    found, lefts = close(one, 0, [("chats", "2026-01-20", 1)], grants=(given("wg_1", 5, "2026-01-01"),))
    assert found["minutes"].account.wallet == {"wg_1": Fraction(1, 3)}
    assert found["minutes"].account.above == 0
    assert lefts == {"wg_1": 5 - Fraction(333_333_333_333, 10**12)}


# --- spending


def test_a_plan_may_convert_by_its_own_ratio() -> None:
    # A fifth of a minute per chat here: 300 chats are 60 minutes; 50 + 60 = 110, 10 above.
    one = sub("sub_1", monthly(features=metered() | spending("1/5")))
    used = [("minutes", "2026-01-05", 50), ("chats", "2026-01-20", 300)]
    found, _ = close(one, 0, used)
    assert values(found["minutes"].claim, CLAIM) == (110, 100, 0, 10, 0)
    assert found["minutes"].account.drawn == {"chats": (300, 60)}  # type: ignore[comparison-overlap]


def test_the_wallet_of_the_target_pays_for_what_spends_it_and_not_that_of_the_source() -> None:
    one = sub("sub_1", monthly(features=metered(included=20) | spending("1/10")))
    used = [("chats", "2026-01-20", 500)]  # 50 minutes: 20 included, 10 of the wallet, 20 above
    grants = (
        given("wg_1", 10, "2026-01-01", feature="minutes"),
        given("wg_2", 1000, "2026-01-01", feature="chats"),
    )
    found, lefts = close(one, 0, used, grants=grants)
    assert values(found["minutes"].claim, CLAIM) == (50, 20, 10, 20, 0)
    assert lefts == {"wg_1": 0, "wg_2": 1000}


def test_a_chain_of_spends_ends_at_the_last_target() -> None:
    # 100 chats are 10 minutes; 8 minutes included; 2 minutes are 6 credits; 5 credits included; 1 credit billed.
    credits_ = Feature("credits", "metered", unit="credit")
    features = (
        metered("credits", included=5, each="1")
        | hard(8, MINUTES, spends={"credits": Fraction(3)})
        | spending("1/10")
    )
    assert credits_.id in features
    one = sub("sub_1", monthly(features=features))
    found, _ = close(one, 0, [("chats", "2026-01-20", 100)])
    assert values(found["credits"].claim, CLAIM) == (6, 5, 0, 1, 0)
    assert found["credits"].rated.amount_minor == 100
    assert values(found["minutes"].claim, CLAIM) == (8, 8, 0, 0, 0)
    assert found["minutes"].account.passed_on == 2


def test_chats_of_a_second_subscription_draw_on_the_minutes_of_the_first() -> None:
    one = sub("sub_1", monthly(features=metered(included=20)))
    two = sub("sub_2", monthly(features=spending("1/10")))
    assert taken(one, 0, [("chats", "2026-01-20", 250)], two) == (25, 20, 0, 5, 0)


def test_a_circle_of_two_plans_ends_where_it_would_close_and_loses_no_unit() -> None:
    one = sub("sub_1", monthly(features=hard(10, MINUTES, spends={"chats": Fraction(10)})))
    two = sub("sub_2", monthly(features=hard(10, CHATS, spends={"minutes": Fraction(1, 10)})))
    # 200 chats: 10 included, 190 draw 19 minutes: 10 included, 9 above. They do not draw chats again.
    found, _ = close(one, 0, [("chats", "2026-01-20", 200)], two)
    assert values(found["minutes"].claim, CLAIM) == (19, 10, 0, 0, 9)


# --- corrections


def test_a_correction_takes_back_the_units_before_it_across_stretches() -> None:
    # The grant begins on the 10th. 130 on the 5th (30 above), 20 on the 12th (wallet), −35 on the 14th: takes
    # back the 20 of the 12th first, then 15 of the 5th: 115: 15 above, wallet untouched.
    one = sub("sub_1", monthly(features=metered()))
    used = [("minutes", "2026-01-05", 130), ("minutes", "2026-01-12", 20), ("minutes", "2026-01-14", -35)]
    found, lefts = close(one, 0, used, grants=(given("wg_1", 50, "2026-01-10"),))
    assert values(found["minutes"].claim, CLAIM) == (115, 100, 0, 15, 0)
    assert lefts == {"wg_1": 50}


def test_a_correction_before_what_it_corrects_is_taken_off_what_follows() -> None:
    one = sub("sub_1", monthly(features=metered()))
    used = [("minutes", "2026-01-05", -30), ("minutes", "2026-01-12", 150)]
    assert taken(one, 0, used, grants=(given("wg_1", 5, "2026-01-10"),)) == (120, 100, 5, 15, 0)


# --- aggregates that are no sum


def with_meter(aggregate: Aggregate, included: int = 0, **more: Any) -> Subscription:
    (plain,) = metered(included=included, each="1").values()
    meter = Meter(aggregate=aggregate, **more)
    return sub(
        "sub_1", monthly(features={"minutes": replace(plain, feature=replace(plain.feature, meter=meter))})
    )


@pytest.mark.parametrize(
    ("aggregate", "claim"),
    [
        # 4 on the 5th, 9 on the 12th, 6 on the 20th; the grant lives from the 10th on.
        ("sum", (19, 0, 15, 4, 0)),
        ("max", (9, 0, 5, 4, 0)),  # 4 by the 10th, it rose to 9 afterwards
        ("last", (6, 0, 2, 4, 0)),  # 6 in the end: 4 of it was there by the 10th
    ],
)
def test_a_unit_counts_at_the_instant_at_which_it_raised_the_total(
    aggregate: Aggregate, claim: tuple[int, ...]
) -> None:
    used = [("minutes", "2026-01-05", 4), ("minutes", "2026-01-12", 9), ("minutes", "2026-01-20", 6)]
    assert taken(with_meter(aggregate), 0, used, grants=(given("wg_1", 50, "2026-01-10"),)) == claim


def test_a_level_that_falls_gives_back_the_units_that_came_last() -> None:
    # last: 9 on the 5th, 2 on the 12th: in the end 2, which were there before the grant.
    used = [("minutes", "2026-01-05", 9), ("minutes", "2026-01-12", 2)]
    grant = given("wg_1", 50, "2026-01-10")
    assert taken(with_meter("last"), 0, used, grants=(grant,)) == (2, 0, 0, 2, 0)


def test_a_mean_over_time_counts_each_change_where_it_was_made() -> None:
    # January has 31 days. +31 from the 2nd on: 30/31 of it: 30. +31 from the 17th (15 days are left: 17th to
    # 31st): 15. The grant lives from the 10th: it pays for the 15.
    used = [("minutes", "2026-01-02", 31), ("minutes", "2026-01-17", 31)]
    grant = given("wg_1", 50, "2026-01-10")
    assert taken(with_meter("weighted"), 0, used, grants=(grant,)) == (45, 0, 15, 30, 0)


def test_the_highest_level_of_seats_is_paid_where_it_rose() -> None:
    # 3 seats before January, 5 on the 12th, 4 on the 20th: the peak is 5, and 2 of it came after the 10th.
    (plain,) = metered(included=0, each="1").values()
    seats = replace(plain, feature=replace(plain.feature, reset="never"))
    one = sub("sub_1", monthly(features={"minutes": seats}))
    used = [("minutes", "2025-12-20", 3), ("minutes", "2026-01-12", 2), ("minutes", "2026-01-20", -1)]
    grant = given("wg_1", 50, "2026-01-10")
    assert taken(one, 0, used, grants=(grant,)) == (5, 0, 2, 3, 0)


def test_a_meter_rounds_the_quantity_of_the_whole_period_once() -> None:
    # up to whole ones: 1.2 + 1.2 = 2.4 → 3, not 2 + 2. The grant of the 10th pays what the rounded total rose
    # by: 1.2 → 2 before it, 3 at the end: 1.
    used = [("minutes", "2026-01-05", "1.2"), ("minutes", "2026-01-12", "1.2")]
    one = with_meter("sum", rounding=Rounding(0, "up"))
    assert taken(one, 0, used) == (3, 0, 0, 3, 0)
    assert taken(one, 0, used, grants=(given("wg_1", 50, "2026-01-10"),)) == (3, 0, 1, 2, 0)


# --- allowances of parts of periods


def stub(included: int, **more: Any) -> Subscription:
    """Calendar months; begun on 17 January, 15 of 31 days."""
    (plain,) = metered(included=included).values()
    features = {"minutes": replace(plain, **more)}
    return sub("sub_1", monthly(features=features, anchor=Anchor("calendar")), "2026-01-17")


def test_a_partial_period_has_the_whole_allowance_unless_it_is_prorated() -> None:
    # 93 × 15/31 = 45 units in the stub, 93 in February.
    used = [("minutes", "2026-01-20", 100), ("minutes", "2026-02-20", 100)]
    assert taken(stub(93), 0, used) == (100, 93, 0, 7, 0)
    assert taken(stub(93, prorate_allowance=True), 0, used) == (100, 45, 0, 55, 0)
    assert taken(stub(93, prorate_allowance=True), 1, used) == (100, 93, 0, 7, 0)


def test_a_prorated_allowance_is_exact_and_only_the_line_is_rounded() -> None:
    # 100 × 15/31 = 1500/31 = 48.387…; 60 used: 360/31 = 11.612… at 0.10 = 1.1612 → 1.16.
    found, _ = close(stub(100, prorate_allowance=True), 0, [("minutes", "2026-01-20", 60)])
    assert found["minutes"].claim.included == Fraction(1500, 31)
    assert found["minutes"].rated.amount_minor == 116


def test_an_end_within_a_period_prorates_its_allowance_too() -> None:
    # To 1 February, then canceled at 15 February: 14 of 28 days of 93 are 46.5.
    ended = canceled(stub(93, prorate_allowance=True), "2026-02-15")
    assert taken(ended, 1, [("minutes", "2026-02-10", 100)]) == (100, Fraction(93, 2), 0, Fraction(107, 2), 0)


def test_what_is_bought_ahead_in_the_middle_serves_its_whole_period() -> None:
    step = QuantityStep(t("2026-01-20"), "minutes", Decimal(130), 1, charged=True)
    one = sub("sub_1", monthly(features=hard(100)), steps=(step,))
    # 120 on the 5th, before the 30 were bought: within 130.
    assert taken(one, 0, [("minutes", "2026-01-05", 120)]) == (120, 120, 0, 0, 0)
    assert taken(one, 0, [("minutes", "2026-01-05", 140)]) == (140, 130, 0, 0, 10)
    assert taken(one, 1, [("minutes", "2026-02-05", 140)]) == (140, 130, 0, 0, 10)


def test_a_quantity_that_changes_at_the_boundary_belongs_to_the_period_that_begins() -> None:
    step = QuantityStep(t("2026-02-01"), "minutes", Decimal(130), 1)
    one = sub("sub_1", monthly(features=hard(100)), steps=(step,))
    used = [("minutes", "2026-01-05", 140), ("minutes", "2026-02-05", 140)]
    assert [taken(one, index, used)[1] for index in (0, 1)] == [100, 130]


def test_several_units_of_a_plan_include_as_many_allowances() -> None:
    one = sub("sub_1", monthly(features=hard(100), quantity=(1, 9)), quantity=3)
    assert taken(one, 0, [("minutes", "2026-01-05", 320)]) == (320, 300, 0, 0, 20)


# --- windows


def test_where_one_subscription_alone_grants_a_feature_its_period_is_one_stretch() -> None:
    one = sub("sub_1", monthly(features=metered()))
    course = LineUp((one,)).course("minutes", t("2026-01-01"), t("2026-02-01"))
    assert len(course) == 1
    assert [window.key for window in windows_of(course)] == [
        ("sub_1", "minutes", t("2026-01-01"), t("2026-02-01"))
    ]


def test_stretches_tile_the_time_and_change_where_something_opens_or_closes() -> None:
    one = sub("sub_1", monthly(features=metered()))
    two = sub("sub_2", monthly(features=hard()), "2026-01-16")
    grant = given("wg_1", 5, "2026-01-05", "2026-01-25")
    course = LineUp((one, two), (grant,)).course("minutes", t("2026-01-01"), t("2026-02-01"))
    edges = [(stretch[0].reading.window.starts_at, stretch[0].reading.window.ends_at) for stretch in course]
    assert edges == [
        (t(f"2026-{begin}"), t(f"2026-{end}"))
        for begin, end in pairwise(("01-01", "01-05", "01-16", "01-25", "02-01"))
    ]


def test_the_walk_begins_where_an_allowance_that_is_still_open_began() -> None:
    one = sub("sub_1", monthly(features=metered()))
    two = sub("sub_2", monthly(features=hard()), "2026-01-16")
    # February of sub_1: sub_2's period has run since 16 January, when sub_1's had since 1 January.
    course = LineUp((one, two)).course("minutes", t("2026-02-01"), t("2026-03-01"))
    assert course[0][0].reading.window.starts_at == t("2026-01-01")
    lineup = LineUp((one, two))
    seen = events(("minutes", "2026-01-20", 150), ("minutes", "2026-02-03", 60))
    found = drain(lineup.entries(course, measured(windows_of(course), (one, two), seen)), {})
    # January: 100 of sub_1, 50 of sub_2. February: 50 of sub_2 (it ends on the 16th), 10 of sub_1.
    assert found.used == {
        ("sub_1", "minutes", 0): 100, ("sub_2", "minutes", 0): 100, ("sub_1", "minutes", 1): 10,
    }  # fmt: skip


def test_an_allowance_period_is_cut_at_the_start_and_at_the_end() -> None:
    (grantor,) = LineUp((canceled(stub(93), "2026-02-15"),)).grantors("minutes")
    assert isinstance(grantor, Grantor)
    first, last = grantor.period(0), grantor.period(1)
    assert (first.starts_at, first.ends_at) == (t("2026-01-17"), t("2026-02-01"))
    assert (last.starts_at, last.ends_at) == (t("2026-02-01"), t("2026-02-15"))


def test_units_that_the_own_allowance_paid_for_another_account_still_count_as_positions() -> None:
    # Two plans charge; sub_2 is older and ends on 20 January, until when it answers: the 10 units that sub_1's
    # allowance includes are used up on the 10th. Then 33 units are above: positions 11 to 43, of which 20 lie in the
    # row to 30 at 1.00 and 13 above it at 0.10.
    entitlement = replace(
        metered(included=10)["minutes"], beyond=Beyond("usage", {"": graduated("30", "1", "0.10")})
    )
    one = sub("sub_1", monthly(features={"minutes": entitlement}), "2026-01-01")
    older = canceled(sub("sub_2", monthly(features=metered(included=0)), "2025-12-25"), "2026-01-20")
    used = [("minutes", "2026-01-10", 10), ("minutes", "2026-01-25", 33)]
    found, _ = close(one, 0, used, older)
    minutes = found["minutes"]
    assert values(minutes.claim, CLAIM) == (43, 10, 0, 33, 0)
    assert minutes.rated.amount_minor == 2130


# --- the usual case, seen at once


@pytest.mark.parametrize("reset", ["default", "month", "week", "day", "never"])
@pytest.mark.parametrize("start", ["2026-01-01", "2025-12-31", "2026-01-09"])
@pytest.mark.parametrize("end", ["", "2026-01-15", "2026-02-01", "2026-02-10"])
@pytest.mark.parametrize("beside", ["nothing", "another", "a feeder", "a grant"])
def test_a_course_that_is_seen_at_once_is_the_one_that_is_walked(
    reset: Any, start: str, end: str, beside: str
) -> None:
    features = hard(reset=reset) | (spending("1/10") if beside == "a feeder" else {})
    one = sub("sub_1", monthly(features=features), start)
    subscriptions = [canceled(one, end) if end else one]
    if beside == "another":
        subscriptions.append(sub("sub_2", monthly(features=hard()), "2026-01-05"))
    grants = [given("g", 10, "2026-01-20")] if beside == "a grant" else []
    lineup = LineUp(subscriptions, grants)
    days = ["2026-01-01", "2026-01-02", "2026-01-08", "2026-01-09", "2026-02-01", "2026-02-09"]
    for since, until in pairwise(days):
        assert lineup.course("minutes", t(since), t(until)) == lineup.walked("minutes", t(since), t(until))


def test_an_ordinary_month_is_seen_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    def never(*_: object) -> None:
        pytest.fail("an ordinary month was walked")

    monkeypatch.setattr(LineUp, "walked", never)
    lineup = LineUp([sub("sub_1", monthly(features=hard()))])
    ((place,),) = lineup.course("minutes", t("2026-02-01"), t("2026-03-01"))
    assert (place.account, place.grants) == (("sub_1", "minutes", 1), ())


def test_a_closing_draws_on_grants_for_its_own_account_alone() -> None:
    # Until the 12th sub_1 answers for what is used, and its end took 30 of the 50; 15 of the 20 left are sub_2's.
    first = canceled(sub("sub_1", monthly(features=hard(0)), "2025-12-12"), "2026-01-12")
    second = sub("sub_2", monthly(features=hard(0)))
    used = [("minutes", "2026-01-05", 30), ("minutes", "2026-01-13", 15)]
    grant = replace(given("g1", 50, "2026-01-01"), left=Fraction(20))
    found, lefts = close(second, 0, used, first, grants=[grant])
    assert found["minutes"].account.wallet == {"g1": 15}
    assert lefts == {"g1": 5}


def test_what_is_left_rolls_over_though_another_allowance_pays_first() -> None:
    first = sub("sub_1", monthly(features=hard(100)))
    second = sub("sub_2", monthly(features=hard(50, rollover="all")))
    found, _ = close(second, 0, [("minutes", "2026-01-05", 20)], first)
    assert values(found["minutes"].claim, "included carried") == (0, 50)
