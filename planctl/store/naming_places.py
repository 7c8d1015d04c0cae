"""What the place is called where a store is, and whether two places are one. It asks no store where it lives."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from planctl.store.sqlite_link import SqliteLink

if TYPE_CHECKING:
    from planctl.store.link import Link

HIDDEN = "?"
"""What stands for a server's number where this login may not ask for it; it is then not compared."""

_MAY_ASK = "SELECT has_function_privilege('pg_control_system()', 'EXECUTE')"
_CLUSTER = "SELECT CAST(system_identifier AS text) FROM pg_control_system()"
_DATABASE = "SELECT CAST(current_database() AS text), CAST(current_schema() AS text)"


def place_of(link: Link, host: str = "") -> str:
    """Where an open store is: `HOST:PATH`, or `postgresql:NUMBER/DATABASE/SCHEMA` with the number of the server's data.

    `host` is the machine's name, default: what it calls itself. On PostgreSQL a transaction must be open.
    """
    if isinstance(link, SqliteLink):
        return f"{host or os.uname().nodename}:{link.path}"
    ((may_ask,),) = link.rows(_MAY_ASK)
    ((cluster,),) = link.rows(_CLUSTER) if may_ask else ((HIDDEN,),)
    ((database, schema),) = link.rows(_DATABASE)
    return f"postgresql:{cluster}/{database}/{schema}"


def is_same(home: str, place: str) -> bool:
    """Whether two places are one, as far as both can be seen."""
    if home == place:
        return True
    before, after = home.partition("/"), place.partition("/")
    return f"postgresql:{HIDDEN}" in {before[0], after[0]} and before[2] == after[2] != ""
