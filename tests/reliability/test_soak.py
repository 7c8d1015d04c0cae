"""A soak is run in parts, each once: it may be stopped, resumed and shared out, and a violation is counted."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.reliability import soak

ran: list[int] = []


def good_part(seed: int) -> int:
    ran.append(seed)
    return 10


def bad_part(seed: int) -> int:
    raise AssertionError(f"seed {seed} is bad")


@pytest.fixture(autouse=True)
def targets(monkeypatch: pytest.MonkeyPatch) -> None:
    ran.clear()
    ours = {name: f"{__name__}:{name}_part" for name in ("good", "bad")}
    monkeypatch.setattr(soak, "TARGETS", ours)
    monkeypatch.setattr(soak, "found", lambda target: good_part if target == "good" else bad_part)


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
