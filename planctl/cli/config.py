"""`planctl config …`: the business's settings in the store, and where every value of the tool comes from."""

from __future__ import annotations

from shlex import quote
from typing import TYPE_CHECKING, Annotated

import typer

from planctl.cli.options import App
from planctl.cli.runtime import Kept, Runtime

if TYPE_CHECKING:
    from planctl.store.engine import Tx

app = App("Settings of the seller, numbering and time.")

Name = Annotated[str, typer.Argument(help="The setting's name, such as seller.name.")]


@app.reads("show")
def show(context: typer.Context) -> None:
    """Show every setting and where its value comes from."""
    from planctl.views.config import config_answer
    from planctl.workflows.keep_settings import read_settings

    runtime = Runtime.of(context)
    tool = [(name, value.text, value.origin) for name, value in runtime.settings.values.items()]
    with runtime.open_read_if_any() as tx:
        said = read_settings(tx, runtime.as_of(tx)) if tx is not None else []
    runtime.show(config_answer(tool, [(one.name, one.value, one.is_default) for one in said]))


@app.reads("get")
def get(context: typer.Context, name: Name) -> None:
    """Print one setting's value."""
    from planctl.views.config import setting_answer
    from planctl.workflows.keep_settings import read_setting

    runtime = Runtime.of(context)
    with runtime.open_read() as tx:
        said = read_setting(tx, name, runtime.as_of(tx))
    runtime.show(setting_answer(said.name, said.value))


@app.writes("set", may_be_empty=("value",))
def set_(
    context: typer.Context,
    name: Name,
    value: Annotated[str, typer.Argument(help="The new value; '' is the default again.")],
) -> None:
    """Change one setting; the store keeps it and the audit remembers it."""
    from planctl.core.audit import Touched
    from planctl.views.config import changed_answer
    from planctl.workflows.keep_settings import CLOSED, change_setting, checked_value, reopens

    runtime = Runtime.of(context)
    checked_value(name, value)

    def write(tx: Tx) -> Kept:
        if reopens(tx, name, value):
            runtime.require_reason()
        changed = change_setting(tx, name, value, runtime.as_of(tx))
        document = {"setting": name, "before": changed.before or None, "after": changed.after or None}
        return Kept(document, (Touched("setting", name),), changed=changed.before != changed.after)

    written = runtime.run_write({"setting": name, "value": value}, write)
    runtime.show(changed_answer(written.document))
    before = written.document.get("before") or "" if isinstance(written.document, dict) else ""
    again = " --reason TEXT" if name == CLOSED and before < value else ""
    runtime.done(written, undo=f"planctl config set {name} {quote(before)}{again}")
