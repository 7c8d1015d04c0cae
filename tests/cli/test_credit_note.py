"""`planctl credit-note …`, `payment refund|import` and `invoice write-off`: what they print, ask and refuse."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests import stores
from tests.cli.conftest import Run

FIRST = "INV-2026-00001"
WHY = ("--reason", "because")


@pytest.fixture
def owing(acme: Run) -> Run:
    """nova owes 49.00 for INV-2026-00001."""
    words = ("subscribe", "nova", "pro", "--pay", "month", "--no-trial", "--yes", "--as-of", "2026-01-01")
    assert acme(*words).exit_code == 0
    return acme


def paid(run: Run, *amount: str) -> str:
    """Pay the first invoice; the payment's id."""
    result = run("payment", "record", FIRST, *amount, "--as-of", "2026-01-03", "-f", "json")
    assert result.exit_code == 0, result.stderr
    found: str = result.json["id"]
    return found


def credit(run: Run, *words: str, at: str = "2026-01-05") -> Any:
    result = run("credit-note", "create", FIRST, *words, *WHY, "--yes", "--as-of", at, "-f", "json")
    assert result.exit_code == 0, result.stderr
    return result.json


def invoice(run: Run, at: str = "2026-01-05") -> Any:
    return run("invoice", "show", FIRST, "-f", "json", "--as-of", at).json


def test_a_part_of_a_line_is_credited_and_shown(owing: Run) -> None:
    paid(owing)
    made = credit(owing, "--line", "1=5.00")
    assert {
        key: made[key] for key in ("number", "invoice", "total", "tax", "to", "to_balance", "reason")
    } == {
        "number": "CN-2026-00001",
        "invoice": FIRST,
        "total": "5.00",
        "tax": "0.00",
        "to": "balance",
        "to_balance": "5.00",
        "reason": "because",
    }
    shown = owing("credit-note", "show", "CN-2026-00001", "-f", "json").json
    assert (shown["id"], shown["lines"], shown["refunds"]) == (made["id"], made["lines"], [])
    assert [one["number"] for one in owing("credit-note", "list", "-f", "json").json] == ["CN-2026-00001"]
    assert "total 5.00 USD, to balance" in owing("credit-note", "show", "CN-2026-00001").stdout
    assert "CN-2026-00001" in owing("credit-note", "list", "--customer", "nova").stdout


def test_the_whole_of_an_unpaid_invoice_settles_it(owing: Run) -> None:
    made = credit(owing)
    assert (made["applied"], made["to_balance"], made["invoice_after"]["status"]) == ("49.00", "0.00", "paid")
    assert (invoice(owing)["credit_applied"], invoice(owing)["due"]) == ("49.00", "0.00")


def test_to_refund_names_the_payments_that_go_back(owing: Run) -> None:
    payment = paid(owing)
    made = credit(owing, "--to", "refund", "--line", "1")
    assert [(one["payment"], one["amount"]) for one in made["refunds"]] == [(payment, "49.00")]
    (listed,) = owing("payment", "list", "-f", "json").json
    assert (listed["status"], listed["refunded"]) == ("refunded", "49.00")


def test_crediting_asks_and_shows_where_the_money_goes(owing: Run) -> None:
    paid(owing, "40")
    asked = owing("credit-note", "create", FIRST, *WHY, "--as-of", "2026-01-05")
    assert asked.exit_code == 64
    said = owing("credit-note", "create", FIRST, *WHY, "--as-of", "2026-01-05", "--dry-run")
    assert "9.00 USD go against what the invoice owes" in said.stderr
    assert "40.00 USD go to the customer's balance" in said.stderr
    assert owing("credit-note", "list").stdout == "no credit notes\n"


def test_one_key_credits_once(owing: Run) -> None:
    paid(owing)
    first = credit(owing, "--line", "1=5", "--key", "k")
    assert credit(owing, "--line", "1=5", "--key", "k") == first
    assert len(owing("credit-note", "list", "-f", "json").json) == 1


