"""What a measured process took is its own: not the memory, nor the settings, of who measures."""

from __future__ import annotations

import sys

import pytest

from benchmarks._measure import run


def test_a_small_process_does_not_have_the_memory_of_who_started_it() -> None:
    ballast = bytearray(200_000_000)
    ballast[::4096] = b"x" * len(ballast[::4096])
    assert run(sys.executable, "-S", "-c", "pass").rss_mb < 100


def test_the_memory_of_a_process_is_that_of_its_largest_moment() -> None:
    largest = "x = b'x' * 150_000_000; del x"
    assert run(sys.executable, "-S", "-c", largest).rss_mb > 140


def test_a_process_sees_no_setting_of_planctl(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PLANCTL_STORE", "elsewhere.db")
    said = run(sys.executable, "-S", "-c", "import os; print('PLANCTL_STORE' in os.environ)").output
    assert said == "False\n"


def test_a_process_that_fails_stops_the_benchmark_with_what_it_said() -> None:
    with pytest.raises(SystemExit, match="exited 7\nwhat is wrong"):
        run(sys.executable, "-S", "-c", "import sys; print('what is wrong'); sys.exit(7)")


def test_an_exit_that_is_fine_is_measured() -> None:
    assert run(sys.executable, "-S", "-c", "raise SystemExit(4)", fine=(0, 4)).output == ""
