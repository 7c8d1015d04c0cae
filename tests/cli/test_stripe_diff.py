"""`planctl stripe diff` against the fake: what a push would do, what somebody changed there, and prices that change."""

from __future__ import annotations

from pathlib import Path

from tests import stores
from tests.cli.conftest import Run
from tests.cli.stripe_desk import (
    FIRST,
    done,
    one_clock,
    ours,
    planctl,
    sell,
    there,
)
from tests.fakes.stripe import FakeStripe
from tests.fakes.stripe.fixture import stripe

__all__ = ["one_clock", "planctl", "stripe", "there"]


def test_a_diff_ends_with_2_where_a_push_would_do_anything(planctl: Run, there: FakeStripe) -> None:
    before = planctl("stripe", "diff", "--exit-code")
    assert before.exit_code == 2
    assert before.stderr == "nothing was sent: planctl stripe push does it\n"
    assert done(planctl("stripe", "diff")).stdout == before.stdout
    done(planctl("stripe", "push"))
    after = done(planctl("stripe", "diff", "--exit-code"))
    assert after.stdout == "planctl → Stripe acct_1FakeStripeAccount, test mode: no changes, 4 unchanged\n"
    assert after.stderr == ""
    sell(planctl, "rosa")
    assert planctl("stripe", "diff", "--exit-code", "--only", "catalog").exit_code == 0
    assert planctl("stripe", "diff", "--exit-code", "--only", "invoices").exit_code == 2


def test_a_diff_sends_nothing_and_writes_nothing(planctl: Run, there: FakeStripe, tmp_path: Path) -> None:
    before = stores.content(tmp_path / "store.db")
    done(planctl("stripe", "diff"))
    assert there.posts() == []
    assert stores.content(tmp_path / "store.db") == before


def test_what_somebody_changed_at_stripe_is_told_apart_and_set_back(planctl: Run, there: FakeStripe) -> None:
    done(planctl("stripe", "push"))
    there.edit(ours(there, "product", "starter")["id"], name="Beginner")
    found = planctl("stripe", "diff", "--exit-code")
    assert found.exit_code == 2
    assert "Changed at Stripe; a push sets it back:" in found.stdout
    assert "    name  Beginner → Starter" in found.stdout
    assert "  products: 1 set back" in done(planctl("stripe", "push")).stdout
    assert ours(there, "product", "starter")["name"] == "Starter"


def test_a_diff_for_machines(planctl: Run) -> None:
    found = done(planctl("stripe", "diff", "-f", "json")).json
    assert found["format"] == "planctl.stripe-diff/1"
    assert (found["account"], found["livemode"]) == ("acct_1FakeStripeAccount", False)
    assert [(one["object"], one["local_id"], one["action"]) for one in found["changes"]] == [
        ("product", "free", "create"),
        ("product", "starter", "create"),
        ("price", "starter/month", "create"),
        ("price", "starter/year", "create"),
        ("customer", "nova", "create"),
    ]
    (invoice,) = found["invoices"]
    assert (invoice["number"], invoice["action"], invoice["amount"]) == (FIRST, "issue", "19.00")


# --- prices change


def test_a_dearer_price_is_a_new_one_under_the_same_name_and_who_runs_keeps_theirs(
    planctl: Run, there: FakeStripe, tmp_path: Path
) -> None:
    done(planctl("stripe", "push"))
    old = ours(there, "price", "starter/month")
    dearer = ("--price", "month:USD=29", "--price", "month:EUR=28")
    done(planctl("plan", "edit", "starter", *dearer, "--outside", "--yes"))
    assert "  prices: 1 replaced" in done(planctl("stripe", "push")).stdout
    (new,) = [one for one in there.objects("price") if one["lookup_key"] == old["lookup_key"]]
    assert (new["lookup_key"], new["active"]) == ("planctl/shop/starter/month", True)
    assert (new["currency"], new["unit_amount"]) == ("eur", 2_800)
    gone = there.get(old["id"])
    assert (gone["lookup_key"], gone["active"]) == (None, False)
    assert gone["unit_amount"] == 1_800
    assert there.get(old["product"])["default_price"] == new["id"]
    running = planctl("subscription", "show", "nova/starter", "-f", "json").json
    assert running["terms"]["price"]["month"] == {"EUR": "18", "USD": "19"}
    done(planctl("stripe", "diff", "--exit-code"))
