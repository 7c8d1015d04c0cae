"""What the laws say of subscriptions' lives, one breach at a time; where everything is right they say nothing."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest

from planctl.core.catalog.model import PriceRow, Terms, Trial
from planctl.core.currencies import Currency
from planctl.core.invoicing.model import Line
from planctl.core.invoicing.reclose import Charge
from planctl.core.life_laws import (
    is_days_later,
    overdrawn,
    wrong_dates,
    wrong_place,
    wrong_succession,
    wrong_trials,
    wrong_turns,
)
from planctl.core.periods import Instant, Interval, parse_instant, zone
from planctl.core.subscriptions.model import BlockedSpan, Status, Subscription
from planctl.core.subscriptions.trials import TrialUse

TERMS = Terms(group="main", rows=(PriceRow(Interval.parse("month"), {"USD": Decimal(30)}),))
TRYING = replace(TERMS, trial=Trial(14))
USD = Currency("USD", "US Dollar", 2)


def t(text: str) -> Instant:
    return parse_instant(text, zone("UTC"))


def a_plan(
    name: str, start: str = "2026-04-01", end: str = "", why: str = "changed", **more: Any
) -> Subscription:
    """A monthly plan of the main group, and when it ended."""
    at = t(start)
    ends_at = t(end) if end else None
    plain = Subscription(
        name, "nova", "pro", 1, TERMS, "", USD, "month", "UTC", at, at, Status.CANCELED if end else Status.ACTIVE,
        "main", fees_from=at, usage_from=at, ends_at=ends_at, end_reason=why if end else "",
    )  # fmt: skip
    return replace(plain, **more)


def trying(name: str = "a", **more: Any) -> Subscription:
    """A plan in its trial of 14 days from 1 April, the 15th being the first day that is paid."""
    over = t("2026-04-15")
    plain = a_plan(
        name, status=Status.TRIALING, terms=TRYING, trial_ends_at=over, anchors=(over,), fees_from=over
    )
    return replace(plain, **more)


def by_id(*several: Subscription) -> dict[str, Subscription]:
    return {one.id: one for one in several}


# --- turns


def test_plans_of_a_group_that_follow_one_another_take_turns() -> None:
    first, second = a_plan("a", end="2026-04-10"), a_plan("b", "2026-04-10", "2026-05-01", "canceled")
    assert list(wrong_turns([a_plan("c", "2026-06-01"), second, first])) == []


def test_two_plans_of_a_group_at_once_are_none() -> None:
    both = [a_plan("a", end="2026-04-11"), a_plan("b", "2026-04-10")]
    assert list(wrong_turns(both)) == [
        "a of group main runs to 2026-04-11T00:00:00Z, b begins at 2026-04-10T00:00:00Z"
    ]
    both[0] = replace(both[0], ends_at=None)
    assert list(wrong_turns(both)) == ["a of group main runs to no end, b begins at 2026-04-10T00:00:00Z"]


def test_plans_of_other_groups_add_ons_and_what_never_began_run_beside() -> None:
    beside = a_plan("b", "2026-04-05", exclusive_group="sales")
    addon = a_plan("c", "2026-04-05", exclusive_group="", base="a")
    called_off = a_plan("d", "2026-04-20", "2026-04-20", "canceled")
    assert list(wrong_turns([a_plan("a"), beside, addon, called_off])) == []


def test_what_is_canceled_at_the_instant_of_its_first_bill_ends_a_microsecond_later_and_another_may_begin() -> (
    None
):
    billed = a_plan("b", end="2026-04-01T00:00:00.000001Z", why="canceled")
    assert list(wrong_turns([a_plan("a"), billed])) == []


# --- succession


def test_a_change_begins_where_the_plan_before_it_ended() -> None:
    old, new = a_plan("a", end="2026-04-10"), a_plan("b", "2026-04-10", follows="a")
    assert list(wrong_succession(new, by_id(old, new))) == []
    assert list(wrong_succession(old, by_id(old, new))) == []


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"ends_at": t("2026-04-09")}, "a that it follows ended at 2026-04-09T00:00:00Z (changed)"),
        ({"ends_at": None, "end_reason": ""}, "a that it follows runs on"),
        ({"end_reason": "canceled"}, "a that it follows ended at 2026-04-10T00:00:00Z (canceled)"),
        ({"exclusive_group": "sales"}, "follows a, whose group, time zone or currency is another"),
        ({"timezone": "Europe/Berlin"}, "follows a, whose group, time zone or currency is another"),
    ],
)
def test_a_change_that_does_not_fit_what_it_follows_is_found(change: dict[str, Any], says: str) -> None:
    old = replace(a_plan("a", end="2026-04-10"), **change)
    new = a_plan("b", "2026-04-10", follows="a")
    found = list(wrong_succession(new, by_id(old, new)))
    assert len(found) == 1
    assert says in found[0]


def test_two_that_follow_one_are_found_once_and_what_was_called_off_is_none_of_them() -> None:
    old = a_plan("a", end="2026-04-10")
    new, rival = a_plan("b", "2026-04-10", follows="a"), a_plan("c", "2026-04-10", follows="a")
    everybody = by_id(old, new, rival)
    found = [one for each in everybody.values() for one in wrong_succession(each, everybody)]
    assert found == ["follows a, and so does c"]
    called_off = replace(rival, status=Status.CANCELED, ends_at=rival.started_at, end_reason="canceled")
    assert list(wrong_succession(new, by_id(old, new, called_off))) == []
    assert list(wrong_succession(called_off, by_id(called_off))) == []


def test_what_follows_nothing_that_is_there_or_was_changed_to_nothing_is_found() -> None:
    new = a_plan("b", follows="x")
    assert list(wrong_succession(new, by_id(new))) == ["follows x, which is none of its customer's"]
    old = a_plan("a", end="2026-04-10")
    assert list(wrong_succession(old, by_id(old))) == ["was changed, and nothing follows it"]
    addon = replace(old, base="x")
    assert list(wrong_succession(addon, by_id(addon))) == []


def test_an_add_on_stands_on_a_base_and_a_plan_in_its_group() -> None:
    base = a_plan("a")
    addon = a_plan("b", base="a", exclusive_group="", terms=replace(TERMS, kind="addon"))
    both = by_id(base, addon)
    assert [*wrong_place(base, both), *wrong_place(addon, both)] == []
    assert list(wrong_place(replace(base, exclusive_group="sales"), both)) == [
        "is exclusive in group sales, its terms are of main"
    ]
    assert list(wrong_place(replace(addon, base=""), both)) == ["is an add-on without a base"]
    assert list(wrong_place(replace(addon, base="x"), both)) == ["stands on x, which is no base of it"]
    assert list(wrong_place(replace(base, base="b"), both)) == ["stands on b, which is no base of it"]


# --- dates


def test_a_trial_after_which_the_paid_time_begins_is_right() -> None:
    assert list(wrong_dates(trying(), {})) == []
    over = trying(status=Status.ACTIVE, settled_at=t("2026-06-01"))
    assert list(wrong_dates(over, {})) == []


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"trial_ends_at": t("2026-04-16"), "fees_from": t("2026-04-16")}, "no paid period begins then"),
        ({"fees_from": t("2026-04-01")}, "its fees count from 2026-04-01T00:00:00Z"),
        ({"trial_ends_at": None, "anchors": ()}, "is in a trial that has no end"),
        ({"settled_at": t("2026-04-15")}, "is in a trial that ended at 2026-04-15T00:00:00Z"),
        (
            {"started_at": t("2026-04-15"), "anchor_at": t("2026-04-01")},
            "its trial ends at 2026-04-15T00:00:00Z",
        ),
    ],
)
def test_a_trial_whose_dates_disagree_is_found(change: dict[str, Any], says: str) -> None:
    assert any(says in what for what in wrong_dates(trying(**change), {}))


YEARLY = replace(TERMS, expires="12 months")


def test_what_expires_by_its_terms_or_some_days_later_is_right() -> None:
    end = t("2027-04-01")
    foreseen = a_plan("a", terms=YEARLY, expires_at=end, ends_at=end, end_reason="expired")
    assert list(wrong_dates(foreseen, {})) == []
    later = t("2027-04-11")
    extended = replace(foreseen, expires_at=later, ends_at=later)
    assert list(wrong_dates(extended, {})) == []
    assert list(wrong_dates(replace(extended, ends_at=t("2026-05-01"), end_reason="canceled"), {})) == []


@pytest.mark.parametrize(
    ("terms", "expires_at", "ends_at", "says"),
    [
        (YEARLY, None, None, "never expires, its terms say when"),
        (TERMS, "2027-04-01", "2027-04-01", "expires, its terms never do"),
        (YEARLY, "2027-03-31", "2027-03-31", "its terms say 2027-04-01T00:00:00Z or whole days later"),
        (YEARLY, "2027-04-02T01:00:00Z", "2027-04-02T01:00:00Z", "or whole days later"),
        (YEARLY, "2027-04-01", "2027-05-01", "is to run longer"),
        (YEARLY, "2027-04-01", "2026-12-01", "is said to expire when neither its trial nor its terms end"),
    ],
)
def test_an_expiry_that_the_terms_do_not_foresee_is_found(
    terms: Terms, expires_at: str | None, ends_at: str | None, says: str
) -> None:
    end = None if ends_at is None else t(ends_at)
    one = a_plan("a", terms=terms, expires_at=None if expires_at is None else t(expires_at), ends_at=end)
    one = replace(one, end_reason="" if end is None else "expired")
    assert any(says in what for what in wrong_dates(one, {}))


def test_an_end_without_a_date_is_found() -> None:
    assert list(wrong_dates(a_plan("a", end_reason="canceled"), {})) == ["its end has the reason 'canceled'"]


@pytest.mark.parametrize("reason", ["", "bored"])
def test_an_end_for_no_reason_is_found(reason: str) -> None:
    one = a_plan("a", end="2026-05-01", why=reason)
    assert list(wrong_dates(one, {})) == [f"its end has the reason {reason!r}"]


def test_a_payment_that_shifts_the_anchor_a_change_and_a_new_base_begin_periods_anew() -> None:
    paid = t("2026-05-20")
    shifting = replace(TERMS, renewal_anchor="shift")
    span = BlockedSpan(t("2026-05-10"), paid, "pay_1")
    shifted = a_plan("a", end="2026-06-01", terms=shifting, blocked=(span,), anchors=(paid,))
    assert list(wrong_dates(shifted, {})) == []
    new = a_plan("b", "2026-06-01", follows="a", anchor_at=shifted.anchor_at, anchors=(paid,))
    assert list(wrong_dates(new, by_id(shifted, new))) == []
    restarted = a_plan("c", "2026-06-01", follows="a")
    assert list(wrong_dates(restarted, by_id(shifted, restarted))) == []
    begun = t("2026-06-01")
    addon = a_plan("d", "2026-04-03", base="c", exclusive_group="", anchor_at=t("2026-04-01"))
    addon = replace(addon, anchors=(paid, begun))
    assert list(wrong_dates(addon, by_id(shifted, restarted, addon))) == []


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"anchors": (t("2026-05-20"),)}, "counted anew from 2026-05-20T00:00:00Z, when nothing happened"),
        ({"anchor_at": t("2026-03-01")}, "counted from 2026-03-01T00:00:00Z, when it did not begin"),
    ],
)
def test_periods_that_nothing_began_are_found(change: dict[str, Any], says: str) -> None:
    (found,) = wrong_dates(a_plan("a", **change), {})
    assert says in found


def test_a_payment_does_not_shift_the_anchor_where_the_terms_keep_it() -> None:
    paid = t("2026-05-20")
    kept = a_plan("a", blocked=(BlockedSpan(t("2026-05-10"), paid, "pay_1"),), anchors=(paid,))
    assert len(list(wrong_dates(kept, {}))) == 1


@pytest.mark.parametrize(
    ("later", "expected"),
    [
        ("2026-03-29T10:00:00Z", True),  # 12:00 in Berlin, one hour less of UTC after the clocks went forward
        ("2026-03-29T11:00:00Z", False),
        ("2026-03-27T11:00:00Z", True),
        ("2026-03-26T11:00:00Z", False),
        ("2026-03-25T11:00:00Z", False),
    ],
)
def test_days_later_are_whole_local_days(later: str, expected: bool) -> None:
    noon = t("2026-03-26T11:00:00Z")  # 12:00 in Berlin, in winter
    assert is_days_later(noon, t(later), "Europe/Berlin") is expected


# --- trials


def used(subscription: str = "a", scope: str = "group:main", at: str = "2026-04-01") -> TrialUse:
    return TrialUse("customer", "nova", scope, subscription, t(at))


def test_a_trial_is_recorded_and_goes_on_through_a_change_and_with_add_ons() -> None:
    first = trying(status=Status.CANCELED, ends_at=t("2026-04-05"), end_reason="changed")
    second = trying("b", follows="a", started_at=t("2026-04-05"))
    addon = trying("c", base="b", exclusive_group="")
    everything = by_id(first, second, addon)
    assert list(wrong_trials([*everything.values()], [used()], everything)) == []
    assert list(wrong_trials([a_plan("x")], [used("")], by_id(a_plan("x")))) == []


def test_a_trial_that_is_not_recorded_or_is_the_second_is_found() -> None:
    first = trying(status=Status.EXPIRED, ends_at=t("2026-04-15"), end_reason="expired")
    second = trying("b", started_at=t("2026-05-01"))
    both = by_id(first, second)
    assert list(wrong_trials([first], [], both)) == ["the trial of a in group:main is not recorded"]
    assert list(wrong_trials([first, second], [used()], both)) == [
        "b has a trial in group:main, which a had already"
    ]
    assert list(wrong_trials([second], [used("")], by_id(second))) == [
        "b has a trial in group:main, which another system had already"
    ]


def test_a_trial_that_nobody_had_is_found() -> None:
    plain = a_plan("a")
    assert list(wrong_trials([plain], [used()], by_id(plain))) == [
        "a trial in group:main is recorded of a, which had none"
    ]
    assert list(wrong_trials([trying()], [used(at="2026-03-01")], by_id(trying()))) == [
        "the trial of a is recorded from 2026-03-01T00:00:00Z, when it did not begin"
    ]


# --- what is given back


def charge(amount: int, key: str = "fee", **more: Any) -> Charge:
    """A line of 1 to 30 April's fee, with what credit notes took back of it."""
    line = Line(
        "fee" if amount > 0 else "proration_credit", "a", "pro", 1, key, 0, "Pro", Fraction(1), None, amount,
        t("2026-04-01"), t("2026-05-01"), discount_minor=more.pop("discount", 0),
    )  # fmt: skip
    return Charge("inv", 0, line, **more)


