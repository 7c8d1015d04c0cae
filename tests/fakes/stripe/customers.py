"""Customers: who is billed, with which address, balance and default card.

Source: https://docs.stripe.com/api/customers.
"""

from __future__ import annotations

import hashlib
import re

from tests.fakes.stripe.books import Books, snapshot
from tests.fakes.stripe.errors import StripeError, invalid
from tests.fakes.stripe.objects import Object, patch
from tests.fakes.stripe.paging import page
from tests.fakes.stripe.routing import Call, Endpoint

_NEW: Object = {
    "address": None,
    "balance": 0,
    "currency": None,
    "delinquent": False,
    "description": None,
    "discount": None,
    "email": None,
    "metadata": {},
    "name": None,
    "phone": None,
    "preferred_locales": [],
    "shipping": None,
    "tax_exempt": "none",
}
_FIELDS = (
    "balance",
    "business_name",
    "description",
    "email",
    "individual_name",
    "invoice_prefix",
    "name",
    "next_invoice_sequence",
    "phone",
    "shipping",
)
_ADDRESS = ("city", "country", "line1", "line2", "postal_code", "state")
_LONGEST = {"name": 256, "email": 512, "description": 5_000}
MOST_FIELDS, LONGEST_FIELD_NAME, LONGEST_FIELD_VALUE = 4, 40, 140
UNSET = frozenset({"name", "email", "description", "phone", "address", "shipping", "invoice_settings"})
"""Texts that an empty one unsets: "this will be unset if you POST an empty value"."""


def create(call: Call) -> Object:
    """A customer; no name or address is needed."""
    customer = call.books.make("customer", dict(_NEW))
    prefix = hashlib.sha256(customer["id"].encode()).hexdigest()[:8].upper()
    customer |= {"invoice_prefix": prefix, "next_invoice_sequence": 1}
    _fill(call.books, customer, call.params)
    call.books.emit("customer.created", customer)
    return customer


def update(call: Call) -> Object:
    """Change what is given."""
    customer = call.books.find("customer", call.id)
    before = snapshot(customer)
    _fill(call.books, customer, call.params)
    call.books.updated(customer, before)
    return customer


def retrieve(call: Call) -> Object:
    """The customer; of a deleted one only that it is."""
    if call.books.deleted.get(call.id) == "customer":
        return {"id": call.id, "object": "customer", "deleted": True}
    return call.books.find("customer", call.id)


def delete(call: Call) -> Object:
    """Take the customer away; invoices stay."""
    customer = call.books.find("customer", call.id)
    call.books.emit("customer.deleted", customer)
    return call.books.remove(customer)


def _fill(books: Books, customer: Object, params: Object) -> None:
    _check(params)
    patch(customer, params, *_FIELDS)
    if "preferred_locales" in params:
        customer["preferred_locales"] = params["preferred_locales"]
    if "tax_exempt" in params:
        customer["tax_exempt"] = params["tax_exempt"] or "none"
    if "address" in params:
        given = params["address"]
        customer["address"] = {name: given.get(name) or None for name in _ADDRESS} if given else None
    if "invoice_settings" in params:
        _fill_invoice_settings(books, customer, params["invoice_settings"])


def _fill_invoice_settings(books: Books, customer: Object, given: Object) -> None:
    settings = customer["invoice_settings"]
    if "custom_fields" in given:
        settings["custom_fields"] = checked_fields(given["custom_fields"], "invoice_settings[custom_fields]")
    if "default_payment_method" in given:
        chosen = given["default_payment_method"] or None
        if chosen is not None:
            _check_own_card(books, customer, chosen)
        settings["default_payment_method"] = chosen
    patch(settings, {name: given[name] for name in ("footer",) if name in given}, "footer")
    if "rendering_options" in given:
        settings["rendering_options"] = given["rendering_options"] or None


def checked_fields(given: list[Object] | str, param: str) -> list[Object] | None:
    """Custom fields of an invoice: at most four, each short."""
    if not given:
        return None
    assert isinstance(given, list)
    if len(given) > MOST_FIELDS:
        raise invalid(f"You can only specify up to {MOST_FIELDS} custom fields.", param)
    for number, one in enumerate(given):
        if len(one["name"]) > LONGEST_FIELD_NAME or len(one["value"]) > LONGEST_FIELD_VALUE:
            raise invalid(
                f"Invalid custom field: the name may have {LONGEST_FIELD_NAME} characters, the value "
                f"{LONGEST_FIELD_VALUE}.",
                f"{param}[{number}]",
            )
    return given


def _check_own_card(books: Books, customer: Object, payment_method: str) -> None:
    found = books.objects.get(payment_method)
    if found is None or found.get("customer") != customer["id"]:
        raise invalid(
            f"The customer does not have a payment method with the ID {payment_method}. The payment method must be "
            "attached to the customer.",
            "invoice_settings[default_payment_method]",
            "resource_missing",
        )


def _check(params: Object) -> None:
    email = params.get("email", "")
    if email and re.fullmatch(r"[^@\s]+@[^@\s]+\.[^@\s]+", email) is None:
        raise StripeError(
            400, f"Invalid email address: {email}", code="email_invalid", param="email", kept=False
        )
    for name, longest in _LONGEST.items():
        if len(params.get(name, "")) > longest:
            raise invalid(f"Invalid string: must be at most {longest} characters", name)


ENDPOINTS = (
    Endpoint("POST", "/v1/customers", create, "CustomerCreateParams", UNSET),
    Endpoint("GET", "/v1/customers", lambda call: page(call, "customer", "email"), "CustomerListParams"),
    Endpoint("POST", "/v1/customers/{}", update, "CustomerUpdateParams", UNSET),
    Endpoint("GET", "/v1/customers/{}", retrieve, "CustomerRetrieveParams"),
    Endpoint("DELETE", "/v1/customers/{}", delete, "CustomerDeleteParams"),
)
