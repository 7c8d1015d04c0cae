"""The laws of Stripe: a store that pushed, was paid and opened pages obeys them, and an edit breaks the one it should.

The rows of Stripe are laid down as the journeys leave them, so that nothing but the laws is tried here.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from tests import stores
from tests.store.lawbooks import Edit, numbered, played, violations
from tests.stores import edited

CATALOG = """\
format: planctl.catalog/1
catalog: shop
currencies: {USD: }
plans:
  pro: {price: {month: {USD: 30}}}
"""

HISTORY = """\
2026-01-01  subscribe nova pro
2026-01-01  subscribe orion pro
2026-01-02  payment record INV-2026-00001 --method card --reference pi_1
2026-01-02  payment record INV-2026-00002 --method card --reference pi_2
2026-01-03  payment refund {disputed} --method chargeback --reason disputed
2026-01-05  payment record INV-2026-00002 --method card --reference pi_2"""
"""nova pays; what orion paid was disputed, and won back. What took it is laid down afterwards: nobody may type it."""

ACCOUNT = "acct_1Laws"

CALLS = (
    # id, object, local id, action, revision, method, path, links, stripe id
    ("op_1", "product", "pro", "create", 1, "POST", "/v1/products", 1, "prod_1"),
    ("op_2", "product", "pro", "update", 1, "POST", "/v1/products/prod_1", 0, "prod_1"),
    ("op_3", "invoice", numbered(1), "create", 1, "POST", "/v1/invoices", 1, "in_0"),
    ("op_4", "invoice", numbered(1), "delete", 1, "DELETE", "/v1/invoices/in_0", 0, "in_0"),
    ("op_5", "invoice", numbered(1), "create", 2, "POST", "/v1/invoices", 1, "in_1"),
    ("op_6", "price", "pro/month", "create", 1, "POST", "/v1/prices", 1, "price_1"),
    ("op_7", "price", "pro/month", "create", 2, "POST", "/v1/prices", 1, "price_2"),
    ("op_8", "customer", "gone", "create", 1, "POST", "/v1/customers", 1, "cus_9"),
    ("op_9", "refund", "ref_1", "create", 1, "POST", "/v1/refunds", 1, "re_1"),
)
"""A first draft that did not compare and was deleted; a price that was replaced; a customer deleted at Stripe."""

LINKS = (
    ("product", "pro", "prod_1"),
    ("invoice", numbered(1), "in_1"),
    ("price", "pro/month", "price_2"),
    ("refund", "ref_1", "re_1"),
)

NOTHING = "''::bytea" if stores.ON_POSTGRES else "x''"

PAGES = (
    ("cs_1", "nova", 3000, "completed", "(SELECT id FROM subscription WHERE customer = {customer})"),
    ("cs_2", "orion", 1200, "credited", "''"),
    ("cs_3", "orion", 3000, "expired", "''"),
)


@pytest.fixture(scope="session")
def played_books(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The store with its history and what Stripe made of it."""
    folder = tmp_path_factory.mktemp("stripe-laws")
    before, _, after = HISTORY.partition("2026-01-03")
    path = played(folder, CATALOG, ["nova", "orion"], before.strip())
    with stores.unguarded(path) as connection:
        [[disputed]] = connection.execute("SELECT id FROM payment WHERE reference = 'pi_2'").fetchall()
    _play(path, f"2026-01-03{after}".format(disputed=disputed))
    edited(path, "UPDATE payment SET method = 'stripe'")
    with stores.unguarded(path) as connection:
        connection.execute(f"INSERT INTO stripe_account VALUES (1, '{ACCOUNT}', 0, 'rk', 'US', '', 0, 1)")
        for one in CALLS:
            connection.execute(call(*one))
        for kind, local_id, stripe_id in LINKS:
            connection.execute(
                f"INSERT INTO stripe_link VALUES ('{ACCOUNT}', '{kind}', {quoted(local_id)}, '{stripe_id}', '', '{{}}')"
            )
        for session, customer, amount, state, subscription in PAGES:
            seq = f"(SELECT seq FROM customer WHERE id = '{customer}')"
            connection.execute(
                f"INSERT INTO stripe_checkout VALUES ('{session}', {seq}, 'pro', '{{}}', '{{}}', {amount}, 'USD', 2,"
                f" 'https://x', '{state}', 1, 2, {subscription.format(customer=seq)}, '')"
            )
        connection.execute(
            "INSERT INTO balance_entry (customer, currency, seq, amount, balance, key, invoice, at)"
            " SELECT seq, 'USD', 1, 1200, 1200, 'checkout:cs_2', '', 1 FROM customer WHERE id = 'orion'"
        )
    return path


def _play(path: Path, history: str) -> None:
    import shlex

    from planctl.__main__ import main

    for line in history.splitlines():
        at, command = line.split("  ")
        words = ["--store", stores.url(path), "--as-of", at, "--yes", "--quiet", *shlex.split(command)]
        assert main(words) == 0, line


def quoted(local_id: str) -> str:
    """A local id as SQL: a subquery stays one."""
    return local_id if local_id.startswith("(") else f"'{local_id}'"


