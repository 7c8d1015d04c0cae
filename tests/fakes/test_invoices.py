"""Invoices from the draft to the last payment, refund and dispute. Amounts are cents, worked out by hand."""

from __future__ import annotations

import pytest
import stripe as library

from tests.fakes.stripe import FakeStripe
from tests.fakes.stripe.objects import Object

DAY = 86_400


@pytest.fixture
def customer(client: library.StripeClient) -> str:
    return client.v1.customers.create({"name": "Nova", "email": "nova@example.com"}).id


def draft(client: library.StripeClient, customer: str, *amounts: int, **more: object) -> str:
    params = {"customer": customer, "currency": "usd", "auto_advance": False, **more}
    made = client.v1.invoices.create(params)  # type: ignore[arg-type]
    if amounts:
        client.v1.invoices.add_lines(made.id, {"lines": [{"amount": amount} for amount in amounts]})
    return made.id


def vat(amount: int, taxable: int, *, inclusive: bool = False) -> Object:
    data = {"display_name": "VAT", "percentage": 19, "inclusive": inclusive, "country": "DE"}
    return {"amount": amount, "taxable_amount": taxable, "tax_rate_data": data}


def opened(client: library.StripeClient, customer: str, *amounts: int, **more: object) -> library.Invoice:
    return client.v1.invoices.finalize_invoice(draft(client, customer, *amounts, **more))


def types(stripe: FakeStripe, *beginnings: str) -> list[str]:
    return [event["type"] for event in stripe.events if event["type"].startswith(beginnings)]


def intent_of(stripe: FakeStripe, invoice: str) -> Object:
    (payment,) = [one for one in stripe.objects("invoice_payment") if one["invoice"] == invoice]
    return stripe.get(payment["payment"]["payment_intent"])


# --- drafts ---------------------------------------------------------------------------------------


def test_a_draft_adds_up_what_it_is_given_and_computes_no_tax(
    client: library.StripeClient, customer: str
) -> None:
    lines = [
        {"amount": 10_000, "description": "Pro", "tax_amounts": [vat(1_900, 10_000)]},
        {"amount": 11_900, "description": "Seats", "tax_amounts": [vat(1_900, 10_000, inclusive=True)]},
        {"amount": -500, "description": "Coupon", "tax_amounts": [vat(-95, -500)]},
    ]
    id = draft(client, customer)
    client.v1.invoices.add_lines(id, {"lines": lines})  # type: ignore[typeddict-item]
    found = client.v1.invoices.retrieve(id)
    assert found.subtotal == 10_000 + 11_900 - 500
    assert found.total == 10_000 + 11_900 - 500 + 1_900 - 95
    assert found.total_excluding_tax == 21_400 - 1_900
    assert (found.amount_due, found.amount_remaining, found.amount_paid) == (23_205, 23_205, 0)
    assert found.total_taxes is not None
    assert sorted((tax.tax_behavior, tax.amount) for tax in found.total_taxes) == [
        ("exclusive", 1_805),
        ("inclusive", 1_900),
    ]
    assert (found.status, found.number, found.hosted_invoice_url) == ("draft", None, None)


def test_a_tax_rate_that_stripe_makes_of_a_tax_is_archived_and_used_again(
    stripe: FakeStripe, client: library.StripeClient, customer: str
) -> None:
    for _ in range(2):
        id = draft(client, customer)
        lines = [{"amount": 100, "tax_amounts": [vat(19, 100)]}]
        client.v1.invoices.add_lines(id, {"lines": lines})  # type: ignore[typeddict-item]
    (rate,) = stripe.objects("tax_rate")
    assert (rate["active"], rate["percentage"], rate["country"]) == (False, 19.0, "DE")


def test_an_invoice_shows_ten_lines_and_lists_all_in_their_order(
    stripe: FakeStripe, client: library.StripeClient, customer: str
) -> None:
    id = draft(client, customer, *range(1, 13))
    found = client.v1.invoices.retrieve(id)
    assert ([line.amount for line in found.lines.data], found.lines.has_more) == ([*range(1, 11)], True)
    page = client.v1.invoices.line_items.list(id, {"limit": 100})
    assert [line.amount for line in page.data] == [*range(1, 13)]
    assert [line["amount"] for line in stripe.lines(id)] == [*range(1, 13)]


