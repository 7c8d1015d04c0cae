"""The first schema: every table, index and guard. It never changes; what comes later is a later migration.

The guards are triggers: what is final (audit, terms, finalized invoices, money movements) cannot be updated
or deleted, not even past planctl and not by INSERT OR REPLACE.
"""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

STRICT = {"sqlite_strict": True}
CLUSTERED = {"sqlite_strict": True, "sqlite_with_rowid": False}


def upgrade() -> None:
    _business()
    _catalog()
    _customers()
    _subscriptions()
    _beside_subscriptions()
    _periods()
    _invoices()
    _lines_and_payments()
    _credit()
    _wallets()
    _usage()
    _stripe()
    _guards()


def downgrade() -> None:
    raise NotImplementedError("a store is never taken back to an older schema: restore a backup instead")


def _business() -> None:
    op.create_table(
        "store_identity",
        whole("id", primary_key=True),
        text("store_id"),
        *wholes("created_at", "is_test"),
        maybe_whole("high_water_at"),
        sa.CheckConstraint("id = 1", name="one_row"),
        **STRICT,
    )
    op.create_table(
        "setting",
        text("key", primary_key=True),
        text("value"),
        **STRICT,
    )
    op.create_table(
        "operation",
        text("key", primary_key=True),
        *texts("kind", "request_hash", "result", "actor"),
        whole("recorded_at"),
        **STRICT,
    )
    op.create_table(
        "audit",
        whole("seq", primary_key=True),
        text("prev", unique=True),
        text("hash", unique=True),
        text("body"),
        **STRICT,
    )
    op.create_table(
        "run",
        text("id", primary_key=True),
        *wholes("as_of", "is_whole", "started_at"),
        maybe_whole("finished_at"),
        text("summary"),
        **STRICT,
    )


def _catalog() -> None:
    op.create_table(
        "catalog_revision",
        whole("number", primary_key=True),
        whole("parent", unique=True),
        *texts("catalog", "digest", "document", "changes", "accepted", "actor", "reason", "source_commit"),
        whole("recorded_at"),
        sa.CheckConstraint("number = parent + 1", name="linear"),
        **STRICT,
    )
    op.create_table(
        "catalog_object",
        text("address", primary_key=True),
        text("document"),
        *wholes("archived", "version"),
        *texts("terms_hash", "managed_by", "file"),
        whole("line"),
        text("source_commit"),
        whole("outside_revision"),
        *texts("outside_actor", "aliases"),
        whole("revision"),
        **STRICT,
    )
    op.create_table(
        "change_note",
        text("id", primary_key=True),
        whole("revision"),
        **STRICT,
    )
    op.create_table(
        "terms",
        text("hash", primary_key=True),
        text("document"),
        **STRICT,
    )
    op.create_table(
        "plan_version",
        text("plan", primary_key=True),
        whole("version", primary_key=True),
        text("terms_hash", to="terms.hash"),
        *wholes("revision", "recorded_at"),
        **STRICT,
    )
    op.create_table(
        "allow_entry",
        text("list_name", primary_key=True),
        text("entry", primary_key=True),
        **STRICT,
    )


def _customers() -> None:
    op.create_table(
        "customer",
        whole("seq", primary_key=True),
        text("id", unique=True),
        *texts("name", "emails", "currency", "timezone", "country", "address", "tax_id", "locale"),
        text("fingerprint", index=True),
        *texts("tax", "payment_method"),
        whole("parent", index=True),
        maybe_whole("archived_at"),
        whole("created_at"),
        **STRICT,
    )
    op.create_table(
        "hold",
        whole("customer", primary_key=True, to="customer.seq"),
        text("reason", primary_key=True),
        text("detail"),
        whole("since"),
        **STRICT,
    )
    op.create_table(
        "assignment",
        text("id", primary_key=True),
        whole("customer", to="customer.seq"),
        text("plan"),
        whole("version"),
        *texts("pay", "currency", "negotiated"),
        whole("assigned_at"),
        *texts("status", "subscription"),
        **STRICT,
    )
    op.create_index(
        "assignment_waiting", "assignment", ["customer", "plan"], unique=True, **where("status = 'waiting'")
    )


