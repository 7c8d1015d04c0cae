"""Laws of money: nothing is lost in a split, rounding is off by half a unit at most, texts read back."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction

from hypothesis import given
from hypothesis import strategies as st

from planctl.core.currencies import Currency
from planctl.core.money import (
    MAX_MINOR,
    NumberError,
    allocate,
    decimal_text,
    decimals_used,
    format_amount,
    format_minor,
    fraction_text,
    parse_decimal,
    round_half_up,
    round_minor,
    to_minor,
)

amounts = st.integers(-MAX_MINOR, MAX_MINOR)
currencies = st.integers(0, 12).map(lambda decimals: Currency("TST", "Test", decimals, iso=False))
weights = st.lists(
    st.integers(0, 10**18) | st.fractions(0, 10**6, max_denominator=10**12), min_size=1, max_size=30
)
numbers = st.decimals(
    -(10**18) + 1, 10**18 - 1, allow_nan=False, allow_infinity=False, places=12
) | st.decimals(-1000, 1000, allow_nan=False, allow_infinity=False, places=3)
exacts = st.fractions(-(10**12), 10**12)


@given(amounts, weights)
def test_parts_sum_to_the_whole_and_each_is_within_one_unit_of_its_share(
    total: int, shares: list[int | Fraction]
) -> None:
    parts = allocate(total, shares)
    assert sum(parts) == total
    assert len(parts) == len(shares)
    whole = Fraction(sum(shares))
    for part, share in zip(parts, shares, strict=True):
        if whole:
            assert abs(part - total * share / whole) < 1
            assert part == 0 or share > 0
        assert part * total >= 0


@given(amounts, weights)
def test_a_credit_is_split_as_the_charge_it_takes_back(total: int, shares: list[int | Fraction]) -> None:
    assert allocate(-total, shares) == tuple(-part for part in allocate(total, shares))


@given(amounts, weights, st.integers(1, 10**6))
def test_only_the_proportion_of_weights_counts(total: int, shares: list[int | Fraction], factor: int) -> None:
    assert allocate(total, [share * factor for share in shares]) == allocate(total, shares)


@given(exacts, st.integers(0, 6))
def test_rounding_is_off_by_half_a_unit_at_most_and_ties_go_away_from_zero(
    exact: Fraction, decimals: int
) -> None:
    rounded = Fraction(round_half_up(exact, decimals), 10**decimals)
    unit = Fraction(1, 10**decimals)
    assert abs(rounded - exact) <= unit / 2
    if abs(rounded - exact) == unit / 2:
        assert abs(rounded) > abs(exact)
    assert round_half_up(-exact, decimals) == -round_half_up(exact, decimals)


@given(amounts, st.integers(0, 12))
def test_whole_units_are_not_changed_by_rounding(minor: int, decimals: int) -> None:
    assert round_minor(Fraction(minor, 10**decimals), decimals) == minor


@given(amounts, currencies)
def test_an_amount_reads_back_as_it_was_written(minor: int, currency: Currency) -> None:
    written = format_minor(minor, currency)
    assert to_minor(parse_decimal(written), currency) == minor
    assert format_amount(minor, currency).replace(",", "") == written


@given(numbers)
def test_a_number_reads_back_as_it_was_written(value: Decimal) -> None:
    text = decimal_text(value)
    assert parse_decimal(text) == value
    assert decimals_used(value) == len(text.partition(".")[2])
    assert fraction_text(Fraction(value)) == text


@given(st.fractions())
def test_a_fraction_reads_back_as_it_was_written(value: Fraction) -> None:
    assert Fraction(fraction_text(value)) == value


hostile = (
    st.text(st.sampled_from("0123456789.,_+-eExXnaif \u0663\uff15\u22121\n\u202e"), max_size=12) | st.text()
)


@given(hostile, st.booleans())
def test_any_text_is_read_exactly_or_refused_in_plain_words(text: str, allow_underscores: bool) -> None:
    answer = read(text, allow_underscores)
    if isinstance(answer, NumberError):
        assert str(answer) == f"{answer.reason}; {answer.fix}"
        assert str(answer).isascii()
        assert str(answer).isprintable()
    else:
        assert text.isascii()
        assert answer == Decimal(text.replace("_", ""))
        assert abs(answer) < 10**18


def read(text: str, allow_underscores: bool) -> Decimal | NumberError:
    try:
        return parse_decimal(text, allow_underscores=allow_underscores)
    except NumberError as problem:
        return problem
