"""What pausing, canceling and locking look like before and after; texts are written by hand."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from planctl.core.accounts import Shown
from planctl.core.invoicing.credits import Parts
from planctl.core.subscriptions.model import Status, Subscription
from planctl.core.subscriptions.pausing import paused
from planctl.views.pause import (
    Beside,
    cancel_undo,
    ended_answer,
    ended_document,
    ending_lines,
    lock_answer,
    lock_document,
    pause_lines,
    paused_answer,
    paused_document,
    resume_undo,
    resumed_answer,
    resumed_document,
)
from tests.core.billing import monthly, running, t


def plan(**more: Any) -> Subscription:
    return running(monthly("30"), "2026-04-01", **more)


def addon() -> Subscription:
    return replace(plan(), id="sub_2", plan="extra", base="sub_1")


def ending(at: str, status: Status = Status.ACTIVE) -> Subscription:
    return plan(ends_at=t(at), end_reason="canceled", status=status)


# --- before


def test_the_question_of_a_pause_names_the_day_the_add_ons_and_where_what_goes_back_goes() -> None:
    one = paused(plan(), t("2026-04-11"))[0]
    assert pause_lines(one, [addon()], [Parts(500, 0, 1500)]) == [
        "nova/starter is paused from 2026-04-11 (UTC): no access, no renewals",
        "  and with it extra",
        "  5.00 USD go against what its invoice owes",
        "  15.00 USD go to the balance",
    ]
    assert pause_lines(one, [], [])[1:] == ["  nothing is left to credit"]


def test_the_question_of_a_cancellation_names_what_it_does_to_others() -> None:
    other = replace(plan(), id="sub_3", plan="pro")
    lines = ending_lines(ending("2026-05-01"), [], Beside([addon()], [other], []), None)
    assert lines == [
        "nova/starter ends 2026-05-01 (UTC)",
        "  and with it extra",
        "  and pro, which was to follow it, never begins",
    ]
    never = ending_lines(ending("2026-04-01"), [], Beside(released=[other]), None)
    assert never == ["nova/starter never begins", "  and pro goes on"]
    refunded = ending_lines(ending("2026-04-11"), [], Beside(), [Parts(0, 2000, 0)])
    assert refunded[1:] == ["  20.00 USD go back as money"]
    assert ending_lines(ending("2026-04-11"), [], Beside(), [])[1:] == ["  nothing is left to credit"]


# --- after


def test_what_a_pause_did() -> None:
    one = paused(plan(), t("2026-04-11"))[0]
    document = paused_document(Shown(one, t("2026-04-11"), addons=(addon(),)), [])
    assert paused_answer(document).lines == (
        "nova/starter is paused (sub_1)",
        "and with it extra",
        "nothing is left to credit",
    )


def test_what_resuming_did_says_when_it_ends_all_the_same() -> None:
    document = resumed_document(Shown(ending("2026-05-01"), t("2026-04-16")), [], kept=False)
    assert resumed_answer(document).lines == (
        "nova/starter goes on: active; ends 2026-05-01T00:00:00Z (canceled) (sub_1)",
    )
    assert resume_undo(document, "nova") == "planctl subscription pause nova"
    kept = resumed_document(Shown(plan(), t("2026-04-16")), [], kept=True)
    assert resume_undo(kept, "nova") == "planctl subscription cancel nova"


def test_what_canceling_did_and_what_takes_it_back() -> None:
    later = Shown(ending("2026-05-01"), t("2026-04-11"))
    document = ended_document(later, [], Beside(), None, unchanged=False)
    assert ended_answer(document).lines == ("nova/starter ends: 2026-05-01T00:00:00Z (sub_1, now active)",)
    assert cancel_undo(document, "nova") == "planctl subscription resume nova"
    over = Shown(ending("2026-04-11", Status.CANCELED), t("2026-04-11"))
    document = ended_document(over, [], Beside(), [], unchanged=False)
    assert ended_answer(document).lines[-1] == "nothing is left to credit"
    assert cancel_undo(document, "nova") == "planctl subscribe nova starter, which starts it anew"
    again = ended_document(later, [], Beside(), None, unchanged=True)
    assert cancel_undo(again, "nova") == ""


def test_what_locking_did() -> None:
    def said(reason: str, *, changed: bool) -> str:
        shown = Shown(plan(locked=reason), t("2026-04-11"))
        return lock_answer(lock_document(shown, changed=changed)).lines[0]

    assert said("by phone", changed=True) == "nova/starter is locked: no migration moves it (by phone)"
    assert (
        said("by phone", changed=False) == "nova/starter is already locked: no migration moves it (by phone)"
    )
    assert said("", changed=True) == "nova/starter is no longer locked"
    assert said("", changed=False) == "nova/starter was not locked"
