"""The table of compatibility rules, their levels, and the fingerprint that names one finding for acceptance.

It decides how bad a change is; whether apply goes on is decided by guards.py.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from decimal import Decimal
from fractions import Fraction
from hashlib import sha256

from planctl.core.catalog import breaking_prices as prices
from planctl.core.catalog import breaking_terms as terms
from planctl.core.catalog import breaking_whole as whole
from planctl.core.catalog.changeset import SEVERITIES, RuleHit, Severity
from planctl.core.catalog.model import Policy
from planctl.core.catalog.subject import Find, Hit, Subject, field_changes, hit_of, number_of
from planctl.core.document import Document, canonical
from planctl.values import dataclass


@dataclass(frozen=True, slots=True)
class Rule:
    """A rule: its id, its built-in level (a hit may bring its own), and where it is touched."""

    id: str
    level: Severity
    find: Find


def policy_loosened(subject: Subject) -> Iterator[Hit]:
    """A threshold of apply is raised or removed, or a rule's level is lower; no policy means built-in.

    The first policy of a store that holds nothing yet loosens nothing.
    """
    if subject.section != "policy" or subject.around.is_first:
        return
    for changed in subject.change.fields or field_changes(subject.before, subject.after):
        rule = changed.path.rpartition(".")[2]
        if changed.before in SEVERITIES or changed.after in SEVERITIES:
            loosened = _lower_level(rule, changed.before, changed.after)
        else:
            loosened = _higher_threshold(changed.path, changed.before, changed.after)
        if loosened:
            yield hit_of(changed)


RULES: tuple[Rule, ...] = (
    Rule("price-increase", "breaking", prices.price_increase),
    Rule("price-curve-dearer", "breaking", prices.price_curve_dearer),
    Rule("price-to-zero", "breaking", prices.price_to_zero),
    Rule("price-decrease", "safe", prices.price_decrease),
    Rule("allowance-decrease", "breaking", terms.allowance_decrease),
    Rule("feature-removed", "breaking", terms.feature_removed),
    Rule("conversion-worse", "breaking", terms.conversion_worse),
    Rule("currency-removed", "breaking", prices.currency_removed),
    Rule("interval-removed", "breaking", prices.interval_removed),
    Rule("charge-mode-changed", "breaking", prices.charge_mode_changed),
    Rule("policy-loosened", "breaking", policy_loosened),
    Rule("grace-shorter", "caution", terms.grace_shorter),
    Rule("due-shorter", "caution", terms.due_shorter),
    Rule("trial-shorter", "caution", terms.trial_shorter),
    Rule("expiry-shorter", "caution", terms.expiry_shorter),
    Rule("requires-narrowed", "caution", terms.requires_narrowed),
    Rule("only-for-narrowed", "caution", terms.only_for_narrowed),
    Rule("hidden", "caution", terms.hidden),
    Rule("archive-with-subscribers", "caution", whole.archive_with_subscribers),
    Rule("auto-enable-changed", "caution", terms.auto_enable_changed),
    Rule("possible-rename", "caution", whole.possible_rename),
    Rule("overwrites-outside-edit", "caution", whole.overwrites_outside_edit),
    Rule("archive-referenced", "error", whole.archive_referenced),
    Rule("currency-decimals-changed", "error", whole.currency_decimals_changed),
    Rule("empty-catalog", "error", whole.empty_catalog),
    Rule("mass-archive", "error", whole.mass_archive),
)
"""Every compatibility rule. Source: planctl catalog rules, diff."""

BUILT_IN: Mapping[str, Severity] = {rule.id: rule.level for rule in RULES}
"""The level of each rule where no policy maps it."""

_ERRORS = frozenset(rule.id for rule in RULES if rule.level == "error")


def fingerprint(rule: str, address: str, path: str, before: Document, after: Document) -> str:
    """The first 12 hex digits of sha256 over the five: it names this finding and no other."""
    return sha256(canonical([rule, address, path, before, after]).encode()).hexdigest()[:12]


def hits(subject: Subject, policies: tuple[Policy, ...] = ()) -> tuple[RuleHit, ...]:
    """Every rule that the change touches, in the table's order; of several policies the strictest counts."""
    return tuple(
        RuleHit(
            id=rule.id,
            level=_level(rule, hit, policies),
            fingerprint=fingerprint(rule.id, subject.address, hit.path, hit.before, hit.after),
            path=hit.path,
            detail=hit.detail,
        )
        for rule in RULES
        for hit in rule.find(subject)
    )


def stricter(one: Policy, other: Policy) -> Policy:
    """The thresholds of both, the lower of each; `levels` are those of `hits`, which takes both policies."""
    return Policy(
        max_price_change=min(one.max_price_change, other.max_price_change),
        max_subscribers_touched=_lower(one.max_subscribers_touched, other.max_subscribers_touched),
        max_mrr_at_risk=_lower_prices(one.max_mrr_at_risk, other.max_mrr_at_risk),
    )


def _level(rule: Rule, hit: Hit, policies: tuple[Policy, ...]) -> Severity:
    built_in = hit.level or rule.level
    if rule.id in _ERRORS:
        return "error"
    levels = [_mapped(policy.levels.get(rule.id), built_in) for policy in policies]
    return max(levels, key=SEVERITIES.index, default=built_in)


def _mapped(level: str | None, built_in: Severity) -> Severity:
    return next((severity for severity in SEVERITIES if severity == level), built_in)


def _lower(one: int | None, other: int | None) -> int | None:
    return min((value for value in (one, other) if value is not None), default=None)


def _lower_prices(one: Mapping[str, Decimal], other: Mapping[str, Decimal]) -> dict[str, Decimal]:
    return {code: min(side[code] for side in (one, other) if code in side) for code in sorted({*one, *other})}


def _lower_level(rule: str, before: Document, after: Document) -> bool:
    built_in = BUILT_IN.get(rule, "safe")
    old, new = (_mapped(str(value), built_in) for value in (before, after))
    return SEVERITIES.index(new) < SEVERITIES.index(old)


def _higher_threshold(path: str, before: Document, after: Document) -> bool:
    missing = Fraction(Policy().max_price_change) if path == "max_price_change" else None
    old, new = (missing if number_of(value) is None else number_of(value) for value in (before, after))
    return old is not None and (new is None or new > old)
