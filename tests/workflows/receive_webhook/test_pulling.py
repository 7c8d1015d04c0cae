"""Reading the events that Stripe has kept: what a webhook would have done, whatever stops it."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from planctl.core.periods import instant_text
from planctl.core.stripe.facts_notice import TOPICS
from planctl.errors import Busy
from planctl.store import stripe_account
from planctl.workflows.receive_webhook.handling import retry_event
from planctl.workflows.receive_webhook.pulling import pull
from tests.fakes.stripe import Fault, Request
from tests.workflows.receive_webhook.world import DAY, Killed, World

MOST_STEPS = 200
"""More requests and commits than any pull here makes."""


def cursor(world: World) -> str:
    with world.business.store.read() as tx:
        second = stripe_account.account(tx).cursor
    return instant_text(world.now().__class__(second * 1_000_000)) if second else ""


@pytest.fixture
def story(world: World) -> World:
    """Three customers: one paid and refunded in part, one declined, one voided; a card; and a stranger."""
    nova, rigel, vega = (world.sold(name) for name in ("nova", "rigel", "vega"))
    world.days(1)
    intent = world.stripe.pay_invoice(nova)
    world.stripe.fail_payment(rigel)
    world.days(1)
    world.stripe.refund(intent, 400)
    world.stripe.void_invoice(vega)
    world.stripe.attach_card(world.stripe.get(rigel)["customer"])
    stranger = world.gateway.ask("post", "/v1/customers", {"name": "Somebody"}).id
    world.stripe.attach_card(stranger)
    world.days(1)
    return world


def test_F117_what_no_webhook_told_is_found_by_pulling(world: World) -> None:
    world.stripe.pay_invoice(world.sold())
    world.days(1)
    pulled = world.pull()
    assert world.status() == ("paid", "0.00")
    assert [one.what for handled in pulled.handled for one in handled.applied] == ["payment"]
    assert pulled.counts["done"] == 2  # invoice_payment.paid and invoice.paid
    assert (pulled.read, pulled.parked) == (2, ())


def test_F117_a_pull_ends_in_the_store_that_webhooks_would_have_made(story: World, tmp_path: Path) -> None:
    with story.copied(tmp_path / "webhooks.db") as told:
        for event in story.stripe.events:
            told.handle(event)
        story.pull()
        assert story.export() == told.export()
        assert {
            name: kept
            for name, kept in told.kept().items()
            if "not listened to" not in kept[1] and "not followed" not in kept[1]
        } == story.kept()


def test_pulled_again_nothing_happens_again(story: World) -> None:
    first = story.pull()
    before = story.export()
    # Of a card two events tell: that it came, and that it is the default now.
    assert first.counts == Counter({"done": 8, "ignored": 2})
    again = story.pull()
    assert (again.handled, story.export()) == ((), before)
    assert set(again.counts) <= {"duplicate"}


def test_the_first_pull_begins_with_the_day_of_the_setup(story: World) -> None:
    assert instant_text(story.pull().since) == "2026-01-01T00:00:00Z"


def test_the_next_pull_reads_the_last_hour_again(story: World) -> None:
    story.pull()
    assert cursor(story) == "2026-01-04T00:00:00Z"
    story.days(1)
    assert instant_text(story.pull().since) == "2026-01-03T23:00:00Z"


def test_only_the_types_that_are_listened_to_are_asked_for_and_the_oldest_is_taken_in_first(
    story: World,
) -> None:
    story.pull()
    asked = [one for one in story.stripe.requests if one.path == "/v1/events"]
    assert all(len(one.params["types"]) <= 20 for one in asked)
    assert {kind for one in asked for kind in one.params["types"]} == set(TOPICS)
    order = {event["id"]: number for number, event in enumerate(story.stripe.events)}
    taken = [order[name] for name in story.kept()]
    assert taken == sorted(taken)


def test_many_pages_are_all_read(world: World) -> None:
    stranger = world.gateway.ask("post", "/v1/customers", {"name": "Somebody"}).id
    for _ in range(130):
        world.stripe.attach_card(stranger)
    pulled = world.pull()
    assert pulled.counts == {"ignored": 260}


def test_what_cannot_be_written_waits_and_the_rest_goes_on(story: World) -> None:
    payment = next(one for one in story.stripe.objects("invoice_payment") if one["status"] == "paid")
    story.stripe.edit(payment["id"], currency="eur")
    pulled = story.pull()
    # The payment, and what went back of it: each waits once, whatever tells of it.
    assert [one.notice.kind for one in pulled.parked] == ["invoice_payment.paid", "refund.created"]
    assert story.status("INV-2026-00003") == ("void", "0.00")


def test_progress_is_told(story: World) -> None:
    told: list[tuple[int, int]] = []
    story.pull(lambda done, of: told.append((done, of)))
    # Nothing on 1 January, 3 events on the 2nd, 7 on the 3rd: each day is read at once.
    assert told == [*((done, 3) for done in (1, 2, 3)), *((done, 10) for done in range(4, 11))]


# --- stopped anywhere


@pytest.mark.slow
def test_dropped_at_any_request_the_next_pull_ends_in_the_same_store(story: World, tmp_path: Path) -> None:
    with story.copied(tmp_path / "whole.db") as whole:
        asked = len(story.stripe.requests)
        whole.pull()
        requests = len(story.stripe.requests) - asked
        wanted = (whole.export(), whole.kept())
    for number in range(1, requests + 1):
        with story.copied(tmp_path / f"{number}.db") as cut:
            _break(story, number)
            with pytest.raises(Busy):
                cut.pull()
            story.stripe.hooks.before.clear()
            cut.pull()
            assert (cut.export(), cut.kept()) == wanted, f"broken at request {number}"


def _break(world: World, number: int) -> None:
    """From the `number`th request on the connection breaks, until the hook is taken away."""
    left = [number]

    def hook(_request: Request) -> None:
        left[0] -= 1
        if left[0] <= 0:
            raise ConnectionError

    world.stripe.hooks.before.append(hook)


def test_killed_before_any_commit_the_next_pull_ends_in_the_same_store(story: World, tmp_path: Path) -> None:
    with story.copied(tmp_path / "whole.db") as whole:
        whole.pull()
        wanted = (whole.export(), whole.kept())
    for number in range(1, MOST_STEPS):
        with story.copied(tmp_path / f"{number}.db") as cut:
            try:
                with cut.killed_at_commit(number):
                    cut.pull()
            except Killed:
                cut.pull()
                assert (cut.export(), cut.kept()) == wanted, f"killed at commit {number}"
            else:
                break
    assert number == 12, "ten events and the cursor"


def test_the_cursor_stands_behind_what_was_kept_however_it_stopped(story: World, tmp_path: Path) -> None:
    for number in range(1, 12):
        with story.copied(tmp_path / f"{number}.db") as cut:
            with pytest.raises(Killed), cut.killed_at_commit(number):
                cut.pull()
            kept = [event for event in story.stripe.events if event["id"] in cut.kept()]
            newest = max((event["created"] for event in kept), default=0)
            with cut.business.store.read() as tx:
                assert stripe_account.account(tx).cursor == newest


# --- a long silence


def unread(world: World, days: int) -> dict[str, Any]:
    """A payment that happened longer ago than Stripe keeps events."""
    there = world.sold()
    world.pull()
    world.stripe.pay_invoice(there)
    world.days(days)
    return world.stripe.get(there)


def test_F117_after_a_month_without_a_pull_every_unpaid_invoice_is_looked_at(world: World) -> None:
    unread(world, 40)
    pulled = world.pull()
    assert (pulled.read, pulled.looked) == (0, 1)
    assert [one.what for handled in pulled.handled for one in handled.applied] == ["payment"]
    assert world.paid()[0][1] == "2026-01-01T00:00:00Z"
    assert world.kept() == {}, "there was no event"
    assert len(world.audited) == 1


def test_after_a_shorter_silence_no_invoice_is_looked_at(world: World) -> None:
    unread(world, 28)
    assert (world.pull().looked, world.status()) == (0, ("paid", "0.00"))


def test_what_was_looked_at_and_cannot_be_written_waits_for_a_person(world: World) -> None:
    invoice = unread(world, 40)
    (payment,) = world.stripe.objects("invoice_payment")
    world.stripe.edit(payment["id"], currency="eur")
    (handled,) = world.pull().parked
    assert handled.notice.id == f"evt_look_{invoice['id']}"
    assert list(world.kept()) == [handled.notice.id]
    world.stripe.edit(payment["id"], currency="usd")
    assert [one.what for one in retry_event(world.receiver, handled.notice.id).applied] == ["payment"]
    assert world.kept()[handled.notice.id] == ("done", "")


def test_a_quiet_account_is_not_taken_for_a_silence(world: World) -> None:
    world.sold()
    for _ in range(3):
        world.days(20)
        assert world.pull().looked == 0


def test_a_first_pull_long_after_the_setup_asks_for_no_more_than_stripe_keeps(world: World) -> None:
    world.days(400)
    begun = len(world.stripe.requests)
    pulled = world.pull()
    asked = len([one for one in world.stripe.requests[begun:] if one.path == "/v1/events"])
    assert asked == 62  # 31 days, two lists of types for each
    assert pulled.since == (world.stripe.clock.now - 30 * DAY) * 1_000_000


def test_a_429_is_waited_for_and_where_stripe_stays_away_the_pull_says_to_come_again(story: World) -> None:
    story.stripe.faults.add(Fault("GET", "/v1/events", "429"))
    assert pull(story.receiver).read > 0
    story.stripe.faults.add(Fault("GET", "/v1/events", "503", times=99))
    with pytest.raises(Busy):
        story.pull()


def test_F117_after_a_month_without_a_pull_what_went_back_is_looked_at_too(world: World) -> None:
    """Of 19.00 each, 5.00 were refunded, 19.00 disputed since before the silence and withdrawn during it."""
    nova, rigel = (world.stripe.pay_invoice(world.sold(name)) for name in ("nova", "rigel"))
    dispute = world.stripe.dispute(rigel, inquiry=True)
    world.pull()
    world.days(5)
    world.stripe.refund(nova, 500)
    moved = {"amount": -1_900, "created": world.stripe.clock.now}
    world.stripe.edit(dispute, status="needs_response", balance_transactions=[moved])
    world.days(40)
    pulled = world.pull()
    assert (pulled.read, pulled.looked) == (0, 2)
    assert sorted(one.what for handled in pulled.handled for one in handled.applied) == [
        "chargeback",
        "refund",
    ]
    assert [world.status(f"INV-2026-0000{number}")[1] for number in (1, 2)] == ["0.00", "19.00"]


# --- a clock that is wrong


def test_what_happened_while_a_wrong_clock_was_ahead_is_read_once_it_is_right_again(world: World) -> None:
    there = world.sold()
    world.days(2)
    world.pull()
    world.days(-2)  # the clock is set right
    world.stripe.pay_invoice(there)
    assert world.pull().read == 2
    assert world.status() == ("paid", "0.00")
    assert cursor(world) == "2026-01-01T00:00:00Z"


def test_a_clock_that_is_a_little_behind_reads_no_month_again(world: World) -> None:
    world.days(40)
    world.pull()
    world.stripe.clock.advance(-60)
    begun = len(world.stripe.requests)
    assert instant_text(world.pull().since) == "2026-02-09T22:59:00Z"
    asked = [one for one in world.stripe.requests[begun:] if one.path == "/v1/events"]
    assert len(asked) == 2
