"""Minimums, maximums, free units, credits and coupons that other billing systems publish, each with its source.

Every case is run with planctl's own code or listed, with the reason why its rule is another one, in
exceptions/commitments_discounts.json. Never both.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest

from planctl.core.catalog.model import PriceRow, Terms
from planctl.core.coupons import Redemption
from planctl.core.currencies import Currency, iso_currency
from planctl.core.customers import Customer
from planctl.core.invoicing.credits import Crediting, GoneBack, LineChoice, credit_of
from planctl.core.invoicing.fees import capped, fee_lines, minimum_lines
from planctl.core.invoicing.model import Draft, Invoice, InvoiceStatus
from planctl.core.invoicing.settling import Purse, settled
from planctl.core.money import allocate, format_minor, parse_decimal, to_minor
from planctl.core.periods import Anchor, Interval
from planctl.core.pricing.model import PriceKind
from planctl.core.pricing.rate import FeatureUsage, rate
from planctl.core.subscriptions.dues import FEE, MINIMUM, Due, due_of, dues
from planctl.core.subscriptions.model import Subscription
from planctl.core.wallets import Grant, take
from tests.core.billing import running, t
from tests.core.discounting import JANUARY, applied, draft, finish, fixed, line, percent, tax
from tests.vectors.harness import load
from tests.vectors.test_charge_models import beside, price_of

VECTORS = load("commitments_discounts")
CASES, EXCEPTIONS = VECTORS.cases, VECTORS.exceptions
USD = Currency("USD", "US Dollar", 2)
Answers = dict[str, Any]


def test_the_file_is_whole_and_names_its_sources() -> None:
    VECTORS.check_whole(28)


def test_every_listed_exception_exists_and_says_why() -> None:
    VECTORS.check_exceptions()
    assert len(EXCEPTIONS) * 10 < len(CASES)


@pytest.mark.parametrize("case_id", sorted(EXCEPTIONS))
def test_a_listed_case_cannot_be_run(case_id: str) -> None:
    assert mapping_of(CASES[case_id]["input"]) is None


@pytest.mark.parametrize("case_id", VECTORS.played)
def test_a_published_case_gives_the_published_amounts(case_id: str) -> None:
    case = CASES[case_id]
    mapping = mapping_of(case["input"])
    assert mapping, "no mapping understands all fields of this input: map it, or list it with a reason"
    got = mapping(case["input"])
    assert {name: got[name] for name in case["expected"]} == case["expected"]


# Minimums and maximums. Amounts of all currencies are counted as cents of USD, which has as many decimals.


def minimum_of_a_charge(given: dict[str, Any]) -> Answers:
    """A plan with this one charge: the missing part of its minimum is a line of its own, at the period's end."""
    before = cents(given.get("already_billed_amount", "0"))
    quantity = given["quantity"] if "quantity" in given else given["line_quantity"]
    usage = before + cents_of(price_of(given), quantity)
    sold = with_minimum(cents(given["minimum_spend"]))
    missing = 0
    if given.get("is_last_line_of_period", True):
        missing = shortfall(sold, usage)
    else:
        assert not [due for due in dues(sold, t("2026-01-20")) if due.part == MINIMUM]
    return {
        "usage_amount": usd(usage),
        "commitment_amount": usd(missing),
        "total": usd(usage + missing),
    }


def maximum_of_a_charge(given: dict[str, Any]) -> Answers:
    """A line is reduced so that the period's usage stays within the maximum."""
    return reduced(cents_of(price_of(given), given["quantity"]), 0, given["maximum_spend"])


def maximum_of_metered_amounts(given: dict[str, Any]) -> Answers:
    """A multiplier on a metered amount is a price per unit of it; a second line is the difference."""
    price = price_of({"charge_model": "unit", "unit_price": given["multiplier"]})
    already = Fraction(given["already_billed_metered_amount"])
    total = cents_of(price, already + Fraction(given["line_metered_amount"]))
    before = cents(given["already_billed_amount"])
    assert before == cents_of(price, already)
    return reduced(total - before, before, given["maximum_spend"])


