"""What a person decides about a call to Stripe that waits: again, it was done, or never. It sends nothing.

A call that is let go is asked for anew from the store as it then stands, under another revision: the bytes that
were kept may say what is no longer so. Source: planctl reliability rules, idempotency: push step by step.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl

from planctl.core.money import NumberError, parse_decimal
from planctl.core.stripe.invoice_calls import asked_due
from planctl.core.stripe.model import (
    GIVEN_UP,
    LET_GO,
    LOCAL,
    STORE,
    Account,
    Kind,
    Link,
    Object,
    Operation,
    State,
    Value,
)
from planctl.core.stripe.outbox import collection, confirmed, is_creation, object_at, reached
from planctl.core.stripe.reading import id_of, map_of, metadata_of
from planctl.errors import InvalidInput, Refused
from planctl.store import stripe_outbox

if TYPE_CHECKING:
    from planctl.store.engine import Tx
    from planctl.stripe_bridge.gateway import Gateway

_NAMES: Mapping[Kind, str] = {
    "checkout": "checkout.session",
    "portal": "billing_portal.configuration",
}
"""What Stripe calls an object of a kind, where it is not the kind's own name."""

_TELLING = (
    "customer",
    "currency",
    "amount",
    "unit_amount",
    "product",
    "invoice",
    "payment_intent",
    "percentage",
    "percent_off",
    "amount_off",
    "inclusive",
    "duration",
    "mode",
)
"""Parameters that an object keeps as they were sent, and that nobody changes in the dashboard."""


def waiting_call(tx: Tx, operation_id: str) -> Operation:
    """The call of that id, where it waits for a person; NotFound where there is none, Refused where it does not."""
    operation = stripe_outbox.by_id(tx, operation_id)
    if operation.state is not State.PARKED:
        raise _not_waiting(operation)
    return operation


def let_go(tx: Tx, operation_id: str, reason: str) -> Operation:
    """Let a call be asked for again, under the next revision; also one that was given up before."""
    operation = stripe_outbox.by_id(tx, operation_id)
    if operation.state is not State.PARKED and not operation.is_given_up:
        raise _not_waiting(operation)
    return _saved(tx, replace(operation, state=State.DROPPED, note=f"{LET_GO}{reason}"))


def give_up(tx: Tx, operation_id: str, reason: str) -> Operation:
    """Let a call never be done."""
    operation = waiting_call(tx, operation_id)
    return _saved(tx, replace(operation, state=State.DROPPED, note=f"{GIVEN_UP}{reason}"))


def check_adoption(gateway: Gateway, store_id: str, operation: Operation, stripe_id: str) -> None:
    """Look at the object that a person says is the call's: of the same kind and mode, and of nobody else.

    InvalidInput where it is no id of Stripe's. Refused where there is no such object, where it belongs to another
    store or stands for another of our objects, where a customer, an amount or a currency is not what was sent, and
    where it is an invoice with which a push could not go on.
    """
    if not id_of(stripe_id):
        raise InvalidInput("that is no id of Stripe's", where="--adopt", expected="in_1Nv0…", got=stripe_id)
    if not is_creation(operation):
        _check_changed(gateway, operation, stripe_id)
        return
    found = gateway.find(f"{collection(operation.kind)}/{stripe_id}")
    if found is None:
        raise Refused(
            "Stripe has no such object", code="gone-at-stripe", where=stripe_id, hint="copy its id again"
        )
    _check_kind(operation, found, live=gateway.live)
    _check_owner(operation, found, store_id)
    _check_content(operation, found)
    if operation.kind == "invoice":
        _check_goes_on(operation, found)


def adopt(tx: Tx, account: Account, operation_id: str, stripe_id: str) -> Operation:
    """Keep that a call was done, for that object; its link is kept too. The caller has looked at the object.

    Refused where the object stands for another of ours.
    """
    operation = waiting_call(tx, operation_id)
    other = stripe_outbox.linked(tx, account, stripe_id)
    mine = (operation.kind, operation.local_id)
    if other is not None and (other.kind, other.local_id) != mine:
        raise Refused(
            "the object stands for another one of this store",
            code="adopts-another",
            where=stripe_id,
            expected=f"{operation.kind} {operation.local_id}",
            got=f"{other.kind} {other.local_id}",
        )
    if operation.links or operation.digest:
        before = stripe_outbox.links(tx, account, operation.kind, [operation.local_id]).get(
            operation.local_id
        )
        detail = before.detail if before is not None and before.stripe_id == stripe_id else {}
        made = Link(operation.kind, operation.local_id, stripe_id, operation.digest, detail)
        stripe_outbox.link(tx, account, made)
    return _saved(tx, confirmed(operation, stripe_id))


