"""Shows the prices of a catalog's files as a table, and what setting some of them does; it decides nothing."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Protocol

from planctl.core.catalog.price_table import CellSet, PriceRow
from planctl.core.currencies import Currency
from planctl.core.money import format_minor, to_minor
from planctl.findings import Place
from planctl.views.file_texts import Texts, unified
from planctl.views.safe import safe
from planctl.views.sheet import Answer, Column, Json, Sheet
from planctl.views.words import count

_SAYS = {"free": "free", "usage": "no fee"}


class StandingLike(Protocol):
    """Where a row of prices is written."""

    @property
    def place(self) -> Place:
        """File and line."""

    @property
    def from_plan(self) -> str:
        """The plan that it is inherited from; empty where it is its own."""


class PricedLike(Protocol):
    """What setting prices does to the files."""

    @property
    def cells(self) -> tuple[CellSet, ...]:
        """The cells set, with what they were."""

    @property
    def texts(self) -> Texts:
        """The texts of the files that change."""

    @property
    def inherited(self) -> Mapping[str, str]:
        """Plans that have their own prices now, with the one they had them from."""

    @property
    def followers(self) -> Sequence[str]:
        """The plans that change too."""


def prices_answer(
    rows: Sequence[PriceRow], standings: Sequence[StandingLike], currencies: Mapping[str, Currency]
) -> Answer:
    """A row for every row of prices, a column for every currency that has one."""
    used = [code for code in currencies if any(code in row.cells for row in rows)]
    columns = (
        Column("plan"),
        Column("row"),
        *(Column(code.lower(), "amount", code) for code in used),
        Column("note"),
        Column("place", heading="written at"),
    )
    table = tuple(
        (
            row.plan,
            row.row,
            *(_amount(row, currencies[code]) for code in used),
            _note(row, standing),
            _where(standing.place),
        )
        for row, standing in zip(rows, standings, strict=True)
    )
    document: list[Json] = [
        _document(row, standing, currencies) for row, standing in zip(rows, standings, strict=True)
    ]
    return Answer(document, sheet=Sheet(columns, table), empty="the catalog has no plans")


def _amount(row: PriceRow, currency: Currency) -> str | None:
    """A fee with all the currency's decimals, a unit price as it is."""
    text = row.cells.get(currency.code)
    if text is None or not row.is_fee:
        return text
    return "..".join(format_minor(to_minor(Decimal(end), currency), currency) for end in text.split(".."))


def _note(row: PriceRow, standing: StandingLike) -> str | None:
    notes = [_SAYS[row.says]] if row.says else []
    notes += [f"from {standing.from_plan}"] if standing.from_plan else []
    return ", ".join(notes) or None


def _where(place: Place) -> str | None:
    return f"{place.file}:{place.line}" if place.file else None


def _document(row: PriceRow, standing: StandingLike, currencies: Mapping[str, Currency]) -> dict[str, Json]:
    return {
        "plan": row.plan,
        "row": row.row,
        "prices": {code: _amount(row, currencies[code]) for code in row.cells},
        "says": row.says or None,
        "from_plan": standing.from_plan or None,
        "file": standing.place.file or None,
        "line": standing.place.line or None,
    }


# --- setting


def priced_answer(priced: PricedLike, *, dry_run: bool) -> Answer:
    """The cells set, what else changes with them, and of a dry run the unified diff."""
    difference = unified(priced.texts)
    document: dict[str, Json] = {
        "written": not dry_run and bool(priced.texts),
        "files": list(priced.texts),
        "cells": [
            {
                "plan": one.cell.plan,
                "row": one.cell.row,
                "currency": one.cell.currency,
                "before": one.before or None,
                "after": one.cell.amount,
            }
            for one in priced.cells
        ],
        "inherited": dict(priced.inherited),
        "followers": list(priced.followers),
    }
    if dry_run:
        document["diff"] = "".join(f"{line}\n" for line in difference)
    return Answer(document, (*(difference if dry_run else ()), *_lines(priced)))


def _lines(priced: PricedLike) -> Iterator[str]:
    for one in priced.cells:
        yield safe(f"{one.cell}  {one.before or 'nothing'} → {one.cell.amount}")
    for plan, parent in priced.inherited.items():
        yield f"{plan} had these prices from {parent} and has its own now"
    if priced.followers:
        yield f"changes too, being like it: {', '.join(priced.followers)}"
    if not priced.texts:
        yield "nothing to change: the files say so already"


def undo_of(priced: PricedLike, path: Path) -> str:
    """The command that sets the cells back; empty where one was not there before."""
    if not priced.texts or not all(one.before for one in priced.cells) or priced.inherited:
        return ""
    words = [f"{one.cell}={one.before}" for one in priced.cells]
    where = [] if path == Path("catalog") else ["--catalog", str(path)]
    return f"planctl prices set {shlex.join([*words, *where])}"


def written_line(priced: PricedLike, *, dry_run: bool) -> str:
    """What happened to the files."""
    if dry_run:
        return "nothing was written (dry run)"
    return f"{count(len(priced.texts), 'file')} written: {', '.join(map(safe, priced.texts))}"
