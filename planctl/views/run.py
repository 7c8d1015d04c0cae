"""How a billing run looks, to machines and to people."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from types import MappingProxyType

from planctl.core.instants import instant_text
from planctl.core.invoicing.comparing import Comparison, percent_words
from planctl.core.invoicing.reporting import RunReport
from planctl.core.money import format_minor
from planctl.views.invoice import totals_document
from planctl.views.payment import transition_document
from planctl.views.sheet import Answer, Json
from planctl.views.words import count

_NAMED = 5
"""How many customers a warning names."""

_LISTED = 20
"""How many moves or invoices are listed for people, before they are counted."""

_LISTS = frozenset({"invoices", "transitions"})
_BAR = 30
_WIDE = 110


def run_document(report: RunReport, elapsed_ms: int) -> dict[str, Json]:
    """A run as JSON."""
    return {
        "as_of": instant_text(report.as_of),
        "issued": len(report.numbers),
        "invoices": [*report.numbers],
        "totals": totals_document(report.totals),
        "credit_notes": report.credit_notes,
        "credited": totals_document(report.credited),
        "nothing_due": report.nothing_due,
        "held": [{"customer": one.customer, "reason": one.reason} for one in report.held],
        "transitions": [transition_document(move) for move in report.transitions],
        "elapsed_ms": elapsed_ms,
    }


def summary_document(document: Mapping[str, Json]) -> dict[str, Json]:
    """What the store keeps of a run: its document without the lists that grow with the business."""
    return {key: value for key, value in document.items() if key not in _LISTS}


def compared_document(comparison: Comparison) -> dict[str, Json]:
    """How a dry run compares, as JSON; `last_as_of` is null where no run has issued anything."""
    return {
        "last_as_of": None if comparison.last_at is None else instant_text(comparison.last_at),
        "changes": [
            {
                "what": one.what,
                "before": str(one.before),
                "now": str(one.now),
                "percent": one.percent_text or None,
            }
            for one in comparison.changes
        ],
        "over_twice": [
            {
                "customer": one.customer,
                "subscription": one.subscription,
                "currency": one.currency.code,
                "usual": format_minor(one.usual_minor, one.currency),
                "total": format_minor(one.total_minor, one.currency),
            }
            for one in comparison.unusual
        ],
    }


def progress_text(done: int, of: int, invoices: int, elapsed_ms: int) -> str:
    """How far a run is, on one line: a bar, customers, invoices, their rate and the time that is left."""
    share = done / of if of else 1.0
    filled = int(share * _BAR)
    seconds = elapsed_ms / 1000
    said = f"[{'#' * filled}{'.' * (_BAR - filled)}] {done:,} of {of:,} customers, {invoices:,} invoices"
    if not done or not seconds:
        return said
    rate = done / seconds
    left = f", {int((of - done) / rate):,} s left" if done < of else f" in {seconds:,.1f} s"
    return f"{said}, {rate:,.0f} customers/s{left}".ljust(_WIDE)


def run_answer(document: Json, names: Mapping[str, str] = MappingProxyType({})) -> Answer:
    """What a run did, from its document; quiet about what did not happen.

    `names` says `CUSTOMER/PLAN` for the subscriptions that moved. Many moves are counted, not listed.
    """
    assert isinstance(document, Mapping)
    totals, invoices, moves = document["totals"], document["invoices"], document["transitions"]
    assert isinstance(totals, Mapping)
    assert isinstance(invoices, Sequence)
    assert isinstance(moves, Sequence)
    issued, credits = document["issued"], document["credit_notes"]
    if not issued and not moves and not credits:
        return Answer(document, (f"nothing was due as of {document['as_of']}", *_compared_lines(document)))
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
    lines += _move_lines([move for move in moves if isinstance(move, Mapping)], names)
    return Answer(document, (*lines, *_compared_lines(document)))


def _move_lines(moves: Sequence[Mapping[str, Json]], names: Mapping[str, str]) -> list[str]:
    """Each move, or how many of each kind there were and where to see them."""
    if len(moves) <= _LISTED:
        return [
            f"{names.get(str(move['subscription']), move['subscription'])}: {move['from']} to {move['to']}"
            f" at {move['at']}"
            for move in moves
        ]
    kinds = Counter((str(move["from"]), str(move["to"])) for move in moves)
    said = [f"{count(number, 'subscription')}: {old} to {new}" for (old, new), number in kinds.items()]
    ends = " or ".join(dict.fromkeys(new for _, new in kinds))
    return [*said, f"(see them: planctl subscription list --status {ends})"]


def _compared_lines(document: Mapping[str, Json]) -> list[str]:
    """How a dry run compares; nothing for a run that was done."""
    compared = document.get("compared")
    if not isinstance(compared, Mapping):
        return []
    changes, unusual = compared["changes"], compared["over_twice"]
    assert isinstance(changes, Sequence)
    assert isinstance(unusual, Sequence)
    lines = [f"compared with the last run that issued something, as of {compared['last_as_of']}:"]
    if compared["last_as_of"] is None:
        lines = ["no run has issued anything yet, so there is nothing to compare with"]
    lines += [
        f"  {one['what']}: {one['before']} to {one['now']} ({percent_words(str(one['percent'] or ''))})"
        for one in changes
        if isinstance(one, Mapping)
    ]
    if unusual:
        lines.append(f"over twice the last invoice of the same kind: {count(len(unusual), 'invoice')}")
    lines += [
        f"  {one['customer']}: {one['total']} {one['currency']}, the last was {one['usual']}"
        for one in unusual[:_LISTED]
        if isinstance(one, Mapping)
    ]
    return lines + (["  … -f json lists them all"] if len(unusual) > _LISTED else [])


def untaxed_warning(customers: Sequence[str], number: int = 0) -> tuple[str, ...]:
    """One line about customers billed without tax because they have no country; none where all have one.

    `number` is how many there are, where `customers` are only the first of them.
    """
    if not customers:
        return ()
    number = max(number, len(customers))
    names = ", ".join(customers[:_NAMED]) + (", …" if number > _NAMED else "")
    who = f"{number:,} customers have" if number > 1 else f"{customers[0]} has"
    listed = f": {names}" if number > 1 else ""
    return (
        f"warning: {who} no country, so no tax is charged{listed}"
        " (planctl customer update CUSTOMER --country DE, or --tax exempt)",
    )
