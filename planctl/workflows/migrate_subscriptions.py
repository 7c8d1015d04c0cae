"""Moving running subscriptions to newer terms by a reviewed file, batch by batch, and taking that back.

A few subscriptions are one transaction, with a row for each of them: kill it anywhere and run it again, and it
goes on where it stopped. What a change is and costs, `store/deciding.py` says, as for every change.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from planctl.core.currencies import Currency
from planctl.core.document import Document
from planctl.core.invoicing.facts import CustomerFacts
from planctl.core.invoicing.succession import check_run_first
from planctl.core.periods import Instant
from planctl.core.subscriptions.assigning import Relaid, relaid
from planctl.core.subscriptions.changes import keeping
from planctl.core.subscriptions.model import Status, Subscription
from planctl.core.subscriptions.start import AlreadyRunning, Ask, Offered
from planctl.core.waves.judging import Done, Left, Move, Undone, move_of, overreaching, stays, unfit
from planctl.core.waves.model import Batch, Course, Kept, Member, Migration, Skip, State
from planctl.core.waves.selecting import asks_for, batch_of, spared
from planctl.core.waves.standing import (
    BatchStatus,
    MigrationStatus,
    batch_status,
    check_same,
    standing_of,
)
from planctl.errors import InvalidInput, NotFound, Refused, WrongUsage
from planctl.files.yaml_reader import read_values
from planctl.store import catalog, customers, subscriptions, waves
from planctl.store.books import check_open
from planctl.store.changing import Decided, write_change, write_keeping
from planctl.store.deciding import Replacing, decide_change
from planctl.store.facts import customer_facts
from planctl.store.offers import offered
from planctl.store.selling import Buyer
from planctl.store.sets import chunks, sequences
from planctl.store.subscriptions import SubscriptionFilter
from planctl.values import dataclass

if TYPE_CHECKING:
    from planctl.store.engine import Tx

CHUNK = 25
"""How many subscriptions one transaction moves."""

_PAGE = 200


# --- before anything is moved


def course_of(tx: Tx, migration: Migration, actor: str, now: Instant, recorded_at: Instant) -> Course:
    """The way of a migration from here. `newest` stays the version that it was when the first one was moved.

    NotFound where the plan, its version or a customer that the file names is none; Conflict where the file was
    edited after it had moved somebody; Refused where what changes today would fall on closed books.
    """
    kept = waves.kept(tx, migration.name)
    if kept is not None:
        check_same(kept, migration, waves.moved(tx, migration.name))
    sequences(tx, migration.customers)
    begun = kept is not None and kept.migration.digest == migration.digest
    to = kept.to if kept is not None and begun else offered(tx, migration.plan, migration.to).version
    if migration.at == "now":
        check_open(tx, now, "the change")
    return Course(migration, to, actor, now, recorded_at)


def batches_to_do(tx: Tx, course: Course, number: int, *, every: bool) -> tuple[int, ...]:
    """The batches to apply: the one asked for, every open one, or the next open one; none where all are done.

    InvalidInput for a batch that the file does not have.
    """
    last = len(course.migration.bounds)
    if number > last:
        raise InvalidInput(
            "there is no such batch", where="--batch", expected=f"1 to {last}", got=str(number)
        )
    if number:
        return (number,)
    begun = _begun(tx, course)
    unfinished = [one for one in range(1, last + 1) if one not in begun or begun[one].finished_at is None]
    return tuple(unfinished if every else unfinished[:1])


def preview(tx: Tx, course: Course, numbers: Sequence[int]) -> list[Done]:
    """What applying these batches now would do, batch by batch; nothing is written."""
    begun, members = _begun(tx, course), _members(tx, course)
    found: dict[int, list[Move | Left]] = {number: [] for number in numbers}
    waiting = [(batch, one) for batch, one in _asked_for(tx, course) if batch in found]
    open_ones = [(batch, one) for batch, one in waiting if not _is_moved(members.get(one.id))]
    for page in chunks(open_ones, _PAGE):
        scene = _scene(tx, course, [one for _, one in page])
        for batch, one in page:
            verdict = _judged(tx, course, scene, one.id, batch)
            found[batch].append(verdict.move if isinstance(verdict, _Ready) else verdict)
    return [
        Done(
            number,
            BatchStatus(number, begun.get(number), 0, {}, {}).word,
            sum(_is_moved(one) and one.batch == number for one in members.values()),
            tuple(one for one in verdicts if isinstance(one, Move)),
            tuple(one for one in verdicts if isinstance(one, Left)),
        )
        for number, verdicts in found.items()
    ]


def is_empty(tx: Tx, course: Course) -> bool:
    """Whether the file asks for no running subscription, and never did."""
    return not _members(tx, course) and not _asked_for(tx, course)


def members_to_move(tx: Tx, course: Course, number: int) -> list[str]:
    """The subscriptions of a batch that were not moved yet: skipped ones and those taken back too."""
    members = _members(tx, course)
    several = [one.id for batch, one in _asked_for(tx, course) if batch == number]
    return [one for one in several if not _is_moved(members.get(one))]


# --- moving


def apply_some(tx: Tx, course: Course, number: int, subscription_ids: Sequence[str]) -> Done:
    """Move some subscriptions of a batch in this transaction, or keep why they stay; whoever was moved is passed over.

    Conflict where another file of the same name has moved somebody meanwhile.
    """
    _begin(tx, course, number)
    known = waves.members(tx, course.name, subscription_ids)
    several = [one for one in subscription_ids if not _is_moved(known.get(one))]
    scene = _scene(tx, course, list(subscriptions.get_many(tx, several).values()))
    moves: list[Move] = []
    left: list[Left] = []
    members: list[Member] = []
    for one in several:
        if not scene.still_asked_for(course, one):
            continue
        verdict = _judged(tx, course, scene, one, number)
        if isinstance(verdict, Left):
            left.append(verdict)
            members.append(Member(one, number, State.SKIPPED, course.actor, course.now, skip=verdict.skip))
            continue
        write_change(tx, verdict.decided, course.recorded_at)
        scene.refresh(tx, course, verdict.move.before.customer)
        moves.append(verdict.move)
        members.append(Member(one, number, State.MOVED, course.actor, course.now, verdict.move.successor.id))
    waves.put_members(tx, course.name, members)
    return Done(number, "begun", 0, tuple(moves), tuple(left))


def finish(tx: Tx, course: Course, number: int) -> int:
    """Keep that a batch was gone through to its end; how many of it are moved, by whomever.

    A batch in which everybody stays is left open: who is blocked, or has a change waiting, may be moved another day.
    """
    members = [one for one in _members(tx, course).values() if one.batch == number]
    moved = sum(map(_is_moved, members))
    if moved or not members:
        _begin(tx, course, number)
        begun = waves.batches(tx, course.name)[number]
        waves.keep_batch(tx, course.name, replace(begun, actor=course.actor, finished_at=course.now))
    return moved


def _begin(tx: Tx, course: Course, number: int) -> None:
    """Keep that a batch is being applied, and the file as it is; a file that nobody is moved by gives way."""
    kept = waves.kept(tx, course.name)
    if kept is None or kept.migration.digest != course.migration.digest:
        if kept is not None:
            check_same(kept, course.migration, waves.moved(tx, course.name))
            waves.forget(tx, course.name)
        waves.keep(tx, Kept(course.migration, course.to, course.actor, course.now))
    if number not in waves.batches(tx, course.name):
        waves.keep_batch(tx, course.name, Batch(number, course.actor, course.now))


# --- judging one


@dataclass(slots=True)
class _Scene:
    """What judging some subscriptions needs, read at once: their customers' facts, the version, what waits."""

    offer: Offered
    snapshot: Document
    declared: Mapping[str, Currency]
    facts: dict[str, CustomerFacts]
    owners: Mapping[str, str]
    requested: frozenset[str]
    begins: Mapping[str, Instant]

    def subscription(self, subscription_id: str) -> Subscription:
        """One of them, as it stands now."""
        several = self.facts[self.owners[subscription_id]].subscriptions
        return next(one for one in several if one.id == subscription_id)

    def still_asked_for(self, course: Course, subscription_id: str) -> bool:
        """Whether the migration asks for it as it is now: it may have ended since it was listed."""
        if subscription_id not in self.owners:
            return False
        customer = self.facts[self.owners[subscription_id]].customer
        one = self.subscription(subscription_id)
        return asks_for(course.migration, course.to, one, customer, self.begins[subscription_id])

    def refresh(self, tx: Tx, course: Course, customer: str) -> None:
        """Read a customer again of whom something was moved, if there is another one to judge."""
        if [*self.owners.values()].count(customer) > 1:
            (self.facts[customer],) = customer_facts(tx, [customer], course.now)


