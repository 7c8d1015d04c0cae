"""Attacks one target with many inputs, and says how to see again what broke a rule."""

from __future__ import annotations

from tests.reliability.fuzz.driver import run
from tests.reliability.fuzz.targets import TARGETS


def attack(name: str, seed: int, count: int) -> None:
    """Try inputs 0 … count - 1 of a target under a seed; AssertionError names every one that broke a rule."""
    target = TARGETS[name]
    found = run(lambda number: target.case(seed, number), range(count))
    told = [
        f"python -m tests.reliability.fuzz {name} --seed {seed} --case {one.number}: {'; '.join(one.what)!a}"
        for one in found
    ]
    assert not told, "\n".join(told)
