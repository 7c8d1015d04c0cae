"""Lists and lifts holds: the customers whom the run leaves alone until a person has looked."""

from __future__ import annotations

from typing import TYPE_CHECKING

from planctl.errors import NotFound

if TYPE_CHECKING:
    from planctl.store.customers import Hold
    from planctl.store.engine import Tx


def read_holds(tx: Tx, customer: str = "") -> list[Hold]:
    """The holds of one customer or of all, oldest first; NotFound for an unknown customer."""
    from planctl.store.customers import holds
    from planctl.store.selling import existing

    if customer:
        existing(tx, customer)
    return holds(tx, customer)


def clear_holds(tx: Tx, customer: str, reason: str = "") -> list[Hold]:
    """Lift a customer's holds, or those for one reason; NotFound where there is none. What was lifted."""
    from planctl.store.customers import clear_hold, holds

    found = [hold for hold in holds(tx, customer) if reason in {"", hold.reason}]
    if not found:
        raise NotFound(
            "the customer is not on hold" + (f" for {reason}" if reason else ""),
            where=f"customer {customer}",
            hint="planctl hold list shows every hold",
        )
    clear_hold(tx, customer, reason)
    return found
