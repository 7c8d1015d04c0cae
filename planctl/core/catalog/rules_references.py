"""Rules about names: each plan, feature and group named exists and fits, and nothing goes in circles."""

from __future__ import annotations

from collections import ChainMap
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import replace
from fractions import Fraction

from planctl.core.catalog.facts import Facts, error, section_of
from planctl.core.catalog.model import Feature, Group, Plan
from planctl.core.catalog.parse_plans import IMPLICIT_GROUP
from planctl.core.catalog.selling import only_once
from planctl.findings import Finding, Place


def group_unknown(facts: Facts) -> Iterator[Finding]:
    """A plan's group is declared, or the built-in one."""
    known = facts.known["groups"] | {IMPLICIT_GROUP}
    for plan in facts.plans():
        group = plan.terms.group
        if group and group not in known:
            place = facts.at(plan, "group")
            yield error("group-unknown", place, f'unknown group "{group}"', facts.near(group, known))


def order_unknown(facts: Facts) -> Iterator[Finding]:
    """`order` names plans of the group."""
    members_of: dict[str, set[str]] = {}
    for plan in facts.catalog.plans.values():
        members_of.setdefault(plan.terms.group, set()).add(plan.id)
    for group in facts.catalog.groups.values():
        members = members_of.get(group.id, set())
        for index, plan_id in enumerate(group.order):
            if plan_id in members or plan_id in facts.broken:
                continue
            place = facts.place(f"groups.{group.id}.order[{index}]")
            if plan_id in facts.known["plans"]:
                hint = f"write group: {group.id} in {plan_id}, or take it out of order"
                yield error("order-unknown", place, f"{plan_id} is not in group {group.id}", hint)
            else:
                yield error("order-unknown", place, f'unknown plan "{plan_id}"', facts.near(plan_id, members))


def requires_unknown(facts: Facts) -> Iterator[Finding]:
    """`requires` names plans, not add-ons."""
    plans = {plan.id for plan in facts.catalog.plans.values() if plan.kind == "plan"}
    for plan in facts.plans():
        for base in plan.terms.requires:
            place = facts.at(plan, "requires")
            if base not in facts.known["plans"]:
                yield error("plan-unknown", place, f'unknown plan "{base}"', facts.near(base, plans))
            elif base not in plans:
                yield error("plan-unknown", place, f"{base} is an add-on", "an add-on stands on a plan")


def coupon_plan_unknown(facts: Facts) -> Iterator[Finding]:
    """A coupon's plans exist."""
    known = facts.known["plans"]
    for coupon in facts.catalog.coupons.values():
        for plan_id in coupon.plans:
            if plan_id not in known:
                place = facts.place(f"coupons.{coupon.id}.plans")
                yield error("plan-unknown", place, f'unknown plan "{plan_id}"', facts.near(plan_id, known))


def spends_target(facts: Facts) -> Iterator[Finding]:
    """What a feature spends is another metered feature that is used up, not held."""
    for feature in facts.catalog.features.values():
        path = f"features.{feature.id}.spends"
        yield from _targets(facts, feature.spends, facts.place(path))
    for plan in facts.plans():
        for feature_id, entry in plan.terms.features.items():
            if entry.spends != entry.feature.spends:
                yield from _targets(facts, entry.spends, facts.at(plan, f"features.{feature_id}.spends"))


def wallet_target(facts: Facts) -> Iterator[Finding]:
    """A wallet holds units of a metered feature that is used up, not held."""
    for plan in facts.plans():
        yield from _targets(facts, plan.terms.wallet, facts.at(plan, "wallet"), "a wallet of")


def _targets(
    facts: Facts, targets: Collection[str], place: Place, what: str = "spending"
) -> Iterator[Finding]:
    known = facts.known["features"]
    for target in targets:
        feature = facts.catalog.features.get(target)
        if target not in known:
            yield error("feature-unknown", place, f'unknown feature "{target}"', facts.near(target, known))
        elif feature and feature.type != "metered":
            message = f"{what} {target}: it is a {feature.type} feature"
            yield error("spends-target", place, message, "name a metered feature")
        elif feature and feature.held:
            message = f"{what} {target}: it is held (reset: never), not used up"
            yield error("spends-target", place, message, "name a feature that is used up")


