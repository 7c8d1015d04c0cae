"""`planctl stripe setup` against the fake: one account and one mode for a store, and what the key may do."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from tests import stores
from tests.cli.conftest import Run
from tests.cli.stripe_shop import ALL_RIGHTS, RESTRICTED, key_file, planctl
from tests.fakes.stripe import FakeStripe, Fault
from tests.fakes.stripe.fixture import stripe

__all__ = ["planctl", "stripe"]

OTHER = "acct_1SomebodyElse"


def test_setup_pins_the_account_the_mode_and_where_people_are_sent_back_to(
    planctl: Run, stripe: FakeStripe
) -> None:
    result = planctl("stripe", "setup", "--return-url", "https://acme.example/back", "-f", "json")
    assert result.exit_code == 0, result.stderr
    said = result.json
    assert said["account"] == "acct_1FakeStripeAccount"
    assert (said["livemode"], said["country"], said["first"]) == (False, "US", True)
    assert said["key"] == "rk_test_…0042"
    assert said["return_url"] == "https://acme.example/back"
    assert said["missing"] == said["unneeded"] == []
    status = planctl("stripe", "status", "-f", "json").json
    assert status["account"] == said["account"]
    assert status["return_url"] == "https://acme.example/back"


def test_setup_makes_and_changes_nothing_at_stripe(planctl: Run, stripe: FakeStripe) -> None:
    planctl("stripe", "setup")
    assert {one.status for one in stripe.posts()} == {403, 404}
    kinds = ("product", "price", "coupon", "tax_rate", "customer", "invoice", "refund", "checkout.session")
    assert [stripe.objects(kind) for kind in kinds] == [[]] * len(kinds)
    assert stripe.events == []


def test_setup_says_what_comes_next(planctl: Run, tmp_path: Path) -> None:
    result = planctl("stripe", "setup", "--stripe-key-file", "stripe.key")
    options = f"--stripe-key-file {tmp_path / 'stripe.key'}"
    assert f"planctl stripe push {options}" in result.stderr
    assert f"*/10 * * * * planctl stripe pull {options}" in result.stderr
    assert "invoice.paid" in result.stderr
    assert "checkout.session.completed" in result.stderr


def test_the_second_time_nothing_is_written(planctl: Run) -> None:
    planctl("stripe", "setup", "--return-url", "https://acme.example/back")
    before = planctl("audit", "verify").stdout
    result = planctl("stripe", "setup", "-f", "json")
    assert result.exit_code == 0
    assert "all of it was kept already" in result.stderr
    assert (result.json["first"], result.json["return_url"]) == (False, "https://acme.example/back")
    assert planctl("audit", "verify").stdout == before


def test_another_key_of_the_same_account_takes_its_place(
    planctl: Run, stripe: FakeStripe, tmp_path: Path
) -> None:
    planctl("stripe", "setup")
    stripe.add_key("rk_test_51TheNextKeyOfTheSame00000000077", ALL_RIGHTS)  # type: ignore[arg-type]
    file = key_file(tmp_path / "next.key", "rk_test_51TheNextKeyOfTheSame00000000077")
    assert planctl("stripe", "setup", "--stripe-key-file", file).exit_code == 0
    assert planctl("stripe", "status", "-f", "json").json["key"] == "rk_test_…0077"


def test_a_key_of_another_account_is_refused_for_ever(
    planctl: Run, stripe: FakeStripe, tmp_path: Path
) -> None:
    planctl("stripe", "setup")
    stripe.add_key("sk_test_51SomebodyElsesKey000000000000001", account=OTHER)
    file = key_file(tmp_path / "other.key", "sk_test_51SomebodyElsesKey000000000000001")
    result = planctl("stripe", "setup", "--stripe-key-file", file, "-f", "json")
    assert result.exit_code == 4
    error = json.loads(result.stderr[result.stderr.index("{") :])["error"]
    assert (error["code"], error["expected"], error["got"]) == (
        "stripe-account",
        "acct_1FakeStripeAccount",
        OTHER,
    )
    assert planctl("stripe", "status", "-f", "json").json["account"] == "acct_1FakeStripeAccount"


def test_a_dry_run_says_the_same_and_keeps_nothing(planctl: Run) -> None:
    dry = planctl("stripe", "setup", "--dry-run")
    assert dry.exit_code == 0
    assert "nothing was written (dry run)" in dry.stderr
    assert "Stripe was asked whose key it is, and for 17 objects that do not exist" in dry.stderr
    assert planctl("stripe", "status").exit_code == 4
    assert planctl("stripe", "setup").stdout == dry.stdout


def test_the_same_key_answers_again_without_asking_stripe(planctl: Run, stripe: FakeStripe) -> None:
    first = planctl("stripe", "setup", "--key", "k1", "-f", "json")
    stripe.requests.clear()
    second = planctl("stripe", "setup", "--key", "k1", "-f", "json")
    assert second.stdout == first.stdout
    assert "exists" in second.stderr
    assert stripe.requests == []


def test_rights_that_are_missing_or_too_many_are_named(
    planctl: Run, stripe: FakeStripe, tmp_path: Path
) -> None:
    rights = {**ALL_RIGHTS, "prices": "read", "events": "none", "payouts": "write"}
    stripe.add_key("rk_test_51OtherRights000000000000000000", rights)  # type: ignore[arg-type]
    file = key_file(tmp_path / "poor.key", "rk_test_51OtherRights000000000000000000")
    result = planctl("stripe", "setup", "--stripe-key-file", file, "-f", "json")
    assert result.exit_code == 0
    assert (result.json["missing"], result.json["unneeded"]) == (["Prices", "Events"], ["Payouts"])
    prices = next(one for one in result.json["rights"] if one["right"] == "Prices")
    assert prices == {
        "right": "Prices",
        "needs": "write",
        "has": False,
        "used_for": "push, diff",
        "permission": "rak_price_write",
    }
    assert "the key may not: write Prices, read Events" in result.stderr
    assert "the key may do what planctl never does: Payouts" in result.stderr


def test_a_secret_key_is_taken_and_a_restricted_one_preferred(
    planctl: Run, stripe: FakeStripe, tmp_path: Path
) -> None:
    result = planctl("stripe", "setup", "--stripe-key-file", key_file(tmp_path / "all.key", stripe.key))
    assert result.exit_code == 0
    assert "a restricted key (rk_) is preferred" in result.stderr


def test_a_key_that_may_not_read_its_account_is_not_permitted_and_told_why(
    planctl: Run, stripe: FakeStripe, tmp_path: Path
) -> None:
    stripe.add_key("rk_test_51NothingAtAll00000000000000000", {})
    file = key_file(tmp_path / "no.key", "rk_test_51NothingAtAll00000000000000000")
    result = planctl("stripe", "setup", "--stripe-key-file", file)
    assert result.exit_code == 77
    assert "the key may not read which account it belongs to [stripe-key-denied]" in result.stderr
    assert re.search("expected: rak_[a-z_]+_read", result.stderr)


def test_a_key_that_stripe_does_not_know_is_not_permitted(planctl: Run, tmp_path: Path) -> None:
    file = key_file(tmp_path / "old.key", "rk_test_51RolledLongAgo0000000000000000")
    result = planctl("stripe", "setup", "--stripe-key-file", file)
    assert result.exit_code == 77
    assert "Stripe does not know the key" in result.stderr


@pytest.mark.parametrize("path", ["/v1/account$", "/v1/invoices/"])
def test_where_stripe_does_not_answer_nothing_is_kept(
    planctl: Run, stripe: FakeStripe, path: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("planctl.stripe_bridge.gateway.sleep", lambda _: None)
    monkeypatch.setattr("planctl.stripe_bridge.gateway._wait_ms", lambda *_: 0)
    for number in (1, 2, 3):
        stripe.faults.add(Fault("GET" if "account" in path else "POST", path, "drop_before", nth=number))
    result = planctl("stripe", "setup")
    assert result.exit_code == 75
    assert "Stripe does not answer [stripe-unreachable]" in result.stderr
    assert planctl("stripe", "status").exit_code == 4


@pytest.mark.parametrize(
    "url",
    [
        "acme.example/back",
        "ftp://acme.example",
        "https://",
        "https://user:pw@acme.example",
        "https://acme.example/a b",
        "https://acme.example/\x1b",
        "https://[acme",
        "javascript:alert(1)",
        f"https://acme.example/{'x' * 2_100}",
    ],
)
def test_an_address_to_which_nobody_can_be_sent_is_refused_before_stripe_is_asked(
    planctl: Run, stripe: FakeStripe, url: str
) -> None:
    result = planctl("stripe", "setup", "--return-url", url, "-f", "json")
    assert (result.exit_code, result.error["code"]) == (3, "return-url")
    assert stripe.requests == []


def test_setup_needs_a_store_and_a_key(run: Run, shop: Run, tmp_path: Path) -> None:
    assert shop("stripe", "setup").exit_code == 77
    stores.remove(tmp_path / "store.db")
    file = key_file(tmp_path / "stripe.key", RESTRICTED)
    assert run("stripe", "setup", "--stripe-key-file", file).exit_code == 74


# --- live mode


@pytest.fixture
def real(run: Run, stripe: FakeStripe, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """`run` with a real store and a live key; the fake takes the place of Stripe's own address."""
    monkeypatch.setattr("planctl.stripe_bridge.keys.address", lambda *_: stripe.address)
    monkeypatch.setenv("STRIPE_API_KEY_FILE", str(key_file(tmp_path / "live.key", stripe.live_key)))
    run("init", str(tmp_path / "made"), "--quiet")
    return run


