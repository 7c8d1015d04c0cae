"""The one error boundary: whatever stops a command becomes an exit code and a few lines on stderr.

No traceback is ever printed; an unexpected one goes to a report file that only its owner can read.
"""

from __future__ import annotations

import gc
import os
import sys
from collections.abc import Iterable, Mapping
from itertools import pairwise
from typing import Any, NoReturn

from planctl.cli.output import OutputLost, talk
from planctl.errors import PlanctlError, Refused, StoreFailure, WrongUsage
from planctl.findings import Finding
from planctl.views.sheet import Json

INTERRUPTED = 130
IO = 74

LONGEST_GOT = 60

UNKNOWN = "Whether the change was kept is not known."
"""The last line where the connection or the disk failed at the very end."""


class Found(PlanctlError):
    """User input has findings that stop the command (exit 3); `texts` are the files they stand in."""

    exit_code = 3
    default_code = "findings"

    def __init__(
        self, findings: Iterable[Finding], texts: Mapping[str, str] | None = None, where: str = ""
    ) -> None:
        self.findings = tuple(findings)
        self.texts = texts or {}
        super().__init__("the input has errors", where=where)


def prepare() -> None:
    """Make the process safe to print from and to keep files with: UTF-8 out, private files.

    Text goes out as UTF-8 whatever the locale says. File descriptors 0 to 2 are never left free, or the
    next file that is opened would be taken for the terminal. The collector of circular garbage is called
    rarely: a short command ends before it would find any, which saves an eighth of it.
    """
    os.umask(0o077)
    gc.set_threshold(200_000, 50, 1_000)
    for descriptor in range(3):
        try:
            os.fstat(descriptor)
        except OSError:
            os.open(os.devnull, os.O_RDWR)
    for stream in (sys.stdout, sys.stderr):
        if stream is not None and hasattr(stream, "reconfigure"):
            stream.reconfigure(encoding="utf-8", errors="backslashreplace", newline="\n")


def run(words: list[str]) -> int:
    """Run one command line and return its exit code; everything that is raised ends here."""
    try:
        from planctl.cli import hot

        code = hot.execute(words)
        if code is not None:
            return code
        from planctl.cli.app import execute

        return execute(words)
    except OutputLost as lost:
        if not lost.quietly:
            talk([f"error: output was lost: {lost.reason} [output]", state()])
        return IO
    except KeyboardInterrupt:
        talk(["interrupted", state()])
        return INTERRUPTED
    except SystemExit as leaving:
        return leaving.code if isinstance(leaving.code, int) else 0
    except Exception as error:
        return report(error, as_json=wants_json(words))
    finally:
        if "planctl.cli.runtime" in sys.modules:
            from planctl.cli import runtime

            runtime.forget()


def report(error: Exception, *, as_json: bool) -> int:
    """Print an error and return its exit code."""
    known = error if isinstance(error, PlanctlError) else translated(error)
    if known is None:
        known = _damage(error) or bug(error)
    if as_json:
        talk_json(known)
    else:
        talk(lines_of(known))
    return known.exit_code


def translated(error: Exception) -> PlanctlError | None:
    """What an error of the parser or of the system means; None for a bug of ours."""
    from typer.exceptions import Abort, TyperException

    if isinstance(error, TyperException):
        return usage_of(error)
    if isinstance(error, Abort):
        return Refused("not confirmed", code="declined")
    if "sqlite3" in sys.modules:
        from planctl.store.failures import meaning_of

        meaning = meaning_of(error, "the store")
        if meaning is not None:
            return meaning
    if isinstance(error, OSError):
        name = error.filename if isinstance(error.filename, str) else ""
        return StoreFailure(error.strerror or str(error), code="io", where=name)
    return None


def usage_of(error: Any) -> PlanctlError:
    """Click's complaint about the command line, with the exit code of wrong usage."""
    context = getattr(error, "ctx", None)
    path = context.command_path if context is not None else "planctl"
    message = error.format_message()
    if type(error).__name__ == "NoArgsIsHelpError":
        message = "a command is missing"
    return WrongUsage(message.removesuffix("."), where=path, hint=f"see {path} --help")


