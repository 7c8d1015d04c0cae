"""Calls, links, events, pages and the account on PostgreSQL: as on SQLite, with one journey out and back."""

from __future__ import annotations

import inspect
import threading
from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal

import pytest
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError

from planctl.core.currencies import iso_currency
from planctl.core.customers import Customer
from planctl.core.periods import Instant
from planctl.core.stripe.checkout import Page, Purchase
from planctl.core.stripe.facts_notice import Notice
from planctl.core.stripe.model import Account, Call, Operation, State
from planctl.errors import Conflict
from planctl.store import customers, stripe_account, stripe_checkouts, stripe_events, stripe_outbox
from planctl.store import stripe_standing as standing
from planctl.store.balances import BalanceMove, post, total_under
from planctl.store.engine import Store, open_store
from planctl.store.settings import identity
from planctl.store.stripe_events import KeptEvent
from planctl.stripe_bridge.gateway import Gateway
from planctl.stripe_bridge.keys import Key
from planctl.workflows.receive_webhook.handling import Receiver
from planctl.workflows.receive_webhook.pulling import pull
from planctl.workflows.sync_stripe.sending import Talk, finish_all, send
from tests.fakes.stripe import FakeStripe, Fault
from tests.fakes.stripe.fixture import stripe
from tests.store import test_stripe_outbox_store as on_sqlite
from tests.store.test_postgres import store, url
from tests.workflows.business import Business
from tests.workflows.sync_stripe.world import CATALOG, World
from tests.workflows.world import apply

__all__ = ["store", "stripe", "url"]

pytestmark = pytest.mark.postgres

NOW = Instant(1_767_225_600_000_000)
TEST = Account("acct_1", live=False)
CREATE = Call("product", "pro", "create", "/v1/products", {"name": "Pro"}, links=True)

SAME = [one for name, one in inspect.getmembers(on_sqlite, inspect.isfunction) if name.startswith("test_")]


@pytest.mark.parametrize("same", SAME, ids=lambda one: one.__name__.removeprefix("test_"))
def test_calls_links_and_the_account_are_kept_here_too(same: Callable[[Store], None], store: Store) -> None:
    same(store)


def test_any_byte_of_a_body_comes_back(store: Store) -> None:
    body = bytes(range(256))
    with store.write() as tx:
        stripe_outbox.add(tx, TEST, CREATE, "k", body, NOW)
    with store.read() as tx:
        (found,) = stripe_outbox.unfinished(tx, TEST)
    assert (found.body, type(found.body)) == (body, bytes)


@pytest.mark.parametrize(
    "damage",
    [
        "UPDATE stripe_operation SET state = 'failed'",
        "INSERT INTO stripe_event (event_id, kind, object, state, happened_at, received_at, detail, facts)"
        " VALUES ('evt_1', 'x', 'x', 'new', 1, 1, '', '')",
        "INSERT INTO stripe_account (id, account, livemode, key_shown, country, return_url, cursor, set_up_at)"
        " VALUES (2, 'acct_2', 0, '', '', '', 0, 1)",
    ],
)
def test_a_state_that_nobody_knows_and_a_second_account_are_refused(store: Store, damage: str) -> None:
    with store.write() as tx:
        stripe_account.pin(tx, TEST)
        stripe_outbox.add(tx, TEST, CREATE, "k", b"", NOW)
    with pytest.raises(IntegrityError, match="check constraint"), store.write() as tx:
        tx.connection.execute(text(damage))


def test_an_event_is_kept_once_and_later_what_became_of_it(store: Store) -> None:
    notice = Notice("evt_1", "invoice.paid", "in_1", "in_1", NOW, live=False)
    waiting = KeptEvent(notice, "parked", Instant(NOW + 5), "the books are closed")
    with store.write() as tx:
        stripe_events.keep(tx, waiting)
        stripe_events.keep(tx, KeptEvent(replace(notice, id="evt_2"), "done", Instant(NOW + 6)))
    with store.read() as tx:
        assert stripe_events.parked_event(tx, TEST, "evt_1") == waiting
        assert standing.event_counts(tx) == {"done": 1, "parked": 1}
        assert [(one.id, one.object, one.why) for one in standing.waiting_events(tx)] == [
            ("evt_1", "in_1", "the books are closed")
        ]
        last = standing.last_event(tx)
        assert last is not None
        assert (last.id, last.received_at) == ("evt_2", NOW + 6)
    with store.write() as tx:
        stripe_events.keep(tx, replace(waiting, state="done", why=""))
        assert standing.event_counts(tx) == {"done": 2}


def page(session: str = "cs_1") -> Page:
    usd = iso_currency("USD")
    assert usd is not None
    purchase = Purchase("nova", "pro", "month", quantities={"seats": Decimal("2.5")}, trial=False)
    until = Instant(NOW + 3_600_000_000)
    return Page(session, purchase, {"plan": "pro"}, 4_990, usd, "https://checkout.example/1", NOW, until)


