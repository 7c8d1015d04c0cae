"""Checkout pages as events bring them: completed, paid later, expired, refunded, in any order. E9, C4.

What a page starts is tested beside its completion; here it is that events lead there, when, and once.
"""

from __future__ import annotations

from itertools import permutations
from typing import Any

import pytest

from planctl.core.periods import instant_text
from planctl.core.stripe.facts_notice import notice_of
from planctl.core.stripe.facts_told import Handled
from planctl.core.subscriptions.model import Status
from planctl.store import customers
from planctl.workflows.receive_webhook.handling import Receiver, handle
from planctl.workflows.receive_webhook.pulling import pull
from tests.workflows.business import Business
from tests.workflows.sync_stripe.paying import CATALOG, Shop

COMPLETED = "checkout.session.completed"


def receiver(shop: Shop) -> Receiver:
    return Receiver(shop.talk(), "ci", lambda _tx, _handled: None, lambda: shop.now)


def take(shop: Shop, event: dict[str, Any]) -> Handled:
    return handle(receiver(shop), notice_of(event))


def event(shop: Shop, kind: str) -> dict[str, Any]:
    return [one for one in shop.stripe.events if one["type"] == kind][-1]


def test_a_completed_page_starts_its_plan_when_it_was_paid_however_late_that_is_heard_of(shop: Shop) -> None:
    opened = shop.open("starter", pay="month")
    shop.at("2026-01-01T09:30:00Z")
    shop.stripe.pay_session(opened.page.session)
    shop.at("2026-01-03")
    handled = take(shop, event(shop, COMPLETED))
    (fact,) = handled.applied
    assert (fact.what, fact.object, fact.amount_minor, fact.note) == (
        "checkout",
        opened.page.session,
        2_900,
        "started",
    )
    assert shop.shown().status is Status.ACTIVE
    assert instant_text(shop.shown().started_at) == "2026-01-01T09:30:00Z"
    assert [day for *_, day in shop.payments()] == ["2026-01-01T09:30:00Z"]


def test_paid_in_the_second_in_which_it_was_opened_it_starts_no_earlier(shop: Shop) -> None:
    """Stripe says whole seconds; the free plan that gives way began within that, before the page was opened."""
    shop.microseconds = 500_000
    shop.subscribe("free")
    shop.microseconds = 600_000
    opened = shop.open("starter", pay="month")
    shop.stripe.pay_session(opened.page.session)
    shop.microseconds = 700_000
    (fact,) = take(shop, event(shop, COMPLETED)).applied
    assert (fact.note, shop.bills()[-1][1:]) == ("started", ("paid", "29.00"))
    assert instant_text(shop.shown().started_at) == "2026-01-01T00:00:00.600000Z"


def test_a_pull_takes_a_completed_page_in_and_five_times_the_event_nothing_more(shop: Shop) -> None:
    opened = shop.open("starter", pay="month")
    shop.stripe.pay_session(opened.page.session)
    pull(receiver(shop))
    outcomes = {take(shop, event(shop, COMPLETED)).outcome for _ in range(5)}
    assert outcomes == {"duplicate"}
    assert shop.bills() == [("INV-2026-00001", "paid", "29.00")]
    assert shop.pays_by() == "card"


def test_money_that_is_still_on_its_way_starts_nothing_until_it_came(shop: Shop) -> None:
    opened = shop.open("starter", pay="month")
    shop.stripe.pay_session(opened.page.session, later=True)
    assert take(shop, event(shop, COMPLETED)).applied == ()
    assert shop.bills() == []
    shop.at("2026-01-04")
    shop.stripe.settle_session(opened.page.session)
    take(shop, event(shop, "checkout.session.async_payment_succeeded"))
    assert shop.shown().status is Status.ACTIVE
    assert instant_text(shop.shown().started_at) == "2026-01-04T00:00:00Z"


