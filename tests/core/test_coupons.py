"""Whether a coupon may be applied, and how long it holds; each limit says which one it is."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from decimal import Decimal

import pytest

from planctl.core.catalog.model import Coupon
from planctl.core.coupons import Applying, Redemption, check_applicable
from planctl.core.currencies import Currency
from planctl.errors import Refused
from tests.core.billing import t

EURO, YEN = Currency("EUR", "Euro", 2), Currency("JPY", "Yen", 0)
COUPON = Coupon(
    "tenner",
    amounts={"EUR": Decimal("10"), "USD": Decimal("9.5")},
    periods=2,
    plans=("pro", "starter"),
    until=date(2026, 1, 31),
    max_redemptions=3,
)
NOW = Applying("nova/pro", ("pro", "extra_seat"), EURO, date(2026, 1, 31), redeemed=2)


def test_a_coupon_may_be_applied_up_to_its_last_day_and_its_last_time() -> None:
    check_applicable(COUPON, NOW)
    check_applicable(replace(COUPON, plans=("extra_seat",)), NOW)
    check_applicable(Coupon("forever", percent=Decimal("0.1")), replace(NOW, currency=YEN))


@pytest.mark.parametrize(
    ("applying", "code", "what"),
    [
        (replace(NOW, before=True), "coupon-again", "nova/pro has coupon tenner already"),
        (replace(NOW, plans=("lite",)), "coupon-plan", "does not hold for nova/pro"),
        (replace(NOW, today=date(2026, 2, 1)), "coupon-over", "until 2026-01-31"),
        (replace(NOW, redeemed=3), "coupon-spent", "as often as it may be"),
        (replace(NOW, currency=YEN), "coupon-currency", "takes nothing off in JPY"),
    ],
)
def test_every_limit_refuses_with_a_code_of_its_own(applying: Applying, code: str, what: str) -> None:
    with pytest.raises(Refused, match=what) as refused:
        check_applicable(COUPON, applying)
    assert refused.value.code == code
    assert refused.value.expected
    assert refused.value.hint


def test_a_coupon_holds_for_its_periods_and_for_those_that_it_was_used_in() -> None:
    held = Redemption("cou_1", "nova", "sub_1", COUPON, t("2026-01-01"), {3: 1000, 5: 400})
    assert [index for index in range(8) if held.holds_for(index)] == [3, 5]
    assert held.used == {3, 5}
    assert not replace(held, removed=True).holds_for(3)


def test_a_fixed_amount_that_was_given_in_part_has_the_rest_left_in_that_period() -> None:
    held = Redemption("cou_1", "nova", "sub_1", COUPON, t("2026-01-01"), {0: 400})
    assert [held.left_minor(index, EURO) for index in (0, 1)] == [600, 1000]
    assert held.left_minor(0, YEN) == 0


@pytest.mark.parametrize(
    ("applying", "said"),
    [
        (
            replace(NOW, before=True),
            (
                "nova/pro has coupon tenner already, or had its discount before",
                "a coupon it never had",
                "tenner",
                "planctl coupon list nova",
            ),
        ),
        (
            replace(NOW, plans=("lite", "more")),
            (
                "coupon tenner does not hold for nova/pro",
                "one of pro, starter",
                "lite, more",
                "a coupon discounts a plan's own invoices, and add-ons on them that are paid by its interval",
            ),
        ),
        (
            replace(NOW, today=date(2026, 2, 1)),
            (
                "coupon tenner could be applied until 2026-01-31",
                "2026-01-31 at the latest",
                "2026-02-01",
                "give it a later `until` in the catalog",
            ),
        ),
        (
            replace(NOW, redeemed=4),
            (
                "coupon tenner was redeemed as often as it may be",
                "at most 3",
                "4",
                "raise its `max` in the catalog",
            ),
        ),
        (
            replace(NOW, currency=YEN),
            (
                "coupon tenner takes nothing off in JPY",
                "one of EUR, USD",
                "JPY",
                "add the amount in JPY to the coupon",
            ),
        ),
    ],
)
def test_a_refusal_says_to_whom_what_it_expected_what_it_got_and_what_to_do(
    applying: Applying, said: tuple[str, str, str, str]
) -> None:
    with pytest.raises(Refused) as refused:
        check_applicable(COUPON, applying)
    error = refused.value
    assert error.where == "nova/pro"
    assert (error.message, error.expected, error.got, error.hint) == said


def test_a_fixed_coupon_of_nothing_in_a_currency_takes_nothing_off_there() -> None:
    with pytest.raises(Refused, match="takes nothing off in EUR"):
        check_applicable(Coupon("none", amounts={"EUR": Decimal(0)}), NOW)


def test_more_was_taken_in_a_period_than_the_amount_leaves_nothing_and_no_debt() -> None:
    held = Redemption("cou_1", "nova", "sub_1", COUPON, t("2026-01-01"), {0: 1400})
    assert held.left_minor(0, EURO) == 0


def test_a_coupon_of_two_periods_holds_for_a_third_only_where_it_was_used() -> None:
    fresh = Redemption("cou_1", "nova", "sub_1", COUPON, t("2026-01-01"))
    assert fresh.holds_for(7)
    assert replace(fresh, taken={3: 1000}).holds_for(7)
    assert not replace(fresh, taken={3: 1000, 5: 400}).holds_for(7)
    assert replace(fresh, coupon=replace(COUPON, periods=None), taken={3: 1, 5: 1}).holds_for(7)
