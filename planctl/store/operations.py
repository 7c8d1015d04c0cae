"""Idempotency keys: what was asked under a key and what was answered, kept in the write's own transaction."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING

from planctl.core.document import Document, canonical, document_of
from planctl.core.periods import Instant, instant_text
from planctl.errors import Conflict
from planctl.store import hot
from planctl.store.sets import insert_rows

if TYPE_CHECKING:
    from planctl.store.engine import Tx


def recall(tx: Tx, key: str, kind: str, request: Document) -> Document:
    """The first result under `key` if the same was asked, None if the key is new or empty.

    `kind` is the command (`subscribe`), `request` everything that decides its outcome. The same key with
    another kind or other content is a Conflict that says what was recorded, when and by whom. A result is
    never None.
    """
    if not key:
        return None
    row = hot.one(tx, hot.OPERATION, (key,))
    if row is None:
        return None
    kept_kind, request_hash, result, actor, recorded_at = row
    if (kept_kind, request_hash) != (kind, _hash(request)):
        recorded = instant_text(Instant(recorded_at))
        other = "other content" if kept_kind == kind else f"{kept_kind!r}, now {kind!r}"
        raise Conflict(
            f"the key {key!r} was used before for {other}",
            code="key-reused",
            where=f"key {key}",
            expected=f"the same {kept_kind} as recorded {recorded} by {actor}",
            got=f"another {kind}",
            hint="use a new --key for a new request; nothing was written",
        )
    return document_of(result)


def remember(  # noqa: PLR0913 - one row's columns, in their order
    tx: Tx, key: str, kind: str, request: Document, result: Document, actor: str, at: int
) -> None:
    """Keep the result under `key`, in the same transaction as what it tells of; an empty key keeps nothing.

    Conflict if the key is taken. `at` is when it was recorded, UTC microseconds.
    """
    assert result is not None, f"the result of {kind} under key {key!r} is nothing"
    if not key:
        return
    row = {
        "key": key,
        "kind": kind,
        "request_hash": _hash(request),
        "result": json.dumps(result, ensure_ascii=False, allow_nan=False),  # in its own order
        "actor": actor,
        "recorded_at": at,
    }
    insert_rows(tx, "operation", [row])


def _hash(request: Document) -> str:
    return hashlib.sha256(canonical(request).encode()).hexdigest()
