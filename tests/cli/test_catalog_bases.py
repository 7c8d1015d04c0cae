"""What a catalog is compared with: the store, a snapshot of it, a commit, an earlier revision."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests import stores
from tests.cli.conftest import SHOP, Run
from tests.cli.test_catalog import change
from tests.files.test_git import git

RISE = ("month: {USD: 19, EUR: 18}", "month: {USD: 22, EUR: 18}")


@pytest.fixture
def edited(tmp_path: Path) -> Path:
    """The shop's catalog as a directory in a repository of one commit, to be edited by `change`."""
    path = tmp_path / "catalog" / "shop.yaml"
    path.parent.mkdir()
    path.write_text(SHOP.read_text(encoding="utf-8"), encoding="utf-8")
    git(tmp_path, "init", "-q", "-b", "main")
    git(tmp_path, "add", "catalog")
    git(tmp_path, "commit", "-qm", "first")
    return path


def lines(run: Run, *words: str) -> list[str]:
    result = run("catalog", "diff", *words)
    assert result.exit_code == 0, result.stderr
    return result.stdout.splitlines()


# --- a commit


def test_a_commit_needs_neither_store_nor_network(run: Run, edited: Path, tmp_path: Path) -> None:
    assert lines(run, "--against", "git:main")[0].startswith("shop → git:main   digest ")
    change(edited, RISE)
    shown = lines(run, "--against", "git:main")
    assert shown[2] == "~ plans.starter  new version  caution  shop.yaml:21"
    assert shown[3] == "    price.month.USD  19.00 → 22.00  +15.8 %  price-increase  caution"
    assert not (tmp_path / "store.db").exists()


def test_a_commit_numbers_no_versions(run: Run, edited: Path) -> None:
    change(edited, RISE)
    document = run("catalog", "diff", "--against", "git:HEAD", "-f", "json").json
    assert document["base"] == {
        "kind": "git", "store": "", "id": "", "revision": 0, "label": "git:HEAD", "as_of": None,
    }  # fmt: skip
    (one,) = document["changes"]
    assert (one["action"], one["from_version"], one["to_version"]) == ("version", 0, 0)


def test_a_catalog_that_was_not_there_in_the_commit_is_no_base(
    run: Run, edited: Path, tmp_path: Path
) -> None:
    # Compared with nothing, all would be new, and a catalog that moves would pass every rule.
    (tmp_path / "catalog").rename(tmp_path / "other")
    result = run("catalog", "diff", "other", "--against", "git:main", "--exit-code")
    assert result.exit_code == 3
    assert "there is no catalog at that path in that revision" in result.stderr


def test_a_commit_that_is_not_there_is_an_invalid_input(run: Run, edited: Path) -> None:
    result = run("catalog", "diff", "--against", "git:nothing")
    assert result.exit_code == 3
    assert "[git-revision]" in result.stderr


def test_a_catalog_that_had_errors_is_no_base(run: Run, edited: Path, tmp_path: Path) -> None:
    change(edited, ("currencies: {USD: , EUR: }", "currencies: {USD: }"))
    git(tmp_path, "commit", "-qam", "broken")
    change(edited, ("currencies: {USD: }", "currencies: {USD: , EUR: }"))
    result = run("catalog", "diff", "--against", "git:main")
    assert result.exit_code == 3
    assert "git:main, shop.yaml:" in result.stderr


# --- a snapshot


@pytest.fixture
def selling(shop: Run) -> Run:
    """The shop with nova on starter in USD since 2026-01-01, who used 1,200 minutes in January."""
    for words in (
        ("customer", "add", "nova", "--currency", "USD", "--as-of", "2026-01-01"),
        ("subscribe", "nova", "starter", "--pay", "month", "--yes", "--as-of", "2026-01-01"),
        ("usage", "record", "nova", "minutes", "1200", "--as-of", "2026-01-20"),
        ("invoice", "run", "--as-of", "2026-02-01"),
        ("catalog", "snapshot", "--out", "prod.snapshot.json", "--as-of", "2026-02-02"),
    ):
        assert shop(*words).exit_code == 0, words
    return shop


