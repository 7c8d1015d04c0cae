"""Where a store lives, and whether it is there now: only at home it takes numbers and asks for money. It moves nothing.

A copy that was put elsewhere can be read and examined; it bills nobody before somebody adopts it.
Source: docs/decisions/042-where-a-store-lives.md.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from planctl.errors import Refused
from planctl.store.naming_places import is_same, place_of
from planctl.store.settings import Identity, identity

if TYPE_CHECKING:
    from planctl.store.engine import Tx


def here(tx: Tx) -> str:
    """Where the store is now; asked once while it is open."""
    store = tx.store
    if not store.place:
        store.place = place_of(store.link, store.host)
    return store.place


def is_home(tx: Tx, who: Identity | None = None) -> bool:
    """Whether the store is where it lives. A test store lives anywhere."""
    who = who or identity(tx)
    return who.is_test or is_same(who.home, here(tx))


def check_home(tx: Tx) -> None:
    """Refused (`store-not-adopted`) where the store is not where it lives: its original may be billing meanwhile."""
    who = identity(tx)
    if is_home(tx, who):
        return
    raise Refused(
        "the store is not where it lives, so it bills nobody"
        if who.home
        else "the store is a copy or was restored, and nobody said that it is the one to go on",
        code="store-not-adopted",
        where=tx.store.where,
        expected=who.home or "a store that was adopted here",
        got=here(tx),
        hint="if it goes on here, and its original never again: planctl store adopt --reason 'it goes on here';"
        " where numbers were given since that are not here, add the last of each series: --after NUMBER",
    )
