"""A store with a small history obeys every law, and whoever edits it past planctl is found by the law that is broken.

The history is made by the commands themselves; the edits are raw SQL in a copy of the file.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from planctl.store import invoices
from planctl.store.engine import Store, open_store
from planctl.store.invoice_mapping import content_hash
from planctl.store.laws import LAWS, Violation
from planctl.store.laws.model import Breach, Law
from tests import stores
from tests.store.lawbooks import Edit, numbered, of, played, unnoticed, violations
from tests.stores import edited

CATALOG = """\
format: planctl.catalog/1
catalog: shop
currencies: {USD: , EUR: }
defaults: {due: 7 days, grace: 3 days}
features:
  seats: {type: metered, unit: seat, reset: never}
  minutes: {type: metered, unit: minute}
  chats: {type: metered, unit: chat, spends: {minutes: 1/10}}
  api_calls: {type: metered, unit: call, event: api.call, aggregate: count}
  visitors: {type: metered, unit: visitor, event: visit, aggregate: unique, value: visitor_id}
groups:
  main: {order: [free, pro, yearly]}
  extras: {exclusive: false}
plans:
  free: {group: main, price: free, auto_enable: true, features: {minutes: 50}}
  pro:
    group: main
    price: {month: {USD: 49, EUR: 46}}
    features:
      minutes: {included: 100, beyond: {charge: usage, each: {USD: 0.125, EUR: 0.11}}}
      chats: true
      seats: {included: 3, beyond: {charge: prepaid, each: {USD: 4, EUR: 3.75}}}
      api_calls: {included: 2, beyond: {charge: usage, package: {of: 2, price: {USD: 0.50, EUR: 0.45}}}}
  yearly:
    group: main
    price: {year: {USD: 490}}
    features:
      minutes: {included: 10, beyond: {charge: usage, each: {USD: 0.10}}}
      visitors: {included: 1, beyond: {charge: usage, each: {USD: 1}}}
  metered:
    group: main
    price: {month: usage}
    features: {minutes: {beyond: {charge: usage, each: {USD: 0.12}}}}
  stub: {group: main, anchor: calendar, price: {month: {USD: 31}}, features: {minutes: 10}}
  setup: {group: extras, price: {once: {USD: 299}}}
"""

CUSTOMERS = ("nova", "lune", "ada", "zoe", "kim", "max", "ivy", "tom", "lea", "fay")
HISTORY = """\
2026-01-01  subscribe nova pro --quantity seats=5
2026-01-01  subscribe lune pro
2026-01-01  subscribe ada pro
2026-01-01  subscribe zoe yearly
2026-01-01  subscribe kim metered
2026-01-17  subscribe max stub
2026-01-05  subscribe ivy setup
2026-01-01  subscribe tom pro
2026-01-01  subscribe lea pro
2026-01-10  usage record nova minutes 130
2026-01-11  usage record nova chats 200
2026-01-12  usage record nova api.call --id call-1
2026-01-12  usage record nova api.call --id call-2
2026-01-12  usage record nova api.call --id call-3
2026-01-09  usage record lune minutes 108
2026-01-09  usage record ada minutes 116
2026-01-12  usage record zoe minutes 12
2026-01-12  usage record zoe visit --property visitor_id=a
2026-01-13  usage record zoe visit --property visitor_id=b
2026-01-09  usage record lea minutes 101
2026-01-03  payment record INV-2026-00001 --method card
2026-01-04  payment record INV-2026-00004 200 --reference SEPA-1
2026-01-05  payment record INV-2026-00004
2026-01-05  invoice void INV-2026-00007 --reissue --reason typo
2026-01-06  invoice run
2026-01-07  payment record INV-2026-00009
2026-01-07  payment record INV-2026-00008
2026-01-10  invoice void INV-2026-00006 --reason gift
2026-01-18  payment record INV-2026-00005
2026-01-25  subscription cancel max
2026-02-01  invoice run
2026-02-05  usage record lea minutes 5 --at 2026-01-31 --id late-1
2026-02-07  payment record INV-2026-00010
2026-02-07  payment record INV-2026-00013
2026-02-11  payment record INV-2026-00002
2026-02-12  usage record kim minutes 25
2026-02-12  invoice run
2026-03-05  invoice run
2026-03-05  usage record lea minutes 3 --at 2026-02-20 --id late-2
2026-03-06  usage record nova minutes 108
2026-03-10  subscription cancel nova/pro --at now
2026-03-11  payment record INV-2026-00015 60
2026-03-12  credit-note create INV-2026-00001 --line 1=10 --to refund --reason goodwill
2026-03-12  credit-note create INV-2026-00003 --line 1=9 --reason outage
2026-03-13  credit-note create INV-2026-00004 --line 1=1 --reason rounding
2026-03-13  invoice write-off INV-2026-00017 --reason small
"""
"""Nova pays and leaves; lune pays late and is billed for the rest of February; ada never pays; zoe pays a year
and a month's usage; kim pays for use; max stays half a month; ivy's invoice is voided, tom's issued again; lea's
usage comes too late, so that she is on hold from then on. In the end nova pays 3.00 too much and gets 10.00 of the
first back, ada is credited 9.00 of what she owes, zoe 1.00 of what she paid, nova's last 1.00 is written off."""

