"""The lines of fees and of what is bought ahead, in whole and partial periods, each amount worked out by hand."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from fractions import Fraction

import pytest

from planctl.core.catalog.model import Beyond
from planctl.core.currencies import Currency
from planctl.core.invoicing.fees import fee_lines, share
from planctl.core.invoicing.model import Line
from planctl.core.periods import Anchor, Period
from planctl.core.pricing.kinds.each import Each
from planctl.core.pricing.kinds.graduated import Graduated
from planctl.core.pricing.kinds.package import Package
from planctl.core.pricing.kinds.tiers import Tier
from planctl.core.subscriptions.dues import Due, due_of
from planctl.core.subscriptions.model import Subscription
from tests.core.billing import monthly, prepaid, running, sold, t, values


def fees(subscription: Subscription, index: int = 0, resumed: str = "") -> list[Line]:
    due = due_of(subscription, "fee", index)
    return list(fee_lines(subscription, due, {}, resumed_at=t(resumed) if resumed else None))


# --- fees


def test_a_whole_fee_says_its_plan_and_interval() -> None:
    subscription = running(monthly("19"), "2026-01-01")
    (line,) = fee_lines(subscription, due_of(subscription, "fee", 0), {"plans.starter": "Starter"})
    assert values(line, "kind charge_key description") == ("fee", "fee", "Starter · Monthly")
    assert values(line, "quantity unit_price amount_minor") == (1, 19, 1900)
    assert line.detail == {"exact": "19", "share": "1", "share_text": ""}


def test_a_plan_without_a_name_is_called_by_its_id() -> None:
    assert fees(running(monthly(), "2026-01-01"))[0].description == "starter · Monthly"


def test_several_units_of_a_plan_are_rounded_once() -> None:
    # 3 × 0.33 × 15/31 = 14.85/31 = 0.479 -> 0.48; rounded one by one it would be 3 × 0.16 = 0.48. And
    # 7 × 0.33 × 15/31 = 34.65/31 = 1.1177 -> 1.12, not 7 × 0.16 = 1.12: so 7 × 0.35 × 1/31 = 0.079 -> 0.08, not 0.07.
    terms = monthly("0.35", anchor=Anchor("calendar"), quantity=(1, 20))
    (line,) = fees(running(terms, "2026-01-31", quantity=7))
    assert values(line, "amount_minor quantity unit_price") == (8, 7, Fraction(35, 100))


def test_a_one_off_has_a_kind_of_its_own() -> None:
    (line,) = fees(running(sold(once="299"), "2026-01-01", pay="once"))
    assert values(line, "kind description amount_minor ends_at") == (
        "one_off",
        "starter · One-off",
        29900,
        None,
    )


@pytest.mark.parametrize(
    ("start", "cents", "text"),
    [
        ("2026-01-31", 100, "1 of 31 days"),
        ("2026-01-02", 3000, "30 of 31 days"),
        ("2026-02-10", 2104, "19 of 28 days"),  # 31.00 × 19/28 = 21.0357
        ("2028-02-29", 107, "1 of 29 days"),  # 31.00 / 29 = 1.0690
    ],
)
def test_a_stub_is_charged_by_its_local_days(start: str, cents: int, text: str) -> None:
    (line,) = fees(running(monthly("31", anchor=Anchor("calendar")), start, "Europe/Berlin"))
    assert values(line, "amount_minor description") == (cents, f"starter · Monthly ({text})")


def test_the_hour_of_the_start_does_not_change_the_days_of_a_stub() -> None:
    late = running(monthly("31", anchor=Anchor("calendar")), "2026-01-30T22:59:59Z", "Europe/Berlin")
    assert fees(late)[0].description.endswith("(2 of 31 days)")  # 30 January, 23:59:59 in Berlin


def test_half_a_cent_is_rounded_up() -> None:
    # 0.31 × 15.5/31 is no whole number of days; 0.03 × 5/10 = 0.015 -> 0.02.
    subscription = running(monthly("0.03", anchor=Anchor("day", 11)), "2026-01-06")
    full = Period(0, t("2026-01-01"), t("2026-01-11"))
    due = Due(t("2026-01-06"), "fee", 0, Period(0, t("2026-01-06"), t("2026-01-11")), full)
    (line,) = fee_lines(subscription, due, {})
    assert line.amount_minor == 2


def test_currencies_round_to_their_own_decimals() -> None:
    jpy, usdt = Currency("JPY", "Yen", 0), Currency("USDT", "Tether", 6, iso=False)
    for currency, price, expected in ((jpy, "1000", 484), (usdt, "19", 9_193_548)):
        # 15 of 31 days: 1000 × 15/31 = 483.87; 19 × 15/31 = 9.19354838…
        terms = monthly(anchor=Anchor("calendar"))
        (row,) = terms.rows
        terms = replace(terms, rows=(replace(row, fee={currency.code: Decimal(price)}),))
        (line,) = fees(running(terms, "2026-01-17", currency=currency))
        assert line.amount_minor == expected


def test_the_share_follows_the_proration_term() -> None:
    full = Period(0, t("2026-01-01"), t("2026-02-01"))
    stub = Period(0, t("2026-01-16T12:00:00Z"), t("2026-02-01"))
    by_term = {
        term: share(running(monthly(proration=term), "2026-01-01"), stub.starts_at, stub, full)
        for term in ("day", "second", "none")
    }
    assert {term: one.part for term, one in by_term.items()} == {
        "day": Fraction(16, 31),
        "second": Fraction(1, 2),
        "none": Fraction(1),
    }
    assert [one.text for one in by_term.values()] == ["16 of 31 days", "by the second", ""]


def test_a_whole_period_has_no_share_to_say_though_a_clock_change_makes_it_shorter() -> None:
    subscription = running(monthly(proration="second"), "2026-03-01", "Europe/Berlin")
    (line,) = fees(subscription)
    assert values(line, "amount_minor description") == (1900, "starter · Monthly")


def test_the_days_of_a_month_with_a_clock_change_are_whole() -> None:
    # 16 to 31 March are 16 of 31 days though they are an hour short: 31.00 × 16/31.
    terms = monthly("31", anchor=Anchor("calendar"))
    assert fees(running(terms, "2026-03-16", "Europe/Berlin"))[0].amount_minor == 1600


def test_the_rest_of_a_period_after_a_block_is_a_charge_of_its_own_kind() -> None:
    subscription = running(monthly("31", features=prepaid()), "2026-03-01", quantities={"seats": Decimal(12)})
    fee, seats = fees(subscription, resumed="2026-03-11T15:00:00Z")
    # 11 to 31 March: 21 of 31 days of 31.00, and of 2 × 4.00 = 8.00: 5.419 -> 5.42.
    assert (fee.kind, fee.amount_minor, fee.starts_at) == (
        "proration_charge",
        2100,
        t("2026-03-11T15:00:00Z"),
    )
    assert values(seats, "kind amount_minor starts_at ends_at") == (
        "quantity",
        542,
        t("2026-03-11T15:00:00Z"),
        t("2026-04-01"),
    )


# --- what is bought ahead


def test_only_what_is_above_the_allowance_is_charged_ahead() -> None:
    subscription = running(
        monthly(features=prepaid(included=10)), "2026-01-01", quantities={"seats": Decimal(12)}
    )
    fee, seats = fees(subscription)
    assert values(seats, "charge_key feature quantity unit_price amount_minor") == (
        "quantity:seats",
        "seats",
        2,
        4,
        800,
    )
    assert fee.amount_minor == 1900


def test_a_total_within_the_allowance_is_no_line() -> None:
    for total in (Decimal(10), Decimal(3)):
        subscription = running(monthly(features=prepaid()), "2026-01-01", quantities={"seats": total})
        assert [line.kind for line in fees(subscription)] == ["fee"]


def test_a_quantity_is_prorated_with_the_fee() -> None:
    # 15 of 31 days of 2 × 4.00: 120/31 = 3.870967 -> 3.87.
    terms = monthly("31", anchor=Anchor("calendar"), features=prepaid())
    subscription = running(terms, "2026-01-17", quantities={"seats": Decimal(12)})
    assert [line.amount_minor for line in fees(subscription)] == [1500, 387]
    assert fees(subscription)[1].description == "seats · prepaid (15 of 31 days)"


def test_a_quantity_is_priced_by_the_row_it_is_paid_in() -> None:
    (seats,) = prepaid().values()
    by_row = Beyond(
        "prepaid", {"month": Each({"USD": Decimal(4)}), "year": Each({"USD": Decimal(40)})}, Decimal(50)
    )
    terms = replace(sold(year="490"), features={"seats": replace(seats, beyond=by_row)})
    subscription = running(terms, "2026-01-01", pay="year", quantities={"seats": Decimal(11)})
    assert [line.amount_minor for line in fees(subscription)] == [49000, 4000]


def test_a_prepaid_quantity_in_tiers_counts_from_the_allowance_on() -> None:
    # graduated: 20 at 4.00, above at 3.00; 25 in total with 10 included: 10 × 4.00 + 5 × 3.00 = 55.00.
    (seats,) = prepaid().values()
    assert seats.beyond is not None
    tiers = graduated("20", "4", "3")
    terms = monthly(features={"seats": replace(seats, beyond=replace(seats.beyond, prices={"": tiers}))})
    subscription = running(terms, "2026-01-01", quantities={"seats": Decimal(25)})
    line = fees(subscription)[1]
    assert values(line, "amount_minor quantity unit_price") == (5500, 15, None)


def graduated(to: str, first: str, then: str) -> Graduated:
    return Graduated((Tier(Decimal(to), {"USD": Decimal(first)}), Tier(None, {"USD": Decimal(then)})))


def test_packages_bought_ahead_have_no_price_of_a_single_unit() -> None:
    # 25 seats with 10 included: 15 are two packages of 10 at 30.00.
    (seats,) = prepaid().values()
    assert seats.beyond is not None
    packages = Package(Decimal(10), {"USD": Decimal(30)})
    terms = monthly(features={"seats": replace(seats, beyond=replace(seats.beyond, prices={"": packages}))})
    line = fees(running(terms, "2026-01-01", quantities={"seats": Decimal(25)}))[1]
    assert values(line, "quantity unit_price amount_minor") == (15, None, 6000)
