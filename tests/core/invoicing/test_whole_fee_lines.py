"""Lines of fees, steps, minimums and pauses in every field that an invoice shows, worked out by hand."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest

from planctl.core.catalog.model import Terms
from planctl.core.invoicing.fees import as_begun, capped, fee_lines, minimum_lines, share, step_line
from planctl.core.invoicing.model import Line
from planctl.core.periods import Instant, Period
from planctl.core.subscriptions.dues import Due, due_of
from planctl.core.subscriptions.model import BlockedSpan, QuantityStep, Subscription
from tests.core.billing import canceled, metered, monthly, prepaid, running, sold, t, values

NAMES = {"plans.starter": "Starter", "features.seats": "Seats"}
MARCH = Period(2, t("2026-03-01"), t("2026-04-01"))


def line(**fields: Any) -> Line:
    """A line of March, of `sub_1`, with what is said of it."""
    plain: dict[str, Any] = {
        "subscription": "sub_1",
        "plan": "starter",
        "plan_version": 3,
        "service_index": 2,
        "unit_price": None,
        "starts_at": MARCH.starts_at,
        "ends_at": MARCH.ends_at,
    }
    return Line(**plain | fields)


def detail(exact: str, share: str = "1", text: str = "") -> dict[str, str]:
    return {"exact": exact, "share": share, "share_text": text}


def subscribed(terms: Terms, **more: Any) -> Subscription:
    return running(terms, "2026-01-01", plan_version=3, **more)


def fees(subscription: Subscription, resumed_at: Instant | None = None, index: int = 2) -> list[Line]:
    return list(fee_lines(subscription, due_of(subscription, "fee", index), NAMES, resumed_at=resumed_at))


# --- fees and prepaid quantities


def test_a_fee_and_a_prepaid_quantity_fill_every_field_of_their_lines() -> None:
    held = subscribed(monthly("31", features=prepaid()), quantities={"seats": Decimal(12)})
    assert fees(held) == [
        line(
            kind="fee",
            charge_key="fee",
            description="Starter · Monthly",
            quantity=Fraction(1),
            unit_price=Fraction(31),
            amount_minor=3100,
            detail=detail("31"),
        ),
        line(
            kind="quantity",
            charge_key="quantity:seats",
            description="Seats · prepaid",
            quantity=Fraction(2),
            unit_price=Fraction(4),
            amount_minor=800,
            feature="seats",
            detail=detail("8"),
        ),
    ]


def test_the_rest_of_a_period_after_a_block_fills_every_field_from_the_day_it_resumed() -> None:
    # 11 to 31 March: 21 of 31 days of 31.00 are 21.00, and of 2 × 4.00 = 8.00: 168/31 = 5.419 -> 5.42.
    held = subscribed(monthly("31", features=prepaid()), quantities={"seats": Decimal(12)})
    resumed, part = t("2026-03-11"), "21 of 31 days"
    assert fees(held, resumed) == [
        line(
            kind="proration_charge",
            charge_key="fee",
            description=f"Starter · Monthly ({part})",
            quantity=Fraction(1),
            unit_price=Fraction(31),
            amount_minor=2100,
            starts_at=resumed,
            detail=detail("21", "21/31", part),
        ),
        line(
            kind="quantity",
            charge_key="quantity:seats",
            description=f"Seats · prepaid ({part})",
            quantity=Fraction(2),
            unit_price=Fraction(4),
            amount_minor=542,
            starts_at=resumed,
            feature="seats",
            detail=detail("168/31", "21/31", part),
        ),
    ]


def test_quantities_follow_the_fee_by_their_names() -> None:
    features = prepaid("seats") | prepaid("boxes")
    held = subscribed(monthly(features=features), quantities={"seats": Decimal(12), "boxes": Decimal(11)})
    assert [one.charge_key for one in fees(held)] == ["fee", "quantity:boxes", "quantity:seats"]


def test_only_what_comes_of_a_change_and_is_a_part_is_a_proration_charge() -> None:
    # Changed to on 11 January, in a period that ends on 1 February: 21 of 31 days.
    changed = replace(running(monthly("31"), "2026-01-11", follows="sub_0"), anchor_at=t("2026-01-01"))
    (first,), (second,) = fees(changed, index=0), fees(changed, index=1)
    assert values(first, "kind amount_minor") == ("proration_charge", 2100)
    assert values(second, "kind amount_minor") == ("fee", 3100)
    (whole,) = fees(running(monthly("31"), "2026-01-01", follows="sub_0"), index=0)
    assert whole.kind == "fee"
    (stub,) = fees(replace(running(monthly("31"), "2026-01-11"), anchor_at=t("2026-01-01")), index=0)
    assert values(stub, "kind amount_minor") == ("fee", 2100)


def test_charged_ahead_a_fee_is_whole_whatever_pauses_come() -> None:
    held = subscribed(monthly("31", pause="credit"), blocked=(paused("2026-03-06", "2026-03-11"),))
    assert [one.amount_minor for one in fees(held)] == [3100]


def test_what_is_not_sold_ahead_is_not_charged_ahead() -> None:
    # Charged after use, behind a hard limit, or unlimited: what is held of it costs nothing when a period begins.
    (seats,) = prepaid().values()
    for changed in (metered("seats")["seats"], replace(seats, beyond=None), replace(seats, included=None)):
        held = subscribed(monthly(features={"seats": changed}), quantities={"seats": Decimal(120)})
        assert [one.kind for one in fees(held)] == ["fee"]


def test_what_was_held_when_a_period_began_is_held_without_any_steps() -> None:
    steps = (
        bought("", 3, "2026-02-11", 1),
        bought("seats", 15, "2026-02-11", 2),
        bought("", 5, "2026-03-11", 3),
    )
    held = subscribed(monthly(features=prepaid(), quantity=(1, 20)), steps=steps)
    assert as_begun(held, t("2026-03-01")) == replace(
        held, quantity=3, quantities={"seats": Decimal(15)}, steps=()
    )


# --- steps of a quantity


def bought(feature: str, total: int, at: str = "2026-03-11", seq: int = 1) -> QuantityStep:
    return QuantityStep(t(at), feature, Decimal(total), seq)


def stepped(held: Subscription, step: QuantityStep) -> Line | None:
    return step_line(held, step, replace(MARCH, starts_at=step.at), MARCH, NAMES)


def test_more_of_a_prepaid_feature_is_charged_from_its_day_to_the_periods_end() -> None:
    # 15 instead of 12, 10 of them included: 5 × 4.00 − 2 × 4.00 = 12.00, × 21/31 = 252/31 = 8.129 -> 8.13.
    held = subscribed(monthly("31", features=prepaid()), quantities={"seats": Decimal(12)})
    assert stepped(held, bought("seats", 15)) == line(
        kind="proration_charge",
        charge_key="quantity:seats",
        description="Seats · +3 (21 of 31 days)",
        quantity=Fraction(3),
        amount_minor=813,
        starts_at=t("2026-03-11"),
        feature="seats",
        detail=detail("252/31", "21/31", "21 of 31 days"),
    )


def test_less_of_a_prepaid_feature_gives_back_the_same_share() -> None:
    # 11 instead of 12: 4.00 less, × 21/31 = 84/31 = 2.7097 -> 2.71 back.
    held = subscribed(monthly("31", features=prepaid()), quantities={"seats": Decimal(12)})
    assert stepped(held, bought("seats", 11)) == line(
        kind="proration_credit",
        charge_key="quantity:seats",
        description="Seats · -1 (21 of 31 days)",
        quantity=Fraction(-1),
        amount_minor=-271,
        starts_at=t("2026-03-11"),
        feature="seats",
        detail=detail("-84/31", "21/31", "21 of 31 days"),
    )


def test_a_first_step_is_counted_from_the_allowance() -> None:
    # Nothing was bought: 13 are the 10 included and 3 at 4.00, × 21/31 = 252/31 -> 8.13.
    made = stepped(subscribed(monthly("31", features=prepaid())), bought("seats", 13))
    assert made is not None
    assert values(made, "quantity amount_minor") == (3, 813)


def test_more_units_of_a_plan_are_charged_at_its_fee_for_the_rest_of_the_period() -> None:
    # 5 instead of 2: 3 × 31.00 × 21/31 = 63.00.
    held = subscribed(monthly("31", quantity=(1, 20)), quantity=2)
    assert stepped(held, bought("", 5)) == line(
        kind="proration_charge",
        charge_key="fee",
        description="Starter · +3 (21 of 31 days)",
        quantity=Fraction(3),
        unit_price=Fraction(31),
        amount_minor=6300,
        starts_at=t("2026-03-11"),
        detail=detail("63", "21/31", "21 of 31 days"),
    )


def test_a_step_is_measured_from_the_one_before_it_of_the_same_instant_too() -> None:
    # 2, then 3, then 5 on one day: the second step adds 2 × 31.00 × 21/31 = 42.00.
    held = subscribed(
        monthly("31", quantity=(1, 20)), quantity=2, steps=(bought("", 3, seq=1), bought("", 5, seq=2))
    )
    first, second = (stepped(held, step) for step in held.steps)
    assert first is not None
    assert second is not None
    assert values(first, "quantity amount_minor") == (1, 2100)
    assert values(second, "quantity amount_minor") == (2, 4200)


@pytest.mark.parametrize("total", [12, 9])
def test_a_step_that_comes_to_nothing_is_no_line(total: int) -> None:
    # The same total again, or one within the allowance where nothing above it was held.
    held = subscribed(monthly(features=prepaid()), quantities={"seats": Decimal(total)})
    assert stepped(held, bought("seats", 12 if total == 12 else 8)) is None


def test_a_feature_without_an_allowance_is_counted_from_nothing_and_without_a_name_called_by_its_id() -> None:
    # 3 × 4.00 × 21/31 = 252/31 = 8.129 -> 8.13.
    held = subscribed(monthly(features=prepaid(included=0)))
    made = step_line(held, bought("seats", 3), replace(MARCH, starts_at=t("2026-03-11")), MARCH, {})
    assert made is not None
    assert values(made, "quantity amount_minor description") == (3, 813, "seats · +3 (21 of 31 days)")


def test_a_step_of_a_feature_is_measured_from_the_one_before_it() -> None:
    # 12, then 15 on the 6th, then 14 on the 11th: 4.00 less × 21/31 = 84/31 = 2.7097.
    steps = (bought("seats", 15, "2026-03-06", 1), bought("seats", 14, "2026-03-11", 2))
    held = subscribed(monthly(features=prepaid()), quantities={"seats": Decimal(12)}, steps=steps)
    made = stepped(held, steps[1])
    assert made is not None
    assert values(made, "quantity amount_minor") == (-1, -271)


def test_a_single_cent_is_a_charge() -> None:
    made = step_line(
        subscribed(monthly("0.01", quantity=(1, 20))), bought("", 2, "2026-03-01"), MARCH, MARCH, NAMES
    )
    assert made is not None
    assert values(made, "kind amount_minor") == ("proration_charge", 1)


def test_units_of_a_plan_without_a_fee_cost_nothing() -> None:
    terms = monthly(quantity=(1, 20))
    (row,) = terms.rows
    held = subscribed(replace(terms, rows=(replace(row, fee={}, usage_only=True),)))
    assert stepped(held, bought("", 5)) is None


# --- in arrears


def test_in_arrears_a_step_on_the_first_or_after_the_last_instant_is_no_step_of_the_period() -> None:
    steps = (bought("", 2, "2026-03-01", 1), bought("", 3, "2026-04-01", 2))
    held = subscribed(monthly("31", quantity=(1, 20), bill="in arrears"), steps=steps)
    assert [values(one, "charge_key quantity amount_minor") for one in fees(held)] == [("fee", 2, 6200)]


def test_without_proration_a_step_at_the_end_of_the_period_or_after_it_is_none_of_it_either() -> None:
    terms = monthly("31", quantity=(1, 20), bill="in arrears", proration="none")
    steps = (bought("", 2, "2026-03-31", 1), bought("", 4, "2026-04-01", 2), bought("", 8, "2026-04-10", 3))
    made = fees(subscribed(terms, steps=steps))
    assert [values(one, "charge_key amount_minor") for one in made] == [("fee", 3100), ("fee:1", 3100)]


def test_in_arrears_the_rest_of_a_period_after_a_block_begins_with_the_day_it_resumed() -> None:
    (made,) = fees(subscribed(monthly("31", bill="in arrears")), t("2026-03-11"))
    assert values(made, "kind amount_minor starts_at") == ("proration_charge", 2100, t("2026-03-11"))


def test_a_one_off_in_arrears_has_no_steps_charged_at_the_end_that_it_does_not_have() -> None:
    terms = replace(sold(once="299"), bill="in arrears", quantity=(1, 20))
    held = running(terms, "2026-01-01", pay="once", steps=(bought("", 2),))
    assert [one.amount_minor for one in fees(held, index=0)] == [29900]


def test_in_arrears_a_step_that_was_charged_on_its_own_is_left_out_and_the_others_follow_in_order() -> None:
    # From the 11th 2 more (62.00 × 21/31), charged then; on the 21st first one less, then two more: 11 of 31 days.
    steps = (
        bought("", 5, "2026-03-21", 3),
        bought("", 2, "2026-03-21", 2),
        replace(bought("", 3, "2026-03-11", 1), charged=True),
    )
    held = subscribed(monthly("31", quantity=(1, 20), bill="in arrears"), steps=steps)
    assert [values(one, "charge_key quantity amount_minor service_index") for one in fees(held)] == [
        ("fee", 1, 3100, 2),
        ("fee:2", -1, -1100, 2),
        ("fee:3", 3, 3300, 2),
    ]


def test_a_one_off_in_arrears_is_charged_whole_at_once() -> None:
    (made,) = fees(running(replace(sold(once="299"), bill="in arrears"), "2026-01-01", pay="once"), index=0)
    assert values(made, "kind amount_minor ends_at detail") == ("one_off", 29900, None, detail("299"))


# --- pauses that give back


def paused(starts: str, ends: str | None) -> BlockedSpan:
    return BlockedSpan(t(starts), None if ends is None else t(ends), kind="paused")


def test_in_arrears_the_days_of_pauses_are_left_out_of_the_fee() -> None:
    # 6 to 10 and 21 to 23 March: 5 and 3 of 31 days, so 23 × 1.00 are charged. What was blocked is no pause.
    spans = (
        paused("2026-03-06", "2026-03-11"),
        paused("2026-03-21", "2026-03-24"),
        BlockedSpan(t("2026-03-26"), t("2026-03-28")),
        paused("2026-02-01", "2026-02-11"),
    )
    held = subscribed(monthly("31", bill="in arrears", pause="credit"), blocked=spans)
    (made,) = fees(held)
    assert values(made, "amount_minor description detail") == (
        2300,
        "Starter · Monthly (23 of 31 days)",
        detail("23", "23/31", "23 of 31 days"),
    )


def test_a_pause_that_lasts_takes_the_rest_of_the_period_and_one_from_before_its_beginning() -> None:
    terms = monthly("31", bill="in arrears", pause="credit")
    (rest,) = fees(subscribed(terms, blocked=(paused("2026-03-21", None),)))
    assert values(rest, "amount_minor description") == (2000, "Starter · Monthly (20 of 31 days)")
    (beginning,) = fees(subscribed(terms, blocked=(paused("2026-02-21", "2026-03-11"),)))
    assert values(beginning, "amount_minor description") == (2100, "Starter · Monthly (21 of 31 days)")
    (over,) = fees(subscribed(terms, blocked=(paused("2026-03-30", "2026-05-01"),)))
    assert over.amount_minor == 2900


def test_days_of_pauses_are_local_ones() -> None:
    # March in Berlin has 31 days, an hour short; paused from the 6th to the 10th there.
    spans = (BlockedSpan(t("2026-03-06", "Europe/Berlin"), t("2026-03-11", "Europe/Berlin"), kind="paused"),)
    terms = monthly("31", bill="in arrears", pause="credit")
    (made,) = fees(running(terms, "2026-01-01", "Europe/Berlin", blocked=spans))
    assert values(made, "amount_minor description") == (2600, "Starter · Monthly (26 of 31 days)")


def test_by_the_second_a_pause_is_measured_by_the_second() -> None:
    # 12 hours of 31 days are 1/62 of it: 31.00 × 61/62 = 30.50.
    terms = monthly("31", bill="in arrears", pause="credit", proration="second")
    (made,) = fees(subscribed(terms, blocked=(paused("2026-03-11", "2026-03-11T12:00:00Z"),)))
    assert values(made, "amount_minor description") == (3050, "Starter · Monthly (by the second)")


@pytest.mark.parametrize("terms", [{"pause": "free"}, {"pause": "credit", "proration": "none"}])
def test_where_pauses_give_nothing_back_the_fee_is_whole(terms: dict[str, Any]) -> None:
    made = fees(
        subscribed(monthly("31", bill="in arrears", **terms), blocked=(paused("2026-03-06", "2026-03-11"),))
    )
    assert [values(one, "amount_minor description") for one in made] == [(3100, "Starter · Monthly")]


def test_what_a_pause_takes_off_a_quantity_bought_within_the_period_fills_every_field() -> None:
    # Two more units from the 11th: 21 of 31 days, 42.00. Paused from the 16th to the 20th: 5 of them, 10.00 back.
    held = subscribed(
        monthly("31", quantity=(1, 20), bill="in arrears", pause="credit"),
        steps=(bought("", 3),),
        blocked=(paused("2026-02-01", "2026-02-02"), paused("2026-03-16", "2026-03-21")),
    )
    fee, more, back = fees(held)
    assert values(fee, "charge_key amount_minor") == ("fee", 2600)
    assert values(more, "charge_key amount_minor") == ("fee:1", 4200)
    assert back == line(
        kind="proration_credit",
        charge_key="fee:1:pause:2",
        description="Starter · paused (5 of 31 days)",
        quantity=Fraction(1),
        amount_minor=-1000,
        starts_at=t("2026-03-16"),
        ends_at=t("2026-03-21"),
        detail=detail("-10", "5/31", "5 of 31 days"),
    )


def test_a_pause_takes_off_a_plan_by_all_of_its_name() -> None:
    held = subscribed(
        monthly("31", quantity=(1, 20), bill="in arrears", pause="credit"),
        steps=(bought("", 2),),
        blocked=(paused("2026-03-16", "2026-03-21"),),
    )
    made = [*fee_lines(held, due_of(held, "fee", 2), {"plans.starter": "Starter · EU"})]
    assert made[2].description == "Starter · EU · paused (5 of 31 days)"


@pytest.mark.parametrize(
    ("starts", "ends", "back"),
    [
        ("2026-03-06", "2026-03-13", -200),  # the 11th and 12th of what was bought on the 11th
        ("2026-03-30", None, -200),  # the 30th and 31st
        ("2026-03-30", "2026-05-01", -200),
        ("2026-03-06", "2026-03-11", None),  # over when it was bought
        ("2026-04-01", "2026-04-05", None),  # begun when the period was over
    ],
)
def test_a_pause_takes_off_only_the_days_it_shares_with_what_was_bought(
    starts: str, ends: str | None, back: int | None
) -> None:
    held = subscribed(
        monthly("31", quantity=(1, 20), bill="in arrears", pause="credit"),
        steps=(bought("", 2),),
        blocked=(paused(starts, ends),),
    )
    assert [one.amount_minor for one in fees(held)[2:]] == ([] if back is None else [back])


# --- the minimum and the maximum


def short(held: Subscription, charged: int, index: int = 2, resumed_at: Instant | None = None) -> list[Line]:
    return list(minimum_lines(held, due_of(held, "minimum", index), charged, NAMES, resumed_at))


def test_what_is_short_of_a_minimum_fills_every_field_of_its_line() -> None:
    held = subscribed(replace(monthly("19"), minimum={"USD": Decimal("100.50")}))
    assert short(held, 4450) == [
        line(
            kind="minimum",
            charge_key="minimum",
            description="Starter · minimum",
            quantity=Fraction(1),
            amount_minor=5600,
            detail=detail("56") | {"minimum": "100.5", "charged": "44.5"},
        )
    ]


def test_after_a_block_the_minimum_is_that_of_the_rest() -> None:
    # 11 to 31 March: 62.00 × 21/31 = 42.00, less 10.00.
    held = subscribed(replace(monthly("19"), minimum={"USD": Decimal(62)}))
    (made,) = short(held, 1000, resumed_at=t("2026-03-11"))
    assert values(made, "amount_minor starts_at ends_at description") == (
        3200,
        t("2026-03-11"),
        t("2026-04-01"),
        "Starter · minimum (21 of 31 days)",
    )


def test_pauses_that_give_back_lower_the_minimum_and_less_than_half_a_cent_short_is_enough() -> None:
    terms = replace(monthly("19", pause="credit"), minimum={"USD": Decimal(62)})
    held = subscribed(terms, blocked=(paused("2026-03-06", "2026-03-11"),))
    # 26 of 31 days: 52.00.
    assert [one.amount_minor for one in short(held, 1000)] == [4200]
    assert short(held, 5200) == []
    assert [one.amount_minor for one in short(held, 5199)] == [1]
    # A minimum of 0.01 in one of 31 days is a third of a tenth of a cent.
    terms = replace(monthly("19"), minimum={"USD": Decimal("0.01")})
    assert short(canceled(subscribed(terms), "2026-03-02"), 0) == []


def test_of_a_period_that_has_no_whole_length_the_minimum_is_whole_though_it_was_paused() -> None:
    terms = replace(sold(once="19"), minimum={"USD": Decimal(62)}, pause="credit")
    held = running(terms, "2026-01-01", pay="once", blocked=(paused("2026-03-06", "2026-03-11"),))
    endless = Period(0, t("2026-01-01"), None)
    due = Due(t("2026-04-01"), "minimum", 0, replace(endless, ends_at=t("2026-04-01")), endless)
    assert [one.amount_minor for one in minimum_lines(held, due, 1000, NAMES)] == [5200]


def test_usage_of_just_the_maximum_is_not_touched_and_of_nothing_takes_the_last_cent() -> None:
    used = line(kind="usage", charge_key="usage:a", description="a", quantity=Fraction(1), amount_minor=1000)
    held = subscribed(replace(monthly(), maximum={"USD": Decimal(10)}))
    assert capped([used], held, due_of(held, "fee", 2), 0) == (used,)
    nothing = subscribed(replace(monthly(), maximum={"USD": Decimal(0)}))
    (cent,) = capped([replace(used, amount_minor=1)], nothing, due_of(nothing, "fee", 2), 0)
    assert cent.amount_minor == 0


def test_a_cut_line_of_usage_tells_its_own_amount_in_the_currencys_units() -> None:
    held = subscribed(replace(monthly(), maximum={"USD": Decimal("10.10")}))
    used = line(kind="usage", charge_key="usage:a", description="a", quantity=Fraction(1), amount_minor=2555)
    free = replace(used, charge_key="usage:b", amount_minor=0)
    due = due_of(held, "fee", 2)
    cut, kept = capped([used, free], held, due, 10)
    assert cut == replace(used, amount_minor=1000, detail={"uncapped": "25.55", "maximum": "10.1"})
    assert kept == free


# --- the share of a period


def test_the_share_of_a_period_without_an_end_and_of_a_whole_one_is_all_of_it() -> None:
    held = subscribed(monthly(proration="second"))
    endless = Period(0, t("2026-01-01"), None)
    assert values(share(held, t("2026-01-11"), endless, endless), "part text") == (1, "")
    assert values(share(held, t("2026-01-11"), MARCH, endless), "part text") == (1, "")
    assert values(share(held, MARCH.starts_at, MARCH, MARCH), "part text") == (1, "")
