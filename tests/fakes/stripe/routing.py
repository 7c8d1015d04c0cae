"""What an endpoint is: a method, a path, a parameter type of stripe-python, and what it does. It knows no endpoint."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from tests.fakes.stripe.books import Books
from tests.fakes.stripe.objects import Object


@dataclass(frozen=True, slots=True)
class Call:
    """One request as an endpoint sees it: checked parameters, and what stands for the `{}` of its path."""

    books: Books
    params: Object
    names: tuple[str, ...]
    path: str

    @property
    def id(self) -> str:
        """The first name in the path."""
        return self.names[0]


@dataclass(frozen=True, slots=True)
class Endpoint:
    """`template` has `{}` for an id. `params` names a class of `stripe.params`; empty: it takes none."""

    method: str
    template: str
    run: Callable[[Call], Object]
    params: str = ""
    emptied: frozenset[str] = frozenset()
    """Texts that an empty one unsets beyond what the types say."""
    pattern: re.Pattern[str] = field(init=False)

    def __post_init__(self) -> None:
        pattern = re.escape(self.template).replace(r"\{\}", "([^/]+)")
        object.__setattr__(self, "pattern", re.compile(pattern))

    @property
    def right(self) -> str:
        """The resource that a restricted key must have a right to: `products`, `checkout`, `account` ..."""
        return self.template.removeprefix("/v1/").split("/")[0]

    @property
    def changes(self) -> bool:
        """Whether it makes something new, so that an empty text cannot mean "unset"."""
        return self.method == "POST" and self.template.endswith("}")


def reading(kind: str) -> Callable[[Call], Any]:
    """What a plain `GET /v1/things/{}` does."""
    return lambda call: call.books.find(kind, call.id)
