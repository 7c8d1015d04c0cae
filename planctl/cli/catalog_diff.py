"""The bases and forms of `planctl catalog diff`: where the other side comes from, and where the answer goes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from planctl.errors import WrongUsage

if TYPE_CHECKING:
    from planctl.cli.runtime import Runtime
    from planctl.core.catalog.changeset import ChangeSet
    from planctl.core.catalog.model import Catalog
    from planctl.findings import Finding
    from planctl.views.sheet import Answer
    from planctl.workflows.apply_catalog import Base, ReadCatalog, Terms

STORE, GIT, REVISION = "store", "git:", "rev:"


@dataclass
class Diff:
    """One comparison, with what came of it."""

    runtime: Runtime
    path: Path
    against: str
    names: bool = False
    changes: ChangeSet | None = None
    held: dict[str, tuple[str, ...]] | None = None

    def check(self, *, saves: bool) -> None:
        """WrongUsage for a base that is none, and for what a base cannot give."""
        known = self.against == STORE or self.against.startswith((GIT, REVISION)) or self.is_file
        number = self.against.removeprefix(REVISION)
        if not known or (self.against.startswith(REVISION) and not (number.isascii() and number.isdecimal())):
            raise WrongUsage(
                "there is no such base",
                where="--against",
                expected="store, FILE.snapshot.json, git:REV or rev:N",
                got=self.against,
            )
        if self.names and self.against != STORE:
            raise WrongUsage(
                "only the store knows customers", where="--names", got=f"--against {self.against}"
            )
        if saves and self.against.startswith((GIT, REVISION)):
            raise WrongUsage(
                "a plan is bound to the store, or to a snapshot of it",
                where="--out",
                expected="--against store or FILE.snapshot.json",
                got=f"--against {self.against}",
            )

    @property
    def is_file(self) -> bool:
        """Whether the base is a snapshot file."""
        return self.against.endswith(".json")

    def propose(self, catalog: Catalog, terms: Terms) -> ChangeSet:
        """What applying the catalog to the base would do."""
        from planctl.workflows.apply_catalog import commit_base, propose, snapshot_base

        if self.is_file:
            self.changes = propose(snapshot_base(Path(self.against)), catalog, terms)
        elif self.against.startswith(GIT):
            self.changes = propose(commit_base(self.path, self.against.removeprefix(GIT)), catalog, terms)
        else:
            self.changes = self._in_store(catalog, terms)
        return self.changes

    def _in_store(self, catalog: Catalog, terms: Terms) -> ChangeSet:
        from planctl.workflows.apply_catalog import Live, propose, revision_base, store_base
        from planctl.workflows.read_catalog import customers_touched

        name = self.runtime.settings.store_name
        if self.against.startswith(REVISION):
            with self.runtime.open_read() as tx:
                return propose(
                    revision_base(tx, int(self.against.removeprefix(REVISION)), name), catalog, terms
                )
        with self.runtime.open_read_if_any() as tx:
            base: Base = store_base(tx, name)
            if tx is None:
                return propose(base, catalog, terms)
            live = Live(tx, self.runtime.as_of(tx), self.names)
            changes = propose(replace(base, live=live), catalog, terms)
            if self.names:
                self.held = customers_touched(tx, changes)
        return changes

    # --- where it goes

    def save(self, out: Path, read: ReadCatalog, terms: Terms) -> None:
        """Write the saved plan."""
        from planctl.core.catalog.saved_plan import saved_plan_document
        from planctl.files.json_writer import write_json
        from planctl.views.changeset import changeset_document
        from planctl.workflows.apply_catalog import reviewed

        assert self.changes is not None
        assert read.catalog is not None
        nameless = changeset_document(self.changes, names=False)
        document = saved_plan_document(self.changes, read.catalog, reviewed(read, terms), nameless)
        write_json(out, document)
        self.runtime.say(f"{out} written; apply exactly this with: planctl catalog apply --plan {out}")

    def tell_ci(self, plan: str) -> None:
        """Write the summary of a CI job and its outputs, where the environment names their files."""
        from planctl.files.ci_files import append_outputs, append_summary
        from planctl.views.changeset_markdown import markdown_text

        changes = self.changes
        assert changes is not None
        append_summary(markdown_text(changes))
        told: dict[str, str | int] = {
            "changes": len(changes.changes),
            "breaking": changes.count_of("breaking"),
        }
        append_outputs({**told, "digest": changes.digest, "plan": plan})

    def answer(self, catalog: Catalog, findings: Sequence[Finding]) -> Answer:
        """The diff in the form that was asked for."""
        from planctl.views.catalog import diff_answer

        changes = self.changes
        assert changes is not None
        form = self.runtime.output.format
        answer = diff_answer(changes, findings, self.held)
        return (
            answer
            if form in {"text", "json"}
            else replace(answer, sources={form: self._text(catalog, findings, form)})
        )

    @property
    def _folder(self) -> str:
        """The directory that places are relative to."""
        return str(self.path if self.path.is_dir() else self.path.parent)

    def _text(self, catalog: Catalog, findings: Sequence[Finding], form: str) -> str:
        changes = self.changes
        assert changes is not None
        if form == "markdown":
            from planctl.views.changeset_markdown import markdown_text

            return markdown_text(changes)
        if form == "github":
            from planctl.views.changeset_github import github_lines

            return "\n".join(github_lines(changes, (*findings, *changes.findings), folder=self._folder))
        from planctl.core.catalog.both_sides import both_sides
        from planctl.files.yaml_writer import write_yaml
        from planctl.views.changeset_unified import unified_lines

        before, after = (write_yaml(side) for side in both_sides(changes, catalog))
        return "\n".join(
            unified_lines(before, after, f"{self.against}/catalog.yaml", f"{self.path}/catalog.yaml")
        )
