"""Tips of the audit in places that only grow: a file, the journal, the system's log, a git note, and back."""

from __future__ import annotations

import os
import shutil
import socket
import stat
import subprocess
from pathlib import Path

import pytest

from planctl.core.audit import Anchor, Tip
from planctl.errors import InvalidInput, Refused, StoreFailure
from planctl.files import anchors
from planctl.files.anchors import Place, keep, last_anchor

AA, BB = "a" * 64, "b" * 64
FIRST = Anchor(Tip(1, AA), "store_1", 1, "2026-01-01T00:00:00Z")
SECOND = Anchor(Tip(2, BB), "store_1", 1, "2026-01-02T00:00:00Z")


@pytest.mark.parametrize(
    ("said", "kind", "path"),
    [
        ("file:/var/anchors", "file", "/var/anchors"),
        ("anchors", "file", "anchors"),
        ("journal", "journal", ""),
        ("syslog", "syslog", ""),
        ("git", "git", "."),
        ("git:/srv/catalog", "git", "/srv/catalog"),
    ],
)
def test_a_place_is_told_by_its_kind(said: str, kind: str, path: str) -> None:
    assert Place.of(said, "--to") == Place(kind, path)


@pytest.mark.parametrize("said", ["", "ftp:there", "file:", "git:", "journal:x"])
def test_any_other_place_is_refused(said: str) -> None:
    with pytest.raises(InvalidInput, match="no place") as caught:
        Place.of(said, "PLANCTL_ANCHOR")
    assert caught.value.where == "PLANCTL_ANCHOR"


def test_a_file_grows_by_a_line_for_each_tip_and_is_its_owners_alone(tmp_path: Path) -> None:
    place = Place("file", str(tmp_path / "anchors"))
    keep(place, FIRST)
    keep(place, SECOND)
    assert (tmp_path / "anchors").read_text() == (
        f"1 {AA} store_1#1 2026-01-01T00:00:00Z\n2 {BB} store_1#1 2026-01-02T00:00:00Z\n"
    )
    assert stat.S_IMODE((tmp_path / "anchors").stat().st_mode) == 0o600
    assert [*anchors.anchors(place)] == [FIRST, SECOND]


def test_a_line_that_was_torn_by_a_crash_does_not_swallow_the_next(tmp_path: Path) -> None:
    file = tmp_path / "anchors"
    file.write_text(f"1 {AA[:20]}")
    keep(Place("file", str(file)), SECOND)
    assert [*anchors.anchors(Place("file", str(file)))] == [SECOND]


def test_a_link_or_anything_else_that_is_no_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "real").touch()
    (tmp_path / "link").symlink_to(tmp_path / "real")
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(Refused) as link:
        keep(Place("file", str(tmp_path / "link")), FIRST)
    assert link.value.got == "a link"
    with pytest.raises(Refused) as pipe:
        keep(Place("file", str(tmp_path / "pipe")), FIRST)
    assert pipe.value.got == "something else"
    assert (tmp_path / "real").read_text() == ""


def test_a_place_that_does_not_take_it_says_why(tmp_path: Path) -> None:
    with pytest.raises(StoreFailure) as caught:
        keep(Place("file", str(tmp_path / "none" / "anchors")), FIRST)
    assert (caught.value.code, caught.value.got) == ("anchor-failed", "No such file or directory")


def test_lines_of_a_system_log_are_found_and_others_passed_over(tmp_path: Path) -> None:
    """A line as rsyslog writes it, with its own head; and one that only looks like a tip."""
    (tmp_path / "auth.log").write_text(
        "Jan  1 00:00:00 db sshd[7]: opened\n"
        f"Jan  1 00:00:01 db planctl-audit[812]: {FIRST.line}\n"
        f"Jan  1 00:00:02 db other: 3 {BB}\n"
        f"4 {AA[:63]}\n"
    )
    assert [*anchors.anchors(Place("file", str(tmp_path / "auth.log")))] == [FIRST]


