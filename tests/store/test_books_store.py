"""Closed books: a day is closed where the business is, whatever day it is elsewhere."""

from __future__ import annotations

from datetime import date

import pytest

from planctl.core.periods import parse_instant, zone
from planctl.errors import Refused
from planctl.store.books import check_open, closed_through
from planctl.store.engine import Store
from planctl.store.settings import put_setting


def test_books_that_were_never_closed_are_open(store: Store) -> None:
    with store.read() as tx:
        assert closed_through(tx) is None
        check_open(tx, parse_instant("1970-01-02", zone("UTC")))


def test_the_last_closed_day_ends_at_local_midnight(store: Store) -> None:
    """The store is in Berlin: there 31 January ends at 23:00 UTC."""
    with store.write() as tx:
        put_setting(tx, "books.closed_through", "2026-01-31")
        assert closed_through(tx) == date(2026, 1, 31)
        check_open(tx, parse_instant("2026-01-31T23:00:00Z", zone("UTC")))
        with pytest.raises(Refused, match="the payment would be dated 2026-01-31") as refused:
            check_open(tx, parse_instant("2026-01-31T22:59:59Z", zone("UTC")), "the payment")
    assert (refused.value.code, refused.value.expected) == ("books-closed", "a date after 2026-01-31")
