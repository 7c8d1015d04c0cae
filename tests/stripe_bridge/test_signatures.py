"""Only what Stripe signed within five minutes is looked at, and hostile JSON ends there."""

from __future__ import annotations

import hmac
import json
from typing import Any

import pytest

from planctl.errors import InvalidInput, NotPermitted, PlanctlError
from planctl.stripe_bridge.signatures import event_of, verify

SECRET = "whsec_CANARYcanaryCANARY"
NOW = 1_767_225_600
EVENT: dict[str, Any] = {
    "id": "evt_1CANARY",
    "object": "event",
    "type": "invoice.paid",
    "created": NOW,
    "livemode": False,
    "data": {"object": {"id": "in_1", "object": "invoice"}},
}
BODY = json.dumps(EVENT).encode()


def signature(body: bytes, secret: str, time: int) -> str:
    """Stripe's scheme v1: HMAC-SHA256 with the secret over the time, a dot and the body, in hex.

    Source: docs.stripe.com/webhooks, "Verify webhook signatures manually".
    """
    return hmac.new(secret.encode(), f"{time}.".encode() + body, "sha256").hexdigest()


def header(body: bytes = BODY, secret: str = SECRET, time: int = NOW) -> str:
    return f"t={time},v1={signature(body, secret, time)}"


def refused(body: bytes, said: str, *secrets: str) -> NotPermitted:
    """The refusal of a webhook; nothing of body, header or secret is in it."""
    with pytest.raises(NotPermitted) as caught:
        verify(body, said, secrets, NOW)
    error = caught.value
    assert error.exit_code == 77
    assert "CANARY" not in f"{error.message}{error.where}{error.expected}{error.got}{error.hint}".upper()
    assert error.__cause__ is None
    return error


# --- signatures ---------------------------------------------------------------------------------------------------


def test_a_signature_worked_out_elsewhere_is_accepted() -> None:
    """By hand: printf '1767225600.{}' | openssl dgst -sha256 -hmac whsec_test."""
    digest = "4a942ef9477fb7b15b98664cf7ff2c2543984c1fa6bdf3520b48dcb25bcd1fe4"
    verify(b"{}", f"t=1767225600,v1={digest}", ["whsec_test"], NOW)


def test_stripes_signature_of_the_very_bytes_is_accepted() -> None:
    verify(BODY, header(), [SECRET], NOW)
    raw = b"\xff\xfe not UTF-8"
    verify(raw, header(raw), [SECRET], NOW)


@pytest.mark.parametrize("secrets", [["whsec_new", SECRET], [SECRET, "whsec_new"]])
def test_while_a_secret_is_rotated_either_is_enough(secrets: list[str]) -> None:
    verify(BODY, header(), secrets, NOW)
    both = f"t={NOW},v1={signature(BODY, 'whsec_other', NOW)},v1={signature(BODY, SECRET, NOW)},v0=abc"
    verify(BODY, both, secrets, NOW)


@pytest.mark.parametrize("seconds", [-300, -1, 0, 1, 300])
def test_five_minutes_before_and_after_are_accepted(seconds: int) -> None:
    verify(BODY, header(time=NOW + seconds), [SECRET], NOW)


@pytest.mark.parametrize(("seconds", "told"), [(-301, "long ago"), (301, "far ahead"), (-86_400, "long ago")])
def test_older_and_future_signatures_are_refused(seconds: int, told: str) -> None:
    error = refused(BODY, header(time=NOW + seconds), SECRET)
    assert error.code == "webhook-time"
    assert told in error.message
    assert error.got == f"{abs(seconds)} seconds"


def test_a_signature_is_bound_to_its_time() -> None:
    old = signature(BODY, SECRET, NOW - 301)
    assert refused(BODY, f"t={NOW},v1={old}", SECRET).code == "webhook-signature"


def test_a_body_changed_by_one_byte_is_refused() -> None:
    assert refused(BODY.replace(b"paid", b"pald"), header(), SECRET).code == "webhook-signature"
    assert refused(BODY + b"\n", header(), SECRET).code == "webhook-signature"


def test_another_secret_is_refused() -> None:
    assert refused(BODY, header(secret="whsec_CANARY_other"), SECRET).code == "webhook-signature"


@pytest.mark.parametrize("secrets", [(), ("",), (" ", "\n")])
def test_without_a_secret_everything_is_refused(secrets: tuple[str, ...]) -> None:
    """F113: an empty secret is none, though anybody can sign with it."""
    for secret in ("", " ", SECRET):
        assert refused(BODY, header(secret=secret), *secrets).code == "no-webhook-secret"


