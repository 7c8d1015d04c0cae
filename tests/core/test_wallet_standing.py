"""What is left in a wallet now: posted entries less what usage has drawn since, and only while a grant lives."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import pytest

from planctl.core.periods import Instant
from planctl.core.wallet_standing import Cause, of_debit, standing
from planctl.core.wallets import Entry, Grant, kept_back, spendable

DAY = 86_400_000_000


def a_grant(name: str = "a", left: int | str = 100, ends: int | None = None, **more: Any) -> Grant:
    """100 minutes given on day 0."""
    end = None if ends is None else Instant(ends * DAY)
    return Grant(name, "nova", "minutes", name, Fraction(100), Fraction(left), Instant(0), end, **more)


def an_entry(key: str, amount: int = -1, reverses: str = "") -> Entry:
    """The tenth entry, of grant a, which leaves 60 minutes."""
    return Entry("nova", "minutes", 10, "a", key, Fraction(amount), Fraction(60), Instant(DAY), reverses)


def test_what_usage_has_drawn_since_is_not_left_any_more() -> None:
    wallet = standing([a_grant(left=60)], [an_entry("close:x")], {"a": Fraction(25)}, Instant(DAY))["minutes"]
    (one,) = wallet.grants
    assert wallet.posted == 60
    assert wallet.balance == one.left == 35
    assert one.drawn == 25
    assert one.state == "open"


@pytest.mark.parametrize(
    ("grant", "entries", "drawn", "state"),
    [
        (a_grant(left=0), [], 0, "spent"),
        (a_grant(left=60), [], 60, "spent"),
        (a_grant(left=60, ends=1), [], 10, "expired"),
        (a_grant(left=0, ends=1), [], 0, "spent"),
        (a_grant(left=10, ends=1), [an_entry("void:a")], 10, "void"),
    ],
)
def test_a_grant_of_which_nothing_is_left_says_why(
    grant: Grant, entries: list[Entry], drawn: int, state: str
) -> None:
    wallet = standing([grant], entries, {"a": Fraction(drawn)}, Instant(DAY))["minutes"]
    (one,) = wallet.grants
    assert one.left == wallet.balance == 0
    assert one.state == state


def test_grants_stand_in_the_order_of_spending_and_later_ones_are_not_there_yet() -> None:
    never, soon = a_grant("never"), a_grant("soon", ends=9)
    later = Grant("later", "nova", "minutes", "l", Fraction(1), Fraction(1), Instant(5 * DAY))
    chats = Grant("c", "nova", "chats", "c", Fraction(1), Fraction(1), Instant(0))
    found = standing([never, later, soon, chats], [], {}, Instant(DAY))
    assert {name: [one.grant.id for one in wallet.grants] for name, wallet in found.items()} == {
        "minutes": ["soon", "never"],
        "chats": ["c"],
    }


@pytest.mark.parametrize(
    ("drawn", "kept"),
    [
        (Fraction(0), Fraction(0)),
        (Fraction(1, 3), Fraction("0.333333333334")),  # rounded up, so that its closing finds all of it
        (Fraction(100), Fraction(60)),
    ],
)
def test_what_stays_for_usage_that_is_not_closed_is_enough_for_it(drawn: Fraction, kept: Fraction) -> None:
    assert kept_back(a_grant(left=60), drawn) == kept


def test_nothing_is_spendable_outside_a_life() -> None:
    grant = a_grant(ends=2)
    assert [spendable(grant, Fraction(1), Instant(at * DAY)) for at in (0, 1, 2)] == [99, 99, 0]


@pytest.mark.parametrize(
    ("grant", "key", "text"),
    [
        (a_grant(pack="minutes_1k"), "grant:a", "bought minutes_1k"),
        (a_grant(reason="an outage"), "grant:a", "given: an outage"),
        (a_grant(), "close:sub_1:usage:0::0:a", "usage"),
        (a_grant(), "void:a", "taken out"),
        (a_grant(), "reverse:close:sub_1:usage:0::0:a", "given back"),
    ],
)
def test_an_entry_says_what_caused_it(grant: Grant, key: str, text: str) -> None:
    assert Cause(an_entry(key), grant).text == text


def test_a_debit_and_what_takes_it_back_name_the_invoice_of_the_closing() -> None:
    numbers = {"close:sub_1:usage:1::0:": "INV-1", "close:sub_1:usage:10::0:": "INV-2"}
    debit = an_entry("close:sub_1:usage:10::0:a")
    back = an_entry("reverse:close:sub_1:usage:1::0:a", 1, "close:sub_1:usage:1::0:a")
    assert [of_debit(one, numbers) for one in (debit, back, an_entry("void:a"))] == ["INV-2", "INV-1", ""]
