"""Money that goes back: refunds, credit notes and disputes.

Source: https://docs.stripe.com/api/refunds, https://docs.stripe.com/api/credit_notes,
https://docs.stripe.com/api/disputes.
"""

from __future__ import annotations

from tests.fakes.stripe.books import Books, snapshot
from tests.fakes.stripe.errors import invalid
from tests.fakes.stripe.invoice_states import less_due
from tests.fakes.stripe.money import check_amount
from tests.fakes.stripe.objects import Object, listed, patch
from tests.fakes.stripe.paging import page
from tests.fakes.stripe.routing import Call, Endpoint, reading


def create_refund(call: Call) -> Object:
    """All that is left of a charge, or a part of it."""
    books, params = call.books, call.params
    if "payment_intent" in params:
        intent = books.find("payment_intent", params["payment_intent"], "payment_intent")
        if not intent["latest_charge"]:
            raise invalid(
                f"This PaymentIntent ({intent['id']}) does not have a successful charge to refund.",
                "payment_intent",
            )
        charge = books.find("charge", intent["latest_charge"], "payment_intent")
    elif "charge" in params:
        charge = books.find("charge", params["charge"], "charge")
    else:
        raise invalid(
            "One of the following params should be provided for this request: payment_intent or charge."
        )
    return add_refund(books, charge, params)


def add_refund(books: Books, charge: Object, params: Object) -> Object:
    """Give money of a charge back."""
    left = charge["amount"] - charge["amount_refunded"]
    if charge["status"] != "succeeded":
        raise invalid(
            f"Charge {charge['id']} has no successful payment to refund.", code="charge_not_refundable"
        )
    if charge["disputed"]:
        raise invalid(
            f"Charge {charge['id']} has been charged back; cannot issue a refund.", code="charge_disputed"
        )
    if not left:
        raise invalid(f"Charge {charge['id']} has already been refunded.", code="charge_already_refunded")
    amount = check_amount(params.get("amount", left), charge["currency"], "amount", least=1)
    if amount > left:
        raise invalid(
            f"Refund amount ({amount}) is greater than unrefunded amount on charge ({left})", "amount"
        )
    refund = books.make("refund", {"metadata": {}, "failure_reason": None, "pending_reason": None})
    refund |= {
        "amount": amount,
        "charge": charge["id"],
        "currency": charge["currency"],
        "payment_intent": charge["payment_intent"],
        "status": "succeeded",
    }
    patch(refund, params, "reason")
    books.emit("refund.created", refund)
    _refunded(books, charge, amount, "charge.refunded")
    return refund


def fail_refund(books: Books, refund: Object) -> None:
    """The bank sends the money back: the charge is as if nothing had been refunded."""
    before = snapshot(refund)
    refund |= {"status": "failed", "failure_reason": "lost_or_stolen_card"}
    books.updated(refund, before)
    books.emit("refund.failed", refund)
    charge = books.find("charge", refund["charge"])
    books.journal.emit("charge.refund.updated", refund, {"status": before["status"]})
    _refunded(books, charge, -refund["amount"], "charge.updated")


def _refunded(books: Books, charge: Object, amount: int, type: str) -> None:
    before = snapshot(charge)
    charge["amount_refunded"] += amount
    charge["refunded"] = charge["amount_refunded"] == charge["amount"]
    books.updated(charge, before, type)


def _update_refund(call: Call) -> Object:
    refund = call.books.find("refund", call.id)
    before = snapshot(refund)
    patch(refund, call.params)
    call.books.updated(refund, before)
    return refund


def _update_note(call: Call) -> Object:
    note = call.books.find("credit_note", call.id)
    before = snapshot(note)
    patch(note, call.params, "memo")
    call.books.updated(note, before)
    return note


def void_credit_note(call: Call) -> Object:
    """It never counted: an open invoice asks for the whole again. One that was issued after payment stays."""
    books = call.books
    note = books.find("credit_note", call.id)
    invoice = books.find("invoice", note["invoice"])
    if note["status"] == "void" or invoice["status"] != "open" or note["post_payment_amount"]:
        raise invalid("You can only void issued credit notes of open invoices.")
    note |= {"status": "void", "voided_at": books.clock.now}
    less_due(books, invoice, -note["pre_payment_amount"])
    books.emit("credit_note.voided", note)
    return note


