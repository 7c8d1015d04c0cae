"""Catalogs out of YAML text, for the tests of this folder."""

from __future__ import annotations

from pathlib import Path

from planctl.core.catalog.model import Catalog, Parsed
from planctl.core.catalog.parse import parse
from planctl.core.document import Mapping
from planctl.files.yaml_reader import read_directory, read_text

ACME = Path(__file__).parents[2] / "data" / "acme"

HEAD = """
format: planctl.catalog/1
catalog: test
currencies: {USD: , EUR: }
features:
  sso: {type: boolean}
  apps: {type: list, values: [mail, chat]}
  seats: {type: metered, unit: seat, reset: never}
  minutes: {type: metered, unit: minute}
  chats: {type: metered, unit: chat, spends: {minutes: 1/10}}
"""


def tree(text: str, name: str = "catalog.yaml") -> tuple[str, Mapping]:
    """One file as `parse` takes it; the text must be readable YAML."""
    source = read_text(text, name)
    assert not source.findings, source.findings
    node = source.files[0].node
    assert node is not None
    return name, node


def parsed(*texts: str, head: str = HEAD) -> Parsed:
    """The texts as files of one catalog, after a head with two currencies and five features."""
    files = [tree(head, "a.yaml")] if head else []
    return parse([*files, *(tree(text, f"file{number}.yaml") for number, text in enumerate(texts))])


def catalog(*texts: str, head: str = HEAD) -> Catalog:
    """A catalog that must have no error."""
    result = parsed(*texts, head=head)
    assert result.usable, result.findings
    assert result.catalog is not None
    return result.catalog


def complaints(*texts: str, head: str = HEAD) -> list[str]:
    """The rule ids of every finding, in the order of their places."""
    return [finding.rule for finding in parsed(*texts, head=head).findings]


def acme() -> Parsed:
    """The example catalog of the documentation."""
    source = read_directory(ACME)
    assert not source.findings, source.findings
    return parse([(file.name, file.node) for file in source.files if file.node is not None])


def acme_catalog() -> Catalog:
    """The example catalog's value."""
    found = acme().catalog
    assert found is not None
    return found
