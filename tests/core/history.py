"""Events of one customer, measured as windows ask for them, and what its runs wrote; it computes no amount."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal
from fractions import Fraction

from planctl.core.catalog.model import TaxRate
from planctl.core.coupons import Redemption
from planctl.core.customers import Customer
from planctl.core.invoicing.advance import RunTerms, advance, needed_windows
from planctl.core.invoicing.credits import LineCredit
from planctl.core.invoicing.facts import Advanced, BilledLine, CustomerFacts, LateMark, Voided
from planctl.core.invoicing.lineup import LineUp
from planctl.core.invoicing.model import Draft, Settlement, Totals, UsageClaim, UsageWindow
from planctl.core.invoicing.usage import Book, Closing, close, windows
from planctl.core.metering.aggregate import Span, aggregate, level, peak
from planctl.core.metering.model import UsageEvent
from planctl.core.periods import Instant
from planctl.core.subscriptions.dues import Due
from planctl.core.subscriptions.model import Subscription
from planctl.core.wallets import Grant, debit_prefix, posted
from tests.core.billing import RUN, t

Used = tuple[str, str, "int | str"]
"""Which feature, when, how much."""


def events(*used: Used) -> list[UsageEvent]:
    """Events of nova that name a feature each, in the order given."""
    return [
        UsageEvent(f"e{number}", "nova", feature, t(at), Decimal(quantity))
        for number, (feature, at, quantity) in enumerate(used)
    ]


def given(name: str, units: int, begins: str, expires: str = "", feature: str = "minutes") -> Grant:
    """A grant to nova's wallet with all its units."""
    ends = t(expires) if expires else None
    return Grant(name, "nova", feature, name, Fraction(units), Fraction(units), t(begins), ends)


def measured(
    asked: Iterable[UsageWindow], subscriptions: Sequence[Subscription], seen: Sequence[UsageEvent]
) -> dict[tuple[str, str, Instant, Instant], Fraction]:
    """The quantity of every window, of these events, by the meter that its subscription's terms say."""
    terms = {one.id: one.terms.features for one in subscriptions}
    found = {}
    for window in asked:
        meter = terms[window.subscription][window.feature].feature.meter
        fed = [one for one in seen if one.event in {window.feature, meter.event} and one.at < window.ends_at]
        if window.measure == "peak":
            total = peak(meter, window.feature, fed, Span(window.starts_at, window.ends_at))
        else:
            inside = [one for one in fed if one.at >= window.starts_at]
            weighted = meter.aggregate == "weighted"
            before = [one for one in fed if one.at < window.starts_at] if weighted else []
            span = Span(window.starts_at, window.span_ends_at if weighted else window.ends_at)
            total = aggregate(meter, window.feature, inside, span, level(meter, window.feature, before))
        found[window.key] = total
    return found


def closed(
    due: Due, subscription: Subscription, seen: Sequence[UsageEvent], beside: Sequence[Subscription] = (),
    grants: Sequence[Grant] = (),
) -> tuple[dict[str, Closing], dict[str, Fraction]]:  # fmt: skip
    """One allowance period closed alone: its features, and what is left of the grants."""
    several = (subscription, *beside)
    lineup = LineUp(several, grants)
    totals = measured(windows(lineup, subscription, due), several, seen)
    book = Book(lineup, totals, lefts={one.id: one.left for one in grants})
    return {one.feature: one for one in close(subscription, due, book)}, book.lefts


