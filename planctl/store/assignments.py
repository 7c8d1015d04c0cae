"""Plans set aside for customers, kept and read back. It grants nothing."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from sqlalchemy import Select, select

from planctl.core.subscriptions.model import Assignment
from planctl.store.mapping import assignment_of, assignment_row
from planctl.store.sets import chunks, grouped, insert_rows, sequences, table
from planctl.store.touching import will_change

if TYPE_CHECKING:
    from planctl.store.engine import Tx

_A = table("assignment")
_C = table("customer")


def insert_assignment(tx: Tx, assignment: Assignment) -> None:
    """Insert an assignment; Conflict where one already waits for the same customer and plan."""
    customer = sequences(tx, [assignment.customer])[assignment.customer]
    insert_rows(tx, "assignment", [assignment_row(assignment, customer)])


def update_assignment(tx: Tx, assignment: Assignment) -> None:
    """Overwrite a stored assignment (all but id and customer): started, removed or shown a newer version."""
    row = dict(assignment_row(assignment, 0))
    del row["customer"], row["id"]
    statement = _A.update().where(_A.c.id == assignment.id).values(row)
    will_change(tx, "assignment", [(assignment.id,)])
    changed = tx.connection.execute(statement).rowcount
    assert changed == 1, f"assignment {assignment.id} is not stored"


def assignment(tx: Tx, assignment_id: str) -> Assignment | None:
    """The assignment with that id, None where there is none."""
    row = tx.connection.execute(_select().where(_A.c.id == assignment_id)).one_or_none()
    return None if row is None else assignment_of(row)


def assignments(
    tx: Tx, customer_ids: Iterable[str], waiting_only: bool = True
) -> dict[str, list[Assignment]]:
    """Every customer's assignments, oldest first; those that were started or removed too if asked."""
    wanted = dict.fromkeys(customer_ids)
    found: list[Assignment] = []
    for chunk in chunks(wanted):
        query = _select().where(_C.c.id.in_(chunk))
        found += _read(tx, query.where(_A.c.status == "waiting") if waiting_only else query)
    return grouped(found, wanted, lambda value: value.customer)


def waiting_assignments(tx: Tx, plan: str = "") -> list[Assignment]:
    """Every assignment that waits, of one plan or of all, oldest first."""
    query = _select().where(_A.c.status == "waiting")
    return _read(tx, query.where(_A.c.plan == plan) if plan else query)


def _select() -> Select[Any]:
    return (
        select(_A, _C.c.id.label("customer_id"))
        .join(_C, _C.c.seq == _A.c.customer)
        .order_by(_A.c.assigned_at, _A.c.id)
    )


def _read(tx: Tx, query: Select[Any]) -> list[Assignment]:
    return [assignment_of(row) for row in tx.connection.execute(query)]
