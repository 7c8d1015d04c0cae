"""How a customer pays, as the means of payment on file at Stripe say it. It charges nothing."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from planctl.core.invoicing.advance import advance_or_hold
from planctl.core.invoicing.stops import refuse_hold
from planctl.core.invoicing.succession import check_run_first
from planctl.core.stripe.facts import CardsSeen, method_on_file
from planctl.core.stripe.facts_notice import Notice
from planctl.core.stripe.facts_told import Applied, What
from planctl.core.stripe.model import NOT_THERE, ON_FILE, Link
from planctl.errors import Refused
from planctl.store import customers, stripe_outbox
from planctl.store.facts import customer_facts, run_terms
from planctl.store.outcomes import write_outcomes
from planctl.store.selling import existing
from planctl.workflows.receive_webhook.desk import WHOLE, Desk

if TYPE_CHECKING:
    from planctl.core.customers import Customer
    from planctl.core.periods import Instant

_TAKEN_AWAY = frozenset({"payment_method.detached", "customer.deleted"})


def write_cards(desk: Desk, link: Link, seen: CardsSeen, notice: Notice) -> None:
    """Make a customer pay by card where nothing was said, and by nothing where the last card was taken away.

    Who pays by invoice has agreed to that, and goes on. A card that was never at Stripe is not taken away.
    """
    method = method_on_file(seen, desk.now)
    gone = "" if seen.customer is not None else "deleted at Stripe"
    keep_detail(desk, link, {ON_FILE: method, NOT_THERE: gone})
    desk.attempt(f"{WHOLE}{link.stripe_id}", lambda: _write_method(desk, link, method, notice))


def _write_method(desk: Desk, link: Link, method: str, notice: Notice) -> None:
    before = existing(desk.tx, link.local_id)
    pays = before.payment_method
    if method and pays == "none":
        pays = "card"
    elif not method and pays == "card" and notice.kind in _TAKEN_AWAY:
        pays = "none"
    if pays == before.payment_method:
        return
    dated = desk.dated(notice.happened_at, notice.happened_at)
    _pay_by(desk, before, pays, dated.at)
    thing = method or link.stripe_id
    what: What = "card" if method else "no card"
    desk.applied.append(Applied(what, thing, link.local_id, at=dated.at, note=dated.note))


def _pay_by(desk: Desk, customer: Customer, pays: str, at: Instant) -> None:
    """Say how a customer pays from `at` on; what time brought until then is written first, as a run would.

    How the customer pays decides about a trial that ends, and is not changed afterwards.
    """
    (facts,) = customer_facts(desk.tx, [customer.id], at)
    try:
        check_run_first(facts, at)
    except Refused:
        outcome = advance_or_hold(facts, at, run_terms(desk.tx))
        refuse_hold(outcome)
        write_outcomes(desk.tx, [outcome], [facts.customer], desk.recorded_at)
    customers.update(desk.tx, replace(customer, payment_method=pays))


def keep_detail(desk: Desk, link: Link, said: dict[str, str]) -> None:
    """Keep with a link what is known of the object beside its id; an empty text is nothing known."""
    detail = {name: text for name, text in {**link.detail, **said}.items() if text}
    if detail != dict(link.detail):
        stripe_outbox.link(desk.tx, desk.account, replace(link, detail=detail))
