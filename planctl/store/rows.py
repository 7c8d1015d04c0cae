"""The schema: every table planctl keeps, its keys and its checks. The migrations make it; nothing else does.

Rules of the house: amounts are integer minor units, exact decimals and documents are text, instants are
UTC microseconds; a unique key never holds a nullable column ("" and 0 mean "none"); `customer` columns
hold `customer.seq`. The unique constraint is the guarantee, locks only reduce noise.
"""

from __future__ import annotations

from sqlalchemy import CheckConstraint, Index, UniqueConstraint
from sqlalchemy import text as sql
from sqlmodel import Field, SQLModel

from planctl.store.columns import CLUSTERED, STRICT, blob, maybe_whole, text, whole

METADATA = SQLModel.metadata
"""All tables below, by name."""

_LIVE = "status IN ('trialing', 'active', 'past_due', 'blocked', 'paused')"


class StoreIdentity(SQLModel, table=True):
    """Who this store is: one row."""

    __tablename__ = "store_identity"
    __table_args__ = (CheckConstraint("id = 1", name="one_row"), STRICT)
    id: int = Field(sa_column=whole(primary_key=True))
    store_id: str = Field(sa_column=text())
    created_at: int = Field(sa_column=whole())
    is_test: int = Field(sa_column=whole())
    high_water_at: int | None = Field(sa_column=maybe_whole())
    generation: int = Field(sa_column=whole(default=1))
    home: str = Field(sa_column=text(default=""))
    adoption: str = Field(sa_column=text(default=""))


class Setting(SQLModel, table=True):
    """What belongs to the business and is audited: seller, numbering, timezone, zero invoices."""

    __tablename__ = "setting"
    __table_args__ = (STRICT,)
    key: str = Field(sa_column=text(primary_key=True))
    value: str = Field(sa_column=text())


class Operation(SQLModel, table=True):
    """One idempotency key with what was asked and what was answered."""

    __tablename__ = "operation"
    __table_args__ = (STRICT,)
    key: str = Field(sa_column=text(primary_key=True))
    kind: str = Field(sa_column=text())
    request_hash: str = Field(sa_column=text())
    result: str = Field(sa_column=text())
    actor: str = Field(sa_column=text())
    recorded_at: int = Field(sa_column=whole())


class Audit(SQLModel, table=True):
    """One write, chained by hash to the one before it."""

    __tablename__ = "audit"
    __table_args__ = (STRICT,)
    seq: int = Field(sa_column=whole(primary_key=True))
    prev: str = Field(sa_column=text(unique=True))
    hash: str = Field(sa_column=text(unique=True))
    body: str = Field(sa_column=text())


class AuditObject(SQLModel, table=True):
    """One object that an audit entry touched, with the hashes of its row before and after; empty: no row."""

    __tablename__ = "audit_object"
    __table_args__ = (Index("audit_object_seq", "seq"), CLUSTERED)
    name: str = Field(sa_column=text(primary_key=True))
    id: str = Field(sa_column=text(primary_key=True))
    seq: int = Field(sa_column=whole(primary_key=True, references="audit.seq"))
    before: str = Field(sa_column=text())
    after: str = Field(sa_column=text())


class Run(SQLModel, table=True):
    """One `invoice run`: when it believed to be, whether it covered everybody, what it did."""

    __tablename__ = "run"
    __table_args__ = (STRICT,)
    id: str = Field(sa_column=text(primary_key=True))
    as_of: int = Field(sa_column=whole())
    is_whole: int = Field(sa_column=whole())
    started_at: int = Field(sa_column=whole())
    finished_at: int | None = Field(sa_column=maybe_whole())
    summary: str = Field(sa_column=text())


class CatalogRevision(SQLModel, table=True):
    """One accepted state of the catalog; the parent is unique, so two applies cannot both follow it."""

    __tablename__ = "catalog_revision"
    __table_args__ = (CheckConstraint("number = parent + 1", name="linear"), STRICT)
    number: int = Field(sa_column=whole(primary_key=True))
    parent: int = Field(sa_column=whole(unique=True))
    catalog: str = Field(sa_column=text())
    digest: str = Field(sa_column=text())
    document: str = Field(sa_column=text())
    changes: str = Field(sa_column=text())
    accepted: str = Field(sa_column=text())
    actor: str = Field(sa_column=text())
    reason: str = Field(sa_column=text())
    source_commit: str = Field(sa_column=text())
    recorded_at: int = Field(sa_column=whole())


