"""Calls to Stripe as rows: once each, found again with the same key and bytes, and linked once on both sides."""

from __future__ import annotations

from dataclasses import replace

import pytest

from planctl.core.periods import Instant
from planctl.core.stripe.model import Account, Call, Link, State
from planctl.errors import Conflict, NotFound, Refused
from planctl.store import stripe_account, stripe_outbox
from planctl.store.engine import Store

NOW = Instant(1_767_225_600_000_000)
TEST = Account("acct_1", live=False)
LIVE = Account("acct_1", live=True)
CREATE = Call("product", "pro", "create", "/v1/products", {"name": "Pro"}, links=True, digest="d1")
BODY = b"name=Pro&metadata[planctl_id]=pro"


def test_a_call_comes_back_with_the_key_and_the_bytes_it_was_stored_with(store: Store) -> None:
    with store.write() as tx:
        stripe_outbox.add(tx, TEST, CREATE, "planctl:st:product:pro:create:1", BODY, NOW)
    with store.read() as tx:
        found = stripe_outbox.operation(tx, TEST, CREATE)
    assert found is not None
    assert (found.key, found.body) == ("planctl:st:product:pro:create:1", BODY)
    assert (found.state, found.first_sent_at, found.tries) == (State.PENDING, None, 0)
    assert (found.method, found.path, found.links, found.digest) == ("POST", "/v1/products", True, "d1")


def test_a_call_is_stored_once(store: Store) -> None:
    with store.write() as tx:
        stripe_outbox.add(tx, TEST, CREATE, "k1", BODY, NOW)
    with pytest.raises(Conflict), store.write() as tx:
        stripe_outbox.add(tx, TEST, CREATE, "k2", BODY, NOW)


def test_a_key_is_used_once(store: Store) -> None:
    with store.write() as tx:
        stripe_outbox.add(tx, TEST, CREATE, "k1", BODY, NOW)
    with pytest.raises(Conflict), store.write() as tx:
        stripe_outbox.add(tx, TEST, replace(CREATE, local_id="basic"), "k1", BODY, NOW)


def test_where_a_call_stands_is_kept_and_what_it_sends_is_not_changed(store: Store) -> None:
    with store.write() as tx:
        one = stripe_outbox.add(tx, TEST, CREATE, "k1", BODY, NOW)
        done = replace(one, state=State.CONFIRMED, stripe_id="prod_1", first_sent_at=NOW, tries=2, body=b"x")
        stripe_outbox.save(tx, done)
    with store.read() as tx:
        kept = stripe_outbox.by_id(tx, one.id)
    assert (kept.state, kept.stripe_id, kept.tries, kept.body) == (State.CONFIRMED, "prod_1", 2, BODY)


def test_the_modes_of_an_account_are_apart(store: Store) -> None:
    with store.write() as tx:
        stripe_outbox.add(tx, TEST, CREATE, "k1", BODY, NOW)
        stripe_outbox.add(tx, LIVE, CREATE, "k2", BODY, NOW)
    with store.read() as tx:
        assert [one.key for one in stripe_outbox.unfinished(tx, TEST)] == ["k1"]
        assert [one.key for one in stripe_outbox.unfinished(tx, LIVE)] == ["k2"]
        assert stripe_outbox.counts(tx, TEST) == {("product", "pending"): 1}


def test_what_was_given_up_is_found_until_it_is_asked_for_again(store: Store) -> None:
    with store.write() as tx:
        for name, note in (
            ("pro", "given up: not sold"),
            ("team", "let go: once more"),
            ("solo", "402 declined"),
        ):
            one = stripe_outbox.add(tx, TEST, replace(CREATE, local_id=name), name, BODY, NOW)
            stripe_outbox.save(tx, replace(one, state=State.DROPPED, note=note))
        stripe_outbox.add(tx, TEST, replace(CREATE, local_id="pro", action="update"), "other", BODY, NOW)
        assert [one.local_id for one in stripe_outbox.given_up(tx, TEST)] == ["pro"]
        assert stripe_outbox.given_up(tx, LIVE) == []
        stripe_outbox.add(tx, TEST, replace(CREATE, local_id="pro", revision=2), "next", BODY, NOW)
        assert stripe_outbox.given_up(tx, TEST) == []


