"""A JSON file of ours replaces an older one of its kind, and nothing else."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from planctl.errors import Refused, StoreFailure
from planctl.files.json_writer import write_json


def test_a_document_is_one_value_a_line(tmp_path: Path) -> None:
    write_json(tmp_path / "a.json", {"format": "f/1", "a": ["ü", None]})
    text = '{\n "format": "f/1",\n "a": [\n  "ü",\n  null\n ]\n}\n'
    assert (tmp_path / "a.json").read_text(encoding="utf-8") == text


def test_an_older_one_of_its_kind_and_an_empty_file_are_replaced(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    path.write_text("", encoding="utf-8")
    for number in (1, 2):
        write_json(path, {"format": "f/1", "number": number})
    assert '"number": 2' in path.read_text(encoding="utf-8")


@pytest.mark.parametrize("there", ["plans:\n", '{\n "format": "f/2"\n}\n', "\x00\xff"])
def test_anything_else_is_left_as_it_is(tmp_path: Path, there: str) -> None:
    path = tmp_path / "catalog.yaml"
    path.write_text(there, encoding="utf-8")
    with pytest.raises(Refused, match="the file is there already and is something else"):
        write_json(path, {"format": "f/1"})
    assert path.read_text(encoding="utf-8") == there


def test_a_directory_says_why_it_cannot_be_written(tmp_path: Path) -> None:
    with pytest.raises(StoreFailure, match="the file cannot be written"):
        write_json(tmp_path, {"format": "f/1"})


def test_what_is_no_plain_file_is_neither_followed_nor_replaced(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "link").symlink_to(tmp_path / "elsewhere")
    for place in (tmp_path / "pipe", tmp_path / "link", Path(os.devnull)):
        with pytest.raises(Refused, match="a link, or no plain file"):
            write_json(place, {"format": "f/1"})
    assert not (tmp_path / "elsewhere").exists()
    assert stat.S_ISCHR(Path(os.devnull).stat().st_mode)
