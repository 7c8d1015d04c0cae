"""The quick size of `pairs`: every two of the chosen commands three times on SQLite, some once on PostgreSQL."""

from __future__ import annotations

import pytest

from tests.reliability.ground import Ground
from tests.reliability.pairs import CHOSEN, check, pairs

pytestmark = [pytest.mark.sqlite_only, pytest.mark.compiler, pytest.mark.slow]

RACES = 3
PORTIONS = 30


def test_all_pairs_of_thirteen_commands_are_ninety_one() -> None:
    assert len(CHOSEN) == len(set(CHOSEN)) == 13
    assert len(pairs(CHOSEN)) == 91


@pytest.mark.parametrize("portion", range(PORTIONS))
def test_two_commands_at_once_end_as_the_one_after_the_other_does(portion: int) -> None:
    for one, other in pairs(CHOSEN)[portion::PORTIONS]:
        check(Ground(), one, other, RACES)
