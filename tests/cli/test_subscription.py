"""`planctl subscription …`: list, show, cancel and import."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli.conftest import Run

NEW_YEAR = ("--as-of", "2026-01-01")
KEYS = {
    "id", "customer", "plan", "plan_version", "status", "currency", "pay", "started_at", "trial_ends_at",
    "period", "renews", "cancels_at", "expires_at", "quantities", "addons", "scheduled_change", "terms",
    "behind",
}  # fmt: skip


@pytest.fixture
def nova(acme: Run) -> Run:
    """nova on pro by the month since the new year, the first invoice paid."""
    assert acme("subscribe", "nova", "pro", "--pay", "month", "--no-trial", "--yes", *NEW_YEAR).exit_code == 0
    acme("payment", "record", "INV-2026-00001", "--as-of", "2026-01-02")
    return acme


def show(run: Run, as_of: str, address: str = "nova/pro") -> dict[str, object]:
    found: dict[str, object] = run("subscription", "show", address, "-f", "json", "--as-of", as_of).json
    return found


# --- show and list


def test_a_subscription_as_json_has_every_key(nova: Run) -> None:
    document = show(nova, "2026-01-20")
    assert set(document) >= KEYS
    assert {
        key: document[key] for key in ("status", "plan_version", "pay", "currency", "renews", "cancels_at")
    } == {
        "status": "active",
        "plan_version": 1,
        "pay": "month",
        "currency": "USD",
        "renews": True,
        "cancels_at": None,
    }
    assert document["period"] == {
        "index": 0,
        "starts_at": "2026-01-01T00:00:00Z",
        "ends_at": "2026-02-01T00:00:00Z",
    }


def test_the_period_is_the_one_that_holds_the_instant(nova: Run) -> None:
    for as_of, index in (("2026-01-31T23:59:59Z", 0), ("2026-02-01", 1), ("2026-05-15", 4)):
        period = show(nova, as_of)["period"]
        assert isinstance(period, dict)
        assert period["index"] == index


def test_a_subscription_that_ended_shows_its_last_period_cut_at_the_end(nova: Run) -> None:
    nova("subscription", "cancel", "nova", "--at", "now", "--yes", "--as-of", "2026-01-20")
    for as_of in ("2026-01-20", "2026-03-05"):
        document = show(nova, as_of)
        assert (document["status"], document["renews"], document["cancels_at"]) == (
            "canceled",
            False,
            "2026-01-20T00:00:00Z",
        )
        assert document["period"] == {
            "index": 0,
            "starts_at": "2026-01-01T00:00:00Z",
            "ends_at": "2026-01-20T00:00:00Z",
        }


def test_ended_at_a_boundary_it_never_entered_the_next_period(nova: Run) -> None:
    nova("subscription", "cancel", "nova", "--yes", "--as-of", "2026-01-20")
    period = show(nova, "2026-02-01")["period"]
    assert isinstance(period, dict)
    assert (period["index"], period["ends_at"]) == (0, "2026-02-01T00:00:00Z")


def test_lists_are_filtered(nova: Run) -> None:
    def plans(*words: str, as_of: str = "2026-01-20") -> list[str]:
        found = nova("subscription", "list", *words, "-f", "json", "--as-of", as_of).json
        return sorted(one["plan"] for one in found)

    assert plans() == ["free", "pro"]
    assert plans("--status", "active") == ["pro"]
    assert plans("--status", "canceled") == ["free"]
    assert plans("--plan", "pro", "--customer", "nova") == ["pro"]
    assert plans("--currency", "EUR") == []
    assert len(plans("--limit", "1")) == 1
    assert nova("subscription", "list", "--status", "gone", *NEW_YEAR).exit_code == 3
    assert nova("subscription", "list", "--customer", "nobody", *NEW_YEAR).exit_code == 4


def test_an_unknown_one_is_refused(nova: Run) -> None:
    for address in ("nobody", "nova/starter", "sub_0"):
        assert nova("subscription", "show", address, *NEW_YEAR).exit_code == 4


# --- cancel

CANCEL = ("subscription", "cancel", "nova", "--as-of", "2026-01-20")


def test_canceling_asks_and_says_when_it_ends(nova: Run) -> None:
    asked = nova(*CANCEL)
    assert asked.exit_code == 64
    assert "nova/pro ends 2026-02-01 (UTC)" in asked.stderr
    done = nova(*CANCEL, "--yes", "-f", "json").json
    assert (done["status"], done["cancels_at"], done["unchanged"], done["invoices"]) == (
        "active",
        "2026-02-01T00:00:00Z",
        False,
        [],
    )
    assert nova(*CANCEL, "--yes", "-f", "json").json["unchanged"] is True


def test_canceling_at_once_issues_the_final_invoice(acme: Run) -> None:
    acme("subscribe", "nova", "metered", "--yes", *NEW_YEAR)
    acme("usage", "record", "nova", "minutes", "25", "--as-of", "2026-01-10")
    done = acme(*CANCEL, "--at", "now", "--yes", "-f", "json").json
    (invoice,) = done["invoices"]
    assert (done["status"], invoice["total"], invoice["kind"]) == ("canceled", "3.00", "final")


def test_a_dry_run_ends_nothing(nova: Run) -> None:
    assert nova(*CANCEL, "--at", "now", "--dry-run").exit_code == 0
    assert show(nova, "2026-01-20")["status"] == "active"


@pytest.mark.parametrize(
    ("words", "code", "error"),
    [
        (("--at", "tomorrow"), 3, "invalid-value"),
        (("--refund", "half"), 3, "invalid-value"),
    ],
)
def test_what_canceling_cannot_do_is_said(nova: Run, words: tuple[str, ...], code: int, error: str) -> None:
    result = nova(*CANCEL, *words, "--yes", "-f", "json")
    assert (result.exit_code, result.error["code"]) == (code, error)
    assert show(nova, "2026-01-20")["cancels_at"] is None


def test_what_has_ended_is_not_canceled(nova: Run) -> None:
    nova(*CANCEL, "--at", "now", "--yes")
    again = nova("subscription", "cancel", "nova/pro", "--yes", "-f", "json", "--as-of", "2026-01-21")
    assert (again.exit_code, again.error["code"]) == (4, "ended")


# --- import

HEADER = "customer,plan,pay,currency,start,billed_through,quantity:seats\n"


def moved(directory: Path, *rows: str) -> str:
    (directory / "moved.csv").write_text(HEADER + "".join(f"{row}\n" for row in rows), encoding="utf-8")
    return "moved.csv"


def test_an_import_asks_and_says_what_it_did(acme: Run, tmp_path: Path) -> None:
    name = moved(tmp_path, "nova,pro,month,USD,2025-12-10,,12")
    words = ("subscription", "import", name, "--as-of", "2026-01-20")
    asked = acme(*words)
    assert asked.exit_code == 64
    assert "1 subscriptions from moved.csv" in asked.stderr
    done = acme(*words, "--yes", "-f", "json").json
    assert (done["imported"], len(done["subscriptions"]), done["invoices"]) == (1, 1, [])
    document = show(acme, "2026-01-20")
    assert (document["started_at"], document["quantities"]) == ("2025-12-10T00:00:00Z", {"seats": "12"})


def test_the_same_file_again_finds_everything_there(acme: Run, tmp_path: Path) -> None:
    name = moved(tmp_path, "nova,pro,month,USD,2025-12-10,,12")
    words = ("subscription", "import", name, "--yes", "-f", "json")
    acme(*words, "--as-of", "2026-01-20")
    again = acme(*words, "--as-of", "2026-01-25")
    assert (again.exit_code, again.json) == (
        0,
        {"imported": 0, "exists": 1, "subscriptions": [], "invoices": []},
    )


def test_ndjson_is_read_too(acme: Run, tmp_path: Path) -> None:
    row = {"customer": "nova", "plan": "pro", "pay": "month", "start": "2026-01-20"}
    (tmp_path / "moved.ndjson").write_text(json.dumps(row) + "\n", encoding="utf-8")
    done = acme("subscription", "import", "moved.ndjson", "--yes", "-f", "json", "--as-of", "2026-01-20").json
    assert done["invoices"] == ["INV-2026-00001"]


def test_one_bad_row_keeps_all_of_them_out(acme: Run, tmp_path: Path) -> None:
    name = moved(tmp_path, "nova,pro,month,USD,2025-12-10,,", "nobody,pro,month,USD,2025-12-10,,")
    result = acme("subscription", "import", name, "--yes", "--as-of", "2026-01-20")
    assert (result.exit_code, result.stdout) == (3, "")
    assert "moved.csv:3:1: error: there is no customer 'nobody' [not-found]" in result.stderr
    assert acme("subscription", "list", "--plan", "pro", "-f", "json", *NEW_YEAR).json == []


def test_an_unknown_column_is_named(acme: Run, tmp_path: Path) -> None:
    (tmp_path / "moved.csv").write_text("customer,plan,bill_through\nnova,pro,2026-01-01\n", encoding="utf-8")
    result = acme("subscription", "import", "moved.csv", "--yes", *NEW_YEAR)
    assert result.exit_code == 3
    assert "billed_through" in result.stderr


def test_a_file_that_is_not_there_is_an_io_failure(acme: Run) -> None:
    assert acme("subscription", "import", "nothing.csv", "--yes", *NEW_YEAR).exit_code == 74
