"""What happens next, with dates: every date below is read off the calendar of 2026 by hand."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest

from planctl.core.catalog.model import Terms
from planctl.core.entitlements import Holding, OpenPool
from planctl.core.instants import instant_text
from planctl.core.invoicing.model import Draft, Invoice, InvoiceStatus
from planctl.core.periods import Period
from planctl.core.pools import Pool
from planctl.core.subscriptions.change_requests import ChangeRequest, RequestStatus, Wish
from planctl.core.subscriptions.model import BlockedSpan, QuantityStep, Status, Subscription
from planctl.core.upcoming import Outlook, Upcoming, fee_minor, renewal_of, successor_of, upcoming
from planctl.core.wallets import Grant
from tests.core.billing import DECLARED, canceled, metered, monthly, prepaid, running, sold, t

Told = tuple[str, str, str, int | None]

JANUARY = t("2026-01-10")


def told(events: Sequence[Upcoming]) -> list[Told]:
    """The day, what happens, to what, and the amount in cents."""
    return [
        ("" if one.at is None else instant_text(one.at)[:10], one.what, one.about, one.amount_minor)
        for one in events
    ]


def look(*several: Subscription, at: str = "2026-01-10", **more: Any) -> list[Told]:
    holdings = [Holding(one) for one in several]
    return told(upcoming(Outlook("nova", t(at), holdings, **more)))


def new_year(**more: Any) -> Subscription:
    """nova's starter, 19.00 USD a month from the first of January on."""
    return running(monthly(), "2026-01-01", **more)


def trial(**more: Any) -> Subscription:
    """The same with a trial of 14 days."""
    ends_at = t("2026-01-15")
    return new_year(
        status=Status.TRIALING, trial_ends_at=ends_at, anchors=(ends_at,), fees_from=ends_at, **more
    )


def change_to(plan: str, price: str, at: str, **more: Any) -> Subscription:
    """The start of another plan that takes the place of `sub_1`."""
    pending = running(monthly(price), at, status=Status.PENDING, follows="sub_1", **more)
    return replace(pending, id="sub_2", plan=plan)


def invoice(number: str = "INV-2026-00001", **changes: Any) -> Invoice:
    """19.00 USD of sub_1, due on the 8th, its grace over on the 11th."""
    draft = Draft(
        "nova", "sub_1", 0, "renewal", DECLARED["USD"], t("2026-01-01"), t("2026-01-01"), t("2026-02-01"),
        t("2026-01-08"), t("2026-01-11"), t("2026-01-01"), (),
    )  # fmt: skip
    return Invoice(f"id-{number}", number, InvoiceStatus.OPEN, replace(draft, **changes), 1900, 0, 0, 1900)


# --- what runs


def test_it_renews_at_the_end_of_its_period_for_its_fee() -> None:
    assert look(new_year()) == [("2026-02-01", "renews", "nova/starter", 1900)]


def test_what_is_past_is_not_told_and_the_boundary_itself_is() -> None:
    assert look(new_year(), at="2026-01-31T23:59:59Z") == [("2026-02-01", "renews", "nova/starter", 1900)]
    assert look(new_year(), at="2026-02-01") == [("2026-03-01", "renews", "nova/starter", 1900)]


def test_three_seats_above_the_allowance_are_in_the_renewal() -> None:
    one = running(monthly(features=prepaid()), "2026-01-01", quantities={"seats": Decimal(13)})
    assert look(one) == [("2026-02-01", "renews", "nova/starter", 1900 + 3 * 400)]


def test_fewer_seats_from_the_renewal_on_are_told_and_charged() -> None:
    one = running(
        monthly(features=prepaid()),
        "2026-01-01",
        quantities={"seats": Decimal(13)},
        steps=(QuantityStep(t("2026-02-01"), "seats", Decimal(11), 1),),
    )
    assert look(one) == [
        ("2026-02-01", "renews", "nova/starter", 1900 + 400),
        ("2026-02-01", "quantity_changes", "nova/starter", None),
    ]


def test_in_arrears_the_fee_of_the_period_that_ends_falls_due() -> None:
    one = running(monthly(bill="in arrears"), "2026-01-01")
    assert fee_minor(one, t("2026-01-01")) is None
    assert look(one) == [("2026-02-01", "renews", "nova/starter", 1900)]


def test_what_another_system_billed_ahead_renews_after_it() -> None:
    assert renewal_of(new_year(fees_from=t("2026-04-01")), JANUARY) == t("2026-04-01")


def test_free_and_one_off_plans_never_renew() -> None:
    assert look(running(Terms(free=True), "2026-01-01")) == []
    assert look(running(sold(once="299"), "2026-01-01", pay="once")) == []


def test_usage_that_closes_within_the_period_is_billed_there() -> None:
    one = running(sold(year="190"), "2026-01-01", pay="year")
    one = replace(one, terms=replace(one.terms, features=metered(reset="month")))
    assert look(replace(one, settled_at=JANUARY)) == [
        ("2026-02-01", "usage_closes", "nova/starter", None),
        ("2027-01-01", "renews", "nova/starter", 19000),
    ]


