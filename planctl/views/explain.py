"""How an explained invoice looks: to machines here, to people in `explain_text`. Amounts are shown, never computed.

In JSON `exact`, `value`, `price` and quantities are exact numbers as text, a fraction (`27/31`) where no decimal is;
amounts of money are decimal strings in the invoice's currency.
"""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction

from planctl.core.catalog.documents import percent_text
from planctl.core.currencies import Currency
from planctl.core.instants import instant_text
from planctl.core.invoicing.explain import Cap, ExplainedLine, Late, Step
from planctl.core.invoicing.explain_money import DiscountShare, TaxPart
from planctl.core.invoicing.model import CreditNote, Payment
from planctl.core.invoicing.story import CountedEvent, InvoiceStory, LineStory, MeasuredFeature, Origin, Pool
from planctl.core.invoicing.usage_story import UsageStory
from planctl.core.money import decimal_text, format_minor, fraction_text
from planctl.core.periods import Instant
from planctl.core.wallets import Grant
from planctl.views.explain_text import explained_lines, step_text
from planctl.views.invoice import line_document, period_document, tax_document
from planctl.views.sheet import Answer, Cell, Column, Json, Sheet
from planctl.views.words import maybe

COLUMNS = (
    Column("line", "quantity"),
    Column("step"),
    Column("formula"),
    Column("exact", "quantity"),
    Column("amount", "amount"),
    Column("currency"),
)


def explained_answer(story: InvoiceStory) -> Answer:
    """The explanation in every form; CSV and Markdown list the steps."""
    return Answer(explained_document(story), tuple(explained_lines(story)))


def explained_sheet(story: InvoiceStory) -> Answer:
    """The steps as a table, and the explanation as JSON."""
    return Answer(explained_document(story), (), Sheet(COLUMNS, tuple(_rows(story))))


def explained_document(story: InvoiceStory) -> dict[str, Json]:
    """The explanation as JSON; `wrong` is empty where `agrees`."""
    invoice = story.invoice
    draft, currency = invoice.draft, invoice.draft.currency
    return {
        "number": invoice.number,
        "id": invoice.id,
        "customer": draft.customer,
        "subscription": draft.subscription,
        "kind": draft.kind,
        "status": invoice.status.value,
        "currency": currency.code,
        "decimals": currency.decimals,
        "period": period_document(draft.starts_at, draft.ends_at) | {"index": draft.period_index},
        "timezone": draft.timezone,
        "tzdata": invoice.tzdata,
        "catalog_revision": draft.catalog_revision,
        "content_hash": invoice.content_hash,
        "agrees": not story.wrong,
        "wrong": list(story.wrong),
        "lines": [_line(one, currency) for one in story.lines],
        "sums": _sums(story),
    }


def _sums(story: InvoiceStory) -> dict[str, Json]:
    invoice = story.invoice
    currency = invoice.draft.currency

    def money(minor: int) -> str:
        return format_minor(minor, currency)

    return {
        "subtotal": money(invoice.subtotal_minor),
        "discounts": [
            {"coupon": one.coupon, "amount": money(one.amount_minor)} for one in invoice.draft.discounts
        ],
        "discount": money(invoice.discount_minor),
        "taxes": [tax_document(one, currency) for one in invoice.draft.taxes],
        "tax": money(invoice.tax_minor),
        "total": money(invoice.total_minor),
        "credit_applied": money(invoice.credit_minor),
        "payments": [_payment(one) for one in story.payments],
        "paid": money(invoice.paid_minor),
        "credit_notes": [_credit_note(one) for one in story.credit_notes],
        "due": money(invoice.due_minor),
    }


def _payment(payment: Payment) -> dict[str, Json]:
    return {
        "id": payment.id,
        "at": instant_text(payment.at),
        "amount": format_minor(payment.amount_minor, payment.currency),
        "to_balance": format_minor(payment.to_balance_minor, payment.currency),
        "refunded": format_minor(payment.refunded_minor, payment.currency),
        "status": payment.status,
    }


def _credit_note(note: CreditNote) -> dict[str, Json]:
    return {
        "number": note.number,
        "amount": format_minor(note.draft.total_minor, note.draft.currency),
        "to": note.draft.to,
        "issued_at": instant_text(note.draft.issued_at),
    }


# --- one line


def _line(story: LineStory, currency: Currency) -> dict[str, Json]:
    explained = story.explained
    usage = explained.usage
    return {
        "position": explained.position,
        **line_document(explained.line, currency),
        "charge_key": explained.line.charge_key,
        "service_index": explained.line.service_index,
        "occasion": explained.line.occasion,
        "terms": _origin(story.origin) | {"negotiated": _negotiated(story)},
        "steps": [_step(one) for one in explained.steps],
        "exact": fraction_text(explained.exact),
        "rounded": format_minor(explained.rounded_minor, currency),
        "maximum": None if explained.cap is None else _cap(explained.cap, currency),
        "late": None if explained.late is None else _late(explained.late, explained, currency),
        "worked_out": format_minor(explained.amount_minor, currency),
        "usage": None if usage is None else _usage(usage, story),
        "events": [_measured(one) for one in story.measured],
        "grants": [_grant(one, explained) for one in story.grants],
        "discounts": [_discount(one, currency) for one in story.discounts],
        "tax_parts": [_tax(one, currency) for one in story.taxes],
        "agrees": not explained.wrong,
    }


def _negotiated(story: LineStory) -> dict[str, Json]:
    subscription = story.subscription
    is_own = story.explained.line.kind == "pack" or subscription is None
    return {} if is_own or subscription is None else dict(subscription.negotiated)


