"""`planctl catalog show|history|rollback|export|snapshot|schema`: what the catalog is and was; decides nothing."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, cast

import typer

from planctl.cli.boundary import Found
from planctl.cli.options import App
from planctl.cli.runtime import Kept, Runtime
from planctl.cli.values import Limit
from planctl.errors import InvalidInput
from planctl.views.sheet import Answer, Json

if TYPE_CHECKING:
    from planctl.core.catalog.changeset import ChangeSet
    from planctl.store.engine import Tx

SCHEMA_NAMES = "catalog, diff, migration, plan or snapshot"


def add(app: App) -> None:
    """Declare the commands in the catalog's group."""
    app.reads("show")(show)
    app.reads("history")(history)
    app.writes("rollback")(rollback)
    app.reads("export", formats=("yaml", "json"))(export)
    app.reads("snapshot", formats=("json",))(snapshot)
    app.reads("schema", formats=("json",))(schema)


def show(
    context: typer.Context,
    revision: Annotated[int | None, typer.Argument(metavar="[REV]", help="Default: the newest.")] = None,
) -> None:
    """Show a revision of the catalog: who made it, when, why, and what changed."""
    from planctl.views.catalog import revision_answer
    from planctl.workflows.read_catalog import revision_of

    runtime = Runtime.of(context)
    with runtime.open_read() as tx:
        found = revision_of(tx, revision)
    runtime.show(revision_answer(found))


def history(
    context: typer.Context,
    limit: Limit = 0,
) -> None:
    """List the revisions of the catalog, oldest first."""
    from planctl.views.catalog import history_answer
    from planctl.workflows.read_catalog import revisions_of

    runtime = Runtime.of(context)
    with runtime.open_read() as tx:
        found = revisions_of(tx, limit or None)
        timezone = runtime.timezone(tx)
    runtime.show(history_answer(found[::-1], timezone))


def export(
    context: typer.Context,
    out: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Write DIR/catalog.yaml instead of printing it.")
    ] = None,
) -> None:
    """Print everything that is sold as one catalog file, which applies back without a difference."""
    from planctl.files.yaml_writer import write_yaml
    from planctl.workflows.read_catalog import export_catalog

    runtime = Runtime.of(context)
    with runtime.open_read() as tx:
        found = export_catalog(tx)
    text = write_yaml(found.document)
    if found.unmanaged:
        runtime.warn(f"{len(found.unmanaged)} made in the shell are included; applying the file adopts them")
    if out is None:
        runtime.show(Answer(found.document, sources={"yaml": text}))
        return
    from planctl.files.new_file import write_new_file

    write_new_file(out / "catalog.yaml", text)
    runtime.say(f"{out / 'catalog.yaml'} written")


def rollback(
    context: typer.Context,
    number: Annotated[
        int, typer.Argument(metavar="REV", help="The revision whose catalog shall hold again.")
    ],
    accept: Annotated[
        list[str] | None,
        typer.Option(
            "--accept", metavar="FP", help="Accept a breaking change by its fingerprint; repeatable."
        ),
    ] = None,
) -> None:
    """Bring back the catalog of an earlier revision, as a new revision through the same gates."""
    runtime = Runtime.of(context)
    reason = runtime.require_reason()
    rolling = _Rolling(runtime, number, tuple(accept or ()))
    request: Json = {"revision": number, "accept": sorted(rolling.accept), "reason": reason}
    from planctl.views.catalog import applied_answer

    written = runtime.run_write(request, rolling.write, ask=rolling.ask)
    runtime.show(applied_answer(written.document))
    undo = f"planctl catalog rollback {rolling.shown.base.revision} --reason TEXT" if rolling.shown else ""
    runtime.done(written, "" if written.existed else rolling.drift(), undo=undo)


