"""The quick size of `many`: 2, 4, 8 and 16 processes of each command on SQLite."""

from __future__ import annotations

import pytest

from tests import stores
from tests.reliability.ground import Ground
from tests.reliability.lab import lab
from tests.reliability.many import CASES, NUMBERS, Case, check, judge, ready
from tests.reliability.pairs import race_on

pytestmark = [pytest.mark.sqlite_only, pytest.mark.compiler, pytest.mark.slow]

BLIND = ("tests.reliability.many:blind",)

BUY = next(one for one in CASES if one.line.startswith("wallet buy"))


@pytest.mark.parametrize("case", CASES, ids=[one.line for one in CASES])
def test_what_many_ask_for_at_once_is_done_as_often_as_it_may(case: Case) -> None:
    for number in NUMBERS:
        check(Ground(), case, number)


def test_who_does_not_see_that_it_was_done_is_stopped_by_the_unique_key() -> None:
    ground = Ground()
    ready(ground, BUY)
    ended = race_on(ground, *(BUY.command(which) for which in range(2)), before=BLIND)
    assert sorted(one.code for one in ended) == [0, 5]
    assert ground.broken() == []


def test_a_unique_key_that_is_dropped_is_caught() -> None:
    """Were nothing doubled without the key, the test above would prove nothing of it."""
    ground = Ground()
    ready(ground, BUY)
    with stores.unguarded(lab().store) as raw:
        raw.execute("PRAGMA legacy_alter_table = ON")
        ((made,),) = raw.execute("SELECT sql FROM sqlite_schema WHERE name = 'operation'").fetchall()
        raw.execute("ALTER TABLE operation RENAME TO old")
        raw.execute(made.replace(', \n\tPRIMARY KEY ("key")', ""))
        raw.execute("DROP TABLE old")
    ended = race_on(ground, *(BUY.command(which) for which in range(2)), before=BLIND)
    with pytest.raises(AssertionError, match="2 times wallet buy"):
        judge(ground, BUY, ended)
