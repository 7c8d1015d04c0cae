"""One comment of a pull request: complete where it fits, honest where it does not, and nobody's tool."""

from __future__ import annotations

import re
from dataclasses import replace
from fractions import Fraction
from html.parser import HTMLParser

import pytest
from markdown_it import MarkdownIt

from planctl.core.catalog.changeset import (
    Change,
    ChangeSet,
    FieldChange,
    Holders,
    Impact,
    Overuse,
    Recurring,
    RuleHit,
    StoredCatalog,
)
from planctl.findings import Finding, Level, Place
from planctl.views.changeset_markdown import LIMIT, markdown_text, marker

PRICE = RuleHit("price-increase", "caution", "0123456789ab", "price.month.USD")
CURVE = RuleHit(
    "price-curve-dearer",
    "caution",
    "00000000cafe",
    "features.calls.beyond",
    "above 1,000 dearer by up to 2.5 USD",
)
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
    rules=(PRICE, CURVE, MINUTES),
    place=Place("plans/workspace.yaml", 24, 3),
    holders=Holders({5: 300, 7: 77}),
    impact=Impact(
        (
            Recurring("EUR", Fraction(100), Fraction(100)),
            Recurring("USD", Fraction(18473), Fraction(20735)),
        ),
        compared=377,
    ),
)
TEAM = Change(
    "plans.team", "create", 0, 1, (FieldChange("name", None, "Team"),), place=Place("plans/team.yaml", 3, 3)
)
ONE = Change("plans.one", "rename", 3, 3, renamed_from="plans.single", place=Place("plans/one.yaml", 1, 1))
NOTE = (
    "1 breaking change is not accepted. Pass --accept 77c1d09e5b3f, or add to catalog/changes/ a file such as:\n"
    "    title: what changes for customers\n"
    "    accept:\n"
    "      - 77c1d09e5b3f  # allowance-decrease plans.pro.features.minutes.included"
)
BASE = StoredCatalog("store-1", "prod", 41)


def comment(
    *changes: Change, refusals: tuple[str, ...] = (), limit: int = LIMIT, base: StoredCatalog = BASE
) -> str:
    return markdown_text(ChangeSet("acme", "9f31c0d2a7e4", base, changes, refusals=refusals), limit=limit)


def test_a_refused_diff_says_why_and_what_to_paste() -> None:
    shown = comment(replace(PRO, impact=None), TEAM, ONE, refusals=(NOTE,))
    assert (
        shown
        == """\
<!-- planctl:acme:prod -->
### acme → prod: 3 changes, 1 breaking

**Apply refuses this for 1 reason.** revision 41 → 42 digest 9f31c0d2a7e4

1 breaking change is not accepted. Pass --accept 77c1d09e5b3f, or add to catalog/changes/ a file such as:

```yaml
title: what changes for customers
accept:
  - 77c1d09e5b3f  # allowance-decrease plans.pro.features.minutes.included
```

| change | what | level | subscriptions | MRR now → if moved |
|---|---|---|---|---|
| <code>plans.pro</code> | v7 → v8 | **breaking** | 377 |  |
| <code>plans.team</code> | new, v1 |  |  |  |
| <code>plans.single</code> ↦ <code>plans.one</code> | renamed |  |  |  |

<details><summary><code>plans.pro</code> v7 → v8 (breaking) · plans/workspace.yaml:24</summary>

| field | before | after |  |
|---|---|---|---|
| <code>price.month.USD</code> | 49.00 | 55.00 | +12.2 % |
| <code>features.minutes</code> | 5,000 | 4,000 | −20 % |

* **price-increase** at <code>price.month.USD</code>: caution, fingerprint `0123456789ab`
* **price-curve-dearer** at <code>features.calls.beyond</code>: caution, fingerprint `00000000cafe`<br>\
above 1,000 dearer by up to 2.5 USD
* **allowance-decrease** at <code>features.minutes.included</code>: breaking, fingerprint `77c1d09e5b3f`

</details>

<details><summary><code>plans.team</code> new, v1 · plans/team.yaml:3</summary>

| field | before | after |  |
|---|---|---|---|
| <code>name</code> | — | Team |  |

</details>

Nothing changes for a running subscription until it is migrated.
"""
    )


def test_a_diff_that_apply_takes_says_so() -> None:
    assert "**Apply would take this.** revision 41 → 42 digest 9f31c0d2a7e4" in comment(TEAM)


def test_no_difference_is_a_short_comment() -> None:
    assert comment() == (
        "<!-- planctl:acme:prod -->\n"
        "### acme → prod: no changes\n\n"
        "**There is nothing to apply.** revision 41 digest 9f31c0d2a7e4\n"
    )


