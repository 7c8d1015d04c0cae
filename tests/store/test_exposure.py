"""Who can reach a SQLite file besides its owner: modes, folders, links, network file systems."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from planctl.core.access import Holder, Role
from planctl.store import exposure
from planctl.store.exposure import exposed, filesystem, holders, places

pytestmark = pytest.mark.sqlite_only


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A file in a folder of its own, both for their owner alone."""
    folder = tmp_path / "own"
    folder.mkdir(mode=0o700)
    path = folder / "books.db"
    path.touch(mode=0o600)
    return path


def said(file: Path) -> str:
    return "\n".join(exposed(file))


def test_a_file_for_its_owner_alone_is_fine(file: Path) -> None:
    assert exposed(file) == []


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620, 0o666])
def test_a_wider_mode_is_said(file: Path, mode: int) -> None:
    file.chmod(mode)
    assert f"{file} has mode {mode:04o}, expected 0600: others may read it (chmod 600)" in said(file)


@pytest.mark.parametrize("suffix", ["-journal", "-wal", "-shm"])
def test_what_lies_beside_it_while_it_is_written_counts_as_the_file(file: Path, suffix: str) -> None:
    beside = Path(f"{file}{suffix}")
    beside.touch(mode=0o600)
    assert exposed(file) == []
    beside.chmod(0o644)
    assert f"{beside} has mode 0644" in said(file)
    beside.unlink()
    beside.symlink_to("/elsewhere")
    assert f"{beside} is a symbolic link" in said(file)


@pytest.mark.parametrize("mode", [0o770, 0o707, 0o777])
def test_a_folder_that_others_may_write_is_said(file: Path, mode: int) -> None:
    file.parent.chmod(mode)
    assert f"{file.parent} may be written by others, who could replace the store" in said(file)


def test_a_folder_above_it_counts_too(file: Path) -> None:
    file.parent.parent.chmod(0o777)
    assert f"{file.parent.parent} may be written by others" in said(file)
    file.parent.parent.chmod(0o1777)  # as /tmp: nobody takes away what is not his
    assert exposed(file) == []


def test_files_and_folders_of_other_users_are_said(file: Path) -> None:
    if os.geteuid() != 0:
        pytest.skip("only root can give files away")
    os.chown(file.parent.parent, 4242, -1)
    assert f"{file.parent.parent} belongs to another user" in said(file)


def test_the_longest_mount_point_says_what_a_path_lies_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mounts = tmp_path / "mounts"
    mounts.write_text(
        "/dev/sda1 / ext4 rw 0 0\nserver:/books /srv/books nfs4 rw 0 0\n"
        "tmpfs /srv/books/fast tmpfs rw 0 0\n//server/my\\040share /srv/my\\040share cifs rw 0 0\nbroken\n",
        encoding="utf-8",
    )
    monkeypatch.setattr(exposure, "MOUNTS", mounts)
    assert filesystem(Path("/srv/books.db")) == "ext4"
    assert filesystem(Path("/srv/books/a/books.db")) == "nfs4"
    assert filesystem(Path("/srv/books/fast/books.db")) == "tmpfs"
    assert filesystem(Path("/srv/my share/books.db")) == "cifs"
    monkeypatch.setattr(exposure, "MOUNTS", tmp_path / "none")
    assert filesystem(Path("/srv/books.db")) == ""


@pytest.mark.parametrize("kind", ["nfs", "nfs4", "cifs", "9p", "fuse.sshfs"])
def test_a_network_file_system_is_said(
    file: Path, kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mounts = tmp_path / "mounts"
    mounts.write_text(f"host:/x {file.parent} {kind} rw 0 0\n", encoding="utf-8")
    monkeypatch.setattr(exposure, "MOUNTS", mounts)
    assert f"{file} lies on a network file system ({kind}), whose locks do not hold" in said(file)


def test_places_are_the_file_and_its_folder(file: Path) -> None:
    assert [(one.path, one.mode) for one in places(file)] == [(str(file), 0o600), (str(file.parent), 0o700)]


def test_who_reads_the_file_looks_and_who_may_replace_it_owns_it(file: Path) -> None:
    if os.geteuid() != 0:
        pytest.skip("only root can give files away")
    root = Holder("user root", Role.OWNER, "the system")
    assert holders(file) == (root,)
    os.chown(file, 4242, 4343)
    os.chown(file.parent, 4242, 4343)
    assert holders(file) == (root, Holder("user 4242", Role.OWNER, "mode 0600"))
    file.chmod(0o640)
    assert Holder("group 4343", Role.VIEWER, "mode 0640") not in holders(
        file
    )  # the folder does not let it in
    file.parent.chmod(0o750)
    assert Holder("group 4343", Role.VIEWER, "mode 0640") in holders(file)
    file.parent.chmod(0o770)
    assert Holder("group 4343", Role.OWNER, "mode 0640") in holders(file)
    file.parent.chmod(0o1770)
    assert Holder("group 4343", Role.VIEWER, "mode 0640") in holders(file)