def test_the_calls_for_an_object_come_in_the_order_in_which_they_were_made(store: Store) -> None:
    with store.write() as tx:
        for revision, at in ((1, NOW), (2, Instant(NOW + 1))):
            call = Call("product", "pro", "update", "/v1/products/prod_1", revision=revision)
            stripe_outbox.add(tx, TEST, call, f"k{revision}", b"", at)
    with store.read() as tx:
        found = stripe_outbox.operations_of(tx, TEST, "product", ["pro", "basic"])
    assert [one.revision for one in found["pro"]] == [1, 2]
    assert found["basic"] == []


def test_an_unknown_call_is_not_found(store: Store) -> None:
    with pytest.raises(NotFound), store.read() as tx:
        stripe_outbox.by_id(tx, "op_nothing")


def test_a_link_is_found_from_both_sides_and_replaced(store: Store) -> None:
    with store.write() as tx:
        stripe_outbox.link(tx, TEST, Link("price", "pro/month", "price_1", "d1"))
        stripe_outbox.link(tx, TEST, Link("price", "pro/month", "price_2", "d2", {"why": "dearer"}))
    with store.read() as tx:
        assert stripe_outbox.links(tx, TEST, "price") == {
            "pro/month": Link("price", "pro/month", "price_2", "d2", {"why": "dearer"})
        }
        assert stripe_outbox.links(tx, TEST, "price", ["basic/month"]) == {}
        assert stripe_outbox.linked(tx, TEST, "price_1") is None
        found = stripe_outbox.linked(tx, TEST, "price_2")
    assert found is not None
    assert found.local_id == "pro/month"


def test_an_object_at_stripe_stands_for_one_of_ours(store: Store) -> None:
    with store.write() as tx:
        stripe_outbox.link(tx, TEST, Link("price", "pro/month", "price_1"))
    with pytest.raises(Conflict), store.write() as tx:
        stripe_outbox.link(tx, TEST, Link("price", "pro/year", "price_1"))


def test_a_link_that_is_gone_can_be_forgotten(store: Store) -> None:
    with store.write() as tx:
        stripe_outbox.link(tx, TEST, Link("price", "pro/month", "price_1"))
        stripe_outbox.unlink(tx, TEST, "price", "pro/month")
        assert stripe_outbox.links(tx, TEST, "price") == {}


def test_a_store_without_an_account_says_how_to_set_one_up(store: Store) -> None:
    with pytest.raises(Refused, match="Stripe is not set up for this store"), store.read() as tx:
        stripe_account.account(tx)


def test_the_account_is_kept_and_the_cursor_goes_on_only(store: Store) -> None:
    with store.write() as tx:
        stripe_account.pin(
            tx, Account("acct_1", False, "rk_test_…9xQ2", "DE", "https://shop.example", 0, NOW)
        )
        stripe_account.move_cursor(tx, 1_767_225_700)
        stripe_account.move_cursor(tx, 1_767_225_600)
    with store.read() as tx:
        found = stripe_account.account(tx)
    assert found == Account(
        "acct_1", False, "rk_test_…9xQ2", "DE", "https://shop.example", 1_767_225_700, NOW
    )


def test_setting_up_again_keeps_the_cursor(store: Store) -> None:
    with store.write() as tx:
        stripe_account.pin(tx, Account("acct_1", False, cursor=5, set_up_at=NOW))
        stripe_account.pin(
            tx, Account("acct_1", False, "rk_test_…1111", cursor=0, set_up_at=Instant(NOW + 9))
        )
        found = stripe_account.account(tx)
    assert (found.cursor, found.set_up_at, found.key) == (5, NOW, "rk_test_…1111")
