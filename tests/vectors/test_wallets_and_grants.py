"""Grants, packs, prepaid money and rollover that other billing systems publish, each with its source in the data.

Every case is run with planctl's own functions or listed, with the reason why its rule is another one, in
exceptions/wallets_and_grants.json. Never both. A recurring grant is what planctl calls an allowance that
resets, prepaid money is a customer's balance, and credits are units of a feature.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import date
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest

from planctl.core.catalog.model import Offer, PriceRow, TaxRate, Terms
from planctl.core.currencies import Currency
from planctl.core.customers import Customer
from planctl.core.draining import Allowance, Entry, PoolKey, carried_on, drain
from planctl.core.invoicing.model import Draft, Line
from planctl.core.invoicing.settling import Purse, settled
from planctl.core.money import format_minor, fraction_text, round_minor
from planctl.core.packs import Buying, bought
from planctl.core.periods import Instant, Interval, parse_instant, zone
from planctl.core.pricing.kinds.each import Each
from planctl.core.pricing.rate import FeatureUsage, rate
from planctl.core.subscriptions.model import Subscription
from planctl.core.subscriptions.start import Offered
from planctl.core.wallet_standing import standing
from planctl.core.wallets import Entry as Posted
from planctl.core.wallets import Grant, take
from tests.vectors.harness import load

VECTORS = load("wallets_and_grants")
CASES, EXCEPTIONS = VECTORS.cases, VECTORS.exceptions

EUR = Currency("EUR", "Euro", 2)
ZERO = Fraction(0)
EPOCH = Instant(0)
Answers = dict[str, Any]
Given = dict[str, Any]


def test_the_file_is_whole_and_names_its_sources() -> None:
    VECTORS.check_whole(21)


def test_every_listed_exception_exists_and_says_why() -> None:
    VECTORS.check_exceptions()


def test_fewer_than_a_tenth_are_exceptions() -> None:
    assert len(EXCEPTIONS) * 10 < len(CASES)


@pytest.mark.parametrize("case_id", sorted(CASES))
def test_a_published_case_comes_out_as_published_unless_it_is_an_exception(case_id: str) -> None:
    case = CASES[case_id]
    mapping = mapping_of(case["input"])
    assert mapping, "no mapping understands all fields of this input"
    got = mapping(case["input"])
    same = {name: got[name] for name in case["expected"]} == case["expected"]
    assert same != (case_id in EXCEPTIONS), got


# --- grants that usage draws on


def burned(given: Given) -> Answers:
    """Usage, event by event, from allowances first (grants that recur) and then from the grants alive."""
    grants = [a_grant(one) for one in given["grants"] if "recurs" not in one]
    lefts = {grant.id: grant.left for grant in grants}
    recurring = [one for one in given["grants"] if "recurs" in one]
    to = t(given["to"])
    stretches = [
        [
            Entry(
                "units",
                Fraction(event["quantity"]),
                tuple(allowance(one, t(event["at"])) for one in recurring if lives(one, t(event["at"]))),
                ("sub", "units", 0),
                grants=tuple(grant for grant in grants if grant.lives(t(event["at"]))),
            )
        ]
        for event in given["usage_events"]
    ]
    drained = drain(stretches, lefts)
    balances = {grant.id: fraction_text(lefts[grant.id]) if grant.lives(to) else "0" for grant in grants}
    for one in recurring:
        last = allowance(one, to)
        assert last.included is not None
        balances[one["id"]] = fraction_text(last.included - drained.used.get(last.key, ZERO))
    overage = drained.account(("sub", "units", 0)).above
    return {"balances": balances, "overage": fraction_text(overage)}


def allowance(one: Given, at: Instant) -> Allowance:
    """The allowance period of a recurring grant that holds an instant: its first may be shorter, and is whole."""
    days = {"day": 1, "week": 7}[one["recurs"]["every"]]
    index = (at - t(one["recurs"]["anchor"])) // (days * 86_400_000_000)
    key: PoolKey = (one["id"], "units", max(index, -1) + 1)
    return Allowance(key, Fraction(one["amount"]))


def lives(one: Given, at: Instant) -> bool:
    """Whether what recurs is in force."""
    return t(one["effective_at"]) <= at < t(one["expires_at"])


def topped_up(given: Given) -> Answers:
    """Top-ups as grants of units worth a cent: given or bought, the older one first."""
    kinds = given["topups_oldest_first"]
    grants = [
        units(one["kind"], one["amount_minor"], at=place, pack="topup" if one["kind"] == "purchased" else "")
        for place, one in enumerate(kinds)
    ]
    lefts = {grant.id: grant.left for grant in grants}
    taken = dict(take(lefts, grants, Fraction(given["invoice_minor"])))
    return {
        "from_granted_minor": fraction_text(taken["granted"]),
        "from_purchased_minor": fraction_text(taken["purchased"]),
        "remaining_purchased_minor": fraction_text(lefts["purchased"]),
        "invoice_due_minor": fraction_text(Fraction(given["invoice_minor"]) - sum(taken.values())),
    }


def scoped(given: Given) -> Answers:
    """A wallet belongs to one feature: only its usage draws on it."""
    drawn, left = [], []
    for wallet in given["wallets"]:
        feature = wallet["applies_to_metric"]
        grant = units(feature, wallet["balance_minor"], feature=feature)
        lefts = {grant.id: grant.left}
        account: PoolKey = ("sub", feature, 0)
        entry = Entry(feature, Fraction(given["charges_minor"][feature]), (), account, grants=(grant,))
        drawn.append(fraction_text(drain([[entry]], lefts).account(account).paid_by_wallet))
        left.append(fraction_text(lefts[grant.id]))
    return {"drawn_minor": drawn, "remaining_minor": left}


def ordered(given: Given) -> Answers:
    """Given units before bought ones where priority, expiry and age are the same."""
    grants = [
        replace(
            units(one["id"], one["balance"], pack="bought" if one["category"] == "paid" else ""),
            priority=one["priority"],
            expires_at=t(f"2026-{one['expires']}"),
        )
        for one in given["grants"]
    ]
    lefts = {grant.id: grant.left for grant in grants}
    return {"burn_order": [name for name, _ in take(lefts, grants, Fraction(170))]}


def standing_now(given: Given) -> Answers:
    """Posted when a period is closed and billed; what is open is drawn. All that is charged is units of a cent."""
    total, fee = Fraction(given["wallet_minor"]), Fraction(given["subscription_fee_minor"])
    first, second = Fraction(given["usage_period_1_minor"]), Fraction(given["usage_period_2_minor"])
    return {
        "after_usage_1": stands(total, ZERO, first),
        "draft_invoice_issued": stands(total, ZERO, first + fee),
        "after_usage_2": stands(total, ZERO, first + fee + second),
        "invoice_finalized": stands(total, first + fee, second),
    }


def stands(total: Fraction, closed: Fraction, drawn: Fraction) -> Answers:
    """What is posted, and what is left after what was drawn since."""
    grant = replace(units("w", str(total)), left=total - closed)
    entries = [Posted("c", "units", 1, "w", "grant:w", total, total, EPOCH)]
    if closed:
        entries.append(Posted("c", "units", 2, "w", "close:s:usage:0::0:w", -closed, total - closed, EPOCH))
    wallet = standing([grant], entries, {"w": drawn}, EPOCH)["units"]
    return {"balance_minor": fraction_text(wallet.posted), "ongoing_minor": fraction_text(wallet.balance)}


# --- what units are worth, and what they cost


def worth(given: Given) -> Answers:
    """Credits times what one is worth; credits are cut to 5 decimals there, kept as typed here."""
    value, grant = given["value_per_credit"], units("w", given["credits"])
    lefts = {"w": grant.left}
    several = given["void_credits"] if isinstance(given["void_credits"], list) else [given["void_credits"]]
    voided = [take(lefts, [grant], Fraction(credits))[0][1] for credits in several]
    answers: Answers = {
        "opening_minor": str(minor(grant.amount, value)),
        "voided_minor": [str(minor(credits, value)) for credits in voided],
        "remaining_minor": str(minor(lefts["w"], value)),
    }
    return answers | {
        "voided_credits": fraction_text(voided[0]),
        "voided_amount": format_minor(minor(voided[0], value), EUR),
        "credits_balance": fraction_text(lefts["w"]),
        "balance": format_minor(minor(lefts["w"], value), EUR),
    }


def minor(credits: Fraction, value: str) -> int:
    """What credits come to at a price each, in minor units."""
    return rate(FeatureUsage(credits, price=Each({"EUR": Decimal(value)})), "EUR", 2).amount_minor


def purchased(given: Given) -> Answers:
    """A pack's price is its own term; its units are another."""
    fee = {given["currency"]: Decimal(given["per_unit_cost"])}
    currency = Currency(given["currency"], "", 2)
    pack = Terms(
        kind="pack",
        rows=(PriceRow(Interval("once"), fee),),
        wallet={"credits": Decimal(1)},
        quantity=(1, 1000),
    )
    base = Subscription("sub", "c", "p", 1, Terms(packs=True), "h", currency, "month", "UTC", EPOCH, EPOCH)
    purchase = bought(
        Buying(
            "pur",
            Customer("c", currency=currency.code),
            Offered("credits_pack", 1, pack, "h", Offer(), exclusive=False),
            [base],
            {currency.code: currency},
            EPOCH,
            {"credits": "grant"},
            int(given["credits"]),
        )
    )
    assert purchase.grants[0].amount == Fraction(given["credits"])
    return {"purchase_amount": format_minor(purchase.draft.total_minor, currency)}


