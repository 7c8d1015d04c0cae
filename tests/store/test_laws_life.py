"""The laws of subscriptions' lives: trials, changes, pauses, ends, moved dates; and what an edit of them breaks.

The history is made by the commands themselves; the edits are raw SQL in a copy of the file.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from planctl.store import invoices
from planctl.store.credit_notes import credit_notes
from planctl.store.engine import open_store
from tests import stores
from tests.store.lawbooks import Edit, numbered, of, played, unnoticed, violations
from tests.stores import edited

CATALOG = """\
format: planctl.catalog/1
catalog: lives
currencies: {USD: }
defaults: {due: 7 days, grace: 10 days}
features:
  minutes: {type: metered, unit: minute}
groups:
  main: {order: [free, a, b, c]}
  sales: {order: [hunter, closer]}
plans:
  free: {group: main, price: free, auto_enable: true, features: {minutes: 5}}
  a:
    group: main
    price: {month: {USD: 30}}
    features: {minutes: {included: 100, beyond: {charge: usage, each: {USD: 0.10}}}}
  b: {like: a, price: {month: {USD: 60}}}
  c: {like: a, price: {month: {USD: 90}}, trial: 14 days}
  hunter: {group: sales, price: {month: {USD: 31}}, expires: 2 months}
  closer: {group: sales, price: {month: {USD: 62}}, renewal_anchor: shift}
  strict: {group: sales, price: {month: {USD: 31}}, on_blocked: final}
