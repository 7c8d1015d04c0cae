"""The gates of apply: what is accepted, and the sentences for which apply says no. It computes no change."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import replace
from decimal import Decimal
from fractions import Fraction

from planctl.core.catalog.changeset import BaseKind, Change, ChangeSet, RuleHit
from planctl.core.catalog.model import ChangeNote, Policy
from planctl.core.currencies import Currency, iso_currency
from planctl.core.money import decimals_used, format_amount, round_half_up
from planctl.errors import Refused
from planctl.findings import NOWHERE, Finding, Level, Place
from planctl.values import dataclass

MOST_NAMED = 20
"""A refusal names at most so many fingerprints; the diff shows them all."""


@dataclass(frozen=True, slots=True)
class Acceptance:
    """One entry that accepts: a fingerprint, or `RULE ADDRESS`, which may go on into a field's path."""

    text: str
    place: Place = NOWHERE
    note: str = ""

    def covers(self, hit: RuleHit, address: str) -> bool:
        """Whether it names this hit."""
        if self.text == hit.fingerprint:
            return True
        rule, _, target = self.text.partition(" ")
        path = f"{address}.{hit.path}" if hit.path else address
        return rule == hit.id and (path == target or path.startswith((f"{target}.", f"{target}[")))


def acceptances(
    accept: Collection[str], notes: Mapping[str, ChangeNote], seen: Collection[str]
) -> tuple[Acceptance, ...]:
    """What is accepted by flag and by change notes; a note of an earlier revision accepts nothing."""
    by_flag = [Acceptance(text.strip()) for text in sorted(accept)]
    by_note = [one for _, note in sorted(notes.items()) if note.id not in seen for one in _of_note(note)]
    return (*by_flag, *by_note)


def _of_note(note: ChangeNote) -> Iterator[Acceptance]:
    return (Acceptance(text.strip(), note.place, note.id) for text in note.accept)


def spent(changes: ChangeSet, notes: Mapping[str, ChangeNote]) -> tuple[str, ...]:
    """The notes that applying the changes spends: all, or where some changes are passed over those that were used."""
    if not changes.passed_over:
        return tuple(notes)
    hits = [(hit, change.address) for change in changes.changes for hit in change.rules if hit.accepted]
    return tuple(
        note.id
        for note in notes.values()
        if any(one.covers(hit, address) for one in _of_note(note) for hit, address in hits)
    )


def spent_before(
    changes: tuple[Change, ...], notes: Mapping[str, ChangeNote], seen: Collection[str]
) -> Iterator[Finding]:
    """A warning for each note of an earlier revision that names what nobody accepts now."""
    missing = [
        (hit, change.address)
        for change in changes
        for hit in change.rules
        if hit.level == "breaking" and not hit.accepted
    ]
    for note in notes.values():
        if note.id in seen and any(one.covers(hit, at) for one in _of_note(note) for hit, at in missing):
            yield Finding(
                "note-spent",
                f"the change note {note.id} accepts nothing any more: an earlier revision contained it",
                note.place,
                Level.WARNING,
                hint="write a new note for the new change",
            )


def accepted(
    changes: tuple[Change, ...], given: tuple[Acceptance, ...]
) -> tuple[tuple[Change, ...], tuple[Finding, ...]]:
    """The changes with their accepted hits marked, and a warning for every entry that accepts nothing.

    Errors are never accepted. An entry for a rule that is only caution is used, though nothing asked for it.
    """
    marked = tuple(
        replace(
            change,
            rules=tuple(replace(hit, accepted=_covered(hit, change.address, given)) for hit in change.rules),
        )
        for change in changes
    )
    every = [(hit, change.address) for change in changes for hit in change.rules if hit.level != "error"]
    unused = [one for one in given if not any(one.covers(hit, address) for hit, address in every)]
    return marked, tuple(_unused(one) for one in unused)


def refusals(changes: tuple[Change, ...], findings: tuple[Finding, ...], policy: Policy) -> tuple[str, ...]:
    """The sentences for which apply says no, most fundamental first; empty means that it would go on.

    `policy` holds the stricter thresholds of the store's policy and the proposed one. A sentence may go on
    over several lines: what follows the first is to be pasted.
    """
    return (*_invalid(findings), *_errors(changes), *_unaccepted(changes), *_thresholds(changes, policy))


def refuse(changes: ChangeSet) -> None:
    """Raise Refused where a gate says no to the changes, with the first reason."""
    if changes.refusals:
        raise Refused(
            changes.refusals[0].partition("\n")[0].partition(". ")[0].removesuffix("."),
            code="changes-refused",
            where=f"catalog {changes.catalog}",
            hint="planctl catalog diff shows every change and how to accept it",
        )


def untold(changes: tuple[Change, ...], base: BaseKind, policy: Policy) -> tuple[Finding, ...]:
    """A warning where the policy limits something that this base does not know: apply will ask the store.

    A commit and an earlier revision know of no subscriptions.
    """
    limits = [
        name
        for name, said in (
            ("max_subscribers_touched", policy.max_subscribers_touched is not None),
            ("max_mrr_at_risk", bool(policy.max_mrr_at_risk)),
        )
        if said
    ]
    if base not in {"git", "revision"} or not limits or not _with_breaking(changes):
        return ()
    return (
        Finding(
            "threshold-untold",
            f"whether breaking changes exceed {' and '.join(limits)} cannot be told: "
            "this base knows of no subscriptions",
            level=Level.WARNING,
            expected="the store, or a snapshot of it",
            got=base,
            hint="planctl catalog diff --against FILE.snapshot.json; apply asks the store in any case",
        ),
    )


