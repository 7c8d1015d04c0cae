"""Pausing and resuming in a real store: what is credited, what is charged again, and what waits.

April has 30 days and May 31; pro costs 30.00 a month here, so a day of April is 1.00.
"""

from __future__ import annotations

import pytest

from planctl.core.money import format_minor
from planctl.core.periods import instant_text
from planctl.core.subscriptions.model import Status
from planctl.errors import Refused
from planctl.workflows.pause_subscription import Stood
from tests.workflows.business import Business, lines, t, told


def april(business: Business, /, owing: str = "", **terms: str) -> None:
    """nova on metered for 30.00 a month and 0.12 a minute from 1 April on, paid on the 2nd but for what is owing."""
    business.customer("nova")
    negotiated = {"price.month.USD": "30", **terms}
    business.subscribe("nova", "metered", "2026-04-01", negotiated=negotiated)
    if owing != "all":
        business.pay("INV-2026-00001", "2026-04-02", str(30 - int(owing)) if owing else "")


def back(done: Stood) -> list[tuple[str, str, str]]:
    """Number of the credited invoice, what goes against what it owes, and what to the balance."""
    found = []
    for one in done.returned:
        currency = one.note.draft.currency
        amounts = (one.parts.invoice_minor, one.parts.balance_minor)
        applied, kept = (format_minor(minor, currency) for minor in amounts)
        found.append((one.invoice.number, applied, kept))
    return found


def charged(done: Stood) -> list[list[tuple[str, str]]]:
    return [lines(invoice) for invoice in done.invoices]


# --- within a period


def test_the_unused_days_are_credited_and_those_after_the_return_charged_again(business: Business) -> None:
    april(business)
    done = business.pause("nova", "2026-04-11")
    assert (done.subscription.status, back(done)) == (Status.PAUSED, [("INV-2026-00001", "0.00", "20.00")])
    assert business.balance("nova") == "20.00"
    again = business.resume("nova", "2026-04-16")
    assert (again.subscription.status, charged(again)) == (Status.ACTIVE, [[("proration_charge", "15.00")]])
    assert business.balance("nova") == "5.00"


def test_runs_in_the_pause_and_after_it_bill_nothing_of_that_period_again(business: Business) -> None:
    april(business)
    business.pause("nova", "2026-04-11")
    assert business.run("2026-04-14").invoices == []
    business.resume("nova", "2026-04-16")
    assert [business.run(day).invoices for day in ("2026-04-16", "2026-04-17", "2026-04-30")] == [[], [], []]
    (invoice,) = business.run("2026-05-01").invoices
    assert lines(invoice) == [("fee", "30.00")]


def test_each_pause_of_a_period_gives_back_only_what_was_charged_since(business: Business) -> None:
    # 20.00 of the fee; 15.00 charged on the 16th, of which the 10 days from the 21st on are 10.00; 5 days are 5.00.
    april(business)
    business.pause("nova", "2026-04-11")
    business.resume("nova", "2026-04-16")
    assert back(business.pause("nova", "2026-04-21")) == [("INV-2026-00002", "0.00", "10.00")]
    assert charged(business.resume("nova", "2026-04-26")) == [[("proration_charge", "5.00")]]


def test_what_its_invoice_still_owes_is_credited_first(business: Business) -> None:
    april(business, owing="5", due="30 days")
    done = business.pause("nova", "2026-04-11")
    assert back(done) == [("INV-2026-00001", "5.00", "15.00")]
    assert business.bills() == [("INV-2026-00001", "paid", "30.00")]


def test_discounts_and_days_give_back_what_was_paid_for_them(business: Business) -> None:
    business.customer("nova")
    terms = {"price.month.USD": "30"}
    business.subscribe("nova", "pro", "2026-04-01", pay="month", negotiated=terms, coupon="launch20")
    business.pay("INV-2026-00001", "2026-04-02")  # 24.00
    assert back(business.pause("nova", "2026-04-11")) == [("INV-2026-00001", "0.00", "16.00")]
    (invoice,) = business.resume("nova", "2026-04-16").invoices
    assert (lines(invoice), invoice.total_minor) == ([("proration_charge", "15.00")], 1200)


def test_seats_bought_within_the_period_are_credited_and_come_back(business: Business) -> None:
    # 49.00 and 2 seats at 4.00 for April: 20 of 30 days of 57.00 are 38.00, 15 of 30 are 28.50.
    business.customer("nova")
    business.subscribe("nova", "pro", "2026-04-01", pay="month", quantities={"seats": 12})
    business.pay("INV-2026-00001", "2026-04-02")
    assert back(business.pause("nova", "2026-04-11")) == [("INV-2026-00001", "0.00", "38.00")]
    assert charged(business.resume("nova", "2026-04-16")) == [
        [("proration_charge", "24.50"), ("quantity", "4.00")]
    ]


