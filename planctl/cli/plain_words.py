"""Reads the plain command lines of hot commands; of any other it says None, and the command-line library reads it.

Plain is what scripts send all day: the words of a command, its options once each with a value, nothing that could
be a mistake. Help, completion and every complaint are the library's. A test holds the table against the commands.
Source: docs/decisions/039-hot-commands.md.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from planctl.cli.given import Given
from planctl.values import dataclass
from planctl.views.formats import FORMATS
from planctl.views.safe import redacted


@dataclass(frozen=True, slots=True)
class Hot:
    """A hot command: how many arguments it takes, and the parameter of each option and each flag of its own."""

    least: int
    most: int
    options: Mapping[str, str]
    flags: Mapping[str, str]
    several: frozenset[str] = frozenset()
    is_write: bool = False


COMMANDS: dict[tuple[str, ...], Hot] = {
    ("check",): Hot(2, 2, {"--quantity": "quantity", "--value": "value"}, {"--exit-code": "exit_code"}),
    ("usage", "show"): Hot(1, 1, {}, {}),
    ("usage", "record"): Hot(
        2,
        3,
        {
            "--at": "at",
            "--id": "event_id",
            "--property": "properties",
            "--set": "level",
            "--corrects": "corrects",
        },
        {"--if-allowed": "if_allowed"},
        frozenset({"--property"}),
        is_write=True,
    ),
}

OPTIONS = {
    "--store": "store",
    "--as-of": "as_of",
    "--format": "format",
    "-f": "format",
    "--key": "key",
    "--reason": "reason",
    "--operator": "operator",
    "--wait": "wait",
    "--confirm": "confirm",
}
FLAGS = {"--quiet": "quiet", "--yes": "yes", "--dry-run": "dry_run", "--read-only": "read_only"}
"""The global options, by what they are called in `Given`."""

_NEGATIVE_NUMBER = re.compile(r"-[0-9.]")


@dataclass(frozen=True, slots=True)
class Line:
    """A plain command line: the command's words, its arguments in order, what its own options say, the global ones."""

    command: tuple[str, ...]
    arguments: tuple[str, ...]
    said: Mapping[str, str | bool | tuple[str, ...]]
    given: Given


def read(words: Sequence[str]) -> Line | None:
    """The line, None where it is not a plain one of a hot command."""
    command = _command(words)
    hot = COMMANDS.get(command)
    if hot is None:
        return None
    arguments: list[str] = []
    found: dict[str, list[str]] = {}
    ahead = iter(words)
    for word in ahead:
        if not word.startswith("-") or _NEGATIVE_NUMBER.match(word):
            arguments.append(word)
            continue
        own = arguments[: len(command)] == [*command]
        name, value = _option(word, ahead, hot if own else None)
        if value is None:
            return None
        found.setdefault(name, []).append(value)
    if arguments[: len(command)] != [*command]:
        return None
    arguments = arguments[len(command) :]
    if not hot.least <= len(arguments) <= hot.most or not all(map(str.strip, arguments)):
        return None
    return _line(command, hot, arguments, found)


def _command(words: Sequence[str]) -> tuple[str, ...]:
    """The first word that is one of a hot command and, where it takes two, the next such; none where there are none."""
    first = next((word for word in words if word in {"check", "usage"}), "")
    if first != "usage":
        return (first,)
    return (first, next((word for word in words if word in {"record", "show"}), ""))


def _option(word: str, ahead: Iterator[str], hot: Hot | None) -> tuple[str, str | None]:
    """An option's name and value, a flag's `yes`; None for one that is unknown or has no plain value."""
    name, equals, value = word.partition("=")
    if name in FLAGS or (hot and name in hot.flags):
        return name, None if equals else "yes"
    if name not in OPTIONS and not (hot and name in hot.options):
        return name, None
    if not equals:
        value = next(ahead, "")
    elif not name.startswith("--"):
        return name, None
    return name, value if value.strip() and not value.startswith("-") else None


def _line(
    command: tuple[str, ...], hot: Hot, arguments: Sequence[str], found: Mapping[str, Sequence[str]]
) -> Line | None:
    said: dict[str, str | bool | tuple[str, ...]] = {}
    given: dict[str, Any] = {}
    for name, values in found.items():
        if name in hot.several:
            said[hot.options[name]] = tuple(values)
        elif len(values) > 1:
            return None
        elif name in hot.options or name in hot.flags:
            said[hot.options.get(name) or hot.flags[name]] = values[0] if name in hot.options else True
        elif name in FLAGS:
            given[FLAGS[name]] = True
        elif OPTIONS[name] in given:
            return None
        else:
            given[OPTIONS[name]] = values[0]
    kept = _global(given)
    return None if kept is None else Line(command, tuple(arguments), said, kept)


def _global(given: dict[str, Any]) -> Given | None:
    """The global options, None where one of them is to be complained about."""
    if "wait" in given:
        seconds = str(given["wait"])
        if not (seconds.isascii() and seconds.isdigit()):
            return None
        given["wait"] = int(seconds)
    key = str(given.get("key", ""))
    if given.get("format", FORMATS[0]) not in FORMATS or redacted(key) != key:
        return None
    return Given(**given)
