"""A fresh test store for every test, copied from one that is made once."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from planctl.store.engine import Store, open_store
from tests import stores

BORN = 1_767_225_600_000_000
"""When the test store was made: 2026-01-01T00:00:00Z, in microseconds."""


@pytest.fixture(scope="session")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An empty test store's file; copy it, never open it."""
    path = tmp_path_factory.mktemp("template") / "books.db"
    open_store(stores.url(path), create=True, at=BORN, is_test=True, timezone="Europe/Berlin").close()
    return path


@pytest.fixture
def store_path(template: Path, tmp_path: Path) -> Path:
    """The path of a fresh test store that nobody has opened yet."""
    path = tmp_path / "books.db"
    stores.copy(template, path)
    return path


@pytest.fixture
def store(store_path: Path) -> Iterator[Store]:
    """A fresh, open test store. It does not wait for the disk: none of these tests cuts the power."""
    with stores.opened(store_path) as opened:
        yield opened