def _covered(hit: RuleHit, address: str, given: tuple[Acceptance, ...]) -> bool:
    return hit.level != "error" and any(one.covers(hit, address) for one in given)


def _unused(one: Acceptance) -> Finding:
    source = f"the change note {one.note}" if one.note else "--accept"
    return Finding(
        "accept-unused",
        f"{source} accepts {one.text!r}, which no change of this diff needs",
        one.place,
        Level.WARNING,
        expected="a fingerprint, or RULE ADDRESS such as price-increase plans.pro",
        got=one.text,
        hint="copy the fingerprint from the diff, or remove the entry",
    )


def _invalid(findings: tuple[Finding, ...]) -> Iterator[str]:
    wrong = sum(finding.is_error for finding in findings)
    if wrong:
        yield f"{_count(wrong, 'finding')} must be corrected first."


def _errors(changes: tuple[Change, ...]) -> Iterator[str]:
    """One sentence a rule: the catalog-wide ones stand on many changes."""
    by_rule: dict[str, list[tuple[str, str]]] = {}
    for change in changes:
        for hit in change.rules:
            if hit.level == "error":
                by_rule.setdefault(hit.id, []).append((change.address, hit.detail))
    for rule, found in by_rule.items():
        details = list(dict.fromkeys(detail for _, detail in found))
        if len(details) == 1 and len(found) > 1 and details[0]:
            yield f"{rule}: {details[0]}. It cannot be accepted."
            continue
        for address, detail in found:
            yield f"{rule}: {address}{f': {detail}' if detail else ''}. It cannot be accepted."


def _unaccepted(changes: tuple[Change, ...]) -> Iterator[str]:
    open_hits = [
        (hit, change.address)
        for change in changes
        for hit in change.rules
        if hit.level == "breaking" and not hit.accepted
    ]
    if not open_hits:
        return
    named = open_hits[:MOST_NAMED]
    flags = " ".join(f"--accept {hit.fingerprint}" for hit, _ in named)
    left = len(open_hits) - len(named)
    touched = len({address for _, address in open_hits})
    verb = "is" if touched == 1 else "are"
    lines = [
        f"{_count(touched, 'breaking change')} {verb} not accepted. "
        f"Pass {flags}, or add to catalog/changes/ a file such as:",
        "    title: what changes for customers",
        "    why: the reason, for the next one who reads this",
        "    accept:",
        *(f"      - {hit.fingerprint}  # {hit.id} {_target(hit, address)}" for hit, address in named),
    ]
    if left:
        lines.append(
            f"      # and the fingerprints of {left:,} more, or RULE ADDRESS lines, which accept several"
        )
    yield "\n".join(lines)


def _target(hit: RuleHit, address: str) -> str:
    """Where a hit is, on one line: a key of `metadata` may hold a line end, which would write into the note."""
    target = f"{address}.{hit.path}" if hit.path else address
    return " ".join(target.split())


def _thresholds(changes: tuple[Change, ...], policy: Policy) -> Iterator[str]:
    touched = _touched(changes)
    limit = policy.max_subscribers_touched
    if limit is not None and touched > limit:
        yield (
            f"breaking changes touch plans with {_count(touched, 'running subscription')}; "
            f"the policy allows {limit:,} (max_subscribers_touched)."
        )
    unknown = sum(change.holders.total for change in _with_breaking(changes) if change.impact is None)
    if policy.max_mrr_at_risk and unknown:
        yield (
            f"the policy limits max_mrr_at_risk, and what {_count(unknown, 'running subscription')} of plans "
            "with breaking changes pay is not known here."
        )
    at_risk = _mrr_at_risk(changes)
    for code, most in sorted(policy.max_mrr_at_risk.items()):
        found = at_risk.get(code, Fraction(0))
        if found > Fraction(most):
            yield (
                f"breaking changes touch plans that bring {_amount(found, code, most)} {code} a month; "
                f"the policy allows {_amount(Fraction(most), code, most)} {code} (max_mrr_at_risk)."
            )


def _touched(changes: tuple[Change, ...]) -> int:
    """Running subscriptions of plans with breaking changes."""
    return sum(change.holders.total for change in _with_breaking(changes))


def _mrr_at_risk(changes: tuple[Change, ...]) -> dict[str, Fraction]:
    """What plans with breaking changes bring by the month now, per currency, in major units.

    What the base knows no money of is not among it.
    """
    found: dict[str, Fraction] = {}
    for change in _with_breaking(changes):
        for one in change.impact.recurring if change.impact is not None else ():
            found[one.currency] = found.get(one.currency, Fraction(0)) + one.now
    return found


def _with_breaking(changes: tuple[Change, ...]) -> list[Change]:
    """The changes with breaking rules, and those of plans that follow a feature's definition with such rules."""
    definitions = any(_breaking(change) for change in changes if change.address.startswith("features."))
    return [change for change in changes if _breaking(change) or (definitions and change.indirect)]


def _amount(exact: Fraction, code: str, limit: Decimal) -> str:
    """An amount with its currency's decimals, or as many as the limit is written with; rounded once."""
    currency = iso_currency(code)
    decimals = max(decimals_used(limit), currency.decimals if currency is not None else 0)
    rounded = round_half_up(exact, decimals)
    return format_amount(rounded, Currency(code, code, decimals, iso=False))


def _breaking(change: Change) -> bool:
    return any(hit.level == "breaking" for hit in change.rules)


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"
