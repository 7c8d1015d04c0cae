"""`planctl credit-note …`: correct finalized invoices; the workflow decides where the amount goes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal, cast

import typer

from planctl.cli.options import App
from planctl.cli.runtime import Kept, Runtime
from planctl.cli.values import Limit
from planctl.cli.values import number as number_in
from planctl.errors import InvalidInput

if TYPE_CHECKING:
    from decimal import Decimal

    from planctl.core.promises import Promise
    from planctl.store.engine import Tx
    from planctl.workflows.correct_invoices import CreditAsked, CreditProposed

app = App("Correct invoices that were issued: whole, by line, or in part.")

TARGETS = ("balance", "refund")


@app.writes("create")
def create(
    context: typer.Context,
    number: Annotated[str, typer.Argument(help="The invoice's number or id.")],
    line: Annotated[
        list[str] | None,
        typer.Option(
            metavar="N[=AMOUNT]",
            help="Only this line, or so much of it before added tax; repeat it for more lines.",
        ),
    ] = None,
    to: Annotated[str, typer.Option(metavar="balance|refund", help="Where it goes.")] = "balance",
) -> None:
    """Credit an invoice, or lines of it, with their tax.

    What the invoice still owes is credited against it first. The rest goes to the customer's balance, which
    pays the next invoices, or with --to refund back as money, up to what was paid. What another invoice gave
    back of a line before, unused time say, is not credited again.
    """
    from planctl.core.promises import check_kept
    from planctl.views.credit_note import Issued, issued_answer, issued_document, proposal_lines
    from planctl.workflows.correct_invoices import CreditAsked, apply_credit, propose_credit

    runtime = Runtime.of(context)
    reason = runtime.require_reason()
    if to not in TARGETS:
        raise InvalidInput("no such choice", where="--to", expected="balance or refund", got=to)
    lines = tuple(_line(text) for text in line or ())
    promised: Promise | None = None

    def asked(tx: Tx) -> CreditAsked:
        return CreditAsked(number, lines, runtime.as_of(tx), cast(Literal["balance", "refund"], to), reason)

    def ask() -> None:
        nonlocal promised
        with runtime.open_read() as tx:
            proposed = propose_credit(tx, asked(tx))
        promised = _promise(proposed) if runtime.can_ask else None
        given = proposed.given
        told = proposal_lines(given.draft, given.invoice, given.parts, proposed.taken_off)
        runtime.confirm(told, "Issue it?")

    def write(tx: Tx) -> Kept:
        check_kept(promised, _promise(propose_credit(tx, asked(tx))), f"invoice {number}")
        done = apply_credit(tx, asked(tx), runtime.now)
        return Kept(
            issued_document(
                Issued(done.note, done.invoice, done.parts, done.refunds, done.transitions, done.taken_off)
            )
        )

    request = {"invoice": number, "lines": list(line or ()), "to": to}
    written = runtime.run_write(request, write, ask=ask)
    runtime.show(issued_answer(written.document))
    runtime.done(
        written, "cannot be undone: a credit note is final; what should be paid after all is billed anew"
    )


@app.reads("list")
def list_(
    context: typer.Context,
    customer: Annotated[str, typer.Option(help="Of this customer.")] = "",
    since: Annotated[str, typer.Option("--from", metavar="T", help="Issued at or after.")] = "",
    until: Annotated[str, typer.Option("--to", metavar="T", help="Issued before.")] = "",
    limit: Limit = 0,
) -> None:
    """List credit notes, oldest first."""
    from planctl.store.credit_notes import CreditNoteFilter
    from planctl.views.credit_note import credit_notes_answer
    from planctl.workflows.correct_invoices import read_credit_notes

    runtime = Runtime.of(context)
    with runtime.open_read() as tx:
        wanted = CreditNoteFilter(
            (customer,) if customer else (),
            from_at=runtime.instant(since, "--from", tx) if since else None,
            before_at=runtime.instant(until, "--to", tx) if until else None,
            limit=limit,
        )
        found, numbers = read_credit_notes(tx, wanted)
        timezone = runtime.timezone(tx)
    runtime.show(credit_notes_answer(found, numbers, timezone))


@app.reads("show")
def show(
    context: typer.Context,
    number: Annotated[str, typer.Argument(help="The credit note's number or id.")],
) -> None:
    """Show a credit note."""
    from planctl.views.credit_note import shown_answer
    from planctl.workflows.correct_invoices import read_credit_note

    runtime = Runtime.of(context)
    with runtime.open_read() as tx:
        note, invoice, refunds = read_credit_note(tx, number)
    runtime.show(shown_answer(note, invoice, refunds))


def _line(text: str) -> tuple[int, Decimal | None]:
    """`2` or `2=5.00`: a line's position, and how much of it."""
    position, sign, amount = text.partition("=")
    if not (position.isascii() and position.isdigit() and len(position) <= 6):
        raise InvalidInput(
            "a line is named by its position",
            where="--line",
            expected="N or N=AMOUNT, such as 2=5.00",
            got=text,
        )
    return int(position), number_in(amount, "--line", text) if sign else None


def _promise(proposed: CreditProposed) -> Promise:
    from planctl.core.money import format_minor

    given = proposed.given
    currency, parts = given.draft.currency, given.parts
    return {
        "total": f"{format_minor(given.draft.total_minor, currency)} {currency.code}",
        "credited against the invoice": format_minor(parts.invoice_minor, currency),
        "given back": format_minor(parts.money_minor, currency),
    }
