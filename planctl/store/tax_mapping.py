"""Discounts, taxes and lines' shares of taxes as stored documents and as core values. It adds nothing up."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

from planctl.core.document import Document, canonical, document_of
from planctl.core.invoicing.model import Discount, Tax, TaxShare
from planctl.core.money import decimal_text, parse_decimal

NONE = "[]"
"""The text of no discounts and of no taxes, which rows of earlier versions have."""


def discounts_document(discounts: Sequence[Discount]) -> Document:
    """Discounts as a document, amounts in minor units."""
    return [
        {"coupon": one.coupon, "redemption": one.redemption, "amount_minor": str(one.amount_minor)}
        for one in discounts
    ]


def taxes_document(taxes: Sequence[Tax]) -> Document:
    """Taxes as a document, amounts in minor units, the rate as a fraction of 1."""
    return [
        {
            "code": one.code,
            "name": one.name,
            "rate": decimal_text(one.rate),
            "base_minor": str(one.base_minor),
            "amount_minor": str(one.amount_minor),
            "included": one.included,
        }
        for one in taxes
    ]


def shares_document(shares: Sequence[TaxShare]) -> Document:
    """A line's shares of taxes as a document."""
    return [
        {
            "code": one.code,
            "rate": decimal_text(one.rate),
            "amount_minor": str(one.amount_minor),
            "included": one.included,
        }
        for one in shares
    ]


def discounts_text(discounts: Sequence[Discount]) -> str:
    """Discounts as they are stored."""
    return canonical(discounts_document(discounts)) if discounts else NONE


def taxes_text(taxes: Sequence[Tax]) -> str:
    """Taxes as they are stored."""
    return canonical(taxes_document(taxes)) if taxes else NONE


def shares_text(shares: Sequence[TaxShare]) -> str:
    """A line's shares of taxes as they are stored."""
    return canonical(shares_document(shares)) if shares else NONE


def discounts_of(text: str) -> tuple[Discount, ...]:
    """The discounts of a stored text."""
    return tuple(
        Discount(_text(one, "coupon"), _text(one, "redemption"), _minor(one, "amount_minor"))
        for one in _objects(text)
    )


def taxes_of(text: str) -> tuple[Tax, ...]:
    """The taxes of a stored text."""
    return tuple(
        Tax(
            _text(one, "code"),
            _text(one, "name"),
            _rate(one),
            _minor(one, "base_minor"),
            _minor(one, "amount_minor"),
            one.get("included") is True,
        )
        for one in _objects(text)
    )


def shares_of(text: str) -> tuple[TaxShare, ...]:
    """A line's shares of a stored text."""
    return tuple(
        TaxShare(_text(one, "code"), _rate(one), _minor(one, "amount_minor"), one.get("included") is True)
        for one in _objects(text)
    )


def _objects(text: str) -> list[dict[str, Document]]:
    if text == NONE:
        return []
    document = document_of(text)
    assert isinstance(document, list), f"{text!r} is no list"
    found = []
    for one in document:
        assert isinstance(one, dict), f"{one!r} is no object"
        found.append(one)
    return found


def _text(one: dict[str, Document], key: str) -> str:
    value = one.get(key)
    assert isinstance(value, str), f"{one!r} has no {key}"
    return value


def _minor(one: dict[str, Document], key: str) -> int:
    return int(_text(one, key))


def _rate(one: dict[str, Document]) -> Decimal:
    return parse_decimal(_text(one, "rate"))
