"""A class of values made by `planctl.values` is what the standard library would have made."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Mapping
from dataclasses import KW_ONLY, FrozenInstanceError, InitVar, field, fields, replace
from typing import ClassVar

import pytest

from planctl.values import dataclass


@dataclass(frozen=True, slots=True)
class Point:
    """Two numbers, a text that does not count, and a map."""

    kind: ClassVar[str] = "point"
    x: int
    y: int = 2
    note: str = field(default="", compare=False)
    more: Mapping[str, int] = field(default_factory=dict, repr=False)


@dataclass(frozen=True, slots=True)
class Checked:
    """A value that refuses some, and knows its double."""

    units: int
    double: int = field(init=False, compare=False)

    def __post_init__(self) -> None:
        if self.units < 0:
            raise ValueError("below 0")
        object.__setattr__(self, "double", 2 * self.units)


@dataclass(frozen=True, slots=True)
class Nothing:
    """No field at all."""


def test_fields_are_taken_by_place_and_by_name_and_have_their_defaults() -> None:
    one = Point(1, more={"a": 1})
    assert (one.x, one.y, one.note, one.more) == (1, 2, "", {"a": 1})
    assert Point(1).more == {}
    assert Point(1).more is not Point(1).more


def test_the_first_value_of_a_class_is_made_like_every_other() -> None:
    @dataclass(frozen=True, slots=True)
    class Fresh:
        a: int
        b: int = 1

    assert [(one.a, one.b) for one in (Fresh(5), Fresh(a=5), Fresh(5, 1))] == [(5, 1)] * 3


@pytest.mark.parametrize("arguments", [(), (1, 2, "", {}, 3)])
def test_too_few_and_too_many_arguments_are_refused(arguments: tuple[int, ...]) -> None:
    with pytest.raises(TypeError):
        Point(*arguments)  # type: ignore[arg-type]


def test_values_are_equal_by_their_fields_and_only_within_their_class() -> None:
    assert Point(1, note="a") == Point(1, note="b")
    assert Point(1) != Point(1, 3)
    assert Nothing() == Nothing()
    one: object = (1,)
    assert Checked(1) != one


def test_equal_values_have_one_hash_the_one_of_their_fields_as_a_tuple() -> None:
    assert hash(Checked(3)) == hash((3,))
    assert len({Checked(1), Checked(1), Checked(2)}) == 2
    with pytest.raises(TypeError, match="unhashable"):
        hash(Point(1))  # a dict in it has no hash


def test_what_the_standard_library_would_do_and_this_does_not_is_refused_where_the_class_is_made() -> None:
    def by_name() -> None:
        @dataclass(frozen=True, slots=True)
        class _Named:
            a: int = field(kw_only=True)

    def by_name_alone() -> None:
        @dataclass(frozen=True, slots=True)
        class _Behind:
            a: int
            _: KW_ONLY
            b: int = 1

    def without_default_last() -> None:
        @dataclass(frozen=True, slots=True)
        class _Mixed:
            a: int = 1
            b: int  # type: ignore[misc]

    def hashed_otherwise() -> None:
        @dataclass(frozen=True, slots=True)
        class _Hashed:
            a: int = field(hash=False)

    def taken_only_at_first() -> None:
        @dataclass(frozen=True, slots=True)
        class _Taken:
            a: InitVar[int]

    for make in (by_name, by_name_alone, without_default_last, hashed_otherwise, taken_only_at_first):
        with pytest.raises(AssertionError, match="_"):
            make()


def test_a_class_that_compares_in_its_own_way_has_the_hash_of_its_fields() -> None:
    @dataclass(frozen=True, slots=True)
    class Loose:  # noqa: PLW1641 - what becomes of its hash is the point
        a: int

        def __eq__(self, other: object) -> bool:
            return isinstance(other, Loose) and other.a == self.a

    assert hash(Loose(3)) == hash((3,))


def test_a_value_cannot_be_changed() -> None:
    one = Point(1)
    with pytest.raises(FrozenInstanceError, match="cannot assign to field 'x'"):
        one.x = 2  # type: ignore[misc]
    with pytest.raises(FrozenInstanceError, match="cannot delete field 'x'"):
        del one.x
    with pytest.raises(FrozenInstanceError):
        one.z = 2  # type: ignore[attr-defined]
    assert not hasattr(one, "__dict__")


def test_its_text_shows_the_fields() -> None:
    assert repr(Point(1, note="n")) == "Point(x=1, y=2, note='n')"


def test_the_standard_library_works_with_it() -> None:
    assert replace(Point(1), y=7) == Point(1, 7)
    assert [one.name for one in fields(Point)] == ["x", "y", "note", "more"]
    assert Point.__match_args__ == ("x", "y", "note", "more")


def test_copies_and_pickles_are_equal_and_whole() -> None:
    one = Checked(4)
    for other in (copy.copy(one), copy.deepcopy(one), pickle.loads(pickle.dumps(one))):
        assert (other, other.double) == (one, 8)


def test_what_a_class_says_of_itself_stays() -> None:
    @dataclass(frozen=True, slots=True)
    class Own:
        a: int

        def __hash__(self) -> int:
            return 7

        def __repr__(self) -> str:
            return "own"

    assert (hash(Own(1)), repr(Own(1))) == (7, "own")


def test_a_value_that_is_refused_is_refused_every_time() -> None:
    for _ in range(2):
        with pytest.raises(ValueError, match="below 0"):
            Checked(-1)


def test_a_class_that_changes_is_the_standard_librarys() -> None:
    @dataclass(slots=True)
    class Tally:
        count: int = 0

    one = Tally()
    one.count += 1
    assert one == Tally(1)
