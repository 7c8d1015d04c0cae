"""A replayed period summed up: per currency, per plan, per feature, and who would pay more or less. It rates nothing.

Revenue is what is left after discounts, without any tax; totals are with tax. Currencies are never added up.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import field
from fractions import Fraction

from planctl.core.currencies import Currency
from planctl.core.invoicing.model import Draft, Line
from planctl.core.invoicing.usage import Closing
from planctl.core.periods import Instant
from planctl.core.replay.account import Account
from planctl.core.replay.proposal import Stuck
from planctl.core.replay.replayed import Difference, Replayed
from planctl.values import dataclass

ZERO = Fraction(0)
MOST_NAMED = 10
"""How many of those who would pay more, and of those who would pay less, are told one by one."""


@dataclass(frozen=True, slots=True)
class Sides:
    """One number as it is and as it would be."""

    held: int = 0
    moved: int = 0

    def plus(self, other: Sides) -> Sides:
        """Both sides added."""
        return Sides(self.held + other.held, self.moved + other.moved)

    @property
    def change(self) -> int:
        """What it would be more; below 0: less."""
        return self.moved - self.held

    @property
    def part(self) -> Fraction | None:
        """The change as a part of what it is; None where it is nothing and would be something."""
        if not self.held:
            return None if self.moved else ZERO
        return Fraction(self.change, abs(self.held))


@dataclass(frozen=True, slots=True)
class Payer:
    """What one customer pays in one currency: revenue in minor units."""

    customer: str
    revenue: Sides


@dataclass(frozen=True, slots=True)
class InCurrency:
    """One currency: revenue and totals of both sides, the totals as issued, and who would pay more and less.

    `more` and `less` are those who would pay the most more or less, at most ten of each; `steepest` is the one
    who would pay the largest part more (from nothing to something is the steepest of all); None where nobody would.
    """

    currency: Currency
    revenue: Sides
    total: Sides
    issued_minor: int
    losers: int
    winners: int
    same: int
    more: tuple[Payer, ...] = ()
    less: tuple[Payer, ...] = ()
    steepest: Payer | None = None

    @property
    def customers(self) -> int:
        """Everybody who was billed in it, or would be."""
        return self.losers + self.winners + self.same


@dataclass(frozen=True, slots=True)
class OfPlan:
    """The revenue of one plan, add-on or pack in one currency."""

    plan: str
    currency: Currency
    revenue: Sides


@dataclass(frozen=True, slots=True)
class Units:
    """Where the units of a feature went: `used` are all, of which the others are parts; `over` were not billed."""

    used: Fraction = ZERO
    included: Fraction = ZERO
    wallet: Fraction = ZERO
    billed: Fraction = ZERO
    over: Fraction = ZERO

    def plus(self, other: Units) -> Units:
        """Both added."""
        return Units(
            self.used + other.used,
            self.included + other.included,
            self.wallet + other.wallet,
            self.billed + other.billed,
            self.over + other.over,
        )


@dataclass(frozen=True, slots=True)
class OfFeature:
    """A feature of one plan in the allowance periods that the period closed."""

    plan: str
    feature: str
    held: Units
    moved: Units


@dataclass(frozen=True, slots=True)
class Span:
    """The period that is replayed: what was issued from `starts_at` to before `ends_at`; days of the store's zone."""

    text: str
    starts_at: Instant
    ends_at: Instant


@dataclass(frozen=True, slots=True)
class CreditNotes:
    """The credit notes that were issued in the period, which are not replayed: how many, and their sum."""

    currency: Currency
    count: int
    total_minor: int


@dataclass(frozen=True, slots=True)
class About:
    """What is proposed: the catalog, its digest, the store's revision, the plans with new terms; and credit notes."""

    catalog: str = ""
    digest: str = ""
    revision: int = 0
    plans: tuple[str, ...] = ()
    credit_notes: tuple[CreditNotes, ...] = ()


@dataclass(frozen=True, slots=True)
class Simulation:
    """A period under the catalog as it is and as proposed.

    `invoices` were issued, `silent` is what came to nothing and has none. `subscriptions` are those rated by proposed
    terms. `stuck` counts those that keep their terms, `kept` lines left as issued, both with why. `differences` are
    where the records are not borne out, `unreadable` customers that could not be read.
    """

    span: Span
    about: About
    invoices: int
    silent: int
    subscriptions: int
    currencies: tuple[InCurrency, ...]
    plans: tuple[OfPlan, ...]
    features: tuple[OfFeature, ...]
    stuck: tuple[tuple[Stuck, int], ...] = ()
    kept: tuple[tuple[str, int], ...] = ()
    differences: tuple[Difference, ...] = ()
    unreadable: tuple[str, ...] = ()


