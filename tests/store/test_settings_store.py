"""Settings of the business as the store keeps them."""

from __future__ import annotations

from planctl.store.engine import Store
from planctl.store.settings import all_settings, put_setting, setting, timezone


def test_a_setting_that_nobody_set_is_its_default(store: Store) -> None:
    with store.read() as tx:
        assert setting(tx, "seller.name") == ""
        assert setting(tx, "numbering.format", "{seq}") == "{seq}"


def test_a_setting_that_was_taken_back_is_its_default_again(store: Store) -> None:
    with store.write() as tx:
        for name, value in (("numbering.format", "N-{seq}"), ("timezone", "Europe/Berlin")):
            put_setting(tx, name, value)
        assert (setting(tx, "numbering.format", "{seq}"), timezone(tx)) == ("N-{seq}", "Europe/Berlin")
        for name in ("numbering.format", "timezone"):
            put_setting(tx, name, "")
        assert (setting(tx, "numbering.format", "{seq}"), timezone(tx)) == ("{seq}", "UTC")
        assert all_settings(tx) == {"numbering.format": "", "timezone": ""}
