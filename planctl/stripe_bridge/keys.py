"""Where Stripe's keys and webhook secrets come from, and what must hold around one; it never shows or keeps one."""

from __future__ import annotations

import errno
import os
import re
import resource
import stat
from collections.abc import Mapping
from dataclasses import field
from pathlib import Path

from planctl.errors import InvalidInput, NotPermitted, Refused
from planctl.values import dataclass

LONGEST_FILE = 4_096
"""Bytes that a file with a key may have."""

LONGEST_KEY = 255
"""Characters that a key or secret may have; Stripe promises no shorter limit."""

LAST = 4
"""Characters at its end by which people tell one key from another, as Stripe's dashboard does."""

_KEY = re.compile(r"(sk|rk)_(test|live)_([!-~]+)", re.ASCII)
_SECRET = re.compile(r"whsec_[!-~]+", re.ASCII)
_KNOWN = (
    "sk_test_",
    "sk_live_",
    "rk_test_",
    "rk_live_",
    "pk_test_",
    "pk_live_",
    "whsec_",
    "sk_",
    "rk_",
    "pk_",
)
_OCTET = r"(?:25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])"
_LOOPBACK = re.compile(rf"https?://(?:localhost|\[::1\]|127(?:\.{_OCTET}){{3}})(?::[0-9]{{1,5}})?", re.ASCII)

_VISIBLE = "the key comes from STRIPE_API_KEY, which every process of this user can read; a key file is safer"
_EVERYTHING = "the key may do everything at Stripe; a restricted key (rk_) is preferred"


@dataclass(frozen=True, slots=True)
class Key:
    """A key of Stripe's API. Its text never shows the secret, nor does that of a value which holds it.

    `origin` names where it was read (`--stripe-key-file`, `CREDENTIALS_DIRECTORY`, `STRIPE_API_KEY_FILE` or
    `STRIPE_API_KEY`); `warnings` are sentences for stderr.
    """

    secret: str = field(repr=False)
    live: bool
    restricted: bool
    origin: str
    warnings: tuple[str, ...] = ()

    @property
    def prefix(self) -> str:
        """The part that says what kind of key it is: `rk_test_`."""
        return f"{'rk' if self.restricted else 'sk'}_{'live' if self.live else 'test'}_"

    @property
    def last(self) -> str:
        """The last four characters; empty where they would be much of a key that is too short to be Stripe's."""
        return self.secret[-LAST:] if len(self.secret) >= len(self.prefix) + 4 * LAST else ""

    @property
    def shown(self) -> str:
        """What may be shown and kept of the key: `rk_test_…9xQ2`."""
        return f"{self.prefix}…{self.last}"


def read_key(file: str = "", environment: Mapping[str, str] | None = None) -> Key:
    """The key for Stripe's API: from `file`, else a systemd credential, else a named file, else a variable.

    NotPermitted where there is none, or where its file could be read or replaced by others; InvalidInput
    where what is found is no secret or restricted key.

    Source: planctl reliability rules, secrets; systemd.exec(5), LoadCredential=.
    """
    variables = os.environ if environment is None else environment
    found = _of_file(file, "--stripe-key-file") if file else _sought(variables, "stripe", "STRIPE_API_KEY")
    if found is None:
        raise NotPermitted(
            "there is no key for Stripe",
            code="no-stripe-key",
            expected="a restricted key (rk_…)",
            hint="give --stripe-key-file PATH, the systemd credential `stripe`, or STRIPE_API_KEY_FILE",
        )
    return _key_of(found)


def read_webhook_secrets(environment: Mapping[str, str] | None = None) -> tuple[str, ...]:
    """The secrets that webhooks may be signed with; none where no source has one, and nothing passes then.

    While a secret is rotated there are two, separated by spaces, line ends or commas. NotPermitted where the
    file could be read or replaced by others; InvalidInput where a secret is not one.
    """
    variables = os.environ if environment is None else environment
    found = _sought(variables, "stripe-webhook", "STRIPE_WEBHOOK_SECRET")
    if found is None:
        return ()
    secrets = tuple(re.split(r"[\s,]+", found.text.strip(" \t\r\n,")))
    if not all(_SECRET.fullmatch(one) and len(one) <= LONGEST_KEY for one in secrets):
        raise InvalidInput(
            "what should be a webhook secret is none",
            code="stripe-webhook-secret",
            where=found.where,
            expected=f"whsec_ and more, at most {LONGEST_KEY} characters",
            hint="copy the signing secret of the webhook endpoint again; two are separated by a comma",
        )
    return secrets


def check_surroundings(key: Key, environment: Mapping[str, str] | None = None) -> None:
    """Refuse what would write down, redirect or open the traffic of a live key; checked before any socket.

    A test key is held only to `address`. NO_PROXY and variables that are empty redirect nothing.
    """
    variables = os.environ if environment is None else environment
    for name in sorted(variables) if key.live else ():
        if variables[name] and _endangers(name.upper()):
            raise Refused(
                "a live key is not used where its traffic can be read or redirected",
                code="stripe-surroundings",
                where=name,
                expected="the variable is not set",
                hint=f"unset {name}",
            )
    address(key, variables)


