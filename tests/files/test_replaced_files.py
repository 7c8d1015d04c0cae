"""Several files replaced, all or none."""

from __future__ import annotations

from pathlib import Path

import pytest

from planctl.errors import Conflict, StoreFailure
from planctl.files.replaced_file import replace_file
from planctl.files.replaced_files import NewText, replace_files


@pytest.fixture
def catalog(tmp_path: Path) -> Path:
    (tmp_path / "plans").mkdir()
    (tmp_path / "a.yaml").write_text("a: 1\n", encoding="utf-8")
    (tmp_path / "plans" / "b.yaml").write_bytes(b"b: 1\r\n")
    (tmp_path / "a.yaml").chmod(0o640)
    return tmp_path


NEW = {"a.yaml": NewText("a: 1\n", "a: ä\n"), "plans/b.yaml": NewText("b: 1\r\n", "b: 2\r\n")}


def test_texts_line_ends_and_modes_are_as_meant(catalog: Path) -> None:
    replace_files(catalog, NEW)
    assert (catalog / "a.yaml").read_bytes() == "a: ä\n".encode()
    assert (catalog / "plans" / "b.yaml").read_bytes() == b"b: 2\r\n"
    assert (catalog / "a.yaml").stat().st_mode & 0o777 == 0o640
    assert sorted(path.name for path in catalog.rglob("*")) == ["a.yaml", "b.yaml", "plans"]


def test_one_file_is_a_catalog_too(catalog: Path) -> None:
    replace_files(catalog / "a.yaml", {"a.yaml": NEW["a.yaml"]})
    assert (catalog / "a.yaml").read_text(encoding="utf-8") == "a: ä\n"


def test_a_file_that_somebody_else_changed_stops_all(catalog: Path) -> None:
    (catalog / "plans" / "b.yaml").write_text("b: 3\n", encoding="utf-8")
    with pytest.raises(Conflict) as moved:
        replace_files(catalog, NEW)
    assert (moved.value.code, moved.value.where) == ("file-moved", str(catalog / "plans" / "b.yaml"))
    assert (catalog / "a.yaml").read_text(encoding="utf-8") == "a: 1\n"


def test_where_one_cannot_be_written_the_others_are_put_back(
    catalog: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(path: Path, text: str) -> None:
        if path.name == "b.yaml":
            raise StoreFailure("the file cannot be written", code="io", where=str(path))
        replace_file(path, text)

    monkeypatch.setattr("planctl.files.replaced_files.replace_file", full)
    with pytest.raises(StoreFailure):
        replace_files(catalog, NEW)
    assert (catalog / "a.yaml").read_text(encoding="utf-8") == "a: 1\n"
