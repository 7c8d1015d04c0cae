"""The JSON Schema of plans, add-ons and what they grant and charge; schema.py knows the other sections."""

from __future__ import annotations

from planctl.core.catalog.fields import FIELDS
from planctl.core.catalog.parse_features import CHARGES, RESETS, UNLIMITED
from planctl.core.catalog.parse_plans import ONCE_PER
from planctl.core.catalog.parse_sections import CURRENCY_CODE
from planctl.core.catalog.schemas_shapes import (
    COUNT_RANGE,
    DAYS,
    ID,
    INTERVAL,
    LENGTH,
    NAME,
    NAMES,
    NO,
    NO_NUMBER,
    NUMBER_RANGE,
    RATIO,
    SHARE,
    SOME_DAYS,
    TEXT,
    TEXTS,
    WORD,
    Schema,
    by_key,
    either,
    keys,
    listed,
    one_or_more,
    pattern,
    ref,
    words,
)
from planctl.core.pricing.kinds import KINDS
from planctl.core.pricing.kinds.shared import ROUNDS
from planctl.core.pricing.kinds.tiers import TierTable
from planctl.core.pricing.kinds.volume import Volume

CURRENCY = f"^{CURRENCY_CODE.pattern}$"
AMOUNTS = by_key(CURRENCY, ref("number"))
PRICES = by_key(CURRENCY, ref("number"), at_least=1)


def plan_definitions() -> dict[str, Schema]:
    """The shapes that a plan is made of, by the names that refer to them."""
    return {
        "amounts": AMOUNTS,
        "prices": PRICES,
        "fees": by_key(CURRENCY, either(ref("number"), NUMBER_RANGE), at_least=1),
        "spends": by_key(ID, RATIO),
        "plan": _plan(),
        "entry": _entry(),
        "beyond": _beyond(),
        **{name: _priced(name) for name in KINDS},
        "tier": _tier(),
    }


def plan_shapes() -> dict[str, Schema]:
    """The shape of each field of a plan, in the order of the table of fields."""
    shapes: dict[str, Schema] = {
        "price": either(words("free"), by_key(INTERVAL, either(ref("fees"), words("usage")), at_least=1)),
        "group": NAME,
        "features": by_key(ID, ref("entry")),
        "due": DAYS,
        "grace": either(words("never"), DAYS),
        "on_past_due": words("keep", "block"),
        "on_blocked": words("recover", "final"),
        "renewal_anchor": words("keep", "shift"),
        "anchor": either(words("start", "calendar"), pattern("^day ([1-9]|[12][0-9]|3[01])$")),
        "proration": words("day", "second", "none"),
        "bill": words("in advance", "in arrears"),
        "settle": words("allowance", "renewal", "with the allowance period", "at renewal"),
        "decrease": words("renewal", "now", "at renewal"),
        "pause": words("credit", "keep"),
        "packs": ref("flag"),
        "minimum": ref("amounts"),
        "maximum": ref("amounts"),
        "trial": _trial(),
        "expires": either(words("never", "period", "subscription"), pattern(LENGTH)),
        "quantity": either(ref("some"), COUNT_RANGE),
        "requires": NAMES,
        "wallet": by_key(ID, ref("positive"), at_least=1),
        "name": TEXT,
        "description": TEXT,
        "visibility": words("active", "inactive"),
        "recommended": ref("flag"),
        "auto_enable": ref("flag"),
        "archived": ref("flag"),
        "only_for": _only_for(),
        "metadata": by_key("", TEXT),
    }
    return {field.key: shapes[field.key] for field in FIELDS}


def _plan() -> Schema:
    """A price is inherited only from the plan it is like."""
    shape = keys("plan", {**plan_shapes(), "like": NAME, "was": NAME})
    return {"title": "Plan or add-on", **shape, **either({"required": ["price"]}, {"required": ["like"]})}


def _trial() -> Schema:
    once_per = one_or_more(words(*ONCE_PER), at_least=1)
    long = keys("trial", {"days": ref("some"), "card": ref("flag"), "once_per": once_per}, ["days"])
    return either(SOME_DAYS, words("none"), long)


def _only_for() -> Schema:
    shape = keys("only_for", {"emails": TEXTS, "domains": TEXTS, "list": TEXT})
    return either(words("none"), {**shape, "minProperties": 1})


# --- what a plan grants and charges


def _entry() -> Schema:
    """What a plan grants of a feature: its short forms, or the keys of an entry."""
    long = keys(
        "entry",
        {
            "included": either(ref("number"), words(UNLIMITED)),
            "values": TEXTS,
            "beyond": ref("beyond"),
            "reset": words(*RESETS, "default"),
            "rollover": either(words("all", "none"), ref("positive")),
            "prorate_allowance": ref("flag"),
            "late": words("bill", "reject"),
            "spends": ref("spends"),
        },
    )
    alone: Schema = {"if": {"required": ["values"]}, "then": {"maxProperties": 1}}  # a list has no allowance
    return {
        "title": "What is granted",
        **either(ref("number"), ref("flag"), words(UNLIMITED), NO_NUMBER, listed(WORD), {**long, **alone}),
    }


def _beyond() -> Schema:
    shapes = {
        "charge": words(*CHARGES),
        **{name: _by_row(name) for name in KINDS},
        "up_to": ref("number"),
        "flat_at_zero": ref("flag"),
        "convert": keys("convert", {"by": ref("positive"), "round": words(*ROUNDS)}, ["by"]),
        "included_as": words("units", "tier"),
    }
    one_kind = [{"required": [name], "properties": _beside(name)} for name in KINDS]
    return {"title": "Beyond the allowance", **keys("beyond", shapes, ["charge"]), "oneOf": one_kind}


def _beside(name: str) -> dict[str, object]:
    """What may not stand beside a kind."""
    refused: dict[str, object] = {}
    if not issubclass(KINDS[name], TierTable):
        refused = {"convert": False, "flat_at_zero": {"enum": list(NO)}}
    return refused if issubclass(KINDS[name], Volume) else {**refused, "included_as": words("units")}


def _by_row(name: str) -> Schema:
    """A kind's terms, or its terms for each row of the plan's price."""
    return either(ref(name), by_key(INTERVAL, ref(name), at_least=1))


def _priced(name: str) -> Schema:
    """The terms of a price kind."""
    if issubclass(KINDS[name], TierTable):
        return {**listed(ref("tier")), "minItems": 1}
    prices, whole = ref("prices"), ref("whole")
    package: dict[str, Schema] = {
        "of": ref("positive"),
        "price": prices,
        "round": words(*ROUNDS),
        "minimum_packages": whole,
    }
    percentage: dict[str, Schema] = {
        "rate": SHARE,
        "of": TEXT,
        **dict.fromkeys(("fixed", "min", "max", "free_amount"), prices),
        "free_events": whole,
    }
    terms = {
        "each": prices,
        "package": keys("package", package, ["of", "price"]),
        "percentage": keys("percentage", percentage, ["rate", "of"]),
    }
    return terms[name]


def _tier() -> Schema:
    shape = keys("tier", {"to": ref("positive"), "each": ref("prices"), "flat": ref("prices")})
    return {**shape, **either({"required": ["each"]}, {"required": ["flat"]})}
