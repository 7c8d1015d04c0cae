"""What each role may do with each table on PostgreSQL, as data. It grants nothing.

Every role may read every table. Nobody may TRUNCATE, and nobody DELETE or UPDATE what is final: triggers refuse that
to the owner of the tables as well. Where few columns of a table may change, only they may be written.
"""

from __future__ import annotations

_INVOICE = "status, credit, paid, paid_at, voided_at, written_off_at, extended_due_at, extended_grace_at"
"""What happens to an invoice after it was issued."""

MANAGER: dict[str, str] = {
    "store_identity": "UPDATE (high_water_at)",
    "setting": "INSERT, UPDATE (value)",
    "operation": "INSERT",
    "audit": "INSERT",
    "audit_object": "INSERT",
    "run": "INSERT, UPDATE (finished_at, summary)",
    "catalog_revision": "INSERT",
    "catalog_object": "INSERT, UPDATE, DELETE",
    "change_note": "INSERT",
    "terms": "INSERT",
    "plan_version": "INSERT, UPDATE (plan), DELETE",
    "allow_entry": "INSERT, DELETE",
    "customer": "INSERT, UPDATE",
    "hold": "INSERT, UPDATE (detail), DELETE",
    "assignment": "INSERT, UPDATE",
    "subscription": "INSERT, UPDATE",
    "subscription_transition": "INSERT",
    "subscription_change": "INSERT, UPDATE (status, document)",
    "trial_use": "INSERT, UPDATE (subscription, started_at)",
    "blocked_span": "INSERT, UPDATE (ends_at, payment)",
    "billing_period": "INSERT, UPDATE (ends_at, ends_on), DELETE",
    "settlement": "INSERT, UPDATE (outcome, is_open)",
    "usage_claim": "INSERT",
    "number_series": "INSERT, UPDATE (first, next)",
    "number_gap": "",
    "invoice": f"INSERT, UPDATE ({_INVOICE})",
    "invoice_line": "INSERT",
    "payment": "INSERT, UPDATE (status)",
    "refund": "INSERT",
    "credit_note": "INSERT",
    "balance_entry": "INSERT",
    "coupon_redemption": "INSERT, UPDATE (subscription, removed_at)",
    "coupon_use": "INSERT",
    "wallet_grant": "INSERT",
    "wallet_entry": "INSERT",
    "meter": "INSERT",
    "usage_event": "INSERT",
    "usage_detail": "INSERT",
    "usage_identity": "INSERT",
    "late_usage": "INSERT, DELETE",
    "import_batch": "INSERT, UPDATE",
    "stripe_account": "UPDATE (cursor)",
    "stripe_operation": "INSERT, UPDATE",
    "stripe_link": "INSERT, UPDATE (stripe_id, digest, detail), DELETE",
    "stripe_event": "INSERT, UPDATE (state, detail, facts)",
    "stripe_checkout": "INSERT, UPDATE (state, subscription, detail)",
    "migration": "INSERT, UPDATE",
    "migration_batch": "INSERT, UPDATE (actor, started_at, finished_at), DELETE",
    "migration_member": "INSERT, UPDATE, DELETE",
}
"""What a manager may do with a table besides reading it, empty for nothing. A test asks for every table."""


def never_owner(table: str) -> str:
    """What is taken even from the owner of a table: emptying it, and deleting where no command deletes.

    Changing stays with him, and the triggers refuse it: the server looks up what a row refers to in the name of the
    owner of that table, who may lock a row only if he could change it.
    """
    return "TRUNCATE" if "DELETE" in MANAGER[table] else "DELETE, TRUNCATE"
