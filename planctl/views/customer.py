"""How customers look, to machines and to people: plans, bars, open invoices and what happens next."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from planctl.core.accounts import Account, NextEvent, next_events
from planctl.core.customers import Customer
from planctl.core.entitlements import Holding, OpenPool
from planctl.core.instants import instant_text, zone
from planctl.core.invoicing.model import Invoice
from planctl.core.money import format_amount, format_minor
from planctl.core.periods import Instant
from planctl.core.subscriptions.model import Status, Subscription
from planctl.views.sheet import Answer, Column, Json, Sheet
from planctl.views.subscription import Shown, assignment_document, subscription_document
from planctl.views.usage import bar
from planctl.views.words import day_text

COLUMNS = (
    Column("id"),
    Column("name"),
    Column("emails"),
    Column("currency"),
    Column("country"),
    Column("timezone"),
    Column("parent"),
    Column("archived", "flag"),
    Column("created_at", "instant", "since"),
)

_WORDS = {
    "starts": "starts",
    "renews": "renews",
    "quantity_changes": "another quantity holds",
    "usage_closes": "usage is billed",
    "allowance_resets": "allowance resets",
    "ends": "ends",
    "due": "is due",
    "blocked": "its grace ends: access is blocked",
}


def customer_document(customer: Customer) -> dict[str, Json]:
    """What is kept of a customer, as JSON; what was never said is null."""
    return {
        "id": customer.id,
        "name": customer.name or None,
        "emails": list(customer.emails),
        "currency": customer.currency or None,
        "timezone": customer.timezone,
        "country": customer.country or None,
        "address": customer.address or None,
        "tax_id": customer.tax_id or None,
        "locale": customer.locale or None,
        "fingerprint": customer.fingerprint or None,
        "archived": customer.archived_at is not None,
        "parent": customer.parent or None,
        "tax": customer.tax or None,
        "payment_method": customer.payment_method,
        "created_at": instant_text(Instant(customer.created_at)),
    }


def account_document(account: Account) -> dict[str, Json]:
    """A customer as JSON with everything that belongs to it and what happens next."""
    return customer_document(account.customer) | {
        "balance": {
            currency.code: format_minor(minor, currency) for currency, minor in account.balance.items()
        },
        "subscriptions": [
            subscription_document(_shown(account, one.subscription)) for one in account.holdings
        ],
        "assignments": [assignment_document(one) for one in account.assignments],
        "open_invoices": [_invoice_document(one, account.at) for one in account.open_invoices],
        "holds": list(account.holds),
        "next": [
            {"at": instant_text(event.at), "event": event.what, "about": event.about}
            for event in next_events(account)
        ],
    }


def account_answer(account: Account) -> Answer:
    """A customer's page: who, which plans with their pools, what is owed, what happens next."""
    customer = account.customer
    tz = zone(customer.timezone)
    lines = [_head(customer), *_said(customer)]
    lines += [f"on hold: {reason}" for reason in account.holds]
    live = [one for one in account.holdings if one.subscription.live or _pending(one)]
    for holding in live:
        one = holding.subscription
        lines.append(
            f"{one.plan} v{one.plan_version} · {one.status.value} since {day_text(one.started_at, tz)}"
        )
        lines += [f"  {line}" for line in pool_lines(holding.pools)]
    ended = len(account.holdings) - len(live)
    if ended:
        lines.append(f"{ended} ended: planctl subscription list --customer {customer.id}")
    lines += [
        f"{one.plan} v{one.version} · assigned {day_text(one.assigned_at, tz)}, not started"
        for one in account.assignments
    ]
    if not live and not account.assignments:
        lines.append("no plan")
    lines += [
        f"balance {format_amount(minor, currency)} {currency.code}, which pays the next invoices"
        for currency, minor in account.balance.items()
    ]
    for invoice in account.open_invoices:
        owed = format_amount(invoice.due_minor, invoice.draft.currency)
        lines.append(
            f"{invoice.number} · {invoice.status_at(account.at)} · {owed} {invoice.draft.currency.code}"
            f" due {day_text(invoice.draft.due_at, tz)}"
        )
    lines += [f"next: {_event_line(event, day_text(event.at, tz))}" for event in next_events(account)]
    return Answer(account_document(account), tuple(lines))


