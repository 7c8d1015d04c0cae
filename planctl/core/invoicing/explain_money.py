"""How an invoice's discounts, taxes and sums come about, and which of them do not agree. It reads no store.

Source: planctl billing rules, money and rounding, coupons; EN 16931, BR-CO-17.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from decimal import Decimal
from fractions import Fraction

from planctl.core.catalog.model import TaxRate
from planctl.core.coupons import Redemption
from planctl.core.currencies import Currency
from planctl.core.invoicing.discounts import Taken, taken_again, wrong_discounts
from planctl.core.invoicing.model import Discount, Draft, Invoice, Line, TaxShare
from planctl.core.invoicing.taxation import tax_day, wrong_taxes
from planctl.core.money import round_half_up, to_minor
from planctl.values import dataclass


@dataclass(frozen=True, slots=True)
class DiscountShare:
    """What one coupon takes off one line: `share_minor` of the `discount_minor` that it takes off the invoice.

    A percentage (a fraction of 1) is of `left_minor`, what was left of the lines that the coupon covers; an amount
    off is at most that. Both are None where the coupon's terms are not known any more.
    """

    coupon: str
    percent: Decimal | None
    off_minor: int | None
    left_minor: int
    discount_minor: int
    share_minor: int
    covered: tuple[int, ...]
    """The positions of the lines among which it is shared by their amounts."""


@dataclass(frozen=True, slots=True)
class TaxPart:
    """One tax of one line: `share_minor` of the `amount_minor` that it comes to on `base_minor`, rounded once.

    `net_minor` is what the line brings to the base. The rate is the one in force on `day`, in force `since` a date
    (None: the catalog does not say any more).
    """

    code: str
    rate: Decimal
    day: date
    since: date | None
    net_minor: int
    share_minor: int
    base_minor: int
    amount_minor: int
    included: bool


def discount_shares(
    draft: Draft, redemptions: Mapping[str, Redemption]
) -> tuple[tuple[DiscountShare, ...], ...]:
    """Every line's shares of the invoice's discounts, in the order in which these were taken."""
    pairs = _known(draft, redemptions)
    again = taken_again(draft.lines, [(one, discount.amount_minor) for discount, one in pairs])
    return tuple(
        tuple(
            _share(discount, redemption, taken, place, draft.currency)
            for (discount, redemption), taken in zip(pairs, again, strict=True)
            if taken.shares[place]
        )
        for place in range(len(draft.lines))
    )


def _known(draft: Draft, redemptions: Mapping[str, Redemption]) -> list[tuple[Discount, Redemption]]:
    return [(one, redemptions[one.redemption]) for one in draft.discounts if one.redemption in redemptions]


def _share(
    discount: Discount, redemption: Redemption, taken: Taken, place: int, currency: Currency
) -> DiscountShare:
    amount = redemption.coupon.amounts.get(currency.code)
    return DiscountShare(
        discount.coupon,
        redemption.coupon.percent,
        None if amount is None else to_minor(amount, currency),
        taken.left_minor,
        discount.amount_minor,
        taken.shares[place],
        tuple(covered + 1 for covered in taken.covered),
    )


def tax_parts(draft: Draft, line: Line, taxes: Mapping[str, TaxRate]) -> tuple[TaxPart, ...]:
    """The taxes of one line of an invoice; `taxes` are the codes as the catalog declares them today."""
    day = tax_day(line, draft.timezone)
    contained = sum(share.amount_minor for share in line.taxes if share.included)
    return tuple(
        _tax_part(draft, share, day, _since(taxes.get(share.code), share, day), line.net_minor - contained)
        for share in line.taxes
    )


def _tax_part(draft: Draft, share: TaxShare, day: date, since: date | None, net_minor: int) -> TaxPart:
    key = (share.code, share.rate, share.included)
    tax = next((one for one in draft.taxes if (one.code, one.rate, one.included) == key), None)
    return TaxPart(
        share.code,
        share.rate,
        day,
        since,
        net_minor,
        share.amount_minor,
        0 if tax is None else tax.base_minor,
        0 if tax is None else tax.amount_minor,
        share.included,
    )


def _since(tax: TaxRate | None, share: TaxShare, day: date) -> date | None:
    """From which day on the rate holds; None where the catalog has another rate for that day by now."""
    held = [] if tax is None else [(from_on, rate) for from_on, rate in tax.rates if from_on <= day]
    return held[-1][0] if held and held[-1][1] == share.rate else None


# --- what does not agree


def wrong_money(invoice: Invoice, redemptions: Mapping[str, Redemption]) -> Iterator[str]:
    """One sentence for every discount and tax of an invoice that its lines do not bear out (minor units)."""
    draft = invoice.draft
    if draft.discount_minor != invoice.discount_minor:
        yield f"its discounts sum to {draft.discount_minor}, its discount is {invoice.discount_minor}"
    yield from wrong_discounts(draft.lines, draft.discounts)
    yield from wrong_taxes(draft.lines, draft.taxes)
    yield from _wrong_shares(draft, redemptions)


def _wrong_shares(draft: Draft, redemptions: Mapping[str, Redemption]) -> Iterator[str]:
    """Discounts that are not what their coupons say, and lines that gave up another share of them."""
    pairs = _known(draft, redemptions)
    for one in draft.discounts:
        if one.redemption not in redemptions:
            yield f"its discount {one.coupon} has no coupon that was applied"
    again = taken_again(draft.lines, [(one, discount.amount_minor) for discount, one in pairs])
    for (discount, redemption), taken in zip(pairs, again, strict=True):
        most = _worth(redemption, taken.left_minor, draft.currency)
        is_right = discount.amount_minor <= most
        if redemption.coupon.percent is not None:
            is_right = discount.amount_minor == most
        if not is_right:
            yield f"its discount {discount.coupon} is {discount.amount_minor}, the coupon gives {most}"
    if len(pairs) == len(draft.discounts):
        yield from _wrong_lines(draft.lines, again)


def _worth(redemption: Redemption, left_minor: int, currency: Currency) -> int:
    percent = redemption.coupon.percent
    if percent is not None:
        return round_half_up(Fraction(percent) * left_minor, 0)
    amount = redemption.coupon.amounts.get(currency.code)
    return 0 if amount is None else min(to_minor(amount, currency), left_minor)


def _wrong_lines(lines: Sequence[Line], again: Sequence[Taken]) -> Iterator[str]:
    for place, line in enumerate(lines):
        share = sum(taken.shares[place] for taken in again)
        if share != line.discount_minor:
            yield f"line {place + 1} was discounted by {line.discount_minor}, its shares sum to {share}"
