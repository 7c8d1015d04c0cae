"""The law of rows, taken apart: what it says of each past, and that no mutant of it passes them all."""

from __future__ import annotations

import inspect
from types import ModuleType
from typing import Any

import pytest

from planctl.store.audit_objects import key_of, object_id
from planctl.store.laws import rows
from planctl.store.touching import AUDITED, Key, hashed_columns, key_columns

A, B, C = "a" * 64, "b" * 64, "c" * 64

CASES: dict[str, tuple[list[tuple[int, str, str]], str, list[str]]] = {
    "as it was left": ([(1, "", A), (4, A, B)], B, []),
    "removed": ([(1, "", A), (4, A, "")], "", []),
    "made again": ([(1, "", A), (4, A, ""), (5, "", B)], B, []),
    "named again by an upgrade": ([(1, "", A), (9, "", B)], B, []),
    "first named when it was there already": ([(3, A, B)], B, []),
    "changed": ([(1, "", A)], B, ["it was changed past planctl"]),
    "gone": ([(1, "", A)], "", ["it is gone"]),
    "there again": ([(1, "", A), (2, A, "")], A, ["it is there again"]),
    "changed between two entries": (
        [(1, "", A), (4, B, C)],
        C,
        ["it was changed between audit entries 1 and 4"],
    ),
    "put between two entries": (
        [(1, "", A), (2, A, ""), (4, B, C)],
        C,
        ["it was changed between audit entries 2"],
    ),
    "changed twice": ([(1, "", A), (4, B, C)], A, ["it was changed between", "it was changed past planctl"]),
}


@pytest.mark.parametrize("name", CASES)
def test_a_row_is_as_its_last_entry_left_it(name: str) -> None:
    past, now, says = CASES[name]
    assert said(rows, past, now) == says


MUTANTS = {
    "the past is not looked at": ("in pairwise(past)", "in ()"),
    "any change before an entry is taken": ('not in ("", left)', 'not in ("", left, found)'),
    "only what was empty counts": ('found not in ("", left)', 'found == "" != left'),
    "the first entry counts": ("left = past[-1]", "left = past[0]"),
    "what is gone is passed over": ("if now == left:", "if now in (left, ''):"),
    "what is there again is passed over": ("if now == left:", "if now == left or not left:"),
    "what is there at all is enough": ("if now == left:", "if now and left:"),
}


@pytest.mark.parametrize("name", MUTANTS)
def test_a_law_that_skips_a_check_is_caught(name: str) -> None:
    source, (before, after) = inspect.getsource(rows), MUTANTS[name]
    assert before in source
    mutant = ModuleType("mutant")
    mutant.__dict__["__name__"] = rows.__name__
    exec(compile(source.replace(before, after), "mutant", "exec"), mutant.__dict__)
    assert [one for one, (past, now, says) in CASES.items() if said(mutant, past, now) != says]


def said(law: Any, past: list[tuple[int, str, str]], now: str) -> list[str]:
    """The beginning of each sentence, as long as the case expects it."""
    known = sorted({begin for _, _, says in CASES.values() for begin in says}, key=len, reverse=True)
    found = []
    for what in law._breaches(past, now):
        found.append(next(begin for begin in known if what.startswith(begin)))
    return [_short(one, past, now) for one in found]


def _short(begin: str, past: list[tuple[int, str, str]], now: str) -> str:
    expected = next((says for one, two, says in CASES.values() if (one, two) == (past, now)), [])
    return next((one for one in expected if begin.startswith(one)), begin)


@pytest.mark.parametrize(
    ("table", "key", "name"),
    [
        ("customer", ("acme",), "acme"),
        ("setting", ("seller.name",), "seller.name"),
        ("hold", (7, "odd"), "7/odd"),
        ("number_gap", ("a/b%2F", 2026, 7), "a%2Fb%252F/2026/7"),
        ("plan_version", ("pro", 2), "pro/2"),
        ("operation", ("key/with/slashes",), "key/with/slashes"),
    ],
)
def test_a_name_of_a_row_leads_back_to_its_key(table: str, key: Key, name: str) -> None:
    assert object_id(table, key) == name
    assert key_of(table, name) == key


@pytest.mark.parametrize(
    ("table", "key", "name"),
    [
        # printf %s dean@school.example | sha256sum
        (
            "allow_entry",
            ("schools", "dean@school.example"),
            "schools/sha256:e2b7d017e24a61873a70d3f1422c7ca3fa743f8dc198112c156275a24efebfe2",
        ),
        # printf %s f-81 | sha256sum
        (
            "trial_use",
            ("fingerprint", "f-81", "group:main"),
            "fingerprint/sha256:2628d31a9dff27953c8a467d519fe6fd54391bf8bc59020c4d828c704e528253/group:main",
        ),
    ],
)
def test_what_may_be_about_a_person_is_named_by_its_hash(table: str, key: Key, name: str) -> None:
    assert object_id(table, key) == name


@pytest.mark.parametrize("name", ["7", "x/odd", "7/odd/more"])
def test_a_name_that_no_row_has_is_an_error(name: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - whichever part of it is wrong
        key_of("hold", name)


@pytest.mark.parametrize("table", AUDITED)
def test_a_hash_covers_every_column_but_those_that_are_left_out(table: str) -> None:
    assert {*key_columns(table)} <= {*hashed_columns(table)}
    assert {*AUDITED[table]}.isdisjoint(hashed_columns(table))
    assert len(hashed_columns(table)) >= 2
