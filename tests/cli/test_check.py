"""`planctl check`."""

from __future__ import annotations

import pytest

from tests.cli.conftest import Run

NEW_YEAR = ("--as-of", "2026-01-01")
MID = ("--as-of", "2026-01-10")


@pytest.fixture
def nova(shop: Run) -> Run:
    """A shop with nova on the free plan: 50 minutes, one seat."""
    shop("customer", "add", "nova", "--currency", "USD", *NEW_YEAR)
    assert shop("subscribe", "nova", "free", "--yes", *NEW_YEAR).exit_code == 0
    return shop


def test_check_answers_with_reason_limit_and_what_is_left(nova: Run) -> None:
    nova("usage", "record", "nova", "minutes", "20", *MID)
    answer = nova("check", "nova", "minutes", "--quantity", "30", "-f", "json", *MID)
    assert answer.exit_code == 0
    (granted,) = answer.json["granted_by"]
    assert granted.startswith("sub_")
    expected = {
        "allowed": True,
        "reason": "allowed",
        "feature": "minutes",
        "limit": "50",
        "used": "20",
        "remaining": "30",
        "wallet": "0",
        "resets_at": "2026-02-01T00:00:00Z",
    }
    assert {name: answer.json[name] for name in expected} == expected


def test_a_no_is_still_exit_0_unless_the_code_is_asked_for(nova: Run) -> None:
    no = nova("check", "nova", "minutes", "--quantity", "51", *MID)
    assert no.exit_code == 0
    assert no.stdout == "nova minutes: no: limit reached · 0 used, limit 50, 50 left\n"
    assert nova("check", "nova", "minutes", "--quantity", "51", "--exit-code", *MID).exit_code == 2
    assert nova("check", "nova", "minutes", "--quantity", "50", "--exit-code", *MID).exit_code == 0


def test_what_nothing_grants_is_not_granted_and_what_is_assigned_has_not_started(shop: Run) -> None:
    shop("customer", "add", "nova", "--currency", "USD", *NEW_YEAR)
    assert shop("check", "nova", "minutes", "-f", "json", *MID).json["reason"] == "not_granted"
    assert shop("assign", "nova", "starter", *NEW_YEAR).exit_code == 0
    waiting = shop("check", "nova", "minutes", "-f", "json", *MID).json
    assert (waiting["allowed"], waiting["reason"], waiting["granted_by"]) == (False, "not_started", [])


def test_unknown_names_are_not_found_and_a_quantity_is_a_number(nova: Run) -> None:
    assert nova("check", "nobody", "minutes").exit_code == 4
    assert nova("check", "nova", "minuts", "-f", "json").error["hint"] == 'did you mean "minutes"?'
    assert nova("check", "nova", "minutes", "--quantity", "many").exit_code == 3


def test_recording_if_allowed_asks_and_records_in_one(nova: Run) -> None:
    assert nova("usage", "record", "nova", "minutes", "50", "--if-allowed", *MID).exit_code == 0
    refused = nova("usage", "record", "nova", "minutes", "1", "--if-allowed", "-f", "json", *MID)
    assert refused.exit_code == 4
    assert refused.error["code"] == "not-allowed"
    assert nova("check", "nova", "minutes", "-f", "json", *MID).json["used"] == "50"
