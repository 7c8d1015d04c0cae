"""Part C of the mission, a plan that a company shares: each row from the shell and from YAML."""

from __future__ import annotations

import stat
from dataclasses import dataclass

import pytest

from planctl import clock
from planctl.core.periods import parse_instant, zone
from tests.fakes.stripe import FakeStripe
from tests.fakes.stripe.fixture import stripe
from tests.mission.conftest import AtStripe, Sell, Shell

__all__ = ["stripe"]


@pytest.fixture
def shop(sell: Sell) -> Shell:
    """The company sample with hanse and its branches nord and sued, which pay no tax here."""
    shell = sell("company")
    shell.all(
        [
            "customer add hanse --currency EUR --timezone UTC",
            "customer add nord --parent hanse",
            "customer add sued --parent hanse",
        ]
    )
    return shell


@dataclass(frozen=True, slots=True)
class Desk:
    """The company's shell, set up for a Stripe whose clock is the machine's."""

    shop: Shell
    stripe: FakeStripe

    def at(self, day: str) -> None:
        """Let the day begin, everywhere."""
        self.stripe.clock.now = parse_instant(day, zone("UTC")) // 1_000_000


@pytest.fixture
def desk(shop: Shell, stripe: FakeStripe, monkeypatch: pytest.MonkeyPatch) -> Desk:
    """The shop, with a test key of Stripe's in a file of its owner."""
    key = shop.directory / "stripe.key"
    key.write_text(stripe.key, encoding="ascii")
    key.chmod(0o600)
    monkeypatch.setattr(clock, "now", lambda: stripe.clock.now * 1_000_000)
    monkeypatch.setenv("STRIPE_API_BASE", stripe.address)
    monkeypatch.setenv("STRIPE_API_KEY_FILE", str(key))
    shop("stripe setup --return-url https://hanse.example/plan")
    return Desk(shop, stripe)


def included(shop: Shell, at: str) -> int:
    """The interactions that the company has for the month, in its plan and its add-ons."""
    shown = shop.json("usage show hanse", at)["features"]
    return sum(int(one["included"]) for one in shown if one["feature"] == "interactions")


def test_c1_branches_use_what_the_company_holds_and_the_company_pays(shop: Shell) -> None:
    """C1: 600 + 500 interactions of two branches against 1,000 included are 100 in excess on the company's invoice."""
    shop("subscribe hanse essential --pay month --yes")
    shop("payment record INV-2026-00001", "2026-01-10")
    for words in ("subscribe nord essential --pay month --yes", "assign sued business --pay month"):
        assert "hanse" in shop.refused(words)  # holds no plan of its own; the company does
    shop("usage record nord interactions 600 --id n", "2026-01-12")
    shop("usage record sued interactions 500 --id s", "2026-01-20")
    assert shop.allowed("sued interactions", "2026-01-21")  # past the allowance, at a price
    (shown,) = shop.json("usage show hanse", "2026-01-31")["features"]
    assert (shown["used"], shown["included"], shown["excess"]) == ("1100", "1000", "100")
    used = {one["customer"]: one["used"] for one in shown["by_customer"]}
    assert (used["nord"], used["sued"]) == ("600", "500")
    shop("invoice run", "2026-02-01")
    assert shop.json("invoice list --customer nord", "2026-02-01") == []
    assert sorted(shop.lines("INV-2026-00002", "2026-02-01")) == [
        ("fee", "essential", "99.00"),
        ("usage", "essential", "10.00"),
    ]
    invoice = shop("invoice show INV-2026-00002", "2026-02-01").stdout
    assert "nord" in invoice
    assert "sued" in invoice
    shop("doctor", "2026-02-01")


def test_c1_the_same_on_a_plan_of_the_shell(shop: Shell) -> None:
    """C1: what a branch of a branch uses is the company's too, whatever made the plan."""
    shop("plan create small --group company --price month:EUR=10 --feature interactions=100")
    shop("customer add kai --parent nord")
    shop("subscribe hanse small --yes")
    shop("usage record kai interactions 100 --id k", "2026-01-05")
    assert not shop.allowed("sued interactions", "2026-01-05")
    assert shop.json("customer show kai", "2026-01-05")["subscriptions"] == []


