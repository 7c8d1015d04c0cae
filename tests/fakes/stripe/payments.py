"""Money that moves: payment intents, charges and what an invoice gets of them. It knows no endpoint of invoices.

Source: https://docs.stripe.com/api/payment_intents, https://docs.stripe.com/api/charges,
https://docs.stripe.com/api/invoice-payment.
"""

from __future__ import annotations

from typing import Any

from tests.fakes.stripe.books import Books, snapshot
from tests.fakes.stripe.errors import StripeError, invalid
from tests.fakes.stripe.objects import Object, patch
from tests.fakes.stripe.paging import page
from tests.fakes.stripe.routing import Call, Endpoint, reading

_NEW_INTENT: Object = {
    "amount_details": {"tip": {}},
    "amount_received": 0,
    "canceled_at": None,
    "cancellation_reason": None,
    "description": None,
    "last_payment_error": None,
    "latest_charge": None,
    "managed_payments": {"enabled": False},
    "metadata": {},
    "next_action": None,
    "payment_method": None,
    "payment_method_configuration_details": None,
    "processing": None,
    "shipping": None,
    "status": "requires_payment_method",
    "transfer_data": None,
}
_NEW_CHARGE: Object = {
    "amount_refunded": 0,
    "calculated_statement_descriptor": "FAKE STRIPE",
    "description": None,
    "disputed": False,
    "failure_balance_transaction": None,
    "failure_code": None,
    "failure_message": None,
    "fraud_details": {},
    "metadata": {},
    "outcome": None,
    "refunded": False,
    "shipping": None,
    "source": None,
    "transfer_data": None,
}
TEST_CARDS = {"pm_card_visa": False, "pm_card_chargeCustomerFail": True}
"""Names of cards that Stripe gives testers, and whether a charge on them is declined."""
DECLINED = "Your card was declined."


def new_intent(books: Books, amount: int, currency: str, customer: str | None, fields: Object) -> Object:
    """A payment intent that waits for a card."""
    made = books.make("payment_intent", dict(_NEW_INTENT))
    made |= {
        "amount": amount,
        "currency": currency,
        "customer": customer,
        "client_secret": f"{made['id']}_secret_{made['id'][-8:]}",
    }
    made |= fields
    books.emit("payment_intent.created", made)
    return made


def new_card(books: Books, customer: str | None, declines: bool = False) -> Object:
    """A card, not attached where `customer` is None; `declines`: every charge on it will be."""
    card = books.make("payment_method", {"customer": customer, "metadata": {}})
    card["card"] |= {
        "fingerprint": card["id"][-16:],
        "last4": "0341" if declines else "4242",
        "wallet": None,
        "generated_from": None,
    }
    card["billing_details"] = {
        "address": dict.fromkeys(card["billing_details"]["address"]),
        "email": None,
        "name": None,
        "phone": None,
        "tax_id": None,
    }
    if declines:
        books.declining.add(card["id"])
    return card


def begin(books: Books, intent: Object, card: Object) -> None:
    """A bank transfer or the like is on its way: nobody knows yet whether the money comes."""
    intent |= {"payment_method": card["id"], "status": "processing"}
    books.emit("payment_intent.processing", intent)


def attempt(books: Books, intent: Object, card: Object) -> bool:
    """Charge a card with a payment intent's amount; whether it worked. Writes the events of charge and intent."""
    works = card["id"] not in books.declining
    charge = _charge(books, intent, card, works)
    intent |= {"latest_charge": charge["id"]}
    if works:
        intent |= {
            "amount_received": intent["amount"],
            "last_payment_error": None,
            "payment_method": card["id"],
            "status": "succeeded",
        }
        books.emit("charge.succeeded", charge)
        books.emit("payment_intent.succeeded", intent)
        return True
    intent |= {
        "last_payment_error": _declined(card, charge) | {"type": "card_error", "message": DECLINED},
        "payment_method": None,
        "status": "requires_payment_method",
    }
    books.emit("charge.failed", charge)
    books.emit("payment_intent.payment_failed", intent)
    return False


