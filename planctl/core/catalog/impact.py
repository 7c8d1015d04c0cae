"""Whom a change of the catalog touches, and with how much money; it decides nothing and knows no store."""

from __future__ import annotations

from planctl.core.catalog.book import Book
from planctl.core.catalog.changeset import Change, Impact
from planctl.core.catalog.model import Plan


def impact_of(change: Change, plan: Plan | None, book: Book) -> Impact | None:
    """What `change` means for those who hold the plan; `plan` as it would be, None where it goes.

    None for what is not sold, and where nobody holds it.
    """
    raise NotImplementedError
