"""Reads the YAML files of a catalog into document trees; it knows where files are, not what they mean.

A catalog is untrusted input: it comes from pull requests. Only regular files below the directory are
read, each only up to its limit, and nothing in a file can make planctl open another.
"""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Mapping as Map
from collections.abc import Sequence
from pathlib import Path

from planctl.core.document import Mapping, Node
from planctl.errors import InvalidInput
from planctl.files.yaml_composer import MAX_CATALOG_EVENTS, Composed, compose
from planctl.files.yaml_count import values_beyond
from planctl.findings import Finding, Place, in_order
from planctl.values import dataclass

MAX_BYTES = 1024 * 1024
"""The longest file."""

MAX_CATALOG_BYTES = 8 * 1024 * 1024
"""The largest catalog: all its files together."""

MAX_FILES = 1_000

_NOT_SECTIONS = "migrations"
_ENCODING_HINT = "save it as UTF-8 without a byte order mark"


@dataclass(frozen=True, slots=True)
class SourceFile:
    """One file of a catalog: its name relative to the catalog, its text, its hash and its tree.

    `node` is None where the file could not be read to the end; a finding says why. `sha256` is of the bytes
    on disk; it and `text` are empty where the file is too long or cannot be opened.
    """

    name: str
    text: str
    sha256: str
    node: Mapping | None


@dataclass(frozen=True, slots=True)
class Source:
    """The files of a catalog in the order of their names, and every complaint about them by place."""

    files: tuple[SourceFile, ...]
    findings: tuple[Finding, ...]

    @property
    def texts(self) -> dict[str, str]:
        """The text of each file by its name, for excerpts."""
        return {file.name: file.text for file in self.files}

    @property
    def unread(self) -> tuple[str, ...]:
        """The files without a tree; names they define will seem unknown to whoever reads the others."""
        return tuple(file.name for file in self.files if file.node is None)


def read_catalog(path: Path) -> Source:
    """Read a catalog, whether it is a directory or one file."""
    return read_directory(path) if path.is_dir() else read_file(path)


def read_directory(path: Path) -> Source:
    """Read every `.yaml` and `.yml` file below a directory, in the order of their names.

    Left out: names that begin with a dot, the directory `migrations` (wave plans, not catalog sections) and
    links to directories inside the catalog. A link that leads outside is an error, as is anything that is
    not a regular file. Never raises: what cannot be read is a finding.
    """
    root = os.path.realpath(path)
    names, findings = _names(root, str(path))
    if len(names) > MAX_FILES:
        message = f"the catalog has more than {MAX_FILES:,} files"
        findings.append(_whole(names[MAX_FILES], "too-many-files", message))
    budget = _Budget(MAX_CATALOG_BYTES)
    parts: list[_Text | Source] = []
    for name in names[:MAX_FILES]:
        complaint = _refusal(root, name)
        parts.append(_read(Path(root, name), name, budget) if complaint is None else _unread(complaint))
    if not names and not findings:
        missing = "the directory holds no .yaml file"
        parts.append(
            _unread(_whole(str(path), "catalog-missing", missing, "planctl init writes a first one"))
        )
    return _composed(parts, findings)


def read_file(path: Path) -> Source:
    """Read one file; places name it by its last part. Never raises: what cannot be read is a finding."""
    return _composed([_read(path, path.name, _Budget())])


def read_text(text: str, name: str) -> Source:
    """Read YAML from a text, such as standard input; places name it `name`."""
    data = text.encode("utf-8", "surrogatepass")
    return _composed([_unread(_too_large(name)) if len(data) > MAX_BYTES else _text(text, name, data)])


def read_texts(texts: Map[str, str]) -> Source:
    """Read the files of a catalog from texts by name, with the limits of a directory. Never raises."""
    budget = _Budget(MAX_CATALOG_BYTES)
    findings: list[Finding] = []
    if len(texts) > MAX_FILES:
        message = f"the catalog has more than {MAX_FILES:,} files"
        findings.append(_whole(sorted(texts)[MAX_FILES], "too-many-files", message))
    parts = [
        _read_data(texts[name].encode("utf-8", "surrogateescape"), name, budget)
        for name in sorted(texts)[:MAX_FILES]
    ]
    return _composed(parts, findings)


def is_catalog_file(name: str) -> bool:
    """Whether a file of this name, relative to the catalog, would be read as part of it."""
    parts = name.split("/")
    return parts[0] != _NOT_SECTIONS and all(part[:1] != "." for part in parts) and _is_yaml(parts[-1])


def read_value(text: str, name: str) -> Composed:
    """Read a text that need not be a map, such as the value of an option; places name it `name`."""
    if len(text.encode("utf-8", "surrogatepass")) > MAX_BYTES:
        return Composed(None, (_too_large(name),))
    return compose(text, name)


def read_values(texts: Map[str, str], option: str = "") -> dict[str, Node]:
    """Single values by path, such as agreed terms, as trees; InvalidInput naming the path where one is not YAML.

    `option` is what stands before the path on the command line.
    """
    found = {}
    for path, text in texts.items():
        read = read_value(text, path)
        if read.node is None:
            raise InvalidInput(read.findings[0].message, where=f"{option} {path}".strip(), got=text)
        found[path] = read.node
    return found


@dataclass(slots=True)
class _Budget:
    """What is left for the files of one catalog."""

    bytes: int = MAX_BYTES


@dataclass(frozen=True, slots=True)
class _Text:
    """A file that could be opened and is UTF-8."""

    name: str
    text: str
    sha256: str


