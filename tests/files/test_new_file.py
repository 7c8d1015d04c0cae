"""New files: private, whole, and never in place of another."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TextIO

import pytest

from planctl.errors import Refused, StoreFailure
from planctl.files.new_file import write_new_file


def test_a_new_file_is_private_and_its_directories_are_made(tmp_path: Path) -> None:
    write_new_file(tmp_path / "a" / "b.txt", "ü\n")
    assert (tmp_path / "a" / "b.txt").read_bytes() == "ü\n".encode()
    assert (tmp_path / "a" / "b.txt").stat().st_mode & 0o077 == 0


@pytest.mark.parametrize("there", ["file", "link", "dangling link"])
def test_what_is_there_stays(tmp_path: Path, there: str) -> None:
    path, target = tmp_path / "x", tmp_path / "target"
    if there == "file":
        path.write_text("mine", encoding="utf-8")
    else:
        if there == "link":
            target.write_text("mine", encoding="utf-8")
        path.symlink_to(target)
    with pytest.raises(Refused):
        write_new_file(path, "yours")
    assert not target.exists() or target.read_text(encoding="utf-8") == "mine"


def test_a_directory_that_is_a_file_is_a_failure(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("", encoding="utf-8")
    with pytest.raises(StoreFailure):
        write_new_file(tmp_path / "a" / "b", "x")


def test_nothing_is_left_of_a_file_that_the_disk_did_not_take(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(descriptor: int, *_: object, **__: object) -> TextIO:
        os.close(descriptor)
        return Path("/dev/full").open("w", encoding="utf-8")

    monkeypatch.setattr(os, "fdopen", full)
    with pytest.raises(StoreFailure, match="cannot be written"):
        write_new_file(tmp_path / "new.yaml", "plans: {}\n")
    assert list(tmp_path.iterdir()) == []
