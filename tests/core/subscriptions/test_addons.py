"""Add-ons: on which base they begin, by which row, on whose clock, and that they end with it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from planctl.core.catalog.model import Terms
from planctl.core.customers import Customer
from planctl.core.periods import Anchor, Interval
from planctl.core.subscriptions.addons import base_of, begin, row_on
from planctl.core.subscriptions.dues import due_of, dues
from planctl.core.subscriptions.model import Status, Subscription
from planctl.core.subscriptions.start import AlreadyRunning, Ask, Starting, ended_with
from planctl.errors import Refused
from tests.core.billing import DECLARED, canceled, metered, monthly, offer, prepaid, running, sold, t

NOVA = Customer("nova", currency="EUR", timezone="Europe/Berlin")
NOW = t("2026-04-20T09:30:00Z")
BASE = running(monthly("19"), "2026-01-10", id="sub_base", plan="starter")
SEAT = replace(sold(month="6"), kind="addon", requires=("starter", "pro"), quantity=(1, 20))


def add(terms: Terms = SEAT, beside: Sequence[Subscription] = (BASE,), **asked: Any) -> Starting:
    ask = Ask(**({"start_at": NOW, "now": NOW} | asked))
    return begin("sub_new", NOVA, offer(terms, "extra_seat"), ask, beside, DECLARED)


def refusal(terms: Terms = SEAT, beside: Sequence[Subscription] = (BASE,), **asked: Any) -> tuple[str, str]:
    with pytest.raises(Refused) as refused:
        add(terms, beside, **asked)
    return refused.value.code, refused.value.got


def named(*intervals: str) -> Terms:
    """An add-on for 6.00 by each of these intervals."""
    (row,) = sold(month="6").rows
    return replace(SEAT, rows=tuple(replace(row, interval=Interval.parse(one)) for one in intervals))


def on(pay: str) -> Subscription:
    return replace(BASE, pay=pay)


# --- what begins


def test_an_add_on_takes_its_bases_currency_zone_anchor_and_end() -> None:
    base = canceled(replace(BASE, timezone="Asia/Tokyo"), "2026-05-10")
    begun = add(beside=[base], quantity=3).subscription
    assert (begun.base, begun.currency.code, begun.timezone) == ("sub_base", "USD", "Asia/Tokyo")
    assert (begun.anchor_at, begun.started_at, begun.fees_from) == (base.anchor_at, NOW, NOW)
    assert (begun.ends_at, begun.end_reason) == (base.ends_at, "canceled")
    assert (begun.quantity, begun.status, begun.exclusive_group) == (3, Status.ACTIVE, "")


def test_it_owes_from_its_start_to_its_bases_boundary_and_then_whole_periods() -> None:
    begun = add().subscription
    owed = [(due.part, due.index, due.at, due.period.ends_at) for due in dues(begun, t("2026-06-10"))]
    assert owed == [
        ("fee", 3, NOW, t("2026-05-10")),
        ("fee", 4, t("2026-05-10"), t("2026-06-10")),
        ("fee", 5, t("2026-06-10"), t("2026-07-10")),
    ]
    again = due_of(begun, "fee", 3)
    assert (again.period.starts_at, again.full.starts_at) == (NOW, t("2026-04-10"))


def test_usage_before_its_start_is_not_its_own() -> None:
    terms = replace(SEAT, features=metered())
    begun = add(terms).subscription
    (first, _) = [due for due in dues(begun, t("2026-06-10")) if due.part == "usage"]
    assert (first.index, first.period.starts_at, first.period.ends_at) == (3, NOW, t("2026-05-10"))


def test_a_one_off_add_on_has_a_period_of_its_own_and_may_be_bought_again() -> None:
    terms = replace(sold(once="99"), kind="addon")
    first = add(terms).subscription
    assert (first.pay, first.anchor_at, first.base) == ("once", NOW, "sub_base")
    second = add(terms, [BASE, replace(first, id="sub_first")]).subscription
    assert second.id == "sub_new"


def test_a_scheduled_add_on_waits() -> None:
    begun = add(start_at=t("2026-05-01"), schedule=True).subscription
    assert (begun.status, begun.started_at) == (Status.PENDING, t("2026-05-01"))


def test_an_add_on_that_runs_is_not_bought_twice() -> None:
    runs = replace(add(quantity=3).subscription, id="sub_runs")
    with pytest.raises(AlreadyRunning):
        add(beside=[BASE, runs])
    with pytest.raises(Refused) as refused:
        add(beside=[BASE, runs], quantity=5)
    assert refused.value.hint == "planctl subscription quantity nova/extra_seat 5"


# --- its base


def test_the_first_plan_that_it_requires_is_its_base() -> None:
    other = replace(BASE, id="sub_other", plan="other", started_at=t("2025-01-01"))
    pro = replace(BASE, id="sub_pro", plan="pro", started_at=t("2025-06-01"))
    wanted = offer(SEAT, "extra_seat")
    assert base_of(NOVA, wanted, [other, pro, BASE]).id == "sub_base"
    assert base_of(NOVA, wanted, [other, pro]).id == "sub_pro"


def test_without_requires_the_oldest_recurring_plan_is_its_base() -> None:
    setup = replace(BASE, id="sub_setup", plan="setup", pay="once", started_at=t("2025-01-01"))
    younger = replace(BASE, id="sub_young", plan="young", started_at=t("2026-02-01"))
    wanted = offer(replace(SEAT, requires=()), "extra_seat")
    assert base_of(NOVA, wanted, [setup, younger, BASE]).id == "sub_base"


def test_without_a_live_base_it_is_refused() -> None:
    addon = replace(BASE, id="sub_addon", base="sub_gone")
    pending = replace(BASE, status=Status.PENDING)
    ended = replace(BASE, status=Status.CANCELED)
    other = replace(BASE, plan="other")
    for beside in ([], [addon], [pending], [ended]):
        assert refusal(beside=beside) == ("requires", "no plan")
    assert refusal(beside=[other]) == ("requires", "other")
    assert refusal(replace(SEAT, requires=()), []) == ("requires", "no plan")


@pytest.mark.parametrize(
    ("status", "hint"),
    [
        (Status.BLOCKED, "what is overdue must be paid first"),
        (Status.PAUSED, "planctl subscription resume nova/starter"),
    ],
)
def test_nothing_is_added_to_what_is_stopped_until_it_goes_on(status: Status, hint: str) -> None:
    with pytest.raises(Refused) as refused:
        add(beside=[replace(BASE, status=status)])
    assert (refused.value.code, refused.value.hint) == ("stopped", hint)


def test_its_base_must_run_when_it_begins() -> None:
    assert refusal(start_at=t("2026-01-09"))[0] == "requires"
    assert refusal(beside=[canceled(BASE, "2026-04-20T09:30:00Z")])[0] == "requires"


def test_the_quantity_range_and_the_currency_are_checked() -> None:
    assert refusal(quantity=21) == ("quantity", "21")
    assert refusal(currency="EUR") == ("no-such-currency", "EUR")
    usd = replace(BASE, currency=DECLARED["EUR"])
    assert refusal(beside=[usd])[0] == "no-such-currency"
    assert refusal(quantities={"seats": Decimal(2)})[0] == "quantity"
    begun = add(replace(SEAT, features=prepaid()), quantities={"seats": Decimal(12)})
    assert begun.subscription.quantities == {"seats": 12}


def test_a_pack_is_bought_and_not_subscribed_to() -> None:
    with pytest.raises(Refused) as refused:
        add(replace(sold(once="15"), kind="pack", wallet={"minutes": Decimal(1000)}))
    assert (refused.value.code, refused.value.hint) == ("pack", "planctl wallet buy nova extra_seat")


# --- its row


@pytest.mark.parametrize(
    ("rows", "base", "row"),
    [
        (("month", "year"), "month", "month"),
        (("month", "year"), "year", "year"),
        (("month", "year"), "3 months", "month"),
        (("month", "3 months", "6 months"), "year", "6 months"),
        (("week",), "2 weeks", "week"),
        (("day",), "month", "day"),
        (("once", "month"), "year", "month"),
        (("once",), "year", "once"),
    ],
)
def test_it_bills_by_the_longest_of_its_intervals_that_divides_the_bases(
    rows: tuple[str, ...], base: str, row: str
) -> None:
    assert row_on(offer(named(*rows)), on(base)) == row


def test_a_row_that_is_asked_for_must_divide_too() -> None:
    wanted = offer(named("month", "year"))
    assert row_on(wanted, on("year"), "month") == "month"
    with pytest.raises(Refused) as refused:
        row_on(wanted, on("month"), "year")
    assert (refused.value.code, refused.value.expected, refused.value.got) == (
        "addon-interval",
        "month",
        "year",
    )


def test_an_add_on_that_divides_nothing_is_refused() -> None:
    for rows, base in ((("year",), "month"), (("week",), "month"), (("month",), "once")):
        with pytest.raises(Refused) as refused:
            row_on(offer(named(*rows)), on(base))
        assert (refused.value.code, refused.value.exit_code) == ("addon-interval", 4)


def test_on_a_base_with_a_calendar_anchor_its_periods_end_with_the_bases() -> None:
    base = replace(BASE, terms=monthly(anchor=Anchor("calendar")), anchor_at=t("2026-01-17"))
    begun = add(replace(SEAT, anchor=Anchor("calendar")), [base]).subscription
    due = due_of(begun, "fee", begun.schedule().index_at(NOW))
    assert (due.period.starts_at, due.period.ends_at, due.full.starts_at) == (
        NOW,
        t("2026-05-01"),
        t("2026-04-01"),
    )


# --- its end


def test_an_add_on_whose_base_ends_before_it_begins_owes_nothing() -> None:
    waiting = add(start_at=t("2026-05-15"), schedule=True).subscription
    (never,) = ended_with(canceled(BASE, "2026-05-10"), [BASE, waiting])
    assert (never.started_at, never.ends_at) == (t("2026-05-15"), t("2026-05-15"))
    assert dues(replace(never, status=Status.ACTIVE), t("2026-12-01")) == ()


def test_add_ons_end_when_their_base_does() -> None:
    addon = running(SEAT, "2026-02-01", id="sub_a", base="sub_base")
    sooner = canceled(replace(addon, id="sub_b"), "2026-04-01")
    later = canceled(replace(addon, id="sub_c"), "2026-06-01")
    gone = replace(addon, id="sub_d", status=Status.CANCELED)
    strange = replace(addon, id="sub_e", base="sub_other")
    ending = canceled(BASE, "2026-05-10")
    ended = ended_with(ending, [BASE, addon, sooner, later, gone, strange])
    assert [(one.id, one.ends_at, one.end_reason) for one in ended] == [
        ("sub_a", t("2026-05-10"), "canceled"),
        ("sub_c", t("2026-05-10"), "canceled"),
    ]
    assert ended_with(BASE, [addon]) == ()