class CatalogObject(SQLModel, table=True):
    """The newest state of one catalog object, by address (`plans.pro`)."""

    __tablename__ = "catalog_object"
    __table_args__ = (STRICT,)
    address: str = Field(sa_column=text(primary_key=True))
    document: str = Field(sa_column=text())
    archived: int = Field(sa_column=whole())
    version: int = Field(sa_column=whole())
    terms_hash: str = Field(sa_column=text())
    managed_by: str = Field(sa_column=text())
    file: str = Field(sa_column=text())
    line: int = Field(sa_column=whole())
    source_commit: str = Field(sa_column=text())
    outside_revision: int = Field(sa_column=whole())
    outside_actor: str = Field(sa_column=text())
    aliases: str = Field(sa_column=text())
    revision: int = Field(sa_column=whole())


class ChangeNoteSeen(SQLModel, table=True):
    """A change note and the first revision that contained it: it accepts nothing later."""

    __tablename__ = "change_note"
    __table_args__ = (STRICT,)
    id: str = Field(sa_column=text(primary_key=True))
    revision: int = Field(sa_column=whole())


class TermsText(SQLModel, table=True):
    """A snapshot's canonical text, once per distinct text, by its SHA-256."""

    __tablename__ = "terms"
    __table_args__ = (STRICT,)
    hash: str = Field(sa_column=text(primary_key=True))
    document: str = Field(sa_column=text())


class PlanVersion(SQLModel, table=True):
    """A plan's terms under a number, immutable."""

    __tablename__ = "plan_version"
    __table_args__ = (STRICT,)
    plan: str = Field(sa_column=text(primary_key=True))
    version: int = Field(sa_column=whole(primary_key=True))
    terms_hash: str = Field(sa_column=text(references="terms.hash"))
    revision: int = Field(sa_column=whole())
    recorded_at: int = Field(sa_column=whole())


class AllowEntry(SQLModel, table=True):
    """A member of a named list (`only_for: {list: NAME}`): a customer id, an e-mail address or a domain."""

    __tablename__ = "allow_entry"
    __table_args__ = (STRICT,)
    list_name: str = Field(sa_column=text(primary_key=True))
    entry: str = Field(sa_column=text(primary_key=True))


class CustomerRow(SQLModel, table=True):
    """A customer; `seq` is the small number that other tables refer to."""

    __tablename__ = "customer"
    __table_args__ = (STRICT,)
    seq: int = Field(sa_column=whole(primary_key=True))
    id: str = Field(sa_column=text(unique=True))
    name: str = Field(sa_column=text())
    emails: str = Field(sa_column=text())
    currency: str = Field(sa_column=text())
    timezone: str = Field(sa_column=text())
    country: str = Field(sa_column=text())
    address: str = Field(sa_column=text())
    tax_id: str = Field(sa_column=text())
    locale: str = Field(sa_column=text())
    fingerprint: str = Field(sa_column=text(index=True))
    tax: str = Field(sa_column=text())
    payment_method: str = Field(sa_column=text())
    parent: int = Field(sa_column=whole(index=True))
    archived_at: int | None = Field(sa_column=maybe_whole())
    created_at: int = Field(sa_column=whole())


class Hold(SQLModel, table=True):
    """A customer whom the run leaves alone until a person has looked."""

    __tablename__ = "hold"
    __table_args__ = (STRICT,)
    customer: int = Field(sa_column=whole(primary_key=True, references="customer.seq"))
    reason: str = Field(sa_column=text(primary_key=True))
    detail: str = Field(sa_column=text())
    since: int = Field(sa_column=whole())


class AssignmentRow(SQLModel, table=True):
    """A plan set aside for a customer; at most one waits per customer and plan."""

    __tablename__ = "assignment"
    __table_args__ = (
        Index(
            "assignment_waiting",
            "customer",
            "plan",
            unique=True,
            sqlite_where=sql("status = 'waiting'"),
            postgresql_where=sql("status = 'waiting'"),
        ),
        STRICT,
    )
    id: str = Field(sa_column=text(primary_key=True))
    customer: int = Field(sa_column=whole(references="customer.seq"))
    plan: str = Field(sa_column=text())
    version: int = Field(sa_column=whole())
    pay: str = Field(sa_column=text())
    currency: str = Field(sa_column=text())
    negotiated: str = Field(sa_column=text())
    assigned_at: int = Field(sa_column=whole())
    status: str = Field(sa_column=text())
    subscription: str = Field(sa_column=text())


