"""Roles of a store on PostgreSQL: made by the first grant, kept by upgrades, and obeyed whatever client is used."""

from __future__ import annotations

import json
from hashlib import sha256
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import psycopg
import pytest

from planctl.core.access import Granted, Holder, Role
from planctl.core.audit import AuditEntry
from planctl.core.customers import Customer
from planctl.core.periods import Instant
from planctl.errors import NotPermitted, Refused
from planctl.store import access, access_roles, audit, customers, migrate
from planctl.store.engine import Tx, open_store
from planctl.store.privileges import MANAGER
from planctl.store.rows import METADATA
from planctl.store.upgrading import upgrade
from planctl.store.usage_months import make_months
from tests import stores

pytestmark = pytest.mark.postgres

AT = Instant(1_767_225_600_000_000)

DENIED, RAISED = "42501", "P0001"
"""The states of a privilege that is missing, and of a trigger that refuses."""

ONLY_ADDED_TO = (
    "audit", "audit_object", "balance_entry", "catalog_revision", "coupon_use", "credit_note", "invoice_line",
    "operation", "refund", "subscription_transition", "terms", "usage_claim", "usage_detail", "usage_event",
    "wallet_entry", "wallet_grant",
)  # fmt: skip
"""Tables to which rows are only ever added."""


def addressed(url: str, login: str) -> str:
    return url.replace("//owner@", f"//{login}@")


@pytest.fixture(scope="module")
def people() -> None:
    """Logins of this module's own; billing makes stores and may make roles."""
    with psycopg.connect(stores.server(), autocommit=True) as server:
        for who in ("billing", "alice", "bob", "carol", "dave"):
            more = "CREATEROLE" if who == "billing" else ""
            server.execute(f"CREATE ROLE access_{who} LOGIN {more}".encode())
        server.execute("CREATE ROLE access_team NOLOGIN")
        server.execute("CREATE ROLE access_cut LOGIN NOINHERIT")


def store_of_billing(path: Path) -> str:
    """The address, for billing, of a store that billing made in a database of his own; nobody has a role in it yet."""
    url = stores.database(path)
    with psycopg.connect(url, autocommit=True) as server:
        name = urlsplit(url).path.removeprefix("/")
        server.execute(f'ALTER DATABASE "{name}" OWNER TO access_billing'.encode())
    mine = addressed(url, "access_billing")
    with open_store(mine, create=True, at=AT, is_test=True) as store, store.write() as tx:
        customers.add(tx, Customer("nova"))
        audit.append(tx, AuditEntry(AT, "billing", "init"))
    return mine


def with_roles(url: str) -> str:
    """The same store with alice as viewer, bob as manager and carol as owner."""
    with open_store(url) as store, store.write() as tx:
        access.grant(tx, "access_alice", Role.VIEWER)
        access.grant(tx, "access_bob", Role.MANAGER)
        access.grant(tx, "access_carol", Role.OWNER)
    return url


@pytest.fixture
def made(tmp_path: Path, people: None) -> str:
    """A store in which nobody has a role yet."""
    return store_of_billing(tmp_path / "books.db")


@pytest.fixture
def shared(made: str) -> str:
    """A store that alice looks at, bob works with and carol owns."""
    return with_roles(made)


@pytest.fixture(scope="module")
def standing(tmp_path_factory: pytest.TempPathFactory, people: None) -> str:
    """The same, for all tests that keep nothing."""
    return with_roles(store_of_billing(tmp_path_factory.mktemp("standing") / "books.db"))


def granted(url: str, name: str, role: Role) -> Granted:
    with open_store(url) as store, store.write() as tx:
        return access.grant(tx, name, role)


def as_login(url: str, login: str) -> psycopg.Connection:
    return psycopg.connect(addressed(url.replace("access_billing", "owner"), login), autocommit=True)


def state(connection: psycopg.Connection, statement: str) -> str:
    """The state that a statement ends with; empty where the server does it. Nothing of it is kept."""
    try:
        with connection.transaction(force_rollback=True):
            connection.execute(statement.encode())
    except psycopg.Error as error:
        return error.sqlstate or "?"
    return ""


# --- granting


