"""Reading across: the account, the events, and searches that find new objects only after a while.

Source: https://docs.stripe.com/api/events/list, https://docs.stripe.com/search.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from tests.fakes.stripe.errors import StripeError, invalid, missing
from tests.fakes.stripe.events import matches
from tests.fakes.stripe.objects import Object
from tests.fakes.stripe.paging import limit_of, page
from tests.fakes.stripe.routing import Call, Endpoint

MOST_TYPES = 20
_CLAUSE = re.compile(
    r"""(?:metadata\[["'](?P<name>[^"']+)["']\]|(?P<field>[a-z_]+)):["'](?P<value>[^"']*)["']"""
)


def account(call: Call) -> Object:
    """The account of the key."""
    if call.names and call.names[0] != call.books.account["id"]:
        raise missing("account", call.names[0])
    return call.books.account


def list_events(call: Call) -> Object:
    """Newest first, thirty days back; filters: `type`, up to twenty `types`, `created`."""
    type, types = call.params.get("type"), call.params.get("types")
    if type is not None and types is not None:
        raise invalid("You may only specify one of these parameters: type, types.", "types")
    if types is not None and len(types) > MOST_TYPES:
        raise invalid(f"You may only specify up to {MOST_TYPES} types.", "types")

    def keep(event: Object) -> bool:
        if types is not None:
            return event["type"] in types
        return type is None or matches(event["type"], type)

    return page(call, "event", keep=keep)


def retrieve_event(call: Call) -> Object:
    """One event of the last thirty days."""
    for event in call.books.journal.listed():
        if event["id"] == call.id:
            return event
    raise missing("event", call.id)


def absent(kind: str) -> Callable[[Call], Object]:
    """A kind of object that the fake has none of: a key may still be asked whether it could see one."""

    def answer(call: Call) -> Object:
        raise missing(kind, call.id)

    return answer


def searching(kind: str) -> Endpoint:
    """`GET /v1/things/search`: what was made within the lag is not found yet."""

    def search(call: Call) -> Object:
        clauses = _clauses(call.params["query"])
        known = call.books.clock.now - call.books.search_lag
        found = [
            thing
            for thing in reversed(call.books.of(kind))
            if thing["created"] <= known and all(_has(thing, *clause) for clause in clauses)
        ]
        limit = limit_of(call.params)
        return {
            "object": "search_result",
            "data": found[:limit],
            "has_more": len(found) > limit,
            "next_page": None,
            "url": call.path,
        }

    return Endpoint("GET", f"/v1/{kind}s/search", search, f"{kind.title()}SearchParams")


def _clauses(query: str) -> list[tuple[str, str, str]]:
    clauses = []
    for part in query.split(" AND "):
        found = _CLAUSE.fullmatch(part.strip())
        if found is None:
            raise StripeError(400, f"We were unable to parse your search query: {query}", param="query")
        clauses.append((found["name"] or "", found["field"] or "", found["value"]))
    return clauses


def _has(thing: Object, name: str, field: str, value: str) -> bool:
    return bool((thing["metadata"].get(name) if name else thing.get(field)) == value)


ENDPOINTS = (
    Endpoint("GET", "/v1/account", account, "AccountRetrieveCurrentParams"),
    Endpoint("GET", "/v1/accounts/{}", account, "AccountRetrieveParams"),
    searching("customer"),
    searching("invoice"),
    Endpoint("GET", "/v1/events", list_events, "EventListParams"),
    Endpoint("GET", "/v1/events/{}", retrieve_event, "EventRetrieveParams"),
    Endpoint("GET", "/v1/payouts/{}", absent("payout"), "PayoutRetrieveParams"),
    Endpoint("POST", "/v1/payouts/{}", absent("payout"), "PayoutUpdateParams"),
    Endpoint("GET", "/v1/subscriptions/{}", absent("subscription"), "SubscriptionRetrieveParams"),
    Endpoint("POST", "/v1/subscriptions/{}", absent("subscription"), "SubscriptionUpdateParams"),
)
