"""`catalog simulate` on the command line: what it prints, when it fails, what it refuses."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests import stores
from tests.cli.conftest import Run
from tests.stores import edited

CATALOG = """\
format: planctl.catalog/1
catalog: shop
currencies: {USD: }
plans: {pro: {price: {month: {USD: 49}}, due: 30 days}}
"""


@pytest.fixture
def billed(run: Run, tmp_path: Path) -> Run:
    """`run` in a directory with `catalog`, under which nova was billed for October, and `dearer` by 6 USD."""
    for name, text in (("catalog", CATALOG), ("dearer", CATALOG.replace("49", "55"))):
        (tmp_path / name).mkdir()
        (tmp_path / name / "catalog.yaml").write_text(text, encoding="utf-8")
    for command in (
        "init --test",
        "catalog apply --yes --as-of 2026-10-01",
        "customer add nova --currency USD --as-of 2026-10-01",
        "subscribe nova pro --yes --as-of 2026-10-01",
    ):
        assert run(*command.split()).exit_code == 0
    return run


def test_the_table_has_both_sides_of_every_currency(billed: Run) -> None:
    result = billed("catalog", "simulate", "dearer", "--period", "2026-10")
    assert (result.exit_code, result.stderr) == (0, "")
    assert result.stdout.splitlines()[-1].split() == [
        *("USD", "49.00", "55.00", "6.00", "12.24", "49.00", "55.00", "1", "1", "0")
    ]
    assert "nova" not in result.stdout


def test_without_a_path_it_is_the_catalog_of_this_directory(billed: Run) -> None:
    document = billed("catalog", "simulate", "--period", "2026-10", "-f", "json").json
    assert document["format"] == "planctl.simulation/1"
    (found,) = document["currencies"]
    assert found["revenue"] == {"live": "49.00", "proposed": "49.00", "change": "0.00", "percent": "0.00"}
    assert (found["issued"], document["differences"], document["plans"]) == ("49.00", [], [])


def test_customers_are_named_only_where_that_is_asked_for(billed: Run) -> None:
    words = ("catalog", "simulate", "dearer", "--period", "2026-10", "-f", "json")
    assert "nova" not in billed(*words).stdout
    (found,) = billed(*words, "--names").json["currencies"]
    assert [one["customer"] for one in found["more"]] == ["nova"]


def test_a_condition_that_holds_fails_with_both_numbers(billed: Run) -> None:
    words = ("catalog", "simulate", "dearer", "--period", "2026-10")
    result = billed(*words, "--fail-if", "revenue > 12%", "--fail-if", "revenue < 0%")
    assert result.exit_code == 4
    assert result.stderr == (
        "error: revenue > 12% in USD: it is 12.24% (49.00 USD to 55.00 USD) [simulate-condition]\n"
    )
    assert billed(*words, "--fail-if", "revenue > 13%").exit_code == 0
    as_json = billed(*words, "--fail-if", "losers > 0", "-f", "json")
    assert as_json.exit_code == 4
    assert as_json.json["fired"] == [{"condition": "losers > 0", "currency": None, "found": "1"}]


def test_a_month_without_invoices_says_so(billed: Run) -> None:
    result = billed("catalog", "simulate", "dearer", "--period", "2026-09")
    assert result.exit_code == 0
    assert "nothing was issued in 2026-09" in result.stdout
    gate = billed("catalog", "simulate", "dearer", "--period", "2026-09", "--fail-if", "revenue < -2%")
    assert gate.exit_code == 1  # a gate with a wrong month must not pass
    assert "nothing was issued in 2026-09, so no condition could say anything" in gate.stderr


def test_a_condition_does_not_pass_on_invoices_that_their_terms_do_not_bear_out(
    billed: Run, tmp_path: Path
) -> None:
    edited(
        tmp_path / "store.db",
        "UPDATE invoice SET subtotal = 5000, total = 5000",
        "UPDATE invoice_line SET amount = 5000",
    )
    words = ("catalog", "simulate", "dearer", "--period", "2026-10")
    passed = billed(*words, "--fail-if", "revenue < 0%")
    assert passed.exit_code == 1
    assert "was issued as 50.00 USD, rated again it is 49.00 USD [replay-differs]" in passed.stderr
    assert "no condition of --fail-if holds, but what differs may hide one that would" in passed.stderr
    assert billed(*words, "--fail-if", "losers > 0").exit_code == 4
    assert billed(*words).exit_code == 0


def test_a_customer_who_cannot_be_read_needs_a_person(billed: Run, tmp_path: Path) -> None:
    edited(tmp_path / "store.db", "UPDATE terms SET document = document || ' '")
    words = ("catalog", "simulate", "dearer", "--period", "2026-10")
    result = billed(*words)
    assert result.exit_code == 1
    assert "warning: customer nova cannot be read and is left out" in result.stderr
    assert billed(*words, "--fail-if", "revenue < 0%", "-f", "json").exit_code == 1


def test_warnings_of_the_proposal_are_printed_and_stop_nothing(billed: Run, tmp_path: Path) -> None:
    yearly = CATALOG.replace("{USD: 49}", "{USD: 49}, year: {USD: 600}")  # 12 × 49 is 588
    (tmp_path / "dearer" / "catalog.yaml").write_text(yearly, encoding="utf-8")
    result = billed("catalog", "simulate", "dearer", "--period", "2026-10")
    assert result.exit_code == 0
    assert "[longer-row-dearer]" in result.stderr
    as_json = billed("catalog", "simulate", "dearer", "--period", "2026-10", "-f", "json")
    assert (as_json.exit_code, as_json.stderr) == (0, "")


@pytest.mark.parametrize(
    ("words", "exit_code", "said"),
    [
        ((), 64, "--period 2026-10"),
        (("--period", "October"), 3, "a month such as 2026-10"),
        (("--period", "2026-10", "--fail-if", "revenue"), 3, "loser > 20%"),
        (("--period", "2026-10", "--fail-if", "revenue < 5 GBP"), 3, "the catalog has no currency GBP"),
    ],
)
def test_what_cannot_be_read_is_refused(
    billed: Run, words: tuple[str, ...], exit_code: int, said: str
) -> None:
    result = billed("catalog", "simulate", "dearer", *words)
    assert (result.exit_code, result.stdout) == (exit_code, "")
    assert said in result.stderr


def test_a_catalog_that_is_broken_is_not_replayed(billed: Run, tmp_path: Path) -> None:
    (tmp_path / "dearer" / "catalog.yaml").write_text(CATALOG.replace("49", "much"), encoding="utf-8")
    assert billed("catalog", "simulate", "dearer", "--period", "2026-10").exit_code == 3


def test_nothing_is_written(billed: Run, tmp_path: Path) -> None:
    before = stores.content(tmp_path / "store.db")
    assert billed("catalog", "simulate", "dearer", "--period", "2026-10").exit_code == 0
    assert stores.content(tmp_path / "store.db") == before
