"""Checkout pages: for exactly what is proposed, one that can be paid, whatever stops the command.

The amounts are worked out by hand.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from planctl.core.periods import instant_text
from planctl.core.stripe.checkout import Returns
from planctl.core.stripe.model import Account
from planctl.errors import Conflict, InvalidInput, Refused, WrongUsage
from planctl.store.offers import offered
from planctl.workflows.assign_plan import Wanted as Assigning
from planctl.workflows.assign_plan import assign_plan
from planctl.workflows.change_subscription import apply_cancel, propose_cancel
from planctl.workflows.sync_stripe import open_checkout as pages
from tests.workflows.sync_stripe.paying import Shop, refused

SESSIONS = r"/v1/checkout/sessions$"
MOST_STEPS = 60
"""More requests and commits than opening a page takes."""


def asked(shop: Shop) -> Mapping[str, Any]:
    """What the last page was asked for with."""
    return shop.stripe.posts("checkout/sessions")[-1].params


def lines(shop: Shop, session: str) -> list[tuple[str, int]]:
    """Name and amount of every line of a page."""
    return [(one["description"], one["amount_total"]) for one in shop.stripe.lines(session)]


# --- what a page asks for


def test_a_page_asks_for_what_starting_costs_and_says_whose_it_is(shop: Shop) -> None:
    opened = shop.open("starter", pay="month")
    (page,) = shop.payable()
    assert (page["mode"], page["amount_total"], page["currency"]) == ("payment", 2_900, "usd")
    assert lines(shop, page["id"]) == [("Starter · Monthly", 2_900)]
    assert page["client_reference_id"] == "nova"
    assert (page["success_url"], page["cancel_url"]) == (
        "https://desk.example/paid",
        "https://desk.example/back",
    )
    (customer,) = shop.stripe.objects("customer")
    assert (page["customer"], customer["email"]) == (customer["id"], "nova@desk.example")
    marks = {"planctl_store": shop.store_id, "planctl_id": "nova/group:main"}
    assert marks.items() <= page["metadata"].items()
    intent = asked(shop)["payment_intent_data"]
    assert (intent["setup_future_usage"], intent["metadata"]) == ("off_session", marks)
    assert (opened.page.url, opened.existed) == (page["url"], False)
    assert (
        instant_text(opened.page.expires_at) == "2026-01-02T00:00:00Z"
    )  # a day, as Stripe lets it by itself


def test_a_tax_on_top_is_a_line_of_its_own(shop: Shop) -> None:
    """19 % of 29.00 are 5.51."""
    shop.customer("hanse", country="DE")
    opened = shop.open("starter", "hanse", pay="month")
    assert lines(shop, opened.page.session) == [("Starter · Monthly", 2_900), ("VAT 19 %", 551)]
    assert opened.page.amount_minor == 3_451


def test_a_tax_within_the_price_stays_in_its_line(shop: Shop) -> None:
    shop.customer("delhi", country="IN")
    opened = shop.open("starter", "delhi", pay="month")
    assert lines(shop, opened.page.session) == [("Starter · Monthly", 2_900)]


def test_where_a_coupon_takes_something_off_one_line_is_the_whole(shop: Shop) -> None:
    """29.00 less 25 %, half a cent up: 7.25 off, 21.75."""
    opened = shop.open("starter", pay="month", coupon="quarter")
    assert lines(shop, opened.page.session) == [("Starter", 2_175)]
    (item,) = asked(shop)["line_items"]
    text = item["price_data"]["product_data"]["description"]
    assert text == "Starter · Monthly 29.00; coupon quarter -7.25"


def test_what_the_balance_pays_is_not_asked_for(shop: Shop) -> None:
    """10.00 too much were paid for the free month's extra: 29.00 less 10.00."""
    shop.subscribe("tried", trial=False)
    shop.overpay("INV-2026-00001", "22.00")
    opened = shop.open("starter", pay="month")
    assert lines(shop, opened.page.session) == [("Starter", 1_900)]
    (item,) = asked(shop)["line_items"]
    text = item["price_data"]["product_data"]["description"]
    assert text == "Starter · Monthly 29.00; from the balance -10.00"


