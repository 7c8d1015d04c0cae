"""How a migration looks, before it, after it and taken back, to machines and to people. It decides nothing."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from fractions import Fraction

from planctl.core.currencies import Currency
from planctl.core.instants import instant_text
from planctl.core.money import format_minor, round_minor
from planctl.core.subscriptions.standing import name_of
from planctl.core.waves.judging import Done, Left, Money, Move, Undone, counted, money_of
from planctl.core.waves.model import Course, Migration
from planctl.core.waves.standing import BatchStatus, MigrationStatus
from planctl.views.sheet import Answer, Cell, Column, Json, Sheet
from planctl.views.words import count, maybe

FEW = 20
"""How many that stay are listed for people; machines get them all."""

_WHEN = {"renewal": "at the renewal", "now": "now"}

_COLUMNS = (
    Column("batch", "quantity"), Column("customer"), Column("subscription"), Column("does"), Column("reason"),
    Column("currency"), Column("now", "amount"), Column("then", "amount"), Column("at", "instant"), Column("why"),
)  # fmt: skip


# --- before and after


def course_document(course: Course, batches: Sequence[Done]) -> dict[str, Json]:
    """What applying batches does, or did, as JSON; `monthly` is what recurs, fee and prepaid quantities."""
    migration = course.migration
    return {
        "migration": course.name,
        "title": migration.title,
        "why": migration.why,
        "plan": migration.plan,
        "from": _from(migration),
        "to_version": course.to,
        "at": migration.at,
        "digest": migration.digest,
        "batches": [_batch_document(one, of=len(migration.bounds)) for one in batches],
        "moves": [_move_document(move) for one in batches for move in one.moves],
        "left": [_left_document(left) for one in batches for left in one.left],
    }


def _from(migration: Migration) -> Json:
    return [*migration.versions] or "older"


def _batch_document(one: Done, of: int) -> dict[str, Json]:
    return {
        "batch": one.number,
        "of": of,
        "status": one.word,
        "moved_before": one.moved,
        "moves": len(one.moves),
        "stays": len(one.left),
        "skipped": counted([left.skip for left in one.left]),
        "monthly": [_monthly_document(money) for money in money_of(one.moves)],
        "today": [
            {
                "currency": money.currency.code,
                "charged": format_minor(money.charged_minor, money.currency),
                "credited": format_minor(money.credited_minor, money.currency),
            }
            for money in money_of(move for move in one.moves if move.timing != "renewal")
        ],
    }


def _monthly_document(money: Money) -> dict[str, Json]:
    return {
        "currency": money.currency.code,
        "now": _amount(money.now, money.currency),
        "then": _amount(money.then, money.currency),
        "more": _amount(money.then - money.now, money.currency),
    }


def _amount(exact: Fraction, currency: Currency) -> str:
    """An exact amount in major units, rounded once for showing."""
    return format_minor(round_minor(exact, currency.decimals), currency)


def _move_document(move: Move) -> dict[str, Json]:
    old, new = move.before, move.successor
    return {
        "batch": move.batch,
        "customer": old.customer,
        "subscription": old.id,
        "from_version": old.plan_version,
        "to_version": new.plan_version,
        "at": instant_text(new.started_at),
        "timing": move.timing,
        "currency": old.currency.code,
        "now": _amount(move.now, old.currency),
        "then": _amount(move.then, old.currency),
        "charged": format_minor(move.charged_minor, old.currency),
        "credited": format_minor(move.credited_minor, old.currency),
        "negotiated": dict(new.negotiated),
    }


def _left_document(left: Left) -> dict[str, Json]:
    return {
        "batch": left.batch,
        "customer": left.subscription.customer,
        "subscription": left.subscription.id,
        "name": name_of(left.subscription),
        "reason": left.skip.reason,
        "why": left.skip.why,
    }


def preview_answer(document: Json) -> Answer:
    """What applying would do, from its document."""
    return Answer(document, (*_headline(document), *_batch_lines(document, "move"), *_stay_lines(document)))


def applied_answer(document: Json) -> Answer:
    """What applying did, from its document; that nothing was left to do, where nothing was."""
    one = _object(document)
    if not one["batches"]:
        return Answer(document, (f"{one['migration']}: every batch is done; nothing was changed",))
    return Answer(document, (*_headline(document), *_batch_lines(document, "moved"), *_stay_lines(document)))


def moves_answer(document: Json) -> Answer:
    """The same as one row for each subscription, for tables in files."""
    one = _object(document)
    rows: list[tuple[Cell, ...]] = [
        (
            _whole(move["batch"]), str(move["customer"]), str(move["subscription"]), "moves", None,
            str(move["currency"]), str(move["now"]), str(move["then"]), str(move["at"]), None,
        )
        for move in _several(one["moves"])
    ]  # fmt: skip
    rows += [
        (
            _whole(left["batch"]), str(left["customer"]), str(left["subscription"]), "stays",
            str(left["reason"]), None, None, None, None, str(left["why"]),
        )
        for left in _several(one["left"])
    ]  # fmt: skip
    columns = tuple(Column(column.name) if column.name == "at" else column for column in _COLUMNS)
    return Answer(document, sheet=Sheet(columns, tuple(rows)))


def question_lines(document: Json) -> list[str]:
    """What a yes to applying stands for."""
    return [*preview_answer(document).lines]


def _headline(document: Json) -> list[str]:
    one = _object(document)
    versions = one["from"]
    old = "older versions" if isinstance(versions, str) else ", ".join(f"v{each}" for each in _list(versions))
    lines = [f"{one['migration']}: {one['plan']} from {old} to v{one['to_version']} {_WHEN[str(one['at'])]}"]
    told = ": ".join(str(text) for text in (one["title"], one["why"]) if text)
    return [*lines, f"  {told}"] if told else lines


def _batch_lines(document: Json, verb: str) -> list[str]:
    lines = []
    for one in _several(_object(document)["batches"]):
        before = f", {one['moved_before']} moved before" if one["moved_before"] else ""
        lines.append(
            f"batch {one['batch']} of {one['of']} ({one['status']}): {one['moves']} {verb},"
            f" {one['stays']} stay{before}"
        )
        for money in _several(one["monthly"]):
            more = str(money["more"])
            sign = "" if more.startswith("-") else "+"
            lines.append(f"  {money['now']} to {money['then']} {money['currency']} a month ({sign}{more})")
        for money in _several(one["today"]):
            lines.append(
                f"  today: {money['charged']} {money['currency']} charged,"
                f" {money['credited']} {money['currency']} credited"
            )
        skipped = _object(one["skipped"])
        if skipped:
            lines.append("  stay: " + ", ".join(f"{number} {reason}" for reason, number in skipped.items()))
    return lines


def _stay_lines(document: Json) -> list[str]:
    left = _several(_object(document)["left"])
    lines = [f"stays: {one['name']} (batch {one['batch']}): {one['why']} [{one['reason']}]" for one in left]
    if len(lines) > FEW:
        return [*lines[:FEW], f"and {len(lines) - FEW:,} more stay; -f csv lists them all"]
    return lines


# --- looking back


def status_document(one: MigrationStatus) -> dict[str, Json]:
    """How far a migration is, as JSON, with its members."""
    migration = one.kept.migration
    return {
        "migration": migration.name,
        "title": migration.title,
        "why": migration.why,
        "plan": migration.plan,
        "from": _from(migration),
        "to_version": one.kept.to,
        "at": migration.at,
        "digest": migration.digest,
        "by": one.kept.actor,
        "since": instant_text(one.kept.at),
        "batches": [_progress_document(batch) for batch in one.batches],
        "members": [
            {
                "batch": member.batch,
                "customer": one.subscriptions[member.subscription].customer,
                "subscription": member.subscription,
                "status": standing,
                "successor": member.successor or None,
                "reason": member.skip.reason if member.skip else None,
                "why": member.skip.why if member.skip else None,
                "by": member.actor,
                "at": instant_text(member.at),
            }
            for member, standing in one.members
        ],
    }


def _progress_document(one: BatchStatus) -> dict[str, Json]:
    begun = one.begun
    standings = one.standings
    moved = sum(standings.get(word, 0) for word in ("waiting", "in effect", "called off"))
    return {
        "batch": one.number,
        "status": one.word,
        "planned": one.planned,
        "moved": moved,
        "waiting": standings.get("waiting", 0),
        "in_effect": standings.get("in effect", 0),
        "called_off": standings.get("called off", 0),
        "undone": standings.get("undone", 0),
        "skipped": dict(one.skipped),
        "last_at": maybe(one.last_at),
        "by": None if begun is None else begun.actor,
        "started_at": None if begun is None else instant_text(begun.started_at),
        "finished_at": None if begun is None else maybe(begun.finished_at),
    }


def statuses_answer(several: Sequence[MigrationStatus], *, listed: bool) -> Answer:
    """How far migrations are; `listed`: it is the list of all, of which machines get an array without members."""
    documents = [status_document(one) for one in several]
    if not listed:
        return Answer(documents[0], tuple(_status_lines(documents[0])), _status_sheet(documents))
    short: list[Json] = [{key: value for key, value in one.items() if key != "members"} for one in documents]
    lines = [line for one in documents for line in _status_lines({**one, "members": []})]
    return Answer(short, tuple(lines or ["no migration was applied"]), _status_sheet(documents))


def _status_lines(document: Mapping[str, Json]) -> Iterable[str]:
    yield from _headline(document)
    for member in _several(document["members"]):
        if member["status"] == "skipped":
            yield (
                f"stays: {member['customer']}/{document['plan']} (batch {member['batch']}):"
                f" {member['why']} [{member['reason']}]"
            )


def _status_sheet(documents: Sequence[Mapping[str, Json]]) -> Sheet:
    columns = (
        Column("migration"), Column("batch", "quantity"), Column("status"), Column("planned", "quantity"),
        Column("moved", "quantity"), Column("waiting", "quantity"), Column("in_effect", "quantity"),
        Column("called_off", "quantity"), Column("undone", "quantity"), Column("skipped", "quantity"),
        Column("last_at"), Column("by"), Column("finished_at"),
    )  # fmt: skip
    rows = []
    for document in documents:
        for one in _several(document["batches"]):
            skipped = sum(_whole(number) for number in _object(one["skipped"]).values())
            rows.append(
                (
                    str(document["migration"]), _whole(one["batch"]), str(one["status"]),
                    *(_whole(one[key]) for key in ("planned", "moved", "waiting", "in_effect", "called_off", "undone")),
                    skipped, _text(one["last_at"]), _text(one["by"]), _text(one["finished_at"]),
                )
            )  # fmt: skip
    return Sheet(columns, tuple(rows))


# --- taking back


def undone_document(name: str, several: Sequence[Undone]) -> dict[str, Json]:
    """What undoing a migration did, as JSON."""
    return {
        "migration": name,
        "undone": [member.subscription for one in several for member in one.members],
        "left": [_left_document(left) for one in several for left in one.left],
    }


def undone_answer(document: Json) -> Answer:
    """What undoing did, from its document."""
    one = _object(document)
    undone, left = _list(one["undone"]), _several(one["left"])
    if not undone and not left:
        return Answer(document, (f"{one['migration']}: nothing that was moved is left; nothing was changed",))
    said = f"{one['migration']}: {count(len(undone), 'change')} taken back" + (
        f", {len(left)} left as they are" if left else ""
    )
    return Answer(document, (said,))


def left_lines(document: Json) -> list[str]:
    """What could not be taken back, for a warning."""
    left = _several(_object(document)["left"])
    lines = [f"left: {one['name']} (batch {one['batch']}): {one['why']} [{one['reason']}]" for one in left]
    return (
        lines
        if len(lines) <= FEW
        else [*lines[:FEW], f"and {len(lines) - FEW:,} more; -f json lists them all"]
    )


def _object(document: Json) -> Mapping[str, Json]:
    assert isinstance(document, Mapping)
    return document


def _list(document: Json) -> Sequence[Json]:
    assert isinstance(document, Sequence)
    return document


def _several(documents: Json) -> list[Mapping[str, Json]]:
    return [_object(one) for one in _list(documents)]


def _whole(value: Json) -> int:
    assert isinstance(value, int)
    return value


def _text(value: Json) -> str | None:
    return None if value is None else str(value)
