"""Catalogs made to hurt, given to the real program: each is refused at its place, in little memory, and at once.

How many milliseconds that takes is measured by benchmarks/hostile.py; here a generous time limit catches what
would take minutes.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.files.hostile_catalogs import CASES, MEGABYTE, MEMORY, Case, Outcome, run_all

pytestmark = pytest.mark.slow


def wrong_with(case: Case, outcome: Outcome | None) -> str:
    """What a refusal lacks, empty where nothing."""
    if outcome is None:
        return "it never ended"
    if outcome.exit_code != 3:
        return f"exit {outcome.exit_code}: {outcome.stderr[-500:]}"
    if "Traceback" in outcome.stderr + outcome.stdout:
        return outcome.stderr[-500:]
    if outcome.megabytes * MEGABYTE > MEMORY:
        return f"{outcome.megabytes:.0f} MB"
    if not any(is_said(case, line) for line in outcome.stderr.splitlines()):
        return f"no {case.rule or 'finding'} at {case.file}: {outcome.stderr[:300]}"
    return ""


def is_said(case: Case, line: str) -> bool:
    """Whether a line says the finding of a case at its place."""
    return line.startswith(case.file) and ": error: " in line and line.endswith(f"{case.rule}]")


def test_every_hostile_catalog_is_refused_at_its_place_in_little_memory(tmp_path: Path) -> None:
    outcomes = run_all(CASES, tmp_path)
    wrong = {case.name: said for case in CASES if (said := wrong_with(case, outcomes.get(case.name)))}
    assert wrong == {}
    # Nor does one make more words than anybody reads.
    assert {name: len(one.stderr) for name, one in outcomes.items() if len(one.stderr) > MEGABYTE} == {}
    assert any("[too-many-findings]" in one.stderr for one in outcomes.values())


def test_the_cases_have_names_of_their_own() -> None:
    assert len({case.name for case in CASES}) == len(CASES)
