"""Breaks the modules that decide amounts, one place at a time, and counts which breaks their tests notice.

Usage: python tools/mutants.py [--again] [MODULE...]
(MODULE is such as core/money; without one, all that mutants.toml names. --again runs only what survived or ran out of
time the time before, which on a busy machine says nothing, and what was not reached.)

mutmut makes the mutants and runs the tests; this script tells it which tests belong to which module, compares
what survived with the list of survivors that have a reason, and prints one row per module. It exits 1 where a
mutant survived that has no reason. It knows no billing.
"""

from __future__ import annotations

import json
import os
import re
import resource
import shutil
import subprocess
import sys
import time
import tomllib
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
KNOWN = ROOT / "tools" / "mutants.toml"
WORK = ROOT / ".mutants"
COPIED = ("planctl", "tests", "sample-catalogs", "docs", "pyproject.toml")

UNUSED = ("cacheprovider", "xdist", "unraisableexception", "threadexception")
"""Parts of pytest that a mutant does without; collecting garbage twice for each took most of its time."""

LARGEST = 4 << 30
"""Bytes of memory for one mutant: a loop that no longer ends must not take the machine with it."""

OUT_OF_TIME = {24, -24, 36, 152, 255}
"""What mutmut notes for a mutant that ran out of time, by the clock or by its own seconds."""

KILLED = OUT_OF_TIME | {1, 3, -9, -11}
"""The same, and what it notes for a test that failed and for a test run that broke."""


@dataclass(frozen=True)
class Survivor:
    """A mutant that no test noticed: its function, and the lines that it has in the place of the module's."""

    name: str
    function: str
    was: str
    becomes: str


def main(asked: list[str]) -> int:
    """Run the modules asked for, or all; 1 where a mutant survived without a reason."""
    again = "--again" in asked
    asked = [one for one in asked if one != "--again"]
    known = tomllib.loads(KNOWN.read_text("utf-8"))
    unknown = [one for one in asked if one not in known["modules"]]
    if unknown:
        print(
            f"{', '.join(unknown)}: not in {KNOWN.name}; it has {', '.join(known['modules'])}",
            file=sys.stderr,
        )
        return 64
    print(
        "module | mutants | killed | survived | of them with a reason | killed % | out of time | seconds",
        flush=True,
    )
    new = [examine(one, known, again=again) for one in asked or known["modules"]]
    return 1 if any(new) else 0


def examine(module: str, known: dict[str, Any], *, again: bool) -> int:
    """Run one module, print its row and what survived without a reason, and return how many did."""
    started = time.monotonic()
    place = prepare(module, known["modules"][module])
    forget(place, module, survivors_alone=again)
    mutmut(place)
    codes = results(place, module)
    killed = sum(code in KILLED for code in codes.values())
    survivors = tuple(survived(place, module, [name for name, code in codes.items() if code not in KILLED]))
    reasons = Counter(
        (one["function"], line)
        for one in known.get("survivor", ())
        if one["module"] == module
        for line in one["becomes"]
    )
    everywhere = [(one["was"], becomes) for one in known.get("everywhere", ()) for becomes in one["becomes"]]
    new = [
        one
        for one in survivors
        if not reasons[one.function, one.becomes]
        and not any(one.becomes == one.was.replace(was, becomes) for was, becomes in everywhere)
    ]
    seen = {(one.function, one.becomes) for one in survivors}
    slow = sum(code in OUT_OF_TIME for code in codes.values())
    percent = 100 * killed / len(codes) if codes else 100.0
    print(
        f"{module} | {len(codes)} | {killed} | {len(survivors)} | {len(survivors) - len(new)} | "
        f"{int(percent * 10) / 10} | {slow} | {time.monotonic() - started:.0f}",
        flush=True,
    )
    for one in new:
        print(f"  {one.name}\n    {one.function}\n    - {one.was}\n    + {one.becomes}")
    for function, line in reasons.keys() - seen:
        print(f"  has a reason, and did not survive: {function}: {line}")
    return len(new)


