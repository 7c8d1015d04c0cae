"""Shows what a push did, or would do, about objects and invoices at Stripe; it compares and sends nothing."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from planctl.core.instants import instant_text
from planctl.core.money import format_minor
from planctl.core.stripe.comparing import Comparison
from planctl.core.stripe.facts_told import Handled
from planctl.core.stripe.invoice_report import Outcome, ProposedInvoice, Stopped
from planctl.core.stripe.model import GIVEN_UP, Account, LeftOut, Operation, StripeChange
from planctl.values import dataclass
from planctl.views.formats import Screen, csv, markdown
from planctl.views.safe import safe
from planctl.views.sheet import Answer, Cell, Column, Json, Sheet
from planctl.views.stripe_diff import Beside, Row, stripe_diff_answer, stripe_diff_document
from planctl.views.words import count

_COLUMNS = (
    *(Column(name) for name in ("object", "id", "what")),
    Column("number", "quantity"),
    Column("customer"),
    Column("amount", "amount"),
    *(Column(name) for name in ("currency", "why", "call")),
)

_MOST = 50
"""How many things of one kind people are shown; machines get all."""

_NOUNS = {
    "product": "product", "price": "price", "coupon": "coupon", "tax_rate": "tax rate", "customer": "customer",
}  # fmt: skip
_DONE = {
    "create": "made", "recreate": "made again", "adopt": "found again", "update": "changed",
    "drift": "set back", "replace": "replaced", "archive": "archived",
}  # fmt: skip
_CALLS = {
    "create": "drafted", "lines": "given lines", "finalize": "finalized", "pay": "paid", "send": "sent",
    "delete": "drafts deleted", "void": "voided", "uncollectible": "marked uncollectible",
    "paid_elsewhere": "marked paid elsewhere", "credit_note": "reduced by a credit note", "refund": "refunded",
}  # fmt: skip
_PLANNED = {
    "pay": "charge the card", "send": "send its page", "uncollectible": "mark as uncollectible",
    "paid_elsewhere": "mark as paid elsewhere", "reduce": "reduce by a credit note",
    "delete": "delete the draft", "finish": "go on with it",
}  # fmt: skip
_HEADINGS: dict[Outcome, str] = {
    "parked": "Waiting for a person:",
    "declined": "Declined:",
    "left_out": "Not sent:",
    "dropped": "Given up:",
}
_CHOICES = {
    "parked": "--resend|--adopt ID|--drop --reason TEXT",
    "dropped": "--resend --reason TEXT takes it back",
}
"""What a person can say about the call that stands in the way."""


@dataclass(frozen=True, slots=True)
class Push:
    """What a push did: calls of earlier pushes that it finished, objects that it changed, invoices by what was done.

    `parked` are calls for objects that wait for a person, `stopped` invoices and refunds that went no further,
    `taken_in` what came of looking at invoices that Stripe says are paid.
    """

    account: Account
    finished: int = 0
    changes: tuple[StripeChange, ...] = ()
    sent: tuple[tuple[str, int], ...] = ()
    parked: tuple[Operation, ...] = ()
    stopped: tuple[Stopped, ...] = ()
    left_out: tuple[LeftOut, ...] = ()
    taken_in: tuple[Handled, ...] = ()

    @property
    def payments(self) -> int:
        """How many invoices became paid here because Stripe says so."""
        return sum(bool(one.applied) for one in self.taken_in)

    @property
    def calls(self) -> int:
        """How many things were done at Stripe."""
        return self.finished + len(self.changes) + sum(number for _, number in self.sent)


def push_document(push: Push) -> dict[str, Json]:
    """A push for machines."""
    return {
        "account": push.account.id,
        "livemode": push.account.live,
        "finished": push.finished,
        "objects": _by_action(push.changes),
        "invoices": dict(push.sent),
        "taken_in": push.payments,
        "stopped": [
            *map(_parked_document, push.parked),
            *map(_stopped_document, push.stopped),
            *(_waiting_document(one) for one in push.taken_in if one.outcome == "parked"),
        ],
        "left_out": [{"object": one.kind, "local_id": one.local_id, "why": one.why} for one in push.left_out],
    }


def push_answer(document: Json) -> Answer:
    """A push for people, from its document: what was done by kind, then everything that stopped."""
    assert isinstance(document, dict)
    table = Answer(sheet=Sheet(_COLUMNS, tuple(_rows(document))))
    sources = {
        name: "\n".join(form.render(table, Screen())) for name, form in (("csv", csv), ("markdown", markdown))
    }
    return Answer(document, tuple(_lines(document)), sources=sources)


def waits_for_person(document: Json) -> bool:
    """Whether something of a push, by its document, waits for a person."""
    assert isinstance(document, dict)
    return any(isinstance(one, dict) and one["outcome"] == "parked" for one in _list(document["stopped"]))


def proposal_answer(
    account: Account,
    found: Comparison,
    customers: Sequence[StripeChange],
    invoices: Sequence[ProposedInvoice],
) -> Answer:
    """What a push would do: the comparison of objects, then customers and invoices."""
    whole = Comparison((*found.changes, *customers), found.left_out, found.foreign, found.unchanged)
    to_do = sum(bool(one.action) for one in invoices)
    title = (f"{count(to_do, 'invoice')} to act on",) if to_do else ()
    compared = stripe_diff_answer(account, whole, Beside(title, tuple(map(_proposed_row, invoices))))
    document = {
        **stripe_diff_document(account, whole),
        "invoices": [_proposed_document(one) for one in invoices],
    }
    lines = (*compared.lines, *_proposed_lines(invoices))
    return Answer(document, lines, sources=compared.sources)


def differs(
    found: Comparison, customers: Sequence[StripeChange], invoices: Iterable[ProposedInvoice]
) -> bool:
    """Whether a push would do anything."""
    return bool(found.changes or customers or any(one.action for one in invoices))


# --- for machines


def _by_action(changes: Iterable[StripeChange]) -> dict[str, Json]:
    found: dict[str, dict[str, int]] = {}
    for one in changes:
        of_kind = found.setdefault(one.kind, {})
        of_kind[one.action] = of_kind.get(one.action, 0) + 1
    return dict(found)


def _parked_document(operation: Operation) -> Json:
    return {
        "object": operation.kind,
        "local_id": operation.local_id,
        "number": None,
        "customer": None,
        "amount": None,
        "currency": None,
        "outcome": "parked",
        "why": operation.note,
        "call": operation.id,
        "again_at": None,
    }


def _waiting_document(one: Handled) -> Json:
    return {
        "object": "payment",
        "local_id": one.notice.id,
        "number": None,
        "customer": None,
        "amount": None,
        "currency": None,
        "outcome": "parked",
        "why": one.why,
        "call": None,
        "again_at": None,
    }


def _stopped_document(one: Stopped) -> Json:
    return {
        "object": one.owed.kind,
        "local_id": one.owed.id,
        "number": one.owed.number,
        "customer": one.owed.customer,
        "amount": format_minor(one.owed.amount_minor, one.owed.currency),
        "currency": one.owed.currency.code,
        "outcome": one.outcome,
        "why": one.why,
        "call": one.call or None,
        "again_at": None if one.again_at is None else instant_text(one.again_at),
    }


def _proposed_document(one: ProposedInvoice) -> Json:
    stopped = None if one.stopped is None else _stopped_document(one.stopped)
    return {
        "object": one.owed.kind,
        "local_id": one.owed.id,
        "number": one.owed.number,
        "customer": one.owed.customer,
        "amount": format_minor(one.owed.amount_minor, one.owed.currency),
        "currency": one.owed.currency.code,
        "action": one.action or None,
        "stopped": stopped,
    }


# --- tables


def _rows(document: dict[str, Json]) -> Iterator[tuple[Cell, ...]]:
    """A row for everything that was done, with its number, and one for each that stopped."""
    for kind, actions in [*_maps(document["objects"]), ("invoice", document["invoices"])]:
        for action, number in _maps(actions):
            yield (kind, None, action, _cell(number), None, None, None, None, None)
    for one in _list(document["stopped"]):
        assert isinstance(one, dict)
        name = one["number"] or one["local_id"]
        money = (_cell(one[key]) for key in ("customer", "amount", "currency", "why", "call"))
        yield (_cell(one["object"]), _cell(name), _cell(one["outcome"]), None, *money)


def _maps(value: Json) -> Iterable[tuple[str, Json]]:
    assert isinstance(value, dict)
    return value.items()


def _cell(value: Json) -> Cell:
    assert value is None or isinstance(value, str | int)
    return value


def _proposed_row(one: ProposedInvoice) -> Row:
    amount = f"{format_minor(one.owed.amount_minor, one.owed.currency)} {one.owed.currency.code}"
    action = one.action if one.stopped is None else one.stopped.outcome.replace("_", " ")
    why = None if one.stopped is None else one.stopped.why
    return (one.owed.kind, one.owed.number, action, None, None, None, amount, why)


# --- for people


def _lines(document: dict[str, Json]) -> Iterator[str]:
    mode = "live mode" if document["livemode"] else "test mode"
    told = [*_objects_told(document["objects"]), *_invoices_told(document["invoices"])]
    finished = document["finished"]
    if isinstance(finished, int) and finished:
        told.insert(0, f"{count(finished, 'call')} of an earlier push finished")
    taken_in = document.get("taken_in", 0)
    if isinstance(taken_in, int) and taken_in:
        told.append(f"{count(taken_in, 'payment')} taken in")
    yield f"Stripe {document['account']}, {mode}: {'' if told else 'nothing to send'}".rstrip()
    yield from (f"  {line}" for line in told)
    stopped = [one for one in _list(document["stopped"]) if isinstance(one, dict)]
    for outcome, heading in _HEADINGS.items():
        yield from _stopped_lines(heading, [one for one in stopped if one["outcome"] == outcome])
    left_out = _list(document["left_out"])
    if left_out:
        yield ""
        yield f"{count(len(left_out), 'thing')} of the catalog cannot be at Stripe: planctl stripe diff says why"


def _objects_told(objects: Json) -> Iterator[str]:
    for kind, actions in _maps(objects):
        done = ", ".join(f"{number:,} {_DONE[action]}" for action, number in _maps(actions))
        yield f"{_NOUNS[kind]}s: {done}"


def _invoices_told(sent: Json) -> Iterator[str]:
    assert isinstance(sent, dict)
    if sent:
        done = ", ".join(f"{number:,} {_CALLS.get(word, word)}" for word, number in sent.items())
        yield f"invoices: {done}"


def _stopped_lines(heading: str, stopped: Sequence[dict[str, Json]]) -> Iterator[str]:
    several = []
    for one in stopped:
        name = one["number"] or f"{one['object']} {one['local_id']}"
        what = f", {one['customer']}, {one['amount']} {one['currency']}" if one["customer"] else ""
        again = f"; tried again {one['again_at']}" if one["again_at"] else ""
        why = safe(str(one["why"]).removeprefix(GIVEN_UP))
        line = f"  {safe(str(name))}{safe(what)}: {why}{again}"
        choices = _CHOICES.get(str(one["outcome"]), "") if one["call"] else ""
        several.append([line, f"    planctl stripe resolve {one['call']} {choices}"] if choices else [line])
    yield from _cut(heading, several)


def _proposed_lines(invoices: Sequence[ProposedInvoice]) -> Iterator[str]:
    doing = [one for one in invoices if one.action]
    several = []
    for one in doing:
        amount = f"{format_minor(one.owed.amount_minor, one.owed.currency)} {one.owed.currency.code}"
        name = f"{safe(one.owed.number)}, {safe(one.owed.customer)}, {amount}"
        several.append([f"  {name}: {_PLANNED.get(one.action, one.action)}"])
    yield from _cut("Invoices and refunds:", several)
    stopped = [_stopped_document(one.stopped) for one in invoices if one.stopped is not None]
    told = [one for one in stopped if isinstance(one, dict)]
    for outcome, heading in _HEADINGS.items():
        yield from _stopped_lines(heading, [one for one in told if one["outcome"] == outcome])


def _cut(heading: str, several: Sequence[Sequence[str]]) -> Iterator[str]:
    """The lines of the first things, and how many things there are beside."""
    if not several:
        return
    yield ""
    yield heading
    for lines in several[:_MOST]:
        yield from lines
    if len(several) > _MOST:
        yield f"  and {len(several) - _MOST:,} more; -f json lists all"


def _list(value: Json) -> Sequence[Json]:
    return value if isinstance(value, list) else []
