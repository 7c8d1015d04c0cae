"""Writes the table of licences from the metadata of what is installed; it judges none of them.

Usage: python tools/write-licences.py [FILE]   (default: docs/reference/licences.md; `-` is standard output)
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from importlib.metadata import metadata
from pathlib import Path

from packaging.requirements import Requirement

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs" / "reference" / "licences.md"
LOCK = ROOT / "requirements" / "all.txt"

BEGINNING = """\
# Licences

planctl is under the Apache License 2.0. These packages come with an installation of all its extras, in the versions of
`requirements/all.txt`; the licence is what each says of itself. `tools/write-licences.py` writes this page.
"""

CLASSIFIED = {
    "License :: OSI Approved :: MIT License": "MIT",
    "License :: OSI Approved :: BSD License": "BSD",
    "License :: OSI Approved :: Apache Software License": "Apache-2.0",
}
SAID = {"ISC License": "ISC"}
"""What a package says in words of its own, as the SPDX list calls it."""


def packages() -> Iterator[Requirement]:
    """What the lock installs on this system."""
    for line in LOCK.read_text(encoding="utf-8").splitlines():
        if line and not line.startswith((" ", "#")):
            requirement = Requirement(line.rstrip(" \\"))
            if requirement.marker is None or requirement.marker.evaluate():
                yield requirement


def licence(name: str) -> str:
    """The SPDX expression of an installed package, in whichever field it stands; empty where it says none."""
    said = metadata(name)
    fields = (*(said.get_all("License-Expression") or ()), *(said.get_all("License") or ()))
    text: str = next((one for one in fields if one), "")
    if text:
        return SAID.get(text, text)
    return next((CLASSIFIED[one] for one in said.get_all("Classifier") or [] if one in CLASSIFIED), "")


def page() -> Iterator[str]:
    """The lines of the page."""
    yield BEGINNING
    yield "| package | version | licence |"
    yield "|---|---|---|"
    for package in packages():
        yield f"| {package.name} | {str(package.specifier)[2:]} | {licence(package.name)} |"


def main() -> None:
    """Write it."""
    target = sys.argv[1] if len(sys.argv) > 1 else str(PAGE)
    text = "\n".join(page()) + "\n"
    if target == "-":
        sys.stdout.write(text)
    else:
        Path(target).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
