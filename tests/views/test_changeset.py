"""How a diff looks, and the shape that machines read."""

from __future__ import annotations

from dataclasses import replace

from planctl.core.catalog.changeset import Change, ChangeSet, FieldChange, Holders, RuleHit, StoredCatalog
from planctl.findings import Finding, Level, Place
from planctl.views.changeset import changeset_document, changeset_text

PRICE = RuleHit("price-increase", "caution", "0123456789ab", "price.month.USD")
MINUTES = RuleHit("allowance-decrease", "breaking", "77c1d09e5b3f", "features.minutes.included")

PRO = Change(
    "plans.pro",
    "version",
    7,
    8,
    fields=(
        FieldChange("price.month.USD", "49", "55"),
        FieldChange("features.minutes.included", "5000", "4000"),
    ),
    rules=(PRICE, MINUTES),
    place=Place("plans/workspace.yaml", 24, 3),
    holders=Holders({5: 300, 7: 77}),
)
TEAM = Change(
    "plans.team", "create", 0, 1, (FieldChange("name", None, "Team"),), place=Place("plans/team.yaml", 3, 3)
)
HELD = RuleHit("archive-with-subscribers", "caution", "aaaaaaaaaaaa", "", "12 running subscriptions keep it")
BASIC = Change(
    "plans.basic",
    "archive",
    2,
    2,
    rules=(HELD,),
    place=Place("plans/workspace.yaml", 9, 3),
    holders=Holders({2: 12}),
)
ONE = Change("plans.one", "rename", 3, 3, renamed_from="plans.single", place=Place("plans/one.yaml", 1, 1))
BASE = StoredCatalog("store-1", "prod", 41)


def changeset(*changes: Change, **more: tuple[str, ...]) -> ChangeSet:
    return ChangeSet("acme", "9f31c0d2a7e4", BASE, changes, **more)  # type: ignore[arg-type]


def lines(*changes: Change, **more: tuple[str, ...]) -> list[str]:
    return changeset_text(changeset(*changes, **more))


def test_a_review_shows_what_changes_by_how_much_and_why_apply_says_no() -> None:
    refusal = "1 breaking change is not accepted. Pass --accept 77c1d09e5b3f, or add:\n    accept:"
    assert lines(PRO, TEAM, BASIC, ONE, refusals=(refusal,)) == [
        "acme → prod   revision 41 → 42   digest 9f31c0d2a7e4   4 changes, 1 breaking",
        "",
        "~ plans.pro                 v7 → v8  BREAKING  plans/workspace.yaml:24",
        "    price.month.USD   49.00 → 55.00  +12.2 %  price-increase      caution",
        "    features.minutes  5,000 → 4,000  −20 %    allowance-decrease  77c1d09e5b3f",
        "    377 running on v5–v7 keep their terms",
        "+ plans.team                v1                 plans/team.yaml:3",
        "- plans.basic               archive  caution   removed from plans/workspace.yaml",
        "    archive-with-subscribers  caution",
        "      12 running subscriptions keep it",
        "» plans.single ↦ plans.one                     plans/one.yaml:1",
        "",
        "Nothing changes for a running subscription until it is migrated.",
        "Refused by apply: 1 breaking change is not accepted. Pass --accept 77c1d09e5b3f, or add:",
        "    accept:",
    ]


def test_no_difference_is_one_line() -> None:
    assert lines() == ["acme → prod   revision 41   digest 9f31c0d2a7e4   no changes"]


def test_what_is_left_alone_is_counted_and_the_first_are_named() -> None:
    names = tuple(f"plans.p{number}" for number in range(1, 8))
    assert lines(left_alone=names)[1] == (
        "Left alone: 7 objects that this catalog does not manage: "
        "plans.p1, plans.p2, plans.p3, plans.p4, plans.p5 and 2 more"
    )
    assert lines(left_alone=("plans.x",))[1] == (
        "Left alone: 1 object that this catalog does not manage: plans.x"
    )


def field_line(path: str, before: str | bool | list[str] | None, after: str | bool | list[str] | None) -> str:
    changed = FieldChange(path, before, after)  # type: ignore[arg-type]
    return lines(Change("plans.pro", "update", 7, 7, (changed,)))[3].strip()


def test_values_are_written_for_people() -> None:
    assert field_line("price.year.JPY", "49000", "50000") == "price.year.JPY  49,000 → 50,000  +2 %"
    assert field_line("price.year.USD", "900..9000", "1000..9000") == (
        "price.year.USD  900.00..9,000.00 → 1,000.00..9,000.00"
    )
    assert field_line("features.calls.beyond.each.USD", "0.0004", "0.0005") == (
        "features.calls.beyond.each.USD  0.0004 → 0.0005  +25 %"
    )
    assert field_line("features.sso", True, None) == "features.sso  true → —"
    assert field_line("features.c.values", ["a", "b"], []) == "features.c.values  [a, b] → none"
    assert field_line("grace", "never", "3 days") == "grace  never → 3 days"
    assert field_line("name", "2024", "2025") == "name  2024 → 2025"
    assert field_line("price.month.USD", "0", "5") == "price.month.USD  0.00 → 5.00"


