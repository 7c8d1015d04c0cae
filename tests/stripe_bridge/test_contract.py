"""What planctl relies on at Stripe: the same tests for the fake and, with a key of its test mode, for Stripe itself."""

from __future__ import annotations

from decimal import Decimal

import pytest

from planctl.core.stripe.model import Outcome, Value
from tests.stripe_bridge.sides import Side

MONTHLY: dict[str, Value] = {"interval": "month", "interval_count": 1}
RETURN = "https://example.com/back"


# --- the account --------------------------------------------------------------------------------------------------


def test_a_key_is_of_one_account_which_names_itself(side: Side) -> None:
    account = side.get("/v1/account")
    assert account["object"] == "account"
    assert account["id"].startswith("acct_")
    assert account["id"] == side.get("/v1/account")["id"]
    assert len(account["country"]) == 2


# --- products and prices ------------------------------------------------------------------------------------------


def test_a_product_is_made_changed_emptied_and_archived(side: Side) -> None:
    made = side.make(
        "/v1/products", name="Gym", description="All hours", metadata={"planctl_id": "gym", "test": side.mark}
    )
    path = f"/v1/products/{made['id']}"
    assert (made["name"], made["description"], made["active"]) == ("Gym", "All hours", True)
    assert made["metadata"] == {"planctl_id": "gym", "test": side.mark}
    side.make(path, name="Gym 2", description="", metadata={"planctl_key": "k"})
    found = side.get(path)
    assert (found["name"], found["description"]) == ("Gym 2", None)
    assert found["metadata"] == {"planctl_id": "gym", "planctl_key": "k", "test": side.mark}
    side.make(path, active=False)
    assert side.get(path)["active"] is False
    assert side.shown("/v1/products", made["id"], active=False)["name"] == "Gym 2"


def product(side: Side) -> str:
    return str(side.make("/v1/products", name=side.mark)["id"])


def price(side: Side, of: str, amount: int = 1999, **params: Value) -> str:
    wanted: dict[str, Value] = {"currency": "eur", "unit_amount": amount, "product": of, "recurring": MONTHLY}
    return str(side.make("/v1/prices", **(wanted | params))["id"])


def test_a_recurring_price_has_its_interval_and_every_currency(side: Side) -> None:
    made = price(
        side,
        product(side),
        recurring={"interval": "month", "interval_count": 3},
        currency_options={"jpy": {"unit_amount": 3000}, "usd": {"unit_amount": 2199}},
        nickname="Quarterly",
        metadata={"planctl_id": "gym/quarter"},
    )
    found = side.get(f"/v1/prices/{made}", expand=["currency_options"])
    assert (found["type"], found["currency"], found["unit_amount"]) == ("recurring", "eur", 1999)
    assert (found["recurring"]["interval"], found["recurring"]["interval_count"]) == ("month", 3)
    options = {code: option["unit_amount"] for code, option in found["currency_options"].items()}
    assert options == {"eur": 1999, "jpy": 3000, "usd": 2199}
    assert (found["nickname"], found["metadata"], found["active"]) == (
        "Quarterly",
        {"planctl_id": "gym/quarter"},
        True,
    )


def test_a_price_without_an_interval_is_paid_once(side: Side) -> None:
    made = side.make("/v1/prices", currency="eur", unit_amount=500, product=product(side))
    assert (made["type"], made["recurring"]) == ("one_time", None)


def test_a_price_is_found_by_its_lookup_key(side: Side) -> None:
    key = f"planctl/{side.mark}/gym/month"
    made = price(side, product(side), lookup_key=key)
    found = side.listed("/v1/prices", lookup_keys=[key, f"{key}/none"])
    assert [(one["id"], one["lookup_key"]) for one in found] == [(made, key)]


def test_a_lookup_key_moves_to_the_new_price_when_it_is_asked_to(side: Side) -> None:
    key, of = f"planctl/{side.mark}/gym/month", product(side)
    old = price(side, of, lookup_key=key)
    wanted: dict[str, Value] = {
        "currency": "eur",
        "unit_amount": 2499,
        "product": of,
        "recurring": MONTHLY,
        "lookup_key": key,
    }
    refused = side.send("/v1/prices", wanted)
    assert (refused.outcome, refused.status) == (Outcome.REFUSED, 400)
    new = side.make("/v1/prices", **wanted, transfer_lookup_key=True)["id"]
    assert side.get(f"/v1/prices/{old}")["lookup_key"] is None
    assert [one["id"] for one in side.listed("/v1/prices", lookup_keys=[key])] == [new]


