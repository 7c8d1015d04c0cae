"""Where documents of a catalog name other objects, and what renames make of that."""

from __future__ import annotations

from planctl.core.catalog.references import followed, mapped, renaming
from planctl.core.document import Document


def test_renames_reach_plans_and_addons_by_one_name_and_leave_the_rest() -> None:
    name = renaming({"plans.pro": "plans.max", "addons.seat": "addons.chair", "features.pro": "features.top"})
    assert [name("plans", one) for one in ("pro", "seat", "free")] == ["max", "chair", "free"]
    assert [name("features", one) for one in ("pro", "seat")] == ["top", "seat"]
    assert name("groups", "pro") == "pro"


def test_a_document_speaks_of_new_ids_and_a_set_of_them_stays_in_order() -> None:
    name = renaming({"features.minutes": "features.voice", "plans.basic": "plans.start"})
    addon: Document = {"requires": ["basic", "pro"], "features": {"minutes": "100"}, "name": "minutes"}
    assert mapped("addons.boost", addon, name) == {
        "requires": ["pro", "start"],
        "features": {"voice": "100"},
        "name": "minutes",
    }


def test_renames_are_followed_one_revision_after_the_other() -> None:
    addresses = ("plans.a", "plans.b", "plans.c")
    assert followed(addresses, [{"plans.a": "plans.x"}, {"plans.x": "plans.y"}]) == {"plans.a": "plans.y"}
    # two of one revision at once; and a freed id that another object took, and gave up in turn
    assert followed(addresses, [{"plans.a": "plans.b", "plans.b": "plans.d"}]) == {
        "plans.a": "plans.b",
        "plans.b": "plans.d",
    }
    assert followed(addresses, [{"plans.a": "plans.x"}, {"plans.a": "plans.z"}]) == {"plans.a": "plans.x"}
