"""Sends one call to Stripe, once: stored before the first byte, and finished whatever happened to the answer.

Source: planctl reliability rules, idempotency: push step by step.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from planctl.core.periods import Instant
from planctl.core.stripe.model import (
    ADOPTION,
    GENERATION,
    KEY,
    LOCAL,
    OPEN,
    STORE,
    Account,
    Call,
    Kind,
    Link,
    Object,
    Operation,
    Outcome,
    State,
    Value,
)
from planctl.core.stripe.outbox import (
    LINES,
    Step,
    after_answer,
    after_list,
    after_look,
    confirmed,
    is_creation,
    is_told,
    listed_at,
    next_step,
    object_at,
    reached,
)
from planctl.core.stripe.reading import metadata_of
from planctl.core.stripe.stopping import unreachable
from planctl.errors import NotPermitted
from planctl.store import stripe_outbox

if TYPE_CHECKING:
    from planctl.store.engine import Tx
    from planctl.stripe_bridge.gateway import Gateway

_HOUR_SECONDS = 3_600

OF_INVOICES: frozenset[Kind] = frozenset({"invoice", "credit_note", "refund"})
"""Kinds of objects whose calls follow what is owed."""

Known = Mapping[tuple[Kind, str, str], int]
"""The last revision by kind of object, local id and action."""


@dataclass(slots=True)
class Talk:
    """What a journey to Stripe goes with: the gateway, the store's transactions, and who keeps the audit.

    `record` is called in the transaction that keeps the end of a call, `adopted` in the one that links an object which
    was there already. `done` holds every call that came to an end, in order. `now` is the machine's clock. What is made
    says the store's `generation`, and by which `adoption` that began.
    """

    gateway: Gateway
    account: Account
    store_id: str
    open_read: Callable[[], AbstractContextManager[Tx]]
    open_write: Callable[[], AbstractContextManager[Tx]]
    record: Callable[[Tx, Operation], None]
    now: Callable[[], Instant]
    adopted: Callable[[Tx, Link], None] = lambda _tx, _link: None
    generation: int = 1
    adoption: str = ""
    done: list[Operation] = field(default_factory=list)


def send(talk: Talk, call: Call) -> Operation:
    """Do what a call says, once for ever; what became of it before is the answer where it was done before.

    Busy where Stripe cannot be reached: the call stays in the outbox, and the next push finishes it.
    NotPermitted where the key may not.
    """
    marked, body = _worded(talk, call)
    with talk.open_write() as tx:
        stored = stripe_outbox.operation(tx, talk.account, marked)
        if stored is None:
            key = marked.key(talk.store_id)
            stored = stripe_outbox.add(tx, talk.account, marked, key, body, talk.now())
        stored, step = _claimed(tx, stored, talk.now())
    return _carried_on(talk, stored, step)


def send_next(talk: Talk, call: Call, known: Known | None = None) -> Operation:
    """The same for something that is done again and again: under the revision after the last that came to an end.

    One that is still open is finished instead. One that waits for a person is left alone, and so is one that a person
    gave up, unless something else is to be sent now. `known` are the calls there were when it was decided: one that
    somebody beside made and carried out since then is the answer.
    """
    with talk.open_read() as tx:
        made = stripe_outbox.operations_of(tx, talk.account, call.kind, [call.local_id])[call.local_id]
    before = [one for one in made if one.action == call.action]
    if not before:
        return send(talk, call)
    last = max(before, key=lambda one: one.revision)
    if last.state in OPEN or last.state is State.PARKED:
        return finish(talk, last)
    seen = last.revision if known is None else known.get((call.kind, call.local_id, call.action), 0)
    if last.revision > seen and last.state is State.CONFIRMED and last.path == call.path:
        return last
    if last.is_given_up and last.digest == call.digest:
        return last
    return send(talk, replace(call, revision=last.revision + 1))


def finish(talk: Talk, operation: Operation) -> Operation:
    """Bring an open call to its end: send it again, or look what Stripe made of it. One at its end stays as it is."""
    if operation.state not in OPEN:
        return operation
    with talk.open_write() as tx:
        stored, step = _claimed(tx, stripe_outbox.by_id(tx, operation.id), talk.now())
    return _carried_on(talk, stored, step)


def park(talk: Talk, call: Call, why: str, only_if: Callable[[Tx], bool]) -> Operation | None:
    """Keep a call that is not sent before a person decides; None where it was kept before, or `only_if` says no."""
    return _keep_unsent(talk, call, lambda made: replace(made, state=State.PARKED, note=why), only_if)


def keep_done(talk: Talk, call: Call, stripe_id: str, only_if: Callable[[Tx], bool]) -> None:
    """Keep a call as done that is not sent: its object is at Stripe as it asks for. Not where it is kept either."""
    _keep_unsent(talk, call, lambda made: confirmed(made, stripe_id), only_if)


def _keep_unsent(
    talk: Talk, call: Call, ended: Callable[[Operation], Operation], only_if: Callable[[Tx], bool]
) -> Operation | None:
    marked, body = _worded(talk, call)
    with talk.open_write() as tx:
        if stripe_outbox.operation(tx, talk.account, marked) is not None or not only_if(tx):
            return None
        key = marked.key(talk.store_id)
        kept = ended(stripe_outbox.add(tx, talk.account, marked, key, body, talk.now()))
        stripe_outbox.save(tx, kept)
        talk.record(tx, kept)
    talk.done.append(kept)
    return kept


def settle(talk: Talk, operation: Operation) -> Operation:
    """End an open call that is not wanted any more: it is not sent again, only looked at what became of it."""
    if operation.state not in OPEN:
        return operation
    if operation.first_sent_at is None:
        return _kept(talk, replace(operation, state=State.DROPPED, note="it was never sent"))
    return _looked_after(talk, operation)


def finish_all(talk: Talk) -> list[Operation]:
    """Finish the calls that an earlier push left open; those that now wait for a person are among the answers.

    Not those about invoices: nobody is to be charged for what is not owed any more, so pushing invoices ends them. Nor
    is a page opened that nobody waits for any more: opening the next one ends that.
    """
    with talk.open_read() as tx:
        open_calls = stripe_outbox.unfinished(tx, talk.account)
    return [finish(talk, one) for one in open_calls if not _is_left(one)]


def _is_left(operation: Operation) -> bool:
    return operation.kind in OF_INVOICES or (operation.kind == "checkout" and is_creation(operation))


def _claimed(tx: Tx, operation: Operation, now: Instant) -> tuple[Operation, Step | None]:
    """What a call needs, None at its end; one that is to be sent is kept as sent before its first byte is."""
    if operation.state not in OPEN:
        return operation, None
    step = next_step(operation, now)
    if step == "look":
        return operation, step
    first = now if operation.first_sent_at is None else operation.first_sent_at
    sent = replace(operation, state=State.SENT, first_sent_at=first, tries=operation.tries + 1)
    stripe_outbox.save(tx, sent)
    return sent, step


def _carried_on(talk: Talk, operation: Operation, step: Step | None) -> Operation:
    if step is None:
        return operation
    if step == "look":
        return _looked_after(talk, operation)
    try:
        answer = talk.gateway.send(operation)
    except NotPermitted:
        _take_back(talk, operation)
        raise
    after = after_answer(operation, answer)
    if answer.outcome is Outcome.REFUSED and after.state is State.PARKED:
        after = _done_anyway(talk, after)
    kept = _kept(talk, after)
    if kept.state is State.UNKNOWN:
        return _looked_after(talk, kept)
    if kept.state in OPEN:
        hint = "run it again later: the call is kept and goes on from where it stopped"
        raise unreachable(answer, operation.name, hint)
    return kept


def _done_anyway(talk: Talk, refused: Operation) -> Operation:
    """What Stripe refuses because it was done already, on its own pages say, was done: nobody is to decide that."""
    if not is_told(refused):
        return refused
    path = object_at(refused)
    if not reached(refused, talk.gateway.find(path)):
        return refused
    return confirmed(replace(refused, state=State.SENT), path.rpartition("/")[2])


def _take_back(talk: Talk, operation: Operation) -> None:
    """Let a call that Stripe did not let in count as never sent, so that it is still sent when the key may, days later.

    Not where it was sent before, or somebody else sends it now: that may have been carried out.
    """
    if operation.tries > 1:
        return
    with talk.open_write() as tx:
        if stripe_outbox.by_id(tx, operation.id) == operation:
            stripe_outbox.save(tx, replace(operation, state=State.PENDING, first_sent_at=None, tries=0))


def _looked_after(talk: Talk, operation: Operation) -> Operation:
    """What became of a call that nothing is sent for any more."""
    if is_creation(operation):
        return _kept(talk, after_list(operation, _made_since(talk, operation)))
    there = talk.gateway.find(object_at(operation))
    was_done, seen = reached(operation, there), _seen(there)
    if there is not None and operation.path.endswith(LINES):
        lines = tuple(talk.gateway.list(listed_at(operation)))
        was_done = any(metadata_of(line, KEY) == operation.key for line in lines)
        seen = f"{len(lines)} lines are there" if lines else "no line is there"
    changed = replace(operation, stripe_id=object_at(operation).rpartition("/")[2])
    return _kept(talk, after_look(changed, was_done, seen))


def _made_since(talk: Talk, operation: Operation) -> tuple[Object, ...]:
    """What a creation may have made: what is not older, nor younger than now where the clock was ahead then.

    Settings of the portal are few, and listed without dates.
    """
    first = operation.first_sent_at
    assert first is not None, f"{operation.id} was never sent"
    if operation.kind == "portal":
        return tuple(talk.gateway.list(listed_at(operation)))
    since = min(first, talk.now()) // 1_000_000 - _HOUR_SECONDS
    return tuple(talk.gateway.list(listed_at(operation), created={"gte": since}))


def _kept(talk: Talk, operation: Operation) -> Operation:
    """Keep where a call stands, with its link.

    One that another process brought to an end meanwhile stays as it is, but for the news that it was done.
    """
    with talk.open_write() as tx:
        stored = stripe_outbox.by_id(tx, operation.id)
        done = operation.state is State.CONFIRMED
        if stored.state not in OPEN and (stored.state is State.CONFIRMED or not done):
            return stored
        if done and (operation.links or operation.digest):
            operation = _linked(tx, talk.account, operation)
        stripe_outbox.save(tx, operation)
        if operation.state not in OPEN:
            talk.record(tx, operation)
    if operation.state not in OPEN:
        talk.done.append(operation)
    return operation


def _linked(tx: Tx, account: Account, operation: Operation) -> Operation:
    """Link the object that a call was done for, or let a person decide where it stands for another one of ours."""
    before = stripe_outbox.linked(tx, account, operation.stripe_id)
    if before is None:
        before = Link(operation.kind, operation.local_id, operation.stripe_id)
    if (before.kind, before.local_id) != (operation.kind, operation.local_id):
        taken = (
            f"{operation.stripe_id} is what Stripe made of it, and stands for {before.kind} {before.local_id}"
        )
        return replace(operation, state=State.PARKED, note=taken)
    stripe_outbox.link(tx, account, replace(before, digest=operation.digest))
    return operation


def _worded(talk: Talk, call: Call) -> tuple[Call, bytes]:
    """The call with its marks, and the bytes that say it."""
    marked = _marked(call, talk)
    return marked, talk.gateway.encode(marked.path, marked.params) if marked.method == "POST" else b""


def _marked(call: Call, talk: Talk) -> Call:
    """The call with the names under which what it makes is found again."""
    if not call.links:
        return call
    own = call.params.get("metadata")
    marks: dict[str, Value] = {STORE: talk.store_id, LOCAL: call.local_id, KEY: call.key(talk.store_id)}
    if talk.generation > 1:
        marks[GENERATION] = str(talk.generation)
        marks[ADOPTION] = talk.adoption
    metadata = {**(own if isinstance(own, dict) else {}), **marks}
    return replace(call, params={**call.params, "metadata": metadata})


def _seen(found: Mapping[str, Value] | None) -> str:
    if found is None:
        return "it is gone at Stripe"
    status = found.get("status")
    return f"its status is {status}" if status else "nobody can tell whether it was done"
