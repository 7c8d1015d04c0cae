"""`planctl status`: what is due, overdue and on hold, and the last run; exit 1 where a person is needed."""

from __future__ import annotations

from typing import Annotated

import typer

from planctl.cli.options import App
from planctl.cli.runtime import Runtime

app = App()

NEEDS_PERSON = 1


@app.reads("status")
def status(
    context: typer.Context,
    max_age: Annotated[
        str, typer.Option("--max-age", metavar="26h", help="Exit 1 where the last whole run is older.")
    ] = "",
) -> None:
    """Show what is due, overdue and on hold, and the last run."""
    from planctl.views.status import status_answer
    from planctl.workflows.read_status import parse_age, read_status

    runtime = Runtime.of(context)
    longest = parse_age(max_age) if max_age else None
    with runtime.open_read() as tx:
        standing = read_status(tx, runtime.as_of(tx), longest)
    runtime.show(status_answer(standing))
    if standing.too_old:
        runtime.warn(f"the last whole run is older than {max_age}, or there was none")
    if standing.needs_person:
        raise typer.Exit(NEEDS_PERSON)
