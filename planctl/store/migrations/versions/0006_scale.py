"""On a server: events in a partition a month, text by its bytes, guards. Everywhere: one more index."""

from __future__ import annotations

import datetime
from calendar import monthrange
from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"

EPOCH = datetime.date(1970, 1, 1)


def upgrade() -> None:
    if op.get_bind().dialect.name == "postgresql":
        _events_by_month()
        _as_on_sqlite()
    _open_settlements()


def _events_by_month() -> None:
    """A partitioned table in the place of the old one; its events move, and the months that have some are made.

    The key keeps its order, day first: see the decision on usage events.
    """
    op.execute("ALTER TABLE usage_event RENAME TO usage_event_before")
    op.execute("ALTER TABLE usage_event_before RENAME CONSTRAINT usage_event_pkey TO usage_event_before_pkey")
    op.execute(
        "CREATE TABLE usage_event (LIKE usage_event_before INCLUDING DEFAULTS INCLUDING CONSTRAINTS,"
        " PRIMARY KEY (day, customer, meter, event_key)) PARTITION BY RANGE (day)"
    )
    days = op.get_bind().execute(sa.text("SELECT DISTINCT day FROM usage_event_before")).scalars()
    months = sorted({(EPOCH + datetime.timedelta(days=day)).replace(day=1) for day in days})
    for first in months:
        begins, (_, length) = (first - EPOCH).days, monthrange(first.year, first.month)
        op.execute(
            f'CREATE TABLE "usage_event_{first:%Y_%m}" PARTITION OF usage_event'
            f" FOR VALUES FROM ({begins}) TO ({begins + length})"
        )
    op.execute("INSERT INTO usage_event SELECT * FROM usage_event_before")
    op.execute("DROP TABLE usage_event_before")
    op.execute("ANALYZE usage_event")  # the server counts a partitioned table never by itself


def _open_settlements() -> None:
    """The few settlements of which something is still to be billed: a run does not read all that ever were."""
    is_open = sa.text("is_open = 1")
    op.create_index(
        "settlement_open", "settlement", ["subscription"], sqlite_where=is_open, postgresql_where=is_open
    )


# --- PostgreSQL as SQLite


def _as_on_sqlite() -> None:
    """Text sorts by its bytes in every database, and three guards that SQLite has had from the first."""
    made_again = _run(TRIGGERS_OF_COLUMNS)
    for name, table, _ in made_again:
        op.execute(f"DROP TRIGGER {name} ON {table}")
    for (statement,) in _run(BY_BYTES):
        op.execute(statement)
    for _, _, definition in made_again:
        op.execute(definition)
    for statement in GUARDS:
        op.execute(statement)


def _run(query: str) -> list[Any]:
    return list(op.get_bind().execute(sa.text(query)).all())


BY_BYTES = """
    SELECT format('ALTER TABLE %s ', c.oid::regclass)
        || string_agg(format('ALTER COLUMN %I TYPE text COLLATE "C"', a.attname), ', ')
    FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid
    WHERE c.relnamespace = current_schema()::regnamespace AND c.relkind IN ('r', 'p') AND NOT c.relispartition
      AND a.attnum > 0 AND NOT a.attisdropped AND a.atttypid = 'text'::regtype
      AND a.attcollation <> '"C"'::regcollation
    GROUP BY c.oid
"""

TRIGGERS_OF_COLUMNS = """
    SELECT quote_ident(t.tgname), c.oid::regclass, pg_get_triggerdef(t.oid)
    FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid
    WHERE c.relnamespace = current_schema()::regnamespace AND NOT t.tgisinternal AND t.tgparentid = 0
      AND t.tgattr <> ''::int2vector
"""
"""PostgreSQL changes no column of which a trigger speaks; these are taken away meanwhile."""

GUARDS = (
    """
    CREATE FUNCTION planctl_chain() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
      IF NEW.seq <> (SELECT coalesce(max(seq), 0) + 1 FROM audit)
        OR NEW.prev <> coalesce((SELECT hash FROM audit ORDER BY seq DESC LIMIT 1), repeat('0', 64))
      THEN RAISE EXCEPTION 'audit goes on from its last entry only'; END IF;
      RETURN NEW;
    END $$
    """,
    "CREATE TRIGGER audit_chain BEFORE INSERT ON audit FOR EACH ROW EXECUTE FUNCTION planctl_chain()",
    """
    CREATE FUNCTION planctl_periods_apart() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
      IF EXISTS (SELECT FROM made m JOIN billing_period p ON p.subscription = m.subscription
                 AND p.idx = m.idx - 1 AND p.ends_at > m.starts_at)
        OR EXISTS (SELECT FROM made m JOIN billing_period p ON p.subscription = m.subscription
                   AND p.idx = m.idx + 1 AND p.starts_at < m.ends_at)
      THEN RAISE EXCEPTION 'billing periods of a subscription never overlap'; END IF;
      RETURN NULL;
    END $$
    """,
    """
    CREATE TRIGGER billing_period_apart AFTER INSERT ON billing_period REFERENCING NEW TABLE AS made
    FOR EACH STATEMENT EXECUTE FUNCTION planctl_periods_apart()
    """,
    """
    CREATE FUNCTION planctl_in_use() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
      IF EXISTS (SELECT FROM subscription WHERE plan = OLD.plan)
      THEN RAISE EXCEPTION 'plan_version is in use by subscriptions'; END IF;
      RETURN OLD;
    END $$
    """,
    "CREATE TRIGGER plan_version_in_use BEFORE DELETE ON plan_version"
    " FOR EACH ROW EXECUTE FUNCTION planctl_in_use()",
)
"""Periods are looked at once per statement, since a run writes very many."""


def downgrade() -> None:
    raise NotImplementedError("a store is never taken back to an older schema: restore a backup instead")