TOTALS = {
    "INV-2026-00001": "57.00",  # nova: 49 and 2 seats above 3 at 4
    "INV-2026-00002": "49.00",  # lune
    "INV-2026-00003": "49.00",  # ada
    "INV-2026-00004": "490.00",  # zoe
    "INV-2026-00005": "15.00",  # max: 15 of January's 31 days, the 17th to the 31st, at 31
    "INV-2026-00006": "299.00",  # ivy, void
    "INV-2026-00007": "49.00",  # tom, void
    "INV-2026-00008": "49.00",  # lea
    "INV-2026-00009": "49.00",  # tom again
    "INV-2026-00010": "63.75",  # nova: 57; 130 + 200/10 - 100 = 50 minutes at 0.125; 1 call above 2, one package
    "INV-2026-00011": "1.20",  # zoe: 2 minutes above 10 at 0.10, 1 visitor above 1
    "INV-2026-00012": "49.00",  # tom
    "INV-2026-00013": "49.13",  # lea: 49 and 1 minute above 100, 0.125 rounded up
    "INV-2026-00014": "32.50",  # lune: 18 of February's 28 days at 49, and January's 8 minutes above 100
    "INV-2026-00015": "57.00",  # nova
    "INV-2026-00016": "3.00",  # kim: 25 minutes at 0.12
    "INV-2026-00017": "49.62",  # lea: 49; 6 minutes above 100 are 0.75 now, of which 0.13 were billed
    "INV-2026-00018": "1.00",  # nova's last: 8 minutes above 100 at 0.125
}


