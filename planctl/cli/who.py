"""Who runs the command and from where, as the system knows it; what the shell says of that is not believed.

`USER`, `LOGNAME` and `HOME` are never read: whoever runs the command can set them.
"""

from __future__ import annotations

import os
import pwd
import sys

_LONGEST = 64


def login() -> str:
    """The login name of the user id that runs the command; `uid 1234` where nobody has that id."""
    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        return f"uid {os.getuid()}"


def origin() -> dict[str, str]:
    """Where the actor sat, for the audit: user id, host, process, terminal, and who became root by sudo.

    `sudo_user` and `sudo_uid` are what sudo says; they are kept beside the user id, never in its place. Of an SSH
    connection a short hash is kept: enough to tell one from another, no address.
    """
    found = {
        "uid": str(os.getuid()),
        "login": login(),
        "host": os.uname().nodename,
        "pid": str(os.getpid()),
        "tty": _terminal(),
        "sudo_user": os.environ.get("SUDO_USER", "")[:_LONGEST],
        "sudo_uid": os.environ.get("SUDO_UID", "")[:_LONGEST],
        "ssh": _connection(os.environ.get("SSH_CONNECTION", "")),
    }
    return {what: said for what, said in found.items() if said}


def _connection(said: str) -> str:
    """A hash of both ends of an SSH connection, 16 hexadecimal digits; empty without one."""
    if not said:
        return ""
    import hashlib

    return hashlib.sha256(f"planctl-ssh-v1\0{said}".encode(errors="surrogateescape")).hexdigest()[:16]


def _terminal() -> str:
    try:
        return os.ttyname(sys.stdin.fileno())
    except (OSError, ValueError, AttributeError):
        return ""
