"""`planctl coupon …`: which coupons there are, who has them, and giving and taking them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from planctl.cli.options import App
from planctl.cli.runtime import Kept, Runtime

if TYPE_CHECKING:
    from planctl.store.engine import Tx

app = App("Coupons: which there are, who has them, giving and taking them.")

Address = Annotated[
    str,
    typer.Argument(metavar="CUSTOMER[/PLAN]", help="CUSTOMER/PLAN, sub_…, or CUSTOMER where it has one."),
]
Name = Annotated[str, typer.Argument(help="The coupon's id.")]


@app.reads("list")
def list_(
    context: typer.Context,
    customer: Annotated[
        str, typer.Argument(help="Whose coupons; default: all that the catalog declares.")
    ] = "",
) -> None:
    """List the catalog's coupons, or those that a customer's subscriptions have."""
    from planctl.views.coupon import applied_list_answer, declared_answer
    from planctl.workflows.apply_coupons import read_applied, read_declared

    runtime = Runtime.of(context)
    with runtime.open_read() as tx:
        answer = (
            applied_list_answer(read_applied(tx, customer), runtime.timezone(tx))
            if customer
            else declared_answer(read_declared(tx))
        )
    runtime.show(answer)


@app.writes("apply")
def apply(context: typer.Context, subscription: Address, coupon: Name) -> None:
    """Give a subscription a coupon, from its next invoice on."""
    from planctl.core.audit import Touched
    from planctl.store.selling import subscription_at
    from planctl.views.coupon import applied_document, coupon_applied_answer
    from planctl.workflows.apply_coupons import apply_coupon

    runtime = Runtime.of(context)

    def write(tx: Tx) -> Kept:
        made = apply_coupon(tx, subscription_at(tx, subscription), coupon, runtime.as_of(tx))
        touched = (Touched("subscription", made.subscription.id),)
        return Kept(applied_document(made), touched)

    written = runtime.run_write({"subscription": subscription, "coupon": coupon}, write)
    runtime.show(coupon_applied_answer(written.document))
    runtime.done(written, undo=f"planctl coupon remove {subscription} {coupon}")


@app.writes("remove")
def remove(context: typer.Context, subscription: Address, coupon: Name) -> None:
    """Take a coupon off a subscription, for the invoices to come."""
    from planctl.core.audit import Touched
    from planctl.store.selling import subscription_at
    from planctl.views.coupon import applied_document, coupon_removed_answer
    from planctl.workflows.apply_coupons import remove_coupon

    runtime = Runtime.of(context)

    def write(tx: Tx) -> Kept:
        gone = remove_coupon(tx, subscription_at(tx, subscription), coupon, runtime.as_of(tx))
        touched = (Touched("subscription", gone.subscription.id),)
        return Kept(applied_document(gone), touched)

    written = runtime.run_write({"subscription": subscription, "coupon": coupon}, write)
    runtime.show(coupon_removed_answer(written.document))
    runtime.done(written, undo=f"planctl coupon apply {subscription} {coupon}, where it took nothing off yet")
