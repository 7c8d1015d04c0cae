"""Every unit is paid for once: by an allowance, by a grant inside its life, by money, or it is over the limit.

For random subscriptions with periods of their own, grants, and usage of two features of which one draws on the
other; and whatever the run's times are.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from fractions import Fraction
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from planctl.core.catalog.model import Beyond, Entitlement, Feature, Reset
from planctl.core.draining import Allowance, Entry, drain, taken_back
from planctl.core.invoicing.advance import RunTerms
from planctl.core.invoicing.model import UsageClaim
from planctl.core.metering.model import UsageEvent
from planctl.core.periods import Instant, instant_text
from planctl.core.pricing.kinds.each import Each
from planctl.core.subscriptions.model import Subscription
from planctl.core.wallets import Grant
from tests.core.billing import running, sold
from tests.core.history import Diary

DAY = 86_400_000_000
FIRST = 1_767_225_600_000_000  # 2026-01-01T00:00:00Z
RATIO = Fraction(1, 10)
EVERYTHING = RunTerms(catch_up=10**6, catch_up_asked=True)
ALL_OF_IT = FIRST + 100 * DAY
MINUTES = Feature("minutes", "metered", unit="minute")
CHATS = Feature("chats", "metered", unit="chat")


@dataclass(frozen=True)
class Customer:
    """Subscriptions that end within 80 days, grants, and usage at whole hours."""

    subscriptions: tuple[Subscription, ...]
    grants: tuple[Grant, ...]
    events: tuple[UsageEvent, ...]

    def diary(self) -> Diary:
        return Diary(list(self.subscriptions), list(self.grants), terms=EVERYTHING, events=list(self.events))


def minutes(draw: st.DrawFn) -> Entitlement:
    included = draw(st.sampled_from((0, 5, 40)))
    priced = draw(st.booleans())
    resets: tuple[Reset, ...] = ("default", "week", "default", "week", "day")
    return Entitlement(
        MINUTES,
        included=Decimal(included),
        reset=draw(st.sampled_from(resets)),
        rollover=draw(st.sampled_from(("", "", "all", "7"))),
        prorate_allowance=draw(st.booleans()),
        beyond=Beyond("usage", {"": Each({"USD": Decimal("0.10")})}) if priced else None,
    )


def chats(draw: st.DrawFn) -> Entitlement:
    """Some with an allowance of their own, all of them drawing on minutes, unless they have a price."""
    own = draw(st.booleans())
    priced = own and draw(st.booleans())
    return Entitlement(
        CHATS,
        included=Decimal(draw(st.sampled_from((0, 30)))) if own else Decimal(0),
        own_allowance=own,
        spends={"minutes": RATIO},
        beyond=Beyond("usage", {"": Each({"USD": Decimal("0.02")})}) if priced else None,
    )


@st.composite
def subscriptions(draw: st.DrawFn, name: str) -> Subscription:
    features = {"minutes": minutes(draw)}
    if draw(st.booleans()):
        features["chats"] = chats(draw)
    pay = draw(st.sampled_from(("month", "month", "2 weeks")))
    terms = replace(sold(month="9"), features=features)
    terms = replace(terms, settle=draw(st.sampled_from(("allowance", "allowance", "renewal"))))
    if pay != "month":
        terms = replace(terms, rows=sold(week="9").rows)
        pay = "week"
    start = Instant(FIRST + draw(st.integers(0, 20 * 24)) * DAY // 24)
    plain = running(terms, "2026-01-01", pay=pay, id=name)
    ends_at = Instant(start + draw(st.integers(10 * 24, 40 * 24)) * DAY // 24)
    return replace(
        plain, started_at=start, anchor_at=start, fees_from=start, usage_from=start, ends_at=ends_at,
        end_reason="canceled",
    )  # fmt: skip


def granted(customer: Iterable[Subscription], feature: str, at: int) -> bool:
    """Whether some subscription grants the feature at an instant."""
    return any(
        one.ends_at is not None and one.started_at <= at < one.ends_at and feature in one.terms.features
        for one in customer
    )


def without_late_rollover(one: Subscription) -> Subscription:
    """Settled at renewal and rolling over: what rolls is known only then, too late for other subscriptions."""
    if one.terms.settle != "renewal":
        return one
    features = {name: replace(each, rollover="") for name, each in one.terms.features.items()}
    return replace(one, terms=replace(one.terms, features=features))


@st.composite
def customers(draw: st.DrawFn) -> Customer:
    several = tuple(draw(subscriptions(f"sub_{n}")) for n in range(1, draw(st.integers(1, 3)) + 1))
    if len(several) > 1:
        several = tuple(map(without_late_rollover, several))
    grants = []
    for number in range(draw(st.integers(0, 3))):
        begins = Instant(FIRST + draw(st.integers(0, 30)) * DAY)
        days = draw(st.integers(0, 30))
        ends = Instant(begins + days * DAY) if days else None
        units = Fraction(draw(st.sampled_from((25, 90, 400))))
        grants.append(Grant(f"wg_{number}", "nova", "minutes", f"k{number}", units, units, begins, ends))
    events = []
    for number in range(draw(st.integers(2, 14))):
        feature = draw(st.sampled_from(("minutes", "minutes", "chats")))
        at = FIRST + draw(st.integers(0, 60 * 24)) * DAY // 24
        if granted(several, feature, at):
            quantity = Decimal(draw(st.sampled_from((1, 7, 33, 120))))
            events.append(UsageEvent(f"e{number}", "nova", feature, at, quantity))
    return Customer(several, tuple(grants), tuple(events))


def in_minutes(events: Iterable[UsageEvent]) -> Fraction:
    return sum(
        (Fraction(one.quantity) * (RATIO if one.event == "chats" else 1) for one in events), Fraction(0)
    )


def book_of(customer: Customer, runs: Sequence[int]) -> Diary:
    diary = customer.diary()
    for at in runs:
        diary.run(instant_text(Instant(at)))
    return diary


@given(customers())
def test_every_unit_is_paid_for_once_by_what_may_pay_for_it(customer: Customer) -> None:
    diary = book_of(customer, [ALL_OF_IT])
    ratio = {"minutes": Fraction(1), "chats": RATIO}
    paid = sum((ratio[one.feature] * one.quantity for one in diary.claims), Fraction(0))
    # Chats with an allowance of their own are claimed where they draw on it, the rest as the minutes they came to.
    assert paid == in_minutes(customer.events)
    for one in diary.claims:
        parts = (one.included, one.wallet, one.billed, one.over_limit)
        assert one.quantity == sum(parts)
        assert min(*parts, one.rolled, one.carried) >= 0
        assert one.included + one.carried <= included_in(customer, one) + one.rolled
    only_inside_their_lives(customer, diary)


def included_in(customer: Customer, claim: UsageClaim) -> Fraction:
    (subscription,) = [sub for sub in customer.subscriptions if sub.id == claim.subscription]
    included = subscription.terms.features[claim.feature].included
    assert included is not None
    return Fraction(included)


def only_inside_their_lives(customer: Customer, diary: Diary) -> None:
    """No grant paid outside its life or more than it had, and what is claimed of wallets left them."""
    for grant, before in zip(diary.grants, customer.grants, strict=True):
        assert 0 <= grant.left <= before.amount
        inside = in_minutes(one for one in customer.events if before.lives(Instant(one.at)))
        assert before.amount - grant.left <= inside
    claimed = sum((one.wallet for one in diary.claims), Fraction(0))
    gone = sum((one.amount for one in customer.grants), Fraction(0))
    gone -= sum((one.left for one in diary.grants), Fraction(0))
    # An entry keeps 12 decimals of what a grant paid, a claim all of it.
    assert 0 <= claimed - gone <= Fraction(len(diary.draws), 10**12)


def said(diary: Diary) -> tuple[Any, ...]:
    """Everything decided, without what follows the runs' own times."""
    lines = [
        (one.subscription, one.charge_key, one.service_index, one.occasion, one.amount_minor)
        for draft in diary.invoices
        for one in draft.lines
    ]
    return sorted(map(repr, diary.claims)), dict(sorted(diary.draws.items())), sorted(lines)


