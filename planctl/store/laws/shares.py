"""Discounts and taxes of stored invoices: shares sum to them, and the taxes recompute. It corrects nothing."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from sqlalchemy import Row, text

from planctl.core.invoicing.discounts import wrong_discounts
from planctl.core.invoicing.taxation import wrong_taxes
from planctl.store.invoice_mapping import line_of
from planctl.store.laws.model import Breach, guarded
from planctl.store.laws.reading import lines_of, stream
from planctl.store.sets import CHUNK
from planctl.store.tax_mapping import discounts_of, taxes_of

if TYPE_CHECKING:
    from planctl.store.engine import Tx

_SHARING = text("""
SELECT i.id, i.number, i.discounts, i.taxes FROM invoice i
 WHERE i.id > :after
   AND (i.discount <> 0 OR i.discounts <> '[]' OR i.tax <> 0 OR i.taxes <> '[]'
        OR EXISTS (SELECT 1 FROM invoice_line l
                    WHERE l.invoice = i.id AND (l.discount <> 0 OR l.taxes <> '[]')))
 ORDER BY i.id LIMIT :chunk
""")

_USED = """
SELECT i.number, i.discount, COALESCE(u.amount, 0) AS used
  FROM invoice i
  LEFT JOIN (SELECT invoice, SUM(amount) AS amount FROM coupon_use GROUP BY invoice) u ON u.invoice = i.id
 WHERE COALESCE(u.amount, 0) <> i.discount ORDER BY i.number
"""


def shares(tx: Tx) -> Iterator[Breach]:
    """Lines' shares sum to the discounts and taxes, which recompute, and each discount is a recorded coupon use."""
    after = ""
    while rows := tx.connection.execute(_SHARING, {"after": after, "chunk": CHUNK}).all():
        after = rows[-1].id
        lines = lines_of(tx, [row.id for row in rows])
        for row in rows:
            yield from guarded(f"invoice {row.number}", _wrong_shares(row, lines[row.id]))
    for row in stream(tx, _USED):
        what = f"its discount is {row.discount}, the coupons it used gave {int(row.used)}"
        yield Breach(f"invoice {row.number}", what)


def _wrong_shares(row: Row[Any], rows: Sequence[Any]) -> Iterator[str]:
    lines = [line_of(one) for one in rows]
    yield from wrong_discounts(lines, discounts_of(row.discounts))
    yield from wrong_taxes(lines, taxes_of(row.taxes))
