"""A store whose bytes are not what was written: every command says so, and none takes it for a mistake of ours."""

from __future__ import annotations

from pathlib import Path

import pytest

from planctl.cli import damage
from tests import stores
from tests.cli.conftest import Run

pytestmark = pytest.mark.sqlite_only

TRIAL = ("--as-of", "2026-01-02")


@pytest.fixture
def store(shop: Run, tmp_path: Path) -> Path:
    """The store of `shop`, with a customer on starter."""
    assert shop("customer", "add", "nova", "--currency", "USD", *TRIAL).exit_code == 0
    assert shop("subscribe", "nova", "starter", "--pay", "month", "--yes", *TRIAL).exit_code == 0
    return tmp_path / "store.db"


def overwritten(store: Path, found: bytes, new: bytes) -> None:
    """Write over the first place where the file has these bytes, with as many others."""
    data = store.read_bytes()
    assert len(found) == len(new)
    assert found in data
    store.write_bytes(data.replace(found, new, 1))


def test_a_header_that_names_an_unknown_format_is_damage(shop: Run, store: Path) -> None:
    data = bytearray(store.read_bytes())
    data[44:48] = b"\x7f\x7f\x7f\x7f"  # the format of its schema, 4 at most
    store.write_bytes(data)
    for words in (("customer", "list"), ("config", "set", "seller.name", "Acme"), ("doctor",)):
        said = shop(*words, "-f", "json")
        assert (said.exit_code, said.error["code"]) == (74, "damaged"), words


def test_a_schema_that_is_no_text_is_damage(shop: Run, store: Path) -> None:
    overwritten(store, b"CREATE TABLE customer", b"CREATE TA\xff\xfeE customer")
    said = shop("customer", "list", "-f", "json")
    assert (said.exit_code, said.error["code"]) == (74, "damaged")


def test_a_text_that_is_none_is_damage(shop: Run, store: Path) -> None:
    stores.edited(store, "UPDATE customer SET name = CAST(x'fffe' AS TEXT)")
    said = shop("customer", "show", "nova", "-f", "json")
    assert (said.exit_code, said.error["code"]) == (74, "damaged")


def test_terms_that_were_altered_are_damage_that_names_the_law(shop: Run, store: Path) -> None:
    stores.edited(store, "UPDATE terms SET document = replace(document, '19', '18')")
    before = store.read_bytes()
    said = shop("change", "now", "nova", "free", "--yes", *TRIAL, "-f", "json")
    assert (said.exit_code, said.error["code"]) == (74, "damaged")
    assert "terms" in said.error["got"]
    assert store.read_bytes() == before


def test_a_mistake_of_ours_on_a_sound_store_stays_one(
    shop: Run, store: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    monkeypatch.setattr("planctl.cli.output.render", lambda *_words: 1 / 0)
    assert shop("customer", "show", "nova").exit_code == 70


def test_a_large_store_is_not_looked_through(
    shop: Run, store: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    monkeypatch.setattr(damage, "LARGEST", store.stat().st_size - 1)
    stores.edited(store, "UPDATE terms SET document = replace(document, '19', '18')")
    assert shop("change", "now", "nova", "free", "--yes", *TRIAL).exit_code == 70
