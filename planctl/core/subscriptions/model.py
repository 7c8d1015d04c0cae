"""A subscription as a value: its frozen terms, its clock and its status. It decides nothing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field, replace
from decimal import Decimal
from enum import StrEnum
from typing import Literal

from planctl.core.catalog.model import PriceRow, Terms
from planctl.core.currencies import Currency
from planctl.core.periods import Instant, Interval, Schedule, schedule_of
from planctl.values import dataclass


class Status(StrEnum):
    """Where a subscription stands; the moves between them are one table in `transitions.py`."""

    PENDING = "pending"
    TRIALING = "trialing"
    ACTIVE = "active"
    PAST_DUE = "past_due"
    BLOCKED = "blocked"
    PAUSED = "paused"
    CANCELED = "canceled"
    EXPIRED = "expired"


StopKind = Literal["blocked", "paused"]

EPOCH = Instant(0)
LIVE = frozenset({Status.TRIALING, Status.ACTIVE, Status.PAST_DUE, Status.BLOCKED, Status.PAUSED})
ENDED = frozenset({Status.CANCELED, Status.EXPIRED})


@dataclass(frozen=True, slots=True)
class BlockedSpan:
    """A time without service: `[starts_at, ends_at)`; `ends_at` None while it lasts. `payment` ended it.

    `kind` says why: `blocked`, because nobody paid, or `paused`, because somebody asked; then `payment` is
    `resume:` and the number of the pause.
    """

    starts_at: Instant
    ends_at: Instant | None = None
    payment: str = ""
    kind: StopKind = "blocked"

    def holds(self, instant: Instant) -> bool:
        """Whether `instant` lies in it."""
        return self.starts_at <= instant and (self.ends_at is None or instant < self.ends_at)


@dataclass(frozen=True, slots=True)
class QuantityStep:
    """A quantity that holds from `at` on: of a prepaid feature (a total with the allowance), or of the whole plan.

    `feature` is `""` for the plan's (or add-on's) own quantity. `charged` says whether the rest of the running
    period was charged (or credited) on its own; otherwise it only shows from the next fee on. `seq` numbers the
    steps of a subscription in the order in which they were made; a cancelled one is not among them.
    """

    at: Instant
    feature: str
    total: Decimal
    seq: int
    charged: bool = False


@dataclass(frozen=True, slots=True)
class Extension:
    """A move of the end that its terms foresee, made at `at`, from `before` to `after`. `cause` names the command."""

    cause: str
    at: Instant
    before: Instant
    after: Instant


@dataclass(frozen=True, slots=True)
class Subscription:
    """One customer's running (or ended) plan or add-on.

    `pay` is the price row (`month`, `3 months`, `once`; free plans: `month`). `settled_at`: everything that
    fell due at or before it is settled (None: nothing yet). Fees of periods that start before `fees_from`
    and usage of periods that close at or before `usage_from` were billed elsewhere. `ends_at` is the planned
    or actual end, with `end_reason` canceled, replaced, changed or expired. `trial_ends_at` is the end of its
    trial (None: it never had one), `expires_at` the end that its terms foresee. From each of `anchors` on, which
    are later than `anchor_at`, its periods are counted anew: from the end of a trial, from a payment that shifts
    them. `follows` is the subscription whose place it took by a change. `locked` is why it is not to be
    migrated, `""` where it may be. `extensions` are the moves of the foreseen end, in their order. `quantities`
    are totals with the allowance per prepaid feature, `quantity` is of the plan itself; both as at the start, and
    `steps` are their later changes. `exclusive_group` is the group's id where it is exclusive, else `""`. `base`
    is the subscription that an add-on belongs to. Allowances that are not charged past their end are closed by
    runs from `pools_from` on.
    """

    id: str
    customer: str
    plan: str
    plan_version: int
    terms: Terms
    terms_hash: str
    currency: Currency
    pay: str
    timezone: str
    started_at: Instant
    anchor_at: Instant
    status: Status = Status.ACTIVE
    exclusive_group: str = ""
    settled_at: Instant | None = None
    fees_from: Instant = EPOCH
    usage_from: Instant = EPOCH
    ends_at: Instant | None = None
    end_reason: str = ""
    quantity: int = 1
    quantities: Mapping[str, Decimal] = field(default_factory=dict)
    negotiated: Mapping[str, str] = field(default_factory=dict)
    blocked: tuple[BlockedSpan, ...] = ()
    catalog_revision: int = 0
    created_at: Instant = EPOCH
    base: str = ""
    pools_from: Instant = EPOCH
    steps: tuple[QuantityStep, ...] = ()
    trial_ends_at: Instant | None = None
    expires_at: Instant | None = None
    anchors: tuple[Instant, ...] = ()
    follows: str = ""
    locked: str = ""
    extensions: tuple[Extension, ...] = ()
    _schedule: Schedule | None = field(init=False, repr=False, compare=False, default=None)

    def until(self, at: Instant) -> Subscription:
        """The same without the changes of quantities that are still to come at an instant."""
        return (
            replace(self, steps=tuple(step for step in self.steps if step.at <= at)) if self.steps else self
        )

    def quantity_at(self, at: Instant) -> int:
        """How many of the plan (or add-on) are held at an instant."""
        step = self._step("", at)
        return self.quantity if step is None else int(step.total)

    def quantities_at(self, at: Instant) -> dict[str, Decimal]:
        """The totals of prepaid features at an instant, with the allowance, as far as any was ever said."""
        found = dict(self.quantities)
        for feature in sorted({step.feature for step in self.steps} - {""}):
            step = self._step(feature, at)
            if step is not None:
                found[feature] = step.total
        return found

    def _step(self, feature: str, at: Instant) -> QuantityStep | None:
        made = [step for step in self.steps if step.feature == feature and step.at <= at]
        return max(made, key=lambda step: (step.at, step.seq), default=None)

    @property
    def live(self) -> bool:
        """Whether it still runs (blocked and paused included)."""
        return self.status in LIVE

    @property
    def row(self) -> PriceRow | None:
        """The price row it pays; None for a free plan."""
        return self.terms.row(self.pay)

    def schedule(self) -> Schedule:
        """Its billing periods; made once, because deciding about a subscription asks for them some twenty times."""
        found = self._schedule
        if found is None:
            found = schedule_of(
                self.anchor_at, Interval.parse(self.pay), self.terms.anchor, self.timezone, self.anchors
            )
            object.__setattr__(self, "_schedule", found)
        return found

    def foreseen_end(self, at: Instant) -> Instant | None:
        """The end that the terms, its own or its base's, foresaw just before `at`; None where they foresaw none.

        What was charged ahead then was charged up to there, whatever became of the end since.
        """
        ends = [self.expires_at, self.ends_at if self.end_reason == "expired" else None]
        now = min((end for end in ends if end is not None), default=None)
        return next((one.before for one in self.extensions if one.at >= at), now)

    def in_trial(self, at: Instant) -> bool:
        """Whether an instant lies before the end of its trial."""
        return self.trial_ends_at is not None and at < self.trial_ends_at


@dataclass(frozen=True, slots=True)
class Transition:
    """A move between statuses at an instant, with its reason (`due`, `grace`, `paid`, `canceled`, `replaced` …)."""

    subscription: str
    before: Status
    after: Status
    at: Instant
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Assignment:
    """A plan set aside for a customer: the version it showed, what was negotiated; it grants and charges nothing.

    `status` is waiting, started or removed.
    """

    id: str
    customer: str
    plan: str
    version: int
    pay: str = ""
    currency: str = ""
    negotiated: Mapping[str, str] = field(default_factory=dict)
    assigned_at: Instant = EPOCH
    status: str = "waiting"
    subscription: str = ""
