"""`planctl usage …`."""

from __future__ import annotations

import io
import json
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from tests import stores
from tests.cli.conftest import Run

NEW_YEAR = ("--as-of", "2026-01-01")
MID = ("--as-of", "2026-01-10")


@pytest.fixture
def nova(shop: Run) -> Run:
    """A shop with nova on starter since the new year."""
    shop("customer", "add", "nova", "--currency", "USD", *NEW_YEAR)
    assert shop("subscribe", "nova", "starter", "--pay", "month", "--yes", *NEW_YEAR).exit_code == 0
    return shop


def row(event_id: str, **more: object) -> str:
    base = {"id": event_id, "customer": "nova", "event": "minutes", "at": "2026-01-05T08:00:00Z"}
    return json.dumps(base | more) + "\n"


# --- record and show


def test_recording_prints_the_id_and_what_takes_it_back(nova: Run) -> None:
    said = nova("usage", "record", "nova", "minutes", "12.5", *MID)
    event_id = said.stdout.strip()
    assert event_id.startswith("evt_")
    assert f"undo with: planctl usage record nova minutes -12.5 --corrects {event_id}" in said.stderr


def test_the_largest_quantity_is_shown_taken_back_exactly_and_stops_only_its_own_invoice(nova: Run) -> None:
    nova("customer", "add", "vega", "--currency", "USD", *NEW_YEAR)
    assert nova("subscribe", "vega", "starter", "--pay", "month", "--yes", *NEW_YEAR).exit_code == 0
    most = "999999999999999999.999999999999"
    said = nova("usage", "record", "nova", "minutes", most, *MID)
    assert f"undo with: planctl usage record nova minutes -{most} --corrects" in said.stderr
    shown = nova("usage", "show", "nova", "-f", "json", *MID)
    (minutes,) = (one for one in shown.json["features"] if one["feature"] == "minutes")
    assert minutes["excess"] == "999999999999998999.999999999999"
    run = nova("invoice", "run", "--as-of", "2026-02-01", "-f", "json")
    assert (run.exit_code, run.json["issued"], [one["customer"] for one in run.json["held"]]) == (
        1,
        1,
        ["nova"],
    )


def test_a_negative_number_is_a_quantity(nova: Run) -> None:
    nova("usage", "record", "nova", "seats", "2", *MID)
    back = nova("usage", "record", "nova", "seats", "-1", "-f", "json", *MID)
    assert (back.json["quantity"], back.json["level"]) == ("-1", "1")
    below = nova("usage", "record", "nova", "seats", "-2", *MID)
    assert below.exit_code == 4
    assert "would fall below 0" in below.stderr
    assert nova("usage", "record", "nova", "seats", "--set", "7", "-f", "json", *MID).json["quantity"] == "6"
    same = nova("usage", "record", "nova", "seats", "--set", "7", *MID)
    assert (same.exit_code, same.stdout) == (0, "unchanged\n")
    assert "seats of nova is 7 already; nothing was written" in same.stderr


def test_the_same_id_with_another_quantity_is_a_conflict(nova: Run) -> None:
    assert nova("usage", "record", "nova", "minutes", "2", "--id", "m1", *MID).exit_code == 0
    assert nova("usage", "record", "nova", "minutes", "2", "--id", "m1", *MID).exit_code == 0
    clash = nova("usage", "record", "nova", "minutes", "3", "--id", "m1", "-f", "json", *MID)
    assert clash.exit_code == 5
    assert (clash.error["code"], clash.error["got"]) == ("usage-conflict", "3")
    assert clash.error["expected"].startswith("2 at 2026-01-10T00:00:00Z")


def test_usage_show_is_the_period_that_runs(nova: Run) -> None:
    nova("usage", "record", "nova", "minutes", "1200", *MID)
    shown = nova("usage", "show", "nova", "-f", "json", *MID).json
    assert (shown["customer"], shown["as_of"]) == ("nova", "2026-01-10T00:00:00Z")
    minutes = next(one for one in shown["features"] if one["feature"] == "minutes")
    expected = {
        "unit": "minute",
        "period": {"starts_at": "2026-01-01T00:00:00Z", "ends_at": "2026-02-01T00:00:00Z"},
        "included": "1000",
        "used": "1200",
        "remaining": "0",
        "wallet": "0",
        "excess": "200",
        "unlimited": False,
        "resets_at": "2026-02-01T00:00:00Z",
    }
    assert {name: minutes[name] for name in expected} == expected
    assert "1,200" in nova("usage", "show", "nova", *MID).stdout
    assert nova("usage", "show", "nobody").exit_code == 4