class SubscriptionRow(SQLModel, table=True):
    """A subscription; one live one per customer and exclusive group. `next_action_at`: when to look."""

    __tablename__ = "subscription"
    __table_args__ = (
        Index(
            "subscription_one_live",
            "customer",
            "exclusive_group",
            unique=True,
            sqlite_where=sql(f"exclusive_group <> '' AND {_LIVE}"),
            postgresql_where=sql(f"exclusive_group <> '' AND {_LIVE}"),
        ),
        Index("subscription_customer", "customer", "id"),
        Index("subscription_plan", "plan", "plan_version"),
        Index("subscription_next", "next_action_at", "customer"),
        STRICT,
    )
    id: str = Field(sa_column=text(primary_key=True))
    customer: int = Field(sa_column=whole(references="customer.seq"))
    plan: str = Field(sa_column=text())
    plan_version: int = Field(sa_column=whole())
    terms_hash: str = Field(sa_column=text(references="terms.hash"))
    currency: str = Field(sa_column=text())
    decimals: int = Field(sa_column=whole())
    pay: str = Field(sa_column=text())
    timezone: str = Field(sa_column=text())
    anchor_at: int = Field(sa_column=whole())
    started_at: int = Field(sa_column=whole())
    status: str = Field(sa_column=text())
    exclusive_group: str = Field(sa_column=text())
    settled_at: int | None = Field(sa_column=maybe_whole())
    fees_from: int = Field(sa_column=whole())
    usage_from: int = Field(sa_column=whole())
    ends_at: int | None = Field(sa_column=maybe_whole())
    end_reason: str = Field(sa_column=text())
    quantity: int = Field(sa_column=whole())
    quantities: str = Field(sa_column=text())
    negotiated: str = Field(sa_column=text())
    catalog_revision: int = Field(sa_column=whole())
    created_at: int = Field(sa_column=whole())
    next_action_at: int | None = Field(sa_column=maybe_whole())
    base: str = Field(sa_column=text(default=""))
    pools_from: int = Field(sa_column=whole(default=0))
    trial_ends_at: int | None = Field(sa_column=maybe_whole())
    expires_at: int | None = Field(sa_column=maybe_whole())
    anchors: str = Field(sa_column=text(default="[]"))
    follows: str = Field(sa_column=text(default=""))
    locked: str = Field(sa_column=text(default=""))


class TransitionRow(SQLModel, table=True):
    """A move between statuses, in order."""

    __tablename__ = "subscription_transition"
    __table_args__ = (STRICT,)
    subscription: str = Field(sa_column=text(primary_key=True, references="subscription.id"))
    seq: int = Field(sa_column=whole(primary_key=True))
    before: str = Field(sa_column=text())
    after: str = Field(sa_column=text())
    at: int = Field(sa_column=whole())
    reason: str = Field(sa_column=text())
    recorded_at: int = Field(sa_column=whole())


class SubscriptionChange(SQLModel, table=True):
    """A scheduled or requested change of a subscription; the sequence is a compare-and-set."""

    __tablename__ = "subscription_change"
    __table_args__ = (STRICT,)
    subscription: str = Field(sa_column=text(primary_key=True))
    seq: int = Field(sa_column=whole(primary_key=True))
    kind: str = Field(sa_column=text())
    document: str = Field(sa_column=text())
    at: int = Field(sa_column=whole())
    status: str = Field(sa_column=text())


class TrialUse(SQLModel, table=True):
    """A trial that was taken: once per customer or fingerprint (`who_kind`) and group or plan (`scope`)."""

    __tablename__ = "trial_use"
    __table_args__ = (STRICT,)
    who_kind: str = Field(sa_column=text(primary_key=True))
    who: str = Field(sa_column=text(primary_key=True))
    scope: str = Field(sa_column=text(primary_key=True))
    subscription: str = Field(sa_column=text())
    started_at: int = Field(sa_column=whole())


class BlockedSpanRow(SQLModel, table=True):
    """A time without service."""

    __tablename__ = "blocked_span"
    __table_args__ = (STRICT,)
    subscription: str = Field(sa_column=text(primary_key=True, references="subscription.id"))
    starts_at: int = Field(sa_column=whole(primary_key=True))
    ends_at: int | None = Field(sa_column=maybe_whole())
    payment: str = Field(sa_column=text())
    kind: str = Field(sa_column=text(default="blocked"))


class BillingPeriod(SQLModel, table=True):
    """A period's local dates and instants, fixed once; open-ended periods end at FOREVER."""

    __tablename__ = "billing_period"
    __table_args__ = (
        UniqueConstraint("subscription", "starts_at", name="period_start"),
        UniqueConstraint("subscription", "ends_at", name="period_end"),
        UniqueConstraint("subscription", "starts_on", name="period_start_date"),
        CheckConstraint("starts_at < ends_at", name="forward"),
        STRICT,
    )
    subscription: str = Field(sa_column=text(primary_key=True, references="subscription.id"))
    idx: int = Field(sa_column=whole(primary_key=True))
    starts_on: str = Field(sa_column=text())
    ends_on: str = Field(sa_column=text())
    starts_at: int = Field(sa_column=whole())
    ends_at: int = Field(sa_column=whole())


