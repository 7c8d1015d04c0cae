"""Whatever the grants and the usage: no unit is made or lost, and a grant is emptied before the next one pays."""

from __future__ import annotations

from fractions import Fraction

from hypothesis import given
from hypothesis import strategies as st

from planctl.core.periods import Instant
from planctl.core.wallets import Grant, kept_back, posted, take

UNITS = st.fractions(min_value=0, max_value=10**6, max_denominator=10**4)
STEP = Fraction(1, 10**12)


@st.composite
def grants(draw: st.DrawFn) -> list[Grant]:
    """Up to six grants, some of them spent, in any order."""
    found = []
    for number in range(draw(st.integers(0, 6))):
        left = posted(draw(UNITS))
        found.append(
            Grant(
                f"g{number}",
                "nova",
                "minutes",
                f"g{number}",
                left + 1,
                left,
                Instant(draw(st.integers(0, 3))),
                draw(st.none() | st.integers(4, 7).map(Instant)),
                draw(st.sampled_from(["", "pack"])),
                draw(st.integers(-1, 1)),
            )
        )
    return found


@given(grants(), UNITS)
def test_what_is_taken_is_what_is_not_left(several: list[Grant], quantity: Fraction) -> None:
    lefts = {grant.id: grant.left for grant in several}
    taken = take(lefts, several, quantity)
    total = sum((units for _, units in taken), Fraction(0))
    assert total == min(quantity, sum((grant.left for grant in several), Fraction(0)))
    assert all(units > 0 for _, units in taken)
    assert {grant.id: grant.left - lefts[grant.id] for grant in several} == (
        dict.fromkeys(lefts, Fraction(0)) | dict(taken)
    )


@given(grants(), UNITS)
def test_a_grant_is_empty_before_the_next_one_pays(several: list[Grant], quantity: Fraction) -> None:
    lefts = {grant.id: grant.left for grant in several}
    taken = take(lefts, several, quantity)
    order = [grant.id for grant in sorted(several, key=lambda one: one.order)]
    paid = [name for name, _ in taken]
    assert paid == sorted(paid, key=order.index)
    assert all(lefts[name] == 0 for name in paid[:-1])
    if paid:
        assert all(lefts[name] == 0 for name in order[: order.index(paid[-1])])


@given(grants(), UNITS, UNITS)
def test_taking_twice_is_taking_the_sum(several: list[Grant], one: Fraction, other: Fraction) -> None:
    twice, once = ({grant.id: grant.left for grant in several} for _ in range(2))
    take(twice, several, one)
    take(twice, several, other)
    take(once, several, one + other)
    assert twice == once


@given(UNITS)
def test_an_entry_is_less_than_a_step_below_what_was_used(units: Fraction) -> None:
    assert 0 <= units - posted(units) < STEP
    assert posted(-units) == -posted(units)
    assert posted(posted(units)) == posted(units)


@given(UNITS, UNITS)
def test_what_stays_covers_what_was_drawn_as_far_as_there_is_any(left: Fraction, drawn: Fraction) -> None:
    whole = posted(left)
    grant = Grant("g", "nova", "minutes", "g", whole + 1, whole, Instant(0))
    kept = kept_back(grant, drawn)
    assert min(drawn, whole) <= kept <= whole
    assert kept < drawn + STEP
    assert posted(kept) == kept
