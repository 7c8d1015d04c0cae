"""Runs the long sizes of the harnesses: numbered parts of a target, each once, with what came of it in a file.

    python -m tests.reliability.soak --target crash --parts 0-99 --into FILE

A part that FILE has already is not run again, so a soak can be stopped, resumed, and cut over several processes.
It knows no harness but by name: each offers `part(seed)`, which gives how many cases it ran, and raises AssertionError
at a violation.
"""

from __future__ import annotations

import argparse
import importlib
import json
import signal
import sys
import traceback
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from planctl import clock

Part = Callable[[int], int]

TARGETS: dict[str, str] = {
    "crash": "tests.reliability.crash:part",
    "double-crash": "tests.reliability.crash:double_part",
    "power": "tests.reliability.power:part",
    "postgres": "tests.reliability.postgres:part",
    "pairs": "tests.reliability.pairs:part",
    "pairs-postgres": "tests.reliability.pairs:postgres_part",
    "stops": "tests.reliability.stops:part",
    "stops-postgres": "tests.reliability.stops:postgres_part",
    "many": "tests.reliability.many:part",
    "lives": "tests.reliability.lives:part",
    "same-bytes": "tests.reliability.same_bytes:part",
    "years": "tests.reliability.years:part",
    "fuzz-catalog": "tests.reliability.fuzz:catalog_part",
    "fuzz-usage": "tests.reliability.fuzz:usage_part",
    "fuzz-webhook": "tests.reliability.fuzz:webhook_part",
    "fuzz-plan": "tests.reliability.fuzz:plan_part",
    "fuzz-argv": "tests.reliability.fuzz:argv_part",
    "fuzz-store": "tests.reliability.fuzz:store_part",
    "fuzz-tables": "tests.reliability.fuzz:tables_part",
    "fuzz-settings": "tests.reliability.fuzz:settings_part",
}
"""Every target, and the function that runs a part of it."""


def found(target: str) -> Part:
    """The function of a target."""
    module, _, name = TARGETS[target].partition(":")
    part: Part = getattr(importlib.import_module(module), name)
    return part


def done(file: Path, target: str) -> set[int]:
    """The parts of a target that a file has."""
    if not file.exists():
        return set()
    lines = (json.loads(line) for line in file.read_text(encoding="utf-8").splitlines())
    return {line["part"] for line in lines if line["target"] == target}


def run_part(target: str, number: int, part: Part) -> dict[str, Any]:
    """Run one part; its line for the file. A violation is printed, and counted."""
    began, cases, violations = clock.ticks(), 0, 0
    try:
        cases = part(number)
    except AssertionError:
        traceback.print_exc()
        violations = 1
    seconds = clock.elapsed_ms(began) / 1000
    return {"target": target, "part": number, "cases": cases, "violations": violations, "seconds": seconds}


class Stopped(BaseException):
    """A ^C. A command of planctl that runs in this process would answer a KeyboardInterrupt with 130."""


@contextmanager
def stoppable() -> Iterator[None]:
    """^C is Stopped."""

    def stop(_number: int, _frame: object) -> None:
        raise Stopped

    before = signal.signal(signal.SIGINT, stop)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def numbers(text: str) -> range:
    """`0-99` or `7`."""
    first, _, last = text.partition("-")
    return range(int(first), int(last or first) + 1)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run what is asked for; 1 where there was a violation, 130 where ^C cut a part: it is run whole the next time."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else "")
    parser.add_argument("--target", choices=[*TARGETS, "all"], required=True)
    parser.add_argument("--parts", type=numbers, required=True, metavar="0-99")
    parser.add_argument("--into", type=Path, required=True, metavar="FILE")
    said = parser.parse_args(arguments)
    with stoppable():
        return run(TARGETS if said.target == "all" else [said.target], said.parts, said.into)


def run(targets: Iterable[str], parts: range, into: Path) -> int:
    """Run the parts that a file does not have; the exit code."""
    violations = 0
    for target in targets:
        part, known = found(target), done(into, target)
        for number in parts:
            if number in known:
                continue
            try:
                line = run_part(target, number, part)
            except Stopped:
                sys.stderr.write(f"stopped in part {number} of {target}; the same command begins there\n")
                return 130
            violations += line["violations"]
            with into.open("a", encoding="utf-8") as file:
                file.write(f"{json.dumps(line)}\n")
    return 1 if violations else 0


if __name__ == "__main__":
    sys.exit(main())
