"""What planctl writes for machines fits its schema, and the schemas are strict."""

from __future__ import annotations

import json
from collections.abc import Callable
from copy import deepcopy
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from planctl.core.catalog.book import Book, Held, Spread
from planctl.core.catalog.changeset import StoredCatalog, StoredObject
from planctl.core.catalog.diff import diff
from planctl.core.catalog.saved_plan import Reviewed, saved_plan_document
from planctl.core.catalog.schemas import SCHEMAS
from planctl.core.catalog.selection import Selection
from planctl.core.catalog.snapshot_file import snapshot_file_document
from planctl.core.instants import parse_instant, zone
from planctl.findings import Place
from planctl.views.changeset import changeset_document
from tests.core.catalog.helpers import catalog

CLIMB = list(range(101))
HASH = "0123456789abcdef" * 4
NOW = parse_instant("2026-11-21T10:00:00Z", zone("UTC"))
ONE_PLAN = "plans: {pro: {price: {month: {USD: 49}}, features: {minutes: 5_000, apps: [mail]}}}"


def judge(name: str) -> Draft202012Validator:
    return Draft202012Validator(SCHEMAS[name]())


def complaints(name: str, document: Any) -> list[str]:
    """What a schema says against the document as JSON has it."""
    return [
        f"{error.json_path}: {error.message}"
        for error in judge(name).iter_errors(json.loads(json.dumps(document)))
    ]


def stored(**more: Any) -> StoredObject:
    return StoredObject("plans.pro", {"name": "Pro", "packs": False, "requires": []}, **more)


def snapshot() -> dict[str, Any]:
    objects = {
        "plans.pro": stored(
            version=3, terms_hash=HASH, managed_by="acme", outside=(41, "alice"), place=Place("a.yaml", 3, 1)
        ),
        "currencies.USD": StoredObject("currencies.USD", {"name": "US Dollar", "decimals": "2", "iso": True}),
        "page": StoredObject("page", {}),
    }
    held = Held(
        "pro",
        3,
        "USD",
        "month",
        Fraction(19, 3),
        12,
        1,
        {"seats": Decimal("2.5")},
        {"price.month.USD": "450"},
    )
    book = Book(NOW, (held,), {("pro", "minutes"): Spread(12, tuple(Fraction(n, 7) for n in CLIMB))})
    return snapshot_file_document(StoredCatalog("store_1", "prod", 41, objects, frozenset({"rise"})), book)


def test_a_snapshot_fits_its_schema() -> None:
    assert complaints("snapshot", snapshot()) == []


def test_a_diff_and_a_saved_plan_fit_their_schemas() -> None:
    desired = catalog(ONE_PLAN)
    changes = diff(StoredCatalog("store_1", "prod", 41), desired, holders={})
    shown = changeset_document(changes)
    assert len(changes.changes) > 5
    assert complaints("diff", shown) == []
    reviewed = Reviewed(
        {"catalog.yaml": ONE_PLAN}, Selection(("plans.*",)), "", ("77c1d09e5b3f",), "a" * 40 + "-dirty"
    )
    assert complaints("plan", saved_plan_document(changes, desired, reviewed, shown)) == []


CHANGE = {
    "address": "plans.pro",
    "action": "version",
    "from_version": 7,
    "to_version": 8,
    "fields": [
        {"path": "price.month.USD", "before": "49", "after": "55"},
        {"path": "features.sso", "before": None, "after": True},
        {"path": "features.calls.beyond.graduated", "before": [{"each": {"USD": "1"}}], "after": []},
    ],
    "rules": [
        {
            "id": "price-increase",
            "level": "caution",
            "fingerprint": "0123456789ab",
            "path": "price.month.USD",
            "detail": "",
            "accepted": False,
        }
    ],
    "file": "plans/workspace.yaml",
    "line": 24,
    "impact": {
        "subscriptions": {"5": 300, "7": 77},
        "recurring": [{"currency": "USD", "now": "18473", "moved": "20735.5"}],
        "compared": 377,
        "dearer": 0,
        "stuck": 0,
        "by_fees": False,
        "overuse": [
            {
                "path": "features.minutes.included",
                "limit": "4000",
                "over": 31,
                "subscriptions": 377,
                "median": "812.5",
                "p95": "3900",
                "most": "4800",
                "about": False,
            }
        ],
    },
}
DIFF = {
    "format": "planctl.diff/1",
    "digest": "9f31c0d2a7e4",
    "base": {"kind": "store", "store": "prod", "id": "store_1", "revision": 41, "label": "", "as_of": None},
    "summary": {
        "create": 0, "version": 1, "update": 0, "archive": 0, "unarchive": 0, "adopt": 0, "rename": 0,
        "breaking": 0, "caution": 1,
    },
    "changes": [CHANGE],
    "passed_over": ["plans.team"],
    "refusals": [],
    "findings": [],
}  # fmt: skip

