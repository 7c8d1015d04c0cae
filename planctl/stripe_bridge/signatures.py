"""Whether a webhook's body is Stripe's and fresh, and the event in it; it does not say what an event means."""

from __future__ import annotations

import hmac
import json
import re
from collections.abc import Mapping, Sequence
from hashlib import sha256
from typing import NoReturn

from planctl.errors import InvalidInput, NotPermitted

LONGEST_BODY = 1_048_576
"""Bytes of the longest body that is looked at."""

TOLERANCE = 300
"""Seconds that a signature's time may lie before or after now; the limit itself is accepted."""

_LONGEST_HEADER = 4_096
_TIME = re.compile(r"[0-9]{1,12}", re.ASCII)
_ID = re.compile(r"evt_[A-Za-z0-9_]{1,250}", re.ASCII)
_TYPE = re.compile(r"[a-z0-9_.]{1,250}", re.ASCII)
_LONGEST_NUMBER = 18
_LATEST = 253_402_300_799  # the last second of the year 9999


def verify(body: bytes, header: str, secrets: Sequence[str], now_seconds: int) -> None:
    """Return only if one of the `secrets` signed exactly these bytes within 300 seconds of now.

    `header` is the text of `Stripe-Signature`: `t=SECONDS,v1=HEX`, with a `v1` per secret while one is rotated.
    NotPermitted where there is no secret at all, no signature fits, its time is too far before or after `now_seconds`,
    or the body is longer than 1 MiB. No message quotes body, header or secret.

    Source: docs.stripe.com/webhooks, "Verify webhook signatures manually".
    """
    usable = [secret for secret in secrets if secret.strip()]  # anybody can sign with an empty secret
    if not usable:
        raise NotPermitted(
            "no webhook is accepted without a secret to check it with",
            code="no-webhook-secret",
            hint="give the systemd credential `stripe-webhook`, or STRIPE_WEBHOOK_SECRET_FILE",
        )
    if len(body) > LONGEST_BODY:
        raise _forged("the webhook's body is longer than 1 MiB, and Stripe signs none so long")
    time, signatures = _parts(header)
    signed = time.encode() + b"." + body
    wanted = [hmac.new(secret.encode(), signed, sha256).hexdigest().encode() for secret in usable]
    fits = [hmac.compare_digest(one, other) for one in wanted for other in signatures]
    if not any(fits):
        raise _forged("the webhook's signature was made with another secret or for another body")
    if abs(int(time) - now_seconds) > TOLERANCE:
        early = int(time) > now_seconds
        raise NotPermitted(
            f"the webhook was signed too {'far ahead' if early else 'long ago'}",
            code="webhook-time",
            expected=f"at most {TOLERANCE} seconds",
            got=f"{abs(int(time) - now_seconds)} seconds",
            hint="check this machine's clock"
            if early
            else "let Stripe send it again; planctl stripe pull finds it too",
        )


def event_of(body: bytes) -> Mapping[str, object]:
    """The event that a webhook's body is: `id`, `type`, `created`, `livemode` and `data.object` are as Stripe's.

    Whole numbers are int; others stay the text that they were written as. InvalidInput where the body is not
    UTF-8 or JSON, says a key twice, nests too deeply, holds a number that is none, or is no event.
    """
    if len(body) > LONGEST_BODY:
        raise _odd("it is longer than 1 MiB")
    try:
        found = json.loads(
            body.decode("utf-8"),
            parse_int=_whole,
            parse_float=str,
            parse_constant=_constant,
            object_pairs_hook=_map,
        )
        json.dumps(found, ensure_ascii=False).encode("utf-8")  # a lone surrogate can be read but not written
    except UnicodeError:
        raise _odd("it is not UTF-8") from None
    except RecursionError:
        raise _odd("maps and lists are nested too deeply") from None
    except json.JSONDecodeError as error:
        raise _odd(f"it is not JSON in line {error.lineno}, column {error.colno}") from None
    except _Hostile as error:
        raise _odd(str(error)) from None
    return _checked(found)


class _Hostile(ValueError):
    """What no JSON of Stripe's holds."""


def _parts(header: str) -> tuple[str, list[bytes]]:
    """The time as it was signed, and every `v1` signature; other schemes are left out."""
    pairs = [item.strip().partition("=") for item in header[: _LONGEST_HEADER + 1].split(",")]
    times = [value for key, _, value in pairs if key == "t"]
    signatures = [value.encode("utf-8", "replace") for key, _, value in pairs if key == "v1"]
    if len(header) > _LONGEST_HEADER or len(times) != 1 or not _TIME.fullmatch(times[0]) or not signatures:
        raise _forged("the webhook's signature is not one of Stripe's")
    return times[0], signatures


def _checked(found: object) -> Mapping[str, object]:
    """The event's own fields and no others; whatever else Stripe adds passes."""
    if not isinstance(found, dict) or found.get("object") != "event":
        raise _odd("it is no event")
    data = found.get("data")
    created = found.get("created")
    if not (isinstance(found.get("id"), str) and _ID.fullmatch(found["id"])):
        raise _odd("its id is not one of Stripe's")
    if not (isinstance(found.get("type"), str) and _TYPE.fullmatch(found["type"])):
        raise _odd("its type is not one of Stripe's")
    if isinstance(created, bool) or not isinstance(created, int) or not 0 <= created <= _LATEST:
        raise _odd("it has no time of creation")
    if not isinstance(found.get("livemode"), bool):
        raise _odd("it does not say whether it is live")
    if not isinstance(data, dict) or not isinstance(data.get("object"), dict):
        raise _odd("it is about no object")
    return found


def _whole(text: str) -> int:
    if len(text) > _LONGEST_NUMBER:
        raise _Hostile("it holds a number that is too long")
    return int(text)


def _constant(_: str) -> NoReturn:
    raise _Hostile("it holds a number that is none")


def _map(pairs: list[tuple[str, object]]) -> dict[str, object]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise _Hostile("it says a key twice")
    return found


def _forged(message: str) -> NotPermitted:
    return NotPermitted(
        message,
        code="webhook-signature",
        hint="compare the secret with that of the webhook endpoint, and pass on the body as it came",
    )


def _odd(reason: str) -> InvalidInput:
    return InvalidInput(
        f"the webhook's body cannot be read: {reason}",
        code="webhook-body",
        hint="pass on the body as it came from Stripe, one event at a time",
    )
