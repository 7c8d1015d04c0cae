"""How the tool behaves: flags, then environment, then planctl.toml, then defaults, each with its origin.

It reads and decides nothing else: what belongs to the business (seller, numbering) is kept in the store.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import field
from pathlib import Path
from typing import Any, Protocol

from planctl.errors import InvalidInput
from planctl.values import dataclass

FILE = "planctl.toml"

LONGEST_FILE = 65_536
"""More bytes than any planctl.toml needs; a longer file is refused unread."""

_VARIABLES = {
    "store": "PLANCTL_STORE",
    "as_of": "PLANCTL_AS_OF",
    "format": "PLANCTL_FORMAT",
    "operator": "PLANCTL_OPERATOR",
    "wait": "PLANCTL_WAIT",
    "read_only": "PLANCTL_READ_ONLY",
    "host": "PLANCTL_HOST",
    "anchor": "PLANCTL_ANCHOR",
}
_IN_FILE = ("store", "format", "operator", "wait", "read_only", "host", "anchor")
_DEFAULTS = {
    "as_of": "",
    "format": "table",
    "operator": "",
    "wait": "5",
    "read_only": "no",
    "host": "",
    "anchor": "",
}
_TYPES: dict[str, type] = {"wait": int, "read_only": bool}
"""What a value of the file is, where that is no text."""

_YES, _NO = ("1", "yes", "true", "on"), ("0", "no", "false", "off")
LONGEST_WAIT = 86_400


class Flags(Protocol):
    """The options of the command line; None where one was not given."""

    @property
    def store(self) -> str | None:
        """`--store`."""

    @property
    def as_of(self) -> str | None:
        """`--as-of`."""

    @property
    def format(self) -> str | None:
        """`--format`."""

    @property
    def operator(self) -> str | None:
        """`--operator`."""

    @property
    def wait(self) -> int | None:
        """`--wait`."""

    @property
    def read_only(self) -> bool:
        """`--read-only`; False where it was not given."""


@dataclass(frozen=True, slots=True)
class Value:
    """A setting's text and where it came from: `--store`, `PLANCTL_STORE`, the file's path, or `default`."""

    text: str
    origin: str


@dataclass(frozen=True, slots=True)
class NamedStore:
    """A store that planctl.toml gives a name; a `protected` one wants it typed before a write."""

    name: str
    url: str
    protected: bool = False


@dataclass(frozen=True, slots=True)
class Settings:
    """Everything that was said, by name, with its origin; `file` is the planctl.toml read, if any."""

    values: Mapping[str, Value]
    stores: Mapping[str, NamedStore] = field(default_factory=dict)
    file: Path | None = None

    @property
    def store(self) -> str:
        """The store's address; a name from `[stores]` is resolved."""
        said = self.values["store"].text
        named = self.stores.get(said)
        return named.url if named else said

    @property
    def store_name(self) -> str:
        """The name under which `[stores]` knows the store in use, by name or address; or empty."""
        said = self.values["store"].text
        return said if said in self.stores else next((one.name for one in self._meant), "")

    @property
    def protected(self) -> str:
        """The name of the store in use if it is a protected one, by whatever name or address it was given."""
        return next((one.name for one in self._meant if one.protected), "")

    @property
    def _meant(self) -> list[NamedStore]:
        """The named stores that are where the store in use is."""
        place = _place(self.store)
        return [one for one in self.stores.values() if _place(one.url) == place]

    @property
    def as_of(self) -> str:
        """The instant the command is told it is, as written; empty: now."""
        return self.values["as_of"].text

    @property
    def format(self) -> str:
        """The output format."""
        return self.values["format"].text

    @property
    def operator(self) -> str:
        """Who acts; empty: the login user."""
        return self.values["operator"].text

    @property
    def wait(self) -> int:
        """How many seconds to wait for a busy store."""
        return int(self.values["wait"].text)

    @property
    def read_only(self) -> bool:
        """Whether stores are only looked at: every write command then ends with 77."""
        return self.values["read_only"].text == "yes"

    @property
    def host(self) -> str:
        """What this machine is called in the name of a store's home; empty: its own name."""
        return self.values["host"].text

    @property
    def anchor(self) -> str:
        """Where the audit's tip is kept after every command that wrote; empty: nowhere."""
        return self.values["anchor"].text


def load(
    flags: Flags, *, directory: Path | None = None, environment: Mapping[str, str] | None = None
) -> Settings:
    """Read the settings that hold in `directory` (default: the working directory).

    The file is the nearest planctl.toml upward, else the one in the platform's configuration directory. A
    relative path of a store in it is relative to the file. InvalidInput names the file and the key at fault.
    """
    variables = os.environ if environment is None else environment
    file = find_file(Path.cwd() if directory is None else directory)
    written = _read(file) if file else {}
    stores = _stores(written.get("stores", {}), file) if file else {}
    values: dict[str, Value] = {}
    for key, variable in _VARIABLES.items():
        flag = getattr(flags, key, None)
        if flag is not None and flag is not False:
            values[key] = Value("yes" if flag is True else str(flag), "--" + key.replace("_", "-"))
        elif variables.get(variable):
            values[key] = Value(variables[variable], variable)
        elif key in written:
            assert file is not None
            values[key] = Value(_of_file(key, written[key], file, stores), str(file))
        else:
            values[key] = Value(default_store() if key == "store" else _DEFAULTS[key], "default")
    _check_wait(values["wait"])
    values["read_only"] = _yes_or_no(values["read_only"])
    return Settings(values, stores, file)


