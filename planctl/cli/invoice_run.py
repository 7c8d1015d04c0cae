"""`planctl invoice run`: what is asked, the brakes and the answer; the pages are invoice_pages.py's. No decisions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

import typer

from planctl.cli.options import App
from planctl.cli.requests import plain
from planctl.cli.runtime import Kept, Runtime, Written
from planctl.errors import InvalidInput, WrongUsage

if TYPE_CHECKING:
    from fractions import Fraction

    from planctl.cli.invoice_pages import Biller, Tally
    from planctl.core.document import Document
    from planctl.core.invoicing.reporting import RunReport
    from planctl.store.engine import Tx
    from planctl.views.sheet import Json
    from planctl.workflows.run_invoices import RunRequest

ON_HOLD = 1
MOST_WORKERS = 32


def add(app: App) -> None:
    """Declare the command in the invoices' group."""
    app.writes("run")(run)


def run(
    context: typer.Context,
    customer: Annotated[str, typer.Option(help="Only this customer.")] = "",
    workers: Annotated[
        int, typer.Option(metavar="N", help=f"How many at once, 1 to {MOST_WORKERS} (PostgreSQL).")
    ] = 1,
    catch_up: Annotated[int | None, typer.Option(help="Bill up to so many missed periods.")] = None,
    max_change: Annotated[
        str, typer.Option(metavar="30%", help="Bill nothing if it differs more from the last run.")
    ] = "",
) -> None:
    """Bill everything whose time is at or before now; again, late or twice at once changes nothing.

    With --dry-run it also says how the run compares with the last one that issued something, and which invoices are
    over twice what is usual.
    """
    from planctl.views.run import run_answer

    runtime = Runtime.of(context)
    wanted = _Wanted(customer, workers, catch_up, _limit(max_change, customer))
    if catch_up is not None:
        runtime.require_reason()
    wanted.check_workers(runtime)
    runtime.name_store()
    first = runtime.first_answer(wanted.asked())
    if first is None:
        _held_back(runtime, wanted)
        first = _run(runtime, wanted)
    if first is not None:
        runtime.show(run_answer(first.document))
        runtime.done(first)


@dataclass(frozen=True, slots=True)
class _Wanted:
    """What was asked. `limit` is None where no change is too large."""

    customer: str
    workers: int
    catch_up: int | None
    limit: Fraction | None

    def asked(self) -> dict[str, Document]:
        """The same for the audit and for `--key`: what decides which invoices there are."""
        from planctl.cli.invoice_pages import asked

        return asked(self.customer, self.catch_up)

    def request(self, runtime: Runtime, tx: Tx) -> RunRequest:
        """The same for the workflow. Only a dry run compares single invoices."""
        from planctl.workflows.run_invoices import RunRequest

        return RunRequest(
            runtime.as_of(tx),
            runtime.now,
            self.customer,
            self.catch_up,
            runtime.reason,
            compares=runtime.given.dry_run,
        )

    def check_workers(self, runtime: Runtime) -> None:
        """WrongUsage for a number that is none, and for several where there is one writer."""
        from planctl.store.claiming import has_several_writers

        if not 1 <= self.workers <= MOST_WORKERS:
            raise WrongUsage(
                "that is no number of workers",
                where="--workers",
                expected=f"1 to {MOST_WORKERS}",
                got=str(self.workers),
            )
        if self.workers > 1 and not has_several_writers(runtime.open_store()):
            raise WrongUsage(
                "SQLite has one writer, so several workers would only wait for each other",
                where="--workers",
                expected="1",
                got=str(self.workers),
                hint="leave it out, or move the store to PostgreSQL",
            )


def _limit(text: str, customer: str) -> Fraction | None:
    from planctl.core.invoicing.comparing import share_of
    from planctl.core.unreadable import Unreadable

    if not text:
        return None
    if customer:
        raise WrongUsage(
            "a run of one customer compares with no other run",
            where="--max-change",
            hint="leave out --customer or --max-change",
        )
    try:
        return share_of(text)
    except Unreadable as error:
        raise InvalidInput(error.reason, where="--max-change", got=text, hint=error.fix) from error


def _held_back(runtime: Runtime, wanted: _Wanted) -> None:
    """Decide the whole run without writing and refuse one that differs too much; a dry run does so at its end."""
    if wanted.limit is None or runtime.given.dry_run:
        return
    from planctl.core.invoicing.reporting import RunReport
    from planctl.workflows.run_invoices import (
        check_change,
        due_pages,
        foreseen_page,
        last_volume,
        refuse_clock,
    )

    with runtime.open_read() as tx:
        request = wanted.request(runtime, tx)
        refuse_clock(tx, request)
        last, pages = last_volume(tx), due_pages(tx, request)
    foreseen = RunReport(request.as_of)
    for page in pages:
        with runtime.open_read() as tx:
            foreseen.add(foreseen_page(tx, page, request))
    check_change(last, foreseen, wanted.limit)


