"""Usage events are kept once each, whatever is sent again, and are summed exactly."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest

from planctl.core.catalog.model import Aggregate, Meter
from planctl.core.instants import FOREVER
from planctl.core.invoicing.facts import LateMark
from planctl.core.invoicing.model import EventAmount, Measure, UsageWindow
from planctl.core.metering.model import Property, UsageEvent, payload_hash
from planctl.core.periods import Instant
from planctl.errors import StoreFailure
from planctl.store import usage
from planctl.store.engine import Store, Tx
from planctl.store.settings import put_setting
from planctl.store.usage import AppendResult, Batch, EventRow, LateEvent, UsageRequest
from planctl.store.usage_mapping import event_row
from planctl.store.usage_meters import stored_days
from tests.store.samples import DAY, NEW_YEAR, on_day, with_customers

HOUR = DAY // 24


class World:
    """Customers nova (1) and mira (2), meters made as they are named, and a short way to record events."""

    def __init__(self, tx: Tx) -> None:
        self.tx = tx
        self.customers = with_customers(tx, ["nova", "mira"])

    def row(self, event: UsageEvent, late: bool = False) -> EventRow:
        meter = usage.meter_ids(self.tx, [event.event], create=True)[event.event]
        payload = payload_hash(
            event.customer, event.event, event.at, event.quantity, event.properties, event.corrects
        )
        return event_row(event, payload, self.customers[event.customer], meter, late)

    def append(self, *events: UsageEvent, batch: int = 0, late: bool = False) -> AppendResult:
        return usage.append(self.tx, [self.row(event, late) for event in events], batch)

    def request(
        self, meter: Meter, feature: str = "minutes", aliases: tuple[str, ...] = (), *,
        starts: int = 0, ends: int = 31, span_ends: int = 0, measure: Measure = "total",
    ) -> UsageRequest:  # fmt: skip
        """What nova used from one day to another."""
        window = UsageWindow(
            "sub_1", "nova", feature, on_day(starts), on_day(ends), on_day(span_ends or ends), measure
        )
        return UsageRequest(window, meter, aliases)

    def total(self, meter: Meter, feature: str = "minutes", aliases: tuple[str, ...] = ()) -> Fraction:
        request = self.request(meter, feature, aliases)
        return usage.totals(self.tx, [request]).get(request.window.key, Fraction(0))


def an_event(event_id: str, quantity: str = "1", hours: int = 0, **changes: Any) -> UsageEvent:
    """An event of nova that names the feature `minutes`, some hours into 2026."""
    plain = UsageEvent(event_id, "nova", "minutes", on_day(0) + hours * HOUR, Decimal(quantity))
    return replace(plain, **changes)


SUM = Meter()


def test_the_same_event_again_is_a_duplicate(store: Store) -> None:
    with store.write() as tx:
        world = World(tx)
        assert world.append(an_event("e1", "2"), an_event("e2", "3")) == AppendResult(accepted=2)
        assert world.append(an_event("e2", "3"), an_event("e3", "4")) == AppendResult(
            accepted=1, duplicates=1
        )
        assert world.total(SUM) == 9
    with store.write() as tx:
        again = [an_event("e1", "2"), an_event("e2", "3"), an_event("e3", "4")]
        world.tx = tx
        assert world.append(*again) == AppendResult(duplicates=3)
        assert world.total(SUM) == 9


def test_other_content_under_an_id_is_a_conflict_that_tells_what_is_kept(store: Store) -> None:
    with store.write() as tx:
        world = World(tx)
        world.append(an_event("e1", "2.5", hours=1), batch=7)
        result = world.append(an_event("e0"), an_event("e1", "3", hours=1), an_event("e2"))
        assert (result.accepted, result.duplicates) == (2, 0)
        [conflict] = result.conflicts
        assert (conflict.position, conflict.row.quantity) == (1, Decimal(3))
        assert (conflict.quantity, conflict.at, conflict.batch) == (Decimal("2.5"), on_day(0) + HOUR, 7)
        assert world.total(SUM) == Fraction("4.5")


def test_repeats_and_contradictions_inside_one_call_are_told_apart(store: Store) -> None:
    with store.write() as tx:
        world = World(tx)
        result = world.append(
            an_event("e1", "1"), an_event("e1", "1"), an_event("e1", "5"), an_event("e2", "1", hours=2)
        )
        assert (result.accepted, result.duplicates) == (2, 1)
        assert [(one.position, one.quantity, one.batch) for one in result.conflicts] == [(2, Decimal(1), -1)]
        assert world.total(SUM) == 2


def test_a_conflict_of_the_call_and_one_with_the_store_come_in_the_order_of_the_rows(store: Store) -> None:
    with store.write() as tx:
        world = World(tx)
        world.append(an_event("e1", "1"))
        result = world.append(
            an_event("e1", "2"), an_event("e2", "1"), an_event("e2", "2"), an_event("e1", "3")
        )
        assert result.accepted == 1
        assert [one.position for one in result.conflicts] == [0, 2, 3]


def test_an_id_is_unique_per_customer_meter_and_utc_day(store: Store) -> None:
    last_hour, next_day = 23, 24
    with store.write() as tx:
        world = World(tx)
        result = world.append(
            an_event("e1", hours=last_hour),
            an_event("e1", hours=next_day),
            an_event("e1", customer="mira"),
            an_event("e1", event="chats"),
        )
        assert result == AppendResult(accepted=4)
        again = world.append(an_event("e1", hours=last_hour), an_event("e1", hours=last_hour - 1))
        assert (again.accepted, again.duplicates) == (0, 1)
        assert [(one.position, one.at) for one in again.conflicts] == [(1, on_day(0) + last_hour * HOUR)]
        assert world.total(SUM) == 2


def test_what_is_stored_decides_before_what_came_earlier_in_the_call(store: Store) -> None:
    with store.write() as tx:
        world = World(tx)
        world.append(an_event("e1", "1"), batch=3)
        result = world.append(an_event("e1", "2"), an_event("e1", "1"), an_event("e1", "2"))
        assert (result.accepted, result.duplicates) == (0, 1)
        assert [(one.position, one.quantity, one.batch) for one in result.conflicts] == [
            (0, Decimal(1), 3),
            (2, Decimal(1), 3),
        ]


def test_with_strict_dedup_an_id_is_unique_for_ever(store: Store) -> None:
    with store.write() as tx:
        world = World(tx)
        put_setting(tx, "dedup", "strict")
        assert world.append(an_event("e1", "2"), an_event("e9", hours=5)).accepted == 2
        result = world.append(
            an_event("e1", "2", hours=24 * 400), an_event("e1", "2"), an_event("e2", hours=24 * 400)
        )
        assert (result.accepted, result.duplicates) == (1, 1)
        [conflict] = result.conflicts
        assert (conflict.position, conflict.quantity, conflict.at) == (0, Decimal(2), on_day(0))
        inside = world.append(an_event("e5"), an_event("e5", hours=48))
        assert (inside.accepted, [one.position for one in inside.conflicts]) == (1, [1])
        assert world.append(an_event("e5", customer="mira")).accepted == 1


def test_events_from_before_dedup_was_strict_are_found_on_their_day(store: Store) -> None:
    with store.write() as tx:
        world = World(tx)
        world.append(an_event("e1"))
        put_setting(tx, "dedup", "strict")
        assert world.append(an_event("e1"), an_event("e2")) == AppendResult(accepted=1, duplicates=1)
        assert [one.position for one in world.append(an_event("e1", "2")).conflicts] == [0]
        assert world.append(an_event("e2", hours=48)).accepted == 0


def test_an_import_read_twice_adds_nothing_however_it_is_cut(store: Store) -> None:
    events = [an_event(f"event-number-{n:06}", str(n), hours=n % 700) for n in range(1, 2001)]
    with store.write() as tx:
        world = World(tx)
        assert world.append(*events[:1500]).accepted == 1500
        second = world.append(*events[700:])
        assert (second.accepted, second.duplicates, second.conflicts) == (500, 800, ())
        assert world.total(SUM) == 2000 * 2001 // 2


def test_fractions_and_corrections_sum_exactly(store: Store) -> None:
    with store.write() as tx:
        world = World(tx)
        world.append(
            an_event("e1", "0.1"),
            an_event("e2", "0.2"),
            an_event("e3", "0.000000000001"),
            an_event("e4", "-0.100000000001", corrects="e1"),
            an_event("e5", "-7.5", corrects="e2"),
        )
        assert world.total(SUM) == Fraction("-7.3")
        found = list(usage.events(tx, "nova", ["minutes"], on_day(0), on_day(1)))
    assert [(event.id, event.quantity, event.corrects) for event in found] == [
        ("e1", Decimal("0.1"), ""),
        ("e2", Decimal("0.2"), ""),
        ("e3", Decimal("0.000000000001"), ""),
        ("e4", Decimal("-0.100000000001"), "e1"),
        ("e5", Decimal("-7.5"), "e2"),
    ]


def test_sums_beyond_64_bits_are_exact(store: Store) -> None:
    with store.write() as tx:
        world = World(tx)
        world.append(
            an_event("e1", "9000000000000000000"),
            an_event("e2", "9000000000000000000"),
            an_event("e3", "0.999999999999"),
        )
        assert world.total(SUM) == 18_000_000_000_000_000_000 + Fraction("0.999999999999")
        world.append(an_event("e4", "-9000000000000000000", corrects="e1"))
        world.append(an_event("e5", "-9000000000000000000", corrects="e2"))
        world.append(an_event("e6", "-9000000000000000000", corrects="e2"))
        assert world.total(SUM) == -9_000_000_000_000_000_000 + Fraction("0.999999999999")


def test_thousands_of_the_largest_quantities_are_summed_exactly(store: Store) -> None:
    most = "999999999999999999.999999999999"
    with store.write() as tx:
        world = World(tx)
        world.append(*(an_event(f"e{number}", most, hours=number % 700) for number in range(3000)))
        world.append(an_event("back", f"-{most}", hours=700, corrects="e0"))
        assert world.total(SUM) == 2999 * Fraction(most)


def test_a_window_holds_its_start_and_not_its_end(store: Store) -> None:
    end = 31 * DAY
    with store.write() as tx:
        world = World(tx)
        world.append(
            an_event("e1", "1", at=on_day(0) - 1),
            an_event("e2", "2", at=on_day(0)),
            an_event("e3", "4", at=on_day(0) + end - 1),
            an_event("e4", "8", at=on_day(0) + end),
        )
        assert world.total(SUM) == 6
        assert world.total(Meter(aggregate="max")) == 4


@pytest.mark.parametrize("aggregate", ["sum", "max"])
def test_a_window_that_starts_and_ends_inside_a_utc_day_is_as_exact(
    store: Store, aggregate: Aggregate
) -> None:
    starts_at, ends_at = Instant(on_day(0) + 5 * HOUR), Instant(on_day(1) + 5 * HOUR)
    window = UsageWindow("sub_1", "nova", "minutes", starts_at, ends_at, ends_at)
    with store.write() as tx:
        world = World(tx)
        world.append(
            an_event("e1", "80", at=starts_at - 1),
            an_event("e2", "3", at=starts_at),
            an_event("e3", "4", at=ends_at - 1),
            an_event("e4", "90", at=ends_at),
        )
        found = usage.totals(tx, [UsageRequest(window, Meter(aggregate=aggregate))])
        seen = [event.id for event in usage.events(tx, "nova", ["minutes"], starts_at, ends_at)]
    assert found == {window.key: 7 if aggregate == "sum" else 4}
    assert seen == ["e2", "e3"]


def test_many_windows_are_summed_at_once_and_each_only_its_own(store: Store) -> None:
    with store.write() as tx:
        world = World(tx)
        names = [f"c{number}" for number in range(1100)]
        world.customers |= with_customers(tx, names)
        world.append(*(an_event("e", str(n), hours=24 * (n % 60), customer=f"c{n}") for n in range(1100)))
        requests = [
            UsageRequest(
                UsageWindow(name, name, "minutes", on_day(n % 60), on_day(n % 60 + 1), on_day(n % 60 + 1)),
                SUM,
            )
            for n, name in enumerate(names)
        ]
        found = usage.totals(tx, requests)
    assert found == {(f"c{n}", "minutes", on_day(n % 60), on_day(n % 60 + 1)): n for n in range(1100)}


def test_an_event_name_feeds_by_its_meter_and_the_feature_s_id_directly(store: Store) -> None:
    with store.write() as tx:
        world = World(tx)
        world.append(
            an_event("e1", "3", event="call"),
            an_event("e2", "5"),
            an_event("e3", "7", event="talk_minutes"),
            an_event("e4", "9", event="chat"),
            an_event("e5", "100", event="call", customer="mira"),
        )
        assert world.total(Meter(event="call")) == 8
        assert world.total(Meter(event="call"), aliases=("talk_minutes",)) == 15
        assert world.total(Meter(event="call", aggregate="max"), aliases=("talk_minutes",)) == 7
        assert world.total(Meter(event="never_sent")) == 5
        assert world.total(SUM, feature="seats") == 0


MODELS: Mapping[str, Property] = {"model": "large", "tokens": 1200, "cached": True}


@pytest.mark.parametrize(
    ("aggregate", "value", "where", "expected"),
    [
        ("sum", "tokens", {}, Fraction("2100.5")),
        ("sum", "tokens", {"model": "large"}, Fraction(1200)),
        ("sum", "", {"model": "small"}, Fraction(2)),
        ("count", "", {}, Fraction(3)),
        ("count", "", {"cached": "true"}, Fraction(1)),
        ("max", "tokens", {}, Fraction(1200)),
        ("last", "tokens", {}, Fraction("0.5")),
        ("unique", "model", {}, Fraction(2)),
        ("max", "tokens", {"model": "huge"}, Fraction(0)),
    ],
)
def test_meters_that_look_at_properties(
    store: Store, aggregate: Aggregate, value: str, where: dict[str, str], expected: Fraction
) -> None:
    with store.write() as tx:
        world = World(tx)
        world.append(
            an_event("e1", event="llm", properties=MODELS),
            an_event("e2", event="llm", hours=1, properties={"model": "small", "tokens": "900"}),
            an_event("e3", event="llm", hours=2, properties={"model": "small", "tokens": Decimal("0.50")}),
        )
        assert world.total(Meter("llm", aggregate, value, where), feature="tokens") == expected


def test_the_last_level_is_the_latest_by_instant_then_id(store: Store) -> None:
    with store.write() as tx:
        world = World(tx)
        world.append(
            an_event("b", "2", hours=1, event="level"),
            an_event("a", "9", hours=1, event="level"),
            an_event("z", "5", event="level"),
        )
        assert world.total(Meter("level", "last"), feature="depth") == 2


def test_events_are_found_again_in_time_order_with_every_kind_of_id(store: Store) -> None:
    uuid = "8c5f9e3e-1f3a-4c7e-9a55-0c2f3c1b7d10"
    long_id = "order/2026/01/01/" + "é" * 20
    with store.write() as tx:
        world = World(tx)
        sent = [
            an_event("short", hours=30, properties={"model": "large"}),
            an_event(uuid, hours=2),
            an_event(long_id, "2.50", hours=3),
            an_event("sixteen-bytes-id", hours=4, event="chats"),
        ]
        world.append(*sent)
        found = list(usage.events(tx, "nova", ["minutes", "chats", "none"], 0, on_day(2)))
        assert found == [sent[1], sent[2], sent[3], sent[0]]
        minutes = usage.events(tx, "nova", ["minutes"], on_day(0) + 2 * HOUR, on_day(0) + 30 * HOUR)
        assert list(minutes) == [sent[1], sent[2]]
        assert list(usage.events(tx, "mira", ["minutes"], 0, on_day(2))) == []
        assert list(usage.events(tx, "nobody", ["minutes"], 0, on_day(2))) == []
        assert list(usage.events(tx, "nova", ["minutes"], on_day(2), on_day(2))) == []


def test_who_reads_only_the_first_events_leaves_no_cursor_open(store: Store) -> None:
    """PostgreSQL's driver warns of a cursor that was left open, and a warning is an error here."""
    with store.write() as tx:
        World(tx).append(an_event("e1"), an_event("e2", hours=1))
        assert next(usage.events(tx, "nova", ["minutes"], 0, on_day(2))).id == "e1"
        assert next(usage.recorded(tx, [], [], 0, on_day(2))).id == "e1"


