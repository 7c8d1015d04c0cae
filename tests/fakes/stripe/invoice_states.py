"""What becomes of an invoice: draft, open, paid, void, uncollectible. It knows no endpoints and no lines.

Source: https://docs.stripe.com/invoicing/overview (invoice lifecycle), https://docs.stripe.com/api/invoices.
"""

from __future__ import annotations

from tests.fakes.stripe.books import Books, snapshot
from tests.fakes.stripe.clock import DAY
from tests.fakes.stripe.errors import invalid
from tests.fakes.stripe.money import LARGEST, MULTIPLES, minimum
from tests.fakes.stripe.objects import Object
from tests.fakes.stripe.payments import (
    add_payment,
    attempt,
    cancel_intent,
    close_payment,
    open_payment,
)
from tests.fakes.stripe.totals import refresh

AUTOMATICALLY = "charge_automatically"
RETRY_AFTER = 3 * DAY
"""When Stripe would try again by itself, where it collects by itself; the fake tries when a test says so."""


def finalize(books: Books, invoice: Object) -> None:
    """A draft becomes open, or paid at once where nothing can be charged: too little goes to the balance."""
    if invoice["status"] != "draft":
        raise invalid(
            "This invoice is already finalized, you can't re-finalize a non-draft invoice.",
            code="invoice_not_editable",
        )
    refresh(books, invoice)
    _check_total(invoice)
    before = snapshot(invoice)
    customer = books.find("customer", invoice["customer"], "customer")
    small = _apply_balance(books, invoice, customer)
    _show(books, invoice, customer)
    invoice |= {"status": "open", "auto_advance": invoice["auto_advance"] and not small}
    if invoice["amount_due"]:
        add_payment(books, invoice)
    books.emit("invoice.finalized", invoice)
    books.updated(invoice, before)
    if not invoice["amount_due"]:
        paid(books, invoice, 0)
        books.emit("invoice.payment_succeeded", invoice)


def paid(books: Books, invoice: Object, amount: int) -> None:
    """So much more was paid; nothing remains."""
    before = snapshot(invoice)
    invoice |= {
        "amount_paid": invoice["amount_paid"] + amount,
        "amount_remaining": 0,
        "auto_advance": False,
        "next_payment_attempt": None,
        "status": "paid",
    }
    invoice["status_transitions"]["paid_at"] = books.clock.now
    books.updated(invoice, before)
    books.emit("invoice.paid", invoice)
    _delinquent(books, invoice, False)


def charge(books: Books, invoice: Object, card: Object, *, automatic: bool = False) -> Object:
    """Charge a card with what remains; the payment intent says whether it worked.

    Any attempt counts as the first one, and after that only automatic ones count.
    """
    payment = open_payment(books, invoice)
    assert payment is not None, f"{invoice['id']} has nothing to pay"
    intent = books.objects[payment["payment"]["payment_intent"]]
    before = snapshot(invoice)
    if automatic or not invoice["attempt_count"]:
        invoice["attempt_count"] += 1
    invoice["attempted"] = True
    if attempt(books, intent, card):
        close_payment(books, payment, intent["amount"])
        paid(books, invoice, intent["amount"])
        books.emit("invoice.payment_succeeded", invoice)
    else:
        if invoice["auto_advance"]:
            invoice["next_payment_attempt"] = books.clock.now + RETRY_AFTER
        books.updated(invoice, before)
        books.emit("invoice.payment_failed", invoice)
        if automatic:
            _delinquent(books, invoice, True)
    return intent


def paid_elsewhere(books: Books, invoice: Object) -> None:
    """Somebody says that it was paid outside of Stripe: nothing is charged."""
    _cancel_payment(books, invoice, "automatic")
    remaining = invoice["amount_remaining"]
    invoice["amount_paid_off_stripe"] = remaining
    paid(books, invoice, remaining)


def void(books: Books, invoice: Object) -> None:
    """It never counted; what the balance paid goes back to it."""
    if invoice["status"] not in {"open", "uncollectible"}:
        raise invalid(
            "You can only pass in open invoices. This invoice isn't open.", code="invoice_not_editable"
        )
    before = snapshot(invoice)
    _cancel_payment(books, invoice, "void_invoice")
    invoice |= {"status": "void", "auto_advance": False, "next_payment_attempt": None}
    invoice["status_transitions"]["voided_at"] = books.clock.now
    customer = books.objects.get(invoice["customer"])
    if customer is not None and invoice["starting_balance"] != (invoice["ending_balance"] or 0):
        was = snapshot(customer)
        customer["balance"] += invoice["starting_balance"] - invoice["ending_balance"]
        books.updated(customer, was)
    books.updated(invoice, before)
    books.emit("invoice.voided", invoice)