def test_only_a_draft_can_be_deleted(client: library.StripeClient, customer: str) -> None:
    id = draft(client, customer, 1_000)
    assert client.v1.invoices.delete(id).deleted is True
    with pytest.raises(library.InvalidRequestError) as caught:
        client.v1.invoices.retrieve(id)
    assert caught.value.http_status == 404
    with pytest.raises(library.InvalidRequestError, match="draft"):
        client.v1.invoices.delete(opened(client, customer, 1_000).id)


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"collection_method": "send_invoice"}, "days_until_due"),
        ({"due_date": 1_767_225_600 + DAY}, "collection_method"),
        # https://github.com/stripe/stripe-python/issues/925
        ({"collection_method": "send_invoice", "due_date": 1_767_225_600}, "in the future"),
        ({"currency": "btc"}, "Invalid currency"),
        ({"number": "N" * 27}, "26 characters"),
    ],
)
def test_a_draft_that_cannot_be_is_refused(
    client: library.StripeClient, customer: str, more: Object, said: str
) -> None:
    with pytest.raises(library.InvalidRequestError, match=said):
        draft(client, customer, **more)


def test_an_invoice_that_is_to_be_sent_needs_an_address(client: library.StripeClient) -> None:
    nobody = client.v1.customers.create({"name": "Nova"}).id
    with pytest.raises(library.InvalidRequestError, match="Missing email"):
        draft(client, nobody, collection_method="send_invoice", days_until_due=14)
    plain = draft(client, nobody)
    with pytest.raises(library.InvalidRequestError, match="Missing email"):
        client.v1.invoices.update(plain, {"collection_method": "send_invoice", "days_until_due": 14})


# --- finalizing -----------------------------------------------------------------------------------


def test_finalizing_gives_a_number_a_page_and_a_payment_intent(
    stripe: FakeStripe, client: library.StripeClient, customer: str
) -> None:
    found = opened(client, customer, 10_000)
    assert (found.status, found.amount_due, found.attempt_count) == ("open", 10_000, 0)
    assert found.number is not None
    assert found.number.endswith("-0001")
    assert found.hosted_invoice_url is not None
    assert found.invoice_pdf is not None
    assert found.status_transitions.finalized_at == stripe.clock.now
    intent = intent_of(stripe, found.id)
    assert (intent["amount"], intent["currency"], intent["status"]) == (
        10_000,
        "usd",
        "requires_payment_method",
    )
    assert types(stripe, "invoice.", "payment_intent.") == [
        "invoice.created",
        "invoice.updated",
        "payment_intent.created",
        "invoice.finalized",
        "invoice.updated",
    ]
    with pytest.raises(library.InvalidRequestError, match="already finalized"):
        client.v1.invoices.finalize_invoice(found.id)
    with pytest.raises(library.InvalidRequestError) as caught:
        client.v1.invoices.update(found.id, {"description": "x"})
    assert caught.value.code == "invoice_not_editable"
    client.v1.invoices.update(found.id, {"metadata": {"a": "b"}})
    assert stripe.get(found.id)["metadata"] == {"a": "b"}


def test_less_than_can_be_charged_is_paid_and_goes_to_the_balance(
    stripe: FakeStripe, client: library.StripeClient, customer: str
) -> None:
    found = opened(client, customer, 49)
    assert (found.status, found.total, found.amount_due, found.amount_paid) == ("paid", 49, 0, 0)
    assert stripe.get(customer)["balance"] == 49
    assert stripe.objects("payment_intent") == []
    following = opened(client, customer, 1_000)
    assert (following.starting_balance, following.amount_due, following.ending_balance) == (49, 1_049, 0)


def test_credit_on_the_balance_lowers_what_is_due_and_comes_back_when_it_is_voided(
    stripe: FakeStripe, client: library.StripeClient, customer: str
) -> None:
    client.v1.customers.update(customer, {"balance": -300})
    found = opened(client, customer, 1_000)
    assert (found.starting_balance, found.amount_due, found.ending_balance) == (-300, 700, 0)
    assert stripe.get(customer)["balance"] == 0
    assert client.v1.invoices.void_invoice(found.id).status == "void"
    assert stripe.get(customer)["balance"] == -300
    assert intent_of(stripe, found.id)["status"] == "canceled"


def test_an_amount_that_cannot_be_charged_stays_a_draft(
    stripe: FakeStripe, client: library.StripeClient, customer: str
) -> None:
    id = draft(client, customer, 99_999_999, 1)
    with pytest.raises(library.InvalidRequestError) as caught:
        client.v1.invoices.finalize_invoice(id)
    assert caught.value.code == "amount_too_large"
    assert stripe.get(id)["status"] == "draft"


# --- paying ---------------------------------------------------------------------------------------


