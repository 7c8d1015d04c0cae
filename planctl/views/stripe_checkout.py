"""Checkout pages and portal links as they are shown: the address first and alone, so that a script can mail it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from planctl.core.instants import instant_text, local_time, parse_instant, zone
from planctl.core.money import format_minor
from planctl.core.stripe.checkout import Order, Page
from planctl.core.stripe.checkout_lines import parts_of
from planctl.views.sheet import Answer, Json


def checkout_document(order: Order, page: Page | None, *, existed: bool = False) -> dict[str, Json]:
    """A page as JSON; without one, as it would be opened: `url`, `session` and `expires_at` are then null."""
    one, change = order.proposed.subscription, order.proposed.change
    return {
        "customer": one.customer,
        "plan": one.plan,
        "plan_version": one.plan_version,
        "pay": one.pay,
        "starts": order.proposed.name,
        "from": None if change is None else change.before.plan,
        "mode": order.mode,
        "amount": format_minor(order.amount_minor, order.currency),
        "currency": order.currency.code,
        "lines": [
            {"description": what, "amount": format_minor(amount, order.currency)}
            for draft in order.proposed.billed.drafts
            for what, amount in parts_of(draft)
        ],
        "url": None if page is None else page.url,
        "session": None if page is None else page.session,
        "expires_at": None if page is None else instant_text(page.expires_at),
        "timezone": one.timezone,
        "existed": existed,
    }


def checkout_answer(document: Json) -> Answer:
    """The address alone; for a page that was not opened, what it would ask for."""
    one = _object(document)
    return Answer(document, (str(one["url"]),) if one["url"] else tuple(checkout_lines(document)))


def checkout_lines(document: Json) -> list[str]:
    """What a page is for, how much it asks for and of what that is made, and until when it can be paid."""
    one = _object(document)
    asks = f"asks for {one['amount']} {one['currency']}"
    if one["mode"] == "setup":
        asks = "asks for a means of payment; nothing is paid now"
    lines = [f"{one['customer']}: {one['starts']} ({one['plan']} v{one['plan_version']}), {asks}"]
    parts = one["lines"]
    assert isinstance(parts, Sequence)
    lines += [f"  {_object(part)['description']}: {_object(part)['amount']}" for part in parts]
    if one["expires_at"]:
        again = "it was open already; " if one["existed"] else ""
        done = "it is paid" if one["mode"] == "payment" else "it is filled in"
        lines.append(f"  {again}open until {_until(one)}; nothing starts before {done}")
    return lines


def portal_document(customer: str, url: str | None, return_url: str) -> dict[str, Json]:
    """A link to the portal as JSON; `url` is null where none was asked for."""
    return {"customer": customer, "url": url, "return_url": return_url or None}


def portal_answer(document: Json) -> Answer:
    """The address alone; for one that was not asked for, whose portal it would open."""
    one = _object(document)
    return Answer(document, (str(one["url"] or f"a link to the billing portal of {one['customer']}"),))


def _until(one: Mapping[str, Json]) -> str:
    """The minute of the customer's clock until which a page is open."""
    tz = str(one["timezone"])
    at = local_time(parse_instant(str(one["expires_at"]), zone("UTC")), zone(tz))
    return f"{at:%Y-%m-%d %H:%M} ({tz})"


def _object(document: Json) -> Mapping[str, Json]:
    assert isinstance(document, Mapping)
    return document
