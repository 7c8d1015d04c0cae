"""Statements and accounts of nova to replay, written by hand; it rates nothing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction
from typing import Any

from planctl.core.customers import Customer
from planctl.core.invoicing.drafting import empty_draft
from planctl.core.invoicing.model import Draft, Line, Settlement
from planctl.core.invoicing.reclose import Charge, Past
from planctl.core.replay.account import Account, Statement
from planctl.core.subscriptions.model import Subscription
from tests.core.billing import t


def settled(part: str, index: int, due: str, **more: Any) -> Settlement:
    """What was settled of `sub_1`, billed unless it says otherwise."""
    return replace(Settlement("sub_1", part, index, "billed", t(due)), **more)


def line(minor: int, key: str = "fee", index: int = 0, **more: Any) -> Line:
    """A line of `sub_1`, of January unless it says otherwise."""
    plain = Line(
        "fee", "sub_1", "starter", 1, key, index, "", Fraction(1), None, minor, t("2026-01-01"), t("2026-02-01")
    )  # fmt: skip
    return replace(plain, **more)


def statement(
    name: str, day: str, lines: Sequence[Line] = (), settlements: Sequence[Settlement] = (), **more: Any
) -> Statement:
    """A renewal of `sub_1`, issued on the day for which it bills; its id is also its number."""
    charges = tuple(Charge(name, 0, one, position=place) for place, one in enumerate(lines, 1))
    plain = Statement(
        name, name, "sub_1", "renewal", "", t(day), t(day), tuple(settlements), charges, identity=name
    )
    return replace(plain, **more)


def account(
    subscription: Subscription, statements: Sequence[Statement], *inside: str, **more: Any
) -> Account:
    """nova with one subscription; those named fell into the period, without a name all of them."""
    past = Past(
        (subscription,),
        [(one, each.id) for each in statements for one in each.settled],
        charges=[charge for each in statements for charge in each.charges],
    )
    names = frozenset(inside or (one.id for one in statements))
    return replace(Account(Customer("nova"), past, tuple(statements), names, {}), **more)


def draft_of(subscription: Subscription, issued: Statement) -> Draft:
    """What an issued statement said, without discounts and taxes."""
    empty = empty_draft(subscription, issued.kind, 0, issued.occasion, issued.at, issued.issued_at)
    return replace(empty, lines=tuple(charge.line for charge in issued.charges))
