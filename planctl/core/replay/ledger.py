"""Which statements matter to one another: those of a billing period, and those that closed one allowance period.

It orders what was issued and rates nothing. Source: planctl billing rules, fees (minimum and maximum).
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from fractions import Fraction

from planctl.core.invoicing.late import LATE
from planctl.core.invoicing.model import Line, Settlement
from planctl.core.invoicing.reclose import Charge, parts_of
from planctl.core.invoicing.tallies import billing_index
from planctl.core.money import round_minor
from planctl.core.periods import Instant
from planctl.core.replay.account import Account, ChargeKey, Statement
from planctl.core.subscriptions.dues import FEE, MINIMUM, Due, block_at, due_of, dues
from planctl.core.subscriptions.model import Subscription


def key_of(line: Line) -> ChargeKey:
    """What a line charges, within one revision."""
    return (line.subscription, line.charge_key, line.service_index, line.occasion)


class Ledger:
    """One customer's statements, found by what they charge; what was voided to be issued again is left out."""

    def __init__(self, account: Account) -> None:
        self.subscriptions = {one.id: one for one in account.past.subscriptions}
        self.lasting = tuple(one for one in account.statements if not _is_replaced(one))
        self.order = {one.id: place for place, one in enumerate(account.statements)}
        self.inside = tuple(one for one in self.lasting if one.id in account.inside)
        self.settled = account.past.settled
        self._given_back = account.given_back
        self._by_place: dict[tuple[str, str, int], list[Statement]] = {}
        for statement in self.lasting:
            for settled in statement.settled:
                place = (settled.subscription, settled.part, settled.index)
                self._by_place.setdefault(place, []).append(statement)
        self._by_period: dict[str, dict[int, list[Statement]]] = {}
        self._charges = {
            (charge.invoice, charge.position): (statement, charge)
            for statement in account.statements
            for charge in statement.charges
        }

    def issued(self, statement: Statement) -> dict[ChargeKey, Charge]:
        """The lines of a statement as they were issued."""
        return {key_of(one.line): one for one in statement.charges}

    def charge(self, invoice: str, position: int) -> tuple[Statement, Charge] | None:
        """An issued line by its invoice's id and its place there."""
        return self._charges.get((invoice, position))

    def given_back(self, charge: Charge, statement: Statement) -> int:
        """What credit notes had taken back of a charge by themselves when a statement was made, before discounts."""
        line = charge.line
        settled = sum(
            one.net_minor
            for one in self._given_back.get((charge.invoice, charge.position), ())
            if one.at <= statement.issued_at and one.with_ != statement.identity
        )
        paid = line.net_minor > 0
        return round_minor(Fraction(settled * line.amount_minor, line.net_minor), 0) if paid else 0

    def closed_before(self, statement: Statement, settled: Settlement) -> Iterator[Statement]:
        """The earlier statements that settled the same allowance period."""
        place = (settled.subscription, settled.part, settled.index)
        yield from self._earlier(statement, self._by_place.get(place, ()))

    def billed_before(self, statement: Statement, subscription: str, index: int) -> Iterator[Statement]:
        """The earlier statements that charged anything for one billing period of a subscription."""
        yield from self._earlier(statement, self._periods_of(subscription).get(index, ()))

    def settled_before(self, subscription: str, at: Instant) -> Instant | None:
        """The latest instant before `at` at which anything of the subscription fell due; None: none."""
        earlier = (settled.due_at for settled, _ in self.settled if settled.subscription == subscription)
        return max((one for one in earlier if one < at), default=None)

    def scope(self, bounded: Collection[str]) -> tuple[Statement, ...]:
        """The statements that rating those of the period needs; `bounded` have a minimum or a maximum on some side."""
        found: dict[str, Statement] = {}
        ahead = list(self.inside)
        while ahead:
            statement = ahead.pop()
            if statement.id in found:
                continue
            found[statement.id] = statement
            for settled in statement.settled:
                if settled.occasion.startswith(LATE) and settled.part not in {FEE, MINIMUM}:
                    ahead += self.closed_before(statement, settled)
                if settled.subscription in bounded:
                    index = billed_in(self.subscriptions[settled.subscription], settled)
                    ahead += self.billed_before(statement, settled.subscription, index)
        return tuple(found.values())

    def _earlier(self, statement: Statement, several: Iterable[Statement]) -> Iterator[Statement]:
        place = self.order[statement.id]
        found = {one.id: one for one in several}
        return (one for one in found.values() if self.order[one.id] < place)

    def _periods_of(self, name: str) -> Mapping[int, Sequence[Statement]]:
        if name not in self._by_period:
            subscription = self.subscriptions[name]
            found: dict[int, list[Statement]] = {}
            for statement in self.lasting:
                for index in dict.fromkeys(_billing_indexes(subscription, statement)):
                    found.setdefault(index, []).append(statement)
            self._by_period[name] = found
        return self._by_period[name]


def _is_replaced(statement: Statement) -> bool:
    return statement.void and any(one.outcome == "reissue" for one in statement.settled)


def _billing_indexes(subscription: Subscription, statement: Statement) -> Iterator[int]:
    """The billing periods that a statement charges, or would charge if the terms were others."""
    for charge in statement.charges:
        index = billing_index(subscription, charge.line)
        if index is not None:
            yield index
    for settled in statement.settled:
        if settled.subscription == subscription.id:
            yield billed_in(subscription, settled)


def added_dues(
    ledger: Ledger, statement: Statement, moved: Mapping[str, Subscription]
) -> Iterator[tuple[Subscription, Due]]:
    """What falls due by proposed terms alone, with the statement that comes at that time or next.

    That is usage with a reset that the held terms do not close, and minimums where there were none. What falls into
    a time without service is left out.
    """
    latest: dict[str, Instant] = {}
    for settled in statement.settled:
        if not settled.occasion and settled.outcome in {"billed", "zero"}:
            name = settled.subscription
            latest[name] = Instant(max(settled.due_at, latest.get(name, settled.due_at)))
    for name, at in latest.items():
        after = moved[name]
        parts = _parts(after) - _parts(ledger.subscriptions[name])
        if not parts:
            continue
        since = replace(after, settled_at=ledger.settled_before(name, at))
        for due in dues(since, at):
            if due.part in parts and block_at(after, due.at) is None:
                yield after, due


def _parts(subscription: Subscription) -> set[str]:
    minimum = subscription.terms.minimum.get(subscription.currency.code)
    return {*parts_of(subscription).values(), *([MINIMUM] if minimum else [])}


def billed_in(subscription: Subscription, settled: Settlement) -> int:
    """The billing period that a settlement belongs to: usage to the one in which its allowance period ends."""
    if settled.part in {FEE, MINIMUM}:
        return settled.index
    ends_at = due_of(subscription, settled.part, settled.index).period.ends_at
    assert ends_at is not None, f"{subscription.id}: {settled.part} {settled.index} was closed and has no end"
    return subscription.schedule().index_at(Instant(ends_at - 1))