# --- prepaid money: a customer's balance pays after tax


def prepaid(given: Given) -> Answers:
    """Two invoices, one after the other."""
    balance = amount_minor(given["wallet_balance"])
    totals, left, due = [], [], []
    for net in given["invoices_net"]:
        draft = paid_from(balance, given["tax_percent"], [Fraction(net)])
        balance -= draft.credit_minor
        totals.append(format_minor(draft.total_minor, EUR))
        left.append(format_minor(balance, EUR))
        due.append(format_minor(draft.total_minor - draft.credit_minor, EUR))
    return {"totals_incl_tax": totals, "wallet_balance_after_each": left, "amounts_due": due}


def prepaid_fees(given: Given) -> Answers:
    """Every fee is rounded in its line, the tax once on their sum."""
    balance = amount_minor(given["wallet_balance"])
    draft = paid_from(balance, given["tax_percent"], [Fraction(fee) for fee in given["fees_precise"]])
    return {
        "line_amounts_minor": [str(line.amount_minor) for line in draft.lines],
        "fees_minor": str(draft.subtotal_minor),
        "taxes_minor": str(draft.tax_minor),
        "total_minor": str(draft.total_minor),
        "prepaid_applied_minor": str(draft.credit_minor),
        "due_minor": str(draft.total_minor - draft.credit_minor),
        "wallet_after_minor": str(balance - draft.credit_minor),
    }


