"""Usage of a company's children, recorded before they had a column, is theirs after the upgrade."""

from __future__ import annotations

import sqlite3
from decimal import Decimal
from pathlib import Path

import pytest

from planctl.core.metering.model import UsageEvent, event_key, payload_hash
from planctl.store import upgrading, usage
from planctl.store.engine import open_store
from planctl.store.usage import AppendResult
from planctl.store.usage_mapping import event_row
from tests.store.test_migrate import Rows, of_schema, with_rows

pytestmark = pytest.mark.sqlite_only


DAY = 20_454
AT = DAY * 86_400_000_000
UUID = "11111111-2222-3333-4444-555555555555"


def old_event(event_id: str, properties: str, corrects: str = "", fraction: int = 0) -> Rows:
    """An event of five minutes as schema 2 kept it: the child in a property, the key that of the id alone."""
    place = {"day": DAY, "customer": 1, "meter": 1, "event_key": event_key(event_id)}
    return [
        ("usage_event", place | {"at": AT, "quantity": 5, "fraction": fraction, "payload_hash": 7}),
        ("usage_detail", place | {"event_id": "", "properties": properties, "corrects": corrects}),
    ]


ROWS: Rows = [
    ("customer", {"seq": 1, "id": "acme"}),
    ("customer", {"seq": 2, "id": "north", "parent": 1}),
    ("customer", {"seq": 3, "id": "east", "parent": 2}),
    ("customer", {"seq": 4, "id": "nova"}),
    ("meter", {"id": 1, "name": "minutes"}),
    *old_event("e1", '{"customer":"east","room":"7"}'),
    *old_event(UUID, '{"customer":"north"}', corrects="e0", fraction=250_000_000_000),
    *old_event("e3", '{"customer":"nova"}'),
    *old_event("e4", '{"customer":"acme"}'),
    ("usage_identity", {"customer": 1, "meter": 1, "event_key": b"e1", "day": DAY}),
    ("late_usage", {"customer": 1, "meter": 1, "day": DAY, "event_key": b"e1", "at": AT}),
]


def upgraded(tmp_path: Path) -> Path:
    path = tmp_path / "second.db"
    of_schema(path, 2)
    with_rows(path, ROWS)
    upgrading.upgrade(str(path))
    return path


def test_an_event_names_its_child_in_its_column_and_its_key_and_no_more_in_a_property(tmp_path: Path) -> None:
    raw = sqlite3.connect(upgraded(tmp_path))
    query = """
    SELECT d.event_id, e.child, d.properties, d.corrects, e.event_key
      FROM usage_event e JOIN usage_detail d USING (day, customer, meter, event_key) ORDER BY e.child, e.event_key
    """
    assert raw.execute(query).fetchall() == [
        ("", 0, '{"customer":"nova"}', "", b"e3"),  # nova does not belong to acme: the property is acme's own
        ("", 0, '{"customer":"acme"}', "", b"e4"),
        (UUID, 2, "", "e0", event_key(UUID, "north")),
        ("e1", 3, '{"room":"7"}', "", event_key("e1", "east")),
    ]
    assert raw.execute("SELECT event_key FROM late_usage").fetchall() == [(event_key("e1", "east"),)]
    assert raw.execute("SELECT event_key FROM usage_identity").fetchall() == [(event_key("e1", "east"),)]
    raw.close()


def test_the_same_events_sent_again_after_the_upgrade_are_duplicates(tmp_path: Path) -> None:
    of_east = UsageEvent("e1", "acme", "minutes", AT, Decimal(5), {"room": "7"}, child="east")
    of_north = UsageEvent(UUID, "acme", "minutes", AT, Decimal("5.25"), corrects="e0", child="north")
    rows = [
        event_row(one, payload_hash(one.user, one.event, one.at, one.quantity, one.properties, one.corrects), 1, 1,
                  child=number)
        for one, number in ((of_east, 3), (of_north, 2))
    ]  # fmt: skip
    with open_store(str(upgraded(tmp_path))) as store, store.write() as tx:
        assert usage.append(tx, rows) == AppendResult(duplicates=2)
