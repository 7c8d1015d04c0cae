"""What is done again and again at Stripe, what an earlier push left, and which object stands for which of ours."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from planctl.core.stripe.model import (
    GIVEN_UP,
    Call,
    Link,
    State,
    Value,
)
from planctl.core.stripe.outbox import is_creation
from planctl.store import stripe_outbox
from planctl.workflows.sync_stripe.resolve import adopt, give_up, let_go
from planctl.workflows.sync_stripe.sending import Known, finish_all, send, send_next
from tests.workflows.sync_stripe.office import (
    PRO,
    Office,
    office,
    store,
    store_path,
    template,
)

__all__ = ["office", "store", "store_path", "template"]


# --- what is done again and again: revisions


UPDATE = Call("product", "pro", "update", "", {"name": "Pro 2"}, repeatable=True, digest="d2")


def update_of(office: Office, **changes: Any) -> Call:
    send(office.talk(), PRO)
    return replace(UPDATE, path=f"/v1/products/{office.products()[0]}", **changes)


def revisions(office: Office) -> list[tuple[int, str]]:
    return [(one.revision, one.state.value) for one in office.calls() if one.action == "update"]


def test_the_first_time_has_revision_1_and_after_a_success_comes_the_next(office: Office) -> None:
    update = update_of(office)
    for name in ("Pro 2", "Pro 3"):
        send_next(office.talk(), replace(update, params={"name": name}))
    assert revisions(office) == [(1, "confirmed"), (2, "confirmed")]
    keys = [one.key for one in office.stripe.posts("/v1/products/")]
    assert [key and key.rpartition(":")[2] for key in keys] == ["1", "2"]
    assert office.stripe.objects("product")[0]["name"] == "Pro 3"


def test_what_was_done_to_another_object_meanwhile_is_no_answer(office: Office) -> None:
    """Two stale prices stood for one plan: each is archived, in one round."""
    made = [send(office.talk(), replace(PRO, revision=number)).stripe_id for number in (1, 2)]
    known: Known = {("product", "pro", "create"): 2}
    archived = [
        send_next(
            office.talk(),
            Call("product", "pro", "archive", f"/v1/products/{one}", {"active": False}, repeatable=True),
            known,
        )
        for one in made
    ]
    assert [one.stripe_id for one in archived] == made
    assert [one["active"] for one in office.stripe.objects("product")] == [False, False]


def test_one_that_is_still_open_is_finished_instead(office: Office) -> None:
    update = update_of(office)
    office.fails("drop_before", "/v1/products/", times=3)
    office.silent(lambda talk: send_next(talk, update))
    found = send_next(office.talk(), replace(update, params={"name": "Pro 3"}, digest="d3"))
    assert (found.revision, found.digest, found.state) == (1, "d2", State.CONFIRMED)
    assert office.stripe.objects("product")[0]["name"] == "Pro 2"


def test_one_that_was_not_done_is_asked_for_under_the_next_revision(office: Office) -> None:
    """A change of which nobody can tell whether it was done is dropped; doing it twice does no harm."""
    update = update_of(office)
    office.fails("500", "/v1/products/")
    found = send_next(office.talk(), update)
    assert (found.state, found.note) == (State.DROPPED, "was not done: nobody can tell whether it was done")
    send_next(office.talk(), update)
    assert revisions(office) == [(1, "dropped"), (2, "confirmed")]


def test_one_that_waits_for_a_person_is_left_alone(office: Office) -> None:
    update = update_of(office, params={"default_price": "price_none"})
    parked = send_next(office.talk(), update)
    assert parked.state is State.PARKED
    sent = len(office.stripe.posts())
    assert send_next(office.talk(), replace(update, params={"name": "x"}, digest="d9")) == parked
    assert len(office.stripe.posts()) == sent


def test_one_that_a_person_let_go_is_asked_for_again(office: Office) -> None:
    office.fails("500")
    send(office.talk(), PRO)
    office.decided(let_go)
    found = send_next(office.talk(), PRO)
    assert (found.revision, found.state, len(office.products())) == (2, State.CONFIRMED, 1)


def test_one_that_a_person_gave_up_is_never_done_unless_something_else_is_to_be_sent(office: Office) -> None:
    office.fails("500")
    send(office.talk(), PRO)
    office.decided(give_up)
    found = send_next(office.talk(), PRO)
    assert (found.state, found.note) == (State.DROPPED, f"{GIVEN_UP}a reason")
    assert len(office.stripe.posts()) == 1
    other = send_next(office.talk(), replace(PRO, params={"name": "Professional"}, digest="d2"))
    assert (other.revision, other.state) == (2, State.CONFIRMED)


def test_one_that_a_person_adopted_is_done(office: Office) -> None:
    office.fails("500")
    send(office.talk(), PRO)
    made, waiting = office.stripe.books().make("product", {})["id"], office.call().id
    with office.store.write() as tx:
        adopt(tx, office.account, waiting, made)
    found = send(office.talk(), PRO)
    assert (found.state, found.stripe_id) == (State.CONFIRMED, made)
    assert len(office.stripe.posts()) == 1


# --- what an earlier push left


def test_settings_of_the_portal_are_found_again_though_stripe_lists_them_without_dates(
    office: Office,
) -> None:
    params: dict[str, Value] = {"features": {"invoice_history": {"enabled": True}}}
    call = Call("portal", "configuration", "create", "/v1/billing_portal/configurations", params, links=True)
    office.killed("after", lambda talk: send(talk, call))
    office.later(25)
    (found,) = finish_all(office.talk())
    assert is_creation(found)
    assert (found.state, found.stripe_id[:4]) == (State.CONFIRMED, "bpc_")


PAGE = Call("checkout", "chk_1", "create", "/v1/checkout/sessions", {"mode": "setup"}, links=True)
EXPIRED = Call("checkout", "chk_1", "expire", "/v1/checkout/sessions/cs_1/expire", repeatable=True)


def test_a_page_that_nobody_waits_for_any_more_is_not_opened_by_a_push(office: Office) -> None:
    """Whoever asked for it has gone; that one of an earlier day is closed is another matter."""
    office.killed("before", lambda talk: send(talk, PAGE))
    office.killed("before", lambda talk: send(talk, EXPIRED))
    office.killed("before", lambda talk: send(talk, PRO))
    assert [(one.kind, one.action) for one in finish_all(office.talk())] == [
        ("checkout", "expire"),
        ("product", "create"),
    ]
    assert [one.action for one in office.calls() if one.state is State.SENT] == ["create"]
    assert office.stripe.objects("checkout.session") == []


# --- links


def test_an_object_that_stands_for_another_already_parks_the_call_and_keeps_its_answer(
    office: Office,
) -> None:
    """A damaged store, or a wrong adoption: the answer is kept, nothing is sent for ever, and the rest goes on."""
    first = send(office.talk(), PRO)
    second = replace(PRO, local_id="other", path=f"/v1/products/{first.stripe_id}")
    found = send(office.talk(), second)
    assert (found.state, found.stripe_id) == (State.PARKED, first.stripe_id)
    assert found.note == f"{first.stripe_id} is what Stripe made of it, and stands for product pro"
    assert office.link("product", "pro") == Link("product", "pro", first.stripe_id, "d1")
    assert office.link("product", "other") is None
    sent = len(office.stripe.posts())
    assert (finish_all(office.talk()), send(office.talk(), second)) == ([], found)
    assert len(office.stripe.posts()) == sent
    assert [one.state for one in office.audited] == [State.CONFIRMED, State.PARKED]


def test_so_does_one_that_is_found_by_list(office: Office) -> None:
    office.killed("after", lambda talk: send(talk, PRO))
    (made,) = office.products()
    with office.store.write() as tx:
        stripe_outbox.link(tx, office.account, Link("product", "other", made))
    office.later(25)
    (found,) = finish_all(office.talk())
    assert (found.state, found.stripe_id) == (State.PARKED, made)


def test_a_change_keeps_what_else_is_known_of_the_object(office: Office) -> None:
    """Which card of a customer is on file is kept with its link; a new address must not make it forgotten."""
    customer = send(
        office.talk(),
        Call("customer", "nova", "create", "/v1/customers", {"name": "N"}, links=True, digest="d1"),
    ).stripe_id
    with office.store.write() as tx:
        known = Link("customer", "nova", customer, "d1", {"payment_method": "pm_1"})
        stripe_outbox.link(tx, office.account, known)
    path = f"/v1/customers/{customer}"
    send_next(
        office.talk(),
        Call("customer", "nova", "update", path, {"name": "Nova"}, repeatable=True, digest="d2"),
    )
    assert office.link("customer", "nova") == replace(known, digest="d2")


def test_one_that_was_made_anew_takes_the_place_and_nothing_of_the_old_one_is_known_of_it(
    office: Office,
) -> None:
    first = send(office.talk(), PRO).stripe_id
    with office.store.write() as tx:
        stripe_outbox.link(tx, office.account, Link("product", "pro", first, "d1", {"old": "yes"}))
    second = send_next(office.talk(), PRO).stripe_id
    assert office.link("product", "pro") == Link("product", "pro", second, "d1")