def test_a_currency_of_its_own_has_its_own_decimals() -> None:
    declared = Change("currencies.USDT", "create", fields=(FieldChange("decimals", None, "6"),))
    priced = Change("plans.pro", "version", 1, 2, (FieldChange("price.month.USDT", "49", "50.5"),))
    assert "49.000000 → 50.500000" in lines(declared, priced)[4]


def test_an_allowance_goes_by_its_feature_unless_more_of_the_entry_changes() -> None:
    both = (
        FieldChange("features.minutes.included", "1", "2"),
        FieldChange("features.minutes.reset", "day", "month"),
    )
    shown = lines(Change("plans.pro", "version", 7, 8, both))
    assert shown[3].split()[0] == "features.minutes.included"


def test_two_rules_at_one_field_stand_below_each_other() -> None:
    second = replace(PRICE, id="other-rule", level="safe")
    shown = lines(replace(PRO, rules=(PRICE, second)))
    assert shown[3].split()[-2:] == ["price-increase", "caution"]
    assert shown[4].split() == ["other-rule", "safe"]


def test_an_accepted_rule_says_so() -> None:
    assert "77c1d09e5b3f accepted" in lines(replace(PRO, rules=(replace(MINUTES, accepted=True),)))[4]


def test_an_indirect_version_and_an_adopted_one_say_so() -> None:
    assert "v7 → v8 indirect" in lines(Change("plans.a", "version", 7, 8, indirect=True))[2]
    assert "adopt v7 → v8" in lines(Change("plans.a", "adopt", 7, 8))[2]
    assert "adopt" in lines(Change("plans.a", "adopt", 7, 7))[2]


def test_text_from_a_catalog_cannot_move_the_cursor() -> None:
    shown = lines(
        Change("plans.pro", "update", 7, 7, (FieldChange("name", "Pro", "\x1b[2JGone\u202e"),)),
        left_alone=("plans.\x1b[31m",),
        refusals=("no \x1b[2J",),
    )
    assert not any("\x1b" in line or "\u202e" in line for line in shown)


def test_long_texts_are_cut() -> None:
    assert field_line("description", "x" * 500, "short").count("x") < 60


# --- for machines


def rule(name: str, level: str, fingerprint: str, path: str) -> dict[str, object]:
    return {
        "id": name, "level": level, "fingerprint": fingerprint, "path": path, "detail": "", "accepted": False,
    }  # fmt: skip


def test_the_document_has_exactly_the_published_shape() -> None:
    finding = Finding("accept-unused", "nothing needs it", Place("changes/a.yaml", 2, 1), Level.WARNING)
    document = changeset_document(replace(changeset(PRO), findings=(finding,)))
    assert list(document) == [
        "format", "digest", "base", "summary", "changes", "passed_over", "refusals", "findings",
    ]  # fmt: skip
    assert document["format"] == "planctl.diff/1"
    assert document["digest"] == "9f31c0d2a7e4"
    assert document["base"] == {
        "kind": "store", "store": "prod", "id": "store-1", "revision": 41, "label": "", "as_of": None,
    }  # fmt: skip
    assert document["changes"] == [
        {
            "address": "plans.pro",
            "action": "version",
            "from_version": 7,
            "to_version": 8,
            "fields": [
                {"path": "price.month.USD", "before": "49", "after": "55"},
                {"path": "features.minutes.included", "before": "5000", "after": "4000"},
            ],
            "rules": [
                rule("price-increase", "caution", "0123456789ab", "price.month.USD"),
                rule("allowance-decrease", "breaking", "77c1d09e5b3f", "features.minutes.included"),
            ],
            "file": "plans/workspace.yaml",
            "line": 24,
            "impact": {"subscriptions": {"5": 300, "7": 77}},
        }
    ]
    findings = document["findings"]
    assert isinstance(findings, list)
    assert findings[0]["rule"] == "accept-unused"


def test_the_summary_counts_changes_by_action_and_by_the_levels_they_contain() -> None:
    assert changeset_document(changeset(PRO, TEAM, BASIC, ONE))["summary"] == {
        "create": 1,
        "version": 1,
        "update": 0,
        "archive": 1,
        "unarchive": 0,
        "adopt": 0,
        "rename": 1,
        "breaking": 1,
        "caution": 2,
    }


def test_a_rename_is_a_change_of_the_id() -> None:
    changes = changeset_document(changeset(ONE))["changes"]
    assert isinstance(changes, list)
    assert changes[0]["fields"] == [{"path": "id", "before": "single", "after": "one"}]
