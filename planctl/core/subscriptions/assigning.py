"""Knows what an assignment must satisfy the day it is made; it starts, charges and writes nothing.

Source: planctl billing rules, lifecycle (assign).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from planctl.core.currencies import Currency
from planctl.core.customers import Customer
from planctl.core.subscriptions.model import ENDED, Subscription
from planctl.core.subscriptions.start import (
    Offered,
    check_price_is_agreed,
    choose_currency,
    choose_row,
    currencies_of,
)
from planctl.errors import NotYet, Refused, WrongUsage

Sale = tuple[str, Currency]
"""A price row and a currency in which a plan could start."""


def possible_sales(
    customer: Customer, offered: Offered, pay: str, currency: str, declared: Mapping[str, Currency]
) -> tuple[Sale, ...]:
    """The rows and currencies in which the plan could start, given what is said so far, in the plan's order.

    Empty `pay` and `currency` leave open what the start will say; the customer's own currency decides where it
    has one. Refused where nothing is left: not sold so, or every price is a range and none was agreed.
    """
    found: list[Sale] = []
    refused: list[Refused] = []
    for row in _rows(offered, pay):
        for money in _currencies(customer, offered, row, currency, declared, refused):
            try:
                check_price_is_agreed(customer, offered, row, money)
            except Refused as problem:
                refused.append(problem)
            else:
                found.append((row, money))
    if not found and refused:
        raise refused[0]
    return tuple(found)


def _rows(offered: Offered, pay: str) -> tuple[str, ...]:
    """The row that is named or the only one, else all of them."""
    if pay or len(offered.terms.rows) < 2:
        return (choose_row(offered, pay),)
    return tuple(str(row.interval) for row in offered.terms.rows)


def _currencies(  # noqa: PLR0913 - the facts of `possible_sales`
    customer: Customer,
    offered: Offered,
    row: str,
    wanted: str,
    declared: Mapping[str, Currency],
    refused: list[Refused],
) -> tuple[Currency, ...]:
    """The currency a start would take, or each that is sold where that is still open; a no is put on the list."""
    try:
        return (choose_currency(offered, row, wanted, customer, declared),)
    except WrongUsage:
        return tuple(declared[code] for code in currencies_of(offered, row, declared) if code in declared)
    except Refused as problem:
        refused.append(problem)
        return ()


def check_requires(customer: Customer, offered: Offered, running: Sequence[Subscription]) -> None:
    """An add-on needs one of the plans it requires to run, or to be scheduled (Refused)."""
    held = {one.plan for one in running if one.status not in ENDED}
    needed = offered.terms.requires
    if needed and not held.intersection(needed):
        raise Refused(
            f"{offered.plan} goes with {' or '.join(needed)}, and {customer.id} runs none of them",
            code="requires",
            where=f"plans.{offered.plan}",
            expected=" | ".join(needed),
            got=", ".join(sorted(held)) or "no plan",
            hint=f"planctl subscribe {customer.id} {needed[0]}",
        )


def check_group(customer: Customer, offered: Offered, waiting: Sequence[Offered]) -> None:
    """Of an exclusive group one plan at most waits for a customer (Refused, naming the other).

    A plan of the group that runs is none: it is what the start will change.
    """
    for other in waiting:
        if other.plan != offered.plan and offered.exclusive and _one_group(offered, other):
            raise Refused(
                f"{other.plan} waits for {customer.id} already, and {offered.terms.group} is one plan at a time",
                code="group-waiting",
                where=f"{customer.id}/{offered.plan}",
                got=other.plan,
                hint=f"planctl unassign {customer.id} {other.plan}",
            )


def _one_group(offered: Offered, other: Offered) -> bool:
    return other.exclusive and other.terms.group == offered.terms.group


def check_at(customer: Customer, plan: str, at: str, running: Sequence[Subscription]) -> None:
    """Terms for a plan that runs are a reassignment (NotYet); `at` belongs to one, so it is WrongUsage alone."""
    if any(one.plan == plan and one.status not in ENDED for one in running):
        raise NotYet("reassign", where=f"{customer.id}/{plan}")
    if at:
        raise WrongUsage(
            f"--at says when new terms of a running plan hold, and {customer.id} does not run {plan}",
            where="--at",
            got=at,
            hint="leave --at out",
        )
