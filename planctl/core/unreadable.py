"""Knows what a text that cannot be read as a value says about itself; not where it stood."""

from __future__ import annotations


class Unreadable(ValueError):
    """A text or number is not the value it should be.

    `reason` says what is wrong and names the part that is; `fix` says what to write instead. Neither holds
    control characters or look-alike letters, whatever the text held. Callers turn it into a Finding with a
    place, or into an error with an exit code.
    """

    def __init__(self, reason: str, fix: str) -> None:
        super().__init__(f"{reason}; {fix}" if fix else reason)
        self.reason = reason
        self.fix = fix
