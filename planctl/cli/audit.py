"""`planctl audit …`: who did what, proof that nobody changed it since, and its tip kept in another place."""

from __future__ import annotations

from typing import Annotated

import typer

from planctl.cli.auditing import anchors_at, place_of
from planctl.cli.options import App
from planctl.cli.runtime import Runtime
from planctl.cli.values import Limit
from planctl.errors import InvalidInput, WrongUsage

app = App("Who did what, and proof that nobody changed it since.")

BROKEN = 74


@app.reads("log")
def log(
    context: typer.Context,
    after: Annotated[int, typer.Option(min=0, help="Only entries with a higher number.")] = 0,
    limit: Limit = 0,
    about: Annotated[
        str,
        typer.Option("--object", metavar="TABLE/ID", help="Only entries that changed a row: customer/acme."),
    ] = "",
) -> None:
    """List audit entries, oldest first, with the rows that each changed."""
    from planctl.views.audit import audit_answer
    from planctl.workflows.read_audit import LogFilter, audit_log

    runtime = Runtime.of(context)
    asked = LogFilter(after, limit or None, _row_of(about) if about else None)
    with runtime.open_read() as tx:
        entries = audit_log(tx, asked)
        timezone = runtime.timezone(tx)
    runtime.show(audit_answer(entries, timezone))


@app.reads("verify")
def verify(
    context: typer.Context,
    anchor: Annotated[
        str,
        typer.Option(
            metavar="PLACE",
            help="Where tips were kept, all of which the chain must still contain: a file, journal, git[:REPOSITORY],"
            " or 'SEQ HASH'. Default: the place of the setting anchor.",
        ),
    ] = "",
) -> None:
    """Check the audit's chain and print its tip, to be kept elsewhere; exit 74 where it is broken.

    Without an anchor kept elsewhere it finds edits, not a chain cut short or written anew as a whole.
    """
    from planctl.views.audit import audit_verdict_answer
    from planctl.workflows.read_audit import audit_verdict

    runtime = Runtime.of(context)
    kept = anchors_at(runtime, anchor)
    with runtime.open_read() as tx:
        verdict = audit_verdict(tx, kept.anchors if kept else ())
    if kept is not None and not verdict.bound.is_there:
        raise InvalidInput(
            "no tip of this store's audit is kept there",
            code="no-anchor",
            where="--anchor" if anchor else runtime.settings.values["anchor"].origin,
            expected="a line as planctl audit anchor writes it",
            got=kept.place,
            hint="planctl audit anchor --to PLACE keeps one",
        )
    runtime.show(audit_verdict_answer(verdict))
    if verdict.problems:
        raise typer.Exit(BROKEN)


@app.reads("anchor")
def anchor(
    context: typer.Context,
    to: Annotated[
        str,
        typer.Option(
            metavar="PLACE",
            help="file:PATH, journal, syslog, or git[:REPOSITORY] for a note on its HEAD. Default: the place of the"
            " setting anchor; where there is none, the tip is only printed.",
        ),
    ] = "",
) -> None:
    """Keep the audit's tip in a place that only grows, and print it; the store is not changed.

    Whoever can write that place too can still write both anew: let it belong to somebody else.
    """
    from planctl.files.anchors import keep
    from planctl.views.audit import anchored_answer
    from planctl.workflows.read_audit import tip_of

    runtime = Runtime.of(context)
    place = place_of(runtime, to, "--to")
    with runtime.open_read() as tx:
        tip = tip_of(tx, runtime.now)
    if place is not None and not runtime.given.dry_run:
        keep(place, tip)
    runtime.show(anchored_answer(tip, str(place or "")))


def _row_of(said: str) -> tuple[str, str]:
    table, slash, name = said.partition("/")
    if not slash or not table or not name:
        raise WrongUsage("a row is told as TABLE/ID", where="--object", expected="customer/acme", got=said)
    return table, name
