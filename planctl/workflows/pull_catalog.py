"""The journey of a pull: what the shell edited, what the files say, and then the files; it writes no store."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from pathlib import Path
from typing import TYPE_CHECKING

from planctl.core.catalog.entries import path_of
from planctl.core.catalog.examples import softened
from planctl.core.catalog.model import Catalog
from planctl.core.catalog.pulling import Pull
from planctl.core.catalog.pulling import propose_pull as decide
from planctl.core.catalog.respelling import place_of
from planctl.files.replaced_files import NewText, replace_files
from planctl.files.settling import Said, settled
from planctl.findings import NOWHERE, Finding, Place
from planctl.values import dataclass

if TYPE_CHECKING:
    from planctl.store.engine import Tx


@dataclass(frozen=True, slots=True)
class Pulled:
    """What a pull does to the files of a catalog: their texts by name, those that change alone.

    `places` are where values stood that are replaced, by address and path; `kept` the objects that get values of
    their own because they would follow an edited one. `findings` are those of the files after it.
    """

    pull: Pull
    texts: Mapping[str, NewText] = field(default_factory=dict)
    places: Mapping[tuple[str, str], Place] = field(default_factory=dict)
    kept: tuple[str, ...] = ()
    findings: tuple[Finding, ...] = ()


def propose_pull(tx: Tx, catalog: Catalog, texts: Mapping[str, str], *, adopt: bool) -> Pulled:
    """What the files with these texts, which say `catalog`, shall say instead; nothing is written.

    InvalidInput naming the object whose entry cannot be brought to it.
    """
    from planctl.store.catalog import stored_catalog

    pull = decide(stored_catalog(tx), catalog, adopt=adopt)
    if pull.empty or any(finding.is_error for finding in pull.findings):
        return Pulled(pull, findings=pull.findings)
    after = settled(texts, pull.wanted)
    meant = {one.address for one in pull.taken} | set(pull.adopted)
    return Pulled(
        pull,
        after.texts,
        _places(pull, after.before),
        tuple(address for address in after.edited if address not in meant),
        tuple(map(softened, after.after.parsed.findings)),
    )


def _places(pull: Pull, said: Said) -> dict[tuple[str, str], Place]:
    found = {}
    for one in pull.taken:
        _, node = said.entry(one.address) or ("", None)
        for changed in one.replaced:
            at = place_of(node, path_of(changed.path)) if node is not None else NOWHERE
            found[one.address, changed.path] = at
    return found


def keep(pulled: Pulled, path: Path) -> None:
    """Write the files of the catalog at `path`, all or none; Conflict where one was changed meanwhile."""
    replace_files(path, pulled.texts)
