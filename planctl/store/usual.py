"""What customers are usually billed: the last invoice of the same subscription and kind. It judges nothing."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from sqlalchemy import func, select

from planctl.core.invoicing.comparing import Unusual, is_unusual
from planctl.core.invoicing.model import Invoice, InvoiceStatus
from planctl.store.sets import chunks, table

if TYPE_CHECKING:
    from planctl.store.engine import Tx

_I = table("invoice")


def unusual(tx: Tx, made: Sequence[Invoice]) -> list[Unusual]:
    """Those of these invoices, stored or not, that are over twice the last one before them.

    The last one is of the same subscription, kind and currency, and not void; where there is none, nothing
    is unusual. One query for all.
    """
    before = _last_totals(tx, made)
    found = []
    for one in made:
        draft = one.draft
        usual = before.get((draft.subscription, draft.kind, draft.currency.code))
        if usual is not None and is_unusual(usual, one.total_minor):
            found.append(Unusual(draft.customer, draft.subscription, draft.currency, usual, one.total_minor))
    return found


def _last_totals(tx: Tx, made: Sequence[Invoice]) -> dict[tuple[str, str, str], int]:
    """The totals of the last invoices of these subscriptions, by subscription, kind and currency code."""
    new = {one.id for one in made}
    found: dict[tuple[str, str, str], int] = {}
    for chunk in chunks(dict.fromkeys(one.draft.subscription for one in made)):
        latest = (_I.c.issued_at.desc(), _I.c.series_year.desc(), _I.c.sequence.desc())
        place = func.row_number().over(
            partition_by=(_I.c.subscription, _I.c.kind, _I.c.currency), order_by=latest
        )
        ranked = (
            select(_I.c.subscription, _I.c.kind, _I.c.currency, _I.c.total, place.label("place"))
            .where(
                _I.c.subscription.in_(chunk),
                _I.c.status != InvoiceStatus.VOID.value,
                _I.c.id.not_in(new),
            )
            .subquery()
        )
        for row in tx.connection.execute(select(ranked).where(ranked.c.place == 1)):
            found[row.subscription, row.kind, row.currency] = row.total
    return found
