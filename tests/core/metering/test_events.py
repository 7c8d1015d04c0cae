"""What an event is kept under, and how its content is told from another."""

from __future__ import annotations

import hashlib
from decimal import Decimal

import pytest

from planctl.core.metering.model import Property, event_key, matches, payload_hash, property_text

UUID = "0189d0a5-3b7c-7e1f-9a2b-6c5d4e3f2a1b"


def content(
    properties: dict[str, Property] | None = None, quantity: str = "1", customer: str = "nova"
) -> int:
    return payload_hash(customer, "call", 5, Decimal(quantity), properties or {}, "")


@pytest.mark.parametrize(
    ("event_id", "key"),
    [
        ("e-1", b"e-1"),
        ("123456789012345", b"123456789012345"),
        ("ä" * 7, "ä".encode() * 7),
        (UUID, bytes.fromhex("0189d0a53b7c7e1f9a2b6c5d4e3f2a1b")),
        ("1234567890123456", b"\x00" + hashlib.blake2b(b"1234567890123456", digest_size=16).digest()),
        ("ä" * 8, b"\x00" + hashlib.blake2b("ä".encode() * 8, digest_size=16).digest()),
        (UUID.upper(), b"\x00" + hashlib.blake2b(UUID.upper().encode(), digest_size=16).digest()),
    ],
)
def test_the_length_of_a_key_says_what_the_id_was(event_id: str, key: bytes) -> None:
    assert event_key(event_id) == key
    assert len(key) in {*range(1, 16), 16, 17}


def test_a_uuid_without_hyphens_or_in_capitals_is_another_id() -> None:
    ids = {UUID, UUID.upper(), UUID.replace("-", ""), f"{{{UUID}}}", UUID.replace("-", " ")}
    assert len({event_key(event_id) for event_id in ids}) == 5


def test_the_content_hash_is_a_number_that_fits_a_signed_column() -> None:
    # BLAKE2b-128 of "4:nova4:call5/1/", its first eight bytes, shifted right once.
    digest = hashlib.blake2b(b"4:nova4:call5/1/", digest_size=16).digest()
    assert content() == int.from_bytes(digest[:8], "big") // 2
    assert 0 <= content() < 2**63


def test_the_order_and_spelling_of_properties_do_not_count() -> None:
    assert content({"a": 1, "b": True}) == content({"b": "true", "a": Decimal("1.0")})
    assert content({"a": "1"}) != content({"a": "2"})
    assert content({"a": "1"}) != content()
    assert content(quantity="1.50") == content(quantity="1.5")


def test_fields_do_not_flow_into_each_other() -> None:
    one = payload_hash("ab", "c", 1, Decimal(1), {}, "")
    assert one != payload_hash("a", "bc", 1, Decimal(1), {}, "")
    assert one != payload_hash("ab", "c1", 1, Decimal(1), {}, "")
    assert payload_hash("a", "b", 11, Decimal(1), {}, "") != payload_hash("a", "b", 1, Decimal(11), {}, "")


def test_properties_compare_as_text() -> None:
    assert [property_text(value) for value in ("x", True, False, 5, Decimal("1.50"), Decimal("1E-8"))] == [
        "x", "true", "false", "5", "1.5", "0.00000001",
    ]  # fmt: skip
    assert matches({"a": "1", "b": "true"}, {"a": Decimal("1.0"), "b": True, "c": "x"})
    assert not matches({"a": "1"}, {"a": "1.0"})
    assert not matches({"a": ""}, {})
    assert matches({}, {})
