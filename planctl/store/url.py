"""Where a store is, read from text. It opens nothing and looks at no file."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Literal

from planctl.errors import InvalidInput
from planctl.values import dataclass

_SCHEME = re.compile(r"([a-z][a-z0-9+.]*):(?=//)", re.ASCII | re.IGNORECASE)
# As SQLAlchemy reads it, and to the last @: a password may hold what should have been written as %2F or %40.
_PASSWORD = re.compile(r"(://[^:/]*):.*@", re.DOTALL)
_SECRET_PARAMETER = re.compile(r"([?&](?:ssl)?password=)[^&#]*", re.IGNORECASE)
_POSTGRES = {"postgresql", "postgres", "postgresql+psycopg"}


@dataclass(frozen=True, slots=True)
class StoreUrl:
    """A store's place: `path` is set for SQLite, `address` (for the PostgreSQL driver) for PostgreSQL."""

    engine: Literal["sqlite", "postgresql"]
    path: Path = Path()
    address: str = ""

    @classmethod
    def parse(cls, text: str) -> StoreUrl:
        """Read a bare path or `sqlite:///PATH` (SQLite) or `postgresql://…`.

        `sqlite:///books.db` is relative to the working directory, `sqlite:////srv/books.db` absolute; `~`
        is the home directory. Anything else is InvalidInput.
        """
        scheme = _SCHEME.match(text)
        if scheme is None:
            return cls("sqlite", _path(text, text))
        if scheme[1].lower() in _POSTGRES:
            return cls("postgresql", address="postgresql" + text[scheme.end(1) :])
        if scheme[1].lower() == "sqlite" and text[scheme.end() :].startswith("///"):
            return cls("sqlite", _path(text[scheme.end() + 3 :], text))
        raise InvalidInput(
            "the store's address is not understood",
            code="store-url",
            got=shown(text),
            expected="a path, sqlite:///PATH or postgresql://…",
            hint="a bare path means SQLite: --store books.db",
        )

    def __str__(self) -> str:
        """The address as it may be shown: a password is never part of it."""
        return f"sqlite:///{self.path}" if self.engine == "sqlite" else shown(self.address)


def shown(text: str) -> str:
    """An address with its password replaced by `***`."""
    return _SECRET_PARAMETER.sub(r"\1***", _PASSWORD.sub(r"\1:***@", text))


def _path(written: str, whole: str) -> Path:
    if not written or written == ":memory:" or "\0" in written:
        raise InvalidInput(
            "the store's address names no file",
            code="store-url",
            got=whole.replace("\0", "\\0"),
            expected="the path of a file",
            hint="give a path such as --store books.db",
        )
    return Path(written).expanduser()
