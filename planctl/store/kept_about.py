"""Which tables have anything at all about a page of customers: one question, so that most others need not be asked.

Most customers have no coupon, no wallet, no balance and no hold. It reads no row.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from planctl.store.mapping import whole
from planctl.store.sets import known_sequences

if TYPE_CHECKING:
    from planctl.store.engine import Tx

_PLACES = {
    "hold": "hold WHERE customer",
    "late_usage": "late_usage WHERE customer",
    "invoice": "invoice WHERE status IN ('open', 'past_due') AND customer",
    "coupon_redemption": "coupon_redemption WHERE customer",
    "balance_entry": "balance_entry WHERE customer",
    "wallet_grant": "wallet_grant WHERE customer",
    "child": "customer WHERE parent",
}
"""What is looked for, and where; each has an index that leads with the customer."""

EVERYTHING = frozenset(_PLACES)


def kept_about(tx: Tx, customer_ids: Iterable[str]) -> frozenset[str]:
    """What there may be about any of these customers, as far as they exist: the names in `EVERYTHING`.

    `invoice` is an unpaid one, `child` a customer below one of them. Numbers between theirs are looked at too, so a
    name can be there for nothing; one that is missing has no row.
    """
    numbers = known_sequences(tx, customer_ids).values()
    if not numbers:
        return frozenset()
    among = f"BETWEEN {whole(min(numbers))} AND {whole(max(numbers))}"
    asked = (
        f"SELECT '{name}' WHERE EXISTS (SELECT 1 FROM {place} {among})" for name, place in _PLACES.items()
    )
    return frozenset(name for (name,) in tx.rows(" UNION ALL ".join(asked)))
