"""Prices as cells: which rows a catalog has, and what setting some of them asks for."""

from __future__ import annotations

import pytest

from planctl.core.catalog.model import Catalog
from planctl.core.catalog.price_table import Cell, path_text, price_table, repriced
from planctl.core.document import leaves
from planctl.errors import NotFound
from planctl.files.settling import said_by

CATALOG = """\
format: planctl.catalog/1
catalog: acme
currencies: {USD: , EUR: }
features:
  calls: {type: metered, unit: call}
  seats: {type: metered, unit: seat, reset: never}
plans:
  free: {price: free, features: {calls: 5}}
  old: {price: {month: {USD: 1}}, archived: true}
  pro:
    price: {year: {EUR: 460, USD: 490}, month: {USD: 49, EUR: 46}}
    minimum: {USD: 60}
    metadata: {USD: dollars}
    features:
      calls:
        included: 10
        beyond:
          charge: usage
          graduated:
            - {to: 100, each: {USD: 0.5, EUR: 0.4}}
            - {each: {USD: 0.2, EUR: 0.1}, flat: {USD: 3, EUR: 2}}
  pay: {price: {month: usage}, features: {calls: {beyond: {charge: usage, each: {USD: 0.12, EUR: 0.1}}}}}
"""


def catalog() -> Catalog:
    parsed = said_by({"acme.yaml": CATALOG}).parsed
    assert parsed.usable, parsed.findings
    assert parsed.catalog is not None
    return parsed.catalog


def test_every_map_of_amounts_by_currency_is_a_row() -> None:
    rows = [(row.plan, row.row, dict(row.cells), row.says) for row in price_table(catalog())]
    tiers = "features.calls.beyond.graduated"
    assert rows == [
        ("free", "price", {}, "free"),
        ("pro", "month", {"USD": "49", "EUR": "46"}, ""),
        ("pro", "year", {"USD": "490", "EUR": "460"}, ""),
        ("pro", f"{tiers}[0].each", {"USD": "0.5", "EUR": "0.4"}, ""),
        ("pro", f"{tiers}[1].each", {"USD": "0.2", "EUR": "0.1"}, ""),
        ("pro", f"{tiers}[1].flat", {"USD": "3", "EUR": "2"}, ""),
        ("pro", "minimum", {"USD": "60"}, ""),
        ("pay", "month", {}, "usage"),
        ("pay", "features.calls.beyond.each", {"USD": "0.12", "EUR": "0.1"}, ""),
    ]


def test_plans_are_shown_in_the_order_asked_for_archived_ones_when_named() -> None:
    assert [row.plan for row in price_table(catalog(), ("old", "free"))] == ["old", "free"]
    with pytest.raises(NotFound) as missing:
        price_table(catalog(), ("pr",))
    assert missing.value.hint == 'did you mean "pro"?'


def test_only_what_is_paid_by_the_period_has_a_currencys_decimals() -> None:
    fees = [row.row for row in price_table(catalog(), ("pro",)) if row.is_fee]
    assert fees == ["month", "year", "minimum"]


def test_cells_are_set_in_the_documents_of_their_plans() -> None:
    tier = "features.calls.beyond.graduated[1].flat"
    cells = (
        Cell("pro", "month", "USD", "52.50"),
        Cell("pro", "week", "EUR", "1_000"),
        Cell("pro", tier, "EUR", "4"),
    )
    asked = repriced(catalog(), cells)
    assert asked.findings == ()
    assert [(str(one.cell), one.before) for one in asked.cells] == [
        ("pro.month.USD", "49"),
        ("pro.week.EUR", ""),
        (f"pro.{tier}.EUR", "2"),
    ]
    [(address, document)] = asked.wanted.items()
    assert address == "plans.pro"
    assert document["price"] == {
        "week": {"EUR": "1000"},
        "month": {"USD": "52.5", "EUR": "46"},
        "year": {"USD": "490", "EUR": "460"},
    }
    assert leaves(document)[tier + ".EUR"] == "4"


@pytest.mark.parametrize(
    ("row", "currency", "amount", "rule"),
    [
        ("month", "USD", "4.999", "decimals"),
        ("month", "USD", "-5", "range"),
        ("month", "USD", "1e3", "number"),
        ("month", "GBP", "5", "currency-unknown"),
        ("features.calls.beyond.graduated[0].each", "USD", "cheap", "number"),
    ],
)
def test_an_amount_is_read_as_a_file_would_be_and_the_finding_names_the_cell(
    row: str, currency: str, amount: str, rule: str
) -> None:
    found = repriced(catalog(), (Cell("pro", row, currency, amount),)).findings
    assert [(one.rule, one.place.file) for one in found] == [(rule, f"pro.{row}.{currency}")]


@pytest.mark.parametrize(
    "row", ["monthly", "features.calls.beyond.each", "features.seats", "price", "name", "a..b"]
)
def test_a_row_that_is_not_there_is_named_with_those_that_are(row: str) -> None:
    with pytest.raises(NotFound) as missing:
        repriced(catalog(), (Cell("pro", row, "USD", "5"),))
    assert missing.value.code == "no-price-row"
    assert missing.value.expected.startswith("month, year, features.calls.beyond.graduated[0].each")


def test_a_free_plan_and_one_for_usage_alone_get_a_first_amount() -> None:
    asked = repriced(catalog(), (Cell("free", "month", "USD", "5"), Cell("pay", "month", "EUR", "3")))
    assert asked.wanted["plans.free"]["price"] == {"month": {"USD": "5"}}
    assert asked.wanted["plans.pay"]["price"] == {"month": {"EUR": "3"}}


def test_a_path_is_written_as_it_is_read() -> None:
    path = "features.calls.beyond.graduated[1].each"
    assert path_text(("features", "calls", "beyond", "graduated", 1, "each")) == path
