"""The two sides of the contract: the loopback fake, and Stripe's test mode where a key is given.

A side is used through planctl's own gateway. What it makes it clears away again as far as Stripe lets it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Literal

from planctl import clock, identifiers
from planctl.core.stripe.model import Answer, Operation, Outcome, Value
from planctl.stripe_bridge.gateway import Gateway
from planctl.stripe_bridge.keys import Key, read_key
from tests.fakes.stripe import FakeStripe

DELETED = ("/v1/customers", "/v1/coupons")
ARCHIVED = ("/v1/products", "/v1/prices", "/v1/tax_rates", "/v1/billing_portal/configurations")

ATTEMPTS = 20
"""How often something is looked for that Stripe itself takes a moment to show."""


@dataclass(slots=True)
class Side:
    """One of the two, with short words for what the tests ask of it; `mark` is new for every test."""

    gateway: Gateway
    fake: FakeStripe | None = None
    mark: str = field(default_factory=lambda: identifiers.new_id("contract", clock.now()))
    made: list[tuple[str, str]] = field(default_factory=list)
    sent: int = 0

    def send(self, path: str, params: Mapping[str, Value] | None = None, key: str = "") -> Answer:
        """One POST as the outbox makes it, under a key of its own unless one is given."""
        return self._call("POST", path, self.gateway.encode(path, params or {}), key)

    def delete(self, path: str) -> Answer:
        """One DELETE."""
        return self._call("DELETE", path, b"")

    def _call(self, method: Literal["POST", "DELETE"], path: str, body: bytes, key: str = "") -> Answer:
        self.sent += 1
        operation = Operation(
            id="op",
            kind="product",
            local_id="x",
            action="x",
            revision=1,
            key=key or f"{self.mark}:{self.sent}",
            method=method,
            path=path,
            body=body,
        )
        answer = self.gateway.send(operation)
        if method == "POST" and answer.outcome is Outcome.DONE and answer.id:
            self.made.append((path, answer.id))
        return answer

    def make(self, path: str, **params: Value) -> Any:
        """The same where it must succeed: the object that Stripe answers."""
        answer = self.send(path, params)
        assert answer.outcome is Outcome.DONE, f"{path}: {answer}"
        return answer.body

    def get(self, path: str, **params: Value) -> Any:
        """One object as it stands."""
        return self.gateway.get(path, **params)

    def listed(self, path: str, **params: Value) -> list[Any]:
        """Everything that a list has."""
        return list(self.gateway.list(path, **params))

    def customer(self, **params: Value) -> str:
        """The id of a customer of this test's own, with an address for mail."""
        own: dict[str, Value] = {
            "name": "Anna Beispiel",
            "email": f"{self.mark}@books.example",
            "metadata": {"test": self.mark},
        }
        return str(self.make("/v1/customers", **(own | params))["id"])

    def draft(self, customer: str, **params: Value) -> str:
        """The id of an empty draft, made as planctl makes one."""
        wanted: dict[str, Value] = {
            "currency": "eur",
            "collection_method": "send_invoice",
            "auto_advance": False,
            "pending_invoice_items_behavior": "exclude",
            "metadata": {"test": self.mark},
        }
        if params.get("collection_method") != "charge_automatically":
            wanted["days_until_due"] = 30
        return str(self.make("/v1/invoices", customer=customer, **(wanted | params))["id"])

    def open(self, customer: str, amount: int, **params: Value) -> str:
        """The id of a finalized invoice with one line."""
        invoice = self.draft(customer, **params)
        self.make(f"/v1/invoices/{invoice}/add_lines", lines=[{"amount": amount, "description": "Gym"}])
        assert self.make(f"/v1/invoices/{invoice}/finalize", auto_advance=False)["status"] == "open"
        return invoice

    def card(self, customer: str, *, declines: bool = False) -> None:
        """Put a card on file, as the customer does at Stripe: the one that invoices are paid with."""
        if self.fake is not None:
            self.fake.attach_card(customer, declines=declines)
            return
        # Source: docs.stripe.com/testing, "Declined payments": the second one is attached and fails when charged.
        name = "pm_card_chargeCustomerFail" if declines else "pm_card_visa"
        card = self.make(f"/v1/payment_methods/{name}/attach", customer=customer)["id"]
        self.make(f"/v1/customers/{customer}", invoice_settings={"default_payment_method": card})

    def shown(self, path: str, wanted: str, **params: Value) -> Any:
        """The object of a list with that id, or about it; Stripe itself may take some seconds to show it."""
        for _ in range(ATTEMPTS):
            for one in self.listed(path, **params):
                if one["id"] == wanted or one.get("data", {}).get("object", {}).get("id") == wanted:
                    return one
            assert self.fake is None, f"the fake does not list {wanted} under {path}"
            self.gateway.sleep(1_000_000_000)
        raise AssertionError(f"{path} does not list {wanted}")

    def clear(self) -> None:
        """Take away or archive what was made, the youngest first; what Stripe keeps for ever stays."""
        for path, made in reversed(self.made):
            if path == "/v1/invoices":
                self._clear_invoice(made)
            elif path in ARCHIVED:
                self.send(f"{path}/{made}", {"active": False})
            elif path in DELETED:
                self.delete(f"{path}/{made}")
            elif path == "/v1/checkout/sessions":
                self.send(f"{path}/{made}/expire")

    def _clear_invoice(self, invoice: str) -> None:
        found = self.gateway.find(f"/v1/invoices/{invoice}")
        if found is not None and found["status"] == "draft":
            self.delete(f"/v1/invoices/{invoice}")
        elif found is not None and found["status"] == "open":
            self.send(f"/v1/invoices/{invoice}/void")


@contextmanager
def fake_side() -> Iterator[Side]:
    """The fake, which must find nothing wrong with any request."""
    with FakeStripe(at=1_767_225_600) as fake:
        key = Key(fake.key, live=False, restricted=False, origin="test")
        side = Side(Gateway(key, fake.address), fake)
        yield side
        side.clear()
        assert fake.violations == []


@contextmanager
def stripe_side(secret: str) -> Iterator[Side]:
    """Stripe's test mode; a key of another mode is refused before anything is sent."""
    key = read_key("", {"STRIPE_API_KEY": secret})
    assert not key.live, "the contract is for Stripe's test mode alone"
    side = Side(Gateway(key))
    try:
        yield side
    finally:
        side.clear()
