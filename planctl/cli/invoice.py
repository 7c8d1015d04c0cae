"""`planctl invoice …`: preview, list, show, explain, void and write off; run is invoice_run.py. It decides nothing."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Annotated

import typer

from planctl.cli.invoice_run import ON_HOLD
from planctl.cli.invoice_run import add as add_run
from planctl.cli.options import App
from planctl.cli.runtime import Kept, Runtime, Written
from planctl.cli.values import Limit
from planctl.cli.values import status as status_in
from planctl.values import dataclass

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from planctl.core.document import Document
    from planctl.core.invoicing.model import Invoice
    from planctl.core.periods import Instant
    from planctl.store.engine import Tx

app = App("Run the billing; show, explain and correct invoices.")

DISAGREES = 1

TABLES = ("csv", "markdown")
FOR_PEOPLE = ("table", *TABLES)
"""The formats in which an explanation is a table, and those that do not list every event."""

add_run(app)


@app.reads("preview")
def preview(
    context: typer.Context,
    customer: Annotated[str, typer.Argument(help="The customer's id.")],
) -> None:
    """Show exactly what a run would issue now for a customer; nothing is written."""
    from planctl.store.outcomes import buyer_document
    from planctl.store.selling import existing
    from planctl.views.invoice import preview_of, previews_answer
    from planctl.workflows.run_invoices import RunRequest, previews, propose_one

    runtime = Runtime.of(context)
    with runtime.open_read() as tx:
        outcomes = propose_one(
            tx, RunRequest(runtime.as_of(tx), runtime.now, customer, reason=runtime.reason)
        )
        bought_by = buyer_document(existing(tx, customer))
    drafts = previews(outcomes)
    held = [one.hold for one in outcomes if one.hold]
    sentences = [f"a run now would issue {len(drafts)} invoice{'s' * (len(drafts) != 1)} for {customer}"]
    runtime.show(previews_answer([preview_of(draft, bought_by) for draft in drafts], sentences))
    if held:
        runtime.warn(*(f"held: {customer}: {reason}" for reason in held))
        raise typer.Exit(ON_HOLD)


@app.reads("list")
def list_(
    context: typer.Context,
    customer: Annotated[str, typer.Option(help="Of this customer.")] = "",
    status: Annotated[str, typer.Option(help="In this status.")] = "",
    currency: Annotated[str, typer.Option(help="In this currency.")] = "",
    since: Annotated[str, typer.Option("--from", metavar="T", help="Issued at or after.")] = "",
    until: Annotated[str, typer.Option("--to", metavar="T", help="Issued before.")] = "",
    limit: Limit = 0,
) -> None:
    """List invoices, oldest first."""
    from planctl.core.invoicing.model import InvoiceStatus
    from planctl.store.invoices import InvoiceFilter
    from planctl.views.invoice import invoices_answer
    from planctl.workflows.read_invoices import read_invoices

    runtime = Runtime.of(context)
    status_in(status, InvoiceStatus)
    with runtime.open_read() as tx:
        wanted = InvoiceFilter(
            (customer,) if customer else (),
            issued_from=runtime.instant(since, "--from", tx) if since else None,
            issued_before=runtime.instant(until, "--to", tx) if until else None,
        )
        found = read_invoices(tx, wanted, runtime.as_of(tx), status)
        timezone = runtime.timezone(tx)
    found = [one for one in found if currency in {"", one.draft.currency.code}]
    runtime.show(invoices_answer(found[:limit] if limit else found, timezone))


@app.reads("show")
def show(
    context: typer.Context,
    number: Annotated[str, typer.Argument(help="The invoice's number or id.")],
) -> None:
    """Show an invoice."""
    from planctl.views.invoice import invoice_answer
    from planctl.workflows.read_invoices import read_invoice

    runtime = Runtime.of(context)
    with runtime.open_read() as tx:
        found = read_invoice(tx, number, runtime.as_of(tx))
    runtime.show(invoice_answer(found))


@app.reads("explain")
def explain(
    context: typer.Context,
    number: Annotated[str, typer.Argument(help="The invoice's number or id, with #LINE for one line.")],
) -> None:
    """Work out every cent of an invoice again, from its terms and usage; 1 where something does not agree."""
    from planctl.core.invoicing.story import FEW
    from planctl.views.explain import explained_answer, explained_sheet
    from planctl.workflows.explain_invoice import explain_invoice

    runtime = Runtime.of(context)
    form = runtime.output.format
    with runtime.open_read() as tx:
        story = explain_invoice(tx, number, runtime.as_of(tx), FEW if form in FOR_PEOPLE else None)
    runtime.show(explained_sheet(story) if form in TABLES else explained_answer(story))
    if story.wrong:
        runtime.warn(*(f"{story.invoice.number} does not add up: {sentence}" for sentence in story.wrong))
        raise typer.Exit(DISAGREES)


@app.writes("void")
def void(
    context: typer.Context,
    number: Annotated[str, typer.Argument(help="The invoice's number or id.")],
    reissue: Annotated[
        bool, typer.Option("--reissue", help="Let the next run bill its charges again.")
    ] = False,
) -> None:
    """Void an unpaid invoice; it keeps its number, and what the balance paid of it goes back there."""
    from planctl.views.sheet import Answer
    from planctl.workflows.correct_invoices import void_invoice, voidable

    runtime = Runtime.of(context)

    def done(tx: Tx) -> Invoice:
        return void_invoice(tx, number, runtime.as_of(tx), reissue=reissue, recorded_at=runtime.now)

    allowed = partial(voidable, reissue=reissue)
    correction = _Correction(number, "Void it?", allowed, done)
    written = _corrected(runtime, correction, {"invoice": number, "reissue": reissue})
    again = "; the next run issues it again" if reissue else ""
    runtime.show(Answer(written.document, (f"invoice {number} is void{again}",)))
    kept = "what it billed is not billed again" if not reissue else "the next run issues it anew"
    runtime.done(written, f"cannot be undone: a void invoice stays void; {kept}")


@app.writes("write-off")
def write_off(
    context: typer.Context,
    number: Annotated[str, typer.Argument(help="The invoice's number or id.")],
) -> None:
    """Give up on an unpaid invoice: it no longer keeps a subscription blocked; a payment may still come."""
    from planctl.views.sheet import Answer
    from planctl.workflows import correct_invoices

    runtime = Runtime.of(context)

    def done(tx: Tx) -> Invoice:
        return correct_invoices.write_off(tx, number, runtime.as_of(tx), runtime.now)

    correction = _Correction(number, "Write it off?", correct_invoices.collectible, done)
    written = _corrected(runtime, correction, {"invoice": number})
    runtime.show(Answer(written.document, (f"invoice {number} is written off",)))
    runtime.done(written, undo=f"planctl payment record {number}, if it is paid after all")


@dataclass(frozen=True, slots=True)
class _Correction:
    """What is done to an invoice for good: `allowed` refuses where it may not be, before anybody is asked."""

    number: str
    question: str
    allowed: Callable[[Tx, str, Instant], Invoice]
    done: Callable[[Tx], Invoice]


def _corrected(runtime: Runtime, wanted: _Correction, request: Mapping[str, Document]) -> Written:
    """Ask, with a reason given, and write; refused where the invoice is no longer what was shown."""
    from planctl.core.promises import Promise, check_kept, void_promise
    from planctl.views.invoice import invoice_answer, invoice_document
    from planctl.workflows.read_invoices import read_invoice

    number = wanted.number
    runtime.require_reason()
    promised: Promise | None = None

    def ask() -> None:
        nonlocal promised
        with runtime.open_read() as tx:
            wanted.allowed(tx, number, runtime.as_of(tx))
            found = read_invoice(tx, number, runtime.as_of(tx))
        promised = void_promise(found) if runtime.can_ask else None
        runtime.confirm(invoice_answer(found).lines, wanted.question)

    def write(tx: Tx) -> Kept:
        check_kept(promised, void_promise(read_invoice(tx, number, runtime.as_of(tx))), f"invoice {number}")
        return Kept(invoice_document(wanted.done(tx)))

    return runtime.run_write(request, write, ask=ask)
