"""How what happens next looks, to machines and to people."""

from __future__ import annotations

from fractions import Fraction
from typing import get_args

import pytest

from planctl.core.instants import zone
from planctl.core.upcoming import Upcoming, What
from planctl.views.next_steps import next_documents, next_lines
from tests.core.billing import DECLARED, t

UTC = zone("UTC")
USD = DECLARED["USD"]
FEBRUARY = t("2026-02-01")


def test_what_falls_on_one_day_for_one_subscription_is_one_line() -> None:
    events = (
        Upcoming(t("2026-01-12"), "due", "INV-2026-00002", "sub_1", amount_minor=9000, currency=USD),
        Upcoming(FEBRUARY, "allowance_resets", "nova/pro", "sub_1", features=("minutes",)),
        Upcoming(FEBRUARY, "renews", "nova/pro", "sub_1", amount_minor=4900, currency=USD),
        Upcoming(FEBRUARY, "ends", "nova/free", "sub_2"),
    )
    assert next_lines(events, UTC) == [
        "2026-01-12  INV-2026-00002 is due: 90.00 USD",
        "2026-02-01  nova/pro allowances reset; renews, fee 49.00 USD",
        "2026-02-01  nova/free ends",
    ]


def test_days_are_the_customers() -> None:
    event = Upcoming(t("2026-01-31T23:00:00Z"), "renews", "nova/pro", "sub_1")
    assert next_lines([event], zone("Europe/Berlin")) == ["2026-02-01  nova/pro renews"]


@pytest.mark.parametrize(
    ("event", "line"),
    [
        (
            Upcoming(None, "resume", "nova/pro", "sub_1"),
            "now         nova/pro is paused: planctl subscription resume nova/pro",
        ),
        (
            Upcoming(None, "held", "nova", reason="catch-up"),
            "now         nova waits for a person (catch-up): planctl hold list",
        ),
        (
            Upcoming(FEBRUARY, "changes", "nova/pro", "sub_1", plan="max", amount_minor=9900, currency=USD),
            "2026-02-01  nova/pro changes to max, fee 99.00 USD",
        ),
        (
            Upcoming(FEBRUARY, "trial_expires", "nova/pro", "sub_1"),
            "2026-02-01  nova/pro ends its trial and expires: there is no payment method",
        ),
        (
            Upcoming(FEBRUARY, "quantity_changes", "nova/pro", features=("seats",), units=Fraction(1200)),
            "2026-02-01  nova/pro has another quantity: seats 1,200",
        ),
        (
            Upcoming(FEBRUARY, "quantity_changes", "nova/seat", units=Fraction(2)),
            "2026-02-01  nova/seat has another quantity: quantity 2",
        ),
        (
            Upcoming(FEBRUARY, "grant_expires", "nova/minutes", plan="m1k", units=Fraction(1, 3)),
            "2026-02-01  nova/minutes 0.333333333333 units of its wallet end",
        ),
        (
            Upcoming(FEBRUARY, "blocked", "INV-1", "sub_1", "INV-1", amount_minor=1, currency=USD),
            "2026-02-01  INV-1 grace ends, access is blocked",
        ),
    ],
)
def test_each_kind_has_its_sentence(event: Upcoming, line: str) -> None:
    assert next_lines([event], UTC) == [line]


@pytest.mark.parametrize("what", get_args(What))
def test_no_kind_is_without_a_sentence(what: What) -> None:
    (line,) = next_lines([Upcoming(FEBRUARY, what, "nova/pro", plan="max", reason="why")], UTC)
    assert line.startswith("2026-02-01  nova/pro ")


def test_every_event_has_every_key_and_absent_is_null() -> None:
    assert next_documents([Upcoming(None, "held", "nova", reason="catch-up")]) == [
        {
            "at": None,
            "what": "held",
            "about": "nova",
            "subscription": None,
            "invoice": None,
            "plan": None,
            "features": [],
            "units": None,
            "amount": None,
            "currency": None,
            "reason": "catch-up",
        }
    ]
    event = Upcoming(
        FEBRUARY, "renews", "nova/pro", "sub_1", features=("seats",), units=Fraction(5, 2), amount_minor=4900,
        currency=USD,
    )  # fmt: skip
    (found,) = next_documents([event])
    assert isinstance(found, dict)
    assert (found["at"], found["amount"], found["currency"], found["units"], found["features"]) == (
        "2026-02-01T00:00:00Z",
        "49.00",
        "USD",
        "2.5",
        ["seats"],
    )
