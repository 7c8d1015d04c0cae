"""Texts of options as single values, with the option named where one is not; what they mean is not known here."""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from planctl.errors import InvalidInput

if TYPE_CHECKING:
    from decimal import Decimal


def at_least_0(value: int) -> int:
    """The value of `--limit`; InvalidInput where it is below 0."""
    if value < 0:
        raise InvalidInput("a limit is at least 0", where="--limit", expected="0 is no limit", got=str(value))
    return value


Limit = Annotated[int, typer.Option("--limit", help="At most so many.", callback=at_least_0)]
"""How many a list shows; 0 is all."""


def number(text: str, where: str, got: str = "") -> Decimal:
    """An exact number; InvalidInput naming `where`. `got` is what was typed, where the number is part of it."""
    from planctl.core.money import NumberError, parse_decimal

    try:
        return parse_decimal(text)
    except NumberError as problem:
        raise InvalidInput(str(problem), where=where, got=got or text) from problem


def status(text: str, known: Iterable[StrEnum]) -> str:
    """The status to list, or nothing; InvalidInput where it is none of those known."""
    values = [one.value for one in known]
    if text and text not in values:
        raise InvalidInput("no status", where="--status", expected=" | ".join(values), got=text)
    return text
