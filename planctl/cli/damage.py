"""Tells a mistake of ours from a store that does not hold what was written into it. It repairs nothing."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from planctl.errors import StoreFailure

if TYPE_CHECKING:
    from planctl.store.engine import Store

LARGEST = 64 * 1024 * 1024
"""Bytes of the largest file that is looked through: a second or two. Of a larger one nobody has to wait for the end."""


def damage(store: Store, error: Exception) -> StoreFailure | None:
    """What is wrong with the store that a command had open when it failed; None where every law holds.

    A bit that flipped in a text, or an edit past planctl, makes an error deep in a command that looks like a bug. Only
    SQLite's own file is looked through, and not one above LARGEST.
    """
    from planctl.store.failures import damaged
    from planctl.workflows.maintain_store import examine

    try:
        if os.path.getsize(store.where) > LARGEST:
            return None
    except OSError:
        return None
    try:
        with store.read() as tx:
            broken = [one.law.id for one in examine(tx) if not one.holds]
    except StoreFailure as failure:
        return failure
    except Exception:  # the laws read every sound store
        broken = [type(error).__name__]
    return damaged(store.where, ", ".join(broken)) if broken else None
