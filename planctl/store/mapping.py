"""Subscriptions and what belongs to them as rows and as core values, asserted both ways. No statement.

A value that does not fit its column, or a row that no version of planctl can have written, is a mistake of
ours or a damaged store: both stop here, before anything is written or believed.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from fractions import Fraction
from functools import lru_cache
from typing import Any, get_args

from planctl.core.catalog.model import Terms
from planctl.core.catalog.snapshots import terms_of
from planctl.core.currencies import Currency, iso_currency
from planctl.core.document import Document, canonical, document_of
from planctl.core.instants import FOREVER
from planctl.core.invoicing.model import Outcome, Settlement, UsageClaim
from planctl.core.money import MAX_MINOR, decimal_text, fraction_text, parse_decimal, plus
from planctl.core.periods import Instant, Period
from planctl.core.subscriptions.model import (
    Assignment,
    BlockedSpan,
    Extension,
    QuantityStep,
    Status,
    StopKind,
    Subscription,
    Transition,
)
from planctl.store.sets import Values

MAX_WHOLE = 2**63 - 1
_EXACT = re.compile(r"-?[0-9]+(?:\.[0-9]+|/[1-9][0-9]*)?", re.ASCII)
_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")
_HASH = re.compile(r"[0-9a-f]{64}", re.ASCII)
_OUTCOMES = frozenset(get_args(Outcome))
_STOPS = frozenset(get_args(StopKind))


# Single values


def whole(value: int) -> int:
    """An integer that fits 64 bits; a truth value is none."""
    assert type(value) is int, f"{value!r} is no integer"
    assert -MAX_WHOLE - 1 <= value <= MAX_WHOLE, f"{value} does not fit 64 bits"
    return value


def count(value: int) -> int:
    """A 64-bit integer from 0."""
    assert type(value) is int, f"{value!r} is no integer"
    assert 0 <= value <= MAX_WHOLE, f"{value} is below 0, or does not fit 64 bits"
    return value


def flag(value: int) -> bool:
    """A stored 0 or 1."""
    assert value in {0, 1}, f"{value!r} is no flag"
    return bool(value)


def instant(value: int) -> Instant:
    """Microseconds since 1970, up to the end of the year 9999."""
    assert type(value) is int, f"{value!r} is no integer"
    assert 0 <= value <= FOREVER, f"{value} is no instant"
    return Instant(value)


def maybe_instant(value: int | None) -> Instant | None:
    """An instant, or None where there is none yet."""
    return None if value is None else instant(value)


def minor(value: int) -> int:
    """An amount in minor units, within ±10^15."""
    assert type(value) is int, f"{value!r} is no integer"
    assert -MAX_MINOR <= value <= MAX_MINOR, f"{value} minor units are more than an amount may be"
    return value


def said(value: str) -> str:
    """A text that the database can keep: no NUL, no half of a surrogate pair."""
    assert type(value) is str, f"{value!r} is no text"
    assert (value.isascii() and "\0" not in value) or not _UNSTORABLE.search(value), (
        f"{value!a} is no storable text"
    )
    return value


def named(value: str) -> str:
    """A text that must not be empty: an id, a hash, a kind."""
    assert value, "a name is empty"
    return said(value)


exact_text = fraction_text
"""An exact number as text: a decimal where it ends, else a fraction."""


def exact_of(text: str) -> Fraction:
    """The exact number of a stored text."""
    assert _EXACT.fullmatch(text), f"{text!r} is no exact number"
    return Fraction(text)


def day_text(text: str) -> str:
    """A local date `YYYY-MM-DD`."""
    assert date.fromisoformat(text).isoformat() == text, f"{text!r} is no date"
    return text


def texts(values: Mapping[str, str]) -> str:
    """A map of texts as canonical JSON."""
    return canonical({said(key): said(value) for key, value in values.items()}) if values else "{}"


def texts_of(text: str) -> dict[str, str]:
    """The map of texts of canonical JSON."""
    if text == "{}":  # nearly every one
        return {}
    document = document_of(text)
    assert isinstance(document, dict), f"{text!r} is no map"
    found = {}
    for key, value in document.items():
        assert isinstance(value, str), f"{key} in {text!r} is no text"
        found[key] = value
    return found


def numbers(values: Mapping[str, Decimal]) -> str:
    """A map of exact numbers as canonical JSON, the numbers as text."""
    return texts({key: decimal_text(value) for key, value in values.items()})


def numbers_of(text: str) -> dict[str, Decimal]:
    """The map of exact numbers of canonical JSON."""
    return {key: parse_decimal(value) for key, value in texts_of(text).items()}


@lru_cache(maxsize=1024)
def currency_of(code: str, decimals: int) -> Currency:
    """The currency as its amounts were written: the stored decimals hold, whatever a newer ISO list says.

    A currency that a catalog declares has its code for a name here; its display name is in the catalog.
    """
    iso = iso_currency(code)
    if iso is not None and iso.decimals == decimals:
        return iso
    return Currency(named(code), iso.name if iso else code, count(decimals), iso=False)


@lru_cache(maxsize=4096)
def terms_of_text(terms_hash: str, text: str) -> Terms:
    """The terms of a stored snapshot, parsed once per distinct text; its hash must recompute."""
    assert text_hash(text) == terms_hash, f"the terms stored as {terms_hash} have been altered"
    return terms_of(document_of(text))


def text_hash(text: str) -> str:
    """The hash under which a canonical text is kept: SHA-256, in hexadecimal."""
    return hashlib.sha256(text.encode()).hexdigest()


def hash_of(document: Document) -> str:
    """The hash of a document's canonical text."""
    return text_hash(canonical(document))


