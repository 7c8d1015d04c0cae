"""An explained invoice for people: every line with its formula, who used what, and where its terms come from."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from zoneinfo import ZoneInfo

from planctl.core.catalog.documents import percent_text
from planctl.core.currencies import Currency
from planctl.core.instants import days_between, instant_text, local_date, zone
from planctl.core.invoicing.explain import ExplainedLine, Late, Step
from planctl.core.invoicing.explain_money import DiscountShare, TaxPart
from planctl.core.invoicing.model import Invoice, Line
from planctl.core.invoicing.story import (
    FEW,
    CountedEvent,
    InvoiceStory,
    LineStory,
    MeasuredFeature,
    Origin,
    Pool,
)
from planctl.core.invoicing.usage_story import UsageStory
from planctl.core.money import decimal_text, format_amount, fraction_text
from planctl.core.periods import Instant
from planctl.core.wallets import Grant
from planctl.views.company import by_customer_text
from planctl.views.words import count, day_text

HASH_SHOWN = 12


def explained_lines(story: InvoiceStory) -> Iterator[str]:
    """The head, the lines, the sums; what does not agree stands first and last."""
    invoice = story.invoice
    yield from _head(invoice)
    yield from _alarm(story)
    for one in story.lines:
        yield ""
        yield from _line(one, invoice)
    yield ""
    yield from _sums(story)
    yield _verdict(story)


def _head(invoice: Invoice) -> Iterator[str]:
    draft = invoice.draft
    tz = zone(draft.timezone)
    starts, ends = day_text(draft.starts_at, tz), day_text(draft.ends_at, tz, "open")
    yield f"Invoice {invoice.number} · {invoice.buyer.get('name') or draft.customer} · {invoice.status.value}"
    yield (
        f"{draft.kind} of billing period {draft.period_index}, {starts} to {ends} ({draft.timezone},"
        f" tzdata {invoice.tzdata or 'unknown'}) · catalog revision {draft.catalog_revision}"
    )


def _alarm(story: InvoiceStory) -> Iterator[str]:
    if story.wrong:
        yield ""
        yield "THIS INVOICE DOES NOT ADD UP:"
        yield from (f"  ! {sentence}" for sentence in story.wrong)


def _verdict(story: InvoiceStory) -> str:
    if story.wrong:
        return f"THIS INVOICE DOES NOT ADD UP: {count(len(story.wrong), 'disagreement')}, listed above"
    return "every step was worked out again and agrees with what was billed"


# --- one line


def _line(story: LineStory, invoice: Invoice) -> Iterator[str]:
    explained, line = story.explained, story.explained.line
    currency = invoice.draft.currency
    tz = zone(invoice.draft.timezone)
    yield f"#{explained.position} {line.description}: {_money(line.amount_minor, currency)}"
    yield f"  {line.kind} · {_period(line, tz)} · {line.charge_key} {line.service_index}{_occasion(line)}"
    if explained.usage is not None:
        yield from _usage(explained.usage, story)
    yield from _formula(explained, currency)
    yield from (_discount(one, currency) for one in story.discounts)
    yield from (_tax(one, currency) for one in story.taxes)
    if line.kind == "pack":
        yield from (_brought(one, tz) for one in story.grants)
    yield from _terms(story)
    yield from _events(story, tz)


def _occasion(line: Line) -> str:
    return f" · {line.occasion}" if line.occasion else ""


def _period(line: Line, tz: ZoneInfo) -> str:
    starts = day_text(line.starts_at, tz)
    if line.ends_at is None:
        return f"from {starts}"
    days = days_between(local_date(line.starts_at, tz), local_date(line.ends_at, tz))
    return f"{starts} to {day_text(line.ends_at, tz)} ({count(days, 'day')})"


def _formula(explained: ExplainedLine, currency: Currency) -> Iterator[str]:
    """The steps, their sum, and what rounding, the maximum and what was charged before make of it."""
    for step in explained.steps:
        yield f"  {step_text(step)} = {_number(step.amount)}"
    if explained.steps or explained.late is None:
        rounded = _money(explained.rounded_minor, currency)
        exact = _number(explained.exact)
        yield f"  exact {exact} → {rounded} (half up, {count(currency.decimals, 'decimal')})"
    if explained.cap is not None:
        cap = explained.cap
        yield (
            f"  maximum {_number(cap.maximum)}: {_money(cap.left_minor, currency)} of it was left,"
            f" this line's share is {_money(cap.share_minor, currency)}"
        )
    if explained.late is not None:
        yield from _late(explained.late, explained, currency)


def step_text(step: Step) -> str:
    """A product in words: `price 49 × quantity 1 × share 27/31 (27 of 31 days)`, with its label where it has one."""
    product = " × ".join(
        f"{one.name} {_number(one.value)}{f' ({one.text})' if one.text else ''}" for one in step.factors
    )
    return product if step.what in {"", "price"} else f"{step.what}: {product}"


def _late(late: Late, explained: ExplainedLine, currency: Currency) -> Iterator[str]:
    before, now, differs = (
        _money(minor, currency) for minor in (late.before_minor, late.now_minor, late.difference_minor)
    )
    where = ", ".join(f"{one.invoice}#{one.position}" for one in explained.earlier)
    yield f"  charged before {before}{f' ({where})' if where else ''}, now it comes to {now}: difference {differs}"
    if late.amount_minor != late.difference_minor:
        yield f"  with the discounts of what was charged: {_money(late.amount_minor, currency)}"


def _usage(usage: UsageStory, story: LineStory) -> Iterator[str]:
    unit = f" {story.unit}" if story.unit else ""
    feature = story.explained.line.feature
    yield f"  used: {_number(usage.own)}{unit} of {feature} itself"
    if usage.by_customer:
        adds_up = sum(usage.by_customer.values()) == usage.own
        yield f"  by customer: {by_customer_text(usage.by_customer, adds_up=adds_up, every=True)}"
    for one in usage.drawn:
        rate = fraction_text(one.rate)
        yield (
            f"  drawn: {_number(one.quantity)} {one.feature} × {_ratio(one.rate) or rate}"
            f" = {_number(one.units)}{unit}"
        )
    included = f"{_number(usage.included)} included ({_allowance(usage, story.pool)})"
    yield f"  {_number(usage.total)}{unit} in all: {included}"
    packs = {grant.id: grant.pack for grant in story.grants}
    for name, units in usage.grants:
        pack = packs.get(name, "")
        yield f"  wallet: {_number(units)} paid by {name}{f' ({pack})' if pack else ''}"
    if usage.over_limit:
        yield f"  over the limit: {_number(usage.over_limit)}, kept and not billed"
    yield f"  left to charge: {_number(usage.excess)}"


def _allowance(usage: UsageStory, pool: Pool | None) -> str:
    """What the allowance is, and what it is made of where it is more than the plan's own."""
    if usage.allowance is None:
        return "unlimited"
    told = f"allowance {_number(usage.allowance)}"
    parts = []
    if pool is not None and (pool.plans > 1 or pool.bought or pool.rolled or pool.others):
        parts.append(f"{_number(pool.included)} of the plan{f' × {pool.plans}' if pool.plans > 1 else ''}")
        parts += [f"{_number(pool.bought)} bought ahead"] if pool.bought else []
        parts += [f"{_number(pool.rolled)} rolled in"] if pool.rolled else []
        parts += [f"{_number(pool.others)} by other plans or for a part of a period"] if pool.others else []
    parts += [f"{_number(usage.before)} used before the change of plan"] if usage.before else []
    return f"{told}: {', '.join(parts)}" if parts else told


