"""Starting a plan: who may, on which row and currency, and what it replaces. It bills nothing and writes nothing.

Source: planctl billing rules, lifecycle (assign, subscribe, groups).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal

from planctl.core.catalog.model import AmountRange, Offer, Terms
from planctl.core.catalog.needs import not_built
from planctl.core.catalog.selling import charged_in
from planctl.core.currencies import Currency
from planctl.core.customers import Customer, may_have
from planctl.core.periods import Instant, instant_text
from planctl.core.subscriptions.model import ENDED, Status, Subscription, Transition
from planctl.core.subscriptions.transitions import after
from planctl.errors import InvalidInput, NotYet, Refused, WrongUsage

QUANTITY = "quantity change"


@dataclass(frozen=True, slots=True)
class Offered:
    """A plan version as the store offers it. `exclusive` is its group's; `listed` the members of its named list."""

    plan: str
    version: int
    terms: Terms
    terms_hash: str
    offer: Offer
    exclusive: bool
    revision: int = 0
    listed: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Ask:
    """What was asked for. Empty `pay` and `currency` mean "where only one fits"; `trial` None: as the plan says.

    `start_at` is when the first period begins, `now` the instant of the command. `quantity` 0 is one, where
    nothing was said; `version` is a plan version asked for by name, 0: none was. `imported` starts take no
    trial and may begin at any past instant.
    """

    start_at: Instant
    now: Instant
    pay: str = ""
    currency: str = ""
    quantity: int = 0
    quantities: Mapping[str, Decimal] = field(default_factory=dict)
    negotiated: Mapping[str, str] = field(default_factory=dict)
    trial: bool | None = None
    version: int = 0
    schedule: bool = False
    imported: bool = False


@dataclass(frozen=True, slots=True)
class Starting:
    """The subscription that begins, the free ones it replaces, and the moves of both."""

    subscription: Subscription
    replaced: tuple[Subscription, ...] = ()
    transitions: tuple[Transition, ...] = ()


class AlreadyRunning(Refused):
    """The customer runs this plan on the terms asked for; subscribing again changes nothing. `where` is its id."""

    exit_code = 0
    default_code = "exists"


def check_eligible(customer: Customer, offered: Offered) -> None:
    """Archive and allowlist: checked when a plan is assigned and when it starts, never afterwards (Refused)."""
    if customer.archived_at is not None:
        raise Refused(f"customer {customer.id} is archived", code="customer-archived", where=customer.id)
    if customer.parent:
        raise Refused(
            f"customer {customer.id} belongs to {customer.parent}, which alone holds plans",
            code="child-customer",
            where=customer.id,
            hint=f"use {customer.parent}",
        )
    if offered.offer.archived:
        raise Refused(
            f"plan {offered.plan} is archived: closed to new customers",
            code="plan-archived",
            where=f"plans.{offered.plan}",
            hint=f"planctl plan unarchive {offered.plan}",
        )
    if not may_have(offered.offer.only_for, customer, offered.listed):
        raise Refused(
            f"plan {offered.plan} is reserved, and {customer.id} is not on its list",
            code="only-for",
            where=customer.id,
            got=", ".join(customer.emails) or "no e-mail address",
            hint=f"planctl plan allow {offered.plan} {customer.id}",
        )


def choose_row(offered: Offered, wanted: str) -> str:
    """The price row: the one asked for, or the only one; `month` for a free plan."""
    rows = [str(row.interval) for row in offered.terms.rows]
    if offered.terms.free:
        return "month"
    if not wanted and len(rows) == 1:
        return rows[0]
    if not wanted:
        raise WrongUsage(
            f"plan {offered.plan} is sold by {', '.join(rows)}: say which",
            where=offered.plan,
            hint="--pay ROW",
        )
    if wanted not in rows:
        raise Refused(
            f"plan {offered.plan} is not sold by {wanted!r}",
            code="no-such-row",
            where=offered.plan,
            expected=" | ".join(rows),
            got=wanted,
        )
    return wanted


def currencies_of(offered: Offered, pay: str, declared: Mapping[str, Currency]) -> tuple[str, ...]:
    """The codes in which a price row is sold; every declared one where it charges nothing."""
    row = offered.terms.row(pay)
    sold = tuple(row.fee) if row and not row.usage_only else tuple(sorted(charged_in(offered.terms, pay)))
    return sold or tuple(declared)


def choose_currency(
    offered: Offered, pay: str, wanted: str, customer: Customer, declared: Mapping[str, Currency]
) -> Currency:
    """The currency: the one asked for, else the customer's, else the only one the row is sold in."""
    sold = currencies_of(offered, pay, declared)
    only = sold[:1] if len(sold) == 1 or offered.terms.free else ()
    code = wanted or customer.currency or next(iter(only), "")
    if not code:
        raise WrongUsage(
            f"plan {offered.plan} is sold in {', '.join(sold)}: say which",
            where=offered.plan,
            hint="--in CODE",
        )
    if code not in sold or code not in declared:
        raise Refused(
            f"plan {offered.plan} by {pay} is not sold in {code}",
            code="no-such-currency",
            where=offered.plan,
            expected=" | ".join(sold),
            got=code,
        )
    return declared[code]


