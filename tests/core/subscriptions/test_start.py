"""Starting a plan: who may, on which row and in which currency, and what gives way."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from planctl.core.catalog.model import AmountRange, Beyond, OnlyFor, PriceRow, Terms
from planctl.core.customers import Customer
from planctl.core.periods import Interval
from planctl.core.pricing.kinds.each import Each
from planctl.core.subscriptions.model import QuantityStep, Status, Subscription
from planctl.core.subscriptions.start import (
    AlreadyRunning,
    Ask,
    Offered,
    Starting,
    check_eligible,
    choose_currency,
    choose_row,
    started,
)
from planctl.errors import InvalidInput, Refused, WrongUsage
from tests.core.billing import DECLARED, metered, monthly, offer, prepaid, running, sold, t

NOVA = Customer("nova", currency="USD", timezone="Europe/Berlin")
NOW = t("2026-01-20T09:30:00Z")


def start(
    offered: Offered, beside: Sequence[Subscription] = (), customer: Customer = NOVA, **asked: Any
) -> Starting:
    ask = Ask(**({"start_at": NOW, "now": NOW} | asked))
    return started("sub_new", customer, offered, ask, beside, DECLARED)


def grouped(terms: Terms) -> Terms:
    return replace(terms, group="main")


# --- what begins


def test_a_start_takes_the_terms_the_customers_zone_and_the_instant_as_anchor() -> None:
    begun = start(replace(offer(grouped(monthly())), revision=7)).subscription
    assert (begun.id, begun.customer, begun.plan, begun.plan_version) == ("sub_new", "nova", "starter", 1)
    assert (begun.timezone, begun.pay, begun.currency.code) == ("Europe/Berlin", "month", "USD")
    assert (begun.started_at, begun.anchor_at, begun.fees_from, begun.usage_from) == (NOW, NOW, NOW, NOW)
    assert (begun.status, begun.exclusive_group, begun.settled_at) == (Status.ACTIVE, "main", None)
    assert (begun.catalog_revision, begun.created_at, begun.terms_hash) == (7, NOW, "hash")


def test_a_group_that_is_not_exclusive_keeps_no_place() -> None:
    assert start(offer(grouped(monthly()), exclusive=False)).subscription.exclusive_group == ""


def test_a_start_to_come_is_refused_unless_it_is_scheduled() -> None:
    later = t("2026-01-20T09:30:00.000001Z")
    with pytest.raises(Refused) as refused:
        start(offer(monthly()), start_at=later)
    assert (refused.value.code, refused.value.hint) == ("future-start", "--schedule starts it then")
    assert start(offer(monthly()), start_at=later, schedule=True).subscription.status is Status.PENDING


def test_a_start_at_the_very_instant_or_before_it_is_running() -> None:
    assert start(offer(monthly()), schedule=True).subscription.status is Status.ACTIVE
    assert start(offer(monthly()), start_at=t("2025-12-01")).subscription.status is Status.ACTIVE


# --- who may


@pytest.mark.parametrize(
    ("customer", "offered", "code"),
    [
        (replace(NOVA, archived_at=1), offer(monthly()), "customer-archived"),
        (replace(NOVA, parent="acme"), offer(monthly()), "child-customer"),
        (NOVA, offer(monthly(), archived=True), "plan-archived"),
        (NOVA, offer(monthly(), only_for=OnlyFor(domains=("school.example",))), "only-for"),
        (NOVA, offer(monthly(), only_for=OnlyFor(list="schools")), "only-for"),
    ],
)
def test_who_may_not_have_a_plan_is_refused(customer: Customer, offered: Offered, code: str) -> None:
    with pytest.raises(Refused) as refused:
        check_eligible(customer, offered)
    assert (refused.value.code, refused.value.exit_code) == (code, 4)


@pytest.mark.parametrize(
    ("emails", "only_for", "listed"),
    [
        (("Dean@School.example",), OnlyFor(emails=("dean@school.example",)), ()),
        (("x@UNI.example",), OnlyFor(domains=("uni.example",)), ()),
        (("x@uni.example",), OnlyFor(list="schools"), ("uni.example",)),
        ((), OnlyFor(list="schools"), ("nova",)),
    ],
)
def test_the_allowlist_lets_addresses_domains_and_customers_in(
    emails: tuple[str, ...], only_for: OnlyFor, listed: tuple[str, ...]
) -> None:
    offered = replace(offer(monthly(), only_for=only_for), listed=frozenset(listed))
    check_eligible(replace(NOVA, emails=emails), offered)


def test_a_domain_does_not_let_its_subdomains_in() -> None:
    offered = offer(monthly(), only_for=OnlyFor(domains=("uni.example",)))
    with pytest.raises(Refused):
        check_eligible(replace(NOVA, emails=("x@evil.uni.example", "x@notuni.example")), offered)


# --- row and currency


def test_the_only_row_is_taken_and_of_several_one_must_be_named() -> None:
    assert choose_row(offer(monthly()), "") == "month"
    assert choose_row(offer(Terms(free=True)), "") == "month"
    several = offer(replace(sold(year="190"), rows=(*sold(month="19").rows, *sold(year="190").rows)))
    assert choose_row(several, "year") == "year"
    with pytest.raises(WrongUsage, match="month, year"):
        choose_row(several, "")
    with pytest.raises(Refused) as refused:
        choose_row(several, "week")
    assert (refused.value.code, refused.value.expected) == ("no-such-row", "month | year")


def in_two_currencies(**more: Any) -> Offered:
    row = PriceRow(Interval.parse("month"), {"USD": Decimal(19), "EUR": Decimal(18)})
    return offer(monthly(rows=(row,), **more))


def test_the_currency_is_the_one_asked_for_then_the_customers_then_the_only_one() -> None:
    nobody = replace(NOVA, currency="")
    assert choose_currency(in_two_currencies(), "month", "EUR", NOVA, DECLARED).code == "EUR"
    assert choose_currency(in_two_currencies(), "month", "", NOVA, DECLARED).code == "USD"
    assert choose_currency(offer(monthly()), "month", "", nobody, DECLARED).code == "USD"
    with pytest.raises(WrongUsage, match="USD, EUR"):
        choose_currency(in_two_currencies(), "month", "", nobody, DECLARED)


def test_a_currency_without_a_price_is_refused() -> None:
    with pytest.raises(Refused) as refused:
        choose_currency(offer(monthly()), "month", "EUR", NOVA, DECLARED)
    assert (refused.value.code, refused.value.expected, refused.value.got) == (
        "no-such-currency",
        "USD",
        "EUR",
    )


def test_a_usage_plan_is_sold_where_all_its_charges_have_a_price() -> None:
    row = PriceRow(Interval.parse("month"), usage_only=True)
    both = metered() | metered("calls")
    (minutes, calls) = both.values()
    wide = Beyond("usage", {"": Each({"USD": Decimal(1), "EUR": Decimal(1)})})
    terms = monthly(rows=(row,), features={"minutes": minutes, "calls": replace(calls, beyond=wide)})
    assert choose_currency(offer(terms), "month", "", replace(NOVA, currency=""), DECLARED).code == "USD"


def test_a_free_plan_takes_any_declared_currency() -> None:
    free = offer(Terms(free=True))
    assert choose_currency(free, "month", "", replace(NOVA, currency="EUR"), DECLARED).code == "EUR"
    assert choose_currency(free, "month", "", replace(NOVA, currency=""), DECLARED).code == "USD"


def test_a_price_that_is_agreed_with_each_must_be_agreed_first() -> None:
    row = PriceRow(Interval.parse("month"), {"USD": AmountRange(Decimal(900), Decimal(9000))})
    with pytest.raises(Refused) as refused:
        start(offer(monthly(rows=(row,))))
    assert (refused.value.code, refused.value.expected) == ("price-not-agreed", "900 to 9000 USD")


# --- quantities


@pytest.mark.parametrize(("total", "allowed"), [("9", False), ("10", True), ("50", True), ("51", False)])
def test_a_prepaid_total_lies_between_the_allowance_and_the_limit(total: str, allowed: bool) -> None:
    offered = offer(monthly(features=prepaid(included=10, up_to=50)))
    if allowed:
        begun = start(offered, quantities={"seats": Decimal(total)}).subscription
        assert begun.quantities == {"seats": Decimal(total)}
        return
    with pytest.raises(InvalidInput) as refused:
        start(offered, quantities={"seats": Decimal(total)})
    assert refused.value.expected.startswith("10 to 50")


def test_a_prepaid_total_without_a_limit_may_be_any() -> None:
    offered = offer(monthly(features=prepaid(up_to=None)))
    assert start(offered, quantities={"seats": Decimal(10**9)}).subscription.quantities["seats"] == 10**9


@pytest.mark.parametrize("feature", ["minutes", "nothing"])
def test_what_is_not_sold_ahead_has_no_quantity(feature: str) -> None:
    with pytest.raises(Refused, match=f"no quantity of {feature}"):
        start(offer(monthly(features=metered())), quantities={feature: Decimal(200)})


def test_a_plan_is_sold_one_at_a_time_unless_it_says_otherwise() -> None:
    with pytest.raises(Refused) as refused:
        start(offer(monthly()), quantity=2)
    assert refused.value.code == "quantity"
    assert start(offer(monthly(quantity=(1, 20))), quantity=20).subscription.quantity == 20


# --- groups


def test_the_plan_one_has_is_nothing_new_and_no_failure() -> None:
    offered = offer(grouped(monthly()))
    for status in (Status.ACTIVE, Status.BLOCKED, Status.PENDING):
        old = running(monthly(), exclusive_group="main", status=status)
        with pytest.raises(AlreadyRunning) as already:
            start(offered, [old])
        assert already.value.exit_code == 0


def test_the_plan_one_has_is_nothing_new_though_its_group_became_exclusive_since() -> None:
    with pytest.raises(AlreadyRunning):
        start(offer(grouped(monthly())), [running(monthly(), exclusive_group="")])


@pytest.mark.parametrize(
    "asked",
    [
        {"pay": "month"},
        {"currency": "USD"},
        {"quantity": 1},
        {"quantities": {"seats": Decimal(10)}},
        {"trial": False},
        {"version": 1},
        {"start_at": t("2026-01-02")},
    ],
)
def test_the_plan_one_has_as_it_runs_is_nothing_new(asked: dict[str, Any]) -> None:
    old = running(monthly(features=prepaid(included=10)), "2026-01-02", exclusive_group="main")
    with pytest.raises(AlreadyRunning):
        start(offer(grouped(monthly(features=prepaid(included=10)))), [old], **asked)


@pytest.mark.parametrize(
    ("asked", "runs", "command"),
    [
        ({"pay": "year"}, "by month", "planctl subscription cancel nova/starter"),
        ({"currency": "EUR"}, "in USD", "planctl subscription cancel nova/starter"),
        (
            {"start_at": t("2026-01-03")},
            "since 2026-01-02T00:00:00Z",
            "planctl subscription cancel nova/starter",
        ),
        ({"version": 2}, "on v1", "planctl assign nova starter"),
        ({"negotiated": {"price.month.USD": "15"}}, "on other agreed terms", "planctl assign nova starter"),
    ],
)
def test_the_plan_one_has_on_other_terms_is_named_with_what_changes_them(
    asked: dict[str, Any], runs: str, command: str
) -> None:
    old = running(monthly(features=prepaid(included=10)), "2026-01-02", exclusive_group="main")
    with pytest.raises(Refused) as refused:
        start(offer(grouped(monthly(features=prepaid(included=10)))), [old], **asked)
    assert (refused.value.code, refused.value.exit_code) == ("runs-otherwise", 4)
    assert refused.value.message == f"nova already runs starter (sub_1), {runs}; nothing was changed"
    assert command in refused.value.hint


@pytest.mark.parametrize(
    ("asked", "command"),
    [
        ({"quantity": 2}, "planctl subscription quantity nova/starter 2"),
        ({"quantities": {"seats": Decimal(12)}}, "planctl subscription quantity nova/starter seats=12"),
    ],
)
def test_another_quantity_of_the_plan_one_has_names_the_command_for_it(
    asked: dict[str, Any], command: str
) -> None:
    old = running(monthly(features=prepaid(included=10)), "2026-01-02", exclusive_group="main")
    with pytest.raises(Refused) as refused:
        start(offer(grouped(monthly(features=prepaid(included=10)))), [old], **asked)
    assert (refused.value.code, refused.value.exit_code, refused.value.hint) == ("runs-otherwise", 4, command)


def test_a_quantity_that_was_changed_since_is_the_one_that_counts() -> None:
    step = QuantityStep(t("2026-01-10"), "seats", Decimal(12), 1)
    old = running(monthly(features=prepaid(included=10)), "2026-01-02", exclusive_group="main", steps=(step,))
    with pytest.raises(AlreadyRunning):
        start(offer(grouped(monthly(features=prepaid()))), [old], quantities={"seats": Decimal(12)})


def test_a_plan_of_several_rows_that_runs_asks_for_none() -> None:
    several = replace(sold(year="190"), rows=(*sold(month="19").rows, *sold(year="190").rows))
    with pytest.raises(AlreadyRunning):
        start(offer(several, archived=True), [running(several)])


def test_a_plan_that_has_ended_may_begin_again() -> None:
    ended = running(monthly(), exclusive_group="main", status=Status.CANCELED)
    assert start(offer(grouped(monthly())), [ended]).replaced == ()


def test_a_free_plan_of_the_group_ends_where_the_new_one_begins() -> None:
    free = running(Terms(free=True), "2026-01-02", id="sub_free", plan="free", exclusive_group="main")
    begun = start(offer(grouped(monthly())), [free])
    (old,) = begun.replaced
    assert (old.id, old.ends_at, old.end_reason) == ("sub_free", NOW, "replaced")
    # It is brought to its end with what it closes: until then it has its status.
    assert (old.status, begun.transitions) == (Status.ACTIVE, ())


def test_a_free_plan_that_was_to_begin_never_does() -> None:
    free = running(Terms(free=True), "2026-02-02", id="sub_free", plan="free", exclusive_group="main")
    begun = start(offer(grouped(monthly())), [replace(free, status=Status.PENDING)])
    (old,) = begun.replaced
    assert (old.status, old.ends_at) == (Status.PENDING, t("2026-02-02"))


def test_a_free_plan_that_began_after_the_new_ones_start_ends_at_its_own() -> None:
    free = running(Terms(free=True), "2026-01-02", plan="free", exclusive_group="main")
    (old,) = start(offer(grouped(monthly())), [free], start_at=t("2025-12-01")).replaced
    assert (old.status, old.ends_at) == (Status.ACTIVE, t("2026-01-02"))


def test_a_free_plan_goes_on_until_a_scheduled_start() -> None:
    free = running(Terms(free=True), "2026-01-02", plan="free", exclusive_group="main")
    begun = start(offer(grouped(monthly())), [free], start_at=t("2026-03-01"), schedule=True)
    (old,) = begun.replaced
    assert (old.status, old.ends_at, old.end_reason) == (Status.ACTIVE, t("2026-03-01"), "replaced")
    assert begun.transitions == ()


def test_a_free_plan_that_was_to_end_earlier_does_not_end_later() -> None:
    free = running(
        Terms(free=True), "2026-01-02", plan="free", exclusive_group="main", ends_at=t("2026-02-02")
    )
    (old,) = start(offer(grouped(monthly())), [free], start_at=t("2026-03-01"), schedule=True).replaced
    assert old.ends_at == t("2026-02-02")


def test_another_paid_plan_of_the_group_is_a_change_which_is_named() -> None:
    paid = running(monthly(), plan="pro", exclusive_group="main")
    with pytest.raises(Refused) as refused:
        start(offer(grouped(monthly())), [paid])
    assert (refused.value.code, refused.value.exit_code) == ("group-runs", 4)
    assert refused.value.hint == "planctl subscribe nova starter changes it"


def test_plans_of_other_groups_run_beside_each_other() -> None:
    other = running(monthly(), plan="pro", exclusive_group="support")
    assert start(offer(grouped(monthly())), [other]).replaced == ()


def test_an_add_on_does_not_start_by_itself() -> None:
    with pytest.raises(Refused) as refused:
        start(offer(monthly(kind="addon"), plan="extra_seat"))
    assert refused.value.code == "requires"


def test_two_plans_may_grant_the_same_feature() -> None:
    beside = running(monthly(features=metered()), plan="other")
    assert start(offer(monthly(features=metered())), [beside]).subscription.plan == "starter"


def test_a_replaced_plan_takes_its_add_ons_along() -> None:
    free = running(Terms(free=True), "2026-01-02", id="sub_free", plan="free", exclusive_group="main")
    addon = running(monthly(kind="addon"), "2026-01-05", id="sub_addon", plan="extra", base="sub_free")
    begun = start(offer(grouped(monthly())), [free, addon])
    assert [(one.id, one.status, one.ends_at) for one in begun.replaced] == [
        ("sub_free", Status.ACTIVE, NOW),
        ("sub_addon", Status.ACTIVE, NOW),
    ]
