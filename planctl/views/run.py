"""How a billing run looks, to machines and to people."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

from planctl.core.currencies import Currency
from planctl.core.document import Document
from planctl.core.instants import Instant, instant_text
from planctl.core.invoicing.model import CreditDraft, Invoice
from planctl.core.subscriptions.model import Transition
from planctl.views.invoice import totals_document
from planctl.views.payment import transition_document
from planctl.views.sheet import Answer, Json

_NAMED = 5
"""How many customers a warning names."""


class HeldLike(Protocol):
    """A customer left alone, and why."""

    @property
    def customer(self) -> str:
        """The customer's id."""
        ...

    @property
    def reason(self) -> str:
        """Why."""
        ...


class ReportLike(Protocol):
    """What a run did."""

    as_of: Instant
    nothing_due: int

    @property
    def invoices(self) -> Sequence[Invoice]:
        """Those issued, in the order of their numbers."""
        ...

    @property
    def held(self) -> Sequence[HeldLike]:
        """Customers left alone."""
        ...

    @property
    def transitions(self) -> Sequence[Transition]:
        """What moved."""
        ...

    @property
    def credits(self) -> Sequence[CreditDraft]:
        """Credit notes beside the invoices."""
        ...

    def totals(self) -> Mapping[Currency, int]:
        """Invoiced minor units per currency."""
        ...

    def credited(self) -> Mapping[Currency, int]:
        """Credited minor units per currency."""
        ...


def run_document(report: ReportLike, elapsed_ms: int) -> dict[str, Document]:
    """A run as JSON."""
    document: dict[str, Json] = {
        "as_of": instant_text(report.as_of),
        "issued": len(report.invoices),
        "invoices": [one.number for one in report.invoices],
        "totals": totals_document(report.totals()),
        "credit_notes": len(report.credits),
        "credited": totals_document(report.credited()),
        "nothing_due": report.nothing_due,
        "held": [{"customer": one.customer, "reason": one.reason} for one in report.held],
        "transitions": [transition_document(move) for move in report.transitions],
        "elapsed_ms": elapsed_ms,
    }
    return document  # type: ignore[return-value]


def run_answer(document: Json, names: Mapping[str, str]) -> Answer:
    """What a run did, from its document; quiet about what did not happen.

    `names` says `CUSTOMER/PLAN` for the subscriptions that moved.
    """
    assert isinstance(document, Mapping)
    totals, invoices, moves = document["totals"], document["invoices"], document["transitions"]
    assert isinstance(totals, Mapping)
    assert isinstance(invoices, Sequence)
    assert isinstance(moves, Sequence)
    issued, credits = document["issued"], document["credit_notes"]
    if not issued and not moves and not credits:
        return Answer(document, (f"nothing was due as of {document['as_of']}",))
    amounts = ", ".join(f"{amount} {code}" for code, amount in totals.items())
    numbers = f"{invoices[0]} to {invoices[-1]}" if len(invoices) > 1 else "".join(map(str, invoices))
    lines = [
        f"{issued} invoice{'s' * (issued != 1)} issued as of {document['as_of']}"
        + (f": {numbers}, {amounts}" if invoices else "")
    ]
    if credits:
        given = document["credited"]
        assert isinstance(given, Mapping)
        told = ", ".join(f"{amount} {code}" for code, amount in given.items())
        lines.append(f"{credits} credit note{'s' * (credits != 1)} to customers' balances: {told}")
    lines += [
        f"{names.get(str(move['subscription']), move['subscription'])}: {move['from']} to {move['to']}"
        f" at {move['at']}"
        for move in moves
        if isinstance(move, Mapping)
    ]
    return Answer(document, tuple(lines))


def untaxed_warning(customers: Sequence[str]) -> tuple[str, ...]:
    """One line that names customers billed without tax because they have no country; none where all have one."""
    if not customers:
        return ()
    names = ", ".join(customers[:_NAMED]) + (", …" if len(customers) > _NAMED else "")
    who = f"{len(customers)} customers have" if len(customers) > 1 else f"{customers[0]} has"
    listed = f": {names}" if len(customers) > 1 else ""
    return (
        f"warning: {who} no country, so no tax is charged{listed}"
        " (planctl customer update CUSTOMER --country DE, or --tax exempt)",
    )
