"""`planctl store …`: where the data is, checked backups, restores and copies, upgrades, and which store goes on."""

from __future__ import annotations

from pathlib import Path
from shlex import quote
from typing import TYPE_CHECKING, Annotated

import typer

from planctl.cli.options import WHEN_MAKING_FILES, App
from planctl.cli.runtime import Kept, Runtime
from planctl.errors import PlanctlError, Refused, WrongUsage

if TYPE_CHECKING:
    from planctl.store.engine import Tx
    from planctl.store.migrate import Upgrade
    from planctl.views.sheet import Json
    from planctl.workflows.maintain_store import Judging

app = App("Where the data is; backups, copies and upgrades.")


@app.reads("info")
def info(context: typer.Context) -> None:
    """Show which store is used and what said so."""
    from planctl.views.store import store_answer
    from planctl.workflows.maintain_store import describe

    runtime = Runtime.of(context)
    settings = runtime.settings
    found = describe(runtime.open_store())
    runtime.show(store_answer(found, settings.values["store"].origin, settings.store_name))


@app.writes("backup", shown=WHEN_MAKING_FILES)
def backup(
    context: typer.Context,
    target: Annotated[Path, typer.Argument(help="The new file; it must not exist.", metavar="FILE")],
) -> None:
    """Copy the store to a new file while others use it, and check the copy."""
    from planctl.store.maintenance import check_target
    from planctl.views.store import backup_answer
    from planctl.workflows.maintain_store import back_up

    runtime = Runtime.of(context)
    _nothing_to_keep(runtime)
    store = runtime.open_store()
    if runtime.given.dry_run:
        check_target(store, target)
        runtime.say(f"{store.where} would be copied to {target}", "nothing was written (dry run)")
        return
    made = back_up(store, target)
    runtime.show(backup_answer(str(made.path), made.size_bytes, made.audit_tip))


@app.writes("copy", shown=WHEN_MAKING_FILES)
def copy(
    context: typer.Context,
    source: Annotated[str, typer.Argument(help="The store: path, URL or name.", metavar="FROM")],
    target: Annotated[str, typer.Argument(help="The new place; nothing may be there.", metavar="TO")],
) -> None:
    """Move a store between SQLite and PostgreSQL: a copy, compared row by row and checked by every law.

    The copy bills nobody before store adopt says that it is the one to go on.
    """
    from planctl.store.copying import check_place
    from planctl.store.engine import open_store
    from planctl.views.store import copied_answer, one_goes_on
    from planctl.workflows.maintain_store import copy_store, describe

    runtime = Runtime.of(context)
    if runtime.given.store is not None:
        raise WrongUsage(
            "the stores are named by FROM and TO",
            where="--store",
            hint="planctl store copy FROM TO, without --store",
        )
    _nothing_to_keep(runtime)
    stores, wait = runtime.settings.stores, runtime.settings.wait
    source, target = (stores[name].url if name in stores else name for name in (source, target))

    def told(what: str, done: int) -> None:
        runtime.output.progress(f"{what}: {done:,}")

    with open_store(source, wait_seconds=wait, host=runtime.settings.host) as opened:
        runtime.check_role(opened)
        if runtime.given.dry_run:
            place = check_place(target, wait_seconds=wait)
            runtime.say(f"{opened.where} would be copied to {place}", "nothing was written (dry run)")
            return
        made, laws = copy_store(opened, target, told=told, wait_seconds=wait)
        is_test = describe(opened).identity.is_test
    runtime.output.progress(f"{made.rows:,} rows compared", last=True)
    runtime.show(copied_answer(made, laws))
    runtime.warn(*one_goes_on(made.source, made.target, is_test=is_test))


def _nothing_to_keep(runtime: Runtime) -> None:
    """WrongUsage for what a write would keep in its store: a copy holds what it was made from, and no more."""
    for option, given in (("--key", runtime.given.key), ("--reason", runtime.given.reason)):
        if given is not None:
            raise WrongUsage(
                f"{option} is kept with a write of the store, and a copy holds what its store holds",
                where=option,
                hint=f"leave {option} out; a second copy to the same place is refused",
            )


KeepBroken = Annotated[
    bool, typer.Option("--keep-broken", help="Go on although the store breaks a law; doctor says which.")
]


@app.writes("upgrade", needs="owner")
def upgrade(context: typer.Context, keep_broken: KeepBroken = False) -> None:
    """Bring an older store up to date, checked by every law before it counts.

    The file is kept as it was beside it. With --keep-broken it wants a --reason.
    """
    from planctl.views.store import upgrade_answer
    from planctl.workflows.maintain_store import upgrade_store

    runtime = Runtime.of(context)
    if keep_broken:
        runtime.require_reason()
    if runtime.given.dry_run:
        runtime.say("an older store would be upgraded", "nothing was written (dry run)")
        return
    runtime.name_store()
    settings, judging = runtime.settings, _judging(runtime, keep_broken=keep_broken)
    done = upgrade_store(settings.store, judging, wait_seconds=settings.wait, host=settings.host)
    if done.schema.before < done.schema.after:
        runtime.keep_tip()
    runtime.show(upgrade_answer(done))


