"""What the store knows of invoices and refunds for Stripe, set-wise for a page of them. It decides nothing.

Source: planctl reliability rules, idempotency: stripe push.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from sqlalchemy import ColumnElement, Select, and_, func, literal, not_, or_, select, text, union

from planctl.core.invoicing.model import UNPAID
from planctl.core.stripe.invoice_calls import CARDLESS, FAILURE, STATUS, Standing
from planctl.core.stripe.invoice_params import Payer
from planctl.core.stripe.model import METHOD, NOT_THERE, ON_FILE, OPEN, OUTSIDE, Account, Link, Operation
from planctl.core.stripe.refund_steps import GivingBack
from planctl.store import customers, invoices, payments, refunds, stripe_outbox
from planctl.store.offers import taxes
from planctl.store.payments import PaymentFilter
from planctl.store.sets import table
from planctl.values import dataclass

if TYPE_CHECKING:
    from planctl.store.engine import Tx

_I = table("invoice")
_L = table("stripe_link")
_O = table("stripe_operation")
_P = table("payment")
_R = table("refund")
_UNPAID = text("invoice.status IN ('open', 'past_due')")  # word for word what the partial index says


@dataclass(frozen=True, slots=True)
class Here:
    """The account that is pushed to and this store's name there; `expecting`: customers not there yet will be first."""

    account: Account
    store_id: str
    expecting: bool = False


def to_look_at(tx: Tx, account: Account, after: str, limit: int) -> list[str]:
    """The ids of invoices after one, in their order, that may need something at Stripe; at most `limit`.

    Those that are unpaid, those that stand at Stripe otherwise than here, and those with a call without an end. One
    that is paid or void there is left alone, whatever becomes of it here.
    """
    found: set[str] = set()
    for query, name in _invoices(account):
        wanted = query.where(name > after).order_by(name).limit(limit)
        found.update(str(row[0]) for row in tx.connection.execute(wanted))
    return sorted(found)[:limit]


def how_many(tx: Tx, account: Account) -> int:
    """How many invoices and refunds may need something at Stripe."""
    names = union(*(query for query, _ in _invoices(account)), _refunds(account)).subquery()
    return int(tx.connection.execute(select(func.count()).select_from(names)).scalar_one())


def _invoices(account: Account) -> tuple[tuple[Select[Any], ColumnElement[str]], ...]:
    """The queries for what may need something, each with its column of ids; an invoice may be in several."""
    at_stripe = (
        select(_L.c.local_id)
        .join(_I, _I.c.id == _L.c.local_id)
        .where(_L.c.account == account.id, _L.c.object == "invoice", _differs())
    )
    unfinished = select(_O.c.local_id).where(
        _O.c.account == account.id,
        _O.c.livemode == int(account.live),
        _O.c.object == "invoice",
        _O.c.state.in_(sorted(state.value for state in OPEN)),
    )
    return (
        (select(_I.c.id).where(_UNPAID), _I.c.id),
        (at_stripe, _L.c.local_id),
        (unfinished.distinct(), _O.c.local_id),
    )


def _differs() -> ColumnElement[bool]:
    """Where the status that a link was last seen with is final, or the invoice's own, nothing more comes of it."""
    said = [
        literal(f'"{STATUS}":"') + status + '"' for status in (literal("paid"), literal("void"), _I.c.status)
    ]
    settled = _I.c.status.not_in([status.value for status in UNPAID])
    return and_(settled, *(not_(_L.c.detail.contains(one)) for one in said))


def standings(tx: Tx, here: Here, invoice_ids: Sequence[str]) -> list[Standing]:
    """Invoices as they stand, in the order given, with what was asked of Stripe for each; a fixed number of queries."""
    if not invoice_ids:
        return []
    account = here.account
    found = invoices.get_many(tx, invoice_ids)
    buyers = sorted({one.draft.customer for one in found.values()})
    payers = _payers(tx, here, buyers)
    calls = stripe_outbox.operations_of(tx, account, "invoice", invoice_ids)
    credited = _credited(tx, account, invoice_ids)
    links = stripe_outbox.links(tx, account, "invoice", invoice_ids)
    taken, returned = _taken(tx, invoice_ids)
    countries = {code: tax.country for code, tax in taxes(tx).items() if tax.country}
    return [
        Standing(
            here.store_id,
            found[name],
            payers[found[name].draft.customer],
            (*calls[name], *credited.get(name, ())),
            links.get(name),
            taken.get(name, 0),
            countries,
            returned.get(name, 0),
        )
        for name in invoice_ids
        if name in found
    ]


def keep_seen(tx: Tx, account: Account, invoice_id: str, status: str, cardless: str = "") -> None:
    """Keep the status with which an invoice was seen at Stripe, and whether a card was missing; the rest stays."""
    link = stripe_outbox.links(tx, account, "invoice", [invoice_id]).get(invoice_id)
    if link is None:
        return
    said = {**link.detail, STATUS: status, CARDLESS: cardless}
    detail = {name: text for name, text in said.items() if text}
    if detail != dict(link.detail):
        stripe_outbox.link(tx, account, replace(link, detail=detail))


def forget_failure(tx: Tx, account: Account, invoice_id: str) -> None:
    """Forget why a payment failed, since another one is about to be made."""
    link = stripe_outbox.links(tx, account, "invoice", [invoice_id]).get(invoice_id)
    if link is not None and FAILURE in link.detail:
        rest = {name: text for name, text in link.detail.items() if name != FAILURE}
        stripe_outbox.link(tx, account, replace(link, detail=rest))