def test_the_next_reset_names_the_features_that_begin_anew() -> None:
    one = running(Terms(free=True), "2026-01-01")
    pools = {name: pool(name, ends_at) for name, ends_at in
             {"minutes": "2026-02-01", "calls": "2026-01-11", "chats": "2026-01-11"}.items()}  # fmt: skip
    (event,) = upcoming(Outlook("nova", JANUARY, [Holding(one, pools)]))
    assert (event.at, event.what, event.features) == (
        t("2026-01-11"),
        "allowance_resets",
        ("calls", "chats"),
    )


def pool(feature: str, ends_at: str) -> OpenPool:
    period = Period(0, t("2026-01-01"), t(ends_at))
    return OpenPool(Pool(feature, Fraction(100)), period, Fraction(100), Fraction(0), Fraction(0))


# --- trials and starts


@pytest.mark.parametrize("method", ["card", "invoice"])
def test_a_trial_with_a_payment_method_goes_on_for_the_first_fee(method: str) -> None:
    assert look(trial(), payment_method=method) == [("2026-01-15", "trial_converts", "nova/starter", 1900)]


def test_a_trial_without_one_expires_and_charges_nothing() -> None:
    assert look(trial()) == [("2026-01-15", "trial_expires", "nova/starter", None)]


def test_in_arrears_nothing_falls_due_at_the_end_of_a_trial() -> None:
    later = replace(trial(), terms=monthly(bill="in arrears"))
    assert look(later, payment_method="card") == [("2026-01-15", "trial_converts", "nova/starter", None)]


def test_a_trial_that_was_canceled_only_ends() -> None:
    assert look(canceled(trial(), "2026-01-15"), payment_method="card") == [
        ("2026-01-15", "cancels", "nova/starter", None)
    ]


def test_after_the_trial_the_periods_are_counted_from_its_end() -> None:
    went_on = replace(trial(), status=Status.ACTIVE)
    assert look(went_on, at="2026-01-20") == [("2026-02-15", "renews", "nova/starter", 1900)]


def test_a_planned_start_tells_its_first_fee_and_with_a_trial_none() -> None:
    pending = running(monthly(), "2026-02-01", status=Status.PENDING)
    assert look(pending) == [("2026-02-01", "starts", "nova/starter", 1900)]
    tried = replace(pending, trial_ends_at=t("2026-02-15"))
    assert look(tried) == [("2026-02-01", "starts", "nova/starter", None)]


# --- ends and changes


@pytest.mark.parametrize(
    ("reason", "what"), [("canceled", "cancels"), ("expired", "expires"), ("replaced", "ends")]
)
def test_a_planned_end_says_why_and_nothing_renews(reason: str, what: str) -> None:
    ending = new_year(ends_at=t("2026-02-01"), end_reason=reason)
    assert look(ending) == [("2026-02-01", what, "nova/starter", None)]


def test_the_last_period_before_an_expiry_is_charged_by_the_day() -> None:
    # 14 of February's 28 days: half of 19.00.
    ending = new_year(ends_at=t("2026-02-15"), expires_at=t("2026-02-15"), end_reason="expired")
    assert look(ending) == [
        ("2026-02-01", "renews", "nova/starter", 950),
        ("2026-02-15", "expires", "nova/starter", None),
    ]


def test_a_scheduled_change_is_told_once_with_the_fee_of_the_new_plan() -> None:
    old = new_year(ends_at=t("2026-02-01"), end_reason="changed")
    events = upcoming(Outlook("nova", JANUARY, [Holding(old), Holding(change_to("pro", "49", "2026-02-01"))]))
    assert told(events) == [("2026-02-01", "changes", "nova/starter", 4900)]
    assert (events[0].subscription, events[0].plan) == ("sub_1", "pro")


def test_what_has_ended_has_nothing_to_come() -> None:
    assert look(canceled(new_year(status=Status.CANCELED), "2026-01-05")) == []
    assert look(new_year(status=Status.EXPIRED, ends_at=t("2026-01-05"), end_reason="expired")) == []


def test_a_change_that_was_canceled_took_nobodys_place() -> None:
    old = new_year()
    gone = replace(change_to("pro", "49", "2026-02-01"), status=Status.CANCELED, ends_at=t("2026-01-05"))
    assert successor_of(old, [old, gone]) is None
    ran = replace(gone, ends_at=t("2026-02-20"))
    assert successor_of(old, [old, ran]) == ran


@pytest.mark.parametrize(
    ("status", "asked", "seen"),
    [
        (Status.ACTIVE, RequestStatus.REQUESTED, True),
        (Status.ACTIVE, RequestStatus.REJECTED, False),
        (Status.CANCELED, RequestStatus.REQUESTED, False),
    ],
)
def test_a_change_that_waits_for_an_answer_has_no_date(
    status: Status, asked: RequestStatus, seen: bool
) -> None:
    one = new_year(status=status, ends_at=t("2026-01-05") if status is Status.CANCELED else None)
    request = ChangeRequest("nova", "sub_1", "starter", 1, Wish("free"), JANUARY, asked)
    events = upcoming(Outlook("nova", JANUARY, [Holding(one)], change_requests=[request]))
    waiting = [(one.at, one.about, one.plan) for one in events if one.what == "requested"]
    assert waiting == ([(None, "nova/starter", "free")] if seen else [])


