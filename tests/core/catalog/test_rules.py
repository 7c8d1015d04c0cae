"""One case per rule of a catalog: the smallest catalog that breaks it, and where the finding points."""

from __future__ import annotations

import inspect

import pytest

from planctl.core.catalog.rules import RULES
from planctl.findings import Level
from tests.core.catalog.helpers import HEAD, complaints, parsed

MONTH = "price: {month: {USD: 5}}"

ERRORS = [
    (
        "group-unknown",
        f"groups: {{main: {{}}}}\nplans: {{p: {{{MONTH}, group: mian}}}}",
        'did you mean "main"?',
    ),
    ("order-unknown", f"groups: {{g: {{order: [p, q]}}}}\nplans: {{p: {{{MONTH}, group: g}}}}", "known: p"),
    (
        "order-unknown",
        f"groups: {{g: {{order: [p]}}}}\nplans: {{p: {{{MONTH}}}}}",
        "write group: g in p, or take it out of order",
    ),
    (
        "plan-unknown",
        f"plans: {{pro: {{{MONTH}}}}}\naddons: {{a: {{{MONTH}, requires: pr}}}}",
        'did you mean "pro"?',
    ),
    (
        "plan-unknown",
        f"addons: {{a: {{{MONTH}}}, b: {{{MONTH}, requires: [a]}}}}",
        "an add-on stands on a plan",
    ),
    (
        "plan-unknown",
        f"plans: {{pro: {{{MONTH}}}}}\ncoupons: {{c: {{off: 5%, plans: [por]}}}}",
        'did you mean "pro"?',
    ),
    ("feature-unknown", "features: {x: {type: metered, spends: {minuts: 1}}}", 'did you mean "minutes"?'),
    ("spends-target", "features: {x: {type: metered, spends: {sso: 1}}}", "name a metered feature"),
    ("spends-target", "features: {x: {type: metered, spends: {seats: 1}}}", "name a feature that is used up"),
    (
        "spends-target",
        "addons: {a: {price: {once: {USD: 5}}, wallet: {sso: 5}}}",
        "name a metered feature",
    ),
    (
        "feature-unknown",
        "addons: {a: {price: {once: {USD: 5}}, wallet: {minuts: 5}}}",
        'did you mean "minutes"?',
    ),
    (
        "spends-cycle",
        "features: {x: {type: metered, spends: {y: 1}}, y: {type: metered, spends: {x: 2}}}",
        "remove one spends",
    ),
    (
        "spends-cycle",
        f"plans: {{p: {{{MONTH}, features: {{chats: true, minutes: {{spends: {{chats: 2}}}}}}}}}}",
        "remove one spends",
    ),
    (
        "recommended-twice",
        f"plans: {{p: {{{MONTH}, recommended: true}}, q: {{{MONTH}, recommended: true}}}}",
        "keep one",
    ),
    (
        "auto-enable-twice",
        "plans: {p: {price: free, auto_enable: true}, q: {price: free, auto_enable: true}}",
        "keep one",
    ),
    (
        "pack-without-once",
        f"addons: {{a: {{{MONTH}, wallet: {{minutes: 5}}}}}}\nplans: {{p: {{{MONTH}, packs: true}}}}",
        "write price: {once: {USD: 15}}",
    ),
    (
        "wallet-on-plan",
        f"plans: {{p: {{{MONTH}, wallet: {{minutes: 5}}}}}}",
        "move it to addons:, or remove it",
    ),
    (
        "requires-on-plan",
        f"plans: {{p: {{{MONTH}}}, q: {{{MONTH}, requires: p}}}}",
        "move it to addons:, or remove it",
    ),
    (
        "nothing-charged",
        "plans: {p: {price: {month: usage}, features: {minutes: 5}}}",
        "write a fee, beyond a feature's limit, or price: free",
    ),
    (
        "nothing-charged",
        "plans: {p: {price: {month: {USD: 0}}}}",
        "write a fee, beyond a feature's limit, or price: free",
    ),
    (
        "free-with-charge",
        "plans: {p: {price: free, features: {minutes: {beyond: {charge: usage, each: {USD: 1}}}}}}",
        "write price: {month: usage}",
    ),
    (
        "charge-currency-missing",
        "plans: {p: {price: {month: {USD: 5, EUR: 4}},"
        " features: {minutes: {beyond: {charge: usage, each: {USD: 1}}}}}}",
        "add EUR to the charge, or take it out of price.month",
    ),
    (
        "charge-currency-missing",
        "plans: {p: {price: {month: usage}, features: {minutes: {beyond: {charge: usage, each: {USD: 1}}},"
        " chats: {beyond: {charge: usage, each: {EUR: 1}}}}}}",
        "",
    ),
    (
        "charge-row-missing",
        "plans: {p: {price: {month: {USD: 5}, year: {USD: 50}},"
        " features: {minutes: {beyond: {charge: usage, each: {month: {USD: 1}}}}}}}",
        "price every row of the plan",
    ),
    (
        "row-unknown",
        f"plans: {{p: {{{MONTH},"
        " features: {minutes: {beyond: {charge: usage, each: {month: {USD: 1}, day: {USD: 1}}}}}}}",
        "rows: month",
    ),
    (
        "prepaid-by-row",
        "plans: {p: {price: {month: {USD: 5}, year: {USD: 50}},"
        " features: {seats: {beyond: {charge: prepaid, each: {USD: 1}}}}}}",
        "write the price by row: {month: …, year: …}",
    ),
    (
        "tier-below-included",
        f"plans: {{p: {{{MONTH}, features: {{minutes: {{included: 10, beyond: {{charge: usage,"
        " graduated: [{to: 10, each: {USD: 1}}, {each: {USD: 2}}]}}}}}",
        "to counts total usage, the included units too",
    ),
    (
        "up-to-below-included",
        f"plans: {{p: {{{MONTH}, features: {{minutes: {{included: 10, beyond: {{charge: usage,"
        " each: {USD: 1}, up_to: 9}}}}}",
        "up_to is the largest total, the included units too",
    ),
    (
        "beyond-unlimited",
        f"plans: {{p: {{{MONTH},"
        " features: {minutes: {included: unlimited, beyond: {charge: usage, each: {USD: 1}}}}}}",
        "remove beyond, or write a number",
    ),
    ("trial-useless", "plans: {p: {price: free, trial: 5 days}}", "write trial: none"),
    ("trial-useless", f"addons: {{a: {{{MONTH}, trial: 5 days}}}}", "write trial: none"),
    (
        "expires-useless",
        f"plans: {{p: {{{MONTH}, expires: period}}}}",
        "write never, or a time such as 12 months",
    ),
    (
        "was-twice",
        f"plans: {{p: {{{MONTH}, was: old}}}}\naddons: {{a: {{{MONTH}, was: old}}}}",
        "only one can be renamed from it: remove was from the other",
    ),
    (
        "was-twice",
        "features: {x: {type: metered, was: old}, y: {type: boolean, was: old}}",
        "only one can be renamed from it: remove was from the other",
    ),
    (
        "was-twice",
        "groups: {g: {was: old}, h: {was: old}}",
        "only one can be renamed from it: remove was from the other",
    ),
    (
        "amount-too-large",
        "plans: {p: {price: {month: {USD: 10000000000000.01}}}}",
        "write at most 10,000,000,000,000 USD",
    ),
    (
        "amount-too-large",
        "plans: {p: {price: {month: {USD: 5..10000000000000.01}}}}",
        "write at most 10,000,000,000,000 USD",
    ),
    (
        "amount-too-large",
        f"plans: {{p: {{{MONTH}, minimum: {{USD: 100000000000000}}}}}}",
        "write at most 10,000,000,000,000 USD",
    ),
    (
        "amount-too-large",
        f"plans: {{p: {{{MONTH}, features: {{minutes: {{beyond: {{charge: usage,"
        " each: {USD: 10000000000000.001}}}}}}",
        "write at most 10,000,000,000,000 USD",
    ),
    (
        "amount-too-large",
        f"plans: {{p: {{{MONTH}, features: {{minutes: {{beyond: {{charge: usage,"
        " graduated: [{to: 10, each: {USD: 1}}, {flat: {USD: 10000000000001}}]}}}}}",
        "write at most 10,000,000,000,000 USD",
    ),
    ("trial-useless", "plans: {p: {price: {once: {USD: 5}}, trial: 5 days}}", "write trial: none"),
    (
        "anchor-interval",
        "plans: {p: {price: {week: {USD: 5}}, anchor: day 3}}",
        "write anchor: start or calendar",
    ),
    (
        "charge-by-event",
        f"plans: {{p: {{{MONTH}, features: {{minutes: {{beyond: {{charge: prepaid,"
        " percentage: {rate: 2%, of: amount}}}}}}",
        "write charge: usage",
    ),
    (
        "charge-by-event",
        f"plans: {{p: {{{MONTH}, features: {{seats: {{beyond: {{charge: usage,"
        " percentage: {rate: 2%, of: amount}}}}}}",
        "define seats with aggregate: sum or count, without round or reset: never",
    ),
    (
        "charge-by-event",
        f"features: {{paid: {{type: metered, aggregate: max}}}}\nplans: {{p: {{{MONTH}, features: {{paid:"
        " {beyond: {charge: usage, percentage: {rate: 2%, of: amount}}}}}}",
        "define paid with aggregate: sum or count, without round or reset: never",
    ),
    (
        "charge-by-event",
        f"features: {{paid: {{type: metered, round: {{to: 2}}}}}}\nplans: {{p: {{{MONTH}, features: {{paid:"
        " {beyond: {charge: usage, percentage: {rate: 2%, of: amount}}}}}}",
        "define paid with aggregate: sum or count, without round or reset: never",
    ),
    (
        "charge-by-event",
        f"plans: {{p: {{{MONTH}, features: {{chats: true, minutes: {{beyond: {{charge: usage,"
        " percentage: {rate: 2%, of: amount}}}}}}",
        "give chats a price of its own, or take minutes out of what it spends",
    ),
    (
        "tier-below-included",
        f"plans: {{p: {{{MONTH}, features: {{minutes: {{included: 5_000, beyond: {{charge: usage,"
        " convert: {by: 1_000}, graduated: [{to: 5, each: {USD: 1}}, {each: {USD: 1}}]}}}}}",
        "to counts total usage, the included units too",
    ),
]

