"""Shows two texts of a catalog as a unified diff; where they come from it does not know."""

from __future__ import annotations

from difflib import unified_diff

from planctl.views.safe import safe


def unified_lines(before: str, after: str, before_name: str, after_name: str) -> list[str]:
    """The lines of a unified diff with three lines of context, without line ends; none where the texts are equal.

    What cannot be seen is shown as `safe` does; a patch program takes the lines as long as there is none of it.
    Source: POSIX, diff -u.
    """
    lines = unified_diff(
        before.splitlines(), after.splitlines(), safe(before_name), safe(after_name), lineterm=""
    )
    return [safe(line) for line in lines]
