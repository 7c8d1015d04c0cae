"""`planctl store restore`: a backup put where no store is, whole or not at all; and the drill from bill to bill."""

from __future__ import annotations

import os
import resource
import shutil
import sqlite3
import stat
from collections import namedtuple
from pathlib import Path
from typing import Any

import pytest

from tests import stores
from tests.cli.conftest import Run
from tests.cli.test_process import at_a_terminal

pytestmark = pytest.mark.sqlite_only

NEXT = ("--as-of", "2025-11-01")

NO_ROOM = "free some space there, or name another place; nothing was restored, and the backup is as it was"


@pytest.fixture
def backup(live: Run, tmp_path: Path) -> Path:
    """A backup of `live`, whose store is lost."""
    target = tmp_path / "backup.db"
    assert live("store", "backup", target).exit_code == 0
    (tmp_path / "store.db").unlink()
    return target


def billed(run: Run) -> list[dict[str, Any]]:
    """What the store has of invoices, but for the names that are new each time."""
    return [
        {name: value for name, value in one.items() if name != "id"}
        for one in run("invoice", "list", "-f", "json").json
    ]


def test_what_was_lost_is_billed_again_as_if_it_had_never_been(live: Run, tmp_path: Path) -> None:
    """The drill: bill, back up, bill on, lose the store, restore, look, adopt, bill again."""
    assert live(*NEXT, "invoice", "run").exit_code == 0
    made = live("store", "backup", tmp_path / "backup.db", "-f", "json").json
    assert live("--as-of", "2025-12-01", "invoice", "run").exit_code == 0
    before = billed(live)
    shutil.rmtree(tmp_path / "lost", ignore_errors=True)
    (tmp_path / "store.db").rename(tmp_path / "damaged.db")

    restored = live("store", "restore", tmp_path / "backup.db", "--yes", "-f", "json")
    assert restored.exit_code == 0, restored.stderr
    assert restored.json["audit"] == made["audit"]
    assert live("doctor").exit_code == 0
    assert live("--as-of", "2025-12-01", "invoice", "run").exit_code == 4
    assert len(billed(live)) == len(before) - 1
    assert live("store", "adopt", "--reason", "the disk failed", "--yes").exit_code == 0
    assert live("--as-of", "2025-12-01", "invoice", "run").exit_code == 0
    assert billed(live) == before
    assert [one["number"] for one in before] == ["INV-2025-00001", "INV-2025-00002", "INV-2025-00003"]
    assert live("doctor").exit_code == 0


def test_it_says_what_it_is_and_that_it_bills_nobody_yet(live: Run, backup: Path, tmp_path: Path) -> None:
    done = live("store", "restore", backup, "--yes")
    first, laws, tip = done.stdout.splitlines()
    assert first.startswith(f"{tmp_path / 'store.db'}: ")
    assert first.endswith(f"restored from {backup}")
    assert laws.endswith("laws: all hold")
    assert tip.startswith("audit tip 4 ")
    assert done.stderr.splitlines()[-1] == (
        "it bills nobody yet: planctl store adopt --reason TEXT, once nothing else does"
    )
    assert f"undo with: rm {tmp_path / 'store.db'}" in done.stderr
    assert stat.S_IMODE((tmp_path / "store.db").stat().st_mode) == 0o600


def test_the_backup_itself_stays_as_it_is_and_bills_nobody(live: Run, backup: Path) -> None:
    before = (backup.read_bytes(), backup.stat().st_mtime_ns)
    assert live("store", "restore", backup, "--yes").exit_code == 0
    ran = live("--store", backup, *NEXT, "invoice", "run", "-f", "json")
    assert (ran.exit_code, ran.error["code"]) == (4, "store-not-adopted")
    assert (backup.read_bytes(), backup.stat().st_mtime_ns) == before


def test_a_backup_that_is_put_back_by_hand_bills_nobody_either(
    live: Run, backup: Path, tmp_path: Path
) -> None:
    backup.rename(tmp_path / "store.db")
    assert live(*NEXT, "invoice", "run", "-f", "json").error["code"] == "store-not-adopted"


