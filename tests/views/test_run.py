"""How a billing run looks: loud about what happened, quiet about what did not."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from planctl.core.currencies import Currency
from planctl.core.invoicing.model import CreditDraft, CreditLine, Invoice
from planctl.core.periods import Instant
from planctl.core.subscriptions.model import Status, Transition
from planctl.views.run import run_answer, run_document
from tests.core.billing import DECLARED, t
from tests.views.test_invoice import invoice

FEBRUARY = t("2026-02-01")


@dataclass
class Held:
    customer: str
    reason: str


@dataclass
class Report:
    invoices: Sequence[Invoice] = ()
    held: Sequence[Held] = ()
    transitions: Sequence[Transition] = ()
    credits: Sequence[CreditDraft] = ()
    nothing_due: int = 0
    as_of: Instant = FEBRUARY

    def totals(self) -> Mapping[Currency, int]:
        return {DECLARED["USD"]: 4900 * len(self.invoices)} if self.invoices else {}

    def credited(self) -> Mapping[Currency, int]:
        return {DECLARED["USD"]: 1500} if self.credits else {}


MOVE = Transition("sub_1", Status.ACTIVE, Status.PAST_DUE, t("2026-01-08"), "due")


def lines(**report: Any) -> tuple[str, ...]:
    return run_answer(run_document(Report(**report), 12), {"sub_1": "nova/pro"}).lines


def test_a_run_as_json() -> None:
    report = Report([invoice()], [Held("vega", "hold: disputed")], [MOVE], nothing_due=3)
    assert run_document(report, 12) == {
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


def test_credit_notes_beside_the_invoices_are_told() -> None:
    note = CreditDraft("nova", "inv_1", "late", DECLARED["USD"], (CreditLine(1, "Voice", 1500),), FEBRUARY)
    assert lines(credits=[note])[1:] == ("1 credit note to customers' balances: 15.00 USD",)


def test_nothing_to_do_is_one_sentence() -> None:
    assert lines() == ("nothing was due as of 2026-02-01T00:00:00Z",)


def test_one_invoice_is_named_and_several_by_first_and_last() -> None:
    assert lines(invoices=[invoice()]) == (
        "1 invoice issued as of 2026-02-01T00:00:00Z: INV-2026-00001, 49.00 USD",
    )
    several = [invoice(), invoice(number="INV-2026-00002"), invoice(number="INV-2026-00003")]
    assert lines(invoices=several) == (
        "3 invoices issued as of 2026-02-01T00:00:00Z: INV-2026-00001 to INV-2026-00003, 147.00 USD",
    )


def test_a_move_is_said_with_the_customer_and_plan() -> None:
    assert lines(transitions=[MOVE]) == (
        "0 invoices issued as of 2026-02-01T00:00:00Z",
        "nova/pro: active to past_due at 2026-01-08T00:00:00Z",
    )


def test_a_move_of_an_unknown_one_is_said_by_its_id() -> None:
    answer = run_answer(run_document(Report(transitions=[MOVE]), 12), {})
    assert answer.lines[-1].startswith("sub_1: active to past_due")