# --- stopped


def test_a_paused_one_waits_for_somebody_and_neither_renews_nor_resets() -> None:
    span = BlockedSpan(t("2026-01-05"), kind="paused")
    paused = new_year(status=Status.PAUSED, blocked=(span,))
    holding = Holding(paused, {"minutes": pool("minutes", "2026-02-01")})
    assert told(upcoming(Outlook("nova", JANUARY, [holding]))) == [("", "resume", "nova/starter", None)]


def test_a_paused_one_still_ends_when_it_was_to_end() -> None:
    paused = canceled(new_year(status=Status.PAUSED), "2026-02-01")
    assert look(paused) == [
        ("", "resume", "nova/starter", None),
        ("2026-02-01", "cancels", "nova/starter", None),
    ]


def test_a_blocked_one_does_not_renew() -> None:
    assert look(new_year(status=Status.BLOCKED, blocked=(BlockedSpan(t("2026-01-05")),))) == []


def test_every_hold_is_told_first_and_has_no_date() -> None:
    events = upcoming(Outlook("nova", JANUARY, [Holding(new_year())], holds=("catch-up", "wallet")))
    assert [(one.at, one.what, one.reason) for one in events[:2]] == [
        (None, "held", "catch-up"),
        (None, "held", "wallet"),
    ]
    assert events[2].what == "renews"


# --- invoices


def test_an_open_invoice_is_due_and_then_its_grace_ends() -> None:
    seen = look(new_year(), at="2026-01-05", open_invoices=[invoice()])
    assert seen == [
        ("2026-01-08", "due", "INV-2026-00001", 1900),
        ("2026-01-11", "blocked", "INV-2026-00001", 1900),
        ("2026-02-01", "renews", "nova/starter", 1900),
    ]


def test_what_is_overdue_only_has_its_end_of_grace_before_it() -> None:
    late = new_year(status=Status.PAST_DUE)
    assert look(late, open_invoices=[invoice()])[0] == ("2026-01-11", "blocked", "INV-2026-00001", 1900)


def test_of_two_invoices_of_one_subscription_the_first_date_is_told() -> None:
    later = invoice("INV-2026-00002", due_at=t("2026-01-20"), grace_ends_at=t("2026-01-23"))
    seen = look(new_year(), at="2026-01-05", open_invoices=[later, invoice()])
    assert [one[:3] for one in seen[:2]] == [
        ("2026-01-08", "due", "INV-2026-00001"),
        ("2026-01-11", "blocked", "INV-2026-00001"),
    ]


@pytest.mark.parametrize("status", [Status.BLOCKED, Status.PAUSED, Status.CANCELED, Status.EXPIRED])
def test_who_is_stopped_or_gone_cannot_be_blocked_again(status: Status) -> None:
    gone = new_year(status=status, ends_at=t("2026-01-05") if not status.startswith("pa") else None)
    seen = look(gone, at="2026-01-09", open_invoices=[invoice()])
    assert "blocked" not in [what for _, what, _, _ in seen]


def test_the_debt_of_a_plan_follows_to_the_one_that_took_its_place() -> None:
    old = replace(new_year(), status=Status.CANCELED, ends_at=t("2026-01-05"), end_reason="changed")
    new = replace(change_to("pro", "49", "2026-01-05"), status=Status.PAST_DUE)
    seen = look(old, new, at="2026-01-09", open_invoices=[invoice()])
    assert seen[0] == ("2026-01-11", "blocked", "INV-2026-00001", 1900)


# --- wallets


def grant(name: str, expires: str | None, left: int = 50, feature: str = "minutes") -> Grant:
    ends_at = None if expires is None else t(expires)
    return Grant(name, "nova", feature, name, Fraction(100), Fraction(left), t("2026-01-01"), ends_at, "pack")


def test_the_first_units_of_a_wallet_to_end_are_told_and_empty_ones_are_not() -> None:
    grants = [
        grant("never", None),
        grant("late", "2026-09-01"),
        grant("empty", "2026-01-20", 0),
        grant("soon", "2026-06-01"),
        grant("other", "2026-07-01", feature="chats"),
    ]
    events = upcoming(Outlook("nova", JANUARY, grants=grants))
    assert [(instant_text(one.at)[:10], one.about, one.plan) for one in events if one.at] == [
        ("2026-06-01", "nova/minutes", "pack"),
        ("2026-07-01", "nova/chats", "pack"),
    ]
    assert events[0].units == 50


def test_nothing_in_sight_is_an_empty_list() -> None:
    assert upcoming(Outlook("nova", JANUARY)) == ()
