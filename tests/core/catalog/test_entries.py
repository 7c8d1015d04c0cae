"""Changing single values in an entry, as `--set` and `--feature` do."""

from __future__ import annotations

import pytest

from planctl.core.catalog.entries import path_of, with_allowance, with_value
from planctl.core.document import Document, Mapping, Node, Scalar, Sequence, node_of


def plain(node: Node) -> Document:
    """A tree as a document of texts."""
    if isinstance(node, Mapping):
        return {entry.key.text: plain(entry.value) for entry in node.entries}
    if isinstance(node, Sequence):
        return [plain(item) for item in node.items]
    return node.text


def changed(document: dict[str, Document], path: str, value: Document) -> Document:
    """The document after one value is set."""
    entry = node_of(document)
    assert isinstance(entry, Mapping)
    return plain(with_value(entry, path_of(path), node_of(value)))


def test_a_path_has_dots_between_keys_and_brackets_around_places_in_a_list() -> None:
    assert path_of("price.3 months.USD") == ("price", "3 months", "USD")
    assert path_of("beyond.graduated[1].each") == ("beyond", "graduated", 1, "each")


@pytest.mark.parametrize("text", ["", ".", "price.", "price..USD", "a[", "[0]", "a[x]"])
def test_what_is_no_path_has_no_steps(text: str) -> None:
    assert path_of(text) == ()


def test_a_value_is_replaced_in_its_place_and_everything_else_stays() -> None:
    before: dict[str, Document] = {"price": {"month": {"USD": "19", "EUR": "18"}}, "due": "7 days"}
    assert changed(before, "price.month.USD", "20") == {
        "price": {"month": {"USD": "20", "EUR": "18"}},
        "due": "7 days",
    }


def test_a_missing_key_is_added_with_everything_above_it() -> None:
    assert changed({}, "features.minutes.included", "5") == {"features": {"minutes": {"included": "5"}}}


def test_nothing_takes_a_key_away() -> None:
    assert changed({"due": "7 days", "grace": "3 days"}, "grace", None) == {"due": "7 days"}


def test_taking_away_what_is_not_there_changes_nothing() -> None:
    assert changed({"due": "7 days"}, "grace", None) == {"due": "7 days"}


def test_short_forms_are_opened_on_the_way() -> None:
    assert changed({"minutes": "1_000"}, "minutes.reset", "day") == {
        "minutes": {"included": "1_000", "reset": "day"}
    }
    assert changed({"trial": "14 days"}, "trial.card", "true") == {"trial": {"days": "14", "card": "true"}}
    assert changed({"price": "free"}, "price.month.USD", "5") == {"price": {"month": {"USD": "5"}}}
    assert changed({"price": {"month": "usage"}}, "price.month.USD", "5") == {
        "price": {"month": {"USD": "5"}}
    }
    assert changed({"apps": ["crm"]}, "apps.reset", "x") == {"apps": {"values": ["crm"], "reset": "x"}}


def test_an_item_of_a_list_is_replaced_added_or_taken_away() -> None:
    tiers: dict[str, Document] = {"tiers": [{"to": "10"}, {"each": "2"}]}
    assert changed(tiers, "tiers[0].to", "20") == {"tiers": [{"to": "20"}, {"each": "2"}]}
    assert changed(tiers, "tiers[2].each", "1") == {"tiers": [{"to": "10"}, {"each": "2"}, {"each": "1"}]}
    assert changed(tiers, "tiers[0]", None) == {"tiers": [{"each": "2"}]}


def test_a_quantity_for_a_feature_leaves_the_charge_beyond_it_alone() -> None:
    entry = node_of({"included": "1000", "beyond": {"charge": "usage"}})
    assert plain(with_allowance(entry, Scalar("2_000"))) == {
        "included": "2_000",
        "beyond": {"charge": "usage"},
    }
    assert plain(with_allowance(entry, Scalar("unlimited"))) == {
        "included": "unlimited",
        "beyond": {"charge": "usage"},
    }


def test_any_other_value_for_a_feature_replaces_its_entry() -> None:
    entry = node_of({"included": "1000", "beyond": {"charge": "usage"}})
    assert plain(with_allowance(entry, Scalar("false"))) == "false"
    assert plain(with_allowance(entry, node_of({"reset": "day"}))) == {"reset": "day"}
