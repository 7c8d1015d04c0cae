"""The documentation says what the program does: it is run, resolved and compared, not trusted.

Sessions of the guides and concepts are run like those of README.md; a fenced block whose first line names a
file (`yaml catalog/catalog.yaml`) is laid into the session's directory before its first command. Stripe is the fake of
tests/fakes/stripe, where what a page says that happens there (`> At Stripe, ...`) happens between two commands.
"""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from planctl.cli.app import PROGRAM, WORDS, loaded, root
from planctl.core.catalog.breaking import BUILT_IN
from planctl.core.catalog.needs import TABLE
from planctl.core.pricing.kinds import KINDS
from planctl.core.stripe.facts_notice import TOPICS
from planctl.core.stripe.rights import RIGHTS
from tests import test_readme
from tests.fakes.stripe import FakeStripe
from tests.fakes.stripe.sentences import carry_out, keep_time, sentences_of, settings

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
REFERENCE = DOCS / "reference" / "cli.md"
SESSIONS = sorted(
    str(path.relative_to(ROOT)) for folder in ("concepts", "guides") for path in (DOCS / folder).glob("*.md")
)
PAGES = sorted([*ROOT.glob("*.md"), *DOCS.rglob("*.md")])

FILE_BLOCK = re.compile(r"^```\w+ ([\w./-]+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
ANY_BLOCK = re.compile(r"^```[^\n]*\n.*?^```$", re.MULTILINE | re.DOTALL)
SHELL_BLOCK = re.compile(r"^```(?:sh|console)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
SHELL_LINE = re.compile(r"^(?:\$ )?(planctl .*)$", re.MULTILINE)
CODE = re.compile(r"`([^`\n]+)`")
LINK = re.compile(r"\]\((?!https?://|mailto:)([^)#\s]*)(?:#([^)\s]+))?\)")
HEADING = re.compile(r"^#+ +(.*)$", re.MULTILINE)
OPERATORS = {"|", "||", "&&", ";", ">", "<", ">>"}

session = test_readme.session


def shown(path: Path) -> str:
    """How a test names a page."""
    return str(path.relative_to(ROOT))


def commands() -> Iterator[tuple[str, Any]]:
    """Every command of the program with the words that call it."""
    for name, word in WORDS.items():
        command = loaded(name, word)
        if word.is_group:
            yield from ((f"{name} {sub}", one) for sub, one in command.commands.items())
        else:
            yield name, command


COMMANDS = dict(commands())


# --- the reference --------------------------------------------------------------------------------


def test_the_reference_is_what_the_program_says_today() -> None:
    written = subprocess.run(
        [sys.executable, str(ROOT / "tools" / "write-reference.py"), "-"],
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert REFERENCE.read_text(encoding="utf-8") == written.stdout, "docs/reference/cli.md is old: make docs"


def test_every_command_stands_in_the_reference() -> None:
    headings = set(HEADING.findall(REFERENCE.read_text(encoding="utf-8")))
    assert [words for words in COMMANDS if f"{PROGRAM} {words}" not in headings] == []


@pytest.mark.parametrize("words", COMMANDS)
def test_every_command_says_what_it_and_each_of_its_options_does(words: str) -> None:
    command = COMMANDS[words]
    assert command.help
    silent = [one.name for one in command.params if not getattr(one, "hidden", False) and not one.help]
    assert silent == []


# --- what the pages say ---------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize("document", SESSIONS)
def test_every_session_of_a_page_runs_and_prints_what_is_shown(
    document: str, session: tuple[Path, dict[str, str]]
) -> None:
    text = (ROOT / document).read_text(encoding="utf-8")
    steps = test_readme.steps_of(text)
    if not steps:
        return
    directory, environment = session
    for name, content in FILE_BLOCK.findall(text):
        (directory / name).parent.mkdir(parents=True, exist_ok=True)
        (directory / name).write_text(content, encoding="utf-8")
    make_program_self_contained(environment)
    happening = sentences_of(text)
    with FakeStripe() as fake:
        keep_time(fake)
        environment |= settings(fake, directory.parent)
        for step in steps:
            while happening and happening[0][0] < step.line:
                carry_out(fake, happening.pop(0)[1])
            test_readme.take(step, document, session)
        assert (happening, fake.violations) == ([], [])


def make_program_self_contained(environment: dict[str, str]) -> None:
    """Let the session's `planctl` run this source tree in an empty environment too, as cron would."""
    program = Path(environment["PATH"].split(os.pathsep)[0]) / PROGRAM
    run = f'PYTHONPATH="{ROOT}" exec "{sys.executable}" -m planctl "$@"'
    program.write_text(f"#!/bin/sh\n{run}\n", encoding="utf-8")


def test_the_terms_that_are_not_built_are_those_of_the_program() -> None:
    section = section_of("docs/concepts/billing.md", "What is not built yet")
    rows = re.findall(r"^\| `([^`]+)` \|", section, re.MULTILINE)
    kinds = [kind.not_built for kind in KINDS.values() if kind.not_built]
    assert rows == [term for term, _ in TABLE] + kinds


def test_the_rules_of_a_diff_have_the_levels_of_the_program() -> None:
    section = section_of("docs/concepts/changing-a-catalog.md", "Rules")
    said = {
        rule: level
        for level, rules in re.findall(
            r"^\| (safe|caution|breaking|error) \| ([^|]*) \|", section, re.MULTILINE
        )
        for rule in CODE.findall(rules)
    }
    assert said == BUILT_IN


def test_the_events_of_stripe_that_are_listed_are_those_that_are_listened_to() -> None:
    section = section_of("docs/concepts/stripe.md", "What an event does")
    rows = re.findall(r"^\| (`[^|]*`) \|", section, re.MULTILINE)
    assert sorted(name for row in rows for name in CODE.findall(row)) == sorted(TOPICS)


def test_the_rights_at_stripe_that_are_listed_are_those_that_planctl_needs() -> None:
    section = section_of("docs/guides/stripe.md", "The key")
    said = {
        (right, level): uses
        for rights, level, uses in re.findall(
            r"^\| ([^|]*) \| (read|write) \| ([^|]*) \|$", section, re.MULTILINE
        )
        for right in rights.split(", ")
    }
    assert said.pop(("the account", "read"))
    assert said == {
        (right.name, right.need): ", ".join(f"`stripe {use}`" for use in right.used_for.split(", "))
        for right in RIGHTS
        if right.need != "none"
    }


def section_of(document: str, heading: str) -> str:
    """The text below a heading of the second level."""
    text = (ROOT / document).read_text(encoding="utf-8")
    return text.partition(f"\n## {heading}\n")[2].partition("\n## ")[0]


# --- commands that are mentioned ------------------------------------------------------------------


def mentioned(path: Path) -> list[str]:
    """The command lines of a page's shell blocks and code spans, but for those with a word to fill in, and answers."""
    text = path.read_text(encoding="utf-8").replace("\\\n", " ")
    spans = [span for span in CODE.findall(ANY_BLOCK.sub("", text)) if span.startswith(f"{PROGRAM} ")]
    lines = [line for block in SHELL_BLOCK.findall(text) for line in SHELL_LINE.findall(block)]
    return [line for line in (*spans, *lines) if not re.match(r"planctl (COMMAND|…|→)", line)]


def unknown_in(line: str) -> str:
    """The first word or option of a command line that the program does not have; empty where it has all."""
    global_options = {name for one in root().params for name in one.opts}
    valued = {name for one in root().params if not getattr(one, "is_flag", False) for name in one.opts}
    words: list[str] = []
    options: list[str] = []
    rest = iter(shlex.split(line, comments=True)[1:])
    for token in rest:
        if token in OPERATORS:
            break
        if token.startswith("-") and not token[1:2].isdigit():
            options.append(token.partition("=")[0])
            if not words and token in valued:
                next(rest)
        else:
            words.append(token)
    name = next((" ".join(words[:n]) for n in (2, 1) if " ".join(words[:n]) in COMMANDS), "")
    if not name and words and not (len(words) == 1 and words[0] in WORDS):
        return " ".join(words[:2])
    own = COMMANDS[name].params if name else []
    known = {opt for one in own if not one.hidden for opt in (*one.opts, *one.secondary_opts)}
    return next((one for one in options if one not in known | global_options | {"--help"}), "")


@pytest.mark.parametrize("path", [path for path in PAGES if path.parent != DOCS / "decisions"], ids=shown)
def test_every_command_that_a_page_mentions_exists(path: Path) -> None:
    wrong = [(line, unknown) for line in mentioned(path) if (unknown := unknown_in(line))]
    assert wrong == []


@pytest.mark.parametrize(
    ("line", "unknown"),
    [
        ("planctl invoice run --as-of 2026-01-01", ""),
        ("planctl --store prod.db invoice run --dry-run", ""),
        ("planctl usage record nova seats -1", ""),
        ("planctl catalog", ""),
        ("planctl catalog validate && planctl nonsense", ""),
        ("planctl catalog diff --inside plan.json", "--inside"),
        ("planctl invoice nonsense", "invoice nonsense"),
        ("planctl nonsense", "nonsense"),
    ],
)
def test_a_mentioned_command_is_resolved_as_the_program_would(line: str, unknown: str) -> None:
    assert unknown_in(line) == unknown


PATH = re.compile(r"(?:planctl|tests|tools|docs|benchmarks|sample-catalogs)/[\w./-]+")


@pytest.mark.parametrize("path", sorted(DOCS.rglob("*.md")), ids=shown)
def test_every_path_that_a_page_names_exists(path: Path) -> None:
    spans = CODE.findall(ANY_BLOCK.sub("", path.read_text(encoding="utf-8")))
    to_fill_in = re.compile(r"/[A-Z]+(?:/|$)")
    named = [span for span in spans if PATH.fullmatch(span) and not to_fill_in.search(span)]
    assert [name for name in named if not (ROOT / name).exists()] == []


# --- links ----------------------------------------------------------------------------------------


def anchors_of(path: Path) -> set[str]:
    """The anchors of a page's headings, as Git hosts make them."""
    text = ANY_BLOCK.sub("", path.read_text(encoding="utf-8"))
    plain = (re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in HEADING.findall(text))
    return set(plain)


@pytest.mark.parametrize("path", PAGES, ids=shown)
def test_no_link_is_dead(path: Path) -> None:
    dead = []
    for name, anchor in LINK.findall(ANY_BLOCK.sub("", path.read_text(encoding="utf-8"))):
        target = path.parent / name if name else path
        if not target.exists() or (anchor and anchor not in anchors_of(target)):
            dead.append(f"{name}#{anchor}" if anchor else name)
    assert dead == []


def test_the_index_leads_to_every_page() -> None:
    index = DOCS / "index.md"
    reached = {(DOCS / name).resolve() for name, _ in LINK.findall(index.read_text(encoding="utf-8"))}
    pages = {path for path in DOCS.rglob("*.md") if path.parent.name != "decisions" or path.stem == "README"}
    assert [shown(path) for path in sorted(pages - {index}) if path.resolve() not in reached] == []
