"""`planctl store copy`: the same business on the other engine, without secrets, and a warning that one must stop."""

from __future__ import annotations

from pathlib import Path

import pytest

from planctl.__main__ import main
from tests import stores
from tests.cli.conftest import Run
from tests.store.lawbooks import played
from tests.store.test_laws_amounts import CATALOG, CUSTOMERS, HISTORY

pytestmark = pytest.mark.postgres

EXPORTS = (
    "audit log -f json",
    "catalog export -f json",
    "catalog history -f json",
    "coupon list -f json",
    "credit-note list -f json",
    "customer list -f json",
    "customer show nova -f json",
    "doctor -f json",
    "invoice list -f json",
    "invoice preview gaia -f json",
    "payment list -f json",
    "plan holders base -f json",
    "subscription list -f json",
    "usage export -f ndjson",
    "usage show nova -f json",
    "wallet ledger nova -f json",
)
"""Everything that the commands tell of a store, byte for byte."""

CORRECTIONS = """\
2026-03-21  payment record INV-2026-00001 20
2026-03-21  credit-note create INV-2026-00002 --line 1=1 --reason Goodwill
2026-03-22  customer archive luna"""


@pytest.fixture(scope="module")
def business(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The address of a store in which much happened; it is only read."""
    folder = tmp_path_factory.mktemp("business")
    return stores.url(played(folder, CATALOG, (*CUSTOMERS, "luna"), HISTORY + CORRECTIONS))


def with_secret(address: str) -> str:
    """The same address with a password, which the server does not ask for."""
    return address.replace("owner@", "owner:tell-nobody@")


def told(run: Run, store: str) -> dict[str, str]:
    found = {}
    for words in EXPORTS:
        done = run("--store", store, "--as-of", "2026-03-25", *words.split())
        assert (done.exit_code, done.stderr) == (0, ""), words
        found[words] = done.stdout
    return found


@pytest.mark.slow
def test_a_business_moves_to_a_server_and_back_and_tells_the_same(
    run: Run, business: str, tmp_path: Path
) -> None:
    there, back = with_secret(stores.database(tmp_path / "there.db")), str(tmp_path / "back.db")
    before = told(run, business)
    made = run("store", "copy", business, there, "-f", "json")
    assert made.exit_code == 0, made.stderr
    assert made.json["to"] == there.replace("tell-nobody", "***")
    assert (made.json["laws"], made.json["rows"]) == (
        len(before["doctor -f json"].split('"holds": true')) - 1,
        sum(made.json["tables"].values()),
    )
    assert made.json["tables"]["customer"] == len(CUSTOMERS) + 1
    again = run("store", "copy", there, back)
    assert again.exit_code == 0
    assert "tell-nobody" not in made.stdout + made.stderr + again.stdout + again.stderr
    assert told(run, there) == before
    assert told(run, back) == before


def test_both_go_on_alike(run: Run, business: str, tmp_path: Path) -> None:
    """The next run on the copy bills what it would have billed on the store."""
    there = stores.database(tmp_path / "there.db")
    assert run("store", "copy", business, there).exit_code == 0
    lines = [
        run("--store", store, "--as-of", "2026-04-01", "invoice", "run", "--dry-run", "-f", "json").json[
            "totals"
        ]
        for store in (business, there)
    ]
    assert lines[0] == lines[1]
    assert run("--store", there, "--as-of", "2026-04-01", "invoice", "run").exit_code == 0
    assert run("--store", there, "doctor").exit_code == 0


@pytest.mark.sqlite_only
def test_it_says_what_was_made_and_that_one_of_the_two_must_stop(
    run: Run, business: str, tmp_path: Path
) -> None:
    there = stores.database(tmp_path / "there.db")
    made = run("store", "copy", business, there)
    assert made.stdout.splitlines()[0] == f"{business} was copied to {there}"
    assert made.stdout.splitlines()[1].endswith("tables: the same on both sides")
    assert "laws: all hold on the copy; audit tip" in made.stdout.splitlines()[2]
    assert made.stderr.splitlines() == [
        "warning: from now on only one of the two should be written to",
        f"  hint: close the one that was copied: chmod 0400 {business}",
    ]
    name = there.partition("@/")[2].partition("?")[0]
    back = run("store", "copy", there, tmp_path / "back.db", "--quiet")
    assert back.stdout == ""
    assert f'ALTER DATABASE "{name}" SET default_transaction_read_only = on' in back.stderr


def test_a_dry_run_copies_nothing(run: Run, business: str, tmp_path: Path) -> None:
    for target in (str(tmp_path / "new.db"), stores.database(tmp_path / "there.db")):
        done = run("store", "copy", business, target, "--dry-run")
        assert (done.exit_code, done.stdout) == (0, "")
        assert done.stderr.splitlines()[-1] == "nothing was written (dry run)"
        assert run("--store", target, "store", "info", "-f", "json").error["code"] == "no-store"
    assert list(tmp_path.iterdir()) == []


def test_stores_may_be_named_as_planctl_toml_names_them(run: Run, business: str, tmp_path: Path) -> None:
    there = stores.database(tmp_path / "there.db")
    (tmp_path / "planctl.toml").write_text(f'[stores]\nold = "{business}"\nnew = "{there}"\n')
    assert run("store", "copy", "old", "new").exit_code == 0
    assert run("--store", "new", "store", "info", "-f", "json").json["audit"]["seq"] > 0


def test_the_stores_are_named_by_from_and_to_alone(run: Run, business: str, tmp_path: Path) -> None:
    done = run("--store", business, "store", "copy", business, tmp_path / "new.db", "-f", "json")
    assert (done.exit_code, done.error["code"], done.error["where"]) == (64, "usage", "--store")


@pytest.mark.parametrize("option", ["--key", "--reason"])
def test_what_would_be_kept_with_a_write_is_refused(
    run: Run, business: str, tmp_path: Path, option: str
) -> None:
    done = run("store", "copy", business, tmp_path / "new.db", option, "moving", "-f", "json")
    assert (done.exit_code, done.error["code"], done.error["where"]) == (64, "usage", option)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("dry_run", [[], ["--dry-run"]])
def test_nothing_is_copied_over_a_store_or_from_none(
    run: Run, business: str, tmp_path: Path, dry_run: list[str]
) -> None:
    over = run("store", "copy", business, business, "-f", "json", *dry_run)
    assert (over.exit_code, over.error["code"]) == (4, "copy-exists")
    none = run("store", "copy", tmp_path / "none.db", tmp_path / "new.db", "-f", "json", *dry_run)
    assert (none.exit_code, none.error["code"]) == (74, "no-store")
    assert list(tmp_path.iterdir()) == []


def test_a_store_that_breaks_a_law_is_not_copied(run: Run, tmp_path: Path) -> None:
    source = tmp_path / "store.db"
    assert run("init", "--test").exit_code == 0
    assert main(["customer", "add", "nova", "--currency", "USD"]) == 0
    stores.edited(source, "INSERT INTO number_series (series, year, first, next) VALUES ('INV', 2026, 1, 7)")
    done = run("store", "copy", stores.url(source), tmp_path / "new.db", "-f", "json")
    assert (done.exit_code, done.error["code"]) == (4, "copy-laws")
    assert not (tmp_path / "new.db").exists()


def test_the_copy_of_a_real_store_bills_nobody_and_the_warning_says_how_it_would(
    live: Run, tmp_path: Path
) -> None:
    source, there = stores.address(tmp_path / "store.db"), stores.database(tmp_path / "there.db")
    made = live("store", "copy", source, there)
    assert made.exit_code == 0, made.stderr
    assert (
        made.stderr.splitlines()[0] == "warning: the copy bills nobody; the store that was copied goes on to"
    )
    assert "store adopt --reason TEXT" in made.stderr.splitlines()[2]
    ran = live("--store", there, "--as-of", "2025-11-01", "invoice", "run", "-f", "json")
    assert (ran.exit_code, ran.error["code"]) == (4, "store-not-adopted")
    assert live("--as-of", "2025-11-01", "invoice", "run").exit_code == 0
    adopted = live("--store", there, "store", "adopt", "--reason", "moved", "--yes", "-f", "json")
    assert adopted.json["home"].startswith("postgresql:")
    assert live("--store", there, "--as-of", "2025-11-01", "invoice", "run").exit_code == 0
    assert live("--store", there, "doctor").exit_code == 0
