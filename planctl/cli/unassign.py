"""`planctl unassign`: take an assigned plan away again; the history is kept."""

from __future__ import annotations

from typing import Annotated

import typer

from planctl.cli.options import App
from planctl.cli.runtime import Runtime

app = App("Take an assigned plan away again.")


@app.writes("unassign")
def unassign(
    context: typer.Context,
    customer: Annotated[str, typer.Argument(help="The customer's id.")],
    plan: Annotated[str, typer.Argument(help="The plan's id.")],
) -> None:
    """Take an assigned plan away again; refused while it runs."""
    from planctl.views.sheet import Answer
    from planctl.views.subscription import assignment_document
    from planctl.workflows.assign_plan import unassign_plan

    runtime = Runtime.of(context)
    written = runtime.run_write(
        {"customer": customer, "plan": plan},
        lambda tx: assignment_document(unassign_plan(tx, customer, plan)),
    )
    runtime.show(Answer(written.document, (f"{plan} is no longer assigned to {customer}",)))
    runtime.done(written, undo=f"planctl assign {customer} {plan}")
