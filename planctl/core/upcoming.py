"""What happens next to a customer, with dates: it knows everything that is in sight, and decides nothing of it.

All of it follows from the subscriptions, invoices and grants as they stand; nobody's next payment or request is
guessed. Source: planctl billing rules, lifecycle.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from fractions import Fraction
from typing import Literal, get_args

from planctl.core.currencies import Currency
from planctl.core.entitlements import Holding
from planctl.core.invoicing.fees import fee_lines
from planctl.core.invoicing.model import Invoice
from planctl.core.periods import Instant
from planctl.core.subscriptions.change_requests import ChangeRequest
from planctl.core.subscriptions.dues import FEE, charges_fee, due_of, next_due
from planctl.core.subscriptions.model import ENDED, Status, Subscription
from planctl.core.wallets import Grant
from planctl.values import dataclass

What = Literal[
    "held",
    "requested",
    "resume",
    "starts",
    "changes",
    "trial_converts",
    "trial_expires",
    "renews",
    "quantity_changes",
    "usage_closes",
    "allowance_resets",
    "cancels",
    "expires",
    "ends",
    "due",
    "blocked",
    "grant_expires",
]
"""held: a run waits for a person · requested: a change waits for an answer · resume: paused until somebody
resumes it · starts: a planned start · changes: another plan takes its place · trial_converts, trial_expires: a
trial ends, and somebody pays or nobody does · renews: the next fee falls due · quantity_changes: another quantity
holds · usage_closes: usage is billed · allowance_resets: allowances begin anew · cancels, expires, ends: it ends
as asked, by its terms, for another reason · due: the last day to pay an invoice · blocked: its grace ends ·
grant_expires: units of a wallet end. In this order at one instant."""

_RANKS = {what: rank for rank, what in enumerate(get_args(What))}
"""The order of what happens at one instant to one object."""
_STOPPED = frozenset({Status.BLOCKED, Status.PAUSED})
_ENDINGS: dict[str, What] = {"canceled": "cancels", "expired": "expires"}
_PAYS = frozenset({"card", "invoice"})
"""The payment methods with which a trial goes on. Source: planctl billing rules, lifecycle (trial)."""


@dataclass(frozen=True, slots=True)
class Upcoming:
    """`what` will happen at `at` to what is named by `about`: CUSTOMER/PLAN, an invoice's number, a customer.

    `at` None: as soon as a person does it. `subscription` is the id of the one it happens to. `plan` is what
    takes its place, or the pack of the units that end. `features` are those concerned, `units` a new quantity or
    what is left of a grant. `amount_minor` is what an invoice still owes, or the fee and bought quantities that
    fall due then, before discounts and tax; None where there is none. `reason` is a hold's.
    """

    at: Instant | None
    what: What
    about: str
    subscription: str = ""
    invoice: str = ""
    plan: str = ""
    features: tuple[str, ...] = ()
    units: Fraction | None = None
    amount_minor: int | None = None
    currency: Currency | None = None
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Outlook:
    """What is looked at: a customer's subscriptions, open invoices, wallets and holds as they stand at `at`.

    `change_requests` are those of its subscriptions, answered ones too. `payment_method` is the customer's, which
    decides what a trial's end brings.
    """

    customer: str
    at: Instant
    holdings: Sequence[Holding] = ()
    open_invoices: Sequence[Invoice] = ()
    grants: Sequence[Grant] = ()
    holds: Sequence[str] = ()
    change_requests: Sequence[ChangeRequest] = ()
    payment_method: str = "none"

    @property
    def subscriptions(self) -> list[Subscription]:
        """Every subscription looked at, ended ones included."""
        return [one.subscription for one in self.holdings]


def upcoming(outlook: Outlook) -> tuple[Upcoming, ...]:
    """What happens next, soonest first: of each kind the first one for each subscription and for each wallet.

    What waits for a person has no date and comes first; what is past is not told.
    """
    found: list[Upcoming] = [
        Upcoming(None, "held", outlook.customer, reason=reason) for reason in outlook.holds
    ]
    for holding in outlook.holdings:
        found += _of_subscription(holding, outlook)
    found += _of_requests(outlook)
    found += _of_invoices(outlook)
    found += _of_grants(outlook)
    coming = [one for one in found if one.at is None or one.at > outlook.at]
    first: dict[tuple[object, ...], Upcoming] = {}
    for one in sorted(coming, key=_order):
        of = one.features if one.what == "quantity_changes" else ()
        first.setdefault((one.what, one.subscription or one.about, one.reason, of), one)
    return tuple(first.values())


def _order(one: Upcoming) -> tuple[bool, int, str, int, str]:
    return (one.at is not None, one.at or 0, one.about, _RANKS[one.what], one.invoice)


# --- subscriptions


def _of_subscription(holding: Holding, outlook: Outlook) -> Iterator[Upcoming]:
    one = holding.subscription
    heir = successor_of(one, outlook.subscriptions)
    name = f"{one.customer}/{one.plan}"
    if one.status is Status.PENDING:
        if not _takes_over(one, outlook.subscriptions):
            amount = None if one.in_trial(one.started_at) else fee_minor(one, one.started_at)
            yield _event(one, "starts", one.started_at, amount)
        return
    if not one.live:
        return
    if heir is not None and heir.status is Status.PENDING:
        amount = fee_minor(heir, heir.started_at)
        yield Upcoming(
            heir.started_at, "changes", name, one.id, plan=heir.plan,
            amount_minor=amount, currency=None if amount is None else heir.currency,
        )  # fmt: skip
    elif one.ends_at is not None:
        yield _event(one, _ENDINGS.get(one.end_reason, "ends"), one.ends_at)
    if one.status is Status.PAUSED:
        yield _event(one, "resume", None)
    if one.status not in _STOPPED:
        yield from _of_running(holding, outlook)


def _of_running(holding: Holding, outlook: Outlook) -> Iterator[Upcoming]:
    """What a subscription that is neither blocked nor paused meets on its way."""
    one, at = holding.subscription, outlook.at
    if one.status is Status.TRIALING and one.trial_ends_at is not None:
        if one.ends_at is None or one.trial_ends_at < one.ends_at:
            yield _trial_end(one, one.trial_ends_at, outlook.payment_method)
    else:
        renewal = renewal_of(one, at)
        if renewal is not None:
            yield _event(one, "renews", renewal, fee_minor(one, renewal))
        closing = next_due(one)
        if closing is not None and closing not in {renewal, one.ends_at}:
            yield _event(one, "usage_closes", closing)
    for step in sorted(one.steps, key=lambda step: (step.at, step.feature, step.seq)):
        features = (step.feature,) if step.feature else ()
        name = f"{one.customer}/{one.plan}"
        yield Upcoming(
            step.at, "quantity_changes", name, one.id, features=features, units=Fraction(step.total)
        )
    yield from _resets(holding, at)


def _trial_end(one: Subscription, ends_at: Instant, payment_method: str) -> Upcoming:
    if payment_method not in _PAYS:
        return _event(one, "trial_expires", ends_at)
    return _event(one, "trial_converts", ends_at, fee_minor(one, ends_at))


def _resets(holding: Holding, at: Instant) -> Iterator[Upcoming]:
    """The next instant at which allowances begin anew, with the features whose do."""
    one = holding.subscription
    ends: dict[Instant, list[str]] = {}
    for feature, state in holding.pools.items():
        end = state.period.ends_at
        if end is not None and end > at and end != one.ends_at:
            ends.setdefault(end, []).append(feature)
    if ends:
        first = min(ends)
        name = f"{one.customer}/{one.plan}"
        yield Upcoming(first, "allowance_resets", name, one.id, features=tuple(sorted(ends[first])))


def _event(one: Subscription, what: What, at: Instant | None, amount: int | None = None) -> Upcoming:
    currency = None if amount is None else one.currency
    return Upcoming(at, what, f"{one.customer}/{one.plan}", one.id, amount_minor=amount, currency=currency)


def successor_of(one: Subscription, several: Iterable[Subscription]) -> Subscription | None:
    """The subscription that takes, or took, the place of `one` by a change; None where none does.

    A change that was canceled before it came took nobody's place.
    """
    heirs = [other for other in several if other.follows == one.id]
    running = [other for other in heirs if other.status not in ENDED]
    ran = [other for other in heirs if other.ends_at is not None and other.ends_at > other.started_at]
    return max(running or ran, key=lambda other: (other.created_at, other.id), default=None)


def _takes_over(one: Subscription, several: Iterable[Subscription]) -> bool:
    """Whether a pending subscription is the change of another one that still runs, which tells of it."""
    return any(other.id == one.follows and other.live for other in several)


def _of_requests(outlook: Outlook) -> Iterator[Upcoming]:
    """The changes that wait for an answer; one of what runs no more waits for nobody."""
    live = {one.id for one in outlook.subscriptions if one.live}
    for asked in outlook.change_requests:
        if asked.is_open and asked.subscription in live:
            yield Upcoming(None, "requested", asked.name, asked.subscription, plan=asked.wish.plan)


# --- fees


def renewal_of(one: Subscription, at: Instant) -> Instant | None:
    """The next boundary after `at` at which a fee falls due; None where it ends before, or never renews."""
    if one.terms.free or one.pay == "once" or not charges_fee(one) or at < one.anchor_at:
        return None
    schedule = one.schedule()
    since = Instant(max(at, one.fees_from if _in_arrears(one) else one.fees_from - 1, one.anchor_at))
    boundary = schedule.period_at(since).ends_at
    return None if boundary is None or (one.ends_at is not None and one.ends_at <= boundary) else boundary


def fee_minor(one: Subscription, at: Instant) -> int | None:
    """The fee and bought quantities that fall due at a boundary (or the start), in minor units; None without any.

    Before discounts and tax. In arrears the fee is of the period that ends there.
    """
    if one.terms.free or not charges_fee(one):
        return None
    in_arrears = _in_arrears(one)
    if at < one.anchor_at or (in_arrears and at <= one.started_at):
        return None
    due = due_of(one, FEE, one.schedule().index_at(Instant(at - 1) if in_arrears else at))
    if due.period.starts_at < one.fees_from:
        return None
    return sum(line.amount_minor for line in fee_lines(one, due, {}))


def _in_arrears(one: Subscription) -> bool:
    return one.terms.bill == "in arrears" and one.pay != "once"


# --- invoices and wallets


def _of_invoices(outlook: Outlook) -> Iterator[Upcoming]:
    """Until when each open invoice may be paid, and when access ends where it is not."""
    known = {one.id: one for one in outlook.subscriptions}
    for invoice in outlook.open_invoices:
        draft = invoice.draft
        name, owner = invoice.number or invoice.id, draft.subscription
        due = Upcoming(
            invoice.due_at, "due", name, owner, name, amount_minor=invoice.due_minor, currency=draft.currency
        )
        yield due
        if invoice.grace_ends_at is not None and _may_be_blocked(owner, known):
            yield replace(due, at=invoice.grace_ends_at, what="blocked")


def _may_be_blocked(owner: str, known: dict[str, Subscription]) -> bool:
    """Whether the owner of an invoice, or what took its place, runs and is not stopped yet."""
    heirs = {owner}
    for one in sorted(known.values(), key=lambda one: (one.created_at, one.id)):
        if one.follows in heirs:
            heirs.add(one.id)
    return any(known[heir].status in {Status.ACTIVE, Status.PAST_DUE} for heir in heirs if heir in known)


def _of_grants(outlook: Outlook) -> Iterator[Upcoming]:
    """When units that are left in a wallet end."""
    for grant in outlook.grants:
        if grant.left > 0 and grant.expires_at is not None:
            yield Upcoming(
                grant.expires_at, "grant_expires", f"{grant.customer}/{grant.feature}",
                plan=grant.pack, features=(grant.feature,), units=grant.left,
            )  # fmt: skip
