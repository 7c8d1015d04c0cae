"""Customers and holds as rows and as core values. It decides nothing about them.

Other tables refer to a customer by a small number, `seq`, that never changes and never leaves the store.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from sqlalchemy import Select, func, select

from planctl.core.customers import Customer
from planctl.core.document import canonical, document_of
from planctl.core.periods import Instant
from planctl.errors import Conflict, NotFound
from planctl.store.sets import (
    Values,
    chunks,
    grouped,
    insert_rows,
    known_sequences,
    put_rows,
    records,
    sequences,
    table,
)
from planctl.store.touching import will_change, will_change_where
from planctl.values import dataclass

if TYPE_CHECKING:
    from planctl.store.engine import Tx

_C = table("customer")
_P = table("customer").alias("parent_customer")
_H = table("hold")


@dataclass(frozen=True, slots=True)
class CustomerFilter:
    """Which customers to list, oldest first. Empty text means any; `after` is the last `seq` already seen."""

    currency: str = ""
    parent: str = ""
    archived: bool = False
    """Archived ones too."""
    after: int = 0
    limit: int | None = None


_EVERYBODY = CustomerFilter()


@dataclass(frozen=True, slots=True)
class Hold:
    """Why the run leaves a customer alone until a person has looked; `since` UTC microseconds."""

    customer: str
    reason: str
    detail: str
    since: Instant


# --- customers


def add(tx: Tx, customer: Customer) -> int:
    """Insert a customer; the new `seq`. Conflict if the id is taken, NotFound without its parent."""
    return add_all(tx, [customer])[customer.id]


def add_all(tx: Tx, customers: Sequence[Customer]) -> dict[str, int]:
    """Insert many customers at once; their `seq` by id. A parent may be one of them, if it stands before.

    Conflict names the first id that is taken, NotFound the first parent that does not exist.
    """
    taken = known_sequences(tx, [customer.id for customer in customers])
    for customer in customers:
        if customer.id in taken:
            raise _taken(customer.id)
    last: int = tx.connection.execute(select(func.coalesce(func.max(_C.c.seq), 0))).scalar_one()
    found = {customer.id: last + number for number, customer in enumerate(customers, start=1)}
    if len(found) < len(customers):
        ids = [customer.id for customer in customers]
        raise _taken(next(one for one in ids if ids.count(one) > 1))
    parents = known_sequences(tx, [customer.parent for customer in customers if customer.parent]) | found
    insert_rows(tx, "customer", [_row(one, found[one.id], _parent(one, parents)) for one in customers])
    return found


def update(tx: Tx, customer: Customer) -> None:
    """Overwrite everything of a customer but id, `seq` and when it was made. NotFound if there is none."""
    seq = sequences(tx, [customer.id])[customer.id]
    parents = known_sequences(tx, [customer.parent] if customer.parent else [])
    values = dict(_row(customer, seq, _parent(customer, parents)))
    for column in ("seq", "id", "created_at"):
        del values[column]
    will_change(tx, "customer", [(customer.id,)])
    tx.connection.execute(_C.update().where(_C.c.seq == seq).values(values))


def customer(tx: Tx, customer_id: str) -> Customer | None:
    """The customer with that id, None where there is none."""
    return get_many(tx, [customer_id]).get(customer_id)


def get_many(tx: Tx, customer_ids: Iterable[str]) -> dict[str, Customer]:
    """Those of the customers that exist, by id."""
    found: dict[str, Customer] = {}
    for chunk in chunks(dict.fromkeys(customer_ids)):
        for row in records(tx, _select().where(_C.c.id.in_(chunk))):
            found[row.id] = _customer(row)
    return found


def customers(tx: Tx, wanted: CustomerFilter = _EVERYBODY) -> list[Customer]:
    """The customers that match, in the order in which they were made."""
    query = _select().where(_C.c.seq > wanted.after).order_by(_C.c.seq).limit(wanted.limit)
    if wanted.currency:
        query = query.where(_C.c.currency == wanted.currency)
    if wanted.parent:
        query = query.where(_P.c.id == wanted.parent)
    if not wanted.archived:
        query = query.where(_C.c.archived_at.is_(None))
    return [_customer(row) for row in tx.connection.execute(query)]


def by_fingerprint(tx: Tx, fingerprint: str) -> list[Customer]:
    """Every customer with that fingerprint, archived ones too; none for an empty one."""
    if not fingerprint:
        return []
    query = _select().where(_C.c.fingerprint == fingerprint).order_by(_C.c.seq)
    return [_customer(row) for row in tx.connection.execute(query)]


def children(tx: Tx, customer_id: str) -> list[Customer]:
    """The customers directly below one, archived ones too, in the order in which they were made."""
    query = _select().where(_P.c.id == customer_id).order_by(_C.c.seq)
    return [_customer(row) for row in tx.connection.execute(query)]


def sequence_of(tx: Tx, customer_id: str) -> int:
    """A customer's small number; NotFound if there is no such customer."""
    return sequences(tx, [customer_id])[customer_id]