WARNINGS = [
    ("minimum-currency", "plans: {p: {price: {month: {USD: 5, EUR: 5}}, minimum: {USD: 9}}}"),
    ("auto-enable-priced", f"plans: {{p: {{{MONTH}, auto_enable: true}}}}"),
    (
        "dearer-includes-less",
        "groups: {g: {order: [a, b]}}\nplans: {a: {price: free, group: g, features: {minutes: 5}},"
        " b: {price: {month: {USD: 5}}, group: g, features: {minutes: 4}}}",
    ),
    (
        "dearer-includes-less",
        "groups: {g: {order: [a, b]}}\nplans: {a: {price: free, group: g, features: {sso: true}},"
        " b: {price: {month: {USD: 5}}, group: g}}",
    ),
    (
        "dearer-includes-less",
        "groups: {g: {order: [a, b]}}\nplans: {a: {price: free, group: g, features: {apps: [mail, chat]}},"
        " b: {price: {month: {USD: 5}}, group: g, features: {apps: mail}}}",
    ),
    ("longer-row-dearer", "plans: {p: {price: {month: {USD: 5}, year: {USD: 60.01}}}}"),
    ("longer-row-dearer", "plans: {p: {price: {week: {USD: 5}, 2 weeks: {USD: 10.01}}}}"),
    (
        "longer-row-dearer",  # two months divide no three, one month does
        "plans: {p: {price: {month: {USD: 5}, 2 months: {USD: 10}, 3 months: {USD: 15.01}}}}",
    ),
    (
        "longer-row-dearer",  # the quarter has no price in EUR, the month has
        "plans: {p: {price: {month: {USD: 5, EUR: 5}, 3 months: {USD: 15}, year: {USD: 60, EUR: 61}}}}",
    ),
    (
        "nobody-can-get",
        f"plans: {{p: {{{MONTH}, archived: true}}}}\naddons: {{a: {{{MONTH}, requires: p}}}}",
    ),
    (
        "nobody-can-get",
        f"plans: {{p: {{{MONTH}}}}}\naddons: {{a: {{price: {{once: {{USD: 5}}}}, wallet: {{minutes: 5}}}}}}",
    ),
    (
        "nobody-can-get",
        f"plans: {{p: {{{MONTH}}}}}\naddons: {{a: {{price: {{month: {{EUR: 5}}}}}}}}",
    ),
    (
        "nobody-can-get",
        "plans: {p: {price: {month: {USD: 5, EUR: 5}}}, q: {price: {month: {USD: 5}}}}\n"
        "addons: {a: {price: {month: {EUR: 5}}, requires: q}}",
    ),
    ("note-accepts", "changes: {n: {why: w, accept: [price-increse plans.p]}}"),
    ("note-accepts", "changes: {n: {why: w, accept: [price-increase]}}"),
    ("note-accepts", "changes: {n: {why: w, accept: [66716F09291C]}}"),
    ("trial-longer-than-interval", "plans: {p: {price: {week: {USD: 5}}, trial: 14 days}}"),
    (
        "pack-cheaper-than-next",
        "groups: {g: {order: [a, b]}}\ndefaults: {packs: true, group: g}\n"
        "plans: {a: {price: {month: {USD: 10}}, features: {minutes: 100}},"
        " b: {price: {month: {USD: 30}}, features: {minutes: 1100}}}\n"
        "addons: {c: {price: {once: {USD: 9}}, group: none, wallet: {minutes: 500}}}",
    ),
    (
        "addon-in-plan-group",
        f"groups: {{g: {{}}}}\nplans: {{p: {{{MONTH}, group: g}}}}\naddons: {{a: {{{MONTH}, group: g}}}}",
    ),
    ("event-shadowed", "features: {x: {type: metered, event: minutes}}"),
    ("conversion-without-pool", f"plans: {{p: {{{MONTH}, features: {{chats: true}}}}}}"),
]