def test_a_products_default_price_is_archived_only_after_the_default_moved(side: Side) -> None:
    of = product(side)
    old, new = price(side, of), price(side, of, 2499)
    side.make(f"/v1/products/{of}", default_price=old)
    refused = side.send(f"/v1/prices/{old}", {"active": False})
    assert (refused.outcome, refused.status) == (Outcome.REFUSED, 400)
    side.make(f"/v1/products/{of}", default_price=new)
    side.make(f"/v1/prices/{old}", active=False)
    assert side.get(f"/v1/prices/{old}")["active"] is False
    assert side.get(f"/v1/products/{of}")["default_price"] == new
    assert [one["id"] for one in side.listed("/v1/prices", product=of, active=True)] == [new]


@pytest.mark.parametrize(
    ("currency", "amount"),
    [("jpy", 3000), ("kwd", 12_340), ("isk", 150_000), ("ugx", 900_000), ("huf", 499_000)],
)
def test_amounts_are_kept_in_stripes_unit_of_each_currency(side: Side, currency: str, amount: int) -> None:
    """¥3000, 12.340 dinars, 1500 krónur, 9000 shillings, 4990 forints.

    Source: docs.stripe.com/currencies: no decimals for JPY; three for KWD, the last one 0; two that are 00 for
    ISK and UGX; two for HUF.
    """
    made = price(side, product(side), amount, currency=currency)
    found = side.get(f"/v1/prices/{made}")
    assert (found["currency"], found["unit_amount"]) == (currency, amount)


# --- coupons and tax rates ----------------------------------------------------------------------------------------


def test_a_percentage_off_is_kept_exactly(side: Side) -> None:
    made = side.make("/v1/coupons", percent_off="12.5", duration="forever", name="Winter")
    found = side.get(f"/v1/coupons/{made['id']}")
    assert (Decimal(str(found["percent_off"])), found["amount_off"]) == (Decimal("12.5"), None)
    assert (found["duration"], found["name"]) == ("forever", "Winter")
    side.make(f"/v1/coupons/{made['id']}", name="Spring")
    assert side.get(f"/v1/coupons/{made['id']}")["name"] == "Spring"


def test_an_amount_off_has_every_currency(side: Side) -> None:
    made = side.make(
        "/v1/coupons",
        id=side.mark,
        amount_off=500,
        currency="eur",
        currency_options={"usd": {"amount_off": 600}},
        duration="repeating",
        duration_in_months=3,
    )
    assert made["id"] == side.mark
    found = side.get(f"/v1/coupons/{side.mark}", expand=["currency_options"])
    assert (found["amount_off"], found["currency"], found["duration_in_months"]) == (500, "eur", 3)
    assert found["currency_options"]["usd"]["amount_off"] == 600


def test_a_deleted_coupon_is_gone(side: Side) -> None:
    made = side.make("/v1/coupons", percent_off=10, duration="once")["id"]
    assert side.delete(f"/v1/coupons/{made}").outcome is Outcome.DONE
    assert side.gateway.find(f"/v1/coupons/{made}") is None


def test_a_tax_rate_keeps_its_percentage_and_is_archived(side: Side) -> None:
    made = side.make(
        "/v1/tax_rates",
        display_name="VAT",
        percentage="7.7",
        inclusive=True,
        country="CH",
        jurisdiction="CH",
        metadata={"planctl_id": "vat/7.7"},
    )
    found = side.get(f"/v1/tax_rates/{made['id']}")
    assert (found["display_name"], found["inclusive"], found["country"]) == ("VAT", True, "CH")
    assert Decimal(str(found["percentage"])) == Decimal("7.7")
    side.make(f"/v1/tax_rates/{made['id']}", active=False)
    assert side.get(f"/v1/tax_rates/{made['id']}")["active"] is False
    assert side.shown("/v1/tax_rates", made["id"], active=False)["metadata"] == {"planctl_id": "vat/7.7"}


