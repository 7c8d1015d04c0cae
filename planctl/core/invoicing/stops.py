"""Why a run must leave a customer alone: a hold, or a term this version stores but cannot carry out yet."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from planctl.core.catalog.model import TaxRate
from planctl.core.customers import Customer
from planctl.core.invoicing.facts import Advanced
from planctl.core.subscriptions.model import Status, Subscription
from planctl.errors import NotYet, Refused


def applicable_tax(customer: Customer, taxes: Mapping[str, TaxRate]) -> str:
    """The tax code that applies to the customer: its own, else the one of its country; `""` where none does.

    `exempt` and `reverse` pay none. A customer without country and code pays none either.
    """
    if customer.tax in {"exempt", "reverse"}:
        return ""
    if customer.tax:
        return customer.tax
    return next(
        (code for code, tax in taxes.items() if customer.country and tax.country == customer.country), ""
    )


def lacks_country(customer: Customer, taxes: Mapping[str, TaxRate]) -> bool:
    """Whether nothing says which tax applies, although some are declared: then none is charged.

    Source: planctl billing rules, money and rounding: no country, no tax, one warning a run.
    """
    return bool(taxes) and not customer.country and not customer.tax


def stop_reason(
    customer: Customer,
    subscriptions: Sequence[Subscription],
    holds: Sequence[str],
    taxes: Mapping[str, TaxRate],
    *,
    late_usage: bool,
) -> str:
    """The first reason, as it is printed; `""` where the run may go on.

    Nothing is billed without a term that would change what this customer pays: the run holds instead.
    """
    if holds:
        return f"hold: {', '.join(holds)}"
    charged = [one for one in subscriptions if one.status is not Status.PENDING and not one.terms.free]
    if late_usage and charged:
        return "not-yet: late usage of a period that is already billed"
    code = applicable_tax(customer, taxes)
    if code and any(one.live for one in charged):
        return f"not-yet: taxes ({code} applies to {customer.id})"
    return ""


def refuse_hold(billed: Advanced) -> None:
    """Refuse a start that a run would have to hold: NotYet for a term not built, else Refused."""
    if not billed.hold:
        return
    reason, _, detail = billed.hold.partition(": ")
    if reason == "not-yet":
        raise NotYet(detail, where=billed.customer)
    raise Refused(f"{billed.customer}: {billed.hold}", code=reason, where=billed.customer)