@dataclass(frozen=True, slots=True)
class _Ready:
    """A move that can be made."""

    move: Move
    decided: Decided


def _scene(tx: Tx, course: Course, several: Sequence[Subscription]) -> _Scene:
    owners = {one.id: one.customer for one in several}
    found = customer_facts(tx, list(dict.fromkeys(owners.values())), course.now)
    return _Scene(
        offered(tx, course.migration.plan, course.to),
        catalog.plan_snapshot(tx, course.migration.plan, course.to)[2],
        catalog.catalog_currencies(tx),
        {one.customer.id: one for one in found},
        owners,
        waves.waiting_requests(tx, owners),
        _beginnings(tx, course, several),
    )


def _beginnings(tx: Tx, course: Course, several: Sequence[Subscription]) -> dict[str, Instant]:
    """When each one's chain of changes began, as far as the file asks for that."""
    if course.migration.select.started_before is None:
        return {one.id: one.started_at for one in several}
    return waves.beginnings(tx, several)


def _judged(tx: Tx, course: Course, scene: _Scene, subscription_id: str, batch: int) -> _Ready | Left:
    """The move of a subscription, or why it is left as it is."""
    one = scene.subscription(subscription_id)
    facts = scene.facts[one.customer]
    requested = one.id in scene.requested
    skip = spared(course.migration, one) or stays(one, facts.subscriptions, scene.offer, requested=requested)
    if skip is not None:
        return Left(one, batch, skip)
    try:
        return _decided(tx, course, scene, one, batch)
    except AlreadyRunning as same:
        return Left(one, batch, Skip("already", same.message.partition(";")[0]))
    except (InvalidInput, Refused, WrongUsage) as refused:
        return Left(one, batch, Skip(refused.code, refused.message))


