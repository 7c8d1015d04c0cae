"""Webhooks as Stripe sends them: the body, its signature, and the delivery to an address.

Source: https://docs.stripe.com/webhooks#verify-manually (scheme v1).
"""

from __future__ import annotations

import hashlib
import hmac
import json
import urllib.error
import urllib.request
from collections.abc import Sequence

from tests.fakes.stripe.objects import Object

TIMEOUT_SECONDS = 30


def body_of(event: Object) -> bytes:
    """The bytes of an event: they are what is signed."""
    return json.dumps(event, indent=2).encode()


def header_of(body: bytes, secrets: Sequence[str], at: int) -> str:
    """`Stripe-Signature`: the time in seconds, and one v1 per secret (two while one is rotated)."""
    signatures = [
        hmac.new(secret.encode(), str(at).encode() + b"." + body, hashlib.sha256).hexdigest()
        for secret in secrets
    ]
    return ",".join([f"t={at}", *(f"v1={one}" for one in signatures)])


def post(url: str, body: bytes, header: str) -> int:
    """Deliver it; the status of the answer."""
    request = urllib.request.Request(
        url,
        data=body,
        headers={"Content-Type": "application/json; charset=utf-8", "Stripe-Signature": header},
        method="POST",
    )
    direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with direct.open(request, timeout=TIMEOUT_SECONDS) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        with error:
            return error.code
