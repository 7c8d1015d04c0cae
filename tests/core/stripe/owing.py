"""Small finalized invoices to say at Stripe, with every amount written by hand; it computes only their sums."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import Any

from planctl.core.currencies import Currency, iso_currency
from planctl.core.invoicing.model import Discount, Invoice, InvoiceStatus, Line, Tax, TaxShare
from planctl.core.stripe.invoice_params import Outgoing, Payer, outgoing
from planctl.core.stripe.model import LeftOut
from tests.core.billing import t
from tests.core.discounting import draft, line

NOW = t("2026-01-01T10:00:00Z")
CUSTOMER = "cus_1"
CARD, BY_MAIL, NOBODY = Payer(CUSTOMER, "card"), Payer(CUSTOMER, "invoice"), Payer(CUSTOMER)


def currency(code: str) -> Currency:
    """A currency of ISO 4217."""
    found = iso_currency(code)
    assert found is not None, code
    return found


EURO = currency("EUR")


def share(rate: str, amount_minor: int, code: str = "vat_de", *, included: bool = False) -> TaxShare:
    """A line's share of a tax, its rate a fraction of 1."""
    return TaxShare(code, Decimal(rate), amount_minor, included)


def tax(rate: str, base: int, amount: int, code: str = "vat_de", *, included: bool = False) -> Tax:
    """A tax of the whole invoice."""
    return Tax(code, code.upper(), Decimal(rate), base, amount, included)


def discount(coupon: str, amount_minor: int) -> Discount:
    """What one coupon took off."""
    return Discount(coupon, f"cou_{coupon}", amount_minor)


def invoice(
    *lines: Line,
    money: Currency = EURO,
    discounts: tuple[Discount, ...] = (),
    taxes: tuple[Tax, ...] = (),
    **changes: Any,
) -> Invoice:
    """An open invoice of nova for January, due on 1 February."""
    made = replace(draft(*lines, currency=money), discounts=discounts, taxes=taxes)
    plain = Invoice(
        id="inv_1",
        number="INV-2026-00001",
        status=InvoiceStatus.OPEN,
        draft=made,
        subtotal_minor=made.subtotal_minor,
        discount_minor=made.discount_minor,
        tax_minor=made.tax_minor,
        total_minor=made.total_minor,
        content_hash="c0ffee",
    )
    return replace(plain, **changes)


def said(one: Invoice, payer: Payer = NOBODY, countries: dict[str, str] | None = None) -> Outgoing:
    """What is sent of an invoice."""
    found = outgoing(one, payer, NOW, countries or {})
    assert isinstance(found, Outgoing), found
    return found


def why_not(one: Invoice, payer: Payer = NOBODY) -> str:
    """Why an invoice is left out."""
    found = outgoing(one, payer, NOW, {})
    assert isinstance(found, LeftOut), found
    return found.why


def fee(amount_minor: int, **changes: Any) -> Line:
    """A fee of January."""
    return line(amount_minor, **changes)
