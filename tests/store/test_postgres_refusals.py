"""What a PostgreSQL server refuses is told as what it is: no way in, a limit, a timeout; and whose its backups are."""

from __future__ import annotations

import json
import shlex
import subprocess
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import psycopg
import pytest
from sqlalchemy import text

from planctl.__main__ import main
from planctl.core.periods import Instant
from planctl.errors import PlanctlError, StoreFailure
from planctl.store.engine import Store, open_store
from planctl.store.failures import Collided, meaning_of
from tests import stores

pytestmark = pytest.mark.postgres

AT = Instant(1_767_225_600_000_000)


@pytest.fixture(scope="module")
def people() -> None:
    """Logins of this module's own; billing makes stores and may make roles."""
    with psycopg.connect(stores.server(), autocommit=True) as server:
        server.execute("CREATE ROLE refused_billing LOGIN CREATEROLE")
        server.execute("CREATE ROLE refused_alice LOGIN")


@pytest.fixture
def url(tmp_path: Path, people: None) -> str:
    """The address for billing of a store in a database into which nobody else is let."""
    made = stores.database(tmp_path / "books.db")
    as_administrator(f'ALTER DATABASE "{name_of(made)}" OWNER TO refused_billing')
    as_administrator(f'REVOKE ALL ON DATABASE "{name_of(made)}" FROM PUBLIC')
    mine = made.replace("//owner@", "//refused_billing@")
    open_store(mine, create=True, at=AT, is_test=True).close()
    return mine


def name_of(url: str) -> str:
    return urlsplit(url).path.removeprefix("/")


def as_administrator(statement: str) -> None:
    with psycopg.connect(stores.server(), autocommit=True) as server:
        server.execute(statement.encode())


def refused(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, Any]:
    """The exit code and the error of a command."""
    capsys.readouterr()
    code = main([*words, "-f", "json"])
    return code, json.loads(capsys.readouterr().err)["error"]


# --- who is not let in


def test_a_login_that_may_not_connect_is_told_so_and_who_lets_it_in(
    url: str, capsys: pytest.CaptureFixture[str]
) -> None:
    hers, database = url.replace("billing", "alice"), name_of(url)
    code, error = refused(capsys, "--store", hers, "status")
    assert (code, error["code"], error["where"]) == (77, "not-permitted", hers)
    assert error["message"] == "this login may not connect to the store's database"
    assert error["got"] == f'permission denied for database "{database}"'
    assert error["hint"] == (
        "an owner of the store lets it in: planctl access grant refused_alice --role viewer;"
        f" or the database's: GRANT CONNECT ON DATABASE {database} TO refused_alice"
    )
    assert main(["--store", url, "access", "grant", "refused_alice", "--role", "viewer"]) == 0
    assert main(["--store", hers, "status"]) == 0


def test_a_server_that_speaks_another_language_says_it_too() -> None:
    """The last line is that of PostgreSQL's German catalog."""
    said = (
        'connection failed: connection to server on socket "/run/.s.PGSQL.5432" failed: FATAL:  keine Berechtigung'
        " für Datenbank »books«\nDETAIL:  Benutzer hat das CONNECT-Privileg nicht."
    )
    meaning = meaning_of(psycopg.OperationalError(said), "postgresql://db.example/books")
    assert meaning is not None
    assert meaning.exit_code == 77
    assert meaning.hint.startswith(
        "an owner of the store lets it in: planctl access grant LOGIN --role viewer;"
    )


def test_a_server_without_a_connection_left_is_not_one_that_cannot_be_reached(
    url: str, capsys: pytest.CaptureFixture[str]
) -> None:
    as_administrator("ALTER ROLE refused_billing CONNECTION LIMIT 0")
    try:
        code, error = refused(capsys, "--store", url, "status")
    finally:
        as_administrator("ALTER ROLE refused_billing CONNECTION LIMIT -1")
    assert (code, error["code"]) == (75, "too-many-connections")
    assert error["got"] == 'too many connections for role "refused_billing"'
    assert "CONNECTION LIMIT" in error["hint"]


@pytest.mark.parametrize(
    "said",
    [
        "sorry, too many clients already",
        "remaining connection slots are reserved for non-replication superuser connections",
        'too many connections for database "books"',
        "no more connections allowed (max_client_conn)",
    ],
)
def test_it_is_known_by_its_words_and_done_again(said: str) -> None:
    """Of a connection that never came to be the driver has no state. Done again, as what the server undid."""
    place = 'connection failed: connection to server at "127.0.0.1", port 5432 failed: FATAL:  '
    meaning = meaning_of(psycopg.OperationalError(place + said), "the store")
    assert isinstance(meaning, Collided)
    assert (meaning.code, meaning.got) == ("too-many-connections", said)


