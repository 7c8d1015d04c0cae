"""`planctl stripe checkout` and `portal` against the fake: what is printed, audited, refused, and never sent twice.

The machine's clock stands where the fake's does, at 16 January 2026, 10:00 UTC. Amounts are worked out by hand.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from planctl import clock
from planctl.core.audit import AuditEntry
from planctl.core.periods import Instant
from planctl.store import audit, stripe_account
from planctl.store.engine import open_store
from planctl.workflows.receive_webhook.complete_checkout import Completed, complete
from tests import stores
from tests.cli.conftest import Result, Run
from tests.fakes.stripe import FakeStripe, Fault
from tests.fakes.stripe.fixture import stripe

__all__ = ["stripe"]

NOW = 1_768_557_600
"""2026-01-16T10:00:00Z."""


@pytest.fixture
def planctl(acme: Run, stripe: FakeStripe, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """`run` with acme's plans and nova on the free one, set up for the fake, which sends people back to acme."""
    stripe.clock.now = NOW
    monkeypatch.setattr(clock, "now", lambda: stripe.clock.now * 1_000_000)
    key = tmp_path / "stripe.key"
    key.write_text(stripe.key, encoding="ascii")
    key.chmod(0o600)
    monkeypatch.setenv("STRIPE_API_BASE", stripe.address)
    monkeypatch.setenv("STRIPE_API_KEY_FILE", str(key))
    assert acme("stripe", "setup", "--return-url", "https://acme.example/account").exit_code == 0
    stripe.requests.clear()
    return acme


def done(result: Result) -> Result:
    assert result.exit_code == 0, result.stderr
    return result


def take_in(stripe: FakeStripe, store: Path, session: str) -> Completed:
    """Take in a page as it stands at Stripe now."""
    now = Instant(stripe.clock.now * 1_000_000)
    with open_store(stores.url(store)) as opened, opened.write() as tx:
        done = complete(tx, stripe_account.account(tx), stripe.get(session), now, now)
        audit.append(tx, AuditEntry(now, "amy", "stripe pull", {}))
        return done


def page(stripe: FakeStripe) -> str:
    """The one page that can be paid."""
    (found,) = [one for one in stripe.objects("checkout.session") if one["status"] == "open"]
    return str(found["id"])


def test_the_address_stands_alone_on_standard_output_so_that_a_script_can_mail_it(
    planctl: Run, stripe: FakeStripe
) -> None:
    shown = done(planctl("stripe", "checkout", "nova", "starter", "--pay", "month", "--no-trial"))
    assert shown.stdout == f"https://checkout.stripe.com/c/pay/{page(stripe)}\n"
    assert "nova: Starter (starter v1), asks for 19.00 USD" in shown.stderr
    assert "open until 2026-01-17 10:00 (UTC); nothing starts before it is paid" in shown.stderr


def test_quiet_prints_the_address_and_nothing_else(planctl: Run, stripe: FakeStripe) -> None:
    shown = done(planctl("--quiet", "stripe", "checkout", "nova", "starter", "--pay", "month", "--no-trial"))
    assert shown.stdout == f"https://checkout.stripe.com/c/pay/{page(stripe)}\n"
    assert shown.stderr == ""


def test_without_a_plan_the_next_one_of_the_group_is_sold_and_starts_once_it_is_paid(
    planctl: Run, stripe: FakeStripe, tmp_path: Path
) -> None:
    """C4: from free to starter, and from there to pro for the rest of the month.

    Starter runs from 16 January to 16 February, 31 days. On 26 January 21 are left: 49 × 21/31 = 33.19 (33.1935…)
    less 19 × 21/31 = 12.87 (12.8709…) are 20.32.
    """
    first = done(planctl("stripe", "checkout", "nova", "--pay", "month", "--no-trial", "-f", "json")).json
    assert (first["plan"], first["amount"], first["from"]) == ("starter", "19.00", None)
    stripe.pay_session(first["session"])
    assert take_in(stripe, tmp_path / "store.db", first["session"]).outcome == "started"
    stripe.clock.advance(10 * 86_400)
    second = done(planctl("stripe", "checkout", "nova", "-f", "json")).json
    assert (second["plan"], second["from"], second["amount"]) == ("pro", "starter", "20.32")
    assert [line["amount"] for line in second["lines"]] == ["-12.87", "33.19"]
    assert second["expires_at"] == "2026-01-27T00:00:00Z"
    stripe.pay_session(second["session"])
    assert take_in(stripe, tmp_path / "store.db", second["session"]).outcome == "started"
    shown = done(planctl("subscription", "show", "nova", "-f", "json")).json
    assert (shown["plan"], shown["status"]) == ("pro", "active")
    bills = done(planctl("invoice", "list", "--customer", "nova", "-f", "json")).json
    assert [(one["status"], one["total"]) for one in bills] == [("paid", "19.00"), ("paid", "20.32")]
    assert planctl("doctor").exit_code == 0