def keep_gone(tx: Tx, account: Account, customer_id: str) -> None:
    """Keep that a customer is not at Stripe any more: the next push makes it again."""
    link = stripe_outbox.links(tx, account, "customer", [customer_id]).get(customer_id)
    if link is not None:
        gone = {**link.detail, NOT_THERE: "deleted at Stripe"}
        stripe_outbox.link(tx, account, replace(link, detail=gone))


def to_give_back(tx: Tx, account: Account, after: str, limit: int) -> list[GivingBack]:
    """Refunds after one, in the order of their ids, that are to be made at Stripe and are not there; at most `limit`.

    A credit note made them, of money that Stripe took; those that were made on Stripe's own pages are there.
    """
    query = _refunds(account).where(_R.c.id > after).order_by(_R.c.id).limit(limit)
    names = [str(row[0]) for row in tx.connection.execute(query)]
    return _giving_back(tx, account, names) if names else []


def _refunds(account: Account) -> Select[Any]:
    linked = select(_L.c.local_id).where(_L.c.account == account.id, _L.c.object == "refund")
    return (
        select(_R.c.id)
        .join(_P, _P.c.id == _R.c.payment)
        .where(_R.c.credit_note != "", _R.c.method != METHOD, _P.c.method == METHOD, _R.c.id.not_in(linked))
    )


def _giving_back(tx: Tx, account: Account, names: Sequence[str]) -> list[GivingBack]:
    query = select(_R.c.id, _R.c.payment, _P.c.invoice).join(_P, _P.c.id == _R.c.payment)
    rows = {row.id: row for row in tx.connection.execute(query.where(_R.c.id.in_(names)))}
    paid = tuple({row.invoice for row in rows.values()})
    received = {one.id: one for one in payments.payments(tx, PaymentFilter(invoices=paid))}
    given = refunds.refunds_of(tx, {row.payment for row in rows.values()})
    refund_of = {one.id: one for several in given.values() for one in several}
    calls = stripe_outbox.operations_of(tx, account, "refund", names)
    of = {name: received[rows[name].payment] for name in names}
    credited = _given_back(tx, {one.reference for one in of.values()})
    return [
        GivingBack(refund_of[name], of[name], credited[of[name].reference], tuple(calls[name]))
        for name in names
    ]


def _given_back(tx: Tx, references: Collection[str]) -> dict[str, int]:
    """What credit notes gave back of each payment at Stripe, whichever invoices here it paid."""
    query = (
        select(_P.c.reference, func.sum(_R.c.amount).label("amount"))
        .join(_R, _R.c.payment == _P.c.id)
        .where(_P.c.method == METHOD, _R.c.credit_note != "", _P.c.reference.in_(sorted(references)))
        .group_by(_P.c.reference)
    )
    return {row.reference: int(row.amount) for row in tx.connection.execute(query)}


def _payers(tx: Tx, here: Here, names: Sequence[str]) -> dict[str, Payer]:
    found = customers.get_many(tx, names)
    holds = customers.holds_of(tx, names)
    links = stripe_outbox.links(tx, here.account, "customer", names)
    payers = {}
    for name in names:
        one, link = found[name], links.get(name, Link("customer", name, ""))
        is_next = here.expecting and one.archived_at is None and not one.parent
        there = "" if link.detail.get(NOT_THERE) else link.stripe_id
        payers[name] = Payer(
            there or (name if is_next else ""),
            one.payment_method,
            link.detail.get(ON_FILE, ""),
            bool(one.emails),
            ", ".join(hold.reason for hold in holds[name]),
        )
    return payers


def _credited(tx: Tx, account: Account, invoice_ids: Sequence[str]) -> Mapping[str, list[Operation]]:
    """The calls for credit notes at Stripe, by the invoice that their names begin with."""
    if not invoice_ids:
        return {}
    query = (
        select(_O.c.local_id)
        .where(
            _O.c.account == account.id,
            _O.c.livemode == int(account.live),
            _O.c.object == "credit_note",
            or_(*(_O.c.local_id.like(f"{name}:%") for name in invoice_ids)),
        )
        .distinct()
    )
    names = sorted(tx.connection.execute(query).scalars())
    found: dict[str, list[Operation]] = {}
    for name, calls in stripe_outbox.operations_of(tx, account, "credit_note", names).items():
        found.setdefault(name.partition(":")[0], []).extend(calls)
    return found


def _taken(tx: Tx, invoice_ids: Sequence[str]) -> tuple[dict[str, int], dict[str, int]]:
    """What payments that Stripe knows brought for each invoice and is not owed again, and what is owed again."""
    received = payments.payments(tx, PaymentFilter(invoices=tuple(invoice_ids)))
    by_stripe = [one for one in received if one.method in {METHOD, OUTSIDE}]  # both lower what is left there
    back = refunds.refunds_of(tx, [one.id for one in by_stripe])
    taken: dict[str, int] = {}
    returned: dict[str, int] = {}
    for one in by_stripe:
        owed_again = sum(
            part.amount_minor - part.from_balance_minor for part in back[one.id] if not part.credit_note
        )
        kept = one.amount_minor - one.to_balance_minor - owed_again
        taken[one.invoice] = taken.get(one.invoice, 0) + kept
        returned[one.invoice] = returned.get(one.invoice, 0) + owed_again
    return taken, returned
