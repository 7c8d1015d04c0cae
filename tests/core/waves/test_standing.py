"""Where the members of a migration stand, what an edited file changed, and what a member must agree with."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from planctl.core.subscriptions.model import Status, Subscription
from planctl.core.waves.model import Batch, Kept, Member, Migration, Skip, State
from planctl.core.waves.standing import batch_status, check_same, standing_of, wrong_member
from planctl.errors import Conflict
from tests.core.billing import monthly, running, t

AT = t("2026-04-20")
RENEWAL = t("2026-05-01")
MOVED = Member("sub_old", 1, State.MOVED, "ada", AT, "sub_new")
SKIPPED = Member("sub_b", 1, State.SKIPPED, "ada", AT, skip=Skip("locked", "it is locked: talks"))
PRO = Migration("pro-v8", "pro", (5,), 8)


def successor(**more: Any) -> Subscription:
    said: dict[str, Any] = {
        "id": "sub_new", "plan": "pro", "plan_version": 8, "follows": "sub_old", "status": Status.PENDING
    }  # fmt: skip
    return running(monthly("55"), "2026-05-01", **(said | more))


CALLED_OFF = successor(status=Status.CANCELED, ends_at=RENEWAL, end_reason="canceled")
BEFORE = running(monthly("49"), "2026-04-01", id="sub_old", plan="pro", plan_version=5)


def test_a_member_waits_until_its_renewal_whether_or_not_a_run_has_written_it() -> None:
    assert standing_of(MOVED, successor(), AT) == "waiting"
    assert standing_of(MOVED, successor(), RENEWAL) == "in effect"
    assert standing_of(MOVED, successor(status=Status.ACTIVE), RENEWAL) == "in effect"


def test_what_others_called_off_and_what_was_undone_are_told_apart() -> None:
    assert standing_of(MOVED, CALLED_OFF, AT) == "called off"
    assert standing_of(replace(MOVED, state=State.UNDONE), CALLED_OFF, AT) == "undone"
    assert standing_of(SKIPPED, None, AT) == "skipped"


def test_what_was_changed_on_again_later_is_in_effect() -> None:
    over = successor(status=Status.CANCELED, ends_at=t("2026-06-01"), end_reason="changed")
    assert standing_of(MOVED, over, t("2026-06-02")) == "in effect"


def test_a_batch_counts_its_members_and_knows_its_last_renewal() -> None:
    members = [
        (MOVED, standing_of(MOVED, successor(), AT), RENEWAL),
        (SKIPPED, standing_of(SKIPPED, None, AT), None),
    ]
    found = batch_status(1, Batch(1, "ada", AT), 4, members)
    assert (found.word, found.planned, found.last_at) == ("begun", 4, RENEWAL)
    assert found.standings == {"waiting": 1, "skipped": 1}
    assert found.skipped == {"locked": 1}
    assert batch_status(1, Batch(1, "ada", AT, AT), 0, []).word == "done"
    assert batch_status(1, None, 9, []).word == "open"


def test_an_edited_file_that_moved_somebody_is_a_conflict_that_names_the_edits() -> None:
    kept = Kept(PRO, 8, "ada", AT)
    edited = replace(PRO, to=9, title="later", max_increase=Decimal("0.2"))
    with pytest.raises(Conflict) as caught:
        check_same(kept, edited, moved=3)
    assert caught.value.code == "migration-edited"
    assert caught.value.got == "max_increase nothing -> 20%; to 8 -> 9"
    check_same(kept, edited, moved=0)
    check_same(kept, replace(PRO, title="later"), moved=3)


@pytest.mark.parametrize(
    ("member", "after", "expected"),
    [
        (MOVED, successor(), []),
        (MOVED, None, ["was moved to sub_new, which is no subscription"]),
        (MOVED, successor(plan_version=7), ["was moved to v8, and sub_new is on v7"]),
        (MOVED, successor(follows=""), ["was moved to sub_new, which follows none on pro"]),
        (replace(MOVED, state=State.UNDONE), CALLED_OFF, []),
        (
            replace(MOVED, state=State.UNDONE),
            successor(status=Status.ACTIVE),
            ["was taken back, and sub_new is active"],
        ),
        (SKIPPED, None, []),
    ],
)
def test_a_member_agrees_with_its_subscriptions(
    member: Member, after: Subscription | None, expected: list[str]
) -> None:
    assert list(wrong_member(member, BEFORE, after, 8)) == expected
