"""What goes over the wire: keys, errors, idempotency, faults and hooks."""

from __future__ import annotations

import json
import threading

import pytest
import requests
import stripe as library

from tests.fakes.stripe import FakeStripe, Fault, Request
from tests.fakes.stripe.clock import HOUR
from tests.fakes.stripe.fixture import client_of
from tests.fakes.stripe.objects import Object

HOUR_23 = 23 * HOUR


def post(
    fake: FakeStripe, path: str, body: str, key: str = "", secret: str = ""
) -> tuple[int, Object, dict[str, str]]:
    """One POST of a given body; status, JSON and headers (in small letters)."""
    headers = {
        "Authorization": f"Bearer {secret or fake.key}",
        "Content-Type": "application/x-www-form-urlencoded",
    }
    if key:
        headers["Idempotency-Key"] = key
    with requests.Session() as session:
        session.trust_env = False
        answer = session.post(fake.address + path, data=body, headers=headers, timeout=30)
        return (
            answer.status_code,
            json.loads(answer.content),
            {name.lower(): value for name, value in answer.headers.items()},
        )


def names(fake: FakeStripe) -> list[str]:
    return [product["name"] for product in fake.objects("product")]


# --- keys -----------------------------------------------------------------------------------------


def test_a_key_that_nobody_has_is_refused_and_shown_masked(stripe: FakeStripe) -> None:
    status, body, _ = post(stripe, "/v1/products", "name=Pro", secret="sk_test_canary00000000001234")
    assert status == 401
    assert body["error"]["message"] == "Invalid API Key provided: sk_test_****************1234"
    assert stripe.objects("product") == []


def test_a_restricted_key_is_refused_before_its_parameters_are_looked_at(stripe: FakeStripe) -> None:
    stripe.add_key("rk_test_readonly", {"products": "read", "account": "read"})
    with requests.Session() as session:
        client = client_of(stripe, "rk_test_readonly", session)
        assert client.v1.products.list().data == []
        with pytest.raises(library.PermissionError, match="rak_product_write"):
            client.v1.products.create({"nonsense": 1})  # type: ignore[typeddict-item,typeddict-unknown-key]
        with pytest.raises(library.PermissionError):
            client.v1.customers.list()


def test_the_modes_are_apart(stripe: FakeStripe) -> None:
    with requests.Session() as session:
        live = client_of(stripe, stripe.live_key, session)
        product = live.v1.products.create({"name": "Pro"})
    assert product.livemode is True
    assert stripe.objects("product") == []
    assert [one["id"] for one in stripe.objects("product", live=True)] == [product.id]


def test_another_account_has_books_of_its_own(stripe: FakeStripe) -> None:
    stripe.add_key("sk_test_other", account="acct_other")
    with requests.Session() as session:
        other = client_of(stripe, "sk_test_other", session)
        assert other.v1.accounts.retrieve_current().id == "acct_other"
        other.v1.products.create({"name": "Pro"})
    assert stripe.objects("product") == []
    assert len(stripe.objects("product", account="acct_other")) == 1


# --- errors ---------------------------------------------------------------------------------------


def test_an_error_has_stripes_shape(stripe: FakeStripe, client: library.StripeClient) -> None:
    with pytest.raises(library.InvalidRequestError) as caught:
        client.v1.products.retrieve("prod_gone")
    error = caught.value
    assert (error.http_status, error.code, error.param) == (404, "resource_missing", "id")
    assert error.user_message == "No such product: 'prod_gone'"
    assert error.request_id is not None
    assert error.request_id.startswith("req_")
    assert isinstance(error.json_body, dict)
    assert error.json_body["error"]["request_log_url"].endswith(f"/test/logs/{error.request_id}")


def test_a_wrong_parameter_is_answered_and_written_down(
    stripe: FakeStripe, client: library.StripeClient
) -> None:
    with pytest.raises(library.InvalidRequestError) as caught:
        client.v1.products.create({"name": "Pro", "colour": "red"})  # type: ignore[typeddict-unknown-key]
    assert (caught.value.code, caught.value.param) == ("parameter_unknown", "colour")
    assert stripe.violations == ["POST /v1/products: Received unknown parameter: colour"]
    stripe.violations.clear()


def test_an_address_that_the_fake_does_not_know_is_a_violation(stripe: FakeStripe) -> None:
    status, body, _ = post(stripe, "/v1/unicorns", "")
    assert (status, body["error"]["type"]) == (404, "invalid_request_error")
    assert stripe.violations == ["POST /v1/unicorns: the fake has no such endpoint"]
    stripe.violations.clear()


