"""Part D of the mission, plans as pricing infrastructure has them: each row from the shell and from YAML."""

from __future__ import annotations

import pytest

from tests.mission.conftest import Sell, Shell


@pytest.fixture
def shop(sell: Sell) -> Shell:
    """The groups sample with nova and orbit, who have the free support plan that everybody is given."""
    shell = sell("groups")
    shell.all(["customer add nova --currency USD", "customer add orbit --currency USD"], "2026-04-01")
    return shell


def plans_of(shop: Shell, customer: str, at: str) -> set[str]:
    """The plans and add-ons that a customer runs at a time."""
    ended = {"pending", "canceled", "expired"}
    found = shop.json(f"subscription list --customer {customer}", at)
    return {one["plan"] for one in found if one["status"] not in ended}


def test_d1_every_kind_of_price_in_yaml(shop: Shell) -> None:
    """D1: free, one-off, recurring and variable plans are billed as what they are."""
    badges = {plan["id"]: plan["badges"] for plan in shop.json("plan list")}
    assert "Recurring · 40.00 USD / month" in badges["support_team"]
    assert "Recurring · Off" in badges["sales_flex"]
    shop("subscribe nova support_team --no-trial --yes", "2026-04-01")
    shop("subscribe nova sales_flex --yes", "2026-04-01")
    shop("subscribe nova onboarding --yes", "2026-04-01")
    shop.pay("2026-04-02")
    shop("usage record nova calls 120 --id c", "2026-04-10")
    shop("invoice run", "2026-05-01")
    # recurring, one-off; then the calls at 0.20 and the month's fee, each plan's own invoice
    assert sorted(shop.totals("nova", "2026-05-01")) == ["24.00", "40.00", "40.00", "500.00"]
    assert shop.totals("orbit", "2026-05-01") == []  # free
    shop("doctor", "2026-05-01")


def test_d1_every_kind_of_price_in_the_shell(shop: Shell) -> None:
    """D1: the same four made with `plan create --price`."""
    shop("plan create zero --group support --price free --feature tickets=10", "2026-04-01")
    shop("plan create once --price once:USD=70", "2026-04-01")
    shop("plan create weekly --group sales --price '2 weeks:USD=12' --feature calls=100", "2026-04-01")
    shop(
        "plan create variable --group none --price month:usage"
        " --set 'features.tickets={beyond: {charge: usage, each: {USD: 0.50}}}'",
        "2026-04-01",
    )
    for plan in ("zero", "once", "weekly"):
        shop(f"subscribe nova {plan} --yes", "2026-04-01")
    shop("subscribe orbit variable --yes", "2026-04-01")
    shop.pay("2026-04-02")
    shop("usage record orbit tickets 60 --id t", "2026-04-10")
    shop("invoice run", "2026-05-01")
    assert sorted(shop.totals("nova", "2026-05-01")) == [
        "12.00",
        "12.00",
        "12.00",
        "70.00",
    ]  # 1, 15 and 29 April
    assert shop.totals("orbit", "2026-05-01") == ["5.00"]  # 50 of the free plan, 10 × 0.50
    shop("doctor", "2026-05-01")


def test_d2_boolean_and_metered_features_with_a_limit(shop: Shell) -> None:
    """D2: flags and limits of a plan, in YAML and in the shell, answer `check`."""
    shop(
        "plan create desk --group support --price month:USD=15 --feature insights=true --feature tickets=100",
        "2026-04-01",
    )
    shop("subscribe orbit desk --yes", "2026-04-01")
    assert shop.json("check nova tickets", "2026-04-01")["limit"] == "50"
    assert not shop.allowed("nova sso", "2026-04-01")
    assert shop.allowed("orbit insights", "2026-04-01")
    assert shop.allowed("orbit tickets --quantity 100", "2026-04-01")
    assert not shop.allowed("orbit tickets --quantity 101", "2026-04-01")


def test_d3_priced_features_after_use_and_bought_ahead_in_yaml(shop: Shell) -> None:
    """D3: tickets above 500 by the hundred after use; agents above 3 bought ahead."""
    shop("subscribe nova support_team --no-trial --quantity agents=5 --yes", "2026-04-01")
    assert shop.totals("nova", "2026-04-01") == ["60.00"]  # 40 + 2 × 10
    assert shop.allowed("nova agents --quantity 5", "2026-04-01")
    assert not shop.allowed("nova agents --quantity 6", "2026-04-01")
    shop.pay("2026-04-02")
    shop("usage record nova tickets 620 --id t", "2026-04-10")
    shop("invoice run", "2026-05-01")
    assert shop.totals("nova", "2026-05-01") == ["60.00", "70.00"]  # 2 packages begun × 5, and 60
    shop("doctor", "2026-05-01")