@pytest.fixture(scope="module")
def history(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The store with the history; copy it, never open it."""
    return played(tmp_path_factory.mktemp("history"), CATALOG, CUSTOMERS, HISTORY)


@pytest.fixture
def books(history: Path, tmp_path: Path) -> Path:
    """A copy of the store with the history, to be edited."""
    path = tmp_path / "books.db"
    stores.copy(history, path)
    return path


def test_the_history_is_the_one_that_is_meant(history: Path, tmp_path: Path) -> None:
    with open_store(stores.url(history)) as store, store.read() as tx:
        totals = {one.number: f"{one.total_minor / 100:.2f}" for one in invoices.listing(tx)}
    assert totals == TOTALS


def test_a_store_with_a_history_obeys_every_law(books: Path) -> None:
    assert violations(books) == []


def test_a_new_store_obeys_every_law(store: Store) -> None:
    with store.read() as tx:
        assert [violation for law in LAWS for violation in law.violations(tx)] == []


CLAIMED_AGAIN = (
    "INSERT INTO usage_claim SELECT subscription, feature, allowance_idx, 'again', revision, starts_at, ends_at,"
    " quantity, included, wallet, billed, over_limit, invoice, rolled, carried FROM usage_claim"
    f" WHERE feature = 'minutes' AND invoice = {numbered(10)}"
)


EDITS = (
    Edit(
        "a hold of nobody",
        "store-whole",
        "hold row 1 refers to a row of customer that does not exist",
        ["INSERT INTO hold VALUES (999, 'odd', '', 0)"],
    ),
    Edit(
        "an audit entry says another name",
        "audit-chain",
        "audit: audit entry 3 has been altered",
        ["UPDATE audit SET body = replace(body, 'nova', 'nova2') WHERE seq = 3"],
    ),
    Edit(
        "frozen terms are cheaper",
        "terms-unaltered",
        "altered: the text's hash is",
        ["""UPDATE terms SET document = replace(document, '"49"', '"48"')"""],
    ),
    Edit(
        "a plan is archived without a revision",
        "catalog-consistent",
        "catalog revision 1: it says otherwise of plans.pro than the catalog",
        ["UPDATE catalog_object SET archived = 1 WHERE address = 'plans.pro'"],
    ),
    Edit(
        "a plan is said to be at a version it never had",
        "catalog-consistent",
        "plans.pro: is at version 2, the newest kept is 1",
        ["UPDATE catalog_object SET version = 2 WHERE address = 'plans.pro'"],
    ),
    Edit(
        "a subscription is on another plan's terms",
        "catalog-consistent",
        "holds free version 1 on other terms, and none were negotiated",
        [
            "UPDATE subscription SET terms_hash = (SELECT terms_hash FROM plan_version WHERE plan = 'stub')"
            f" WHERE id = {of('ivy', 'free')}",
            f"UPDATE subscription SET settled_at = NULL, next_action_at = 0 WHERE id = {of('ivy', 'free')}",
        ],
    ),
    Edit(
        "a time zone that is none",
        "subscriptions-readable",
        "cannot be read",
        [f"UPDATE subscription SET timezone = 'Mars/Olympus' WHERE id = {of('kim', 'metered')}"],
    ),
    Edit(
        "a subscription is canceled without a transition",
        "statuses-follow",
        "it begins as canceled",
        [f"UPDATE subscription SET status = 'canceled' WHERE id = {of('kim', 'metered')}"],
    ),
    Edit(
        "a transition that the table does not have",
        "statuses-follow",
        "transition 1 from expired to active is none",
        [
            "UPDATE subscription_transition SET before = 'expired', after = 'active' WHERE seq = 1"
            f" AND subscription = {of('max', 'stub')}",
        ],
    ),
    Edit(
        "an invoice is past due before its time",
        "statuses-paid",
        "invoice INV-2026-00016: is past due and sub_",
        [f"UPDATE invoice SET status = 'past_due' WHERE id = {numbered(16)}"],
    ),
    Edit(
        "a late invoice is no longer late",
        "statuses-paid looked-at-in-time",
        "invoice INV-2026-00003: is unpaid since 2026-01-08T00:00:00Z and not past due",
        [
            f"UPDATE invoice SET status = 'open' WHERE id = {numbered(3)}",
            f"UPDATE subscription SET next_action_at = NULL WHERE id = {of('ada', 'pro')}",
        ],
    ),
    Edit(
        "an open blocked time of an active subscription",
        "blocks-open",
        "is active and has 1 open blocked times without service",
        [f"INSERT INTO blocked_span VALUES ({of('kim', 'metered')}, 1800000000000000, NULL, '', 'blocked')"],
    ),
    Edit(
        "a blocked time ended with a payment that never came",
        "blocks-open invoices-dated",
        "blocked from 2026-01-11T00:00:00Z is not rightly ended by pay_none",
        ["UPDATE blocked_span SET payment = 'pay_none' WHERE payment <> ''"],
    ),
    Edit(
        "a period begins a day later",
        "periods-tile",
        "period 1 has the days 2026-02-02 to 2026-03-01, not 2026-02-01 to 2026-03-01",
        [
            "UPDATE billing_period SET starts_on = '2026-02-02' WHERE idx = 1"
            f" AND subscription = {of('nova', 'pro')}",
        ],
    ),
    Edit(
        "a period ends a microsecond early",
        "periods-tile",
        "the next begins at 2026-02-01T00:00:00Z",
        [
            f"UPDATE billing_period SET ends_at = ends_at - 1 WHERE idx = 0 AND subscription = {of('nova', 'pro')}"
        ],
    ),
    Edit(
        "a period is gone",
        "periods-tile",
        "periods 0, 2 are stored, entered were 0 to 2",
        [f"DELETE FROM billing_period WHERE idx = 1 AND subscription = {of('nova', 'pro')}"],
    ),
    Edit(
        "a due fee has no outcome",
        "nothing-lost",
        "fee 1 fell due at 2026-02-01T00:00:00Z and has no invoice and no recorded reason",
        [f"DELETE FROM settlement WHERE part = 'fee' AND idx = 1 AND subscription = {of('ada', 'pro')}"],
    ),
    Edit(
        "an outcome is dated otherwise",
        "nothing-lost",
        "usage 0 fell due at 2026-02-01T00:00:00Z, recorded is 2026-02-01T00:00:00.000001Z",
        [
            f"UPDATE settlement SET due_at = due_at + 1 WHERE part = 'usage' AND idx = 0"
            f" AND subscription = {of('kim', 'metered')}"
        ],
    ),
    Edit(
        "an outcome of what never fell due",
        "nothing-lost",
        "fee 77 is settled and never fell due",
        [f"INSERT INTO settlement VALUES ({of('ada', 'pro')}, 'fee', 77, '', 0, 'blocked', 0, '', 1)"],
    ),
    Edit(
        "a run is told never to look again",
        "looked-at-in-time",
        "a run looks at it never, needed is 2026-03-12T00:00:00Z",
        [f"UPDATE subscription SET next_action_at = NULL WHERE id = {of('kim', 'metered')}"],
    ),
    Edit(
        "a paid fee is said to be void",
        "settlements-billed",
        "fee 0 is void and names invoice INV-2026-00001 (paid)",
        [f"UPDATE settlement SET outcome = 'void' WHERE part = 'fee' AND invoice = {numbered(1)}"],
    ),
    Edit(
        "what was billed is open again",
        "settlements-billed",
        "fee 0 is billed and still to be billed",
        [f"UPDATE settlement SET is_open = 1 WHERE part = 'fee' AND invoice = {numbered(1)}"],
    ),
    Edit(
        "what was reissued is open again",
        "settlements-billed looked-at-in-time",
        "fee 0 is reissue and still to be billed",
        ["UPDATE settlement SET is_open = 1 WHERE outcome = 'reissue'"],
    ),
    Edit(
        "what a block deferred is forgotten",
        "settlements-billed",
        "usage 0 is blocked and no longer to be billed",
        [
            f"UPDATE settlement SET is_open = 0 WHERE part = 'usage' AND idx = 0 AND subscription = {of('ada', 'pro')}"
        ],
    ),
    Edit(
        "a claim is on no invoice",
        "claims-settled",
        "the claim on minutes 0 is not on the invoice that settled it",
        [f"UPDATE usage_claim SET invoice = '' WHERE feature = 'minutes' AND invoice = {numbered(10)}"],
    ),
    Edit(
        "a claim is gone",
        "claims-settled",
        "usage 1 is settled and api_calls is not claimed",
        [f"DELETE FROM usage_claim WHERE feature = 'api_calls' AND invoice = {numbered(15)}"],
    ),
    Edit(
        "a claim is made beside what was settled",
        "claims-settled",
        "the claim on minutes 0 (again), revision 0 belongs to nothing that was settled",
        [CLAIMED_AGAIN],
    ),
    Edit(
        "a claim is made twice",
        "claims-settled claims-complete",
        "minutes 0 of sub_",
        [
            CLAIMED_AGAIN,
            "INSERT INTO settlement SELECT subscription, part, idx, 'again', revision, outcome, due_at, invoice,"
            f" is_open FROM settlement WHERE part = 'usage' AND invoice = {numbered(10)}",
        ],
    ),
    Edit(
        "billed usage is more than was billed",
        "claims-complete",
        "/usage 0: minutes: 150 were claimed, the events recorded give 151",
        ["UPDATE usage_event SET quantity = 131 WHERE quantity = 130"],
    ),
    Edit(
        "billed usage is gone",
        "claims-complete",
        "/usage 0: visitors: 2 were claimed, the events recorded give 1",
        [
            "DELETE FROM usage_event WHERE (day, customer, meter, event_key) IN (SELECT day, customer, meter,"
            """ event_key FROM usage_detail WHERE properties = '{"visitor_id":"b"}')""",
        ],
    ),
    Edit(
        "a late event is no longer marked as late, and was not billed",
        "claims-complete",
        "/usage 1: minutes: 0 were claimed, the events recorded give 3",
        ["DELETE FROM late_usage"],
    ),
    Edit(
        "late usage that was billed is more",
        "claims-complete",
        "/usage 0: minutes: 106 were claimed, the events recorded give 108",
        [
            "UPDATE usage_event SET quantity = 7 WHERE quantity = 5"
            " AND customer = (SELECT seq FROM customer WHERE id = 'lea')",
        ],
    ),
    Edit(
        "the claim of a difference is altered",
        "claims-complete",
        "/usage 0: minutes: 105 were claimed, the events recorded give 106",
        ["UPDATE usage_claim SET quantity = '4', billed = '4' WHERE occasion = 'late:1'"],
    ),
    Edit(
        "the claim of a difference is split otherwise",
        "invoices-rerate",
        "the claim on minutes 0 is split 101 + 0 + 5 + 0, the terms say 100 + 0 + 6 + 0",
        ["UPDATE usage_claim SET included = '1', billed = '4' WHERE occasion = 'late:1'"],
    ),
    Edit(
        "the line of a difference says another one",
        "invoices-rerate invoices-unaltered",
        "usage:minutes: 76 were charged in all, billed again it costs 75 (minor units)",
        [
            """UPDATE invoice_line SET detail = replace(detail, '"difference_minor":"62"',"""
            """ '"difference_minor":"63"') WHERE kind = 'late_usage'""",
        ],
    ),
    Edit(
        "a difference is claimed and was settled by nothing",
        "claims-settled claims-complete invoices-rerate",
        "the claim on minutes 0 (late:1), revision 0 belongs to nothing that was settled",
        ["DELETE FROM settlement WHERE occasion = 'late:1'"],
    ),
    Edit(
        "usage of a blocked time, not billed yet, is less",
        "events-unaltered",
        "usage of ada, minutes at 2026-01-09T00:00:00Z: altered",
        ["UPDATE usage_event SET quantity = 100 WHERE quantity = 116"],
    ),
    Edit(
        "an amount that no line explains",
        "invoices-sum",
        "invoice INV-2026-00001: the taxes it shows sum to 0, its tax is 5",
        [f"UPDATE invoice SET discount = 5, tax = 5 WHERE id = {numbered(1)}"],
    ),
    Edit(
        "a line says something else",
        "invoices-unaltered",
        "invoice INV-2026-00001: altered",
        [f"UPDATE invoice_line SET description = 'Gift' WHERE position = 1 AND invoice = {numbered(1)}"],
    ),
    Edit(
        "an invoice is due later",
        "invoices-dated",
        "invoice INV-2026-00001: it is due at 2026-01-08T00:00:00.000001Z, the terms say 2026-01-08T00:00:00Z",
        [f"UPDATE invoice SET due_at = due_at + 1 WHERE id = {numbered(1)}"],
    ),
    Edit(
        "a claim is split otherwise",
        "invoices-rerate",
        "the claim on minutes 0 is split 101 + 0 + 49 + 0, the terms say 100 + 0 + 50 + 0",
        [
            f"UPDATE usage_claim SET included = '101', billed = '49' WHERE feature = 'minutes'"
            f" AND invoice = {numbered(10)}",
        ],
    ),
    Edit(
        "a number is left out",
        "numbers-consecutive",
        "series INV of 2026: 19 numbers were taken, 18 are in use",
        ["UPDATE number_series SET next = next + 1"],
    ),
    Edit(
        "a number is written otherwise",
        "numbers-consecutive",
        "invoice INV-2026-00003a: is number 3 of INV 2026, and no format that was ever set writes it so",
        [f"UPDATE invoice SET number = number || 'a' WHERE id = {numbered(3)}"],
    ),
    Edit(
        "an invoice was paid at another time",
        "payments-counted",
        "invoice INV-2026-00001: is paid since 2026-01-03T00:00:00.000001Z, when nothing was received",
        [f"UPDATE invoice SET paid_at = paid_at + 1 WHERE id = {numbered(1)}"],
    ),
    Edit(
        "less was received",
        "payments-counted trial-balance",
        "invoice INV-2026-00001: says that 5700 are paid, 5699 were received",
        [f"UPDATE payment SET amount = amount - 1 WHERE invoice = {numbered(1)}"],
    ),
    Edit(
        "another currency was received",
        "payments-counted trial-balance",
        "customer nova: invoiced 17875 USD (minor units), credited 1000, received 12375, refunded 1000, owed 100,"
        " opened with 0, in the balance 300: 5700 are left over",
        [f"UPDATE payment SET currency = 'EUR' WHERE invoice = {numbered(1)}"],
    ),
    Edit(
        "somebody else paid",
        "payments-counted trial-balance",
        "customer lune: invoiced 8150 USD",
        [
            "UPDATE payment SET customer = (SELECT seq FROM customer WHERE id = 'lune')"
            f" WHERE invoice = {numbered(1)}",
        ],
    ),
    Edit(
        "a balance begins in the middle",
        "balances-add-up",
        "balance fay/USD: entry 1 is missing: the next one is 2",
        [
            "INSERT INTO balance_entry VALUES"
            " ((SELECT seq FROM customer WHERE id = 'fay'), 'USD', 2, 'opening:x', 5, 5, 0, '')"
        ],
    ),
    Edit(
        "a balance came from nowhere",
        "trial-balance",
        "customer fay: invoiced 0 USD (minor units), credited 0, received 0, refunded 0, owed 0, opened with 0,"
        " in the balance 5: 5 are left over",
        [
            "INSERT INTO balance_entry VALUES"
            " ((SELECT seq FROM customer WHERE id = 'fay'), 'USD', 1, 'x', 5, 5, 0, '')"
        ],
    ),
    Edit(
        "more was given back than came",
        "payments-counted trial-balance credits-add-up",
        "gave back 6000 of 5700 (minor units)",
        ["UPDATE refund SET amount = 6000"],
    ),
    Edit(
        "an overpayment did not enter the balance",
        "payments-counted",
        "put 299 into the balance, 300 entered it (minor units)",
        ["UPDATE payment SET to_balance = 299 WHERE to_balance = 300"],
    ),
    Edit(
        "a payment is said to be given back",
        "payments-counted",
        "is refunded, and 0 of 4900 were given back",
        [f"UPDATE payment SET status = 'refunded' WHERE invoice = {numbered(2)}"],
    ),
    Edit(
        "an invoice is written off on no day",
        "payments-counted",
        "invoice INV-2026-00017: is uncollectible, which its payments and dates do not say",
        [f"UPDATE invoice SET written_off_at = NULL WHERE id = {numbered(17)}"],
    ),
    Edit(
        "a credit note stands on an invoice of another customer",
        "credits-add-up",
        "credit note CN-2026-00003: credits no invoice of its customer and currency",
        [f"UPDATE credit_note SET invoice = {numbered(12)} WHERE number = 'CN-2026-00003'"],
    ),
    Edit(
        "a credit note takes back more than its line charged",
        "credits-add-up credits-within-charges trial-balance",
        "invoice INV-2026-00003: line 1 is credited with 5000 of 4900 (minor units)",
        [
            "UPDATE credit_note SET total = 5000, lines = replace(lines, '\"900\"', '\"5000\"')"
            " WHERE number = 'CN-2026-00002'"
        ],
    ),
    Edit(
        "a credit note is missing from its series",
        "numbers-consecutive",
        "series CN of 2026: ",
        [
            "UPDATE credit_note SET sequence = 9, number = 'CN-2026-00009' WHERE number = 'CN-2026-00003'",
        ],
    ),
    Edit(
        "a credit note has a number of its own making",
        "credits-add-up",
        "credit note CN3: is number 3 of CN, and no format that was ever set writes it so",
        ["UPDATE credit_note SET number = 'CN3' WHERE number = 'CN-2026-00003'"],
    ),
    Edit(
        "money went back for a note that went to the balance",
        "credits-add-up",
        "credit note CN-2026-00001: gave back 1000 of 1000 to balance",
        ["UPDATE credit_note SET target = 'balance' WHERE number = 'CN-2026-00001'"],
    ),
    Edit(
        "a wallet does not add up, and nothing was ever granted",
        "wallets-add-up grants-hold",
        "wallet fay/minutes: entry 2: 10 and -2.5 are not 8",
        [
            "INSERT INTO wallet_entry SELECT seq, 'minutes', 1, 'a', '', '', '10', '10', 0 FROM customer"
            " WHERE id = 'fay'",
            "INSERT INTO wallet_entry SELECT seq, 'minutes', 2, 'b', '', '', '-2.5', '8', 0 FROM customer"
            " WHERE id = 'fay'",
        ],
    ),
)


@pytest.mark.parametrize(
    "edit",
    # PostgreSQL looks at references by itself, whatever its administrator let pass before.
    [pytest.param(one, marks=[pytest.mark.sqlite_only] * (one.laws == "store-whole")) for one in EDITS],
    ids=lambda edit: edit.what.replace(" ", "-"),
)
def test_an_edit_is_found_by_the_law_that_it_breaks_and_by_no_other(books: Path, edit: Edit) -> None:
    edited(books, *edit.statements)
    found = violations(books)
    assert {one.law for one in found} == set(edit.laws.split()), [*map(str, found)]
    assert any(edit.says in str(one) for one in found), [*map(str, found)]


@pytest.mark.sqlite_only
def test_a_file_that_others_may_read_is_found(books: Path) -> None:
    books.chmod(0o644)
    (found,) = violations(books)
    assert found.law == "store-whole"
    assert "chmod 600" in found.what


def test_a_line_dearer_than_its_terms_is_found_though_everything_was_made_to_fit(books: Path) -> None:
    edited(
        books,
        f"UPDATE invoice_line SET amount = amount + 100 WHERE invoice = {numbered(16)}",
        f"UPDATE invoice SET subtotal = subtotal + 100, total = total + 100 WHERE id = {numbered(16)}",
    )
    with open_store(stores.url(books)) as store, store.read() as tx:
        forged = content_hash(invoices.invoice(tx, "INV-2026-00016").draft)
    edited(books, f"UPDATE invoice SET content_hash = '{forged}' WHERE id = {numbered(16)}")
    (found,) = violations(books)
    assert found == Violation(
        "invoices-rerate",
        "invoice INV-2026-00016",
        "its line usage:minutes 1 has the amount 400, billed again 300",
    )


def without_unique(connection: stores.Raw, table: str, name: str) -> None:
    """Take one of a table's unique keys away; on SQLite the table is made anew for that."""
    if stores.ON_POSTGRES:
        connection.execute(f"ALTER TABLE {table} DROP CONSTRAINT {name}")
        return
    (sql,) = connection.execute("SELECT sql FROM sqlite_schema WHERE name = ?", (table,)).fetchone()
    bare, removed = re.subn(rf",\s*CONSTRAINT {name} UNIQUE \([^)]*\)", "", sql)
    assert removed == 1
    connection.execute(bare.replace(f"CREATE TABLE {table}", f"CREATE TABLE {table}_bare", 1))
    connection.execute(f"INSERT INTO {table}_bare SELECT * FROM {table}")
    connection.execute(f"DROP TABLE {table}")
    connection.execute(f"ALTER TABLE {table}_bare RENAME TO {table}")


