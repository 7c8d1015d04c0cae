"""Plays a case file: a catalog, a story in commands, and what it must issue; it computes no amount.

Everything in a case file is text: what the product prints is compared as it is printed. When the story is over, every
law of the store must hold.
"""

from __future__ import annotations

import json
import re
import shlex
import shutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from tests.cli.conftest import Run

KEYS = {"about", "rule", "not_yet", "runs", "catalog", "begins", "files", "steps", "expect"}
EXPECT_KEYS = {"invoices", "credit_notes"}
STEP_KEYS = {"run", "exit", "json", "says"}
DATE = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)
WITH_UNDERSCORES = re.compile(r"-?[0-9]+(_[0-9]+)+(\.[0-9]+)?", re.ASCII)


@dataclass(frozen=True, slots=True)
class Step:
    """One command line and what must be true of it; `answer` None: nothing is said about its JSON."""

    command: str
    exit_code: int = 0
    answer: Any = None
    says: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class Case:
    """A case file; `catalog` is a directory or file to copy, or the text of one.

    `invoices` and `credit_notes` are by customer, the oldest first; every one that there is must be there.
    `not_yet` says what the product cannot do yet that the story needs; empty: nothing. `runs` is `as told` where what
    is billed depends on when the runs are.
    """

    path: Path
    catalog: Path | str
    begins: str
    steps: Sequence[Step]
    invoices: Mapping[str, Sequence[Mapping[str, Any]]]
    credit_notes: Mapping[str, Sequence[Mapping[str, Any]]] = field(default_factory=dict)
    files: Mapping[str, str] = field(default_factory=dict)
    not_yet: str = ""
    runs: str = ""


def read_case(path: Path) -> Case:
    """Read a case file; a key that is not known is a mistake in it."""
    content = yaml.load(path.read_text(encoding="utf-8"), Loader=yaml.BaseLoader)  # every scalar is text
    assert set(content) <= KEYS, f"{path}: unknown {set(content) - KEYS}"
    expected = content["expect"]
    assert {"invoices"} <= set(expected) <= EXPECT_KEYS, f"{path}: expect holds invoices, or credit_notes too"
    catalog = content["catalog"]
    return Case(
        path=path,
        catalog=catalog if "\n" in catalog else path.parent / catalog,
        begins=content["begins"],
        steps=[read_step(step) for step in content["steps"]],
        invoices=expected["invoices"],
        credit_notes=expected.get("credit_notes", {}),
        files=content.get("files", {}),
        not_yet=content.get("not_yet", ""),
        runs=content.get("runs", ""),
    )


def read_step(step: str | Mapping[str, Any]) -> Step:
    """A step is a command line, or a map with one."""
    if isinstance(step, str):
        return Step(step)
    assert set(step) <= STEP_KEYS, f"unknown {set(step) - STEP_KEYS} in {step}"
    return Step(step["run"], int(step.get("exit", "0")), step.get("json"), step.get("says", ()))


def play(case: Case, directory: Path, run: Run) -> None:
    """Make the store, apply the catalog, take every step, compare what was issued, ask the doctor.

    AssertionError where something differs.
    """
    lay_out(case, directory)
    take(Step("init --test"), run)
    take(Step(f"catalog apply catalog --yes --as-of {case.begins}"), run)
    for step in case.steps:
        take(step, run)
    compare_invoices(case, run)
    compare_credit_notes(case, run)
    take(Step(f"doctor --as-of {last_day(case)}"), run)


def lay_out(case: Case, directory: Path) -> None:
    """Put the catalog and the other files where the commands look for them."""
    target = directory / "catalog"
    if isinstance(case.catalog, str):
        target.mkdir()
        (target / "catalog.yaml").write_text(case.catalog, encoding="utf-8")
    else:
        shutil.copytree(case.catalog, target)
    for name, text in case.files.items():
        (directory / name).write_text(text, encoding="utf-8")


def take(step: Step, run: Run) -> None:
    """Run one command line and check what is said about it."""
    words = shlex.split(step.command)
    result = run(*words, *(["-f", "json"] if step.answer is not None else []))
    shown = f"$ planctl {step.command}\n{result.stdout}{result.stderr}"
    assert result.exit_code == step.exit_code, f"exit {result.exit_code}, not {step.exit_code}:\n{shown}"
    for words_said in step.says:
        assert words_said in result.stdout + result.stderr, f"{words_said!r} is not said:\n{shown}"
    if step.answer is not None:
        problem = difference(step.answer, json.loads(result.stdout))
        assert not problem, f"{problem}:\n{shown}"


