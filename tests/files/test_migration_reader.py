"""The file of a migration is read as untrusted input, with every finding and its place, and never raises."""

from __future__ import annotations

from pathlib import Path

import pytest

from planctl.core.waves.model import Migration
from planctl.files.migration_reader import read_migration

WHOLE = "plan: pro\nfrom: older\nto: 8\n"


def written(folder: Path, text: str, name: str = "pro-v8.yaml") -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def test_the_name_of_the_file_is_that_of_the_migration(tmp_path: Path) -> None:
    read = read_migration(written(tmp_path, WHOLE, "2026-10-pro.yaml"))
    assert read.migration == Migration("2026-10-pro", "pro", (), 8)
    assert read.findings == ()
    assert read.texts == {"2026-10-pro.yaml": WHOLE}


HOSTILE = {
    "nothing": ("", "empty-file"),
    "a list": ("- plan: pro\n", "top-level"),
    "a duplicate key": (WHOLE + "to: 9\n", "duplicate-key"),
    "an alias": ("plan: &a pro\nfrom: older\nto: 8\nwhy: *a\n", "anchor"),
    "a tag": ("plan: !!python/object:os.system pro\nfrom: older\nto: 8\n", "tag"),
    "a second document": (WHOLE + "---\n" + WHOLE, "second-document"),
    "a tab": ("plan: pro\n\tfrom: older\n", "tab"),
}


@pytest.mark.parametrize("what", HOSTILE)
def test_what_is_no_plain_map_is_a_finding_and_no_migration(tmp_path: Path, what: str) -> None:
    text, rule = HOSTILE[what]
    read = read_migration(written(tmp_path, text))
    assert read.migration is None
    assert rule in {finding.rule for finding in read.findings}, read.findings


def test_a_file_that_is_not_there_is_a_finding(tmp_path: Path) -> None:
    read = read_migration(tmp_path / "pro-v8.yaml")
    assert [finding.rule for finding in read.findings] == ["cannot-open"]


def test_findings_of_yaml_and_of_the_migration_come_together_in_the_order_of_their_places(
    tmp_path: Path,
) -> None:
    read = read_migration(written(tmp_path, "plan: pro\nplan: pro\nfrom: older\nto: none\n"))
    assert [(finding.rule, finding.place.line) for finding in read.findings] == [
        ("duplicate-key", 2),
        ("number", 4),
    ]
