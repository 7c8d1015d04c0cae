"""Laws of invoices: identity, sums, content, dates and numbers. What they should have billed is another's."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from sqlalchemy import Row

from planctl.core.document import document_of
from planctl.core.invoicing.model import Draft, Line
from planctl.core.laws import InvoiceSums, Series, wrong_numbers, wrong_sums
from planctl.core.life_laws import is_days_later
from planctl.core.periods import Instant, add_local_days, instant_text, zone
from planctl.core.subscriptions.model import Subscription
from planctl.store.invoice_mapping import content_hash
from planctl.store.laws.model import Breach, guarded
from planctl.store.laws.reading import Page, stream
from planctl.store.laws.shares import shares
from planctl.store.mapping import currency_of
from planctl.store.numbering import DEFAULT_FORMAT, NumberFormat
from planctl.store.settings import setting
from planctl.store.tax_mapping import discounts_of, taxes_of

if TYPE_CHECKING:
    from zoneinfo import ZoneInfo

    from planctl.store.engine import Tx

_TWICE = """
SELECT subscription, period_idx, kind, occasion, revision, COUNT(*) AS times, MIN(number) AS number
  FROM invoice GROUP BY subscription, period_idx, kind, occasion, revision HAVING COUNT(*) > 1
 ORDER BY subscription, period_idx
"""

_CHARGED_TWICE = """
SELECT subscription, charge_key, service_idx, occasion, revision, COUNT(*) AS times
  FROM invoice_line GROUP BY subscription, charge_key, service_idx, occasion, revision HAVING COUNT(*) > 1
 ORDER BY subscription, charge_key, service_idx
"""

_LIVING_TWICE = """
SELECT l.subscription, l.charge_key, l.service_idx, l.occasion, COUNT(*) AS times
  FROM invoice_line l JOIN invoice i ON i.id = l.invoice
 WHERE i.status <> 'void'
 GROUP BY l.subscription, l.charge_key, l.service_idx, l.occasion HAVING COUNT(*) > 1
 ORDER BY l.subscription, l.charge_key, l.service_idx
"""

_REVISION = """
SELECT i.number, i.revision AS ours, l.position, l.revision
  FROM invoice_line l JOIN invoice i ON i.id = l.invoice WHERE l.revision <> i.revision ORDER BY i.number
"""

_SUMS = """
SELECT i.number, i.subtotal, i.discount, i.tax, i.total, i.credit, i.paid, i.taxes,
       COALESCE(l.amount, 0) AS lines, COALESCE(l.many, 0) AS many, COALESCE(l.last, 0) AS last
  FROM invoice i
  LEFT JOIN (SELECT invoice, SUM(amount) AS amount, COUNT(*) AS many, MAX(position) AS last
               FROM invoice_line GROUP BY invoice) l ON l.invoice = i.id
 ORDER BY i.number
"""

_STRANGE = """
SELECT i.number, i.currency, s.currency AS agreed
  FROM invoice i JOIN subscription s ON s.id = i.subscription
 WHERE i.currency <> s.currency OR i.decimals <> s.decimals OR i.customer <> s.customer
    OR EXISTS (SELECT 1 FROM invoice_line l JOIN subscription o ON o.id = l.subscription
                WHERE l.invoice = i.id
                  AND (o.customer <> i.customer OR o.currency <> i.currency OR o.decimals <> i.decimals))
 ORDER BY i.number
"""

_SERIES = """
WITH taken AS (SELECT series, series_year AS year, sequence FROM invoice
               UNION ALL SELECT series, series_year, sequence FROM credit_note),
     known AS (SELECT series, year FROM number_series UNION SELECT series, year FROM taken
               UNION SELECT series, year FROM number_gap)
SELECT known.series, known.year, COALESCE(n.first, 1) AS opened, COALESCE(n.next, 1) AS upcoming,
       COALESCE(u.used, 0) AS used, COALESCE(u.lowest, 0) AS lowest, COALESCE(u.highest, 0) AS highest,
       COALESCE((SELECT SUM(g.last - g.first + 1) FROM number_gap g
                  WHERE g.series = known.series AND g.year = known.year), 0) AS left_out,
       (SELECT COUNT(*) FROM taken t JOIN number_gap g
           ON g.series = t.series AND g.year = t.year AND t.sequence BETWEEN g.first AND g.last
         WHERE t.series = known.series AND t.year = known.year) AS doubled
  FROM known
  LEFT JOIN number_series n ON n.series = known.series AND n.year = known.year
  LEFT JOIN (SELECT series, year, COUNT(*) AS used, MIN(sequence) AS lowest, MAX(sequence) AS highest
               FROM taken GROUP BY series, year) u ON u.series = known.series AND u.year = known.year
 ORDER BY known.series, known.year
