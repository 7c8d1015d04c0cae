"""A page of a billing run asks and writes as often for many customers as for a few."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from sqlalchemy import event

from planctl.core.invoicing.advance import advance_or_hold
from planctl.store.engine import Tx
from planctl.store.facts import customer_facts, run_terms
from planctl.store.outcomes import write_outcomes
from tests.workflows.business import RECORDED, Business, t


@contextmanager
def counted(tx: Tx, patch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """The statements that are sent meanwhile; one for many rows counts once."""
    sent: list[str] = []

    def note(_connection: Any, _cursor: Any, statement: str, *_rest: Any) -> None:
        sent.append(statement)

    link = type(tx.store.link)
    connection = tx.connection
    with patch.context() as patched:
        if connection.dialect.name == "sqlite":  # goes past SQLAlchemy
            for name in ("rows", "change", "fill"):
                own = getattr(link, name)

                def noted(self: Any, statement: str, *rest: Any, own: Any = own) -> Any:
                    sent.append(statement)
                    return own(self, statement, *rest)

                patched.setattr(link, name, noted)
        event.listen(connection, "before_cursor_execute", note)
        yield sent
        event.remove(connection, "before_cursor_execute", note)


def sold_to(business: Business, count: int, first: int) -> list[str]:
    """As many customers, each of whom pays by the month, owes the first invoice and has used something."""
    names = [f"customer_{number:03}" for number in range(first, first + count)]
    business.customer(*names)
    for name in names:
        business.subscribe(name, "pro", pay="month", negotiated={"grace": "never"})
        business.use(name, "minutes", "6000", "2026-01-20")
    return names


def statements(
    business: Business, names: list[str], patch: pytest.MonkeyPatch
) -> tuple[list[str], list[str]]:
    """What reading and writing a page sends; every one of its customers is billed."""
    at = t("2026-02-01")
    with business.store.write() as tx:
        with counted(tx, patch) as reading:
            facts = customer_facts(tx, names, at)
        outcomes = [advance_or_hold(one, at, run_terms(tx)) for one in facts]
        with counted(tx, patch) as writing:
            issued = write_outcomes(tx, outcomes, [one.customer for one in facts], RECORDED, facts)
        assert len(issued) == len(names)
    return reading, writing


def test_the_number_of_statements_does_not_grow_with_the_customers(
    business: Business, monkeypatch: pytest.MonkeyPatch
) -> None:
    few, many = sold_to(business, 9, 1), sold_to(business, 40, 100)
    reading, writing = statements(business, few, monkeypatch)
    reading_many, writing_many = statements(business, many, monkeypatch)
    assert 0 < len(reading_many) <= len(reading)
    assert 0 < len(writing_many) <= len(writing)
