"""More time to pay: what it makes of who is past due or blocked."""

from __future__ import annotations

from dataclasses import replace

import pytest

from planctl.core.dunning import OpenInvoice, dunned, extended
from planctl.core.subscriptions.model import BlockedSpan, Status, Subscription
from tests.core.billing import monthly, running, t

ONE = running(monthly(), "2026-01-01")
PAST_DUE = replace(ONE, status=Status.PAST_DUE)
BLOCKED = replace(ONE, status=Status.BLOCKED, blocked=(BlockedSpan(t("2026-01-11")),))
CAUSE = "extend:sub_1:1"


def owed(due: str, grace: str = "", **more: bool) -> OpenInvoice:
    return OpenInvoice("inv_1", "sub_1", t(due), t(grace) if grace else None, 1900, **more)


def statuses(one: Subscription, *unpaid: OpenInvoice, at: str = "2026-01-12") -> list[str]:
    result = extended(one, unpaid, t(at), CAUSE)
    for move in result.transitions:
        assert move.at == t(at)
    return [f"{move.reason}: {move.after}" for move in result.transitions]


@pytest.mark.parametrize("one", [PAST_DUE, BLOCKED])
def test_who_owes_nothing_overdue_any_more_is_active(one: Subscription) -> None:
    assert statuses(one, owed("2026-01-12T00:00:01Z", "2026-01-15")) == ["extend: active"]


def test_what_is_due_at_that_very_instant_is_overdue() -> None:
    assert statuses(PAST_DUE, owed("2026-01-12", "2026-01-15")) == []


def test_a_block_ends_with_the_extension_and_says_so() -> None:
    after = extended(BLOCKED, [owed("2026-01-20")], t("2026-01-12"), CAUSE).subscription
    assert after.blocked == (BlockedSpan(t("2026-01-11"), t("2026-01-12"), CAUSE),)


def test_a_block_does_not_end_before_what_was_settled_as_blocked() -> None:
    settled = replace(BLOCKED, settled_at=t("2026-02-01"))
    after = extended(settled, [owed("2026-02-20")], t("2026-01-20"), CAUSE).subscription
    assert after.blocked[0].ends_at == t("2026-02-01")


def test_more_grace_alone_leaves_it_past_due() -> None:
    unpaid = owed("2026-01-08", "2026-01-16")
    assert statuses(BLOCKED, unpaid) == ["extend: active", "due: past_due"]
    assert statuses(PAST_DUE, unpaid) == []
    after = extended(BLOCKED, [unpaid], t("2026-01-12"), CAUSE).subscription
    assert dunned(after, [unpaid], t("2026-01-15")).subscription.status is Status.PAST_DUE
    blocked = dunned(after, [unpaid], t("2026-01-16")).subscription
    assert [span.starts_at for span in blocked.blocked] == [t("2026-01-11"), t("2026-01-16")]


def test_another_invoice_that_blocks_keeps_it_blocked() -> None:
    other = replace(owed("2026-01-05", "2026-01-08"), id="inv_2")
    assert statuses(BLOCKED, owed("2026-01-20", "2026-01-23"), other) == []


def test_an_invoice_of_a_pack_never_counted() -> None:
    pack = owed("2026-01-02", dunned=False)
    assert statuses(PAST_DUE, owed("2026-01-20"), pack) == ["extend: active"]


def test_what_is_blocked_for_good_stays_so() -> None:
    final = replace(BLOCKED, terms=monthly(on_blocked="final"))
    assert statuses(final, owed("2026-01-20")) == []


@pytest.mark.parametrize(
    "status", [Status.PENDING, Status.TRIALING, Status.ACTIVE, Status.PAUSED, Status.CANCELED, Status.EXPIRED]
)
def test_who_is_neither_past_due_nor_blocked_stays_as_it_is(status: Status) -> None:
    assert statuses(replace(ONE, status=status), owed("2026-01-20")) == []


def test_who_stays_as_it_is_is_told_as_it_is() -> None:
    active = replace(ONE, status=Status.ACTIVE)
    assert extended(active, [], t("2026-01-12"), CAUSE).subscription == active
    unpaid = owed("2026-01-08", "2026-01-12")
    assert extended(BLOCKED, [unpaid], t("2026-01-12"), CAUSE).subscription == BLOCKED, (
        "its grace ends just then"
    )
    assert statuses(BLOCKED, owed("2026-01-08", "2026-01-12T00:00:01Z")) == [
        "extend: active",
        "due: past_due",
    ]
