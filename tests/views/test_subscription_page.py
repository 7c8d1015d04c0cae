"""How one subscription looks, whole, in every status; dates are read off the calendar by hand."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest

from planctl.core.accounts import Shown
from planctl.core.catalog.apart import Apart
from planctl.core.entitlements import OpenPool
from planctl.core.periods import Period
from planctl.core.pools import Pool
from planctl.core.subscriptions.change_requests import ChangeRequest, Wish
from planctl.core.subscriptions.model import BlockedSpan, QuantityStep, Status, Subscription
from planctl.views.subscription_page import subscription_answer
from tests.core.billing import canceled, metered, monthly, prepaid, running, t
from tests.views.test_invoice import draft, invoice


def page(one: Subscription, as_of: str = "2026-01-20", **more: Any) -> tuple[str, ...]:
    return subscription_answer(Shown(one, t(as_of), **more)).lines


def document(one: Subscription, as_of: str = "2026-01-20", **more: Any) -> Any:
    return subscription_answer(Shown(one, t(as_of), **more)).document


def new_year(**more: Any) -> Subscription:
    return running(monthly(), "2026-01-01", **more)


def trial(**more: Any) -> Subscription:
    ends_at = t("2026-01-31")
    return new_year(
        status=Status.TRIALING, trial_ends_at=ends_at, anchors=(ends_at,), fees_from=ends_at, **more
    )


def pro(**more: Any) -> Subscription:
    """The pro plan that takes the place of `sub_1` in February."""
    one = running(monthly("49"), "2026-02-01", status=Status.PENDING, follows="sub_1", **more)
    return replace(one, id="sub_2", plan="pro", plan_version=3)


def test_an_active_one_says_how_it_is_paid_and_until_when() -> None:
    assert page(new_year()) == (
        "sub_1 · nova/starter v1 · active",
        "started 2026-01-01 · Monthly in USD · UTC",
        "  Recurring · 19.00 USD / month",
        "  Usage · Off",
        "  Add-on packs · Off",
        "period to 2026-02-01 · renews",
    )


# --- why it stands as it does


def test_past_due_says_since_when_for_what_and_what_comes() -> None:
    late = new_year(status=Status.PAST_DUE)
    unpaid = invoice(draft(due_at=t("2026-01-08"), grace_ends_at=t("2026-01-22")))
    lines = page(late, requests=(unpaid,))
    assert lines[:2] == (
        "sub_1 · nova/starter v1 · past_due",
        "past due since 2026-01-08: INV-2026-00001 unpaid; blocked from 2026-01-22 on",
    )
    assert lines[-1] == "INV-2026-00001 · past_due · 49.00 USD due 2026-01-08 · grace ends 2026-01-22"


def test_past_due_without_access_says_so() -> None:
    late = running(monthly(on_past_due="block"), "2026-01-01", status=Status.PAST_DUE)
    unpaid = invoice(draft(due_at=t("2026-01-08"), grace_ends_at=None))
    assert page(late, requests=(unpaid,))[1] == (
        "past due since 2026-01-08, without access: INV-2026-00001 unpaid"
    )


def test_blocked_says_since_when_and_that_it_does_not_renew() -> None:
    blocked = new_year(status=Status.BLOCKED, blocked=(BlockedSpan(t("2026-01-11")),))
    unpaid = invoice(draft(due_at=t("2026-01-08"), grace_ends_at=t("2026-01-11")))
    lines = page(blocked, requests=(unpaid,))
    assert lines[1] == "blocked since 2026-01-11: INV-2026-00001 unpaid"
    assert "period to 2026-02-01" in lines


def test_blocked_for_good_says_what_is_left_to_do() -> None:
    one = running(monthly(on_blocked="final"), "2026-01-01", status=Status.BLOCKED)
    one = replace(one, blocked=(BlockedSpan(t("2026-01-11")),))
    assert page(one)[1] == (
        "blocked since 2026-01-11 for good: planctl subscription cancel nova/starter --at now, then start anew"
    )


def test_paused_says_how_it_goes_on_and_former_stops_are_told() -> None:
    spans = (
        BlockedSpan(t("2026-01-05"), t("2026-01-07"), "pay_1"),
        BlockedSpan(t("2026-01-09"), t("2026-01-12"), "resume:1", "paused"),
        BlockedSpan(t("2026-01-15"), kind="paused"),
    )
    lines = page(new_year(status=Status.PAUSED, blocked=spans))
    assert lines[1] == "paused since 2026-01-15: planctl subscription resume nova/starter"
    assert lines[-2:] == ("was blocked 2026-01-05 to 2026-01-07", "was paused 2026-01-09 to 2026-01-12")
    assert document(new_year(status=Status.PAUSED, blocked=spans))["stops"][1:] == [
        {"kind": "paused", "starts_at": "2026-01-09T00:00:00Z", "ends_at": "2026-01-12T00:00:00Z"},
        {"kind": "paused", "starts_at": "2026-01-15T00:00:00Z", "ends_at": None},
    ]


def test_ended_ones_say_when_and_why() -> None:
    gone = replace(canceled(new_year(), "2026-01-15"), status=Status.CANCELED)
    assert page(gone)[1] == "canceled on 2026-01-15"
    assert page(replace(gone, end_reason="replaced"))[1] == "canceled on 2026-01-15: replaced"
    expired = replace(gone, status=Status.EXPIRED, end_reason="expired")
    assert page(expired)[1] == "expired on 2026-01-15"
    tried = replace(expired, trial_ends_at=t("2026-01-15"))
    assert page(tried)[1] == "expired on 2026-01-15: its trial ended and there was no payment method"
    assert [line for line in page(tried) if line.startswith(("period", "ends"))] == []


# --- trials, starts and ends to come


def test_a_trial_that_somebody_pays_after_says_the_first_fee() -> None:
    lines = page(trial(), payment_method="invoice")
    assert lines[1] == "trialing until 2026-01-31"
    assert "trial ends 2026-01-31: then it goes on, paid by invoice, fee 19.00 USD" in lines
    assert document(trial(), payment_method="card")["renews"] is True
    assert document(trial())["trial_ends_at"] == "2026-01-31T00:00:00Z"


def test_a_trial_without_a_payment_method_says_that_it_expires_and_what_helps() -> None:
    lines = page(trial(), payment_method="none")
    assert document(trial(), payment_method="none")["renews"] is False
    assert "period to 2026-01-31" in lines
    place = lines.index("trial ends 2026-01-31: then it expires, nova has no payment method")
    assert lines[place + 1] == "  to go on: planctl customer update nova --payment-method card"


def test_a_planned_start_says_when() -> None:
    pending = running(monthly(), "2026-02-01", status=Status.PENDING)
    assert page(pending)[:3] == (
        "sub_1 · nova/starter v1 · pending",
        "pending until 2026-02-01",
        "starts 2026-02-01 · Monthly in USD · UTC",
    )


def test_a_cancellation_and_an_expiry_stand_beside_one_another() -> None:
    one = canceled(new_year(expires_at=t("2026-06-01")), "2026-02-01")
    lines = page(one)
    assert lines[-2:] == ("ends 2026-02-01 (canceled)", "expires 2026-06-01")
    assert (document(one)["cancels_at"], document(one)["expires_at"]) == (
        "2026-02-01T00:00:00Z",
        "2026-06-01T00:00:00Z",
    )


def test_an_expiry_is_told_once() -> None:
    one = new_year(expires_at=t("2026-06-01"), ends_at=t("2026-06-01"), end_reason="expired")
    assert [line for line in page(one) if "2026-06-01" in line] == ["expires 2026-06-01"]
    assert document(one)["cancels_at"] is None


# --- changes


def test_a_scheduled_change_is_shown_with_what_takes_it_back() -> None:
    one = new_year(ends_at=t("2026-02-01"), end_reason="changed")
    lines = page(one, successor=pro())
    assert lines[-2:] == (
        "changes to pro v3 on 2026-02-01 (sub_2)",
        "  planctl subscription cancel sub_2 keeps starter",
    )
    found = document(one, successor=pro())
    assert found["scheduled_change"] == {
        "plan": "pro",
        "version": 3,
        "at": "2026-02-01T00:00:00Z",
        "subscription": "sub_2",
    }
    assert (found["followed_by"], found["renews"], found["cancels_at"]) == (None, False, None)


def test_a_change_that_waits_for_an_answer_says_how_to_give_one() -> None:
    asked = ChangeRequest("nova", "sub_1", "starter", 1, Wish("free"), t("2026-01-10"))
    assert page(new_year(), asked=asked)[-2:] == (
        "asked on 2026-01-10 to change to free",
        "  planctl change approve nova/starter, or reject",
    )
    assert document(new_year(), asked=asked)["requested_change"] == {
        "plan": "free",
        "requested_at": "2026-01-10T00:00:00Z",
    }
    assert document(new_year())["requested_change"] is None


def test_what_followed_is_named_on_both_sides() -> None:
    old = new_year(status=Status.CANCELED, ends_at=t("2026-02-01"), end_reason="changed")
    new = replace(pro(), status=Status.ACTIVE)
    assert page(old, "2026-02-10", successor=new)[1] == "canceled on 2026-02-01: changed to pro (sub_2)"
    assert document(old, "2026-02-10", successor=new)["followed_by"] == "sub_2"
    assert document(old, "2026-02-10", successor=new)["scheduled_change"] is None
    assert "follows sub_1" in page(new, "2026-02-10")
    assert document(new, "2026-02-10")["follows"] == "sub_1"


# --- terms, quantities, add-ons


def test_terms_that_differ_from_the_newest_are_listed_shortly() -> None:
    apart = Apart(
        {"price.month.USD": "19", "features.sso": True, "features.minutes.included": "1000"},
        {"price.month.USD": "25", "features.minutes.included": "5000", "features.voice.included": "10",
         "features.voice.reset": "month"},
        ("sso",),
        ("voice",),
    )  # fmt: skip
    lines = page(new_year(), newest=3, apart=apart)
    place = lines.index("behind: the newest version of starter is v3")
    assert lines[place + 1 :] == (
        "  keeps sso",
        "  lacks voice 10",
        "  price.month.USD 19 → 25",
        "  minutes 1,000 → 5,000",
    )
    found = document(new_year(), newest=3, apart=apart)
    assert (found["behind"], found["features_kept"], found["features_lacked"]) == (3, ["sso"], ["voice"])
    assert found["keeps"]["price.month.USD"] == "19"


def test_many_differences_are_counted_beyond_the_first() -> None:
    apart = Apart({f"features.f{n}": True for n in range(8)}, {}, tuple(f"f{n}" for n in range(8)))
    lines = page(new_year(), newest=2, apart=apart)
    assert lines[-2:] == ("  keeps f4", "  and 3 more")


def test_agreed_terms_and_a_lock_are_told() -> None:
    one = new_year(negotiated={"price.month.USD": "15", "due": "30 days"}, locked="contract until 2027")
    assert page(one)[-2:] == (
        "negotiated: due = 30 days, price.month.USD = 15",
        "locked against migration: contract until 2027",
    )
    assert document(one)["locked"] == "contract until 2027"


def test_quantities_and_those_to_come() -> None:
    steps = (QuantityStep(t("2026-02-01"), "seats", Decimal(11), 1),)
    one = running(monthly(features=prepaid()), "2026-01-01", quantities={"seats": Decimal(13)}, steps=steps)
    assert page(one)[-2:] == ("  seats: 13", "scheduled: seats 11 from 2026-02-01")
    assert document(one)["scheduled_quantities"] == [
        {"feature": "seats", "total": "11", "at": "2026-02-01T00:00:00Z"}
    ]


def test_an_add_on_says_how_many_and_when_it_ends() -> None:
    terms = monthly("4", kind="addon", quantity=(1, 10))
    addon = replace(canceled(running(terms, "2026-01-01", quantity=3), "2026-02-01"), id="sub_3", plan="seat")
    assert "add-on of sub_1" in page(replace(addon, base="sub_1"))
    assert page(new_year(), addons=(addon,))[-1] == (
        "add-on: 3 × seat v1 · Monthly in USD, ends 2026-02-01 (sub_3)"
    )


# --- usage


def pool(used: int, wallet: int = 0, left: int = 0, excess: int = 0) -> OpenPool:
    """Of 100 included minutes: as many used; then from a wallet; then to be billed."""
    paid = min(used, 100)
    held = Pool("minutes", Fraction(100), Fraction(paid), Fraction(used), wallet=Fraction(wallet))
    period = Period(0, t("2026-01-01"), t("2026-02-01"))
    return OpenPool(held, period, Fraction(100 - paid), Fraction(excess), Fraction(0), Fraction(left))


def test_usage_has_three_sections_with_the_day_of_the_reset() -> None:
    one = running(monthly(features=metered()), "2026-01-01")
    lines = page(one, pools={"minutes": pool(170, 50, 30, 20)})
    assert lines[-7:] == (
        "",
        "Included",
        "  minutes  100 of 100, 0 left · resets 2026-02-01",
        "Wallet",
        "  minutes  50 of 80, 30 left",
        "Excess",
        "  minutes  20 to be billed",
    )
    assert document(one, pools={"minutes": pool(170, 50, 30, 20)})["usage"] == [
        {
            "feature": "minutes",
            "unit": "minute",
            "included": "100",
            "used": "170",
            "remaining": "0",
            "wallet": "30",
            "wallet_used": "50",
            "excess": "20",
            "over_limit": "0",
            "unlimited": False,
            "resets_at": "2026-02-01T00:00:00Z",
        }
    ]


def test_an_empty_section_says_none() -> None:
    one = running(monthly(features=metered()), "2026-01-01")
    assert page(one, pools={"minutes": pool(40)})[-6:] == (
        "Included",
        "  minutes  40 of 100, 60 left · resets 2026-02-01",
        "Wallet",
        "  none",
        "Excess",
        "  none",
    )


@pytest.mark.parametrize("status", list(Status))
def test_every_status_has_a_page_and_a_document(status: Status) -> None:
    one = new_year(status=status, ends_at=t("2026-01-15") if status in {"canceled", "expired"} else None)
    assert page(one)[0] == f"sub_1 · nova/starter v1 · {status.value}"
    assert document(one)["status"] == status.value
