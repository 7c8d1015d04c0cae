"""Knows an object at Stripe as the fields that planctl compares: those it wants, those it sees, and what to send.

Fields are parameters of a creation, nested as Stripe nests them, without what is empty: a field that is absent on one
side only is a difference. What stands for another object of ours (the product of a price) is its local id; only
`create_params` and `update_params` know Stripe's ids. It decides nothing and calls nobody.
Source: https://docs.stripe.com/api (products, prices, coupons, tax rates, customers).
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Mapping

from planctl.core.money import NumberError, decimal_text, parse_decimal
from planctl.core.stripe.model import LOCAL, FieldChange, Kind, LeftOut, Object, Value
from planctl.core.stripe.reading import map_of
from planctl.values import dataclass

Fields = Mapping[str, Value]
Names = Mapping[tuple[Kind, str], str]
"""Local ids by kind and Stripe id, or Stripe ids by kind and local id."""

CATALOG = "planctl_catalog"
"""The name under which a product and its prices say, in their metadata, which catalog they come from."""

FIXED: Mapping[Kind, frozenset[str]] = {
    "price": frozenset({"product", "currency", "unit_amount", "currency_options", "recurring"}),
    "coupon": frozenset(
        {"percent_off", "amount_off", "currency", "currency_options", "duration", "duration_in_months"}
    ),
    "tax_rate": frozenset({"percentage", "inclusive"}),
}
"""What is never changed at Stripe: another value makes another object. Stripe would let the amounts in further
currencies be changed; they are held fixed too, so that what was bought at a price costs what it did."""

KEPT: Mapping[Kind, frozenset[str]] = {
    "product": frozenset({"default_price"}),
    "customer": frozenset({"preferred_locales"}),
}
"""What Stripe has no way to empty: where we have none, what is there is left."""

_REFERENCES: Mapping[tuple[Kind, str], Kind] = {
    ("price", "product"): "product",
    ("product", "default_price"): "price",
}
_NOT_AT_CREATION = frozenset({("product", "default_price")})
"""A product is made before its prices."""


@dataclass(frozen=True, slots=True)
class Desired:
    """An object as it should be at Stripe. One with `active` False is never made, only archived."""

    kind: Kind
    local_id: str
    fields: Fields

    @property
    def fixed(self) -> frozenset[str]:
        """The fields of which another value makes another object."""
        return FIXED.get(self.kind, frozenset())

    @property
    def on_sale(self) -> bool:
        """Whether it should be there and active."""
        return self.fields.get("active") is not False

    @property
    def created(self) -> Fields:
        """The fields that its creation sets; the others are set by an update afterwards."""
        return {name: value for name, value in self.fields.items() if not self._is_late(name)}

    def _is_late(self, name: str) -> bool:
        return (self.kind, name) in _NOT_AT_CREATION


@dataclass(frozen=True, slots=True)
class Wanted:
    """What should be at Stripe, and what is not sent there."""

    objects: tuple[Desired, ...] = ()
    left_out: tuple[LeftOut, ...] = ()


def digest(fields: Fields) -> str:
    """The hash of fields, whatever their order: 64 hex digits. A link keeps that of the fields last sent."""
    text = json.dumps(fields, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()


def seen(found: Object, ours: Desired, names: Names) -> Fields:
    """The fields of an object at Stripe, of those that planctl sets for its kind.

    `names` are local ids by kind and Stripe id; an object without one is named by its Stripe id. Amounts in several
    currencies are told with our first currency first: which of them is the default at Stripe makes no difference.
    Prices and coupons must have been read with `currency_options`.
    """
    return without_empty(_READERS[ours.kind](found, ours.fields, names))


def differences(ours: Fields, stripe: Fields, kind: Kind) -> tuple[FieldChange, ...]:
    """Every field that differs, by its path (`address.line1`), in our order; a list is one value."""
    return tuple(
        changed
        for changed in _differences(ours, stripe, "")
        if changed.ours is not None or changed.path not in KEPT.get(kind, ())
    )


def is_fixed(changed: FieldChange, kind: Kind) -> bool:
    """Whether the difference makes another object."""
    return changed.path.partition(".")[0] in FIXED.get(kind, ())


def create_params(one: Desired, ids: Names) -> dict[str, Value]:
    """The parameters that make the object; `ids` are Stripe ids by kind and local id.

    A price takes over its lookup key from the one that has it. Metadata that says whose it is comes beside these.
    """
    params = {name: _resolved(one.kind, name, value, ids) for name, value in one.created.items()}
    return params | _moving_the_key(params)


def update_params(one: Desired, changes: Iterable[FieldChange], ids: Names) -> dict[str, Value]:
    """The parameters that set the changed fields as they should be; an empty text unsets one that we have not.

    What refers to an object without a Stripe id is left for a later update.
    """
    params: dict[str, Value] = {}
    for changed in changes:
        reference = _REFERENCES.get((one.kind, changed.path))
        if reference is None or (reference, str(changed.ours)) in ids:
            value = "" if changed.ours is None else _resolved(one.kind, changed.path, changed.ours, ids)
            _put(params, changed.path.split("."), value)
    if (
        "address" in params
    ):  # sent whole: Stripe does not say whether it would keep the parts that are not sent
        whole = map_of(one.fields.get("address"))
        params["address"] = {name: whole.get(name, "") for name in ("line1", "line2", "country")}
    return params | _moving_the_key(params)


def _moving_the_key(params: Fields) -> dict[str, Value]:
    return {"transfer_lookup_key": True} if params.get("lookup_key") else {}


def _resolved(kind: Kind, name: str, value: Value, ids: Names) -> Value:
    reference = _REFERENCES.get((kind, name))
    return value if reference is None else ids[reference, str(value)]


def _put(params: dict[str, Value], path: list[str], value: Value) -> None:
    first, *rest = path
    if not rest:
        params[first] = value
        return
    below = params.setdefault(first, {})
    assert isinstance(below, dict), f"{first} is no map"
    _put(below, rest, value)


def _differences(ours: Fields, stripe: Fields, below: str) -> Iterable[FieldChange]:
    for name in {**ours, **stripe}:
        mine, theirs = ours.get(name), stripe.get(name)
        path = f"{below}{name}"
        if isinstance(mine, dict) or isinstance(theirs, dict):
            yield from _differences(map_of(mine), map_of(theirs), f"{path}.")
        elif mine != theirs:
            yield FieldChange(path, mine, theirs)


def without_empty(fields: Fields) -> dict[str, Value]:
    """Fields as they are compared: what is empty is absent, on every level."""
    kept = {
        name: without_empty(value) if isinstance(value, dict) else value for name, value in fields.items()
    }
    return {name: value for name, value in kept.items() if value not in (None, "", [], {})}


# --- reading what Stripe has


def _product(found: Object, _ours: Fields, names: Names) -> Fields:
    return {
        **_picked(found, ("name", "description", "active")),
        "default_price": _name("price", found.get("default_price"), names),
        "metadata": _picked(found.get("metadata"), (LOCAL, CATALOG)),
    }


def _price(found: Object, ours: Fields, names: Names) -> Fields:
    return {
        **_picked(found, ("active", "lookup_key", "nickname")),
        "product": _name("product", found.get("product"), names),
        **_amounts(found, "unit_amount", ours),
        "recurring": _picked(found.get("recurring"), ("interval", "interval_count")),
        "metadata": _picked(found.get("metadata"), (LOCAL, CATALOG)),
    }


def _coupon(found: Object, ours: Fields, _names: Names) -> Fields:
    repeating = found.get("duration") == "repeating"
    return {
        **_picked(found, ("name", "duration", *(("duration_in_months",) if repeating else ()))),
        "percent_off": _number(found.get("percent_off")),
        **({} if found.get("amount_off") is None else _amounts(found, "amount_off", ours)),
        "metadata": _picked(found.get("metadata"), (LOCAL,)),
    }


def _tax_rate(found: Object, _ours: Fields, _names: Names) -> Fields:
    return {
        **_picked(found, ("display_name", "inclusive", "country", "jurisdiction", "active")),
        "percentage": _number(found.get("percentage")),
        "metadata": _picked(found.get("metadata"), (LOCAL,)),
    }


def _customer(found: Object, _ours: Fields, _names: Names) -> Fields:
    settings = map_of(found.get("invoice_settings"))
    shown = settings.get("custom_fields")
    return {
        **_picked(found, ("name", "email", "description", "preferred_locales", "tax_exempt")),
        "address": _picked(found.get("address"), ("line1", "line2", "country")),
        "invoice_settings": {
            "custom_fields": [_picked(one, ("name", "value")) for one in shown]
            if isinstance(shown, list)
            else None
        },
        "metadata": _picked(found.get("metadata"), (LOCAL,)),
    }


_READERS: Mapping[Kind, Callable[[Object, Fields, Names], Fields]] = {
    "product": _product,
    "price": _price,
    "coupon": _coupon,
    "tax_rate": _tax_rate,
    "customer": _customer,
}


def _amounts(found: Object, name: str, ours: Fields) -> Fields:
    """The amounts in all currencies, ours first where it is one of them."""
    options = map_of(found.get("currency_options"))
    amounts = {code: map_of(option).get(name) for code, option in options.items()}
    own = found.get("currency")
    amounts |= {own: found.get(name)} if isinstance(own, str) else {}
    wanted = ours.get("currency")
    first = wanted if isinstance(wanted, str) and wanted in amounts else own
    return {
        "currency": first,
        name: amounts.pop(str(first), None),
        "currency_options": {code: {name: amount} for code, amount in amounts.items()},
    }


def _name(kind: Kind, value: Value, names: Names) -> Value:
    """The local id of an object that another names, by its id or as a whole."""
    stripe_id = value.get("id") if isinstance(value, dict) else value
    return names.get((kind, stripe_id), stripe_id) if isinstance(stripe_id, str) else None


def _number(value: Value) -> Value:
    """A number, with a fraction or without, as its shortest text: `25.50` and `25.5` are the same."""
    if value is None or isinstance(value, bool):
        return None
    try:
        return decimal_text(parse_decimal(str(value)))
    except NumberError:
        return str(value)


def _picked(value: Value | Object, names: Iterable[str]) -> dict[str, Value]:
    found = value if isinstance(value, Mapping) else {}
    return {name: found.get(name) for name in names}
