"""One customer with everything that belongs to it, at an instant."""

from __future__ import annotations

from decimal import Decimal

from planctl.core.instants import instant_text
from planctl.core.subscriptions.model import Status
from planctl.workflows.keep_customers import update_customer
from planctl.workflows.keep_wallets import GrantWanted, apply_grant, propose_grant
from planctl.workflows.read_accounts import account_of
from planctl.workflows.read_subscriptions import read_one
from tests.workflows.business import Business, t


def test_an_account_says_what_happens_next_with_dates(business: Business) -> None:
    business.customer("nova")
    business.subscribe("nova", "pro", pay="month")
    business.use("nova", "minutes", "400", "2026-01-02")
    with business.store.read() as tx:
        account = account_of(tx, "nova", t("2026-01-05"))
    live = [one for one in account.holdings if one.subscription.live]
    assert [one.subscription.plan for one in live] == ["pro"]
    assert live[0].pools["minutes"].pool.total == 400
    assert [one.number for one in account.open_invoices] == ["INV-2026-00001"]
    # Due 7 days after 1 January, 3 days of grace; the month ends with January. API calls are billed with it.
    assert [(instant_text(event.at)[:10], event.what, event.about) for event in account.next if event.at] == [
        ("2026-01-08", "due", "INV-2026-00001"),
        ("2026-01-11", "blocked", "INV-2026-00001"),
        ("2026-02-01", "renews", "nova/pro"),
        ("2026-02-01", "allowance_resets", "nova/pro"),
    ]


def test_units_in_a_wallet_that_end_are_among_them(business: Business) -> None:
    business.customer("nova")
    business.subscribe("nova", "pro", pay="month")
    wanted = GrantWanted("nova", "minutes", Decimal(100), "a gift", "2026-01-20")
    with business.store.write() as tx:
        apply_grant(tx, propose_grant(tx, wanted, t("2026-01-02")))
    business.use("nova", "minutes", "5030", "2026-01-03")  # 30 above the 5,000 that Pro includes
    with business.store.read() as tx:
        events = account_of(tx, "nova", t("2026-01-05")).next
    (ending,) = [event for event in events if event.what == "grant_expires"]
    assert (ending.at, ending.about) == (t("2026-01-20"), "nova/minutes")
    assert ending.units == 70


def test_looked_at_before_it_began_a_subscription_is_pending_on_both_pages(business: Business) -> None:
    business.customer("nova")
    business.subscribe("nova", "pro", at="2026-01-10", pay="month")
    with business.store.read() as tx:
        (holding,) = account_of(tx, "nova", t("2026-01-05")).holdings
        shown = read_one(tx, "nova/pro", t("2026-01-05"))
    assert (holding.subscription.status, shown.subscription.status) == (Status.PENDING, Status.PENDING)


def test_what_a_customer_had_before_it_joined_a_company_can_still_be_shown(business: Business) -> None:
    business.customer("acme")
    business.customer("east")
    gone = business.subscribe("east", "pro", pay="month").subscription
    business.cancel("east/pro", "2026-01-05", at_once=True)
    with business.store.write() as tx:
        update_customer(tx, "east", {"parent": "acme"}, t("2026-01-10"))
    with business.store.read() as tx:
        shown = read_one(tx, gone.id, t("2026-01-10"))
    assert (shown.subscription.status, shown.pools) == (Status.CANCELED, {})


def test_what_a_run_would_leave_to_a_person_is_told_before_it_runs(business: Business) -> None:
    business.customer("nova")
    business.subscribe("nova", "pro", pay="month")
    business.pay("INV-2026-00001", "2026-01-02")
    with business.store.read() as tx:
        told = account_of(tx, "nova", t("2027-06-01")).next[0]
    assert (told.at, told.what, told.about) == (None, "held", "nova")
    assert told.reason.startswith("catch-up: ")
