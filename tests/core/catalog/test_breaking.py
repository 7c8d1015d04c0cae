"""Every compatibility rule: what touches it, at which level, and what does not."""

from __future__ import annotations

from decimal import Decimal
from hashlib import sha256

import pytest

from planctl.core.catalog.breaking import RULES, fingerprint, stricter
from planctl.core.catalog.diff import diff
from planctl.core.catalog.model import Policy
from planctl.core.catalog.parse_sections import CHANGE_RULES
from tests.core.catalog.diffing import CATALOG, catalog, changed, edited, rules, stored

Edit = tuple[str, str]
PRO_MONTH = "month: {USD: 49, EUR: 46}"
PRO_YEAR = "      year: {USD: 490, EUR: 460}\n"
CALLS = "calls: {included: 1_000, beyond: {charge: usage, each: {USD: 0.10, EUR: 0.09}}}"
CONNECTORS = "      connectors: [hubspot, zapier]"
PACK = CATALOG[CATALOG.index("  pack:") : CATALOG.index("coupons:")]
BASIC = CATALOG[CATALOG.index("  basic:") : CATALOG.index("  pro:")]

CASES: list[tuple[str, str, str, str, list[Edit]]] = [
    # rule, address, path, level, what is edited
    ("price-increase", "plans.pro", "price.month.USD", "caution", [(PRO_MONTH, "month: {USD: 55, EUR: 46}")]),
    (
        "price-increase",
        "plans.pro",
        "price.month.USD",
        "caution",
        [(PRO_MONTH, "month: {USD: 61.25, EUR: 46}")],
    ),
    (
        "price-increase",
        "plans.pro",
        "price.month.USD",
        "breaking",
        [(PRO_MONTH, "month: {USD: 61.26, EUR: 46}")],
    ),
    ("price-increase", "plans.pro", "minimum.USD", "breaking", [("due: 14 days", "minimum: {USD: 10}")]),
    ("price-decrease", "plans.pro", "price.month.USD", "safe", [(PRO_MONTH, "month: {USD: 48, EUR: 46}")]),
    ("price-to-zero", "plans.pro", "price.month.USD", "breaking", [(PRO_MONTH, "month: {USD: 0, EUR: 46}")]),
    ("price-to-zero", "plans.pro", "price.month", "breaking", [(PRO_MONTH, "month: usage")]),
    (
        "price-curve-dearer",
        "plans.pro",
        "features.calls.beyond",
        "caution",
        [("0.10, EUR: 0.09", "0.11, EUR: 0.09")],
    ),
    (
        "price-curve-dearer",
        "plans.pro",
        "features.calls.beyond",
        "breaking",
        [("0.10, EUR: 0.09", "0.13, EUR: 0.09")],
    ),
    ("allowance-decrease", "plans.pro", "features.minutes.included", "breaking", [("5_000", "4_000")]),
    (
        "allowance-decrease",
        "addons.pack",
        "wallet.minutes",
        "breaking",
        [("{minutes: 1_000}", "{minutes: 900}")],
    ),
    ("feature-removed", "plans.pro", "features.sso", "breaking", [("      sso: true\n", "")]),
    (
        "feature-removed",
        "plans.pro",
        "features.connectors.values",
        "breaking",
        [(CONNECTORS, CONNECTORS.replace(", zapier", ""))],
    ),
    ("conversion-worse", "features.chats", "spends.minutes", "breaking", [("minutes: 1/10", "minutes: 1/5")]),
    (
        "conversion-worse",
        "plans.pro",
        "features.chats.spends.minutes",
        "breaking",
        [("chats: true", "chats: {spends: {minutes: 1/5}}")],
    ),
    ("currency-removed", "addons.boost", "price.month.EUR", "breaking", [("{USD: 6, EUR: 5}", "{USD: 6}")]),
    ("interval-removed", "plans.pro", "price.year", "breaking", [(PRO_YEAR, "")]),
    (
        "charge-mode-changed",
        "plans.pro",
        "features.calls.beyond.charge",
        "breaking",
        [
            (
                CALLS,
                "calls: {included: 1_000, beyond: {charge: prepaid, "
                "each: {month: {USD: 0.10, EUR: 0.09}, year: {USD: 0.10, EUR: 0.09}}}}",
            )
        ],
    ),
    ("charge-mode-changed", "plans.pro", "features.calls.beyond", "breaking", [(CALLS, "calls: 1_000")]),
    ("charge-mode-changed", "plans.pro", "bill", "breaking", [("due: 14 days", "bill: in arrears")]),
    (
        "charge-mode-changed",
        "features.calls",
        "aggregate",
        "breaking",
        [("event: api.call", "event: api.call, aggregate: count")],
    ),
    (
        "policy-loosened",
        "policy",
        "max_subscribers_touched",
        "breaking",
        [("touched: 1_000}", "touched: 1_001}")],
    ),
    (
        "policy-loosened",
        "policy",
        "max_price_change",
        "breaking",
        [("touched: 1_000}\n", "touched: 1_000, max_price_change: 26%}\n")],
    ),
    (
        "policy-loosened",
        "policy",
        "levels.price-increase",
        "breaking",
        [("touched: 1_000}\n", "touched: 1_000, price-increase: caution}\n")],
    ),
    (
        "policy-loosened",
        "policy",
        "max_subscribers_touched",
        "breaking",
        [("policy: {max_subscribers_touched: 1_000}\n", "")],
    ),
    ("grace-shorter", "plans.pro", "grace", "caution", [("grace: 7 days", "grace: 6 days")]),
    (
        "grace-shorter",
        "plans.basic",
        "grace",
        "caution",
        [("    name: Basic\n", "    name: Basic\n    grace: 90 days\n")],
    ),
    ("due-shorter", "plans.pro", "due", "caution", [("due: 14 days", "due: 13 days")]),
    ("trial-shorter", "plans.pro", "trial.days", "caution", [("trial: 14 days", "trial: 7 days")]),
    ("trial-shorter", "plans.pro", "trial.days", "caution", [("trial: 14 days", "trial: none")]),
    ("expiry-shorter", "plans.pro", "expires", "caution", [("12 months", "6 months")]),
    (
        "expiry-shorter",
        "plans.basic",
        "expires",
        "caution",
        [("    name: Basic\n", "    name: Basic\n    expires: 24 months\n")],
    ),
    ("requires-narrowed", "addons.boost", "requires", "caution", [("[basic, pro]", "[pro]")]),
    (
        "requires-narrowed",
        "addons.pack",
        "requires",
        "caution",
        [("    name: Pack\n", "    name: Pack\n    requires: [pro]\n")],
    ),
    (
        "only-for-narrowed",
        "plans.pro",
        "only_for.domains",
        "caution",
        [("[one.example, two.example]", "[one.example]")],
    ),
    (
        "only-for-narrowed",
        "plans.basic",
        "only_for",
        "caution",
        [("    name: Basic\n", "    name: Basic\n    only_for: {list: schools}\n")],
    ),
    (
        "hidden",
        "plans.pro",
        "visibility",
        "caution",
        [("    name: Pro\n", "    name: Pro\n    visibility: inactive\n")],
    ),
    (
        "auto-enable-changed",
        "plans.pro",
        "auto_enable",
        "caution",
        [("    name: Pro\n", "    name: Pro\n    auto_enable: true\n")],
    ),
    ("possible-rename", "addons.bundle", "", "caution", [("  pack:\n", "  bundle:\n")]),
    ("currency-decimals-changed", "currencies.PTS", "decimals", "error", [("decimals: 3", "decimals: 4")]),
]
ELSEWHERE = {
    "archive-with-subscribers",
    "overwrites-outside-edit",
    "archive-referenced",
    "empty-catalog",
    "mass-archive",
}
"""Rules whose cases need more than an edit; each is tested by its name further down."""


