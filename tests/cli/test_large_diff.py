"""A large catalog under review: 40 plans, 4 currencies, 10,000 subscriptions; every form of the diff holds."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from planctl.core.catalog.schemas import SCHEMAS
from planctl.store.engine import open_store
from tests import stores
from tests.cli.conftest import Run
from tests.data_makers.many_subscriptions import BORN, Many, catalog_text, fill

MANY = Many(plans=40, subscriptions=10_000)
CUSTOMER = re.compile(r"customer_[0-9]{7}")
"""What the maker calls its customers."""
ON = ("--as-of", "2026-05-31")


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The store, made once for this module."""
    path = tmp_path_factory.mktemp("large") / "store.db"
    with (
        open_store(stores.url(path), create=True, at=BORN, is_test=True, timezone="UTC") as store,
        store.write() as tx,
    ):
        fill(tx, MANY)
    return path


@pytest.fixture
def reviewed(run: Run, large: Path, tmp_path: Path) -> Run:
    """`run` with that store, and a catalog in which all 40 plans differ."""
    stores.copy(large, tmp_path / "store.db")
    (tmp_path / "catalog").mkdir()
    text = catalog_text(MANY.plans, MANY.versions + 1, MANY.plans)
    (tmp_path / "catalog" / "catalog.yaml").write_text(text, encoding="utf-8")
    return run


def test_every_form_shows_people_and_money_and_names_nobody(reviewed: Run) -> None:
    result = reviewed("catalog", "diff", "-f", "json", "--out", "plan.json", *ON)
    assert result.exit_code == 0
    document: Any = result.json
    Draft202012Validator(SCHEMAS["diff"]()).validate(document)
    Draft202012Validator(SCHEMAS["plan"]()).validate(
        json.loads(Path("plan.json").read_text(encoding="utf-8"))
    )
    plans = [one for one in document["changes"] if one["address"].startswith("plans.")]
    assert len(plans) == 40
    held = sum(sum(one["impact"]["subscriptions"].values()) for one in plans)
    assert 9_000 < held <= 10_000  # the maker ends some
    for one in plans:
        assert {each["currency"] for each in one["impact"]["recurring"]} <= {"USD", "EUR", "GBP", "JPY"}
    currencies = {each["currency"] for one in plans for each in one["impact"]["recurring"]}
    assert currencies == {"USD", "EUR", "GBP", "JPY"}

    markdown = reviewed("catalog", "diff", "-f", "markdown", *ON).stdout
    assert len(markdown) < 65_000
    assert markdown.startswith("<!-- planctl:many:store -->\n")
    text = reviewed("catalog", "diff", *ON).stdout
    for shown in (result.stdout, markdown, text, Path("plan.json").read_text(encoding="utf-8")):
        assert CUSTOMER.search(shown) is None


def test_names_are_there_when_they_are_asked_for_and_a_snapshot_never_has_them(reviewed: Run) -> None:
    assert CUSTOMER.search(reviewed("catalog", "diff", "--names", *ON).stdout) is not None
    assert reviewed("catalog", "snapshot", "--out", "many.snapshot.json", *ON).exit_code == 0
    snapshot = Path("many.snapshot.json").read_text(encoding="utf-8")
    assert CUSTOMER.search(snapshot) is None
    Draft202012Validator(SCHEMAS["snapshot"]()).validate(json.loads(snapshot))
    here = reviewed("catalog", "diff", "-f", "json", *ON).json
    there = reviewed("catalog", "diff", "--against", "many.snapshot.json", "-f", "json").json
    Draft202012Validator(SCHEMAS["diff"]()).validate(there)
    for one, other in zip(here["changes"], there["changes"], strict=True):
        for key in ("address", "action", "fields", "rules"):
            assert one[key] == other[key]
        assert one["impact"]["subscriptions"] == other["impact"]["subscriptions"]
        assert one["impact"]["recurring"] == other["impact"]["recurring"]
