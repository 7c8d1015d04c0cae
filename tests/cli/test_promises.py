"""What a person said yes to is what is done: the store may move between the question and the answer."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from planctl.__main__ import main
from planctl.cli import runtime
from tests.cli.conftest import Run

NEW_YEAR = ("--as-of", "2026-01-01")
PRO = ("subscribe", "nova", "pro", "--pay", "month", "--no-trial")

Meanwhile = Callable[..., None]


@pytest.fixture
def meanwhile(monkeypatch: pytest.MonkeyPatch) -> Meanwhile:
    """`meanwhile("plan", "edit", …)`: a person at a terminal says yes, and this ran before the answer."""

    def set_up(*words: str) -> None:
        def answer(*_: str) -> str:
            # The other command must not close the store of the one that asks.
            asking = runtime._running[0]
            assert not words or main([*words, "--yes", "--quiet", *NEW_YEAR]) == 0
            runtime._running[0] = asking
            return "y"

        monkeypatch.setattr(runtime, "has_terminal", lambda: True)
        monkeypatch.setattr(runtime, "asked", answer)

    return set_up


def invoices(run: Run) -> list[tuple[str, str]]:
    found = run("invoice", "list", "-f", "json", *NEW_YEAR).json
    return [(one["total"], one["status"]) for one in found]


def test_a_yes_to_what_is_still_so_starts_it(acme: Run, meanwhile: Meanwhile) -> None:
    meanwhile()
    assert acme(*PRO, *NEW_YEAR).exit_code == 0
    assert invoices(acme) == [("49.00", "open")]


def test_a_price_that_moved_after_the_question_is_not_charged(acme: Run, meanwhile: Meanwhile) -> None:
    meanwhile("plan", "edit", "pro", "--price", "month:USD=59", "--outside")
    moved = acme(*PRO, *NEW_YEAR)
    assert (moved.exit_code, moved.stdout) == (5, "")
    assert "plan version, first request, terms moved between the question and the answer" in moved.stderr
    assert "[proposal-moved]" in moved.stderr
    assert "plan version 1; first request 49.00 USD due 2026-01-08" in moved.stderr
    assert "plan version 2; first request 59.00 USD due 2026-01-08" in moved.stderr
    assert invoices(acme) == []


def test_a_yes_given_in_advance_takes_what_is(acme: Run, meanwhile: Meanwhile) -> None:
    meanwhile("plan", "edit", "pro", "--price", "month:USD=59", "--outside")
    assert acme(*PRO, "--yes", *NEW_YEAR).exit_code == 0
    assert invoices(acme) == [("49.00", "open")]


def test_a_customer_is_not_added_with_a_plan_at_another_price(acme: Run, meanwhile: Meanwhile) -> None:
    acme("plan", "create", "voice", "--price", "month:USD=19", *NEW_YEAR)
    add = ("customer", "add", "orbit", "--currency", "USD", "--plan", "voice")
    meanwhile("plan", "edit", "voice", "--price", "month:USD=29")
    moved = acme(*add, *NEW_YEAR)
    assert moved.exit_code == 5
    assert "first request" in moved.stderr
    assert acme("customer", "show", "orbit", *NEW_YEAR).exit_code == 4
    meanwhile()
    assert acme(*add, *NEW_YEAR).exit_code == 0


def test_a_cancellation_with_another_final_request_is_not_made(acme: Run, meanwhile: Meanwhile) -> None:
    acme("subscribe", "nova", "metered", "--yes", *NEW_YEAR)
    cancel = ("subscription", "cancel", "nova/metered", "--at", "now", "--as-of", "2026-01-20")
    meanwhile("usage", "record", "nova", "minutes", "25", "--at", "2026-01-01")
    moved = acme(*cancel)
    assert moved.exit_code == 5
    assert "final request 3.00 USD" in moved.stderr
    meanwhile()
    assert acme(*cancel).exit_code == 0


def test_an_invoice_that_was_paid_meanwhile_is_not_voided(acme: Run, meanwhile: Meanwhile) -> None:
    acme(*PRO, "--yes", *NEW_YEAR)
    meanwhile("payment", "record", "INV-2026-00001", "20")
    moved = acme("invoice", "void", "INV-2026-00001", "--reason", "wrong address", *NEW_YEAR)
    assert moved.exit_code == 5
    assert "paid 20.00 USD" in moved.stderr
    assert invoices(acme) == [("49.00", "open")]
