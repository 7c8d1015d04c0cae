"""What people mistype: near misses of every kind of name, and numbers that YAML would guess at."""

from __future__ import annotations

import pytest

from tests.core.catalog.helpers import complaints, parsed

MONTH = "price: {month: {USD: 5}}"

NEAR = {
    "a key": ("plans: {p: {price: free, descripton: x}}", "description"),
    "a key of a feature's entry": (
        "plans: {p: {price: free, features: {minutes: {includes: 5}}}}",
        "included",
    ),
    "a key of a charge": (
        f"plans: {{p: {{{MONTH}, features: {{minutes: {{beyond: {{charge: usage, pakage: {{}},"
        " each: {USD: 1}}}}}}",
        "package",
    ),
    "a section": ("plan: {p: {price: free}}", "plans"),
    "a word": ("plans: {p: {price: free, visibility: inactiv}}", "inactive"),
    "a feature": ("plans: {p: {price: free, features: {minuts: 5}}}", "minutes"),
    "the key of a price": ("plans: {p: {prices: free}}", "price"),
    "the key of a type": ("features: {x: {tpye: metered}}", "type"),
    "the key of what a coupon takes off": ("coupons: {c: {of: 5%}}", "off"),
    "the way something is charged": (
        f"plans: {{p: {{{MONTH}, features: {{minutes: {{beyond: {{chrage: usage, each: {{USD: 1}}}}}}}}}}}}",
        "charge",
    ),
    "a value of a list": ("plans: {p: {price: free, features: {apps: [mial]}}}", "mail"),
    "a plan after like": ("plans: {pro: {price: free}, p: {like: por}}", "pro"),
    "a currency": ("plans: {p: {price: {month: {UDS: 5}}}}", "USD"),
    "a currency in small letters": ("plans: {p: {price: {month: {usd: 5}}}}", "USD"),
    "a currency of ISO 4217": ("currencies: {GPB: }", "GBP"),
    "a group": ("groups: {main: {}}\nplans: {p: {price: free, group: mian}}", "main"),
    "a rule of the policy": ("policy: {price-increse: safe}", "price-increase"),
    "a threshold": ("policy: {max_price_chnge: 5%}", "max_price_change"),
    "a level": ("policy: {hidden: cauton}", "caution"),
    "a rule in a note": ("changes: {n: {why: w, accept: [price-increse plans.p]}}", "price-increase"),
    "a key of a note": ("changes: {n: {why: w, acept: [], accept: [66716f09291c]}}", "accept"),
    "a plan of a coupon": (f"plans: {{pro: {{{MONTH}}}}}\ncoupons: {{c: {{off: 5%, plans: [Pro]}}}}", "pro"),
    "a plan of an example": (
        f"plans: {{pro: {{{MONTH}}}}}\nexamples: {{e: {{plan: por, in: USD, bill: 5}}}}",
        "pro",
    ),
    "a feature of an example": (
        f"plans: {{p: {{{MONTH}}}}}\nexamples: {{e: {{plan: p, in: USD, use: {{minuts: 5}}, bill: 5}}}}",
        "minutes",
    ),
    "a row of an example": (
        f"plans: {{p: {{{MONTH}}}}}\nexamples: {{e: {{plan: p, pay: moth, in: USD, bill: 5}}}}",
        "month",
    ),
    "a key of an example": (
        f"plans: {{p: {{{MONTH}}}}}\nexamples: {{e: {{plan: p, In: USD, in: USD, bill: 5}}}}",
        "in",
    ),
}


@pytest.mark.parametrize(("text", "meant"), NEAR.values(), ids=NEAR)
def test_a_slip_of_the_pen_is_answered_with_what_was_meant(text: str, meant: str) -> None:
    hints = [finding.hint for finding in parsed(text).findings]
    assert any(f'did you mean "{meant}"?' in hint for hint in hints), hints
    assert len(hints) == 1


def test_of_very_many_known_words_a_hint_says_only_how_many() -> None:
    features = ", ".join(f"f{n}: {{type: boolean}}" for n in range(100))
    (finding,) = parsed(
        f"features: {{{features}}}\nplans: {{p: {{price: free, features: {{zzz: 1}}}}}}"
    ).findings
    assert finding.hint == "it is none of the 105 that are known"