def test_the_first_grant_makes_the_roles_and_whoever_made_the_store_is_an_owner(made: str) -> None:
    with open_store(made) as store, store.read() as tx:
        assert access.roles_of(tx) is None
        assert Holder("access_billing", Role.OWNER, "made the store") in access.holders(tx)
    assert granted(made, "access_alice", Role.VIEWER) == Granted("access_alice", "", "viewer")
    with open_store(made) as store, store.read() as tx:
        assert [one for one in access.holders(tx) if one.how == "granted"] == [
            Holder("access_alice", Role.VIEWER, "granted"),
            Holder("access_billing", Role.OWNER, "granted"),
        ]


def test_a_login_has_one_role_and_another_one_takes_its_place(shared: str) -> None:
    assert granted(shared, "access_alice", Role.VIEWER) == Granted("access_alice", "viewer", "viewer")
    assert granted(shared, "access_alice", Role.MANAGER) == Granted("access_alice", "viewer", "manager")
    with as_login(shared, "owner") as server:
        roles = server.execute(
            "SELECT count(*) FROM pg_auth_members WHERE member = 'access_alice'::regrole"
            " AND roleid::regrole::text LIKE '%' || current_database()"
        ).fetchone()
    assert roles == (1,)


def test_what_is_undone_leaves_no_role_behind(made: str) -> None:
    with open_store(made) as store:
        with store.write() as tx:
            access.grant(tx, "access_alice", Role.VIEWER)
            tx.rollback_only()
        with store.read() as tx:
            assert access.roles_of(tx) is None


def test_an_owner_grants_and_takes_away_what_another_one_granted(shared: str) -> None:
    carol = addressed(shared.replace("access_billing", "owner"), "access_carol")
    assert granted(carol, "access_dave", Role.MANAGER) == Granted("access_dave", "", "manager")
    with open_store(carol) as store, store.write() as tx:
        assert access.revoke(tx, "access_dave") == Granted("access_dave", "manager", "")
        assert access.revoke(tx, "access_dave") == Granted("access_dave", "", "")
        assert access.revoke(tx, "access_billing") == Granted("access_billing", "owner", "")
        with pytest.raises(Refused, match="access_carol is the last owner"):
            access.revoke(tx, "access_carol")
        with pytest.raises(Refused, match="last owner"):
            access.grant(tx, "access_carol", Role.VIEWER)


def test_only_a_login_that_would_have_something_of_it_is_granted_a_role(made: str) -> None:
    with open_store(made) as store, store.write() as tx:
        with pytest.raises(Refused, match="no login 'eve'") as nobody:
            access.grant(tx, "eve", Role.VIEWER)
        assert nobody.value.hint.endswith("CREATE ROLE eve LOGIN")
        with pytest.raises(Refused, match="no login 'access_team'") as team:
            access.grant(tx, "access_team", Role.VIEWER)
        assert team.value.hint.endswith("ALTER ROLE access_team LOGIN")
        with pytest.raises(Refused, match="NOINHERIT"):
            access.grant(tx, "access_cut", Role.VIEWER)
        with pytest.raises(Refused, match="no login") as quoted:
            access.grant(tx, 'x"; DROP TABLE audit; --', Role.OWNER)
        assert 'CREATE ROLE "x""; DROP TABLE audit; --" LOGIN' in quoted.value.hint


def test_who_may_make_no_roles_is_told_what_the_administrator_runs(tmp_path: Path, people: None) -> None:
    url = stores.database(tmp_path / "dave.db")
    with psycopg.connect(url, autocommit=True) as server:
        server.execute("GRANT ALL ON SCHEMA public TO access_dave")
    mine = addressed(url, "access_dave")
    open_store(mine, create=True, is_test=True).close()
    with pytest.raises(NotPermitted) as caught, open_store(mine) as store, store.write() as tx:
        access.grant(tx, "access_alice", Role.VIEWER)
    assert caught.value.hint.endswith("ALTER ROLE access_dave CREATEROLE")
    with psycopg.connect(url, autocommit=True) as server:
        server.execute("ALTER ROLE access_dave CREATEROLE")
        with pytest.raises(NotPermitted) as unowned, open_store(mine) as store, store.write() as tx:
            access.grant(tx, "access_alice", Role.VIEWER)
        server.execute("ALTER ROLE access_dave NOCREATEROLE")
    assert "ALTER SCHEMA public OWNER TO access_dave" in unowned.value.hint