def test_an_upgrade_asks_for_the_rest_of_the_month_to_the_cent_until_the_day_is_over(shop: Shop) -> None:
    """C4: 16 of 31 days: 99 × 16/31 = 51.10 (51.0967…) less 29 × 16/31 = 14.97 (14.9677…) are 36.13."""
    shop.subscribe("starter", pay="month")
    shop.pay("INV-2026-00001")
    shop.at("2026-01-16T10:00:00Z")
    opened = shop.open("pro")
    assert lines(shop, opened.page.session) == [("Change from Starter to Pro", 3_613)]
    assert instant_text(opened.page.expires_at) == "2026-01-17T00:00:00Z"


def test_the_day_is_the_customers(shop: Shop) -> None:
    shop.customer("tokyo", timezone="Asia/Tokyo")
    shop.subscribe("starter", "tokyo", pay="month")
    shop.pay("INV-2026-00001")
    shop.at("2026-01-16T10:00:00Z")
    opened = shop.open("pro", "tokyo")
    assert instant_text(opened.page.expires_at) == "2026-01-16T15:00:00Z"


def test_late_in_the_evening_a_page_still_lives_as_long_as_stripe_wants(shop: Shop) -> None:
    shop.subscribe("starter", pay="month")
    shop.pay("INV-2026-00001")
    shop.at("2026-01-16T23:50:00Z")
    assert instant_text(shop.open("pro").page.expires_at) == "2026-01-17T00:21:00Z"


def test_a_trial_that_wants_a_card_asks_for_the_card_alone(shop: Shop) -> None:
    opened = shop.open("tried")
    (page,) = shop.payable()
    assert (page["mode"], page["amount_total"], page["currency"]) == ("setup", None, "usd")
    assert asked(shop)["setup_intent_data"]["metadata"]["planctl_id"] == "nova/plan:tried"
    assert (opened.page.amount_minor, shop.pays_by()) == (0, "none")


@pytest.mark.parametrize(
    ("currency", "amount_minor", "at_stripe"),
    [("JPY", 4_200, 4_200), ("ISK", 3_900, 390_000), ("KWD", 8_990, 8_990), ("EUR", 2_700, 2_700)],
)
def test_every_currency_is_said_in_stripes_unit(
    shop: Shop, currency: str, amount_minor: int, at_stripe: int
) -> None:
    """4,200 yen, 3,900 króna (with two zeros more), 8.990 dinar, 27.00 euro."""
    shop.customer("kyo", currency=currency)
    opened = shop.open("starter", "kyo", pay="month")
    (page,) = shop.payable()
    assert (opened.page.amount_minor, page["amount_total"]) == (amount_minor, at_stripe)


# --- one page


def test_asked_again_for_the_same_the_same_page_is_answered_and_nothing_is_sent(shop: Shop) -> None:
    first = shop.open("starter", pay="month")
    sent = shop.posts()
    again = shop.open("starter", pay="month")
    assert (again.page, again.existed, shop.posts()) == (first.page, True, sent)
    shop.at("2026-01-01T23:59:00Z")
    assert shop.open("starter", pay="month").page == first.page


def test_the_next_day_the_page_of_a_start_is_still_the_same(shop: Shop) -> None:
    """What it promises is the same but for the days, and so is the amount."""
    shop.at("2026-01-01T18:00:00Z")
    first = shop.open("starter", pay="month")
    shop.at("2026-01-02T06:00:00Z")
    assert shop.open("starter", pay="month").page == first.page


def test_for_something_else_the_earlier_page_is_expired_first(shop: Shop) -> None:
    first = shop.open("starter", pay="month")
    second = shop.open("pro")
    assert [one["id"] for one in shop.payable()] == [second.page.session]
    assert (shop.state(first), shop.state(second)) == ("expired", "open")
    assert shop.posts()[-2:] == [
        f"/v1/checkout/sessions/{first.page.session}/expire",
        "/v1/checkout/sessions",
    ]
    other = Returns("https://desk.example/thanks", "https://desk.example/back")
    third = shop.open("pro", returns=other)
    assert [one["success_url"] for one in shop.payable()] == [other.success]
    assert shop.state(third) == "open"