def reduced(amount: int, before: int, maximum: str) -> Answers:
    sold = running(Terms(maximum={"USD": Decimal(maximum)}), "2026-01-01")
    (after,) = capped([line(amount, kind="usage")], sold, whole_period(sold), before)
    return {
        "usage_amount": usd(amount),
        "amount": usd(amount),
        "max_spend_discount": usd(amount - after.amount_minor),
        "total": usd(after.amount_minor),
    }


def minimum_of_a_plan(given: dict[str, Any]) -> Answers:
    """Fee and usage of the period against the plan's minimum, both prorated by day in a partial one.

    planctl rounds the difference once, the peer both of its sides: these cases come to the same.
    """
    used = given["usage_fees_minor"]
    usage = sum(map(int, used if isinstance(used, list) else [used]))
    sold = with_minimum(int(given["minimum_commitment_minor"]), int(given["plan_fee_minor"]), *partial(given))
    (fee,) = fee_lines(sold, due_of(sold, FEE, 0), {})
    missing = shortfall(sold, fee.amount_minor + usage)
    alone = shortfall(sold, 0)
    return {
        "commitment_true_up_minor": str(missing),
        "prorated_commitment_minor": str(alone),
        "prorated_plan_fee_minor": str(fee.amount_minor),
    }


def minimum_taxed_and_credited(given: dict[str, Any]) -> Answers:
    """A minimum in a partial period, tax on all of it, and a balance that pays a part of the total."""
    usage = [int(one) for one in given.get("usage_fees_minor") or [given["usage_fee_minor"]]]
    sold = with_minimum(int(given["charge_minimum_minor"]), None, *partial(given))
    missing = shortfall(sold, sum(usage))
    lines = [line(one, kind="usage", charge_key=str(place)) for place, one in enumerate(usage)]
    made = draft(*lines, line(missing, kind="minimum", charge_key="minimum"))
    declared = tax("tax", str(Decimal(given["tax_percent"]) / 100))
    balance = int(given["credit_note_applied_minor"])
    purse = Purse(Customer("nova", country="DE"), declared, balance={"EUR": balance})
    (done,) = settled([made], purse).drafts
    return {
        "true_up_minor": str(missing),
        "fees_minor": str(done.subtotal_minor),
        "tax_minor": str(done.tax_minor),
        "total_before_credit_minor": str(done.total_minor),
        "due_minor": str(done.total_minor - done.credit_minor),
    }


def minimum_of_fees(given: dict[str, Any]) -> Answers:
    return {"true_up": usd(shortfall(with_minimum(cents(given["minimum"])), cents(given["fees"])))}


def partial(given: dict[str, Any]) -> tuple[date, ...]:
    """The first day of a month of so many days of which so many are billed; the month begins there otherwise."""
    days = given.get("period_days")
    if days is None:
        return ()
    month = {28: date(2026, 2, 1), 29: date(2024, 2, 1)}[days]
    return (month + timedelta(days=days - given["billed_days"]),)


def with_minimum(minimum: int, fee: int | None = None, start: date = date(2026, 1, 1)) -> Subscription:
    """A month by the calendar with a minimum in cents, and a fee or none."""
    price = Decimal(fee) / 100 if fee is not None else Decimal(0)
    row = PriceRow(Interval.parse("month"), {"USD": price}, usage_only=fee is None)
    terms = Terms(rows=(row,), due_days=7, anchor=Anchor("calendar"), minimum={"USD": Decimal(minimum) / 100})
    return running(terms, start.isoformat())


def shortfall(sold: Subscription, charged: int) -> int:
    """The minimum's line of the first period, in cents."""
    return sum(one.amount_minor for one in minimum_lines(sold, due_of(sold, MINIMUM, 0), charged, {}))


def whole_period(sold: Subscription) -> Due:
    period = sold.schedule().period(0)
    return Due(period.starts_at, "usage", 0, period, period)


# Free units and credits


def free_units(given: dict[str, Any]) -> Answers:
    """The first units of a period are free: an allowance, used up by what came before the line."""
    free, before = Fraction(given["free_units_per_period"]), Fraction(given["used_before_line"])
    price = price_of({"charge_model": "unit", "unit_price": "1"})
    line_quantity = Fraction(given["line_quantity"])
    first, both = (
        rate(FeatureUsage(quantity, free, price), "USD", 2) for quantity in (before, before + line_quantity)
    )
    return {
        "billable_quantity": str(both.excess - first.excess),
        "discounted_in_line": str(both.included - first.included),
    }


