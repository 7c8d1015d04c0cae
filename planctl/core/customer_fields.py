"""What the fields of a customer may be, and a customer made of them; complaints are findings. It keeps nothing.

Source: ISO 3166-1 (countries), ISO 4217 (currencies), planctl billing rules, companies.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import field, replace
from typing import Any

from planctl.core.currencies import iso_currency
from planctl.core.customers import Customer
from planctl.core.instants import ZoneError, zone
from planctl.core.reading import closest, unsafe_character
from planctl.findings import NOWHERE, Finding, Place
from planctl.values import dataclass

FIELDS = (
    "name",
    "emails",
    "currency",
    "timezone",
    "country",
    "address",
    "tax_id",
    "locale",
    "parent",
    "fingerprint",
    "tax",
    "payment_method",
)
"""Everything that may be said of a customer, in the order in which it is shown."""

PAYMENT_METHODS = ("card", "invoice", "none")
WITHOUT_TAX = ("exempt", "reverse")
LONGEST_TEXT = 1_000

_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@-]{0,62}", re.ASCII)
_EMAIL = re.compile(r'[^\s@;,<>()"\\]{1,64}@[^\s@;,<>()"\\.]+(?:\.[^\s@;,<>()"\\.]+)+')
_LOCALE = re.compile(r"[A-Za-z]{2,3}(?:[_-][A-Za-z0-9]{2,8}){0,3}", re.ASCII)
_COUNTRIES = """
AD AE AF AG AI AL AM AO AQ AR AS AT AU AW AX AZ BA BB BD BE BF BG BH BI BJ BL BM BN BO BQ BR BS BT BV BW
BY BZ CA CC CD CF CG CH CI CK CL CM CN CO CR CU CV CW CX CY CZ DE DJ DK DM DO DZ EC EE EG EH ER ES ET FI
FJ FK FM FO FR GA GB GD GE GF GG GH GI GL GM GN GP GQ GR GS GT GU GW GY HK HM HN HR HT HU ID IE IL IM IN
IO IQ IR IS IT JE JM JO JP KE KG KH KI KM KN KP KR KW KY KZ LA LB LC LI LK LR LS LT LU LV LY MA MC MD ME
MF MG MH MK ML MM MN MO MP MQ MR MS MT MU MV MW MX MY MZ NA NC NE NF NG NI NL NO NP NR NU NZ OM PA PE PF
PG PH PK PL PM PN PR PS PT PW PY QA RE RO RS RU RW SA SB SC SD SE SG SH SI SJ SK SL SM SN SO SR SS ST SV
SX SY SZ TC TD TF TG TH TJ TK TL TM TN TO TR TT TV TW TZ UA UG UM US UY UZ VA VC VE VG VI VN VU WF WS YE
YT ZA ZM ZW
"""
"""The 249 officially assigned codes. Source: ISO 3166-1 alpha-2."""


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What a customer's fields are checked against: declared currencies, tax codes, and the parent it names."""

    currencies: Collection[str] = ()
    taxes: Collection[str] = ()
    parent: Customer | None = None


@dataclass(slots=True)
class _Complaints:
    """Findings as they are collected."""

    customer: str
    place: Place
    findings: list[Finding] = field(default_factory=list)

    def add(self, what: str, message: str, *, got: str, expected: str = "", hint: str = "") -> None:
        """Complain of one field, `what`."""
        self.findings.append(
            Finding(
                rule="customer-field",
                message=f"customer {self.customer[:63]}: {what}: {message}",
                place=self.place,
                expected=expected,
                got=got,
                hint=hint,
            )
        )


def customer_of(
    base: Customer, said: Mapping[str, str], around: Surroundings, place: Place = NOWHERE
) -> tuple[Customer, tuple[Finding, ...]]:
    """`base` with what was said of it by field; an empty text takes a field back. All complaints at once.

    E-mail addresses are separated by `;`. A customer with a parent has the parent's currency and timezone.
    The customer is of use only without findings.
    """
    told = _Complaints(base.id, place)
    if not _ID.fullmatch(base.id):
        told.add(
            "id",
            "this is no customer id",
            got=base.id,
            expected="a letter or digit, then up to 62 letters, digits, . _ @ -",
        )
    values = {name: text.strip() for name, text in said.items()}
    for name, text in values.items():
        _check_text(told, name, text)
        if text and name in _CHECKS:
            _CHECKS[name](told, text, around)
    changed = replace(base, **_kept(told, base, values))
    return _of_company(told, changed, values, around), tuple(told.findings)


