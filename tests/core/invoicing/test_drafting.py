"""Periods that were begun: those entered since the last run, without those that keep no local day."""

from __future__ import annotations

from dataclasses import replace

import pytest

from planctl.core.invoicing.drafting import begun_periods, empty_draft, identity_of
from planctl.core.invoicing.model import Draft
from planctl.core.subscriptions.dues import Due, dues
from planctl.core.subscriptions.model import Status, Subscription
from tests.core.billing import canceled, metered, monthly, running, sold, t


def test_a_period_that_was_begun_and_cut_on_one_local_day_is_none() -> None:
    before = replace(running(monthly(), "2026-01-01"), settled_at=t("2026-01-01"))
    anew = replace(before, anchors=(t("2026-02-01T10:00:00Z"), t("2026-02-01T15:00:00Z")))
    # January; 1 February until 10; until 15; from 15 on
    (begun,) = begun_periods(before, anew, t("2026-02-20"))
    assert (begun.index, begun.starts_at, begun.ends_at) == (
        3,
        t("2026-02-01T15:00:00Z"),
        t("2026-03-01T15:00:00Z"),
    )


def test_a_period_that_keeps_a_day_is_one_however_short() -> None:
    before = replace(running(monthly(), "2026-01-01"), settled_at=t("2026-01-01"))
    anew = replace(before, anchors=(t("2026-02-01T23:00:00Z"), t("2026-02-02T01:00:00Z")))
    assert [one.index for one in begun_periods(before, anew, t("2026-02-20"))] == [2, 3]


def test_before_the_anchor_and_of_a_free_plan_nothing_is_begun() -> None:
    trial = running(monthly(), "2026-01-01", status=Status.TRIALING, anchor_at=t("2026-01-15"))
    assert begun_periods(trial, trial, t("2026-01-14")) == []
    assert [one.index for one in begun_periods(trial, trial, t("2026-01-15"))] == [0]
    free = running(monthly(free=True), "2026-01-01")
    assert begun_periods(free, free, t("2026-03-01")) == []


def test_a_subscription_that_has_not_begun_or_had_ended_before_begins_no_period() -> None:
    pending = running(monthly(), "2026-01-01", status=Status.PENDING)
    active, over = replace(pending, status=Status.ACTIVE), replace(pending, status=Status.CANCELED)
    assert begun_periods(pending, pending, t("2026-02-01")) == []
    assert begun_periods(over, over, t("2026-02-01")) == []
    assert [one.index for one in begun_periods(pending, active, t("2026-02-01"))] == [0, 1]
    assert [one.index for one in begun_periods(active, over, t("2026-02-01"))] == [0, 1]


def test_periods_are_begun_from_the_one_of_the_first_fee_to_the_last_before_the_end() -> None:
    moved_in = running(monthly(), "2026-01-01", fees_from=t("2026-03-01"))
    assert [one.index for one in begun_periods(moved_in, moved_in, t("2026-04-30"))] == [2, 3]
    # What ends at a boundary does not begin the period after it.
    ended = canceled(running(monthly(), "2026-01-01"), "2026-03-01")
    assert [one.index for one in begun_periods(ended, ended, t("2026-04-30"))] == [0, 1]
    later = canceled(running(monthly(), "2026-01-01"), "2026-03-02")
    assert [one.index for one in begun_periods(later, later, t("2026-04-30"))] == [0, 1, 2]


def test_what_the_last_run_began_is_not_begun_again() -> None:
    held = running(monthly(), "2026-01-01", settled_at=t("2026-02-01"))
    assert begun_periods(held, held, t("2026-02-28")) == []
    assert [one.index for one in begun_periods(held, held, t("2026-03-01"))] == [2]
    # Settled in the trial, before the first paid period.
    trial = replace(held, anchor_at=t("2026-02-10"), fees_from=t("2026-02-10"))
    assert [one.index for one in begun_periods(trial, trial, t("2026-02-10"))] == [0]
    at_the_anchor = replace(trial, settled_at=t("2026-02-10"))
    assert begun_periods(at_the_anchor, at_the_anchor, t("2026-02-11")) == []


# --- a draft before it has lines


def test_an_empty_draft_has_its_identity_its_period_and_when_it_is_due() -> None:
    # Due 7 local days after it was issued, at the time of day it was: 29 March is the change of clocks in Berlin.
    held = running(monthly(), "2026-01-31", "Europe/Berlin", catalog_revision=4)
    at, issued = t("2026-02-28", "Europe/Berlin"), t("2026-03-25T09:00:00Z")
    assert empty_draft(held, "renewal", 1, "why", at, issued) == Draft(
        customer="nova",
        subscription="sub_1",
        period_index=1,
        kind="renewal",
        currency=held.currency,
        at=at,
        starts_at=at,
        ends_at=t("2026-03-31", "Europe/Berlin"),
        due_at=t("2026-04-01T08:00:00Z"),
        grace_ends_at=t("2026-04-04T08:00:00Z"),
        issued_at=issued,
        lines=(),
        occasion="why",
        timezone="Europe/Berlin",
        catalog_revision=4,
    )


