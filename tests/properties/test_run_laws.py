"""When the run comes must not matter: the same periods, lines and amounts, each once, whatever was missed.

Only `issued_at` and what counts from it may differ, so nothing here has an unpaid invoice; blocked times are
given, as payments that were recorded have left them.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction
from itertools import pairwise
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from planctl.core.catalog.model import Reset
from planctl.core.customers import Customer
from planctl.core.invoicing.advance import RunTerms, advance, needed_windows
from planctl.core.invoicing.facts import Advanced, Begun, CustomerFacts
from planctl.core.invoicing.model import Draft, Settlement, UsageClaim
from planctl.core.periods import Anchor, Instant, Interval, days_between, local_date, zone
from planctl.core.subscriptions.model import BlockedSpan, Status, Subscription, Transition
from tests.core.billing import metered, prepaid, running, sold

DAY = 86_400_000_000
ZONES = ("UTC", "Europe/Berlin", "America/New_York", "Asia/Kathmandu", "Asia/Beirut", "Australia/Lord_Howe")
EVERYTHING = RunTerms(catch_up=10**6, catch_up_asked=True)


@dataclass(frozen=True)
class Story:
    """A subscription, its usage by allowance period (in turn), and until when it is looked at."""

    subscription: Subscription
    used: tuple[int, ...]
    until: Instant

    def facts(self, now: Subscription, until: Instant, deferred: Sequence[Settlement]) -> CustomerFacts:
        facts = CustomerFacts(Customer("nova"), (now,), deferred=tuple(deferred))
        windows = needed_windows(facts, until)
        return replace(facts, totals={one.key: self.quantity(one.feature, one.starts_at) for one in windows})

    def quantity(self, feature: str, starts_at: int) -> Fraction:
        return Fraction(self.used[(starts_at // DAY + len(feature)) % len(self.used)])


@dataclass
class Book:
    """What a series of runs has written."""

    drafts: list[Draft] = field(default_factory=list)
    settlements: list[Settlement] = field(default_factory=list)
    claims: list[UsageClaim] = field(default_factory=list)
    begun: list[Begun] = field(default_factory=list)
    moves: list[Transition] = field(default_factory=list)
    open: list[Settlement] = field(default_factory=list)

    def write(self, result: Advanced) -> None:
        assert result.hold == ""
        self.drafts += result.drafts
        self.settlements += [
            *result.settlements,
            *(one for draft in result.drafts for one in draft.settlements),
        ]
        self.claims += [*result.claims, *(one for draft in result.drafts for one in draft.claims)]
        self.begun += result.begun
        self.moves += result.transitions
        self.open += [one for one in result.settlements if one.outcome == "blocked"]
        self.open = [one for one in self.open if one not in result.closed]

    def said(self) -> dict[str, list[Any]]:
        """All of it in one order, without what follows the run's own time."""
        return {
            "invoices": sorted(map(timeless, self.drafts)),
            "settlements": sorted(
                (one.part, one.index, one.outcome, one.due_at, one.occasion) for one in self.settlements
            ),
            "claims": sorted(map(repr, self.claims)),
            "periods": [one.period for one in self.begun],
            "moves": self.moves,
            "open": sorted(map(repr, self.open)),
        }


def timeless(draft: Draft) -> tuple[Any, ...]:
    lines = sorted(map(repr, draft.lines))
    identity = (draft.at, draft.period_index, draft.kind, draft.occasion, draft.revision)
    return (*identity, draft.starts_at, repr(draft.ends_at), draft.total_minor, lines)


def run_at(story: Story, instants: Iterable[int]) -> Book:
    """The book after runs at these instants, in order."""
    book, subscription = Book(), story.subscription
    for instant in instants:
        until = Instant(instant)
        result = advance(story.facts(subscription, until, book.open), until, EVERYTHING)
        book.write(result)
        if result.subscriptions:
            subscription = result.subscriptions[0][0]
    return book


ANCHORS = st.one_of(
    st.just(Anchor("start")),
    st.just(Anchor("calendar")),
    st.integers(1, 31).map(lambda day: Anchor("day", day)),
)
INTERVALS = st.sampled_from(("day", "week", "2 weeks", "month", "month", "3 months", "year", "once"))
RESETS: st.SearchStrategy[Reset] = st.sampled_from(("default", "day", "week", "month"))


@st.composite
def stories(draw: st.DrawFn) -> Story:
    pay = draw(INTERVALS)
    anchor = draw(ANCHORS)
    if anchor.kind == "day" and not Interval.parse(pay).months and pay != "once":
        anchor = Anchor("start")
    first = 1_704_067_200_000_000  # 2024-01-01, so that a leap day lies ahead
    start = Instant(first + draw(st.integers(0, 1_000 * 24 * 12)) * 300_000_000)
    length = draw(st.integers(1, 220 if Interval.parse(pay).months >= 3 else 45))
    features = metered(reset=draw(RESETS), included=draw(st.sampled_from((0, 100))))
    features |= metered("calls", included=50, each="0.003", reset=draw(RESETS)) | prepaid()
    terms = replace(
        sold(month="19.99"),
        features=features,
        anchor=anchor,
        bill=draw(st.sampled_from(("in advance", "in advance", "in arrears"))),
        proration=draw(st.sampled_from(("day", "day", "second", "none"))),
    )
    terms = replace(terms, rows=(replace(terms.rows[0], interval=Interval.parse(pay)),))
    subscription = running(terms, "2024-01-01", draw(st.sampled_from(ZONES)), pay)
    subscription = replace(
        subscription, started_at=start, anchor_at=start, fees_from=start, usage_from=start,
        quantities=draw(st.sampled_from(({}, {"seats": 12}))),
    )  # fmt: skip
    minutes = st.integers(0, length * 24 * 60)
    cuts = sorted(draw(st.lists(minutes, max_size=4, unique=True)))
    spans = tuple(
        BlockedSpan(Instant(start + begin * 60_000_000), Instant(start + end * 60_000_000), f"pay_{begin}")
        for begin, end in zip(cuts[::2], cuts[1::2], strict=False)
    )
    until = Instant(start + length * DAY)
    ends_at = draw(
        st.none() | st.integers(1, length * 24 * 60).map(lambda m: Instant(start + m * 60_000_000))
    )
    if ends_at is not None:
        spans = tuple(span for span in spans if span.ends_at is not None and span.ends_at < ends_at)
        subscription = replace(subscription, ends_at=ends_at, end_reason="canceled")
    if draw(st.booleans()):  # a block that nobody lifted
        latest = max((span.ends_at or start for span in spans), default=start)
        begins = Instant(draw(st.integers(latest, until)))
        if ends_at is None or begins < ends_at:
            spans = (*spans, BlockedSpan(begins))
            subscription = replace(subscription, status=Status.BLOCKED)
    used = tuple(draw(st.lists(st.integers(0, 300), min_size=1, max_size=5)))
    return Story(replace(subscription, blocked=spans), used, until)


