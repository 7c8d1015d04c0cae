"""Two catalogs as a unified diff."""

from __future__ import annotations

from planctl.views.changeset_unified import unified_lines

BEFORE = "plans:\n  pro:\n    name: Pro\n    price:\n      month:\n        USD: 49\n    trial: 14 days\n"
AFTER = BEFORE.replace("49", "55")


def test_a_changed_price_stands_below_the_old_one_with_what_is_around_it() -> None:
    assert unified_lines(BEFORE, AFTER, "store/catalog.yaml", "catalog/catalog.yaml") == [
        "--- store/catalog.yaml",
        "+++ catalog/catalog.yaml",
        "@@ -3,5 +3,5 @@",
        "     name: Pro",
        "     price:",
        "       month:",
        "-        USD: 49",
        "+        USD: 55",
        "     trial: 14 days",
    ]


def test_equal_texts_have_no_line() -> None:
    assert unified_lines(BEFORE, BEFORE, "a", "b") == []


def test_an_empty_side_is_all_new() -> None:
    assert unified_lines("", "a: 1\n", "a", "b") == ["--- a", "+++ b", "@@ -0,0 +1 @@", "+a: 1"]


def test_what_cannot_be_seen_is_shown() -> None:
    shown = unified_lines("a: 1\n", "a: \x1b[2J\u202e\n", "evil\nname", "b")
    assert shown[0] == r"--- evil\nname"
    assert shown[-1] == "+a: ␛[2J\\u202e"
