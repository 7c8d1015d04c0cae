"""Wallets: packs bought, units given and taken out by hand, and what is left as of now. It prices nothing."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from fractions import Fraction
from typing import TYPE_CHECKING

from planctl.core.invoicing.advance import next_action, waits
from planctl.core.invoicing.lineup import LineUp
from planctl.core.invoicing.model import Invoice
from planctl.core.invoicing.projection import projected
from planctl.core.invoicing.settling import settled
from planctl.core.invoicing.stops import refuse_hold
from planctl.core.packs import Buying, Purchase, bought, check_can_pay
from planctl.core.periods import Instant
from planctl.core.promises import Promise
from planctl.core.unreadable import Unreadable
from planctl.core.wallet_draws import draw_windows, open_draws
from planctl.core.wallet_standing import Cause, Wallet, of_debit, standing
from planctl.core.wallets import ZERO, Grant, WalletMove, kept_back, life_end, void_key
from planctl.errors import InvalidInput, NotFound, Refused
from planctl.identifiers import new_id
from planctl.store import catalog, invoices, subscriptions, usage
from planctl.store.facts import customer_facts, facts_as_of, purse_for, run_terms
from planctl.store.granting import metered_feature
from planctl.store.offers import names, offered
from planctl.store.outcomes import issue
from planctl.store.selling import buyer, existing, holding
from planctl.store.usage_customers import usage_customers
from planctl.store.usage_totals import request_for
from planctl.store.wallets import (
    add_grants,
    entries_of,
    grants_of,
    invoices_of_debits,
    post_moves,
)
from planctl.values import dataclass

if TYPE_CHECKING:
    from planctl.store.engine import Tx


# --- reading


def read_wallets(tx: Tx, customer_id: str, at: Instant, feature: str = "") -> list[Wallet]:
    """The wallets of a customer (of a company: of its root) by feature, or that of one feature alone.

    NotFound for an unknown customer or feature. Grants come in the order in which they are spent.
    """
    holder = _holder(tx, customer_id)
    wanted = metered_feature(tx, feature).id if feature else ""
    entries = [one for one in entries_of(tx, holder, wanted) if one.at <= at]
    wallets = standing(grants_of(tx, [holder], at)[holder], entries, drawn_open(tx, holder, at), at)
    if wanted and wanted not in wallets:
        wallets[wanted] = Wallet(holder, wanted)
    units = {name: one.unit for name, one in catalog.features(tx).items()}
    return [
        replace(one, unit=units.get(name, ""))
        for name, one in sorted(wallets.items())
        if wanted in {"", name}
    ]


def read_ledger(tx: Tx, customer_id: str, feature: str = "") -> list[Cause]:
    """Every entry of a customer's wallets, by feature and number, with what caused it."""
    holder = _holder(tx, customer_id)
    entries = entries_of(tx, holder, metered_feature(tx, feature).id if feature else "")
    grants = {grant.id: grant for grant in grants_of(tx, [holder])[holder]}
    numbers = invoices_of_debits(tx, holder)
    return [Cause(one, grants[one.grant], of_debit(one, numbers)) for one in entries]


def drawn_open(tx: Tx, customer: str, at: Instant) -> dict[str, Fraction]:
    """What usage up to `at` takes from each grant and no entry says yet, by the grant's id.

    Of periods that a run at `at` would close, and of those that are open.
    """
    facts = facts_as_of(tx, customer, at)
    if not facts.grants:
        return {}
    after = projected(facts, at)
    lineup = LineUp(after.subscriptions, after.grants, after.rolled, facts.present)
    former, by_id = catalog.aliases(tx, "features"), {one.id: one for one in after.subscriptions}
    requests = [request_for(window, by_id, former) for window in draw_windows(lineup, at)]
    drawn = open_draws(lineup, at, usage.totals(tx, requests) if requests else {})
    for move in after.billed.wallet:
        drawn[move.grant] = drawn.get(move.grant, ZERO) - move.amount
    return drawn


def _holder(tx: Tx, customer_id: str) -> str:
    existing(tx, customer_id)
    return usage_customers(tx, [customer_id])[customer_id].root


# --- buying


@dataclass(frozen=True, slots=True)
class PackWanted:
    """A pack to buy: `quantity` 0 is one, an empty `currency` the customer's."""

    customer: str
    pack: str
    quantity: int = 0
    currency: str = ""


def propose_purchase(tx: Tx, wanted: PackWanted, now: Instant) -> Purchase:
    """Decide a purchase, with its discounts, taxes and what the balance pays of it.

    NotFound, Refused or InvalidInput where it cannot be.
    """
    sold_to = buyer(tx, wanted.customer)
    offer = offered(tx, wanted.pack)
    (facts,) = customer_facts(tx, [wanted.customer], now)
    standing = projected(facts, now)
    refuse_hold(standing.billed)
    purchase = bought(
        Buying(
            purchase=new_id("pur", now),
            customer=sold_to.customer,
            pack=offer,
            running=standing.subscriptions,
            declared=sold_to.declared,
            at=now,
            grants={feature: new_id("grant", now) for feature in offer.terms.wallet},
            quantity=wanted.quantity,
            currency=wanted.currency,
            names=names(tx),
        )
    )
    base = next(one for one in standing.subscriptions if one.id == purchase.draft.subscription)
    whole = settled([purchase.draft], purse_for(tx, sold_to.customer, base)).drafts
    return replace(purchase, draft=whole[0]) if whole else purchase


