"""`planctl assign`: set a plan aside for a customer, showing its exact pricing."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from planctl.cli.options import App
from planctl.cli.runtime import Kept, Runtime
from planctl.cli.values import number
from planctl.errors import InvalidInput

if TYPE_CHECKING:
    from planctl.store.engine import Tx
    from planctl.views.sheet import Json

app = App("Set a plan aside for a customer.")


@app.writes("assign")
def assign(
    context: typer.Context,
    customer: Annotated[str, typer.Argument(help="The customer's id.")],
    plan: Annotated[str, typer.Argument(help="The plan's id.")],
    pay: Annotated[str, typer.Option(help="The price row: month, year, 3 months …")] = "",
    currency: Annotated[str, typer.Option("--in", metavar="CODE", help="The currency.")] = "",
    price: Annotated[str, typer.Option(metavar="AMOUNT", help="An agreed price for that row.")] = "",
    terms: Annotated[
        list[str] | None, typer.Option("--set", metavar="PATH=VALUE", help="Another agreed term; repeatable.")
    ] = None,
    at: Annotated[str, typer.Option(help="When new terms of a running plan hold: renewal or now.")] = "",
) -> None:
    """Set a plan aside for a customer: it charges and grants nothing until it is started."""
    from planctl.views.subscription import assigned_answer, assigned_document
    from planctl.workflows.assign_plan import Wanted, assign_plan

    runtime = Runtime.of(context)
    agreed = dict(split(text) for text in terms or [])
    agreed_price = number(price, "--price") if price else None
    if at not in {"", "renewal", "now"}:
        raise InvalidInput("not possible", where="--at", expected="renewal | now", got=at)
    wanted = Wanted(customer, plan, pay, currency, agreed_price, agreed, at)

    def write(tx: Tx) -> Kept:
        made = assign_plan(tx, wanted, runtime.as_of(tx))
        document = assigned_document(
            made.assignment, made.offered, made.sales, existed=made.existed, dropped=made.dropped
        )
        return Kept(document, changed=not made.existed)

    request: Json = {
        "customer": customer, "plan": plan, "pay": pay, "in": currency, "price": price, "set": agreed, "at": at
    }  # fmt: skip
    written = runtime.run_write(request, write)
    runtime.show(assigned_answer(written.document))
    runtime.done(written, undo=f"planctl unassign {customer} {plan}")


def split(text: str) -> tuple[str, str]:
    """`PATH=VALUE` in two; InvalidInput without an equals sign."""
    path, equals, value = text.partition("=")
    if not equals or not path:
        raise InvalidInput("not a path and a value", where="--set", expected="PATH=VALUE", got=text)
    return path.strip(), value.strip()
