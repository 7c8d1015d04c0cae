"""A verifier that skips a check is caught: each hand-made mutant of it passes something that it must not.

Source: planctl reliability rules, tamper evidence: an ignored decode error made another log's check pass.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from dataclasses import replace
from types import ModuleType
from typing import Any

import pytest

from planctl.core import audit
from planctl.core.audit import ChainedEntry, Tip, chained

Chain = list[ChainedEntry]


def chain(*bodies: str) -> Chain:
    """Entries with these bodies, each following the one before."""
    found: Chain = []
    tip = Tip()
    for body in bodies:
        found.append(chained(tip, body))
        tip = Tip(found[-1].seq, found[-1].hash)
    return found


WHOLE = chain('"a"', '"b"', '"c"', '"d"')
OTHER = chain('"a"', '"x"', '"y"', '"z"')
TIPS = [Tip(one.seq, one.hash) for one in WHOLE]


def swapped(entries: Chain, place: int, **said: Any) -> Chain:
    """The chain with another entry in one place."""
    return [*entries[:place], replace(entries[place], **said), *entries[place + 1 :]]


CASES: dict[str, tuple[Chain, list[Tip], list[tuple[str, int]], int]] = {
    # what is there, what was anchored, which faults of which entries, the last good anchor (0: none)
    "whole": (WHOLE, [], [], 0),
    "whole, all anchored": (WHOLE, TIPS, [], 4),
    "nothing, nothing anchored": ([], [Tip()], [], 0),
    "nothing, something anchored": ([], TIPS[:1], [("cut off", 1)], 0),
    "a body changed": (swapped(WHOLE, 1, body='"B"'), [], [("edited", 2)], 0),
    "a last body changed": (swapped(WHOLE, 3, body='"D"'), TIPS[:2], [("edited", 4)], 2),
    "a hash changed": (swapped(WHOLE, 3, hash="0" * 64), [], [("edited", 4)], 0),
    "a hash changed in its last digit": (
        swapped(WHOLE, 3, hash=WHOLE[3].hash[:-1] + ("0" if WHOLE[3].hash[-1] != "0" else "1")),
        [],
        [("edited", 4)],
        0,
    ),
    "a body changed with its hash": (
        swapped(WHOLE, 1, body='"B"', hash=audit.chain_hash(WHOLE[1].prev, '"B"')),
        TIPS,
        [("rewritten", 2), ("edited", 3)],
        1,
    ),
    "an entry taken out": ([WHOLE[0], *WHOLE[2:]], [], [("edited", 2)], 0),
    "an anchored entry taken out": ([WHOLE[0], *WHOLE[2:]], TIPS[1:2], [("edited", 2), ("edited", 2)], 0),
    "the first taken out": (WHOLE[1:], [], [("edited", 1)], 0),
    "a first entry of elsewhere": (swapped(WHOLE, 0, prev="1" * 64), [], [("edited", 1), ("edited", 1)], 0),
    "cut short": (WHOLE[:2], TIPS, [("cut off", 3), ("cut off", 4)], 2),
    "written anew": (OTHER, TIPS, [("rewritten", 2), ("rewritten", 3), ("rewritten", 4)], 1),
    "written anew and shorter": (OTHER[:2], TIPS[2:3], [("cut off", 3)], 0),
    "two tips for one entry, the wrong one first": (
        WHOLE,
        [Tip(2, OTHER[1].hash), TIPS[1]],
        [("rewritten", 2)],
        0,
    ),
    "two tips for one entry": (WHOLE, [TIPS[1], Tip(2, OTHER[1].hash)], [("rewritten", 2)], 0),
}


def verdict(
    verifier: type[audit.Verifier], entries: Chain, anchors: list[Tip]
) -> tuple[list[tuple[str, int]], int]:
    """Which faults it finds, and up to which anchor nothing is wrong."""
    one = verifier(anchors)
    found: list[tuple[str, int]] = [(fault.kind, fault.seq) for fault in one.faults(entries)]
    return found, one.good.seq if one.good else 0


@pytest.mark.parametrize("name", CASES)
def test_each_fault_is_told_by_its_kind_and_entry(name: str) -> None:
    entries, anchors, faults, good = CASES[name]
    assert verdict(audit.Verifier, entries, anchors) == (faults, good)


MUTANTS = {
    "the link to the entry before is not looked at": ("entry.prev != last.hash", "False"),
    "the number is not looked at": ("entry.seq != last.seq + 1", "False"),
    "a gap is taken for a link": ("elif entry.prev", "if entry.prev"),
    "the hash is not looked at": ("if entry.hash != expected", "if False"),
    "the hash is compared in part": ("entry.hash != expected", "entry.hash[:1] != expected[:1]"),
    "the body is left out of the hash": ("chain_hash(entry.prev, entry.body)", "entry.hash"),
    "an anchor is not compared": ("anchored - {entry.hash}", "set()"),
    "one good anchor is enough": (
        "anchored - {entry.hash}",
        "anchored if entry.hash not in anchored else set()",
    ),
    "only the last anchor counts": (
        "setdefault(one.seq, set()).add(one.hash)",
        "__setitem__(one.seq, {one.hash})",
    ),
    "an anchor beyond the end is passed over": ("for seq in sorted(self._expected)", "for seq in ()"),
    "the tip is not moved on": (
        "self.tip = Tip(entry.seq, entry.hash)",
        "self.tip = Tip(entry.seq, entry.prev)",
    ),
    "a good anchor after a fault counts": ("if anchored and self._whole", "if anchored"),
    "an error ends the check": ("for fault in self._of_entry(entry):", "for fault in ():"),
    "cut off is taken for edited": ('"cut off" if seq > self.tip.seq', '"edited" if seq > self.tip.seq'),
}


@pytest.mark.parametrize("name", MUTANTS)
def test_a_verifier_that_skips_a_check_is_caught(name: str) -> None:
    source = inspect.getsource(audit)
    before, after = MUTANTS[name]
    assert before in source
    mutant = module(source.replace(before, after))
    wrong = [
        name
        for name, (entries, anchors, faults, good) in CASES.items()
        if verdict(mutant.Verifier, entries, anchors) != (faults, good)
    ]
    assert wrong


def module(source: str) -> Any:
    """A module of a changed source."""
    made = ModuleType("mutant")
    made.__dict__["__name__"] = audit.__name__
    exec(compile(source, "mutant", "exec"), made.__dict__)
    return made


# --- rows and their digest


def digest(*rows: tuple[str, str, str, str]) -> str:
    """The digest of these rows."""
    one = audit.ObjectsDigest()
    for row in rows:
        one.add(*row)
    return one.document().get("digest", "")


def test_the_digest_of_rows_is_the_published_formula() -> None:
    """sha256 over a prefix with a NUL and a line of JSON for each row. Worked out with another tool."""
    import hashlib

    lines = b'["customer","ac\\"me","","aa"]\n["hold","7/odd","bb",""]\n'
    expected = hashlib.sha256(b"planctl-objects-v1\0" + lines).hexdigest()
    assert digest(("customer", 'ac"me', "", "aa"), ("hold", "7/odd", "bb", "")) == expected


def test_the_hash_of_a_row_is_the_published_formula() -> None:
    import hashlib

    text = '["customer",7,"caf\u00e9",null,"00ff"]'
    expected = hashlib.sha256(b"planctl-row-v1\0" + text.encode()).hexdigest()
    assert audit.row_hash("customer", [7, "caf\u00e9", None, b"\x00\xff"]) == expected


def pairs() -> Iterator[tuple[list[Any], list[Any]]]:
    """Rows that are not the same, though they look like it."""
    yield [1], ["1"]
    yield [None], [""]
    yield [None], ["null"]
    yield ["a", "b"], ["a,b"]
    yield ["a", "b"], ['a","b']
    yield ["a", ""], ["", "a"]
    yield ["e\u0301"], ["\u00e9"]


@pytest.mark.parametrize(("one", "other"), [*pairs()])
def test_other_rows_have_other_hashes(one: list[Any], other: list[Any]) -> None:
    assert audit.row_hash("t", one) != audit.row_hash("t", other)


def test_a_truth_value_is_the_number_that_the_store_keeps() -> None:
    assert audit.row_hash("t", [True]) == audit.row_hash("t", [1])


def test_other_rows_and_another_order_have_another_digest() -> None:
    a, b = ("t", "1", "", "x"), ("t", "2", "", "x")
    make: Callable[..., str] = digest
    assert len({make(), make(a), make(b), make(a, b), make(b, a), make(("t", "1", "x", ""))}) == 6
