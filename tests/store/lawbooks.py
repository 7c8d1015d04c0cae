"""Stores for the tests of the laws: made by the commands themselves, edited by raw SQL past planctl."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import text
from sqlalchemy.exc import IntegrityError

from planctl.__main__ import main
from planctl.store.engine import open_store
from planctl.store.laws import LAWS, Violation
from planctl.store.sets import table as described
from tests import stores

ANY_BYTES = "decode('41', 'hex')" if stores.ON_POSTGRES else "x'41'"


@dataclass(frozen=True)
class Edit:
    """An edit past planctl, and the laws that it breaks, with what one of them says about which object."""

    what: str
    laws: str
    says: str
    statements: Sequence[str]


def played(folder: Path, catalog: str, customers: Iterable[str], history: str) -> Path:
    """A store in which every line of `history`, a date and a command, was done."""
    path = folder / "books.db"
    (folder / "catalog.yaml").write_text(catalog)

    def planctl(at: str, command: str) -> int:
        return main(["--store", stores.url(path), "--as-of", at, "--yes", "--quiet", *shlex.split(command)])

    assert planctl("2026-01-01", f"init {shlex.quote(str(folder / 'made'))} --test") == 0
    assert planctl("2026-01-01", f"catalog apply {shlex.quote(str(folder / 'catalog.yaml'))}") == 0
    for customer in customers:
        assert planctl("2026-01-01", f"customer add {customer} --currency USD") == 0
    for line in history.splitlines():
        at, command = line.split("  ")
        assert planctl(at, command) == 0, line
    return path


RECOMPUTED = tuple(law for law in LAWS if law.id not in {"audit-objects", "rows-as-audited"})
"""The laws that work out from other rows what a row must say. The audit sees nearly every edit besides, by hashes."""


def violations(path: Path) -> list[Violation]:
    """What these laws find."""
    with open_store(stores.url(path)) as store, store.read() as tx:
        return [violation for law in RECOMPUTED for violation in law.violations(tx)]


def unnoticed(path: Path, table: str, where: str) -> set[str]:
    """The columns of a table in which none of these laws sees an edit of the one row that `where` names."""
    edited_values = {
        "BigInteger": "coalesce({0}, 0) + 100000",
        "Text": "{0} || '1'",
        "LargeBinary": ANY_BYTES,
    }
    missed = set()
    with open_store(stores.url(path)) as store:
        stores.lift_guards(store)
        for column, kind in [(one.name, type(one.type).__name__) for one in described(table).columns]:
            with store.write() as tx:
                tx.rollback_only()
                value = edited_values[kind].format(f'"{column}"')
                statement = f'UPDATE {table} SET "{column}" = {value} WHERE {where}'
                try:
                    assert tx.connection.execute(text(statement)).rowcount == 1
                except IntegrityError:
                    continue  # a reference that PostgreSQL looks at by itself
                laws = [
                    law for law in reversed(RECOMPUTED) if law.id != "schema-as-made"
                ]  # its guards are lifted
                if not any(True for law in laws for _ in law.violations(tx)):
                    missed.add(column)
    return missed


def of(customer: str, plan: str) -> str:
    """A subquery: the id of a customer's subscription to a plan."""
    return (
        "(SELECT s.id FROM subscription s JOIN customer c ON c.seq = s.customer"
        f" WHERE c.id = '{customer}' AND s.plan = '{plan}')"
    )


def numbered(number: int) -> str:
    """A subquery: the id of an invoice."""
    return f"(SELECT id FROM invoice WHERE number = 'INV-2026-{number:05}')"
