"""`planctl feature …`: what plans grant; the workflows decide, this module listens."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

import typer

from planctl.cli.editing import Outside
from planctl.cli.options import App
from planctl.cli.runtime import Runtime

if TYPE_CHECKING:
    from planctl.files.plan_options import Options

app = App("Create, edit and show what plans grant.")

FeatureId = Annotated[str, typer.Argument(help="The feature's id.", metavar="FEATURE")]
NewId = Annotated[str, typer.Argument(help="The id of the new feature.", metavar="ID")]
Type = Annotated[
    Literal["boolean", "list", "metered"] | None, typer.Option("--type", help="What kind of thing it is.")
]
Name = Annotated[str | None, typer.Option(help="What customers read.")]
Unit = Annotated[str | None, typer.Option(help="What is counted, one of it: minute.")]
Event = Annotated[str | None, typer.Option(help="The name of the usage events that feed it.")]
Aggregate = Annotated[
    Literal["sum", "count", "max", "last", "unique", "weighted"] | None,
    typer.Option(help="How events become a quantity."),
]
Property = Annotated[
    str | None, typer.Option("--value", metavar="PROPERTY", help="The property that is aggregated.")
]
Where = Annotated[
    list[str] | None, typer.Option(metavar="K=V", help="Only events with this property; repeatable.")
]
Values = Annotated[str | None, typer.Option(help="What a list may hold: [hubspot, zapier].")]
Reset = Annotated[
    Literal["day", "week", "month", "interval", "never"] | None,
    typer.Option(help="When allowances begin anew; never: it is held, not used up."),
]
Spends = Annotated[
    list[str] | None,
    typer.Option(metavar="FEATURE=RATIO", help="What one unit takes of another feature: minutes=1/10."),
]
Sets = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="PATH=VALUE", help="Any value by its path; nothing removes it."),
]
File = Annotated[
    str | None,
    typer.Option(metavar="YAML", help="Read the whole definition from a file; - is standard input."),
]

TEMPLATE = """# A new feature. Leave the file as it is to make nothing.
type: metered          # boolean | list | metered
name: {feature}
# unit: minute
"""


@app.writes("create")
def create(
    context: typer.Context,
    feature: NewId,
    kind: Type = None,
    name: Name = None,
    unit: Unit = None,
    event: Event = None,
    aggregate: Aggregate = None,
    value: Property = None,
    where: Where = None,
    values: Values = None,
    reset: Reset = None,
    spends: Spends = None,
    file: File = None,
    sets: Sets = None,
    outside: Outside = False,
) -> None:
    """Create a feature."""
    from planctl.cli.editing import Edit, request_of, typed
    from planctl.workflows.edit_catalog import draft_new

    runtime = Runtime.of(context)
    options = _options(context)
    if options.empty:
        options = typed(runtime, TEMPLATE.format(feature=feature))
    address = f"features.{feature}"
    edit = Edit(runtime, "feature", lambda tx: draft_new(tx, address, options), outside=outside)
    edit.run(request_of(options, feature=feature))


@app.writes("edit")
def edit(
    context: typer.Context,
    feature: FeatureId,
    name: Name = None,
    unit: Unit = None,
    event: Event = None,
    aggregate: Aggregate = None,
    value: Property = None,
    where: Where = None,
    values: Values = None,
    reset: Reset = None,
    spends: Spends = None,
    file: File = None,
    sets: Sets = None,
    outside: Outside = False,
) -> None:
    """Edit a feature; a new meaning makes new versions of the plans that use it."""
    from planctl.cli.editing import Edit, request_of, typed
    from planctl.workflows.edit_catalog import draft_edit
    from planctl.workflows.read_plans import read_yaml

    runtime = Runtime.of(context)
    options = _options(context)
    if options.empty:
        with runtime.open_read() as tx:
            text = read_yaml(tx, "feature", feature)
        options = typed(runtime, text)
    changing = Edit(
        runtime, "feature", lambda tx: draft_edit(tx, "feature", feature, options), outside=outside
    )
    changing.run(request_of(options, feature=feature))


@app.writes("archive")
def archive(context: typer.Context, feature: FeatureId, outside: Outside = False) -> None:
    """Take a feature out of use; refused while a plan grants it."""
    from planctl.cli.editing import Edit
    from planctl.workflows.edit_catalog import draft_value

    edit = Edit(
        Runtime.of(context),
        "feature",
        lambda tx: draft_value(tx, "feature", feature, "archived", "true"),
        outside=outside,
    )
    edit.run({"feature": feature, "archived": "true"})


@app.reads("list")
def list_features(context: typer.Context) -> None:
    """List features, archived ones too."""
    from planctl.views.feature import features_answer
    from planctl.workflows.read_plans import read_all

    runtime = Runtime.of(context)
    with runtime.open_read() as tx:
        standing = read_all(tx)
    runtime.show(features_answer(list(standing.features.values())))


@app.reads("show", formats=("table", "json", "ndjson", "yaml", "csv", "markdown"))
def show(context: typer.Context, feature: FeatureId) -> None:
    """Show a feature's definition and the plans that use it."""
    from planctl.views.feature import feature_answer
    from planctl.workflows.read_plans import read_all, read_yaml

    runtime = Runtime.of(context)
    with runtime.open_read() as tx:
        text = read_yaml(tx, "feature", feature)
        standing = read_all(tx)
    runtime.show(feature_answer(standing.features[feature], text))


def _options(context: typer.Context) -> Options:
    """The options of create and edit as the workflow takes them; the context keeps each by its parameter."""
    from planctl.cli.editing import file_of, given
    from planctl.files.plan_options import Options

    params = context.params
    texts = {name: params[name] for name in ("name", "unit", "event", "value")}
    terms = {"type": params.get("kind")} | {name: params[name] for name in ("aggregate", "values", "reset")}
    where, spends, sets = (tuple(params[name] or ()) for name in ("where", "spends", "sets"))
    paths = (*(f"where.{pair}" for pair in where), *(f"spends.{pair}" for pair in spends), *sets)
    return Options(file=file_of(params["file"]), texts=given(texts), terms=given(terms), sets=paths)
