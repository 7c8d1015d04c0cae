"""The stories of subscriptions' lives cost the same whenever the runs are."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from tests.cases.casefile import Case, Step, read_case
from tests.cases.rhythms import billed, late, often, play_in
from tests.cli.conftest import Run

LIVES = ("change_", "trial_", "expiry_", "addon_change_")
CASES = [
    path
    for path in sorted(Path(__file__).parent.glob("*.yaml"))
    if path.stem.startswith(LIVES) and not read_case(path).runs
]


RHYTHMS = [late, often] if os.environ.get("HYPOTHESIS_PROFILE") == "soak" else [late]


@pytest.mark.parametrize("rhythm", RHYTHMS)
@pytest.mark.parametrize("path", [pytest.param(path, id=path.stem) for path in CASES])
def test_runs_at_other_times_bill_the_same(
    path: Path, rhythm: Callable[[Case], Sequence[Step]], run: Run, tmp_path: Path
) -> None:
    case = read_case(path)
    assert play_in(case, rhythm(case), tmp_path, run) == billed(case.invoices, case.credit_notes)


def test_what_was_billed_is_counted_by_amount() -> None:
    one = {"total": "21.00", "lines": [{"amount": "-21.00"}, {"amount": "42.00"}]}
    other = {"total": "30.00", "lines": [{"amount": "30.00"}]}
    assert billed({"nova": [one, other, other]}, {"nova": [{"total": "42.00"}]}) == {
        ("nova", "line"): Counter({"-21.00": 1, "42.00": 1, "30.00": 2}),
        ("nova", "total"): Counter({"81.00": 1}),
        ("nova", "credited"): Counter({"42.00": 1}),
    }
