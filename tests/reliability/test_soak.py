"""A soak is run in parts, each once: it may be stopped, resumed and shared out, and a violation is counted."""

from __future__ import annotations

import json
import os
import signal
import time
from contextlib import suppress
from pathlib import Path

import pytest

from tests.reliability import soak

ran: list[int] = []


def good_part(seed: int) -> int:
    ran.append(seed)
    return 10


def bad_part(seed: int) -> int:
    raise AssertionError(f"seed {seed} is bad")


def stopped_part(seed: int) -> int:
    """At part 1 somebody presses ^C, while a command runs that answers it as the program does."""
    if seed == 1:
        with suppress(KeyboardInterrupt):
            os.kill(os.getpid(), signal.SIGINT)
            time.sleep(60)
        raise AssertionError("exit 130: interrupted")
    return good_part(seed)


PARTS = {"good": good_part, "bad": bad_part}


@pytest.fixture(autouse=True)
def targets(monkeypatch: pytest.MonkeyPatch) -> None:
    ran.clear()
    monkeypatch.setattr(soak, "TARGETS", dict.fromkeys(PARTS, __name__))
    monkeypatch.setattr(soak, "found", PARTS.__getitem__)


def lines(file: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]


def test_a_part_that_was_run_is_not_run_again(tmp_path: Path) -> None:
    file = tmp_path / "soak.jsonl"
    assert soak.main(["--target", "good", "--parts", "0-1", "--into", str(file)]) == 0
    assert soak.main(["--target", "good", "--parts", "0-3", "--into", str(file)]) == 0
    assert ran == [0, 1, 2, 3]
    assert [(one["part"], one["cases"], one["violations"]) for one in lines(file)] == [
        (number, 10, 0) for number in range(4)
    ]


def test_a_violation_is_counted_and_the_rest_goes_on(tmp_path: Path) -> None:
    file = tmp_path / "soak.jsonl"
    assert soak.main(["--target", "all", "--parts", "7", "--into", str(file)]) == 1
    assert {str(one["target"]): one["violations"] for one in lines(file)} == {"good": 0, "bad": 1}


def test_a_part_that_was_cut_is_run_whole_the_next_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["--target", "good", "--parts", "0-2", "--into", str(tmp_path / "soak.jsonl")]
    monkeypatch.setitem(PARTS, "good", stopped_part)
    assert soak.main(words) == 130
    assert "stopped in part 1 of good" in capsys.readouterr().err
    monkeypatch.setitem(PARTS, "good", good_part)
    assert soak.main(words) == 0
    assert ran == [0, 1, 2]