@pytest.mark.sqlite_only
def test_c2_the_store_is_its_owners_alone_and_every_write_says_whose_it_was(shop: Shell) -> None:
    """C2: what is tested now: the store is readable by its owner alone, and the audit keeps who wrote what, unbroken.

    `access grant` (viewer, manager, owner) is a later part.
    """
    assert stat.S_IMODE((shop.directory / "store.db").stat().st_mode) == 0o600
    shop("subscribe hanse essential --pay month --yes --operator anna --key order-1")
    last = shop.json("audit log")[-1]
    assert (last["actor"], last["command"]) == ("anna", "subscribe")
    shop("audit verify")
    (shop.directory / "store.db").chmod(0o644)
    assert "644" in shop("doctor", exit_code=1).stdout


def test_c3_interactions_are_counted_by_the_month_with_what_is_left(shop: Shell) -> None:
    """C3: `usage show` says used, left and when it begins again, on a yearly plan (YAML) by the month as well."""
    shop("subscribe hanse business --pay year --yes")
    shop("payment record INV-2026-00001", "2026-01-10")
    shop("usage record nord interactions 1200 --id a", "2026-01-12")
    (shown,) = shop.json("usage show hanse", "2026-01-15")["features"]
    assert (shown["used"], shown["remaining"], shown["resets_at"]) == ("1200", "3800", "2026-02-01T00:00:00Z")
    assert "3,800" in shop("usage show hanse", "2026-01-15").stdout
    (shown,) = shop.json("usage show hanse", "2026-02-01")["features"]
    assert (shown["used"], shown["remaining"]) == ("0", "5000")


def test_c4_an_upgrade_takes_effect_at_once_and_says_before_what_it_costs(shop: Shell) -> None:
    """C4: the upgrade itself, announced, charged by the day, its access there at once."""
    shop("subscribe hanse essential --pay month --yes", "2026-02-01")
    shop("payment record INV-2026-00001", "2026-02-02")
    announced = shop("subscribe hanse business --pay month --dry-run --yes", "2026-02-15")
    assert "49.50" in announced.stdout + announced.stderr
    assert "149.50" in announced.stdout + announced.stderr
    shop("subscribe hanse business --pay month --yes", "2026-02-15")
    # 14 of 28 days: 99 / 2 back, 299 / 2 charged
    assert sorted(shop.lines("INV-2026-00002", "2026-02-15")) == [
        ("proration_charge", "business", "149.50"), ("proration_credit", "essential", "-49.50"),
    ]  # fmt: skip
    assert included(shop, "2026-02-15") == 5_000
    shop("invoice run", "2026-03-01")
    assert shop.totals("hanse", "2026-03-01") == ["99.00", "100.00", "299.00"]
    shop("doctor", "2026-03-01")


def test_c4_the_next_plan_is_paid_for_on_a_page_and_runs_at_once(desk: Desk) -> None:
    """C4: the page asks for the 14 of 28 days that are left, 149.50 less 49.50, and what it brings in pays for them."""
    desk.at("2026-02-01")
    desk.shop("subscribe hanse essential --pay month --yes", "2026-02-01")
    desk.shop("payment record INV-2026-00001", "2026-02-01")
    desk.at("2026-02-15")
    shown = desk.shop("stripe checkout hanse", "2026-02-15")
    (page,) = desk.stripe.objects("checkout.session")
    assert shown.stdout == f"{page['url']}\n"
    assert (page["amount_total"], page["currency"]) == (10_000, "eur")
    assert included(desk.shop, "2026-02-15") == 1_000  # nothing happens before it is paid
    desk.stripe.pay_session(page["id"])
    desk.shop("stripe pull", "2026-02-15")
    running = desk.shop.json("subscription show hanse", "2026-02-15")
    assert (running["plan"], running["status"]) == ("business", "active")
    assert included(desk.shop, "2026-02-15") == 5_000
    bills = desk.shop.json("invoice list --customer hanse", "2026-02-15")
    assert [(one["status"], one["total"]) for one in bills] == [("paid", "99.00"), ("paid", "100.00")]
    desk.shop("stripe pull", "2026-02-15")  # the same again changes nothing
    assert desk.shop.totals("hanse", "2026-02-15") == ["99.00", "100.00"]
    desk.shop("doctor", "2026-02-15")