@pytest.mark.parametrize(
    ("charges", "over"),
    [
        ([charge(3000), charge(-2100)], 0),
        ([charge(3000), charge(-2100), charge(-900)], 0),
        ([charge(3000), charge(-2100), charge(-901)], 1),
        ([charge(3000, credited_minor=1000), charge(-2100)], 100),
        ([charge(3000, void=True), charge(-2100)], 2100),
        ([charge(3000), charge(-2100, void=True), charge(-1000)], 0),
        ([charge(3000, discount=1500), charge(-2100)], 600),
        ([charge(3000), charge(-3001, "fee:pause:1")], 1),
        ([charge(3000), charge(-1, "quantity:seats")], 1),
        ([charge(2000, "quantity:seats"), charge(-500, "quantity:seats:1")], 0),
        ([charge(2000, "quantity:seats"), charge(-2500, "quantity:seats:1")], 500),
    ],
)
def test_no_more_goes_back_than_was_charged(charges: list[Charge], over: int) -> None:
    found = list(overdrawn(charges))
    assert [f"gave back {over} more" in what for what in found] == ([True] if over else [])


def test_what_is_void_until_it_is_issued_again_counts_as_charged() -> None:
    gone, credit = charge(3000, void=True), charge(-2100)
    credit = replace(credit, invoice="inv_2", line=replace(credit.line, occasion="sub_2"))
    assert [*overdrawn([gone, credit], {"inv"})] == []
    again = replace(charge(2000), invoice="inv_3", revision=1)
    assert len([*overdrawn([gone, credit, again], {"inv"})]) == 1