def test_a_card_that_is_good_pays(stripe: FakeStripe, client: library.StripeClient, customer: str) -> None:
    card = stripe.attach_card(customer)
    found = client.v1.invoices.pay(opened(client, customer, 10_000).id, {"expand": ["payments"]})
    assert (found.status, found.amount_paid, found.amount_remaining) == ("paid", 10_000, 0)
    assert found.payments is not None
    (payment,) = found.payments.data
    assert (payment.status, payment.amount_paid) == ("paid", 10_000)
    intent = intent_of(stripe, found.id)
    assert (intent["status"], intent["amount_received"], intent["payment_method"]) == (
        "succeeded",
        10_000,
        card,
    )
    charge = client.v1.charges.retrieve(intent["latest_charge"])
    assert (charge.amount, charge.paid, charge.status) == (10_000, True, "succeeded")
    assert types(stripe, "invoice.pa", "charge.", "payment_intent.s") == [
        "charge.succeeded",
        "payment_intent.succeeded",
        "invoice.paid",
        "invoice.payment_succeeded",
    ]
    with pytest.raises(library.InvalidRequestError, match="already paid"):
        client.v1.invoices.pay(found.id)


def test_a_card_that_declines_leaves_the_invoice_open(
    stripe: FakeStripe, client: library.StripeClient, customer: str
) -> None:
    stripe.attach_card(customer, declines=True)
    id = opened(client, customer, 10_000).id
    with pytest.raises(library.CardError) as caught:
        client.v1.invoices.pay(id)
    assert (caught.value.http_status, caught.value.code) == (402, "card_declined")
    found = stripe.get(id)
    assert (found["status"], found["attempt_count"], found["attempted"]) == ("open", 1, True)
    assert intent_of(stripe, id)["last_payment_error"]["decline_code"] == "generic_decline"
    assert types(stripe, "invoice.payment") == ["invoice.payment_failed"]
    stripe.fail_payment(id)  # Stripe's own second try
    assert stripe.get(id)["attempt_count"] == 2
    stripe.pay_invoice(id)
    assert (stripe.get(id)["status"], stripe.get(id)["attempt_count"]) == ("paid", 2)


def test_without_a_card_nothing_is_tried(
    stripe: FakeStripe, client: library.StripeClient, customer: str
) -> None:
    id = opened(client, customer, 10_000).id
    with pytest.raises(library.InvalidRequestError, match="no attached payment source"):
        client.v1.invoices.pay(id)
    assert stripe.get(id)["attempt_count"] == 0


def test_paid_elsewhere_charges_nothing(
    stripe: FakeStripe, client: library.StripeClient, customer: str
) -> None:
    found = client.v1.invoices.pay(opened(client, customer, 10_000).id, {"paid_out_of_band": True})
    assert (found.status, found.amount_remaining, found.amount_paid_off_stripe) == ("paid", 0, 10_000)
    assert stripe.objects("charge") == []
    assert types(stripe, "invoice.pa") == ["invoice.paid"]


def test_an_invoice_is_sent_only_where_it_is_to_be_sent(
    stripe: FakeStripe, client: library.StripeClient, customer: str
) -> None:
    id = draft(client, customer, 1_000, collection_method="send_invoice", days_until_due=14)
    found = client.v1.invoices.send_invoice(id)
    assert (found.status, found.due_date) == ("open", stripe.clock.now + 14 * DAY)
    assert types(stripe, "invoice.s") == ["invoice.sent"]
    with pytest.raises(library.InvalidRequestError, match="send_invoice"):
        client.v1.invoices.send_invoice(opened(client, customer, 1_000).id)


def test_bad_debt_can_still_be_paid_or_voided(
    stripe: FakeStripe, client: library.StripeClient, customer: str
) -> None:
    one, other = opened(client, customer, 1_000).id, opened(client, customer, 2_000).id
    assert client.v1.invoices.mark_uncollectible(one).status == "uncollectible"
    stripe.mark_uncollectible(other)
    stripe.pay_invoice(one)
    stripe.void_invoice(other)
    assert [stripe.get(id)["status"] for id in (one, other)] == ["paid", "void"]
    with pytest.raises(library.InvalidRequestError, match="isn't open"):
        client.v1.invoices.void_invoice(one)


# --- money back -----------------------------------------------------------------------------------


def test_a_credit_note_lowers_what_an_open_invoice_asks_for(
    stripe: FakeStripe, client: library.StripeClient, customer: str
) -> None:
    id = opened(client, customer, 10_000).id
    note = client.v1.credit_notes.create({"invoice": id, "amount": 4_000})
    assert (note.amount, note.pre_payment_amount, note.type) == (4_000, 4_000, "pre_payment")
    found = stripe.get(id)
    assert (found["total"], found["amount_due"], found["amount_remaining"]) == (10_000, 6_000, 6_000)
    assert intent_of(stripe, id)["amount"] == 6_000
    client.v1.credit_notes.create({"invoice": id, "amount": 6_000})
    assert (stripe.get(id)["status"], stripe.get(id)["amount_paid"]) == ("paid", 0)
    with pytest.raises(library.InvalidRequestError, match="greater than"):
        client.v1.credit_notes.create({"invoice": id, "amount": 1, "out_of_band_amount": 1})


