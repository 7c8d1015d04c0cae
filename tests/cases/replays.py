"""Every month of a story rated again: by the terms held it is what was issued, to the cent, and no line is left out.

The proposed side is asked too, with every subscription moved to the very terms it has: it must come to the same.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from pathlib import Path

from sqlalchemy import text

from planctl.core.instants import local_date, zone
from planctl.core.invoicing.model import Draft
from planctl.core.periods import Instant
from planctl.core.replay.account import Account
from planctl.core.replay.needs import held_needs, moved_needs
from planctl.core.replay.proposal import Proposal
from planctl.core.replay.replayed import Ground, Replayed, replay
from planctl.core.replay.simulation import Span
from planctl.core.replay.span import span_of
from planctl.store import replaying
from planctl.store.engine import Tx, open_store
from tests import stores

NOTHING = Proposal()


def assert_every_month_replays(store: Path) -> None:
    """AssertionError naming each statement of the store that does not come out as it was issued, on either side."""
    with open_store(stores.url(store)) as opened, opened.read() as tx:
        problems = [problem for span in _months(tx) for problem in _problems(tx, span)]
    assert not problems, "\n".join(problems)


def _months(tx: Tx) -> Iterator[Span]:
    instants = tx.connection.execute(text("SELECT DISTINCT issued_at FROM invoice")).scalars()
    days = {local_date(Instant(at), zone("UTC")) for at in instants}
    for month in sorted({date(day.year, day.month, 1) for day in days}):
        yield span_of(month.isoformat()[:7], "UTC")


def _problems(tx: Tx, span: Span) -> Iterator[str]:
    house, issued, replayed = replaying.house(tx), 0, 0
    for page in replaying.accounts(tx, span):
        yield from page.unreadable
        for account in page.accounts:
            issued += sum(draft.total_minor for draft in account.drafts.values())
            same = {one.id: one for one in account.past.subscriptions}
            held = replaying.measured(tx, held_needs(account, same), same, {})
            proposed = replaying.measured(tx, moved_needs(account, same), same, {})
            for one in replay(account, Ground(same, held, proposed), house, NOTHING):
                replayed += one.held.draft.total_minor
                yield from (f"{span.text}: {what}" for what in _wrong(account, one))
    if issued != replayed:
        yield f"{span.text}: {issued} were issued, rated again it is {replayed} (minor units)"


def _wrong(account: Account, one: Replayed) -> Iterator[str]:
    name = f"{account.customer.id} {one.number or 'without an invoice'}"
    yield from (f"{name}: {difference}" for difference in one.differences)
    yield from (f"{name}: left as issued, {why}" for why in one.kept)
    held, moved = _told(one.held.draft), _told(one.moved.draft)
    if held != moved:
        yield f"{name}: moved to its own terms it is {moved}, not {held}"


def _told(draft: Draft) -> tuple[object, ...]:
    lines = [
        (
            line.charge_key,
            line.service_index,
            line.occasion,
            line.amount_minor,
            line.discount_minor,
            line.taxes,
        )
        for line in draft.lines
        if line.amount_minor
    ]
    return (lines, draft.discounts, draft.taxes)
