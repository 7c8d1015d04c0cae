"""Changes of plans as they are shown: nothing is left out, and every entry says how it is taken back."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import Any

from planctl.core.document import Document
from planctl.core.subscriptions.assigning import Relaid
from planctl.core.subscriptions.change_requests import ChangeRequest, PlanChange, RequestStatus, Wish, decided
from planctl.core.subscriptions.changes import Change
from planctl.core.subscriptions.model import Status
from planctl.views.change import (
    asked_answer,
    cancel_command,
    change_document,
    changes_answer,
    kept_answer,
    request_lines,
)
from planctl.views.reassign import reassigned_answer, terms_document, undo_of
from tests.core.billing import monthly, running, t

PRO = replace(running(monthly("49"), "2026-01-01"), plan="pro")
LITE = replace(
    running(monthly("9"), "2026-02-01"), id="sub_2", plan="lite", follows="sub_1", status=Status.PENDING
)
ASKED = ChangeRequest("nova", "sub_1", "pro", 1, Wish("lite", "month", "USD"), t("2026-01-10"))
WAITS = PlanChange(PRO, "lite", ASKED, None, t("2026-02-01"), 4900, 900)
COMES = PlanChange(PRO, "lite", None, LITE, t("2026-02-01"), 4900, 900)


def test_a_request_as_json_says_what_is_wanted_and_leaves_open_what_nobody_said() -> None:
    document = change_document(WAITS)
    assert document["to"] == {
        "plan": "lite", "version": None, "pay": "month", "currency": "USD", "quantity": None, "quantities": {},
    }  # fmt: skip
    assert (document["kind"], document["status"], document["successor"]) == ("request", "requested", None)
    assert (document["price_before"], document["price_after"]) == ("49.00", "9.00")
    wish = Wish("lite", "month", "USD", 3, {"seats": Decimal("12.50")}, "2")
    said = change_document(replace(WAITS, request=replace(ASKED, wish=wish)))["to"]
    assert said == {
        "plan": "lite", "version": 2, "pay": "month", "currency": "USD", "quantity": 3,
        "quantities": {"seats": "12.5"},
    }  # fmt: skip


def test_a_scheduled_change_as_json_names_the_subscription_that_is_to_begin() -> None:
    document = change_document(COMES)
    assert (document["kind"], document["successor"], document["requested_at"]) == ("scheduled", "sub_2", None)
    assert document["takes_effect_at"] == "2026-02-01T00:00:00Z"


def test_every_change_that_is_to_come_says_how_it_is_taken_back() -> None:
    assert cancel_command(WAITS) == "planctl change reject nova/pro"
    assert cancel_command(COMES) == "planctl subscription cancel sub_2"
    rejected = decided(ASKED, RequestStatus.REJECTED, t("2026-01-11"))
    assert cancel_command(replace(WAITS, request=rejected)) == ""


def test_the_list_is_a_row_for_each_with_amounts_in_their_currency() -> None:
    sheet = changes_answer([WAITS, COMES], "UTC").sheet
    assert sheet is not None
    assert [row[:4] for row in sheet.rows] == [
        ("nova", "requested", "pro v1", "lite"),
        ("nova", "scheduled", "pro v1", "lite v1"),
    ]
    assert [row[6:9] for row in sheet.rows] == [("49.00", "9.00", "USD")] * 2
    assert changes_answer([], "UTC").empty


def test_asking_says_when_it_would_take_effect_and_what_it_replaces() -> None:
    change = Change(PRO, PRO, LITE, "down", "renewal")
    waiting = replace(ASKED, wish=Wish("free"))
    assert request_lines(change, waiting) == [
        "nova: pro v1 to lite v1 (down), once it is approved",
        "  approved, it takes effect from 2026-02-01, or at once with --at now",
        "  nothing is changed or charged before that",
        "  in place of the request for free",
    ]
    in_trial = replace(change, timing="now", before=replace(PRO, status=Status.TRIALING))
    assert request_lines(in_trial, None)[1] == "  approved, it takes effect at once"
    at_once = request_lines(replace(change, timing="now"), ASKED)
    assert at_once[1:] == [
        "  approved, it takes effect only at once, with --at now",
        "  nothing is changed or charged before that",
    ]


def test_what_was_asked_is_told_with_its_address() -> None:
    document = change_document(WAITS) | {"existed": False, "withdrawn": None}
    assert asked_answer(document).lines == (
        "nova/pro to lite is asked for; answer with planctl change approve or reject nova/pro",
        "approved, it takes effect 2026-02-01T00:00:00Z, or with --at now at once",
    )
    said: dict[str, Any] = {"customer": "nova", "plan": "pro", "said": "nothing", "withdrawn": None}
    assert kept_answer(said).lines == ("nothing",)


# --- newer terms


def told(**more: Any) -> dict[str, Any]:
    kept = Relaid({"due": "30 days"}, ("due",), {"features.sms": "there is no such feature"})
    keeps: dict[str, Document] = {"features.sso": True, "price.month.USD": "49"}
    apart = (keeps, {"price.month.USD": "59"})
    terms = terms_document(PRO, 2, kept, apart)
    return {
        "customer": "nova",
        "id": "sub_2",
        "status": "pending",
        "reassigned": terms,
        "existed": True,
        **more,
    }


def test_what_stays_agreed_is_told_apart_from_what_is_given_up() -> None:
    assert reassigned_answer(told()).lines == (
        "nova/pro has the newest terms (v2) already, or will have; nothing was changed",
        "  agreed: due = 30 days (so is v2 by itself)",
        "  no longer agreed: features.sms, there is no such feature",
    )


def test_a_term_that_is_gone_differs_from_nothing() -> None:
    differences = told()["reassigned"]["differences"]
    assert differences == {
        "features.sso": {"before": True, "after": None},
        "price.month.USD": {"before": "49", "after": "59"},
    }


def test_what_takes_newer_terms_back_depends_on_whether_they_hold() -> None:
    assert undo_of(told()) == ""
    assert undo_of(told(existed=False)) == "planctl subscription cancel sub_2"
    now = told(existed=False, status="active")
    assert undo_of(now) == (
        "planctl assign nova pro --at now --set features.sso=true --set price.month.USD=49"
    )
    now["reassigned"] = terms_document(PRO, 2, Relaid({}), ({}, {"features.sso": True}))
    assert undo_of(now) == ""
