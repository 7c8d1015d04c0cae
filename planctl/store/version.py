"""Which schema a store has and whether this planctl may use it. It opens nothing."""

from __future__ import annotations

from planctl.errors import Busy, Refused, StoreFailure

SCHEMA_VERSION = 7
"""The newest schema this planctl knows: the number of the last migration."""


def check_version(version: int, where: str, *, allow_older: bool = False) -> None:
    """Refuse a store that a newer planctl made, and an older one unless it is about to be upgraded.

    Version 0 means that nothing was created yet and passes.
    """
    if version > SCHEMA_VERSION:
        raise Refused(
            "the store was made by a newer planctl",
            code="store-newer",
            where=where,
            expected=f"schema {SCHEMA_VERSION} or older",
            got=f"schema {version}",
            hint="install the newer planctl; nothing was written",
        )
    if 0 < version < SCHEMA_VERSION and not allow_older:
        raise Refused(
            "the store has an older schema",
            code="store-older",
            where=where,
            expected=f"schema {SCHEMA_VERSION}",
            got=f"schema {version}",
            hint="run planctl store upgrade: it keeps the file as it was beside it; a server's is kept by pg_dump",
        )


def check_unchanged(before: int, now: int, where: str) -> None:
    """Busy where the store has another schema than when this command opened it: somebody upgraded it meanwhile."""
    if before != now:
        raise Busy(
            "the store was upgraded while this command was running",
            code="store-upgraded",
            where=where,
            expected=f"schema {before}",
            got=f"schema {now}",
            hint="run the command again; what it had not done yet was not done",
        )


def missing(where: str) -> StoreFailure:
    """The error for a store that was never made."""
    return StoreFailure(
        "there is no store yet",
        code="no-store",
        where=where,
        hint="make one with planctl init, or apply a catalog: planctl catalog apply",
    )
