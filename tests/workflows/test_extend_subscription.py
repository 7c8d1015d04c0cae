"""Dates moved on for one customer: trials, expiries, due dates, graces; what that costs, and what it lifts."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from planctl.core.invoicing.model import Invoice, InvoiceStatus
from planctl.core.periods import instant_text
from planctl.core.subscriptions.model import Status
from planctl.errors import Refused
from planctl.workflows.extend_subscription import Extended, Wanted, extend_subscription
from planctl.workflows.pause_subscription import apply_pause, apply_resume, propose_pause, propose_resume
from tests.workflows.business import RECORDED, Business, lines, t, told, total


def extend(business: Business, at: str, address: str = "nova", **days: int) -> Extended:
    with business.store.write() as tx:
        return extend_subscription(tx, Wanted(address, **days), t(at), RECORDED)


def refusal(business: Business, at: str, address: str = "nova", **days: int) -> Refused:
    with pytest.raises(Refused) as refused:
        extend(business, at, address, **days)
    assert refused.value.exit_code == 4
    return refused.value


def totals(invoices: Sequence[Invoice]) -> list[str]:
    return [total(one) for one in invoices]


# --- trials


def test_a_longer_trial_is_paid_for_from_its_new_end(business: Business) -> None:
    business.customer("nova", payment_method="invoice")
    business.subscribe("nova", "starter", pay="month", trial=True)  # 14 days, to 15 January
    done = extend(business, "2026-01-10", trial=7)
    assert (done.subscription.status, done.subscription.trial_ends_at) == (
        Status.TRIALING,
        t("2026-01-22"),
    )
    assert business.run("2026-01-21").invoices == []
    (invoice,) = business.run("2026-01-22").invoices
    assert (lines(invoice), invoice.draft.ends_at) == ([("fee", "19.00")], t("2026-02-22"))


def test_its_last_instant_is_the_last_one_to_extend_it(business: Business) -> None:
    business.customer("nova", "pia", payment_method="card")
    for customer in ("nova", "pia"):
        business.subscribe(customer, "starter", pay="month", trial=True)
    extend(business, "2026-01-14T23:59:59Z", trial=1)
    for _ in ("before a run has looked", "afterwards"):
        refused = refusal(business, "2026-01-15", "pia", trial=1)
        assert (refused.code, refused.message) == (
            "trial-over",
            "pia/starter is in no trial: it ended at 2026-01-15T00:00:00Z",
        )
        business.run("2026-01-15")


def test_what_time_has_begun_must_be_written_before_a_date_is_moved(business: Business) -> None:
    business.customer("nova", payment_method="card")
    business.subscribe("nova", "starter", pay="month", trial=True)
    assert refusal(business, "2026-01-15", due=1).code == "run-first"


def test_what_never_had_a_trial_has_none_to_extend(business: Business) -> None:
    business.customer("nova")
    business.subscribe("nova", "starter", pay="month")
    assert refusal(business, "2026-01-02", trial=7).message == "nova/starter is in no trial: it had none"


def test_add_ons_stay_in_it_as_long(business: Business) -> None:
    business.customer("nova", payment_method="invoice")
    business.subscribe("nova", "starter", pay="month", trial=True)
    business.subscribe("nova", "extra_seat", "2026-01-05", trial=None)
    done = extend(business, "2026-01-10", trial=7)
    assert [one.trial_ends_at for one in done.addons] == [t("2026-01-22")]
    assert refusal(business, "2026-01-11", "nova/extra_seat", trial=1).hint == "extend the plan's"
    (invoice,) = business.run("2026-01-22").invoices
    assert lines(invoice) == [("fee", "19.00"), ("addon", "6.00")]


def test_a_trial_that_was_canceled_is_not_extended(business: Business) -> None:
    business.customer("nova", payment_method="invoice")
    business.subscribe("nova", "starter", pay="month", trial=True)
    business.cancel("nova", "2026-01-05")
    refused = refusal(business, "2026-01-06", trial=7)
    assert (refused.code, refused.got) == ("ends-first", "canceled")


# --- expiry: 45 days from 1 January end on 15 February


def expiring(business: Business, plan: str = "starter") -> None:
    business.customer("nova")
    business.subscribe("nova", plan, pay="month", negotiated={"expires": "45 days"})
    business.pay("INV-2026-00001", "2026-01-02")


def test_days_added_to_a_period_that_was_charged_are_charged_with_the_extension(business: Business) -> None:
    expiring(business)
    (february,) = business.run("2026-02-01").invoices
    assert total(february) == "9.50"  # 14 of 28 days of 19.00
    business.pay(february.number, "2026-02-02")
    done = extend(business, "2026-02-05", expiry=7)
    assert (done.subscription.expires_at, done.subscription.ends_at) == (t("2026-02-22"), t("2026-02-22"))
    (charged,) = done.issued
    assert lines(charged) == [("proration_charge", "4.75")]  # 7 of 28 days
    assert (charged.draft.lines[0].starts_at, charged.draft.lines[0].ends_at) == (
        t("2026-02-15"),
        t("2026-02-22"),
    )
    business.pay(charged.number, "2026-02-06")
    again = extend(business, "2026-02-20", expiry=20)
    assert totals(again.issued) == ["4.75"]  # to the end of February: with the rest the whole of 19.00
    business.pay(again.issued[0].number, "2026-02-20")
    (march,) = business.run("2026-03-01").invoices
    assert total(march) == "7.97"  # 13 of 31 days of 19.00 are 7.967...
    business.run("2026-03-14")
    assert business.shown("nova/starter", "2026-03-14").status is Status.EXPIRED
    assert business.shown("nova", "2026-03-14").plan == "free"


def test_a_period_that_begins_later_is_charged_to_the_new_end(business: Business) -> None:
    expiring(business)
    assert extend(business, "2026-01-20", expiry=7).issued == ()
    assert totals(business.run("2026-02-01").invoices) == ["14.25"]  # 21 of 28 days of 19.00


def test_a_run_that_comes_late_charges_the_same(business: Business) -> None:
    expiring(business)
    assert totals(extend(business, "2026-02-05", expiry=7).issued) == ["4.75"]
    assert totals(business.run("2026-02-10").invoices) == ["9.50"]


def test_an_add_on_goes_on_with_its_plan_and_is_charged_with_it(business: Business) -> None:
    expiring(business)
    business.subscribe("nova", "extra_seat", "2026-01-03", quantity=2, trial=None)
    business.pay("INV-2026-00002", "2026-01-03")
    assert totals(business.run("2026-02-01").invoices) == ["15.50"]  # 9.50, and 14 of 28 days of 12.00
    done = extend(business, "2026-02-05", expiry=7)
    assert [one.ends_at for one in done.addons] == [t("2026-02-22")]
    (charged,) = done.issued
    assert lines(charged) == [("proration_charge", "4.75"), ("proration_charge", "3.00")]


def test_seats_bought_before_are_charged_to_the_new_end_too(business: Business) -> None:
    business.customer("nova")
    business.subscribe(
        "nova", "pro", pay="month", negotiated={"expires": "45 days"}, quantities={"seats": 12}
    )
    business.pay("INV-2026-00001", "2026-01-02")
    assert totals(business.run("2026-02-01").invoices) == ["28.50"]  # 14 of 28 days of 49.00 and of 8.00
    (charged,) = extend(business, "2026-02-05", expiry=14).issued
    assert lines(charged) == [("proration_charge", "24.50"), ("quantity", "4.00")]


def extended_in_february(business: Business) -> None:
    """Until 15 February for 9.50, and for 4.75 more until the 22nd; all of it paid."""
    expiring(business)
    (february,) = business.run("2026-02-01").invoices
    (charged,) = extend(business, "2026-02-05", expiry=7).issued
    for number in (february.number, charged.number):
        business.pay(number, "2026-02-06")


def test_what_was_added_goes_back_with_the_rest(business: Business) -> None:
    extended_in_february(business)
    business.cancel("nova", "2026-02-10", at_once=True, refund="prorated")
    with business.store.read() as tx:  # 12 of 28 days of 19.00 are 8.142..., 3.39 and 4.75 of two lines
        notes = tx.connection.exec_driver_sql("SELECT sum(total) FROM credit_note").scalar_one()
    assert notes == 814


def test_after_a_pause_the_rest_is_charged_to_the_new_end(business: Business) -> None:
    extended_in_february(business)
    with business.store.write() as tx:
        apply_pause(tx, propose_pause(tx, "nova", t("2026-02-10")), t("2026-02-10"), RECORDED)
    with business.store.write() as tx:
        resuming = propose_resume(tx, "nova/starter", t("2026-02-12"))
        (invoice,) = apply_resume(tx, resuming, t("2026-02-12"), RECORDED).invoices
    assert lines(invoice) == [("proration_charge", "6.79")]  # 10 of 28 days of 19.00 are 6.785...


def test_what_ends_on_a_boundary_costs_nothing_at_once(business: Business) -> None:
    business.customer("nova")
    business.subscribe("nova", "starter", pay="month", negotiated={"expires": "2 months"})
    business.pay("INV-2026-00001", "2026-01-02")
    (february,) = business.run("2026-02-01").invoices
    business.pay(february.number, "2026-02-02")
    assert extend(business, "2026-02-10", expiry=10).issued == ()  # 1 to 11 March
    assert totals(business.run("2026-03-01").invoices) == ["6.13"]  # 10 of 31 days of 19.00 are 6.129


def test_what_was_canceled_to_end_earlier_still_does(business: Business) -> None:
    expiring(business)
    business.cancel("nova", "2026-01-20")  # at the end of January
    done = extend(business, "2026-01-21", expiry=7)
    assert (done.subscription.expires_at, done.subscription.ends_at, done.subscription.end_reason) == (
        t("2026-02-22"),
        t("2026-02-01"),
        "canceled",
    )


def test_what_never_expires_or_has_is_not_extended(business: Business) -> None:
    expiring(business)
    business.customer("pia")
    business.subscribe("pia", "starter", pay="month")
    assert refusal(business, "2026-01-05", "pia", expiry=1).code == "no-expiry"
    business.run("2026-02-15")
    refused = refusal(business, "2026-02-15", "nova/starter", expiry=1)
    assert (refused.code, refused.message) == ("ended", "nova/starter is expired: its dates cannot be moved")


def test_nothing_is_charged_for_time_in_which_it_is_blocked(business: Business) -> None:
    expiring(business)
    (february,) = business.run("2026-02-01").invoices
    business.run("2026-02-11")  # due on the 8th, grace to the 11th, expiry on the 15th
    refused = refusal(business, "2026-02-12", expiry=7)
    assert (refused.code, refused.hint) == ("stopped", "what is overdue must be paid first")
    business.pay(february.number, "2026-02-12")
    assert totals(extend(business, "2026-02-12", expiry=7).issued) == ["4.75"]


# --- due dates and graces: 7 days and 3 more, from 1 January to the 8th and the 11th


def unpaid(business: Business, until: str) -> None:
    business.customer("nova")
    business.subscribe("nova", "starter", pay="month")
    business.run(until)


def test_a_later_due_date_makes_who_is_past_due_active(business: Business) -> None:
    unpaid(business, "2026-01-09")
    done = extend(business, "2026-01-09", due=5)
    ((before, after),) = done.moved
    assert (before.status, after.status) == (InvoiceStatus.PAST_DUE, InvoiceStatus.OPEN)
    assert (after.due_at, after.grace_ends_at) == (t("2026-01-13"), t("2026-01-16"))
    assert (after.draft.due_at, after.content_hash) == (t("2026-01-08"), before.content_hash)
    assert [(one.before, one.after, one.reason) for one in done.transitions] == [
        (Status.PAST_DUE, Status.ACTIVE, "extend")
    ]
    assert told(business.run("2026-01-16")) == [
        ("active", "past_due", "2026-01-13T00:00:00Z"),
        ("past_due", "blocked", "2026-01-16T00:00:00Z"),
    ]


def test_an_invoice_that_is_due_at_that_very_instant_is_still_overdue(business: Business) -> None:
    unpaid(business, "2026-01-09")
    done = extend(business, "2026-01-09", due=1)
    ((_, after),) = done.moved
    assert (after.status, after.due_at, after.grace_ends_at) == (
        InvoiceStatus.PAST_DUE,
        t("2026-01-09"),
        t("2026-01-12"),
    )
    assert (done.subscription.status, done.transitions) == (Status.PAST_DUE, ())


def test_an_invoice_that_is_not_due_yet_is_due_later(business: Business) -> None:
    unpaid(business, "2026-01-01")
    done = extend(business, "2026-01-02", due=3)
    assert [instant_text(after.due_at) for _, after in done.moved] == ["2026-01-11T00:00:00Z"]
    assert told(business.run("2026-01-10")) == []
    assert told(business.run("2026-01-11")) == [("active", "past_due", "2026-01-11T00:00:00Z")]


def test_a_longer_grace_lifts_a_block_and_leaves_it_past_due(business: Business) -> None:
    unpaid(business, "2026-01-12")
    done = extend(business, "2026-01-12", grace=5)
    ((_, after),) = done.moved
    assert (after.due_at, after.grace_ends_at) == (t("2026-01-08"), t("2026-01-16"))
    assert [(one.before.value, one.after.value, one.reason) for one in done.transitions] == [
        ("blocked", "active", "extend"),
        ("active", "past_due", "due"),
    ]
    assert told(business.run("2026-01-16")) == [("past_due", "blocked", "2026-01-16T00:00:00Z")]


def test_a_block_that_an_extension_ends_is_charged_for_from_there(business: Business) -> None:
    unpaid(business, "2026-02-09")  # blocked since 11 January: February began blocked and was not billed
    done = extend(business, "2026-02-10", due=40)  # to 17 February
    assert done.subscription.status is Status.ACTIVE
    (invoice,) = business.run("2026-02-10").invoices
    assert lines(invoice) == [("proration_charge", "12.89")]  # 19 of 28 days of 19.00 are 12.892...
    assert invoice.draft.occasion == f"extend:{done.subscription.id}:1"


def test_extensions_add_up(business: Business) -> None:
    unpaid(business, "2026-01-01")
    extend(business, "2026-01-02", due=3)
    ((_, after),) = extend(business, "2026-01-03", due=2, grace=4).moved
    assert (after.due_at, after.grace_ends_at) == (t("2026-01-13"), t("2026-01-20"))


def test_days_are_local_ones(business: Business) -> None:
    business.customer("nova", timezone="Europe/Berlin")
    business.subscribe("nova", "starter", "2026-03-20", pay="month", start="2026-03-20")
    ((before, after),) = extend(business, "2026-03-21", due=7).moved
    assert before.due_at == t("2026-03-27T00:00:00Z")  # 01:00 in Berlin
    assert after.due_at == t("2026-04-02T23:00:00Z")  # a week later, after the clocks went ahead


def test_what_is_paid_has_no_date_to_move(business: Business) -> None:
    unpaid(business, "2026-01-01")
    business.pay("INV-2026-00001", "2026-01-02")
    assert refusal(business, "2026-01-03", due=3).code == "nothing-open"


def test_an_add_on_is_lifted_with_its_plan(business: Business) -> None:
    business.customer("nova")
    business.subscribe("nova", "starter", pay="month")
    business.subscribe("nova", "extra_seat", "2026-01-02", trial=None)
    business.pay("INV-2026-00002", "2026-01-02")
    business.run("2026-01-12")
    assert business.shown("nova/extra_seat", "2026-01-12").status is Status.BLOCKED
    extend(business, "2026-01-12", due=10)
    assert business.shown("nova/extra_seat", "2026-01-12").status is Status.ACTIVE


def test_all_dates_can_be_moved_at_once_or_none_is(business: Business) -> None:
    business.customer("nova")
    business.subscribe("nova", "starter", pay="month", negotiated={"expires": "45 days"})
    done = extend(business, "2026-01-05", due=2, grace=2, expiry=3)
    ((_, invoice),) = done.moved
    assert (invoice.due_at, invoice.grace_ends_at, done.subscription.expires_at) == (
        t("2026-01-10"),
        t("2026-01-15"),
        t("2026-02-18"),
    )
    assert refusal(business, "2026-01-06", due=2, trial=3).code == "trial-over"
    assert business.invoices("nova")[0].due_at == t("2026-01-10")
