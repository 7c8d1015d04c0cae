"""A transaction that the server undid is done again, a few times, and only then."""

from __future__ import annotations

import pytest

from planctl import clock
from planctl.errors import Busy, PlanctlError, StoreFailure
from planctl.store.failures import Collided, Cut, Unsure
from planctl.store.retrying import attempted


@pytest.fixture
def pauses(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The milliseconds that were waited; nobody really waits."""
    waited: list[int] = []
    monkeypatch.setattr(clock, "pause", waited.append)
    return waited


class Failing:
    """Fails with each of the errors in turn, then gives how often it was called."""

    def __init__(self, *errors: PlanctlError) -> None:
        self.errors = list(errors)
        self.calls = 0

    def __call__(self) -> int:
        self.calls += 1
        if self.errors:
            raise self.errors.pop(0)
        return self.calls


def test_what_succeeds_is_done_once(pauses: list[int]) -> None:
    assert attempted(Failing()) == 1
    assert pauses == []


def test_a_collision_and_a_cut_are_done_again_after_growing_waits(pauses: list[int]) -> None:
    assert attempted(Failing(Collided("a"), Cut("b"), Collided("c"))) == 4
    assert [50 <= pauses[0] <= 100, 100 <= pauses[1] <= 200, 200 <= pauses[2] <= 400] == [True] * 3
    assert len(pauses) == 3


def test_the_sixth_failure_is_what_the_command_says(pauses: list[int]) -> None:
    failing = Failing(*(Collided(str(number)) for number in range(9)))
    with pytest.raises(Collided, match="5"):
        attempted(failing)
    assert (failing.calls, len(pauses)) == (6, 5)


@pytest.mark.parametrize("error", [Busy("locked"), Unsure("not known"), StoreFailure("disk")])
def test_what_was_waited_for_or_may_have_been_kept_is_not_done_again(
    error: PlanctlError, pauses: list[int]
) -> None:
    failing = Failing(error)
    with pytest.raises(type(error)):
        attempted(failing)
    assert (failing.calls, pauses) == (1, [])


def test_what_may_have_been_kept_is_done_again_where_twice_is_as_good_as_once(pauses: list[int]) -> None:
    assert attempted(Failing(Unsure("a"), Cut("b")), idempotent=True) == 3
    assert len(pauses) == 2