def test_roles_that_another_store_of_that_name_left_are_not_taken_over(made: str) -> None:
    """Whoever was in them would come in with them."""
    name = urlsplit(made).path.removeprefix("/")
    with psycopg.connect(made.replace("access_billing", "owner"), autocommit=True) as server:
        server.execute(f"CREATE ROLE planctl_manager_{name} NOLOGIN".encode())
        server.execute(f"GRANT planctl_manager_{name} TO access_dave".encode())
        with pytest.raises(Refused, match="left by another store") as refused:
            granted(made, "access_alice", Role.VIEWER)
        assert refused.value.got == f"planctl_manager_{name} (access_dave)"
        server.execute(f"DROP ROLE planctl_manager_{name}".encode())
    assert refused.value.hint.endswith(f"DROP ROLE planctl_manager_{name}")
    assert granted(made, "access_alice", Role.VIEWER) == Granted("access_alice", "", "viewer")


def test_names_of_roles_fit_the_server_and_stand_for_one_store() -> None:
    assert access_roles.named_after("books", "public") == access_roles.Roles(
        "planctl_viewer_books", "planctl_manager_books", "planctl_owner_books"
    )
    several = [
        access_roles.named_after("b" * 63, "public"),
        access_roles.named_after("b" * 62 + "c", "public"),
        access_roles.named_after("books", "eu"),
        access_roles.named_after("books_eu", "public"),
        access_roles.named_after("é" * 31, "public"),
    ]
    names = [name for one in several for name in (one.viewer, one.manager, one.owner)]
    assert len(set(names)) == len(names)
    assert max(len(name.encode()) for name in names) <= 63


# --- what the server lets each do


def test_a_role_is_known_before_anything_is_done(standing: str) -> None:
    url = standing.replace("access_billing", "owner")
    for login, role in (("alice", Role.VIEWER), ("bob", Role.MANAGER), ("carol", Role.OWNER)):
        with open_store(addressed(url, f"access_{login}")) as store:
            assert (store.link.role, store.writable) == (role, role is not Role.VIEWER)
    with open_store(addressed(url, "access_alice")) as store:
        with pytest.raises(NotPermitted, match="by access_alice, a viewer of it"), store.write():
            pass
        with store.read() as tx:
            assert customers.customer(tx, "nova") == Customer("nova")
    with pytest.raises(NotPermitted, match="access_dave has no role on this store"):
        open_store(addressed(url, "access_dave"))
    with pytest.raises(NotPermitted, match="store upgrade"):
        upgrade(addressed(url, "access_bob"))


def test_whoever_only_wants_to_look_is_a_viewer(standing: str) -> None:
    with open_store(standing, read_only=True) as store:
        assert (store.link.role, store.writable) == (Role.VIEWER, False)
        with pytest.raises(NotPermitted, match="may only be read"), store.read() as tx:
            tx.connection.exec_driver_sql("INSERT INTO setting VALUES ('a', 'b')")


def test_nobody_has_anything_that_is_not_declared(standing: str) -> None:
    """Every table, by every way to write to it, tried by each: statements that would change no row."""
    for login in ("access_alice", "access_bob", "access_dave"):
        with as_login(standing, login) as server:
            for name, table in METADATA.tables.items():
                place = f'public."{name}"'
                said = {"access_alice": "", "access_dave": ""}.get(login, MANAGER[name])
                whole = f'"{next(iter(table.columns)).name}"'
                key = whole if "UPDATE," in f"{said}," else _first_column(said) or whole
                tried = {
                    f"SELECT 1 FROM {place}": login != "access_dave",
                    f"INSERT INTO {place} SELECT * FROM {place} WHERE false": "INSERT" in said,
                    f"UPDATE {place} SET {key} = {key} WHERE false": "UPDATE" in said,
                    f"DELETE FROM {place} WHERE false": "DELETE" in said,
                    f"TRUNCATE {place} CASCADE": False,
                    f"DROP TABLE {place} CASCADE": False,
                    f"ALTER TABLE {place} ADD COLUMN x text": False,
                    f"ALTER TABLE {place} DISABLE TRIGGER ALL": False,
                    f"CREATE TRIGGER x BEFORE INSERT ON {place} FOR EACH ROW EXECUTE FUNCTION planctl_refuse()": False,
                }
                for statement, may in tried.items():
                    assert state(server, statement) == ("" if may else DENIED), f"{login}: {statement}"


def _first_column(said: str) -> str:
    """The first column of `UPDATE (a, b)`, quoted."""
    inside = said.partition("UPDATE (")[2].partition(")")[0]
    return f'"{inside.split(", ")[0]}"' if inside else ""


