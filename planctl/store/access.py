"""Who is in which of the three roles of a store on PostgreSQL, and puts logins in and out; the first time makes them.

The server enforces it; planctl keeps no passwords and makes no logins.
Source: PostgreSQL documentation, "Database Roles", "Privileges".
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import Connection, text

from planctl.core.access import Granted, Holder, Role
from planctl.errors import NotPermitted, Refused
from planctl.store.access_roles import OWNER, Roles, identifier, named_after, privileges, roles_in, run

if TYPE_CHECKING:
    from planctl.store.engine import Tx

_HELD = """
    SELECT m.rolname, g.rolname FROM pg_auth_members a
    JOIN pg_roles m ON m.oid = a.member JOIN pg_roles g ON g.oid = a.roleid
    WHERE g.rolname = ANY(:roles) AND m.rolcanlogin ORDER BY m.rolname
"""

_MAY_DO_ALL = "SELECT rolname FROM pg_roles WHERE rolsuper AND rolcanlogin ORDER BY rolname"

_LOGIN = "SELECT rolcanlogin, rolinherit, quote_ident(rolname) FROM pg_roles WHERE rolname = :name"

_OWN = """
    SELECT format('ALTER TABLE %s OWNER TO ', c.oid::regclass) FROM pg_class c
    WHERE c.relnamespace = current_schema()::regnamespace AND c.relkind IN ('r', 'p')
    UNION ALL
    SELECT format('ALTER FUNCTION %s OWNER TO ', p.oid::regprocedure) FROM pg_proc p
    WHERE p.pronamespace = current_schema()::regnamespace AND p.proname LIKE 'planctl!_%' ESCAPE '!'
"""

_LEFT = """
    SELECT r.rolname, coalesce(string_agg(DISTINCT m.rolname, ', ' ORDER BY m.rolname), '') FROM pg_roles r
    LEFT JOIN pg_auth_members a ON a.roleid = r.oid LEFT JOIN pg_roles m ON m.oid = a.member
    WHERE r.rolname = ANY(:roles) GROUP BY r.rolname ORDER BY r.rolname
"""

_MAY_MAKE_ROLES = """
    SELECT rolsuper OR rolcreaterole,
           (SELECT pg_has_role(nspowner, 'USAGE') FROM pg_namespace WHERE oid = current_schema()::regnamespace),
           (SELECT pg_has_role(datdba, 'USAGE') FROM pg_database WHERE datname = current_database()),
           has_database_privilege('public', current_database(), 'CONNECT')
           AND has_database_privilege('public', current_database(), 'TEMPORARY')
    FROM pg_roles WHERE rolname = current_user
"""


def roles_of(tx: Tx) -> Roles | None:
    """The roles of the store; None where nobody was ever granted one: its tables belong to whoever made it."""
    return roles_in(tx.connection)


def holders(tx: Tx) -> list[Holder]:
    """Every login that may use the store and by what: granted, superuser, or made the store."""
    names = roles_of(tx)
    found = [
        Holder(name, Role.OWNER, "superuser") for name in tx.connection.execute(text(_MAY_DO_ALL)).scalars()
    ]
    if names is None:
        owner = tx.connection.execute(text(OWNER)).scalar_one()
        found = [one for one in found if one.name != owner]
        return [*found, Holder(owner, Role.OWNER, "made the store")]
    return [*found, *(Holder(name, role, "granted") for name, role in _held(tx, names).items())]


def grant(tx: Tx, name: str, role: Role) -> Granted:
    """Give a login a role in the place of the one it has. The first grant of all makes the roles.

    Refused where there is no such login; NotPermitted where this login may not, before anything is done.
    """
    quoted = _checked_login(tx, name)
    names = roles_of(tx) or _set_up(tx)
    before = _held(tx, names).get(name)
    if before is role:
        return Granted(name, role, role)
    _check_admin(tx, names, role, before)
    if before is Role.OWNER:
        _check_not_last(tx, names, name)
    admin = " WITH ADMIN OPTION" if role is Role.OWNER else ""
    run(tx.connection, f"GRANT {_quoted(tx, names.of(role))} TO {quoted}{admin}")
    if before is not None:
        run(tx.connection, f"REVOKE {_quoted(tx, names.of(before))} FROM {quoted}")
    _check_held(tx, names, name, role)
    return Granted(name, before or "", role)


def revoke(tx: Tx, name: str) -> Granted:
    """Take a login's role away; one that has none stays as it is. Refused for the last owner."""
    names = roles_of(tx)
    before = _held(tx, names).get(name) if names else None
    if names is None or before is None:
        return Granted(name, "", "")
    _check_admin(tx, names, before, before)
    if before is Role.OWNER:
        _check_not_last(tx, names, name)
    run(tx.connection, f"REVOKE {_quoted(tx, names.of(before))} FROM {_quoted(tx, name)}")
    _check_held(tx, names, name, None)
    return Granted(name, before, "")


def _held(tx: Tx, names: Roles) -> dict[str, Role]:
    """The logins in the three roles; somebody who is in several by hand counts by the highest."""
    found: dict[str, Role] = {}
    by_name = {names.of(role): role for role in Role}
    for login, name in tx.connection.execute(text(_HELD), {"roles": list(by_name)}):
        held = found.setdefault(login, by_name[name])
        found[login] = by_name[name] if by_name[name].includes(held) else held
    return found


