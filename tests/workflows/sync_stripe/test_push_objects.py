"""Products, prices, coupons, tax rates and customers at Stripe: one object each, whatever stops the push.

The catalog and what must be at Stripe are written out by hand.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from planctl.core.customers import Customer
from planctl.core.periods import Instant
from planctl.core.stripe.model import Account, Answer, Operation, Outcome, State
from planctl.errors import Busy, NotPermitted
from planctl.store import customers, stripe_account, stripe_outbox
from planctl.store.engine import Store, Tx, open_store
from planctl.store.settings import identity
from planctl.stripe_bridge.gateway import Gateway
from planctl.stripe_bridge.keys import Key
from planctl.workflows.sync_stripe.push_objects import Pushed, push_catalog, push_customer, push_customers
from planctl.workflows.sync_stripe.sending import Talk, finish_all
from tests import stores
from tests.fakes.stripe import FakeStripe, Fault
from tests.fakes.stripe.faults import Kind
from tests.workflows.world import apply

CATALOG = """\
format: planctl.catalog/1
catalog: shop
currencies: {USD: , EUR: , JPY: , USDT: {name: Tether, decimals: 6, iso: false}}
taxes:
  vat_de: {country: DE, name: VAT, rate: 19%}
features:
  seats: {type: metered, unit: seat, reset: never}
plans:
  basic:
    name: Basic
    price: free
    features: {seats: 1}
  pro:
    name: Pro
    price:
      month: {USD: 49, EUR: 45, JPY: 7_500, USDT: 49}
      year: {USD: 490}
    features: {seats: 5}
coupons:
  welcome: {off: 25%, for: forever}
"""
DEARER = CATALOG.replace("USD: 49,", "USD: 55,")
NOW = 1_767_225_600
NOVA = Customer("nova", "Nova GmbH", ("ap@nova.example",), "EUR", country="DE", created_at=NOW * 1_000_000)

MOST_STEPS = 200
"""More requests and commits than any push here makes."""


class Killed(BaseException):
    """The end of the process, as far as the code under test can tell."""


@dataclass
class Pushing:
    """A store, a fake account and everything to push from the one to the other."""

    store: Store
    stripe: FakeStripe
    commits: int = 0
    die_at_commit: int = 0
    audited: list[Operation] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.gateway = Gateway(
            Key(self.stripe.key, False, False, "test"), self.stripe.address, lambda _: None
        )
        with self.store.write() as tx:
            self.account = Account(str(self.gateway.get("/v1/account")["id"]), live=False)
            stripe_account.pin(tx, self.account)
            self.store_id = identity(tx).store_id

    def talk(self) -> Talk:
        return Talk(
            self.gateway,
            self.account,
            self.store_id,
            self.store.read,
            self.written,
            lambda _, operation: self.audited.append(operation),
            lambda: Instant(self.stripe.clock.now * 1_000_000),
        )

    def written(self) -> AbstractContextManager[Tx]:
        self.commits += 1
        if self.commits == self.die_at_commit:
            raise Killed
        return self.store.write()

    def push(self) -> list[Pushed]:
        talk = self.talk()
        finish_all(talk)
        return [push_catalog(talk), push_customers(talk)]

    def said(self) -> list[tuple[str, str, str]]:
        """What a push did, by kind, local id and action."""
        return [(one.kind, one.local_id, one.action) for pushed in self.push() for one in pushed.changes]

    def catalog(self, text: str) -> None:
        with self.store.write() as tx:
            apply(tx, text)

    def calls(self) -> list[Operation]:
        with self.store.read() as tx:
            return stripe_outbox.in_state(tx, self.account, set(State))

    def mine(self, kind: str, local_id: str) -> list[dict[str, Any]]:
        """The objects at Stripe that stand for one of ours, in the order in which they were made."""
        return [one for one in self.stripe.objects(kind) if one["metadata"].get("planctl_id") == local_id]


def amounts(pushing: Pushing, price: dict[str, Any]) -> dict[str, int]:
    """What a price asks for, by currency, in Stripe's unit."""
    whole: Any = pushing.gateway.get(f"/v1/prices/{price['id']}", expand=["currency_options"])
    return {code: option["unit_amount"] for code, option in whole["currency_options"].items()}


