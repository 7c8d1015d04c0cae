"""Runs one command as a process of its own and says what it took: time, processor time, memory."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from tempfile import NamedTemporaryFile, TemporaryFile

ROOT = Path(__file__).resolve().parents[1]


@dataclass(frozen=True, slots=True)
class Took:
    """Seconds by the clock and on the processors (its children's too), and the memory of the largest process in MB."""

    seconds: float
    cpu_seconds: float
    rss_mb: float
    output: str = ""


def run(*command: str, environment: dict[str, str] | None = None, fine: tuple[int, ...] = (0,)) -> Took:
    """Run a command to its end; one that exits otherwise than is `fine` is not measured but stops the benchmark."""
    own = {name: value for name, value in os.environ.items() if not name.startswith("PLANCTL_")}
    own.pop("PYTHONDONTWRITEBYTECODE", None)  # an installed program has its byte code
    own |= {"PYTHONPATH": str(ROOT), **(environment or {})}
    with NamedTemporaryFile("r") as figures, TemporaryFile() as printed:
        launcher = (sys.executable, "-S", str(ROOT / "benchmarks" / "_launch.py"), figures.name)
        subprocess.run(
            (*launcher, *command),
            cwd=ROOT,
            env=own,
            stdin=subprocess.DEVNULL,
            stdout=printed,
            stderr=printed,
            check=True,
        )
        seconds, cpu_seconds, rss_mb, exit_code = json.load(figures)
        printed.seek(0)
        output = printed.read().decode(errors="replace")
    if exit_code not in fine:
        sys.exit(f"error: {' '.join(command)} exited {exit_code}\n{output[-2000:]}")
    return Took(seconds, cpu_seconds, rss_mb, output)


def planctl(store: str, *arguments: str, as_of: str = "", fine: tuple[int, ...] = (0,)) -> Took:
    """Run one command of planctl on a store."""
    when = ("--as-of", as_of) if as_of else ()
    return run(sys.executable, "-m", "planctl", "--store", store, *when, *arguments, fine=fine)


def bare_python() -> float:
    """The best of five starts of Python that do nothing, in seconds."""
    return min(run(sys.executable, "-c", "pass").seconds for _ in range(5))
