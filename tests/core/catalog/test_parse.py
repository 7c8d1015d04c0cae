"""The catalog format: its short forms, its sections in any file, and mistakes with their places."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from fractions import Fraction

import pytest

from planctl.core.catalog.model import AmountRange, Meter, OnlyFor, PriceRow, Trial
from planctl.core.catalog.parse import parse
from planctl.core.currencies import Currency
from planctl.core.metering.model import Rounding
from planctl.core.periods import Anchor, Interval
from planctl.core.pricing.kinds.convert import Convert
from planctl.core.pricing.kinds.tiers import Tier
from planctl.core.pricing.kinds.volume import Volume
from planctl.findings import Place
from tests.core.catalog.helpers import HEAD, acme, acme_catalog, catalog, complaints, parsed, tree


def test_the_example_catalog_of_the_documentation_has_no_finding() -> None:
    assert acme().findings == ()


def test_currencies_take_name_and_decimals_from_iso_unless_they_are_the_catalogs_own() -> None:
    found = acme_catalog().currencies
    assert found["USD"] == Currency("USD", "US Dollar", 2)
    assert found["USDT"] == Currency("USDT", "Tether", 6, iso=False)


def test_features_have_their_types_meters_and_conversions() -> None:
    features = acme_catalog().features
    assert features["connectors"].values == ("hubspot", "zapier", "salesforce")
    assert features["chats"].spends == {"minutes": Fraction(1, 10)}
    assert features["seats"].held
    assert features["gpt_tokens"].meter == Meter("completion", "sum", "tokens", {"model": "large"})
    assert features["gpt_tokens"].name == "gpt_tokens"
    assert features["visitors"].meter == Meter("visit", "unique", "visitor_id")


def test_price_rows_come_from_the_shortest_to_the_longest() -> None:
    rows = acme_catalog().plans["starter"].terms.rows
    assert [str(row.interval) for row in rows] == ["month", "3 months", "year"]
    assert rows[1].fee == {"USD": Decimal(54), "EUR": Decimal(51), "USDT": Decimal(54)}


def test_a_free_plan_a_usage_row_a_one_off_and_a_range_are_prices() -> None:
    plans = acme_catalog().plans
    assert plans["free"].terms.free
    assert plans["free"].terms.rows == ()
    assert plans["metered"].terms.rows == (PriceRow(Interval("month"), usage_only=True),)
    assert plans["setup"].terms.rows == (
        PriceRow(Interval("once"), {"USD": Decimal(299), "EUR": Decimal(279)}),
    )
    assert plans["enterprise"].terms.rows[0].fee == {"USD": AmountRange(Decimal(900), Decimal(9000))}


def test_short_forms_of_a_feature_mean_an_allowance_a_conversion_or_no_limit() -> None:
    plans = acme_catalog().plans
    starter = plans["starter"].terms.features
    assert starter["minutes"].included == 1000
    assert starter["minutes"].beyond is None
    assert not starter["chats"].own_allowance
    assert starter["chats"].spends == {"minutes": Fraction(1, 10)}
    assert starter["connectors"].values == ("hubspot",)
    assert plans["enterprise"].terms.features["minutes"].included is None


def test_a_price_past_the_allowance_may_differ_by_row() -> None:
    beyond = acme_catalog().plans["pro"].terms.features["seats"].beyond
    assert beyond is not None
    assert beyond.charge == "prepaid"
    assert beyond.up_to == 50
    monthly, yearly = beyond.price_for("month"), beyond.price_for("year")
    assert monthly is not None
    assert yearly is not None
    assert monthly.document() == {"EUR": "3.75", "USD": "4", "USDT": "4"}
    assert yearly.document() == {"EUR": "37.5", "USD": "40", "USDT": "40"}
    assert beyond.price_for("3 months") is None


def test_an_allowance_resets_with_the_interval_or_each_month_where_that_is_longer() -> None:
    assert acme_catalog().plans["enterprise"].terms.features["api_calls"].reset == "month"
    assert acme_catalog().plans["starter"].terms.features["seats"].reset == "never"
    weekly = catalog("plans: {p: {price: {2 weeks: {USD: 5}}, features: {minutes: 5}}}")
    assert weekly.plans["p"].terms.features["minutes"].reset == "interval"
    explicit = catalog(
        "plans: {p: {price: {year: {USD: 5}}, features: {minutes: {included: 5, reset: interval}}}}"
    )
    assert explicit.plans["p"].terms.features["minutes"].reset == "interval"


def test_add_ons_packs_quantities_and_lengths() -> None:
    plans = acme_catalog().plans
    assert plans["extra_seat"].kind == "addon"
    assert plans["extra_seat"].terms.quantity == (1, 20)
    assert plans["extra_seat"].terms.requires == ("pro", "starter")
    assert plans["minutes_1k"].kind == "pack"
    assert plans["minutes_1k"].terms.wallet == {"minutes": Decimal(1000)}
    assert plans["minutes_1k"].terms.expires == "12 months"


def test_trial_only_for_minimum_and_days() -> None:
    plans = acme_catalog().plans
    assert plans["starter"].terms.trial == Trial(14, False, ("customer", "fingerprint"))
    enterprise = plans["enterprise"]
    assert enterprise.terms.trial is None
    assert enterprise.terms.minimum == {"USD": Decimal(1000)}
    assert (enterprise.terms.due_days, enterprise.terms.grace_days) == (30, 10)
    assert enterprise.offer.only_for == OnlyFor(("dean@school.example",), ("uni.example.edu",))


def test_taxes_coupons_examples_page_and_groups() -> None:
    found = acme_catalog()
    assert found.taxes["vat_de"].rates == (
        (date(2020, 7, 1), Decimal("0.16")),
        (date(2021, 1, 1), Decimal("0.19")),
    )
    assert found.taxes["gst_in"].rates == ((date(1970, 1, 1), Decimal("0.18")),)
    assert found.taxes["gst_in"].included
    launch = found.coupons["launch20"]
    assert (launch.percent, launch.periods, launch.plans) == (Decimal("0.2"), 3, ("pro", "starter"))
    assert (launch.until, launch.max_redemptions) == (date(2026, 12, 31), 100)
    assert found.coupons["tenner"].amounts == {"USD": Decimal(10), "EUR": Decimal(9)}
    assert found.examples["heavy_pro"].use == {"api_calls": Decimal(1_600_000)}
    assert found.page["button"] == "https://acme.example/start/{plan}"
    assert found.groups["main"].order == ("free", "starter", "pro", "enterprise")
    assert (found.groups["main"].switch_up, found.groups["main"].switch_down) == ("now", "at renewal")
    assert not found.groups["extras"].exclusive


def test_built_in_defaults_hold_where_nothing_is_written() -> None:
    terms = catalog("plans: {p: {price: {month: {USD: 5}}}}").plans["p"].terms
    assert terms.group == "default"
    assert (terms.due_days, terms.grace_days, terms.packs) == (14, None, False)
    assert (terms.anchor, terms.proration, terms.bill) == (Anchor("start"), "day", "in advance")
    assert (terms.decrease, terms.settle, terms.expires) == ("renewal", "allowance", "never")


def test_a_plan_paid_once_and_an_add_on_are_in_no_group() -> None:
    found = catalog("plans: {p: {price: {once: {USD: 5}}}}\naddons: {a: {price: {month: {USD: 5}}}}")
    assert [plan.terms.group for plan in found.plans.values()] == ["", ""]


@pytest.mark.parametrize(
    ("written", "days"), [("trial: 1 day", 1), ("trial: {days: 30}", 30), ("trial: none", None)]
)
def test_short_and_long_trials(written: str, days: int | None) -> None:
    trial = catalog(f"plans: {{p: {{price: {{month: {{USD: 5}}}}, {written}}}}}").plans["p"].terms.trial
    assert (trial.days if trial else None) == days


def test_any_section_may_stand_in_any_file_and_order_never_matters() -> None:
    files = [
        tree(HEAD, "b.yaml"),
        tree("plans: {one: {price: free}}", "a.yaml"),
        tree("plans: {two: {price: free, like: one}}\npage: {title: T}", "c.yaml"),
    ]
    forward, backward = parse(files), parse(files[::-1])
    assert forward == backward
    assert forward.catalog is not None
    assert set(forward.catalog.plans) == {"one", "two"}


def test_an_id_defined_twice_names_both_places() -> None:
    (finding,) = parsed("plans:\n  one: {price: free}", "plans:\n  one: {price: free}").findings
    assert finding.rule == "duplicate-id"
    assert finding.place == Place("file1.yaml", 2, 3, 3)
    assert finding.also == Place("file0.yaml", 2, 3, 3)


def test_a_plan_and_an_add_on_share_their_ids() -> None:
    assert complaints("plans: {one: {price: free}}", "addons: {one: {price: free}}") == ["duplicate-id"]


def test_a_change_note_is_one_file_or_an_entry_of_changes() -> None:
    note = "title: Up\nwhy: costs\naccept: [77c1d09e5b3f]"
    found = parse(
        [
            tree(HEAD),
            tree(note, "changes/2026-10.yaml"),
            tree("changes: {x: {why: a, accept: [66716f09291c]}}", "n.yaml"),
        ]
    )
    assert found.catalog is not None
    assert found.findings == ()
    notes = found.catalog.notes
    assert (notes["2026-10"].title, notes["2026-10"].accept) == ("Up", ("77c1d09e5b3f",))
    assert notes["x"].accept == ("66716f09291c",)


def test_policy_levels_and_thresholds() -> None:
    text = (
        "policy: {hidden: breaking, levels: {due-shorter: safe}, max_price_change: 10%,"
        " max_mrr_at_risk: {USD: 5}}"
    )
    policy = catalog(text).policy
    assert policy.levels == {"hidden": "breaking", "due-shorter": "safe"}
    assert policy.max_price_change == Decimal("0.1")
    assert policy.max_mrr_at_risk == {"USD": Decimal(5)}


def test_an_unknown_currency_is_shown_where_it_stands_with_what_is_known() -> None:
    (finding,) = parsed("plans:\n  p:\n    price:\n      month: {USD: 49, GPB: 41}").findings
    assert (finding.rule, finding.place) == ("currency-unknown", Place("file0.yaml", 4, 24, 3))
    assert finding.message == 'unknown currency "GPB"'
    assert finding.hint == "not declared; known: USD, EUR"


def test_an_unknown_feature_is_one_finding_with_a_near_miss() -> None:
    (finding,) = parsed("plans: {p: {price: free, features: {minuts: 5}}}").findings
    assert (finding.rule, finding.hint) == ("feature-unknown", 'did you mean "minutes"?')


def test_a_feature_whose_definition_is_wrong_is_not_unknown_too() -> None:
    head = HEAD.replace("type: boolean", "type: bolean")
    assert complaints("plans: {p: {price: free, features: {sso: true}}}", head=head) == ["choice"]


def test_all_findings_come_in_one_run_sorted_by_place() -> None:
    text = """
