"""Checkout pages that were paid: what they were for starts and its invoices are paid, or the money is credited.

The amounts are worked out by hand.
"""

from __future__ import annotations

from decimal import Decimal

import pytest

from planctl.core.subscriptions.model import Status
from planctl.errors import Refused
from planctl.workflows.receive_webhook.complete_checkout import complete
from tests.workflows.sync_stripe.paying import Shop

DEARER = ("price: {month: {USD: 99, EUR: 95}}", "price: {month: {USD: 119, EUR: 95}}")


def intents(shop: Shop) -> list[str]:
    """The payments at Stripe, oldest first."""
    return [str(one["id"]) for one in shop.stripe.objects("payment_intent")]


# --- it fits


def test_a_paid_page_starts_its_plan_and_pays_the_first_invoice(shop: Shop) -> None:
    """C4, E9: nothing starts before; then it is active and paid, by a payment that names Stripe's."""
    opened = shop.open("starter", pay="month")
    assert shop.bills() == []
    shop.at("2026-01-01T09:30:00Z")
    done = shop.paid(opened)
    assert (done.outcome, done.received_minor, done.why) == ("started", 2_900, "")
    assert shop.shown().status is Status.ACTIVE
    assert shop.bills() == [("INV-2026-00001", "paid", "29.00")]
    assert shop.payments() == [("29.00", "stripe", intents(shop)[0], "2026-01-01T09:30:00Z")]
    assert (shop.state(opened), done.page.subscription) == ("completed", shop.shown().id)
    assert [one.number for one in done.invoices] == ["INV-2026-00001"]


def test_taken_in_again_nothing_happens_twice(shop: Shop) -> None:
    opened = shop.open("starter", pay="month")
    shop.paid(opened)
    shop.at("2026-01-03")
    for _ in range(3):
        assert shop.complete(opened).outcome == "already"
    assert len(shop.bills()) == len(shop.payments()) == 1


def test_an_upgrade_is_credited_charged_and_paid_to_the_cent(shop: Shop) -> None:
    """C4: 16 of 31 days: 51.10 for pro less 14.97 of starter."""
    shop.paid(shop.open("starter", pay="month"))
    shop.at("2026-01-16T10:00:00Z")
    opened = shop.open("pro")
    shop.at("2026-01-16T18:00:00Z")
    assert shop.paid(opened).outcome == "started"
    assert (shop.shown().plan, shop.shown().status) == ("pro", Status.ACTIVE)
    assert shop.bills() == [("INV-2026-00001", "paid", "29.00"), ("INV-2026-00002", "paid", "36.13")]
    assert [one[0] for one in shop.payments()] == ["29.00", "36.13"]


def test_a_page_of_a_start_may_be_paid_the_next_day(shop: Shop) -> None:
    shop.at("2026-01-01T20:00:00Z")
    opened = shop.open("pro")
    shop.at("2026-01-02T08:00:00Z")
    assert shop.paid(opened).outcome == "started"
    assert shop.shown().started_at == shop.now


def test_quantities_coupons_and_tax_are_part_of_what_is_paid(shop: Shop) -> None:
    """99.00 and 2 × 5.00 are 109.00, less 25 % 81.75, and 19 % on that are 15.53 (15.5325): 97.28."""
    shop.customer("hanse", country="DE")
    opened = shop.open("pro", "hanse", quantities={"seats": Decimal(12)}, coupon="quarter")
    assert opened.page.amount_minor == 9_728
    assert shop.paid(opened).outcome == "started"
    assert shop.bills("hanse") == [("INV-2026-00001", "paid", "97.28")]
    assert shop.shown("hanse").quantities == {"seats": Decimal(12)}


def test_what_the_balance_paid_and_what_the_page_paid_are_the_whole_invoice(shop: Shop) -> None:
    shop.subscribe("tried", trial=False)
    shop.overpay("INV-2026-00001", "22.00")
    done = shop.paid(shop.open("starter", pay="month"))
    (invoice,) = done.invoices
    assert (invoice.total_minor, invoice.credit_minor, invoice.paid_minor) == (2_900, 1_000, 1_900)
    assert shop.balance() == {}


