"""Usage on PostgreSQL: the same events give the same exact totals as on SQLite."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction

import pytest

from planctl.core.catalog.model import Meter
from planctl.core.instants import FOREVER
from planctl.core.invoicing.model import EventAmount
from planctl.core.periods import Instant
from planctl.store import usage
from planctl.store.engine import Store
from tests.store.samples import on_day
from tests.store.test_postgres import store, url
from tests.store.test_usage_children import Company, used
from tests.store.test_usage_store import SUM, World, an_event

__all__ = ["store", "url"]

pytestmark = pytest.mark.postgres


def test_sums_beyond_64_bits_are_exact_here_too(store: Store) -> None:
    # 3,000 events of 10^18 − 10^-12 each, and one that takes 10^18 − 10^-12 back.
    most = "999999999999999999.999999999999"
    with store.write() as tx:
        world = World(tx)
        world.append(*(an_event(f"e{number}", most, hours=number % 700) for number in range(3000)))
        world.append(an_event("back", f"-{most}", hours=700, corrects="e0"))
        assert world.total(SUM) == 2999 * Fraction(Decimal(most))


def test_levels_amounts_and_late_marks_are_read_here_too(store: Store) -> None:
    with store.write() as tx:
        world = World(tx)
        world.append(an_event("s1", "5", -30, event="seats"), an_event("s2", "-2", 30, event="seats"))
        world.append(an_event("p1", event="payment", properties={"amount": "12.50"}))
        world.append(an_event("m1", "3"), late=True)
        held = world.request(Meter(), feature="seats", measure="peak")
        mean = world.request(Meter("seats", "weighted"), feature="load", starts=0, ends=10)
        paid = world.request(Meter("payment", "count"), feature="payments")
        late = usage.late_marks(tx, ["nova"])
        found = usage.totals(tx, [held, mean, paid, world.request(SUM)], late)
        # The level is 5; 2 are given back with 210 of 240 hours left: 5 − 1.75.
        assert [found[one.window.key] for one in (held, mean, paid)] == [5, Fraction("3.25"), 1]
        assert not found.get(world.request(SUM).window.key)
        assert usage.amounts(tx, [(paid, "amount")]) == {
            paid.window.key: (EventAmount(Instant(on_day(0)), Fraction(1), Fraction("12.5")),)
        }
        kept = [event.id for event in usage.recorded(tx, ["nova"], (), 0, FOREVER)]
        assert kept == ["s1", "m1", "p1", "s2"], "by time, and larger quantities of one instant first"
        usage.clear_marks(tx, "nova", late["nova"])
        assert usage.late_marks(tx, ["nova"]) == {"nova": ()}


def test_everybody_of_a_company_is_told_apart_here_too(store: Store) -> None:
    with store.write() as tx:
        company = Company(tx)
        company.append(used("east", "e1", "2"), used("north", "e1", "3"), used("acme", "e1", "0.5"))
        company.append(used("east", "c", event="call", properties={"n": "5"}), used("east", "e1", "2"))
        assert company.apart(SUM) == {"acme": Fraction(1, 2), "east": 2, "north": 3}
        assert company.apart(Meter("call", "max", "n"), feature="fed") == {"east": 5}
        assert {one.user for one in usage.recorded(tx, ["east", "north"], (), 0, FOREVER)} == {
            "east",
            "north",
        }
