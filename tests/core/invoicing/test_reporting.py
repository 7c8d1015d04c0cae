"""What is counted of a run: numbers, counts and sums of its pages, and never an invoice."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from planctl.core.invoicing.comparing import Volume
from planctl.core.invoicing.model import CreditDraft, CreditLine
from planctl.core.invoicing.reporting import Held, PageDone, RunReport, counted
from planctl.core.subscriptions.model import Status, Transition
from tests.core.billing import DECLARED, t
from tests.views.test_invoice import invoice

FEBRUARY = t("2026-02-01")
USD = DECLARED["USD"]
MOVE = Transition("sub_1", Status.ACTIVE, Status.PAST_DUE, FEBRUARY, "due")
NOTE = CreditDraft("nova", "inv_1", "late", USD, (CreditLine(1, "Voice", 1500),), FEBRUARY)


def page(**fields: Any) -> RunReport:
    return counted(PageDone(**fields), FEBRUARY)


def test_pages_add_up_in_their_order() -> None:
    """Two invoices of 49.00 and a credit note of 15.00 on each page."""
    report = RunReport(FEBRUARY)
    for first, customer in ((1, "nova"), (3, "vega")):
        made = tuple(invoice(number=f"INV-2026-{first + one:05}") for one in range(2))
        report.add(
            page(invoices=made, credits=(NOTE,), held=(Held(customer, "hold: x"),), nothing_due=4, transitions=(MOVE,))
        )  # fmt: skip
    assert report.numbers == [f"INV-2026-{number:05}" for number in (1, 2, 3, 4)]
    assert (report.totals, report.credit_notes, report.credited) == ({USD: 19600}, 2, {USD: 3000})
    assert (report.held, report.nothing_due) == ([Held("nova", "hold: x"), Held("vega", "hold: x")], 8)
    assert report.transitions == [MOVE, MOVE]
    assert report.volume() == Volume(4, {"USD": Decimal("196.00")})


def test_the_first_twenty_names_are_kept_and_the_rest_counted() -> None:
    report = RunReport(FEBRUARY)
    for number in range(3):
        names = [f"c{number}_{one:02}" for one in range(15)]
        report.add(page(names={f"sub_{one}": one for one in names}, without_country=tuple(names)))
    kept = [f"c0_{one:02}" for one in range(15)] + [f"c1_{one:02}" for one in range(5)]
    assert [*report.names.values()] == kept
    assert (report.untaxed, report.without_country) == (45, kept)


def test_a_run_that_issued_nothing_has_no_volume() -> None:
    assert RunReport(FEBRUARY).volume() == Volume(0)
