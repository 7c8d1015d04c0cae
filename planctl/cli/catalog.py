"""`planctl catalog …`: validate, diff and apply; the workflows decide. Looking back is catalog_revisions.py."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from planctl.cli.catalog_files import GITHUB, github_answer, stop, usable, warn
from planctl.cli.catalog_pull import add as add_pull
from planctl.cli.catalog_revisions import add as add_revisions
from planctl.cli.catalog_simulate import add as add_simulate
from planctl.cli.options import App
from planctl.cli.runtime import Kept, Runtime
from planctl.errors import WrongUsage
from planctl.views.formats import FORMATS
from planctl.views.sheet import Json

if TYPE_CHECKING:
    from planctl.core.catalog.changeset import ChangeSet
    from planctl.store.engine import Tx
    from planctl.workflows.apply_catalog import ReadCatalog, Terms

app = App("Validate, diff and apply a catalog of YAML files.")

CatalogPath = Annotated[Path, typer.Argument(help="The catalog's directory or file.", metavar="[PATH]")]
HERE = Path("catalog")

DIFFERENCES = 2
REFUSED = 4
DIFF_FORMATS = ("text", "json", "markdown", "github", "unified")
STORE = "store"

Accept = Annotated[
    list[str] | None,
    typer.Option("--accept", metavar="FP", help="Accept a breaking change by its fingerprint; repeatable."),
]
TakeOver = Annotated[
    str, typer.Option("--take-over", metavar="NAME", help="Adopt what that catalog manages.")
]


@app.reads("validate", formats=(*FORMATS, "github"))
def validate(context: typer.Context, path: CatalogPath = HERE) -> None:
    """Check a catalog, price examples included; every finding is printed."""
    from planctl.views.catalog import validation_answer
    from planctl.workflows.apply_catalog import read_catalog

    runtime = Runtime.of(context)
    read = read_catalog(path, strict_examples=True)
    catalog = usable(runtime, read)
    answer = validation_answer(catalog, read.findings)
    if runtime.output.format == GITHUB:
        answer = github_answer(read.path, read.findings)
    runtime.show(answer)


@app.reads("diff", formats=DIFF_FORMATS)
def diff(
    context: typer.Context,
    path: CatalogPath = HERE,
    against: Annotated[
        str,
        typer.Option(
            metavar="BASE", help="What to compare with: store, FILE.snapshot.json, git:REV or rev:N."
        ),
    ] = STORE,
    accept: Accept = None,
    take_over: TakeOver = "",
    exit_code: Annotated[
        bool, typer.Option("--exit-code", help="0 no difference, 2 apply takes them, 4 apply refuses them.")
    ] = False,
    only: Annotated[
        list[str] | None,
        typer.Option(metavar="GLOB", help="Only these addresses, such as 'plans.*'; repeatable."),
    ] = None,
    without: Annotated[
        list[str] | None, typer.Option("--except", metavar="GLOB", help="Not these addresses; repeatable.")
    ] = None,
    out: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Save the plan, for catalog apply --plan.")
    ] = None,
    names: Annotated[bool, typer.Option("--names", help="Name the customers who hold what changes.")] = False,
    ci: Annotated[
        bool, typer.Option("--ci", help="Also write to $GITHUB_STEP_SUMMARY and $GITHUB_OUTPUT.")
    ] = False,
) -> None:
    """Show what applying a catalog would do: to the store, and to customers and revenue."""
    from planctl.cli.catalog_diff import Diff
    from planctl.core.catalog.selection import Selection
    from planctl.workflows.apply_catalog import Terms, read_catalog

    runtime = Runtime.of(context)
    comparing = Diff(runtime, path, against, names=names)
    comparing.check(saves=out is not None)
    read = read_catalog(path)
    catalog = usable(runtime, read)
    selection = Selection(tuple(only or ()), tuple(without or ()))
    terms = Terms(tuple(accept or ()), take_over, selection=selection)
    changes = comparing.propose(catalog, terms)
    complain(runtime, read, changes)
    if out is not None:
        comparing.save(out, read, terms)
    if ci:
        comparing.tell_ci(str(out or ""))
    runtime.show(comparing.answer(catalog, read.findings))
    if exit_code and not changes.empty:
        raise typer.Exit(REFUSED if changes.refusals else DIFFERENCES)


@app.writes("apply")
def apply(
    context: typer.Context,
    path: Annotated[
        Path | None, typer.Argument(help="The catalog's directory or file.", metavar="[PATH]")
    ] = None,
    plan: Annotated[
        Path | None,
        typer.Option("--plan", metavar="FILE", help="Apply exactly what catalog diff --out saved."),
    ] = None,
    accept: Accept = None,
    take_over: TakeOver = "",
    expect: Annotated[
        str, typer.Option(metavar="DIGEST", help="Refuse any other catalog than the one with this digest.")
    ] = "",
) -> None:
    """Show what a catalog changes, ask, and apply it as one revision."""
    from planctl.core.audit import Touched
    from planctl.views.catalog import applied_answer, applied_document
    from planctl.workflows import apply_catalog as journey

    runtime = Runtime.of(context)
    terms = journey.Terms(tuple(accept or ()), take_over, expect)
    if plan is None:
        read = journey.read_catalog(path or HERE)
    else:
        refuse_beside(plan, {"PATH": path is not None, "--take-over": bool(take_over)})
        saved = journey.read_plan(plan)
        read, terms = saved.read, journey.terms_of_plan(saved.plan, terms)
    usable(runtime, read)
    asking = Asking(runtime, read, terms)

    def write(tx: Tx) -> Kept:
        who = journey.Who(runtime.actor, runtime.reason, runtime.as_of(tx))
        changes = journey.apply_changes(tx, read, asking.terms, who, asking.shown)
        return Kept(
            applied_document(changes, journey.revision_after(changes)),
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
        """What takes the change back: a catalog goes forward only, and who manages what is no part of it."""
        shown = self.shown
        if shown is None or shown.empty or not shown.base.revision:
            return ""
        if any(change.action == "adopt" for change in shown.changes):
            return ""
        return f"planctl catalog rollback {shown.base.revision} --reason TEXT"

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
            "only": [*self.terms.selection.only],
            "except": [*self.terms.selection.without],
        }

    def ask(self) -> None:
        """Show the changes and confirm them; leaves with 0 where there are none."""
        from dataclasses import replace

        from planctl.views.catalog import unchanged_answer
        from planctl.views.changeset import changeset_text
        from planctl.views.words import count
        from planctl.workflows.apply_catalog import refuse

        changes = self.propose()
        # a plan that is applied needs nothing any more of what it accepted
        if self.terms.plan is None or not changes.empty:
            complain(self.runtime, self.read, changes)
        lines = changeset_text(changes)
        if changes.empty:
            refuse(changes, self.terms)
            self.shown = changes
            if changes.settled or changes.new_notes:  # to be remembered; nothing changes for anybody
                self.runtime.name_store()
                return
            self.runtime.show(
                unchanged_answer(changes, already=bool(self.terms.plan and self.terms.plan.reviewed))
            )
            raise typer.Exit(0)
        breaking = changes.unaccepted
        if breaking and self.runtime.can_ask and self.terms.plan is None:
            accepting = replace(self.terms, accept=(*self.terms.accept, *breaking))
            self.terms, changes = accepting, self.propose(accepting)
        if changes.refusals:
            self.runtime.warn(*lines)
        refuse(changes, self.terms)
        self.shown = changes
        if (
            self.terms.plan is not None
        ):  # it was reviewed when it was saved, and is bound to what it was computed from
            self.runtime.name_store()
            return
        question = f"Accept {count(len(breaking), 'breaking change')} and apply?" if breaking else "Apply?"
        self.runtime.confirm(lines, question)

    def propose(self, terms: Terms | None = None) -> ChangeSet:
        """What apply would do now."""
        from planctl.workflows.apply_catalog import check_plan, propose_changes

        assert self.read.catalog is not None
        terms = terms or self.terms
        with self.runtime.open_read_if_any() as tx:
            name = self.runtime.settings.store_name
            changes = propose_changes(tx, self.read.catalog, terms, name, self.runtime.as_of(tx))
            if terms.plan is not None:
                check_plan(tx, terms.plan, changes)
        return changes


def complain(runtime: Runtime, read: ReadCatalog, changes: ChangeSet) -> None:
    """The findings of a comparison: errors stop (3), warnings are printed."""
    if any(finding.is_error for finding in changes.findings):
        stop(runtime, read, changes.findings)
    warn(runtime, read, changes.findings)


def refuse_beside(plan: Path, given: Mapping[str, bool]) -> None:
    """Refuse what a saved plan already says."""
    for name, is_given in given.items():
        if is_given:
            raise WrongUsage(
                f"{name} and --plan do not go together",
                where="planctl catalog apply",
                got=str(plan),
                hint="the plan says what is applied; leave one of them out",
            )


add_revisions(app)
add_pull(app)
add_simulate(app)
