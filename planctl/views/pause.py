"""How a pause, its end, a cancellation and a lock look, to machines and to people. It decides nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from planctl.core.currencies import Currency
from planctl.core.instants import zone
from planctl.core.invoicing.credits import Parts
from planctl.core.invoicing.model import Draft, Invoice
from planctl.core.invoicing.returning import Returned
from planctl.core.money import format_amount
from planctl.core.subscriptions.model import Subscription
from planctl.values import dataclass
from planctl.views.credit_note import Issued, issued_document
from planctl.views.invoice import invoice_document, issued_text
from planctl.views.sheet import Answer, Json
from planctl.views.subscription import (
    Shown,
    cancel_lines,
    canceled_answer,
    canceled_document,
    subscription_document,
)
from planctl.views.words import day_text

NOTHING_BACK = "nothing is left to credit"


def pause_lines(one: Subscription, addons: Sequence[Subscription], parts: Sequence[Parts]) -> list[str]:
    """What pausing will do, for the question before it; `parts` say where what goes back goes."""
    begins = day_text(one.blocked[-1].starts_at, zone(one.timezone))
    lines = [f"{one.customer}/{one.plan} is paused from {begins} ({one.timezone}): no access, no renewals"]
    lines += [f"  and with it {addon.plan}" for addon in addons]
    return lines + _back(parts, one.currency)


def paused_document(after: Shown, returned: Sequence[Returned]) -> dict[str, Json]:
    """A pause as JSON: the subscription afterwards, and the credit notes of what goes back."""
    return subscription_document(after) | {"credits": _credits(returned)}


def paused_answer(document: Json) -> Answer:
    """What a pause did, from its document."""
    one = _object(document)
    lines = [f"{one['customer']}/{one['plan']} is paused ({one['id']})"]
    lines += [f"and with it {addon['plan']}" for addon in _objects(one["addons"])]
    return Answer(document, (*lines, *_credited(one["credits"])))


def resumed_document(after: Shown, invoices: Sequence[Invoice], *, kept: bool) -> dict[str, Json]:
    """A return as JSON: the subscription afterwards with the invoices issued at once.

    `kept`: it was to end, and no pause ended.
    """
    return subscription_document(after) | {
        "kept": kept,
        "invoices": [invoice_document(one) for one in invoices],
    }


def resumed_answer(document: Json) -> Answer:
    """What resuming did, from its document."""
    one = _object(document)
    ends = f"; ends {one['ends_at']} ({one['end_reason']})" if one["ends_at"] else ""
    lines = [f"{one['customer']}/{one['plan']} goes on: {one['status']}{ends} ({one['id']})"]
    lines += [f"and with it {addon['plan']}" for addon in _objects(one["addons"])]
    lines += [issued_text(invoice) for invoice in _objects(one["invoices"])]
    return Answer(document, tuple(lines))


@dataclass(frozen=True, slots=True)
class Beside:
    """What a cancellation does to others: add-ons that end with it, scheduled starts that never come, what goes on."""

    addons: Sequence[Subscription] = ()
    withdrawn: Sequence[Subscription] = ()
    released: Sequence[Subscription] = ()


def ending_lines(
    one: Subscription, drafts: Sequence[Draft], beside: Beside, parts: Sequence[Parts] | None
) -> list[str]:
    """What canceling will do, for the question before it; `parts` say where what goes back goes, None: unasked."""
    lines = cancel_lines(one, drafts, beside.addons)
    if one.ends_at == one.started_at:
        lines[0] = f"{one.customer}/{one.plan} never begins"
    lines += [f"  and {other.plan}, which was to follow it, never begins" for other in beside.withdrawn]
    lines += [f"  and {other.plan} goes on" for other in beside.released]
    return lines if parts is None else lines + _back(parts, one.currency)


def ended_document(
    after: Shown,
    invoices: Sequence[Invoice],
    beside: Beside,
    returned: Sequence[Returned] | None,
    *,
    unchanged: bool,
) -> dict[str, Json]:
    """A cancellation as JSON, with the credit notes of what went back; null where nothing was asked back.

    `withdrawn` are scheduled starts that never come, `released` what goes on as if one had never been scheduled.
    """
    document = canceled_document(after.subscription, after.as_of, invoices, unchanged=unchanged)
    return document | {
        "withdrawn": [other.id for other in beside.withdrawn],
        "released": [other.id for other in beside.released],
        "credits": None if returned is None else _credits(returned),
    }


def ended_answer(document: Json) -> Answer:
    """What canceling did, from its document."""
    one = _object(document)
    credits = one["credits"]
    returned = () if credits is None else _credited(credits)
    lines = canceled_answer(document).lines
    if one["status"] == "canceled" and one["ends_at"] == one["started_at"]:
        lines = (f"{one['customer']}/{one['plan']} never begins ({one['id']}, now canceled)", *lines[1:])
    return Answer(document, (*lines, *returned))


def cancel_undo(document: Json, address: str) -> str:
    """What takes a cancellation back: what still runs is resumed, what never began or has ended is started anew."""
    one = _object(document)
    if one["unchanged"]:
        return ""
    if one["status"] == "canceled":
        return f"planctl subscribe {one['customer']} {one['plan']}, which starts it anew"
    return f"planctl subscription resume {address}"


def resume_undo(document: Json, address: str) -> str:
    """What takes a return back: a pause, where one ended; else canceling again."""
    return f"planctl subscription {'cancel' if _object(document)['kept'] else 'pause'} {address}"


def lock_document(after: Shown, *, changed: bool) -> dict[str, Json]:
    """A lock, or its end, as JSON."""
    return subscription_document(after) | {"unchanged": not changed}


def lock_answer(document: Json) -> Answer:
    """What locking or unlocking did, from its document."""
    one = _object(document)
    name = f"{one['customer']}/{one['plan']}"
    if one["locked"]:
        already = "already " if one["unchanged"] else ""
        return Answer(document, (f"{name} is {already}locked: no migration moves it ({one['locked']})",))
    return Answer(document, (f"{name} {'was not' if one['unchanged'] else 'is no longer'} locked",))


def _back(several: Sequence[Parts], currency: Currency) -> list[str]:
    """Where credits will go, or that there are none."""
    went = [
        (minor, where)
        for parts in several
        for minor, where in (
            (parts.invoice_minor, "go against what its invoice owes"),
            (parts.money_minor, "go back as money"),
            (parts.balance_minor, "go to the balance"),
        )
    ]
    lines = [f"  {format_amount(minor, currency)} {currency.code} {where}" for minor, where in went if minor]
    return lines or [f"  {NOTHING_BACK}"]


def _credits(returned: Sequence[Returned]) -> list[Json]:
    return [issued_document(Issued(one.note, one.invoice, one.parts, one.refunds)) for one in returned]


def _credited(credits: Json) -> tuple[str, ...]:
    """What went back, one line for each credit note, or that nothing did."""
    went = (
        ("applied", "against what it owes"),
        ("refunded", "back as money"),
        ("to_balance", "to the balance"),
    )
    lines = []
    for note in _objects(credits):
        parts = [f"{note[name]} {where}" for name, where in went if str(note[name]).strip("0.")]
        total = f"{note['total']} {note['currency']}"
        lines.append(f"credit note {note['number']} on {note['invoice']}: {total} ({', '.join(parts)})")
    return tuple(lines) or (NOTHING_BACK,)


def _object(document: Json) -> Mapping[str, Json]:
    assert isinstance(document, Mapping)
    return document


def _objects(documents: Json) -> list[Mapping[str, Json]]:
    assert isinstance(documents, Sequence)
    return [_object(one) for one in documents]