def _ratio(value: Fraction) -> str:
    """A conversion as people write it: `1/10`."""
    return "" if value.denominator == 1 else f"{value.numerator}/{value.denominator}"


def _discount(share: DiscountShare, currency: Currency) -> str:
    left, discount = _money(share.left_minor, currency), _money(share.discount_minor, currency)
    if share.percent is not None:
        what = f"{percent_text(share.percent)} of {left} = {discount}"
    else:
        off = "an amount" if share.off_minor is None else _money(share.off_minor, currency)
        what = f"{off} off, at most {left} = {discount}"
    lines = ", ".join(f"#{position}" for position in share.covered)
    return f"  coupon {share.coupon}: {what} (by size over {lines}); this line {_money(-share.share_minor, currency)}"


def _tax(part: TaxPart, currency: Currency) -> str:
    since = "unknown" if part.since is None else part.since.isoformat()
    base, amount = _money(part.base_minor, currency), _money(part.amount_minor, currency)
    held = f"{percent_text(part.rate)} on {part.day.isoformat()} (in force since {since})"
    kind = "contained" if part.included else "added"
    return (
        f"  tax {part.code} {held}: {amount} on {base}; this line {_money(part.share_minor, currency)}"
        f" on {_money(part.net_minor, currency)}, {kind}"
    )


