"""Which terms stand in the way of a sale, because this version stores them without carrying them out."""

from __future__ import annotations

from decimal import Decimal

import pytest

from planctl.core.catalog.needs import not_built
from tests.core.catalog.helpers import HEAD, acme_catalog, catalog

SEVERAL = HEAD + "  load: {type: metered, aggregate: weighted}\n"


@pytest.mark.parametrize(
    ("term", "named"),
    [
        ("packs: true", ()),
        ("trial: 14 days", ("trial",)),
        ("expires: 12 months", ("expires",)),
        ("minimum: {USD: 5}", ("minimum",)),
        ("minimum: {EUR: 5}", ()),
        ("minimum: {USD: 0}", ()),
        ("maximum: {USD: 5}", ("maximum",)),
        ("features: {minutes: {included: 5, rollover: all}}", ("rollover",)),
        ("features: {minutes: {included: unlimited, rollover: all}}", ()),
        ("features: {minutes: {included: 5, prorate_allowance: true}}", ("prorate_allowance",)),
        ("features: {minutes: {included: unlimited, prorate_allowance: true}}", ()),
        (
            "anchor: calendar, features: {minutes: {included: 5, prorate_allowance: true}}",
            ("prorate_allowance",),
        ),
        ("on_blocked: final", ()),
        ("on_blocked: final, grace: 3 days", ("on_blocked: final",)),
        ("renewal_anchor: shift, grace: 3 days", ("renewal_anchor: shift",)),
        ("features: {load: 5}", ("aggregate: weighted",)),
        (
            "features: {seats: {beyond: {charge: usage, each: {USD: 1}}}}",
            ("charge: usage of a held feature",),
        ),
        ("settle: renewal, features: {minutes: {beyond: {charge: usage, each: {USD: 1}}}}", ()),
        (
            "settle: renewal, features: {minutes: {reset: day, beyond: {charge: usage, each: {USD: 1}}}}",
            ("settle: renewal",),
        ),
        ("settle: renewal, features: {minutes: {included: 5, reset: day}}", ()),
        (
            "features: {minutes: {beyond: {charge: usage,"
            " percentage: {rate: 2%, of: amount, fixed: {USD: 1}}}}}",
            ("percentage",),
        ),
    ],
)
def test_a_term_is_named_where_it_would_change_this_customers_bill_or_access(
    term: str, named: tuple[str, ...]
) -> None:
    found = catalog(f"plans: {{p: {{price: {{month: {{USD: 5}}}}, {term}}}}}", head=SEVERAL)
    assert not_built(found.plans["p"].terms, "month", "USD") == named


def test_usage_of_a_longer_interval_is_settled_with_its_allowance_unless_told_otherwise() -> None:
    text = (
        "plans: {p: {price: {year: {USD: 5}}, settle: renewal,"
        " features: {minutes: {beyond: {charge: usage, each: {USD: 1}}}}}}"
    )
    assert not_built(catalog(text).plans["p"].terms, "year", "USD") == ("settle: renewal",)


def test_a_start_without_its_trial_needs_none() -> None:
    terms = acme_catalog().plans["pro"].terms
    assert not_built(terms, "month", "USD") == ("trial",)
    assert not_built(terms, "month", "USD", trial=False) == ()


def test_add_ons_and_packs_are_named() -> None:
    plans = acme_catalog().plans
    assert not_built(plans["extra_seat"].terms, "month", "USD") == ("addon",)
    assert not_built(plans["minutes_1k"].terms, "once", "USD") == ("wallet",)


def test_a_price_kind_matters_for_prepaid_units_only_where_more_are_bought() -> None:
    text = (
        "plans: {p: {price: {month: {USD: 5}}, features: {seats: {included: 2,"
        " beyond: {charge: prepaid, percentage: {rate: 2%, of: amount, fixed: {USD: 1}}}}}}}"
    )
    terms = catalog(text).plans["p"].terms
    assert not_built(terms, "month", "USD", {"seats": Decimal(2)}) == ()
    assert not_built(terms, "month", "USD", {"seats": Decimal(3)}) == ("percentage",)
