"""Customers who lie close together are summed at once, and each gets what the core aggregates of its own events."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given
from hypothesis import strategies as st

from planctl.core.catalog.model import Meter
from planctl.core.customers import Customer
from planctl.core.invoicing.model import UsageWindow
from planctl.core.metering.aggregate import Span, aggregate
from planctl.core.metering.model import UsageEvent
from planctl.core.periods import Instant
from planctl.store import customers, usage, usage_totals
from planctl.store.engine import Store, open_store
from planctl.store.usage import UsageRequest, event_row
from tests import stores

HOUR = 3_600_000_000
START = 1_767_225_600_000_000  # 2026-01-01T00:00:00Z
CUSTOMERS = [f"c{number:02}" for number in range(1, 31)]
SUM, COUNT, CALLS = Meter(), Meter(aggregate="count"), Meter(event="call")

quantities = st.one_of(
    st.integers(0, 9), st.integers(-(10**18), 10**18), st.decimals(-(10**6), 10**6, places=12)
).map(Decimal)
events = st.builds(
    UsageEvent,
    id=st.uuids().map(str),
    customer=st.sampled_from(CUSTOMERS),
    event=st.sampled_from(["minutes", "talk", "call", "chats"]),
    at=st.integers(START - 30 * HOUR, START + 90 * HOUR),
    quantity=quantities,
)
windows = st.sampled_from([(START, START + 72 * HOUR), (START + HOUR, START + 2 * HOUR)])
"""Two times, so that most customers share theirs with others."""

asked = st.tuples(
    st.sampled_from([*CUSTOMERS, "stranger"]),
    st.sampled_from(["minutes", "chats"]),
    st.sampled_from([SUM, COUNT, CALLS]),
    windows,
)


@pytest.fixture(scope="module")
def store() -> Iterator[Store]:
    """One store for all examples: every example is undone, so each finds it empty."""
    with (
        TemporaryDirectory() as folder,
        open_store(stores.url(Path(folder) / "s.db"), create=True, at=0) as opened,
    ):
        with opened.write() as tx:
            customers.add_all(tx, [Customer(name) for name in CUSTOMERS])
        yield opened


def request(number: int, customer: str, feature: str, meter: Meter, window: tuple[int, int]) -> UsageRequest:
    """Minutes were once called talk."""
    starts_at, ends_at = Instant(window[0]), Instant(window[1])
    place = UsageWindow(f"sub_{number}", customer, feature, starts_at, ends_at, ends_at)
    return UsageRequest(place, meter, ("talk",) if feature == "minutes" else ())


@given(
    history=st.lists(events, max_size=60, unique_by=lambda one: one.id), wanted=st.lists(asked, max_size=60)
)
def test_sums_of_neighbours_are_the_core_s(
    store: Store, history: list[UsageEvent], wanted: list[tuple[str, str, Meter, tuple[int, int]]]
) -> None:
    requests = [request(number, *one) for number, one in enumerate(wanted)]
    with store.write() as tx:
        tx.rollback_only()
        numbers = usage.meter_ids(tx, (one.event for one in history), create=True)
        seqs = {name: number for number, name in enumerate(CUSTOMERS, start=1)}
        usage.append(tx, [event_row(one, 0, seqs[one.customer], numbers[one.event]) for one in history])
        found = usage.totals(tx, requests)
    for one in requests:
        window, feature = one.window, one.window.feature
        own = [
            UsageEvent(it.id, it.customer, one.names[it.event], it.at, it.quantity)
            for it in history
            if it.customer == window.customer
            and it.event in one.names
            and window.starts_at <= it.at < window.ends_at
        ]
        expected = aggregate(one.meter, feature, own, Span(window.starts_at, window.ends_at))
        assert found.get(window.key, Fraction(0)) == expected


def test_a_page_of_neighbours_is_asked_for_at_once_and_strangers_are_not(store: Store) -> None:
    together = [request(n, name, "minutes", SUM, (START, START + 1)) for n, name in enumerate(CUSTOMERS)]
    alone = request(99, "c07", "minutes", SUM, (START, START + 2))
    seqs = {name: number for number, name in enumerate(CUSTOMERS, start=1)}
    close, apart = usage_totals._neighbours([*together, alone], seqs)
    assert (close, apart) == ([together], [alone])
    scattered = {name: number * 100 for name, number in seqs.items()}
    close, apart = usage_totals._neighbours(together, scattered)
    assert (close, apart) == ([], together)
