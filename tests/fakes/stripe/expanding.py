"""`expand[]`: ids that become objects, and properties that are shown only when they are asked for.

Source: https://docs.stripe.com/expand, https://docs.stripe.com/api/expanding_objects.
"""

from __future__ import annotations

import copy
from typing import Any

from tests.fakes.stripe.books import Books
from tests.fakes.stripe.errors import StripeError
from tests.fakes.stripe.objects import Object, listed

DEEPEST = 4


def expanded(books: Books, found: Object, paths: list[str]) -> Object:
    """A copy of an answer, with each path such as `data.customer` or `payments` expanded."""
    answer = copy.deepcopy(found)
    for path in paths:
        parts = path.split(".")
        if len(parts) > DEEPEST:
            raise StripeError(
                400,
                f"You cannot expand more than {DEEPEST} levels of a property ({path}).",
                param="expand",
                kept=False,
            )
        _expand(books, answer, parts, path)
    return answer


def _expand(books: Books, thing: Object, parts: list[str], path: str) -> None:
    name, *rest = parts
    if name not in thing and (shown := _aside(books, thing, name)) is not None:
        thing[name] = shown
    if name not in thing:
        raise _cannot(path)
    value = thing[name]
    if isinstance(value, list):
        thing[name] = [_expanded(books, one, rest, path) for one in value]
    else:
        thing[name] = _expanded(books, value, rest, path)


def _expanded(books: Books, value: Any, rest: list[str], path: str) -> Any:
    if isinstance(value, str):
        if value not in books.objects:
            raise _cannot(path)
        value = copy.deepcopy(books.objects[value])
    if rest and isinstance(value, dict):
        _expand(books, value, rest, path)
    return value


def _cannot(path: str) -> StripeError:
    return StripeError(400, f"This property cannot be expanded ({path}).", param="expand", kept=False)


def _aside(books: Books, thing: Object, name: str) -> Any:
    """What Stripe leaves out of an object until it is asked for it."""
    id = str(thing.get("id", ""))
    if name == "payments" and thing.get("object") == "invoice":
        found = [payment for payment in books.of("invoice_payment") if payment["invoice"] == id]
        return listed(copy.deepcopy(found[::-1]), f"/v1/invoice_payments?invoice={id}")
    if name == "line_items" and thing.get("object") == "checkout.session":
        return listed(copy.deepcopy(books.lines.get(id, [])), f"/v1/checkout/sessions/{id}/line_items")
    return copy.deepcopy(books.aside.get(id, {}).get(name))
