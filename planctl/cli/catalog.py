"""`planctl catalog …`: validate, diff, apply, look back and export; the workflows decide."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, cast

import typer

from planctl.cli.boundary import Found
from planctl.cli.options import App
from planctl.cli.runtime import Kept, Runtime
from planctl.cli.values import Limit
from planctl.errors import NotYet
from planctl.views.sheet import Answer, Json

if TYPE_CHECKING:
    from planctl.core.catalog.changeset import ChangeSet
    from planctl.core.catalog.model import Catalog
    from planctl.store.engine import Tx
    from planctl.workflows.apply_catalog import ReadCatalog, Terms

app = App("Validate, diff and apply a catalog of YAML files.")

CatalogPath = Annotated[Path, typer.Argument(help="The catalog's directory or file.", metavar="[PATH]")]
HERE = Path("catalog")

DIFFERENCES = 2
REFUSED = 4
DIFF_FORMATS = ("text", "json", "markdown", "github", "unified")
DIFF_FORMATS_NOW = ("text", "json")

Accept = Annotated[
    list[str] | None,
    typer.Option("--accept", metavar="FP", help="Accept a breaking change by its fingerprint; repeatable."),
]
TakeOver = Annotated[
    str, typer.Option("--take-over", metavar="NAME", help="Adopt what that catalog manages.")
]


@app.reads("validate")
def validate(context: typer.Context, path: CatalogPath = HERE) -> None:
    """Check a catalog, price examples included; every finding is printed."""
    from planctl.views.catalog import validation_answer
    from planctl.workflows.apply_catalog import read_catalog

    runtime = Runtime.of(context)
    read = read_catalog(path, strict_examples=True)
    catalog = usable(runtime, read)
    runtime.show(validation_answer(catalog, read.findings))


@app.reads("diff", formats=DIFF_FORMATS)
def diff(
    context: typer.Context,
    path: CatalogPath = HERE,
    against: Annotated[str, typer.Option(metavar="BASE", help="What to compare with: the store.")] = "store",
    accept: Accept = None,
    take_over: TakeOver = "",
    exit_code: Annotated[
        bool, typer.Option("--exit-code", help="0 no difference, 2 apply takes them, 4 apply refuses them.")
    ] = False,
    names: Annotated[bool, typer.Option("--names", help="Name the customers who hold what changes.")] = False,
    only: Annotated[list[str] | None, typer.Option(metavar="GLOB", hidden=True)] = None,
    without: Annotated[list[str] | None, typer.Option("--except", metavar="GLOB", hidden=True)] = None,
    out: Annotated[str, typer.Option(hidden=True)] = "",
    ci: Annotated[bool, typer.Option("--ci", hidden=True)] = False,
) -> None:
    """Show what applying a catalog would do."""
    from planctl.views.catalog import diff_answer
    from planctl.workflows.apply_catalog import Terms, propose_changes, read_catalog
    from planctl.workflows.read_catalog import customers_touched

    runtime = Runtime.of(context)
    for option, given in (("--only", only), ("--except", without), ("--out", out), ("--ci", ci)):
        refuse_later(option, bool(given))
    refuse_later(f"--against {against}", against != "store")
    refuse_later(f"--format {runtime.output.format}", runtime.output.format not in DIFF_FORMATS_NOW)
    read = read_catalog(path)
    catalog = usable(runtime, read)
    terms = Terms(tuple(accept or ()), take_over)
    with runtime.open_read_if_any() as tx:
        changes = propose_changes(tx, catalog, terms, runtime.settings.store_name)
        held = customers_touched(tx, changes) if names and tx is not None else None
    complain(runtime, read, changes)
    runtime.show(diff_answer(changes, read.findings, held))
    if exit_code and not changes.empty:
        raise typer.Exit(REFUSED if changes.refusals else DIFFERENCES)


@app.writes("apply")
def apply(
    context: typer.Context,
    path: CatalogPath = HERE,
    accept: Accept = None,
    take_over: TakeOver = "",
    expect: Annotated[
        str, typer.Option(metavar="DIGEST", help="Refuse any other catalog than the one with this digest.")
    ] = "",
    plan: Annotated[str, typer.Option("--plan", hidden=True)] = "",
) -> None:
    """Show what a catalog changes, ask, and apply it as one revision."""
    from planctl.core.audit import Touched
    from planctl.views.catalog import applied_answer, applied_document
    from planctl.workflows.apply_catalog import Terms, Who, apply_changes, read_catalog, revision_after

    runtime = Runtime.of(context)
    refuse_later("--plan", bool(plan))
    read = read_catalog(path)
    usable(runtime, read)
    asking = Asking(runtime, read, Terms(tuple(accept or ()), take_over, expect))

    def write(tx: Tx) -> Kept:
        who = Who(runtime.actor, runtime.reason, runtime.as_of(tx))
        changes = apply_changes(tx, read, asking.terms, who, asking.shown)
        return Kept(
            applied_document(changes, revision_after(changes)),
            tuple(Touched("catalog_object", change.address) for change in changes.changes),
            {"changes": len(changes.changes)},
        )

    written = runtime.run_write(asking.request(), write, ask=asking.ask, create=True)
    runtime.show(applied_answer(written.document))
    runtime.done(written, undo=asking.undo)


class Asking:
    """Shows what apply would do and gets a yes for it, and for the breaking changes just shown."""

    def __init__(self, runtime: Runtime, read: ReadCatalog, terms: Terms) -> None:
        self.runtime = runtime
        self.read = read
        self.terms = terms
        self.shown: ChangeSet | None = None

    @property
    def name(self) -> str:
        """The catalog's name."""
        return self.read.catalog.name if self.read.catalog else ""

    @property
    def undo(self) -> str:
        """What takes the change back: a catalog goes forward only."""
        revision = self.shown.base.revision if self.shown else 0
        return (
            f"planctl catalog apply, with the files as they were in revision {revision}" if revision else ""
        )

    def request(self) -> Json:
        """What was asked, for `--key` and the audit."""
        from planctl.core.catalog.emit import catalog_digest

        assert self.read.catalog is not None
        return {
            "catalog": self.name,
            "digest": catalog_digest(self.read.catalog),
            "accept": sorted(self.terms.accept),
            "take_over": self.terms.take_over,
            "commit": self.read.commit,
        }

    def ask(self) -> None:
        """Show the changes and confirm them; leaves with 0 where there are none."""
        from dataclasses import replace

        from planctl.views.catalog import applied_document
        from planctl.views.changeset import changeset_text
        from planctl.views.words import count
        from planctl.workflows.apply_catalog import refuse, unaccepted

        changes = self.propose()
        complain(self.runtime, self.read, changes)
        lines = changeset_text(changes)
        if changes.empty:
            refuse(changes, self.terms)
            self.runtime.show(Answer(applied_document(changes, changes.base.revision), tuple(lines)))
            raise typer.Exit(0)
        breaking = unaccepted(changes)
        if breaking and self.runtime.can_ask:
            accepting = replace(self.terms, accept=(*self.terms.accept, *breaking))
            self.terms, changes = accepting, self.propose(accepting)
        if changes.refusals:
            self.runtime.warn(*lines)
        refuse(changes, self.terms)
        question = f"Accept {count(len(breaking), 'breaking change')} and apply?" if breaking else "Apply?"
        self.runtime.confirm(lines, question)
        self.shown = changes

    def propose(self, terms: Terms | None = None) -> ChangeSet:
        """What apply would do now."""
        from planctl.workflows.apply_catalog import propose_changes

        assert self.read.catalog is not None
        with self.runtime.open_read_if_any() as tx:
            name = self.runtime.settings.store_name
            return propose_changes(tx, self.read.catalog, terms or self.terms, name)