def _composed(parts: Sequence[_Text | Source], findings: Sequence[Finding] = ()) -> Source:
    """The files of a catalog as trees; none of them is read where they hold too much together."""
    texts = [(part.name, part.text) for part in parts if isinstance(part, _Text)]
    beyond = values_beyond(texts, MAX_CATALOG_EVENTS)
    files: list[SourceFile] = []
    found = [*findings, beyond] if beyond else [*findings]
    for part in parts:
        if isinstance(part, Source):
            files += part.files
            found += part.findings
        elif beyond is not None:
            files.append(SourceFile(part.name, part.text, part.sha256, None))
        else:
            read = compose(part.text, part.name)
            found += read.findings
            node = read.node if isinstance(read.node, Mapping) else None
            if read.node is not None and node is None:
                found.append(_not_a_map(read.node))
            files.append(SourceFile(part.name, part.text, part.sha256, node))
    return Source(tuple(files), in_order(found))


def _names(root: str, shown_root: str) -> tuple[list[str], list[Finding]]:
    """The YAML files below `root` by relative name with `/`, in order, and what is wrong with directories."""
    findings: list[Finding] = []
    names: list[str] = []

    def unreadable(problem: OSError) -> None:
        name = shown_root if problem.filename == root else _relative(root, problem.filename)
        findings.append(_cannot_open(name, problem))

    for folder, folders, files in os.walk(root, onerror=unreadable):
        skipped = {_NOT_SECTIONS} if folder == root else set()
        folders[:] = sorted(name for name in folders if name[0] != "." and name not in skipped)
        for name in folders:
            complaint = _refusal(root, _relative(root, os.path.join(folder, name)))
            if complaint is not None and complaint.rule == "link-outside":
                findings.append(complaint)
        names += [_relative(root, os.path.join(folder, name)) for name in files if _is_yaml(name)]
        if len(names) > MAX_FILES:
            break
    return sorted(names), findings


def _is_yaml(name: str) -> bool:
    return name[0] != "." and name.lower().endswith((".yaml", ".yml"))


def _refusal(root: str, name: str) -> Finding | None:
    """Why the file or directory `name` below `root` is not read, or None."""
    if not name.isprintable():
        return _whole(name, "file-name", "the name holds a character that cannot be shown", "rename it")
    target = os.path.realpath(os.path.join(root, name))
    if os.path.commonpath([root, target]) != root:
        fix = "put the file itself into the catalog"
        return _whole(name, "link-outside", "the link leads outside the catalog", fix)
    try:
        regular = stat.S_ISREG(os.stat(target).st_mode)
    except OSError as problem:
        return _cannot_open(name, problem)
    return None if regular else _whole(name, "not-a-file", "this is not a regular file", "remove it")


def _read(path: Path, name: str, budget: _Budget) -> _Text | Source:
    try:
        with path.open("rb") as stream:
            data = stream.read(MAX_BYTES + 1)
    except (OSError, ValueError) as problem:  # ValueError: a NUL in the path
        return _unread(_cannot_open(name, problem))
    return _read_data(data, name, budget)


def _read_data(data: bytes, name: str, budget: _Budget) -> _Text | Source:
    if len(data) > MAX_BYTES:
        return _unread(_too_large(name))
    budget.bytes -= len(data)
    if budget.bytes < 0:
        message = f"the files up to this one are larger than {MAX_CATALOG_BYTES // MAX_BYTES} MiB"
        return _unread(_whole(name, "catalog-too-large", message, "spread it over several catalogs"))
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as problem:
        return _no_tree(data.decode("utf-8", "replace"), data, _not_utf8(data, problem, name))
    return _text(text, name, data)


def _text(text: str, name: str, data: bytes) -> _Text | Source:
    if text.startswith("\ufeff"):
        message = "the file begins with a byte order mark"
        return _no_tree(text, data, Finding("encoding", message, Place(name, 1, 1), hint=_ENCODING_HINT))
    return _Text(name, text, _digest(data))


def _no_tree(text: str, data: bytes, finding: Finding) -> Source:
    return Source((SourceFile(finding.place.file, text, _digest(data), None),), (finding,))


def _unread(finding: Finding) -> Source:
    return Source((SourceFile(finding.place.file, "", "", None),), (finding,))


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def _too_large(name: str) -> Finding:
    fix = "spread the plans over several files in plans/"
    return _whole(name, "file-too-large", "the file is larger than 1 MiB", fix)


def _not_utf8(data: bytes, problem: UnicodeDecodeError, name: str) -> Finding:
    """The finding for the first byte that is not UTF-8, with its column in characters."""
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        message = "the file is UTF-16, not UTF-8"
        return Finding("encoding", message, Place(name, 1, 1), hint=_ENCODING_HINT)
    line_start = data.rfind(b"\n", 0, problem.start) + 1
    line = data.count(b"\n", 0, problem.start) + 1
    column = len(data[line_start : problem.start].decode("utf-8")) + 1
    message = f"the byte 0x{data[problem.start]:02X} is not UTF-8"
    return Finding("encoding", message, Place(name, line, column), hint=_ENCODING_HINT)


def _not_a_map(node: Node) -> Finding:
    wanted = "keys such as plans, addons or features, each with its entries"
    return Finding("top-level", "the file is not a map of sections", node.place, expected=wanted)


def _cannot_open(name: str, problem: OSError | ValueError) -> Finding:
    reason = problem.strerror if isinstance(problem, OSError) and problem.strerror else str(problem)
    return _whole(name, "cannot-open", f"cannot be opened: {reason}", "check the path and its permissions")


def _whole(name: str, rule: str, message: str, hint: str = "") -> Finding:
    return Finding(rule, message, Place(name), hint=hint)


def _relative(root: str, path: str) -> str:
    return os.path.relpath(path, root).replace(os.sep, "/")
