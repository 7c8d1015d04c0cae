"""What stops planctl: one class per cause, each with its exit code; wrong user input is a Finding instead."""

from __future__ import annotations


class PlanctlError(Exception):
    """Something that cannot go on; the command line prints it and leaves with `exit_code`.

    `code` is stable and known to `planctl explain`; `where` names the object or place, `expected` and
    `got` say what was found, `hint` is one fix. No field ever holds a secret.
    """

    exit_code = 70
    default_code = "bug"

    def __init__(  # noqa: PLR0913 - the fields of the printed error, all by name
        self,
        message: str,
        *,
        code: str = "",
        where: str = "",
        expected: str = "",
        got: str = "",
        hint: str = "",
    ) -> None:
        super().__init__(message)
        self.message = message
        self.code = code or self.default_code
        self.where = where
        self.expected = expected
        self.got = got
        self.hint = hint


class InvalidInput(PlanctlError):
    """A value given by the user is not what it should be (exit 3)."""

    exit_code = 3
    default_code = "invalid-value"


class Refused(PlanctlError):
    """A rule, policy or eligibility check says no; nothing was written (exit 4)."""

    exit_code = 4
    default_code = "refused"


class NotYet(Refused):
    """The command would need what this version cannot do yet: a catalog `term`, else what `where` names (exit 4)."""

    default_code = "not-yet"

    def __init__(self, term: str = "", *, where: str = "", hint: str = "") -> None:
        message = f"the term {term!r} is stored but not carried out by this version"
        super().__init__(
            message if term else "this version cannot do that yet", where=where, got=term, hint=hint
        )
        self.term = term


class NotFound(Refused):
    """The object named does not exist (exit 4)."""

    default_code = "not-found"


class Conflict(PlanctlError):
    """The same key was used with other content, or what was reviewed has moved (exit 5)."""

    exit_code = 5
    default_code = "conflict"


class WrongUsage(PlanctlError):
    """The command line itself is wrong, or a yes is missing without a terminal (exit 64)."""

    exit_code = 64
    default_code = "usage"


class StoreFailure(PlanctlError):
    """The store or the file system failed (exit 74)."""

    exit_code = 74
    default_code = "store-failure"


class Busy(PlanctlError):
    """Somebody else is writing; try again (exit 75)."""

    exit_code = 75
    default_code = "busy"


class NotPermitted(PlanctlError):
    """The operator may not do this (exit 77)."""

    exit_code = 77
    default_code = "not-permitted"