NUMBERS = {
    "a fee": "plans: {p: {price: {month: {USD: %s}}}}",
    "an end of a range": "plans: {p: {price: {month: {USD: 1..%s}}}}",
    "an allowance": "plans: {p: {price: free, features: {minutes: %s}}}",
    "a unit price": (
        "plans: {p: {price: {month: {USD: 5}}, features: {minutes: {beyond: {charge: usage, each: {USD: %s}}}}}}"
    ),
    "a limit": (
        "plans: {p: {price: {month: {USD: 5}}, features: {minutes: {beyond: {charge: usage, each: {USD: 1},"
        " up_to: %s}}}}}"
    ),
    "a tier": (
        "plans: {p: {price: {month: {USD: 5}}, features: {minutes: {beyond: {charge: usage,"
        " graduated: [{to: %s, each: {USD: 1}}, {each: {USD: 1}}]}}}}}"
    ),
    "a wallet": "plans: {p: {price: free, packs: true}}\naddons: {a: {price: {once: {USD: 1}}, wallet: {minutes: %s}}}",
    "a minimum": "plans: {p: {price: {month: {USD: 5}}, minimum: {USD: %s}}}",
    "a conversion": "features: {x: {type: metered, spends: {minutes: %s}}}",
    "an amount off": "coupons: {c: {off: {USD: %s}}}",
}


@pytest.mark.parametrize("text", NUMBERS.values(), ids=NUMBERS)
@pytest.mark.parametrize(
    ("written", "fix"),
    [
        ("1e3", "write all its digits"),
        ("010", "write it without them"),
        ("0x1F", "write it in base ten"),
        ("12:30", "write digits 0-9 with at most one point, such as 19.90"),
    ],
)
def test_a_number_that_yaml_would_guess_at_is_one_error_with_its_fix(
    text: str, written: str, fix: str
) -> None:
    (finding,) = parsed(text % written).findings
    assert finding.rule == "number"
    assert finding.message.endswith(fix)


@pytest.mark.parametrize("text", NUMBERS.values(), ids=NUMBERS)
def test_a_number_with_underscores_means_what_a_person_means(text: str) -> None:
    assert complaints(text % "1_000") == []


NAMES = {
    "a name": "plans: {p: {price: free, name: %s}}",
    "a description": "plans: {p: {price: free, description: %s}}",
    "a unit": "features: {x: {type: metered, unit: %s}}",
    "a value of a list": "features: {x: {type: list, values: [%s]}}\nplans: {p: {price: free, features: {x: [%s]}}}",
    "metadata": "plans: {p: {price: free, metadata: {%s: %s}}}",
}


@pytest.mark.parametrize("text", NAMES.values(), ids=NAMES)
@pytest.mark.parametrize(
    "written", ["1e3", "010", "0x1F", "12:30", "NO", "on", "1_000", "19.90", "2026-01-01"]
)
def test_where_a_name_is_wanted_what_is_written_is_its_text(text: str, written: str) -> None:
    assert complaints(text.replace("%s", written)) == []


def test_a_name_keeps_every_character() -> None:
    found = parsed("plans: {p: {price: free, name: 1_0e3}, q: {price: free, name: NO}}").catalog
    assert found is not None
    assert [plan.offer.name for plan in found.plans.values()] == ["1_0e3", "NO"]


@pytest.mark.parametrize("written", ["NO", "No", "no", "off", "OFF", "False"])
def test_a_no_in_any_case_takes_a_feature_away(written: str) -> None:
    text = (
        "plans: {p: {price: free, features: {sso: true, minutes: 5}},"
        f" q: {{like: p, features: {{sso: {written}, minutes: {written}}}}}}}"
    )
    found = parsed(text)
    assert found.findings == ()
    assert found.catalog is not None
    assert found.catalog.plans["q"].terms.features == {}


def test_a_number_of_days_without_its_unit_says_the_fix() -> None:
    (finding,) = parsed("plans: {p: {price: free, due: 7}}").findings
    assert (finding.rule, finding.hint) == ("days", "write 7 days")
    assert complaints("plans: {p: {price: free, due: 010 days}}") == ["days"]
