"""The law of migrations: a store that kept one obeys it, and an edit of what was kept breaks it and no other."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests import stores
from tests.store.lawbooks import Edit, played, violations
from tests.stores import edited

CATALOG = """\
format: planctl.catalog/1
catalog: moving
currencies: {USD: }
plans:
  pro: {price: {month: {USD: 30}}}
"""

MIGRATION = "plan: pro\nfrom: older\nto: newest\nbatches: 2\n"

HISTORY = """\
2026-01-01  subscribe nova pro
2026-01-01  subscribe orion pro
2026-01-01  subscribe vega pro
2026-01-02  subscription lock vega --reason talks
2026-01-02  plan edit pro --set price.month.USD=36 --outside
2026-01-03  migrate apply {file} --all
2026-02-01  invoice run"""


@pytest.fixture(scope="session")
def played_books(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store in which nova and orion were moved to Pro v2, which is in effect, and vega is locked."""
    folder = tmp_path_factory.mktemp("waves")
    (folder / "pro-v2.yaml").write_text(MIGRATION, encoding="utf-8")
    history = HISTORY.format(file=folder / "pro-v2.yaml")
    return played(folder, CATALOG, ["nova", "orion", "vega"], history)


@pytest.fixture
def books(played_books: Path, tmp_path: Path) -> Path:
    """A copy to edit."""
    copy = tmp_path / "books.db"
    stores.copy(played_books, copy)
    return copy


def of(customer: str, successor: bool = False) -> str:
    """The id of a customer's first subscription, or of the one that followed it, in SQL."""
    follows = "<>" if successor else "="
    return (
        "(SELECT s.id FROM subscription s JOIN customer c ON c.seq = s.customer"
        f" WHERE c.id = '{customer}' AND s.follows {follows} '')"
    )


def test_a_store_that_kept_a_migration_obeys_every_law(books: Path) -> None:
    assert violations(books) == []


EDITS = (
    Edit(
        "a member says that it was moved to another's subscription",
        "migrations-once",
        "which follows sub_",
        [
            f"DELETE FROM migration_member WHERE subscription = {of('orion')}",
            f"UPDATE migration_member SET successor = {of('orion', True)} WHERE subscription = {of('nova')}",
        ],
    ),
    Edit(
        "a member says that it was moved to nothing that is there",
        "migrations-once",
        "was moved to sub_none, which is no subscription",
        [f"UPDATE migration_member SET successor = 'sub_none' WHERE subscription = {of('nova')}"],
    ),
    Edit(
        "the migration says another version",
        "migrations-once",
        "was moved to v1, and sub_",
        ["UPDATE migration SET to_version = 1"],
    ),
    Edit(
        "a member that is in effect says that it was taken back",
        "migrations-once",
        "was taken back, and sub_",
        [f"UPDATE migration_member SET state = 'undone' WHERE subscription = {of('nova')}"],
    ),
    Edit(
        "the file is another one",
        "migrations-once",
        "migration pro-v2: its file is not the one that was applied",
        ["UPDATE migration SET document = replace(document, 'renewal', 'now')"],
    ),
    Edit(
        "a batch was never begun",
        "migrations-once",
        "which was never begun",
        [f"UPDATE migration_member SET batch = 7 WHERE subscription = {of('nova')}"],
    ),
)


@pytest.mark.parametrize("edit", EDITS, ids=lambda edit: edit.what.replace(" ", "-"))
def test_an_edit_is_found_by_the_law_that_it_breaks_and_by_no_other(books: Path, edit: Edit) -> None:
    edited(books, *edit.statements)
    found = violations(books)
    assert {one.law for one in found} == set(edit.laws.split()), [*map(str, found)]
    assert any(edit.says in str(one) for one in found), [*map(str, found)]
