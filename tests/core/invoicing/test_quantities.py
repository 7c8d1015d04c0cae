"""Changing a quantity: from when on it holds and what it costs at once, each amount worked out by hand."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest

from planctl.core.catalog.model import Beyond, Entitlement, Feature, Meter
from planctl.core.invoicing.quantities import (
    QuantityAsk,
    QuantityChange,
    change_draft,
    changed_quantity,
    charged_step,
    scheduled_steps,
)
from planctl.core.periods import Anchor, Interval
from planctl.core.pricing.kinds.graduated import Graduated
from planctl.core.pricing.kinds.tiers import Tier
from planctl.core.subscriptions.model import QuantityStep, Status, Subscription
from planctl.errors import InvalidInput, Refused
from tests.core.billing import canceled, monthly, prepaid, running, sold, t, values

SEATS = monthly("49", features=prepaid(each="31"))
UNITS = monthly("31", quantity=(1, 20))


def held(total: int = 10, terms: Any = SEATS, **more: Any) -> Subscription:
    """nova since 1 January with that many seats of which 10 are included, billed to 1 January."""
    settled: dict[str, Any] = {"settled_at": t("2026-01-01")}
    return running(terms, "2026-01-01", **(settled | {"quantities": {"seats": Decimal(total)}} | more))


def units(number: int = 2, terms: Any = UNITS, **more: Any) -> Subscription:
    """nova since 1 January with some of a plan for 31.00, billed to 1 January."""
    settled: dict[str, Any] = {"settled_at": t("2026-01-01"), "quantity": number}
    return running(terms, "2026-01-01", **(settled | more))


def ask(
    subscription: Subscription, total: int, at: str = "2026-01-22", feature: str = "seats", **more: Any
) -> QuantityChange:
    seq = max((one.seq for one in subscription.steps), default=0) + 1
    return changed_quantity(subscription, QuantityAsk(feature, Decimal(total), t(at), seq, **more), {})


def costs(change: QuantityChange) -> list[tuple[Any, ...]]:
    return [values(line, "kind charge_key quantity amount_minor") for line in change.lines]


# --- more


def test_more_seats_hold_now_and_are_charged_for_the_rest_of_the_period() -> None:
    # 22 January to 1 February are 10 of 31 days: 3 × 31.00 × 10/31.
    change = ask(held(12), 15)
    assert costs(change) == [("proration_charge", "quantity:seats", Fraction(3), 3000)]
    assert change.step == QuantityStep(t("2026-01-22"), "seats", Decimal(15), 1, charged=True)
    assert change.lines[0].description == "seats · +3 (10 of 31 days)"
    assert change.subscription.quantities_at(t("2026-01-22")) == {"seats": 15}
    assert change.subscription.quantities_at(t("2026-01-21")) == {"seats": 12}


def test_more_of_a_plan_is_charged_at_its_fee() -> None:
    change = ask(units(2), 5, feature="")
    assert costs(change) == [("proration_charge", "fee", Fraction(3), 3000)]
    assert change.subscription.quantity_at(t("2026-01-22")) == 5


def test_the_whole_period_is_the_denominator_and_not_its_rest() -> None:
    # Source: Lago #6194: 42 days instead of 91. 20 May to 1 July are 42 of 91 days: 91.00 × 42/91.
    row = replace(sold(year="91").rows[0], interval=Interval.parse("3 months"))
    quarterly = replace(UNITS, rows=(row,))
    subscription = running(quarterly, "2026-04-01", pay="3 months", settled_at=t("2026-04-01"))
    assert ask(subscription, 2, "2026-05-20", "").amount_minor == 4200


def test_clock_changes_do_not_change_the_days() -> None:
    # 16 to 31 March are 16 of 31 days in Berlin too, though one of them has 23 hours.
    berlin = running(
        UNITS, "2026-03-01", "Europe/Berlin", settled_at=t("2026-03-01", "Europe/Berlin"), quantity=1
    )
    ask_there = QuantityAsk("", Decimal(2), t("2026-03-16", "Europe/Berlin"), 1)
    assert changed_quantity(berlin, ask_there, {}).amount_minor == 1600


def test_a_stub_is_a_part_of_its_whole_period() -> None:
    # Begun on 17 January on the calendar; from the 22nd 10 of January's 31 days.
    terms = replace(UNITS, anchor=Anchor("calendar"))
    subscription = running(terms, "2026-01-17", settled_at=t("2026-01-17"))
    assert ask(subscription, 2, feature="").amount_minor == 1000


@pytest.mark.parametrize(("proration", "cents"), [("day", 1000), ("second", 950), ("none", 3100)])
def test_the_share_follows_the_proration_term(proration: Any, cents: int) -> None:
    # From 22 January, 12:00: 10 days, 9.5 days by the second, or the whole period.
    subscription = units(1, terms=replace(UNITS, proration=proration))
    assert ask(subscription, 2, "2026-01-22T12:00:00Z", "").amount_minor == cents


def test_tiers_price_the_new_total_less_the_old_one() -> None:
    # Seats 11 to 15 cost 10.00, those above 5.00. From 14 to 18: 1 × 10.00 + 3 × 5.00 = 25.00 a period;
    # for 10 of 31 days 8.0645 -> 8.06.
    feature = Feature("seats", "metered", unit="seat", meter=Meter(), reset="never")
    tiers = Graduated(
        (
            Tier(Decimal(15), {"USD": Decimal(10)}, {}),
            Tier(None, {"USD": Decimal(5)}, {}),
        )
    )
    seats = {"seats": Entitlement(feature, included=Decimal(10), beyond=Beyond("prepaid", {"": tiers}))}
    assert ask(held(14, monthly("49", features=seats)), 18).amount_minor == 806


def test_the_second_increase_of_a_day_is_charged_for_itself_alone() -> None:
    first = ask(held(12), 15)
    second = ask(first.subscription, 16)
    assert (first.amount_minor, second.amount_minor) == (3000, 1000)
    assert second.subscription.quantities_at(t("2026-01-22")) == {"seats": 16}


def test_a_subscription_that_ends_within_the_period_is_charged_to_its_end() -> None:
    # From 22 to 27 January: 5 of 31 days.
    assert ask(canceled(held(12), "2026-01-27"), 13).amount_minor == 500


def test_at_the_start_of_a_period_that_is_billed_the_whole_of_it_is_charged_on_its_own() -> None:
    change = ask(units(1, settled_at=t("2026-02-01")), 2, "2026-02-01", "")
    assert (change.amount_minor, change.step is not None and change.step.charged) == (3100, True)


def test_at_the_start_of_a_period_that_is_not_billed_its_fee_will_be_for_the_new_number() -> None:
    change = ask(units(1), 2, "2026-02-01", "")
    assert change.step == QuantityStep(t("2026-02-01"), "", Decimal(2), 1, charged=False)
    assert change.lines == ()


def test_in_arrears_nothing_is_charged_before_the_end() -> None:
    change = ask(units(1, terms=replace(UNITS, bill="in arrears")), 3, feature="")
    assert (change.lines, change.step) == ((), QuantityStep(t("2026-01-22"), "", Decimal(3), 1))


def test_in_a_trial_and_before_the_start_nothing_is_charged() -> None:
    for status in (Status.TRIALING, Status.PENDING):
        change = ask(units(1, status=status, settled_at=None), 3, feature="")
        assert (change.lines, change.step and change.step.charged) == ((), False)


def test_a_change_is_an_invoice_of_its_own_under_its_number() -> None:
    change = ask(held(12), 15)
    draft = change_draft(change, t("2026-01-22"))
    assert draft is not None
    assert values(draft, "kind occasion period_index total_minor") == ("change", "change:1", 0, 3000)
    assert (draft.due_at, draft.grace_ends_at) == (t("2026-01-29"), t("2026-02-01"))
    assert draft.lines[0].occasion == "change:1"


def test_the_line_of_a_change_is_found_again_from_its_step() -> None:
    first = ask(held(12), 15)
    second = ask(first.subscription, 20, "2026-01-25")
    assert charged_step(second.subscription, "change:1", {}) == first.lines[0]
    assert charged_step(second.subscription, "change:2", {}) == second.lines[0]
    assert charged_step(second.subscription, "change:3", {}) is None


def test_a_line_is_the_same_again_after_new_periods_have_begun_in_its_period() -> None:
    change = ask(held(10), 15)
    later = replace(change.subscription, anchors=(t("2026-01-25"),))
    assert charged_step(later, "change:1", {}) == change.lines[0]


# --- fewer


def test_fewer_hold_from_the_renewal_on_and_cost_nothing_now() -> None:
    change = ask(held(15), 12)
    assert change.step == QuantityStep(t("2026-02-01"), "seats", Decimal(12), 1, charged=False)
    assert change.lines == ()
    assert scheduled_steps(change.subscription, t("2026-01-22")) == (change.step,)
    assert change.subscription.quantities_at(t("2026-01-31")) == {"seats": 15}


@pytest.mark.parametrize("how", [{"at_once": True}, {"terms": replace(UNITS, decrease="now")}])
def test_fewer_now_give_the_rest_of_the_period_back(how: dict[str, Any]) -> None:
    # 2 × 31.00 × 10/31 back.
    at_once = how.pop("at_once", False)
    change = ask(units(5, **how), 3, feature="", at_once=at_once)
    assert costs(change) == [("proration_credit", "fee", Fraction(-2), -2000)]
    assert change.subscription.quantity_at(t("2026-01-22")) == 3


def test_more_and_fewer_on_one_day_cancel_out() -> None:
    more = ask(units(2), 5, feature="")
    fewer = ask(more.subscription, 2, feature="", at_once=True)
    assert (more.amount_minor, fewer.amount_minor) == (3000, -3000)


def test_what_is_not_billed_yet_is_not_credited() -> None:
    with pytest.raises(Refused) as refused:
        ask(units(5), 3, "2026-02-10", "", at_once=True)
    assert (refused.value.code, refused.value.hint) == ("not-billed", "planctl invoice run --customer nova")


def test_at_the_start_of_a_period_that_is_not_billed_fewer_hold_at_once() -> None:
    change = ask(units(5), 3, "2026-02-01", "")
    assert change.step == QuantityStep(t("2026-02-01"), "", Decimal(3), 1, charged=False)


def test_what_ends_before_its_renewal_is_not_lowered_by_one() -> None:
    for subscription in (canceled(units(5), "2026-02-01"), units(5, pay="once", terms=_once())):
        with pytest.raises(Refused) as refused:
            ask(subscription, 3, feature="")
        assert refused.value.code == "no-renewal"


# --- taking back what is scheduled


def test_the_number_one_has_takes_a_scheduled_decrease_back() -> None:
    lowered = ask(held(15), 12)
    kept = ask(lowered.subscription, 15)
    assert (kept.step, kept.lines, kept.removed) == (None, (), (lowered.step,))
    assert kept.subscription.steps == ()
    assert not kept.unchanged


def test_an_increase_takes_a_scheduled_decrease_back() -> None:
    lowered = ask(held(15), 12)
    raised = ask(lowered.subscription, 16)
    assert (raised.removed, raised.amount_minor) == ((lowered.step,), 1000)
    assert raised.subscription.quantities_at(t("2026-02-01")) == {"seats": 16}


def test_another_decrease_takes_the_place_of_the_scheduled_one() -> None:
    lowered = ask(held(15), 12)
    lower = ask(lowered.subscription, 11)
    assert (lower.removed, lower.subscription.steps) == ((lowered.step,), (lower.step,))


def test_the_same_again_changes_nothing() -> None:
    lowered = ask(held(15), 12)
    assert ask(lowered.subscription, 12).unchanged
    assert ask(held(15), 15).unchanged
    assert ask(units(2), 2, feature="").unchanged


def test_what_is_scheduled_for_another_quantity_stays() -> None:
    terms = replace(SEATS, quantity=(1, 9))
    lowered = ask(held(15, terms), 12)
    raised = ask(lowered.subscription, 2, feature="")
    assert (raised.removed, len(raised.subscription.steps)) == ((), 2)


# --- refusals


def test_a_total_outside_what_is_sold_is_refused() -> None:
    for total in (9, 51):
        with pytest.raises(InvalidInput):
            ask(held(12), total)
    for number in (0, 21):
        with pytest.raises(Refused):
            ask(units(2), number, feature="")
    with pytest.raises(Refused) as unknown:
        ask(units(2), 3, feature="seats")
    assert unknown.value.code == "quantity"


@pytest.mark.parametrize(
    ("status", "code"),
    [
        (Status.BLOCKED, "stopped"),
        (Status.PAUSED, "stopped"),
        (Status.CANCELED, "ended"),
        (Status.EXPIRED, "ended"),
    ],
)
def test_what_does_not_run_does_not_change(status: Status, code: str) -> None:
    with pytest.raises(Refused) as refused:
        ask(units(2, status=status), 3, feature="")
    assert (refused.value.code, refused.value.exit_code) == (code, 4)


def test_past_due_still_changes() -> None:
    assert ask(units(2, status=Status.PAST_DUE), 3, feature="").amount_minor == 1000


def test_nothing_changes_before_what_was_already_billed_or_changed() -> None:
    with pytest.raises(Refused) as billed:
        ask(units(2, settled_at=t("2026-02-03")), 3, "2026-01-22", "")
    assert (billed.value.code, billed.value.hint) == ("settled-since", "--as-of 2026-02-01T00:00:00Z")
    later = ask(units(2), 3, "2026-01-25", "").subscription
    with pytest.raises(Refused) as changed:
        ask(later, 4, "2026-01-22", "")
    assert changed.value.code == "settled-since"


def _once() -> Any:
    return replace(sold(once="31"), quantity=(1, 20))