def pool_lines(pools: Mapping[str, OpenPool]) -> list[str]:
    """One line with a bar for every metered feature."""
    width = max((len(feature) for feature in pools), default=0)
    return [f"{feature:<{width}}  {bar(state)}" for feature, state in pools.items()]


def customers_answer(several: Sequence[Customer], timezone: str) -> Answer:
    """A list of customers."""
    rows = tuple(
        (
            one.id,
            one.name or None,
            "; ".join(one.emails) or None,
            one.currency or None,
            one.country or None,
            one.timezone,
            one.parent or None,
            one.archived_at is not None,
            one.created_at,
        )
        for one in several
    )
    return Answer(
        [customer_document(one) for one in several], (), Sheet(COLUMNS, rows, timezone), "no customers"
    )


def kept_document(
    customer: Customer, enabled: Sequence[tuple[str, str]], *, existed: bool
) -> dict[str, Json]:
    """What adding or changing a customer did; `enabled` are (plan, subscription) started for it."""
    return customer_document(customer) | {
        "existed": existed,
        "enabled": [{"plan": plan, "subscription": name} for plan, name in enabled],
    }


def kept_answer(document: Json, done: str) -> Answer:
    """What adding or changing a customer did, from its document; `done` is `added` or `updated`."""
    assert isinstance(document, Mapping)
    enabled = document["enabled"]
    assert isinstance(enabled, Sequence)
    if document["existed"]:
        return Answer(document, (f"customer {document['id']} is there already, as asked",))
    lines = [f"customer {document['id']} {done}"]
    lines += [f"{one['plan']} started ({one['subscription']})" for one in enabled if isinstance(one, Mapping)]
    return Answer(document, tuple(lines))


def imported_document(added: Sequence[str], existing: int, enabled: int) -> dict[str, Json]:
    """What an import of customers did."""
    return {
        "read": len(added) + existing,
        "added": len(added),
        "existing": existing,
        "enabled": enabled,
        "customers": list(added),
    }


def imported_answer(document: Json) -> Answer:
    """What an import of customers did, from its document."""
    assert isinstance(document, Mapping)
    line = f"{document['added']} customers added, {document['existing']} were there already"
    started = f", {document['enabled']} subscriptions started" if document["enabled"] else ""
    return Answer(document, (line + started,))


def _shown(account: Account, subscription: Subscription) -> Shown:
    """A subscription with the numbers of its unpaid invoices and its plan's newest version."""
    mine = (one for one in account.open_invoices if one.draft.subscription == subscription.id)
    return Shown(
        subscription,
        account.at,
        account.newest.get(subscription.plan, 0),
        tuple(sorted(one.number for one in mine)),
    )


def _invoice_document(invoice: Invoice, at: Instant) -> dict[str, Json]:
    currency = invoice.draft.currency
    return {
        "number": invoice.number or None,
        "id": invoice.id,
        "status": invoice.status_at(at).value,
        "currency": currency.code,
        "total": format_minor(invoice.total_minor, currency),
        "due": format_minor(invoice.due_minor, currency),
        "due_at": instant_text(invoice.draft.due_at),
    }


def _head(customer: Customer) -> str:
    parts = [customer.id, customer.name, "archived" if customer.archived_at is not None else ""]
    return " · ".join(part for part in parts if part)


def _said(customer: Customer) -> list[str]:
    said = {
        "e-mail": "; ".join(customer.emails),
        "currency": customer.currency,
        "timezone": customer.timezone,
        "country": customer.country,
        "address": customer.address.replace("\n", ", "),
        "tax id": customer.tax_id,
        "tax": customer.tax,
        "pays by": "" if customer.payment_method == "none" else customer.payment_method,
        "belongs to": customer.parent,
    }
    return ["  " + " · ".join(f"{what} {text}" for what, text in said.items() if text)]


def _pending(holding: Holding) -> bool:
    return holding.subscription.status is Status.PENDING


def _event_line(event: NextEvent, day: str) -> str:
    return f"{day} {event.about} {_WORDS[event.what]}"
