"""Whether a draft at Stripe, read back, is what was sent: currency, every line, every sum. It corrects nothing.

Source: planctl reliability rules, push step by step; https://docs.stripe.com/api/invoices/object.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from planctl.core.stripe.invoice_params import Expected, ExpectedLine
from planctl.core.stripe.model import LOCAL, STORE, Object, Value
from planctl.core.stripe.reading import map_of, metadata_of, number_of
from planctl.values import dataclass

_SHOWN = 3
"""How many differences a note names; it says how many there are beside."""


@dataclass(frozen=True, slots=True)
class Difference:
    """Something that stands at Stripe as it should not: what, ours and Stripe's, in Stripe's unit where it is money."""

    what: str
    ours: str
    stripe: str

    def __str__(self) -> str:
        """In one sentence; of two numbers it says by how much Stripe's is more."""
        said = f"{self.what}: {self.ours} here, {self.stripe} at Stripe"
        if not (_is_number(self.ours) and _is_number(self.stripe)):
            return said
        return f"{said} ({int(self.stripe) - int(self.ours):+d})"


def differences(
    expected: Expected, found: Object, lines: Sequence[Object], store_id: str
) -> tuple[Difference, ...]:
    """Everything in which an invoice and all of its lines differ from what was sent; none if it may be finalized.

    Its status is none of it: one that somebody finalized meanwhile may be what was sent all the same.
    """
    return (
        *_of_draft(expected, found, store_id),
        *_of_lines(expected.lines, lines),
        *_of_sums(expected, found),
    )


def in_words(several: Sequence[Difference]) -> str:
    """Differences in one line, the first three of them."""
    more = f" and {len(several) - _SHOWN} more" if len(several) > _SHOWN else ""
    return "; ".join(str(one) for one in several[:_SHOWN]) + more


def wrongly_opened(due: int, found: Object) -> str:
    """Why a finalized invoice is not what was compared, empty where it is: it is due whole, or was paid since.

    Of less than Stripe charges nothing is due once it is finalized: it counts as paid there, though nothing was.
    """
    if number_of(found, "amount_due") == due:
        return ""
    if found.get("status") == "paid" and not number_of(found, "amount_paid"):
        return f"Stripe charges nothing for an invoice of {due}, which is too little, and marked it as paid"
    return str(Difference("amount due", str(due), _text(found.get("amount_due"))))


def _of_draft(expected: Expected, found: Object, store_id: str) -> Iterator[Difference]:
    marks = map_of(found.get("metadata"))
    wanted: dict[str, tuple[Value, Value]] = {
        "store": (store_id, marks.get(STORE)),
        "invoice": (expected.invoice, marks.get(LOCAL)),
        "customer": (expected.customer, found.get("customer")),
        "currency": (expected.currency, found.get("currency")),
        "customer's balance there": (0, found.get("starting_balance")),
    }
    yield from _unequal(wanted)


def _of_sums(expected: Expected, found: Object) -> Iterator[Difference]:
    wanted: dict[str, tuple[Value, Value]] = {
        "total without tax": (expected.total_without_tax, found.get("total_excluding_tax")),
        "tax": (expected.tax, _taxes(found, "total_taxes")),
        "total": (expected.total, found.get("total")),
        "amount due": (expected.total, found.get("amount_due")),
    }
    yield from _unequal(wanted)


def _unequal(wanted: Mapping[str, tuple[Value, Value]]) -> Iterator[Difference]:
    for what, (wish, there) in wanted.items():
        if wish != there:
            yield Difference(what, _text(wish), _text(there))


def _of_lines(expected: Sequence[ExpectedLine], lines: Sequence[Object]) -> Iterator[Difference]:
    """By our line ids: each must be there once, and no other line."""
    there: dict[str, Object] = {}
    for line in lines:
        name = metadata_of(line, LOCAL)
        if name in there or name not in {one.id for one in expected}:
            yield Difference(f"line {name or line.get('id')}", "none", _text(line.get("amount")))
        there.setdefault(name, line)
    for one in expected:
        found = there.get(one.id)
        if found is None:
            yield Difference(f"line {one.id}", str(one.amount), "none")
            continue
        for what, wish, amount in (
            ("", one.amount, found.get("amount")),
            (", added tax", one.tax_added, _taxes(found, "taxes", "exclusive")),
            (", included tax", one.tax_included, _taxes(found, "taxes", "inclusive")),
        ):
            if wish != amount:
                yield Difference(f"line {one.id}{what}", str(wish), _text(amount))


def _taxes(found: Object, name: str, behavior: str = "") -> int:
    """The sum of an object's taxes, of those that are added or included alone where that is said."""
    taxes = found.get(name)
    several = [one for one in taxes if isinstance(one, dict)] if isinstance(taxes, list) else []
    return sum(number_of(one, "amount") for one in several if behavior in {"", one.get("tax_behavior")})


def _text(value: Value) -> str:
    return "none" if value is None else str(value)


def _is_number(text: str) -> bool:
    return text.lstrip("-").isdigit()
