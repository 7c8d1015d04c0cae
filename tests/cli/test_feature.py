"""`planctl feature`: what people type, what is printed, and how it ends."""

from __future__ import annotations

from tests.cli.conftest import Run


def test_a_feature_is_made_shown_and_listed(shop: Run) -> None:
    words = ("--type", "metered", "--unit", "token", "--event", "completion", "--value", "tokens")
    made = shop("feature", "create", "tokens", *words, "--where", "model=large", "--name", "Tokens")
    assert made.exit_code == 0
    assert made.stderr == "undo with: planctl feature archive tokens\n"
    shown = shop("feature", "show", "tokens", "-f", "json").json
    assert shown == {
        "id": "tokens",
        "type": "metered",
        "name": "Tokens",
        "unit": "token",
        "event": "completion",
        "aggregate": "sum",
        "value": "tokens",
        "where": {"model": "large"},
        "spends": {},
        "archived": False,
        "managed_by": None,
        "file": None,
        "line": None,
        "used_by": [],
    }
    assert [one["id"] for one in shop("feature", "list", "-f", "json").json] == ["minutes", "seats", "tokens"]


def test_the_list_says_how_each_is_measured_and_who_uses_it(shop: Run) -> None:
    lines = shop("feature", "list").stdout.splitlines()
    assert lines[1].split() == ["minutes", "metered", "Voice", "minute", "sum", "of", "minutes", "no", "free,",
                                "starter", "shop"]  # fmt: skip
    assert "held" in lines[2]


def test_a_feature_without_a_type_is_a_finding(shop: Run) -> None:
    wrong = shop("feature", "create", "tokens", "--unit", "token")
    assert wrong.exit_code == 3
    assert "[type-missing]" in wrong.stderr


def test_a_new_meaning_makes_new_versions_of_the_plans_that_use_it(shop: Run) -> None:
    assert shop("feature", "edit", "minutes", "--event", "call").exit_code == 4
    changed = shop("feature", "edit", "minutes", "--event", "call", "--outside", "-f", "json").json
    assert [(one["address"], one["to_version"]) for one in changed["changes"]] == [
        ("features.minutes", 0),
        ("plans.free", 2),
        ("plans.starter", 2),
    ]


def test_a_feature_that_is_used_is_not_archived(shop: Run) -> None:
    refused = shop("feature", "archive", "minutes", "--outside", "-f", "json")
    assert refused.exit_code == 4
    assert refused.error["code"] == "archive-referenced"
    shop("feature", "create", "sso", "--type", "boolean")
    assert shop("feature", "archive", "sso").exit_code == 0
    assert shop("feature", "show", "sso", "-f", "json").json["archived"] is True


def test_the_yaml_of_show_is_a_piece_of_a_catalog_file(shop: Run) -> None:
    assert shop("feature", "show", "seats", "-f", "yaml").stdout == (
        "features:\n  seats: {name: Seats, reset: never, type: metered, unit: seat}\n"
    )
