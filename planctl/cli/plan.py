"""`planctl plan …`: plans, add-ons and packs; the workflows decide, this module listens."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from planctl.cli.editing import Outside
from planctl.cli.options import App
from planctl.cli.runtime import Runtime
from planctl.cli.values import Limit

if TYPE_CHECKING:
    from planctl.files.plan_options import Options
    from planctl.store.engine import Tx
    from planctl.workflows.edit_catalog import Draft

app = App("Create, edit, archive and show plans and add-ons.")

PlanId = Annotated[str, typer.Argument(help="The id of a plan, add-on or pack.", metavar="PLAN")]
NewId = Annotated[
    str, typer.Argument(help="The id of the new plan: small letters, digits, _ and -.", metavar="ID")
]
Like = Annotated[str, typer.Option(metavar="PLAN", help="Start from the terms of another plan.")]
File = Annotated[
    str | None, typer.Option(metavar="YAML", help="Read the whole plan from a file; - is standard input.")
]
Name = Annotated[str | None, typer.Option(help="What customers read.")]
Description = Annotated[str | None, typer.Option(help="One or two sentences.")]
GroupId = Annotated[
    str | None, typer.Option(metavar="GROUP", help="The group of plans it belongs to, or none.")
]
Price = Annotated[
    list[str] | None,
    typer.Option(metavar="ROW:CUR=AMOUNT", help="month:USD=19, month:usage or free; repeatable."),
]
Feature = Annotated[
    list[str] | None,
    typer.Option(
        metavar="ID=VALUE", help="minutes=1000, sso=true, minutes=unlimited, sso=false; repeatable."
    ),
]
Trial = Annotated[str | None, typer.Option(help="14 days, or none.")]
Expires = Annotated[str | None, typer.Option(help="never, or a length such as 12 months.")]
Due = Annotated[str | None, typer.Option(help="How long an invoice may be paid: 7 days.")]
Grace = Annotated[str | None, typer.Option(help="Service after the due day: 3 days, or never.")]
Packs = Annotated[Literal["on", "off"] | None, typer.Option(help="Whether add-on packs may be bought on it.")]
Sets = Annotated[
    list[str] | None,
    typer.Option(
        "--set", metavar="PATH=VALUE", help="Any value by its path below the plan; nothing removes it."
    ),
]
InCurrency = Annotated[str, typer.Option("--in", metavar="CODE", help="The currency of badges and labels.")]

TEMPLATE = """# A new plan. Lines that begin with # are for you; leave the file as it is to make nothing.
name: {plan}
price:
  month: {{USD: 19}}        # rows: how often; columns: currencies. price: free, or {{month: usage}}