def address(key: Key, environment: Mapping[str, str] | None = None) -> str:
    """Where Stripe is, without a slash at the end; empty: at its own address.

    STRIPE_API_BASE says something else for tests: Refused unless the key is a test key and the address is
    one of this machine.
    """
    variables = os.environ if environment is None else environment
    base = variables.get("STRIPE_API_BASE", "").rstrip("/")
    if base and (key.live or not _LOOPBACK.fullmatch(base)):
        raise Refused(
            "a live key goes to Stripe alone"
            if key.live
            else "a test key goes to Stripe or to this machine alone",
            code="stripe-surroundings",
            where="STRIPE_API_BASE",
            expected="the variable is not set" if key.live else "http://127.0.0.1:PORT",
            hint="unset STRIPE_API_BASE",
        )
    return base


def no_core_dumps() -> None:
    """Let no crash of this process write its memory, and with it a key, to a file."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


@dataclass(frozen=True, slots=True)
class _Found:
    """A source's text, not yet looked at, and the path of its file if it is one."""

    text: str = field(repr=False)
    origin: str
    path: str = ""

    @property
    def where(self) -> str:
        """The place that an error names."""
        return self.path or self.origin


def _sought(variables: Mapping[str, str], credential: str, name: str) -> _Found | None:
    """The first source that has something: the systemd credential, the file named by a variable, the variable."""
    directory = variables.get("CREDENTIALS_DIRECTORY", "")
    if directory:
        found = _of_credential(str(Path(directory) / credential))
        if found is not None:
            return found
    if path := variables.get(f"{name}_FILE", ""):
        return _of_file(path, f"{name}_FILE")
    if text := variables.get(name, ""):
        return _Found(text, name)
    return None


def _of_credential(path: str) -> _Found | None:
    """A credential of this unit, or None: a unit may have others. The service manager made it, so it may own it."""
    if not os.path.lexists(path):
        return None
    return _Found(_content(path, readable=0o640, owned=False), "CREDENTIALS_DIRECTORY", path)


def _of_file(path: str, origin: str) -> _Found:
    return _Found(_content(path, readable=0o600, owned=True), origin, path)


def _content(path: str, *, readable: int, owned: bool) -> str:
    """The text of a file that nobody else can read or replace; what is wrong with it never quotes it."""
    try:
        # O_NONBLOCK: opening a pipe that nobody writes to must not wait for ever.
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except (OSError, ValueError) as error:  # ValueError: a NUL in the path
        linked = isinstance(error, OSError) and error.errno == errno.ELOOP
        reason = "is a symbolic link" if linked else f"cannot be opened: {_reason(error)}"
        raise _unsafe(
            path, reason, "name the file itself" if linked else "give the path of the file"
        ) from None
    try:
        _check_kept(path, os.fstat(descriptor), readable, owned)
        with os.fdopen(descriptor, "rb", closefd=False) as stream:
            data = stream.read(LONGEST_FILE + 1)
    except OSError as error:
        raise _unsafe(path, f"cannot be read: {_reason(error)}", "look at the file") from None
    finally:
        os.close(descriptor)
    if len(data) > LONGEST_FILE:
        raise _unsafe(path, f"is longer than {LONGEST_FILE} bytes", "write the key alone into it")
    if not data.strip():
        raise _unsafe(path, "is empty", "write the key into it")
    return data.decode("ascii", "replace")  # no secret holds the replacement, so it is refused below


def _check_kept(path: str, status: os.stat_result, readable: int, owned: bool) -> None:
    """NotPermitted unless the open file is a plain one, this user's own and no wider open than `readable`."""
    if not stat.S_ISREG(status.st_mode):
        raise _unsafe(path, "is not a regular file", "write the key into a file of its own")
    if owned and status.st_uid != os.getuid():
        raise _unsafe(path, "belongs to another user", "let the user who runs planctl own it")
    if stat.S_IMODE(status.st_mode) & ~readable:
        got = f"{stat.S_IMODE(status.st_mode):04o}"
        raise _unsafe(path, "has too wide a mode", f"chmod 600 {path}", expected="0600 or 0400", got=got)


def _unsafe(path: str, what: str, hint: str, *, expected: str = "", got: str = "") -> NotPermitted:
    return NotPermitted(
        f"the file with a key {what}", code="key-file", where=path, expected=expected, got=got, hint=hint
    )


def _reason(error: Exception) -> str:
    return (isinstance(error, OSError) and error.strerror) or str(error)


def _key_of(found: _Found) -> Key:
    text = found.text.strip()
    if found.path and len(text.splitlines()) > 1:
        raise _unsafe(found.path, "has more than one line", "write the key alone into it")
    match = _KEY.fullmatch(text)
    if match is None or len(text) > LONGEST_KEY:
        raise _no_key(text, found.where)
    warnings = (_VISIBLE,) * (found.origin == "STRIPE_API_KEY") + (_EVERYTHING,) * (match[1] == "sk")
    return Key(text, match[2] == "live", match[1] == "rk", found.origin, warnings)


def _no_key(text: str, where: str) -> InvalidInput:
    """The complaint about a text that is no key; it shows a prefix that everybody knows, and no more."""
    publishable = text.startswith("pk_")
    return InvalidInput(
        "a publishable key can neither read nor write what planctl needs"
        if publishable
        else "what should be a key of Stripe's API is none",
        code="stripe-key",
        where=where,
        expected=f"sk_ or rk_, then test_ or live_, one line of at most {LONGEST_KEY} characters",
        got=next((f"{one}…" for one in _KNOWN if text.startswith(one)), ""),
        hint="make a restricted key (rk_) in Stripe's dashboard, under Developers, API keys",
    )


def _endangers(name: str) -> bool:
    """Whether a variable makes the library print, hand out the keys of, or redirect what it sends."""
    return name in {"STRIPE_LOG", "SSLKEYLOGFILE"} or (name.endswith("_PROXY") and name != "NO_PROXY")
