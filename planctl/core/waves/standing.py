"""Where the members of a migration stand at an instant, what an edited file changed, and what must hold of it all."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import field
from typing import Literal

from planctl.core.document import leaves
from planctl.core.instants import Instant
from planctl.core.life_laws import never_ran
from planctl.core.subscriptions.model import Status, Subscription
from planctl.core.waves.judging import counted
from planctl.core.waves.model import Batch, Kept, Member, Migration, State, document_of
from planctl.errors import Conflict
from planctl.values import dataclass

Standing = Literal["waiting", "in effect", "called off", "skipped", "undone"]
"""waiting: for its renewal; called off: somebody took the change back otherwise than by the migration's undo."""


def standing_of(member: Member, successor: Subscription | None, at: Instant) -> Standing:
    """Where a member stands at an instant; `successor` is what took its place, None for a skipped one."""
    if member.state is not State.MOVED or successor is None:
        return "undone" if member.state is State.UNDONE else "skipped"
    if never_ran(successor):
        return "called off"
    return "waiting" if successor.status is Status.PENDING and successor.started_at > at else "in effect"


@dataclass(frozen=True, slots=True)
class BatchStatus:
    """How far a batch is. `planned` are those that it would look at and has not, `standings` the others by where
    they stand, `skipped` the skipped ones by reason. `begun` is None before anybody applied it."""

    number: int
    begun: Batch | None
    planned: int
    standings: Mapping[Standing, int]
    skipped: Mapping[str, int]
    last_at: Instant | None = None
    """When the last of those that wait will have changed."""

    @property
    def word(self) -> str:
        """`open`, `begun` (not gone through to its end) or `done`."""
        if self.begun is None:
            return "open"
        return "begun" if self.begun.finished_at is None else "done"


@dataclass(frozen=True, slots=True)
class MigrationStatus:
    """A migration with its batches and, by subscription, what became of its members."""

    kept: Kept
    batches: tuple[BatchStatus, ...]
    members: tuple[tuple[Member, Standing], ...] = ()
    subscriptions: Mapping[str, Subscription] = field(default_factory=dict)


def batch_status(
    number: int, begun: Batch | None, planned: int, members: Sequence[tuple[Member, Standing, Instant | None]]
) -> BatchStatus:
    """The status of a batch from its members, each with where it stands and when what follows it begins."""
    standings: dict[Standing, int] = {}
    for _, standing, _ in members:
        standings[standing] = standings.get(standing, 0) + 1
    waiting = [at for _, standing, at in members if standing == "waiting" and at is not None]
    skips = [member.skip for member, standing, _ in members if standing == "skipped" and member.skip]
    return BatchStatus(number, begun, planned, standings, counted(skips), max(waiting, default=None))


def check_same(kept: Kept, migration: Migration, moved: int) -> None:
    """A file that was edited after it moved somebody is another migration (Conflict, naming what was edited)."""
    if kept.migration.digest == migration.digest or not moved:
        return
    before, after = leaves(document_of(kept.migration)), leaves(document_of(migration))
    paths = [path for path in sorted(before.keys() | after.keys()) if path not in {"title", "why"}]
    edits = [
        f"{path} {before.get(path, 'nothing')} -> {after.get(path, 'nothing')}"
        for path in paths
        if before.get(path) != after.get(path)
    ]
    raise Conflict(
        f"{migration.name} has moved {moved} subscription{'s' * (moved != 1)}, and its file says something else now",
        code="migration-edited",
        where=f"migration {migration.name}",
        got="; ".join(edits),
        hint=f"give the new file a name of its own, or take it back first: planctl migrate undo {migration.name}",
    )


def wrong_member(
    member: Member, before: Subscription, successor: Subscription | None, to: int
) -> Iterator[str]:
    """What a member of a migration to version `to` says that its subscriptions do not, as sentences."""
    if member.state is State.SKIPPED:
        return
    if successor is None:
        yield f"was moved to {member.successor}, which is no subscription"
        return
    if successor.follows != before.id or successor.plan != before.plan:
        yield f"was moved to {successor.id}, which follows {successor.follows or 'none'} on {successor.plan}"
    if successor.plan_version != to:
        yield f"was moved to v{to}, and {successor.id} is on v{successor.plan_version}"
    if member.state is State.UNDONE and not never_ran(successor):
        yield f"was taken back, and {successor.id} is {successor.status}"
