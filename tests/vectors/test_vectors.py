"""All published cases together: every file has its tests, and the exceptions are few."""

from __future__ import annotations

from pathlib import Path

from tests.vectors.harness import load, names

HERE = Path(__file__).parent


def test_every_file_of_cases_has_its_tests_and_its_exceptions() -> None:
    for name in names():
        assert (HERE / f"test_{name}.py").exists(), name
        assert (HERE / "exceptions" / f"{name}.json").exists(), name


def test_of_all_published_cases_fewer_than_a_tenth_have_another_rule() -> None:
    every = [load(name) for name in names()]
    assert sum(len(one.cases) for one in every) == 288
    assert sum(len(one.exceptions) for one in every) < 28