@pytest.mark.parametrize(("rule", "text", "hint"), ERRORS)
def test_a_broken_rule_is_one_error_with_its_fix(rule: str, text: str, hint: str) -> None:
    (finding,) = parsed(text).findings
    assert (finding.rule, finding.level) == (rule, Level.ERROR)
    assert finding.hint == hint


@pytest.mark.parametrize(("rule", "text"), WARNINGS)
def test_what_hardly_makes_sense_is_one_warning(rule: str, text: str) -> None:
    (finding,) = parsed(text).findings
    assert (finding.rule, finding.level) == (rule, Level.WARNING)
    assert finding.place.file == "file0.yaml"


def test_every_rule_has_a_case() -> None:
    covered = {case[0] for case in [*ERRORS, *WARNINGS]}
    for rule in RULES:
        source = inspect.getsource(rule)
        name = rule.__name__.replace("_", "-")
        assert name in covered or any(f'"{other}"' in source for other in covered) or "_targets(" in source, (
            name
        )


def test_a_finding_points_at_the_term_it_is_about() -> None:
    text = "plans:\n  p:\n    price: {week: {USD: 5}}\n    anchor: day 3\n"
    (finding,) = parsed(text).findings
    assert (finding.place.line, finding.place.column) == (4, 13)


def test_two_objects_of_one_old_id_are_one_finding_with_both_places() -> None:
    text = "plans:\n  p:\n    price: free\n    was: old\n  q:\n    price: free\n    was: old\n"
    (finding,) = parsed(text).findings
    assert (finding.rule, finding.place.line) == ("was-twice", 7)
    assert finding.also is not None
    assert finding.also.line == 4


