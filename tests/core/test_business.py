"""What a store keeps about the business: each setting takes what it may be, and says what else was given."""

from __future__ import annotations

import pytest

from planctl.core.business import SETTINGS, checked, setting_of
from planctl.core.unreadable import Unreadable


@pytest.mark.parametrize("name", SETTINGS)
def test_the_default_of_a_setting_is_one_of_its_values(name: str) -> None:
    default = SETTINGS[name].default
    assert checked(name, default) == default


@pytest.mark.parametrize("name", SETTINGS)
def test_an_empty_value_is_the_default_again(name: str) -> None:
    assert checked(name, "") == ""


def test_texts_lose_the_spaces_around_them() -> None:
    assert checked("seller.name", "  Acme \n") == "Acme"


@pytest.mark.parametrize(
    ("name", "value", "reason"),
    [
        ("seller.country", "de", "'de' is no country code"),
        ("seller.name", "a\u202eb", "the text has control characters"),
        ("invoice.zero", "SKIP", "'SKIP' is not one of the choices"),
        ("numbering.next", "007", "'007' is no invoice number"),
        ("numbering.next", "\u0661", "'\\u0661' is no invoice number"),
        ("books.closed_through", "2026-2-1", "'2026-2-1' is not a date or a time"),
        ("seller.phone", "1", "'seller.phone' is no setting"),
    ],
)
def test_what_a_setting_cannot_be_is_said(name: str, value: str, reason: str) -> None:
    with pytest.raises(Unreadable) as caught:
        checked(name, value)
    assert caught.value.reason == reason


def test_a_near_miss_is_named() -> None:
    with pytest.raises(Unreadable) as caught:
        setting_of("seller.nam")
    assert caught.value.fix == "did you mean seller.name?"
