"""`planctl audit …`: who did what, and proof that nobody changed it since."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Annotated

import typer

from planctl.cli.options import App
from planctl.cli.runtime import Runtime
from planctl.cli.values import Limit
from planctl.errors import InvalidInput

if TYPE_CHECKING:
    from planctl.core.audit import Tip

app = App("Who did what, and proof that nobody changed it since.")

BROKEN = 74
_TIP = re.compile(r"([0-9]{1,15})[ :]([0-9a-f]{64})", re.ASCII)


@app.reads("log")
def log(
    context: typer.Context,
    after: Annotated[int, typer.Option(min=0, help="Only entries with a higher number.")] = 0,
    limit: Limit = 0,
) -> None:
    """List audit entries, oldest first."""
    from planctl.views.audit import audit_answer
    from planctl.workflows.maintain_store import audit_log

    runtime = Runtime.of(context)
    with runtime.open_read() as tx:
        entries = audit_log(tx, after, limit or None)
        timezone = runtime.timezone(tx)
    runtime.show(audit_answer(entries, timezone))


@app.reads("verify")
def verify(
    context: typer.Context,
    anchor: Annotated[
        str,
        typer.Option(metavar="'SEQ HASH'", help="A tip kept elsewhere, which the chain must still contain."),
    ] = "",
) -> None:
    """Check the audit's chain and print its tip, to be kept elsewhere; exit 74 where it is broken.

    Without an anchor kept elsewhere it finds edits, not a chain cut short or written anew as a whole.
    """
    from planctl.views.audit import audit_verdict_answer
    from planctl.workflows.maintain_store import audit_verdict

    runtime = Runtime.of(context)
    expected = parse_tip(anchor) if anchor else None
    with runtime.open_read() as tx:
        tip, problems = audit_verdict(tx, expected)
    runtime.show(audit_verdict_answer(tip.seq, tip.hash, problems))
    if problems:
        raise typer.Exit(BROKEN)


def parse_tip(text: str) -> Tip:
    """`SEQ HASH`, as `audit verify` prints it."""
    from planctl.core.audit import Tip

    match = _TIP.fullmatch(text.strip())
    if match is None:
        raise InvalidInput(
            "that is no tip of an audit",
            where="--anchor",
            expected="a number and 64 hexadecimal digits",
            got=text,
            hint="use the line that planctl audit verify printed then",
        )
    return Tip(int(match[1]), match[2])
