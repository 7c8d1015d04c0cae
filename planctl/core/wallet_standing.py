"""Wallets as they stand at an instant: what is left of each grant, and what caused each entry. It moves nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fractions import Fraction

from planctl.core.periods import Instant
from planctl.core.wallets import ZERO, Entry, Grant, spendable, void_key
from planctl.values import dataclass


@dataclass(frozen=True, slots=True)
class GrantStanding:
    """A grant as of now: `drawn` is what usage takes that no entry says yet, `left` what usage could still take.

    `state` is open, spent, expired or void.
    """

    grant: Grant
    drawn: Fraction
    left: Fraction
    state: str


@dataclass(frozen=True, slots=True)
class Wallet:
    """A customer's wallet of one feature; `posted` is the balance of its entries, without what is drawn since.

    Grants come in the order in which they are spent.
    """

    customer: str
    feature: str
    unit: str = ""
    posted: Fraction = ZERO
    grants: tuple[GrantStanding, ...] = ()

    @property
    def balance(self) -> Fraction:
        """What usage could still take now, from all grants together."""
        return sum((one.left for one in self.grants), ZERO)


@dataclass(frozen=True, slots=True)
class Cause:
    """A wallet's entry with what caused it: the grant, and the number of the invoice of a closing, if it has one."""

    entry: Entry
    grant: Grant
    invoice: str = ""

    @property
    def text(self) -> str:
        """What caused it, in a few words."""
        kind = self.entry.key.partition(":")[0]
        if kind == "grant":
            return f"bought {self.grant.pack}" if self.grant.pack else f"given: {self.grant.reason}"
        return {"close": "usage", "void": "taken out", "expire": "expired", "reverse": "given back"}[kind]


def standing(
    grants: Sequence[Grant], entries: Sequence[Entry], drawn: Mapping[str, Fraction], at: Instant
) -> dict[str, Wallet]:
    """One customer's wallets by feature, of the grants made at or before `at`.

    `entries` are those of the wallets in their order, `drawn` is what usage takes of each grant and no entry
    says yet, by the grant's id.
    """
    posted = {entry.feature: entry.balance for entry in entries}
    voided = {entry.grant for entry in entries if entry.key == void_key(entry.grant)}
    found: dict[str, list[GrantStanding]] = {}
    for grant in sorted(grants, key=lambda one: one.order):
        if grant.granted_at <= at:
            taken = min(drawn.get(grant.id, ZERO), grant.left)
            found.setdefault(grant.feature, []).append(_stands(grant, taken, at, void=grant.id in voided))
    return {
        feature: Wallet(stood[0].grant.customer, feature, "", posted.get(feature, ZERO), tuple(stood))
        for feature, stood in found.items()
    }


def _stands(grant: Grant, drawn: Fraction, at: Instant, *, void: bool) -> GrantStanding:
    left = spendable(grant, drawn, at)
    state = "open" if left else "void" if void else "expired" if grant.left > drawn else "spent"
    return GrantStanding(grant, drawn, left, state)


def of_debit(entry: Entry, invoices: Mapping[str, str]) -> str:
    """The invoice whose closing an entry (or what it takes back) belongs to; `invoices` by how debits' keys begin."""
    key = entry.reverses or entry.key
    return next((number for prefix, number in invoices.items() if key.startswith(prefix)), "")
