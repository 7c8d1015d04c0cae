"""A store and a fake account for one call at a time; its process dies where a test says. It computes nothing."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest

from planctl.core.periods import Instant
from planctl.core.stripe.model import (
    Account,
    Answer,
    Call,
    Link,
    Operation,
    State,
    Value,
)
from planctl.errors import Busy
from planctl.store import stripe_account, stripe_outbox
from planctl.store.engine import Store
from planctl.store.settings import identity
from planctl.stripe_bridge.gateway import Gateway
from planctl.stripe_bridge.keys import Key
from planctl.workflows.sync_stripe.sending import Talk, finish_all
from tests.fakes.stripe import FakeStripe, Fault
from tests.fakes.stripe.faults import Kind
from tests.store.conftest import store, store_path, template

__all__ = ["store", "store_path", "template"]

HOUR = 3_600
SECOND = 1_000_000
PRO = Call("product", "pro", "create", "/v1/products", {"name": "Pro"}, links=True, digest="d1")


class Killed(BaseException):
    """The end of the process, as far as the code under test can tell."""


class Mortal(Gateway):
    """A gateway whose process dies at its next call or list: before it leaves (`send`), or once it was answered."""

    dies: str = ""

    def send(self, operation: Operation) -> Answer:
        if self.dies == "before":
            raise Killed
        answer = super().send(operation)
        if self.dies == "after":
            raise Killed
        return answer

    def list(self, path: str, **params: Value) -> Any:
        if self.dies == "list":
            raise Killed
        return super().list(path, **params)


@dataclass
class Office:
    """A store, the fake, and one clock for both. `audited` are the calls that came to their ends."""

    store: Store
    stripe: FakeStripe
    audited: list[Operation] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.gateway = self.new_gateway()
        self.account = Account(str(self.gateway.get("/v1/account")["id"]), live=False)
        with self.store.write() as tx:
            stripe_account.pin(tx, self.account)
            self.store_id = identity(tx).store_id
        self.stripe.requests.clear()

    def new_gateway(self, key: str = "", cls: type[Gateway] = Mortal) -> Gateway:
        return cls(Key(key or self.stripe.key, False, False, "test"), self.stripe.address, lambda _: None)

    @property
    def now(self) -> Instant:
        return Instant(self.stripe.clock.now * SECOND)

    def talk(self, gateway: Gateway | None = None, of: Store | None = None) -> Talk:
        at = of or self.store
        return Talk(
            gateway or self.gateway,
            self.account,
            self.store_id,
            at.read,
            at.write,
            lambda _, operation: self.audited.append(operation),
            lambda: self.now,
        )

    def calls(self) -> list[Operation]:
        with self.store.read() as tx:
            return stripe_outbox.in_state(tx, self.account, set(State))

    def call(self) -> Operation:
        (only,) = self.calls()
        return only

    def link(self, kind: Any, local_id: str) -> Link | None:
        with self.store.read() as tx:
            return stripe_outbox.links(tx, self.account, kind, [local_id]).get(local_id)

    def products(self) -> list[str]:
        return [str(one["id"]) for one in self.stripe.objects("product")]

    def later(self, hours: float) -> None:
        self.stripe.clock.advance(int(hours * HOUR))

    def fails(self, kind: Kind, path: str = "/v1/products$", times: int = 1, method: str = "POST") -> Fault:
        return self.stripe.faults.add(Fault(method, path, kind, times=times))

    def killed(self, dies: str, act: Callable[[Talk], object]) -> None:
        """Do something with a process that dies."""
        dying = self.new_gateway()
        assert isinstance(dying, Mortal)
        dying.dies = dies
        with pytest.raises(Killed):
            act(self.talk(dying))

    def silent(self, act: Callable[[Talk], object]) -> None:
        with pytest.raises(Busy):
            act(self.talk())

    def decided(self, decide: Callable[..., Operation]) -> Operation:
        """A person decides about the one call."""
        waiting = self.call().id
        with self.store.write() as tx:
            return decide(tx, waiting, "a reason")


@pytest.fixture
def office(stripe: FakeStripe, store: Store) -> Office:
    return Office(store, stripe)


def done_once(office: Office) -> None:
    """One object, linked, and nothing left to do."""
    (made,) = office.products()
    call = office.call()
    assert (call.state, call.stripe_id, call.note) == (State.CONFIRMED, made, "")
    assert office.link("product", "pro") == Link("product", "pro", made, "d1")
    assert [one.state for one in office.audited] == [State.CONFIRMED]
    sent = len(office.stripe.requests)
    assert finish_all(office.talk()) == []
    assert len(office.stripe.requests) == sent
