"""Moves many subscriptions in three batches with processes that are killed again and again, and checks every one.

Each subscription is moved once, locked ones are untouched, undo before the effective date restores what ran, and
every law holds. Figures: how long a preview, an undisturbed apply of the same number and an undo take.
Run: `python -m benchmarks.migrations [--number 1000] [--seed 1]`; exit 1 where something does not hold.
"""

from __future__ import annotations

import argparse
import os
import random
import shlex
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

CATALOG = """\
format: planctl.catalog/1
catalog: moving
currencies: {USD: }
features:
  minutes: {type: metered, unit: minute}
plans:
  pro:
    price: {month: {USD: 30}}
    features: {minutes: {included: 100, beyond: {charge: usage, each: {USD: 0.10}}}}
"""
MIGRATION = "plan: pro\nfrom: older\nto: newest\nbatches: 3\n"


def planctl(store: Path, at: str, line: str, *, exit_code: int = 0) -> float:
    """Run a command as a process of its own; how many seconds it took."""
    began = time.perf_counter()
    result = subprocess.run(command(store, at, line), capture_output=True, text=True)
    if result.returncode != exit_code:
        sys.exit(f"error: {line} exited {result.returncode}\n{result.stderr}")
    return time.perf_counter() - began


def command(store: Path, at: str, line: str) -> list[str]:
    """A command line of planctl."""
    return [
        sys.executable, "-m", "planctl", "--store", str(store), "--as-of", at, "--yes", "--quiet", *shlex.split(line),
    ]  # fmt: skip


def made(folder: Path, number: int) -> Path:
    """A store with so many subscriptions of Pro v1, every tenth locked, and v2 sold."""
    store = folder / "books.db"
    (folder / "catalog.yaml").write_text(CATALOG, encoding="utf-8")
    (folder / "pro-v2.yaml").write_text(MIGRATION, encoding="utf-8")
    names = [f"c{index:06}" for index in range(number)]
    (folder / "customers.csv").write_text(
        "customer,currency\n" + "".join(f"{name},USD\n" for name in names), encoding="utf-8"
    )
    rows = "".join(f"{name},pro,month,USD,2026-01-0{1 + at % 9}\n" for at, name in enumerate(names))
    (folder / "subscriptions.csv").write_text("customer,plan,pay,currency,start\n" + rows, encoding="utf-8")
    planctl(store, "2026-01-01", f"init {folder}/made --test")
    planctl(store, "2026-01-01", f"catalog apply {folder}/catalog.yaml")
    planctl(store, "2026-01-01", f"customer import {folder}/customers.csv")
    planctl(store, "2026-01-10", f"subscription import {folder}/subscriptions.csv")
    planctl(store, "2026-01-10", "plan edit pro --outside --set price.month.USD=36")
    with sqlite3.connect(store) as raw:
        raw.execute(
            "UPDATE subscription SET locked = 'talks'"
            " WHERE customer IN (SELECT seq FROM customer WHERE id LIKE '%0')"
        )
    raw.close()
    return store


def states(store: Path) -> list[tuple[str, str, int, str, int | None, str, str]]:
    """Every subscription that has not ended."""
    raw = sqlite3.connect(store)
    found = raw.execute(
        "SELECT c.id, s.id, s.plan_version, s.status, s.ends_at, s.end_reason, s.locked FROM subscription s"
        " JOIN customer c ON c.seq = s.customer WHERE s.status NOT IN ('canceled', 'expired') ORDER BY s.id"
    ).fetchall()
    raw.close()
    return found


def killed_until_done(store: Path, chance: random.Random) -> int:
    """Apply all batches with processes that are killed after a while; how many were."""
    kills = 0
    line = f"migrate apply {store.parent}/pro-v2.yaml --all"
    while True:
        process = subprocess.Popen(command(store, "2026-01-12", line), stderr=subprocess.DEVNULL)
        try:
            code = process.wait(timeout=chance.uniform(0.4, 2.5) + 0.2 * kills)
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGKILL)
            process.wait()
            kills += 1
            continue
        if code != 0:
            sys.exit(f"error: {line} exited {code}")
        return kills


def check(store: Path, before: list[tuple[str, str, int, str, int | None, str, str]], kills: int) -> int:
    """Whether each was moved once and locked ones not at all; how many were moved."""
    after = states(store)
    pending = Counter(row[0] for row in after if row[3] == "pending" and row[2] == 2)
    expected = Counter(row[0] for row in before if not row[6])
    locked = [row for row in before if row[6]]
    if pending != expected or [row for row in after if row[6]] != locked:
        sys.exit(f"error: after {kills} kills {len(pending)} are moved, {len(expected)} should be")
    return len(pending)


def main() -> int:
    """Measure and check; 0, or an exit that says what does not hold."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--number", type=int, default=1_000)
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    os.environ.setdefault("PYTHONPATH", str(Path(__file__).parents[1]))
    with tempfile.TemporaryDirectory(prefix="moving-") as folder:
        store = made(Path(folder), given.number)
        file = f"{folder}/pro-v2.yaml"
        before = states(store)
        copy = Path(folder) / "undisturbed.db"
        with sqlite3.connect(store) as raw, sqlite3.connect(copy) as other:
            raw.backup(other)
        copy.chmod(0o600)
        preview = planctl(store, "2026-01-12", f"migrate plan {file}")
        whole = planctl(copy, "2026-01-12", f"migrate apply {file} --all")
        kills = killed_until_done(store, random.Random(given.seed))
        moved = check(store, before, kills)
        planctl(store, "2026-01-12", "doctor")
        undo = planctl(store, "2026-01-12", "migrate undo pro-v2")
        if states(store) != before:
            sys.exit("error: undo did not restore what ran")
        planctl(store, "2026-01-12", "doctor")
        print(
            f"{given.number:,} subscriptions, {moved:,} moved once, {given.number - moved:,} locked untouched"
        )
        print(f"killed {kills} times; undone: all as before; doctor holds before and after")
        print(f"preview {preview:.1f} s, apply undisturbed {whole:.1f} s, undo {undo:.1f} s")
    return 0


if __name__ == "__main__":
    sys.exit(main())