def prepare(module: str, tests: list[str]) -> Path:
    """A folder with the program, the tests and the tool's settings for this module alone."""
    place = WORK / module.replace("/", ".")
    place.mkdir(parents=True, exist_ok=True)
    for name in COPIED:
        subprocess.run(["cp", "-a", "--update", str(ROOT / name), str(place)], check=True)
    settings = {
        "source_paths": ["planctl"],
        "only_mutate": [f"planctl/{module}.py"],
        "also_copy": ["sample-catalogs", "docs"],
        "pytest_add_cli_args": [part for name in UNUSED for part in ("-p", f"no:{name}")],
        "pytest_add_cli_args_test_selection": tests,
        "track_dependencies": False,
        "use_git_change_detection": False,
        # A process that ran the tests before remembers answers of functions that are not broken; this one did not.
        "process_isolation": "forkserver",
        "timeout_multiplier": 3.0,
        "timeout_constant": 12.0,
    }
    lines = "".join(f"{key} = {json.dumps(value)}\n" for key, value in settings.items())
    (place / "pyproject.toml").write_text(
        f"{(ROOT / 'pyproject.toml').read_text('utf-8')}\n[tool.mutmut]\n{lines}", "utf-8"
    )
    return place


def forget(place: Path, module: str, *, survivors_alone: bool) -> None:
    """Take back what an earlier run noted: all of it, or of the mutants of which no test said anything."""
    if not survivors_alone:
        shutil.rmtree(place / "mutants", ignore_errors=True)
        return
    # Which tests reach which function is asked for anew: a test that stands since has another body, or a function.
    (place / "mutants" / "mutmut-stats.json").unlink(missing_ok=True)
    noted = place / "mutants" / "planctl" / f"{module}.py.meta"
    held = json.loads(noted.read_text("utf-8"))
    codes = held["exit_code_by_key"]
    held["exit_code_by_key"] = {
        name: code if code in KILLED - OUT_OF_TIME else None for name, code in codes.items()
    }
    noted.write_text(json.dumps(held), "utf-8")


def mutmut(place: Path) -> None:
    """Let the tool make its mutants and run the tests on each, in this folder; its talk goes to a file."""
    environment = {**os.environ, "HYPOTHESIS_PROFILE": "ci", "PYTHONHASHSEED": "0"}
    children = os.environ.get("WORKERS", "1")
    with (place / "mutmut.log").open("w") as log:
        done = subprocess.run(
            [sys.executable, "-m", "mutmut", "run", "--max-children", children],
            cwd=place,
            env=environment,
            stdout=log,
            stderr=subprocess.STDOUT,
            preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_AS, (LARGEST, LARGEST)),
        )
    if done.returncode:
        sys.exit(f"mutmut ended with {done.returncode}; its last words are in {place / 'mutmut.log'}")


def results(place: Path, module: str) -> dict[str, int | None]:
    """What became of every mutant, by its name."""
    noted = json.loads((place / "mutants" / "planctl" / f"{module}.py.meta").read_text("utf-8"))
    codes: dict[str, int | None] = noted["exit_code_by_key"]
    return codes


def survived(place: Path, module: str, names: list[str]) -> Iterator[Survivor]:
    """What each of these mutants changes."""
    os.chdir(place)
    from mutmut.mutation.diff_apply import get_diff_for_mutant

    for name in names:
        diff = str(get_diff_for_mutant(name, path=f"planctl/{module}.py"))
        was = (line[1:] for line in diff.splitlines() if re.match(r"-(?!--)", line))
        becomes = (line[1:] for line in diff.splitlines() if re.match(r"\+(?!\+\+)", line))
        function = re.sub(r"__mutmut_\d+$", "", name.rpartition(".")[2]).removeprefix("x_").replace("xǁ", "")
        yield Survivor(name, function.replace("ǁ", "."), squeezed(was), squeezed(becomes))


def squeezed(lines: Iterator[str]) -> str:
    """The lines as one, as a list of reasons can hold them."""
    return " ".join(" ".join(lines).split())


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
