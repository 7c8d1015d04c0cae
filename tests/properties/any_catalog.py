"""Draws catalogs that have no error: every section, every field of a plan, every price kind with its own terms.

What the tables below hold is held against the tables of the program by test_catalog_laws.py, so that a field
added there must be drawn here.
"""

from __future__ import annotations

from collections.abc import Mapping

from hypothesis import strategies as st

from planctl.core.catalog.model import Catalog
from planctl.core.catalog.parse import parse
from planctl.core.document import Document, node_of
from planctl.core.document import Mapping as Node

Object = dict[str, Document]
Drawn = st.SearchStrategy[Document]

CURRENCIES = ("USD", "EUR", "JPY", "POINT")
INTERVALS = ("week", "month", "3 months", "year", "once")
NAMES = st.text(
    st.characters(codec="utf-8", categories=("L", "N", "P", "Zs")), min_size=1, max_size=12
).filter(lambda text: text.strip() not in {"", "~", "null"})
FLAG: Drawn = st.booleans()
WHOLE = st.integers(1, 10**9).map(str)
UNIT_PRICE = st.tuples(st.integers(0, 999), st.integers(1, 10**12 - 1)).map(lambda n: f"{n[0]}.{n[1]:012d}")


def one_of(*values: Document) -> Drawn:
    """One of some values."""
    return st.sampled_from(values)


def some(fields: Mapping[str, Drawn]) -> st.SearchStrategy[Object]:
    """A map with any of these keys."""
    return st.fixed_dictionaries({}, optional=dict(fields))


def amounts(price: st.SearchStrategy[str]) -> st.SearchStrategy[Object]:
    """An amount in every currency, for a charge has a price wherever its plan is sold."""
    return st.tuples(*[price] * len(CURRENCIES)).map(lambda found: dict(zip(CURRENCIES, found, strict=True)))


def few_amounts(price: st.SearchStrategy[str]) -> Drawn:
    """An amount in some currencies."""
    return st.dictionaries(st.sampled_from(CURRENCIES), price, min_size=1).map(lambda found: {**found})


# --- prices past an allowance

MOST_INCLUDED = 100
"""The largest allowance drawn; every tier table begins above it."""


def tiers() -> Drawn:
    """A tier table whose rows have a price per unit, a flat one, or both."""
    row = st.one_of(
        st.fixed_dictionaries({"each": amounts(UNIT_PRICE)}),
        st.fixed_dictionaries({"flat": amounts(WHOLE)}),
        st.fixed_dictionaries({"each": amounts(UNIT_PRICE), "flat": amounts(WHOLE)}),
    )

    def table(bounds: set[int], rows: list[Object]) -> Document:
        ends = [str(bound) for bound in sorted(bounds)][: len(rows) - 1]
        return [*({"to": end, **one} for end, one in zip(ends, rows, strict=False)), rows[-1]]

    bounds = st.sets(st.integers(MOST_INCLUDED + 1, 10**6), min_size=1, max_size=2)
    return st.builds(table, bounds, st.lists(row, min_size=2, max_size=3))


PACKAGE: dict[str, Drawn] = {
    "of": WHOLE,
    "price": amounts(WHOLE),
    "round": one_of("up", "down", "none"),
    "minimum_packages": one_of("0", "2"),
}
PERCENTAGE: dict[str, Drawn] = {
    "rate": one_of("2.9%", "0%", "100%"),
    "of": one_of("amount", "paid"),
    "fixed": amounts(UNIT_PRICE),
    "min": amounts(one_of("0.1", "1").map(str)),
    "max": amounts(one_of("5", "9.5").map(str)),
    "free_events": one_of("0", "5"),
    "free_amount": amounts(WHOLE),
}
CONVERT: dict[str, Drawn] = {"by": one_of("2", "60.5"), "round": one_of("up", "down", "none")}
BESIDE: dict[str, Drawn] = {
    "flat_at_zero": FLAG,
    "convert": st.fixed_dictionaries({"by": CONVERT["by"]}, optional={"round": CONVERT["round"]}).map(
        lambda found: {**found}
    ),
    "included_as": one_of("units", "tier"),
}


def required(fields: Mapping[str, Drawn], *keys: str) -> Drawn:
    """A map with these keys and any of the others."""
    rest = {key: value for key, value in fields.items() if key not in keys}
    return st.fixed_dictionaries({key: fields[key] for key in keys}, optional=rest).map(
        lambda found: {**found}
    )


KINDS: dict[str, Drawn] = {
    "each": amounts(UNIT_PRICE).map(lambda found: {**found}),
    "package": required(PACKAGE, "of", "price"),
    "graduated": tiers(),
    "volume": tiers(),
    "percentage": required(PERCENTAGE, "rate", "of"),
}
BESIDE_OF = {"graduated": ("flat_at_zero", "convert"), "volume": ("flat_at_zero", "convert", "included_as")}


