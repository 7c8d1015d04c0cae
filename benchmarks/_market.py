"""Makes a store full of subscriptions to one metered plan, and of a month of their usage, the same every time.

Everything is written by planctl's own store, past its commands: a hundred thousand subscriptions take seconds.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal

from planctl.core.catalog.diff import diff
from planctl.core.catalog.parse import parse
from planctl.core.currencies import iso_currency
from planctl.core.customers import Customer
from planctl.core.document import Mapping
from planctl.core.instants import DAY_MICROSECONDS, Instant
from planctl.core.invoicing.advance import next_action
from planctl.core.metering.model import payload_hash
from planctl.core.subscriptions.model import Status, Subscription, Transition
from planctl.core.subscriptions.start import Offered
from planctl.files.yaml_reader import read_text
from planctl.store import catalog, customers, subscriptions
from planctl.store.catalog import CatalogWrite
from planctl.store.engine import Tx, open_store
from planctl.store.offers import offered
from planctl.store.sets import put_tuples
from planctl.store.usage_meters import meter_ids
from planctl.store.usage_months import make_months

CATALOG = """\
format: planctl.catalog/1
catalog: market
currencies: {USD: , EUR: }
features:
  calls: {type: metered, name: Calls, unit: call}
  minutes: {type: metered, name: Voice, unit: minute}
  storage: {type: metered, name: Storage, unit: GB}
groups:
  main: {name: Plans}
plans:
  pro:
    name: Pro
    group: main
    due: 60 days
    price: {month: {USD: 19, EUR: 18}}
    features:
      calls:
        included: 10
        beyond:
          charge: usage
          graduated: [{to: 100, each: {USD: 0.013, EUR: 0.012}}, {each: {USD: 0.009, EUR: 0.008}}]
      minutes:
        included: 5
        beyond: {charge: usage, each: {USD: 0.05, EUR: 0.05}}
      storage:
        beyond: {charge: usage, each: {USD: 0.002, EUR: 0.002}}
"""
"""One plan; nobody is past due within the month that is measured."""

METERS = ("calls", "minutes", "storage")
BORN = Instant(1_767_225_600_000_000)
"""2026-01-01T00:00:00Z: every subscription starts here."""
DAYS = 31
MONTH_LATER = Instant(BORN + DAYS * DAY_MICROSECONDS)
"""2026-02-01T00:00:00Z: the first full month is billed."""
_AT_ONCE = 5_000


@dataclass(frozen=True, slots=True)
class Size:
    """How many subscriptions, each of a customer of its own, and how many events each of them has in the month."""

    subscriptions: int
    events_each: int = 100

    @property
    def events(self) -> int:
        """All events."""
        return self.subscriptions * self.events_each


def make(url: str, size: Size) -> None:
    """A new test store with the catalog, the subscriptions and their events; nothing is billed yet."""
    with open_store(url, create=True, at=BORN, is_test=True) as store:
        with store.write() as tx:
            sold = _sell(tx)
            for first in range(0, size.subscriptions, _AT_ONCE):
                _subscribe(tx, sold, range(first, min(first + _AT_ONCE, size.subscriptions)))
            meters = meter_ids(tx, METERS, create=True)
            make_months(tx, [BORN // DAY_MICROSECONDS])
        for day in range(DAYS):
            with store.write() as tx:
                rows = _events(size, day, [meters[name] for name in METERS])
                while some := [row for _, row in zip(range(200_000), rows, strict=False)]:
                    put_tuples(tx, "usage_event", _COLUMNS, some)


def _sell(tx: Tx) -> Offered:
    source = read_text(CATALOG, "market.yaml").files[0]
    assert isinstance(source.node, Mapping)
    parsed = parse([(source.name, source.node)])
    desired = parsed.catalog
    assert parsed.usable, parsed.findings
    assert desired is not None
    changes = diff(catalog.stored_catalog(tx), desired, holders={})
    catalog.write_changes(tx, CatalogWrite.of(changes, desired, actor="benchmark", at=BORN))
    return offered(tx, "pro", 1)


def _subscribe(tx: Tx, sold: Offered, numbers: range) -> None:
    made = [_subscription(sold, number) for number in numbers]
    customers.add_all(tx, [Customer(one.customer, created_at=BORN) for one in made])
    subscriptions.insert_many(tx, [(one, next_action(one, ())) for one in made])
    begun = [Transition(one.id, Status.PENDING, Status.ACTIVE, BORN, "start") for one in made]
    subscriptions.add_transitions(tx, begun, BORN)


def _subscription(sold: Offered, number: int) -> Subscription:
    """Every third pays in euros."""
    currency = iso_currency("USD" if number % 3 else "EUR")
    assert currency is not None
    return Subscription(
        id=f"sub_{number:07}",
        customer=f"customer_{number:07}",
        plan=sold.plan,
        plan_version=sold.version,
        terms=sold.terms,
        terms_hash=sold.terms_hash,
        currency=currency,
        pay="month",
        timezone="UTC",
        started_at=BORN,
        anchor_at=BORN,
        status=Status.ACTIVE,
        exclusive_group="main",
        catalog_revision=1,
        created_at=BORN,
    )


_COLUMNS = (
    *("day", "customer", "meter", "event_key", "at"),
    *("quantity", "fraction", "payload_hash", "batch", "child"),
)


def _events(size: Size, day: int, meters: list[int]) -> Iterator[tuple[object, ...]]:
    """One day's rows in key order: the customer's events go over the meters in turn, one to five units each."""
    utc_day = BORN // DAY_MICROSECONDS + day
    today = size.events_each // DAYS + (day < size.events_each % DAYS)
    units = [Decimal(quantity) for quantity in range(6)]
    for customer in range(1, size.subscriptions + 1):
        numbers = [(customer * DAYS + day) * 7 + place for place in range(today)]
        for place, meter in enumerate(meters):
            for number in sorted(one for one in numbers if one % len(meters) == place):
                at = utc_day * DAY_MICROSECONDS + number * 7_919 % 86_400 * 1_000_000
                quantity = 1 + number % 5
                said = payload_hash(f"customer_{customer - 1:07}", METERS[place], at, units[quantity], {}, "")
                yield (utc_day, customer, meter, b"%015d" % number, at, quantity, 0, said, 0, 0)
