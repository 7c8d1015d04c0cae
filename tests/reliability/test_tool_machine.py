"""Random lives of a whole store, with trouble: what the machine of `lives` finds, and what it would find.

Sixty sequences here; `python -m tests.reliability.soak --target lives` runs two thousand longer ones.
"""

from __future__ import annotations

import shutil
from datetime import datetime
from fractions import Fraction
from unittest.mock import patch

import pytest

from tests.reliability import lives, tool_model
from tests.reliability.tool_model import Books

pytestmark = [pytest.mark.slow, pytest.mark.sqlite_only]


@pytest.mark.parametrize("seed", range(10))
def test_money_statuses_and_access_are_those_of_the_model_whatever_goes_wrong(seed: int) -> None:
    """Six lives each: sixty in all."""
    lives.lives(seed, sequences=6, steps=11)


def test_a_price_that_is_off_by_a_cent_is_found() -> None:
    """A machine that cannot fail proves nothing: here the model's calls cost a cent more."""
    life = lives.WholeTool()
    life.arrive(zone="UTC", pays=True, begins=0, taxed=False, chance=1, plan="small")
    life.a_month_of_calls(quantity=60, days=33)
    with patch.object(tool_model, "EACH", Fraction(8)), pytest.raises(AssertionError, match=" for "):
        life.a_month_of_calls(quantity=60, days=33)
    shutil.rmtree(life.folder)


def test_the_model_rates_late_calls_as_the_rules_say() -> None:
    """By hand: 50 included; of 70 calls 20 are above, a pack of 30 pays those after it; then 25 more come late."""
    books = Books(datetime(2026, 1, 5))
    books.record("a", datetime(2026, 1, 6), 60)
    books.grants.append((datetime(2026, 1, 8), 30))
    books.record("b", datetime(2026, 1, 9), 20)
    assert books.standing(datetime(2026, 1, 10)) == (80, 10)
    books.close(datetime(2026, 2, 5))
    assert books.months[0].charged == 10 * 7  # what was called before the pack was there
    books.record("late", datetime(2026, 2, 4), 25)
    books.close(datetime(2026, 3, 5))
    assert (books.months[0].charged, books.months[0].drawn) == (25 * 7, {0: 30})  # 10 + 15 that no pack pays
    assert books.charged == 3 * 2_000 + 25 * 7