def find_file(directory: Path) -> Path | None:
    """The planctl.toml that holds there: the nearest upward, else the platform's, else None."""
    for folder in (directory.absolute(), *directory.absolute().parents):
        if os.path.isfile(folder / FILE):  # False where this user may not look, as under sudo
            return folder / FILE
    import platformdirs

    own = Path(platformdirs.user_config_dir("planctl", appauthor=False)) / FILE
    return own if os.path.isfile(own) else None


def default_store() -> str:
    """The store that is used where nobody named one: `planctl.db` in the platform's data directory."""
    import platformdirs

    return f"sqlite:///{Path(platformdirs.user_data_dir('planctl', appauthor=False)) / 'planctl.db'}"


def _read(file: Path) -> dict[str, Any]:
    """What the file says; every key is known and of its type."""
    import tomllib

    try:
        with file.open("rb") as handle:
            content = handle.read(LONGEST_FILE + 1)
        if len(content) > LONGEST_FILE:
            raise _wrong(file, "", f"the file is longer than {LONGEST_FILE} bytes")
        written = tomllib.loads(content.decode("utf-8"))
    except OSError as error:
        raise _wrong(file, "", f"the file cannot be read: {error.strerror}") from error
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise _wrong(file, "", f"the file is not TOML: {error}") from error
    for key, value in written.items():
        if key == "stores":
            continue
        if key not in _IN_FILE:
            known = (*_IN_FILE, "stores")
            raise _wrong(
                file, key, "there is no such setting", expected=", ".join(known), hint=_near(key, known)
            )
        expected = _TYPES.get(key, str)
        if type(value) is not expected:
            raise _wrong(
                file, key, "the value has the wrong type", expected=expected.__name__, got=str(value)
            )
    return written


def _stores(section: object, file: Path) -> dict[str, NamedStore]:
    """`[stores]`: `prod = "URL"`, or `prod = { url = "URL", protected = true }`.

    `protected = true` beside the names protects them all, a list of names only those.
    """
    if not isinstance(section, dict):
        raise _wrong(file, "stores", "the value has the wrong type", expected="a table of stores")
    everywhere = section.get("protected", [])
    if not isinstance(everywhere, bool | list):
        raise _wrong(
            file, "stores.protected", "the value has the wrong type", expected="true or a list of names"
        )
    found: dict[str, NamedStore] = {}
    for name, value in section.items():
        if name == "protected":
            continue
        entry = {"url": value} if isinstance(value, str) else value
        if not isinstance(entry, dict) or not isinstance(entry.get("url"), str):
            raise _wrong(file, f"stores.{name}", "the store has no address", expected='url = "…"')
        unknown = sorted(set(entry) - {"url", "protected"})
        if unknown:
            raise _wrong(
                file, f"stores.{name}.{unknown[0]}", "there is no such setting", expected="url, protected"
            )
        own = entry.get("protected", False)
        if not isinstance(own, bool):
            raise _wrong(
                file, f"stores.{name}.protected", "the value has the wrong type", expected="true or false"
            )
        guarded = everywhere if isinstance(everywhere, bool) else name in everywhere
        found[name] = NamedStore(name, _beside(entry["url"], file), own or guarded)
    return found


def _of_file(key: str, value: Any, file: Path, stores: Mapping[str, NamedStore]) -> str:
    if key == "store" and value not in stores:
        return _beside(str(value), file)
    if key == "anchor" and value.startswith("file:"):
        return f"file:{file.parent / value.removeprefix('file:')}"
    return str(value)


def _beside(url: str, file: Path) -> str:
    """A store's address with a relative path made relative to the file that names it."""
    prefix = "sqlite:///"
    path = url.removeprefix(prefix)
    if "://" in path or path.startswith("~"):
        return url
    return prefix + str(file.parent / path)


def _place(url: str) -> str:
    """Where a store is, the same text for every way to write it: a link is where it leads, a password no part."""
    scheme, _, rest = url.partition("://")
    if not rest or scheme.lower() == "sqlite":
        return os.path.realpath(os.path.expanduser(rest.removeprefix("/") if rest else url))
    host, slash, path = rest.partition("/")
    user, at, machine = host.rpartition("@")
    return f"postgresql://{user.partition(':')[0]}{at}{machine}{slash}{path}"


def _check_wait(value: Value) -> None:
    if not (value.text.isascii() and value.text.isdigit() and int(value.text) <= LONGEST_WAIT):
        raise InvalidInput(
            "the time to wait for a busy store is not a number of seconds",
            where=value.origin,
            expected=f"0 to {LONGEST_WAIT}",
            got=value.text,
            hint="write whole seconds, such as --wait 30",
        )


def _yes_or_no(value: Value) -> Value:
    """The same, said as `yes` or `no`."""
    said = value.text.lower()
    if said not in (*_YES, *_NO):
        raise InvalidInput(
            "whether stores are only read is neither yes nor no",
            where=value.origin,
            expected=", ".join((*_YES, *_NO)),
            got=value.text,
            hint="write PLANCTL_READ_ONLY=1, or read_only = true in planctl.toml",
        )
    return Value("yes" if said in _YES else "no", value.origin)


def _near(word: str, known: tuple[str, ...]) -> str:
    import difflib

    near = difflib.get_close_matches(word, known, n=1)
    return f"did you mean {near[0]}?" if near else ""


def _wrong(  # noqa: PLR0913 - the fields of the printed error
    file: Path, key: str, message: str, *, expected: str = "", got: str = "", hint: str = ""
) -> InvalidInput:
    return InvalidInput(
        message if not key else f"{key}: {message}",
        code="settings",
        where=str(file),
        expected=expected,
        got=got,
        hint=hint or "planctl config show says where every value comes from",
    )
