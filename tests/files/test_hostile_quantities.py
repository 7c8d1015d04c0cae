"""Odd numbers as quantities: in every format of a usage file each is taken exactly, or refused with a way out.

The limits are those of the billing rules: 18 digits before the point, 12 after it, plain ASCII digits.
"""

from __future__ import annotations

import csv
import io
import json
from decimal import Decimal
from pathlib import Path

import pytest

from planctl.core.catalog.model import Feature
from planctl.core.metering.accept import Accepted, Rejected, Row, accept, known_meters
from planctl.files.usage_reader import Kind, Unreadable, open_usage, read_usage
from tests.files.test_usage_reader import UTC

KNOWN = known_meters([Feature("seats", "metered", reset="never")])
"""A held feature, so that a number below 0 is not refused for its sign."""

LATER = 4_102_444_800_000_000
"""2100-01-01T00:00:00Z."""

TAKEN = {
    "0": "0",
    "-0": "0",
    "-0.000": "0",
    "+5": "5",
    "-5": "-5",
    "1.50": "1.5",
    "0.000000000001": "0.000000000001",
    "999999999999999999": "999999999999999999",
    "-999999999999999999.999999999999": "-999999999999999999.999999999999",
}
REFUSED = (
    "NaN", "-NaN", "sNaN", "Infinity", "-Infinity", "inf", "1e3", "1E-3", "1e999999999", "0x10", "0b1",
    "\u0661\u0662\u0663", "\uff11\uff12", "\u00b2", "\u22125", "0.0000000000001", "1000000000000000001",
    "1" * 5000, " 5", "5 ", "\t5", "5\u00a0", "1,5", "1_000", "1 000", "05", ".5", "5.", "--5", "+-5", "five",
    "-", "+", ".", "5%", "$5", "5\x00", "(5)",
)  # fmt: skip
AS_JSON = ("NaN", "Infinity", "-Infinity", "05", "+5", ".5", "5.", "0x10", "1_000")
"""Bare, these are no JSON."""


def sent(kind: Kind, quantity: object, bare: str = "") -> str:
    """One row of that format; `bare` is written where the quantity stands, as it is."""
    if kind == "csv":
        made = io.StringIO()
        csv.writer(made, lineterminator="\n").writerows(
            [["id", "customer", "event", "at", "quantity"], ["e1", "nova", "seats", "2026-01-01", quantity]]
        )
        return made.getvalue()
    row: dict[str, object] = {"id": "e1", "customer": "nova", "event": "seats", "at": "2026-01-01"}
    if kind == "cloudevents":
        row = {"specversion": "1.0", "id": "e1", "source": "/s", "type": "seats", "subject": "nova",
               "time": "2026-01-01T00:00:00Z", "data": {"quantity": quantity}}  # fmt: skip
    else:
        row["quantity"] = quantity
    text = json.dumps(row)
    return text.replace(json.dumps(quantity), bare) if bare else text


def verdict(folder: Path, kind: Kind, content: str) -> Accepted | Rejected | Unreadable:
    """What becomes of the only row of a file."""
    path = folder / "usage"
    path.write_text(content, "utf-8", newline="")
    with open_usage(str(path)) as file:
        (block,) = read_usage(file, kind, UTC)
    (row,) = block.rows
    assert row is not None
    return accept(row, KNOWN, LATER) if isinstance(row, Row) else row


@pytest.mark.parametrize("kind", ["ndjson", "csv", "cloudevents"])
@pytest.mark.parametrize(("text", "value"), TAKEN.items())
def test_a_plain_number_is_taken_exactly(tmp_path: Path, kind: Kind, text: str, value: str) -> None:
    taken = verdict(tmp_path, kind, sent(kind, text))
    assert isinstance(taken, Accepted)
    assert taken.event.quantity == Decimal(value)
    assert not taken.event.quantity.is_signed() or taken.event.quantity < 0


@pytest.mark.parametrize("kind", ["ndjson", "csv", "cloudevents"])
@pytest.mark.parametrize("text", REFUSED)
def test_anything_else_is_refused_with_a_way_out(tmp_path: Path, kind: Kind, text: str) -> None:
    refused = verdict(tmp_path, kind, sent(kind, text))
    assert isinstance(refused, Rejected | Unreadable), refused
    assert refused.hint
    assert len(refused.message) < 200
    assert refused.message.isprintable()


@pytest.mark.parametrize("kind", ["ndjson", "cloudevents"])
@pytest.mark.parametrize(
    "bare", [*AS_JSON, "1e3", "1e999999999", "1.0000000000001", "1" * 5000, "[]", "{}", "true"]
)
def test_a_bare_number_that_is_none_is_refused(tmp_path: Path, kind: Kind, bare: str) -> None:
    refused = verdict(tmp_path, kind, sent(kind, "here", bare))
    assert isinstance(refused, Rejected | Unreadable), refused
    assert refused.hint


@pytest.mark.parametrize("kind", ["ndjson", "cloudevents"])
@pytest.mark.parametrize("bare", ["-0", "12", "0.000000000001", "999999999999999999.999999999999"])
def test_a_bare_number_is_never_a_binary_fraction(tmp_path: Path, kind: Kind, bare: str) -> None:
    taken = verdict(tmp_path, kind, sent(kind, "here", bare))
    assert isinstance(taken, Accepted)
    assert taken.event.quantity == Decimal(bare)


@pytest.mark.parametrize("kind", ["ndjson", "cloudevents"])
def test_an_empty_text_is_no_number_and_nothing_is_one_unit(tmp_path: Path, kind: Kind) -> None:
    assert isinstance(verdict(tmp_path, kind, sent(kind, "")), Rejected)
    taken = verdict(tmp_path, kind, sent(kind, None))
    assert isinstance(taken, Accepted)
    assert taken.event.quantity == 1


def test_an_empty_cell_is_nothing_said(tmp_path: Path) -> None:
    taken = verdict(tmp_path, "csv", sent("csv", ""))
    assert isinstance(taken, Accepted)
    assert taken.event.quantity == 1