def free_converted_units(given: dict[str, Any]) -> Answers:
    """`convert` rounds first, then the allowance is taken off in converted units."""
    conversion = given["unit_conversion"]
    assert (conversion["operation"], conversion["rounding"]) == ("divide", "ceiling")
    tiers = [{"up_to": None, "unit_price": given["unit_price"]}]
    price = beside("graduated", tiers, convert={"by": conversion["by"], "round": "up"})
    free = Fraction(given["free_units_per_period"]) * Fraction(conversion["by"])
    rated = rate(FeatureUsage(Fraction(given["raw_quantity"]), free, price), "USD", 2)
    return {
        "billable_quantity": str(ended(sum((part.quantity for part in rated.parts), Fraction(0)))),
        "total": usd(rated.amount_minor),
    }


def credits_in_order(given: dict[str, Any]) -> Answers:
    """Prepaid credits are grants of a wallet whose unit costs one: each line takes from them in their order."""
    grants = [grant(place, amount) for place, amount in enumerate(given["credits_in_order"])]
    lefts = {grant.id: grant.left for grant in grants}
    lines = []
    for amount in given["lines_in_order"]:
        paid = dict(take(lefts, grants, Fraction(amount)))
        credits = [usd(int(paid.get(grant.id, Fraction(0)) * 100)) for grant in grants]
        lines.append({"credits": credits, "due": usd(cents(amount) - int(sum(paid.values()) * 100))})
    return {"lines": lines}


def grant(place: int, amount: str) -> Grant:
    """A grant of that day of January."""
    units, since = Fraction(amount), t(f"2026-01-0{place + 1}")
    return Grant(f"g{place}", "nova", "credit", f"g{place}", units, units, since)


# Coupons


def coupons_above_the_fees(given: dict[str, Any]) -> Answers:
    """Fixed coupons stop at the fees, and nothing is left to tax."""
    (fee,) = given["fees"]
    made = finish(
        draft(line(int(fee["amount_minor"]))),
        *fixed_coupons(Fraction(amount) / 100 for amount in given["coupons_minor"]),
        taxes=tax("tax", str(Decimal(fee["tax_percent"]) / 100)),
    )
    return {
        "coupons_applied_minor": str(made.discount_minor),
        "invoice_tax_minor": str(made.tax_minor),
        "invoice_total_minor": str(made.total_minor),
    }


def percent_then_fixed(given: dict[str, Any]) -> Answers:
    """Percentages first, one of what the other left, then fixed amounts, capped; the order is of no matter."""
    percents = [str(Decimal(off) / 100) for off in given["percent_coupons"]]
    several = [percent(off, f"p{place}") for place, off in enumerate(percents)]
    several += fixed_coupons(map(Fraction, given["fixed_coupons"]))
    made, backwards = (finish(subtotal(given), *order) for order in (several, several[::-1]))
    assert made.discount_minor == backwards.discount_minor
    return {"discount": usd(made.discount_minor)}


def subtotal(given: dict[str, Any]) -> Draft:
    return draft(line(cents(given["subtotal"])))


def spread_over_lines(given: dict[str, Any]) -> Answers:
    """One amount over several lines, in whole cents."""
    lines = [line(int(amount), charge_key=str(place)) for place, amount in enumerate(given["lines_minor"])]
    made = finish(draft(*lines), *fixed_coupons([Fraction(given["discount_minor"]) / 100]))
    return {"net_lines_minor": [str(one.net_minor) for one in made.lines]}


def shares_by_weight(given: dict[str, Any]) -> Answers:
    """The split that every discount and every tax is shared out by."""
    currency = iso_currency(given["currency"])
    assert currency
    parts = allocate(
        to_minor(parse_decimal(given["amount"]), currency), [Fraction(one) for one in given["weights"].values()]
    )  # fmt: skip
    return {
        "shares": {
            key: format_minor(part, currency) for key, part in zip(given["weights"], parts, strict=True)
        }
    }


