"""Knows a customer as Stripe keeps one: who it is, where, and what its invoices say of its tax.

Its means of payment and its balance are Stripe's own and ours, and are not sent. It compares nothing.
Source: https://docs.stripe.com/api/customers.
"""

from __future__ import annotations

from collections.abc import Iterable

from planctl.core.customer_fields import WITHOUT_TAX
from planctl.core.customers import Customer
from planctl.core.stripe.fields import Desired, Wanted, without_empty
from planctl.core.stripe.model import LOCAL, Value

TAX_ID = "Tax ID"
"""The name under which a customer's tax number stands on invoices. Stripe: at most 40 characters, its value 140."""

_LONGEST_NAME = 256
_LONGEST_VALUE = 140


def desired_customers(customers: Iterable[Customer]) -> Wanted:
    """Those that pay by themselves: neither archived ones nor those whose parent pays for them."""
    return Wanted(
        tuple(customer_object(one) for one in customers if one.archived_at is None and not one.parent)
    )


def customer_object(customer: Customer) -> Desired:
    """One customer. What it does not say is absent, so that emptying it here unsets it there.

    `description` is our id; of several e-mail addresses the first is sent. The first line of an address is Stripe's
    first, all others are its second.
    """
    line1, *others = [line.strip() for line in customer.address.splitlines() if line.strip()] or [""]
    settings: list[Value] = []
    if customer.tax_id:
        settings.append({"name": TAX_ID, "value": customer.tax_id[:_LONGEST_VALUE]})
    fields: dict[str, Value] = {
        "name": customer.name[:_LONGEST_NAME],
        "email": next(iter(customer.emails), ""),
        "description": customer.id,
        "address": {"line1": line1, "line2": ", ".join(others), "country": customer.country},
        "preferred_locales": [customer.locale.replace("_", "-")] if customer.locale else [],
        "tax_exempt": customer.tax if customer.tax in WITHOUT_TAX else "none",
        "invoice_settings": {"custom_fields": settings},
        "metadata": {LOCAL: customer.id},
    }
    return Desired("customer", customer.id, without_empty(fields))