@dataclass
class Diary:
    """What runs have written of nova, kept in memory as a store would keep it and given to the next run."""

    subscriptions: list[Subscription]
    grants: list[Grant] = field(default_factory=list)
    taxes: Mapping[str, TaxRate] = field(default_factory=dict)
    redemptions: tuple[Redemption, ...] = ()
    balance: dict[str, int] = field(default_factory=dict)
    terms: RunTerms = RUN
    events: list[UsageEvent] = field(default_factory=list)
    late: list[LateMark] = field(default_factory=list)
    invoices: list[Draft] = field(default_factory=list)
    settlements: list[Settlement] = field(default_factory=list)
    claims: list[UsageClaim] = field(default_factory=list)
    draws: dict[str, Fraction] = field(default_factory=dict)
    deferred: list[Settlement] = field(default_factory=list)
    voided: list[Voided] = field(default_factory=list)
    void_invoices: set[int] = field(default_factory=set)
    given_back: dict[tuple[str, int], int] = field(default_factory=dict)

    def use(self, feature: str, at: str, quantity: int | str, *, late: bool = False) -> None:
        """Record one event; a late one is marked, as taking it in does."""
        name = f"e{len(self.events)}"
        self.events.append(UsageEvent(name, "nova", feature, t(at), Decimal(quantity)))
        if late:
            self.late.append(LateMark(feature, t(at), (len(self.events), b"")))

    def facts(self, until: Instant) -> CustomerFacts:
        """What a run to an instant is given."""
        facts = CustomerFacts(
            Customer("nova"),
            tuple(self.subscriptions),
            deferred=tuple(self.deferred),
            voided=tuple(self.voided),
            taxes=self.taxes,
            redemptions=self.redemptions,
            balance=self.balance,
            grants=tuple(self.grants),
            late=tuple(self.late),
            claims=self.known_claims(),
            billed=tuple(self.billed()),
            draws=self.draws,
        )
        return replace(facts, totals=self.totals(needed_windows(facts, until)))

    def totals(self, asked: Iterable[UsageWindow]) -> Totals:
        """The quantities of windows, of everything recorded."""
        return measured(asked, self.subscriptions, self.events)

    def billed(self) -> Iterable[BilledLine]:
        """Every line of every invoice; of what was issued again only the last revision."""
        found: dict[tuple[str, str, int, str], BilledLine] = {}
        for number, draft in enumerate(self.invoices):
            for place, line in enumerate(draft.lines, 1):
                key = (line.subscription, line.charge_key, line.service_index, line.occasion)
                taken = self.given_back.get((f"inv_{number}", place), 0)
                found[key] = BilledLine(
                    f"inv_{number}", place, line, LineCredit(taken), number in self.void_invoices, taken
                )
        return found.values()

    def known_claims(self) -> tuple[UsageClaim, ...]:
        """Every claim; of what was issued again only the last revision."""
        found = {(c.subscription, c.feature, c.allowance_index, c.occasion): c for c in self.claims}
        return tuple(found.values())

    def run(self, until: str) -> Advanced:
        """Bring nova to an instant and keep what that decides."""
        result = advance(self.facts(t(until)), t(until), self.terms)
        assert not result.hold, result.hold
        changed = {one.id: one for one, _ in result.subscriptions}
        self.subscriptions = [changed.get(one.id, one) for one in self.subscriptions]
        self.invoices += result.drafts
        fresh = [*result.settlements, *(one for draft in result.drafts for one in draft.settlements)]
        self.settlements += fresh
        self.deferred = [
            one for one in (*self.deferred, *fresh) if one.outcome == "blocked" and one not in result.closed
        ]
        self.voided = []
        self.claims += [*result.claims, *(one for draft in result.drafts for one in draft.claims)]
        self.late = [mark for mark in self.late if mark not in result.late]
        for move in result.wallet:
            assert move.key not in self.draws, f"{move.key} was posted before"
            units = posted(move.amount)
            self.draws[move.key] = units
            self.grants = [
                replace(one, left=one.left + units) if one.id == move.grant else one for one in self.grants
            ]
        for draft in result.drafts:
            self._pay(draft.currency.code, -draft.credit_minor)
        for note in result.credits:
            self._pay(note.currency.code, note.total_minor)
            for line in note.lines:
                place = (note.invoice, line.position)
                self.given_back[place] = self.given_back.get(place, 0) + line.net_minor
        return result

    def _pay(self, code: str, minor: int) -> None:
        self.balance[code] = self.balance.get(code, 0) + minor

    def void(self, number: int) -> None:
        """Void an invoice so that the next run issues it again: what grants paid for it is given back."""
        draft = self.invoices[number]
        self.void_invoices.add(number)
        again = tuple(replace(one, outcome="reissue") for one in draft.settlements)
        for one in again:
            for key in [key for key in self.draws if key.startswith(debit_prefix(one))]:
                units = self.draws.pop(key)
                self.grants = [
                    replace(grant, left=grant.left - units) if key.endswith(f":{grant.id}") else grant
                    for grant in self.grants
                ]
        identity = (draft.subscription, draft.period_index, draft.kind, draft.occasion, draft.revision)
        self.voided.append(Voided(*identity, draft.at, again))
