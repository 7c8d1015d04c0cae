"""What moving running subscriptions to newer terms needs: the files, their batches, and what became of each member."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"

STRICT = {"sqlite_strict": True}


def upgrade() -> None:
    op.create_table(
        "migration",
        text("name", primary_key=True),
        text("digest"),
        text("document"),
        whole("to_version"),
        text("actor"),
        whole("recorded_at"),
        **STRICT,
    )
    op.create_table(
        "migration_batch",
        text("migration", to="migration.name", primary_key=True),
        whole("batch", primary_key=True),
        text("actor"),
        whole("started_at"),
        sa.Column("finished_at", _whole(), nullable=True),
        **STRICT,
    )
    op.create_table(
        "migration_member",
        text("migration", to="migration.name", primary_key=True),
        text("subscription", to="subscription.id", primary_key=True),
        whole("batch"),
        text("state"),
        text("successor"),
        text("reason"),
        text("detail"),
        text("actor"),
        whole("at"),
        sa.CheckConstraint("(state = 'skipped') = (successor = '')", name="moved_to"),
        **STRICT,
    )
    op.create_index(
        "migration_member_successor",
        "migration_member",
        ["successor"],
        unique=True,
        sqlite_where=sa.text("successor <> ''"),
        postgresql_where=sa.text("successor <> ''"),
    )


def downgrade() -> None:
    raise NotImplementedError("a store is never taken back to an older schema: restore a backup instead")


def whole(name: str, *, primary_key: bool = False) -> sa.Column[int]:
    """A NOT NULL 64-bit integer."""
    return sa.Column(name, _whole(), nullable=False, primary_key=primary_key, autoincrement=False)


def text(name: str, *, to: str = "", primary_key: bool = False) -> sa.Column[str]:
    """A NOT NULL text; `to` names the `table.column` it points to."""
    keys: list[Any] = [sa.ForeignKey(to)] if to else []
    return sa.Column(name, sa.Text(), *keys, nullable=False, primary_key=primary_key)


def _whole() -> sa.types.TypeEngine[int]:
    return sa.BigInteger().with_variant(sa.Integer(), "sqlite")
