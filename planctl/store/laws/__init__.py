"""Every law that a store must obey, each one function that names where it does not. Nothing is repaired.

The rows are streamed, or read in pages of customers about which all laws are asked at once: a large store is
checked in little memory, and each row is read once. What is right is known by `planctl.core.laws`.
Source: planctl billing rules, laws.
"""

from __future__ import annotations

from planctl.store.laws import (
    billing,
    catalog,
    events,
    invoices,
    ledgers,
    life,
    rows,
    schema,
    statuses,
    stripe,
    usage,
    wallets,
    waves,
    whole,
)
from planctl.store.laws.model import Law, Violation, violations

__all__ = ["LAWS", "Law", "Violation", "violations"]

LAWS: tuple[Law, ...] = (
    Law("store-whole", "the database is whole and nobody else may read it", whole.whole),
    Law(
        "schema-as-made",
        "tables, indexes, triggers and constraints are those that planctl makes",
        schema.as_made,
    ),
    Law("audit-chain", "no audit entry was changed or taken out", whole.chained),
    Law("audit-objects", "every audit entry names the rows that it changed", rows.named),
    Law(
        "rows-as-audited",
        "what people set by hand is as the last audit entry about it left it, and nothing else is there",
        rows.as_audited,
    ),
    Law("terms-unaltered", "every frozen text of terms has the hash it is kept under", catalog.unaltered),
    Law("catalog-consistent", "catalog, plan versions and revisions say the same", catalog.consistent),
    Law(
        "subscriptions-readable",
        "every subscription can be read on its frozen terms",
        of_page=catalog.readable,
    ),
    Law(
        "statuses-follow", "every status follows from the transitions, each of them possible", statuses.follow
    ),
    Law("statuses-paid", "who owes nothing overdue is active, who does is not", statuses.paid),
    Law(
        "blocks-open",
        "one open time without service while blocked or paused, none otherwise",
        statuses.blocks,
    ),
    Law(
        "groups-exclusive",
        "of an exclusive group one plan runs at a time, each after the other",
        of_page=life.turns,
    ),
    Law("dates-follow", "trial, expiry and new periods begin and end when the terms say", of_page=life.dates),
    Law(
        "trials-once", "a trial is recorded, once for each customer and group", life.stray_trials, life.trials
    ),
    Law(
        "migrations-once",
        "each member of a migration was moved once, to the version it says",
        waves.kept_as_applied,
        waves.moved_once,
    ),
    Law(
        "periods-tile", "billing periods follow their schedule without gap or overlap", of_page=billing.tiled
    ),
    Law(
        "nothing-lost", "all that fell due has an invoice or a recorded reason, once", of_page=billing.settled
    ),
    Law("looked-at-in-time", "the next run looks wherever something falls due", of_page=billing.looked_at),
    Law(
        "settlements-billed",
        "what is said to be billed is on an invoice, and the reverse",
        billing.on_invoices,
    ),
    Law(
        "claims-settled",
        "closed usage was claimed once, on the invoice that settled it",
        of_page=usage.claimed,
    ),
    Law(
        "claims-complete",
        "included + wallet + billed + over the limit is the usage recorded",
        of_page=usage.complete,
    ),
    Law("events-unaltered", "usage still to be billed says what was recorded", events.unaltered),
    Law("invoices-once", "one invoice per subscription, period, kind, occasion and revision", invoices.once),
    Law("lines-once", "no charge stands on two lines", invoices.lines_once),
    Law("invoices-sum", "lines, discount, tax, total, credit and payments add up", invoices.sums),
    Law(
        "invoices-unaltered", "every invoice says what it said when it was issued", of_page=invoices.unaltered
    ),
    Law("invoices-dated", "period, due date and grace follow from the terms", of_page=invoices.dated),
    Law(
        "invoices-rerate",
        "billing again on the same terms and usage gives the same lines",
        of_page=usage.rerated,
    ),
    Law("numbers-consecutive", "numbers have no gaps and no repeats", invoices.numbered),
    Law("payments-counted", "what an invoice says is paid was received for it", ledgers.counted),
    Law("credits-add-up", "no line is credited with more than it charged", ledgers.credited),
    Law("credits-within-charges", "of no charge more was given back than it took", of_page=life.given_back),
    Law(
        "trial-balance", "per customer and currency, invoiced = received + credited + owed", ledgers.balanced
    ),
    Law("balances-add-up", "customer balances are the sum of their movements", ledgers.balances),
    Law("wallets-add-up", "wallets are the sum of their movements", ledgers.wallets),
    Law(
        "grants-hold", "every grant came in whole and its entries leave no more and no less", wallets.granted
    ),
    Law("wallet-debits-claimed", "what grants paid at a closing is what its claim says", wallets.claimed),
    Law("stripe-calls", "what was done at Stripe stands for something here", stripe.called),
    Law("stripe-once", "nothing was made twice at Stripe", stripe.once),
    Law(
        "stripe-payments", "what Stripe took pays its invoice once, and names the payment there", stripe.paid
    ),
    Law("stripe-pages", "a paid page started what it was for, or its money is in the balance", stripe.pages),
)
"""Every law, in the order in which they are checked; to add one, add a line."""
