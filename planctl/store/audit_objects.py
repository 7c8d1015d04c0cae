"""The rows that audit entries changed, with their hashes before and after: written, read back. It judges nothing.

A row is named by its table and the values of its key, joined by `/` (`customer/acme`, `plan_version/pro/2`).
A value that may be about a person stands there as its hash (`allow_entry/schools/sha256:…`): no entry is taken out.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from hashlib import sha256
from itertools import groupby
from operator import itemgetter
from typing import TYPE_CHECKING, Any

from planctl.core.audit import ObjectsDigest, Touched
from planctl.store.sets import chunks
from planctl.store.touching import AUDITED, DISCREET, Key, hashes, key_columns, whole_columns

if TYPE_CHECKING:
    from planctl.store.engine import Tx

Row = tuple[str, str, str, str]
"""A row that an entry names: its table, its id there, its hash before and after."""

Finder = Callable[[str, str], Key | None]
"""The key of the row that a table and `object_id` name; see `finder`."""

UNSAID = frozenset({"run", "operation", "meter"})
"""Tables whose rows may be written without an entry."""

_COLUMNS = ("name", "id", "seq", "before", "after")
_PAGE = 1_000


def object_id(name: str, key: Key) -> str:
    """The name of a row among those of its table; a `/` inside one of several parts is written `%2F`."""
    if len(key) == 1:
        return str(key[0])
    discreet = DISCREET.get(name)
    if discreet:
        named = zip(key_columns(name), key, strict=True)
        key = tuple(hash_of(value) if column == discreet else value for column, value in named)
    return "/".join(str(value).replace("%", "%25").replace("/", "%2F") for value in key)


def hash_of(value: str) -> str:
    """What stands for a value that may be about a person: `sha256:` and 64 hexadecimal digits."""
    return f"sha256:{sha256(value.encode()).hexdigest()}"


def key_of(name: str, said: str) -> Key:
    """The key that `object_id` named, with the hash where that has one; ValueError where there can be no such row."""
    columns = key_columns(name)
    parts = [said]
    if len(columns) > 1:
        parts = [part.replace("%2F", "/").replace("%25", "%") for part in said.split("/")]
    if len(parts) != len(columns):
        raise ValueError(f"{name} has no {said!r}")
    whole = whole_columns(name)
    return tuple(int(part) if column in whole else part for column, part in zip(columns, parts, strict=True))


def finder(tx: Tx) -> Finder:
    """What finds the key of the row that a table and `object_id` name, in the store as it is now.

    None where a hash is that of no value in the table; ValueError where there can be no such row. Those values are read
    at once and kept: members of lists, and who had a trial.
    """
    hidden: dict[str, dict[str, str]] = {}
    for name, column in DISCREET.items():
        values = tx.rows(f'SELECT DISTINCT "{column}" FROM "{name}"')
        hidden[name] = {hash_of(value): value for (value,) in values}

    def found(name: str, said: str) -> Key | None:
        key = key_of(name, said)
        if name not in hidden:
            return key
        place = key_columns(name).index(DISCREET[name])
        value = hidden[name].get(key[place])
        return None if value is None else (*key[:place], value, *key[place + 1 :])

    return found


def note_all(tx: Tx) -> None:
    """Note every row of the audited tables as one that the next entry names: what a store begins with."""
    for name in AUDITED:
        noted = tx.touched.setdefault(name, {})
        for key in _keys(tx, name):
            noted.setdefault(key, "")


def taken(tx: Tx) -> tuple[list[Row], Mapping[str, str]]:
    """The rows noted in a transaction that are not as they were, by table and id, and their digest; none is noted now.

    The hash after is that of the row as it is at this moment.
    """
    found: list[Row] = []
    for name in sorted(tx.touched):
        noted, fresh = tx.touched[name], tx.fresh.get(name, {})
        now = [*fresh.items(), *hashes(tx, name, [key for key in noted if key not in fresh])]
        rows = [(name, object_id(name, key), noted[key], after) for key, after in now if after != noted[key]]
        rows.sort(key=itemgetter(1))
        found += rows
    tx.touched.clear()
    tx.fresh.clear()
    digest = ObjectsDigest()
    for row in found:
        digest.add(*row)
    return found, digest.document()


def has_unnamed(tx: Tx) -> bool:
    """Whether the transaction has changed audited rows that no entry names yet, other than those of UNSAID.

    A run that begins, a first event under a name and the answer to a command that changed nothing need no entry.
    """
    return any(
        after != noted[key]
        for name, noted in tx.touched.items()
        if name not in UNSAID
        for key, after in hashes(tx, name, noted)
    )


def write_objects(tx: Tx, seq: int, objects: Sequence[Row]) -> None:
    """Keep the rows that an entry names."""
    if objects:
        rows = [(name, said, seq, before, after) for name, said, before, after in objects]
        tx.store.link.fill("audit_object", _COLUMNS, rows)


def baseline(tx: Tx, most: int = 10_000) -> Iterator[bool]:
    """Note the rows of the audited tables, some `most` at a time: at each step the caller appends an entry.

    For a store whose rows no entry of this schema has named: after an upgrade. Whether it is the last step.
    """
    noted = 0
    for name in AUDITED:
        for some in chunks(_keys(tx, name)):
            tx.touched.setdefault(name, {}).update(dict.fromkeys(some, ""))
            noted += len(some)
            if noted >= most:
                yield False
                noted = 0
    yield True


def objects_of(tx: Tx, seqs: Sequence[int]) -> dict[int, list[Touched]]:
    """The rows that each of these entries names, by table and id."""
    found: dict[int, list[Touched]] = {seq: [] for seq in seqs}
    for chunk in chunks(seqs):
        marks = ", ".join("?" * len(chunk))
        query = f'SELECT seq, name, id, "before", "after" FROM audit_object WHERE seq IN ({marks})'
        for seq, *row in tx.rows(f"{query} ORDER BY seq, name, id", chunk):
            found[seq].append(Touched(*row))
    return found


def entries_about(tx: Tx, name: str, said: str) -> list[int]:
    """The numbers of the entries that name a row, oldest first; what stands there as its hash may be said in clear."""
    hidden = said
    if name in DISCREET:
        try:
            hidden = object_id(name, key_of(name, said))
        except ValueError:
            return []
    query = "SELECT seq FROM audit_object WHERE name = ? AND id IN (?, ?) ORDER BY seq"
    return [row[0] for row in tx.rows(query, (name, said, hidden))]


def unnamed(tx: Tx, name: str) -> Iterator[str]:
    """The rows of an audited table that no entry names."""
    for keys in chunks(_keys(tx, name)):
        asked = [object_id(name, key) for key in keys]
        query = (
            f"SELECT DISTINCT id FROM audit_object WHERE name = ? AND id IN ({', '.join('?' * len(asked))})"
        )
        known = {row[0] for row in tx.rows(query, (name, *asked))}
        yield from (one for one in asked if one not in known)


def by_entry(tx: Tx) -> Iterator[tuple[int, Iterator[Row]]]:
    """The rows that entries name, entry by entry, streamed; each group is used up before the next one is asked for."""
    query = 'SELECT seq, name, id, "before", "after" FROM audit_object ORDER BY seq, name, id'
    for seq, rows in groupby(_streamed(tx, query), key=lambda row: int(row[0])):
        yield seq, ((row[1], row[2], row[3], row[4]) for row in rows)


def by_object(tx: Tx) -> Iterator[tuple[str, str, list[tuple[int, str, str]]]]:
    """Each row that was ever named, with number, hash before and after of each entry that names it; streamed."""
    query = 'SELECT name, id, seq, "before", "after" FROM audit_object ORDER BY name, id, seq'
    for (name, said), rows in groupby(_streamed(tx, query), key=lambda row: (row[0], row[1])):
        yield name, said, [(row[2], row[3], row[4]) for row in rows]


def _streamed(tx: Tx, query: str) -> Iterator[tuple[Any, ...]]:
    for page in tx.store.link.stream(query, _PAGE):
        yield from page


def _keys(tx: Tx, name: str) -> Iterator[Key]:
    columns = ", ".join(f'"{column}"' for column in key_columns(name))
    for page in tx.store.link.stream(f'SELECT {columns} FROM "{name}" ORDER BY {columns}', _PAGE):
        yield from page
