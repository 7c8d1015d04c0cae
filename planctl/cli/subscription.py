"""`planctl subscription …`: list, show, change quantities, cancel and import; the workflows decide."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from planctl.cli.boundary import Found
from planctl.cli.options import App
from planctl.cli.runtime import Kept, Runtime
from planctl.cli.values import Limit, days_to_extend, number
from planctl.cli.values import status as status_in
from planctl.errors import InvalidInput

if TYPE_CHECKING:
    from planctl.store.engine import Tx

app = App("List, show, change, cancel and import subscriptions.")

Address = Annotated[str, typer.Argument(help="sub_…, CUSTOMER/PLAN, or CUSTOMER where it has one.")]


@app.reads("list")
def list_(
    context: typer.Context,
    customer: Annotated[str, typer.Option(help="Of this customer.")] = "",
    plan: Annotated[str, typer.Option(help="Of this plan.")] = "",
    status: Annotated[str, typer.Option(help="In this status.")] = "",
    currency: Annotated[str, typer.Option(help="In this currency.")] = "",
    limit: Limit = 0,
) -> None:
    """List subscriptions, oldest first."""
    from planctl.core.subscriptions.model import Status
    from planctl.views.subscription import subscriptions_answer
    from planctl.workflows.read_subscriptions import Filter, read_all

    runtime = Runtime.of(context)
    with runtime.open_read() as tx:
        as_of = runtime.as_of(tx)
        found = read_all(tx, Filter(customer, plan, status_in(status, Status), currency, limit), as_of)
        timezone = runtime.timezone(tx)
    runtime.show(subscriptions_answer(found, timezone))


@app.reads("show")
def show(context: typer.Context, subscription: Address) -> None:
    """Show a subscription as it stands now: status and why, period, terms, what is used, what comes next."""
    from planctl.views.subscription_page import subscription_answer
    from planctl.workflows.read_subscriptions import read_one

    runtime = Runtime.of(context)
    with runtime.open_read() as tx:
        shown = read_one(tx, subscription, runtime.as_of(tx))
    runtime.show(subscription_answer(shown))


@app.writes("quantity")
def quantity(
    context: typer.Context,
    subscription: Address,
    quantity: Annotated[str, typer.Argument(metavar="[FEATURE=]N", help="The new total.")],
    at: Annotated[str, typer.Option(metavar="now", help="Lower it now, not at the renewal.")] = "",
) -> None:
    """Change how many are held: more now, charged for the rest of the period; fewer at the renewal."""
    from planctl.core.promises import Promise, check_kept
    from planctl.views.quantity import quantity_answer, quantity_document, quantity_lines, undo_of
    from planctl.views.subscription import Shown
    from planctl.workflows.change_quantity import QuantityWanted, apply_quantity, propose_quantity

    runtime = Runtime.of(context)
    if at not in {"", "now"}:
        raise InvalidInput("not possible", where="--at", expected="now", got=at)
    feature, _, total = quantity.rpartition("=")
    wanted = QuantityWanted(subscription, number(total, "QUANTITY", quantity), feature, at == "now")
    promised: Promise | None = None

    def ask() -> None:
        nonlocal promised
        with runtime.open_read() as tx:
            changing = propose_quantity(tx, wanted, runtime.as_of(tx))
        if changing.change.unchanged:
            return
        promised = changing.promise if runtime.can_ask else None
        money = changing.money
        runtime.confirm(quantity_lines(changing.change, money.drafts, money.credits), "Change it?")

    def write(tx: Tx) -> Kept:
        now = runtime.as_of(tx)
        changing = propose_quantity(tx, wanted, now)
        check_kept(promised, changing.promise, subscription)
        done = apply_quantity(tx, changing, now, runtime.now)
        shown = Shown(done.subscription, now)
        document = quantity_document(changing.change, shown, done.invoices, done.credits)
        return Kept(document, changed=not changing.change.unchanged)

    request = {"subscription": subscription, "quantity": quantity, "at": at}
    written = runtime.run_write(request, write, ask=ask)
    runtime.show(quantity_answer(written.document))
    runtime.done(written, undo=undo_of(written.document, subscription) if written.changed else "")


@app.writes("cancel")
def cancel(
    context: typer.Context,
    subscription: Address,
    at: Annotated[str, typer.Option(metavar="now", help="End it now, not at the period's end.")] = "",
    refund: Annotated[str, typer.Option(metavar="none|prorated", help="What is paid back.")] = "none",
) -> None:
    """End a subscription, at its period's end or now; its final usage is still billed."""
    from planctl.core.accounts import Shown
    from planctl.core.promises import Promise, check_kept
    from planctl.store.selling import subscription_at
    from planctl.views.pause import Beside, cancel_undo, ended_answer, ended_document, ending_lines
    from planctl.workflows.change_subscription import apply_cancel, propose_cancel

    runtime = Runtime.of(context)
    for option, text, allowed in (("--at", at, ("", "now")), ("--refund", refund, ("none", "prorated"))):
        if text not in allowed:
            raise InvalidInput(
                "not possible", where=option, expected=" | ".join(filter(None, allowed)), got=text
            )

    promised: Promise | None = None

    def ask() -> None:
        nonlocal promised
        with runtime.open_read() as tx:
            now = runtime.as_of(tx)
            ending = propose_cancel(
                tx, subscription_at(tx, subscription), now, at_once=at == "now", refund=refund
            )
        promised = ending.promise if runtime.can_ask else None
        parts = [one.parts for one in ending.credits] if refund == "prorated" else None
        beside = Beside(ending.addons, ending.withdrawn, ending.released)
        lines = ending_lines(ending.subscription, ending.drafts, beside, parts)
        runtime.confirm(lines, "Cancel it?")

    def write(tx: Tx) -> Kept:
        now = runtime.as_of(tx)
        ending = propose_cancel(
            tx, subscription_at(tx, subscription), now, at_once=at == "now", refund=refund
        )
        check_kept(promised, ending.promise, subscription)
        done = apply_cancel(tx, ending, now, runtime.now)
        returned = done.returned if refund == "prorated" else None
        beside = Beside(ending.addons, ending.withdrawn, ending.released)
        shown = Shown(done.subscription, now, addons=ending.addons)
        document = ended_document(shown, done.invoices, beside, returned, unchanged=ending.unchanged)
        return Kept(document, changed=not ending.unchanged)

    request = {"subscription": subscription, "at": at, "refund": refund}
    written = runtime.run_write(request, write, ask=ask)
    runtime.show(ended_answer(written.document))
    runtime.done(written, undo=cancel_undo(written.document, subscription))


