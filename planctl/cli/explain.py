"""`planctl explain CODE`: what an error code, a rule id or a law means, and what to do."""

from __future__ import annotations

from typing import Annotated

import typer

from planctl.cli.options import App
from planctl.cli.runtime import Runtime
from planctl.errors import NotFound

app = App()


@app.reads("explain")
def explain(
    context: typer.Context,
    code: Annotated[str, typer.Argument(help="A code as errors and findings show it in brackets.")],
) -> None:
    """Explain an error code, the id of a finding, or a law of the doctor."""
    from planctl.views.codes import code_answer, explained, near

    runtime = Runtime.of(context)
    wanted = code.strip("[]")
    if not explained(wanted):
        similar = near(wanted)
        raise NotFound(
            "no code of that name is known",
            where="explain",
            got=code,
            hint=f"did you mean {similar}?" if similar else "docs/reference/codes.md lists them all",
        )
    runtime.show(code_answer(wanted))
