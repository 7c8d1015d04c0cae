"""Each mistake in a tier table is one finding at the row where it stands."""

from __future__ import annotations

import pytest

from planctl.core.currencies import Currency
from planctl.core.document import Document, Sequence, node_of
from planctl.core.pricing.kinds.tiers import read_tiers
from planctl.core.reading import Reader
from planctl.findings import Place

USD: Document = {"USD": "1"}
BOTH: Document = {"USD": "1", "EUR": "1"}


def findings(rows: list[Document]) -> list[tuple[str, str, int]]:
    """Rule, message and line of every finding; row 0 stands on line 10, row 1 on line 11 …"""
    reader = Reader(currencies={code: Currency(code, code, 2) for code in ("USD", "EUR")})
    items = tuple(node_of(row, Place("p.yaml", 10 + line, 5)) for line, row in enumerate(rows))
    read = read_tiers(Sequence(items, Place("p.yaml", 9, 3)), "graduated", reader)
    assert (read is None) == bool(reader.findings)
    return [(finding.rule, finding.message, finding.place.line) for finding in reader.findings]


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        ([{"each": USD}], []),
        ([{"to": "10", "each": USD}, {"to": "10.5", "flat": USD}, {"each": USD, "flat": USD}], []),
        (
            [{"to": "10", "each": USD}, {"to": "10", "each": USD}, {"each": USD}],
            [("tier-order", "graduated[1] is out of order", 11)],
        ),
        (
            [{"to": "20", "each": USD}, {"to": "5", "each": USD}, {"to": "10", "each": USD}, {"each": USD}],
            [
                ("tier-order", "graduated[1] is out of order", 11),
                ("tier-order", "graduated[2] is out of order", 12),
            ],
        ),
        ([{"to": "0", "each": USD}, {"each": USD}], [("tier-order", "graduated[0] is out of order", 10)]),
        (
            [{"to": "1_000", "each": USD}],
            [("tier-last", "graduated ends at 1,000: its last tier has a to", 10)],
        ),
        (
            [{"each": USD}, {"each": USD}],
            [("tier-last", "graduated[0] has no to and is not the last tier", 10)],
        ),
        ([{"to": "10"}, {"each": USD}], [("tier-price", "graduated[0] has no price", 10)]),
        (
            [{"to": "10", "each": BOTH}, {"each": USD}],
            [("tier-currencies", "graduated[1].each has no price in EUR", 11)],
        ),
        (
            [{"to": "10", "each": USD, "flat": BOTH}, {"flat": BOTH}],
            [("tier-currencies", "graduated[0].each has no price in EUR", 10)],
        ),
        ([{"each": {}}], [("price-empty", "graduated[0].each has no price", 10)]),
        ([{"each": USD, "up_to": "5"}], [("unknown-key", 'unknown key "up_to" in graduated[0]', 10)]),
        ([{"each": {"GBP": "1"}}], [("currency-unknown", 'unknown currency "GBP"', 10)]),
        ([], [("tier-empty", "graduated has no tiers", 9)]),
    ],
)
def test_a_mistake_is_reported_where_it_stands(
    rows: list[Document], expected: list[tuple[str, str, int]]
) -> None:
    assert findings(rows) == expected


def test_all_mistakes_are_reported_at_once() -> None:
    rows: list[Document] = [{"to": "x", "each": USD}, {"to": "5"}, {"each": {"USD": "1e3"}}]
    assert [(rule, line) for rule, _, line in findings(rows)] == [
        ("number", 10),
        ("tier-price", 11),
        ("number", 12),
    ]
