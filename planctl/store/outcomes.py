"""Writing what `advance` decided, for many customers in one transaction. It decides nothing itself.

What belongs to one subscription and period - number, invoice, lines, claims, settlements, periods,
transitions - is never split over two transactions; numbers are taken last.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cache
from typing import TYPE_CHECKING

from planctl.core.coupons import Redemption
from planctl.core.customers import Customer
from planctl.core.document import Document
from planctl.core.invoicing.advance import next_action
from planctl.core.invoicing.facts import Advanced, Begun, CustomerFacts
from planctl.core.invoicing.model import CreditDraft, Draft, Invoice
from planctl.core.invoicing.taxation import UNTAXED
from planctl.core.periods import Instant, Period, local_date, zone
from planctl.core.subscriptions.model import Status
from planctl.core.subscriptions.start import Starting
from planctl.store import invoices, subscriptions, usage
from planctl.store.balances import apply_to_invoices
from planctl.store.books import check_open
from planctl.store.coupons import add_redemption, move_redemptions
from planctl.store.credit_notes import issue_credit_notes
from planctl.store.invoices import Issuing
from planctl.store.settings import all_settings
from planctl.store.settlements import add_claims, add_settlements, close_settlements
from planctl.store.wallets import post_moves

if TYPE_CHECKING:
    from planctl.store.engine import Tx

_SELLER = ("name", "address", "country", "tax_id", "logo")


def issuing(tx: Tx, buyers: Sequence[Customer]) -> Issuing:
    """Seller and customers as they are now, for copying into invoices."""
    settings = all_settings(tx)
    seller = {key: settings.get(f"seller.{key}", "") for key in _SELLER} | {
        "footer": settings.get("invoice.footer", "")
    }
    return Issuing(
        seller={key: value for key, value in seller.items() if value},
        buyers={buyer.id: buyer_document(buyer) for buyer in buyers},
        tzdata=tzdata_version(),
    )


def buyer_document(customer: Customer) -> Mapping[str, str]:
    """What an invoice remembers of its customer; fields that were never said are left out.

    `tax` is `exempt` or `reverse` where none is charged for that reason.
    """
    said = {
        "id": customer.id,
        "name": customer.name,
        "email": "; ".join(customer.emails),
        "address": customer.address,
        "country": customer.country,
        "tax_id": customer.tax_id,
        "locale": customer.locale,
        "tax": customer.tax if customer.tax in UNTAXED else "",
    }
    return {key: value for key, value in said.items() if value}


@cache
def tzdata_version() -> str:
    """The version of the `tzdata` package, which planctl depends on, such as `2026.6`."""
    from importlib.metadata import version

    return version("tzdata")


def write_outcomes(
    tx: Tx,
    outcomes: Sequence[Advanced],
    buyers: Sequence[Customer],
    recorded_at: Instant,
    read: Sequence[CustomerFacts] = (),
) -> list[Invoice]:
    """Write decisions and return the invoices issued, in the order of their numbers.

    `read` are the facts that were decided on, where this transaction has read them: what is as it was is not written
    again. Conflict, and nothing is written, where something was billed or moved by somebody else meanwhile.
    """
    fresh = {started.id for one in outcomes for started in one.started}
    changed = [pair for one in outcomes for pair in one.subscriptions]
    ended_first = sorted(changed, key=lambda pair: pair[0].live)
    stored = {sub.id: sub for one in read for sub in one.subscriptions if sub.id not in one.moved}
    subscriptions.update_many(tx, [pair for pair in ended_first if pair[0].id not in fresh], stored)
    subscriptions.insert_many(tx, [pair for pair in ended_first if pair[0].id in fresh])
    _hand_over(tx, outcomes)
    subscriptions.add_transitions(tx, [move for one in outcomes for move in one.transitions], recorded_at)
    subscriptions.add_periods(tx, _dated([begun for one in outcomes for begun in one.begun]))
    invoices.mark_past_due(tx, [name for one in outcomes for name in one.past_due_invoices])
    add_settlements(tx, [(item, "") for one in outcomes for item in one.settlements])
    add_claims(tx, [(item, "") for one in outcomes for item in one.claims])
    close_settlements(tx, [item for one in outcomes for item in one.closed])
    post_moves(tx, [move for one in outcomes for move in one.wallet])
    for one in outcomes:
        if one.late:
            usage.clear_marks(tx, one.customer, one.late)
    drafts = [draft for one in outcomes for draft in one.drafts]
    return issue(tx, drafts, [note for one in outcomes for note in one.credits], buyers, recorded_at)


def _hand_over(tx: Tx, outcomes: Sequence[Advanced]) -> None:
    """Let coupons go over to the subscriptions that begin in the place of others."""
    begun = {
        move.subscription for one in outcomes for move in one.transitions if move.before is Status.PENDING
    }
    for one in outcomes:
        for subscription, _ in one.subscriptions:
            if subscription.id in begun and subscription.follows and not subscription.terms.free:
                move_redemptions(tx, subscription.follows, subscription.id)


def issue(
    tx: Tx,
    drafts: Sequence[Draft],
    credits: Sequence[CreditDraft],
    buyers: Sequence[Customer],
    recorded_at: Instant,
) -> list[Invoice]:
    """Number and write finished drafts and credit notes, with what they move in customers' balances.

    Refused where the books are closed over their day.
    """
    for issued_at in {one.issued_at for one in drafts} | {one.issued_at for one in credits}:
        check_open(tx, issued_at, "the invoice" if drafts else "the credit note")
    issue_credit_notes(tx, credits, recorded_at)
    made = invoices.finalize(tx, drafts, issuing(tx, buyers)) if drafts else []
    apply_to_invoices(tx, made)
    return made


def write_start(  # noqa: PLR0913 - everything a start consists of
    tx: Tx,
    starting: Starting,
    billed: Advanced,
    customer: Customer,
    snapshot: Document,
    recorded_at: Instant,
    *,
    redemption: Redemption | None = None,
) -> list[Invoice]:
    """Write a subscription that begins, with what it replaces, its coupon and its first invoices.

    `snapshot` is a negotiated one, kept beside the plan's own; None where nothing was negotiated.
    """
    if snapshot is not None:
        subscriptions.keep_terms(tx, snapshot)
    brought = {one.id for one, _ in billed.subscriptions}
    later = [old for old in starting.replaced if old.id not in brought]
    subscriptions.update_many(tx, [(old, next_action(old, ())) for old in later])
    subscriptions.add_transitions(tx, starting.transitions, recorded_at)
    new = starting.subscription
    # What gives way still runs, and a group holds one that does: the new one takes its status after that.
    waiting = replace(new, status=Status.PENDING) if new.id in brought else new
    subscriptions.insert(tx, waiting, next_action(new, ()))
    if redemption is not None:
        add_redemption(tx, redemption)
    return write_outcomes(tx, [billed], [customer], recorded_at)


def _dated(begun: Sequence[Begun]) -> dict[str, list[subscriptions.PeriodDates]]:
    """Periods with their local dates; an open end has none."""
    found: dict[str, list[subscriptions.PeriodDates]] = {}
    for one in begun:
        found.setdefault(one.subscription, []).append(_with_dates(one.period, one.timezone))
    return found


def _with_dates(period: Period, timezone: str) -> subscriptions.PeriodDates:
    tz = zone(timezone)
    ends_on = "" if period.ends_at is None else local_date(period.ends_at, tz).isoformat()
    return (period, local_date(period.starts_at, tz).isoformat(), ends_on)
