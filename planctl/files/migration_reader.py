"""Reads the file of a migration, with everything that is wrong with it; whom it would move it does not know."""

from __future__ import annotations

from dataclasses import field
from pathlib import Path

from planctl.core.reading import Reader
from planctl.core.waves.model import Migration
from planctl.core.waves.parse import parse
from planctl.files.yaml_reader import read_file
from planctl.findings import Finding, in_order
from planctl.values import dataclass


@dataclass(frozen=True, slots=True)
class MigrationFile:
    """A migration as its file says it, None where it cannot be used; all findings, and the text for excerpts."""

    migration: Migration | None
    findings: tuple[Finding, ...] = ()
    texts: dict[str, str] = field(default_factory=dict)


def read_migration(path: Path) -> MigrationFile:
    """Read one file; its name without the ending is the migration's. Never raises: what is wrong is a finding."""
    source = read_file(path)
    reader = Reader()
    node = source.files[0].node
    found = None if node is None else parse(path.stem, node, reader)
    findings = in_order((*source.findings, *reader.findings))
    wrong = any(finding.is_error for finding in findings)
    return MigrationFile(None if wrong else found, findings, source.texts)
