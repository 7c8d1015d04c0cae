"""Buying a pack: on which running plan, in which currency, for how long its units live. It writes nothing.

Source: planctl billing rules, lifecycle (add-ons and packs).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import field
from decimal import Decimal
from fractions import Fraction

from planctl.core.currencies import Currency
from planctl.core.customers import Customer
from planctl.core.invoicing.model import Draft, Line
from planctl.core.money import format_minor, fraction_text, round_minor
from planctl.core.periods import Instant, Period, add_local_days, instant_text, local_date, zone
from planctl.core.pools import passes_on_to
from planctl.core.promises import Promise
from planctl.core.subscriptions.assigning import check_requires
from planctl.core.subscriptions.model import Status, Subscription
from planctl.core.subscriptions.start import (
    Offered,
    check_eligible,
    check_price_is_agreed,
    choose_currency,
    choose_row,
)
from planctl.core.wallets import Grant, life_end
from planctl.errors import Refused
from planctl.values import dataclass

WITH_SUBSCRIPTION = "with:"
"""How the key of a grant begins that ends with a subscription; the subscription's id follows, up to a colon."""

_USABLE = frozenset({Status.TRIALING, Status.ACTIVE, Status.PAST_DUE})


@dataclass(frozen=True, slots=True)
class Buying:
    """A pack asked for at an instant: by whom, what runs then, under which new ids.

    `quantity` 0 is one, where nothing was said; an empty `currency` means the customer's. `grants` are new ids
    by the features that the pack holds, `names` what plans and features are called today, by address.
    """

    purchase: str
    customer: Customer
    pack: Offered
    running: Sequence[Subscription]
    declared: Mapping[str, Currency]
    at: Instant
    grants: Mapping[str, str]
    quantity: int = 0
    currency: str = ""
    names: Mapping[str, str] = field(default_factory=dict)

    @property
    def units(self) -> int:
        """How many packs."""
        return self.quantity or 1


@dataclass(frozen=True, slots=True)
class Purchase:
    """A pack bought on a running `plan`: its units, usable at once, and the request for them. `id` is the occasion."""

    id: str
    pack: str
    plan: str
    quantity: int
    customer: Customer
    grants: tuple[Grant, ...]
    draft: Draft

    @property
    def promise(self) -> Promise:
        """What a yes to it stands for."""
        draft = self.draft
        return {
            "pack version": str(draft.lines[0].plan_version),
            "total": f"{format_minor(draft.total_minor, draft.currency)} {draft.currency.code}",
            "due": local_date(draft.due_at, zone(draft.timezone)).isoformat(),
            "units": ", ".join(f"{fraction_text(one.amount)} {one.feature}" for one in self.grants),
            "end": ", ".join(_day(one.expires_at, draft.timezone) for one in self.grants),
        }


def bought(buying: Buying) -> Purchase:
    """The purchase; Refused where a rule says no: no pack, not for this customer, no plan that allows packs.

    It stands on the oldest running plan that allows packs, one that grants what the pack holds before others.
    Units live from the instant of the purchase; the price is due after the pack's `due`, without grace.
    """
    customer, pack = buying.customer, buying.pack
    if pack.terms.kind != "pack":
        raise Refused(
            f"{pack.plan} is no pack",
            code="no-pack",
            where=f"{customer.id}/{pack.plan}",
            expected="an add-on with a wallet",
            got=pack.terms.kind,
            hint=f"planctl subscribe {customer.id} {pack.plan}",
        )
    check_eligible(customer, pack)
    check_requires(customer, pack, buying.running)
    base = _base(buying)
    _check_quantity(buying)
    for feature in pack.terms.wallet:
        check_can_pay(feature, buying.running, f"{customer.id}/{pack.plan}")
    row = choose_row(pack, "")
    wanted = buying.currency or customer.currency or base.currency.code
    currency = choose_currency(pack, row, wanted, customer, buying.declared)
    check_price_is_agreed(customer, pack, row, currency)
    grants = tuple(_grant(buying, base, feature, units) for feature, units in pack.terms.wallet.items())
    draft = _draft(buying, base, currency, grants)
    return Purchase(buying.purchase, pack.plan, base.plan, buying.units, customer, grants, draft)


def check_can_pay(feature: str, running: Sequence[Subscription], where: str) -> None:
    """Refuse units that could never pay: of a feature that draws on others wherever it is granted.

    The wallets of those others pay for it. Source: planctl billing rules, rating a feature (spends).
    """
    granting = [one.terms.features[feature] for one in running if one.live and feature in one.terms.features]
    targets = [passes_on_to(one) for one in granting if one.granted]
    if targets and all(targets):
        others = ", ".join(sorted(targets[0]))
        raise Refused(
            f"units of {feature} would never be used: {feature} draws on {others}",
            code="wallet-spends",
            where=where,
            expected=f"units of {others}",
            got=feature,
            hint=f"give or sell units of {others}: they pay for {feature} too",
        )


