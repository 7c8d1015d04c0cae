"""`planctl catalog simulate`: a billed period rated again under a proposed catalog; the workflow decides."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from planctl.cli.catalog_files import stop, usable, warn
from planctl.cli.options import App
from planctl.cli.runtime import Runtime
from planctl.errors import WrongUsage

HERE = Path("catalog")

FIRED = 4
"""The exit code where a condition of `--fail-if` holds."""
NEEDS_A_PERSON = 1
"""The exit code where none does, and not everything that was billed was rated again as it was billed."""


def add(app: App) -> None:
    """Give the group of catalogs its command `simulate`."""
    app.reads("simulate")(simulate)


def simulate(
    context: typer.Context,
    path: Annotated[
        Path, typer.Argument(help="The proposed catalog's directory or file.", metavar="[PATH]")
    ] = HERE,
    period: Annotated[
        str, typer.Option(metavar="MONTH", help="What to replay: 2026-10, or 2026-10-01..2026-11-01.")
    ] = "",
    fail_if: Annotated[
        list[str] | None,
        typer.Option(
            "--fail-if",
            metavar="CONDITION",
            help="Exit 4 where it holds, such as 'revenue < -2%'; repeatable.",
        ),
    ] = None,
    names: Annotated[
        bool, typer.Option("--names", help="Name the customers who would pay the most more or less.")
    ] = False,
) -> None:
    """Rate what was billed in a period under a proposed catalog, and say what would change."""
    from planctl.core.replay.conditions import fired
    from planctl.views.replay import differs_lines, fired_lines, part_lines, simulation_answer
    from planctl.workflows.apply_catalog import read_catalog
    from planctl.workflows.replay_period import propose_replay, read_conditions, read_span, replay_period

    runtime = Runtime.of(context)
    if not period:
        raise WrongUsage("which period is to be replayed?", where="--period", hint="--period 2026-10")
    read = read_catalog(path)
    catalog = usable(runtime, read)
    conditions = read_conditions(fail_if or (), catalog)
    with runtime.open_read() as tx:
        span = read_span(period, runtime.timezone(tx))
        changes = propose_replay(tx, catalog)
        if any(finding.is_error for finding in changes.findings):
            stop(runtime, read, changes.findings)
        simulation = replay_period(tx, catalog, changes, span)
    warn(runtime, read, changes.findings)
    found = fired(simulation, conditions)
    runtime.show(simulation_answer(simulation, found, names=names))
    runtime.warn(*differs_lines(simulation), *fired_lines(found), *part_lines(simulation, conditions, found))
    if found:
        raise typer.Exit(FIRED)
    if conditions and not simulation.invoices:
        runtime.warn(f"nothing was issued in {span.text}, so no condition could say anything")
    if simulation.unreadable or (conditions and (simulation.differences or not simulation.invoices)):
        raise typer.Exit(NEEDS_A_PERSON)
