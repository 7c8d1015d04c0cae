"""Who runs the command and from where, as the system knows it; variables of the shell are not believed."""

from __future__ import annotations

import os
import pwd
import sys


def login() -> str:
    """The login name of the user id that runs the command; `uid 1234` where nobody has that id."""
    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        return f"uid {os.getuid()}"


def origin() -> dict[str, str]:
    """Where the actor sat, for the audit: user id, host, process, terminal, and who became root by sudo.

    `sudo_user` is what sudo says; it is kept beside the user id, never in its place.
    """
    found = {
        "uid": str(os.getuid()),
        "login": login(),
        "host": os.uname().nodename,
        "pid": str(os.getpid()),
        "tty": _terminal(),
        "sudo_user": os.environ.get("SUDO_USER", ""),
    }
    return {what: said for what, said in found.items() if said}


def _terminal() -> str:
    try:
        return os.ttyname(sys.stdin.fileno())
    except (OSError, ValueError, AttributeError):
        return ""