def test_another_place_may_be_named_by_path_or_by_name(live: Run, backup: Path, tmp_path: Path) -> None:
    assert live("store", "restore", backup, tmp_path / "deep" / "new.db", "--yes").exit_code == 0
    assert stat.S_IMODE((tmp_path / "deep").stat().st_mode) == 0o700
    (tmp_path / "planctl.toml").write_text('[stores]\nspare = "spare.db"\n', encoding="utf-8")
    done = live("store", "restore", backup, "spare", "--yes", "-f", "json")
    assert done.json["path"] == str(tmp_path / "spare.db")
    twice = live("--store", "spare", "store", "restore", backup, "other.db", "--yes", "-f", "json")
    assert (twice.exit_code, twice.error["where"]) == (64, "--store")


def test_a_test_store_needs_no_adopting(shop: Run, tmp_path: Path) -> None:
    assert shop("store", "backup", tmp_path / "backup.db").exit_code == 0
    assert "bills nobody" not in shop("store", "restore", tmp_path / "backup.db", "new.db", "--yes").stderr
    ran = shop("--store", "new.db", "--as-of", "2026-02-01", "invoice", "run")
    assert ran.exit_code == 0


# --- what stops it


@pytest.mark.parametrize("left", ["store.db", "store.db-journal", "store.db-wal", "store.db-shm"])
@pytest.mark.parametrize("dry_run", [[], ["--dry-run"]])
def test_nothing_is_overwritten_nor_mixed_with_what_is_left_of_another(
    live: Run, backup: Path, tmp_path: Path, left: str, dry_run: list[str]
) -> None:
    (tmp_path / left).write_bytes(b"precious")
    refused = live("store", "restore", backup, "--yes", "-f", "json", *dry_run)
    assert (refused.exit_code, refused.error["code"]) == (4, "restore-exists")
    assert refused.error["where"] == str(tmp_path / left)
    assert (tmp_path / left).read_bytes() == b"precious"


def test_a_link_that_leads_nowhere_is_no_free_place(live: Run, backup: Path, tmp_path: Path) -> None:
    (tmp_path / "store.db").symlink_to(tmp_path / "elsewhere.db")
    assert live("store", "restore", backup, "--yes", "-f", "json").error["code"] == "restore-exists"
    assert not (tmp_path / "elsewhere.db").exists()


def test_a_person_is_asked_and_may_say_no(live: Run, backup: Path, tmp_path: Path) -> None:
    code, screen = at_a_terminal("n\n", "store", "restore", str(backup), directory=tmp_path)
    assert (code, "Restore it?" in screen) == (4, True)
    assert live("store", "restore", backup, "-f", "json").error["code"] == "needs-yes"
    assert not (tmp_path / "store.db").exists()


def test_a_dry_run_restores_nothing(live: Run, backup: Path, tmp_path: Path) -> None:
    done = live("store", "restore", backup, "--dry-run")
    assert (done.exit_code, done.stderr.splitlines()) == (
        0,
        [f"{backup} will be put at {tmp_path / 'store.db'}", "nothing was written (dry run)"],
    )
    assert not (tmp_path / "store.db").exists()


@pytest.mark.parametrize("option", ["--key", "--reason"])
def test_what_would_be_kept_with_a_write_is_refused(live: Run, backup: Path, option: str) -> None:
    done = live("store", "restore", backup, option, "k", "--yes", "-f", "json")
    assert (done.exit_code, done.error["where"]) == (64, option)


def test_a_server_is_not_restored_but_copied_into(live: Run, backup: Path) -> None:
    done = live("store", "restore", backup, "postgresql://books.example/books", "--yes", "-f", "json")
    assert (done.exit_code, done.error["code"]) == (4, "backup-by-server")
    assert done.error["hint"] == (
        f"into an empty database: planctl store copy {backup} postgresql://books.example/books;"
        " what pg_dump made: pg_restore --exit-on-error --create"
    )


