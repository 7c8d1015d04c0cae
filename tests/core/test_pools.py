"""Which pool pays for a unit, within one subscription and one allowance period."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from fractions import Fraction

import pytest

from planctl.core.catalog.model import Beyond, Entitlement, Feature
from planctl.core.pools import Allowance, Contribution, Pool, allowance_of, drain
from planctl.core.pricing.kinds.each import Each

TENTH = {"minutes": Fraction(1, 10)}
PRICE = Beyond("usage", {"": Each({"USD": Decimal("0.12")})})


def pools(allowances: Mapping[str, Allowance | int | None], **used: int | str) -> dict[str, Pool]:
    opened = {
        feature: given if isinstance(given, Allowance) else allowance(given)
        for feature, given in allowances.items()
    }
    return drain(opened, {feature: Fraction(quantity) for feature, quantity in used.items()})


def numbers(pool: Pool, names: str) -> list[object]:
    return [getattr(pool, name) for name in names.split()]


def allowance(included: int | None, spends: Mapping[str, Fraction] | None = None) -> Allowance:
    return Allowance(None if included is None else Fraction(included), spends or {})


def test_features_that_spend_nothing_have_a_pool_each() -> None:
    found = pools({"seats": 3, "minutes": 100, "calls": None}, minutes=130, calls=7)
    assert list(found) == ["calls", "minutes", "seats"]
    minutes, calls, seats = found["minutes"], found["calls"], found["seats"]
    assert numbers(minutes, "total kept used remaining") == [130, 130, 100, 0]
    assert numbers(calls, "total kept used remaining") == [7, 7, 7, None]
    assert numbers(seats, "total kept used remaining") == [0, 0, 0, 3]


def test_ten_chats_draw_one_minute() -> None:
    found = pools({"minutes": 1000, "chats": allowance(0, TENTH)}, minutes=600, chats=250)
    assert found["minutes"].drawn == (Contribution("chats", Fraction(250), Fraction(25)),)
    assert numbers(found["minutes"], "total remaining") == [625, 375]
    assert numbers(found["chats"], "own passed_on kept") == [250, 250, 0]


def test_an_own_allowance_is_used_before_anothers() -> None:
    found = pools({"minutes": 1000, "chats": allowance(100, TENTH)}, chats=130)
    assert numbers(found["chats"], "kept used remaining") == [100, 100, 0]
    assert found["chats"].passed_on == 30
    assert found["minutes"].total == 3


@pytest.mark.parametrize(("chats", "drawn"), [(0, 0), (99, 0), (100, 0), (101, Fraction(1, 10))])
def test_a_draw_begins_with_the_first_unit_above_the_own_allowance(chats: int, drawn: Fraction) -> None:
    assert pools({"minutes": 50, "chats": allowance(100, TENTH)}, chats=chats)["minutes"].total == drawn


def test_draws_past_the_target_are_its_excess() -> None:
    found = pools({"minutes": 20, "chats": allowance(0, TENTH)}, minutes=15, chats=80)
    assert numbers(found["minutes"], "kept used remaining") == [23, 20, 0]


def test_chains_hand_on_what_is_above_each_allowance() -> None:
    # 60 chats: 20 included, 40 draw 4 minutes; 10 + 4 minutes: 11 included, 3 draw 6 credits.
    found = pools(
        {
            "chats": allowance(20, TENTH),
            "minutes": allowance(11, {"credits": Fraction(2)}),
            "credits": allowance(5),
        },
        chats=60,
        minutes=10,
    )
    assert numbers(found["minutes"], "total kept passed_on") == [14, 11, 3]
    assert numbers(found["credits"], "total used") == [6, 5]
    assert found["credits"].drawn == (Contribution("minutes", Fraction(3), Fraction(6)),)


def test_several_features_draw_on_one_pool_and_one_on_several() -> None:
    found = pools(
        {
            "voice": allowance(0, {"minutes": Fraction(1), "credits": Fraction(3)}),
            "chats": allowance(0, TENTH),
            "minutes": 100,
            "credits": 100,
        },
        voice=5,
        chats=70,
    )
    assert [draw.feature for draw in found["minutes"].drawn] == ["chats", "voice"]
    assert found["minutes"].total == 12
    assert found["credits"].total == 15


def test_an_unlimited_allowance_passes_nothing_on() -> None:
    found = pools({"minutes": 10, "chats": allowance(None, TENTH)}, chats=10**9)
    assert found["chats"].kept == 10**9
    assert found["minutes"].total == 0


def test_a_target_that_is_not_granted_has_nothing_included() -> None:
    found = pools({"chats": allowance(0, TENTH)}, chats=10, minutes=7)
    assert numbers(found["minutes"], "included total") == [0, 1]


def test_usage_of_a_feature_that_is_not_granted_is_left_out() -> None:
    assert list(pools({"minutes": 10}, visitors=5)) == ["minutes"]


def test_a_negative_sum_of_corrections_takes_nothing_from_others() -> None:
    found = pools({"minutes": 10, "chats": allowance(5, TENTH)}, chats=-20, minutes=4)
    assert found["chats"].used == 0
    assert found["chats"].remaining == 5
    assert found["minutes"].total == 4


def test_a_circle_is_our_own_mistake() -> None:
    with pytest.raises(AssertionError, match="circle"):
        pools({"a": allowance(0, {"b": Fraction(1)}), "b": allowance(0, {"a": Fraction(1)})}, a=1)


CHATS = Feature("chats", "metered", spends=TENTH)


def test_an_entitlement_spends_what_it_says_and_nothing_where_it_says_nothing() -> None:
    tenth = allowance_of(Entitlement(CHATS, own_allowance=False, spends=TENTH))
    assert tenth == Allowance(Fraction(0), TENTH)
    assert allowance_of(Entitlement(CHATS)).spends == {}, "reading a plan has put the definition's in already"
    fifth = {"minutes": Fraction(1, 5)}
    assert allowance_of(Entitlement(CHATS, spends=fifth)).spends == fifth


def test_prepaid_units_add_to_the_allowance() -> None:
    seats = Entitlement(Feature("seats", "metered"), included=Decimal(10))
    assert allowance_of(seats, Fraction(5)).included == 15
    unlimited = Entitlement(Feature("seats", "metered"), included=None)
    assert allowance_of(unlimited, Fraction(5)).included is None


def test_a_feature_with_a_price_of_its_own_passes_nothing_on() -> None:
    assert allowance_of(Entitlement(CHATS, included=Decimal(3), beyond=PRICE)) == Allowance(Fraction(3))
