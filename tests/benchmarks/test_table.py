"""The table of benchmarks says what it was given, and which targets were missed."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks._table import RESULTS, Row, kept, lines, said, show

SLOW = Row("P5", "invoice run", 12.0, 3.0, "raw driver", 3.0, 200.0, "8,333/s", room_mb=250.0)
QUICK = Row("P5", "invoice run", 6.0, 3.0, "raw driver", 3.0, 200.0, room_mb=250.0)
LARGE = Row("P5", "invoice run", 6.0, 3.0, "raw driver", 3.0, 300.0, room_mb=250.0)


def words(line: str) -> str:
    """A line without the room between its columns."""
    return " ".join(line.split())


def test_a_row_shows_both_figures_their_ratio_memory_targets_and_the_verdict(
    capsys: pytest.CaptureFixture[str],
) -> None:
    show([SLOW])
    assert words(capsys.readouterr().out.splitlines()[1]) == (
        "P5 invoice run 12.00 s 3.00 s 4.00x 200 MB <= 3x, 250 MB missed raw driver 8,333/s"
    )


@pytest.mark.parametrize(("row", "verdict"), [(QUICK, "met"), (SLOW, "missed"), (LARGE, "missed")])
def test_a_target_is_met_when_ratio_and_memory_are_within_it(row: Row, verdict: str) -> None:
    assert f" {verdict} " in list(lines([row]))[1]


def test_a_ratio_of_exactly_its_target_is_met() -> None:
    assert Row("P5", "", 9.0, 3.0, "floor", 3.0).is_met


def test_a_row_without_a_peer_is_held_to_its_own_limit() -> None:
    row = Row("P4", "size of an event", 61.0, within=60.0, unit="bytes")
    assert words(list(lines([row]))[1]) == "P4 size of an event 61 bytes <= 60 bytes missed"


def test_a_row_without_a_limit_is_only_told() -> None:
    told = list(lines([Row("P7", "diff, 40 plans", 0.5)]))[1]
    assert words(told) == "P7 diff, 40 plans 500.0 ms"


def test_rows_are_kept_where_the_environment_says_and_read_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(RESULTS, str(tmp_path / "rows"))
    show([SLOW])
    show([QUICK])
    assert kept(tmp_path / "rows") == [SLOW, QUICK]


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.00000525, "5.2 µs"), (0.0123, "12.3 ms"), (1.0, "1.00 s"), (1234.5, "1,234.50 s")],
)
def test_a_time_is_said_in_the_unit_in_which_it_is_read(seconds: float, text: str) -> None:
    assert said(seconds) == text
