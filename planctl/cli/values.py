"""Texts of options as single values, with the option named where one is not; what they mean is not known here."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from planctl.errors import InvalidInput, WrongUsage

if TYPE_CHECKING:
    from decimal import Decimal


def at_least_0(value: int) -> int:
    """The value of `--limit`; InvalidInput where it is below 0."""
    if value < 0:
        raise InvalidInput("a limit is at least 0", where="--limit", expected="0 is no limit", got=str(value))
    return value


Limit = Annotated[int, typer.Option("--limit", help="At most so many.", callback=at_least_0)]
"""How many a list shows; 0 is all."""


LONGEST_EXTENSION = 3_650


def days_to_extend(days: Mapping[str, int]) -> None:
    """Refuse an extension by nothing (WrongUsage), by less than a day or by more than ten years (InvalidInput)."""
    if not days:
        raise WrongUsage(
            "nothing to extend",
            where="subscription extend",
            expected="--trial, --due, --grace or --expiry",
            hint="name what is moved on, in days: --due 7",
        )
    for what, count in days.items():
        if not 1 <= count <= LONGEST_EXTENSION:
            raise InvalidInput(
                "a date is only moved on",
                where=f"--{what}",
                expected=f"1 to {LONGEST_EXTENSION} days",
                got=str(count),
            )


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
