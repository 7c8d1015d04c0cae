"""The endpoints of invoices: drafts are edited, finalized ones only moved on.

Source: https://docs.stripe.com/api/invoices.
"""

from __future__ import annotations

from tests.fakes.stripe import invoice_states as states
from tests.fakes.stripe.books import Books, snapshot
from tests.fakes.stripe.customers import checked_fields
from tests.fakes.stripe.errors import StripeError, invalid
from tests.fakes.stripe.money import currency_of, minimum
from tests.fakes.stripe.objects import Object, patch
from tests.fakes.stripe.paging import cut, page, within
from tests.fakes.stripe.payments import card_of, decline
from tests.fakes.stripe.routing import Call, Endpoint
from tests.fakes.stripe.totals import add_lines, refresh

_NEW: Object = {
    "amount_overpaid": 0,
    "amount_paid_off_stripe": 0,
    "auto_advance": False,
    "collection_method": states.AUTOMATICALLY,
    "customer_shipping": None,
    "due_date": None,
    "effective_at": None,
    "from_invoice": None,
    "last_finalization_error": None,
    "metadata": {},
    "next_payment_attempt": None,
    "parent": None,
    "shipping_cost": None,
    "shipping_details": None,
    "status": "draft",
    "status_details": None,
    "total_pretax_credit_amounts": [],
}
_FIELDS = (
    "auto_advance",
    "collection_method",
    "default_payment_method",
    "description",
    "due_date",
    "effective_at",
    "footer",
    "number",
    "statement_descriptor",
)
_AFTERWARDS = frozenset(
    {"auto_advance", "default_payment_method", "due_date", "days_until_due", "expand", "metadata"}
    | {"payment_settings", "statement_descriptor"}
)
"""What may still change in a finalized invoice."""
LONGEST_NUMBER = 26


def create(call: Call) -> Object:
    """A draft without lines."""
    books, params = call.books, call.params
    if "customer" not in params:
        raise StripeError(
            400, "Missing required param: customer.", code="parameter_missing", param="customer", kept=False
        )
    customer = books.find("customer", params["customer"], "customer")
    collection = params.get("collection_method", states.AUTOMATICALLY)
    _check(books, params, collection, None)
    if collection == "send_invoice":
        _check_address(customer)
    currency = currency_of(
        params.get("currency") or customer["currency"] or books.account["default_currency"]
    )
    now = books.clock.now
    invoice = books.make("invoice", dict(_NEW))
    invoice |= {
        "account_country": books.account["country"],
        "account_name": books.account["business_profile"]["name"],
        "currency": currency,
        "customer": customer["id"],
        "customer_address": snapshot(customer)["address"],
        "customer_email": customer["email"],
        "customer_name": customer["name"],
        "customer_tax_exempt": customer["tax_exempt"],
        "period_start": now,
        "period_end": now,
        "webhooks_delivered_at": now,
    }
    invoice["default_tax_rates"] = [
        snapshot(books.find("tax_rate", rate, "default_tax_rates"))
        for rate in params.get("default_tax_rates", [])
    ]
    _fill(books, invoice, params)
    refresh(books, invoice)
    books.emit("invoice.created", invoice)
    return invoice


def retrieve(call: Call) -> Object:
    """The invoice; a draft follows its customer's balance."""
    invoice = call.books.find("invoice", call.id)
    if invoice["status"] == "draft":
        refresh(call.books, invoice)
    return invoice


def update(call: Call) -> Object:
    """Change a draft, or what may still change afterwards."""
    books, params = call.books, call.params
    invoice = books.find("invoice", call.id)
    if invoice["status"] != "draft" and (fixed := sorted(set(params) - _AFTERWARDS)):
        raise invalid(
            "Finalized invoices can't be updated in this way. For more details see "
            "https://docs.stripe.com/invoicing/invoice-edits",
            fixed[0],
            "invoice_not_editable",
        )
    _check(books, params, params.get("collection_method") or invoice["collection_method"], invoice)
    if params.get("collection_method") == "send_invoice":
        _check_address(books.find("customer", invoice["customer"], "customer"))
    before = snapshot(invoice)
    _fill(books, invoice, params)
    if invoice["status"] == "draft":
        refresh(books, invoice)
    books.updated(invoice, before)
    return invoice