def started(  # noqa: PLR0913 - every fact is needed, each is one value
    new_id: str,
    customer: Customer,
    offered: Offered,
    ask: Ask,
    running: Sequence[Subscription],
    declared: Mapping[str, Currency],
) -> Starting:
    """The subscription that `ask` begins, on the offered terms. `running` are the customer's subscriptions.

    Raises Refused (or NotYet, WrongUsage) where a rule says no; AlreadyRunning where it runs already, on these
    terms or where none are named, NotYet where it runs on others: that would be a change.
    """
    if offered.terms.kind != "plan":
        raise Refused(
            f"{offered.plan} goes with a plan: it does not start by itself",
            code="requires",
            where=f"addons.{offered.plan}",
        )
    check_not_running(customer, offered, ask, running)
    check_eligible(customer, offered)
    pay = choose_row(offered, ask.pay)
    currency = choose_currency(offered, pay, ask.currency, customer, declared)
    check_start(ask, customer)
    subscription = Subscription(
        id=new_id,
        customer=customer.id,
        plan=offered.plan,
        plan_version=offered.version,
        terms=offered.terms,
        terms_hash=offered.terms_hash,
        currency=currency,
        pay=pay,
        timezone=customer.timezone,
        started_at=ask.start_at,
        anchor_at=ask.start_at,
        status=Status.ACTIVE if ask.start_at <= ask.now else Status.PENDING,
        exclusive_group=offered.terms.group if offered.exclusive else "",
        fees_from=ask.start_at,
        usage_from=ask.start_at,
        quantity=ask.quantity or 1,
        quantities=ask.quantities,
        negotiated=ask.negotiated,
        catalog_revision=offered.revision,
        created_at=ask.now,
    )
    check_price_is_agreed(customer, offered, pay, currency)
    check_quantities(subscription)
    moved = _replaced(subscription, running, ask)
    check_built(subscription, ask)
    ended = [one for one, _ in moved]
    ended += [addon for one in ended for addon in ended_with(one, running)]
    return Starting(subscription, tuple(ended), tuple(move for _, move in moved if move is not None))


def ended_with(base: Subscription, running: Iterable[Subscription]) -> tuple[Subscription, ...]:
    """The add-ons that would outlive their base, ending when it does and for its reason; none where it has no end.

    They still have their status: bringing them to their end bills their last usage.
    Source: planctl billing rules, lifecycle (add-ons).
    """
    ends_at = base.ends_at
    if ends_at is None:
        return ()
    return tuple(
        replace(one, ends_at=max(ends_at, one.started_at), end_reason=base.end_reason)
        for one in running
        if one.base == base.id and one.status not in ENDED and (one.ends_at is None or one.ends_at > ends_at)
    )


def check_start(ask: Ask, customer: Customer) -> None:
    """A start still to come must be scheduled on purpose (Refused)."""
    if ask.start_at > ask.now and not ask.schedule:
        raise Refused(
            f"the start {instant_text(ask.start_at)} is still to come",
            code="future-start",
            where=customer.id,
            expected=f"at most {instant_text(ask.now)}",
            hint="" if ask.imported else "--schedule starts it then",
        )


def check_price_is_agreed(customer: Customer, offered: Offered, pay: str, currency: Currency) -> None:
    """A price that is a range must have been agreed before anything is assigned or started on it (Refused)."""
    row = offered.terms.row(pay)
    price = row.fee.get(currency.code) if row is not None else None
    if isinstance(price, AmountRange):
        raise Refused(
            f"the price of {offered.plan} by {pay} is agreed with each customer",
            code="price-not-agreed",
            where=offered.plan,
            expected=f"{price.low} to {price.high} {currency.code}",
            hint=f"planctl assign {customer.id} {offered.plan} --pay '{pay}' --in {currency.code}"
            " --price AMOUNT",
        )


def check_not_running(
    customer: Customer, offered: Offered, ask: Ask, running: Sequence[Subscription]
) -> None:
    """AlreadyRunning for the plan one has, whatever became of its offer; NotYet for it on other terms."""
    old = next((one for one in running if one.plan == offered.plan and one.status not in ENDED), None)
    if old is None:
        return
    other = next(_other_terms(old, ask), None)
    if other is None:
        raise AlreadyRunning(
            f"{customer.id} already runs {old.plan} ({old.id}); nothing was changed", where=old.id
        )
    change, runs = other
    if change == QUANTITY:
        raise Refused(
            f"{customer.id} already runs {old.plan} ({old.id}), {runs}; nothing was changed",
            code="runs-otherwise",
            where=f"{customer.id}/{old.plan}",
            hint=f"planctl subscription quantity {customer.id}/{old.plan} {_said(ask)}",
        )
    raise NotYet(
        change,
        where=f"{customer.id}/{old.plan}",
        hint=f"{old.id} runs {runs}, and nothing was changed; other terms need a new start after"
        f" planctl subscription cancel {customer.id}/{old.plan}",
    )