RIGHT = signature(BODY, SECRET, NOW)


@pytest.mark.parametrize(
    "said",
    [
        "",
        "CANARY",
        f"t={NOW}",
        f"v1={RIGHT}",
        f"t={NOW},v0={RIGHT}",
        f"t={NOW},v1=",
        f"t={NOW},v1={RIGHT[:-1]}",
        f"t={NOW},v1={RIGHT}0",
        f"t={NOW},v1={RIGHT.upper()}",
        f"t={NOW},v1=\u00e9{RIGHT}",
        f"t={NOW},v1=\udcff",
        f"t={NOW},t={NOW},v1={RIGHT}",
        f"t=,v1={RIGHT}",
        f"t=-1,v1={RIGHT}",
        f"t={NOW}.0,v1={RIGHT}",
        f"t=\u0661,v1={RIGHT}",
        f"t={'9' * 13},v1={RIGHT}",
        f"t={NOW},v1={RIGHT}," + "v1=0," * 1_000,
    ],
)
def test_a_header_that_is_not_stripes_is_refused(said: str) -> None:
    assert refused(BODY, said, SECRET).code == "webhook-signature"


def test_a_body_of_one_mebibyte_is_looked_at_and_a_longer_one_is_not_stripes() -> None:
    longest = b" " * 1_048_576
    verify(longest, header(longest), [SECRET], NOW)
    assert refused(longest + b" ", header(longest + b" "), SECRET).code == "webhook-signature"


# --- events -------------------------------------------------------------------------------------------------------


def unreadable(body: bytes) -> PlanctlError:
    with pytest.raises(InvalidInput) as caught:
        event_of(body)
    error = caught.value
    assert (error.exit_code, error.code) == (3, "webhook-body")
    assert "CANARY" not in f"{error.message}{error.where}{error.expected}{error.got}{error.hint}"
    assert error.__cause__ is None
    return error


def test_an_event_is_what_was_signed() -> None:
    assert event_of(BODY) == EVENT


def test_a_number_with_a_fraction_stays_the_text_that_was_written() -> None:
    percentage = {**EVENT, "data": {"object": {"percentage": 7.7, "unit_amount": 1999}}}
    assert event_of(json.dumps(percentage).encode())["data"] == {
        "object": {"percentage": "7.7", "unit_amount": 1999}
    }


@pytest.mark.parametrize(
    ("body", "told"),
    [
        (b"", "not JSON"),
        (b"CANARY", "not JSON"),
        (b"\xff", "not UTF-8"),
        (b'{"a": "\\ud800"}', "not UTF-8"),
        (b"[" * 100_000, "nested"),
        (b'{"a":' * 100_000, "nested"),
        (b'{"CANARY": 1, "CANARY": 2}', "a key twice"),
        (b'{"a": NaN}', "none"),
        (b'{"a": -Infinity}', "none"),
        (b'{"a": ' + b"9" * 19 + b"}", "too long"),
        (b'{"a": ' + b"9" * 900_000 + b"}", "too long"),
        (b" " * 1_048_577, "longer"),
        (b"null", "no event"),
        (b"[]", "no event"),
        (b"{}", "no event"),
    ],
)
def test_hostile_json_is_refused_without_quoting_it(body: bytes, told: str) -> None:
    assert told in unreadable(body).message


@pytest.mark.parametrize(
    ("field", "value", "told"),
    [
        ("object", "v2.core.event", "no event"),
        ("object", None, "no event"),
        ("id", None, "id"),
        ("id", 1, "id"),
        ("id", "in_1", "id"),
        ("id", "evt_", "id"),
        ("id", "evt_1\n", "id"),
        ("id", "evt_../x", "id"),
        ("id", "evt_" + "a" * 251, "id"),
        ("type", None, "type"),
        ("type", "", "type"),
        ("type", "invoice paid", "type"),
        ("created", None, "time"),
        ("created", -1, "time"),
        ("created", True, "time"),
        ("created", "1767225600", "time"),
        ("created", 1.5, "time"),
        ("created", 253_402_300_800, "time"),
        ("livemode", None, "live"),
        ("livemode", 0, "live"),
        ("livemode", "false", "live"),
        ("data", None, "object"),
        ("data", {}, "object"),
        ("data", {"object": "in_1"}, "object"),
        ("data", {"object": []}, "object"),
    ],
)
def test_an_event_without_its_own_fields_is_none(field: str, value: object, told: str) -> None:
    assert told in unreadable(json.dumps({**EVENT, field: value}).encode()).message
    missing = {key: kept for key, kept in EVENT.items() if key != field}
    assert told in unreadable(json.dumps(missing).encode()).message
