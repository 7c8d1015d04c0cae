"""The quick size on PostgreSQL: pairs at once, one stopped after a statement with another beside it, and many."""

from __future__ import annotations

import pytest

from tests.reliability.ground import Ground
from tests.reliability.many import CASES, Case, check
from tests.reliability.pairs import Orders, command
from tests.reliability.pairs import check as check_pair
from tests.reliability.stops import check_stopped_on_postgres, counted

pytestmark = [pytest.mark.sqlite_only, pytest.mark.postgres, pytest.mark.compiler, pytest.mark.slow]
"""The stores of the other tests stay where they are; these have a server of their own."""

BESIDE = (
    ("invoice run", "invoice run"),
    ("invoice run", "change now"),
    ("invoice run", "subscription cancel"),
    ("payment record", "invoice void"),
    ("wallet buy", "usage record"),
    ("catalog apply", "subscribe"),
    ("migrate apply", "invoice run"),
)

FAMOUS = tuple(one for one in CASES if one.line.startswith(("invoice run", "wallet buy", "usage record")))


@pytest.mark.parametrize(("one", "other"), BESIDE)
def test_two_commands_at_once_end_as_the_one_after_the_other_does(one: str, other: str) -> None:
    check_pair(Ground(on_postgres=True), command(one), command(other), 1)


@pytest.mark.parametrize(("one", "other"), BESIDE[:5])
def test_a_command_that_is_stopped_after_a_statement_is_passed_by_or_waited_for(one: str, other: str) -> None:
    orders = Orders(Ground(on_postgres=True), command(one), command(other))
    statements = counted(orders.ground, orders.one)
    for third in (1, 2):
        check_stopped_on_postgres(orders, statements * third // 3)


@pytest.mark.parametrize("case", FAMOUS, ids=[one.line for one in FAMOUS])
def test_what_many_ask_for_at_once_is_done_as_often_as_it_may(case: Case) -> None:
    check(Ground(on_postgres=True), case, 8)
