"""What Stripe needs: the pinned account, calls with all that a resend repeats, links with digests, opened pages.

The tables of the first schema for calls, links and events were never written to, so they are made anew.
"""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"

STRICT = {"sqlite_strict": True}


def upgrade() -> None:
    for name in ("stripe_operation", "stripe_link", "stripe_event"):
        op.drop_table(name)
    _account()
    _operation()
    _link()
    _event()
    _checkout()


def _account() -> None:
    op.create_table(
        "stripe_account",
        whole("id", primary_key=True),
        text("account"),
        whole("livemode"),
        *texts("key_shown", "country", "return_url"),
        whole("cursor"),
        whole("set_up_at"),
        sa.CheckConstraint("id = 1", name="one_account"),
        **STRICT,
    )


def _operation() -> None:
    op.create_table(
        "stripe_operation",
        text("id", primary_key=True),
        text("account"),
        whole("livemode"),
        *texts("object", "local_id", "action"),
        whole("revision"),
        *texts("idempotency_key", "method", "path"),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        whole("links"),
        whole("repeatable"),
        *texts("digest", "state"),
        whole("made_at"),
        sa.Column("first_sent_at", _whole(), nullable=True),
        whole("tries"),
        *texts("stripe_id", "request_id", "note"),
        sa.UniqueConstraint(
            "account", "livemode", "object", "local_id", "action", "revision", name="stripe_once"
        ),
        sa.UniqueConstraint("idempotency_key", name="stripe_key"),
        sa.CheckConstraint(
            "state IN ('pending', 'sent', 'unknown', 'confirmed', 'parked', 'dropped')", name="stripe_state"
        ),
        **STRICT,
    )
    op.create_index("ix_stripe_operation_state", "stripe_operation", ["state"])


def _link() -> None:
    op.create_table(
        "stripe_link",
        text("account", primary_key=True),
        text("object", primary_key=True),
        text("local_id", primary_key=True),
        *texts("stripe_id", "digest", "detail"),
        sa.UniqueConstraint("account", "stripe_id", name="stripe_link_once"),
        **STRICT,
    )


def _event() -> None:
    op.create_table(
        "stripe_event",
        text("event_id", primary_key=True),
        *texts("kind", "object", "state"),
        whole("happened_at"),
        whole("received_at"),
        *texts("detail", "facts"),
        sa.CheckConstraint("state IN ('done', 'ignored', 'parked', 'dropped')", name="stripe_event_state"),
        **STRICT,
    )
    op.create_index("ix_stripe_event_state", "stripe_event", ["state"])


def _checkout() -> None:
    op.create_table(
        "stripe_checkout",
        text("session", primary_key=True),
        whole("customer", to="customer.seq"),
        *texts("plan", "request", "promise"),
        whole("amount"),
        text("currency"),
        whole("decimals"),
        *texts("url", "state"),
        whole("made_at"),
        whole("expires_at"),
        *texts("subscription", "detail"),
        sa.CheckConstraint(
            "state IN ('open', 'completed', 'expired', 'credited')", name="stripe_checkout_state"
        ),
        **STRICT,
    )
    op.create_index("ix_stripe_checkout_customer", "stripe_checkout", ["customer"])


def downgrade() -> None:
    raise NotImplementedError("a store is never taken back to an older schema: restore a backup instead")


def whole(name: str, *, to: str = "", primary_key: bool = False) -> sa.Column[int]:
    """A NOT NULL 64-bit integer; `to` names the `table.column` it points to."""
    keys: list[Any] = [sa.ForeignKey(to)] if to else []
    return sa.Column(name, _whole(), *keys, nullable=False, primary_key=primary_key, autoincrement=False)


def text(name: str, *, primary_key: bool = False) -> sa.Column[str]:
    """A NOT NULL text."""
    return sa.Column(name, sa.Text(), nullable=False, primary_key=primary_key)


def texts(*names: str) -> list[sa.Column[str]]:
    """NOT NULL texts."""
    return [text(name) for name in names]


def _whole() -> sa.types.TypeEngine[int]:
    return sa.BigInteger().with_variant(sa.Integer(), "sqlite")
