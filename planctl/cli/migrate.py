"""`planctl migrate …`: move running subscriptions to newer terms by a reviewed file; the workflows decide."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from planctl.cli.boundary import Found
from planctl.cli.options import App
from planctl.cli.runtime import Kept, Runtime, Written
from planctl.errors import InvalidInput, Refused, WrongUsage

if TYPE_CHECKING:
    from collections.abc import Sequence

    from planctl.core.document import Document
    from planctl.core.waves.judging import Done, Undone
    from planctl.core.waves.model import Course, Migration
    from planctl.store.engine import Tx

app = App("Move running subscriptions to newer terms, in reviewed batches.")

NEEDS_A_PERSON = 1
NOTHING_MOVED = 4
TABLES = ("csv", "markdown")

File = Annotated[
    Path, typer.Argument(metavar="FILE", help="The file, such as catalog/migrations/pro-v8.yaml.")
]
Number = Annotated[int, typer.Option("--batch", metavar="N", help="Only this batch.")]


@app.reads("plan")
def plan(context: typer.Context, file: File, batch: Number = 0) -> None:
    """Show whom a file would move, who stays and why, and the money, batch by batch; nothing is written."""
    from planctl.views.migration import course_document, moves_answer, preview_answer
    from planctl.workflows.migrate_subscriptions import batches_to_do, preview

    runtime = Runtime.of(context)
    migration = _read(runtime, file)
    with runtime.open_read() as tx:
        course = _course(runtime, tx, migration)
        last = len(migration.bounds)
        numbers = batches_to_do(tx, course, _checked(batch), every=True) if batch else range(1, last + 1)
        found = preview(tx, course, [*numbers])
    document = course_document(course, found)
    runtime.show((moves_answer if runtime.output.format in TABLES else preview_answer)(document))
    if not any(one.moves or one.moved for one in found):
        raise Refused(_nothing(course), code="nothing-to-move", where=f"migration {course.name}")


@app.writes("apply")
def apply(
    context: typer.Context,
    file: File,
    batch: Number = 0,
    every: Annotated[bool, typer.Option("--all", help="Every batch that is still open.")] = False,
) -> None:
    """Move the next open batch; stopped anywhere and run again, it goes on where it stopped."""
    from planctl.views.migration import applied_answer, course_document, moves_answer
    from planctl.workflows.migrate_subscriptions import batches_to_do

    runtime = Runtime.of(context)
    migration = _read(runtime, file)
    if batch and every:
        raise WrongUsage("one batch or all of them", where="migrate apply", got="--batch and --all")
    asking: dict[str, Document] = {
        "file": migration.name, "digest": migration.digest, "batch": str(_checked(batch)), "all": every
    }  # fmt: skip
    with runtime.open_read() as tx:
        first = runtime.recalled(tx, asking)
        course = _course(runtime, tx, migration)
        numbers = batches_to_do(tx, course, batch, every=every)
    if first is not None:
        runtime.show(applied_answer(first.document))
        runtime.done(first)
        return
    if numbers:
        _ask(runtime, course, numbers)
    found = [_apply_batch(runtime, course, number, asking) for number in numbers]
    document = course_document(course, found)
    written = Written(document, discarded=runtime.given.dry_run, changed=bool(numbers))
    with runtime.open_write(bookkeeping=True) as tx:
        runtime.record(tx, asking, Kept(document, changed=False))
    runtime.cut = ""
    runtime.show((moves_answer if runtime.output.format in TABLES else applied_answer)(document))
    moved = any(one.moves for one in found)
    runtime.done(written, undo=_undo_of(course) if moved else "")
    if any(one.left for one in found) and not any(one.moves or one.moved for one in found):
        raise Refused(_nothing(course), code="nothing-to-move", where=f"migration {course.name}")


@app.reads("status")
def status(
    context: typer.Context,
    name: Annotated[str, typer.Argument(metavar="[NAME]", help="The migration; default: all.")] = "",
) -> None:
    """Show how far migrations are: what is planned, moved, in effect, skipped and taken back, and by whom."""
    from planctl.views.migration import statuses_answer
    from planctl.workflows.migrate_subscriptions import statuses

    runtime = Runtime.of(context)
    with runtime.open_read() as tx:
        found = statuses(tx, name, runtime.as_of(tx))
    runtime.show(statuses_answer(found, listed=not name))


@app.writes("undo")
def undo(
    context: typer.Context,
    name: Annotated[str, typer.Argument(metavar="NAME", help="The migration.")],
    batch: Number = 0,
) -> None:
    """Take back what is not in effect yet, so that all is as before; 1 if some is left, 4 if all is."""
    from planctl.views.migration import left_lines, undone_answer

    runtime = Runtime.of(context)
    asking: dict[str, Document] = {"migration": name, "batch": str(_checked(batch))}
    with runtime.open_read() as tx:
        first = runtime.recalled(tx, asking)
    written = first or _undo(runtime, name, batch, asking)
    document = written.document
    assert isinstance(document, dict)
    runtime.show(undone_answer(document))
    runtime.done(written, undo="planctl migrate apply FILE, which moves them again")
    if document["left"]:
        runtime.warn(*left_lines(document))
        raise typer.Exit(NEEDS_A_PERSON if document["undone"] else NOTHING_MOVED)


def _undo_of(course: Course) -> str:
    """What takes it back; what is in effect at once is not taken back."""
    return (
        f"planctl migrate undo {course.name}, before it is in effect"
        if course.migration.at == "renewal"
        else ""
    )


def _read(runtime: Runtime, file: Path) -> Migration:
    """The migration of a file; Found (3) with every finding where there is one."""
    from planctl.files.migration_reader import read_migration

    read = read_migration(file)
    if read.migration is None:
        raise Found(read.findings, read.texts)
    return read.migration


def _course(runtime: Runtime, tx: Tx, migration: Migration) -> Course:
    from planctl.workflows.migrate_subscriptions import course_of

    return course_of(tx, migration, runtime.actor, runtime.as_of(tx), runtime.now)


def _checked(batch: int) -> int:
    """The number of a batch; InvalidInput below 0."""
    if batch < 0:
        raise InvalidInput("there is no such batch", where="--batch", expected="1 or more", got=str(batch))
    return batch


def _ask(runtime: Runtime, course: Course, numbers: Sequence[int]) -> None:
    """Show what is to be done and get a yes; Refused where the file asks for nobody at all.

    Working out what nobody will see takes as long as moving, so it is left out where it would not be shown.
    """
    from planctl.views.formats import FORMATS
    from planctl.views.migration import course_document, question_lines
    from planctl.workflows.migrate_subscriptions import is_empty, preview

    shown = runtime.can_ask or (runtime.output.format == FORMATS[0] and not runtime.given.quiet)
    with runtime.open_read() as tx:
        if is_empty(tx, course):
            raise Refused(_nothing(course), code="nothing-to-move", where=f"migration {course.name}")
        found = preview(tx, course, numbers) if shown else []
    runtime.confirm(question_lines(course_document(course, found)) if shown else (), "Move them?")


def _apply_batch(runtime: Runtime, course: Course, number: int, asking: dict[str, Document]) -> Done:
    """Go through one batch, a few subscriptions in each transaction, and keep that it is done."""
    from planctl.core.waves.judging import Done
    from planctl.workflows.migrate_subscriptions import apply_some, finish, members_to_move, pages

    with runtime.open_read() as tx:
        waiting = members_to_move(tx, course, number)
    parts: list[Done] = []
    for page in pages(waiting):
        with runtime.open_write() as tx:
            part = apply_some(tx, course, number, page)
            counts = {"moved": len(part.moves), "skipped": len(part.left)}
            changed = bool(part.moves or part.left)
            told = {**asking, "batch": str(number), "subscriptions": [one.before.id for one in part.moves]}
            runtime.record(tx, told, Kept(None, counts=counts, changed=changed), answers=False)
        parts.append(part)
        moved = sum(len(one.moves) for one in parts)
        runtime.cut = _cut(number, moved)
        seen = sum(len(one.moves) + len(one.left) for one in parts)
        runtime.output.progress(f"batch {number}: {seen:,} of {len(waiting):,}", last=page[-1] == waiting[-1])
    moves = tuple(move for one in parts for move in one.moves)
    left = tuple(left for one in parts for left in one.left)
    with runtime.open_write() as tx:
        before = max(0, finish(tx, course, number) - len(moves))
    is_open = bool(left) and not moves and not before
    return Done(number, "begun" if is_open else "done", before, moves, left)


def _cut(number: int, moved: int) -> str:
    """What is said where it is stopped between two transactions."""
    were = "subscription was" if moved == 1 else "subscriptions were"
    return (
        f"{moved:,} {were} moved in batch {number} and kept before it stopped; run it again and it goes on."
    )


def _nothing(course: Course) -> str:
    plan, to = course.migration.plan, course.to
    return f"no running subscription of {plan} can be moved to v{to} by this file"


def _undo(runtime: Runtime, name: str, batch: int, asking: dict[str, Document]) -> Written:
    """Take changes back, a few in each transaction."""
    from planctl.core.waves.model import Course
    from planctl.views.migration import undone_document
    from planctl.workflows.migrate_subscriptions import kept_migration, members_to_undo, pages, undo_some

    with runtime.open_read() as tx:
        waiting = members_to_undo(tx, name, batch)
        kept = kept_migration(tx, name)
        course = Course(kept.migration, kept.to, runtime.actor, runtime.as_of(tx), runtime.now)
    runtime.name_store()
    parts: list[Undone] = []
    for page in pages(waiting):
        with runtime.open_write() as tx:
            part = undo_some(tx, course, page)
            told = {**asking, "subscriptions": [one.subscription for one in part.members]}
            counts = {"undone": len(part.members)}
            runtime.record(tx, told, Kept(None, counts=counts, changed=bool(part.members)), answers=False)
        parts.append(part)
        runtime.cut = (
            f"{sum(len(one.members) for one in parts):,} were taken back before it stopped; run it again."
        )
    document = undone_document(name, parts)
    with runtime.open_write(bookkeeping=True) as tx:
        runtime.record(tx, asking, Kept(document, changed=False))
    runtime.cut = ""
    changed = any(one.members for one in parts)
    return Written(document, discarded=runtime.given.dry_run, changed=changed)
