"""Amounts in Stripe's unit, currency by currency as Stripe's page on currencies says (F062, F063).

Quotations are from https://docs.stripe.com/currencies. Expected values are worked out by hand.
"""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from planctl.core.currencies import Currency, iso_codes, iso_currency
from planctl.core.money import parse_decimal, to_minor
from planctl.core.stripe.amounts import at_stripe, code_at_stripe, from_stripe, takes
from planctl.errors import Refused

USDT = Currency("USDT", "Tether", 6, iso=False)

ZERO_DECIMAL = "BIF CLP DJF GNF JPY KMF KRW MGA PYG RWF VND VUV XAF XOF XPF"
NOT_TAKEN = """
BOV BTN CHE CHW CLF COU CUP ERN GHS IQD IRR KPW LYD MRU MXV SDG SSP STN SYP TMT USN UYI UYW VED VES XAD ZWG
"""


def currency(code: str) -> Currency:
    found = iso_currency(code)
    assert found is not None
    return found


def sent(text: str) -> int:
    """`19.90 USD` as Stripe gets it."""
    amount, code = text.split(" ")
    return at_stripe(to_minor(parse_decimal(amount), currency(code)), currency(code))


def refusal(text: str) -> Refused:
    with pytest.raises(Refused) as refused:
        sent(text)
    assert refused.value.exit_code == 4
    assert refused.value.code == "not-at-stripe"
    return refused.value


@pytest.mark.parametrize(
    ("amount", "at"),
    [
        ("19.90 USD", 1990),  # "1000 to charge 10 USD (or any other two-decimal currency)"
        ("0.01 EUR", 1),
        ("-5.00 USD", -500),
        ("0 USD", 0),
        ("999999.99 USD", 99_999_999),  # "a maximum charge of 999,999.99 (99999999)"
    ],
)
def test_two_decimals_are_hundredths(amount: str, at: int) -> None:
    assert sent(amount) == at


@pytest.mark.parametrize("code", ZERO_DECIMAL.split())
def test_zero_decimal_currencies_are_not_multiplied_f062(code: str) -> None:
    # "to charge 500 JPY, provide an amount value of 500"
    assert sent(f"500 {code}") == 500


@pytest.mark.parametrize("code", ["ISK", "UGX"])
def test_isk_and_ugx_are_whole_but_written_with_two_decimals_f063(code: str) -> None:
    # "to charge 5 ISK, provide an amount value of 500"; of UGX the same, though it is in the list above too
    assert sent(f"5 {code}") == 500
    assert sent(f"500 {code}") == 50_000


@pytest.mark.parametrize("code", ["HUF", "TWD"])
def test_huf_and_twd_are_whole_for_payouts_alone_f063(code: str) -> None:
    # "Stripe treats HUF as a zero-decimal currency for payouts, even though you can charge two-decimal amounts"
    assert sent(f"10.45 {code}") == 1045


@pytest.mark.parametrize("code", ["BHD", "JOD", "KWD", "OMR", "TND"])
def test_three_decimals_end_in_zero_f063(code: str) -> None:
    # "5.124 KWD must be rounded to 5120 or 5130": we round nothing
    assert sent(f"5.12 {code}") == 5120
    assert sent(f"5.130 {code}") == 5130
    problem = refusal(f"5.124 {code}")
    assert problem.expected == f"a multiple of 0.01 {code}"
    assert problem.got == f"5.124 {code}"


def test_ariary_has_two_decimals_here_and_none_at_stripe() -> None:
    assert sent("12.00 MGA") == 12
    problem = refusal("12.34 MGA")
    assert problem.message == "12.34 MGA is no amount that Stripe takes"
    assert problem.expected == "a multiple of 1 MGA"
    assert problem.where == "MGA"
    assert "payment record" in problem.hint


def test_a_fraction_of_a_krona_is_refused_f063() -> None:
    # a store may hold an amount from when a currency had decimals: each keeps its own
    old = Currency("ISK", "Iceland Krona", 2)
    assert at_stripe(50_000, old) == 50_000
    with pytest.raises(Refused) as refused:
        at_stripe(50_050, old)
    assert refused.value.got == "500.50 ISK"
    assert refused.value.expected == "a multiple of 1 ISK"