@dataclass(slots=True)
class _OfCurrency:
    currency: Currency
    revenue: Sides = Sides()
    total: Sides = Sides()
    issued_minor: int = 0
    counts: Counter[str] = field(default_factory=Counter)
    more: list[Payer] = field(default_factory=list)
    less: list[Payer] = field(default_factory=list)
    steepest: Payer | None = None

    def count(self, payer: Payer) -> None:
        """Take in one customer."""
        change = payer.revenue.change
        self.revenue = self.revenue.plus(payer.revenue)
        self.counts["losers" if change > 0 else "winners" if change else "same"] += 1
        if change > 0:
            self.more = sorted([*self.more, payer], key=lambda one: (-one.revenue.change, one.customer))[
                :MOST_NAMED
            ]
            if self.steepest is None or _steeper(payer.revenue.part, self.steepest.revenue.part):
                self.steepest = payer
        elif change:
            self.less = sorted([*self.less, payer], key=lambda one: (one.revenue.change, one.customer))[
                :MOST_NAMED
            ]


def _steeper(part: Fraction | None, than: Fraction | None) -> bool:
    return than is not None and (part is None or part > than)


class Tally:
    """Takes in customer after customer; what it keeps does not grow with their number."""

    def __init__(self) -> None:
        self.invoices = 0
        self.silent = 0
        self.subscriptions = 0
        self.stuck: Counter[Stuck] = Counter()
        self.kept: Counter[str] = Counter()
        self.differences: list[Difference] = []
        self.unreadable: list[str] = []
        self._currencies: dict[str, _OfCurrency] = {}
        self._plans: dict[tuple[str, str], tuple[Currency, Sides]] = {}
        self._features: dict[tuple[str, str], tuple[Units, Units]] = {}

    def take(self, account: Account, statements: Iterable[Replayed]) -> None:
        """Take in all statements of one customer."""
        paid: dict[str, Sides] = {}
        plans = {one.id: one.plan for one in account.past.subscriptions}
        for one in statements:
            code = one.held.draft.currency.code
            book = self._currencies.setdefault(code, _OfCurrency(one.held.draft.currency))
            self.invoices += bool(one.number)
            self.silent += not one.number
            revenue = Sides(revenue_minor(one.held.draft), revenue_minor(one.moved.draft))
            if one.number or revenue != Sides():
                paid[code] = paid.get(code, Sides()).plus(revenue)
            book.total = book.total.plus(Sides(one.held.draft.total_minor, one.moved.draft.total_minor))
            self._take_plans(one)
            self._take_features(one, plans)
            self.kept.update(one.kept)
            self.differences += one.differences
        for draft in account.drafts.values():
            self._currencies[draft.currency.code].issued_minor += draft.total_minor
        for code, revenue in paid.items():
            self._currencies[code].count(Payer(account.customer.id, revenue))

    def simulation(self, span: Span, about: About) -> Simulation:
        """All that was taken in, with what is known of the whole."""
        currencies = [one for _, one in sorted(self._currencies.items()) if one.counts]
        return Simulation(
            span,
            about,
            self.invoices,
            self.silent,
            self.subscriptions,
            tuple(map(_in_currency, currencies)),
            tuple(
                OfPlan(plan, currency, sides)
                for (plan, _), (currency, sides) in sorted(self._plans.items(), key=lambda pair: pair[0])
            ),
            tuple(OfFeature(*place, *sides) for place, sides in sorted(self._features.items())),
            tuple(sorted(self.stuck.items(), key=lambda pair: (pair[0].plan, pair[0].why))),
            tuple(sorted(self.kept.items())),
            tuple(self.differences),
            tuple(self.unreadable),
        )

    def _take_plans(self, one: Replayed) -> None:
        currency = one.held.draft.currency
        for is_moved, side in enumerate((one.held, one.moved)):
            for line in side.draft.lines:
                net = _net_minor(line)
                place = (line.plan, currency.code)
                before = self._plans.get(place, (currency, Sides()))[1]
                self._plans[place] = (currency, before.plus(Sides(0, net) if is_moved else Sides(net, 0)))

    def _take_features(self, one: Replayed, plans: Mapping[str, str]) -> None:
        for is_moved, side in enumerate((one.held, one.moved)):
            for closing in side.closings:
                place = (plans[closing.claim.subscription], closing.feature)
                held, moved = self._features.get(place, (Units(), Units()))
                units = _units(closing)
                self._features[place] = (held, moved.plus(units)) if is_moved else (held.plus(units), moved)


def revenue_minor(draft: Draft) -> int:
    """What an invoice brings in: after discounts, without taxes, those contained in its prices too."""
    return sum(map(_net_minor, draft.lines))


def _net_minor(line: Line) -> int:
    return line.net_minor - sum(share.amount_minor for share in line.taxes if share.included)


def _units(closing: Closing) -> Units:
    rated, account = closing.rated, closing.account
    return Units(account.total, account.included, rated.wallet, rated.excess, rated.over_limit)


def _in_currency(one: _OfCurrency) -> InCurrency:
    return InCurrency(
        one.currency,
        one.revenue,
        one.total,
        one.issued_minor,
        one.counts["losers"],
        one.counts["winners"],
        one.counts["same"],
        tuple(one.more),
        tuple(one.less),
        one.steepest,
    )
