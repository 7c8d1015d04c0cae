"""Every state of a call, with the table of what a crash or a silence leaves behind.

Source: planctl reliability rules, idempotency: push step by step, "Crash or failure, state found, next run".
"""

from __future__ import annotations

from dataclasses import replace

import pytest

from planctl.core.periods import Instant
from planctl.core.stripe.model import Answer, Call, Object, Operation, Outcome, State
from planctl.core.stripe.outbox import (
    after_answer,
    after_list,
    after_look,
    confirmed,
    is_creation,
    is_told,
    lacks_card,
    lacks_customer,
    listed_at,
    next_step,
    object_at,
    reached,
    was_declined,
)

HOUR = 3_600 * 1_000_000
SENT_AT = Instant(1_767_225_600 * 1_000_000)

CALL = Operation(
    "op_1",
    "product",
    "pro",
    "create",
    1,
    "planctl:st:product:pro:create:1",
    "POST",
    "/v1/products",
    b"name=Pro",
)
SENT = replace(CALL, state=State.SENT, first_sent_at=SENT_AT, tries=1)
FINALIZE = replace(
    SENT, kind="invoice", action="finalize", path="/v1/invoices/in_1/finalize", repeatable=True
)
PAY = replace(FINALIZE, action="pay", path="/v1/invoices/in_1/pay")


def later(hours: int) -> Instant:
    return Instant(SENT_AT + hours * HOUR)


def test_a_call_that_was_never_sent_is_sent() -> None:
    assert next_step(CALL, SENT_AT) == "send"


@pytest.mark.parametrize(("hours", "step"), [(0, "send"), (22, "send"), (23, "look"), (25, "look")])
def test_a_call_is_sent_again_for_less_than_23_hours(hours: int, step: str) -> None:
    assert next_step(SENT, later(hours)) == step


def test_a_clock_that_went_back_sends_nothing() -> None:
    assert next_step(SENT, later(-1)) == "look"


def test_after_an_answer_of_500_nothing_is_sent_any_more() -> None:
    after = after_answer(SENT, Answer(Outcome.FAILED, 500, code="api_error", message="Sorry"))
    assert (after.state, next_step(after, later(1))) == (State.UNKNOWN, "look")


@pytest.mark.parametrize(
    ("answer", "state", "note"),
    [
        (Answer(Outcome.DONE, 200, {"id": "prod_1"}), State.CONFIRMED, ""),
        (Answer(Outcome.LOST, message="the connection broke"), State.SENT, "lost the connection broke"),
        (Answer(Outcome.AGAIN, 429, code="rate_limit"), State.SENT, "429 rate_limit"),
        (
            Answer(Outcome.REFUSED, 400, code="parameter_unknown", message="Unknown.", param="nmae"),
            State.PARKED,
            "400 parameter_unknown Unknown. (nmae)",
        ),
        (Answer(Outcome.DECLINED, 402, code="card_declined"), State.DROPPED, "402 card_declined"),
    ],
)
def test_an_answer_decides_what_becomes_of_a_call(answer: Answer, state: State, note: str) -> None:
    after = after_answer(SENT, answer)
    assert (after.state, after.note) == (state, note)


def test_the_answer_s_object_and_request_are_kept() -> None:
    after = after_answer(SENT, Answer(Outcome.DONE, 200, {"id": "prod_1"}, request_id="req_9"))
    assert (after.stripe_id, after.request_id) == ("prod_1", "req_9")


def carrying(stripe_id: str, key: str) -> Object:
    return {"id": stripe_id, "metadata": {"planctl_key": key}}


def test_what_was_made_is_found_again_by_its_key() -> None:
    after = after_list(SENT, (carrying("prod_8", "another"), {"id": "prod_7"}, carrying("prod_9", SENT.key)))
    assert (after.state, after.stripe_id) == (State.CONFIRMED, "prod_9")


