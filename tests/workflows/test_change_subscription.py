"""Canceling in a real store: when it ends, what is billed last, and what never is."""

from __future__ import annotations

import pytest

from planctl.core.periods import instant_text
from planctl.core.subscriptions.model import Status, Subscription
from planctl.errors import Refused
from planctl.store import customers
from planctl.workflows.change_subscription import Ended
from tests.workflows.business import RECORDED, Business, lines, t, told


def talks(business: Business, at: str = "2026-02-01", **fields: str) -> None:
    """nova pays 31.00 a month and 0.12 a minute."""
    business.customer("nova", **fields)
    terms = {"price.month.USD": "31", "grace": "never"}
    business.subscribe("nova", "metered", at, negotiated=terms)


# --- at the period's end


def test_by_default_it_ends_with_the_period_that_runs(business: Business) -> None:
    talks(business)
    after, invoices = business.cancel("nova", "2026-02-10")
    assert (after.status, after.ends_at, after.end_reason) == (Status.ACTIVE, t("2026-03-01"), "canceled")
    assert invoices == []
    business.use("nova", "minutes", "25", "2026-02-28T23:59:59Z")
    report = business.run("2026-03-05")
    assert [(one.draft.kind, lines(one)) for one in report.invoices] == [("final", [("usage", "3.00")])]
    assert told(report)[-1] == ("past_due", "canceled", "2026-03-01T00:00:00Z")
    assert business.run("2026-04-01").invoices == []


def test_the_last_instant_of_a_period_still_belongs_to_it(business: Business) -> None:
    talks(business)
    after, _ = business.cancel("nova", "2026-02-28T23:59:59.999999Z")
    assert after.ends_at == t("2026-03-01")


def test_at_a_boundary_the_period_that_begins_there_is_the_one_that_runs(business: Business) -> None:
    talks(business)
    after, _ = business.cancel("nova", "2026-03-01")
    assert after.ends_at == t("2026-04-01")


def test_the_end_is_on_the_customers_calendar(business: Business) -> None:
    talks(business, "2026-02-28T23:00:00Z", timezone="Europe/Berlin")  # midnight of 1 March
    after, _ = business.cancel("nova", "2026-03-20")
    assert after.ends_at == t("2026-03-31T22:00:00Z")  # midnight of 1 April, in summer time


def test_what_a_later_run_has_billed_already_is_used_up_first(business: Business) -> None:
    talks(business)
    business.run("2026-03-02")  # bills March
    after, _ = business.cancel("nova", "2026-02-20")
    assert after.ends_at == t("2026-04-01")


def test_canceling_again_changes_nothing(business: Business) -> None:
    talks(business)
    first, _ = business.cancel("nova", "2026-02-10")
    again, invoices = business.cancel("nova", "2026-02-11")
    assert (again.ends_at, invoices) == (first.ends_at, [])


def test_a_planned_end_may_be_brought_forward(business: Business) -> None:
    talks(business)
    business.cancel("nova", "2026-02-10")
    after, _ = business.cancel("nova", "2026-02-12", at_once=True)
    assert (after.status, after.ends_at) == (Status.CANCELED, t("2026-02-12"))


# --- at once


def test_at_once_the_usage_so_far_is_billed_and_nothing_is_paid_back(business: Business) -> None:
    talks(business)
    business.use("nova", "minutes", "25", "2026-02-10")
    after, (final,) = business.cancel("nova", "2026-02-15", at_once=True)
    assert (after.status, after.ends_at) == (Status.CANCELED, t("2026-02-15"))
    assert (final.draft.kind, lines(final)) == ("final", [("usage", "3.00")])
    assert [status for _, status, _ in business.bills()] == ["past_due", "open"]


def test_at_once_what_no_run_has_billed_yet_is_billed_whole(business: Business) -> None:
    talks(business)
    _, invoices = business.cancel("nova", "2026-03-15", at_once=True)
    assert [(instant_text(one.draft.at), lines(one)) for one in invoices] == [
        ("2026-03-01T00:00:00Z", [("fee", "31.00")])
    ]


def test_at_the_instant_of_a_run_the_usage_so_far_is_still_billed(business: Business) -> None:
    talks(business)
    business.use("nova", "minutes", "25", "2026-02-05")
    business.run("2026-02-08")  # past due: the run settled everything up to then
    _, (final,) = business.cancel("nova", "2026-02-08", at_once=True)
    assert lines(final) == [("usage", "3.00")]


