"""How a change of a quantity looks, to machines and to people. It decides nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from planctl.core.instants import instant_text, zone
from planctl.core.invoicing.model import CreditDraft, Draft, Invoice
from planctl.core.invoicing.quantities import QuantityChange
from planctl.core.money import decimal_text, format_amount, format_minor
from planctl.core.subscriptions.model import QuantityStep, Subscription
from planctl.views.invoice import invoice_document, issued_text, request_text
from planctl.views.sheet import Answer, Json
from planctl.views.subscription import Shown, subscription_document
from planctl.views.words import day_text


def quantity_lines(
    change: QuantityChange, drafts: Sequence[Draft], credits: Sequence[CreditDraft]
) -> list[str]:
    """What the change will do, for the question before it."""
    one = change.subscription
    name = f"{one.customer}/{one.plan}" + (f" {change.feature}" if change.feature else "")
    if change.step is None:
        return [f"{name} stays as it is: {decimal_text(change.after)}", *_dropped(change)]
    lines = [
        f"{name}: {decimal_text(change.before)} to {decimal_text(change.after)}{_from(change.step, one)}"
    ]
    lines += [
        f"  {line.description}: {format_amount(line.amount_minor, one.currency)}" for line in change.lines
    ]
    for draft in drafts:
        lines.append(f"  request: {request_text(draft)}")
    lines += [f"  to the balance: {_credit(note)}" for note in credits]
    if not drafts and not credits:
        lines.append("  nothing is charged now")
    return lines + _dropped(change)


def quantity_document(
    change: QuantityChange,
    after: Shown,
    invoices: Sequence[Invoice],
    credits: Sequence[CreditDraft],
) -> dict[str, Json]:
    """A change as JSON: the subscription afterwards, what changed, the invoice it caused, what was credited."""
    step = change.step
    return subscription_document(after) | {
        "change": {
            "feature": change.feature or None,
            "before": decimal_text(change.before),
            "after": decimal_text(change.after),
            "at": None if step is None else instant_text(step.at),
            "canceled": [decimal_text(one.total) for one in change.removed],
        },
        "unchanged": change.unchanged,
        "invoices": [invoice_document(one) for one in invoices],
        "credits": [
            {"invoice": one.invoice, "total": format_minor(one.total_minor, one.currency)} for one in credits
        ],
    }


def quantity_answer(document: Json) -> Answer:
    """What a change did, from its document."""
    assert isinstance(document, Mapping)
    change, invoices, credits = document["change"], document["invoices"], document["credits"]
    assert isinstance(change, Mapping)
    assert isinstance(invoices, Sequence)
    assert isinstance(credits, Sequence)
    name = f"{document['customer']}/{document['plan']}" + (
        f" {change['feature']}" if change["feature"] else ""
    )
    if document["unchanged"]:
        return Answer(document, (f"{name} is {change['after']} already, or will be; nothing was changed",))
    if change["at"] is None:
        lines = [f"{name} stays {change['after']}: what was scheduled is canceled"]
    else:
        lines = [f"{name}: {change['before']} to {change['after']} from {change['at']}"]
    for invoice in invoices:
        lines.append(issued_text(invoice))
    for credit in credits:
        assert isinstance(credit, Mapping)
        lines.append(f"{credit['total']} {document['currency']} to the balance")
    return Answer(document, tuple(lines))


def undo_of(document: Json, address: str) -> str:
    """The command that takes a change back, crediting the days that are left; none where one was taken back."""
    assert isinstance(document, Mapping)
    change = document["change"]
    assert isinstance(change, Mapping)
    if change["at"] is None:
        return ""
    wanted = f"{change['feature']}={change['before']}" if change["feature"] else change["before"]
    return f"planctl subscription quantity {address} {wanted}" + (" --at now" if document["invoices"] else "")


def _credit(one: CreditDraft) -> str:
    return f"{format_amount(one.total_minor, one.currency)} {one.currency.code}"


def _from(step: QuantityStep, one: Subscription) -> str:
    return f" from {day_text(step.at, zone(one.timezone))}"


def _dropped(change: QuantityChange) -> list[str]:
    tz = zone(change.subscription.timezone)
    return [
        f"  no longer scheduled: {decimal_text(one.total)} from {day_text(one.at, tz)}"
        for one in change.removed
    ]
