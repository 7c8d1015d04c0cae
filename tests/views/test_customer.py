"""How a customer's page looks; the journeys that gather it are tested with the commands."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from planctl.core.accounts import Account
from planctl.core.customers import Customer
from planctl.core.entitlements import Holding
from planctl.core.subscriptions.model import Assignment, BlockedSpan, Status, Subscription
from planctl.views.customer import account_answer
from tests.core.billing import DECLARED, monthly, running, t
from tests.views.test_invoice import draft, invoice

NOVA = Customer("nova", "Nova GmbH", ("ops@nova.example",), currency="USD", timezone="UTC")


def account(*several: Subscription, **more: Any) -> Account:
    return Account(NOVA, t("2026-01-20"), tuple(Holding(one) for one in several), **more)


def page(*several: Subscription, **more: Any) -> tuple[str, ...]:
    return account_answer(account(*several, **more)).lines


def new_year(**more: Any) -> Subscription:
    return running(monthly(), "2026-01-01", **more)


def test_somebody_new_has_no_plan_and_nothing_to_come() -> None:
    assert page() == (
        "nova · Nova GmbH",
        "  e-mail ops@nova.example · currency USD · timezone UTC",
        "",
        "Plans",
        "  no plan",
    )


def test_a_page_has_plans_balance_invoices_and_what_is_next() -> None:
    seat = running(monthly("4", kind="addon", quantity=(1, 10)), "2026-01-05", quantity=3, base="sub_1")
    unpaid = invoice(draft(due_at=t("2026-01-25"), grace_ends_at=t("2026-01-28")))
    lines = page(
        new_year(),
        replace(seat, id="sub_2", plan="seat", anchor_at=t("2026-01-01")),
        replace(new_year(), id="sub_0", status=Status.CANCELED, ends_at=t("2026-01-01")),
        assignments=(Assignment("asg_1", "nova", "voice", 2, assigned_at=t("2026-01-10")),),
        open_invoices=(unpaid,),
        balance={DECLARED["USD"]: 1200},
        newest={"starter": 3, "seat": 1},
    )
    assert lines[2:] == (
        "",
        "Plans",
        "  starter v1 · active since 2026-01-01 · behind: v3",
        "    + seat v1 × 3 · active since 2026-01-05",
        "  1 ended: planctl subscription list --customer nova",
        "  voice v2 · assigned 2026-01-10, not started",
        "",
        "Balance",
        "  12.00 USD, which pays the next invoices",
        "",
        "Open invoices",
        "  INV-2026-00001 · open · 49.00 USD due 2026-01-25 · grace ends 2026-01-28",
        "",
        "Next",
        "  2026-01-25  INV-2026-00001 is due: 49.00 USD",
        "  2026-01-28  INV-2026-00001 grace ends, access is blocked",
        "  2026-02-01  nova/seat renews, fee 12.00 USD",
        "  2026-02-01  nova/starter renews, fee 19.00 USD",
    )


def test_what_waits_for_a_person_comes_first() -> None:
    paused = new_year(status=Status.PAUSED, blocked=(BlockedSpan(t("2026-01-15"), kind="paused"),))
    assert page(paused, holds=("catch-up",))[3:] == (
        "Plans",
        "  starter v1 · paused since 2026-01-15: planctl subscription resume nova/starter",
        "",
        "Next",
        "  now         nova waits for a person (catch-up): planctl hold list",
        "  now         nova/starter is paused: planctl subscription resume nova/starter",
    )


def test_a_scheduled_change_is_told_with_its_date() -> None:
    old = new_year(ends_at=t("2026-02-01"), end_reason="changed")
    new = running(monthly("49"), "2026-02-01", status=Status.PENDING, follows="sub_1")
    lines = page(old, replace(new, id="sub_2", plan="pro"))
    assert lines[4:6] == ("  starter v1 · active since 2026-01-01", "  pro v1 · pending until 2026-02-01")
    assert lines[-1] == "  2026-02-01  nova/starter changes to pro, fee 49.00 USD"


def test_an_add_on_whose_plan_has_ended_stands_for_itself() -> None:
    seat = running(monthly("4", kind="addon"), "2026-01-05", base="sub_1")
    assert page(replace(seat, id="sub_2", plan="seat"))[4] == "  seat v1 · active since 2026-01-05"


def test_the_document_has_the_dated_events() -> None:
    found: Any = account_answer(account(new_year(), holds=("catch-up",))).document
    assert [(one["at"], one["what"], one["subscription"]) for one in found["next"]] == [
        (None, "held", None),
        ("2026-02-01T00:00:00Z", "renews", "sub_1"),
    ]
    assert found["holds"] == ["catch-up"]
    assert [one["requests"] for one in found["subscriptions"]] == [[]]
