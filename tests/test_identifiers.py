"""Ids sort by the instant they were made for, and by their making within it."""

from __future__ import annotations

from planctl.identifiers import new_id


def test_ids_of_later_instants_sort_later() -> None:
    later, earlier = new_id("sub", 2_000_000), new_id("sub", 1_000_000)
    assert earlier < later


def test_ids_of_one_instant_sort_in_the_order_they_were_made() -> None:
    made = [new_id("sub", 1_767_225_600_000_000) for _ in range(2000)]
    assert made == sorted(set(made))


def test_other_ids_in_between_do_not_disturb_the_order() -> None:
    made = []
    for number in range(200):
        made.append(new_id("sub", 7))
        new_id("inv", number)
    assert made == sorted(set(made))
