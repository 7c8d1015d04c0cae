"""The global options, accepted before and after every word of a command; it gives them no meaning.

A command module declares its group with `App` and its commands with `@app.reads(...)` or `@app.writes(...)`.
Both take every global option; help of a write shows those that matter to a write.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import Any, TypeVar

import typer
from typer.core import TyperArgument, TyperCommand, TyperGroup, TyperOption

from planctl.cli.given import Given
from planctl.cli.later import refuse_later
from planctl.errors import WrongUsage
from planctl.views.formats import FORMATS
from planctl.views.safe import redacted

Function = TypeVar("Function", bound=Callable[..., Any])


def given_in(context: Any) -> Given:
    """The global options given so far; the one nearer to the command wins where two say different things."""
    given: Given = context.meta.get(_HERE, _NOTHING)
    return given


EVERYTHING = frozenset(Given.__dataclass_fields__)
WHEN_READING = frozenset({"as_of", "format"})
WHEN_MAKING_FILES = WHEN_READING | {"dry_run", "yes"}
WHEN_WRITING = WHEN_MAKING_FILES | {"key", "reason"}
"""Only a write of a store keeps the last two: what makes files, a whole store too, refuses them."""

EPILOG = "Every global option may stand here too; planctl --help lists them."

_HERE = "planctl.given"
_NOTHING = Given()
_NEGATIVE_NUMBER = re.compile(r"-[0-9.]")


class Command(TyperCommand):
    """One command, with the global options among its own. `formats` are the ones that it can print.

    `shown` are the global options that its help names: those that mean something to it.
    `needs` is the role without which it does nothing.
    `may_be_empty` names its parameters for which an empty text has a meaning; for all others it is a mistake.
    `alone` gives the value of an option that is written without one.
    """

    shown = WHEN_READING
    formats: tuple[str, ...] = FORMATS
    is_write = False
    needs = "viewer"
    may_be_empty: frozenset[str] = frozenset()
    alone: Mapping[str, str] = MappingProxyType({})

    def __init__(self, *arguments: Any, **options: Any) -> None:
        options.setdefault("epilog", None)
        options["epilog"] = options["epilog"] or EPILOG
        super().__init__(*arguments, **options)
        for parameter in self.params:
            if isinstance(parameter, TyperArgument) and parameter.metavar is None:
                parameter.metavar = (parameter.name or "").upper()
        self.params = [*self.params, *global_options(self.shown, self.formats)]

    def get_short_help_str(self, limit: int = 45) -> str:
        """The first sentence, or as many of its clauses as fit, as the list of a group's commands shows it."""
        return in_short(self.help or "", limit)

    def collect_usage_pieces(self, ctx: Any) -> list[str]:
        """`CUSTOMER [PLAN]`, as manuals are written."""
        return [piece.strip("{}") for piece in super().collect_usage_pieces(ctx)]

    def make_parser(self, ctx: Any) -> Any:
        """Click's parser, taught what numbers are, and that nothing is given empty."""
        return taught(super().make_parser(ctx), ctx, self.may_be_empty, self.alone)

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


def in_short(text: str, limit: int) -> str:
    """The first sentence of a help text, cut at the last `;` or `:`, else `,`, so that it fits into `limit`."""
    sentence = " ".join(text.split("\n\n", maxsplit=1)[0].split()).partition(". ")[0].rstrip(".")
    for ends in (";:", ","):
        if len(sentence) < limit:
            break
        places = [place for place, sign in enumerate(sentence[: limit - 1]) if sign in ends]
        sentence = sentence[: places[-1]] if places else sentence
    return f"{sentence}."


class Group(TyperGroup):
    """A group of commands, with the global options among its own."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.params = [*self.params, *global_options(frozenset())]

    def list_commands(self, ctx: Any) -> list[str]:
        """The commands in the order in which their module declares them."""
        return list(self.commands)

    def make_parser(self, ctx: Any) -> Any:
        """Click's parser, taught what numbers are, and that nothing is given empty."""
        return taught(super().make_parser(ctx), ctx)

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """The command of a word; one that this version does not have yet says so."""
        if args[0] not in self.commands and not ctx.resilient_parsing:
            refuse_later(ctx.command_path.partition(" ")[2], args[0])
        return super().resolve_command(ctx, args)