@app.reads("show")
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


@app.reads("history")
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


@app.reads("export", formats=("yaml", "json"))
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


@app.reads("schema", formats=("json",))
def schema(context: typer.Context) -> None:
    """Print the JSON Schema of catalog files, for editors."""
    from planctl.core.catalog.schema import catalog_schema

    runtime = Runtime.of(context)
    runtime.show(Answer(cast("dict[str, str]", catalog_schema())))


def usable(runtime: Runtime, read: ReadCatalog) -> Catalog:
    """The catalog, its warnings printed; Found (3) with every finding where one is an error."""
    from planctl.views.findings import finding_lines

    if read.catalog is None or not read.usable:
        raise Found(read.findings, read.texts)
    if runtime.output.format not in {"json", "ndjson"}:
        runtime.say(*finding_lines(read.findings, read.texts))
    return read.catalog


def complain(runtime: Runtime, read: ReadCatalog, changes: ChangeSet) -> None:
    """The findings of a comparison: errors stop (3), warnings are printed."""
    from planctl.views.findings import finding_lines

    if any(finding.is_error for finding in changes.findings):
        raise Found(changes.findings, read.texts)
    if runtime.output.format not in {"json", "ndjson"}:
        runtime.say(*finding_lines(changes.findings, read.texts))


def refuse_later(what: str, given: bool) -> None:
    """Refuse an option that comes in a later version."""
    if given:
        raise NotYet(where=what)