def test_what_is_not_found_waits_for_a_person() -> None:
    after = after_list(replace(SENT, note="500 api_error"), (carrying("prod_8", "another"),))
    assert (after.state, after.note) == (State.PARKED, "nothing at Stripe carries its key (500 api_error)")


def test_what_is_found_twice_waits_for_a_person() -> None:
    after = after_list(SENT, (carrying("prod_1", SENT.key), carrying("prod_2", SENT.key)))
    assert (after.state, after.note) == (State.PARKED, "several objects carry its key: prod_1, prod_2")


def test_a_change_that_was_reached_is_confirmed() -> None:
    assert after_look(FINALIZE, True, "").state is State.CONFIRMED


@pytest.mark.parametrize("seen", [False, None])
def test_a_change_that_was_not_reached_is_dropped_if_it_may_be_repeated(seen: bool | None) -> None:
    assert after_look(FINALIZE, seen, "its status is draft").state is State.DROPPED


def test_a_change_that_may_not_be_repeated_waits_for_a_person() -> None:
    after = after_look(replace(FINALIZE, repeatable=False), False, "its status is draft")
    assert (after.state, after.note) == (State.PARKED, "its status is draft")


@pytest.mark.parametrize(
    ("path", "status", "answer"),
    [
        ("finalize", "draft", False),
        ("finalize", "open", True),
        ("finalize", "paid", True),
        ("void", "open", False),
        ("void", "void", True),
        ("mark_uncollectible", "uncollectible", True),
        ("pay", "open", False),
        ("pay", "paid", True),
        ("send", "open", None),
    ],
)
def test_an_invoice_s_status_tells_what_was_done(path: str, status: str, answer: bool | None) -> None:
    call = replace(FINALIZE, path=f"/v1/invoices/in_1/{path}")
    assert reached(call, {"id": "in_1", "status": status}) is answer


def test_a_deleted_draft_is_what_a_deletion_wanted() -> None:
    deletion = replace(FINALIZE, method="DELETE", path="/v1/invoices/in_1")
    assert reached(deletion, None) is True
    assert reached(deletion, {"id": "in_1", "status": "draft"}) is False


def test_an_object_that_is_gone_tells_nothing_about_a_change() -> None:
    assert reached(FINALIZE, None) is None


@pytest.mark.parametrize(
    ("kind", "path", "makes", "where"),
    [
        ("product", "/v1/products", True, "/v1/products"),
        ("product", "/v1/products/prod_1", False, "/v1/products/prod_1"),
        ("checkout", "/v1/checkout/sessions", True, "/v1/checkout/sessions"),
        ("checkout", "/v1/checkout/sessions/cs_1/expire", False, "/v1/checkout/sessions/cs_1"),
        ("invoice", "/v1/invoices/in_1/pay", False, "/v1/invoices/in_1"),
    ],
)
def test_a_path_tells_whether_something_is_made_and_where_it_is(
    kind: str, path: str, makes: bool, where: str
) -> None:
    call = replace(SENT, kind=kind, path=path)  # type: ignore[arg-type]
    assert is_creation(call) is makes
    assert (listed_at(call) if makes else object_at(call)) == where


def test_lines_are_listed_below_their_invoice() -> None:
    assert listed_at(replace(FINALIZE, path="/v1/invoices/in_1/add_lines")) == "/v1/invoices/in_1/lines"


def test_a_key_names_store_object_action_and_revision() -> None:
    call = Call("invoice", "inv_7", "finalize", "/v1/invoices/in_1/finalize", revision=2)
    assert call.key("st_1") == "planctl:st_1:invoice:inv_7:finalize:2"


def test_F099_two_actions_two_revisions_and_two_stores_have_keys_of_their_own() -> None:
    keys = {
        Call("invoice", "inv_7", action, "/v1/x", revision=revision).key(store)
        for action in ("create", "finalize")
        for revision in (1, 2)
        for store in ("st_1", "st_2")
    }
    assert len(keys) == 8


def test_a_long_id_is_shortened_to_what_stripe_takes() -> None:
    one, other = (Call("price", "p" * 300 + end, "create", "/v1/prices").key("st_1") for end in "ab")
    assert len(one) <= 255
    assert one != other


