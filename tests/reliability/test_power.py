"""F131: the power fails at any moment of any write command; what is found then is before or after, never between."""

from __future__ import annotations

import pytest

from tests.reliability.crash import Change
from tests.reliability.power import Disk, in_store, recorded
from tests.reliability.test_crash import named
from tests.reliability.world import Command

pytestmark = pytest.mark.sqlite_only

EACH = 10
"""How many states of each command are looked at here: more than 500 of all."""


@pytest.mark.parametrize("command", in_store(), ids=lambda one: one.name)
def test_F131_power_loss_leaves_all_or_nothing(command: Command) -> None:
    here = recorded(command)
    for seed in range(EACH):
        here.state(seed)


def test_there_are_five_hundred_of_them() -> None:
    assert EACH * len(in_store()) >= 500


@pytest.mark.parametrize("mutant", ["sync_off", "journal_off"])
def test_a_store_that_does_not_wait_for_the_disk_is_found(mutant: str) -> None:
    here = recorded(named("subscribe"), f"tests.reliability.mutants:{mutant}")
    with pytest.raises(AssertionError):
        states(here.state)


def states(state: object) -> None:
    assert callable(state)
    for seed in range(200):
        state(seed)


def test_what_is_synced_stays_and_what_is_not_may_be_lost() -> None:
    """By hand: two writes, one synced; a name that is made, and its folder synced later."""
    disk = Disk()
    disk.put("/d/store", b"aaaa")
    disk.take(Change("w", "/d/store", 0, b"bb"))
    disk.take(Change("s", "/d/store", 0, b""))
    disk.take(Change("w", "/d/store", 2, b"cc"))
    disk.take(Change("c", "/d/new", 0, b""))
    assert disk.contents[disk.names["/d/store"]] == b"bbaa"
    assert "/d/new" not in disk.names
    disk.take(Change("s", "/d", 0, b""))
    disk.take(Change("u", "/d/store", 0, b""))
    assert set(disk.names) == {"/d/store", "/d/new"}
    assert [change.kind for _, change in disk.waiting] == ["w", "u"]
