"""A bank's statement is read exactly, whatever its columns are called in; what has two meanings is refused."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest

from planctl.core.money import NumberError
from planctl.files.bank_reader import AmountError, Statement, amount_of, read_statement


def statement(tmp_path: Path, text: str) -> Statement:
    path = tmp_path / "bank.csv"
    path.write_text(text, encoding="utf-8")
    return read_statement(str(path))


@pytest.mark.parametrize(
    ("text", "amount"),
    [
        ("49", "49"),
        ("49.00", "49.00"),
        ("+49.00", "49.00"),
        ("-49.00", "-49.00"),
        ("12,50", "12.50"),
        ("1.234,50", "1234.50"),
        ("1,234.50", "1234.50"),
        ("-1.234.567,8", "-1234567.8"),
        ("1234.5", "1234.5"),
    ],
)
def test_an_amount_with_one_meaning_is_read(text: str, amount: str) -> None:
    assert str(amount_of(text)) == str(Decimal(amount))


@pytest.mark.parametrize("text", ["1,234", "-12,345"])
def test_an_amount_with_two_meanings_is_refused(text: str) -> None:
    with pytest.raises(AmountError, match="two ways"):
        amount_of(text)


@pytest.mark.parametrize(
    "text",
    ["", "1e3", "NaN", "Infinity", "1,23,45", "1.234.50", "12 50", "٤٩", "0x10", "1'234.50", "€49", "++1"],
)
def test_what_is_no_amount_is_refused(text: str) -> None:
    with pytest.raises(NumberError):
        amount_of(text)


def test_columns_are_found_by_name_and_others_read_over(tmp_path: Path) -> None:
    found = statement(
        tmp_path,
        "\ufeffBooked;Date;Amount;Currency;Reference\nx;2026-01-05;49,00;usd;INV-2026-00001 thanks\n\n",
    )
    assert found.findings == []
    (row,) = found.rows
    assert (row.line, row.day, row.amount, row.currency, row.reference) == (
        2,
        date(2026, 1, 5),
        Decimal("49.00"),
        "USD",
        "INV-2026-00001 thanks",
    )


def test_a_row_has_the_same_key_in_every_file_and_two_alike_have_two(tmp_path: Path) -> None:
    same = "2026-01-05,10,USD,a\n"
    one = statement(tmp_path, f"date,amount,currency,reference\n{same}2026-01-06,10,USD,a\n{same}")
    other = statement(tmp_path, f"Date,Amount,Currency,Reference\n2026-01-04,1,USD,b\n{same}")
    first, _, second = one.rows
    assert first.key != second.key
    assert other.rows[1].key == first.key


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "date, amount, currency, reference"),
        ("date,amount,reference\n", "currency"),
        ("date,amount,currency,reference,Date\n", "date"),
        ("date,amount,currency,reference\n2026-01-05,10\n", "2 values for 4 columns"),
        ("date,amount,currency,reference\n05.01.2026,10,USD,x\n", "05.01.2026"),
        ("date,amount,currency,reference\n2026-01-05,ten,USD,x\n", "ten"),
        ('date,amount,currency,reference\n2026-01-05,"1,234",USD,x\n', "two ways"),
        ('date,amount,currency,reference\n2026-01-05,10,USD,"x\n', "not CSV"),
    ],
)
def test_what_is_wrong_with_a_file_is_said(tmp_path: Path, text: str, says: str) -> None:
    found = statement(tmp_path, text)
    assert found.rows == []
    assert says in found.findings[0].message


def test_a_file_of_another_encoding_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "bank.csv"
    path.write_bytes("date,amount,currency,reference\n2026-01-05,10,USD,Müller\n".encode("latin-1"))
    assert [one.rule for one in read_statement(str(path)).findings] == ["encoding"]
