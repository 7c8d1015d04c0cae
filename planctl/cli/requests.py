"""What was asked, as the store and the audit keep it: plain documents; in the audit nothing personal, no secret."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import cast

from planctl.core.document import Document, canonical
from planctl.views.safe import redacted
from planctl.views.sheet import Json

PERSONAL = frozenset({"name", "email", "emails", "address", "tax_id", "fingerprint"})
"""What a request says about a person: the audit keeps only its hash, so that the person can be forgotten."""


def plain(value: Json) -> Document:
    """A JSON value as the store keeps it: the same, in plain lists and maps, whole numbers included."""
    if isinstance(value, Mapping):
        return {key: plain(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [plain(one) for one in value]
    return cast(Document, value)


def without_secrets(request: Document) -> Document:
    """The request with its secrets taken out of every text, should somebody have typed one."""
    if isinstance(request, dict):
        return {key: without_secrets(value) for key, value in request.items()}
    if isinstance(request, list):
        return [without_secrets(value) for value in request]
    return redacted(request) if isinstance(request, str) else request


def impersonal(request: Document) -> Document:
    """The request with hashes in place of what is personal."""
    if not isinstance(request, dict):
        return request
    return {key: hashed(value) if key in PERSONAL else impersonal(value) for key, value in request.items()}


def hashed(value: Document) -> Document:
    """A short hash of a value; nothing stays nothing."""
    return f"sha256:{hashlib.sha256(canonical(value).encode()).hexdigest()[:16]}" if value else value
