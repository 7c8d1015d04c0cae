"""Begins a business: the files of a first catalog, planctl.toml, and a store of its own. It overwrites nothing."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from planctl.core.catalog.schema import catalog_schema
from planctl.errors import Refused
from planctl.files.samples import SCHEMA, sample_files
from planctl.values import dataclass

if TYPE_CHECKING:
    from planctl.store.engine import Tx

SETTINGS = """\
# How planctl behaves below this directory. Flags and PLANCTL_… variables win; `planctl config show` tells
# where every value comes from. What belongs to the business (seller, numbering) is kept in the store.
{store}

# [stores]
# prod = {{ url = "postgresql://billing.example/planctl", protected = true }}
"""

IGNORED = "/planctl.db*\n"

CATALOG = """\
# yaml-language-server: $schema=../.planctl/catalog-1.schema.json
# What you sell. `planctl catalog validate` checks it, `diff` says what changes, `apply` does it.
format: planctl.catalog/1
catalog: shop

currencies:
  USD:

features:
  minutes: {type: metered, name: Voice, unit: minute}
  seats: {type: metered, name: Seats, unit: seat, reset: never}

groups:
  main: {name: Plans, order: [free, starter]}

plans:
  free:
    name: Free
    group: main
    price: free
    features: {minutes: 50, seats: 1}

  starter:
    name: Starter
    group: main
    price:
      month: {USD: 19}
      year: {USD: 190}
    features:
      seats: 3
      minutes:
        included: 1_000
        beyond: {charge: usage, each: {USD: 0.02}}

examples:
  busy_starter: {plan: starter, pay: month, in: USD, use: {minutes: 1_500}, bill: 29.00}
"""


@dataclass(frozen=True, slots=True)
class Laid:
    """Which files were laid down, and which were there already and stayed as they are; relative names."""

    written: tuple[str, ...]
    kept: tuple[str, ...]


def project_files(sample: str, store: str) -> dict[str, str]:
    """Every file of a new project by its relative name. `store` empty: planctl.toml names none."""
    line = f"store = {json.dumps(store)}" if store else '# store = "planctl.db"'
    return {
        "planctl.toml": SETTINGS.format(store=line),
        ".gitignore": IGNORED,
        SCHEMA: json.dumps(catalog_schema(), indent=1) + "\n",
        **({"catalog/catalog.yaml": CATALOG} if not sample else sample_files(sample)),
    }


def lay_files(directory: Path, files: Mapping[str, str], *, dry_run: bool = False) -> Laid:
    """Write the files that are not there yet; `dry_run` only says which."""
    from planctl.files.new_file import write_new_file

    kept = tuple(name for name in files if (directory / name).is_symlink() or (directory / name).exists())
    written = tuple(name for name in files if name not in kept)
    for name in () if dry_run else written:
        write_new_file(directory / name, files[name], mode=0o644)
    return Laid(written, kept)


def check_store(tx: Tx, *, is_test: bool, timezone: str) -> None:
    """Refuse to take a store that is there for another one: a real one for a test store, or another timezone."""
    from planctl.store.settings import identity, setting

    store = identity(tx)
    if store.is_test != is_test:
        kind = {True: "a test store", False: "a real store"}
        raise Refused(
            "the store is there already and is another kind",
            code="store-other-kind",
            where=tx.store.where,
            expected=kind[is_test],
            got=kind[store.is_test],
            hint="name another one with --store",
        )
    there = setting(tx, "timezone", "UTC")
    if timezone and there != timezone:
        raise Refused(
            "the store is there already with another timezone",
            code="store-other-timezone",
            where=tx.store.where,
            expected=timezone,
            got=there,
            hint=f"change it with planctl config set timezone {timezone}",
        )
