"""Hostile input by the thousand: each target's quick share, in pieces that run side by side, and what was found once.

A failure names the command that shows the input again.
"""

from __future__ import annotations

import sys
from pathlib import Path
from random import Random

import pytest

from planctl.__main__ import main
from tests.reliability.fuzz.cases import Case, Ran, faults
from tests.reliability.fuzz.driver import run
from tests.reliability.fuzz.seeds import world
from tests.reliability.fuzz.targets import TARGETS, corpus_files
from tests.reliability.fuzz.trying import attack

pytestmark = [pytest.mark.sqlite_only, pytest.mark.skipif(sys.platform != "linux", reason="needs Linux")]

PIECES = {
    "catalog": 12, "usage": 3, "tables": 2, "plan": 2, "webhook": 2, "argv": 4, "settings": 4, "store": 3,
}  # fmt: skip
"""Into how many pieces a target's quick share is cut; each takes some seconds."""


def pieces() -> list[tuple[str, int, int]]:
    return [
        (name, seed, TARGETS[name].quick // count) for name, count in PIECES.items() for seed in range(count)
    ]


@pytest.mark.slow
@pytest.mark.parametrize(("name", "seed", "count"), pieces())
def test_no_input_breaks_the_program(name: str, seed: int, count: int) -> None:
    attack(name, seed, count)


@pytest.mark.parametrize("file", corpus_files(), ids=lambda file: file.stem)
def test_what_was_found_once_is_mended(file: Path) -> None:
    case = Case.of_json(file.read_text(encoding="utf-8"))
    assert run(lambda _number: case, [0]) == []


def test_every_target_is_tried_and_twenty_thousand_inputs_in_all() -> None:
    assert PIECES.keys() == TARGETS.keys()
    assert sum(count for _, _, count in pieces()) >= 20_000


@pytest.mark.parametrize("name", list(TARGETS))
def test_a_number_is_the_same_input_always(name: str) -> None:
    target = TARGETS[name]
    assert [target.case(3, number) for number in range(20)] == [
        target.case(3, number) for number in range(20)
    ]
    assert len({repr(target.case(seed, 5)) for seed in range(20)}) > 10


def test_the_store_that_inputs_begin_with_is_sound_and_always_the_same(tmp_path: Path) -> None:
    first = world().store
    world.cache_clear()
    assert world().store == first
    store = tmp_path / "store.db"
    store.touch(0o600)
    store.write_bytes(first)
    assert main(["--store", str(store), "doctor"]) == 0


# --- the harness sees what it is for


def ran(**said: object) -> Ran:
    given: dict[str, object] = {
        "exit_code": 0,
        "stdout": b"",
        "stderr": b"",
        "before": b"1",
        "after": b"1",
        **said,
    }
    return Ran(**given)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("broken", "told"),
    [
        (ran(exit_code=70), "exit code 70"),
        (ran(exit_code=-11), "exit code -11"),
        (ran(stderr=b"Traceback (most recent call last):\n"), "a traceback on stderr"),
        (ran(stdout=b"\x1b[2J"), "on stdout"),
        (ran(stdout="\x9b".encode()), "on stdout"),
        (ran(stdout="\u202e".encode()), "on stdout"),
        (ran(stdout=b"\xff"), "is not UTF-8"),
        (ran(exit_code=3, after=b"2"), "the store changed"),
        (ran(after=None, exit_code=4), "the store changed"),
        (ran(left=("store.db-journal",)), "left beside the store"),
    ],
)
def test_what_may_not_be_is_told(broken: Ran, told: str) -> None:
    (what,) = faults(Case(()), broken)
    assert told in what


def test_what_may_be_is_not_told() -> None:
    assert faults(Case(()), ran(stdout="a\tb\nü€👍\n".encode())) == []
    assert faults(Case(()), ran(after=b"2", exit_code=1)) == []


DEATHS = {
    "killed by SIGKILL": "import os; os.kill(os.getpid(), 9)",
    "it computes for more than": "while True: pass",
    "it was killed by SIGSEGV": "import os; os.kill(os.getpid(), 11)",
    "exit code 70": "raise ZeroDivisionError",
    "MemoryError": "bytes(1 << 30)",
    "exit code 99": "raise SystemExit(99)",
}


@pytest.mark.slow
@pytest.mark.parametrize("told", list(DEATHS))
def test_what_ends_a_process_is_laid_to_its_own_input_and_the_next_goes_on(
    told: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def explained(code: str) -> list[tuple[str, str]]:
        if code == "2":
            exec(DEATHS[told])
        return []

    monkeypatch.setattr("planctl.views.codes.explained", explained)
    found = run(lambda number: Case(("explain", str(number))), range(5))
    assert [one.number for one in found] == [2]
    assert told in found[0].what[0]


def test_an_input_kept_as_text_is_the_same_input() -> None:
    for name in ("catalog", "usage", "webhook", "argv", "settings"):
        case = TARGETS[name].draw(Random(7))
        assert Case.of_json(case.to_json()) == case