# group: main
# features: {{minutes: 1_000, sso: true}}
# due: 7 days
# grace: 3 days
"""


@app.writes("create")
def create(
    context: typer.Context,
    plan: NewId,
    addon: Annotated[
        bool, typer.Option("--addon", help="An add-on; with a wallet and price once it is a pack.")
    ] = False,
    like: Like = "",
    file: File = None,
    name: Name = None,
    description: Description = None,
    group: GroupId = None,
    price: Price = None,
    feature: Feature = None,
    trial: Trial = None,
    expires: Expires = None,
    due: Due = None,
    grace: Grace = None,
    packs: Packs = None,
    sets: Sets = None,
    outside: Outside = False,
) -> None:
    """Create a plan; without options at a terminal, in your editor."""
    from planctl.cli.editing import Edit, request_of, typed
    from planctl.workflows.edit_catalog import draft_new

    runtime = Runtime.of(context)
    options = _options(context)
    if options.empty:
        options = typed(runtime, TEMPLATE.format(plan=plan))
    address = f"{'addons' if addon else 'plans'}.{plan}"
    edit = Edit(runtime, "plan", lambda tx: draft_new(tx, address, options), outside=outside)
    edit.run(request_of(options, plan=address))


@app.writes("edit")
def edit(
    context: typer.Context,
    plan: PlanId,
    like: Like = "",
    file: File = None,
    name: Name = None,
    description: Description = None,
    group: GroupId = None,
    price: Price = None,
    feature: Feature = None,
    trial: Trial = None,
    expires: Expires = None,
    due: Due = None,
    grace: Grace = None,
    packs: Packs = None,
    sets: Sets = None,
    outside: Outside = False,
) -> None:
    """Edit a plan: new terms make a new version, running subscriptions keep theirs."""
    from planctl.cli.editing import Edit, request_of, typed
    from planctl.workflows.edit_catalog import draft_edit
    from planctl.workflows.read_plans import read_yaml

    runtime = Runtime.of(context)
    options = _options(context)
    if options.empty:
        with runtime.open_read() as tx:
            text = read_yaml(tx, "plan", plan)
        options = typed(runtime, text)
    changing = Edit(runtime, "plan", lambda tx: draft_edit(tx, "plan", plan, options), outside=outside)
    changing.run(request_of(options, plan=plan))


def _options(context: typer.Context) -> Options:
    """The options of create and edit as the workflow takes them; the context keeps each by its parameter."""
    from planctl.cli.editing import file_of, given
    from planctl.files.plan_options import Options

    params = context.params
    texts = {name: params[name] for name in ("name", "description")}
    terms = {name: params[name] for name in ("group", "trial", "expires", "due", "grace", "packs")}
    prices, features, sets = (tuple(params[name] or ()) for name in ("price", "feature", "sets"))
    return Options(
        params["like"], file_of(params["file"]), given(texts), given(terms), prices, features, sets
    )


# --- one value


@app.writes("archive")
def archive(context: typer.Context, plan: PlanId, outside: Outside = False) -> None:
    """Close a plan to new customers; who holds it keeps everything."""
    _set(context, plan, ("archived", "true"), outside)


@app.writes("unarchive")
def unarchive(context: typer.Context, plan: PlanId, outside: Outside = False) -> None:
    """Offer an archived plan again."""
    _set(context, plan, ("archived", "false"), outside)


@app.writes("activate")
def activate(context: typer.Context, plan: PlanId, outside: Outside = False) -> None:
    """Show a plan to customers."""
    _set(context, plan, ("visibility", "active"), outside)


@app.writes("deactivate")
def deactivate(context: typer.Context, plan: PlanId, outside: Outside = False) -> None:
    """Hide a plan from customers; operators can still assign it."""
    _set(context, plan, ("visibility", "inactive"), outside)


@app.writes("recommend")
def recommend(
    context: typer.Context,
    plan: PlanId,
    off: Annotated[bool, typer.Option("--off", help="Recommend it no more.")] = False,
    outside: Outside = False,
) -> None:
    """Recommend a plan on the pricing page and in listings; one per group."""
    _set(context, plan, ("recommended", "false" if off else "true"), outside)


def _set(context: typer.Context, plan: str, pair: tuple[str, str], outside: bool) -> None:
    """Set one key of a plan's entry."""
    from planctl.cli.editing import Edit
    from planctl.workflows.edit_catalog import draft_value

    key, value = pair

    def drafting(tx: Tx) -> Draft:
        return draft_value(tx, "plan", plan, key, value)

    Edit(Runtime.of(context), "plan", drafting, outside=outside).run({"plan": plan, key: value})


@app.writes("purge")
def purge(context: typer.Context, plan: PlanId, outside: Outside = False) -> None:
    """Delete a plan that nobody was ever assigned, with its versions."""
    from planctl.cli.editing import who
    from planctl.views.sheet import Answer, Json
    from planctl.workflows.edit_catalog import purge_plan

    runtime = Runtime.of(context)

    def write(tx: Tx) -> Json:
        return {"plan": plan, "revision": purge_plan(tx, plan, who(runtime, tx, outside=outside))}

    def ask() -> None:
        runtime.confirm([f"{plan} and all its versions are deleted for good"], "Delete?")

    written = runtime.run_write({"plan": plan}, write, ask=ask)
    runtime.show(Answer(written.document, (f"{plan} deleted",)))
    runtime.done(written)


