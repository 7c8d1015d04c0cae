"""`planctl prices …`: reads and writes the prices in a catalog's files; the store takes no part."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from planctl.cli.catalog_files import check, refuse_audited, usable
from planctl.cli.options import WHEN_MAKING_FILES, App
from planctl.cli.runtime import Runtime
from planctl.errors import WrongUsage

if TYPE_CHECKING:
    from planctl.core.catalog.price_table import Cell

app = App("Show and set prices in the files of a catalog.")

Catalog = Annotated[Path, typer.Option("--catalog", metavar="PATH", help="The catalog's directory or file.")]
HERE = Path("catalog")
EXAMPLE = "planctl prices set pro month USD 52, or pro.month.USD=52 several times"


@app.reads("table")
def table(
    context: typer.Context,
    plans: Annotated[
        list[str] | None, typer.Argument(metavar="[PLAN]...", help="Default: all that are not archived.")
    ] = None,
    catalog: Catalog = HERE,
) -> None:
    """Show what the plans cost: a row for every price, a column for every currency."""
    from planctl.core.catalog.price_table import price_table
    from planctl.views.prices import prices_answer
    from planctl.workflows.apply_catalog import read_catalog
    from planctl.workflows.set_prices import standings

    runtime = Runtime.of(context)
    read = read_catalog(catalog)
    found = usable(runtime, read)
    rows = price_table(found, tuple(plans or ()))
    runtime.show(prices_answer(rows, standings(read.texts, rows), found.currencies))


@app.writes("set", needs="viewer", shown=WHEN_MAKING_FILES)
def set_prices(
    context: typer.Context,
    words: Annotated[
        list[str],
        typer.Argument(metavar="PLAN ROW CURRENCY AMOUNT", help="Or PLAN.ROW.CURRENCY=AMOUNT, repeatable."),
    ],
    catalog: Catalog = HERE,
) -> None:
    """Set prices in the files of a catalog; only those values change, and what the files say is checked.

    ROW is how often a fee is paid (month, "3 months"), or the path of another price, as `prices table` shows it.
    """
    from planctl.views.prices import priced_answer, undo_of, written_line
    from planctl.workflows.apply_catalog import read_catalog
    from planctl.workflows.set_prices import keep, propose_prices

    runtime = Runtime.of(context)
    refuse_audited(runtime)
    cells = cells_of(words)
    read = read_catalog(catalog)
    priced = propose_prices(usable(runtime, read), read.texts, cells)
    texts = {name: text.after for name, text in priced.texts.items()}
    check(runtime, read, priced.findings, {**texts, **{str(cell): cell.amount for cell in cells}})
    dry_run = runtime.given.dry_run
    if not dry_run and priced.texts:
        keep(priced, catalog)
    runtime.show(priced_answer(priced, dry_run=dry_run))
    if priced.texts:
        undo = undo_of(priced, catalog)
        runtime.say(
            written_line(priced, dry_run=dry_run), *([f"undo with: {undo}"] if undo and not dry_run else [])
        )


def cells_of(words: list[str]) -> tuple[Cell, ...]:
    """The cells that the command line names; WrongUsage where it is neither of the two forms."""
    from planctl.core.catalog.price_table import Cell

    if len(words) == 4 and not any("=" in word for word in words):
        return (Cell(*words),)
    cells = []
    for word in words:
        address, equals, amount = word.partition("=")
        plan, _, rest = address.partition(".")
        row, dot, currency = rest.rpartition(".")
        if not (equals and plan and row and dot and currency and amount.strip()):
            raise WrongUsage(
                "a price is set by plan, row, currency and amount",
                where="planctl prices set",
                expected=EXAMPLE,
                got=word,
                hint="planctl prices table shows plans and rows",
            )
        cells.append(Cell(plan, row, currency, amount.strip()))
    if len({(cell.plan, cell.row, cell.currency) for cell in cells}) < len(cells):
        raise WrongUsage(
            "a price is set twice", where="planctl prices set", got=" ".join(words), hint="keep one of them"
        )
    return tuple(cells)
