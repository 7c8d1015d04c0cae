"""A store moves between SQLite and PostgreSQL whole, proven equal, or not at all."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psycopg
import pytest

from planctl.core.audit import AuditEntry
from planctl.core.instants import Instant
from planctl.errors import InvalidInput, Refused, StoreFailure
from planctl.store import audit
from planctl.store.contents import Content, content, digest, table_names
from planctl.store.copying import Copied, check_place, copy_store
from planctl.store.engine import Tx, open_store
from planctl.store.failures import Cut
from planctl.store.rows import METADATA
from planctl.store.settings import identity, put_home, put_setting, setting
from planctl.store.sqlite_link import SqliteLink
from tests import stores
from tests.store.everything import ONE_ROW, filled

pytestmark = pytest.mark.postgres

AT = Instant(1_767_225_600_000_000)
ROOT = Path(__file__).parents[2]


def nothing(*_: object) -> None:
    """Told of progress, or asked to judge: fine."""


def copied(source: str, target: str, judge: Callable[[Tx], None] = nothing) -> Copied:
    with open_store(source) as store:
        return copy_store(store, target, told=nothing, judge=judge)


def holds(url: str, home: str = "") -> dict[str, Content]:
    """What every table holds; of a copy, which lives nowhere, as if it lived at `home`."""
    with open_store(url) as store, store.write() as tx:
        tx.rollback_only()
        if home:
            put_home(tx, home)
        return digest(tx)


def home_of(url: str) -> str:
    with open_store(url) as store, store.read() as tx:
        return identity(tx).home


@pytest.fixture(scope="module")
def everything(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A SQLite store with rows in every table; it is only read."""
    path = tmp_path_factory.mktemp("everything") / "all.db"
    filled(str(path))
    return str(path)


@pytest.fixture
def small(tmp_path: Path) -> str:
    """A SQLite store with a setting and an entry of the audit."""
    path = str(tmp_path / "small.db")
    with open_store(path, create=True, at=AT, is_test=True) as store, store.write() as tx:
        put_setting(tx, "seller.name", "Acme")
        audit.append(tx, AuditEntry(AT, "amy", "config set"))
    return path


