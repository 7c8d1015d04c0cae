"""Single values written back into YAML: what changes, and what must not."""

from __future__ import annotations

import pytest

from planctl.core.document import Document, Edit, Put, Take
from planctl.errors import InvalidInput
from planctl.files.write_back import like_before, rewritten

PLANS = """\
# what we sell
plans:
  starter:                          # the small one
    name: 'Starter'
    price:                          # rows and columns
      month:    {USD: 19,  EUR: 18,  USDT: 19}
      year:     {USD: 190, EUR: 180, USDT: 190}
    features:
      minutes: 1_000                # each month
      calls:
        included: 10_000
        beyond:
          charge: usage             # after use
          graduated:
            - {to: 5, each: {USD: 0.50}}
            - each: {USD: 0.40}
              flat: {USD: 10}

  setup:
    name: "Onboarding"
    price: {once: {USD: 299}}       # one-off
"""
STARTER = ("plans", "starter")
TIERS = (*STARTER, "features", "calls", "beyond", "graduated")


def changed(*edits: Edit, text: str = PLANS) -> list[tuple[str, str]]:
    """The lines that differ, old and new, where as many lines stand there as before."""
    before, after = text.split("\n"), rewritten(text, "plans.yaml", edits).split("\n")
    assert len(before) == len(after)
    return [(one.strip(), other.strip()) for one, other in zip(before, after, strict=True) if one != other]


def added(*edits: Edit, text: str = PLANS) -> list[str]:
    """The lines that come; no other line changes."""
    before, after = text.split("\n"), rewritten(text, "plans.yaml", edits).split("\n")
    start = next(
        (line for line, pair in enumerate(zip(before, after, strict=False)) if pair[0] != pair[1]),
        len(before),
    )
    new = after[start : start + len(after) - len(before)]
    assert [*before[:start], *new, *before[start:]] == after
    return new


# --- a value in place of another


@pytest.mark.parametrize(
    ("row", "code", "amount", "line"),
    [
        ("month", "USD", "9", "month:    {USD: 9,   EUR: 18,  USDT: 19}"),
        ("month", "USD", "190", "month:    {USD: 190, EUR: 18,  USDT: 19}"),
        ("month", "USD", "19000", "month:    {USD: 19000, EUR: 18,  USDT: 19}"),
        ("year", "EUR", "95", "year:     {USD: 190, EUR: 95,  USDT: 190}"),
        ("month", "USDT", "7", "month:    {USD: 19,  EUR: 18,  USDT: 7}"),
    ],
)
def test_columns_stay_below_one_another_as_far_as_there_is_room(
    row: str, code: str, amount: str, line: str
) -> None:
    [(_, new)] = changed(Put((*STARTER, "price", row, code), amount))
    assert new == line


def test_the_comment_behind_a_value_keeps_its_column() -> None:
    assert changed(Put((*STARTER, "features", "minutes"), "250")) == [
        ("minutes: 1_000                # each month", "minutes: 250                  # each month")
    ]
    assert changed(Put(("plans", "setup", "price", "once", "USD"), "1299")) == [
        ("price: {once: {USD: 299}}       # one-off", "price: {once: {USD: 1299}}      # one-off")
    ]


@pytest.mark.parametrize(
    ("path", "value", "line"),
    [
        ((*STARTER, "name"), "It's small", "name: 'It''s small'"),
        (("plans", "setup", "name"), "A: b", 'name: "A: b"'),
        ((*STARTER, "features", "minutes"), "25000", "minutes: 25_000               # each month"),
        ((*STARTER, "features", "minutes"), True, "minutes: true                 # each month"),
        ((*TIERS, 0, "each", "USD"), "0.6", "- {to: 5, each: {USD: 0.60}}"),
        ((*TIERS, 1, "flat", "USD"), "11", "flat: {USD: 11}"),
    ],
)  # fmt: skip
def test_a_value_is_written_as_the_one_before_it_was(
    path: tuple[str | int, ...], value: Document, line: str
) -> None:
    [(_, new)] = changed(Put(path, value))
    assert new == line


