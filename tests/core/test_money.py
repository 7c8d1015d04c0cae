"""Money: exact numbers in, one rounding, parts that sum to the whole, plain text out."""

from __future__ import annotations

import csv
from decimal import Decimal, localcontext
from fractions import Fraction
from pathlib import Path

import pytest

from planctl.core.currencies import Currency
from planctl.core.money import (
    Money,
    NumberError,
    allocate,
    decimal_text,
    decimals_used,
    format_amount,
    format_minor,
    fraction_text,
    parse_decimal,
    plus,
    round_half_up,
    round_minor,
    to_minor,
)

USD = Currency("USD", "US Dollar", 2)
JPY = Currency("JPY", "Yen", 0)
KWD = Currency("KWD", "Kuwaiti Dinar", 3)
USDT = Currency("USDT", "Tether", 6, iso=False)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("0", "0"),
        ("-0", "0"),
        ("-0.00", "0.00"),
        ("+5", "5"),
        ("-12", "-12"),
        ("19.90", "19.90"),
        ("0.00000001", "0.00000001"),
        ("0.000000000001", "0.000000000001"),
        ("999999999999999999", "999999999999999999"),
        ("-999999999999999999.999999999999", "-999999999999999999.999999999999"),
    ],
)
def test_a_plain_number_is_read_exactly(text: str, value: str) -> None:
    number = parse_decimal(text)
    assert number.as_tuple() == Decimal(value).as_tuple()


@pytest.mark.parametrize(
    ("text", "reason", "fix"),
    [
        ("", "there is no number", "write one, such as 19.90"),
        ("1e3", "'1e3' has an exponent", "write all its digits"),
        ("1E-8", "'1E-8' has an exponent", "write all its digits"),
        ("1e999999999", "'1e999999999' has an exponent", "write all its digits"),
        ("NaN", "'NaN' is not a number", "write a number in digits"),
        ("-inf", "'-inf' is not a number", "write a number in digits"),
        ("Infinity", "'Infinity' is not a number", "write a number in digits"),
        ("0x1F", "'0x1F' is not a decimal number", "write it in base ten"),
        ("010", "'010' has leading zeros", "write it without them"),
        ("00.5", "'00.5' has leading zeros", "write it without them"),
        (".5", "'.5' has no digit before the point", "write 0 before the point"),
        ("5.", "'5.' has no digit after the point", "leave the point out"),
        ("1,000", "'1,000' has thousands commas", "leave the commas out"),
        ("19,90", "'19,90' has a decimal comma", "write a point instead"),
        ("1_000", "'1_000' has underscores", "leave the underscores out"),
    ],
)
def test_a_common_mistake_is_named_with_its_fix(text: str, reason: str, fix: str) -> None:
    with pytest.raises(NumberError) as caught:
        parse_decimal(text)
    assert caught.value.reason == reason
    assert caught.value.fix == fix
    assert str(caught.value) == f"{reason}; {fix}"


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("\u0661\u0662\u0663", r"character 1 is '\u0661'"),  # Arabic-Indic 123, which int() would read
        ("1\uff12.5", r"character 2 is '\uff12'"),  # a full-width 2, which Decimal() would read
        ("5\n", r"character 2 is '\n'"),
        (" 5", r"character 1 is ' '"),
        ("12:30", "character 3 is ':'"),
        ("5-", "character 2 is '-'"),
        ("$5", "character 1 is '$'"),
        ("\u22125", r"character 1 is '\u2212'"),  # a minus sign that is no hyphen
    ],
)
def test_a_character_that_does_not_belong_is_named_with_its_position(text: str, named: str) -> None:
    with pytest.raises(NumberError) as caught:
        parse_decimal(text, allow_underscores=True)
    assert named in caught.value.reason
    assert str(caught.value).isascii()
    assert str(caught.value).isprintable()


@pytest.mark.parametrize("text", ["1.2.3", "..", "-", "+", ".", "--1", "1.-2"])
def test_other_nonsense_is_refused(text: str) -> None:
    with pytest.raises(NumberError):
        parse_decimal(text)


@pytest.mark.parametrize(
    ("text", "value"), [("1_000", "1000"), ("1_600_000", "1600000"), ("0.000_001", "0.000001")]
)
def test_underscores_between_digits_are_read_where_they_are_allowed(text: str, value: str) -> None:
    assert parse_decimal(text, allow_underscores=True) == Decimal(value)


