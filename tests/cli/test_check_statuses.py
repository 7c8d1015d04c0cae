"""`planctl check` in every status that a subscription can have, with the reason; and over several of them."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.conftest import Run

CATALOG = """
format: planctl.catalog/1
catalog: case
currencies: {EUR: }
features:
  chats: {type: metered, unit: chat}
  sso: {type: boolean}
  connectors: {type: list, values: [hubspot, zapier, slack]}
groups:
  support: {}
  sales: {}
plans:
  support:
    group: support
    price: {month: {EUR: 20}}
    due: 7 days
    grace: 3 days
    features:
      chats: {included: 10, beyond: {charge: usage, each: {EUR: 0.10}}}
      sso: true
      connectors: [hubspot]
  strict:
    group: support
    price: {month: {EUR: 30}}
    due: 7 days
    on_past_due: block
    features: {chats: 10, sso: true}
  tried:
    group: support
    price: {month: {EUR: 20}}
    trial: 14 days
    expires: 2 months
    features:
      chats: {included: 10, beyond: {charge: usage, each: {EUR: 0.10}}}
      sso: true
  sales:
    group: sales
    price: {month: {EUR: 15}}
    features: {connectors: [slack], chats: 7}
addons:
  zap: {price: {month: {EUR: 5}}, requires: [support], features: {connectors: [zapier], chats: 5}}
