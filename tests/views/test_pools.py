"""How allowances and wallets look: numbers in a pipe, bars at a terminal."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import pytest

from planctl.core.entitlements import OpenPool
from planctl.core.instants import zone
from planctl.core.periods import Period
from planctl.core.pools import Pool
from planctl.views.formats import Screen, render
from planctl.views.pools import pool_lines, section_lines
from planctl.views.safe import width
from planctl.views.sheet import Answer
from tests.core.billing import t

UTC = zone("UTC")
PIPE = Screen()
NONE = Fraction(0)


def state(
    used: int,
    included: int | None = 100,
    ends: str | None = "2026-02-01",
    pool: dict[str, Any] | None = None,
    **more: Any,
) -> OpenPool:
    """So many units used of so many included; with what else the pool says."""
    paid = used if included is None else min(used, included)
    whole = None if included is None else Fraction(included)
    held = Pool("minutes", whole, Fraction(paid), Fraction(used), **(pool or {}))
    ends_at = None if ends is None else t(ends)
    left = None if included is None else Fraction(included - paid)
    plain: dict[str, Any] = {"remaining": left, "excess": NONE, "over_limit": NONE} | more
    return OpenPool(held, Period(0, t("2026-01-01"), ends_at), **plain)


def shown(lines: list[str], screen: Screen = PIPE) -> list[str]:
    return list(render(Answer({}, tuple(lines)), "table", screen))


@pytest.mark.parametrize(
    ("pool", "text"),
    [
        (state(25), "25 of 100, 75 left · resets 2026-02-01"),
        (state(3, 10, None), "3 of 10, 7 left"),
        (state(1300, None), "1,300 of unlimited · resets 2026-02-01"),
        (
            state(130, pool={"wallet": Fraction(30)}, wallet=Fraction(20)),
            "130 of 100 · wallet 20 left · resets 2026-02-01",
        ),
        (state(130, excess=Fraction(30)), "130 of 100 · 30 to be billed · resets 2026-02-01"),
        (state(130, over_limit=Fraction(30)), "130 of 100 · 30 over the limit · resets 2026-02-01"),
        (
            state(50, 0, pool={"passed_on": Fraction(50)}, remaining=Fraction(7)),
            "50, 50 drawn on others, 7 left · resets 2026-02-01",
        ),
        (state(5, 0, excess=Fraction(5)), "5 of 0 · 5 to be billed · resets 2026-02-01"),
    ],
)
def test_a_line_tells_all_of_a_feature(pool: OpenPool, text: str) -> None:
    assert shown(pool_lines({"minutes": pool}, UTC, None)) == [f"minutes  {text}"]


def test_a_terminal_draws_bars_of_twenty_cells() -> None:
    pools = {"minutes": state(25), "seats": state(10, 10, None), "calls": state(1, 1000, None)}
    assert shown(pool_lines(pools, UTC, None, "  "), Screen(is_terminal=True, width=120)) == [
        "  minutes  █████░░░░░░░░░░░░░░░  25 of 100, 75 left · resets 2026-02-01",
        "  seats    ████████████████████  10 of 10, 0 left",
        "  calls    █░░░░░░░░░░░░░░░░░░░  1 of 1,000, 999 left",
    ]


def test_a_terminal_without_unicode_gets_bars_of_ascii() -> None:
    screen = Screen(is_terminal=True, width=120, unicode=False)
    assert shown(pool_lines({"minutes": state(25)}, UTC, None), screen) == [
        "minutes  #####---------------  25 of 100, 75 left · resets 2026-02-01"
    ]


def test_only_what_is_full_fills_the_last_cell() -> None:
    (line,) = shown(
        pool_lines({"minutes": state(999, 1000, None)}, UTC, None), Screen(is_terminal=True, width=90)
    )
    assert "███████████████████░" in line
    (line,) = shown(
        pool_lines({"minutes": state(0, 1000, None)}, UTC, None), Screen(is_terminal=True, width=90)
    )
    assert "█" not in line


@pytest.mark.parametrize("columns", [54, 66, 80, 100])
def test_bars_give_way_so_that_lines_fit(columns: int) -> None:
    pools = {"minutes": state(25), "seats": state(7, 10, None)}
    lines = shown(pool_lines(pools, UTC, None, "    "), Screen(is_terminal=True, width=columns))
    assert all(width(line) <= columns for line in lines)
    assert len({line.count("█") + line.count("░") for line in lines}) == 1


def test_a_narrow_terminal_has_no_bars() -> None:
    lines = shown(pool_lines({"minutes": state(25)}, UTC, None), Screen(is_terminal=True, width=40))
    assert lines == ["minutes  25 of 100, 75 left · resets 2026-02-01"]


def test_wide_letters_count_twice() -> None:
    lines = shown(pool_lines({"分": state(1, 10, None), "seats": state(2, 10, None)}, UTC, None))
    assert lines == ["分     1 of 10, 9 left", "seats  2 of 10, 8 left"]


def test_a_line_without_a_bar_leaves_its_place_empty() -> None:
    pools = {"minutes": state(25, ends=None), "chats": state(5, None, None)}
    lines = shown(pool_lines(pools, UTC, None), Screen(is_terminal=True, width=120))
    assert lines[1] == "chats    " + " " * 20 + "  5 of unlimited"


def test_sections_leave_out_what_has_nothing_to_say() -> None:
    pools = {
        "minutes": state(130, pool={"wallet": Fraction(10)}, wallet=Fraction(90), over_limit=Fraction(20)),
        "chats": state(5, 0, pool={"passed_on": Fraction(5)}),
        "calls": state(1300, None, None),
        "mails": state(0, 0),
    }
    assert shown([*section_lines(pools, UTC, None)]) == [
        "Included",
        "  minutes  100 of 100, 0 left · resets 2026-02-01",
        "  chats    5 drawn on others · resets 2026-02-01",
        "  calls    1,300 of unlimited",
        "Wallet",
        "  minutes  10 of 100, 90 left",
        "Excess",
        "  minutes  20 over the limit",
    ]


def test_at_the_end_of_the_subscription_nothing_resets() -> None:
    pools = {"minutes": state(25)}
    assert shown(pool_lines(pools, UTC, t("2026-02-01"))) == ["minutes  25 of 100, 75 left · ends 2026-02-01"]
    assert shown([*section_lines(pools, UTC, t("2026-02-01"))])[1] == (
        "  minutes  25 of 100, 75 left · ends 2026-02-01"
    )


def test_what_rolled_in_is_told() -> None:
    pool = state(10, 150, pool={"rolled": Fraction(50)})
    assert shown([*section_lines({"minutes": pool}, UTC, None)])[1] == (
        "  minutes  10 of 150, 50 of it rolled over, 140 left · resets 2026-02-01"
    )
