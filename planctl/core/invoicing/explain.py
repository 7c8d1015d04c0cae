"""One invoice line worked out again from what is kept beside it, step by step. It reads no store and bills nothing.

What comes out is compared with the amount that was billed: a line that its own steps do not bear out says so.
Source: planctl billing rules, money and rounding, rating, fees.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from decimal import Decimal
from fractions import Fraction

from planctl.core.currencies import Currency
from planctl.core.document import Document
from planctl.core.invoicing.late import difference_minor
from planctl.core.invoicing.model import Line, LineKind
from planctl.core.invoicing.unused import is_unused
from planctl.core.invoicing.usage_story import UsageStory, number_in, objects_in, text_in, usage_story
from planctl.core.money import NumberError, allocate, format_minor, fraction_text, round_minor
from planctl.core.pricing.model import Billable, Part
from planctl.core.subscriptions.model import Subscription
from planctl.values import dataclass

ZERO, ONE = Fraction(0), Fraction(1)


@dataclass(frozen=True, slots=True)
class Factor:
    """One number of a product, exact, and what it is: price, quantity, share. `text` says it in words."""

    name: str
    value: Fraction
    text: str = ""


@dataclass(frozen=True, slots=True)
class Step:
    """One product of a formula, in major units; the line's exact value is the sum of its steps."""

    what: str
    factors: tuple[Factor, ...]

    @property
    def amount(self) -> Fraction:
        """The factors multiplied, exact."""
        product = ONE
        for factor in self.factors:
            product *= factor.value
        return product


@dataclass(frozen=True, slots=True)
class Cap:
    """A usage line within the `maximum`: `left_minor` of it was left for lines that came to `uncapped_minor` each.

    They are shared out by largest remainder; `place` is this line's among them.
    """

    maximum: Fraction
    left_minor: int
    uncapped_minor: tuple[int, ...]
    place: int

    @property
    def share_minor(self) -> int:
        """What the line keeps."""
        return allocate(self.left_minor, self.uncapped_minor)[self.place]


@dataclass(frozen=True, slots=True)
class EarlierLine:
    """What an earlier invoice charged for the same service period: its number, and the line's place there.

    `given_back_minor` is what a credit note made by late usage took back of it before, before discounts.
    """

    invoice: str
    position: int
    line: Line
    status: str = ""
    given_back_minor: int = 0

    @property
    def charged_minor(self) -> int:
        """What the line adds to the charge of its period, before discounts."""
        return difference_minor(self.line) - self.given_back_minor


@dataclass(frozen=True, slots=True)
class Late:
    """What late usage changed: `now_minor` - `before_minor` = `difference_minor`, before discounts.

    What is given back is as much lower as the discounts that were given on the charge: `amount_minor`.
    """

    before_minor: int
    now_minor: int
    difference_minor: int
    amount_minor: int


@dataclass(frozen=True, slots=True)
class Around:
    """What explaining a line needs beside it: its frozen terms, its invoice's lines, what was charged before."""

    currency: Currency
    subscription: Subscription | None = None
    siblings: Sequence[Line] = ()
    earlier: Sequence[EarlierLine] = ()


@dataclass(frozen=True, slots=True)
class ExplainedLine:
    """A line with the steps that sum to its `exact` value, what they come to, and where they do not agree.

    `rounded_minor` is the exact value rounded half up, `amount_minor` what the line must be: the same, or within
    the `maximum`, or the difference to what was charged before. `wrong` is empty where everything agrees.
    """

    position: int
    line: Line
    steps: tuple[Step, ...]
    exact: Fraction
    rounded_minor: int
    amount_minor: int
    cap: Cap | None = None
    late: Late | None = None
    usage: UsageStory | None = None
    earlier: tuple[EarlierLine, ...] = ()
    wrong: tuple[str, ...] = ()


