"""A balance is a history: dense, per customer and currency, each key once, never below zero."""

from __future__ import annotations

import pytest
from sqlalchemy.exc import IntegrityError

from planctl.errors import Conflict
from planctl.store import balances, invoices
from planctl.store.balances import BalanceMove
from planctl.store.engine import Store, Tx
from planctl.store.invoices import Issuing
from tests.store.samples import a_draft, on_day, with_subscriptions


def move(key: str, amount: int, customer: str = "nova", currency: str = "USD") -> BalanceMove:
    return BalanceMove(customer, currency, key, amount, on_day(1))


def history(tx: Tx) -> list[tuple[object, ...]]:
    rows = tx.connection.exec_driver_sql(
        "SELECT customer, currency, seq, key, amount, balance, invoice FROM balance_entry"
        " ORDER BY customer, currency, seq"
    )
    return [tuple(row) for row in rows]


def test_movements_are_numbered_and_summed_per_customer_and_currency(store: Store) -> None:
    with store.write() as tx:
        with_subscriptions(tx, 2)
        balances.post(
            tx, [move("a", 500), move("a", 70, "c2"), move("a", 9, currency="EUR"), move("b", -200)]
        )
        balances.post(tx, [move("c", 30)])
        assert history(tx) == [
            (1, "EUR", 1, "a", 9, 9, ""),
            (1, "USD", 1, "a", 500, 500, ""),
            (1, "USD", 2, "b", -200, 300, ""),
            (1, "USD", 3, "c", 30, 330, ""),
            (2, "USD", 1, "a", 70, 70, ""),
        ]
        assert balances.balances_of(tx, ["nova", "c2"]) == {"nova": {"EUR": 9, "USD": 330}, "c2": {"USD": 70}}


def test_a_balance_that_was_used_up_is_not_told(store: Store) -> None:
    with store.write() as tx:
        with_subscriptions(tx)
        assert balances.balances_of(tx, ["nova", "nobody"]) == {"nova": {}, "nobody": {}}
        balances.post(tx, [move("a", 500), move("b", -500)])
        assert balances.balances_of(tx, ["nova"]) == {"nova": {}}
        assert balances.moved(tx, ["a", "b", "c"]) == {"a": 500, "b": -500}


def test_entries_are_summed_by_their_keys_and_what_their_keys_begin_with(store: Store) -> None:
    keys = ("checkout:cs_1", "checkout_back:cs_1:")
    with store.write() as tx:
        with_subscriptions(tx, 2)
        several = [("checkout:cs_1", 500), ("checkout_back:cs_1:re_1", -120), ("checkout_back:csX1:re_2", 1)]
        balances.post(tx, [move(key, amount) for key, amount in several])
        balances.post(tx, [move("checkout:cs_1", 7, "c2"), move("checkout:cs_1", 9, currency="EUR")])
        assert balances.total_under(tx, "nova", "USD", keys) == 380
        assert balances.total_under(tx, "c2", "EUR", keys) == 0


def test_a_key_moves_a_balance_once(store: Store) -> None:
    with store.write() as tx:
        with_subscriptions(tx)
        balances.post(tx, [move("a", 500)])
    with pytest.raises(Conflict), store.write() as tx:
        balances.post(tx, [move("a", 500)])
    with store.read() as tx:
        assert balances.balances_of(tx, ["nova"]) == {"nova": {"USD": 500}}


def test_taking_more_than_there_is_is_our_mistake(store: Store) -> None:
    with store.write() as tx:
        with_subscriptions(tx)
        balances.post(tx, [move("a", 500)])
        with pytest.raises(AssertionError, match="takes 501 from nova"):
            balances.post(tx, [move("b", -501)])


def test_the_table_itself_refuses_a_balance_below_zero(store: Store) -> None:
    with store.write() as tx:
        with_subscriptions(tx)
        forged = "INSERT INTO balance_entry VALUES (1, 'USD', 1, 'k', -5, -5, 1, '')"
        with pytest.raises(IntegrityError, match="balance_positive"):
            tx.connection.exec_driver_sql(forged)
        tx.rollback_only()


def test_new_invoices_take_what_they_were_paid_with(store: Store) -> None:
    with store.write() as tx:
        with_subscriptions(tx)
        balances.post(tx, [move("a", 5000)])
        made = invoices.finalize(tx, [a_draft(0, credit_minor=4900), a_draft(1)], Issuing())
        balances.apply_to_invoices(tx, made)
        assert balances.moved(tx, [f"invoice:{one.id}" for one in made]) == {f"invoice:{made[0].id}": -4900}
        assert history(tx)[-1][-1] == made[0].id
