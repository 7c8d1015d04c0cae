"""The one list of a catalog's rules by id: each looks at a whole catalog that was read, and answers findings.

What is wrong with a single value is found where it is read; here stands what several values say together.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from planctl.core.catalog import rules_charges as money
from planctl.core.catalog import rules_references as names
from planctl.core.catalog import rules_sense as sense
from planctl.core.catalog.facts import Facts
from planctl.findings import Finding

Rule = Callable[[Facts], Iterator[Finding]]

RULES: tuple[Rule, ...] = (
    names.group_unknown,
    names.order_unknown,
    names.requires_unknown,
    names.coupon_plan_unknown,
    names.spends_target,
    names.wallet_target,
    names.spends_cycle,
    names.recommended_twice,
    names.auto_enable_twice,
    names.pack_without_once,
    names.was_twice,
    money.nothing_charged,
    money.free_with_charge,
    money.charge_currency_missing,
    money.charge_row_missing,
    money.prepaid_by_row,
    money.tier_below_included,
    money.charge_by_event,
    money.up_to_below_included,
    money.beyond_unlimited,
    money.trial_without_fee,
    money.expires_with_units,
    money.anchor_interval,
    money.minimum_currency,
    money.auto_enable_priced,
    money.amount_too_large,
    sense.dearer_includes_less,
    sense.longer_row_dearer,
    sense.nobody_can_get,
    sense.addon_currency,
    sense.note_accepts_nothing,
    sense.trial_longer_than_interval,
    sense.pack_cheaper_than_next,
    sense.addon_in_plan_group,
    sense.event_shadowed,
    sense.conversion_without_pool,
)


def check(facts: Facts) -> Iterator[Finding]:
    """Every finding of every rule, one after the other, so that whoever has enough may stop."""
    return (finding for rule in RULES for finding in rule(facts))