@pytest.fixture
def pushing(stripe: FakeStripe, tmp_path: Path) -> Iterator[Pushing]:
    with open_store(
        stores.url(tmp_path / "books.db"), create=True, at=NOW * 1_000_000, is_test=True
    ) as store:
        made = Pushing(store, stripe)
        fill(made)
        yield made


def fill(pushing: Pushing) -> None:
    """The catalog and one customer."""
    pushing.catalog(CATALOG)
    with pushing.store.write() as tx:
        customers.add(tx, NOVA)


def test_everything_is_made_once_and_a_second_push_sends_nothing(pushing: Pushing) -> None:
    assert pushing.said() == [
        ("product", "basic", "create"),
        ("product", "pro", "create"),
        ("price", "pro/month", "create"),
        ("price", "pro/year", "create"),
        ("coupon", "welcome", "create"),
        ("tax_rate", "vat_de/19", "create"),
        ("product", "pro", "update"),
        ("customer", "nova", "create"),
    ]
    sent = len(pushing.stripe.posts())
    assert pushing.said() == []
    assert len(pushing.stripe.posts()) == sent


def test_a_price_has_all_currencies_that_stripe_takes_under_one_lookup_key(pushing: Pushing) -> None:
    pushing.push()
    (monthly,) = pushing.mine("price", "pro/month")
    (product,) = pushing.mine("product", "pro")
    assert monthly["lookup_key"] == "planctl/shop/pro/month"
    assert amounts(pushing, monthly) == {"usd": 4900, "eur": 4500, "jpy": 7500}
    assert product["default_price"] == monthly["id"]


def test_a_dearer_price_is_a_new_one_that_takes_key_and_default_before_the_old_one_is_archived(
    pushing: Pushing,
) -> None:
    pushing.push()
    pushing.catalog(DEARER)
    assert pushing.said() == [
        ("price", "pro/month", "replace"),
        ("product", "pro", "update"),
        ("price", "pro/month", "archive"),
    ]
    old, new = pushing.mine("price", "pro/month")
    (product,) = pushing.mine("product", "pro")
    assert (old["active"], old["lookup_key"], amounts(pushing, old)["usd"]) == (False, None, 4900)
    assert (new["active"], new["lookup_key"]) == (True, "planctl/shop/pro/month")
    assert amounts(pushing, new) == {"usd": 5500, "eur": 4500, "jpy": 7500}
    assert product["default_price"] == new["id"]
    assert pushing.said() == []


def test_what_somebody_changed_at_stripe_is_set_back(pushing: Pushing) -> None:
    pushing.push()
    (product,) = pushing.mine("product", "pro")
    pushing.stripe.edit(str(product["id"]), name="Profi")
    assert pushing.said() == [("product", "pro", "drift")]
    assert pushing.mine("product", "pro")[0]["name"] == "Pro"


def test_an_archived_plan_is_archived_at_stripe(pushing: Pushing) -> None:
    pushing.push()
    start = CATALOG.index("  pro:")
    pushing.catalog(CATALOG[:start] + CATALOG[CATALOG.index("coupons:") :])
    assert ("product", "pro", "archive") in pushing.said()
    assert pushing.mine("product", "pro")[0]["active"] is False
    assert pushing.said() == []


def test_links_that_were_lost_are_found_again_without_a_second_object(pushing: Pushing) -> None:
    pushing.push()
    sent = len(pushing.stripe.posts())
    with pushing.store.write() as tx:
        for kind, name in (("product", "pro"), ("price", "pro/month"), ("tax_rate", "vat_de/19")):
            stripe_outbox.unlink(tx, pushing.account, kind, name)  # type: ignore[arg-type]
    assert {action for _, _, action in pushing.said()} == {"adopt"}
    assert len(pushing.stripe.posts()) == sent


def test_objects_of_another_store_are_left_alone(pushing: Pushing) -> None:
    other = pushing.gateway
    call = Operation("op_x", "product", "pro", "create", 1, "other", "POST", "/v1/products",
                     b"name=Pro&metadata[planctl_store]=store_other&metadata[planctl_id]=pro")  # fmt: skip
    theirs = other.send(call).id
    pushing.push()
    assert pushing.stripe.get(theirs)["active"] is True
    assert len(pushing.mine("product", "pro")) == 2