def _subscriptions() -> None:
    op.create_table(
        "subscription",
        text("id", primary_key=True),
        whole("customer", to="customer.seq"),
        text("plan"),
        whole("plan_version"),
        text("terms_hash", to="terms.hash"),
        text("currency"),
        whole("decimals"),
        *texts("pay", "timezone"),
        *wholes("anchor_at", "started_at"),
        *texts("status", "exclusive_group"),
        maybe_whole("settled_at"),
        *wholes("fees_from", "usage_from"),
        maybe_whole("ends_at"),
        text("end_reason"),
        whole("quantity"),
        *texts("quantities", "negotiated"),
        *wholes("catalog_revision", "created_at"),
        maybe_whole("next_action_at"),
        **STRICT,
    )
    op.create_index("subscription_customer", "subscription", ["customer", "id"])
    op.create_index("subscription_next", "subscription", ["next_action_at", "customer"])
    op.create_index(
        "subscription_one_live",
        "subscription",
        ["customer", "exclusive_group"],
        unique=True,
        **where(
            "exclusive_group <> '' AND status IN ('trialing', 'active', 'past_due', 'blocked', 'paused')"
        ),
    )
    op.create_index("subscription_plan", "subscription", ["plan", "plan_version"])


def _beside_subscriptions() -> None:
    op.create_table(
        "subscription_transition",
        text("subscription", primary_key=True, to="subscription.id"),
        whole("seq", primary_key=True),
        *texts("before", "after"),
        whole("at"),
        text("reason"),
        whole("recorded_at"),
        **STRICT,
    )
    op.create_table(
        "subscription_change",
        text("subscription", primary_key=True),
        whole("seq", primary_key=True),
        *texts("kind", "document"),
        whole("at"),
        text("status"),
        **STRICT,
    )
    op.create_table(
        "trial_use",
        text("who_kind", primary_key=True),
        text("who", primary_key=True),
        text("scope", primary_key=True),
        text("subscription"),
        whole("started_at"),
        **STRICT,
    )
    op.create_table(
        "blocked_span",
        text("subscription", primary_key=True, to="subscription.id"),
        whole("starts_at", primary_key=True),
        maybe_whole("ends_at"),
        text("payment"),
        **STRICT,
    )


def _periods() -> None:
    op.create_table(
        "billing_period",
        text("subscription", primary_key=True, to="subscription.id"),
        whole("idx", primary_key=True),
        *texts("starts_on", "ends_on"),
        *wholes("starts_at", "ends_at"),
        sa.UniqueConstraint("subscription", "starts_at", name="period_start"),
        sa.UniqueConstraint("subscription", "ends_at", name="period_end"),
        sa.UniqueConstraint("subscription", "starts_on", name="period_start_date"),
        sa.CheckConstraint("starts_at < ends_at", name="forward"),
        **STRICT,
    )
    op.create_table(
        "settlement",
        text("subscription", primary_key=True, to="subscription.id"),
        text("part", primary_key=True),
        whole("idx", primary_key=True),
        text("occasion", primary_key=True),
        whole("revision", primary_key=True),
        text("outcome"),
        whole("due_at"),
        text("invoice"),
        whole("is_open"),
        **STRICT,
    )
    op.create_index("settlement_invoice", "settlement", ["invoice"])
    op.create_table(
        "usage_claim",
        text("subscription", primary_key=True, to="subscription.id"),
        text("feature", primary_key=True),
        whole("allowance_idx", primary_key=True),
        text("occasion", primary_key=True),
        whole("revision", primary_key=True),
        *wholes("starts_at", "ends_at"),
        *texts("quantity", "included", "wallet", "billed", "over_limit", "invoice"),
        **STRICT,
    )


