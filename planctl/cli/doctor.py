"""`planctl doctor`: check every law that a store must obey; exit 1 where one is broken."""

from __future__ import annotations

import typer

from planctl.cli.options import App
from planctl.cli.runtime import Runtime

app = App()

BROKEN = 1


@app.reads("doctor")
def doctor(context: typer.Context) -> None:
    """Check every law that a store must obey; nothing is repaired."""
    from planctl.views.store import doctor_answer
    from planctl.workflows.maintain_store import examine

    runtime = Runtime.of(context)

    def seen(noun: str, done: int, of: int) -> None:
        runtime.output.progress(f"{noun}: {done:,} of {of:,}", last=done == of)

    with runtime.open_read() as tx:
        verdicts = examine(tx, seen=seen)
    is_healthy = all(verdict.holds for verdict in verdicts)
    if not (is_healthy and runtime.output.quiet):
        runtime.show(doctor_answer(verdicts))
    if not is_healthy:
        raise typer.Exit(BROKEN)
