"""What the store reads for a replay: whom a period touched, in pages, with as many queries for many as for few."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from sqlalchemy import event

from planctl.core.replay.needs import held_needs
from planctl.core.replay.simulation import Span
from planctl.core.replay.span import span_of
from planctl.store import replaying
from planctl.store.engine import Tx, open_store
from tests import stores
from tests.cli.conftest import Run, run
from tests.stores import edited

__all__ = ["run"]

CATALOG = """\
format: planctl.catalog/1
catalog: shop
currencies: {USD: }
features: {minutes: {type: metered, unit: minute}}
plans:
  pro: {price: {month: {USD: 49}}, due: 30 days, features: {minutes: {beyond: {charge: usage, each: {USD: 0.10}}}}}
  bare: {price: {month: usage}, due: 30 days, features: {minutes: {beyond: {charge: usage, each: {USD: 0.10}}}}}
"""
OCTOBER = span_of("2026-10", "UTC")


@pytest.fixture
def sold(run: Run, tmp_path: Path) -> Run:
    """`run` in a directory with a store that sells the catalog."""
    (tmp_path / "catalog.yaml").write_text(CATALOG, encoding="utf-8")
    assert run("init", "--test").exit_code == 0
    assert run("catalog", "apply", "catalog.yaml", "--yes", "--as-of", "2026-01-01").exit_code == 0
    return run


def joins(run: Run, customer: str, plan: str, on: str) -> None:
    """Add a customer and start its plan."""
    for command in (f"customer add {customer} --currency USD", f"subscribe {customer} {plan} --yes"):
        assert run(*command.split(), "--as-of", on).exit_code == 0


@contextmanager
def reading(path: Path) -> Iterator[Tx]:
    """A read of the store in this directory."""
    with open_store(stores.url(path / "store.db")) as store, store.read() as tx:
        yield tx


def customers(tx: Tx, span: Span = OCTOBER) -> list[str]:
    """Whom the period touched."""
    return [name for page in replaying.accounts(tx, span) for name in page.customers]


def test_touched_is_who_was_billed_or_came_to_nothing_in_the_period(sold: Run, tmp_path: Path) -> None:
    joins(sold, "before", "pro", "2026-09-30")
    joins(sold, "first", "pro", "2026-10-01")
    joins(sold, "last", "pro", "2026-10-31")
    joins(sold, "silent", "bare", "2026-09-15")
    joins(sold, "after", "pro", "2026-11-01")
    sold("invoice", "run", "--as-of", "2026-10-20")
    with reading(tmp_path) as tx:
        assert sorted(customers(tx)) == ["first", "last", "silent"]


def test_a_void_invoice_touches_nobody(sold: Run, tmp_path: Path) -> None:
    joins(sold, "nova", "pro", "2026-10-01")
    voided = sold("invoice", "void", "INV-2026-00001", "--reason", "w", "--yes", "--as-of", "2026-10-02")
    assert voided.exit_code == 0
    with reading(tmp_path) as tx:
        assert customers(tx) == []


def test_credit_notes_of_the_period_are_summed_by_currency(sold: Run, tmp_path: Path) -> None:
    joins(sold, "nova", "pro", "2026-10-01")
    for line, day in (("1=10", "2026-10-02"), ("1=5", "2026-10-31"), ("1=1", "2026-11-01")):
        words = ("credit-note", "create", "INV-2026-00001", "--line", line, "--reason", "r", "--yes")
        assert sold(*words, "--as-of", day).exit_code == 0
    with reading(tmp_path) as tx:
        (found,) = replaying.credit_notes(tx, OCTOBER)
    assert (found.currency.code, found.count, found.total_minor) == ("USD", 2, 15_00)


def test_a_customer_whose_terms_were_altered_is_named_and_left_out(sold: Run, tmp_path: Path) -> None:
    joins(sold, "nova", "pro", "2026-10-01")
    joins(sold, "vega", "bare", "2026-10-01")
    edited(
        tmp_path / "store.db", "UPDATE terms SET document = document || ' ' WHERE document LIKE '%\"49\"%'"
    )
    with reading(tmp_path) as tx:
        pages = [*replaying.accounts(tx, OCTOBER)]
    assert [what for page in pages for what in page.unreadable] == ["customer nova"]
    assert [name for page in pages for name in page.customers] == ["vega"]


def test_more_customers_ask_no_more_queries(sold: Run, tmp_path: Path) -> None:
    joins(sold, "nova", "pro", "2026-10-01")
    few = queries(tmp_path)
    for number in range(5):
        joins(sold, f"c{number}", "pro", "2026-10-01")
    assert queries(tmp_path) == few


def queries(path: Path) -> int:
    """How many statements reading the period and measuring it takes."""
    seen: list[str] = []

    def count(_connection: object, _cursor: object, statement: str, *_: object) -> None:
        seen.append(statement)

    with reading(path) as tx:
        event.listen(tx.connection, "before_cursor_execute", count)
        for page in replaying.accounts(tx, OCTOBER):
            by_id = {one.id: one for account in page.accounts for one in account.past.subscriptions}
            needs = [need for account in page.accounts for need in held_needs(account, {})]
            replaying.measured(tx, needs, by_id, {})
    return len(seen)
