"""Takes in a Checkout page that was filled in: it starts what it was for, or its money is credited and held.

Only the store's side: the session was fetched before, and the caller owns the transaction.
Source: planctl billing rules, lifecycle (groups, trial), invoices, credit and payments.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Literal

from planctl.core.invoicing.model import Invoice
from planctl.core.money import format_amount
from planctl.core.periods import Instant
from planctl.core.stripe.amounts import code_at_stripe, from_stripe
from planctl.core.stripe.checkout import Page, Proposed, Purchase, fate_of, misfit
from planctl.core.stripe.model import METHOD, Account, Object
from planctl.core.stripe.reading import id_of
from planctl.core.subscriptions.model import Subscription, Transition
from planctl.errors import Conflict, InvalidInput, Refused, WrongUsage
from planctl.store import catalog, customers, stripe_checkouts, subscriptions
from planctl.store.balances import BalanceMove, post
from planctl.store.selling import existing
from planctl.values import dataclass
from planctl.workflows.collect_payments import Receipt, record_payment
from planctl.workflows.subscribe import Proposal, Subscribed, Wanted, apply_subscription, propose_subscription

if TYPE_CHECKING:
    from planctl.store.engine import Tx

Outcome = Literal["started", "credited", "held", "waiting", "expired", "already"]
"""started: what the page was for. credited: its money stands in the balance, and the customer is on hold. held: the
same, where nothing was paid. waiting: nothing yet. expired: nothing ever. already: it was taken in before."""

HOLD = "checkout"
"""The reason of the hold that a person lifts once they have looked."""


@dataclass(frozen=True, slots=True)
class Completed:
    """What came of a page; `page` as it is kept now.

    `why` says why the money did not fit, with both amounts. `invoices` are as they stand with what was paid.
    """

    outcome: Outcome
    page: Page
    received_minor: int = 0
    subscription: Subscription | None = None
    invoices: tuple[Invoice, ...] = ()
    transitions: tuple[Transition, ...] = ()
    why: str = ""


@dataclass(frozen=True, slots=True)
class _Arrived:
    """Money, or a means of payment, that came by a page: how much, when, by which payment of Stripe's."""

    page: Page
    received_minor: int
    reference: str
    at: Instant
    recorded_at: Instant


def complete(tx: Tx, account: Account, session: Object, at: Instant, recorded_at: Instant) -> Completed:
    """Take in a page's session as Stripe has it now; doing it again changes nothing.

    Paid and still fitting, it starts its subscription at `at` and pays the invoices of that. Not fitting, the money
    goes to the customer's balance and the customer on hold. Refused where the page is not of this store's, or was
    paid in another currency.
    """
    page = stripe_checkouts.page(tx, str(session.get("id")))
    if page is None:
        raise Refused(
            "the page is not one that this store keeps",
            code="checkout-unknown",
            where=str(session.get("id")),
            expected=f"a page opened by planctl stripe checkout at {account.id}",
            hint="look at it in Stripe's dashboard; money that it brought is recorded by planctl payment record",
        )
    if page.is_final:
        return Completed("already", page)
    fate = fate_of(session)
    if fate in {"open", "waiting"}:
        return Completed("waiting", page)
    if fate == "over":
        return Completed("expired", _saved(tx, replace(page, state="expired")))
    arrived = _Arrived(page, _received(page, session), _payment_of(session), at, recorded_at)
    _put_on_file(tx, page.purchase.customer)
    return _carried_out(tx, arrived)


def proposed(proposal: Proposal, names: Mapping[str, str] | None = None) -> Proposed:
    """A proposal as a page is bound to it; `names` are what plans are called, by address."""
    return Proposed(
        proposal.subscription,
        proposal.billed,
        proposal.promise,
        proposal.change,
        proposal.kept is not None,
        names or {},
    )


def wanted(purchase: Purchase) -> Wanted:
    """What a page is for, as the journey of a start takes it. There is nobody to show differences to."""
    return Wanted(
        purchase.customer,
        purchase.plan,
        purchase.pay,
        purchase.currency,
        quantity=purchase.quantity,
        quantities=purchase.quantities,
        trial=purchase.trial,
        plan_version=purchase.plan_version,
        coupon=purchase.coupon,
    )


