"""Knows the lines of a Checkout page: those of the invoices, or one for the whole. It decides no amount.

Source: https://docs.stripe.com/api/checkout/sessions/create (line_items).
"""

from __future__ import annotations

from planctl.core.invoicing.facts import Advanced
from planctl.core.invoicing.model import Draft, Tax
from planctl.core.money import decimal_text, format_amount
from planctl.core.stripe.amounts import at_stripe
from planctl.core.stripe.model import Value
from planctl.errors import Refused
from planctl.values import dataclass

MOST_LINES = 100
"""Lines that Stripe takes on one page."""

LONGEST_NAME = 250
LONGEST_TEXT = 500
"""Characters of a line's name and of what it says beside that."""


@dataclass(frozen=True, slots=True)
class Item:
    """One line of a page: `amount` in Stripe's unit, above 0."""

    name: str
    amount: int
    text: str = ""


def items_of(billed: Advanced, name: str, total: int) -> tuple[Item, ...]:
    """The lines of a page that asks for `total` in Stripe's unit, above 0.

    One for each line of the invoices and each tax that is added, where nothing is taken off: no coupon, no credit,
    nothing from the balance. Else, and where a part is no amount that Stripe takes, one line `name` (of at most 250
    characters) for the whole, which says what it is made of.
    """
    drafts = billed.drafts
    taken_off = bool(billed.credits) or any(_takes_off(draft) for draft in drafts)
    if not taken_off:
        by_line = _by_line(drafts)
        if 0 < len(by_line) <= MOST_LINES:
            return by_line
    parts = ((part, draft.currency) for draft in drafts for part in parts_of(draft))
    text = "; ".join(f"{what} {format_amount(amount, currency)}" for (what, amount), currency in parts)
    if len(text) > LONGEST_TEXT:
        text = text[: LONGEST_TEXT - 1] + "…"
    return (Item(name, total, text),)


def parts_of(draft: Draft) -> list[tuple[str, int]]:
    """What a request is made of, each with its amount in minor units; together what is left to be paid of it."""
    parts = [(line.description, line.amount_minor) for line in draft.lines]
    parts += [(f"coupon {one.coupon}", -one.amount_minor) for one in draft.discounts]
    parts += [(_tax_text(tax), tax.amount_minor) for tax in draft.taxes if not tax.included]
    return [*parts, ("from the balance", -draft.credit_minor)] if draft.credit_minor else parts


def line_item(item: Item, code: str) -> Value:
    """The parameters of one line, in the currency with Stripe's `code`."""
    product: dict[str, Value] = {"name": item.name}
    if item.text:
        product["description"] = item.text
    price: dict[str, Value] = {"currency": code, "unit_amount": item.amount, "product_data": product}
    return {"price_data": price, "quantity": 1}


def _takes_off(draft: Draft) -> bool:
    return bool(draft.credit_minor or draft.discounts) or any(line.amount_minor < 0 for line in draft.lines)


def _by_line(drafts: tuple[Draft, ...]) -> tuple[Item, ...]:
    """Every line and added tax that is not zero; nothing where one is no amount that Stripe takes."""
    found = []
    for draft in drafts:
        try:
            found += [
                Item(what[:LONGEST_NAME], at_stripe(amount, draft.currency))
                for what, amount in parts_of(draft)
                if amount
            ]
        except Refused:
            return ()
    return tuple(found)


def _tax_text(tax: Tax) -> str:
    return f"{tax.name or tax.code} {decimal_text(tax.rate * 100)} %"
