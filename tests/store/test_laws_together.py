"""Laws asked about the same pages: they find what each finds alone, and read what they have in common once."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import event

from planctl.store.engine import Store, open_store
from planctl.store.laws import LAWS, violations
from planctl.store.laws.model import Breach, Law
from planctl.store.laws.reading import Page
from tests import stores
from tests.store.lawbooks import of, played
from tests.stores import edited

CATALOG = """\
format: planctl.catalog/1
catalog: yard
currencies: {USD: }
defaults: {due: 7 days}
features:
  minutes: {type: metered, unit: minute}
plans:
  base:
    price: {month: {USD: 20}}
    features: {minutes: {included: 100, beyond: {charge: usage, each: {USD: 0.10}}}}
"""

HISTORY = """\
2026-01-01  subscribe nova base
2026-01-01  subscribe vega base
2026-01-20  usage record nova minutes 130
2026-02-01  invoice run
"""


@pytest.fixture(scope="module")
def history(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The store with the history; copy it, never open it."""
    return played(tmp_path_factory.mktemp("history"), CATALOG, ("nova", "vega"), HISTORY)


@pytest.fixture
def books(history: Path, tmp_path: Path) -> Iterator[Store]:
    """A copy in which Nova's usage line, Vega's next look and the claims are not what they were."""
    path = tmp_path / "books.db"
    stores.copy(history, path)
    edited(
        path,
        "UPDATE invoice_line SET amount = amount + 1 WHERE kind = 'usage'",
        f"UPDATE subscription SET next_action_at = NULL WHERE id = {of('vega', 'base')}",
        f"DELETE FROM usage_claim WHERE subscription = {of('vega', 'base')}",
    )
    with open_store(stores.url(path)) as store:
        yield store


def test_laws_asked_together_find_what_each_finds_alone(books: Store) -> None:
    with books.read() as tx:
        alone = [str(one) for law in LAWS for one in law.violations(tx)]
        together = [str(one) for one in violations(tx, LAWS)]
    assert alone
    assert sorted(together) == sorted(alone)


def test_what_laws_have_in_common_is_read_once(books: Store) -> None:
    sent: list[str] = []
    of_lines = [law for law in LAWS if law.id in {"invoices-rerate", "invoices-unaltered", "claims-complete"}]
    with books.read() as tx:
        event.listen(tx.connection, "before_cursor_execute", lambda _c, _cursor, said, *_: sent.append(said))
        assert list(violations(tx, of_lines))
    assert sum("FROM invoice_line" in said for said in sent) == 1
    assert sum("FROM usage_claim" in said for said in sent) == 1


def test_a_law_that_meets_damage_in_a_page_is_not_asked_again_and_the_others_go_on(books: Store) -> None:
    asked: list[str] = []

    def damaged(_: Page) -> Iterator[Breach]:
        asked.append("damaged")
        yield Breach("first", "is wrong")
        raise ValueError("row 7 is no row")

    def sound(page: Page) -> Iterator[Breach]:
        yield from (Breach(name, "is there") for name in sorted(page.customers))

    laws = [Law("odd", "nothing is odd", of_page=damaged), Law("even", "nobody is there", of_page=sound)]
    with books.read() as tx:
        assert [*map(str, violations(tx, laws))] == [
            "first: is wrong",
            "store: cannot be checked further: row 7 is no row",
            "nova: is there",
            "vega: is there",
        ]
    assert asked == ["damaged"]


def test_it_is_told_how_many_subscriptions_and_laws_are_done(books: Store) -> None:
    seen: list[tuple[str, int, int]] = []
    laws = [law for law in LAWS if law.id in {"periods-tile", "audit-chain"}]
    with books.read() as tx:
        list(violations(tx, laws, lambda what, done, of: seen.append((what, done, of))))
    assert seen == [("subscriptions", 2, 2), ("laws", 1, 2), ("laws", 2, 2)]
