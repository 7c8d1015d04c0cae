"""The global options as values. How they are written on a command line is known elsewhere."""

from __future__ import annotations

from planctl.values import dataclass


@dataclass(frozen=True, slots=True)
class Given:
    """The global options as they were given; None or False where one was not."""

    store: str | None = None
    as_of: str | None = None
    format: str | None = None
    quiet: bool = False
    yes: bool = False
    dry_run: bool = False
    key: str | None = None
    reason: str | None = None
    operator: str | None = None
    wait: int | None = None
    confirm: str | None = None
    read_only: bool = False
