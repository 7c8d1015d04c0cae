"""`planctl usage …`: record, import and show usage; the workflows decide, this module listens."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from planctl.cli import hot
from planctl.cli.options import App
from planctl.cli.runtime import Kept, Runtime
from planctl.cli.values import Limit
from planctl.errors import WrongUsage

if TYPE_CHECKING:
    from planctl.core.document import Document
    from planctl.files.rejects import RejectsFile
    from planctl.files.usage_reader import UsageFile
    from planctl.workflows.record_usage import FileImport, Imported

app = App("Record, import and show usage.")

EXPORTED_AT_ONCE = 1000
"""Events printed at a time, so that a whole store passes through little memory."""

Customer = Annotated[str, typer.Argument(metavar="CUSTOMER", help="The customer's id.")]


@app.writes("record")
def record(
    context: typer.Context,
    customer: Customer,
    feature: Annotated[str, typer.Argument(help="A metered feature, or an event name.")],
    quantity: Annotated[
        str, typer.Argument(metavar="[QTY]", help="How much; a negative number is one, too.")
    ] = "",
    at: Annotated[str, typer.Option(metavar="T", help="When it was used; default: now.")] = "",
    event_id: Annotated[
        str, typer.Option("--id", metavar="ID", help="Its id: the same id counts once.")
    ] = "",
    properties: Annotated[
        list[str] | None, typer.Option("--property", metavar="K=V", help="A property; may be repeated.")
    ] = None,
    level: Annotated[str, typer.Option("--set", metavar="LEVEL", help="Set a held feature to a level.")] = "",
    corrects: Annotated[
        str,
        typer.Option(
            metavar="ID", help="The event that it takes back, at that event's time unless --at is said."
        ),
    ] = "",
    if_allowed: Annotated[
        bool, typer.Option("--if-allowed", help="Only what check allows; else exit 4.")
    ] = False,
) -> None:
    """Record usage of one feature; without --id it is new each time, and its id is printed."""
    hot.record(
        Runtime.of(context),
        customer,
        feature,
        quantity,
        at,
        event_id,
        properties or (),
        level,
        corrects,
        if_allowed,
    )


@app.writes("import")
def import_(
    context: typer.Context,
    file: Annotated[str, typer.Argument(metavar="FILE|-", help="The file; - is standard input.")],
    kind: Annotated[
        str, typer.Option("--from", metavar="KIND", help="ndjson, csv or cloudevents; default: by its name.")
    ] = "",
    rejects: Annotated[str, typer.Option(metavar="FILE", help="A new file for rows that are not kept.")] = "",
    all_or_nothing: Annotated[
        bool, typer.Option("--all-or-nothing", help="Keep no row if any is rejected or in conflict.")
    ] = False,
    allow_future: Annotated[
        bool, typer.Option("--allow-future", help="Take rows that are more than 5 minutes ahead.")
    ] = False,
) -> None:
    """Import usage row by row: good rows are kept, exit 3 if rows were rejected, 5 if any conflicts."""
    from contextlib import nullcontext

    from planctl.files.rejects import RejectsFile
    from planctl.files.usage_reader import kind_of, open_usage

    runtime = Runtime.of(context)
    chosen = kind_of(file, kind)
    request: dict[str, Document] = {
        "file": file,
        "from": chosen,
        "all_or_nothing": all_or_nothing,
        "allow_future": allow_future,
    }
    with (
        open_usage(file) as opened,
        RejectsFile.create(rejects) if rejects and not runtime.given.dry_run else nullcontext() as sink,
    ):
        _import(runtime, opened, request, sink)


def _import(
    runtime: Runtime, opened: UsageFile, request: dict[str, Document], sink: RejectsFile | None
) -> None:
    """Import an open file: in one transaction where all or nothing is kept, else in many."""
    from planctl.workflows.record_usage import NothingKept

    job = _job(runtime, opened, request, sink)
    at_once = bool(request["all_or_nothing"] or runtime.given.dry_run or runtime.given.key)
    asked = {**request, "digest": opened.digest}
    try:
        if at_once:
            written = runtime.run_write(
                asked,
                lambda tx: _kept(job.whole(tx, all_or_nothing=bool(request["all_or_nothing"]))),
                repeatable=False,
            )
        else:
            job.rows(runtime.open_write)
            written = runtime.run_write(asked, lambda tx: _kept(job.finish(tx)))
    except NothingKept as nothing:
        _tell(runtime, nothing.imported, opened.name, "nothing was kept")
    else:
        from planctl.views.usage import imported_answer

        if written.existed:
            runtime.show(imported_answer(written.document))
            runtime.done(written)
            return
        _tell(
            runtime, job.imported, opened.name, "nothing was written (dry run)" if written.discarded else ""
        )


def _job(
    runtime: Runtime, opened: UsageFile, request: dict[str, Document], sink: RejectsFile | None
) -> FileImport:
    from planctl.core.instants import zone
    from planctl.files.usage_reader import kind_of
    from planctl.workflows.record_usage import FileImport, ImportTerms

    with runtime.open_read() as tx:
        at, tz = runtime.as_of(tx), zone(runtime.timezone(tx))
    kind = kind_of(opened.name, str(request["from"]))
    terms = ImportTerms(kind, at, runtime.now, tz, bool(request["allow_future"]))

    def progress(rows: int, offset: int, last: bool) -> None:
        part = f", {offset * 100 // opened.size} %" if opened.size else ""
        runtime.output.progress(f"{rows:,} rows{part}", last=last)

    return FileImport(opened, terms, sink, progress)


def _kept(imported: Imported) -> Kept:
    from planctl.views.usage import imported_document

    return Kept(
        imported_document(imported), counts={"usage_event": imported.accepted}, changed=bool(imported.read)
    )


def _tell(runtime: Runtime, imported: Imported, name: str, state: str) -> None:
    """Print what became of the rows and leave with the code that says so."""
    from planctl.views.usage import imported_answer, imported_document, told_lines

    runtime.show(imported_answer(imported_document(imported)))
    runtime.warn(*told_lines(imported.told, name, imported.rejected + imported.conflicts))
    if imported.whole:
        runtime.say(*([state] if state else []))
        return
    runtime.warn(state or f"{imported.accepted + imported.duplicates} of {imported.read} rows are in")
    raise typer.Exit(5 if imported.conflicts else 3)


@app.reads("show")
def show(context: typer.Context, customer: Customer) -> None:
    """Show what a customer used in the period that runs, what is left and when it resets."""
    hot.show(Runtime.of(context), customer)


@app.reads("list")
def list_(
    context: typer.Context,
    customer: Annotated[str, typer.Option(metavar="CUSTOMER", help="Whose usage.")] = "",
    feature: Annotated[
        list[str] | None, typer.Option(metavar="FEATURE", help="Only of this feature; may be repeated.")
    ] = None,
    since: Annotated[str, typer.Option("--from", metavar="T", help="Used at or after.")] = "",
    until: Annotated[str, typer.Option("--to", metavar="T", help="Used before.")] = "",
    limit: Limit = 0,
) -> None:
    """List a customer's recorded events, oldest first."""
    from planctl.core.instants import FOREVER
    from planctl.views.usage import events_answer
    from planctl.workflows.list_usage import EventsWanted, events_of

    runtime = Runtime.of(context)
    if not customer:
        raise WrongUsage("say whose usage", where="usage list", hint="--customer CUSTOMER")
    with runtime.open_read() as tx:
        wanted = EventsWanted(
            customer,
            tuple(feature or ()),
            runtime.instant(since, "--from", tx) if since else 0,
            runtime.instant(until, "--to", tx) if until else FOREVER,
            limit,
        )
        found = events_of(tx, wanted)
        timezone = runtime.timezone(tx)
    runtime.show(events_answer(found, timezone))