@pytest.mark.parametrize(("rule", "address", "path", "level", "edits"), CASES)
def test_an_edit_touches_its_rule(rule: str, address: str, path: str, level: str, edits: list[Edit]) -> None:
    assert (address, rule, path, level) in rules(changed(*edits))


def test_every_rule_of_the_table_has_a_case() -> None:
    assert {case[0] for case in CASES} | ELSEWHERE == {rule.id for rule in RULES}
    assert len({rule.id for rule in RULES}) == len(RULES)


def test_a_policy_may_name_every_rule_and_no_other() -> None:
    ids = {rule.id for rule in RULES}
    assert CHANGE_RULES.issubset(ids)
    assert ids <= CHANGE_RULES, "a policy can set the level of every rule"


@pytest.mark.parametrize(
    "edits",
    [
        [("5_000", "6_000")],
        [("5_000", "unlimited")],
        [("minutes: 1/10", "minutes: 1/20")],
        [("0.10, EUR: 0.09", "0.09, EUR: 0.09")],
        [("grace: 7 days", "grace: never")],
        [("due: 14 days", "due: 30 days")],
        [("trial: 14 days", "trial: 30 days")],
        [("expires: 12 months", "expires: never")],
        [("[basic, pro]", "[]")],
        [("    only_for: {domains: [one.example, two.example]}\n", "")],
        [("wallet: {minutes: 1_000}", "wallet: {minutes: 2_000}")],
        [("    name: Basic\n", "    name: Basic\n    description: For a start\n")],
        [("    features: {minutes: 100}", "    features: {minutes: 100, sso: true}")],
        [
            (
                "month: {USD: 19, EUR: 18}",
                "{month: {USD: 19, EUR: 18}, year: {USD: 190, EUR: 180}}".strip("{}") + "}",
            )
        ],
        [
            (
                "policy: {max_subscribers_touched: 1_000}",
                "policy: {max_subscribers_touched: 10, hidden: breaking}",
            )
        ],
    ],
)
def test_what_customers_gain_touches_no_rule_but_is_listed(edits: list[Edit]) -> None:
    found = changed(*edits)
    assert rules(found) == []
    assert found.changes
    assert found.refusals == ()