def test_rows_that_are_only_added_are_changed_by_nobody(standing: str) -> None:
    for login in ("access_alice", "access_bob", "access_carol"):
        with as_login(standing, login) as server:
            for name in ONLY_ADDED_TO:
                column = next(iter(METADATA.tables[name].columns)).name
                if login != "access_carol":
                    assert state(server, f'UPDATE "{name}" SET "{column}" = "{column}"') == DENIED
                assert state(server, f'DELETE FROM "{name}"') == DENIED
                assert state(server, f'TRUNCATE "{name}" CASCADE') == DENIED
    with as_login(standing, "access_carol") as server:
        assert state(server, "UPDATE audit SET body = '{}'") == RAISED
    with as_login(standing, "owner") as server:  # the administrator passes every grant, and no trigger
        assert state(server, "UPDATE audit SET body = '{}'") == RAISED
        assert state(server, "DELETE FROM audit") == RAISED
        assert state(server, "TRUNCATE audit CASCADE") == RAISED


@pytest.mark.parametrize(
    ("statement", "expected"),
    [
        ("CREATE TABLE mine (a int)", (DENIED, DENIED, "")),
        ("CREATE SCHEMA mine", (DENIED, DENIED, DENIED)),
        ("CREATE ROLE access_more", (DENIED, DENIED, DENIED)),
        ("SET session_replication_role = replica", (DENIED, DENIED, DENIED)),
        ("SET ROLE access_billing", (DENIED, DENIED, DENIED)),
        ("SET SESSION AUTHORIZATION access_billing", (DENIED, DENIED, DENIED)),
        ("ALTER TABLE audit DISABLE TRIGGER audit_no_update", (DENIED, DENIED, "")),
        ("DROP FUNCTION planctl_chain() CASCADE", (DENIED, DENIED, "")),
        ("UPDATE store_identity SET high_water_at = 1", (DENIED, "", "")),
        ("UPDATE store_identity SET home = 'x', generation = 9", (DENIED, DENIED, "")),
        ("UPDATE store_identity SET is_test = 0", (DENIED, DENIED, "")),
        ("SELECT planctl_usage_month('2026-03-01')", (DENIED, "", "")),
        ("SELECT planctl_usage_month('2026-03-02')", (DENIED, RAISED, RAISED)),
        ("SELECT planctl_usage_month('2026-03-01 BC')", (DENIED, RAISED, RAISED)),  # of the same name
        ("SELECT planctl_usage_month('10000-01-01')", (DENIED, RAISED, RAISED)),
        ("CREATE TEMPORARY TABLE mine (a int)", ("", "", "")),
    ],
)
def test_what_each_may_beyond_rows(standing: str, statement: str, expected: tuple[str, str, str]) -> None:
    """An owner holds the tables themselves: he can take a guard away, and the anchor elsewhere is what tells.

    Temporary tables come with CONNECT as long as nobody takes them from PUBLIC in the database.
    """
    found = []
    for login in ("access_alice", "access_bob", "access_carol"):
        with as_login(standing, login) as server:
            found.append(state(server, statement))
    assert tuple(found) == expected


def test_an_audit_entry_says_who_was_connected_whatever_he_says(shared: str) -> None:
    url = addressed(shared.replace("access_billing", "owner"), "access_bob")
    with open_store(url) as store, store.write() as tx:
        tx.connection.exec_driver_sql("SET LOCAL ROLE planctl_manager_" + _database(tx))
        audit.append(tx, AuditEntry(AT, "somebody", "config set"))
        body = tx.connection.exec_driver_sql("SELECT body FROM audit ORDER BY seq DESC LIMIT 1").scalar_one()
    assert json.loads(body)["origin"]["session_user"] == "access_bob"
    forged = """
        INSERT INTO audit SELECT seq + 1, hash, encode(sha256(convert_to('planctl-audit-v1', 'UTF8') || '\\x00'
            || convert_to(hash || '{"origin": {"session_user": "access_carol"}}', 'UTF8')), 'hex'),
            '{"origin": {"session_user": "access_carol"}}'
        FROM audit ORDER BY seq DESC LIMIT 1
    """
    with as_login(shared, "access_bob") as server:
        assert state(server, forged) == RAISED
        assert state(server, forged.replace("access_carol", "access_bob")) == ""


