"""Changes of plans: up or down, when, what is refused, and what takes whose place."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal
from typing import Any, Literal

import pytest

from planctl.core.catalog.model import Group, OnlyFor, Terms, Trial
from planctl.core.customers import Customer
from planctl.core.periods import Instant
from planctl.core.subscriptions.changes import (
    Change,
    When,
    addons_of,
    changed,
    check_is_another,
    coming_in_group,
    direction_of,
    goes_with,
    keeping,
    moved_addons,
    renewal_of,
    reopened_at,
    row_for,
    runs_in_group,
    settled_then,
    timing_of,
)
from planctl.core.subscriptions.model import QuantityStep, Status, Subscription
from planctl.core.subscriptions.start import AlreadyRunning, Ask, Offered
from planctl.errors import Refused
from tests.core.billing import DECLARED, canceled, metered, monthly, offer, prepaid, running, sold, t

NOVA = Customer("nova", currency="USD", timezone="UTC")
NOW = t("2026-04-16")
MAIN = Group("main", order=("a", "b", "c"))


def plan(name: str, terms: Terms, group: Group | None = MAIN) -> Offered:
    return replace(offer(replace(terms, group="main"), name), group=group)


def runs(terms: Terms, plan: str = "b", start: str = "2026-04-01", **more: Any) -> Subscription:
    """A subscription of the group, billed to its start."""
    said: dict[str, Any] = {
        "id": "sub_old",
        "plan": plan,
        "exclusive_group": "main",
        "settled_at": t(start),
    } | more
    return running(replace(terms, group="main"), start, **said)


def make(
    old: Subscription, to: Offered, when: When = "", beside: Sequence[Subscription] = (), **asked: Any
) -> Change:
    customer = replace(NOVA, payment_method="card")
    ask = Ask(**({"start_at": NOW, "now": NOW} | asked))
    return changed("sub_new", customer, to, ask, old, (old, *beside), DECLARED, when)


A, B, C = plan("a", monthly("30")), plan("b", monthly("60")), plan("c", monthly("90"))
OLD = runs(B.terms)
ADDON = replace(sold(month="6"), kind="addon", requires=("b", "c"))


def addon(terms: Terms = ADDON, **more: Any) -> Subscription:
    said: dict[str, Any] = {
        "id": "sub_seat",
        "plan": "seat",
        "base": "sub_old",
        "settled_at": t("2026-04-01"),
    } | more
    return running(terms, "2026-04-01", **said)


# --- up or down


@pytest.mark.parametrize(
    ("to", "pay", "direction"),
    [
        ("a", "month", "down"),
        ("c", "month", "up"),
        ("c", "year", "up"),
        ("b", "year", "interval"),
        ("b", "month", "terms"),
    ],
)
def test_the_groups_order_says_what_is_up(to: str, pay: str, direction: str) -> None:
    cheap = plan(to, sold(month="1", year="1"))
    assert direction_of(OLD, cheap, pay) == direction


@pytest.mark.parametrize(
    ("price", "pay", "direction"),
    [
        ({"month": "60.01"}, "month", "up"),
        ({"month": "60"}, "month", "down"),
        ({"month": "59"}, "month", "down"),
        ({"year": "721"}, "year", "up"),  # 60.083… a month
        ({"year": "720"}, "year", "down"),  # 60.00 a month
        ({"week": "14"}, "week", "up"),  # 14.00 x 52.18 / 12 = 60.87… a month
    ],
)
def test_beyond_the_order_dearer_per_month_is_up(price: dict[str, str], pay: str, direction: str) -> None:
    assert direction_of(OLD, plan("other", sold(**price)), pay) == direction


def test_a_plan_without_a_fee_is_below_one_with_a_fee() -> None:
    assert direction_of(OLD, plan("other", Terms(rows=())), "month") == "down"


@pytest.mark.parametrize(
    ("direction", "up", "down", "when", "timing"),
    [
        ("up", "now", "at renewal", "", "now"),
        ("up", "restart", "at renewal", "", "restart"),
        ("up", "restart", "at renewal", "now", "restart"),
        ("up", "now", "at renewal", "renewal", "renewal"),
        ("down", "now", "at renewal", "", "renewal"),
        ("down", "restart", "at renewal", "now", "now"),
        ("down", "now", "on approval", "", "approval"),
        ("down", "now", "on approval", "renewal", "renewal"),
        ("down", "now", "on approval", "now", "now"),
        ("down", "now", "now", "", "now"),
        ("interval", "restart", "at renewal", "", "now"),
        ("interval", "now", "on approval", "renewal", "renewal"),
        ("terms", "now", "at renewal", "", "renewal"),
        ("terms", "now", "at renewal", "now", "now"),
    ],
)
def test_the_group_says_when_unless_that_is_asked_for(
    direction: Literal["up", "down", "interval", "terms"],
    up: Literal["now", "restart"],
    down: Literal["at renewal", "on approval", "now"],
    when: When,
    timing: str,
) -> None:
    group = Group("main", switch_up=up, switch_down=down)
    assert timing_of(direction, OLD, group, when) == timing


def test_without_a_group_in_the_catalog_up_is_now_and_down_at_renewal() -> None:
    assert timing_of("up", OLD, None, "") == "now"
    assert timing_of("down", OLD, None, "") == "renewal"


# --- the row


def test_the_row_is_the_one_asked_for_then_the_one_paid_now_then_the_only_one() -> None:
    both = plan("c", sold(month="90", year="900"))
    assert row_for(OLD, both, "") == "month"
    assert row_for(OLD, both, "year") == "year"
    assert row_for(OLD, plan("c", sold(year="900")), "") == "year"
    assert row_for(replace(OLD, pay="year"), plan("free", Terms(free=True)), "") == "month"


# --- a change at once


def test_the_new_one_takes_over_the_periods_the_zone_and_the_lock() -> None:
    old = replace(OLD, timezone="Asia/Tokyo", locked="a special price")
    change = make(old, C)
    new = change.successor
    assert (change.timing, change.direction, change.at, change.at_once) == ("now", "up", NOW, True)
    assert (new.id, new.plan, new.status, new.follows, new.locked) == (
        "sub_new", "c", Status.ACTIVE, "sub_old", "a special price",
    )  # fmt: skip
    assert (new.started_at, new.fees_from, new.usage_from) == (NOW, NOW, NOW)
    assert (new.anchor_at, new.anchors, new.timezone) == (old.anchor_at, (), "Asia/Tokyo")
    assert (change.ended.ends_at, change.ended.end_reason) == (NOW, "changed")
    assert change.before == old


def test_a_restart_begins_a_new_period_with_its_own_anchor() -> None:
    group = Group("main", order=("b", "c"), switch_up="restart")
    change = make(OLD, plan("c", monthly("90"), group))
    assert (change.timing, change.successor.anchor_at, change.successor.anchors) == ("restart", NOW, ())


def test_another_interval_begins_a_new_period_too() -> None:
    change = make(OLD, plan("c", sold(year="900")))
    assert (change.timing, change.successor.pay, change.successor.anchor_at) == ("now", "year", NOW)


def test_anchors_that_came_before_are_kept_with_the_periods() -> None:
    old = runs(B.terms, "b", "2026-03-01", anchors=(t("2026-03-15"),), settled_at=t("2026-04-15"))
    new = make(old, C).successor
    assert (new.anchor_at, new.anchors) == (t("2026-03-01"), (t("2026-03-15"),))
    assert new.schedule().period(new.schedule().index_at(NOW)).ends_at == t("2026-05-15")


def test_the_new_ones_own_expiry_counts_from_the_change() -> None:
    passing = replace(C, terms=replace(C.terms, expires="2 months"))
    new = make(OLD, passing).successor
    assert (new.expires_at, new.ends_at, new.end_reason) == (t("2026-06-16"), t("2026-06-16"), "expired")


# --- a change at the renewal


def test_a_change_at_the_renewal_is_a_start_to_come_and_an_end_of_what_runs() -> None:
    change = make(OLD, A)
    may = t("2026-05-01")
    assert (change.timing, change.at, change.at_once) == ("renewal", may, False)
    assert (change.successor.status, change.successor.started_at, change.successor.fees_from) == (
        Status.PENDING, may, may,
    )  # fmt: skip
    assert (change.ended.ends_at, change.ended.end_reason, change.ended.status) == (
        may, "changed", Status.ACTIVE,
    )  # fmt: skip
    assert change.addons == ()


def test_the_renewal_is_the_end_of_the_running_period_also_at_its_very_start() -> None:
    assert renewal_of(OLD, t("2026-04-01")) == t("2026-05-01")
    assert renewal_of(OLD, t("2026-04-30T23:59:59.999999Z")) == t("2026-05-01")
    assert renewal_of(OLD, t("2026-05-01")) == t("2026-06-01")


@pytest.mark.parametrize(
    "old",
    [replace(OLD, pay="once"), replace(OLD, expires_at=t("2026-04-30"), ends_at=t("2026-04-30"))],
    ids=["once", "expires-before"],
)
def test_what_is_not_renewed_has_no_renewal_to_change_at(old: Subscription) -> None:
    with pytest.raises(Refused) as refused:
        renewal_of(old, NOW)
    assert (refused.value.code, refused.value.exit_code) == ("no-renewal", 4)


def test_what_expires_at_the_renewal_can_change_there() -> None:
    assert renewal_of(replace(OLD, expires_at=t("2026-05-01")), NOW) == t("2026-05-01")


# --- what gives way


def test_a_start_to_come_in_the_group_gives_way_to_a_change() -> None:
    coming = replace(OLD, id="sub_next", status=Status.PENDING, follows="sub_old", started_at=t("2026-05-01"))
    other = replace(coming, id="sub_other", exclusive_group="sales")
    assert make(OLD, C, beside=[coming, other]).withdrawn == (coming,)


def test_the_same_change_scheduled_already_is_nothing_to_do() -> None:
    coming = make(OLD, A).successor
    with pytest.raises(AlreadyRunning) as running:
        check_is_another(make(OLD, A, beside=[replace(coming, id="sub_next")]))
    assert running.value.where == "sub_next"
    check_is_another(make(OLD, A, beside=[replace(coming, id="sub_next", quantity=2)]))


def test_the_same_terms_again_are_nothing_to_do() -> None:
    same = replace(OLD, terms_hash="hash")
    with pytest.raises(AlreadyRunning) as running:
        check_is_another(make(same, B, "now"))
    assert running.value.where == "sub_old"
    check_is_another(make(replace(OLD, terms_hash="older"), B, "now"))


# --- quantities


def seated(included: int, up_to: int | None) -> Terms:
    return monthly("60", features=prepaid(included=included, up_to=up_to), quantity=(1, 5))


@pytest.mark.parametrize(
    ("held", "to", "carried"),
    [
        (8, seated(3, 20), {"seats": Decimal(8)}),
        (8, seated(10, 20), {}),  # within the new allowance
        (8, seated(3, 5), {"seats": Decimal(5)}),  # no more are sold
        (8, monthly("60", features=metered("seats")), {}),  # not bought ahead there
        (8, monthly("60"), {}),
    ],
)
def test_totals_go_over_as_far_as_the_new_plan_sells_them(
    held: int, to: Terms, carried: dict[str, Decimal]
) -> None:
    old = runs(seated(3, 20), quantities={"seats": Decimal(held)})
    assert make(old, plan("c", to)).successor.quantities == carried


def test_a_total_asked_for_with_the_change_comes_before_the_one_held() -> None:
    old = runs(seated(3, 20), quantities={"seats": Decimal(8)}, quantity=3)
    new = make(old, plan("c", seated(3, 20)), quantities={"seats": Decimal(12)}).successor
    assert (new.quantities, new.quantity) == ({"seats": Decimal(12)}, 3)
    assert make(old, plan("c", seated(3, 20)), quantity=2).successor.quantity == 2


def test_units_of_the_plan_itself_go_over_as_far_as_it_is_sold_so() -> None:
    old = runs(seated(3, 20), quantity=4)
    assert make(old, plan("c", replace(seated(3, 20), quantity=(1, 2)))).successor.quantity == 2
    assert make(runs(B.terms), plan("c", replace(C.terms, quantity=(3, 9)))).successor.quantity == 3


def test_what_a_step_changed_before_counts_as_held() -> None:
    step = QuantityStep(t("2026-04-10"), "seats", Decimal(9), 1, True)
    old = runs(seated(3, 20), quantities={"seats": Decimal(8)}, steps=(step,))
    assert make(old, plan("c", seated(3, 20))).successor.quantities == {"seats": Decimal(9)}


# --- in a trial


TRIAL = Trial(days=14)


def trying(terms: Terms = B.terms) -> Subscription:
    over = t("2026-04-30")
    return runs(
        replace(terms, trial=TRIAL), "b", "2026-04-16", status=Status.TRIALING, settled_at=None,
        trial_ends_at=over, anchors=(over,), fees_from=over,
    )  # fmt: skip


@pytest.mark.parametrize("to", [A, C], ids=["down", "up"])
def test_within_a_trial_a_change_is_at_once_and_counts_the_new_trial_from_the_original_start(
    to: Offered,
) -> None:
    longer = replace(to, terms=replace(to.terms, trial=Trial(days=30)))
    at = t("2026-04-20")
    change = make(trying(), longer, start_at=at, now=at)
    new = change.successor
    over = t("2026-05-16")  # 16 April and 30 days
    assert (change.timing, new.status, new.trial_ends_at) == ("now", Status.TRIALING, over)
    assert (new.anchor_at, new.anchors, new.fees_from) == (t("2026-04-16"), (over,), over)


@pytest.mark.parametrize("trial", [None, Trial(days=4)], ids=["none", "over-already"])
def test_without_a_trial_left_the_new_plan_is_paid_from_the_change_on(trial: Trial | None) -> None:
    at = t("2026-04-20")  # 16 April and 4 days
    new = make(trying(), replace(C, terms=replace(C.terms, trial=trial)), start_at=at, now=at).successor
    assert (new.status, new.trial_ends_at, new.anchor_at, new.anchors, new.fees_from) == (
        Status.ACTIVE, None, at, (), at,
    )  # fmt: skip


def test_no_trial_can_be_asked_for_within_a_trial() -> None:
    at = t("2026-04-20")
    longer = replace(C, terms=replace(C.terms, trial=Trial(days=30)))
    new = make(trying(), longer, start_at=at, now=at, trial=False).successor
    assert (new.status, new.anchor_at) == (Status.ACTIVE, at)


# --- refused


def refusal(old: Subscription, to: Offered = C, beside: Sequence[Subscription] = (), **asked: Any) -> str:
    with pytest.raises(Refused) as refused:
        make(old, to, beside=beside, **asked)
    assert refused.value.exit_code == 4
    return refused.value.code


@pytest.mark.parametrize("status", [Status.BLOCKED, Status.PAUSED, Status.CANCELED, Status.EXPIRED])
def test_what_is_stopped_or_has_ended_does_not_change(status: Status) -> None:
    with pytest.raises(Refused) as refused:
        make(replace(OLD, status=status), C)
    assert "change" not in refused.value.expected.split(" | ")


def test_a_change_has_no_start_of_its_own_and_begins_no_trial() -> None:
    assert refusal(OLD, start_at=t("2026-04-20")) == "change-start"
    assert refusal(OLD, trial=True) == "no-trial"


def test_the_currency_stays() -> None:
    (row,) = C.terms.rows
    both = replace(C, terms=replace(C.terms, rows=(replace(row, fee={**row.fee, "EUR": Decimal(80)}),)))
    assert refusal(OLD, both, currency="EUR") == "no-such-currency"


def test_who_may_not_have_the_plan_does_not_get_it_by_a_change() -> None:
    closed = replace(C, offer=replace(C.offer, only_for=OnlyFor(emails=("dean@school.example",))))
    assert refusal(OLD, closed) == "only-for"


def test_what_is_not_billed_yet_cannot_be_credited() -> None:
    april = t("2026-04-01")
    assert refusal(runs(B.terms, "b", "2026-03-01", settled_at=t("2026-03-31"))) == "not-billed"
    assert refusal(OLD, beside=[addon(settled_at=None)]) == "not-billed"
    assert make(replace(OLD, settled_at=None), C, start_at=april, now=april).at == april


def test_nothing_changes_before_a_period_that_is_billed_already() -> None:
    assert refusal(replace(OLD, settled_at=t("2026-05-01"))) == "settled-since"


# --- going on after all


def test_a_planned_end_and_what_was_to_follow_are_taken_back_together() -> None:
    change = make(OLD, A)
    seat = addon(ends_at=change.at, end_reason="changed")
    going_on = keeping(change.ended, [change.ended, change.successor, seat])
    assert going_on is not None
    assert (going_on.kept, going_on.withdrawn) == (OLD, (change.successor,))
    assert going_on.addons == (replace(seat, ends_at=None, end_reason=""),)


def test_the_end_that_the_terms_foresee_comes_back_with_it() -> None:
    expires = t("2026-06-01")
    ends = canceled(replace(OLD, expires_at=expires), "2026-05-01")
    going_on = keeping(ends, [ends])
    assert going_on is not None
    assert (going_on.kept.ends_at, going_on.kept.end_reason) == (expires, "expired")
    foreseen = replace(OLD, expires_at=expires, ends_at=expires, end_reason="expired")
    assert keeping(foreseen, [foreseen]) is None


def test_without_anything_planned_there_is_nothing_to_take_back() -> None:
    assert keeping(OLD, [OLD]) is None
    assert keeping(replace(OLD, status=Status.CANCELED, ends_at=NOW, end_reason="canceled"), [OLD]) is None


# --- whose place


def test_a_start_takes_the_place_of_what_runs_in_its_exclusive_group_unless_that_is_free() -> None:
    free = replace(OLD, id="sub_free", terms=Terms(free=True, group="main"))
    sales = replace(OLD, id="sub_sales", exclusive_group="sales")
    assert runs_in_group(C, [free, sales]) is None
    assert runs_in_group(C, [sales, free, OLD]) == OLD
    assert runs_in_group(replace(C, exclusive=False), [OLD]) is None
    assert runs_in_group(C, [replace(OLD, status=Status.CANCELED)]) is None


def test_only_starts_to_come_of_the_group_are_to_come_in_it() -> None:
    coming = replace(OLD, id="sub_next", status=Status.PENDING)
    assert coming_in_group(C, [OLD, coming, replace(coming, exclusive_group="sales")]) == (coming,)
    assert coming_in_group(replace(C, exclusive=False), [coming]) == ()


# --- add-ons


def moved(one: Subscription, new: Subscription, old: Subscription = OLD) -> Subscription:
    (found,) = moved_addons(old, new, [old, one])
    return found


def test_an_add_on_that_the_new_plan_allows_goes_over_as_it_is() -> None:
    new = make(OLD, C).successor
    assert moved(addon(), new) == addon(base="sub_new")


def test_an_add_on_that_it_does_not_allow_ends_with_the_change() -> None:
    only_b = addon(replace(ADDON, requires=("b",)))
    assert moved(only_b, make(OLD, C).successor) == replace(only_b, ends_at=NOW, end_reason="changed")


@pytest.mark.parametrize(
    ("requires", "pay", "base_pay", "goes"),
    [
        (("c",), "month", "month", True),
        ((), "month", "month", True),
        (("b",), "month", "month", False),
        (("c",), "month", "year", True),
        (("c",), "year", "month", False),
        (("c",), "week", "month", False),
        (("c",), "once", "month", True),
    ],
)
def test_an_add_on_goes_with_a_base_that_it_requires_and_whose_interval_its_own_divides(
    requires: tuple[str, ...], pay: str, base_pay: str, goes: bool
) -> None:
    base = replace(OLD, plan="c", pay=base_pay)
    assert goes_with(addon(replace(ADDON, requires=requires), pay=pay), base) is goes


def test_its_periods_begin_anew_with_the_bases() -> None:
    new = make(OLD, plan("c", sold(year="900"))).successor
    one = moved(addon(), new)
    assert (one.base, one.anchors) == ("sub_new", (NOW,))
    assert [one.schedule().period(index).ends_at for index in (0, 1)] == [NOW, t("2026-05-16")]


def test_where_one_of_its_own_begins_there_and_ends_the_same_nothing_begins_anew() -> None:
    at = t("2026-05-01")
    new = replace(make(OLD, plan("c", sold(year="900"))).successor, started_at=at, anchor_at=at)
    assert moved(addon(), new).anchors == ()
    late = addon(started_at=t("2026-03-31"), anchor_at=t("2026-03-31"))  # 30 April to 31 May, not to the 30th
    at = t("2026-04-30")
    new = replace(new, started_at=at, anchor_at=at)
    assert moved(late, new).anchors == (at,)


def test_in_a_trial_it_goes_into_the_new_bases_trial_or_is_paid_from_the_change_on() -> None:
    over, at = t("2026-04-30"), t("2026-04-20")
    seat = addon(
        started_at=at, anchor_at=t("2026-04-16"), trial_ends_at=over, anchors=(over,), fees_from=over,
        status=Status.TRIALING, settled_at=None,
    )  # fmt: skip
    longer = replace(C, terms=replace(C.terms, trial=Trial(days=30)))
    for to, ends_at in ((longer, t("2026-05-16")), (C, t("2026-04-25"))):
        new = make(trying(), to, start_at=t("2026-04-25"), now=t("2026-04-25")).successor
        one = moved(seat, new, trying())
        assert (one.trial_ends_at, one.anchors, one.fees_from) == (ends_at, (ends_at,), ends_at)


def test_it_ends_with_the_new_base_or_when_it_was_to_end_of_itself() -> None:
    passing = replace(C, terms=replace(C.terms, expires="2 months"))
    new = make(OLD, passing).successor
    assert (moved(addon(), new).ends_at, moved(addon(), new).end_reason) == (t("2026-06-16"), "expired")
    own = canceled(addon(), "2026-05-01")
    assert (moved(own, new).ends_at, moved(own, new).end_reason) == (t("2026-05-01"), "canceled")
    expires = addon(expires_at=t("2026-05-20"))
    assert (moved(expires, new).ends_at, moved(expires, new).end_reason) == (t("2026-05-20"), "expired")


def test_an_end_that_it_had_from_the_old_base_is_the_old_bases() -> None:
    ends = canceled(OLD, "2026-05-01")
    seat = addon(ends_at=ends.ends_at, end_reason="canceled")
    assert moved(seat, make(ends, C).successor, ends).ends_at is None


def test_those_that_ended_and_those_of_other_bases_are_left_alone() -> None:
    other = addon(id="sub_other", base="sub_sales")
    ended = addon(id="sub_ended", status=Status.CANCELED)
    assert addons_of(OLD, [OLD, other, ended, addon()]) == (addon(),)
    gone = canceled(addon(), "2026-04-10")
    assert moved_addons(OLD, make(OLD, C).successor, [other, ended, gone]) == ()


# --- at the instant of a run


def test_what_a_change_cuts_at_the_instant_of_a_run_is_not_settled_by_it() -> None:
    assert reopened_at(replace(OLD, settled_at=NOW), NOW).settled_at == Instant(NOW - 1)
    assert reopened_at(OLD, NOW) == OLD


def test_what_the_run_settled_at_that_instant_is_known() -> None:
    terms = monthly("60", features=metered("minutes", reset="day") | metered("calls"))
    old = runs(terms, settled_at=t("2026-05-01"))
    found = {(due.part, due.index) for due in settled_then(old)}
    assert found == {("fee", 1), ("usage", 0), ("usage:day", 29)}
    assert settled_then(replace(old, settled_at=None)) == ()
