"""Setting a plan aside for a customer, and taking it away again. An assignment charges and grants nothing.

Of a plan that runs it decides which terms an assignment would renew it to; the journey of a start does that.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field, replace
from decimal import Decimal
from typing import TYPE_CHECKING

from planctl.core.catalog.apart import terms_apart
from planctl.core.catalog.negotiate import agreed, check_price
from planctl.core.document import Document
from planctl.core.invoicing.projection import projected
from planctl.core.periods import Instant
from planctl.core.subscriptions.assigning import (
    Relaid,
    Sale,
    check_at,
    check_group,
    check_requires,
    possible_sales,
    relaid,
    that_runs,
)
from planctl.core.subscriptions.model import ENDED, Assignment, Status, Subscription
from planctl.core.subscriptions.start import Offered, check_eligible, choose_currency, choose_row
from planctl.errors import NotFound, Refused
from planctl.files.yaml_reader import read_values
from planctl.identifiers import new_id
from planctl.store import catalog, subscriptions
from planctl.store.facts import customer_facts
from planctl.store.offers import offered
from planctl.store.selling import Buyer, buyer, existing, on_agreed_terms
from planctl.values import dataclass

if TYPE_CHECKING:
    from planctl.store.engine import Tx


@dataclass(frozen=True, slots=True)
class Wanted:
    """What was asked for; `price` is an agreed price for the row and currency, `terms` other agreed terms.

    `at` says when new terms of a running plan hold: renewal (also where it is empty) or now.
    """

    customer: str
    plan: str
    pay: str = ""
    currency: str = ""
    price: Decimal | None = None
    terms: Mapping[str, str] = field(default_factory=dict)
    at: str = ""


@dataclass(frozen=True, slots=True)
class Assigned:
    """An assignment and the offer it shows, agreed terms laid over; `existed`: it was there before, as asked.

    `sales` are the rows and currencies it can start in. `dropped` is what the waiting assignment said and this
    one, in its place, does not: `price.month.USD = 45.50`.
    """

    assignment: Assignment
    offered: Offered
    sales: tuple[Sale, ...]
    existed: bool = False
    dropped: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Reassignment:
    """Newer terms for a plan that runs, decided and not written.

    `version` is the newest one; `kept` are the terms that will be agreed, the new ones among them, and what is given
    up. `keeps` and `lacks` are the leaves in which the terms that run differ from those that will, by path: as they
    are, and as they will be. `unchanged`: it runs, or is scheduled, so already.
    """

    before: Subscription
    version: int
    kept: Relaid
    pay: str = ""
    currency: str = ""
    keeps: Mapping[str, Document] = field(default_factory=dict)
    lacks: Mapping[str, Document] = field(default_factory=dict)
    unchanged: bool = False


def assign_plan(tx: Tx, wanted: Wanted, now: Instant) -> Assigned:
    """Record an assignment: allowlist, archive, `requires`, group, currency and price are checked now.

    They are checked again at the start. The same assignment again changes nothing; other terms replace the
    waiting one, and what they drop is named. A plan that runs is not assigned: `propose_reassignment` comes first.
    """
    sold_to = buyer(tx, wanted.customer)
    offer = offered(tx, wanted.plan)
    waiting = subscriptions.assignments(tx, [wanted.customer])[wanted.customer]
    check_at(sold_to.customer, wanted.plan, wanted.at)
    check_eligible(sold_to.customer, offer)
    check_requires(sold_to.customer, offer, sold_to.running)
    check_group(sold_to.customer, offer, [offered(tx, one.plan, one.version) for one in waiting])
    pay, currency, negotiated = _agreed(wanted, offer, sold_to)
    shown, _ = on_agreed_terms(tx, offer, read_values(negotiated, "--set"), sold_to.declared)
    sales = possible_sales(sold_to.customer, shown, pay, currency, sold_to.declared)
    asked = Assignment(
        new_id("asg", now), wanted.customer, wanted.plan, offer.version, pay, currency, negotiated, now
    )
    before = next((one for one in waiting if one.plan == wanted.plan), None)
    if before is None:
        subscriptions.insert_assignment(tx, asked)
        return Assigned(asked, shown, sales)
    same = replace(asked, id=before.id, assigned_at=before.assigned_at)
    if same == before:
        return Assigned(before, shown, sales, existed=True)
    changed = replace(asked, id=before.id)
    subscriptions.update_assignment(tx, changed)
    return Assigned(changed, shown, sales, dropped=_dropped(before, changed))


def propose_reassignment(tx: Tx, wanted: Wanted, now: Instant) -> Reassignment | None:
    """The newest terms for the plan that the customer runs, agreed ones laid over; None where it does not run.

    Those agreed for newer terms that are scheduled already count, else those of what runs. Nothing is checked of
    the change itself. Refused where the plan is still to start.
    """
    sold_to = buyer(tx, wanted.customer)
    if not any(one.plan == wanted.plan and one.status not in ENDED for one in sold_to.running):
        return None
    (facts,) = customer_facts(tx, [wanted.customer], now)
    running = projected(facts, now).subscriptions
    before = that_runs(sold_to.customer, wanted.plan, running)
    if before is None:
        return None
    if wanted.price is not None:
        pay = wanted.pay or before.pay
        wanted = replace(wanted, pay=pay, currency=wanted.currency or before.currency.code)
    version, _, newest = catalog.plan_snapshot(tx, wanted.plan)
    known = [one for one in running if one.plan == wanted.plan and _coming(one, before)]
    held = known[-1].negotiated if known else before.negotiated
    old = relaid(wanted.plan, held, read_values(held), newest, sold_to.declared)
    pay, currency, new = _agreed(wanted, offered(tx, wanted.plan), sold_to)
    terms = {**old.terms, **new}
    read = read_values(terms, "--set")
    made = agreed(wanted.plan, newest, read, sold_to.declared)
    same = relaid(wanted.plan, terms, read, newest, sold_to.declared).same
    void = {path: why for path, why in old.void.items() if path not in terms}
    keeps, lacks = terms_apart(catalog.terms_document(tx, before.terms_hash), made.snapshot)
    there = [
        one.id
        for one in (before, *known)
        if (one.plan_version, one.negotiated) == (version, terms) and pay in {"", one.pay}
    ]
    unchanged = before.id in there or (bool(there) and wanted.at != "now")
    return Reassignment(before, version, Relaid(terms, same, void), pay, currency, keeps, lacks, unchanged)


def _coming(one: Subscription, before: Subscription) -> bool:
    """Whether a subscription is scheduled to follow another."""
    return one.follows == before.id and one.status is Status.PENDING


def _agreed(wanted: Wanted, offer: Offered, sold_to: Buyer) -> tuple[str, str, dict[str, str]]:
    """The row and currency that are named, and the agreed terms, an agreed price among them."""
    negotiated = dict(wanted.terms)
    if not (wanted.pay or wanted.currency or wanted.price is not None):
        return "", "", negotiated
    pay = choose_row(offer, wanted.pay)
    chosen = choose_currency(offer, pay, wanted.currency, sold_to.customer, sold_to.declared)
    if wanted.price is not None:
        path = check_price(wanted.plan, offer.terms, pay, chosen, wanted.price)
        negotiated[path] = format(wanted.price, "f")
    return pay, chosen.code, negotiated


def _dropped(before: Assignment, after: Assignment) -> tuple[str, ...]:
    """What the waiting assignment said and the one in its place does not say."""
    said = {"version": f"v{before.version}", "pay": before.pay, "in": before.currency, **before.negotiated}
    says = {"version": f"v{after.version}", "pay": after.pay, "in": after.currency, **after.negotiated}
    return tuple(f"{name} = {value}" for name, value in said.items() if value and says.get(name) != value)


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
