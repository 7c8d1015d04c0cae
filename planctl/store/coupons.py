"""Coupons that were applied to subscriptions, and what they took off invoices. Whether one may be, it does not know."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from sqlalchemy import Select, func, select

from planctl.core.catalog.documents import coupon_document
from planctl.core.catalog.model import Coupon
from planctl.core.catalog.parse_coupons import parse_coupon
from planctl.core.coupons import Applying, Redemption, check_applicable
from planctl.core.currencies import MAX_DECIMALS, Currency
from planctl.core.document import Entry, Scalar, canonical, document_of, node_of
from planctl.core.invoicing.model import Invoice
from planctl.core.periods import Instant, local_date, zone
from planctl.core.reading import Reader, closest
from planctl.core.subscriptions.model import Subscription
from planctl.errors import NotFound, Refused, StoreFailure
from planctl.identifiers import new_id
from planctl.store.mapping import count, instant, minor, named
from planctl.store.sets import chunks, grouped, insert_rows, sequences, table
from planctl.store.settings import timezone
from planctl.store.touching import will_change, will_change_where
from planctl.values import dataclass

if TYPE_CHECKING:
    from planctl.store.engine import Tx

_O = table("catalog_object")
_R = table("coupon_redemption")
_U = table("coupon_use")
_C = table("customer")
_I = table("invoice")


@dataclass(frozen=True, slots=True)
class Declared:
    """A coupon of the catalog as it is now, and how often it was redeemed, removed ones counted."""

    coupon: Coupon
    redeemed: int
    archived: bool = False


def declared_coupons(tx: Tx) -> dict[str, Declared]:
    """Every coupon of the catalog by id, archived ones too."""
    redeemed = {
        row.coupon: row.times
        for row in tx.connection.execute(
            select(_R.c.coupon, func.count().label("times")).group_by(_R.c.coupon)
        )
    }
    query = (
        select(_O.c.address, _O.c.document, _O.c.archived)
        .where(_O.c.address.like("coupons.%"))
        .order_by(_O.c.address)
    )
    found = {}
    for row in tx.connection.execute(query):
        name = row.address.partition(".")[2]
        coupon = _coupon(name, row.document)
        found[name] = Declared(coupon, redeemed.get(name, 0), bool(row.archived))
    return found


def redemptions_of(tx: Tx, customer_ids: Iterable[str]) -> dict[str, tuple[Redemption, ...]]:
    """Every customer's coupons that were not removed, oldest first, with what they took on invoices not void.

    An entry for each customer asked for; three queries for a page of customers.
    """
    wanted = dict.fromkeys(customer_ids)
    found: list[Redemption] = []
    for chunk in chunks(wanted):
        found += _read(tx, _select().where(_C.c.id.in_(chunk), _R.c.removed_at == 0))
    by_customer = grouped(found, wanted, lambda one: one.customer)
    return {name: tuple(several) for name, several in by_customer.items()}


def applied_to(tx: Tx, subscription: str) -> tuple[Redemption, ...]:
    """The coupons that a subscription has and those it had, oldest first."""
    return tuple(_read(tx, _select().where(_R.c.subscription == subscription)))


def named_redemptions(tx: Tx, redemption_ids: Sequence[str]) -> tuple[Redemption, ...]:
    """Redemptions by their ids, oldest first, whatever subscription has them now."""
    found: list[Redemption] = []
    for chunk in chunks(dict.fromkeys(redemption_ids)):
        found += _read(tx, _select().where(_R.c.id.in_(chunk)))
    return tuple(found)


def redeemable(tx: Tx, name: str, subscription: Subscription, at: Instant) -> Redemption:
    """A coupon of the catalog as this subscription, stored or about to be, may have it now; nothing is written.

    NotFound where the catalog has no such coupon; Refused says which limit it meets, and for an add-on, whose
    lines its plan's coupons discount. Read and written in one write transaction, two commands cannot both take
    the last one.
    """
    where = f"{subscription.customer}/{subscription.plan}"
    if subscription.base:
        raise Refused(
            f"{subscription.plan} is an add-on: the coupons of its plan discount its lines",
            code="coupon-addon",
            where=where,
            hint=f"planctl coupon apply {subscription.customer}/PLAN {name}",
        )
    known = {one: found for one, found in declared_coupons(tx).items() if not found.archived}
    if name not in known:
        raise NotFound(
            f"there is no coupon {name!r}",
            where=f"coupons.{name}",
            hint=closest(name, known) or "planctl coupon list",
        )
    declared = known[name]
    had = [one for one in applied_to(tx, subscription.id) if one.coupon.id == name]
    check_applicable(
        declared.coupon,
        Applying(
            where,
            (subscription.plan, *_addons(tx, subscription)),
            subscription.currency,
            local_date(at, zone(timezone(tx))),
            declared.redeemed,
            before=any(one.taken or not one.removed for one in had),
        ),
    )
    return Redemption(new_id("cou", at), subscription.customer, subscription.id, declared.coupon, at)


def add_redemption(tx: Tx, redemption: Redemption) -> None:
    """Keep a coupon with its terms as they are now; its subscription must be stored.

    What it took is kept with the invoices, not here. A second one of the coupon on the subscription raises.
    """
    customer = sequences(tx, [redemption.customer])[redemption.customer]
    row = {
        "id": named(redemption.id),
        "customer": count(customer),
        "subscription": named(redemption.subscription),
        "coupon": named(redemption.coupon.id),
        "document": canonical(coupon_document(redemption.coupon)),
        "applied_at": instant(redemption.applied_at),
        "removed_at": 0,
    }
    insert_rows(tx, "coupon_redemption", [row])


def remove_redemption(tx: Tx, redemption_id: str, at: Instant) -> None:
    """Take a coupon off for the invoices to come; it must hold. Issued invoices keep their discount."""
    statement = _R.update().where(_R.c.id == redemption_id, _R.c.removed_at == 0)
    will_change(tx, "coupon_redemption", [(redemption_id,)])
    changed = tx.connection.execute(statement.values(removed_at=max(1, instant(at)))).rowcount
    assert changed == 1, f"redemption {redemption_id} does not hold"


def add_uses(tx: Tx, invoices: Sequence[Invoice]) -> None:
    """Record which billing periods the discounts of stored invoices used: a row per redemption and invoice."""
    insert_rows(
        tx,
        "coupon_use",
        [
            {
                "redemption": named(discount.redemption),
                "invoice": named(made.id),
                "period_idx": count(made.draft.period_index),
                "amount": minor(discount.amount_minor),
            }
            for made in invoices
            for discount in made.draft.discounts
        ],
    )


def _select() -> Select[Any]:
    return (
        select(_R, _C.c.id.label("customer_id"))
        .join(_C, _C.c.seq == _R.c.customer)
        .order_by(_R.c.applied_at, _R.c.id)
    )


def _read(tx: Tx, query: Select[Any]) -> list[Redemption]:
    rows = tx.connection.execute(query).all()
    uses = _uses(tx, [row.id for row in rows])
    return [
        Redemption(
            id=row.id,
            customer=row.customer_id,
            subscription=row.subscription,
            coupon=_coupon(row.coupon, row.document),
            applied_at=instant(row.applied_at),
            taken={
                index: amount
                for (name, index), amount in uses.get(row.id, {}).items()
                if name == row.subscription
            },
            removed=row.removed_at != 0,
            earlier={
                place: amount
                for place, amount in uses.get(row.id, {}).items()
                if place[0] != row.subscription
            },
        )
        for row in rows
    ]


def move_redemptions(tx: Tx, old: str, new: str) -> None:
    """Let the coupons that a subscription has go over to the one that takes its place; what they took stays."""
    held = (_R.c.subscription == old, _R.c.removed_at == 0)
    will_change_where(tx, _R, *held)
    tx.connection.execute(_R.update().where(*held).values(subscription=new))


def _uses(tx: Tx, redemption_ids: Sequence[str]) -> dict[str, dict[tuple[str, int], int]]:
    """What redemptions took by subscription and billing period, on invoices that are not void."""
    found: dict[str, dict[tuple[str, int], int]] = {}
    for chunk in chunks(redemption_ids):
        query = (
            select(_U.c.redemption, _U.c.period_idx, _U.c.amount, _I.c.subscription)
            .join(_I, _I.c.id == _U.c.invoice)
            .where(_U.c.redemption.in_(chunk), _I.c.status != "void")
        )
        for row in tx.connection.execute(query):
            periods = found.setdefault(row.redemption, {})
            place = (row.subscription, row.period_idx)
            periods[place] = periods.get(place, 0) + minor(row.amount)
    return found


def _addons(tx: Tx, subscription: Subscription) -> list[str]:
    """The plans of a subscription's add-ons that are billed with it: those paid by the same interval."""
    added = table("subscription")
    query = (
        select(added.c.plan)
        .where(added.c.base == subscription.id, added.c.pay == subscription.pay)
        .order_by(added.c.id)
    )
    return list(tx.connection.execute(query).scalars())


def _coupon(name: str, text: str) -> Coupon:
    """A coupon from its stored document, in the currencies that it names, whatever the catalog has today."""
    document = document_of(text)
    off = document.get("off") if isinstance(document, dict) else None
    codes = sorted(off) if isinstance(off, dict) else []
    reader = Reader({code: Currency(code, code, MAX_DECIMALS, iso=False) for code in codes})
    coupon = parse_coupon(Entry(Scalar(name), node_of(document)), reader)
    if coupon is None or reader.findings:
        raise StoreFailure(
            f"the stored coupon {name} cannot be read",
            code="terms-unreadable",
            where=f"coupons.{name}",
            hint="run planctl doctor; the store may have been changed from outside",
        )
    return coupon
