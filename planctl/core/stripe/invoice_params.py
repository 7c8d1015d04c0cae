"""An invoice as Stripe is told it: a draft, its lines in portions, and what must be read back. It sends nothing.

Stripe computes nothing: every line of ours is one line with its exact amount and its taxes as amounts; discounts and
what is settled already are lines below 0, so that what is due there is what is due here.
Source: https://docs.stripe.com/api/invoices/create, https://docs.stripe.com/api/invoice-line-item/bulk and
https://docs.stripe.com/invoicing/taxes/manual-tax-amounts.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import field
from decimal import Decimal

from planctl.core.currencies import Currency
from planctl.core.instants import DAY_MICROSECONDS
from planctl.core.invoicing.model import Invoice, Line, Tax, TaxShare
from planctl.core.money import decimal_text, decimals_used, format_amount
from planctl.core.periods import Instant
from planctl.core.stripe.amounts import at_stripe, code_at_stripe, takes
from planctl.core.stripe.customer_objects import TAX_ID
from planctl.core.stripe.fields import digest
from planctl.core.stripe.model import LOCAL, LeftOut, Value
from planctl.errors import Refused
from planctl.values import dataclass

NUMBER, HASH, DUE = "planctl_number", "planctl_hash", "planctl_due"
"""The names under which a draft says, in its metadata, our number, our content hash and what was due, in its unit."""

MOST_LINES = 250
"""Source: https://docs.stripe.com/changelog/2016-02-22/no-more-than-250-invoice-items."""

PORTION = 50
"""Lines in one call. Stripe documents no limit of a call, so it is well below that of an invoice."""

_MOST_TAXES = 20
_MOST_TAX_DECIMALS = 4
_LONGEST_TEXT = 500
_LONGEST_TAX_NAME = 50
_LONGEST_FIELD = 140
_SECOND = 1_000_000

_LEAST = {
    "AED": 200,
    "AUD": 50,
    "BGN": 100,
    "BRL": 50,
    "CAD": 50,
    "CHF": 50,
    "CZK": 1_500,
    "DKK": 250,
    "EUR": 50,
    "GBP": 30,
    "HKD": 400,
    "HUF": 17_500,
    "INR": 50,
    "JPY": 50,
    "MXN": 1_000,
    "MYR": 200,
    "NOK": 300,
    "NZD": 50,
    "PLN": 200,
    "RON": 200,
    "SEK": 300,
    "SGD": 50,
    "THB": 1_000,
    "USD": 50,
}
"""The least that can be charged, in Stripe's unit, where the account settles in that currency.

Less than that Stripe marks as paid when it is finalized, and adds to the customer's balance there.
Source: https://docs.stripe.com/currencies#minimum-and-maximum-charge-amounts.
"""


@dataclass(frozen=True, slots=True)
class Payer:
    """Who pays at Stripe and how: `customer` is its id there, `pays` card, invoice or none.

    `payment_method` is the one to charge, empty where none is known. `has_address`: an e-mail address is known,
    without which Stripe takes no invoice that is to be sent. `hold` is why a person is to look at the customer first.
    """

    customer: str
    pays: str = "none"
    payment_method: str = ""
    has_address: bool = True
    hold: str = ""


@dataclass(frozen=True, slots=True)
class ExpectedLine:
    """One line as it must stand at Stripe, in its unit; the included tax is part of the amount."""

    id: str
    amount: int
    tax_added: int = 0
    tax_included: int = 0


@dataclass(frozen=True, slots=True)
class Expected:
    """What must be read back of a draft before it is finalized, in Stripe's unit."""

    invoice: str
    customer: str
    currency: str
    lines: tuple[ExpectedLine, ...]

    @property
    def tax(self) -> int:
        """All taxes, added and included."""
        return sum(line.tax_added + line.tax_included for line in self.lines)

    @property
    def total(self) -> int:
        """What is due: the lines and the taxes added to them."""
        return sum(line.amount + line.tax_added for line in self.lines)

    @property
    def total_without_tax(self) -> int:
        """The total less all taxes, the included ones too."""
        return self.total - self.tax


