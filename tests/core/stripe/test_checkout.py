"""What a Checkout page asks for and what still fits it, on small proposals written out by hand."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest

from planctl.core.catalog.model import Group
from planctl.core.currencies import Currency, iso_currency
from planctl.core.invoicing.facts import Advanced
from planctl.core.invoicing.model import CreditDraft, CreditLine, Discount, Draft, Line, Tax
from planctl.core.periods import Instant
from planctl.core.stripe.checkout import (
    Fate,
    Order,
    Page,
    Proposed,
    Purchase,
    Returns,
    asks_otherwise,
    digest,
    fate_of,
    life_of,
    lives_on,
    misfit,
    next_plans,
    order_of,
    purchase_of,
    session_params,
    stable,
)
from planctl.core.stripe.checkout_lines import LONGEST_TEXT, MOST_LINES, Item, items_of, parts_of
from planctl.core.stripe.model import Object
from planctl.core.subscriptions.changes import Change, Timing
from planctl.core.subscriptions.model import Status, Subscription
from planctl.errors import Refused
from tests.core.billing import DECLARED, monthly, running, t

NOW = t("2026-01-16T10:00:00Z")
MONTH = t("2026-02-01")
PRO = running(monthly("99"), "2026-01-16", plan="pro", exclusive_group="main")
PURCHASE = Purchase("nova", "pro")
RETURNS = Returns("https://desk.example/paid", "https://desk.example/back")
PROMISE = {
    "plan": "pro", "plan version": "1", "first day": "2026-01-16", "first request": "99.00 USD due 2026-01-23",
}  # fmt: skip
USD = DECLARED["USD"]


def money(code: str) -> Currency:
    found = iso_currency(code)
    assert found is not None
    return found


def line(amount: int, description: str = "Pro · Monthly", **more: Any) -> Line:
    plain = Line(
        "fee", "sub_1", "pro", 1, "fee", 0, description, Fraction(1), None, amount, NOW, MONTH,
        detail={"share": "1", "share_text": ""},
    )  # fmt: skip
    return replace(plain, **more)


def partly(amount: int, text: str) -> Line:
    return line(amount, detail={"share": "1/2", "share_text": text})


def draft(*lines: Line, currency: Currency = USD, **more: Any) -> Draft:
    plain = Draft("nova", "sub_1", 0, "renewal", currency, NOW, NOW, MONTH, MONTH, None, NOW, lines)
    return replace(plain, **more)


def proposed(*drafts: Draft, one: Subscription = PRO, **more: Any) -> Proposed:
    plain = Proposed(
        one, Advanced("nova", drafts), PROMISE, names={"plans.pro": "Pro", "plans.starter": "Starter"}
    )
    return replace(plain, **more)


def order(*drafts: Draft, **more: Any) -> Order:
    return order_of(PURCHASE, proposed(*drafts, **more), NOW)


def change(timing: Timing = "now") -> Change:
    old = running(monthly("29"), "2026-01-01", plan="starter", id="sub_0")
    return Change(old, old, PRO, "up", timing)


def items(*drafts: Draft, credits: tuple[CreditDraft, ...] = ()) -> list[tuple[str, int]]:
    """The names and amounts of the lines, which must be the whole."""
    total = sum(one.total_minor - one.credit_minor for one in drafts)
    found = items_of(Advanced("nova", drafts, credits=credits), "Pro", total)
    assert sum(one.amount for one in found) == total
    return [(one.name, one.amount) for one in found]


# --- lines


def test_each_line_and_each_tax_on_top_is_a_line_and_a_tax_within_is_none() -> None:
    on_top = Tax("vat", "VAT", Decimal("0.19"), 10_900, 2_071)
    within = Tax("gst", "GST", Decimal("0.18"), 9_237, 1_663, included=True)
    two = draft(line(9_900), line(1_000, "Seats"), taxes=(on_top, within))
    assert items(two) == [("Pro · Monthly", 9_900), ("Seats", 1_000), ("VAT 19 %", 2_071)]


def test_lines_of_several_requests_stand_in_their_order_and_zero_is_none() -> None:
    assert items(draft(line(9_900), line(0, "Seats")), draft(line(500, "Extra"))) == [
        ("Pro · Monthly", 9_900), ("Extra", 500),
    ]  # fmt: skip


def test_a_tax_without_a_name_is_said_by_its_code_and_its_exact_rate() -> None:
    tax = Tax("city", "", Decimal("0.00875"), 10_000, 88)
    assert items(draft(line(10_000), taxes=(tax,)))[1] == ("city 0.875 %", 88)


NOTE = CreditDraft("nova", "inv_1", "sub_1", USD, (CreditLine(1, "Starter", 500),), NOW)


@pytest.mark.parametrize(
    ("one", "credits"),
    [
        (draft(line(9_900), line(-1_500, "Starter · unused")), ()),
        (draft(line(9_900), discounts=(Discount("quarter", "red_1", 2_475),)), ()),
        (draft(line(9_900), credit_minor=900), ()),
        (draft(line(9_900)), (NOTE,)),
    ],
)
def test_where_something_is_taken_off_there_is_one_line(one: Draft, credits: tuple[CreditDraft, ...]) -> None:
    assert items(one, credits=credits) == [("Pro", one.total_minor - one.credit_minor)]


def test_parts_that_stripe_cannot_say_are_one_line_where_the_whole_can_be_said() -> None:
    """12.50 ariary are none at Stripe, 25 are. Source: https://docs.stripe.com/currencies."""
    ariary = draft(line(1_250), line(1_250), currency=money("MGA"))
    assert items_of(Advanced("nova", (ariary,)), "Pro", 25)[0].name == "Pro"
    with pytest.raises(Refused):
        order(draft(line(1_250), currency=money("MGA")), one=replace(PRO, currency=money("MGA")))