# --- customers ----------------------------------------------------------------------------------------------------


def test_a_customer_is_made_with_what_planctl_knows(side: Side) -> None:
    made = side.customer(
        email="anna@example.com",
        description="cus-17",
        address={"line1": "Hauptstr. 1", "line2": "10115 Berlin", "country": "DE"},
        preferred_locales=["de"],
        tax_exempt="reverse",
        invoice_settings={"custom_fields": [{"name": "Tax ID", "value": "DE123456789"}]},
    )
    found = side.get(f"/v1/customers/{made}")
    assert (found["name"], found["email"], found["description"]) == (
        "Anna Beispiel",
        "anna@example.com",
        "cus-17",
    )
    address = {key: found["address"][key] for key in ("line1", "line2", "city", "country")}
    assert address == {"line1": "Hauptstr. 1", "line2": "10115 Berlin", "city": None, "country": "DE"}
    assert (found["preferred_locales"], found["tax_exempt"]) == (["de"], "reverse")
    assert found["invoice_settings"]["custom_fields"] == [{"name": "Tax ID", "value": "DE123456789"}]
    assert found["metadata"] == {"test": side.mark}
    assert found["balance"] == 0


def test_an_emptied_field_is_unset_and_the_others_stay(side: Side) -> None:
    made = side.customer(email="anna@example.com", description="cus-17", address={"line1": "Hauptstr. 1"})
    side.make(f"/v1/customers/{made}", email="", address="", metadata={"test": "", "new": "1"})
    found = side.get(f"/v1/customers/{made}")
    assert (found["email"], found["address"], found["description"]) == (None, None, "cus-17")
    assert found["metadata"] == {"new": "1"}


def test_a_deleted_customer_is_gone(side: Side) -> None:
    made = side.customer()
    answer = side.delete(f"/v1/customers/{made}")
    assert (answer.outcome, answer.body["deleted"]) == (Outcome.DONE, True)
    assert side.gateway.find(f"/v1/customers/{made}") is None


# --- invoices -----------------------------------------------------------------------------------------------------


def tax(amount: int, on: int, percentage: str = "19", *, inclusive: bool = False) -> list[Value]:
    """A tax of planctl's own working out, as it is sent with a line."""
    data: dict[str, Value] = {"display_name": "VAT", "inclusive": inclusive, "percentage": percentage}
    return [{"amount": amount, "taxable_amount": on, "tax_rate_data": data}]


def test_an_empty_draft_waits_and_takes_nothing_up_by_itself(side: Side) -> None:
    found = side.get(f"/v1/invoices/{side.draft(side.customer())}")
    assert (found["status"], found["auto_advance"], found["number"]) == ("draft", False, None)
    assert (found["currency"], found["total"], found["starting_balance"]) == ("eur", 0, 0)
    assert (found["collection_method"], found["lines"]["data"]) == ("send_invoice", [])
    assert found["metadata"] == {"test": side.mark}


def test_an_invoice_that_is_to_be_sent_wants_an_address_to_send_it_to(side: Side) -> None:
    wanted: dict[str, Value] = {"customer": side.customer(email=""), "currency": "eur"}
    refused = side.send("/v1/invoices", {**wanted, "collection_method": "send_invoice", "days_until_due": 30})
    assert (refused.outcome, refused.message.startswith("Missing email.")) == (Outcome.REFUSED, True)
    charged = side.send("/v1/invoices", {**wanted, "collection_method": "charge_automatically"})
    assert charged.outcome is Outcome.DONE


