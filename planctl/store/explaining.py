"""What stands in the store around one invoice line: what was charged before it, and the version it was sold by.

It reads rows and compares nothing.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from sqlalchemy import select, tuple_

from planctl.core.invoicing.credits import LineCredit, credited
from planctl.core.invoicing.explain import EarlierLine
from planctl.core.invoicing.facts import BilledLine
from planctl.core.invoicing.model import CreditNote, Invoice, Line
from planctl.core.invoicing.settling import made_by_itself
from planctl.core.invoicing.story import Origin
from planctl.core.subscriptions.model import Subscription
from planctl.store import catalog
from planctl.store.credit_notes import notes_on
from planctl.store.invoice_mapping import content_hash, line_of
from planctl.store.sets import table

if TYPE_CHECKING:
    from planctl.store.engine import Tx

_I = table("invoice")
_L = table("invoice_line")
_R = table("catalog_revision")


def earlier_lines(tx: Tx, invoice: Invoice, line: Line) -> tuple[EarlierLine, ...]:
    """What invoices before this one charged for the same charge and service period, in the order of their numbers.

    Of what was issued again only the last revision counts, and of the line itself none.
    """
    place = select(_I.c.series_year, _I.c.sequence).where(_I.c.id == invoice.id).scalar_subquery()
    mine = select(_I.c.series).where(_I.c.id == invoice.id).scalar_subquery()
    query = (
        select(_L, _I.c.number, _I.c.status)
        .join(_I, _I.c.id == _L.c.invoice)
        .where(
            _L.c.subscription == line.subscription,
            _L.c.charge_key == line.charge_key,
            _L.c.service_idx == line.service_index,
            _L.c.occasion != line.occasion,
            _I.c.series == mine,
            tuple_(_I.c.series_year, _I.c.sequence) < place,
        )
        .order_by(_I.c.series_year, _I.c.sequence, _L.c.position)
    )
    lasting: dict[str, Any] = {}
    for row in tx.connection.execute(query):
        before = lasting.get(row.occasion)
        if before is None or before.revision <= row.revision:
            lasting[row.occasion] = row
    notes = notes_on(tx, {row.invoice for row in lasting.values()})
    return tuple(
        EarlierLine(
            row.number, row.position, line_of(row), row.status, _given_back(row, notes[row.invoice], invoice)
        )
        for row in lasting.values()
    )


def _given_back(row: Any, notes: Iterable[CreditNote], invoice: Invoice) -> int:
    """What late usage took back of a line before an invoice was issued, before discounts."""
    own = (
        note
        for note in notes
        if made_by_itself(note.draft.occasion) and note.draft.issued_at <= invoice.draft.issued_at
    )
    net = credited(own).get(row.position, LineCredit()).net_minor
    return BilledLine(row.invoice, row.position, line_of(row), settled_minor=net).given_back_minor


def origin(tx: Tx, line: Line, subscription: Subscription | None) -> Origin:
    """The version that a line was sold by; a pack's is its own, any other line's that of its subscription.

    A renamed plan is found under its present id.
    """
    is_own = line.kind == "pack" or subscription is None
    plan = catalog.present_id(tx, line.plan) if is_own or subscription is None else subscription.plan
    made = next((one for one in catalog.plan_versions(tx, plan) if one.version == line.plan_version), None)
    version_hash = "" if made is None else made.terms_hash
    terms_hash = version_hash if is_own or subscription is None else subscription.terms_hash
    found = Origin(plan, line.plan_version, terms_hash, version_hash)
    stored = catalog.plan_object(tx, plan)
    if made is None:
        return found
    query = select(_R.c.catalog, _R.c.source_commit).where(_R.c.number == made.revision)
    row = tx.connection.execute(query).one_or_none()
    place = None if stored is None else stored.place
    return Origin(
        plan,
        line.plan_version,
        terms_hash,
        version_hash,
        made.revision,
        made.recorded_at,
        "" if row is None else row.catalog,
        "" if row is None else row.source_commit,
        "" if place is None else place.file,
        0 if place is None else place.line,
    )


def altered(invoice: Invoice) -> str:
    """A sentence where an invoice's content is not what was issued; empty where it is."""
    now = content_hash(invoice.draft)
    if now == invoice.content_hash:
        return ""
    return f"it was altered: its content's hash is {now[:12]}, issued was {invoice.content_hash[:12]}"
