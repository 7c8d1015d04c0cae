"""Wallets: grants with their life and the entries that move them, read and appended. It decides no debit.

A grant is never changed: what is left of it is the sum of its entries, and an entry `void:GRANT` ends its life.
Source: planctl billing rules, rating a feature for one allowance period and invoices, credit, payments.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from fractions import Fraction
from typing import TYPE_CHECKING, Any

from sqlalchemy import func, select

from planctl.core.instants import FOREVER
from planctl.core.packs import WITH_SUBSCRIPTION
from planctl.core.periods import Instant
from planctl.core.wallets import (
    ZERO,
    Entry,
    Grant,
    WalletMove,
    debit_prefix,
    grant_key,
    posted,
    void_key,
)
from planctl.store.catalog import aliases
from planctl.store.mapping import count, exact_of, exact_text, instant, named, said, settlement_of, whole
from planctl.store.sets import Values, chunks, grouped, insert_rows, sequences, table

if TYPE_CHECKING:
    from planctl.store.engine import Tx

_G = table("wallet_grant")
_E = table("wallet_entry")
_C = table("customer")
_S = table("subscription")


# Reading


def grants_of(tx: Tx, customer_ids: Iterable[str], at: Instant | None = None) -> dict[str, tuple[Grant, ...]]:
    """Every customer's grants, spent and expired ones too, oldest first; `()` for a customer without one.

    `left` is the sum of a grant's entries. `expires_at` is its own end, that of the subscription it belongs
    to (the one that took over after a change), or the instant at which it was voided, whichever comes first.
    With `at`, entries of later instants are left out: what a closing took after it was still there.
    """
    wanted = dict.fromkeys(customer_ids)
    rows = [row for chunk in chunks(wanted) for row in _grant_rows(tx, chunk)]
    lefts, voided = _sums(tx, sorted({row.customer for row in rows}), FOREVER if at is None else at)
    ends = _subscription_ends(tx, rows)
    found = [_grant_of(row, lefts.get(row.id, ZERO), [voided.get(row.id), ends.get(row.id)]) for row in rows]
    present = _present(tx)
    found = [replace(grant, feature=present.get(grant.feature, grant.feature)) for grant in found]
    by_customer = grouped(found, wanted, lambda grant: grant.customer)
    return {name: tuple(grants) for name, grants in by_customer.items()}


def _grant_rows(tx: Tx, customers: Sequence[str]) -> Iterable[Any]:
    query = (
        select(_G, _C.c.id.label("customer_id"))
        .join(_C, _C.c.seq == _G.c.customer)
        .where(_C.c.id.in_(customers))
        .order_by(_G.c.customer, _G.c.granted_at, _G.c.id)
    )
    return tx.connection.execute(query)


def _sums(tx: Tx, customers: Sequence[int], until: int) -> tuple[dict[str, Fraction], dict[str, Instant]]:
    """What the entries up to an instant leave of each grant, and when it was voided; summed here, to be exact."""
    lefts: dict[str, Fraction] = {}
    voided: dict[str, Instant] = {}
    for chunk in chunks(customers):
        query = select(_E.c.grant_id, _E.c.entry_key, _E.c.amount, _E.c.at).where(
            _E.c.customer.in_(chunk), _E.c.at <= until
        )
        for row in tx.connection.execute(query):
            lefts[row.grant_id] = lefts.get(row.grant_id, ZERO) + exact_of(row.amount)
            if row.entry_key == void_key(row.grant_id):
                voided[row.grant_id] = instant(row.at)
    return lefts, voided


def _subscription_ends(tx: Tx, rows: Sequence[Any]) -> dict[str, Instant]:
    """When the subscription of each grant that belongs to one ends; a change hands it to the next one."""
    bound = {row.id: row for row in rows if row.grant_key.startswith(WITH_SUBSCRIPTION)}
    if not bound:
        return {}
    held: dict[str, Any] = {}
    for chunk in chunks(sorted({row.customer for row in bound.values()})):
        query = select(
            _S.c.id, _S.c.customer, _S.c.exclusive_group, _S.c.started_at, _S.c.ends_at, _S.c.end_reason
        ).where(_S.c.customer.in_(chunk))
        held |= {row.id: row for row in tx.connection.execute(query)}
    ends: dict[str, Instant] = {}
    for name, row in bound.items():
        last = _heir(held[row.grant_key.split(":")[1]], list(held.values()))
        if last.ends_at is not None:
            ends[name] = instant(last.ends_at)
    return ends


def _heir(subscription: Any, held: Sequence[Any]) -> Any:
    """The subscription that a chain of changes led to; itself where it was never changed. Ids sort by time."""
    while subscription.end_reason == "changed":
        following = [
            other
            for other in held
            if other.customer == subscription.customer
            and other.exclusive_group == subscription.exclusive_group
            and other.started_at == subscription.ends_at
            and other.id > subscription.id
        ]
        if not following:
            return subscription
        subscription = following[0]
    return subscription


def _grant_of(row: Any, left: Fraction, ends: Sequence[Instant | None]) -> Grant:
    assert left >= 0, f"{row.id} has {left} left"
    own = None if row.expires_at == FOREVER else instant(row.expires_at)
    said_ends = [end for end in (own, *ends) if end is not None]
    return Grant(
        id=row.id,
        customer=row.customer_id,
        feature=row.feature,
        key=row.grant_key,
        amount=exact_of(row.amount),
        left=left,
        granted_at=instant(row.granted_at),
        expires_at=min(said_ends, default=None),
        pack=row.pack,
        priority=whole(row.priority),
        reason=row.reason,
    )


def entries_of(tx: Tx, customer_id: str, feature: str = "") -> list[Entry]:
    """A customer's entries by feature and number, of one feature alone where it is given."""
    query = select(_E).where(_E.c.customer == sequences(tx, [customer_id])[customer_id])
    if feature:
        query = query.where(_E.c.feature == _kept(tx).get(feature, feature))
    query = query.order_by(_E.c.feature, _E.c.seq)
    entries = [_entry_of(row, customer_id) for row in tx.connection.execute(query)]
    present = _present(tx)
    return [replace(one, feature=present.get(one.feature, one.feature)) for one in entries]