def credit_of_a_discounted_fee(given: dict[str, Any]) -> Answers:
    """What is credited is what was charged: with the discount if the invoice had it, else whole."""
    fee = -cents(given["credit_before_discount"])
    coupon = percent(str(Decimal(given["discount_percent"]) / 100))
    had = given["discount_started"] == "one day before the start of the credited period"
    assert had or given["discount_started"] == "exactly at the start of the credited period"
    made = finish(draft(line(fee)), *([coupon] if had else []))
    invoice = Invoice(
        "inv_1", "INV-1", InvoiceStatus.OPEN, made, made.subtotal_minor, made.discount_minor, 0, made.total_minor
    )  # fmt: skip
    note = credit_of(invoice, GoneBack(), [LineChoice(1)], Crediting("change", JANUARY))
    return {"credit": usd(-note.total_minor)}


def fixed_coupons(amounts: Any) -> list[Redemption]:
    """Coupons of these amounts in euros, applied in order."""
    return [
        applied(fixed(f"f{place}", EUR=str(Decimal(amount.numerator) / amount.denominator)).coupon)
        for place, amount in enumerate(amounts)
    ]


def cents(amount: str) -> int:
    return to_minor(parse_decimal(amount), USD)


def cents_of(price: PriceKind, quantity: str | Fraction) -> int:
    return rate(FeatureUsage(Fraction(quantity), price=price), "USD", 2).amount_minor


def usd(minor: int) -> str:
    return format_minor(minor, USD)


def ended(value: Fraction) -> Decimal:
    """An exact decimal of a fraction that ends."""
    return Decimal(value.numerator) / value.denominator


PRICE = {"charge_model", "tiers", "unit_price", "first_tier_flat_fee_at_zero_usage", "currency"}
DYNAMIC = {
    "charge_model", "multiplier", "already_billed_metered_amount", "already_billed_amount",
    "line_metered_amount", "maximum_spend", "currency",
}  # fmt: skip
PLAN = {
    "billing", "plan_fee_minor", "usage_fees_minor", "minimum_commitment_minor", "currency", "period",
    "billed_days", "period_days",
}  # fmt: skip
PARTIAL = {
    "charge_minimum_minor", "usage_fee_minor", "usage_fees_minor", "billed_days", "period_days",
    "tax_percent", "credit_note_applied_minor", "currency",
}  # fmt: skip
MINIMUM_SPEND = PRICE | {
    "quantity", "line_quantity", "already_billed_amount", "is_last_line_of_period", "minimum_spend",
}  # fmt: skip
CONVERTED = {"raw_quantity", "unit_conversion", "free_units_per_period", "unit_price", "currency"}
COUPONS = {"subtotal", "percent_coupons", "fixed_coupons", "currency"}
MAPPINGS: tuple[tuple[set[str], set[str], Callable[[dict[str, Any]], Answers]], ...] = (
    (MINIMUM_SPEND, {"minimum_spend"}, minimum_of_a_charge),
    (PRICE | {"quantity", "maximum_spend"}, {"maximum_spend"}, maximum_of_a_charge),
    (DYNAMIC, DYNAMIC, maximum_of_metered_amounts),
    (PLAN, {"minimum_commitment_minor"}, minimum_of_a_plan),
    (PARTIAL, {"charge_minimum_minor"}, minimum_taxed_and_credited),
    ({"fees", "minimum", "currency"}, {"minimum"}, minimum_of_fees),
    ({"free_units_per_period", "used_before_line", "line_quantity"}, {"used_before_line"}, free_units),
    (CONVERTED, CONVERTED, free_converted_units),
    ({"lines_in_order", "credits_in_order", "currency"}, {"credits_in_order"}, credits_in_order),
    ({"currency", "fees", "coupons_minor"}, {"coupons_minor"}, coupons_above_the_fees),
    (COUPONS, COUPONS, percent_then_fixed),
    ({"lines_minor", "discount_minor", "currency"}, {"discount_minor"}, spread_over_lines),
    ({"amount", "currency", "weights"}, {"weights"}, shares_by_weight),
    (
        {"credit_before_discount", "discount_percent", "discount_started", "currency"},
        {"discount_started"},
        credit_of_a_discounted_fee,
    ),
)
"""The fields a mapping understands, those it needs, and the mapping."""


def mapping_of(given: dict[str, Any]) -> Callable[[dict[str, Any]], Answers] | None:
    """The mapping that understands every field of the input, or None."""
    for understood, needed, mapping in MAPPINGS:
        if needed <= given.keys() <= understood:
            return mapping
    return None
