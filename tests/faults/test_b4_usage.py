"""Faults of usage: events counted twice, never, in the wrong period, or for nobody.

KB is Kill Bill, OM OpenMeter, FP Flexprice; what stands after an @ is a commit.
"""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.faults.conftest import Desk, at_once

CATALOG = """
currencies: {USD: }
features:
  minutes: {type: metered, unit: minute}
  seats: {type: metered, unit: seat, reset: never}
  visitors: {type: metered, unit: visitor, event: visit, aggregate: unique, value: visitor}
  calls: {type: metered, unit: call, event: call.made, aggregate: count}
defaults: {due: 365 days}
plans:
  voice:
    price: {month: {USD: 10}}
    features:
      minutes: {included: 100, beyond: {charge: usage, each: {USD: 0.10}}}
      calls: {beyond: {charge: usage, each: {USD: 1}}}
  team:
    price: {month: usage}
    features:
      seats: {beyond: {charge: usage, each: {USD: 31}}}
      visitors: {beyond: {charge: usage, each: {USD: 5}}}
"""
NOON = "2026-01-10T12:00:00Z"


@pytest.fixture(autouse=True)
def shop(desk: Desk) -> None:
    """`x` is on voice since the new year: 100 minutes are included, more cost 0.10."""
    desk.sell(CATALOG)
    desk("customer add x --currency USD --quiet")
    desk("subscribe x voice --yes --quiet")


def write(desk: Desk, count: int, **more: Any) -> None:
    """A file `used.ndjson` of so many events of one minute at one instant."""
    base = {"customer": "x", "event": "minutes", "at": NOON, "quantity": 1} | more
    lines = (json.dumps({"id": f"e{number}", **base}) for number in range(count))
    (desk.directory / "used.ndjson").write_text("\n".join(lines))


def used(desk: Desk, feature: str = "minutes", at: str = "2026-01-15") -> str:
    shown = desk.json("usage show x", at)["features"]
    return str(next(one["used"] for one in shown if one["feature"] == feature))


def test_F076_a_file_that_is_imported_again_counts_once(desk: Desk) -> None:
    """The same event arrives twice and is counted twice.
    Source: OpenMeter's deduplication; Lago's `index_unique_transaction_id`.
    """
    write(desk, 50)
    told = [desk.json("usage import used.ndjson", "2026-01-11") for _ in range(3)]
    assert [(one["accepted"], one["duplicates"]) for one in told] == [(50, 0), (0, 50), (0, 50)]
    assert used(desk) == "50"


def test_F077_the_memory_of_what_was_recorded_does_not_end(desk: Desk) -> None:
    """Deduplication forgets after 32 days, or 24 hours, and an old file that is imported again doubles.
    Source: OpenMeter (32 days); Stripe meter events, `identifier` (24 hours).
    """
    write(desk, 120)
    desk("usage import used.ndjson --quiet", "2026-01-11")
    desk("invoice run --quiet", "2026-02-01")
    assert desk.json("usage import used.ndjson", "2027-02-14")["accepted"] == 0
    desk("invoice run --catch-up 13 --reason 'a year later' --quiet", "2027-02-14")
    # 20 minutes beyond what is included were 2.00 in January, and nothing since.
    assert desk.totals()[:3] == ["10.00", "12.00", "10.00"]
    assert set(desk.totals()[2:]) == {"10.00"}


def test_F079_imports_at_once_count_once(desk: Desk) -> None:
    """Two importers ask for known events before either has written its own. Source: OM@57d3f3ffb, OM@a2329b023."""
    # Eight files hold the same events, each in an order of its own, so that none goes on where another stopped.
    write(desk, 50)
    events = (desk.directory / "used.ndjson").read_text().splitlines()
    for number in range(8):
        (desk.directory / f"used{number}.ndjson").write_text("\n".join([*events[number:], *events[:number]]))
    lines = [f"usage import used{number}.ndjson -f json --wait 60 --as-of 2026-01-11" for number in range(8)]
    ended = at_once(*lines)
    assert [one.exit_code for one in ended] == [0] * 8, ended
    assert sorted(one.json["accepted"] + one.json["duplicates"] for one in ended) == [50] * 8
    assert sum(one.json["accepted"] for one in ended) == 50
    assert used(desk) == "50"


def test_F080_ten_thousand_events_of_one_instant_are_all_billed(desk: Desk) -> None:
    """A cursor over time has no tie-breaker, and what has the same time as a page's last event is skipped.
    Source: Polar@16eca946d9, Polar@855f081bc2.
    """
    # 10,000 minutes less 100, at 0.10.
    write(desk, 10_000)
    assert desk.json("usage import used.ndjson", "2026-01-11")["accepted"] == 10_000
    desk("invoice run --quiet", "2026-02-01")
    assert desk.totals() == ["10.00", "1000.00"]
    assert len(desk("usage export --customer x", "2026-02-01").stdout.splitlines()) == 10_000


