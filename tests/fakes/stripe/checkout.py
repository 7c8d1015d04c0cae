"""Checkout sessions: a page where a customer pays once or leaves a card, open for a day at most.

Source: https://docs.stripe.com/api/checkout/sessions.
"""

from __future__ import annotations

from decimal import ROUND_HALF_UP, Decimal

from tests.fakes.stripe.books import Books, snapshot
from tests.fakes.stripe.clock import DAY
from tests.fakes.stripe.errors import StripeError, invalid
from tests.fakes.stripe.money import check_amount, currency_of, minimum
from tests.fakes.stripe.objects import Object, patch
from tests.fakes.stripe.paging import cut, page
from tests.fakes.stripe.payments import attach, attempt, begin, decline, new_card, new_intent
from tests.fakes.stripe.routing import Call, Endpoint, reading

SHORTEST = 30 * 60
_NEW: Object = {
    "adaptive_pricing": None,
    "after_expiration": None,
    "cancel_url": None,
    "client_reference_id": None,
    "collected_information": None,
    "consent": None,
    "consent_collection": None,
    "currency_conversion": None,
    "custom_text": dict.fromkeys(
        ("after_submit", "shipping_address", "submit", "terms_of_service_acceptance")
    ),
    "customer_details": None,
    "customer_email": None,
    "invoice_creation": None,
    "managed_payments": {"enabled": False},
    "metadata": {},
    "payment_intent": None,
    "payment_method_configuration_details": None,
    "shipping_address_collection": None,
    "shipping_cost": None,
    "status": "open",
    "ui_mode": "hosted_page",
}
_FIELDS = (
    "allow_promotion_codes",
    "billing_address_collection",
    "cancel_url",
    "client_reference_id",
    "customer",
    "customer_creation",
    "customer_email",
    "locale",
    "submit_type",
    "success_url",
    "ui_mode",
)


def create(call: Call) -> Object:
    """A page for one payment, or for a card and no payment."""
    books, params = call.books, call.params
    mode = params.get("mode", "payment")
    _check(books, params, mode)
    items = [
        _item(books, one, f"line_items[{number}]") for number, one in enumerate(params.get("line_items", []))
    ]
    session = books.make("checkout.session", dict(_NEW))
    patch(session, params, *_FIELDS)
    session |= {
        "expires_at": params.get("expires_at", books.clock.now + DAY),
        "mode": mode,
        "payment_method_types": ["card"],
        "payment_status": "unpaid" if mode == "payment" else "no_payment_required",
        "url": f"https://checkout.stripe.com/c/pay/{session['id']}",
    }
    books.lines[session["id"]] = items
    if mode == "payment":
        _total(session, items)
        books.aside[session["id"]] = {"payment_intent_data": params.get("payment_intent_data", {})}
    else:
        session["currency"] = params.get("currency")
        session["setup_intent"] = _setup_intent(books, session, params)["id"]
    return session


def expire(call: Call) -> Object:
    """Close an open page."""
    session = call.books.find("checkout.session", call.id)
    if session["status"] != "open":
        raise invalid(
            'Only Checkout Sessions with a status in ["open"] can be expired. This Checkout Session has a status of '
            f"`{session['status']}`."
        )
    close(call.books, session)
    return session


def close(books: Books, session: Object) -> None:
    """The page is over: nobody can pay on it any more."""
    session |= {"status": "expired", "url": None}
    books.emit("checkout.session.expired", session)


def close_due(books: Books) -> None:
    """Close every page whose time is over."""
    for session in books.of("checkout.session"):
        if session["status"] == "open" and session["expires_at"] <= books.clock.now:
            close(books, session)


def complete(books: Books, session: Object, *, declines: bool = False, later: bool = False) -> None:
    """The customer fills the page in: pays, or leaves a card; `later`: the money is still on its way."""
    if session["status"] != "open":
        raise invalid(f"The Checkout Session is {session['status']}.")
    customer = _customer(books, session)
    card = new_card(books, None, declines)
    if session["mode"] == "payment":
        _pay(books, session, (customer, card), later)
    else:
        intent = books.find("setup_intent", session["setup_intent"])
        intent |= {
            "customer": session["customer"],
            "payment_method": card["id"],
            "status": "succeeded",
            "usage": "off_session",
        }
        books.emit("setup_intent.succeeded", intent)
        if customer is not None:
            attach(books, card, customer)
    session |= {
        "customer_details": {
            "address": None,
            "business_name": None,
            "email": (customer or {}).get("email") or session["customer_email"] or "somebody@example.com",
            "individual_name": None,
            "name": (customer or {}).get("name"),
            "phone": None,
            "tax_exempt": "none",
            "tax_ids": [],
        },
        "status": "complete",
        "url": None,
    }
    books.emit("checkout.session.completed", session)


