"""A part of a diff: what `--only` and `--except` pick, and what cannot go without what they leave out."""

from __future__ import annotations

from planctl.core.catalog.changeset import ChangeSet
from planctl.core.catalog.selection import Selection, selected
from tests.core.catalog.diffing import catalog, changed, edited

DEARER = ("month: {USD: 49, EUR: 46}", "month: {USD: 50, EUR: 46}")
RENAMED = ("name: Basic", "name: Base")
NEW_FEATURE = ("  sso: {type", "  sla: {type: boolean, name: Service level}\n  sso: {type")
WITH_FEATURE = ("minutes: 100}", "minutes: 100, sla: true}")


def picked(*edits: tuple[str, str], only: tuple[str, ...] = (), without: tuple[str, ...] = ()) -> ChangeSet:
    return selected(changed(*edits), catalog(edited(*edits)), Selection(only, without))


def addresses(changes: ChangeSet) -> list[str]:
    return [change.address for change in changes.changes]


def test_without_globs_nothing_is_left_out() -> None:
    changes = picked(DEARER, RENAMED)
    assert addresses(changes) == ["plans.basic", "plans.pro"]
    assert changes.passed_over == ()


def test_only_what_matches_is_picked_and_the_rest_is_named() -> None:
    changes = picked(DEARER, RENAMED, only=("plans.p*",))
    assert addresses(changes) == ["plans.pro"]
    assert changes.passed_over == ("plans.basic",)
    assert changes.findings == ()


def test_except_takes_away_from_what_only_picks() -> None:
    changes = picked(DEARER, RENAMED, only=("plans.*",), without=("plans.basic",))
    assert addresses(changes) == ["plans.pro"]


def test_a_glob_that_matches_no_object_is_an_error() -> None:
    (finding,) = picked(DEARER, only=("plans.pro", "plan.*")).findings
    assert (finding.rule, finding.got, finding.is_error) == ("selection-matches-nothing", "plan.*", True)


def test_a_glob_that_matches_an_object_without_change_is_fine() -> None:
    assert picked(DEARER, only=("plans.*", "coupons.tenner")).findings == ()


def test_a_plan_cannot_go_without_the_feature_that_it_brings() -> None:
    (finding,) = picked(NEW_FEATURE, WITH_FEATURE, only=("plans.*",)).findings
    assert finding.is_error
    assert finding.rule == "selection-incomplete"
    assert finding.message == "plans.basic cannot go without features.sla, which changes too and is left out"


def test_the_feature_may_go_before_the_plan() -> None:
    changes = picked(NEW_FEATURE, WITH_FEATURE, only=("features.*",))
    assert addresses(changes) == ["features.sla"]
    assert changes.findings == ()


def test_a_new_version_cannot_go_without_the_definition_that_makes_it() -> None:
    converts_worse = ("spends: {minutes: 1/10}", "spends: {minutes: 1/5}")
    (finding,) = picked(converts_worse, only=("plans.pro",)).findings
    assert finding.message == "plans.pro cannot go without features.chats, which changes too and is left out"


def test_what_stays_and_still_needs_an_object_keeps_it_from_going() -> None:
    drop_calls = (
        ("  calls: {type: metered, name: Calls, unit: call, event: api.call}\n", ""),
        ("      calls: {included: 1_000, beyond: {charge: usage, each: {USD: 0.10, EUR: 0.09}}}\n", ""),
    )
    (finding,) = picked(*drop_calls, only=("features.calls",)).findings
    assert finding.message == "features.calls cannot go without plans.pro, which changes too and is left out"
    assert picked(*drop_calls, only=("features.calls", "plans.pro")).findings == ()


def test_what_only_mentions_a_new_object_cannot_go_before_it() -> None:
    new_plan = ("addons:\n", "  team:\n    name: Team\n    group: main\n    price: free\naddons:\n")
    ordered = ("main: {name: Plans}", "main: {name: Plans, order: [basic, pro, team]}")
    couponed = ("off: {USD: 10}, for: once", "off: {USD: 10}, for: once, plans: [team]")
    findings = picked(new_plan, ordered, couponed, only=("groups.main", "coupons.*")).findings
    assert {one.message.partition(",")[0] for one in findings} == {
        "coupons.tenner cannot go without plans.team",
        "groups.main cannot go without plans.team",
    }


def test_exactly_what_was_reviewed_is_picked_whatever_else_differs() -> None:
    edits = (DEARER, RENAMED)
    changes = selected(changed(*edits), catalog(edited(*edits)), Selection(exactly=frozenset({"plans.pro"})))
    assert addresses(changes) == ["plans.pro"]
    nothing = selected(changed(*edits), catalog(edited(*edits)), Selection(exactly=frozenset()))
    assert addresses(nothing) == []
    assert nothing.findings == ()


def test_a_renamed_plan_goes_by_either_name() -> None:
    rename = ("  basic:\n    name: Basic", "  base:\n    was: basic\n    name: Basic")
    requires = ("requires: [basic, pro]", "requires: [base, pro]")
    for glob in ("plans.base", "plans.basic"):
        assert addresses(picked(rename, requires, only=(glob,))) == ["plans.base"]
