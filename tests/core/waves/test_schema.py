"""The schema of a migration's file takes what the parser takes, and refuses the slips that editors can show."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import Draft202012Validator

from planctl.core.reading import Reader
from planctl.core.waves.parse import EXCLUDE, KEYS, SELECT, parse
from planctl.core.waves.schema import migration_schema
from planctl.files.yaml_reader import read_text

SAMPLES = sorted((Path(__file__).parents[3] / "sample-catalogs").glob("*/migrations/*.yaml"))
LEAST = "plan: pro\nfrom: older\nto: newest\n"


def takes(text: str) -> bool:
    document: Any = yaml.load(text, Loader=yaml.SafeLoader)
    if "started_before" in (
        document.get("select") or {}
    ):  # an editor's reader keeps dates as they are written
        document["select"]["started_before"] = str(document["select"]["started_before"])
    return bool(Draft202012Validator(migration_schema()).is_valid(document))


def parses(text: str) -> bool:
    (file,) = read_text(text, "m.yaml").files
    reader = Reader()
    assert file.node is not None
    return parse("m", file.node, reader) is not None and not reader.findings


def test_it_is_a_valid_schema_with_every_key_of_the_parser() -> None:
    schema: Any = migration_schema()
    Draft202012Validator.check_schema(schema)
    properties = schema["properties"]
    assert set(properties) == set(KEYS)
    assert set(properties["select"]["properties"]) == set(SELECT)
    assert set(properties["exclude"]["properties"]) == set(EXCLUDE)
    assert all(one["description"] for one in properties.values())


@pytest.mark.parametrize("path", SAMPLES, ids=lambda path: path.name)
def test_the_samples_are_taken(path: Path) -> None:
    assert takes(path.read_text(encoding="utf-8"))


@pytest.mark.parametrize(
    "text",
    [
        LEAST,
        LEAST + "at: now\nbatches: 3\nmax_increase: 20%\ntitle: 2026\n",
        "plan: pro\nfrom: [5, 6]\nto: 8\nbatches: {percent: [5, 25, 70]}\n",
        "plan: pro\nfrom: 5\nto: 8\n",
        LEAST + "select: {customers: acme, currency: [USD], pay: [3 months], country: [DE]}\n",
        LEAST + "select: {started_before: 2025-01-01}\nexclude: {customers: [a, b], negotiated: true}\n",
    ],
)
def test_what_the_parser_takes_is_taken(text: str) -> None:
    assert (parses(text), takes(text)) == (True, True)


@pytest.mark.parametrize(
    "text",
    [
        "plan: pro\nfrom: older\n",
        LEAST + "at: later\n",
        LEAST + "batches: 0\n",
        LEAST + "batches: {share: [50, 50]}\n",
        LEAST + "max_increase: 20\n",
        LEAST + "select: {countries: [DE]}\n",
        LEAST + "select: {country: [Germany]}\n",
        "plan: Pro\nfrom: older\nto: newest\n",
        "plan: pro\nfrom: newer\nto: newest\n",
        "plan: pro\nfrom: [0]\nto: newest\n",
    ],
)
def test_slips_are_refused_by_both(text: str) -> None:
    assert (parses(text), takes(text)) == (False, False)