def create_credit_note(call: Call) -> Object:
    """Lower what an open invoice asks for; after payment say where the money went."""
    books, params = call.books, call.params
    invoice = books.find("invoice", params["invoice"], "invoice")
    if invoice["status"] not in {"open", "paid", "uncollectible"}:
        raise invalid(
            f"You can only issue credit notes for finalized invoices; this one is {invoice['status']}.",
            "invoice",
        )
    if "amount" not in params:
        raise invalid(
            "One of the following params should be provided for this request: amount or lines.", "amount"
        )
    amount = check_amount(params["amount"], invoice["currency"], "amount", least=1)
    already = invoice["pre_payment_credit_notes_amount"] + invoice["post_payment_credit_notes_amount"]
    if amount > invoice["total"] - already:
        raise invalid(
            f"The sum of credit notes would be greater than the invoice's total ({invoice['total']}).",
            "amount",
        )
    before_payment = min(amount, invoice["amount_remaining"])
    after_payment = amount - before_payment
    named = sum(params.get(name, 0) for name in ("refund_amount", "credit_amount", "out_of_band_amount"))
    if named != after_payment:
        raise invalid(
            f"The sum of credit amount, refund amount and out of band amount ({named}) must equal the post payment "
            f"amount of the credit note ({after_payment})."
        )
    note = _note(books, invoice, params, (before_payment, after_payment))
    books.emit("credit_note.created", note)
    if before_payment:
        less_due(books, invoice, before_payment)
    if after_payment:
        _give_back(books, invoice, note, params)
    return note


def _note(books: Books, invoice: Object, params: Object, split: tuple[int, int]) -> Object:
    before_payment, after_payment = split
    amount = before_payment + after_payment
    number = 1 + sum(note["invoice"] == invoice["id"] for note in books.of("credit_note"))
    note = books.make("credit_note", {"metadata": {}})
    kinds = {(True, False): "pre_payment", (False, True): "post_payment", (True, True): "mixed"}
    note |= {
        "amount": amount,
        "currency": invoice["currency"],
        "customer": invoice["customer"],
        "effective_at": params.get("effective_at", books.clock.now),
        "invoice": invoice["id"],
        "lines": listed([], f"/v1/credit_notes/{note['id']}/lines"),
        "number": f"{invoice['number']}-CN-{number:02d}",
        "out_of_band_amount": params.get("out_of_band_amount"),
        "pdf": f"https://pay.stripe.com/credit_notes/{books.account['id']}/{note['id']}/pdf",
        "post_payment_amount": after_payment,
        "pre_payment_amount": before_payment,
        "pretax_credit_amounts": [],
        "refunds": [],
        "shipping_cost": None,
        "total_taxes": [],
        "type": kinds[bool(before_payment), bool(after_payment)],
        "voided_at": None,
    }
    note |= dict.fromkeys(("subtotal", "subtotal_excluding_tax", "total", "total_excluding_tax"), amount)
    patch(note, params, "memo", "reason")
    return note


def _give_back(books: Books, invoice: Object, note: Object, params: Object) -> None:
    before = snapshot(invoice)
    invoice["post_payment_credit_notes_amount"] += note["post_payment_amount"]
    books.updated(invoice, before)
    if params.get("credit_amount"):
        customer = books.find("customer", invoice["customer"])
        was = snapshot(customer)
        customer["balance"] -= params["credit_amount"]
        books.updated(customer, was)
    if params.get("refund_amount"):
        paid = [
            p for p in books.of("invoice_payment") if (p["invoice"], p["status"]) == (invoice["id"], "paid")
        ]
        if not paid:
            raise invalid("The invoice has no payment to refund.", "refund_amount")
        intent = books.find("payment_intent", paid[-1]["payment"]["payment_intent"])
        charge = books.find("charge", intent["latest_charge"])
        refund = add_refund(books, charge, {"amount": params["refund_amount"]})
        note["refunds"] = [
            {
                "amount_refunded": refund["amount"],
                "payment_record_refund": None,
                "refund": refund["id"],
                "type": "refund",
            }
        ]