# --- what stops a command


def stopped(store: Store, *statements: str) -> PlanctlError:
    """What a transaction of these statements ends with."""

    def read() -> None:
        with store.read() as tx:
            for statement in statements:
                tx.connection.execute(text(statement)).close()

    with pytest.raises(StoreFailure) as caught:
        read()
    return caught.value


def test_a_timeout_of_the_server_is_no_other_command_that_writes(tmp_path: Path) -> None:
    with open_store(stores.database(tmp_path / "books.db"), create=True, at=AT, is_test=True) as store:
        late = stopped(store, "SET LOCAL statement_timeout = 20", "SELECT pg_sleep(20)")
        ended = stopped(store, "SELECT pg_cancel_backend(pg_backend_pid()), pg_sleep(20)")
    assert (late.exit_code, late.code) == (74, "statement-stopped")
    assert (
        late.message
        == "the store's server stopped the command, which took longer than a timeout of the server allows"
    )
    assert late.got == "canceling statement due to statement timeout"
    assert (
        late.hint == "give the login more time and run it again: ALTER ROLE LOGIN SET statement_timeout = 0"
    )
    assert (ended.exit_code, ended.code) == (74, "statement-stopped")
    assert ended.message == "somebody canceled the command at the store's server"


def test_a_limit_of_the_server_is_no_full_disk(tmp_path: Path) -> None:
    with open_store(stores.database(tmp_path / "books.db"), create=True, at=AT, is_test=True) as store:
        limited = stopped(
            store,
            "SET LOCAL temp_file_limit = '64kB'",
            "SET LOCAL work_mem = '64kB'",
            "SELECT count(*) FROM (SELECT g FROM generate_series(1, 100000) g ORDER BY g DESC) x",
        )
    assert (limited.exit_code, limited.code) == (74, "server-limit")
    assert limited.got == "temporary file size exceeds temp_file_limit (64kB)"


@pytest.mark.parametrize(
    ("state", "exit_code", "code", "words"),
    [
        ("53100", 74, "disk", "no space left"),
        ("53200", 74, "server-limit", "out of memory"),
        ("53300", 75, "too-many-connections", "no connection left"),
        ("53400", 74, "server-limit", "a limit that it is configured with"),
        ("53000", 74, "server-limit", "a limit that it is configured with"),
        ("57014", 74, "statement-stopped", "stopped the command"),
    ],
)
def test_what_the_server_lacks_is_told_by_its_state(
    state: str, exit_code: int, code: str, words: str
) -> None:
    """Source: PostgreSQL documentation, appendix A, class 53."""
    meaning = meaning_of(psycopg.errors.lookup(state)("said in any language"), "the store")
    assert meaning is not None
    assert (meaning.exit_code, meaning.code) == (exit_code, code)
    assert words in meaning.message
    assert meaning.got == "said in any language"


# --- backups, which are the server's


def test_the_backup_of_a_server_is_made_and_put_back_as_the_hint_and_the_guide_say(
    url: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["--store", url, "access", "grant", "refused_alice", "--role", "viewer"]) == 0
    for dry_run in ([], ["--dry-run"]):
        code, error = refused(capsys, "--store", url, "store", "backup", "books.dump", *dry_run)
        assert (code, error["code"], error["where"]) == (4, "backup-by-server", url)
    program, *words = shlex.split(error["hint"].replace("FILE", str(tmp_path / "books.dump")))
    assert program == "pg_dump"
    subprocess.run([stores.program("pg_dump"), *words], check=True, timeout=300)
    as_administrator(f'DROP DATABASE "{name_of(url)}"')
    put_back = ("pg_restore", "--exit-on-error", "--create", f"--dbname={stores.server()}")
    subprocess.run(
        [stores.program(put_back[0]), *put_back[1:], tmp_path / "books.dump"], check=True, timeout=300
    )
    for login in ("billing", "alice"):
        assert main(["--store", url.replace("billing", login), "doctor", "--quiet"]) == 0
    guide = (Path(__file__).parents[2] / "docs" / "guides" / "backup.md").read_text(encoding="utf-8")
    assert " ".join(put_back[:3]) in guide
    assert "pg_dump --format=custom --file=" in guide


def test_a_password_is_not_in_the_line_that_makes_a_backup(
    url: str, capsys: pytest.CaptureFixture[str]
) -> None:
    code, error = refused(
        capsys, "--store", url.replace("billing@", "billing:secret@"), "store", "backup", "books.dump"
    )
    assert (code, error["hint"].endswith(f"--dbname={shlex.quote(url)}")) == (4, True)