def test_a_dry_run_records_nothing(nova: Run) -> None:
    assert nova("usage", "record", "nova", "minutes", "--dry-run", *MID).exit_code == 0
    assert nova("usage", "list", "--customer", "nova", "-f", "json", *MID).json == []


def test_usage_list_shows_events_with_their_properties(nova: Run) -> None:
    nova("usage", "record", "nova", "minutes", "2", "--id", "m1", "--property", "room=blue", *MID)
    assert nova("usage", "list", "--customer", "nova", "-f", "json").json == [
        {
            "id": "m1",
            "customer": "nova",
            "event": "minutes",
            "at": "2026-01-10T00:00:00Z",
            "quantity": "2",
            "properties": {"room": "blue"},
            "corrects": None,
        }
    ]
    assert nova("usage", "list", "--customer", "nova", "--from", "2026-01-11", "-f", "json").json == []
    assert nova("usage", "list").exit_code == 64
    assert nova("usage", "record", "nova", "minutes", "--property", "room", *MID).exit_code == 64


# --- import


def test_an_import_keeps_good_rows_and_exits_3_or_5(nova: Run, tmp_path: Path) -> None:
    file = tmp_path / "u.ndjson"
    file.write_text(row("a", quantity=2) + row("b") + "nope\n")
    first = nova("usage", "import", file, "-f", "json", *MID)
    assert first.exit_code == 3
    assert first.json == {
        "read": 3,
        "accepted": 2,
        "duplicates": 0,
        "conflicts": 0,
        "late": 0,
        "rejected": 1,
        "resumed_at": None,
    }
    assert f"{file}:3: the line is not JSON" in first.stderr
    assert first.stderr.splitlines()[-1] == "2 of 3 rows are in"
    file.write_text(row("a", quantity=3) + row("c"))
    second = nova("usage", "import", file, *MID)
    assert second.exit_code == 5
    assert "recorded by import 1 2 at 2026-01-05T08:00:00Z, now 3" in second.stderr


def test_the_same_file_again_is_all_duplicates(nova: Run, tmp_path: Path) -> None:
    file = tmp_path / "u.ndjson"
    file.write_text(row("a") + row("b"))
    assert nova("usage", "import", file, *MID).exit_code == 0
    again = nova("usage", "import", file, "-f", "json", *MID)
    assert (again.exit_code, again.json["accepted"], again.json["duplicates"]) == (0, 0, 2)


def test_all_or_nothing_and_a_dry_run_keep_nothing(nova: Run, tmp_path: Path) -> None:
    file = tmp_path / "u.ndjson"
    file.write_text(row("a") + "nope\n")
    refused = nova("usage", "import", file, "--all-or-nothing", *MID)
    assert refused.exit_code == 3
    assert refused.stderr.splitlines()[-1] == "nothing was kept"
    assert nova("usage", "import", file, "--dry-run", *MID).exit_code == 3
    assert nova("usage", "list", "--customer", "nova", "-f", "json").json == []
    file.write_text(row("a"))
    assert nova("usage", "import", file, "--all-or-nothing", *MID).exit_code == 0
    assert len(nova("usage", "list", "--customer", "nova", "-f", "json").json) == 1


def test_rejected_rows_go_to_a_new_file(nova: Run, tmp_path: Path) -> None:
    file, rejects = tmp_path / "u.ndjson", tmp_path / "rejects.ndjson"
    file.write_text(row("a", customer="nobody"))
    assert nova("usage", "import", file, "--rejects", rejects, *MID).exit_code == 3
    (kept,) = [json.loads(line) for line in rejects.read_text().splitlines()]
    assert (kept["line"], kept["reason"]) == (1, "customer")
    assert json.loads(kept["row"])["id"] == "a"
    again = nova("usage", "import", file, "--rejects", rejects, "-f", "json", *MID)
    assert again.error["code"] == "file-exists"


