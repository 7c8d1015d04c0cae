"""Reads coupons; whether the plans they name exist is a rule."""

from __future__ import annotations

import re

from planctl.core.catalog.field_reader import FieldReader
from planctl.core.catalog.model import Coupon
from planctl.core.catalog.parse_sections import percentage
from planctl.core.document import Entry, Mapping, Node, Scalar
from planctl.core.reading import Reader, shown

KEYS = ("off", "for", "plans", "until", "max")


def parse_coupon(entry: Entry, reader: Reader) -> Coupon | None:
    """A discount: `off` a percentage or an amount per currency, `for` once, N periods or forever."""
    node = reader.mapping(entry.value, "a coupon", KEYS)
    if node is None:
        return None
    fields = FieldReader(node, reader)
    off = node.get("off")
    percent = percentage(off, "off", reader) if isinstance(off, Scalar) else None
    amounts = {} if off is None or isinstance(off, Scalar) else fields.fees("off")
    nothing = percent == 0 or (
        isinstance(off, Mapping) and len(amounts) == len(off.entries) and not any(amounts.values())
    )
    if nothing or reader.lacks(node, "off", KEYS):
        hint = "write off: 20%, or off: {USD: 10}"
        place = off.place if off else entry.key.place
        reader.error(place, "coupon-empty", f"coupon {entry.key.text} takes nothing off", hint=hint)
    return Coupon(
        id=entry.key.text,
        percent=percent,
        amounts=amounts,
        periods=_periods(node.get("for"), reader),
        plans=tuple(sorted(fields.texts("plans"))),
        until=fields.day("until"),
        max_redemptions=fields.whole("max", minimum=1),
        place=entry.key.place,
    )


def _periods(node: Node | None, reader: Reader) -> int | None:
    """How many periods it holds for; None is forever, 1 is once, which is the default."""
    if node is None:
        return 1
    text = node.text if isinstance(node, Scalar) else ""
    if text in {"once", "forever"}:
        return 1 if text == "once" else None
    match = re.fullmatch(r"([1-9][0-9]{0,3}) periods?", text, re.ASCII)
    if match is None:
        expected = "once | forever, or a number such as 3 periods"
        reader.error(node.place, "coupon-for", "for cannot be read", got=shown(node), expected=expected)
        return 1
    return int(match[1])