def test_a_trial_begins_once_a_card_is_on_file(shop: Shop) -> None:
    """C7, D8: refused without one; the page asks for the card, and with it the trial starts and nothing is paid."""
    with pytest.raises(Refused) as refused:
        shop.subscribe("tried")
    assert refused.value.code == "trial-card"
    opened = shop.open("tried")
    done = shop.paid(opened)
    assert (done.outcome, done.received_minor, done.invoices) == ("started", 0, ())
    assert (shop.shown().status, shop.pays_by(), shop.payments()) == (Status.TRIALING, "card", [])
    assert shop.complete(opened).outcome == "already"


def test_the_card_stays_on_file_unless_the_customer_pays_otherwise(shop: Shop) -> None:
    shop.customer("bank", payment_method="invoice")
    for customer, method in (("nova", "card"), ("bank", "invoice")):
        shop.paid(shop.open("pro", customer))
        assert shop.pays_by(customer) == method


# --- it does not come yet, or never


def test_a_page_that_is_open_changes_nothing(shop: Shop) -> None:
    opened = shop.open("pro")
    assert (shop.complete(opened).outcome, shop.state(opened)) == ("waiting", "open")


def test_money_that_is_on_its_way_starts_nothing_before_it_is_there(shop: Shop) -> None:
    opened = shop.open("pro")
    shop.stripe.pay_session(opened.page.session, later=True)
    assert (shop.complete(opened).outcome, shop.state(opened), shop.bills()) == ("waiting", "open", [])
    shop.at("2026-01-03T12:00:00Z")
    shop.stripe.settle_session(opened.page.session)
    assert shop.complete(opened).outcome == "started"
    assert shop.payments() == [("99.00", "stripe", intents(shop)[0], "2026-01-03T12:00:00Z")]


def test_money_that_never_came_and_a_page_that_expired_end_it(shop: Shop) -> None:
    failed, expired = shop.open("pro"), shop.open("tried")
    shop.stripe.pay_session(failed.page.session, later=True)
    shop.stripe.settle_session(failed.page.session, succeeds=False)
    shop.stripe.expire_session(expired.page.session)
    for opened in (failed, expired):
        assert (shop.complete(opened).outcome, shop.state(opened)) == ("expired", "expired")
    assert (shop.bills(), shop.holds(), shop.pays_by()) == ([], [], "none")


# --- it does not fit any more


def test_a_price_that_changed_meanwhile_credits_the_money_and_holds_the_customer(shop: Shop) -> None:
    opened = shop.open("pro")
    shop.catalog(*DEARER)
    done = shop.paid(opened)
    assert (done.outcome, done.subscription, done.invoices) == ("credited", None, ())
    assert done.why.startswith(
        "99.00 USD were paid, and 119.00 USD would be billed now; plan version 1 is now 2"
    )
    assert (shop.bills(), shop.payments(), shop.balance()) == ([], [], {"USD": 9_900})
    assert (shop.holds(), shop.state(opened), shop.pays_by()) == ([("nova", "checkout")], "credited", "card")
    assert shop.complete(opened).outcome == "already"
    assert shop.balance() == {"USD": 9_900}


def test_what_was_credited_pays_the_next_invoice_once_a_person_has_looked(shop: Shop) -> None:
    """119.00 less 99.00: 20.00 are left to pay."""
    opened = shop.open("pro")
    shop.catalog(*DEARER)
    shop.paid(opened)
    shop.clear_holds()
    shop.subscribe("pro")
    (number, status, total) = shop.bills()[0]
    assert (status, total, shop.balance()) == ("open", "119.00", {})
    shop.pay(number)
    assert [one[0] for one in shop.payments()] == ["20.00"]


def test_the_version_that_the_page_was_opened_for_can_be_named(shop: Shop) -> None:
    opened = shop.open("pro", plan_version="1")
    shop.catalog(*DEARER)
    assert shop.paid(opened).outcome == "started"
    assert shop.bills() == [("INV-2026-00001", "paid", "99.00")]


def test_another_plan_meanwhile_does_not_fit(shop: Shop) -> None:
    """Pro for a whole month was paid, and starter runs since: pro would cost 99.00 less 29.00 today."""
    opened = shop.open("pro")
    shop.subscribe("starter", pay="month")
    done = shop.paid(opened)
    assert done.outcome == "credited"
    assert "99.00 USD were paid, and 70.00 USD would be billed now" in done.why
    assert (shop.shown().plan, shop.balance()) == ("starter", {"USD": 9_900})


