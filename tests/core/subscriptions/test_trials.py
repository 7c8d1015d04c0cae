"""Trials and foreseen ends: how long they are, who may have one, and what a start makes of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from planctl.core.catalog.model import PriceRow, Terms, Trial
from planctl.core.customers import Customer
from planctl.core.periods import Interval
from planctl.core.subscriptions.addons import begin
from planctl.core.subscriptions.dues import dues
from planctl.core.subscriptions.model import Status, Subscription
from planctl.core.subscriptions.start import AlreadyRunning, Ask, Starting, started
from planctl.core.subscriptions.trials import TrialUse, expiry, may_try, scope_of, trial_end, trial_uses
from planctl.errors import Refused
from tests.core.billing import DECLARED, monthly, offer, running, sold, t

NOVA = Customer("nova", currency="USD", timezone="Europe/Berlin", fingerprint="fp-1")
NOW = t("2026-03-20T08:30:00Z")  # 09:30 in Berlin
TRIED = monthly(trial=Trial(14), group="main")
TWICE = monthly(trial=Trial(14, once_per=("customer", "fingerprint")), group="main")


def start(
    terms: Terms = TRIED,
    customer: Customer = NOVA,
    used: Sequence[TrialUse] = (),
    beside: Sequence[Subscription] = (),
    **asked: Any,
) -> Starting:
    ask = Ask(**({"start_at": NOW, "now": NOW} | asked))
    return started("sub_new", customer, offer(terms), ask, beside, DECLARED, used)


def refusal(*arguments: Any, **more: Any) -> Refused:
    with pytest.raises(Refused) as refused:
        start(*arguments, **more)
    assert refused.value.exit_code == 4
    return refused.value


def use(who: str, kind: str = "customer", scope: str = "group:main") -> TrialUse:
    return TrialUse(
        "customer" if kind == "customer" else "fingerprint", who, scope, "sub_old", t("2025-05-01")
    )


# --- how long


@pytest.mark.parametrize(
    ("begins", "ends"),
    [
        ("2026-03-20T08:30:00Z", "2026-04-03T07:30:00Z"),  # 09:30 before and after the clocks went ahead
        ("2026-03-15T01:30:00Z", "2026-03-29T01:00:00Z"),  # 02:30 that day was skipped: 03:00 summer time
        ("2026-10-11T00:30:00Z", "2026-10-25T00:30:00Z"),  # 02:30 that day came twice: the earlier one
        ("2026-02-14T23:00:00Z", "2026-02-28T23:00:00Z"),  # midnight of the 15th to midnight of 1 March
    ],
)
def test_a_trial_is_local_days_at_the_same_wall_time(begins: str, ends: str) -> None:
    assert trial_end(Trial(14), t(begins), "Europe/Berlin") == t(ends)


@pytest.mark.parametrize(
    ("expires", "begins", "ends"),
    [
        ("1 month", "2026-01-31T12:00:00Z", "2026-02-28T12:00:00Z"),
        ("12 months", "2028-02-29T00:00:00Z", "2029-02-28T00:00:00Z"),
        ("2 weeks", "2026-01-01T06:00:00Z", "2026-01-15T06:00:00Z"),
        ("year", "2026-01-01T06:00:00Z", "2027-01-01T06:00:00Z"),
    ],
)
def test_terms_run_out_an_interval_after_the_start(expires: str, begins: str, ends: str) -> None:
    interval = "month" if expires == "1 month" else expires
    assert expiry(monthly(expires=interval), t(begins), "UTC") == t(ends)


def test_terms_run_out_at_the_same_wall_time_over_a_change_of_the_clocks() -> None:
    # 09:30 in Berlin is 08:30 UTC in winter and 07:30 in summer.
    terms = monthly(expires="2 months")
    assert expiry(terms, t("2026-02-10T08:30:00Z"), "Europe/Berlin") == t("2026-04-10T07:30:00Z")


@pytest.mark.parametrize("expires", ["never", "period", "subscription"])
def test_terms_without_an_interval_never_run_out(expires: str) -> None:
    assert expiry(monthly(expires=expires), NOW, "UTC") is None


def test_what_a_pack_says_is_of_its_units() -> None:
    assert expiry(monthly(kind="pack", expires="12 months"), NOW, "UTC") is None


# --- what a trial makes of a start


def test_a_start_in_a_trial_is_paid_for_from_its_end() -> None:
    begun = start().subscription
    ends = t("2026-04-03T07:30:00Z")
    assert (begun.status, begun.started_at, begun.anchor_at) == (Status.TRIALING, NOW, NOW)
    assert (begun.trial_ends_at, begun.anchors, begun.fees_from) == (ends, (ends,), ends)
    assert (begun.ends_at, begun.expires_at) == (None, None)
    assert begun.in_trial(t("2026-04-03T07:29:59.999999Z"))
    assert not begun.in_trial(ends)


def test_its_first_fee_is_for_the_month_that_begins_when_the_trial_ends() -> None:
    begun = start().subscription
    owed = [(due.part, due.at, due.period.ends_at) for due in dues(begun, t("2026-05-03T07:30:00Z"))]
    assert owed == [
        ("fee", t("2026-04-03T07:30:00Z"), t("2026-05-03T07:30:00Z")),
        ("fee", t("2026-05-03T07:30:00Z"), t("2026-06-03T07:30:00Z")),
    ]
    assert dues(begun, t("2026-04-03T07:29:59Z")) == ()


def test_months_that_begin_within_a_long_trial_cost_nothing() -> None:
    begun = start(monthly(trial=Trial(45))).subscription  # from 20 March to 4 May, 09:30 in Berlin
    assert [due.at for due in dues(begun, t("2026-05-04T07:30:00Z"))] == [t("2026-05-04T07:30:00Z")]


def test_a_trial_that_is_scheduled_waits_for_its_start() -> None:
    later = t("2026-03-22T08:30:00Z")
    begun = start(start_at=later, schedule=True).subscription
    assert (begun.status, begun.started_at) == (Status.PENDING, later)
    assert begun.trial_ends_at == t("2026-04-05T07:30:00Z")


def test_no_trial_starts_the_paid_period_at_once() -> None:
    begun = start(trial=False)
    assert (begun.subscription.status, begun.subscription.trial_ends_at) == (Status.ACTIVE, None)
    assert (begun.subscription.fees_from, begun.subscription.anchors, begun.trial_use) == (NOW, (), ())


def test_a_trial_that_the_terms_do_not_have_is_refused() -> None:
    refused = refusal(monthly(), trial=True)
    assert (refused.code, refused.where, refused.hint) == ("no-trial", "nova/starter", "leave --trial out")


def test_what_is_paid_once_and_what_is_free_has_no_trial() -> None:
    once = PriceRow(Interval.parse("once"), sold(once="99").rows[0].fee)
    both = replace(TRIED, rows=(*TRIED.rows, once))
    assert start(both, pay="once").subscription.trial_ends_at is None
    assert start(both, pay="month").subscription.trial_ends_at is not None
    assert refusal(both, pay="once", trial=True).code == "no-trial"
    assert start(Terms(free=True, trial=Trial(14))).subscription.status is Status.ACTIVE


# --- who may have one


def test_a_trial_is_remembered_for_the_customer_and_for_its_fingerprint() -> None:
    assert start().trial_use == (
        TrialUse("customer", "nova", "group:main", "sub_new", NOW),
        TrialUse("fingerprint", "fp-1", "group:main", "sub_new", NOW),
    )
    unknown = replace(NOVA, fingerprint="")
    assert [one.who_kind for one in start(customer=unknown).trial_use] == ["customer"]


def test_it_counts_for_the_group_or_for_the_plan_where_it_is_in_none() -> None:
    assert scope_of("starter", TRIED) == "group:main"
    assert scope_of("starter", replace(TRIED, group="")) == "plan:starter"
    assert trial_uses(NOVA, "solo", monthly(), "sub_1", NOW)[0].scope == "plan:solo"


def test_a_second_trial_of_the_group_is_refused() -> None:
    refused = refusal(used=[use("nova")])
    assert refused.code == "trial-used"
    assert refused.message == "nova had the trial of group main on 2025-05-01T00:00:00Z (sub_old)"
    assert refused.hint == "planctl subscribe nova starter --no-trial"
    assert refusal(used=[use("nova")], trial=True).code == "trial-used"
    assert start(used=[use("nova")], trial=False).subscription.status is Status.ACTIVE


def test_a_trial_of_another_group_or_plan_does_not_count() -> None:
    others = [use("nova", scope="group:support"), use("nova", scope="plan:starter"), use("other")]
    assert start(used=others).subscription.status is Status.TRIALING
    assert refusal(replace(TRIED, group=""), used=others).code == "trial-used"  # plan:starter


def test_a_fingerprint_counts_only_where_the_terms_say_so() -> None:
    other = replace(NOVA, id="twin")
    used = [use("fp-1", "fingerprint")]
    assert start(TRIED, other, used).subscription.status is Status.TRIALING
    refused = refusal(TWICE, other, used)
    assert refused.code == "trial-used"
    assert refused.message.startswith("a customer with twin's fingerprint had the trial of group main")


def test_customers_without_a_fingerprint_are_not_taken_for_one_another() -> None:
    nobody = replace(NOVA, fingerprint="")
    assert start(TWICE, nobody, [use("", "fingerprint")]).subscription.status is Status.TRIALING


def test_once_per_fingerprint_is_once_per_customer_too() -> None:
    terms = monthly(trial=Trial(14, once_per=("fingerprint",)), group="main")
    assert refusal(terms, used=[use("nova")]).code == "trial-used"


@pytest.mark.parametrize("method", ["card", "invoice"])
def test_a_trial_with_a_card_wants_a_payment_method(method: str) -> None:
    terms = monthly(trial=Trial(14, card=True))
    refused = refusal(terms)
    assert (refused.code, refused.got) == ("trial-card", "none")
    assert refused.hint == "planctl customer update nova --payment-method card"
    assert start(terms, replace(NOVA, payment_method=method)).subscription.status is Status.TRIALING
    assert start(terms, trial=False).subscription.status is Status.ACTIVE


def test_whether_a_trial_could_begin_can_be_asked() -> None:
    assert may_try(NOVA, "starter", TRIED, ())
    assert not may_try(NOVA, "starter", TRIED, [use("nova")])
    assert not may_try(NOVA, "starter", monthly(trial=Trial(14, card=True)), ())
    assert not may_try(NOVA, "starter", monthly(), ())


def test_the_plan_that_runs_begins_no_trial_and_leaves_none() -> None:
    paid = running(TRIED, exclusive_group="main")
    assert refusal(beside=[paid], trial=True).code == "runs-otherwise"
    trialing = replace(paid, status=Status.TRIALING, trial_ends_at=t("2026-04-01"))
    assert refusal(beside=[trialing], trial=False).code == "runs-otherwise"
    with pytest.raises(AlreadyRunning):
        start(beside=[trialing], trial=True)


# --- ends that the terms foresee


def test_a_plan_that_expires_has_its_end_from_the_start() -> None:
    begun = start(monthly(expires="12 months")).subscription
    ends = t("2027-03-20T08:30:00Z")
    assert (begun.status, begun.expires_at, begun.ends_at, begun.end_reason) == (
        Status.ACTIVE, ends, ends, "expired",
    )  # fmt: skip


def test_a_trial_does_not_postpone_the_end() -> None:
    begun = start(replace(TRIED, expires="month")).subscription
    assert begun.expires_at == t("2026-04-20T07:30:00Z")  # 20 April 09:30 in Berlin


def test_a_start_dated_back_so_far_that_it_is_over_is_refused() -> None:
    # A month from 20 February 09:30 in Berlin is 20 March 09:30: the very instant of the command.
    refused = refusal(monthly(expires="month"), start_at=t("2026-02-20T08:30:00Z"))
    assert (refused.code, refused.got) == ("expired-already", "2026-03-20T08:30:00Z")
    assert start(monthly(expires="month"), start_at=t("2026-02-20T08:30:01Z")).subscription.live


# --- add-ons


SEAT = replace(sold(month="6"), kind="addon")
TRIALING = running(
    TRIED,
    "2026-03-10",
    id="sub_base",
    status=Status.TRIALING,
    trial_ends_at=t("2026-03-24"),
    anchors=(t("2026-03-24"),),
    fees_from=t("2026-03-24"),
)


def add(terms: Terms = SEAT, base: Subscription = TRIALING, **asked: Any) -> Subscription:
    ask = Ask(**({"start_at": NOW, "now": NOW} | asked))
    return begin("sub_add", NOVA, offer(terms, "extra"), ask, [base], DECLARED).subscription


def test_an_add_on_bought_in_a_trial_is_in_it_too() -> None:
    begun = add()
    assert (begun.status, begun.trial_ends_at, begun.anchors) == (
        Status.TRIALING, t("2026-03-24"), (t("2026-03-24"),),
    )  # fmt: skip
    assert [(due.at, due.period.ends_at) for due in dues(begun, t("2026-03-24"))] == [
        (t("2026-03-24"), t("2026-04-24"))
    ]


def test_an_add_on_bought_after_it_has_its_bases_periods_and_no_trial() -> None:
    base = replace(TRIALING, status=Status.ACTIVE)
    begun = add(base=base, start_at=t("2026-03-24"), now=t("2026-03-25"))
    assert (begun.status, begun.trial_ends_at, begun.anchors) == (Status.ACTIVE, None, (t("2026-03-24"),))
    assert [(due.at, due.period.ends_at) for due in dues(begun, t("2026-03-25"))] == [
        (t("2026-03-24"), t("2026-04-24"))
    ]


def test_a_one_off_is_paid_in_a_trial_too() -> None:
    begun = add(replace(sold(once="49"), kind="addon"))
    assert (begun.status, begun.trial_ends_at, begun.anchors, begun.fees_from) == (
        Status.ACTIVE, None, (), NOW,
    )  # fmt: skip


@pytest.mark.parametrize(("asked", "base", "code"), [
    (True, replace(TRIALING, status=Status.ACTIVE, trial_ends_at=None, anchors=()), "no-trial"),
    (False, TRIALING, "in-trial"),
])  # fmt: skip
def test_an_add_on_has_its_plans_trial_and_no_other(asked: bool, base: Subscription, code: str) -> None:
    with pytest.raises(Refused) as refused:
        add(base=base, trial=asked)
    assert refused.value.code == code


def test_an_add_on_of_three_months_ends_by_itself_but_never_after_its_base() -> None:
    terms = replace(SEAT, expires="3 months")
    base = replace(TRIALING, status=Status.ACTIVE, trial_ends_at=None, anchors=())
    own = add(terms, base)
    assert (own.expires_at, own.ends_at, own.end_reason) == (
        t("2026-06-20T08:30:00Z"), t("2026-06-20T08:30:00Z"), "expired",
    )  # fmt: skip
    sooner = add(terms, replace(base, ends_at=t("2026-05-10"), end_reason="canceled"))
    assert (sooner.expires_at, sooner.ends_at, sooner.end_reason) == (
        t("2026-06-20T08:30:00Z"), t("2026-05-10"), "canceled",
    )  # fmt: skip
