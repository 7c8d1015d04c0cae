"""A customer, or one subscription, with everything that is shown beside it. It decides nothing."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import field, replace

from planctl.core.catalog.apart import Apart
from planctl.core.currencies import Currency
from planctl.core.customers import Customer
from planctl.core.entitlements import Holding, OpenPool
from planctl.core.invoicing.model import Invoice
from planctl.core.periods import Instant
from planctl.core.subscriptions.change_requests import ChangeRequest
from planctl.core.subscriptions.model import ENDED, Assignment, Status, Subscription
from planctl.core.upcoming import Outlook, Upcoming, successor_of, upcoming
from planctl.core.wallets import Grant
from planctl.values import dataclass


@dataclass(frozen=True, slots=True)
class Shown:
    """A subscription with what is told beside it, as it stands at `as_of`.

    `newest` is its plan's newest version (0: none), `apart` how its terms differ from that one's. `requests` are
    its unpaid invoices in the order of their numbers, `addons` those that run on it, `successor` the subscription
    that takes or took its place by a change, `pools` its allowances by feature, `payment_method` the customer's
    (`""`: not looked at), `asked` a change of it that waits for an answer.
    """

    subscription: Subscription
    as_of: Instant
    newest: int = 0
    requests: tuple[Invoice, ...] = ()
    addons: tuple[Subscription, ...] = ()
    successor: Subscription | None = None
    pools: Mapping[str, OpenPool] = field(default_factory=dict)
    payment_method: str = ""
    apart: Apart = field(default_factory=Apart)
    asked: ChangeRequest | None = None

    @property
    def open_invoices(self) -> tuple[str, ...]:
        """The numbers of its unpaid invoices."""
        return tuple(one.number for one in self.requests)

    @property
    def change(self) -> Subscription | None:
        """The subscription that is going to take its place; None where no change is scheduled."""
        heir = self.successor
        return heir if heir is not None and heir.status is Status.PENDING else None


@dataclass(frozen=True, slots=True)
class Account:
    """A customer as it stands at `at`. `balance` is what is kept for it in each currency, in minor units.

    `holdings` are its own subscriptions, ended ones included; a child of a company has none, and `billed_to` is the
    root whose plans count for it. `below` are all customers of a company below it, each behind its parent.
    `newest` is the newest version of each plan it holds, `grants` its wallets.
    """

    customer: Customer
    at: Instant
    holdings: tuple[Holding, ...] = ()
    assignments: tuple[Assignment, ...] = ()
    open_invoices: tuple[Invoice, ...] = ()
    balance: Mapping[Currency, int] = field(default_factory=dict)
    holds: tuple[str, ...] = ()
    newest: Mapping[str, int] = field(default_factory=dict)
    grants: tuple[Grant, ...] = ()
    change_requests: tuple[ChangeRequest, ...] = ()
    billed_to: str = ""
    below: tuple[Customer, ...] = ()

    @property
    def shown(self) -> tuple[Shown, ...]:
        """Every subscription with what belongs to it, in the order of `holdings`."""
        several = [one.subscription for one in self.holdings]
        return tuple(
            Shown(
                one.subscription,
                self.at,
                self.newest.get(one.subscription.plan, 0),
                requests_of(one.subscription, several, self.open_invoices),
                addons_of(one.subscription, several),
                successor_of(one.subscription, several),
                one.pools,
                self.customer.payment_method,
            )
            for one in self.holdings
        )

    @property
    def next(self) -> tuple[Upcoming, ...]:
        """What happens next to it, soonest first."""
        return upcoming(
            Outlook(
                self.customer.id,
                self.at,
                self.holdings,
                self.open_invoices,
                self.grants,
                self.holds,
                self.change_requests,
                self.customer.payment_method,
            )
        )


def requests_of(
    subscription: Subscription, several: Sequence[Subscription], invoices: Iterable[Invoice]
) -> tuple[Invoice, ...]:
    """Those of the invoices that a subscription answers for, in the order of their numbers.

    Its own, and those of the ones whose place it took: what they owe follows it until it is paid.
    Source: planctl billing rules, lifecycle (groups).
    """
    known = {one.id: one for one in several}
    ids = [subscription.id]
    while ids[-1] in known and known[ids[-1]].follows:
        ids.append(known[ids[-1]].follows)
    mine = (one for one in invoices if one.draft.subscription in ids)
    return tuple(sorted(mine, key=lambda one: one.number))


def addons_of(base: Subscription, several: Sequence[Subscription]) -> tuple[Subscription, ...]:
    """The add-ons that stand on a subscription and have not ended."""
    return tuple(one for one in several if one.base == base.id and one.status not in ENDED)


def seen_at(one: Subscription, at: Instant) -> Subscription:
    """A subscription as it is looked at: before it began it is pending."""
    return replace(one, status=Status.PENDING) if at < one.started_at and one.live else one
