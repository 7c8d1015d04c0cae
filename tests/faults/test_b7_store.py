"""Faults of databases, crashes, backups and migrations, each with the proof that planctl does not have it."""

from __future__ import annotations

import itertools
import json
import os
import random
import re
import resource
import shutil
import signal
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import psycopg
import pytest

from planctl.store import sqlite_file
from planctl.store.engine import open_store
from planctl.store.postgres_link import PostgresLink
from planctl.store.sqlite_link import SqliteLink
from tests import stores
from tests.faults.conftest import Desk, at_once, die, killed, start

pytestmark = pytest.mark.sqlite_only

ROOT = Path(__file__).parents[2]
PLANCTL = [sys.executable, "-m", "planctl"]

PLANS = """
currencies: {USD: }
features:
  minutes: {type: metered, unit: minute}
plans:
  flat: {price: {month: {USD: 10}}, due: 30 days}
  talk:
    price: {month: {USD: 20}}
    due: 90 days
    features: {minutes: {included: 10, beyond: {charge: usage, each: {USD: 1}}}}
"""

ADD = "customer add {} --currency USD --quiet"
FEBRUARY = "2026-02-01"


@pytest.fixture
def shop(desk: Desk) -> Desk:
    """A desk that sells, and nova, who pays 10.00 a month and got her first invoice."""
    desk.sell(PLANS)
    desk(ADD.format("nova"))
    desk("subscribe nova flat --yes --quiet")
    return desk


def program(desk: Desk, *words: str, **options: Any) -> subprocess.CompletedProcess[str]:
    """The program as a process of its own."""
    environment = {"PATH": os.environ["PATH"], "HOME": str(desk.directory), "PYTHONPATH": str(ROOT)}
    command = [*PLANCTL, "--store", str(desk.store), *words]
    return subprocess.run(
        command, capture_output=True, text=True, env=environment, cwd=desk.directory, **options
    )


def needs(name: str) -> str:
    """The path of a program; skip where there is none."""
    found = shutil.which(name)
    if found is None:
        pytest.skip(f"{name} is not installed")
    return found