def test_lines_come_back_with_the_very_amounts_and_taxes_that_were_sent(side: Side) -> None:
    """29.00 with 5.51 tax, 5.00 off with 0.95 less tax, 3.00 covered by the balance: 21.00 net, 4.56 tax, 25.56."""
    invoice = side.draft(side.customer())
    lines: list[Value] = [
        {
            "amount": 2900,
            "description": "Gym",
            "tax_amounts": tax(551, 2900),
            "metadata": {"planctl_id": "1"},
        },
        {
            "amount": -500,
            "description": "Coupon",
            "tax_amounts": tax(-95, -500),
            "metadata": {"planctl_id": "2"},
        },
        {"amount": -300, "description": "Balance", "metadata": {"planctl_id": "3"}},
    ]
    side.make(f"/v1/invoices/{invoice}/add_lines", lines=lines)
    read = side.listed(f"/v1/invoices/{invoice}/lines")
    seen = {
        line["metadata"]["planctl_id"]: (
            line["amount"],
            line["currency"],
            line["description"],
            [(one["amount"], one["taxable_amount"], one["tax_behavior"]) for one in line["taxes"] or []],
        )
        for line in read
    }
    assert seen == {
        "1": (2900, "eur", "Gym", [(551, 2900, "exclusive")]),
        "2": (-500, "eur", "Coupon", [(-95, -500, "exclusive")]),
        "3": (-300, "eur", "Balance", []),
    }
    found = side.get(f"/v1/invoices/{invoice}")
    assert (found["subtotal"], found["total_excluding_tax"], found["total"]) == (2100, 2100, 2556)
    assert sum(one["amount"] for one in found["total_taxes"]) == 456
    assert (found["amount_due"], found["amount_paid"], found["amount_remaining"]) == (2556, 0, 2556)


def test_a_tax_that_a_price_includes_adds_nothing(side: Side) -> None:
    """11.90 with 1.90 of it tax."""
    invoice = side.draft(side.customer())
    line: Value = {"amount": 1190, "description": "Gym", "tax_amounts": tax(190, 1000, inclusive=True)}
    side.make(f"/v1/invoices/{invoice}/add_lines", lines=[line])
    found = side.get(f"/v1/invoices/{invoice}")
    assert (found["total"], found["total_excluding_tax"], found["amount_due"]) == (1190, 1000, 1190)


def test_lines_that_are_added_later_join_those_that_are_there(side: Side) -> None:
    invoice = side.draft(side.customer())
    for amount in (1000, -400):
        side.make(f"/v1/invoices/{invoice}/add_lines", lines=[{"amount": amount, "description": "x"}])
    assert side.get(f"/v1/invoices/{invoice}")["total"] == 600


def test_a_line_says_what_it_is_for_and_when(side: Side) -> None:
    invoice = side.draft(side.customer())
    period: dict[str, Value] = {"start": 1_767_225_600, "end": 1_769_904_000}
    side.make(
        f"/v1/invoices/{invoice}/add_lines",
        lines=[{"amount": 1000, "description": "Gym, January", "period": period, "discountable": False}],
    )
    (line,) = side.listed(f"/v1/invoices/{invoice}/lines")
    assert (line["description"], line["period"], line["discountable"]) == ("Gym, January", period, False)


def test_a_finalized_invoice_is_open_has_a_number_and_a_page_to_pay_on(side: Side) -> None:
    invoice = side.open(side.customer(email="anna@example.com"), 2500)
    found = side.get(f"/v1/invoices/{invoice}")
    assert (found["status"], found["auto_advance"]) == ("open", False)
    assert found["number"]
    assert found["hosted_invoice_url"].startswith("https://")
    assert (found["total"], found["amount_due"], found["amount_remaining"]) == (2500, 2500, 2500)
    assert found["due_date"] > found["created"]


def test_a_finalized_invoice_takes_no_more_lines(side: Side) -> None:
    invoice = side.open(side.customer(), 2500)
    refused = side.send(f"/v1/invoices/{invoice}/add_lines", {"lines": [{"amount": 1, "description": "x"}]})
    assert (refused.outcome, refused.status) == (Outcome.REFUSED, 400)
    assert side.get(f"/v1/invoices/{invoice}")["total"] == 2500


def test_a_draft_is_deleted_and_a_finalized_invoice_is_not(side: Side) -> None:
    customer = side.customer()
    draft, final = side.draft(customer), side.open(customer, 2500)
    assert side.delete(f"/v1/invoices/{draft}").outcome is Outcome.DONE
    assert side.gateway.find(f"/v1/invoices/{draft}") is None
    refused = side.delete(f"/v1/invoices/{final}")
    assert (refused.outcome, refused.status) == (Outcome.REFUSED, 400)
    assert [one["id"] for one in side.listed("/v1/invoices", customer=customer)] == [final]


