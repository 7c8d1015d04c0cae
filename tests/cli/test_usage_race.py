"""Two programs record at once: what `--if-allowed` checked still holds when it is recorded."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.conftest import Run

CATALOG = """
format: planctl.catalog/1
catalog: case
currencies: {EUR: }
features:
  chats: {type: metered, unit: chat}
  connectors: {type: list, values: [hubspot, zapier]}
plans:
  strict: {price: {month: {EUR: 30}}, features: {chats: 10, connectors: [hubspot]}}
"""
NEW_YEAR = ("--as-of", "2026-01-01")
MID = ("--as-of", "2026-01-10")


@pytest.fixture
def acme(run: Run, tmp_path: Path) -> Run:
    """acme with 10 chats, of which 9 are used, and two children."""
    (tmp_path / "catalog.yaml").write_text(CATALOG, encoding="utf-8")
    for words in (
        ("init", "--test"),
        ("catalog", "apply", "catalog.yaml", "--yes"),
        ("customer", "add", "acme", "--currency", "EUR"),
        ("customer", "add", "east", "--parent", "acme"),
        ("customer", "add", "north", "--parent", "acme"),
        ("subscribe", "acme", "strict", "--yes"),
        ("usage", "record", "acme", "chats", "9", "--id", "before"),
    ):
        assert run(*words, "--quiet", *NEW_YEAR).exit_code == 0, words
    return run


def at_once(*customers: str) -> list[tuple[int, str]]:
    """Every customer records one chat if it is allowed, all at the same time: exit codes and complaints."""
    record = [sys.executable, "-m", "planctl", "usage", "record"]
    running = [
        subprocess.Popen(
            [*record, name, "chats", "1", "--if-allowed", "--wait", "30", *MID],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )
        for name in customers
    ]  # fmt: skip
    ended = [(one, one.communicate(timeout=300)[1]) for one in running]
    return sorted((one.returncode, complaint) for one, complaint in ended)


@pytest.mark.parametrize(
    "customers", [("acme", "acme"), ("east", "north")], ids=["one customer", "two children of a company"]
)
def test_of_two_that_want_the_last_unit_one_gets_it_and_the_other_exits_4(
    acme: Run, customers: tuple[str, str]
) -> None:
    (first, _), (second, complaint) = at_once(*customers)
    assert (first, second) == (0, 4)
    assert "limit_reached; nothing was recorded" in complaint
    (chats,) = acme("usage", "show", "acme", "-f", "json", *MID).json["features"]
    assert (chats["used"], chats["remaining"], chats["over_limit"]) == ("10", "0", "0")
    assert len(acme("usage", "list", "--customer", "acme", "-f", "json").json) == 2, (
        "and nothing of the other"
    )


def test_a_refusal_to_a_child_says_whose_pool_is_used_up(acme: Run) -> None:
    refused = acme("usage", "record", "east", "chats", "2", "--if-allowed", "-f", "json", *MID)
    assert refused.exit_code == 4
    assert refused.error["code"] == "not-allowed"
    expected = "east of acme may not use 2 chats: limit_reached; nothing was recorded"
    assert (refused.error["message"], refused.error["expected"]) == (expected, "at most 1 more")


def test_nothing_is_used_up_of_a_list_so_its_values_are_checked_and_not_recorded(acme: Run) -> None:
    refused = acme("usage", "record", "east", "connectors", "--if-allowed", "-f", "json", *MID)
    assert refused.exit_code == 4
    assert refused.error["message"] == "connectors is a list feature, of which nothing is used up"
    assert refused.error["hint"] == "planctl check east connectors --value VALUE"
    said = acme("check", "east", "connectors", "--value", "zapier", "-f", "json", *MID).json
    assert (said["allowed"], said["reason"]) == (False, "value_not_included")
