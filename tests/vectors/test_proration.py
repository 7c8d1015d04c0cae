"""Parts of periods that other billing systems publish in their tests, each with its source in the data.

Every case goes through what a run calls: the dues of a subscription, their share of the whole period, the fee's line,
the cap of a credit. Fractions are compared exactly. A case whose rule planctl does not have is listed, with the reason,
in exceptions/proration.json. Never both.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest

from planctl.core.catalog.model import PriceRow, Terms
from planctl.core.currencies import iso_currency
from planctl.core.customers import Customer
from planctl.core.invoicing.credits import LineCredit
from planctl.core.invoicing.facts import BilledLine
from planctl.core.invoicing.fees import fee_lines, share
from planctl.core.invoicing.model import Draft, Line
from planctl.core.invoicing.settling import Purse, settled
from planctl.core.money import round_minor
from planctl.core.periods import Anchor, Instant, Interval, first_instant, parse_instant, zone
from planctl.core.pricing.prorate import prorated
from planctl.core.subscriptions.dues import FEE, Due, dues
from planctl.core.subscriptions.model import Subscription
from tests.vectors.harness import load

VECTORS = load("proration")
CASES, EXCEPTIONS = VECTORS.cases, VECTORS.exceptions
OTHER_WAY = {"credit_as_time_days_at_new_price"}
"""Second ways that a case offers beside the one taken: planctl credits money, never time."""

UTC = zone("UTC")
INTERVALS = {"monthly": "month", "quarterly": "3 months", "annual": "year"}

Given = dict[str, Any]
Answer = dict[str, Any]


def test_every_listed_exception_exists_and_says_why() -> None:
    VECTORS.check_exceptions()
    assert len(EXCEPTIONS) * 10 < len(CASES)


def test_the_file_is_whole() -> None:
    VECTORS.check_whole(32)


@pytest.mark.parametrize("case_id", VECTORS.played)
def test_a_published_case_gives_the_published_part(case_id: str) -> None:
    case = CASES[case_id]
    answer = reader_of(case["input"])(case["input"])
    expected = {name: value for name, value in case["expected"].items() if name not in OTHER_WAY}
    if "fractions_in_order" in expected:
        expected["fractions_in_order"] = [Fraction(text) for text in expected["fractions_in_order"]]
    assert expected
    assert {name: answer[name] for name in expected} == expected


@pytest.mark.parametrize("case_id", sorted(EXCEPTIONS))
def test_an_exception_really_has_another_rule(case_id: str) -> None:
    case = CASES[case_id]
    answer = reader_of(case["input"])(case["input"])
    expected = dict(case["expected"])
    if "fractions_in_order" in expected:
        expected["fractions_in_order"] = [Fraction(text) for text in expected["fractions_in_order"]]
    assert {name: answer[name] for name in expected} != expected


def reader_of(given: Given) -> Callable[[Given], Answer]:
    """Which shape a case has."""
    if "anchor_day" in given:
        return of_fees
    if "next_boundary" in given:
        return of_a_stub_before
    if "terminated_on" in given:
        return of_a_termination
    if given.get("anchor") == "calendar":
        return of_a_calendar_start
    if "stub_from" in given:
        return of_a_stub
    if "full_period_amount" in given:
        return of_days
    if "proration_at" in given:
        return of_seconds
    return of_a_change if "old_price" in given else of_a_credit


# --- the shapes


def of_fees(given: Given) -> Answer:
    """Every fee that falls due by the target date, as a part of its whole period."""
    terms = sold(given["interval"], anchor=Anchor("day", given["anchor_day"]))
    subscription = running(terms, given["start_date"], given["end_date"])
    parts = [part_of(subscription, due) for due in fees(subscription, midnight(given["target_date"]))]
    rounded = sum((Fraction(in_nine_decimals(part)) for part in parts), Fraction())
    return {"fractions_in_order": parts, "cycles": in_nine_decimals(rounded)}


def of_a_stub_before(given: Given) -> Answer:
    """The stub from a start to the first boundary on the anchor's day."""
    day = date.fromisoformat(given["next_boundary"]).day
    subscription = running(sold(given["interval"], anchor=Anchor("day", day)), given["from"])
    due = fees(subscription, midnight(given["from"]))[0]
    assert due.period.ends_at == midnight(given["next_boundary"])
    part = part_of(subscription, due)
    days, whole = (
        days_in(due.period.starts_at, due.period.ends_at),
        days_in(due.full.starts_at, due.full.ends_at),
    )
    assert part == Fraction(days, whole)
    return {"ratio": in_nine_decimals(part), "days": days, "period_days": whole}


