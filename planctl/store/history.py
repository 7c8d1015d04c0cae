"""What was claimed and charged before, for those whom it matters to: late usage, reissues, rollover, minimum, maximum.

Most customers need none of it, and then nothing is asked. It decides nothing.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import field, replace
from fractions import Fraction
from typing import TYPE_CHECKING, Any

from sqlalchemy import select

from planctl.core.invoicing.credits import GoneBack, LineCredit, credited
from planctl.core.invoicing.facts import BilledLine, LateMark, Voided
from planctl.core.invoicing.model import Invoice, Settlement, UsageClaim
from planctl.core.invoicing.settling import made_by_itself
from planctl.core.invoicing.taken_off import charge_of, taken_off, with_taken_off
from planctl.core.invoicing.unused import shifted
from planctl.core.periods import Instant
from planctl.core.subscriptions.dues import FEE, allowance_schedule, closed_features, due_of
from planctl.core.subscriptions.model import Subscription
from planctl.store.credit_notes import notes_on
from planctl.store.invoice_mapping import line_of
from planctl.store.sets import chunks, table
from planctl.store.settlements import claims
from planctl.store.wallets import entries_of
from planctl.values import dataclass

if TYPE_CHECKING:
    from planctl.store.engine import Tx


@dataclass(frozen=True, slots=True)
class History:
    """What one customer's subscriptions took and were charged, as far as it matters."""

    claims: tuple[UsageClaim, ...] = ()
    billed: tuple[BilledLine, ...] = ()
    draws: Mapping[str, Fraction] = field(default_factory=dict)
    returned: Mapping[str, Fraction] = field(default_factory=dict)


def since(
    subscription: Subscription,
    marks: Sequence[LateMark],
    voided: Sequence[Voided],
    deferred: Sequence[Settlement] = (),
) -> Instant | None:
    """From when on a subscription's past matters to a run; None where it does not.

    `deferred` is what a time without service has left open: its minimum compares with what its period was charged.
    """
    instants: list[Instant] = [mark.at for mark in marks]
    instants += [
        due_of(subscription, one.part, one.index).period.starts_at
        for void in voided
        for one in void.settlements
    ]
    instants += [
        due_of(subscription, FEE, line.service_index).period.starts_at
        for void in voided
        for line in void.credits
    ]
    terms, settled = subscription.terms, subscription.settled_at
    bounded = bool(terms.minimum or terms.maximum)
    rolls = any(one.rollover for one in terms.features.values())
    if settled is not None and settled >= subscription.anchor_at and (bounded or rolls):
        instants.append(settled)
    if bounded:
        instants += [due_of(subscription, one.part, one.index).period.starts_at for one in deferred]
    shift = shifted(subscription)
    if shift is not None:
        instants.append(Instant(shift.at - 1))
    if not instants:
        return None
    first = Instant(max(min(instants), subscription.anchor_at))
    schedules = [subscription.schedule()]
    schedules += [allowance_schedule(subscription, reset) for reset in closed_features(subscription)]
    return Instant(min(one.period_at(first).starts_at for one in schedules) - 1)


def history(tx: Tx, wanted: Mapping[str, Instant], with_draws: Iterable[str]) -> History:
    """Claims and lines of subscriptions since each one's instant; `with_draws` are customers whose wallets matter.

    Of what was issued again only the last revision counts. A fixed number of queries and one for each customer
    with draws.
    """
    if not wanted:
        return History()
    found = claims(tx, wanted, min(wanted.values()))
    lasting: dict[tuple[str, str, int, str], UsageClaim] = {}
    for name, several in found.items():
        for claim, _ in several:
            key = (claim.subscription, claim.feature, claim.allowance_index, claim.occasion)
            if claim.ends_at > wanted[name] and claim.revision >= (lasting.get(key) or claim).revision:
                lasting[key] = claim
    draws: dict[str, Fraction] = {}
    returned: dict[str, Fraction] = {}
    for customer in with_draws:
        entries = entries_of(tx, customer)
        reversed_keys = {entry.reverses for entry in entries}
        for entry in entries:
            if entry.key.startswith("close:"):
                (returned if entry.key in reversed_keys else draws)[entry.key] = entry.amount
    return History(tuple(lasting.values()), billed_lines(tx, wanted), draws, returned)


def billed_lines(tx: Tx, wanted: Mapping[str, Instant]) -> tuple[BilledLine, ...]:
    """The lines of subscriptions whose service ends after each one's instant, oldest invoice first."""
    line, made = table("invoice_line"), table("invoice")
    rows: dict[tuple[str, str, int, str], Any] = {}
    for chunk in chunks(wanted):
        query = (
            select(line, made.c.status)
            .join(made, made.c.id == line.c.invoice)
            .where(line.c.subscription.in_(chunk), line.c.starts_at > min(wanted.values()))
            .order_by(made.c.issued_at, line.c.invoice, line.c.position)
        )
        for row in tx.connection.execute(query):
            key = (row.subscription, row.charge_key, row.service_idx, row.occasion)
            if row.starts_at > wanted[row.subscription] and row.revision >= getattr(
                rows.get(key), "revision", 0
            ):
                rows[key] = row
    return with_taken_off(_billed(tx, rows.values()))


def gone_back(tx: Tx, invoice: Invoice) -> GoneBack:
    """What went back of a finalized invoice so far: by its credit notes, and by lines of any invoice."""
    line, made = table("invoice_line"), table("invoice")
    mine = {
        charge_of(one.subscription, one.charge_key, one.service_index)
        for one in invoice.draft.lines
        if one.net_minor > 0
    }
    query = (
        select(line, made.c.status, made.c.number)
        .join(made, made.c.id == line.c.invoice)
        .where(line.c.subscription.in_({name for name, _, _ in mine}), made.c.status != "void")
        .where(line.c.service_idx.in_({index for _, _, index in mine}))
        .order_by(made.c.issued_at, line.c.invoice, line.c.position)
    )
    rows = [
        row
        for row in tx.connection.execute(query)
        if charge_of(row.subscription, row.charge_key, row.service_idx) in mine
    ]
    numbers = {row.invoice: row.number for row in rows}
    found = taken_off(_billed(tx, rows))
    return GoneBack(
        notes_on(tx, [invoice.id])[invoice.id],
        tuple(
            replace(one, number=numbers[one.invoice])
            for position, _ in enumerate(invoice.draft.lines, start=1)
            for one in found.get((invoice.id, position), ())
        ),
    )


def _billed(tx: Tx, rows: Collection[Any]) -> tuple[BilledLine, ...]:
    """Lines of invoices with what credit notes took back of each."""
    notes = notes_on(tx, {row.invoice for row in rows})
    before = {invoice: credited(several) for invoice, several in notes.items()}
    own = {
        invoice: credited(note for note in several if made_by_itself(note.draft.occasion))
        for invoice, several in notes.items()
    }
    return tuple(
        BilledLine(
            row.invoice,
            row.position,
            line_of(row),
            before[row.invoice].get(row.position, LineCredit()),
            row.status == "void",
            own[row.invoice].get(row.position, LineCredit()).net_minor,
        )
        for row in rows
    )
