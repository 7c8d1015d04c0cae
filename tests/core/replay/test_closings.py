"""What was known of a closed period when it was settled, and what wallets had left then."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

from planctl.core.invoicing.model import Settlement, UsageClaim
from planctl.core.invoicing.reclose import Charge, ClosedPeriod
from planctl.core.replay.account import Account, Measured
from planctl.core.replay.closings import HeldUsage, Wallets, as_of
from planctl.core.subscriptions.dues import due_of
from planctl.core.wallets import Entry, Grant
from tests.core.billing import metered, monthly, running, t
from tests.core.replay.books import account, line, settled, statement

NOVA = running(monthly(features=metered()), "2026-01-01")
JANUARY = ("sub_1", "minutes", t("2026-01-01"), t("2026-02-01"))


def claim(units: int, billed: int, occasion: str = "") -> UsageClaim:
    """Minutes of January, what is above the included ones billed."""
    included = Fraction(units - billed)
    return UsageClaim(
        "sub_1", "minutes", 0, t("2026-01-01"), t("2026-02-01"), Fraction(units), included,
        Fraction(0), Fraction(billed), Fraction(0), occasion,
    )  # fmt: skip


def test_the_tenth_late_settlement_comes_after_the_second() -> None:
    occasions = ["", "late:1", "late:2", "late:10"]
    period = ClosedPeriod(
        NOVA,
        due_of(NOVA, "usage", 0),
        [(settled("usage", 0, "2026-02-01", occasion=one), "") for one in occasions],
        [claim(1, 0, one) for one in occasions],
        [Charge("", 0, line(1, occasion=one)) for one in occasions],
        t("2026-02-01"),
    )
    for last, several in (("", 1), ("late:1", 2), ("late:2", 3), ("late:10", 4)):
        seen = as_of(period, last)
        assert (len(seen.settled), len(seen.claims), len(seen.charges)) == (several, several, several)


def test_a_period_is_closed_with_as_many_units_as_were_claimed_then() -> None:
    first, late = settled("usage", 0, "2026-02-01"), settled("usage", 0, "2026-03-01", occasion="late:1")
    statements = [statement("inv_1", "2026-02-01", [], [first]), statement("inv_2", "2026-03-01", [], [late])]
    whole = account(NOVA, statements)
    past = replace(whole.past, claims=[(claim(110, 10), "inv_1"), (claim(7, 7, "late:1"), "inv_2")])
    usage = HeldUsage(past, Measured({JANUARY: Fraction(117)}))

    def rated(one: Settlement) -> tuple[int, int]:
        (closing,) = usage.closings(one) or ()
        return int(closing.account.total), closing.rated.amount_minor

    assert rated(first) == (110, 1_00)  # 10 × 0.10, though 117 are known now
    assert rated(late) == (117, 1_70)


# --- wallets

GRANT = Grant("g1", "nova", "minutes", "pack:1", Fraction(100), Fraction(35), t("2026-01-01"))
DECEMBER, NOW, NEXT = (settled("usage", index, f"2026-0{index + 1}-01") for index in range(3))


def entry(seq: int, key: str, units: int, reverses: str = "") -> Entry:
    """A movement of the grant; its balance is never read."""
    return Entry("nova", "minutes", seq, "g1", key, Fraction(units), Fraction(0), t("2026-01-01"), reverses)


def purse(*more: Entry) -> Account:
    """100 minutes granted, 40 drawn before the period, then 15 and 10 in it."""
    statements = [
        statement("inv_1", "2026-01-01", [], [DECEMBER]),
        statement("inv_2", "2026-02-01", [], [NOW]),
        statement("inv_3", "2026-03-01", [], [NEXT]),
    ]
    entries = (
        entry(1, "pack:1", 100),
        entry(2, "close:sub_1:usage:0::0:g1", -40),
        entry(3, "close:sub_1:usage:1::0:g1", -15),
        entry(4, "close:sub_1:usage:2::0:g1", -10),
        *more,
    )
    return account(NOVA, statements, "inv_2", "inv_3", grants=(GRANT,), entries=entries)


def test_a_grant_has_left_what_was_not_drawn_before() -> None:
    wallets = Wallets(purse())
    assert wallets.held(NOW) == wallets.moved() == {"g1": 60}
    assert wallets.held(NEXT) == {"g1": 45}
    assert [wallets.is_inside(one) for one in (DECEMBER, NOW, NEXT)] == [False, True, True]


def test_what_was_taken_back_of_a_debit_before_the_period_is_there_again() -> None:
    back = entry(5, "void:inv_1", 40, reverses="close:sub_1:usage:0::0:g1")
    assert Wallets(purse(back)).held(NOW) == {"g1": 100}
    # of a debit of the period itself it is not: that is drawn anew
    own = entry(5, "void:inv_2", 15, reverses="close:sub_1:usage:1::0:g1")
    assert Wallets(purse(own)).held(NOW) == {"g1": 60}


def test_a_closing_that_cannot_be_drawn_anew_pays_what_it_paid() -> None:
    wallets = Wallets(purse())
    wallets.take_as_held(NOW)
    assert wallets.moved() == {"g1": 45}
