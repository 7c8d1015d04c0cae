"""`planctl store …`: where the data is, checked backups and copies, and upgrades of the schema."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from planctl.cli.options import App
from planctl.cli.runtime import Runtime
from planctl.errors import WrongUsage

app = App("Where the data is; backups, copies and upgrades.")


@app.reads("info")
def info(context: typer.Context) -> None:
    """Show which store is used and what said so."""
    from planctl.views.store import store_answer
    from planctl.workflows.maintain_store import describe

    runtime = Runtime.of(context)
    settings = runtime.settings
    found = describe(runtime.open_store())
    runtime.show(store_answer(found, settings.values["store"].origin, settings.store_name))


@app.writes("backup")
def backup(
    context: typer.Context,
    target: Annotated[Path, typer.Argument(help="The new file; it must not exist.", metavar="FILE")],
) -> None:
    """Copy the store to a new file while others use it, and check the copy."""
    from planctl.views.store import backup_answer
    from planctl.workflows.maintain_store import back_up

    runtime = Runtime.of(context)
    store = runtime.open_store()
    if runtime.given.dry_run:
        runtime.say(f"{store.where} would be copied to {target}", "nothing was written (dry run)")
        return
    made = back_up(store, target)
    runtime.show(backup_answer(str(made.path), made.size_bytes, made.audit_tip))


@app.writes("copy")
def copy(
    context: typer.Context,
    source: Annotated[str, typer.Argument(help="The store: path, URL or name.", metavar="FROM")],
    target: Annotated[str, typer.Argument(help="The new place; nothing may be there.", metavar="TO")],
) -> None:
    """Move a store between SQLite and PostgreSQL: a copy, compared row by row and checked by every law.

    Afterwards only one of the two may go on: both would bill the same customers.
    """
    from planctl.store.copying import check_place
    from planctl.store.engine import open_store
    from planctl.views.store import copied_answer, one_goes_on
    from planctl.workflows.maintain_store import copy_store

    runtime = Runtime.of(context)
    if runtime.given.store is not None:
        raise WrongUsage(
            "the stores are named by FROM and TO",
            where="--store",
            hint="planctl store copy FROM TO, without --store",
        )
    for option, given in (("--key", runtime.given.key), ("--reason", runtime.given.reason)):
        if given is not None:
            raise WrongUsage(
                f"{option} is kept with a write of the store, and a copy holds what its store holds",
                where=option,
                hint=f"leave {option} out; a second copy to the same place is refused",
            )
    stores, wait = runtime.settings.stores, runtime.settings.wait
    source, target = (stores[name].url if name in stores else name for name in (source, target))

    def told(what: str, done: int) -> None:
        runtime.output.progress(f"{what}: {done:,}")

    with open_store(source, wait_seconds=wait) as opened:
        if runtime.given.dry_run:
            place = check_place(target, wait_seconds=wait)
            runtime.say(f"{opened.where} would be copied to {place}", "nothing was written (dry run)")
            return
        made, laws = copy_store(opened, target, told=told, wait_seconds=wait)
    runtime.output.progress(f"{made.rows:,} rows compared", last=True)
    runtime.show(copied_answer(made, laws))
    runtime.warn(*one_goes_on(made.source))


@app.writes("upgrade")
def upgrade(context: typer.Context) -> None:
    """Bring an older store up to date; make a backup first."""
    from planctl.views.store import upgrade_answer
    from planctl.workflows.maintain_store import upgrade_store

    runtime = Runtime.of(context)
    if runtime.given.dry_run:
        runtime.say("an older store would be upgraded", "nothing was written (dry run)")
        return
    runtime.name_store()
    done = upgrade_store(runtime.settings.store, runtime.settings.wait)
    runtime.show(upgrade_answer(done.before, done.after))