@pytest.mark.parametrize(
    ("words", "exit_code", "code"),
    [
        (("--line", "2"), 3, "invalid-value"),
        (("--line", "0"), 3, "invalid-value"),
        (("--line", "one"), 3, "invalid-value"),
        (("--line", "1="), 3, "invalid-value"),
        (("--line", "1=1e1"), 3, "invalid-value"),
        (("--line", "1=0"), 3, "invalid-value"),
        (("--line", "1=49.01"), 4, "credit-too-large"),
        (("--line", "1", "--line", "1=5"), 3, "invalid-value"),
        (("--to", "wallet"), 3, "invalid-value"),
    ],
)
def test_what_cannot_be_credited_leaves_with_its_code(
    owing: Run, words: tuple[str, ...], exit_code: int, code: str
) -> None:
    result = owing(
        "credit-note", "create", FIRST, *words, *WHY, "--yes", "--as-of", "2026-01-05", "-f", "json"
    )
    assert (result.exit_code, result.error["code"]) == (exit_code, code)


def test_a_reason_is_wanted(owing: Run) -> None:
    for words in (
        ("credit-note", "create", FIRST),
        ("invoice", "write-off", FIRST),
        ("payment", "refund", "x"),
    ):
        result = owing(*words, "--yes", "-f", "json")
        assert (result.exit_code, result.error["code"]) == (64, "needs-reason")


# --- payments that come back


def test_a_payment_goes_back_whole_or_in_part(owing: Run) -> None:
    payment = paid(owing)
    words = ("payment", "refund", payment, "9", *WHY, "--as-of", "2026-01-04", "-f", "json")
    assert owing(*words).exit_code == 64
    made = owing(*words, "--yes").json
    assert (made["amount"], made["from_balance"], made["invoice_after"]["due"]) == ("9.00", "0.00", "9.00")
    too_much = owing("payment", "refund", payment, "41", *WHY, "--yes", "--as-of", "2026-01-04", "-f", "json")
    assert (too_much.exit_code, too_much.error["code"]) == (4, "refund-too-large")
    said = owing("payment", "refund", payment, *WHY, "--yes", "--as-of", "2026-01-04").stdout
    assert said.startswith(f"40.00 USD of {payment} given back; {FIRST}: 49.00 USD still open")


def test_a_refund_of_what_the_balance_has_spent_names_the_amount_that_can_go_back(owing: Run) -> None:
    # 70.00 came for 49.00: the 21.00 in the balance pay for February, so at most 49.00 can go back.
    payment = paid(owing, "70")
    assert owing("invoice", "run", "--as-of", "2026-02-01").exit_code == 0
    refused = owing("payment", "refund", payment, *WHY, "--yes", "--as-of", "2026-02-02", "-f", "json")
    assert (refused.exit_code, refused.error["expected"]) == (4, "at most 49.00 USD")
    assert refused.error["hint"].endswith(f"planctl payment refund {payment} 49.00")


def test_what_bounces_is_paid_from_the_balance_where_that_can(owing: Run) -> None:
    # 49.00 are paid and credited to the balance, then the payment bounces: the invoice takes the 49.00 from there.
    payment = paid(owing)
    credit(owing)
    result = owing("payment", "refund", payment, *WHY, "--yes", "--as-of", "2026-01-06")
    assert result.exit_code == 0, result.stderr
    shown = invoice(owing, "2026-01-06")
    assert (shown["status"], shown["paid"], shown["credit_applied"], shown["due"]) == (
        "paid",
        "0.00",
        "49.00",
        "0.00",
    )
    assert owing("customer", "show", "nova", "-f", "json", "--as-of", "2026-01-06").json["balance"] == {}
    assert owing("doctor", "--as-of", "2026-01-06").exit_code == 0


def test_an_overpayment_is_said_and_stays_with_the_customer(owing: Run) -> None:
    said = owing("payment", "record", FIRST, "60", "--as-of", "2026-01-03")
    assert "11.00 USD went to the balance of nova" in said.stdout
    assert owing("customer", "show", "nova", "-f", "json", "--as-of", "2026-01-03").json["balance"] == {
        "USD": "11.00"
    }


# --- what another invoice gave back