def test_c4_an_upgrade_is_paid_on_a_checkout_page_for_the_next_plan(shop: Shell, at_stripe: AtStripe) -> None:
    """C4: the page is for the plan that is next in the group's order; paid, the change is there at once."""
    till = at_stripe(shop)
    till("subscribe hanse essential --pay month --yes", "2026-02-01")
    till("payment record INV-2026-00001", "2026-02-02")
    page = till("stripe checkout hanse", "2026-02-15")
    assert page.stdout.startswith("https://")
    assert page.stdout.count("\n") == 1, "the address alone"
    (session,) = till.stripe.objects("checkout.session")
    assert (session["currency"], session["amount_total"]) == ("eur", 10_000)  # 14 of 28 days: 149.50 - 49.50
    assert included(shop, "2026-02-15") == 1_000, "nothing changes before it is paid"
    till.stripe.pay_session(session["id"])
    till("stripe pull", "2026-02-15T00:01:00Z")
    assert shop.json("subscription show hanse", "2026-02-15T00:01:00Z")["plan"] == "business"
    assert included(shop, "2026-02-15T00:01:00Z") == 5_000
    invoice = shop.json("invoice show INV-2026-00002", "2026-02-15T00:01:00Z")
    assert (invoice["status"], invoice["total"]) == ("paid", "100.00")
    till("invoice run", "2026-03-01")
    assert shop.totals("hanse", "2026-03-01") == ["99.00", "100.00", "299.00"]
    till("doctor", "2026-03-01")


def test_c5_a_downgrade_has_no_page_for_it_is_asked_for(desk: Desk) -> None:
    """C5: staff confirms it, so nothing is to be paid for it now."""
    desk.at("2026-02-01")
    desk.shop("subscribe hanse business --pay month --yes", "2026-02-01")
    said = desk.shop.refused("stripe checkout hanse essential --pay month", "2026-02-01")
    assert "waits until an operator approves it" in said
    assert desk.stripe.objects("checkout.session") == []


def test_c6_an_add_on_is_paid_for_on_a_page_where_its_base_runs(desk: Desk) -> None:
    """C6: 60.00 for the month on the yearly Business; refused without such a base."""
    desk.at("2026-02-01")
    assert "requires" in desk.shop.refused("stripe checkout hanse voice_agent", "2026-02-01")
    desk.shop("subscribe hanse business --pay year --yes", "2026-02-01")
    desk.shop("payment record INV-2026-00001", "2026-02-01")
    desk.shop("stripe checkout hanse voice_agent", "2026-02-01")
    (page,) = desk.stripe.objects("checkout.session")
    assert page["amount_total"] == 6_000
    desk.stripe.pay_session(page["id"])
    desk.shop("stripe pull", "2026-02-01")
    assert included(desk.shop, "2026-02-01") == 5_500
    desk.shop("doctor", "2026-02-01")


def test_c5_a_downgrade_is_a_request_that_staff_confirms(shop: Shell) -> None:
    """C5: down is `on approval` in YAML; rejected nothing changes, approved it takes effect at the period's end."""
    shop("subscribe hanse business --pay month --yes", "2026-02-01")
    shop("payment record INV-2026-00001", "2026-02-02")
    shop("subscribe hanse essential --pay month --yes", "2026-02-10")
    (asked,) = shop.json("change list", "2026-02-10")
    assert (asked["customer"], asked["to"]["plan"], asked["status"]) == ("hanse", "essential", "requested")
    shop("change reject hanse --yes --reason 'the contract runs until March'", "2026-02-11")
    shop("invoice run", "2026-03-01")
    assert shop.totals("hanse", "2026-03-01") == ["299.00", "299.00"]
    shop("payment record INV-2026-00002", "2026-03-02")
    shop("change request hanse essential --pay month --yes", "2026-03-10")
    shop("change approve hanse --yes", "2026-03-12")
    running = shop.json("subscription show hanse", "2026-03-31")  # what runs, not what is to follow it
    assert (running["plan"], running["scheduled_change"]["plan"]) == ("business", "essential")
    assert (included(shop, "2026-03-31"), included(shop, "2026-04-01")) == (5_000, 1_000)
    shop("invoice run", "2026-04-01")
    assert shop.totals("hanse", "2026-04-01") == ["299.00", "299.00", "99.00"]
    shop("doctor", "2026-04-01")


