"""What published cases are played with: the command line as in tests/cli, or journeys in a store of their own."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from planctl.store.engine import open_store
from tests import stores
from tests.cli.conftest import run
from tests.vectors.stories import Story
from tests.workflows.business import NEW_YEAR, Business

__all__ = ["run"]


@pytest.fixture(scope="session")
def empty_store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A test store that sells nothing; copy it, never open it."""
    path = tmp_path_factory.mktemp("vectors") / "books.db"
    open_store(stores.url(path), create=True, at=NEW_YEAR, is_test=True).close()
    return path


@pytest.fixture
def story(empty_store: Path, tmp_path: Path) -> Iterator[Story]:
    """A story without a catalog yet. At the end of the test every law holds in its store."""
    path = tmp_path / "books.db"
    stores.copy(empty_store, path)
    with open_store(stores.url(path)) as store:
        business = Business(store)
        yield Story(business)
        business.check()