def spends_cycle(facts: Facts) -> Iterator[Finding]:
    """No feature spends itself, directly or through others, by definition or as a plan overrides it."""
    defined = {feature.id: feature.spends for feature in facts.catalog.features.values()}
    cycle = _cycle(defined)
    if cycle:
        place = facts.place(f"features.{cycle[0]}.spends")
        yield error("spends-cycle", place, _circle(cycle), "remove one spends")
        return
    for plan in facts.plans():
        own = {
            key: entry.spends for key, entry in plan.terms.features.items() if entry.spends != defined[key]
        }
        cycle = _cycle(ChainMap(own, defined), own) if own else []
        if cycle:
            place = facts.at(plan, f"features.{cycle[0]}.spends")
            yield error("spends-cycle", place, _circle(cycle), "remove one spends")


def _cycle(spends: Mapping[str, Mapping[str, Fraction]], among: Iterable[str] = ()) -> list[str]:
    """The ids of one circle, its smallest id first; empty where there is none. Looks at every id once.

    With `among`, only at those and what they lead to: where all else is known to hold no circle.
    """
    finished: set[str] = set()
    for start in sorted(among or spends):
        path: dict[str, None] = {}
        waiting = [iter((start,))]
        while waiting:
            feature_id = next(waiting[-1], None)
            if feature_id is None:
                waiting.pop()
                if path:
                    finished.add(path.popitem()[0])
            elif feature_id in path:
                cycle = list(path)[list(path).index(feature_id) :]
                turn = cycle.index(min(cycle))
                return cycle[turn:] + cycle[:turn]
            elif feature_id not in finished:
                path[feature_id] = None
                waiting.append(iter(tuple(spends.get(feature_id, ()))))
    return []


def _circle(cycle: list[str]) -> str:
    return "spends goes in a circle: " + " → ".join([*cycle, cycle[0]])


def recommended_twice(facts: Facts) -> Iterator[Finding]:
    """At most one plan of a group is recommended."""
    first: dict[str, str] = {}
    for plan in sorted(facts.plans(), key=lambda plan: plan.place):
        if not plan.offer.recommended or plan.offer.archived or not plan.terms.group:
            continue
        earlier = first.setdefault(plan.terms.group, plan.id)
        if earlier != plan.id:
            message = f"{earlier} and {plan.id} are both recommended in group {plan.terms.group}"
            yield error("recommended-twice", facts.at(plan, "recommended"), message, "keep one")


def auto_enable_twice(facts: Facts) -> Iterator[Finding]:
    """At most one plan of an exclusive group is given to every new customer."""
    first: dict[str, str] = {}
    for plan in sorted(facts.plans(), key=lambda plan: plan.place):
        group = facts.catalog.groups.get(plan.terms.group)
        if not plan.offer.auto_enable or plan.offer.archived or group is None or not group.exclusive:
            continue
        earlier = first.setdefault(group.id, plan.id)
        if earlier != plan.id:
            message = f"{earlier} and {plan.id} are both auto-enabled, a customer holds one of {group.id}"
            yield error("auto-enable-twice", facts.at(plan, "auto_enable"), message, "keep one")


def pack_without_once(facts: Facts) -> Iterator[Finding]:
    """A pack is an add-on with a wallet that is paid once; a plan has no wallet and requires nothing."""
    for plan in facts.plans():
        for key in ("wallet", "requires"):
            if plan.kind == "plan" and getattr(plan.terms, key):
                hint = "move it to addons:, or remove it"
                yield error(
                    f"{key}-on-plan", facts.at(plan, key), f"a {section_of(plan)[:-1]} has no {key}", hint
                )
        if plan.kind == "pack" and not only_once(plan.terms):
            message = "a pack (an add-on with a wallet) is paid once"
            yield error(
                "pack-without-once", facts.at(plan, "price"), message, "write price: {once: {USD: 15}}"
            )


def was_twice(facts: Facts) -> Iterator[Finding]:
    """One old id becomes one new id: what is renamed would else have two names. Plans and add-ons share ids."""
    kinds: tuple[Iterable[Feature | Group | Plan], ...] = (
        facts.catalog.features.values(),
        facts.catalog.groups.values(),
        facts.plans(),
    )
    for several in kinds:
        first: dict[str, Feature | Group | Plan] = {}
        for one in sorted(several, key=lambda item: item.place):
            earlier = first.setdefault(one.was, one) if one.was else one
            if earlier is not one:
                message = f'{earlier.id} and {one.id} both say that they were "{one.was}"'
                hint = "only one can be renamed from it: remove was from the other"
                place, also = (_was_place(facts, each) for each in (one, earlier))
                yield replace(error("was-twice", place, message, hint), also=also)


def _was_place(facts: Facts, one: Feature | Group | Plan) -> Place:
    if isinstance(one, Plan):
        return facts.at(one, "was")
    return facts.place(f"{'features' if isinstance(one, Feature) else 'groups'}.{one.id}.was")