def test_what_was_to_be_deleted_and_is_gone_was_deleted() -> None:
    """Its answer was lost, or somebody deleted it in the dashboard."""
    delete = replace(SENT, kind="invoice", action="delete", method="DELETE", path="/v1/invoices/in_1")
    after = after_answer(delete, Answer(Outcome.REFUSED, 404, code="resource_missing"))
    assert (after.state, after.stripe_id) == (State.CONFIRMED, "in_1")


@pytest.mark.parametrize(
    ("call", "status", "declined"),
    [(PAY, 402, True), (PAY, 400, False), (PAY, 404, False), (FINALIZE, 402, False), (SENT, 402, False)],
)
def test_only_a_payment_that_the_customers_bank_refuses_is_declined(
    call: Operation, status: int, declined: bool
) -> None:
    outcome = Outcome.DECLINED if status == 402 else Outcome.REFUSED
    assert was_declined(after_answer(call, Answer(outcome, status, code="no"))) is declined


def test_F100_a_key_that_was_used_with_other_bytes_waits_with_the_hash_of_ours() -> None:
    """SHA-256 of "name=Pro", by sha256sum."""
    after = after_answer(SENT, Answer(Outcome.DIFFERS, 400, code="idempotency_error"))
    assert after.state is State.PARKED
    ours = "f7775d5bfbd0f7071f229c10c3fba9cef24f4551e2d9471008dc7fad011e51eb"
    assert after.note == f"400 idempotency_error; the body kept here has SHA-256 {ours}"


@pytest.mark.parametrize(
    ("call", "code", "param", "state"),
    [
        (PAY, "resource_missing", "", State.DROPPED),  # no default at Stripe
        (PAY, "resource_missing", "payment_method", State.DROPPED),  # detached
        (PAY, "invalid_request_error", "payment_method", State.DROPPED),  # another customer's
        (PAY, "resource_missing", "invoice", State.PARKED),
        (PAY, "invalid_request_error", "", State.PARKED),
        (FINALIZE, "resource_missing", "", State.PARKED),
    ],
)
def test_a_payment_without_a_card_is_over_and_no_other_call_is(
    call: Operation, code: str, param: str, state: State
) -> None:
    after = after_answer(call, Answer(Outcome.REFUSED, 400, code=code, message="No.", param=param))
    assert (after.state, lacks_card(after)) == (state, state is State.DROPPED)
    assert not was_declined(after)


@pytest.mark.parametrize(
    ("kind", "param", "state"),
    [
        ("invoice", "customer", State.DROPPED),
        ("invoice", "price", State.PARKED),
        ("refund", "customer", State.PARKED),
    ],
)
def test_an_invoice_without_its_customer_at_stripe_is_over_and_nothing_else_is(
    kind: str, param: str, state: State
) -> None:
    call = replace(SENT, kind=kind, path="/v1/invoices")  # type: ignore[arg-type]
    after = after_answer(call, Answer(Outcome.REFUSED, 400, code="resource_missing", param=param))
    assert (after.state, lacks_customer(after)) == (state, state is State.DROPPED)


def test_what_a_person_said_is_done_says_so() -> None:
    waits = replace(SENT, state=State.PARKED, note="nothing at Stripe carries its key")
    assert confirmed(waits, "prod_1").is_adopted
    assert not confirmed(SENT, "prod_1").is_adopted


@pytest.mark.parametrize(
    ("path", "told"),
    [
        ("/v1/invoices/in_1/finalize", True),
        ("/v1/invoices/in_1/pay", True),
        ("/v1/invoices/in_1/void", True),
        ("/v1/invoices/in_1/send", False),
        ("/v1/invoices/in_1/add_lines", False),
        ("/v1/invoices", False),
    ],
)
def test_only_a_status_tells_that_a_change_was_made(path: str, told: bool) -> None:
    assert is_told(replace(FINALIZE, path=path)) is told
