"""Parameters held against the types that stripe-python ships: unknown, missing and ill-typed ones are told apart.

It knows types, and no endpoint. Source: stripe.params in stripe-python; https://docs.stripe.com/error-codes.
"""

from __future__ import annotations

import functools
import importlib
import re
import sys
import types
import typing
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Literal, NotRequired, Union, get_args, get_origin

from stripe import _request_options
from stripe._stripe_object import UntypedStripeObject
from typing_extensions import is_typeddict

from tests.fakes.stripe.errors import StripeError
from tests.fakes.stripe.objects import Object
from tests.fakes.stripe.wire import Branch, Tree

_OPTIONS = frozenset(_request_options.RequestOptions.__annotations__)
"""Options of the library, which stand beside the parameters in its types and are never sent."""

_WHOLE = re.compile(r"-?\d{1,18}")
_NUMBER = re.compile(r"-?\d{1,18}(\.\d{1,20})?")

NEVER_EMPTY = frozenset({"name", "display_name", "currency", "customer", "product", "price", "invoice"})
"""Texts that an update cannot unset, though their types do not say so."""


@dataclass(slots=True)
class Checked:
    """Typed parameters, the errors (the first one is answered) and what is doubtful beside."""

    params: Object = field(default_factory=dict)
    errors: list[StripeError] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)


def checked(class_name: str, tree: Branch, *, updates: bool = False, emptied: frozenset[str]) -> Checked:
    """Parameters as `stripe.params.CLASS` wants them.

    The types do not say of every text whether an empty one unsets it. It does in an update, and always in what
    `emptied` names.
    """
    result = Checked()
    walk = _Walk(result, updates, emptied)
    hints = hints_of(class_name) if class_name else {"expand": NotRequired[list[str]]}
    result.params = walk.mapping(hints, tree, "")
    return result


@functools.cache
def hints_of(class_name: str) -> dict[str, Any]:
    """The parameters of a class of `stripe.params`, `checkout.SessionCreateParams` for example."""
    folder, _, name = class_name.rpartition(".")
    module = importlib.import_module("stripe.params" + (f".{folder}" if folder else ""))
    return _hints(getattr(module, name))


@functools.cache
def _hints(cls: type) -> dict[str, Any]:
    names = vars(_request_options) | {"StripeContext": object} | vars(sys.modules[cls.__module__])
    found = typing.get_type_hints(cls, globalns=names, include_extras=True)
    return {name: hint for name, hint in found.items() if name not in _OPTIONS}


def _alternatives(hint: Any) -> list[Any]:
    if get_origin(hint) in {Union, types.UnionType}:
        return [one for part in get_args(hint) for one in _alternatives(part)]
    return [] if get_origin(hint) is UntypedStripeObject else [hint]


@dataclass(slots=True)
class _Walk:
    result: Checked
    updates: bool
    emptied: frozenset[str]

    def mapping(self, hints: dict[str, Any], tree: Branch, at: str) -> Object:
        """The named parameters of one object."""
        found: Object = {}
        for name, hint in hints.items():
            optional = get_origin(hint) is NotRequired
            here = f"{at}[{name}]" if at else name
            if name in tree:
                found[name] = self.value(get_args(hint)[0] if optional else hint, tree[name], here)
            elif not optional:
                self.no(f"Missing required param: {here}.", here, "parameter_missing")
        for name in tree:
            if name not in hints:
                here = f"{at}[{name}]" if at else name
                self.no(f"Received unknown parameter: {here}", here, "parameter_unknown")
        return found

    def value(self, hint: Any, raw: Tree, at: str) -> Any:
        """One value of whatever shape."""
        choices = _alternatives(hint)
        if isinstance(raw, str):
            return self.scalar(choices, raw, at)
        for choice in choices:
            origin = get_origin(choice)
            if is_typeddict(choice):
                return self.mapping(_hints(choice), raw, at)
            if origin is list:
                return self.items(get_args(choice)[0], raw, at)
            if origin is dict:
                inner = get_args(choice)[1]
                return {name: self.free(inner, value, f"{at}[{name}]") for name, value in raw.items()}
        self.no(f"Invalid string: {at} is an object here", at, "parameter_invalid_string")
        return None

    def items(self, hint: Any, raw: Branch, at: str) -> list[Any]:
        """A list, in the order of its numbers."""
        if sorted(raw) != sorted(str(number) for number in range(len(raw))):
            self.no("Invalid array", at, "parameter_invalid_array")
            return []
        return [self.value(hint, raw[str(number)], f"{at}[{number}]") for number in range(len(raw))]

    def free(self, hint: Any, raw: Tree, at: str) -> Any:
        """A value under a name of the caller's own, metadata above all: an empty one unsets it."""
        return raw if raw == "" else self.value(hint, raw, at)

    def scalar(self, choices: list[Any], raw: str, at: str) -> Any:
        """A number, a yes or no, a word of a list, or a text."""
        words = {word for choice in choices if get_origin(choice) is Literal for word in get_args(choice)}
        if raw in words:
            return raw
        if bool in choices:
            return self.flag(raw, at)
        if int in choices:
            return self.number(raw, at, _WHOLE, "integer")
        if float in choices or Decimal in choices:
            return self.number(raw, at, _NUMBER, "decimal")
        if str in choices:
            return self.text(raw, words, at)
        if words:
            expected = ", ".join(sorted(words))
            self.no(f"Invalid {at}: must be one of {expected}", at, "parameter_invalid_word")
        else:
            lists = any(get_origin(choice) is list for choice in choices)
            self.no("Invalid array" if lists else "Invalid object", at, "parameter_invalid_shape")
        return None

    def text(self, raw: str, words: set[str], at: str) -> str:
        """A text; an empty one unsets where that is possible, an unforeseen word is only doubtful."""
        if raw == "":
            top = at.partition("[")[0]
            if top not in self.emptied and (not self.updates or at in NEVER_EMPTY or top != at):
                self.empty(at)
        elif words - {""}:
            self.result.warnings.append(f"{at}: {raw!r} is none of {', '.join(sorted(words - {''}))}")
        return raw

    def flag(self, raw: str, at: str) -> bool | None:
        """`true` or `false`."""
        if raw not in {"true", "false"}:
            self.no(f"Invalid boolean: {raw}", at, "parameter_invalid_boolean")
        return raw == "true"

    def number(self, raw: str, at: str, pattern: re.Pattern[str], word: str) -> int | Decimal | None:
        """A whole number, or one with decimals."""
        if raw == "":
            self.empty(at)
        elif pattern.fullmatch(raw) is None:
            self.no(f"Invalid {word}: {raw}", at, f"parameter_invalid_{word}")
        else:
            return int(raw) if "." not in raw else Decimal(raw)
        return None

    def empty(self, at: str) -> None:
        """An empty text where nothing can be unset."""
        self.no(
            f"You passed an empty string for '{at}'. We assume empty values are an attempt to unset a parameter; "
            f"however '{at}' cannot be unset. You should remove '{at}' from your request or supply a non-empty value.",
            at,
            "parameter_invalid_empty",
        )

    def no(self, message: str, at: str, code: str) -> None:
        """One more error."""
        self.result.errors.append(StripeError(400, message, code=code, param=at, kept=False))
