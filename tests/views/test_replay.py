"""A simulation as people and machines see it; every number is written here, none is computed."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

from planctl.core.instants import Instant
from planctl.core.replay.conditions import Fired, condition
from planctl.core.replay.proposal import Stuck
from planctl.core.replay.replayed import Difference
from planctl.core.replay.simulation import (
    About,
    CreditNotes,
    InCurrency,
    OfFeature,
    OfPlan,
    Payer,
    Sides,
    Simulation,
    Span,
    Units,
)
from planctl.views.replay import (
    differs_lines,
    fired_lines,
    part_lines,
    simulation_answer,
    simulation_document,
)
from tests.core.billing import DECLARED

USD = DECLARED["USD"]
NOVA = Payer("nova", Sides(100_00, 120_00))
SIMULATION = Simulation(
    Span("2026-10", Instant(1_790_812_800_000_000), Instant(1_793_491_200_000_000)),
    About("shop", "abc", 7, ("pro",), (CreditNotes(USD, 2, 15_00),)),
    invoices=12,
    silent=1,
    subscriptions=3,
    currencies=(
        InCurrency(
            USD, Sides(1_000_00, 990_00), Sides(1_190_00, 1_178_10), 1_190_00, 1, 2, 0, (NOVA,), (), NOVA
        ),
    ),
    plans=(OfPlan("pro", USD, Sides(0, 5_00)),),
    features=(
        OfFeature(
            "pro",
            "minutes",
            Units(Fraction(10), Fraction(10)),
            Units(Fraction(10), Fraction(8), over=Fraction(2)),
        ),
    ),
    stuck=((Stuck("pro", "year is not sold"), 1),),
    kept=(("usage that came late", 2),),
    differences=(Difference("INV-1", "line fee 0", 50_00, 49_00, USD),),
    unreadable=("customer vega",),
)


def test_people_get_the_changes_and_what_is_left_out() -> None:
    answer = simulation_answer(SIMULATION, (), names=True)
    assert answer.lines == (
        "2026-10: 12 invoices, rated again · shop, digest abc: 3 subscriptions on new terms of pro",
        "",
        "By plan",
        "  pro  0.00 → 5.00 USD (+5.00)",
        "",
        "Usage",
        "  pro minutes: used 10, included 10 → 8, over the limit 0 → 2",
        "",
        "Who",
        "  nova  100.00 → 120.00 USD (+20.00, +20.00%)",
        "",
        "Left out",
        "  1 subscription of pro could not be moved: year is not sold",
        "  2 lines as issued: usage that came late",
        "  2 credit notes of 15.00 USD",
        "",
    )
    assert answer.sheet is not None
    assert answer.sheet.rows == (
        ("USD", "1000.00", "990.00", "-10.00", "-1.00", "1190.00", "1178.10", 3, 1, 2),
    )


def test_nobody_is_named_unasked() -> None:
    answer = simulation_answer(SIMULATION, (), names=False)
    assert not any("nova" in line for line in answer.lines)
    assert "nova" not in str(answer.document)


def test_machines_get_every_number() -> None:
    fired = (Fired(condition("losers > 0"), "", "1"),)
    document = simulation_document(SIMULATION, fired, names=False)
    assert document["format"] == "planctl.simulation/1"
    assert document["period"] == {
        "text": "2026-10",
        "starts_at": "2026-10-01T00:00:00Z",
        "ends_at": "2026-11-01T00:00:00Z",
    }
    assert document["by_plan"] == [
        {
            "plan": "pro",
            "currency": "USD",
            "live": "0.00",
            "proposed": "5.00",
            "change": "5.00",
            "percent": None,
        }
    ]
    assert document["not_moved"] == [{"plan": "pro", "why": "year is not sold", "subscriptions": 1}]
    assert document["kept_as_issued"] == [{"why": "usage that came late", "lines": 2}]
    assert document["credit_notes"] == [{"currency": "USD", "count": 2, "total": "15.00"}]
    assert document["fired"] == [{"condition": "losers > 0", "currency": None, "found": "1"}]
    assert document["differences"] == [
        {
            "code": "replay-differs",
            "invoice": "INV-1",
            "what": "line fee 0",
            "issued": "50.00",
            "replayed": "49.00",
            "currency": "USD",
        }
    ]


def test_what_is_not_borne_out_is_a_warning_with_both_numbers() -> None:
    assert [*differs_lines(SIMULATION)] == [
        "warning: INV-1: line fee 0 was issued as 50.00 USD, rated again it is 49.00 USD [replay-differs]",
        "  hint: planctl doctor says which records do not agree",
        "warning: customer vega cannot be read and is left out; planctl doctor says why [replay-unreadable]",
    ]


def test_a_condition_that_holds_is_an_error_with_its_numbers() -> None:
    fired = (Fired(condition("revenue < -1%"), "USD", "-2.00% (100.00 USD to 98.00 USD)"),)
    assert [*fired_lines(fired)] == [
        "error: revenue < -1% in USD: it is -2.00% (100.00 USD to 98.00 USD) [simulate-condition]"
    ]


def test_a_condition_that_does_not_hold_on_a_part_is_said_to_be_of_a_part() -> None:
    limit = condition("losers > 5")
    (said,) = part_lines(SIMULATION, [limit], [])
    assert "what is left out may hide one that would" in said
    (said,) = part_lines(replace(SIMULATION, unreadable=()), [limit], [])
    assert "what differs may hide one that would" in said
    assert not [*part_lines(replace(SIMULATION, unreadable=(), differences=()), [limit], [])]
    assert not [*part_lines(SIMULATION, [limit], [Fired(limit, "", "6")])]
    assert not [*part_lines(SIMULATION, [], [])]
