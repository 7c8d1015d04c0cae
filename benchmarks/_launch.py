"""Runs one command and writes what it took to a file: seconds, processor seconds, megabytes, exit code.

A process begins with the memory of who started it in its books, so this starts it: small, and with nothing imported
but what it needs. Run: `python -S _launch.py FILE COMMAND...`.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time


def main() -> int:
    """Run, measure, write."""
    began = time.perf_counter()
    process = subprocess.Popen(sys.argv[2:])
    _, status, usage = os.wait4(process.pid, 0)
    seconds = time.perf_counter() - began
    process.returncode = os.waitstatus_to_exitcode(status)
    with open(sys.argv[1], "w", encoding="ascii") as file:
        json.dump(
            [seconds, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024, process.returncode], file
        )
    return 0


if __name__ == "__main__":
    sys.exit(main())
