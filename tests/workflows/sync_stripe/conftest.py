"""The fake of Stripe for every test here, and a business of its own for those that ask for one."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from planctl.store.engine import open_store
from tests import stores
from tests.fakes.stripe import FakeStripe
from tests.fakes.stripe.fixture import stripe
from tests.workflows.business import Business
from tests.workflows.sync_stripe.paying import shop
from tests.workflows.sync_stripe.world import World, make_books

__all__ = ["shop", "stripe"]


@pytest.fixture(scope="session")
def books(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A test store that sells the world's catalog; copy it, never open it."""
    path = tmp_path_factory.mktemp("books") / "books.db"
    make_books(path)
    return path


@pytest.fixture
def world(books: Path, tmp_path: Path, stripe: FakeStripe) -> Iterator[World]:
    """A business without customers, set up with the fake. At the end every law holds in its store."""
    path = tmp_path / "books.db"
    stores.copy(books, path)
    with open_store(stores.url(path)) as store:
        made = World(Business(store), stripe)
        yield made
        made.business.check()