Spoil = Callable[[Any], object]


def test_a_diff_with_impact_fits_its_schema() -> None:
    assert complaints("diff", DIFF) == []
    assert complaints("diff", {**DIFF, "revision": 42}) == []


@pytest.mark.parametrize(
    "spoil",
    [
        lambda diff: diff.update(extra=1),
        lambda diff: diff.pop("changes"),
        lambda diff: diff.update(digest="9F31C0D2A7E4"),
        lambda diff: diff["base"].update(kind="branch"),
        lambda diff: diff["base"].update(as_of="2026-11-21 10:00"),
        lambda diff: diff["changes"][0].update(address="plans"),
        lambda diff: diff["changes"][0].update(action="delete"),
        lambda diff: diff["changes"][0].update(line="24"),
        lambda diff: diff["changes"][0]["fields"][0].update(before=49),
        lambda diff: diff["changes"][0]["rules"][0].update(level="fatal"),
        lambda diff: diff["changes"][0]["rules"][0].update(fingerprint="0123"),
        lambda diff: diff["changes"][0]["impact"]["recurring"][0].update(now=18473),
        lambda diff: diff["changes"][0]["impact"]["recurring"][0].update(now="18,473.00"),
        lambda diff: diff["changes"][0]["impact"]["recurring"][0].update(currency="usd"),
        lambda diff: diff["changes"][0]["impact"].update(subscriptions={"v5": 1}),
        lambda diff: diff["changes"][0]["impact"]["overuse"][0].pop("limit"),
    ],
)
def test_a_diff_of_another_shape_does_not(spoil: Spoil) -> None:
    spoiled = deepcopy(DIFF)
    spoil(spoiled)
    assert complaints("diff", spoiled)


@pytest.mark.parametrize(
    "spoil",
    [
        lambda file: file.update(customers=["nova"]),
        lambda file: file.pop("sha256"),
        lambda file: file["held"][0].update(customer="nova"),
        lambda file: file["held"][0].update(monthly="6,33"),
        lambda file: file["held"][0].update(monthly=6),
        lambda file: file["used"][0]["percentiles"].pop(),
        lambda file: file["objects"]["plans.pro"].update(terms_hash="abc"),
        lambda file: file["objects"]["plans.pro"].update(outside=["alice"]),
        lambda file: file["objects"].update({"gadgets.x": file["objects"]["page"]}),
        lambda file: file["objects"]["plans.pro"]["document"].update(due=7),
    ],
)
def test_a_snapshot_of_another_shape_does_not(spoil: Spoil) -> None:
    spoiled = json.loads(json.dumps(snapshot()))
    spoil(spoiled)
    assert complaints("snapshot", spoiled)


@pytest.mark.parametrize("name", SCHEMAS)
def test_each_schema_is_a_valid_one_with_a_name_of_its_own(name: str) -> None:
    schema = SCHEMAS[name]()
    Draft202012Validator.check_schema(schema)
    assert schema["$id"] == f"planctl:{name}-1.schema.json"
    json.dumps(schema, allow_nan=False)


@pytest.mark.parametrize("name", SCHEMAS)
def test_no_shape_is_named_that_is_not_there_and_none_is_left_over(name: str) -> None:
    text, schema = json.dumps(SCHEMAS[name]()), SCHEMAS[name]()
    definitions = schema["$defs"]
    assert isinstance(definitions, dict)
    named = {part.split('"')[0] for part in text.split('"$ref": "#/$defs/')[1:]}
    assert named == definitions.keys()