def test_money_is_in_the_table_by_currency_and_below_in_sentences() -> None:
    shown = comment(PRO)
    row = next(line for line in shown.splitlines() if line.startswith("| <code>plans.pro"))
    assert row.endswith("| 377 | 100.00 EUR<br>18,473.00 USD → 20,735.00 USD |")
    assert "+2,262.00 USD a month" in shown


def test_who_used_more_than_a_lowered_allowance_is_counted_and_named_only_if_the_impact_names_them() -> None:
    over = Overuse(
        "features.minutes.included", Fraction(4000), 2, 377, Fraction(900), Fraction(3900), Fraction(4800)
    )
    assert "2 of 377 used more than 4,000" in comment(replace(PRO, impact=Impact(overuse=(over,))))
    named = replace(over, customers=("nova", "vega"))
    assert "nova, vega" in comment(replace(PRO, impact=Impact(overuse=(named,))))


def test_what_is_accepted_says_so() -> None:
    shown = comment(replace(PRO, rules=(replace(MINUTES, accepted=True),)))
    assert "| **breaking**, accepted |" in shown
    assert "breaking, accepted, fingerprint" in shown


def test_what_was_found_beside_the_changes_is_a_warning() -> None:
    found = tuple(Finding(f"rule-{number}", f"text {number}", level=Level.WARNING) for number in range(7))
    shown = markdown_text(ChangeSet("acme", "9f31c0d2a7e4", BASE, (TEAM,), findings=found))
    assert "Warning: text 0 (<code>rule-0</code>)" in shown
    assert "text 5" not in shown
    assert shown.endswith("And 2 more warnings.\n")


# --- the marker


def test_the_marker_stays_the_same_for_a_catalog_and_a_store() -> None:
    first, second = comment(TEAM), comment(PRO, refusals=(NOTE,))
    assert first.splitlines()[0] == second.splitlines()[0] == "<!-- planctl:acme:prod -->"


def test_a_base_without_a_store_has_a_marker_by_its_kind() -> None:
    base = StoredCatalog(kind="git", label="main")
    assert marker(ChangeSet("acme", "9f31c0d2a7e4", base)) == "<!-- planctl:acme:git -->"


def test_no_name_of_a_store_can_end_the_marker() -> None:
    base = StoredCatalog("store-1", "a--> <b>:\ud800é", 41)
    assert (
        marker(ChangeSet("acme", "9f31c0d2a7e4", base))
        == "<!-- planctl:acme:a-%2D%3E%20%3Cb%3E%3A%3F%C3%A9 -->"
    )


# --- what does not fit


def many(number: int, level: str = "safe") -> list[Change]:
    """Plans whose descriptions change, each worth about 900 characters of details and 60 of the table."""
    hit = RuleHit("other-rule", level, "aaaaaaaaaaaa", "", "d" * 400)  # type: ignore[arg-type]
    fields = tuple(FieldChange(f"metadata.k{one}", "x" * 30, "y" * 30) for one in range(5))
    return [Change(f"plans.p{one:04}", "version", 1, 2, fields, (hit,)) for one in range(number)]


def test_details_of_what_matters_least_go_first_and_the_rest_stays_whole() -> None:
    shown = comment(*many(100), PRO, TEAM, refusals=(NOTE,))
    assert 64_000 < len(shown) <= LIMIT
    assert "<details><summary><code>plans.pro</code>" in shown
    assert shown.count("\n| <code>plans.") == 102, "every change is in the table"
    left = int(re.findall(r"Left out here for length: the details of (\d+) changes \(", shown)[0])
    assert shown.count("<details>") == 102 - left
    assert shown.count("</details>") == 102 - left
    assert f"and {left - 5} more). `planctl catalog diff` shows everything." in shown


def test_the_table_loses_rows_only_when_no_details_are_left() -> None:
    shown = comment(*many(3_000), PRO, refusals=(NOTE,))
    assert len(shown) <= LIMIT
    assert "<details>" not in shown
    details, rows = (
        int(one.replace(",", "")) for one in re.findall(r"([\d,]+) changes (?:\(|in the table \()", shown)[:2]
    )
    assert details == 3_001
    assert shown.count("\n| <code>plans.") == 3_001 - rows
    assert "| <code>plans.pro</code> |" in shown, "what matters most stays"
    assert NOTE.splitlines()[-1].strip() in shown


