"""`planctl stripe push` against the fake: what it says, its options, what stops it, and live mode."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from tests import stores
from tests.cli.conftest import SHOP, Run
from tests.cli.stripe_desk import (
    FIRST,
    done,
    number_of,
    one_clock,
    ours,
    planctl,
    sell,
    there,
)
from tests.cli.stripe_shop import key_file
from tests.cli.test_process import at_a_terminal
from tests.fakes.stripe import FakeStripe, Fault
from tests.fakes.stripe.fixture import stripe

__all__ = ["one_clock", "planctl", "stripe", "there"]

# --- what it says


def test_a_push_says_what_it_did_by_kind(planctl: Run) -> None:
    pushed = done(planctl("stripe", "push"))
    assert pushed.stdout.splitlines() == [
        "Stripe acct_1FakeStripeAccount, test mode:",
        "  products: 2 made, 1 changed",  # Starter, once its price is there
        "  prices: 2 made",
        "  customers: 1 made",
        "  invoices: 1 drafted, 1 given lines, 1 finalized",
    ]
    again = done(planctl("stripe", "push"))
    assert again.stdout == "Stripe acct_1FakeStripeAccount, test mode: nothing to send\n"


def test_a_push_for_machines(planctl: Run) -> None:
    assert done(planctl("stripe", "push", "-f", "json")).json == {
        "account": "acct_1FakeStripeAccount",
        "livemode": False,
        "finished": 0,
        "objects": {
            "product": {"create": 2, "update": 1},
            "price": {"create": 2},
            "customer": {"create": 1},
        },
        "invoices": {"create": 1, "lines": 1, "finalize": 1},
        "taken_in": 0,
        "stopped": [],
        "left_out": [],
    }


def test_a_quiet_push_that_went_well_says_nothing(planctl: Run) -> None:
    pushed = done(planctl("stripe", "push", "--quiet"))
    assert (pushed.stdout, pushed.stderr) == ("", "")


def test_progress_is_told_on_a_terminal_alone(planctl: Run, there: FakeStripe, tmp_path: Path) -> None:
    sell(planctl, "rosa")
    assert done(planctl("stripe", "push", "--dry-run")).stderr == "nothing was written (dry run)\n"
    code, screen = at_a_terminal("", "stripe", "push", directory=tmp_path)
    assert code == 0, screen
    assert "customers: 2 of 2\r\n" in screen
    assert "\rinvoices: 1 of 2\rinvoices: 2 of 2\r\n" in screen
    sell(planctl, "kim")
    assert done(planctl("stripe", "push")).stderr == ""


def test_each_call_is_audited_and_the_push_itself(planctl: Run) -> None:
    done(planctl("stripe", "push", "--operator", "anna", "--reason", "first push"))
    entries = [one for one in planctl("audit", "log", "-f", "json").json if one["command"] == "stripe push"]
    assert {(one["actor"], one["reason"]) for one in entries} == {("anna", "first push")}
    calls = 2 + 2 + 1 + 1 + 3  # products, prices, a default, customer, invoice
    heard = [one["arguments"]["state"] for one in entries if "call" in one.get("arguments", {})]
    assert heard == ["confirmed"] * calls
    rows = [[row["table"] for row in one["rows"]] for one in entries]
    assert rows.count(["stripe_operation"]) + rows.count(["stripe_link", "stripe_operation"]) == 2 * calls, (
        "each before it is sent, and when its answer is there"
    )
    assert len(entries) == 2 * calls + 2, "with what a product is linked with anew, and the push itself"
    before = len(planctl("audit", "log", "-f", "json").json)
    done(planctl("stripe", "push"))
    assert len(planctl("audit", "log", "-f", "json").json) == before, "nothing was done, nothing is audited"


# --- options


def test_a_dry_run_sends_nothing_and_leaves_the_store_as_it_is(
    planctl: Run, there: FakeStripe, tmp_path: Path
) -> None:
    before = stores.content(tmp_path / "store.db")
    dry = done(planctl("stripe", "push", "--dry-run"))
    assert dry.stdout.splitlines()[0] == (
        "planctl → Stripe acct_1FakeStripeAccount, test mode: 5 to create, 1 invoice to act on, 0 unchanged"
    )
    assert f"  {FIRST}, nova, 19.00 USD: issue" in dry.stdout.splitlines()
    assert dry.stderr == "nothing was written (dry run)\n"
    assert there.posts() == []
    assert stores.content(tmp_path / "store.db") == before


def test_only_some_parts_are_pushed(planctl: Run, there: FakeStripe) -> None:
    def kinds() -> list[str]:
        several = ("product", "price", "customer", "invoice")
        return [kind for kind in several if there.objects(kind)]

    done(planctl("stripe", "push", "--only", "catalog"))
    assert kinds() == ["product", "price"]
    skipped = done(planctl("stripe", "push", "--only", "invoices", "-f", "json")).json
    assert [(one["number"], one["outcome"]) for one in skipped["stopped"]] == [(FIRST, "left_out")]
    done(planctl("stripe", "push", "--only", "customers"))
    assert kinds() == ["product", "price", "customer"]
    done(planctl("stripe", "push", "--only", "invoices", "--only", "customers"))
    assert kinds() == ["product", "price", "customer", "invoice"]


@pytest.mark.parametrize("command", ["push", "diff"])
def test_a_part_that_is_none_is_refused_with_those_there_are(
    planctl: Run, there: FakeStripe, command: str
) -> None:
    refused = planctl("stripe", command, "--only", "prices", "-f", "json")
    assert (refused.exit_code, refused.error["expected"]) == (64, "catalog, customers, invoices")
    assert there.requests == []


def test_the_same_key_prints_the_first_answer_and_asks_stripe_nothing(
    planctl: Run, there: FakeStripe
) -> None:
    first = done(planctl("stripe", "push", "--key", "k1", "-f", "json"))
    sell(planctl, "rosa")
    there.requests.clear()
    second = done(planctl("stripe", "push", "--key", "k1", "-f", "json"))
    assert second.json == first.json
    assert second.stderr == "exists: stripe push (key k1); nothing was written\n"
    assert there.requests == []
    other = planctl("stripe", "push", "--only", "catalog", "--key", "k1")
    assert other.exit_code == 5, "another request under the same key"


# --- what stops it


def test_what_waits_for_a_person_ends_with_1_now_and_under_the_same_key(
    planctl: Run, there: FakeStripe
) -> None:
    there.faults.add(Fault("POST", r"/v1/invoices$", "500"))
    waiting = planctl("stripe", "push", "--key", "k1")
    assert waiting.exit_code == 1
    assert "something waits for a person: planctl stripe status" in waiting.stderr
    lines = waiting.stdout.splitlines()
    place = lines.index("Waiting for a person:")
    assert lines[place + 1].startswith(f"  {FIRST}, nova, 19.00 USD: ")
    assert lines[place + 2].startswith("    planctl stripe resolve op_")
    assert planctl("stripe", "status").exit_code == 1
    again = planctl("stripe", "push", "--key", "k1")
    assert (again.exit_code, again.stdout) == (1, waiting.stdout)
    call = lines[place + 2].split()[3]
    done(planctl("stripe", "resolve", call, "--resend", "--reason", "it is not in the dashboard"))
    done(planctl("stripe", "push"))
    assert number_of(there) == [FIRST]


def test_one_that_waits_does_not_hold_up_the_others(planctl: Run, there: FakeStripe) -> None:
    sell(planctl, "rosa", "kim")
    there.faults.add(Fault("POST", r"/v1/invoices$", "500", nth=2))
    pushed = planctl("stripe", "push", "-f", "json")
    assert pushed.exit_code == 1
    assert [(one["number"], one["outcome"]) for one in pushed.json["stopped"]] == [
        ("INV-2026-00002", "parked")
    ]
    assert number_of(there) == [FIRST, "INV-2026-00003"]


def test_a_card_that_is_declined_is_told_and_nobody_is_called(planctl: Run, there: FakeStripe) -> None:
    sell(planctl, "rosa", pays="card")
    done(planctl("stripe", "push", "--only", "customers"))
    there.attach_card(ours(there, "customer", "rosa")["id"], declines=True)
    pushed = done(planctl("stripe", "push"))
    place = pushed.stdout.splitlines().index("Declined:")
    told = pushed.stdout.splitlines()[place + 1]
    assert told.startswith("  INV-2026-00002, rosa, 19.00 USD: ")
    assert told.endswith("; tried again 2026-01-04T00:00:00Z")  # three days later


def test_stripe_that_cannot_be_reached_is_busy_and_the_next_push_goes_on(
    planctl: Run, there: FakeStripe, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("time.sleep", lambda _: None)
    there.faults.add(Fault("POST", r"/v1/prices$", "drop_after", times=3))
    stopped = planctl("stripe", "push", "-f", "json")
    assert (stopped.exit_code, stopped.error["code"]) == (75, "stripe-unreachable")
    assert len(there.objects("product")) == 2
    assert len(there.objects("price")) == 1  # it was made, only nobody heard of it
    again = done(planctl("stripe", "push"))
    assert "  1 call of an earlier push finished" in again.stdout
    assert len(there.objects("price")) == 2


def test_where_nobody_answers_it_is_busy_and_nothing_was_done(
    planctl: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("time.sleep", lambda _: None)
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        monkeypatch.setenv("STRIPE_API_BASE", f"http://127.0.0.1:{unused.getsockname()[1]}")
        for command in ("push", "diff"):
            refused = planctl("stripe", command, "-f", "json")
            assert (refused.exit_code, refused.error["code"]) == (75, "stripe-unreachable")


@pytest.mark.parametrize("command", ["push", "diff"])
def test_a_store_that_was_not_set_up_is_refused(shop: Run, there: FakeStripe, command: str) -> None:
    refused = shop("stripe", command, "-f", "json")
    assert (refused.exit_code, refused.error["code"]) == (4, "stripe-not-set-up")
    assert there.requests == []


@pytest.mark.parametrize("command", ["push", "diff"])
def test_without_a_key_it_is_not_permitted(
    planctl: Run, there: FakeStripe, monkeypatch: pytest.MonkeyPatch, command: str
) -> None:
    monkeypatch.delenv("STRIPE_API_KEY_FILE")
    refused = planctl("stripe", command, "-f", "json")
    assert (refused.exit_code, refused.error["code"]) == (77, "no-stripe-key")
    assert there.requests == []


def test_a_key_that_may_not_stops_the_push_and_spoils_nothing(
    planctl: Run, there: FakeStripe, tmp_path: Path
) -> None:
    weak = there.add_key("rk_test_51MayReadAlone000000000000000001", {"account": "read", "products": "read",
        "prices": "read", "coupons": "read", "tax_rates": "read", "customers": "read", "invoices": "read"})  # fmt: skip
    refused = planctl(
        "stripe", "push", "--stripe-key-file", key_file(tmp_path / "weak.key", weak), "-f", "json"
    )
    assert refused.exit_code == 77
    assert there.objects("product") == []
    there.clock.advance(24 * 3600)  # longer than Stripe remembers keys
    done(planctl("stripe", "push"))
    assert len(there.objects("product")) == 2


# --- live mode


@pytest.fixture
def live(run: Run, stripe: FakeStripe, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """`run` with a real store that is set up for live mode; the fake takes the place of Stripe's own address."""
    monkeypatch.setattr("planctl.stripe_bridge.keys.address", lambda *_: stripe.address)
    monkeypatch.setenv("STRIPE_API_KEY_FILE", str(key_file(tmp_path / "live.key", stripe.live_key)))
    done(run("init", tmp_path / "made", "--quiet"))
    done(run("catalog", "apply", SHOP, "--yes", "--quiet"))
    done(run("stripe", "setup", "--live", "--yes", "--quiet"))
    stripe.requests.clear()
    return run


def test_a_live_push_shows_what_it_would_do_and_wants_a_yes(live: Run, stripe: FakeStripe) -> None:
    asked = live("stripe", "push", "--live")
    assert asked.exit_code == 64
    assert "live mode: 4 to create, 0 unchanged" in asked.stderr
    assert "nothing was sent" not in asked.stderr
    assert stripe.posts() == []
    done(live("stripe", "push", "--live", "--yes"))
    assert len(stripe.objects("price", live=True)) == 2
    assert stripe.objects("price") == []


@pytest.mark.parametrize("command", ["push", "diff"])
def test_a_live_key_without_live_is_refused_before_anything_is_asked(
    live: Run, stripe: FakeStripe, command: str
) -> None:
    refused = live("stripe", command, "-f", "json")
    assert (refused.exit_code, refused.error["code"]) == (4, "stripe-live")
    assert stripe.requests == []


def test_live_with_a_test_key_is_refused_before_anything_is_asked(planctl: Run, there: FakeStripe) -> None:
    refused = planctl("stripe", "push", "--live", "--yes", "-f", "json")
    assert (refused.exit_code, refused.error["code"]) == (4, "stripe-live")
    assert there.requests == []