@pytest.mark.parametrize(
    ("old", "new", "written"),
    [
        ("5_000", "6000", "6_000"),
        ("5_000", "600", "600"),
        ("5000", "6000", "6000"),
        ("0.50", "0.6", "0.60"),
        ("19.00", "52", "52.00"),
        ("3.75", "4", "4"),
        ("900..9_000", "800..12000", "800..12_000"),
        ("usage", "5", "5"),
    ],
)
def test_a_number_is_written_the_way_the_old_one_was(old: str, new: str, written: str) -> None:
    assert like_before(old, new) == written


def test_a_row_becomes_a_block_and_its_comment_stays_behind_the_key() -> None:
    text = "a: 1\nprice: free   # for now\n"
    row: Document = {"month": {"USD": "1", "EUR": "2"}, "year": {"USD": "3"}}
    assert rewritten(text, "f.yaml", [Put(("price",), row)]) == (
        "a: 1\nprice:        # for now\n  month: {USD: 1, EUR: 2}\n  year: {USD: 3}\n"
    )


def test_the_comments_of_a_block_that_goes_are_put_above_its_key() -> None:
    after = rewritten(PLANS, "plans.yaml", [Put((*STARTER, "features", "calls"), "50")])
    assert "      # after use\n      calls: 50\n\n  setup:" in after


def test_nothing_written_gets_a_value() -> None:
    text = "currencies:\n  USD:\n  EUR:   # euro\n"
    assert rewritten(text, "f.yaml", [Put(("currencies", "EUR"), {"name": "Euro"})]) == (
        "currencies:\n  USD:\n  EUR: {name: Euro}  # euro\n"
    )
    assert (
        rewritten("c: {USD, EUR: }\n", "f.yaml", [Put(("c", "USD", "name"), "x")])
        == "c: {USD: {name: x}, EUR: }\n"
    )


# --- a key that comes


def test_a_value_of_one_line_is_put_behind_the_last_such_entry() -> None:
    assert added(Put((*STARTER, "grace"), "5 days")) == ["    grace: 5 days"]
    after = rewritten(PLANS, "plans.yaml", [Put((*STARTER, "grace"), "5 days")]).split("\n")
    assert after[after.index("    grace: 5 days") - 1] == "    name: 'Starter'"


def test_a_new_row_has_its_values_in_the_column_of_the_others() -> None:
    assert added(Put((*STARTER, "price", "week"), {"USD": "5"})) == ["      week:     {USD: 5}"]


def test_a_new_plan_stands_behind_the_last_one_as_far_apart_as_the_others() -> None:
    new: Document = {"name": "Team", "price": {"month": {"USD": "99"}}}
    after = rewritten(PLANS, "plans.yaml", [Put(("plans", "team"), new)])
    assert after == PLANS + "\n  team:\n    name: Team\n    price:\n      month: {USD: 99}\n"


def test_a_new_section_is_put_at_the_end() -> None:
    assert added(Put(("coupons", "ten"), {"off": "10%"})) == ["coupons:", "  ten: {off: 10%}"]


def test_a_key_comes_into_a_row_in_braces() -> None:
    assert changed(Put((*STARTER, "price", "month", "GBP"), "16")) == [
        ("month:    {USD: 19,  EUR: 18,  USDT: 19}", "month:    {USD: 19,  EUR: 18,  USDT: 19, GBP: 16}")
    ]
    assert rewritten("a: {}\n", "f.yaml", [Put(("a", "b"), "1")]) == "a: {b: 1}\n"
    assert rewritten("a: {B: , C: }\n", "f.yaml", [Put(("a", "D"), None)]) == "a: {B: , C: , D: }\n"
    assert rewritten("a: {B: 1}\n", "f.yaml", [Put(("a", "D"), None)]) == "a: {B: 1, D: }\n"
    lines = "a: {\n  b: 1,\n  c: 2\n}\n"
    assert rewritten(lines, "f.yaml", [Put(("a", "d"), "3")]) == "a: {\n  b: 1,\n  c: 2,\n  d: 3\n}\n"


def test_a_row_in_braces_is_laid_out_where_it_gets_more_than_a_line_holds() -> None:
    text = "features: {seats: 3, sso: true}   # granted\n"
    tiers: list[Document] = [{"to": "1", "each": {"USD": "1"}}, {"each": {"USD": "2"}}]
    value: Document = {"included": "5", "beyond": {"charge": "usage", "graduated": tiers}}
    assert rewritten(text, "f.yaml", [Put(("features", "calls"), value)]) == (
        "features:                         # granted\n  seats: 3\n  sso: true\n  calls:\n    included: 5\n    beyond:\n"
        "      charge: usage\n      graduated:\n        - {to: 1, each: {USD: 1}}\n        - {each: {USD: 2}}\n"
    )


