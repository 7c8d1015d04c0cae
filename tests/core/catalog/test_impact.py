"""Whom a change of a plan touches and with how much money: recurring amounts, who pays more, who used more."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest

from planctl.core.catalog.book import Book, Held, summary
from planctl.core.catalog.changeset import Change, Holders, Impact, Overuse, Recurring
from planctl.core.catalog.diff import diff
from planctl.core.catalog.impact import features_that_matter, impact_of
from planctl.core.catalog.model import Plan
from planctl.core.instants import Instant
from tests.core.catalog.diffing import CATALOG, catalog, edited, stored

DEARER_PRO = ("month: {USD: 49,", "month: {USD: 55,")
LOWER = ("5_000", "4_000")


def holding(
    monthly: int | Fraction,
    count: int = 1,
    *,
    plan: str = "pro",
    text: str = CATALOG,
    used: Mapping[str, int] | None = None,
    **fields: Any,
) -> Held:
    """A group that holds a plan as `text` has it, paying so much by the month; by month in USD unless said."""
    quantities = {feature: Fraction(quantity) for feature, quantity in (used or {}).items()}
    held: dict[str, Any] = {"version": 7, "currency": "USD", "pay": "month", "used": quantities} | fields
    terms = catalog(text).plans[plan].terms
    return Held(plan, monthly=Fraction(monthly), count=count, terms=terms, **held)


def change_of(before: str, after: str, plan: str = "pro") -> tuple[Change, Plan | None]:
    """The change of one plan between two texts, and the plan as it would be."""
    desired = catalog(after)
    found = diff(stored(catalog(before)), desired, holders={f"plans.{plan}": Holders({7: 1})})
    (change,) = (
        one
        for one in found.changes
        if plan in (one.address.partition(".")[2], one.renamed_from.partition(".")[2])
    )
    return change, desired.plans.get(change.address.partition(".")[2])


def impact(
    *held: Held, edits: tuple[tuple[str, str], ...], before: str = CATALOG, plan: str = "pro"
) -> Impact:
    """What these edits of a text mean for those who hold the plan."""
    change, desired = change_of(before, edited(*edits, text=before), plan)
    found = impact_of(change, desired, Book(Instant(0), held))
    assert found is not None
    return found


# --- recurring amounts


def test_everybody_on_the_new_terms_pays_the_difference_of_the_fees() -> None:
    few, many = holding(49, 31, used={"minutes": 4_500}), holding(49, 346, used={"minutes": 1_000})
    found = impact(few, many, edits=(DEARER_PRO, LOWER))
    # 377 × 49 = 18,473; 377 × 55 = 20,735, which is 2,262 more; 55 / 49 is 12.2 % more
    assert found == Impact(
        recurring=(Recurring("USD", Fraction(18_473), Fraction(20_735)),),
        compared=377,
        overuse=(
            Overuse(
                "features.minutes.included",
                Fraction(4_000),
                over=31,
                subscriptions=377,
                median=Fraction(1_000),  # the 189th of 377
                p95=Fraction(4_500),  # the 359th of 377
                most=Fraction(4_500),
                every="month",
            ),
        ),
    )


def test_currencies_are_never_summed() -> None:
    found = impact(holding(49, 2), holding(46, 3, currency="EUR"), edits=(DEARER_PRO,))
    assert found.recurring == (
        Recurring("EUR", Fraction(138), Fraction(138)),
        Recurring("USD", Fraction(98), Fraction(110)),
    )


def test_a_yearly_fee_counts_by_the_month_exactly() -> None:
    found = impact(holding(Fraction(490, 12), 7, pay="year"), edits=(("{USD: 490,", "{USD: 500,"),))
    assert found.recurring == (Recurring("USD", Fraction(490 * 7, 12), Fraction(500 * 7, 12)),)


def test_who_pays_nothing_now_is_no_recurring_amount_but_is_compared() -> None:
    found = impact(holding(49, charged=False), edits=(("month: {USD: 49,", "month: {USD: 60,"),))
    assert (found.recurring, found.compared, found.dearer) == ((), 1, 1)


def test_a_price_agreed_with_a_customer_stays() -> None:
    agreed = holding(40, 2, agreed={"price.month.USD": "40"})
    found = impact(agreed, holding(49), edits=(DEARER_PRO,))
    assert found.recurring == (Recurring("USD", Fraction(129), Fraction(135)),)
    assert found.stuck == 0


def test_terms_agreed_that_do_not_fit_over_the_new_ones_leave_it_where_it_is() -> None:
    agreed = holding(49, agreed={"features.calls.beyond.each.USD": "0.05"})
    gone = "      calls: {included: 1_000, beyond: {charge: usage, each: {USD: 0.10, EUR: 0.09}}}\n"
    found = impact(agreed, edits=(DEARER_PRO, (gone, "      calls: unlimited\n")))
    assert (found.stuck, found.recurring) == (1, (Recurring("USD", Fraction(49), Fraction(49)),))


def test_who_pays_by_a_row_that_goes_stays_on_both_sides() -> None:
    by_year = holding(Fraction(490, 12), 12, pay="year")
    found = impact(by_year, holding(49), edits=(DEARER_PRO, ("      year: {USD: 490, EUR: 460}\n", "")))
    assert found.recurring == (Recurring("USD", Fraction(539), Fraction(545)),)
    assert (found.stuck, found.compared) == (12, 1)


def test_who_pays_in_a_currency_that_goes_stays_on_both_sides() -> None:
    edits = (
        ("month: {USD: 49, EUR: 46}", "month: {USD: 55}"),
        ("year: {USD: 490, EUR: 460}", "year: {USD: 490}"),
    )
    found = impact(holding(46, 2, currency="EUR"), holding(49), edits=edits)
    assert found.recurring == (
        Recurring("EUR", Fraction(92), Fraction(92)),
        Recurring("USD", Fraction(49), Fraction(55)),
    )
    assert found.stuck == 2


def test_nothing_moves_with_a_plan_that_is_archived() -> None:
    change, _ = change_of(CATALOG, CATALOG.replace("    name: Pro\n", "    name: Pro\n    archived: true\n"))
    plan = catalog(CATALOG.replace("    name: Pro\n", "    name: Pro\n    archived: true\n")).plans["pro"]
    for gone in (None, plan):
        found = impact_of(change, gone, Book(Instant(0), (holding(49, 3),)))
        assert found == Impact(recurring=(Recurring("USD", Fraction(147), Fraction(147)),))


def test_nothing_moves_where_only_the_presentation_changes() -> None:
    found = impact(holding(39, 2), edits=(("    name: Pro\n", "    name: Professional\n"),))
    assert found == Impact(recurring=(Recurring("USD", Fraction(78), Fraction(78)),))


def test_what_nobody_holds_has_no_impact() -> None:
    change, plan = change_of(CATALOG, edited(DEARER_PRO))
    assert impact_of(change, plan, Book(Instant(0), (holding(19, plan="basic"),))) is None
    assert impact_of(Change("features.minutes", "update"), None, Book(Instant(0), (holding(49),))) is None


SEATS = edited(
    ("  calls: {type", "  seats: {type: metered, unit: seat, reset: never}\n  calls: {type"),
    ("      calls: {included", "      seats: {included: 3, beyond: {charge: prepaid, each: {month: {USD: 10, EUR: 9}, "
     "year: {USD: 100, EUR: 90}}, up_to: 50}}\n      calls: {included"),
)  # fmt: skip


def test_prepaid_quantities_go_on_and_are_priced_by_the_new_terms() -> None:
    held = holding(69, 2, text=SEATS, quantities={"seats": Decimal(5)})  # 49 + 2 × 10
    dearer_seats = ("{USD: 10, EUR: 9}", "{USD: 12, EUR: 9}")
    assert impact(held, edits=(dearer_seats,), before=SEATS).recurring == (
        Recurring("USD", Fraction(138), Fraction(146)),  # 2 × (49 + 2 × 12)
    )
    more_included = ("seats: {included: 3", "seats: {included: 4")
    assert impact(held, edits=(more_included,), before=SEATS).recurring == (
        Recurring("USD", Fraction(138), Fraction(118)),  # 2 × (49 + 1 × 10)
    )


def test_a_feature_that_is_not_sold_ahead_any_more_leaves_its_quantity_behind() -> None:
    held = holding(69, text=SEATS, quantities={"seats": Decimal(5)})
    line = next(one for one in SEATS.splitlines() if "seats: {included" in one)
    found = impact(held, edits=((line, "      seats: 3"),), before=SEATS)
    assert found.recurring == (Recurring("USD", Fraction(69), Fraction(49)),)


# --- who pays more


@pytest.mark.parametrize(("fee", "dearer"), [("58.80", 0), ("58.81", 1)])
def test_exactly_a_fifth_more_is_not_over_a_fifth_more(fee: str, dearer: int) -> None:
    found = impact(holding(49), edits=(("month: {USD: 49,", f"month: {{USD: {fee},"),))  # 49 × 1.2 = 58.80
    assert found.dearer == dearer


def test_from_nothing_to_something_is_dearer() -> None:
    free = edited(("  basic:\n    name: Basic\n    group: main\n    price: {month: {USD: 19, EUR: 18}}",
                   "  basic:\n    name: Basic\n    group: main\n    price: free"))  # fmt: skip
    paid = edited(("price: {month: {USD: 19, EUR: 18}}", "price: {month: {USD: 1, EUR: 1}}"))
    change, plan = change_of(free, paid, "basic")
    book = Book(Instant(0), (holding(0, 3, plan="basic", text=free),))
    found = impact_of(change, plan, book)
    assert found is not None
    assert (found.dearer, found.recurring) == (3, (Recurring("USD", Fraction(0), Fraction(3)),))


def test_what_was_used_is_charged_on_both_sides() -> None:
    quiet, busy = holding(49, used={"calls": 1_000}), holding(49, 4, used={"calls": 3_000})
    found = impact(quiet, busy, edits=(("month: {USD: 49,", "month: {USD: 60,"),))
    # 60 is 22 % more than 49, but 60 + 200 is 4 % more than 49 + 200
    assert (found.dearer, found.compared, found.by_fees) == (1, 5, False)


def test_dearer_usage_counts_where_the_fee_stays() -> None:
    quiet, busy = holding(49, used={"calls": 1_098}), holding(49, 4, used={"calls": 1_100})
    found = impact(quiet, busy, edits=(("each: {USD: 0.10,", "each: {USD: 0.25,"),))
    # 49 + 98 × 0.25 = 73.50 against 49 + 9.80; 49 + 25 = 74 against 49 + 10: all are over 20 % more
    assert found.dearer == 5
    # 49 + 68 × 0.25 = 66 against 49 + 6.80 = 55.80: 18 % more
    assert (
        impact(holding(49, used={"calls": 1_068}), edits=(("each: {USD: 0.10,", "each: {USD: 0.25,"),)).dearer
        == 0
    )


def test_monthly_usage_of_a_yearly_plan_is_compared_with_a_twelfth_of_its_fee() -> None:
    cheap = edited(("year: {USD: 490,", "year: {USD: 120,"))
    held = holding(10, pay="year", text=cheap, used={"calls": 1_080})  # 10 + 8 a month
    found = impact(held, edits=(("each: {USD: 0.10,", "each: {USD: 0.15,"),), before=cheap)
    assert found.dearer == 1  # 10 + 12 = 22 is 22 % more than 18
    found = impact(held, edits=(("each: {USD: 0.10,", "each: {USD: 0.14,"),), before=cheap)
    assert found.dearer == 0  # 10 + 11.20 = 21.20 is 18 % more


def test_a_minimum_counts_by_the_month() -> None:
    at_least = ("    due: 14 days\n", "    due: 14 days\n    minimum: {USD: 60, EUR: 60}\n")
    found = impact(holding(49, used={"calls": 0}), edits=(at_least,))
    assert (found.dearer, found.recurring[0].moved) == (1, Fraction(49))


def test_a_maximum_bounds_what_usage_comes_to() -> None:
    capped = edited(("    due: 14 days\n", "    due: 14 days\n    maximum: {USD: 51, EUR: 51}\n"))
    held = holding(49, text=capped, used={"calls": 100_000})  # 49 + 51 = 100
    edits = (("maximum: {USD: 51", "maximum: {USD: 72"),)
    assert impact(held, edits=edits, before=capped).dearer == 1  # 121
    assert impact(held, edits=(("maximum: {USD: 51", "maximum: {USD: 71"),), before=capped).dearer == 0  # 120


def test_more_usage_than_an_amount_may_be_is_compared_by_its_fee() -> None:
    held = holding(49, used={"calls": 10**18})
    assert impact(held, edits=(("each: {USD: 0.10,", "each: {USD: 0.11,"),)).dearer == 0


def test_customers_are_named_only_where_the_book_names_them() -> None:
    held = holding(49, 2, used={"minutes": 4_500}, customers=("nova", "acme"))
    found = impact(held, holding(49), edits=(("month: {USD: 49,", "month: {USD: 60,"), LOWER))
    assert found.dearer_customers == ("acme", "nova")
    assert found.overuse[0].customers == ("acme", "nova")
    assert found.nameless.dearer_customers == ()


# --- who used more


def overuse(*held: Held, edits: tuple[tuple[str, str], ...], before: str = CATALOG) -> Overuse | None:
    found = impact(*held, edits=edits, before=before).overuse
    assert len(found) < 2
    return found[0] if found else None


def test_exactly_the_allowance_is_not_more() -> None:
    found = overuse(holding(49, used={"minutes": 4_000}), edits=(LOWER,))
    assert found is not None
    assert found.over == 0


def test_a_limit_where_there_was_none_is_lower() -> None:
    unlimited = edited(("minutes: 5_000", "minutes: unlimited"))
    held = holding(49, 3, text=unlimited, used={"minutes": 4_001})
    found = overuse(held, edits=(("minutes: unlimited", "minutes: 4_000"),), before=unlimited)
    assert found is not None
    assert (found.limit, found.over, found.subscriptions) == (Fraction(4_000), 3, 3)


def test_more_is_no_overuse() -> None:
    assert overuse(holding(49, used={"minutes": 9_000}), edits=(("5_000", "6_000"),)) is None
    assert overuse(holding(49, used={"minutes": 9_000}), edits=(("5_000", "unlimited"),)) is None


def test_who_had_no_closed_period_yet_is_left_out() -> None:
    found = overuse(holding(49, 5), holding(49, 2, used={"minutes": 4_500}), edits=(LOWER,))
    assert found is not None
    assert (found.over, found.subscriptions) == (2, 2)
    assert overuse(holding(49, 5), edits=(LOWER,)) is None


def test_an_agreed_allowance_stays_and_is_left_out() -> None:
    agreed = holding(49, agreed={"features.minutes": "9_000"}, used={"minutes": 8_000})
    assert overuse(agreed, edits=(LOWER,)) is None


def test_a_removed_feature_concerns_everybody_who_used_it() -> None:
    line = "      calls: {included: 1_000, beyond: {charge: usage, each: {USD: 0.10, EUR: 0.09}}}\n"
    users, others = holding(49, 2, used={"calls": 7}), holding(49, 3, used={"calls": 0})
    found = overuse(users, others, edits=((line, ""),))
    assert found is not None
    assert (found.path, found.limit, found.over, found.subscriptions) == (
        "features.calls.included", Fraction(0), 2, 5,
    )  # fmt: skip


def test_a_removed_switch_concerns_who_has_it() -> None:
    before_sso = edited(("      sso: true\n", ""))
    found = overuse(holding(49, 2), holding(49, 3, text=before_sso), edits=(("      sso: true\n", ""),))
    assert found is not None
    assert (found.path, found.over, found.subscriptions, found.every) == ("features.sso", 2, 5, "granted")


def test_a_removed_value_of_a_list_concerns_who_has_it() -> None:
    without = edited(("connectors: [hubspot, zapier]", "connectors: [hubspot]"))
    found = overuse(
        holding(49, 2), holding(49, 3, text=without),
        edits=(("connectors: [hubspot, zapier]", "connectors: [hubspot]"),),
    )  # fmt: skip
    assert found is not None
    assert (found.path, found.over, found.subscriptions) == ("features.connectors.values", 2, 5)


def test_quantities_of_another_allowance_period_are_not_compared() -> None:
    daily = ("minutes: 5_000", "minutes: {included: 200, reset: day}")
    assert overuse(holding(49, used={"minutes": 3_000}), edits=(daily,)) is None


def test_a_lower_ceiling_is_met_by_all_that_was_used() -> None:
    capped = edited(("EUR: 0.09}}}", "EUR: 0.09}, up_to: 9_000}}"))
    held = (holding(49, 2, text=capped, used={"calls": 8_500}), holding(49, text=capped, used={"calls": 10}))
    found = overuse(*held, edits=(("up_to: 9_000", "up_to: 8_000"),), before=capped)
    assert found is not None
    assert (found.path, found.over, found.subscriptions) == ("features.calls.beyond.up_to", 2, 3)


def test_units_and_what_was_bought_ahead_raise_the_limit() -> None:
    held = holding(69, 2, text=SEATS, quantities={"seats": Decimal(5)}, used={"seats": 5})
    alone = holding(49, text=SEATS, used={"seats": 3})
    found = overuse(held, alone, edits=(("seats: {included: 3", "seats: {included: 2"),), before=SEATS)
    assert found is not None
    assert (found.over, found.subscriptions, found.every) == (1, 3, "once")


# --- renames


def test_a_renamed_plan_is_held_under_its_old_id() -> None:
    renamed = edited(("  pro:\n    name: Pro\n", "  one:\n    was: pro\n    name: One\n"), DEARER_PRO,
                     ("requires: [basic, pro]", "requires: [basic, one]"))  # fmt: skip
    change, plan = change_of(CATALOG, renamed)
    found = impact_of(change, plan, Book(Instant(0), (holding(49),)))
    assert found is not None
    assert found.recurring == (Recurring("USD", Fraction(49), Fraction(55)),)


def test_a_renamed_feature_keeps_what_was_used_of_it() -> None:
    renamed = edited(
        ("  minutes: {type: metered, name: Voice,", "  voice: {was: minutes, type: metered, name: Voice,"),
        ("spends: {minutes: 1/10}", "spends: {voice: 1/10}"),
        ("minutes: 5_000", "voice: 4_000"),
        ("features: {minutes: 100}", "features: {voice: 100}"),
        ("features: {minutes: 500}", "features: {voice: 500}"),
        ("wallet: {minutes: 1_000}", "wallet: {voice: 1_000}"),
    )
    change, plan = change_of(CATALOG, renamed)
    assert features_that_matter(change, plan) >= {"voice", "minutes"}
    found = impact_of(change, plan, Book(Instant(0), (holding(49, 3, used={"minutes": 4_500}),)))
    assert found is not None
    assert [(one.path, one.over) for one in found.overuse] == [("features.voice.included", 3)]


def test_old_terms_know_a_feature_by_a_former_id() -> None:
    old = CATALOG.replace("calls", "requests").replace("name: Calls", "name: Requests")
    held = holding(49, text=old, used={"calls": 3_000})
    change, plan = change_of(CATALOG, edited(("month: {USD: 49,", "month: {USD: 60,")))
    known = Book(Instant(0), (held,), present={"requests": "calls"})
    found = impact_of(change, plan, known)
    assert found is not None
    assert found.dearer == 0  # 260 against 249


# --- a snapshot


def test_a_snapshot_tells_the_same_money_and_counts() -> None:
    held = (holding(49, 31, used={"minutes": 4_500}), holding(49, 46, used={"minutes": 1_000}))
    change, plan = change_of(CATALOG, edited(DEARER_PRO, LOWER))
    found = impact_of(change, plan, summary(Book(Instant(0), held)))
    assert found is not None
    assert found.recurring == (Recurring("USD", Fraction(77 * 49), Fraction(77 * 55)),)
    assert found.by_fees  # calls are charged by use, and who made how many is not known
    (one,) = found.overuse
    assert (one.over, one.subscriptions, one.about) == (31, 77, False)
    assert [one.median, one.p95] == [Fraction(1_000), Fraction(4_500)]


def test_in_a_snapshot_whoever_agreed_on_money_stays() -> None:
    agreed = holding(40, 2, agreed={"price.month.USD": "40"})
    change, plan = change_of(CATALOG, edited(DEARER_PRO))
    found = impact_of(change, plan, summary(Book(Instant(0), (agreed, holding(49)))))
    assert found is not None
    assert found.recurring == (Recurring("USD", Fraction(129), Fraction(135)),)


def test_in_a_snapshot_everybody_may_have_what_is_removed() -> None:
    change, plan = change_of(CATALOG, edited(("      sso: true\n", "")))
    found = impact_of(change, plan, summary(Book(Instant(0), (holding(49, 3),))))
    assert found is not None
    assert [(one.over, one.about) for one in found.overuse] == [(3, True)]


# --- what the store is asked for


def test_the_usage_that_matters_is_of_what_is_lowered_and_of_what_is_charged_by_use() -> None:
    change, plan = change_of(CATALOG, edited(LOWER))
    assert features_that_matter(change, plan) == {"minutes", "calls"}


def test_usage_of_a_charge_that_goes_matters() -> None:
    change, plan = change_of(CATALOG, edited((", beyond: {charge: usage, each: {USD: 0.10, EUR: 0.09}}", "")))
    assert features_that_matter(change, plan) == {"calls"}


def test_no_usage_matters_where_nothing_moves() -> None:
    change, plan = change_of(CATALOG, edited(("    name: Pro\n", "    name: Professional\n")))
    assert features_that_matter(change, plan) == frozenset()
    assert features_that_matter(change, None) == frozenset()
