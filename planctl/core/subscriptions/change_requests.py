"""Requests to change a plan, which wait until an operator says yes or no. It changes, prices and writes nothing.

Source: planctl billing rules, lifecycle (groups: `on approval`).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import field, replace
from decimal import Decimal
from enum import StrEnum
from fractions import Fraction

from planctl.core.catalog.model import Terms
from planctl.core.currencies import Currency
from planctl.core.money import round_minor
from planctl.core.periods import Instant
from planctl.core.subscriptions.model import EPOCH, Status, Subscription
from planctl.values import dataclass


class RequestStatus(StrEnum):
    """Where a request stands; only one that is `requested` waits for an answer."""

    REQUESTED = "requested"
    APPROVED = "approved"
    REJECTED = "rejected"
    WITHDRAWN = "withdrawn"


@dataclass(frozen=True, slots=True)
class Wish:
    """What is asked to run instead: a plan, and what was said of how. What is empty is left to the approval.

    `quantity` 0: nothing was said. `version` is a plan version's number, or `""` and `newest` for the newest one
    when the request is approved.
    """

    plan: str
    pay: str = ""
    currency: str = ""
    quantity: int = 0
    quantities: Mapping[str, Decimal] = field(default_factory=dict)
    version: str = ""


@dataclass(frozen=True, slots=True)
class ChangeRequest:
    """A request to run something else in place of a subscription.

    `plan` is what that runs, `seq` the request's number among the subscription's changes. `decided_at` is when it
    was approved, rejected or withdrawn (None while it waits), `reason` why, as far as anybody said.
    """

    customer: str
    subscription: str
    plan: str
    seq: int
    wish: Wish
    requested_at: Instant
    status: RequestStatus = RequestStatus.REQUESTED
    decided_at: Instant | None = None
    reason: str = ""

    @property
    def name(self) -> str:
        """Its address: `CUSTOMER/PLAN`, the plan being the one that runs."""
        return f"{self.customer}/{self.plan}"

    @property
    def is_open(self) -> bool:
        """Whether it waits for an answer."""
        return self.status is RequestStatus.REQUESTED


@dataclass(frozen=True, slots=True)
class Filed:
    """What asking did: the request that waits now, and the one that gave way to it.

    `existed`: the same was asked before, so nothing is written.
    """

    request: ChangeRequest
    withdrawn: ChangeRequest | None = None
    existed: bool = False


def fee_minor(terms: Terms, pay: str, currency: Currency, quantity: int) -> int | None:
    """What a whole period costs in the currency's minor units before usage and prepaid quantities; 0 where free.

    None where nothing is fixed: not sold so, for usage alone, or at a price that is still to be agreed.
    """
    if terms.free:
        return 0
    row = terms.row(pay)
    price = None if row is None or row.usage_only else row.fee.get(currency.code)
    return round_minor(Fraction(price) * quantity, currency.decimals) if isinstance(price, Decimal) else None


def wish_for(
    new: Subscription, quantity: int = 0, quantities: Mapping[str, Decimal] | None = None, version: str = ""
) -> Wish:
    """The wish for a subscription that is to begin; how many are left to the approval where nothing was said."""
    pay = "" if new.terms.free else new.pay
    return Wish(new.plan, pay, new.currency.code, quantity, dict(quantities or {}), version)


def filed(before: ChangeRequest | None, asked: ChangeRequest) -> Filed:
    """What `asked` does where `before` is the request of the same subscription that waits, if one does.

    One request at most waits for a subscription: another one takes its place, the same one changes nothing.
    """
    assert before is None or (before.is_open and before.subscription == asked.subscription)
    if before is None:
        return Filed(asked)
    if before.wish == asked.wish:
        return Filed(before, existed=True)
    return Filed(asked, decided(before, RequestStatus.WITHDRAWN, asked.requested_at))


def decided(request: ChangeRequest, status: RequestStatus, at: Instant, reason: str = "") -> ChangeRequest:
    """An open request with the answer it got."""
    assert request.is_open, f"{request.name}: the request is {request.status}"
    assert status is not RequestStatus.REQUESTED
    return replace(request, status=status, decided_at=at, reason=reason)


def standing(request: ChangeRequest, subscriptions: Iterable[Subscription], at: Instant) -> ChangeRequest:
    """The request as it stands at an instant, the customer's `subscriptions` standing as they do then.

    It is withdrawn by itself where what it would change has ended, or was changed otherwise after it was asked.
    """
    if not request.is_open:
        return request
    several = list(subscriptions)
    mine = next((one for one in several if one.id == request.subscription), None)
    if mine is None or not mine.live:
        ended_at = None if mine is None else mine.ends_at
        return decided(
            request, RequestStatus.WITHDRAWN, at if ended_at is None else Instant(min(at, ended_at))
        )
    later = [
        one.created_at
        for one in several
        if one.follows == mine.id
        and one.status is not Status.CANCELED
        and one.created_at > request.requested_at
    ]
    return decided(request, RequestStatus.WITHDRAWN, min(later)) if later else request


@dataclass(frozen=True, slots=True)
class PlanChange:
    """A change that is asked for or scheduled, as a list shows it.

    `request` is None for a scheduled one; then `successor` is the subscription that is to begin. Of a request it is
    what would begin, where that is known. `before` is what runs, `takes_effect_at` when the other takes its place:
    of an open request, if it were approved now; None where nothing will, or that is not known.
    """

    before: Subscription
    to_plan: str
    request: ChangeRequest | None = None
    successor: Subscription | None = None
    takes_effect_at: Instant | None = None
    price_before: int | None = None
    price_after: int | None = None

    @property
    def status(self) -> str:
        """`scheduled`, or the request's."""
        return "scheduled" if self.request is None else self.request.status.value

    @property
    def order(self) -> tuple[bool, bool, Instant, str, int]:
        """Open requests first, then what is scheduled, then what was answered; each in time order."""
        request = self.request
        if request is None:
            at = EPOCH if self.successor is None else self.successor.started_at
            return (False, True, at, self.before.id, 0)
        return (not request.is_open, False, request.requested_at, self.before.id, request.seq)
