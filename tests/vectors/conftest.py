"""Some cases are played from the command line, as in tests/cli: in a directory and with a store of their own."""

from __future__ import annotations

from tests.cli.conftest import run

__all__ = ["run"]