class SettlementRow(SQLModel, table=True):
    """What became of something that fell due: billed, zero, blocked, billed elsewhere, void."""

    __tablename__ = "settlement"
    __table_args__ = (
        Index("settlement_invoice", "invoice"),
        Index(
            "settlement_open",
            "subscription",
            sqlite_where=sql("is_open = 1"),
            postgresql_where=sql("is_open = 1"),
        ),
        STRICT,
    )
    subscription: str = Field(sa_column=text(primary_key=True, references="subscription.id"))
    part: str = Field(sa_column=text(primary_key=True))
    idx: int = Field(sa_column=whole(primary_key=True))
    occasion: str = Field(sa_column=text(primary_key=True))
    revision: int = Field(sa_column=whole(primary_key=True))
    outcome: str = Field(sa_column=text())
    due_at: int = Field(sa_column=whole())
    invoice: str = Field(sa_column=text())
    is_open: int = Field(sa_column=whole())


class UsageClaimRow(SQLModel, table=True):
    """What a closed allowance period took: how its quantity was split, and on which invoice."""

    __tablename__ = "usage_claim"
    __table_args__ = (STRICT,)
    subscription: str = Field(sa_column=text(primary_key=True, references="subscription.id"))
    feature: str = Field(sa_column=text(primary_key=True))
    allowance_idx: int = Field(sa_column=whole(primary_key=True))
    occasion: str = Field(sa_column=text(primary_key=True))
    revision: int = Field(sa_column=whole(primary_key=True))
    starts_at: int = Field(sa_column=whole())
    ends_at: int = Field(sa_column=whole())
    quantity: str = Field(sa_column=text())
    included: str = Field(sa_column=text())
    wallet: str = Field(sa_column=text())
    billed: str = Field(sa_column=text())
    over_limit: str = Field(sa_column=text())
    invoice: str = Field(sa_column=text())
    rolled: str = Field(sa_column=text(default="0"))
    carried: str = Field(sa_column=text(default="0"))


class NumberSeries(SQLModel, table=True):
    """The next number of a series (and year of issue, 0 where the format has none)."""

    __tablename__ = "number_series"
    __table_args__ = (CheckConstraint("next >= first", name="series_forward"), STRICT)
    series: str = Field(sa_column=text(primary_key=True))
    year: int = Field(sa_column=whole(primary_key=True))
    first: int = Field(sa_column=whole())
    next: int = Field(sa_column=whole())


class NumberGap(SQLModel, table=True):
    """Numbers that are never given: another copy of the store gave them before this one was adopted. Never changed."""

    __tablename__ = "number_gap"
    __table_args__ = (CheckConstraint("last >= first", name="gap_forward"), STRICT)
    series: str = Field(sa_column=text(primary_key=True))
    year: int = Field(sa_column=whole(primary_key=True))
    first: int = Field(sa_column=whole(primary_key=True))
    last: int = Field(sa_column=whole())


class InvoiceRow(SQLModel, table=True):
    """A finalized invoice."""

    __tablename__ = "invoice"
    __table_args__ = (
        UniqueConstraint("subscription", "period_idx", "kind", "occasion", "revision", name="invoice_once"),
        UniqueConstraint("series", "series_year", "sequence", name="invoice_sequence"),
        CheckConstraint("total >= 0", name="invoice_total_positive"),
        CheckConstraint("subtotal - discount + tax = total", name="invoice_sum"),
        CheckConstraint("credit >= 0 AND paid >= 0 AND credit + paid <= total", name="invoice_paid"),
        Index("invoice_customer", "customer", "issued_at"),
        Index(
            "invoice_open",
            "customer",
            "due_at",
            sqlite_where=sql("status IN ('open', 'past_due')"),
            postgresql_where=sql("status IN ('open', 'past_due')"),
        ),
        STRICT,
    )
    id: str = Field(sa_column=text(primary_key=True))
    number: str = Field(sa_column=text(unique=True))
    series: str = Field(sa_column=text())
    series_year: int = Field(sa_column=whole())
    sequence: int = Field(sa_column=whole())
    customer: int = Field(sa_column=whole(references="customer.seq"))
    subscription: str = Field(sa_column=text(references="subscription.id"))
    period_idx: int = Field(sa_column=whole())
    kind: str = Field(sa_column=text())
    occasion: str = Field(sa_column=text())
    revision: int = Field(sa_column=whole())
    status: str = Field(sa_column=text())
    currency: str = Field(sa_column=text())
    decimals: int = Field(sa_column=whole())
    bills_at: int = Field(sa_column=whole())
    issued_at: int = Field(sa_column=whole())
    starts_at: int = Field(sa_column=whole())
    ends_at: int | None = Field(sa_column=maybe_whole())
    due_at: int = Field(sa_column=whole())
    grace_ends_at: int | None = Field(sa_column=maybe_whole())
    subtotal: int = Field(sa_column=whole())
    discount: int = Field(sa_column=whole())
    tax: int = Field(sa_column=whole())
    total: int = Field(sa_column=whole())
    credit: int = Field(sa_column=whole())
    paid: int = Field(sa_column=whole())
    paid_at: int | None = Field(sa_column=maybe_whole())
    voided_at: int | None = Field(sa_column=maybe_whole())
    seller: str = Field(sa_column=text())
    buyer: str = Field(sa_column=text())
    taxes: str = Field(sa_column=text())
    timezone: str = Field(sa_column=text())
    tzdata: str = Field(sa_column=text())
    catalog_revision: int = Field(sa_column=whole())
    content_hash: str = Field(sa_column=text())
    written_off_at: int | None = Field(sa_column=maybe_whole())
    discounts: str = Field(sa_column=text(default="[]"))
    extended_due_at: int | None = Field(sa_column=maybe_whole())
    extended_grace_at: int | None = Field(sa_column=maybe_whole())