@app.reads("export", formats=("ndjson",))
def export(
    context: typer.Context,
    customer: Annotated[
        str, typer.Option(metavar="CUSTOMER", help="Whose usage; default: everybody's.")
    ] = "",
    feature: Annotated[
        list[str] | None, typer.Option(metavar="FEATURE", help="Only of this feature; may be repeated.")
    ] = None,
    since: Annotated[str, typer.Option("--from", metavar="T", help="Used at or after.")] = "",
    until: Annotated[str, typer.Option("--to", metavar="T", help="Used before.")] = "",
) -> None:
    """Print recorded events as lines that usage import takes back: the same store counts none of them twice."""
    from itertools import islice

    from planctl.core.instants import FOREVER
    from planctl.views.sheet import Answer
    from planctl.views.usage import event_document
    from planctl.workflows.export_usage import ExportWanted, exported

    runtime = Runtime.of(context)
    with runtime.open_read() as tx:
        wanted = ExportWanted(
            customer,
            tuple(feature or ()),
            runtime.instant(since, "--from", tx) if since else 0,
            runtime.instant(until, "--to", tx) if until else FOREVER,
        )
        events = exported(tx, wanted)
        while page := [event_document(event) for event in islice(events, EXPORTED_AT_ONCE)]:
            runtime.show(Answer(page))