def test_as_json_it_says_what_it_asks_for_and_until_when(planctl: Run, stripe: FakeStripe) -> None:
    shown = done(
        planctl("stripe", "checkout", "nova", "pro", "--pay", "month", "--no-trial", "-f", "json")
    ).json
    assert shown == {
        "customer": "nova",
        "plan": "pro",
        "plan_version": 1,
        "pay": "month",
        "starts": "Pro",
        "from": None,
        "mode": "payment",
        "amount": "49.00",
        "currency": "USD",
        "lines": [{"description": "Pro · Monthly", "amount": "49.00"}],
        "url": f"https://checkout.stripe.com/c/pay/{page(stripe)}",
        "session": page(stripe),
        "expires_at": "2026-01-17T10:00:00Z",
        "timezone": "UTC",
        "existed": False,
    }


def test_options_are_those_of_subscribe(planctl: Run) -> None:
    """49.00 and two seats for 4.00 are 57.00, in euro 46.00 and 7.50; launch20 takes a fifth off."""
    words = ("stripe", "checkout", "nova", "pro", "--pay", "month", "--no-trial", "--quantity", "seats=12")
    dollars = done(planctl(*words, "--coupon", "launch20", "-f", "json")).json
    assert (dollars["amount"], dollars["currency"]) == ("45.60", "USD")
    yearly = done(
        planctl("stripe", "checkout", "nova", "pro", "--pay", "year", "--no-trial", "-f", "json")
    ).json
    assert (yearly["pay"], yearly["amount"]) == ("year", "490.00")
    euros = done(planctl(*words, "--in", "EUR", "-f", "json")).json
    assert (euros["amount"], euros["currency"]) == ("53.50", "EUR")


def test_a_trial_asks_for_a_card_alone(planctl: Run, stripe: FakeStripe) -> None:
    shown = done(planctl("stripe", "checkout", "nova", "starter", "--pay", "month"))
    assert "asks for a means of payment; nothing is paid now" in shown.stderr
    assert "nothing starts before it is filled in" in shown.stderr
    assert stripe.get(page(stripe))["mode"] == "setup"


def test_asked_again_the_same_address_is_printed_and_nothing_is_sent(
    planctl: Run, stripe: FakeStripe
) -> None:
    words = ("stripe", "checkout", "nova", "pro", "--pay", "month", "--no-trial")
    first = done(planctl(*words))
    sent, entries = len(stripe.posts()), len(done(planctl("audit", "log", "-f", "json")).json)
    again = done(planctl(*words))
    assert (again.stdout, len(stripe.posts())) == (first.stdout, sent)
    assert "it was open already; open until" in again.stderr
    assert len(done(planctl("audit", "log", "-f", "json")).json) == entries


@pytest.mark.parametrize(
    ("words", "asked"),
    [
        (("checkout", "nova", "pro", "--pay", "month", "--no-trial"), r"/checkout/sessions$"),
        (("portal", "nova"), r"/billing_portal/sessions$"),
    ],
    ids=["checkout", "portal"],
)
def test_where_stripe_does_not_answer_the_way_on_is_the_same_command(
    planctl: Run, stripe: FakeStripe, monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...], asked: str
) -> None:
    monkeypatch.setattr("time.sleep", lambda _: None)
    stripe.faults.add(Fault("POST", asked, "drop_before", times=3))
    stopped = planctl("stripe", *words)
    assert stopped.exit_code == 75
    assert stopped.stderr.endswith("What was sent is kept; run it again and it goes on from there.\n")
    assert done(planctl("stripe", *words)).stdout.startswith("https://")