# Subscriptions


def subscription_row(value: Subscription, customer: int, next_action_at: int | None) -> Values:
    """The row of a subscription; `customer` is the customer's small number. Blocked times have rows."""
    assert _HASH.fullmatch(value.terms_hash), f"{value.id}: {value.terms_hash!r} is no hash"
    assert value.quantity >= 1, f"{value.id} has a quantity of {value.quantity}"
    return {
        "id": named(value.id),
        "customer": count(customer),
        "plan": named(value.plan),
        "plan_version": count(value.plan_version),
        "terms_hash": value.terms_hash,
        "currency": named(value.currency.code),
        "decimals": count(value.currency.decimals),
        "pay": named(value.pay),
        "timezone": named(value.timezone),
        "anchor_at": instant(value.anchor_at),
        "started_at": instant(value.started_at),
        "status": Status(value.status).value,
        "exclusive_group": said(value.exclusive_group),
        "settled_at": maybe_instant(value.settled_at),
        "fees_from": instant(value.fees_from),
        "usage_from": instant(value.usage_from),
        "ends_at": maybe_instant(value.ends_at),
        "end_reason": said(value.end_reason),
        "quantity": whole(value.quantity),
        "quantities": numbers(value.quantities),
        "negotiated": texts(value.negotiated),
        "catalog_revision": count(value.catalog_revision),
        "created_at": instant(value.created_at),
        "next_action_at": maybe_instant(next_action_at),
        "base": said(value.base),
        "pools_from": instant(value.pools_from),
        "trial_ends_at": maybe_instant(value.trial_ends_at),
        "expires_at": maybe_instant(value.expires_at),
        "anchors": canonical([str(instant(at)) for at in value.anchors]) if value.anchors else "[]",
        "follows": said(value.follows),
        "locked": said(value.locked),
    }


