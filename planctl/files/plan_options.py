"""Reads the options of a shell edit into the entry of a catalog object; what the values mean is the parser's.

Values are catalog YAML, read by the reader of catalog files, so places name the option (`--set price.month`).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import field

from planctl.core.catalog.entries import Steps, path_of, with_allowance, with_value
from planctl.core.document import Mapping, Node, Scalar
from planctl.core.reading import Reader
from planctl.errors import InvalidInput, WrongUsage
from planctl.files.yaml_reader import read_text, read_value
from planctl.findings import Finding, Place
from planctl.values import dataclass

SECTIONS = ("plans", "addons", "features")
_HEADER = ("format", "catalog")


@dataclass(frozen=True, slots=True)
class Options:
    """What was asked for, as written. `file` is a name and a text: a whole entry to replace the stored one.

    `texts` are options that are text whatever they look like (name, description), `terms` those whose value
    is YAML (`due`: `7 days`), both by key of the entry; `prices` are `month:USD=19`, `features`
    `minutes=1000`, `sets` `PATH=VALUE`; they apply in this order, over `like`.
    """

    like: str = ""
    file: tuple[str, str] | None = None
    texts: dict[str, str] = field(default_factory=dict)
    terms: dict[str, str] = field(default_factory=dict)
    prices: tuple[str, ...] = ()
    features: tuple[str, ...] = ()
    sets: tuple[str, ...] = ()

    @property
    def empty(self) -> bool:
        """Whether nothing was asked for."""
        return self == Options()


@dataclass(slots=True)
class ReadEntry:
    """An entry with the options in it, what could not be read, and the texts for excerpts by source name."""

    entry: Mapping
    findings: list[Finding] = field(default_factory=list)
    texts: dict[str, str] = field(default_factory=dict)
    said: set[tuple[str, Steps]] = field(default_factory=set)

    def say(self, option: str, path: Steps, text: str) -> None:
        """Note that an option says something of a path; InvalidInput where it said something before."""
        if (option, path) in self.said:
            raise InvalidInput(
                f"{option} says {'.'.join(map(str, path))} twice",
                where=option,
                got=text,
                hint="keep one of them",
            )
        self.said.add((option, path))


def read_options(address: str, stored: Mapping, options: Options) -> ReadEntry:
    """The entry of the object at `address` after the options; `stored` is what it was, empty for a new one.

    WrongUsage where an option has not the form it must have, InvalidInput where one says the same path or
    price twice; a value that YAML cannot read is a finding.
    """
    read = ReadEntry(stored)
    if options.file is not None:
        _read_file(address, options.file, read)
    if options.like:
        _put(("like",), Scalar(options.like, Place("--like", 1, 1, len(options.like))), read)
    for key, text in options.texts.items():
        _put((key,), Scalar(text, Place(_option(key), 1, 1), quoted=True), read)
    for key, text in options.terms.items():
        _put((key,), _value(text, _option(key), read), read)
    for text in options.prices:
        _price(text, read)
    for text in options.features:
        feature, value = _pair(text, "--feature", "minutes=1000")
        read.say("--feature", (feature,), text)
        node = _value(value, f"--feature {feature}", read)
        granted = read.entry.get("features")
        entry = granted.get(feature) if isinstance(granted, Mapping) else None
        _put(("features", feature), node and with_allowance(entry, node), read)
    for text in options.sets:
        path, value = _pair(text, "--set", "features.minutes.included=1000")
        steps = path_of(path)
        if not steps:
            raise WrongUsage("that is not a path", where="--set", got=path, hint="write price.month.USD=19")
        read.say("--set", steps, text)
        _put(steps, _value(value, f"--set {path}", read), read)
    read.findings = [finding for finding in read.findings if finding.rule != "empty-file"]
    return read


def _option(key: str) -> str:
    return f"--{key.replace('_', '-')}"


def _put(path: Steps, node: Node | None, read: ReadEntry) -> None:
    if node is not None:
        read.entry = with_value(read.entry, path, node)


def _pair(text: str, option: str, example: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals or not name.strip():
        raise WrongUsage(
            f"{option} needs a name and a value", where=option, got=text, expected=f"such as {example}"
        )
    return name.strip(), value.strip()


def _value(text: str, source: str, read: ReadEntry) -> Node | None:
    """The node of a value; nothing at all takes the key away."""
    if not text.strip():
        return Scalar("", Place(source, 1, 1))
    composed = read_value(text, source)
    read.findings += composed.findings
    read.texts[source] = text
    return composed.node


def _price(text: str, read: ReadEntry) -> None:
    """`free`, `month:usage`, `month:USD=19`; one cell at a time, so that the others stay."""
    if text.strip() == "free":
        read.say("--price", ("free",), text)
        _put(("price",), Scalar("free", Place("--price", 1, 1, 4)), read)
        return
    row, colon, cell = text.partition(":")
    currency, equals, amount = cell.partition("=")
    row, currency = row.strip(), currency.strip()
    if not colon or not row or (not equals and currency != "usage"):
        raise WrongUsage(
            "--price needs a row, a currency and an amount",
            where="--price",
            got=text,
            expected="month:USD=19, month:usage or free",
        )
    source = f"--price {row}:{currency}"
    read.say("--price", (row, currency), text)
    if not equals:
        _put(("price", row), Scalar("usage", Place(source, 1, 1, 5)), read)
    else:
        _put(("price", row, currency), _value(amount, source, read), read)


# --- a file or an editor's text


def _read_file(address: str, file: tuple[str, str], read: ReadEntry) -> None:
    """Take the entry from a text: the object's own keys, or a catalog file that holds it."""
    name, text = file
    source = read_text(text, name)
    read.findings += source.findings
    read.texts[name] = text
    for one in source.files:
        if one.node is not None:
            read.entry = _entry_in(one.node, address, name, read)


def _entry_in(node: Mapping, address: str, name: str, read: ReadEntry) -> Mapping:
    section, _, object_id = address.partition(".")
    sections = [key for key in ("plans", "addons") if node.get(key) is not None]
    if section == "features" and isinstance(node.get("features"), Mapping):
        sections = ["features"]
    if not sections:
        return node
    reader = Reader(findings=read.findings)
    reader.mapping(node, "a file for one object", (*_HEADER, *SECTIONS))
    entries = dict(_entries(node, section))
    if object_id not in entries:
        raise InvalidInput(
            f"the file has no {address}",
            code="not-in-file",
            where=name,
            expected=f"{section}: with {object_id}: below it",
            got=", ".join(entries) or f"no {section}",
            hint="write the id that the command names, or only what stands below it",
        )
    return reader.mapping(entries[object_id], address) or Mapping(())


def _entries(node: Mapping, section: str) -> Iterator[tuple[str, Node]]:
    below = node.get(section)
    for entry in below.entries if isinstance(below, Mapping) else ():
        yield entry.key.text, entry.value