def test_an_open_invoice_is_voided_and_stays_so(side: Side) -> None:
    invoice = side.open(side.customer(), 2500)
    assert side.make(f"/v1/invoices/{invoice}/void")["status"] == "void"
    again = side.send(f"/v1/invoices/{invoice}/void")
    assert (again.outcome, again.status) == (Outcome.REFUSED, 400)
    assert side.get(f"/v1/invoices/{invoice}")["status"] == "void"


def test_an_open_invoice_is_marked_uncollectible(side: Side) -> None:
    invoice = side.open(side.customer(), 2500)
    assert side.make(f"/v1/invoices/{invoice}/mark_uncollectible")["status"] == "uncollectible"


def test_an_invoice_that_was_paid_elsewhere_is_paid(side: Side) -> None:
    invoice = side.open(side.customer(), 2500)
    side.make(f"/v1/invoices/{invoice}/pay", paid_out_of_band=True)
    found = side.get(f"/v1/invoices/{invoice}")
    assert (found["status"], found["amount_remaining"]) == ("paid", 0)


def test_an_invoice_is_sent_to_the_customers_address(side: Side) -> None:
    invoice = side.open(side.customer(email="anna@example.com"), 2500)
    assert side.make(f"/v1/invoices/{invoice}/send")["status"] == "open"


def test_a_credit_note_lowers_what_is_left_to_pay(side: Side) -> None:
    invoice = side.open(side.customer(), 2500)
    note = side.make("/v1/credit_notes", invoice=invoice, amount=700, metadata={"planctl_id": "cn"})
    assert note["amount"] == 700
    assert side.get(f"/v1/invoices/{invoice}")["amount_remaining"] == 1800
    assert [one["id"] for one in side.listed("/v1/credit_notes", invoice=invoice)] == [note["id"]]


@pytest.mark.parametrize(
    ("currency", "amount"), [("jpy", 3000), ("kwd", 12_340), ("isk", 150_000), ("ugx", 900_000)]
)
def test_an_invoice_in_any_currency_has_the_total_that_was_sent(
    side: Side, currency: str, amount: int
) -> None:
    invoice = side.draft(side.customer(), currency=currency)
    side.make(f"/v1/invoices/{invoice}/add_lines", lines=[{"amount": amount, "description": "x"}])
    found = side.get(f"/v1/invoices/{invoice}")
    assert (found["currency"], found["total"], found["amount_due"]) == (currency, amount, amount)


# --- payments -----------------------------------------------------------------------------------------------------


def charged(side: Side, *, declines: bool = False) -> str:
    """The id of an open invoice over 25.00 of a customer with a card."""
    customer = side.customer()
    side.card(customer, declines=declines)
    return side.open(customer, 2500, collection_method="charge_automatically")


def test_a_card_pays_an_invoice_and_the_payment_says_how_much(side: Side) -> None:
    invoice = charged(side)
    side.make(f"/v1/invoices/{invoice}/pay")
    found = side.get(f"/v1/invoices/{invoice}")
    assert (found["status"], found["amount_paid"], found["amount_remaining"]) == ("paid", 2500, 0)
    (payment,) = side.listed("/v1/invoice_payments", invoice=invoice)
    assert (payment["status"], payment["amount_paid"], payment["currency"]) == ("paid", 2500, "eur")
    assert payment["payment"]["type"] == "payment_intent"
    intent = side.get(f"/v1/payment_intents/{payment['payment']['payment_intent']}")
    assert (intent["status"], intent["amount_received"]) == ("succeeded", 2500)


def test_a_paid_invoice_is_not_paid_twice(side: Side) -> None:
    invoice = charged(side)
    side.make(f"/v1/invoices/{invoice}/pay")
    again = side.send(f"/v1/invoices/{invoice}/pay")
    assert (again.outcome, again.status) == (Outcome.REFUSED, 400)
    assert len(side.listed("/v1/invoice_payments", invoice=invoice)) == 1


