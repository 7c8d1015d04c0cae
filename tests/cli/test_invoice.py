"""`planctl invoice …`: run, preview, list, show and void, as people and machines see them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from planctl.errors import Conflict
from planctl.workflows import run_invoices
from tests import stores
from tests.cli.conftest import Run

NEW_YEAR = ("--as-of", "2026-01-01")
FEBRUARY = ("--as-of", "2026-02-01")

INVOICE_KEYS = {
    "number", "id", "customer", "subscription", "status", "currency", "issued_at", "due_at", "grace_ends_at",
    "period", "lines", "subtotal", "discount", "tax", "taxes", "total", "credit_applied", "paid", "due",
}  # fmt: skip
LINE_KEYS = {
    "kind", "subscription", "plan", "feature", "description", "quantity", "unit_price", "amount", "period",
    "plan_version",
}  # fmt: skip
RUN_KEYS = {"as_of", "issued", "invoices", "totals", "nothing_due", "held", "transitions", "elapsed_ms"}


@pytest.fixture
def nova(acme: Run) -> Run:
    """nova on pro by the month since the new year, the first invoice paid, 101,000 calls in January."""
    assert acme("subscribe", "nova", "pro", "--pay", "month", "--no-trial", "--yes", *NEW_YEAR).exit_code == 0
    acme("payment", "record", "INV-2026-00001", "--as-of", "2026-01-02")
    return acme


def numbers(run: Run, *words: str, as_of: str = "2026-02-01") -> list[str]:
    return [one["number"] for one in run("invoice", "list", *words, "-f", "json", "--as-of", as_of).json]


# --- run


def test_a_customer_without_country_is_named_once_a_run_where_there_are_taxes(nova: Run) -> None:
    warning = "warning: nova has no country, so no tax is charged"
    assert nova("invoice", "run", "-f", "json", *FEBRUARY).stderr.count(warning) == 1
    assert warning not in nova("invoice", "run", *FEBRUARY).stderr, "nothing was billed"
    nova("customer", "update", "nova", "--tax", "exempt", *FEBRUARY)
    assert "no country" not in nova("invoice", "run", "--as-of", "2026-03-01").stderr


def test_starting_says_that_a_customer_has_no_country(acme: Run) -> None:
    start = ("subscribe", "nova", "pro", "--pay", "month", "--no-trial", "--yes", *NEW_YEAR)
    assert acme(*start).stderr.count("nova has no country, so no tax is charged") == 1


def test_a_run_answers_with_what_it_issued(nova: Run) -> None:
    result = nova("invoice", "run", "-f", "json", *FEBRUARY)
    assert result.exit_code == 0
    document = result.json
    assert set(document) >= RUN_KEYS
    assert {key: document[key] for key in RUN_KEYS - {"elapsed_ms"}} == {
        "as_of": "2026-02-01T00:00:00Z",
        "issued": 1,
        "invoices": ["INV-2026-00002"],
        "totals": {"USD": "49.00"},
        "nothing_due": 0,
        "held": [],
        "transitions": [],
    }
    assert isinstance(document["elapsed_ms"], int)


def test_a_repeated_run_says_that_nothing_was_due(nova: Run) -> None:
    nova("invoice", "run", *FEBRUARY)
    again = nova("invoice", "run", *FEBRUARY)
    assert (again.exit_code, again.stdout) == (0, "nothing was due as of 2026-02-01T00:00:00Z\n")


def test_a_run_says_what_moved_and_when(nova: Run) -> None:
    nova("invoice", "run", *FEBRUARY)
    document = nova("invoice", "run", "-f", "json", "--as-of", "2026-02-20").json
    assert [(one["from"], one["to"], one["at"]) for one in document["transitions"]] == [
        ("active", "past_due", "2026-02-08T00:00:00Z"),
        ("past_due", "blocked", "2026-02-11T00:00:00Z"),
    ]
    assert all(one["subscription"].startswith("sub_") for one in document["transitions"])


def test_a_dry_run_issues_nothing(nova: Run) -> None:
    dry = nova("invoice", "run", "--dry-run", "-f", "json", *FEBRUARY)
    assert (dry.exit_code, dry.json["issued"], dry.json["totals"]) == (0, 1, {"USD": "49.00"})
    assert "nothing was written" in dry.stderr
    assert numbers(nova) == ["INV-2026-00001"]
    assert nova("invoice", "run", "-f", "json", *FEBRUARY).json["invoices"] == ["INV-2026-00002"]


def test_a_dry_run_moves_no_mark(nova: Run) -> None:
    nova("invoice", "run", "--dry-run", "--as-of", "2026-05-01")
    assert nova("invoice", "run", *FEBRUARY).exit_code == 0


def test_a_key_runs_once_and_answers_the_same(nova: Run) -> None:
    first = nova("invoice", "run", "--key", "feb", "-f", "json", *FEBRUARY)
    again = nova("invoice", "run", "--key", "feb", "-f", "json", "--as-of", "2026-03-01")
    assert again.json == first.json
    assert numbers(nova, as_of="2026-03-01") == ["INV-2026-00001", "INV-2026-00002"]


def test_a_held_customer_leaves_with_1_and_is_named(nova: Run, tmp_path: Path) -> None:
    """Her tax was edited past planctl to one that is not declared: no invoice goes out without a tax."""
    nova("customer", "add", "berta", "--currency", "EUR", *NEW_YEAR)
    nova("subscribe", "berta", "pro", "--pay", "month", "--no-trial", "--yes", *NEW_YEAR)
    nova("payment", "record", "INV-2026-00002", "--as-of", "2026-01-02")
    stores.edited(tmp_path / "store.db", "UPDATE customer SET tax = 'vat_gone' WHERE id = 'berta'")
    result = nova("invoice", "run", "-f", "json", *FEBRUARY)
    assert result.exit_code == 1
    assert result.json["invoices"] == ["INV-2026-00003"]
    ((customer, reason),) = [(one["customer"], one["reason"]) for one in result.json["held"]]
    assert customer == "berta"
    assert reason == "impossible: the tax vat_gone of berta is not declared"
    assert "held: berta" in result.stderr


def test_quiet_prints_nothing_on_success(nova: Run) -> None:
    result = nova("invoice", "run", "--quiet", *FEBRUARY)
    assert (result.exit_code, result.stdout, result.stderr) == (0, "", "")


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (("--customer", "nobody"), 4, "nobody"),
        (("--catch-up", "13"), 64, "--reason"),
        pytest.param(("--workers", "2"), 64, "--workers", marks=pytest.mark.sqlite_only),
        (("--workers", "0"), 64, "--workers"),
        (("--workers", "33"), 64, "--workers"),
        (("--max-change", "30%"), 4, "--max-change"),
        (("--max-change", "a third"), 3, "--max-change"),
        (("--max-change", "30%", "--customer", "nova"), 64, "--max-change"),
    ],
)
def test_what_a_run_cannot_do_is_said(nova: Run, words: tuple[str, ...], code: int, said: str) -> None:
    result = nova("invoice", "run", *words, *FEBRUARY)
    assert (result.exit_code, result.stdout) == (code, "")
    assert said in result.stderr


def test_a_run_behind_the_last_one_is_refused_until_a_reason_is_given(nova: Run) -> None:
    nova("invoice", "run", "--as-of", "2026-03-01")
    back = nova("invoice", "run", "-f", "json", *FEBRUARY)
    assert (back.exit_code, back.error["code"]) == (4, "clock-back")
    assert nova("invoice", "run", "--reason", "the clock was wrong", *FEBRUARY).exit_code == 0
    assert nova("invoice", "run", "--as-of", "2026-02-02").exit_code == 0, "the mark went back too"


def test_thirteen_missing_periods_wait_for_a_word(nova: Run) -> None:
    late = ("--as-of", "2027-02-01")
    held = nova("invoice", "run", "-f", "json", *late)
    assert (held.exit_code, held.json["issued"]) == (1, 0)
    done = nova("invoice", "run", "--catch-up", "13", "--reason", "was off", "-f", "json", *late)
    assert (done.exit_code, done.json["issued"]) == (0, 13)


def test_after_a_conflict_every_invoice_is_still_audited(nova: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    nova("customer", "add", "vega", "--currency", "USD", *NEW_YEAR)
    nova("subscribe", "vega", "pro", "--pay", "month", "--no-trial", "--yes", *NEW_YEAR)
    nova("payment", "record", "INV-2026-00002", "--as-of", "2026-01-02")
    whole = run_invoices.apply_page

    def conflicting(tx: Any, customers: list[str], *more: Any) -> Any:
        if len(customers) > 1:
            raise Conflict("somebody was quicker")
        return whole(tx, customers, *more)

    monkeypatch.setattr(run_invoices, "apply_page", conflicting)
    issued = nova("invoice", "run", "-f", "json", *FEBRUARY).json["invoices"]
    assert issued == ["INV-2026-00003", "INV-2026-00004"]
    log = nova("audit", "log", "-f", "json").json
    audited = [one["arguments"].get("invoices", []) for one in log if one["command"] == "invoice run"]
    assert [number for numbers in audited for number in numbers] == issued


def test_the_hold_of_a_customer_that_conflicts_alone_is_audited(
    nova: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    def conflicting(*_: Any) -> Any:
        raise Conflict("somebody was quicker")

    monkeypatch.setattr(run_invoices, "apply_page", conflicting)
    assert nova("invoice", "run", *FEBRUARY).exit_code == 1
    log = nova("audit", "log", "-f", "json").json
    assert len([one for one in log if one["command"] == "invoice run"]) == 2, "the hold, and the run's end"


def test_lowering_the_mark_of_the_last_run_is_audited_with_its_reason(
    nova: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert nova("invoice", "run", "--as-of", "2026-03-01").exit_code == 0

    def cut(*_: Any) -> Any:
        raise Conflict("the run stops before its first page")

    monkeypatch.setattr(run_invoices, "due_pages", cut)
    assert nova("invoice", "run", "--reason", "the clock was wrong", *FEBRUARY).exit_code == 5
    log = nova("audit", "log", "-f", "json").json
    assert [one.get("reason") for one in log if one["command"] == "invoice run"][-1] == "the clock was wrong"


# --- two at once

AT_ONCE = """
import sys
from planctl.workflows import run_invoices
run_invoices.PAGE = 7
from planctl.__main__ import main
sys.stdin.readline()
sys.exit(main(sys.argv[1:]))
"""


@pytest.mark.slow
def test_two_runs_at_once_bill_200_renewals_once_each(acme: Run, tmp_path: Path) -> None:
    names = [f"c{number:03}" for number in range(200)]
    (tmp_path / "people.csv").write_text("customer,currency\n" + "".join(f"{name},USD\n" for name in names))
    rows = "".join(f"{name},pro,month,2025-12-01,2026-02-01\n" for name in names)
    (tmp_path / "moved.csv").write_text(f"customer,plan,pay,start,billed_through\n{rows}")
    assert acme("customer", "import", "people.csv", "--yes", *NEW_YEAR).exit_code == 0
    assert acme("subscription", "import", "moved.csv", "--yes", *NEW_YEAR).exit_code == 0
    words = ["invoice", "run", "-f", "json", "--wait", "60", *FEBRUARY]
    root = str(Path(__file__).parents[2])
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", AT_ONCE, *words],
            cwd=tmp_path, env=os.environ | {"PYTHONPATH": root},
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )
        for _ in range(2)
    ]  # fmt: skip
    for process in processes:
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()
    answers = [process.communicate(timeout=300) for process in processes]
    assert [process.returncode for process in processes] == [0, 0], answers
    issued = [number for out, _ in answers for number in json.loads(out)["invoices"]]
    expected = [f"INV-2026-{number:05}" for number in range(1, 201)]
    assert sorted(issued) == expected
    assert numbers(acme) == expected
    found = acme("invoice", "list", "-f", "json", *FEBRUARY).json
    assert sorted(one["customer"] for one in found) == names
    assert {one["total"] for one in found} == {"49.00"}
    assert acme("doctor").exit_code == 0


# --- preview


def test_a_preview_is_the_invoice_to_be_without_a_number(nova: Run) -> None:
    (document,) = nova("invoice", "preview", "nova", "-f", "json", *FEBRUARY).json
    assert set(document) >= INVOICE_KEYS
    assert (document["number"], document["id"], document["status"], document["total"]) == (
        None,
        None,
        "draft",
        "49.00",
    )
    nova("invoice", "run", *FEBRUARY)
    issued = nova("invoice", "show", "INV-2026-00002", "-f", "json", *FEBRUARY).json
    same = {"lines", "subtotal", "total", "due", "due_at", "grace_ends_at", "issued_at", "period"}
    assert {key: document[key] for key in same} == {key: issued[key] for key in same}


def test_a_preview_writes_nothing_and_of_nobody_is_refused(nova: Run) -> None:
    assert "would issue 1 invoice for nova" in nova("invoice", "preview", "nova", *FEBRUARY).stdout
    assert numbers(nova) == ["INV-2026-00001"]
    assert nova("invoice", "preview", "nobody", *FEBRUARY).exit_code == 4


# --- list and show


def test_an_invoice_as_json_has_every_key_and_no_float(nova: Run) -> None:
    text = nova("invoice", "show", "INV-2026-00001", "-f", "json", *FEBRUARY).stdout
    document = json.loads(text, parse_float=lambda found: pytest.fail(f"a float: {found}"))
    assert set(document) >= INVOICE_KEYS
    assert set(document["lines"][0]) >= LINE_KEYS
    assert (document["status"], document["paid"], document["due"], document["taxes"]) == (
        "paid",
        "49.00",
        "0.00",
        [],
    )
    assert document["lines"][0]["feature"] is None


def test_lists_are_filtered_and_in_the_order_of_numbers(nova: Run) -> None:
    nova("customer", "add", "anna", "--currency", "EUR", *NEW_YEAR)
    nova("subscribe", "anna", "setup", "--yes", "--as-of", "2026-01-05")
    nova("invoice", "run", *FEBRUARY)
    assert numbers(nova) == ["INV-2026-00001", "INV-2026-00002", "INV-2026-00003"]
    assert numbers(nova, "--customer", "anna") == ["INV-2026-00002"]
    assert numbers(nova, "--currency", "EUR") == ["INV-2026-00002"]
    assert numbers(nova, "--status", "paid") == ["INV-2026-00001"]
    assert numbers(nova, "--status", "past_due") == ["INV-2026-00002"]
    assert numbers(nova, "--from", "2026-01-05", "--to", "2026-02-01") == ["INV-2026-00002"]
    assert numbers(nova, "--limit", "2") == ["INV-2026-00001", "INV-2026-00002"]
    assert nova("invoice", "list", "--status", "late", *FEBRUARY).exit_code == 3
    lines = nova("invoice", "list", "-f", "ndjson", *FEBRUARY).stdout.splitlines()
    assert [json.loads(line)["number"] for line in lines] == numbers(nova)


def test_no_invoices_is_said_and_is_an_empty_list(acme: Run) -> None:
    assert acme("invoice", "list", *NEW_YEAR).stdout == "no invoices\n"
    assert acme("invoice", "list", "-f", "json", *NEW_YEAR).json == []


def test_an_unknown_number_is_refused(nova: Run) -> None:
    result = nova("invoice", "show", "INV-2026-00009", *FEBRUARY)
    assert (result.exit_code, result.stdout) == (4, "")


def test_an_invoice_for_people(nova: Run) -> None:
    shown = nova("invoice", "show", "INV-2026-00001", *FEBRUARY).stdout
    assert shown.splitlines() == [
        "Invoice INV-2026-00001 · Nova GmbH · paid",
        "issued 2026-01-01 · due 2026-01-08 · grace ends 2026-01-11 (UTC)",
        "total 49.00 USD · paid 49.00 USD · open 0.00 USD",
        "description    period                    quantity  unit price  amount",
        "Pro · Monthly  2026-01-01 to 2026-02-01         1       49.00   49.00",
    ]


# --- void


@pytest.fixture
def due(nova: Run) -> Run:
    """nova with INV-2026-00002 of February, unpaid."""
    nova("invoice", "run", *FEBRUARY)
    return nova


VOID = ("invoice", "void", "INV-2026-00002", "--as-of", "2026-02-02")


def test_voiding_needs_a_reason_and_a_yes(due: Run) -> None:
    assert due(*VOID, "--yes").exit_code == 64
    asked = due(*VOID, "--reason", "wrong address")
    assert asked.exit_code == 64
    assert "INV-2026-00002" in asked.stderr
    assert due(*VOID, "--reason", "wrong address", "--dry-run").exit_code == 0
    assert due("invoice", "show", "INV-2026-00002", "-f", "json", *FEBRUARY).json["status"] == "open"


def test_a_void_invoice_keeps_its_number_and_owes_nothing(due: Run) -> None:
    document = due(*VOID, "--reason", "wrong address", "--yes", "-f", "json").json
    assert (document["number"], document["status"], document["due"], document["voided_at"]) == (
        "INV-2026-00002",
        "void",
        "0.00",
        "2026-02-02T00:00:00Z",
    )
    again = due(*VOID, "--reason", "again", "--yes")
    assert again.exit_code == 4
    assert "[invoice-void]" in again.stderr


def test_with_reissue_the_next_run_issues_the_next_number_once(due: Run) -> None:
    due(*VOID, "--reissue", "--reason", "wrong address", "--yes")
    run = due("invoice", "run", "-f", "json", "--as-of", "2026-02-03").json
    assert (run["invoices"], run["totals"]) == (["INV-2026-00003"], {"USD": "49.00"})
    for day in ("2026-02-03", "2026-02-04", "2026-02-10"):
        assert due("invoice", "run", "-f", "json", "--as-of", day).json["issued"] == 0


@pytest.mark.parametrize(("command", "code"), [("void", "[invoice-paid]"), ("write-off", "[nothing-due]")])
def test_what_may_not_be_done_to_a_paid_invoice_is_refused_before_anybody_is_asked(
    due: Run, command: str, code: str
) -> None:
    for yes in ((), ("--yes",), ("--dry-run",)):
        result = due("invoice", command, "INV-2026-00001", "--reason", "x", *yes, *FEBRUARY)
        assert (result.exit_code, code in result.stderr, result.stdout) == (4, True, "")


def test_the_reason_is_kept_in_the_audit(due: Run) -> None:
    due(*VOID, "--reason", "wrong address", "--yes")
    last = due("audit", "log", "-f", "json").json[-1]
    assert (last["command"], last["reason"]) == ("invoice void", "wrong address")


# --- a run that is cut


def full_after(monkeypatch: pytest.MonkeyPatch, pages: int) -> None:
    """Let the disk be full once so many pages were written."""
    from planctl.errors import StoreFailure
    from planctl.workflows import run_invoices

    done: list[object] = []
    write = run_invoices.apply_page

    def apply_page(*given: object) -> object:
        if len(done) == pages:
            raise StoreFailure("the store cannot be written", code="disk")
        done.append(given)
        return write(*given)  # type: ignore[arg-type]

    monkeypatch.setattr(run_invoices, "apply_page", apply_page)
    monkeypatch.setattr(run_invoices, "PAGE", 1)


def test_a_run_that_could_write_nothing_says_that_nothing_was_changed(
    nova: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    full_after(monkeypatch, 0)
    result = nova("invoice", "run", *FEBRUARY)
    assert result.exit_code == 74
    assert result.stderr.splitlines()[-1] == "Nothing was changed."


def test_a_run_that_is_cut_says_what_it_issued_and_goes_on_when_run_again(
    nova: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    nova("customer", "add", "vega", "--currency", "USD", *NEW_YEAR)
    nova("subscribe", "vega", "pro", "--pay", "month", "--no-trial", "--yes", *NEW_YEAR)
    nova("payment", "record", "INV-2026-00002", "--as-of", "2026-01-02")
    with monkeypatch.context() as full:
        full_after(full, 1)
        result = nova("invoice", "run", *FEBRUARY)
    assert result.exit_code == 74
    assert result.stderr.splitlines()[-1] == (
        "1 invoice was issued and kept before it stopped; run it again and it goes on from there."
    )
    again = nova("invoice", "run", "-f", "json", *FEBRUARY)
    assert (again.exit_code, again.json["invoices"]) == (0, ["INV-2026-00004"])


def test_a_run_says_which_store_it_was_where_that_has_a_name(shop: Run, tmp_path: Path) -> None:
    assert "store:" not in shop("invoice", "run", "--as-of", "2026-02-01").stderr
    (tmp_path / "planctl.toml").write_text(
        f'[stores]\nprod = "{stores.address(tmp_path / "store.db")}"\n', encoding="utf-8"
    )
    assert "store: prod\n" in shop("--store", "prod", "invoice", "run", "--as-of", "2026-02-01").stderr
    assert shop("--store", "prod", "invoice", "run", "--as-of", "2026-02-01", "--quiet").stderr == ""
