"""Editors take what the parser takes, mark what it refuses by its shape, and say what each key is for."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from jsonschema import Draft202012Validator

from planctl.core.catalog.documents import plan_document
from planctl.core.catalog.emit import catalog_documents
from planctl.core.catalog.export import catalog_file_document
from planctl.core.catalog.fields import BY_KEY
from planctl.core.catalog.parse import parse
from planctl.core.catalog.schema import catalog_schema
from planctl.core.catalog.schemas_help import HELP
from planctl.core.catalog.sources import SECTIONS
from planctl.core.document import Document, Mapping, node_of
from planctl.core.pricing.kinds import KINDS
from planctl.files.yaml_writer import write_yaml
from tests.core.catalog.editors import marks
from tests.core.catalog.helpers import HEAD, catalog, parsed
from tests.properties.test_catalog_round_trip import catalogs

ROOT = Path(__file__).parents[3]
CATALOGS = sorted(
    path
    for folder in (ROOT / "tests" / "data" / "acme", ROOT / "sample-catalogs")
    for path in folder.rglob("*.yaml")
    if path.parent.name != "migrations"
    if not path.name.endswith(".invoices.yaml")
)
CASES = sorted(
    path
    for path in (ROOT / "tests" / "cases").glob("*.yaml")
    if "\n" in yaml.load(path.read_text(encoding="utf-8"), Loader=yaml.BaseLoader)["catalog"]
)
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
A_SECTION = re.compile(rf"^({'|'.join(SECTIONS)}):", re.MULTILINE)
WRITTEN = [
    pytest.param(block, id=f"{page.relative_to(ROOT)}:{number}")
    for page in PAGES
    for number, block in enumerate(
        re.findall(r"^```yaml.*\n((?:.*\n)*?)```$", page.read_text(encoding="utf-8"), re.MULTILINE)
    )
    if A_SECTION.search(block)
]


@pytest.mark.parametrize("path", CATALOGS, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_catalog_of_ours_is_clean_in_an_editor(path: Path) -> None:
    assert marks(path.read_text(encoding="utf-8")) == []


@pytest.mark.parametrize("path", CASES, ids=lambda path: path.stem)
def test_the_catalog_of_every_case_is_clean_in_an_editor(path: Path) -> None:
    case = yaml.load(path.read_text(encoding="utf-8"), Loader=yaml.BaseLoader)
    assert marks(case["catalog"]) == []


@pytest.mark.parametrize("text", WRITTEN)
def test_every_catalog_of_the_documentation_is_clean_in_an_editor(text: str) -> None:
    assert marks(text) == []


PLAN = "plans: {p: {price: {month: {USD: 9}}, %s}}"
BEYOND = "plans: {p: {price: free, features: {minutes: {beyond: {charge: usage, %s}}}}}"


@pytest.mark.parametrize(
    "text",
    [
        HEAD,
        "plans: {p: {price: {month: {USD: 1_000, EUR: '9.90', USDT: 0.000001}}}}",
        "plans: {p: {price: {month: {USD: +5}, year: {USD: 900..9_000}, 3 months: {USD: 1 .. 2}}}}",
        "plans: {p: {price: {2 weeks: usage}, trial: 14 days, features: {minutes: 1_000, sso: yes}}}",
        "plans: {p: {price: free, features: {apps: [a], minutes: unlimited, seats: {included: 5}, sso: ON}}}",
        "plans: {p: {like: q}}",
        "plans: {p: {price: free, name: 2024, description: NO, metadata: {erp: 12, old: on}}}",
        PLAN % "trial: {days: 5, once_per: fingerprint}, quantity: 1 .. 1_000, expires: 12 months",
        PLAN % "minimum: , requires: pro, group: none, packs: 'no', grace: never, anchor: day 31",
        PLAN % "features: {apps: {values: mail}, minutes: {rollover: 1_000, reset: default, spends: {}}}",
        PLAN % "features: {chats: {spends: {minutes: 1 / 10}}, minutes: {included: 0.5, rollover: all}}",
        "title: x\nwhy: y\naccept: [77c1d09e5b3f]",
        "changes: {rise: {title: x, why: y, accept: price-increase plans.pro}}",
        "policy: {hidden: breaking, max_price_change: 25 %, levels: , max_mrr_at_risk: {USD: 1_000}}",
        "taxes: {t: {rate: 19%}, n: {country: NO, rate: {2020-07-01: 16%, '2021-01-01': 19.0%}}}",
        "features: {gb: {type: metered, round: {to: -2, mode: up}}}",
        "features: {who: {type: metered, aggregate: unique, value: visitor, where: {big: true, n: 3}}}",
        "groups: {main: , other: {switch: , order: }}",
        "currencies: {USD: , TOK: {decimals: 12, iso: no, name: Tokens}}",
        "coupons: {a: {off: {USD: 10}, for: 12 periods, max: 1_000, plans: , until: 2026-12-31}}",
        "examples: {e: {plan: p, bill: 5, use: {payments: [50, 12.5], minutes: 3}}}",
        "defaults:\npage:\nplans:\nfeatures:",
        BEYOND % "each: {month: {USD: 4}, year: {USD: 40}}, up_to: 1_000",
        BEYOND
        % "package: {of: 1_000, price: {USD: 0.5}, round: none, minimum_packages: 0}, flat_at_zero: no",
        BEYOND
        % "flat_at_zero: true, convert: {by: 1_000, round: none}, included_as: tier, volume: [{each: {USD: 1}}]",
        BEYOND % "graduated: [{to: 1_000, each: {USD: 0}}, {flat: {USD: 10}}], included_as: units",
        BEYOND % "percentage: {rate: 2.9%, of: paid, fixed: {USD: 0.3}, free_events: 5, max: {USD: 10}}",
    ],
)
def test_every_way_to_write_a_value_is_clean_in_an_editor(text: str) -> None:
    assert marks(text) == []


@pytest.mark.parametrize(
    "text",
    [
        "plan: {}",
        "plans: {p: {prise: free}}",
        "plans: {p: }",
        "plans: {Pro: {price: free}}",
        "plans: {p: {name: Without a price}}",
        "plans: {p: {price: }}",
        "plans: {p: {price: 19}}",
        "plans: {p: {price: {fortnight: {USD: 1}}}}",
        "plans: {p: {price: {months: {USD: 1}}}}",
        "plans: {p: {price: {month: }}}",
        "plans: {p: {price: {month: {usd: 1}}}}",
        "plans: {p: {price: {month: {USD: -1}}}}",
        "plans: {p: {price: {month: {USD: '1,000'}}}}",
        "plans: {p: {price: {month: {USD: '010'}}}}",
        "plans: {p: {price: {month: {USD: $5}}}}",
        PLAN % "due: 2 weeks",
        PLAN % "due: 14",
        PLAN % "trial: 0 days",
        PLAN % "trial: {card: true}",
        PLAN % "expires: once",
        PLAN % "quantity: 0..5",
        PLAN % "anchor: 17",
        PLAN % "visibility: hidden",
        PLAN % "packs: maybe",
        PLAN % "only_for: {}",
        PLAN % "wallet: {minutes: 0}",
        PLAN % "features: {minutes: }",
        PLAN % "features: {minutes: {includes: 5}}",
        PLAN % "features: {minutes: {included: 5, values: [a]}}",
        PLAN % "features: {minutes: {included: 5, rollover: 0}}",
        PLAN % "features: {chats: {spends: {minutes: 0/5}}}",
        BEYOND % "each: {USD: 1}, volume: [{each: {USD: 1}}]",
        BEYOND % "up_to: 5",
        BEYOND % "each: {}",
        BEYOND % "each: {USD: 1}, convert: {by: 60}",
        BEYOND % "each: {USD: 1}, flat_at_zero: true",
        BEYOND % "graduated: [{each: {USD: 1}}], included_as: tier",
        BEYOND % "volume: [{each: {USD: 1}}], convert: {}",
        BEYOND % "volume: []",
        BEYOND % "volume: [{to: 5}, {each: {USD: 1}}]",
        BEYOND % "volume: [{up_to: 5, each: {USD: 1}}, {each: {USD: 1}}]",
        BEYOND % "package: {price: {USD: 1}}",
        BEYOND % "package: {of: 0, price: {USD: 1}}",
        BEYOND % "package: {of: 5, price: {USD: 1}, round: nearest}",
        BEYOND % "percentage: {rate: 0.029, of: paid}",
        BEYOND % "percentage: {rate: 2.9%}",
        "plans: {p: {price: free, features: {minutes: {beyond: {each: {USD: 1}}}}}}",
        "features: {f: {unit: call}}",
        "features: {f: {type: counted}}",
        "features: {f: {type: boolean, unit: call}}",
        "features: {f: {type: metered, aggregate: unique}}",
        "features: {gb: {type: metered, round: {mode: ceil}}}",
        "defaults: {price: free}",
        "currencies: {USD: {symbol: $}}",
        "currencies: {TOK: {iso: false}}",
        "groups: {main: {switch: {up: later}}}",
        "taxes: {t: {name: VAT}}",
        "taxes: {t: {rate: 19}}",
        "taxes: {t: {rate: 19%, country: Germany}}",
        "coupons: {c: {for: once}}",
        "coupons: {c: {off: 20%, for: 3 months}}",
        "coupons: {c: {off: 20%, until: 31.12.2026}}",
        "examples: {e: {plan: starter}}",
        "changes: {n: {title: x, why: y}}",
        "changes: {n: {title: x, why: y, accept: []}}",
        "policy: {max_price_change: 0.25}",
        "policy: {hidden: fatal}",
        "page: {color: red}",
        "format: planctl.catalog/2",
    ],
)  # fmt: skip
def test_what_the_parser_refuses_by_its_shape_an_editor_marks_too(text: str) -> None:
    with_plans = "plans: {starter: {price: free}}\n" if "plans" not in text else ""
    assert any(finding.is_error for finding in parsed(with_plans + text).findings), "the parser takes it"
    for version in ("1.2", "1.1"):
        assert any(mark.startswith(f"YAML {version}") for mark in marks(text)), f"YAML {version}"


@given(catalogs)
def test_whatever_is_exported_is_clean_in_an_editor(document: Document) -> None:
    node = node_of(document)
    assert isinstance(node, Mapping)
    found = parse([("any.yaml", node)])
    if found.usable and found.catalog is not None:
        assert marks(write_yaml(catalog_file_document(catalog_documents(found.catalog), "any"))) == []


def test_a_note_without_what_it_accepts_is_marked_as_a_note() -> None:
    assert marks("title: x") == [
        "YAML 1.2: $: 'accept' is a required property",
        "YAML 1.1: $: 'accept' is a required property",
    ]


def test_the_schema_is_a_valid_one() -> None:
    Draft202012Validator.check_schema(catalog_schema())
    json.dumps(catalog_schema(), allow_nan=False)


def objects(shape: Any) -> Iterator[dict[str, Any]]:
    """Every shape with keys of its own that knows no others."""
    if isinstance(shape, dict):
        if shape.get("additionalProperties") is False:
            yield shape["properties"]
        for inner in shape.values():
            yield from objects(inner)
    for item in shape if isinstance(shape, list) else ():
        yield from objects(item)


def test_every_key_says_in_one_sentence_what_it_is_for() -> None:
    for properties in objects(catalog_schema()["$defs"]):
        for key, shape in properties.items():
            about = shape.get("description", "")
            assert re.fullmatch(r"[^\n]{8,110}\.", about), (key, about)


def test_no_sentence_is_left_over() -> None:
    used = {
        (key, shape["description"])
        for keys in objects(catalog_schema()["$defs"])
        for key, shape in keys.items()
    }
    rows = {
        (key, row if isinstance(row, str) else row[0]) for rows in HELP.values() for key, row in rows.items()
    }
    assert rows - used == set()


def test_every_field_and_every_price_kind_is_known_to_the_editor() -> None:
    definitions: Any = catalog_schema()["$defs"]
    assert definitions["plan"]["properties"].keys() == BY_KEY.keys() | {"like", "was"}
    assert KINDS.keys() <= definitions["beyond"]["properties"].keys()
    assert {branch["required"][0] for branch in definitions["beyond"]["oneOf"]} == KINDS.keys()


def test_a_default_that_the_editor_shows_is_the_one_that_holds() -> None:
    plan = "plans: {p: {price: {month: {USD: 9}}}}"
    written = {key: row[1] for key, row in HELP["plan"].items() if not isinstance(row, str)}
    written = {
        key: "true" if value is True else "false" if value is False else value
        for key, value in written.items()
    }
    spelled = ", ".join(f"{key}: {value}" for key, value in written.items())
    bare, full = catalog(plan), catalog(plan.replace("{p: {", f"{{p: {{{spelled}, "))
    assert plan_document(bare.plans["p"]) == plan_document(full.plans["p"])


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("file", "odd: 1"),
        ("plan", "plans: {p: {price: free, odd: 1}}"),
        ("entry", "plans: {p: {price: free, features: {minutes: {odd: 1}}}}"),
        ("beyond", BEYOND % "each: {USD: 1}, odd: 1"),
        ("convert", BEYOND % "volume: [{each: {USD: 1}}], convert: {by: 5, odd: 1}"),
        ("package", BEYOND % "package: {of: 1, price: {USD: 1}, odd: 1}"),
        ("percentage", BEYOND % "percentage: {rate: 1%, of: paid, odd: 1}"),
        ("tier", BEYOND % "volume: [{each: {USD: 1}, odd: 1}]"),
        ("trial", PLAN % "trial: {days: 5, odd: 1}"),
        ("only_for", PLAN % "only_for: {list: a, odd: 1}"),
        ("currency", "currencies: {CHF: {odd: 1}}"),
        ("feature", "features: {f: {type: metered, odd: 1}}"),
        ("round", "features: {f: {type: metered, round: {odd: 1}}}"),
        ("group", "groups: {main: {odd: 1}}"),
        ("switch", "groups: {main: {switch: {odd: 1}}}"),
        ("tax", "taxes: {t: {rate: 5%, odd: 1}}"),
        ("page", "page: {odd: 1}"),
        ("coupon", "coupons: {c: {off: 5%, odd: 1}}"),
        ("example", "examples: {e: {plan: p, bill: 0, odd: 1}}"),
        ("note", "changes: {n: {accept: x, odd: 1}}"),
    ],
)
def test_the_editor_and_the_parser_know_the_same_keys(name: str, text: str) -> None:
    hint = next(finding.hint for finding in parsed(text).findings if finding.rule == "unknown-key")
    keys = set(hint.removeprefix("known: ").split(", "))
    if name == "entry":
        keys |= {"values"}  # of a list, whose entry has no other key
    assert keys == HELP[name].keys()
    assert marks(text)
