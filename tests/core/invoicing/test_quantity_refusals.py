"""Why a quantity does not change, in every word, and the instants at which a change turns into another one."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from planctl.core.catalog.model import Terms
from planctl.core.invoicing.quantities import (
    QuantityAsk,
    QuantityChange,
    change_draft,
    changed_quantity,
    charged_step,
    scheduled_steps,
)
from planctl.core.periods import Anchor
from planctl.core.subscriptions.model import QuantityStep, Status, Subscription
from planctl.errors import Refused
from tests.core.billing import canceled, metered, monthly, prepaid, running, sold, t

UNITS = monthly("31", quantity=(1, 20))
SEATS = monthly("49", features=prepaid(each="31"))
ARREARS = replace(UNITS, bill="in arrears")


def units(number: int = 2, terms: Terms = UNITS, **more: Any) -> Subscription:
    """nova since 1 January with some of a plan for 31.00, billed to 1 January."""
    settled: dict[str, Any] = {"settled_at": t("2026-01-01"), "quantity": number}
    return running(terms, "2026-01-01", **(settled | more))


def seats(**more: Any) -> Subscription:
    """nova since 1 January, billed then, with seats of which 10 are included."""
    return running(SEATS, "2026-01-01", **({"settled_at": t("2026-01-01")} | more))


def ask(
    subscription: Subscription, total: int, at: str = "2026-01-22", feature: str = "", **more: Any
) -> QuantityChange:
    seq = max((one.seq for one in subscription.steps), default=0) + 1
    return changed_quantity(subscription, QuantityAsk(feature, Decimal(total), t(at), seq, **more), {})


def refused(*asked: Any, **more: Any) -> Refused:
    with pytest.raises(Refused) as found:
        ask(*asked, **more)
    assert found.value.where == "nova/starter"
    return found.value


def step(change: QuantityChange) -> tuple[str, bool] | None:
    """When the change holds from, as its instant, and whether it is charged on its own."""
    return None if change.step is None else (str(change.step.at), change.step.charged)


def held_from(at: str, *, charged: bool) -> tuple[str, bool]:
    return (str(t(at)), charged)


# --- refusals


def test_what_has_ended_says_how() -> None:
    error = refused(units(status=Status.CANCELED), 3)
    assert (error.message, error.code, error.expected) == (
        "nova/starter has ended: canceled", "ended", "paid",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("status", "hint"),
    [
        (Status.BLOCKED, "what is overdue must be paid first"),
        (Status.PAUSED, "planctl subscription resume nova/starter"),
    ],
)
def test_what_is_stopped_says_what_comes_first(status: Status, hint: str) -> None:
    error = refused(units(status=status), 3)
    assert (error.message, error.code, error.hint) == (
        f"nova/starter is {status}: its quantities do not change", "stopped", hint,
    )  # fmt: skip


def test_what_was_done_since_is_named_with_the_first_instant_that_is_left() -> None:
    twice = ask(ask(units(), 3, "2026-01-25").subscription, 4, "2026-01-27").subscription
    error = refused(twice, 5)
    assert (error.message, error.code, error.got, error.hint) == (
        "nova/starter was changed or billed as of 2026-01-27T00:00:00Z: its quantity cannot change before that",
        "settled-since",
        "2026-01-22T00:00:00Z",
        "--as-of 2026-01-27T00:00:00Z",
    )
    assert ask(twice, 5, "2026-01-27").amount_minor == 500  # 31.00 for 5 of 31 days


def test_a_change_that_holds_already_though_nothing_was_charged_stands() -> None:
    later = ask(units(terms=ARREARS), 3, "2026-01-25").subscription
    assert refused(later, 4).hint == "--as-of 2026-01-25T00:00:00Z"


def test_only_fees_that_were_billed_since_stand_in_the_way() -> None:
    daily = replace(UNITS, features=metered(reset="day"))
    assert ask(units(terms=daily, settled_at=t("2026-01-25")), 3).amount_minor == 1000
    assert ask(units(settled_at=t("2026-01-22")), 3).amount_minor == 1000
    assert refused(units(settled_at=t("2026-02-01")), 3).code == "settled-since"


def test_what_is_not_renewed_says_when_it_ends() -> None:
    error = refused(canceled(units(5), "2026-02-01"), 3)
    assert (error.message, error.code, error.got, error.hint) == (
        "nova/starter is not renewed, so no renewal lowers its quantity",
        "no-renewal",
        "it ends 2026-02-01T00:00:00Z",
        "--at now credits the rest",
    )
    once = refused(units(5, replace(sold(once="31"), quantity=(1, 20)), pay="once"), 3)
    assert (once.code, once.got) == ("no-renewal", "")
    # What ends after its renewal is lowered by that.
    found = ask(canceled(units(5), "2026-02-02"), 3)
    assert step(found) == held_from("2026-02-01", charged=False)


def test_what_is_not_billed_names_the_last_fee_that_waits() -> None:
    error = refused(units(5), 3, "2026-03-10", at_once=True)
    assert (error.message, error.code, error.hint) == (
        "nova/starter: the fee of 2026-03-01T00:00:00Z is not billed yet, so nothing of it can be credited",
        "not-billed",
        "planctl invoice run --customer nova",
    )
    # Usage that waits does not matter, nor does a fee to what costs more.
    daily = replace(UNITS, features=metered(reset="day"))
    assert ask(units(5, daily), 3, at_once=True).amount_minor == -2000
    assert ask(units(5), 6, "2026-02-26").amount_minor == 332  # 31.00 for 3 of 28 days: 3.3214


# --- from when on


def test_before_its_start_a_change_holds_from_the_start_on() -> None:
    pending = units(status=Status.PENDING, settled_at=None)
    assert step(ask(pending, 5, "2025-12-20")) == held_from("2026-01-01", charged=False)


def test_before_the_first_period_a_change_holds_at_once_and_is_not_charged() -> None:
    moved = units(anchor_at=t("2026-01-15"), fees_from=t("2026-01-15"), settled_at=None)
    assert step(ask(moved, 5, "2026-01-10")) == held_from("2026-01-10", charged=False)
    assert step(ask(moved, 1, "2026-01-10")) == held_from("2026-01-10", charged=False)
    billed = replace(moved, settled_at=t("2026-01-15"))
    assert step(ask(billed, 5, "2026-01-15")) == held_from("2026-01-15", charged=True)


def test_at_the_start_a_fee_that_was_not_billed_is_for_the_new_number() -> None:
    fresh = units(settled_at=None)
    assert step(ask(fresh, 5, "2026-01-01")) == held_from("2026-01-01", charged=False)
    stub = running(
        replace(UNITS, anchor=Anchor("calendar")), "2026-01-17", quantity=2, settled_at=t("2026-01-16")
    )
    assert step(ask(stub, 5, "2026-01-17")) == held_from("2026-01-17", charged=False)
    # Where an older system billed the fee of that period, the change is charged.
    older = units(fees_from=t("2026-02-02"))
    assert step(ask(older, 5, "2026-02-01")) == held_from("2026-02-01", charged=True)
    exactly = units(fees_from=t("2026-02-01"))
    assert step(ask(exactly, 5, "2026-02-01")) == held_from("2026-02-01", charged=False)


def test_a_one_off_is_charged_though_its_terms_bill_in_arrears() -> None:
    once = replace(sold(once="31"), quantity=(1, 20), bill="in arrears")
    found = ask(units(2, once, pay="once"), 3)
    assert (found.amount_minor, step(found)) == (3100, held_from("2026-01-22", charged=True))


def test_fewer_in_arrears_wait_for_the_renewal_or_hold_now_without_a_credit() -> None:
    waits = ask(units(5, ARREARS), 3)
    assert (waits.lines, step(waits)) == ((), held_from("2026-02-01", charged=False))
    now = ask(units(5, ARREARS), 3, at_once=True)
    assert (now.lines, step(now)) == ((), held_from("2026-01-22", charged=False))


# --- how many


def test_no_fewer_seats_are_held_than_are_included() -> None:
    assert ask(seats(quantities={"seats": Decimal(5)}), 10, feature="seats").unchanged
    fresh = ask(seats(), 12, feature="seats")
    assert (int(fresh.before), int(fresh.after), fresh.amount_minor) == (10, 12, 2000)
    held = ask(seats(quantities={"seats": Decimal(12)}), 12, feature="seats")
    assert (int(held.before), int(held.after), held.step, held.removed) == (12, 12, None, ())


def test_the_line_names_the_feature_and_ends_where_the_plan_is_foreseen_to() -> None:
    names = {"features.seats": "Seats", "plans.starter": "Starter"}
    expiring = seats(expires_at=t("2026-01-27"))
    (line,) = changed_quantity(
        expiring, QuantityAsk("seats", Decimal(11), t("2026-01-22"), 7), names
    ).lines  # 31.00 for 5 of 31 days
    assert (line.description, line.amount_minor, line.ends_at) == (
        "Seats · +1 (5 of 31 days)", 500, t("2026-01-27"),
    )  # fmt: skip
    assert (line.occasion, line.service_index, line.starts_at) == ("change:7", 0, t("2026-01-22"))


def test_a_later_period_counts_its_own_days() -> None:
    (line,) = ask(units(settled_at=t("2026-02-01")), 3, "2026-02-10").lines
    assert (line.service_index, line.amount_minor, line.ends_at) == (1, 2104, t("2026-03-01"))  # 19/28


# --- what is kept of changes


def test_what_is_scheduled_is_told_soonest_first_and_only_while_it_is_to_come() -> None:
    at = t("2026-02-01")
    late = QuantityStep(t("2026-03-01"), "", Decimal(1), 1)
    second, first = QuantityStep(at, "seats", Decimal(12), 3), QuantityStep(at, "", Decimal(4), 2)
    one = replace(units(), steps=(late, second, first))
    assert scheduled_steps(one, t("2026-01-31")) == (first, second, late)
    assert scheduled_steps(one, at) == (late,)


def test_a_change_that_costs_nothing_is_no_invoice_and_has_no_line() -> None:
    change = ask(units(5), 3)
    assert change_draft(change, t("2026-01-22")) is None
    assert charged_step(change.subscription, "change:1", {}) is None
    assert change_draft(ask(units(5), 5), t("2026-01-22")) is None


def test_an_invoice_of_a_change_is_dated_when_it_is_written() -> None:
    draft = change_draft(ask(units(settled_at=t("2026-02-01")), 3, "2026-02-10"), t("2026-02-12"))
    assert draft is not None
    assert (draft.at, draft.issued_at, draft.period_index, draft.occasion) == (
        t("2026-02-10"), t("2026-02-12"), 1, "change:1",
    )  # fmt: skip


def test_what_was_scheduled_for_one_quantity_gives_way_and_for_others_stays() -> None:
    both = replace(SEATS, quantity=(1, 20))
    one = running(
        both, "2026-01-01", settled_at=t("2026-01-01"), quantity=5, quantities={"seats": Decimal(15)}
    )
    fewer = ask(ask(one, 12, feature="seats").subscription, 3)
    kept = ask(fewer.subscription, 5)
    assert [(it.feature, int(it.total)) for it in kept.subscription.steps] == [("seats", 12)]
    assert [(it.feature, int(it.total)) for it in kept.removed] == [("", 3)]
    other = ask(fewer.subscription, 2)
    assert [(it.feature, int(it.total)) for it in other.subscription.steps] == [("seats", 12), ("", 2)]
