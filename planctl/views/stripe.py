"""Says how a store stands with Stripe: its account and the key's rights, what waits for a person, what is unpaid.

It reads nothing. Of a key it shows what it is given to show.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import groupby

from planctl.core.currencies import Currency
from planctl.core.instants import Instant, instant_text, zone
from planctl.core.money import format_minor
from planctl.core.stripe.invoice_calls import STATUS
from planctl.core.stripe.model import GIVEN_UP, Account, Operation
from planctl.core.stripe.rights import Held
from planctl.core.stripe.status_report import OpenPage, StripeStanding, UnpaidThere, WaitingEvent
from planctl.views.sheet import Answer, Column, Json, Sheet
from planctl.views.words import age_text, count, day_text, maybe

SHOWN = 20
"""How many unpaid invoices and open pages people are shown; machines get all."""

_EVERY_MINUTES = 10

CHOICES = "--resend | --adopt STRIPE_ID | --drop"
"""What a person can say about a parked call."""

EVENT_CHOICES = "--retry | --drop"
"""What a person can say about a parked event."""


# --- setup ------------------------------------------------------------------------------------------


def setup_document(account: Account, held: Sequence[Held], *, charges: bool, first: bool) -> dict[str, Json]:
    """What `stripe setup` found and keeps, for machines."""
    rights: list[Json] = [
        {
            "right": one.right.name,
            "needs": None if one.right.need == "none" else one.right.need,
            "has": one.has,
            "used_for": one.right.used_for or None,
            "permission": one.permission if one.is_missing and one.permission else None,
        }
        for one in held
    ]
    return {
        "account": account.id,
        "livemode": account.live,
        "country": account.country or None,
        "key": account.key,
        "return_url": account.return_url or None,
        "set_up_at": instant_text(account.set_up_at),
        "first": first,
        "charges_enabled": charges,
        "rights": rights,
        "missing": [one.right.name for one in held if one.is_missing],
        "unneeded": [one.right.name for one in held if one.is_unneeded],
    }


def setup_answer(document: Json, event_types: Sequence[str]) -> Answer:
    """The account, and what the key may do."""
    assert isinstance(document, Mapping)
    lines = (
        f"account {document['account']}{_in_brackets(document['country'])}, {_mode(document['livemode'])} mode,"
        f" key {document['key']}",
        f"people are sent back to: {document['return_url'] or 'nowhere yet (--return-url URL)'}",
    )
    columns = (
        Column("right"),
        Column("needs", heading="planctl needs"),
        Column("has", "flag", "the key has it"),
        Column("used_for", heading="for"),
        Column("permission", heading="Stripe's name"),
    )
    rows = tuple(tuple(one[column.name] for column in columns) for one in _maps(document["rights"]))
    sheet = Sheet(columns, rows)  # type: ignore[arg-type]  # single values, as setup_document made them
    return Answer({**document, "events": list(event_types)}, lines, sheet=sheet)


def setup_warnings(document: Json) -> list[str]:
    """What people must see of it: rights that are missing or too many, and an account that cannot charge yet."""
    assert isinstance(document, Mapping)
    rights = _maps(document["rights"])
    missing = [f"{one['needs']} {one['right']}" for one in rights if one["needs"] and not one["has"]]
    unneeded = [str(one["right"]) for one in rights if not one["needs"] and one["has"]]
    said = []
    if missing:
        said.append(f"the key may not: {', '.join(missing)}; what needs it will stop with exit code 77")
    if unneeded and not str(document["key"]).startswith("sk_"):  # of which its own warning says so
        said.append(f"the key may do what planctl never does: {', '.join(unneeded)}")
    if not document["charges_enabled"]:
        said.append("Stripe lets this account take no money yet: finish its activation in the dashboard")
    return said


def setup_asked(document: Json) -> str:
    """What Stripe was asked for it, in a dry run too: the rights of a key are found out in no other way."""
    assert isinstance(document, Mapping)
    many = len(_maps(document["rights"]))
    return (
        f"Stripe was asked whose key it is, and for {many} objects that do not exist: "
        "nothing was made or changed there"
    )


def setup_next(event_types: Sequence[str], options: str) -> list[str]:
    """What comes after a setup; `options` are those that every command needs again."""
    return [
        f"next: planctl stripe diff{options}, then planctl stripe push{options}",
        f"what happens at Stripe, from cron: */{_EVERY_MINUTES} * * * * planctl stripe pull{options}",
        f"or as it happens: planctl stripe webhook, for an endpoint with these {len(event_types)} types of events:",
        *_wrapped(event_types),
    ]


def asking_lines(account: Account, before: Account | None) -> tuple[str, ...]:
    """What a yes to `stripe setup` in live mode means."""
    if before is None:
        return (
            f"account {account.id}{_in_brackets(account.country)}, live mode, key {account.key}",
            "this store will belong to that account and to live mode for good: real money moves from here on",
        )
    return (f"account {account.id}, live mode: key {account.key} in the place of {before.key}",)


# --- status -----------------------------------------------------------------------------------------


def standing_answer(standing: StripeStanding) -> Answer:
    """How the store stands with Stripe."""
    account = standing.account
    lines = [
        f"as of {_second(standing.as_of)}",
        f"account {account.id}{_in_brackets(account.country)}, {_mode(account.live)} mode, key {account.key}",
        _events_line(standing),
        *_call_lines(standing),
        *_waiting_lines(standing),
        *_given_up_lines(standing),
        *_unpaid_lines(standing),
        *_page_lines(standing),
    ]
    return Answer(standing_document(standing), tuple(lines))


def standing_document(standing: StripeStanding) -> dict[str, Json]:
    """The same for machines."""
    account, last = standing.account, standing.last_event
    return {
        "as_of": instant_text(standing.as_of),
        "account": account.id,
        "livemode": account.live,
        "country": account.country or None,
        "key": account.key,
        "return_url": account.return_url or None,
        "set_up_at": instant_text(account.set_up_at),
        "events": {
            "read_up_to": maybe(account.cursor * 1_000_000 or None),
            "last": None
            if last is None
            else {
                "id": last.id,
                "type": last.kind,
                "happened_at": instant_text(last.happened_at),
                "read_at": instant_text(last.received_at),
            },
            "counts": dict(standing.event_counts),
        },
        "calls": [
            {"object": kind, "state": state, "count": many}
            for (kind, state), many in sorted(standing.counts.items())
        ],
        "unfinished": standing.unfinished,
        "waiting": [*map(call_document, standing.parked), *map(_event_document, standing.waiting)],
        "given_up": [*map(call_document, standing.given_up)],
        "unpaid": [_unpaid_document(one) for one in standing.unpaid],
        "pages": [_page_document(one, standing.as_of) for one in standing.pages],
    }


def call_document(operation: Operation) -> dict[str, Json]:
    """One call to Stripe that waits, or was decided about."""
    return {
        "id": operation.id,
        "what": "call",
        "object": operation.kind,
        "local_id": operation.local_id,
        "action": operation.action,
        "state": operation.state.value,
        "stripe_id": operation.stripe_id or None,
        "since": maybe(operation.first_sent_at or operation.made_at),
        "why": operation.note or None,
        "request_id": operation.request_id or None,
    }


def _event_document(event: WaitingEvent) -> dict[str, Json]:
    return {
        "id": event.id,
        "what": "event",
        "object": event.kind,
        "local_id": None,
        "action": None,
        "state": "parked",
        "stripe_id": event.object or None,
        "since": instant_text(event.received_at),
        "why": event.why or None,
        "request_id": None,
    }


def _events_line(standing: StripeStanding) -> str:
    """What was read of Stripe's events: by webhooks one at a time, by pulls up to a second."""
    last, cursor = standing.last_event, standing.account.cursor * 1_000_000
    said = [f"{many:,} {state}" for state, many in standing.event_counts.items()]
    if last is not None:
        said.append(f"the last, {last.kind}, read {_ago(standing.as_of, last.received_at)}")
    if cursor:
        said.append(f"pulled up to {_second(cursor)}, {_ago(standing.as_of, cursor)}")
    return f"events: {'; '.join(said) or 'none was read yet'}"


