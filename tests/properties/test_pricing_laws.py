"""Laws of prices for any terms: parts sum up, more never costs less, and a slow second opinion agrees."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from fractions import Fraction

from hypothesis import given
from hypothesis import strategies as st

from planctl.core.money import round_minor
from planctl.core.pricing.kinds.convert import Convert
from planctl.core.pricing.kinds.each import Each
from planctl.core.pricing.kinds.graduated import Graduated
from planctl.core.pricing.kinds.package import Package
from planctl.core.pricing.kinds.tiers import Tier
from planctl.core.pricing.kinds.volume import Volume
from planctl.core.pricing.model import Billable, PriceKind
from planctl.core.pricing.rate import FeatureUsage, rate

prices = st.decimals(min_value=0, max_value=1000, places=6)
quantities = st.fractions(min_value=0, max_value=1000, max_denominator=1000)


def usd(price: Decimal) -> dict[str, Decimal]:
    return {"USD": price}


@st.composite
def tier_tables(draw: st.DrawFn) -> tuple[Tier, ...]:
    """Up to five tiers with whole or fractional bounds below 60."""
    bounds = sorted(draw(st.sets(st.decimals(min_value="0.5", max_value=60, places=1), max_size=4)))
    rows = []
    for to in [*bounds, None]:
        each, flat = draw(
            st.tuples(st.none() | prices, st.none() | prices).filter(lambda pair: pair != (None, None))
        )
        rows.append(Tier(to, {} if each is None else usd(each), {} if flat is None else usd(flat)))
    return tuple(rows)


converts = st.none() | st.builds(
    Convert, st.decimals("0.1", 50, places=1), st.sampled_from(("up", "down", "none"))
)
graduated = st.builds(Graduated, tier_tables(), st.booleans(), converts)
volume = st.builds(Volume, tier_tables(), st.booleans(), converts, st.booleans())
each = prices.map(lambda price: Each(usd(price)))
package = st.builds(
    Package,
    of=st.decimals(min_value="0.5", max_value=100, places=1),
    prices=prices.map(usd),
    round=st.sampled_from(("up", "down", "none")),
    minimum_packages=st.integers(0, 3),
)
kinds: st.SearchStrategy[PriceKind] = st.one_of(each, package, graduated, volume)


@given(kinds, quantities, quantities)
def test_parts_sum_exactly_to_the_amount(kind: PriceKind, total: Fraction, included: Fraction) -> None:
    priced = kind.price(Billable(total, included), "USD")
    assert sum(part.amount for part in priced.parts) == priced.amount
    assert all(part.quantity * part.unit_price == part.amount for part in priced.parts)
    assert priced.amount >= 0


@given(kinds, quantities, quantities, st.sampled_from([0, 2, 3]))
def test_the_shown_parts_of_a_line_sum_to_the_line(
    kind: PriceKind, total: Fraction, included: Fraction, decimals: int
) -> None:
    rated = rate(FeatureUsage(total, included, kind), "USD", decimals)
    assert rated.amount_minor == round_minor(rated.exact, decimals)
    assert sum(rated.parts_minor()) == rated.amount_minor


@given(st.none() | kinds, quantities, st.none() | quantities, quantities, st.none() | quantities)
def test_every_unit_is_paid_by_exactly_one(
    kind: PriceKind | None,
    total: Fraction,
    included: Fraction | None,
    wallet: Fraction,
    up_to: Fraction | None,
) -> None:
    rated = rate(FeatureUsage(total, included, kind, up_to, wallet), "USD", 2)
    units = (rated.included, rated.wallet, rated.excess, rated.over_limit)
    assert sum(units) == total
    assert min(units) >= 0
    assert rated.wallet <= wallet
    assert included is None or rated.included <= included


@given(st.one_of(each, package, graduated), quantities, quantities, quantities)
def test_using_more_never_costs_less(
    kind: PriceKind, one: Fraction, other: Fraction, included: Fraction
) -> None:
    less, more = sorted((one, other))
    assert (
        kind.price(Billable(less, included), "USD").amount
        <= kind.price(Billable(more, included), "USD").amount
    )


@given(tier_tables(), st.integers(0, 20), quantities, quantities, st.booleans())
def test_prices_k_times_as_high_make_a_bill_k_times_as_high(
    tiers: tuple[Tier, ...], factor: int, total: Fraction, included: Fraction, at_zero: bool
) -> None:
    dearer = tuple(Tier(tier.to, scaled(tier.each, factor), scaled(tier.flat, factor)) for tier in tiers)
    for kind in (Graduated, Volume):
        bill = kind(tiers, at_zero).price(Billable(total, included), "USD").amount
        assert kind(dearer, at_zero).price(Billable(total, included), "USD").amount == bill * factor


@given(tier_tables(), st.integers(0, 3), st.decimals("0.1", 70, places=1), quantities, quantities)
def test_a_graduated_row_may_be_cut_anywhere_into_two_of_one_price(
    tiers: tuple[Tier, ...], row: int, at: Decimal, total: Fraction, included: Fraction
) -> None:
    row %= len(tiers)
    above = tiers[row - 1].to if row else Decimal(0)
    assert above is not None
    to = tiers[row].to
    if tiers[row].flat or not above < at or (to is not None and at >= to):
        return
    cut = (*tiers[:row], Tier(at, tiers[row].each), *tiers[row:])
    usage = Billable(total, included)
    assert Graduated(cut).price(usage, "USD").amount == Graduated(tiers).price(usage, "USD").amount


@given(kinds, st.integers(0, 9), quantities, quantities)
def test_any_price_k_times_as_high_makes_a_bill_k_times_as_high(
    kind: PriceKind, factor: int, total: Fraction, included: Fraction
) -> None:
    one = rate(FeatureUsage(total, included, kind), "USD", 2).exact
    assert rate(FeatureUsage(total, included, dearer(kind, factor)), "USD", 2).exact == one * factor


def dearer(kind: PriceKind, factor: int) -> PriceKind:
    if isinstance(kind, (Each, Package)):
        return replace(kind, prices=scaled(kind.prices, factor))
    assert isinstance(kind, (Graduated, Volume))
    rows = (Tier(tier.to, scaled(tier.each, factor), scaled(tier.flat, factor)) for tier in kind.tiers)
    return replace(kind, tiers=tuple(rows))


def scaled(row: object, factor: int) -> dict[str, Decimal]:
    assert isinstance(row, dict)
    return {code: price * factor for code, price in row.items()}


@given(tier_tables(), st.integers(0, 70), st.integers(0, 70))
def test_walking_unit_by_unit_gives_the_same_graduated_bill(
    tiers: tuple[Tier, ...], total: int, included: int
) -> None:
    # Bounds are cut to whole numbers, so that every unit lies in one tier.
    tiers = whole_bounds(tiers)
    bill, entered = Fraction(0), set[int]()
    for position in range(included + 1, total + 1):
        tier = first_that_holds(tiers, position)
        bill += Fraction(tiers[tier].each.get("USD", 0))
        if tier not in entered:
            bill += Fraction(tiers[tier].flat.get("USD", 0))
        entered.add(tier)
    assert Graduated(tiers).price(Billable(Fraction(total), Fraction(included)), "USD").amount == bill


@given(tier_tables(), st.integers(0, 70), st.integers(0, 70))
def test_counting_unit_by_unit_gives_the_same_volume_bill(
    tiers: tuple[Tier, ...], total: int, included: int
) -> None:
    reached = tiers[first_that_holds(tiers, total)]
    bill = Fraction(reached.flat.get("USD", 0)) if total > included else Fraction(0)
    for _ in range(included, total):
        bill += Fraction(reached.each.get("USD", 0))
    assert Volume(tiers).price(Billable(Fraction(total), Fraction(included)), "USD").amount == bill


def whole_bounds(tiers: tuple[Tier, ...]) -> tuple[Tier, ...]:
    found: dict[Decimal | None, Tier] = {}
    for tier in tiers:
        to = None if tier.to is None else Decimal(int(tier.to) + 1)
        found.setdefault(to, Tier(to, tier.each, tier.flat))
    return tuple(found.values())


def first_that_holds(tiers: tuple[Tier, ...], position: int) -> int:
    for index, tier in enumerate(tiers):
        if tier.to is None or position <= tier.to:
            return index
    raise AssertionError("the last tier is open")