"""
NEW_YEAR = ("--as-of", "2026-01-01")


@pytest.fixture
def nova(run: Run, tmp_path: Path) -> Run:
    """A store with nova, which pays by invoice and has no plan yet."""
    (tmp_path / "catalog.yaml").write_text(CATALOG, encoding="utf-8")
    for words in (
        ("init", "--test"),
        ("catalog", "apply", "catalog.yaml", "--yes"),
        ("customer", "add", "nova", "--currency", "EUR", "--payment-method", "invoice"),
    ):
        assert run(*words, "--quiet", *NEW_YEAR).exit_code == 0, words
    return run


def words(said: str) -> list[str]:
    """A command line of the story."""
    return said.split()


SUBSCRIBED = "subscribe nova support --yes --as-of 2026-01-01"
STRICT = "subscribe nova strict --yes --as-of 2026-01-01"
TRIED = "subscribe nova tried --yes --as-of 2026-01-01"
WITHOUT_PAYMENT = "customer update nova --payment-method none --as-of 2026-01-01"

STORIES = [
    pytest.param([], "2026-01-02", "not_granted", id="never had"),
    pytest.param(["assign nova support --as-of 2026-01-01"], "2026-01-02", "not_started", id="assigned only"),
    pytest.param(
        ["subscribe nova support --start 2026-02-01 --schedule --yes --as-of 2026-01-01"],
        "2026-01-31",
        "not_started",
        id="pending",
    ),
    pytest.param(
        ["subscribe nova support --start 2026-02-01 --schedule --yes --as-of 2026-01-01"],
        "2026-02-01",
        "allowed",
        id="pending, its start has come",
    ),
    pytest.param([TRIED], "2026-01-14", "allowed", id="trialing"),
    pytest.param([TRIED], "2026-01-15", "allowed", id="the trial is over and somebody pays"),
    pytest.param([WITHOUT_PAYMENT, TRIED], "2026-01-15", "ended", id="expired: the trial is over"),
    pytest.param([TRIED], "2026-03-01", "ended", id="expired: the terms ran out"),
    pytest.param([SUBSCRIBED], "2026-01-02", "allowed", id="active"),
    # Due on 8 January, and three days of grace.
    pytest.param([SUBSCRIBED], "2026-01-10", "allowed", id="past due, access kept"),
    pytest.param([STRICT], "2026-01-10", "past_due", id="past due, access taken"),
    pytest.param([SUBSCRIBED], "2026-01-11", "blocked", id="blocked"),
    pytest.param(
        [
            SUBSCRIBED,
            "invoice run --as-of 2026-01-12",
            "payment record INV-2026-00001 --as-of 2026-01-12",
        ],
        "2026-01-12",
        "allowed",
        id="blocked, then paid",
    ),
    pytest.param(
        [SUBSCRIBED, "subscription pause nova --yes --as-of 2026-01-05"], "2026-01-06", "paused", id="paused"
    ),
    pytest.param(
        [
            SUBSCRIBED,
            "payment record INV-2026-00001 --as-of 2026-01-02",
            "subscription cancel nova --yes --as-of 2026-01-05",
        ],
        "2026-01-31",
        "allowed",
        id="to be canceled at the period's end",
    ),
    pytest.param(
        [SUBSCRIBED, "subscription cancel nova --at now --yes --as-of 2026-01-05"],
        "2026-01-05",
        "ended",
        id="canceled",
    ),
]


@pytest.mark.parametrize(("story", "day", "reason"), STORIES)
def test_every_status_has_its_reason_for_every_kind_of_feature(
    nova: Run, story: list[str], day: str, reason: str
) -> None:
    for said in story:
        done = nova(*words(said))
        assert done.exit_code == 0, done.stderr
    for feature in ("sso", "chats"):
        answer = nova("check", "nova", feature, "-f", "json", "--as-of", day).json
        assert (feature, answer["reason"], answer["allowed"]) == (feature, reason, reason == "allowed")
        assert bool(answer["granted_by"]) == answer["allowed"]
    asked = nova("check", "nova", "sso", "--exit-code", "--as-of", day)
    assert asked.exit_code == (0 if reason == "allowed" else 2)


def test_over_the_allowance_a_trial_says_no_and_what_follows_it_says_yes(nova: Run) -> None:
    nova(*words(TRIED))
    nova(*words("usage record nova chats 10 --at 2026-01-14 --as-of 2026-01-14"))
    in_trial = nova("check", "nova", "chats", "-f", "json", "--as-of", "2026-01-14").json
    assert (in_trial["reason"], in_trial["limit"], in_trial["remaining"]) == ("limit_reached", "10", "0")
    # The end of the trial opens a new allowance, and what is above it has a price.
    after = nova("check", "nova", "chats", "--quantity", "11", "-f", "json", "--as-of", "2026-01-15").json
    assert (after["reason"], after["limit"], after["used"]) == ("allowed", None, "0")


def test_a_list_is_what_plans_of_several_groups_and_their_add_ons_hold_together(nova: Run) -> None:
    for said in (SUBSCRIBED, "subscribe nova zap --yes", "subscribe nova sales --yes"):
        assert nova(*words(said), *(() if "--as-of" in said else NEW_YEAR)).exit_code == 0

    def asked(*more: str) -> tuple[bool, str]:
        answer = nova("check", "nova", "connectors", *more, "-f", "json", "--as-of", "2026-01-02").json
        return answer["allowed"], answer["reason"]

    assert asked("--value", "hubspot") == (True, "allowed")
    assert asked("--value", "zapier") == (True, "allowed"), "of the add-on"
    assert asked("--value", "slack") == (True, "allowed"), "of the sales plan"
    assert asked("--value", "teams") == (False, "value_not_included")
    answer = nova("check", "nova", "connectors", "-f", "json", "--as-of", "2026-01-02").json
    assert answer["values"] == ["hubspot", "zapier", "slack"]
    assert len(answer["granted_by"]) == 3
    chats = nova("usage", "show", "nova", "-f", "json", "--as-of", "2026-01-02").json["features"]
    # 10 of the plan, 5 of the add-on, 7 of the sales plan.
    assert sorted(one["included"] for one in chats if one["feature"] == "chats") == ["10", "5", "7"]
    # The support plan is blocked: what the sales plan holds is left, and alone is named.
    blocked = nova("check", "nova", "connectors", "-f", "json", "--as-of", "2026-01-11").json
    assert blocked["values"] == ["slack"]
    assert len(blocked["granted_by"]) == 1
    told = nova("check", "nova", "connectors", "--value", "hubspot", "-f", "json", "--as-of", "2026-01-11")
    assert told.json["reason"] == "blocked", "what is in the way of it, and not that the other plan has none"


def test_a_value_is_asked_of_lists_alone(nova: Run) -> None:
    nova(*words(SUBSCRIBED))
    wrong = nova("check", "nova", "sso", "--value", "x", "-f", "json", "--as-of", "2026-01-02")
    assert (wrong.exit_code, wrong.error["message"]) == (3, "sso is no list of values")