def test_a_full_disk_names_the_place_and_not_the_backup_and_leaves_nothing(
    live: Run, backup: Path, tmp_path: Path
) -> None:
    """A file that may not grow is a full disk that needs no root."""
    left = sorted(tmp_path.rglob("*"))
    _, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (backup.stat().st_size // 2, hard))
    try:
        full = live("store", "restore", backup, "new/deep/books.db", "--yes", "-f", "json")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))
    assert (full.exit_code, full.error["code"]) == (74, "disk")
    assert full.error["where"] == str(tmp_path / "new" / "deep" / "books.db")
    assert full.error["message"] == "the store cannot be written: no space left, or the disk failed"
    assert full.error["hint"] == NO_ROOM
    assert sorted(tmp_path.rglob("*")) == left


def test_where_there_is_no_room_it_does_not_begin(
    live: Run, backup: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    left, size = sorted(tmp_path.rglob("*")), backup.stat().st_size
    disk = namedtuple("disk", "f_bavail f_frsize")
    monkeypatch.setattr(os, "statvfs", lambda _: disk(size // 4096 + 1, 4096))
    full = live("store", "restore", backup, "new/books.db", "--yes", "-f", "json")
    assert (full.exit_code, full.error["code"]) == (74, "disk")
    assert full.error["where"] == str(tmp_path / "new" / "books.db")
    assert (full.error["expected"], full.error["got"], full.error["hint"]) == (
        f"{size + 1_048_576:,} bytes",
        f"{(size // 4096 + 1) * 4096:,} bytes",
        NO_ROOM,
    )
    assert sorted(tmp_path.rglob("*")) == left


@pytest.mark.parametrize(
    ("content", "code"), [(None, "no-store"), (b"", "no-store"), (b"hello\n" * 900, "not-a-store")]
)
def test_what_is_no_backup_is_refused(
    live: Run, backup: Path, tmp_path: Path, content: bytes | None, code: str
) -> None:
    backup.unlink()
    if content is not None:
        backup.write_bytes(content)
    refused = live("store", "restore", backup, "--yes", "-f", "json")
    assert (refused.exit_code in {3, 74}, refused.error["code"]) == (True, code)
    assert refused.error["hint"] == "name a file that planctl store backup made"
    assert [one.name for one in tmp_path.iterdir() if one.name.startswith("store.db")] == []


def test_a_damaged_backup_leaves_nothing_behind(live: Run, backup: Path, tmp_path: Path) -> None:
    whole = bytearray(backup.read_bytes())
    whole[4096 * 5 : 4096 * 40] = b"\xa5" * (4096 * 35)
    backup.write_bytes(whole)
    refused = live("store", "restore", backup, "--yes", "-f", "json")
    assert refused.exit_code == 74
    assert refused.error["code"] in {"backup-damaged", "damaged"}
    assert {one.name for one in tmp_path.iterdir()} == {"backup.db"}


def test_a_backup_of_a_newer_planctl_is_refused_and_stays(live: Run, backup: Path) -> None:
    with sqlite3.connect(backup) as connection:
        connection.execute("PRAGMA user_version = 999")
    connection.close()
    before = (backup.read_bytes(), backup.stat().st_mtime_ns)
    refused = live("store", "restore", backup, "--yes", "-f", "json")
    assert (refused.exit_code, refused.error["code"]) == (4, "store-newer")
    assert (backup.read_bytes(), backup.stat().st_mtime_ns) == before


def test_a_backup_that_breaks_a_law_is_taken_only_where_that_is_said(
    live: Run, backup: Path, tmp_path: Path
) -> None:
    stores.edited(backup, "UPDATE number_series SET next = 9")
    refused = live("store", "restore", backup, "--yes", "-f", "json")
    assert (refused.exit_code, refused.error["code"]) == (4, "restore-laws")
    assert refused.error["where"] == str(backup)
    assert "numbers-consecutive (1)" in refused.error["got"]
    assert not (tmp_path / "store.db").exists()
    taken = live("store", "restore", backup, "--yes", "--keep-broken", "-f", "json")
    assert (taken.exit_code, "numbers-consecutive" in taken.json["broken"]) == (0, True)