# --- over a renewal


def test_a_renewal_in_the_pause_is_not_billed_and_its_rest_is_on_return(business: Business) -> None:
    april(business)
    business.pause("nova", "2026-04-11")
    assert business.run("2026-05-02").invoices == []
    done = business.resume("nova", "2026-05-05")
    assert charged(done) == [[("proration_charge", "26.13")]]  # 27 of 31 days
    business.pay("INV-2026-00002", "2026-05-06")
    assert business.run("2026-06-01").invoices[0].total_minor == 3000


def test_a_period_that_passes_whole_in_the_pause_costs_nothing(business: Business) -> None:
    april(business)
    business.pause("nova", "2026-04-11")
    business.run("2026-06-03")
    done = business.resume("nova", "2026-06-16")
    assert charged(done) == [[("proration_charge", "15.00")]]  # 15 of 30 days
    assert [total for _, _, total in business.bills()] == ["30.00", "15.00"]


def test_a_second_pause_gives_back_what_was_charged_on_return_from_the_first(business: Business) -> None:
    # 26.13 for 27 days from 5 May; from the 10th on 22 of them are 21.29; from the 12th on 20 of 31 days are 19.35.
    april(business)
    business.pause("nova", "2026-04-11")
    business.resume("nova", "2026-05-05")
    business.pay("INV-2026-00002", "2026-05-06")
    assert [kept for _, _, kept in back(business.pause("nova", "2026-05-10"))] == ["21.29"]
    assert charged(business.resume("nova", "2026-05-12")) == [[("proration_charge", "19.35")]]


def test_usage_of_a_period_that_closed_in_the_pause_is_billed_on_return(business: Business) -> None:
    april(business)
    business.use("nova", "minutes", "25", "2026-04-05")
    business.pause("nova", "2026-04-11")
    assert business.run("2026-05-02").invoices == []
    assert sorted(charged(business.resume("nova", "2026-05-05"))[0]) == [
        ("proration_charge", "26.13"),
        ("usage", "3.00"),
    ]


def test_at_the_instant_of_a_renewal_the_period_begins_paused(business: Business) -> None:
    april(business)
    done = business.pause("nova", "2026-05-01")
    assert back(done) == []
    assert charged(business.resume("nova", "2026-05-05")) == [[("proration_charge", "26.13")]]


def test_right_after_a_renewal_was_billed_all_of_it_goes_back(business: Business) -> None:
    april(business)
    business.run("2026-05-01")
    business.pay("INV-2026-00002", "2026-05-01")
    done = business.pause("nova", "2026-05-01")
    assert instant_text(done.subscription.blocked[0].starts_at) == "2026-05-01T00:00:00.000001Z"
    assert back(done) == [("INV-2026-00002", "0.00", "30.00")]


def test_resumed_at_the_instant_of_a_run_the_rest_is_charged_once(business: Business) -> None:
    april(business)
    business.pause("nova", "2026-04-11")
    business.run("2026-05-01")
    (whole,) = charged(business.resume("nova", "2026-05-01"))
    assert whole == [("proration_charge", "30.00")]
    assert business.run("2026-05-02").invoices == []


def test_resumed_at_the_instant_at_which_it_was_paused_a_day_is_as_it_was(business: Business) -> None:
    april(business)
    business.pause("nova", "2026-04-11")
    assert charged(business.resume("nova", "2026-04-11")) == [[("proration_charge", "20.00")]]
    assert business.balance("nova") == "0.00"


# --- other terms


def test_with_pause_keep_paid_days_are_lost_and_not_charged_again(business: Business) -> None:
    april(business, pause="keep")
    assert back(business.pause("nova", "2026-04-11")) == []
    assert charged(business.resume("nova", "2026-04-16")) == []
    business.pause("nova", "2026-04-20")
    business.run("2026-05-02")
    assert charged(business.resume("nova", "2026-05-05")) == [[("proration_charge", "26.13")]]


def test_in_arrears_nothing_is_credited_and_paused_days_are_left_out(business: Business) -> None:
    april(business, owing="all", bill="in arrears")
    assert back(business.pause("nova", "2026-04-11")) == []
    assert charged(business.resume("nova", "2026-04-16")) == []
    (invoice,) = business.run("2026-05-01").invoices
    assert lines(invoice) == [("fee", "25.00")]


