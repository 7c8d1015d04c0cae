"""Each mistake in a tier table is one finding at the row where it stands."""

from __future__ import annotations

import pytest

from planctl.core.currencies import Currency
from planctl.core.document import Document, Sequence, node_of
from planctl.core.pricing.kinds.tiers import read_tiers
from planctl.core.reading import Reader
from planctl.findings import Finding, Place

USD: Document = {"USD": "1"}
BOTH: Document = {"USD": "1", "EUR": "1"}


def findings(rows: list[Document]) -> list[tuple[str, str, int]]:
    """Rule, message and line of every finding; row 0 stands on line 10, row 1 on line 11 …"""
    return [(finding.rule, finding.message, finding.place.line) for finding in found(rows)]


def found(rows: list[Document]) -> list[Finding]:
    reader = Reader(currencies={code: Currency(code, code, 2) for code in ("USD", "EUR", "JPY")})
    items = tuple(node_of(row, Place("p.yaml", 10 + line, 5)) for line, row in enumerate(rows))
    read = read_tiers(Sequence(items, Place("p.yaml", 9, 3)), "graduated", reader)
    assert (read is None) == bool(reader.findings)
    return reader.findings


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


@pytest.mark.parametrize(
    ("rows", "got", "expected", "hint"),
    [
        ([], "", "a list of tiers", ""),
        (
            [{"to": "10"}, {"each": USD}],
            "",
            "each or flat, or both",
            "write each: {CODE: 0} for a free tier",
        ),
        (
            [{"to": "1_000", "each": USD}],
            "",
            "a last tier without to",
            "a limit is written as up_to beside the price",
        ),
        ([{"each": USD}, {"each": USD}], "", "to in every tier but the last", ""),
        (
            [{"to": "1_000", "each": USD}, {"to": "1_000", "each": USD}, {"each": USD}],
            "to: 1,000",
            "a to above 1,000",
            "",
        ),
        ([{"to": "0", "each": USD}, {"each": USD}], "to: 0", "a to above 0", ""),
        ([{"to": "10", "each": BOTH}, {"each": USD}], "", "the same currencies in every tier", ""),
    ],
)
def test_a_mistake_says_what_it_got_what_it_expected_and_how_to_mend_it(
    rows: list[Document], got: str, expected: str, hint: str
) -> None:
    (finding,) = found(rows)
    assert (finding.got, finding.expected, finding.hint) == (got, expected, hint)


def test_a_row_after_one_out_of_order_is_measured_by_the_highest_before_it() -> None:
    rows: list[Document] = [{"to": to, "each": USD} for to in ("20", "5", "10")]
    assert [finding.expected for finding in found([*rows, {"each": USD}])] == ["a to above 20"] * 2


def test_every_currency_that_a_row_lacks_is_named_once_in_order() -> None:
    rows: list[Document] = [
        {"to": "10", "each": BOTH, "flat": BOTH},
        {"to": "20", "flat": {"USD": "1"}},
        {"each": {"EUR": "1"}},
    ]
    assert [finding.message for finding in found(rows)] == [
        "graduated[1].flat has no price in EUR",
        "graduated[2].each has no price in USD",
    ]


def test_several_currencies_that_a_row_lacks_stand_in_one_finding() -> None:
    rows: list[Document] = [
        {"to": "10", "each": {"USD": "1", "JPY": "1", "EUR": "1"}},
        {"each": {"JPY": "1"}},
    ]
    assert [finding.message for finding in found(rows)] == ["graduated[1].each has no price in EUR, USD"]


def test_the_order_is_looked_at_behind_a_row_without_its_end_too() -> None:
    rows: list[Document] = [{"each": USD}, {"to": "0", "each": USD}, {"each": USD}]
    assert [(finding.rule, finding.place.line) for finding in found(rows)] == [
        ("tier-last", 10),
        ("tier-order", 11),
    ]


def test_rows_are_checked_against_each_other_only_where_each_can_be_read() -> None:
    # The second row cannot be read, so that nothing is said about the order of the others.
    rows: list[Document] = [{"to": "10", "each": USD}, {"to": "x", "each": USD}, {"to": "5", "each": USD}]
    assert [finding.rule for finding in found(rows)] == ["number"]


def test_a_row_that_is_no_map_is_a_finding_of_its_own() -> None:
    assert [(finding.rule, finding.message) for finding in found(["5", {"each": USD}])] == [
        ("type", "graduated[0] must be a map of keys and values")
    ]