@app.writes("pause")
def pause(context: typer.Context, subscription: Address) -> None:
    """Stop a subscription for a while: no access, no renewals; what is paid of the period goes to the balance."""
    from planctl.core.accounts import Shown
    from planctl.core.promises import Promise, check_kept
    from planctl.views.pause import pause_lines, paused_answer, paused_document
    from planctl.workflows.pause_subscription import apply_pause, propose_pause

    runtime = Runtime.of(context)
    promised: Promise | None = None

    def ask() -> None:
        nonlocal promised
        with runtime.open_read() as tx:
            pausing = propose_pause(tx, subscription, runtime.as_of(tx))
        promised = pausing.promise if runtime.can_ask else None
        lines = pause_lines(pausing.subscription, pausing.addons, [one.parts for one in pausing.credits])
        runtime.confirm(lines, "Pause it?")

    def write(tx: Tx) -> Kept:
        now = runtime.as_of(tx)
        pausing = propose_pause(tx, subscription, now)
        check_kept(promised, pausing.promise, subscription)
        done = apply_pause(tx, pausing, now, runtime.now)
        shown = Shown(done.subscription, now, addons=done.addons)
        return Kept(paused_document(shown, done.returned))

    written = runtime.run_write({"subscription": subscription}, write, ask=ask)
    runtime.show(paused_answer(written.document))
    runtime.done(written, undo=f"planctl subscription resume {subscription}")


@app.writes("resume")
def resume(context: typer.Context, subscription: Address) -> None:
    """End a pause: the rest of the running period is charged; or take back a cancellation that is still to come."""
    from planctl.core.accounts import Shown
    from planctl.views.pause import resume_undo, resumed_answer, resumed_document
    from planctl.workflows.pause_subscription import apply_resume, propose_resume

    runtime = Runtime.of(context)

    def write(tx: Tx) -> Kept:
        now = runtime.as_of(tx)
        resuming = propose_resume(tx, subscription, now)
        done = apply_resume(tx, resuming, now, runtime.now)
        shown = Shown(done.subscription, now, addons=done.addons)
        return Kept(resumed_document(shown, done.invoices, kept=resuming.kept is not None))

    written = runtime.run_write({"subscription": subscription}, write)
    runtime.show(resumed_answer(written.document))
    runtime.done(written, undo=resume_undo(written.document, subscription))


