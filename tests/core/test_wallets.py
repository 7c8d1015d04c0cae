"""Grants pay in their order, exactly, and only during their life."""

from __future__ import annotations

from fractions import Fraction

import pytest

from planctl.core.invoicing.model import Settlement
from planctl.core.periods import Instant
from planctl.core.wallets import Grant, debit_key, debit_prefix, grant_key, posted, take, void_key

DAY = 86_400_000_000


def a_grant(
    name: str, left: int = 100, *, given: int = 0, ends: int | None = None, priority: int = 0, pack: str = ""
) -> Grant:
    """A grant of 100 minutes, `given` and `ends` in days."""
    return Grant(
        id=name,
        customer="nova",
        feature="minutes",
        key=name,
        amount=Fraction(100),
        left=Fraction(left),
        granted_at=Instant(given * DAY),
        expires_at=None if ends is None else Instant(ends * DAY),
        pack=pack,
        priority=priority,
    )


def taken(grants: list[Grant], quantity: int | str) -> dict[str, str]:
    """What each grant pays of a quantity, in the order of paying."""
    lefts = {grant.id: grant.left for grant in grants}
    return {name: str(units) for name, units in take(lefts, grants, Fraction(quantity))}


def test_the_grant_that_expires_first_pays_first() -> None:
    late, soon = a_grant("late", ends=60), a_grant("soon", ends=30)
    assert taken([late, soon], 120) == {"soon": "100", "late": "20"}


def test_a_grant_that_never_expires_pays_last_however_old_it_is() -> None:
    never, soon = a_grant("never", given=0), a_grant("soon", given=20, ends=30)
    assert list(taken([never, soon], 150)) == ["soon", "never"]


def test_of_two_that_expire_together_the_older_pays_first() -> None:
    assert list(taken([a_grant("b", given=1, ends=30), a_grant("a", given=2, ends=30)], 150)) == ["b", "a"]


def test_of_two_given_at_once_the_one_that_was_not_bought_pays_first() -> None:
    bought, given = a_grant("a", ends=30, pack="minutes_1k"), a_grant("b", ends=30)
    assert list(taken([bought, given], 150)) == ["b", "a"]


def test_a_lower_priority_number_pays_before_an_earlier_expiry() -> None:
    assert list(taken([a_grant("soon", ends=5), a_grant("first", priority=-1)], 150)) == ["first", "soon"]


def test_what_is_left_goes_down_by_what_is_taken_and_never_below_zero() -> None:
    grants = [a_grant("a", 30, ends=30), a_grant("b", 0, ends=31), a_grant("c", 5)]
    lefts = {grant.id: grant.left for grant in grants}
    assert take(lefts, grants, Fraction(50)) == [("a", Fraction(30)), ("c", Fraction(5))]
    assert lefts == {"a": 0, "b": 0, "c": 0}


@pytest.mark.parametrize("quantity", [0, -5])
def test_no_usage_takes_nothing(quantity: int) -> None:
    assert taken([a_grant("a")], quantity) == {}


def test_only_the_grants_given_pay() -> None:
    lefts = {"a": Fraction(100), "b": Fraction(100)}
    assert take(lefts, [a_grant("b")], Fraction(1, 3)) == [("b", Fraction(1, 3))]
    assert lefts == {"a": Fraction(100), "b": Fraction(299, 3)}


def test_a_life_begins_with_its_first_instant_and_ends_before_its_last() -> None:
    grant = a_grant("a", given=10, ends=20)
    instants = [10 * DAY - 1, 10 * DAY, 20 * DAY - 1, 20 * DAY]
    assert [grant.lives(Instant(at)) for at in instants] == [False, True, True, False]


@pytest.mark.parametrize(
    ("units", "entry"),
    [
        (Fraction(1, 3), "333333333333/1000000000000"),
        (Fraction(2, 3), "666666666666/1000000000000"),
        (Fraction(7), "7"),
        (Fraction(1, 10**13), "0"),
        (Fraction(-2, 3), "-666666666666/1000000000000"),
    ],
)
def test_an_entry_has_twelve_decimals_and_is_never_more_than_was_used(units: Fraction, entry: str) -> None:
    assert posted(units) == Fraction(entry)


def test_a_debit_names_what_was_settled_and_the_grant() -> None:
    settled = Settlement("sub_1", "usage:day", 3, "billed", Instant(0), revision=1)
    assert debit_prefix(settled) == "close:sub_1:usage:day:3::1:"
    assert debit_key(settled, "grant_7") == "close:sub_1:usage:day:3::1:grant_7"


def test_a_grant_and_its_void_have_keys_of_their_own() -> None:
    assert (grant_key("grant_7"), void_key("grant_7")) == ("grant:grant_7", "void:grant_7")


def test_a_grant_that_pays_nothing_is_passed_over_and_the_ones_behind_it_pay() -> None:
    lefts = {"a": Fraction(0), "b": Fraction(-3), "c": Fraction(5)}
    given = [a_grant("a", ends=1), a_grant("b", ends=2), a_grant("unknown", ends=3), a_grant("c", ends=4)]
    assert take(lefts, given, Fraction(7)) == [("c", Fraction(5))]
    assert lefts == {"a": 0, "b": -3, "c": 0}
