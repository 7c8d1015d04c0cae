"""The formats: one answer, for people aligned and safe, for machines exact."""

from __future__ import annotations

import json

import pytest

from planctl.views.formats import FORMATS, Screen, render
from planctl.views.sheet import Answer, Column, Sheet

COLUMNS = (
    Column("customer"),
    Column("total", "amount"),
    Column("minutes", "quantity", "used"),
    Column("due_at", "instant", "due"),
    Column("paid", "flag"),
)
JAN_15 = 1_768_435_200_000_000  # 2026-01-15T00:00:00Z
SHEET = Sheet(
    COLUMNS,
    (
        ("nova", "1234.50", "1000", JAN_15, True),
        ("東京", "-5.00", "0.5", None, False),
    ),
)


def lines(answer: Answer, name: str, screen: Screen | None = None) -> list[str]:
    """What is printed."""
    return list(render(answer, name, screen or Screen()))


def test_a_table_is_aligned_with_numbers_to_the_right() -> None:
    assert lines(Answer(sheet=SHEET), "table") == [
        "customer     total   used  due                   paid",
        "nova      1,234.50  1,000  2026-01-15 00:00 UTC  yes",
        "東京         -5.00    0.5                        no",
    ]


def test_instants_of_a_table_are_on_the_wall_clock_of_its_timezone() -> None:
    sheet = Sheet((Column("at", "instant"),), ((JAN_15,),), "Europe/Berlin")
    assert lines(Answer(sheet=sheet), "table") == ["at", "2026-01-15 01:00 Europe/Berlin"]
    assert json.loads("".join(lines(Answer(sheet=sheet), "json"))) == [{"at": "2026-01-15T00:00:00Z"}]


def test_json_of_a_sheet_has_its_rows_as_objects() -> None:
    assert json.loads("\n".join(lines(Answer(sheet=SHEET), "json"))) == [
        {
            "customer": "nova",
            "total": "1234.50",
            "minutes": "1000",
            "due_at": "2026-01-15T00:00:00Z",
            "paid": True,
        },
        {"customer": "東京", "total": "-5.00", "minutes": "0.5", "due_at": None, "paid": False},
    ]


def test_ndjson_is_one_object_a_line() -> None:
    assert lines(Answer([{"a": 1}, {"a": 2}]), "ndjson") == ['{"a":1}', '{"a":2}']
    assert lines(Answer({"a": 1}), "ndjson") == ['{"a":1}']


def test_csv_has_a_header_and_plain_numbers() -> None:
    assert lines(Answer(sheet=SHEET), "csv") == [
        "customer,total,minutes,due_at,paid",
        "nova,1234.50,1000,2026-01-15T00:00:00Z,true",
        "東京,-5.00,0.5,,false",
    ]


@pytest.mark.parametrize("formula", ["=1+1", "+1", "-1", "@SUM(A1)", "\uff1d1+1"])
def test_csv_text_is_never_a_formula(formula: str) -> None:
    sheet = Sheet((Column("name"),), ((formula,),))
    assert lines(Answer(sheet=sheet), "csv")[1] == f"'{formula}"


def test_markdown_shows_markup_as_it_is() -> None:
    sheet = Sheet((Column("name"), Column("total", "amount")), (("a|b <i> [x](y)", "1.00"),))
    assert lines(Answer(sheet=sheet), "markdown") == [
        "| name | total |",
        "| --- | ---: |",
        r"| a\|b \<i\> \[x\](y) | 1.00 |",
    ]


@pytest.mark.parametrize("name", FORMATS)
def test_no_format_lets_data_move_the_terminal(name: str) -> None:
    hostile = "\x1b[2J\r\b\x9b31m\u202eeman"
    sheet = Sheet((Column("name"),), ((hostile,),))
    for answer in (Answer(sheet=sheet), Answer({"name": hostile}), Answer({"name": hostile}, (hostile,))):
        printed = "".join(lines(answer, name))
        assert not set(hostile) & set(printed) - set("[2J31meman")


@pytest.mark.parametrize("name", FORMATS)
def test_on_a_terminal_markup_in_data_is_text(name: str) -> None:
    sheet = Sheet((Column("name"),), (("[bold]x[/foo]",),))
    printed = "".join(lines(Answer(sheet=sheet), name, Screen(is_terminal=True, colour=True, width=80)))
    assert "[bold]x[/foo]" in printed.replace("\\", "")


IDS = Sheet(
    (Column("id"), Column("method"), Column("at", "instant", "received"), Column("amount", "amount")),
    (
        ("pay_1j7bhhzf80086e9wzr972d7", None, JAN_15, "19.00"),
        ("pay_1j7k2yqvg00fzp94qp0yf65", None, JAN_15, "5.00"),
    ),
)


def test_a_narrow_terminal_breaks_cells_between_words_and_never_an_id() -> None:
    assert lines(Answer(sheet=IDS), "table", Screen(is_terminal=True, width=55)) == [
        "id                           method  received    amount",
        "pay_1j7bhhzf80086e9wzr972d7          2026-01-15   19.00",
        "                                     00:00 UTC",
        "pay_1j7k2yqvg00fzp94qp0yf65          2026-01-15    5.00",
        "                                     00:00 UTC",
    ]


def test_columns_without_a_cell_give_way_on_a_narrower_terminal() -> None:
    assert lines(Answer(sheet=IDS), "table", Screen(is_terminal=True, width=47)) == [
        "id                           received    amount",
        "pay_1j7bhhzf80086e9wzr972d7  2026-01-15   19.00",
        "                             00:00 UTC",
        "pay_1j7k2yqvg00fzp94qp0yf65  2026-01-15    5.00",
        "                             00:00 UTC",
    ]


def test_where_nothing_fits_every_row_is_a_block_of_its_own() -> None:
    assert lines(Answer(sheet=IDS), "table", Screen(is_terminal=True, width=40)) == [
        "id        pay_1j7bhhzf80086e9wzr972d7",
        "received  2026-01-15 00:00 UTC",
        "amount    19.00",
        "",
        "id        pay_1j7k2yqvg00fzp94qp0yf65",
        "received  2026-01-15 00:00 UTC",
        "amount    5.00",
    ]


def test_an_empty_table_is_its_sentence_and_an_empty_list_for_machines() -> None:
    answer = Answer(sheet=Sheet(COLUMNS), empty="no invoices")
    assert lines(answer, "table") == ["no invoices"]
    assert lines(answer, "markdown") == ["no invoices"]
    assert lines(answer, "json") == ["[]"]
    assert lines(answer, "ndjson") == []
    assert lines(answer, "csv") == ["customer,total,minutes,due_at,paid"]


def test_a_document_without_a_sheet_has_one_of_its_single_values() -> None:
    answer = Answer({"id": "nova", "emails": ["a", "b"], "archived": False}, ("nova",))
    assert lines(answer, "table") == ["nova"]
    assert lines(answer, "csv") == ["id,archived", "nova,false"]


def test_a_float_is_a_mistake_of_ours() -> None:
    with pytest.raises(TypeError, match="float"):
        lines(Answer({"amount": 1.5}), "json")  # type: ignore[dict-item]


def test_a_row_that_does_not_fit_its_columns_is_a_mistake_of_ours() -> None:
    with pytest.raises(AssertionError):
        Sheet(COLUMNS, (("nova",),))


def test_a_source_of_the_answer_is_printed_as_it_is() -> None:
    assert lines(Answer({"a": 1}, sources={"yaml": "a: 1\nb: 2\n"}), "yaml") == ["a: 1", "b: 2"]
