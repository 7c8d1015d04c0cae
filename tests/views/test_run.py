"""How a billing run looks: loud about what happened, quiet about what did not."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from planctl.core.invoicing.comparing import Change, Comparison, Unusual
from planctl.core.invoicing.reporting import Held, RunReport
from planctl.core.subscriptions.model import Status, Transition
from planctl.views.run import (
    compared_document,
    progress_text,
    run_answer,
    run_document,
    summary_document,
    untaxed_warning,
)
from tests.core.billing import DECLARED, t

FEBRUARY = t("2026-02-01")
USD = DECLARED["USD"]
MOVE = Transition("sub_1", Status.ACTIVE, Status.PAST_DUE, t("2026-01-08"), "due")


def report(number: int = 0, **fields: Any) -> RunReport:
    """A run that issued so many invoices of 49.00 USD."""
    numbers = [f"INV-2026-{one:05}" for one in range(1, number + 1)]
    return RunReport(FEBRUARY, numbers=numbers, totals={USD: 4900 * number} if number else {}, **fields)


def lines(done: RunReport) -> tuple[str, ...]:
    return run_answer(run_document(done, 12), {"sub_1": "nova/pro"}).lines


def test_a_run_as_json() -> None:
    done = report(1, held=[Held("vega", "hold: disputed")], transitions=[MOVE], nothing_due=3)
    assert run_document(done, 12) == {
        "as_of": "2026-02-01T00:00:00Z",
        "issued": 1,
        "invoices": ["INV-2026-00001"],
        "totals": {"USD": "49.00"},
        "credit_notes": 0,
        "credited": {},
        "nothing_due": 3,
        "held": [{"customer": "vega", "reason": "hold: disputed"}],
        "transitions": [
            {
                "subscription": "sub_1",
                "from": "active",
                "to": "past_due",
                "at": "2026-01-08T00:00:00Z",
                "reason": "due",
            }
        ],
        "elapsed_ms": 12,
    }


def test_the_store_keeps_a_run_without_the_lists_that_grow_with_the_business() -> None:
    document = run_document(report(1, transitions=[MOVE]), 12)
    kept = summary_document(document)
    assert set(document) - set(kept) == {"invoices", "transitions"}
    assert (kept["issued"], kept["totals"]) == (1, {"USD": "49.00"})


def test_credit_notes_beside_the_invoices_are_told() -> None:
    done = report(credit_notes=1, credited={USD: 1500})
    assert lines(done)[1:] == ("1 credit note to customers' balances: 15.00 USD",)


def test_nothing_to_do_is_one_sentence() -> None:
    assert lines(report()) == ("nothing was due as of 2026-02-01T00:00:00Z",)


def test_one_invoice_is_named_and_several_by_first_and_last() -> None:
    assert lines(report(1)) == ("1 invoice issued as of 2026-02-01T00:00:00Z: INV-2026-00001, 49.00 USD",)
    assert lines(report(3)) == (
        "3 invoices issued as of 2026-02-01T00:00:00Z: INV-2026-00001 to INV-2026-00003, 147.00 USD",
    )


def test_a_move_is_said_with_the_customer_and_plan() -> None:
    assert lines(report(transitions=[MOVE])) == (
        "0 invoices issued as of 2026-02-01T00:00:00Z",
        "nova/pro: active to past_due at 2026-01-08T00:00:00Z",
    )


def test_a_move_of_an_unknown_one_is_said_by_its_id() -> None:
    answer = run_answer(run_document(report(transitions=[MOVE]), 12))
    assert answer.lines[-1].startswith("sub_1: active to past_due")


def test_twenty_moves_are_listed_and_more_are_counted_by_kind() -> None:
    blocked = replace(MOVE, before=Status.PAST_DUE, after=Status.BLOCKED)
    assert len(lines(report(transitions=[MOVE] * 20))) == 21
    assert lines(report(transitions=[MOVE] * 1_200 + [blocked]))[1:] == (
        "1,200 subscriptions: active to past_due",
        "1 subscription: past_due to blocked",
        "(see them: planctl subscription list --status past_due or blocked)",
    )


# --- a dry run

COMPARED = Comparison(
    t("2026-01-01"),
    (
        Change("invoices", Decimal(8), Decimal(9)),
        Change("EUR", Decimal(0), Decimal("5.00")),
        Change("USD", Decimal("98.00"), Decimal("0.00")),
    ),
    (Unusual("nova", "sub_1", USD, 4900, 9801),),
)


def dry(comparison: Comparison, number: int = 1) -> Any:
    return run_document(report(number), 12) | {"compared": compared_document(comparison)}


def test_a_comparison_as_json_has_decimal_texts_and_null_where_something_came_of_nothing() -> None:
    assert compared_document(COMPARED) == {
        "last_as_of": "2026-01-01T00:00:00Z",
        "changes": [
            {"what": "invoices", "before": "8", "now": "9", "percent": "12.5"},
            {"what": "EUR", "before": "0", "now": "5.00", "percent": None},
            {"what": "USD", "before": "98.00", "now": "0.00", "percent": "-100.0"},
        ],
        "over_twice": [
            {
                "customer": "nova",
                "subscription": "sub_1",
                "currency": "USD",
                "usual": "49.00",
                "total": "98.01",
            }
        ],
    }


def test_a_dry_run_says_how_it_compares() -> None:
    assert run_answer(dry(COMPARED)).lines[1:] == (
        "compared with the last run that issued something, as of 2026-01-01T00:00:00Z:",
        "  invoices: 8 to 9 (+12.5 %)",
        "  EUR: 0 to 5.00 (new)",
        "  USD: 98.00 to 0.00 (-100.0 %)",
        "over twice the last invoice of the same kind: 1 invoice",
        "  nova: 98.01 USD, the last was 49.00",
    )


def test_a_dry_run_before_any_other_has_nothing_to_compare_with() -> None:
    assert run_answer(dry(Comparison())).lines[1:] == (
        "no run has issued anything yet, so there is nothing to compare with",
    )


def test_of_many_unusual_invoices_twenty_are_listed() -> None:
    many = run_answer(dry(replace(COMPARED, unusual=COMPARED.unusual * 25))).lines
    assert "over twice the last invoice of the same kind: 25 invoices" in many
    assert many[-1] == "  … -f json lists them all"
    assert sum("the last was" in line for line in many) == 20


# --- on the way


@pytest.mark.parametrize(
    ("done", "elapsed_ms", "said"),
    [
        (0, 0, "[..............................] 0 of 2,000 customers, 7 invoices"),
        (
            500,
            1_000,
            "[#######.......................] 500 of 2,000 customers, 7 invoices, 500 customers/s, 3 s left",
        ),
        (
            2_000,
            4_000,
            "[##############################] 2,000 of 2,000 customers, 7 invoices, 500 customers/s in 4.0 s",
        ),
    ],
)
def test_progress_says_how_far_how_fast_and_how_long_still(done: int, elapsed_ms: int, said: str) -> None:
    assert progress_text(done, 2_000, 7, elapsed_ms).rstrip() == said


def test_customers_without_a_country_are_counted_and_the_first_five_named() -> None:
    first = ["a", "b", "c", "d", "e", "f"]
    (one,), (many,) = untaxed_warning(["nova"]), untaxed_warning(first, 1_200)
    assert one.startswith("warning: nova has no country")
    assert many.startswith(
        "warning: 1,200 customers have no country, so no tax is charged: a, b, c, d, e, … ("
    )