def delete(call: Call) -> Object:
    """Only a draft can be taken away; a finalized invoice is voided."""
    books = call.books
    invoice = books.find("invoice", call.id)
    if invoice["status"] != "draft":
        raise invalid("You can only delete draft invoices.", code="invoice_not_editable")
    books.emit("invoice.deleted", invoice)
    return books.remove(invoice)


def add(call: Call) -> Object:
    """Lines for a draft."""
    books = call.books
    invoice = _draft(call)
    before = snapshot(invoice)
    add_lines(books, invoice, call.params["lines"])
    if "invoice_metadata" in call.params:
        patch(invoice, {"metadata": call.params["invoice_metadata"]})
    books.updated(invoice, before)
    return invoice


def remove_lines(call: Call) -> Object:
    """Take lines of a draft away."""
    books = call.books
    invoice = _draft(call)
    before = snapshot(invoice)
    gone = {line["id"] for line in call.params["lines"]}
    books.lines[call.id] = [line for line in books.lines.get(call.id, []) if line["id"] not in gone]
    refresh(books, invoice)
    books.updated(invoice, before)
    return invoice


def list_lines(call: Call) -> Object:
    """All lines in the order they were added, page by page."""
    call.books.find("invoice", call.id)
    return cut(call, call.books.lines.get(call.id, []), "line_item", lambda _line: True)


def finalize(call: Call) -> Object:
    """A draft becomes an invoice."""
    invoice = call.books.find("invoice", call.id)
    if "auto_advance" in call.params:
        invoice["auto_advance"] = call.params["auto_advance"]
    states.finalize(call.books, invoice)
    return invoice


def pay(call: Call) -> Object:
    """Charge the customer's card now, or say that it was paid elsewhere; a draft is finalized first."""
    books, params = call.books, call.params
    invoice = books.find("invoice", call.id)
    asked = params.get("payment_method") or invoice["default_payment_method"]
    if invoice["status"] == "draft":
        if invoice["amount_due"] >= minimum(invoice["currency"]) and not params.get("paid_out_of_band"):
            card_of(books, invoice["customer"], asked)
        states.finalize(books, invoice)
        if invoice["status"] == "paid":
            return invoice
    if invoice["status"] == "paid":
        raise invalid("Invoice is already paid")
    if invoice["status"] == "void":
        raise invalid("This invoice can no longer be paid")
    if params.get("paid_out_of_band"):
        states.paid_elsewhere(books, invoice)
        return invoice
    intent = states.charge(books, invoice, card_of(books, invoice["customer"], asked))
    if intent["status"] != "succeeded":
        raise decline(books, intent)
    return invoice


def send(call: Call) -> Object:
    """E-mail it, finalizing a draft first; in test mode only the event tells of it."""
    books = call.books
    invoice = books.find("invoice", call.id)
    if invoice["collection_method"] != "send_invoice":
        raise invalid("You can only manually send an invoice if its collection method is 'send_invoice'.")
    if invoice["status"] == "draft":
        states.finalize(books, invoice)
    if invoice["status"] == "void":
        raise invalid("You can't send a void invoice.")
    books.emit("invoice.sent", invoice)
    return invoice


def void(call: Call) -> Object:
    """It never counted."""
    invoice = call.books.find("invoice", call.id)
    states.void(call.books, invoice)
    return invoice


def mark_uncollectible(call: Call) -> Object:
    """Bad debt."""
    invoice = call.books.find("invoice", call.id)
    states.uncollectible(call.books, invoice)
    return invoice


def list_invoices(call: Call) -> Object:
    """Filters: `customer`, `status`, `collection_method`, `created`, `due_date`."""
    due = call.params.get("due_date")

    def keep(invoice: Object) -> bool:
        return due is None or (invoice["due_date"] is not None and within(invoice["due_date"], due))

    return page(call, "invoice", "customer", "status", "collection_method", keep=keep)


