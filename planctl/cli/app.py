"""The root command: a table of words, each imported only when it is on the command line."""

from __future__ import annotations

import os
from difflib import get_close_matches
from typing import Any

from typer.core import TyperCommand, TyperGroup
from typer.exceptions import Exit

from planctl.cli.later import refuse_later
from planctl.cli.options import given_in, global_options, taught
from planctl.errors import WrongUsage
from planctl.values import dataclass

PROGRAM = "planctl"


@dataclass(frozen=True, slots=True)
class Word:
    """A first word: its one-line help, its module in `planctl.cli`, and whether it is a group of commands."""

    help: str
    module: str
    is_group: bool = True


WORDS: dict[str, Word] = {
    "plan": Word("Create, edit, archive and show plans and add-ons.", "plan"),
    "assign": Word("Set a plan aside for a customer, with its exact pricing.", "assign", is_group=False),
    "subscribe": Word("Start a subscription.", "subscribe", is_group=False),
    "usage": Word("Record, import and show usage.", "usage"),
    "invoice": Word("Run the billing; show, explain and correct invoices.", "invoice"),
    "init": Word("Make a store, planctl.toml and a first catalog.", "init", is_group=False),
    "catalog": Word("Validate, diff and apply a catalog of YAML files.", "catalog"),
    "prices": Word("Show and set prices in the files of a catalog.", "prices"),
    "customer": Word("Add, update, import and show customers.", "customer"),
    "feature": Word("Create, edit and show what plans grant.", "feature"),
    "unassign": Word("Take an assigned plan away again.", "unassign", is_group=False),
    "subscription": Word("List, show, change and cancel subscriptions.", "subscription"),
    "change": Word("Ask for another plan, answer what was asked, change now.", "change"),
    "migrate": Word("Move running subscriptions to newer terms, by a file.", "migrate"),
    "wallet": Word("Buy packs; give, show and take out units.", "wallet"),
    "payment": Word("Record, import, give back and list payments.", "payment"),
    "credit-note": Word("Correct issued invoices: whole, by line, or in part.", "credit_note"),
    "stripe": Word("Take the money through Stripe: set up, push, pull, resolve.", "stripe"),
    "coupon": Word("List coupons, give them to subscriptions, take them off.", "coupon"),
    "check": Word("May a customer use a feature now?", "check", is_group=False),
    "status": Word("What is due, overdue and on hold, and the last run.", "status", is_group=False),
    "hold": Word("Customers whom the run leaves alone, until cleared.", "hold"),
    "config": Word("Settings of the seller, numbering and time.", "config"),
    "access": Word("Who may look at the store, work with it, or own it.", "access"),
    "audit": Word("Who did what, and proof that nobody changed it since.", "audit"),
    "store": Word("Where the data is; backups, copies and upgrades.", "store"),
    "doctor": Word("Check every rule that a store must obey.", "doctor", is_group=False),
    "explain": Word("Explain an error code or the id of a finding.", "explain", is_group=False),
}
"""Every first word, in the order of the help: what is used daily stands on top."""

HELP = """Sell plans from the shell: catalogs, subscriptions, usage and exact billing.

Exit codes: 0 done, 1 needs a person, 2 differences (--exit-code), 3 invalid input, 4 refused, 5 conflict,
64 wrong usage, 70 our bug, 74 store or I/O, 75 busy, 77 not permitted, 130 interrupted."""


class Root(TyperGroup):
    """The root: a word that is not on the command line is a stub with its help."""

    def list_commands(self, ctx: Any) -> list[str]:
        """Every word, in the order of the table."""
        return list(WORDS)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """A stub that has a name and its help, which is all that help and completion ask for."""
        word = WORDS.get(cmd_name)
        return word and TyperCommand(cmd_name, help=word.help, rich_markup_mode=None)

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """The real command of the word on the command line."""
        word = args[0]
        if word in WORDS:
            return word, loaded(word, WORDS[word]), args[1:]
        if ctx.resilient_parsing:
            return None, None, args[1:]
        refuse_later("", word)
        near = get_close_matches(word, WORDS, n=1)
        raise WrongUsage(
            "there is no such command",
            where=PROGRAM,
            got=word,
            hint=f"did you mean {PROGRAM} {near[0]}?" if near else f"see {PROGRAM} --help",
        )

    def make_parser(self, ctx: Any) -> Any:
        """Click's parser, with the rules of every command."""
        return taught(super().make_parser(ctx), ctx)


def loaded(name: str, word: Word) -> Any:
    """Import a word's module and build its command."""
    from importlib import import_module

    from typer.main import get_command, get_group

    app = import_module(f"planctl.cli.{word.module}").app
    command = get_group(app) if word.is_group else get_command(app)
    command.name = name
    return command


def root() -> Root:
    """The whole program as one command."""
    from typer.core import TyperOption
    from typer.main import get_install_completion_arguments

    version = TyperOption(
        param_decls=["--version"],
        is_flag=True,
        is_eager=True,
        expose_value=False,
        callback=_version,
        help="Print the version.",
    )
    return Root(
        name=PROGRAM,
        help=HELP,
        params=[*global_options(), version, *get_install_completion_arguments()],
        no_args_is_help=True,
        rich_markup_mode=None,
    )


def execute(words: list[str]) -> int:
    """Run one command line; 0 unless the command leaves with another code."""
    program = root()
    if f"_{PROGRAM.upper()}_COMPLETE" in os.environ:
        program._main_shell_completion({}, PROGRAM)
    try:
        with program.make_context(PROGRAM, list(words)) as context:
            program.invoke(context)
    except Exit as leaving:
        return leaving.exit_code
    return 0


def _version(context: Any, _parameter: Any, value: bool) -> None:
    if value:
        from planctl import __version__
        from planctl.cli.output import Output
        from planctl.views.sheet import Answer

        Output(given_in(context).format or "table").show(
            Answer({"version": __version__}, (f"planctl {__version__}",))
        )
        raise Exit(0)