def decline(books: Books, intent: Object) -> StripeError:
    """The 402 of a card that was just declined."""
    more = {name: value for name, value in intent["last_payment_error"].items() if name != "message"}
    return StripeError(
        402,
        DECLINED,
        kind="card_error",
        code="card_declined",
        more=more | {"payment_intent": snapshot(intent)},
    )


def cancel_intent(books: Books, intent: Object, reason: str) -> None:
    """Nothing will be charged any more."""
    if intent["status"] in {"succeeded", "canceled"}:
        return
    intent |= {"status": "canceled", "canceled_at": books.clock.now, "cancellation_reason": reason}
    books.emit("payment_intent.canceled", intent)


def open_payment(books: Books, invoice: Object) -> Object | None:
    """The default payment of an invoice, while it is open."""
    found = [
        payment
        for payment in books.of("invoice_payment")
        if payment["invoice"] == invoice["id"] and payment["status"] == "open"
    ]
    return found[0] if found else None


def add_payment(books: Books, invoice: Object) -> Object:
    """What Stripe makes when an invoice is finalized: an intent over what is due, and the payment that links both."""
    intent = new_intent(
        books,
        invoice["amount_due"],
        invoice["currency"],
        invoice["customer"],
        {
            "description": f"Invoice {invoice['number']}",
            "payment_details": {
                "customer_reference": invoice["customer"],
                "order_reference": invoice["number"],
            },
        },
    )
    return books.make(
        "invoice_payment",
        {
            "amount_paid": None,
            "amount_requested": invoice["amount_due"],
            "currency": invoice["currency"],
            "invoice": invoice["id"],
            "is_default": True,
            "payment": {"type": "payment_intent", "payment_intent": intent["id"]},
            "status": "open",
            "status_transitions": {"canceled_at": None, "paid_at": None},
        },
    )


def close_payment(books: Books, payment: Object, paid: int | None) -> None:
    """The payment is paid, or canceled where `paid` is None."""
    now = books.clock.now
    if paid is None:
        payment |= {"status": "canceled"}
        payment["status_transitions"]["canceled_at"] = now
        return
    payment |= {"status": "paid", "amount_paid": paid}
    payment["status_transitions"]["paid_at"] = now
    books.emit("invoice_payment.paid", payment)


def card_of(books: Books, customer: str, asked: str | None = None) -> Object:
    """The card to charge: the one that is asked for, else the customer's default; 400 where there is none."""
    owner = books.find("customer", customer, "customer")
    chosen = asked or owner["invoice_settings"]["default_payment_method"]
    if not chosen:
        raise invalid(
            "This customer has no attached payment source or default payment method. Please consider adding a "
            "default payment method. For more information, visit https://stripe.com/docs/billing/subscriptions/"
            "payment-methods-setting#payment-method-priority.",
            code="resource_missing",
        )
    card = books.find("payment_method", chosen, "payment_method")
    if card["customer"] != customer:
        raise invalid(
            f"The payment method {chosen} is not attached to the customer {customer}.", "payment_method"
        )
    return card


def attach(books: Books, card: Object, customer: Object) -> None:
    """The card is the customer's now."""
    card["customer"] = customer["id"]
    books.emit("payment_method.attached", card)


def detach(books: Books, card: Object) -> None:
    """The card is nobody's any more, and nobody's default."""
    before = snapshot(card)
    owner = books.objects.get(card["customer"] or "")
    card["customer"] = None
    books.journal.emit("payment_method.detached", card, {"customer": before["customer"]})
    if owner is not None and owner["invoice_settings"]["default_payment_method"] == card["id"]:
        was = snapshot(owner)
        owner["invoice_settings"]["default_payment_method"] = None
        books.updated(owner, was)


