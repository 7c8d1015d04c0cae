"""`planctl prices`: the prices in the files of a catalog, without a store."""

from __future__ import annotations

import shlex
import shutil
from pathlib import Path

import pytest

from tests.cli.conftest import ACME, Run

PLANS = Path("catalog/plans/workspace.yaml")


@pytest.fixture
def files(run: Run, tmp_path: Path) -> Run:
    """`run` with acme's files in `catalog/`, and no store."""
    shutil.copytree(ACME, tmp_path / "catalog")
    return run


def test_the_table_has_a_row_for_every_price_and_a_column_for_every_currency(files: Run) -> None:
    result = files("prices", "table", "pro", "enterprise", "-f", "csv")
    assert result.exit_code == 0
    assert result.stdout.splitlines() == [
        "plan,row,usd,eur,usdt,note,place",
        "pro,month,49.00,46.00,49.000000,,plans/workspace.yaml:34",
        "pro,year,490.00,460.00,490.000000,,plans/workspace.yaml:35",
        "pro,features.seats.beyond.each.month,4,3.75,4,,plans/workspace.yaml:44",
        "pro,features.seats.beyond.each.year,40,37.5,40,,plans/workspace.yaml:44",
        "pro,features.api_calls.beyond.graduated[0].each,0.0004,0.00038,0.0004,,plans/workspace.yaml:51",
        "pro,features.api_calls.beyond.graduated[1].each,0.0002,0.00019,0.0002,,plans/workspace.yaml:52",
        "pro,features.api_calls.beyond.graduated[1].flat,10,9,10,,plans/workspace.yaml:52",
        "enterprise,year,900.00..9000.00,,,,plans/workspace.yaml:64",
        "enterprise,features.api_calls.beyond.graduated[0].each,0.0004,0.00038,0.0004,from pro,plans/workspace.yaml:51",
        "enterprise,features.api_calls.beyond.graduated[1].each,0.0002,0.00019,0.0002,from pro,plans/workspace.yaml:52",
        "enterprise,features.api_calls.beyond.graduated[1].flat,10,9,10,from pro,plans/workspace.yaml:52",
        "enterprise,minimum,1000.00,,,,plans/workspace.yaml:65",
    ]


def test_the_table_of_machines_has_only_the_currencies_that_a_row_has(files: Run) -> None:
    rows = files("prices", "table", "setup", "metered", "-f", "json").json
    assert rows[0] == {
        "plan": "setup",
        "row": "once",
        "prices": {"USD": "299.00", "EUR": "279.00"},
        "says": None,
        "from_plan": None,
        "file": "plans/workspace.yaml",
        "line": 77,
    }
    assert (rows[1]["row"], rows[1]["prices"], rows[1]["says"]) == ("month", {}, "usage")


def test_people_and_pull_requests_get_a_table(files: Run) -> None:
    lines = files("prices", "table", "free", "setup").stdout.splitlines()
    assert lines[0].split() == ["plan", "row", "USD", "EUR", "note", "written", "at"]
    assert lines[1].split() == ["free", "price", "free", "plans/workspace.yaml:5"]
    assert files("prices", "table", "-f", "markdown").stdout.startswith("| plan | row | USD |")


def test_a_plan_that_is_not_there_is_named(files: Run) -> None:
    result = files("prices", "table", "prro")
    assert result.exit_code == 4
    assert 'did you mean "pro"?' in result.stderr


def test_a_price_is_set_where_it_stands(files: Run) -> None:
    before = PLANS.read_text("utf-8")
    result = files("prices", "set", "starter", "month", "USD", "18")
    assert result.exit_code == 0
    assert result.stdout == "starter.month.USD  19 → 18\n"
    assert result.stderr.splitlines() == [
        "1 file written: plans/workspace.yaml",
        "undo with: planctl prices set starter.month.USD=19",
    ]
    row = "month:    {USD: 19,  EUR: 18,  USDT: 19}"
    assert PLANS.read_text("utf-8") == before.replace(row, "month:    {USD: 18,  EUR: 18,  USDT: 19}")


def test_the_undo_restores_every_byte(files: Run) -> None:
    before = PLANS.read_text("utf-8")
    cells = ("starter.month.USD=1900", "pro.features.api_calls.beyond.graduated[1].flat.EUR=12")
    set_ = files("prices", "set", *cells)
    assert PLANS.read_text("utf-8") != before
    undo = set_.stderr.splitlines()[-1].partition("undo with: planctl ")[2]
    assert files(*shlex.split(undo)).exit_code == 0
    assert PLANS.read_text("utf-8") == before.replace(
        "{USD: 19,  EUR: 18,  USDT: 19}", "{USD: 19, EUR: 18,  USDT: 19}"
    )


