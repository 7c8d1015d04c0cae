"""`planctl subscribe`: start a subscription; the workflow decides, this module listens and asks."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated

import typer

from planctl.cli.options import App
from planctl.cli.runtime import Kept, Runtime, Written
from planctl.cli.values import number
from planctl.errors import InvalidInput
from planctl.views.formats import FORMATS
from planctl.views.sheet import Answer, Json

if TYPE_CHECKING:
    from decimal import Decimal

    from planctl.core.document import Document
    from planctl.store.engine import Tx
    from planctl.workflows.subscribe import Proposal, Wanted

app = App("Start a subscription.")


@app.writes("subscribe")
def subscribe(
    context: typer.Context,
    customer: Annotated[str, typer.Argument(help="The customer's id.")],
    plan: Annotated[str, typer.Argument(help="The plan or add-on; default: the plan that is assigned.")] = "",
    pay: Annotated[str, typer.Option(help="The price row: month, year, 3 months …")] = "",
    currency: Annotated[str, typer.Option("--in", metavar="CODE", help="The currency.")] = "",
    start: Annotated[str, typer.Option(metavar="DATE", help="When the first period begins.")] = "",
    quantity: Annotated[
        list[str] | None, typer.Option(metavar="N|FEATURE=N", help="How many; repeatable.")
    ] = None,
    coupon: Annotated[str, typer.Option(help="A coupon of the catalog.")] = "",
    trial: Annotated[
        bool | None, typer.Option("--trial/--no-trial", help="With the plan's trial or not.")
    ] = None,
    plan_version: Annotated[str, typer.Option(metavar="N|newest", help="The version to take.")] = "",
    schedule: Annotated[
        bool, typer.Option("--schedule", help="Allow a start that is still to come.")
    ] = False,
) -> None:
    """Start a subscription: its period begins and its first request is issued at once. A second plan of a group is
    a change: what runs ends, with its unused days credited, or goes on to its renewal.
    """
    from planctl.core.subscriptions.start import AlreadyRunning
    from planctl.views.change import changed_answer
    from planctl.views.subscription import started_answer
    from planctl.workflows.subscribe import Wanted

    runtime = Runtime.of(context)
    units, quantities = bought(quantity or [])
    version = checked_version(plan_version)
    wanted = Wanted(
        customer, plan, pay, currency, start, units, quantities, {}, trial, version, schedule, coupon,
        may_ask=runtime.can_ask,
    )  # fmt: skip
    request: Document = {
        "customer": customer, "plan": plan, "pay": pay, "in": currency, "start": start,
        "quantity": [*(quantity or [])], "coupon": coupon, "trial": trial, "plan_version": version,
        "schedule": schedule,
    }  # fmt: skip
    try:
        written = start_it(runtime, wanted, request)
    except AlreadyRunning as same:
        runtime.say(same.message)
        show_running(runtime, same.where)
        return
    changes = isinstance(written.document, Mapping) and "kept" in written.document
    runtime.show(changed_answer(written.document) if changes else started_answer(written.document))
    runtime.done(written, undo=undo_of(written.document))


def undo_of(document: Json) -> str:
    """The command that takes back what starting, changing or going on has done."""
    assert isinstance(document, Mapping)
    one, change = f"{document['customer']}/{document['plan']}", document.get("change")
    if document.get("kept"):
        return f"planctl subscription cancel {one}"
    if not isinstance(change, Mapping):
        return f"planctl subscription cancel {one} --at now"
    assert isinstance(change["from"], Mapping)
    old = change["from"]["plan"]
    if change["timing"] == "approval":
        return f"planctl change reject {document['customer']}"
    command = "subscribe" if change["timing"] == "renewal" else "change now"
    return f"planctl {command} {document['customer']} {old}"


def show_running(runtime: Runtime, subscription: str) -> None:
    """The subscription that runs already, for machines: the document of a start that had nothing to do."""
    from planctl.views.subscription import started_document
    from planctl.workflows.read_subscriptions import read_one

    if runtime.output.format == FORMATS[0]:
        return
    with runtime.open_read() as tx:
        shown = read_one(tx, subscription, runtime.as_of(tx))
    runtime.show(Answer(started_document(shown, (), ())))


def start_it(runtime: Runtime, wanted: Wanted, request: Document) -> Written:
    """Show and confirm the start, then write the one that was shown; AlreadyRunning where there is nothing to do."""
    from planctl.core.promises import Promise, check_kept
    from planctl.views.changing import change_document
    from planctl.views.run import untaxed_warning
    from planctl.views.subscription import Shown, started_document
    from planctl.workflows.run_invoices import without_country
    from planctl.workflows.subscribe import apply_subscription, propose_subscription

    promised: Promise | None = None

    def ask() -> None:
        nonlocal promised
        with runtime.open_read() as tx:
            proposal = propose_subscription(tx, wanted, runtime.as_of(tx))
            if not proposal.subscription.terms.free:
                runtime.say(*untaxed_warning(without_country(tx, [proposal.customer])))
        promised = proposal.promise if runtime.can_ask else None
        lines, question = proposal_lines(proposal)
        runtime.confirm(lines, question)

    def write(tx: Tx) -> Kept:
        now = runtime.as_of(tx)
        proposal = propose_subscription(tx, wanted, now)
        check_kept(promised, proposal.promise, f"{wanted.customer}/{proposal.subscription.plan}")
        done = apply_subscription(tx, proposal, runtime.now)
        told = started_document(Shown(done.subscription, now), done.invoices, done.replaced)
        if proposal.change is not None:
            told |= {"change": change_document(proposal.change, proposal.billed)}
        if proposal.change is not None or proposal.kept is not None:
            told |= {"kept": proposal.kept is not None}
        return Kept(told)

    return runtime.run_write(request, write, ask=ask)


def proposal_lines(proposal: Proposal) -> tuple[list[str], str]:
    """What a proposal will do, and the question about it."""
    from planctl.views.changing import change_lines, keeping_lines
    from planctl.views.subscription import start_lines

    if proposal.kept is not None:
        return keeping_lines(proposal.kept), "Let it go on?"
    if proposal.change is not None:
        question = "Ask for it?" if proposal.change.timing == "approval" else "Change it?"
        return change_lines(proposal.change, proposal.billed, proposal.differences), question
    lines = start_lines(
        proposal.subscription, proposal.billed.drafts, proposal.starting.replaced, proposal.differences
    )
    return lines, "Start it?"


def bought(texts: list[str]) -> tuple[int, dict[str, Decimal]]:
    """Units of the plan (0: not said), and totals by prepaid feature: `--quantity N`, `--quantity FEATURE=N`."""
    units, quantities = 0, {}
    for text in texts:
        feature, equals, count = text.rpartition("=")
        value = number(count, "--quantity", text)
        if equals:
            quantities[feature] = value
        elif value != int(value) or value < 1:
            raise InvalidInput("a whole number of at least 1 is needed", where="--quantity", got=text)
        else:
            units = int(value)
    return units, quantities


def checked_version(text: str) -> str:
    """`newest`, a version's number, or nothing."""
    if text in {"", "newest"} or (text.isascii() and text.isdigit() and text != "0"):
        return text
    raise InvalidInput(
        "no version of a plan", where="--plan-version", expected="a number or newest", got=text
    )