def test_an_audit_entry_whose_hash_is_not_its_own_is_refused(standing: str) -> None:
    """It could never be taken out again, so the chain would be broken for ever; the right one is worked out here."""
    body = '{"origin": {"session_user": "access_bob"}}'
    with as_login(standing, "access_bob") as server:
        row = server.execute("SELECT seq, hash FROM audit ORDER BY seq DESC LIMIT 1").fetchone()
        assert row is not None
        right = sha256(b"planctl-audit-v1\0" + row[1].encode() + body.encode()).hexdigest()
        for digest, expected in (("f" * 64, RAISED), (right.upper(), RAISED), (right, "")):
            entry = f"INSERT INTO audit VALUES ({row[0] + 1}, '{row[1]}', '{digest}', '{body}')"
            assert state(server, entry) == expected


def _database(tx: Tx) -> str:
    return str(tx.connection.exec_driver_sql("SELECT current_database()").scalar_one())


def test_a_table_of_ones_own_does_not_deceive_a_guard(standing: str) -> None:
    """The guard of the chain looks into the store's audit, not into a temporary table of that name."""
    forged = """
        INSERT INTO public.audit VALUES (9, repeat('0', 64), 'h', '{"origin": {"session_user": "access_bob"}}')
    """
    with as_login(standing, "access_bob") as server:
        server.execute("CREATE TEMPORARY TABLE audit AS SELECT 8::bigint AS seq, repeat('0', 64) AS hash")
        assert state(server, forged) == RAISED


def test_a_manager_who_imports_gets_a_month_and_it_belongs_to_the_owners(shared: str) -> None:
    url = addressed(shared.replace("access_billing", "owner"), "access_bob")
    with open_store(url) as store, store.write() as tx:
        make_months(tx, [20_454, 20_485])  # 2026-01-01 and 2026-02-01
        make_months(tx, [20_454])
        owners = tx.connection.exec_driver_sql(
            "SELECT relname, relowner::regrole::text FROM pg_class WHERE relname LIKE 'usage!_event!_2%%' ESCAPE '!'"
            " AND relkind = 'r' ORDER BY 1"
        ).all()
        mine = f"planctl_owner_{_database(tx)}"
    assert [tuple(one) for one in owners] == [("usage_event_2026_01", mine), ("usage_event_2026_02", mine)]


def test_nothing_of_a_new_store_is_open_to_everybody(made: str) -> None:
    with as_login(made, "access_dave") as server:
        assert state(server, "SELECT 1 FROM public.audit") == DENIED
        assert state(server, "SELECT public.planctl_usage_month('2026-03-01')") == DENIED
    with pytest.raises(NotPermitted, match="access_dave has no role"):
        open_store(addressed(made.replace("access_billing", "owner"), "access_dave"), create=True)


# --- upgrades


@pytest.fixture
def older(shared: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """The shared store, one migration behind: what that one makes is a table like `setting`."""
    with psycopg.connect(shared.replace("access_billing", "owner"), autocommit=True) as server:
        server.execute("UPDATE alembic_version SET version_num = '0006'")
        server.execute("ALTER TABLE number_gap RENAME TO number_gap_before")

    def migration(connection: Any) -> None:
        connection.exec_driver_sql("CREATE TABLE number_gap (LIKE number_gap_before INCLUDING ALL)")
        connection.exec_driver_sql("UPDATE alembic_version SET version_num = '0007'")

    monkeypatch.setattr(migrate, "run_migrations", migration)
    return shared.replace("access_billing", "owner")


def test_an_upgrade_by_any_owner_keeps_the_rights_and_covers_what_is_new(older: str) -> None:
    upgrade(addressed(older, "access_carol"))
    with psycopg.connect(older, autocommit=True) as server:
        found = server.execute(
            "SELECT relowner::regrole::text LIKE 'planctl!_owner!_%' ESCAPE '!'"
            " FROM pg_class WHERE relname = 'number_gap'"
        ).fetchone()
    assert found == (True,)
    for login, expected in (("access_alice", ""), ("access_bob", ""), ("access_dave", DENIED)):
        with as_login(older, login) as server:
            assert state(server, "SELECT 1 FROM public.number_gap") == expected


def test_an_upgrade_by_a_manager_changes_nothing(older: str) -> None:
    with pytest.raises(NotPermitted, match="access_bob may not do that; nothing was done"):
        upgrade(addressed(older, "access_bob"))