def test_a_key_answers_with_the_first_page_and_refuses_another_request(
    planctl: Run, stripe: FakeStripe
) -> None:
    words = ("stripe", "checkout", "nova", "pro", "--pay", "month", "--no-trial", "--key", "order-7")
    first = done(planctl(*words))
    stripe.requests.clear()
    assert done(planctl(*words)).stdout == first.stdout
    assert stripe.requests == []
    assert planctl("stripe", "checkout", "nova", "starter", "--key", "order-7").exit_code == 5


def test_a_dry_run_says_what_it_would_ask_for_and_talks_to_nobody(
    planctl: Run, stripe: FakeStripe, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("STRIPE_API_KEY_FILE")
    words = ("stripe", "checkout", "nova", "pro", "--pay", "month", "--no-trial", "--dry-run")
    shown = done(planctl(*words))
    assert shown.stdout == "nova: Pro (pro v1), asks for 49.00 USD\n  Pro · Monthly: 49.00\n"
    assert "nothing was written (dry run)" in shown.stderr
    asked = done(planctl(*words, "-f", "json")).json
    assert (asked["amount"], asked["url"], asked["session"], asked["expires_at"]) == (
        "49.00",
        None,
        None,
        None,
    )
    assert (
        done(planctl("stripe", "portal", "nova", "--dry-run")).stdout
        == "a link to the billing portal of nova\n"
    )
    assert stripe.requests == []


def test_nothing_is_kept_of_what_was_only_proposed(planctl: Run) -> None:
    """The proposal takes it that a means of payment is on file: it is not, before the page is filled in."""
    done(planctl("stripe", "checkout", "nova", "pro", "--pay", "month", "--no-trial"))
    shown = done(planctl("customer", "show", "nova", "-f", "json")).json
    assert (shown["payment_method"], [one["plan"] for one in shown["subscriptions"]]) == ("none", ["free"])


def test_who_opened_a_page_is_in_the_audit(planctl: Run, stripe: FakeStripe) -> None:
    done(planctl("stripe", "checkout", "nova", "pro", "--pay", "month", "--no-trial", "--operator", "anna"))
    last = done(planctl("audit", "log", "-f", "json")).json[-1]
    assert (last["actor"], last["command"]) == ("anna", "stripe checkout")
    assert page(stripe) in str(last)


def test_people_come_back_where_the_options_say(planctl: Run, stripe: FakeStripe) -> None:
    words = ("stripe", "checkout", "nova", "pro", "--pay", "month", "--no-trial")
    done(planctl(*words, "--success-url", "https://acme.example/thanks"))
    found = stripe.get(page(stripe))
    assert found["success_url"] == "https://acme.example/thanks"
    assert found["cancel_url"] == "https://acme.example/account"
    wrong = planctl(*words, "--cancel-url", "acme.example", "-f", "json")
    assert (wrong.exit_code, wrong.error["where"]) == (3, "--cancel-url")
    secret = planctl(*words, "--cancel-url", f"https://acme.example/?{stripe.key}", "-f", "json")
    assert (secret.exit_code, secret.error["code"], stripe.key in secret.stderr) == (3, "return-url", False)


@pytest.mark.parametrize(
    ("words", "exit_code", "code"),
    [
        (("nobody", "pro"), 4, "not-found"),
        (("nova", "nothing"), 4, "not-found"),
        (("nova", "pro"), 64, "usage"),  # by the month or the year
        (("nova", "pro", "--pay", "month", "--no-trial", "--in", "USDT"), 4, "not-at-stripe"),
        (("nova", "pro", "--pay", "month", "--plan-version", "x"), 3, "invalid-value"),
        (("nova", "free"), 4, "checkout-nothing"),
    ],
)
def test_what_is_refused_is_refused_before_stripe_hears_of_it(
    planctl: Run, stripe: FakeStripe, words: tuple[str, ...], exit_code: int, code: str
) -> None:
    said = planctl("stripe", "checkout", *words, "-f", "json")
    assert (said.exit_code, said.error["code"], said.stdout) == (exit_code, code, "")
    assert stripe.requests == []


def test_a_plan_that_is_hidden_from_customers_is_sold_to_whom_it_is_assigned(planctl: Run) -> None:
    done(planctl("plan", "deactivate", "pro", "--outside"))
    words = ("stripe", "checkout", "nova", "pro", "--pay", "month", "--no-trial")
    assert planctl(*words, "-f", "json").error["code"] == "plan-inactive"
    done(planctl("assign", "nova", "pro", "--pay", "month"))
    assert done(planctl("stripe", "checkout", "nova", "--no-trial", "-f", "json")).json["plan"] == "pro"


def test_what_was_agreed_with_the_customer_is_what_the_page_asks_for(
    planctl: Run, stripe: FakeStripe, tmp_path: Path
) -> None:
    done(planctl("assign", "nova", "pro", "--pay", "month", "--price", "45"))
    shown = done(planctl("stripe", "checkout", "nova", "--no-trial", "-f", "json")).json
    assert (shown["plan"], shown["amount"]) == ("pro", "45.00")
    stripe.pay_session(shown["session"])
    assert take_in(stripe, tmp_path / "store.db", shown["session"]).outcome == "started"
    assert done(planctl("customer", "show", "nova", "-f", "json")).json["assignments"] == []


def test_whoever_is_on_hold_gets_no_page(planctl: Run, stripe: FakeStripe, tmp_path: Path) -> None:
    """Money that did not fit put nova on hold, with both amounts; a person lifts that."""
    words = ("stripe", "checkout", "nova", "pro", "--pay", "month", "--no-trial", "-f", "json")
    session = done(planctl(*words)).json["session"]
    done(planctl("subscribe", "nova", "starter", "--pay", "month", "--no-trial", "--yes"))
    stripe.pay_session(session)
    assert take_in(stripe, tmp_path / "store.db", session).outcome == "credited"
    (held,) = done(planctl("hold", "list", "-f", "json")).json
    assert (held["customer"], held["reason"]) == ("nova", "checkout")
    assert "49.00 USD were paid, and 30.00 USD would be billed now" in held["detail"]
    assert planctl(*words).error["code"] == "hold"
    done(planctl("hold", "clear", "nova", "--reason", "looked at it"))
    assert planctl("doctor").exit_code == 0
    done(planctl("subscribe", "nova", "pro", "--pay", "month", "--yes"))
    assert done(planctl("customer", "show", "nova", "-f", "json")).json["balance"] == {"USD": "19.00"}


def test_before_stripe_is_set_up_it_says_so(acme: Run) -> None:
    for words in (("checkout", "nova", "pro"), ("portal", "nova")):
        assert acme("stripe", *words, "-f", "json").error["code"] == "stripe-not-set-up"


def test_the_portal_s_address_is_printed_and_its_plans_do_not_change(
    planctl: Run, stripe: FakeStripe
) -> None:
    """C7: means of payment, billing details, and invoices to view and download."""
    shown = done(planctl("stripe", "portal", "nova"))
    assert shown.stdout.startswith("https://billing.stripe.com/p/session/test_")
    assert shown.stdout.count("\n") == 1
    (configuration,) = stripe.objects("billing_portal.configuration")
    on = {name for name, feature in configuration["features"].items() if feature["enabled"]}
    assert on == {"customer_update", "invoice_history", "payment_method_update"}
    asked = done(
        planctl("stripe", "portal", "nova", "--return-url", "https://acme.example/me", "-f", "json")
    ).json
    assert (asked["customer"], asked["return_url"]) == ("nova", "https://acme.example/me")
    assert done(planctl("audit", "log", "-f", "json")).json[-1]["command"] == "stripe portal"


def test_a_link_to_the_portal_is_kept_nowhere_and_new_each_time_under_the_same_key_too(
    planctl: Run, stripe: FakeStripe, tmp_path: Path
) -> None:
    """Whoever has one is let in, so that nobody may find one in a store, or in a copy of it."""
    links = [done(planctl("stripe", "portal", "nova", "--key", "p1")).stdout.strip() for _ in range(2)]
    assert links[0] != links[1]
    assert links[0] not in str(stores.content(tmp_path / "store.db"))
    other = planctl("stripe", "portal", "nova", "--return-url", "https://acme.example/me", "--key", "p1")
    assert other.exit_code == 5, "another request under the same key"
    audited = [one.get("arguments", {}) for one in planctl("audit", "log", "-f", "json").json]
    assert sum(set(one) == {"customer", "live", "return_url"} for one in audited) == 2, (
        "each time somebody may be let in"
    )
