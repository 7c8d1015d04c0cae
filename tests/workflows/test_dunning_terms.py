"""Blocks that no payment ends, payments that begin a new period, and debts that go over to the next plan."""

from __future__ import annotations

from planctl.core.periods import instant_text
from planctl.core.subscriptions.model import Status
from planctl.store import subscriptions
from tests.workflows.business import Business, lines, t, told


def april(business: Business, **terms: str) -> None:
    """nova on metered for 30.00 a month from 1 April on: due on the 8th, blocked from the 11th on."""
    business.customer("nova")
    negotiated = {"price.month.USD": "30", **terms}
    business.subscribe("nova", "metered", "2026-04-01", negotiated=negotiated)


def periods(business: Business, address: str, as_of: str) -> list[tuple[str, str | None]]:
    """The billing periods that were begun, as they are stored."""
    one = business.shown(address, as_of)
    with business.store.read() as tx:
        found = subscriptions.periods(tx, [one.id])[one.id]
    return [
        (instant_text(p.starts_at), None if p.ends_at is None else instant_text(p.ends_at)) for p in found
    ]


# --- on_blocked: final


def test_blocked_for_good_it_stays_blocked_though_it_is_paid(business: Business) -> None:
    april(business, on_blocked="final")
    paid = business.pay("INV-2026-00001", "2026-04-20")
    assert (paid.invoice.status, paid.transitions) == ("paid", ())
    assert [one.plan for one in paid.stays_blocked] == ["metered"]
    assert business.shown("nova", "2026-04-21").status is Status.BLOCKED
    assert business.run("2026-05-02").invoices == []


def test_paid_in_time_a_final_block_never_comes(business: Business) -> None:
    april(business, on_blocked="final")
    paid = business.pay("INV-2026-00001", "2026-04-09")
    assert (business.shown("nova", "2026-04-21").status, paid.stays_blocked) == (Status.ACTIVE, ())


def test_blocked_for_good_it_is_canceled_and_started_again(business: Business) -> None:
    april(business, on_blocked="final")
    business.use("nova", "minutes", "25", "2026-04-05")
    business.pay("INV-2026-00001", "2026-04-20")
    after, (final,) = business.cancel("nova", "2026-04-21", at_once=True)
    assert (after.status, lines(final)) == (Status.CANCELED, [("usage", "3.00")])
    again = business.subscribe("nova", "metered", "2026-04-21", negotiated={"price.month.USD": "30"})
    assert again.subscription.status is Status.ACTIVE


def test_an_add_on_stays_blocked_with_its_base(business: Business) -> None:
    business.customer("nova")
    business.subscribe("nova", "pro", "2026-04-01", pay="month", negotiated={"on_blocked": "final"})
    business.subscribe("nova", "extra_seat", "2026-04-01")
    for number in ("INV-2026-00002", "INV-2026-00001"):
        business.pay(number, "2026-04-20")
    assert business.shown("nova/extra_seat", "2026-04-21").status is Status.BLOCKED


# --- renewal_anchor: shift


def test_paying_while_blocked_begins_a_full_period_and_credits_what_is_left_of_the_old_one(
    business: Business,
) -> None:
    # From 20 April on 11 of 30 days of 30.00 are 11.00.
    april(business, renewal_anchor="shift")
    business.run("2026-04-12")
    business.pay("INV-2026-00001", "2026-04-20T09:30:00Z")
    (invoice,) = business.run("2026-04-21").invoices
    assert (lines(invoice)[-1], invoice.due_minor) == (("fee", "30.00"), 1900)
    assert periods(business, "nova", "2026-04-21") == [
        ("2026-04-01T00:00:00Z", "2026-04-20T09:30:00Z"),
        ("2026-04-20T09:30:00Z", "2026-05-20T09:30:00Z"),
    ]
    business.pay(invoice.number, "2026-04-22")
    assert business.run("2026-05-20").invoices == []
    (renewal,) = business.run("2026-05-21").invoices
    assert (lines(renewal), instant_text(renewal.draft.at)) == (
        [("fee", "30.00")],
        "2026-05-20T09:30:00Z",
    )


def test_periods_that_began_while_blocked_are_never_charged(business: Business) -> None:
    april(business, renewal_anchor="shift")
    business.run("2026-06-03")
    business.pay("INV-2026-00001", "2026-06-03")
    (invoice,) = business.run("2026-06-03").invoices
    assert lines(invoice) == [("fee", "30.00")]
    assert periods(business, "nova", "2026-06-03")[-2:] == [
        ("2026-06-01T00:00:00Z", "2026-06-03T00:00:00Z"),
        ("2026-06-03T00:00:00Z", "2026-07-03T00:00:00Z"),
    ]