def test_more_lines_than_stripe_takes_are_one() -> None:
    assert len(items(draft(*[line(1)] * MOST_LINES))) == MOST_LINES
    assert items(draft(*[line(1)] * (MOST_LINES + 1))) == [("Pro", MOST_LINES + 1)]


def test_a_long_text_is_cut() -> None:
    (item,) = items_of(Advanced("nova", (draft(line(200), *[line(-1, "x" * 100)] * 20),)), "Pro", 180)
    assert (len(item.text), item.text[-1]) == (LONGEST_TEXT, "…")


def test_the_parts_of_a_request_are_what_is_left_to_be_paid() -> None:
    """99.00 less 24.75, with 19 % of the rest (14.11), less 10.00 of the balance: 78.36."""
    tax = Tax("vat", "VAT", Decimal("0.19"), 7_425, 1_411)
    one = draft(
        line(9_900), discounts=(Discount("quarter", "red_1", 2_475),), taxes=(tax,), credit_minor=1_000
    )
    assert parts_of(one) == [
        ("Pro · Monthly", 9_900), ("coupon quarter", -2_475), ("VAT 19 %", 1_411), ("from the balance", -1_000),
    ]  # fmt: skip
    assert sum(amount for _, amount in parts_of(one)) == 7_836


# --- orders


def test_nothing_to_pay_asks_for_a_means_of_payment() -> None:
    nothing = order()
    assert (nothing.mode, nothing.amount_minor, nothing.items, nothing.until) == ("setup", 0, (), None)
    assert order(draft(line(9_900))).mode == "payment"


def test_a_whole_period_costs_the_same_tomorrow_and_a_part_of_one_does_not() -> None:
    assert order(draft(line(9_900))).until is None
    assert order(draft(partly(4_950, "16 of 31 days"))).until == t("2026-01-17")
    assert order(draft(line(9_900)), change=change()).until == t("2026-01-17")


def test_what_changes_by_the_second_is_refused_unless_nothing_is_paid() -> None:
    by_second = draft(partly(4_950, "by the second"))
    with pytest.raises(Refused) as refused:
        order(by_second)
    assert refused.value.code == "checkout-by-second"
    assert order(replace(by_second, credit_minor=4_950)).mode == "setup"


@pytest.mark.parametrize("timing", ["renewal", "approval"])
def test_what_happens_later_is_refused(timing: Timing) -> None:
    with pytest.raises(Refused) as refused:
        order(draft(line(9_900)), change=change(timing))
    assert (refused.value.code, refused.value.got) == ("checkout-later", timing)


def test_its_name_is_that_of_the_customer_and_the_group_else_the_plan() -> None:
    assert order().local_id == "nova/group:main"
    assert order(one=replace(PRO, exclusive_group="")).local_id == "nova/plan:pro"


def test_what_begins_is_said_in_the_words_of_today() -> None:
    assert proposed().name == "Pro"
    assert proposed(change=change()).name == "Change from Starter to Pro"
    assert proposed(names={}).name == "pro"