def _kept(told: _Complaints, base: Customer, values: Mapping[str, str]) -> dict[str, Any]:
    """The fields as they are kept: tax codes in order, no payment method is none, no timezone what it was."""
    kept: dict[str, Any] = {**values}
    if "emails" in values:
        kept["emails"] = _emails(told, values["emails"])
    if values.get("tax"):
        kept["tax"] = ",".join(_tax_codes(values["tax"]))
    if values.get("payment_method") == "":
        kept["payment_method"] = "none"
    if values.get("timezone") == "":
        kept["timezone"] = base.timezone
    return kept


def _of_company(
    told: _Complaints, customer: Customer, values: Mapping[str, str], around: Surroundings
) -> Customer:
    """A customer with a parent inherits its currency and timezone; saying others is a complaint."""
    parent = around.parent
    if parent is None:
        return customer
    for name, inherited in (("currency", parent.currency), ("timezone", parent.timezone)):
        if values.get(name) and values[name] != inherited:
            told.add(
                name,
                f"the {name} is that of its parent {parent.id}",
                got=values[name],
                expected=inherited,
                hint=f"leave the {name} out",
            )
    return replace(customer, currency=parent.currency, timezone=parent.timezone)


def _check_text(told: _Complaints, name: str, text: str) -> None:
    if len(text) > LONGEST_TEXT:
        told.add(
            name, f"the {name} is too long", got=text[:60], expected=f"at most {LONGEST_TEXT} characters"
        )
    unsafe = unsafe_character(text.replace("\n", " ") if name == "address" else text)
    if unsafe:
        told.add(name, f"the {name} contains the character {unsafe}", got=text[:60], hint="remove it")


def _emails(told: _Complaints, text: str) -> tuple[str, ...]:
    """The addresses in order, each once."""
    found = tuple(dict.fromkeys(part for one in text.split(";") if (part := one.strip())))
    for email in found:
        if len(email) > 254 or not _EMAIL.fullmatch(email):
            told.add("email", "this is no e-mail address", got=email, expected="name@domain.example")
    return found


def _currency(told: _Complaints, text: str, around: Surroundings) -> None:
    if text not in around.currencies and iso_currency(text) is None:
        hint = f"write {text.upper()}" if iso_currency(text.upper()) else closest(text, around.currencies)
        told.add(
            "currency", "unknown currency", got=text, expected="a code of the catalog or ISO 4217", hint=hint
        )


def _timezone(told: _Complaints, text: str, _around: Surroundings) -> None:
    try:
        zone(text)
    except ZoneError as error:
        told.add("timezone", error.reason, got=text, hint=error.fix)


def _country(told: _Complaints, text: str, _around: Surroundings) -> None:
    if not is_country(text):
        hint = f"write {text.upper()}" if is_country(text.upper()) else ""
        told.add("country", "unknown country", got=text, expected="two letters of ISO 3166-1", hint=hint)


def is_country(text: str) -> bool:
    """Whether it is one of the 249 officially assigned codes, in capital letters."""
    return len(text) == 2 and text in _COUNTRIES.split()


def _locale(told: _Complaints, text: str, _around: Surroundings) -> None:
    if not _LOCALE.fullmatch(text):
        told.add("locale", "this is no locale", got=text, expected="a language such as en or de-AT")


def _tax(told: _Complaints, text: str, around: Surroundings) -> None:
    """One word that takes all tax away, or declared codes; both together say two things."""
    codes = _tax_codes(text)
    known = (*sorted(around.taxes), *WITHOUT_TAX)
    for code in codes:
        if code in WITHOUT_TAX and len(codes) > 1:
            told.add("tax", f"{code} stands alone", got=text, expected=f"{code}, or tax codes")
        elif code not in known:
            told.add(
                "tax", "unknown tax code", got=code, expected=" | ".join(known), hint=closest(code, known)
            )


def _tax_codes(text: str) -> tuple[str, ...]:
    """The codes of a text such as `vat_de,city`, each once, in order."""
    return tuple(sorted({one.strip() for one in text.split(",")}))


def _payment_method(told: _Complaints, text: str, _around: Surroundings) -> None:
    if text not in PAYMENT_METHODS:
        told.add("payment_method", "unknown payment method", got=text, expected=" | ".join(PAYMENT_METHODS))


def _parent(told: _Complaints, text: str, around: Surroundings) -> None:
    if around.parent is None:
        told.add("parent", "the parent does not exist", got=text, hint="add the parent first")


_CHECKS: dict[str, Callable[[_Complaints, str, Surroundings], None]] = {
    "currency": _currency,
    "timezone": _timezone,
    "country": _country,
    "locale": _locale,
    "tax": _tax,
    "payment_method": _payment_method,
    "parent": _parent,
}