def _invoices() -> None:
    op.create_table(
        "number_series",
        text("series", primary_key=True),
        whole("year", primary_key=True),
        *wholes("first", "next"),
        sa.CheckConstraint("next >= first", name="series_forward"),
        **STRICT,
    )
    op.create_table(
        "invoice",
        text("id", primary_key=True),
        text("number", unique=True),
        text("series"),
        *wholes("series_year", "sequence"),
        whole("customer", to="customer.seq"),
        text("subscription", to="subscription.id"),
        whole("period_idx"),
        *texts("kind", "occasion"),
        whole("revision"),
        *texts("status", "currency"),
        *wholes("decimals", "bills_at", "issued_at", "starts_at"),
        maybe_whole("ends_at"),
        whole("due_at"),
        maybe_whole("grace_ends_at"),
        *wholes("subtotal", "discount", "tax", "total", "credit", "paid"),
        maybe_whole("paid_at"),
        maybe_whole("voided_at"),
        *texts("seller", "buyer", "taxes", "timezone", "tzdata"),
        whole("catalog_revision"),
        text("content_hash"),
        sa.UniqueConstraint(
            "subscription", "period_idx", "kind", "occasion", "revision", name="invoice_once"
        ),
        sa.UniqueConstraint("series", "series_year", "sequence", name="invoice_sequence"),
        sa.CheckConstraint("total >= 0", name="invoice_total_positive"),
        sa.CheckConstraint("subtotal - discount + tax = total", name="invoice_sum"),
        sa.CheckConstraint("credit >= 0 AND paid >= 0 AND credit + paid <= total", name="invoice_paid"),
        **STRICT,
    )
    op.create_index("invoice_customer", "invoice", ["customer", "issued_at"])
    op.create_index(
        "invoice_open", "invoice", ["customer", "due_at"], **where("status IN ('open', 'past_due')")
    )


def _lines_and_payments() -> None:
    op.create_table(
        "invoice_line",
        text("invoice", primary_key=True, to="invoice.id"),
        whole("position", primary_key=True),
        text("subscription", to="subscription.id"),
        text("charge_key"),
        whole("service_idx"),
        text("occasion"),
        whole("revision"),
        *texts("kind", "plan"),
        whole("plan_version"),
        *texts("feature", "description", "quantity", "unit_price"),
        *wholes("amount", "starts_at"),
        maybe_whole("ends_at"),
        text("detail"),
        sa.UniqueConstraint(
            "subscription", "charge_key", "service_idx", "occasion", "revision", name="line_once"
        ),
        **STRICT,
    )
    op.create_table(
        "payment",
        text("id", primary_key=True),
        whole("customer", index=True, to="customer.seq"),
        text("invoice", to="invoice.id"),
        whole("amount"),
        text("currency"),
        *wholes("decimals", "at"),
        *texts("method", "reference", "status"),
        whole("recorded_at"),
        sa.CheckConstraint("amount > 0", name="payment_positive"),
        **STRICT,
    )
    op.create_index("payment_invoice", "payment", ["invoice"])


def _credit() -> None:
    op.create_table(
        "credit_note",
        text("id", primary_key=True),
        text("number", unique=True),
        text("series"),
        *wholes("series_year", "sequence"),
        whole("customer", index=True, to="customer.seq"),
        text("invoice", to="invoice.id"),
        *texts("occasion", "currency"),
        *wholes("decimals", "total", "tax"),
        text("lines"),
        whole("issued_at"),
        sa.UniqueConstraint("series", "series_year", "sequence", name="credit_note_sequence"),
        sa.UniqueConstraint("invoice", "occasion", name="credit_note_once"),
        sa.CheckConstraint("total > 0", name="credit_note_positive"),
        **STRICT,
    )
    op.create_table(
        "balance_entry",
        whole("customer", primary_key=True, to="customer.seq"),
        text("currency", primary_key=True),
        whole("seq", primary_key=True),
        text("key"),
        *wholes("amount", "balance", "at"),
        sa.UniqueConstraint("customer", "currency", "key", name="balance_once"),
        sa.CheckConstraint("amount <> 0", name="balance_moves"),
        sa.CheckConstraint("balance >= 0", name="balance_positive"),
        **STRICT,
    )


def _wallets() -> None:
    op.create_table(
        "wallet_grant",
        text("id", primary_key=True),
        whole("customer", to="customer.seq"),
        *texts("feature", "grant_key", "pack", "amount"),
        *wholes("granted_at", "expires_at"),
        sa.UniqueConstraint("customer", "feature", "grant_key", name="grant_once"),
        **STRICT,
    )
    op.create_table(
        "wallet_entry",
        whole("customer", primary_key=True, to="customer.seq"),
        text("feature", primary_key=True),
        whole("seq", primary_key=True),
        *texts("entry_key", "reverses", "grant_id", "amount", "balance"),
        whole("at"),
        sa.UniqueConstraint("customer", "feature", "entry_key", name="wallet_once"),
        sa.CheckConstraint("amount <> '0'", name="wallet_moves"),
        sa.CheckConstraint("balance NOT LIKE '-%'", name="wallet_positive"),
        **STRICT,
    )
    op.create_index(
        "wallet_reversed_once",
        "wallet_entry",
        ["customer", "feature", "reverses"],
        unique=True,
        **where("reverses <> ''"),
    )


