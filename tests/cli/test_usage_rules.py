"""What may be recorded, from the shell and from files: amounts, corrections, levels, CloudEvents, odd numbers."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import Result, Run

NEW_YEAR = ("--as-of", "2026-01-01")
MID = ("--as-of", "2026-01-10")
FEBRUARY = ("--as-of", "2026-02-02")

PAYMENTS = """\
format: planctl.catalog/1
catalog: payments
currencies: {USD: }
features:
  payments: {type: metered, unit: payment, event: payment.made, aggregate: count}
  minutes: {type: metered, unit: minute}
  tokens: {type: metered, unit: token, event: completion, value: tokens, where: {model: large}}
  seats: {type: metered, unit: seat, reset: never}
  storage: {type: metered, unit: GB, aggregate: max}
plans:
  checkout:
    price: {month: {USD: 10}}
    features:
      seats: 3
      storage: 10
      tokens: 1_000
      minutes: {included: 0, beyond: {charge: usage, each: {USD: 0.02}}}
      payments: {beyond: {charge: usage, percentage: {rate: 2.9%, of: amount, fixed: {USD: 0.30}}}}
"""


@pytest.fixture
def nova(run: Run, tmp_path: Path) -> Run:
    """A store that bills payments by their amount, with nova on it since the new year."""
    (tmp_path / "payments.yaml").write_text(PAYMENTS)
    for words in (
        ("init", tmp_path, "--test"),
        ("catalog", "apply", tmp_path / "payments.yaml", "--yes"),
        ("customer", "add", "nova", "--currency", "USD"),
        ("customer", "add", "mira", "--currency", "USD"),
        ("subscribe", "nova", "checkout", "--pay", "month", "--yes"),
    ):
        done = run(*words, *NEW_YEAR)
        assert done.exit_code == 0, done.stderr
    return run


def events(run: Run, customer: str = "nova") -> list[tuple[str, str]]:
    """The quantities recorded, each with its instant, in the order of the instants and then of the quantities."""
    listed = run("usage", "list", "--customer", customer, "-f", "json").json
    found = [(one["quantity"], one["at"]) for one in listed]
    return sorted(found, key=lambda pair: (pair[1], Decimal(pair[0])))


def record(run: Run, *words: str, at: str = "2026-01-10") -> Result:
    return run("usage", "record", *words, "-f", "json", "--as-of", at)


# --- amounts


@pytest.mark.parametrize("feature", ["payments", "payment.made"])
@pytest.mark.parametrize(
    "words", [(), ("amount=much",), ("amount=-5",), ("amount=1e3",), ("sum=5",), ("amount=0.0000000000001",)]
)
def test_what_is_billed_by_its_amount_must_say_it(nova: Run, feature: str, words: tuple[str, ...]) -> None:
    said = record(nova, "nova", feature, *(f"--property={word}" for word in words))
    assert said.exit_code == 3
    assert "amount" in said.error["message"]
    assert said.error["hint"]
    assert events(nova) == []


def test_an_amount_is_recorded_with_its_event(nova: Run) -> None:
    assert record(nova, "nova", "payment.made", "--property", "amount=99.90").exit_code == 0
    assert record(nova, "nova", "payments", "--property", "amount=0").exit_code == 0
    assert record(nova, "mira", "payments").exit_code == 0, "mira has no plan that asks for an amount"


def test_a_payment_is_taken_back_by_the_words_that_were_printed(nova: Run) -> None:
    said = nova("usage", "record", "nova", "payments", "--property", "amount=100", *MID)
    undo = said.stderr.split("undo with: planctl ")[1].splitlines()[0].split()
    assert nova(*undo, "--as-of", "2026-01-12").exit_code == 0
    assert events(nova) == [("-1", "2026-01-10T00:00:00Z"), ("1", "2026-01-10T00:00:00Z")]
    twice = nova(*undo, "-f", "json", "--as-of", "2026-01-12")
    assert twice.exit_code == 3
    assert "of which 0 is left to take back" in twice.error["message"]


def test_a_correction_says_no_amount_of_its_own(nova: Run) -> None:
    record(nova, "nova", "payments", "--id", "p1", "--property", "amount=100")
    said = record(nova, "nova", "payments", "-1", "--corrects", "p1", "--property", "amount=30")
    assert said.exit_code == 3
    assert "takes back its share of the amount of p1" in said.error["message"]


def test_rows_without_their_amount_are_rejected_and_the_others_kept(nova: Run, tmp_path: Path) -> None:
    rows: list[dict[str, Any]] = [
        {"id": "a", "properties": {"amount": 100.50}},
        {"id": "b", "properties": {}},
        {"id": "c", "properties": {"amount": "x"}},
        {"id": "d", "customer": "mira"},
        {"id": "e", "quantity": -1, "corrects": "a", "at": "2026-01-06"},
        {"id": "f", "quantity": -1, "corrects": "a"},
    ]
    done = imported(nova, tmp_path, rows, event="payment.made")
    assert done.exit_code == 3
    assert (done.json["accepted"], done.json["rejected"]) == (3, 3)
    assert "it is of another instant than event a, which was at 2026-01-05T00:00:00Z" in done.stderr
    assert done.stderr.count("[value]") == 2


def imported(run: Run, folder: Path, rows: list[dict[str, Any]], event: str = "minutes") -> Result:
    """An import of these rows, of nova on the fifth unless they say otherwise."""
    file = folder / "u.ndjson"
    plain = {"customer": "nova", "event": event, "at": "2026-01-05"}
    file.write_text("".join(json.dumps(plain | row) + "\n" for row in rows))
    return run("usage", "import", file, "-f", "json", *MID)


# --- corrections


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (("nova", "minutes", "-1"), "below 0"),
        (("nova", "minutes", "-1", "--corrects", "gone"), "no event gone of minutes is recorded for nova"),
        (("mira", "minutes", "-1", "--corrects", "m1"), "no event m1 of minutes is recorded for mira"),
        (("nova", "tokens", "-1", "--corrects", "m1"), "no event m1 of tokens is recorded for nova"),
        (("nova", "minutes", "-11", "--corrects", "m1"), "of which 10 is left to take back"),
        (("nova", "minutes", "1", "--corrects", "m1"), "takes nothing back"),
        (("nova", "storage", "1", "--corrects", "s1"), "storage is no sum"),
        (("nova", "completion", "-1", "--corrects", "t1"), "fed tokens"),
    ],
)
def test_a_correction_that_corrects_nothing_is_refused(nova: Run, words: tuple[str, ...], why: str) -> None:
    record(nova, "nova", "minutes", "10", "--id", "m1")
    record(nova, "nova", "storage", "5", "--id", "s1")
    record(nova, "nova", "completion", "--id", "t1", "--property", "model=large", "--property", "tokens=5")
    said = record(nova, *words)
    assert said.exit_code == 3, said.stderr
    assert why in said.error["message"]
    assert said.error["hint"]
    assert len(events(nova)) == 3


def test_a_correction_belongs_to_the_instant_of_what_it_corrects(nova: Run) -> None:
    record(nova, "nova", "minutes", "10", "--id", "m1", at="2026-01-10")
    assert record(nova, "nova", "minutes", "-4", "--corrects", "m1", at="2026-01-20").exit_code == 0
    later = record(nova, "nova", "minutes", "-1", "--corrects", "m1", "--at", "2026-01-21", at="2026-01-22")
    assert later.exit_code == 0
    assert events(nova) == [
        ("-4", "2026-01-10T00:00:00Z"),
        ("10", "2026-01-10T00:00:00Z"),
        ("-1", "2026-01-21T00:00:00Z"),
    ]


def test_a_correction_of_a_closed_period_is_late_usage(nova: Run) -> None:
    record(nova, "nova", "minutes", "10", "--id", "m1")
    assert nova("invoice", "run", *FEBRUARY).exit_code == 0
    said = record(nova, "nova", "minutes", "-4", "--corrects", "m1", at="2026-02-03")
    assert (said.exit_code, said.json["late"]) == (0, True)
    again = nova("usage", "record", "nova", "minutes", "-1", "--corrects", "m1", "--as-of", "2026-02-03")
    assert "late: its period is billed already; the next run bills the difference" in again.stderr
    assert "undo" not in again.stderr, "a correction is not corrected"


# --- held features


def test_a_level_is_changed_and_set_and_never_below_0(nova: Run) -> None:
    assert record(nova, "nova", "seats", "5").json["level"] == "5"
    assert record(nova, "nova", "seats", "-2").json["level"] == "3"
    assert record(nova, "nova", "seats", "--set", "7").json["quantity"] == "4"
    below = record(nova, "nova", "seats", "-8")
    assert (below.exit_code, below.error["code"]) == (4, "usage-below-zero")
    below = record(nova, "nova", "seats", "--set", "-1")
    assert (below.exit_code, below.error["code"]) == (4, "usage-below-zero")
    past = record(nova, "nova", "seats", "-6", "--at", "2026-01-09", at="2026-01-11")
    assert past.exit_code == 4, "there were none on the ninth"
    assert record(nova, "nova", "minutes", "--set", "7").error["code"] == "usage-no-level"
    assert record(nova, "nova", "storage", "--set", "7").json["quantity"] == "7"


# --- CloudEvents


def test_cloud_events_are_recorded_once_by_source_and_id(nova: Run, tmp_path: Path) -> None:
    def event(event_id: str, source: str = "/shop", **more: object) -> str:
        plain = {"specversion": "1.0", "id": event_id, "source": source, "type": "payment.made",
                 "subject": "nova", "time": "2026-01-05T08:00:00Z", "data": {"amount": 100.50}}  # fmt: skip
        return json.dumps(plain | more)

    file = tmp_path / "events.ndjson"
    file.write_text(
        "\n".join(
            (
                event("1"),
                event("1"),
                event("1", "/till"),
                event("2", data={}),
                event("3", time=None),
                event("4", type="minutes", data={"quantity": 2.5, "room": "blue"}),
                event("5", type="minutes", data={"quantity": -0.5}, corrects="4"),
            )
        )
    )
    done = nova("usage", "import", file, "--from", "cloudevents", "-f", "json", *MID)
    assert done.exit_code == 3
    counts = {name: done.json[name] for name in ("read", "accepted", "duplicates", "rejected")}
    assert counts == {"read": 7, "accepted": 4, "duplicates": 1, "rejected": 2}
    listed = nova("usage", "list", "--customer", "nova", "-f", "json").json
    assert {one["id"]: (one["quantity"], one["properties"], one["corrects"]) for one in listed} == {
        "/shop 1": ("1", {"amount": "100.5"}, None),
        "/till 1": ("1", {"amount": "100.5"}, None),
        "/shop 4": ("2.5", {"room": "blue"}, None),
        "/shop 5": ("-0.5", {}, "/shop 4"),
    }


# --- odd numbers


@pytest.mark.parametrize(
    "text",
    ["NaN", "Infinity", "inf", "1e3", "1e999999999", "\u0661\u0662\u0663", "\uff11", "0.0000000000001",
     "1000000000000000001", "1" * 5000, " 5", "5 ", "1,5", "1_000", "05", ".5", "5.", "five", ""],
)  # fmt: skip
def test_an_odd_number_is_refused_by_hand_too(nova: Run, text: str) -> None:
    for words in (("nova", "minutes", text), ("nova", "seats", "--set", text)):
        said = record(nova, *words)
        assert said.exit_code in {3, 64}, (words, said)
        assert "Traceback" not in said.stderr
        assert len(said.stderr) < 1000
    assert events(nova) == []


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("+5", "5"),
        ("1.50", "1.5"),
        ("0.000000000001", "0.000000000001"),
        ("999999999999999999", "999999999999999999"),
    ],
)
def test_a_plain_number_is_recorded_exactly(nova: Run, text: str, kept: str) -> None:
    assert record(nova, "nova", "minutes", text).exit_code == 0
    assert [quantity for quantity, _ in events(nova)] == [kept]


@pytest.mark.parametrize("text", ["0", "-0"])
def test_nothing_is_recorded_as_nothing(nova: Run, text: str) -> None:
    assert record(nova, "nova", "minutes", text).exit_code == 0
    assert [quantity for quantity, _ in events(nova)] == ["0"]
