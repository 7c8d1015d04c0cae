"""The style in which documents are written, as input and output."""

from __future__ import annotations

import pytest

from planctl.core.document import Document
from planctl.files.yaml_writer import write_yaml


def test_outer_levels_are_blocks_and_maps_of_single_values_are_rows() -> None:
    document: Document = {
        "format": "planctl.catalog/1",
        "currencies": {"USD": None, "USDT": {"name": "Tether", "decimals": "6", "iso": False}},
        "plans": {
            "pro": {
                "name": "Pro",
                "trial": {"days": "14", "card": False, "once_per": ["customer", "fingerprint"]},
                "price": {"month": {"USD": "49", "EUR": "46.50"}, "3 months": {"USD": "140"}},
                "features": {
                    "sso": True,
                    "seats": {
                        "included": "10",
                        "beyond": {
                            "charge": "usage",
                            "graduated": [
                                {"to": "1000000", "each": {"USD": "0.0004", "EUR": "0.00038"}},
                                {
                                    "each": {"USD": "0.0002", "EUR": "0.00019", "USDT": "0.0002"},
                                    "flat": {"USD": "10", "EUR": "9", "USDT": "10", "JPY": "1500"},
                                },
                            ],
                        },
                    },
                },
            },
        },
        "coupons": {"launch20": {"off": "20%", "for": "3 periods", "plans": ["pro"], "until": "2026-12-31"}},
    }
    assert (
        write_yaml(document)
        == """\
format: planctl.catalog/1
currencies:
  USD:
  USDT: {name: Tether, decimals: 6, iso: false}
plans:
  pro:
    name: Pro
    trial: {days: 14, card: false, once_per: [customer, fingerprint]}
    price:
      month: {USD: 49, EUR: 46.50}
      3 months: {USD: 140}
    features:
      sso: true
      seats:
        included: 10
        beyond:
          charge: usage
          graduated:
            - {to: 1000000, each: {USD: 0.0004, EUR: 0.00038}}
            - each: {USD: 0.0002, EUR: 0.00019, USDT: 0.0002}
              flat: {USD: 10, EUR: 9, USDT: 10, JPY: 1500}
coupons:
  launch20: {off: 20%, for: 3 periods, plans: [pro], until: 2026-12-31}
"""
    )


@pytest.mark.parametrize(
    "text",
    [
        "Pro",
        "19",
        "19.90",
        "-4",
        "0",
        "0.0004",
        "1_000",
        "900..9_000",
        "20%",
        "1/10",
        "2026-12-31",
        "14_days",
        "customer_id",
        "planctl.catalog/1",
        "sales@acme.example",
        "Größe",
        "日本語",
        "don't",
        "a-b",
        "/start",
    ],
)
def test_text_numbers_and_dates_are_plain(text: str) -> None:
    assert write_yaml({"a": text}) == f"a: {text}\n"


@pytest.mark.parametrize(
    "text",
    [
        "no",
        "NO",
        "off",
        "y",
        "true",
        "null",
        "~",
        "1e3",
        "1.0e+3",
        "010",
        "0x1F",
        "0o17",
        "0b11",
        "12:30",
        "1__0",
        ".5",
        "5.",
        "+5",
        ".inf",
        "<<",
        "=",
        "-",
        "--",
        "-x",
        "?",
        "*",
        "&",
        "!",
        "|",
        ">",
        "%",
        "@",
        "`",
        "#",
        "[",
        "{",
        "a:",
        "key:value",
        "'",
        "#x",
    ],
)
def test_what_any_tool_would_read_as_something_else_is_quoted(text: str) -> None:
    assert write_yaml({"a": text}) == f'a: "{text}"\n'


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("", '""'),
        (" a", '" a"'),
        ("a ", '"a "'),
        ("a #b", '"a #b"'),
        ('say "hi"', '"say \\"hi\\""'),
        ("back\\slash", '"back\\\\slash"'),
        ("tab\there", '"tab\\there"'),
        ("ends\u202egnirts", '"ends\\u202egnirts"'),
        ("a\xa0b", '"a\xa0b"'),
        ("\ufeffa", '"\\ufeffa"'),
        ("a, b [c]", "a, b [c]"),
    ],
)
def test_spaces_and_signs_are_quoted_where_they_mean_something(text: str, written: str) -> None:
    assert write_yaml({"a": text}) == f"a: {written}\n"


def test_commas_and_brackets_are_quoted_in_a_row_only() -> None:
    assert write_yaml({"a": {"b": {"c": "d, e", "f": "g]"}}}) == 'a:\n  b: {c: "d, e", f: "g]"}\n'


def test_words_that_catalogs_use_as_keys_are_plain_and_other_keys_follow_the_rules_of_values() -> None:
    assert (
        write_yaml({"off": "1", "null": "2", "2020-07-01": "16%"}) == 'off: 1\n"null": 2\n2020-07-01: 16%\n'
    )


def test_a_text_of_several_lines_is_a_block_where_that_is_safe() -> None:
    assert write_yaml({"a": {"b": "one\n\n  two\n"}}) == "a:\n  b: |\n    one\n\n      two\n"
    assert write_yaml({"a": "one\ntwo"}) == "a: |-\n  one\n  two\n"
    assert write_yaml({"a": " one\ntwo"}) == 'a: " one\\ntwo"\n'
    assert write_yaml({"a": "one \ntwo"}) == 'a: "one \\ntwo"\n'


def test_a_row_that_is_too_long_is_a_block() -> None:
    row: dict[str, Document] = {f"feature_{number}": "1000" for number in range(4)}
    row["feature_4"] = "10"
    assert write_yaml({"plans": {"pro": row}}) == (
        "plans:\n  pro: {feature_0: 1000, feature_1: 1000, feature_2: 1000, feature_3: 1000, feature_4: 10}\n"
    )
    assert write_yaml({"plans": {"pro_": row}}) == (
        "plans:\n  pro_:\n"
        + "".join(f"    feature_{number}: 1000\n" for number in range(4))
        + "    feature_4: 10\n"
    )


def test_empty_things_and_lists_of_lists() -> None:
    assert write_yaml({}) == "{}\n"
    assert write_yaml({"a": {}, "b": [], "c": None, "d": [None, [], ["w", "x"], True]}) == (
        "a: {}\nb: []\nc:\nd:\n  - null\n  - []\n  - [w, x]\n  - true\n"
    )


def test_comments_stand_above_their_keys_and_open_the_row_they_are_in() -> None:
    comments = {"": "Acme\n\nseen by customers", "plans.pro": "the one we sell", "plans.pro.price": "net"}
    assert write_yaml({"plans": {"pro": {"name": "Pro", "price": "free"}}}, comments) == (
        "# Acme\n#\n# seen by customers\n"
        "plans:\n"
        "  # the one we sell\n"
        "  pro:\n"
        "    name: Pro\n"
        "    # net\n"
        "    price: free\n"
    )


def test_a_comment_cannot_end_its_line() -> None:
    assert write_yaml({"a": "1"}, {"a": "x\rb: 2\x0bc: 3\u2028d\x00"}) == (
        "# x\n# b: 2\n# c: 3\n# d\\u0000\na: 1\n"
    )
