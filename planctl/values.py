"""Knows how to make a class of values cheaply: what the standard library compiles at once is made when it is used.

`dataclasses` compiles six methods of every frozen class while its module is imported, half a millisecond each; a
short command imports more than a hundred such classes and makes values of some thirty. Here `__init__` is compiled
at its first call and the rest needs no compiling. Fields, defaults and slots are the standard library's own, so
`replace` and `fields` work with it, and so does whatever reads them. It knows no value.
"""

from __future__ import annotations

import dataclasses as _std
from collections.abc import Callable
from operator import attrgetter
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from dataclasses import dataclass as dataclass  # noqa: PLC0414 - offered from here
else:

    def dataclass(cls: type | None = None, /, **options: bool) -> Any:
        """`dataclasses.dataclass`; only `frozen=True, slots=True`, and nothing else said, is made in our way."""
        if options != {"frozen": True, "slots": True}:
            return _std.dataclass(cls, **options)
        return _value


def _value(cls: type) -> Any:
    """The class with slots for its fields, and the methods of a frozen dataclass that it does not define itself."""
    own = set(vars(cls))
    if cls.__hash__ is None:
        # The language takes the hash from a class with an __eq__ of its own; a frozen dataclass has one.
        own.discard("__hash__")
    made: Any = _std.dataclass(init=False, repr=False, eq=False, slots=True)(cls)
    _check_plain(made)
    for method in (_first_init(made), *_comparing(made), *_frozen(made), *_kept(made)):
        if method.__name__ not in own:
            method.__qualname__ = f"{made.__qualname__}.{method.__name__}"
            setattr(made, method.__name__, method)
    return made


def _check_plain(cls: Any) -> None:
    """Refuse what this module does not carry out, where the class is made and not where it is first used."""
    taken = [one for one in _std.fields(cls) if one.init]
    bare = [one.default is _std.MISSING and one.default_factory is _std.MISSING for one in taken]
    assert bare == sorted(bare, reverse=True), f"{cls}: a field without a default follows one with a default"
    assert not any(one.kw_only for one in taken), f"{cls}: no field is taken by its name alone"
    assert all(one.hash is None for one in _std.fields(cls)), f"{cls}: what is compared makes the hash"
    every = cls.__dataclass_fields__.values()
    assert not any(isinstance(one.type, str) and "InitVar" in one.type for one in every), f"{cls}: InitVar"


def _first_init(cls: type) -> Callable[..., None]:
    """The `__init__` of a class that was never called: it compiles the real one, which takes its place."""

    def __init__(self: object, *arguments: Any, **named: Any) -> None:
        real = _init(cls)
        cls.__init__ = real  # type: ignore[misc]
        real(self, *arguments, **named)

    return __init__


def _init(cls: Any) -> Callable[..., None]:
    """The `__init__` that sets every field, as the standard library writes it."""
    scope: dict[str, Any] = {"_set": object.__setattr__, "_missing": _std.MISSING}
    parameters, lines = ["self"], []
    for one in _std.fields(cls):
        said, default = one.name, f"_default_{one.name}"
        if one.default_factory is not _std.MISSING:
            scope[default] = one.default_factory
            said = f"{default}() if {one.name} is _missing else {one.name}" if one.init else f"{default}()"
            parameters += [f"{one.name}=_missing"] if one.init else []
        elif one.default is not _std.MISSING:
            scope[default] = one.default
            parameters += [f"{one.name}={default}"] if one.init else []
            said = one.name if one.init else default
        elif one.init:
            parameters.append(one.name)
        else:
            continue
        lines.append(f"_set(self, {one.name!r}, {said})")
    if hasattr(cls, "__post_init__"):
        lines.append("self.__post_init__()")
    exec(f"def __init__({', '.join(parameters)}):\n    {'; '.join(lines) or 'pass'}", scope)
    made: Callable[..., None] = scope["__init__"]
    made.__qualname__ = f"{cls.__qualname__}.__init__"
    return made


def _comparing(cls: Any) -> tuple[Callable[..., Any], ...]:
    """Equality and hash of the fields as a tuple, and the text that shows them."""
    names = [one.name for one in _std.fields(cls) if one.compare]
    key: Callable[[object], tuple[Any, ...]] = (
        attrgetter(*names) if len(names) > 1 else lambda value: tuple(getattr(value, name) for name in names)
    )

    def __eq__(self: object, other: object) -> bool:
        return key(self) == key(other) if other.__class__ is self.__class__ else NotImplemented

    def __hash__(self: object) -> int:
        return hash(key(self))

    def __repr__(self: object) -> str:
        shown = (f"{one.name}={getattr(self, one.name)!r}" for one in _std.fields(cls) if one.repr)
        return f"{self.__class__.__qualname__}({', '.join(shown)})"

    return __eq__, __hash__, __repr__


def _frozen(cls: Any) -> tuple[Callable[..., None], ...]:
    """Nothing is set or deleted; a class below it may have attributes of its own."""

    def __setattr__(self: object, name: str, value: object) -> None:
        if type(self) is cls or name in cls.__dataclass_fields__:
            raise _std.FrozenInstanceError(f"cannot assign to field {name!r}")
        super(cls, self).__setattr__(name, value)

    def __delattr__(self: object, name: str) -> None:
        if type(self) is cls or name in cls.__dataclass_fields__:
            raise _std.FrozenInstanceError(f"cannot delete field {name!r}")
        super(cls, self).__delattr__(name)

    return __setattr__, __delattr__


def _kept(cls: Any) -> tuple[Callable[..., Any], ...]:
    """What copies and pickles are made of: the values of the fields, in order."""

    def __getstate__(self: object) -> list[Any]:
        return [getattr(self, one.name) for one in _std.fields(cls)]

    def __setstate__(self: object, state: list[Any]) -> None:
        for one, value in zip(_std.fields(cls), state, strict=True):
            object.__setattr__(self, one.name, value)

    return __getstate__, __setstate__
