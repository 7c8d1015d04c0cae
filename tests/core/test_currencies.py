"""Currencies: the table of ISO 4217 and what is refused as money."""

from __future__ import annotations

import pytest

from planctl.core.currencies import NOT_MONEY, Currency, iso_codes, iso_currency


@pytest.mark.parametrize(
    ("code", "name", "decimals"),
    [
        # Source: ISO 4217 list one, 2026-01-01.
        ("USD", "US Dollar", 2),
        ("EUR", "Euro", 2),
        ("JPY", "Yen", 0),
        ("KWD", "Kuwaiti Dinar", 3),
        ("CLF", "Unidad de Fomento", 4),
        ("UGX", "Uganda Shilling", 0),
        ("ISK", "Iceland Krona", 0),
        ("HUF", "Forint", 2),
        ("TWD", "New Taiwan Dollar", 2),
        ("BYN", "Belarusian Ruble", 2),
        ("TOP", "Pa\u2019anga", 2),
    ],
)
def test_a_currency_has_the_name_and_decimals_of_the_list(code: str, name: str, decimals: int) -> None:
    assert iso_currency(code) == Currency(code, name, decimals, iso=True)


def test_the_table_holds_every_currency_with_a_minor_unit() -> None:
    # 178 codes in the list of 2026-01-01, 13 of them without a minor unit.
    assert len(iso_codes()) == 165
    assert list(iso_codes()) == sorted(set(iso_codes()))


@pytest.mark.parametrize("code", ["XAU", "XXX", "XTS", "XDR"])
def test_a_code_without_a_minor_unit_is_not_money(code: str) -> None:
    assert code in NOT_MONEY
    assert iso_currency(code) is None


@pytest.mark.parametrize("code", ["usd", "GPB", "USDT", "", "US", "USD ", "USD2"])
def test_only_a_code_of_the_list_written_in_capitals_is_found(code: str) -> None:
    assert iso_currency(code) is None


@pytest.mark.parametrize("code", iso_codes())
def test_every_row_is_well_formed(code: str) -> None:
    currency = iso_currency(code)
    assert currency is not None
    assert len(code) == 3
    assert code.isascii()
    assert code.isupper()
    assert currency.name == currency.name.strip() != ""
    assert currency.decimals in {0, 2, 3, 4}
    assert str(currency) == code


def test_a_catalogs_own_currency_states_its_decimals() -> None:
    tether = Currency("USDT", "Tether", 6, iso=False)
    assert tether.decimals == 6
    assert not tether.iso
    with pytest.raises(AssertionError):
        Currency("ODD", "Odd", 13, iso=False)


def test_a_currency_has_at_most_twelve_decimals_and_never_fewer_than_none() -> None:
    assert Currency("WEI", "Wei", 12, iso=False).decimals == 12
    assert Currency("JPY", "Yen", 0).decimals == 0
    for decimals in (13, -1):
        with pytest.raises(AssertionError, match=f"currency WEI has {decimals} decimals"):
            Currency("WEI", "Wei", decimals, iso=False)