def open_dispute(books: Books, charge: Object, *, inquiry: bool = False) -> Object:
    """The card's owner denies the charge: the bank takes the money at once; with an `inquiry` it only asks."""
    before = snapshot(charge)
    charge["disputed"] = True
    books.updated(charge, before)
    dispute = books.make(
        "dispute",
        {
            "amount": charge["amount"],
            "charge": charge["id"],
            "currency": charge["currency"],
            "metadata": {},
            "payment_intent": charge["payment_intent"],
            "reason": "fraudulent",
            "status": "warning_needs_response" if inquiry else "needs_response",
        },
    )
    if not inquiry:
        _move(books, dispute, -dispute["amount"])
    books.emit("charge.dispute.created", dispute)
    if not inquiry:
        books.emit("charge.dispute.funds_withdrawn", dispute)
    return dispute


def close_dispute(books: Books, dispute: Object, won: bool) -> None:
    """The bank decides; a dispute that is won brings back what was taken."""
    taken = sum(moved["amount"] for moved in dispute["balance_transactions"])
    inquiry = dispute["status"].startswith("warning")
    dispute["status"] = "warning_closed" if inquiry else ("won" if won else "lost")
    if won and taken:
        _move(books, dispute, -taken)
    books.emit("charge.dispute.closed", dispute)
    if won and taken:
        books.emit("charge.dispute.funds_reinstated", dispute)


def _move(books: Books, dispute: Object, amount: int) -> None:
    """Money moves on the account's balance; Stripe's fee is a part of it."""
    fee = 1_500 if amount < 0 else 0
    number = len(dispute["balance_transactions"]) + 1
    dispute["balance_transactions"].append(
        {
            "id": f"{dispute['id'].replace('dp_', 'txn_')}{number}",
            "object": "balance_transaction",
            "amount": amount,
            "available_on": books.clock.now,
            "created": books.clock.now,
            "currency": dispute["currency"],
            "description": f"Chargeback of {dispute['charge']}",
            "exchange_rate": None,
            "fee": fee,
            "fee_details": [],
            "net": amount - fee,
            "reporting_category": "dispute" if amount < 0 else "dispute_reversal",
            "source": dispute["id"],
            "status": "available",
            "type": "adjustment",
        }
    )


ENDPOINTS = (
    Endpoint("POST", "/v1/refunds", create_refund, "RefundCreateParams"),
    Endpoint(
        "GET",
        "/v1/refunds",
        lambda call: page(call, "refund", "charge", "payment_intent"),
        "RefundListParams",
    ),
    Endpoint("POST", "/v1/refunds/{}", _update_refund, "RefundUpdateParams"),
    Endpoint("GET", "/v1/refunds/{}", reading("refund"), "RefundRetrieveParams"),
    Endpoint("POST", "/v1/credit_notes", create_credit_note, "CreditNoteCreateParams"),
    Endpoint(
        "GET",
        "/v1/credit_notes",
        lambda call: page(call, "credit_note", "customer", "invoice"),
        "CreditNoteListParams",
    ),
    Endpoint("POST", "/v1/credit_notes/{}", _update_note, "CreditNoteUpdateParams"),
    Endpoint("POST", "/v1/credit_notes/{}/void", void_credit_note, "CreditNoteVoidCreditNoteParams"),
    Endpoint("GET", "/v1/credit_notes/{}", reading("credit_note"), "CreditNoteRetrieveParams"),
    Endpoint(
        "GET",
        "/v1/disputes",
        lambda call: page(call, "dispute", "charge", "payment_intent"),
        "DisputeListParams",
    ),
    Endpoint("GET", "/v1/disputes/{}", reading("dispute"), "DisputeRetrieveParams"),
)
