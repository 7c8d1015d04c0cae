"""Plays a case with its runs at other times, and sums up what was billed: the same, whatever the rhythm.

Answers are not compared, only how commands end: they were, when the case was played as it is told.
"""

from __future__ import annotations

import json
import shlex
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

from tests.cases.casefile import Case, Step, last_day, lay_out, listed, take
from tests.cli.conftest import Run

RUN = "invoice run "
DAYS_BETWEEN = 4

Billed = dict[tuple[str, str], Counter[str]]
"""By customer and what it is - `line`, `credited` - how often each amount was billed; `total`: their sum, once."""


def often(case: Case) -> Sequence[Step]:
    """A run every few days besides, at an odd time of the day."""
    found: list[Step] = []
    at = _instant(case.begins) + timedelta(hours=7, minutes=13)
    for step in case.steps:
        until = _instant(_as_of(step)) if _as_of(step) else at
        while at < until:
            found.append(Step(f"{RUN}--as-of {at.isoformat().replace('+00:00', 'Z')}"))
            at += timedelta(days=DAYS_BETWEEN)
        found.append(step)
    return found


def late(case: Case) -> Sequence[Step]:
    """One run, the last; before it only those for a customer whom a command sends to one."""
    last = max(place for place, step in enumerate(case.steps) if step.command.startswith(RUN))
    return [
        step for place, step in enumerate(case.steps) if place >= last or not step.command.startswith(RUN)
    ]


def play_in(case: Case, steps: Sequence[Step], directory: Path, run: Run) -> Billed:
    """Take these steps instead of the case's own, ask the doctor, and sum up what was billed."""
    lay_out(case, directory)
    take(Step("init --test"), run)
    take(Step(f"catalog apply catalog --yes --as-of {case.begins}"), run)
    for step in steps:
        _take(step, run)
    take(Step(f"doctor --as-of {last_day(case)}"), run)
    invoices, notes = listed("invoice", case, run), listed("credit-note", case, run)
    return billed(_by_customer(invoices), _by_customer(notes))


def billed(
    invoices: Mapping[str, Sequence[Mapping[str, Any]]], notes: Mapping[str, Sequence[Mapping[str, Any]]]
) -> Billed:
    """What customers' invoices and credit notes come to, whatever they are called and whenever they were issued."""
    found: Billed = {}
    for customer, several in invoices.items():
        lines = [line["amount"] for one in several for line in one["lines"]]
        found[(customer, "line")] = Counter(lines)
        total = sum((Decimal(one["total"]) for one in several), Decimal(0))
        found[(customer, "total")] = Counter([f"{total:.2f}"])
    for customer, several in notes.items():
        found[(customer, "credited")] = Counter(one["total"] for one in several)
    return found


def _by_customer(documents: Sequence[Mapping[str, Any]]) -> dict[str, list[Mapping[str, Any]]]:
    found: dict[str, list[Mapping[str, Any]]] = {}
    for one in documents:
        found.setdefault(one["customer"], []).append(one)
    return found


def _take(step: Step, run: Run) -> None:
    """Take a step without its answer; where a run must come first, that run and the step again."""
    words = shlex.split(step.command)
    if step.exit_code == 0:
        refused = run(*words, "-f", "json")
        if refused.exit_code != 4:
            assert refused.exit_code == 0, f"$ planctl {step.command}\n{refused.stderr}"
            return
        hint = json.loads(refused.stderr.splitlines()[-1])["error"]["hint"] or ""
        assert hint.startswith(f"planctl {RUN}"), f"$ planctl {step.command}\n{refused.stderr}"
        take(Step(f"{hint.removeprefix('planctl ')} --as-of {_as_of(step)}"), run)
    take(Step(step.command, step.exit_code), run)


def _as_of(step: Step) -> str:
    words = shlex.split(step.command)
    return words[words.index("--as-of") + 1] if "--as-of" in words else ""


def _instant(text: str) -> datetime:
    found = datetime.fromisoformat(text.replace("Z", "+00:00"))
    return found if found.tzinfo else found.replace(tzinfo=UTC)