@pytest.mark.parametrize("text", ["_1", "1_", "1__0", "1_.5", "1._5", "0_1", "_"])
def test_underscores_elsewhere_are_refused(text: str) -> None:
    with pytest.raises(NumberError):
        parse_decimal(text, allow_underscores=True)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("1000000000000000000", "'1000000000000000000' has 19 digits before the point"),
        ("0.0000000000001", "'0.0000000000001' has 13 decimals"),
        ("9" * 1_000_000, "the number is 1000000 characters long"),
    ],
)
def test_a_number_with_too_many_digits_is_refused(text: str, reason: str) -> None:
    with pytest.raises(NumberError) as caught:
        parse_decimal(text)
    assert caught.value.reason == reason


@pytest.mark.parametrize(
    ("amount", "currency", "minor"),
    [
        ("19.99", USD, 1999),  # int(19.99 * 100) is 1998 in binary floating point
        ("-0.05", USD, -5),
        ("1.230", USD, 123),
        ("500", JPY, 500),
        ("1.234", KWD, 1234),
        ("0.000001", USDT, 1),
        ("10000000000000.00", USD, 10**15),
        ("-10000000000000", USD, -(10**15)),
        ("0.0", JPY, 0),
    ],
)
def test_an_amount_becomes_whole_minor_units_exactly(amount: str, currency: Currency, minor: int) -> None:
    assert to_minor(Decimal(amount), currency) == minor


def test_an_amount_with_too_many_decimals_is_refused_and_never_rounded() -> None:
    with pytest.raises(NumberError) as caught:
        to_minor(Decimal("1.234"), USD)
    assert caught.value.reason == "1.234 has 3 decimals, USD has 2"
    assert caught.value.fix == "write the amount with at most 2 decimals"
    with pytest.raises(NumberError):
        to_minor(Decimal("500.5"), JPY)


@pytest.mark.parametrize(
    "amount", ["10000000000000.01", "-10000000000000.01", "1E+1000000", "1E-1000000", "NaN"]
)
def test_an_amount_beyond_the_limit_is_refused(amount: str) -> None:
    with pytest.raises(NumberError):
        to_minor(Decimal(amount), USD)


@pytest.mark.parametrize(
    ("exact", "decimals", "minor"),
    [
        # Half up, away from zero: ties at every sign and number of decimals.
        (Fraction("0.005"), 2, 1),
        (Fraction("-0.005"), 2, -1),
        (Fraction("0.015"), 2, 2),
        (Fraction("0.025"), 2, 3),  # half even would give 2
        (Fraction("1.005"), 2, 101),
        (Fraction("2.675"), 2, 268),  # round(2.675, 2) is 2.67 in binary floating point
        (Fraction("-10.125"), 2, -1013),
        (Fraction("0.5"), 0, 1),
        (Fraction("1.5"), 0, 2),
        (Fraction("2.5"), 0, 3),
        (Fraction("-2.5"), 0, -3),
        (Fraction("0.0005"), 3, 1),
        (Fraction("0.0000005"), 6, 1),
        # Around the ties.
        (Fraction("0.004999999999"), 2, 0),
        (Fraction("-0.004999999999"), 2, 0),
        (Fraction("99.9999"), 2, 10000),
        (Fraction(1, 3), 2, 33),
        (Fraction(2, 3), 2, 67),
        (Fraction(-2, 3), 0, -1),
        (Fraction(0), 2, 0),
        (Fraction("-0.00000000000000024"), 2, 0),
    ],
)
def test_a_line_is_rounded_once_half_up_away_from_zero(exact: Fraction, decimals: int, minor: int) -> None:
    assert round_minor(exact, decimals) == minor


def test_rounding_beyond_the_largest_amount_is_refused() -> None:
    assert round_minor(Fraction(10**13), 2) == 10**15
    with pytest.raises(NumberError) as caught:
        round_minor(Fraction(10**13) + Fraction("0.005"), 2)
    assert (
        caught.value.reason == "the amount is beyond 10,000,000,000,000 (1,000,000,000,000,000 minor units)"
    )


