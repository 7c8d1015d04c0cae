"""What a store keeps about the business that runs it: the settings' names, defaults and what each may be.

It keeps nothing and knows no store. How the tool itself behaves stands in planctl.toml, not here.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable

from planctl.core.customer_fields import is_country
from planctl.core.instants import parse_date, zone
from planctl.core.unreadable import Unreadable
from planctl.values import dataclass

LONGEST_TEXT = 1_000
NUMBERING = "{series}-{year}-{seq:05}"
"""How invoices are numbered where nobody says otherwise."""

_NUMBER = re.compile("[1-9][0-9]{0,14}", re.ASCII)


class SettingError(Unreadable):
    """A name is no setting, or a value is not what the setting may be."""


@dataclass(frozen=True, slots=True)
class Setting:
    """One setting: what it is for, its default, and `check`, which returns the value as it is kept or raises.

    `carried_out` is False while every value but the default would be kept and have no effect.
    """

    name: str
    about: str
    check: Callable[[str], str]
    default: str = ""
    carried_out: bool = True


def setting_of(name: str) -> Setting:
    """The setting of that name; SettingError with a near miss."""
    if name in SETTINGS:
        return SETTINGS[name]
    near = difflib.get_close_matches(name[:64], SETTINGS, n=1)
    fix = f"did you mean {near[0]}?" if near else "planctl config show lists them"
    raise SettingError(f"{name[:64]!a} is no setting", fix)


def checked(name: str, value: str) -> str:
    """The value as it is kept: SettingError, or another Unreadable, says what is wrong with it.

    An empty value is the default again.
    """
    setting = setting_of(name)
    return setting.check(value) if value else ""


def _text(value: str) -> str:
    if len(value) > LONGEST_TEXT:
        raise SettingError(f"the text has {len(value):,} characters", f"write at most {LONGEST_TEXT:,}")
    if any(not character.isprintable() and character != "\n" for character in value):
        raise SettingError("the text has control characters", "write plain text; line ends are allowed")
    return value.strip()


def _country(value: str) -> str:
    if not is_country(value):
        raise SettingError(
            f"{value[:16]!a} is no country code", "write two capital letters of ISO 3166-1, such as DE"
        )
    return value


def _choice(*choices: str) -> Callable[[str], str]:
    def check(value: str) -> str:
        if value not in choices:
            raise SettingError(f"{value[:32]!a} is not one of the choices", f"write {' or '.join(choices)}")
        return value

    return check


def _timezone(value: str) -> str:
    return zone(value).key


def _date(value: str) -> str:
    return parse_date(value).isoformat()


def _number(value: str) -> str:
    if not _NUMBER.fullmatch(value):
        raise SettingError(f"{value[:32]!a} is no invoice number", "write a whole number from 1")
    return value


SETTINGS: dict[str, Setting] = {
    one.name: one
    for one in (
        Setting("seller.name", "who sells, on every invoice", _text),
        Setting("seller.address", "the seller's address", _text),
        Setting("seller.country", "the seller's country, ISO 3166", _country),
        Setting("seller.tax_id", "the seller's tax number", _text),
        Setting("seller.logo", "a picture for rendered invoices", _text),
        Setting("invoice.footer", "text below every invoice", _text),
        Setting("invoice.zero", "what becomes of invoices of 0", _choice("skip", "issue"), "skip"),
        Setting("numbering.format", "how invoices are numbered", _text, NUMBERING),
        Setting("numbering.next", "the next number, before the first invoice", _number, "1"),
        Setting("timezone", "where the business's days begin", _timezone, "UTC"),
        Setting("tax.rounding", "tax is rounded per", _choice("invoice", "line"), "invoice"),
        Setting("dedup", "an event id counts once per day, or for ever", _choice("day", "strict"), "day"),
        Setting("books.closed_through", "the last day of closed books", _date),
    )
}
"""Every setting by name, in the order in which they are shown."""