def _draft(call: Call) -> Object:
    invoice = call.books.find("invoice", call.id)
    if invoice["status"] != "draft":
        raise invalid(
            "The invoice is no longer a draft: its lines cannot change.", code="invoice_not_editable"
        )
    return invoice


def _check(books: Books, params: Object, collection: str, invoice: Object | None) -> None:
    """The rules of due dates, numbers and cards. Source: https://docs.stripe.com/api/invoices/create."""
    timed = [name for name in ("due_date", "days_until_due") if name in params]
    if timed and collection == states.AUTOMATICALLY:
        raise invalid(
            f"You can only specify `{timed[0]}` if `collection_method` is `send_invoice`.", timed[0]
        )
    if len(timed) > 1:
        raise invalid("You can only specify one of `due_date` and `days_until_due`.", "due_date")
    if not timed and collection == "send_invoice" and (invoice is None or "collection_method" in params):
        raise invalid(
            "If the `collection_method` is `send_invoice`, you must specify `days_until_due` or `due_date`."
        )
    if params.get("due_date", books.clock.now + 1) <= books.clock.now:
        raise invalid("Invalid timestamp: must be an integer Unix timestamp in the future.", "due_date")
    number = params.get("number")
    if number and len(number) > LONGEST_NUMBER:
        raise invalid(f"Invalid string: must be at most {LONGEST_NUMBER} characters", "number")
    taken = [other for other in books.of("invoice") if other["number"] == number and other is not invoice]
    if number and taken:
        raise invalid(
            f"An invoice with the number {number} already exists.", "number", "resource_already_exists"
        )
    if params.get("default_payment_method"):
        books.find("payment_method", params["default_payment_method"], "default_payment_method")


def _check_address(customer: Object) -> None:
    """What is to be sent needs somebody to send it to."""
    if not customer["email"]:
        raise invalid(
            "Missing email. In order to create invoices that are sent to the customer, the customer must have a "
            "valid email."
        )


def _fill(books: Books, invoice: Object, params: Object) -> None:
    patch(invoice, params, *_FIELDS)
    if "custom_fields" in params:
        invoice["custom_fields"] = checked_fields(params["custom_fields"], "custom_fields")
    if "days_until_due" in params:
        books.aside.setdefault(invoice["id"], {})["days_until_due"] = params["days_until_due"]
    if "payment_settings" in params:
        invoice["payment_settings"] |= params["payment_settings"]


ENDPOINTS = (
    Endpoint("POST", "/v1/invoices", create, "InvoiceCreateParams"),
    Endpoint("GET", "/v1/invoices", list_invoices, "InvoiceListParams"),
    Endpoint("POST", "/v1/invoices/{}", update, "InvoiceUpdateParams"),
    Endpoint("GET", "/v1/invoices/{}", retrieve, "InvoiceRetrieveParams"),
    Endpoint("DELETE", "/v1/invoices/{}", delete, "InvoiceDeleteParams"),
    Endpoint("GET", "/v1/invoices/{}/lines", list_lines, "InvoiceLineItemListParams"),
    Endpoint("POST", "/v1/invoices/{}/add_lines", add, "InvoiceAddLinesParams"),
    Endpoint("POST", "/v1/invoices/{}/remove_lines", remove_lines, "InvoiceRemoveLinesParams"),
    Endpoint("POST", "/v1/invoices/{}/finalize", finalize, "InvoiceFinalizeInvoiceParams"),
    Endpoint("POST", "/v1/invoices/{}/pay", pay, "InvoicePayParams"),
    Endpoint("POST", "/v1/invoices/{}/send", send, "InvoiceSendInvoiceParams"),
    Endpoint("POST", "/v1/invoices/{}/void", void, "InvoiceVoidInvoiceParams"),
    Endpoint(
        "POST", "/v1/invoices/{}/mark_uncollectible", mark_uncollectible, "InvoiceMarkUncollectibleParams"
    ),
)