def of_a_termination(given: Given) -> Answer:
    """The fee in arrears from a change in a running period to its end; a last day is inclusive in these cases."""
    ended = date.fromisoformat(given["terminated_on"]) + timedelta(days=1)
    terms = replace(priced(given), bill="in arrears")
    subscription = running(terms, given["period_first_day"], ended.isoformat())
    (due,) = fees(subscription, midnight(ended.isoformat()))
    return charged(subscription, due, midnight(given["subscription_started"]))


def of_a_calendar_start(given: Given) -> Answer:
    """The first fee of a calendar month that had begun."""
    subscription = running(replace(priced(given), anchor=Anchor("calendar")), given["start_date"])
    (due,) = fees(subscription, midnight(given["start_date"]))
    return charged(subscription, due)


def of_a_stub(given: Given) -> Answer:
    """A stub whose whole period is given: its length says the interval, its first day the anchor."""
    start, end = (date.fromisoformat(given[key]) for key in ("full_period_start", "full_period_end"))
    interval = "year" if end.year > start.year and end.month == start.month else "month"
    subscription = running(sold(interval, anchor=Anchor("day", start.day)), given["stub_from"])
    (due,) = fees(subscription, midnight(given["stub_from"]))
    assert (due.full.starts_at, due.period.ends_at) == (
        midnight(start.isoformat()),
        midnight(given["stub_to"]),
    )
    part = part_of(subscription, due)
    return {"factor": f"{part.numerator}/{part.denominator}", "factor_9dp": in_nine_decimals(part)}


def of_days(given: Given) -> Answer:
    """The last days of a month of as many days as the case has."""
    assert given["period_days"] == "31"
    start = date(2026, 2, 1) - timedelta(days=int(given["used_days"]))
    terms = sold("month", Decimal(given["full_period_amount"]), anchor=Anchor("calendar"))
    subscription = running(terms, start.isoformat())
    (due,) = fees(subscription, midnight(start.isoformat()))
    return {"amount": major(line_of(subscription, due).amount_minor)}


def of_seconds(given: Given) -> Answer:
    """What the rest of a period is worth, by the second."""
    start = parse_instant(given["period_start"], UTC)
    price = Decimal(given["price_per_period_minor"]) / 100
    subscription = replace(
        running(replace(sold("month", price), proration="second"), "2017-01-01"),
        started_at=start, anchor_at=start, fees_from=start,
    )  # fmt: skip
    (due,) = fees(subscription, start)
    assert due.period.ends_at == parse_instant(given["period_end"], UTC)
    part = share(subscription, parse_instant(given["proration_at"], UTC), due.period, due.full).part
    return {"credit_minor": str(round_minor(-prorated(price, part), 2))}


def of_a_change(given: Given) -> Answer:
    """The old price credited and the new one charged for what is left of a month of 30 days."""
    left = given.get("days_left", 15)
    assert given.get("period_days", 30) == 30
    subscription = running(sold("month"), "2026-09-01")
    (due,) = fees(subscription, midnight("2026-09-01"))
    change = date(2026, 10, 1) - timedelta(days=left)
    part = share(subscription, midnight(change.isoformat()), due.period, due.full).part
    credit = round_minor(-prorated(Decimal(given["old_price"]), part), 2)
    charge = round_minor(prorated(Decimal(given["new_price"]), part), 2)
    answer = {"credit": major(credit), "charge": major(charge), "net": major(credit + charge)}
    return {**answer, "immediate_prorated_charge": answer["net"]}