@st.composite
def charge(draw: st.DrawFn, rows: tuple[str, ...], *, by_event: bool) -> Document:
    """What is charged past an allowance in a plan with these rows: by row where it is bought ahead."""
    kind = (
        "percentage" if by_event else draw(st.sampled_from([name for name in KINDS if name != "percentage"]))
    )
    ahead = not by_event and draw(st.booleans())
    by_row = ahead or draw(st.booleans())
    price = {row: draw(KINDS[kind]) for row in rows} if by_row else draw(KINDS[kind])
    found: Object = {"charge": "prepaid" if ahead else "usage", kind: price}
    found |= draw(some({key: BESIDE[key] for key in BESIDE_OF.get(kind, ())}))
    return found | draw(some({"up_to": one_of("1000000000000")}))


# --- features

METERED: dict[str, Drawn] = {
    "name": NAMES,
    "unit": NAMES,
    "event": one_of("call.made", "x"),
    "aggregate": one_of("sum", "count", "max", "last", "weighted"),
    "value": one_of("size"),
    "where": one_of({"kind": "voice"}, {}),
    "round": one_of({"to": "2", "mode": "up"}, {"to": "-2"}),
    "reset": one_of("day", "week", "month", "interval"),
    "was": one_of("older"),
}
FEATURES: Drawn = st.fixed_dictionaries(
    {
        "sso": some({"name": NAMES}).map(lambda found: {"type": "boolean", **found}),
        "apps": one_of({"type": "list", "values": ["mail", "no", "1e3"], "name": "Apps"}),
        "seats": one_of({"type": "metered", "unit": "seat", "reset": "never"}),
        "old": FLAG.map(lambda archived: {"type": "boolean", "archived": archived}),
        "minutes": some(METERED).map(lambda found: {**found, "type": "metered"}),
        "visits": one_of({"type": "metered", "aggregate": "unique", "value": "visitor"}),
        "chats": one_of({"type": "metered", "spends": {"minutes": "1/3"}}),
        "payments": one_of({"type": "metered", "aggregate": "count"}),
    }
).map(lambda found: {**found})

ENTRY: dict[str, Drawn] = {
    "included": st.integers(0, MOST_INCLUDED).map(str),
    "reset": one_of("day", "week", "month", "interval"),
    "rollover": one_of("none", "all", "3"),
    "prorate_allowance": FLAG,
    "late": one_of("bill", "reject"),
}


@st.composite
def granted(draw: st.DrawFn, rows: tuple[str, ...], *, charged: bool) -> Object:
    """A plan's features; `charged`: at least one costs something past its allowance."""
    found: Object = {}
    found |= draw(
        some(
            {"sso": FLAG, "apps": st.lists(one_of("mail", "no", "1e3"), min_size=1, unique_by=str).map(list)}
        )
    )
    found |= draw(some({"seats": one_of("3", "unlimited"), "visits": one_of("7", {"included": "unlimited"})}))
    entry = draw(some(ENTRY))
    if charged:
        entry["beyond"] = draw(charge(rows, by_event=False))
    found["minutes"] = {"included": "5", **entry}
    found |= draw(
        some({"chats": one_of(True, "20", {"spends": {"minutes": "0.25"}}, {"included": "5", "spends": {}})})
    )
    if charged and draw(st.booleans()):
        found["payments"] = {"included": "2", "beyond": draw(charge(rows, by_event=True))}
    return found


# --- plans

FIELDS: dict[str, Drawn] = {
    "name": NAMES,
    "description": NAMES,
    "visibility": one_of("active", "inactive"),
    "only_for": one_of("none", {"list": "schools"}, {"emails": ["a@b.example"], "domains": ["c.example"]}),
    "metadata": st.dictionaries(NAMES, NAMES, max_size=2).map(lambda found: {**found}),
    "group": one_of("main", "none", "extras", "default"),
    "due": one_of("0 days", "1 day", "30 days"),
    "grace": one_of("never", "0 days", "3 days"),
    "on_past_due": one_of("keep", "block"),
    "on_blocked": one_of("recover", "final"),
    "renewal_anchor": one_of("keep", "shift"),
    "proration": one_of("day", "second", "none"),
    "bill": one_of("in advance", "in arrears"),
    "settle": one_of("allowance", "renewal", "at renewal"),
    "decrease": one_of("renewal", "now", "at renewal"),
    "pause": one_of("credit", "keep"),
    "packs": FLAG,
    "minimum": few_amounts(WHOLE),
    "maximum": few_amounts(WHOLE),
    "anchor": one_of("start", "calendar"),
    "expires": one_of("never", "12 months"),
    "quantity": one_of("1", "3", "1..20"),
    "archived": FLAG,
    "trial": one_of("none", "5 days", {"days": "5", "card": True, "once_per": ["fingerprint"]}),
}
"""Fields that any plan may have, whatever else it says; `trial` only one that is paid again and again."""

