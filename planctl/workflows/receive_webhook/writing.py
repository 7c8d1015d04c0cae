"""Writes what follows from what was seen at Stripe: which of ours it is, and which facts are new. It asks nobody.

Source: planctl reliability rules, Stripe and webhooks.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from planctl.core.instants import instant_text
from planctl.core.invoicing.model import Invoice
from planctl.core.stripe.facts import (
    CardsSeen,
    Ended,
    InvoiceSeen,
    failure_of,
    in_order,
    invoice_facts,
    money_facts,
    owner_of,
    paid_at,
)
from planctl.core.stripe.facts_notice import Notice, Topic
from planctl.core.stripe.facts_told import Applied
from planctl.core.stripe.invoice_calls import STATUS
from planctl.core.stripe.model import NOT_THERE, Link, Object
from planctl.core.stripe.reading import id_of
from planctl.store import invoices, stripe_checkouts, stripe_outbox
from planctl.workflows.receive_webhook.cards import keep_detail, write_cards
from planctl.workflows.receive_webhook.complete_checkout import Completed, complete
from planctl.workflows.receive_webhook.desk import WHOLE, Dated, Desk
from planctl.workflows.receive_webhook.looking import Seen
from planctl.workflows.receive_webhook.money import write_facts

if TYPE_CHECKING:
    from planctl.core.stripe.checkout import Page
    from planctl.core.stripe.model import Account
    from planctl.store.engine import Tx

NOT_OURS = "it is about nothing of this store"
NOTHING_NEW = "what it tells of is not followed here"

_LATER = "checkout.session.async_payment_succeeded"


def is_foreign(tx: Tx, account: Account, store_id: str, notice: Notice) -> str:
    """Why an event is none of this store's business, as far as the store alone can tell; empty where it may be."""
    if notice.live != account.live:
        return f"it is of {'live' if notice.live else 'test'} mode"
    if notice.account not in {"", account.id}:
        return f"it is of the account {notice.account}"
    if notice.topic is None:
        return "events of this type are not listened to"
    if not notice.where:
        return NOTHING_NEW
    if notice.topic is Topic.MONEY or notice.kind == "invoice_payment.paid" or notice.owner == store_id:
        return ""
    known = stripe_outbox.linked(tx, account, notice.where) or stripe_checkouts.page(tx, notice.where)
    return "" if known else NOT_OURS


def write_seen(desk: Desk, seen: Seen) -> bool:
    """Write what is new of what was seen; whether any of it is ours. What cannot be is `stopped` at the desk."""
    ours = [_write_invoice(desk, one, seen) for one in seen.invoices]
    ours += [_write_session(desk, one, seen) for one in seen.sessions]
    if seen.cards is not None:
        ours.append(_write_cards(desk, seen.cards, seen.notice))
    if seen.gone:
        ours.append(_write_gone(desk, seen.notice))
    return any(ours)


def _write_cards(desk: Desk, cards: CardsSeen, notice: Notice) -> bool:
    link = stripe_outbox.linked(desk.tx, desk.account, notice.where)
    if link is None or link.kind != "customer":
        return False
    write_cards(desk, link, cards, notice)
    return True


def _write_invoice(desk: Desk, seen: InvoiceSeen, whole: Seen) -> bool:
    link = stripe_outbox.linked(desk.tx, desk.account, seen.id)
    store, local = owner_of(seen.invoice)
    if link is None and store != desk.store_id:
        return False

    def do() -> None:
        invoice = invoices.invoice(desk.tx, local if link is None else link.local_id)
        facts = invoice_facts(seen) + money_facts(whole.money, desk.store_id)
        if link is None:
            # Another object stands for the invoice, or none yet: what was received counts, the rest does not.
            facts = [fact for fact in facts if not isinstance(fact, Ended)]
        write_facts(desk, invoice, invoice.draft.customer, in_order(facts))
        if link is not None:
            _write_standing(desk, link, seen, invoice)

    desk.attempt(f"{WHOLE}{seen.id}", do)
    return True


def _write_standing(desk: Desk, link: Link, seen: InvoiceSeen, invoice: Invoice) -> None:
    """Keep how the invoice stands at Stripe, and why the last try failed: it changes nothing of what is owed."""
    failure = failure_of(seen)
    status = str(seen.invoice.get("status"))
    said = {STATUS: "" if status == "draft" else status, "failure": "", "next_try": ""}
    if failure is not None:
        text = ": ".join(part for part in (failure.code, failure.message) if part)
        said["failure"] = text or "the payment failed"
        said["next_try"] = "" if failure.next_at is None else instant_text(failure.next_at)
    is_new = said["failure"] and said["failure"] != link.detail.get("failure")
    keep_detail(desk, link, said)
    if is_new:
        told = Applied("failed", link.stripe_id, invoice.draft.customer, invoice.number, note=said["failure"])
        desk.applied.append(told)


def _write_session(desk: Desk, session: Object, whole: Seen) -> bool:
    name = id_of(session)
    page = stripe_checkouts.page(desk.tx, name)
    if page is None and (owner_of(session)[0] != desk.store_id or session.get("status") != "complete"):
        return owner_of(session)[0] == desk.store_id

    def do() -> None:
        dated = _completed(desk, session, whole.notice, page)
        done = complete(desk.tx, desk.account, session, dated.at, desk.recorded_at)
        if done.outcome not in {"waiting", "already"} and done.page != page:
            _tell(desk, done, dated)
        facts = money_facts(whole.money, desk.store_id)
        write_facts(desk, None, done.page.purchase.customer, in_order(facts), done.page)

    desk.attempt(f"{WHOLE}{name}", do)
    return True


def _tell(desk: Desk, done: Completed, dated: Dated) -> None:
    """Keep for people, and for the audit, what came of a page."""
    customer, numbers = done.page.purchase.customer, ", ".join(one.number for one in done.invoices)
    note = dated.because(": ".join(part for part in (done.outcome, done.why) if part)).note
    amount, currency = done.received_minor, done.page.currency
    told = Applied("checkout", done.page.session, customer, numbers, amount, currency, dated.at, note)
    desk.applied.append(told)


def _completed(desk: Desk, session: Object, notice: Notice, page: Page | None) -> Dated:
    """When a page was paid: what it starts begins then, however late that is heard of, and not before it was opened."""
    charged = None if notice.kind == _LATER else paid_at(session)
    at = charged or notice.happened_at
    return desk.dated(at, at if page is None else page.made_at)


def _write_gone(desk: Desk, notice: Notice) -> bool:
    """Keep that an object of ours is not at Stripe any more; what it was for is as it was."""
    link = stripe_outbox.linked(desk.tx, desk.account, notice.where)
    if link is None:
        return False
    keep_detail(desk, link, {NOT_THERE: "deleted at Stripe"})
    return True
