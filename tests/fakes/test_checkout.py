"""Checkout pages, the billing portal, cards, events and signed webhooks."""

from __future__ import annotations

import hashlib
import hmac
import http.server
import threading
from collections.abc import Iterator

import pytest
import stripe as library

from tests.fakes.stripe import FakeStripe, Fault
from tests.fakes.stripe.errors import StripeError

DAY = 86_400


@pytest.fixture
def customer(client: library.StripeClient) -> str:
    return client.v1.customers.create({"name": "Nova", "email": "nova@example.com"}).id


def page(client: library.StripeClient, customer: str, **more: object) -> library.checkout.Session:
    params = {
        "mode": "payment",
        "customer": customer,
        "success_url": "https://example.com/done",
        "line_items": [
            {
                "price_data": {"currency": "eur", "unit_amount": 4_900, "product_data": {"name": "Pro"}},
                "quantity": 2,
            }
        ],
        "payment_intent_data": {"setup_future_usage": "off_session", "metadata": {"planctl_id": "x"}},
        **more,
    }
    return client.v1.checkout.sessions.create(params)  # type: ignore[arg-type]


def types(stripe: FakeStripe, *beginnings: str) -> list[str]:
    return [event["type"] for event in stripe.events if event["type"].startswith(beginnings)]


# --- Checkout -------------------------------------------------------------------------------------


def test_a_page_is_paid(stripe: FakeStripe, client: library.StripeClient, customer: str) -> None:
    made = page(client, customer)
    assert (made.status, made.payment_status, made.amount_total, made.currency) == (
        "open",
        "unpaid",
        9_800,
        "eur",
    )
    assert made.id.startswith("cs_test_")
    assert made.url is not None
    assert (made.expires_at, made.payment_intent) == (stripe.clock.now + DAY, None)
    stripe.pay_session(made.id)
    found = client.v1.checkout.sessions.retrieve(made.id, {"expand": ["line_items", "payment_intent"]})
    assert (found.status, found.payment_status, found.url) == ("complete", "paid", None)
    intent = found.payment_intent
    assert isinstance(intent, library.PaymentIntent)
    assert (intent.amount_received, intent.metadata.to_dict()) == (9_800, {"planctl_id": "x"})
    assert found.line_items is not None
    assert [(item.description, item.amount_total) for item in found.line_items.data] == [("Pro", 9_800)]
    assert [card.customer for card in client.v1.customers.payment_methods.list(customer).data] == [customer]
    assert types(stripe, "checkout.", "payment_method.") == [
        "payment_method.attached",
        "checkout.session.completed",
    ]
    with pytest.raises(StripeError):
        stripe.pay_session(made.id)


def test_a_page_whose_money_is_on_its_way_is_complete_and_unpaid(
    stripe: FakeStripe, client: library.StripeClient, customer: str
) -> None:
    one, other = page(client, customer).id, page(client, customer).id
    for id in (one, other):
        stripe.pay_session(id, later=True)
        assert (stripe.get(id)["status"], stripe.get(id)["payment_status"]) == ("complete", "unpaid")
    stripe.settle_session(one)
    stripe.settle_session(other, succeeds=False)
    assert [stripe.get(id)["payment_status"] for id in (one, other)] == ["paid", "unpaid"]
    assert types(stripe, "checkout.session.async") == [
        "checkout.session.async_payment_succeeded",
        "checkout.session.async_payment_failed",
    ]


def test_a_declined_card_leaves_the_page_open(
    stripe: FakeStripe, client: library.StripeClient, customer: str
) -> None:
    made = page(client, customer)
    with pytest.raises(StripeError, match="declined"):
        stripe.pay_session(made.id, declines=True)
    assert stripe.get(made.id)["status"] == "open"
    stripe.pay_session(made.id)
    assert stripe.get(made.id)["status"] == "complete"


