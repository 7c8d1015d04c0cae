"""What commands that read and write a catalog's files share: what is wrong with them, and which options they take."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from planctl.cli.boundary import Found
from planctl.cli.runtime import Runtime
from planctl.errors import WrongUsage
from planctl.views.sheet import Answer

if TYPE_CHECKING:
    from planctl.core.catalog.model import Catalog
    from planctl.findings import Finding
    from planctl.workflows.apply_catalog import ReadCatalog


GITHUB = "github"


def usable(runtime: Runtime, read: ReadCatalog) -> Catalog:
    """The catalog, its warnings printed; Found (3) with every finding where one is an error."""
    if read.catalog is None or not read.usable:
        stop(runtime, read, read.findings)
    warn(runtime, read, read.findings)
    assert read.catalog is not None
    return read.catalog


def stop(runtime: Runtime, read: ReadCatalog, findings: Sequence[Finding]) -> NoReturn:
    """Raise Found; a runner of GitHub gets annotations of the files beside it."""
    if runtime.output.format == GITHUB:
        runtime.show(github_answer(read.path, findings))
    raise Found(findings, read.texts)


def warn(runtime: Runtime, read: ReadCatalog, findings: Sequence[Finding]) -> None:
    """Print warnings, where the answer itself does not say them."""
    from planctl.views.findings import finding_lines

    if runtime.output.format not in {"json", "ndjson", GITHUB}:
        runtime.say(*finding_lines(findings, read.texts))


def github_answer(path: Path, findings: Sequence[Finding]) -> Answer:
    """Findings as annotations of GitHub; an empty answer prints nothing."""
    from planctl.core.catalog.changeset import ChangeSet, StoredCatalog
    from planctl.views.changeset_github import github_lines

    folder = str(path if path.is_dir() else path.parent)
    lines = github_lines(ChangeSet("", "", StoredCatalog()), findings, folder=folder)
    return Answer(sources={GITHUB: "\n".join(lines)})


def check(runtime: Runtime, read: ReadCatalog, findings: Sequence[Finding], texts: Mapping[str, str]) -> None:
    """What is wrong with files as they would be: an error stops (3), a warning that is new is printed.

    `texts` are new texts by name, and of values that came from the command line.
    """
    would_be = replace(read, texts={**read.texts, **texts})
    if any(finding.is_error for finding in findings):
        stop(runtime, would_be, findings)
    known = {(finding.rule, finding.message) for finding in read.findings}
    warn(runtime, would_be, [one for one in findings if (one.rule, one.message) not in known])


def refuse_audited(runtime: Runtime) -> None:
    """Refuse options that only a write of the store can keep."""
    for option, given in (("--key", runtime.given.key), ("--reason", runtime.given.reason)):
        if given is not None:
            raise WrongUsage(
                f"{option} is kept with a write of the store, and this command writes files alone",
                where=runtime.command,
                hint=f"leave {option} out; say why in the commit",
            )