def _carried_out(tx: Tx, arrived: _Arrived) -> Completed:
    """Start what the page was for, whole or not at all; what cannot be started is credited and held."""
    with tx.part() as undo:
        try:
            found = _started(tx, arrived)
        except (Refused, Conflict, InvalidInput, WrongUsage) as problem:
            found = f"{_money(arrived)} came, and it cannot start any more: {problem.message}"
        if isinstance(found, str):
            undo()
    return _held(tx, arrived, found) if isinstance(found, str) else found


def _started(tx: Tx, arrived: _Arrived) -> Completed | str:
    """The page as it was completed; why it does not fit, and then nothing is written."""
    page = _named_now(tx, arrived.page)
    proposal = propose_subscription(tx, wanted(page.purchase), arrived.at)
    why = misfit(page, arrived.received_minor, proposed(proposal))
    if why:
        return why
    done = apply_subscription(tx, proposal, arrived.recorded_at)
    invoices, moves = _paid(tx, arrived, done)
    started = subscriptions.get(tx, done.subscription.id)
    kept = _saved(tx, replace(page, state="completed", subscription=done.subscription.id))
    moves = (*done.transitions, *moves)
    return Completed("started", kept, arrived.received_minor, started, invoices, moves)


def _named_now(tx: Tx, page: Page) -> Page:
    """The page under the id that its plan has now, should that have been renamed since it was opened."""
    plan = page.purchase.plan
    present = plan if catalog.plan_object(tx, plan) is not None else catalog.present_id(tx, plan)
    promise = {name: present if name == "plan" else said for name, said in page.promise.items()}
    return replace(page, purchase=replace(page.purchase, plan=present), promise=promise)


def _paid(tx: Tx, arrived: _Arrived, done: Subscribed) -> tuple[tuple[Invoice, ...], tuple[Transition, ...]]:
    """The invoices that were issued, in their order, each paid with what it owes; together all that came."""
    invoices: list[Invoice] = []
    moves: tuple[Transition, ...] = ()
    left = arrived.received_minor
    for invoice in done.invoices:
        if invoice.due_minor <= 0:
            invoices.append(invoice)
            continue
        receipt = Receipt(invoice.number, None, arrived.at, METHOD, arrived.reference)
        paid = record_payment(tx, receipt, arrived.recorded_at)
        left -= paid.payment.amount_minor
        invoices.append(paid.invoice)
        moves += paid.transitions
    assert left == 0, f"{arrived.page.session}: {left} of {arrived.received_minor} minor units paid nothing"
    return tuple(invoices), moves


def _held(tx: Tx, arrived: _Arrived, why: str) -> Completed:
    """The money in the customer's balance, and the customer on hold until a person has looked."""
    page, amount = arrived.page, arrived.received_minor
    customer, key = page.purchase.customer, f"{HOLD}:{page.session}"
    if amount:
        post(tx, [BalanceMove(customer, page.currency.code, key, amount, arrived.at)])
    customers.hold_also(tx, customer, HOLD, f"{page.session}: {why}", arrived.at)
    kept = _saved(tx, replace(page, state="credited" if amount else "expired", note=why))
    return Completed("credited" if amount else "held", kept, amount, why=why)


def _put_on_file(tx: Tx, customer_id: str) -> None:
    """What was paid with stays on file at Stripe: the customer pays by it where nothing else was said."""
    customer = existing(tx, customer_id)
    if customer.payment_method == "none":
        customers.update(tx, replace(customer, payment_method="card"))


def _received(page: Page, session: Object) -> int:
    """How much came, in our minor units; Refused where it is in another currency."""
    if page.amount_minor == 0 and not session.get("amount_total"):
        return 0
    code, amount = session.get("currency"), session.get("amount_total")
    if code != code_at_stripe(page.currency) or not isinstance(amount, int):
        raise Refused(
            "the page was paid in another currency than it asked for",
            code="checkout-currency",
            where=page.session,
            expected=page.currency.code,
            got=f"{amount} {code}",
            hint="look at it in Stripe's dashboard",
        )
    return from_stripe(amount, page.currency)


def _payment_of(session: Object) -> str:
    """The id of the payment that came by the page; empty where nothing was paid."""
    return id_of(session.get("payment_intent"))


def _saved(tx: Tx, page: Page) -> Page:
    stripe_checkouts.save(tx, page)
    return page


def _money(arrived: _Arrived) -> str:
    currency = arrived.page.currency
    return f"{format_amount(arrived.received_minor, currency)} {currency.code}"