def _call_lines(standing: StripeStanding) -> list[str]:
    """What was done, by kind of object, and what is still to be finished."""
    lines = []
    for kind, several in groupby(sorted(standing.counts.items()), key=lambda item: item[0][0]):
        lines.append(f"calls for {kind}: " + ", ".join(f"{many:,} {state}" for (_, state), many in several))
    if standing.unfinished:
        lines.append(f"to be finished by the next push: {count(standing.unfinished, 'call')}")
    return lines or ["calls: none was made yet"]


def _waiting_lines(standing: StripeStanding) -> list[str]:
    """Every call and event that waits for a person, with what can be said about it."""
    lines = []
    for one in standing.parked:
        since = _second(one.first_sent_at or one.made_at)
        lines += [
            f"waits for a person: {one.id}, {one.kind} {one.local_id} ({one.action}), since {since}",
            f"  why: {one.note}",
            f"  planctl stripe resolve {one.id} {CHOICES} --reason TEXT",
        ]
    for event in standing.waiting:
        lines += [
            f"waits for a person: {event.id}, {event.kind} of {event.object}, since {_second(event.received_at)}",
            f"  why: {event.why}",
            f"  planctl stripe resolve {event.id} {EVENT_CHOICES} --reason TEXT",
        ]
    return lines or ["waits for a person: nothing"]


