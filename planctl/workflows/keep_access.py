"""Grants, takes away and lists roles on a store: by the server's own roles, or told what the system is set to."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from planctl.core.access import Granted, Role, Standing
from planctl.errors import InvalidInput, Refused

if TYPE_CHECKING:
    from planctl.store.engine import Store, Tx

GROUPS = {Role.VIEWER: "planctl-viewers", Role.MANAGER: "planctl-managers", Role.OWNER: "planctl-managers"}
"""What the guide calls the system's groups; a file does not tell a manager from an owner."""


def checked_role(said: str) -> Role:
    """A role by its name; InvalidInput names all."""
    try:
        return Role(said)
    except ValueError:
        raise InvalidInput(
            "there is no such role",
            where="--role",
            expected=", ".join(Role),
            got=said,
            hint="viewer looks, manager does everything day to day, owner also says who may",
        ) from None


def check_server(store: Store, name: str, role: Role | None) -> None:
    """Refused for a file: planctl could write a role down there, and nothing would obey it.

    The hint gives the login that role in the system, or takes any away where there is none.
    """
    if store.url.engine == "sqlite":
        raise Refused(
            "a file obeys the operating system alone: whoever may write it may do everything with it",
            code="access-by-system",
            where=store.where,
            expected="a store on PostgreSQL, whose server enforces roles",
            hint=_by_system(name, role, Path(store.where)),
        )


def grant_role(tx: Tx, name: str, role: Role) -> Granted:
    """Give a login a role, in the place of the one it has."""
    from planctl.store import access

    return access.grant(tx, name, role)


def revoke_role(tx: Tx, name: str) -> Granted:
    """Take a login's role away."""
    from planctl.store import access

    return access.revoke(tx, name)


def read_standing(store: Store) -> Standing:
    """Who may use the store, and who sees to it."""
    from planctl.store import access
    from planctl.store.exposure import holders, places
    from planctl.store.sqlite_link import SqliteLink

    if isinstance(store.link, SqliteLink):
        path = store.link.path
        return Standing(store.where, "system", holders(path), places(path))
    with store.read() as tx:
        return Standing(store.where, "server", tuple(access.holders(tx)))


def _by_system(name: str, role: Role | None, store: Path) -> str:
    """The lines that do it: a group, and what sudo lets it run as the owner of the file."""
    from planctl.store.exposure import places

    guide = "docs/guides/access.md has them all"
    if role is None:
        return "; ".join([*(f"gpasswd -d {name} {group}" for group in dict.fromkeys(GROUPS.values())), guide])
    group, owner = GROUPS[role], places(store)[0].owner
    runs = "planctl --read-only status" if role is Role.VIEWER else "planctl"
    return f"usermod -aG {group} {name}; sudoers: %{group} ALL=({owner}) {runs}; {guide}"