class _Rolling:
    """Shows what a rollback changes and gets a yes for it, and for the breaking changes just shown."""

    def __init__(self, runtime: Runtime, number: int, accept: tuple[str, ...]) -> None:
        self.runtime = runtime
        self.number = number
        self.accept = accept
        self.shown: ChangeSet | None = None

    def ask(self) -> None:
        """Show the changes and confirm them; leaves with 0 where there are none."""
        from planctl.core.catalog.guards import refuse
        from planctl.views.catalog import unchanged_answer
        from planctl.views.changeset import changeset_text
        from planctl.views.words import count

        with self.runtime.open_read() as tx:
            changes = self.propose(tx)
        lines = changeset_text(changes)
        if changes.empty:
            self.runtime.show(unchanged_answer(changes, already=False))
            raise typer.Exit(0)
        breaking = changes.unaccepted
        if breaking and self.runtime.can_ask:
            self.accept = (*self.accept, *breaking)
            with self.runtime.open_read() as tx:
                changes = self.propose(tx)
        if changes.refusals:
            self.runtime.warn(*lines)
        refuse(changes)
        question = (
            f"Accept {count(len(breaking), 'breaking change')} and roll back?" if breaking else "Roll back?"
        )
        self.runtime.confirm(lines, question)
        self.shown = changes

    def propose(self, tx: Tx) -> ChangeSet:
        """What it would do now; Found where that catalog cannot be whole any more."""
        from planctl.workflows.roll_back import propose_rollback

        name = self.runtime.settings.store_name
        found = propose_rollback(tx, self.number, self.accept, self.runtime.as_of(tx), name)
        if not found.proposal.usable:
            raise Found(found.proposal.findings, where=f"revision {self.number}")
        return found.changes

    def write(self, tx: Tx) -> Kept:
        """Decide again inside the transaction and keep it."""
        from planctl.core.audit import Touched
        from planctl.views.catalog import applied_document
        from planctl.workflows.roll_back import Who, roll_back

        who = Who(
            self.runtime.actor, self.runtime.reason, self.runtime.as_of(tx), self.runtime.settings.store_name
        )
        changes = roll_back(tx, self.number, self.accept, who, self.shown)
        touched = tuple(Touched("catalog_object", one.address) for one in changes.changes)
        document = applied_document(changes, changes.base.revision + (not changes.empty))
        return Kept(document, touched, {"changes": len(touched)}, changed=not changes.empty)

    def drift(self) -> str:
        """What remains to be done where a catalog's files say otherwise."""
        managed = self.shown is not None and any(
            one.managed_by for one in map(self.shown.base.objects.get, self._addresses()) if one
        )
        return (
            "the catalog's files still say otherwise: planctl catalog pull writes it there" if managed else ""
        )

    def _addresses(self) -> list[str]:
        return [change.address for change in self.shown.changes] if self.shown else []


def snapshot(
    context: typer.Context,
    out: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write to FILE, such as catalog.snapshot.json.")
    ] = None,
) -> None:
    """Print the store's catalog with counts and quantiles, for a diff where the store cannot be seen."""
    from planctl.core.catalog.snapshot_file import snapshot_file_document
    from planctl.workflows.read_catalog import snapshot_of

    runtime = Runtime.of(context)
    with runtime.open_read() as tx:
        taken = snapshot_of(tx, runtime.as_of(tx), runtime.settings.store_name)
    document = snapshot_file_document(taken.stored, taken.book)
    if out is None:
        runtime.show(Answer(cast("dict[str, Json]", document)))
        return
    from planctl.files.json_writer import write_json

    write_json(out, document)
    runtime.say(f"{out} written: revision {taken.stored.revision}, no customer is named in it")


def schema(
    context: typer.Context,
    name: Annotated[
        str, typer.Argument(metavar="[NAME]", help=f"{SCHEMA_NAMES}; default catalog.")
    ] = "catalog",
) -> None:
    """Print a JSON Schema: of catalog files, for editors, or of a file or answer of planctl's."""
    from planctl.core.catalog.schemas import SCHEMAS
    from planctl.core.waves.schema import migration_schema

    runtime = Runtime.of(context)
    schemas = {**SCHEMAS, "migration": migration_schema}
    if name not in schemas:
        expected = ", ".join(sorted(schemas))
        raise InvalidInput("there is no such schema", where="NAME", expected=expected, got=name)
    runtime.show(Answer(cast("dict[str, Json]", schemas[name]())))
