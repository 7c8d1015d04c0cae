"""`planctl wallet …`: packs bought, units given, shown and taken out; the workflow decides."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from planctl.cli.options import App
from planctl.cli.runtime import Kept, Runtime
from planctl.cli.values import number
from planctl.errors import InvalidInput

if TYPE_CHECKING:
    from planctl.core.promises import Promise
    from planctl.store.engine import Tx
    from planctl.views.sheet import Json

app = App("Buy packs; give, show and take out units beyond the allowance.")

Customer = Annotated[str, typer.Argument(help="The customer's id.")]
Feature = Annotated[str, typer.Argument(help="Only this feature's wallet.")]


@app.reads("show")
def show(context: typer.Context, customer: Customer, feature: Feature = "") -> None:
    """Show what is left in a customer's wallets now."""
    from planctl.views.wallet import wallets_answer
    from planctl.workflows.keep_wallets import read_wallets

    runtime = Runtime.of(context)
    with runtime.open_read() as tx:
        found = read_wallets(tx, customer, runtime.as_of(tx), feature)
        timezone = runtime.timezone(tx)
    runtime.show(wallets_answer(customer, found, timezone, one=bool(feature)))


@app.writes("buy")
def buy(
    context: typer.Context,
    customer: Customer,
    pack: Annotated[str, typer.Argument(help="The pack's id.")],
    quantity: Annotated[int, typer.Option(metavar="N", help="How many.")] = 1,
    currency: Annotated[str, typer.Option("--in", metavar="CODE", help="The currency.")] = "",
) -> None:
    """Buy a pack; its units are usable at once."""
    from planctl.core.promises import check_kept
    from planctl.views.run import untaxed_warning
    from planctl.views.wallet import purchase_answer, purchase_document, purchase_lines, purchase_undo
    from planctl.workflows.keep_wallets import PackWanted, apply_purchase, propose_purchase
    from planctl.workflows.run_invoices import without_country

    runtime = Runtime.of(context)
    if quantity < 1:
        raise InvalidInput(
            "at least 1 is bought", where="--quantity", expected="1 or more", got=str(quantity)
        )
    wanted = PackWanted(customer, pack, quantity, currency)
    promised: Promise | None = None

    def ask() -> None:
        nonlocal promised
        with runtime.open_read() as tx:
            purchase = propose_purchase(tx, wanted, runtime.as_of(tx))
            runtime.say(*untaxed_warning(without_country(tx, [purchase.customer])))
        promised = purchase.promise if runtime.can_ask else None
        runtime.confirm(purchase_lines(purchase), "Buy it?")

    def write(tx: Tx) -> Kept:
        purchase = propose_purchase(tx, wanted, runtime.as_of(tx))
        check_kept(promised, purchase.promise, f"{customer}/{pack}")
        return Kept(purchase_document(purchase, apply_purchase(tx, purchase, runtime.now)))

    request: Json = {"customer": customer, "pack": pack, "quantity": quantity, "in": currency}
    written = runtime.run_write(request, write, ask=ask)
    runtime.show(purchase_answer(written.document))
    runtime.done(written, undo=purchase_undo(written.document))


@app.writes("grant")
def grant(
    context: typer.Context,
    customer: Customer,
    feature: Annotated[str, typer.Argument(help="The metered feature.")],
    quantity: Annotated[str, typer.Argument(help="How many units.", metavar="QTY")],
    expires: Annotated[
        str, typer.Option(metavar="DATE|INTERVAL|never", help="When they end: 2027-01-01, 12 months, never.")
    ] = "never",
    priority: Annotated[
        int, typer.Option(metavar="N", help="Lower numbers are spent first, before sooner expiry.")
    ] = 0,
) -> None:
    """Give units that cost nothing; needs --reason."""
    from planctl.views.wallet import given_answer, given_document, given_undo, grant_lines
    from planctl.workflows.keep_wallets import GrantWanted, apply_grant, propose_grant

    runtime = Runtime.of(context)
    reason = runtime.require_reason()
    wanted = GrantWanted(customer, feature, number(quantity, "QTY"), reason, expires, priority)

    def ask() -> None:
        with runtime.open_read() as tx:
            lines = grant_lines(propose_grant(tx, wanted, runtime.as_of(tx)), runtime.timezone(tx))
        runtime.confirm(lines, "Give them?")

    def write(tx: Tx) -> Kept:
        made = propose_grant(tx, wanted, runtime.as_of(tx))
        apply_grant(tx, made)
        return Kept(given_document(made))

    request: Json = {
        "customer": customer, "feature": feature, "quantity": quantity, "expires": expires, "priority": priority,
    }  # fmt: skip
    written = runtime.run_write(request, write, ask=ask)
    runtime.show(given_answer(written.document))
    runtime.done(written, undo=given_undo(written.document))


@app.writes("void")
def void(
    context: typer.Context,
    customer: Customer,
    grant: Annotated[str, typer.Argument(help="The grant's id, as wallet show prints it.")],
) -> None:
    """Take out what is left of a grant; needs --reason."""
    from planctl.core.promises import check_kept
    from planctl.views.wallet import void_lines, voided_answer, voided_document, voided_undo
    from planctl.views.words import exact_decimal
    from planctl.workflows.keep_wallets import apply_void, propose_void

    runtime = Runtime.of(context)
    runtime.require_reason()
    promised: Promise | None = None

    def ask() -> None:
        nonlocal promised
        with runtime.open_read() as tx:
            voiding = propose_void(tx, customer, grant, runtime.as_of(tx))
        promised = voiding.promise if runtime.can_ask else None
        lines = void_lines(voiding.grant, exact_decimal(voiding.out), exact_decimal(voiding.kept))
        runtime.confirm(lines, "Take it out?")

    def write(tx: Tx) -> Kept:
        now = runtime.as_of(tx)
        voiding = propose_void(tx, customer, grant, now)
        check_kept(promised, voiding.promise, f"wallet {customer}")
        apply_void(tx, voiding, now)
        document = voided_document(voiding.grant, exact_decimal(voiding.out), exact_decimal(voiding.kept))
        return Kept(document)

    written = runtime.run_write({"customer": customer, "grant": grant}, write, ask=ask)
    runtime.show(voided_answer(written.document))
    runtime.done(written, undo=voided_undo(written.document))


@app.reads("ledger")
def ledger(context: typer.Context, customer: Customer, feature: Feature = "") -> None:
    """List what moved in a customer's wallets, and why."""
    from planctl.views.wallet import ledger_answer
    from planctl.workflows.keep_wallets import read_ledger

    runtime = Runtime.of(context)
    with runtime.open_read() as tx:
        found = read_ledger(tx, customer, feature)
        timezone = runtime.timezone(tx)
    runtime.show(ledger_answer(customer, found, timezone))
