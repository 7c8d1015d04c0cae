"""Laws of comparing two bills, against looking at single quantities one by one."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction

from hypothesis import given
from hypothesis import strategies as st

from planctl.core.pricing.curves import Curve, compare
from planctl.core.pricing.kinds.convert import Convert
from planctl.core.pricing.kinds.each import Each
from planctl.core.pricing.kinds.graduated import Graduated
from planctl.core.pricing.kinds.package import Package
from planctl.core.pricing.kinds.tiers import Tier
from planctl.core.pricing.kinds.volume import Volume

prices = st.integers(0, 12).map(lambda cents: {"USD": Decimal(cents) / 10})


@st.composite
def tier_tables(draw: st.DrawFn) -> tuple[Tier, ...]:
    bounds = sorted(draw(st.sets(st.integers(1, 40), max_size=3)))
    ends = [*(Decimal(bound) for bound in bounds), None]
    return tuple(Tier(to=end, each=draw(prices), flat=draw(st.just({}) | prices)) for end in ends)


converts = st.none() | st.builds(
    Convert,
    st.sampled_from(["0.5", "1", "1.5", "3", "10"]).map(Decimal),
    st.sampled_from(["up", "down", "none"]),
)
kinds = st.one_of(
    st.builds(Each, prices),
    st.builds(
        Package,
        st.integers(1, 12).map(Decimal),
        prices,
        st.sampled_from(["up", "down", "none"]),
        st.integers(0, 3),
    ),
    st.builds(Graduated, tier_tables(), st.booleans(), converts),
    st.builds(Volume, tier_tables(), st.booleans(), converts, st.booleans()),
)
curves = st.builds(Curve, kinds, st.none() | st.integers(0, 30).map(Decimal))
quantities = st.integers(0, 2_000).map(lambda tenths: Fraction(tenths, 10))


@given(curves, curves, st.lists(quantities, min_size=5, max_size=20))
def test_every_quantity_is_told_apart_as_looking_at_it_does(
    old: Curve, new: Curve, looked_at: list[Fraction]
) -> None:
    found = compare(old, new, "USD")
    for quantity in looked_at:
        before, after = old.at(quantity, "USD"), new.at(quantity, "USD")
        around = [s for s in found.stretches if s.low <= quantity and (s.high is None or quantity <= s.high)]
        if before != after:
            assert any(s.dearer is (after > before) for s in around), f"{quantity}: {before} -> {after}"
        if after > before:
            assert found.from_zero or (after - before) / before <= found.worst
        for stretch in around:
            inside = stretch.low < quantity and quantity != stretch.high
            if inside and not stretch.in_places:
                assert (after > before) is stretch.dearer, f"{quantity}: {before} -> {after} in {stretch}"
            if stretch.most is not None and stretch.dearer is (after > before):
                assert abs(after - before) <= stretch.most


@given(curves, curves)
def test_the_way_back_is_dearer_where_the_way_there_is_cheaper(old: Curve, new: Curve) -> None:
    there, back = compare(old, new, "USD"), compare(new, old, "USD")
    assert [(s.low, s.high) for s in there.stretches if s.dearer] == [
        (s.low, s.high) for s in back.stretches if not s.dearer
    ]


@given(curves)
def test_a_curve_does_not_differ_from_itself(curve: Curve) -> None:
    assert compare(curve, curve, "USD").stretches == ()