def _saved(tx: Tx, operation: Operation) -> Operation:
    stripe_outbox.save(tx, operation)
    return operation


def _check_changed(gateway: Gateway, operation: Operation, stripe_id: str) -> None:
    """The same for a call that changes an object: it must be that one, and not plainly as it was before."""
    meant = object_at(operation).rpartition("/")[2]
    if meant != stripe_id:
        raise Refused(
            "the call changes another object",
            code="adopts-another",
            where=stripe_id,
            expected=meant,
            got=stripe_id,
            hint=f"planctl stripe resolve {operation.id} --adopt {meant}",
        )
    found = gateway.find(object_at(operation))
    was_done = reached(operation, found)
    if was_done is False or (found is None and was_done is None):
        state = "it is gone" if found is None else f"its status is {found.get('status')}"
        raise Refused(
            f"what the call asks for was not done: {state}",
            code="adopts-undone",
            where=stripe_id,
            expected=operation.action,
            hint="--resend asks for it again, --drop never",
        )


def _check_kind(operation: Operation, found: Object, *, live: bool) -> None:
    wanted = _NAMES.get(operation.kind, operation.kind)
    if found.get("object") != wanted or found.get("livemode", live) is not live:
        mode = "" if found.get("livemode", live) is live else " of the other mode"
        raise Refused(
            "the object is of another kind",
            code="adopts-another",
            where=str(found.get("id")),
            expected=wanted,
            got=f"{found.get('object')}{mode}",
        )


def _check_owner(operation: Operation, found: Object, store_id: str) -> None:
    """Nobody else's: its metadata names this store and the same local id, or nothing."""
    for name, ours in ((STORE, store_id), (LOCAL, operation.local_id)):
        theirs = metadata_of(found, name)
        if theirs and theirs != ours:
            what = "belongs to another store" if name == STORE else "stands for another object"
            raise Refused(
                f"the object {what}",
                code="adopts-another",
                where=str(found.get("id")),
                expected=f"{name} {ours}",
                got=theirs,
            )


def _check_content(operation: Operation, found: Object) -> None:
    """Where it keeps what was sent, it must be what was sent."""
    sent = dict(parse_qsl(operation.body.decode("utf-8"), keep_blank_values=True))
    for name in _TELLING:
        if name in sent and name in found and not _same(sent[name], found[name]):
            raise Refused(
                f"the object has another {name}",
                code="adopts-another",
                where=str(found.get("id")),
                expected=sent[name],
                got=str(found[name]),
                hint="adopt only what this call made: look at it in Stripe's dashboard",
            )


def _check_goes_on(operation: Operation, found: Object) -> None:
    """A push adds the lines to a draft, and can only collect what is finalized: that must come to what is due."""
    due, status = asked_due(operation), found.get("status")
    if status == "draft":
        if not map_of(found.get("lines")).get("data"):
            return
        seen, hint = "is a draft with lines", "delete the draft in Stripe's dashboard, then --resend"
    else:
        if status != "void" and found.get("total") == due:
            return
        seen = "is void" if status == "void" else f"is {status} and comes to {found.get('total')}"
        hint = "--resend makes another; void this one in Stripe's dashboard first, lest both are paid"
    raise Refused(
        f"a push could not go on with it: it {seen}",
        code="adopts-another",
        where=str(found.get("id")),
        expected=f"a draft without lines, or a finalized invoice over {due}",
        hint=hint,
    )


def _same(sent: str, found: Value) -> bool:
    """Whether a value that Stripe answers is the one that was sent as text; `20` is `20.0`."""
    if isinstance(found, bool):
        return sent == str(found).lower()
    if sent == str(found):
        return True
    try:
        return isinstance(found, str | int) and parse_decimal(sent) == parse_decimal(str(found))
    except NumberError:
        return False


def _not_waiting(operation: Operation) -> Refused:
    return Refused(
        "the call does not wait for a person",
        code="not-waiting",
        where=operation.id,
        expected="parked",
        got=operation.state.value,
        hint="planctl stripe status lists those that do",
    )
