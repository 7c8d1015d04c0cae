"""Gives standard input as bytes, where there is one; it reads nothing."""

from __future__ import annotations

import sys
from typing import BinaryIO

from planctl.errors import StoreFailure


def standard_input() -> BinaryIO:
    """Standard input; StoreFailure (74) where whoever started the program closed it."""
    if sys.stdin is None:
        raise StoreFailure(
            "standard input is closed",
            code="cannot-open",
            where="<stdin>",
            hint="pipe the file in, or name it instead of -",
        )
    return sys.stdin.buffer
