"""The output formats, in one list: each module renders an answer as lines without ends.

To add one: a module beside these and one line in `FORMATS`. Modules are imported when they are asked for.
"""

from __future__ import annotations

from collections.abc import Iterator
from importlib import import_module
from typing import Protocol, cast

from planctl.values import dataclass
from planctl.views.sheet import Answer

FORMATS: tuple[str, ...] = ("table", "json", "ndjson", "csv", "markdown")
"""Every format that each command can print; the first is the default."""


@dataclass(frozen=True, slots=True)
class Screen:
    """Where output goes: a terminal or not, with colour or not, how many columns wide, what letters it knows."""

    is_terminal: bool = False
    colour: bool = False
    width: int = 100
    unicode: bool = True


class Format(Protocol):
    """One format's module."""

    def render(self, answer: Answer, screen: Screen) -> Iterator[str]:
        """The lines to print, without line ends."""


def render(answer: Answer, name: str, screen: Screen) -> Iterator[str]:
    """The lines of an answer in the named format, or in one of the answer's own `sources`."""
    if answer.sources is not None and name in answer.sources:
        text = answer.sources[name].removesuffix("\n")
        return iter(text.split("\n") if text else ())
    known = name if name in FORMATS else FORMATS[0]  # `text` of catalog diff is the form for people
    return cast(Format, import_module(f"{__name__}.{known}")).render(answer, screen)
