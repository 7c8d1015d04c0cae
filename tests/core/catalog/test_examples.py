"""Price examples: bills worked out by hand from the catalog's words."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest

from planctl.core.catalog.documents import example_document
from planctl.core.catalog.examples import bill_minor
from planctl.findings import Level
from tests.core.catalog.helpers import acme_catalog, catalog, parsed

PRO = """
plans:
  pro:
    price: {month: {USD: 49}, year: {USD: 490}}
    features:
      minutes: {included: 100, beyond: {charge: usage, each: {USD: 0.125}}}
      chats: true
      seats: {included: 10, beyond: {charge: prepaid, each: {month: {USD: 4}, year: {USD: 40}}, up_to: 50}}
"""


def test_the_example_of_the_documentation_costs_539() -> None:
    # 49.00, and of 1,600,000 calls 100,000 are included: 900,000 × 0.0004 + 600,000 × 0.0002 + 10 = 490.00
    found = acme_catalog()
    assert bill_minor(found, found.examples["heavy_pro"]) == 53900


@pytest.mark.parametrize(
    ("example", "bill"),
    [
        ("pay: month", "49.00"),  # nothing used, nothing bought
        ("pay: month, use: {minutes: 100}", "49.00"),
        ("pay: month, use: {minutes: 101}", "49.13"),  # 0.125 rounds up
        ("pay: month, use: {minutes: 95, chats: 70}", "49.25"),  # 95 + 7 = 102, two over
        ("pay: month, use: {seats: 12}", "57.00"),  # two seats bought ahead at 4
        ("pay: year, use: {seats: 12}", "570.00"),  # at 40 by the year
        ("pay: month, use: {seats: 3}", "49.00"),
    ],
)
def test_a_bill_is_the_fee_the_quantities_bought_and_the_usage(example: str, bill: str) -> None:
    text = f"examples: {{e: {{plan: pro, in: USD, {example}, bill: {bill}}}}}"
    assert parsed(PRO, text).findings == ()


def test_a_wrong_bill_names_both_amounts_and_the_difference() -> None:
    text = "examples:\n  e: {plan: pro, pay: month, use: {minutes: 108}, bill: 49.00}"
    (finding,) = parsed(PRO, text).findings
    assert (finding.rule, finding.level) == ("example-mismatch", Level.ERROR)
    assert (finding.expected, finding.got) == ("49.00 USD", "50.00 USD")
    assert finding.message == "example e costs 50.00 USD, not 49.00 USD (difference +1.00 USD)"
    assert (finding.place.file, finding.place.line) == ("file1.yaml", 2)


@pytest.mark.parametrize(
    ("example", "rule"),
    [
        ("plan: por, bill: 1", "plan-unknown"),
        ("plan: pro, bill: 1", "example-missing"),
        ("plan: pro, pay: week, bill: 1", "row-unknown"),
        ("plan: pro, pay: month, in: GBP, bill: 1", "currency-unknown"),
        ("plan: pro, pay: month, in: EUR, bill: 1", "example-impossible"),
        ("plan: pro, pay: month, use: {minuts: 5}, bill: 49", "feature-unknown"),
        ("plan: pro, pay: month, use: {sso: 5}, bill: 49", "example-impossible"),
        ("plan: pro, pay: month, bill: 49.005", "decimals"),
        ("plan: pro, pay: month, bill: 49, usage: 5", "unknown-key"),
    ],
)
def test_an_example_that_cannot_be_run_is_one_error(example: str, rule: str) -> None:
    (finding,) = parsed(PRO, f"examples: {{e: {{{example}}}}}").findings
    assert (finding.rule, finding.level) == (rule, Level.ERROR)


def test_a_price_agreed_at_assignment_has_no_example() -> None:
    text = "plans: {p: {price: {year: {USD: 9..90}}}}\nexamples: {e: {plan: p, bill: 9}}"
    assert [finding.rule for finding in parsed(text).findings] == ["example-impossible"]


def test_a_free_plan_and_one_without_a_fee_can_be_examples() -> None:
    text = (
        "plans: {f: {price: free}, u: {price: {month: usage},"
        " features: {minutes: {beyond: {charge: usage, each: {USD: 0.12}}}}}}\n"
        "examples: {e: {plan: f, in: USD, bill: 0}, g: {plan: u, in: USD, use: {minutes: 10}, bill: 1.20}}"
    )
    assert parsed(text).findings == ()


def test_a_minimum_fills_the_bill_up_and_a_maximum_caps_its_usage() -> None:
    text = PRO + "    minimum: {USD: 60}\n    maximum: {USD: 20}\n"
    examples = (
        "examples: {e: {plan: pro, pay: month, use: {minutes: 100000}, bill: 69},"
        " f: {plan: pro, pay: month, bill: 60}}"
    )
    assert parsed(text, examples).findings == ()


def test_usage_above_a_hard_limit_costs_nothing() -> None:
    found = catalog(
        "plans: {p: {price: {month: {USD: 5}}, features: {minutes: 10}}}", "examples: {e: {plan: p, bill: 5}}"
    )
    example = replace(found.examples["e"], use={"minutes": Decimal(1000)})
    assert bill_minor(found, example) == 500


PAYMENTS = """
features: {payments: {type: metered, event: payment, aggregate: count}}
plans:
  shop:
    price: {month: {USD: 5}}
    features:
      payments:
        included: 1
        beyond: {charge: usage, percentage: {rate: 2%, of: amount, fixed: {USD: 0.30}}}
