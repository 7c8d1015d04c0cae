"""`planctl store adopt`: a store bills where it lives, and nowhere else before somebody says so."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from tests import stores
from tests.cli.conftest import Run
from tests.cli.test_process import at_a_terminal

ASKED = ("--reason", "the old machine is off", "--yes")


@pytest.fixture
def moved(live: Run, tmp_path: Path) -> Run:
    """`live` whose store was made somewhere else."""
    stores.edited(tmp_path / "store.db", "UPDATE store_identity SET home = 'berlin:/srv/books.db'")
    return live


# --- what a store does that is not at home


@pytest.mark.parametrize("as_of", ["2025-10-02", "2025-11-01"])
def test_it_runs_no_invoices_also_where_nothing_is_due(moved: Run, as_of: str) -> None:
    ran = moved("--as-of", as_of, "invoice", "run", "-f", "json")
    assert (ran.exit_code, ran.error["code"]) == (4, "store-not-adopted")
    assert ran.error["expected"] == "berlin:/srv/books.db"
    assert ran.error["hint"] == (
        "if it goes on here, and its original never again: planctl store adopt --reason 'it goes on here';"
        " where numbers were given since that are not here, add the last of each series: --after NUMBER"
    )
    assert len(moved("invoice", "list", "-f", "json").json) == 1


def test_nothing_takes_a_number_there(moved: Run) -> None:
    assert moved("--as-of", "2025-10-02", "customer", "add", "rosa", "--currency", "USD").exit_code == 0
    words = ("subscribe", "rosa", "starter", "--pay", "month", "--no-trial", "--yes", "-f", "json")
    started = moved("--as-of", "2025-10-02", *words)
    assert (started.exit_code, started.error["code"]) == (4, "store-not-adopted")
    assert len(moved("subscription", "list", "-f", "json").json) == 1
    noted = moved("credit-note", "create", "INV-2025-00001", "--reason", "late", "--yes", "-f", "json")
    assert (noted.exit_code, noted.error["code"]) == (4, "store-not-adopted")


def test_it_can_be_read_examined_and_foreseen(moved: Run) -> None:
    at = ("--as-of", "2025-11-01")
    for words in ("invoice list", "invoice preview nova", "doctor", "audit verify", "store info"):
        assert moved(*at, *words.split()).exit_code == 0, words
    foreseen = moved("--as-of", "2025-11-01", "invoice", "run", "--dry-run", "-f", "json")
    assert (foreseen.exit_code, foreseen.json["invoices"]) == (0, ["INV-2025-00002"])


def test_info_says_where_it_lives_and_where_it_is(moved: Run, tmp_path: Path) -> None:
    said = moved("store", "info", "-f", "json").json
    assert (said["home"], said["generation"], said["at_home"]) == ("berlin:/srv/books.db", 1, False)
    assert "not at home: it bills nobody before planctl store adopt" in moved("store", "info").stdout
    if not stores.ON_POSTGRES:
        assert said["here"] == f"{os.uname().nodename}:{tmp_path / 'store.db'}"


# --- adopting


def test_an_adopted_store_bills_in_the_next_generation(moved: Run) -> None:
    adopted = moved("store", "adopt", *ASKED, "-f", "json")
    assert adopted.exit_code == 0, adopted.stderr
    here = moved("store", "info", "-f", "json").json
    assert (here["home"], here["generation"], here["at_home"]) == (here["here"], 2, True)
    assert adopted.json["adoption"] == here["adoption"]
    assert here["adoption"].startswith("adoption_")
    assert (adopted.json["home_before"], adopted.json["home"]) == ("berlin:/srv/books.db", here["here"])
    assert adopted.json["series"] == [
        {"series": "INV", "year": 2025, "last": "INV-2025-00001", "next": "INV-2025-00002"}
    ]
    ran = moved("--as-of", "2025-11-01", "invoice", "run", "-f", "json")
    assert ran.json["invoices"] == ["INV-2025-00002"]
    (said,) = [one for one in moved("audit", "log", "-f", "json").json if one["command"] == "store adopt"]
    assert said["reason"] == "the old machine is off"
    assert moved("doctor").exit_code == 0


def test_what_it_shows_before_the_yes_is_what_only_people_can_know(moved: Run) -> None:
    shown = moved("store", "adopt", "--reason", "moved", "--dry-run")
    assert shown.exit_code == 0
    assert "lived at:     berlin:/srv/books.db" in shown.stderr
    assert "next number:  INV-2025-00002 (before it INV-2025-00001)" in shown.stderr
    assert "no other copy of this store bills again" in shown.stderr
    assert shown.stderr.splitlines()[-1] == "nothing was written (dry run)"
    assert moved("store", "info", "-f", "json").json["generation"] == 1


@pytest.mark.sqlite_only
def test_a_person_is_asked_and_may_say_no(moved: Run, tmp_path: Path) -> None:
    code, screen = at_a_terminal("n\n", "store", "adopt", "--reason", "moved", directory=tmp_path)
    assert code == 4
    assert "Adopt it?" in screen
    assert moved("store", "info", "-f", "json").json["generation"] == 1


def test_without_a_yes_or_a_reason_nothing_is_adopted(moved: Run) -> None:
    assert moved("store", "adopt", "--reason", "moved", "-f", "json").error["code"] == "needs-yes"
    assert moved("store", "adopt", "--yes", "-f", "json").error["code"] == "needs-reason"
    assert moved("store", "info", "-f", "json").json["generation"] == 1


def test_the_same_key_adopts_once(moved: Run) -> None:
    assert moved("store", "adopt", *ASKED, "--key", "k").exit_code == 0
    again = moved("store", "adopt", *ASKED, "--key", "k")
    assert (again.exit_code, "exists" in again.stderr) == (0, True)
    assert moved("store", "info", "-f", "json").json["generation"] == 2


def test_a_test_store_lives_anywhere(shop: Run) -> None:
    done = shop("store", "adopt", *ASKED)
    assert (done.exit_code, done.stdout) == (0, "a test store lives anywhere; there is nothing to adopt\n")
    assert shop("store", "info", "-f", "json").json["at_home"] is True


# --- numbers that another copy gave


def test_numbers_given_elsewhere_are_left_out_and_doctor_names_them(moved: Run) -> None:
    adopted = moved("store", "adopt", *ASKED, "--after", "INV-2025-00004", "-f", "json")
    assert adopted.json["left_out"] == [{"first": "INV-2025-00002", "last": "INV-2025-00004", "count": 3}]
    ran = moved("--as-of", "2025-12-01", "invoice", "run", "-f", "json")
    assert ran.json["invoices"] == ["INV-2025-00005", "INV-2025-00006"]
    whole = moved("doctor")
    assert whole.exit_code == 0
    said = "left out:     INV-2025-00002 to INV-2025-00004, given before the store was adopted"
    assert said in whole.stdout.splitlines()
    assert moved("doctor", "-f", "json").json["left_out"] == adopted.json["left_out"]


def test_a_series_that_was_begun_elsewhere_goes_on_after_it(moved: Run) -> None:
    words = ("--after", "INV-2026-00002", "--after", "CN-2025-00001")
    adopted = moved("store", "adopt", *ASKED, *words, "-f", "json")
    assert [one["first"] for one in adopted.json["left_out"]] == ["CN-2025-00001", "INV-2026-00001"]
    ran = moved("--as-of", "2026-01-01", "invoice", "run", "-f", "json")
    assert ran.json["invoices"] == ["INV-2026-00003", "INV-2026-00004", "INV-2026-00005"]
    assert moved("doctor").exit_code == 0


@pytest.mark.parametrize(
    "number", ["INV-2025-00001", "2025-7", "INV-2025-2", "RE-2025-00004", "INV-2025-00000"]
)
def test_a_number_that_is_none_or_was_given_here_is_refused(moved: Run, number: str) -> None:
    refused = moved("store", "adopt", *ASKED, "--after", number, "-f", "json")
    assert (refused.exit_code, refused.error["code"], refused.error["got"]) == (3, "adopt-after", number)
    assert moved("store", "info", "-f", "json").json["generation"] == 1


@pytest.mark.parametrize(
    "edit",
    [
        "UPDATE number_gap SET last = 5",
        "UPDATE number_gap SET first = 3",
        "UPDATE number_gap SET year = 2024",
        "DELETE FROM number_gap",
        "UPDATE number_series SET next = 9",
    ],
)
def test_doctor_sees_a_gap_that_was_changed_past_planctl(moved: Run, tmp_path: Path, edit: str) -> None:
    assert moved("store", "adopt", *ASKED, "--after", "INV-2025-00004").exit_code == 0
    stores.edited(tmp_path / "store.db", edit)
    broken = moved("doctor", "-f", "json").json["laws"]
    assert "numbers-consecutive" in [one["id"] for one in broken if not one["holds"]]


# --- what is a move, and what is none


@pytest.mark.sqlite_only
def test_a_file_that_was_copied_by_hand_bills_at_home_alone(live: Run, tmp_path: Path) -> None:
    shutil.copyfile(tmp_path / "store.db", tmp_path / "copy.db")
    there = live("--store", tmp_path / "copy.db", "--as-of", "2025-11-01", "invoice", "run", "-f", "json")
    assert (there.exit_code, there.error["expected"]) == (4, f"{os.uname().nodename}:{tmp_path / 'store.db'}")
    assert live("--as-of", "2025-11-01", "invoice", "run").exit_code == 0


@pytest.mark.sqlite_only
def test_a_link_to_the_store_is_the_store(live: Run, tmp_path: Path) -> None:
    (tmp_path / "link.db").symlink_to(tmp_path / "store.db")
    ran = live("--store", tmp_path / "link.db", "--as-of", "2025-11-01", "invoice", "run")
    assert ran.exit_code == 0, ran.stderr


@pytest.mark.sqlite_only
@pytest.mark.parametrize("said", ["variable", "file"])
def test_a_container_gives_its_machine_a_lasting_name(
    live: Run, tmp_path: Path, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if said == "variable":
        monkeypatch.setenv("PLANCTL_HOST", "billing")
    else:
        (tmp_path / "planctl.toml").write_text('host = "billing"\n', encoding="utf-8")
    assert live("--as-of", "2025-11-01", "invoice", "run", "-f", "json").error["code"] == "store-not-adopted"
    assert live("store", "adopt", *ASKED, "-f", "json").json["home"] == f"billing:{tmp_path / 'store.db'}"
    assert live("--as-of", "2025-11-01", "invoice", "run").exit_code == 0


def test_a_new_store_is_at_home_where_it_is_made(live: Run) -> None:
    assert live("--as-of", "2025-11-01", "invoice", "run", "-f", "json").json["issued"] == 1
