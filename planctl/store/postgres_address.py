"""A PostgreSQL address, made ready to connect with; what cannot be one is refused here. It connects to nothing."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

from sqlalchemy import Engine, create_engine, make_url
from sqlalchemy.exc import ArgumentError
from sqlalchemy.pool import NullPool

from planctl.errors import InvalidInput, StoreFailure
from planctl.store.url import StoreUrl

NO_STATEMENTS_KEPT = {"prepare_threshold": None}
"""The driver prepares nothing on the server: behind a pooler the next transaction has another connection."""


def engine_of(url: StoreUrl) -> Engine:
    """What connects to the server of an address, a new connection every time.

    InvalidInput for an address that PostgreSQL's client would not understand, or not whole; StoreFailure where the
    driver is not installed.
    """
    try:
        address = make_url(url.address.replace("postgresql://", "postgresql+psycopg://", 1))
        engine = create_engine(
            address, poolclass=NullPool, hide_parameters=True, connect_args=NO_STATEMENTS_KEPT
        )
        _, options = engine.dialect.create_connect_args(address)
        options.pop("context", None)  # SQLAlchemy's own, for the driver
    except ModuleNotFoundError as error:
        raise StoreFailure(
            "the PostgreSQL driver is not installed",
            where=str(url),
            hint="install it: pip install 'planctl-billing[postgres]'",
        ) from error
    except (ArgumentError, ValueError) as error:  # of ports and hosts; their words may hold a secret
        raise _misunderstood(url) from error
    _check(url, options)
    # The driver warns of what it then raises: planctl says that once, in its own words.
    driver = logging.getLogger("psycopg")
    if not driver.handlers:
        driver.addHandler(logging.NullHandler())
    return engine


def _check(url: StoreUrl, options: Mapping[str, Any]) -> None:
    """Refuse what the client has no word for: it would be a mistake of the driver, or change how it works."""
    from psycopg import ProgrammingError
    from psycopg.conninfo import make_conninfo, timeout_from_conninfo

    # The client reads no further than a NUL; an `@` in a host is one that was meant for the password.
    # At its beginning it is a socket without a file.
    if "@" in str(options.get("host", ""))[1:] or any("\0" in str(value) for value in options.values()):
        raise _misunderstood(url)
    if "conninfo" in options:  # a word of the driver's, not of the client's
        raise _misunderstood(url, 'invalid connection option "conninfo"')
    try:
        make_conninfo(**options)
        timeout_from_conninfo({**options})
    except ProgrammingError as error:
        raise _misunderstood(url, str(error).strip()) from error
    except ValueError as error:  # a character that UTF-8 does not have
        raise _misunderstood(url) from error


def _misunderstood(url: StoreUrl, reason: str = "") -> InvalidInput:
    return InvalidInput(
        "the store's address is not understood" + (f": {reason}" if reason else ""),
        code="store-url",
        got=str(url),
        expected="postgresql://USER@HOST:PORT/DATABASE",
        hint="after ? stand parameters of PostgreSQL's client, such as sslmode=require"
        if reason
        else "write :, /, @, ? and # in a password as %3A, %2F, %40, %3F and %23",
    )