def _present(tx: Tx) -> dict[str, str]:
    """The present id of every former id of a feature."""
    return {old: new for new, olds in aliases(tx, "features").items() for old in olds}


def _kept(tx: Tx) -> dict[str, str]:
    """The first id that a renamed feature had, by each of its ids: entries are final, so wallets are kept under it."""
    return {name: olds[0] for new, olds in aliases(tx, "features").items() if olds for name in (new, *olds)}


def invoices_of_debits(tx: Tx, customer_id: str) -> dict[str, str]:
    """The numbers of the invoices that settled a customer's usage, by how the keys of their debits begin."""
    settlement, invoice = table("settlement"), table("invoice")
    query = (
        select(settlement, invoice.c.number)
        .join(invoice, invoice.c.id == settlement.c.invoice)
        .where(
            invoice.c.customer == sequences(tx, [customer_id])[customer_id], settlement.c.part.like("usage%")
        )
    )
    return {debit_prefix(settlement_of(row)): row.number for row in tx.connection.execute(query)}


def _entry_of(row: Any, customer: str) -> Entry:
    return Entry(
        customer=customer,
        feature=row.feature,
        seq=count(row.seq),
        grant=row.grant_id,
        key=row.entry_key,
        amount=exact_of(row.amount),
        balance=exact_of(row.balance),
        at=instant(row.at),
        reverses=row.reverses,
    )


# Writing


def add_grants(tx: Tx, grants: Sequence[Grant], at: Instant, reason: str = "") -> None:
    """Write new grants, each with the entry that brings its units in, dated `at`.

    Conflict where a wallet already has a grant with that key or id; NotFound for an unknown customer.
    """
    kept = _kept(tx)
    grants = [replace(grant, feature=kept.get(grant.feature, grant.feature)) for grant in grants]
    seqs = sequences(tx, (grant.customer for grant in grants))
    insert_rows(tx, "wallet_grant", [_grant_row(grant, seqs[grant.customer], reason) for grant in grants])
    post_moves(
        tx,
        [
            WalletMove(grant.customer, grant.feature, grant.id, grant_key(grant.id), grant.amount, at)
            for grant in grants
        ],
    )