@given(customers(), st.lists(st.integers(0, 90 * 24), max_size=4))
def test_runs_at_any_times_decide_the_same(customer: Customer, hours: list[int]) -> None:
    runs = [*sorted(FIRST + hour * DAY // 24 for hour in hours), ALL_OF_IT]
    assert said(book_of(customer, runs)) == said(book_of(customer, [ALL_OF_IT]))


# --- the walk alone


UNITS = st.integers(0, 60).map(Fraction)


@given(st.lists(st.tuples(UNITS, UNITS), max_size=6), UNITS, UNITS, UNITS)
def test_a_walk_loses_and_makes_no_unit(
    used: list[tuple[Fraction, Fraction]], chats_included: Fraction, included: Fraction, wallet: Fraction
) -> None:
    grant = Grant("wg", "nova", "minutes", "k", wallet, wallet, Instant(0))
    lefts = {"wg": wallet}
    a, b = ("sub", "chats", 0), ("sub", "minutes", 0)
    found = drain(
        [
            (
                Entry("chats", of_chats, (Allowance(a, chats_included),), a, {"minutes": RATIO}),
                Entry("minutes", of_minutes, (Allowance(b, included),), b, {}, (grant,)),
            )
            for of_chats, of_minutes in used
        ],
        lefts,
    )
    chats_account, account = found.account(a), found.account(b)
    assert chats_account.total == chats_account.included + chats_account.passed_on
    assert account.total == account.included + account.paid_by_wallet + account.above
    assert account.total == account.own + chats_account.passed_on * RATIO
    assert lefts["wg"] == wallet - account.paid_by_wallet >= 0
    assert account.included == min(account.total, included)


@given(st.lists(st.integers(-50, 50).map(Fraction), max_size=8))
def test_what_corrections_leave_is_the_sum_and_never_below_zero(rises: list[Fraction]) -> None:
    left = taken_back(rises)
    assert len(left) == len(rises)
    assert all(units >= 0 for units in left)
    assert sum(left) == max(sum(rises), 0)
