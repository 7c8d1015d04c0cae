"""Whatever a catalog says, its export reads back to the same objects, and so do its snapshots."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from planctl.core.catalog.emit import (
    catalog_digest,
    catalog_documents,
    catalog_file_document,
    snapshot_document,
    snapshot_hash,
)
from planctl.core.catalog.parse import parse
from planctl.core.catalog.snapshots import terms_of
from planctl.core.document import Document, Mapping, canonical, document_of, node_of
from planctl.files.yaml_reader import read_text
from planctl.files.yaml_writer import write_yaml

CURRENCIES = ("USD", "EUR", "JPY", "POINT")
FEATURES: dict[str, Document] = {
    "sso": {"type": "boolean"},
    "apps": {"type": "list", "values": ["mail", "chat", "no", "1e3"]},
    "seats": {"type": "metered", "unit": "seat", "reset": "never"},
    "minutes": {"type": "metered", "unit": "minute", "aggregate": "max", "where": {"kind": "voice"}},
    "chats": {"type": "metered", "spends": {"minutes": "1/3"}},
}

amounts = st.integers(0, 10**12).map(str)
unit_prices = st.tuples(st.integers(0, 999), st.integers(0, 10**12 - 1)).map(lambda n: f"{n[0]}.{n[1]:012d}")
names = st.text(
    st.characters(codec="utf-8", categories=("L", "N", "P", "S", "Zs")), min_size=1, max_size=20
).filter(lambda text: text.strip() not in {"", "~", "null"})
intervals = st.sampled_from(["day", "2 weeks", "month", "3 months", "year", "once"])


def options(**fields: st.SearchStrategy[Document]) -> st.SearchStrategy[dict[str, Document]]:
    """A map with any of the keys."""
    return st.fixed_dictionaries({}, optional=fields)


def priced(price: st.SearchStrategy[str], at_least: int = 1) -> st.SearchStrategy[Document]:
    """A price for some currencies."""
    return st.dictionaries(st.sampled_from(CURRENCIES), price, min_size=at_least).map(lambda found: {**found})


def tiers() -> st.SearchStrategy[Document]:
    """A tier table with rising bounds and an open end, in one currency."""

    def table(bounds: set[int], price: str, flat: str) -> Document:
        rows: list[Document] = [{"to": str(bound), "each": {"USD": price}} for bound in sorted(bounds)]
        return [*rows, {"each": {"USD": price}, "flat": {"USD": flat}}]

    return st.builds(table, st.sets(st.integers(1, 10**6), min_size=1, max_size=3), unit_prices, amounts)


kinds = st.one_of(
    priced(unit_prices).map(lambda price: {"each": price}),
    tiers().map(lambda rows: {"graduated": rows}),
    tiers().map(lambda rows: {"volume": rows, "flat_at_zero": True}),
    tiers().map(lambda rows: {"volume": rows, "included_as": "tier"}),
    tiers().map(lambda rows: {"graduated": rows, "convert": {"by": "60", "round": "down"}}),
    st.just({"percentage": {"rate": "2.9%", "of": "paid", "fixed": {"USD": "0.3"}, "free_events": "5"}}),
    st.builds(
        lambda of, price: {"package": {"of": str(of), "price": price}}, st.integers(1, 1000), priced(amounts)
    ),
    st.dictionaries(intervals, priced(unit_prices), min_size=1).map(lambda rows: {"each": {**rows}}),
)
beyond = st.builds(
    lambda charge, kind, rest: {"charge": charge, **kind, **rest},
    st.sampled_from(["usage", "prepaid"]),
    kinds,
    options(up_to=amounts),
)
entries = options(
    included=st.one_of(amounts, st.just("unlimited")),
    beyond=beyond,
    reset=st.sampled_from(["day", "month", "interval", "never"]),
    rollover=st.sampled_from(["none", "all", "3"]),
    late=st.sampled_from(["bill", "reject"]),
    spends=st.sampled_from([{"minutes": "0.5"}, {}]),
).map(lambda entry: {**entry})
metered = st.one_of(amounts, st.just("unlimited"), entries)
features = options(
    sso=st.booleans(),
    apps=st.lists(st.sampled_from(["mail", "chat", "no", "1e3"]), unique=True).map(list),
    seats=metered,
    minutes=metered,
    chats=st.one_of(st.just(True), metered),
)
prices = st.one_of(
    st.just("free"),
    st.dictionaries(
        intervals,
        st.one_of(st.just("usage"), priced(st.one_of(amounts, st.just("5..9")))),
        min_size=1,
    ).map(lambda rows: {**rows}),
)
plans = st.builds(
    lambda price, rest: {"price": price, **rest},
    prices,
    options(
        name=names,
        description=names,
        group=st.sampled_from(["main", "none", "default"]),
        features=features.map(lambda entries: {**entries}),
        due=st.sampled_from(["0 days", "1 day", "30 days"]),
        grace=st.sampled_from(["never", "0 days", "3 days"]),
        anchor=st.sampled_from(["start", "calendar", "day 31"]),
        trial=st.sampled_from(["none", "14 days", {"days": "5", "card": True, "once_per": ["fingerprint"]}]),
        expires=st.sampled_from(["never", "12 months", "period"]),
        quantity=st.sampled_from(["1", "3", "1..20"]),
        minimum=priced(amounts, 0),
        only_for=st.sampled_from(["none", {"list": "schools"}, {"emails": ["a@b.example"]}]),
        metadata=st.dictionaries(names, names, max_size=2).map(lambda found: {**found}),
        recommended=st.booleans(),
        archived=st.booleans(),
    ),
)


def whole(declared: dict[str, Document], page: dict[str, Document]) -> Document:
    """A catalog with these plans, as a person might write it."""
    return {
        "format": "planctl.catalog/1",
        "catalog": "any",
        "currencies": {
            "USD": None,
            "EUR": {"name": "Euro!"},
            "JPY": None,
            "POINT": {"decimals": "0", "iso": False},
        },
        "features": {**FEATURES},
        "groups": {"main": {"exclusive": False}},
        "plans": {**declared},
        "page": {**page},
    }


catalogs = st.builds(
    whole, st.dictionaries(st.sampled_from(["a", "b-2", "c_3"]), plans), options(title=names, intro=names)
)


@given(catalogs)
def test_an_export_reads_back_to_the_same_objects(document: Document) -> None:
    node = node_of(document)
    assert isinstance(node, Mapping)
    found = parse([("any.yaml", node)]).catalog
    assert found is not None
    documents = catalog_documents(found)
    assert document_of(canonical({**documents})) == documents
    exported = node_of(catalog_file_document(documents, found.name))
    assert isinstance(exported, Mapping)
    again = parse([("export.yaml", exported)]).catalog
    assert again is not None
    assert catalog_documents(again) == documents


@given(catalogs)
def test_an_export_survives_being_written_as_yaml(document: Document) -> None:
    source = read_text(write_yaml(document), "any.yaml")
    tree, direct = source.files[0].node, node_of(document)
    assert tree is not None
    assert isinstance(direct, Mapping)
    written, spoken = parse([("any.yaml", tree)]).catalog, parse([("any.yaml", direct)]).catalog
    assert written is not None
    assert spoken is not None
    assert catalog_digest(written) == catalog_digest(spoken)


@given(catalogs)
def test_a_snapshot_reads_back_to_the_same_snapshot(document: Document) -> None:
    node = node_of(document)
    assert isinstance(node, Mapping)
    result = parse([("any.yaml", node)])
    assert result.catalog is not None
    for plan in result.catalog.plans.values() if result.usable else ():
        snapshot = document_of(canonical(snapshot_document(plan, result.catalog.features)))
        terms = terms_of(snapshot)
        assert terms.rows == plan.terms.rows
        assert terms.features.keys() == plan.terms.features.keys()
        assert snapshot_hash(document_of(canonical(snapshot))) == snapshot_hash(snapshot)


garbage = st.recursive(
    st.one_of(
        st.none(), st.booleans(), st.text(max_size=5), st.sampled_from(["1..", "..", "1/0", "9" * 40, "%"])
    ),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3).map(list),
        st.dictionaries(
            st.one_of(st.text(max_size=4), st.sampled_from(["USD", "month", "values"])), inner
        ).map(lambda found: {**found}),
    ),
    max_leaves=6,
)


def spoiled(document: Document, steps: list[int], rubbish: Document) -> Document:
    """The document with `rubbish` somewhere in it: each step picks a key or an item."""
    if not steps or not isinstance(document, dict | list) or not document:
        return rubbish
    if isinstance(document, list):
        index = steps[0] % len(document)
        return [*document[:index], spoiled(document[index], steps[1:], rubbish), *document[index + 1 :]]
    key = sorted(document)[steps[0] % len(document)]
    return {**document, key: spoiled(document[key], steps[1:], rubbish)}


EVERYTHING: dict[str, Document] = {
    "taxes": {"t": {"rate": {"2020-07-01": "16%"}, "country": "DE"}},
    "coupons": {"c": {"off": {"USD": "5"}, "for": "3 periods", "until": "2026-12-31", "plans": ["a"]}},
    "addons": {"x": {"price": {"once": {"USD": "5"}}, "wallet": {"minutes": "5"}, "requires": ["a"]}},
    "examples": {"e": {"plan": "a", "pay": "month", "in": "USD", "use": {"minutes": "5"}, "bill": "5"}},
    "policy": {"hidden": "safe", "max_price_change": "5%", "max_mrr_at_risk": {"USD": "5"}},
    "changes": {"n": {"title": "t", "why": "w", "accept": ["f"]}},
    "defaults": {"due": "5 days", "minimum": {"USD": "5"}},
}


@given(catalogs, st.lists(st.integers(0, 50), min_size=1, max_size=7), garbage)
def test_whatever_stands_anywhere_is_answered_with_findings(
    document: Document, steps: list[int], rubbish: Document
) -> None:
    assert isinstance(document, dict)
    tree = node_of(spoiled({**document, **EVERYTHING}, steps, rubbish))
    if isinstance(tree, Mapping):
        result = parse([("any.yaml", tree)])
        assert result.catalog is not None
        assert result.usable is not any(finding.is_error for finding in result.findings)