def test_a_customer_that_changed_here_is_changed_there_and_what_was_emptied_is_unset(
    pushing: Pushing,
) -> None:
    pushing.push()
    with pushing.store.write() as tx:
        customers.update(tx, Customer("nova", "Nova AG", (), "EUR", country="CH", created_at=NOW * 1_000_000))
    assert pushing.said() == [("customer", "nova", "update")]
    (nova,) = pushing.mine("customer", "nova")
    assert (nova["name"], nova["email"]) == ("Nova AG", None)
    assert nova["address"]["country"] == "CH"
    assert pushing.said() == []


def test_a_customer_who_was_deleted_at_stripe_is_made_again_when_it_changes(pushing: Pushing) -> None:
    pushing.push()
    (nova,) = pushing.mine("customer", "nova")
    pushing.stripe.delete(str(nova["id"]))
    with pushing.store.write() as tx:
        customers.update(tx, Customer("nova", "Nova AG", created_at=NOW * 1_000_000))
    assert pushing.said() == [("customer", "nova", "recreate")]


def test_one_customer_can_be_pushed_alone_and_is_linked_once(pushing: Pushing) -> None:
    talk = pushing.talk()
    first = push_customer(talk, NOVA)
    assert first.startswith("cus_")
    assert push_customer(talk, NOVA) == first
    assert len(pushing.stripe.objects("customer")) == 1


def test_every_call_is_audited_at_its_end(pushing: Pushing) -> None:
    pushing.push()
    assert [one.name for one in pushing.audited] == [one.name for one in pushing.calls()]
    assert all(one.state is State.CONFIRMED and one.stripe_id for one in pushing.audited)


# --- killed, silent and broken


def pushed_whole(pushing: Pushing) -> None:
    """One object each, all linked, nothing left to do."""
    assert pushing.said() == []
    counts = {
        kind: len(pushing.stripe.objects(kind))
        for kind in ("product", "price", "coupon", "tax_rate", "customer")
    }
    assert counts == {"product": 2, "price": 2, "coupon": 1, "tax_rate": 1, "customer": 1}
    assert {one.state for one in pushing.calls()} == {State.CONFIRMED}


@dataclass(slots=True)
class Deadly(Gateway):
    """A gateway whose process dies at its n-th call, before the request leaves or once it was answered."""

    step: int = 0
    place: str = ""
    sent: int = 0

    def send(self, operation: Operation) -> Answer:
        self.sent += 1
        if (self.sent, self.place) == (self.step, "before"):
            raise Killed
        answer = Gateway.send(self, operation)
        if (self.sent, self.place) == (self.step, "after"):
            raise Killed
        return answer


def die_at_request(pushing: Pushing, step: int, place: str) -> None:
    real = pushing.gateway
    pushing.gateway = Deadly(real.key, real.address, lambda _: None, step=step, place=place)


def die_at_commit(pushing: Pushing, step: int) -> None:
    pushing.die_at_commit = step


def die_everywhere(directory: Path, arm: Callable[[Pushing, int], None]) -> int:
    """Push into an empty account, dying at step 1, 2, 3 ... until nothing dies; each time push again and look."""
    for step in range(1, MOST_STEPS):
        path = stores.url(directory / f"{step}.db")
        with (
            FakeStripe(NOW) as fake,
            open_store(path, create=True, at=NOW * 1_000_000, is_test=True) as store,
        ):
            pushing = Pushing(store, fake)
            fill(pushing)
            alive = pushing.gateway
            arm(pushing, step)
            died = False
            try:
                pushing.push()
            except Killed:
                died = True
            pushing.gateway, pushing.die_at_commit = alive, 0
            pushing.push()
            pushed_whole(pushing)
            assert fake.violations == []
            if not died:
                return step - 1
    raise AssertionError("the push never ends")


@pytest.mark.parametrize("place", ["before", "after"])
def test_killed_at_every_request_and_run_again_there_is_one_object_each(tmp_path: Path, place: str) -> None:
    assert die_everywhere(tmp_path, lambda pushing, step: die_at_request(pushing, step, place)) == 8


