"""What amounts need: taxes and discounts by line, credit notes, refunds, coupons, wallet terms, add-ons."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"

STRICT = {"sqlite_strict": True}


def upgrade() -> None:
    _columns()
    _refunds()
    _coupons()
    _pools()
    _guards()


def downgrade() -> None:
    raise NotImplementedError("a store is never taken back to an older schema: restore a backup instead")


def _columns() -> None:
    for table, column in (
        ("subscription", text("base", "")),
        ("subscription", whole("pools_from", 0)),
        ("usage_claim", text("rolled", "0")),
        ("usage_claim", text("carried", "0")),
        ("invoice", sa.Column("written_off_at", _whole(), nullable=True)),
        ("invoice", text("discounts", "[]")),
        ("invoice_line", whole("discount", 0)),
        ("invoice_line", text("taxes", "[]")),
        ("payment", whole("to_balance", 0)),
        ("credit_note", text("target", "balance")),
        ("credit_note", text("reason", "")),
        ("balance_entry", text("invoice", "")),
        ("wallet_grant", whole("priority", 0)),
        ("wallet_grant", text("reason", "")),
    ):
        op.add_column(table, column)


def _refunds() -> None:
    op.create_table(
        "refund",
        text("id", primary_key=True),
        whole("customer", to="customer.seq"),
        text("payment", to="payment.id"),
        text("credit_note"),
        whole("amount"),
        text("currency"),
        whole("decimals"),
        whole("at"),
        text("method"),
        text("reference"),
        whole("recorded_at"),
        sa.CheckConstraint("amount > 0", name="refund_positive"),
        **STRICT,
    )
    op.create_index("ix_refund_customer", "refund", ["customer"])
    op.create_index("refund_payment", "refund", ["payment"])


def _coupons() -> None:
    op.create_table(
        "coupon_redemption",
        text("id", primary_key=True),
        whole("customer", to="customer.seq"),
        text("subscription", to="subscription.id"),
        text("coupon"),
        text("document"),
        whole("applied_at"),
        whole("removed_at"),
        **STRICT,
    )
    op.create_index("ix_coupon_redemption_customer", "coupon_redemption", ["customer"])
    op.create_index("coupon_redeemed", "coupon_redemption", ["coupon"])
    op.create_index(
        "coupon_holds_once",
        "coupon_redemption",
        ["subscription", "coupon"],
        unique=True,
        sqlite_where=sa.text("removed_at = 0"),
        postgresql_where=sa.text("removed_at = 0"),
    )
    op.create_table(
        "coupon_use",
        text("redemption", primary_key=True, to="coupon_redemption.id"),
        text("invoice", primary_key=True, to="invoice.id"),
        whole("period_idx"),
        whole("amount"),
        **STRICT,
    )
    op.create_index("coupon_use_invoice", "coupon_use", ["invoice"])


def _pools() -> None:
    """Allowances that are not charged past their end were not closed before this schema: they are from now on."""
    op.execute("UPDATE subscription SET pools_from = coalesce(settled_at, 0)")


def _guards() -> None:
    sqlite = op.get_bind().dialect.name == "sqlite"
    for name, event, message in (
        ("refund_no_update", "UPDATE ON refund", "refund is never changed"),
        ("refund_no_delete", "DELETE ON refund", "refund is never deleted"),
        ("invoice_discounts_no_update", "UPDATE OF discounts ON invoice", "invoice is never changed"),
        ("wallet_grant_no_update", "UPDATE ON wallet_grant", "wallet_grant is never changed"),
        ("wallet_grant_no_delete", "DELETE ON wallet_grant", "wallet_grant is never deleted"),
        ("coupon_use_no_update", "UPDATE ON coupon_use", "coupon_use is never changed"),
        ("coupon_use_no_delete", "DELETE ON coupon_use", "coupon_use is never deleted"),
    ):
        _refuse(sqlite, name, event, message)


def _refuse(sqlite: bool, name: str, event: str, message: str) -> None:
    if sqlite:
        op.execute(f"CREATE TRIGGER {name} BEFORE {event} BEGIN SELECT RAISE(ABORT, '{message}'); END")
        return
    refusal = f"EXECUTE FUNCTION planctl_refuse('{message}')"
    op.execute(f"CREATE TRIGGER {name} BEFORE {event} FOR EACH ROW {refusal}")
    if event.startswith("DELETE"):
        truncate = event.replace("DELETE", "TRUNCATE")
        op.execute(f"CREATE TRIGGER {name}_all BEFORE {truncate} FOR EACH STATEMENT {refusal}")


def whole(name: str, default: int | None = None, **options: Any) -> sa.Column[int]:
    """A NOT NULL 64-bit integer; `default` is what the rows there are get."""
    options["server_default"] = None if default is None else sa.text(str(default))
    references = _references(options)
    return sa.Column(name, _whole(), *references, nullable=False, autoincrement=False, **options)


def text(name: str, default: str | None = None, **options: Any) -> sa.Column[str]:
    """A NOT NULL text; `default` is what the rows there are get."""
    options["server_default"] = default
    return sa.Column(name, sa.Text(), *_references(options), nullable=False, **options)


def _whole() -> sa.types.TypeEngine[int]:
    return sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def _references(options: dict[str, Any]) -> list[sa.ForeignKey]:
    target = options.pop("to", "")
    return [sa.ForeignKey(target)] if target else []