def _other_terms(old: Subscription, ask: Ask) -> Iterator[tuple[str, str]]:
    """What is asked for and is not as it runs: the change that would be, and how it runs. What is not said is not."""
    if ask.pay and ask.pay != old.pay and not old.terms.free:
        yield "plan change", f"by {old.pay}"
    if ask.currency and ask.currency != old.currency.code:
        yield "plan change", f"in {old.currency.code}"
    held = old.quantity_at(ask.now)
    if ask.quantity and ask.quantity != held:
        yield QUANTITY, f"{held} at a time"
    totals = old.quantities_at(ask.now)
    for feature, total in ask.quantities.items():
        entitlement = old.terms.features.get(feature)
        least = entitlement.included if entitlement is not None else None
        had = totals.get(feature, least or Decimal(0))
        if total != had:
            yield QUANTITY, f"with {had} {feature}"
    if ask.version and ask.version != old.plan_version:
        yield "reassign", f"on v{old.plan_version}"
    if any(old.negotiated.get(path) != value for path, value in ask.negotiated.items()):
        yield "reassign", "on other agreed terms"
    if ask.trial and old.status is not Status.TRIALING:
        yield "trial", "without a trial"
    if ask.start_at not in {ask.now, old.started_at}:
        yield "plan change", f"since {instant_text(old.started_at)}"


def _said(ask: Ask) -> str:
    """The first quantity that is asked for, as the command line says it."""
    totals = (f"{feature}={total}" for feature, total in ask.quantities.items())
    return str(ask.quantity) if ask.quantity else next(totals, "")


def check_quantities(subscription: Subscription) -> None:
    """Refused (or InvalidInput) where what it starts with is not sold: its own quantity, or a feature's total."""
    low, high = subscription.terms.quantity
    if not low <= subscription.quantity <= high:
        entries = subscription.terms.features.items()
        ahead = [name for name, one in entries if one.beyond is not None and one.beyond.charge == "prepaid"]
        raise Refused(
            f"plan {subscription.plan} is sold {low} to {high} at a time",
            code="quantity",
            where=subscription.plan,
            expected=str(low) if low == high else f"{low} to {high}",
            got=str(subscription.quantity),
            hint=f"name what is bought ahead: {ahead[0]}=N" if ahead else "",
        )
    for feature, total in subscription.quantities.items():
        entitlement = subscription.terms.features.get(feature)
        beyond = entitlement.beyond if entitlement is not None else None
        prepaid = beyond is not None and beyond.charge == "prepaid"
        if entitlement is None or beyond is None or not prepaid or beyond.price_for(subscription.pay) is None:
            raise Refused(
                f"plan {subscription.plan} sells no quantity of {feature}",
                code="quantity",
                where=f"plans.{subscription.plan}.features.{feature}",
            )
        least = entitlement.included or Decimal(0)
        if total < least or (beyond.up_to is not None and total > beyond.up_to):
            raise InvalidInput(
                f"{total} {feature} is outside what {subscription.plan} sells",
                code="quantity",
                where=f"plans.{subscription.plan}.features.{feature}",
                expected=f"{least} to {beyond.up_to if beyond.up_to is not None else 'any number'}"
                " (the total, with the allowance)",
                got=str(total),
            )


def _replaced(
    new: Subscription, running: Sequence[Subscription], ask: Ask
) -> tuple[tuple[Subscription, Transition | None], ...]:
    """The free plans that give way, as they are afterwards; every other plan of the group is a change (NotYet)."""
    moved = []
    for old in running:
        if old.status in ENDED:
            continue
        if not new.exclusive_group or old.exclusive_group != new.exclusive_group:
            continue
        if not old.terms.free:
            raise NotYet(
                "plan change",
                where=f"{new.customer}/{old.plan}",
                hint=f"{old.plan} and {new.plan} are in one group: cancel {old.plan} first",
            )
        ends_at = max(new.started_at, old.started_at)
        ends_at = ends_at if old.ends_at is None else min(ends_at, old.ends_at)
        ended = replace(old, ends_at=ends_at, end_reason="replaced")
        move = None
        if ends_at <= ask.now:
            status = after(old.status, "replace", old.id)
            move = Transition(old.id, old.status, status, ends_at, "replaced")
            ended = replace(ended, status=status)
        moved.append((ended, move))
    return tuple(moved)


def check_built(subscription: Subscription, ask: Ask) -> None:
    """NotYet for terms that this version cannot carry out and that change what this customer pays or may use."""
    starts_trial = not ask.imported and ask.trial is not False and subscription.terms.trial is not None
    section = "plans" if subscription.terms.kind == "plan" else "addons"
    where = f"{section}.{subscription.plan}"
    if starts_trial:
        raise NotYet("trial", where=where, hint="--no-trial starts the paid period at once")
    unbuilt = not_built(
        subscription.terms,
        subscription.pay,
        subscription.currency.code,
        subscription.quantities,
        trial=False,
    )
    for term in unbuilt:
        raise NotYet(term, where=where)