def test_quantities_round_to_twelve_decimals_whatever_their_size() -> None:
    assert round_half_up(Fraction(10**18) + Fraction(2, 3), 12) == 1_000_000_000_000_000_000_666_666_666_667


@pytest.mark.parametrize(
    ("total", "weights", "parts"),
    [
        (101, [335, 335, 335], (34, 34, 33)),  # 3 x 0.335 = 1.005, one line of 1.01 shown by tier
        (100, [1, 1, 1], (34, 33, 33)),
        (-100, [1, 1, 1], (-34, -33, -33)),
        (5, [1, 2, 3], (1, 2, 2)),  # 0.83, 1.67, 2.5: the largest remainders win
        (1, [1, 1], (1, 0)),  # a tie goes to the earlier position
        (7, [0, 1, 0], (0, 7, 0)),
        (10, [0, 0, 0], (4, 3, 3)),
        (0, [3, 1], (0, 0)),
        (0, [], ()),
        (2, [1] * 5, (1, 1, 0, 0, 0)),
        (10**15, [1], (10**15,)),
        (10, [Fraction(1, 3), Fraction(2, 3)], (3, 7)),  # 3.33, 6.67
        (100, [Fraction(1, 2), 1, Fraction(3, 2)], (17, 33, 50)),  # 16.67, 33.33, 50
    ],
)
def test_parts_go_to_the_largest_remainders_and_sum_to_the_whole(
    total: int, weights: list[int | Fraction], parts: tuple[int, ...]
) -> None:
    assert allocate(total, weights) == parts
    assert sum(parts) == total


def test_a_share_below_zero_or_of_nobody_is_our_own_mistake() -> None:
    with pytest.raises(AssertionError):
        allocate(10, [2, -1])
    with pytest.raises(AssertionError):
        allocate(10, [])


@pytest.mark.parametrize(
    ("minor", "currency", "machine", "human"),
    [
        (123450, USD, "1234.50", "1,234.50"),
        (-123450, USD, "-1234.50", "-1,234.50"),
        (5, USD, "0.05", "0.05"),
        (-5, USD, "-0.05", "-0.05"),
        (0, USD, "0.00", "0.00"),
        (500, JPY, "500", "500"),
        (-1234567, JPY, "-1234567", "-1,234,567"),
        (1234, KWD, "1.234", "1.234"),
        (1, USDT, "0.000001", "0.000001"),
        (10**15, USD, "10000000000000.00", "10,000,000,000,000.00"),
    ],
)
def test_an_amount_is_written_with_its_currencys_decimals(
    minor: int, currency: Currency, machine: str, human: str
) -> None:
    assert format_minor(minor, currency) == machine
    assert format_amount(minor, currency) == human
    assert str(Money(minor, currency)) == f"{human} {currency.code}"


def test_money_beyond_the_limit_is_our_own_mistake() -> None:
    with pytest.raises(AssertionError):
        Money(10**15 + 1, USD)


@pytest.mark.parametrize(
    ("value", "text", "decimals"),
    [
        ("0.00000001", "0.00000001", 8),
        ("1E-8", "0.00000001", 8),
        ("5E+2", "500", 0),
        ("19.90", "19.9", 1),
        ("500.00", "500", 0),
        ("-0.0", "0", 0),
        ("0", "0", 0),
        ("100", "100", 0),
        ("-1.50", "-1.5", 1),
        ("999999999999999999.999999999999", "999999999999999999.999999999999", 12),
    ],
)
def test_a_decimal_is_written_without_exponent_or_trailing_zeros(
    value: str, text: str, decimals: int
) -> None:
    assert decimal_text(Decimal(value)) == text
    assert decimals_used(Decimal(value)) == decimals


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (Fraction(1, 10), "0.1"),
        (Fraction(-1, 8), "-0.125"),
        (Fraction(1, 3), "1/3"),
        (Fraction(-22, 7), "-22/7"),
        (Fraction(500), "500"),
        (Fraction(0), "0"),
        (Fraction(1, 10**8), "0.00000001"),
        (Fraction(5, 2), "2.5"),
    ],
)
def test_a_fraction_is_written_as_a_decimal_where_it_ends(value: Fraction, text: str) -> None:
    assert fraction_text(value) == text