# --- the rules that need more than an edit


def test_archiving_a_plan_that_somebody_holds_is_a_caution() -> None:
    found = changed((BASIC, ""), ("requires: [basic, pro]", "requires: [pro]"), held=1)
    hit = next(
        hit for change in found.changes for hit in change.rules if hit.id == "archive-with-subscribers"
    )
    assert (hit.level, hit.detail) == ("caution", "1 running subscription keeps it")


def test_one_holder_more_is_the_same_finding_and_the_same_change() -> None:
    edits = ((BASIC, ""), ("requires: [basic, pro]", "requires: [pro]"))
    few, many = changed(*edits, held=1), changed(*edits, held=2)
    # sha256 of ["archive-with-subscribers","plans.basic","",null,null]
    assert [hit.fingerprint for hit in many.changes[1].rules] == ["488bbf0d9920"]
    assert few.changes == many.changes
    assert [one.changes[1].rules[0].detail for one in (few, many)] == [
        "1 running subscription keeps it",
        "2 running subscriptions keep it",
    ]


def test_archiving_a_plan_that_nobody_holds_touches_no_rule() -> None:
    found = changed((BASIC, ""), ("requires: [basic, pro]", "requires: [pro]"))
    assert ("plans.basic", "archive") in [(change.address, change.action) for change in found.changes]
    assert all(change.rules == () for change in found.changes if change.address == "plans.basic")


def test_an_edit_in_the_shell_that_would_be_replaced_is_shown_as_drift() -> None:
    document = {**catalog_document("plans.basic"), "description": "typed by hand"}
    store = stored(catalog(), plans__basic={"document": document, "outside": (41, "alice")})
    found = diff(store, catalog(), holders={})
    assert rules(found) == [("plans.basic", "overwrites-outside-edit", "", "caution")]
    assert found.changes[0].rules[0].detail == "changed outside git since revision 41 by alice"


def test_an_edit_in_the_shell_that_git_says_too_is_no_drift() -> None:
    store = stored(catalog(), plans__basic={"outside": (41, "alice")})
    assert diff(store, catalog(), holders={}).empty


def test_archiving_what_remaining_objects_use_is_an_error() -> None:
    found = changed(
        (
            "{type: metered, name: Calls, unit: call, event: api.call}",
            "{type: metered, name: Calls, unit: call, event: api.call, archived: true}",
        )
    )
    hit = next(hit for change in found.changes for hit in change.rules if hit.id == "archive-referenced")
    assert (hit.level, hit.detail) == ("error", "still used by plans.pro")


