"""Compares three ways: what planctl wants at Stripe, what it last sent there, and what is there now. It calls nobody.

A link says which object stands for ours and keeps the digest of the fields that were last sent: where ours still have
that digest, somebody else made the difference. What belongs to another store is left alone.
Source: planctl reliability rules, Stripe and webhooks: reconcile by list, never by search.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import field

from planctl.core.currencies import iso_currency
from planctl.core.money import format_amount
from planctl.core.stripe.amounts import from_stripe
from planctl.core.stripe.fields import Desired, Fields, Wanted, differences, digest, is_fixed, seen
from planctl.core.stripe.model import (
    LOCAL,
    STORE,
    Action,
    FieldChange,
    Kind,
    LeftOut,
    Link,
    Object,
    StripeChange,
    Value,
)
from planctl.core.stripe.reading import metadata_of, number_of, text_of
from planctl.errors import Refused
from planctl.values import dataclass

Remote = Mapping[Kind, Sequence[Object]]
"""Everything that an account has of each kind that was listed; a kind that was not listed is not compared.

Prices and coupons with their `currency_options`.
"""

_ORDER: tuple[Kind, ...] = ("product", "price", "coupon", "tax_rate", "customer")
_ARCHIVED: tuple[Kind, ...] = ("product", "price", "coupon", "tax_rate")
"""What is archived when it is no longer sold, a coupon by deleting it. A customer stays: it has invoices."""

_REPLACING: Mapping[Kind, str] = {
    "price": "a new price takes its lookup key, then its place as the product's default, then this one is archived",
    "coupon": "a new coupon takes its place, then this one is deleted",
    "tax_rate": "a new rate takes its place, then this one is archived",
}

_Key = tuple[Kind, str]


@dataclass(frozen=True, slots=True)
class Comparison:
    """What a push would do, in the order of kinds and local ids, and what it would not.

    `foreign` counts objects of other stores, and prices of somebody else that have a lookup key of ours; `unchanged`
    those that are as they should be.
    """

    changes: tuple[StripeChange, ...] = ()
    left_out: tuple[LeftOut, ...] = ()
    foreign: int = 0
    unchanged: int = 0

    def count_of(self, action: Action) -> int:
        """How many changes are of that kind."""
        return sum(change.action == action for change in self.changes)


def compare(wanted: Wanted, links: Iterable[Link], remote: Remote, store_id: str) -> Comparison:
    """What a push would do so that Stripe has what is wanted; of kinds that were listed.

    No link and nothing of this store there: create. One of this store there, by its metadata: adopt, the oldest
    where there are several. Another value of what Stripe never changes: replace, in the order that `why` says.
    Linked and gone: recreate. Linked, or made by this store, and no longer wanted: archive. Any other difference is
    an update where our fields are not those that were last sent, else drift: a push sets it back.
    """
    world = _World.of(links, remote, store_id)
    ordered = sorted(
        (one for one in wanted.objects if one.kind in remote),
        key=lambda one: (_ORDER.index(one.kind), one.local_id),
    )
    pairs = [world.pair(one) for one in ordered]
    found: list[StripeChange | LeftOut] = []
    unchanged = 0
    for pair in pairs:
        decided = world.decide(pair)
        found += [decided] if decided is not None else []
        unchanged += decided is None and pair.found is not None
        if isinstance(decided, LeftOut):
            world.refused.add((pair.ours.kind, pair.ours.local_id))
    found += world.no_longer_wanted(ordered)
    changes = [one for one in found if isinstance(one, StripeChange)]
    return Comparison(
        tuple(sorted(changes, key=_place)),
        (*wanted.left_out, *(one for one in found if isinstance(one, LeftOut))),
        world.foreign([one.fields for one in ordered]),
        unchanged,
    )


def _place(change: StripeChange) -> tuple[int, str, bool]:
    return _ORDER.index(change.kind), change.local_id, change.action == "archive"


@dataclass(frozen=True, slots=True)
class _Pair:
    """One of our objects with the one at Stripe that stands for it, if any.

    `adopted`: it is not the linked one. `others` counts further ones that could have been adopted.
    """

    ours: Desired
    link: Link | None
    found: Object | None = None
    adopted: bool = False
    others: int = 0


@dataclass(slots=True)
class _World:
    """What is linked and what is there. Names grow while pairs are found, products first."""

    store_id: str
    remote: Remote
    links: Mapping[_Key, Link]
    there: Mapping[_Key, Object]
    spare: Mapping[_Key, list[Object]]
    """Objects of this store that no link names, by kind and local id, the oldest first."""
    holders: Mapping[str, Object]
    """Prices that this store did not make, by lookup key."""
    names: dict[_Key, str]
    taken: set[_Key] = field(default_factory=set)
    """Those that are paired, by kind and Stripe id."""
    refused: set[_Key] = field(default_factory=set)
    """Ours that are left out, by kind and local id."""

    @classmethod
    def of(cls, links: Iterable[Link], remote: Remote, store_id: str) -> _World:
        by_key: dict[_Key, Link] = {(one.kind, one.local_id): one for one in links}
        there: dict[_Key, Object] = {
            (kind, text_of(one, "id")): one
            for kind, objects in remote.items()
            for one in objects
            if one.get("deleted") is not True
        }
        linked: dict[_Key, str] = {(one.kind, one.stripe_id): one.local_id for one in by_key.values()}
        spare: dict[_Key, list[Object]] = {}
        for (kind, stripe_id), one in sorted(there.items(), key=lambda item: _age(item[1])):
            if metadata_of(one, STORE) == store_id and (kind, stripe_id) not in linked:
                spare.setdefault((kind, metadata_of(one, LOCAL)), []).append(one)
        holders = {
            str(one["lookup_key"]): one
            for one in remote.get("price", ())
            if one.get("lookup_key")
            and metadata_of(one, STORE) != store_id
            and ("price", text_of(one, "id")) not in linked
        }
        names = {key: local for key, local in linked.items() if key in there or key[0] not in remote}
        return cls(store_id, remote, by_key, there, spare, holders, names)

    # --- which object stands for which

    def pair(self, ours: Desired) -> _Pair:
        """The linked object, or one of this store that says it is ours; an active one that fits is preferred."""
        link = self.links.get((ours.kind, ours.local_id))
        linked = self.there.get((ours.kind, link.stripe_id)) if link else None
        spare = self.spare.get((ours.kind, ours.local_id), []) if ours.on_sale else []
        fitting = sorted((one for one in spare if self._fits(ours, one)), key=lambda one: not _is_active(one))
        better = bool(fitting) and _is_active(fitting[0])
        if linked is not None and (not better or self._fits(ours, linked)):
            pair = _Pair(ours, link, linked)
        elif fitting:
            pair = _Pair(ours, link, fitting[0], adopted=True, others=len(fitting) - 1)
        else:
            return _Pair(ours, link)
        assert pair.found is not None
        self.names[ours.kind, text_of(pair.found, "id")] = ours.local_id
        self.taken.add((ours.kind, text_of(pair.found, "id")))
        return pair

    def _fits(self, ours: Desired, found: Object) -> bool:
        return not any(is_fixed(one, ours.kind) for one in self._differences(ours, found))

    def _differences(self, ours: Desired, found: Object) -> tuple[FieldChange, ...]:
        return differences(ours.fields, seen(found, ours, self.names), ours.kind)

    # --- what is to be done

    def decide(self, pair: _Pair) -> StripeChange | LeftOut | None:
        """What a push does about one of ours; None where all is as it should be."""
        ours, found = pair.ours, pair.found
        refusal = self._refusal(pair)
        if refusal:
            return LeftOut(ours.kind, ours.local_id, refusal)
        if found is None:
            if not ours.on_sale:
                return None
            gone = pair.link.stripe_id if pair.link else ""
            if gone:
                return StripeChange(ours.kind, ours.local_id, "recreate", gone, (), "gone at Stripe")
            return StripeChange(ours.kind, ours.local_id, "create")
        if not ours.on_sale:
            return self._archive(ours.kind, found, "archived here") if _is_active(found) else None
        changes = (*self._differences(ours, found), *self._whose(found))
        if not changes and not pair.adopted:
            return None
        action, why = self._action(pair, changes)
        return StripeChange(ours.kind, ours.local_id, action, text_of(found, "id"), changes, why)

    def _action(self, pair: _Pair, changes: Sequence[FieldChange]) -> tuple[Action, str]:
        ours = pair.ours
        if pair.adopted:
            more = f"; {pair.others} more like it" if pair.others else ""
            return "adopt", f"this store made it, and no link says so{more}"
        same = pair.link is not None and pair.link.digest == digest(ours.fields) and not self._behind(changes)
        who = "changed at Stripe" if same else ""
        if any(is_fixed(one, ours.kind) for one in changes):
            told = [who, *_amounts_told(ours.fields, changes), _REPLACING[ours.kind]]
            return "replace", "; ".join(one for one in told if one)
        return ("drift", who) if same else ("update", "")

    def _behind(self, changes: Sequence[FieldChange]) -> bool:
        """Whether a product's default is still a price of ours that another took the place of: nobody's drift."""
        if [one.path for one in changes] != ["default_price"]:
            return False
        default = self.there.get(("price", str(changes[0].stripe)))
        return default is not None and metadata_of(default, STORE) == self.store_id

    def _refusal(self, pair: _Pair) -> str:
        """Why nothing is done about one of ours: what stands for it, or what it needs, is somebody else's."""
        ours, found = pair.ours, pair.found
        if found is not None and self._is_foreign(found):
            return f"{text_of(found, 'id')} belongs to another store, {metadata_of(found, STORE)}"
        if found is None and ("product", str(ours.fields.get("product"))) in self.refused:
            return "its product is left out"
        holder = self.holders.get(str(ours.fields.get("lookup_key", "")))
        return (
            f"its lookup key is taken by {text_of(holder, 'id')}, which this store did not make"
            if holder
            else ""
        )

    def _whose(self, found: Object) -> tuple[FieldChange, ...]:
        """The mark of this store, where somebody took it off."""
        return () if metadata_of(found, STORE) else (FieldChange(f"metadata.{STORE}", self.store_id, None),)

    def _archive(self, kind: Kind, found: Object, why: str) -> StripeChange:
        return StripeChange(
            kind,
            self.names.get((kind, text_of(found, "id"))) or metadata_of(found, LOCAL),
            "archive",
            text_of(found, "id"),
            (),
            why,
        )

    # --- what is there and not wanted

    def no_longer_wanted(self, wanted: Sequence[Desired]) -> Iterator[StripeChange | LeftOut]:
        """Active objects that are linked or made by this store and stand for nothing that is wanted."""
        by_key = {(one.kind, one.local_id): one for one in wanted}
        kept = self._kept_as_default(by_key)
        linked = {(one.kind, one.stripe_id) for one in self.links.values()}
        for (kind, stripe_id), one in self.there.items():
            ours = metadata_of(one, STORE) == self.store_id or (kind, stripe_id) in linked
            if not ours or self._is_foreign(one) or kind not in _ARCHIVED or not _is_active(one):
                continue
            if (kind, stripe_id) in self.taken:
                continue
            local_id = self.names.get((kind, stripe_id)) or metadata_of(one, LOCAL)
            if kind == "price" and stripe_id in kept:
                if kept[stripe_id]:
                    yield LeftOut("price", local_id, kept[stripe_id])
                continue
            replaced = (kind, local_id) in by_key and by_key[kind, local_id].on_sale
            yield self._archive(kind, one, "another took its place" if replaced else "no longer sold")

    def _kept_as_default(self, wanted: Mapping[_Key, Desired]) -> dict[str, str]:
        """Prices that cannot be archived, with what is to be said of it: Stripe has no way to take a default away.

        Nothing is said where the product itself is archived, for then nobody can buy at its price.
        """
        kept: dict[str, str] = {}
        for product in self.remote.get("product", ()):
            default, local_id = (
                product.get("default_price"),
                self.names.get(("product", text_of(product, "id"))),
            )
            ours = wanted.get(("product", local_id or ""))
            if isinstance(default, str) and (ours is None or "default_price" not in ours.fields):
                on_sale = ours is not None and ours.on_sale
                kept[default] = f"Stripe keeps it as the default price of {local_id}" if on_sale else ""
        return kept

    # --- what is somebody else's

    def foreign(self, wanted: Iterable[Fields]) -> int:
        """How many objects belong to other stores, or to somebody else and have a lookup key of ours."""
        others = {key for key, one in self.there.items() if self._is_foreign(one)}
        held = (self.holders.get(str(fields.get("lookup_key", ""))) for fields in wanted)
        return len(others | {("price", text_of(one, "id")) for one in held if one is not None})

    def _is_foreign(self, found: Object) -> bool:
        return metadata_of(found, STORE) not in {"", self.store_id}


def _amounts_told(ours: Fields, changes: Iterable[FieldChange]) -> Iterator[str]:
    """What a price or coupon comes to, now and then, for people: `49.00 → 55.00 USD`."""
    for changed in changes:
        *above, name = changed.path.split(".")
        code = above[-1] if above else ours.get("currency")
        if name in {"unit_amount", "amount_off"} and isinstance(code, str):
            before, after = (_amount(value, code) for value in (changed.stripe, changed.ours))
            yield f"{before} → {after} {code.upper()}"


def _amount(value: Value, code: str) -> str:
    currency = iso_currency(code.upper())
    if currency is None or not isinstance(value, int):
        return "none" if value is None else str(value)
    try:
        return format_amount(from_stripe(value, currency), currency)
    except Refused:
        return str(value)


def _is_active(found: Object) -> bool:
    """Whether it can be sold; what has no such flag is, as long as it is there."""
    return found.get("active") is not False


def _age(found: Object) -> tuple[int, str]:
    return number_of(found, "created"), text_of(found, "id")
