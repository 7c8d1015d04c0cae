"""Who pays for which unit, and what a feature costs in one allowance period, worked out by hand."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction

import pytest

from planctl.core.pricing.kinds.each import Each
from planctl.core.pricing.kinds.graduated import Graduated
from planctl.core.pricing.kinds.package import Package
from planctl.core.pricing.kinds.tiers import Tier
from planctl.core.pricing.model import PriceKind
from planctl.core.pricing.prorate import prorated
from planctl.core.pricing.rate import FeatureUsage, RatedUsage, rate

TENTH = Each({"USD": Decimal("0.10")})


def rated(
    quantity: str,
    included: str | None = "0",
    price: PriceKind | None = TENTH,
    wallet: str = "0",
    up_to: str = "",
) -> RatedUsage:
    usage = FeatureUsage(
        Fraction(quantity),
        None if included is None else Fraction(included),
        price,
        Fraction(up_to) if up_to else None,
        Fraction(wallet),
    )
    return rate(usage, "USD", 2)


def split(usage: RatedUsage) -> tuple[int | Fraction, ...]:
    return usage.included, usage.wallet, usage.excess, usage.over_limit


@pytest.mark.parametrize(
    ("quantity", "paid_by", "amount_minor"),
    [
        ("0", (0, 0, 0, 0), 0),
        ("99", (99, 0, 0, 0), 0),
        ("100", (100, 0, 0, 0), 0),
        ("101", (100, 0, 1, 0), 10),
        ("100.5", (100, 0, Fraction(1, 2), 0), 5),
    ],
)
def test_the_allowance_pays_first(
    quantity: str, paid_by: tuple[Fraction | int, ...], amount_minor: int
) -> None:
    usage = rated(quantity, "100")
    assert split(usage) == paid_by
    assert usage.amount_minor == amount_minor
    assert usage.quantity == Fraction(quantity)


def test_the_wallet_pays_before_the_price_does() -> None:
    usage = rated("150", "100", wallet="30")
    assert split(usage) == (100, 30, 20, 0)
    assert usage.amount_minor == 200


def test_a_wallet_with_more_than_enough_pays_only_what_is_needed() -> None:
    assert split(rated("150", "100", wallet="80")) == (100, 50, 0, 0)


def test_units_paid_from_the_wallet_do_not_advance_tiers() -> None:
    # 25 used, 5 included, 12 from the wallet: 8 are charged, positions 6 to 10 at 1.00, 11 to 13 at 0.50.
    tiers = Graduated(
        (Tier(Decimal(10), {"USD": Decimal(1)}), Tier(None, {"USD": Decimal("0.5")})),
    )
    usage = rated("25", "5", tiers, wallet="12")
    assert split(usage) == (5, 12, 8, 0)
    assert usage.amount_minor == 650


def test_an_unlimited_allowance_pays_for_everything() -> None:
    assert split(rated("123456789", None)) == (123456789, 0, 0, 0)
    assert rated("123456789", None).amount_minor == 0


def test_without_a_price_the_limit_is_hard_and_the_rest_is_shown_not_billed() -> None:
    usage = rated("130", "100", None)
    assert split(usage) == (100, 0, 0, 30)
    assert usage.amount_minor == usage.exact == 0
    assert not usage.parts


def test_a_wallet_helps_past_a_hard_limit() -> None:
    assert split(rated("130", "100", None, wallet="10")) == (100, 10, 0, 20)


def test_usage_above_up_to_is_not_billed() -> None:
    # up_to counts the allowance: 120 allows 20 units at 0.10.
    usage = rated("130", "100", up_to="120")
    assert split(usage) == (100, 0, 20, 10)
    assert usage.amount_minor == 200


def test_a_negative_sum_of_corrections_costs_nothing() -> None:
    usage = rated("-5", "100")
    assert usage.quantity == -5
    assert split(usage) == (0, 0, 0, 0)
    assert usage.amount_minor == 0


def test_a_price_with_a_minimum_is_asked_without_usage_too() -> None:
    package = Package(Decimal(10), {"USD": Decimal(2)}, minimum_packages=1)
    assert rated("0", "100", package).amount_minor == 200


def test_the_catalog_example_of_heavy_use_costs_490() -> None:
    # 1,600,000 calls, 100,000 included: 900,000 × 0.0004 = 360, 600,000 × 0.0002 = 120, and the flat 10.
    # With the plan's fee of 49.00 the bill is 539.00.
    calls = Graduated(
        (
            Tier(Decimal(1_000_000), {"USD": Decimal("0.0004")}),
            Tier(None, {"USD": Decimal("0.0002")}, {"USD": Decimal(10)}),
        )
    )
    usage = rated("1600000", "100000", calls)
    assert split(usage) == (100_000, 0, 1_500_000, 0)
    assert [part.amount for part in usage.parts] == [360, 120, 10]
    assert usage.amount_minor == 490_00
    assert usage.amount_minor + 49_00 == 539_00


def test_2500_calls_above_the_allowance_are_three_packages() -> None:
    package = Package(Decimal(1_000), {"USD": Decimal("0.50")})
    assert rated("12500", "10000", package).amount_minor == 150


def test_a_line_is_rounded_once_and_its_parts_sum_to_it() -> None:
    # 3 × 0.335 = 1.005, rounded 1.01; three parts rounded alone would give 1.02.
    third = {"USD": Decimal("0.335")}
    usage = rated("3", "0", Graduated((Tier(Decimal(1), third), Tier(Decimal(2), third), Tier(None, third))))
    assert usage.exact == Fraction("1.005")
    assert usage.amount_minor == 101
    assert usage.parts_minor() == (34, 34, 33)


def test_half_a_cent_rounds_up_and_less_rounds_down() -> None:
    assert rated("1", "0", Each({"USD": Decimal("0.005")})).amount_minor == 1
    assert rated("1", "0", Each({"USD": Decimal("0.004999999999")})).amount_minor == 0


def test_the_currency_decides_the_decimals() -> None:
    usage = FeatureUsage(Fraction(3), price=Each({"JPY": Decimal("33.5"), "KWD": Decimal("0.3335")}))
    assert rate(usage, "JPY", 0).amount_minor == 101
    assert rate(usage, "KWD", 3).amount_minor == 1001


def test_a_part_of_a_fee_is_exact() -> None:
    # 46.00 for 10 of 31 days, twice: 29.677… and no cent is rounded yet.
    assert prorated(Decimal("46.00"), Fraction(10, 31), 2) == Fraction(920, 31)
    assert prorated(Fraction(1, 3), Fraction(1)) == Fraction(1, 3)
    assert prorated(Decimal(7), Fraction(0)) == 0
    assert prorated(Decimal(7), Fraction(1), 3) == 21
    for beyond in (Fraction(32, 31), Fraction(-1, 31)):
        with pytest.raises(AssertionError, match="part of a period"):
            prorated(Decimal(1), beyond)


def test_an_unlimited_allowance_says_what_was_used_and_costs_nothing() -> None:
    assert rated("7", None) == RatedUsage(
        Fraction(7), Fraction(7), Fraction(0), Fraction(0), Fraction(0), Fraction(0), 0
    )


def test_a_hard_limit_says_what_was_used_who_paid_and_what_is_over_it() -> None:
    # 130 used: 100 allowed, 10 from the wallet, 20 over the limit and not billed.
    assert rated("130", "100", None, wallet="10") == RatedUsage(
        Fraction(130), Fraction(100), Fraction(10), Fraction(0), Fraction(20), Fraction(0), 0
    )
