"""A plan as it is offered, and what of it can be sold: on which row, in which currency, how many. It starts nothing.

Source: planctl billing rules, lifecycle (assign, subscribe).
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal

from planctl.core.catalog.model import AmountRange, Group, Offer, Terms
from planctl.core.catalog.needs import not_built
from planctl.core.catalog.selling import charged_in
from planctl.core.currencies import Currency
from planctl.core.customers import Customer, may_have
from planctl.core.subscriptions.model import Subscription
from planctl.errors import InvalidInput, NotYet, Refused, WrongUsage
from planctl.values import dataclass


@dataclass(frozen=True, slots=True)
class Offered:
    """A plan version as the store offers it. `exclusive` is its group's; `listed` the members of its named list.

    `group` is what the catalog says of its group today; None for a plan in none.
    """

    plan: str
    version: int
    terms: Terms
    terms_hash: str
    offer: Offer
    exclusive: bool
    revision: int = 0
    listed: frozenset[str] = frozenset()
    group: Group | None = None


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


def check_built(subscription: Subscription) -> None:
    """NotYet for terms that this version cannot carry out and that change what this customer pays or may use."""
    section = "plans" if subscription.terms.kind == "plan" else "addons"
    unbuilt = not_built(
        subscription.terms, subscription.pay, subscription.currency.code, subscription.quantities
    )
    for term in unbuilt:
        raise NotYet(term, where=f"{section}.{subscription.plan}")