def test_a_page_for_a_card_alone(stripe: FakeStripe, client: library.StripeClient, customer: str) -> None:
    made = client.v1.checkout.sessions.create(
        {
            "mode": "setup",
            "currency": "eur",
            "customer": customer,
            "success_url": "https://example.com/done",
        }
    )
    assert (made.payment_status, made.amount_total) == ("no_payment_required", None)
    stripe.pay_session(made.id)
    assert isinstance(made.setup_intent, str)
    intent = client.v1.setup_intents.retrieve(made.setup_intent)
    assert intent.status == "succeeded"
    assert intent.payment_method in [one["id"] for one in stripe.objects("payment_method")]
    assert stripe.get(customer)["invoice_settings"]["default_payment_method"] is None


def test_a_page_ends_by_request_or_by_itself(
    stripe: FakeStripe, client: library.StripeClient, customer: str
) -> None:
    one, other = page(client, customer), page(client, customer)
    assert client.v1.checkout.sessions.expire(one.id).status == "expired"
    stripe.clock.advance(DAY)
    assert client.v1.checkout.sessions.retrieve(other.id).status == "expired"
    assert types(stripe, "checkout.") == ["checkout.session.expired"] * 2
    with pytest.raises(library.InvalidRequestError, match="expired"):
        client.v1.checkout.sessions.expire(other.id)


def test_a_page_is_for_a_customer_who_is_there(client: library.StripeClient) -> None:
    with pytest.raises(library.InvalidRequestError, match="No such customer: 'cus_gone'"):
        page(client, "cus_gone")


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"expires_at": 1_767_225_600 + 1_799}, "30 minutes"),
        ({"line_items": [{"price_data": {"currency": "eur", "product_data": {"name": "P"}}}]}, "unit_amount"),
        (
            {
                "line_items": [
                    {
                        "price_data": {"currency": "eur", "unit_amount": 49, "product_data": {"name": "P"}},
                        "quantity": 1,
                    }
                ]
            },
            "minimum",
        ),
    ],
)
def test_a_page_that_cannot_be_is_refused(
    client: library.StripeClient, customer: str, more: dict[str, object], said: str
) -> None:
    with pytest.raises(library.InvalidRequestError, match=said):
        page(client, customer, **more)


# --- portal and cards -----------------------------------------------------------------------------


def test_a_portal_needs_a_configuration(client: library.StripeClient, customer: str) -> None:
    with pytest.raises(library.InvalidRequestError, match="No configuration provided"):
        client.v1.billing_portal.sessions.create({"customer": customer})
    made = client.v1.billing_portal.configurations.create(
        {"features": {"payment_method_update": {"enabled": True}, "invoice_history": {"enabled": True}}}
    )
    assert (made.is_default, made.features.payment_method_update.enabled) == (False, True)
    assert made.features.subscription_cancel.enabled is False
    found = client.v1.billing_portal.sessions.create(
        {"customer": customer, "configuration": made.id, "return_url": "https://example.com/"}
    )
    assert found.url.startswith("https://billing.stripe.com/p/session/test_")
    assert [one.id for one in client.v1.billing_portal.configurations.list().data] == [made.id]


def test_a_card_that_is_taken_away_is_no_default_any_more(
    stripe: FakeStripe, client: library.StripeClient, customer: str
) -> None:
    card = stripe.attach_card(customer)
    assert stripe.get(customer)["invoice_settings"]["default_payment_method"] == card
    assert [one.id for one in client.v1.payment_methods.list({"customer": customer}).data] == [card]
    stripe.detach_card(card)
    assert stripe.get(customer)["invoice_settings"]["default_payment_method"] is None
    assert client.v1.payment_methods.list({"customer": customer}).data == []
    assert types(stripe, "payment_method.") == ["payment_method.attached", "payment_method.detached"]


def test_stripes_test_cards_can_be_attached(client: library.StripeClient, customer: str) -> None:
    card = client.v1.payment_methods.attach("pm_card_visa", {"customer": customer})
    assert card.customer == customer
    assert client.v1.payment_methods.detach(card.id).customer is None


