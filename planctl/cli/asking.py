"""Asks a person at the terminal; where there is none, it says which option would have answered."""

from __future__ import annotations

import sys

from planctl.cli.output import is_tty
from planctl.errors import WrongUsage
from planctl.views.safe import safe


def has_terminal() -> bool:
    """Whether somebody can be asked."""
    return is_tty(sys.stdin) and is_tty(sys.stderr)


def asked(question: str, flag: str) -> str:
    """The answer typed at the terminal, stripped; WrongUsage (64) naming `flag` where there is no terminal.

    The question goes to stderr, so that data on stdout stays data. The end of the input is an empty answer.
    """
    if not has_terminal():
        raise WrongUsage(
            "this needs a yes, and there is no terminal to ask at", code="needs-yes", hint=f"pass {flag}"
        )
    print(safe(question), end=" ", file=sys.stderr, flush=True)
    return sys.stdin.readline().strip()


def says_yes(answer: str) -> bool:
    """Whether an answer is a yes; anything else is a no."""
    return answer.lower() in {"y", "yes"}
