"""Each case file in this directory: a small catalog, a story, and the invoices it must produce."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cases.casefile import difference, invoice_difference, last_day, listed, play, read_case
from tests.cases.replays import assert_every_month_replays
from tests.cli.conftest import Run

CASES = sorted(Path(__file__).parent.glob("*.yaml"))


def waiting(path: Path) -> tuple[pytest.MarkDecorator, ...]:
    """A case that needs what is not built yet must fail, and fails the tests as soon as it does not."""
    missing = read_case(path).not_yet
    return (pytest.mark.xfail(reason=f"not built yet: {missing}", strict=True),) if missing else ()


@pytest.mark.parametrize("path", [pytest.param(path, id=path.stem, marks=waiting(path)) for path in CASES])
def test_the_story_produces_exactly_the_invoices_worked_out_by_hand(
    path: Path, run: Run, tmp_path: Path
) -> None:
    case = read_case(path)
    play(case, tmp_path, run)
    for invoice in listed("invoice", case, run):
        explained = run("invoice", "explain", invoice["number"], "-f", "json", "--as-of", last_day(case))
        assert explained.exit_code == 0, explained.stderr
        lines = [(one["amount"], one["worked_out"]) for one in explained.json["lines"]]
        assert [billed for billed, _ in lines] == [worked_out for _, worked_out in lines]
    assert_every_month_replays(tmp_path / "store.db")


def test_every_case_says_what_it_shows_and_which_rule() -> None:
    for path in CASES:
        text = path.read_text(encoding="utf-8")
        assert text.startswith("about: "), path.name
        assert "\nrule: " in text, path.name


LINE = {"kind": "fee", "feature": None, "quantity": "1", "amount": "19.00", "description": "Starter"}
INVOICE = {"issued_at": "2026-01-01T00:00:00Z", "total": "19.00", "lines": [LINE]}


@pytest.mark.parametrize(
    ("expected", "said"),
    [
        ({"issued_at": "2026-01-01", "total": "19.00", "lines": [{"kind": "fee", "amount": "19.00"}]}, ""),
        ({"total": "19", "lines": [{"kind": "fee"}]}, "total is 19.00, not 19"),
        ({"issued_at": "2026-01-02", "lines": [{"kind": "fee"}]}, "issued_at is 2026-01-01T00:00:00Z"),
        ({"lines": []}, "1 lines more than expected"),
        ({"lines": [{"kind": "fee"}, {"kind": "fee"}]}, "no such line"),
        ({"lines": [{"kind": "usage"}]}, "no such line"),
        ({"tax": "0.00", "lines": [{"kind": "fee"}]}, "has no tax"),
    ],
)
def test_an_invoice_that_differs_is_said_to_differ(expected: dict[str, object], said: str) -> None:
    problem = invoice_difference(expected, INVOICE)
    assert said in problem if said else not problem


@pytest.mark.parametrize(
    ("expected", "found", "differs"),
    [
        ({"quantity": "1_200_000"}, {"quantity": "1200000"}, False),
        ({"allowed": "false"}, {"allowed": False}, False),
        ({"allowed": "true"}, {"allowed": False}, True),
        ({"limit": "null"}, {"limit": None}, False),
        ({"issued": "2"}, {"issued": 2}, False),
        ({"held": []}, {"held": []}, False),
        ({"held": []}, {"held": [{"customer": "nova"}]}, True),
        ({"features": [{"used": "66"}]}, {"features": [{"used": "93"}, {"used": "66"}]}, False),
        ({"features": [{"used": "66"}]}, {"features": [{"used": "93"}]}, True),
        ({"at": "2026-02-01"}, {"at": "2026-02-01T00:00:01Z"}, True),
    ],
)
def test_of_an_answer_what_is_named_must_be_there(expected: object, found: object, differs: bool) -> None:
    assert bool(difference(expected, found)) is differs