def test_a_request_that_is_refused_leaves_nothing(stripe: FakeStripe, client: library.StripeClient) -> None:
    with pytest.raises(library.InvalidRequestError, match="characters"):
        client.v1.products.create({"name": "Pro", "metadata": {"n" * 41: "x"}})
    with pytest.raises(library.InvalidRequestError, match="Invalid currency"):
        client.v1.products.create(
            {"name": "Pro", "default_price_data": {"currency": "xxx", "unit_amount": 100}}
        )
    assert (stripe.objects("product"), stripe.events) == ([], [])


def test_a_mistake_of_the_fake_is_a_500_and_a_violation(
    stripe: FakeStripe, client: library.StripeClient
) -> None:
    stripe.desk.ticks.append(lambda _books: 1 // 0)
    with pytest.raises(library.APIError):
        client.v1.products.create({"name": "Pro"})
    (said,) = stripe.violations
    assert said.startswith("POST /v1/products: the fake broke: ZeroDivisionError")
    stripe.violations.clear()


def test_a_hook_that_raises_breaks_the_connection(stripe: FakeStripe, client: library.StripeClient) -> None:
    def stop(_request: Request) -> None:
        raise RuntimeError("stop")

    stripe.hooks.after.append(stop)
    with pytest.raises(library.APIConnectionError):
        client.v1.products.create({"name": "Pro"})
    assert names(stripe) == ["Pro"]


# --- idempotency ----------------------------------------------------------------------------------


def test_the_same_request_under_the_same_key_is_answered_again_and_done_once(stripe: FakeStripe) -> None:
    first = post(stripe, "/v1/products", "name=Pro", key="k1")
    second = post(stripe, "/v1/products", "name=Pro", key="k1")
    assert first[:2] == second[:2]
    assert second[2]["idempotent-replayed"] == "true"
    assert second[2]["original-request"] == first[2]["request-id"]
    assert names(stripe) == ["Pro"]
    assert [request.replayed for request in stripe.posts()] == [False, True]


def test_a_replay_tells_what_was_answered_then_not_what_is_now(stripe: FakeStripe) -> None:
    _, made, _ = post(stripe, "/v1/products", "name=Pro", key="k1")
    stripe.edit(made["id"], name="Other")
    assert post(stripe, "/v1/products", "name=Pro", key="k1")[1]["name"] == "Pro"


@pytest.mark.parametrize(
    ("path", "body", "said"),
    [("/v1/products", "name=Max", "parameters"), ("/v1/customers", "name=Pro", "endpoint")],
)
def test_a_key_with_another_request_is_an_idempotency_error(
    stripe: FakeStripe, path: str, body: str, said: str
) -> None:
    post(stripe, "/v1/products", "name=Pro", key="k1")
    status, answer, _ = post(stripe, path, body, key="k1")
    assert (status, answer["error"]["type"]) == (400, "idempotency_error")
    assert said in answer["error"]["message"]
    assert names(stripe) == ["Pro"]


def test_a_key_is_forgotten_after_a_day_of_the_fake_clock(stripe: FakeStripe) -> None:
    post(stripe, "/v1/products", "name=Pro", key="k1")
    stripe.clock.advance(HOUR_23)
    assert post(stripe, "/v1/products", "name=Pro", key="k1")[2]["idempotent-replayed"] == "true"
    stripe.clock.advance(HOUR)
    assert "idempotent-replayed" not in post(stripe, "/v1/products", "name=Pro", key="k1")[2]
    assert names(stripe) == ["Pro", "Pro"]


def test_a_parameter_that_fails_its_check_leaves_the_key_free(stripe: FakeStripe) -> None:
    assert post(stripe, "/v1/products", "nme=Pro", key="k1")[0] == 400
    assert post(stripe, "/v1/products", "name=Pro", key="k1")[0] == 200
    stripe.violations.clear()


def test_a_refusal_of_what_was_executed_is_replayed(stripe: FakeStripe) -> None:
    body = "currency=usd&unit_amount=1&product=prod_gone"
    first = post(stripe, "/v1/prices", body, key="k1")
    assert first[0] == 400
    again = post(stripe, "/v1/prices", body, key="k1")
    assert (again[0], again[1], again[2]["idempotent-replayed"]) == (400, first[1], "true")


def test_the_modes_have_keys_of_their_own(stripe: FakeStripe) -> None:
    post(stripe, "/v1/products", "name=Pro", key="k1")
    assert post(stripe, "/v1/products", "name=Max", key="k1", secret=stripe.live_key)[0] == 200


def test_a_second_request_while_the_first_one_runs_is_refused(stripe: FakeStripe) -> None:
    held = stripe.faults.add(Fault("POST", r"/v1/products$", "delay", seconds=30))
    answers: list[int] = []
    arrived = threading.Event()
    stripe.hooks.before.append(lambda _request: arrived.set())
    first = threading.Thread(
        target=lambda: answers.append(post(stripe, "/v1/products", "name=Pro", key="k1")[0])
    )
    first.start()
    arrived.wait(30)
    while not stripe.desk.accounts.idempotency(stripe.desk.accounts.keys[stripe.key]).kept:
        threading.Event().wait(0.005)
    status, body, _ = post(stripe, "/v1/products", "name=Pro", key="k1")
    held.release()
    first.join(30)
    assert (status, body["error"]["code"]) == (409, "idempotency_key_in_use")
    assert answers == [200]
    assert names(stripe) == ["Pro"]


# --- faults and hooks -----------------------------------------------------------------------------


@pytest.mark.parametrize(("kind", "made"), [("drop_before", []), ("drop_after", ["Pro"])])
def test_a_dropped_connection_leaves_the_effect_undone_or_done(
    stripe: FakeStripe, client: library.StripeClient, kind: str, made: list[str]
) -> None:
    stripe.faults.add(Fault("POST", r"/v1/products$", kind))  # type: ignore[arg-type]
    with pytest.raises(library.APIConnectionError):
        client.v1.products.create({"name": "Pro"}, {"idempotency_key": "k1"})
    assert names(stripe) == made
    client.v1.products.create({"name": "Pro"}, {"idempotency_key": "k1"})
    assert names(stripe) == ["Pro"]


@pytest.mark.parametrize(("kind", "made"), [("500", []), ("500_after", ["Pro"])])
def test_a_500_is_kept_under_the_key_with_or_without_the_effect(
    stripe: FakeStripe, kind: str, made: list[str]
) -> None:
    stripe.faults.add(Fault("POST", r"/v1/products$", kind))  # type: ignore[arg-type]
    assert post(stripe, "/v1/products", "name=Pro", key="k1")[0] == 500
    status, _, headers = post(stripe, "/v1/products", "name=Pro", key="k1")
    assert (status, headers["idempotent-replayed"]) == (500, "true")
    assert names(stripe) == made


@pytest.mark.parametrize(("kind", "status"), [("429", 429), ("409", 409), ("503", 503)])
def test_what_was_not_begun_may_be_tried_again_under_its_key(
    stripe: FakeStripe, kind: str, status: int
) -> None:
    stripe.faults.add(
        Fault("POST", r"/v1/products$", kind, should_retry="true", retry_after="2")  # type: ignore[arg-type]
    )
    found, _, headers = post(stripe, "/v1/products", "name=Pro", key="k1")
    assert (found, headers["stripe-should-retry"], headers["retry-after"]) == (status, "true", "2")
    assert post(stripe, "/v1/products", "name=Pro", key="k1")[0] == 200
    assert names(stripe) == ["Pro"]


def test_a_fault_befalls_the_nth_request_and_as_many_as_it_says(stripe: FakeStripe) -> None:
    stripe.faults.add(Fault("POST", r"/v1/products$", "429", nth=2, times=2))
    assert [post(stripe, "/v1/products", "name=Pro")[0] for _ in range(4)] == [200, 429, 429, 200]


def test_hooks_see_typed_parameters_before_and_the_status_after(
    stripe: FakeStripe, client: library.StripeClient
) -> None:
    seen: list[object] = []
    stripe.hooks.before.append(lambda request: seen.append((request.params, request.status)))
    stripe.hooks.after.append(lambda request: seen.append((request.path, request.status)))
    client.v1.products.create({"name": "Pro", "active": False})
    assert seen == [({"name": "Pro", "active": False}, 0), ("/v1/products", 200)]


def test_what_reached_it_can_be_looked_at_byte_by_byte(stripe: FakeStripe) -> None:
    post(stripe, "/v1/products", "active=true&name=Pro", key="k1")
    (request,) = stripe.posts("products")
    assert (request.method, request.path, request.key, request.status) == ("POST", "/v1/products", "k1", 200)
    assert request.body == b"active=true&name=Pro"
    assert stripe.connections == 1


def test_an_unknown_expansion_is_refused_and_written_down(
    stripe: FakeStripe, client: library.StripeClient
) -> None:
    product = client.v1.products.create({"name": "Pro"})
    with pytest.raises(library.InvalidRequestError, match="cannot be expanded"):
        client.v1.products.retrieve(product.id, {"expand": ["colour"]})
    assert stripe.violations == [f"GET /v1/products/{product.id}: This property cannot be expanded (colour)."]
    stripe.violations.clear()
