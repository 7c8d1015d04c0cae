"""Reads the events that Stripe has kept and takes in each as a webhook would; it may be stopped anywhere.

Source: planctl reliability rules, Stripe and webhooks: a webhook that never came;
https://docs.stripe.com/api/events/list: thirty days back.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from planctl.core.periods import Instant
from planctl.core.stripe.facts import intent_of
from planctl.core.stripe.facts_notice import (
    LOOK,
    LOOK_MONEY,
    LOOK_PAGE,
    MOST_TYPES,
    TOPICS,
    Notice,
    notice_of,
)
from planctl.core.stripe.facts_told import Handled, Outcome, Pulled
from planctl.core.stripe.reading import instant_of
from planctl.store import stripe_account, stripe_standing
from planctl.workflows.receive_webhook.handling import Receiver, handle, look_at

if TYPE_CHECKING:
    from planctl.core.stripe.model import Account, Value
    from planctl.store.engine import Tx
    from planctl.stripe_bridge.gateway import Gateway

OVERLAP = 3_600
"""Seconds before the last event read that are read again: events are listed a little later than they are made."""

OLDEST = 29 * 86_400
"""Seconds after which events may be gone that nobody read. Stripe keeps them for 30 days."""

PORTION = 86_400
"""Seconds that are read at once: Stripe lists the newest first, and the oldest is to be taken in first."""

DECIDING = 120 * 86_400
"""Seconds for which a dispute or a refund of before the silence may have been on its way when that began."""

Progress = Callable[[int, int], None]
"""Called with how many events were taken in, and how many are known of."""


def pull(receiver: Receiver, progress: Progress = lambda _done, _of: None) -> Pulled:
    """Take in every event since the last one that was read, the oldest first.

    The cursor moves in the transaction that keeps an event, and to now at the end; whatever stops it, the next pull
    goes on from there. One that a wrong clock left in the future is not believed. Busy and NotPermitted as `handle`.
    Pages that are open here past their end are looked at, and after 29 days without a pull every invoice that is at
    Stripe and unpaid here, every open page, and what went back or was disputed meanwhile.
    """
    talk = receiver.talk
    with talk.open_read() as tx:
        account = stripe_account.account(tx)
    now = talk.now() // 1_000_000
    begun, since = _begun(account, now)
    counts: Counter[Outcome] = Counter()
    told: list[Handled] = []

    def take(one: Handled) -> None:
        if one.applied or one.outcome == "parked":
            told.append(one)

    for notices in _portions(talk.gateway, since, now):
        of = counts.total() + len(notices)
        for notice in notices:
            handled = handle(receiver, notice, _moving(notice))
            counts[handled.outcome] += 1
            take(handled)
            progress(counts.total(), of)
    lost = now - begun > OLDEST
    looked = [look_at(receiver, *where) for where in _unheard(receiver, begun, now, lost=lost)]
    for one in looked:
        take(one)
    with talk.open_write() as tx:
        stripe_account.set_cursor(tx, now) if account.cursor > now else stripe_account.move_cursor(tx, now)
    ours = sum(one.outcome != "ignored" for one in looked)
    return Pulled(instant_of(since), instant_of(now), counts, tuple(told), ours if lost else 0)


def _begun(account: Account, now: int) -> tuple[int, int]:
    """From when on nothing is known to have been read, and from when on events are read, both in seconds."""
    if account.cursor > now + OVERLAP:  # a clock was wrong, now or then
        return now - OLDEST, now - OLDEST
    begun = min(account.cursor, now) or account.set_up_at // 1_000_000
    return begun, max(begun - OVERLAP if account.cursor else begun, now - OLDEST - PORTION)


def _unheard(receiver: Receiver, begun: int, now: int, *, lost: bool) -> list[tuple[str, str]]:
    """What is to be looked at without an event, as the kind of look and the id at Stripe; each once."""
    talk = receiver.talk
    with talk.open_read() as tx:
        unpaid = stripe_standing.unpaid_there(tx, talk.account) if lost else []
        pages = stripe_standing.open_pages(tx)
    found = [(LOOK, one.stripe_id) for one in unpaid]
    over = Instant((now - OVERLAP) * 1_000_000)
    found += [(LOOK_PAGE, one.session) for one in pages if lost or one.expires_at < over]
    if lost:
        for path in ("/v1/refunds", "/v1/disputes"):
            listed = talk.gateway.list(path, created={"gte": begun - DECIDING})
            found += [(LOOK_MONEY, intent_of(one)) for one in listed if intent_of(one)]
    return [*dict.fromkeys(found)]


def _moving(notice: Notice) -> Callable[[Tx], None]:
    return lambda tx: stripe_account.move_cursor(tx, notice.happened_at // 1_000_000)


def _portions(gateway: Gateway, since: int, until: int) -> Iterator[list[Notice]]:
    """What is taken from the events of each day, the oldest first; the last portion has no end."""
    while True:
        end = since + PORTION
        created: dict[str, Value] = {"gte": since} if end > until else {"gte": since, "lt": end}
        yield _listed(gateway, created)
        if end > until:
            return
        since = end


def _listed(gateway: Gateway, created: dict[str, Value]) -> list[Notice]:
    """The events of a time that say where to look, the oldest first.

    As many types are asked for at once as Stripe takes.
    """
    types: list[Value] = [*TOPICS]
    found: list[Notice] = []
    for first in range(0, len(types), MOST_TYPES):
        some = types[first : first + MOST_TYPES]
        found += [notice_of(event) for event in gateway.list("/v1/events", created=created, types=some)]
    found.reverse()  # the order within a second is that of the list
    return sorted((one for one in found if one.where), key=lambda one: one.happened_at)
