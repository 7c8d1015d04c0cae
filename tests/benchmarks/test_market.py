"""The store that benchmarks measure is a sound one, and the raw floor beside planctl bills the same amounts."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from benchmarks import _floor
from benchmarks._market import Size, make
from planctl.__main__ import main
from planctl.store.engine import open_store
from planctl.store.laws import LAWS
from planctl.workflows.maintain_store import examine
from tests import stores

LINES = """
SELECT l.feature, l.quantity, l.amount FROM invoice_line l JOIN invoice i ON i.id = l.invoice
 WHERE i.subscription = ? AND i.period_idx = 1 ORDER BY l.feature
"""
TOTALS = "SELECT subscription, currency, total FROM invoice WHERE period_idx = 1 ORDER BY subscription"


def made(path: Path, size: Size) -> Path:
    """A store on which January's fees are billed."""
    make(stores.url(path), size)
    bill(path, "2026-01-01")
    return path


def bill(path: Path, day: str) -> None:
    """What is due by a day is billed."""
    assert main(["--store", stores.address(path), "--as-of", day, "--quiet", "invoice", "run"]) == 0


@pytest.fixture(scope="module")
def market(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Twenty subscriptions with an event a day each, billed on 1 February."""
    path = made(tmp_path_factory.mktemp("market") / "market.db", Size(20, 31))
    bill(path, "2026-02-01")
    yield path
    stores.remove(path)


def test_every_law_holds_on_the_store(market: Path) -> None:
    with open_store(stores.address(market)) as store, store.read() as tx:
        assert [verdict.law.id for verdict in examine(tx, LAWS) if not verdict.holds] == []


def test_every_event_of_the_month_is_there(market: Path) -> None:
    with stores.raw(market) as raw:
        assert raw.execute("SELECT COUNT(*) FROM usage_event").fetchone() == (620,)


def test_a_customer_in_dollars_pays_what_the_events_come_to(market: Path) -> None:
    """The second customer has event (62 + d) × 7 on day d; its rest by 3 is the meter, its rest by 5 and 1 the units.

    With m = 62 + d from 62 to 92, the meter is the rest of m by 3 and the units are 1 + the rest of 2m by 5.
    Calls, m = 63 … 90: 2+3+4+5+1 twice, 30 units, 10 included, 20 × 0.013 = 0.26.
    Minutes, m = 64 … 91: 4+5+1+2+3 twice, 30 units, 5 included, 25 × 0.05 = 1.25.
    Storage, m = 62 … 92: 5+1+2+3+4 twice and 5, 35 units × 0.002 = 0.07.
    """
    with stores.raw(market) as raw:
        assert raw.execute(LINES, ["sub_0000001"]).fetchall() == [
            ("", "1", 19_00),
            ("calls", "20", 26),
            ("minutes", "25", 1_25),
            ("storage", "35", 7),
        ]


def test_a_customer_in_euros_pays_what_the_events_come_to(market: Path) -> None:
    """The first customer has m = 31 … 61. Calls, m = 33 … 60: 2+3+4+5+1 twice, 20 beyond × 0.012 = 0.24.

    Minutes, m = 31 … 61: 3+4+5+1+2 twice and 3, 33 units, 28 beyond × 0.05 = 1.40. Storage, m = 32 … 59:
    5+1+2+3+4 twice, 30 × 0.002 = 0.06.
    """
    with stores.raw(market) as raw:
        assert raw.execute(LINES, ["sub_0000000"]).fetchall() == [
            ("", "1", 18_00),
            ("calls", "20", 24),
            ("minutes", "28", 1_40),
            ("storage", "30", 6),
        ]


def test_the_raw_floor_and_the_billing_run_make_the_same_totals(tmp_path: Path) -> None:
    """With ten events a day most customers use more calls than the first tier has."""
    ours = made(tmp_path / "ours.db", Size(50, 310))
    floor = stores.copy(ours, tmp_path / "floor.db")
    bill(ours, "2026-02-01")
    (_floor.postgres if stores.ON_POSTGRES else _floor.sqlite)(stores.address(floor))
    with stores.raw(ours) as first, stores.raw(floor) as second:
        billed = first.execute(TOTALS).fetchall()
        assert len(billed) == 50
        assert second.execute(TOTALS).fetchall() == billed