def test_on_the_day_on_which_a_period_began_that_period_is_the_new_one(business: Business) -> None:
    april(business, renewal_anchor="shift")
    business.run("2026-05-01")
    business.pay("INV-2026-00001", "2026-05-01T15:00:00Z")
    (invoice,) = business.run("2026-05-02").invoices
    assert lines(invoice) == [("proration_charge", "30.00")]
    assert business.shown("nova", "2026-05-02").anchors == ()


def test_past_due_it_keeps_its_periods(business: Business) -> None:
    april(business, renewal_anchor="shift")
    business.pay("INV-2026-00001", "2026-04-10")
    assert business.shown("nova", "2026-04-10").anchors == ()
    assert [lines(one) for one in business.run("2026-05-01").invoices] == [[("fee", "30.00")]]


def test_add_ons_begin_their_new_period_with_the_base(business: Business) -> None:
    business.customer("nova")
    terms = {"price.month.USD": "30", "renewal_anchor": "shift"}
    business.subscribe("nova", "pro", "2026-04-01", pay="month", negotiated=terms)
    business.subscribe("nova", "extra_seat", "2026-04-01")
    for number in ("INV-2026-00002", "INV-2026-00001"):
        business.pay(number, "2026-05-05")
    (invoice,) = business.run("2026-05-06").invoices
    assert lines(invoice) == [("fee", "30.00"), ("addon", "6.00")]
    assert business.shown("nova/extra_seat", "2026-05-06").anchors == (t("2026-05-05"),)


# --- debts of the plan before


def test_a_change_takes_the_debt_along_until_the_old_invoice_is_paid(business: Business) -> None:
    business.customer("nova")
    business.subscribe("nova", "starter", "2026-04-01", pay="month")
    business.run("2026-04-08")
    business.subscribe("nova", "pro", "2026-04-09", pay="month")
    assert business.shown("nova/pro", "2026-04-09").status is Status.PAST_DUE
    assert told(business.run("2026-04-11")) == [("past_due", "blocked", "2026-04-11T00:00:00Z")]
    paid = business.pay("INV-2026-00001", "2026-04-12")
    assert [(move.before, move.after) for move in paid.transitions] == [(Status.BLOCKED, Status.ACTIVE)]


# --- a minimum


def test_a_minimum_that_a_block_deferred_counts_what_its_period_was_charged(business: Business) -> None:
    # April was charged 30.00 of 100.00; of May 26 of 31 days are 25.16.
    april(business, **{"minimum.USD": "100"})
    business.run("2026-05-03")
    business.pay("INV-2026-00001", "2026-05-06")
    (invoice,) = business.run("2026-05-06").invoices
    assert sorted(lines(invoice)) == [("minimum", "70.00"), ("proration_charge", "25.16")]


def test_what_goes_back_with_a_shift_counts_for_the_minimum_of_the_old_period(business: Business) -> None:
    # Used are 19 of 30 days: 63.33 of 100.00, charged were 30.00 - 11.00; of the fee and the new period nothing.
    april(business, renewal_anchor="shift", **{"minimum.USD": "100"})
    business.pay("INV-2026-00001", "2026-04-20")
    (invoice,) = business.run("2026-04-20").invoices
    assert [one for one in lines(invoice) if one[0] != "proration_credit"] == [
        ("minimum", "44.33"),
        ("fee", "30.00"),
    ]


def test_blocked_from_its_first_instant_on_a_period_is_owed_whole(business: Business) -> None:
    april(business, due="0 days", grace="0 days")
    assert told(business.run("2026-04-02"))[-1] == ("past_due", "blocked", "2026-04-01T00:00:00Z")
    business.pay("INV-2026-00001", "2026-04-05")
    assert business.run("2026-04-06").invoices == []
    assert business.shown("nova", "2026-04-06").status is Status.ACTIVE


def test_canceled_while_blocked_a_minimum_counts_the_usage_of_its_period(business: Business) -> None:
    # 100.00 - 30.00 - 25 x 0.12
    april(business, **{"minimum.USD": "100"})
    business.use("nova", "minutes", "25", "2026-04-05")
    business.run("2026-05-03")
    _, (final,) = business.cancel("nova", "2026-05-04", at_once=True)
    assert sorted(lines(final)) == [("minimum", "67.00"), ("usage", "3.00")]
