"""Who runs a command, when it believes to be and how the tool is set, and whether that person may do it at all.

It opens no store and writes nothing.
"""

from __future__ import annotations

from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING

from planctl import clock
from planctl.cli.given import Given
from planctl.core.instants import Instant, parse_instant, zone
from planctl.core.unreadable import Unreadable
from planctl.errors import InvalidInput, NotPermitted, WrongUsage
from planctl.values import dataclass
from planctl.views.formats import FORMATS
from planctl.views.safe import redacted

if TYPE_CHECKING:
    from planctl.settings import Settings
    from planctl.store.engine import Store, Tx


@dataclass
class Acting:
    """A command with its options, as somebody runs it. `needs` is the role without which it does nothing."""

    given: Given
    command: str = ""
    formats: tuple[str, ...] = FORMATS
    is_write: bool = False
    needs: str = "viewer"

    @cached_property
    def settings(self) -> Settings:
        """How the tool behaves, each value with its origin: flags, environment, planctl.toml, defaults."""
        from planctl.settings import load

        return load(self.given)

    def use_store(self, url: str) -> None:
        """Take another store than the settings say, before one is opened."""
        self.given = replace(self.given, store=url)
        self.__dict__.pop("settings", None)

    # --- time and people -------------------------------------------------------------------------

    @cached_property
    def now(self) -> Instant:
        """The machine's clock, read once."""
        return Instant(clock.now())

    def as_of(self, tx: Tx | None = None) -> Instant:
        """The instant the command believes it is: `--as-of`, else now.

        A date is that day's first instant in the store's timezone (UTC without a store).
        """
        text = self.settings.as_of
        return self.instant(text, "--as-of", tx) if text else self.now

    def instant(self, text: str, option: str, tx: Tx | None = None) -> Instant:
        """Read an instant given by an option, in the store's timezone; InvalidInput naming the option."""
        try:
            return parse_instant(text, zone(self.timezone(tx)))
        except Unreadable as error:
            raise InvalidInput(error.reason, where=option, got=text, hint=error.fix) from error

    def timezone(self, tx: Tx | None) -> str:
        """The store's timezone; UTC without a store."""
        if tx is None:
            return "UTC"
        from planctl.store.settings import timezone

        return timezone(tx)

    @cached_property
    def actor(self) -> str:
        """Who acts: `--operator` or the operator of the settings, else the login of the user id."""
        from planctl.cli.who import login

        return self.settings.operator or login()

    @property
    def reason(self) -> str:
        """Why, as given but for secrets: it is kept in many places. Empty where it was not given."""
        return redacted(self.given.reason or "")

    def require_reason(self) -> str:
        """Why, for a command that will not do it without: WrongUsage naming `--reason`."""
        if not self.reason.strip():
            raise WrongUsage(
                "a reason is missing",
                code="needs-reason",
                where=self.command,
                hint="say why with --reason TEXT; it is kept in the audit",
            )
        return self.reason

    # --- what may be done ------------------------------------------------------------------------

    def check_may_write(self) -> None:
        """NotPermitted for a command that would write where stores are only to be looked at."""
        if self.needs == "viewer" or not self.settings.read_only:
            return
        raise NotPermitted(
            f"stores are only read here, and planctl {self.command} writes; nothing was done",
            code="read-only",
            where=self.settings.values["read_only"].origin,
            hint="leave --read-only out, or take read_only out of planctl.toml or PLANCTL_READ_ONLY away",
        )

    def check_role(self, store: Store) -> None:
        """NotPermitted where the server knows that whoever is connected may not run this command."""
        from planctl.core.access import Role
        from planctl.store.link import check_role

        check_role(store.link, Role(self.needs), self.command)