def test_F081_what_arrives_late_is_the_difference_on_the_next_invoice(desk: Desk) -> None:
    """An event of a period that was billed is lost, or the period is opened again.
    Source: OpenMeter, period-preserving billing.
    """
    # 110 minutes: 10 × 0.10 = 1.00. With 15 more 2.50, less 1.00; with 5 more 3.00, less 2.50.
    for day, quantity, run in (("2026-01-11", 110, "2026-02-01"), ("2026-02-02", 15, "2026-03-01"),
                               ("2026-03-02", 5, "2026-04-01"), ("2026-04-02", 0, "2026-05-01")):  # fmt: skip
        desk(f"usage record x minutes {quantity} --at {NOON}", day)
        desk("invoice run --quiet", run)
    assert desk.totals() == ["10.00", "11.00", "11.50", "10.50", "10.00"]
    late = [line for one in desk.invoices() for line in one["lines"] if line["kind"] == "late_usage"]
    assert [(one["amount"], one["period"]["starts_at"][:10]) for one in late] == [
        ("1.50", "2026-01-01"), ("0.50", "2026-01-01"),
    ]  # fmt: skip
    claims = (
        "SELECT occasion, quantity, billed FROM usage_claim WHERE feature = 'minutes' AND allowance_idx = 0"
    )
    assert desk.rows(f"{claims} ORDER BY occasion") == [
        ("", "110", "10"), ("late:1", "15", "15"), ("late:2", "5", "5"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("words", "exit_code", "said"),
    [
        ("minutes 2.5", 0, ""),
        ("minutes -1", 3, "below 0"),
        ("call.made 2", 3, "counts events"),
        ("seats -1", 4, "would fall below 0"),
        ("seats 1.5", 0, ""),
        ("minutes 0", 0, ""),
    ],
)
def test_F083_what_a_quantity_may_be_is_the_features_own_matter(
    desk: Desk, words: str, exit_code: int, said: str
) -> None:
    """A negative, zero or fractional quantity is taken where it means nothing, and usage credits the customer.
    Source: OM@3ecc3875a, Lago@0e0b5b9ec.
    """
    ended = desk(f"usage record x {words} --at {NOON}", "2026-01-11", exit_code=exit_code)
    assert said in ended.stderr
    desk("invoice run --quiet", "2026-02-01")
    assert desk.totals() == ["10.00", "10.00"]


def test_F084_usage_of_nobody_and_of_what_has_ended_is_named_and_not_lost(desk: Desk) -> None:
    """An event for a subscription that ended, or that there never was, is tried again for ever, or dropped. planctl
    rejects rows of unknown customers, with their line, and keeps those of a known one who has no plan for them:
    they are listed.
    Source: Lago@9f4ccd5ff.
    """
    desk("customer add y --currency USD --quiet")
    desk("subscription cancel x --at now --yes --quiet", "2026-01-05")
    write(desk, 1)
    events = (desk.directory / "used.ndjson").read_text()
    (desk.directory / "used.ndjson").write_text(
        "\n".join([events, events.replace('"x"', '"nobody"'), events.replace('"x"', '"y"')])
    )
    told = desk("usage import used.ndjson --rejects rejects.ndjson -f json", "2026-01-11", exit_code=3)
    assert (told.json["accepted"], told.json["rejected"]) == (2, 1)
    assert '"line": 2' in (desk.directory / "rejects.ndjson").read_text()
    for name in "xy":
        assert len(desk.json(f"usage list --customer {name}", "2026-01-11")) == 1
    desk("invoice run --quiet", "2026-02-01")
    assert desk.totals() == ["10.00"]


def test_F085_who_comes_goes_and_comes_again_on_one_day_is_one(desk: Desk) -> None:
    """A unit that is added, removed and added on one day is billed for two. Source: Lago@885fb7c15."""
    # Seats cost 31.00 by the highest number held: one. A visitor seen three times is one, for 5.00.
    desk("customer add t --currency USD --quiet")
    desk("subscribe t team --yes --quiet")
    for hour, change in ((9, 1), (10, -1), (11, 1)):
        at = f"2026-01-10T{hour:02}:00:00Z"
        desk(f"usage record t seats {change} --at {at}", at)
        desk(f"usage record t visit --property visitor=ada --at {at}", at)
    desk("invoice run --quiet", "2026-02-01")
    assert desk.totals("t") == ["36.00"]
