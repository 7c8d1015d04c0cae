"""Every command that README.md and docs/start.md show is run, and prints what they show.

A fenced `console` block is a session: lines after `$ ` are commands (a trailing backslash goes on in the
next line), the lines below are what they print, stdout and stderr together. Where output is given it must
be exactly that; a line `...` stands for any lines, `...` inside a line for any text. The blocks of a document
are one session, in one directory with its own store. Blocks in other languages (`sh`, `yaml`) are not run.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
DOCUMENTS = ("README.md", "docs/start.md")
CONSOLE_BLOCK = re.compile(r"^```console\n(.*?)^```$", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\]\((?!https?://|mailto:|#)([^)#\s]+)")


@dataclass(frozen=True, slots=True)
class Step:
    """One shown command; `output` is empty where the document shows none."""

    line: int
    command: str
    output: str


def steps_of(markdown: str) -> list[Step]:
    """The shown commands in order, with the line on which each begins."""
    steps: list[Step] = []
    for block in CONSOLE_BLOCK.finditer(markdown):
        first_line = markdown.count("\n", 0, block.start(1)) + 1
        steps += steps_of_block(block.group(1).splitlines(), first_line)
    return steps


def steps_of_block(lines: list[str], first_line: int) -> list[Step]:
    """The commands of one block; a line of output before the first command is a mistake."""
    found: list[tuple[int, list[str], list[str]]] = []
    for number, line in enumerate(lines, start=first_line):
        if line.startswith("$ "):
            found.append((number, [line[2:]], []))
        elif not found:
            raise ValueError(f"line {number}: output before any command: {line!r}")
        elif found[-1][1][-1].endswith("\\") and not found[-1][2]:
            found[-1][1].append(line)
        else:
            found[-1][2].append(line)
    return [Step(number, "\n".join(command), "\n".join(output)) for number, command, output in found]


def matches(expected: str, printed: str) -> bool:
    """Whether the printed text is the shown one; blanks at line ends and at the very end do not count."""
    pattern = ""
    for line in expected.strip("\n").splitlines():
        if line.strip() == "...":
            pattern += r"(?:.*\n)*?"
        else:
            pattern += ".*".join(re.escape(part) for part in line.rstrip().split("...")) + r"\n"
    text = "".join(f"{line.rstrip()}\n" for line in printed.strip("\n").splitlines())
    return re.fullmatch(pattern, text) is not None


@pytest.fixture
def session(tmp_path: Path) -> tuple[Path, dict[str, str]]:
    """A directory with the sample catalogs and an environment in which `planctl` is this source tree."""
    programs = tmp_path / "bin"
    programs.mkdir()
    program = programs / "planctl"
    program.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m planctl "$@"\n')
    program.chmod(0o755)
    directory = tmp_path / "shop"
    directory.mkdir()
    (directory / "sample-catalogs").symlink_to(ROOT / "sample-catalogs")
    environment = os.environ | {
        "PATH": f"{programs}{os.pathsep}{os.environ['PATH']}",
        "PYTHONPATH": str(ROOT),
        "PLANCTL_STORE": str(tmp_path / "store.db"),
    }
    return directory, environment


@pytest.mark.slow
@pytest.mark.parametrize("document", DOCUMENTS)
def test_every_shown_command_runs_and_prints_what_is_shown(
    document: str, session: tuple[Path, dict[str, str]]
) -> None:
    steps = steps_of((ROOT / document).read_text(encoding="utf-8"))
    assert steps, f"{document} shows no command"
    for step in steps:
        take(step, document, session)


def take(step: Step, document: str, session: tuple[Path, dict[str, str]]) -> None:
    """Run one shown command; what it prints must be what is shown."""
    directory, environment = session
    result = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", step.command],
        cwd=directory,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=300,
    )
    place = f"{document}:{step.line}: $ {step.command}"
    assert result.returncode == 0, f"{place}\nexit {result.returncode}\n{result.stdout}"
    if step.output:
        assert matches(step.output, result.stdout), (
            f"{place}\n--- shown\n{step.output}\n--- printed\n{result.stdout}"
        )


def test_the_demo_takes_the_journey_of_the_readme() -> None:
    demo = (ROOT / "tools" / "demo.sh").read_text(encoding="utf-8")
    demonstrated = re.findall(r"^run (planctl .*)$", demo, re.MULTILINE)
    shown = [step.command for step in steps_of((ROOT / "README.md").read_text(encoding="utf-8"))]
    assert demonstrated == shown


DOCUMENTS_WITH_LINKS = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")])


@pytest.mark.parametrize("path", DOCUMENTS_WITH_LINKS, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_link_inside_the_repository_leads_somewhere(path: Path) -> None:
    targets = LINK.findall(path.read_text(encoding="utf-8"))
    assert [target for target in targets if not (path.parent / target).exists()] == []


def test_a_session_is_read_as_commands_and_their_output() -> None:
    markdown = (
        "# T\n\n```sh\n$ not run\n```\n\n```console\n$ one \\\n    --more\nout 1\n\nout 2\n$ two\n```\n"
    )
    assert steps_of(markdown) == [
        Step(8, "one \\\n    --more", "out 1\n\nout 2"),
        Step(13, "two", ""),
    ]


@pytest.mark.parametrize(
    ("shown", "printed", "same"),
    [
        ("total 19.00 USD", "total 19.00 USD\n", True),
        ("total 19.00 USD", "total 19x00 USD\n", False),
        ("total 19.00 USD", "total 19.00 USD\nand more\n", False),
        ("sub_... active", "sub_01J9 active  \n", True),
        ("sub_... active", "sub_01J9\n active\n", False),
        ("first\n...\nlast", "first\na\nb\nlast\n", True),
        ("first\n...\nlast", "first\nlast\n", True),
        ("first\n...\nlast", "first\nlast\nmore\n", False),
    ],
)
def test_shown_output_matches_exactly_but_for_its_dots(shown: str, printed: str, same: bool) -> None:
    assert matches(shown, printed) is same