@pytest.mark.parametrize(
    ("as_of", "minutes"),
    [
        (
            "2026-01-16T00:00:00Z",
            23 * 60 + 55,
        ),  # a whole day: less than Stripe's 24 hours, for clocks that differ
        ("2026-01-16T10:00:00Z", 14 * 60),
        ("2026-01-16T23:29:00Z", 31),
        ("2026-01-16T23:59:59Z", 31),
    ],
)
def test_a_page_lives_to_the_end_of_the_day_and_31_minutes_at_least(as_of: str, minutes: int) -> None:
    day_bound = replace(order(draft(line(9_900)), change=change()), until=t("2026-01-17"))
    assert life_of(day_bound, t(as_of)) == minutes * 60_000_000


def test_a_page_whose_amount_stays_lives_as_long_as_stripe_lets_it() -> None:
    assert life_of(order(draft(line(9_900))), NOW) == 0


def test_a_purchase_is_read_back_as_it_was() -> None:
    full = Purchase("nova", "pro", "month", "USD", 2, {"seats": Decimal("12.5")}, "quarter", False, "3")
    assert purchase_of(full.document()) == full
    assert purchase_of(PURCHASE.document()) == PURCHASE


def test_pages_are_the_same_where_they_ask_for_the_same_on_another_day() -> None:
    first = order(draft(line(9_900)))
    later = {**PROMISE, "first day": "2026-01-17", "first request": "99.00 USD due 2026-01-24"}
    assert digest(first, RETURNS) == digest(order(draft(line(9_900)), promise=later), RETURNS)
    others = [
        digest(order(draft(line(9_901))), RETURNS),
        digest(order(draft(line(9_900)), promise={**PROMISE, "plan version": "2"}), RETURNS),
        digest(order_of(replace(PURCHASE, coupon="quarter"), proposed(draft(line(9_900))), NOW), RETURNS),
        digest(first, replace(RETURNS, cancel="https://desk.example/no")),
    ]
    assert len({digest(first, RETURNS), *others}) == 5


def test_a_page_to_pay_names_the_amount_of_each_line_and_keeps_the_card() -> None:
    marks = {"planctl_store": "store_1", "planctl_id": "nova/group:main", "planctl_key": "k"}
    one = replace(order(draft(line(9_900))), items=(Item("Pro", 9_900, "all of it"),))
    params = session_params(one, "cus_1", RETURNS, marks, t("2026-01-17"))
    assert params == {
        "mode": "payment",
        "customer": "cus_1",
        "client_reference_id": "nova",
        "success_url": "https://desk.example/paid",
        "cancel_url": "https://desk.example/back",
        "expires_at": 1_768_608_000,
        "adaptive_pricing": {"enabled": False},
        "line_items": [
            {
                "price_data": {
                    "currency": "usd",
                    "unit_amount": 9_900,
                    "product_data": {"name": "Pro", "description": "all of it"},
                },
                "quantity": 1,
            }
        ],
        "payment_intent_data": {
            "description": "Pro",
            "setup_future_usage": "off_session",
            "metadata": {"planctl_store": "store_1", "planctl_id": "nova/group:main"},
        },
    }


def test_a_page_for_a_card_names_the_currency_and_no_line() -> None:
    params = session_params(order(), "cus_1", RETURNS, {"planctl_store": "s", "planctl_id": "i"}, None)
    assert (params["mode"], params["currency"]) == ("setup", "usd")
    assert not {"line_items", "payment_intent_data", "expires_at", "adaptive_pricing"} & params.keys()


# --- what Stripe says


@pytest.mark.parametrize(
    ("session", "fate"),
    [
        (None, "over"),
        ({"status": "open", "payment_status": "unpaid"}, "open"),
        ({"status": "open", "payment_status": "no_payment_required"}, "open"),
        ({"status": "expired", "payment_status": "unpaid"}, "over"),
        ({"status": "complete", "payment_status": "paid"}, "paid"),
        ({"status": "complete", "payment_status": "no_payment_required"}, "paid"),
        ({"status": "complete", "payment_status": "unpaid", "payment_intent": "pi_1"}, "waiting"),
        (
            {"status": "complete", "payment_status": "unpaid", "payment_intent": {"status": "processing"}},
            "waiting",
        ),
        (
            {
                "status": "complete",
                "payment_status": "unpaid",
                "payment_intent": {"status": "requires_payment_method"},
            },
            "over",
        ),
    ],
)
def test_what_becomes_of_a_page_is_read_from_its_session(session: Object | None, fate: Fate) -> None:
    assert fate_of(session) == fate