@pytest.fixture
def changed(acme: Run) -> Run:
    """nova's INV-2026-00001 over 19.00 for January, of which a change gave 21 of 31 days back: 12.87."""
    for plan, at in (("starter", "2026-01-01"), ("pro", "2026-01-11")):
        words = ("subscribe", "nova", plan, "--pay", "month", "--no-trial", "--yes", "--as-of", at)
        if plan == "pro":
            assert acme("payment", "record", FIRST, "--as-of", "2026-01-02").exit_code == 0
        done = acme(*words)
        assert done.exit_code == 0, done.stderr
    return acme


def test_what_is_left_is_said_before_it_is_credited_and_afterwards(changed: Run) -> None:
    words = ("credit-note", "create", FIRST, *WHY, "--yes", "--as-of", "2026-01-12")
    tried = changed(*words, "--dry-run", "-f", "json").json
    assert (tried["total"], tried["given_back_before"]) == (
        "6.13",
        [{"line": 1, "net": "12.87", "tax": "0.00", "invoice": "INV-2026-00002"}],
    )
    said = changed(*words)
    before = "of line 1 12.87 USD went back before, on INV-2026-00002"
    assert said.stdout.splitlines() == [
        "credit note CN-2026-00001 on INV-2026-00001: 6.13 USD",
        "6.13 USD to the customer's balance",
        before,
    ]
    assert before in said.stderr
    again = changed(*words, "-f", "json")
    assert (again.exit_code, again.error["code"]) == (4, "nothing-to-credit")
    assert changed("doctor", "--as-of", "2026-01-12").exit_code == 0


def test_an_answer_that_was_kept_before_it_said_what_went_back_is_given_again(
    changed: Run, tmp_path: Path
) -> None:
    words = ("credit-note", "create", FIRST, *WHY, "--yes", "--as-of", "2026-01-12", "--key", "k1")
    made = changed(*words)
    older = "UPDATE operation SET result = replace(result, '\"given_back_before\"', '\"unknown\"') WHERE key = 'k1'"
    stores.edited(tmp_path / "store.db", older)
    again = changed(*words)
    assert (again.exit_code, again.stdout.splitlines()) == (0, made.stdout.splitlines()[:2])


def test_an_invoice_that_another_gave_a_part_of_back_is_not_voided(acme: Run) -> None:
    for plan, at in (("starter", "2026-01-01"), ("pro", "2026-01-03")):
        words = ("subscribe", "nova", plan, "--pay", "month", "--no-trial", "--yes", "--as-of", at)
        assert acme(*words).exit_code == 0
    refused = acme("invoice", "void", FIRST, *WHY, "--yes", "--as-of", "2026-01-04", "-f", "json")
    assert (refused.exit_code, refused.error["code"]) == (4, "invoice-credited")
    assert refused.error["message"] == f"invoice INV-2026-00002 gave a part of line 1 of {FIRST} back"


# --- write-off


def test_an_invoice_is_written_off_after_asking(owing: Run) -> None:
    words = ("invoice", "write-off", FIRST, *WHY, "--as-of", "2026-01-20")
    assert owing(*words).exit_code == 64
    made = owing(*words, "--yes", "-f", "json").json
    assert (made["status"], made["due"]) == ("uncollectible", "0.00")
    again = owing(*words, "--yes", "-f", "json")
    assert (again.exit_code, again.error["code"]) == (4, "nothing-due")
    assert paid(owing, "10")


# --- statements


def test_a_statement_is_imported_once_and_the_rest_is_listed(owing: Run, tmp_path: Path) -> None:
    bank = tmp_path / "bank.csv"
    bank.write_text(
        "Date;Amount;Currency;Reference\n"
        "2026-01-03;20,00;USD;inv 2026 00001 part one\n"
        "2026-01-04;29,00;USD;the rest\n"
        "2026-01-04;-3,50;USD;fees\n"
    )
    words = ("payment", "import", str(bank), "--as-of", "2026-01-05", "-f", "json")
    first = owing(*words)
    assert first.exit_code == 1
    assert {key: first.json[key] for key in ("read", "recorded", "already", "unmatched")} == {
        "read": 3,
        "recorded": 2,
        "already": 0,
        "unmatched": [
            {
                "line": 4,
                "date": "2026-01-04",
                "amount": "-3.50",
                "currency": "USD",
                "reference": "fees",
                "why": "is no money that came in",
            }
        ],
    }
    again = owing(*words)
    assert (again.exit_code, again.json["recorded"], again.json["already"]) == (1, 0, 2)
    assert invoice(owing)["status"] == "paid"
    said = owing("payment", "import", str(bank), "--as-of", "2026-01-05").stdout
    assert said.splitlines() == [
        "3 rows read, 0 recorded, 2 known already, 1 unmatched",
        "line 4: 2026-01-04 -3.50 USD fees: is no money that came in",
    ]


