"""Knows how the files of a catalog become one set of sections; what stands in a section it does not know."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from planctl.core.document import Entry, Mapping, Scalar
from planctl.core.reading import Reader, closest
from planctl.findings import NOWHERE, Finding, Place

FORMAT = "planctl.catalog/1"
KEYED = ("currencies", "features", "groups", "taxes", "plans", "addons", "coupons", "examples", "changes")
"""The sections whose keys are ids (or codes): an id defined twice is an error."""
SINGLE = ("defaults", "page", "policy")
"""The sections that are one thing each; files may add keys to it, none twice."""
SECTIONS = KEYED + SINGLE

_HEADER = ("format", "catalog")


@dataclass(slots=True)
class Sections:
    """The merged sections of all files, as nodes; `notes` are the files of `changes/`, one note each."""

    name: str = ""
    sections: dict[str, Mapping] = field(default_factory=dict)
    notes: list[tuple[str, Mapping]] = field(default_factory=list)

    def entries(self, section: str) -> tuple[Entry, ...]:
        """The entries of a section in the order of file names; empty where no file has it."""
        return self.sections[section].entries if section in self.sections else ()

    def ids(self, section: str) -> frozenset[str]:
        """Every key of a section, also of entries that could not be read."""
        return frozenset(entry.key.text for entry in self.entries(section))


def gather(sources: Sequence[tuple[str, Mapping]], reader: Reader, *, complete: bool = True) -> Sections:
    """Merge the files' sections; `sources` are file names and their trees, in any order.

    The order of the list never matters: files count in the order of their names. A key that is defined
    twice is reported with both places and its first definition stays. Files below `migrations/` are no part
    of a catalog and are passed over. Where the files are not `complete`, because one could not be read, a
    missing header is no finding: it may stand there.
    """
    merged = Sections()
    found: dict[str, list[Entry]] = {}
    places: dict[str, Place] = {}
    headers: dict[str, Scalar] = {}
    for file, node in sorted(sources, key=lambda source: source[0]):
        if file.startswith("migrations/"):
            continue
        if file.startswith("changes/") and node.get("changes") is None:
            merged.notes.append((_stem(file), node))
            continue
        reader.mapping(node, "a catalog file", (*_HEADER, *SECTIONS))
        _read_header(node, headers, reader)
        for section, entry in _section_entries(node, reader):
            places.setdefault(section, node.key_place(section))
            found.setdefault(section, []).append(entry)
    for section, entries in found.items():
        merged.sections[section] = Mapping(_unique(entries, section, reader), places[section])
    _refuse_shared_ids(merged, reader)
    merged.name = _checked_header(headers, sources, reader, complete=complete)
    return merged


def _section_entries(node: Mapping, reader: Reader) -> Iterator[tuple[str, Entry]]:
    for section in SECTIONS:
        mapping = reader.mapping(node.get(section), section)
        for entry in mapping.entries if mapping else ():
            yield section, entry


def _unique(entries: list[Entry], section: str, reader: Reader) -> tuple[Entry, ...]:
    first: dict[str, Entry] = {}
    for entry in entries:
        earlier = first.setdefault(entry.key.text, entry)
        if earlier is not entry:
            reader.findings.append(_twice(f"{section}.{entry.key.text}", entry.key.place, earlier.key.place))
    return tuple(first.values())


def _refuse_shared_ids(merged: Sections, reader: Reader) -> None:
    """Plans and add-ons are addressed by id alone on the command line, so they share one set of ids."""
    plans = {entry.key.text: entry.key.place for entry in merged.entries("plans")}
    kept = []
    for entry in merged.entries("addons"):
        if entry.key.text in plans:
            reader.findings.append(_twice(f"addons.{entry.key.text}", entry.key.place, plans[entry.key.text]))
        else:
            kept.append(entry)
    if "addons" in merged.sections:
        merged.sections["addons"] = Mapping(tuple(kept), merged.sections["addons"].place)


def _twice(address: str, place: Place, first: Place) -> Finding:
    return Finding(
        "duplicate-id",
        f"{address} is defined twice",
        place,
        hint=f"first defined at {first}; keep one of them",
        also=first,
    )


def _read_header(node: Mapping, headers: dict[str, Scalar], reader: Reader) -> None:
    for key in _HEADER:
        value = reader.scalar(node.get(key), key)
        if value is None:
            continue
        earlier = headers.setdefault(key, value)
        if earlier.text != value.text:
            reader.findings.append(
                Finding(
                    "header-differs",
                    f"{key} is {value.text!r} here and {earlier.text!r} at {earlier.place}",
                    value.place,
                    hint="a directory is one catalog: write the same, or leave it out here",
                    also=earlier.place,
                )
            )


def _checked_header(
    headers: dict[str, Scalar], sources: Sequence[tuple[str, Mapping]], reader: Reader, *, complete: bool
) -> str:
    nowhere = min((node.place for _, node in sources), default=NOWHERE)
    written = headers.get("format")
    if written is None and complete:
        reader.error(nowhere, "format-missing", "no file says its format", hint=f"write format: {FORMAT}")
    elif written is not None and written.text != FORMAT:
        hint = closest(written.text, (FORMAT,)) or f"this version reads {FORMAT}"
        reader.error(
            written.place, "format", "unknown catalog format", expected=FORMAT, got=written.text, hint=hint
        )
    if "catalog" not in headers:
        if not complete:
            return ""
        hint = "write catalog: NAME; it marks everything this directory manages"
        reader.error(nowhere, "name-missing", "the catalog has no name", hint=hint)
        return ""
    return reader.identifier(headers["catalog"], "the catalog's name") or ""


def _stem(file: str) -> str:
    return file.removeprefix("changes/").rsplit(".", 1)[0]
