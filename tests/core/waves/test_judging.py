"""Why a migration leaves a subscription alone, and what a move comes to by the month and today."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest

from planctl.core.catalog.model import Terms
from planctl.core.customers import Customer
from planctl.core.invoicing.facts import Advanced
from planctl.core.subscriptions.assigning import Relaid
from planctl.core.subscriptions.changes import Change, changed
from planctl.core.subscriptions.model import QuantityStep, Status, Subscription
from planctl.core.subscriptions.start import Ask, Offered
from planctl.core.waves.judging import Money, counted, money_of, monthly, move_of, overreaching, stays, unfit
from planctl.core.waves.model import Skip
from tests.core.billing import DECLARED, metered, offer, prepaid, running, sold, t
from tests.core.billing import monthly as by_month

NOVA = Customer("nova", currency="USD")
NOW = t("2026-04-16")


def runs(terms: Terms | None = None, **more: Any) -> Subscription:
    """nova's Pro v5 for 49.00 by the month since 1 April 2026, billed to its start."""
    said: dict[str, Any] = {
        "id": "sub_old", "plan": "pro", "plan_version": 5, "settled_at": t("2026-04-01"), "terms_hash": "old",
    }  # fmt: skip
    return running(terms or by_month("49"), "2026-04-01", **(said | more))


def newer(terms: Terms | None = None) -> Offered:
    """Pro v8, for 55.00 by the month."""
    return replace(offer(terms or by_month("55"), "pro"), version=8, terms_hash="new")


def scheduled(plan: str = "pro", version: int = 8) -> Subscription:
    return runs(
        id="sub_new", plan=plan, plan_version=version, status=Status.PENDING, follows="sub_old",
        started_at=t("2026-05-01"),
    )  # fmt: skip


def reason(one: Subscription, *others: Subscription, requested: bool = False) -> str:
    skip = stays(one, (one, *others), newer(), requested=requested)
    return "" if skip is None else skip.reason


def test_nothing_is_known_against_a_plan_that_simply_runs() -> None:
    assert reason(runs()) == ""


def test_a_lock_says_its_reason_and_stands_before_everything_else() -> None:
    locked = runs(locked="talks", status=Status.PENDING)
    assert stays(locked, (locked,), newer(), requested=True) == Skip("locked", "it is locked: talks")


def test_what_is_scheduled_is_let_be() -> None:
    assert reason(runs(), scheduled()) == "already"
    assert reason(runs(), scheduled(version=7)) == "change-scheduled"
    assert reason(runs(), scheduled("basic", 8)) == "change-scheduled"
    assert reason(runs(), replace(scheduled(), follows="sub_other")) == ""
    assert reason(runs(), replace(scheduled(), status=Status.CANCELED)) == ""


def test_what_ends_because_somebody_asked_is_not_revived_and_what_ends_by_its_terms_is_moved() -> None:
    assert reason(runs(ends_at=t("2026-05-01"), end_reason="canceled")) == "ending"
    assert reason(runs(ends_at=t("2027-04-01"), end_reason="expired")) == ""


def test_what_is_still_to_start_an_open_request_and_an_addon_stay() -> None:
    assert reason(runs(status=Status.PENDING)) == "to-start"
    assert reason(runs(), requested=True) == "change-requested"
    assert reason(runs(replace(by_month("6"), kind="addon"), base="sub_base")) == "not-yet"


def test_an_interval_that_is_no_longer_sold_is_named() -> None:
    yearly = runs(pay="year", terms=sold(month="49", year="490"))
    assert stays(yearly, (yearly,), newer(), requested=False) == Skip(
        "no-such-row", "it pays by year, v8 is sold by month"
    )


def test_agreed_terms_that_do_not_go_with_the_version_keep_it_where_it_is() -> None:
    assert unfit(Relaid({"due": "30 days"}), 8) is None
    lost = Relaid({}, void={"features.minutes.beyond.each.USD": "there is no such charge"})
    assert unfit(lost, 8) == Skip(
        "negotiated",
        "features.minutes.beyond.each.USD is agreed and does not go with v8: there is no such charge",
    )


# --- money


def change(old: Subscription, to: Offered, *others: Subscription) -> Change:
    ask = Ask(NOW, NOW, currency="USD")
    return changed("sub_new", NOVA, to, ask, old, (old, *others), DECLARED, "renewal")