def test_late_events_are_marked_until_their_difference_is_billed(store: Store) -> None:
    event = an_event("e1")
    with store.write() as tx:
        world = World(tx)
        world.append(an_event("e0"))
        assert world.append(event, late=True) == AppendResult(accepted=1, late=1)
        assert world.append(event, late=True) == AppendResult(duplicates=1)
        marked = LateEvent("nova", "minutes", event.at, event.at // DAY, b"e1")
        assert usage.late_events(tx, ["nova", "mira"]) == {"nova": [marked]}
        usage.clear_late(tx, [marked])
        assert usage.late_events(tx, ["nova"]) == {}
        with pytest.raises(AssertionError, match="1 late events to clear, 0 are marked"):
            usage.clear_late(tx, [marked])
        assert world.total(SUM) == 2


def test_late_marks_are_every_customer_s_and_are_taken_away_by_name(store: Store) -> None:
    first, second = an_event("e2", hours=5), an_event("e1", hours=9, event="call")
    with store.write() as tx:
        world = World(tx)
        world.append(second, first, late=True)
        marks = usage.late_marks(tx, ["nova", "mira", "nobody"])
        assert marks == {
            "nova": (
                LateMark("minutes", Instant(first.at), (first.at // DAY, b"e2")),
                LateMark("call", Instant(second.at), (second.at // DAY, b"e1")),
            ),
            "mira": (),
            "nobody": (),
        }
        usage.clear_marks(tx, "nova", marks["nova"][:1])
        assert usage.late_marks(tx, ["nova"]) == {"nova": marks["nova"][1:]}
        usage.clear_marks(tx, "nova", ())
        with pytest.raises(AssertionError, match="1 late events to clear, 0 are marked"):
            usage.clear_marks(tx, "nova", marks["nova"][:1])


def test_totals_can_leave_out_what_came_late(store: Store) -> None:
    with store.write() as tx:
        world = World(tx)
        world.append(an_event("e1", "3"), an_event("e4", "50", customer="mira"))
        world.append(an_event("e2", "4", hours=1), an_event("e3", "8", event="call"), late=True)
        marks = usage.late_marks(tx, ["nova"])
        request = world.request(Meter("call"))
        assert usage.totals(tx, [request]) == {request.window.key: 15}
        assert usage.totals(tx, [request], marks) == {request.window.key: 3}
        assert usage.totals(tx, [request], {"mira": marks["nova"]}) == {request.window.key: 15}
        other = world.request(SUM, starts=1, ends=2)
        assert usage.totals(tx, [other], marks) == {}


@pytest.mark.parametrize("where", [{}, {"model": "a"}])
def test_a_peak_begins_with_what_was_held_before(store: Store, where: dict[str, str]) -> None:
    meter = Meter("seats", where=where)

    def change(event_id: str, quantity: str, hours: int) -> UsageEvent:
        return an_event(event_id, quantity, hours, event="seats", properties={"model": "a"})

    with store.write() as tx:
        world = World(tx)
        # 5 from before, 7 on the first day of the window, 2 on its second; 9 only after its end.
        world.append(change("e1", "5", -24 * 400), change("e2", "2", 25), change("e3", "-5", 50))
        world.append(change("e4", "7", 24 * 5))
        asked = world.request(meter, starts=1, ends=5, measure="peak")
        assert usage.totals(tx, [asked])[asked.window.key] == 7
        asked = world.request(meter, starts=3, ends=5, measure="peak")
        assert usage.totals(tx, [asked])[asked.window.key] == 2
        asked = world.request(meter, starts=30, ends=31, measure="peak")
        assert usage.totals(tx, [asked])[asked.window.key] == 9


@pytest.mark.parametrize("where", [{}, {"model": "a"}])
def test_a_mean_over_time_counts_the_level_brought_along_from_the_start(
    store: Store, where: dict[str, str]
) -> None:
    meter = Meter("load", "weighted", where=where)

    def change(event_id: str, quantity: str, hours: int) -> UsageEvent:
        return an_event(event_id, quantity, hours, event="load", properties={"model": "a"})

    with store.write() as tx:
        world = World(tx)
        # 10 from before; +4 with 30 of 40 days left; −8 with 10 of 40 days left: 10 + 3 − 2.
        world.append(change("e1", "10", -24), change("e2", "4", 240), change("e3", "-8", 720))
        whole = world.request(meter, starts=0, ends=40)
        assert usage.totals(tx, [whole])[whole.window.key] == 11
        part = world.request(meter, starts=0, ends=20, span_ends=40)
        assert usage.totals(tx, [part])[part.window.key] == 13
        quiet = world.request(meter, starts=50, ends=60)
        assert usage.totals(tx, [quiet])[quiet.window.key] == 6


def test_amounts_are_the_events_in_the_order_of_their_instants_then_ids(store: Store) -> None:
    def payment(event_id: str, amount: Property, hours: int = 0, **changes: Any) -> UsageEvent:
        return an_event(event_id, hours=hours, event="payment", properties={"amount": amount}, **changes)

    with store.write() as tx:
        world = World(tx)
        world.append(payment("b", "100.50", 3), payment("a", Decimal("7"), 3), payment("z", 20, 1))
        world.append(payment("other", 9, customer="mira"), payment("after", 5, 31 * 24))
        asked = world.request(Meter("payment", "count"), feature="payments")
        nobody = world.request(Meter("payment", "count"), feature="refunds", starts=40, ends=41)
        found = usage.amounts(tx, [(asked, "amount"), (nobody, "amount")])
    one, three = Instant(on_day(0) + HOUR), Instant(on_day(0) + 3 * HOUR)
    assert found == {
        asked.window.key: (
            EventAmount(one, Fraction(1), Fraction(20)),
            EventAmount(three, Fraction(1), Fraction(7)),
            EventAmount(three, Fraction(1), Fraction("100.5")),
        ),
        nobody.window.key: (),
    }


def test_a_correction_takes_back_units_and_their_share_of_the_amount(store: Store) -> None:
    def payment(event_id: str, quantity: str, amount: str, corrects: str = "", hours: int = 1) -> UsageEvent:
        properties = {"amount": amount} if amount else {}
        return an_event(event_id, quantity, hours, event="payment", properties=properties, corrects=corrects)

    with store.write() as tx:
        world = World(tx)
        world.append(
            payment("e1", "1", "100"), payment("e2", "3", "30"), payment("e3", "1", ""),
            payment("e4", "2", "80", hours=5), payment("c1", "-1", "", "e1", 2), payment("c2", "-1", "", "e2", 2),
            payment("c3", "-1", "", "e3", 2), payment("c4", "-1", "", "of-another-period", 3),
        )  # fmt: skip
        asked = world.request(Meter("payment"), feature="payments")
        found = usage.amounts(tx, [(asked, "amount")])[asked.window.key]
    # e1 and e3 are gone, 2 of 3 units of e2 are left with 20 of 30; c4 takes from the latest, e4.
    assert found == (
        EventAmount(Instant(on_day(0) + HOUR), Fraction(2), Fraction(20)),
        EventAmount(Instant(on_day(0) + 5 * HOUR), Fraction(1), Fraction(40)),
    )


@pytest.mark.parametrize("properties", [{}, {"amount": "much"}, {"amount": "-1"}, {"amount": True}])
def test_an_event_without_a_usable_amount_is_named(store: Store, properties: dict[str, Property]) -> None:
    with store.write() as tx:
        world = World(tx)
        world.append(an_event("pay-7", event="payment", properties=properties))
        asked = world.request(Meter("payment"), feature="payments")
        with pytest.raises(StoreFailure, match="event pay-7 of nova"):
            usage.amounts(tx, [(asked, "amount")])


def test_meters_are_numbered_once(store: Store) -> None:
    with store.write() as tx:
        assert usage.meter_ids(tx, ["minutes"]) == {}
        assert usage.meter_ids(tx, ["minutes", "chats"], create=True) == {"minutes": 1, "chats": 2}
        assert usage.meter_ids(tx, ["seats", "chats"], create=True) == {"chats": 2, "seats": 3}
        assert usage.meter_ids(tx, ["none", "seats"]) == {"seats": 3}


def test_an_import_remembers_how_far_it_got(store: Store) -> None:
    begun = Batch("sha256:ab", "usage.ndjson", offset=4096, rows_read=50, accepted=48, duplicates=2)
    done = replace(begun, offset=8192, rows_read=99, conflicts=1, late=3, rejected=4, done=True, id=1)
    with store.write() as tx:
        assert usage.batch(tx, "sha256:ab") is None
        assert usage.put_batch(tx, begun) == 1
        assert usage.batch(tx, "sha256:ab") == replace(begun, id=1)
        assert usage.put_batch(tx, done) == 1
        assert usage.batch(tx, "sha256:ab") == done
        assert usage.put_batch(tx, replace(begun, digest="sha256:cd")) == 2


def test_nothing_to_record_is_nothing(store: Store) -> None:
    with store.write() as tx:
        assert usage.append(tx, []) == AppendResult()
        assert usage.totals(tx, []) == {}


@pytest.mark.parametrize("quantity", ["9223372036854775808", "0.0000000000001"])
def test_a_quantity_that_does_not_fit_is_our_mistake(store: Store, quantity: str) -> None:
    with store.write() as tx:
        world = World(tx)
        with pytest.raises(AssertionError):
            world.append(an_event("e1", quantity))
        assert list(usage.events(tx, "nova", ["minutes"], 0, Instant(on_day(400)))) == []


def test_only_days_with_events_are_looked_at_however_far_apart_they_are(store: Store) -> None:
    with store.write() as tx:
        world = World(tx)
        first = NEW_YEAR // DAY
        events = [an_event(f"e{day}", hours=24 * day) for day in (0, 1, 40)]
        world.append(*events, an_event("long ago", at=0))
        assert stored_days(tx, 0, FOREVER) == [0, first, first + 1, first + 40]
        assert stored_days(tx, on_day(0), on_day(1)) == [first]
        assert stored_days(tx, on_day(1), on_day(40) + 1) == [first + 1, first + 40]
        assert stored_days(tx, on_day(2), on_day(40)) == []
        assert stored_days(tx, on_day(1), on_day(1)) == []
