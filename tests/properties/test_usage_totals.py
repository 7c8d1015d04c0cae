"""What the database sums is what the core aggregates: for every meter, window and history of events."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from planctl.core.catalog.model import Aggregate, Meter
from planctl.core.customers import Customer
from planctl.core.invoicing.facts import LateMark
from planctl.core.invoicing.model import Measure, UsageWindow
from planctl.core.metering.aggregate import Span, aggregate, level, peak
from planctl.core.metering.model import Property, UsageEvent, event_key, payload_hash
from planctl.core.periods import Instant
from planctl.store import customers, usage
from planctl.store.engine import Store, Tx, open_store
from planctl.store.usage import EventRow, UsageRequest, event_row
from planctl.store.usage_children import by_child
from tests import stores

HOUR = 3_600_000_000
START = 1_767_225_600_000_000  # 2026-01-01T00:00:00Z
ALIASES = ("talk",)

quantities = st.one_of(
    st.integers(0, 9),
    st.integers(-(10**18), 10**18),
    st.decimals(-(10**6), 10**6, places=12),
).map(Decimal)
numeric: st.SearchStrategy[Property] = st.one_of(
    st.integers(0, 5), st.sampled_from(["1.50", "2", "0"]), st.just(Decimal("2.0"))
)
anonymous = st.builds(
    UsageEvent,
    id=st.uuids().map(str) | st.text("abcd", min_size=1, max_size=20),
    customer=st.just(""),
    event=st.sampled_from(["call", "minutes", "talk", "chat"]),
    at=st.integers(START - 30 * HOUR, START + 90 * HOUR),
    quantity=quantities,
    properties=st.fixed_dictionaries({"size": numeric, "model": st.sampled_from(["a", "b", True])}),
)
users = st.sampled_from([("nova", ""), ("nova", "east"), ("nova", "far-east"), ("mira", "")])
events = st.builds(lambda event, user: replace(event, customer=user[0], child=user[1]), anonymous, users)
"""Events of nova, of east and far-east below it, and of mira."""
meters = st.builds(
    Meter,
    event=st.sampled_from(["", "call"]),
    aggregate=st.sampled_from([name for name in get_args(Aggregate) if name != "unique"]),
    value=st.sampled_from(["", "size"]),
    where=st.sampled_from([{}, {"model": "a"}, {"model": "true"}]),
) | st.just(Meter("call", "unique", "model"))
windows = st.tuples(
    st.integers(START - 40 * HOUR, START + 95 * HOUR), st.integers(1, 100 * HOUR), st.integers(0, 50 * HOUR)
)
"""Where a window begins, its length, and by how much its allowance period is longer."""


@pytest.fixture(scope="module")
def store() -> Iterator[Store]:
    """One store for all examples: every example is undone, so each finds it empty."""
    with (
        TemporaryDirectory() as folder,
        open_store(stores.url(Path(folder) / "s.db"), create=True, at=0) as opened,
    ):
        with opened.write() as tx:
            east, far_east = Customer("east", parent="nova"), Customer("far-east", parent="east")
            customers.add_all(tx, [Customer("nova"), Customer("mira"), east, far_east])
        yield opened


@given(
    history=st.lists(events, max_size=30, unique_by=lambda event: (event.id, event.user)),
    asked=st.lists(
        st.tuples(st.sampled_from(["nova", "mira"]), meters, windows, st.sampled_from(get_args(Measure))),
        min_size=1,
        max_size=8,
    ),
    late=st.sets(st.integers(0, 29)),
)
def test_totals_of_the_store_are_the_core_s(
    store: Store,
    history: list[UsageEvent],
    asked: list[tuple[str, Meter, tuple[int, int, int], Measure]],
    late: set[int],
) -> None:
    if any(meter.aggregate == "unique" for _, meter, _, _ in asked):  # acceptance refuses direct events then
        history = [event for event in history if event.event not in {"minutes", *ALIASES}]
    requests = [
        UsageRequest(
            UsageWindow(
                f"sub_{number}",
                customer,
                "minutes",
                Instant(start),
                Instant(start + length),
                Instant(start + length + more),
                measure,
            ),
            meter,
            ALIASES,
        )
        for number, (customer, meter, (start, length, more), measure) in enumerate(asked)
    ]
    left_out = [event for number, event in enumerate(history) if number in late]
    in_time = [event for number, event in enumerate(history) if number not in late]
    with store.write() as tx:
        tx.rollback_only()
        assert usage.append(tx, rows(tx, history)).accepted == len(history)
        found = usage.totals(tx, requests)
        without = usage.totals(tx, requests, marks(left_out))
        apart = by_child(tx, requests)
    for request in requests:
        assert found.get(request.window.key, Fraction(0)) == by_the_core(request, history)
        assert without.get(request.window.key, Fraction(0)) == by_the_core(request, in_time)
        for user in ("nova", "east", "far-east", "mira"):
            alone = by_the_core(request, [event for event in history if event.user == user])
            assert apart[request.window.key].get(user, Fraction(0)) == alone
        if request.is_plain:
            assert sum(apart[request.window.key].values()) == found.get(request.window.key, Fraction(0))


def marks(history: list[UsageEvent]) -> dict[str, list[LateMark]]:
    """The events as late ones."""
    found: dict[str, list[LateMark]] = {}
    for event in history:
        reference = (event.at // (24 * HOUR), event_key(event.id, event.child))
        found.setdefault(event.customer, []).append(LateMark(event.event, Instant(event.at), reference))
    return found


def rows(tx: Tx, history: list[UsageEvent]) -> list[EventRow]:
    """The events as an import hands them to the store."""
    seqs = {"nova": 1, "mira": 2, "east": 3, "far-east": 4}
    numbers = usage.meter_ids(tx, (event.event for event in history), create=True)
    return [
        event_row(
            event,
            payload_hash(event.user, event.event, event.at, event.quantity, event.properties, event.corrects),
            seqs[event.customer],
            numbers[event.event],
            child=seqs.get(event.child, 0),
        )
        for event in history
    ]


def by_the_core(request: UsageRequest, history: list[UsageEvent]) -> Fraction:
    """The reference: all of the customer's events up to the window's end, under the feature's present id."""
    window, meter = request.window, request.meter
    own = [
        replace(event, event="minutes" if event.event in ALIASES else event.event)
        for event in history
        if event.customer == window.customer and event.at < window.ends_at
    ]
    if window.measure == "peak":
        return peak(meter, "minutes", own, Span(window.starts_at, window.ends_at))
    inside = [event for event in own if event.at >= window.starts_at]
    if meter.aggregate != "weighted":
        return aggregate(meter, "minutes", inside, Span(window.starts_at, window.ends_at))
    brought = level(meter, "minutes", [event for event in own if event.at < window.starts_at])
    return aggregate(meter, "minutes", inside, Span(window.starts_at, window.span_ends_at), brought)
