"""`planctl store upgrade`: on what is there, judged by every law before it counts, with the file from before kept."""

from __future__ import annotations

import os
import signal
import sqlite3
import stat
import subprocess
import sys
from collections import namedtuple
from pathlib import Path
from typing import Any

import pytest

from planctl.store.engine import open_store
from planctl.store.version import SCHEMA_VERSION
from tests import stores
from tests.cli.conftest import Run

pytestmark = pytest.mark.sqlite_only

BEFORE = SCHEMA_VERSION - 1

OLDER = """
DROP TRIGGER audit_object_no_update; DROP TRIGGER audit_object_no_delete; DROP TABLE audit_object;
DROP TRIGGER number_gap_no_update; DROP TRIGGER number_gap_no_delete; DROP TABLE number_gap;
ALTER TABLE store_identity DROP COLUMN generation; ALTER TABLE store_identity DROP COLUMN home;
ALTER TABLE store_identity DROP COLUMN adoption;
UPDATE alembic_version SET version_num = '0006'; PRAGMA user_version = 6;
"""
"""What takes migration 0007 back, so that there is a store of the release before it with a business in it."""


@pytest.fixture
def older(live: Run, tmp_path: Path) -> Run:
    """`live` as the release before stores had a home made it."""
    make_older(tmp_path / "store.db")
    return live


def make_older(path: Path) -> None:
    """Its audit is empty: entries of this release name rows of a table that was not there yet."""
    stores.edited(path, "DELETE FROM audit_object", "DELETE FROM audit")
    connection = sqlite3.connect(path)
    connection.executescript(OLDER)
    connection.close()


def test_an_older_store_is_refused_until_it_is_upgraded(older: Run) -> None:
    refused = older("invoice", "list", "-f", "json")
    assert (refused.exit_code, refused.error["code"]) == (4, "store-older")
    assert refused.error["hint"].startswith(
        "run planctl store upgrade"
    )  # it keeps a copy; backup is refused too
    done = older("store", "upgrade", "-f", "json")
    assert done.exit_code == 0, done.stderr
    assert (done.json["before"], done.json["after"], done.json["broken"]) == (BEFORE, SCHEMA_VERSION, [])
    assert older("doctor").exit_code == 0


def test_it_lives_where_it_is_upgraded_and_bills_on(older: Run) -> None:
    assert older("store", "upgrade").exit_code == 0
    here = older("store", "info", "-f", "json").json
    assert (here["home"], here["generation"]) == (here["here"], 1)
    assert older("--as-of", "2025-11-01", "invoice", "run", "-f", "json").json["invoices"] == [
        "INV-2025-00002"
    ]
    assert older("doctor").exit_code == 0


