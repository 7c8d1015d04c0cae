"""Three yeses for real money: a live key, a live store, and `--live`; any mismatch is refused."""

from __future__ import annotations

import pytest

from planctl.core.stripe.guard import MadeLater, check_account, check_generation, check_mode
from planctl.core.stripe.model import Account, Object
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


def made(generation: str = "", adoption: str = "", store: str = "store_1") -> Object:
    marks = {"planctl_store": store, "planctl_generation": generation, "planctl_adoption": adoption}
    said = {name: value for name, value in marks.items() if value}
    return {"id": "cus_1", "metadata": {**said, "planctl_id": "nova"}}


@pytest.mark.parametrize(
    ("one", "generation", "adoption"),
    [
        (made(), 1, ""),
        (made(), 2, "adoption_x"),
        (made("2", "adoption_x"), 2, "adoption_x"),
        (made("2", "adoption_y"), 3, "adoption_x"),
        (made("3", "adoption_y", "store_2"), 1, ""),
    ],
)
def test_what_the_store_or_an_earlier_generation_made_is_let_through(
    one: Object, generation: int, adoption: str
) -> None:
    check_generation([one], "store_1", generation, adoption)


@pytest.mark.parametrize(
    ("one", "generation", "adoption", "expected", "got"),
    [
        (made("2", "adoption_y"), 1, "", "generation 1 or before", "generation 2"),
        (made("3", "adoption_x"), 2, "adoption_x", "generation 2 or before", "generation 3"),
        (made("2", "adoption_y"), 2, "adoption_x", "adoption_x", "adoption_y"),
        (made("2"), 2, "adoption_x", "adoption_x", "no adoption"),
    ],
)
def test_what_a_later_generation_or_another_adoption_made_stops_everything(
    one: Object, generation: int, adoption: str, expected: str, got: str
) -> None:
    with pytest.raises(MadeLater) as refused:
        check_generation([made(), one], "store_1", generation, adoption)
    assert (refused.value.exit_code, refused.value.where) == (4, "cus_1")
    assert (refused.value.expected, refused.value.got) == (expected, got)
    assert refused.value.message.endswith(": nova")