def test_money_that_did_not_come_after_all_starts_nothing(shop: Shop) -> None:
    opened = shop.open("starter", pay="month")
    shop.stripe.pay_session(opened.page.session, later=True)
    take(shop, event(shop, COMPLETED))
    shop.stripe.settle_session(opened.page.session, succeeds=False)
    take(shop, event(shop, "checkout.session.async_payment_failed"))
    assert (shop.bills(), shop.state(opened)) == ([], "expired")


def test_a_page_that_expired_is_kept_as_that(shop: Shop) -> None:
    opened = shop.open("starter", pay="month")
    shop.stripe.expire_session(opened.page.session)
    assert [one.note for one in take(shop, event(shop, "checkout.session.expired")).applied] == ["expired"]
    assert shop.state(opened) == "expired"


def test_money_that_does_not_fit_any_more_is_credited_and_told_with_both_amounts(shop: Shop) -> None:
    opened = shop.open("pro")
    shop.catalog("price: {month: {USD: 99, EUR: 95}}", "price: {month: {USD: 119, EUR: 95}}")
    shop.stripe.pay_session(opened.page.session)
    (fact,) = take(shop, event(shop, COMPLETED)).applied
    assert fact.note.startswith("credited: 99.00 USD were paid, and 119.00 USD would be billed now")
    assert (shop.balance(), shop.holds()) == ({"USD": 9_900}, [("nova", "checkout")])


def credited(shop: Shop) -> str:
    """99.00 that came for a plan that costs 119.00 by then: in the balance; the payment at Stripe."""
    opened = shop.open("pro")
    shop.catalog("price: {month: {USD: 99, EUR: 95}}", "price: {month: {USD: 119, EUR: 95}}")
    shop.stripe.pay_session(opened.page.session)
    take(shop, event(shop, COMPLETED))
    assert shop.balance() == {"USD": 9_900}
    return str(shop.stripe.objects("payment_intent")[0]["id"])


def test_money_that_was_credited_and_given_back_at_stripe_leaves_the_balance(shop: Shop) -> None:
    intent = credited(shop)
    for amount, left in ((4_000, {"USD": 5_900}), (5_900, {})):
        refund = shop.stripe.refund(intent, amount)
        (fact,) = take(shop, event(shop, "refund.created")).applied
        assert (fact.what, fact.object, fact.amount_minor) == ("refund", refund, amount)
        assert fact.note == "from the customer's balance"
        assert take(shop, event(shop, "charge.refunded")).applied == ()
        assert shop.balance() == left


def test_money_that_was_credited_and_disputed_leaves_the_balance_and_comes_back_once_it_is_won(
    shop: Shop,
) -> None:
    dispute = shop.stripe.dispute(credited(shop))
    take(shop, event(shop, "charge.dispute.funds_withdrawn"))
    assert shop.balance() == {}
    shop.at("2026-01-20")
    shop.stripe.close_dispute(dispute)
    assert [one.what for one in take(shop, event(shop, "charge.dispute.closed")).applied] == ["reinstated"]
    assert shop.balance() == {"USD": 9_900}


def test_money_that_was_credited_and_is_spent_waits_for_a_person_once_it_goes_back(shop: Shop) -> None:
    """119.00 less 99.00 from the balance are owed of pro."""
    intent = credited(shop)
    shop.clear_holds()
    shop.subscribe("pro")
    shop.stripe.refund(intent)
    handled = take(shop, event(shop, "refund.created"))
    assert (handled.outcome, shop.balance()) == ("parked", {})
    assert "expected at most 0.00 USD; got 99.00 USD" in handled.why
    assert take(shop, event(shop, "charge.refunded")).outcome == "done"