def explain_line(position: int, line: Line, around: Around) -> ExplainedLine:
    """The line at `position` (from 1) of an invoice, worked out again; nothing is taken from its amount."""
    wrong: list[str] = []
    steps = _FORMULAS[line.kind](line, around)
    exact = sum((step.amount for step in steps), ZERO)
    rounded = _rounded(exact, around.currency, wrong)
    cap = _cap(line, around)
    late = _late(line, around, rounded if cap is None else cap.share_minor, bool(steps))
    amount = late.amount_minor if late is not None else rounded if cap is None else cap.share_minor
    net = unused_net(line, rounded, around.currency)
    amount = amount if net is None else net
    usage = usage_story(line)
    wrong += _wrong_recorded(line, exact, bool(steps))
    wrong += usage.wrong if usage is not None else ()
    wrong += _wrong_late(late, around)
    wrong += _wrong_cap(cap, rounded)
    wrong += _wrong_amount(line, amount, around.currency)
    named = tuple(f"line {position}: {sentence}" for sentence in wrong)
    earlier = tuple(around.earlier) if late is not None else ()
    return ExplainedLine(position, line, steps, exact, rounded, amount, cap, late, usage, earlier, named)


# --- formulas


def _price(line: Line, around: Around) -> tuple[Step, ...]:
    """Price × quantity × share of the period."""
    if line.unit_price is None:
        return ()
    factors = (Factor("price", line.unit_price), Factor("quantity", line.quantity))
    return (Step("price", factors + _share(line)),)


def _share(line: Line, sign: int = 1) -> tuple[Factor, ...]:
    """The share of a whole period as a factor; none for a whole one."""
    part = number_in(line.detail, "share")
    part = ONE if part is None else part
    if part == ONE and sign == 1:
        return ()
    return (Factor("share", sign * part, text_in(line.detail, "share_text")),)


def _quantity(line: Line, around: Around) -> tuple[Step, ...]:
    """A prepaid quantity: by its one price, else by the tiers or packages of the frozen terms."""
    if line.unit_price is not None:
        return _price(line, around)
    included = _included(line, around)
    return _terms_steps(line, around, included + line.quantity)


def _change(line: Line, around: Around) -> tuple[Step, ...]:
    """The rest of a period: a fee resumed, or what a quantity costs more (or less) than the one before it."""
    if is_unused(line):
        return _unused(line)
    if line.unit_price is not None:
        return _price(line, around)
    totals = _totals(line, around)
    if totals is None:
        return ()
    before, after = totals
    return _terms_steps(line, around, after) + _terms_steps(line, around, before, sign=-1)


def _unused(line: Line) -> tuple[Step, ...]:
    """What was charged ahead, each charge for the part of its time that is not used, less what went back before."""
    steps: list[Step] = []
    for one in objects_in(line.detail, "charged"):
        amount, part, credited = (number_in(one, key) or ZERO for key in ("amount", "part", "credited"))
        steps.append(Step("charged", (Factor("amount", -amount), Factor("share", part))))
        back = min(credited, max(amount * part, ZERO))
        if back:
            steps.append(Step("credited before", (Factor("amount", back),)))
    return tuple(steps)


def unused_net(line: Line, gross_minor: int, currency: Currency) -> int | None:
    """What of a credit for unused time is given back, after the discounts of its charges, the latest first.

    None for any other line.
    """
    charged = [one for one in objects_in(line.detail, "charged") if (number_in(one, "amount") or ZERO) > 0]
    if not charged:
        return None
    left, net = Fraction(-gross_minor), 0
    for one in reversed(charged):
        amount, paid, part, credited = (
            number_in(one, key) or ZERO for key in ("amount", "net", "part", "credited")
        )
        most = max(amount * part - credited, ZERO) * 10**currency.decimals
        wanted = min(left, most)
        net += round_minor(wanted * paid / amount, 0)
        left -= wanted
    return -net


