"""Command lines of every command of the program, valid ones and broken ones; it takes the commands from the program.

No word leads out of the working directory: what a line writes, it writes there.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from random import Random
from typing import Any

from tests.reliability.fuzz import mutate

NAMES = (
    "nova", "orion", "vega", "starter", "pro", "free", "enterprise", "metered", "setup", "minutes_1k", "extra_seat",
    "minutes", "seats", "chats", "api_calls", "sso", "main", "extras", "acme", "launch20", "tenner", "nova/starter",
    "INV-2026-00001", "INV-2026-00002", "sub_1", "e1", "e2", "1", "2", "3", "seller.name", "timezone", "dedup",
    "numbering.next", "numbering.format", "invoice.zero", "books.closed_through", "tax.rounding", "up", "down",
)  # fmt: skip
VALUES = (
    "1", "0", "-1", "2.5", "5%", "USD=19", "month:USD=19", "minutes=1000", "seats=3", "USD", "EUR", "month", "year",
    "2026-01-05", "2026-02-10T12:00:00Z", "now", "newest", "renewal", "card", "invoice", "none", "prorated",
    "price.month.USD=29", "features.minutes=5", "trial.days=3", "open", "paid", "active", "json", "csv", "14 days",
    "Europe/Berlin", "DE", "de_DE", "3 days", "12 months", "bash", "chatbot", "agency", "html", "month:USD=900..950",
)  # fmt: skip
FILES = (
    "acme", "plan.json", "m.yaml", "usage.ndjson", "customers.csv", "subscriptions.csv", "bank.csv", "store.db", "new",
    "sqlite:///store.db", "sqlite:///new.db", "-", ".",
)  # fmt: skip

_LEADING_OUT = ("..", "~")
_NEVER = frozenset({"--listen", "--install-completion", "--show-completion"})
"""Options that wait for somebody, or write into the home of who runs the tests."""


@dataclass(frozen=True, slots=True)
class Shape:
    """A command: its words, how many arguments it takes, and its options with whether each takes a value."""

    words: tuple[str, ...]
    arguments: int
    options: tuple[tuple[str, bool], ...]


@cache
def shapes() -> tuple[Shape, ...]:
    """Every command that the program declares."""
    from tests.reliability.fuzz.driver import built

    _, commands = built()
    return tuple(shape for word, command in commands.items() for shape in _shapes((word,), command))


def _shapes(words: tuple[str, ...], command: Any) -> Iterator[Shape]:
    below = getattr(command, "commands", None)
    if below is not None:
        for name, one in below.items():
            yield from _shapes((*words, name), one)
        return
    options = tuple(
        (name, not getattr(one, "is_flag", False))
        for one in command.params
        if one.param_type_name == "option"
        for name in (*one.opts, *one.secondary_opts)
        if name not in _NEVER
    )
    yield Shape(words, sum(one.param_type_name == "argument" for one in command.params), options)


def any_line(random: Random) -> tuple[str, ...]:
    """A command line: mostly of one command's own words, with values of all kinds, then broken or not."""
    shape = random.choice(shapes())
    words = [*shape.words]
    words += [_value(random) for _ in range(max(0, shape.arguments + random.choice((-1, 0, 0, 0, 0, 1))))]
    for _ in range(random.choice((0, 0, 1, 1, 2, 4))):
        name, takes_value = random.choice(shape.options)
        words += [name, _value(random)] if takes_value else [name]
    if random.random() < 0.6:
        words.append("--yes")
    if random.random() < 0.3:
        words += ["--reason", random.choice(("a reason", mutate.word(random)))]
    for _ in range(random.choice((0, 0, 0, 1, 2))):
        _break(random, words)
    return tuple(_inside(word) for word in words)


def _value(random: Random) -> str:
    match random.randrange(10):
        case 0 | 1 | 2 | 3:
            return random.choice(NAMES)
        case 4 | 5 | 6:
            return random.choice(VALUES)
        case 7:
            return random.choice(FILES)
        case 8:
            return random.choice(VALUES) + mutate.word(random)
        case _:
            return mutate.word(random)


def _break(random: Random, words: list[str]) -> None:
    at = random.randrange(len(words))
    match random.randrange(6):
        case 0:
            del words[at]
            words.append("--quiet")
        case 1:
            words[at] = mutate.word(random)
        case 2:
            words.insert(at, random.choice(words))
        case 3:
            words.insert(at, mutate.word(random))
        case 4:
            words[at] = words[at][: random.randrange(len(words[at]) + 1)]
        case _:
            words[at] = words[at] + "=" + mutate.word(random)


def _inside(word: str) -> str:
    """A word as an operating system passes it on, that names nothing outside the working directory."""
    if word in NAMES or word in FILES:
        return word
    for part in _LEADING_OUT:
        word = word.replace(part, "_")
    if any(word.startswith(name) for name in _NEVER):
        return "--no"
    return word.replace("/", "|").replace("\0", "").encode("utf-8", "replace").decode()