# --- events ---------------------------------------------------------------------------------------


def test_events_are_listed_newest_first_with_the_object_as_it_was(
    stripe: FakeStripe, client: library.StripeClient
) -> None:
    made = client.v1.products.create({"name": "Pro"}, {"idempotency_key": "k1"})
    stripe.clock.advance(10)
    stripe.edit(made.id, name="Max")
    updated, created = client.v1.events.list().data
    assert (created.type, created.data.object["name"]) == ("product.created", "Pro")
    assert (updated.type, updated.data.object["name"]) == ("product.updated", "Max")
    assert updated.data.previous_attributes is not None
    assert updated.data.previous_attributes.to_dict() == {"name": "Pro", "updated": 1_767_225_600}
    assert created.request is not None
    assert (created.request.idempotency_key, created.livemode) == ("k1", False)
    assert updated.request is not None
    assert updated.request.id is None
    since = client.v1.events.list({"created": {"gt": stripe.clock.now - 10}, "types": ["product.updated"]})
    assert [event.id for event in since.data] == [updated.id]
    assert [one.id for one in client.v1.events.list({"starting_after": updated.id}).data] == [created.id]
    assert client.v1.events.retrieve(created.id).type == "product.created"


def test_events_are_listed_for_thirty_days(stripe: FakeStripe, client: library.StripeClient) -> None:
    client.v1.products.create({"name": "Pro"})
    stripe.clock.advance(30 * DAY)
    assert len(client.v1.events.list().data) == 1
    stripe.clock.advance(1)
    assert client.v1.events.list().data == []
    assert len(stripe.events) == 1


def test_one_change_can_come_as_two_events(stripe: FakeStripe, client: library.StripeClient) -> None:
    stripe.faults.add(Fault("EVENT", r"^product\.created$", "twice"))
    made = client.v1.products.create({"name": "Pro"})
    assert types(stripe, "product.") == ["product.created"] * 2
    assert {event["data"]["object"]["id"] for event in stripe.events} == {made.id}
    assert len({event["id"] for event in stripe.events}) == 2


def test_a_webhook_is_signed_as_stripe_signs(stripe: FakeStripe, client: library.StripeClient) -> None:
    client.v1.products.create({"name": "Pro"})
    (event,) = stripe.events
    body, header = stripe.signed(event["id"])
    signed = hmac.new(stripe.webhook_secret.encode(), b"1767225600." + body, hashlib.sha256).hexdigest()
    assert header == f"t=1767225600,v1={signed}"
    assert library.WebhookSignature.verify_header(body, header, stripe.webhook_secret)
    _, forged = stripe.signed(event["id"], secret="whsec_wrong")
    with pytest.raises(library.SignatureVerificationError):
        library.WebhookSignature.verify_header(body, forged, stripe.webhook_secret)
    _, two = stripe.signed(event["id"], secret=("whsec_old", "whsec_new"), at=5)
    assert two.startswith("t=5,v1=")
    assert library.WebhookSignature.verify_header(body, two, "whsec_new")


@pytest.fixture
def inbox() -> Iterator[tuple[str, list[tuple[bytes, str]]]]:
    """An address that takes webhooks, and what came."""
    came: list[tuple[bytes, str]] = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            came.append((body, self.headers["Stripe-Signature"]))
            self.send_response(200 if len(came) < 3 else 500)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:
            """Quiet."""

    with http.server.HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}/", came
        server.shutdown()
        thread.join()


def test_events_are_delivered_in_any_order_and_answers_come_back(
    stripe: FakeStripe, client: library.StripeClient, inbox: tuple[str, list[tuple[bytes, str]]]
) -> None:
    url, came = inbox
    client.v1.products.create({"name": "Pro"})
    client.v1.products.create({"name": "Max"})
    first, second = (event["id"] for event in stripe.events)
    assert stripe.deliver(url, [second, first, first]) == [200, 200, 500]
    assert came[0] == stripe.signed(second)
    assert came[1] == came[2] == stripe.signed(first)