def uncollectible(books: Books, invoice: Object) -> None:
    """Bad debt: it may still be paid or voided."""
    if invoice["status"] != "open":
        raise invalid("You can only mark open invoices as uncollectible.", code="invoice_not_editable")
    before = snapshot(invoice)
    invoice |= {"status": "uncollectible", "auto_advance": False, "next_payment_attempt": None}
    invoice["status_transitions"]["marked_uncollectible_at"] = books.clock.now
    books.updated(invoice, before)
    books.emit("invoice.marked_uncollectible", invoice)
    _delinquent(books, invoice, False)


def less_due(books: Books, invoice: Object, amount: int) -> None:
    """A credit note takes off so much of what remains; where nothing remains, the invoice is paid."""
    before = snapshot(invoice)
    invoice["amount_due"] -= amount
    invoice["amount_remaining"] -= amount
    invoice["pre_payment_credit_notes_amount"] += amount
    payment = open_payment(books, invoice)
    if payment is not None:
        payment["amount_requested"] -= amount
        intent = books.objects[payment["payment"]["payment_intent"]]
        if payment["amount_requested"]:
            intent["amount"] -= amount
    books.updated(invoice, before)
    if not invoice["amount_remaining"]:
        _cancel_payment(books, invoice, "automatic")
        paid(books, invoice, 0)


def _check_total(invoice: Object) -> None:
    due, currency = invoice["amount_due"], invoice["currency"]
    if due > LARGEST:
        raise invalid(f"The invoice's amount due must be no more than {LARGEST}.", code="amount_too_large")
    if due % MULTIPLES.get(currency, 1):
        raise invalid(
            f"Invalid amount: {due} in {currency} must be a multiple of {MULTIPLES[currency]}.",
            code="invalid_charge_amount",
        )


def _apply_balance(books: Books, invoice: Object, customer: Object) -> bool:
    """Settle the customer's balance with the invoice; whether what is left was too small to charge."""
    was = snapshot(customer)
    whole = int(invoice["total"] + invoice["starting_balance"])
    small = whole < minimum(invoice["currency"])
    ending = whole if small else 0
    invoice |= {"ending_balance": ending}
    if small:
        invoice |= {"amount_due": 0, "amount_remaining": 0}
    customer["currency"] = customer["currency"] or invoice["currency"]
    if customer["currency"] == invoice["currency"]:
        customer["balance"] = ending
    books.updated(customer, was)
    return small


def _show(books: Books, invoice: Object, customer: Object) -> None:
    """Number, address and what else is fixed now."""
    now, id = books.clock.now, invoice["id"]
    if not invoice["number"]:
        sequence = customer["next_invoice_sequence"]
        invoice["number"] = f"{customer['invoice_prefix']}-{sequence:04d}"
        customer["next_invoice_sequence"] = sequence + 1
    days = books.aside.get(id, {}).get("days_until_due")
    if days is not None:
        invoice["due_date"] = now + days * DAY
    mode = "live" if books.livemode else "test"
    page = f"https://invoice.stripe.com/i/{books.account['id']}/{mode}_{id.removeprefix('in_')}"
    invoice |= {
        "customer_address": snapshot(customer)["address"],
        "customer_email": customer["email"],
        "customer_name": customer["name"],
        "customer_phone": customer["phone"],
        "customer_tax_exempt": customer["tax_exempt"],
        "effective_at": invoice["effective_at"] or now,
        "hosted_invoice_url": f"{page}?s=ap",
        "invoice_pdf": f"https://pay.stripe.com/invoice/{books.account['id']}/{mode}_{id}/pdf?s=ap",
    }
    invoice["status_transitions"]["finalized_at"] = now


def _cancel_payment(books: Books, invoice: Object, reason: str) -> None:
    payment = open_payment(books, invoice)
    if payment is not None:
        cancel_intent(books, books.objects[payment["payment"]["payment_intent"]], reason)
        close_payment(books, payment, None)


def _delinquent(books: Books, invoice: Object, is_so: bool) -> None:
    customer = books.objects.get(invoice["customer"])
    if customer is not None and customer["delinquent"] != is_so:
        was = snapshot(customer)
        customer["delinquent"] = is_so
        books.updated(customer, was)