def test_the_plan_itself_meanwhile_does_not_fit(shop: Shop) -> None:
    opened = shop.open("pro")
    shop.subscribe("pro")
    done = shop.paid(opened)
    assert done.outcome == "credited"
    assert "nova already runs pro" in done.why
    assert [status for _, status, _ in shop.bills()] == ["open"]


def test_an_upgrade_that_is_paid_the_next_day_does_not_fit(shop: Shop) -> None:
    """15 of 31 days are left then: 47.90 less 14.03 are 33.87, and 36.13 were paid."""
    shop.paid(shop.open("starter", pay="month"))
    shop.at("2026-01-16T23:50:00Z")
    opened = shop.open("pro")
    shop.at("2026-01-17T00:10:00Z")
    done = shop.paid(opened)
    assert done.outcome == "credited"
    assert done.why == "36.13 USD were paid, and 33.87 USD would be billed now"
    assert (shop.shown().plan, shop.balance()) == ("starter", {"USD": 3_613})


def test_a_change_that_would_wait_now_does_not_fit(shop: Shop) -> None:
    """Starter was to be started; pro runs since, so that starter would wait for its renewal."""
    opened = shop.open("starter", pay="month")
    shop.subscribe("pro")
    done = shop.paid(opened)
    assert done.why == "29.00 USD were paid, and nothing would begin at once any more"
    assert shop.balance() == {"USD": 2_900}


def test_what_a_rule_refuses_by_now_does_not_fit(shop: Shop) -> None:
    opened = shop.open("pro")
    shop.catalog("  pro:\n    name: Pro\n", "  pro:\n    name: Pro\n    archived: true\n")
    done = shop.paid(opened)
    assert (
        done.why
        == "99.00 USD came, and it cannot start any more: plan pro is archived: closed to new customers"
    )
    assert shop.holds() == [("nova", "checkout")]


def test_what_is_refused_while_it_is_written_leaves_nothing_of_it(shop: Shop) -> None:
    """The books are closed over the day: the invoice cannot be issued on it."""
    opened = shop.open("pro")
    shop.close_books("2026-01-01")
    done = shop.paid(opened)
    assert (done.outcome, shop.bills(), shop.balance()) == ("credited", [], {"USD": 9_900})
    assert "closed" in done.why
    with pytest.raises(Refused):
        shop.shown()


def test_a_card_for_a_trial_that_is_not_to_be_had_any_more_holds_the_customer_without_money(
    shop: Shop,
) -> None:
    opened = shop.open("tried")
    shop.catalog("trial: {days: 14, card: true}", "trial: {days: 7, card: true}")
    done = shop.paid(opened)
    assert (done.outcome, done.received_minor, shop.balance()) == ("held", 0, {})
    assert (shop.holds(), shop.state(opened), shop.pays_by()) == ([("nova", "checkout")], "expired", "card")


def test_another_amount_than_was_asked_for_is_credited_as_it_came(shop: Shop) -> None:
    opened = shop.open("pro")
    shop.stripe.pay_session(opened.page.session)
    shop.stripe.edit(opened.page.session, amount_total=9_000)
    done = shop.complete(opened)
    assert (done.outcome, shop.balance()) == ("credited", {"USD": 9_000})
    assert done.why == "90.00 USD were paid, and 99.00 USD would be billed now"


def test_another_currency_is_left_to_a_person(shop: Shop) -> None:
    opened = shop.open("pro")
    shop.stripe.pay_session(opened.page.session)
    shop.stripe.edit(opened.page.session, currency="eur")
    with pytest.raises(Refused) as refused:
        shop.complete(opened)
    assert (refused.value.code, refused.value.got) == ("checkout-currency", "9900 eur")
    assert (shop.state(opened), shop.balance()) == ("open", {})


def test_a_page_that_nobody_kept_is_left_to_a_person(shop: Shop) -> None:
    session = {"id": "cs_test_other", "status": "complete", "payment_status": "paid"}
    with shop.store.write() as tx, pytest.raises(Refused) as refused:
        complete(tx, shop.account, session, shop.now, shop.now)
    assert refused.value.code == "checkout-unknown"
