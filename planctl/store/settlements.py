"""What became of everything that fell due, and what closed allowance periods took. It bills nothing."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from sqlalchemy import Select, bindparam, select, text

from planctl.core.invoicing.model import Settlement, UsageClaim
from planctl.store.mapping import claim_of, claim_row, instant, settlement_of, settlement_row
from planctl.store.sets import chunks, grouped, insert_rows, table

if TYPE_CHECKING:
    from planctl.store.engine import Tx

_S = table("settlement")
_U = table("usage_claim")
_OPEN = text("settlement.is_open = 1")  # word for word what the partial index says
_KEY = {
    "subscription": "subscription",
    "part": "part",
    "idx": "index",
    "occasion": "occasion",
    "revision": "revision",
}
"""The key's columns and the fields of a settlement that they hold."""


def add_settlements(tx: Tx, recorded: Sequence[tuple[Settlement, str]]) -> None:
    """Record outcomes, each with the id of the invoice that billed it (`""`: none); Conflict if twice."""
    insert_rows(tx, "settlement", [settlement_row(value, invoice) for value, invoice in recorded])


def settlements(tx: Tx, subscription_ids: Iterable[str], from_at: int = 0) -> dict[str, list[Settlement]]:
    """Every subscription's recorded outcomes that fell due at or after `from_at`, in time order."""
    return _settlements(tx, subscription_ids, select(_S).where(_S.c.due_at >= instant(from_at)))


def open_settlements(tx: Tx, subscription_ids: Iterable[str]) -> dict[str, list[Settlement]]:
    """Outcomes with something still to be billed: usage of blocked times, voided parts to be reissued."""
    return _settlements(tx, subscription_ids, select(_S).where(_OPEN))


def close_settlements(tx: Tx, settled: Sequence[Settlement]) -> None:
    """Say that nothing of these is still to be billed: another settlement says how. Each must exist."""
    if not settled:
        return
    statement = _S.update().values(is_open=0)
    for column in _KEY:
        statement = statement.where(_S.c[column] == bindparam(f"the_{column}"))
    rows = [{f"the_{column}": getattr(value, name) for column, name in _KEY.items()} for value in settled]
    changed = tx.connection.execute(statement, rows).rowcount
    assert changed == len(settled), f"{len(settled)} settlements to close, {changed} are stored"


def _settlements(tx: Tx, subscription_ids: Iterable[str], query: Select[Any]) -> dict[str, list[Settlement]]:
    wanted = dict.fromkeys(subscription_ids)
    found: list[Settlement] = []
    for chunk in chunks(wanted):
        rows = tx.connection.execute(
            query.where(_S.c.subscription.in_(chunk)).order_by(
                _S.c.subscription, _S.c.due_at, _S.c.part, _S.c.idx, _S.c.occasion, _S.c.revision
            )
        )
        found += [settlement_of(row) for row in rows]
    return grouped(found, wanted, lambda value: value.subscription)


def add_claims(tx: Tx, claimed: Sequence[tuple[UsageClaim, str]]) -> None:
    """Record what allowance periods took, each with its invoice's id (`""`: none); Conflict if twice."""
    insert_rows(tx, "usage_claim", [claim_row(value, invoice) for value, invoice in claimed])


def claims(
    tx: Tx, subscription_ids: Iterable[str], from_at: int = 0
) -> dict[str, list[tuple[UsageClaim, str]]]:
    """Every subscription's claims on allowance periods that end after `from_at`, with their invoices' ids."""
    wanted = dict.fromkeys(subscription_ids)
    found: list[tuple[UsageClaim, str]] = []
    for chunk in chunks(wanted):
        query = (
            select(_U)
            .where(_U.c.subscription.in_(chunk), _U.c.ends_at > instant(from_at))
            .order_by(_U.c.subscription, _U.c.starts_at, _U.c.feature, _U.c.occasion, _U.c.revision)
        )
        found += [(claim_of(row), row.invoice) for row in tx.connection.execute(query)]
    return grouped(found, wanted, lambda pair: pair[0].subscription)
