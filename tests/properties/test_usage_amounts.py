"""Events that are billed by their amount: what corrections leave of them, for every history."""

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
from planctl.core.metering.model import UsageEvent, payload_hash
from planctl.core.periods import Instant
from planctl.store import customers, usage
from planctl.store.engine import Store, open_store
from planctl.store.usage import UsageRequest, event_row
from tests import stores

START = 1_767_225_600_000_000  # 2026-01-01T00:00:00Z
HOUR = 3_600_000_000
WINDOW = UsageWindow(
    "sub", "nova", "payments", Instant(START), Instant(START + 50 * HOUR), Instant(START + 50 * HOUR)
)

payments = st.tuples(st.integers(0, 59), st.decimals(0, 9, places=1), st.decimals(0, 10**6, places=2))
"""The hour, the quantity and the amount."""

takings = st.tuples(st.integers(0, 59), st.integers(0, 9), st.decimals(0, 12, places=1))
"""The hour, the number of the payment that it names, and how much it takes back."""


@pytest.fixture(scope="module")
def store() -> Iterator[Store]:
    """One store for all examples, each of which is undone."""
    with (
        TemporaryDirectory() as folder,
        open_store(stores.url(Path(folder) / "s.db"), create=True, at=0) as opened,
    ):
        with opened.write() as tx:
            customers.add_all(tx, [Customer("nova")])
        yield opened


@given(made=st.lists(payments, max_size=8), taken=st.lists(takings, max_size=5))
def test_units_are_conserved_and_amounts_go_with_them(
    store: Store,
    made: list[tuple[int, Decimal, Decimal]],
    taken: list[tuple[int, int, Decimal]],
) -> None:
    history = [
        UsageEvent(f"p{n}", "nova", "payments", START + hour * HOUR, quantity, {"amount": amount})
        for n, (hour, quantity, amount) in enumerate(made)
    ]
    history += [
        UsageEvent(f"c{n}", "nova", "payments", START + hour * HOUR, -quantity, {}, f"p{of}")
        for n, (hour, of, quantity) in enumerate(taken)
        if quantity
    ]
    with store.write() as tx:
        tx.rollback_only()
        meter = usage.meter_ids(tx, ["payments"], create=True)["payments"]
        for one in history:
            payload = payload_hash("nova", "payments", one.at, one.quantity, one.properties, one.corrects)
            usage.append(tx, [event_row(one, payload, 1, meter)])
        found = usage.amounts(tx, [(UsageRequest(WINDOW, Meter()), "amount")])[WINDOW.key]
    inside = [one for one in history if one.at < WINDOW.ends_at]
    used = sum((Fraction(one.quantity) for one in inside), Fraction(0))
    assert sum((one.quantity for one in found), Fraction(0)) == max(used, Fraction(0))
    assert all(one.quantity >= 0 and one.amount >= 0 for one in found)
    assert [one.at for one in found] == sorted(one.at for one in found)
    prices = {(one.at, Fraction(one.properties["amount"]) / Fraction(one.quantity))
              for one in inside if one.quantity > 0}  # fmt: skip
    assert {(one.at, one.amount / one.quantity) for one in found if one.quantity} <= prices
    if not any(one.corrects for one in inside):
        assert len(found) == len(inside)