@dataclass(frozen=True, slots=True)
class Outgoing:
    """Everything to be sent of one invoice: the draft's parameters, those of its lines in portions, and what to expect.

    `digest` is the same as long as the same would be sent, whenever that is.
    """

    draft: Mapping[str, Value]
    portions: tuple[tuple[Mapping[str, Value], ...], ...]
    expected: Expected
    digest: str


@dataclass(frozen=True, slots=True)
class _Sent:
    """One line as it is sent, and what to expect of it."""

    params: Mapping[str, Value]
    expected: ExpectedLine


@dataclass(slots=True)
class _Teller:
    """Says one invoice's amounts in Stripe's unit."""

    invoice: Invoice
    countries: Mapping[str, str]
    names: Mapping[tuple[str, Decimal, bool], Tax] = field(default_factory=dict)

    @property
    def currency(self) -> Currency:
        return self.invoice.draft.currency

    def amount(self, minor: int) -> int:
        return at_stripe(minor, self.currency)


def outgoing(
    invoice: Invoice, payer: Payer, now: Instant, countries: Mapping[str, str]
) -> Outgoing | LeftOut:
    """What an unpaid invoice is at Stripe, or why it is left out: an amount that cannot be said there is not rounded.

    `countries` are those of our tax codes. It is due there on its due date, but not within a day of `now`: the call
    may be sent again for that long, and Stripe takes no date in the past.
    """
    try:
        why = _cannot(invoice)
        if why:
            return LeftOut("invoice", invoice.id, why)
        sent = tuple(_lines(_teller(invoice, countries)))
        due = at_stripe(invoice.due_minor, invoice.draft.currency)
    except Refused as refused:
        return LeftOut("invoice", invoice.id, f"{refused.message}, but {refused.expected}")
    lines = tuple(one.expected for one in sent)
    expected = Expected(invoice.id, payer.customer, code_at_stripe(invoice.draft.currency), lines)
    assert expected.total == due, f"{invoice.id} would be {expected.total} at Stripe, due is {due}"
    params = [one.params for one in sent]
    portions = tuple(tuple(params[at : at + PORTION]) for at in range(0, len(params), PORTION))
    draft = _draft(invoice, payer, due)
    content: dict[str, Value] = {"draft": dict(draft), "lines": [dict(one) for one in params]}
    if draft["collection_method"] == "send_invoice":
        draft["due_date"] = max(invoice.due_at, now + DAY_MICROSECONDS) // _SECOND
    return Outgoing(draft, portions, expected, digest(content))


def _cannot(invoice: Invoice) -> str:
    """Why an invoice cannot be at Stripe, but for single amounts."""
    draft = invoice.draft
    currency = draft.currency
    if takes(currency):
        return takes(currency)
    many = len(draft.lines) + len(draft.discounts) + bool(invoice.credit_minor) + bool(invoice.paid_minor)
    if many > MOST_LINES:
        return f"it has {many} lines, an invoice at Stripe at most {MOST_LINES}"
    least = _LEAST.get(currency.code, 1)
    if at_stripe(invoice.due_minor, currency) < least:
        amount = format_amount(invoice.due_minor, currency)
        return f"{amount} {currency.code} is due, which is less than Stripe charges"
    for tax in draft.taxes:
        if not 0 <= tax.rate <= 1 or decimals_used(tax.rate) > _MOST_TAX_DECIMALS + 2:
            percent = decimal_text(tax.rate * 100)
            return f"its tax {tax.code} is {percent} %, Stripe takes 0 to 100 with at most 4 decimals"
    if any(len(line.taxes) > _MOST_TAXES for line in draft.lines):
        return f"one of its lines has more than {_MOST_TAXES} taxes"
    return ""


