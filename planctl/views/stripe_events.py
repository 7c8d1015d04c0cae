"""How what came in from Stripe looks, to machines and to people: one event, or all that were pulled."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import cast

from planctl.core.instants import instant_text
from planctl.core.money import format_minor
from planctl.core.stripe.facts_notice import Notice
from planctl.core.stripe.facts_told import Applied, Handled, Pulled
from planctl.views.sheet import Answer, Cell, Column, Json, Sheet
from planctl.views.words import count, maybe

COLUMNS = (
    Column("type"),
    Column("what"),
    Column("customer"),
    Column("invoice"),
    Column("amount", "amount"),
    Column("currency"),
    Column("stripe_id", heading="at Stripe"),
    Column("note"),
)

_OUTCOMES = {
    "done": "taken in",
    "duplicate": "known already",
    "ignored": "ignored",
    "parked": "parked",
    "dropped": "dropped",
}


def handled_document(handled: Handled) -> dict[str, Json]:
    """What became of one event."""
    notice = handled.notice
    return {
        "event": notice.id,
        "type": notice.kind,
        "object": notice.object,
        "happened_at": instant_text(notice.happened_at),
        "outcome": handled.outcome,
        "why": handled.why or None,
        "facts": [_applied_document(one) for one in handled.applied],
    }


def dropped_document(notice: Notice, why: str) -> dict[str, Json]:
    """An event that a person lets be."""
    return {**handled_document(Handled(notice, "done", why)), "outcome": "dropped"}


def handled_answer(document: Json) -> Answer:
    """One event, and what changed because of it."""
    assert isinstance(document, Mapping)
    return Answer(
        document, (f"{document['event']} {document['type']}: {_said(document)}", *_fact_lines(document))
    )


def pulled_document(pulled: Pulled, account: str) -> dict[str, Json]:
    """What became of the events that were pulled; those that changed nothing are only counted."""
    return {
        "account": account,
        "since": instant_text(pulled.since),
        "until": instant_text(pulled.until),
        "read": pulled.read,
        "counts": {name: pulled.counts.get(name, 0) for name in ("done", "duplicate", "ignored", "parked")},
        "looked_at": pulled.looked,
        "events": [handled_document(one) for one in pulled.handled],
    }


def pulled_answer(document: Json) -> Answer:
    """What a pull found since when, and every change."""
    assert isinstance(document, Mapping)
    counts, read = document["counts"], document["read"]
    assert isinstance(counts, Mapping)
    assert isinstance(read, int)
    told = ", ".join(f"{many} {_OUTCOMES[name]}" for name, many in counts.items() if many)
    since = f"{count(read, 'event')} since {document['since']}"
    lines = (f"{since}: {told}" if told else since, *_looked(document["looked_at"]))
    return Answer(document, lines, Sheet(COLUMNS, _rows(_several(document["events"]))), "nothing new")


def resolve_lines(document: Json) -> list[str]:
    """How a person goes on with what waits."""
    assert isinstance(document, Mapping)
    events = _several(document["events"]) if "events" in document else [document]
    return [
        f"waits for a person: planctl stripe resolve {one['event']} --retry|--drop --reason TEXT"
        for one in events
        if one["outcome"] == "parked"
    ]


def _looked(many: Json) -> list[str]:
    if not many:
        return []
    assert isinstance(many, int)
    what = "unpaid invoices, open pages, and what went back"
    return [f"events may be lost: {count(many, 'object')} at Stripe looked at, of {what}"]


def _said(document: Mapping[str, Json]) -> str:
    outcome = _OUTCOMES[str(document["outcome"])]
    why = f": {document['why']}" if document["why"] else ""
    nothing = ", nothing new" if document["outcome"] == "done" and not document["facts"] and not why else ""
    return f"{outcome}{why}{nothing}"


def _fact_lines(document: Mapping[str, Json]) -> list[str]:
    return [f"  {_fact_line(one)}" for one in _several(document["facts"])]


def _fact_line(fact: Mapping[str, Json]) -> str:
    amount = f"{fact['amount']} {fact['currency']}" if fact["amount"] is not None else ""
    whose = f"{fact['invoice']} of {fact['customer']}" if fact["invoice"] else str(fact["customer"])
    parts = [str(fact["what"]), amount, whose, str(fact["stripe_id"]), str(fact["at"] or "")]
    return " · ".join(filter(None, parts)) + (f" ({fact['note']})" if fact["note"] else "")


def _applied_document(one: Applied) -> dict[str, Json]:
    currency = one.currency
    return {
        "what": one.what,
        "stripe_id": one.object,
        "customer": one.customer,
        "invoice": one.invoice or None,
        "amount": None if currency is None else format_minor(one.amount_minor, currency),
        "currency": None if currency is None else currency.code,
        "at": maybe(one.at),
        "note": one.note or None,
    }


def _rows(events: Sequence[Mapping[str, Json]]) -> tuple[tuple[Cell, ...], ...]:
    rows: list[tuple[Cell, ...]] = []
    for event in events:
        parked: Mapping[str, Json] = {
            "what": event["outcome"],
            "stripe_id": event["object"],
            "note": event["why"],
        }
        waits = event["outcome"] == "parked"
        for fact in [*_several(event["facts"]), *([parked] if waits else [])]:
            whole = {**fact, "type": event["type"]}
            rows.append(tuple(cast(Cell, whole.get(column.name)) for column in COLUMNS))
    return tuple(rows)


def _several(documents: Json) -> list[Mapping[str, Json]]:
    assert isinstance(documents, Sequence)
    return [cast(Mapping[str, Json], one) for one in documents]
