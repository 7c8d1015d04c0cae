"""What was issued and recorded around a period, customer by customer, and the usage that rating it again needs.

Pages of whole customers, each with a fixed number of queries. It decides nothing.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from sqlalchemy import func, select

from planctl.core.invoicing.model import CreditNote, Settlement, WindowKey
from planctl.core.invoicing.settling import made_by_itself
from planctl.core.periods import Instant
from planctl.core.replay.account import (
    Account,
    CouponUse,
    GivenBack,
    House,
    Measured,
    Redeemed,
    Statement,
    in_order,
)
from planctl.core.replay.needs import Need
from planctl.core.replay.simulation import CreditNotes, Span
from planctl.core.subscriptions.model import Subscription
from planctl.core.wallets import Entry, Grant
from planctl.store import catalog, customers, invoices, usage
from planctl.store.coupons import named_redemptions
from planctl.store.credit_notes import notes_on
from planctl.store.facts import run_terms
from planctl.store.laws.past import Recorded, pasts
from planctl.store.laws.reading import Page, subscription_pages
from planctl.store.mapping import currency_of, exact_of
from planctl.store.offers import taxes
from planctl.store.sets import chunks, grouped, table
from planctl.store.usage import UsageRequest
from planctl.store.usage_totals import request_for
from planctl.store.wallets import grants_of
from planctl.values import dataclass

if TYPE_CHECKING:
    from planctl.store.engine import Tx

_I, _S, _C = table("invoice"), table("settlement"), table("customer")
_R, _U, _E, _N = table("coupon_redemption"), table("coupon_use"), table("wallet_entry"), table("credit_note")


@dataclass(frozen=True, slots=True)
class AccountPage:
    """Some customers of whom something fell into the period; `unreadable` says which could not be read."""

    accounts: tuple[Account, ...]
    unreadable: tuple[str, ...] = ()

    @property
    def customers(self) -> tuple[str, ...]:
        """Their ids."""
        return tuple(one.customer.id for one in self.accounts)


def accounts(tx: Tx, span: Span) -> Iterator[AccountPage]:
    """Every customer with an invoice of the period that is not void, or with something that came to nothing in it."""
    for page in subscription_pages(tx):
        narrow = _touched(tx, page, span)
        if narrow.subscriptions or narrow.damaged:
            yield _read(tx, narrow, span)


def house(tx: Tx) -> House:
    """The taxes that are declared, and how they are rounded; nothing is proposed yet."""
    in_force = taxes(tx)
    return House(in_force, in_force, run_terms(tx).tax_rounding)


def credit_notes(tx: Tx, span: Span) -> tuple[CreditNotes, ...]:
    """The credit notes that were issued in a period, by currency."""
    sums = func.count().label("times"), func.sum(_N.c.total).label("total")
    query = (
        select(_N.c.currency, _N.c.decimals, *sums)
        .where(_N.c.issued_at >= span.starts_at, _N.c.issued_at < span.ends_at)
        .group_by(_N.c.currency, _N.c.decimals)
        .order_by(_N.c.currency)
    )
    return tuple(
        CreditNotes(currency_of(row.currency, row.decimals), row.times, int(row.total))
        for row in tx.connection.execute(query)
    )


def measured(
    tx: Tx,
    needs: Iterable[Need],
    subscriptions: Mapping[str, Subscription],
    renamed: Mapping[str, tuple[str, ...]],
) -> Measured:
    """The usage of windows, metered by the terms of these subscriptions, without what came late and is not billed yet.

    `renamed` are ids that features have today, by the ids that a proposal gives them.
    """
    former = dict(catalog.aliases(tx, "features"))
    for new, olds in renamed.items():
        former[new] = (*olds, *(one for old in olds for one in former.pop(old, ())))
    requests: dict[WindowKey, UsageRequest] = {}
    by_event: dict[WindowKey, tuple[UsageRequest, str]] = {}
    for window, name in needs:
        request = request_for(window, subscriptions, former)
        if name:
            by_event[window.key] = (request, name)
        else:
            requests[window.key] = request
    of_whom = {one.window.customer for one in requests.values()}
    without = {name: marks for name, marks in usage.late_marks(tx, of_whom).items() if marks}
    return Measured(
        usage.totals(tx, [*requests.values()], without) if requests else {},
        usage.amounts(tx, [*by_event.values()], without) if by_event else {},
    )


def _touched(tx: Tx, page: Page, span: Span) -> Page:
    """The page without the customers of whom nothing fell into the period."""
    found: set[str] = set()
    for chunk in chunks(page.subscriptions):
        issued = select(_I.c.subscription).where(
            _I.c.subscription.in_(chunk),
            _I.c.issued_at >= span.starts_at,
            _I.c.issued_at < span.ends_at,
            _I.c.status != "void",
        )
        silent = select(_S.c.subscription).where(
            _S.c.subscription.in_(chunk),
            _S.c.due_at >= span.starts_at,
            _S.c.due_at < span.ends_at,
            _S.c.outcome == "zero",
        )
        for query in (issued, silent):
            found.update(tx.connection.execute(query.distinct()).scalars())
    mine = {page.subscriptions[name].customer for name in found}
    kept = {name: one for name, one in page.subscriptions.items() if one.customer in mine}
    looks = {name: page.next_action_at[name] for name in kept}
    return replace(page, subscriptions=kept, next_action_at=looks)


def _read(tx: Tx, page: Page, span: Span) -> AccountPage:
    recorded = pasts(page)
    unreadable = [f"customer {name}" for name in sorted(page.damaged)]
    unreadable += [
        f"subscription {name}: {what}" for one in recorded.values() for name, what in one.unreadable
    ]
    statements = {name: in_order(_statements(one)) for name, one in recorded.items()}
    inside = {
        name: frozenset(one.id for one in several if _is_inside(one, span))
        for name, several in statements.items()
    }
    issued = [
        one.id
        for name, several in statements.items()
        for one in several
        if one.number and one.id in inside[name]
    ]
    drafts = {made.id: made.draft for made in invoices.get_many(tx, issued).values()}
    beside = _beside(tx, [*recorded])
    notes = notes_on(tx, [row.id for one in recorded.values() for row in one.invoices])
    found = tuple(
        Account(
            beside.customers[name],
            one.past,
            statements[name],
            inside[name],
            {key: drafts[key] for key in drafts.keys() & inside[name]},
            beside.grants[name],
            tuple(beside.entries[name]),
            tuple(beside.redeemed[name]),
            tuple(beside.uses[name]),
            beside.present,
            _given_back(notes, one),
        )
        for name, one in recorded.items()
    )
    return AccountPage(found, tuple(unreadable))


def _given_back(
    notes: Mapping[str, Sequence[CreditNote]], recorded: Recorded
) -> dict[tuple[str, int], list[GivenBack]]:
    """What credit notes took back by themselves, by invoice and position."""
    found: dict[tuple[str, int], list[GivenBack]] = {}
    for row in recorded.invoices:
        for draft in (note.draft for note in notes[row.id] if made_by_itself(note.draft.occasion)):
            for line in draft.lines:
                back = GivenBack(draft.issued_at, draft.occasion, line.net_minor)
                found.setdefault((row.id, line.position), []).append(back)
    return found


def _is_inside(statement: Statement, span: Span) -> bool:
    return not statement.void and span.starts_at <= statement.issued_at < span.ends_at


def _statements(recorded: Recorded) -> list[Statement]:
    """Every invoice, with what came to nothing beside it at the same instant; and what came to nothing alone."""
    past = recorded.past
    settled = grouped(past.settled, (), lambda pair: pair[1])
    charges = grouped(past.charges, (), lambda one: one.invoice)
    silent = _silent(recorded, [one for one, _ in settled.get("", ())])
    found = []
    for row in recorded.invoices:
        mine = [one for one, _ in settled.get(row.id, ())]
        if row.status != "void" and row.kind in {"renewal", "usage", "final"}:
            mine += silent.pop((row.subscription, Instant(row.bills_at)), [])
        found.append(
            Statement(
                row.id,
                row.number,
                row.subscription,
                row.kind,
                row.occasion,
                Instant(row.bills_at),
                Instant(row.issued_at),
                tuple(mine),
                tuple(charges.get(row.id, ())),
                row.status == "void",
                identity := f"{row.kind}:{row.period_idx}:{row.occasion}:{row.revision}",
                identity in recorded.credited,
            )
        )
    for (host, at), several in silent.items():
        found.append(Statement(f"zero:{host}:{at}", "", host, "renewal", "", at, at, tuple(several)))
    return found


def _silent(recorded: Recorded, settled: Sequence[Settlement]) -> dict[tuple[str, Instant], list[Settlement]]:
    """What was settled as nothing, by whose invoice it would have been on, and when."""
    bases = {one.id: one.base or one.id for one in recorded.past.subscriptions}
    found: dict[tuple[str, Instant], list[Settlement]] = {}
    for one in settled:
        if one.outcome == "zero":
            found.setdefault((bases[one.subscription], one.due_at), []).append(one)
    return found


@dataclass(frozen=True, slots=True)
class _Beside:
    """What the customers of a page have beside their subscriptions, by id."""

    customers: Mapping[str, Any]
    grants: Mapping[str, tuple[Grant, ...]]
    entries: Mapping[str, Sequence[Entry]]
    redeemed: Mapping[str, Sequence[Redeemed]]
    uses: Mapping[str, Sequence[CouponUse]]
    present: Mapping[str, str]


def _beside(tx: Tx, names: Collection[str]) -> _Beside:
    present = {old: new for new, olds in catalog.aliases(tx, "features").items() for old in olds}
    grants = grants_of(tx, names)
    with_grants = [name for name in names if grants[name]]
    redeemed = grouped(_redeemed(tx, names), names, lambda one: one.redemption.customer)
    owner = {one.redemption.id: name for name, several in redeemed.items() for one in several}
    return _Beside(
        customers.get_many(tx, names),
        grants,
        grouped(_entries(tx, with_grants), names, lambda one: one.customer),
        redeemed,
        grouped(_uses(tx, owner), names, lambda one: owner[one.redemption]),
        present,
    )


def _redeemed(tx: Tx, names: Collection[str]) -> Iterator[Redeemed]:
    """Every redemption of these customers, removed ones too."""
    for chunk in chunks(names):
        query = select(_R.c.id, _R.c.removed_at).join(_C, _C.c.seq == _R.c.customer).where(_C.c.id.in_(chunk))
        removed = {row.id: row.removed_at for row in tx.connection.execute(query)}
        for one in named_redemptions(tx, [*removed]):
            at = removed[one.id]
            yield Redeemed(one, Instant(at) if at else None)


def _uses(tx: Tx, redemptions: Collection[str]) -> Iterator[CouponUse]:
    for chunk in chunks(redemptions):
        query = (
            select(_U, _I.c.subscription)
            .join(_I, _I.c.id == _U.c.invoice)
            .where(_U.c.redemption.in_(chunk), _I.c.status != "void")
        )
        for row in tx.connection.execute(query):
            yield CouponUse(row.redemption, row.invoice, row.subscription, row.period_idx, row.amount)


def _entries(tx: Tx, names: Collection[str]) -> Iterator[Entry]:
    for chunk in chunks(names):
        query = (
            select(_E, _C.c.id.label("customer_id"))
            .join(_C, _C.c.seq == _E.c.customer)
            .where(_C.c.id.in_(chunk))
            .order_by(_E.c.customer, _E.c.feature, _E.c.seq)
        )
        for row in tx.connection.execute(query):
            yield Entry(
                row.customer_id, row.feature, row.seq, row.grant_id, row.entry_key, exact_of(row.amount),
                exact_of(row.balance), Instant(row.at), row.reverses,
            )  # fmt: skip
