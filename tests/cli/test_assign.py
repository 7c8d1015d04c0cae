"""`planctl assign` of a plan that runs: its newest terms at the renewal or now, with what was agreed kept."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from planctl.__main__ import main
from tests import stores
from tests.cli.conftest import Run

CATALOG = Path(__file__).parents[1] / "data" / "changing.yaml"
NEWER = (
    ("{USD: 30}, year: {USD: 300}", "{USD: 36}, year: {USD: 360}"),
    ("included: 100,", "included: 150,"),
)


@pytest.fixture(scope="session")
def agreed_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A test store in which nova runs a since 1 April 2026 at an agreed 27.00, and plain runs it at 30.00."""
    store = tmp_path_factory.mktemp("agreed") / "store.db"
    for words in (
        ["init", str(store.parent), "--test"],
        ["catalog", "apply", str(CATALOG), "--yes"],
        ["customer", "add", "nova", "--currency", "USD", "--country", "US"],
        ["customer", "add", "plain", "--currency", "USD", "--country", "US"],
        ["assign", "nova", "a", "--pay", "month", "--price", "27", "--set", "due=30 days"],
        ["subscribe", "nova", "--yes"],
        ["subscribe", "plain", "a", "--pay", "month", "--yes"],
    ):
        assert main(["--store", stores.url(store), "--as-of", "2026-04-01", "--quiet", *words]) == 0
    return store


@pytest.fixture
def shop(run: Run, agreed_template: Path, tmp_path: Path) -> Run:
    """The store of the template, before any newer version."""
    stores.copy(agreed_template, tmp_path / "store.db")
    return run


@pytest.fixture
def newer(shop: Run, tmp_path: Path) -> Run:
    """The same since v2 of a: 36.00 by the month, 150 minutes."""
    text = CATALOG.read_text(encoding="utf-8")
    for old, new in NEWER:
        assert old in text
        text = text.replace(old, new)
    (tmp_path / "newer.yaml").write_text(text, encoding="utf-8")
    assert shop("catalog", "apply", "newer.yaml", "--yes", "--as-of", "2026-04-02").exit_code == 0
    return shop


def assign(run: Run, *words: str, at: str = "2026-04-11") -> dict[str, Any]:
    result = run("assign", *words, "-f", "json", "--as-of", at)
    assert result.exit_code == 0, result.stderr
    found: dict[str, Any] = result.json
    return found


def test_the_newest_terms_come_at_the_renewal(newer: Run) -> None:
    done = assign(newer, "plain", "a")
    assert (done["status"], done["plan_version"], done["started_at"], done["invoices"]) == (
        "pending", 2, "2026-05-01T00:00:00Z", [],
    )  # fmt: skip
    assert (done["reassigned"]["from_version"], done["reassigned"]["to_version"]) == (1, 2)
    newer("invoice", "run", "--as-of", "2026-05-01")
    totals = [one["total"] for one in newer("invoice", "list", "--customer", "plain", "-f", "json").json]
    assert totals == ["30.00", "36.00"]


def test_with_at_now_they_come_at_once_like_an_upgrade(newer: Run) -> None:
    done = assign(newer, "plain", "a", "--at", "now")
    # 20 of 30 days: 30.00 gives 20.00 back, 36.00 costs 24.00.
    assert [line["amount"] for line in done["change"]["lines"]] == ["-20.00", "24.00"]
    assert [one["total"] for one in done["invoices"]] == ["4.00"]
    assert (done["status"], done["plan_version"], done["period"]["ends_at"]) == (
        "active", 2, "2026-05-01T00:00:00Z",
    )  # fmt: skip


def test_used_allowance_counts_against_the_new_one(newer: Run) -> None:
    newer("usage", "record", "plain", "minutes", "90", "--at", "2026-04-05", "--as-of", "2026-04-05")
    assign(newer, "plain", "a", "--at", "now")
    shown = newer("usage", "show", "plain", "-f", "json", "--as-of", "2026-04-11").json["features"]
    (minutes,) = [one for one in shown if one["feature"] == "minutes"]
    assert (minutes["included"], minutes["used"], minutes["remaining"]) == ("150", "90", "60")


