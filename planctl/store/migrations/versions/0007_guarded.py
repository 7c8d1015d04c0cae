"""Where a store lives, how often it was adopted; what each audit entry touched; who wrote it, on a server."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    sqlite = op.get_bind().dialect.name == "sqlite"
    _home(sqlite)
    _touched(sqlite)
    _given_elsewhere(sqlite)
    if not sqlite:
        _written_by_who_says_so()
        _months_for_whoever_may_import()
        _nothing_for_everybody()


def _home(sqlite: bool) -> None:
    """A store that is not where its `home` says may not bill; `generation` counts how often it was adopted.

    `adoption` tells two adoptions of one backup apart, whose generations have the same number.
    """
    op.add_column("store_identity", _integer("generation", server_default=sa.text("1")))
    op.add_column("store_identity", _text("home", sqlite, server_default=""))
    op.add_column("store_identity", _text("adoption", sqlite, server_default=""))


def _touched(sqlite: bool) -> None:
    """The objects of an audit entry, with the hashes of their rows before and after; never changed."""
    op.create_table(
        "audit_object",
        _text("name", sqlite, primary_key=True),
        _text("id", sqlite, primary_key=True),
        _integer("seq", sa.ForeignKey("audit.seq"), primary_key=True, autoincrement=False),
        _text("before", sqlite),
        _text("after", sqlite),
        sqlite_strict=True,
        sqlite_with_rowid=False,
    )
    op.create_index("audit_object_seq", "audit_object", ["seq"])
    for event in ("UPDATE", "DELETE"):
        _refuse(sqlite, "audit_object", event)


def _given_elsewhere(sqlite: bool) -> None:
    """Numbers that a store never gives, since another copy of it gave them before this one was adopted."""
    op.create_table(
        "number_gap",
        _text("series", sqlite, primary_key=True),
        _integer("year", primary_key=True, autoincrement=False),
        _integer("first", primary_key=True, autoincrement=False),
        _integer("last"),
        sa.CheckConstraint("last >= first", name="gap_forward"),
        sqlite_strict=True,
    )
    for event in ("UPDATE", "DELETE"):
        _refuse(sqlite, "number_gap", event)


def _integer(name: str, *key: sa.ForeignKey, **options: Any) -> sa.Column[int]:
    kind: sa.types.TypeEngine[int] = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
    return sa.Column(name, kind, *key, nullable=False, **options)


def _text(name: str, sqlite: bool, **options: Any) -> sa.Column[str]:
    """Text that sorts by its bytes on both engines."""
    return sa.Column(name, sa.Text(collation=None if sqlite else "C"), nullable=False, **options)


def _refuse(sqlite: bool, table: str, event: str) -> None:
    name = f"{table}_no_{event.lower()}"
    message = f"{table} is never {'changed' if event == 'UPDATE' else 'deleted'}"
    if sqlite:
        op.execute(
            f"CREATE TRIGGER {name} BEFORE {event} ON {table} BEGIN SELECT RAISE(ABORT, '{message}'); END"
        )
        return
    refusal = f"EXECUTE FUNCTION planctl_refuse('{message}')"
    op.execute(f"CREATE TRIGGER {name} BEFORE {event} ON {table} FOR EACH ROW {refusal}")
    if event == "DELETE":
        op.execute(f"CREATE TRIGGER {name}_all BEFORE TRUNCATE ON {table} FOR EACH STATEMENT {refusal}")


def _written_by_who_says_so() -> None:
    """Whatever a client says, an audit entry names the login that the server knows, and has its own hash."""
    op.execute(
        """
        CREATE FUNCTION planctl_audit_login() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
          IF (NEW.body::jsonb #>> '{origin,session_user}') IS DISTINCT FROM session_user
          THEN RAISE EXCEPTION 'an audit entry names the login that wrote it, %', session_user; END IF;
          -- What is wrong here is wrong for ever: no entry is ever taken out.
          IF NEW.hash <> encode(sha256(convert_to('planctl-audit-v1', 'UTF8') || '\\x00'::bytea
            || convert_to(NEW.prev || NEW.body, 'UTF8')), 'hex')
          THEN RAISE EXCEPTION 'an audit entry has the hash of what it says'; END IF;
          RETURN NEW;
        END $$
        """
    )
    op.execute(
        "CREATE TRIGGER audit_login BEFORE INSERT ON audit FOR EACH ROW EXECUTE FUNCTION planctl_audit_login()"
    )


# --- who may what


def _months_for_whoever_may_import() -> None:
    """A month of usage events is made in the name of the tables' owner: who imports may make no other table."""
    schema = op.get_bind().execute(sa.text("SELECT quote_ident(current_schema())")).scalar_one()
    op.execute(
        f"""
        CREATE FUNCTION planctl_usage_month(first date) RETURNS void LANGUAGE plpgsql
        SECURITY DEFINER SET search_path = {schema}, pg_temp AS $$
        DECLARE
          month text := to_char(first, '"usage_event_"YYYY_MM');
          begins bigint := first - date '1970-01-01';
          ends bigint := (first + interval '1 month')::date - date '1970-01-01';
        BEGIN
          IF first IS NULL OR first <> date_trunc('month', first)
          THEN RAISE EXCEPTION 'a month begins on its first day, not on %', first; END IF;
          -- Another era's month would take the name of one of ours, and its events had no place.
          IF first NOT BETWEEN date '0001-01-01' AND date '9999-12-31'
          THEN RAISE EXCEPTION 'there is no usage in %', first; END IF;
          -- Made and attached in two steps: a partition made at once would lock all readers of events out.
          EXECUTE format('CREATE TABLE %I (LIKE usage_event INCLUDING DEFAULTS INCLUDING CONSTRAINTS)', month);
          EXECUTE format(
            'ALTER TABLE usage_event ATTACH PARTITION %I FOR VALUES FROM (%s) TO (%s)', month, begins, ends
          );
        END $$
        """
    )
    # A guard looks at the store's own tables, whatever table of the same name a session makes for itself.
    for guard in ("planctl_chain", "planctl_periods_apart", "planctl_in_use", "planctl_audit_login"):
        op.execute(f"ALTER FUNCTION {guard}() SET search_path = {schema}, pg_temp")


def _nothing_for_everybody() -> None:
    """PUBLIC gets nothing of what is ours; of the schema it loses what it had where the store is being made now.

    In an older store somebody may reach the schema through PUBLIC who was allowed to read: `access grant` ends that.
    """
    op.execute(
        """
        DO $$
        DECLARE name text; mine regnamespace := current_schema()::regnamespace;
        BEGIN
          FOR name IN SELECT oid::regclass FROM pg_class WHERE relnamespace = mine AND relkind IN ('r', 'p') LOOP
            EXECUTE 'REVOKE ALL ON TABLE ' || name || ' FROM PUBLIC';
          END LOOP;
          FOR name IN SELECT oid::regprocedure FROM pg_proc
            WHERE pronamespace = mine AND proname LIKE 'planctl!_%' ESCAPE '!' LOOP
            EXECUTE 'REVOKE ALL ON FUNCTION ' || name || ' FROM PUBLIC';
          END LOOP;
          IF NOT EXISTS (SELECT FROM store_identity)
            AND (SELECT pg_has_role(nspowner, 'USAGE') FROM pg_namespace WHERE oid = mine) THEN
            EXECUTE format('REVOKE ALL ON SCHEMA %s FROM PUBLIC', mine);
          END IF;
        END $$
        """
    )


def downgrade() -> None:
    raise NotImplementedError("a store is never taken back to an older schema: restore a backup instead")
