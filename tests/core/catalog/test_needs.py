"""Which terms stand in the way of a sale, because this version stores them without carrying them out."""

from __future__ import annotations

import pytest

from planctl.core.catalog.needs import not_built
from tests.core.catalog.helpers import HEAD, acme_catalog, catalog

SEVERAL = HEAD + "  load: {type: metered, aggregate: weighted}\n"


@pytest.mark.parametrize(
    ("term", "named"),
    [
        ("packs: true", ()),
        ("trial: 14 days, expires: 12 months", ()),
        ("minimum: {USD: 5}, maximum: {USD: 9}, settle: renewal", ()),
        ("features: {minutes: {included: 5, rollover: all, prorate_allowance: true}}", ()),
        ("on_blocked: final, renewal_anchor: shift, grace: 3 days", ()),
        ("features: {load: 5, seats: {beyond: {charge: usage, each: {USD: 1}}}}", ()),
        (
            "features: {minutes: {beyond: {charge: usage,"
            " percentage: {rate: 2%, of: amount, fixed: {USD: 1}}}}}",
            (),
        ),
    ],
)
def test_a_term_is_named_where_it_would_change_this_customers_bill_or_access(
    term: str, named: tuple[str, ...]
) -> None:
    found = catalog(f"plans: {{p: {{price: {{month: {{USD: 5}}}}, {term}}}}}", head=SEVERAL)
    assert not_built(found.plans["p"].terms, "month", "USD") == named


def test_add_ons_and_packs_need_nothing_more() -> None:
    plans = acme_catalog().plans
    assert not_built(plans["extra_seat"].terms, "month", "USD") == ()
    assert not_built(plans["minutes_1k"].terms, "once", "USD") == ()
