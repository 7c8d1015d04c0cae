"""Complaints about user input: collected with their place, printed all at once, never raised."""

from __future__ import annotations

from enum import StrEnum

from planctl.values import dataclass


class Level(StrEnum):
    """How bad a finding is: an error stops the command, a warning does not."""

    ERROR = "error"
    WARNING = "warning"


@dataclass(frozen=True, slots=True, order=True)
class Place:
    """Where something stands in a file: 1-based line and column, `length` characters long (at least 1).

    `file` is the path as the user gave it or relative to the catalog; `""` with line 0 means that the
    value came from the store or the command line.
    """

    file: str = ""
    line: int = 0
    column: int = 0
    length: int = 1

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}" if self.line else self.file


NOWHERE = Place()


@dataclass(frozen=True, slots=True)
class Finding:
    """One complaint: a stable rule id, what is wrong, what was expected, one hint.

    `also` is a second place that belongs to it (the first definition of a duplicate). `got` is cut and
    escaped by whoever prints it.
    """

    rule: str
    message: str
    place: Place = NOWHERE
    level: Level = Level.ERROR
    expected: str = ""
    got: str = ""
    hint: str = ""
    also: Place | None = None

    @property
    def is_error(self) -> bool:
        """Whether this finding alone stops the command."""
        return self.level is Level.ERROR


def in_order(findings: list[Finding] | tuple[Finding, ...]) -> tuple[Finding, ...]:
    """Findings sorted by place, then rule, without exact repeats."""
    return tuple(sorted(dict.fromkeys(findings), key=lambda f: (f.place, f.rule, f.message)))
