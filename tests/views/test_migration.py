"""How migrations look to people and machines: amounts exact and by currency, long lists cut, nothing invented."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

from planctl.core.subscriptions.model import Status, Subscription
from planctl.core.waves.judging import Done, Left, Move, Undone
from planctl.core.waves.model import Batch, Course, Kept, Member, Migration, Skip, State
from planctl.core.waves.standing import MigrationStatus, batch_status
from planctl.views.migration import (
    FEW,
    applied_answer,
    course_document,
    left_lines,
    moves_answer,
    preview_answer,
    statuses_answer,
    undone_answer,
    undone_document,
)
from tests.core.billing import DECLARED, monthly, running, t

AT = t("2026-04-20")
PRO = Migration("pro-v8", "pro", (5, 6), 8, title="Pro to v8", why="two rounds", batches=2)
COURSE = Course(PRO, 8, "ada", AT, AT)
OLD = running(monthly("49"), "2026-04-01", id="sub_old", plan="pro", plan_version=5)
NEW = running(monthly("55"), "2026-05-01", id="sub_new", plan="pro", plan_version=8, status=Status.PENDING)


def move(currency: str = "USD", now: str = "49", then: str = "55", **more: int) -> Move:
    old = replace(OLD, currency=DECLARED[currency])
    return Move(old, NEW, 1, "renewal", Fraction(now), Fraction(then), **more)


def left(number: int = 1) -> Left:
    one: Subscription = replace(OLD, id=f"sub_{number}", customer=f"c{number}")
    return Left(one, 1, Skip("locked", "it is locked: talks"))


def test_amounts_are_rounded_once_for_each_currency_after_they_were_added_up() -> None:
    # Three yearly ones of 490 / 12 = 40.8333… are 122.50 a month, and not 3 × 40.83.
    yearly = [move(now="245/6", then="245/6")] * 3
    document = course_document(COURSE, [Done(1, "open", 0, (*yearly, move("EUR", "46", "40")))])
    batch = document["batches"]
    assert isinstance(batch, list)
    assert batch[0]["monthly"] == [
        {"currency": "EUR", "now": "46.00", "then": "40.00", "more": "-6.00"},
        {"currency": "USD", "now": "122.50", "then": "122.50", "more": "0.00"},
    ]
    assert batch[0]["today"] == [], "nothing is charged before the renewal"
    assert "  46.00 to 40.00 EUR a month (-6.00)" in preview_answer(document).lines


def test_what_was_moved_before_is_said_beside_what_would_be() -> None:
    document = course_document(COURSE, [Done(2, "begun", 7, (move(),))])
    assert preview_answer(document).lines[:3] == (
        "pro-v8: pro from v5, v6 to v8 at the renewal",
        "  Pro to v8: two rounds",
        "batch 2 of 2 (begun): 1 move, 0 stay, 7 moved before",
    )


def test_people_get_the_first_who_stay_and_a_count_and_files_get_all() -> None:
    many = tuple(left(number) for number in range(FEW + 5))
    document = course_document(COURSE, [Done(1, "done", 0, (move(),), many)])
    lines = applied_answer(document).lines
    assert sum(line.startswith("stays: ") for line in lines) == FEW
    assert lines[-1] == "and 5 more stay; -f csv lists them all"
    sheet = moves_answer(document).sheet
    assert sheet is not None
    assert len(sheet.rows) == FEW + 6


def test_nothing_to_do_is_one_sentence() -> None:
    assert applied_answer(course_document(COURSE, [])).lines == (
        "pro-v8: every batch is done; nothing was changed",
    )


def test_a_status_counts_members_by_where_they_stand_and_machines_get_each() -> None:
    moved = Member("sub_old", 1, State.MOVED, "ada", AT, "sub_new")
    begun = Batch(1, "ada", AT, AT)
    status = MigrationStatus(
        Kept(PRO, 8, "ada", AT),
        (
            batch_status(1, begun, 0, [(moved, "waiting", t("2026-05-01"))]),
            batch_status(2, None, 3, []),
        ),
        ((moved, "waiting"),),
        {"sub_old": OLD},
    )
    answer = statuses_answer([status], listed=False)
    assert isinstance(answer.document, dict)
    assert answer.document["members"] == [
        {
            "batch": 1, "customer": "nova", "subscription": "sub_old", "status": "waiting", "successor": "sub_new",
            "reason": None, "why": None, "by": "ada", "at": "2026-04-20T00:00:00Z",
        }
    ]  # fmt: skip
    assert answer.sheet is not None
    assert answer.sheet.rows == (
        ("pro-v8", 1, "done", 0, 1, 1, 0, 0, 0, 0, "2026-05-01T00:00:00Z", "ada", "2026-04-20T00:00:00Z"),
        ("pro-v8", 2, "open", 3, 0, 0, 0, 0, 0, 0, None, None, None),
    )
    assert statuses_answer([], listed=True).lines == ("no migration was applied",)


def test_what_could_not_be_taken_back_is_named() -> None:
    undone = Member("sub_old", 1, State.UNDONE, "ada", AT, "sub_new")
    document = undone_document("pro-v8", [Undone((undone,), (left(),))])
    assert undone_answer(document).lines == ("pro-v8: 1 change taken back, 1 left as they are",)
    assert left_lines(document) == ["left: c1/pro (batch 1): it is locked: talks [locked]"]
    nothing = undone_document("pro-v8", [])
    assert undone_answer(nothing).lines == ("pro-v8: nothing that was moved is left; nothing was changed",)