def test_d3_priced_features_after_use_and_bought_ahead_in_the_shell(shop: Shell) -> None:
    """D3: the same two written with `--set`."""
    shop(
        "plan create desk --group support --price month:USD=15"
        " --set 'features.tickets={included: 10, beyond: {charge: usage, each: {USD: 0.30}}}'"
        " --set 'features.agents={included: 1, beyond: {charge: prepaid, each: {USD: 7}, up_to: 4}}'",
        "2026-04-01",
    )
    shop("subscribe nova desk --quantity agents=3 --yes", "2026-04-01")
    shop.pay("2026-04-02")
    shop("usage record nova tickets 30 --id t", "2026-04-10")
    shop("invoice run", "2026-05-01")
    assert shop.totals("nova", "2026-05-01") == ["29.00", "35.00"]  # 15 + 2 × 7; and 20 × 0.30


def test_d4_enabling_a_plan_grants_its_features(shop: Shell) -> None:
    """D4: assigned, nothing is granted yet; started it is, and `check` says by which subscription; ended it is not."""
    shop("plan create desk --group none --price month:USD=15 --feature insights=true", "2026-04-01")
    for plan, feature in (("support_business", "sso"), ("desk", "insights")):
        shop(f"assign nova {plan}", "2026-04-01")
        answer = shop.json(f"check nova {feature}", "2026-04-01")
        assert (answer["allowed"], answer["reason"]) == (False, "not_started")
        shop(
            f"subscribe nova {plan} --no-trial --yes" if plan != "desk" else "subscribe nova desk --yes",
            "2026-04-02",
        )
        answer = shop.json(f"check nova {feature}", "2026-04-02")
        running = shop.json(f"subscription show nova/{plan}", "2026-04-02")
        assert (answer["allowed"], answer["granted_by"]) == (True, [running["id"]])
        shop(f"subscription cancel nova/{plan} --at now --yes", "2026-04-03")
        assert shop.json(f"check nova {feature}", "2026-04-03")["reason"] == "ended"


def test_d5_a_plan_that_every_new_customer_is_given(shop: Shell) -> None:
    """D5: by `auto_enable` in YAML and in the shell; one of each group; branches of a company get none."""
    assert plans_of(shop, "nova", "2026-04-01") == {"support_free"}
    shop(
        "plan create sales_gift --group sales --price free --feature calls=5 --set auto_enable=true",
        "2026-04-02",
    )
    shop("customer add mira --currency USD", "2026-04-02")
    assert plans_of(shop, "mira", "2026-04-02") == {"support_free", "sales_gift"}
    assert plans_of(shop, "nova", "2026-04-02") == {"support_free"}  # not new any more
    shop("customer add branch --parent nova", "2026-04-02")
    assert plans_of(shop, "branch", "2026-04-02") == set()


def test_d6_an_add_on_stands_beside_plans_and_a_plan_replaces_the_one_there_is(shop: Shell) -> None:
    """D6: Insights stands beside both groups' plans; a second support plan replaces the first only."""
    shop(
        "plan create badge --addon --price month:USD=2 --feature insights=true --set 'requires=[sales_flex]'",
        "2026-04-01",
    )
    for plan in ("support_team --no-trial", "sales_flex", "insights", "badge"):
        shop(f"subscribe nova {plan} --yes", "2026-04-01")
    assert plans_of(shop, "nova", "2026-04-01") == {"support_team", "sales_flex", "insights", "badge"}
    shop.pay("2026-04-02")
    shop("subscribe nova support_business --yes", "2026-04-16")
    assert plans_of(shop, "nova", "2026-04-16") == {"support_business", "sales_flex", "insights", "badge"}
    assert shop.totals("nova", "2026-04-16")[-1] == "40.00"  # 120 / 2 - 40 / 2
    shop.pay("2026-04-17")
    shop("invoice run", "2026-05-01")
    assert sorted(shop.totals("nova", "2026-05-01")[-2:]) == [
        "145.00",
        "2.00",
    ]  # 120 + 25; the badge with its base
    shop("doctor", "2026-05-01")


def test_d7_groups_stand_side_by_side_with_one_active_plan_each(shop: Shell) -> None:
    """D7: a support and a sales plan at once; `sso` from either answers; a plan of the shell replaces its group's."""
    shop("subscribe nova support_business --no-trial --yes", "2026-04-01")
    shop("customer update nova --payment-method card", "2026-04-01")
    shop("subscribe nova sales_pro --no-trial --yes", "2026-04-01")
    shop.pay("2026-04-02")
    both = {
        shop.json(f"subscription show nova/{plan}", "2026-04-02")["id"]
        for plan in ("support_business", "sales_pro")
    }
    assert set(shop.json("check nova sso", "2026-04-02")["granted_by"]) == both
    shop("plan create sales_max --group sales --price month:USD=200 --feature calls=9000", "2026-04-02")
    shop("change now nova sales_max --yes", "2026-04-16")
    assert plans_of(shop, "nova", "2026-04-16") == {"support_business", "sales_max"}
    assert shop.totals("nova", "2026-04-16") == ["120.00", "90.00", "55.00"]  # 200 / 2 - 90 / 2
    answer = shop.json("check nova sso", "2026-04-16")
    assert (answer["allowed"], len(answer["granted_by"])) == (True, 1)
    shop("doctor", "2026-04-16")