def test_a_page_must_ask_for_what_was_asked() -> None:
    asked = order(draft(line(9_900)))
    right: dict[str, Any] = {"mode": "payment", "currency": "usd", "amount_total": 9_900}
    assert asks_otherwise(asked, right) == ""
    assert asks_otherwise(asked, {**right, "amount_total": 9_901}) == "payment 9901 usd"
    assert asks_otherwise(asked, {**right, "currency": "eur"}) == "payment 9900 eur"
    assert asks_otherwise(asked, {**right, "mode": "setup"}) == "setup 9900 usd"
    assert asks_otherwise(order(), {"mode": "setup", "currency": None, "amount_total": None}) == ""


def page(amount: int = 9_900, **promise: str) -> Page:
    return Page("cs_1", PURCHASE, {**PROMISE, **promise}, amount, USD, "https://stripe.example", NOW, MONTH)


def test_what_was_paid_fits_where_all_but_the_days_is_as_it_was() -> None:
    later = {**PROMISE, "first day": "2026-01-17", "first request": "99.00 USD due 2026-01-24"}
    assert stable(PROMISE) == stable(later) == {"plan": "pro", "plan version": "1"}
    assert misfit(page(), 9_900, proposed(draft(line(9_900)), promise=later)) == ""


def test_what_does_not_fit_is_said_with_both_amounts() -> None:
    now = proposed(draft(line(10_900)), promise={**PROMISE, "plan version": "2"})
    assert misfit(page(), 9_900, now) == (
        "99.00 USD were paid, and 109.00 USD would be billed now; plan version 1 is now 2"
    )


def test_the_same_amount_for_other_terms_does_not_fit() -> None:
    now = proposed(draft(line(9_900)), promise={**PROMISE, "credited": "500"})
    assert misfit(page(), 9_900, now).endswith("; credited none is now 500")


def test_less_than_was_asked_for_does_not_fit_even_where_it_would_do_by_now() -> None:
    assert misfit(page(), 9_800, proposed(draft(line(9_800)))) != ""
    assert misfit(page(), 9_800, proposed(draft(line(9_900)))) != ""


def test_another_currency_does_not_fit() -> None:
    euro = draft(line(9_900), currency=money("EUR"))
    assert misfit(page(), 9_900, proposed(euro, one=replace(PRO, currency=money("EUR")))) != ""


@pytest.mark.parametrize("later", [{"going_on": True}, {"change": change("renewal")}])
def test_what_would_not_begin_at_once_any_more_does_not_fit(later: dict[str, Any]) -> None:
    said = misfit(page(), 9_900, proposed(draft(line(9_900)), **later))
    assert said == "99.00 USD were paid, and nothing would begin at once any more"


# --- the next plan


def test_the_plans_after_the_one_that_runs_are_next() -> None:
    groups = {"main": Group("main", order=("free", "starter", "pro"))}
    free = running(monthly(), plan="free", exclusive_group="main")
    assert next_plans([free], groups) == [("starter", "pro")]
    assert next_plans([replace(free, plan="pro")], groups) == [()]


def test_what_has_ended_stands_beside_or_is_in_no_order_has_no_next() -> None:
    groups = {"main": Group("main", order=("free", "pro")), "loose": Group("loose")}
    free = running(monthly(), plan="free", exclusive_group="main")
    none = [
        replace(free, status=Status.CANCELED),
        replace(free, base="sub_9"),
        replace(free, plan="special"),
        replace(free, exclusive_group="loose"),
        replace(free, exclusive_group=""),
    ]
    assert next_plans(none, groups) == []


@pytest.mark.parametrize(
    ("body", "still"),
    [
        (b"mode=payment", True),
        (b"expires_at=1767227400&mode=payment", True),
        (b"expires_at=1767227399", False),
    ],
)
def test_a_page_can_still_be_opened_while_it_would_live_for_half_an_hour(body: bytes, still: bool) -> None:
    """1767225600 is 2026-01-01T00:00:00Z; half an hour later is 1767227400. Stripe wants no less."""
    assert lives_on(body, Instant(1_767_225_600_000_000)) is still
