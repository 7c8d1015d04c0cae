"""Coupons and tax rates: what they take off or add never changes once they are made.

Stripe answers percentages as numbers with a fraction, 19.0 for 19.

Source: https://docs.stripe.com/api/coupons, https://docs.stripe.com/api/tax_rates.
"""

from __future__ import annotations

from decimal import Decimal

from tests.fakes.stripe.books import snapshot
from tests.fakes.stripe.errors import invalid
from tests.fakes.stripe.money import check_amount, currency_of
from tests.fakes.stripe.objects import Object, patch
from tests.fakes.stripe.paging import page
from tests.fakes.stripe.routing import Call, Endpoint, reading

LONGEST_NAME = 40
LONGEST_DISPLAY_NAME = 50
_NEW_COUPON: Object = {
    "amount_off": None,
    "currency": None,
    "duration": "once",
    "duration_in_months": None,
    "max_redemptions": None,
    "metadata": {},
    "name": None,
    "percent_off": None,
    "redeem_by": None,
    "times_redeemed": 0,
    "valid": True,
}
_NEW_TAX_RATE: Object = {
    "active": True,
    "country": None,
    "description": None,
    "effective_percentage": None,
    "flat_amount": None,
    "jurisdiction": None,
    "jurisdiction_level": None,
    "metadata": {},
    "rate_type": "percentage",
    "state": None,
    "tax_type": None,
}
_TAX_RATE_FIELDS = ("active", "country", "description", "display_name", "jurisdiction", "state", "tax_type")


def create_coupon(call: Call) -> Object:
    """A percentage or an amount, once, for some months or for ever; the id may be the caller's."""
    books, params = call.books, call.params
    _check_coupon(params)
    if params.get("id") in books.objects:
        raise invalid("Coupon already exists.", "id", "resource_already_exists")
    options = {}
    if "amount_off" in params:
        currency = currency_of(params["currency"])
        params = params | {"currency": currency}
        options = {
            currency: {"amount_off": check_amount(params["amount_off"], currency, "amount_off", least=1)}
        }
        for code, value in params.get("currency_options", {}).items():
            at = f"currency_options[{code}][amount_off]"
            options[currency_of(code, at)] = {
                "amount_off": check_amount(value["amount_off"], code.lower(), at, least=1)
            }
    coupon = books.make("coupon", dict(_NEW_COUPON), str(params.get("id", "")))
    names = (
        "amount_off",
        "currency",
        "duration",
        "duration_in_months",
        "max_redemptions",
        "name",
        "redeem_by",
    )
    patch(coupon, params, *names)
    if "percent_off" in params:
        coupon["percent_off"] = float(params["percent_off"])
    books.aside[coupon["id"]] = {"currency_options": options, "applies_to": params.get("applies_to")}
    books.emit("coupon.created", coupon)
    return coupon


def update_coupon(call: Call) -> Object:
    """Name, metadata and further currencies; the rest never changes."""
    books, params = call.books, call.params
    coupon = books.find("coupon", call.id)
    before = snapshot(coupon)
    _check_name(params)
    patch(coupon, params, "name")
    for code, value in params.get("currency_options", {}).items():
        at = f"currency_options[{code}][amount_off]"
        amount = check_amount(value["amount_off"], code.lower(), at, least=1)
        books.aside[coupon["id"]]["currency_options"][currency_of(code, at)] = {"amount_off": amount}
    books.updated(coupon, before)
    return coupon


def delete_coupon(call: Call) -> Object:
    """Take it away; discounts that were given stay."""
    coupon = call.books.find("coupon", call.id)
    call.books.emit("coupon.deleted", coupon)
    return call.books.remove(coupon)


def create_tax_rate(call: Call) -> Object:
    """A percentage with at most four decimals, on top of prices or within them."""
    books, params = call.books, call.params
    check_percentage(params["percentage"], "percentage")
    _check_display(params)
    rate = books.make("tax_rate", dict(_NEW_TAX_RATE) | {"percentage": float(params["percentage"])})
    patch(rate, params, *_TAX_RATE_FIELDS, "inclusive")
    books.emit("tax_rate.created", rate)
    return rate


def update_tax_rate(call: Call) -> Object:
    """Everything but the percentage and whether it is inclusive."""
    books = call.books
    rate = books.find("tax_rate", call.id)
    before = snapshot(rate)
    _check_display(call.params)
    patch(rate, call.params, *_TAX_RATE_FIELDS)
    books.updated(rate, before)
    return rate


def check_percentage(value: Decimal | int, param: str) -> None:
    """0 to 100 with at most four decimals."""
    if not 0 <= value <= 100:
        raise invalid("Invalid percentage: must be between 0 and 100", param)
    if Decimal(value) != round(Decimal(value), 4):
        raise invalid("Invalid decimal: must have at most 4 decimal places", param)


def _check_coupon(params: Object) -> None:
    if ("percent_off" in params) == ("amount_off" in params):
        raise invalid("You must pass exactly one of `percent_off` or `amount_off`.", "percent_off")
    if "percent_off" in params and not 0 < params["percent_off"] <= 100:
        raise invalid("Invalid percent_off: must be greater than 0 and at most 100", "percent_off")
    if "amount_off" in params and "currency" not in params:
        raise invalid("Missing required param: currency.", "currency", "parameter_missing")
    repeating = params.get("duration") == "repeating"
    if repeating != ("duration_in_months" in params):
        raise invalid(
            "`duration_in_months` is required if `duration` is `repeating`, and only then.",
            "duration_in_months",
        )
    _check_name(params)


def _check_name(params: Object) -> None:
    if len(params.get("name", "")) > LONGEST_NAME:
        raise invalid(f"Invalid string: must be at most {LONGEST_NAME} characters", "name")


def _check_display(params: Object) -> None:
    for name in ("display_name", "jurisdiction"):
        if len(params.get(name, "")) > LONGEST_DISPLAY_NAME:
            raise invalid(f"Invalid string: must be at most {LONGEST_DISPLAY_NAME} characters", name)


ENDPOINTS = (
    Endpoint("POST", "/v1/coupons", create_coupon, "CouponCreateParams"),
    Endpoint("GET", "/v1/coupons", lambda call: page(call, "coupon"), "CouponListParams"),
    Endpoint("POST", "/v1/coupons/{}", update_coupon, "CouponUpdateParams", frozenset({"name"})),
    Endpoint("GET", "/v1/coupons/{}", reading("coupon"), "CouponRetrieveParams"),
    Endpoint("DELETE", "/v1/coupons/{}", delete_coupon, "CouponDeleteParams"),
    Endpoint("POST", "/v1/tax_rates", create_tax_rate, "TaxRateCreateParams"),
    Endpoint(
        "GET",
        "/v1/tax_rates",
        lambda call: page(call, "tax_rate", "active", "inclusive"),
        "TaxRateListParams",
    ),
    Endpoint("POST", "/v1/tax_rates/{}", update_tax_rate, "TaxRateUpdateParams"),
    Endpoint("GET", "/v1/tax_rates/{}", reading("tax_rate"), "TaxRateRetrieveParams"),
)