def test_a_snapshot_says_what_the_store_says_and_names_nobody(
    selling: Run, edited: Path, tmp_path: Path
) -> None:
    text = Path("prod.snapshot.json").read_text(encoding="utf-8")
    assert "nova" not in text
    assert json.loads(text)["held"][0]["monthly"] == "19"
    change(edited, RISE)
    from_store = selling("catalog", "diff", "-f", "json", "--as-of", "2026-02-02").json
    unseen = ("--store", stores.url(tmp_path / "unseen.db"))
    words = ("catalog", "diff", "--against", "prod.snapshot.json", "-f", "json")
    from_snapshot = selling(*unseen, *words).json
    assert from_snapshot["base"]["kind"] == "snapshot"
    assert from_snapshot["base"]["as_of"] == "2026-02-02T00:00:00Z"
    assert from_snapshot["digest"] == from_store["digest"]
    (here,), (there,) = from_store["changes"], from_snapshot["changes"]
    for key in ("address", "action", "from_version", "to_version", "fields", "rules"):
        assert here[key] == there[key], key
    assert there["impact"]["subscriptions"] == {"1": 1}
    assert there["impact"]["recurring"] == [{"currency": "USD", "now": "19.00", "moved": "22.00"}]
    assert here["impact"]["recurring"] == there["impact"]["recurring"]


def test_a_diff_against_an_unchanged_snapshot_is_empty(selling: Run, edited: Path) -> None:
    assert lines(selling, "--against", "prod.snapshot.json")[0].endswith("no changes")


def test_a_lowered_allowance_meets_the_quantiles_of_a_snapshot(selling: Run, edited: Path) -> None:
    change(edited, ("included: 1_000", "included: 800"))
    document = selling("catalog", "diff", "--against", "prod.snapshot.json", "-f", "json").json
    (overuse,) = document["changes"][0]["impact"]["overuse"]
    assert (overuse["limit"], overuse["over"], overuse["subscriptions"]) == ("800", 1, 1)
    assert (overuse["median"], overuse["p95"], overuse["most"]) == ("1200", "1200", "1200")


def test_drift_has_the_same_fingerprint_in_a_snapshot_as_in_the_store(selling: Run, edited: Path) -> None:
    assert selling("plan", "edit", "starter", "--set", "price.month.USD=20", "--outside").exit_code == 0
    assert selling("catalog", "snapshot", "--out", "prod.snapshot.json").exit_code == 0
    here = selling("catalog", "diff", "-f", "json").json["changes"]
    there = selling("catalog", "diff", "--against", "prod.snapshot.json", "-f", "json").json["changes"]
    assert [one["rules"] for one in here] == [one["rules"] for one in there]
    assert here[0]["rules"][-1]["id"] == "overwrites-outside-edit"
    assert here[0]["rules"][-1]["path"] == "price.month.USD"


def test_an_edited_or_missing_snapshot_is_refused(selling: Run, edited: Path) -> None:
    path = Path("prod.snapshot.json")
    path.write_text(path.read_text(encoding="utf-8").replace('"count": 1', '"count": 2'), encoding="utf-8")
    result = selling("catalog", "diff", "--against", "prod.snapshot.json")
    assert result.exit_code == 3
    assert "[file-unreadable]" in result.stderr
    assert selling("catalog", "diff", "--against", "nowhere.snapshot.json").exit_code == 3


# --- an earlier revision


def test_an_earlier_revision_is_compared_as_it_was(shop: Run, edited: Path) -> None:
    change(edited, RISE)
    assert shop("catalog", "apply", "--yes").exit_code == 0
    assert lines(shop)[0].endswith("no changes")
    shown = lines(shop, "--against", "rev:1")
    assert shown[0].startswith("shop → rev:1   digest ")
    assert shown[2] == "~ plans.starter  v1 → v2  caution  shop.yaml:21"
    assert lines(shop, "--against", "rev:2")[0].endswith("no changes")


def test_a_revision_that_is_not_there_is_refused(shop: Run, edited: Path) -> None:
    result = shop("catalog", "diff", "--against", "rev:9")
    assert result.exit_code == 4
    assert "1 to 1" in result.stderr


# --- what a base cannot do


@pytest.mark.parametrize(
    "words",
    [
        ("--against", "prod"),
        ("--against", "rev:x"),
        ("--against", "rev:-1"),
        ("--against", "git:main", "--names"),
        ("--against", "git:main", "--out", "plan.json"),
        ("--against", "rev:1", "--out", "plan.json"),
    ],
    ids=" ".join,
)
def test_what_a_base_cannot_give_is_wrong_usage(shop: Run, edited: Path, words: tuple[str, ...]) -> None:
    assert shop("catalog", "diff", *words).exit_code == 64
    assert not Path("plan.json").exists()
