"""`planctl stripe checkout` and `portal`: pages of Stripe's for one customer; the workflows decide and open them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated

import typer

from planctl.cli.runtime import Kept, Runtime, Written
from planctl.cli.stripe_talk import KeyFile, Live, talk_to_stripe
from planctl.cli.subscribe import bought, checked_version
from planctl.errors import InvalidInput, Refused
from planctl.views.formats import FORMATS
from planctl.views.safe import redacted

if TYPE_CHECKING:
    from planctl.cli.options import App
    from planctl.core.stripe.checkout import Purchase
    from planctl.store.engine import Tx
    from planctl.views.sheet import Answer, Json
    from planctl.workflows.sync_stripe.open_checkout import Opened, Opening


def register(app: App) -> None:
    """Add the commands to their group."""
    app.writes("checkout")(checkout)
    app.writes("portal")(portal)


def checkout(
    context: typer.Context,
    customer: Annotated[str, typer.Argument(help="The customer's id.")],
    plan: Annotated[
        str, typer.Argument(help="The plan; default: the one that is assigned, else the next of the group.")
    ] = "",
    pay: Annotated[str, typer.Option(help="The price row: month, year, 3 months …")] = "",
    currency: Annotated[str, typer.Option("--in", metavar="CODE", help="The currency.")] = "",
    quantity: Annotated[
        list[str] | None, typer.Option(metavar="N|FEATURE=N", help="How many; repeatable.")
    ] = None,
    coupon: Annotated[str, typer.Option(help="A coupon of the catalog.")] = "",
    trial: Annotated[
        bool | None, typer.Option("--trial/--no-trial", help="With the plan's trial or not.")
    ] = None,
    plan_version: Annotated[str, typer.Option(metavar="N|newest", help="The version to take.")] = "",
    success_url: Annotated[
        str, typer.Option("--success-url", metavar="URL", help="Where people go once they have paid.")
    ] = "",
    cancel_url: Annotated[
        str, typer.Option("--cancel-url", metavar="URL", help="Where people go who do not pay.")
    ] = "",
    live: Live = False,
    key_file: KeyFile = "",
) -> None:
    """Open a Checkout page on which a customer pays for a plan, and print its address.

    The page asks for exactly what starting or changing to the plan costs now. Nothing starts before it is paid:
    `stripe pull` or the webhook then starts or changes the subscription. Money that does not fit any more by then is
    credited to the customer, who is put on hold. Without anything to pay, it puts a means of payment on file.
    """
    from planctl.core.stripe.checkout import Purchase
    from planctl.views.stripe_checkout import checkout_answer, checkout_lines

    runtime = Runtime.of(context)
    _check_public({"--success-url": success_url, "--cancel-url": cancel_url})
    units, quantities = bought(quantity or [])
    version = checked_version(plan_version)
    purchase = Purchase(customer, plan, pay, currency, units, quantities, coupon, trial, version)
    request: Json = {
        "customer": customer, "plan": plan, "pay": pay, "in": currency, "quantity": [*(quantity or [])],
        "coupon": coupon, "trial": trial, "plan_version": version, "success_url": success_url,
        "cancel_url": cancel_url, "live": live,
    }  # fmt: skip
    written = runtime.first_answer(request)
    if written is None:
        opening = _ordered(runtime, purchase, success_url, cancel_url)
        written = _opened(runtime, request, opening, live=live, key_file=key_file)
    _tell(runtime, written, checkout_answer(written.document), checkout_lines(written.document))


def portal(
    context: typer.Context,
    customer: Annotated[str, typer.Argument(help="The customer's id.")],
    return_url: Annotated[
        str, typer.Option("--return-url", metavar="URL", help="Where the portal's back link leads.")
    ] = "",
    live: Live = False,
    key_file: KeyFile = "",
) -> None:
    """Print a link to the customer's billing portal: means of payment, billing details, invoices.

    Whoever has the link is let in, for a few minutes: send it to the customer alone. It is kept nowhere, and new each
    time, with the same --key too. Plans do not change there.
    """
    from planctl.core.audit import Touched
    from planctl.store.stripe_account import account
    from planctl.views.stripe_checkout import portal_answer, portal_document
    from planctl.workflows.sync_stripe.open_checkout import checked_url, customer_there
    from planctl.workflows.sync_stripe.open_portal import billed_customer, open_portal

    runtime = Runtime.of(context)
    _check_public({"--return-url": return_url})
    request: Json = {"customer": customer, "return_url": return_url, "live": live}
    first = runtime.first_answer(request)
    with runtime.open_read() as tx:
        pinned, buyer = account(tx), billed_customer(tx, customer)
    back = checked_url("--return-url", return_url, pinned) or pinned.return_url
    without = document = portal_document(customer, None, back)
    if not runtime.given.dry_run:
        talk = talk_to_stripe(runtime, live=live, key_file=key_file)
        document = portal_document(customer, open_portal(talk, customer_there(talk, buyer), back), back)
        with runtime.open_write() as tx:  # the link itself is kept nowhere: whoever has it is let in
            kept = Kept(without, (Touched("customer", customer),))
            runtime.record(tx, request, kept, answers=first is None)
    written = Written(document, discarded=runtime.given.dry_run)
    _tell(runtime, written, portal_answer(written.document), [])


def _check_public(urls: Mapping[str, str]) -> None:
    """Refuse an address that holds a secret: it is kept, and shown to every customer."""
    for option, url in urls.items():
        if redacted(url) != url:
            raise InvalidInput("every customer would see the secret in it", code="return-url", where=option)


def _ordered(runtime: Runtime, purchase: Purchase, success: str, cancel: str) -> Opening:
    """What the page asks for, decided as it is once a means of payment is on file; nothing of it is kept."""
    from dataclasses import replace

    from planctl.core.stripe.checkout import order_of
    from planctl.core.subscriptions.start import AlreadyRunning
    from planctl.store.offers import names
    from planctl.store.stripe_account import account
    from planctl.views.run import untaxed_warning
    from planctl.workflows.receive_webhook.complete_checkout import proposed, wanted
    from planctl.workflows.run_invoices import without_country
    from planctl.workflows.subscribe import propose_subscription
    from planctl.workflows.sync_stripe import open_checkout as pages

    with runtime.open_write(bookkeeping=True) as tx:
        tx.rollback_only()
        returns = pages.returns_for(account(tx), success, cancel)
        if not purchase.plan:
            purchase = replace(purchase, plan=pages.plan_to_sell(tx, purchase.customer))
        pages.with_means_of_payment(tx, purchase.customer)
        now = runtime.as_of(tx)
        try:
            proposal = propose_subscription(tx, wanted(purchase), now)
        except AlreadyRunning as same:
            raise Refused(
                f"there is nothing to pay: {same.message}", code="checkout-nothing", where=same.where
            ) from same
        pages.check_on_sale(proposal.offered, assigned=proposal.assignment is not None)
        order = order_of(purchase, proposed(proposal, names(tx)), now)
        if not proposal.subscription.terms.free:
            runtime.say(*untaxed_warning(without_country(tx, [proposal.customer])))
    return pages.Opening(order, proposal.customer, returns, now)


def _opened(runtime: Runtime, request: Json, opening: Opening, *, live: bool, key_file: str) -> Written:
    """Open the page, audited in the transaction that keeps it; a dry run says what it would ask for."""
    from planctl.core.audit import Touched
    from planctl.views.stripe_checkout import checkout_document
    from planctl.workflows.sync_stripe.open_checkout import open_page

    if runtime.given.dry_run:
        return Written(checkout_document(opening.order, None), discarded=True)
    found: list[Kept] = []

    def keep(tx: Tx, opened: Opened) -> None:
        document = checkout_document(opening.order, opened.page, existed=opened.existed)
        touched = (Touched("stripe_checkout", opened.page.session),)
        found.append(Kept(document, touched, {"page": 1}, changed=not opened.existed))
        runtime.record(tx, request, found[0])

    open_page(talk_to_stripe(runtime, live=live, key_file=key_file), opening, keep)
    return Written(found[0].document, changed=found[0].changed)


def _tell(runtime: Runtime, written: Written, answer: Answer, lines: list[str]) -> None:
    """Print the address, even with `--quiet`: it is what was asked for; the rest is told beside it."""
    runtime.output.show(answer)
    if lines and tuple(lines) != answer.lines and runtime.output.format == FORMATS[0]:
        runtime.say(*lines)
    runtime.done(written)