"""

_FORMATS = """
SELECT body FROM audit WHERE body LIKE '%"command":"config set"%' AND body LIKE '%numbering.format%'
"""


def once(tx: Tx) -> Iterator[Breach]:
    """No two invoices have one subscription, period, kind, occasion and revision."""
    for row in stream(tx, _TWICE):
        occasion = f" {row.occasion}" if row.occasion else ""
        identity = f"{row.kind} of period {row.period_idx}{occasion}, revision {row.revision}"
        what = f"is one of {row.times} invoices of {row.subscription} for the {identity}"
        yield Breach(f"invoice {row.number}", what)


def lines_once(tx: Tx) -> Iterator[Breach]:
    """No charge stands on two lines of one revision, nor on two invoices that are not void."""
    for row in stream(tx, _CHARGED_TWICE):
        charge = f"{row.charge_key} {row.service_idx}, revision {row.revision}"
        yield Breach(f"subscription {row.subscription}", f"{charge} is on {row.times} lines")
    for row in stream(tx, _LIVING_TWICE):
        charge = f"{row.charge_key} {row.service_idx}"
        what = f"{charge} is on {row.times} lines of invoices that are not void"
        yield Breach(f"subscription {row.subscription}", what)
    for row in stream(tx, _REVISION):
        yield Breach(
            f"invoice {row.number}", f"line {row.position} is of revision {row.revision}, not {row.ours}"
        )


def sums(tx: Tx) -> Iterator[Breach]:
    """Amounts and shares add up, and invoice, lines and subscription are of one customer and currency."""
    for row in stream(tx, _SUMS):
        yield from guarded(f"invoice {row.number}", _wrong_sums(row))
    yield from shares(tx)
    for row in stream(tx, _STRANGE):
        agreed = f"its customer, currency or decimals are not its subscription's ({row.agreed})"
        yield Breach(f"invoice {row.number}", f"is in {row.currency}; {agreed}")


def unaltered(page: Page) -> Iterator[Breach]:
    """The hash that each invoice was given when it was issued is the hash of what it says now."""
    for rows in page.invoices.values():
        for row in rows:
            yield from guarded(f"invoice {row.number}", _altered(page, row))


def dated(page: Page) -> Iterator[Breach]:
    """An invoice's period is its subscription's, and it is due as many days after its issue as the terms say."""
    for name, subscription in page.subscriptions.items():
        for row in page.invoices[name]:
            yield from guarded(f"invoice {row.number}", _wrong_dates(row, subscription))


def numbered(tx: Tx) -> Iterator[Breach]:
    """Numbers of a series are consecutive from its first, and each is written in a format that was set."""
    for row in stream(tx, _SERIES):
        series = Series(
            row.opened, row.upcoming, row.used, row.lowest, row.highest, int(row.left_out), row.doubled
        )
        for what in wrong_numbers(series):
            yield Breach(f"series {row.series}{f' of {row.year}' if row.year else ''}", what)
    formats = number_formats(tx)
    for row in stream(tx, "SELECT number, series, series_year, sequence FROM invoice ORDER BY number"):
        if row.number not in {one.text(row.series, row.series_year, row.sequence) for one in formats}:
            place = f"{row.series} {row.series_year or ''}".strip()
            what = f"is number {row.sequence} of {place}, and no format that was ever set writes it so"
            yield Breach(f"invoice {row.number}", what)


def number_formats(tx: Tx) -> list[NumberFormat]:
    """The formats that numbers were ever written in: today's, the default, and those that the audit names."""
    patterns = {DEFAULT_FORMAT, setting(tx, "numbering.format", DEFAULT_FORMAT)}
    for row in stream(tx, _FORMATS):
        body = document_of(row.body)
        asked = body.get("arguments") if isinstance(body, dict) else None
        if isinstance(asked, dict) and asked.get("setting") == "numbering.format":
            patterns.add(str(asked.get("value") or DEFAULT_FORMAT))
    return [NumberFormat(pattern) for pattern in sorted(patterns)]