@app.writes("lock")
def lock(context: typer.Context, subscription: Address) -> None:
    """Keep a subscription out of migrations; needs --reason."""
    runtime = Runtime.of(context)
    _lock(runtime, subscription, runtime.require_reason(), undo=f"planctl subscription unlock {subscription}")


@app.writes("unlock")
def unlock(context: typer.Context, subscription: Address) -> None:
    """Let migrations move a subscription again."""
    again = f"planctl subscription lock {subscription} --reason TEXT"
    _lock(Runtime.of(context), subscription, "", undo=again)


def _lock(runtime: Runtime, subscription: str, reason: str, *, undo: str) -> None:
    from planctl.core.accounts import Shown
    from planctl.views.pause import lock_answer, lock_document
    from planctl.workflows.lock_subscription import lock

    def write(tx: Tx) -> Kept:
        now = runtime.as_of(tx)
        done = lock(tx, subscription, reason, now)
        return Kept(lock_document(Shown(done.subscription, now), changed=done.changed), changed=done.changed)

    written = runtime.run_write({"subscription": subscription, "locked": reason}, write)
    runtime.show(lock_answer(written.document))
    runtime.done(written, undo=undo)


@app.writes("extend")
def extend(
    context: typer.Context,
    subscription: Address,
    trial: Annotated[int, typer.Option(metavar="DAYS", help="Let its trial end later.")] = 0,
    due: Annotated[int, typer.Option(metavar="DAYS", help="Let its unpaid invoices fall due later.")] = 0,
    grace: Annotated[int, typer.Option(metavar="DAYS", help="Let the grace of those end later.")] = 0,
    expiry: Annotated[int, typer.Option(metavar="DAYS", help="Let its terms run out later.")] = 0,
) -> None:
    """Move one customer's dates on by local days; needs --reason."""
    from planctl.core.accounts import Shown
    from planctl.views.extension import extended_answer, extended_document, extension_note
    from planctl.workflows.extend_subscription import Wanted, extend_subscription

    runtime = Runtime.of(context)
    wanted = Wanted(subscription, trial, due, grace, expiry)
    days_to_extend(wanted.days)
    runtime.require_reason()

    def write(tx: Tx) -> Kept:
        now = runtime.as_of(tx)
        done = extend_subscription(tx, wanted, now, runtime.now)
        shown = Shown(done.subscription, now, addons=done.addons)
        return Kept(extended_document(done.before, shown, done.moved, done.issued))

    request = {"subscription": subscription, **{what: str(days) for what, days in wanted.days.items()}}
    written = runtime.run_write(request, write)
    runtime.show(extended_answer(written.document))
    runtime.done(written, extension_note(written.document))


@app.writes("import")
def import_(
    context: typer.Context,
    file: Annotated[Path, typer.Argument(help="CSV with a header, or NDJSON; - is standard input.")],
) -> None:
    """Move subscriptions in from another system: all rows or, with findings, none."""
    from planctl.files.table_reader import read_table
    from planctl.views.subscription import imported_answer, imported_document
    from planctl.workflows.import_subscriptions import COLUMNS, PREFIXES, import_subscriptions

    runtime = Runtime.of(context)
    table = read_table(str(file), COLUMNS, PREFIXES)
    if table.findings:
        raise Found(table.findings, {})

    def write(tx: Tx) -> Kept:
        made = import_subscriptions(tx, table.rows, runtime.as_of(tx), runtime.now)
        if made.findings:
            raise Found(made.findings, {})
        return Kept(
            imported_document(made.subscriptions, made.invoices, made.existing),
            counts={"subscription": len(made.subscriptions)},
            changed=bool(made.subscriptions),
        )

    request = {"file": str(file), "digest": table.digest}
    lines = [f"{len(table.rows)} subscriptions from {file}"]
    written = runtime.run_write(request, write, ask=lambda: runtime.confirm(lines, "Import them?"))
    runtime.show(imported_answer(written.document))
    runtime.done(written)