def _given_up_lines(standing: StripeStanding) -> list[str]:
    """What is not done because a person said so: it stays in sight, since nobody else will do it."""
    lines = [
        f"given up: {one.id}, {one.kind} {one.local_id} ({one.action}): {one.note.removeprefix(GIVEN_UP)};"
        f" planctl stripe resolve {one.id} --resend takes it back"
        for one in standing.given_up[:SHOWN]
    ]
    return _cut(lines, len(standing.given_up), "given up")


def _unpaid_lines(standing: StripeStanding) -> list[str]:
    lines = []
    for one in standing.unpaid[:SHOWN]:
        failure, again = one.detail.get("failure"), one.detail.get("next_try")
        due = day_text(one.due_at, zone(standing.timezone))
        there = one.detail.get(STATUS, "")
        what = f"{there} at Stripe, owed here" if there in {"paid", "void"} else "unpaid at Stripe"
        lines.append(
            f"{what}: {one.number} of {one.customer}, {_amount(one.due_minor, one)} {one.currency},"
            f" due {due}"
            + (f"; the last try failed: {failure}" if failure else "")
            + (f"; the next is {again}" if failure and again else "")
        )
    return _cut(lines, len(standing.unpaid), "unpaid at Stripe") or ["unpaid at Stripe: nothing"]


def _page_lines(standing: StripeStanding) -> list[str]:
    lines = []
    for one in standing.pages[:SHOWN]:
        is_over = _is_over(one, standing.as_of)
        until = "has closed, which the next pull reads" if is_over else f"until {_second(one.expires_at)}"
        amount = f"{_amount(one.amount_minor, one)} {one.currency}"
        lines.append(f"page open: {one.customer}, {one.plan}, {amount}, {until}")
    return _cut(lines, len(standing.pages), "pages open")


def _cut(lines: list[str], number: int, what: str) -> list[str]:
    return [*lines, f"{what}: {number - SHOWN:,} more (-f json lists all)"] if number > SHOWN else lines


def _unpaid_document(one: UnpaidThere) -> dict[str, Json]:
    return {
        "invoice": one.number,
        "customer": one.customer,
        "stripe_id": one.stripe_id,
        "status": one.status,
        "at_stripe": one.detail.get(STATUS) or None,
        "due": _amount(one.due_minor, one),
        "currency": one.currency,
        "due_at": instant_text(one.due_at),
        "failure": one.detail.get("failure") or None,
        "next_try": one.detail.get("next_try") or None,
    }


def _page_document(one: OpenPage, as_of: int) -> dict[str, Json]:
    return {
        "session": one.session,
        "customer": one.customer,
        "plan": one.plan,
        "amount": _amount(one.amount_minor, one),
        "currency": one.currency,
        "opened_at": instant_text(one.made_at),
        "expires_at": instant_text(one.expires_at),
        "expired": _is_over(one, as_of),
    }


# --- resolve ----------------------------------------------------------------------------------------


def resolved_answer(document: Json) -> Answer:
    """What was decided about a call, and what happens next."""
    assert isinstance(document, Mapping)
    about = f"{document['object']} {document['local_id']} ({document['action']})"
    return Answer(
        document, (f"{document['id']}, {about}: {document['decided']}", f"next: {document['next']}")
    )


def next_of(kind: str, decided: str) -> str:
    """What happens after a decision about a call."""
    if decided == "adopted":
        return "planctl stripe push goes on with it" if kind == "invoice" else "nothing: it stands as done"
    if decided == "dropped":
        return "nothing: it is not asked for again; --resend takes that back"
    asking = {"checkout": "planctl stripe checkout", "portal": "planctl stripe portal"}
    return f"{asking.get(kind, 'planctl stripe push')} asks for it anew, from what the store says then"


def _wrapped(event_types: Sequence[str]) -> list[str]:
    """The types of events, a few to a line."""
    return [f"  {' '.join(event_types[start : start + 3])}" for start in range(0, len(event_types), 3)]


def _maps(values: Json | Iterable[Json]) -> list[Mapping[str, Json]]:
    assert isinstance(values, Iterable)
    return [one for one in values if isinstance(one, Mapping)]


def _mode(live: Json) -> str:
    return "live" if live else "test"


def _in_brackets(text: Json) -> str:
    return f" ({text})" if text else ""


def _second(at: int) -> str:
    """An instant for people: what is below a second tells them nothing."""
    return instant_text(Instant(at - at % 1_000_000))


def _ago(as_of: int, at: int) -> str:
    return f"{age_text(max(0, as_of - at))} ago"


def _is_over(page: OpenPage, as_of: int) -> bool:
    return page.expires_at <= as_of


def _amount(minor: int, one: UnpaidThere | OpenPage) -> str:
    return format_minor(minor, Currency(one.currency, one.currency, one.decimals))