def settle(books: Books, session: Object, *, succeeds: bool) -> None:
    """The money of a page that was filled in comes, or does not."""
    intent = books.find("payment_intent", session["payment_intent"])
    if session["payment_status"] != "unpaid" or intent["status"] != "processing":
        raise invalid(f"The Checkout Session {session['id']} waits for no money.")
    card = books.find("payment_method", intent["payment_method"])
    if not succeeds:
        books.declining.add(card["id"])
    if attempt(books, intent, card):
        session["payment_status"] = "paid"
        books.emit("checkout.session.async_payment_succeeded", session)
    else:
        books.emit("checkout.session.async_payment_failed", session)


def _pay(books: Books, session: Object, payer: tuple[Object | None, Object], later: bool) -> None:
    customer, card = payer
    data = books.aside[session["id"]]["payment_intent_data"]
    fields = {
        "description": data.get("description"),
        "metadata": dict(data.get("metadata", {})),
        "setup_future_usage": data.get("setup_future_usage"),
    }
    intent = new_intent(books, session["amount_total"], session["currency"], session["customer"], fields)
    if later:
        begin(books, intent, card)
    elif not attempt(books, intent, card):
        raise decline(books, intent)
    session |= {"payment_intent": intent["id"], "payment_status": "unpaid" if later else "paid"}
    if fields["setup_future_usage"] and customer is not None:
        attach(books, card, customer)


def _customer(books: Books, session: Object) -> Object | None:
    """The session's customer; one is made where the session asks for it."""
    if session["customer"]:
        return books.find("customer", session["customer"])
    if session["customer_creation"] != "always":
        return None
    fields = {
        "email": session["customer_email"],
        "name": None,
        "metadata": {},
        "balance": 0,
        "currency": None,
    }
    customer = books.make("customer", fields)
    session["customer"] = customer["id"]
    books.emit("customer.created", customer)
    return customer


def _check(books: Books, params: Object, mode: str) -> None:
    """What a page needs. Source: https://docs.stripe.com/api/checkout/sessions/create."""
    if mode not in {"payment", "setup"}:
        raise invalid(f"The fake knows the modes payment and setup, not {mode}.", "mode")
    if params.get("ui_mode", "hosted_page") == "hosted_page" and "success_url" not in params:
        raise _missing("success_url")
    if "customer" in params:
        books.find("customer", params["customer"], "customer")
        if "customer_email" in params:
            raise invalid(
                "You may only specify one of these parameters: customer, customer_email.", "customer"
            )
    if mode == "payment" and not params.get("line_items"):
        raise _missing("line_items")
    if mode == "setup":
        if "currency" not in params and "allowed_payment_method_types" not in params:
            raise _missing("currency")
        for name in ("line_items", "payment_intent_data"):
            if name in params:
                raise invalid(f"You can not pass `{name}` in `setup` mode.", name)
    now = books.clock.now
    if not now + SHORTEST <= params.get("expires_at", now + DAY) <= now + DAY:
        raise invalid(
            "The `expires_at` timestamp must be at least 30 minutes and at most 24 hours from Checkout Session "
            "creation.",
            "expires_at",
        )


def _missing(name: str) -> StripeError:
    return StripeError(
        400, f"Missing required param: {name}.", code="parameter_missing", param=name, kept=False
    )


def _item(books: Books, given: Object, at: str) -> Object:
    quantity = given.get("quantity", 1)
    price = _inline(books, given["price_data"], at) if "price_data" in given else _known(books, given, at)
    item: Object = books.make("item", {})
    del books.objects[item["id"]], item["created"]
    subtotal = price["unit_amount"] * quantity
    tax, on_top = _tax(books, given, subtotal, at)
    item |= {
        "adjustable_quantity": None,
        "amount_subtotal": subtotal,
        "amount_tax": tax,
        "amount_total": subtotal + on_top,
        "currency": price["currency"],
        "description": price.pop("description", None),
        "metadata": dict(given.get("metadata", {})),
        "price": price,
        "quantity": quantity,
    }
    return item