class InvoiceLine(SQLModel, table=True):
    """A line; its charge is unique, so nothing is ever billed twice."""

    __tablename__ = "invoice_line"
    __table_args__ = (
        UniqueConstraint(
            "subscription", "charge_key", "service_idx", "occasion", "revision", name="line_once"
        ),
        STRICT,
    )
    invoice: str = Field(sa_column=text(primary_key=True, references="invoice.id"))
    position: int = Field(sa_column=whole(primary_key=True))
    subscription: str = Field(sa_column=text(references="subscription.id"))
    charge_key: str = Field(sa_column=text())
    service_idx: int = Field(sa_column=whole())
    occasion: str = Field(sa_column=text())
    revision: int = Field(sa_column=whole())
    kind: str = Field(sa_column=text())
    plan: str = Field(sa_column=text())
    plan_version: int = Field(sa_column=whole())
    feature: str = Field(sa_column=text())
    description: str = Field(sa_column=text())
    quantity: str = Field(sa_column=text())
    unit_price: str = Field(sa_column=text())
    amount: int = Field(sa_column=whole())
    starts_at: int = Field(sa_column=whole())
    ends_at: int | None = Field(sa_column=maybe_whole())
    detail: str = Field(sa_column=text())
    discount: int = Field(sa_column=whole(default=0))
    taxes: str = Field(sa_column=text(default="[]"))


class PaymentRow(SQLModel, table=True):
    """Money received."""

    __tablename__ = "payment"
    __table_args__ = (
        CheckConstraint("amount > 0", name="payment_positive"),
        Index("payment_invoice", "invoice"),
        STRICT,
    )
    id: str = Field(sa_column=text(primary_key=True))
    customer: int = Field(sa_column=whole(index=True, references="customer.seq"))
    invoice: str = Field(sa_column=text(references="invoice.id"))
    amount: int = Field(sa_column=whole())
    currency: str = Field(sa_column=text())
    decimals: int = Field(sa_column=whole())
    at: int = Field(sa_column=whole())
    method: str = Field(sa_column=text())
    reference: str = Field(sa_column=text())
    status: str = Field(sa_column=text())
    recorded_at: int = Field(sa_column=whole())
    to_balance: int = Field(sa_column=whole(default=0))


class Refund(SQLModel, table=True):
    """Money given back: of a payment, whose invoice owes it again, or what a credit note credited (`credit_note`)."""

    __tablename__ = "refund"
    __table_args__ = (
        CheckConstraint("amount > 0", name="refund_positive"),
        Index("refund_payment", "payment"),
        STRICT,
    )
    id: str = Field(sa_column=text(primary_key=True))
    customer: int = Field(sa_column=whole(index=True, references="customer.seq"))
    payment: str = Field(sa_column=text(references="payment.id"))
    credit_note: str = Field(sa_column=text())
    amount: int = Field(sa_column=whole())
    currency: str = Field(sa_column=text())
    decimals: int = Field(sa_column=whole())
    at: int = Field(sa_column=whole())
    method: str = Field(sa_column=text())
    reference: str = Field(sa_column=text())
    recorded_at: int = Field(sa_column=whole())


class CreditNote(SQLModel, table=True):
    """A correction of a finalized invoice, with a number of its own series."""

    __tablename__ = "credit_note"
    __table_args__ = (
        UniqueConstraint("series", "series_year", "sequence", name="credit_note_sequence"),
        UniqueConstraint("invoice", "occasion", name="credit_note_once"),
        CheckConstraint("total > 0", name="credit_note_positive"),
        STRICT,
    )
    id: str = Field(sa_column=text(primary_key=True))
    number: str = Field(sa_column=text(unique=True))
    series: str = Field(sa_column=text())
    series_year: int = Field(sa_column=whole())
    sequence: int = Field(sa_column=whole())
    customer: int = Field(sa_column=whole(index=True, references="customer.seq"))
    invoice: str = Field(sa_column=text(references="invoice.id"))
    occasion: str = Field(sa_column=text())
    currency: str = Field(sa_column=text())
    decimals: int = Field(sa_column=whole())
    total: int = Field(sa_column=whole())
    tax: int = Field(sa_column=whole())
    lines: str = Field(sa_column=text())
    issued_at: int = Field(sa_column=whole())
    target: str = Field(sa_column=text(default="balance"))
    reason: str = Field(sa_column=text(default=""))


