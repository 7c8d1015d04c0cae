"""What `check`, `usage record` and `usage show` do once their words are read, by whichever way.

A plain command line is read here, without the command-line library: to import that costs more than to answer.
Source: docs/decisions/039-hot-commands.md.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from planctl.cli.plain_words import COMMANDS, read
from planctl.errors import InvalidInput, WrongUsage

if TYPE_CHECKING:
    from planctl.cli.runtime import Kept, Runtime
    from planctl.core.document import Document
    from planctl.store.engine import Tx

NO = 2
"""The exit code of a no, where `--exit-code` asked for one."""


def execute(words: list[str]) -> int | None:
    """Run a plain command line of a hot command and return its exit code; None, and nothing done, for any other."""
    if "_PLANCTL_COMPLETE" in os.environ:
        return None
    line = read(words)
    if line is None:
        return None
    from planctl.cli.runtime import Runtime

    runtime = Runtime.start(line.given, " ".join(line.command), is_write=COMMANDS[line.command].is_write)
    do: Any = {"check": check, "record": record, "show": show}[line.command[-1]]
    code: int = do(runtime, *line.arguments, **line.said)
    return code


def check(
    runtime: Runtime,
    customer: str,
    feature: str,
    quantity: str = "",
    value: str = "",
    exit_code: bool = False,
) -> int:
    """May a customer use a feature now? The exit code, 2 for a no where that was asked for."""
    from planctl.views.usage import check_answer
    from planctl.workflows.read_usage import Asked, check_access

    with runtime.open_read() as tx:
        access = check_access(tx, Asked(customer, feature, quantity, value), runtime.as_of(tx))
    runtime.show(check_answer(customer, access.billed_to, access.feature.id, access.checked))
    return NO if exit_code and not access.checked.allowed else 0


def show(runtime: Runtime, customer: str) -> int:
    """Show what a customer used in the period that runs."""
    from planctl.views.usage import usage_answer
    from planctl.workflows.read_usage import usage_of

    with runtime.open_read() as tx:
        found = usage_of(tx, customer, runtime.as_of(tx))
        timezone = runtime.timezone(tx)
    runtime.show(usage_answer(found, timezone))
    return 0


def record(
    runtime: Runtime,
    customer: str,
    feature: str,
    quantity: str = "",
    at: str = "",
    event_id: str = "",
    properties: Sequence[str] = (),
    level: str = "",
    corrects: str = "",
    if_allowed: bool = False,
) -> int:
    """Record usage of one feature, and say what would take it back."""
    from planctl.cli.runtime import Kept
    from planctl.views.usage import recorded_answer, recorded_document, recorded_sentence
    from planctl.workflows.record_usage import Recording
    from planctl.workflows.record_usage import record as record_event

    pairs = _pairs(properties)
    undo = ""

    def write(tx: Tx) -> Kept:
        nonlocal undo
        said = Recording(
            customer,
            feature,
            quantity,
            runtime.instant(at, "--at", tx) if at else None,
            event_id,
            pairs,
            level,
            corrects,
            if_allowed,
        )
        recorded = record_event(tx, said, runtime.as_of(tx))
        new = recorded.status == "recorded"
        undo = f"planctl usage record {recorded.undo}" if recorded.undo else ""
        return Kept(recorded_document(recorded), counts={"usage_event": int(new)}, changed=new)

    request: Document = {
        "customer": customer,
        "feature": feature,
        "quantity": quantity,
        "at": at,
        "id": event_id,
        "property": [*properties],
        "set": level,
        "corrects": corrects,
        "if_allowed": if_allowed,
    }
    written = runtime.run_write(request, write)
    runtime.show(recorded_answer(written.document))
    runtime.done(written, recorded_sentence(written.document), undo=undo)
    return 0


def _pairs(texts: Sequence[str]) -> dict[str, str]:
    """`K=V` options as a map."""
    found = {}
    for text in texts:
        key, equals, value = text.partition("=")
        if not equals or not key:
            raise WrongUsage("a property is K=V", where="--property", got=text)
        if key in found:
            raise InvalidInput(f"the property {key} is given twice", where="--property", got=text)
        found[key] = value
    return found
