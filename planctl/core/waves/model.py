"""A migration as a value: its file, its batches, and what became of each subscription. It decides nothing.

Source: planctl billing rules, changes (reassign), and catalog, migrate.
"""

from __future__ import annotations

import hashlib
from dataclasses import field
from datetime import date
from decimal import Decimal
from enum import StrEnum
from fractions import Fraction
from typing import Literal

from planctl.core.document import Document, canonical
from planctl.core.instants import Instant
from planctl.core.money import decimal_text
from planctl.values import dataclass

OLDER = "older"
NEWEST = "newest"

At = Literal["renewal", "now"]
"""When newer terms hold: from the end of the running period, or at once with the days credited and charged."""


@dataclass(frozen=True, slots=True)
class Select:
    """Whose subscriptions are meant; what is empty asks nothing, and all that is said must hold.

    `pay` are price rows as they are stored (`month`, `3 months`). `started_before`: the first of its chain of
    changes began before the first instant of that day where the subscription is billed.
    """

    customers: tuple[str, ...] = ()
    currency: tuple[str, ...] = ()
    pay: tuple[str, ...] = ()
    country: tuple[str, ...] = ()
    started_before: date | None = None


@dataclass(frozen=True, slots=True)
class Migration:
    """A migration as its file says it; its name is that of the file.

    `versions` are those it moves from; empty means all that are older than `to`, which is 0 for the newest.
    `percent` are the shares of its batches; empty where `batches` alike ones are asked for. `max_increase` is the
    most by which what is paid by the month may grow, as a fraction of it; None: any.
    """

    name: str
    plan: str
    versions: tuple[int, ...]
    to: int
    title: str = ""
    why: str = ""
    at: At = "renewal"
    select: Select = field(default_factory=Select)
    spared: tuple[str, ...] = ()
    """Customers that are left out."""
    spares_negotiated: bool = False
    """Whether everybody with terms of their own is left out."""
    batches: int = 1
    percent: tuple[int, ...] = ()
    max_increase: Decimal | None = None

    @property
    def bounds(self) -> tuple[Fraction, ...]:
        """The share of all subscriptions that is moved when a batch is done, batch by batch; the last is 1."""
        if self.percent:
            return tuple(Fraction(sum(self.percent[: n + 1]), 100) for n in range(len(self.percent)))
        return tuple(Fraction(n + 1, self.batches) for n in range(self.batches))

    @property
    def customers(self) -> tuple[str, ...]:
        """Every customer that the file names."""
        return tuple(dict.fromkeys((*self.select.customers, *self.spared)))

    @property
    def digest(self) -> str:
        """The SHA-256 of all that decides who is moved and how; title and reason are words about it."""
        decides = {key: value for key, value in document_of(self).items() if key not in {"title", "why"}}
        return hashlib.sha256(canonical(decides).encode()).hexdigest()


def document_of(migration: Migration) -> dict[str, Document]:
    """A migration as the document that its file would be, with every default said; `parse` reads it back."""
    select = migration.select
    chosen: dict[str, Document] = {
        "customers": [*select.customers],
        "currency": [*select.currency],
        "pay": [*select.pay],
        "country": [*select.country],
        "started_before": "" if select.started_before is None else select.started_before.isoformat(),
    }
    increase = migration.max_increase
    return {
        "title": migration.title,
        "why": migration.why,
        "plan": migration.plan,
        "from": [str(one) for one in migration.versions] or OLDER,
        "to": str(migration.to) if migration.to else NEWEST,
        "at": migration.at,
        "select": {key: value for key, value in chosen.items() if value},
        "exclude": {
            "customers": [*migration.spared],
            "negotiated": "true" if migration.spares_negotiated else "false",
        },
        "batches": {"percent": [str(one) for one in migration.percent]}
        if migration.percent
        else str(migration.batches),
        **({} if increase is None else {"max_increase": f"{decimal_text(increase * 100)}%"}),
    }


@dataclass(frozen=True, slots=True)
class Course:
    """A migration on its way: the version that it moves to, who applies it, when, and when that is recorded."""

    migration: Migration
    to: int
    actor: str
    now: Instant
    recorded_at: Instant

    @property
    def name(self) -> str:
        """The migration's name."""
        return self.migration.name


@dataclass(frozen=True, slots=True)
class Kept:
    """A migration that was applied: its file as it was then, and the version that `to` stood for."""

    migration: Migration
    to: int
    actor: str
    at: Instant


@dataclass(frozen=True, slots=True)
class Batch:
    """A batch that was begun, by whom and when; `finished_at` None: it was not gone through to its end."""

    number: int
    actor: str
    started_at: Instant
    finished_at: Instant | None = None


class State(StrEnum):
    """What a migration did with a subscription."""

    MOVED = "moved"
    SKIPPED = "skipped"
    UNDONE = "undone"


@dataclass(frozen=True, slots=True)
class Skip:
    """Why a subscription is left as it is: a reason in one word, and in a sentence.

    The word is a code that `planctl explain` knows: the migration's own, or that with which a change is refused.
    """

    reason: str
    why: str


@dataclass(frozen=True, slots=True)
class Member:
    """What a migration did with one subscription.

    `successor` is the subscription on the new terms, also where that was taken back; `""` for a skipped one,
    which says why in `skip`. `actor` and `at` are of the last thing that was done.
    """

    subscription: str
    batch: int
    state: State
    actor: str
    at: Instant
    successor: str = ""
    skip: Skip | None = None