@pytest.mark.parametrize(
    ("one", "expected"),
    [
        (runs(), Fraction(49)),
        (runs(quantity=3), Fraction(147)),
        (runs(pay="year", terms=sold(month="49", year="490")), Fraction(490, 12)),
        # 10 seats are included, the other 5 cost 4.00 each.
        (runs(by_month("49", features=prepaid()), quantities={"seats": Decimal(15)}), Fraction(69)),
        (runs(by_month("0", features=metered())), Fraction(0)),
    ],
)
def test_what_is_paid_by_the_month_is_exact(one: Subscription, expected: Fraction) -> None:
    assert monthly(one, NOW) == expected


def test_a_move_compares_what_is_held_at_the_change() -> None:
    more = QuantityStep(t("2026-05-01"), "", Decimal(2), 1)
    wide = replace(by_month("49"), quantity=(1, 10))
    old = runs(wide, steps=(more,))
    made = change(old, newer(replace(by_month("55"), quantity=(1, 10))))
    move = move_of(made, Advanced("nova"), 2)
    assert (move.batch, str(move.timing)) == (2, "renewal")
    assert (move.now, move.then) == (Fraction(98), Fraction(110))
    assert (move.charged_minor, move.credited_minor) == (0, 0)


@pytest.mark.parametrize(
    ("limit", "expected"),
    [
        (None, ""),
        (Decimal("0.13"), ""),
        (Decimal("0.1"), "49.00 to 55.00 USD a month is more than 10 % dearer"),
        (Decimal(0), "49.00 to 55.00 USD a month is more than 0 % dearer"),
    ],
)
def test_who_would_pay_more_than_the_limit_stays(limit: Decimal | None, expected: str) -> None:
    made = change(runs(), newer())
    skip = overreaching(made, move_of(made, Advanced("nova"), 1), limit)
    assert ("" if skip is None else skip.why) == expected


def test_exactly_the_limit_is_allowed_and_something_in_place_of_nothing_never_is() -> None:
    exact = change(runs(by_month("50")), newer(by_month("60")))
    assert overreaching(exact, move_of(exact, Advanced("nova"), 1), Decimal("0.2")) is None
    priced = change(runs(by_month("0", features=metered())), newer(by_month("1", features=metered())))
    skip = overreaching(priced, move_of(priced, Advanced("nova"), 1), Decimal(10))
    assert skip is not None
    assert skip.reason == "increase"


def test_a_start_that_would_give_way_keeps_the_plan_where_it_is() -> None:
    old = runs(exclusive_group="main")
    coming = runs(
        id="sub_b", plan="basic", status=Status.PENDING, exclusive_group="main", started_at=t("2026-06-01")
    )
    made = change(old, replace(newer(replace(by_month("55"), group="main")), exclusive=True), coming)
    skip = overreaching(made, move_of(made, Advanced("nova"), 1), None)
    assert skip == Skip("change-scheduled", "basic is to start 2026-06-01T00:00:00Z (sub_b)")


def test_an_addon_that_would_end_keeps_its_base_where_it_is() -> None:
    made = change(runs(), newer())
    ended = runs(id="sub_seat", plan="extra_seat", base="sub_old", ends_at=made.at, end_reason="changed")
    skip = overreaching(replace(made, addons=(ended,)), move_of(made, Advanced("nova"), 1), None)
    assert skip == Skip("addon-ends", "extra_seat would end with the change")
    goes_on = replace(ended, base="sub_new", ends_at=None, end_reason="")
    assert overreaching(replace(made, addons=(goes_on,)), move_of(made, Advanced("nova"), 1), None) is None


def test_money_is_added_up_by_currency_and_never_across() -> None:
    dollars = move_of(change(runs(), newer()), Advanced("nova"), 1)
    euros = replace(dollars, before=replace(dollars.before, currency=DECLARED["EUR"]), charged_minor=500)
    assert list(money_of([dollars, euros, dollars])) == [
        Money(DECLARED["EUR"], Fraction(49), Fraction(55), 500, 0),
        Money(DECLARED["USD"], Fraction(98), Fraction(110), 0, 0),
    ]


def test_reasons_are_counted_the_most_frequent_first() -> None:
    several = [Skip("locked", "a"), Skip("increase", "b"), Skip("excluded", "c"), Skip("increase", "d")]
    assert list(counted(several).items()) == [("increase", 2), ("excluded", 1), ("locked", 1)]
