"""Parts of Stripe's objects that are missing, unfolded, or of a shape that nobody expects."""

from __future__ import annotations

import pytest

from planctl.core.stripe.reading import id_of, map_of, metadata_of, number_of, text_of


@pytest.mark.parametrize("found", ["in_1", {"id": "in_1", "object": "invoice"}])
def test_an_id_is_found_as_it_is_and_in_its_object(found: object) -> None:
    assert id_of(found) == "in_1"


@pytest.mark.parametrize("found", [None, 5, "", "../accounts", "in 1", {"id": None}, {}, "x" * 256])
def test_what_can_be_no_part_of_a_path_is_no_id(found: object) -> None:
    assert id_of(found) == ""


@pytest.mark.parametrize("wrong", [None, [], 1, {"a": 1}])
def test_another_shape_is_as_if_it_was_not_there(wrong: object) -> None:
    whole = {"field": wrong, "metadata": wrong}
    assert text_of(whole, "field") == text_of({}, "field") == ""
    assert metadata_of(whole, "planctl_id") == ""
    assert map_of("text") == map_of(None) == {}
    assert number_of({"field": "5"}, "field") == number_of({}, "field") == 0
