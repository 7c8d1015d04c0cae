"""Reads and changes the settings that the store keeps about the business; the core knows what each may be."""

from __future__ import annotations

from typing import TYPE_CHECKING

from planctl.core.business import SETTINGS, checked, setting_of
from planctl.core.unreadable import Unreadable
from planctl.errors import InvalidInput, NotYet, Refused
from planctl.values import dataclass

if TYPE_CHECKING:
    from planctl.core.instants import Instant
    from planctl.store.engine import Tx
    from planctl.store.numbering import NumberFormat

FORMAT = "numbering.format"
NEXT = "numbering.next"
CLOSED = "books.closed_through"


@dataclass(frozen=True, slots=True)
class Said:
    """A setting's value; `is_default` where nobody set it."""

    name: str
    value: str
    is_default: bool


@dataclass(frozen=True, slots=True)
class Changed:
    """What a setting was and is now."""

    name: str
    before: str
    after: str


def read_settings(tx: Tx, at: Instant) -> list[Said]:
    """Every setting in its order, the next invoice number as of `at`."""
    from planctl.store.settings import all_settings

    said = all_settings(tx)
    return [_said(tx, name, said, at) for name in SETTINGS]


def read_setting(tx: Tx, name: str, at: Instant) -> Said:
    """One setting; InvalidInput where there is none of that name."""
    from planctl.store.settings import all_settings

    _known(name)
    return _said(tx, name, all_settings(tx), at)


def change_setting(tx: Tx, name: str, value: str, at: Instant) -> Changed:
    """Set one setting; an empty value is the default again. InvalidInput, Refused or NotYet say why not."""
    from planctl.store.settings import put_setting

    before = read_setting(tx, name, at).value
    kept = checked_value(name, value)
    if name == CLOSED and kept:
        _check_over(tx, kept, at)
    if name == NEXT:
        from planctl.store.number_start import begin_series

        if str(before) != kept:
            begin_series(tx, _format(tx), at, read_setting(tx, "timezone", at).value, int(kept or "1"))
    else:
        put_setting(tx, name, kept)
    return Changed(name, before, read_setting(tx, name, at).value)


def reopens(tx: Tx, name: str, value: str) -> bool:
    """Whether setting this opens days again whose books were closed: that wants a reason."""
    from planctl.store.settings import setting

    return name == CLOSED and value < setting(tx, CLOSED)


def _check_over(tx: Tx, day: str, at: Instant) -> None:
    from planctl.core.instants import local_date, zone
    from planctl.store.settings import timezone

    today = local_date(at, zone(timezone(tx))).isoformat()
    if day > today:
        raise Refused(
            "books cannot be closed through a day that is still to come",
            code="books-future",
            where=f"setting {CLOSED}",
            expected=f"at most {today}",
            got=day,
        )


def checked_value(name: str, value: str) -> str:
    """The value as it is kept, whatever the store holds."""
    _known(name)
    try:
        kept = checked(name, value)
    except Unreadable as error:
        raise InvalidInput(error.reason, where=f"setting {name}", got=value, hint=error.fix) from error
    if name == FORMAT and kept:
        from planctl.store.numbering import NumberFormat

        NumberFormat(kept)
    setting = SETTINGS[name]
    if not setting.carried_out and kept not in {"", setting.default}:
        raise NotYet(name, where=f"setting {name}")
    return kept


def _known(name: str) -> None:
    try:
        setting_of(name)
    except Unreadable as error:
        raise InvalidInput(
            error.reason, code="setting-unknown", where="planctl config", hint=error.fix
        ) from error


def _said(tx: Tx, name: str, said: dict[str, str], at: Instant) -> Said:
    if name == NEXT:
        from planctl.store.number_start import next_number

        timezone = said.get("timezone") or "UTC"
        return Said(NEXT, str(next_number(tx, _format(tx), at, timezone)), is_default=False)
    return Said(name, said.get(name) or SETTINGS[name].default, is_default=not said.get(name))


def _format(tx: Tx) -> NumberFormat:
    from planctl.store.numbering import NumberFormat
    from planctl.store.settings import setting

    return NumberFormat(setting(tx, FORMAT, SETTINGS[FORMAT].default))
