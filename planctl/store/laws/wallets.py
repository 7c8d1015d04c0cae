"""Laws of wallets beyond their sums: every grant, and every unit that a grant paid at a closing. It repairs nothing."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from fractions import Fraction
from itertools import groupby
from typing import TYPE_CHECKING, Any

from planctl.core.money import fraction_text
from planctl.core.wallets import ZERO, grant_key
from planctl.store.laws.model import Breach, guarded
from planctl.store.laws.reading import stream
from planctl.store.mapping import exact_of

if TYPE_CHECKING:
    from planctl.store.engine import Tx

_GRANTS = """
SELECT g.id, c.id AS customer, g.amount, g.feature, e.seq, e.entry_key, e.amount AS moved
  FROM wallet_grant g
  LEFT JOIN customer c ON c.seq = g.customer
  LEFT JOIN wallet_entry e ON e.customer = g.customer AND e.feature = g.feature AND e.grant_id = g.id
 ORDER BY g.id, e.seq
"""

_STRAY = """
SELECT c.id AS customer, e.feature, e.seq, e.grant_id
  FROM wallet_entry e LEFT JOIN customer c ON c.seq = e.customer
 WHERE NOT EXISTS (SELECT 1 FROM wallet_grant g
                    WHERE g.id = e.grant_id AND g.customer = e.customer AND g.feature = e.feature)
 ORDER BY c.id, e.feature, e.seq
"""

_DEBITS = """
SELECT e.customer AS seq, c.id AS customer, e.feature, e.entry_key, e.amount
  FROM wallet_entry e LEFT JOIN customer c ON c.seq = e.customer
 WHERE e.entry_key LIKE 'close:%' ORDER BY e.customer, e.feature, e.seq
"""

_CLAIMED = """
SELECT s.customer AS seq, c.id AS customer, u.subscription, u.feature, u.allowance_idx, u.occasion, u.revision,
       u.wallet
  FROM usage_claim u JOIN subscription s ON s.id = u.subscription LEFT JOIN customer c ON c.seq = s.customer
 WHERE u.wallet <> '0' ORDER BY s.customer
"""

_KEY = re.compile(r"close:([^:]+):usage(?::[a-z]+)?:([0-9]+):(.*):([0-9]+):[^:]+", re.ASCII)
_STEP = Fraction(1, 10**12)
_GRANTS_AT_ONCE = 10
"""How many grants may each have been cut below 12 decimals without an entry of their own."""

Closing = tuple[str, str, int, str, int]
"""What a claim and its debits share: subscription, feature, index, occasion and revision."""


def granted(tx: Tx) -> Iterator[Breach]:
    """A grant's first entry brings its amount in, its entries leave it from 0 to that; every entry has a grant."""
    for name, rows in groupby(stream(tx, _GRANTS), key=lambda row: str(row.id)):
        yield from guarded(f"grant {name}", _wrong_grant(name, list(rows)))
    for row in stream(tx, _STRAY):
        what = f"entry {row.seq} belongs to {row.grant_id!r}, which is none of its grants"
        yield Breach(f"wallet {row.customer}/{row.feature}", what)


def _wrong_grant(name: str, rows: Sequence[Any]) -> Iterator[str]:
    amount = exact_of(rows[0].amount)
    if amount <= 0:
        yield f"brings {rows[0].amount}"
    if rows[0].entry_key != grant_key(name) or exact_of(rows[0].moved) != amount:
        yield f"of {rows[0].amount} {rows[0].feature} was not brought in by its first entry"
        return
    left = sum((exact_of(row.moved) for row in rows), ZERO)
    if not 0 <= left <= amount:
        yield f"has {fraction_text(left)} of {rows[0].amount} left"


def claimed(tx: Tx) -> Iterator[Breach]:
    """What grants paid at a closing is what its claim says, but for decimals past the twelfth."""
    debits, claims = stream(tx, _DEBITS), stream(tx, _CLAIMED)
    for customer, paid, said in _by_customer(debits, claims):
        yield from guarded(f"customer {customer}", _wrong_closings(paid, said))


def _by_customer(
    debits: Iterable[Any], claims: Iterable[Any]
) -> Iterator[tuple[str, Sequence[Any], Sequence[Any]]]:
    """Both streams, which come in the order of customers' small numbers, customer by customer."""
    groups = [groupby(rows, key=lambda row: (int(row.seq), str(row.customer))) for rows in (debits, claims)]
    heads = [_next(group) for group in groups]
    while any(head is not None for head in heads):
        whose = min(head[0] for head in heads if head is not None)
        found: list[Sequence[Any]] = [(), ()]
        for place, head in enumerate(heads):
            if head is not None and head[0] == whose:
                found[place] = head[1]
                heads[place] = _next(groups[place])
        yield whose[1], found[0], found[1]


def _next(
    groups: Iterator[tuple[tuple[int, str], Iterator[Any]]],
) -> tuple[tuple[int, str], list[Any]] | None:
    for whose, rows in groups:
        return whose, list(rows)
    return None


def _wrong_closings(debits: Sequence[Any], claims: Sequence[Any]) -> Iterator[str]:
    paid: dict[Closing, list[Fraction]] = {}
    for row in debits:
        match = _KEY.fullmatch(row.entry_key)
        if match is None:
            yield f"{row.entry_key!r} names no closing"
            continue
        closing = (match[1], row.feature, int(match[2]), match[3], int(match[4]))
        paid.setdefault(closing, []).append(-exact_of(row.amount))
    said: Mapping[Closing, Fraction] = {
        (row.subscription, row.feature, row.allowance_idx, row.occasion, row.revision): exact_of(row.wallet)
        for row in claims
    }
    for closing in sorted({*paid, *said}):
        units = sum(paid.get(closing, ()), ZERO)
        claim = said.get(closing, ZERO)
        if abs(units - claim) > max(len(paid.get(closing, ())), _GRANTS_AT_ONCE) * _STEP:
            subscription, feature, index, occasion, _ = closing
            name = f"{subscription}, {feature} {index}{f' ({occasion})' if occasion else ''}"
            yield f"{name}: grants paid {fraction_text(units)}, {fraction_text(claim)} are claimed"