def _grant_row(grant: Grant, customer: int, reason: str) -> Values:
    assert grant.amount > 0, f"{grant.id} brings {grant.amount}"
    assert grant.left == grant.amount, f"{grant.id} is new and {grant.left} of {grant.amount} are left"
    return {
        "id": named(grant.id),
        "customer": count(customer),
        "feature": named(grant.feature),
        "grant_key": named(grant.key),
        "pack": said(grant.pack),
        "amount": exact_text(grant.amount),
        "granted_at": instant(grant.granted_at),
        "expires_at": FOREVER if grant.expires_at is None else instant(grant.expires_at),
        "priority": whole(grant.priority),
        "reason": said(reason or grant.reason),
    }


def post_moves(tx: Tx, moves: Sequence[WalletMove]) -> None:
    """Append movements to their wallets in the order given, numbered on and with the running balance.

    An entry keeps 12 decimals of an amount, the rest is cut; what is less than that is not worth an entry.
    Conflict, and nothing is written, where a wallet already has the key.
    """
    kept = _kept(tx)
    moves = [
        replace(move, feature=kept.get(move.feature, move.feature)) for move in moves if posted(move.amount)
    ]
    if not moves:
        return
    seqs = sequences(tx, (move.customer for move in moves))
    last = _last_entries(tx, sorted(set(seqs.values())))
    rows: list[Values] = []
    for move in moves:
        wallet = (seqs[move.customer], move.feature)
        seq, balance = last.get(wallet, (0, ZERO))
        seq, balance = last[wallet] = (seq + 1, balance + posted(move.amount))
        rows.append(_entry_row(move, wallet[0], seq, balance))
    insert_rows(tx, "wallet_entry", rows)


def _last_entries(tx: Tx, customers: Sequence[int]) -> dict[tuple[int, str], tuple[int, Fraction]]:
    """The number and balance of the last entry of every wallet of these customers."""
    found: dict[tuple[int, str], tuple[int, Fraction]] = {}
    for chunk in chunks(customers):
        newest = (
            select(_E.c.customer, _E.c.feature, func.max(_E.c.seq).label("seq"))
            .where(_E.c.customer.in_(chunk))
            .group_by(_E.c.customer, _E.c.feature)
            .subquery()
        )
        query = select(_E).join(
            newest,
            (newest.c.customer == _E.c.customer)
            & (newest.c.feature == _E.c.feature)
            & (newest.c.seq == _E.c.seq),
        )
        for row in tx.connection.execute(query):
            found[(row.customer, row.feature)] = (count(row.seq), exact_of(row.balance))
    return found


def _entry_row(move: WalletMove, customer: int, seq: int, balance: Fraction) -> Values:
    assert balance >= 0, f"{move.key} leaves {balance} in the wallet"
    return {
        "customer": count(customer),
        "feature": named(move.feature),
        "seq": count(seq),
        "entry_key": named(move.key),
        "reverses": said(move.reverses),
        "grant_id": named(move.grant),
        "amount": exact_text(posted(move.amount)),
        "balance": exact_text(balance),
        "at": instant(move.at),
    }


def reverse_wallet(tx: Tx, invoice_id: str, at: Instant) -> list[WalletMove]:
    """Give back, once, what grants paid when the usage that an invoice settled was closed; the movements made.

    The invoice must exist. A second call finds nothing left to give back. Units of a grant whose life is over
    come back to it and expire with it.
    """
    settlement, invoice = table("settlement"), table("invoice")
    settled = tx.connection.execute(select(settlement).where(settlement.c.invoice == invoice_id))
    prefixes = tuple(debit_prefix(settlement_of(row)) for row in settled)
    if not prefixes:
        return []
    query = select(_C.c.id).join(invoice, invoice.c.customer == _C.c.seq).where(invoice.c.id == invoice_id)
    customer = tx.connection.execute(query).scalar_one()
    entries = entries_of(tx, customer)
    reversed_before = {(entry.feature, entry.reverses) for entry in entries}
    moves = [
        WalletMove(customer, entry.feature, entry.grant, f"reverse:{entry.key}", -entry.amount, at, entry.key)
        for entry in entries
        if entry.key.startswith(prefixes) and (entry.feature, entry.key) not in reversed_before
    ]
    post_moves(tx, moves)
    return moves