def test_reasons_go_last_and_the_first_one_never() -> None:
    refusals = tuple(
        f"archive-referenced: plans.p{one}: {'r' * 200}. It cannot be accepted." for one in range(1_000)
    )
    shown = comment(*many(100), refusals=refusals)
    assert len(shown) <= LIMIT
    assert "Apply refuses this for 1,000 reasons." in shown
    kept = shown.count("archive-referenced")
    assert 100 < kept < 1_000
    assert f"{1_000 - kept} further reasons" in shown


@pytest.mark.parametrize("character", ["@", "~", "\u202e", "&"])
def test_whatever_a_catalog_says_it_fits(character: str) -> None:
    evil = character * 5_000
    hit = RuleHit("other-rule", "breaking", "aaaaaaaaaaaa", evil, evil)
    change = Change(f"plans.{evil}", "version", 1, 2, (FieldChange(evil, evil, evil),), (hit,))
    changes = ChangeSet(
        "acme",
        "9f31c0d2a7e4",
        StoredCatalog("s", evil, 1),
        (change,) * 9,
        (Finding("accept-unused", evil, level=Level.WARNING),) * 9,
        (evil,) * 9,
        ("\n".join([evil] * 26),) * 9,
    )
    assert len(markdown_text(changes, limit=50_000)) <= 50_000


@pytest.mark.parametrize("limit", [3_000, 5_000, 10_000])
def test_a_smaller_limit_is_kept_too(limit: int) -> None:
    assert len(comment(*many(40), limit=limit)) <= limit


# --- what a stranger wrote

ALLOWED = {
    "h3", "p", "strong", "code", "pre", "table", "thead", "tbody", "tr", "th", "td", "details", "summary", "ul",
    "li", "br", "wbr",
}  # fmt: skip


class Page(HTMLParser):
    """The tags and the text of a page, as a browser sees them."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        assert attrs in ([], [("class", "language-yaml")]), attrs

    def handle_data(self, data: str) -> None:
        self.text += f"{data}\0"  # one mark per node of text


def page(text: str) -> Page:
    """What a reader of Markdown with tables, strike-through and HTML makes of a comment."""
    found = Page()
    found.feed(MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"]).render(text))
    return found


EVIL = (
    "</code></details><img src=x onerror=alert(1)> | a | **b** _c_ ~~d~~ [x](http://evil.example) `e` @team #12 "
    "https://evil.example www.evil.example <!-- --> \\| &lt; $x$ ![i](j)"
)


def hostile(evil: str) -> str:
    over = Overuse(
        "features.minutes.included",
        Fraction(4),
        1,
        2,
        Fraction(1),
        Fraction(1),
        Fraction(9),
        customers=(evil,),
    )
    change = Change(
        f"plans.{evil}",
        "rename",
        1,
        1,
        (FieldChange(f"metadata.{evil}", evil, evil), FieldChange("description", "", evil)),
        (RuleHit("other-rule", "breaking", "aaaaaaaaaaaa", f"metadata.{evil}", evil),),
        Place(f"{evil}.yaml", 1, 1),
        evil,
        impact=Impact((Recurring("USD", Fraction(1), Fraction(2)),), 2, overuse=(over,)),
    )
    found = (Finding(evil, evil, level=Level.WARNING),)
    line = evil.replace("\n", " ")
    refusal = f"{line}\n    - {line}\n    ```\n    ````\n    </code>"
    return markdown_text(
        ChangeSet(evil, "9f31c0d2a7e4", StoredCatalog("s", evil, 1), (change,), found, (evil,), (refusal,))
    )


def test_no_text_from_a_catalog_marks_up_the_page() -> None:
    tame, wild = page(hostile("tame")), page(hostile(EVIL))
    assert set(wild.tags) <= ALLOWED
    without = [[tag for tag in one.tags if tag != "wbr"] for one in (tame, wild)]
    assert without[0] == without[1], "the same page with other words"
    assert EVIL[:30] in wild.text


def test_nobody_is_mentioned_and_nothing_becomes_a_link() -> None:
    shown = hostile(EVIL)
    prose = re.sub(r"^(`{3,})yaml\n.*?^\1$", "", shown, flags=re.MULTILINE | re.DOTALL)
    assert not re.search(r"https?://|www\.|@\w|\]\(|#\d", prose.replace("&#", ""))
    assert "@team" not in page(prose).text, "not even when the entities are read"


def test_nothing_invisible_gets_through() -> None:
    shown = hostile("a\nb\r\x1b[2J\u202e\u200b")
    assert not {"\r", "\x1b", "\u202e", "\u200b"} & set(shown)
    assert not any(line.startswith("b") for line in shown.splitlines())
