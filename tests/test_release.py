"""What is released: every package that comes with it is under a licence that we looked at."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs" / "reference" / "licences.md"

LOOKED_AT = {
    "MIT", "BSD-2-Clause", "BSD-3-Clause", "ISC", "Apache-2.0", "PSF-2.0",
    "MPL-2.0",  # its files may be passed on with others under any licence
    "LGPL-3.0-only",  # psycopg, imported as it is and replaceable: its own licence asks no more
}  # fmt: skip


def test_the_page_of_licences_is_what_the_installed_packages_say() -> None:
    written = subprocess.run(
        [sys.executable, "tools/write-licences.py", "-"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert written.stdout == PAGE.read_text(encoding="utf-8"), "run: make docs"


def test_every_package_is_under_a_licence_that_somebody_looked_at() -> None:
    rows = re.findall(r"^\| (\S+) \| \S+ \| (.*) \|$", PAGE.read_text(encoding="utf-8"), re.MULTILINE)
    packages = {name: licence for name, licence in rows if name != "package"}
    assert len(packages) >= 25
    assert {name: licence for name, licence in packages.items() if licence not in LOOKED_AT} == {}