def test_a_declined_card_leaves_the_invoice_open(side: Side) -> None:
    invoice = charged(side, declines=True)
    answer = side.send(f"/v1/invoices/{invoice}/pay")
    assert (answer.outcome, answer.status, answer.code) == (Outcome.DECLINED, 402, "card_declined")
    found = side.get(f"/v1/invoices/{invoice}")
    assert (found["status"], found["amount_paid"], found["amount_remaining"]) == ("open", 0, 2500)
    assert found["attempt_count"] == 1


def test_a_payment_is_given_back_in_parts(side: Side) -> None:
    invoice = charged(side)
    side.make(f"/v1/invoices/{invoice}/pay")
    (payment,) = side.listed("/v1/invoice_payments", invoice=invoice)
    intent = payment["payment"]["payment_intent"]
    refunds = [
        side.make("/v1/refunds", payment_intent=intent, amount=amount, metadata={"planctl_id": str(amount)})
        for amount in (700, 1800)
    ]
    assert [(one["amount"], one["status"]) for one in refunds] == [(700, "succeeded"), (1800, "succeeded")]
    listed = side.listed("/v1/refunds", payment_intent=intent)
    assert {one["id"]: one["metadata"] for one in listed} == {
        refunds[0]["id"]: {"planctl_id": "700"},
        refunds[1]["id"]: {"planctl_id": "1800"},
    }
    refused = side.send("/v1/refunds", {"payment_intent": intent, "amount": 1})
    assert (refused.outcome, refused.status) == (Outcome.REFUSED, 400)


def test_a_card_on_file_is_listed_with_its_customer(side: Side) -> None:
    customer = side.customer()
    assert side.listed("/v1/payment_methods", customer=customer) == []
    side.card(customer)
    (card,) = side.listed("/v1/payment_methods", customer=customer)
    assert (card["type"], card["customer"]) == ("card", customer)
    assert side.get(f"/v1/customers/{customer}")["invoice_settings"]["default_payment_method"] == card["id"]


# --- idempotency, paging, what is not there -----------------------------------------------------------------------


def test_the_same_key_with_the_same_parameters_answers_the_same_object(side: Side) -> None:
    """F097: a lost answer is asked for again, and nothing is made twice."""
    key = f"{side.mark}:again"
    wanted: dict[str, Value] = {"name": "Anna", "email": f"{side.mark}@example.com"}
    first = side.send("/v1/customers", wanted, key)
    second = side.send("/v1/customers", wanted, key)
    assert (second.outcome, second.body) == (Outcome.DONE, first.body)
    assert len(side.listed("/v1/customers", email=f"{side.mark}@example.com")) == 1


def test_the_same_key_with_other_parameters_is_told_apart_and_does_nothing(side: Side) -> None:
    """F100."""
    key = f"{side.mark}:other"
    made = side.send("/v1/customers", {"name": "Anna"}, key)
    other = side.send("/v1/customers", {"name": "Berta"}, key)
    assert (other.outcome, other.status, other.code) == (Outcome.DIFFERS, 400, "idempotency_error")
    assert side.get(f"/v1/customers/{made.id}")["name"] == "Anna"


def test_an_answer_of_no_is_not_done_later_by_the_same_key(side: Side) -> None:
    key, of = f"{side.mark}:no", product(side)
    old = price(side, of)
    side.make(f"/v1/products/{of}", default_price=old)
    for _ in range(2):
        assert side.send(f"/v1/prices/{old}", {"active": False}, key).outcome is Outcome.REFUSED
    assert side.get(f"/v1/prices/{old}")["active"] is True


def test_a_list_is_read_to_its_end_whatever_the_page_holds(side: Side) -> None:
    email = f"{side.mark}@example.com"
    made = [side.customer(email=email) for _ in range(5)]
    for limit in (1, 2, 5, 100):
        listed = [one["id"] for one in side.listed("/v1/customers", email=email, limit=limit)]
        assert sorted(listed) == sorted(made)


def test_a_list_is_narrowed_to_what_was_made_since(side: Side) -> None:
    customer = side.customer()
    created = side.get(f"/v1/customers/{customer}")["created"]
    since = [one["id"] for one in side.listed("/v1/customers", created={"gte": created})]
    assert customer in since
    before = [one["id"] for one in side.listed("/v1/customers", created={"gte": created + 3_600})]
    assert before == []


