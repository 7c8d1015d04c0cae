"""Requests to change a plan: kept, listed beside the changes that are scheduled, approved and rejected.

What a change is and what it costs, the journey of a start decides; here nothing begins and nothing is billed.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from planctl.core.invoicing.projection import projected
from planctl.core.periods import Instant
from planctl.core.subscriptions.change_requests import (
    ChangeRequest,
    Filed,
    PlanChange,
    RequestStatus,
    Wish,
    decided,
    fee_minor,
    standing,
)
from planctl.core.subscriptions.changes import renewal_of, row_for
from planctl.core.subscriptions.model import ENDED, Status, Subscription
from planctl.errors import NotFound, Refused, WrongUsage
from planctl.store import change_requests, subscriptions
from planctl.store.facts import customer_facts
from planctl.store.offers import offered
from planctl.store.selling import existing
from planctl.store.subscriptions import SubscriptionFilter
from planctl.values import dataclass

if TYPE_CHECKING:
    from planctl.store.engine import Tx

SCHEDULED = "scheduled"
STATUSES = (*(status.value for status in RequestStatus), SCHEDULED)
"""What the changes of a list can be: requests by their answer, and changes that are scheduled."""


@dataclass(frozen=True, slots=True)
class Filter:
    """Which changes to list; empty fields ask nothing. The status is the one at the instant asked for."""

    customer: str = ""
    status: str = ""
    limit: int = 0


def read_changes(tx: Tx, wanted: Filter, as_of: Instant) -> list[PlanChange]:
    """Requests and scheduled changes as they stand at an instant: what waits for an answer first."""
    if wanted.customer:
        existing(tx, wanted.customer)
    asked = change_requests.requests(tx, [wanted.customer] if wanted.customer else None)
    pending = subscriptions.listing(
        tx,
        SubscriptionFilter((wanted.customer,) if wanted.customer else (), statuses=(Status.PENDING,)),
    )
    customers = [one.customer for one in asked] + [one.customer for one in pending if one.follows]
    running = _as_of(tx, list(dict.fromkeys(customers)), as_of)
    found = [_requested(tx, one, running[one.customer], as_of) for one in asked]
    for several in running.values():
        found += _scheduled(several)
    kept = [one for one in found if wanted.status in {"", one.status}]
    kept.sort(key=lambda one: one.order)
    return kept[: wanted.limit] if wanted.limit else kept


def open_request(tx: Tx, address: str, as_of: Instant) -> ChangeRequest:
    """The request that waits at `CUSTOMER/PLAN`, the plan being the one that runs, or at `CUSTOMER` where it has one.

    NotFound where none waits, Refused where the customer alone does not say which.
    """
    customer, _, plan = address.partition("/")
    existing(tx, customer)
    asked = [one for one in change_requests.requests(tx, [customer]) if one.is_open]
    running = _as_of(tx, [customer], as_of)[customer] if asked else ()
    waiting = [one for one in asked if standing(one, running, as_of).is_open and plan in {"", one.plan}]
    if not waiting:
        raise NotFound(
            f"no change of {address} waits for an answer",
            where=address,
            hint=f"planctl change list --customer {customer}",
        )
    if len(waiting) > 1:
        raise Refused(
            f"{len(waiting)} changes of {customer} wait for an answer",
            code="ambiguous",
            where=customer,
            expected=" | ".join(one.name for one in waiting),
        )
    return waiting[0]


def open_request_of(tx: Tx, subscription: Subscription) -> ChangeRequest | None:
    """The request that waits for a subscription, if one does."""
    return change_requests.open_request_of(tx, subscription.id)


def file_request(tx: Tx, subscription: Subscription, wish: Wish, at: Instant) -> Filed:
    """Keep a request to change a running subscription. Another one that waited gives way; the same changes nothing."""
    return change_requests.file_request(tx, subscription, wish, at)


def withdraw_request(tx: Tx, customer: str, plan: str, at: Instant) -> ChangeRequest | None:
    """Withdraw the request that waits for a running plan, if one does; as it is afterwards."""
    open_ones = [one for one in change_requests.requests(tx, [customer]) if one.is_open and one.plan == plan]
    return change_requests.withdraw_request(tx, open_ones[0].subscription, at) if open_ones else None


def answer(
    tx: Tx, request: ChangeRequest, status: RequestStatus, at: Instant, reason: str = ""
) -> ChangeRequest:
    """Approve or reject an open request and keep that; what an approval changes is not made here."""
    done = decided(request, status, at, reason)
    change_requests.keep_answer(tx, done)
    return done


def read_changed(tx: Tx, request: ChangeRequest, as_of: Instant) -> PlanChange:
    """One request as a list shows it."""
    running = _as_of(tx, [request.customer], as_of)[request.customer]
    return _requested(tx, request, running, as_of)


def _as_of(tx: Tx, customers: Sequence[str], as_of: Instant) -> Mapping[str, tuple[Subscription, ...]]:
    """Every customer's subscriptions with the status that time alone has brought."""
    return {
        facts.customer.id: projected(facts, as_of).subscriptions
        for facts in customer_facts(tx, customers, as_of)
    }


def _scheduled(running: Sequence[Subscription]) -> Iterator[PlanChange]:
    """The changes of one customer that are to come."""
    by_id = {one.id: one for one in running}
    for new in running:
        if new.status is not Status.PENDING or new.follows not in by_id:
            continue
        old = by_id[new.follows]
        yield PlanChange(
            old,
            new.plan,
            successor=new,
            takes_effect_at=new.started_at,
            price_before=_fee(old, old.quantity_at(new.started_at)),
            price_after=_fee(new, new.quantity),
        )


def _requested(tx: Tx, request: ChangeRequest, running: Sequence[Subscription], as_of: Instant) -> PlanChange:
    """A request with what it would change and what that costs, today's prices for one that waits."""
    old = next(one for one in running if one.id == request.subscription)
    request = standing(request, running, as_of)
    heirs = [one for one in running if one.follows == old.id and one.plan == request.wish.plan]
    followed = [one for one in heirs if one.ends_at is None or one.ends_at > one.started_at]  # not called off
    if request.status is RequestStatus.APPROVED and followed:
        new = followed[-1]
        at, after = new.started_at, _fee(new, new.quantity)
        return PlanChange(old, new.plan, request, new, at, _fee(old, old.quantity_at(at)), after)
    wish, quantity = request.wish, old.quantity_at(as_of)
    before, after = _fee(old, quantity), _asked_fee(tx, old, wish, quantity)
    at_renewal = _renewal(old, as_of) if request.is_open else None
    return PlanChange(old, wish.plan, request, None, at_renewal, before, after)


def _fee(one: Subscription, quantity: int) -> int | None:
    return fee_minor(one.terms, one.pay, one.currency, quantity)


def _asked_fee(tx: Tx, old: Subscription, wish: Wish, quantity: int) -> int | None:
    """The fee of what is asked for on the terms that an approval would take now; None where none is known."""
    try:
        offer = offered(tx, wish.plan, int(wish.version) if wish.version.isdigit() else 0)
        pay = row_for(old, offer, wish.pay)
    except (Refused, WrongUsage):
        return None
    return fee_minor(offer.terms, pay, old.currency, wish.quantity or quantity)


def _renewal(old: Subscription, as_of: Instant) -> Instant | None:
    """When the change would come if it were approved now: in a trial at once; None where it could not."""
    if old.status in ENDED:
        return None
    if old.status is Status.TRIALING:
        return as_of
    try:
        return renewal_of(old, as_of)
    except Refused:
        return None
