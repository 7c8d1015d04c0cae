"""One customer's period, rated again on both sides and compared with what was issued. It sums up nobody else.

Source: planctl billing rules, replay and migrate; docs/decisions/029.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import field, replace

from planctl.core.currencies import Currency
from planctl.core.invoicing.drafting import empty_draft
from planctl.core.invoicing.model import Draft, Line
from planctl.core.invoicing.usage import Closing
from planctl.core.replay.account import Account, ChargeKey, House, Measured, Statement
from planctl.core.replay.closings import HeldUsage, MovedUsage
from planctl.core.replay.finishing import Finisher, held_draft, proposed_taxing
from planctl.core.replay.ledger import Ledger, key_of
from planctl.core.replay.lines import Rating
from planctl.core.replay.needs import moved_past
from planctl.core.replay.proposal import Proposal
from planctl.core.replay.sides import HeldRating, MovedRating
from planctl.core.subscriptions.model import Subscription
from planctl.values import dataclass


@dataclass(frozen=True, slots=True)
class Difference:
    """Where rating again by the terms held does not give what was issued, in minor units: a fault of the records."""

    invoice: str
    what: str
    issued_minor: int
    replayed_minor: int
    currency: Currency


@dataclass(frozen=True, slots=True)
class Side:
    """One side of a statement: the draft, finished, and the features that it closed."""

    draft: Draft
    closings: tuple[Closing, ...] = ()


@dataclass(frozen=True, slots=True)
class Replayed:
    """A statement on both sides; `number` is `""` where none was issued. `kept` are lines left as issued, with why."""

    number: str
    held: Side
    moved: Side
    kept: tuple[str, ...] = ()
    differences: tuple[Difference, ...] = ()


@dataclass(frozen=True, slots=True)
class Ground:
    """What replaying one customer stands on: its subscriptions on proposed terms, and the usage of both sides."""

    moved: Mapping[str, Subscription] = field(default_factory=dict)
    held: Measured = field(default_factory=Measured)
    proposed: Measured = field(default_factory=Measured)


def replay(account: Account, ground: Ground, house: House, proposal: Proposal) -> Iterator[Replayed]:
    """Every statement of the period, in the order in which they were issued."""
    ledger = Ledger(account)
    usage = HeldUsage(account.past, ground.held)
    held = HeldRating(ledger, account.past.subscriptions, usage)
    other: Rating = held
    if ground.moved or _has_packs(ledger, proposal):
        past = moved_past(account, ground.moved)
        anew = MovedUsage(account, past, ground.proposed, usage)
        other = MovedRating(held, past.subscriptions, anew, proposal)
    finishers = Finisher(account), Finisher(account)
    for statement in ledger.inside:
        yield _replayed(statement, (held, other), finishers, house)


def _has_packs(ledger: Ledger, proposal: Proposal) -> bool:
    return any(
        charge.line.kind == "pack" and charge.line.plan in proposal.plans
        for statement in ledger.inside
        for charge in statement.charges
    )


def _replayed(
    statement: Statement, ratings: tuple[Rating, Rating], finishers: tuple[Finisher, Finisher], house: House
) -> Replayed:
    held, moved = ratings
    ledger, account = held.ledger, finishers[0].account
    empty = _empty(account, ledger, statement)
    now, taxing = held_draft(finishers[0], house, statement, _with_lines(empty, statement, held))
    proposed = _with_lines(empty, statement, moved)
    then = finishers[1].finish(statement, proposed, proposed_taxing(taxing, house))
    for finisher, done in zip(finishers, (now, then), strict=True):
        finisher.keep(statement, done.discounts, done)
    kept = tuple(why for key, why in held.kept.items() if key in held.of(statement))
    issued = account.drafts.get(statement.id)
    differences = () if issued is None else tuple(_differences(statement, issued, now))
    if issued is None and now.total_minor:
        what = f"what came to nothing for {statement.subscription}"
        differences = (Difference("", what, 0, now.total_minor, now.currency),)
    return Replayed(
        statement.number,
        Side(now, tuple(held.closed.get(statement.id, ()))),
        Side(then, tuple(moved.closed.get(statement.id, ()))),
        kept,
        differences,
    )


def _empty(account: Account, ledger: Ledger, statement: Statement) -> Draft:
    issued = account.drafts.get(statement.id)
    if issued is not None:
        return replace(issued, lines=(), discounts=(), taxes=())
    host = ledger.subscriptions[statement.subscription]
    index = host.schedule().index_at(max(statement.at, host.anchor_at))
    return empty_draft(host, statement.kind, index, "", statement.at, statement.issued_at)


def _with_lines(draft: Draft, statement: Statement, rating: Rating) -> Draft:
    """The draft with the lines of one side: those that were issued in their order, others after them."""
    lines = dict(rating.of(statement))
    known = [key_of(charge.line) for charge in statement.charges]
    ordered = [lines.pop(key) for key in known if key in lines]
    return replace(draft, lines=(*ordered, *(line for line in lines.values() if line.amount_minor)))


def _differences(statement: Statement, issued: Draft, now: Draft) -> Iterator[Difference]:
    number = statement.number
    was, found = _amounts(issued.lines), _amounts(now.lines)
    for key in dict.fromkeys([*was, *found]):
        if was.get(key, 0) != found.get(key, 0):
            name = f"line {key[1]} {key[2]}{f' ({key[3]})' if key[3] else ''}"
            yield Difference(number, name, was.get(key, 0), found.get(key, 0), now.currency)
    if was == found and issued.discount_minor != now.discount_minor:
        yield Difference(number, "discount", issued.discount_minor, now.discount_minor, now.currency)
    elif was == found and issued.taxes != now.taxes:
        before, after = (sum(tax.amount_minor for tax in one.taxes) for one in (issued, now))
        yield Difference(number, "tax", before, after, now.currency)


def _amounts(lines: tuple[Line, ...]) -> dict[ChargeKey, int]:
    return {key_of(line): line.amount_minor for line in lines}