def apply_purchase(tx: Tx, purchase: Purchase, recorded_at: Instant) -> Invoice | None:
    """Write a purchase made in this same transaction: its units, and its invoice (None where one of 0 is skipped)."""
    add_grants(tx, purchase.grants, purchase.draft.at)
    if not purchase.draft.total_minor and not run_terms(tx).issue_zero:
        return None
    (made,) = issue(tx, [purchase.draft], (), [purchase.customer], recorded_at)
    _look_again(tx, purchase.draft.subscription)
    return made


def _look_again(tx: Tx, subscription_id: str) -> None:
    """Let a run look at the subscription when the new invoice falls due."""
    stored = subscriptions.get(tx, subscription_id)
    assert stored is not None
    unpaid = invoices.open_invoices(tx, [stored.customer])[stored.customer]
    mine = [one for one in unpaid if one.subscription == stored.id]
    waiting = waits(stored, subscriptions.open_settlements(tx, [stored.id])[stored.id])
    subscriptions.update(tx, stored, next_action(stored, mine, waiting=waiting))


# --- giving and taking out


@dataclass(frozen=True, slots=True)
class GrantWanted:
    """Units to give: `expires` is `never`, an interval from now, or a date on the customer's calendar."""

    customer: str
    feature: str
    quantity: Decimal
    reason: str
    expires: str = "never"
    priority: int = 0


@dataclass(frozen=True, slots=True)
class Voiding:
    """A grant to take out: `out` is what is left of it, `kept` what usage that is not closed yet still needs."""

    grant: Grant
    out: Fraction
    kept: Fraction

    @property
    def promise(self) -> Promise:
        """What a yes to it stands for."""
        return {"grant": self.grant.id, "units": str(self.out)}


def propose_grant(tx: Tx, wanted: GrantWanted, now: Instant) -> Grant:
    """The grant that would be made; NotFound or InvalidInput where it cannot be."""
    customer = holding(tx, wanted.customer)
    feature = metered_feature(tx, wanted.feature)
    if wanted.quantity <= 0:
        raise InvalidInput(
            "units to give are above 0", where="QTY", expected="above 0", got=str(wanted.quantity)
        )
    check_can_pay(
        feature.id, subscriptions.of_customers(tx, [customer.id])[customer.id], f"{customer.id}/{feature.id}"
    )
    try:
        ends_at = life_end(wanted.expires, now, customer.timezone)
    except Unreadable as problem:
        raise InvalidInput(
            problem.reason, where="--expires", got=wanted.expires, hint=problem.fix
        ) from problem
    name = new_id("grant", now)
    amount = Fraction(wanted.quantity)
    return Grant(
        id=name,
        customer=customer.id,
        feature=feature.id,
        key=f"given:{name}",
        amount=amount,
        left=amount,
        granted_at=now,
        expires_at=ends_at,
        priority=wanted.priority,
        reason=wanted.reason,
    )


def apply_grant(tx: Tx, grant: Grant) -> None:
    """Write a grant proposed in this same transaction."""
    add_grants(tx, [grant], grant.granted_at)


def propose_void(tx: Tx, customer_id: str, grant_id: str, now: Instant) -> Voiding:
    """What voiding a grant takes out; NotFound for one that the customer has not, Refused where nothing is left."""
    holder = _holder(tx, customer_id)
    grant = next((one for one in grants_of(tx, [holder])[holder] if one.id == grant_id), None)
    if grant is None:
        raise NotFound(
            f"{customer_id} has no grant {grant_id!r}",
            where=f"wallet {customer_id}",
            hint=f"planctl wallet show {customer_id}",
        )
    kept = kept_back(grant, drawn_open(tx, holder, now).get(grant.id, ZERO))
    if grant.left == kept or not grant.lives(now):
        state = "spent" if grant.left == kept else "over: its life has ended"
        raise Refused(
            f"grant {grant.id} is {state}; there is nothing to take out",
            code="grant-over",
            where=f"wallet {customer_id}",
            hint=f"planctl wallet ledger {customer_id} {grant.feature}",
        )
    return Voiding(grant, grant.left - kept, kept)


def apply_void(tx: Tx, voiding: Voiding, now: Instant) -> None:
    """Take out what is left; the grant's life ends at `now`, usage before that may still be closed with the rest."""
    grant = voiding.grant
    move = WalletMove(grant.customer, grant.feature, grant.id, void_key(grant.id), -voiding.out, now)
    post_moves(tx, [move])