class BalanceEntry(SQLModel, table=True):
    """One movement of a customer's balance in one currency; dense sequence, balance never negative."""

    __tablename__ = "balance_entry"
    __table_args__ = (
        UniqueConstraint("customer", "currency", "key", name="balance_once"),
        CheckConstraint("amount <> 0", name="balance_moves"),
        CheckConstraint("balance >= 0", name="balance_positive"),
        STRICT,
    )
    customer: int = Field(sa_column=whole(primary_key=True, references="customer.seq"))
    currency: str = Field(sa_column=text(primary_key=True))
    seq: int = Field(sa_column=whole(primary_key=True))
    key: str = Field(sa_column=text())
    amount: int = Field(sa_column=whole())
    balance: int = Field(sa_column=whole())
    at: int = Field(sa_column=whole())
    invoice: str = Field(sa_column=text(default=""))


class CouponRedemption(SQLModel, table=True):
    """A coupon as it was when it was applied to a subscription; `removed_at` 0: it still holds."""

    __tablename__ = "coupon_redemption"
    __table_args__ = (
        Index(
            "coupon_holds_once",
            "subscription",
            "coupon",
            unique=True,
            sqlite_where=sql("removed_at = 0"),
            postgresql_where=sql("removed_at = 0"),
        ),
        Index("coupon_redeemed", "coupon"),
        STRICT,
    )
    id: str = Field(sa_column=text(primary_key=True))
    customer: int = Field(sa_column=whole(index=True, references="customer.seq"))
    subscription: str = Field(sa_column=text(references="subscription.id"))
    coupon: str = Field(sa_column=text())
    document: str = Field(sa_column=text())
    applied_at: int = Field(sa_column=whole())
    removed_at: int = Field(sa_column=whole())


class CouponUse(SQLModel, table=True):
    """A billing period that a redeemed coupon took something off, and on which invoice."""

    __tablename__ = "coupon_use"
    __table_args__ = (Index("coupon_use_invoice", "invoice"), STRICT)
    redemption: str = Field(sa_column=text(primary_key=True, references="coupon_redemption.id"))
    invoice: str = Field(sa_column=text(primary_key=True, references="invoice.id"))
    period_idx: int = Field(sa_column=whole())
    amount: int = Field(sa_column=whole())


class WalletGrant(SQLModel, table=True):
    """Units put into a wallet, with their life; `grant_key` is the purchase or rule that made it."""

    __tablename__ = "wallet_grant"
    __table_args__ = (UniqueConstraint("customer", "feature", "grant_key", name="grant_once"), STRICT)
    id: str = Field(sa_column=text(primary_key=True))
    customer: int = Field(sa_column=whole(references="customer.seq"))
    feature: str = Field(sa_column=text())
    grant_key: str = Field(sa_column=text())
    pack: str = Field(sa_column=text())
    amount: str = Field(sa_column=text())
    granted_at: int = Field(sa_column=whole())
    expires_at: int = Field(sa_column=whole())
    priority: int = Field(sa_column=whole(default=0))
    reason: str = Field(sa_column=text(default=""))


class WalletEntry(SQLModel, table=True):
    """One movement of a wallet in exact decimals; dense sequence, each key and reversal once."""

    __tablename__ = "wallet_entry"
    __table_args__ = (
        UniqueConstraint("customer", "feature", "entry_key", name="wallet_once"),
        CheckConstraint("amount <> '0'", name="wallet_moves"),
        CheckConstraint("balance NOT LIKE '-%'", name="wallet_positive"),
        Index(
            "wallet_reversed_once",
            "customer",
            "feature",
            "reverses",
            unique=True,
            sqlite_where=sql("reverses <> ''"),
            postgresql_where=sql("reverses <> ''"),
        ),
        STRICT,
    )
    customer: int = Field(sa_column=whole(primary_key=True, references="customer.seq"))
    feature: str = Field(sa_column=text(primary_key=True))
    seq: int = Field(sa_column=whole(primary_key=True))
    entry_key: str = Field(sa_column=text())
    reverses: str = Field(sa_column=text())
    grant_id: str = Field(sa_column=text())
    amount: str = Field(sa_column=text())
    balance: str = Field(sa_column=text())
    at: int = Field(sa_column=whole())


class MeterRow(SQLModel, table=True):
    """An event name (or feature id) as a small number."""

    __tablename__ = "meter"
    __table_args__ = (STRICT,)
    id: int = Field(sa_column=whole(primary_key=True))
    name: str = Field(sa_column=text(unique=True))