def test_archiving_a_feature_that_a_plan_of_the_shell_uses_is_an_error() -> None:
    store = stored(catalog(), plans__basic={"managed_by": ""})
    without = catalog(
        edited(
            ("  minutes: {type: metered, name: Voice, unit: minute}\n", ""),
            ("      chats: true\n", ""),
            (", spends: {minutes: 1/10}", ""),
            (BASIC, ""),
            ("      minutes: 5_000\n", ""),
            ("[basic, pro]", "[pro]"),
            ("{minutes: 500}", "{sso: true}"),
            (PACK, ""),
        )
    )
    found = diff(store, without, holders={})
    hit = next(hit for change in found.changes for hit in change.rules if hit.id == "archive-referenced")
    assert hit.detail == "still used by plans.basic"


def test_an_empty_catalog_is_an_error() -> None:
    head = "format: planctl.catalog/1\ncatalog: acme\ncurrencies: {USD: , EUR: }\n"
    found = diff(stored(catalog()), catalog(head), holders={})
    assert {level for _, rule, _, level in rules(found) if rule == "empty-catalog"} == {"error"}


def many(count: int) -> str:
    plans = "".join(
        f"  p{number}: {{price: {{month: {{USD: {number}}}}}}}\n" for number in range(1, count + 1)
    )
    return f"format: planctl.catalog/1\ncatalog: acme\ncurrencies: {{USD: }}\nplans:\n{plans}"


@pytest.mark.parametrize(
    ("before", "after", "refused"), [(11, 7, True), (10, 7, False), (10, 6, True), (8, 5, False)]
)
def test_more_than_thirty_percent_of_at_least_ten_is_a_mass_archive(
    before: int, after: int, refused: bool
) -> None:
    found = diff(stored(catalog(many(before))), catalog(many(after)), holders={})
    assert any(rule == "mass-archive" for _, rule, _, _ in rules(found)) is refused
    assert bool(found.refusals) is refused


# --- levels


def test_a_fingerprint_is_the_first_twelve_digits_of_the_hash_of_the_five() -> None:
    text = '["allowance-decrease","plans.pro","features.minutes.included","5000","4000"]'
    expected = sha256(text.encode()).hexdigest()[:12]
    assert (
        fingerprint("allowance-decrease", "plans.pro", "features.minutes.included", "5000", "4000")
        == expected
    )


def test_a_price_from_zero_is_breaking_whatever_the_threshold() -> None:
    free = CATALOG.replace("price: {month: {USD: 19, EUR: 18}}", "price: free")
    found = diff(stored(catalog(free)), catalog(), holders={})
    assert rules(found) == [("plans.basic", "price-increase", "price", "breaking")]


def test_a_feature_that_gets_dearer_in_a_definition_names_the_plans_as_indirect() -> None:
    found = changed(("minutes: 1/10", "minutes: 1/5"))
    assert [(change.address, change.action, change.indirect) for change in found.changes] == [
        ("features.chats", "update", False),
        ("plans.pro", "version", True),
    ]
    assert rules(found) == [("features.chats", "conversion-worse", "spends.minutes", "breaking")]


@pytest.mark.parametrize(
    ("store_policy", "own_policy", "level"),
    [
        ("", "", "caution"),
        ("hidden: breaking", "hidden: breaking", "breaking"),
        ("hidden: breaking", "hidden: safe", "breaking"),
        ("hidden: safe", "hidden: breaking", "breaking"),
        ("hidden: safe", "hidden: safe", "safe"),
        ("", "hidden: safe", "caution"),
    ],
)
def test_the_stricter_of_both_policies_sets_the_level(store_policy: str, own_policy: str, level: str) -> None:
    def policy(text: str, *edits: Edit) -> str:
        return edited(("{max_subscribers_touched: 1_000}", f"{{{text}}}"), *edits)

    now = catalog(policy(own_policy, ("    name: Pro\n", "    name: Pro\n    visibility: inactive\n")))
    found = diff(stored(catalog(policy(store_policy))), now, holders={})
    assert ("plans.pro", "hidden", "visibility", level) in rules(found)


def test_a_policy_never_lowers_an_error() -> None:
    policy = ("{max_subscribers_touched: 1_000}", "{currency-decimals-changed: safe}")
    found = diff(
        stored(catalog(edited(policy))), catalog(edited(policy, ("decimals: 3", "decimals: 4"))), holders={}
    )
    assert rules(found) == [("currencies.PTS", "currency-decimals-changed", "decimals", "error")]