def of_a_credit(given: Given) -> Answer:
    """What of a credit goes back, where the line was charged, and credited before."""
    cents = {key: round_minor(Fraction(given[key]), 2) for key in given if key != "currency"}
    before = replace(LINE, amount_minor=cents["amount_paid_for_period"])
    draft = replace(DRAFT, lines=(replace(LINE, amount_minor=-cents["potential_credit"]),))
    billed = BilledLine("in_1", 1, before, LineCredit(cents["credits_already_issued"]))
    result = settled([draft], Purse(Customer("nova"), billed=[billed]))
    assert sum(one.total_minor for one in result.drafts) == 0
    return {"credit": major(sum(note.total_minor for note in result.credits))}


# --- small helpers

USD = iso_currency("USD")
assert USD is not None
START = Instant(0)
LINE = Line(
    kind="fee", subscription="sub_1", plan="starter", plan_version=1, charge_key="fee", service_index=0,
    description="", quantity=Fraction(1), unit_price=None, amount_minor=0, starts_at=START, ends_at=None,
)  # fmt: skip
DRAFT = Draft(
    customer="nova", subscription="sub_1", period_index=0, kind="renewal", currency=USD, at=START,
    starts_at=START, ends_at=None, due_at=START, grace_ends_at=None, issued_at=START, lines=(),
)  # fmt: skip


def sold(interval: str, price: Decimal = Decimal(100), **terms: Any) -> Terms:
    pay = Interval.parse(INTERVALS.get(interval, interval))
    return Terms(rows=(PriceRow(pay, {"USD": price}),), **terms)


def priced(given: Given) -> Terms:
    return sold(given["interval"], Decimal(given["price_per_period_minor"]) / 100)


def running(terms: Terms, start: str, end: str | None = None) -> Subscription:
    """A subscription in UTC; an end is one that its terms foresee, so that the last period is cut there."""
    at, pay = midnight(start), str(terms.rows[0].interval)
    assert USD is not None
    return Subscription(
        "sub_1", "nova", "starter", 1, terms, "", USD, pay, "UTC", at, at, fees_from=at, usage_from=at,
        ends_at=None if end is None else midnight(end), end_reason="" if end is None else "expired",
    )  # fmt: skip


def fees(subscription: Subscription, until: Instant) -> list[Due]:
    return [due for due in dues(subscription, until) if due.part == FEE]


def part_of(subscription: Subscription, due: Due) -> Fraction:
    return share(subscription, due.period.starts_at, due.period, due.full).part


def line_of(subscription: Subscription, due: Due, since: Instant | None = None) -> Line:
    (line,) = fee_lines(subscription, due, {}, resumed_at=since)
    return line


def charged(subscription: Subscription, due: Due, since: Instant | None = None) -> Answer:
    return {
        "days": days_in(due.period.starts_at if since is None else since, due.period.ends_at),
        "period_days": days_in(due.full.starts_at, due.full.ends_at),
        "amount_minor": str(line_of(subscription, due, since).amount_minor),
    }


def midnight(text: str) -> Instant:
    return first_instant(date.fromisoformat(text), UTC)


def days_in(start: Instant, end: Instant | None) -> int:
    assert end is not None
    return (end - start) // 86_400_000_000


def in_nine_decimals(value: Fraction) -> str:
    """As Kill Bill and Meteroid print their ratios; the presentation of these tests, planctl keeps the fraction."""
    return f"{Decimal(round_minor(value, 9)).scaleb(-9):.9f}".rstrip("0").rstrip(".")


def major(cents: int) -> str:
    return f"{Decimal(cents).scaleb(-2):.2f}"