class UsageEventRow(SQLModel, table=True):
    """One usage event: the key is its identity (unique per customer, meter, UTC day), place and index.

    `day` counts UTC days since the epoch; the quantity is `quantity` + `fraction` × 10⁻¹², both of one sign.
    `child` is the small number of the sub-company that used it, 0 where the customer did itself.
    """

    __tablename__ = "usage_event"
    __table_args__ = (CLUSTERED,)
    day: int = Field(sa_column=whole(primary_key=True))
    customer: int = Field(sa_column=whole(primary_key=True))
    meter: int = Field(sa_column=whole(primary_key=True))
    event_key: bytes = Field(sa_column=blob(primary_key=True))
    at: int = Field(sa_column=whole())
    quantity: int = Field(sa_column=whole())
    fraction: int = Field(sa_column=whole())
    payload_hash: int = Field(sa_column=whole())
    batch: int = Field(sa_column=whole())
    child: int = Field(sa_column=whole(default=0))


class UsageDetail(SQLModel, table=True):
    """What an event carries beyond its quantity: properties, a long id, the event it corrects."""

    __tablename__ = "usage_detail"
    __table_args__ = (CLUSTERED,)
    day: int = Field(sa_column=whole(primary_key=True))
    customer: int = Field(sa_column=whole(primary_key=True))
    meter: int = Field(sa_column=whole(primary_key=True))
    event_key: bytes = Field(sa_column=blob(primary_key=True))
    event_id: str = Field(sa_column=text())
    properties: str = Field(sa_column=text())
    corrects: str = Field(sa_column=text())


class UsageIdentity(SQLModel, table=True):
    """Event ids for ever, for stores with `dedup` strict."""

    __tablename__ = "usage_identity"
    __table_args__ = (CLUSTERED,)
    customer: int = Field(sa_column=whole(primary_key=True))
    meter: int = Field(sa_column=whole(primary_key=True))
    event_key: bytes = Field(sa_column=blob(primary_key=True))
    day: int = Field(sa_column=whole())


class LateUsage(SQLModel, table=True):
    """An accepted event whose allowance period was already closed, until the difference is billed."""

    __tablename__ = "late_usage"
    __table_args__ = (CLUSTERED,)
    customer: int = Field(sa_column=whole(primary_key=True))
    meter: int = Field(sa_column=whole(primary_key=True))
    day: int = Field(sa_column=whole(primary_key=True))
    event_key: bytes = Field(sa_column=blob(primary_key=True))
    at: int = Field(sa_column=whole())


class ImportBatch(SQLModel, table=True):
    """One usage file by its digest: how far it got, so that an import can be resumed."""

    __tablename__ = "import_batch"
    __table_args__ = (STRICT,)
    id: int = Field(sa_column=whole(primary_key=True))
    digest: str = Field(sa_column=text(unique=True))
    source: str = Field(sa_column=text())
    offset: int = Field(sa_column=whole())
    rows_read: int = Field(sa_column=whole())
    accepted: int = Field(sa_column=whole())
    duplicates: int = Field(sa_column=whole())
    conflicts: int = Field(sa_column=whole())
    late: int = Field(sa_column=whole())
    rejected: int = Field(sa_column=whole())
    is_done: int = Field(sa_column=whole())
    recorded_at: int = Field(sa_column=whole())


class StripeAccount(SQLModel, table=True):
    """The one account and mode this store is pinned to, and how far its events were read."""

    __tablename__ = "stripe_account"
    __table_args__ = (CheckConstraint("id = 1", name="one_account"), STRICT)
    id: int = Field(sa_column=whole(primary_key=True))
    account: str = Field(sa_column=text())
    livemode: int = Field(sa_column=whole())
    key_shown: str = Field(sa_column=text())
    country: str = Field(sa_column=text())
    return_url: str = Field(sa_column=text())
    cursor: int = Field(sa_column=whole())
    set_up_at: int = Field(sa_column=whole())


class StripeOperation(SQLModel, table=True):
    """A call to Stripe: its key and body are stored before the first byte is sent."""

    __tablename__ = "stripe_operation"
    __table_args__ = (
        UniqueConstraint(
            "account", "livemode", "object", "local_id", "action", "revision", name="stripe_once"
        ),
        UniqueConstraint("idempotency_key", name="stripe_key"),
        CheckConstraint(
            "state IN ('pending', 'sent', 'unknown', 'confirmed', 'parked', 'dropped')", name="stripe_state"
        ),
        STRICT,
    )
    id: str = Field(sa_column=text(primary_key=True))
    account: str = Field(sa_column=text())
    livemode: int = Field(sa_column=whole())
    object: str = Field(sa_column=text())
    local_id: str = Field(sa_column=text())
    action: str = Field(sa_column=text())
    revision: int = Field(sa_column=whole())
    idempotency_key: str = Field(sa_column=text())
    method: str = Field(sa_column=text())
    path: str = Field(sa_column=text())
    body: bytes = Field(sa_column=blob())
    links: int = Field(sa_column=whole())
    repeatable: int = Field(sa_column=whole())
    digest: str = Field(sa_column=text())
    state: str = Field(sa_column=text(index=True))
    made_at: int = Field(sa_column=whole())
    first_sent_at: int | None = Field(sa_column=maybe_whole())
    tries: int = Field(sa_column=whole())
    stripe_id: str = Field(sa_column=text())
    request_id: str = Field(sa_column=text())
    note: str = Field(sa_column=text())


