"""The lines of an invoice and what they add up to: amounts are taken as they are, no tax is computed.

Source: https://docs.stripe.com/api/invoices/object, https://docs.stripe.com/api/invoices/add_lines.
"""

from __future__ import annotations

from collections.abc import Iterable

from tests.fakes.stripe.books import Books
from tests.fakes.stripe.discounts import check_percentage
from tests.fakes.stripe.errors import invalid
from tests.fakes.stripe.money import LARGEST, check_amount
from tests.fakes.stripe.objects import Object, listed, patch

EMBEDDED = 10
"""How many lines an invoice itself shows."""
MOST_LINES = 250
MOST_TAXES = 20


def add_lines(books: Books, invoice: Object, given: list[Object]) -> None:
    """Put lines behind those that are there, and add everything up again."""
    lines = books.lines.setdefault(invoice["id"], [])
    if len(lines) + len(given) > MOST_LINES:
        raise invalid(f"An invoice may have {MOST_LINES} lines.", "lines")
    made = [_line(books, invoice, one, f"lines[{number}]") for number, one in enumerate(given)]
    lines.extend(made)
    refresh(books, invoice)


def refresh(books: Books, invoice: Object) -> None:
    """Totals of a draft from its lines, the customer's balance and what that leaves to pay."""
    lines = books.lines.get(invoice["id"], [])
    taxes = [tax for line in lines for tax in line["taxes"]]
    subtotal = sum(line["amount"] for line in lines)
    inclusive = sum(tax["amount"] for tax in taxes if tax["tax_behavior"] == "inclusive")
    exclusive = sum(tax["amount"] for tax in taxes if tax["tax_behavior"] == "exclusive")
    total = subtotal + exclusive
    balance = _balance(books, invoice)
    due = max(0, total + balance)
    invoice |= {
        "subtotal": subtotal,
        "subtotal_excluding_tax": subtotal - inclusive,
        "total": total,
        "total_excluding_tax": subtotal - inclusive,
        "total_taxes": _together(taxes),
        "starting_balance": balance,
        "amount_due": due,
        "amount_remaining": due,
        "lines": listed(
            lines[:EMBEDDED], f"/v1/invoices/{invoice['id']}/lines", has_more=len(lines) > EMBEDDED
        ),
    }


def _balance(books: Books, invoice: Object) -> int:
    """What the customer owes from before, or has to their credit where it is negative: in one currency only."""
    customer = books.objects.get(invoice["customer"])
    if customer is None or customer["currency"] not in {None, invoice["currency"]}:
        return 0
    return int(customer["balance"])


def _line(books: Books, invoice: Object, given: Object, at: str) -> Object:
    quantity = given.get("quantity", 1)
    amount, pricing = _priced(books, invoice, given, quantity, at)
    period = given.get("period") or {"start": books.clock.now, "end": books.clock.now}
    if period["end"] < period["start"]:
        raise invalid(
            "The end of the period must be greater than or equal to the start.", f"{at}[period][end]"
        )
    line = _shape(books, invoice, given)
    line |= {
        "amount": amount,
        "subtotal": amount,
        "pricing": pricing,
        "quantity": quantity,
        "quantity_decimal": str(quantity),
        "period": period,
        "taxes": _taxes(books, invoice, given, at),
    }
    return line


def _shape(books: Books, invoice: Object, given: Object) -> Object:
    made: Object = books.make("line_item", {"currency": invoice["currency"], "invoice": invoice["id"]})
    del books.objects[made["id"]]  # a line is part of its invoice, and no object of its own
    del made["created"]
    description = given.get("description") or given.get("price_data", {}).get("product_data", {}).get("name")
    made |= {
        "description": description,
        "discount_amounts": [],
        "discountable": given.get("discountable", given.get("amount", 0) >= 0),
        "discounts": [],
        "metadata": {},
        "pretax_credit_amounts": [],
        "subscription": None,
        "parent": {
            "invoice_item_details": {
                "invoice_item": made["id"].replace("il_", "ii_"),
                "proration": False,
                "proration_details": {"credited_items": None},
                "subscription": None,
            },
            "subscription_item_details": None,
            "type": "invoice_item_details",
        },
    }
    patch(made, given)
    return made


