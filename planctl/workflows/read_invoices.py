"""Invoices as they stand at an instant: what time alone has moved is derived, never written."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from planctl.core.invoicing.model import Invoice
from planctl.core.periods import Instant
from planctl.store import invoices
from planctl.store.invoices import InvoiceFilter
from planctl.store.selling import existing

if TYPE_CHECKING:
    from planctl.store.engine import Tx


def read_invoices(tx: Tx, wanted: InvoiceFilter, as_of: Instant, status: str = "") -> list[Invoice]:
    """Invoices in the order of issue, with the status that time has brought; NotFound for an unknown customer."""
    for customer in wanted.customers:
        existing(tx, customer)
    found = [_at(one, as_of) for one in invoices.listing(tx, wanted)]
    return [one for one in found if status in {"", one.status.value}]


def read_invoice(tx: Tx, number: str, as_of: Instant) -> Invoice:
    """One invoice by number or id, with the status that time has brought."""
    return _at(invoices.invoice(tx, number), as_of)


def _at(invoice: Invoice, as_of: Instant) -> Invoice:
    return replace(invoice, status=invoice.status_at(as_of))
