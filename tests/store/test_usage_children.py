"""What everybody of a company used, kept apart in the store; the numbers are worked out by hand."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest

from planctl.core.catalog.model import Meter
from planctl.core.customers import Customer
from planctl.core.instants import FOREVER
from planctl.core.invoicing.model import EventAmount, Measure, UsageWindow
from planctl.core.metering.model import UsageEvent, payload_hash
from planctl.core.periods import Instant
from planctl.store import customers, usage
from planctl.store.engine import Store, Tx
from planctl.store.settings import put_setting
from planctl.store.usage import AppendResult, EventRow, UsageRequest
from planctl.store.usage_children import branch, by_child, companies
from planctl.store.usage_customers import usage_customers
from planctl.store.usage_mapping import event_row
from tests.store.samples import DAY, on_day

HOUR = DAY // 24


class Company:
    """acme with east and north below it, and north-1 below north; nova beside it."""

    def __init__(self, tx: Tx) -> None:
        self.tx = tx
        people = [Customer("acme"), Customer("east", parent="acme"), Customer("north", parent="acme")]
        self.seqs = customers.add_all(tx, [*people, Customer("north-1", parent="north"), Customer("nova")])

    def row(self, event: UsageEvent) -> EventRow:
        meter = usage.meter_ids(self.tx, [event.event], create=True)[event.event]
        payload = payload_hash(
            event.user, event.event, event.at, event.quantity, event.properties, event.corrects
        )
        root, child = self.seqs[event.customer], self.seqs.get(event.child, 0)
        return event_row(event, payload, root, meter, child=child)

    def append(self, *events: UsageEvent) -> AppendResult:
        return usage.append(self.tx, [self.row(event) for event in events])

    def apart(
        self, meter: Meter, measure: Measure = "total", feature: str = "chats"
    ) -> Mapping[str, Fraction]:
        """What each used of a feature in January, whose allowance period is ten days long."""
        window = UsageWindow("sub_1", "acme", feature, on_day(0), on_day(10), on_day(10), measure)
        return by_child(self.tx, [UsageRequest(window, meter)])[window.key]


def used(child: str, event_id: str, quantity: str = "1", hours: int = 0, **changes: Any) -> UsageEvent:
    """An event of acme, or of a child of it, some hours into 2026."""
    at = on_day(0) + hours * HOUR
    plain = UsageEvent(
        event_id, "acme", "chats", at, Decimal(quantity), child="" if child == "acme" else child
    )
    return replace(plain, **changes)


@pytest.fixture
def company(tx: Tx) -> Company:
    return Company(tx)


@pytest.fixture
def tx(store: Store) -> Any:
    with store.write() as opened:
        yield opened


def test_one_id_of_two_children_and_of_the_company_itself_is_three_events(company: Company) -> None:
    assert company.append(used("east", "e1"), used("north", "e1", "2"), used("acme", "e1", "4")).accepted == 3
    again = company.append(used("east", "e1"), used("north", "e1", "2"), used("acme", "e1", "4"))
    assert again == AppendResult(duplicates=3)
    (conflict,) = company.append(used("north", "e1", "9")).conflicts
    assert conflict.quantity == 2
    assert company.apart(Meter()) == {"acme": 4, "east": 1, "north": 2}


def test_strict_identities_are_apart_by_child_too(company: Company) -> None:
    put_setting(company.tx, "dedup", "strict")
    assert company.append(used("east", "e1"), used("north", "e1")).accepted == 2
    assert company.append(used("east", "e1", hours=30)).conflicts, "on whatever day"
    assert company.append(used("acme", "e1", hours=30)).accepted == 1


@pytest.mark.parametrize(
    ("meter", "measure", "apart"),
    [
        (Meter(), "total", {"acme": 1, "east": 5, "north-1": 3}),
        (Meter("call", "max", "n"), "total", {"east": 5, "north-1": 3}),
        (Meter("call", "last", "n"), "total", {"east": 2, "north-1": 3}),
        (Meter("call", "unique", "n"), "total", {"east": 2, "north-1": 1}),
        # east's level is 2, and 5 from day 5 on: (2 × 5 + 5 × 5) / 10; north-1 has 3 from day 8 on: 3 × 2 / 10.
        (Meter("level", "weighted"), "total", {"east": Fraction("3.5"), "north-1": Fraction("0.6")}),
        (Meter("level"), "peak", {"east": 5, "north-1": 3}),
    ],
    ids=["sum", "max", "last", "unique", "weighted", "peak"],
)
def test_everybody_is_measured_alone(
    company: Company, meter: Meter, measure: Measure, apart: dict[str, object]
) -> None:
    company.append(
        *(used("acme", "a"), used("east", "a", "2"), used("east", "b", "3", 30), used("north-1", "a", "3")),
        used("east", "c", event="call", properties={"n": "5"}),
        used("east", "d", event="call", hours=3, properties={"n": "2"}),
        used("north-1", "c", event="call", properties={"n": "3"}),
        used("east", "before", "2", -50, event="level"),
        used("east", "more", "3", 5 * 24, event="level"),
        used("north-1", "more", "3", 8 * 24, event="level"),
        UsageEvent("n", "nova", "chats", on_day(0), Decimal(100)),
    )
    feature = "chats" if not meter.event else "fed"
    assert company.apart(meter, measure, feature) == apart


def test_who_comes_to_nothing_is_left_out(company: Company) -> None:
    company.append(used("east", "a", "2"), used("east", "back", "-2", corrects="a"), used("north", "x", "0"))
    assert company.apart(Meter()) == {}


def test_sums_of_many_children_are_exact(company: Company) -> None:
    most = "999999999999999999.999999999999"
    company.append(*(used("east", f"e{number}", most) for number in range(30)), used("north", "n", "-0.5"))
    assert company.apart(Meter()) == {"east": 30 * Fraction(Decimal(most)), "north": Fraction(-1, 2)}


def test_a_correction_takes_its_amount_from_the_event_of_its_own_child(company: Company) -> None:
    paid = {"amount": "10"}
    company.append(
        used("east", "p1", event="payment", properties=paid),
        used("north", "p1", hours=1, event="payment", properties={"amount": "99"}),
        used("east", "back", "-1", 2, event="payment", corrects="p1"),
    )
    window = UsageWindow("sub_1", "acme", "payments", on_day(0), on_day(10), on_day(10))
    request = UsageRequest(window, Meter("payment", "count"))
    (left,) = usage.amounts(company.tx, [(request, "amount")])[window.key]
    assert left == EventAmount(Instant(on_day(0) + HOUR), Fraction(1), Fraction(99))


def test_events_are_read_with_their_child_and_of_whom_was_asked(company: Company) -> None:
    company.append(used("acme", "a"), used("east", "b"), used("north-1", "c"), used("north", "d" * 20))

    def of(*users: str) -> set[tuple[str, str]]:
        found = usage.events(company.tx, "acme", ["chats"], 0, FOREVER, users)
        return {(one.user, one.id) for one in found}

    assert of() == {("acme", "a"), ("east", "b"), ("north-1", "c"), ("north", "d" * 20)}
    assert of("acme") == {("acme", "a")}
    assert of("north", "north-1") == {("north-1", "c"), ("north", "d" * 20)}
    assert [one.user for one in usage.corrected(company.tx, "acme", "east", ["chats"], ["b", "c"])] == [
        "east"
    ]
    exported = [one.user for one in usage.recorded(company.tx, ["east"], (), 0, FOREVER)]
    assert exported == ["east"]


def test_a_company_and_its_branches_are_known(company: Company) -> None:
    tx = company.tx
    assert companies(tx, ["acme", "east", "north", "nova"]) == {"acme", "north"}
    assert branch(tx, "acme") == ("acme", "east", "north", "north-1")
    assert branch(tx, "north") == ("north", "north-1")
    assert branch(tx, "nova") == ("nova",)
    assert branch(tx, "nobody") == ()
    deep = usage_customers(tx, ["north-1"])["north-1"]
    assert (deep.root, deep.seq, deep.child_seq) == ("acme", company.seqs["acme"], company.seqs["north-1"])
    assert usage_customers(tx, ["acme"])["acme"].child_seq == 0
