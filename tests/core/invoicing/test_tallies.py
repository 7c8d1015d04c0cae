"""What lines charge for a billing period, as minimums and maximums compare it; sums are worked out by hand."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from planctl.core.invoicing.model import Line
from planctl.core.invoicing.tallies import billing_index, charged_in, is_compared, part_of, usage_in
from planctl.core.subscriptions.dues import MINIMUM, Due, due_of
from planctl.core.subscriptions.model import BlockedSpan, Subscription
from tests.core.billing import canceled, metered, monthly, running, t
from tests.core.discounting import line

MONTHLY = running(monthly("19", features=metered() | metered("chats", reset="day")), "2026-01-01")
"""Minutes close with the month; the chats of every day close with the day."""


def used(amount: int, feature: str, index: int, starts: str, ends: str, **more: Any) -> Line:
    said: dict[str, Any] = {"kind": "usage", "charge_key": f"usage:{feature}", "feature": feature}
    return line(amount, service_index=index, starts_at=t(starts), ends_at=t(ends), **(said | more))


def fee(amount: int, index: int, starts: str, **more: Any) -> Line:
    return line(amount, service_index=index, starts_at=t(starts), ends_at=None, **more)


# --- which period a line is for


def test_a_fee_is_for_the_period_that_it_names_and_usage_for_the_one_in_which_its_allowance_ends() -> None:
    assert billing_index(MONTHLY, fee(1900, 1, "2026-01-20")) == 1
    last_day = used(10, "chats", 30, "2026-01-31", "2026-02-01")
    assert billing_index(MONTHLY, last_day) == 0
    assert billing_index(MONTHLY, used(10, "chats", 31, "2026-02-01", "2026-02-02")) == 1
    # Without an end it is for the period in which it begins.
    assert billing_index(MONTHLY, replace(last_day, starts_at=t("2026-02-01"), ends_at=None)) == 1


def test_lines_of_another_subscription_or_of_before_the_first_period_are_for_none() -> None:
    assert billing_index(MONTHLY, fee(1900, 0, "2026-01-01")) == 0
    assert billing_index(MONTHLY, fee(1900, 0, "2026-01-01", subscription="sub_2")) is None
    assert billing_index(MONTHLY, fee(1900, 0, "2025-12-31")) is None
    assert billing_index(MONTHLY, used(10, "minutes", 0, "2025-12-01", "2026-01-01")) is None
    # What began before the first period and ends in it is for it.
    assert billing_index(MONTHLY, used(10, "minutes", 0, "2025-12-31", "2026-01-02")) == 0


# --- sums


def test_a_period_is_charged_its_fee_its_quantities_and_its_usage_and_what_late_usage_added() -> None:
    late = used(90, "minutes", 0, "2026-01-01", "2026-02-01", detail={"difference_minor": "-30"})
    lines = [
        fee(1900, 0, "2026-01-01"),
        fee(800, 0, "2026-01-01", charge_key="quantity:seats"),
        used(200, "minutes", 0, "2026-01-01", "2026-02-01"),
        late,
        fee(5000, 0, "2026-01-01", charge_key=MINIMUM),
        fee(1900, 1, "2026-02-01"),
        fee(700, 0, "2026-01-01", subscription="sub_2"),
    ]
    assert charged_in(MONTHLY, 0, lines) == 1900 + 800 + 200 - 30
    assert charged_in(MONTHLY, 1, lines) == 1900
    assert charged_in(MONTHLY, 2, lines) == 0


def test_usage_beside_an_allowance_period_is_all_other_usage_of_its_billing_period() -> None:
    lines = [
        used(100, "chats", 0, "2026-01-01", "2026-01-02"),
        used(20, "chats", 30, "2026-01-31", "2026-02-01"),
        used(3, "chats", 31, "2026-02-01", "2026-02-02"),
        used(4000, "minutes", 0, "2026-01-01", "2026-02-01"),
        fee(1900, 0, "2026-01-01"),
    ]
    assert usage_in(MONTHLY, due_of(MONTHLY, "usage:day", 30), lines) == 100 + 4000
    assert usage_in(MONTHLY, due_of(MONTHLY, "usage", 0), lines) == 100 + 20
    assert usage_in(MONTHLY, due_of(MONTHLY, "usage:day", 31), lines) == 0


def test_usage_beside_counts_what_late_usage_added() -> None:
    late = used(90, "chats", 4, "2026-01-05", "2026-01-06", detail={"difference_minor": "15"})
    assert usage_in(MONTHLY, due_of(MONTHLY, "usage", 0), [late]) == 15


# --- what was compared


def due() -> Due:
    """The minimum of January, at its end."""
    return due_of(MONTHLY, MINIMUM, 0)


@pytest.mark.parametrize(
    ("changes", "compared"),
    [
        ({"settled_at": t("2026-02-01")}, True),
        ({"settled_at": t("2026-01-31")}, False),
        ({"settled_at": None}, False),
        # Moved in during January, or billed from then on: an older system charged part of it.
        ({"settled_at": t("2026-02-01"), "fees_from": t("2026-01-02")}, False),
        # Blocked when the period began, or only later.
        ({"settled_at": t("2026-02-01"), "blocked": (BlockedSpan(t("2025-12-20")),)}, False),
        ({"settled_at": t("2026-02-01"), "blocked": (BlockedSpan(t("2026-01-02")),)}, True),
    ],
)
def test_a_period_was_compared_once_a_run_has_settled_its_minimum(
    changes: dict[str, Any], compared: bool
) -> None:
    one: Subscription = replace(MONTHLY, **changes)
    assert is_compared(one, due()) is compared


def test_a_quantity_is_settled_with_its_fee() -> None:
    keys = ("fee", "quantity:seats", "usage:minutes", MINIMUM)
    assert [part_of(line(1, charge_key=key)) for key in keys] == ["fee", "fee", "usage", "minimum"]


def test_an_end_just_after_a_boundary_is_in_the_period_that_begins_there() -> None:
    # It ends a microsecond into February: what closes then is February's.
    ended = canceled(MONTHLY, "2026-02-01T00:00:00.000001Z")
    brief = used(7, "chats", 31, "2026-02-01", "2026-02-01T00:00:00.000001Z")
    assert billing_index(ended, brief) == 1
    lines = [
        used(4, "minutes", 1, "2026-02-01", "2026-02-01T00:00:00.000001Z"),
        used(4000, "minutes", 0, "2026-01-01", "2026-02-01"),
    ]
    assert usage_in(ended, due_of(ended, "usage:day", 31), lines) == 4
