"""What goes back when a subscription stops using what it was charged ahead for, as credit notes. It writes nothing.

Source: planctl billing rules, lifecycle (cancel, pause).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from planctl.core.invoicing.credits import Parts
from planctl.core.invoicing.drafting import empty_draft
from planctl.core.invoicing.facts import BilledLine, CustomerFacts
from planctl.core.invoicing.fees import Names
from planctl.core.invoicing.journey import waits
from planctl.core.invoicing.model import CreditDraft, CreditNote, Invoice, Refund
from planctl.core.invoicing.settling import Purse, settled
from planctl.core.invoicing.unused import unused_lines
from planctl.core.periods import Instant
from planctl.core.subscriptions.model import Subscription
from planctl.core.subscriptions.standing import check_fees_billed, name_of
from planctl.errors import Refused
from planctl.values import dataclass


@dataclass(frozen=True, slots=True)
class Unused:
    """A subscription that does not use what it was charged for, from `at` on."""

    subscription: Subscription
    at: Instant


@dataclass(frozen=True, slots=True)
class Returned:
    """A credit note that was issued, its invoice as it was before, where the amount went, and as what money."""

    note: CreditNote
    invoice: Invoice
    parts: Parts
    refunds: tuple[Refund, ...] = ()


def check_charged(facts: CustomerFacts, several: Iterable[Subscription], now: Instant) -> None:
    """Only what was billed can be credited: Refused where a fee, or what a lifted block left open, waits for a run.

    `several` are subscriptions of these facts, as they are stored.
    """
    for one in several:
        check_fees_billed(one, now)
        if waits(one, facts.left_open(one)):
            raise Refused(
                f"{name_of(one)} has something that the next run bills, and what is not billed cannot be credited",
                code="not-billed",
                where=name_of(one),
                hint=f"planctl invoice run --customer {one.customer}",
            )


def with_credits(billed: Iterable[BilledLine], drafts: Sequence[CreditDraft]) -> tuple[BilledLine, ...]:
    """Billed lines as they will be once credits are issued: a minimum compares with what is left of them."""
    taken = {(draft.invoice, line.position): line for draft in drafts for line in draft.lines}
    found = []
    for one in billed:
        line = taken.get((one.invoice, one.position))
        net = 0 if line is None else line.net_minor
        back = replace(one.credited, net_minor=one.credited.net_minor + net)
        found.append(replace(one, credited=back, settled_minor=one.settled_minor + net))
    return tuple(found)


def unused_credits(
    several: Sequence[Unused], purse: Purse, names: Names, occasion: str, now: Instant
) -> tuple[CreditDraft, ...]:
    """The credits for what subscriptions do not use any more, with discounts and taxes, one for each invoice.

    The first of them is what stops, the others are its add-ons; they are issued at `now`. `purse` has the lines
    that were billed. Nothing is credited twice, and nothing that was never charged.
    """
    lines = [
        line
        for one in several
        for line in unused_lines(one.subscription, one.at, purse.billed, names, occasion)
    ]
    if not lines:
        return ()
    first = several[0]
    index = first.subscription.schedule().index_at(Instant(max(first.at, first.subscription.anchor_at)))
    draft = empty_draft(first.subscription, "change", index, occasion, first.at, now)
    return settled([replace(draft, lines=tuple(lines))], purse).credits
