"""Slips of the hand on a command line: empty values, things said twice, commands that are still to come."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from planctl.cli.app import WORDS
from planctl.cli.later import LATER
from tests.cli.conftest import Run

NEW_YEAR = ("--as-of", "2026-01-01")

# --- an empty value is a mistake, never "everything" or "nothing said"


@pytest.mark.parametrize(
    ("words", "named"),
    [
        (("invoice", "run", "--customer", ""), "--customer"),
        (("invoice", "run", "--customer="), "--customer"),
        (("payment", "record", "INV-2026-00001", ""), "AMOUNT"),
        (("payment", "record", "INV-2026-00001", "10", "--key", ""), "--key"),
        (("usage", "record", "nova", "api_calls", ""), "QUANTITY"),
        (("usage", "record", "nova", "api_calls", "1", "--id", "  "), "--id"),
        (("status", "--as-of", ""), "--as-of"),
        (("--as-of", "", "status"), "--as-of"),
        (("invoice", "--as-of", "", "list"), "--as-of"),
        (("plan", "allow", "pro", "nova", ""), "ENTRIES"),
        (("plan", "edit", "pro", "--price", ""), "--price"),
        (("invoice", "list", "--customer", "\t"), "--customer"),
    ],
    ids=str,
)
def test_what_is_given_empty_is_wrong_usage_and_named(acme: Run, words: tuple[str, ...], named: str) -> None:
    result = acme(*words, "-f", "json")
    assert (result.exit_code, result.stdout) == (64, "")
    assert result.error["message"] == f"{named} is given, but empty"


def test_an_empty_customer_bills_nobody(acme: Run) -> None:
    words = ("subscribe", "nova", "pro", "--pay", "month", "--no-trial", "--yes")
    assert acme(*words, *NEW_YEAR).exit_code == 0
    assert acme("invoice", "run", "--customer", "", "--as-of", "2026-02-01").exit_code == 64
    assert len(acme("invoice", "list", "-f", "json", "--as-of", "2026-02-01").json) == 1


def test_where_empty_has_a_meaning_it_keeps_it(acme: Run) -> None:
    acme("config", "set", "seller.name", "Acme")
    assert acme("config", "set", "seller.name", "").exit_code == 0
    assert acme("config", "get", "seller.name").stdout == "\n"
    assert acme("customer", "update", "nova", "--name", "").exit_code == 0
    assert acme("customer", "show", "nova", "-f", "json").json["name"] in {"", None}


def test_a_value_by_its_path_may_be_nothing(acme: Run) -> None:
    assert acme("plan", "edit", "pro", "--set", "grace=", "--outside", "--dry-run").exit_code == 0


# --- said twice


@pytest.mark.parametrize(
    "options",
    [
        ("--price", "month:USD=1", "--price", "month:USD=2"),
        ("--price", "month:USD=1", "--price", " month : USD =1"),
        ("--price", "month:usage", "--price", "month:usage"),
        ("--price", "free", "--price", "free"),
        ("--price", "free", "--feature", "minutes=1", "--feature", "minutes=2"),
        ("--price", "free", "--set", "due=1 day", "--set", "due=2 days"),
    ],
    ids=str,
)
def test_an_option_that_says_one_thing_twice_is_refused(acme: Run, options: tuple[str, ...]) -> None:
    result = acme("plan", "create", "twice", *options, "-f", "json")
    assert result.exit_code == 3
    assert "twice" in result.error["message"]
    assert acme("plan", "show", "twice").exit_code == 4


def test_two_cells_of_one_row_are_two_things(acme: Run) -> None:
    prices = (
        "--price",
        "month:USD=1",
        "--price",
        "month:EUR=1",
        "--price",
        "year:USD=10",
        "--price",
        "year:EUR=10",
    )
    assert acme("plan", "create", "cells", *prices).exit_code == 0


def test_a_property_given_twice_is_refused(acme: Run) -> None:
    result = acme("usage", "record", "nova", "api_calls", "--property", "k=1", "--property", "k=2")
    assert result.exit_code == 3


# --- commands that are still to come


@pytest.mark.parametrize(
    "words", [f"{group} {word}".strip() for group, several in LATER.items() for word in several]
)
def test_a_command_that_is_still_to_come_is_told_from_a_mistyped_one(run: Run, words: str) -> None:
    result = run(*words.split(), "-f", "json")
    assert (result.exit_code, result.stdout) == (4, "")
    assert (result.error["code"], result.error["where"]) == ("not-yet", f"planctl {words}")


def test_help_lists_no_command_that_is_still_to_come(run: Run) -> None:
    assert not set(LATER[""]) & set(WORDS)
    for group in ("", *filter(None, LATER)):
        listed = {
            line.split()[0] for line in run(*group.split(), "--help").stdout.splitlines() if line.strip()
        }
        assert not listed & set(LATER[group])


def test_the_help_of_payment_says_what_is_there(run: Run) -> None:
    assert "Record, import, give back and list payments." in run("--help").stdout


# --- values of lists


@pytest.mark.parametrize(
    "words",
    [
        ("invoice", "list"), ("payment", "list"), ("subscription", "list"), ("customer", "list"),
        ("plan", "list"), ("usage", "list", "--customer", "nova"), ("catalog", "history"), ("audit", "log"),
    ],
    ids=" ".join,
)  # fmt: skip
def test_a_limit_below_0_is_an_invalid_value_and_0_is_none(acme: Run, words: tuple[str, ...]) -> None:
    result = acme(*words, "--limit", "-1", "-f", "json")
    assert (result.exit_code, result.error["where"]) == (3, "--limit")
    assert acme(*words, "--limit", "0", "-f", "json").json == acme(*words, "-f", "json").json


@pytest.mark.parametrize("list_of", ["invoice", "payment", "subscription", "hold"])
def test_lists_of_a_customer_that_does_not_exist_say_so(acme: Run, list_of: str) -> None:
    result = acme(list_of, "list", "--customer", "nope", "-f", "json")
    assert (result.exit_code, result.error["code"]) == (4, "not-found")


def test_the_seller_lives_in_a_country_that_exists(acme: Run) -> None:
    assert acme("config", "set", "seller.country", "ZZ").exit_code == 3
    assert acme("config", "set", "seller.country", "AT").exit_code == 0


# --- files that cannot be read


@pytest.mark.parametrize(
    "words", [("usage", "import", "-"), ("customer", "import", "-"), ("plan", "create", "x", "--file", "-")]
)
def test_a_closed_standard_input_is_an_error_of_the_system(
    acme: Run, monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...]
) -> None:
    monkeypatch.setattr(sys, "stdin", None)
    result = acme(*words, "-f", "json")
    assert (result.exit_code, result.error["message"]) == (74, "standard input is closed")


def test_a_row_of_another_length_hides_no_other_finding(acme: Run, tmp_path: Path) -> None:
    rows = "customer,currency\nshort\nvega,XXY\nzora,USD\n"
    (tmp_path / "people.csv").write_text(rows, encoding="utf-8")
    result = acme("customer", "import", "people.csv")
    assert result.exit_code == 3
    assert "people.csv:2:1" in result.stderr
    assert "people.csv:3:1" in result.stderr
    assert acme("customer", "show", "zora").exit_code == 4


@pytest.mark.parametrize(
    "text", ["\ufeffformat: planctl.catalog/1\ncatalog: x\n", "format: planctl.catalog/1\n\tcatalog: x\n",
             "format: planctl.catalog/1\ncatalog: x\nplans: " + "[" * 50 + "]" * 50 + "\n"],
    ids=["mark", "tab", "deep"],
)  # fmt: skip
def test_a_file_that_cannot_be_read_is_not_also_blamed_for_its_header(
    run: Run, tmp_path: Path, text: str
) -> None:
    (tmp_path / "catalog.yaml").write_text(text, encoding="utf-8")
    result = run("catalog", "validate", "catalog.yaml")
    assert result.exit_code == 3
    assert "missing]" not in result.stderr + result.stdout


def test_a_header_is_still_missed_where_every_file_was_read(run: Run, tmp_path: Path) -> None:
    (tmp_path / "catalog.yaml").write_text("currencies: [USD]\n", encoding="utf-8")
    result = run("catalog", "validate", "catalog.yaml")
    assert "[format-missing]" in result.stderr + result.stdout


def test_a_division_by_0_is_said_in_words(acme: Run) -> None:
    result = acme("feature", "create", "pings", "--type", "metered", "--spends", "api_calls=1/0")
    assert result.exit_code == 3
    assert "it divides by 0" in result.stderr
    assert "Fraction" not in result.stderr