class StripeLink(SQLModel, table=True):
    """Which Stripe object stands for which of ours; each side once."""

    __tablename__ = "stripe_link"
    __table_args__ = (UniqueConstraint("account", "stripe_id", name="stripe_link_once"), STRICT)
    account: str = Field(sa_column=text(primary_key=True))
    object: str = Field(sa_column=text(primary_key=True))
    local_id: str = Field(sa_column=text(primary_key=True))
    stripe_id: str = Field(sa_column=text())
    digest: str = Field(sa_column=text())
    detail: str = Field(sa_column=text())


class StripeEvent(SQLModel, table=True):
    """An event received from Stripe, once."""

    __tablename__ = "stripe_event"
    __table_args__ = (
        CheckConstraint("state IN ('done', 'ignored', 'parked', 'dropped')", name="stripe_event_state"),
        STRICT,
    )
    event_id: str = Field(sa_column=text(primary_key=True))
    kind: str = Field(sa_column=text())
    object: str = Field(sa_column=text())
    state: str = Field(sa_column=text(index=True))
    happened_at: int = Field(sa_column=whole())
    received_at: int = Field(sa_column=whole())
    detail: str = Field(sa_column=text())
    facts: str = Field(sa_column=text())


class StripeCheckout(SQLModel, table=True):
    """A Checkout page that was opened: what it will start or change, for exactly how much."""

    __tablename__ = "stripe_checkout"
    __table_args__ = (
        CheckConstraint(
            "state IN ('open', 'completed', 'expired', 'credited')", name="stripe_checkout_state"
        ),
        STRICT,
    )
    session: str = Field(sa_column=text(primary_key=True))
    customer: int = Field(sa_column=whole(index=True, references="customer.seq"))
    plan: str = Field(sa_column=text())
    request: str = Field(sa_column=text())
    promise: str = Field(sa_column=text())
    amount: int = Field(sa_column=whole())
    currency: str = Field(sa_column=text())
    decimals: int = Field(sa_column=whole())
    url: str = Field(sa_column=text())
    state: str = Field(sa_column=text())
    made_at: int = Field(sa_column=whole())
    expires_at: int = Field(sa_column=whole())
    subscription: str = Field(sa_column=text())
    detail: str = Field(sa_column=text())


class MigrationRow(SQLModel, table=True):
    """A reviewed file that moves subscriptions, by its name, as it was when it was last applied."""

    __tablename__ = "migration"
    __table_args__ = (STRICT,)
    name: str = Field(sa_column=text(primary_key=True))
    digest: str = Field(sa_column=text())
    document: str = Field(sa_column=text())
    to_version: int = Field(sa_column=whole())
    actor: str = Field(sa_column=text())
    recorded_at: int = Field(sa_column=whole())


class MigrationBatch(SQLModel, table=True):
    """One batch of a migration that was begun; done where `finished_at` is said."""

    __tablename__ = "migration_batch"
    __table_args__ = (STRICT,)
    migration: str = Field(sa_column=text(primary_key=True, references="migration.name"))
    batch: int = Field(sa_column=whole(primary_key=True))
    actor: str = Field(sa_column=text())
    started_at: int = Field(sa_column=whole())
    finished_at: int | None = Field(sa_column=maybe_whole())


class MigrationMember(SQLModel, table=True):
    """What a migration did with one subscription, once: written in the transaction that moved it."""

    __tablename__ = "migration_member"
    __table_args__ = (
        Index(
            "migration_member_successor",
            "successor",
            unique=True,
            sqlite_where=sql("successor <> ''"),
            postgresql_where=sql("successor <> ''"),
        ),
        CheckConstraint("(state = 'skipped') = (successor = '')", name="moved_to"),
        STRICT,
    )
    migration: str = Field(sa_column=text(primary_key=True, references="migration.name"))
    subscription: str = Field(sa_column=text(primary_key=True, references="subscription.id"))
    batch: int = Field(sa_column=whole())
    state: str = Field(sa_column=text())
    successor: str = Field(sa_column=text())
    reason: str = Field(sa_column=text())
    detail: str = Field(sa_column=text())
    actor: str = Field(sa_column=text())
    at: int = Field(sa_column=whole())
