"""`planctl payment …`: record and list payments; the workflow decides what paying undoes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from planctl.cli.options import App
from planctl.cli.runtime import Kept, Runtime
from planctl.cli.values import Limit
from planctl.cli.values import number as number_in

if TYPE_CHECKING:
    from planctl.store.engine import Tx

app = App("Record and list payments.")


@app.writes("record")
def record(
    context: typer.Context,
    number: Annotated[str, typer.Argument(help="The invoice's number or id.")],
    amount: Annotated[str, typer.Argument(help="How much; default: what is due.")] = "",
    method: Annotated[str, typer.Option(help="How it was paid: transfer, card, cash …")] = "",
    reference: Annotated[str, typer.Option(help="The bank's reference.")] = "",
) -> None:
    """Record a payment; paying everything overdue makes a subscription active again."""
    from planctl.views.payment import paid_answer, paid_document
    from planctl.workflows.collect_payments import Receipt, record_payment

    runtime = Runtime.of(context)
    received = number_in(amount, "AMOUNT") if amount else None

    def write(tx: Tx) -> Kept:
        receipt = Receipt(number, received, runtime.as_of(tx), method, reference)
        paid = record_payment(tx, receipt, runtime.now)
        return Kept(paid_document(paid.payment, paid.invoice, paid.transitions))

    request = {"invoice": number, "amount": amount, "method": method, "reference": reference}
    written = runtime.run_write(request, write)
    runtime.show(paid_answer(written.document))
    runtime.done(written)


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