def _select() -> Select[Any]:
    joined = _C.outerjoin(_P, _P.c.seq == _C.c.parent)
    return select(_C, _P.c.id.label("parent_id")).select_from(joined)


def _row(one: Customer, seq: int, parent: int) -> Values:
    assert one.id, "a customer without an id"
    return {
        "seq": seq,
        "id": one.id,
        "name": one.name,
        "emails": canonical([*one.emails]),
        "currency": one.currency,
        "timezone": one.timezone,
        "country": one.country,
        "address": one.address,
        "tax_id": one.tax_id,
        "locale": one.locale,
        "fingerprint": one.fingerprint,
        "tax": one.tax,
        "payment_method": one.payment_method,
        "parent": parent,
        "archived_at": one.archived_at,
        "created_at": one.created_at,
    }


def _customer(row: Any) -> Customer:
    emails = document_of(row.emails) if row.emails != "[]" else []
    assert isinstance(emails, list), f"customer {row.id}: {row.emails!r} is no list"
    return Customer(
        id=row.id,
        name=row.name,
        emails=tuple(str(email) for email in emails),
        currency=row.currency,
        timezone=row.timezone,
        country=row.country,
        address=row.address,
        tax_id=row.tax_id,
        locale=row.locale,
        fingerprint=row.fingerprint,
        tax=row.tax,
        payment_method=row.payment_method,
        parent=row.parent_id or "",
        archived_at=row.archived_at,
        created_at=row.created_at,
    )


def _parent(one: Customer, known: dict[str, int]) -> int:
    if not one.parent:
        return 0
    if one.parent not in known or one.parent == one.id:
        raise NotFound(
            f"the parent {one.parent!r} of customer {one.id!r} does not exist",
            where=f"customer {one.id}",
            hint="add the parent first: planctl customer add",
        )
    return known[one.parent]


def _taken(customer_id: str) -> Conflict:
    return Conflict(
        f"there is already a customer {customer_id!r}",
        code="customer-exists",
        where=f"customer {customer_id}",
        hint=f"change it with planctl customer update {customer_id}, or choose another id",
    )


# --- holds


def put_hold(tx: Tx, customer_id: str, reason: str, detail: str, since: int) -> bool:
    """Put a customer on hold; whether it is new. Where it is held for that already, the first stays."""
    seq = sequence_of(tx, customer_id)
    return put_rows(tx, "hold", [{"customer": seq, "reason": reason, "detail": detail, "since": since}]) == 1


def hold_also(tx: Tx, customer_id: str, reason: str, detail: str, since: int) -> None:
    """Put a customer on hold; where it is held for that already, what is new is said there too."""
    if put_hold(tx, customer_id, reason, detail, since):
        return
    (before,) = (one.detail for one in holds(tx, customer_id) if one.reason == reason)
    if detail not in before:
        mine = (_H.c.customer == sequence_of(tx, customer_id)) & (_H.c.reason == reason)
        will_change_where(tx, _H, mine)
        tx.connection.execute(_H.update().where(mine).values(detail=f"{before}; {detail}"))


def holds(tx: Tx, customer_id: str = "") -> list[Hold]:
    """The holds of one customer, or of all, oldest first."""
    query = _select_holds()
    return _holds(tx, query.where(_C.c.id == customer_id) if customer_id else query)


def holds_of(tx: Tx, customer_ids: Iterable[str]) -> dict[str, list[Hold]]:
    """Every customer's holds, oldest first; an empty list for one that has none."""
    wanted = dict.fromkeys(customer_ids)
    found: list[Hold] = []
    for chunk in chunks(wanted):
        found += _holds(tx, _select_holds().where(_C.c.id.in_(chunk)))
    return grouped(found, wanted, lambda hold: hold.customer)


def held(tx: Tx, customer_ids: Iterable[str]) -> set[str]:
    """Those of the customers that are on hold for any reason."""
    found: set[str] = set()
    for chunk in chunks(dict.fromkeys(customer_ids)):
        query = select(_C.c.id).join(_H, _H.c.customer == _C.c.seq).where(_C.c.id.in_(chunk))
        found |= set(tx.connection.execute(query).scalars())
    return found


def clear_hold(tx: Tx, customer_id: str, reason: str = "") -> int:
    """Lift a customer's hold for one reason, or all of them; how many there were."""
    lifted = _H.c.customer == sequence_of(tx, customer_id)
    if reason:
        lifted &= _H.c.reason == reason
    will_change_where(tx, _H, lifted)
    return tx.connection.execute(_H.delete().where(lifted)).rowcount


def _select_holds() -> Select[Any]:
    query = select(_H, _C.c.id.label("customer_id")).join(_C, _C.c.seq == _H.c.customer)
    return query.order_by(_H.c.since, _C.c.seq, _H.c.reason)


def _holds(tx: Tx, query: Select[Any]) -> list[Hold]:
    rows = tx.connection.execute(query)
    return [Hold(row.customer_id, row.reason, row.detail, Instant(row.since)) for row in rows]
