"""Where the stores of one benchmark lie: files of a temporary folder, or databases of a server of its own."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks._server import Server, server

ENGINES = ("sqlite", "postgresql")


@dataclass(frozen=True, slots=True)
class Places:
    """Room for stores, by name; `folder` is there for other files too."""

    engine: str
    folder: Path
    server: Server | None = None

    def address(self, name: str) -> str:
        """How planctl names a store."""
        return str(self._file(name)) if self.server is None else self.server.address(name)

    def new(self, name: str) -> str:
        """The address of a store that is still to be made."""
        if self.server is not None:
            self.server.create(name)
        return self.address(name)

    def copy(self, name: str, of: str) -> str:
        """The address of a fresh copy of a store that nobody has open."""
        if self.server is None:
            shutil.copyfile(self._file(of), self._file(name))
        else:
            self.server.create(name, like=of)
        return self.address(name)

    def drop(self, name: str) -> None:
        """Remove a store: at full size each has a gigabyte and more."""
        if self.server is None:
            self._file(name).unlink()
        else:
            self.server.drop(name)

    def _file(self, name: str) -> Path:
        return self.folder / f"{name}.db"


@contextmanager
def places(engine: str) -> Iterator[Places]:
    """Room for as long as the block lasts."""
    with TemporaryDirectory(prefix="planctl-bench-") as folder:
        if engine == "sqlite":
            yield Places(engine, Path(folder))
            return
        with server() as own:
            yield Places(engine, Path(folder), own)
