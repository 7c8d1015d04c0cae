"""Tries hostile input by hand: `python -m tests.reliability.fuzz TARGET --seed N [--case K] [--count C]`.

With `--case` it runs that one; `--keep NAME` keeps it for the tests, and `--lay DIR` writes its files there.
"""

from __future__ import annotations

import argparse
import shlex
import sys
from pathlib import Path

from tests.reliability.fuzz.cases import STORE, Case
from tests.reliability.fuzz.driver import run
from tests.reliability.fuzz.seeds import CORPUS, world
from tests.reliability.fuzz.targets import TARGETS


def main() -> int:
    """0 where nothing was broken, else 1."""
    parser = argparse.ArgumentParser(prog="python -m tests.reliability.fuzz", description=__doc__)
    parser.add_argument("target", choices=TARGETS)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--case", type=int)
    parser.add_argument("--count", type=int, default=1_000)
    parser.add_argument("--keep", metavar="NAME")
    parser.add_argument("--lay", type=Path, metavar="DIR")
    said = parser.parse_args()
    target = TARGETS[said.target]
    numbers = range(said.count) if said.case is None else [said.case]
    found = run(lambda number: target.case(said.seed, number), numbers)
    if said.case is not None:
        case = target.case(said.seed, said.case)
        print(shlex.join(case.argv), *sorted(case.files))
        if said.keep:
            (CORPUS / "found" / f"{said.keep}.json").write_text(case.to_json(), encoding="utf-8")
        if said.lay:
            lay(case, said.lay)
    for one in found:
        print(f"{said.target} --seed {said.seed} --case {one.number}: {'; '.join(one.what)!a}")
    print(f"{len(numbers)} cases, {len(found)} violations")
    return 1 if found else 0


def lay(case: Case, folder: Path) -> None:
    """Write what the case finds in its working directory."""
    files = {STORE: world().store if case.store is None else case.store, "stdin": case.stdin, **case.files}
    for name, data in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)


if __name__ == "__main__":
    sys.exit(main())