def test_what_is_not_there_is_told_apart_from_what_failed(side: Side) -> None:
    missing = f"/v1/customers/cus_{side.mark.replace('_', '')}"
    assert side.gateway.find(missing) is None
    refused = side.send(missing, {"name": "Anna"})
    assert (refused.outcome, refused.status, refused.code) == (Outcome.REFUSED, 404, "resource_missing")
    nowhere = side.send("/v1/invoices", {"customer": "cus_none", "auto_advance": False})
    assert (nowhere.outcome, nowhere.code, nowhere.param) == (Outcome.REFUSED, "resource_missing", "customer")


# --- pages for the customer ---------------------------------------------------------------------------------------


def test_a_payment_page_is_for_one_amount_and_can_be_closed(side: Side) -> None:
    customer = side.customer(email="anna@example.com")
    item: Value = {
        "quantity": 1,
        "price_data": {"currency": "eur", "unit_amount": 2500, "product_data": {"name": "Gym, January"}},
    }
    made = side.make(
        "/v1/checkout/sessions",
        mode="payment",
        customer=customer,
        line_items=[item],
        success_url=RETURN,
        client_reference_id=side.mark,
        metadata={"planctl_id": "checkout"},
        payment_intent_data={"setup_future_usage": "off_session", "metadata": {"planctl_id": "checkout"}},
    )
    assert made["url"].startswith("https://")
    assert (made["mode"], made["status"], made["payment_status"]) == ("payment", "open", "unpaid")
    assert (made["amount_total"], made["currency"], made["customer"]) == (2500, "eur", customer)
    assert side.get(f"/v1/checkout/sessions/{made['id']}")["client_reference_id"] == side.mark
    assert [one["id"] for one in side.listed("/v1/checkout/sessions", customer=customer)] == [made["id"]]
    assert side.make(f"/v1/checkout/sessions/{made['id']}/expire")["status"] == "expired"
    refused = side.send(f"/v1/checkout/sessions/{made['id']}/expire")
    assert (refused.outcome, refused.status) == (Outcome.REFUSED, 400)


def test_a_page_for_a_payment_method_takes_no_money(side: Side) -> None:
    customer = side.customer()
    made = side.make(
        "/v1/checkout/sessions", mode="setup", customer=customer, currency="eur", success_url=RETURN
    )
    assert made["url"].startswith("https://")
    assert (made["mode"], made["status"], made["payment_status"]) == ("setup", "open", "no_payment_required")
    assert (made["amount_total"], made["payment_intent"]) == (None, None)


def test_a_portal_page_is_one_customers(side: Side) -> None:
    features: dict[str, Value] = {
        "customer_update": {"enabled": True, "allowed_updates": ["address", "email"]},
        "invoice_history": {"enabled": True},
        "payment_method_update": {"enabled": True},
    }
    configuration = side.make(
        "/v1/billing_portal/configurations", features=features, metadata={"planctl_id": side.mark}
    )
    assert configuration["features"]["subscription_cancel"]["enabled"] is False
    listed = side.shown("/v1/billing_portal/configurations", configuration["id"], active=True)
    assert listed["metadata"] == {"planctl_id": side.mark}
    customer = side.customer()
    made = side.make(
        "/v1/billing_portal/sessions",
        customer=customer,
        configuration=configuration["id"],
        return_url=RETURN,
    )
    assert made["url"].startswith("https://")
    assert (made["customer"], made["return_url"]) == (customer, RETURN)


# --- events -------------------------------------------------------------------------------------------------------


def test_what_happened_is_listed_with_the_object_it_happened_to(side: Side) -> None:
    customer = side.customer()
    created = side.get(f"/v1/customers/{customer}")["created"]
    event = side.shown("/v1/events", customer, types=["customer.created"], created={"gte": created})
    assert (event["object"], event["type"], event["livemode"]) == ("event", "customer.created", False)
    assert event["id"].startswith("evt_")
    assert event["created"] >= created
    assert side.get(f"/v1/events/{event['id']}")["data"]["object"]["id"] == customer