def test_live_mode_asks_before_the_store_is_pinned_to_it(real: Run, stripe: FakeStripe) -> None:
    result = real("stripe", "setup", "--live")
    assert result.exit_code == 64
    assert "live mode for good: real money moves from here on" in result.stderr
    assert real("stripe", "status").exit_code == 4
    result = real("stripe", "setup", "--live", "--yes", "-f", "json")
    assert (result.exit_code, result.json["livemode"]) == (0, True)
    assert "planctl stripe push --live" in result.stderr
    assert real("stripe", "setup", "--live").exit_code == 0  # nothing changes, so nothing is asked


def test_live_mode_sends_people_back_over_https_alone(real: Run, stripe: FakeStripe) -> None:
    result = real("stripe", "setup", "--live", "--yes", "--return-url", "http://acme.example")
    assert result.exit_code == 3
    assert stripe.requests == []


def test_a_store_that_is_set_up_for_one_mode_refuses_the_other(
    real: Run, stripe: FakeStripe, tmp_path: Path
) -> None:
    assert real("stripe", "setup", "--live", "--yes").exit_code == 0
    stripe.requests.clear()
    test_key = key_file(tmp_path / "test.key", stripe.key)
    result = real("stripe", "setup", "--stripe-key-file", test_key, "-f", "json")
    assert (result.exit_code, result.error["code"]) == (4, "stripe-mode")
    assert stripe.requests == []