@pytest.mark.parametrize("order", [*permutations((COMPLETED, "refund.created", "charge.dispute.closed"))])
def test_credited_refunded_and_disputed_end_the_same_in_any_order(shop: Shop, order: tuple[str, ...]) -> None:
    """99.00 came, 40.00 went back, 59.00 were withdrawn and came back."""
    opened = shop.open("pro")
    shop.catalog("price: {month: {USD: 99, EUR: 95}}", "price: {month: {USD: 119, EUR: 95}}")
    shop.stripe.pay_session(opened.page.session)
    intent = str(shop.stripe.objects("payment_intent")[0]["id"])
    shop.stripe.refund(intent, 4_000)
    dispute = shop.stripe.dispute(intent)
    shop.stripe.close_dispute(dispute)
    moved = shop.stripe.get(dispute)["balance_transactions"]
    shop.stripe.edit(
        dispute,
        amount=5_900,
        balance_transactions=[one | {"amount": 5_900 if one["amount"] > 0 else -5_900} for one in moved],
    )
    for kind in order:
        assert take(shop, event(shop, kind)).outcome == "done"
    assert (shop.balance(), shop.holds()) == ({"USD": 5_900}, [("nova", "checkout")])


def test_a_second_page_that_does_not_fit_is_told_of_in_the_hold_of_the_first(shop: Shop) -> None:
    opened = [shop.open("pro"), shop.open("tried", trial=False)]
    shop.catalog("price: {month: {USD: 99, EUR: 95}}", "price: {month: {USD: 119, EUR: 95}}")
    for one in opened:
        shop.stripe.pay_session(one.page.session)
        take(shop, event(shop, COMPLETED))
    with shop.store.read() as tx:
        (hold,) = customers.holds(tx)
    assert hold.reason == "checkout"
    assert [one.page.session in hold.detail for one in opened] == [True, True]
    assert shop.balance() == {"USD": 11_100}


def test_a_page_of_a_plan_that_has_another_name_by_now_starts_it_under_that(shop: Shop) -> None:
    opened = shop.open("starter", pay="month")
    renamed = CATALOG.replace("order: [free, starter,", "order: [free, small,")
    shop.apply(renamed.replace("  starter:\n", "  small:\n    was: starter\n"))
    shop.stripe.pay_session(opened.page.session)
    (fact,) = take(shop, event(shop, COMPLETED)).applied
    assert (fact.note, shop.shown().plan, shop.holds()) == ("started", "small", [])


def test_money_of_a_closed_day_starts_its_plan_on_the_first_open_one(shop: Shop) -> None:
    opened = shop.open("starter", pay="month")
    shop.stripe.pay_session(opened.page.session)
    shop.at("2026-01-02T08:00:00Z")
    shop.close_books("2026-01-01")
    (fact,) = take(shop, event(shop, COMPLETED)).applied
    assert fact.note == "started; Stripe says 2026-01-01T00:00:00Z: the books are closed through 2026-01-01"
    assert instant_text(shop.shown().started_at) == "2026-01-02T00:00:00Z"
    assert shop.bills() == [("INV-2026-00001", "paid", "29.00")]


def test_a_page_that_this_store_opened_and_never_kept_waits_for_a_person_once_it_is_paid(shop: Shop) -> None:
    opened = shop.open("starter", pay="month")
    with shop.store.write() as tx:  # killed before the page was kept
        tx.connection.exec_driver_sql("DELETE FROM stripe_checkout")
    shop.stripe.pay_session(opened.page.session)
    assert take(shop, event(shop, COMPLETED)).outcome == "parked"