def running_period(subscription: Subscription, at: Instant) -> Period:
    """The billing period that runs at an instant, cut at the subscription's end; before the first one, up to it."""
    if at < subscription.anchor_at:
        period = Period(0, subscription.started_at, subscription.anchor_at)
    else:
        schedule = subscription.schedule()
        period = schedule.period_at(at)
    return period if subscription.ends_at is None else period.cut_at(subscription.ends_at)


def _base(buying: Buying) -> Subscription:
    """The running plan that the pack is bought on; Refused, with the reason, where there is none."""
    where = f"{buying.customer.id}/{buying.pack.plan}"
    allowing = [one for one in buying.running if one.live and one.terms.packs and one.started_at <= buying.at]
    if not allowing:
        runs = sorted({one.plan for one in buying.running if one.live})
        raise Refused(
            f"{buying.customer.id} runs no plan on which packs may be bought",
            code="packs-off",
            where=where,
            expected="a plan with packs: true",
            got=", ".join(runs) or "no plan",
            hint=f"planctl subscribe {buying.customer.id} PLAN",
        )
    usable = [one for one in allowing if one.status in _USABLE]
    if not usable:
        raise Refused(
            f"{allowing[0].plan} of {buying.customer.id} is {allowing[0].status}: nothing is sold on it now",
            code="no-access",
            where=where,
            expected="trialing, active or past_due",
            got=allowing[0].status.value,
            hint=f"planctl invoice list --customer {buying.customer.id} shows what is owed",
        )
    held = buying.pack.terms.wallet.keys()
    return min(usable, key=lambda one: (not held & one.terms.features.keys(), one.started_at, one.id))


def _check_quantity(buying: Buying) -> None:
    low, high = buying.pack.terms.quantity
    if not low <= buying.units <= high:
        raise Refused(
            f"{buying.pack.plan} is sold {low} to {high} at a time",
            code="quantity",
            where=f"{buying.customer.id}/{buying.pack.plan}",
            expected=f"{low} to {high}",
            got=str(buying.units),
        )


def _grant(buying: Buying, base: Subscription, feature: str, units: Decimal) -> Grant:
    expires = buying.pack.terms.expires
    ends_at = None
    if expires == "period":
        ends_at = running_period(base, buying.at).ends_at
    elif expires != "subscription":
        ends_at = life_end(expires, buying.at, base.timezone)
    with_it = f"{WITH_SUBSCRIPTION}{base.id}:" if expires == "subscription" else "pack:"
    amount = Fraction(units) * buying.units
    return Grant(
        id=buying.grants[feature],
        customer=buying.customer.id,
        feature=feature,
        key=f"{with_it}{buying.purchase}",
        amount=amount,
        left=amount,
        granted_at=buying.at,
        expires_at=ends_at,
        pack=buying.pack.plan,
    )


def _draft(buying: Buying, base: Subscription, currency: Currency, grants: Sequence[Grant]) -> Draft:
    """The request: one line, on the plan's subscription, in the billing period that runs, or what that has of it."""
    pack, at = buying.pack, buying.at
    period = base.schedule().period(running_period(base, at).index)
    ends_at = next((grant.expires_at for grant in grants), None)
    line = _line(buying, base, currency, period.index, ends_at)
    return Draft(
        customer=buying.customer.id,
        subscription=base.id,
        period_index=period.index,
        kind="pack",
        currency=currency,
        at=at,
        starts_at=max(period.starts_at, base.started_at),
        ends_at=period.ends_at,
        due_at=add_local_days(at, pack.terms.due_days, zone(base.timezone)),
        grace_ends_at=None,
        issued_at=at,
        lines=(line,),
        occasion=buying.purchase,
        timezone=base.timezone,
        catalog_revision=pack.revision,
    )


def _line(
    buying: Buying, base: Subscription, currency: Currency, index: int, ends_at: Instant | None
) -> Line:
    pack = buying.pack
    row = pack.terms.row(choose_row(pack, ""))
    price = row.fee[currency.code] if row is not None else None
    assert isinstance(price, Decimal), f"{pack.plan}: no price in {currency.code}"
    exact = Fraction(price) * buying.units
    held = tuple(pack.terms.wallet)
    return Line(
        kind="pack",
        subscription=base.id,
        plan=pack.plan,
        plan_version=pack.version,
        charge_key=f"pack:{pack.plan}",
        service_index=index,
        description=f"{buying.names.get(f'addons.{pack.plan}', pack.plan)} · One-off",
        quantity=Fraction(buying.units),
        unit_price=Fraction(price),
        amount_minor=round_minor(exact, currency.decimals),
        starts_at=buying.at,
        ends_at=ends_at,
        occasion=buying.purchase,
        feature=held[0] if len(held) == 1 else "",
        detail={"exact": fraction_text(exact)},
    )


def _day(end: Instant | None, timezone: str) -> str:
    return "never" if end is None else f"{local_date(end, zone(timezone)).isoformat()} {instant_text(end)}"
