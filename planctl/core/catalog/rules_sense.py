"""Rules about sense: what is allowed but hardly meant; every one of them only warns."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from decimal import Decimal
from fractions import Fraction
from itertools import islice, pairwise

from planctl.core.catalog.facts import Facts, warning
from planctl.core.catalog.model import Entitlement, Plan, PriceRow, Terms
from planctl.core.catalog.parse_sections import CHANGE_RULES
from planctl.core.catalog.selling import sold_in
from planctl.core.money import decimal_text, fraction_text
from planctl.findings import Finding

_FINGERPRINT = re.compile("[0-9a-f]{12}", re.ASCII)

_MOST_ROWS = 12
"""The shortest rows of a plan, with which its longer ones are compared."""

_MOST_PAIRS = 10_000
"""Steps between plans and packs that are held side by side: a hundred of each."""


def dearer_includes_less(facts: Facts) -> Iterator[Finding]:
    """A later plan in a group's `order` includes at least what the one before it does."""
    for lower, higher in _steps(facts):
        for feature_id, entry in lower.terms.features.items():
            missing = _less(entry, higher.terms.features.get(feature_id))
            if missing:
                place = facts.at(higher, f"features.{feature_id}")
                message = f"{higher.id} comes after {lower.id} but {missing}"
                yield warning("dearer-includes-less", place, message, "raise it, or change the group's order")


def _less(lower: Entitlement, higher: Entitlement | None) -> str:
    """What of `lower` is missing in `higher`, empty where nothing is."""
    feature_id = lower.feature.id
    if higher is None:
        return f"has no {feature_id}"
    granted = set(higher.values)
    missing = [value for value in lower.values if value not in granted]
    if missing:
        return f"{feature_id} lacks {', '.join(missing)}"
    if higher.included is None or (lower.included is not None and lower.included <= higher.included):
        return ""
    if lower.reset != higher.reset or not higher.own_allowance:
        return ""  # 50 a day are more than 1,000 a month, and what spends a pool has all of the pool
    was = "unlimited" if lower.included is None else decimal_text(lower.included)
    return f"includes {decimal_text(higher.included)} {feature_id} instead of {was}"


def _steps(facts: Facts) -> Iterator[tuple[Plan, Plan]]:
    """Neighbours in the declared order of a group, archived plans left out."""
    usable = {plan.id: plan for plan in facts.plans() if not plan.offer.archived}
    for group in facts.catalog.groups.values():
        members = [usable[plan_id] for plan_id in group.order if plan_id in usable]
        yield from pairwise(members)


def longer_row_dearer(facts: Facts) -> Iterator[Finding]:
    """A longer row costs at most what its months (or its days) would cost one by one."""
    for plan in facts.plans():
        for number, long in enumerate(plan.terms.rows):
            for code in long.fee:
                message = _dearer_than_parts(plan.terms.rows[: min(number, _MOST_ROWS)], long, code)
                if message:
                    place = facts.at(plan, f"price.{long.interval}.{code}")
                    yield warning("longer-row-dearer", place, message, "lower it, or raise the shorter row")


def _dearer_than_parts(rows: tuple[PriceRow, ...], long: PriceRow, code: str) -> str:
    """That the row costs more than the shortest of `rows` that fills it, paid as often; empty where none does."""
    fee, whole = _fixed(long, code), long.interval
    for short in rows:
        part, cheap = short.interval, _fixed(short, code)
        lengths = (whole.months, part.months) if part.months else (whole.days, part.days)
        if fee is None or cheap is None or not all(lengths) or not part.divides(whole):
            continue
        times = lengths[0] // lengths[1]
        if fee > cheap * times:
            parts = f"{times} × {part} ({fraction_text(cheap * times)})"
            return f"{whole} costs {fraction_text(fee)} {code}, more than {parts}"
    return ""


def nobody_can_get(facts: Facts) -> Iterator[Finding]:
    """Somebody can have every plan that is not archived."""
    plans = {plan.id: plan for plan in facts.catalog.plans.values() if plan.kind == "plan"}
    bases = [plan for plan in plans.values() if not plan.offer.archived]
    live = {base.id for base in bases}
    with_packs = {base.id for base in bases if base.terms.packs}
    for plan in facts.plans():
        if plan.offer.archived or not (plan.terms.requires or plan.kind == "pack"):
            continue
        required = set(plan.terms.requires)
        if required and required.isdisjoint(live) and plans.keys() >= required:
            message = f"nobody can get {plan.id}: every plan it requires is archived"
            yield warning("nobody-can-get", facts.at(plan, "requires"), message, "archive it too")
        elif plan.kind == "pack" and bases and not (with_packs & required if required else with_packs):
            message = f"nobody can get {plan.id}: no plan allows packs"
            yield warning("nobody-can-get", plan.place, message, "write packs: true in a plan or in defaults")


def addon_currency(facts: Facts) -> Iterator[Finding]:
    """An add-on is sold in a currency of a plan that it stands on; a customer has one."""
    plans = [plan for plan in facts.catalog.plans.values() if plan.kind == "plan" and not plan.offer.archived]
    sold = {plan.id: _currencies(plan.terms) for plan in plans if not plan.terms.free}
    free = {plan.id for plan in plans if plan.terms.free}
    everywhere = frozenset().union(*sold.values())
    for plan in facts.plans():
        required = plan.terms.requires
        if plan.kind == "plan" or plan.offer.archived or (free.intersection(required) if required else free):
            continue
        known = (
            frozenset().union(*(sold.get(one, frozenset()) for one in required)) if required else everywhere
        )
        own = _currencies(plan.terms)
        if own and known and own.isdisjoint(known):
            message = f"nobody can get {plan.id} in {', '.join(sorted(own))}: no plan for it is sold so"
            hint = f"price it in {', '.join(sorted(known)[:_MOST_ROWS])} too"
            yield warning("nobody-can-get", facts.at(plan, "price"), message, hint)


