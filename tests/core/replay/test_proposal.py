"""Whom a proposal moves to which terms: everybody of a plan with a new version, as far as their row is still sold."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal

import pytest

from planctl.core.catalog.changeset import Change, ChangeSet, StoredCatalog
from planctl.core.catalog.model import AmountRange, Catalog, Plan, PriceRow, Terms
from planctl.core.document import Node
from planctl.core.periods import Anchor, Interval
from planctl.core.replay.proposal import Proposal, Stuck, moved, pack_price, proposal_of
from planctl.core.subscriptions.model import QuantityStep
from tests.core.billing import DECLARED, metered, monthly, prepaid, running, sold, t


def proposing(terms: Terms) -> Proposal:
    """A proposal of other terms for the plan of `running`."""
    return Proposal({"starter": Plan("starter", terms)})


def reading(texts: Mapping[str, str]) -> dict[str, Node]:
    """Nothing is agreed in these tests."""
    raise AssertionError(texts)


@pytest.mark.parametrize(
    ("change", "plans"),
    [
        (Change("plans.pro", "version", 1, 2), ["pro"]),
        (Change("plans.pro", "rename", 1, 2, renamed_from="plans.old"), ["old"]),
        (Change("plans.pro", "update", 1, 1), []),
        (Change("plans.pro", "create", 0, 1), []),
        (Change("plans.gone", "archive", 1, 1), []),
        (Change("features.pro", "update"), []),
    ],
)
def test_a_plan_with_a_new_version_moves_those_who_hold_it(change: Change, plans: list[str]) -> None:
    desired = Catalog("shop", plans={"pro": Plan("pro", monthly())})
    assert [*proposal_of(ChangeSet("shop", "", StoredCatalog(), (change,)), desired).plans] == plans


def test_a_subscription_keeps_its_clock() -> None:
    held = running(monthly(anchor=Anchor("calendar"), settle="renewal"))
    found = moved(held, proposing(monthly("25", bill="in arrears")), reading)
    assert not isinstance(found, Stuck)
    terms = found.terms
    assert (terms.anchor, terms.settle, terms.bill) == (Anchor("calendar"), "renewal", "in advance")
    assert terms.rows[0].fee == {"USD": Decimal(25)}


def test_what_was_bought_ahead_of_a_feature_that_goes_is_dropped() -> None:
    held = running(monthly(features=prepaid()), quantities={"seats": Decimal(12)})
    found = moved(held, proposing(monthly()), reading)
    assert not isinstance(found, Stuck)
    assert found.quantities == {}


def test_a_renamed_feature_keeps_what_was_bought_ahead_of_it() -> None:
    step = QuantityStep(t("2026-03-01"), "seats", Decimal(14), 1)
    held = running(monthly(features=prepaid()), quantities={"seats": Decimal(12)}, steps=(step,))
    proposal = replace(proposing(monthly(features=prepaid("places", up_to=13))), renamed={"seats": "places"})
    found = moved(held, proposal, reading)
    assert not isinstance(found, Stuck)
    assert found.quantities == {"places": Decimal(12)}
    assert found.quantities_at(t("2026-03-01")) == {"places": Decimal(13)}


@pytest.mark.parametrize(
    ("terms", "why"),
    [
        (sold(year="190"), "month is not sold"),
        (Terms(free=True), "it would be free"),
        (Terms(rows=(PriceRow(Interval.parse("month"), {"EUR": Decimal(19)}),)), "month is not sold in USD"),
        (
            Terms(rows=(PriceRow(Interval.parse("month"), {"USD": AmountRange(Decimal(1), Decimal(9))}),)),
            "its price is not agreed",
        ),
    ],
)
def test_a_row_that_is_not_sold_any_more_keeps_its_terms(terms: Terms, why: str) -> None:
    assert moved(running(monthly()), proposing(terms), reading) == Stuck("starter", why)


def test_usage_without_a_price_in_the_currency_keeps_its_terms() -> None:
    row = PriceRow(Interval.parse("month"), {"USD": Decimal(19), "EUR": Decimal(18)})
    held = replace(running(monthly()), currency=DECLARED["EUR"])
    found = moved(held, proposing(Terms(rows=(row,), features=metered())), reading)
    assert found == Stuck("starter", "minutes has no price in EUR")


def test_a_free_plan_that_gets_a_price_keeps_who_has_it() -> None:
    held = running(Terms(free=True))
    assert moved(held, proposing(monthly()), reading) == Stuck("starter", "it is free now")


def test_a_pack_has_a_proposed_price_where_it_is_sold_in_the_currency() -> None:
    terms = replace(sold(once="8"), kind="pack")
    proposal = Proposal({"more": Plan("more", terms)})
    assert pack_price("more", "USD", proposal) == 8
    assert pack_price("more", "EUR", proposal) is None
    assert pack_price("other", "USD", proposal) is None
