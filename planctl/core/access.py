"""The three roles and what each includes. It knows neither commands nor databases: who enforces a role does.

Source: planctl command line, Permissions: viewer looks, manager does everything day to day, owner adds access,
upgrade, restore, adopt and keys.
"""

from __future__ import annotations

from enum import StrEnum

from planctl.values import dataclass


class Role(StrEnum):
    """What somebody may do with a store; each includes the ones before it."""

    VIEWER = "viewer"
    MANAGER = "manager"
    OWNER = "owner"

    def includes(self, other: Role) -> bool:
        """Whether who has this role may do what the other one may."""
        order = list(Role)
        return order.index(self) >= order.index(other)


@dataclass(frozen=True, slots=True)
class Holder:
    """Somebody who may use a store: a login, or a user or group of the system, with the role that it comes to.

    `how` says by what: `granted`, `superuser`, `made the store`, or the mode of a file.
    """

    name: str
    role: Role
    how: str


@dataclass(frozen=True, slots=True)
class Place:
    """A file or a folder and who may use it: its owner, its group, and its permission bits."""

    path: str
    owner: str
    group: str
    mode: int


@dataclass(frozen=True, slots=True)
class Standing:
    """Who may use a store, and who sees to it: `server` or `system`. `places` are the file's; empty on a server."""

    where: str
    enforced_by: str
    holders: tuple[Holder, ...]
    places: tuple[Place, ...] = ()


@dataclass(frozen=True, slots=True)
class Granted:
    """A login's role before and after; empty where it had none or has none. Equal: nothing was to be done."""

    name: str
    before: str
    after: str