def subscription_of(
    row: Any,
    terms: Terms,
    blocked: tuple[BlockedSpan, ...],
    steps: tuple[QuantityStep, ...] = (),
    extensions: tuple[Extension, ...] = (),
) -> Subscription:
    """The subscription of a row that also carries the customer's id as `customer_id`."""
    return Subscription(
        id=row.id,
        customer=row.customer_id,
        plan=row.plan,
        plan_version=count(row.plan_version),
        terms=terms,
        terms_hash=row.terms_hash,
        currency=currency_of(row.currency, row.decimals),
        pay=row.pay,
        timezone=row.timezone,
        started_at=instant(row.started_at),
        anchor_at=instant(row.anchor_at),
        status=Status(row.status),
        exclusive_group=row.exclusive_group,
        settled_at=maybe_instant(row.settled_at),
        fees_from=instant(row.fees_from),
        usage_from=instant(row.usage_from),
        ends_at=maybe_instant(row.ends_at),
        end_reason=row.end_reason,
        quantity=count(row.quantity),
        quantities=numbers_of(row.quantities),
        negotiated=texts_of(row.negotiated),
        blocked=blocked,
        catalog_revision=count(row.catalog_revision),
        created_at=instant(row.created_at),
        base=row.base,
        pools_from=instant(row.pools_from),
        steps=steps,
        trial_ends_at=maybe_instant(row.trial_ends_at),
        expires_at=maybe_instant(row.expires_at),
        anchors=_anchors_of(row.anchors),
        follows=row.follows,
        locked=row.locked,
        extensions=extensions,
    )


def _anchors_of(text: str) -> tuple[Instant, ...]:
    """The instants from which periods are counted anew; nearly always none."""
    if text == "[]":
        return ()
    found = document_of(text)
    assert isinstance(found, list), f"{text!r} is no list"
    return tuple(instant(int(str(at))) for at in found)


def span_row(subscription: str, span: BlockedSpan) -> Values:
    """The row of a time without service."""
    assert span.ends_at is None or span.starts_at <= span.ends_at, f"{subscription}: {span} runs backwards"
    return {
        "subscription": named(subscription),
        "starts_at": instant(span.starts_at),
        "ends_at": maybe_instant(span.ends_at),
        "payment": said(span.payment),
        "kind": named(span.kind),
    }


def span_of(row: Any) -> BlockedSpan:
    """The time without service of a row."""
    assert row.kind in _STOPS, f"{row.kind!r} stops no subscription"
    return BlockedSpan(instant(row.starts_at), maybe_instant(row.ends_at), row.payment, row.kind)


def transition_row(value: Transition, seq: int, recorded_at: int) -> Values:
    """The row of a move between statuses; `seq` counts from 1 per subscription."""
    assert seq >= 1, f"{value.subscription}: transition {seq}"
    return {
        "subscription": named(value.subscription),
        "seq": whole(seq),
        "before": Status(value.before).value,
        "after": Status(value.after).value,
        "at": instant(value.at),
        "reason": said(value.reason),
        "recorded_at": instant(recorded_at),
    }


def transition_of(row: Any) -> Transition:
    """The move of a row."""
    return Transition(row.subscription, Status(row.before), Status(row.after), instant(row.at), row.reason)


def period_row(subscription: str, period: Period, starts_on: str, ends_on: str) -> Values:
    """The row of a billing period with its local dates; an open end is kept as FOREVER, its date as `""`."""
    open_end = period.ends_at is None
    assert open_end == (ends_on == ""), f"{subscription}: an open end has no date, others do: {ends_on!r}"
    return {
        "subscription": named(subscription),
        "idx": count(period.index),
        "starts_on": day_text(starts_on),
        "ends_on": ends_on if open_end else day_text(ends_on),
        "starts_at": instant(period.starts_at),
        "ends_at": FOREVER if period.ends_at is None else instant(period.ends_at),
    }


def period_of(row: Any) -> Period:
    """The billing period of a row."""
    ends_at = instant(row.ends_at)
    return Period(count(row.idx), instant(row.starts_at), None if ends_at == FOREVER else ends_at)


