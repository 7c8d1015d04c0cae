"""What the life of a subscription needs: trials, ends, changes, pauses, moved due dates, usage of sub-companies."""

from __future__ import annotations

import hashlib
import json
from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    for table, column in (
        ("subscription", maybe_whole("trial_ends_at")),
        ("subscription", maybe_whole("expires_at")),
        ("subscription", text("anchors", "[]")),
        ("subscription", text("follows", "")),
        ("subscription", text("locked", "")),
        ("blocked_span", text("kind", "blocked")),
        ("invoice", maybe_whole("extended_due_at")),
        ("invoice", maybe_whole("extended_grace_at")),
        ("usage_event", whole("child", 0)),
    ):
        op.add_column(table, column)
    _name_children(op.get_bind())


def downgrade() -> None:
    raise NotImplementedError("a store is never taken back to an older schema: restore a backup instead")


# Who of a company used something was a property of the event, `customer`; now it is a column, and in key and hash.

_USED = "properties LIKE '%\"customer\":%'"
_THERE = "day = :day AND customer = :customer AND meter = :meter AND event_key = :event_key"


def _name_children(connection: sa.Connection) -> None:
    days = connection.execute(sa.text(f"SELECT DISTINCT day FROM usage_detail WHERE {_USED}")).scalars().all()
    people = _people(connection) if days else {}
    for day in sorted(days):
        query = f"""
        SELECT d.day, d.customer, d.meter, d.event_key, d.event_id, d.properties, d.corrects,
               e.at, e.quantity, e.fraction, m.name
          FROM usage_detail d
          JOIN usage_event e
            ON e.day = d.day AND e.customer = d.customer AND e.meter = d.meter AND e.event_key = d.event_key
          JOIN meter m ON m.id = d.meter
         WHERE d.day = :day AND d.{_USED}"""
        rows = connection.execute(sa.text(query), {"day": day}).all()
        changed = [values for row in rows if (values := _of_child(row, people))]
        for table, changes in (
            ("usage_event", ", child = :child, payload_hash = :payload"),
            ("usage_detail", ", event_id = :event_id, properties = :rest"),
            ("late_usage", ""),
            ("usage_identity", ""),
        ):
            if changed:
                statement = f"UPDATE {table} SET event_key = :new_key{changes} WHERE {_THERE}"
                connection.execute(sa.text(statement), changed)


def _people(connection: sa.Connection) -> dict[str, tuple[int, int]]:
    """Every customer's small number and that of its root, by id."""
    rows = connection.execute(sa.text("SELECT seq, id, parent FROM customer")).all()
    parents = {row.seq: row.parent for row in rows}
    found = {}
    for row in rows:
        root = row.seq
        while parents[root]:
            root = parents[root]
        found[row.id] = (row.seq, root)
    return found


def _of_child(row: Any, people: dict[str, tuple[int, int]]) -> dict[str, Any] | None:
    """The event as it is kept from now on; None where the property names nobody below its customer."""
    rest = json.loads(row.properties)
    child = rest.pop("customer", "")
    seq, root = people.get(child, (0, 0))
    if root != row.customer or seq == root:
        return None
    key = bytes(row.event_key)
    event_id = row.event_id
    if len(key) < 16:
        event_id = key.decode()
    elif len(key) == 16:
        digits = key.hex()
        event_id = "-".join((digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:]))
    sign = "-" if row.quantity < 0 or row.fraction < 0 else ""
    quantity = f"{sign}{abs(row.quantity)}.{abs(row.fraction):012}".rstrip("0").rstrip(".")
    if rest:
        said = _canonical([child, row.name, str(row.at), quantity, rest, row.corrects])
    else:
        said = f"{len(child)}:{child}{len(row.name)}:{row.name}{row.at}/{quantity}/{row.corrects}"
    return {
        **{name: getattr(row, name) for name in ("day", "customer", "meter", "event_key")},
        "new_key": b"\x01" + _digest(f"{child}\0{event_id}"),
        "child": seq,
        "payload": int.from_bytes(_digest(said)[:8]) >> 1,
        "event_id": event_id,
        "rest": _canonical(rest) if rest else "",
    }


def _canonical(document: Any) -> str:
    return json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def _digest(said: str) -> bytes:
    return hashlib.blake2b(said.encode(), digest_size=16).digest()


def maybe_whole(name: str) -> sa.Column[int]:
    """A 64-bit integer that may be NULL."""
    return sa.Column(name, _whole(), nullable=True)


def whole(name: str, default: int) -> sa.Column[int]:
    """A NOT NULL 64-bit integer; `default` is what the rows there are get."""
    options: dict[str, Any] = {"server_default": sa.text(str(default)), "autoincrement": False}
    return sa.Column(name, _whole(), nullable=False, **options)


def text(name: str, default: str) -> sa.Column[str]:
    """A NOT NULL text; `default` is what the rows there are get."""
    return sa.Column(name, sa.Text(), nullable=False, server_default=default)


def _whole() -> sa.types.TypeEngine[int]:
    return sa.BigInteger().with_variant(sa.Integer(), "sqlite")
