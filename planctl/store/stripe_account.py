"""The one Stripe account that a store is pinned to, and its mode. It knows no key but what may be shown of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import select

from planctl.core.periods import Instant
from planctl.core.stripe.model import Account
from planctl.errors import Refused
from planctl.store.sets import put_rows, table

if TYPE_CHECKING:
    from planctl.store.engine import Tx

_A = table("stripe_account")


def pinned(tx: Tx) -> Account | None:
    """The account, None where Stripe was never set up."""
    row = tx.connection.execute(select(_A)).one_or_none()
    if row is None:
        return None
    return Account(
        row.account,
        bool(row.livemode),
        row.key_shown,
        row.country,
        row.return_url,
        row.cursor,
        Instant(row.set_up_at),
    )


def account(tx: Tx) -> Account:
    """The account; Refused where Stripe was never set up."""
    found = pinned(tx)
    if found is None:
        raise Refused(
            "Stripe is not set up for this store",
            code="stripe-not-set-up",
            where="stripe",
            hint="planctl stripe setup pins the account and the mode",
        )
    return found


def pin(tx: Tx, one: Account) -> None:
    """Keep the account: the caller has seen to it that it is the one that was pinned before, if any."""
    row = {
        "id": 1,
        "account": one.id,
        "livemode": int(one.live),
        "key_shown": one.key,
        "country": one.country,
        "return_url": one.return_url,
        "cursor": one.cursor,
        "set_up_at": one.set_up_at,
    }
    put_rows(tx, "stripe_account", [row], replaced=("key_shown", "country", "return_url"))


def move_cursor(tx: Tx, second: int) -> None:
    """Keep up to which second events were read; it never goes back."""
    tx.connection.execute(_A.update().where(_A.c.cursor < second).values(cursor=second))


def set_cursor(tx: Tx, second: int) -> None:
    """Keep up to which second events were read where a wrong clock had left it in the future."""
    tx.connection.execute(_A.update().values(cursor=second))