def test_dated_before_a_run_that_billed_nothing_since_the_usage_until_then_is_billed(
    business: Business,
) -> None:
    talks(business)
    business.use("nova", "minutes", "25", "2026-02-05")
    business.run("2026-02-08")
    after, (final,) = business.cancel("nova", "2026-02-07", at_once=True)
    assert (after.ends_at, lines(final)) == (t("2026-02-07"), [("usage", "3.00")])


def test_dated_before_something_that_is_billed_it_is_refused(business: Business) -> None:
    talks(business)
    business.run("2026-03-01")
    with pytest.raises(Refused) as refused:
        business.cancel("nova", "2026-02-20", at_once=True)
    assert refused.value.code == "settled-since"
    assert business.shown("nova", "2026-03-01").ends_at is None


def test_in_the_instant_of_its_start_it_ends_with_its_fee(business: Business) -> None:
    talks(business)
    after, invoices = business.cancel("nova", "2026-02-01", at_once=True)
    assert (after.status, after.ends_at, invoices) == (Status.CANCELED, t("2026-02-01") + 1, [])
    assert business.run("2026-06-01").invoices == []


def test_at_the_instant_of_a_renewal_that_was_billed_it_ends_right_after_it(business: Business) -> None:
    talks(business)
    business.use("nova", "minutes", "25", "2026-02-05")
    assert len(business.run("2026-03-01").invoices) == 1
    after, invoices = business.cancel("nova", "2026-03-01", at_once=True)
    assert (after.status, after.ends_at, invoices) == (Status.CANCELED, t("2026-03-01") + 1, [])
    assert business.run("2026-04-01").invoices == []


def test_at_the_instant_of_a_renewal_that_no_run_has_billed_there_is_none(business: Business) -> None:
    talks(business)
    business.use("nova", "minutes", "25", "2026-02-05")
    after, (final,) = business.cancel("nova", "2026-03-01", at_once=True)
    assert (after.ends_at, lines(final)) == (t("2026-03-01"), [("usage", "3.00")])


def test_a_one_off_has_no_end_to_wait_for(business: Business) -> None:
    business.customer("nova")
    business.subscribe("nova", "setup")
    with pytest.raises(Refused) as refused:
        business.cancel("nova", "2026-01-05")
    assert refused.value.code == "open-period"
    assert business.cancel("nova", "2026-01-05", at_once=True)[0].status is Status.CANCELED


def test_a_free_plan_ends_without_an_invoice(business: Business) -> None:
    business.customer("nova")
    business.subscribe("nova", "free")
    assert business.cancel("nova", "2026-01-05", at_once=True)[1] == []


def test_while_blocked_the_usage_of_the_block_is_billed_at_the_end_and_no_fee(business: Business) -> None:
    business.customer("nova")
    business.subscribe("nova", "metered", "2026-02-01", negotiated={"price.month.USD": "31"})
    business.use("nova", "minutes", "25", "2026-02-05")
    business.run("2026-03-05")
    assert business.shown("nova", "2026-03-05").status is Status.BLOCKED
    after, (final,) = business.cancel("nova", "2026-03-10", at_once=True)
    assert (after.status, lines(final)) == (Status.CANCELED, [("usage", "3.00")])
    assert after.blocked[0].ends_at == t("2026-03-10")


def test_while_blocked_it_makes_no_difference_that_no_run_had_looked(business: Business) -> None:
    business.customer("nova")
    business.subscribe("nova", "metered", "2026-02-01", negotiated={"price.month.USD": "31"})
    business.use("nova", "minutes", "25", "2026-02-05")
    after, (final,) = business.cancel("nova", "2026-03-10", at_once=True)
    assert (after.status, lines(final)) == (Status.CANCELED, [("usage", "3.00")])


# --- before it began


def test_a_scheduled_start_that_is_canceled_never_begins_and_the_free_plan_stays(business: Business) -> None:
    business.customer("nova")
    business.subscribe("nova", "free")
    business.subscribe("nova", "pro", "2026-01-10", pay="month", start="2026-02-01", schedule=True)
    after, invoices = business.cancel("nova/pro", "2026-01-20")
    assert (after.status, invoices) == (Status.CANCELED, [])
    report = business.run("2026-02-05")
    assert (report.invoices, report.transitions) == ([], [])
    free = business.shown("nova/free", "2026-02-05")
    assert (free.status, free.ends_at, free.end_reason) == (Status.ACTIVE, None, "")


