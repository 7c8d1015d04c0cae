"""Calls that change an invoice at Stripe: what became of them is seen from the invoice, and nothing is done twice."""

from __future__ import annotations

from dataclasses import replace

import pytest

from planctl.core.stripe.model import (
    KEY,
    Call,
    State,
    Value,
)
from planctl.errors import NotPermitted
from planctl.workflows.sync_stripe.sending import finish, finish_all, send, send_next, settle
from tests.workflows.sync_stripe.office import (
    PRO,
    Office,
    done_once,
    office,
    store,
    store_path,
    template,
)

__all__ = ["office", "store", "store_path", "template"]


def invoice_of(office: Office) -> str:
    """A draft of a customer's; its id."""
    named: dict[str, Value] = {"name": "N", "email": "n@desk.example"}
    customer = send(office.talk(), Call("customer", "nova", "create", "/v1/customers", named, links=True))
    params: dict[str, Value] = {
        "customer": customer.stripe_id,
        "currency": "eur",
        "collection_method": "send_invoice",
        "days_until_due": 7,
        "auto_advance": False,
    }
    return send(
        office.talk(), Call("invoice", "inv_1", "create", "/v1/invoices", params, links=True)
    ).stripe_id


def lines_for(office: Office, invoice: str, revision: int = 1) -> Call:
    """Two lines in one call, each with its key."""
    path = f"/v1/invoices/{invoice}/add_lines"
    call = Call("invoice", "inv_1", "lines-1", path, revision=revision, repeatable=True)
    marks: dict[str, Value] = {KEY: call.key(office.store_id)}
    lines: list[Value] = [
        {"amount": 1900, "description": "Pro", "metadata": {**marks}},
        {"amount": -400, "description": "Coupon", "metadata": {**marks}},
    ]
    return replace(call, params={"lines": lines})


def amounts(office: Office, invoice: str) -> list[int]:
    return [int(one["amount"]) for one in office.stripe.lines(invoice)]


def ended(office: Office) -> tuple[State, str]:
    """The last call's end."""
    last = office.calls()[-1]
    return last.state, last.note


@pytest.mark.parametrize("hours", [0, 25])
def test_lines_that_were_added_are_not_added_again(office: Office, hours: int) -> None:
    """After a 500 at once, after a silence a day later: all of a call's lines are there or none."""
    invoice = invoice_of(office)
    if hours:
        office.killed("after", lambda talk: send(talk, lines_for(office, invoice)))
        office.later(hours)
        assert finish(office.talk(), office.calls()[-1]).state is State.CONFIRMED
    else:
        office.fails("500_after", "add_lines")
        assert send(office.talk(), lines_for(office, invoice)).state is State.CONFIRMED
    assert amounts(office, invoice) == [1900, -400]
    assert len(office.stripe.posts("add_lines")) == 1
    assert office.calls()[-1].stripe_id == invoice


@pytest.mark.parametrize("hours", [0, 25])
def test_lines_that_were_not_added_are_asked_for_again_once(office: Office, hours: int) -> None:
    invoice = invoice_of(office)
    if hours:
        office.killed("before", lambda talk: send(talk, lines_for(office, invoice)))
        office.later(hours)
        finish(office.talk(), office.calls()[-1])
    else:
        office.fails("500", "add_lines")
        send(office.talk(), lines_for(office, invoice))
    assert ended(office) == (State.DROPPED, "was not done: no line is there")
    send(office.talk(), lines_for(office, invoice, revision=2))
    assert amounts(office, invoice) == [1900, -400]


def test_lines_of_another_call_are_not_taken_for_these(office: Office) -> None:
    invoice = invoice_of(office)
    send(office.talk(), lines_for(office, invoice))
    office.fails("500", "add_lines")
    send(office.talk(), replace(lines_for(office, invoice, revision=2), action="lines-2", revision=1))
    assert ended(office) == (State.DROPPED, "was not done: 2 lines are there")


def test_lines_of_a_draft_that_is_gone_were_not_added_and_the_push_goes_on(office: Office) -> None:
    invoice = invoice_of(office)
    office.killed("before", lambda talk: send(talk, lines_for(office, invoice)))
    office.stripe.delete(invoice)
    office.later(25)
    finish(office.talk(), office.calls()[-1])
    assert ended(office) == (State.DROPPED, "was not done: it is gone at Stripe")


def finalized(office: Office) -> str:
    """An invoice that is finalized at Stripe; its id."""
    invoice = open_invoice(office)
    office.stripe.finalize_invoice(invoice)
    return invoice


def open_invoice(office: Office) -> str:
    invoice = invoice_of(office)
    send(office.talk(), lines_for(office, invoice))
    return invoice


def acting(invoice: str, word: str, **params: Value) -> Call:
    return Call("invoice", "inv_1", word, f"/v1/invoices/{invoice}/{word}", params, repeatable=True)


@pytest.mark.parametrize(
    ("word", "params", "status"),
    [("finalize", {"auto_advance": False}, "open"), ("pay", {"paid_out_of_band": True}, "paid"),
     ("void", {}, "void"), ("mark_uncollectible", {}, "uncollectible")],
)  # fmt: skip
@pytest.mark.parametrize("was_done", [True, False])
def test_F103_what_became_of_a_change_is_seen_from_the_invoice(
    office: Office, word: str, params: dict[str, Value], status: str, was_done: bool
) -> None:
    invoice = open_invoice(office)
    if word != "finalize":
        send(office.talk(), acting(invoice, "finalize", auto_advance=False))
    before = office.stripe.get(invoice)["status"]
    office.fails("500_after" if was_done else "500", word)
    found = send(office.talk(), acting(invoice, word, **params))
    assert len(office.stripe.posts(word)) == 1
    if was_done:
        assert (found.state, found.stripe_id) == (State.CONFIRMED, invoice)
        assert office.stripe.get(invoice)["status"] == status
    else:
        assert (found.state, found.note) == (State.DROPPED, f"was not done: its status is {before}")