def _run(runtime: Runtime, wanted: _Wanted) -> Written | None:
    """Do it and say so; the first answer where it was done under the same key a moment ago."""
    from planctl import clock
    from planctl.cli.invoice_pages import Biller, Tally, bill_all
    from planctl.core.invoicing.reporting import RunReport
    from planctl.store.retrying import attempted
    from planctl.workflows.run_invoices import check_clock, due_pages, start

    began = clock.ticks()

    def begun() -> Written | tuple[RunRequest, str]:
        with runtime.open_write(bookkeeping=True) as tx:
            first = runtime.recalled(tx, wanted.asked())
            if first is not None:
                return first
            if not runtime.given.dry_run:
                runtime.check_anchor(tx)
            request = wanted.request(runtime, tx)
            lowered = check_clock(tx, request)
            run_id = start(tx, request)
            if lowered:
                runtime.record(tx, wanted.asked(), Kept(None), answers=False)
        return request, run_id

    found = attempted(begun)
    if isinstance(found, Written):
        return found
    request, run_id = found
    with runtime.open_read() as tx:
        pages = due_pages(tx, request, wanted.workers)
    tally = Tally(runtime, RunReport(request.as_of), sum(map(len, pages)))
    biller = Biller(runtime, request)
    bill_all(biller, pages, tally, wanted.workers)
    _finish(biller, tally, _Ending(wanted, run_id, began))
    return None


@dataclass(frozen=True, slots=True)
class _Ending:
    """What a run is finished with: `began` is a reading of the monotonic clock."""

    wanted: _Wanted
    run_id: str
    began: int


def _finish(biller: Biller, tally: Tally, ending: _Ending) -> None:
    """Bill what others left, record that the run went through, and answer."""
    from planctl.cli.invoice_pages import bill_left_over
    from planctl.store.retrying import attempted
    from planctl.workflows.run_invoices import left_over

    runtime, document = biller.runtime, None

    def ended() -> tuple[list[list[int]], dict[str, Json] | None]:
        with runtime.open_write(bookkeeping=True) as tx:
            left = [] if runtime.given.dry_run else left_over(tx, biller.request, tally.tried)
            return left, None if left else _recorded(tx, biller, tally, ending)

    while document is None:
        left, document = attempted(ended)
        if left:
            bill_left_over(biller, tally, left)
    runtime.cut = ""
    _say(runtime, tally.report, document)
    if runtime.given.dry_run and ending.wanted.limit is not None:
        from planctl.workflows.run_invoices import check_change, last_volume

        with runtime.open_read() as tx:
            check_change(last_volume(tx), tally.report, ending.wanted.limit)
    if tally.report.held:
        raise typer.Exit(ON_HOLD)


def _recorded(tx: Tx, biller: Biller, tally: Tally, ending: _Ending) -> dict[str, Json]:
    """Record that the run went through, in a write of its own; its document."""
    from planctl import clock
    from planctl.views.invoice import totals_document
    from planctl.views.run import compared_document, run_document, summary_document
    from planctl.workflows.run_invoices import compared, finish, number_on

    runtime, request, report = biller.runtime, biller.request, tally.report
    tally.settle(tx)
    if runtime.given.dry_run:
        number_on(tx, report)
    if ending.wanted.workers > 1:
        # Pages were told as they came; a longer number of one series is a later one.
        report.numbers.sort(key=lambda number: (len(number), number))
    document = run_document(report, clock.elapsed_ms(ending.began))
    if runtime.given.dry_run:
        document["compared"] = compared_document(compared(tx, request, report))
    else:
        finish(tx, request, ending.run_id, plain(summary_document(document)))
    kept = Kept(document, totals=totals_document(report.totals))
    runtime.record(tx, ending.wanted.asked(), kept)
    return document


def _say(runtime: Runtime, report: RunReport, document: Json) -> None:
    """Answer, and name what a person should look at."""
    from planctl.views.run import run_answer, untaxed_warning

    runtime.show(run_answer(document, report.names))
    runtime.say_store()
    runtime.done(Written(document, discarded=runtime.given.dry_run))
    runtime.say(*untaxed_warning(report.without_country, report.untaxed))
    runtime.warn(*(f"held: {one.customer}: {one.reason}" for one in report.held))