def _wrong_sums(row: Row[Any]) -> Iterator[str]:
    taxes = sum(tax.amount_minor for tax in taxes_of(row.taxes) if not tax.included)
    yield from wrong_sums(
        InvoiceSums(
            row.subtotal, row.discount, row.tax, row.total, row.credit, row.paid, int(row.lines), taxes
        )
    )
    if row.last != row.many:
        yield f"it has {row.many} lines, and the last has the position {row.last}"


def _altered(page: Page, row: Row[Any]) -> Iterator[str]:
    now = content_hash(_draft(row, map(page.line, page.lines[row.id])))
    if now != row.content_hash:
        yield f"altered: its content's hash is {now[:12]}, issued was {row.content_hash[:12]}"


def _wrong_dates(row: Row[Any], subscription: Subscription) -> Iterator[str]:
    terms, tz = subscription.terms, zone(subscription.timezone)
    periods = [one.schedule().period(row.period_idx) for one in _as_issued(row, subscription)]
    # What begins within a period, an add-on or a change, begins with a part of it.
    parts = {(max(one.starts_at, subscription.started_at), one.ends_at) for one in periods}
    in_trial = row.starts_at == subscription.started_at and subscription.in_trial(row.issued_at)
    if (row.starts_at, row.ends_at) not in parts and not in_trial:
        yield f"it is of period {row.period_idx}, whose start and end are others"
    yield from _wrong_extensions(row, tz)
    ended = [(span.payment, span.ends_at) for span in subscription.blocked]
    if row.kind == "resume" and (row.occasion, row.bills_at) not in ended:
        yield f"it bills what {row.occasion} resumed at {_at(row.bills_at)}, when no block ended"
    if row.issued_at < row.bills_at:
        yield f"it was issued at {_at(row.issued_at)}, before what it bills fell due ({_at(row.bills_at)})"
    if row.kind == "pack":  # it is due by the pack's own terms, and blocks nothing
        if row.grace_ends_at is not None or row.due_at < row.issued_at:
            yield "a pack's invoice has no grace and is due after it is issued"
        return
    due_at = add_local_days(Instant(max(row.bills_at, row.issued_at)), terms.due_days, tz)
    if row.due_at != due_at:
        yield f"it is due at {_at(row.due_at)}, the terms say {_at(due_at)}"
    grace = None if terms.grace_days is None else add_local_days(due_at, terms.grace_days, tz)
    if row.grace_ends_at != grace:
        yield f"its grace ends at {_at(row.grace_ends_at)}, the terms say {_at(grace)}"


def _as_issued(row: Row[Any], subscription: Subscription) -> Iterator[Subscription]:
    """The subscription with its periods as they were when an invoice was issued: none was cut or begun anew since.

    What was issued at the very instant at which periods begin anew may have come just before that.
    """
    known = {subscription.trial_ends_at}
    for last in (row.issued_at, row.issued_at - 1):
        anchors = tuple(at for at in subscription.anchors if at <= last or at in known)
        yield replace(subscription, anchors=anchors) if anchors != subscription.anchors else subscription


def _wrong_extensions(row: Row[Any], tz: ZoneInfo) -> Iterator[str]:
    """More time to pay is given in whole local days."""
    for what, issued, extended in (
        ("due date", row.due_at, row.extended_due_at),
        ("grace", row.grace_ends_at, row.extended_grace_at),
    ):
        if extended is not None and (issued is None or not is_days_later(issued, extended, tz.key)):
            yield f"its {what} was moved from {_at(issued)} to {_at(extended)}, which is no number of days later"


def _draft(row: Row[Any], lines: Iterable[Line]) -> Draft:
    """What an invoice says, from its rows, whether it adds up or not."""
    return Draft(
        customer=row.customer_id,
        subscription=row.subscription,
        period_index=row.period_idx,
        kind=row.kind,
        currency=currency_of(row.currency, row.decimals),
        at=Instant(row.bills_at),
        starts_at=Instant(row.starts_at),
        ends_at=None if row.ends_at is None else Instant(row.ends_at),
        due_at=Instant(row.due_at),
        grace_ends_at=None,
        issued_at=Instant(row.issued_at),
        lines=tuple(lines),
        occasion=row.occasion,
        revision=row.revision,
        timezone=row.timezone,
        catalog_revision=row.catalog_revision,
        discounts=discounts_of(row.discounts),
        taxes=taxes_of(row.taxes),
    )


def _at(at: int | None) -> str:
    return "no instant" if at is None else instant_text(Instant(at))