def _decided(tx: Tx, course: Course, scene: _Scene, one: Subscription, batch: int) -> _Ready | Left:
    facts = scene.facts[one.customer]
    check_run_first(facts, course.now)
    read = read_values(one.negotiated)
    plan, version = course.migration.plan, course.to
    held = relaid(plan, one.negotiated, read, scene.snapshot, scene.declared) if read else Relaid({})
    skip = unfit(held, version)
    if skip is not None:
        return Left(one, batch, skip)
    ask = Ask(course.now, course.now, currency=one.currency.code, negotiated=held.terms)
    agreed = {path: read[path] for path in held.terms}
    sold_to = Buyer(facts.customer, facts.subscriptions, scene.declared)
    decision = decide_change(
        tx, sold_to, facts, Replacing(one, scene.offer, ask, agreed, course.migration.at)
    )
    move = move_of(decision.decided.change, decision.decided.billed, batch)
    skip = overreaching(decision.decided.change, move, course.migration.max_increase)
    return _Ready(move, decision.decided) if skip is None else Left(one, batch, skip)


def _asked_for(tx: Tx, course: Course) -> list[tuple[int, Subscription]]:
    """The subscriptions that the migration asks for, each with its batch: by batch, then by customer."""
    alive = tuple(one for one in Status if one not in {Status.CANCELED, Status.EXPIRED})
    found = subscriptions.listing(tx, SubscriptionFilter(plan=course.migration.plan, statuses=alive))
    owners = customers.get_many(tx, {one.customer for one in found})
    begins = _beginnings(tx, course, found)
    asked = [
        (batch_of(course.migration, one.id), one)
        for one in found
        if asks_for(course.migration, course.to, one, owners[one.customer], begins[one.id])
    ]
    return sorted(asked, key=lambda pair: (pair[0], pair[1].customer, pair[1].id))


def _begun(tx: Tx, course: Course) -> dict[int, Batch]:
    """The batches that were begun by this very file."""
    return waves.batches(tx, course.name) if _is_kept(tx, course) else {}


def _members(tx: Tx, course: Course) -> dict[str, Member]:
    return waves.members(tx, course.name) if _is_kept(tx, course) else {}


def _is_kept(tx: Tx, course: Course) -> bool:
    kept = waves.kept(tx, course.name)
    return kept is not None and kept.migration.digest == course.migration.digest


def _is_moved(member: Member | None) -> bool:
    return member is not None and member.state is State.MOVED


# --- looking back