ELSEWHERE = {"price", "features", "recommended", "auto_enable", "requires", "wallet"}
"""Fields drawn by hand: they hang on the others, or at most one of a group may have them."""


@st.composite
def plan(draw: st.DrawFn) -> Object:
    """A plan: free, with a fee, or charged by usage alone."""
    sort = draw(st.sampled_from(["free", "fee", "usage", "both"]))
    fields = draw(some(FIELDS))
    if sort == "free":
        fields.pop("trial", None)
        return {**fields, "price": "free", "features": draw(granted((), charged=False))}
    rows = tuple(draw(st.lists(st.sampled_from(INTERVALS), min_size=1, max_size=3, unique=True)))
    if set(rows) == {"once"}:
        fields.pop("trial", None)
    fee = few_amounts(st.one_of(WHOLE, st.just("5..9")))
    price: Object = {row: "usage" if sort == "usage" else draw(fee) for row in rows}
    return {**fields, "price": price, "features": draw(granted(rows, charged=sort != "fee"))}


ADDONS: Drawn = st.fixed_dictionaries(
    {},
    optional={
        "seat": one_of(
            {"price": {"month": {"USD": "6"}, "year": {"USD": "60"}}, "requires": ["alpha"], "quantity": "1..20"},
            {
                "price": {"month": "usage"},
                "features": {"minutes": {"beyond": {"charge": "usage", "each": {"EUR": "1"}}}},
            },
        ),
        "pack": one_of(
            {"price": {"once": {"USD": "15"}}, "wallet": {"minutes": "1000"}, "expires": "subscription"},
            {"price": {"once": {"JPY": "15"}}, "wallet": {"minutes": "5.5", "visits": "1"}, "group": "extras"},
        ),
    },
).map(lambda found: {**found})  # fmt: skip

OTHERS: dict[str, Drawn] = {
    "taxes": one_of(
        {"vat": {"rate": {"2020-07-01": "16%", "2021-01-01": "19%"}, "country": "DE", "name": "MwSt."}},
        {"gst": {"rate": "18%", "included": True}},
    ),
    "coupons": one_of(
        {"c": {"off": "20%", "for": "3 periods", "plans": ["alpha"], "until": "2026-12-31", "max": "100"}},
        {"c": {"off": {"USD": "10", "JPY": "9"}, "for": "forever"}, "d": {"off": "0.5%"}},
    ),
    "examples": one_of({"e": {"plan": "fixed", "pay": "month", "in": "USD", "use": {"seats": "3"}, "bill": "5"}}),
    "page": some({"title": NAMES, "intro": NAMES, "colour": one_of("#0b5"), "button": one_of("https://a.example/"),
                  "contact": NAMES}).map(lambda found: {**found}),
    "policy": one_of(
        {"hidden": "safe", "max_price_change": "5%", "max_mrr_at_risk": {"USD": "5"}},
        {"levels": {"price-increase": "breaking"}, "max_subscribers_touched": "50"},
    ),
    "changes": one_of({"n": {"title": "t", "why": "w", "accept": ["66716f09291c"]}}),
    "defaults": one_of({"due": "5 days", "packs": True}, {"visibility": "inactive", "bill": "in arrears"}),
}  # fmt: skip
FIXED: Object = {
    "price": {"month": {"USD": "5"}},
    "features": {"seats": "3"},
    "recommended": True,
    "group": "main",
}


@st.composite
def whole(draw: st.DrawFn) -> Object:
    """A catalog's document as a person might write it; `fixed` is always among its plans."""
    plans = draw(st.dictionaries(st.sampled_from(["alpha", "b-2", "c_3"]), plan(), max_size=3))
    plans.setdefault("alpha", {"price": "free", "auto_enable": True})
    plans["alpha"].pop("archived", None)  # others name it
    found: Object = {
        "format": "planctl.catalog/1",
        "catalog": "any",
        "currencies": {
            "USD": None,
            "EUR": {"name": "Euro!"},
            "JPY": None,
            "POINT": {"name": "Points", "decimals": "0", "iso": False},
        },
        "features": draw(FEATURES),
        "groups": {
            "main": draw(
                one_of({"exclusive": False}, {"name": "Main", "switch": {"up": "restart", "down": "now"}})
            ),
            "extras": {"exclusive": False, "order": [], "was": "beside"},
        },
        "plans": {**plans, "fixed": FIXED},
        "addons": draw(ADDONS),
    }
    return found | draw(some(OTHERS))


def read(document: Document) -> Catalog:
    """The catalog of a drawn document; it has no error."""
    node = node_of(document)
    assert isinstance(node, Node)
    result = parse([("any.yaml", node)])
    errors = [finding for finding in result.findings if finding.is_error]
    assert not errors, errors
    assert result.catalog is not None
    return result.catalog