def test_a_charge_on_two_lines_is_found_though_the_unique_key_is_gone(books: Path) -> None:
    with stores.unguarded(books) as connection:
        without_unique(connection, "invoice_line", "line_once")
        connection.execute("UPDATE invoice_line SET revision = 0 WHERE revision = 1")
    found = violations(books)
    assert {one.law for one in found} == {"lines-once", "schema-as-made"}
    assert any("fee 0, revision 0 is on 2 lines" in one.what for one in found)


def test_two_invoices_for_one_period_are_found_though_the_unique_key_is_gone(books: Path) -> None:
    with stores.unguarded(books) as connection:
        without_unique(connection, "invoice", "invoice_once")
        connection.execute("UPDATE invoice SET revision = 0 WHERE revision = 1")
    found = violations(books)
    # The revision is part of an invoice's content, and its lines still carry the other one.
    assert {one.law for one in found} == {
        "invoices-once",
        "invoices-unaltered",
        "lines-once",
        "schema-as-made",
    }
    assert any("for the renewal of period 0, revision 0" in one.what for one in found)


UNGUARDED = {
    ("invoice", "seller"),  # as they were when it was issued: nothing in the store says what that was
    ("invoice", "buyer"),
    ("invoice", "tzdata"),
    ("invoice", "written_off_at"),  # one that was paid may have been written off before, or not
    ("invoice", "written_off_at"),  # what is paid may have been written off before
    ("payment", "id"),  # named by nothing, unless it ended a block
    ("payment", "method"),  # what was said of it moves no money
    ("payment", "reference"),
    ("payment", "recorded_at"),
    ("refund", "id"),
    ("refund", "at"),
    ("refund", "method"),
    ("refund", "reference"),
    ("refund", "recorded_at"),
    ("credit_note", "occasion"),
    ("credit_note", "issued_at"),
    ("credit_note", "reason"),
    ("balance_entry", "at"),
    ("usage_event", "event_key"),  # the id under which it came, not what it says
    ("usage_event", "batch"),
}
"""Columns whose edit no law can see, and why."""

