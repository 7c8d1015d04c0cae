"""`planctl payment …`: record, import, give back and list payments; the workflows decide what they undo."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from planctl.cli.boundary import Found
from planctl.cli.options import App
from planctl.cli.runtime import Kept, Runtime
from planctl.cli.values import Limit
from planctl.cli.values import number as number_in
from planctl.findings import in_order

if TYPE_CHECKING:
    from planctl.core.invoicing.model import Refund
    from planctl.store.engine import Tx
    from planctl.views.sheet import Json

app = App("Record, import, give back and list payments.")

UNMATCHED = 1


@app.writes("record")
def record(
    context: typer.Context,
    number: Annotated[str, typer.Argument(help="The invoice's number or id.")],
    amount: Annotated[str, typer.Argument(help="How much; default: what is due.")] = "",
    method: Annotated[str, typer.Option(help="How it was paid: transfer, card, cash …")] = "",
    reference: Annotated[str, typer.Option(help="The bank's reference.")] = "",
) -> None:
    """Record a payment; what is more than due goes to the balance. Paying what is overdue ends a block."""
    from planctl.views.payment import paid_answer, paid_document
    from planctl.workflows.collect_payments import Receipt, check_method, record_payment

    runtime = Runtime.of(context)
    check_method(method)
    received = number_in(amount, "AMOUNT") if amount else None

    def write(tx: Tx) -> Kept:
        receipt = Receipt(number, received, runtime.as_of(tx), method, reference)
        paid = record_payment(tx, receipt, runtime.now)
        return Kept(paid_document(paid.payment, paid.invoice, paid.transitions, paid.stays_blocked))

    request = {"invoice": number, "amount": amount, "method": method, "reference": reference}
    written = runtime.run_write(request, write)
    runtime.show(paid_answer(written.document))
    runtime.done(written, undo=f"planctl payment refund {_id(written.document)} --reason TEXT")


@app.writes("import")
def import_(
    context: typer.Context,
    file: Annotated[str, typer.Argument(help="The bank's CSV; - is standard input.")],
) -> None:
    """Record the payments of a bank's statement: date, amount, currency, reference.

    A row pays the invoice that its reference names, else the only one that owes exactly its amount. The rest
    is listed, and the exit code is 1. A row that was recorded before is not recorded again.
    """
    from planctl.files.bank_reader import read_statement
    from planctl.views.payment import payment_document, statement_answer, statement_document
    from planctl.workflows.collect_payments import Importing, import_payments

    runtime = Runtime.of(context)
    statement = read_statement(file)
    if statement.findings:
        raise Found(in_order(statement.findings))

    def write(tx: Tx) -> Kept:
        asked = Importing(runtime.actor, runtime.as_of(tx), runtime.now)
        made = import_payments(tx, statement.rows, asked)
        recorded: list[Json] = [payment_document(one.payment, one.invoice.number) for one in made.recorded]
        unmatched: list[Json] = [
            {
                "line": one.row.line,
                "date": one.row.day.isoformat(),
                "amount": format(one.row.amount, "f"),
                "currency": one.row.currency,
                "reference": one.row.reference,
                "why": one.why,
            }
            for one in made.unmatched
        ]
        document = statement_document(made.read, recorded, made.already, unmatched)
        return Kept(document, counts={"payment": len(recorded)}, changed=bool(recorded))

    written = runtime.run_write({"file": file, "digest": statement.digest}, write)
    runtime.show(statement_answer(written.document))
    runtime.done(written)
    if isinstance(written.document, dict) and written.document["unmatched"]:
        raise typer.Exit(UNMATCHED)


@app.writes("refund")
def refund(
    context: typer.Context,
    payment: Annotated[str, typer.Argument(help="The payment's id.")],
    amount: Annotated[str, typer.Argument(help="How much; default: all that is left of it.")] = "",
    method: Annotated[str, typer.Option(help="How it went back: transfer, card, chargeback …")] = "",
    reference: Annotated[str, typer.Option(help="The bank's reference.")] = "",
) -> None:
    """Record that a payment was returned or charged back: its invoice owes the amount again.

    To give money back for good, credit the invoice: planctl credit-note create NUMBER --to refund.
    """
    from planctl.views.payment import returned_answer, returned_document
    from planctl.workflows.collect_payments import Returning, check_method, refund_payment

    runtime = Runtime.of(context)
    check_method(method)
    runtime.require_reason()
    given = number_in(amount, "AMOUNT") if amount else None

    def asked(tx: Tx) -> Returning:
        return Returning(payment, given, runtime.as_of(tx), method, reference)

    def ask() -> None:
        from planctl.workflows.collect_payments import propose_refund

        with runtime.open_read() as tx:
            proposed = propose_refund(tx, asked(tx))
            number = _number_of(tx, proposed.payment)
        runtime.confirm(_refund_lines(proposed, number), "Give it back?")

    def write(tx: Tx) -> Kept:
        done = refund_payment(tx, asked(tx), runtime.now)
        return Kept(returned_document(done.refund, done.invoice, done.transitions))

    request = {"payment": payment, "amount": amount, "method": method, "reference": reference}
    written = runtime.run_write(request, write, ask=ask)
    runtime.show(returned_answer(written.document))
    runtime.done(written, undo="planctl payment record NUMBER AMOUNT, for what comes back")


@app.reads("list")
def list_(
    context: typer.Context,
    customer: Annotated[str, typer.Option(help="Of this customer.")] = "",
    since: Annotated[str, typer.Option("--from", metavar="T", help="Received at or after.")] = "",
    until: Annotated[str, typer.Option("--to", metavar="T", help="Received before.")] = "",
    limit: Limit = 0,
) -> None:
    """List payments, oldest first."""
    from planctl.store.payments import PaymentFilter
    from planctl.views.payment import payments_answer
    from planctl.workflows.collect_payments import read_payments

    runtime = Runtime.of(context)
    with runtime.open_read() as tx:
        wanted = PaymentFilter(
            (customer,) if customer else (),
            from_at=runtime.instant(since, "--from", tx) if since else None,
            before_at=runtime.instant(until, "--to", tx) if until else None,
            limit=limit,
        )
        found, numbers = read_payments(tx, wanted)
        timezone = runtime.timezone(tx)
    runtime.show(payments_answer(found, numbers, timezone))


def _id(document: Json) -> str:
    assert isinstance(document, dict)
    return str(document["id"])


def _number_of(tx: Tx, payment: str) -> str:
    from planctl.store import invoices, payments

    made = payments.payment(tx, payment).invoice
    return invoices.get_many(tx, [made])[made].number


def _refund_lines(refund: Refund, number: str) -> tuple[str, ...]:
    from planctl.core.money import format_minor

    code = refund.currency.code
    amount, from_balance, again = (
        f"{format_minor(minor, refund.currency)} {code}"
        for minor in (
            refund.amount_minor,
            refund.from_balance_minor,
            refund.amount_minor - refund.from_balance_minor,
        )
    )
    lines = [f"{amount} of {refund.payment} go back to {refund.customer}"]
    if refund.from_balance_minor:
        lines.append(f"{from_balance} come out of the customer's balance")
    if refund.amount_minor > refund.from_balance_minor:
        lines.append(f"invoice {number} owes {again} again")
    return tuple(lines)
