"""Faults of wallets, balances and refunds: units and money that are spent, given or taken back twice.

KB is Kill Bill, OM OpenMeter, FP Flexprice; what stands after an @ is a commit.
"""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from planctl.errors import StoreFailure
from planctl.store import invoices, outcomes
from planctl.store.engine import Tx
from planctl.store.sqlite_link import SqliteLink
from planctl.store.wallets import post_moves
from tests import stores
from tests.faults.conftest import Desk, at_once, broken_laws

CATALOG = """
currencies: {USD: }
features:
  minutes: {type: metered, unit: minute}
defaults: {due: 365 days}
plans:
  strict: {price: {month: {USD: 20}}, packs: true, features: {minutes: {included: 0}}}
  open: {price: {month: {USD: 20}}, features: {minutes: {included: 0, beyond: {charge: usage, each: {USD: 1}}}}}
  gives: {price: {month: {USD: 20}}, packs: true, features: {minutes: {included: 100, rollover: 50}}}
  dear: {price: {month: {USD: 49}}}
addons:
  minutes_1k: {price: {once: {USD: 15}}, wallet: {minutes: 1_000}}
"""


@pytest.fixture(autouse=True)
def shop(desk: Desk) -> None:
    """`x` has no plan yet."""
    desk.sell(CATALOG)
    desk("customer add x --currency USD --quiet")


def ledger(desk: Desk, at: str = "2026-06-01") -> list[tuple[str, str]]:
    """The movements of the wallet, with the balance after each."""
    return [(one["amount"], one["balance"]) for one in desk.json("wallet ledger x", at)]


def test_F087_of_many_who_spend_at_once_nobody_spends_what_is_gone(desk: Desk) -> None:
    """Two debits at once read the same balance, and one of them is lost.
    Source: Lago@3a84728e4, Lago@4229e4486, FP@a843d1f6c.
    """
    # 16 programs want 1 of 10 minutes each, and 8 give 5 each.
    desk("subscribe x strict --yes --quiet")
    desk("wallet grant x minutes 10 --reason gift --yes --quiet")
    wait = "--wait 60 --as-of 2026-01-10"
    spent = at_once(*[f"usage record x minutes 1 --if-allowed {wait}"] * 16)
    assert sorted(one.exit_code for one in spent) == [0] * 10 + [4] * 6, spent
    given = at_once(*[f"wallet grant x minutes 5 --reason gift --yes {wait}"] * 8)
    assert [one.exit_code for one in given] == [0] * 8, given
    desk("invoice run --quiet", "2026-02-01")
    assert ledger(desk) == [
        ("10", "10"),
        *(("5", f"{balance}") for balance in range(15, 55, 5)),
        ("-10", "40"),
    ]


@pytest.mark.sqlite_only  # the mutant commits on SQLite's own connection
@pytest.mark.parametrize("apart", [False, True], ids=["together", "apart"])
def test_F088_a_debit_and_what_it_paid_are_kept_together(
    desk: Desk, copy: Callable[[], Path], monkeypatch: pytest.MonkeyPatch, apart: bool
) -> None:
    """The wallet's entry is stored and the rest of the transaction is not, or the reverse.
    Source: Lago@0fad050fb (#3895).
    """
    # `together` is planctl; `apart` is a mutant that commits the debit first, and the laws find it. A balance
    # cannot be stored without its entry: it is a column of it.
    desk("subscribe x open --yes --quiet")
    desk("wallet grant x minutes 10 --reason gift --yes --quiet")
    desk("usage record x minutes 4 --at 2026-01-10", "2026-01-10")
    store = copy()

    def post_apart(tx: Tx, moves: Any) -> None:
        post_moves(tx, moves)
        assert isinstance(tx.store.link, SqliteLink)
        for statement in ("COMMIT", "BEGIN IMMEDIATE"):
            tx.store.link.raw.execute(statement)

    def fail(*_given: Any) -> None:
        raise StoreFailure("the disk failed")

    with monkeypatch.context() as patch:
        if apart:
            patch.setattr(outcomes, "post_moves", post_apart)
        patch.setattr(invoices, "insert_rows", fail)
        desk("invoice run", "2026-02-01", exit_code=74)
    assert ledger(desk) == [("10", "10"), ("-4", "6")][: 1 + apart]
    assert ("wallet-debits-claimed" in str(broken_laws(store))) == apart


def test_F089_what_is_spent_and_what_is_left_make_the_whole(desk: Desk) -> None:
    """An entry is rounded one way and the balance another, and a cent is lost with each.
    Source: Lago@503695bfc, Lago@cb0de8b6d.
    """
    # 14.28444999 of 100 units, in twelve decimals: 85.71555001 are left. Money is refused where it has more than
    # cents.
    desk("subscribe x open --yes --quiet")
    desk("wallet grant x minutes 100 --reason gift --yes --quiet")
    desk("usage record x minutes 14.28444999 --at 2026-01-10", "2026-01-10")
    desk("invoice run --quiet", "2026-02-01")
    assert ledger(desk) == [("100", "100"), ("-14.28444999", "85.71555001")]
    desk("payment record INV-2026-00001 14.28444999", "2026-02-02", exit_code=3)


