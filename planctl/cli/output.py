"""Where a command speaks: data to stdout, everything else to stderr, safe for a terminal. It decides nothing.

What looks like a secret is left out of every line, wherever it came from. Answers are printed after what they
speak of is committed, so a pipe that closes loses words and no work.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable
from typing import TextIO

from planctl.values import dataclass
from planctl.views.formats import Screen, render
from planctl.views.safe import redacted, safe
from planctl.views.sheet import Answer


class OutputLost(Exception):
    """Stdout is closed, full or broken; `quietly` where the reader simply left, as `head` does."""

    def __init__(self, reason: str, *, quietly: bool) -> None:
        super().__init__(reason)
        self.reason = reason
        self.quietly = quietly


@dataclass(frozen=True, slots=True)
class Output:
    """What to print how: the format, and whether success is silent."""

    format: str = "table"
    quiet: bool = False

    def show(self, answer: Answer) -> None:
        """Print an answer to stdout, in the chosen format. OutputLost where stdout does not take it."""
        stream = sys.stdout
        try:
            if stream is None:
                raise OSError("stdout is closed")
            for line in render(answer, self.format, screen_of(stream)):
                stream.write(f"{redacted(line)}\n")
            stream.flush()
        except ValueError as error:  # a stream that Python closed
            raise OutputLost(str(error), quietly=False) from error
        except OSError as error:
            raise OutputLost(
                error.strerror or str(error), quietly=isinstance(error, BrokenPipeError)
            ) from error

    def say(self, *lines: str) -> None:
        """Tell people about success on stderr; `--quiet` is silent."""
        if not self.quiet:
            talk(lines)

    def warn(self, *lines: str) -> None:
        """Tell people what they must see, on stderr, even with `--quiet`."""
        talk(lines)

    def progress(self, said: str, *, last: bool = False) -> None:
        """Say how far long work is, on a terminal only, on one line that is written over until the last word."""
        if is_tty(sys.stderr) and not self.quiet:
            print(f"\r{safe(said)}", end="\n" if last else "", file=sys.stderr, flush=True)


def talk(lines: Iterable[str]) -> None:
    """Print lines to stderr, safe for a terminal; a stderr that is gone is no reason to stop."""
    try:
        for line in lines:
            print(redacted(safe(line)), file=sys.stderr)
        if sys.stderr is not None:
            sys.stderr.flush()
    except (OSError, ValueError):
        pass


def screen_of(stream: TextIO) -> Screen:
    """What a stream can show. No colour where it is piped, for a dumb terminal, or with `NO_COLOR`."""
    is_terminal = is_tty(stream)
    colour = is_terminal and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"
    return Screen(is_terminal, colour, columns(), knows_unicode()) if is_terminal else Screen()


def knows_unicode() -> bool:
    """Whether the terminal shows every letter: unless a locale is set that is not one of UTF-8."""
    set_to = (os.environ.get(name, "") for name in ("LC_ALL", "LC_CTYPE", "LANG"))
    locale = next(filter(None, set_to), "utf-8").lower()
    return "utf-8" in locale or "utf8" in locale


def is_tty(stream: TextIO | None) -> bool:
    """Whether a stream is an open terminal."""
    try:
        return stream is not None and stream.isatty()
    except ValueError:
        return False


def columns() -> int:
    """The width of the terminal."""
    import shutil

    return shutil.get_terminal_size((100, 24)).columns
