"""How newer terms of a plan that runs look, with what becomes of agreed ones, to machines and to people."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from shlex import quote

from planctl.core.document import Document, canonical
from planctl.core.subscriptions.assigning import Relaid
from planctl.core.subscriptions.model import Subscription
from planctl.views.change import changed_answer
from planctl.views.sheet import Answer, Json


def terms_document(
    before: Subscription,
    version: int,
    kept: Relaid,
    apart: tuple[Mapping[str, Document], Mapping[str, Document]],
) -> dict[str, Json]:
    """What a reassignment does to the terms, as JSON.

    `negotiated` are those that are agreed afterwards, of which the version says `same` by itself; `void` are given
    up, with why. `apart` are the leaves that differ: as they run and as they will, by path.
    """
    keeps, lacks = apart
    return {
        "customer": before.customer,
        "plan": before.plan,
        "from_version": before.plan_version,
        "to_version": version,
        "negotiated": dict(kept.terms),
        "same": [*kept.same],
        "void": dict(kept.void),
        "differences": {
            path: {"before": _plain(keeps.get(path)), "after": _plain(lacks.get(path))}
            for path in sorted({*keeps, *lacks})
        },
    }


def reassigned_answer(document: Json) -> Answer:
    """What a reassignment did, from its document: the change with its money, what differs, what stays agreed."""
    one = _object(document)
    terms = _object(one["reassigned"])
    name = f"{terms['customer']}/{terms['plan']}"
    if one["existed"]:
        said = (
            f"{name} has the newest terms (v{terms['to_version']}) already, or will have; nothing was changed"
        )
        return Answer(document, (said, *_agreed_lines(terms)))
    lines = list(changed_answer(document).lines)
    for path, values in _object(terms["differences"]).items():
        both = _object(values)
        lines.append(f"  {path}: {_said(both['before'])} to {_said(both['after'])}")
    return Answer(document, (*lines, *_agreed_lines(terms)))


def undo_of(document: Json) -> str:
    """The command that takes a reassignment back; empty where terms were taken away that no option can name."""
    one = _object(document)
    if one["existed"]:
        return ""
    if one["status"] == "pending":
        return f"planctl subscription cancel {one['id']}"
    terms = _object(one["reassigned"])
    old = {path: _object(both)["before"] for path, both in _object(terms["differences"]).items()}
    if any(value is None or path.startswith("definitions.") for path, value in old.items()):
        return ""
    again = " ".join(f"--set {quote(f'{path}={_said(value)}')}" for path, value in old.items())
    return f"planctl assign {terms['customer']} {terms['plan']} --at now {again}".rstrip()


def _agreed_lines(terms: Mapping[str, Json]) -> list[str]:
    """What stays agreed, what of it the version says too, and what is given up."""
    same = terms["same"]
    assert isinstance(same, Sequence)
    version = f"v{terms['to_version']}"
    lines = []
    for path, value in _object(terms["negotiated"]).items():
        more = f" (so is {version} by itself)" if path in same else ""
        lines.append(f"  agreed: {path} = {value}{more}")
    lines += [f"  no longer agreed: {path}, {why}" for path, why in _object(terms["void"]).items()]
    return lines


def _plain(value: Document) -> Json:
    """A leaf as text; a list or an empty map as its JSON."""
    if value is None or isinstance(value, bool | int | str):
        return value
    return canonical(value)


def _said(value: Json) -> str:
    return "nothing" if value is None else str(value).lower() if isinstance(value, bool) else str(value)


def _object(document: Json) -> Mapping[str, Json]:
    assert isinstance(document, Mapping)
    return document
