"""What apply would do, as a value: the stored catalog, the changes, their rules and what is refused.

It is computed by `diff.py`, printed by views, saved to a file and carried out by the store; it does none of that.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field, replace
from fractions import Fraction
from typing import Literal

from planctl.core.document import Document
from planctl.core.instants import Instant
from planctl.findings import NOWHERE, Finding, Place
from planctl.values import dataclass

BaseKind = Literal["store", "snapshot", "git", "revision"]
Action = Literal["create", "version", "update", "archive", "unarchive", "adopt", "rename"]
Severity = Literal["safe", "caution", "breaking", "error"]
DEARER = Fraction(1, 5)
"""Who would pay more than this fraction more is counted by itself."""
SEVERITIES: tuple[Severity, ...] = ("safe", "caution", "breaking", "error")


@dataclass(frozen=True, slots=True)
class Written:
    """What a catalog last wrote of an object that was edited outside since, in the words of StoredObject."""

    document: Document
    archived: bool = False


@dataclass(frozen=True, slots=True)
class StoredObject:
    """One catalog object as the store holds it.

    `address` is `plans.pro`, `addons.extra_seat`, `features.minutes`, `groups.main`, `currencies.USD`,
    `taxes.vat_de`, `coupons.launch20`, `examples.heavy_pro`, `page` or `policy`. `document` is its whole
    normalised document (see emit.py), offer and terms together, without `archived`, which is the flag here.
    `version` counts plan versions from 1 (0 for everything else); `terms_hash` is of the newest version's
    snapshot. `managed_by` is the owning catalog, `""` for objects made in the shell. `outside` says that it
    was edited in the shell since the catalog last wrote it: `(revision of the first edit, who edited)`; `written`
    is what the catalog wrote, None where nothing was edited or that is not known.
    """

    address: str
    document: Document
    archived: bool = False
    version: int = 0
    terms_hash: str = ""
    managed_by: str = ""
    place: Place = NOWHERE
    commit: str = ""
    outside: tuple[int, str] | None = None
    aliases: tuple[str, ...] = ()
    written: Written | None = None


@dataclass(frozen=True, slots=True)
class StoredCatalog:
    """What a diff compares with; `revision` 0 and no objects where nothing was ever applied.

    `kind` says where it comes from: the store as it is now, a snapshot file of it (`as_of`: when it was made), a
    commit (`label`: as it was asked for; no store, no versions: `version` is 0), or an earlier revision.
    """

    store_id: str = ""
    store_name: str = ""
    revision: int = 0
    objects: Mapping[str, StoredObject] = field(default_factory=dict)
    notes_seen: frozenset[str] = frozenset()
    """Change notes that some revision already contained (`acme/2026-02-rise`); they accept nothing any more."""
    kind: BaseKind = "store"
    label: str = ""
    as_of: Instant | None = None


@dataclass(frozen=True, slots=True)
class Holders:
    """Live subscriptions per version of one plan: `{1: 12, 2: 5}`."""

    by_version: Mapping[int, int] = field(default_factory=dict)

    @property
    def total(self) -> int:
        """All live subscriptions of the plan."""
        return sum(self.by_version.values())


@dataclass(frozen=True, slots=True)
class Recurring:
    """What live subscriptions pay by the month in one currency, in major units, exact.

    `now` by the terms they hold, `moved` if all of them that can be moved were on the new terms. The two compare
    the same subscriptions: what cannot be moved stands in both as it is.
    """

    currency: str
    now: Fraction
    moved: Fraction


@dataclass(frozen=True, slots=True)
class Overuse:
    """How a lowered allowance meets what was used in the last closed allowance period.

    `path` is the changed leaf (`features.minutes.included`), `limit` what would be included. `over` of
    `subscriptions` used more. Quantiles are quantities used (nearest rank). `about`: counted from quantiles.
    """

    path: str
    limit: Fraction
    over: int
    subscriptions: int
    median: Fraction
    p95: Fraction
    most: Fraction
    about: bool = False
    customers: tuple[str, ...] = ()
    every: str = ""
    """How often the allowance comes back, where that is the same for all: `month`; `once`: it is a level that is
    held, less what the customer's other subscriptions include; `granted`: it is no quantity, and `over` of them have
    what is removed."""


@dataclass(frozen=True, slots=True)
class Impact:
    """Whom a change of a plan touches and with how much money, as of the base. Counts, sums and quantiles.

    `dearer` would pay more than `DEARER` more than now if all moved, of `compared`; `by_fees` says that only
    fees were compared, because the base does not know what each one used. `stuck` cannot be moved as they are:
    their row or currency is not offered any more. Customers are named only where that was asked for.
    """

    recurring: tuple[Recurring, ...] = ()
    compared: int = 0
    dearer: int = 0
    stuck: int = 0
    by_fees: bool = False
    overuse: tuple[Overuse, ...] = ()
    dearer_customers: tuple[str, ...] = ()

    @property
    def nameless(self) -> Impact:
        """The same numbers without customers."""
        overuse = tuple(replace(one, customers=()) for one in self.overuse)
        return replace(self, overuse=overuse, dearer_customers=())


@dataclass(frozen=True, slots=True)
class FieldChange:
    """One leaf that differs; `before`/`after` None where it is absent. `path` is below the address."""

    path: str
    before: Document
    after: Document


@dataclass(frozen=True, slots=True)
class RuleHit:
    """A rule that a change touches. `fingerprint`: first 12 hex of sha256(rule, address, path, before, after).

    `detail` says it to people, with counts that move; it does not make it another finding.
    """

    id: str
    level: Severity
    fingerprint: str
    path: str = ""
    detail: str = field(default="", compare=False)
    accepted: bool = False


@dataclass(frozen=True, slots=True)
class Change:
    """What happens to one object. Versions are 0 where the object has none.

    `holders` and `impact` are not compared: numbers that move do not make it another decision.
    """

    address: str
    action: Action
    from_version: int = 0
    to_version: int = 0
    fields: tuple[FieldChange, ...] = ()
    rules: tuple[RuleHit, ...] = ()
    place: Place = NOWHERE
    renamed_from: str = ""
    indirect: bool = False
    holders: Holders = field(default=Holders(), compare=False)
    impact: Impact | None = field(default=None, compare=False)
    """None where the base knows of no subscriptions."""

    @property
    def told(self) -> tuple[FieldChange, ...]:
        """The changed leaves as they are told: a rename is a change of the id."""
        if not self.renamed_from:
            return self.fields
        old, new = (address.partition(".")[2] for address in (self.renamed_from, self.address))
        return (FieldChange("id", old, new), *self.fields)

    @property
    def level(self) -> Severity:
        """The worst level of its rules; safe without any."""
        return max((rule.level for rule in self.rules), key=SEVERITIES.index, default="safe")


@dataclass(frozen=True, slots=True)
class ChangeSet:
    """All changes of one diff, in address order, with what gates apply.

    `digest` is the first 12 hex of sha256 over the desired catalog's canonical document. `left_alone`
    lists objects of the shell or of other catalogs that were not touched. `refusals` are the sentences for
    which apply says no (exit 4); empty means that apply would take it. `passed_over` are addresses that change
    too, but that `--only` or `--except` leaves out.
    """

    catalog: str
    digest: str
    base: StoredCatalog
    changes: tuple[Change, ...] = ()
    findings: tuple[Finding, ...] = ()
    left_alone: tuple[str, ...] = ()
    refusals: tuple[str, ...] = ()
    passed_over: tuple[str, ...] = ()
    new_notes: tuple[str, ...] = ()
    """Change notes that no revision contained yet."""

    @property
    def empty(self) -> bool:
        """Whether store and catalog already agree."""
        return not self.changes

    @property
    def settled(self) -> tuple[str, ...]:
        """What was edited outside and now stands in the catalog's files as the store has it: drift no more."""
        other = {change.address for change in self.changes} | set(self.passed_over)
        return tuple(
            address
            for address, one in self.base.objects.items()
            if one.outside and one.managed_by == self.catalog and address not in other
        )

    @property
    def unaccepted(self) -> tuple[str, ...]:
        """The fingerprints of the breaking changes that nobody has accepted yet."""
        return tuple(
            hit.fingerprint
            for change in self.changes
            for hit in change.rules
            if hit.level == "breaking" and not hit.accepted
        )

    def count_of(self, level: Severity) -> int:
        """How many changes touch at least one rule of that level."""
        return sum(any(hit.level == level for hit in change.rules) for change in self.changes)