# --- refused


def test_what_cannot_be_canceled_is_refused_and_stays(business: Business) -> None:
    talks(business)
    with business.store.write() as tx:
        customers.put_hold(tx, "nova", "disputed", "", RECORDED)
    with pytest.raises(Refused, match="disputed"):
        business.cancel("nova", "2026-02-10")
    with business.store.write() as tx:
        customers.clear_hold(tx, "nova")
    assert business.shown("nova", "2026-02-10").ends_at is None
    business.cancel("nova", "2026-02-10", at_once=True)
    with pytest.raises(Refused) as refused:
        business.cancel("nova", "2026-02-11")
    assert refused.value.code == "ended"


def test_thirteen_missing_periods_are_caught_up_before_the_end(business: Business) -> None:
    talks(business)
    with pytest.raises(Refused) as refused:
        business.cancel("nova", "2027-04-01", at_once=True)
    assert refused.value.code == "catch-up"
    assert business.shown("nova", "2026-02-02").ends_at is None


# --- with a refund


def april(business: Business, *, paid: str = "30", **terms: str) -> None:
    """nova on metered for 30.00 a month and 0.12 a minute from 1 April on, with something paid on the 2nd."""
    business.customer("nova")
    negotiated = {"price.month.USD": "30", **terms}
    business.subscribe("nova", "metered", "2026-04-01", negotiated=negotiated)
    if paid:
        business.pay("INV-2026-00001", "2026-04-02", paid)


def went(done: Ended) -> list[tuple[str, int, int, int]]:
    """Of each credited invoice what goes against what it owes, back as money, and to the balance, in cents."""
    found = []
    for one in done.returned:
        parts = one.parts
        found.append((one.invoice.number, parts.invoice_minor, parts.money_minor, parts.balance_minor))
    return found


def test_the_unused_days_go_back_as_money_and_the_last_usage_is_billed(business: Business) -> None:
    april(business)
    business.use("nova", "minutes", "25", "2026-04-05")
    done = business.refund_at_once("nova", "2026-04-11")
    assert went(done) == [("INV-2026-00001", 0, 2000, 0)]
    assert [lines(one) for one in done.invoices] == [[("usage", "3.00")]]
    assert (done.subscription.status, business.balance("nova")) == (Status.CANCELED, "0.00")


def test_what_the_invoice_still_owes_is_credited_first_and_no_more_than_was_paid_goes_back(
    business: Business,
) -> None:
    april(business, paid="12")
    assert went(business.refund_at_once("nova", "2026-04-11")) == [("INV-2026-00001", 1800, 200, 0)]
    assert business.bills() == [("INV-2026-00001", "paid", "30.00")]


def test_what_nobody_paid_is_only_taken_off(business: Business) -> None:
    april(business, paid="")
    assert went(business.refund_at_once("nova", "2026-04-05")) == [("INV-2026-00001", 2600, 0, 0)]
    assert [one.due_minor for one in business.invoices()] == [400]


def test_what_the_balance_paid_goes_back_to_it(business: Business) -> None:
    april(business, paid="60")  # 30.00 more than it owes, which pay for May
    business.run("2026-05-01")
    assert went(business.refund_at_once("nova", "2026-05-16")) == [("INV-2026-00002", 0, 0, 1548)]  # 16/31
    assert business.balance("nova") == "15.48"


def test_add_ons_go_back_with_their_base(business: Business) -> None:
    business.customer("nova")
    business.subscribe("nova", "pro", "2026-04-01", pay="month", negotiated={"price.month.USD": "30"})
    business.subscribe("nova", "extra_seat", "2026-04-01", quantity=2)
    for number in ("INV-2026-00001", "INV-2026-00002"):
        business.pay(number, "2026-04-02")
    done = business.refund_at_once("nova/pro", "2026-04-11")
    assert went(done) == [("INV-2026-00001", 0, 2000, 0), ("INV-2026-00002", 0, 800, 0)]
    assert business.shown("nova/extra_seat", "2026-04-11").status is Status.CANCELED