"""


def test_a_feature_that_is_priced_by_event_lists_the_amounts_of_its_events() -> None:
    # The first payment is included; 2 % of 100 + 0.30 and 2 % of 12.50 + 0.30 are 2.85.
    text = "examples: {e: {plan: shop, in: USD, use: {payments: [50, 100, 12.50]}, bill: 7.85}}"
    assert parsed(PAYMENTS, text).findings == ()
    found = catalog(PAYMENTS, text)
    assert example_document(found.examples["e"])["use"] == {"payments": ["50", "100", "12.5"]}


def test_a_meter_that_sums_the_amounts_includes_an_amount() -> None:
    # 50 are included: 100 and 12.50 pay 2 %, and 0.30 each.
    summed = PAYMENTS.replace("aggregate: count", "value: amount").replace("included: 1", "included: 50")
    text = "examples: {e: {plan: shop, in: USD, use: {payments: [50, 100, 12.50]}, bill: 7.85}}"
    assert parsed(summed, text).findings == ()


@pytest.mark.parametrize(
    ("use", "message"),
    [
        ("payments: 3", "payments is priced by event: write a list, the amount of each event"),
        ("payments: [5], minutes: [5]", "minutes is not priced by event: write its quantity"),
    ],
)
def test_an_example_says_events_where_they_are_priced_and_quantities_elsewhere(
    use: str, message: str
) -> None:
    plan = PAYMENTS + "      minutes: 5\n"
    (finding,) = parsed(plan, f"examples: {{e: {{plan: shop, in: USD, use: {{{use}}}, bill: 5}}}}").findings
    assert finding.rule == "example-impossible"
    assert finding.message == f"example e: {message}"


SOLD_WIDELY = """
features: {calls: {type: metered}}
plans:
  team:
    price: {month: {USD: 20, EUR: 18}, 3 months: {USD: 54, EUR: 51}}
    features:
      minutes: {included: 100, beyond: {charge: usage, each: {USD: 0.10, EUR: 0.09}}}
      calls: {included: 1_000, beyond: {charge: usage, package: {of: 500, price: {USD: 2, EUR: 1.80}}}}
      seats:
        included: 2
        beyond: {charge: prepaid, each: {month: {USD: 4, EUR: 3.50}, 3 months: {USD: 11, EUR: 10}}}
addons:
  pack: {price: {once: {USD: 15, EUR: 14}}, wallet: {minutes: 100}}
  seat: {price: {month: {USD: 6}}, quantity: 1..20, features: {seats: 1}}
defaults: {packs: true}
"""


@pytest.mark.parametrize(
    ("example", "bill"),
    [
        # 18 + 3 more seats at 3.50 + 40 minutes at 0.09 + 501 calls, two packages, at 1.80
        ("plan: team, pay: month, in: EUR, use: {seats: 5, minutes: 140, calls: 1_501}", "35.70"),
        # 54 + 1 seat at 11 for the quarter; usage is that of one allowance period, a month: 10 minutes at 0.10
        ("plan: team, pay: 3 months, in: USD, use: {seats: 3, minutes: 110}", "66.00"),
        ("plan: pack, in: EUR", "14"),
        ("plan: seat, in: USD", "6"),
    ],
)
def test_several_features_currencies_intervals_and_add_ons_can_be_examples(example: str, bill: str) -> None:
    assert parsed(SOLD_WIDELY, f"examples: {{e: {{{example}, bill: {bill}}}}}").findings == ()


def test_a_meters_rounding_counts_in_an_example() -> None:
    text = (
        "features: {gb: {type: metered, round: {to: 0, mode: up}}}\n"
        "plans: {p: {price: {month: {USD: 5}}, features: {gb: {beyond: {charge: usage, each: {USD: 1}}}}}}\n"
        "examples: {e: {plan: p, in: USD, use: {gb: 1.2}, bill: 7}}"
    )
    assert parsed(text).findings == ()


def test_an_example_beyond_the_largest_amount_is_a_finding_and_no_traceback() -> None:
    text = "examples: {e: {plan: pro, pay: month, use: {minutes: 999999999999999999}, bill: 49}}"
    (finding,) = parsed(PRO, text).findings
    assert finding.rule == "example-impossible"
    assert "beyond 10,000,000,000,000" in finding.message