def paid_from(balance: int, percent: str, fees: list[Fraction]) -> Draft:
    """An invoice of these fees, taxed, and paid from a balance."""
    lines = tuple(
        Line("fee", "sub", "p", 1, f"fee:{place}", 0, "", Fraction(1), fee, round_minor(fee, 2), EPOCH, None)
        for place, fee in enumerate(fees)
    )
    draft = Draft("c", "sub", 0, "renewal", EUR, EPOCH, EPOCH, None, EPOCH, None, EPOCH, lines)
    tax = TaxRate("vat", country="DE", rates=((date(1970, 1, 1), Decimal(percent) / 100),))
    customer = Customer("c", country="DE")
    return settled([draft], Purse(customer, {"vat": tax}, balance={"EUR": balance})).drafts[0]


# --- rollover


def reset(given: Given) -> Answers:
    """At a reset the unused units go on, at most `rollover`; a refill at that instant is the new allowance."""
    assert given["rollover_min"] == "0"
    assert given["preserve_overage"] is False
    included = Fraction(given["grant_amount"])
    carried = carried_on(
        included, ZERO, Fraction(given["used_before_reset"]), Fraction(given["rollover_max"])
    )
    refill = included if given.get("reset_coincides_with_recurrence") else ZERO
    return {"balance_after_reset": fraction_text(carried + refill), "overage_after_reset": "0"}


