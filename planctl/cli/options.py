"""The global options, accepted before and after every word of a command; it gives them no meaning.

A command module declares its group with `App` and its commands with `@app.reads(...)` or `@app.writes(...)`.
Both take every global option; help of a write shows those that matter to a write.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, TypeVar

import typer
from typer.core import TyperArgument, TyperCommand, TyperGroup, TyperOption

from planctl.errors import WrongUsage
from planctl.views.formats import FORMATS

Function = TypeVar("Function", bound=Callable[..., Any])


@dataclass(frozen=True, slots=True)
class Given:
    """The global options as they were given; None or False where one was not."""

    store: str | None = None
    as_of: str | None = None
    format: str | None = None
    quiet: bool = False
    yes: bool = False
    dry_run: bool = False
    key: str | None = None
    reason: str | None = None
    operator: str | None = None
    wait: int | None = None
    confirm: str | None = None


def given_in(context: Any) -> Given:
    """The global options given so far; the one nearer to the command wins where two say different things."""
    given: Given = context.meta.get(_HERE, _NOTHING)
    return given


EVERYTHING = frozenset(Given.__dataclass_fields__)
WHEN_READING = frozenset({"as_of", "format"})
WHEN_WRITING = WHEN_READING | {"dry_run", "key", "reason", "yes"}
EPILOG = "Every global option may stand here too; planctl --help lists them."

_HERE = "planctl.given"
_NOTHING = Given()
_NEGATIVE_NUMBER = re.compile(r"-[0-9.]")


class Command(TyperCommand):
    """One command, with the global options among its own. `formats` are the ones that it can print."""

    shown = WHEN_READING
    formats: tuple[str, ...] = FORMATS
    is_write = False

    def __init__(self, *arguments: Any, **options: Any) -> None:
        options.setdefault("epilog", None)
        options["epilog"] = options["epilog"] or EPILOG
        super().__init__(*arguments, **options)
        for parameter in self.params:
            if isinstance(parameter, TyperArgument) and parameter.metavar is None:
                parameter.metavar = (parameter.name or "").upper()
        self.params = [*self.params, *global_options(self.shown, self.formats)]

    def collect_usage_pieces(self, ctx: Any) -> list[str]:
        """`CUSTOMER [PLAN]`, as manuals are written."""
        return [piece.strip("{}") for piece in super().collect_usage_pieces(ctx)]

    def make_parser(self, ctx: Any) -> Any:
        """Click's parser, taught that `-3` is a number: no option of ours is a digit."""
        return with_numbers(super().make_parser(ctx))

    def invoke(self, ctx: Any) -> Any:
        """Refuse a format that the command cannot print before anything is done."""
        chosen = given_in(ctx).format
        if chosen is not None and chosen not in self.formats:
            raise WrongUsage(
                f"{ctx.command_path} cannot print that format",
                where="--format",
                expected=", ".join(self.formats),
                got=chosen,
            )
        return super().invoke(ctx)


class Group(TyperGroup):
    """A group of commands, with the global options among its own."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.params = [*self.params, *global_options(frozenset())]

    def list_commands(self, ctx: Any) -> list[str]:
        """The commands in the order in which their module declares them."""
        return list(self.commands)


class App(typer.Typer):
    """What a command module declares: a group, or one command where the table of `app.py` says so."""

    def __init__(self, help: str = "") -> None:
        super().__init__(
            cls=Group, help=help, add_completion=False, rich_markup_mode=None, pretty_exceptions_enable=False
        )

    def reads(self, name: str, *, formats: tuple[str, ...] = FORMATS) -> Callable[[Function], Function]:
        """Declare a command that changes nothing; `formats` where it prints others than all do."""
        return self._declare(name, formats, is_write=False)

    def writes(self, name: str, *, formats: tuple[str, ...] = FORMATS) -> Callable[[Function], Function]:
        """Declare a command that writes."""
        return self._declare(name, formats, is_write=True)

    def _declare(
        self, name: str, printable: tuple[str, ...], *, is_write: bool
    ) -> Callable[[Function], Function]:
        class Declared(Command):
            shown = WHEN_WRITING if is_write else WHEN_READING
            formats = printable

        Declared.is_write = is_write

        return self.command(name, cls=Declared)


def global_options(
    shown: frozenset[str] = EVERYTHING, formats: tuple[str, ...] = FORMATS
) -> list[TyperOption]:
    """Fresh parameters for every global option; only those in `shown` appear in help."""

    def option(*names: str, text: str, **more: Any) -> TyperOption:
        made = TyperOption(param_decls=list(names), help=text, expose_value=False, callback=_keep, **more)
        made.hidden = made.name not in shown
        return made

    def flag(*names: str, text: str) -> TyperOption:
        return option(*names, text=text, is_flag=True, default=False)

    return [
        option("--store", metavar="URL", text="The store: a path, sqlite:///PATH, postgresql://… or a name."),
        option("--as-of", metavar="T", text="Act as if it were this date or RFC 3339 time."),
        option("--format", "-f", metavar="FORMAT", text=f"{', '.join(formats)}; default {formats[0]}."),
        flag("--quiet", text="Say nothing on success."),
        flag("--yes", text="Answer yes instead of being asked."),
        flag("--dry-run", text="Do everything but write."),
        option("--key", metavar="K", text="Idempotency key: the same write is done once."),
        option("--reason", metavar="TEXT", text="Why; kept in the audit."),
        option("--operator", metavar="NAME", text="Who acts; default: the login user."),
        option("--wait", metavar="SECONDS", type=int, text="How long to wait for a busy store; default 5."),
        option("--confirm", metavar="NAME", text="The protected store that is meant."),
    ]


def with_numbers(parser: Any) -> Any:
    """The parser, taking what looks like a negative number for an argument instead of options."""
    process = parser._process_opts

    def process_options(argument: str, state: Any) -> None:
        if _NEGATIVE_NUMBER.match(argument):
            state.largs.append(argument)
        else:
            process(argument, state)

    parser._process_opts = process_options
    return parser


def _keep(context: Any, parameter: Any, value: Any) -> None:
    """Keep a global option that was given; contexts of one command line share their `meta`."""
    if value is not None and value is not False:
        context.meta[_HERE] = replace(given_in(context), **{parameter.name: value})
