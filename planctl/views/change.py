"""How changes of plans that are asked for or scheduled look, to machines and to people. It decides nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from planctl.core.instants import instant_text, zone
from planctl.core.money import decimal_text, format_minor
from planctl.core.subscriptions.change_requests import ChangeRequest, Filed, PlanChange
from planctl.core.subscriptions.changes import Change
from planctl.core.subscriptions.model import Status
from planctl.views.changing import WHICH
from planctl.views.invoice import issued_text
from planctl.views.sheet import Answer, Column, Json, Sheet
from planctl.views.words import day_text, maybe

COLUMNS = (
    Column("customer"),
    Column("status"),
    Column("from"),
    Column("to"),
    Column("requested_at", "instant", "requested"),
    Column("takes_effect_at", "instant", "takes effect"),
    Column("price_before", "amount", "before"),
    Column("price_after", "amount", "after"),
    Column("currency"),
    Column("cancel", heading="cancel with"),
)


def changes_answer(several: Sequence[PlanChange], timezone: str) -> Answer:
    """A list of changes: what waits for an answer, what is scheduled, what was answered."""
    rows = tuple(
        (
            one.before.customer,
            one.status,
            f"{one.before.plan} v{one.before.plan_version}",
            one.to_plan if one.successor is None else f"{one.to_plan} v{one.successor.plan_version}",
            None if one.request is None else one.request.requested_at,
            one.takes_effect_at,
            _price(one, one.price_before),
            _price(one, one.price_after),
            one.before.currency.code,
            cancel_command(one) or None,
        )
        for one in several
    )
    return Answer(
        [change_document(one) for one in several],
        sheet=Sheet(COLUMNS, rows, timezone),
        empty="no change is asked for or scheduled",
    )


def change_document(one: PlanChange) -> dict[str, Json]:
    """One change as JSON; prices are of a whole period, before usage and prepaid quantities."""
    request = one.request
    return {
        "kind": "scheduled" if request is None else "request",
        "customer": one.before.customer,
        "subscription": one.before.id,
        "plan": one.before.plan,
        "plan_version": one.before.plan_version,
        "status": one.status,
        "to": _wanted(one),
        "requested_at": None if request is None else instant_text(request.requested_at),
        "decided_at": None if request is None else maybe(request.decided_at),
        "reason": None if request is None else request.reason or None,
        "takes_effect_at": maybe(one.takes_effect_at),
        "successor": None if one.successor is None else one.successor.id,
        "price_before": _price(one, one.price_before),
        "price_after": _price(one, one.price_after),
        "currency": one.before.currency.code,
        "cancel": cancel_command(one) or None,
    }


def cancel_command(one: PlanChange) -> str:
    """The command that keeps a change from happening; empty where nothing is to come."""
    if one.request is not None and one.request.is_open:
        return f"planctl change reject {one.request.name}"
    if one.successor is not None and one.request is None:
        return f"planctl subscription cancel {one.successor.id}"
    return ""


def request_lines(change: Change, waiting: ChangeRequest | None) -> list[str]:
    """What asking for a change does, for the question before it; `waiting` is the request that it replaces."""
    old, new = change.before, change.successor
    when = f"from {day_text(change.at, zone(old.timezone))}, or at once with --at now"
    if change.at_once:
        when = "at once" if old.status is Status.TRIALING else "only at once, with --at now"
    lines = [
        f"{old.customer}: {old.plan} v{old.plan_version} to {new.plan} v{new.plan_version}"
        f" ({WHICH[change.direction]}), once it is approved",
        f"  approved, it takes effect {when}",
        "  nothing is changed or charged before that",
    ]
    if waiting is not None and waiting.wish.plan != new.plan:
        lines.append(f"  in place of the request for {waiting.wish.plan}")
    return lines


def asked_document(shown: PlanChange, done: Filed) -> dict[str, Json]:
    """A request as JSON, with the one it took the place of; `existed`: the same was asked before."""
    gone = done.withdrawn
    return change_document(shown) | {
        "existed": done.existed,
        "withdrawn": None if gone is None else gone.wish.plan,
    }


def asked_answer(document: Json) -> Answer:
    """What asking did, from its document."""
    one = _object(document)
    name, to = f"{one['customer']}/{one['plan']}", _object(one["to"])
    if one["existed"]:
        line = f"{name} to {to['plan']} was asked for already, on {one['requested_at']}; nothing was changed"
        return Answer(document, (line,))
    lines = [asked_line(name, str(to["plan"]))]
    if one["takes_effect_at"] is not None:
        lines.append(f"approved, it takes effect {one['takes_effect_at']}, or with --at now at once")
    if one["withdrawn"] is not None:
        lines.append(f"in place of the request for {one['withdrawn']}, which is withdrawn")
    return Answer(document, tuple(lines))


def rejecting_lines(one: PlanChange) -> list[str]:
    """What a rejection does, for the question before it."""
    assert one.request is not None
    asked = day_text(one.request.requested_at, zone(one.before.timezone))
    return [
        f"{one.request.name} to {one.to_plan}, asked for on {asked}, is rejected",
        f"  {one.before.plan} goes on",
    ]


def asked_line(name: str, plan: str) -> str:
    """That a change is asked for, and how to answer."""
    return f"{name} to {plan} is asked for; answer with planctl change approve or reject {name}"


def rejected_answer(document: Json) -> Answer:
    """What a rejection did, from its document."""
    one = _object(document)
    to = _object(one["to"])
    why = f": {one['reason']}" if one["reason"] else ""
    name = f"{one['customer']}/{one['plan']}"
    return Answer(document, (f"{name} to {to['plan']} is {one['status']}{why}; {one['plan']} goes on",))


def changed_answer(document: Json) -> Answer:
    """What a change did, from its document: what took whose place, when, and the money."""
    one = _object(document)
    if one["kept"]:
        return Answer(document, (f"{one['customer']}/{one['plan']} goes on ({one['id']})",))
    change = _object(one["change"])
    old, new = _object(change["from"]), _object(change["to"])
    which = f"{old['plan']} v{old['version']} to {new['plan']} v{new['version']}"
    if change["timing"] == "approval":
        name = f"{one['customer']}/{old['plan']}"
        return Answer(document, (asked_line(name, str(new["plan"])),))
    at_once = change["timing"] in {"now", "restart"}
    when = "now" if at_once else f"from {change['at']}"
    lines = [f"{one['customer']}: {which} {when} ({new['subscription']}, {one['status']})"]
    if at_once:
        lines += [
            f"  {part['description']}: {part['amount']} {change['currency']}" for part in _parts(change)
        ]
        lines += [issued_text(invoice) for invoice in _several(one["invoices"])]
        if str(change["credited"]).strip("0."):
            lines.append(f"{change['credited']} {change['currency']} to the balance")
    else:
        lines.append(f"  cancel with: planctl subscription cancel {new['subscription']}")
    return Answer(document, tuple(lines))


def kept_answer(document: Json) -> Answer:
    """What asking for the plan that runs did, from its document."""
    one = _object(document)
    lines = [str(one["said"])]
    if one["withdrawn"] is not None:
        lines = [f"{one['customer']}/{one['plan']} goes on; the request for {one['withdrawn']} is withdrawn"]
    return Answer(document, tuple(lines))


def _parts(change: Mapping[str, Json]) -> list[Mapping[str, Json]]:
    return _several(change["lines"])


def _wanted(one: PlanChange) -> dict[str, Json]:
    """What is to run instead: as it was asked for, or as it is scheduled."""
    new, request = one.successor, one.request
    if new is not None:
        return {
            "plan": new.plan,
            "version": new.plan_version,
            "pay": "free" if new.terms.free else new.pay,
            "currency": new.currency.code,
            "quantity": new.quantity,
            "quantities": {name: decimal_text(total) for name, total in sorted(new.quantities.items())},
        }
    assert request is not None, "a change that is scheduled has its successor"
    wish = request.wish
    return {
        "plan": wish.plan,
        "version": int(wish.version) if wish.version.isdigit() else None,
        "pay": wish.pay or None,
        "currency": wish.currency or None,
        "quantity": wish.quantity or None,
        "quantities": {name: decimal_text(total) for name, total in sorted(wish.quantities.items())},
    }


def _price(one: PlanChange, amount: int | None) -> str | None:
    return None if amount is None else format_minor(amount, one.before.currency)


def _object(document: Json) -> Mapping[str, Json]:
    assert isinstance(document, Mapping)
    return document


def _several(documents: Json) -> list[Mapping[str, Json]]:
    assert isinstance(documents, Sequence)
    return [_object(one) for one in documents]
