"""How the holders of a plan look, to machines and to people. It compares nothing itself."""

from __future__ import annotations

from collections.abc import Sequence

from planctl.core.catalog.standing import Holder
from planctl.views.apart import apart_document, differing, kept, lacked
from planctl.views.sheet import Answer, Column, Json, Sheet

COLUMNS = (
    Column("customer"),
    Column("subscription"),
    Column("version", "quantity"),
    Column("status"),
    Column("behind", "flag"),
    Column("keeps"),
    Column("lacks"),
    Column("differs"),
    Column("negotiated"),
)


def holders_answer(plan_id: str, holders: Sequence[Holder]) -> Answer:
    """Who holds a plan, on which version, and what each keeps or lacks against the newest."""
    rows = tuple(
        (
            one.customer,
            one.subscription,
            one.version,
            one.status,
            one.is_behind,
            "; ".join(kept(one.apart)) or None,
            "; ".join(lacked(one.apart)) or None,
            "; ".join(differing(one.apart)) or None,
            "; ".join(f"{path} = {value}" for path, value in sorted(one.negotiated.items())) or None,
        )
        for one in holders
    )
    documents = [_document(plan_id, one) for one in holders]
    return Answer(documents, sheet=Sheet(COLUMNS, rows), empty=f"nobody holds {plan_id}")


def _document(plan_id: str, one: Holder) -> dict[str, Json]:
    return {
        "subscription": one.subscription,
        "customer": one.customer,
        "plan": plan_id,
        "version": one.version,
        "status": one.status,
        "behind": one.is_behind,
        **apart_document(one.apart),
        "negotiated": dict(one.negotiated),
    }