def test_a_page_is_kept_once_and_is_final_once_its_money_was_taken_in(store: Store) -> None:
    with store.write() as tx:
        customers.add(tx, Customer("nova"))
        stripe_checkouts.add(tx, page())
    with pytest.raises(Conflict), store.write() as tx:
        stripe_checkouts.add(tx, page())
    with store.write() as tx:
        assert stripe_checkouts.page(tx, "cs_1") == page()
        assert [(one.session, one.customer, one.amount_minor) for one in standing.open_pages(tx)] == [
            ("cs_1", "nova", 4_990)
        ]
        credited = replace(page(), state="credited", note="the price is another one today")
        stripe_checkouts.save(tx, credited)
        assert stripe_checkouts.page(tx, "cs_1") == credited
        assert standing.open_pages(tx) == []
        with pytest.raises(AssertionError, match="final"):
            stripe_checkouts.save(tx, page())


def test_money_of_a_page_that_went_back_in_part_leaves_every_law_holding(store: Store) -> None:
    """49.90 came, 12.00 went back: 37.90 of that page's are left in the balance."""
    one, other = replace(page(), state="credited"), replace(page("cs_10"), state="credited")
    moves = {"checkout:cs_1": 4_990, "checkout_back:cs_1:re_1": -1_200, "checkout:cs_10": 4_990}
    with store.write() as tx:
        customers.add(tx, Customer("nova"))
        for each in (one, other):
            stripe_checkouts.add(tx, replace(each, state="open"))
            stripe_checkouts.save(tx, each)
        post(tx, [BalanceMove("nova", "USD", key, amount, NOW) for key, amount in moves.items()])
        assert total_under(tx, "nova", "USD", ("checkout:cs_1", "checkout_back:cs_1:")) == 3_790
    Business(store).check()


def test_what_waits_for_an_event_is_released_once_it_is_written(store: Store) -> None:
    notice = Notice("evt_1", "refund.created", "re_1", "pi_1", NOW, live=False)
    with store.write() as tx:
        stripe_events.keep(tx, KeptEvent(notice, "parked", NOW, "it is spent", ("re_1", "pi_1")))
        stripe_events.release(tx, TEST, ["re_1", "re_9"])
        assert stripe_events.stopped(tx).waiting == {"pi_1": "evt_1"}
        stripe_events.release(tx, TEST, ["pi_1"])
        assert stripe_events.event(tx, TEST, "evt_1") == KeptEvent(notice, "done", NOW)


# --- through the outbox


def talk_of(at: Store, fake: FakeStripe, sleep: Callable[[int], None] = lambda _: None) -> Talk:
    gateway = Gateway(Key(fake.key, False, False, "test"), fake.address, sleep)
    account = Account(str(gateway.get("/v1/account")["id"]), live=False)
    with at.write() as tx:
        stripe_account.pin(tx, account)
        store_id = identity(tx).store_id
    return Talk(gateway, account, store_id, at.read, at.write, lambda _tx, _one: None, lambda: NOW)


def test_a_lost_answer_is_asked_for_again_with_the_same_bytes(store: Store, stripe: FakeStripe) -> None:
    stripe.faults.add(Fault("POST", "products", "drop_after"))
    send(talk_of(store, stripe), CREATE)
    first, second = stripe.posts()
    assert (first.body, second.replayed, len(stripe.objects("product"))) == (second.body, True, 1)
    assert finish_all(talk_of(store, stripe)) == []


def test_two_that_send_the_same_call_at_once_make_one_object(
    store: Store, url: str, stripe: FakeStripe
) -> None:
    held = stripe.faults.add(Fault("POST", "products", "delay", seconds=10))
    arrived, finished = threading.Event(), threading.Event()
    stripe.hooks.before.append(lambda request: arrived.set() if request.method == "POST" else None)
    stripe.hooks.after.append(
        lambda request: finished.set() if (request.method, request.status) == ("POST", 200) else None
    )
    ended: list[Operation] = []

    def first() -> None:
        with open_store(url) as own:
            ended.append(send(talk_of(own, stripe), CREATE))

    def sleep(_: int) -> None:
        held.release()
        assert finished.wait(10)

    beside = threading.Thread(target=first)
    beside.start()
    assert arrived.wait(10)
    ended.append(send(talk_of(store, stripe, sleep), CREATE))
    beside.join()
    (made,) = stripe.objects("product")
    assert [(one.state, one.stripe_id) for one in ended] == [(State.CONFIRMED, made["id"])] * 2


def test_invoices_go_out_and_payments_come_in_here_too(store: Store, stripe: FakeStripe) -> None:
    with store.write() as tx:
        apply(tx, CATALOG)
    world = World(Business(store), stripe)
    world.sold("nova", plan="pro", pays="card")
    world.sold("mira", pays="invoice")
    assert world.push().stopped == []
    assert [one["status"] for one in stripe.objects("invoice")] == ["paid", "open"]
    stripe.pay_invoice(str(world.at_stripe("INV-2026-00002")["id"]))
    pulled = pull(Receiver(world.talk(), "ci", lambda _tx, _one: None, lambda: world.now))
    assert pulled.parked == ()
    assert {one.status.value for one in world.business.invoices()} == {"paid"}
    with store.read() as tx:
        assert standing.unpaid_there(tx, world.account) == []
    assert world.posted() == []
    world.business.check()
