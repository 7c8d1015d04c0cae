"""F139: the server stops, ends the connection or undoes a transaction in the middle of a write command."""

from __future__ import annotations

import pytest

from tests.reliability.postgres import FAULTS, Judge, some, try_some
from tests.reliability.test_crash import named

pytestmark = [pytest.mark.sqlite_only, pytest.mark.postgres]
"""The stores of the other tests stay where they are; this one has a server of its own that it may stop."""

EACH = 10


@pytest.mark.parametrize("seed", range(EACH))
def test_F139_a_server_that_stops_at_once_leaves_all_or_nothing(seed: int) -> None:
    assert try_some(some(1, seed, ("stop",))) == 1


@pytest.mark.parametrize("fault", FAULTS[1:])
def test_F139_a_connection_or_a_transaction_that_ends_is_made_good(fault: str) -> None:
    assert try_some(some(3, FAULTS.index(fault), (fault,))) == 3


@pytest.mark.parametrize("fault", FAULTS)
def test_F139_a_run_of_several_transactions_goes_on(fault: str) -> None:
    judge = Judge(named("invoice run"))
    for share in (4, 7):
        judge.try_out(fault, max(1, judge.statements * share // 10))