def test_d8_a_trial_without_a_card_expires_by_itself(shop: Shell) -> None:
    """D8: 14 days in YAML; without a payment method it is over on the 15th day, and the free plan is back."""
    shop("subscribe nova support_team --yes", "2026-04-01")
    trial = shop.json("subscription show nova/support_team", "2026-04-01")
    assert (trial["status"], trial["trial_ends_at"]) == ("trialing", "2026-04-15T00:00:00Z")
    assert shop.json("check nova tickets", "2026-04-10")["limit"] == "500"
    assert not shop.allowed(
        "nova tickets --quantity 501", "2026-04-10"
    )  # nothing above the allowance in a trial
    assert shop.json("subscription show nova/support_team", "2026-04-14T23:59:59Z")["status"] == "trialing"
    shop("invoice run", "2026-04-15")
    assert shop.json("subscription show nova/support_team", "2026-04-15")["status"] == "expired"
    assert plans_of(shop, "nova", "2026-04-15") == {"support_free"}
    assert shop.totals("nova", "2026-04-15") == []
    shop("doctor", "2026-04-15")


def test_d8_a_trial_goes_on_and_is_paid_where_a_payment_method_is_there(shop: Shell) -> None:
    """D8: who has said how to pay by the trial's end pays from that day on."""
    shop("subscribe nova support_team --yes", "2026-04-01")
    shop("customer update nova --payment-method invoice", "2026-04-14")
    shop("invoice run", "2026-04-15")
    assert shop.json("subscription show nova", "2026-04-15")["status"] == "active"
    invoice = shop.json("invoice show INV-2026-00001", "2026-04-15")
    assert (invoice["total"], invoice["period"]["starts_at"], invoice["period"]["ends_at"]) == (
        "40.00", "2026-04-15T00:00:00Z", "2026-05-15T00:00:00Z",
    )  # fmt: skip


def test_d8_a_trial_that_requires_a_card_in_yaml_and_in_the_shell(shop: Shell) -> None:
    """D8: `card: true` is refused without a payment method on file, and says what to do."""
    shop(
        "plan create desk --group support --price month:USD=15 --feature tickets=100"
        " --set 'trial={days: 7, card: true}'",
        "2026-04-01",
    )
    for plan, days in (("sales_pro", "2026-05-01"), ("desk", "2026-04-08")):
        assert "--payment-method" in shop.refused(f"subscribe orbit {plan} --yes", "2026-04-01")
        shop("customer update orbit --payment-method card", "2026-04-01")
        shop(f"subscribe orbit {plan} --yes", "2026-04-01")
        assert (
            shop.json(f"subscription show orbit/{plan}", "2026-04-01")["trial_ends_at"] == f"{days}T00:00:00Z"
        )
        shop("customer update orbit --payment-method none", "2026-04-01")


def test_d9_one_trial_for_each_customer_and_for_each_fingerprint(shop: Shell) -> None:
    """D9: no second trial of the group for the customer, nor for another one with the same fingerprint."""
    shop("customer update nova --fingerprint device-7", "2026-04-01")
    shop("subscribe nova support_team --yes", "2026-04-01")
    shop("invoice run", "2026-04-15")
    for words in ("subscribe nova support_team --yes", "subscribe nova support_business --yes"):
        assert "--no-trial" in shop.refused(words, "2026-05-01")
    shop("customer add twin --currency USD --fingerprint device-7", "2026-05-01")
    assert "--no-trial" in shop.refused("subscribe twin support_team --yes", "2026-05-01")
    shop("subscribe orbit support_team --yes", "2026-05-01")  # somebody else
    shop("subscribe twin support_team --no-trial --yes", "2026-05-01")
    assert shop.totals("twin", "2026-05-01") == ["40.00"]


def test_d9_once_per_fingerprint_on_a_plan_of_the_shell(shop: Shell) -> None:
    """D9: a plan in no group has its own trials, by fingerprint too if it says so; else only the customer counts."""
    shop(
        "plan create a --group none --price month:USD=9"
        " --set 'trial={days: 7, card: false, once_per: [customer, fingerprint]}'",
        "2026-04-01",
    )
    shop("plan create b --group none --price month:USD=9 --trial '7 days'", "2026-04-01")
    for customer in ("nova", "orbit"):
        shop(f"customer update {customer} --fingerprint same", "2026-04-01")
        shop(f"subscribe {customer} b --yes", "2026-04-01")
    shop("subscribe nova a --yes", "2026-04-01")
    assert "--no-trial" in shop.refused("subscribe orbit a --yes", "2026-04-01")