def _known(books: Books, given: Object, at: str) -> Object:
    if "price" not in given:
        raise _missing(f"{at}[price]")
    price = snapshot(books.find("price", given["price"], f"{at}[price]"))
    if not price["active"]:
        raise invalid(
            "The price specified is inactive. This field only accepts active prices.", f"{at}[price]"
        )
    if price["recurring"]:
        raise invalid(
            "You specified `payment` mode but passed a recurring price. Either switch to `subscription` mode or use "
            "only one-time prices.",
            f"{at}[price]",
        )
    return price | {"description": books.find("product", price["product"])["name"]}


def _inline(books: Books, data: Object, at: str) -> Object:
    """A price that is made for this page and is in no list."""
    currency = currency_of(data["currency"], f"{at}[price_data][currency]")
    if "recurring" in data:
        raise invalid(
            "You specified `payment` mode but passed a recurring price.", f"{at}[price_data][recurring]"
        )
    if "product" in data:
        product = books.find("product", data["product"], f"{at}[price_data][product]")
        id, name = product["id"], product["name"]
    elif "product_data" in data:
        id, name = books.new_id("product"), data["product_data"]["name"]
    else:
        raise _missing(f"{at}[price_data][product_data]")
    if "unit_amount" not in data:
        raise _missing(f"{at}[price_data][unit_amount]")
    amount = check_amount(data["unit_amount"], currency, f"{at}[price_data][unit_amount]")
    price: Object = books.make("price", {"active": False, "currency": currency, "product": id})
    del books.objects[price["id"]]
    return price | {
        "custom_unit_amount": None,
        "description": name,
        "metadata": {},
        "recurring": None,
        "tax_behavior": data.get("tax_behavior", "unspecified"),
        "transform_quantity": None,
        "type": "one_time",
        "unit_amount": amount,
        "unit_amount_decimal": str(amount),
    }


def _tax(books: Books, given: Object, subtotal: int, at: str) -> tuple[int, int]:
    """The tax of a line by its tax rates, and how much of it comes on top."""
    tax = on_top = 0
    for id in given.get("tax_rates", []):
        rate = books.find("tax_rate", id, f"{at}[tax_rates]")
        percentage = Decimal(str(rate["percentage"]))
        base = 100 + percentage if rate["inclusive"] else Decimal(100)
        amount = int((subtotal * percentage / base).quantize(Decimal(1), ROUND_HALF_UP))
        tax += amount
        on_top += 0 if rate["inclusive"] else amount
    return tax, on_top


def _total(session: Object, items: list[Object]) -> None:
    currencies = {item["currency"] for item in items}
    if len(currencies) > 1:
        raise invalid("All line items must have the same currency.", "line_items")
    currency = currencies.pop()
    total = sum(item["amount_total"] for item in items)
    if total < minimum(currency):
        raise invalid(
            "The Checkout Session's total amount due must add up to at least the minimum charge amount.",
            code="amount_too_small",
        )
    check_amount(total, currency, "line_items")
    session |= {
        "amount_subtotal": sum(item["amount_subtotal"] for item in items),
        "amount_total": total,
        "currency": currency,
        "total_details": {
            "amount_discount": 0,
            "amount_shipping": 0,
            "amount_tax": sum(item["amount_tax"] for item in items),
        },
    }


def _setup_intent(books: Books, session: Object, params: Object) -> Object:
    data = params.get("setup_intent_data", {})
    return books.make(
        "setup_intent",
        {
            "client_secret": None,
            "customer": session["customer"],
            "description": data.get("description"),
            "last_setup_error": None,
            "metadata": dict(data.get("metadata", {})),
            "next_action": None,
            "payment_method_configuration_details": None,
        },
    )


def list_sessions(call: Call) -> Object:
    """Filters: `customer`, `payment_intent`, `status`, `created`."""
    return page(call, "checkout.session", "customer", "payment_intent", "status")


def list_items(call: Call) -> Object:
    """What is sold on a page."""
    call.books.find("checkout.session", call.id)
    return cut(call, call.books.lines.get(call.id, []), "item", lambda _item: True)


ENDPOINTS = (
    Endpoint("POST", "/v1/checkout/sessions", create, "checkout.SessionCreateParams"),
    Endpoint("GET", "/v1/checkout/sessions", list_sessions, "checkout.SessionListParams"),
    Endpoint(
        "GET", "/v1/checkout/sessions/{}", reading("checkout.session"), "checkout.SessionRetrieveParams"
    ),
    Endpoint("GET", "/v1/checkout/sessions/{}/line_items", list_items, "checkout.SessionListLineItemsParams"),
    Endpoint("POST", "/v1/checkout/sessions/{}/expire", expire, "checkout.SessionExpireParams"),
)