def test_in_arrears_a_period_that_ends_in_the_pause_is_billed_on_return(business: Business) -> None:
    april(business, owing="all", bill="in arrears")
    business.pause("nova", "2026-04-11")
    assert business.run("2026-05-02").invoices == []
    done = business.resume("nova", "2026-05-05")
    assert charged(done) == [[("fee", "10.00")]]
    business.pay("INV-2026-00001", "2026-05-06")
    (invoice,) = business.run("2026-06-01").invoices
    assert lines(invoice) == [("proration_charge", "26.13")]


def test_without_proration_nothing_is_credited_and_nothing_charged_again(business: Business) -> None:
    april(business, proration="none")
    assert back(business.pause("nova", "2026-04-11")) == []
    assert charged(business.resume("nova", "2026-04-16")) == []


def test_by_the_second_an_hour_counts(business: Business) -> None:
    # From noon of the 16th on: 14.5 of 30 days of 30.00.
    april(business, proration="second")
    assert back(business.pause("nova", "2026-04-16T12:00:00Z")) == [("INV-2026-00001", "0.00", "14.50")]


def test_a_minimum_is_for_the_days_in_service(business: Business) -> None:
    # 25 of 30 days of 100.00 are 83.33; charged were 30.00 - 20.00 + 15.00.
    april(business, **{"minimum.USD": "100"})
    business.pause("nova", "2026-04-11")
    business.resume("nova", "2026-04-16")
    (invoice,) = business.run("2026-05-01").invoices
    assert lines(invoice) == [("minimum", "58.33"), ("fee", "30.00")]


def test_a_minimum_of_a_period_that_ends_in_the_pause_counts_what_it_was_charged(business: Business) -> None:
    # 10 of 30 days of 100.00 are 33.33; charged were 30.00 - 20.00.
    april(business, **{"minimum.USD": "100"})
    business.pause("nova", "2026-04-11")
    business.run("2026-05-02")
    (invoice,) = business.resume("nova", "2026-05-05").invoices
    assert sorted(lines(invoice)) == [("minimum", "23.33"), ("proration_charge", "26.13")]


def test_a_free_plan_is_paused_too(business: Business) -> None:
    business.customer("nova")
    business.subscribe("nova", "free", "2026-04-01")
    assert business.pause("nova", "2026-04-11").subscription.status is Status.PAUSED
    assert business.resume("nova", "2026-06-11").invoices == ()


# --- add-ons


def with_seats(business: Business) -> None:
    """nova on pro for 30.00 and two extra seats at 6.00, for April, paid."""
    business.customer("nova")
    business.subscribe("nova", "pro", "2026-04-01", pay="month", negotiated={"price.month.USD": "30"})
    business.subscribe("nova", "extra_seat", "2026-04-01", quantity=2)
    for number in ("INV-2026-00001", "INV-2026-00002"):
        business.pay(number, "2026-04-02")


def test_add_ons_are_paused_and_resumed_with_their_base_on_one_invoice(business: Business) -> None:
    with_seats(business)
    done = business.pause("nova/pro", "2026-04-11")
    assert back(done) == [("INV-2026-00001", "0.00", "20.00"), ("INV-2026-00002", "0.00", "8.00")]
    assert [one.status for one in done.addons] == [Status.PAUSED]
    again = business.resume("nova/pro", "2026-04-16")
    assert charged(again) == [[("proration_charge", "15.00"), ("proration_charge", "6.00")]]
    assert [one.status for one in again.addons] == [Status.ACTIVE]


def test_an_add_on_alone_is_neither_paused_nor_resumed(business: Business) -> None:
    with_seats(business)
    with pytest.raises(Refused, match="goes with nova/pro"):
        business.pause("nova/extra_seat", "2026-04-11")
    business.pause("nova/pro", "2026-04-11")
    with pytest.raises(Refused, match="goes with nova/pro"):
        business.resume("nova/extra_seat", "2026-04-12")


# --- the end, and debts


def test_paused_it_still_ends_on_the_planned_day_with_its_usage(business: Business) -> None:
    april(business)
    business.use("nova", "minutes", "25", "2026-04-05")
    business.cancel("nova", "2026-04-10")
    business.pause("nova", "2026-04-11")
    report = business.run("2026-05-02")
    assert [lines(one) for one in report.invoices] == [[("usage", "3.00")]]
    assert told(report) == [("paused", "canceled", "2026-05-01T00:00:00Z")]


def test_paused_it_can_be_canceled_at_once_with_nothing_more_to_give_back(business: Business) -> None:
    april(business)
    business.pause("nova", "2026-04-11")
    done = business.refund_at_once("nova", "2026-04-16")
    assert (done.subscription.status, done.returned, done.invoices) == (Status.CANCELED, (), ())