@pytest.fixture(params=["sqlite", "postgresql"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A place where a copy may be made: a file that is not there, an empty database."""
    if request.param == "sqlite":
        return str(tmp_path / "new" / "copy.db")
    return stores.database(tmp_path / "copy.db")


# --- whole


def test_every_table_moves_there_and_back_and_holds_the_same(everything: str, tmp_path: Path) -> None:
    server, back = stores.database(tmp_path / "there.db"), str(tmp_path / "back.db")
    there = copied(everything, server)
    again = copied(server, back)
    assert set(there.tables) == set(METADATA.tables)
    assert {name: one.rows for name, one in there.tables.items()} == {
        name: 1 if name in ONE_ROW else 4 for name in METADATA.tables
    }
    assert there.rows == 4 * len(METADATA.tables) - 3 * len(ONE_ROW)
    home = home_of(everything)
    assert there.tables == holds(everything) == holds(server, home) == holds(back, home)
    assert again.tables == holds(server) == holds(back)
    assert home_of(server) == home_of(back) == ""
    assert there.audit_tip.seq == 4


def test_a_store_may_also_be_copied_to_its_own_engine(everything: str, tmp_path: Path) -> None:
    assert copied(everything, str(tmp_path / "copy.db")).tables == holds(everything)
    first, second = stores.database(tmp_path / "first.db"), stores.database(tmp_path / "second.db")
    copied(everything, first)
    assert copied(first, second).tables == holds(first) == holds(second)


def test_a_table_comes_after_those_that_it_refers_to() -> None:
    names = table_names()
    for table in METADATA.tables.values():
        for key in table.foreign_keys:
            assert names.index(key.column.table.name) < names.index(table.name)


def test_a_copy_is_a_store_with_all_its_guards(small: str, place: str) -> None:
    copied(small, place)
    with open_store(place) as store:
        with pytest.raises(Refused, match="audit is never changed"), store.write() as tx:
            tx.connection.exec_driver_sql("UPDATE audit SET body = ''")
        with store.write() as tx:
            assert audit.append(tx, AuditEntry(AT, "amy", "config set")) == 2
            assert audit.verify(tx) == []
            assert setting(tx, "seller.name") == "Acme"


def test_a_copied_file_is_its_owners_alone(small: str, tmp_path: Path) -> None:
    copied(small, str(tmp_path / "copy.db"))
    assert (tmp_path / "copy.db").stat().st_mode & 0o777 == 0o600


def test_what_is_written_meanwhile_is_not_in_the_copy(small: str, tmp_path: Path) -> None:
    """On PostgreSQL others go on writing; the copy is the store at one instant."""
    server = stores.database(tmp_path / "there.db")
    copied(small, server)
    before = holds(server)

    def write_on(_table: str, _rows: int) -> None:
        with open_store(server) as other, other.write() as tx:
            audit.append(tx, AuditEntry(AT, "amy", "config set"))

    with open_store(server) as store:
        made = copy_store(store, str(tmp_path / "back.db"), told=write_on, judge=nothing)
    assert made.tables == before
    assert holds(server)["audit"].rows > before["audit"].rows


# --- digests


def test_a_digest_sees_every_change(small: str) -> None:
    with open_store(small) as store, store.write() as tx:
        seen = {content(tx, "setting").digest}
        for name, text in (("a", ""), ("a", "b"), ("b", "a"), ("ab", ""), ("aa", "b")):
            put_setting(tx, name, text)
            seen.add(content(tx, "setting").digest)
        assert len(seen) == 6
        assert content(tx, "customer") == Content(
            0, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
        )  # SHA-256 of nothing: FIPS 180-4, examples


# --- not at all


def test_a_copy_overwrites_nothing(small: str, place: str) -> None:
    copied(small, place)
    for target in (small, place):
        with pytest.raises(Refused, match="a store already"):
            copied(small, target)
        with pytest.raises(Refused, match="a store already"):
            check_place(target)
    assert setting_of(place) == "Acme"


def test_another_programs_file_is_no_place(small: str, tmp_path: Path) -> None:
    (tmp_path / "letter.txt").write_text("Dear")
    with pytest.raises(InvalidInput):
        copied(small, str(tmp_path / "letter.txt"))
    assert (tmp_path / "letter.txt").read_text() == "Dear"


def test_asking_about_a_place_makes_nothing_there(place: str, tmp_path: Path) -> None:
    assert check_place(place).endswith(place.rpartition("/")[2])
    assert list(tmp_path.iterdir()) == []


def setting_of(url: str) -> str:
    with open_store(url) as store, store.read() as tx:
        return setting(tx, "seller.name")


def is_free(place: str) -> bool:
    """Whether there is no store, and nothing in the way of one."""
    with pytest.raises(StoreFailure, match="no store yet"):
        open_store(place)
    return bool(check_place(place))


def test_a_copy_that_is_judged_badly_leaves_nothing(small: str, place: str) -> None:
    seen: list[str] = []

    def judge(copy: Tx) -> None:
        seen.append(setting(copy, "seller.name"))
        raise Refused("no")

    with pytest.raises(Refused, match="no"):
        copied(small, place, judge)
    assert seen == ["Acme"]
    assert is_free(place)
    assert not place.endswith("copy.db") or not Path(place).exists()
    copied(small, place)


def test_a_copy_that_lost_a_row_leaves_nothing(
    small: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    right = SqliteLink.fill

    def one_less(self: SqliteLink, name: str, columns: Any, rows: Any) -> None:
        right(self, name, columns, rows[1:] if name == "setting" else rows)

    monkeypatch.setattr(SqliteLink, "fill", one_less)
    with pytest.raises(StoreFailure, match="not the same") as caught:
        copied(small, str(tmp_path / "copy.db"))
    assert caught.value.where.endswith("copy.db, table setting")
    assert [caught.value.expected[:6], caught.value.got[:6]] == ["2 rows", "1 rows"]
    assert sorted(one.name for one in tmp_path.iterdir()) == ["small.db"]


def test_an_empty_file_may_be_filled_and_stays_empty_where_that_fails(small: str, tmp_path: Path) -> None:
    target = tmp_path / "copy.db"
    target.touch(mode=0o600)

    def judge(_copy: Tx) -> None:
        raise Refused("no")

    with pytest.raises(Refused, match="no"):
        copied(small, str(target), judge)
    assert target.stat().st_size == 0
    copied(small, str(target))
    assert setting_of(str(target)) == "Acme"


def test_a_text_that_postgresql_cannot_keep_is_said(small: str, tmp_path: Path) -> None:
    with open_store(small) as store, store.write() as tx:
        put_setting(tx, "seller.name", "A\0B")
    server = stores.database(tmp_path / "there.db")
    with pytest.raises(InvalidInput, match="cannot keep, such as NUL"):
        copied(small, server)
    assert is_free(server)


KILLED = """
import os, signal, sys
from planctl.store.copying import copy_store
from planctl.store.engine import open_store

def told(table, rows):
    if table == sys.argv[3]:
        os.kill(os.getpid(), signal.SIGKILL)

def judge(copy):
    told("judge", 0)

with open_store(sys.argv[1]) as store:
    copy_store(store, sys.argv[2], told=told, judge=judge)
"""


@pytest.mark.parametrize("moment", ["audit", "usage_event", "judge"])
def test_a_copy_that_is_killed_leaves_no_store_and_can_be_made_again(
    everything: str, place: str, moment: str
) -> None:
    done = subprocess.run([sys.executable, "-c", KILLED, everything, place, moment], cwd=ROOT, timeout=60)
    assert done.returncode == -signal.SIGKILL
    assert is_free(place)
    assert copied(everything, place).tables == holds(everything)


def test_of_two_copies_to_one_place_one_is_made(small: str, place: str) -> None:
    meet = threading.Barrier(2, timeout=20)
    ends: list[str] = []

    def copy() -> None:
        try:
            with open_store(small) as store:
                meet.wait()
                copy_store(store, place, told=nothing, judge=nothing, wait_seconds=20)
            ends.append("made")
        except Refused as error:
            ends.append(error.code)

    threads = [threading.Thread(target=copy) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert sorted(ends) == ["copy-exists", "made"]
    assert setting_of(place) == "Acme"


@pytest.mark.parametrize("cut", ["source", "target"])
def test_a_copy_whose_connection_ends_leaves_nothing(everything: str, tmp_path: Path, cut: str) -> None:
    first, second = stores.database(tmp_path / "first.db"), stores.database(tmp_path / "second.db")
    copied(everything, first)
    target = str(tmp_path / "copy.db") if cut == "source" else second
    name = (first if cut == "source" else second).partition("@/")[2].partition("?")[0]

    def told(table: str, _rows: int) -> None:
        if table == "invoice":
            with psycopg.connect(stores.server(), autocommit=True) as server:
                server.execute(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", (name,)
                )

    with pytest.raises(Cut), open_store(first if cut == "source" else everything) as store:
        copy_store(store, target, told=told, judge=nothing)
    assert is_free(target)
    assert copied(first, target).tables == holds(first)
