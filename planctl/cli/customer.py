"""`planctl customer …`: customers; the workflows decide, this module listens."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from planctl.cli.boundary import Found
from planctl.cli.options import App
from planctl.cli.runtime import Kept, Runtime
from planctl.cli.values import Limit
from planctl.errors import WrongUsage
from planctl.findings import in_order

if TYPE_CHECKING:
    from collections.abc import Callable

    from planctl.core.document import Document
    from planctl.store.engine import Tx

app = App("Add, import and show customers.")

Id = Annotated[str, typer.Argument(metavar="CUSTOMER", help="The customer's id.")]
Name = Annotated[str | None, typer.Option(help="What it is called.")]
Email = Annotated[list[str] | None, typer.Option(help="An e-mail address; may be repeated.")]
Currency = Annotated[str | None, typer.Option(metavar="CODE", help="The currency it pays in.")]
Timezone = Annotated[
    str | None, typer.Option(metavar="ZONE", help="Where its days begin; default: the store's.")
]
Country = Annotated[str | None, typer.Option(metavar="CC", help="Its country, two letters of ISO 3166-1.")]
Address = Annotated[str | None, typer.Option(help="Its address, as it stands on invoices.")]
TaxId = Annotated[str | None, typer.Option(help="Its tax number.")]
Locale = Annotated[str | None, typer.Option(metavar="L", help="Its language, such as en or de-AT.")]
Parent = Annotated[str | None, typer.Option(metavar="CUSTOMER", help="The company it belongs to.")]
Fingerprint = Annotated[str | None, typer.Option(help="What tells it from others when it takes a trial.")]
Tax = Annotated[
    str | None, typer.Option(metavar="CODE|exempt|reverse", help="Its tax; default: by its country.")
]
FIELDS_BY_OPTION = (
    "name", "email", "currency", "timezone", "country", "address", "tax_id", "locale", "parent",
    "fingerprint", "tax", "payment_method",
)  # fmt: skip
"""The options of add and update that are fields of a customer; in update an empty value takes the field back."""
Method = Annotated[str | None, typer.Option(metavar="card|invoice|none", help="How it pays; default: none.")]


@app.writes("add")
def add(
    context: typer.Context,
    customer: Id,
    name: Name = None,
    email: Email = None,
    currency: Currency = None,
    timezone: Timezone = None,
    country: Country = None,
    address: Address = None,
    tax_id: TaxId = None,
    locale: Locale = None,
    parent: Parent = None,
    fingerprint: Fingerprint = None,
    tax: Tax = None,
    payment_method: Method = None,
    plan: Annotated[str, typer.Option(help="Assign and start this plan, too.")] = "",
    pay: Annotated[str, typer.Option(help="Its price row: month, year, 3 months …")] = "",
    start: Annotated[str, typer.Option(metavar="DATE", help="When its first period begins.")] = "",
) -> None:
    """Add a customer; plans given to everybody start at once."""
    from planctl.views.customer import kept_answer, kept_document
    from planctl.workflows.keep_customers import add_customer

    runtime = Runtime.of(context)
    said = _said(context)

    def write(tx: Tx) -> Kept:
        kept = add_customer(tx, customer, said, runtime.as_of(tx), runtime.now, plan)
        if kept.findings:
            raise Found(kept.findings)
        enabled = [(one.plan, one.id) for one in kept.enabled]
        return Kept(kept_document(kept.customer, enabled, existed=kept.existed), changed=not kept.existed)

    if plan:
        _add_with_plan(runtime, _request(customer, said), write, (plan, pay, start))
        return
    if pay or start:
        raise WrongUsage("--pay and --start are of a plan", where="customer add", hint="name it with --plan")
    written = runtime.run_write(_request(customer, said), write, create=True)
    runtime.show(kept_answer(written.document, "added"))
    runtime.done(written, undo=f"planctl customer archive {customer}")


def _add_with_plan(
    runtime: Runtime, request: dict[str, Document], add_it: Callable[[Tx], Kept], sold: tuple[str, str, str]
) -> None:
    """Add, assign and subscribe in one transaction; what will be started is shown and confirmed first."""
    from planctl.core.promises import Promise, check_kept
    from planctl.views.subscription import Shown, start_lines, started_answer, started_document
    from planctl.workflows import assign_plan, subscribe

    customer, (plan, pay, start) = str(request["customer"]), sold
    wanted = subscribe.Wanted(customer, plan, pay, start=start)

    def promise(offer: subscribe.Proposal) -> Promise:
        # A free plan given to every new customer gets another id each time it is tried.
        return {name: text for name, text in offer.promise.items() if name != "replaced subscriptions"}

    def proposed(tx: Tx) -> subscribe.Proposal:
        add_it(tx)
        now = runtime.as_of(tx)
        assign_plan.assign_plan(tx, assign_plan.Wanted(customer, plan), now)
        return subscribe.propose_subscription(tx, wanted, now)

    promised: Promise | None = None

    def ask() -> None:
        nonlocal promised
        with runtime.open_store().write() as tx:
            tx.rollback_only()
            offer = proposed(tx)
        promised = promise(offer) if runtime.can_ask else None
        lines = start_lines(
            offer.subscription, offer.billed.drafts, offer.starting.replaced, offer.differences
        )
        runtime.confirm([f"adds customer {customer}", *lines], "Add and start it?")

    def write(tx: Tx) -> Kept:
        offer = proposed(tx)
        check_kept(promised, promise(offer), f"{customer}/{plan}")
        done = subscribe.apply_subscription(tx, offer, runtime.now)
        shown = Shown(done.subscription, runtime.as_of(tx))
        return Kept(started_document(shown, done.invoices, done.replaced))

    asked: Document = {**request, "plan": plan, "pay": pay, "start": start}
    written = runtime.run_write(asked, write, ask=ask)
    runtime.show(started_answer(written.document))
    runtime.done(written, undo=f"planctl subscription cancel {customer}/{plan} --at now")


@app.writes("update", may_be_empty=FIELDS_BY_OPTION)
def update(
    context: typer.Context,
    customer: Id,
    name: Name = None,
    email: Email = None,
    currency: Currency = None,
    timezone: Timezone = None,
    country: Country = None,
    address: Address = None,
    tax_id: TaxId = None,
    locale: Locale = None,
    parent: Parent = None,
    fingerprint: Fingerprint = None,
    tax: Tax = None,
    payment_method: Method = None,
) -> None:
    """Change what is said of a customer; an empty value takes a field back."""
    from planctl.views.customer import kept_answer, kept_document
    from planctl.workflows.keep_customers import update_customer

    runtime = Runtime.of(context)
    said = _said(context)

    def write(tx: Tx) -> Kept:
        kept = update_customer(tx, customer, said, runtime.as_of(tx))
        if kept.findings:
            raise Found(kept.findings)
        return Kept(kept_document(kept.customer, [], existed=kept.existed), changed=not kept.existed)

    written = runtime.run_write(_request(customer, said), write)
    runtime.show(kept_answer(written.document, "updated"))
    runtime.done(
        written, undo=f"planctl customer update {customer} with what was said before (planctl audit log)"
    )


@app.reads("list")
def list_(
    context: typer.Context,
    currency: Annotated[str, typer.Option(metavar="CODE", help="Those that pay in it.")] = "",
    parent: Annotated[str, typer.Option(metavar="CUSTOMER", help="Those that belong to it.")] = "",
    archived: Annotated[bool, typer.Option("--archived", help="Archived ones too.")] = False,
    limit: Limit = 0,
) -> None:
    """List customers, oldest first."""
    from planctl.store.customers import CustomerFilter
    from planctl.views.customer import customers_answer
    from planctl.workflows.keep_customers import list_customers

    runtime = Runtime.of(context)
    with runtime.open_read() as tx:
        wanted = CustomerFilter(currency=currency, parent=parent, archived=archived, limit=limit or None)
        found = list_customers(tx, wanted)
        timezone = runtime.timezone(tx)
    runtime.show(customers_answer(found, timezone))


@app.reads("show")
def show(context: typer.Context, customer: Id) -> None:
    """Show a customer: plans, pools, open invoices, and what happens next, with dates."""
    from planctl.views.customer import account_answer
    from planctl.workflows.read_accounts import account_of

    runtime = Runtime.of(context)
    with runtime.open_read() as tx:
        account = account_of(tx, customer, runtime.as_of(tx))
    runtime.show(account_answer(account))


@app.writes("import")
def import_(
    context: typer.Context,
    file: Annotated[str, typer.Argument(help="CSV with a header, or NDJSON; - is standard input.")],
    auto_enable: Annotated[
        bool, typer.Option("--auto-enable", help="Start the plans given to everybody, too.")
    ] = False,
) -> None:
    """Add many customers: all rows or, with findings, none. Those there already are left as they are."""
    from planctl.files.table_reader import read_table
    from planctl.views.customer import imported_answer, imported_document
    from planctl.workflows.keep_customers import COLUMNS, import_customers, import_findings

    runtime = Runtime.of(context)
    table = read_table(file, COLUMNS)
    if table.findings:
        with runtime.open_read_if_any() as tx:
            more = import_findings(tx, table.rows, runtime.as_of(tx)) if tx is not None else ()
        raise Found(in_order([*table.findings, *more]))

    def write(tx: Tx) -> Kept:
        made = import_customers(tx, table.rows, runtime.as_of(tx), runtime.now, auto_enable=auto_enable)
        if made.findings:
            raise Found(made.findings)
        counts = {"customer": len(made.added), "subscription": made.enabled}
        document = imported_document(made.added, made.existing, made.enabled)
        return Kept(document, counts=counts, changed=bool(made.added))

    request: Document = {"file": file, "digest": table.digest, "auto_enable": auto_enable}
    written = runtime.run_write(request, write, create=True)
    runtime.show(imported_answer(written.document))
    runtime.done(written)


@app.writes("archive")
def archive(
    context: typer.Context,
    customer: Id,
    off: Annotated[bool, typer.Option("--off", help="Take it back.")] = False,
) -> None:
    """Archive a customer: nothing new is sold to it; everything it had is kept."""
    from planctl.views.customer import kept_answer, kept_document
    from planctl.workflows.keep_customers import archive_customer

    runtime = Runtime.of(context)

    def write(tx: Tx) -> Kept:
        kept = archive_customer(tx, customer, runtime.as_of(tx), off=off)
        return Kept(kept_document(kept.customer, [], existed=kept.existed), changed=not kept.existed)

    written = runtime.run_write({"customer": customer, "off": off}, write)
    runtime.show(kept_answer(written.document, "is not archived any more" if off else "archived"))
    runtime.done(written, undo=f"planctl customer archive {customer}{'' if off else ' --off'}")


def _said(context: typer.Context) -> dict[str, str]:
    """The fields of which anything was said; the context keeps every option under its parameter's name."""
    given = {"emails" if name == "email" else name: context.params[name] for name in FIELDS_BY_OPTION}
    given["emails"] = ";".join(given["emails"]) if given["emails"] else None
    return {name: text for name, text in given.items() if text is not None}


def _request(customer: str, said: dict[str, str]) -> dict[str, Document]:
    return {"customer": customer, **said}
