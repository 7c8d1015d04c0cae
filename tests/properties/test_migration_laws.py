"""What is taken back before the renewal never was, whatever runs; and no law is broken on the way."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from decimal import Decimal
from functools import cache
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from planctl.core.subscriptions.model import ENDED, Subscription
from planctl.core.waves.model import Migration
from planctl.store import subscriptions
from planctl.store.engine import open_store
from planctl.store.subscriptions import SubscriptionFilter
from planctl.workflows.lock_subscription import lock
from tests import stores
from tests.workflows.business import Business, t
from tests.workflows.moving import Moving, make_store, migration, moved, stays


@dataclass(frozen=True)
class Runs:
    """How somebody's Pro runs before the migration."""

    day: int
    pay: str
    units: int
    seats: int
    agreed: bool
    locked: bool
    addon: bool
    canceled: bool


RUNS = st.builds(
    Runs,
    day=st.integers(1, 4),
    pay=st.sampled_from(["month", "month", "year"]),
    units=st.integers(1, 3),
    seats=st.sampled_from([0, 3, 7]),
    agreed=st.booleans(),
    locked=st.sampled_from([False, False, True]),
    addon=st.booleans(),
    canceled=st.sampled_from([False, False, False, True]),
)
MIGRATIONS = st.builds(
    lambda batches, limit: migration(batches=batches, max_increase=limit),
    batches=st.integers(1, 3),
    limit=st.sampled_from([None, Decimal("0.1"), Decimal("0.2")]),
)


@cache
def template() -> Path:
    """A test store that sells Pro v1, made once."""
    path = Path(tempfile.mkdtemp(prefix="moving-")) / "books.db"
    make_store(path)
    return path


def begin(business: Business, name: str, how: Runs) -> None:
    business.customer(name)
    at = f"2026-01-0{how.day}"
    business.subscribe(
        name,
        "pro",
        at,
        pay=how.pay,
        quantity=how.units,
        quantities={"seats": Decimal(how.seats)} if how.seats else {},
        negotiated={"due": "30 days"} if how.agreed else {},
    )
    if how.addon:
        business.subscribe(name, "extra", at, pay="month")
    if how.locked:
        with business.store.write() as tx:
            lock(tx, f"{name}/pro", "talks", t("2026-01-06"))
    if how.canceled:
        business.cancel(f"{name}/pro", "2026-01-06")


def alive(business: Business) -> dict[str, Subscription]:
    """Everything that has not ended, as the store has it."""
    with business.store.read() as tx:
        found = subscriptions.listing(tx, SubscriptionFilter())
    return {one.id: one for one in found if one.status not in ENDED}


@pytest.mark.slow
@settings(max_examples=12)
@given(several=st.lists(RUNS, min_size=1, max_size=4), wanted=MIGRATIONS, later=st.integers(10, 31))
def test_what_is_taken_back_before_the_renewal_never_was(
    several: list[Runs], wanted: Migration, later: int
) -> None:
    with tempfile.TemporaryDirectory(prefix="moving-") as folder:
        path = Path(folder) / "books.db"
        stores.copy(template(), path)
        with open_store(stores.url(path)) as store:
            business = Business(store)
            moving = Moving(business, Path(folder))
            for number, how in enumerate(several):
                begin(business, f"c{number}", how)
            moving.sell()
            before = alive(business)
            check_there_and_back(moving, wanted, f"2026-01-{later}")
            assert alive(business) == before
            business.check()


def check_there_and_back(moving: Moving, wanted: Migration, at: str) -> None:
    """Everybody is either moved or stays, as the plan said; all who were moved are taken back."""
    planned = moving.preview(wanted)
    done = moving.apply(wanted)
    assert (moved(done), stays(done)) == (moved(planned), stays(planned))
    locked = {one.customer for one in alive(moving.business).values() if one.locked}
    assert locked.isdisjoint(moved(done))
    moving.business.check()
    undone, left = moving.undo(at=at)
    assert (len(undone), left) == (len(moved(done)), [])
