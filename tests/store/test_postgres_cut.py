"""Connections to PostgreSQL that end when they should not: nothing is written twice, nothing claimed that is not so."""

from __future__ import annotations

import shutil
import socket
import tempfile
import threading
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from sqlalchemy import text

from planctl import clock
from planctl.__main__ import main
from planctl.core.audit import AuditEntry
from planctl.core.periods import Instant
from planctl.errors import NotPermitted, StoreFailure
from planctl.store import audit
from planctl.store.engine import Store, Tx, open_store
from planctl.store.failures import Collided, Cut, Unsure
from planctl.store.postgres_link import PostgresLink
from planctl.store.retrying import attempted
from planctl.store.settings import put_setting, setting
from tests import stores

pytestmark = pytest.mark.postgres

AT = Instant(1_767_225_600_000_000)
PORT = ".s.PGSQL.5432"


class Cable:
    """Stands between planctl and the server, and is cut where a test says: around the COMMIT of a write.

    `cut`: "before" it reaches the server, or "after" the server answered it; once. `closed`: nobody gets through.
    A write is known by its last question, the number of its transaction.
    """

    def __init__(self, server: str) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="cable-"))
        self.server = server
        self.cut = ""
        self.closed = False
        self.close_when_cut = False
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(str(self.folder / PORT))
        self._listener.listen()
        threading.Thread(target=self._accept, daemon=True).start()

    def remove(self) -> None:
        """Nobody gets through any more."""
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        shutil.rmtree(self.folder)

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                if self.closed:
                    client.close()
                    continue
                server = socket.socket(socket.AF_UNIX)
                server.connect(f"{self.server}/{PORT}")
                threading.Thread(target=self._carry, args=(client, server), daemon=True).start()

    def _carry(self, client: socket.socket, server: socket.socket) -> None:
        """Pass on what either says, in turns: the client asks, the server answers until it waits."""
        answers = threading.Thread(target=self._answer, args=(server, client), daemon=True)
        answers.start()
        writes = False
        with suppress(OSError):
            while asked := client.recv(65536):
                if b"COMMIT" in asked and writes and self.cut == "before":
                    break
                writes = b"pg_current_xact_id_if_assigned" in asked
                server.sendall(asked)
        self._end(client, server)

    def _answer(self, server: socket.socket, client: socket.socket) -> None:
        writes = False
        with suppress(OSError):
            while said := server.recv(65536):
                if b"COMMIT\0" in said and writes and self.cut == "after":
                    break
                writes = b"pg_current_xact_id_if_assigned" in said
                client.sendall(said)
        self._end(client, server)

    def _end(self, *ends: socket.socket) -> None:
        if self.cut:
            self.closed = self.close_when_cut
        self.cut = ""
        for end in ends:
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
            end.close()


@pytest.fixture(autouse=True)
def hardly_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    """A moment it takes: the server must notice that a connection ended before it can say what became of it."""
    pause = clock.pause
    monkeypatch.setattr(clock, "pause", lambda milliseconds: pause(min(milliseconds, 200)))


@pytest.fixture
def direct(tmp_path: Path) -> str:
    """The address of a store, past the cable."""
    url = stores.database(tmp_path / "cut.db")
    open_store(url, create=True, at=AT, is_test=True).close()
    return url


@pytest.fixture
def cable(direct: str) -> Iterator[Cable]:
    made = Cable(direct.partition("?host=")[2])
    yield made
    made.remove()


@pytest.fixture
def url(direct: str, cable: Cable) -> str:
    """The address of the same store through the cable."""
    return direct.replace(cable.server, str(cable.folder))


@pytest.fixture
def store(url: str) -> Iterator[Store]:
    with open_store(url) as opened:
        yield opened


def count_up(tx: Tx) -> str:
    """Not the same when it is done twice."""
    now = str(int(setting(tx, "count", "0")) + 1)
    put_setting(tx, "count", now)
    audit.append(tx, AuditEntry(AT, "amy", "config set"))
    return now


def counted(url: str) -> tuple[str, int]:
    with open_store(url) as opened, opened.read() as tx:
        assert audit.verify(tx) == []
        return setting(tx, "count", "0"), audit.tip(tx).seq


def written(store: Store) -> str:
    with store.write() as tx:
        return count_up(tx)


def ended(direct: str) -> None:
    """End every connection to the store but one's own, as an administrator does."""
    with open_store(direct) as opened, opened.read() as tx:
        tx.connection.execute(
            text(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )
        ).all()


def test_a_cut_after_the_server_committed_is_a_success(store: Store, cable: Cable, direct: str) -> None:
    cable.cut = "after"
    assert written(store) == "1"
    assert counted(direct) == ("1", 1)
    assert written(store) == "2"


@pytest.mark.parametrize(("cut", "error"), [("after", Unsure), ("before", Cut)])
def test_a_server_that_crashed_at_the_commit_is_not_believed_when_it_says_that_it_was_kept(
    store: Store, cable: Cable, monkeypatch: pytest.MonkeyPatch, cut: str, error: type[StoreFailure]
) -> None:
    """It may have given the number again. That nothing was kept is certain all the same."""
    assert isinstance(store.link, PostgresLink)
    ask = store.link._outcome
    monkeypatch.setattr(store.link, "_outcome", lambda number, _life: ask(number, "another life"))
    cable.cut = cut
    with pytest.raises(error):
        written(store)