def test_csv_and_stdin_are_read(nova: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "u.csv"
    file.write_text("id,customer,event,at,quantity\na,nova,minutes,2026-01-05,2\n")
    assert nova("usage", "import", file, "-f", "json", *MID).json["accepted"] == 1
    monkeypatch.setattr(
        sys, "stdin", SimpleNamespace(buffer=io.BytesIO(row("b").encode()), isatty=lambda: False)
    )
    assert nova("usage", "import", "-", "-f", "json", *MID).json["accepted"] == 1
    file.write_text("id;customer;event;at\n")
    assert nova("usage", "import", file, "-f", "json", *MID).error["code"] == "usage-header"
    assert nova("usage", "import", tmp_path / "none", *MID).exit_code == 74
    assert nova("usage", "import", file, "--from", "xml", *MID).exit_code == 3


def test_rows_ahead_of_the_clock_need_a_word(nova: Run, tmp_path: Path) -> None:
    file = tmp_path / "u.ndjson"
    file.write_text(row("a", at="2026-01-10T00:05:00Z") + row("b", at="2026-01-10T00:05:01Z"))
    assert nova("usage", "import", file, "-f", "json", *MID).json["rejected"] == 1
    assert nova("usage", "import", file, "--allow-future", "-f", "json", *MID).json["accepted"] == 1


def test_the_same_key_imports_once(nova: Run, tmp_path: Path) -> None:
    file = tmp_path / "u.ndjson"
    file.write_text(row("a"))
    first = nova("usage", "import", file, "--key", "k1", "-f", "json", *MID)
    again = nova("usage", "import", file, "--key", "k1", "-f", "json", *MID)
    assert first.json == again.json
    assert again.json["accepted"] == 1


# --- export


def test_an_export_is_taken_back_as_duplicates(nova: Run, tmp_path: Path) -> None:
    seats = [row("s1", event="seats", quantity=3), row("s2", event="seats", quantity=-2)]
    file = tmp_path / "u.ndjson"
    file.write_text(
        row("z9", quantity=12.5, properties={"room": "blue", "paid": True, "n": 1.50})
        + row("=1+1", at="2026-01-04T23:59:59.123456Z")
        + row("a0", quantity=-2.5, corrects="z9")
        + "".join(seats)
        + row("b1", quantity="999999999999999999.000000000001")
    )
    assert nova("usage", "import", file, *MID).exit_code == 0
    out = nova("usage", "export", *MID)
    lines = [json.loads(line) for line in out.stdout.splitlines()]
    assert [(one["id"], one["quantity"]) for one in lines] == [
        ("=1+1", "1"),
        ("b1", "999999999999999999.000000000001"),
        ("z9", "12.5"),
        ("s1", "3"),
        ("s2", "-2"),
        ("a0", "-2.5"),
    ]
    assert lines[0]["at"] == "2026-01-04T23:59:59.123456Z"
    assert lines[2]["properties"] == {"n": "1.5", "paid": "true", "room": "blue"}
    again = tmp_path / "again.ndjson"
    again.write_text(out.stdout)
    assert nova("usage", "import", again, "-f", "json", *MID).json["duplicates"] == 6


def test_an_export_is_all_that_another_store_needs(nova: Run, run: Run, tmp_path: Path) -> None:
    for words in (
        ("minutes", "5", "--id", "m1"),
        ("seats", "--set", "2"),
        ("minutes", "-1", "--corrects", "m1"),
    ):
        assert nova("usage", "record", "nova", *words, *MID).exit_code == 0
    file = tmp_path / "all.ndjson"
    file.write_text(nova("usage", "export", *MID).stdout)
    other = ("--store", stores.url(tmp_path / "other.db"))
    for more in (
        ("init", tmp_path, "--test"),
        ("catalog", "apply", Path(__file__).parents[1] / "data" / "shop.yaml", "--yes"),
        ("customer", "add", "nova", "--currency", "USD"),
    ):
        assert run(*other, *more, *NEW_YEAR).exit_code == 0
    assert run(*other, "usage", "import", file, *MID).exit_code == 0
    assert run(*other, "usage", "export", *MID).stdout == file.read_text()


def test_an_export_is_of_whom_and_when_was_asked(nova: Run) -> None:
    nova("customer", "add", "mira", *NEW_YEAR)
    nova("usage", "record", "nova", "minutes", "--id", "n1", *MID)
    nova("usage", "record", "nova", "seats", "--id", "n2", *MID)
    nova("usage", "record", "mira", "minutes", "--id", "m1", *MID)

    def ids(*words: str) -> list[str]:
        return [json.loads(line)["id"] for line in nova("usage", "export", *words).stdout.splitlines()]

    assert sorted(ids()) == ["m1", "n1", "n2"]
    assert ids("--customer", "mira") == ["m1"]
    assert sorted(ids("--feature", "minutes")) == ["m1", "n1"]
    assert ids("--from", "2026-01-10T00:00:01Z") == ids("--to", "2026-01-10") == []
    assert nova("usage", "export", "--customer", "nobody").exit_code == 4
    assert nova("usage", "export", "-f", "csv").exit_code == 64