def rolled_over(given: Given) -> Answers:
    """What rolls over stands on top of the new allowance."""
    included = Fraction(given["included"])
    carried = carried_on(included, ZERO, Fraction(given["used"]), Fraction(given["rollover_max"]))
    return {"rolled_over": fraction_text(carried), "balance_after_reset": fraction_text(included + carried)}


def rolled_into_another_plan(given: Given) -> Answers:
    """The new plan's cap holds for what the old one's last period left over; without one nothing goes on."""
    old, new = given["old_plan"], given["then_reset_then_upgrade_to"]
    used = Fraction(given["used_before_reset"])
    rolled = carried_on(Fraction(old["included"]), ZERO, used, Fraction(old["rollover_max"]))
    cap = new["rollover_max"]
    kept = carried_on(ZERO, rolled, ZERO, ZERO if cap is None else Fraction(cap))
    return {
        "rollover_after_upgrade": fraction_text(kept),
        "balance_after_upgrade": fraction_text(kept + Fraction(new["included"])),
    }


def rolled_once(given: Given) -> Answers:
    """Units roll into the second period, whose end nothing outlives: all that is unused then expires."""
    assert given["rollover_applies_periods"] == 1
    included = Fraction(given["period_grant"])
    rolled = carried_on(included, ZERO, Fraction(given["used_period_1"]), None)
    opening, used = included + rolled, Fraction(given["used_period_2"])
    assert carried_on(included, rolled, used, ZERO) == 0
    return {
        "opening_period_2": fraction_text(opening),
        "expired_after_period_2": fraction_text(opening - used),
    }


# --- small helpers


def t(text: str) -> Instant:
    """An instant in UTC."""
    return parse_instant(text, zone("UTC"))


def units(name: str, amount: str, at: int = 0, pack: str = "", feature: str = "units") -> Grant:
    """A grant that never expires."""
    return Grant(name, "c", feature, name, Fraction(amount), Fraction(amount), Instant(at), None, pack)


def a_grant(one: Given) -> Grant:
    """A grant of the data, with what is left of it at the beginning."""
    return Grant(
        one["id"],
        "c",
        "units",
        one["id"],
        Fraction(one["amount"]),
        Fraction(str(one.get("opening_balance", one["amount"]))),
        t(one["effective_at"]),
        t(one["expires_at"]),
        priority=one["priority"],
    )


def amount_minor(text: str) -> int:
    """An amount in minor units."""
    return round_minor(Fraction(text), 2)


Mapping = Callable[[Given], Answers]
MAPPINGS: tuple[tuple[frozenset[str], frozenset[str], Mapping], ...] = tuple(
    (frozenset(needed.split()), frozenset(more.split()), mapping)
    for needed, more, mapping in (
        ("grants usage_events from to", "", burned),
        ("currency topups_oldest_first invoice_minor", "", topped_up),
        ("currency wallets charges_minor", "", scoped),
        ("grants", "", ordered),
        (
            "currency wallet_minor subscription_fee_minor usage_period_1_minor usage_period_2_minor"
            " invoice_grace_days",
            "",
            standing_now,
        ),
        ("currency credits value_per_credit void_credits", "", worth),
        ("credits per_unit_cost currency", "", purchased),
        ("currency wallet_balance tax_percent invoices_net", "", prepaid),
        ("currency fees_precise tax_percent wallet_balance", "", prepaid_fees),
        (
            "grant_amount used_before_reset rollover_max rollover_min preserve_overage",
            "recurs reset_coincides_with_recurrence",
            reset,
        ),
        ("included used rollover_max", "", rolled_over),
        ("old_plan used_before_reset then_reset_then_upgrade_to", "", rolled_into_another_plan),
        ("period_grant used_period_1 used_period_2 rollover_applies_periods", "", rolled_once),
    )
)
"""The fields that an input must have and may have, and how such a case is run."""


def mapping_of(given: Given) -> Mapping | None:
    """The mapping that understands every field of an input."""
    fields = given.keys()
    return next(
        (mapping for needed, more, mapping in MAPPINGS if needed <= fields and fields <= needed | more), None
    )
