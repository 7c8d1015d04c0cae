"""A file is replaced whole: whoever reads it sees the old or the new one, and a link stays a link."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from planctl.errors import StoreFailure
from planctl.files.replaced_file import replace_file


def test_a_new_file_is_readable_by_its_owner_alone(tmp_path: Path) -> None:
    path = tmp_path / "plan.json"
    replace_file(path, "ä\n")
    assert path.read_bytes() == "ä\n".encode()
    assert path.stat().st_mode & 0o777 == 0o600


def test_a_file_that_is_there_is_replaced_and_keeps_its_mode(tmp_path: Path) -> None:
    path = tmp_path / "plan.json"
    path.write_text("old", encoding="utf-8")
    path.chmod(0o644)
    before = path.stat().st_ino
    replace_file(path, "new")
    assert path.read_text(encoding="utf-8") == "new"
    assert path.stat().st_mode & 0o777 == 0o644
    assert path.stat().st_ino != before
    assert os.listdir(tmp_path) == ["plan.json"]


def test_a_link_stays_a_link(tmp_path: Path) -> None:
    real = tmp_path / "real.json"
    real.write_text("old", encoding="utf-8")
    link = tmp_path / "link.json"
    link.symlink_to(real)
    replace_file(link, "new")
    assert link.is_symlink()
    assert real.read_text(encoding="utf-8") == "new"


def test_line_ends_are_written_as_they_are(tmp_path: Path) -> None:
    replace_file(tmp_path / "a.yaml", "a: 1\r\nb: 2")
    assert (tmp_path / "a.yaml").read_bytes() == b"a: 1\r\nb: 2"


def test_a_directory_that_is_not_there_is_an_error_that_names_the_file(tmp_path: Path) -> None:
    with pytest.raises(StoreFailure) as failed:
        replace_file(tmp_path / "nowhere" / "plan.json", "x")
    assert (failed.value.code, failed.value.got) == ("io", "No such file or directory")


def test_a_write_that_fails_leaves_the_old_file_and_nothing_beside_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "plan.json"
    path.write_text("old", encoding="utf-8")

    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(StoreFailure, match="cannot be written"):
        replace_file(path, "new")
    assert path.read_text(encoding="utf-8") == "old"
    assert os.listdir(tmp_path) == ["plan.json"]