@app.writes("restore", needs="owner", shown=WHEN_MAKING_FILES)
def restore(
    context: typer.Context,
    backup: Annotated[Path, typer.Argument(help="A file that store backup made.", metavar="BACKUP")],
    target: Annotated[str, typer.Argument(help="The place; default: the store's own.", metavar="[TO]")] = "",
    keep_broken: KeepBroken = False,
) -> None:
    """Put a backup where no store is any more, checked by every law before it counts.

    It never overwrites anything. What is restored bills nobody before store adopt says that it is the one to go on.
    """
    from planctl.store.maintenance import by_server
    from planctl.store.restoring import check_backup, check_place
    from planctl.store.url import StoreUrl
    from planctl.views.store import restored_answer
    from planctl.workflows.maintain_store import restore_store

    runtime = Runtime.of(context)
    _nothing_to_keep(runtime)
    if target and runtime.given.store is not None:
        raise WrongUsage(
            "the place is named twice",
            where="--store",
            hint="planctl store restore BACKUP TO, without --store",
        )
    if target:
        runtime.use_store(target)
    url, wait = StoreUrl.parse(runtime.settings.store), runtime.settings.wait
    if url.engine != "sqlite":
        copying = f"into an empty database: planctl store copy {quote(str(backup))} {quote(str(url))}"
        raise by_server(str(url), f"{copying}; what pg_dump made: pg_restore --exit-on-error --create")
    place = check_place(url.path)
    check_backup(backup, wait_seconds=wait)
    runtime.confirm([f"{backup} will be put at {place}"], "Restore it?")
    if runtime.given.dry_run:
        runtime.say("nothing was written (dry run)")
        return
    judging = _judging(runtime, keep_broken=keep_broken)
    made, verdicts = restore_store(backup, place, judging, wait_seconds=wait)
    runtime.show(restored_answer(made, str(backup), verdicts))
    runtime.say(f"undo with: rm {quote(str(place))}")
    if not made.store.is_test:
        runtime.warn("it bills nobody yet: planctl store adopt --reason TEXT, once nothing else does")


@app.writes("adopt", needs="owner")
def adopt(
    context: typer.Context,
    after: Annotated[
        list[str] | None,
        typer.Option(metavar="NUMBER", help="The last number that another copy gave; per series."),
    ] = None,
) -> None:
    """Say that this store is the one that goes on, here: after a restore, a copy or a move. It wants a --reason.

    It shows the next number of every series and asks. Numbers up to one named with --after are left out for ever.
    """
    from planctl.views.store import adopted_answer, adopted_document, adoption_lines
    from planctl.workflows import keep_place

    runtime = Runtime.of(context)
    runtime.require_reason()
    numbers = list(after or ())

    def ask() -> None:
        with runtime.open_write(bookkeeping=True) as tx:
            tx.rollback_only()
            behind = _behind(runtime, tx)
            found = keep_place.adopt(tx, numbers, runtime.now)
        if found.changed:
            runtime.confirm([*adoption_lines(found), *behind], "Adopt it?")

    def write(tx: Tx) -> Kept:
        done = keep_place.adopt(tx, numbers, runtime.now)
        return Kept(adopted_document(done), done.touched, changed=done.changed)

    written = runtime.run_write({"after": [*numbers]}, write, ask=ask)
    runtime.show(adopted_answer(written.document))
    runtime.say_store()
    runtime.done(written, "nothing undoes it: adopt the other store in its turn" if written.changed else "")


def _behind(runtime: Runtime, tx: Tx) -> list[str]:
    """What to make sure of where the store is older than its anchor: once adopted, nothing reminds of that any more."""
    try:
        runtime.check_anchor(tx)
    except Refused as error:
        return [
            f"  this store is older than its anchor: that has {error.expected},",
            f"  here is {error.got}. Numbers that were given since are not known here.",
        ]
    except PlanctlError as error:
        return [f"  its anchor cannot be read: {error.where}: {error.got}"]
    return []


def _judging(runtime: Runtime, *, keep_broken: bool) -> Judging:
    """How a store is looked at before it counts; an upgrade is audited in its own transaction."""
    from planctl.workflows.maintain_store import Judging

    def record(tx: Tx, done: Upgrade, broken: list[str]) -> None:
        request: Json = {"before": str(done.before), "after": str(done.after), "broken": [*broken]}
        runtime.record(tx, request, Kept({"before": done.before, "after": done.after}))

    def part(tx: Tx) -> None:
        runtime.record(tx, {}, Kept(None), answers=False)

    return Judging(lambda what, done: runtime.output.progress(f"{what}: {done:,}"), record, keep_broken, part)
