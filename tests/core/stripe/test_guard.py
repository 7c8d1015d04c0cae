"""Three yeses for real money: a live key, a live store, and `--live`; any mismatch is refused."""

from __future__ import annotations

import pytest

from planctl.core.stripe.guard import check_account, check_mode
from planctl.core.stripe.model import Account
from planctl.errors import Refused

LIVE, TEST = Account("acct_1", live=True), Account("acct_1", live=False)


@pytest.mark.parametrize(
    ("key", "said", "store_is_test", "pinned"),
    [
        (False, False, False, None),
        (False, False, True, None),
        (False, False, True, TEST),
        (True, True, False, None),
        (True, True, False, LIVE),
    ],
)
def test_what_agrees_is_let_through(
    key: bool, said: bool, store_is_test: bool, pinned: Account | None
) -> None:
    check_mode(key_is_live=key, said_live=said, store_is_test=store_is_test, pinned=pinned)


@pytest.mark.parametrize(
    ("key", "said", "store_is_test", "pinned", "code"),
    [
        (True, False, False, None, "stripe-live"),
        (True, False, False, LIVE, "stripe-live"),
        (False, True, False, None, "stripe-live"),
        (False, True, False, LIVE, "stripe-live"),
        (False, False, False, LIVE, "stripe-mode"),
        (True, True, False, TEST, "stripe-mode"),
        (True, True, True, None, "stripe-test-store"),
        (True, False, True, None, "stripe-test-store"),
    ],
)
def test_what_does_not_agree_is_refused(
    key: bool, said: bool, store_is_test: bool, pinned: Account | None, code: str
) -> None:
    with pytest.raises(Refused) as refused:
        check_mode(key_is_live=key, said_live=said, store_is_test=store_is_test, pinned=pinned)
    assert (refused.value.code, refused.value.exit_code) == (code, 4)


def test_a_key_of_another_account_is_refused_naming_both() -> None:
    with pytest.raises(Refused) as refused:
        check_account(LIVE, "acct_2")
    assert (refused.value.expected, refused.value.got) == ("acct_1", "acct_2")


def test_a_key_of_the_account_is_let_through() -> None:
    check_account(LIVE, "acct_1")