def call(
    operation: str,
    kind: str,
    local_id: str,
    action: str,
    revision: int,
    method: str,
    path: str,
    links: int,
    stripe_id: str,
) -> str:
    """A call that was done, as SQL."""
    return (
        "INSERT INTO stripe_operation (id, account, livemode, object, local_id, action, revision, idempotency_key,"
        " method, path, body, links, repeatable, digest, state, made_at, first_sent_at, tries, stripe_id,"
        f" request_id, note) VALUES ('{operation}', '{ACCOUNT}', 0, '{kind}', {quoted(local_id)}, '{action}',"
        f" {revision}, 'key-{operation}', '{method}', '{path}', {NOTHING}, {links}, 0, '', 'confirmed', 1, 2, 1,"
        f" '{stripe_id}', '', '')"
    )


@pytest.fixture
def books(played_books: Path, tmp_path: Path) -> Path:
    """A copy to edit."""
    copy = tmp_path / "books.db"
    stores.copy(played_books, copy)
    return copy


def test_a_store_that_pushed_and_was_paid_obeys_every_law(books: Path) -> None:
    assert violations(books) == []


SECOND = ("op_10", "invoice", numbered(1), "create", 3, "POST", "/v1/invoices", 1, "in_2")

EDITS = (
    Edit(
        "a call that was done names no object",
        "stripe-calls",
        "it is confirmed and names no object at Stripe",
        ["UPDATE stripe_operation SET stripe_id = '' WHERE id = 'op_2'"],
    ),
    Edit(
        "what was made stands for nothing",
        "stripe-calls",
        "it made in_1, which stands for nothing here",
        ["DELETE FROM stripe_link WHERE object = 'invoice'"],
    ),
    Edit(
        "a call is on its way and has no time of sending",
        "stripe-calls",
        "call op_6: it is sent, and nothing says when",
        ["UPDATE stripe_operation SET first_sent_at = NULL, state = 'sent' WHERE id = 'op_6'"],
    ),
    Edit(
        "a call is of another account",
        "stripe-calls",
        "account acct_2: this store is not pinned to it",
        ["UPDATE stripe_operation SET account = 'acct_2' WHERE id = 'op_2'"],
    ),
    Edit(
        "a call is of the other mode",
        "stripe-calls",
        "or to that mode of it",
        ["UPDATE stripe_operation SET livemode = 1 WHERE id = 'op_2'"],
    ),
    Edit(
        "a link is of another account",
        "stripe-calls",
        "account acct_3: this store is not pinned to it",
        ["INSERT INTO stripe_link VALUES ('acct_3', 'product', 'x', 'prod_x', '', '{}')"],
    ),
    Edit(
        "two calls made one object",
        "stripe-once",
        "object price_2 at Stripe: 2 calls say that they made it",
        ["UPDATE stripe_operation SET stripe_id = 'price_2' WHERE id = 'op_6'"],
    ),
    Edit(
        "an invoice is there twice",
        "stripe-once",
        ": 2 of it are alive at Stripe",
        [call(*SECOND)],
    ),
    Edit(
        "the draft that was deleted is alive",
        "stripe-once",
        ": 2 of it are alive at Stripe",
        ["DELETE FROM stripe_operation WHERE id = 'op_4'"],
    ),
    Edit(
        "a refund was asked for twice",
        "stripe-once",
        "refund ref_1: 2 of it are alive at Stripe",
        [call("op_11", "refund", "ref_1", "create", 2, "POST", "/v1/refunds", 1, "re_2")],
    ),
    Edit(
        "a payment names no payment at Stripe",
        "stripe-payments",
        "Stripe took it, and it names no payment there",
        ["UPDATE payment SET reference = '' WHERE reference = 'pi_1'"],
    ),
    Edit(
        "what was disputed pays its invoice again without having gone back",
        "stripe-payments",
        "invoice INV-2026-00002: pi_2 took 3000, and 6000 of it are kept",
        ["UPDATE refund SET credit_note = 'cn_1'"],
    ),
    Edit(
        "a completed page started nothing",
        "stripe-pages",
        "page cs_1: it is completed, and sub_none is no plan of its customer",
        ["UPDATE stripe_checkout SET subscription = 'sub_none' WHERE session = 'cs_1'"],
    ),
    Edit(
        "a completed page is another customer's",
        "stripe-pages",
        "page cs_1: it is completed, and sub_",
        [
            "UPDATE stripe_checkout SET customer = (SELECT seq FROM customer WHERE id = 'orion') WHERE session = 'cs_1'"
        ],
    ),
    Edit(
        "the money of a page is in no balance",
        "stripe-pages",
        "page cs_9: 1200 USD were credited, and the balance has no entry of it",
        ["UPDATE stripe_checkout SET session = 'cs_9' WHERE session = 'cs_2'"],
    ),
    Edit(
        "the money of a page that nobody paid is in the balance",
        "stripe-pages",
        "balance of orion: checkout:cs_2: 1200 USD of no credited page",
        ["UPDATE stripe_checkout SET state = 'expired' WHERE session = 'cs_2'"],
    ),
)


@pytest.mark.parametrize("edit", EDITS, ids=lambda edit: edit.what.replace(" ", "-"))
def test_an_edit_is_found_by_the_law_that_it_breaks(books: Path, edit: Edit) -> None:
    edited(books, *edit.statements)
    found = [one for one in violations(books) if one.law.startswith("stripe-")]
    assert {one.law for one in found} == {edit.laws}, [*map(str, found)]
    assert any(edit.says in str(one) for one in found), [*map(str, found)]