def test_after_a_pause_only_what_was_charged_since_goes_back(business: Business) -> None:
    april(business)
    business.pause("nova", "2026-04-11")
    business.resume("nova", "2026-04-16")  # 15.00, which the balance paid
    assert went(business.refund_at_once("nova", "2026-04-21")) == [("INV-2026-00002", 0, 0, 1000)]
    assert business.balance("nova") == "15.00"


def test_a_minimum_is_for_the_days_until_the_end_and_counts_what_went_back(business: Business) -> None:
    # 10 of 30 days of 100.00 are 33.33; charged were 30.00 - 20.00.
    april(business, **{"minimum.USD": "100"})
    (final,) = business.refund_at_once("nova", "2026-04-11").invoices
    assert lines(final) == [("minimum", "23.33")]


@pytest.mark.parametrize("terms", [{"bill": "in arrears"}, {"proration": "none"}])
def test_where_nothing_was_charged_ahead_or_days_do_not_count_nothing_goes_back(
    business: Business, terms: dict[str, str]
) -> None:
    april(business, paid="", **terms)
    assert business.refund_at_once("nova", "2026-04-05").returned == ()


def test_at_the_period_end_nothing_is_left_to_go_back(business: Business) -> None:
    april(business)
    after, invoices = business.cancel("nova", "2026-04-11", refund="prorated")
    assert (after.ends_at, invoices) == (t("2026-05-01"), [])
    assert business.run("2026-05-02").credits == []


def test_what_is_not_billed_yet_is_billed_before_it_goes_back(business: Business) -> None:
    april(business)
    with pytest.raises(Refused) as refused:
        business.refund_at_once("nova", "2026-05-11")
    assert refused.value.code == "not-billed"


# --- trials, and changes that are still to come


def test_in_a_trial_it_ends_with_the_trial_or_now(business: Business) -> None:
    business.customer("nova", "luna", payment_method="invoice")
    for name in ("nova", "luna"):
        business.subscribe(name, "starter", "2026-04-01", pay="month", trial=None)
    later, _ = business.cancel("nova", "2026-04-05")
    assert (later.status, later.ends_at) == (Status.TRIALING, t("2026-04-15"))
    now, invoices = business.cancel("luna", "2026-04-05", at_once=True)
    assert (now.status, invoices) == (Status.CANCELED, [])
    assert told(business.run("2026-04-20")) == [("trialing", "canceled", "2026-04-15T00:00:00Z")]
    assert business.bills() == []


def scheduled(business: Business) -> Subscription:
    """nova on pro with an extra seat, and a change to starter scheduled for 1 May."""
    business.customer("nova")
    business.subscribe("nova", "pro", "2026-04-01", pay="month", negotiated={"expires": "4 months"})
    business.subscribe("nova", "extra_seat", "2026-04-01")
    return business.subscribe("nova", "starter", "2026-04-10", pay="month").subscription


def test_a_scheduled_change_that_is_canceled_leaves_the_plan_as_it_was(business: Business) -> None:
    starter = scheduled(business)
    assert business.shown("nova/pro", "2026-04-11").end_reason == "changed"
    after, _ = business.cancel(starter.id, "2026-04-11")
    pro = business.shown("nova/pro", "2026-04-11")
    assert (after.status, pro.ends_at, pro.end_reason) == (Status.CANCELED, t("2026-08-01"), "expired")
    for number in ("INV-2026-00001", "INV-2026-00002"):
        business.pay(number, "2026-04-02")
    (invoice,) = business.run("2026-05-01").invoices
    assert lines(invoice) == [("fee", "49.00"), ("addon", "6.00")]


@pytest.mark.parametrize("at_once", [False, True])
def test_what_is_canceled_takes_the_change_with_it_that_was_to_follow(
    business: Business, at_once: bool
) -> None:
    starter = scheduled(business)
    after, _ = business.cancel("nova/pro", "2026-04-11", at_once=at_once)
    assert after.end_reason == "canceled"
    assert business.shown(starter.id, "2026-04-11").status is Status.CANCELED
    business.run("2026-05-02")
    assert business.shown("nova/pro", "2026-05-02").status is Status.CANCELED
    assert business.run("2026-06-02").invoices == []
