"""The three roles of a store on PostgreSQL: their names, and what they are given; who is in them is not known here.

Roles belong to the whole server, so their names hold the database's. All of a store's objects belong to the owners'
role, so that each owner can upgrade it.
Source: PostgreSQL documentation, "Database Roles", "Privileges".
"""

from __future__ import annotations

from collections.abc import Iterator
from hashlib import sha256

from sqlalchemy import Connection, text

from planctl.core.access import Role
from planctl.store.privileges import MANAGER, never_owner
from planctl.values import dataclass

LONGEST_NAME = 63
"""Bytes of a name that PostgreSQL keeps."""

OWNER = """
    SELECT r.rolname FROM pg_class c JOIN pg_roles r ON r.oid = c.relowner
    WHERE c.relname = 'store_identity' AND c.relnamespace = current_schema()::regnamespace
"""
"""To whom the store's tables belong."""


@dataclass(frozen=True, slots=True)
class Roles:
    """The names of a store's three roles on its server."""

    viewer: str
    manager: str
    owner: str

    def of(self, role: Role) -> str:
        """The name of one of them."""
        return {Role.VIEWER: self.viewer, Role.MANAGER: self.manager, Role.OWNER: self.owner}[role]


def roles_in(connection: Connection) -> Roles | None:
    """The roles of the store; None on SQLite, and where nobody was ever granted one: whoever made it owns it."""
    if connection.dialect.name != "postgresql":
        return None
    owner = connection.execute(text(OWNER)).scalar_one_or_none() or ""
    prefix = "planctl_owner_"
    whole = owner.removeprefix(prefix)
    return Roles(*(f"planctl_{role}_{whole}" for role in Role)) if owner.startswith(prefix) else None


def named_after(database: str, schema: str) -> Roles:
    """The names for a store in that database; in any other schema than `public` that is in the names too.

    What would be longer than the server keeps, or could stand for another store, ends in a digest.
    """
    whole = database if schema == "public" else f"{database}_{schema}"
    is_sure = schema == "public" and len(f"planctl_manager_{whole}".encode()) <= LONGEST_NAME
    if not is_sure:
        digest = sha256(f"{database}\0{schema}".encode()).hexdigest()[:12]
        room = LONGEST_NAME - len("planctl_manager_") - len(digest) - 1
        whole = f"{whole.encode()[:room].decode(errors='ignore')}_{digest}"
    return Roles(*(f"planctl_{role}_{whole}" for role in Role))


def act_as_owner(connection: Connection) -> None:
    """To the end of the transaction act for all owners, so that what an upgrade makes belongs to them too.

    Nothing on SQLite, in a database that is no store yet, and where whoever made the store still owns it.
    """
    names = roles_in(connection)
    if names is not None:
        run(connection, f"SET LOCAL ROLE {identifier(connection, names.owner)}")


def renew(connection: Connection) -> None:
    """Give the roles what they may do with each table, as `privileges` says, new tables among them."""
    names = roles_in(connection)
    if names is not None:
        for statement in privileges(connection, names):
            run(connection, statement)


def privileges(connection: Connection, names: Roles) -> Iterator[str]:
    """The statements that bring every role's rights to what is declared; again changes nothing."""
    viewer, manager, owner = (identifier(connection, names.of(role)) for role in Role)
    yield f"GRANT EXECUTE ON FUNCTION planctl_usage_month(date) TO {manager}"
    yield f"GRANT SELECT ON alembic_version TO {viewer}, {manager}"
    for table, said in MANAGER.items():
        yield f"REVOKE ALL ON {table} FROM PUBLIC, {viewer}, {manager}"
        yield f"GRANT SELECT ON {table} TO {viewer}, {manager}"
        if said:
            yield f"GRANT {said} ON {table} TO {manager}"
        yield f"REVOKE {never_owner(table)} ON {table} FROM {owner}"


def identifier(connection: Connection, name: str) -> str:
    """A name as SQL writes it, which no name can break out of."""
    return str(connection.execute(text("SELECT quote_ident(:name)"), {"name": name}).scalar_one())


def run(connection: Connection, statement: str) -> None:
    """A statement without values, in which a colon or a percent sign of a name is what it is."""
    connection.exec_driver_sql(statement.replace("%", "%%"))
