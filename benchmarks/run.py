"""Runs every benchmark of this directory, one after the other, so that none disturbs the next.

Run: `python benchmarks/run.py [NAME ...] [-- options for each]`; a name is a script without `.py`.
A script that fails does not stop the rest; the exit code is 1 if any failed.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent
NOT_BENCHMARKS = {"run", "__init__"}


def available() -> list[str]:
    """Every script that is a benchmark; a name that starts with an underscore is a helper."""
    names = sorted(path.stem for path in HERE.glob("*.py"))
    return [name for name in names if name not in NOT_BENCHMARKS and not name.startswith("_")]


def main(arguments: list[str]) -> int:
    """Run the named benchmarks, or all."""
    names, options = arguments, []
    if "--" in arguments:
        cut = arguments.index("--")
        names, options = arguments[:cut], arguments[cut + 1 :]
    unknown = sorted(set(names) - set(available()))
    if unknown:
        print(
            f"error: no such benchmark: {', '.join(unknown)}; known: {', '.join(available())}",
            file=sys.stderr,
        )
        return 64
    failed = [
        name
        for name in names or available()
        if subprocess.run([sys.executable, str(HERE / f"{name}.py"), *options]).returncode != 0
    ]
    if failed:
        print(f"error: failed: {', '.join(failed)}", file=sys.stderr)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
