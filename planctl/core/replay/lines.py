"""The lines of a statement rated again, by the terms that were held or by proposed ones. It finishes no invoice.

The functions are those that billed them: fees, quantities, usage, minimums. What the held side found out (which end
was known, what was known of usage, how much of a credit went back) the proposed side takes over.
Source: planctl billing rules, money and rounding, rating, fees; docs/decisions/029.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from fractions import Fraction

from planctl.core.document import Document
from planctl.core.invoicing.explain import unused_net
from planctl.core.invoicing.fees import capped, minimum_lines
from planctl.core.invoicing.late import LATE, difference_minor
from planctl.core.invoicing.model import Line, Settlement
from planctl.core.invoicing.reclose import Charge, given_back
from planctl.core.invoicing.tallies import charged_in, usage_in
from planctl.core.invoicing.unused import is_unused
from planctl.core.invoicing.usage import Closing, usage_line
from planctl.core.invoicing.usage_story import number_in, objects_in, text_in
from planctl.core.money import fraction_text, round_half_up, round_minor
from planctl.core.replay.account import ChargeKey, Statement
from planctl.core.replay.closings import HeldUsage, MovedUsage
from planctl.core.replay.ledger import Ledger, billed_in, key_of
from planctl.core.rerate import change_again, fees_again, histories
from planctl.core.subscriptions.dues import FEE, MINIMUM, Due, due_of, resumed_at
from planctl.core.subscriptions.model import Subscription

ZERO = Fraction(0)
Found = dict[ChargeKey, Line]


class Rating(ABC):
    """One side of a customer's statements.

    `kept` are lines that stay as they were issued, with why; `closed` are the features that each statement closed.
    """

    def __init__(
        self,
        ledger: Ledger,
        subscriptions: Iterable[Subscription],
        usage: HeldUsage | MovedUsage,
    ) -> None:
        self.ledger = ledger
        self.usage = usage
        self.by_id = {one.id: one for one in subscriptions}
        self.kept: dict[ChargeKey, str] = {}
        self.closed: dict[str, list[Closing]] = {}
        self._done: dict[str, Found] = {}

    def of(self, statement: Statement) -> Mapping[ChargeKey, Line]:
        """The lines of a statement, before discounts and taxes."""
        if statement.id not in self._done:
            found: Found = {}
            self._done[statement.id] = found
            self._fees(statement, found)
            self._changes(statement, found)
            self._usage(statement, found)
            self._added(statement, found)
            self._credits_and_packs(statement, found)
            self._minimums(statement, found)
        return self._done[statement.id]

    # --- what differs between the sides

    @abstractmethod
    def _chosen(
        self, statement: Statement, subscription: Subscription, several: Sequence[Sequence[Line]]
    ) -> int:
        """Which of the histories that a subscription may have had is the right one."""

    @abstractmethod
    def _credit(self, statement: Statement, line: Line) -> Line | None:
        """A line below 0 as it stands on the invoice: less the discounts of what it gives back; None: on none."""

    @abstractmethod
    def pack(self, line: Line) -> Line:
        """A pack by this side's price."""

    @abstractmethod
    def _added(self, statement: Statement, found: Found) -> None:
        """Keep what this side charges at the same time and the held one does not have."""

    # --- fees and quantities

    def _fees(self, statement: Statement, found: Found) -> None:
        for name, mine in _by_subscription(one for one in statement.settled if one.part == FEE).items():
            subscription = self.by_id[name]
            if not subscription.terms.free:
                several = [[*fees_again(one, mine)] for one in histories(subscription)]
                self._add(statement, found, several[self._chosen(statement, subscription, several)])

    def _changes(self, statement: Statement, found: Found) -> None:
        if statement.kind != "change":
            return
        for subscription in self.by_id.values():
            if statement.subscription in {subscription.id, subscription.base}:
                several = change_again(subscription, statement.occasion)
                self._add(statement, found, several[self._chosen(statement, subscription, several)])

    def _add(self, statement: Statement, found: Found, lines: Iterable[Line]) -> None:
        for line in lines:
            kept = self._credit(statement, line) if line.amount_minor < 0 else line
            if kept is not None:
                found[key_of(line)] = kept

    # --- usage

    def _usage(self, statement: Statement, found: Found) -> None:
        for settled in statement.settled:
            if settled.part in {FEE, MINIMUM}:
                continue
            closings = self.usage.closings(settled)
            is_late = settled.occasion.startswith(LATE)
            if closings is None or (is_late and self._is_kept(statement, settled)):
                self._keep(statement, settled, found)
            elif is_late:
                self._late(statement, settled, closings, found)
            elif closings:
                self.closed.setdefault(statement.id, []).extend(closings)
                subscription = self.by_id[settled.subscription]
                due = due_of(subscription, settled.part, settled.index)
                lines = [usage_line(subscription, due, one, {}) for one in closings if one.rated.amount_minor]
                self.usage_lines(statement, due, lines, settled.occasion, found)

    def usage_lines(
        self, statement: Statement, due: Due, lines: Sequence[Line], occasion: str, found: Found
    ) -> None:
        """Keep the lines of a closing, within the `maximum`."""
        if lines:
            subscription = self.by_id[lines[0].subscription]
            within = self._capped(statement, subscription, due, lines, found)
            self._add(statement, found, (replace(line, occasion=occasion) for line in within))

    def _capped(
        self, statement: Statement, subscription: Subscription, due: Due, lines: Sequence[Line], found: Found
    ) -> Sequence[Line]:
        if not subscription.terms.maximum:
            return lines
        index = billed_in(subscription, Settlement(subscription.id, due.part, due.index, "billed", due.at))
        others = usage_in(subscription, due, [*self._billed(statement, subscription, index), *found.values()])
        return capped(lines, subscription, due, others)

    def _billed(self, statement: Statement, subscription: Subscription, index: int) -> Iterator[Line]:
        """The lines that earlier statements have for a billing period, less what closing it again gave back."""
        for earlier in self.ledger.billed_before(statement, subscription.id, index):
            yield from self.of(earlier).values()
            for line in self.of(earlier).values():
                back = self._given_back(statement, earlier, line)
                if back and line.subscription == subscription.id:
                    yield replace(line, amount_minor=-back, detail=None)

    def _keep(self, statement: Statement, settled: Settlement, found: Found) -> None:
        """Leave the lines of a period as they were issued: what was known of it then cannot be told any more."""
        for key, charge in self.ledger.issued(statement).items():
            line = charge.line
            is_usage = line.charge_key.startswith("usage:")
            same = (line.subscription, line.service_index, line.occasion)
            if is_usage and same == (settled.subscription, settled.index, settled.occasion):
                found[key] = line
                self.kept[key] = "usage that came late"

    def _is_kept(self, statement: Statement, settled: Settlement) -> bool:
        """Whether earlier lines of the period were left as issued: a difference to them would be none."""
        return any(
            key in self.kept
            for earlier in self.ledger.closed_before(statement, settled)
            for key, line in self.of(earlier).items()
            if (line.subscription, line.service_index) == (settled.subscription, settled.index)
        )

    def _late(
        self, statement: Statement, settled: Settlement, closings: Sequence[Closing], found: Found
    ) -> None:
        """What late usage changes: all that the period comes to now, less what it was charged before."""
        subscription = self.by_id[settled.subscription]
        due = due_of(subscription, settled.part, settled.index)
        fresh = [usage_line(subscription, due, one, {}) for one in closings]
        for now in self._capped(statement, subscription, due, fresh, found):
            before = [
                (line, earlier)
                for earlier in self.ledger.closed_before(statement, settled)
                for line in self.of(earlier).values()
                if (line.subscription, line.charge_key, line.service_index) == key_of(now)[:3]
            ]
            differs = now.amount_minor - sum(difference_minor(line) for line, _ in before)
            differs += sum(self._given_back(statement, earlier, line) for line, earlier in before)
            if differs:
                amount = differs if differs > 0 else -self._goes_back(-differs, before)
                late = replace(now, kind="late_usage", occasion=settled.occasion, amount_minor=amount)
                late = replace(late, detail={"difference_minor": str(differs)})
                self._add_late(statement, found, late)

    def _add_late(self, statement: Statement, found: Found, line: Line) -> None:
        if line.amount_minor > 0 or not statement.credited or key_of(line) in self.ledger.issued(statement):
            found[key_of(line)] = line

    def _given_back(self, statement: Statement, earlier: Statement, line: Line) -> int:
        """What credit notes took back of an earlier line by themselves, as a part of what this side charged."""
        charge = self.ledger.issued(earlier).get(key_of(line))
        back = 0 if charge is None else self.ledger.given_back(charge, statement)
        if charge is None or not back:
            return 0
        return round_half_up(Fraction(back * line.amount_minor, charge.line.amount_minor), 0)

    def _goes_back(self, amount: int, before: Sequence[tuple[Line, Statement]]) -> int:
        """What of an amount goes back: as much lower as the discounts that were given on the charges."""
        charges = []
        for line, statement in before:
            issued = self.ledger.issued(statement).get(key_of(line))
            if issued is not None and issued.line.amount_minor > 0:
                discount = Fraction(issued.line.discount_minor * line.amount_minor, issued.line.amount_minor)
                charges.append(
                    Charge(statement.id, 0, replace(line, discount_minor=round_half_up(discount, 0)))
                )
            else:
                charges.append(Charge(statement.id, 0, line))
        return given_back(amount, charges)

    # --- minimums

    def _minimums(self, statement: Statement, found: Found) -> None:
        for settled in statement.settled:
            subscription = self.by_id[settled.subscription]
            if settled.part == MINIMUM and subscription.terms.minimum.get(subscription.currency.code):
                self.minimum(statement, settled, found)

    def minimum(self, statement: Statement, settled: Settlement, found: Found) -> None:
        """What is short of the minimum of a billing period; after late usage what that changed of it."""
        subscription = self.by_id[settled.subscription]
        due = due_of(subscription, MINIMUM, settled.index)
        lines = [*self._billed(statement, subscription, settled.index), *found.values()]
        charged = charged_in(subscription, settled.index, lines)
        fresh = [*minimum_lines(subscription, due, charged, {}, resumed_at(subscription, due))]
        if not settled.occasion.startswith(LATE):
            self._add(statement, found, (replace(line, occasion=settled.occasion) for line in fresh))
            return
        before = [
            line for line in lines if line.charge_key == MINIMUM and line.service_index == settled.index
        ]
        before = [line for line in before if line.subscription == subscription.id]
        differs = sum(line.amount_minor for line in fresh) - sum(difference_minor(line) for line in before)
        if differs:
            line = (fresh or before)[0]
            late = replace(line, kind="late_usage", amount_minor=differs, occasion=settled.occasion)
            self._add_late(
                statement, found, replace(late, detail={"difference_minor": str(differs)}, discount_minor=0)
            )

    # --- what goes back for unused time, and packs

    def _credits_and_packs(self, statement: Statement, found: Found) -> None:
        for key, charge in self.ledger.issued(statement).items():
            line = charge.line
            if is_unused(line):
                found[key] = replace(line, amount_minor=self._unused(line))
            elif line.kind == "pack":
                found[key] = self.pack(line)

    def _unused(self, line: Line) -> int:
        """A credit for unused time: the same part of what this side charged for it."""
        subscription = self.by_id[line.subscription]
        minor = 10**subscription.currency.decimals
        exact = ZERO
        charged: list[Document] = []
        for one in objects_in(line.detail, "charged"):
            was, now = self._charged(one, minor)
            share = now / was if was else ZERO
            net, part, back = (number_in(one, name) or ZERO for name in ("net", "part", "credited"))
            unused = now * part
            exact += unused if unused <= 0 else max(unused - back * minor * share, ZERO)
            charged.append(
                {
                    "amount": fraction_text(now / minor),
                    "net": fraction_text(net * share),
                    "part": fraction_text(part),
                    "credited": fraction_text(back * share),
                }
            )
        gross = -round_minor(exact, 0)
        told = replace(line, detail={"charged": charged})
        net_minor = unused_net(told, gross, subscription.currency)
        return gross if net_minor is None else net_minor

    def _charged(self, one: Document, minor: int) -> tuple[Fraction, Fraction]:
        """What a charge was issued with, and what this side makes of it, in minor units."""
        was = (number_in(one, "amount") or ZERO) * minor
        place = self.ledger.charge(text_in(one, "invoice"), int(number_in(one, "position") or 0))
        if place is None:
            return was, was
        statement, charge = place
        now = self.of(statement).get(key_of(charge.line))
        return was, Fraction(0 if now is None else now.amount_minor)


def _by_subscription(settled: Iterable[Settlement]) -> dict[str, list[Settlement]]:
    found: dict[str, list[Settlement]] = {}
    for one in settled:
        found.setdefault(one.subscription, []).append(one)
    return found