def test_the_last_tip_of_a_store_is_the_highest_of_its_newest_generation(tmp_path: Path) -> None:
    file = tmp_path / "anchors"
    other, adopted = Anchor(Tip(9, AA), "store_2", 1, "x"), Anchor(Tip(3, AA), "store_1", 2, "x")
    file.write_text("".join(f"{one.line}\n" for one in (SECOND, FIRST, other, adopted)))
    place = Place("file", str(file))
    assert last_anchor(place, "store_1", 1) == adopted  # so a store of the first is an older copy
    assert last_anchor(place, "store_1", 3) is None
    file.write_text("".join(f"{one.line}\n" for one in (SECOND, FIRST, other)))
    assert last_anchor(place, "store_1", 1) == SECOND
    file.write_text("".join(f"{one.line}\n" for one in (adopted, SECOND)))
    assert last_anchor(place, "store_1", 2) == adopted
    assert last_anchor(place, "store_1", 2, "adoption_x") == adopted  # it does not say by which
    assert last_anchor(place, "store_3", 1) is None
    assert last_anchor(Place("file", str(tmp_path / "none")), "store_1", 1) is None


def test_the_last_tip_is_not_that_of_another_adoption_of_the_same_backup(tmp_path: Path) -> None:
    mine = Anchor(Tip(6, AA), "store_1", 2, "x", "adoption_x")
    other = Anchor(Tip(9, BB), "store_1", 2, "x", "adoption_y")
    (tmp_path / "anchors").write_text(f"{mine.line}\n{other.line}\n")
    place = Place("file", str(tmp_path / "anchors"))
    assert last_anchor(place, "store_1", 2, "adoption_x") == mine
    assert last_anchor(place, "store_1", 2, "adoption_y") == other
    assert last_anchor(place, "store_1", 2, "adoption_z") is None


def test_the_journal_is_told_in_its_own_protocol(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)  # the path of a socket is short
    monkeypatch.setattr(anchors, "JOURNAL", Path("socket"))
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as journal:
        journal.bind("socket")
        keep(Place("journal"), FIRST)
        said = journal.recv(4_096).decode()
    assert said == (
        f"MESSAGE={FIRST.line}\nSYSLOG_IDENTIFIER=planctl-audit\nPRIORITY=5\n"
        "PLANCTL_STORE=store_1\nPLANCTL_AUDIT_SEQ=1\n"
    )


def test_without_a_journal_or_a_log_that_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(anchors, "JOURNAL", tmp_path / "none")
    monkeypatch.setattr(anchors, "LOG", tmp_path / "none")
    for kind in ("journal", "syslog"):
        with pytest.raises(StoreFailure) as caught:
            keep(Place(kind), FIRST)
        assert caught.value.where == kind


def test_the_journal_is_read_back_by_its_own_program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = tmp_path / "journalctl"
    program.write_text(f'#!/bin/sh\necho "$@" > {tmp_path}/asked\necho "{FIRST.line}"\necho noise\n')
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    assert [*anchors.anchors(Place("journal"))] == [FIRST]
    assert (tmp_path / "asked").read_text().split()[-1] == "--identifier=planctl-audit"


@pytest.mark.skipif(shutil.which("git") is None, reason="git is not installed")
def test_a_git_note_on_the_head_takes_every_tip(tmp_path: Path) -> None:
    git = ["git", "-C", str(tmp_path), "-c", "user.name=a", "-c", "user.email=a@example.com"]
    subprocess.run([*git, "init", "-q"], check=True)
    place = Place("git", str(tmp_path))
    with pytest.raises(StoreFailure) as caught:
        keep(place, FIRST)  # no commit yet
    assert caught.value.where == f"git:{tmp_path}"
    for anchor in (FIRST, SECOND):
        subprocess.run([*git, "commit", "-q", "--allow-empty", "-m", "x"], check=True)
        keep(place, anchor)
    keep(place, SECOND)
    assert sorted(one.tip.seq for one in anchors.anchors(place)) == [1, 2, 2]


@pytest.mark.parametrize(
    ("anchor", "line"),
    [
        (FIRST, f"1 {AA} store_1#1 2026-01-01T00:00:00Z"),
        (Anchor(Tip(7, BB), "store_1", 2, "x", "adoption_9"), f"7 {BB} store_1#2/adoption_9 x"),
    ],
)
def test_a_line_says_the_store_its_generation_and_which_adoption_that_was(anchor: Anchor, line: str) -> None:
    assert anchor.line == line
    assert Anchor.of_line(line) == anchor


@pytest.mark.parametrize(
    "line", ["", "1", f"x {AA}", f"1 {AA[:63]}", f"1 {AA} store_1", f"\u0661 {AA}", f"1 {AA.upper()}"]
)
def test_what_is_no_tip_is_none(line: str) -> None:
    assert Anchor.of_line(line) is None
