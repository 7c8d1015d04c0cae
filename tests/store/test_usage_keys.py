"""The tables of usage can be distributed by customer: docs/guides/scale.md says so, and why it matters."""

from __future__ import annotations

from pathlib import Path

import pytest
from sqlalchemy import UniqueConstraint

from planctl.store import rows

GROWING = ("usage_event", "usage_detail", "usage_identity", "late_usage")
PAGE = Path(__file__).parents[2] / "docs" / "guides" / "scale.md"


@pytest.mark.parametrize("name", GROWING)
def test_every_unique_key_contains_the_customer(name: str) -> None:
    table = rows.METADATA.tables[name]
    keys = [
        table.primary_key.columns,
        *(one.columns for one in table.constraints if isinstance(one, UniqueConstraint)),
        *(one.columns for one in table.indexes if one.unique),
    ]
    assert all("customer" in {column.name for column in key} for key in keys)


@pytest.mark.parametrize("name", GROWING)
def test_no_foreign_key_leaves_the_table_or_leads_to_it(name: str) -> None:
    assert not rows.METADATA.tables[name].foreign_keys
    leading = {key.column.table.name for table in rows.METADATA.tables.values() for key in table.foreign_keys}
    assert name not in leading


def test_the_page_on_scale_names_these_tables() -> None:
    page = PAGE.read_text(encoding="utf-8")
    assert [name for name in GROWING if f"create_distributed_table('{name}', 'customer'" not in page] == []
