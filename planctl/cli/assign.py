"""`planctl assign`: set a plan aside for a customer, showing its exact pricing; renew the terms of one that runs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from planctl.cli.options import App
from planctl.cli.runtime import Kept, Runtime
from planctl.cli.values import number
from planctl.errors import InvalidInput, NotYet

if TYPE_CHECKING:
    from planctl.core.periods import Instant
    from planctl.store.engine import Tx
    from planctl.views.sheet import Json
    from planctl.workflows.assign_plan import Reassignment, Wanted

app = App("Set a plan aside for a customer.")


@app.writes("assign")
def assign(
    context: typer.Context,
    customer: Annotated[str, typer.Argument(help="The customer's id.")],
    plan: Annotated[str, typer.Argument(help="The plan's id.")],
    pay: Annotated[str, typer.Option(help="The price row: month, year, 3 months …")] = "",
    currency: Annotated[str, typer.Option("--in", metavar="CODE", help="The currency.")] = "",
    price: Annotated[str, typer.Option(metavar="AMOUNT", help="An agreed price for that row.")] = "",
    terms: Annotated[
        list[str] | None, typer.Option("--set", metavar="PATH=VALUE", help="Another agreed term; repeatable.")
    ] = None,
    at: Annotated[str, typer.Option(help="When new terms of a running plan hold: renewal or now.")] = "",
) -> None:
    """Set a plan aside for a customer: it charges and grants nothing until it is started.

    A plan that runs takes its newest terms instead, at its renewal or now; agreed terms are kept.
    """
    from planctl.views.reassign import reassigned_answer, undo_of
    from planctl.views.subscription import assigned_answer
    from planctl.workflows.assign_plan import Wanted, propose_reassignment

    runtime = Runtime.of(context)
    agreed = dict(split(text) for text in terms or [])
    agreed_price = number(price, "--price") if price else None
    if at not in {"", "renewal", "now"}:
        raise InvalidInput("not possible", where="--at", expected="renewal | now", got=at)
    wanted = Wanted(customer, plan, pay, currency, agreed_price, agreed, at)

    def write(tx: Tx) -> Kept:
        now = runtime.as_of(tx)
        again = propose_reassignment(tx, wanted, now)
        return _set_aside(tx, wanted, now) if again is None else _renew(tx, runtime, wanted, again, now)

    request: Json = {
        "customer": customer, "plan": plan, "pay": pay, "in": currency, "price": price, "set": agreed, "at": at
    }  # fmt: skip
    written = runtime.run_write(request, write)
    document = written.document
    assert isinstance(document, dict)
    if "reassigned" in document:
        runtime.show(reassigned_answer(document))
        runtime.done(written, undo=undo_of(document))
    else:
        runtime.show(assigned_answer(document))
        runtime.done(written, undo=f"planctl unassign {customer} {plan}")


def _set_aside(tx: Tx, wanted: Wanted, now: Instant) -> Kept:
    from planctl.store.selling import existing
    from planctl.views.foreseen import foreseen_lines
    from planctl.views.subscription import assigned_document
    from planctl.workflows.assign_plan import assign_plan

    made = assign_plan(tx, wanted, now)
    foreseen = foreseen_lines(made.offered.terms, now, existing(tx, wanted.customer).timezone)
    document = assigned_document(
        made.assignment, made.offered, made.sales, existed=made.existed, dropped=made.dropped
    )
    document |= {"foreseen": [*foreseen]}
    return Kept(document, changed=not made.existed)


def _renew(tx: Tx, runtime: Runtime, wanted: Wanted, again: Reassignment, now: Instant) -> Kept:
    """Make the change to the newest terms of a running plan, unless it has them."""
    from planctl.core.subscriptions.start import AlreadyRunning
    from planctl.views.changing import change_document
    from planctl.views.reassign import terms_document
    from planctl.views.subscription import Shown, started_document
    from planctl.workflows.subscribe import Wanted as Started
    from planctl.workflows.subscribe import apply_subscription, propose_subscription

    told: dict[str, Json] = {
        "reassigned": terms_document(again.before, again.version, again.kept, (again.keeps, again.lacks))
    }
    if again.unchanged:
        return Kept(told | {"existed": True}, changed=False)
    asked = Started(
        wanted.customer, wanted.plan, again.pay, again.currency, negotiated=again.kept.terms,
        plan_version="newest", may_ask=True, when="now" if wanted.at == "now" else "renewal", reassign=True,
    )  # fmt: skip
    try:
        proposal = propose_subscription(tx, asked, now)
    except AlreadyRunning as same:
        if again.keeps or again.lacks:
            raise NotYet("reassign", where=same.where, hint="cancel it and start it again") from same
        return Kept(told | {"existed": True}, changed=False)
    assert proposal.change is not None, f"{again.before.id}: newer terms are a change"
    done = apply_subscription(tx, proposal, runtime.now)
    document = started_document(Shown(done.subscription, now), done.invoices, done.replaced)
    document |= {"change": change_document(proposal.change, proposal.billed), "kept": False}
    return Kept(document | told | {"existed": False})


def split(text: str) -> tuple[str, str]:
    """`PATH=VALUE` in two; InvalidInput without an equals sign."""
    path, equals, value = text.partition("=")
    if not equals or not path:
        raise InvalidInput("not a path and a value", where="--set", expected="PATH=VALUE", got=text)
    return path.strip(), value.strip()
