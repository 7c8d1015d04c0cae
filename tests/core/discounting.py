"""Small lines, drafts, coupons and taxes to finish; it computes no amount. January 2026 is billed on the 1st."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from decimal import Decimal
from fractions import Fraction
from typing import Any

from planctl.core.catalog.model import Coupon, TaxRate
from planctl.core.coupons import Redemption
from planctl.core.currencies import Currency
from planctl.core.customers import Customer
from planctl.core.invoicing.finish import finished
from planctl.core.invoicing.model import Draft, Line
from planctl.core.invoicing.taxation import Rounding
from tests.core.billing import t

EURO = Currency("EUR", "Euro", 2)
JANUARY, FEBRUARY = t("2026-01-01"), t("2026-02-01")
ALWAYS = "1970-01-01"


def line(amount_minor: int, **changes: Any) -> Line:
    """A line of January for the plan pro of sub_1; a fee where nothing else is said."""
    said: dict[str, Any] = {
        "kind": "fee",
        "subscription": "sub_1",
        "plan": "pro",
        "plan_version": 1,
        "charge_key": "fee",
        "service_index": 0,
        "description": "Pro",
        "quantity": Fraction(1),
        "unit_price": None,
        "amount_minor": amount_minor,
        "starts_at": JANUARY,
        "ends_at": FEBRUARY,
    }
    return Line(**(said | changes))


def draft(*lines: Line, period: int = 0, currency: Currency = EURO, timezone: str = "UTC") -> Draft:
    """An invoice of sub_1 for one of its periods."""
    return Draft(
        customer="nova",
        subscription="sub_1",
        period_index=period,
        kind="renewal",
        currency=currency,
        at=JANUARY,
        starts_at=JANUARY,
        ends_at=FEBRUARY,
        due_at=FEBRUARY,
        grace_ends_at=None,
        issued_at=JANUARY,
        lines=lines,
        timezone=timezone,
    )


def percent(off: str, name: str = "", **more: Any) -> Redemption:
    """A coupon that takes a fraction of 1 off, applied to sub_1."""
    return applied(Coupon(name or f"off{off}", percent=Decimal(off), **more))


def fixed(name: str = "fixed", periods: int | None = 1, plans: Sequence[str] = (), **off: str) -> Redemption:
    """A coupon of an amount per currency, applied to sub_1: `fixed(EUR="10")`."""
    amounts = {code: Decimal(amount) for code, amount in off.items()}
    return applied(Coupon(name, amounts=amounts, periods=periods, plans=tuple(plans)))


def applied(coupon: Coupon, subscription: str = "sub_1") -> Redemption:
    """A coupon that a subscription was given on 1 January."""
    return Redemption(f"cou_{coupon.id}", "nova", subscription, coupon, JANUARY)


def tax(
    code: str, *rates: str | tuple[str, str], country: str = "DE", included: bool = False
) -> dict[str, TaxRate]:
    """A declared tax, as fractions of 1: `tax("vat_de", "0.19")`, or with the dates from which rates hold."""
    dated = [(ALWAYS, one) if isinstance(one, str) else one for one in rates]
    parsed = tuple((date.fromisoformat(from_on), Decimal(rate)) for from_on, rate in dated)
    return {code: TaxRate(code, code.upper(), country, parsed, included)}


def finish(
    made: Draft,
    *redemptions: Redemption,
    taxes: dict[str, TaxRate] | None = None,
    rounding: Rounding = "invoice",
    **customer: str,
) -> Draft:
    """The draft finished for nova of Germany, or as said."""
    buyer = Customer("nova", **({"country": "DE"} | customer))  # type: ignore[arg-type]
    return finished(made, buyer, taxes or {}, redemptions, rounding=rounding)
