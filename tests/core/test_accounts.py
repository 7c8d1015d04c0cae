"""What belongs beside a subscription: its requests, its add-ons, what follows it."""

from __future__ import annotations

from dataclasses import replace

from planctl.core.accounts import Shown, addons_of, requests_of, seen_at
from planctl.core.invoicing.model import Invoice
from planctl.core.subscriptions.model import Status, Subscription
from tests.core.billing import monthly, running, t
from tests.views.test_invoice import draft, invoice


def numbered(number: str, subscription: str) -> Invoice:
    return invoice(draft(subscription=subscription), id=f"id-{number}", number=number)


def one(name: str, **more: object) -> Subscription:
    return replace(running(monthly(), "2026-01-01"), id=name, **more)  # type: ignore[arg-type]


def test_a_subscription_answers_for_what_it_and_those_before_it_owe() -> None:
    first = one("sub_1", status=Status.CANCELED)
    second = one("sub_2", status=Status.CANCELED, follows="sub_1")
    third = one("sub_3", follows="sub_2")
    unpaid = [numbered("INV-3", "sub_3"), numbered("INV-1", "sub_1"), numbered("INV-4", "sub_9")]
    several = [first, second, third]
    assert [found.number for found in requests_of(third, several, unpaid)] == ["INV-1", "INV-3"]
    assert [found.number for found in requests_of(first, several, unpaid)] == ["INV-1"]


def test_add_ons_that_have_ended_stand_on_nothing_any_more() -> None:
    seat = one("sub_2", base="sub_1")
    gone = one("sub_3", base="sub_1", status=Status.CANCELED)
    assert addons_of(one("sub_1"), [one("sub_1"), seat, gone]) == (seat,)


def test_a_change_is_scheduled_only_until_it_comes() -> None:
    pending = one("sub_2", follows="sub_1", status=Status.PENDING)
    assert Shown(one("sub_1"), t("2026-01-05"), successor=pending).change == pending
    began = replace(pending, status=Status.ACTIVE)
    assert Shown(one("sub_1"), t("2026-01-05"), successor=began).change is None


def test_looked_at_before_it_began_it_is_pending() -> None:
    assert seen_at(one("sub_1"), t("2025-12-31")).status is Status.PENDING
    assert seen_at(one("sub_1"), t("2026-01-01")).status is Status.ACTIVE
    gone = one("sub_1", status=Status.CANCELED)
    assert seen_at(gone, t("2025-12-31")).status is Status.CANCELED
