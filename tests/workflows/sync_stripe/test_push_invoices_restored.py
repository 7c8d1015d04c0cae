"""A store that was put back from a backup knows nothing of what it sent since: nobody is charged twice for that."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from planctl.store.engine import open_store
from planctl.store.stripe_outbox import by_id
from planctl.workflows.sync_stripe.push_objects import push_customers
from planctl.workflows.sync_stripe.resolve import adopt, check_adoption, let_go
from tests import stores
from tests.fakes.stripe import FakeStripe
from tests.workflows.business import Business
from tests.workflows.sync_stripe.world import World

ONE, TWO = "INV-2026-00001", "INV-2026-00002"
HOUR = 3_600


@dataclass
class Shop:
    """A store that can be copied and put back; the fake goes on."""

    path: Path
    fake: FakeStripe

    @contextmanager
    def opened(self) -> Iterator[World]:
        with open_store(stores.url(self.path)) as store:
            yield World(Business(store), self.fake)

    def back_up(self) -> None:
        stores.copy(self.path, self.path.with_suffix(".backup"))

    def put_back(self, hours: int = 25) -> None:
        """The backup takes the store's place, so many hours later."""
        stores.copy(self.path.with_suffix(".backup"), self.path)
        self.fake.clock.advance(hours * HOUR)


@pytest.fixture
def shop(books: Path, tmp_path: Path, stripe: FakeStripe) -> Shop:
    path = tmp_path / "books.db"
    stores.copy(books, path)
    return Shop(path, stripe)


def charges(shop: Shop) -> list[int]:
    """What cards were charged with."""
    return [one["amount"] for one in shop.fake.objects("charge") if one["paid"]]


def paid_and_forgotten(shop: Shop, hours: int = 25) -> str:
    """An invoice of 19.00 that a card paid at Stripe, and of which the store knows nothing; its id there."""
    with shop.opened() as world:
        world.sold("nova", pays="card")
    shop.back_up()
    with shop.opened() as world:
        world.push()
        there = str(world.at_stripe(ONE)["id"])
    shop.put_back(hours)
    return there


@pytest.mark.parametrize("hours", [0, 25])
def test_a_card_is_not_charged_again_and_a_person_is_told(shop: Shop, hours: int) -> None:
    """Within a day Stripe would replay its first answers, later it would make another invoice."""
    there = paid_and_forgotten(shop, hours)
    with shop.opened() as world:
        (stopped,) = world.push().of("parked")
        assert stopped.why == f"it is at Stripe already, and no call of this store made it: {there} (paid)"
        assert world.posted() == []
    assert len(shop.fake.objects("invoice")) == 1
    assert charges(shop) == [1_900]


def test_what_is_new_goes_on(shop: Shop) -> None:
    paid_and_forgotten(shop)
    with shop.opened() as world:
        world.sold("mira", pays="card")
        assert [one.owed.number for one in world.push().stopped] == [ONE]
        assert world.at_stripe(TWO)["status"] == "paid"


def adopted(world: World, there: str) -> None:
    """A person says which one it is."""
    (waiting,) = world.waiting()
    with world.business.store.read() as tx:
        operation = by_id(tx, waiting.id)
    check_adoption(world.gateway, world.store_id, operation, there)
    with world.business.store.write() as tx:
        adopt(tx, world.account, waiting.id, there)


def test_what_a_person_adopts_is_known_as_paid_and_nothing_is_sent(shop: Shop) -> None:
    there = paid_and_forgotten(shop)
    with shop.opened() as world:
        world.push()
        adopted(world, there)
        assert world.posted() == []
        assert (world.status_kept(ONE), world.waiting(), world.unfinished()) == ("paid", [], [])
        assert world.push().stopped == []
    assert charges(shop) == [1_900]


def test_one_that_is_open_there_is_paid_once_a_person_adopted_it(shop: Shop) -> None:
    """The store was put back, and its customer changed from nothing to a card meanwhile."""
    with shop.opened() as world:
        world.sold("nova")
    shop.back_up()
    with shop.opened() as world:
        world.push()
        there = str(world.at_stripe(ONE)["id"])
    shop.put_back()
    with shop.opened() as world:
        shop.fake.attach_card(world.there("customer", "nova"))
        world.pays_by("nova", "card")
        world.push()
        adopted(world, there)
        assert world.posted() == ["POST pay"]
    assert len(shop.fake.objects("invoice")) == 1
    assert charges(shop) == [1_900]


