"""The bytes between planctl and Stripe: what is sent is what was stored, and proxies or .netrc change nothing.

It knows no objects and no keys.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NoReturn

import requests
import stripe
import urllib3

TIMEOUT_SECONDS = 30
"""How long Stripe may be silent in one request; the library's own default is 80."""

LONGEST_ANSWER = 64 * 1024 * 1024
"""Bytes that an answer may have: far more than a page of a hundred invoices."""


class Encoded(Exception):
    """Carries the body that a request would have had, instead of sending it."""

    def __init__(self, body: bytes) -> None:
        super().__init__("encoded")
        self.body = body


class Heard(Exception):
    """Carries an answer as it came over the wire; the names of its headers are in small letters."""

    def __init__(self, status: int, headers: Mapping[str, str], body: bytes) -> None:
        super().__init__("heard")
        self.status = status
        self.headers = {name.lower(): value for name, value in headers.items()}
        self.body = body


class Lost(Exception):
    """Nothing came, or less than was announced, or more than anybody reads: nobody knows what was done."""


class Encoder(stripe.HTTPClient):
    """Sends nothing: it answers every request with its body, as stripe-python encodes it."""

    name = "planctl-encoder"

    def request(
        self, method: str, url: str, headers: Mapping[str, str] | None, post_data: Any = None, **_: Any
    ) -> NoReturn:
        """Raise `Encoded` with the body."""
        raise Encoded(_bytes(post_data))

    def close(self) -> None:
        """There is nothing to close."""


class Wire(stripe.RequestsClient):
    """Sends requests, waiting for its turn before each; `body` replaces what was encoded for the next one."""

    def __init__(self, wait: Callable[[], None]) -> None:
        session = _Session()
        session.trust_env = False  # else a .netrc would replace the key, and a proxy would read along
        super().__init__(timeout=TIMEOUT_SECONDS, session=session)
        self._wait = wait
        self.body: bytes | None = None

    def request(  # type: ignore[override]  # the library's own two signatures differ
        self, method: str, url: str, headers: Mapping[str, str] | None, post_data: Any = None
    ) -> NoReturn:
        """One request; its body is the stored one where there is one. Raises `Heard`, whatever was answered, or `Lost`.

        The library is not let read the answer: it fails in ways of its own on what is not Stripe's.
        """
        self._wait()
        body, self.body = self.body, None
        data = post_data if body is None else body
        try:
            stream, status, answered = self.request_stream(method, url, headers, data)
            content = stream.read(LONGEST_ANSWER + 1, decode_content=True)
        except (stripe.APIConnectionError, urllib3.exceptions.HTTPError, OSError) as error:
            raise Lost from error
        if len(content) > LONGEST_ANSWER:
            stream.close()
            raise Lost
        raise Heard(status, answered, content)


class _Session(requests.Session):
    """Goes nowhere else: an answer that points elsewhere is an answer. Stripe's API points nowhere."""

    def get_redirect_target(self, resp: requests.Response) -> None:
        """Nowhere: neither the key nor what is sent is handed on."""


def _bytes(post_data: Any) -> bytes:
    if post_data is None:
        return b""
    return post_data if isinstance(post_data, bytes) else str(post_data).encode()