def test_a_mail_of_which_nobody_knows_waits_or_is_asked_again_as_its_call_says(office: Office) -> None:
    invoice = open_invoice(office)
    send(office.talk(), acting(invoice, "finalize", auto_advance=False))
    office.fails("500_after", "send$")
    found = send(office.talk(), replace(acting(invoice, "send"), repeatable=False))
    assert found.state is State.PARKED
    assert found.note.startswith("its status is open (500 api_error")


def test_a_payment_that_is_declined_is_over_and_may_be_asked_for_again(office: Office) -> None:
    invoice = open_invoice(office)
    send(office.talk(), acting(invoice, "finalize", auto_advance=False))
    customer = office.link("customer", "nova")
    assert customer is not None
    office.stripe.attach_card(customer.stripe_id, declines=True)
    found = send(office.talk(), acting(invoice, "pay"))
    assert found.state is State.DROPPED
    assert found.note.startswith("402 card_declined")
    again = send_next(office.talk(), acting(invoice, "pay"))
    assert (again.revision, again.state) == (2, State.DROPPED)


def deleting(invoice: str) -> Call:
    return Call("invoice", "inv_1", "delete", f"/v1/invoices/{invoice}", method="DELETE", repeatable=True)


def test_a_draft_is_deleted_once(office: Office) -> None:
    invoice = invoice_of(office)
    found = send(office.talk(), deleting(invoice))
    assert (found.state, found.stripe_id) == (State.CONFIRMED, invoice)
    assert office.stripe.objects("invoice") == []


def test_a_deletion_whose_answer_was_lost_finds_it_gone(office: Office) -> None:
    invoice = invoice_of(office)
    office.fails("drop_after", invoice, method="DELETE")
    found = send(office.talk(), deleting(invoice))
    assert (found.state, found.stripe_id, found.note) == (State.CONFIRMED, invoice, "")


@pytest.mark.parametrize(("dies", "state"), [("after", State.CONFIRMED), ("before", State.DROPPED)])
def test_after_23_hours_a_deletion_is_looked_at(office: Office, dies: str, state: State) -> None:
    invoice = invoice_of(office)
    office.killed(dies, lambda talk: send(talk, deleting(invoice)))
    office.later(25)
    sent = len(office.stripe.posts())
    assert finish(office.talk(), office.calls()[-1]).state is state
    assert len(office.stripe.posts()) == sent


def test_a_deletion_that_stripe_refuses_waits_for_a_person(office: Office) -> None:
    invoice = open_invoice(office)
    send(office.talk(), acting(invoice, "finalize", auto_advance=False))
    assert send(office.talk(), deleting(invoice)).state is State.PARKED


# --- what is not wanted any more, and what is left to others


def test_a_call_that_is_not_wanted_any_more_is_looked_at_and_not_sent(office: Office) -> None:
    office.killed("after", lambda talk: send(talk, PRO))
    sent = len(office.stripe.posts())
    assert settle(office.talk(), office.call()).state is State.CONFIRMED
    assert len(office.stripe.posts()) == sent
    done_once(office)


def test_one_that_was_never_sent_is_over(office: Office) -> None:
    with pytest.raises(NotPermitted):
        send(office.talk(office.new_gateway("sk_test_nobodysKey0000000000")), PRO)
    office.stripe.requests.clear()
    found = settle(office.talk(), office.call())
    assert (found.state, found.note) == (State.DROPPED, "it was never sent")
    assert (office.stripe.requests, office.audited) == ([], [found])


def test_calls_about_money_are_left_to_the_push_of_invoices(office: Office) -> None:
    invoice = invoice_of(office)
    office.killed("before", lambda talk: send(talk, deleting(invoice)))
    office.killed("before", lambda talk: send(talk, PRO))
    assert [one.kind for one in finish_all(office.talk())] == ["product"]
    assert [one.kind for one in office.calls() if one.state is State.SENT] == ["invoice"]


# --- what is refused and stands as it was asked for


@pytest.mark.parametrize(("word", "status"), [("void", "void"), ("mark_uncollectible", "uncollectible")])
def test_what_somebody_did_on_stripe_s_own_pages_is_done(office: Office, word: str, status: str) -> None:
    invoice = finalized(office)
    act = office.stripe.void_invoice if word == "void" else office.stripe.mark_uncollectible
    act(invoice)
    found = send(office.talk(), acting(invoice, word))
    assert (found.state, found.stripe_id, found.note) == (State.CONFIRMED, invoice, "")
    assert office.stripe.objects("invoice")[0]["status"] == status


def test_what_is_refused_and_stands_otherwise_waits_with_what_stripe_said(office: Office) -> None:
    invoice = finalized(office)
    office.stripe.void_invoice(invoice)
    found = send(office.talk(), acting(invoice, "mark_uncollectible"))
    assert found.state is State.PARKED
    assert "You can only mark open invoices as uncollectible" in found.note


def test_where_nobody_can_look_it_is_sent_again_later(office: Office) -> None:
    invoice = finalized(office)
    office.stripe.void_invoice(invoice)
    office.fails("drop_before", "/v1/invoices/in_", 9, "GET")
    office.silent(lambda talk: send(talk, acting(invoice, "void")))
    (left,) = [one for one in office.calls() if one.action == "void"]
    assert left.state is State.SENT
    office.stripe.faults.clear()
    assert finish(office.talk(), left).state is State.CONFIRMED