# --- looking


@app.reads("list")
def list_plans(
    context: typer.Context,
    group: Annotated[str, typer.Option(metavar="GROUP", help="Only plans of this group.")] = "",
    kind: Annotated[Literal["plan", "addon", "pack"] | None, typer.Option(help="Only this kind.")] = None,
    currency: InCurrency = "",
    limit: Limit = 0,
) -> None:
    """List plans, add-ons and packs, archived ones too."""
    from planctl.views.plan import plans_answer
    from planctl.workflows.read_plans import read_all

    runtime = Runtime.of(context)
    with runtime.open_read() as tx:
        standing = read_all(tx)
    found = [
        one
        for one in standing.plans.values()
        if group in {"", one.plan.terms.group} and kind in {None, one.plan.kind}
    ]
    runtime.show(plans_answer(found[: limit or None], standing, currency))


@app.reads("show", formats=("table", "json", "ndjson", "yaml", "csv", "markdown"))
def show(context: typer.Context, plan: PlanId, currency: InCurrency = "") -> None:
    """Show everything about a plan; -f yaml prints it as a catalog file has it."""
    from planctl.views.plan import plan_answer
    from planctl.workflows.read_plans import read_all, read_yaml

    runtime = Runtime.of(context)
    with runtime.open_read() as tx:
        text = read_yaml(tx, "plan", plan)
        standing = read_all(tx)
    runtime.show(plan_answer(standing.plans[plan], standing, currency, text))


@app.reads("versions")
def versions(context: typer.Context, plan: PlanId) -> None:
    """List a plan's versions, who made them and what they changed."""
    from planctl.views.plan import versions_answer
    from planctl.workflows.read_plans import read_versions

    runtime = Runtime.of(context)
    with runtime.open_read() as tx:
        found = read_versions(tx, plan)
        timezone = runtime.timezone(tx)
    runtime.show(versions_answer(plan, found, timezone))


@app.reads("holders")
def holders(context: typer.Context, plan: PlanId) -> None:
    """List who holds a plan, on which version, and what each keeps or lacks against the newest."""
    from planctl.views.holders import holders_answer
    from planctl.workflows.read_plans import read_holders

    runtime = Runtime.of(context)
    with runtime.open_read() as tx:
        found = read_holders(tx, plan, runtime.as_of(tx))
    runtime.show(holders_answer(plan, found))


# --- named lists

Entries = Annotated[
    list[str], typer.Argument(help="Customer ids, e-mail addresses or domains.", metavar="ENTRY...")
]


@app.writes("allow")
def allow(context: typer.Context, plan: PlanId, entries: Entries) -> None:
    """Let customers have a plan that is only for a named list."""
    _listed(context, plan, entries, on=True)


@app.writes("disallow")
def disallow(context: typer.Context, plan: PlanId, entries: Entries) -> None:
    """Take customers off a plan's list; who holds the plan keeps it."""
    _listed(context, plan, entries, on=False)


def _listed(context: typer.Context, plan: str, entries: list[str], *, on: bool) -> None:
    from planctl.cli.editing import discreet
    from planctl.views.sheet import Answer, Json
    from planctl.workflows.edit_catalog import allow as put
    from planctl.workflows.edit_catalog import disallow as take

    runtime = Runtime.of(context)

    def write(tx: Tx) -> Json:
        name, changed = (put if on else take)(tx, plan, entries)
        return {"plan": plan, "list": name, "changed": changed, "given": len(entries)}

    written = runtime.run_write({"plan": plan, "entries": [discreet(entry) for entry in entries]}, write)
    document = written.document
    assert isinstance(document, dict)
    word = "put on" if on else "taken off"
    line = f"{document['changed']} of {document['given']} {word} the list {document['list']}"
    runtime.show(Answer(document, (line,)))
    runtime.done(written, undo=shlex.join(["planctl", "plan", "disallow" if on else "allow", plan, *entries]))