def _charge(books: Books, intent: Object, card: Object, works: bool) -> Object:
    charge = books.make("charge", dict(_NEW_CHARGE))
    charge |= {
        "amount": intent["amount"],
        "amount_captured": intent["amount"] if works else 0,
        "balance_transaction": charge["id"].replace("ch_", "txn_") if works else None,
        "captured": works,
        "currency": intent["currency"],
        "customer": intent["customer"],
        "description": intent["description"],
        "metadata": dict(intent["metadata"]),
        "paid": works,
        "payment_intent": intent["id"],
        "payment_method": card["id"],
        "receipt_url": f"https://pay.stripe.com/receipts/{charge['id']}",
        "status": "succeeded" if works else "failed",
    }
    charge["billing_details"] = snapshot(card["billing_details"])
    charge["payment_method_details"]["card"]["last4"] = card["card"]["last4"]
    charge.pop("refunds", None)  # Stripe shows them since 2022-11-15 only where they are asked for
    if not works:
        charge |= {"failure_code": "card_declined", "failure_message": DECLINED}
    return charge


def _declined(card: Object, charge: Object) -> dict[str, Any]:
    return {
        "charge": charge["id"],
        "code": "card_declined",
        "decline_code": "generic_decline",
        "payment_method": snapshot(card),
    }


def _update_intent(call: Call) -> Object:
    intent = call.books.find("payment_intent", call.id)
    patch(intent, call.params, "description")
    return intent


def _list_payments(call: Call) -> Object:
    asked = call.params.get("payment", {})

    def keep(payment: Object) -> bool:
        return all(payment["payment"].get(name) == value for name, value in asked.items())

    return page(call, "invoice_payment", "invoice", "status", keep=keep)


def _list_cards(call: Call) -> Object:
    customer = call.names[0] if call.names else call.params.get("customer")
    if customer is not None:
        call.books.find("customer", customer, "" if call.names else "customer")
    return page(call, "payment_method", "type", keep=lambda card: card["customer"] == customer)


def _attach(call: Call) -> Object:
    """A card of Stripe's test cards becomes a customer's. Source: https://docs.stripe.com/testing."""
    if call.id not in TEST_CARDS:
        raise invalid(f"The fake attaches one of {', '.join(TEST_CARDS)}, not {call.id}.", "payment_method")
    owner = call.books.find("customer", call.params["customer"], "customer")
    card = new_card(call.books, None, TEST_CARDS[call.id])
    attach(call.books, card, owner)
    return card


def _detach(call: Call) -> Object:
    card = call.books.find("payment_method", call.id)
    if card["customer"] is None:
        raise invalid(
            "The payment method you provided is not attached to a customer so detachment is impossible."
        )
    detach(call.books, card)
    return card


ENDPOINTS = (
    Endpoint(
        "GET",
        "/v1/payment_intents",
        lambda call: page(call, "payment_intent", "customer"),
        "PaymentIntentListParams",
    ),
    Endpoint("GET", "/v1/payment_intents/{}", reading("payment_intent"), "PaymentIntentRetrieveParams"),
    Endpoint("POST", "/v1/payment_intents/{}", _update_intent, "PaymentIntentUpdateParams"),
    Endpoint(
        "GET",
        "/v1/charges",
        lambda call: page(call, "charge", "customer", "payment_intent"),
        "ChargeListParams",
    ),
    Endpoint("GET", "/v1/charges/{}", reading("charge"), "ChargeRetrieveParams"),
    Endpoint("GET", "/v1/invoice_payments", _list_payments, "InvoicePaymentListParams"),
    Endpoint("GET", "/v1/invoice_payments/{}", reading("invoice_payment"), "InvoicePaymentRetrieveParams"),
    Endpoint("GET", "/v1/payment_methods", _list_cards, "PaymentMethodListParams"),
    Endpoint("GET", "/v1/payment_methods/{}", reading("payment_method"), "PaymentMethodRetrieveParams"),
    Endpoint("POST", "/v1/payment_methods/{}/attach", _attach, "PaymentMethodAttachParams"),
    Endpoint("POST", "/v1/payment_methods/{}/detach", _detach, "PaymentMethodDetachParams"),
    Endpoint("GET", "/v1/customers/{}/payment_methods", _list_cards, "CustomerPaymentMethodListParams"),
    Endpoint("GET", "/v1/setup_intents/{}", reading("setup_intent"), "SetupIntentRetrieveParams"),
)
