"""How what came in from Stripe is told: one event, a pull, and what waits for a person."""

from __future__ import annotations

from typing import Any

from planctl.core.currencies import iso_currency
from planctl.core.periods import Instant
from planctl.core.stripe.facts_notice import Notice
from planctl.core.stripe.facts_told import Applied, Handled, Pulled
from planctl.views.formats import Screen, render
from planctl.views.stripe_events import (
    handled_answer,
    handled_document,
    pulled_answer,
    pulled_document,
    resolve_lines,
)

AT = Instant(1_767_225_600_000_000)  # 2026-01-01T00:00:00Z
PAID = Notice("evt_1", "invoice.paid", "in_1", "in_1", AT, False)
USD = iso_currency("USD")
PAYMENT = Applied("payment", "pi_1", "nova", "INV-2026-00001", 1_900, USD, AT)
DONE = Handled(PAID, "done", applied=(PAYMENT,))
PARKED = Handled(PAID, "parked", "the books are closed")
CARD = Applied("card", "pm_1", "nova", at=AT)


def lines(handled: Handled) -> tuple[str, ...]:
    return handled_answer(handled_document(handled)).lines


def test_one_event_says_what_became_of_it_and_what_changed() -> None:
    assert lines(DONE) == (
        "evt_1 invoice.paid: taken in",
        "  payment · 19.00 USD · INV-2026-00001 of nova · pi_1 · 2026-01-01T00:00:00Z",
    )
    assert lines(Handled(PAID, "done", applied=(CARD,)))[1] == "  card · nova · pm_1 · 2026-01-01T00:00:00Z"


def test_an_event_without_news_says_so() -> None:
    assert lines(Handled(PAID, "done")) == ("evt_1 invoice.paid: taken in, nothing new",)
    assert lines(Handled(PAID, "duplicate")) == ("evt_1 invoice.paid: known already",)
    assert lines(Handled(PAID, "ignored", "it is of live mode")) == (
        "evt_1 invoice.paid: ignored: it is of live mode",
    )


def test_a_note_says_why_an_instant_is_not_stripes() -> None:
    noted = Applied("payment", "pi_1", "nova", "INV-1", 1_900, USD, AT, "Stripe says 2025-12-31T00:00:00Z")
    assert lines(Handled(PAID, "done", applied=(noted,)))[1].endswith(" (Stripe says 2025-12-31T00:00:00Z)")


def test_what_waits_for_a_person_comes_with_the_command() -> None:
    assert lines(PARKED) == ("evt_1 invoice.paid: parked: the books are closed",)
    assert resolve_lines(handled_document(PARKED)) == [
        "waits for a person: planctl stripe resolve evt_1 --retry|--drop --reason TEXT"
    ]
    assert resolve_lines(handled_document(DONE)) == []


def pulled(*handled: Handled, looked: int = 0) -> Pulled:
    return Pulled(AT, AT, {"done": 1, "duplicate": 2, "parked": 1}, handled, looked)


def test_a_pull_counts_the_events_and_lists_what_changed() -> None:
    answer = pulled_answer(pulled_document(pulled(DONE, PARKED), "acct_1"))
    assert answer.lines == ("4 events since 2026-01-01T00:00:00Z: 1 taken in, 2 known already, 1 parked",)
    assert answer.sheet is not None
    assert [row[:3] for row in answer.sheet.rows] == [
        ("invoice.paid", "payment", "nova"),
        ("invoice.paid", "parked", None),
    ]


def test_what_was_written_and_what_waits_of_one_event_are_both_listed() -> None:
    half = Handled(PAID, "parked", "no payment of it is recorded here", (PAYMENT,))
    answer = pulled_answer(pulled_document(pulled(half), "acct_1"))
    assert answer.sheet is not None
    assert [row[1] for row in answer.sheet.rows] == ["payment", "parked"]
    assert len(lines(half)) == 2


def test_what_waits_for_another_event_already_is_no_news() -> None:
    assert lines(Handled(PAID, "done", "the rest waits already: evt_0")) == (
        "evt_1 invoice.paid: taken in: the rest waits already: evt_0",
    )


def test_a_pull_without_news_says_so_and_that_invoices_were_looked_at() -> None:
    quiet = Pulled(AT, AT, {}, (), 3)
    answer = pulled_answer(pulled_document(quiet, "acct_1"))
    assert answer.lines == (
        "0 events since 2026-01-01T00:00:00Z",
        "events may be lost: 3 objects at Stripe looked at, of unpaid invoices, open pages, and what went back",
    )
    assert list(render(answer, "table", Screen()))[-1] == "nothing new"


def test_machines_get_every_count_and_amounts_as_text() -> None:
    document = pulled_document(pulled(DONE), "acct_1")
    assert document["counts"] == {"done": 1, "duplicate": 2, "ignored": 0, "parked": 1}
    assert (document["account"], document["read"], document["looked_at"]) == ("acct_1", 4, 0)
    events: Any = document["events"]
    assert events[0]["facts"][0]["amount"] == "19.00"
