"""The trials that customers and fingerprints have taken, read and written. It decides nothing.

A use whose subscription was scheduled and called off before it began does not count: no trial was had.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from sqlalchemy import Select, and_, select, tuple_

from planctl.core.catalog.model import Terms
from planctl.core.customers import Customer
from planctl.core.subscriptions.model import Status
from planctl.core.subscriptions.trials import TrialUse, WhoKind, scope_of
from planctl.store import catalog
from planctl.store.mapping import instant, named, said
from planctl.store.sets import Values, chunks, put_rows, table

if TYPE_CHECKING:
    from planctl.store.engine import Tx

_T = table("trial_use")
_S = table("subscription")
_KINDS: dict[str, WhoKind] = {"customer": "customer", "fingerprint": "fingerprint"}


def trials_used(tx: Tx, customer: Customer, plan: str, terms: Terms) -> tuple[TrialUse, ...]:
    """The trials that the customer and its fingerprint have taken in the scope of a plan, by who took them.

    What was taken under an earlier id of the group or plan counts. Empty, without a look, where the terms have
    no trial.
    """
    if terms.trial is None:
        return ()
    scope = scope_of(plan, terms)
    section, _, name = scope.partition(":")
    former = catalog.aliases(tx, f"{section}s").get(name, ())
    scopes = [scope, *(f"{section}:{old}" for old in former)]
    who = [("customer", customer.id), ("fingerprint", customer.fingerprint)]
    query = _standing().where(
        tuple_(_T.c.who_kind, _T.c.who).in_([one for one in who if one[1]]), _T.c.scope.in_(scopes)
    )
    rows = tx.connection.execute(query.order_by(_T.c.who_kind, _T.c.started_at)).all()
    return tuple(
        TrialUse(_KINDS[row.who_kind], row.who, scope, row.subscription, instant(row.started_at))
        for row in rows
    )


def record_trials(tx: Tx, uses: Sequence[TrialUse]) -> None:
    """Remember trials; one that was had before stays as it is."""
    taken: set[tuple[str, str, str]] = set()
    for chunk in chunks(uses):
        keys = [(use.who_kind, use.who, use.scope) for use in chunk]
        query = _standing().where(tuple_(_T.c.who_kind, _T.c.who, _T.c.scope).in_(keys))
        taken |= {(row.who_kind, row.who, row.scope) for row in tx.connection.execute(query)}
    fresh = [use for use in uses if (use.who_kind, use.who, use.scope) not in taken]
    put_rows(tx, "trial_use", [_row(use) for use in fresh], replaced=("subscription", "started_at"))


def _standing() -> Select[tuple[object, ...]]:
    """The uses that count: not those of a subscription that was canceled while it was still to start."""
    called_off = and_(
        _S.c.status == Status.CANCELED.value, _S.c.settled_at.is_(None), _S.c.ends_at <= _S.c.started_at
    )
    return select(_T).where(~select(_S.c.id).where(_S.c.id == _T.c.subscription, called_off).exists())


def _row(use: TrialUse) -> Values:
    return {
        "who_kind": named(use.who_kind),
        "who": named(use.who),
        "scope": named(use.scope),
        "subscription": said(use.subscription),
        "started_at": instant(use.started_at),
    }
