"""Who pays for a unit, stretch by stretch: allowances in their order, what it spends, wallets, then nobody."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from fractions import Fraction

import pytest

from planctl.core.catalog.model import Beyond, Entitlement, Feature
from planctl.core.draining import (
    Account,
    Allowance,
    Drained,
    Entry,
    PoolKey,
    carried_on,
    drain,
    taken_back,
)
from planctl.core.periods import Instant
from planctl.core.pools import passes_on_to
from planctl.core.pricing.kinds.each import Each
from planctl.core.wallets import Grant

TENTH = {"minutes": Fraction(1, 10)}
PRICE = Beyond("usage", {"": Each({"USD": Decimal("0.12")})})


def key(feature: str, index: int = 0, subscription: str = "sub_1") -> PoolKey:
    return (subscription, feature, index)


def entry(
    feature: str,
    used: int | str = 0,
    included: int | None = 0,
    spends: Mapping[str, Fraction] | None = None,
    *grants: Grant,
) -> Entry:
    """One feature of `sub_1` in its first period."""
    units = None if included is None else Fraction(included)
    paying = (Allowance(key(feature), units),)
    return Entry(feature, Fraction(used), paying, key(feature), spends or {}, grants)


def grant(name: str, units: int, **more: int | None) -> Grant:
    amount = Fraction(units)
    expires = more.get("expires")
    begins = Instant(more.get("begins") or 0)
    ends = None if expires is None else Instant(expires)
    return Grant(name, "nova", "minutes", name, amount, amount, begins, ends, priority=more.get("rank") or 0)


def drained(*stretches: Sequence[Entry], **lefts: int) -> Drained:
    return drain(stretches, {name: Fraction(units) for name, units in lefts.items()})


def told(found: Drained, feature: str, names: str = "total included passed_on above") -> list[object]:
    return [getattr(found.account(key(feature)), name) for name in names.split()]


def pair(quantity: int, units: int) -> tuple[Fraction, Fraction]:
    return Fraction(quantity), Fraction(units)


# --- one stretch


def test_features_that_spend_nothing_have_an_account_each() -> None:
    found = drained([entry("calls", 7, None), entry("minutes", 130, 100), entry("seats", 0, 3)])
    assert told(found, "minutes") == [130, 100, 0, 30]
    assert told(found, "calls") == [7, 7, 0, 0]
    assert told(found, "seats") == [0, 0, 0, 0]
    assert found.used == {key("minutes"): 100, key("calls"): 7}


def test_ten_chats_draw_one_minute() -> None:
    found = drained([entry("chats", 250, 0, TENTH), entry("minutes", 600, 1000)])
    assert found.account(key("minutes")).drawn == {"chats": pair(250, 25)}
    assert told(found, "minutes") == [625, 625, 0, 0]
    assert told(found, "chats") == [250, 0, 250, 0]


def test_an_own_allowance_is_used_before_anothers() -> None:
    found = drained([entry("chats", 130, 100, TENTH), entry("minutes", 0, 1000)])
    assert told(found, "chats") == [130, 100, 30, 0]
    assert told(found, "minutes", "total") == [3]


@pytest.mark.parametrize(("chats", "drawn"), [(0, 0), (99, 0), (100, 0), (101, Fraction(1, 10))])
def test_a_draw_begins_with_the_first_unit_above_the_own_allowance(chats: int, drawn: Fraction) -> None:
    found = drained([entry("chats", chats, 100, TENTH), entry("minutes", 0, 50)])
    assert told(found, "minutes", "total") == [drawn]


def test_draws_past_the_target_are_its_excess() -> None:
    found = drained([entry("chats", 80, 0, TENTH), entry("minutes", 15, 20)])
    assert told(found, "minutes") == [23, 20, 0, 3]


def test_chains_hand_on_what_is_above_each_allowance() -> None:
    # 60 chats: 20 included, 40 draw 4 minutes; 10 + 4 minutes: 11 included, 3 draw 6 credits; 5 included, 1 above.
    found = drained(
        [
            entry("chats", 60, 20, TENTH),
            entry("minutes", 10, 11, {"credits": Fraction(2)}),
            entry("credits", 0, 5),
        ]
    )
    assert told(found, "minutes") == [14, 11, 3, 0]
    assert told(found, "credits") == [6, 5, 0, 1]
    assert found.account(key("credits")).drawn == {"minutes": pair(3, 6)}


def test_several_features_draw_on_one_account_and_one_on_several() -> None:
    found = drained(
        [
            entry("chats", 70, 0, TENTH),
            entry("voice", 5, 0, {"minutes": Fraction(1), "credits": Fraction(3)}),
            entry("credits", 0, 100),
            entry("minutes", 0, 100),
        ]
    )
    assert found.account(key("minutes")).drawn == {"chats": pair(70, 7), "voice": pair(5, 5)}
    assert told(found, "minutes", "total") == [12]
    assert told(found, "credits", "total") == [15]


def test_an_unlimited_allowance_passes_nothing_on() -> None:
    found = drained([entry("chats", 10**9, None, TENTH), entry("minutes", 0, 10)])
    assert told(found, "chats") == [10**9, 10**9, 0, 0]
    assert told(found, "minutes", "total") == [0]


def test_an_account_that_nothing_came_to_is_empty() -> None:
    assert drained().account(key("minutes")) == Account()


# --- several allowances


def test_allowances_pay_in_the_order_given_and_the_account_counts_them_all() -> None:
    # 130 units: 30 of the first, 60 of the second, 40 above. The account is the first one's.
    first, second = (
        Allowance(key("minutes"), Fraction(30)),
        Allowance(key("minutes", 4, "sub_2"), Fraction(60)),
    )
    found = drained([Entry("minutes", Fraction(130), (first, second), key("minutes"))])
    assert told(found, "minutes") == [130, 90, 0, 40]
    assert found.used == {key("minutes"): 30, key("minutes", 4, "sub_2"): 60}


def test_an_allowance_that_runs_on_has_only_left_what_earlier_stretches_did_not_use() -> None:
    # A daily one of 10 before a monthly one of 25, on three days with 18, 4 and 40 units:
    # day 1: 10 + 8; day 2: 4; day 3: 10 + 17 of the month's remaining, 13 above.
    month = Allowance(key("minutes", 0, "sub_2"), Fraction(25))
    days = [
        [
            Entry(
                "minutes",
                Fraction(units),
                (Allowance(key("minutes", day), Fraction(10)), month),
                key("minutes", 0, "sub_2"),
            )
        ]
        for day, units in enumerate((18, 4, 40))
    ]
    found = drained(*days)
    assert found.used == {
        key("minutes", 0): 10, key("minutes", 1): 4, key("minutes", 2): 10, month.key: 25,
    }  # fmt: skip
    assert found.account(month.key).included == 49
    assert found.account(month.key).above == 13


def test_an_allowance_that_shrank_below_what_it_paid_takes_nothing_back() -> None:
    large, small = Allowance(key("minutes"), Fraction(50)), Allowance(key("minutes"), Fraction(20))
    found = drained(
        [Entry("minutes", Fraction(40), (large,), key("minutes"))],
        [Entry("minutes", Fraction(5), (small,), key("minutes"))],
    )
    assert told(found, "minutes") == [45, 40, 0, 5]


def test_what_was_used_before_a_change_of_plan_counts_against_the_allowance_after_it() -> None:
    # 15 of the old plan's 50 were used; of the new one's 20, 5 are left for 8 units, and none for 2 more.
    old, new = key("minutes", 3, "sub_0"), key("minutes")
    after = Allowance(new, Fraction(20), before=(old, key("minutes", 2, "sub_0")))
    found = drained(
        [Entry("minutes", Fraction(15), (Allowance(old, Fraction(50)),), old)],
        [Entry("minutes", Fraction(8), (after,), new)],
        [Entry("minutes", Fraction(2), (after,), new)],
    )
    assert told(found, "minutes") == [10, 5, 0, 5]
    assert found.used_before(new) == 15
    assert found.used_before(old) == 0
    assert found.used == {old: 15, new: 5}


def test_what_is_passed_on_and_drawn_adds_up_over_stretches() -> None:
    found = drained(
        [entry("chats", 250, 0, TENTH), entry("minutes", 0, 1000)],
        [entry("chats", 130, 0, TENTH), entry("minutes", 0, 1000)],
    )
    assert told(found, "chats") == [380, 0, 380, 0]
    assert found.account(key("minutes")).drawn == {"chats": pair(380, 38)}


# --- wallets


def test_with_a_payer_the_grants_pay_for_its_account_alone() -> None:
    stretch = [entry("minutes", 30, 0, {}, grant("wg_1", 50))]
    lefts = {"wg_1": Fraction(50)}
    other = drain([stretch], lefts, key("minutes", 1))
    assert told(other, "minutes", "paid_by_wallet above") == [0, 30]
    assert lefts == {"wg_1": 50}
    own = drain([stretch], lefts, key("minutes"))
    assert told(own, "minutes", "paid_by_wallet above") == [30, 0]
    assert lefts == {"wg_1": 20}


def test_a_wallet_pays_what_no_allowance_does_and_is_drawn_down() -> None:
    lefts = {"wg_1": Fraction(20)}
    found = drain([[entry("minutes", 130, 100, {}, grant("wg_1", 20))]], lefts)
    assert told(found, "minutes", "included paid_by_wallet above") == [100, 20, 10]
    assert lefts == {"wg_1": 0}


def test_the_grant_that_expires_first_pays_first_and_one_that_never_does_last() -> None:
    never, late = grant("wg_1", 50), grant("wg_2", 50, expires=900)
    soon = grant("wg_3", 50, expires=500)
    found = drained([entry("minutes", 120, 0, {}, never, late, soon)], wg_1=50, wg_2=50, wg_3=50)
    assert found.account(key("minutes")).wallet == {"wg_3": 50, "wg_2": 50, "wg_1": 20}


def test_of_grants_that_expire_together_the_older_one_pays_first() -> None:
    younger, older = grant("wg_1", 5, begins=20, expires=900), grant("wg_2", 5, begins=10, expires=900)
    found = drained([entry("minutes", 7, 0, {}, younger, older)], wg_1=5, wg_2=5)
    assert found.account(key("minutes")).wallet == {"wg_2": 5, "wg_1": 2}


def test_a_priority_goes_before_the_expiry() -> None:
    soon, first = grant("wg_1", 5, expires=500, rank=1), grant("wg_2", 5)
    found = drained([entry("minutes", 7, 0, {}, soon, first)], wg_1=5, wg_2=5)
    assert found.account(key("minutes")).wallet == {"wg_2": 5, "wg_1": 2}


def test_a_grant_pays_only_in_the_stretches_in_which_it_lives() -> None:
    # 40 before it began, 40 while it lived (of which 30), 40 after it: 40 + 10 + 40 above.
    alive = grant("wg_1", 30)
    found = drained(
        [entry("minutes", 40)], [entry("minutes", 40, 0, {}, alive)], [entry("minutes", 40)], wg_1=30
    )
    assert told(found, "minutes", "total paid_by_wallet above") == [120, 30, 90]


def test_the_wallet_of_the_target_pays_for_what_spends_it() -> None:
    # 500 chats are 50 minutes: 20 included, 25 of the wallet, 5 above.
    found = drained([entry("chats", 500, 0, TENTH), entry("minutes", 0, 20, {}, grant("wg_1", 25))], wg_1=25)
    assert told(found, "minutes", "total included paid_by_wallet above") == [50, 20, 25, 5]
    assert told(found, "chats") == [500, 0, 500, 0]


def test_a_target_without_grants_leaves_the_rest_as_its_excess_though_the_source_has_some() -> None:
    found = drained([entry("chats", 100, 0, TENTH, grant("wg_1", 100)), entry("minutes", 0, 0)], wg_1=100)
    assert told(found, "minutes", "paid_by_wallet above") == [0, 10]


# --- corrections


@pytest.mark.parametrize(
    ("rises", "left"),
    [
        ([5, 3, -2], [5, 1, 0]),  # the last units are taken back
        ([5, 3, -6], [2, 0, 0]),  # and those before them
        ([5, -8, 4], [0, 0, 1]),  # what is still owed comes off what follows
        ([5, -8, 2, 1], [0, 0, 0, 0]),  # all of it: 5 − 8 + 2 + 1 = 0
        ([-3], [0]),  # and is forgotten at the end
        ([5, -8, 1], [0, 0, 0]),
        ([5, -2, -2, 4], [1, 0, 0, 4]),
        ([], []),
    ],
)
def test_a_correction_takes_back_the_units_before_it(rises: list[int], left: list[int]) -> None:
    assert taken_back([Fraction(rise) for rise in rises]) == left


def test_parts_of_a_unit_are_taken_back_as_whole_ones_are() -> None:
    half = Fraction(1, 2)
    assert taken_back([Fraction(5), half, half]) == [5, half, half]
    assert taken_back([Fraction(5), -half]) == [Fraction(9, 2), 0]
    assert taken_back([half, Fraction(-1), Fraction(1)]) == [0, 0, half]


# --- rolling over


@pytest.mark.parametrize(
    ("included", "rolled", "used", "cap", "carried"),
    [
        (100, 0, 60, None, 40),  # all that is left
        (100, 40, 60, None, 80),  # also what came in before
        (100, 40, 60, 50, 50),  # but not more than the cap
        (100, 0, 100, 50, 0),
        (100, 0, 130, None, 0),  # more cannot have been used; nothing is owed
        (0, 0, 0, 50, 0),
    ],
)
def test_what_was_not_used_rolls_over_up_to_the_cap(
    included: int, rolled: int, used: int, cap: int | None, carried: int
) -> None:
    limit = None if cap is None else Fraction(cap)
    assert carried_on(Fraction(included), Fraction(rolled), Fraction(used), limit) == carried


# --- what a feature passes on


CHATS = Feature("chats", "metered", spends=TENTH)


def test_an_entitlement_passes_on_what_it_says_and_nothing_where_it_says_nothing() -> None:
    assert passes_on_to(Entitlement(CHATS, own_allowance=False, spends=TENTH)) == TENTH
    assert passes_on_to(Entitlement(CHATS)) == {}, "reading a plan has put the definition's in already"
    fifth = {"minutes": Fraction(1, 5)}
    assert passes_on_to(Entitlement(CHATS, spends=fifth)) == fifth


def test_a_feature_with_a_price_of_its_own_passes_nothing_on() -> None:
    assert passes_on_to(Entitlement(CHATS, included=Decimal(3), spends=TENTH, beyond=PRICE)) == {}
