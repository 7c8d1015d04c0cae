"""Which tips that were kept elsewhere bind a store that was adopted, and which say nothing about it.

Expected values are worked out by hand from docs/decisions/043: a store that was adopted with entry 6 holds the chain of
the generation before up to entry 5.
"""

from __future__ import annotations

import pytest

from planctl.core.anchoring import Adopted, Binding, Silent, adopted_in, binding
from planctl.core.audit import Anchor, ChainedEntry, Tip

AA = "a" * 64

NEVER: tuple[Adopted, ...] = ()
ONCE = (Adopted(6, "adoption_x"),)
TWICE = (Adopted(6, "adoption_x"), Adopted(9, "adoption_y"))


def kept(seq: int, store: str = "store_1", generation: int = 1, adoption: str = "") -> Anchor:
    return Anchor(Tip(seq, AA), store, generation, "2026-01-01T00:00:00Z", adoption)


MUST: dict[str, tuple[Anchor, tuple[Adopted, ...]]] = {
    "its own": (kept(7), NEVER),
    "one that says no store": (Anchor(Tip(8, AA)), ONCE),
    "the last before the adoption": (kept(5), ONCE),
    "the adoption itself": (kept(6, generation=2, adoption="adoption_x"), ONCE),
    "one of an older planctl, which said no adoption": (kept(7, generation=2), ONCE),
    "one of the generation between": (kept(8, generation=2, adoption="adoption_x"), TWICE),
    "the newest": (kept(10, generation=3, adoption="adoption_y"), TWICE),
    "the oldest": (kept(1), TWICE),
    "one of a later generation: this is an older copy": (kept(3, generation=2, adoption="adoption_x"), NEVER),
}


@pytest.mark.parametrize("name", MUST)
def test_a_tip_of_this_chain_must_be_in_it(name: str) -> None:
    anchor, adoptions = MUST[name]
    found = binding([anchor], "store_1", adoptions)
    assert found == Binding((anchor.tip,), ())
    assert (found.reach, found.is_there) == (anchor.tip.seq, True)


SAYS_NOTHING: dict[str, tuple[Anchor, tuple[Adopted, ...], Silent]] = {
    "what the original wrote since": (kept(6), ONCE, Silent(1, 1, 5)),
    "what the one between wrote since": (
        kept(9, generation=2, adoption="adoption_x"),
        TWICE,
        Silent(2, 1, 8),
    ),
    "another adoption of the same backup": (kept(6, generation=2, adoption="adoption_z"), ONCE, Silent(2, 1)),
    "another adoption, before the one that goes on": (
        kept(2, generation=2, adoption="adoption_z"),
        TWICE,
        Silent(2, 1),
    ),
    "no generation": (kept(3, generation=0), NEVER, Silent(0, 1)),
}


@pytest.mark.parametrize("name", SAYS_NOTHING)
def test_a_tip_of_another_chain_says_nothing_and_is_counted(name: str) -> None:
    anchor, adoptions, silent = SAYS_NOTHING[name]
    found = binding([anchor], "store_1", adoptions)
    assert found == Binding((), (silent,))
    assert (found.reach, found.is_there) == (0, True)


def test_tips_of_other_stores_are_not_there() -> None:
    found = binding([kept(3, "store_2")], "store_1", ONCE)
    assert found == Binding()
    assert not found.is_there


def test_tips_are_counted_by_generation_and_by_why() -> None:
    others = [kept(seq) for seq in (7, 8, 5)]
    copies = [kept(seq, generation=2, adoption="adoption_z") for seq in (6, 7)]
    found = binding([*copies, *others, kept(12, generation=2, adoption="adoption_x")], "store_1", ONCE)
    assert found.tips == (Tip(5, AA), Tip(12, AA))
    assert found.silent == (Silent(1, 2, 5), Silent(2, 2, None))
    assert found.reach == 12


@pytest.mark.parametrize(
    ("body", "mark"),
    [
        (
            '{"command":"store adopt","touched":[["store_identity","s","",""],["adoption","adoption_x","",""]]}',
            "adoption_x",
        ),
        ('{"command":"store adopt"}', ""),
        ('{"command":"store adopt","touched":[7]}', ""),
    ],
)
def test_an_adoption_is_read_from_its_entry(body: str, mark: str) -> None:
    assert adopted_in(ChainedEntry(6, AA, AA, body)) == Adopted(6, mark)


@pytest.mark.parametrize(
    "body", ['{"command":"config set"}', '{"arguments":{"command":"store adopt"}}', "[]", "no document", ""]
)
def test_other_entries_are_no_adoptions(body: str) -> None:
    assert adopted_in(ChainedEntry(6, AA, AA, body)) is None
