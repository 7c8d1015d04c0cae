"""Lists as Stripe pages them: newest first, by cursor, one to a hundred at a time. It knows no kinds.

Source: https://docs.stripe.com/api/pagination.
"""

from __future__ import annotations

from collections.abc import Callable

from tests.fakes.stripe.errors import StripeError, missing
from tests.fakes.stripe.objects import Object, listed
from tests.fakes.stripe.routing import Call

DEFAULT, MOST = 10, 100
_COMPARISONS: dict[str, Callable[[int, int], bool]] = {
    "gt": lambda value, bound: value > bound,
    "gte": lambda value, bound: value >= bound,
    "lt": lambda value, bound: value < bound,
    "lte": lambda value, bound: value <= bound,
}


def page(call: Call, kind: str, *filters: str, keep: Callable[[Object], bool] | None = None) -> Object:
    """A page of all objects of a kind that have the given values in the named `filters` and that `keep` wants."""
    params = call.params

    def wanted(thing: Object) -> bool:
        same = all(thing[name] == params[name] for name in filters if name in params)
        return same and within(thing["created"], params.get("created")) and (keep is None or keep(thing))

    return cut(call, call.books.of(kind)[::-1], kind, wanted)


def cut(call: Call, ordered: list[Object], kind: str, wanted: Callable[[Object], bool]) -> Object:
    """A page of a given order."""
    params = call.params
    limit = limit_of(params)
    after, before = params.get("starting_after"), params.get("ending_before")
    if after and before:
        raise StripeError(
            400,
            "Received both `starting_after` and `ending_before`: give one.",
            code="parameters_exclusive",
            kept=False,
        )
    ids = [thing["id"] for thing in ordered]
    for name, cursor in (("starting_after", after), ("ending_before", before)):
        if cursor and cursor not in ids:
            raise missing(kind, cursor, name)
    if before:
        found = [thing for thing in ordered[: ids.index(before)] if wanted(thing)]
        return listed(found[-limit:], call.path, len(found) > limit)
    rest = ordered[ids.index(after) + 1 :] if after else ordered
    found = [thing for thing in rest if wanted(thing)]
    return listed(found[:limit], call.path, len(found) > limit)


def limit_of(params: Object) -> int:
    """How many at a time; 400 outside 1 to 100."""
    limit = int(params.get("limit", DEFAULT))
    if limit < 1:
        said = "This value must be greater than or equal to 1."
    elif limit > MOST:
        said = f"This value must be less than or equal to {MOST} (it currently is '{limit}')."
    else:
        return limit
    raise StripeError(400, said, code="parameter_invalid_integer", param="limit", kept=False)


def within(value: int, asked: int | dict[str, int] | None) -> bool:
    """Whether an instant is what a `created` filter asks for."""
    if asked is None:
        return True
    if isinstance(asked, int):
        return value == asked
    return all(_COMPARISONS[name](value, bound) for name, bound in asked.items())