def test_c6_a_monthly_add_on_goes_with_the_plans_it_requires(shop: Shell) -> None:
    """C6: refused without Business or Corporate (YAML); on the yearly plan it is billed by the month."""
    assert "requires" in shop.refused("subscribe hanse voice_agent --yes")
    shop("customer add kiel --currency EUR")
    shop("subscribe kiel essential --pay month --yes")
    assert "business" in shop.refused("subscribe kiel voice_agent --yes")
    shop("subscribe hanse business --pay year --yes")
    shop("subscribe hanse voice_agent --yes")
    shop.pay("2026-01-10")
    assert shop.allowed("nord voice", "2026-01-10")
    assert included(shop, "2026-01-10") == 5_500
    shop("invoice run", "2026-03-01")
    assert shop.totals("hanse", "2026-03-01") == ["2990.00", "60.00", "60.00", "60.00"]
    shop("doctor", "2026-03-01")


def test_c6_an_add_on_of_the_shell_goes_with_the_plans_it_requires(shop: Shell) -> None:
    """C6: the same with an add-on and a plan made in the shell."""
    shop("plan create base --group company --price month:EUR=10 --feature interactions=100")
    shop("plan create more --addon --price month:EUR=5 --feature interactions=50 --set 'requires=[base]'")
    shop.refused("subscribe hanse more --yes")
    shop("subscribe hanse base --yes")
    shop("subscribe hanse more --yes")
    assert shop.json("check sued interactions")["limit"] == "150"


def test_c7_a_link_leads_the_company_to_its_billing_portal(desk: Desk) -> None:
    """C7: means of payment, billing details and invoices are there; plans do not change there."""
    desk.at("2026-02-01")
    address = desk.shop("stripe portal hanse", "2026-02-01").stdout
    assert address.startswith("https://billing.stripe.com/")
    (configuration,) = desk.stripe.objects("billing_portal.configuration")
    on = {name for name, feature in configuration["features"].items() if feature["enabled"]}
    assert on == {"customer_update", "invoice_history", "payment_method_update"}


def test_c7_invoices_to_view_and_how_a_company_pays(shop: Shell) -> None:
    """C7: billing details and payment method are kept, invoices are listed, shown and explained.

    Documents to download are a later part.
    """
    shop(
        "customer update hanse --name 'Hanse AG' --address 'Kai 2, 20457 Hamburg' --country DE"
        " --tax-id DE987654321 --payment-method invoice"
    )
    shop("subscribe hanse essential --pay month --yes")
    invoice = shop.json("invoice show INV-2026-00001")
    assert (invoice["buyer"]["name"], invoice["buyer"]["tax_id"]) == ("Hanse AG", "DE987654321")
    assert (invoice["subtotal"], invoice["tax"], invoice["total"]) == ("99.00", "18.81", "117.81")  # 19 %
    assert shop.json("customer show hanse")["payment_method"] == "invoice"
    assert [one["number"] for one in shop.json("invoice list --customer hanse")] == ["INV-2026-00001"]
    assert "99.00" in shop("invoice explain INV-2026-00001").stdout


def test_c7_the_portal_shows_invoices_and_takes_cards_and_billing_details(
    shop: Shell, at_stripe: AtStripe
) -> None:
    """C7: a link to the portal; invoices to view and download there, and a card that is left there is known here."""
    till = at_stripe(shop)
    shop("customer update hanse --name 'Hanse AG' --email rechnung@hanse.example")
    till("subscribe hanse essential --pay month --yes", "2026-01-01")
    till("stripe push", "2026-01-01")
    link = till("stripe portal hanse", "2026-01-02")
    assert link.stdout.startswith("https://billing.stripe.com/")
    (settings,) = till.stripe.objects("billing_portal.configuration")
    on = {name for name, feature in settings["features"].items() if feature["enabled"]}
    assert on == {"customer_update", "invoice_history", "payment_method_update"}
    (invoice,) = till.stripe.objects("invoice")
    assert (invoice["amount_due"], invoice["metadata"]["planctl_number"]) == (9_900, "INV-2026-00001")
    assert invoice["hosted_invoice_url"]
    assert invoice["invoice_pdf"]
    till.stripe.attach_card(invoice["customer"])
    till("stripe pull", "2026-01-03")
    assert shop.json("customer show hanse", "2026-01-03")["payment_method"] == "card"