def test_F091_partial_refunds_are_of_what_is_left(desk: Desk) -> None:
    """The sum of all refunds is taken for the refund of today, and too much goes back. Source: Polar@683e46432a."""
    # 49.00 in three parts: 20.00, 20.00 and 9.00, and not a cent more.
    desk("subscribe x dear --yes --quiet")
    payment = desk.json("payment record INV-2026-00001")["id"]
    refund = f"payment refund {payment} {{}} --reason mistake --yes"
    for amount in ("20", "20"):
        desk(refund.format(amount), "2026-01-03")
    desk(refund.format("9.01"), "2026-01-03", exit_code=4)
    desk(refund.format("9"), "2026-01-03")
    desk(refund.format("0.01"), "2026-01-03", exit_code=4)
    assert desk.rows("SELECT SUM(amount), COUNT(*) FROM refund") == [(4900, 3)]
    assert desk.invoices("x", "2026-01-04")[0]["due"] == "49.00"


def test_F092_nothing_moves_by_zero(desk: Desk, copy: Callable[[], Path]) -> None:
    """Entries of zero are noise, and somebody divides by them. Source: Lago@c2203866a, Lago@19aecd987."""
    desk("subscribe x open --yes --quiet")
    desk("wallet grant x minutes 10 --reason gift --yes --quiet")
    desk("wallet grant x minutes 0 --reason gift --yes", exit_code=3)
    desk("payment record INV-2026-00001 30 --quiet")
    desk("invoice run --quiet", "2026-02-01")
    assert ledger(desk) == [("10", "10")]
    with stores.unguarded(copy()) as raw:
        for statement in ("UPDATE wallet_entry SET amount = '0'", "UPDATE balance_entry SET amount = 0"):
            with pytest.raises(stores.driver().IntegrityError, match=r"(?i)check constraint"):
                raw.execute(statement)


def test_F093_what_a_period_grants_it_grants_once(desk: Desk) -> None:
    """A recurring grant is given twice, or not at all, or again with every change.
    Source: OM@253cc22d1, OM@4a22fd94d, Polar@6e1d2513e1.
    """
    # 100 minutes a month, of which up to 50 go over to the next: after 30 used there are 100 + 50, however many
    # runs.
    desk("subscribe x gives --yes --quiet")
    desk("usage record x minutes 30 --at 2026-01-10", "2026-01-10")
    for day in ("2026-02-01", "2026-02-01", "2026-02-10", "2026-02-28"):
        desk("invoice run --quiet", day)
        (minutes,) = desk.json("usage show x", day)["features"]
        assert (minutes["used"], minutes["remaining"]) == ("0", "150")
    bought = [desk.json("wallet buy x minutes_1k --key K --yes", "2026-02-28")["id"] for _ in range(3)]
    assert len(set(bought)) == 1
    assert ledger(desk) == [("1000", "1000")]


def test_F095_what_expires_first_is_spent_first_and_pays_nothing_afterwards(desk: Desk) -> None:
    """An expired credit pays, or the wrong one of two. Source: Polar@a9b27f0fae."""
    # Grants of 5 until 1 February, of 20 and 20 until 1 March, and of 100 without an end. 3 minutes in the last
    # microsecond of January are paid by the first; of 21 in the first of February the second pays 20 and the third
    # 1.
    desk("subscribe x open --yes --quiet")
    for amount, expires in (("100", ""), ("20", "2026-03-01"), ("5", "2026-02-01"), ("20", "2026-03-01")):
        life = f"--expires {expires}" if expires else ""
        desk(f"wallet grant x minutes {amount} {life} --reason gift --yes --quiet")
    desk("usage record x minutes 3 --at 2026-01-31T23:59:59.999999Z", "2026-02-01")
    desk("usage record x minutes 21 --at 2026-02-01T00:00:00Z", "2026-02-01")
    for month in ("2026-02-01", "2026-03-01"):
        desk("invoice run --quiet", month)
    assert desk.totals() == ["20.00", "20.00", "20.00"]
    (order,) = [desk.json("wallet show x minutes", "2026-01-02")["grants"]]
    assert [one["amount"] for one in order] == ["5", "20", "20", "100"]
    spent = {
        one["grant"]: one["amount"]
        for one in desk.json("wallet ledger x", "2026-03-01")
        if one["cause"] == "usage"
    }
    assert [spent.get(one["id"], "0") for one in order] == ["-3", "-20", "-1", "0"]


@pytest.mark.parametrize(
    ("paid", "applied", "due", "left"),
    [
        ("97.99", "48.99", "0.01", None),
        ("98.00", "49.00", "0.00", None),
        ("1000000049.00", "49.00", "0.00", "999999951.00"),
    ],
)
def test_F096_a_balance_pays_what_it_can_and_no_more(
    desk: Desk, paid: str, applied: str, due: str, left: str | None
) -> None:
    """A balance that is a cent short, or far too large, leaves a cent open or pays too much.
    Source: planctl billing rules, customer balance.
    """
    # 49.00 in January and in February; what was paid too much in January pays for February.
    desk("subscribe x dear --yes --quiet")
    desk(f"payment record INV-2026-00001 {paid} --quiet")
    desk("invoice run --quiet", "2026-02-01")
    last = desk.invoices("x", "2026-02-02")[-1]
    assert (last["credit_applied"], last["due"]) == (applied, due)
    balance = desk.json("customer show x", "2026-02-02")["balance"]
    assert balance.get("USD") in ({left} if left else {None, "0.00"})
    assert Decimal(applied) + Decimal(due) == 49
