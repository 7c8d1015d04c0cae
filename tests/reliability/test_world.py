"""The world of the harnesses: it knows every write command; each succeeds on it and breaks no law."""

from __future__ import annotations

import pytest

from planctl.store.engine import open_store
from planctl.workflows.maintain_store import examine
from tests.reliability.lab import lab
from tests.reliability.world import COMMANDS, LEFT_OUT, Command, declared

pytestmark = pytest.mark.sqlite_only


def test_every_write_command_of_the_program_is_in_the_world() -> None:
    """A new one comes with words that succeed, so that every harness runs it."""
    known = {one.name for one in COMMANDS}
    assert known | set(LEFT_OUT) == declared()
    assert not known & set(LEFT_OUT)


@pytest.mark.parametrize("command", COMMANDS, ids=lambda one: one.name)
def test_each_succeeds_and_keeps_every_law(command: Command) -> None:
    here = lab()
    here.fresh()
    ended = here.run(command)
    assert ended.code == command.code, ended.stderr
    after = here.read()
    new, old = ({**one.stores, **one.files} for one in (after, here.before))
    changed = {name.partition("/")[0] for name in new if new[name] != old.get(name)}
    assert changed == set(command.files)
    with open_store(str(here.store)) as store, store.read() as tx:
        assert [verdict.law.id for verdict in examine(tx) if not verdict.holds] == []


def test_the_world_has_what_commands_meet() -> None:
    """Invoices, a hold, a change that waits, a trial, usage that is still to be billed, and what was paid."""
    rows = lab().before.rows
    for name in (
        "invoice",
        "hold",
        "subscription_change",
        "trial_use",
        "usage_event",
        "wallet_grant",
        "payment",
    ):
        assert rows[name], name


def test_a_command_that_is_run_twice_writes_equal_rows() -> None:
    """Clock and ids are held still: what differs between two runs was done by what the harness did."""
    here = lab()
    (run,) = [one for one in COMMANDS if one.name == "invoice run"]
    found = []
    for _ in range(2):
        here.fresh()
        assert here.run(run).code == 0
        found.append(here.read())
    assert found[0] == found[1]
