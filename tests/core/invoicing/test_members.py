"""Who of a company used what of an allowance period; the numbers are worked out by hand."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

import pytest

from planctl.core.catalog.model import Entitlement, Meter
from planctl.core.invoicing.lineup import LineUp
from planctl.core.invoicing.members import by_customer_document, used_by, windows_of_accounts
from planctl.core.invoicing.model import ByChild, Line
from planctl.core.invoicing.usage import Book, close, usage_line
from planctl.core.invoicing.usage_story import by_customer_of, usage_story
from planctl.core.periods import instant_text
from planctl.core.subscriptions.dues import due_of
from planctl.core.subscriptions.model import Subscription
from planctl.core.wallets import Grant
from tests.core.billing import metered, monthly, running, t

KEY = ("sub_1", "minutes", 0)
MIDDLE = "2026-01-16"
GRANT = Grant("grant_1", "nova", "minutes", "gift", Fraction(1), Fraction(0), t(MIDDLE))
"""A wallet that opens in the middle of January: from there on another stretch begins."""


def in_january(aggregate: str = "sum") -> tuple[Subscription, LineUp]:
    """A subscription with 100 minutes a month from 1 January, and a wallet from the 16th on."""
    (entitlement,) = metered("minutes", 100).values()
    meter = Meter(aggregate=aggregate)  # type: ignore[arg-type] # the test's own words
    counted: Entitlement = replace(entitlement, feature=replace(entitlement.feature, meter=meter))
    one = running(monthly(features={"minutes": counted}), "2026-01-01")
    return one, LineUp((one,), (GRANT,))


@pytest.mark.parametrize(
    ("aggregate", "windows"),
    [
        ("sum", [("2026-01-01T00:00:00Z", "2026-01-16T00:00:00Z"), ("2026-01-16T00:00:00Z", "2026-02-01T00:00:00Z")]),
        ("max", [("2026-01-01T00:00:00Z", "2026-02-01T00:00:00Z")]),
    ],
)  # fmt: skip
def test_a_sum_is_asked_for_stretch_by_stretch_and_all_else_once(
    aggregate: str, windows: list[tuple[str, str]]
) -> None:
    _, lineup = in_january(aggregate)
    course = lineup.course("minutes", t("2026-01-01"), t("2026-02-01"))
    found = windows_of_accounts(course, {KEY})
    assert [(instant_text(one.starts_at), instant_text(one.ends_at)) for one in found] == windows
    assert windows_of_accounts(course, {("sub_2", "minutes", 0)}) == ()


def january_line(used_before: dict[str, int], used_after: dict[str, int]) -> Line:
    """The line of January's minutes, of which everybody used so many before and after the 16th."""
    one, lineup = in_january()
    due = due_of(one, "usage", 0)
    course = lineup.course("minutes", t("2026-01-01"), t("2026-02-01"))
    first, second = windows_of_accounts(course, {KEY})
    by_child: ByChild = {
        first.key: {name: Fraction(units) for name, units in used_before.items()},
        second.key: {name: Fraction(units) for name, units in used_after.items()},
    }
    totals = {key: sum(users.values(), Fraction(0)) for key, users in by_child.items()}
    known = by_child if used_before or used_after else {}
    (closing,) = close(one, due, Book(lineup, totals, by_child=known))
    return usage_line(one, due, closing, {})


def test_a_line_tells_everybody_s_units_of_the_whole_period() -> None:
    line = january_line({"nova": 10, "east": 60}, {"east": 30, "north": 25})
    # 10 + 90 + 25 - 100 included
    assert line.quantity == 25
    assert by_customer_of(line) == {"east": 90, "north": 25, "nova": 10}
    story = usage_story(line)
    assert story is not None
    assert sum(story.by_customer.values()) == story.own == 125


def test_without_a_company_a_line_says_what_it_always_said() -> None:
    line = january_line({}, {})
    assert isinstance(line.detail, dict)
    assert "by_customer" not in line.detail, "or the content of every invoice would have another hash"
    assert by_customer_of(line) == {}


def test_who_used_nothing_or_took_it_all_back_is_not_told() -> None:
    one, lineup = in_january()
    course = lineup.course("minutes", t("2026-01-01"), t("2026-02-01"))
    first, second = windows_of_accounts(course, {KEY})
    by_child = {first.key: {"east": Fraction(5), "north": Fraction(1, 3)}, second.key: {"east": Fraction(-5)}}
    assert used_by((first, second), by_child) == {"north": Fraction(1, 3)}
    assert used_by((first, second), {}) == {}
    assert by_customer_document({"north": Fraction(1, 3)}) == {"by_customer": {"north": "1/3"}}
    assert one.id == KEY[0]
