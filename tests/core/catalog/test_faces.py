"""The badges and the one line of a plan, as the documentation prints them."""

from __future__ import annotations

import pytest

from planctl.core.catalog.faces import badges, label
from tests.core.catalog.helpers import acme_catalog, catalog

VOICE = """
plans:
  voice:
    name: Voice
    packs: true
    price: {month: {USD: 19}}
    features:
      minutes: {included: 100, beyond: {charge: usage, each: {USD: 0.12}}}
      chats: true
"""


def test_the_badges_of_the_documentation() -> None:
    found = catalog(VOICE)
    assert badges(found.plans["voice"], found.currencies["USD"], found.features) == (
        "Recurring · 19.00 USD / month",
        "Usage · 0.12 USD / minute",
        "Add-on packs · On",
        "1 minute = 10 chats",
    )


def test_the_label_of_the_documentation() -> None:
    found = catalog(VOICE)
    assert label(found.plans["voice"], found.currencies["USD"]) == "Voice - 19.00 USD · 0.12/minute · Monthly"


def test_what_a_plan_does_not_charge_is_off() -> None:
    found = catalog("plans: {f: {name: Free, price: free}}")
    free = found.plans["f"]
    assert badges(free, found.currencies["USD"], found.features) == (
        "Recurring · Off",
        "Usage · Off",
        "Add-on packs · Off",
    )
    assert label(free, found.currencies["USD"]) == "Free - free"


@pytest.mark.parametrize(
    ("plan", "code", "line"),
    [
        ("starter", "USD", "Starter - 19.00 USD · 0.50/1,000 calls · Monthly"),
        ("starter", "USDT", "Starter - 19.000000 USDT · 0.5/1,000 calls · Monthly"),
        ("metered", "EUR", "Pay as you go - 0.11 EUR/minute · Monthly"),
        ("setup", "EUR", "Onboarding - 279.00 EUR · One-off"),
        ("enterprise", "USD", "Enterprise - 900.00 to 9,000.00 USD"),
        ("minutes_1k", "USD", "1 000 minutes - 15.00 USD · One-off"),
    ],
)
def test_labels_of_the_example_catalog(plan: str, code: str, line: str) -> None:
    found = acme_catalog()
    assert label(found.plans[plan], found.currencies[code], found.features).startswith(line)


def test_a_row_with_a_count_is_shown_with_it() -> None:
    found = catalog("plans: {p: {price: {2 weeks: {USD: 5}}}}")
    plan, dollar = found.plans["p"], found.currencies["USD"]
    assert badges(plan, dollar, found.features)[0] == "Recurring · 5.00 USD / 2 weeks"
    assert label(plan, dollar) == "p - 5.00 USD · 2× Weekly"


@pytest.mark.parametrize(
    ("ratio", "line"),
    [
        ("1/10", "1 minute = 10 chats"),
        ("1", "1 minute = 1 chat"),
        ("3", "1 chat = 3 minutes"),
        ("2/3", "1 minute = 1.5 chats"),
    ],
)
def test_conversions_read_with_whole_units_on_the_left(ratio: str, line: str) -> None:
    found = catalog(
        f"plans: {{p: {{price: free, features: {{minutes: 5, chats: {{spends: {{minutes: {ratio}}}}}}}}}}}"
    )
    assert badges(found.plans["p"], found.currencies["USD"], found.features)[-1] == line


@pytest.mark.parametrize(
    ("plan", "code", "row", "fee", "usage"),
    [
        ("starter", "USD", "year", "Recurring · 190.00 USD / year", "Usage · 0.50 USD / 1,000 calls"),
        (
            "starter",
            "USDT",
            "3 months",
            "Recurring · 54.000000 USDT / 3 months",
            "Usage · 0.5 USDT / 1,000 calls",
        ),
        ("metered", "EUR", "month", "Recurring · Off", "Usage · 0.11 EUR / minute"),
        ("setup", "EUR", "once", "One-off · 279.00 EUR", "Usage · Off"),
        ("enterprise", "USD", "year", "Recurring · 900.00 to 9,000.00 USD / year", None),
    ],
)
def test_the_badges_of_the_row_that_is_paid(
    plan: str, code: str, row: str, fee: str, usage: str | None
) -> None:
    found = acme_catalog()
    shown = badges(found.plans[plan], found.currencies[code], found.features, row)
    assert shown[0] == fee
    assert usage in {None, shown[1]}
