"""`planctl init`: a store, planctl.toml, a first catalog and the editor's schema; nothing is overwritten."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from planctl.cli.options import App
from planctl.cli.runtime import Birth, Runtime, Written
from planctl.errors import InvalidInput, NotYet
from planctl.views.sheet import Answer, Column, Json, Sheet

if TYPE_CHECKING:
    from planctl.store.engine import Tx

app = App()

HERE = Path(".")
FILE = "planctl.db"
WHICH = "?"
"""What `--sample` says where no name follows it: which samples there are."""


@app.writes("init", alone={"--sample": WHICH})
def init(
    context: typer.Context,
    directory: Annotated[Path, typer.Argument(metavar="[DIR]", help="Where the files go.")] = HERE,
    sample: Annotated[
        str, typer.Option(metavar="NAME", help="Begin with a sample catalog; without a name, list them.")
    ] = "",
    timezone: Annotated[str, typer.Option(metavar="Z", help="Where the business's days begin.")] = "",
    test: Annotated[
        bool, typer.Option("--test", help="A store to try things in: its clock is free.")
    ] = False,
    units: Annotated[bool, typer.Option("--units", hidden=True)] = False,
) -> None:
    """Make a store, planctl.toml and a first catalog."""
    from planctl.store.url import shown
    from planctl.workflows.start_project import check_store, lay_files, project_files

    runtime = Runtime.of(context)
    if sample == WHICH:
        runtime.show(samples_answer())
        return
    if units:
        raise NotYet(where="init --units")
    birth = Birth(is_test=test, timezone=checked_zone(timezone or "UTC"))
    chosen = settle_store(runtime, directory)
    files = project_files(sample, chosen)
    is_new = not runtime.has_store()

    def begin(tx: Tx) -> Json:
        check_store(tx, is_test=test, timezone=timezone)
        return {
            "store": shown(runtime.settings.store).removeprefix("sqlite:///"),
            "is_test": test,
            "timezone": birth.timezone,
            "made": is_new,
        }

    request: Json = {"sample": sample, "timezone": timezone, "test": test}
    if is_new:
        written = runtime.run_write(request, begin, create=birth)
    else:
        with runtime.open_read() as tx:
            written = Written(begin(tx), changed=False)
    laid = lay_files(directory, files, dry_run=runtime.given.dry_run)
    runtime.show(answer_of(written, laid.written, laid.kept))
    runtime.done(written)


def settle_store(runtime: Runtime, directory: Path) -> str:
    """Decide which store is meant, and what planctl.toml says about it: empty where it says nothing.

    `--store` or the environment where given, else a file in the new directory. An address with a password is
    never written into a file.
    """
    if runtime.given.store is not None:
        return runtime.given.store if "://" not in runtime.given.store else ""
    if os.environ.get("PLANCTL_STORE") or (directory / "planctl.toml").exists():
        return ""
    runtime.use_store(str((directory / FILE).absolute()))
    return FILE


def checked_zone(name: str) -> str:
    """The timezone, or InvalidInput with a near miss."""
    from planctl.core.instants import zone
    from planctl.core.unreadable import Unreadable

    try:
        return zone(name).key
    except Unreadable as error:
        raise InvalidInput(error.reason, where="--timezone", got=name, hint=error.fix) from error


def answer_of(written: Written, laid: tuple[str, ...], kept: tuple[str, ...]) -> Answer:
    """What was made and what was there already."""
    assert isinstance(written.document, dict)
    made = written.document
    kind = "test store" if made["is_test"] else "store"
    lines = [f"{kind} {made['store']} {'made' if made['made'] else 'is there already'}"]
    lines += [f"written: {', '.join(laid)}"] if laid else []
    lines += [f"kept as they are: {', '.join(kept)}"] if kept else []
    lines += ["next: planctl catalog apply"] if laid else []
    return Answer({**made, "written": list(laid), "kept": list(kept)}, tuple(lines))


def samples_answer() -> Answer:
    """The samples there are, and what each of them sells."""
    from planctl.files.samples import sample_about, sample_names

    columns = (Column("sample"), Column("sells"))
    rows = tuple((name, sample_about(name)) for name in sample_names())
    return Answer(sheet=Sheet(columns, rows), empty="no sample comes with this version")
