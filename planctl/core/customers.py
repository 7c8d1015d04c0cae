"""Customers as values, and who is eligible for a plan. It knows nothing of money."""

from __future__ import annotations

from planctl.core.catalog.model import OnlyFor
from planctl.values import dataclass


@dataclass(frozen=True, slots=True)
class Customer:
    """One customer. Empty text means "not said". Instants are UTC microseconds.

    `tax` is tax codes (`vat_de`, `city,vat_de`), `exempt`, `reverse` or empty (by country); `payment_method` is
    card, invoice or none.
    """

    id: str
    name: str = ""
    emails: tuple[str, ...] = ()
    currency: str = ""
    timezone: str = "UTC"
    country: str = ""
    address: str = ""
    tax_id: str = ""
    locale: str = ""
    fingerprint: str = ""
    tax: str = ""
    payment_method: str = "none"
    parent: str = ""
    archived_at: int | None = None
    created_at: int = 0


def may_have(only_for: OnlyFor | None, customer: Customer, listed: frozenset[str]) -> bool:
    """Whether the allowlist lets this customer be assigned the plan; no allowlist lets everybody.

    `listed` holds the entries (customer ids, e-mail addresses, domains) of the named list kept in the
    store. E-mail addresses and domains compare without case.
    """
    if only_for is None:
        return True
    emails = {email.lower() for email in customer.emails}
    domains = {email.rpartition("@")[2] for email in emails}
    entries = {entry.lower() for entry in listed}
    return bool(
        emails & ({email.lower() for email in only_for.emails} | entries)
        or domains & ({domain.lower() for domain in only_for.domains} | entries)
        or customer.id in listed
    )