def _brought(grant: Grant, tz: ZoneInfo) -> str:
    expires = day_text(grant.expires_at, tz, "never")
    return f"  grant {grant.id}: {_number(grant.amount)} {grant.feature}, expires {expires}"


def _terms(story: LineStory) -> Iterator[str]:
    origin = story.origin
    where = [f"{origin.plan} v{origin.version}", f"terms {origin.terms_hash[:HASH_SHOWN] or 'unknown'}"]
    where += _made(origin)
    if story.subscription is not None:
        where.append(f"subscription {story.subscription.id}")
    yield f"  terms: {' · '.join(where)}"
    if story.subscription is not None and story.explained.line.kind != "pack":
        for path, value in story.subscription.negotiated.items():
            yield f"  negotiated: {path} = {value}"


def _made(origin: Origin) -> list[str]:
    found = []
    if origin.revision:
        found.append(f"catalog {origin.catalog or 'of the shell'} revision {origin.revision}")
    if origin.commit:
        found.append(f"commit {origin.commit[:HASH_SHOWN]}")
    if origin.file:
        found.append(f"{origin.file}:{origin.line}")
    return found


def _events(story: LineStory, tz: ZoneInfo) -> Iterator[str]:
    for one in story.measured:
        unit = f" {one.unit}" if one.unit else ""
        events = f"{one.aggregate} of {count(one.count, 'event')}"
        yield f"  recorded: {_number(one.total)}{unit} of {one.feature} ({events})"
        yield from (f"    {_event(event)}" for event in one.events[:FEW])
        if one.count > FEW:
            yield f"    and {one.count - FEW:,} more (-f json lists them all)"
        yield from _since(one, story)


def _since(measured: MeasuredFeature, story: LineStory) -> Iterator[str]:
    """Where more (or less) is recorded by now than the line counted."""
    usage = story.explained.usage
    if usage is not None and measured.feature == story.explained.line.feature and measured.total != usage.own:
        yield f"    the line counted {_number(usage.own)}: the rest came later or is another plan's"


def _event(counted: CountedEvent) -> str:
    event = counted.event
    words = [f"{instant_text(Instant(event.at))} {event.id} {decimal_text(counted.number)}"]
    words += [f"by {event.child}"] if event.child else []
    words += [counted.value] if counted.value else []
    words += [f"amount {counted.amount}"] if counted.amount else []
    words += [f"corrects {event.corrects}"] if event.corrects else []
    words += ["late, not billed yet"] if counted.late else []
    return " · ".join(words)


# --- the invoice


def _sums(story: InvoiceStory) -> Iterator[str]:
    invoice = story.invoice
    draft, currency = invoice.draft, invoice.draft.currency

    def money(minor: int) -> str:
        return _money(minor, currency)

    yield f"{count(len(draft.lines), 'line')}: {money(invoice.subtotal_minor)}"
    yield from (f"- coupon {one.coupon}: {money(one.amount_minor)}" for one in draft.discounts)
    for tax in draft.taxes:
        sign = "(contained)" if tax.included else "+"
        yield f"{sign} {tax.name} {percent_text(tax.rate)} of {money(tax.base_minor)}: {money(tax.amount_minor)}"
    yield f"= total {money(invoice.total_minor)}"
    if invoice.credit_minor:
        yield f"- paid by the balance: {money(invoice.credit_minor)}"
    for payment in story.payments:
        back = f", {money(payment.refunded_minor)} given back" if payment.refunded_minor else ""
        over = f", {money(payment.to_balance_minor)} of it to the balance" if payment.to_balance_minor else ""
        yield f"- payment {payment.id} {instant_text(payment.at)}: {money(payment.amount_minor)}{over}{back}"
    for note in story.credit_notes:
        yield f"  credit note {note.number} to the {note.draft.to}: {money(note.draft.total_minor)}"
    yield f"= due {money(invoice.due_minor)}"


def _money(minor: int, currency: Currency) -> str:
    return f"{format_amount(minor, currency)} {currency.code}"


def _number(value: Fraction) -> str:
    """An exact number with thousands set off; a fraction where no decimal is exact."""
    text = fraction_text(value)
    whole, point, decimals = text.partition(".")
    if "/" in text:
        return text
    sign = "-" if whole.startswith("-") else ""
    return f"{sign}{int(whole.lstrip('-')):,}{point}{decimals}"
