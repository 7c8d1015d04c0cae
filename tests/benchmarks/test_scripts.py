"""Every benchmark says what it measures, and `make bench` runs all of them."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path

import pytest

from benchmarks.run import JOBS

FOLDER = Path(__file__).parents[2] / "benchmarks"
SCRIPTS = sorted(path.stem for path in FOLDER.glob("*.py") if not path.stem.startswith("_"))


@pytest.mark.parametrize("name", SCRIPTS)
def test_a_script_answers_help(
    name: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    script = importlib.import_module(f"benchmarks.{name}")
    monkeypatch.setattr(sys, "argv", [name, "--help"])
    with pytest.raises(SystemExit) as left:
        script.main()
    assert left.value.code == 0
    assert "usage:" in capsys.readouterr().out


def test_every_script_is_run() -> None:
    assert {job.name for job in JOBS} == {*SCRIPTS} - {"run"}


def test_an_unknown_name_is_refused_with_those_that_are_known(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["run", "nonsense"])
    with pytest.raises(SystemExit):
        importlib.import_module("benchmarks.run").main()
    assert "no such benchmark: nonsense; known: billing" in capsys.readouterr().err
