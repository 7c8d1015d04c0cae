"""What `plan` and `feature` commands share: options into a draft, the editor, one write. No decision is here."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from planctl.cli.boundary import Found
from planctl.cli.requests import hashed
from planctl.cli.runtime import Kept, Runtime
from planctl.errors import WrongUsage

if TYPE_CHECKING:
    from planctl.core.document import Document
    from planctl.files.plan_options import Options
    from planctl.store.engine import Tx
    from planctl.views.sheet import Json
    from planctl.workflows.edit_catalog import Decided, Draft, Who

LONGEST_INPUT = 1024 * 1024 + 1

Outside = Annotated[
    bool, typer.Option("--outside", help="Edit what a catalog manages; its next diff shows it as drift.")
]


def who(runtime: Runtime, tx: Tx, *, outside: bool) -> Who:
    """Who edits, for the revision."""
    from planctl.workflows.edit_catalog import Who

    return Who(runtime.actor, runtime.as_of(tx), runtime.reason, outside)


class Edit:
    """One edit of a plan or feature: decided inside the write, asked about before where it must be."""

    def __init__(
        self, runtime: Runtime, noun: str, drafting: Callable[[Tx], Draft], *, outside: bool
    ) -> None:
        self.runtime = runtime
        self.noun = noun
        self.drafting = drafting
        self.outside = outside
        self.decided: Decided | None = None

    def run(self, request: Document) -> None:
        """Do it, show it, and say what would undo it."""
        from planctl.views.edit import edit_answer, undo_of

        written = self.runtime.run_write(request, self.write, ask=self.ask)
        changes = self.decided.changes if self.decided else None
        self.runtime.show(edit_answer(written.document, changes))
        undo = undo_of(changes, self.decided.address, self.noun) if self.decided and changes else ""
        self.runtime.done(written, undo=undo)

    def ask(self) -> None:
        """Ask where a plan that somebody holds is closed; a protected store wants its name in any case."""
        if self.runtime.given.yes:
            self.runtime.confirm()
            return
        with self.runtime.open_read() as tx:
            decided = self.decide(tx)
        closing = decided.takes_from_sale
        if not closing:
            self.runtime.name_store()
            return
        lines = [
            f"{one.address} is archived: {one.holders.total:,} running keep it, renewals included"
            for one in closing
        ]
        self.runtime.confirm(lines, "Archive?")

    def write(self, tx: Tx) -> Kept:
        """Decide again inside the transaction, keep it, and answer with the object as it is now."""
        from planctl.core.audit import Touched
        from planctl.views.edit import edit_document
        from planctl.workflows.edit_catalog import keep

        self.decided = decided = self.decide(tx)
        self.warn(decided)
        revision = keep(tx, decided, who(self.runtime, tx, outside=self.outside))
        named = {self.noun: self.shown(tx, decided.address)}
        document = edit_document(decided.changes, decided.findings, revision, named)
        touched = tuple(Touched("catalog_object", one.address) for one in decided.changes.changes)
        return Kept(document, touched, {"changes": len(touched)})

    def decide(self, tx: Tx) -> Decided:
        """What the edit comes to; Found (3) with every finding where one is an error."""
        from planctl.workflows.edit_catalog import decide

        decided = decide(tx, self.drafting(tx), outside=self.outside)
        if not decided.usable:
            raise Found(decided.findings, decided.texts)
        return decided

    def warn(self, decided: Decided) -> None:
        """Print what the edit is warned about."""
        from planctl.views.findings import finding_lines

        if decided.findings and self.runtime.output.format not in {"json", "ndjson"}:
            self.runtime.say(*finding_lines(decided.findings, decided.texts))

    def shown(self, tx: Tx, address: str) -> Json:
        """The object as it is now, for machines."""
        from planctl.views.feature import feature_document
        from planctl.views.plan import plan_document
        from planctl.workflows.read_plans import read_all

        standing = read_all(tx)
        object_id = address.partition(".")[2]
        if self.noun == "feature":
            return feature_document(standing.features[object_id])
        return plan_document(standing.plans[object_id], standing)


# --- what was asked


def request_of(options: Options, **more: Document) -> Document:
    """What was asked, for `--key` and the audit; what may name a person is a hash."""
    found: dict[str, Document] = dict(more)
    if options.like:
        found["like"] = options.like
    if options.file is not None:
        found["file"] = hashed(options.file[1])
    for name, pairs in (("texts", options.texts), ("terms", options.terms)):
        if pairs:
            found[name] = {key: discreet(value) for key, value in pairs.items()}
    for name, items in (("prices", options.prices), ("features", options.features), ("sets", options.sets)):
        if items:
            found[name] = [discreet(item) for item in items]
    return found


def discreet(text: str) -> Document:
    """The text, or its hash where it may hold an e-mail address."""
    return hashed(text) if "@" in text else text


def given(values: dict[str, str | None]) -> dict[str, str]:
    """Those options that were given, by key of the entry."""
    return {key: value for key, value in values.items() if value is not None}


def file_of(name: str | None) -> tuple[str, str] | None:
    """The name and text of a file given by `--file`; `-` is standard input."""
    if name is None:
        return None
    if name == "-":
        from planctl.files.standard_input import standard_input

        return "-", standard_input().read(LONGEST_INPUT).decode("utf-8", "surrogateescape")
    with Path(name).open("rb") as stream:
        return name, stream.read(LONGEST_INPUT).decode("utf-8", "surrogateescape")


# --- the editor


def typed(runtime: Runtime, text: str) -> Options:
    """The whole entry as a person leaves it in an editor; leaves with 0 where the text stays as it is."""
    from planctl.files.plan_options import Options

    file = from_editor(runtime, text)
    if file is None:
        runtime.say("the text is as it was; nothing was changed")
        raise typer.Exit(0)
    return Options(file=file)


def from_editor(runtime: Runtime, text: str) -> tuple[str, str] | None:
    """The text as a person leaves it in `$VISUAL` or `$EDITOR`, None where it stays as it is.

    WrongUsage where there is no terminal: then the command needs options.
    """
    from planctl.cli.asking import has_terminal

    if not has_terminal():
        raise WrongUsage(
            "nothing is said to change, and there is no terminal for an editor",
            where=runtime.command,
            hint="use options such as --price month:USD=19 or --set due='7 days', or --file plan.yaml",
        )
    left = _edited(text)
    return None if left == text else ("editor", left)


def _edited(text: str) -> str:
    import shlex
    import subprocess
    from tempfile import TemporaryDirectory

    editor = shlex.split(os.environ.get("VISUAL") or os.environ.get("EDITOR") or "vi")
    with TemporaryDirectory(prefix="planctl-") as folder:
        path = Path(folder, "plan.yaml")
        path.write_text(text, encoding="utf-8")
        try:
            code = subprocess.run([*editor, str(path)]).returncode
        except OSError as problem:
            raise WrongUsage(
                "the editor cannot be started",
                where="$EDITOR",
                got=editor[0],
                hint="set EDITOR, or use --set",
            ) from problem
        if code:
            raise WrongUsage(
                "the editor failed; nothing was changed", where="$EDITOR", got=f"exit code {code}"
            )
        return path.read_bytes().decode("utf-8", "surrogateescape")
