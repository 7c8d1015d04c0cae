"""Knows the currencies of ISO 4217: code, name and decimals. It does not know rates, signs or catalogs.

Source: ISO 4217:2015 list one, published by SIX on 2026-01-01, taken once from the public domain package
`iso4217` 1.16.20260101. A code whose minor unit is "N.A." in that list (gold, test codes, "no currency") is
not money and is not in the table.
"""

from __future__ import annotations

from functools import cache

from planctl.values import dataclass

MAX_DECIMALS = 12
"""The most decimals a currency may have; the same number as unit prices and quantities may have."""

NOT_MONEY = frozenset(
    {"XAG", "XAU", "XBA", "XBB", "XBC", "XBD", "XDR", "XPD", "XPT", "XSU", "XTS", "XUA", "XXX"}
)
"""ISO 4217 codes without a minor unit: no amount can be written in them, so they are refused."""


@dataclass(frozen=True, slots=True)
class Currency:
    """A currency and how many decimals its amounts have.

    `decimals` is 0 to 12: 2 for USD, 0 for JPY, 3 for KWD. `iso` is false for one that a catalog declares
    itself (USDT with 6 decimals); such a currency never reaches Stripe.
    """

    code: str
    name: str
    decimals: int
    iso: bool = True

    def __post_init__(self) -> None:
        assert 0 <= self.decimals <= MAX_DECIMALS, f"currency {self.code} has {self.decimals} decimals"

    def __str__(self) -> str:
        return self.code


def iso_currency(code: str) -> Currency | None:
    """Return the ISO 4217 currency with this code, or None when the list has no money of that name.

    The code must be written as the list writes it, in capitals. Codes in `NOT_MONEY` answer None too.
    """
    return _table().get(code)


def iso_codes() -> tuple[str, ...]:
    """Return every ISO 4217 code that is money, in alphabetical order; for hints and completion."""
    return tuple(_table())


@cache
def _table() -> dict[str, Currency]:
    rows = (row for row in _ROWS.splitlines() if row)
    return {row[:3]: Currency(row[:3], row[4:], int(row[3])) for row in rows}


# One row a currency: three letters of code, one digit of decimals, the name.
_ROWS = """
AED2UAE Dirham
AFN2Afghani
ALL2Lek
AMD2Armenian Dram
AOA2Kwanza
ARS2Argentine Peso
AUD2Australian Dollar
AWG2Aruban Florin
AZN2Azerbaijan Manat
BAM2Convertible Mark
BBD2Barbados Dollar
BDT2Taka
BHD3Bahraini Dinar
BIF0Burundi Franc
BMD2Bermudian Dollar
BND2Brunei Dollar
BOB2Boliviano
BOV2Mvdol
BRL2Brazilian Real
BSD2Bahamian Dollar
BTN2Ngultrum
BWP2Pula
BYN2Belarusian Ruble
BZD2Belize Dollar
CAD2Canadian Dollar
CDF2Congolese Franc
CHE2WIR Euro
CHF2Swiss Franc
CHW2WIR Franc
CLF4Unidad de Fomento
CLP0Chilean Peso
CNY2Yuan Renminbi
COP2Colombian Peso
COU2Unidad de Valor Real
CRC2Costa Rican Colon
CUP2Cuban Peso
CVE2Cabo Verde Escudo
CZK2Czech Koruna
DJF0Djibouti Franc
DKK2Danish Krone
DOP2Dominican Peso
DZD2Algerian Dinar
EGP2Egyptian Pound
ERN2Nakfa
ETB2Ethiopian Birr
EUR2Euro
FJD2Fiji Dollar
FKP2Falkland Islands Pound
GBP2Pound Sterling
GEL2Lari
GHS2Ghana Cedi
GIP2Gibraltar Pound
GMD2Dalasi
GNF0Guinean Franc
GTQ2Quetzal
GYD2Guyana Dollar
HKD2Hong Kong Dollar
HNL2Lempira
HTG2Gourde
HUF2Forint
IDR2Rupiah
ILS2New Israeli Sheqel
INR2Indian Rupee
IQD3Iraqi Dinar
IRR2Iranian Rial
ISK0Iceland Krona
JMD2Jamaican Dollar
JOD3Jordanian Dinar
JPY0Yen
KES2Kenyan Shilling
KGS2Som
KHR2Riel
KMF0Comorian Franc
KPW2North Korean Won
KRW0Won
KWD3Kuwaiti Dinar
KYD2Cayman Islands Dollar
KZT2Tenge
LAK2Lao Kip
LBP2Lebanese Pound
LKR2Sri Lanka Rupee
LRD2Liberian Dollar
LSL2Loti
LYD3Libyan Dinar
MAD2Moroccan Dirham
MDL2Moldovan Leu
MGA2Malagasy Ariary
MKD2Denar
MMK2Kyat
MNT2Tugrik
MOP2Pataca
MRU2Ouguiya
MUR2Mauritius Rupee
MVR2Rufiyaa
MWK2Malawi Kwacha
MXN2Mexican Peso
MXV2Mexican Unidad de Inversion (UDI)
MYR2Malaysian Ringgit
MZN2Mozambique Metical
NAD2Namibia Dollar
NGN2Naira
NIO2Cordoba Oro
NOK2Norwegian Krone
NPR2Nepalese Rupee
NZD2New Zealand Dollar
OMR3Rial Omani
PAB2Balboa
PEN2Sol
PGK2Kina
PHP2Philippine Peso
PKR2Pakistan Rupee
PLN2Zloty
PYG0Guarani
QAR2Qatari Rial
RON2Romanian Leu
RSD2Serbian Dinar
RUB2Russian Ruble
RWF0Rwanda Franc
SAR2Saudi Riyal
SBD2Solomon Islands Dollar
SCR2Seychelles Rupee
SDG2Sudanese Pound
SEK2Swedish Krona
SGD2Singapore Dollar
SHP2Saint Helena Pound
SLE2Leone
SOS2Somali Shilling
SRD2Surinam Dollar
SSP2South Sudanese Pound
STN2Dobra
SVC2El Salvador Colon
SYP2Syrian Pound
SZL2Lilangeni
THB2Baht
TJS2Somoni
TMT2Turkmenistan New Manat
TND3Tunisian Dinar
TOP2Pa\u2019anga
TRY2Turkish Lira
TTD2Trinidad and Tobago Dollar
TWD2New Taiwan Dollar
TZS2Tanzanian Shilling
UAH2Hryvnia
UGX0Uganda Shilling
USD2US Dollar
USN2US Dollar (Next day)
UYI0Uruguay Peso en Unidades Indexadas (UI)
UYU2Peso Uruguayo
UYW4Unidad Previsional
UZS2Uzbekistan Sum
VED2Bol\u00edvar Soberano
VES2Bol\u00edvar Soberano
VND0Dong
VUV0Vatu
WST2Tala
XAD2Arab Accounting Dinar
XAF0CFA Franc BEAC
XCD2East Caribbean Dollar
XCG2Caribbean Guilder
XOF0CFA Franc BCEAO
XPF0CFP Franc
YER2Yemeni Rial
ZAR2Rand
ZMW2Zambian Kwacha
ZWG2Zimbabwe Gold
"""