def test_a_statement_that_cannot_be_read_records_nothing(owing: Run, tmp_path: Path) -> None:
    bank = tmp_path / "bank.csv"
    bank.write_text(
        'date,amount,currency,reference\n2026-01-03,49,USD,INV-2026-00001\n2026-01-04,"1,234",USD,x\n'
    )
    result = owing("payment", "import", str(bank), "--as-of", "2026-01-05")
    assert result.exit_code == 3
    assert "write a point before the decimals" in result.stdout + result.stderr
    assert owing("payment", "list").stdout == "no payments\n"


# --- closed books


def test_books_are_closed_up_to_today_and_reopened_with_a_reason(owing: Run) -> None:
    def close(day: str, *more: str) -> Any:
        return owing(
            "config", "set", "books.closed_through", day, *more, "--as-of", "2026-02-10", "-f", "json"
        )

    assert close("2026-02-11").error["code"] == "books-future"
    assert close("2026-01-31").exit_code == 0
    refused = owing("payment", "record", FIRST, "--as-of", "2026-01-31", "-f", "json")
    assert (refused.exit_code, refused.error["code"]) == (4, "books-closed")
    assert close("2026-01-15").error["code"] == "needs-reason"
    assert close("").error["code"] == "needs-reason"
    assert close("2026-01-15", "--reason", "a payment was forgotten").exit_code == 0
    assert owing("payment", "record", FIRST, "--as-of", "2026-01-31").exit_code == 0


@pytest.mark.parametrize(
    "words",
    [
        ("credit-note", "create", FIRST),
        ("invoice", "void", FIRST),
        ("invoice", "write-off", FIRST),
    ],
)
def test_nothing_corrects_an_invoice_before_the_day_it_was_issued(owing: Run, words: tuple[str, ...]) -> None:
    refused = owing(*words, *WHY, "--yes", "--as-of", "2025-12-31T23:59:59Z", "-f", "json")
    assert (refused.exit_code, refused.error["code"]) == (4, "before-issue")
    assert refused.error["hint"] == "--as-of 2026-01-01"
    assert owing(*words, *WHY, "--yes", "--as-of", "2026-01-01").exit_code == 0


def test_a_payment_does_not_go_back_before_the_day_it_came(owing: Run) -> None:
    payment = paid(owing)
    refused = owing("payment", "refund", payment, *WHY, "--yes", "--as-of", "2026-01-02", "-f", "json")
    assert (refused.exit_code, refused.error["code"]) == (4, "before-issue")


def test_what_undoes_a_closing_of_the_books_gives_the_reason_that_it_needs(owing: Run) -> None:
    closed = owing("config", "set", "books.closed_through", "2026-01-31", "--as-of", "2026-02-10")
    assert "undo with: planctl config set books.closed_through '' --reason TEXT" in closed.stderr


def test_what_is_refused_because_nothing_is_left_says_so(owing: Run) -> None:
    payment = paid(owing)
    twice = owing("payment", "record", FIRST, "--as-of", "2026-01-04", "-f", "json")
    assert twice.error["hint"] == (
        f"an amount goes to the customer's balance: planctl payment record {FIRST} AMOUNT"
    )
    back = ("payment", "refund", payment, *WHY, "--yes", "--as-of", "2026-01-05", "-f", "json")
    assert owing(*back).exit_code == 0
    again = owing(*back)
    assert (again.exit_code, again.error["message"]) == (4, f"payment {payment} is given back whole already")