def _priced(
    books: Books, invoice: Object, given: Object, quantity: int, at: str
) -> tuple[int, Object | None]:
    """The amount of a line, from itself or from a price, and what the line says of that price."""
    ways = [name for name in ("amount", "price_data", "pricing", "invoice_item") if name in given]
    if len(ways) != 1:
        raise invalid("You must pass exactly one of `amount`, `price_data` or `pricing`.", at)
    currency = invoice["currency"]
    if ways == ["amount"]:
        amount = check_amount(given["amount"], currency, f"{at}[amount]", least=-LARGEST)
        return amount, {"type": "price_details", "price_details": None, "unit_amount_decimal": str(amount)}
    if ways == ["pricing"]:
        price = books.find("price", given["pricing"].get("price", ""), f"{at}[pricing][price]")
        option = books.aside[price["id"]]["currency_options"].get(currency)
        if option is None:
            raise invalid(
                f"The price specified only supports `{price['currency']}`. This doesn't match `{currency}`.",
                f"{at}[pricing][price]",
            )
        unit, product, price_id = option["unit_amount"], price["product"], price["id"]
    else:
        data = given.get("price_data", {})
        if data.get("currency", currency).lower() != currency:
            raise invalid(f"The currency must be `{currency}`.", f"{at}[price_data][currency]")
        unit, product, price_id = data.get("unit_amount", 0), data.get("product"), books.new_id("price")
    amount = check_amount(unit * quantity, currency, at, least=-LARGEST)
    details = {"price": price_id, "product": product}
    return amount, {"type": "price_details", "price_details": details, "unit_amount_decimal": str(unit)}


def _taxes(books: Books, invoice: Object, given: Object, at: str) -> list[Object]:
    """The tax amounts as they were given: Stripe adds them, and computes none of them."""
    amounts = given.get("tax_amounts") or []
    if amounts and (given.get("tax_rates") or invoice["default_tax_rates"]):
        raise invalid(
            "You cannot set tax amounts if any line item has `tax_rates` or the invoice has `default_tax_rates`.",
            f"{at}[tax_amounts]",
            "parameters_exclusive",
        )
    if len(amounts) > MOST_TAXES:
        raise invalid(f"A line may have {MOST_TAXES} tax amounts.", f"{at}[tax_amounts]")
    taxes = []
    for number, tax in enumerate(amounts):
        where = f"{at}[tax_amounts][{number}]"
        data = tax["tax_rate_data"]
        check_percentage(data["percentage"], f"{where}[tax_rate_data][percentage]")
        taxes.append(
            {
                "amount": check_amount(
                    tax["amount"], invoice["currency"], f"{where}[amount]", least=-LARGEST
                ),
                "tax_behavior": "inclusive" if data["inclusive"] else "exclusive",
                "tax_rate_details": {"tax_rate": _tax_rate(books, data)},
                "taxability_reason": tax.get("taxability_reason", "not_available"),
                "taxable_amount": tax["taxable_amount"],
                "type": "tax_rate_details",
            }
        )
    return taxes


def _tax_rate(books: Books, data: Object) -> str:
    """The archived tax rate with exactly this data, made where there is none."""
    wanted = {
        name: data.get(name)
        for name in (
            "country",
            "description",
            "display_name",
            "inclusive",
            "jurisdiction",
            "percentage",
            "state",
            "tax_type",
        )
    }
    wanted["percentage"] = float(data["percentage"])
    for rate in books.of("tax_rate"):
        if not rate["active"] and all(rate[name] == value for name, value in wanted.items()):
            return str(rate["id"])
    fixed: Object = {
        "active": False,
        "effective_percentage": None,
        "flat_amount": None,
        "jurisdiction_level": data.get("jurisdiction_level"),
        "metadata": {},
        "rate_type": "percentage",
    }
    return str(books.make("tax_rate", fixed | wanted)["id"])


def _together(taxes: Iterable[Object]) -> list[Object]:
    """The taxes of all lines, one entry per rate, behaviour and reason."""
    found: dict[tuple[str, str, str], Object] = {}
    for tax in taxes:
        rate = tax["tax_rate_details"]["tax_rate"]
        entry = found.setdefault(
            (rate, tax["tax_behavior"], tax["taxability_reason"]), tax | {"amount": 0, "taxable_amount": 0}
        )
        entry["amount"] += tax["amount"]
        entry["taxable_amount"] += tax["taxable_amount"]
    return list(found.values())