def _damage(error: Exception) -> PlanctlError | None:
    """What is wrong with the store that was open; None where there was none, or nothing is."""
    if "planctl.cli.runtime" not in sys.modules:
        return None
    from planctl.cli.runtime import running

    runtime = running()
    if runtime is None or runtime.opened is None:
        return None
    from planctl.cli.damage import damage

    return damage(runtime.opened, error)


def bug(error: Exception) -> PlanctlError:
    """A mistake of ours: the traceback goes to a file, without the values of variables."""
    return PlanctlError(
        f"planctl made a mistake: {type(error).__name__}",
        hint=f"please report it; {written_report(error)}",
    )


def written_report(error: Exception) -> str:
    """Write the report, readable by its owner alone and without secrets, and say where it is."""
    import platform
    import tempfile
    import traceback

    from planctl import __version__
    from planctl.views.safe import redacted

    text = redacted("".join(traceback.format_exception(error)))
    try:
        descriptor, name = tempfile.mkstemp(prefix="planctl-bug-", suffix=".txt")
        with os.fdopen(descriptor, "w", encoding="utf-8", errors="backslashreplace") as file:
            file.write(f"planctl {__version__}, Python {platform.python_version()}, {sys.platform}\n\n{text}")
    except OSError as problem:
        return f"the report could not be written: {problem.strerror}"
    return f"the report is {name}"


def lines_of(error: PlanctlError) -> list[str]:
    """An error as people read it: place or object first, code, expected, got, one fix, what was changed."""
    if isinstance(error, Found):
        from planctl.views.findings import counted, finding_lines

        return [*finding_lines(error.findings, error.texts), counted(error.findings)]
    from planctl.views.safe import safe

    where = f"{safe(error.where)}: " if error.where else ""
    lines = [f"{where}error: {safe(error.message)} [{error.code}]"]
    if error.expected:
        lines.append(f"  expected: {safe(error.expected)}")
    if error.got:
        lines.append(f"  got: {safe(error.got, LONGEST_GOT)}")
    if error.hint:
        lines.append(f"  hint: {safe(error.hint)}")
    return [*lines, UNKNOWN if error.code == "commit-unknown" else state()]


def talk_json(error: PlanctlError) -> None:
    """The same for machines, one object on stderr."""
    from planctl.views.findings import finding_document
    from planctl.views.formats.json import text_of

    findings = error.findings if isinstance(error, Found) else ()
    document: dict[str, Json] = {
        "error": {
            "code": error.code,
            "message": error.message,
            "where": error.where or None,
            "expected": error.expected or None,
            "got": error.got[:LONGEST_GOT] or None,
            "hint": error.hint or None,
        },
        "findings": [*map(finding_document, findings)],
    }
    talk([text_of(document)])


def state() -> str:
    """The last line of an error: what was and what was not changed."""
    if "planctl.cli.runtime" not in sys.modules:
        return "Nothing was changed."
    from planctl.cli.runtime import running

    runtime = running()
    if runtime is None or not runtime.committed:
        made = runtime is not None and runtime.born
        return "The store was made; nothing was written into it." if made else "Nothing was changed."
    if runtime.cut:
        return runtime.cut
    return "The change itself was made and kept; do not repeat it without --key."


def wants_json(words: list[str]) -> bool:
    """Whether the command line or the environment asks for JSON, also where it cannot be parsed."""
    chosen = os.environ.get("PLANCTL_FORMAT", "")
    for word, following in pairwise([*words, ""]):
        if word == "--":
            break
        if word in {"-f", "--format"}:
            chosen = following
        elif word.startswith(("--format=", "-f=")):
            chosen = word.partition("=")[2]
        elif word.startswith("-f") and len(word) > 2:
            chosen = word[2:]
    return chosen in {"json", "ndjson"}


def leave(code: int) -> NoReturn:
    """Leave the process now, when all that was said is out; what people are told on stderr may be lost."""
    for stream in (sys.stdout, sys.stderr):
        try:
            if stream is not None:
                stream.flush()
        except (OSError, ValueError):
            if stream is sys.stdout:
                code = code or IO
    os._exit(code)
