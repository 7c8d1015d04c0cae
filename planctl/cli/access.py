"""`planctl access …`: who may look at a store, work with it, or own it."""

from __future__ import annotations

from shlex import quote
from typing import TYPE_CHECKING, Annotated

import typer

from planctl.cli.options import App
from planctl.cli.runtime import Kept, Runtime

if TYPE_CHECKING:
    from collections.abc import Callable

    from planctl.core.access import Granted
    from planctl.store.engine import Tx

app = App("Who may look at the store, work with it, or own it.")

Name = Annotated[str, typer.Argument(help="The login's name on the store's server.")]


@app.writes("grant", needs="owner")
def grant(
    context: typer.Context,
    name: Name,
    role: Annotated[str, typer.Option(metavar="ROLE", help="viewer, manager or owner.")],
) -> None:
    """Give a login a role on a store on PostgreSQL, in the place of the one it has.

    A viewer looks, a manager does everything day to day, an owner also says who may, upgrades and restores.
    """
    from planctl.workflows.keep_access import check_server, checked_role, grant_role

    runtime = Runtime.of(context)
    wanted = checked_role(role)
    check_server(runtime.open_store(), name, wanted)
    _write(runtime, {"name": name, "role": wanted.value}, lambda tx: grant_role(tx, name, wanted))


@app.writes("revoke", needs="owner")
def revoke(context: typer.Context, name: Name) -> None:
    """Take a login's role away: it may not use the store any more."""
    from planctl.workflows.keep_access import check_server, revoke_role

    runtime = Runtime.of(context)
    check_server(runtime.open_store(), name, None)
    _write(runtime, {"name": name}, lambda tx: revoke_role(tx, name))


@app.reads("list")
def list_(context: typer.Context) -> None:
    """List who may use the store, and who sees to it: the server, or the system for a file."""
    from planctl.views.access import standing_answer
    from planctl.workflows.keep_access import read_standing

    runtime = Runtime.of(context)
    runtime.show(standing_answer(read_standing(runtime.open_store())))


def _write(runtime: Runtime, request: dict[str, str], change: Callable[[Tx], Granted]) -> None:
    """Do one grant or its reverse, and say what would take it back."""
    from planctl.core.audit import Touched
    from planctl.views.access import granted_answer, granted_document

    undo = ""

    def write(tx: Tx) -> Kept:
        nonlocal undo
        done = change(tx)
        back = (
            f"grant {quote(done.name)} --role {done.before}" if done.before else f"revoke {quote(done.name)}"
        )
        undo = f"planctl access {back}"
        return Kept(
            granted_document(done), (Touched("access", done.name),), changed=done.before != done.after
        )

    written = runtime.run_write({**request}, write)
    runtime.show(granted_answer(written.document))
    runtime.done(written, undo=undo)