@given(stories(), st.data())
def test_daily_late_and_repeated_runs_write_the_same_book(story: Story, data: st.DataObject) -> None:
    start = story.subscription.started_at
    once = run_at(story, [story.until]).said()
    step = max(DAY, (story.until - start) // 20)
    daily = [*range(start, story.until, step), story.until]
    assert run_at(story, daily).said() == once
    some = sorted(data.draw(st.lists(st.integers(start, story.until), max_size=6)))
    assert run_at(story, [*some, *some[-1:], story.until, story.until]).said() == once


@given(stories())
def test_a_run_at_every_instant_that_matters_writes_the_same_book(story: Story) -> None:
    once = run_at(story, [story.until])
    boundaries = {one.due_at for one in once.settlements} | {one.at for one in once.drafts}
    edges = sorted({Instant(at + shift) for at in boundaries for shift in (-1, 0, 1)})
    inside = [at for at in edges if story.subscription.started_at <= at < story.until][:60]
    assert run_at(story, [*inside, story.until]).said() == once.said()


@given(stories())
def test_nothing_is_settled_charged_or_claimed_twice(story: Story) -> None:
    book = run_at(story, [story.until])
    for keys in (
        [(one.part, one.index, one.occasion, one.revision) for one in book.settlements],
        [
            (line.charge_key, line.service_index, line.occasion)
            for draft in book.drafts
            for line in draft.lines
        ],
        [(one.feature, one.allowance_index, one.occasion) for one in book.claims],
        [(one.period_index, one.kind, one.occasion, one.revision) for one in book.drafts],
    ):
        assert len(keys) == len(set(keys))
    used = [(one.feature, one.allowance_index) for one in book.claims]
    assert len(used) == len(set(used)), "a period's usage is billed on one occasion alone"
    fees = [one.index for one in book.settlements if one.part == "fee" and one.outcome in {"billed", "zero"}]
    assert len(fees) == len(set(fees)), "and so is its fee"


@given(stories())
def test_periods_tile_from_the_start_on(story: Story) -> None:
    book = run_at(story, [story.until])
    periods = [one.period for one in book.begun]
    assert periods[0].starts_at == story.subscription.started_at
    assert [one.index for one in periods] == list(range(len(periods)))
    for one, following in pairwise(periods):
        assert one.ends_at == following.starts_at
    for feature in {one.feature for one in book.claims}:
        spans = sorted((one.starts_at, one.ends_at) for one in book.claims if one.feature == feature)
        assert spans[0][0] == story.subscription.started_at
        assert all(ends == starts for (_, ends), (starts, _) in pairwise(spans))


@given(stories())
def test_every_claim_is_the_whole_usage_of_its_period(story: Story) -> None:
    for one in run_at(story, [story.until]).claims:
        assert one.quantity == story.quantity(one.feature, one.starts_at)
        assert one.quantity == one.included + one.wallet + one.billed + one.over_limit


@given(stories())
def test_invoices_of_one_subscription_come_in_time_order_and_none_is_of_zero(story: Story) -> None:
    (result,) = [advance(story.facts(story.subscription, story.until, ()), story.until, EVERYTHING)]
    instants = [draft.at for draft in result.drafts]
    assert instants == sorted(instants)
    assert all(draft.total_minor > 0 and story.subscription.started_at <= draft.at for draft in result.drafts)
    assert all(at <= story.until for at in instants)


@given(stories())
def test_without_an_end_what_is_charged_ahead_without_a_block_is_a_whole_fee_or_the_first_stubs(
    story: Story,
) -> None:
    plain = replace(story.subscription, ends_at=None, end_reason="", blocked=())
    plain = replace(plain, terms=replace(plain.terms, bill="in advance", proration="day"))
    book = run_at(replace(story, subscription=plain), [story.until])
    fees = [line for draft in book.drafts for line in draft.lines if line.charge_key == "fee"]
    assert [line.service_index for line in fees] == list(range(len(book.begun)))
    assert all(line.amount_minor == 1999 for line in fees[1:])
    schedule = plain.schedule()
    if not schedule.starts_with_stub:
        assert fees[0].amount_minor == 1999
        return
    tz, full = zone(plain.timezone), schedule.full_period(0)
    assert full.ends_at is not None
    left = days_between(local_date(plain.started_at, tz), local_date(full.ends_at, tz))
    whole = days_between(local_date(full.starts_at, tz), local_date(full.ends_at, tz))
    assert abs(fees[0].amount_minor - Fraction(1999 * left, whole)) <= Fraction(1, 2)
