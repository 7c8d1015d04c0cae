"""The commands that are announced and not there yet, so that they are told from a mistyped word."""

from __future__ import annotations

from planctl.errors import Refused

LATER: dict[str, tuple[str, ...]] = {
    "": (
        "ledger", "report", "simulate",
    ),
    "catalog": ("page",),
    "invoice": ("render",),
}  # fmt: skip
"""Their words by the group they stand in, the first words under `""`; help does not list them."""


def refuse_later(group: str, word: str) -> None:
    """Refused (4, `not-yet`) where the word is a command that is still to come; nothing for any other."""
    if word in LATER.get(group, ()):
        command = f"{group} {word}".strip()
        raise Refused(
            "this version does not have that command yet", code="not-yet", where=f"planctl {command}"
        )