def test_agreed_terms_are_laid_over_the_new_version_and_shown(newer: Run) -> None:
    result = newer("assign", "nova", "a", "--as-of", "2026-04-11")
    assert "nova: a v1 to a v2 from 2026-05-01T00:00:00Z" in result.stdout
    assert "agreed: price.month.USD = 27" in result.stdout
    assert "agreed: due = 30 days" in result.stdout
    assert "features.minutes.included: 100 to 150" in result.stdout
    assert "price.month.USD:" not in result.stdout
    newer("invoice", "run", "--as-of", "2026-05-01")
    renewed = newer("invoice", "list", "--customer", "nova", "-f", "json").json[-1]
    assert (renewed["total"], renewed["due_at"]) == ("27.00", "2026-05-31T00:00:00Z")


def test_other_terms_may_be_agreed_with_it(newer: Run) -> None:
    done = assign(
        newer, "nova", "a", "--price", "33", "--set", "features.minutes.included=500", "--at", "now"
    )
    assert done["negotiated"] == {
        "due": "30 days", "features.minutes.included": "500", "price.month.USD": "33",
    }  # fmt: skip
    # 20 of 30 days: 27.00 gives 18.00 back, 33.00 costs 22.00.
    assert [one["total"] for one in done["invoices"]] == ["4.00"]
    assert done["terms"]["features"]["minutes"]["included"] == "500"


def test_an_agreed_term_that_the_version_has_by_itself_is_told(newer: Run) -> None:
    done = assign(newer, "nova", "a", "--price", "36")
    assert done["reassigned"]["same"] == ["price.month.USD"]


def test_an_agreed_term_that_does_not_go_with_the_version_is_given_up_and_named(
    shop: Run, tmp_path: Path
) -> None:
    shop(
        "assign",
        "plain",
        "a",
        "--set",
        "features.minutes.beyond.each={USD: 0.50}",
        "--at",
        "now",
        "--as-of",
        "2026-04-02",
    )
    text = CATALOG.read_text(encoding="utf-8")
    with_excess = "{included: 100, beyond: {charge: usage, each: {USD: 1}}}"
    (tmp_path / "newer.yaml").write_text(text.replace(with_excess, "150"), encoding="utf-8")
    (rule,) = shop("catalog", "diff", "newer.yaml", "-f", "json").json["changes"][0]["rules"]
    accept = ("--accept", rule["fingerprint"], "--yes", "--as-of", "2026-04-03")
    assert shop("catalog", "apply", "newer.yaml", *accept).exit_code == 0
    done = assign(shop, "plain", "a", "--at", "now")
    assert (done["plan_version"], done["negotiated"]) == (2, {})
    assert list(done["reassigned"]["void"]) == ["features.minutes.beyond.each"]


def test_what_takes_it_back_is_said(newer: Run) -> None:
    later = newer("assign", "plain", "a", "--as-of", "2026-04-11")
    command = later.stderr.partition("undo with: planctl ")[2].split()
    assert command[:2] == ["subscription", "cancel"]
    assert newer(*command, "--yes", "--as-of", "2026-04-11").exit_code == 0
    now = newer("assign", "plain", "a", "--at", "now", "--as-of", "2026-04-11")
    undo = now.stderr.partition("undo with: planctl ")[2].split()
    assert undo == [
        "assign", "plain", "a", "--at", "now", "--set", "features.minutes.included=100",
        "--set", "price.month.USD=30", "--set", "price.year.USD=300",
    ]  # fmt: skip
    assert newer(*undo, "--as-of", "2026-04-11").exit_code == 0
    show = newer("subscription", "show", "plain/a", "-f", "json", "--as-of", "2026-04-11").json
    assert (show["plan_version"], show["terms"]["price"]["month"]) == (2, {"USD": "30"})


def test_without_newer_terms_there_is_nothing_to_do(shop: Run) -> None:
    result = shop("assign", "nova", "a", "--as-of", "2026-04-11")
    assert result.exit_code == 0
    assert "nova/a has the newest terms (v1) already" in result.stdout
    assert "undo" not in result.stderr
    done = assign(shop, "nova", "a", "--price", "27")
    assert (done["existed"], done["reassigned"]["differences"]) == (True, {})


def test_other_agreed_terms_alone_are_a_change_too(shop: Run) -> None:
    done = assign(shop, "plain", "a", "--price", "24", "--at", "now")
    # 20 of 30 days: 30.00 gives 20.00 back to the balance, 24.00 costs 16.00, which the balance pays.
    assert (done["plan_version"], done["negotiated"]) == (1, {"price.month.USD": "24"})
    assert done["change"]["credited"] == "20.00"


