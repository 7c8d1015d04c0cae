"""The columns of every table, for statements. `make tables` makes it from `rows.py`, the schema.

Statements need names, types and keys, not the classes of the schema: importing those costs a short command
more than the rest of it. Per column: its name, `*` where it is in the primary key, its type, `?` where it
may be NULL.
"""

from __future__ import annotations

COLUMNS: dict[str, str] = {
    "store_identity": """
        id*:whole store_id:text created_at:whole is_test:whole high_water_at:whole? generation:whole
        home:text adoption:text
    """,
    "setting": """
        key*:text value:text
    """,
    "operation": """
        key*:text kind:text request_hash:text result:text actor:text recorded_at:whole
    """,
    "audit": """
        seq*:whole prev:text hash:text body:text
    """,
    "audit_object": """
        name*:text id*:text seq*:whole before:text after:text
    """,
    "run": """
        id*:text as_of:whole is_whole:whole started_at:whole finished_at:whole? summary:text
    """,
    "catalog_revision": """
        number*:whole parent:whole catalog:text digest:text document:text changes:text accepted:text
        actor:text reason:text source_commit:text recorded_at:whole
    """,
    "catalog_object": """
        address*:text document:text archived:whole version:whole terms_hash:text managed_by:text file:text
        line:whole source_commit:text outside_revision:whole outside_actor:text aliases:text revision:whole
    """,
    "change_note": """
        id*:text revision:whole
    """,
    "terms": """
        hash*:text document:text
    """,
    "plan_version": """
        plan*:text version*:whole terms_hash:text revision:whole recorded_at:whole
    """,
    "allow_entry": """
        list_name*:text entry*:text
    """,
    "customer": """
        seq*:whole id:text name:text emails:text currency:text timezone:text country:text address:text
        tax_id:text locale:text fingerprint:text tax:text payment_method:text parent:whole
        archived_at:whole? created_at:whole
    """,
    "hold": """
        customer*:whole reason*:text detail:text since:whole
    """,
    "assignment": """
        id*:text customer:whole plan:text version:whole pay:text currency:text negotiated:text
        assigned_at:whole status:text subscription:text
    """,
    "subscription": """
        id*:text customer:whole plan:text plan_version:whole terms_hash:text currency:text decimals:whole
        pay:text timezone:text anchor_at:whole started_at:whole status:text exclusive_group:text
        settled_at:whole? fees_from:whole usage_from:whole ends_at:whole? end_reason:text quantity:whole
        quantities:text negotiated:text catalog_revision:whole created_at:whole next_action_at:whole?
        base:text pools_from:whole trial_ends_at:whole? expires_at:whole? anchors:text follows:text
        locked:text
    """,
    "subscription_transition": """
        subscription*:text seq*:whole before:text after:text at:whole reason:text recorded_at:whole
    """,
    "subscription_change": """
        subscription*:text seq*:whole kind:text document:text at:whole status:text
    """,
    "trial_use": """
        who_kind*:text who*:text scope*:text subscription:text started_at:whole
    """,
    "blocked_span": """
        subscription*:text starts_at*:whole ends_at:whole? payment:text kind:text
    """,
    "billing_period": """
        subscription*:text idx*:whole starts_on:text ends_on:text starts_at:whole ends_at:whole
    """,
    "settlement": """
        subscription*:text part*:text idx*:whole occasion*:text revision*:whole outcome:text due_at:whole
        invoice:text is_open:whole
    """,
    "usage_claim": """
        subscription*:text feature*:text allowance_idx*:whole occasion*:text revision*:whole starts_at:whole
        ends_at:whole quantity:text included:text wallet:text billed:text over_limit:text invoice:text
        rolled:text carried:text
    """,
    "number_series": """
        series*:text year*:whole first:whole next:whole
    """,
    "number_gap": """
        series*:text year*:whole first*:whole last:whole
    """,
    "invoice": """
        id*:text number:text series:text series_year:whole sequence:whole customer:whole subscription:text
        period_idx:whole kind:text occasion:text revision:whole status:text currency:text decimals:whole
        bills_at:whole issued_at:whole starts_at:whole ends_at:whole? due_at:whole grace_ends_at:whole?
        subtotal:whole discount:whole tax:whole total:whole credit:whole paid:whole paid_at:whole?
        voided_at:whole? seller:text buyer:text taxes:text timezone:text tzdata:text catalog_revision:whole
        content_hash:text written_off_at:whole? discounts:text extended_due_at:whole?
        extended_grace_at:whole?
    """,
    "invoice_line": """
        invoice*:text position*:whole subscription:text charge_key:text service_idx:whole occasion:text
        revision:whole kind:text plan:text plan_version:whole feature:text description:text quantity:text
        unit_price:text amount:whole starts_at:whole ends_at:whole? detail:text discount:whole taxes:text
    """,
    "payment": """
        id*:text customer:whole invoice:text amount:whole currency:text decimals:whole at:whole method:text
        reference:text status:text recorded_at:whole to_balance:whole
    """,
    "refund": """
        id*:text customer:whole payment:text credit_note:text amount:whole currency:text decimals:whole
        at:whole method:text reference:text recorded_at:whole
    """,
    "credit_note": """
        id*:text number:text series:text series_year:whole sequence:whole customer:whole invoice:text
        occasion:text currency:text decimals:whole total:whole tax:whole lines:text issued_at:whole
        target:text reason:text
    """,
    "balance_entry": """
        customer*:whole currency*:text seq*:whole key:text amount:whole balance:whole at:whole invoice:text
    """,
    "coupon_redemption": """
        id*:text customer:whole subscription:text coupon:text document:text applied_at:whole
        removed_at:whole
    """,
    "coupon_use": """
        redemption*:text invoice*:text period_idx:whole amount:whole
    """,
    "wallet_grant": """
        id*:text customer:whole feature:text grant_key:text pack:text amount:text granted_at:whole
        expires_at:whole priority:whole reason:text
    """,
    "wallet_entry": """
        customer*:whole feature*:text seq*:whole entry_key:text reverses:text grant_id:text amount:text
        balance:text at:whole
    """,
    "meter": """
        id*:whole name:text
    """,
    "usage_event": """
        day*:whole customer*:whole meter*:whole event_key*:blob at:whole quantity:whole fraction:whole
        payload_hash:whole batch:whole child:whole
    """,
    "usage_detail": """
        day*:whole customer*:whole meter*:whole event_key*:blob event_id:text properties:text corrects:text
    """,
    "usage_identity": """
        customer*:whole meter*:whole event_key*:blob day:whole
    """,
    "late_usage": """
        customer*:whole meter*:whole day*:whole event_key*:blob at:whole
    """,
    "import_batch": """
        id*:whole digest:text source:text offset:whole rows_read:whole accepted:whole duplicates:whole
        conflicts:whole late:whole rejected:whole is_done:whole recorded_at:whole
    """,
    "stripe_account": """
        id*:whole account:text livemode:whole key_shown:text country:text return_url:text cursor:whole
        set_up_at:whole
    """,
    "stripe_operation": """
        id*:text account:text livemode:whole object:text local_id:text action:text revision:whole
        idempotency_key:text method:text path:text body:blob links:whole repeatable:whole digest:text
        state:text made_at:whole first_sent_at:whole? tries:whole stripe_id:text request_id:text note:text
    """,
    "stripe_link": """
        account*:text object*:text local_id*:text stripe_id:text digest:text detail:text
    """,
    "stripe_event": """
        event_id*:text kind:text object:text state:text happened_at:whole received_at:whole detail:text
        facts:text
    """,
    "stripe_checkout": """
        session*:text customer:whole plan:text request:text promise:text amount:whole currency:text
        decimals:whole url:text state:text made_at:whole expires_at:whole subscription:text detail:text
    """,
    "migration": """
        name*:text digest:text document:text to_version:whole actor:text recorded_at:whole
    """,
    "migration_batch": """
        migration*:text batch*:whole actor:text started_at:whole finished_at:whole?
    """,
    "migration_member": """
        migration*:text subscription*:text batch:whole state:text successor:text reason:text detail:text
        actor:text at:whole
    """,
}
