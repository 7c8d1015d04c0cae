"""`planctl hold …`: customers whom the run leaves alone until somebody has looked."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from planctl.cli.options import App
from planctl.cli.runtime import Kept, Runtime

if TYPE_CHECKING:
    from planctl.store.engine import Tx

app = App("Customers whom the run leaves alone until somebody has looked.")


@app.reads("list")
def list_(
    context: typer.Context,
    customer: Annotated[str, typer.Option("--customer", metavar="ID", help="Only this customer's.")] = "",
) -> None:
    """List holds, oldest first."""
    from planctl.views.hold import holds_answer
    from planctl.workflows.keep_holds import read_holds

    runtime = Runtime.of(context)
    with runtime.open_read() as tx:
        found = read_holds(tx, customer)
        timezone = runtime.timezone(tx)
    runtime.show(holds_answer(found, timezone))


@app.writes("clear")
def clear(
    context: typer.Context,
    customer: Annotated[str, typer.Argument(help="The customer's id.")],
    only: Annotated[
        str, typer.Option("--only", metavar="REASON", help="Lift the hold for this reason.")
    ] = "",
) -> None:
    """Lift a customer's holds, so that the next run bills again; needs --reason."""
    from planctl.core.audit import Touched
    from planctl.views.hold import hold_document
    from planctl.views.sheet import Answer
    from planctl.workflows.keep_holds import clear_holds

    runtime = Runtime.of(context)
    runtime.require_reason()

    def write(tx: Tx) -> Kept:
        lifted = clear_holds(tx, customer, only)
        touched = tuple(Touched("hold", f"{hold.customer}/{hold.reason}") for hold in lifted)
        return Kept([hold_document(hold) for hold in lifted], touched)

    written = runtime.run_write({"customer": customer, "only": only}, write)
    number = len(written.document) if isinstance(written.document, list) else 0
    runtime.show(
        Answer(written.document, (f"{customer}: {number} lifted; the next invoice run bills again",))
    )
    runtime.done(written)
