"""New objects in Stripe's shape: each begins as Stripe's own example, so that every field a client may read is there.

It knows no rules. Source: tests/data/stripe/README.md.
"""

from __future__ import annotations

import copy
import functools
import hashlib
import json
from pathlib import Path
from typing import Any

from tests.fakes.stripe.errors import invalid

Object = dict[str, Any]

FIXTURES = Path(__file__).parents[2] / "data" / "stripe" / "fixtures3.json"

PREFIXES = {
    "billing_portal.configuration": "bpc_",
    "billing_portal.session": "bps_",
    "charge": "ch_",
    "checkout.session": "cs_",
    "coupon": "",
    "credit_note": "cn_",
    "credit_note_line_item": "cnli_",
    "customer": "cus_",
    "dispute": "dp_",
    "event": "evt_",
    "invoice": "in_",
    "invoice_payment": "inpay_",
    "item": "li_",
    "line_item": "il_",
    "payment_intent": "pi_",
    "payment_method": "pm_",
    "price": "price_",
    "product": "prod_",
    "refund": "re_",
    "request": "req_",
    "setup_intent": "seti_",
    "tax_rate": "txr_",
}
MOST_METADATA, LONGEST_NAME, LONGEST_VALUE = 50, 40, 500
_LENGTHS = {"customer": 14, "product": 14, "request": 14, "coupon": 8, "checkout.session": 58}
_DIGITS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"


@functools.cache
def _fixtures() -> dict[str, Object]:
    resources: dict[str, Object] = json.loads(FIXTURES.read_text(encoding="utf-8"))["resources"]
    return resources


def example(kind: str) -> Object:
    """A copy of Stripe's example of that kind."""
    return copy.deepcopy(_fixtures()[kind])


def new_id(kind: str, seed: str, number: int, live: bool = False) -> str:
    """The `number`th id of a kind, always the same one: Stripe's prefix and letters that mean nothing."""
    value = int.from_bytes(hashlib.sha512(f"{seed}:{kind}:{number}".encode()).digest(), "big")
    digits = []
    for _ in range(_LENGTHS.get(kind, 24)):
        value, digit = divmod(value, len(_DIGITS))
        digits.append(_DIGITS[digit])
    mode = ("live_" if live else "test_") if kind == "checkout.session" else ""
    text = "".join(digits)
    return PREFIXES[kind] + mode + (text.upper() if kind == "coupon" else text)


def merged(current: dict[str, str] | None, given: dict[str, str] | str) -> dict[str, str]:
    """Metadata after a change: names are added or replaced, an empty value removes one, an empty text all."""
    if isinstance(given, str):
        return {}
    both = {name: value for name, value in {**(current or {}), **given}.items() if value != ""}
    if len(both) > MOST_METADATA:
        raise invalid(f"You can only have up to {MOST_METADATA} metadata keys.", "metadata")
    for name, value in both.items():
        if len(name) > LONGEST_NAME or len(value) > LONGEST_VALUE:
            raise invalid(
                f"Metadata keys may have {LONGEST_NAME} characters and their values {LONGEST_VALUE}.",
                f"metadata[{name}]",
            )
    return both


def patch(thing: Object, params: Object, *names: str) -> None:
    """Set the named fields that were given; an empty text unsets."""
    for name in names:
        if name in params:
            thing[name] = None if params[name] == "" else params[name]
    if "metadata" in params:
        thing["metadata"] = merged(thing.get("metadata"), params["metadata"])


def listed(data: list[Object], url: str, has_more: bool = False) -> Object:
    """A list object."""
    return {"object": "list", "data": data, "has_more": has_more, "url": url}