def test_a_credit_note_that_is_voided_never_counted(
    stripe: FakeStripe, client: library.StripeClient, customer: str
) -> None:
    id = opened(client, customer, 10_000).id
    note = client.v1.credit_notes.create({"invoice": id, "amount": 4_000})
    assert client.v1.credit_notes.void_credit_note(note.id).status == "void"
    assert (stripe.get(id)["amount_due"], intent_of(stripe, id)["amount"]) == (10_000, 10_000)


def test_after_payment_a_credit_note_says_where_the_money_went(
    stripe: FakeStripe, client: library.StripeClient, customer: str
) -> None:
    id = opened(client, customer, 10_000).id
    stripe.pay_invoice(id)
    with pytest.raises(library.InvalidRequestError, match="must equal"):
        client.v1.credit_notes.create({"invoice": id, "amount": 4_000})
    note = client.v1.credit_notes.create({"invoice": id, "amount": 4_000, "refund_amount": 4_000})
    assert (note.post_payment_amount, note.type) == (4_000, "post_payment")
    assert [one["amount"] for one in stripe.objects("refund")] == [4_000]


def test_a_refund_gives_back_at_most_what_was_paid(
    stripe: FakeStripe, client: library.StripeClient, customer: str
) -> None:
    intent = stripe.pay_invoice(opened(client, customer, 10_000).id)
    refund = client.v1.refunds.create({"payment_intent": intent, "amount": 4_000})
    assert (refund.status, refund.amount, refund.payment_intent) == ("succeeded", 4_000, intent)
    with pytest.raises(library.InvalidRequestError, match="greater than"):
        client.v1.refunds.create({"payment_intent": intent, "amount": 6_001})
    stripe.refund(intent)
    charge = stripe.get(stripe.get(intent)["latest_charge"])
    assert (charge["amount_refunded"], charge["refunded"]) == (10_000, True)
    with pytest.raises(library.InvalidRequestError) as caught:
        client.v1.refunds.create({"payment_intent": intent})
    assert caught.value.code == "charge_already_refunded"
    listed = client.v1.refunds.list({"payment_intent": intent}).data
    assert [one.amount for one in listed] == [6_000, 4_000]


def test_a_refund_that_fails_leaves_the_charge_as_it_was(
    stripe: FakeStripe, client: library.StripeClient, customer: str
) -> None:
    intent = stripe.pay_invoice(opened(client, customer, 10_000).id)
    refund = stripe.refund(intent, 4_000)
    stripe.fail_refund(refund)
    assert stripe.get(refund)["status"] == "failed"
    assert stripe.get(stripe.get(intent)["latest_charge"])["amount_refunded"] == 0
    assert types(stripe, "refund.", "charge.r") == [
        "refund.created",
        "charge.refunded",
        "refund.updated",
        "refund.failed",
        "charge.refund.updated",
    ]


@pytest.mark.parametrize(
    ("won", "status", "last"),
    [(True, "won", "charge.dispute.funds_reinstated"), (False, "lost", "charge.dispute.closed")],
)
def test_a_dispute_takes_the_money_and_brings_it_back_where_it_is_won(
    stripe: FakeStripe, client: library.StripeClient, customer: str, won: bool, status: str, last: str
) -> None:
    intent = stripe.pay_invoice(opened(client, customer, 10_000).id)
    dispute = stripe.dispute(intent)
    assert types(stripe, "charge.d") == ["charge.dispute.created", "charge.dispute.funds_withdrawn"]
    assert client.v1.disputes.list({"payment_intent": intent}).data[0].amount == 10_000
    with pytest.raises(library.InvalidRequestError) as caught:
        client.v1.refunds.create({"payment_intent": intent})
    assert caught.value.code == "charge_disputed"
    stripe.close_dispute(dispute, won=won)
    moved = [one["amount"] for one in stripe.get(dispute)["balance_transactions"]]
    assert moved == ([-10_000, 10_000] if won else [-10_000])
    assert (stripe.get(dispute)["status"], stripe.events[-1]["type"]) == (status, last)


def test_an_inquiry_moves_no_money(stripe: FakeStripe, client: library.StripeClient, customer: str) -> None:
    dispute = stripe.dispute(stripe.pay_invoice(opened(client, customer, 10_000).id), inquiry=True)
    stripe.close_dispute(dispute, won=True)
    assert (stripe.get(dispute)["status"], stripe.get(dispute)["balance_transactions"]) == (
        "warning_closed",
        [],
    )
    assert types(stripe, "charge.d") == ["charge.dispute.created", "charge.dispute.closed"]
