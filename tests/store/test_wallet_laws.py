"""Who edits a wallet past planctl is found by the law that it breaks."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

import pytest
from sqlalchemy import text

from planctl.core.invoicing.model import Settlement, UsageClaim
from planctl.core.wallets import Grant, WalletMove, debit_key
from planctl.store import subscriptions, wallets
from planctl.store.engine import Store, Tx
from planctl.store.laws.wallets import claimed, granted
from tests import stores
from tests.store.samples import on_day, with_subscriptions

ZERO = Fraction(0)
CLOSED = Settlement("sub_1", "usage:month", 0, "zero", on_day(31))


def a_claim(units: str = "7/3", **changes: str) -> UsageClaim:
    """January's minutes, all of them paid by grants."""
    plain = UsageClaim(
        "sub_1", "minutes", 0, on_day(0), on_day(31),
        quantity=Fraction(units), included=ZERO, wallet=Fraction(units), billed=ZERO, over_limit=ZERO,
    )  # fmt: skip
    return replace(plain, **changes)  # type: ignore[arg-type] # texts alone


CLAIM = a_claim()


def a_wallet(tx: Tx, *claims: UsageClaim, debits: tuple[str, ...] = ("2", "1/3")) -> None:
    """Two grants of 100 minutes, and what each paid when January was closed."""
    with_subscriptions(tx)
    grants = [
        Grant(name, "nova", "minutes", name, Fraction(100), Fraction(100), on_day(0))
        for name in ("grant_1", "grant_2")
    ]
    wallets.add_grants(tx, grants, on_day(0), "a launch")
    subscriptions.add_settlements(tx, [(CLOSED, "")])
    subscriptions.add_claims(tx, [(claim, "") for claim in claims])
    wallets.post_moves(
        tx,
        [
            WalletMove("nova", "minutes", grant.id, debit_key(CLOSED, grant.id), -Fraction(units), on_day(31))
            for grant, units in zip(grants, debits, strict=True)
        ],
    )


def told(tx: Tx) -> list[str]:
    """What both laws say."""
    return [f"{one.object}: {one.what}" for law in (granted, claimed) for one in law(tx)]


def test_what_grants_paid_is_what_was_claimed_up_to_the_twelfth_decimal(store: Store) -> None:
    with store.write() as tx:
        a_wallet(tx, CLAIM)
        assert told(tx) == []


def test_units_given_back_leave_the_claim_as_it_was(store: Store) -> None:
    with store.write() as tx:
        a_wallet(tx, CLAIM)
        key = debit_key(CLOSED, "grant_1")
        back = WalletMove("nova", "minutes", "grant_1", f"reverse:{key}", Fraction(2), on_day(40), key)
        wallets.post_moves(tx, [back])
        assert told(tx) == []


@pytest.mark.parametrize(
    ("claims", "said"),
    [
        ((), "grants paid 2.333333333333, 0 are claimed"),
        ((a_claim("5/2"),), "grants paid 2.333333333333, 2.5 are claimed"),
        ((CLAIM, a_claim("1", occasion="late:1")), "(late:1): grants paid 0, 1 are"),
        ((a_claim(feature="chats"),), "chats 0: grants paid 0, 7/3 are claimed"),
    ],
)
def test_a_claim_that_no_grant_paid_and_a_debit_that_nothing_claims_are_found(
    store: Store, claims: tuple[UsageClaim, ...], said: str
) -> None:
    with store.write() as tx:
        a_wallet(tx, *claims)
        found = told(tx)
    assert all(one.startswith("customer nova: sub_1, ") for one in found)
    assert any(said in one for one in found), found


@pytest.mark.parametrize(
    ("edit", "said"),
    [
        (
            "UPDATE wallet_entry SET amount = '99' WHERE entry_key = 'grant:grant_1'",
            "grant grant_1: of 100 minutes was not brought in by its first entry",
        ),
        (
            "UPDATE wallet_entry SET amount = '-102' WHERE entry_key LIKE 'close:%grant_1'",
            "grant grant_1: has -2 of 100 left",
        ),
        (
            "UPDATE wallet_entry SET grant_id = 'grant_9' WHERE entry_key = 'grant:grant_1'",
            "wallet nova/minutes: entry 1 belongs to 'grant_9', which is none of its grants",
        ),
        (
            "UPDATE wallet_entry SET entry_key = 'close:x' WHERE entry_key LIKE 'close:%grant_1'",
            "customer nova: 'close:x' names no closing",
        ),
    ],
)
def test_an_edited_entry_is_found(store: Store, edit: str, said: str) -> None:
    stores.lift_guards(store)
    with store.write() as tx:
        a_wallet(tx, CLAIM)
        tx.connection.execute(text(edit))
        assert said in "; ".join(told(tx))


def test_customers_with_claims_alone_and_with_debits_alone_are_both_looked_at(store: Store) -> None:
    with store.write() as tx:
        with_subscriptions(tx, 3)
        subscriptions.add_claims(tx, [(a_claim(subscription="sub_2"), "")])
        for customer in ("nova", "c3"):
            grant = Grant(f"g_{customer}", customer, "minutes", "k", Fraction(9), Fraction(9), on_day(0))
            wallets.add_grants(tx, [grant], on_day(0))
            key = f"close:sub_{customer[-1]}:usage:0::0:{grant.id}"
            wallets.post_moves(tx, [WalletMove(customer, "minutes", grant.id, key, Fraction(-1), on_day(31))])
        assert [one.object for one in claimed(tx)] == ["customer nova", "customer c2", "customer c3"]
