"""A business of its own for every test that asks for one, copied from one that is made once."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from planctl.store.engine import open_store
from tests import stores
from tests.workflows.business import Business, make_store


@pytest.fixture(scope="session")
def acme_store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A test store that sells the acme catalog; copy it, never open it."""
    path = tmp_path_factory.mktemp("acme") / "books.db"
    make_store(path)
    return path


@pytest.fixture
def business(acme_store: Path, tmp_path: Path) -> Iterator[Business]:
    """A business without customers. At the end of the test every law holds in its store."""
    path = tmp_path / "acme.db"
    stores.copy(acme_store, path)
    with open_store(stores.url(path)) as store:
        made = Business(store)
        yield made
        made.check()
