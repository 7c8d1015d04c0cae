"""Wallets are appended to, add up exactly, and give back what a voided invoice took."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

import pytest

from planctl.core.invoicing.model import Settlement
from planctl.core.periods import Instant
from planctl.core.subscriptions.model import Status
from planctl.core.wallets import Grant, WalletMove, debit_key, void_key
from planctl.errors import Conflict, NotFound
from planctl.store import invoices, subscriptions, wallets
from planctl.store.engine import Store, Tx
from planctl.store.invoices import Issuing
from tests.store.samples import a_draft, a_subscription, on_day, with_customers, with_subscriptions


def a_grant(name: str = "grant_1", **changes: object) -> Grant:
    """100 minutes for nova from the start of 2026, for ever."""
    plain = Grant(
        id=name,
        customer="nova",
        feature="minutes",
        key=f"given:{name}",
        amount=Fraction(100),
        left=Fraction(100),
        granted_at=on_day(0),
    )
    return replace(plain, **changes)  # type: ignore[arg-type] # any field of a grant


def a_debit(key: str, units: str, grant: str = "grant_1") -> WalletMove:
    """Units that a grant pays on 31 January."""
    return WalletMove("nova", "minutes", grant, key, -Fraction(units), on_day(30))


def given(tx: Tx, *grants: Grant) -> None:
    """Store nova with grants."""
    with_subscriptions(tx)
    wallets.add_grants(tx, grants, on_day(0))


def only(tx: Tx, customer: str = "nova") -> Grant:
    """The one grant of a customer."""
    (found,) = wallets.grants_of(tx, [customer])[customer]
    return found


def test_a_grant_comes_back_with_all_of_it_left(store: Store) -> None:
    grant = a_grant(expires_at=on_day(365), pack="minutes_1k", priority=-2, reason="a launch")
    with store.write() as tx:
        given(tx, grant)
    with store.read() as tx:
        assert wallets.grants_of(tx, ["nova", "unknown"]) == {"nova": (grant,), "unknown": ()}
        (entry,) = wallets.entries_of(tx, "nova")
    assert (entry.seq, entry.key) == (1, "grant:grant_1")
    assert entry.amount == entry.balance == 100


def test_a_grant_of_the_same_key_is_written_once(store: Store) -> None:
    with store.write() as tx:
        given(tx, a_grant())
    with pytest.raises(Conflict), store.write() as tx:
        wallets.add_grants(tx, [a_grant("grant_2", key="given:grant_1")], on_day(1))
    with store.read() as tx:
        assert len(wallets.entries_of(tx, "nova")) == 1


def test_a_grant_needs_a_customer(store: Store) -> None:
    with pytest.raises(NotFound, match="nova"), store.write() as tx:
        wallets.add_grants(tx, [a_grant()], on_day(0))


def test_movements_are_numbered_on_and_carry_the_exact_balance(store: Store) -> None:
    with store.write() as tx:
        given(tx, a_grant(), a_grant("grant_2", granted_at=on_day(1)))
        wallets.add_grants(tx, [a_grant("grant_3", feature="chats")], on_day(0))
        wallets.post_moves(tx, [a_debit("close:a", "0.333333333333"), a_debit("close:b", "0.000000000001")])
    with store.write() as tx:
        wallets.post_moves(tx, [a_debit("close:c", "99", "grant_2")])
        told = [(e.feature, e.seq, e.balance) for e in wallets.entries_of(tx, "nova")]
        assert [e.seq for e in wallets.entries_of(tx, "nova", "chats")] == [1]
        lefts = {grant.id: grant.left for grant in wallets.grants_of(tx, ["nova"])["nova"]}
    assert told == [
        ("chats", 1, Fraction(100)),
        ("minutes", 1, Fraction(100)),
        ("minutes", 2, Fraction(200)),
        ("minutes", 3, Fraction("199.666666666667")),
        ("minutes", 4, Fraction("199.666666666666")),
        ("minutes", 5, Fraction("100.666666666666")),
    ]
    assert lefts == {
        "grant_1": Fraction("99.666666666666"),
        "grant_2": Fraction(1),
        "grant_3": Fraction(100),
    }


def test_a_key_is_posted_once(store: Store) -> None:
    with store.write() as tx:
        given(tx, a_grant())
        wallets.post_moves(tx, [a_debit("close:a", "1")])
    with pytest.raises(Conflict), store.write() as tx:
        wallets.post_moves(tx, [a_debit("close:b", "1"), a_debit("close:a", "1")])
    with store.read() as tx:
        assert only(tx).left == 99


def test_an_entry_keeps_twelve_decimals_and_less_than_that_is_no_entry(store: Store) -> None:
    with store.write() as tx:
        given(tx, a_grant())
        wallets.post_moves(tx, [a_debit("close:a", "1/3"), a_debit("close:b", "1/10000000000000")])
        assert [entry.amount for entry in wallets.entries_of(tx, "nova")] == [
            Fraction(100),
            Fraction("-0.333333333333"),
        ]
        assert only(tx).left == Fraction("99.666666666667")


def test_a_wallet_below_zero_is_a_bug(store: Store) -> None:
    with store.write() as tx:
        given(tx, a_grant())
    with pytest.raises(AssertionError), store.write() as tx:
        wallets.post_moves(tx, [a_debit("close:a", "101")])


def test_a_voided_grant_lives_until_it_was_voided(store: Store) -> None:
    with store.write() as tx:
        given(tx, a_grant(expires_at=on_day(365)))
        wallets.post_moves(tx, [a_debit(void_key("grant_1"), "60")])
        grant = only(tx)
    assert grant.left == 40
    assert grant.expires_at == on_day(30)


def test_a_grant_with_a_subscription_ends_with_it(store: Store) -> None:
    with store.write() as tx:
        (subscription,) = with_subscriptions(tx)
        wallets.add_grants(tx, [a_grant(key="with:sub_1:grant_1")], on_day(0))
        assert only(tx).expires_at is None
        subscriptions.update(tx, replace(subscription, ends_at=on_day(59), end_reason="canceled"), None)
        assert only(tx).expires_at == on_day(59)


def test_a_change_hands_a_grant_on_to_the_next_subscription(store: Store) -> None:
    with store.write() as tx:
        (old,) = with_subscriptions(tx)
        wallets.add_grants(tx, [a_grant(key="with:sub_1:grant_1")], on_day(0))
        ended = replace(old, status=Status.CANCELED, ends_at=on_day(10), end_reason="changed")
        subscriptions.update(tx, ended, None)
        new = a_subscription("sub_2", started_at=on_day(10), ends_at=on_day(59), end_reason="canceled")
        subscriptions.insert(tx, new, None)
        assert only(tx).expires_at == on_day(59)


def test_voiding_an_invoice_gives_back_once_what_grants_paid_for_it(store: Store) -> None:
    first = Settlement("sub_1", "usage", 1, "billed", on_day(31))
    tenth = replace(first, index=10)
    with store.write() as tx:
        given(tx, a_grant(), a_grant("grant_2", granted_at=on_day(1)))
        invoice = invoices.finalize(tx, [a_draft(settlements=(first,))], Issuing())[0]
        wallets.post_moves(
            tx,
            [
                a_debit(debit_key(first, "grant_1"), "70"),
                a_debit(debit_key(first, "grant_2"), "5", "grant_2"),
                a_debit(debit_key(tenth, "grant_1"), "20"),
            ],
        )
        moves = wallets.reverse_wallet(tx, invoice.id, on_day(40))
    assert {move.reverses: move.amount for move in moves} == {
        "close:sub_1:usage:1::0:grant_1": 70,
        "close:sub_1:usage:1::0:grant_2": 5,
    }
    with store.write() as tx:
        assert wallets.reverse_wallet(tx, invoice.id, on_day(41)) == []
        lefts = {grant.id: grant.left for grant in wallets.grants_of(tx, ["nova"])["nova"]}
        assert lefts == {"grant_1": 80, "grant_2": 100}
        assert [entry.at for entry in wallets.entries_of(tx, "nova")][-2:] == [on_day(40)] * 2


def test_an_invoice_without_usage_gives_nothing_back(store: Store) -> None:
    with store.write() as tx:
        given(tx, a_grant())
        invoice = invoices.finalize(tx, [a_draft()], Issuing())[0]
        assert wallets.reverse_wallet(tx, invoice.id, Instant(on_day(40))) == []


def test_wallets_of_many_customers_are_read_in_a_few_statements(store: Store) -> None:
    names = [f"c{number}" for number in range(1200)]
    with store.write() as tx:
        with_customers(tx, names)
        grants = [a_grant(f"grant_{name}", customer=name) for name in names]
        wallets.add_grants(tx, grants, on_day(0))
        found = wallets.grants_of(tx, names)
    assert [found[name][0].id for name in names] == [grant.id for grant in grants]