def _checked_login(tx: Tx, name: str) -> str:
    """The login's name as SQL writes it; Refused where nobody can log in by it, or it would inherit nothing."""
    found = tx.connection.execute(text(_LOGIN), {"name": name}).one_or_none()
    if found is None or not found[0]:
        login = found[2] if found else _quoted(tx, name)
        raise Refused(
            f"there is no login {name!r} on the store's server",
            code="no-such-login",
            where=f"login {name}",
            expected="a login of the server: planctl makes none and keeps no passwords",
            hint=f"let the server's administrator run: {'ALTER' if found else 'CREATE'} ROLE {login} LOGIN",
        )
    if not found[1]:
        raise Refused(
            f"the login {name!r} would have nothing of a role that it is given: it has NOINHERIT",
            code="no-such-login",
            where=f"login {name}",
            hint=f"let the server's administrator run: ALTER ROLE {found[2]} INHERIT",
        )
    return str(found[2])


def _set_up(tx: Tx) -> Roles:
    """Make the three roles and let everything of the store belong to the owners, of whom this login is the first."""
    connection = tx.connection
    database, schema = connection.execute(text("SELECT current_database(), current_schema()")).one()
    names, login = named_after(database, schema), tx.store.link.login
    may_make, has_schema, has_database, is_open = connection.execute(text(_MAY_MAKE_ROLES)).one()
    if not (may_make and has_schema and (has_database or is_open)):
        raise _may_not(tx, _first_hint(connection, login, may_make, database, schema))
    _check_none_left(tx, names)
    place, me = identifier(connection, schema), identifier(connection, login)
    viewer, manager, owner = (identifier(connection, names.of(role)) for role in Role)
    for name in (viewer, manager, owner):
        run(tx.connection, f"CREATE ROLE {name} NOLOGIN")
    run(tx.connection, f"GRANT {owner} TO {me} WITH ADMIN OPTION")
    run(tx.connection, f"GRANT {viewer}, {manager} TO {owner} WITH ADMIN OPTION")
    run(tx.connection, f"REVOKE ALL ON SCHEMA {place} FROM PUBLIC")
    run(tx.connection, f"GRANT ALL ON SCHEMA {place} TO {owner}")
    run(tx.connection, f"GRANT USAGE ON SCHEMA {place} TO {viewer}, {manager}")
    if has_database:
        books = identifier(connection, database)
        run(tx.connection, f"GRANT CONNECT ON DATABASE {books} TO {viewer}, {manager}, {owner}")
        run(tx.connection, f"GRANT TEMPORARY ON DATABASE {books} TO {manager}, {owner}")
    for statement in connection.execute(text(_OWN)).scalars().all():
        run(tx.connection, f"{statement}{owner}")
    for statement in privileges(connection, names):
        run(tx.connection, statement)
    return names


def _check_none_left(tx: Tx, names: Roles) -> None:
    """Refused where roles of these names are there: a database that is gone leaves them, with whoever was in them."""
    left = tx.connection.execute(text(_LEFT), {"roles": [names.of(role) for role in Role]}).all()
    if not left:
        return
    raise Refused(
        "roles of these names are there already, left by another store",
        code="roles-left",
        where=tx.store.where,
        expected="no role of that name on the server",
        got="; ".join(f"{name} ({members})" if members else name for name, members in left),
        hint="if that store is gone, let the server's administrator run: DROP ROLE "
        + ", ".join(_quoted(tx, name) for name, _ in left),
    )


def _check_admin(tx: Tx, names: Roles, *roles: Role | None) -> None:
    """NotPermitted where this login may not give and take these roles."""
    question = (
        "SELECT rolsuper OR rolcreaterole OR pg_has_role(:role, 'MEMBER WITH ADMIN OPTION')"
        " FROM pg_roles WHERE rolname = current_user"
    )
    for role in filter(None, roles):
        if not tx.connection.execute(text(question), {"role": names.of(role)}).scalar_one():
            raise _may_not(tx, "an owner to whom the role was given by planctl access grant may")


def _check_not_last(tx: Tx, names: Roles, name: str) -> None:
    if [login for login, role in _held(tx, names).items() if role is Role.OWNER] == [name]:
        raise Refused(
            f"{name} is the last owner of the store",
            code="last-owner",
            where=f"login {name}",
            hint="grant somebody else the role first: planctl access grant NAME --role owner",
        )


def _check_held(tx: Tx, names: Roles, name: str, role: Role | None) -> None:
    """NotPermitted where the server kept what was to be taken away: somebody else had granted it, from 16 on."""
    if _held(tx, names).get(name) is not role:
        raise _may_not(tx, f"whoever granted {name} the role may, and so may the server's administrator")


def _may_not(tx: Tx, hint: str) -> NotPermitted:
    return NotPermitted(
        f"{tx.store.link.login} may not say who may use this store",
        where=tx.store.where,
        expected="an owner of the store",
        hint=hint,
    )


def _first_hint(connection: Connection, login: str, may_make: bool, database: str, schema: str) -> str:
    me = identifier(connection, login)
    if not may_make:
        return f"the first grant makes roles; let the server's administrator run: ALTER ROLE {me} CREATEROLE"
    place = identifier(connection, database)
    return (
        f"let the server's administrator run: ALTER DATABASE {place} OWNER TO {me};"
        f" ALTER SCHEMA {identifier(connection, schema)} OWNER TO {me}"
    )


def _quoted(tx: Tx, name: str) -> str:
    return identifier(tx.connection, name)