def _draft(invoice: Invoice, payer: Payer, due: int) -> dict[str, Value]:
    """The draft's parameters but its due date.

    It collects nothing that lies about for the customer at Stripe: no pending items, no discounts, no computed tax.
    """
    shown: list[Value] = [{"name": "Invoice", "value": invoice.number[:_LONGEST_FIELD]}]
    if invoice.buyer.get("tax_id"):
        # What is said here takes the place of what the customer's own settings say.
        shown.append({"name": TAX_ID, "value": invoice.buyer["tax_id"][:_LONGEST_FIELD]})
    return {
        "customer": payer.customer,
        "currency": code_at_stripe(invoice.draft.currency),
        "auto_advance": False,
        "automatic_tax": {"enabled": False},
        "pending_invoice_items_behavior": "exclude",
        "discounts": "",
        "collection_method": _collected(payer),
        "description": f"Invoice {invoice.number}"[:_LONGEST_TEXT],
        "custom_fields": shown,
        "metadata": {NUMBER: invoice.number[:_LONGEST_TEXT], HASH: invoice.content_hash, DUE: str(due)},
    }


def _collected(payer: Payer) -> str:
    """One that is sent has a due date there, but needs an address: "Missing email. In order to create invoices that are
    sent to the customer, the customer must have a valid email." Neither collects anything by itself.
    """
    return "send_invoice" if payer.pays != "card" and payer.has_address else "charge_automatically"


def _teller(invoice: Invoice, countries: Mapping[str, str]) -> _Teller:
    names = {(tax.code, tax.rate, tax.included): tax for tax in invoice.draft.taxes}
    return _Teller(invoice, countries, names)


def _lines(teller: _Teller) -> Iterator[_Sent]:
    """Our lines, one line for each discount, one for what the balance paid and one for what else was paid before."""
    invoice = teller.invoice
    for position, line in enumerate(invoice.draft.lines, start=1):
        yield _line(teller, position, line)
    for position, discount in enumerate(invoice.draft.discounts, start=1):
        name = f"discount:{position}"
        yield _taken_off(teller, name, f"Coupon {discount.coupon}", discount.amount_minor)
    if invoice.credit_minor:
        yield _taken_off(teller, "balance", "From your balance", invoice.credit_minor)
    if invoice.paid_minor:
        yield _taken_off(teller, "paid", "Paid already", invoice.paid_minor)


def _line(teller: _Teller, position: int, line: Line) -> _Sent:
    name = f"{teller.invoice.id}:{position}"
    start = line.starts_at // _SECOND
    end = start if line.ends_at is None else max(start, (line.ends_at - 1) // _SECOND)
    params: dict[str, Value] = {
        "amount": teller.amount(line.amount_minor),
        "discountable": False,
        "metadata": {LOCAL: name},
        "period": {"start": start, "end": end},
    }
    if line.description:
        params["description"] = line.description[:_LONGEST_TEXT]
    if line.taxes:
        contained = sum(share.amount_minor for share in line.taxes if share.included)
        base = teller.amount(line.net_minor - contained)
        params["tax_amounts"] = [_tax(teller, share, base) for share in line.taxes]
    added, included = (
        sum(teller.amount(share.amount_minor) for share in line.taxes if share.included is inside)
        for inside in (False, True)
    )
    return _Sent(params, ExpectedLine(name, teller.amount(line.amount_minor), added, included))


def _tax(teller: _Teller, share: TaxShare, base: int) -> Value:
    """A line's share of one tax; `base` is the line after discounts without the taxes that it includes."""
    tax = teller.names.get((share.code, share.rate, share.included))
    data: dict[str, Value] = {
        "display_name": ((tax.name if tax else "") or share.code)[:_LONGEST_TAX_NAME],
        "percentage": decimal_text(share.rate * 100),
        "inclusive": share.included,
    }
    if teller.countries.get(share.code):
        data["country"] = teller.countries[share.code]
    return {"amount": teller.amount(share.amount_minor), "taxable_amount": base, "tax_rate_data": data}


def _taken_off(teller: _Teller, what: str, description: str, minor: int) -> _Sent:
    name, amount = f"{teller.invoice.id}:{what}", -teller.amount(minor)
    params: dict[str, Value] = {
        "amount": amount,
        "discountable": False,
        "metadata": {LOCAL: name},
        "description": description,
    }
    return _Sent(params, ExpectedLine(name, amount))
