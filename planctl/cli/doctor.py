"""`planctl doctor`: check every law that a store must obey; exit 1 where one is broken."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from planctl.cli.options import App
from planctl.cli.runtime import Runtime

if TYPE_CHECKING:
    from planctl.core.anchoring import Silent
    from planctl.store.laws import Law

app = App()

BROKEN = 1


@app.reads("doctor")
def doctor(
    context: typer.Context,
    anchor: Annotated[
        str,
        typer.Option(
            metavar="PLACE",
            help="Where tips of the audit were kept: a file, journal, git[:REPOSITORY], or 'SEQ HASH'. Default: the"
            " place of the setting anchor.",
        ),
    ] = "",
) -> None:
    """Check every law that a store must obey; nothing is repaired."""
    from planctl.cli.auditing import anchors_at
    from planctl.store.laws import LAWS
    from planctl.views.store import doctor_answer
    from planctl.workflows.maintain_store import examine, left_out_numbers
    from planctl.workflows.read_audit import anchored_law

    runtime = Runtime.of(context)

    def seen(noun: str, done: int, of: int) -> None:
        runtime.output.progress(f"{noun}: {done:,} of {of:,}", last=done == of)

    kept = anchors_at(runtime, anchor)
    with runtime.open_read() as tx:
        laws: list[Law] = [*LAWS]
        silent: tuple[Silent, ...] = ()
        if kept is not None:
            law, silent = anchored_law(tx, kept.anchors, kept.place)
            laws.append(law)
        verdicts = examine(tx, laws, seen=seen)
        left_out = left_out_numbers(tx)
    is_healthy = all(verdict.holds for verdict in verdicts)
    if not (is_healthy and runtime.output.quiet):
        runtime.show(doctor_answer(verdicts, left_out, silent))
    if not is_healthy:
        raise typer.Exit(BROKEN)
