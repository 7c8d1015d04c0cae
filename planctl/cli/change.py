"""`planctl change …`: ask for changes of plans, answer what was asked, change at once; the workflows decide."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated

import typer

from planctl.cli.options import App
from planctl.cli.runtime import Kept, Runtime, Written
from planctl.cli.subscribe import bought, checked_version, proposal_lines, undo_of
from planctl.cli.values import Limit
from planctl.errors import InvalidInput, Refused

if TYPE_CHECKING:
    from planctl.core.periods import Instant
    from planctl.core.subscriptions.change_requests import ChangeRequest
    from planctl.store.engine import Tx
    from planctl.views.sheet import Json
    from planctl.workflows.subscribe import Proposal, Wanted

app = App("Ask for changes of plans, approve or reject them, change at once.")

Customer = Annotated[str, typer.Argument(help="The customer's id.")]
Plan = Annotated[str, typer.Argument(help="The plan to run instead.")]
Pay = Annotated[str, typer.Option(help="The price row: month, year, 3 months …")]
Money = Annotated[str, typer.Option("--in", metavar="CODE", help="The currency, which a change keeps.")]
Many = Annotated[list[str] | None, typer.Option(metavar="N|FEATURE=N", help="How many; repeatable.")]
Version = Annotated[str, typer.Option(metavar="N|newest", help="The version to take.")]
Asked = Annotated[
    str, typer.Argument(metavar="CHANGE", help="CUSTOMER/PLAN that runs, or CUSTOMER where one change waits.")
]

Make = tuple["Wanted", "ChangeRequest | None"]
"""What to change to, and the request that asks for it, if one does."""


@app.writes("request")
def request(
    context: typer.Context,
    customer: Customer,
    plan: Plan,
    pay: Pay = "",
    currency: Money = "",
    quantity: Many = None,
    plan_version: Version = "",
) -> None:
    """Ask for another plan; nothing is changed until an operator approves it."""
    from planctl.core.subscriptions.start import AlreadyRunning
    from planctl.views.change import asked_answer, kept_answer

    runtime = Runtime.of(context)
    wanted = _wanted(runtime, customer, plan, pay, currency, quantity, plan_version)
    asked: Json = {
        "customer": customer, "plan": plan, "pay": pay, "in": currency, "quantity": [*(quantity or [])],
        "plan_version": plan_version,
    }  # fmt: skip
    try:
        written = _file(runtime, wanted, asked)
    except AlreadyRunning as same:
        written = _take_back(runtime, wanted, asked, same.message)
        runtime.show(kept_answer(written.document))
        runtime.done(written)
        return
    runtime.show(asked_answer(written.document))
    runtime.done(written, undo=f"planctl change reject {_name(written.document)}")


@app.writes("now")
def now(
    context: typer.Context,
    customer: Customer,
    plan: Plan,
    pay: Pay = "",
    currency: Money = "",
    quantity: Many = None,
    plan_version: Version = "",
) -> None:
    """Change to another plan at once, whatever its group says: unused days are credited, the new plan is charged."""
    from dataclasses import replace

    runtime = Runtime.of(context)
    wanted = _wanted(runtime, customer, plan, pay, currency, quantity, plan_version)
    wanted = replace(wanted, when="now")
    asked: Json = {
        "customer": customer, "plan": plan, "pay": pay, "in": currency, "quantity": [*(quantity or [])],
        "plan_version": plan_version,
    }  # fmt: skip
    _make(runtime, asked, lambda _tx, _now: (wanted, None))


@app.writes("approve")
def approve(
    context: typer.Context,
    change: Asked,
    at: Annotated[str, typer.Option(metavar="now", help="At once, not at the renewal.")] = "",
) -> None:
    """Approve a change that was asked for: it takes effect at the renewal, or at once."""
    from planctl.workflows.request_changes import open_request
    from planctl.workflows.subscribe import Wanted

    runtime = Runtime.of(context)
    if at not in {"", "renewal", "now"}:
        raise InvalidInput("not possible", where="--at", expected="renewal | now", got=at)

    def found(tx: Tx, as_of: Instant) -> Make:
        waiting = open_request(tx, change, as_of)
        wish = waiting.wish
        wanted = Wanted(
            waiting.customer, wish.plan, wish.pay, wish.currency, "", wish.quantity, wish.quantities,
            plan_version=wish.version or "newest", when="now" if at == "now" else "renewal", may_ask=True,
        )  # fmt: skip
        return wanted, waiting

    _make(runtime, {"change": change, "at": at}, found)


@app.writes("reject")
def reject(context: typer.Context, change: Asked) -> None:
    """Reject a change that was asked for: what runs goes on; --reason is kept with it."""
    from planctl.core.subscriptions.change_requests import RequestStatus
    from planctl.views.change import change_document, rejected_answer, rejecting_lines
    from planctl.workflows.request_changes import answer, open_request, read_changed

    runtime = Runtime.of(context)

    def ask() -> None:
        with runtime.open_read() as tx:
            as_of = runtime.as_of(tx)
            shown = read_changed(tx, open_request(tx, change, as_of), as_of)
        runtime.confirm(rejecting_lines(shown), "Reject it?")

    def write(tx: Tx) -> Kept:
        as_of = runtime.as_of(tx)
        waiting = open_request(tx, change, as_of)
        done = answer(tx, waiting, RequestStatus.REJECTED, as_of, runtime.reason)
        return Kept(change_document(read_changed(tx, done, as_of)))

    written = runtime.run_write({"change": change}, write, ask=ask)
    runtime.show(rejected_answer(written.document))
    runtime.done(written, undo=_again(written.document))


@app.reads("list")
def list_(
    context: typer.Context,
    customer: Annotated[str, typer.Option(help="Of this customer.")] = "",
    status: Annotated[str, typer.Option(help="In this status.")] = "",
    limit: Limit = 0,
) -> None:
    """List changes: what waits for an answer, what is scheduled, what was answered."""
    from planctl.views.change import changes_answer
    from planctl.workflows.request_changes import STATUSES, Filter, read_changes

    runtime = Runtime.of(context)
    if status not in {"", *STATUSES}:
        raise InvalidInput("no status", where="--status", expected=" | ".join(STATUSES), got=status)
    with runtime.open_read() as tx:
        found = read_changes(tx, Filter(customer, status, limit), runtime.as_of(tx))
        timezone = runtime.timezone(tx)
    runtime.show(changes_answer(found, timezone))


def _wanted(
    runtime: Runtime,
    customer: str,
    plan: str,
    pay: str,
    currency: str,
    quantity: list[str] | None,
    plan_version: str,
) -> Wanted:
    from planctl.workflows.subscribe import Wanted

    units, quantities = bought(quantity or [])
    version = checked_version(plan_version)
    return Wanted(
        customer, plan, pay, currency, "", units, quantities, plan_version=version, may_ask=runtime.can_ask
    )


def _file(runtime: Runtime, wanted: Wanted, asked: Json) -> Written:
    """Show and confirm a request, then keep it; AlreadyRunning where the plan runs as it is asked for."""
    from planctl.core.subscriptions.change_requests import wish_for
    from planctl.views.change import asked_document, request_lines
    from planctl.workflows.request_changes import file_request, open_request_of, read_changed

    def ask() -> None:
        with runtime.open_read() as tx:
            proposal = _asked_for(tx, wanted, runtime.as_of(tx))
            assert proposal.change is not None
            waiting = open_request_of(tx, proposal.change.before)
        runtime.confirm(request_lines(proposal.change, waiting), "Ask for it?")

    def write(tx: Tx) -> Kept:
        as_of = runtime.as_of(tx)
        change = _asked_for(tx, wanted, as_of).change
        assert change is not None
        wish = wish_for(change.successor, wanted.quantity, wanted.quantities, wanted.plan_version)
        done = file_request(tx, change.before, wish, as_of)
        shown = read_changed(tx, done.request, as_of)
        return Kept(asked_document(shown, done), changed=not done.existed)

    return runtime.run_write(asked, write, ask=ask)


def _asked_for(tx: Tx, wanted: Wanted, as_of: Instant) -> Proposal:
    """The change that a request asks for, at the renewal; at once where there is none. AlreadyRunning without one."""
    from dataclasses import replace

    from planctl.core.subscriptions.start import AlreadyRunning
    from planctl.workflows.subscribe import propose_subscription

    try:
        proposal = propose_subscription(tx, replace(wanted, when="renewal"), as_of)
    except Refused as refused:
        if refused.code != "no-renewal":
            raise
        proposal = propose_subscription(tx, replace(wanted, when="now"), as_of)
    if proposal.kept is not None:
        one = proposal.kept.kept
        raise AlreadyRunning(f"{one.customer} runs {one.plan}; nothing was changed", where=one.id)
    _check_change(proposal)
    return proposal


def _take_back(runtime: Runtime, wanted: Wanted, asked: Json, why: str) -> Written:
    """Withdraw the request that waits for the plan that runs: to ask for that plan is to ask for nothing else."""
    from planctl.workflows.request_changes import withdraw_request

    def write(tx: Tx) -> Kept:
        gone = withdraw_request(tx, wanted.customer, wanted.plan, runtime.as_of(tx))
        document: Json = {
            "customer": wanted.customer, "plan": wanted.plan, "said": why,
            "withdrawn": None if gone is None else gone.wish.plan,
        }  # fmt: skip
        return Kept(document, changed=gone is not None)

    return runtime.run_write(asked, write)


def _make(runtime: Runtime, asked: Json, found: Callable[[Tx, Instant], Make]) -> None:
    """Show and confirm a change, make it in one transaction, approving the request for it, and say what was done."""
    from planctl.core.subscriptions.start import AlreadyRunning
    from planctl.views.change import changed_answer

    try:
        written = _change_it(runtime, asked, found)
    except AlreadyRunning as same:
        runtime.say(same.message)
        return
    runtime.show(changed_answer(written.document))
    runtime.done(written, undo=undo_of(written.document))


def _change_it(runtime: Runtime, asked: Json, found: Callable[[Tx, Instant], Make]) -> Written:
    from planctl.core.promises import Promise, check_kept
    from planctl.core.subscriptions.change_requests import RequestStatus
    from planctl.views.changing import change_document
    from planctl.views.subscription import Shown, started_document
    from planctl.workflows.request_changes import answer
    from planctl.workflows.subscribe import apply_subscription, propose_subscription

    promised: Promise | None = None

    def ask() -> None:
        nonlocal promised
        with runtime.open_read() as tx:
            as_of = runtime.as_of(tx)
            wanted, _ = found(tx, as_of)
            proposal = propose_subscription(tx, wanted, as_of)
        _check_change(proposal)
        promised = proposal.promise if runtime.can_ask else None
        runtime.confirm(*proposal_lines(proposal))

    def write(tx: Tx) -> Kept:
        as_of = runtime.as_of(tx)
        wanted, waiting = found(tx, as_of)
        proposal = propose_subscription(tx, wanted, as_of)
        _check_change(proposal)
        check_kept(promised, proposal.promise, f"{wanted.customer}/{proposal.subscription.plan}")
        if waiting is not None:  # first: making the change would withdraw it
            answer(tx, waiting, RequestStatus.APPROVED, as_of, runtime.reason)
        done = apply_subscription(tx, proposal, runtime.now)
        told = started_document(Shown(done.subscription, as_of), done.invoices, done.replaced)
        if proposal.change is not None:
            told |= {"change": change_document(proposal.change, proposal.billed)}
        return Kept(told | {"kept": proposal.kept is not None, "approved": waiting is not None})

    return runtime.run_write(asked, write, ask=ask)


def _check_change(proposal: Proposal) -> None:
    """Refused where nothing runs whose place the plan would take: that is a start."""
    if proposal.change is not None or proposal.kept is not None:
        return
    one = proposal.subscription
    raise Refused(
        f"{one.customer} runs no plan whose place {one.plan} would take: that is no change",
        code="no-change",
        where=f"{one.customer}/{one.plan}",
        hint=f"planctl subscribe {one.customer} {one.plan}",
    )


def _name(document: Json) -> str:
    assert isinstance(document, dict)
    return f"{document['customer']}/{document['plan']}"


def _again(document: Json) -> str:
    """The command that asks for the same again."""
    assert isinstance(document, dict)
    to = document["to"]
    assert isinstance(to, dict)
    return f"planctl change request {document['customer']} {to['plan']}"