"""

CUSTOMERS = ("tia", "tom", "una", "ute", "pam", "pit", "eva", "sam", "fin", "bea")
HISTORY = """\
2026-04-01  customer update tia --payment-method invoice
2026-04-01  subscribe tia c
2026-04-01  subscribe tom c
2026-04-01  subscribe una a
2026-04-01  subscribe ute b
2026-04-01  subscribe pam a
2026-04-01  subscribe pit a
2026-04-01  subscribe eva hunter
2026-04-01  subscribe sam closer
2026-04-01  subscribe fin strict
2026-04-01  subscribe bea a
2026-04-02  payment record INV-2026-00001
2026-04-02  payment record INV-2026-00002
2026-04-02  payment record INV-2026-00003
2026-04-02  payment record INV-2026-00004
2026-04-03  usage record una minutes 80
2026-04-05  subscription extend eva/hunter --due 5 --reason holidays
2026-04-06  subscribe ute a
2026-04-10T09:00:00Z  subscribe una b
2026-04-10T17:00:00Z  subscribe una c --no-trial
2026-04-11  subscription pause pam/a
2026-04-11  usage record una minutes 60
2026-04-12  payment record INV-2026-00005
2026-04-16  invoice run
2026-04-16  subscription resume pam/a
2026-04-20  subscription pause pit/a
2026-04-07  payment record INV-2026-00008
2026-04-25  payment record INV-2026-00006
2026-04-25  payment record INV-2026-00007
2026-05-01  invoice run
2026-05-01  subscribe bea b
2026-06-02  invoice run
"""
"""Tia's trial goes on, tom's ends; una goes up twice in a day; ute goes down in May; pam pauses for five days and pit
for good; eva pays later and expires in June; sam pays when he is blocked, and begins a new period that day; fin pays
when he is blocked for good. Bea goes up at the very instant at which a run has billed her May."""


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


def test_a_store_with_many_lives_obeys_every_law(books: Path) -> None:
    assert violations(books) == []


TOTALS = {
    "INV-2026-00001": "30.00",  # una: a
    "INV-2026-00002": "60.00",  # ute: b
    "INV-2026-00003": "30.00",  # pam: a
    "INV-2026-00004": "30.00",  # pit: a
    "INV-2026-00005": "31.00",  # eva: hunter
    "INV-2026-00006": "62.00",  # sam: closer
    "INV-2026-00007": "31.00",  # fin: strict
    "INV-2026-00008": "30.00",  # bea: a
    "INV-2026-00009": "21.00",  # una, to b for 21 of 30 days: 42.00 less 21.00 of a
    "INV-2026-00010": "21.00",  # una, to c: 63.00 less b's 42.00; 40 minutes above wait for the block's end
    "INV-2026-00011": "90.00",  # tia: c from the end of the trial on
    "INV-2026-00012": "15.00",  # pam from the 16th: 15 of 30 days
    "INV-2026-00013": "30.00",  # ute: a from May on
    "INV-2026-00014": "30.00",  # pam
    "INV-2026-00015": "31.00",  # eva
    "INV-2026-00016": "62.00",  # sam: closer from the day on which he paid
    "INV-2026-00017": "30.00",  # bea: May of a, which the run billed
    "INV-2026-00018": "30.00",  # and b instead: 60.00 less 30.00, all of May
}
NOTES = [
    ("INV-2026-00003", "20.00"),  # pam: 20 of 30 days are paused from the 11th on
    ("INV-2026-00004", "11.00"),  # pit: 11 of 30 days
    ("INV-2026-00006", "12.40"),  # sam: 6 of 30 days of 62.00, which the new period takes the place of
]


def test_the_history_is_the_one_that_is_meant(history: Path) -> None:
    with open_store(stores.url(history)) as store, store.read() as tx:
        bills = invoices.listing(tx)
        notes = credit_notes(tx)
    assert {one.number: f"{one.total_minor / 100:.2f}" for one in bills} == TOTALS
    numbers = {one.id: one.number for one in bills}
    found = [(numbers[one.draft.invoice], f"{one.draft.total_minor / 100:.2f}") for one in notes]
    assert sorted(found) == NOTES


PAUSE = "kind = 'paused' AND ends_at IS NOT NULL"
A_DAY = 86_400_000_000

EDITS = (
    Edit(
        "a plan goes on beside the one that took its place",
        "groups-exclusive nothing-lost claims-settled claims-complete",
        "runs to no end",
        [f"UPDATE subscription SET ends_at = NULL, end_reason = '' WHERE id = {of('una', 'a')}"],
    ),
    Edit(
        "a change follows nothing",
        "groups-exclusive dates-follow invoices-rerate",
        "was changed, and nothing follows it",
        [f"UPDATE subscription SET follows = '' WHERE id = {of('una', 'c')}"],
    ),
    Edit(
        "a trial is longer",
        "dates-follow",
        "its trial ends at 2026-04-16T00:00:00Z, and no paid period begins then",
        [f"UPDATE subscription SET trial_ends_at = trial_ends_at + {A_DAY} WHERE id = {of('tia', 'c')}"],
    ),
    Edit(
        "a trial is forgotten",
        "trials-once",
        "in group:main is not recorded",
        ["DELETE FROM trial_use WHERE who = 'tom'"],
    ),
    Edit(
        "a trial is recorded of a plan that had none",
        "trials-once",
        "which had none",
        [f"UPDATE trial_use SET subscription = {of('una', 'a')} WHERE who = 'tom'"],
    ),
    Edit(
        "terms run out an hour later",
        "dates-follow",
        "its terms say 2026-06-01T00:00:00Z or whole days later",
        [f"UPDATE subscription SET expires_at = expires_at + 3600000000 WHERE id = {of('eva', 'hunter')}"],
    ),
    Edit(
        "a payment shifted nothing",
        "periods-tile nothing-lost invoices-dated invoices-rerate",
        "period 0 is stored as 2026-04-01T00:00:00Z to 2026-04-25T00:00:00Z",
        [f"UPDATE subscription SET anchors = '[]' WHERE id = {of('sam', 'closer')}"],
    ),
    Edit(
        "a pause is said to be a block",
        "blocks-open invoices-rerate",
        "blocked from 2026-04-11T00:00:00Z without a transition",
        [f"UPDATE blocked_span SET kind = 'blocked' WHERE {PAUSE}"],
    ),
    Edit(
        "a pause ended a day earlier",
        "blocks-open invoices-dated invoices-rerate",
        "paused from 2026-04-11T00:00:00Z is not rightly ended by resume:1",
        [f"UPDATE blocked_span SET ends_at = ends_at - {A_DAY} WHERE {PAUSE}"],
    ),
    Edit(
        "a due date was moved by some hours",
        "invoices-dated",
        "its due date was moved from 2026-04-08T00:00:00Z to 2026-04-13T03:00:00Z, which is no number of days later",
        [f"UPDATE invoice SET extended_due_at = extended_due_at + 10800000000 WHERE id = {numbered(5)}"],
    ),
    Edit(
        "an invoice is due later and was past due before",
        "statuses-paid",
        "sub_",
        [
            f"UPDATE invoice SET extended_due_at = due_at + {90 * A_DAY}, status = 'open' WHERE id = {numbered(11)}"
        ],
    ),
    Edit(
        "a fee is billed with a plan that has nothing to do with it",
        "settlements-billed invoices-rerate",
        "fee 0 is billed and names invoice INV-2026-00009 (past_due)",
        [
            f"UPDATE settlement SET invoice = {numbered(9)} WHERE part = 'fee' AND idx = 0"
            f" AND subscription = {of('bea', 'a')}",
        ],
    ),
    Edit(
        "less is given back for unused time",
        "invoices-rerate invoices-sum invoices-unaltered",
        "its credit of fee 0 has the amount -2000, billed again -2100",
        [f"UPDATE invoice_line SET amount = -2000 WHERE amount = -2100 AND invoice = {numbered(9)}"],
    ),
    Edit(
        "nothing is given back for unused time",
        "invoices-rerate invoices-sum invoices-unaltered",
        "keeps 4200 though it was changed at",
        [f"DELETE FROM invoice_line WHERE amount < 0 AND invoice = {numbered(10)}"],
    ),
    Edit(
        "more is given back than was charged",
        "credits-within-charges invoices-rerate invoices-sum invoices-unaltered",
        "fee 0 of sub_",
        [f"UPDATE invoice_line SET amount = -4300 WHERE amount = -4200 AND invoice = {numbered(10)}"],
    ),
)


@pytest.mark.parametrize("edit", EDITS, ids=lambda edit: edit.what.replace(" ", "-"))
def test_an_edit_is_found_by_the_law_that_it_breaks_and_by_no_other(books: Path, edit: Edit) -> None:
    edited(books, *edit.statements)
    found = violations(books)
    assert {one.law for one in found} == set(edit.laws.split()), [*map(str, found)]
    assert any(edit.says in str(one) for one in found), [*map(str, found)]


UNGUARDED = {
    ("subscription", "settled_at"),  # seen as soon as something falls due between both instants
    ("subscription", "usage_from"),
    ("subscription", "pools_from"),
    ("subscription", "catalog_revision"),  # what is said of the start, not what is billed
    ("subscription", "created_at"),
    ("subscription", "next_action_at"),  # of one that has ended and waits for nothing
    ("subscription", "locked"),  # keeps migrations away: neither money nor access
    ("invoice", "seller"),  # as in the money tables
    ("invoice", "buyer"),
    ("invoice", "tzdata"),
    ("invoice", "written_off_at"),
}
"""Columns whose edit no law can see, and why."""

ROWS = {
    "a plan after its trial": ("subscription", f"id = {of('tia', 'c')}"),
    "a plan that was changed": ("subscription", f"id = {of('una', 'b')}"),
    "a plan that expired": ("subscription", f"id = {of('eva', 'hunter')}"),
    "a plan that was shifted": ("subscription", f"id = {of('sam', 'closer')}"),
    "a pause": ("blocked_span", PAUSE),
    "a block": ("blocked_span", "payment LIKE 'pay%'"),
    "a trial": ("trial_use", "who = 'tia'"),
    "an invoice that is due later": ("invoice", f"id = {numbered(5)}"),
    "a period that was cut": ("billing_period", f"idx = 0 AND subscription = {of('sam', 'closer')}"),
}


@pytest.mark.parametrize("row", ROWS)
def test_an_edit_of_any_column_on_which_access_depends_is_found(books: Path, row: str) -> None:
    table, where = ROWS[row]
    missed = {(table, column) for column in unnoticed(books, table, where)}
    assert missed <= UNGUARDED
