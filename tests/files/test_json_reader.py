"""JSON files of ours are read exactly, and anything else is refused with its reason."""

from __future__ import annotations

from pathlib import Path

import pytest

from planctl.errors import InvalidInput
from planctl.files import json_reader
from planctl.files.json_reader import read_json


def written(tmp_path: Path, content: str | bytes) -> Path:
    path = tmp_path / "plan.json"
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def test_numbers_are_the_texts_that_stand_there(tmp_path: Path) -> None:
    path = written(tmp_path, '{"a": 1, "b": 0.10, "c": 1e400, "d": [true, null, "x"]}')
    assert read_json(path, "a plan") == {"a": "1", "b": "0.10", "c": "1e400", "d": [True, None, "x"]}


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("{", "it is not JSON: Expecting property name enclosed in double quotes in line 1, column 2"),
        ("", "it is not JSON: Expecting value in line 1, column 1"),
        (b'{"a": "\xff"}', "it is not UTF-8"),
        ('{"a": "\\ud800"}', "it is not UTF-8"),
        ('{"a": 1, "b": 2, "a": 3}', "it says the key 'a' twice"),
        ('{"a": NaN}', "NaN is no number"),
        ("[" * 200_000, "maps and lists are nested too deeply"),
        ('{"a":' * 200_000, "maps and lists are nested too deeply"),
    ],
)
def test_what_is_no_json_of_ours_is_refused_with_its_reason(
    tmp_path: Path, content: str | bytes, reason: str
) -> None:
    path = written(tmp_path, content)
    with pytest.raises(InvalidInput) as refused:
        read_json(path, "a saved plan")
    assert refused.value.message == f"a saved plan cannot be read: {reason}"
    assert refused.value.where == str(path)


def test_a_long_file_is_refused_unread(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(json_reader, "MAX_BYTES", 1024 * 1024)
    with pytest.raises(InvalidInput, match="longer than 1 MiB"):
        read_json(written(tmp_path, b'"' + b"a" * 1024 * 1024), "a snapshot")


def test_a_file_that_is_not_there_and_a_directory_are_refused(tmp_path: Path) -> None:
    for path in (tmp_path / "nowhere.json", tmp_path):
        with pytest.raises(InvalidInput, match="it cannot be opened"):
            read_json(path, "a snapshot")