def test_killed_at_every_commit_and_run_again_there_is_one_object_each(tmp_path: Path) -> None:
    """Each of the eight calls is kept twice: before it is sent, and when it was answered."""
    assert die_everywhere(tmp_path, die_at_commit) == 16


@pytest.mark.parametrize("fault", ["drop_before", "drop_after", "429", "409", "503"])
def test_F097_F104_a_lost_answer_or_a_wait_makes_no_second_object(pushing: Pushing, fault: Kind) -> None:
    pushing.stripe.faults.add(Fault("POST", r"/v1/products$", fault, nth=1))
    pushing.push()
    pushed_whole(pushing)


def test_F097_a_call_that_was_never_answered_is_sent_again_by_the_next_push(pushing: Pushing) -> None:
    pushing.stripe.faults.add(Fault("POST", r"/v1/products$", "drop_after", times=3))
    with pytest.raises(Busy) as busy:
        pushing.push()
    assert busy.value.exit_code == 75
    assert [one.state for one in pushing.calls()] == [State.SENT]
    pushing.push()
    pushed_whole(pushing)


def test_F101_after_23_hours_nothing_is_sent_again_and_what_was_made_is_found_by_list(
    pushing: Pushing,
) -> None:
    pushing.stripe.faults.add(Fault("POST", r"/v1/products$", "drop_after", times=3))
    with pytest.raises(Busy):
        pushing.push()
    pushing.stripe.clock.advance(25 * 3_600)
    before = len(pushing.stripe.posts("/v1/products"))
    finish_all(pushing.talk())
    assert len(pushing.stripe.posts("/v1/products")) == before
    pushing.push()
    pushed_whole(pushing)


def test_F101_after_23_hours_what_was_not_made_waits_for_a_person(pushing: Pushing) -> None:
    pushing.stripe.faults.add(Fault("POST", r"/v1/products$", "drop_before", times=3))
    with pytest.raises(Busy):
        pushing.push()
    pushing.stripe.clock.advance(25 * 3_600)
    (found,) = finish_all(pushing.talk())
    assert (found.state, found.note) == (
        State.PARKED,
        "nothing at Stripe carries its key (lost the connection to Stripe broke)",
    )
    pushing.push()
    assert pushing.mine("product", "basic") == []


def test_F103_a_500_is_not_sent_again_and_what_was_made_is_adopted(pushing: Pushing) -> None:
    pushing.stripe.faults.add(Fault("POST", r"/v1/products$", "500_after"))
    pushing.push()
    pushed_whole(pushing)
    assert len(pushing.stripe.posts("/v1/products")) == 2 + 1


def test_F103_a_500_that_made_nothing_waits_for_a_person_and_the_rest_goes_on(pushing: Pushing) -> None:
    pushing.stripe.faults.add(Fault("POST", r"/v1/products$", "500"))
    pushed, _ = pushing.push()
    assert [(one.local_id, one.state) for one in pushed.parked] == [("basic", State.PARKED)]
    assert len(pushing.mine("product", "pro")) == 1
    assert pushing.mine("product", "basic") == []


def test_F105_nothing_is_ever_searched(pushing: Pushing) -> None:
    pushing.stripe.search_lag = 60
    pushing.push()
    assert not [one for one in pushing.stripe.requests if "search" in one.path]


def test_F100_other_parameters_under_the_same_key_wait_for_a_person(pushing: Pushing) -> None:
    pushing.stripe.faults.add(Fault("POST", r"/v1/products$", "drop_after", times=3))
    with pytest.raises(Busy):
        pushing.push()
    (sent,) = pushing.calls()
    other = replace(sent, body=b"name=Other")
    assert pushing.gateway.send(other).outcome is Outcome.DIFFERS


def test_a_key_without_the_right_stops_the_push_and_spoils_no_call(pushing: Pushing) -> None:
    lesser = pushing.stripe.add_key("rk_test_lesser", {"products": "read", "prices": "read", "coupons": "read",
                                                       "tax_rates": "read", "account": "read"})  # fmt: skip
    whole = pushing.gateway
    pushing.gateway = Gateway(Key(lesser, False, True, "test"), pushing.stripe.address, lambda _: None)
    with pytest.raises(NotPermitted):
        pushing.push()
    pushing.gateway = whole
    pushing.push()
    pushed_whole(pushing)