def test_the_stricter_threshold_of_two_policies_counts() -> None:
    one = Policy(max_price_change=Decimal("0.1"), max_mrr_at_risk={"USD": Decimal(10)})
    other = Policy(max_subscribers_touched=5, max_mrr_at_risk={"USD": Decimal(7), "EUR": Decimal(1)})
    assert stricter(one, other) == Policy(
        max_price_change=Decimal("0.1"),
        max_subscribers_touched=5,
        max_mrr_at_risk={"USD": Decimal(7), "EUR": Decimal(1)},
    )


def test_a_dearer_curve_says_where_and_by_how_much() -> None:
    found = changed(("0.10, EUR: 0.09", "0.11, EUR: 0.09"))
    assert found.changes[0].rules[0].detail == "above 1,000 dearer, by 0.01 USD more with each unit"


@pytest.mark.parametrize(
    ("old", "new", "hits"),
    [
        ("rate: 2%", "rate: 2.2%", [("rate", "caution")]),
        ("rate: 2%", "rate: 4%", [("rate", "breaking")]),
        ("rate: 2.2%", "rate: 2%", []),
        (
            "rate: 2%",
            "rate: 2%, fixed: {USD: 1, EUR: 1, PTS: 1}",
            [("fixed.EUR", "breaking"), ("fixed.PTS", "breaking"), ("fixed.USD", "breaking")],
        ),
        ("rate: 2%, max: {USD: 10, EUR: 9}", "rate: 2%, max: {USD: 11, EUR: 9}", [("max.USD", "caution")]),
        ("rate: 2%", "rate: 2%, max: {USD: 10, EUR: 9, PTS: 9}", []),
        ("rate: 2%, free_events: 10", "rate: 2%, free_events: 9", [("free_events", "caution")]),
        ("rate: 2%, free_events: 10", "rate: 2%", [("free_events", "breaking")]),
        ("rate: 2%", "rate: 2%, free_events: 10", []),
    ],
)
def test_a_price_by_event_is_compared_term_by_term(old: str, new: str, hits: list[tuple[str, str]]) -> None:
    each = "each: {USD: 0.10, EUR: 0.09}"
    one, two = ((each, f"percentage: {{of: amount, {terms}}}") for terms in (old, new))
    found = diff(stored(catalog(edited(one))), catalog(edited(two)), holders={})
    path = "features.calls.beyond.percentage"
    assert [hit for hit in rules(found) if hit[3] != "safe"] == [
        ("plans.pro", "price-curve-dearer", f"{path}.{term}", level) for term, level in hits
    ]


def test_from_a_price_by_quantity_to_one_by_event_is_breaking() -> None:
    change = ("each: {USD: 0.10, EUR: 0.09}", "percentage: {of: amount, rate: 2%}")
    found = changed(change)
    assert {level for _, _, _, level in rules(found)} == {"breaking"}


def test_a_price_by_event_that_costs_nothing_any_more_is_a_price_to_zero() -> None:
    one = ("each: {USD: 0.10, EUR: 0.09}", "percentage: {of: amount, rate: 2%}")
    two = ("each: {USD: 0.10, EUR: 0.09}", "percentage: {of: amount, rate: 0%}")
    found = diff(stored(catalog(edited(one))), catalog(edited(two)), holders={})
    assert rules(found) == [("plans.pro", "price-to-zero", "features.calls.beyond", "breaking")]


def test_larger_units_are_compared_at_every_quantity() -> None:
    # 1,000 are included. Whole hundreds instead of hundredths: dearer but for each full hundred.
    one = (
        "each: {USD: 0.10, EUR: 0.09}",
        "graduated: [{each: {USD: 10, EUR: 9}}], convert: {by: 100, round: none}",
    )
    two = ("each: {USD: 0.10, EUR: 0.09}", "graduated: [{each: {USD: 10, EUR: 9}}], convert: {by: 100}")
    found = diff(stored(catalog(edited(one))), catalog(edited(two)), holders={})
    (hit,) = found.changes[0].rules
    assert (hit.id, hit.path) == ("price-curve-dearer", "features.calls.beyond")
    assert hit.detail.endswith("above 1,000 in places dearer by up to 10 USD")


