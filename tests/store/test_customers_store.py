"""Customers come back as they were stored, for many at once; holds are put, read and lifted."""

from __future__ import annotations

from dataclasses import replace

import pytest

from planctl.core.customers import Customer
from planctl.errors import Conflict, NotFound
from planctl.store import customers
from planctl.store.customers import CustomerFilter, Hold
from planctl.store.engine import Store

NOVA = Customer(
    id="nova",
    name="Nova Café GmbH",
    emails=("a@nova.example", "b@nova.example"),
    currency="EUR",
    timezone="Europe/Berlin",
    country="DE",
    address="Hauptstraße 1\n10115 Berlin",
    tax_id="DE123456789",
    locale="de-DE",
    fingerprint="card-1",
    tax="reverse",
    payment_method="invoice",
    created_at=1_767_225_600_000_000,
)
OLD = Customer(id="old", currency="USD", archived_at=5, created_at=1)


def test_a_customer_comes_back_as_it_was(store: Store) -> None:
    with store.write() as tx:
        assert customers.add(tx, NOVA) == 1
        assert customers.add(tx, replace(NOVA, id="unit", parent="nova")) == 2
    with store.read() as tx:
        assert customers.customer(tx, "nova") == NOVA
        assert customers.customer(tx, "unit") == replace(NOVA, id="unit", parent="nova")
        assert customers.customer(tx, "nobody") is None
        assert customers.sequence_of(tx, "unit") == 2


def test_ids_are_compared_exactly(store: Store) -> None:
    with store.write() as tx:
        customers.add(tx, NOVA)
        customers.add(tx, replace(NOVA, id="Nova"))
        assert sorted(customers.get_many(tx, ["nova", "Nova", "NOVA"])) == ["Nova", "nova"]


def test_many_customers_are_added_at_once_with_their_parents_first(store: Store) -> None:
    many = [Customer(id=f"c{number}", parent="c0" if number else "") for number in range(1_200)]
    with store.write() as tx:
        numbers = customers.add_all(tx, many)
        assert (numbers["c0"], numbers["c1199"]) == (1, 1_200)
        assert len(customers.get_many(tx, numbers)) == 1_200
        assert len(customers.children(tx, "c0")) == 1_199


def test_an_id_that_is_taken_is_a_conflict(store: Store) -> None:
    with store.write() as tx:
        customers.add(tx, NOVA)
        with pytest.raises(Conflict, match="already a customer 'nova'"):
            customers.add(tx, Customer(id="nova"))
        with pytest.raises(Conflict, match="already a customer 'twin'"):
            customers.add_all(tx, [Customer(id="twin"), Customer(id="one"), Customer(id="twin")])


@pytest.mark.parametrize("parent", ["nobody", "orphan"])
def test_a_parent_must_exist_and_be_somebody_else(store: Store, parent: str) -> None:
    with store.write() as tx, pytest.raises(NotFound, match=f"parent '{parent}' of customer 'orphan'"):
        customers.add(tx, Customer(id="orphan", parent=parent))


def test_an_update_overwrites_all_but_when_the_customer_was_made(store: Store) -> None:
    with store.write() as tx:
        customers.add(tx, NOVA)
        customers.update(tx, Customer(id="nova", name="Nova", created_at=99))
        assert customers.customer(tx, "nova") == Customer(id="nova", name="Nova", created_at=NOVA.created_at)
        with pytest.raises(NotFound, match="no customer 'nobody'"):
            customers.update(tx, Customer(id="nobody"))


def test_lists_are_complete_and_in_the_order_of_making(store: Store) -> None:
    with store.write() as tx:
        customers.add_all(tx, [NOVA, OLD, Customer(id="unit", parent="nova"), Customer(id="amy")])
    wanted = {
        CustomerFilter(): ["nova", "unit", "amy"],
        CustomerFilter(archived=True): ["nova", "old", "unit", "amy"],
        CustomerFilter(currency="EUR"): ["nova"],
        CustomerFilter(parent="nova"): ["unit"],
        CustomerFilter(limit=1): ["nova"],
        CustomerFilter(after=1, limit=1): ["unit"],
    }
    with store.read() as tx:
        found = {one: [customer.id for customer in customers.customers(tx, one)] for one in wanted}
    assert found == wanted


def test_customers_are_found_by_fingerprint_and_nobody_by_an_empty_one(store: Store) -> None:
    with store.write() as tx:
        customers.add_all(tx, [NOVA, Customer(id="unit", fingerprint="card-1"), Customer(id="amy")])
        assert [one.id for one in customers.by_fingerprint(tx, "card-1")] == ["nova", "unit"]
        assert customers.by_fingerprint(tx, "") == []


# --- holds


def test_a_hold_stays_as_it_was_first_put(store: Store) -> None:
    with store.write() as tx:
        customers.add_all(tx, [NOVA, OLD])
        assert customers.put_hold(tx, "nova", "catch-up", "13 periods due", 20)
        assert not customers.put_hold(tx, "nova", "catch-up", "14 periods due", 30)
        assert customers.put_hold(tx, "nova", "not-yet", "wallet", 25)
        assert customers.put_hold(tx, "old", "not-yet", "tax", 10)
    first, second = Hold("nova", "catch-up", "13 periods due", 20), Hold("nova", "not-yet", "wallet", 25)  # type: ignore[arg-type]
    with store.read() as tx:
        assert customers.holds(tx, "nova") == [first, second]
        assert [hold.customer for hold in customers.holds(tx)] == ["old", "nova", "nova"]
        assert customers.holds_of(tx, ["nova", "amy"]) == {"nova": [first, second], "amy": []}
        assert customers.held(tx, ["nova", "amy"]) == {"nova"}


def test_what_else_somebody_is_to_look_at_is_told_in_the_hold_that_is_there(store: Store) -> None:
    with store.write() as tx:
        customers.add(tx, NOVA)
        for detail, since in (("page 1", 20), ("page 2", 30), ("page 1", 40)):
            customers.hold_also(tx, "nova", "checkout", detail, since)
        customers.hold_also(tx, "nova", "paid-void", "pi_1", 50)
        found = [(one.reason, one.detail, one.since) for one in customers.holds(tx)]
    assert found == [("checkout", "page 1; page 2", 20), ("paid-void", "pi_1", 50)]


def test_a_hold_is_lifted_for_one_reason_or_all(store: Store) -> None:
    with store.write() as tx:
        customers.add(tx, NOVA)
        for reason in ("a", "b", "c"):
            customers.put_hold(tx, "nova", reason, "", 1)
        assert customers.clear_hold(tx, "nova", "a") == 1
        assert customers.clear_hold(tx, "nova", "a") == 0
        assert customers.clear_hold(tx, "nova") == 2
        assert customers.holds(tx) == []
        with pytest.raises(NotFound):
            customers.clear_hold(tx, "nobody")
