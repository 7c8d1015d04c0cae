"""Annotations of a pull request: one line each, at its place, and nothing in it can be another command."""

from __future__ import annotations

from dataclasses import replace

from planctl.core.catalog.changeset import Change, ChangeSet, FieldChange, RuleHit, StoredCatalog
from planctl.findings import Finding, Level, Place
from planctl.views.changeset_github import github_lines

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
)


def lines(
    *changes: Change, findings: tuple[Finding, ...] = (), folder: str = "", refusals: tuple[str, ...] = ()
) -> list[str]:
    base = StoredCatalog("store-1", "prod", 41)
    return github_lines(
        ChangeSet("acme", "9f31c0d2a7e4", base, changes, refusals=refusals), findings, folder=folder
    )


def test_a_caution_is_a_warning_and_what_is_not_accepted_an_error_with_what_accepts_it() -> None:
    assert lines(PRO) == [
        "::warning file=plans/workspace.yaml,line=24,col=3,title=price-increase (caution)::"
        "plans.pro.price.month.USD: 49.00 → 55.00 (+12.2 %25)",
        "::error file=plans/workspace.yaml,line=24,col=3,title=allowance-decrease (breaking)::"
        "plans.pro.features.minutes.included: 5,000 → 4,000 (−20 %25)%0Ato accept it: --accept 77c1d09e5b3f",
    ]


def test_what_is_accepted_is_a_notice_and_what_is_safe_is_not_said() -> None:
    accepted, safe = replace(MINUTES, accepted=True), replace(PRICE, level="safe")
    assert lines(replace(PRO, rules=(accepted, safe))) == [
        "::notice file=plans/workspace.yaml,line=24,col=3,title=allowance-decrease (breaking%2C accepted)::"
        "plans.pro.features.minutes.included: 5,000 → 4,000 (−20 %25)"
    ]


def test_files_are_named_from_the_root_of_the_repository() -> None:
    assert lines(PRO, folder="shops/acme/")[0].startswith(
        "::warning file=shops/acme/plans/workspace.yaml,line=24,"
    )
    assert lines(PRO, folder=".")[0].startswith("::warning file=plans/workspace.yaml,line=24,")


def test_what_is_removed_has_no_place_any_more() -> None:
    held = RuleHit(
        "archive-with-subscribers", "caution", "aaaaaaaaaaaa", "", "12 running subscriptions keep it"
    )
    basic = Change("plans.basic", "archive", 2, 2, rules=(held,), place=Place("plans/workspace.yaml", 90, 3))
    assert lines(basic) == [
        "::warning title=archive-with-subscribers (caution)::plans.basic%0A12 running subscriptions keep it"
    ]


def test_refusals_and_findings_come_before_the_changes() -> None:
    warning = Finding(
        "note-why",
        "the change note does not say why",
        Place("changes/rise.yaml", 1, 1),
        Level.WARNING,
        expected="a reason",
        got="nothing",
        hint="write why: …",
    )
    error = Finding("accept-unused", "x", level=Level.ERROR)
    shown = lines(
        PRO, findings=(warning, error), refusals=("1 breaking change is not accepted.\n    title: x",)
    )
    assert shown[:3] == [
        "::error title=Refused by apply::1 breaking change is not accepted.%0A    title: x",
        "::warning file=changes/rise.yaml,line=1,col=1,title=note-why::"
        "the change note does not say why%0Aexpected: a reason%0Agot: nothing%0Ahint: write why: …",
        "::error title=accept-unused::x",
    ]
    assert len(shown) == 5


def test_no_text_can_add_a_line_a_property_or_a_command() -> None:
    evil = "a\n::error title=x::gone\r%0A,line=1::\x1b[2J\u202e"
    shown = lines(
        Change(
            f"plans.{evil}",
            "version",
            7,
            8,
            (FieldChange("name", "Pro", evil),),
            (RuleHit(evil, "breaking", "bbbbbbbbbbbb", "name", evil),),
            Place(f"{evil}.yaml", 3, 3),
        ),
        findings=(Finding(evil, evil, Place(evil, 1, 1), hint=evil),),
        refusals=(evil,),
    )
    assert len(shown) == 3
    for line in shown:
        assert not {"\n", "\r", "\x1b", "\u202e"} & set(line)
        properties = line.removeprefix("::error ").partition("::")[0]
        names = [one.partition("=")[0] for one in properties.split(",")]
        assert names in (["file", "line", "col", "title"], ["title"])
    assert "%250A" in shown[2]  # a % of data is none of ours


def test_nothing_to_say_is_no_line() -> None:
    assert lines() == []
