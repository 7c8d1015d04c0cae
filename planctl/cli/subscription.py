"""`planctl subscription …`: list, show, change quantities, cancel and import; the workflows decide."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from planctl.cli.boundary import Found
from planctl.cli.options import App
from planctl.cli.runtime import Kept, Runtime
from planctl.cli.values import Limit, number
from planctl.cli.values import status as status_in
from planctl.errors import InvalidInput

if TYPE_CHECKING:
    from planctl.store.engine import Tx

app = App("List, show, change, cancel and import subscriptions.")

Address = Annotated[str, typer.Argument(help="sub_…, CUSTOMER/PLAN, or CUSTOMER where it has one.")]


@app.reads("list")
def list_(
    context: typer.Context,
    customer: Annotated[str, typer.Option(help="Of this customer.")] = "",
    plan: Annotated[str, typer.Option(help="Of this plan.")] = "",
    status: Annotated[str, typer.Option(help="In this status.")] = "",
    currency: Annotated[str, typer.Option(help="In this currency.")] = "",
    limit: Limit = 0,
) -> None:
    """List subscriptions, oldest first."""
    from planctl.core.subscriptions.model import Status
    from planctl.views.subscription import Shown, subscriptions_answer
    from planctl.workflows.read_subscriptions import Filter, read_all

    runtime = Runtime.of(context)
    with runtime.open_read() as tx:
        as_of = runtime.as_of(tx)
        found = read_all(tx, Filter(customer, plan, status_in(status, Status), currency, limit), as_of)
        timezone = runtime.timezone(tx)
    shown = [Shown(one.subscription, as_of, one.newest, one.open_invoices, one.addons) for one in found]
    runtime.show(subscriptions_answer(shown, timezone))


@app.reads("show")
def show(context: typer.Context, subscription: Address) -> None:
    """Show a subscription as it stands now."""
    from planctl.views.subscription import Shown, subscription_answer
    from planctl.workflows.read_subscriptions import read_one

    runtime = Runtime.of(context)
    with runtime.open_read() as tx:
        as_of = runtime.as_of(tx)
        one = read_one(tx, subscription, as_of)
    shown = Shown(one.subscription, as_of, one.newest, one.open_invoices, one.addons)
    runtime.show(subscription_answer(shown))


@app.writes("quantity")
def quantity(
    context: typer.Context,
    subscription: Address,
    quantity: Annotated[str, typer.Argument(metavar="[FEATURE=]N", help="The new total.")],
    at: Annotated[str, typer.Option(metavar="now", help="Lower it now, not at the renewal.")] = "",
) -> None:
    """Change how many are held: more now, charged for the rest of the period; fewer at the renewal."""
    from planctl.core.promises import Promise, check_kept
    from planctl.views.quantity import quantity_answer, quantity_document, quantity_lines, undo_of
    from planctl.views.subscription import Shown
    from planctl.workflows.change_quantity import QuantityWanted, apply_quantity, propose_quantity

    runtime = Runtime.of(context)
    if at not in {"", "now"}:
        raise InvalidInput("not possible", where="--at", expected="now", got=at)
    feature, _, total = quantity.rpartition("=")
    wanted = QuantityWanted(subscription, number(total, "QUANTITY", quantity), feature, at == "now")
    promised: Promise | None = None

    def ask() -> None:
        nonlocal promised
        with runtime.open_read() as tx:
            changing = propose_quantity(tx, wanted, runtime.as_of(tx))
        if changing.change.unchanged:
            return
        promised = changing.promise if runtime.can_ask else None
        money = changing.money
        runtime.confirm(quantity_lines(changing.change, money.drafts, money.credits), "Change it?")

    def write(tx: Tx) -> Kept:
        now = runtime.as_of(tx)
        changing = propose_quantity(tx, wanted, now)
        check_kept(promised, changing.promise, subscription)
        done = apply_quantity(tx, changing, now, runtime.now)
        shown = Shown(done.subscription, now)
        document = quantity_document(changing.change, shown, done.invoices, done.credits)
        return Kept(document, changed=not changing.change.unchanged)

    request = {"subscription": subscription, "quantity": quantity, "at": at}
    written = runtime.run_write(request, write, ask=ask)
    runtime.show(quantity_answer(written.document))
    runtime.done(written, undo=undo_of(written.document, subscription) if written.changed else "")


@app.writes("cancel")
def cancel(
    context: typer.Context,
    subscription: Address,
    at: Annotated[str, typer.Option(metavar="now", help="End it now, not at the period's end.")] = "",
    refund: Annotated[str, typer.Option(metavar="none|prorated", help="What is paid back.")] = "none",
) -> None:
    """End a subscription, at its period's end or now; its final usage is still billed."""
    from planctl.core.promises import Promise, check_kept
    from planctl.store.selling import subscription_at
    from planctl.views.subscription import cancel_lines, canceled_answer, canceled_document
    from planctl.workflows.change_subscription import apply_cancel, propose_cancel

    runtime = Runtime.of(context)
    for option, text, allowed in (("--at", at, ("", "now")), ("--refund", refund, ("none", "prorated"))):
        if text not in allowed:
            raise InvalidInput(
                "not possible", where=option, expected=" | ".join(filter(None, allowed)), got=text
            )

    promised: Promise | None = None

    def ask() -> None:
        nonlocal promised
        with runtime.open_read() as tx:
            now = runtime.as_of(tx)
            ending = propose_cancel(
                tx, subscription_at(tx, subscription), now, at_once=at == "now", refund=refund
            )
        promised = ending.promise if runtime.can_ask else None
        lines = cancel_lines(ending.subscription, ending.drafts, ending.addons)
        runtime.confirm(lines, "Cancel it?")

    def write(tx: Tx) -> Kept:
        now = runtime.as_of(tx)
        ending = propose_cancel(
            tx, subscription_at(tx, subscription), now, at_once=at == "now", refund=refund
        )
        check_kept(promised, ending.promise, subscription)
        after, invoices = apply_cancel(tx, ending, runtime.now)
        return Kept(canceled_document(after, now, invoices, unchanged=ending.unchanged))

    request = {"subscription": subscription, "at": at, "refund": refund}
    written = runtime.run_write(request, write, ask=ask)
    runtime.show(canceled_answer(written.document))
    runtime.done(written)


@app.writes("import")
def import_(
    context: typer.Context,
    file: Annotated[Path, typer.Argument(help="CSV with a header, or NDJSON; - is standard input.")],
) -> None:
    """Move subscriptions in from another system: all rows or, with findings, none."""
    from planctl.files.table_reader import read_table
    from planctl.views.subscription import imported_answer, imported_document
    from planctl.workflows.import_subscriptions import COLUMNS, PREFIXES, import_subscriptions

    runtime = Runtime.of(context)
    table = read_table(str(file), COLUMNS, PREFIXES)
    if table.findings:
        raise Found(table.findings, {})

    def write(tx: Tx) -> Kept:
        made = import_subscriptions(tx, table.rows, runtime.as_of(tx), runtime.now)
        if made.findings:
            raise Found(made.findings, {})
        return Kept(
            imported_document(made.subscriptions, made.invoices, made.existing),
            counts={"subscription": len(made.subscriptions)},
            changed=bool(made.subscriptions),
        )

    request = {"file": str(file), "digest": table.digest}
    lines = [f"{len(table.rows)} subscriptions from {file}"]
    written = runtime.run_write(request, write, ask=lambda: runtime.confirm(lines, "Import them?"))
    runtime.show(imported_answer(written.document))
    runtime.done(written)
