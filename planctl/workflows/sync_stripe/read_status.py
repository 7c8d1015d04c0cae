"""Where the business stands with Stripe, as the store knows it. It needs no key and opens no connection."""

from __future__ import annotations

from typing import TYPE_CHECKING

from planctl.core.periods import Instant
from planctl.core.stripe.invoice_calls import PAID_ELSEWHERE, VOID, WRITE_OFF
from planctl.core.stripe.model import Account, Operation, State
from planctl.core.stripe.status_report import StripeStanding

if TYPE_CHECKING:
    from planctl.store.engine import Tx


def read_standing(tx: Tx, as_of: Instant) -> StripeStanding:
    """Where the store stands with its account; Refused where Stripe was never set up."""
    from planctl.store import stripe_account, stripe_outbox, stripe_standing
    from planctl.store.settings import timezone

    account = stripe_account.account(tx)
    return StripeStanding(
        as_of=as_of,
        account=account,
        counts=stripe_outbox.counts(tx, account),
        event_counts=stripe_standing.event_counts(tx),
        last_event=stripe_standing.last_event(tx),
        parked=tuple(stripe_outbox.in_state(tx, account, {State.PARKED})),
        waiting=tuple(stripe_standing.waiting_events(tx)),
        unpaid=tuple(stripe_standing.unpaid_there(tx, account)),
        pages=tuple(stripe_standing.open_pages(tx)),
        given_up=tuple(_given_up(tx, account)),
        timezone=timezone(tx),
    )


def _given_up(tx: Tx, account: Account) -> list[Operation]:
    """What is never to be done, but for what brings in an invoice that is settled meanwhile: nobody misses that."""
    from planctl.store import invoices, stripe_outbox

    found = stripe_outbox.given_up(tx, account)
    names = [one.local_id for one in found if one.kind == "invoice" and one.action not in _ENDING]
    settled = {name for name, invoice in invoices.get_many(tx, names).items() if not invoice.unpaid}
    return [one for one in found if one.local_id not in settled or one.action in _ENDING]


_ENDING = frozenset({VOID, WRITE_OFF, PAID_ELSEWHERE})
"""What is done at Stripe about an invoice that is settled here."""