def test_the_same_at_the_renewal_again_changes_nothing(newer: Run) -> None:
    first = assign(newer, "plain", "a")
    again = assign(newer, "plain", "a", at="2026-04-12")
    assert (again["existed"], first["existed"]) == (True, False)
    pending = newer("subscription", "list", "--status", "pending", "-f", "json", "--as-of", "2026-04-12").json
    assert [one["id"] for one in pending] == [first["id"]]


def test_at_now_it_need_not_wait_for_the_renewal_any_more(newer: Run) -> None:
    assign(newer, "plain", "a")
    done = assign(newer, "plain", "a", "--at", "now", at="2026-04-12")
    assert done["status"] == "active"
    assert newer("change", "list", "-f", "json", "--as-of", "2026-04-12").json == []


def test_a_dry_run_writes_nothing(newer: Run) -> None:
    result = newer("assign", "plain", "a", "--at", "now", "--dry-run", "--as-of", "2026-04-11")
    assert "nothing was written (dry run)" in result.stderr
    assert (
        newer("subscription", "show", "plain/a", "-f", "json", "--as-of", "2026-04-11").json["plan_version"]
        == 1
    )


def test_a_term_that_cannot_be_agreed_is_refused_and_nothing_changes(newer: Run) -> None:
    for words in (("--set", "group=other"), ("--set", "due=soon"), ("--set", "due")):
        assert newer("assign", "plain", "a", *words, "--as-of", "2026-04-11").exit_code in {3, 4}
    assert newer("change", "list", "-f", "json", "--as-of", "2026-04-11").json == []


def test_a_paused_plan_takes_no_new_terms(newer: Run) -> None:
    newer("subscription", "pause", "plain/a", "--yes", "--as-of", "2026-04-10")
    result = newer("assign", "plain", "a", "-f", "json", "--as-of", "2026-04-11")
    assert (result.exit_code, result.error["code"]) == (4, "transition")


def test_a_plan_that_is_to_start_takes_its_terms_with_it(newer: Run) -> None:
    newer("customer", "add", "soon", "--currency", "USD", "--as-of", "2026-04-11")
    newer(
        "subscribe", "soon", "setup", "--start", "2026-06-01", "--schedule", "--yes", "--as-of", "2026-04-11"
    )
    result = newer("assign", "soon", "setup", "-f", "json", "--as-of", "2026-04-12")
    assert (result.exit_code, result.error["code"]) == (4, "to-start")


MORE = """\
  alone: {group: several, price: {month: {USD: 12}}, features: {minutes: 10}}
addons:
  extra: {requires: [a], price: {month: {USD: 6}}, features: {seats: 1}}
"""


@pytest.mark.parametrize(
    ("plan", "old", "new", "total"),
    [
        ("alone", "{USD: 12}", "{USD: 15}", "2.00"),
        ("free", "features: {minutes: 10}}\n  a:", "features: {minutes: 20}}\n  a:", None),
    ],
)
def test_plans_of_which_several_run_and_free_ones_take_newer_terms_too(
    run: Run, tmp_path: Path, plan: str, old: str, new: str, total: str | None
) -> None:
    text = CATALOG.read_text(encoding="utf-8") + MORE
    text = text.replace("groups:\n", "groups:\n  several: {exclusive: false}\n")
    assert old in text
    (tmp_path / "first.yaml").write_text(text, encoding="utf-8")
    (tmp_path / "second.yaml").write_text(text.replace(old, new), encoding="utf-8")
    begins = ("--as-of", "2026-04-01")
    run("init", "--test")
    run("catalog", "apply", "first.yaml", "--yes", *begins)
    run("customer", "add", "nova", "--currency", "USD", *begins)
    run("subscribe", "nova", "alone", "--yes", *begins)
    assert run("catalog", "apply", "second.yaml", "--yes", "--as-of", "2026-04-02").exit_code == 0
    done = assign(run, "nova", plan, "--at", "now")
    assert (done["plan"], done["plan_version"], done["status"]) == (plan, 2, "active")
    # 20 of 30 days: 12.00 gives 8.00 back, 15.00 costs 10.00; a free plan costs nothing.
    assert [one["total"] for one in done["invoices"]] == ([] if total is None else [total])
    assert done["period"]["ends_at"] == "2026-05-01T00:00:00Z"
    assert run("doctor", "--as-of", "2026-04-11").exit_code == 0