def _terms_steps(line: Line, around: Around, total: Fraction, sign: int = 1) -> tuple[Step, ...]:
    """What `total` prepaid units cost by the frozen terms, for the line's share of the period."""
    what = "" if sign == 1 else "before: "
    return tuple(
        Step(f"{what}{part.label}", (*_factors(part), *_share(line, sign)))
        for part in _terms_parts(line, around, total)
    )


def _terms_parts(line: Line, around: Around, total: Fraction) -> tuple[Part, ...]:
    subscription = around.subscription
    entitlement = subscription.terms.features.get(line.feature) if subscription is not None else None
    if subscription is None or entitlement is None or entitlement.beyond is None:
        return ()
    price = entitlement.beyond.price_for(subscription.pay)
    included = _included(line, around)
    if price is None or total <= included:
        return ()
    return price.price(Billable(total, included), around.currency.code).parts


def _included(line: Line, around: Around) -> Fraction:
    subscription = around.subscription
    entitlement = subscription.terms.features.get(line.feature) if subscription is not None else None
    return ZERO if entitlement is None else Fraction(entitlement.included or Decimal(0))


def _totals(line: Line, around: Around) -> tuple[Fraction, Fraction] | None:
    """The totals before and after the change that a line charges; None where it is not known any more."""
    subscription = around.subscription
    number = line.occasion.partition("change:")[2] or line.charge_key.rpartition(":")[2]
    steps = () if subscription is None else subscription.steps
    step = next((one for one in steps if str(one.seq) == number and one.feature == line.feature), None)
    if step is None or subscription is None:
        return None
    earlier = tuple(one for one in steps if (one.at, one.seq) < (step.at, step.seq))
    held = replace(subscription, steps=earlier).quantities_at(step.at).get(line.feature)
    included = _included(line, around)
    return (included if held is None else Fraction(held)), Fraction(step.total)


def _factors(part: Part) -> tuple[Factor, ...]:
    return (Factor("quantity", part.quantity), Factor("price", part.unit_price))


def _parts(line: Line, around: Around) -> tuple[Step, ...]:
    """What was used above the allowance and the wallet: tier by tier, package by package."""
    found = []
    for part in objects_in(line.detail, "parts"):
        quantity, price = number_in(part, "quantity"), number_in(part, "unit_price")
        if quantity is not None and price is not None:
            factors = (Factor("quantity", quantity), Factor("price", price))
            found.append(Step(text_in(part, "label"), factors))
    return tuple(found)


def _minimum(line: Line, around: Around) -> tuple[Step, ...]:
    """The minimum × share, less what the period was charged."""
    minimum, charged = number_in(line.detail, "minimum"), number_in(line.detail, "charged")
    if minimum is None or charged is None:
        return ()
    return (
        Step("minimum", (Factor("price", minimum), *_share(line))),
        Step("charged in the period", (Factor("amount", -charged),)),
    )


_FORMULAS: Mapping[LineKind, Callable[[Line, Around], tuple[Step, ...]]] = {
    "fee": _price,
    "one_off": _price,
    "addon": _price,
    "pack": _price,
    "quantity": _quantity,
    "proration_credit": _change,
    "proration_charge": _change,
    "usage": _parts,
    "late_usage": _parts,
    "minimum": _minimum,
}


# --- after rounding


def _rounded(exact: Fraction, currency: Currency, wrong: list[str]) -> int:
    try:
        return round_minor(exact, currency.decimals)
    except NumberError as error:
        wrong.append(f"its steps sum to {fraction_text(exact)}: {error.reason}")
        return 0


