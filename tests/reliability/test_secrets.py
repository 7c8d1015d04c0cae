"""A secret that somebody types is in no output, audit or store, whichever write command it was typed for.

Source: planctl reliability rules, security: secrets.
"""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.reliability.lab import lab
from tests.reliability.world import COMMANDS, Command

pytestmark = pytest.mark.sqlite_only

CANARY = "51Canary8f3a1c07d2b94e65Canary"
SECRETS = f"sk_live_{CANARY} rk_test_{CANARY} whsec_{CANARY} postgresql://amy:{CANARY}@db.example/books"
"""Of every kind that planctl meets, in what a person may type anywhere: a reason."""


@pytest.mark.parametrize("command", [one for one in COMMANDS if one.reasoned], ids=lambda one: one.name)
def test_a_secret_in_a_reason_is_kept_and_said_nowhere(command: Command) -> None:
    here = lab()
    here.fresh()
    ended = here.run(replace(command, argv=(*command.argv, "--reason", SECRETS), reasoned=False))
    assert ended.code == command.code, ended.stderr
    assert CANARY not in ended.stdout + ended.stderr
    assert CANARY.encode() not in here.store.read_bytes()


@pytest.mark.parametrize("command", COMMANDS, ids=lambda one: one.name)
def test_a_secret_in_a_word_that_is_refused_is_not_said_back(command: Command) -> None:
    """A key that was pasted where an instant belongs."""
    here = lab()
    here.fresh()
    ended = here.run(replace(command, argv=(*command.argv, "--as-of", f"rk_live_{CANARY}"), reasoned=False))
    assert CANARY not in ended.stdout + ended.stderr
    assert CANARY.encode() not in here.store.read_bytes()