@pytest.mark.parametrize("order", [*permutations((COMPLETED, "refund.created", "charge.dispute.created"))])
def test_paid_refunded_and_disputed_end_the_same_in_any_order(shop: Shop, order: tuple[str, ...]) -> None:
    opened = shop.open("starter", pay="month")
    shop.at("2026-01-01T09:30:00Z")
    shop.stripe.pay_session(opened.page.session)
    intent = shop.stripe.objects("payment_intent")[0]["id"]
    shop.at("2026-01-02")
    shop.stripe.refund(intent, 900)
    shop.at("2026-01-03")
    dispute = shop.stripe.dispute(intent)
    moved = [one | {"amount": -2_000} for one in shop.stripe.get(dispute)["balance_transactions"]]
    shop.stripe.edit(dispute, amount=2_000, balance_transactions=moved)
    for kind in order:
        assert take(shop, event(shop, kind)).outcome == "done"
    # 29.00 were paid, 9.00 are credited and paid out, and 20.00 are owed again.
    assert shop.bills() == [("INV-2026-00001", "open", "29.00")]
    assert shop.payments() == [("29.00", "stripe", intent, "2026-01-01T09:30:00Z")]
    assert shop.shown().status is Status.ACTIVE


# --- events that never came


def test_F117_a_page_that_was_paid_is_taken_in_after_a_month_without_a_pull(shop: Shop) -> None:
    opened = shop.open("starter", pay="month")
    pull(receiver(shop))
    shop.stripe.pay_session(opened.page.session)
    shop.at("2026-02-10")
    pulled = pull(receiver(shop))
    assert (pulled.read, pulled.looked, shop.state(opened)) == (0, 1, "completed")
    assert [day for *_, day in shop.payments()] == ["2026-01-01T00:00:00Z"]


def test_a_page_whose_time_is_over_is_looked_at_without_an_event(shop: Shop) -> None:
    opened = shop.open("starter", pay="month")
    shop.stripe.pay_session(opened.page.session)
    shop.stripe.books().journal.events.clear()  # they were never written
    shop.at("2026-01-03")
    (handled,) = pull(receiver(shop)).handled
    assert [one.note for one in handled.applied] == ["started"]
    begun = len(shop.stripe.requests)
    shop.at("2026-01-04")
    pull(receiver(shop))
    assert all(one.path == "/v1/events" for one in shop.stripe.requests[begun:])


def test_a_run_between_the_payment_and_its_event_changes_nothing(shop: Shop) -> None:
    opened = shop.open("starter", pay="month")
    shop.at("2026-01-01T12:05:00Z")
    shop.stripe.pay_session(opened.page.session)
    shop.at("2026-01-01T12:17:00Z")
    Business(shop.store).run(instant_text(shop.now))
    shop.at("2026-01-01T12:20:00Z")
    facts = [one for handled in pull(receiver(shop)).handled for one in handled.applied]
    assert [one.note for one in facts if one.what == "checkout"] == ["started"]
    assert instant_text(shop.shown().started_at) == "2026-01-01T12:05:00Z"


def test_an_upgrade_that_was_paid_before_a_run_renewed_the_plan_is_taken_in_after_it(shop: Shop) -> None:
    """16 of 31 days of January: 51.10 for pro less 14.97 of starter."""
    shop.paid(shop.open("starter", pay="month"))
    shop.at("2026-01-16T10:00:00Z")
    opened = shop.open("pro")
    shop.stripe.pay_session(opened.page.session)
    shop.at("2026-01-16T10:17:00Z")
    Business(shop.store).run(instant_text(shop.now))
    (handled,) = pull(receiver(shop)).handled
    assert [one.note for one in handled.applied] == ["started"]
    assert shop.bills()[-1][1:] == ("paid", "36.13")


def test_a_plan_that_somebody_started_between_the_payment_and_its_event_leaves_the_money_credited(
    shop: Shop,
) -> None:
    opened = shop.open("starter", pay="month")
    shop.at("2026-01-01T12:05:00Z")
    shop.stripe.pay_session(opened.page.session)
    shop.at("2026-01-01T12:06:00Z")
    shop.subscribe("pro")
    shop.at("2026-01-01T12:20:00Z")
    (fact,) = take(shop, event(shop, COMPLETED)).applied
    assert fact.note.startswith("credited: ")
    assert (shop.balance(), shop.holds(), shop.shown().plan) == (
        {"USD": 2_900},
        [("nova", "checkout")],
        "pro",
    )