def _usage() -> None:
    op.create_table(
        "meter",
        whole("id", primary_key=True),
        text("name", unique=True),
        **STRICT,
    )
    op.create_table(
        "usage_event",
        whole("day", primary_key=True),
        whole("customer", primary_key=True),
        whole("meter", primary_key=True),
        blob("event_key", primary_key=True),
        *wholes("at", "quantity", "fraction", "payload_hash", "batch"),
        **CLUSTERED,
    )
    op.create_table(
        "usage_detail",
        whole("day", primary_key=True),
        whole("customer", primary_key=True),
        whole("meter", primary_key=True),
        blob("event_key", primary_key=True),
        *texts("event_id", "properties", "corrects"),
        **CLUSTERED,
    )
    op.create_table(
        "usage_identity",
        whole("customer", primary_key=True),
        whole("meter", primary_key=True),
        blob("event_key", primary_key=True),
        whole("day"),
        **CLUSTERED,
    )
    op.create_table(
        "late_usage",
        whole("customer", primary_key=True),
        whole("meter", primary_key=True),
        whole("day", primary_key=True),
        blob("event_key", primary_key=True),
        whole("at"),
        **CLUSTERED,
    )
    op.create_table(
        "import_batch",
        whole("id", primary_key=True),
        text("digest", unique=True),
        text("source"),
        *wholes(
            "offset",
            "rows_read",
            "accepted",
            "duplicates",
            "conflicts",
            "late",
            "rejected",
            "is_done",
            "recorded_at",
        ),
        **STRICT,
    )


def _stripe() -> None:
    op.create_table(
        "stripe_operation",
        text("id", primary_key=True),
        text("account"),
        whole("livemode"),
        *texts("object", "local_id", "action"),
        whole("revision"),
        text("idempotency_key"),
        blob("body"),
        text("state", index=True),
        maybe_whole("first_sent_at"),
        *texts("stripe_id", "result"),
        sa.UniqueConstraint(
            "account", "livemode", "object", "local_id", "action", "revision", name="stripe_once"
        ),
        sa.UniqueConstraint("idempotency_key", name="stripe_key"),
        **STRICT,
    )
    op.create_table(
        "stripe_link",
        text("account", primary_key=True),
        text("object", primary_key=True),
        text("local_id", primary_key=True),
        text("stripe_id"),
        sa.UniqueConstraint("account", "stripe_id", name="stripe_link_once"),
        **STRICT,
    )
    op.create_table(
        "stripe_event",
        text("event_id", primary_key=True),
        *texts("kind", "state"),
        whole("received_at"),
        text("detail"),
        **STRICT,
    )


# --- guards ---------------------------------------------------------------------------------------

FINAL = (
    "audit",
    "balance_entry",
    "catalog_revision",
    "credit_note",
    "invoice_line",
    "subscription_transition",
    "terms",
    "wallet_entry",
)
"""Tables whose rows are never changed and never deleted."""

FINAL_COLUMNS = {
    "invoice": (
        "id, number, series, series_year, sequence, customer, subscription, period_idx, kind, occasion, "
        "revision, currency, decimals, bills_at, issued_at, starts_at, ends_at, due_at, subtotal, discount, "
        "tax, total, seller, buyer, taxes, timezone, tzdata, catalog_revision, content_hash"
    ),
    "payment": "id, customer, invoice, amount, currency, decimals, at, recorded_at",
}
"""Tables whose rows are never deleted and in which only the other columns may change."""

CHAIN = """
    CREATE TRIGGER audit_chain BEFORE INSERT ON audit
    WHEN NEW.seq <> (SELECT coalesce(max(seq), 0) + 1 FROM audit)
      OR NEW.prev <> coalesce((SELECT hash FROM audit ORDER BY seq DESC LIMIT 1), printf('%064d', 0))
    BEGIN SELECT RAISE(ABORT, 'audit goes on from its last entry only'); END
"""
# REPLACE removes the old row without firing its delete trigger unless the connection asks for it; this one
# looks before the row is written, whatever the connection says.