def test_a_page_of_another_group_or_customer_stands_beside_it(shop: Shop) -> None:
    shop.customer("vega")
    for plan, customer in (("pro", "nova"), ("tried", "nova"), ("pro", "vega")):
        shop.open(plan, customer)
    assert len(shop.payable()) == 3


def test_a_page_that_is_over_is_followed_by_another(shop: Shop) -> None:
    first = shop.open("pro")
    shop.at("2026-01-02T00:00:01Z")
    second = shop.open("pro")
    assert (shop.state(first), shop.state(second), len(shop.payable())) == ("expired", "open", 1)


def test_where_the_earlier_page_was_paid_meanwhile_it_stops_and_says_so(shop: Shop) -> None:
    first = shop.open("starter", pay="month")
    shop.stripe.pay_session(first.page.session)
    for again in (lambda: shop.open("pro"), lambda: shop.open("starter", pay="month")):
        said = refused("checkout-paid", again)
        assert (said.where, said.got) == (first.page.session, "paid")
    assert shop.payable() == []
    assert shop.complete(first).outcome == "started"
    assert shop.open("pro").page.amount_minor == 7_000  # the same day: 99 less 29


def test_a_payment_that_is_on_its_way_stops_it_too_and_one_that_failed_does_not(shop: Shop) -> None:
    first = shop.open("pro")
    shop.stripe.pay_session(first.page.session, later=True)
    assert refused("checkout-paid", lambda: shop.open("pro")).got == "its payment is on the way"
    shop.stripe.settle_session(first.page.session, succeeds=False)
    assert shop.open("pro").page.session != first.page.session


def test_a_page_that_was_paid_while_it_was_being_expired_is_not_followed_by_another(shop: Shop) -> None:
    first = shop.open("starter", pay="month")

    def pay(request: Any) -> None:
        if request.path.endswith("/expire"):
            shop.stripe.hooks.before.clear()
            shop.stripe.pay_session(first.page.session)

    shop.stripe.hooks.before.append(pay)
    refused("checkout-paid", lambda: shop.open("pro"))
    assert shop.calls(first.page.session) == [("expire", 1, "dropped")]  # nothing that a person must decide
    assert shop.payable() == []


def test_two_at_once_for_different_things_leave_one_page(shop: Shop) -> None:
    """The other one comes first between looking and asking: its page is there, and this one stops."""
    commits, others = [0], []

    def other() -> None:
        commits[0] += 1
        if commits[0] == 3:  # two keep the customer
            others.append(shop.open("pro").page.session)

    shop.before_commit = other
    raced = refused("checkout-raced", lambda: shop.open("starter", pay="month"))
    assert isinstance(raced, Conflict)
    assert [one["id"] for one in shop.payable()] == others
    shop.before_commit = lambda: None
    last = shop.open("starter", pay="month")
    assert [one["id"] for one in shop.payable()] == [last.page.session]


# --- what no page is opened for


def test_money_that_stripe_does_not_take_is_refused_with_the_reason(shop: Shop) -> None:
    shop.customer("tether", currency="USDT")
    said = refused("not-at-stripe", lambda: shop.order("starter", "tether", pay="month"))
    assert "no currency of ISO 4217" in said.message


def test_archived_customers_and_branches_get_no_page(shop: Shop) -> None:
    shop.customer("gone", archived_at=1)
    shop.customer("branch", parent="nova")
    refused("customer-archived", lambda: shop.order("pro", "gone"))
    refused("child-customer", lambda: shop.order("pro", "branch"))


def test_a_downgrade_waits_for_its_renewal_or_for_an_approval_so_nothing_is_to_be_paid(shop: Shop) -> None:
    """C5: it is asked for with subscribe or change."""
    shop.subscribe("pro")
    shop.customer("vega")
    shop.subscribe("second", "vega")
    said = refused("checkout-later", lambda: shop.order("starter", pay="month"))
    assert (said.got, "planctl subscribe nova starter" in said.hint) == ("renewal", True)
    said = refused("checkout-later", lambda: shop.order("first", "vega"))
    assert (said.got, "planctl change now vega first" in said.hint) == ("approval", True)


