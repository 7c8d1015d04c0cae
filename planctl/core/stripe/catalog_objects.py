"""Knows which products, prices, coupons and tax rates a catalog should have at Stripe, and what it has no place for.

What Stripe would compute by itself is not sent: invoices carry their own amounts. These objects are what Checkout, the
portal and Stripe's reports show. It compares nothing and calls nobody.
Source: https://docs.stripe.com/api (products, prices, coupons, tax rates).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import field
from datetime import date
from decimal import Decimal

from planctl.core.catalog.changeset import StoredCatalog
from planctl.core.catalog.edits import SHELL, everything
from planctl.core.catalog.facts import section_of
from planctl.core.catalog.model import AmountRange, Catalog, Coupon, Plan, PriceRow, TaxRate
from planctl.core.catalog.standing import standing
from planctl.core.currencies import Currency
from planctl.core.money import NumberError, decimal_text, decimals_used, to_minor
from planctl.core.periods import Interval
from planctl.core.stripe.amounts import at_stripe, code_at_stripe, takes
from planctl.core.stripe.fields import CATALOG, Desired, Wanted, without_empty
from planctl.core.stripe.model import LOCAL, LeftOut, Value
from planctl.errors import Refused
from planctl.values import dataclass

_LONGEST = {"day": 3 * 365, "week": 156, "month": 36, "year": 3}
"""Stripe: "Maximum of three years interval allowed (3 years, 36 months, or 156 weeks)"."""

_LONGEST_COUPON_NAME = 40
_LONGEST_TAX_NAME = 50
_COUPON_DECIMALS, _TAX_DECIMALS = 2, 4
"""How many decimals a percentage has at Stripe, of 100."""

_PERCENT = 2


@dataclass(frozen=True, slots=True)
class CatalogAtStripe:
    """What is sold on a day. `owners` says by address (`plans.pro`) which catalog manages an object; the shell else.

    The order of its currencies says which amount of a row comes first.
    """

    catalog: Catalog
    on: date
    owners: Mapping[str, str] = field(default_factory=dict)

    def owner(self, plan: Plan) -> str:
        """The catalog that a plan belongs to, `shell` for one made in the shell."""
        return self.owners.get(f"{section_of(plan)}.{plan.id}") or SHELL

    def in_order(self, amounts: Mapping[str, object]) -> list[Currency]:
        """The currencies of some amounts, in the order in which the catalog declares them."""
        return [money for code, money in self.catalog.currencies.items() if code in amounts]


def catalog_at_stripe(stored: StoredCatalog, on: date) -> CatalogAtStripe:
    """What the store holds, on a local day of the business: archived plans with their flag, nothing else archived."""
    currencies = standing(stored, {}).currencies
    whole = everything(stored)
    catalog = Catalog(
        whole.name, currencies=currencies, plans=whole.plans, taxes=whole.taxes, coupons=whole.coupons
    )
    return CatalogAtStripe(catalog, on, {address: one.managed_by for address, one in stored.objects.items()})


def desired_objects(selling: CatalogAtStripe) -> Wanted:
    """What should be at Stripe: products before their prices, then coupons and the tax rates in force.

    A plan, add-on or pack is a product; each of its rows that has an amount is a price in all its currencies. An
    archived one is a product that is not active, without prices. What Stripe has no place for is left out and named.
    """
    found: list[Desired | LeftOut] = []
    for plan in sorted(selling.catalog.plans.values(), key=lambda one: one.id):
        found += _of_plan(plan, selling)
    for coupon in sorted(selling.catalog.coupons.values(), key=lambda one: one.id):
        found += _of_coupon(coupon, selling)
    for tax in sorted(selling.catalog.taxes.values(), key=lambda one: one.id):
        found.append(_of_tax(tax, selling.on))
    return Wanted(
        tuple(one for one in found if isinstance(one, Desired)),
        tuple(one for one in found if isinstance(one, LeftOut)),
    )


# --- products and prices


def price_id(plan: str, interval: Interval | str) -> str:
    """The local id of a price: `pro/month`, `pro/3 months`."""
    return f"{plan}/{interval}"


def lookup_key(catalog: str, plan: str, interval: Interval | str) -> str:
    """The key by which a price is found at Stripe: `planctl/acme/pro/month`, at most 200 characters."""
    return f"planctl/{catalog}/{plan}/{interval}"


def _of_plan(plan: Plan, selling: CatalogAtStripe) -> Iterator[Desired | LeftOut]:
    on_sale = not plan.offer.archived
    rows = [one for row in plan.terms.rows for one in _of_row(row, plan, selling)] if on_sale else []
    prices = [one for one in rows if isinstance(one, Desired)]
    fields: dict[str, Value] = {
        "name": plan.offer.name or plan.id,
        "description": plan.offer.description,
        "active": on_sale,
        "default_price": prices[0].local_id if prices else None,
        "metadata": {LOCAL: plan.id, CATALOG: selling.owner(plan)},
    }
    yield Desired("product", plan.id, without_empty(fields))
    yield from rows


def _of_row(row: PriceRow, plan: Plan, selling: CatalogAtStripe) -> Iterator[Desired | LeftOut]:
    """The price of a row, and what of it is left out; nothing for a row without a fee."""
    if not row.fee:
        return
    local_id = price_id(plan.id, row.interval)
    if row.interval.count > _LONGEST.get(row.interval.unit, 1):
        yield LeftOut("price", local_id, f"Stripe bills at most every 3 years, not every {row.interval}")
        return
    amounts, reasons = _amounts(row.fee, "unit_amount", selling)
    if reasons:
        yield LeftOut("price", local_id, _without(reasons, any_left=bool(amounts)))
    if not amounts:
        return
    catalog = selling.owner(plan)
    fields: dict[str, Value] = {
        "product": plan.id,
        "active": True,
        **amounts,
        "recurring": _recurring(row.interval),
        "lookup_key": lookup_key(catalog, plan.id, row.interval),
        "nickname": f"{plan.offer.name or plan.id}, {row.interval.label}",
        "metadata": {LOCAL: local_id, CATALOG: catalog},
    }
    yield Desired("price", local_id, without_empty(fields))


def _recurring(interval: Interval) -> Value:
    if interval.unit == "once":
        return None
    return {"interval": interval.unit, "interval_count": interval.count}


def _amounts(
    amounts: Mapping[str, Decimal | AmountRange], name: str, selling: CatalogAtStripe
) -> tuple[dict[str, Value], dict[str, str]]:
    """Amounts as parameters, the first currency's beside the others'; why some have none, by currency."""
    taken: dict[str, int] = {}
    reasons: dict[str, str] = {}
    for currency in selling.in_order(amounts):
        code, amount = currency.code, amounts[currency.code]
        reasons[code] = takes(currency)
        if isinstance(amount, AmountRange):
            reasons[code] = reasons[code] or "the amount is agreed at assignment"
        elif not reasons[code]:
            try:
                taken[code_at_stripe(currency)] = at_stripe(to_minor(amount, currency), currency)
            except (Refused, NumberError) as problem:
                reasons[code] = str(problem)
    reasons = {code: why for code, why in reasons.items() if why}
    if not taken:
        return {}, reasons
    first, *others = taken
    options: dict[str, Value] = {code: {name: taken[code]} for code in others}
    return {"currency": first, name: taken[first], "currency_options": options}, reasons


def _without(reasons: Mapping[str, str], *, any_left: bool) -> str:
    """`sold there without USDT: …`; where nothing is left, why of each currency."""
    told = "; ".join(f"{code}: {why}" for code, why in reasons.items())
    return f"sold there without {told}" if any_left else told


# --- coupons


def _of_coupon(coupon: Coupon, selling: CatalogAtStripe) -> Iterator[Desired | LeftOut]:
    """A coupon. How often and until when it may be redeemed is ours to check, so Stripe is not told."""
    off, reasons = _off(coupon, selling)
    if reasons:
        yield LeftOut("coupon", coupon.id, _without(reasons, any_left=bool(off)))
    if not off:
        return
    duration = _duration(coupon, selling.catalog)
    if isinstance(duration, str):
        yield LeftOut("coupon", coupon.id, duration)
        return
    fields: dict[str, Value] = {
        "name": coupon.id[:_LONGEST_COUPON_NAME],
        **off,
        **duration,
        "metadata": {LOCAL: coupon.id},
    }
    yield Desired("coupon", coupon.id, without_empty(fields))


def _off(coupon: Coupon, selling: CatalogAtStripe) -> tuple[dict[str, Value], dict[str, str]]:
    """What it takes off, and by currency, or under `percent_off`, why something cannot be taken off there."""
    if coupon.percent is None:
        positive = {code: amount for code, amount in coupon.amounts.items() if amount}
        return _amounts(positive, "amount_off", selling)
    percent = coupon.percent.scaleb(_PERCENT)
    if decimals_used(percent) > _COUPON_DECIMALS:
        text = decimal_text(percent)
        return {}, {"percent_off": f"{text} % has more than {_COUPON_DECIMALS} decimals"}
    return {"percent_off": decimal_text(percent)}, {}


def _duration(coupon: Coupon, catalog: Catalog) -> dict[str, Value] | str:
    """For how long it holds, or why Stripe cannot say so: there a coupon lasts months, here billing periods."""
    if coupon.periods is None:
        return {"duration": "forever"}
    if coupon.periods == 1:
        return {"duration": "once"}
    intervals = sorted(
        {
            row.interval
            for plan in catalog.plans.values()
            for row in plan.terms.rows
            if _discounted(plan, coupon) and row.interval.unit != "once"
        }
    )
    months = {interval.months for interval in intervals}
    if len(months) != 1 or 0 in months:
        paid = ", ".join(map(str, intervals)) or "nothing that recurs"
        return f"{coupon.periods} periods are no number of months: it holds for plans paid by {paid}"
    return {"duration": "repeating", "duration_in_months": coupon.periods * months.pop()}


def _discounted(plan: Plan, coupon: Coupon) -> bool:
    """Whether the plan's periods are those that the coupon counts: an add-on's lines are discounted with its plan's."""
    if plan.offer.archived or plan.kind != "plan":
        return False
    return not coupon.plans or plan.id in coupon.plans


# --- tax rates


def _of_tax(tax: TaxRate, on: date) -> Desired | LeftOut:
    """The rate in force on a day. Its local id says the rate, so that another rate is another object."""
    rates = [rate for from_on, rate in tax.rates if from_on <= on]
    if not rates:
        first = f", its first rate holds from {tax.rates[0][0].isoformat()}" if tax.rates else ""
        return LeftOut("tax_rate", tax.id, f"no rate is in force on {on.isoformat()}{first}")
    percent = rates[-1].scaleb(_PERCENT)
    local_id = f"{tax.id}/{decimal_text(percent)}"
    if decimals_used(percent) > _TAX_DECIMALS:
        return LeftOut("tax_rate", local_id, f"a tax rate has at most {_TAX_DECIMALS} decimals at Stripe")
    fields: dict[str, Value] = {
        "display_name": (tax.name or tax.id)[:_LONGEST_TAX_NAME],
        "percentage": decimal_text(percent),
        "inclusive": tax.included,
        "country": tax.country,
        "jurisdiction": tax.country,
        "active": True,
        "metadata": {LOCAL: local_id},
    }
    return Desired("tax_rate", local_id, without_empty(fields))
