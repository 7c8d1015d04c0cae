"""Units given outside a purchase: of which features there can be any, and what another system still held."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from fractions import Fraction
from typing import TYPE_CHECKING

from planctl.core.catalog.model import Feature
from planctl.core.packs import check_can_pay
from planctl.core.periods import Instant
from planctl.core.reading import closest
from planctl.core.subscriptions.model import Subscription
from planctl.core.wallets import Grant
from planctl.errors import InvalidInput, NotFound
from planctl.identifiers import new_id
from planctl.store import catalog
from planctl.store.wallets import add_grants

if TYPE_CHECKING:
    from planctl.store.engine import Tx


def metered_feature(tx: Tx, name: str) -> Feature:
    """The metered feature of that id, or former id; NotFound and InvalidInput where it is none."""
    known = catalog.features(tx)
    former = catalog.aliases(tx, "features")
    present = next((new for new, olds in former.items() if name in olds), name)
    if present not in known:
        raise NotFound(
            f"there is no feature {name!r}",
            where=f"features.{name}",
            hint=closest(name, known) or "planctl feature list shows them all",
        )
    if known[present].type != "metered":
        raise InvalidInput(
            f"{present} is not metered, so there are no units of it", where="FEATURE", got=known[present].type
        )
    return known[present]


def bring_in(tx: Tx, subscription: Subscription, units: Mapping[str, Decimal], now: Instant) -> None:
    """Give a customer what its wallets held in the system that it moves from, by feature; 0 gives nothing.

    The units never expire and pay for usage from `now` on: what was used before was taken there.
    """
    grants = []
    for name, quantity in units.items():
        feature, amount = metered_feature(tx, name), Fraction(quantity)
        if amount < 0:
            raise InvalidInput(
                "a wallet holds 0 or more", where=f"wallet:{name}", expected="0 or more", got=str(quantity)
            )
        if amount:
            check_can_pay(feature.id, [subscription], f"wallet:{name}")
            key = f"import:{subscription.id}"
            grants.append(
                Grant(
                    new_id("grant", now),
                    subscription.customer,
                    feature.id,
                    key,
                    amount,
                    amount,
                    now,
                    reason="moved in",
                )
            )
    add_grants(tx, grants, now)
