"""Our own JSON documents, read strictly: every path at fault is named."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from fractions import Fraction

import pytest

from planctl.core.catalog.shape import Shape, as_read, sealed, unsealed
from planctl.core.document import Document
from planctl.core.unreadable import Unreadable

KEYS = frozenset({"a"})


def shape(value: Document) -> Shape:
    return Shape.of({"a": value}, "held[3]", KEYS)


@pytest.mark.parametrize(
    ("read", "good", "value", "bad", "expected"),
    [
        (Shape.text, "x", "x", True, "text"),
        (Shape.whole, "12", 12, "1.0", "a whole number"),
        (Shape.whole, "0", 0, "-1", "a whole number"),
        (Shape.whole, "7", 7, "9" * 19, "a whole number"),
        (Shape.whole, "7", 7, "\u0667", "a whole number"),  # an Arabic seven
        (Shape.flag, False, False, "false", "true or false"),
        (Shape.hash, "", "", "XYZ", "hex digits"),
        (Shape.exact, "19/3", Fraction(19, 3), "1/0", "an exact number"),
        (Shape.exact, "-0.25", Fraction(-1, 4), "1e5", "an exact number"),
        (Shape.texts, ["x"], ("x",), ["x", True], "a list of texts"),
        (Shape.map, {"x": True}, {"x": True}, [], "a map"),
        (Shape.text_map, {"x": "y"}, {"x": "y"}, {"x": []}, "a map of texts"),
        (Shape.instant, "1970-01-01T00:00:01Z", 1_000_000, "yesterday", "an instant"),
    ],
)
def test_a_value_of_another_kind_is_named_with_its_path(
    read: Callable[[Shape, str], object], good: Document, value: object, bad: Document, expected: str
) -> None:
    assert read(shape(good), "a") == value
    with pytest.raises(Unreadable, match=rf"^held\[3\]\.a is not {expected};"):
        read(shape(bad), "a")


def test_decimals_are_decimals_and_no_fractions() -> None:
    assert shape({"x": "2.5"}).decimals("a") == {"x": Decimal("2.5")}
    for bad in ("1/2", "1e3", "NaN", ""):
        with pytest.raises(Unreadable, match=r"held\[3\]\.a\.x is not an exact number"):
            shape({"x": bad}).decimals("a")


def test_a_missing_and_an_unknown_key_are_told_apart() -> None:
    with pytest.raises(Unreadable, match=r"held\[3\]\.a is missing"):
        Shape.of({}, "held[3]", KEYS)
    with pytest.raises(Unreadable, match=r"held\[3\]\.b is unknown"):
        Shape.of({"a": "1", "b": "2"}, "held[3]", KEYS)


def test_a_seal_holds_for_numbers_that_come_back_as_texts() -> None:
    document = sealed({"format": "f/1", "a": 12, "b": [True, None, "x"]})
    found = unsealed(as_read(document), "f/1", frozenset({"format", "a", "b"}))
    assert (found.whole("a"), found.document["b"]) == (12, [True, None, "x"])