def test_a_commit_whose_number_was_lost_in_a_crash_was_not_kept(
    store: Store, cable: Cable, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert isinstance(store.link, PostgresLink)
    ask = store.link._outcome
    monkeypatch.setattr(store.link, "_outcome", lambda number, life: ask(str(int(number) + 1_000), life))
    cable.cut = "after"
    with pytest.raises(Cut):
        written(store)


def test_a_cut_before_the_commit_reached_the_server_is_done_again(
    store: Store, cable: Cable, direct: str
) -> None:
    cable.cut = "before"
    with pytest.raises(Cut, match="before the commit"):
        written(store)
    assert counted(direct) == ("0", 0)
    cable.cut = "before"
    assert attempted(lambda: written(store)) == "1"
    assert counted(direct) == ("1", 1)


def test_a_command_goes_on_after_a_cut_on_either_side_of_its_commit(
    cable: Cable, url: str, direct: str, capsys: pytest.CaptureFixture[str]
) -> None:
    for cut, name in (("before", "Ann"), ("after", "Ben")):
        cable.cut = cut
        assert main(["--store", url, "config", "set", "seller.name", name]) == 0
        assert "error" not in capsys.readouterr().err
    with open_store(direct) as opened, opened.read() as tx:
        assert (setting(tx, "seller.name"), audit.tip(tx).seq) == ("Ben", 2)


def test_where_the_server_cannot_be_asked_the_command_says_that_it_does_not_know(
    cable: Cable, url: str, direct: str, capsys: pytest.CaptureFixture[str]
) -> None:
    cable.cut, cable.close_when_cut = "after", True
    assert main(["--store", url, "config", "set", "seller.name", "Ann"]) == 74
    said = capsys.readouterr().err
    assert "the server does not say whether the change was kept [commit-unknown]" in said
    assert "hint: planctl audit log shows it if it was" in said
    assert "Nothing was changed" not in said
    assert "Whether the change was kept is not known." in said
    with open_store(direct) as opened, opened.read() as tx:
        assert setting(tx, "seller.name") == "Ann"


def test_a_transaction_whose_connection_is_ended_by_an_administrator_is_done_again(
    store: Store, direct: str
) -> None:
    tries: list[str] = []

    def body() -> str:
        with store.write() as tx:
            tries.append(count_up(tx))
            if len(tries) == 1:
                ended(direct)
            return setting(tx, "count")

    assert attempted(body) == "1"
    assert (tries, counted(direct)) == (["1", "1"], ("1", 1))


def test_a_read_that_is_cut_says_so_and_the_next_one_goes_on(store: Store, direct: str) -> None:
    def read() -> None:
        with store.read() as tx:
            ended(direct)
            setting(tx, "count")

    with pytest.raises(Cut) as caught:
        read()
    assert (caught.value.exit_code, caught.value.code) == (74, "connection")
    with store.read() as tx:
        assert setting(tx, "count", "0") == "0"


def test_a_connection_that_ended_while_nothing_was_going_on_is_made_again(store: Store, direct: str) -> None:
    ended(direct)
    assert written(store) == "1"
    ended(direct)
    with store.read() as tx:
        assert setting(tx, "count") == "1"
    assert counted(direct) == ("1", 1)


def test_a_server_that_is_gone_is_no_success(store: Store, cable: Cable, direct: str) -> None:
    cable.closed = True
    ended(direct)
    with pytest.raises(StoreFailure, match="cannot be reached"):
        attempted(lambda: written(store))
    assert counted(direct) == ("0", 0)


def test_two_transactions_that_wait_for_each_other_both_succeed(url: str, direct: str) -> None:
    """The server ends one of the two (40P01), which is done again."""
    with open_store(direct) as first, first.write() as tx:
        put_setting(tx, "a", "0")
        put_setting(tx, "b", "0")
    meet = threading.Barrier(2, timeout=20)
    collisions: list[int] = []

    def add(own: str, other: str) -> None:
        tries = 0
        with open_store(url) as opened:

            def body() -> None:
                nonlocal tries
                tries += 1
                with opened.share() as tx:
                    one_more(tx, own)
                    if tries == 1:
                        meet.wait()
                    one_more(tx, other)

            attempted(body)
        collisions.append(tries - 1)

    threads = [threading.Thread(target=add, args=names) for names in (("a", "b"), ("b", "a"))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    with open_store(direct) as opened, opened.read() as tx:
        assert (setting(tx, "a"), setting(tx, "b")) == ("2", "2")
    assert sorted(collisions) == [0, 1]


def one_more(tx: Tx, name: str) -> None:
    tx.connection.execute(
        text("UPDATE setting SET value = (CAST(value AS integer) + 1)::text WHERE key = :name"),
        {"name": name},
    )


def test_a_serialization_failure_is_a_collision(store: Store) -> None:
    with pytest.raises(Collided), store.read() as tx:
        tx.connection.execute(text("DO $$ BEGIN RAISE EXCEPTION 'x' USING ERRCODE = '40001'; END $$"))


def test_a_server_that_takes_no_writes_is_said_before_anything_is_tried(direct: str) -> None:
    with open_store(direct) as opened, opened.write() as tx:
        name = tx.connection.execute(text("SELECT current_database()")).scalar_one()
        tx.connection.execute(text(f'ALTER DATABASE "{name}" SET default_transaction_read_only = on'))
    with open_store(direct) as opened:
        assert not opened.writable
        with pytest.raises(NotPermitted, match="takes no writes"), opened.write():
            pass
        with opened.read() as tx:
            assert setting(tx, "count", "0") == "0"