def test_a_draft_without_lines_that_a_person_adopts_is_completed(shop: Shop) -> None:
    with shop.opened() as world:
        world.sold("nova", pays="card")
    shop.back_up()
    with shop.opened() as world:
        world.die_at(3, "before")  # it would be given its lines
        there = str(world.at_stripe(ONE)["id"])
    shop.put_back()
    with shop.opened() as world:
        (stopped,) = world.push().stopped
        assert stopped.why.endswith(f"{there} (draft)")
        adopted(world, there)
        assert world.push().stopped == []
        assert world.at_stripe(ONE)["status"] == "paid"
    assert charges(shop) == [1_900]


def test_what_a_person_lets_go_is_made_anew(shop: Shop) -> None:
    """The one that is there was voided in the dashboard."""
    with shop.opened() as world:
        world.sold("nova")
    shop.back_up()
    with shop.opened() as world:
        world.push()
        shop.fake.void_invoice(str(world.at_stripe(ONE)["id"]))
    shop.put_back()
    with shop.opened() as world:
        world.push()
        (waiting,) = world.waiting()
        with world.business.store.write() as tx:
            let_go(tx, waiting.id, "that one is void")
        assert world.push().stopped == []
        assert sorted(one["status"] for one in world.all_at_stripe(ONE)) == ["open", "void"]
        assert world.posted() == []


def test_a_second_attempt_that_is_forgotten_is_found_too(shop: Shop) -> None:
    """The backup knows a draft that was deleted later, and nothing of the one that was paid then."""
    with shop.opened() as world:
        world.sold("nova", pays="card")
        world.die_at(3, "before")  # it would be given its lines
    shop.back_up()
    with shop.opened() as world:
        world.pay(ONE, "9")
        world.push()
        there = str(world.at_stripe(ONE)["id"])
    shop.put_back()
    with shop.opened() as world:
        world.pay(ONE, "9")
        world.push()  # finds that the draft is gone
        (stopped,) = world.push().of("parked")
        assert stopped.why.endswith(f"{there} (paid)")
    assert charges(shop) == [1_000]


def test_a_customer_is_asked_once_in_a_push_for_what_it_has_there(shop: Shop) -> None:
    with shop.opened() as world:
        world.sold("nova", "mira")
        world.business.subscribe("nova", "pro", "2026-01-02")
        world.push()
        assert len(world.stripe.objects("invoice")) == 3
    assert [one.path for one in shop.fake.requests if one.method == "GET"].count("/v1/invoices") == 2


def test_a_customer_that_was_made_is_found_again_by_its_metadata(shop: Shop) -> None:
    """Another store's of the same name stays another's."""
    with shop.opened() as world:
        world.business.customer("nova", emails=("nova@books.example",), payment_method="card")
    shop.back_up()
    with shop.opened() as world:
        push_customers(world.talk())
        there = world.there("customer", "nova")
        shop.fake.attach_card(there)
        foreign = world.gateway.ask(
            "post", "/v1/customers", {"metadata": {"planctl_store": "st_other", "planctl_id": "mira"}}
        )
        assert foreign.id
    shop.put_back()
    with shop.opened() as world:
        world.business.customer("mira")
        pushed = push_customers(world.talk())
        assert [(one.local_id, one.action, one.stripe_id) for one in pushed.changes] == [
            ("nova", "adopt", there),
            ("mira", "create", ""),
        ]
        world.business.subscribe("nova", "starter")
        world.push()
        assert world.at_stripe(ONE)["customer"] == there
        assert [one.path for one in shop.fake.requests if one.method == "GET"].count("/v1/customers") == 2
        assert push_customers(world.talk()).changes == []
    assert charges(shop) == [1_900]


def test_only_customers_are_listed_that_are_not_older_there_than_here(shop: Shop) -> None:
    """Three are at Stripe since New Year's Day; the next one is made in March, and one page of the list is read."""
    with shop.opened() as world:
        world.customer("a", "b", "c")
        world.at("2026-03-01")
        world.business.customer("nova", created_at=world.now)
        push_customers(world.talk())
    (asked,) = [one for one in shop.fake.requests if (one.method, one.path) == ("GET", "/v1/customers")][-1:]
    assert asked.params["created"] == {"gte": 1_772_323_200 - 86_400}
    assert len(shop.fake.objects("customer")) == 4


def test_a_customer_that_is_found_again_is_brought_up_to_date(shop: Shop) -> None:
    with shop.opened() as world:
        world.business.customer("nova", emails=("nova@books.example",))
    shop.back_up()
    with shop.opened() as world:
        world.push_customer("nova")
        shop.fake.edit(world.there("customer", "nova"), email="old@books.example")
    shop.put_back()
    with shop.opened() as world:
        pushed = push_customers(world.talk())
        assert [one.action for one in pushed.changes] == ["adopt", "update"]
    (customer,) = shop.fake.objects("customer")
    assert customer["email"] == "nova@books.example"