class App(typer.Typer):
    """What a command module declares: a group, or one command where the table of `app.py` says so."""

    def __init__(self, help: str = "") -> None:
        super().__init__(
            cls=Group, help=help, add_completion=False, rich_markup_mode=None, pretty_exceptions_enable=False
        )

    def reads(self, name: str, *, formats: tuple[str, ...] = FORMATS) -> Callable[[Function], Function]:
        """Declare a command that changes nothing; `formats` where it prints others than all do."""
        return self._declare(name, formats)

    def writes(
        self,
        name: str,
        *,
        formats: tuple[str, ...] = FORMATS,
        may_be_empty: Iterable[str] = (),
        alone: Mapping[str, str] | None = None,
        needs: str = "manager",
        shown: frozenset[str] = WHEN_WRITING,
    ) -> Callable[[Function], Function]:
        """Declare a command that writes; `may_be_empty`, `alone`, `needs` and `shown` as in Command.

        It needs a manager; `viewer` where it writes files and looks at the store at most.
        """
        return self._declare(name, formats, needs, empty=frozenset(may_be_empty), alone=alone, own=shown)

    def _declare(
        self,
        name: str,
        printable: tuple[str, ...],
        needed: str = "",
        *,
        empty: frozenset[str] = frozenset(),
        alone: Mapping[str, str] | None = None,
        own: frozenset[str] = WHEN_READING,
    ) -> Callable[[Function], Function]:
        class Declared(Command):
            shown = own
            formats = printable
            may_be_empty = empty

        Declared.is_write = bool(needed)
        Declared.needs = needed or "viewer"
        Declared.alone = alone or {}

        return self.command(name, cls=Declared)


def global_options(
    shown: frozenset[str] = EVERYTHING, formats: tuple[str, ...] = FORMATS
) -> list[TyperOption]:
    """Fresh parameters for every global option; only those in `shown` appear in help."""

    def option(*names: str, text: str, **more: Any) -> TyperOption:
        more.setdefault("callback", _keep)
        made = TyperOption(param_decls=list(names), help=text, expose_value=False, **more)
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
        option(
            "--key", metavar="K", text="Idempotency key: the same write is done once.", callback=_keep_key
        ),
        option("--reason", metavar="TEXT", text="Why; kept in the audit."),
        option("--operator", metavar="NAME", text="Who acts; default: the login user."),
        option("--wait", metavar="SECONDS", type=int, text="How long to wait for a busy store; default 5."),
        option("--confirm", metavar="NAME", text="The protected store that is meant."),
        flag("--read-only", text="Only look: what would write ends with 77."),
    ]


def taught(
    parser: Any,
    context: Any,
    may_be_empty: frozenset[str] = frozenset(),
    alone: Mapping[str, str] = MappingProxyType({}),
) -> Any:
    """The parser with three rules of ours.

    What looks like a negative number is an argument: no option of ours is a digit. An option in `alone` that
    stands last or before another option has the value given there. A value that is given
    empty or blank is a mistake, such as a variable of a script that was never set; to take it for "not
    given" would bill everybody where one customer was meant. WrongUsage names it.
    """
    process = parser._process_opts

    def process_options(argument: str, state: Any) -> None:
        if _NEGATIVE_NUMBER.match(argument):
            state.largs.append(argument)
            return
        if argument in alone and (not state.rargs or state.rargs[0].startswith("-")):
            state.rargs.insert(0, alone[argument])
        process(argument, state)

    parse = parser.parse_args

    def parse_args(args: list[str]) -> Any:
        given, left, order = parse(args=args)
        if not context.resilient_parsing:
            for parameter in order:
                if parameter.name not in may_be_empty and _has_blank(given.get(parameter.name)):
                    raise _given_empty(context, parameter)
        return given, left, order

    parser._process_opts, parser.parse_args = process_options, parse_args
    return parser


def _has_blank(value: Any) -> bool:
    """Whether a value, or one of several, is a text of nothing but white space."""
    if isinstance(value, list | tuple):
        return any(map(_has_blank, value))
    return isinstance(value, str) and not value.strip()


def _given_empty(context: Any, parameter: Any) -> WrongUsage:
    is_option = parameter.param_type_name == "option"
    name = max(parameter.opts, key=len) if is_option else (parameter.name or "").upper()
    return WrongUsage(
        f"{name} is given, but empty",
        where=context.command_path,
        expected=f"a value for {name}, or none at all",
        hint="a variable of a script may be unset; an empty value never means everything",
    )


def _keep_key(context: Any, parameter: Any, value: Any) -> None:
    """The same for the name of a write: it is kept as it is, so it may hold no secret."""
    if value is not None and redacted(value) != value:
        raise WrongUsage(
            "what is given as --key holds a secret",
            where=context.command_path,
            expected="a name for this write, such as the order's number",
            hint="it is kept in the store; a key of Stripe's is read from a file: --stripe-key-file PATH",
        )
    _keep(context, parameter, value)


def _keep(context: Any, parameter: Any, value: Any) -> None:
    """Keep a global option that was given; contexts of one command line share their `meta`."""
    if value is not None and value is not False:
        context.meta[_HERE] = replace(given_in(context), **{parameter.name: value})
