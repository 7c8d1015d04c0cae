"""Setting a plan aside for a customer, and taking it away again. An assignment charges and grants nothing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import TYPE_CHECKING

from planctl.core.catalog.negotiate import check_price
from planctl.core.periods import Instant
from planctl.core.subscriptions.model import ENDED, Assignment
from planctl.core.subscriptions.start import Offered, check_eligible, choose_currency, choose_row
from planctl.errors import NotFound, NotYet, Refused
from planctl.files.yaml_reader import read_values
from planctl.identifiers import new_id
from planctl.store import subscriptions
from planctl.store.offers import offered
from planctl.store.selling import buyer, existing, on_agreed_terms

if TYPE_CHECKING:
    from planctl.store.engine import Tx


@dataclass(frozen=True, slots=True)
class Wanted:
    """What was asked for; `price` is an agreed price for the row and currency, `terms` other agreed terms."""

    customer: str
    plan: str
    pay: str = ""
    currency: str = ""
    price: Decimal | None = None
    terms: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Assigned:
    """An assignment and the offer it shows, agreed terms laid over; `existed`: it was there before, as asked."""

    assignment: Assignment
    offered: Offered
    existed: bool = False


def assign_plan(tx: Tx, wanted: Wanted, now: Instant) -> Assigned:
    """Record an assignment: allowlist, archive and currency are checked now and again at the start.

    The same assignment again changes nothing; other terms replace the waiting one. NotYet where the customer
    runs the plan already (a reassignment).
    """
    sold_to = buyer(tx, wanted.customer)
    offer = offered(tx, wanted.plan)
    check_eligible(sold_to.customer, offer)
    if any(one.plan == wanted.plan and one.status not in ENDED for one in sold_to.running):
        raise NotYet("reassign", where=f"{wanted.customer}/{wanted.plan}")
    pay, currency, negotiated = "", "", dict(wanted.terms)
    if wanted.pay or wanted.currency or wanted.price is not None:
        pay = choose_row(offer, wanted.pay)
        chosen = choose_currency(offer, pay, wanted.currency, sold_to.customer, sold_to.declared)
        currency = chosen.code
        if wanted.price is not None:
            path = check_price(wanted.plan, offer.terms, pay, chosen, wanted.price)
            negotiated[path] = format(wanted.price, "f")
    shown, _ = on_agreed_terms(tx, offer, read_values(negotiated, "--set"), sold_to.declared)
    asked = Assignment(
        new_id("asg", now), wanted.customer, wanted.plan, offer.version, pay, currency, negotiated, now
    )
    waiting = subscriptions.assignments(tx, [wanted.customer])[wanted.customer]
    before = next((one for one in waiting if one.plan == wanted.plan), None)
    if before is None:
        subscriptions.insert_assignment(tx, asked)
        return Assigned(asked, shown)
    same = replace(asked, id=before.id, assigned_at=before.assigned_at)
    if same == before:
        return Assigned(before, shown, existed=True)
    changed = replace(asked, id=before.id)
    subscriptions.update_assignment(tx, changed)
    return Assigned(changed, shown)


def unassign_plan(tx: Tx, customer: str, plan: str) -> Assignment:
    """Take a waiting assignment away; its history is kept. Refused while the plan runs, NotFound without one."""
    existing(tx, customer)
    running = subscriptions.of_customers(tx, [customer])[customer]
    live = next((one for one in running if one.plan == plan and one.status not in ENDED), None)
    if live is not None:
        raise Refused(
            f"{customer} runs {plan} ({live.id}): an assignment that was started is not taken away",
            code="running",
            where=f"{customer}/{plan}",
            hint=f"planctl subscription cancel {customer}/{plan}",
        )
    waiting = subscriptions.assignments(tx, [customer])[customer]
    found = next((one for one in waiting if one.plan == plan), None)
    if found is None:
        raise NotFound(f"{plan} is not assigned to {customer}", where=f"{customer}/{plan}")
    removed = replace(found, status="removed")
    subscriptions.update_assignment(tx, removed)
    return removed
