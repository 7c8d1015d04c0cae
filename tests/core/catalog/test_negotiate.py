"""Terms agreed with one customer, laid over what the plan sells to everybody."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal

import pytest

from planctl.core.catalog.emit import snapshot_document, snapshot_hash
from planctl.core.catalog.model import Plan
from planctl.core.catalog.negotiate import Agreed, agreed, check_price
from planctl.core.catalog.snapshots import terms_of
from planctl.core.document import Document, Node, Scalar
from planctl.errors import InvalidInput, PlanctlError, Refused
from planctl.files.yaml_reader import read_value
from tests.core.billing import DECLARED
from tests.core.catalog.helpers import acme_catalog

ACME = acme_catalog()
CURRENCIES = {**DECLARED, **ACME.currencies}


def snapshot(plan: str) -> Document:
    terms = ACME.plans[plan].terms
    return snapshot_document(Plan(plan, terms), ACME.features)


def read(changes: Mapping[str, str]) -> dict[str, Node]:
    nodes = {path: read_value(text, path).node for path, text in changes.items()}
    return {path: node for path, node in nodes.items() if node is not None}


def agree(plan: str, changes: Mapping[str, str]) -> Agreed:
    return agreed(plan, snapshot(plan), read(changes), CURRENCIES)


def test_nothing_agreed_is_the_plans_own_snapshot() -> None:
    made = agree("pro", {})
    assert made.snapshot == snapshot("pro")
    assert made.hash == snapshot_hash(snapshot("pro"))


def test_an_agreed_price_changes_its_own_cell_alone() -> None:
    made = agree("pro", {"price.month.USD": "45.50"})
    month, year = made.terms.row("month"), made.terms.row("year")
    assert month is not None
    assert year is not None
    assert month.fee == {"USD": Decimal("45.50"), "EUR": 46, "USDT": 49}
    assert year.fee["USD"] == 490
    assert made.hash != snapshot_hash(snapshot("pro"))


def test_what_was_agreed_is_read_back_from_the_snapshot_as_it_was_agreed() -> None:
    made = agree("pro", {"price.month.USD": "45.50", "due": "30 days", "features.minutes": "9_000"})
    again = terms_of(made.snapshot)
    assert again.due_days == 30
    assert again.features["minutes"].included == 9000
    assert snapshot_hash(made.snapshot) == made.hash


def test_a_range_becomes_the_price_that_was_agreed() -> None:
    row = agree("enterprise", {"price.year.USD": "4500"}).terms.row("year")
    assert row is not None
    assert row.fee == {"USD": Decimal(4500)}


def test_an_allowance_keeps_the_charge_beyond_it() -> None:
    seats = agree("pro", {"features.seats.included": "15"}).terms.features["seats"]
    assert seats.included == 15
    assert seats.beyond is not None


def test_the_plan_of_everybody_else_stays_as_it_is() -> None:
    before = snapshot("pro")
    agree("pro", {"price.month.USD": "1", "grace": "60 days"})
    assert snapshot("pro") == before


@pytest.mark.parametrize(
    "path", ["group", "name", "visibility", "only_for.list", "wallet.minutes", "requires", ""]
)
def test_what_is_the_plans_own_cannot_be_agreed(path: str) -> None:
    with pytest.raises(Refused) as refused:
        agreed("pro", snapshot("pro"), {path: Scalar("x")}, CURRENCIES)
    assert refused.value.code == "not-negotiable"
    assert "price" in refused.value.expected


def test_a_word_that_was_meant_is_named() -> None:
    with pytest.raises(Refused) as refused:
        agree("pro", {"prise.month.USD": "1"})
    assert "price" in refused.value.hint


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("price.month.USD", "cheap"),
        ("price.month.USD", "-1"),
        ("price.month.USD", "1.234"),
        ("price.month.GBP", "10"),
        ("due", "soon"),
        ("features.minutes", "1e3"),
        ("features.nothing", "5"),
        ("price", "5"),
        ("features.api_calls.beyond.each", "{USD: 1}"),
    ],
)
def test_a_value_that_cannot_be_read_is_refused_and_named(path: str, value: str) -> None:
    with pytest.raises(PlanctlError) as refused:
        agree("pro", {path: value})
    assert refused.value.exit_code in {3, 4}


# --- prices


def test_a_price_within_the_range_is_agreed_both_ends_included() -> None:
    terms = ACME.plans["enterprise"].terms
    for price in ("900", "9000", "4500.50"):
        assert check_price("enterprise", terms, "year", DECLARED["USD"], Decimal(price)) == "price.year.USD"


@pytest.mark.parametrize("price", ["899.99", "9000.01", "0"])
def test_a_price_outside_the_range_is_refused(price: str) -> None:
    with pytest.raises(Refused) as refused:
        check_price("enterprise", ACME.plans["enterprise"].terms, "year", DECLARED["USD"], Decimal(price))
    assert (refused.value.code, refused.value.expected) == ("price-out-of-range", "900 to 9000")


@pytest.mark.parametrize("price", ["-1", "45.505"])
def test_a_price_that_the_currency_cannot_have_is_invalid(price: str) -> None:
    with pytest.raises(InvalidInput) as invalid:
        check_price("pro", ACME.plans["pro"].terms, "month", DECLARED["USD"], Decimal(price))
    assert invalid.value.where == "--price"


def test_a_price_of_several_months_is_agreed_in_its_own_row() -> None:
    terms = ACME.plans["starter"].terms
    path = check_price("starter", terms, "3 months", DECLARED["USD"], Decimal(50))
    row = agree("starter", {path: "50"}).terms.row("3 months")
    assert row is not None
    assert row.fee == {"USD": Decimal(50), "EUR": 51, "USDT": 54}


def test_a_plan_that_is_paid_by_usage_may_get_a_fee_by_agreement() -> None:
    terms = ACME.plans["metered"].terms
    path = check_price("metered", terms, "month", DECLARED["USD"], Decimal(5))
    made = agree("metered", {path: "5"}).terms
    row = made.row("month")
    assert row is not None
    assert (row.fee, row.usage_only) == ({"USD": Decimal(5)}, False)
    assert made.features["minutes"].beyond == terms.features["minutes"].beyond