def test_the_largest_amount_is_an_amount() -> None:
    assert complaints("plans: {p: {price: {month: {USD: 10_000_000_000_000}}}}") == []


def test_an_amount_that_no_invoice_could_hold_is_found_where_it_stands() -> None:
    text = "plans:\n  p:\n    price:\n      month: {EUR: 5, USD: 10000000000001}\n"
    (finding,) = parsed(text).findings
    assert (finding.place.line, finding.place.column) == (4, 28)


def test_a_plan_that_could_not_be_read_breaks_no_rule_as_well() -> None:
    assert complaints("plans: {p: {price: {month: {USD: x}}, trial: 60 days}}") == ["number"]


def test_packs_that_cost_as_much_as_the_next_plan_are_fine() -> None:
    ((_, text),) = [case for case in WARNINGS if case[0] == "pack-cheaper-than-next"]
    assert complaints(text) == ["pack-cheaper-than-next"]
    assert complaints(text.replace("once: {USD: 9}", "once: {USD: 10}")) == []


def test_a_spends_cycle_is_reported_once_from_its_smallest_id() -> None:
    features = "features: {c: {type: metered, spends: {b: 1}}, b: {type: metered, spends: {c: 1}}}"
    (finding,) = parsed(features).findings
    assert finding.message == "spends goes in a circle: b → c → b"


def test_long_chains_and_diamonds_of_spends_are_no_cycle() -> None:
    chain = ", ".join(f"f{n}: {{type: metered, spends: {{f{n + 1}: 1}}}}" for n in range(1500))
    assert complaints(f"features: {{{chain}, f1500: {{type: metered}}}}") == []
    diamond = (
        "features: {a: {type: metered, spends: {b: 1, c: 1}}, b: {type: metered, spends: {d: 1}},"
        " c: {type: metered, spends: {d: 1}}, d: {type: metered}}"
    )
    assert complaints(diamond) == []
    layers = ", ".join(
        f"{side}{n}: {{type: metered, spends: {{x{n + 1}: 1, y{n + 1}: 1}}}}"
        for n in range(60)
        for side in "xy"
    )
    assert complaints(f"features: {{{layers}, x60: {{type: metered}}, y60: {{type: metered}}}}") == []


