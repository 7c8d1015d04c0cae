"""What Stripe's answers mean, when a request is tried again and when not, and what is listed and found.

Source: docs.stripe.com/api/errors, /error-low-level, /api/idempotent_requests, /api/pagination.
"""

from __future__ import annotations

import threading
from dataclasses import fields
from typing import Any

import pytest

from planctl.core.stripe.model import Answer, Object, Outcome
from planctl.errors import Busy, NotPermitted, PlanctlError, Refused
from planctl.stripe_bridge import wire
from planctl.stripe_bridge.gateway import Gateway
from tests.fakes.stripe import FakeStripe, Fault
from tests.fakes.stripe.fixture import stripe
from tests.fakes.stripe.keys import masked
from tests.stripe_bridge.scripted import SECRET, Clock, Said, Scripted, error, gateway_to, said, stored

__all__ = ["stripe"]

DONE = said({"id": "prod_1"})
LIMITED = error(429, code="rate_limit", message="Too many.")
SILENT = Said(b"", 502)
"""What is said in front of Stripe when it does not answer: nothing of Stripe's."""


@pytest.fixture(autouse=True)
def no_jitter(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every wait is the longest: half a second, then one."""
    monkeypatch.setattr("random.randrange", lambda bound: bound - 1)


def answered(*answers: Said) -> tuple[Answer, list[int]]:
    """What a stored call is answered in the end, and the waits between its tries, in milliseconds."""
    clock = Clock()
    with Scripted(*answers) as server:
        answer = gateway_to(server.address, clock).send(stored())
        assert len(server.got) == len(clock.slept) + 1
    return answer, clock.slept


def asked(*answers: Said) -> tuple[Answer, list[int]]:
    """The same for a question."""
    clock = Clock()
    with Scripted(*answers) as server:
        answer = gateway_to(server.address, clock).ask("get", "/v1/account", {})
        assert len(server.got) == len(clock.slept) + 1
    return answer, clock.slept


def read(body: bytes) -> Any:
    """What is read where Stripe answers this."""
    with Scripted(Said(body)) as server:
        return gateway_to(server.address).get("/v1/products/prod_1")


def found(*answers: Said) -> Object | None:
    with Scripted(*answers) as server:
        return gateway_to(server.address).find("/v1/products/prod_1")


def told(problem: PlanctlError) -> str:
    """Everything that an error says anywhere."""
    return f"{problem!r} {problem} {vars(problem)} {problem.__cause__!r} {problem.__context__!r}"


# --- what an answer means


@pytest.mark.parametrize(
    ("answer", "outcome", "code"),
    [
        (DONE, Outcome.DONE, ""),
        (error(400, code="parameter_unknown", message="?"), Outcome.REFUSED, "parameter_unknown"),
        (error(404, code="resource_missing"), Outcome.REFUSED, "resource_missing"),
        (error(400), Outcome.REFUSED, "invalid_request_error"),
        (error(402, "card_error", code="card_declined"), Outcome.DECLINED, "card_declined"),
        (error(400, "idempotency_error"), Outcome.DIFFERS, "idempotency_error"),
        (error(409, code="lock_timeout"), Outcome.AGAIN, "lock_timeout"),
        (error(429, code="rate_limit"), Outcome.AGAIN, "rate_limit"),
        (error(500, "api_error"), Outcome.FAILED, "api_error"),
        (error(503, "api_error"), Outcome.FAILED, "api_error"),
        (error(503, "api_error", Stripe_Should_Retry="true"), Outcome.AGAIN, "api_error"),
        (error(500, "api_error", Stripe_Should_Retry="false"), Outcome.FAILED, "api_error"),
    ],
)
def test_a_status_and_its_error_say_what_became_of_a_call(answer: Said, outcome: Outcome, code: str) -> None:
    heard, _ = answered(answer)
    assert (heard.outcome, heard.status, heard.code) == (outcome, answer.status, code)


def test_message_parameter_and_request_are_kept_for_a_person() -> None:
    answer, _ = answered(error(400, code="x", message="Unknown: nmae", param="nmae", Request_Id="req_9"))
    assert (answer.message, answer.param, answer.request_id) == ("Unknown: nmae", "nmae", "req_9")
    answer, _ = answered(said({"id": "prod_1"}, Request_Id="req_10"))
    assert answer.request_id == "req_10"


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html>Bad gateway</html>",
        b'{"id": "prod_1"',
        b'{"id": "prod_1"} {}',
        b"[]",
        b'"prod_1"',
        b"null",
        b"7",
        b"\xff\xfe",
        b'{"id": "prod_1", "amount": NaN}',
        b'{"id": "prod_1", "amount": -Infinity}',
        b'{"id": "prod_1", "amount": 5, "amount": 6}',
        b'{"id": "prod_1", "lines": {"data": [{"amount": 5, "amount": 5}]}}',
        b'{"id": "prod_1", "amount": ' + b"9" * 5_000 + b"}",
        b'{"id": ' + b"[" * 100_000 + b"]" * 100_000 + b"}",
        b'{"id": ' + b'{"a": ' * 100_000,
    ],
    ids=lambda body: repr(body[:40]),
)
@pytest.mark.parametrize("status", [200, 404, 502])
def test_what_is_not_stripe_s_says_nothing_whatever_its_status(body: bytes, status: int) -> None:
    answer, slept = answered(Said(body, status))
    assert (answer.outcome, answer.status) == (Outcome.LOST, status)
    assert slept == [500, 1_000]


@pytest.mark.parametrize(
    "body", [b"{}", b'{"error": "no"}', b'{"error": null}', b'{"error": ["x"]}', b'{"error": 7}']
)
def test_an_error_of_somebody_else_s_is_none_of_stripe_s(body: bytes) -> None:
    assert answered(Said(body, 400))[0].outcome is Outcome.LOST


def test_an_error_with_values_of_other_kinds_is_still_an_error() -> None:
    odd = said({"error": {"type": 5, "code": ["x"], "message": None, "param": {}}}, 400)
    answer, _ = answered(odd)
    assert (answer.outcome, answer.code, answer.message, answer.param) == (Outcome.REFUSED, "", "", "")


def test_an_error_that_nests_deeply_is_still_an_error() -> None:
    """Deep enough for the library to stumble over it when it makes an object of it."""
    deep = (
        b'{"error": {"type": "invalid_request_error", "code": "x", "more": ' + b"[" * 300 + b"]" * 300 + b"}}"
    )
    assert answered(Said(deep, 400))[0].code == "x"


@pytest.mark.parametrize(
    "body", [b"{}", b'{"object": "product"}', b'{"id": null}', b'{"id": 7}', b'{"id": ""}']
)
def test_a_success_that_names_no_object_is_none(body: bytes) -> None:
    """The same call is answered again under its key."""
    assert answered(Said(body))[0].outcome is Outcome.LOST
    answer, slept = answered(Said(body), DONE)
    assert (answer.id, slept) == ("prod_1", [500])


def test_numbers_with_a_fraction_stay_text() -> None:
    product = read(b'{"id": "x", "percentage": 19.50, "huge": 1e2, "amount": 1999, "minus": -5, "on": true}')
    assert product == {
        "id": "x",
        "percentage": "19.50",
        "huge": "1e2",
        "amount": 1999,
        "minus": -5,
        "on": True,
    }
    assert isinstance(product["amount"], int)


def test_a_percentage_of_the_account_is_text_too(stripe: FakeStripe) -> None:
    gateway = gateway_to(stripe.address, secret=stripe.key)
    body = gateway.encode("/v1/tax_rates", {"display_name": "VAT", "percentage": "7.7", "inclusive": False})
    answer = gateway.send(stored(body, "/v1/tax_rates"))
    assert answer.body["percentage"] == "7.7"


# --- tries and waits


@pytest.mark.parametrize("answer", [LIMITED, error(409, code="lock_timeout"), SILENT, Said(b"{}", 200)])
def test_F104_what_may_be_tried_again_is_tried_three_times_with_growing_waits(answer: Said) -> None:
    heard, slept = answered(answer)
    assert heard.outcome in {Outcome.AGAIN, Outcome.LOST}
    assert slept == [500, 1_000]


@pytest.mark.parametrize("answer", [LIMITED, SILENT])
def test_the_first_answer_that_says_something_ends_it(answer: Said) -> None:
    heard, slept = answered(answer, DONE)
    assert (heard.outcome, slept) == (Outcome.DONE, [500])


@pytest.mark.parametrize(
    "answer",
    [
        error(400, code="x"),
        error(402, "card_error"),
        error(400, "idempotency_error"),
        error(500, "api_error"),
    ],
)
def test_a_no_and_a_500_are_not_tried_again(answer: Said) -> None:
    """F103: Stripe would answer the same 500 to the same key."""
    assert answered(answer)[1] == []


def test_F104_a_503_that_asks_for_it_is_tried_again() -> None:
    heard, slept = answered(error(503, "api_error", Stripe_Should_Retry="true"), DONE)
    assert (heard.outcome, slept) == (Outcome.DONE, [500])


@pytest.mark.parametrize("status", [409, 429])
def test_F104_where_stripe_asks_not_to_be_tried_again_it_is_not(status: int) -> None:
    heard, slept = answered(error(status, Stripe_Should_Retry="false"))
    assert (heard.outcome, slept) == (Outcome.AGAIN, [])


def test_F104_the_wait_that_stripe_asks_for_is_kept() -> None:
    wait = error(429, Retry_After="20")
    heard, slept = answered(wait, wait, DONE)
    assert (heard.outcome, slept) == (Outcome.DONE, [20_000, 20_000])


def test_a_shorter_one_than_our_own_shortens_nothing() -> None:
    assert answered(error(429, Retry_After="0"), DONE)[1] == [500]


@pytest.mark.parametrize(
    ("asked_for", "slept"),
    [("60", [60_000]), ("31", [31_000]), ("61", []), ("3600", []), ("9" * 5_000, [])],
)
def test_no_try_begins_later_than_a_minute_after_the_first(asked_for: str, slept: list[int]) -> None:
    wait = error(429, Retry_After=asked_for)
    assert answered(wait)[1] == slept


@pytest.mark.parametrize("odd", ["", "soon", "-5", "1.5", "Wed, 21 Oct 2026 07:28:00 GMT", "\u0665"])
def test_a_wait_that_is_no_number_of_seconds_is_our_own(odd: str) -> None:
    bare = error(429)
    headers = {"Retry-After": odd.encode().decode("latin-1")}
    assert answered(Said(bare.body, 429, headers), DONE)[1] == [500]


def test_slow_tries_use_up_the_minute(stripe: FakeStripe) -> None:
    """30 s, half a second, 30 s: then the next would begin after 61.5 s."""
    clock = Clock()
    stripe.hooks.before.append(clock.takes(30))
    stripe.faults.add(Fault("POST", "products", "drop_after", times=3))
    answer = gateway_to(stripe.address, clock, stripe.key).send(stored())
    assert (answer.outcome, clock.slept, len(stripe.posts())) == (Outcome.LOST, [500], 2)


@pytest.mark.parametrize("kind", ["drop_before", "drop_after", "409", "429", "503"])
def test_F097_a_call_that_got_through_in_the_end_made_one_object(stripe: FakeStripe, kind: Any) -> None:
    stripe.faults.add(Fault("POST", "products", kind, times=2))
    clock = Clock()
    answer = gateway_to(stripe.address, clock, stripe.key).send(stored())
    assert [one["id"] for one in stripe.objects("product")] == [answer.id]
    assert (len(stripe.posts()), clock.slept) == (3, [500, 1_000])


def test_a_call_that_is_still_under_way_is_waited_for(
    stripe: FakeStripe, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While the first request with a key runs, Stripe answers 409; then what it answered is given to the others too."""
    monkeypatch.setattr(wire, "TIMEOUT_SECONDS", 0.05)
    held = stripe.faults.add(Fault("POST", "products", "delay", seconds=10))
    finished = threading.Event()
    stripe.hooks.after.append(lambda request: finished.set() if request.status == 200 else None)
    gateway = gateway_to(stripe.address, secret=stripe.key)
    slept: list[int] = []

    def sleep(nanoseconds: int) -> None:
        slept.append(nanoseconds)
        if len(slept) == 2:
            held.release()
            assert finished.wait(10)

    gateway.sleep = sleep
    answer = gateway.send(stored())
    assert [one["id"] for one in stripe.objects("product")] == [answer.id]
    assert [(one.status, one.replayed) for one in stripe.posts()] == [(200, False), (409, False), (200, True)]


def test_a_question_is_asked_again_after_a_500_too() -> None:
    heard, slept = asked(error(500, "api_error"), error(500, "api_error"), DONE)
    assert (heard.outcome, slept) == (Outcome.DONE, [500, 1_000])


def test_a_question_keeps_to_the_minute_and_to_what_stripe_asks_for() -> None:
    assert asked(error(429, Retry_After="61"))[1] == []
    assert asked(error(500, "api_error", Stripe_Should_Retry="false"))[1] == []


# --- the key


@pytest.mark.parametrize("status", [401, 403])
@pytest.mark.parametrize("body", [None, b"<html>Forbidden</html>", b'{"error": "no"}'])
def test_a_key_that_may_not_is_said_so_at_once_and_is_not_shown(status: int, body: bytes | None) -> None:
    said_so = f"Invalid API Key provided: {SECRET} {masked(SECRET)}"
    answer = error(status, message=said_so) if body is None else Said(body, status)
    with Scripted(answer) as server:
        gateway = gateway_to(server.address)
        problems = []
        for act in (
            lambda: gateway.send(stored()),
            lambda: gateway.get("/v1/account"),
            lambda: list(gateway.list("/v1/products")),
        ):
            with pytest.raises(NotPermitted) as caught:
                act()
            problems.append(caught.value)
        assert len(server.got) == 3, "nothing is tried twice"
    for problem in problems:
        assert (problem.exit_code, problem.code) == (77, "stripe-key-denied")
        assert SECRET not in told(problem)
        assert masked(SECRET) not in told(problem)


def test_a_restricted_key_without_the_right_does_nothing(stripe: FakeStripe) -> None:
    lesser = stripe.add_key("rk_test_lesser000000000000", {"products": "read"})
    with pytest.raises(NotPermitted) as caught:
        gateway_to(stripe.address, secret=lesser).send(stored())
    assert caught.value.where == "/v1/products"
    assert "lesser" not in told(caught.value)
    assert stripe.objects("product") == []


def test_a_key_that_is_refused_later_says_nothing_of_the_tries_before() -> None:
    """The first may have been carried out: the call is not one that was never done."""
    answer, slept = answered(SILENT, error(401))
    assert (answer.outcome, slept) == (Outcome.LOST, [500])


@pytest.mark.parametrize("status", [400, 402, 429, 500])
def test_a_key_that_stripe_echoes_is_not_kept(status: int) -> None:
    answer, _ = answered(error(status, message=f"no: {SECRET}."))
    assert answer.message == "no: sk_test_…abcd."
    assert SECRET not in repr(answer)


def test_a_gateway_shows_no_key() -> None:
    gateway = gateway_to("http://127.0.0.1:1")
    shown = [repr(gateway), *(repr(getattr(gateway, one.name)) for one in fields(gateway))]
    assert not [text for text in shown if SECRET in text]


# --- finding and listing


@pytest.fixture
def gateway(stripe: FakeStripe) -> Gateway:
    return gateway_to(stripe.address, secret=stripe.key)


def test_what_is_there_is_found_and_what_is_not_is_none(stripe: FakeStripe, gateway: Gateway) -> None:
    made = gateway.send(stored()).id
    there = gateway.find(f"/v1/products/{made}")
    assert there is not None
    assert there["name"] == "Pro"
    assert gateway.find("/v1/products/prod_never") is None
    with pytest.raises(Refused) as caught:
        gateway.get("/v1/products/prod_never")
    assert (caught.value.code, caught.value.where) == ("gone-at-stripe", "/v1/products/prod_never")


def test_what_was_deleted_is_not_there(stripe: FakeStripe, gateway: Gateway) -> None:
    """Of a customer Stripe says later that it was deleted; a product it does not know any more."""
    for kind in ("customer", "product"):
        made = stripe.books().make(kind, {"name": "Nova"})["id"]
        assert gateway.find(f"/v1/{kind}s/{made}") is not None
        stripe.delete(made)
        assert gateway.find(f"/v1/{kind}s/{made}") is None
    assert [one.status for one in stripe.requests] == [200, 200, 200, 404]


@pytest.mark.parametrize(
    ("answer", "problem"),
    [
        (error(404, message="Unrecognized request URL"), Refused),
        (Said(b"<html>Not found</html>", 404), Busy),
        (Said(b'{"error": "not found"}', 404), Busy),
        (error(400, code="parameter_unknown"), Refused),
        (error(500, "api_error"), Busy),
        (LIMITED, Busy),
        (SILENT, Busy),
    ],
)
def test_only_stripe_s_own_word_for_it_makes_something_be_gone(
    answer: Said, problem: type[PlanctlError]
) -> None:
    """What is believed to be gone is made again."""
    with pytest.raises(problem):
        found(answer)


def test_a_list_is_read_to_its_end_in_pages_of_a_hundred(stripe: FakeStripe, gateway: Gateway) -> None:
    made = [stripe.books().make("customer", {"name": str(number)})["id"] for number in range(201)]
    assert [one["id"] for one in gateway.list("/v1/customers")] == made[::-1]
    asked_for = [one.params for one in stripe.requests]
    assert asked_for == [
        {"limit": 100},
        {"limit": 100, "starting_after": made[101]},
        {"limit": 100, "starting_after": made[1]},
    ]


def test_a_page_that_is_just_full_is_the_last_if_stripe_says_so(stripe: FakeStripe, gateway: Gateway) -> None:
    for _ in range(100):
        stripe.books().make("customer", {})
    assert len(list(gateway.list("/v1/customers"))) == 100
    assert len(stripe.requests) == 1


def test_filters_go_with_every_page(stripe: FakeStripe, gateway: Gateway) -> None:
    for _ in range(3):
        stripe.books().make("customer", {"email": "a@example.com"})
    stripe.books().make("customer", {"email": "b@example.com"})
    listed = list(gateway.list("/v1/customers", email="a@example.com", limit=2))
    assert [one["email"] for one in listed] == ["a@example.com"] * 3
    assert [one.params.get("email") for one in stripe.requests] == ["a@example.com"] * 2


def test_a_list_ends_at_an_empty_page_whatever_stripe_promises() -> None:
    """Everything after the last one may have been deleted meanwhile."""
    with Scripted(
        said({"data": [{"id": "a"}], "has_more": True}), said({"data": [], "has_more": True})
    ) as server:
        assert [one["id"] for one in gateway_to(server.address).list("/v1/products")] == ["a"]
        assert server.got[1].path == "/v1/products?limit=100&starting_after=a"


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"id": "prod_1"},
        {"data": None},
        {"data": {}},
        {"data": ["prod_1"]},
        {"data": [{"name": "without an id"}]},
        {"data": [{"id": "a"}, None]},
    ],
)
def test_an_answer_that_is_no_list_is_not_an_empty_one(body: object) -> None:
    """What is not listed would be made again."""
    with Scripted(said(body)) as server, pytest.raises(Busy) as caught:
        list(gateway_to(server.address).list("/v1/products"))
    assert (caught.value.exit_code, caught.value.got) == (75, "the answer is no list")


def test_a_list_that_breaks_off_is_no_shorter_list() -> None:
    with (
        Scripted(said({"data": [{"id": "a"}], "has_more": True}), SILENT) as server,
        pytest.raises(Busy) as caught,
    ):
        list(gateway_to(server.address).list("/v1/products"))
    assert (caught.value.where, caught.value.got) == ("/v1/products", "the answer is not Stripe's")


def test_a_page_that_is_silent_once_is_asked_for_again() -> None:
    first, second = said({"data": [{"id": "a"}], "has_more": True}), said({"data": [{"id": "b"}]})
    with Scripted(first, SILENT, second) as server:
        assert [one["id"] for one in gateway_to(server.address).list("/v1/products")] == ["a", "b"]
