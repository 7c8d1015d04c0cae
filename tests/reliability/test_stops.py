"""The quick size of `stops`: each chosen command stopped at every point, those of several transactions between them."""

from __future__ import annotations

import pytest

from tests.reliability.ground import Ground
from tests.reliability.pairs import CHOSEN, Orders, command
from tests.reliability.stops import POINTS, STEPS, check_stopped, counted
from tests.reliability.world import Command

pytestmark = [pytest.mark.sqlite_only, pytest.mark.compiler, pytest.mark.slow]

LATE = ("tests.reliability.stops:lazy_begin",)


@pytest.mark.parametrize("name", CHOSEN)
def test_a_command_that_is_stopped_is_passed_by_or_waited_for(name: str) -> None:
    for number, point in enumerate(POINTS):
        other = CHOSEN[(CHOSEN.index(name) + 1 + number) % len(CHOSEN)]
        check_stopped(Orders(Ground(), command(name), command(other)), point)


@pytest.mark.parametrize("one", STEPS, ids=[one.name for one in STEPS])
@pytest.mark.parametrize("third", range(3))
def test_a_command_of_several_transactions_lets_others_in_between(one: Command, third: int) -> None:
    transactions = counted(Ground(), one)
    assert transactions > 1
    for number, other in [*enumerate(CHOSEN)][third::3]:
        check_stopped(Orders(Ground(), one, command(other)), "after commit", 1 + number % (transactions - 1))


def test_a_command_that_takes_its_lock_late_is_caught() -> None:
    """Were nothing asserted of whoever comes meanwhile, the harness would prove nothing."""
    orders = Orders(Ground(), command("wallet buy"), command("payment record"))
    with pytest.raises(AssertionError, match="stopped after begin"):
        check_stopped(orders, "after begin", mutant=LATE)
