"""Where the program begins: it answers `--version` before anything is imported, and hands on the rest."""

from __future__ import annotations

import sys


def main(arguments: list[str] | None = None) -> int:
    """Run one command and return its exit code; arguments are those of the process where none are given.

    As a process it leaves at once when the command is done and its output is out: what Python would tidy up
    at its end is memory that goes away by itself, and tidying costs a fifth of a short command.
    """
    own = arguments is None
    words = sys.argv[1:] if arguments is None else arguments
    if own and not __debug__:
        start_with_checks(words)
    if words == ["--version"] and sys.stdout is not None:
        from planctl import __version__

        try:
            print(f"planctl {__version__}", flush=True)
        except OSError:  # the reader is gone or the disk is full: nothing is lost but the line
            sys.stdout = None
            return 74
        return 0
    try:
        from planctl.cli import boundary

        if own:
            boundary.prepare()
    except KeyboardInterrupt:  # before the boundary stands
        return interrupted()
    code = boundary.run(words)
    if own:
        boundary.leave(code)
    return code


def start_with_checks(words: list[str]) -> None:
    """Become the same program with its assertions, which `-O` and PYTHONOPTIMIZE leave out: they guard money."""
    import os

    code = f"import sys; sys.path[:] = {sys.path!r}; from planctl.__main__ import main; sys.exit(main())"
    flags = ["-P", *(["-I"] if sys.flags.isolated else [])]
    kept = {name: value for name, value in os.environ.items() if name != "PYTHONOPTIMIZE"}
    os.execve(sys.executable, [sys.executable, *flags, "-c", code, *words], kept)


def interrupted() -> int:
    """Say that the command was interrupted before it began, and return its exit code."""
    from contextlib import suppress

    with suppress(OSError, ValueError):
        if sys.stderr is not None:
            print("interrupted", "Nothing was changed.", sep="\n", file=sys.stderr)
    return 130


if __name__ == "__main__":
    sys.exit(main())