def test_F119_every_statement_of_a_command_lies_in_one_transaction(
    shop: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was read lies outside the transaction that writes, and an update is lost. Source: CPython issue 54133."""
    said: list[str] = []
    connect = sqlite_file.connect

    def traced(path: Path, *, wait_seconds: int, writable: bool) -> sqlite3.Connection:
        connection = connect(path, wait_seconds=wait_seconds, writable=writable)
        connection.set_trace_callback(said.append)
        return connection

    monkeypatch.setattr(sqlite_file, "connect", traced)
    for line, begin, end in (
        ("plan list", "BEGIN DEFERRED", "ROLLBACK"),
        (ADD.format("vega"), "BEGIN IMMEDIATE", "COMMIT"),
        ("invoice list", "BEGIN DEFERRED", "ROLLBACK"),
        ("subscribe vega flat --yes --quiet --key once", "BEGIN", "COMMIT"),
        ("usage record nova minutes 3 --at 2026-01-01", "BEGIN IMMEDIATE", "COMMIT"),
    ):
        said.clear()
        shop(line)
        outside, inside = [], False
        statements = [one for one in said if not one.startswith(("PRAGMA", "--"))]
        for one in statements:
            inside = inside or one.startswith("BEGIN")
            outside += [] if inside else [one]
            inside = inside and not one.startswith(("COMMIT", "ROLLBACK"))
        assert outside == [], line
        assert statements[0].startswith(begin), line
        assert statements[-1] == end, line


def test_F120_a_writer_waits_as_long_as_it_was_told(shop: Desk) -> None:
    """A stale snapshot fails at once, whatever the timeout is. Source: SQLite, BUSY_SNAPSHOT; measured."""
    with closing(sqlite3.connect(shop.store, isolation_level=None, check_same_thread=False)) as reader:
        reader.execute("BEGIN")
        reader.execute("SELECT count(*) FROM customer").fetchall()
        leaves = threading.Timer(0.5, reader.rollback)
        leaves.start()
        assert shop.run(*f"--wait 30 {ADD.format('vega')}".split()).exit_code == 0
        leaves.join()


def test_F121_a_long_reader_makes_a_run_busy_and_nothing_else(shop: Desk) -> None:
    """A reader that stays blocks the writer, and the night's run fails. Source: SQLite, locking; measured 5.01 s."""
    with closing(sqlite3.connect(shop.store, isolation_level=None)) as reader:
        reader.execute("BEGIN")
        reader.execute("SELECT count(*) FROM customer").fetchall()
        busy = shop("--wait 1 invoice run", FEBRUARY, exit_code=75)
        assert "busy" in busy.stderr
        assert "corrupt" not in busy.stderr
    shop("invoice run", FEBRUARY)
    assert shop.totals("nova") == ["10.00", "10.00"]


def test_F123_a_full_disk_is_one_line_and_the_next_run_completes(shop: Desk) -> None:
    """On a full disk there is a traceback and half a run. Source: SQLite, SQLITE_FULL; measured on a small tmpfs."""
    size = shop.store.stat().st_size

    def full() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (size // 2, size // 2))

    ended = start(f"invoice run --as-of {FEBRUARY}", full).result()
    assert ended.exit_code == 74, ended
    assert "Traceback" not in ended.stderr
    assert "invoiced" not in ended.stdout
    assert shop.totals("nova") == ["10.00"]
    shop("invoice run", FEBRUARY)
    assert shop.totals("nova") == ["10.00", "10.00"]


def test_F124_a_journal_left_by_a_crash_undoes_what_was_half_written(shop: Desk) -> None:
    """A journal that is taken away from its file corrupts it. Source: SQLite, How To Corrupt, 1.3 and 1.4."""
    child = os.fork()
    if not child:
        raw = sqlite3.connect(shop.store, isolation_level=None)
        raw.execute("PRAGMA cache_size = 1")  # pages are written before the commit
        raw.execute("BEGIN IMMEDIATE")
        raw.execute("CREATE TABLE half (x TEXT)")
        raw.executemany("INSERT INTO half VALUES (?)", [("x" * 3_000,) for _ in range(200)])
        raw.execute("UPDATE customer SET name = 'half written'")
        os.kill(os.getpid(), signal.SIGKILL)
    os.waitpid(child, 0)
    journal = Path(f"{shop.store}-journal")
    assert journal.stat().st_size > 0
    alone = shop.directory / "alone.db"
    shutil.copyfile(shop.store, alone)
    alone.chmod(0o600)
    assert shop.json("customer show nova")["name"] != "half written"
    assert shop("doctor --quiet").stdout == ""
    verdict = shop.run("--store", str(alone), "doctor", "--quiet")
    assert verdict.exit_code in {1, 74}, "the file without its journal is not taken for whole"


def test_F125_nobody_but_sqlite_opens_the_file(shop: Desk, tmp_path: Path) -> None:
    """A program that opens and closes the file itself drops SQLite's locks. Source: SQLite, How To Corrupt, 2.2."""
    log = tmp_path / "calls.txt"
    words = ["--store", str(shop.store), "--as-of", "2026-01-02", *ADD.format("vega").split()]
    traced = subprocess.run(
        [needs("strace"), "-f", "-e", "trace=open,openat", "-o", str(log), *PLANCTL, *words],
        capture_output=True, text=True, env={"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    assert traced.returncode == 0, traced.stderr
    opened = re.findall(rf'open(?:at)?\(.*"{re.escape(str(shop.store))}"', log.read_text())
    assert len(opened) == 1, opened


def test_F127_a_link_leads_to_the_file_and_a_second_name_is_refused(shop: Desk) -> None:
    """Two names of one file mean two journals. Source: SQLite, How To Corrupt, 2.5."""
    link, name = shop.directory / "link.db", shop.directory / "second.db"
    link.symlink_to(shop.store)
    shop(f"--store {link} {ADD.format('vega')}")
    assert shop.json("store info")["path"] == str(shop.store)
    assert len(shop.json("customer list")) == 2
    os.link(shop.store, name)
    assert "store-hard-link" in shop.refused(f"--store {name} customer list")
    name.unlink()


def test_F128_a_backup_of_a_store_in_use_is_whole(shop: Desk) -> None:
    """A copy of a file that is written to is corrupt. Source: measured, 2 of 60 copies by cp."""
    lines = [f"usage record nova minutes 1 --id e{number} --at 2026-01-02 --wait 60" for number in range(12)]
    backups = [f"store backup backup{number}.db --wait 60" for number in range(4)]
    ended = at_once(*(f"{line} --as-of 2026-01-02" for line in (*lines, *backups)))
    assert [one for one in ended if one.exit_code] == []
    for number in range(4):
        shop(f"--store backup{number}.db doctor --quiet", "2026-01-02")


def test_F129_a_restored_store_is_the_one_that_was_backed_up(shop: Desk) -> None:
    """What is restored is never looked at, and something is missing. Source: Litestream@f6ba05f, @a590e05."""
    shop("store backup backup.db")
    tip = shop.json("audit verify")
    before = shop.invoices()
    shop("invoice run", FEBRUARY)
    stores.remove(shop.store)
    shop("store restore backup.db --yes")
    assert shop.invoices() == before
    assert shop("doctor --quiet").stdout == ""
    assert shop.json("audit verify")["hash"] == tip["hash"]
    shop("store restore backup.db --yes", exit_code=4)


def test_F131_a_commit_is_on_the_disk_before_it_is_said(shop: Desk, tmp_path: Path) -> None:
    """A power cut drops what nobody asked the disk to keep. Source: SQLite, How SQLite Is Tested, 3.3."""
    log = tmp_path / "calls.txt"
    words = ["--store", str(shop.store), "--as-of", "2026-01-02", *ADD.format("vega").split()]
    traced = subprocess.run(
        [needs("strace"), "-f", "-y", "-e", "trace=fsync,fdatasync,pwrite64,unlink,ftruncate", "-o", str(log),
         *PLANCTL, *words], capture_output=True, text=True,
        env={"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    assert traced.returncode == 0, traced.stderr
    calls = re.findall(r"(fsync|fdatasync|pwrite64|unlink)\((.*)", log.read_text())
    journal = [number for number, (_, what) in enumerate(calls) if f"{shop.store}-journal" in what]
    writes = [n for n, (call, what) in enumerate(calls) if call == "pwrite64" and f"{shop.store}>" in what]
    syncs = [n for n, (call, _) in enumerate(calls) if call in {"fsync", "fdatasync"}]
    ends = [n for n, (call, what) in enumerate(calls) if call == "unlink" and "-journal" in what]
    assert any(journal[0] < sync < writes[0] for sync in syncs), "the journal, before the file changes"
    assert any(writes[-1] < sync < ends[-1] for sync in syncs), "the file, before the journal goes"
    assert any(sync > ends[-1] for sync in syncs), "the folder, so that the journal stays gone"


def test_F132_a_flipped_bit_is_found_and_never_billed(shop: Desk) -> None:
    """A bit rots, and a wrong amount is served. Source: the certificate log Yeti 2022; TigerBeetle, storage faults."""
    good = shop.json("invoice show INV-2026-00001")
    content, chance = shop.store.read_bytes(), random.Random(132)
    bad = shop.directory / "bad.db"
    silent = []
    for _ in range(60):
        place, bit = chance.randrange(len(content)), 1 << chance.randrange(8)
        flipped = bytearray(content)
        flipped[place] ^= bit
        bad.write_bytes(flipped)
        bad.chmod(0o600)
        if shop.run("--store", str(bad), "doctor", "--quiet", "--as-of", "2026-01-02").exit_code == 0:
            shown = shop.run("--store", str(bad), "invoice", "show", "INV-2026-00001", "-f", "json",
                             "--as-of", "2026-01-02")  # fmt: skip
            silent += [] if shown.exit_code == 0 and shown.json == good else [(place, bit)]
    assert silent == []


def test_F133_an_upgrade_that_is_killed_leaves_the_old_or_the_new(tmp_path: Path) -> None:
    """A migration fails half-way, and every further try fails. Source: alembic#1553, Flask-Migrate#228."""
    from tests.store.test_migrate import of_schema

    for moment in ("before", "after"):
        path = tmp_path / f"{moment}.db"
        of_schema(path, 6)

        def armed(moment: str = moment) -> None:
            commit = SqliteLink.commit

            def dies(link: SqliteLink) -> None:
                if moment == "after":
                    commit(link)
                die()

            SqliteLink.commit = dies  # type: ignore[method-assign, assignment]

        killed(f"--store {path} store upgrade --wait 5", armed)
        with closing(sqlite3.connect(path)) as raw:
            assert raw.execute("PRAGMA user_version").fetchone()[0] in {6, 7}
            assert raw.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        assert start(f"--store {path} store upgrade").result().exit_code == 0
        with open_store(str(path)) as store, store.read():
            assert store.link.version == 7


def test_F135_what_was_billed_stays_billed_after_an_upgrade(shop: Desk) -> None:
    """New code bills old periods again. Source: Kill Bill@fa2128d447, @0ee73d679a, @8940a73be4 (#1254)."""
    shop("invoice run", FEBRUARY)
    before, invoices = shop.rows("SELECT * FROM invoice_line"), shop.invoices()
    shop("store upgrade", FEBRUARY)
    shop("invoice run", FEBRUARY)
    assert shop.rows("SELECT * FROM invoice_line") == before
    assert shop.invoices() == invoices
    shop("invoice run --dry-run", FEBRUARY)


def test_F136_a_store_of_a_newer_planctl_is_not_touched(shop: Desk) -> None:
    """An older program writes into a newer store. Source: planctl reliability rules, upgrades."""
    with closing(sqlite3.connect(shop.store)) as raw:
        raw.execute("PRAGMA user_version = 99")
    before = (shop.store.read_bytes(), shop.store.stat().st_mtime_ns)
    for line in ("customer list", ADD.format("vega"), "invoice run", "store upgrade", "store backup b.db"):
        assert "newer planctl" in shop.refused(line)
    assert (shop.store.read_bytes(), shop.store.stat().st_mtime_ns) == before
    with closing(sqlite3.connect(shop.store)) as raw:
        raw.execute("PRAGMA user_version = 7")


def test_F137_a_file_of_another_program_is_left_alone(shop: Desk) -> None:
    """Tables are made in another program's file. Source: SQLite, application_id; Litestream@62297c3."""
    other = shop.directory / "other.db"
    with closing(sqlite3.connect(other)) as raw:
        raw.execute("CREATE TABLE theirs (x)")
    before = other.read_bytes()
    for line in ("customer list", "invoice run", "catalog apply catalog.yaml --yes", "store upgrade"):
        assert "another program" in shop(f"--store {other} {line}", exit_code=3).stderr
    assert other.read_bytes() == before


@pytest.mark.postgres
def test_F139_a_server_that_ends_connections_leaves_no_half_run(desk: Desk, tmp_path: Path) -> None:
    """A crash, a failover or a 40001 in the middle leaves half a run. Source: PostgreSQL, error classes 40, 57."""
    place = stores.database(tmp_path / "server.db")

    def ended(line: str, at: str = "2026-01-01", prepare: Callable[[], object] = lambda: None) -> Any:
        result = start(f"--store {place} --as-of {at} {line}", prepare).result()
        assert result.exit_code == 0, result
        return result

    def cut_at_every_second_commit() -> None:
        commit, count = PostgresLink.commit, itertools.count()

        def cut(link: PostgresLink) -> None:
            if next(count) % 2 == 0:
                with psycopg.connect(stores.server(), autocommit=True) as admin:
                    pid = link._raw.info.backend_pid
                    admin.execute("SELECT pg_terminate_backend(%s, 5000)", [pid])
            commit(link)

        PostgresLink.commit = cut  # type: ignore[method-assign, assignment]

    desk.sell(PLANS)
    ended(f"catalog apply {desk.directory}/catalog.yaml --yes --quiet")
    for name in ("nova", "vega", "rosa"):
        ended(ADD.format(name))
        ended(f"subscribe {name} flat --yes --quiet")
    ended("invoice run --quiet", FEBRUARY, cut_at_every_second_commit)
    found = ended("invoice list -f json", FEBRUARY).json
    assert [one["number"] for one in found] == [f"INV-2026-{number:05}" for number in range(1, 7)]
    assert sorted((one["customer"], one["total"]) for one in found) == sorted(
        [("nova", "10.00"), ("vega", "10.00"), ("rosa", "10.00")] * 2
    )
    ended("doctor --quiet", FEBRUARY)


def test_F140_no_lock_outlives_its_transaction() -> None:
    """An advisory lock of the session stays behind a pooler or after a rollback. Source: PostgreSQL, locking."""
    source = [path.read_text(encoding="utf-8") for path in (ROOT / "planctl").rglob("*.py")]
    calls = {found for text in source for found in re.findall(r"\bpg_(?:try_)?advisory\w*", text)}
    assert calls == {"pg_advisory_xact_lock", "pg_advisory_xact_lock_shared"}


def test_F141_replacing_a_final_row_is_refused(shop: Desk) -> None:
    """`INSERT OR REPLACE` walks past a guard against deleting. Source: SQLite, recursive_triggers; measured."""
    for statement in (
        "INSERT OR REPLACE INTO audit SELECT seq, prev, hash, '{}' FROM audit WHERE seq = 1",
        "REPLACE INTO invoice SELECT * FROM invoice",
        "UPDATE OR REPLACE invoice SET total = 0",
    ):
        with (
            open_store(str(shop.store)) as store,
            pytest.raises(Exception, match=r"never|goes on"),
            store.write() as tx,
        ):
            list(tx.rows(statement))
    found = [
        path
        for path in (ROOT / "planctl").rglob("*.py")
        if re.search(r"\bOR REPLACE (?!FUNCTION)", path.read_text(encoding="utf-8"))
    ]
    assert found == []


@pytest.mark.parametrize("redirect", [">/dev/full", ">&-", "| true", "2>&- >/dev/full"])
def test_F143_what_was_committed_does_not_depend_on_who_reads_the_answer(shop: Desk, redirect: str) -> None:
    """A run is aborted by its own printing. Source: measured with Rich into head, /dev/full and a closed stdout."""
    command = f"{sys.executable} -m planctl --store {shop.store} --as-of {FEBRUARY} invoice run {redirect}"
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), "PYTHONIOENCODING": "ascii"}
    ended = subprocess.run(
        ["bash", "-o", "pipefail", "-c", command], capture_output=True, text=True, env=environment
    )
    assert ended.returncode != 0 or redirect == "| true"
    assert "Traceback" not in ended.stderr
    assert len(ended.stderr.splitlines()) <= 3
    assert shop.totals("nova") == ["10.00", "10.00"]


@pytest.mark.slow
def test_F144_a_large_import_needs_little_memory_and_few_files(shop: Desk) -> None:
    """A million rows end in a killed process. Source: planctl reliability rules, memory and handles."""
    shop("subscribe nova talk --yes --quiet")
    rows = (
        json.dumps({"id": f"e{number}", "customer": "nova", "event": "minutes", "at": "2026-01-02T00:00:00Z"})
        for number in range(20_000)
    )
    (shop.directory / "events.ndjson").write_text("\n".join(rows) + "\n")

    def poor() -> None:
        resource.setrlimit(resource.RLIMIT_AS, (512 << 20, 512 << 20))
        resource.setrlimit(resource.RLIMIT_NOFILE, (32, 32))

    words = ("--as-of", "2026-01-03", "usage", "import", "events.ndjson", "-f", "json")
    ended = program(shop, *words, preexec_fn=poor)
    assert ended.returncode == 0, ended.stderr
    assert json.loads(ended.stdout)["accepted"] == 20_000