def test_an_inherited_price_becomes_one_of_its_own_and_that_is_said(files: Run) -> None:
    cell = "enterprise.features.api_calls.beyond.graduated[0].each.USD=0.0003"
    result = files("prices", "set", cell)
    assert "enterprise had these prices from pro and has its own now" in result.stdout.splitlines()
    rows = files("prices", "table", "enterprise", "-f", "json").json
    tier = next(row for row in rows if row["row"].endswith("[0].each"))
    assert (tier["prices"], tier["from_plan"]) == (
        {"USD": "0.0003", "EUR": "0.00038", "USDT": "0.0004"},
        None,
    )
    rows = files("prices", "table", "pro", "-f", "json").json
    assert next(row for row in rows if row["row"].endswith("[0].each"))["prices"]["USD"] == "0.0004"


def test_plans_that_are_like_it_follow_and_are_named(files: Run) -> None:
    result = files("prices", "set", "pro.features.api_calls.beyond.graduated[0].each.USD=0.0003")
    assert result.stdout.splitlines()[1] == "changes too, being like it: plans.enterprise"


def test_a_dry_run_shows_the_difference_and_writes_nothing(files: Run) -> None:
    before = PLANS.read_text("utf-8")
    result = files("prices", "set", "setup", "once", "USD", "349", "--dry-run")
    assert "+    price: {once: {USD: 349, EUR: 279}}              # one-off" in result.stdout.splitlines()
    assert result.stderr == "nothing was written (dry run)\n"
    assert PLANS.read_text("utf-8") == before


def test_machines_get_the_cells_with_what_they_were(files: Run) -> None:
    document = files("prices", "set", "setup.once.USD=349", "-f", "json").json
    assert document == {
        "written": True,
        "files": ["plans/workspace.yaml"],
        "cells": [{"plan": "setup", "row": "once", "currency": "USD", "before": "299", "after": "349"}],
        "inherited": {},
        "followers": [],
    }


def test_the_same_price_again_writes_nothing(files: Run) -> None:
    result = files("prices", "set", "setup.once.USD=299")
    assert result.stdout.splitlines()[1] == "nothing to change: the files say so already"
    assert result.stderr == ""


@pytest.mark.parametrize(
    ("cell", "rule"),
    [
        ("pro.month.USD=4.999", "decimals"),
        ("pro.month.GBP=4", "currency-unknown"),
        ("pro.features.api_calls.beyond.graduated[0].each.USD=cheap", "number"),
    ],
)
def test_a_wrong_amount_is_a_finding_and_nothing_is_written(files: Run, cell: str, rule: str) -> None:
    before = PLANS.read_text("utf-8")
    result = files("prices", "set", cell)
    assert result.exit_code == 3
    assert f"[{rule}]" in result.stderr
    assert PLANS.read_text("utf-8") == before


def test_what_the_catalogs_rules_forbid_is_a_finding_in_the_file(files: Run) -> None:
    result = files("prices", "set", "metered", "month", "USDT", "5")
    assert result.exit_code == 3
    assert result.stderr.startswith("plans/workspace.yaml:7")
    assert "[charge-currency-missing]" in result.stderr


def test_an_example_that_no_longer_comes_out_is_a_warning(files: Run) -> None:
    result = files("prices", "set", "pro", "month", "USD", "52")
    assert result.exit_code == 0
    assert "warning: example heavy_pro costs 542.00 USD, not 539.00 USD" in result.stderr


@pytest.mark.parametrize(
    "words",
    [("pro",), ("pro", "month", "USD"), ("pro.month=5",), ("pro.month.USD",), ("pro.month.USD=1",) * 2],
)
def test_what_is_no_price_is_wrong_usage(files: Run, words: tuple[str, ...]) -> None:
    assert files("prices", "set", *words).exit_code == 64


def test_a_row_that_is_not_there_lists_those_that_are(files: Run) -> None:
    result = files("prices", "set", "setup", "monthly", "USD", "5")
    assert result.exit_code == 4
    assert "expected: once" in result.stderr
    assert "[no-price-row]" in result.stderr


def test_another_path_is_named_in_the_undo(files: Run, tmp_path: Path) -> None:
    one = tmp_path / "shop.yaml"
    one.write_text(
        "format: planctl.catalog/1\ncatalog: shop\ncurrencies: {USD: }\nplans: {pro: {price: {month: {USD: 5}}}}\n",
        "utf-8",
    )
    result = files("prices", "set", "pro", "month", "USD", "6", "--catalog", "shop.yaml")
    assert (
        result.stderr.splitlines()[1] == "undo with: planctl prices set pro.month.USD=5 --catalog shop.yaml"
    )
    assert "{USD: 6}" in one.read_text("utf-8")