def test_in_the_pause_an_invoice_is_past_due_and_the_subscription_is_not(business: Business) -> None:
    april(business, owing="all", pause="keep")
    business.pause("nova", "2026-04-05")
    assert told(business.run("2026-04-12")) == []
    assert business.bills() == [("INV-2026-00001", "past_due", "30.00")]
    assert business.shown("nova", "2026-04-12").status is Status.PAUSED
    after = business.resume("nova", "2026-04-15").subscription
    assert (after.status, after.blocked[-1].starts_at) == (Status.BLOCKED, t("2026-04-15"))
    business.pay("INV-2026-00001", "2026-04-16")
    assert business.shown("nova", "2026-04-16").status is Status.ACTIVE


def test_paying_in_the_pause_leaves_it_paused(business: Business) -> None:
    april(business, owing="all", pause="keep")
    business.run("2026-04-08")
    business.pause("nova", "2026-04-09")
    assert business.pay("INV-2026-00001", "2026-04-10").transitions == ()
    assert business.resume("nova", "2026-04-15").subscription.status is Status.ACTIVE


# --- refused


def refusal(business: Business, journey: str, address: str, at: str) -> tuple[str, str]:
    with pytest.raises(Refused) as found:
        getattr(business, journey)(address, at)
    return found.value.code, found.value.hint


def test_a_period_that_no_run_has_billed_is_billed_first(business: Business) -> None:
    april(business)
    assert refusal(business, "pause", "nova", "2026-05-03") == (
        "not-billed",
        "planctl invoice run --customer nova",
    )


def test_before_something_that_is_billed_it_is_refused(business: Business) -> None:
    april(business)
    business.run("2026-05-01")
    assert refusal(business, "pause", "nova", "2026-04-20") == (
        "settled-since",
        "--as-of 2026-05-01T00:00:00Z",
    )


def test_in_the_pause_a_renewal_that_was_passed_over_cannot_be_taken_back(business: Business) -> None:
    april(business)
    business.pause("nova", "2026-04-11")
    business.run("2026-05-02")
    assert refusal(business, "resume", "nova", "2026-04-20")[0] == "settled-since"


@pytest.mark.parametrize(
    ("journey", "at"), [("pause", "2026-04-12"), ("resume", "2026-04-12"), ("resume", "2026-04-05")]
)
def test_blocked_or_running_it_is_neither_paused_nor_resumed(
    business: Business, journey: str, at: str
) -> None:
    april(business, owing="all")
    assert refusal(business, journey, "nova", at)[0] == "transition"


def test_a_start_that_is_to_follow_is_taken_back_first(business: Business) -> None:
    business.customer("nova")
    business.subscribe("nova", "pro", "2026-04-01", pay="month")
    starter = business.subscribe("nova", "starter", "2026-04-05", pay="month").subscription
    assert starter.status is Status.PENDING
    assert refusal(business, "pause", "nova/pro", "2026-04-06") == (
        "change-scheduled",
        f"planctl subscription cancel {starter.id}",
    )
    business.cancel("nova/starter", "2026-04-06")
    assert business.pause("nova/pro", "2026-04-06").subscription.status is Status.PAUSED


# --- going on after all


def test_a_cancellation_that_is_still_to_come_is_taken_back_with_its_add_ons(business: Business) -> None:
    with_seats(business)
    business.cancel("nova/pro", "2026-04-10")
    done = business.resume("nova/pro", "2026-04-20")
    assert [(one.ends_at, one.end_reason) for one in (done.subscription, *done.addons)] == [
        (None, ""),
        (None, ""),
    ]
    (invoice,) = business.run("2026-05-01").invoices
    assert lines(invoice) == [("fee", "30.00"), ("addon", "12.00")]


def test_the_end_that_its_terms_foresee_comes_back(business: Business) -> None:
    april(business, expires="3 months")
    business.cancel("nova", "2026-04-10")
    after = business.resume("nova", "2026-04-20").subscription
    assert (after.ends_at, after.end_reason) == (t("2026-07-01"), "expired")


def test_what_has_ended_does_not_go_on(business: Business) -> None:
    april(business)
    business.cancel("nova", "2026-04-10")
    assert refusal(business, "resume", "nova", "2026-05-02")[0] == "run-first"
    business.run("2026-05-02")
    assert refusal(business, "resume", "nova", "2026-05-02")[0] == "ended"


def test_paused_and_canceled_the_pause_ends_first(business: Business) -> None:
    april(business)
    business.cancel("nova", "2026-04-10")
    business.pause("nova", "2026-04-11")
    first = business.resume("nova", "2026-04-16").subscription
    assert (first.status, first.end_reason) == (Status.ACTIVE, "canceled")
    assert business.resume("nova", "2026-04-17").subscription.ends_at is None