# --- a key that goes


def test_a_key_goes_and_leaves_its_comment() -> None:
    assert rewritten("a: 1\nb: 2\nc: 3\n", "f.yaml", [Take(("b",))]) == "a: 1\nc: 3\n"
    assert rewritten("p:\n  a: 1   # why\n  b: 2\n", "f.yaml", [Take(("p", "a"))]) == "p:\n  # why\n  b: 2\n"
    assert rewritten("a: {b: 1, c: 2, d: 3}\n", "f.yaml", [Take(("a", "c"))]) == "a: {b: 1, d: 3}\n"
    assert rewritten("a: {b: 1, c: 2}\n", "f.yaml", [Take(("a", "c"))]) == "a: {b: 1}\n"
    assert rewritten("a: {b: 1}\n", "f.yaml", [Take(("a", "b"))]) == "a: {}\n"


# --- line ends


def test_line_ends_of_windows_and_a_missing_last_one_stay() -> None:
    text = "a:\r\n  b: 1   # one\r\n  c: 2"
    assert rewritten(text, "f.yaml", [Put(("a", "b"), "10"), Put(("a", "d"), "3")]) == (
        "a:\r\n  b: 10  # one\r\n  c: 2\r\n  d: 3"
    )
    assert rewritten(text, "f.yaml", [Take(("a", "c"))]) == "a:\r\n  b: 1   # one"
    assert rewritten("a: 1\nb: 2", "f.yaml", [Take(("b",))]) == "a: 1"


def test_texts_of_several_lines_come_and_go() -> None:
    text = "a: |\n  one\n  two\n\n# next\nb: 1\n"
    assert rewritten(text, "f.yaml", [Put(("a",), "short")]) == "a: short\n\n# next\nb: 1\n"
    assert rewritten("a: x\nb: 1\n", "f.yaml", [Put(("a",), "one\ntwo\n")]) == "a: |\n  one\n  two\nb: 1\n"


def test_several_edits_are_made_in_their_order() -> None:
    edits: list[Edit] = [Put(("a", "b"), "2"), Put(("a", "c"), "3"), Take(("a", "b"))]
    assert rewritten("a:\n  b: 1\n", "f.yaml", edits) == "a:\n  c: 3\n"


def test_edits_of_many_entries_are_made_together_and_come_out_as_one_by_one() -> None:
    text = "p:\n" + "".join(f"  p{number}:\n    a: 1   # {number}\n" for number in range(5))
    edits: list[Edit] = [Put(("p", f"p{number}", "a"), "22") for number in range(5)]
    edits += [Put(("p", f"p{number}", "b"), "3") for number in (4, 2)]
    edits += [Take(("p", "p2", "a")), Put(("p", "new"), "1"), Put(("q", "r"), "1"), Put(("q", "s"), "2")]
    after = text
    for edit in edits:
        after = rewritten(after, "f.yaml", [edit])
    assert rewritten(text, "f.yaml", edits) == after
    assert after.endswith("  p4:\n    a: 22  # 4\n    b: 3\n  new: 1\nq:\n  r: 1\n  s: 2\n")


# --- what is refused


@pytest.mark.parametrize(
    ("text", "edit"),
    [
        ("a: [1, 2]\n", Put(("a", 2), "3")),
        ("a: 1\n", Put(("a", "b"), "3")),
        ("a: 1\n", Take(("b",))),
        ("a:\n  - b: 1\n    c: 2\n", Take(("a", 0, "b"))),
        ("a: {b: {c: 1,  # why\n  d: 2}}\n", Put(("a", "b"), "3")),
    ],
)
def test_what_does_not_fit_is_refused_with_its_place(text: str, edit: Edit) -> None:
    with pytest.raises(InvalidInput, match="cannot be written") as refused:
        rewritten(text, "f.yaml", [edit])
    assert refused.value.code == "write-back"
    assert refused.value.where.startswith("f.yaml: ")
