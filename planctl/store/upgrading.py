"""Bringing a store to the newest schema, in one transaction with whatever judges it. It makes no store."""

from __future__ import annotations

from collections.abc import Callable

from sqlalchemy.exc import DBAPIError

from planctl.core.access import Role
from planctl.errors import Busy
from planctl.store.engine import Store, Tx
from planctl.store.failures import Collided, meaning_of, translated
from planctl.store.link import Link, check_role, open_link
from planctl.store.migrate import Upgrade, lay_schema, settle_in
from planctl.store.retrying import attempted
from planctl.store.url import StoreUrl
from planctl.store.version import SCHEMA_VERSION, missing
from planctl.values import dataclass


@dataclass(frozen=True, slots=True)
class Around:
    """What is done in the transaction of an upgrade: `before` anything changes, and `after` it, where it is judged.

    What either of them raises undoes the upgrade.
    """

    before: Callable[[Link], None] = lambda _link: None
    after: Callable[[Tx, Upgrade], None] = lambda _tx, _done: None


def upgrade(url: str, *, wait_seconds: int = 5, host: str = "", around: Around | None = None) -> Upgrade:
    """Bring a store to the newest schema, in one transaction; a failure leaves it as it was.

    On PostgreSQL others read on until a table is changed. No store: StoreFailure. A newer schema than this planctl
    knows: Refused. A table that somebody reads for long: Busy, after several tries.
    """
    parsed = StoreUrl.parse(url)
    link = open_link(parsed, wait_seconds=wait_seconds, allow_older=True)
    try:
        if link.version == 0:
            raise missing(link.where)
        check_role(link, Role.OWNER, "store upgrade")
        before = link.version
        if before < SCHEMA_VERSION:
            before = attempted(lambda: _upgrade(Tx(Store(parsed, link, host)), around or Around()))
        return Upgrade(before, SCHEMA_VERSION)
    finally:
        link.close()


def _upgrade(tx: Tx, around: Around) -> int:
    link = tx.store.link
    with translated(link.where):
        try:
            link.begin("write")
            before = link.refresh_version()
            if before < SCHEMA_VERSION:  # else somebody else was first
                around.before(link)
                link.be_brief()
                _lay_on_free_tables(link)
                settle_in(link, before, tx.store.host)
                around.after(tx, Upgrade(before, SCHEMA_VERSION))
            link.commit()
        except BaseException:
            link.rollback()
            raise
    return before


def _lay_on_free_tables(link: Link) -> None:
    try:
        lay_schema(link)
    except DBAPIError as error:
        if isinstance(meaning_of(error, link.where), Busy):
            raise Collided(
                "a long command is using a table that the upgrade changes",
                where=link.where,
                hint="wait until it is done (an export, doctor, invoice run), then run planctl store upgrade again",
            ) from error
        raise