plans:
  p:
    price: {month: {USD: 1.999}, fortnight: {USD: 5}}
    grouping: main
    trial: soon
  q:
    price: {month: {USD: 1e3, EUR: 010}}
    features: {sso: 5, apps: [mall], seats: [1], chats: {included: x}}
"""
    found = parsed(text).findings
    assert [(finding.place.line, finding.rule) for finding in found] == [
        (4, "decimals"),
        (4, "interval"),
        (5, "unknown-key"),
        (6, "days"),
        (8, "number"),
        (8, "number"),
        (9, "feature-type"),
        (9, "value-unknown"),
        (9, "type"),
        (9, "number"),
    ]


PLAN = "plans: {{p: {{price: {{month: {{USD: 5}}}}, {0}}}}}"
MISTAKES = [
    ("nothing", "type", "catalog: x\nformat: planctl.catalog/1\nplans: [a]"),
    ("format", "format", "catalog: x\nformat: planctl.catalog/2"),
    ("no format", "format-missing", "catalog: x"),
    ("no name", "name-missing", "format: planctl.catalog/1"),
]


@pytest.mark.parametrize(
    ("rule", "text"), [case[1:] for case in MISTAKES], ids=[case[0] for case in MISTAKES]
)
def test_what_a_file_must_say_about_itself(rule: str, text: str) -> None:
    assert complaints(text, head="") == [rule]


def test_two_files_must_agree_on_the_catalogs_name() -> None:
    assert complaints("catalog: other") == ["header-differs"]


@pytest.mark.parametrize(
    ("field", "rule"),
    [
        ("quantity: 5..2", "range"),
        ("quantity: none", "number"),
        ("expires: soon", "expires"),
        ("expires: once", "expires"),
        ("anchor: day 32", "anchor"),
        ("due: 2 weeks", "days"),
        ("grace: -1 days", "days"),
        ("packs: maybe", "boolean"),
        ("proration: hour", "choice"),
        ("only_for: {}", "only-for-empty"),
        ("only_for: {emails: []}", "only-for-empty"),
        ("trial: 0 days", "range"),
        ("trial: {days: 14, once_per: [email]}", "choice"),
        ("trial: {card: true}", "trial"),
        ("minimum: {USD: 1.005}", "decimals"),
        ("was: Old", "id"),
        ("requires: [a, a]", "duplicate"),
        ('name: "a\\u202eb"', "character"),
        ("like: q", "like-unknown"),
        ("features: {chats: }", "feature-type"),
        ("features: {minutes: true}", "allowance-missing"),
        ("features: {minutes: {late: bill}}", "allowance-missing"),
        ("features: {apps: true}", "feature-type"),
        ("features: {minutes: {included: 5, rollover: some}}", "number"),
        ("features: {minutes: {beyond: {each: {USD: 1}}}}", "charge-missing"),
        ("features: {minutes: {beyond: {charge: usage}}}", "price-kind"),
        ("features: {minutes: {beyond: {charge: usage, each: {USD: 1}, volume: []}}}", "price-kind"),
        ("features: {minutes: {beyond: {charge: usage, each: {month: {USD: 1}, x: {USD: 1}}}}}", "interval"),
    ],
)
def test_a_mistake_in_a_plan_is_exactly_one_error(field: str, rule: str) -> None:
    assert complaints(PLAN.format(field)) == [rule]


@pytest.mark.parametrize(
    ("price", "rule"),
    [
        ("price: monthly", "price"),
        ("price: {}", "price-missing"),
        ("price: {month: {}}", "price-missing"),
        ("price: {month: {USD: 5}, 1 month: {USD: 6}}", "duplicate"),
        ("price: {month: {USD: 9..5}}", "range"),
        ("price: {month: {USD: 1.005..5}}", "decimals"),
        ("name: P", "price-missing"),
    ],
)
def test_a_mistake_in_a_price_is_exactly_one_error(price: str, rule: str) -> None:
    assert complaints(f"plans: {{p: {{{price}}}}}") == [rule]


@pytest.mark.parametrize(
    ("section", "rule"),
    [
        ("currencies: {USDX: }", "currency-not-iso"),
        ("currencies: {COIN: {iso: false}}", "currency-decimals"),
        ("currencies: {GBP: {iso: false, decimals: 2}}", "currency-iso"),
        ("currencies: {JPY: {decimals: 2}}", "currency-decimals"),
        ("currencies: {usd: }", "currency-code"),
        ("currencies: {COIN: {iso: false, decimals: 13}}", "range"),
        ("features: {x: {unit: y}}", "type-missing"),
        ("features: {x: {type: boolean, unit: y}}", "feature-type"),
        ("features: {x: {type: metered, values: [y]}}", "feature-type"),
        ("features: {x: {type: metered, aggregate: unique}}", "value-missing"),
        ("features: {X: {type: boolean}}", "id"),
        ("taxes: {t: {rate: 19}}", "percent"),
        ("taxes: {t: {rate: 190%}}", "range"),
        ("taxes: {t: {rate: {2021-02-30: 19%}}}", "date"),
        ("taxes: {t: {rate: 19%, country: Germany}}", "country"),
        ("taxes: {t: {name: x}}", "rate-missing"),
        ("coupons: {c: {for: once}}", "coupon-empty"),
        ("coupons: {c: {off: 0%}}", "coupon-empty"),
        ("coupons: {c: {off: 5%, for: 3 months}}", "coupon-for"),
        ("coupons: {c: {off: 5%, until: tomorrow}}", "date"),
        ("page: {colour: 'red;}'}", "colour"),
        ("page: {button: 'javascript:alert(1)'}", "link"),
        ("page: {tittle: x}", "unknown-key"),
        ("policy: {hiden: safe}", "unknown-key"),
        ("policy: {hidden: never}", "choice"),
        ("defaults: {price: free}", "unknown-key"),
        ("defaults: {visibility: hidden}\nplans: {a: {price: free}, b: {price: free}}", "choice"),
        ("include: other.yaml", "unknown-key"),
        ("changes: {n: {why: x}}", "note-empty"),
        ("examples: {e: {bill: 5}}", "example-missing"),
    ],
)
def test_a_mistake_in_another_section_is_exactly_one_error(section: str, rule: str) -> None:
    assert complaints(section) == [rule]


def test_a_list_feature_without_declared_values_grants_any() -> None:
    head = HEAD.replace(", values: [mail, chat]", "")
    found = catalog("plans: {p: {price: free, features: {apps: [NO, 1e3]}}}", head=head)
    assert found.plans["p"].terms.features["apps"].values == ("1e3", "NO")


def test_a_plans_own_conversion_replaces_the_definitions() -> None:
    found = catalog("plans: {p: {price: free, features: {minutes: 5, chats: {spends: {minutes: 1/5}}}}}")
    entry = found.plans["p"].terms.features["chats"]
    assert entry.spends == {"minutes": Fraction(1, 5)}
    assert not entry.own_allowance


def test_a_meter_may_round_the_quantity_of_a_period() -> None:
    def rounding(text: str) -> Rounding | None:
        return catalog(f"features: {{gb: {{type: metered, round: {text}}}}}").features["gb"].meter.rounding

    assert rounding("{to: 2, mode: up}") == Rounding(2, "up")
    assert rounding("{to: -3, mode: down}") == Rounding(-3, "down")
    assert rounding("{}") == Rounding(0, "half_up")
    assert catalog("features: {gb: {type: metered}}").features["gb"].meter.rounding is None


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        ("{type: metered, round: {to: 13}}", "range"),
        ("{type: metered, round: {to: -19}}", "range"),
        ("{type: metered, round: {to: 1.5}}", "decimals"),
        ("{type: metered, round: {mode: ceil}}", "choice"),
        ("{type: metered, round: up}", "type"),
        ("{type: boolean, round: {to: 0}}", "feature-type"),
    ],
)
def test_a_rounding_that_says_nothing_clear_is_one_error(text: str, rule: str) -> None:
    assert complaints(f"features: {{gb: {text}}}") == [rule]


def test_what_stands_beside_a_price_is_read_with_it() -> None:
    found = catalog(
        "plans: {p: {price: {month: {USD: 5}}, features: {minutes: {included: 100, beyond: {charge: usage,"
        " flat_at_zero: true, convert: {by: 60}, included_as: tier, volume: [{each: {USD: 1}}]}}}}}"
    )
    beyond = found.plans["p"].terms.features["minutes"].beyond
    assert beyond
    price = beyond.price_for("month")
    assert price == Volume((Tier(None, {"USD": Decimal(1)}),), True, Convert(Decimal(60)), True)


# --- more findings than anybody reads


def dear_years(number: int, *rest: str) -> str:
    """So many plans whose year costs more than its twelve months, in USD and in EUR: two warnings each."""
    price = "price: {month: {USD: 10, EUR: 10}, year: {USD: 121, EUR: 121}}"
    plans = "".join(f"  p{one:04}: {{{price}}}\n" for one in range(number))
    return f"plans:\n{plans}{''.join(rest)}"


def test_more_than_a_thousand_warnings_leave_a_catalog_usable() -> None:
    found = parsed(dear_years(501))  # 1,002 warnings
    assert found.usable
    assert [one.rule for one in found.findings] == ["longer-row-dearer"] * 1_000 + ["too-many-findings"]
    assert found.findings[-1].message == "the catalog has more than 1,000 findings"
    assert not any(one.is_error for one in found.findings)


def test_a_thousand_warnings_are_all_there() -> None:
    assert complaints(dear_years(500)) == ["longer-row-dearer"] * 1_000


def test_an_error_is_not_lost_behind_warnings() -> None:
    found = parsed(dear_years(501, "  last: {group: nowhere, price: free}\n"))
    assert not found.usable
    assert [one.rule for one in found.findings if one.is_error] == ["group-unknown"]
    assert (len(found.findings), found.findings[-1].rule) == (1_001, "too-many-findings")


def test_more_than_a_thousand_errors_are_an_error_themselves() -> None:
    order = ", ".join(f"p{one}" for one in range(1_001))
    found = parsed(f"groups: {{main: {{order: [{order}]}}}}\n")
    assert [one.rule for one in found.findings] == ["order-unknown"] * 1_000 + ["too-many-findings"]
    assert found.findings[-1].is_error
    assert found.findings[-1].message == "the catalog has more than 1,000 errors"
