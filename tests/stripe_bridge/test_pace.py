"""Requests go out evenly and below Stripe's limits; after a failure the waits grow, but not for ever."""

from __future__ import annotations

from itertools import pairwise

import pytest

from planctl.stripe_bridge import pace
from planctl.stripe_bridge.pace import PER_SECOND, Pace, backoff

MS = 1_000_000


class Clock:
    """A monotonic clock that moves only when somebody sleeps or says so."""

    def __init__(self) -> None:
        self.now = 5_000 * MS
        self.slept: list[int] = []

    def read(self) -> int:
        return self.now

    def sleep(self, nanoseconds: int) -> None:
        self.slept.append(nanoseconds)
        self.now += nanoseconds


def test_twenty_requests_a_second_go_out_fifty_milliseconds_apart() -> None:
    clock = Clock()
    limited = Pace(20, clock.read, clock.sleep)
    sent = []
    for _ in range(4):
        limited.wait()
        sent.append(clock.now)
    assert [later - earlier for earlier, later in pairwise(sent)] == [50 * MS] * 3
    assert clock.slept == [50 * MS] * 3


def test_the_time_a_request_takes_is_no_time_to_wait_again() -> None:
    clock = Clock()
    limited = Pace(20, clock.read, clock.sleep)
    for took in (30 * MS, 70 * MS, 0):
        limited.wait()
        clock.now += took
    limited.wait()
    assert clock.slept == [20 * MS, 50 * MS]


def test_a_long_rest_saves_up_no_burst() -> None:
    clock = Clock()
    limited = Pace(20, clock.read, clock.sleep)
    limited.wait()
    clock.now += 10_000 * MS
    limited.wait()
    limited.wait()
    assert clock.slept == [50 * MS]


def test_a_second_that_does_not_divide_is_rounded_towards_fewer_requests() -> None:
    clock = Clock()
    limited = Pace(3, clock.read, clock.sleep)
    limited.wait()
    limited.wait()
    assert clock.slept == [333_333_334]


def test_without_a_limit_nobody_waits_or_asks_the_clock() -> None:
    def never(*_: object) -> int:
        raise AssertionError("asked")

    unlimited = Pace(0, never, never)  # type: ignore[arg-type]  # it is never called
    unlimited.wait()
    unlimited.wait()


def test_planctl_stays_below_the_lowest_limit_of_stripe() -> None:
    """docs.stripe.com/rate-limits: 25 requests a second in test mode, 100 live."""
    assert PER_SECOND < 25


@pytest.mark.parametrize(
    ("attempt", "least", "most"),
    [
        (1, 250, 500),
        (2, 500, 1_000),
        (3, 1_000, 2_000),
        (4, 2_000, 4_000),
        (5, 4_000, 8_000),
        (6, 4_000, 8_000),
    ],
)
def test_each_wait_is_twice_the_one_before_up_to_eight_seconds(attempt: int, least: int, most: int) -> None:
    assert (backoff(attempt, None, 0), backoff(attempt, None, 1_000)) == (least, most)


def test_chance_spreads_the_upper_half() -> None:
    assert backoff(1, None, 500) == 375


def test_after_very_many_failures_the_wait_is_still_the_longest() -> None:
    assert backoff(1_000_000, None, 1_000) == 8_000


def test_what_stripe_asks_for_is_the_least() -> None:
    assert backoff(1, 30, 0) == 30_000
    assert backoff(5, 1, 1_000) == 8_000
    assert backoff(1, 0, 0) == 250


def test_sleeping_takes_nanoseconds(monkeypatch: pytest.MonkeyPatch) -> None:
    slept: list[float] = []
    monkeypatch.setattr("time.sleep", slept.append)
    pace.sleep(1_500 * MS)
    assert slept == [1.5]
