"""Who is due, and that a page holds only those who still are. Claims of several runs are in test_invoice_workers."""

from __future__ import annotations

import pytest

from planctl.store import claiming, subscriptions
from planctl.store.engine import Store
from tests import stores
from tests.store.samples import SNAPSHOT, a_draft, a_subscription, on_day, with_customers


@pytest.fixture
def seqs(store: Store) -> dict[str, int]:
    """a is due on days 10 and 11, b on 20 (and has one with no date), c on 30, d on 10; e has nothing."""
    with store.write() as tx:
        found = with_customers(tx, ["a", "b", "c", "d", "e"])
        subscriptions.keep_terms(tx, SNAPSHOT)
        for name, at in (("a", 10), ("b", 20), ("c", 30), ("d", 10)):
            subscriptions.insert(tx, a_subscription(f"sub_{name}", name), on_day(at))
        subscriptions.insert(tx, a_subscription("sub_a2", "a", exclusive_group=""), on_day(11))
        subscriptions.insert(tx, a_subscription("sub_b2", "b", exclusive_group=""), None)
        return found


def test_everybody_who_is_due_is_found_once_in_rising_order(store: Store, seqs: dict[str, int]) -> None:
    with store.read() as tx:
        assert [*claiming.due(tx, on_day(20))] == [seqs["a"], seqs["b"], seqs["d"]]
        assert [*claiming.due(tx, on_day(10))] == [seqs["a"], seqs["d"]]
        assert [*claiming.due(tx, on_day(10) - 1)] == []


def test_of_a_page_those_are_claimed_who_are_due_now(store: Store, seqs: dict[str, int]) -> None:
    page = [seqs["d"], seqs["c"], seqs["b"], seqs["e"]]
    with store.read() as tx:
        assert claiming.due_among(tx, on_day(20), page) == [(seqs["b"], "b"), (seqs["d"], "d")]
    with store.share() as tx:
        assert claiming.claim_page(tx, on_day(20), page) == [(seqs["b"], "b"), (seqs["d"], "d")]
        assert claiming.claim_page(tx, on_day(5), page) == []
        assert claiming.claim_page(tx, on_day(20), []) == []


def test_a_page_of_many_is_claimed_with_a_fixed_number_of_statements(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    from sqlalchemy import event

    with store.write() as tx:
        found = with_customers(tx, [f"c{number}" for number in range(500)])
        subscriptions.keep_terms(tx, SNAPSHOT)
        made = [a_subscription(f"sub_{name}", name) for name in found]
        subscriptions.insert_many(tx, [(one, on_day(1)) for one in made])
    sent: list[str] = []
    with store.share() as tx:
        event.listen(tx.connection, "before_cursor_execute", lambda *given: sent.append(given[2]))
        assert len(claiming.claim_page(tx, on_day(1), [*found.values()])) == 500
    assert len(sent) <= 2 + stores.ON_POSTGRES  # where a commit also asks for the transaction's number


def test_whether_a_page_was_kept_is_seen_by_one_of_its_invoices(store: Store, seqs: dict[str, int]) -> None:
    from planctl.store import invoices
    from planctl.store.invoices import Issuing

    with store.write() as tx:
        (made,) = invoices.finalize(tx, [a_draft(customer="a", subscription="sub_a")], Issuing())
    with store.read() as tx:
        assert claiming.was_kept(tx, made.id)
        assert not claiming.was_kept(tx, "inv_other")
