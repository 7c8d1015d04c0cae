"""`planctl store …`: where the data is, checked backups, and upgrades of the schema."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from planctl.cli.options import App
from planctl.cli.runtime import Runtime

app = App("Where the data is; backups and upgrades.")


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