def _currencies(terms: Terms) -> frozenset[str]:
    return frozenset().union(*(sold_in(terms, row) for row in terms.rows))


def trial_longer_than_interval(facts: Facts) -> Iterator[Finding]:
    """A trial is not longer than the shortest billing interval."""
    for plan in facts.plans():
        lengths = [row.interval for row in plan.terms.rows if row.interval.approximate_days is not None]
        if plan.terms.trial is None or not lengths:
            continue
        shortest = min(lengths)
        days = shortest.approximate_days
        if days is not None and plan.terms.trial.days > days + 1:  # a month may have 31 days
            message = f"a trial of {plan.terms.trial.days} days is longer than the row {shortest}"
            yield warning("trial-longer-than-interval", facts.at(plan, "trial"), message)


def pack_cheaper_than_next(facts: Facts) -> Iterator[Finding]:
    """Going up to the next plan costs less than buying its extra units as packs every month."""
    packs = [plan for plan in facts.plans() if plan.kind == "pack" and len(plan.terms.wallet) == 1]
    steps = ((low, high) for low, high in _steps(facts) if low.terms.packs and not low.terms.free)
    for (lower, higher), pack in islice(((step, pack) for step in steps for pack in packs), _MOST_PAIRS):
        finding = _cheaper(facts, pack, lower.terms, higher)
        if finding:
            yield finding


def _cheaper(facts: Facts, pack: Plan, lower: Terms, higher: Plan) -> Finding | None:
    ((feature_id, units),) = pack.terms.wallet.items()
    few, many = lower.features.get(feature_id), higher.terms.features.get(feature_id)
    if not few or not many or few.included is None or many.included is None:
        return None
    needed = math.ceil((Fraction(many.included) - Fraction(few.included)) / Fraction(units))
    rows = (lower.row("month"), higher.terms.row("month"), pack.terms.row("once"))
    for code in facts.catalog.currencies if needed > 0 else ():
        low, high, price = (_fixed(row, code) for row in rows)
        if low is None or high is None or price is None or price * needed >= high - low:
            continue
        message = (
            f"{needed} packs for {fraction_text(price * needed)} {code} give as many {feature_id}"
            f" as going up to {higher.id} for {fraction_text(high - low)} {code} more a month"
        )
        return warning("pack-cheaper-than-next", facts.at(pack, "price"), message, "raise the pack's price")
    return None


def _fixed(row: PriceRow | None, code: str) -> Fraction | None:
    fee = row.fee.get(code) if row else None
    return Fraction(fee) if isinstance(fee, Decimal) else None


def addon_in_plan_group(facts: Facts) -> Iterator[Finding]:
    """An add-on stands beside plans, so it is not in an exclusive group with them."""
    plans = {plan.terms.group for plan in facts.catalog.plans.values() if plan.kind == "plan"}
    for plan in facts.plans():
        group = facts.catalog.groups.get(plan.terms.group)
        if plan.kind != "plan" and group is not None and group.exclusive and group.id in plans:
            message = f"{plan.id} is in the exclusive group {group.id} with plans, so it would replace them"
            yield warning("addon-in-plan-group", facts.at(plan, "group"), message, "write group: none")


def event_shadowed(facts: Facts) -> Iterator[Finding]:
    """An event that bears another feature's id feeds that feature alone."""
    for feature in facts.catalog.features.values():
        event = feature.meter.event
        if event and event != feature.id and event in facts.catalog.features:
            message = f"events named {event} feed the feature {event} alone, never {feature.id}"
            yield warning(
                "event-shadowed", facts.place(f"features.{feature.id}.event"), message, "rename one"
            )


def note_accepts_nothing(facts: Facts) -> Iterator[Finding]:
    """What a change note accepts is a fingerprint, or a rule and an address."""
    for note in facts.catalog.notes.values():
        for entry in note.accept:
            rule, _, address = entry.strip().partition(" ")
            if _FINGERPRINT.fullmatch(entry.strip()) or (rule in CHANGE_RULES and address):
                continue
            message = f"the change note {note.id} accepts {entry!r}, which is no fingerprint and no rule"
            hint = facts.near(rule, CHANGE_RULES)
            if rule in CHANGE_RULES:
                message = f"the change note {note.id} accepts {rule}, but does not say of what"
                hint = f"write {rule} and an address, such as {rule} plans.pro"
            yield warning("note-accepts", note.place, message, hint)


def conversion_without_pool(facts: Facts) -> Iterator[Finding]:
    """What a feature without an allowance spends is granted by the plan too."""
    for plan in facts.plans():
        for feature_id, entry in plan.terms.features.items():
            targets = [target for target in entry.spends if target not in plan.terms.features]
            if targets and not entry.own_allowance and plan.kind == "plan":
                place = facts.at(plan, f"features.{feature_id}")
                message = f"{feature_id} spends {targets[0]}, of which {plan.id} grants none"
                yield warning("conversion-without-pool", place, message, f"add {targets[0]} to the plan")
