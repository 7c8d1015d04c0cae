"""`planctl payment …`: recorded once, listed as it came."""

from __future__ import annotations

import pytest

from tests.cli.conftest import Run

KEYS = {"id", "invoice", "amount", "currency", "at", "method", "reference", "status"}
PAY = ("payment", "record", "INV-2026-00001", "--as-of", "2026-01-05")


@pytest.fixture
def owing(acme: Run) -> Run:
    """nova owes 49.00 for INV-2026-00001."""
    words = ("subscribe", "nova", "pro", "--pay", "month", "--no-trial", "--yes", "--as-of", "2026-01-01")
    assert acme(*words).exit_code == 0
    return acme


def payments(run: Run, *words: str) -> list[dict[str, object]]:
    found: list[dict[str, object]] = run("payment", "list", *words, "-f", "json").json
    return found


def test_what_is_due_is_paid_by_default(owing: Run) -> None:
    result = owing(*PAY, "--method", "transfer", "--reference", "SEPA 7", "-f", "json")
    assert result.exit_code == 0
    document = result.json
    assert set(document) >= KEYS
    assert document["id"].startswith("pay_")
    assert {key: document[key] for key in KEYS - {"id"}} == {
        "invoice": "INV-2026-00001",
        "amount": "49.00",
        "currency": "USD",
        "at": "2026-01-05T00:00:00Z",
        "method": "transfer",
        "reference": "SEPA 7",
        "status": "succeeded",
    }
    assert (document["invoice_after"]["status"], document["invoice_after"]["due"]) == ("paid", "0.00")


def test_a_part_leaves_the_rest_open(owing: Run) -> None:
    said = owing(*PAY, "20.50")
    assert "28.50 USD still open" in said.stdout
    assert (
        owing("invoice", "show", "INV-2026-00001", "-f", "json", "--as-of", "2026-01-05").json["due"]
        == "28.50"
    )


def test_without_a_key_each_payment_is_a_new_one_and_with_one_it_is_recorded_once(owing: Run) -> None:
    owing(*PAY, "10")
    owing(*PAY, "10")
    first = owing(*PAY, "10", "--key", "bank-1", "-f", "json")
    again = owing(*PAY, "10", "--key", "bank-1", "-f", "json")
    assert first.json["id"] == again.json["id"]
    assert [one["amount"] for one in payments(owing)] == ["10.00", "10.00", "10.00"]
    assert owing(*PAY, "11", "--key", "bank-1").exit_code == 5


def test_a_key_that_paid_it_all_is_still_only_repeated(owing: Run) -> None:
    first = owing(*PAY, "--key", "bank-1", "-f", "json")
    again = owing(*PAY, "--key", "bank-1", "-f", "json")
    assert (again.exit_code, again.json) == (0, first.json)


def test_a_dry_run_pays_nothing(owing: Run) -> None:
    assert owing(*PAY, "--dry-run", "-f", "json").json["invoice_after"]["status"] == "paid"
    assert payments(owing) == []


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (("INV-2026-00009",), 4, "not-found"),
        (("INV-2026-00001", "0"), 3, "invalid-value"),
        (("INV-2026-00001", "-5"), 3, "invalid-value"),
        (("INV-2026-00001", "1.005"), 3, "invalid-value"),
        (("INV-2026-00001", "1e1"), 3, "invalid-value"),
        (("INV-2026-00001", "10,00"), 3, "invalid-value"),
    ],
)
def test_what_cannot_be_paid_leaves_with_its_code(
    owing: Run, words: tuple[str, ...], code: int, said: str
) -> None:
    result = owing("payment", "record", *words, "-f", "json", "--as-of", "2026-01-05")
    assert (result.exit_code, result.error["code"]) == (code, said)
    assert payments(owing) == []


@pytest.mark.parametrize("method", ["stripe", "Stripe", " stripe ", "outside stripe"])
def test_nobody_says_by_hand_that_stripe_took_or_gave_back_money(owing: Run, method: str) -> None:
    """Such a payment names its payment there, pi_…, and is given back there; by hand it would name none."""
    said = owing(*PAY, "--method", method, "-f", "json")
    assert (said.exit_code, said.error["where"]) == (3, "--method")
    assert said.error["hint"].startswith("planctl stripe pull records what Stripe took")
    assert payments(owing) == []
    owing(*PAY, "--method", "card", "--reference", "stripe terminal")
    [paid] = payments(owing)
    back = ("payment", "refund", str(paid["id"]), "--reason", "lost", "--as-of", "2026-01-06", "--yes")
    said = owing(*back, "--method", method, "-f", "json")
    assert (said.exit_code, said.error["where"]) == (3, "--method")
    assert owing(*back, "--method", "chargeback").exit_code == 0
    assert owing("doctor").exit_code == 0


def test_nothing_is_taken_twice_for_one_invoice(owing: Run) -> None:
    owing(*PAY)
    again = owing(*PAY, "-f", "json")
    assert (again.exit_code, again.error["code"]) == (4, "nothing-due")


def test_paying_late_says_what_it_brought_back(owing: Run) -> None:
    result = owing("payment", "record", "INV-2026-00001", "--as-of", "2026-01-20", "-f", "json")
    assert [(one["from"], one["to"]) for one in result.json["transitions"]] == [("blocked", "active")]
    shown = owing("subscription", "show", "nova/pro", "-f", "json", "--as-of", "2026-01-20").json
    assert shown["status"] == "active"


def test_payments_are_listed_by_customer_and_time(owing: Run) -> None:
    owing(*PAY, "10")
    owing("payment", "record", "INV-2026-00001", "5", "--as-of", "2026-01-07")
    assert [one["amount"] for one in payments(owing)] == ["10.00", "5.00"]
    assert [one["amount"] for one in payments(owing, "--from", "2026-01-06")] == ["5.00"]
    assert [one["amount"] for one in payments(owing, "--to", "2026-01-07")] == ["10.00"]
    assert [one["amount"] for one in payments(owing, "--limit", "1")] == ["10.00"]
    assert payments(owing, "--customer", "nova")[0]["invoice"] == "INV-2026-00001"
    assert "10.00" in owing("payment", "list").stdout


def test_no_payments_is_said(acme: Run) -> None:
    assert acme("payment", "list").stdout == "no payments\n"
    assert acme("payment", "list", "-f", "json").json == []