def compare_invoices(case: Case, run: Run) -> None:
    """Every invoice of the store is expected, and every expected one is there, oldest first per customer."""
    for customer, wanted, found in by_customer(case.invoices, listed("invoice", case, run)):
        shown = json.dumps([brief(one) for one in found], indent=1)
        assert len(found) == len(wanted), f"{customer} has {len(found)} invoices, not {len(wanted)}:\n{shown}"
        for position, (expected, invoice) in enumerate(zip(wanted, found, strict=True), start=1):
            problem = invoice_difference(expected, invoice)
            assert not problem, (
                f"invoice {position} of {customer}: {problem}\n{json.dumps(brief(invoice), indent=1)}"
            )


def compare_credit_notes(case: Case, run: Run) -> None:
    """The same for credit notes, of which only what is named counts."""
    for customer, wanted, found in by_customer(case.credit_notes, listed("credit-note", case, run)):
        shown = json.dumps(found, indent=1)
        assert len(found) == len(wanted), f"{customer} has {len(found)} credit notes:\n{shown}"
        for expected, note in zip(wanted, found, strict=True):
            problem = difference(expected, note)
            assert not problem, f"a credit note of {customer}: {problem}\n{shown}"


def listed(what: str, case: Case, run: Run) -> list[Any]:
    """Every invoice or credit note of the store, the oldest first."""
    result = run(what, "list", "-f", "json", "--as-of", last_day(case))
    assert result.exit_code == 0, result.stderr
    found: list[Any] = json.loads(result.stdout)
    return found


def by_customer(
    expected: Mapping[str, Sequence[Mapping[str, Any]]], found: Sequence[Mapping[str, Any]]
) -> Iterator[tuple[str, Sequence[Mapping[str, Any]], list[Mapping[str, Any]]]]:
    """What is expected of a customer beside what there is, for every customer that either side names."""
    for customer in sorted({*expected, *(one["customer"] for one in found)}):
        yield customer, expected.get(customer, ()), [one for one in found if one["customer"] == customer]


def last_day(case: Case) -> str:
    """When the story ends: the time of its last step."""
    times = [shlex.split(step.command) for step in case.steps if "--as-of" in step.command]
    return times[-1][times[-1].index("--as-of") + 1]


def brief(invoice: Mapping[str, Any]) -> dict[str, Any]:
    """An invoice with what is looked at most."""
    keys = (
        "number", "status", "issued_at", "due_at", "subtotal", "discount", "tax", "taxes", "total",
        "credit_applied", "due",
    )  # fmt: skip
    line_keys = ("kind", "feature", "quantity", "amount", "period", "description")
    lines = [{key: line.get(key) for key in line_keys} for line in invoice["lines"]]
    return {**{key: invoice.get(key) for key in keys}, "lines": lines}


def invoice_difference(expected: Mapping[str, Any], invoice: Mapping[str, Any]) -> str:
    """What differs, empty where nothing does; lines are compared one to one, in any order."""
    wanted = dict(expected)
    lines, left = wanted.pop("lines"), list(invoice["lines"])
    problem = difference(wanted, invoice)
    if problem:
        return problem
    for line in lines:
        match = next((one for one in left if not difference(line, one)), None)
        if match is None:
            return f"no such line: {line}"
        left.remove(match)
    return f"{len(left)} lines more than expected: {[one['description'] for one in left]}" if left else ""


def difference(expected: Any, found: Any, where: str = "") -> str:
    """What of `expected` is not in `found`, empty where all of it is."""
    if isinstance(expected, Mapping):
        if not isinstance(found, Mapping):
            return f"{where or 'the answer'} is {found!r}, not an object"
        missing = [key for key in expected if key not in found]
        if missing:
            return f"{where or 'the answer'} has no {missing[0]}"
        problems = (
            difference(value, found[key], f"{where}.{key}".lstrip(".")) for key, value in expected.items()
        )
        return next((problem for problem in problems if problem), "")
    if isinstance(expected, list):
        if not isinstance(found, list):
            return f"{where} is {found!r}, not a list"
        if not expected and found:
            return f"{where} is {found!r}, not empty"
        absent = [one for one in expected if all(difference(one, other) for other in found)]
        return f"{where} holds no {absent[0]}, only {found}" if absent else ""
    return "" if same(expected, text_of(found)) else f"{where} is {text_of(found)}, not {expected}"


def same(expected: str, found: str) -> bool:
    """Whether a printed value is the one written down; a date is its first instant in UTC."""
    if DATE.fullmatch(expected) and "T" in found:
        return found == f"{expected}T00:00:00Z"
    if WITH_UNDERSCORES.fullmatch(expected):
        expected = expected.replace("_", "")
    return expected == found


def text_of(value: object) -> str:
    """A JSON value as it stands in a case file."""
    return json.dumps(value) if value is None or isinstance(value, bool | int) else str(value)
