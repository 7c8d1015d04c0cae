"""Shows how the files of a catalog change, as git shows it; it reads and writes no file."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from planctl.views.changeset_unified import unified_lines


class BothTexts(Protocol):
    """The text of one file, before and after."""

    @property
    def before(self) -> str:
        """What stood there."""

    @property
    def after(self) -> str:
        """What stands there then."""


Texts = Mapping[str, BothTexts]
"""Both texts of each file by its name."""


def unified(texts: Texts) -> list[str]:
    """The lines of a unified diff of every file, in the order given."""
    return [
        line
        for name, text in texts.items()
        for line in unified_lines(text.before, text.after, f"a/{name}", f"b/{name}")
    ]