def assignment_row(value: Assignment, customer: int) -> Values:
    """The row of an assignment; `customer` is the customer's small number."""
    assert value.status in {"waiting", "started", "removed"}, f"{value.id} is {value.status!r}"
    return {
        "id": named(value.id),
        "customer": count(customer),
        "plan": named(value.plan),
        "version": count(value.version),
        "pay": said(value.pay),
        "currency": said(value.currency),
        "negotiated": texts(value.negotiated),
        "assigned_at": instant(value.assigned_at),
        "status": value.status,
        "subscription": said(value.subscription),
    }


def assignment_of(row: Any) -> Assignment:
    """The assignment of a row that also carries the customer's id as `customer_id`."""
    return Assignment(
        id=row.id,
        customer=row.customer_id,
        plan=row.plan,
        version=count(row.version),
        pay=row.pay,
        currency=row.currency,
        negotiated=texts_of(row.negotiated),
        assigned_at=instant(row.assigned_at),
        status=row.status,
        subscription=row.subscription,
    )


# What became of what fell due


def settlement_row(value: Settlement, invoice: str) -> Values:
    """The row of a settlement; `invoice` is the id of the invoice that billed it, `""` where none did."""
    assert value.outcome in _OUTCOMES, f"{value.subscription}: {value.outcome!r}"
    known = value.part in {"fee", "minimum"} or value.part.startswith("usage")
    assert known, f"{value.subscription}: {value.part!r}"
    assert (value.outcome == "billed") <= bool(invoice), f"{value} is billed on no invoice"
    return {
        "subscription": named(value.subscription),
        "part": named(value.part),
        "idx": count(value.index),
        "occasion": said(value.occasion),
        "revision": count(value.revision),
        "outcome": value.outcome,
        "due_at": instant(value.due_at),
        "invoice": said(invoice),
        "is_open": int(value.is_open),
    }


def settlement_of(row: Any) -> Settlement:
    """The settlement of a row."""
    assert row.outcome in _OUTCOMES, f"{row.subscription}: {row.outcome!r}"
    return Settlement(
        row.subscription, row.part, count(row.idx), row.outcome, instant(row.due_at), row.occasion,
        count(row.revision),
    )  # fmt: skip


def claim_row(value: UsageClaim, invoice: str) -> Values:
    """The row of a usage claim; the four parts of its quantity must sum to it, exactly."""
    _check_claim(value)
    return {
        "subscription": named(value.subscription),
        "feature": named(value.feature),
        "allowance_idx": count(value.allowance_index),
        "occasion": said(value.occasion),
        "revision": count(value.revision),
        "starts_at": instant(value.starts_at),
        "ends_at": instant(value.ends_at),
        "quantity": exact_text(value.quantity),
        "included": exact_text(value.included),
        "wallet": exact_text(value.wallet),
        "billed": exact_text(value.billed),
        "over_limit": exact_text(value.over_limit),
        "invoice": said(invoice),
        "rolled": exact_text(value.rolled),
        "carried": exact_text(value.carried),
    }


def claim_of(row: Any) -> UsageClaim:
    """The usage claim of a row."""
    value = UsageClaim(
        subscription=row.subscription,
        feature=row.feature,
        allowance_index=count(row.allowance_idx),
        starts_at=instant(row.starts_at),
        ends_at=instant(row.ends_at),
        quantity=exact_of(row.quantity),
        included=exact_of(row.included),
        wallet=exact_of(row.wallet),
        billed=exact_of(row.billed),
        over_limit=exact_of(row.over_limit),
        occasion=row.occasion,
        revision=count(row.revision),
        rolled=exact_of(row.rolled),
        carried=exact_of(row.carried),
    )
    _check_claim(value)
    return value


def _check_claim(value: UsageClaim) -> None:
    parts = plus(value.included, value.wallet, value.billed, value.over_limit)
    assert value.quantity == parts, f"{value.subscription} {value.feature}: {value.quantity} is not {parts}"
    assert value.starts_at < value.ends_at, f"{value.subscription} {value.feature}: the claim has no time"