def test_a_narrow_decimal_context_changes_nothing() -> None:
    with localcontext() as context:
        context.prec = 3
        assert parse_decimal("123456789.123456789012") == Decimal("123456789.123456789012")
        assert to_minor(Decimal("1234567.89"), USD) == 123456789
        assert decimal_text(Decimal("1234567.890")) == "1234567.89"
        assert decimals_used(Decimal("1234567.890")) == 2


def test_two_hundred_ties_go_away_from_zero() -> None:
    """The file was made with Python's decimal module, `ROUND_HALF_UP`; its first lines were checked by hand."""
    with (Path(__file__).parents[1] / "data" / "ties.csv").open(encoding="utf-8", newline="") as file:
        rows = [(row["exact"], int(row["decimals"]), int(row["units"])) for row in csv.DictReader(file)]
    assert len(rows) == 200
    assert [row for row in rows if round_half_up(Fraction(row[0]), row[1]) != row[2]] == []
    assert [row for row in rows if -round_half_up(-Fraction(row[0]), row[1]) != row[2]] == []


@pytest.mark.parametrize(
    ("text", "reason", "fix"),
    [
        # 64 characters are still looked at one by one, 65 are not.
        ("1" * 64, f"'{'1' * 64}' has 64 digits before the point", "write at most 18"),
        (
            "1" * 65,
            "the number is 65 characters long",
            "write at most 18 digits before the point and 12 after it",
        ),
        ("0.0000000000001", "'0.0000000000001' has 13 decimals", "write at most 12"),
        (
            "X1",
            "'X1' is not a number: character 1 is 'X'",
            "write digits 0-9 with at most one point, such as 19.90",
        ),
        ("1.2.3", "'1.2.3' is not a number", "write digits 0-9 with at most one point, such as 19.90"),
        (
            "\u0131nf",  # a dotless i is no letter of "inf" in either case
            r"'\u0131nf' is not a number: character 1 is '\u0131'",
            "write digits 0-9 with at most one point, such as 19.90",
        ),
    ],
)
def test_what_cannot_be_read_is_answered_with_its_reason_and_its_fix(
    text: str, reason: str, fix: str
) -> None:
    with pytest.raises(NumberError) as caught:
        parse_decimal(text)
    assert (caught.value.reason, caught.value.fix) == (reason, fix)


@pytest.mark.parametrize(
    ("amount", "reason", "fix"),
    [
        ("NaN", "NaN is not an amount of USD", "write it in plain digits"),
        ("-Infinity", "-Infinity is not an amount of USD", "write it in plain digits"),
        ("1E+19", "1.000000e+19 is not an amount of USD", "write it in plain digits"),
        # 19 digits before the point can be read out, and are then too many.
        (
            "1E+18",
            "the amount is beyond 10,000,000,000,000 (1,000,000,000,000,000 minor units)",
            "stay within 10,000,000,000,000 either way",
        ),
        (
            "1E-18",
            "0.000000000000000001 has 18 decimals, USD has 2",
            "write the amount with at most 2 decimals",
        ),
    ],
)
def test_an_amount_that_is_none_is_answered_with_its_reason_and_its_fix(
    amount: str, reason: str, fix: str
) -> None:
    with pytest.raises(NumberError) as caught:
        to_minor(Decimal(amount), USD)
    assert (caught.value.reason, caught.value.fix) == (reason, fix)


def test_minor_units_are_whole_numbers_and_nothing_that_only_equals_one() -> None:
    assert type(to_minor(Decimal("19.90"), USD)) is int
    assert str(to_minor(Decimal("9007199254740.93"), USD)) == "900719925474093"


def test_a_sum_is_exact_whatever_is_zero_in_it() -> None:
    assert plus() == 0
    assert plus(Fraction(0), Fraction(0)) == 0
    assert plus(Fraction(1, 2), Fraction(0), Fraction(1, 3)) == Fraction(5, 6)
    assert plus(Fraction(1, 3), Fraction(-1, 3), Fraction(1, 7)) == Fraction(1, 7)


def test_a_fraction_of_many_decimals_loses_none_of_them() -> None:
    assert fraction_text(Fraction(1, 10**30)) == "0." + "0" * 29 + "1"
    assert fraction_text(Fraction(1, 3 * 10**30)) == "1/3" + "0" * 30