def _cap(line: Line, around: Around) -> Cap | None:
    """What was left of the `maximum`, and the lines of the same closing that share it; None where it is not reached."""
    maximum = number_in(line.detail, "maximum")
    if maximum is None or number_in(line.detail, "uncapped") is None:
        return None
    decimals = around.currency.decimals
    if "difference_minor" in _keys(line.detail):
        charged = sum(one.charged_minor for one in around.earlier) + difference_minor(line)
        return Cap(maximum, max(charged, 0), (_uncapped(line, decimals),), 0)
    closing = (line.subscription, line.starts_at, line.ends_at, line.occasion)
    together = [
        one
        for one in around.siblings
        if one.kind == "usage"
        and (one.subscription, one.starts_at, one.ends_at, one.occasion) == closing
        and number_in(one.detail, "uncapped") is not None
    ]
    place = next(
        (at for at, one in enumerate(together) if one.charge_key == line.charge_key), len(together) - 1
    )
    left = sum(one.amount_minor for one in together)
    return Cap(maximum, left, tuple(_uncapped(one, decimals) for one in together), place)


def _uncapped(line: Line, decimals: int) -> int:
    uncapped = number_in(line.detail, "uncapped")
    return 0 if uncapped is None else round_minor(uncapped, decimals)


def _late(line: Line, around: Around, now_minor: int, rated: bool) -> Late | None:
    """The difference to what was charged before; of a minimum that was billed again only that much is known."""
    if "difference_minor" not in _keys(line.detail):
        return None
    before = sum(one.charged_minor for one in around.earlier)
    is_rated = rated or bool(objects_in(line.detail, "parts")) or "exact" in _keys(line.detail)
    now = now_minor if is_rated else before + difference_minor(line)
    differs = now - before
    amount = differs if differs > 0 or not is_rated else -_after_discounts(-differs, around.earlier)
    return Late(before, now, differs, amount)


def _after_discounts(amount_minor: int, earlier: Sequence[EarlierLine]) -> int:
    """What is given back of an amount that was charged with the discounts of these lines."""
    charges = [one.line for one in earlier if one.line.amount_minor > 0]
    gross = sum(line.amount_minor for line in charges)
    net = sum(line.net_minor for line in charges)
    return amount_minor if not gross else round_minor(Fraction(amount_minor * net, gross), 0)


# --- what does not agree


def _wrong_recorded(line: Line, exact: Fraction, worked_out: bool) -> list[str]:
    recorded = number_in(line.detail, "exact")
    if recorded is None:
        known = worked_out or "difference_minor" in _keys(line.detail)
        return [] if known else ["nothing is kept of how its amount was found"]
    if recorded != exact:
        return [
            f"its steps sum to {fraction_text(exact)}, recorded was {fraction_text(recorded)}"
            f" (difference {fraction_text(exact - recorded)})"
        ]
    wrong = []
    for part in objects_in(line.detail, "parts"):
        quantity, price, amount = (number_in(part, key) for key in ("quantity", "unit_price", "amount"))
        if quantity is None or price is None or quantity * price != amount:
            wrong.append(f"its step {text_in(part, 'label')!r} is not quantity × price")
    return wrong


def _wrong_late(late: Late | None, around: Around) -> list[str]:
    if late is None or late.before_minor >= 0:
        return []
    before = format_minor(late.before_minor, around.currency)
    return [f"its period was charged {before} {around.currency.code} before, which is below 0"]


def _wrong_cap(cap: Cap | None, rounded: int) -> list[str]:
    if cap is None:
        return []
    if cap.uncapped_minor[cap.place] != rounded:
        return [
            f"without the maximum it is {cap.uncapped_minor[cap.place]}, its steps come to {rounded} (minor units)"
        ]
    if cap.left_minor > sum(cap.uncapped_minor):
        return ["it is above what its steps come to without the maximum"]
    return []


def _wrong_amount(line: Line, amount_minor: int, currency: Currency) -> list[str]:
    if line.amount_minor == amount_minor:
        return []
    worked, billed, differs = (
        f"{format_minor(minor, currency)} {currency.code}"
        for minor in (amount_minor, line.amount_minor, line.amount_minor - amount_minor)
    )
    return [f"its steps come to {worked}, billed was {billed} (difference {differs})"]


def _keys(detail: Document) -> frozenset[str]:
    return frozenset(detail) if isinstance(detail, dict) else frozenset()