def _origin(origin: Origin) -> dict[str, Json]:
    return {
        "plan": origin.plan,
        "version": origin.version,
        "terms_hash": origin.terms_hash or None,
        "version_hash": origin.version_hash or None,
        "catalog_revision": origin.revision or None,
        "recorded_at": maybe(origin.recorded_at),
        "catalog": origin.catalog or None,
        "commit": origin.commit or None,
        "file": origin.file or None,
        "line": origin.line or None,
    }


def _step(step: Step) -> dict[str, Json]:
    return {
        "what": step.what,
        "factors": [
            {"name": one.name, "value": fraction_text(one.value), "text": one.text or None}
            for one in step.factors
        ],
        "exact": fraction_text(step.amount),
    }


def _cap(cap: Cap, currency: Currency) -> dict[str, Json]:
    return {
        "maximum": fraction_text(cap.maximum),
        "left": format_minor(cap.left_minor, currency),
        "uncapped": format_minor(cap.uncapped_minor[cap.place], currency),
        "shared_by": [format_minor(minor, currency) for minor in cap.uncapped_minor],
        "share": format_minor(cap.share_minor, currency),
    }


def _late(late: Late, explained: ExplainedLine, currency: Currency) -> dict[str, Json]:
    return {
        "charged_before": format_minor(late.before_minor, currency),
        "now": format_minor(late.now_minor, currency),
        "difference": format_minor(late.difference_minor, currency),
        "before": [
            {
                "invoice": one.invoice,
                "line": one.position,
                "status": one.status,
                "amount": format_minor(one.line.amount_minor, currency),
                "discount": format_minor(one.line.discount_minor, currency),
            }
            for one in explained.earlier
        ],
    }


def _usage(usage: UsageStory, story: LineStory) -> dict[str, Json]:
    return {
        "unit": story.unit or None,
        "own": fraction_text(usage.own),
        "drawn": [
            {
                "feature": one.feature,
                "quantity": fraction_text(one.quantity),
                "rate": fraction_text(one.rate),
                "units": fraction_text(one.units),
            }
            for one in usage.drawn
        ],
        "total": fraction_text(usage.total),
        "allowance": _number(usage.allowance),
        "pool": _pool(story.pool),
        "included": fraction_text(usage.included),
        "wallet": fraction_text(usage.wallet),
        "over_limit": fraction_text(usage.over_limit),
        "excess": fraction_text(usage.excess),
    }


def _pool(pool: Pool | None) -> dict[str, Json] | None:
    if pool is None:
        return None
    return {
        "included": fraction_text(pool.included),
        "plans": pool.plans,
        "bought": fraction_text(pool.bought),
        "rolled": fraction_text(pool.rolled),
        "others": fraction_text(pool.others),
    }


def _number(value: Fraction | None) -> str | None:
    return None if value is None else fraction_text(value)


def _measured(measured: MeasuredFeature) -> dict[str, Json]:
    return {
        "feature": measured.feature,
        "unit": measured.unit or None,
        "aggregate": measured.aggregate,
        "recorded": fraction_text(measured.total),
        "count": measured.count,
        "events": [_event(one) for one in measured.events],
    }


def _event(counted: CountedEvent) -> dict[str, Json]:
    return {
        "id": counted.event.id,
        "customer": counted.event.user,
        "event": counted.event.event,
        "at": instant_text(Instant(counted.event.at)),
        "quantity": decimal_text(counted.number),
        "value": counted.value or None,
        "amount": counted.amount or None,
        "corrects": counted.event.corrects or None,
        "late": counted.late,
    }


def _grant(grant: Grant, explained: ExplainedLine) -> dict[str, Json]:
    paid = dict(explained.usage.grants) if explained.usage is not None else {}
    return {
        "id": grant.id,
        "pack": grant.pack or None,
        "feature": grant.feature,
        "amount": fraction_text(grant.amount),
        "units": _number(paid.get(grant.id)),
        "granted_at": instant_text(grant.granted_at),
        "expires_at": maybe(grant.expires_at),
    }


def _discount(share: DiscountShare, currency: Currency) -> dict[str, Json]:
    return {
        "coupon": share.coupon,
        "percent": None if share.percent is None else percent_text(share.percent),
        "off": None if share.off_minor is None else format_minor(share.off_minor, currency),
        "of": format_minor(share.left_minor, currency),
        "discount": format_minor(share.discount_minor, currency),
        "lines": list(share.covered),
        "share": format_minor(share.share_minor, currency),
    }


def _tax(part: TaxPart, currency: Currency) -> dict[str, Json]:
    return {
        "code": part.code,
        "rate": decimal_text(part.rate),
        "day": part.day.isoformat(),
        "since": None if part.since is None else part.since.isoformat(),
        "included": part.included,
        "net": format_minor(part.net_minor, currency),
        "share": format_minor(part.share_minor, currency),
        "base": format_minor(part.base_minor, currency),
        "amount": format_minor(part.amount_minor, currency),
    }


# --- the steps as a table


def _rows(story: InvoiceStory) -> Iterator[tuple[Cell, ...]]:
    currency = story.invoice.draft.currency
    for line in story.lines:
        explained = line.explained
        for step in explained.steps:
            yield (explained.position, step.what, step_text(step), fraction_text(step.amount), None, None)
        yield (
            explained.position,
            explained.line.kind,
            explained.line.description,
            fraction_text(explained.exact),
            format_minor(explained.line.amount_minor, currency),
            currency.code,
        )
