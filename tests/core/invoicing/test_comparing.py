"""What a run issues beside what the last one did: shares, limits, and what is over twice the usual."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction

import pytest

from planctl.core.invoicing.comparing import (
    Change,
    Volume,
    beyond,
    changes_of,
    is_unusual,
    percent_words,
    share_of,
)
from planctl.core.unreadable import Unreadable


def change(before: str, now: str) -> Change:
    return Change("USD", Decimal(before), Decimal(now))


@pytest.mark.parametrize(
    ("before", "now", "share", "percent", "words"),
    [
        ("100.00", "150.00", Fraction(1, 2), "50.0", "+50.0 %"),
        ("100.00", "0.00", Fraction(-1), "-100.0", "-100.0 %"),
        ("3", "4", Fraction(1, 3), "33.3", "+33.3 %"),
        ("3", "2", Fraction(-1, 3), "-33.3", "-33.3 %"),
        ("8", "8", Fraction(0), "0.0", "+0.0 %"),
        ("0", "0.00", Fraction(0), "0.0", "+0.0 %"),
        ("1000", "1000.4", Fraction(1, 2500), "0.0", "+0.0 %"),
        ("1000", "1000.5", Fraction(1, 2000), "0.1", "+0.1 %"),
        ("0", "5", None, "", "new"),
    ],
)
def test_a_difference_is_a_share_of_what_was(
    before: str, now: str, share: Fraction | None, percent: str, words: str
) -> None:
    found = change(before, now)
    assert (found.share, found.percent_text, percent_words(found.percent_text)) == (share, percent, words)


def test_the_count_and_every_currency_of_either_run_are_compared() -> None:
    before = Volume(2, {"USD": Decimal("98.00"), "JPY": Decimal(500)})
    now = Volume(3, {"USD": Decimal("147.00"), "EUR": Decimal("5.00")})
    assert [(one.what, str(one.before), str(one.now)) for one in changes_of(before, now)] == [
        ("invoices", "2", "3"),
        ("EUR", "0.00", "5.00"),
        ("JPY", "500", "0"),
        ("USD", "98.00", "147.00"),
    ]


def test_a_currency_that_was_nothing_and_is_gone_has_not_changed() -> None:
    (_, usd) = changes_of(Volume(1, {"USD": Decimal("0.00")}), Volume(1))
    assert usd.share == 0


@pytest.mark.parametrize(
    ("now", "limit", "is_beyond"),
    [("130", "3/10", False), ("130.01", "3/10", True), ("70", "3/10", False), ("69.99", "3/10", True),
     ("100", "0", False), ("100.01", "0", True)],
)  # fmt: skip
def test_exactly_the_limit_is_within_it_up_and_down(now: str, limit: str, is_beyond: bool) -> None:
    assert bool(beyond([change("100", now)], Fraction(limit))) == is_beyond


def test_something_out_of_nothing_is_beyond_every_limit() -> None:
    assert beyond([change("0", "0.01")], Fraction(10**6)) == (change("0", "0.01"),)


def test_twice_is_usual_and_a_cent_more_is_not() -> None:
    assert not is_unusual(4900, 9800)
    assert is_unusual(4900, 9801)
    assert not is_unusual(0, 4900)  # the month after a free one
    assert not is_unusual(0, 0)


@pytest.mark.parametrize(
    ("text", "share"),
    [("30%", "3/10"), ("30 %", "3/10"), ("30", "3/10"), ("7.5%", "3/40"), ("0", "0"), (" 200% ", "2")],
)
def test_a_limit_is_written_as_a_percentage(text: str, share: str) -> None:
    assert share_of(text) == Fraction(share)


@pytest.mark.parametrize("text", ["", "%", "a third", "-5%", "1e3", "30%%", "٣٠%", "1_0", ".5", "1" * 7])
def test_anything_else_is_no_percentage(text: str) -> None:
    with pytest.raises(Unreadable, match="30%"):
        share_of(text)
