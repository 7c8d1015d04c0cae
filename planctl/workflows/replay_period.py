"""Replays a period that was billed under a proposed catalog: reads, rates both sides, sums up. It writes nothing."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

from planctl.core.catalog.changeset import ChangeSet
from planctl.core.catalog.diff import diff
from planctl.core.catalog.emit import catalog_digest
from planctl.core.replay.conditions import GRAMMAR, Condition, condition
from planctl.core.replay.needs import Need, held_needs, moved_needs
from planctl.core.replay.proposal import Proposal, Stuck, moved, proposal_of
from planctl.core.replay.replayed import Ground, replay
from planctl.core.replay.simulation import About, Simulation, Span, Tally
from planctl.core.replay.span import span_of
from planctl.core.subscriptions.model import Subscription
from planctl.core.unreadable import Unreadable
from planctl.errors import InvalidInput

if TYPE_CHECKING:
    from planctl.core.catalog.model import Catalog
    from planctl.core.replay.account import Account, Measured
    from planctl.store.engine import Tx
    from planctl.store.replaying import AccountPage


def read_span(text: str, timezone: str) -> Span:
    """The period that an option names; InvalidInput says what one looks like."""
    try:
        return span_of(text, timezone)
    except Unreadable as error:
        raise InvalidInput(error.reason, where="--period", got=text, expected=error.fix) from error


def read_conditions(texts: Iterable[str], catalog: Catalog) -> tuple[Condition, ...]:
    """The conditions that options name; InvalidInput with the grammar, also for a currency that is not declared."""
    found = []
    for text in texts:
        try:
            one = condition(text)
        except Unreadable as error:
            raise InvalidInput(
                error.reason, code="condition", where="--fail-if", got=text, expected=error.fix
            ) from error
        if one.unit not in {"", "%", *catalog.currencies}:
            raise InvalidInput(
                f"the catalog has no currency {one.unit}",
                code="condition",
                where="--fail-if",
                expected=", ".join(sorted(catalog.currencies)),
                got=text,
                hint=GRAMMAR,
            )
        found.append(one)
    return tuple(found)


def propose_replay(tx: Tx, catalog: Catalog) -> ChangeSet:
    """What the catalog would change of what the store sells; no gate is asked, since nothing is applied."""
    from planctl.store.catalog import stored_catalog

    return diff(stored_catalog(tx), catalog, holders={})


def replay_period(tx: Tx, catalog: Catalog, changes: ChangeSet, span: Span) -> Simulation:
    """Rate what was issued in the period by the terms that were held, and by those that `changes` propose."""
    from planctl.store import replaying

    proposal, tally = proposal_of(changes, catalog), Tally()
    house = replaying.house(tx)
    house = replace(house, proposed_taxes={**house.taxes, **catalog.taxes})
    for found in replaying.accounts(tx, span):
        tally.unreadable += found.unreadable
        page = replace(found, accounts=tuple(_knowing(one, proposal) for one in found.accounts))
        moves = {one.customer.id: _moves(one, proposal, tally) for one in page.accounts}
        held, proposed = _measured(tx, page, moves, proposal)
        for account in page.accounts:
            ground = Ground(moves[account.customer.id], held, proposed)
            tally.take(account, replay(account, ground, house, proposal))
    about = About(
        catalog.name,
        catalog_digest(catalog),
        changes.base.revision,
        tuple(sorted(proposal.plans)),
        replaying.credit_notes(tx, span),
    )
    return tally.simulation(span, about)


def _knowing(account: Account, proposal: Proposal) -> Account:
    """The account, whose wallets are found under the ids that a proposal gives to their features too."""
    return replace(account, present={**account.present, **proposal.today}) if proposal.renamed else account


def _moves(account: Account, proposal: Proposal, tally: Tally) -> dict[str, Subscription]:
    """The subscriptions of a customer on proposed terms; those billed in the period are counted."""
    from planctl.files.yaml_reader import read_values

    billed = {
        settled.subscription
        for statement in account.statements
        if statement.id in account.inside
        for settled in statement.settled
    }
    found = {}
    for one in account.past.subscriptions:
        if one.plan not in proposal.plans:
            continue
        on_new = moved(one, proposal, read_values)
        if not isinstance(on_new, Stuck):
            found[one.id] = on_new
            tally.subscriptions += one.id in billed
        elif one.id in billed:
            tally.stuck[on_new] += 1
    return found


def _measured(
    tx: Tx, page: AccountPage, moves: Mapping[str, Mapping[str, Subscription]], proposal: Proposal
) -> tuple[Measured, Measured]:
    """The usage of a page's customers, by the terms held and by the proposed ones."""
    from planctl.store import replaying

    held: list[Need] = []
    proposed: list[Need] = []
    by_id: dict[str, Subscription] = {}
    for one in page.accounts:
        by_id |= {each.id: each for each in one.past.subscriptions}
        held += held_needs(one, moves[one.customer.id])
        proposed += moved_needs(one, moves[one.customer.id])
    on_new = by_id | {name: one for several in moves.values() for name, one in several.items()}
    return (
        replaying.measured(tx, held, by_id, {}),
        replaying.measured(tx, proposed, on_new, proposal.former),
    )