def test_a_draft_is_due_from_its_own_instant_where_that_is_later_than_its_issue() -> None:
    held = running(monthly(), "2026-01-01")
    ahead = empty_draft(held, "renewal", 1, "", t("2026-02-01"), t("2026-01-20"))
    assert (ahead.due_at, ahead.grace_ends_at) == (t("2026-02-08"), t("2026-02-11"))
    assert ahead.issued_at == t("2026-01-20")


def test_a_pack_and_terms_without_grace_have_none() -> None:
    held, at = running(monthly(), "2026-01-01"), t("2026-01-10")
    assert empty_draft(held, "pack", 0, "pur_1", at, at).grace_ends_at is None
    without = replace(held, terms=replace(held.terms, grace_days=None))
    assert empty_draft(without, "renewal", 0, "", at, at).grace_ends_at is None


def test_a_draft_of_a_period_that_began_before_the_start_begins_with_the_start() -> None:
    addon = running(monthly(), "2026-01-20", anchor_at=t("2026-01-10"), base="sub_0")
    draft = empty_draft(addon, "renewal", 0, "", t("2026-01-20"), t("2026-01-20"))
    assert (draft.starts_at, draft.ends_at) == (t("2026-01-20"), t("2026-02-10"))


# --- which invoice it is


def at_once(held: Subscription, day: str) -> tuple[Due, ...]:
    """What falls due at an instant."""
    return tuple(due for due in dues(held, t(day)) if due.at == t(day))


@pytest.mark.parametrize(
    ("day", "identity"),
    [
        ("2026-01-01", ("renewal", 0, "")),
        ("2026-02-01", ("renewal", 1, "")),
        ("2026-03-10", ("final", 2, "")),
    ],
)
def test_what_bills_fees_is_a_renewal_and_what_ends_is_final(
    day: str, identity: tuple[str, int, str]
) -> None:
    held = canceled(running(monthly(features=metered()), "2026-01-01"), "2026-03-10")
    assert identity_of(held, t(day), at_once(held, day)) == identity


def test_usage_that_closes_within_a_period_is_an_invoice_of_its_own_named_by_its_allowance() -> None:
    weekly = running(monthly(features=metered(reset="week")), "2026-01-01")
    assert identity_of(weekly, t("2026-01-15"), at_once(weekly, "2026-01-15")) == (
        "usage",
        0,
        "allowance:week:1",
    )
    yearly = running(replace(sold(year="190"), features=metered(reset="month")), "2026-01-01", pay="year")
    assert identity_of(yearly, t("2026-03-01"), at_once(yearly, "2026-03-01")) == (
        "usage",
        0,
        "allowance:1",  # the reset of a yearly plan, so that nothing else is said
    )


def test_an_invoice_at_a_boundary_is_the_renewals_though_it_bills_no_fee() -> None:
    held = running(monthly(features=metered(), bill="in arrears"), "2026-01-01")
    usage = tuple(due for due in at_once(held, "2026-02-01") if due.part != "fee")
    assert usage
    assert identity_of(held, t("2026-02-01"), usage) == ("renewal", 1, "")


@pytest.mark.parametrize(
    ("ends_at", "index"), [("2026-03-01", 1), ("2026-03-01T00:00:00.000001Z", 2), ("2026-03-02", 2)]
)
def test_what_ends_at_a_boundary_is_final_in_the_period_before_it(ends_at: str, index: int) -> None:
    held = canceled(running(monthly(features=metered()), "2026-01-01"), ends_at)
    assert identity_of(held, t(ends_at), ()) == ("final", index, "")
    assert [one.index for one in begun_periods(held, held, t("2026-04-30"))] == list(range(index + 1))


def test_the_day_that_a_period_keeps_is_a_local_one() -> None:
    # 1 February from 00:00 to 23:30 in Berlin, then to 00:30; or from 00:00 to 00:30 of the 2nd, then to 23:30.
    before = replace(running(monthly(), "2026-01-01", "Europe/Berlin"), settled_at=t("2026-01-01"))
    over = replace(before, anchors=(t("2026-02-01T22:30:00Z"), t("2026-02-01T23:30:00Z")))
    assert [one.index for one in begun_periods(before, over, t("2026-02-20"))] == [2, 3]
    within = replace(before, anchors=(t("2026-02-01T23:30:00Z"), t("2026-02-02T22:30:00Z")))
    assert [one.index for one in begun_periods(before, within, t("2026-02-20"))] == [1, 3]


def test_what_ends_at_its_start_is_final_in_the_first_period() -> None:
    held = canceled(running(monthly(features=metered()), "2026-01-01"), "2026-01-01")
    assert identity_of(held, t("2026-01-01"), ()) == ("final", 0, "")
