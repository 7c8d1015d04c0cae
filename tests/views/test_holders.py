"""How holders of a plan look, and what they keep or lack against the newest terms."""

from __future__ import annotations

from planctl.core.catalog.apart import Apart, apart_of
from planctl.core.catalog.standing import Holder
from planctl.core.document import Document
from planctl.views.apart import apart_lines, differing, kept, lacked
from planctl.views.formats import Screen, render
from planctl.views.holders import holders_answer


def snapshot(**terms: Document) -> Document:
    return {"kind": "plan", "plan": terms, "features": {}}


MINUTES: Document = {"reset": "month", "rollover": "none", "included": "1000"}


def test_a_feature_taken_off_is_kept_whole_and_one_that_came_is_lacked_whole() -> None:
    held = snapshot(features={"sso": True, "minutes": MINUTES})
    newest = snapshot(features={"voice": MINUTES})
    apart = apart_of(held, newest)
    assert (apart.dropped, apart.added) == (("sso", "minutes"), ("voice",))
    assert (kept(apart), lacked(apart), differing(apart)) == (["sso", "minutes 1,000"], ["voice 1,000"], [])
    assert apart.keeps["features.minutes.included"] == "1000"


def test_an_allowance_and_a_price_that_differ_show_both_numbers() -> None:
    held = snapshot(price={"month": {"USD": "19"}}, features={"minutes": MINUTES})
    newest = snapshot(price={"month": {"USD": "25"}}, features={"minutes": MINUTES | {"included": "5000"}})  # type: ignore[operator]
    apart = apart_of(held, newest)
    assert (kept(apart), lacked(apart)) == ([], [])
    assert differing(apart) == ["price.month.USD 19 → 25", "minutes 1,000 → 5,000"]


def test_of_a_list_only_the_values_that_differ_are_told() -> None:
    held = snapshot(features={"connectors": {"values": ["hubspot", "slack"]}})
    newest = snapshot(features={"connectors": {"values": ["hubspot", "zapier", "jira"]}})
    apart = apart_of(held, newest)
    assert (kept(apart), lacked(apart), differing(apart)) == (
        ["connectors slack"],
        ["connectors zapier, jira"],
        [],
    )
    more = apart_of(held, snapshot(features={"connectors": {"values": ["hubspot", "slack", "jira"]}}))
    assert (kept(more), lacked(more)) == ([], ["connectors jira"])


def test_a_term_on_one_side_alone_goes_by_its_path() -> None:
    held = snapshot(price={"month": {"USD": "19"}, "year": {"USD": "190"}}, features={})
    newest = snapshot(price={"month": {"USD": "19"}}, features={}, minimum={"USD": "5"})
    apart = apart_of(held, newest)
    assert (kept(apart), lacked(apart)) == (["price.year.USD 190"], ["minimum.USD 5"])


def test_what_was_agreed_with_a_holder_is_no_difference() -> None:
    held = snapshot(price={"month": {"USD": "15"}}, due="30 days", features={"minutes": MINUTES})
    newest = snapshot(price={"month": {"USD": "25"}}, due="7 days", features={"voice": MINUTES})
    apart = apart_of(held, newest, ("price.month.USD", "due"))
    assert set(apart.keeps) == {f"features.minutes.{key}" for key in ("reset", "rollover", "included")}
    assert apart_of(held, newest, ("price.month.USD", "due", "features.minutes")).dropped == ()


def test_equal_terms_are_not_apart() -> None:
    held = snapshot(features={"sso": True, "minutes": MINUTES})
    assert apart_of(held, held) == Apart()
    assert apart_lines(Apart(), 5) == []


def test_holders_are_listed_with_the_differences_and_what_was_negotiated() -> None:
    apart = Apart(
        {"features.minutes.included": "5000", "features.sso": True},
        {"features.minutes.included": "4000"},
        ("sso",),
    )
    held = Holder("sub_1", "nova", 1, "active", True, apart, {"due": "30 days"})
    answer = holders_answer("pro", [held])
    assert answer.sheet is not None
    assert answer.sheet.rows == (
        ("nova", "sub_1", 1, "active", True, "sso", None, "minutes 5,000 → 4,000", "due = 30 days"),
    )
    assert answer.document == [
        {
            "subscription": "sub_1",
            "customer": "nova",
            "plan": "pro",
            "version": 1,
            "status": "active",
            "behind": True,
            "keeps": {"features.minutes.included": "5000", "features.sso": True},
            "lacks": {"features.minutes.included": "4000"},
            "features_kept": ["sso"],
            "features_lacked": [],
            "negotiated": {"due": "30 days"},
        }
    ]


def test_nobody_is_a_sentence() -> None:
    assert list(render(holders_answer("pro", []), "table", Screen())) == ["nobody holds pro"]