def test_currencies_of_the_head_are_declared() -> None:
    assert complaints(head=HEAD) == []


def test_tiers_that_count_from_the_allowance_on_may_be_smaller_than_it() -> None:
    text = (
        f"plans: {{p: {{{MONTH}, features: {{minutes: {{included: 50, beyond: {{charge: usage,"
        " included_as: tier, volume: [{to: 10, each: {USD: 1}}, {each: {USD: 1}}]}}}}}"
    )
    assert complaints(text) == []


FINE = {
    "a year at the price of twelve months": "plans: {p: {price: {month: {USD: 5}, year: {USD: 60}}}}",
    "a single payment beside months": "plans: {p: {price: {month: {USD: 5}, once: {USD: 500}}}}",
    "a month beside weeks that do not fill it": "plans: {p: {price: {week: {USD: 1}, month: {USD: 9}}}}",
    "a month beside days, for months differ": "plans: {p: {price: {day: {USD: 1}, month: {USD: 31}}}}",
    "a trial as long as a long month": "plans: {p: {price: {month: {USD: 5}}, trial: 31 days}}",
    "a trial of two weeks on a row of two weeks": "plans: {p: {price: {2 weeks: {USD: 5}}, trial: 14 days}}",
    "the same of everything": (
        "groups: {g: {order: [a, b]}}\ndefaults: {group: g}\nplans: {a: {price: free, features:"
        " {minutes: 5, apps: [mail], sso: true}}, b: {like: a, price: {month: {USD: 5}}}}"
    ),
    "fewer a month where the other counts by the day": (
        "groups: {g: {order: [a, b]}}\ndefaults: {group: g}\nplans: {a: {price: free, features: {minutes:"
        " {included: 50, reset: day}}}, b: {price: {month: {USD: 5}}, features: {minutes: 40}}}"
    ),
    "a feature that spends a pool instead of an allowance of its own": (
        "groups: {g: {order: [a, b]}}\ndefaults: {group: g}\nplans: {a: {price: free, features: {minutes: 5,"
        " chats: 50}}, b: {price: {month: {USD: 5}}, features: {minutes: 50, chats: true}}}"
    ),
    "less in an archived plan": (
        "groups: {g: {order: [a, b]}}\ndefaults: {group: g}\nplans: {a: {price: free, features: {minutes: 5}},"
        " b: {price: {month: {USD: 5}}, archived: true}}"
    ),
    "an add-on in one of its plans' currencies": (
        "plans: {p: {price: {month: {USD: 5, EUR: 5}}}}\naddons: {a: {price: {month: {EUR: 5}}}}"
    ),
    "an add-on on a free plan": (
        "plans: {p: {price: free}, q: {price: {month: {USD: 5}}}}\naddons: {a: {price: {month: {EUR: 5}}}}"
    ),
    "an add-on whose plans are in another catalog": "addons: {a: {price: {month: {EUR: 5}}}}",
    "notes with a fingerprint, a rule with its plan, and a path": (
        "changes: {n: {why: w, accept: [66716f09291c, price-increase plans.p,"
        " price-increase plans.p.price.month.USD]}}"
    ),
}


@pytest.mark.parametrize("text", FINE.values(), ids=FINE)
def test_what_makes_sense_is_no_warning(text: str) -> None:
    assert complaints(text) == []


def test_a_dearer_year_says_both_sums_where_it_stands() -> None:
    text = "plans:\n  p:\n    price:\n      month: {USD: 19}\n      year: {USD: 230}\n"
    (finding,) = parsed(text).findings
    assert finding.message == "year costs 230 USD, more than 12 × month (228)"
    assert (finding.place.line, finding.place.column) == (5, 19)


def test_packs_are_held_against_the_step_up_with_both_sums() -> None:
    ((_, text),) = [case for case in WARNINGS if case[0] == "pack-cheaper-than-next"]
    (finding,) = parsed(text).findings
    # 1,000 minutes more are two packs of 500 at 9; going up costs 30 - 10.
    assert finding.message == (
        "2 packs for 18 USD give as many minutes as going up to b for 20 USD more a month"
    )
