"""The audit at the command line: what each entry changed, whether it is as it was written, its tip in another place."""

from __future__ import annotations

from pathlib import Path

import pytest

from planctl.store.engine import open_store
from planctl.store.settings import identity
from tests import stores
from tests.cli.conftest import Run
from tests.stores import edited, opened, unguarded

ANCHOR = "PLANCTL_ANCHOR"


@pytest.fixture
def kept(run: Run, tmp_path: Path) -> Run:
    """A store with one customer."""
    assert run("init", "made", "--test").exit_code == 0
    assert run("customer", "add", "acme", "--currency", "USD", "--name", "Acme").exit_code == 0
    return run


def test_an_entry_names_the_rows_that_it_changed_with_their_hashes(kept: Run) -> None:
    kept("customer", "update", "acme", "--name", "Bcme")
    added, updated = kept("audit", "log", "--object", "customer/acme", "-f", "json").json
    assert (added["command"], updated["command"]) == ("customer add", "customer update")
    ((row,), (again,)) = (added["rows"], updated["rows"])
    assert (row["table"], row["id"], row["before"]) == ("customer", "acme", None)
    assert again["before"] == row["after"] != again["after"]
    assert [len(row["after"]), updated["objects"]["count"]] == [64, "1"]


def test_a_log_for_people_shows_the_first_row_and_how_many_more(kept: Run) -> None:
    lines = kept("audit", "log").stdout.splitlines()
    assert "setting/timezone +1" in lines[1]
    assert "customer/acme" in lines[2]


def test_a_log_about_a_row_goes_on_after_a_number_and_stops_at_a_limit(kept: Run) -> None:
    for name in ("B", "C", "D"):
        kept("customer", "update", "acme", "--name", name)
    about = ("audit", "log", "--object", "customer/acme", "-f", "json")
    assert [one["seq"] for one in kept(*about).json] == [2, 3, 4, 5]
    assert [one["seq"] for one in kept(*about, "--after", "2", "--limit", "2").json] == [3, 4]
    assert kept("audit", "log", "--object", "customer/nobody", "-f", "json").json == []
    assert kept("audit", "log", "--object", "acme").exit_code == 64


def test_what_changes_no_row_and_a_dry_run_leave_no_entry(kept: Run) -> None:
    before = kept("audit", "log", "-f", "json").json
    kept("customer", "update", "acme", "--name", "Acme")
    kept("customer", "update", "acme", "--name", "Other", "--dry-run")
    assert kept("audit", "log", "-f", "json").json == before


def test_an_answer_kept_under_a_key_is_among_the_rows(kept: Run) -> None:
    kept("customer", "update", "acme", "--name", "Bcme", "--key", "k-1")
    *_, last = kept("audit", "log", "-f", "json").json
    assert [row["table"] for row in last["rows"]] == ["customer", "operation"]


def test_beside_the_actor_stands_the_login_that_the_server_knows(kept: Run) -> None:
    kept("customer", "update", "acme", "--name", "Bcme", "--operator", "amy")
    rows = [line.split(",") for line in kept("audit", "log", "-f", "csv").stdout.splitlines()]
    assert rows[0][2:4] == ["actor", "server_login"]
    assert rows[-1][2:4] == ["amy", "owner" if stores.ON_POSTGRES else ""]
    *_, entry = kept("audit", "log", "-f", "json").json
    assert entry["origin"].get("session_user") == ("owner" if stores.ON_POSTGRES else None)


# --- anchors


def test_the_tip_is_kept_in_a_file_and_all_of_it_must_be_reached(kept: Run) -> None:
    for name in ("B", "C"):
        kept("customer", "update", "acme", "--name", name)
        assert kept("audit", "anchor", "--to", "file:tips").exit_code == 0
    result = kept("audit", "verify", "--anchor", "tips", "-f", "json").json
    assert (result["ok"], result["anchors"], result["last_good"]["seq"]) == (True, 2, 4)


def test_an_older_tip_that_does_not_hold_is_found_though_the_newest_does(kept: Run, tmp_path: Path) -> None:
    kept("audit", "anchor", "--to", "tips")
    good = (tmp_path / "tips").read_text()
    (tmp_path / "tips").write_text(f"1 {'a' * 64}\n{good}")
    result = kept("audit", "verify", "--anchor", "tips", "-f", "json")
    assert result.exit_code == 74
    assert result.json["problems"] == ["audit entry 1 is not the one that was anchored (aaaaaaaaaaaa…)"]
    assert (result.json["kinds"], result.json["last_good"]) == (["rewritten"], None)