def kept_migration(tx: Tx, name: str) -> Kept:
    """A migration that was applied; NotFound where none of that name was."""
    found = waves.kept(tx, name)
    if found is None:
        known = ", ".join(one.migration.name for one in waves.all_kept(tx))
        raise NotFound(
            f"no migration {name!r} was applied",
            where=f"migration {name}",
            expected=known,
            hint="planctl migrate status lists them" if known else "planctl migrate apply FILE",
        )
    return found


def statuses(tx: Tx, name: str, now: Instant) -> list[MigrationStatus]:
    """How far each migration is at an instant, or the one of that name."""
    several = [kept_migration(tx, name)] if name else waves.all_kept(tx)
    return [_status(tx, one, now) for one in several]


def _status(tx: Tx, kept: Kept, now: Instant) -> MigrationStatus:
    course = Course(kept.migration, kept.to, kept.actor, now, now)
    begun, members = waves.batches(tx, course.name), waves.members(tx, course.name)
    known = subscriptions.get_many(
        tx, [name for one in members.values() for name in (one.subscription, one.successor) if name]
    )
    planned = [batch for batch, one in _asked_for(tx, course) if one.id not in members]
    standing = {name: standing_of(one, known.get(one.successor), now) for name, one in members.items()}
    found = []
    for number in range(1, len(kept.migration.bounds) + 1):
        mine = [one for one in members.values() if one.batch == number]
        dated = [(one, standing[one.subscription], _begins(known.get(one.successor))) for one in mine]
        found.append(batch_status(number, begun.get(number), planned.count(number), dated))
    told = tuple((one, standing[name]) for name, one in members.items())
    return MigrationStatus(kept, tuple(found), told, known)


def _begins(successor: Subscription | None) -> Instant | None:
    return None if successor is None else successor.started_at


# --- taking back


def members_to_undo(tx: Tx, name: str, batch: int) -> list[str]:
    """The subscriptions that a migration, or a batch of it, moved and did not take back; NotFound without it.

    InvalidInput for a batch that it does not have.
    """
    last = len(kept_migration(tx, name).migration.bounds)
    if batch > last:
        raise InvalidInput("there is no such batch", where="--batch", expected=f"1 to {last}", got=str(batch))
    several = waves.members(tx, name).values()
    return [one.subscription for one in several if _is_moved(one) and batch in {0, one.batch}]


def undo_some(tx: Tx, course: Course, subscription_ids: Sequence[str]) -> Undone:
    """Take scheduled changes back in this transaction, so that all is as before; what is in effect is left.

    A change that was called off otherwise is taken back already, and only kept as such.
    """
    known = {
        name: one for name, one in waves.members(tx, course.name, subscription_ids).items() if _is_moved(one)
    }
    stored = subscriptions.get_many(tx, [*known, *(one.successor for one in known.values())])
    undone: list[Member] = []
    left: list[Left] = []
    for name, member in known.items():
        before, successor = stored[name], stored[member.successor]
        skip = None
        standing = standing_of(member, successor, course.now)
        if standing == "in effect":
            skip = Skip("in-effect", f"v{successor.plan_version} is in effect ({successor.id})")
        elif standing == "waiting":
            skip = _take_back(tx, course, before)
        if skip is not None:
            left.append(Left(before, member.batch, skip))
        else:
            undone.append(replace(member, state=State.UNDONE, actor=course.actor, at=course.now))
    waves.put_members(tx, course.name, undone)
    _reopen(tx, course, {one.batch for one in undone})
    return Undone(tuple(undone), tuple(left))


def _take_back(tx: Tx, course: Course, before: Subscription) -> Skip | None:
    """Let what runs go on; why it cannot where it cannot."""
    (facts,) = customer_facts(tx, [before.customer], course.now)
    try:
        check_run_first(facts, course.now)
    except Refused as refused:
        return Skip(refused.code, refused.message)
    mine = next(one for one in facts.subscriptions if one.id == before.id)
    going_on = keeping(mine, facts.subscriptions)
    if going_on is None:
        return Skip("ended", f"it is {mine.status}")
    write_keeping(tx, facts, going_on, course.now, course.recorded_at)
    return None


def _reopen(tx: Tx, course: Course, numbers: Iterable[int]) -> None:
    """A batch of which something was taken back is open again."""
    begun = waves.batches(tx, course.name)
    for number in numbers:
        waves.keep_batch(tx, course.name, replace(begun[number], finished_at=None))


def pages(subscription_ids: Sequence[str]) -> Iterator[list[str]]:
    """Subscriptions in the portions that one transaction takes."""
    return chunks(subscription_ids, CHUNK)