@pytest.mark.parametrize(
    ("most", "at", "beyond", "limit"),
    [
        ("999999.99 USD", 99_999_999, "1000000.00 USD", "at most 999,999.99 USD"),
        ("-999999.99 USD", -99_999_999, "-1000000.00 USD", "at most 999,999.99 USD"),
        ("999999 ISK", 99_999_900, "1000000 ISK", "at most 999,999 ISK"),
        ("99999.99 KWD", 99_999_990, "100000 KWD", "at most 99,999.999 KWD"),
        ("9999999999.99 IDR", 999_999_999_999, "10000000000 IDR", "at most 9,999,999,999.99 IDR"),
        ("9999999.99 INR", 999_999_999, "10000000 INR", "at most 9,999,999.99 INR"),
        ("99999999.99 COP", 9_999_999_999, "100000000 COP", "at most 99,999,999.99 COP"),
        ("99999999.99 HUF", 9_999_999_999, "100000000 HUF", "at most 99,999,999.99 HUF"),
        ("9999999999 JPY", 9_999_999_999, "10000000000 JPY", "at most 9,999,999,999 JPY"),
        ("99999999 KRW", 99_999_999, "100000000 KRW", "at most 99,999,999 KRW"),
    ],
)
def test_amounts_have_as_many_digits_as_stripe_takes(most: str, at: int, beyond: str, limit: str) -> None:
    # "12 digits for IDR; 9 digits for INR; 8 digits for all other currencies", by card 10 for COP, HUF and JPY
    assert sent(most) == at
    assert refusal(beyond).expected == limit


@pytest.mark.parametrize(
    ("money", "why"),
    [
        (USDT, "USDT is no currency of ISO 4217"),
        (Currency("CLF", "Unidad de Fomento", 4), "CLF has 4 decimals, at Stripe there are at most 3"),
        (Currency("UYW", "Unidad Previsional", 4), "UYW has 4 decimals, at Stripe there are at most 3"),
        (Currency("IRR", "Iranian Rial", 2), "Stripe takes no payments in IRR"),
        (Currency("IQD", "Iraqi Dinar", 3), "Stripe takes no payments in IQD"),
    ],
)
def test_a_currency_that_stripe_does_not_take_is_refused_with_the_reason_f063(
    money: Currency, why: str
) -> None:
    assert takes(money) == why
    for convert in (at_stripe, from_stripe):
        with pytest.raises(Refused, match="Stripe cannot take this money") as refused:
            convert(100, money)
        assert (refused.value.code, refused.value.where) == ("not-at-stripe", money.code)


def test_every_other_currency_is_taken_and_written_small() -> None:
    refused = {code for code in iso_codes() if takes(currency(code))}
    assert refused == set(NOT_TAKEN.split())
    assert code_at_stripe(currency("USD")) == "usd"


@pytest.mark.parametrize(
    ("amount", "code", "minor"),
    [(1990, "USD", 1990), (500, "JPY", 500), (50_000, "ISK", 500), (12, "MGA", 1200), (1234, "KWD", 1234)],
)
def test_what_stripe_says_is_read_back(amount: int, code: str, minor: int) -> None:
    assert from_stripe(amount, currency(code)) == minor


def test_what_we_cannot_write_is_not_read() -> None:
    with pytest.raises(Refused) as refused:
        from_stripe(50_050, currency("ISK"))
    assert refused.value.got == "500.5 ISK"
    assert refused.value.expected == "at most 0 decimals"


TAKEN = [money for code in iso_codes() if not takes(money := currency(code))]


@given(st.sampled_from(TAKEN), st.integers(-99_999_999, 99_999_999))
def test_what_is_sent_reads_back_as_it_was(money: Currency, amount_minor: int) -> None:
    try:
        at = at_stripe(amount_minor, money)
    except Refused:
        return
    assert from_stripe(at, money) == amount_minor


def told(error: Refused) -> tuple[str, ...]:
    return (error.message, error.where, error.expected, error.got, error.hint)


def test_refusals_say_what_was_expected_what_came_and_what_to_do() -> None:
    assert told(refusal("12.34 MGA")) == (
        "12.34 MGA is no amount that Stripe takes",
        "MGA",
        "a multiple of 1 MGA",
        "12.34 MGA",
        "change the price, or collect it outside Stripe and record it: planctl payment record",
    )
    assert told(refusal("1.00 IRR")) == (
        "Stripe cannot take this money: Stripe takes no payments in IRR",
        "IRR",
        "a currency that Stripe takes",
        "IRR",
        "collect it outside Stripe and record it: planctl payment record",
    )
    with pytest.raises(Refused) as refused:
        from_stripe(50_050, currency("ISK"))
    assert refused.value.code == "not-at-stripe"
    assert told(refused.value) == (
        "50050 in Stripe's unit is no amount of ISK",
        "ISK",
        "at most 0 decimals",
        "500.5 ISK",
        "look at the amount in Stripe's dashboard",
    )


def test_amounts_are_whole_numbers_on_both_sides() -> None:
    assert type(at_stripe(1990, currency("USD"))) is int
    assert type(from_stripe(1990, currency("USD"))) is int
