"""Gives standard input as bytes, where there is one, and reads streams up to a limit; it knows no format."""

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


_BLOCK = 1024 * 1024


def read_up_to(stream: BinaryIO, most: int) -> bytes:
    """The bytes of a stream up to its end or to `most`, in memory for what is there and no more."""
    found = bytearray()
    while len(found) < most and (block := stream.read(min(_BLOCK, most - len(found)))):
        found += block
    return bytes(found)
