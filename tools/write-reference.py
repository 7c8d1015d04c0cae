"""Writes docs/reference/cli.md from the program itself; it knows no command, the program says them all.

Usage: python tools/write-reference.py [FILE]   (default: docs/reference/cli.md; `-` is standard output)
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from typer.core import TyperArgument

from planctl.cli.app import HELP, PROGRAM, WORDS, loaded, root
from planctl.cli.options import EVERYTHING, WHEN_READING
from planctl.views.formats import FORMATS

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs" / "reference" / "cli.md"

BEGINNING = f"""# Commands

What `planctl --help` and `planctl COMMAND --help` say, on one page, made from the program by `make docs`.
Words in capitals are yours to fill in, what stands in brackets may be left out.

{HELP}

Data goes to standard output, everything else to standard error. What would need a yes asks at a terminal and
leaves with 64 without one, naming `--yes`. A global option stands before or after the words of a command.
`planctl explain CODE` and [the list of codes](codes.md) say what a code in brackets means.

## Global options
"""


def page() -> Iterator[str]:
    """The lines of the page: global options, then every word in the order of the help."""
    program = root()
    yield from BEGINNING.splitlines()
    yield ""
    yield from table("option", program.params, _context(program, PROGRAM))
    for name, word in WORDS.items():
        command = loaded(name, word)
        yield from ("", f"## {PROGRAM} {name}", "")
        if not word.is_group:
            yield from described(command, f"{PROGRAM} {name}")
            continue
        yield sentence(word.help)
        for sub, one in command.commands.items():
            yield from ("", f"### {PROGRAM} {name} {sub}", "")
            yield from described(one, f"{PROGRAM} {name} {sub}")


def described(command: Any, path: str) -> Iterator[str]:
    """One command: what it does, how it is called, its own arguments and options, and what else it minds."""
    context = _context(command, path)
    yield from (sentence(command.help), "", "```text")
    yield " ".join([path, *command.collect_usage_pieces(context)])
    yield "```"
    own = [one for one in command.params if one.expose_value and not getattr(one, "hidden", False)]
    arguments = [one for one in own if isinstance(one, TyperArgument)]
    options = [one for one in own if one not in arguments]
    for heading, several in (("argument", arguments), ("option", options)):
        if several:
            yield ""
            yield from table(heading, several, context)
    yield ""
    yield minded(command)


def minded(command: Any) -> str:
    """The sentence about global options that change what this command does, and about its formats."""
    more = sorted(command.shown - WHEN_READING)
    names = ", ".join(f"`--{name.replace('_', '-')}`" for name in more)
    said = f"Writes: {names} apply." if command.is_write else "Reads only."
    if command.formats == FORMATS:
        return said
    return f"{said} Formats: {', '.join(f'`{name}`' for name in command.formats)}."


def table(heading: str, parameters: Iterable[Any], context: Any) -> Iterator[str]:
    """One row for each parameter that help shows."""
    yield f"| {heading} | meaning |"
    yield "|---|---|"
    for one in parameters:
        if not getattr(one, "hidden", False):
            yield f"| `{cell(spelled(one, context))}` | {cell(meaning(one))} |"


def spelled(parameter: Any, context: Any) -> str:
    """`PLAN`, `-f, --format FORMAT` or `--trial / --no-trial`."""
    if isinstance(parameter, TyperArgument):
        return str(parameter.metavar).strip("[]")
    names = ", ".join(sorted(parameter.opts, key=len))
    if parameter.secondary_opts:
        return f"{names} / {', '.join(parameter.secondary_opts)}"
    if parameter.is_flag or parameter.name in {"install_completion", "show_completion"}:
        return names
    return f"{names} {parameter.make_metavar(context)}"


def meaning(parameter: Any) -> str:
    """Its help, with the default where help shows one."""
    default = parameter.default
    shown = default is not None and default is not False and str(default) not in {"", "0", "."}
    known = shown and not callable(default) and parameter.name not in EVERYTHING
    return f"{parameter.help or ''}{f' Default: `{default}`.' if known else ''}"


def sentence(text: str | None) -> str:
    """Help as one paragraph."""
    return " ".join((text or "").split())


def cell(text: str) -> str:
    """Text that may stand in a cell of a table."""
    return sentence(text).replace("|", "\\|")


def _context(command: Any, path: str) -> Any:
    return command.context_class(command, info_name=path)


def main(arguments: list[str]) -> int:
    """Write the page; 0."""
    text = "\n".join(page()) + "\n"
    if arguments[:1] == ["-"]:
        sys.stdout.write(text)
    else:
        Path(arguments[0] if arguments else PAGE).write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
