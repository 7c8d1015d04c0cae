"""What quantities, minimums and maximums come to in one period, each amount worked out by hand."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest

from planctl.core.catalog.model import Beyond, Entitlement, Feature, Meter, Terms
from planctl.core.invoicing.fees import capped, fee_lines, minimum_lines
from planctl.core.invoicing.model import Line
from planctl.core.periods import Anchor
from planctl.core.pricing.kinds.each import Each
from planctl.core.subscriptions.dues import due_of
from planctl.core.subscriptions.model import QuantityStep, Subscription
from tests.core.billing import canceled, monthly, prepaid, running, sold, t, values


def fees(subscription: Subscription, index: int = 0) -> list[Line]:
    return list(fee_lines(subscription, due_of(subscription, "fee", index), {}))


def step(at: str, total: int, seq: int = 1, feature: str = "", *, charged: bool = True) -> QuantityStep:
    return QuantityStep(t(at), feature, Decimal(total), seq, charged)


# --- the quantity in force when a period begins


def test_a_period_is_charged_for_what_is_held_when_it_begins() -> None:
    # 2 at the start, 3 from 15 January on (charged then), 1 from 1 March on: 2, 3, 1 units of 10.00.
    terms = monthly("10", quantity=(1, 20))
    subscription = running(
        terms,
        "2026-01-01",
        quantity=2,
        steps=(step("2026-01-15", 3), step("2026-03-01", 1, 2, charged=False)),
    )
    assert [fees(subscription, index)[0].amount_minor for index in range(3)] == [2000, 3000, 1000]


def test_a_step_charged_on_its_own_at_the_very_start_of_a_period_is_not_in_that_periods_fee() -> None:
    terms = monthly("10", quantity=(1, 20))
    subscription = running(terms, "2026-01-01", steps=(step("2026-02-01", 3),))
    assert [fees(subscription, index)[0].amount_minor for index in (1, 2)] == [1000, 3000]


def test_prepaid_totals_change_with_their_steps() -> None:
    # 10 included at 4.00 a seat above: 12 held costs 8.00, 15 costs 20.00.
    terms = monthly("49", features=prepaid())
    subscription = running(
        terms,
        "2026-01-01",
        quantities={"seats": Decimal(12)},
        steps=(step("2026-01-20", 15, feature="seats"),),
    )
    assert [values(line, "kind amount_minor quantity") for line in fees(subscription, 1)] == [
        ("fee", 4900, 1),
        ("quantity", 2000, 5),
    ]


def test_in_arrears_each_step_is_charged_for_the_days_that_it_held() -> None:
    # 31.00 a unit in January, 31 days: 2 units for the month, one more from the 11th (21 days, 21.00),
    # two fewer from the 21st (11 days, 2 × 11.00 back).
    terms = monthly("31", quantity=(1, 20), bill="in arrears")
    steps = (step("2026-01-11", 3, charged=False), step("2026-01-21", 1, 2, charged=False))
    lines = fees(running(terms, "2026-01-01", quantity=2, steps=steps))
    assert [values(line, "kind charge_key amount_minor quantity") for line in lines] == [
        ("fee", "fee", 6200, 2),
        ("proration_charge", "fee:1", 2100, 1),
        ("proration_credit", "fee:2", -2200, -2),
    ]
    assert lines[1].description == "starter · +1 (21 of 31 days)"
    assert lines[2].starts_at == t("2026-01-21")


def test_in_arrears_an_end_cuts_the_steps_too() -> None:
    # 31.00 a unit, ended after 20 of 31 days: 20.00; one more from the 11th: 10 days, 10.00.
    terms = monthly("31", quantity=(1, 20), bill="in arrears")
    subscription = running(terms, "2026-01-01", steps=(step("2026-01-11", 2, charged=False),))
    lines = fees(canceled(subscription, "2026-01-21"))
    assert [line.amount_minor for line in lines] == [2000, 1000]


def test_the_fee_of_an_add_on_has_a_kind_of_its_own() -> None:
    addon = running(monthly("6", kind="addon", quantity=(1, 20)), "2026-01-01", quantity=3, plan="extra_seat")
    (line,) = fee_lines(addon, due_of(addon, "fee", 0), {"addons.extra_seat": "Extra seat"})
    assert values(line, "kind amount_minor description") == ("addon", 1800, "Extra seat · Monthly")


def test_the_first_part_of_an_add_on_is_charged_from_its_start_to_the_bases_boundary() -> None:
    # Base from 10 January; the add-on from 20 January, 09:30: to 10 February are 21 of 31 days, 31.00 × 21/31.
    addon = running(
        monthly("31", kind="addon"),
        "2026-01-20T09:30:00Z",
        plan="extra_seat",
        base="sub_base",
        anchor_at=t("2026-01-10"),
    )
    (first,), (second,) = fees(addon, 0), fees(addon, 1)
    assert values(first, "amount_minor description") == (2100, "extra_seat · Monthly (21 of 31 days)")
    assert (first.starts_at, first.ends_at) == (t("2026-01-20T09:30:00Z"), t("2026-02-10"))
    assert values(second, "amount_minor description") == (3100, "extra_seat · Monthly")


def test_an_add_on_bought_late_on_a_base_counts_its_periods_with_the_bases() -> None:
    addon = running(monthly("31", kind="addon"), "2026-04-25", base="sub_base", anchor_at=t("2026-01-10"))
    due = due_of(addon, "fee", 3)
    assert (due.at, due.period.starts_at, due.full.starts_at) == (
        t("2026-04-25"),
        t("2026-04-25"),
        t("2026-04-10"),
    )


# --- minimum


def short(subscription: Subscription, charged: int, index: int = 0) -> list[Line]:
    return list(minimum_lines(subscription, due_of(subscription, "minimum", index), charged, {}))


def committed(**more: Any) -> Terms:
    return replace(monthly("19"), minimum={"USD": Decimal(100)}, **more)


def test_what_is_short_of_the_minimum_is_one_line_that_names_its_numbers() -> None:
    (line,) = short(running(committed(), "2026-01-01"), 1900 + 2550)
    assert values(line, "kind charge_key amount_minor description") == (
        "minimum",
        "minimum",
        5550,
        "starter · minimum",
    )
    assert line.detail == {
        "exact": "55.5",
        "share": "1",
        "share_text": "",
        "minimum": "100",
        "charged": "44.5",
    }


@pytest.mark.parametrize("charged", [10_000, 10_001])
def test_enough_is_enough(charged: int) -> None:
    assert short(running(committed(), "2026-01-01"), charged) == []


def test_a_partial_period_has_its_share_of_the_minimum_rounded_once() -> None:
    # 17 January to 1 February are 15 of 31 days: 100 × 15/31 = 48.3871; 9.19 was charged: 39.1971 -> 39.20.
    subscription = running(committed(anchor=Anchor("calendar")), "2026-01-17")
    (line,) = short(subscription, 919)
    assert values(line, "amount_minor description") == (3920, "starter · minimum (15 of 31 days)")


def test_the_last_period_of_a_canceled_subscription_has_its_share_of_the_minimum() -> None:
    # 1 to 11 January are 10 of 31 days: 100 × 10/31 = 32.2581; 19.00 was charged: 13.26.
    subscription = canceled(running(committed(), "2026-01-01"), "2026-01-11")
    assert [line.amount_minor for line in short(subscription, 1900)] == [1326]


def test_minimum_and_fee_are_prorated_together_and_rounded_once() -> None:
    # A yearly commitment of 10,000.00 begun on 3 March on the calendar: 304 of 365 days are 8,328.7671…,
    # and the fee of 1,000.01 for them 832.8850… -> 832.89. Short of it: 7,495.8771… -> 7,495.88.
    terms = replace(
        sold(year="1000.01"), anchor=Anchor("calendar"), minimum={"USD": Decimal(10_000)}, due_days=7
    )
    subscription = running(terms, "2026-03-03", pay="year")
    (fee,) = fees(subscription)
    assert fee.amount_minor == 83_289
    (line,) = short(subscription, fee.amount_minor)
    assert line.amount_minor == 749_588


# --- maximum


def usage(amount: int, feature: str = "minutes") -> Line:
    return Line(
        "usage", "sub_1", "starter", 1, f"usage:{feature}", 0, feature, Fraction(1), None, amount,
        t("2026-01-01"), t("2026-02-01"), feature=feature, detail={"exact": "1"},
    )  # fmt: skip


def cut(lines: list[Line], before: int = 0, maximum: str = "10") -> list[int]:
    subscription = running(replace(monthly(), maximum={"USD": Decimal(maximum)}), "2026-01-01")
    due = due_of(subscription, "fee", 0)
    return [line.amount_minor for line in capped(lines, subscription, due, before)]


def test_usage_within_the_maximum_stays_as_it_is() -> None:
    assert cut([usage(600), usage(400, "api")]) == [600, 400]


def test_usage_above_the_maximum_is_cut_by_largest_remainder() -> None:
    # 10.00 over 7.00 + 7.00 + 7.00: 3.33 each, and the cent left over to the first.
    assert cut([usage(700), usage(700, "api"), usage(700, "gb")]) == [334, 333, 333]
    # 10.00 over 1.00 + 20.00: 0.476 and 9.523, so 0.48 and 9.52.
    assert cut([usage(100), usage(2000, "api")]) == [48, 952]


def test_what_an_earlier_closing_charged_counts_for_the_maximum() -> None:
    assert cut([usage(600)], before=700) == [300]
    assert cut([usage(600)], before=1000) == [0]
    assert cut([usage(600)], before=1200) == [0]


def test_the_maximum_cuts_usage_alone_and_keeps_what_it_would_have_been() -> None:
    subscription = running(replace(monthly(), maximum={"USD": Decimal(10)}), "2026-01-01")
    fee = fees(subscription)[0]
    due = due_of(subscription, "fee", 0)
    assert capped([fee, usage(2550)], subscription, due, 0)[0] == fee
    after = capped([fee, usage(2550)], subscription, due, 0)[1]
    assert after.amount_minor == 1000
    assert after.detail == {"exact": "1", "uncapped": "25.5", "maximum": "10"}


def test_without_a_maximum_in_the_currency_nothing_is_cut() -> None:
    subscription = running(replace(monthly(), maximum={"EUR": Decimal(1)}), "2026-01-01")
    lines = (usage(2550),)
    assert capped(lines, subscription, due_of(subscription, "fee", 0), 0) == lines


def test_a_total_within_the_allowance_is_not_charged() -> None:
    feature = Feature("seats", "metered", unit="seat", meter=Meter(), reset="never")
    seats = Entitlement(
        feature, included=Decimal(10), beyond=Beyond("prepaid", {"": Each({"USD": Decimal(4)})})
    )
    subscription = running(
        monthly(features={"seats": seats}), "2026-01-01", quantities={"seats": Decimal(10)}
    )
    assert [line.kind for line in fees(subscription)] == ["fee"]
