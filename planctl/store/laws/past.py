"""What is recorded of the customers of a page, for the laws of amounts; a row that cannot be read is named, not raised.

A fixed number of queries per page. It judges nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import TYPE_CHECKING, Any, TypeVar

from planctl.core.invoicing.model import CreditNote, Settlement, UsageClaim
from planctl.core.invoicing.reclose import Charge, ClosedPeriod, Past, closed_periods
from planctl.core.invoicing.settling import made_by_itself
from planctl.core.periods import Instant
from planctl.core.subscriptions.model import Subscription
from planctl.store.credit_notes import notes_on
from planctl.store.laws.reading import DAMAGE, Page, of_subscriptions
from planctl.store.mapping import exact_of, settlement_of
from planctl.store.sets import grouped

if TYPE_CHECKING:
    from fractions import Fraction

    from planctl.store.engine import Tx

Value = TypeVar("Value")


@dataclass(slots=True)
class Recorded:
    """One customer: its past, the rows of its invoices as they were issued, and what of it cannot be read.

    `credited` are the identities of drafts whose negative lines became credit notes.
    """

    past: Past
    invoices: Sequence[Any] = ()
    credited: frozenset[str] = frozenset()
    unreadable: list[tuple[str, str]] = field(default_factory=list)
    _periods: tuple[ClosedPeriod, ...] | None = None

    @property
    def periods(self) -> tuple[ClosedPeriod, ...]:
        """Its closed allowance periods; where something cannot have been settled, what finds that out raises it."""
        if self._periods is None:
            self._periods = tuple(closed_periods(self.past))
        return self._periods

    def named(self, invoice: str, otherwise: str) -> str:
        """An invoice as people name it; `otherwise` for the id of none."""
        return next((f"invoice {row.number}" for row in self.invoices if row.id == invoice), otherwise)


def pasts(page: Page) -> Mapping[str, Recorded]:
    """What is recorded of every customer of a page, read once; damaged customers are left out."""
    return page.once(_pasts)


def _pasts(page: Page) -> Mapping[str, Recorded]:
    tx, ids = page.tx, page.subscriptions
    settled, made = page.settlements, page.invoices
    claims = of_subscriptions(tx, "usage_claim", ids, "starts_at", "feature", "occasion", "revision")
    lines = grouped(
        (row for rows in page.lines.values() for row in rows), ids, lambda row: str(row.subscription)
    )
    notes = _notes(tx, [*page.lines])
    found: dict[str, Recorded] = {}
    for customer, several in page.customers.items():
        if customer in page.damaged:
            continue
        names = [one.id for one in several]
        found[customer] = _recorded(
            page,
            several,
            _all(settled, names),
            _all(claims, names),
            sorted(_all(made, names), key=lambda row: (row.issued_at, row.bills_at, row.sequence)),
            _all(lines, names),
            notes,
        )
    return found


def _all(rows: Mapping[str, Sequence[Any]], names: Iterable[str]) -> list[Any]:
    return [row for name in names for row in rows[name]]


def _notes(tx: Tx, invoice_ids: Sequence[str]) -> Mapping[str, Sequence[CreditNote]]:
    """The credit notes of these invoices; none where one cannot be read, which is another law's."""
    try:
        return notes_on(tx, invoice_ids)
    except DAMAGE:
        return {}


def _recorded(  # noqa: PLR0913 - the rows of one customer
    page: Page,
    subscriptions: Sequence[Subscription],
    settled: Sequence[Any],
    claims: Sequence[Any],
    invoices: Sequence[Any],
    lines: Sequence[Any],
    notes: Mapping[str, Sequence[CreditNote]],
) -> Recorded:
    found = Recorded(Past(tuple(subscriptions)), invoices)
    order = {row.id: place for place, row in enumerate(invoices)}
    void = {row.id for row in invoices if row.status == "void"}
    in_order = sorted(lines, key=lambda row: (order.get(row.invoice, len(order)), row.position))
    found.credited = frozenset(
        note.draft.occasion
        for row in invoices
        for note in notes.get(row.id, ())
        if made_by_itself(note.draft.occasion)
    )

    def charge(row: Any) -> Charge:
        line, is_void, several = page.line(row), row.invoice in void, notes.get(row.invoice)
        if not several:  # nearly every one
            return Charge(row.invoice, row.revision, line, is_void, position=row.position)
        mine = [
            (note, credited.net_minor)
            for note in several
            for credited in note.draft.lines
            if credited.position == row.position
        ]
        settled_minor = sum(net for note, net in mine if made_by_itself(note.draft.occasion))
        credited_minor = sum(net for _, net in mine)
        return Charge(row.invoice, row.revision, line, is_void, credited_minor, settled_minor, row.position)

    found.past = Past(
        tuple(subscriptions),
        [*_read(found, settled, _settled, lambda row: f"{row.part} {row.idx}")],
        [*_read(found, claims, _claimed, lambda row: f"the claim on {row.feature} {row.allowance_idx}")],
        [*_read(found, in_order, charge, lambda row: f"the line {row.charge_key} {row.service_idx}")],
        {row.id: Instant(row.issued_at) for row in invoices},
    )
    return found


def _read(
    into: Recorded, rows: Iterable[Any], read: Callable[[Any], Value], name: Callable[[Any], str]
) -> Iterator[Value]:
    for row in rows:
        try:
            yield read(row)
        except DAMAGE as problem:
            into.unreadable.append((row.subscription, f"{name(row)} cannot be read: {problem}"))


def _settled(row: Any) -> tuple[Settlement, str]:
    return settlement_of(row), row.invoice


def _claimed(row: Any) -> tuple[UsageClaim, str]:
    """The claim of a row, whether its parts sum to its quantity or not: that is a law's question."""
    claim = UsageClaim(
        row.subscription, row.feature, row.allowance_idx, Instant(row.starts_at), Instant(row.ends_at),
        _exact(row.quantity), _exact(row.included), _exact(row.wallet), _exact(row.billed),
        _exact(row.over_limit), row.occasion, row.revision, _exact(row.rolled), _exact(row.carried),
    )  # fmt: skip
    return claim, row.invoice


@lru_cache(maxsize=65_536)
def _exact(text: str) -> Fraction:
    """An exact number's text read once: quantities are mostly the same few."""
    return exact_of(text)
