"""Opening a Checkout page, whatever happens on the way: one page can be paid.

The amounts are worked out by hand.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from planctl.core.periods import instant_text
from planctl.core.stripe.model import Answer
from planctl.errors import Busy
from planctl.store import stripe_outbox
from planctl.store.engine import open_store
from planctl.stripe_bridge.gateway import Gateway
from planctl.workflows.sync_stripe.resolve import let_go
from tests import stores
from tests.fakes.stripe import FakeStripe, Fault
from tests.fakes.stripe.faults import Kind
from tests.workflows.sync_stripe.paying import NEW_YEAR, Killed, Shop, refused

SESSIONS = r"/v1/checkout/sessions$"
MOST_STEPS = 60
"""More requests and commits than opening a page takes."""


@pytest.mark.parametrize("fault", ["drop_before", "drop_after", "429", "409", "503", "500_after"])
def test_a_lost_answer_or_a_wait_opens_no_second_page(shop: Shop, fault: Kind) -> None:
    shop.stripe.faults.add(Fault("POST", SESSIONS, fault))
    opened = shop.open("pro")
    assert [one["id"] for one in shop.payable()] == [opened.page.session]


def test_an_answer_that_is_lost_every_time_is_found_by_the_next_command(shop: Shop) -> None:
    shop.stripe.faults.add(Fault("POST", SESSIONS, "drop_after", times=3))
    with pytest.raises(Busy):
        shop.open("pro")
    opened = shop.open("pro")
    assert [one["id"] for one in shop.payable()] == [opened.page.session]
    assert shop.calls("nova/group:main") == [("open", 1, "confirmed")]


def test_the_next_command_that_wants_something_else_expires_what_was_lost(shop: Shop) -> None:
    shop.stripe.faults.add(Fault("POST", SESSIONS, "drop_after", times=3))
    with pytest.raises(Busy):
        shop.open("pro")
    opened = shop.open("starter", pay="month")
    assert [one["amount_total"] for one in shop.payable()] == [2_900]
    assert [one["id"] for one in shop.payable()] == [opened.page.session]


def lost_before(shop: Shop) -> None:
    """An upgrade whose page was asked for at 10 in the morning, until midnight, and Stripe never heard of it."""
    shop.paid(shop.open("starter", pay="month"))
    shop.at("2026-01-16T10:00:00Z")
    shop.stripe.faults.add(Fault("POST", SESSIONS, "drop_before", times=3))
    with pytest.raises(Busy):
        shop.open("pro")


def test_a_page_that_was_lost_is_not_asked_for_again_once_it_would_be_over_too_soon(shop: Shop) -> None:
    lost_before(shop)
    shop.at("2026-01-16T23:45:00Z")
    opened = shop.open("pro")
    assert shop.calls("nova/group:main") == [
        ("open", 1, "confirmed"),
        ("open", 2, "dropped"),
        ("open", 3, "confirmed"),
    ]
    assert instant_text(opened.page.expires_at) == "2026-01-17T00:16:00Z"
    assert [one["id"] for one in shop.payable()] == [opened.page.session]


def test_a_page_that_was_lost_is_not_opened_in_passing_by_one_that_asks_for_something_else(
    shop: Shop,
) -> None:
    lost_before(shop)
    opened = shop.open("top")
    assert shop.calls("nova/group:main")[1:] == [("open", 2, "dropped"), ("open", 3, "confirmed")]
    assert len(shop.stripe.objects("checkout.session")) == 2
    assert [one["id"] for one in shop.payable()] == [opened.page.session]


def test_what_stripe_refuses_is_kept_for_a_person_and_shown(shop: Shop) -> None:
    """0.20 are less than Stripe takes."""
    said = refused("checkout-refused", lambda: shop.open("top"))
    assert "minimum charge amount" in said.got
    assert shop.calls("nova/group:main") == [("open", 1, "parked")]
    said = refused("checkout-refused", lambda: shop.open("pro"))
    assert said.where in said.hint
    with shop.store.write() as tx:
        let_go(tx, said.where, "too little")
    assert shop.open("pro").page.amount_minor == 9_900


def test_a_page_that_asks_for_something_else_is_expired_and_nobody_gets_it(shop: Shop) -> None:
    """A line doubled at Stripe, say."""

    def doubled(_request: Any) -> None:
        for one in shop.payable():
            if one["amount_total"] == 9_900:
                shop.stripe.edit(one["id"], amount_total=19_800)

    shop.stripe.hooks.after.append(doubled)
    said = refused("checkout-differs", lambda: shop.open("pro"))
    assert said.got == "payment 19800 usd"
    assert shop.payable() == []


@dataclass(slots=True)
class Deadly(Gateway):
    """Dies at the `step`-th request: before it leaves, or when its answer is there."""

    step: int = 0
    place: str = "before"

    def _heard(self, method: str, path: str, params: Mapping[str, Any]) -> Answer:
        self.step -= 1
        if self.step == 0 and self.place == "before":
            raise Killed
        answer = Gateway._heard(self, method, path, params)
        if self.step == 0:
            raise Killed
        return answer


def die_at_request(shop: Shop, step: int, place: str) -> None:
    real = shop.gateway
    shop.gateway = Deadly(real.key, real.address, lambda _: None, step=step, place=place)


def die_at_commit(shop: Shop, step: int, _place: str) -> None:
    left = [step]

    def count() -> None:
        left[0] -= 1
        if left[0] == 0:
            raise Killed

    shop.before_commit = count


def die_everywhere(directory: Path, arm: Callable[[Shop, int, str], None], place: str) -> int:
    """Open a page in the place of another, dying at step 1, 2, 3 ... until nothing dies; open it again each time."""
    for step in range(1, MOST_STEPS):
        path = stores.url(directory / f"{step}.db")
        with (
            FakeStripe() as fake,
            open_store(path, create=True, at=NEW_YEAR * 1_000_000, is_test=True) as store,
        ):
            shop = Shop(store, fake)
            shop.customer()
            alive, died = shop.gateway, False
            arm(shop, step, place)
            try:
                shop.open("starter", pay="month")
                shop.open("pro")
            except Killed:
                died = True
            shop.gateway, shop.before_commit = alive, lambda: None
            opened = shop.open("pro")
            assert [one["id"] for one in shop.payable()] == [opened.page.session], step
            assert shop.paid(opened).outcome == "started"
            with store.read() as tx:
                assert stripe_outbox.unfinished(tx, shop.account) == []
            assert fake.violations == []
            if not died:
                return step - 1
    raise AssertionError("opening a page never ends")


@pytest.mark.parametrize("place", ["before", "after"])
def test_killed_at_every_request_and_run_again_one_page_can_be_paid(tmp_path: Path, place: str) -> None:
    """A look for the customer, it and a page, each looked at; a look, the expiry, a look, the other page, a look."""
    assert die_everywhere(tmp_path, die_at_request, place) == 9


def test_killed_at_every_commit_and_run_again_one_page_can_be_paid(tmp_path: Path) -> None:
    """Two for each of four calls, one for each page that is kept, and one for the page that was put away."""
    assert die_everywhere(tmp_path, die_at_commit, "") == 11