def test_its_entry_is_anchored_as_any_other(
    older: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PLANCTL_ANCHOR", f"file:{tmp_path / 'tips'}")
    assert older("store", "upgrade").exit_code == 0
    tip = older("audit", "verify", "-f", "json").json
    assert (tmp_path / "tips").read_text().split()[:2] == [str(tip["seq"]), tip["hash"]]
    assert older("store", "upgrade").exit_code == 0  # nothing to do, and nothing to keep
    assert len((tmp_path / "tips").read_text().splitlines()) == 1


def test_it_is_audited_with_its_reason(older: Run) -> None:
    assert older("store", "upgrade", "--reason", "new release").exit_code == 0
    said = older("audit", "log", "-f", "json").json[-1]
    assert (said["command"], said["reason"]) == ("store upgrade", "new release")
    assert older("audit", "verify").exit_code == 0


def test_the_file_from_before_is_kept_beside_it_and_can_be_put_back(older: Run, tmp_path: Path) -> None:
    before = (tmp_path / "store.db").read_bytes()
    done = older("store", "upgrade")
    kept = tmp_path / f"store.db.before-schema-{BEFORE}"
    assert f"the store as it was: {kept}" in done.stdout
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600
    assert rows(kept) == rows_of(before, tmp_path)
    (tmp_path / "store.db").unlink()
    assert older("store", "restore", kept, "--yes", "-f", "json").json["schema"] == {
        "before": BEFORE,
        "after": SCHEMA_VERSION,
    }
    ran = older("--as-of", "2025-11-01", "invoice", "run", "-f", "json")
    assert ran.error["code"] == "store-not-adopted", (
        "what was restored lives nowhere, of whichever schema it was"
    )
    assert older("doctor").exit_code == 0


def rows(path: Path) -> list[str]:
    connection = sqlite3.connect(path)
    found = list(connection.iterdump())
    connection.close()
    return found


def rows_of(content: bytes, folder: Path) -> list[str]:
    (folder / "as-it-was.db").write_bytes(content)
    return rows(folder / "as-it-was.db")


def test_a_store_that_breaks_a_law_stays_as_it_is_unless_that_is_accepted(older: Run, tmp_path: Path) -> None:
    store = tmp_path / "store.db"
    stores.edited(store, "UPDATE number_series SET next = 9")
    before = store.read_bytes()
    refused = older("store", "upgrade", "-f", "json")
    assert (refused.exit_code, refused.error["code"]) == (4, "upgrade-laws")
    assert "numbers-consecutive (1)" in refused.error["got"]
    assert store.read_bytes() == before
    assert older("store", "upgrade", "--keep-broken", "-f", "json").error["code"] == "needs-reason"
    taken = older("store", "upgrade", "--keep-broken", "--reason", "known", "-f", "json")
    assert (taken.exit_code, taken.json["broken"]) == (0, ["numbers-consecutive"])
    assert older("audit", "log", "-f", "json").json[-1]["arguments"]["broken"] == ["numbers-consecutive"]


def test_without_room_for_a_copy_it_does_not_begin(
    older: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = tmp_path / "store.db"
    before, size = store.read_bytes(), store.stat().st_size
    disk = namedtuple("disk", "f_bavail f_frsize")
    monkeypatch.setattr(os, "statvfs", lambda _: disk(size // 4096 + 1, 4096))
    refused = older("store", "upgrade", "-f", "json")
    assert (refused.exit_code, refused.error["code"]) == (74, "disk")
    assert refused.error["expected"] == f"{2 * size + 1_048_576:,} bytes"
    assert [one.name for one in tmp_path.iterdir()] == ["store.db"]
    assert store.read_bytes() == before


def test_a_copy_from_before_that_an_earlier_try_left_is_replaced(older: Run, tmp_path: Path) -> None:
    for name in (f"store.db.before-schema-{BEFORE}", f"store.db.before-schema-{BEFORE}.tmp"):
        (tmp_path / name).write_bytes(b"half of a copy")
    assert older("store", "upgrade").exit_code == 0
    assert len(rows(tmp_path / f"store.db.before-schema-{BEFORE}")) > 100
    assert not list(tmp_path.glob("*.tmp*"))


def test_what_runs_meanwhile_sees_the_new_schema_and_comes_again(older: Run, tmp_path: Path) -> None:
    assert older("store", "upgrade").exit_code == 0
    with open_store(str(tmp_path / "store.db")) as before:
        connection = sqlite3.connect(tmp_path / "store.db")
        connection.execute(f"PRAGMA user_version = {SCHEMA_VERSION + 1}")
        connection.close()
        for begin in (before.read, before.write, before.share):
            with pytest.raises(Exception, match="upgraded while") as caught, begin():
                pytest.fail("it went on")
            error: Any = caught.value
            assert (error.code, error.exit_code) == ("store-upgraded", 75)


def test_a_newer_store_is_not_touched(live: Run, tmp_path: Path) -> None:
    store = tmp_path / "store.db"
    with sqlite3.connect(store) as connection:
        connection.execute(f"PRAGMA user_version = {SCHEMA_VERSION + 1}")
    connection.close()
    before = (store.read_bytes(), store.stat().st_mtime_ns)
    for words in (
        ("invoice", "run"),
        ("store", "upgrade"),
        ("doctor",),
        ("customer", "add", "rosa", "--currency", "USD"),
    ):
        refused = live(*words, "-f", "json")
        assert (refused.exit_code, refused.error["code"]) == (4, "store-newer"), words
    assert (store.read_bytes(), store.stat().st_mtime_ns) == before
    assert [one.name for one in tmp_path.iterdir()] == ["store.db"]


# --- killed

KILLED = """
import os, signal, sys
from importlib import import_module
from planctl.__main__ import main

module, name = sys.argv[1].rsplit(".", 1)
holder = import_module(module)
before = getattr(holder, name)

def dies(*given, **named):
    done = before(*given, **named)
    os.kill(os.getpid(), signal.SIGKILL)
    return done

setattr(holder, name, dies)
sys.exit(main(sys.argv[2:]))
"""


def killed_after(point: str, *words: str) -> None:
    """A process that runs the command and is killed when that function has done its work."""
    done = subprocess.run([sys.executable, "-c", KILLED, point, *words], capture_output=True, check=False)
    assert done.returncode == -signal.SIGKILL, done.stderr


@pytest.mark.parametrize(
    "point",
    [
        "planctl.store.maintenance.copy_pages",
        "planctl.store.maintenance.keep_from_before",
        "planctl.store.migrate.run_migrations",
        "planctl.store.upgrading.settle_in",
        "planctl.workflows.maintain_store.examine",
        "planctl.store.audit.append",
    ],
)
def test_an_upgrade_that_is_killed_leaves_the_older_store_whole(
    older: Run, tmp_path: Path, point: str
) -> None:
    """Source: planctl reliability, F133."""
    store = tmp_path / "store.db"
    before = rows(store)
    killed_after(point, "--store", str(store), "store", "upgrade")
    connection = sqlite3.connect(store)
    assert connection.execute("PRAGMA user_version").fetchone() == (BEFORE,)
    assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    connection.close()
    assert rows(store) == before
    assert older("store", "upgrade", "-f", "json").json["after"] == SCHEMA_VERSION
    assert older("doctor").exit_code == 0
    assert not list(tmp_path.glob("*.tmp*"))


@pytest.mark.parametrize(
    "point",
    [
        "planctl.store.restoring.copy_pages",
        "planctl.store.restoring.put_home",
        "planctl.workflows.maintain_store.examine",
        "os.fsync",
    ],
)
def test_a_restore_that_is_killed_leaves_nothing_under_the_name(
    live: Run, tmp_path: Path, point: str
) -> None:
    assert live("store", "backup", tmp_path / "backup.db").exit_code == 0
    store = tmp_path / "store.db"
    store.unlink()
    killed_after(point, "--store", str(store), "store", "restore", str(tmp_path / "backup.db"), "--yes")
    assert not store.exists()
    assert live("store", "restore", tmp_path / "backup.db", "--yes").exit_code == 0
    assert live("doctor").exit_code == 0
    assert not list(tmp_path.glob("*.tmp*"))
