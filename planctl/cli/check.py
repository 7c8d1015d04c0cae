"""`planctl check`: may a customer use a feature now? The workflow answers, this module listens."""

from __future__ import annotations

from typing import Annotated

import typer

from planctl.cli import hot
from planctl.cli.options import App
from planctl.cli.runtime import Runtime

app = App()


@app.reads("check")
def check(
    context: typer.Context,
    customer: Annotated[str, typer.Argument(metavar="CUSTOMER", help="The customer's id.")],
    feature: Annotated[str, typer.Argument(metavar="FEATURE", help="The feature's id.")],
    quantity: Annotated[str, typer.Option(metavar="N", help="How many units more; default: 1.")] = "",
    value: Annotated[str, typer.Option(metavar="V", help="Which value of a list.")] = "",
    exit_code: Annotated[bool, typer.Option("--exit-code", help="Exit 2 where the answer is no.")] = False,
) -> None:
    """May a customer use a feature now? Answers with the reason, the limit and what is left."""
    code = hot.check(Runtime.of(context), customer, feature, quantity, value, exit_code)
    if code:
        raise typer.Exit(code)
