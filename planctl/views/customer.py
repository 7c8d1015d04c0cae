"""How customers look, to machines and to people: plans, bars, open invoices and what happens next."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from zoneinfo import ZoneInfo

from planctl.core.accounts import Account, Shown
from planctl.core.customers import Customer
from planctl.core.instants import instant_text, zone
from planctl.core.money import format_amount, format_minor
from planctl.core.periods import Instant
from planctl.core.subscriptions.model import ENDED, Status
from planctl.views.company import company_document, company_lines, no_plan_text
from planctl.views.next_steps import next_documents, next_lines
from planctl.views.pools import pool_lines
from planctl.views.sheet import Answer, Column, Json, Sheet
from planctl.views.subscription import assignment_document
from planctl.views.subscription_page import reason_text, standing_document
from planctl.views.unpaid import unpaid_document, unpaid_line
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
        "subscriptions": [standing_document(one) for one in account.shown],
        "assignments": [assignment_document(one) for one in account.assignments],
        "open_invoices": [unpaid_document(one, account.at) for one in account.open_invoices],
        "holds": list(account.holds),
        "next": next_documents(account.next),
        **company_document(account.billed_to, account.below),
    }


def account_answer(account: Account) -> Answer:
    """A customer's page: who, which plans with their pools, what is owed, what happens next."""
    return Answer(account_document(account), tuple(_page(account)))


def _page(account: Account) -> Iterator[str]:
    customer = account.customer
    tz = zone(customer.timezone)
    yield _head(customer)
    yield from _said(customer)
    yield from _titled("Plans", _plan_lines(account, tz) or [f"  {no_plan_text(account.billed_to)}"])
    yield from _titled("Company", company_lines(account.below))
    yield from _titled(
        "Balance",
        [
            f"  {format_amount(minor, currency)} {currency.code}, which pays the next invoices"
            for currency, minor in account.balance.items()
        ],
    )
    unpaid = [f"  {unpaid_line(invoice, account.at, tz)}" for invoice in account.open_invoices]
    yield from _titled("Open invoices", unpaid)
    yield from _titled("Next", [f"  {line}" for line in next_lines(account.next, tz)])


def _titled(title: str, lines: Sequence[str]) -> Iterator[str]:
    """A block of the page, left out where it has nothing to say."""
    if lines:
        yield ""
        yield title
        yield from lines


def _plan_lines(account: Account, tz: ZoneInfo) -> list[str]:
    """What runs or is to start, add-ons below their plan; how many have ended; what is assigned."""
    open_ones = [one for one in account.shown if one.subscription.status not in ENDED]
    ids = {one.subscription.id for one in open_ones}
    lines: list[str] = []
    for one in open_ones:
        if one.subscription.base in ids:
            continue
        lines += _standing_lines(one, tz, "  ")
        for addon in open_ones:
            if addon.subscription.base == one.subscription.id:
                lines += _standing_lines(addon, tz, "    + ")
    ended = len(account.shown) - len(open_ones)
    if ended:
        lines.append(f"  {ended} ended: planctl subscription list --customer {account.customer.id}")
    return lines + [
        f"  {one.plan} v{one.version} · assigned {day_text(one.assigned_at, tz)}, not started"
        for one in account.assignments
    ]


def _standing_lines(shown: Shown, tz: ZoneInfo, mark: str) -> list[str]:
    """One subscription: what it is, where it stands and why, its pools."""
    one = shown.subscription
    held = one.quantity_at(shown.as_of)
    many = f" × {held}" if held != 1 else ""
    since = reason_text(shown, tz) or f"since {day_text(one.started_at, tz)}"
    behind = f" · behind: v{shown.newest}" if shown.newest > one.plan_version else ""
    lines = [f"{mark}{one.plan} v{one.plan_version}{many} · {_words(one.status)} {since}{behind}"]
    return lines + pool_lines(shown.pools, tz, one.ends_at, " " * len(mark) + "  ")


def _words(status: Status) -> str:
    return status.value.replace("_", " ")


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
