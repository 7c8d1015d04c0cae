"""Everything that `planctl explain` knows: error codes, rule ids and laws with what they mean. It raises none."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from difflib import get_close_matches

from planctl.views.codes_catalog import CHANGES, FINDINGS
from planctl.views.codes_errors import ERRORS, LAWS
from planctl.views.codes_stripe import STRIPE
from planctl.views.sheet import Answer, Json

KINDS: tuple[tuple[str, Mapping[str, str]], ...] = (
    ("error", {**ERRORS, **STRIPE}),
    ("finding", FINDINGS),
    ("change", CHANGES),
    ("law", LAWS),
)
"""Every kind of code with its codes."""

INTRODUCTIONS = {
    "error": "What stops a command. The code stands in brackets at the end of the first line.",
    "finding": "What is wrong or doubtful in a file. Errors stop a command, warnings do not.",
    "change": "What `planctl catalog diff` says of a change: safe, caution, breaking or error.",
    "law": "What `planctl doctor` checks.",
}


def explained(code: str) -> list[tuple[str, str]]:
    """What a code means, by kind: one word may be an error and a finding. Nothing for an unknown one."""
    return [(kind, codes[code]) for kind, codes in KINDS if code in codes]


def near(code: str) -> str:
    """The known code that looks most like it; empty where none does."""
    known = [one for _, codes in KINDS for one in codes]
    return next(iter(get_close_matches(code[:64], known, n=1)), "")


def code_answer(code: str) -> Answer:
    """A known code for people and machines."""
    found = explained(code)
    meanings: list[Json] = [{"kind": kind, "meaning": meaning} for kind, meaning in found]
    document: Json = {"code": code, "meanings": meanings}
    return Answer(document, tuple(f"{code} ({kind}): {meaning}" for kind, meaning in found))


def codes_page() -> Iterator[str]:
    """The lines of docs/reference/codes.md."""
    yield "# Codes"
    yield ""
    yield "Every code that planctl prints; `planctl explain CODE` says the same. This page is made from the program:"
    yield "`python -m planctl.views.codes > docs/reference/codes.md`."
    for kind, codes in KINDS:
        yield from (
            "",
            f"## {kind.capitalize()}s",
            "",
            INTRODUCTIONS[kind],
            "",
            "| code | meaning |",
            "|---|---|",
        )
        for code in sorted(codes):
            meaning = codes[code].replace("|", "\\|").replace("<", "&lt;")
            yield f"| `{code}` | {meaning} |"


if __name__ == "__main__":
    print("\n".join(codes_page()))