def test_what_goes_on_after_all_is_not_to_be_paid(shop: Shop) -> None:
    one = shop.subscribe("pro")
    with shop.store.write() as tx:
        ending = propose_cancel(tx, one, shop.now, at_once=False, refund="none")
        apply_cancel(tx, ending, shop.now, shop.now)
    refused("checkout-nothing", lambda: shop.order("pro"))


def test_what_costs_something_else_every_second_gets_no_page(shop: Shop) -> None:
    shop.subscribe("first")
    shop.pay("INV-2026-00001")
    shop.at("2026-01-16T10:00:00Z")
    said = refused("checkout-by-second", lambda: shop.order("second"))
    assert "proration: day" in said.expected


# --- which plan, and where people come back to


def sold(shop: Shop, customer: str = "nova") -> str:
    with shop.store.read() as tx:
        return pages.plan_to_sell(tx, customer)


def test_the_next_plan_of_the_group_is_sold_where_none_is_said(shop: Shop) -> None:
    """C4."""
    shop.subscribe("free")
    assert sold(shop) == "starter"
    shop.subscribe("starter", pay="month")
    assert sold(shop) == "pro"


def test_the_plan_that_is_assigned_comes_first(shop: Shop) -> None:
    shop.subscribe("starter", pay="month")
    with shop.store.write() as tx:
        assign_plan(tx, Assigning("nova", "tried"), shop.now)
    assert sold(shop) == "tried"


def test_archived_and_hidden_plans_are_passed_over(shop: Shop) -> None:
    shop.subscribe("second")
    refused("checkout-nothing", lambda: sold(shop))  # third is hidden from customers
    shop.customer("vega")
    shop.subscribe("starter", "vega", pay="month")
    shop.catalog("  pro:\n    name: Pro\n", "  pro:\n    name: Pro\n    archived: true\n")
    assert sold(shop, "vega") == "top"


def test_a_hidden_plan_is_sold_to_whom_it_is_assigned_alone(shop: Shop) -> None:
    with shop.store.read() as tx:
        offer = offered(tx, "third")
    refused("plan-inactive", lambda: pages.check_on_sale(offer, assigned=False))
    pages.check_on_sale(offer, assigned=True)


def test_where_several_fit_or_nothing_runs_it_must_be_said(shop: Shop) -> None:
    with pytest.raises(WrongUsage, match="none is assigned"):
        sold(shop)
    shop.subscribe("starter", pay="month")
    shop.subscribe("first")
    with pytest.raises(WrongUsage, match=r"pro, second are next|second, pro are next"):
        sold(shop)


def test_people_come_back_to_what_is_said_else_to_the_account_s_address() -> None:
    account = Account("acct_1", live=False, return_url="https://desk.example/account")
    assert pages.returns_for(account, "", "") == Returns(account.return_url, account.return_url)
    said = pages.returns_for(account, "https://desk.example/paid", "")
    assert said == Returns("https://desk.example/paid", account.return_url)


def test_without_any_address_both_options_are_named() -> None:
    with pytest.raises(WrongUsage) as nowhere:
        pages.returns_for(Account("acct_1", live=False), "", "")
    assert nowhere.value.expected == "--success-url and --cancel-url"
    with pytest.raises(WrongUsage) as half:
        pages.returns_for(Account("acct_1", live=False), "https://desk.example/paid", "")
    assert half.value.expected == "--cancel-url"


def test_an_address_that_is_none_is_refused_before_stripe_hears_of_it() -> None:
    with pytest.raises(InvalidInput) as wrong:
        pages.returns_for(Account("acct_1", live=True), "https://desk.example/paid", "http://desk.example")
    assert wrong.value.where == "--cancel-url"


def test_a_customer_that_stripe_refuses_stops_it(shop: Shop) -> None:
    shop.customer("broken", emails=("no address",))
    with pytest.raises(Refused) as stopped:
        shop.open("pro", "broken")
    assert stopped.value.code == "customer-refused"
