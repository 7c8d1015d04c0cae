"""Knows what an assignment must satisfy the day it is made, and what becomes of agreed terms on another version.

It starts, charges and writes nothing.

Source: planctl billing rules, lifecycle (assign, reassign).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import field

from planctl.core.catalog.negotiate import agreed
from planctl.core.currencies import Currency
from planctl.core.customers import Customer
from planctl.core.document import Document, Node
from planctl.core.periods import instant_text
from planctl.core.subscriptions.model import ENDED, Subscription
from planctl.core.subscriptions.start import (
    Offered,
    check_price_is_agreed,
    choose_currency,
    choose_row,
    currencies_of,
)
from planctl.errors import InvalidInput, Refused, WrongUsage
from planctl.values import dataclass

Sale = tuple[str, Currency]
"""A price row and a currency in which a plan could start."""

Declared = Mapping[str, Currency]
"""The currencies of the catalog, by code."""


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


def check_at(customer: Customer, plan: str, at: str) -> None:
    """`at` says when new terms of a running plan hold: WrongUsage where the plan does not run."""
    if at:
        raise WrongUsage(
            f"--at says when new terms of a running plan hold, and {customer.id} does not run {plan}",
            where="--at",
            got=at,
            hint="leave --at out",
        )


def that_runs(customer: Customer, plan: str, subscriptions: Sequence[Subscription]) -> Subscription | None:
    """The customer's subscription of the plan, whose terms an assignment would renew; None where it has none.

    Refused for one that is still to start: it takes its terms with it.
    """
    mine = [one for one in subscriptions if one.plan == plan and one.status not in ENDED]
    live = next((one for one in mine if one.live), None)
    if live is None and mine:
        raise Refused(
            f"{customer.id}/{plan} is to start {instant_text(mine[0].started_at)} on the terms it has",
            code="to-start",
            where=f"{customer.id}/{plan}",
            hint=f"planctl subscription cancel {mine[0].id}, then assign it and start it again",
        )
    return live


@dataclass(frozen=True, slots=True)
class Relaid:
    """Agreed terms laid over another version of their plan, by path.

    `terms` are those that go on being agreed; of them `same` say what the version says by itself. `void` are
    those that do not go with the version any more, with why, and are given up.
    """

    terms: Mapping[str, str]
    same: tuple[str, ...] = ()
    void: Mapping[str, str] = field(default_factory=dict)


def relaid(
    plan: str, terms: Mapping[str, str], read: Mapping[str, Node], snapshot: Document, declared: Declared
) -> Relaid:
    """Which agreed terms can be laid over a version's snapshot; `read` are the same as nodes.

    All are kept where they can be read together with it, one after the other by path where not. A price does
    not survive that the plan became free.
    """
    free = _is_free(plan, snapshot, declared)
    void = {path: "the plan is free now" for path in terms if free and path.partition(".")[0] == "price"}
    left = [path for path in sorted(terms) if path not in void]
    if _problem(plan, {path: read[path] for path in left}, snapshot, declared):
        kept: dict[str, Node] = {}
        for path in left:
            problem = _problem(plan, {**kept, path: read[path]}, snapshot, declared)
            if problem:
                void[path] = problem
            else:
                kept[path] = read[path]
        left = list(kept)
    whole = _hash(plan, {path: read[path] for path in left}, snapshot, declared)
    same = tuple(
        path
        for path in left
        if _hash(plan, {one: read[one] for one in left if one != path}, snapshot, declared) == whole
    )
    return Relaid({path: terms[path] for path in left}, same, void)


def _hash(plan: str, terms: Mapping[str, Node], snapshot: Document, declared: Declared) -> str:
    """The hash of a snapshot with terms laid over it; empty where they cannot be."""
    try:
        return agreed(plan, snapshot, terms, declared).hash
    except (InvalidInput, Refused):
        return ""


def _problem(plan: str, terms: Mapping[str, Node], snapshot: Document, declared: Declared) -> str:
    """Why terms cannot be laid over a snapshot; empty where they can."""
    try:
        agreed(plan, snapshot, terms, declared)
    except (InvalidInput, Refused) as problem:
        return problem.message
    return ""


def _is_free(plan: str, snapshot: Document, declared: Declared) -> bool:
    return agreed(plan, snapshot, {}, declared).terms.free