ROWS = {
    "invoice": f"id = {numbered(10)}",
    "invoice_line": f"invoice = {numbered(10)} AND position = 1",
    "payment": f"invoice = {numbered(10)}",
    "refund": "amount = 1000",
    "credit_note": "number = 'CN-2026-00001'",
    "balance_entry": "key LIKE 'paid_out:%'",
    "settlement": f"invoice = {numbered(10)} AND part = 'usage'",
    "usage_claim": f"invoice = {numbered(10)} AND feature = 'minutes'",
    "billing_period": f"subscription = {of('nova', 'pro')} AND idx = 1",
    "number_series": "series = 'INV'",
    "usage_event": "quantity = 116",
}
"""The tables that money is in, and the row of each that is edited: nova's invoice of February and what
made it; of usage, what is not billed yet."""


@pytest.mark.parametrize("table", ROWS)
def test_an_edit_of_any_column_of_a_money_table_is_found(books: Path, table: str) -> None:
    missed = {(table, column) for column in unnoticed(books, table, ROWS[table])}
    assert missed == {place for place in UNGUARDED if place[0] == table}


def test_a_law_that_meets_damage_says_so_and_the_others_go_on(store: Store) -> None:
    def damaged(_: object) -> Iterator[Breach]:
        yield Breach("first", "is wrong")
        raise ValueError("row 7 is no row")

    law = Law("odd", "nothing is odd", damaged)
    with store.read() as tx:
        assert [*map(str, law.violations(tx))] == [
            "first: is wrong",
            "store: cannot be checked further: row 7 is no row",
        ]


def test_laws_have_ids_of_their_own() -> None:
    ids = [law.id for law in LAWS]
    assert len(ids) == len(set(ids))
    assert all(re.fullmatch(r"[a-z]+(-[a-z]+)+", one) for one in ids)