def test_without_a_place_the_tip_is_only_printed(kept: Run) -> None:
    tip = kept("audit", "verify", "-f", "json").json
    assert kept("audit", "anchor").stdout.startswith(f"{tip['seq']} {tip['hash']} store_")
    assert kept("audit", "anchor", "-f", "json").json["place"] is None


def test_nothing_was_audited_so_there_is_no_tip(run: Run, tmp_path: Path) -> None:
    open_store(stores.url(tmp_path / "store.db"), create=True).close()
    assert "nothing was audited yet" in run("audit", "anchor").stderr


def test_a_place_without_a_tip_of_this_store_proves_nothing(kept: Run, tmp_path: Path) -> None:
    (tmp_path / "tips").write_text(f"1 {'a' * 64} store_other#1 2026-01-01T00:00:00Z\n")
    result = kept("audit", "verify", "--anchor", "tips", "-f", "json")
    assert (result.exit_code, result.error["code"]) == (3, "no-anchor")


def test_every_command_that_writes_keeps_its_tip_where_the_settings_say(
    kept: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(ANCHOR, f"file:{tmp_path / 'tips'}")
    kept("customer", "update", "acme", "--name", "B")
    kept("customer", "show", "acme")
    kept("customer", "update", "acme", "--name", "C", "--dry-run")
    kept("customer", "update", "acme", "--name", "D")
    lines = (tmp_path / "tips").read_text().splitlines()
    assert [line.split()[0] for line in lines] == ["3", "4"]
    assert "anchors reached" in kept("audit", "verify").stdout
    assert "audit-anchored" in kept("doctor").stdout


def test_a_place_that_takes_no_tip_is_a_warning_and_the_command_is_done(
    kept: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(ANCHOR, f"file:{tmp_path / 'none' / 'tips'}")
    result = kept("customer", "update", "acme", "--name", "B", "--quiet")
    assert result.exit_code == 0
    assert result.stderr.startswith("warning: audit entry 3 was written and not anchored: file:")
    assert kept("audit", "log", "-f", "json").json[-1]["command"] == "customer update"


def test_planctl_toml_says_where_beside_itself(kept: Run, tmp_path: Path) -> None:
    (tmp_path / "planctl.toml").write_text('anchor = "file:tips"\n')
    kept("customer", "update", "acme", "--name", "B")
    assert (tmp_path / "tips").exists()


@pytest.mark.sqlite_only
def test_a_store_that_is_older_than_its_anchor_bills_nobody_until_it_is_adopted(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(ANCHOR, f"file:{tmp_path / 'tips'}")
    run("init", "made")
    run("customer", "add", "acme", "--currency", "USD")
    old = (tmp_path / "store.db").read_bytes()
    run("customer", "add", "other", "--currency", "USD")
    assert run("invoice", "run").exit_code == 0
    (tmp_path / "store.db").write_bytes(old)
    result = run("invoice", "run", "-f", "json")
    assert (result.exit_code, result.error["code"]) == (4, "store-behind-anchor")
    assert "audit-anchored" in run("doctor").stdout
    assert run("invoice", "run", "--dry-run").exit_code == 0
    assert run("store", "adopt", "--reason", "put back", "--yes").exit_code == 0
    assert run("invoice", "run").exit_code == 0
    assert run("audit", "verify").exit_code == 0


@pytest.mark.sqlite_only
def test_a_store_that_is_older_than_its_anchor_does_not_catch_up_with_it_by_writing(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(ANCHOR, f"file:{tmp_path / 'tips'}")
    run("init", "made")
    old = (tmp_path / "store.db").read_bytes()
    run("customer", "add", "acme", "--currency", "USD")
    (tmp_path / "store.db").write_bytes(old)
    kept = (tmp_path / "tips").read_bytes()
    refused = run("customer", "add", "other", "--currency", "USD", "-f", "json")
    assert (refused.exit_code, refused.error["code"]) == (4, "store-behind-anchor")
    assert (tmp_path / "store.db").read_bytes() == old
    assert (tmp_path / "tips").read_bytes() == kept
    assert run("customer", "add", "other", "--currency", "USD", "--dry-run").exit_code == 0
    adopted = run("store", "adopt", "--reason", "put back", "--yes")
    assert adopted.exit_code == 0
    assert "  this store is older than its anchor: that has audit entry 2 with" in adopted.stderr
    assert "  here is an audit that ends at 1. Numbers" in adopted.stderr
    assert run("customer", "add", "other", "--currency", "USD").exit_code == 0


# --- a store that was put back and adopted


ADOPT = ("store", "adopt", "--reason", "put back", "--yes")


@pytest.fixture
def put_back(run: Run, tmp_path: Path) -> Run:
    """A store that was put back as it was at entry 2 and adopted with entry 3; the lost entry 3 was anchored too."""
    run("init", "made")
    run("customer", "add", "acme", "--currency", "USD")
    run("audit", "anchor", "--to", "tips")
    backup = (tmp_path / "store.db").read_bytes()
    run("customer", "add", "lost", "--currency", "USD")
    run("audit", "anchor", "--to", "tips")
    (tmp_path / "store.db").write_bytes(backup)
    (tmp_path / "backup").write_bytes(backup)
    assert run(*ADOPT).exit_code == 0
    run("audit", "anchor", "--to", "tips")
    return run


@pytest.mark.sqlite_only
def test_what_was_anchored_before_an_adoption_binds_as_far_as_the_chain_goes_back(
    put_back: Run, tmp_path: Path
) -> None:
    said = put_back("audit", "verify", "--anchor", "tips", "-f", "json").json
    assert (said["ok"], said["anchors"], said["anchored_up_to"]) == (True, 2, 3)
    assert said["silent"] == [{"generation": 1, "tips": 1, "after": 2}]
    lines = put_back("audit", "verify", "--anchor", "tips").stdout.splitlines()
    assert "chain whole, 2 anchors reached, up to entry 3; tip 3" in lines[0]
    told = (
        "1 tip of generation 1 beyond entry 2, after which this store was adopted: nothing is said about it"
    )
    assert lines[1:] == [told]
    tips = (tmp_path / "tips").read_text().splitlines()
    (tmp_path / "tips").write_text("\n".join([f"2 {'a' * 64} {tips[0].split(' ', 2)[2]}", *tips[1:]]))
    broken = put_back("audit", "verify", "--anchor", "tips", "-f", "json")
    assert (broken.exit_code, broken.json["kinds"]) == (74, ["rewritten"])
    assert broken.json["problems"] == ["audit entry 2 is not the one that was anchored (aaaaaaaaaaaa…)"]
    checked = put_back("doctor", "--anchor", "tips")
    assert checked.exit_code == 1
    assert told in checked.stdout.splitlines()


@pytest.mark.sqlite_only
def test_another_adoption_of_the_same_backup_is_not_taken_for_this_one(
    put_back: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(ANCHOR, f"file:{tmp_path / 'tips'}")
    put_back("customer", "add", "there", "--currency", "USD")
    (tmp_path / "store.db").write_bytes((tmp_path / "backup").read_bytes())
    assert put_back(*ADOPT).exit_code == 0
    assert put_back("customer", "update", "acme", "--name", "Here").exit_code == 0
    marks = [line.split()[2] for line in (tmp_path / "tips").read_text().splitlines()[2:]]
    assert [mark.partition("#")[2].partition("/")[0] for mark in marks] == ["2", "2", "2", "2"]
    assert marks[0] == marks[1] != marks[2] == marks[3]
    verified = put_back("audit", "verify", "-f", "json")
    assert (verified.exit_code, verified.json["anchors"], verified.json["anchored_up_to"]) == (0, 3, 4)
    assert verified.json["silent"] == [
        {"generation": 1, "tips": 1, "after": 2},
        {"generation": 2, "tips": 2, "after": None},
    ]
    assert "2 tips of generation 2 kept by another copy of this store" in put_back("audit", "verify").stdout


@pytest.mark.sqlite_only
def test_an_original_that_comes_back_in_the_place_of_an_adopted_store_is_found(
    put_back: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All its own tips are in its chain; only those of the store that went on show that it is an older copy."""
    (tmp_path / "store.db").write_bytes((tmp_path / "backup").read_bytes())
    found = put_back("audit", "verify", "--anchor", "tips", "-f", "json")
    assert (found.exit_code, found.json["kinds"]) == (74, ["cut off"])
    monkeypatch.setenv(ANCHOR, f"file:{tmp_path / 'tips'}")
    refused = put_back("customer", "add", "again", "--currency", "USD", "-f", "json")
    assert (refused.exit_code, refused.error["code"]) == (4, "store-behind-anchor")
    assert put_back(*ADOPT).exit_code == 0
    assert put_back("customer", "add", "again", "--currency", "USD").exit_code == 0
    assert put_back("audit", "verify").exit_code == 0


@pytest.mark.sqlite_only
def test_a_copy_that_another_was_adopted_before_more_often_is_adopted_as_often(
    put_back: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(ANCHOR, f"file:{tmp_path / 'tips'}")
    put_back(*ADOPT)
    (tmp_path / "store.db").write_bytes((tmp_path / "backup").read_bytes())
    assert put_back(*ADOPT).exit_code == 0
    behind = put_back("customer", "add", "again", "--currency", "USD", "-f", "json")
    assert behind.error["code"] == "store-behind-anchor"
    assert put_back(*ADOPT).exit_code == 0
    assert put_back("customer", "add", "again", "--currency", "USD").exit_code == 0
    assert put_back("audit", "verify").exit_code == 0


# --- a place that was emptied


def test_a_place_that_was_emptied_does_not_pass_for_one_that_holds(
    kept: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "tips").touch()
    broken = kept("doctor", "--anchor", "tips", "--quiet")
    assert broken.exit_code == 1
    assert "audit: no tip of it is kept at file:tips, so nothing shows that its end is there" in broken.stdout
    monkeypatch.setenv(ANCHOR, f"file:{tmp_path / 'tips'}")
    for taken_away in (False, True):
        if taken_away:
            (tmp_path / "tips").unlink()
        assert kept("doctor", "--quiet").exit_code == 1
        unproven = kept("audit", "verify", "-f", "json")
        assert (unproven.exit_code, unproven.error["code"]) == (3, "no-anchor")
        assert unproven.error["where"] == ANCHOR
    assert kept("customer", "update", "acme", "--name", "B").exit_code == 0
    assert kept("doctor", "--quiet").exit_code == 0
    assert kept("audit", "verify").exit_code == 0


# --- what became of it


def test_entries_cut_off_are_told_from_entries_edited(kept: Run, tmp_path: Path) -> None:
    kept("audit", "anchor", "--to", "tips")
    kept("customer", "update", "acme", "--name", "B")
    kept("audit", "anchor", "--to", "tips")
    with unguarded(tmp_path / "store.db") as raw:
        raw.execute("DELETE FROM audit_object WHERE seq = 3")
        raw.execute("DELETE FROM audit WHERE seq = 3")
    assert kept("audit", "verify").exit_code == 0  # without an anchor nothing shows
    cut = kept("audit", "verify", "--anchor", "tips", "-f", "json").json
    assert (cut["kinds"], cut["last_good"]["seq"], cut["seq"]) == (["cut off"], 2, 2)


def test_a_row_of_an_entry_that_was_edited_breaks_it(kept: Run, tmp_path: Path) -> None:
    edited(tmp_path / "store.db", f"UPDATE audit_object SET after = '{'a' * 64}' WHERE name = 'customer'")
    result = kept("audit", "verify")
    assert result.exit_code == 74
    assert "audit entry 2: it names 1 rows (" in result.stdout
    assert result.stdout.splitlines()[-1] == "the audit was edited"


def test_a_customer_edited_past_planctl_is_named_by_doctor(kept: Run, tmp_path: Path) -> None:
    edited(tmp_path / "store.db", "UPDATE customer SET tax = 'exempt' WHERE id = 'acme'")
    assert kept("audit", "verify").exit_code == 0  # the entries are whole: it is the row that is not
    result = kept("doctor")
    assert result.exit_code == 1
    assert "rows-as-audited" in result.stdout
    assert "customer acme: it was changed past planctl" in result.stdout


def test_the_generation_is_part_of_what_is_anchored(kept: Run, tmp_path: Path) -> None:
    kept("audit", "anchor", "--to", "tips")
    with opened(tmp_path / "store.db") as store, store.read() as tx:
        assert (tmp_path / "tips").read_text().split()[2] == f"{identity(tx).store_id}#1"