def test_another_rounding_of_a_meter_is_breaking() -> None:
    found = changed(("event: api.call}", "event: api.call, round: {to: 0}}"))
    hits = [(address, rule, path, level) for address, rule, path, level in rules(found) if "round" in path]
    assert hits
    assert {level for _, _, _, level in hits} == {"breaking"}


def test_a_prepaid_price_is_compared_row_by_row() -> None:
    def prepaid(year: str) -> str:
        rows = f"{{month: {{USD: 4, EUR: 4}}, year: {{USD: {year}, EUR: 40}}}}"
        charge = f"calls: {{included: 10, beyond: {{charge: prepaid, each: {rows}}}}}"
        return edited((CALLS, charge))

    found = diff(stored(catalog(prepaid("40"))), catalog(prepaid("44")), holders={})
    (hit,) = found.changes[0].rules
    assert (hit.id, hit.level) == ("price-curve-dearer", "caution")
    assert hit.detail == "year: above 10 dearer, by 4 USD more with each unit"


def test_a_price_without_rows_is_compared_with_each_row_that_is_named_now() -> None:
    def prepaid(prices: str) -> str:
        return edited((CALLS, f"calls: {{included: 10, beyond: {{charge: usage, each: {prices}}}}}"))

    before = catalog(prepaid("{USD: 4, EUR: 4}"))
    after = catalog(prepaid("{month: {USD: 4, EUR: 4}, year: {USD: 8, EUR: 4}}"))
    (hit,) = diff(stored(before), after, holders={}).changes[0].rules
    assert (hit.id, hit.level) == ("price-curve-dearer", "breaking")
    assert hit.detail.startswith("year: ")


def test_a_lower_price_for_some_and_a_higher_one_for_others_says_both() -> None:
    tiers = "graduated: [{to: 2_000, each: {USD: 0.08, EUR: 0.09}}, {each: {USD: 0.12, EUR: 0.09}}]"
    found = changed(("each: {USD: 0.10, EUR: 0.09}", tiers))
    hit = found.changes[0].rules[0]
    # 1,000 units at 0.08 save 20.00; above 2,000 each costs 0.02 more, so at 3,000 both cost 200.00.
    assert hit.detail == (
        "1,000 to 3,000 cheaper by up to 20 USD, above 3,000 dearer, by 0.02 USD more with each unit"
    )
    assert hit.level == "caution", "never more than 0.12 instead of 0.10 a unit, 20 %"


def test_a_table_that_crosses_the_old_one_three_times_is_told_range_by_range() -> None:
    def tiers(*prices: str) -> str:
        rows = [
            f"{{to: {to}, each: {{USD: {price}}}}}"
            for to, price in zip((100, 300, 600), prices, strict=False)
        ]
        table = ", ".join([*rows, f"{{each: {{USD: {prices[3]}}}}}"])
        only_dollars = edited(
            (CALLS, f"calls: {{included: 0, beyond: {{charge: usage, graduated: [{table}]}}}}"),
            ("month: {USD: 49, EUR: 46}", "month: {USD: 49}"),
            ("year: {USD: 490, EUR: 460}", "year: {USD: 490}"),
        )
        return only_dollars

    before = catalog(tiers("1.00", "0.50", "0.40", "0.10"))
    after = catalog(tiers("0.90", "0.60", "0.30", "0.15"))
    hits = [
        hit
        for hit in diff(stored(before), after, holders={}).changes[0].rules
        if hit.id == "price-curve-dearer"
    ]
    # The new bill less the old one: −10 at 100 units, −10 + 0.10 × 200 = +10 at 300, +10 − 0.10 × 300 = −20 at 600,
    # then 0.05 more for each. So it is 0 again at 200, at 400, and at 600 + 20 / 0.05 = 1,000.
    assert [hit.detail for hit in hits] == [
        "0 to 200 cheaper by up to 10 USD, 200 to 400 dearer by up to 10 USD, "
        "400 to 1,000 cheaper by up to 20 USD, above 1,000 dearer, by 0.05 USD more with each unit"
    ]
    assert hits[0].level == "breaking", "0.15 instead of 0.10 for each unit without end, 50 %"


def catalog_document(address: str) -> dict[str, object]:
    document = stored(catalog()).objects[address].document
    assert isinstance(document, dict)
    return dict(document)
