"""Closings in every field: the line, its detail, the claim, what rolls over and what grants keep, by hand."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest

from planctl.core.catalog.model import Beyond, Entitlement, Feature, Meter
from planctl.core.invoicing.lineup import LineUp
from planctl.core.invoicing.model import EventAmount, Line, UsageClaim
from planctl.core.invoicing.usage import (
    Book,
    Closing,
    close,
    event_windows,
    free_of_charge,
    looks_at_events,
    rollover_cap,
    usage_line,
    usage_price,
    windows,
)
from planctl.core.pricing.kinds.each import Each
from planctl.core.pricing.kinds.graduated import Graduated
from planctl.core.pricing.kinds.percentage import Percentage
from planctl.core.pricing.kinds.tiers import Tier
from planctl.core.subscriptions.dues import due_of
from planctl.core.subscriptions.model import Status, Subscription
from tests.core.billing import metered, monthly, running, sold, t, values
from tests.core.history import given

NAMES = {"features.minutes": "Voice"}
FEBRUARY = 1


def subscribed(entitlement: Entitlement | None = None, **more: Any) -> Subscription:
    """Minutes by the month since 1 January: 100 included, 0.10 beyond, or as said."""
    features = {"minutes": entitlement} if entitlement else metered()
    return running(monthly(features=features), "2026-01-01", plan_version=3, **more)


def minutes(**changes: Any) -> Entitlement:
    (plain,) = metered().values()
    return replace(plain, **changes)


def closed(
    held: Subscription, used: int, *grants: Any, index: int = FEBRUARY, **book: Any
) -> tuple[Closing, Book]:
    """The closing of minutes in February, with what it left in the book."""
    due = due_of(held, "usage", index)
    lineup = LineUp((held,), grants)
    totals = {one.key: Fraction(used) for one in windows(lineup, held, due)}
    made = Book(lineup, totals, lefts={one.id: one.left for one in grants}, **book)
    (found,) = close(held, due, made)
    return found, made


def lined(held: Subscription, found: Closing, names: Mapping[str, str] = NAMES) -> Line:
    return usage_line(held, due_of(held, "usage", found.claim.allowance_index), found, names)


def test_a_line_of_usage_and_its_claim_fill_every_field() -> None:
    held = subscribed()
    found, _ = closed(held, 130)
    assert lined(held, found) == Line(
        kind="usage",
        subscription="sub_1",
        plan="starter",
        plan_version=3,
        charge_key="usage:minutes",
        service_index=1,
        description="Voice · 0.10 USD / minute",
        quantity=Fraction(30),
        unit_price=Fraction(1, 10),
        amount_minor=300,
        starts_at=t("2026-02-01"),
        ends_at=t("2026-03-01"),
        feature="minutes",
        detail={
            "exact": "3",
            "quantity": "130",
            "included": "100",
            "allowance": "100",
            "rolled": "0",
            "wallet": "0",
            "grants": {},
            "over_limit": "0",
            "own": "130",
            "drawn": [],
            "parts": [{"label": "each", "quantity": "30", "unit_price": "0.1", "amount": "3"}],
        },
    )
    assert found.claim == UsageClaim(
        subscription="sub_1",
        feature="minutes",
        allowance_index=1,
        starts_at=t("2026-02-01"),
        ends_at=t("2026-03-01"),
        quantity=Fraction(130),
        included=Fraction(100),
        wallet=Fraction(0),
        billed=Fraction(30),
        over_limit=Fraction(0),
    )
    assert values(found, "feature included rolled before by_customer") == ("minutes", 100, 0, 0, {})


def test_a_line_tells_what_grants_paid_what_is_over_the_limit_and_every_tier() -> None:
    # 160 used: 100 included, 20 of the grant, 30 up to the limit of 130, which are 10 at 1.00 and 20 at 0.50.
    tiers = Graduated((Tier(Decimal(110), {"USD": Decimal(1)}), Tier(None, {"USD": Decimal("0.5")})))
    held = subscribed(minutes(beyond=Beyond("usage", {"": tiers}, Decimal(130))))
    found, book = closed(held, 160, given("wg_1", 20, "2026-01-01"))
    line = lined(held, found)
    assert values(line, "quantity unit_price amount_minor") == (30, None, 2000)
    assert isinstance(line.detail, dict)
    told = ("exact", "quantity", "included", "wallet", "grants", "over_limit")
    assert [line.detail[key] for key in told] == ["20", "160", "100", "20", {"wg_1": "20"}, "10"]
    assert line.detail["parts"] == [
        {"label": "up to 110", "quantity": "10", "unit_price": "1", "amount": "10"},
        {"label": "above 110", "quantity": "20", "unit_price": "0.5", "amount": "10"},
    ]
    assert values(found.claim, "quantity included wallet billed over_limit") == (160, 100, 20, 30, 10)
    assert book.lefts == {"wg_1": 0}


def test_without_a_name_the_feature_s_id_is_shown_and_without_a_price_what_is_above_is_over_the_limit() -> (
    None
):
    held = subscribed(minutes(beyond=None))
    found, _ = closed(held, 130)
    line = lined(held, found, {})
    assert values(line, "description quantity unit_price amount_minor") == (
        "minutes · over the limit",
        0,
        None,
        0,
    )
    assert values(found.claim, "quantity included billed over_limit") == (130, 100, 0, 30)


def test_a_feature_without_a_unit_is_counted_by_its_id() -> None:
    feature = Feature("minutes", "metered", meter=Meter())
    held = subscribed(minutes(feature=feature))
    found, _ = closed(held, 130)
    assert lined(held, found).description == "Voice · 0.10 USD / minutes"


def test_a_grant_keeps_what_its_entry_cuts_off() -> None:
    # 100 1/3 minutes: the third is paid whole and posted as 0.333333333333, so 19.666666666667 are left.
    held = subscribed()
    due = due_of(held, "usage", FEBRUARY)
    grant = given("wg_1", 20, "2026-01-01")
    lineup = LineUp((held,), (grant,))
    totals = {one.key: Fraction(301, 3) for one in windows(lineup, held, due)}
    book = Book(lineup, totals, lefts={"wg_1": grant.left})
    (found,) = close(held, due, book)
    assert found.claim.wallet == Fraction(1, 3)
    assert book.lefts == {"wg_1": Fraction("19.666666666667")}


# --- what rolls over


@pytest.mark.parametrize(
    ("rollover", "rolled", "used", "carried"),
    [("all", 0, 60, 40), ("50", 20, 60, 50), ("all", 20, 60, 60), ("all", 0, 130, 0), ("", 0, 60, 0)],
)
def test_what_is_left_of_an_allowance_is_carried_into_the_next_period(
    rollover: str, rolled: int, used: int, carried: int
) -> None:
    held = subscribed(minutes(rollover=rollover))
    due = due_of(held, "usage", FEBRUARY)
    lineup = LineUp((held,), (), {("sub_1", "minutes", 1): Fraction(rolled)} if rolled else {})
    totals = {one.key: Fraction(used) for one in windows(lineup, held, due)}
    book = Book(lineup, totals)
    (found,) = close(held, due, book)
    assert found.rolled == found.claim.rolled == rolled
    assert found.claim.carried == carried
    assert lineup.rolled.get(("sub_1", "minutes", 2), 0) == carried
    detail = lined(held, found).detail
    assert isinstance(detail, dict)
    assert detail["rolled"] == str(rolled)
    assert found.included == 100 + rolled


def test_nothing_is_carried_out_of_the_period_in_which_the_subscription_ends_or_of_an_unlimited_one() -> None:
    held = subscribed(minutes(rollover="all"), ends_at=t("2026-03-01"), end_reason="canceled")
    assert closed(held, 60)[0].claim.carried == 0
    assert closed(held, 60, index=0)[0].claim.carried == 40
    unlimited = subscribed(minutes(rollover="all", included=None))
    assert closed(unlimited, 60)[0].claim.carried == 0


def test_a_cap_is_a_number_of_units_or_none() -> None:
    assert rollover_cap(minutes(rollover="all")) is None
    assert rollover_cap(minutes(rollover="12.5")) == Fraction(25, 2)


def test_a_book_apart_uses_nothing_up_of_the_one_it_was_made_of() -> None:
    held = subscribed(minutes(rollover="all"))
    grant = given("wg_1", 20, "2026-01-01")
    _, book = closed(held, 60, grant, amounts={}, by_child={})
    copy = book.apart()
    assert values(copy, "totals amounts lefts by_child") == values(book, "totals amounts lefts by_child")
    assert values(copy.lineup, "subscriptions grants rolled") == values(
        book.lineup, "subscriptions grants rolled"
    )
    copy.lefts["wg_1"] = Fraction(0)
    copy.lineup.rolled.clear()
    assert book.lefts == {"wg_1": 20}
    assert book.lineup.rolled == {("sub_1", "minutes", 2): 40}


def test_a_book_apart_knows_former_names_and_who_of_a_company_used_what() -> None:
    held = subscribed()
    book = Book(LineUp((held,), (), {}, {"talk": "minutes"}), {}, by_child={})
    by_child = {("sub_1", "minutes", t("2026-02-01"), t("2026-03-01")): {"nova": Fraction(1)}}
    copy = replace(book, by_child=by_child).apart()
    assert copy.lineup.present == {"talk": "minutes"}
    assert copy.by_child == by_child


# --- after a change of plan, in the middle of January


def changed(used_before: int, used: int, *grants: Any) -> tuple[Closing, Line, dict[str, Fraction]]:
    """The closing of the new plan, of which 100 are included as of the old one, whose use counts against them."""
    old = replace(
        subscribed(), id="sub_0", status=Status.CANCELED, ends_at=t("2026-01-16"), end_reason="changed"
    )
    begun = t("2026-01-16")
    new = replace(subscribed(), follows="sub_0", started_at=begun, fees_from=begun, usage_from=begun)
    due = due_of(new, "usage", 0)
    lineup = LineUp((old, new), grants)
    totals = {
        one.key: Fraction(used_before if one.starts_at < begun else used) for one in windows(lineup, new, due)
    }
    book = Book(lineup, totals, lefts={one.id: one.left for one in grants})
    (found,) = close(new, due, book)
    return found, usage_line(new, due, found, NAMES), book.lefts


def test_what_was_used_of_the_old_plan_counts_against_the_allowance_of_the_new_one() -> None:
    # 30 before the change leave 70 of 100: 90 after it are 20 beyond, at 0.10.
    found, line, _ = changed(30, 90)
    assert values(found, "before included") == (30, 100)
    assert values(line, "quantity amount_minor starts_at ends_at") == (
        20,
        200,
        t("2026-01-16"),
        t("2026-02-01"),
    )
    assert isinstance(line.detail, dict)
    told = ("quantity", "included", "allowance", "before")
    assert [line.detail[key] for key in told] == ["90", "70", "100", "30"]
    assert values(found.claim, "quantity included billed") == (90, 70, 20)


def test_within_the_allowance_after_a_change_all_units_are_included() -> None:
    found, line, _ = changed(30, 40)
    assert values(line, "quantity amount_minor") == (0, 0)
    assert isinstance(line.detail, dict)
    assert [line.detail[key] for key in ("quantity", "included", "before")] == ["40", "40", "30"]
    assert values(found.claim, "quantity included") == (40, 40)


def test_after_a_change_a_wallet_pays_for_the_plan_that_closes_and_not_for_the_old_one_again() -> None:
    # 130 of the old plan's 100: its 30 beyond were closed before. All 90 are above, 20 of them the grant's.
    found, line, lefts = changed(130, 90, given("wg_1", 20, "2025-12-01"))
    assert values(found.claim, "included wallet billed") == (0, 20, 70)
    assert isinstance(line.detail, dict)
    assert [line.detail[key] for key in ("included", "before", "wallet")] == ["0", "100", "20"]
    assert lefts == {"wg_1": 0}
    # Where the wallet covers all of it, what is told is the same.
    _, line, _ = changed(130, 15, given("wg_1", 20, "2025-12-01"))
    assert isinstance(line.detail, dict)
    assert [line.detail[key] for key in ("included", "before", "wallet")] == ["0", "100", "15"]


# --- prices


def test_a_line_is_priced_by_the_row_that_is_paid() -> None:
    rows = {"month": Each({"USD": Decimal("0.10")}), "year": Each({"USD": Decimal("0.05")})}
    held = subscribed(minutes(beyond=Beyond("usage", rows)))
    found, _ = closed(held, 130)
    assert values(lined(held, found), "description amount_minor") == ("Voice · 0.10 USD / minute", 300)


def test_after_a_trial_usage_is_priced_and_an_unlimited_allowance_is_told_as_none() -> None:
    held = subscribed(trial_ends_at=t("2026-01-01"))
    assert lined(held, closed(held, 130)[0]).amount_minor == 300
    unlimited = subscribed(minutes(included=None))
    detail = lined(unlimited, closed(unlimited, 130)[0]).detail
    assert isinstance(detail, dict)
    assert (detail["allowance"], detail["included"]) == (None, "130")


def test_usage_is_priced_after_use_and_not_in_a_trial_nor_where_it_is_paid_ahead() -> None:
    held = subscribed()
    assert usage_price(held, "minutes", t("2026-02-01")) == Each({"USD": Decimal("0.10")})
    trial = replace(held, status=Status.TRIALING, trial_ends_at=t("2026-01-15"))
    assert usage_price(trial, "minutes", t("2026-01-14")) is None
    ahead = subscribed(minutes(beyond=Beyond("prepaid", {"": Each({"USD": Decimal(1)})})))
    assert usage_price(ahead, "minutes", t("2026-02-01")) is None
    assert usage_price(subscribed(minutes(beyond=None)), "minutes", t("2026-02-01")) is None


def test_a_price_that_costs_nothing_stands_only_in_the_place_of_one() -> None:
    assert free_of_charge(None, "USD") is None
    assert free_of_charge(Each({"USD": Decimal(7)}), "USD") == Each({"USD": Decimal(0)})


FEES = Percentage(Decimal("0.02"), "amount")


def test_a_price_by_event_asks_for_the_events_of_its_period_and_prices_each() -> None:
    # Two payments of 50.00 and 400.00, one included: 2 % of the later one are 8.00.
    fees = minutes(included=Decimal(1), beyond=Beyond("usage", {"": FEES}))
    held = subscribed(fees, trial_ends_at=t("2026-01-01"))
    due = due_of(held, "usage", FEBRUARY)
    ((window, name),) = event_windows(held, due)
    assert name == "amount"
    assert values(window, "subscription customer feature starts_at ends_at span_ends_at measure") == (
        "sub_1",
        "nova",
        "minutes",
        t("2026-02-01"),
        t("2026-03-01"),
        t("2026-03-01"),
        "total",
    )
    events = (
        EventAmount(t("2026-02-02"), Fraction(1), Fraction(50)),
        EventAmount(t("2026-02-03"), Fraction(1), Fraction(400)),
    )
    found, _ = closed(held, 2, amounts={window.key: events})
    assert lined(held, found).amount_minor == 800
    assert looks_at_events(held.terms)


def test_other_prices_ask_for_no_events() -> None:
    held = subscribed()
    assert list(event_windows(held, due_of(held, "usage", FEBRUARY))) == []
    assert list(event_windows(held, due_of(held, "fee", FEBRUARY))) == []
    assert not looks_at_events(held.terms)
    assert not looks_at_events(subscribed(minutes(beyond=None)).terms)


def test_what_is_paid_once_has_no_period_of_which_events_are_looked_at() -> None:
    held = running(replace(sold(once="299"), features=metered()), "2026-01-01", pay="once")
    assert list(event_windows(held, due_of(held, "fee", 0))) == []
