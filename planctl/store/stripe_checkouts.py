"""Checkout pages that were opened, as rows: what each is for, for how much, and what came of it. It decides nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import Row, select

from planctl.core.currencies import iso_currency
from planctl.core.document import canonical, document_of
from planctl.core.periods import Instant
from planctl.core.stripe.checkout import Page, purchase_of
from planctl.store.sets import insert_rows, sequences, table
from planctl.store.touching import will_change

if TYPE_CHECKING:
    from planctl.store.engine import Tx

_P = table("stripe_checkout")
_C = table("customer")


def add(tx: Tx, one: Page) -> None:
    """Keep a page that was opened; Conflict where it is kept already."""
    customer = one.purchase.customer
    row = {
        "session": one.session,
        "customer": sequences(tx, [customer])[customer],
        "plan": one.purchase.plan,
        "request": canonical(one.purchase.document()),
        "promise": canonical({**one.promise}),
        "amount": one.amount_minor,
        "currency": one.currency.code,
        "decimals": one.currency.decimals,
        "url": one.url,
        "state": one.state,
        "made_at": one.made_at,
        "expires_at": one.expires_at,
        "subscription": one.subscription,
        "detail": one.note,
    }
    insert_rows(tx, "stripe_checkout", [row])


def page(tx: Tx, session: str) -> Page | None:
    """The page with that session; None where none is kept."""
    query = select(_P, _C.c.id.label("customer_id")).join(_C, _C.c.seq == _P.c.customer)
    row = tx.connection.execute(query.where(_P.c.session == session)).one_or_none()
    return None if row is None else _page(row)


def save(tx: Tx, one: Page) -> None:
    """Keep what came of a page. Of one whose money was taken in nothing changes any more."""
    values = {"state": one.state, "subscription": one.subscription, "detail": one.note}
    open_still = _P.c.state.not_in(("completed", "credited"))
    will_change(tx, "stripe_checkout", [(one.session,)])
    changed = tx.connection.execute(
        _P.update().where(_P.c.session == one.session, open_still).values(values)
    ).rowcount
    assert changed == 1, f"{one.session} is not kept, or final"


def _page(row: Row[Any]) -> Page:
    promise, currency = document_of(row.promise), iso_currency(row.currency)
    assert isinstance(promise, dict)
    assert currency is not None, f"{row.currency} is no money of Stripe's"
    assert currency.decimals == row.decimals, f"{row.currency} has {currency.decimals} decimals"
    return Page(
        row.session,
        purchase_of(document_of(row.request)),
        {name: str(said) for name, said in promise.items()},
        row.amount,
        currency,
        row.url,
        Instant(row.made_at),
        Instant(row.expires_at),
        row.state,
        row.subscription,
        row.detail,
    )
