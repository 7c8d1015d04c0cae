"""`planctl catalog pull`: writes shell edits into the catalog's files; the workflow decides."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from planctl.cli.catalog_files import check, refuse_audited, usable
from planctl.cli.options import WHEN_MAKING_FILES, App
from planctl.cli.runtime import Runtime


def add(app: App) -> None:
    """Declare the command in the catalog's group."""
    app.writes("pull", needs="viewer", shown=WHEN_MAKING_FILES)(pull)


def pull(
    context: typer.Context,
    path: Annotated[Path, typer.Argument(help="The catalog's directory or file.", metavar="[PATH]")] = Path(
        "catalog"
    ),
    adopt: Annotated[
        bool, typer.Option("--adopt", help="Write what was made in the shell into the files too.")
    ] = False,
) -> None:
    """Write what was edited outside git into the files; only the lines concerned change.

    Where the files changed the same value, the store wins, and each value that is replaced is listed.
    """
    from planctl.views.pull import pull_answer
    from planctl.workflows.apply_catalog import read_catalog
    from planctl.workflows.pull_catalog import keep, propose_pull

    runtime = Runtime.of(context)
    refuse_audited(runtime)
    read = read_catalog(path)
    catalog = usable(runtime, read)
    with runtime.open_read() as tx:
        pulled = propose_pull(tx, catalog, read.texts, adopt=adopt)
    check(runtime, read, pulled.findings, {name: one.after for name, one in pulled.texts.items()})
    dry_run = runtime.given.dry_run
    if not dry_run:
        keep(pulled, path)
    runtime.show(pull_answer(pulled.pull, pulled.texts, pulled.places, pulled.kept, dry_run=dry_run))
    if pulled.texts:
        runtime.say("nothing was written (dry run)" if dry_run else f"git diff {path} shows every line")