IN_ORDER = """
    CREATE TRIGGER billing_period_apart BEFORE INSERT ON billing_period
    WHEN EXISTS (SELECT 1 FROM billing_period WHERE subscription = NEW.subscription
                 AND idx = NEW.idx - 1 AND ends_at > NEW.starts_at)
      OR EXISTS (SELECT 1 FROM billing_period WHERE subscription = NEW.subscription
                 AND idx = NEW.idx + 1 AND starts_at < NEW.ends_at)
    BEGIN SELECT RAISE(ABORT, 'billing periods of a subscription never overlap'); END
"""

IN_USE = """
    CREATE TRIGGER plan_version_in_use BEFORE DELETE ON plan_version
    WHEN EXISTS (SELECT 1 FROM subscription WHERE plan = OLD.plan)
    BEGIN SELECT RAISE(ABORT, 'plan_version is in use by subscriptions'); END
"""


def _guards() -> None:
    sqlite = op.get_bind().dialect.name == "sqlite"
    if not sqlite:
        op.execute(
            "CREATE FUNCTION planctl_refuse() RETURNS trigger LANGUAGE plpgsql AS "
            "$$ BEGIN RAISE EXCEPTION '%', TG_ARGV[0]; END $$"
        )
    for table in FINAL:
        _refuse(sqlite, f"{table}_no_update", f"UPDATE ON {table}", f"{table} is never changed")
        _refuse(sqlite, f"{table}_no_delete", f"DELETE ON {table}", f"{table} is never deleted")
    for table, columns in FINAL_COLUMNS.items():
        _refuse(sqlite, f"{table}_no_update", f"UPDATE OF {columns} ON {table}", f"{table} is never changed")
        _refuse(sqlite, f"{table}_no_delete", f"DELETE ON {table}", f"{table} is never deleted")
    _refuse(
        sqlite,
        "plan_version_no_update",
        "UPDATE OF version, terms_hash, revision, recorded_at ON plan_version",
        "plan_version is never changed",
    )
    for statement in (CHAIN, IN_ORDER, IN_USE) if sqlite else ():
        op.execute(statement)


def _refuse(sqlite: bool, name: str, event: str, message: str) -> None:
    if sqlite:
        op.execute(f"CREATE TRIGGER {name} BEFORE {event} BEGIN SELECT RAISE(ABORT, '{message}'); END")
        return
    refusal = f"EXECUTE FUNCTION planctl_refuse('{message}')"
    op.execute(f"CREATE TRIGGER {name} BEFORE {event} FOR EACH ROW {refusal}")
    if event.startswith("DELETE"):
        truncate = event.replace("DELETE", "TRUNCATE")
        op.execute(f"CREATE TRIGGER {name}_all BEFORE {truncate} FOR EACH STATEMENT {refusal}")


# --- columns --------------------------------------------------------------------------------------


def whole(name: str, **options: Any) -> sa.Column[int]:
    """A NOT NULL 64-bit integer."""
    return sa.Column(name, _whole(), *_references(options), nullable=False, autoincrement=False, **options)


def maybe_whole(name: str) -> sa.Column[int]:
    """A 64-bit integer or NULL."""
    return sa.Column(name, _whole(), nullable=True)


def text(name: str, **options: Any) -> sa.Column[str]:
    """A NOT NULL text."""
    return sa.Column(name, sa.Text(), *_references(options), nullable=False, **options)


def blob(name: str, **options: Any) -> sa.Column[bytes]:
    """NOT NULL bytes."""
    return sa.Column(name, sa.LargeBinary(), nullable=False, **options)


def wholes(*names: str) -> list[sa.Column[int]]:
    """Several NOT NULL 64-bit integers."""
    return [whole(name) for name in names]


def texts(*names: str) -> list[sa.Column[str]]:
    """Several NOT NULL texts."""
    return [text(name) for name in names]


def where(condition: str) -> dict[str, Any]:
    """The condition of a partial index."""
    return {"sqlite_where": sa.text(condition), "postgresql_where": sa.text(condition)}


def _whole() -> sa.types.TypeEngine[int]:
    return sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def _references(options: dict[str, Any]) -> list[sa.ForeignKey]:
    target = options.pop("to", "")
    return [sa.ForeignKey(target)] if target else []
