"""The two sides of a rating: by the terms that were held, compared with what was issued, and by proposed ones.

Source: planctl billing rules, replay and migrate; docs/decisions/029.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from fractions import Fraction

from planctl.core.invoicing.model import Line, Settlement
from planctl.core.invoicing.usage import usage_line
from planctl.core.money import round_half_up, round_minor
from planctl.core.replay.account import ChargeKey, Statement
from planctl.core.replay.closings import HeldUsage, MovedUsage
from planctl.core.replay.ledger import Ledger, added_dues, key_of
from planctl.core.replay.lines import Found, Rating
from planctl.core.replay.proposal import Proposal, pack_price
from planctl.core.subscriptions.dues import MINIMUM
from planctl.core.subscriptions.model import Subscription

ZERO = Fraction(0)


class HeldRating(Rating):
    """The side that was billed: rated by the terms held, and compared with what was issued."""

    def __init__(self, ledger: Ledger, subscriptions: Iterable[Subscription], usage: HeldUsage) -> None:
        super().__init__(ledger, subscriptions, usage)
        self.histories: dict[tuple[str, str], int] = {}
        self.gave_back: dict[tuple[str, ChargeKey], Fraction | None] = {}

    def _added(self, statement: Statement, found: Found) -> None:
        """Nothing: what it charged is what fell due."""

    def _chosen(
        self, statement: Statement, subscription: Subscription, several: Sequence[Sequence[Line]]
    ) -> int:
        issued = self.ledger.issued(statement)

        def fits(lines: Sequence[Line]) -> bool:
            keys = {key_of(line) for line in lines if line.amount_minor > 0}
            return keys <= set(issued) and all(
                issued[key_of(line)].line.amount_minor == line.amount_minor
                for line in lines
                if line.amount_minor > 0
            )

        found = next((place for place, lines in enumerate(several) if fits(lines)), 0)
        self.histories[(statement.id, subscription.id)] = found
        return found

    def _credit(self, statement: Statement, line: Line) -> Line | None:
        """Of a discounted charge goes back what was paid of it: what was issued says how much that is."""
        key = key_of(line)
        issued = self.ledger.issued(statement).get(key)
        share: Fraction | None = Fraction(1)
        if issued is None and statement.credited:
            share = None
        elif (
            issued is not None
            and self._discounted(line)
            and line.amount_minor < issued.line.amount_minor <= 0
        ):
            share = Fraction(issued.line.amount_minor, line.amount_minor)
        self.gave_back[(statement.id, key)] = share
        return None if share is None else _shared(line, share)

    def _discounted(self, line: Line) -> bool:
        """Whether a discount was given on the charge that a credit is for."""
        return any(
            charge.line.discount_minor
            for statement in self.ledger.lasting
            for charge in statement.charges
            if key_of(charge.line)[:3] == key_of(line)[:3]
        )

    def pack(self, line: Line) -> Line:
        """A pack by the price that it was sold at: its terms are on no subscription."""
        currency = self.by_id[line.subscription].currency
        price = ZERO if line.unit_price is None else line.unit_price
        return replace(line, amount_minor=round_minor(price * line.quantity, currency.decimals))


class MovedRating(Rating):
    """The side that is proposed, guided by what the held one found."""

    def __init__(
        self,
        held: HeldRating,
        subscriptions: Iterable[Subscription],
        usage: MovedUsage,
        proposal: Proposal,
    ) -> None:
        super().__init__(held.ledger, subscriptions, usage)
        self.guide = held
        self.moved_usage = usage
        self.proposal = proposal

    def _chosen(
        self, statement: Statement, subscription: Subscription, several: Sequence[Sequence[Line]]
    ) -> int:
        found = self.guide.histories.get((statement.id, subscription.id), 0)
        return min(found, len(several) - 1)

    def _credit(self, statement: Statement, line: Line) -> Line | None:
        share = self.guide.gave_back.get(
            (statement.id, key_of(line)), None if statement.credited else Fraction(1)
        )
        return None if share is None else _shared(line, share)

    def _added(self, statement: Statement, found: Found) -> None:
        for subscription, due in added_dues(self.ledger, statement, self.by_id):
            if due.part == MINIMUM:
                self.minimum(
                    statement, Settlement(subscription.id, MINIMUM, due.index, "billed", due.at), found
                )
                continue
            closings = self.moved_usage.extra(subscription, due)
            self.closed.setdefault(statement.id, []).extend(closings)
            lines = [usage_line(subscription, due, one, {}) for one in closings if one.rated.amount_minor]
            self.usage_lines(statement, due, lines, "", found)

    def pack(self, line: Line) -> Line:
        """A pack by its proposed price, where it has one."""
        currency = self.by_id[line.subscription].currency
        price = pack_price(line.plan, currency.code, self.proposal)
        if price is None:
            return self.guide.pack(line)
        exact = Fraction(price) * line.quantity
        return replace(line, unit_price=Fraction(price), amount_minor=round_minor(exact, currency.decimals))


def _shared(line: Line, share: Fraction) -> Line:
    return line if share == 1 else replace(line, amount_minor=round_half_up(line.amount_minor * share, 0))
