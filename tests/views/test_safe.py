"""No text from data can move the cursor, hide or reorder what is read, and none shows a secret."""

from __future__ import annotations

import json
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from planctl.views.safe import redacted, safe, width


@pytest.mark.parametrize(
    "text", ["", "Pro", "Größe 日本語", "1 000", "[bold]x[/bold]", "a\\nb", "×÷…", "\U0001f600", "1\xa0000"]
)
def test_ordinary_text_is_unchanged(text: str) -> None:
    assert safe(text) == text


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("\x1b[2J", "␛[2J"),
        ("\x1b]8;;http://evil\x07here", "␛]8;;http://evil␇here"),
        ("PAID\rDUE", r"PAID\rDUE"),
        ("a\nb\tc", r"a\nb\tc"),
        ("abc\b\b\b", "abc␈␈␈"),
        ("\x00", "␀"),
        ("\x7f", "␡"),
        ("\x9b2J", r"\x9b2J"),
        ("\x85", r"\x85"),
        ("a\u202egp\u2066j", r"a\u202egp\u2066j"),
        ("zero\u200bwidth\ufeff", r"zero\u200bwidth\ufeff"),
        ("soft\xadhyphen", r"soft\xadhyphen"),
        ("\u2028\u2029", r"\u2028\u2029"),
        ("\ud800", r"\ud800"),
        ("\U000e0041", r"\U000e0041"),
        ("\u3164", r"\u3164"),
    ],
)
def test_invisible_characters_are_shown(text: str, shown: str) -> None:
    assert safe(text) == shown


@pytest.mark.parametrize(
    ("text", "limit", "shown"),
    [
        ("abcdef", 6, "abcdef"),
        ("abcdefg", 6, "abcde…"),
        ("ab\x1bdefg", 6, "ab␛de…"),
        ("abcd\u202e", 6, "abcd…"),
        ("a\u202e", 7, r"a\u202e"),
        ("äbcdefg", 6, "äbcde…"),
        ("abc", 1, "…"),
    ],
)
def test_long_text_is_cut_and_no_escape_with_it(text: str, limit: int, shown: str) -> None:
    assert safe(text, limit) == shown


@given(st.text())
def test_what_is_shown_can_be_printed_on_one_line(text: str) -> None:
    shown = safe(text)
    assert shown.encode("utf-8").decode("utf-8") == shown
    assert len(shown.splitlines()) <= 1
    assert not {unicodedata.category(character) for character in shown} & {"Cc", "Cf", "Cs", "Zl", "Zp"}


@given(st.text(), st.integers(1, 40))
def test_no_result_is_longer_than_its_limit(text: str, limit: int) -> None:
    assert len(safe(text, limit)) <= limit


def test_every_control_character_becomes_something_else() -> None:
    for code in (*range(32), *range(127, 160)):
        assert chr(code) not in safe(chr(code)), hex(code)


@pytest.mark.parametrize(("text", "columns"), [("abc", 3), ("日本", 4), ("é", 1), ("e\u0301", 1), ("…", 1)])
def test_width_counts_columns(text: str, columns: int) -> None:
    assert width(text) == columns


# --- secrets


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("Bad key: sk_test_51Abcdefgh", "Bad key: sk_test_…"),
        ("rk_live_51Abcdefgh, again rk_live_51Abcdefgh.", "rk_live_…, again rk_live_…."),
        ('{"key":"pk_live_51Abcdefgh"}', '{"key":"pk_live_…"}'),
        ("STRIPE_API_KEY=sk_live_a_b_c_d_e", "STRIPE_API_KEY=sk_live_…"),
        ("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "whsec_…"),
        ("whsec_ab+cd/ef==", "whsec_…"),
        ("Authorization: Bearer abc.DEF-123", "Authorization: Bearer …"),
        ("authorization: bearer   abcdefgh", "authorization: bearer   …"),
        ("postgresql://alice:s3cret@db.example/books", "postgresql://alice:***@db.example/books"),
        ("postgresql://alice:a@b@db.example/books", "postgresql://alice:***@db.example/books"),
        ("postgresql://db/books?user=a&password=s3cret&x=1", "postgresql://db/books?user=a&password=***&x=1"),
        (r"password=back\slash now", "password=*** now"),
        (r'{"name": "password=x\"y", "b": 1}', '{"name": "password=***", "b": 1}'),
        (r'{"name": "password=x\\", "b": 1}', '{"name": "password=***", "b": 1}'),
        (r'{"name": "redis://u:x\"y@db", "b": 1}', '{"name": "redis://u:***@db", "b": 1}'),
    ],
)
def test_a_secret_is_left_out_and_its_kind_is_told(text: str, shown: str) -> None:
    assert redacted(text) == shown


@given(st.lists(st.sampled_from(["password=", "://", ":", "@", '"', "\\", "\n", "'", "ä", "x", "/", " "])))
def test_json_without_its_secrets_is_still_json_of_the_same_shape(pieces: list[str]) -> None:
    document = {"first": "".join(pieces), "second": ["".join(reversed(pieces))]}
    read = json.loads(redacted(json.dumps(document, ensure_ascii=False)))
    assert (list(read), len(read["second"])) == (["first", "second"], 1)


@pytest.mark.parametrize(
    "text",
    [
        "rk_test_…9xQ2",  # what may be shown of a key
        "Invalid API Key provided: sk_test_*********abcd",  # how Stripe itself shows one
        "the plan desk_test_2026abcd is sold",
        "sk_test_ and whsec_ are prefixes",
        "https://example.com:8080/a@b",
        "http://a.example: ask bob@example.com",
        '{"from":"http://a","to":"b@example.com"}',
        "cs_test_a1b2c3d4e5f6g7h8",
        "the bearer of bad news",
    ],
)
def test_what_only_resembles_a_secret_stays(text: str) -> None:
    assert redacted(text) == text


@given(st.text(st.characters(exclude_characters="_: =")))
def test_text_without_any_sign_of_a_secret_is_unchanged(text: str) -> None:
    assert redacted(text) == text
