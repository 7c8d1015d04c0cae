"""The laws of who owes: a plan and its add-ons owe together, a pack makes nobody past due.

The history is made by the commands themselves; the edits are raw SQL in a copy of the file.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from planctl.store.engine import open_store
from planctl.store.laws.reading import stream
from tests import stores
from tests.store.lawbooks import Edit, numbered, of, played, violations
from tests.stores import edited

RUNNING = "SELECT plan, next_action_at FROM subscription WHERE status = 'active'"
NINETEENTH = 1_768_780_800_000_000
"""2026-01-19T00:00:00Z."""

CATALOG = """\
format: planctl.catalog/1
catalog: yard
currencies: {USD: }
defaults: {due: 7 days, grace: 3 days, packs: true}
features:
  minutes: {type: metered, unit: minute}
  texts: {type: metered, unit: text}
plans:
  base:
    price: {month: {USD: 20}}
    features: {minutes: {included: 100, beyond: {charge: usage, each: {USD: 0.10}}}}
addons:
  line:
    price: {month: {USD: 3}}
    features: {texts: {included: 5, beyond: {charge: usage, each: {USD: 0.02}}}}
  minutes_1k: {price: {once: {USD: 50}}, wallet: {minutes: 1_000}, expires: never}
"""

HISTORY = """\
2026-01-01  subscribe nova base
2026-01-01  subscribe vega base
2026-01-01  subscribe tara base
2026-01-02  subscribe nova line
2026-01-02  wallet buy vega minutes_1k
2026-01-03  payment record INV-2026-00002
2026-01-03  payment record INV-2026-00003
2026-01-20  usage record nova texts 30
2026-02-01  invoice run
2026-02-02  subscribe tara line
2026-02-03  payment record INV-2026-00006
2026-02-09  invoice run
"""
"""Nova paid neither plan nor add-on and is blocked; vega owes a pack; tara owes her renewal and has added a line."""


@pytest.fixture(scope="module")
def history(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The store with the history; copy it, never open it."""
    return played(tmp_path_factory.mktemp("history"), CATALOG, ("nova", "vega", "tara"), HISTORY)


@pytest.fixture
def books(history: Path, tmp_path: Path) -> Path:
    """A copy of the store with the history, to be edited."""
    path = tmp_path / "books.db"
    stores.copy(history, path)
    return path


def test_a_store_in_which_some_owe_obeys_every_law(books: Path) -> None:
    assert violations(books) == []


EDITS = (
    Edit(
        "an add-on is active while its plan's invoice is late",
        "statuses-paid statuses-follow",
        "is past due and sub_",
        [f"UPDATE subscription SET status = 'active' WHERE id = {of('tara', 'line')}"],
    ),
    Edit(
        "a plan is past due for a pack",
        "statuses-paid statuses-follow",
        "is past_due and no invoice of it is past due",
        [f"UPDATE subscription SET status = 'past_due' WHERE id = {of('vega', 'base')}"],
    ),
    Edit(
        "a run looks too late at the plan whose add-on is not paid",
        "looked-at-in-time",
        "a run looks at it never, needed is",
        [f"UPDATE subscription SET next_action_at = NULL WHERE id = {of('tara', 'line')}"],
    ),
    Edit(
        "a pack settles a fee",
        "settlements-billed invoices-rerate",
        "bills a pack and settles what fell due",
        [
            f"UPDATE settlement SET invoice = {numbered(5)} WHERE part = 'fee' AND idx = 1"
            f" AND subscription = {of('vega', 'base')}",
        ],
    ),
)


@pytest.mark.parametrize("edit", EDITS, ids=lambda edit: edit.what.replace(" ", "-"))
def test_an_edit_is_found_by_the_law_that_it_breaks_and_by_no_other(books: Path, edit: Edit) -> None:
    edited(books, *edit.statements)
    found = violations(books)
    assert {one.law for one in found} == set(edit.laws.split()), [*map(str, found)]
    assert any(edit.says in str(one) for one in found), [*map(str, found)]


OFTEN = """\
format: planctl.catalog/1
catalog: often
currencies: {USD: }
defaults: {due: 14 days}
groups:
  main: {name: Plans, order: [low, high]}
plans:
  low: {group: main, price: {month: {USD: 10}}}
  high: {group: main, price: {month: {USD: 20}}}
"""


def test_who_changes_often_owes_what_was_billed_before_the_first_change(tmp_path: Path) -> None:
    # The third change takes the place of what two changes lie before; the invoice of 5 January is due on the 19th,
    # and what runs now is looked at then, before its own is due on the 22nd.
    changes = """\
2026-01-05  subscribe nova low
2026-01-06  change now nova high --reason larger
2026-01-07  change now nova low --reason smaller
2026-01-08  change now nova high --reason larger
2026-01-08  invoice run
"""
    path = played(tmp_path, OFTEN, ("nova",), changes)
    with open_store(stores.url(path)) as store, store.read() as tx:
        looks = {row.plan: row.next_action_at for row in stream(tx, RUNNING)}
    assert looks == {"high": NINETEENTH}
    assert violations(path) == []
