"""What deciding about one customer needs, and the decision that comes of it: values, gathered and written elsewhere.

`advance` turns one into the other. Source: planctl billing rules, time, fees and lifecycle.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from planctl.core.customers import Customer
from planctl.core.invoicing.model import Draft, InvoiceKind, OpenInvoice, Settlement, Totals, UsageClaim
from planctl.core.periods import Instant, Period
from planctl.core.subscriptions.model import Subscription, Transition


@dataclass(frozen=True, slots=True)
class Voided:
    """A voided invoice that is to be issued again: its identity and what it had settled."""

    subscription: str
    period_index: int
    kind: InvoiceKind
    occasion: str
    revision: int
    at: Instant
    settlements: tuple[Settlement, ...]


@dataclass(frozen=True, slots=True)
class CustomerFacts:
    """All that deciding about one customer needs.

    `subscriptions` are those a run may touch, `unpaid` every unpaid invoice, `deferred` the settlements left
    open by a block, `voided` invoices to issue again, `totals` the usage of every window of `needed_windows`.
    `stop` is a reason that keeps the run away from this customer (a hold, a term not carried out yet).
    """

    customer: Customer
    subscriptions: tuple[Subscription, ...]
    unpaid: tuple[OpenInvoice, ...] = ()
    deferred: tuple[Settlement, ...] = ()
    voided: tuple[Voided, ...] = ()
    totals: Totals = field(default_factory=dict)
    stop: str = ""

    def left_open(self, subscription: Subscription) -> tuple[Settlement, ...]:
        """The settlements of a subscription of which something is still to be billed."""
        again = (one for void in self.voided for one in void.settlements)
        return tuple(one for one in (*self.deferred, *again) if one.subscription == subscription.id)


@dataclass(frozen=True, slots=True)
class Begun:
    """A billing period that a subscription has entered."""

    subscription: str
    period: Period
    timezone: str


@dataclass(frozen=True, slots=True)
class Advanced:
    """What bringing one customer up to an instant does; with `hold` set, nothing else is done.

    `settlements` and `claims` are those that belong to no invoice; `closed` are blocked ones
    (recorded before, or in `settlements`) of which nothing is left to bill.
    `subscriptions` holds every subscription that changed, as it is afterwards, with its next action.
    """

    customer: str
    drafts: tuple[Draft, ...] = ()
    settlements: tuple[Settlement, ...] = ()
    claims: tuple[UsageClaim, ...] = ()
    closed: tuple[Settlement, ...] = ()
    begun: tuple[Begun, ...] = ()
    transitions: tuple[Transition, ...] = ()
    past_due_invoices: tuple[str, ...] = ()
    subscriptions: tuple[tuple[Subscription, Instant | None], ...] = ()
    hold: str = ""

    @property
    def idle(self) -> bool:
        """Whether there is nothing to write."""
        return not (self.drafts or self.settlements or self.transitions or self.subscriptions or self.hold)
