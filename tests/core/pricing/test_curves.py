"""The comparison of two bills: expected ranges and amounts are worked out by hand in each test."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction

from planctl.core.pricing.curves import Comparison, Curve, Stretch, compare
from planctl.core.pricing.kinds.each import Each
from planctl.core.pricing.kinds.graduated import Graduated
from planctl.core.pricing.kinds.package import Package
from planctl.core.pricing.kinds.tiers import Tier
from planctl.core.pricing.kinds.volume import Volume
from planctl.core.pricing.model import PriceKind


def each(price: str) -> Each:
    return Each({"USD": Decimal(price)})


def tier(to: str | None, price: str, flat: str = "") -> Tier:
    return Tier(
        to=Decimal(to) if to else None,
        each={"USD": Decimal(price)},
        flat={"USD": Decimal(flat)} if flat else {},
    )


def graduated(*tiers: Tier) -> Graduated:
    return Graduated(tiers)


def package(of: str, price: str, **more: int) -> Package:
    return Package(Decimal(of), {"USD": Decimal(price)}, minimum_packages=more.get("minimum", 0))


def compared(
    old: PriceKind, new: PriceKind, included: str = "0", new_included: str | None = None
) -> Comparison:
    after = Decimal(new_included if new_included is not None else included)
    return compare(Curve(old, Decimal(included)), Curve(new, after), "USD")


def test_the_same_price_differs_nowhere() -> None:
    assert compared(each("0.12"), each("0.12"), "100") == Comparison()


def test_a_dearer_unit_is_dearer_above_the_allowance_without_end() -> None:
    found = compared(each("0.10"), each("0.12"), "100")
    assert found.stretches == (
        Stretch(Fraction(100), None, dearer=True, most=None, per_unit=Fraction(2, 100)),
    )
    assert found.worst == Fraction(1, 5)
    assert not found.from_zero


def test_a_cheaper_unit_is_never_dearer() -> None:
    found = compared(each("0.12"), each("0.10"))
    assert not found.dearer
    assert found.worst == 0


def test_a_crossing_inside_a_piece_is_solved_exactly() -> None:
    # old: 0.10 a unit. new: 2.00 + 0.05 a unit up to 100, so both cost 4.00 at 40 units; above 100: 0.10.
    new = graduated(tier("100", "0.05", "2"), tier(None, "0.10"))
    found = compared(each("0.10"), new)
    assert found.stretches == (
        Stretch(Fraction(0), Fraction(40), dearer=True, most=Fraction(2)),
        Stretch(Fraction(40), None, dearer=False, most=Fraction(3)),
    )
    assert found.from_zero, (
        "the first unit costs 2.05 instead of 0.10, the smallest part of one 2.00 for nothing"
    )


def test_a_tier_that_starts_later_is_dearer_between_the_bounds_and_by_a_constant_after() -> None:
    # The cheap tier starts at 200 instead of 100: 100 units more at 0.10 - 0.05 = 0.05, so 5.00 at most.
    old = graduated(tier("100", "0.10"), tier(None, "0.05"))
    new = graduated(tier("200", "0.10"), tier(None, "0.05"))
    found = compared(old, new)
    assert found.stretches == (Stretch(Fraction(100), None, dearer=True, most=Fraction(5)),)
    assert found.worst == Fraction(1, 3), "15.00 became 20.00 at 200 units"


def test_a_volume_table_is_compared_on_both_sides_of_its_jumps() -> None:
    # Up to 100 units 0.10 each, above 0.05 each; new 0.06 above: 101 units cost 6.06 instead of 5.05.
    old = Volume((tier("100", "0.10"), tier(None, "0.05")))
    new = Volume((tier("100", "0.10"), tier(None, "0.06")))
    found = compared(old, new)
    assert found.stretches == (
        Stretch(Fraction(100), None, dearer=True, most=None, per_unit=Fraction(1, 100)),
    )
    assert found.worst == Fraction(1, 5)


def test_a_lower_allowance_costs_from_zero() -> None:
    found = compared(each("0.10"), each("0.10"), "100", "80")
    assert found.stretches == (Stretch(Fraction(80), None, dearer=True, most=Fraction(2)),)
    assert found.from_zero


def test_dearer_packages_of_one_size_are_dearer_from_the_first_unit() -> None:
    found = compared(package("1000", "0.50"), package("1000", "0.60"), "10000")
    assert [(one.low, one.high, one.dearer) for one in found.stretches] == [(Fraction(10000), None, True)]
    assert found.stretches[0].most is None
    assert found.stretches[0].per_unit == Fraction(1, 10000)
    assert found.worst == Fraction(1, 5)


def test_smaller_packages_for_the_same_money_are_dearer_only_in_places_at_first() -> None:
    # 1 to 500 units: 0.50 either way; 501 to 1,000: 1.00 instead of 0.50. Twice the price, again and again.
    found = compared(package("1000", "0.50"), package("500", "0.50"))
    assert [(one.low, one.high, one.dearer) for one in found.stretches] == [(Fraction(500), None, True)]
    assert found.worst == 1
    assert not found.from_zero


def test_packages_instead_of_single_units_are_dearer_in_places_though_never_on_full_packages() -> None:
    # 0.001 a unit against 1.00 per started 1,000: equal at 1,000, 2,000 ... and dearer between.
    found = compared(each("0.001"), package("1000", "1"))
    assert found.dearer
    assert found.from_zero, "the first part of a unit costs a whole package"
    assert [one.most for one in found.stretches if one.dearer] == [Fraction(1)]
    assert not any(not one.dearer for one in found.stretches)


def test_a_far_crossing_of_two_package_sizes_is_found() -> None:
    # 1,000 for 1.00 against 300 for 0.301: 3,000 units cost 3.00 and 3.01, so the new price drifts dearer.
    found = compared(package("1000", "1"), package("300", "0.301"))
    dearer = [one for one in found.stretches if one.dearer]
    assert dearer[-1].high is None
    assert dearer[-1].most is None
    assert dearer[-1].per_unit == Fraction(1, 300000)


def test_a_minimum_of_packages_costs_without_usage() -> None:
    found = compared(package("100", "1"), package("100", "1", minimum=3))
    assert found.from_zero
    assert found.stretches == (Stretch(Fraction(0), Fraction(200), dearer=True, most=Fraction(3)),)


def test_package_sizes_without_a_short_common_pattern_are_not_comparable() -> None:
    assert not compared(package("1000000", "1"), package("7", "0.01")).comparable


def test_many_packages_below_a_tier_bound_are_summed_up() -> None:
    # Below 1,000,000 units packages of 10 at 0.02 against 0.001 a unit; above it units cost 0.001 too.
    new = package("10", "0.02")
    old = graduated(tier("1000000", "0.001"), tier(None, "0.001"))
    found = compared(old, new)
    assert [(one.low, one.high, one.dearer) for one in found.stretches] == [(Fraction(0), None, True)]
    assert found.stretches[0].per_unit == Fraction(1, 1000)


def test_unlimited_costs_nothing_at_any_quantity() -> None:
    found = compare(Curve(each("0.10"), Decimal(0)), Curve(each("0.20"), None), "USD")
    assert [one.dearer for one in found.stretches] == [False]
