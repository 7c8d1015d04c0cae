"""Usage imported by the block is what it would be row by row, whatever the rows are and however they are cut."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import chain
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from planctl.core.customers import Customer
from planctl.core.metering.accept import Row
from planctl.core.periods import zone
from planctl.files.usage_reader import UsageFile
from planctl.store import customers, usage
from planctl.store.engine import Store, Tx, open_store
from planctl.store.settings import put_setting
from planctl.store.usage import AppendResult, EventBlock, EventRow, append_block
from planctl.workflows.record_usage import FileImport, Imported, ImportTerms, by_file
from planctl.workflows.record_usage.intake import Intake, Refusal
from planctl.workflows.record_usage.ordinary import Judged
from tests import stores
from tests.workflows.world import CATALOG, NEW_YEAR, apply, settle, start, t

KEY = "meter, day, customer, event_key"
TABLES = {
    "usage_event": f"{KEY}, at, quantity, fraction, payload_hash, batch, child",
    "usage_detail": f"{KEY}, event_id, properties, corrects",
    "usage_identity": KEY,
    "late_usage": f"{KEY}, at",
}


def line(**row: Any) -> bytes:
    return json.dumps(row).encode()


def mostly(usual: list[str], *others: str) -> st.SearchStrategy[str]:
    """Often one of the usual, so that rows meet: the same id again, or a correction of what was there."""
    return st.sampled_from(usual * len(others) * 2 + list(others))


ids = mostly(
    ["a", "b"], "c", "11111111-2222-3333-4444-555555555555", "an-id-of-more-than-sixteen-bytes", "", "\u200b"
)
people = mostly(["nova", "late"], "acme", "acme-east", "solo", "nobody")
names = mostly(["minutes", "api.call"], "chats", "seats", "storage", "api_calls", "completion", "?")
times = mostly(
    ["2026-01-05", "2026-01-05T07:08:09Z"], "2026-01-06T23:59:59.5Z", "2026-01-19", "2026-03-01", "x"
)
amounts = st.sampled_from([1, 1, 2, 0, -1, "3", "0.25", "-2.50", "1e3", None])
good = st.builds(
    lambda **row: line(**{name: value for name, value in row.items() if value is not None}),
    id=ids, customer=people, event=names, at=times, quantity=amounts,
)  # fmt: skip
odd = st.builds(
    lambda more, **row: line(**row, **more),
    st.sampled_from(
        [
            {"corrects": "a", "quantity": -1},
            {"corrects": "b", "quantity": "-0.25"},
            {"properties": {"model": "large", "tokens": 7}},
            {"properties": {"model": "small"}},
            {"more": 1},
        ]
    ),
    id=ids, customer=people, event=names, at=times,
)  # fmt: skip
broken = st.sampled_from(
    [
        b"",
        b"  ",
        b"nope",
        b'{"id":"a","id":"b","customer":"nova","event":"minutes","at":"2026-01-05"}',
        b"\xff{}",
    ]
)
corrected = st.builds(
    lambda customer, event, day, back, between: [
        line(id="a", customer=customer, event=event, at=f"2026-01-0{day}", quantity=2),
        *between,
        line(id="b", customer=customer, event=event, at=f"2026-01-0{day}", quantity=-back, corrects="a"),
    ],
    people, names, st.integers(5, 8), st.integers(1, 3), st.lists(good, max_size=2),
)  # fmt: skip
"""An event and what takes it back, or tries to."""

rows = st.one_of(good, good, good, odd, broken).map(lambda row: [row])
files = st.lists(rows | corrected, max_size=20).map(lambda several: b"\n".join(chain(*several)))


@pytest.fixture(scope="module")
def store() -> Iterator[Store]:
    """The world with nova, solo without a plan, late, who is billed, and a company that is billed and takes no more."""
    with TemporaryDirectory() as folder:
        path = Path(folder) / "books.db"
        with open_store(stores.url(path), create=True, at=NEW_YEAR, is_test=True) as opened:
            with opened.write() as tx:
                apply(tx, CATALOG)
                for name, parent in (
                    ("nova", ""),
                    ("acme", ""),
                    ("acme-east", "acme"),
                    ("solo", ""),
                    ("late", ""),
                ):
                    customers.add(tx, Customer(name, currency="USD", parent=parent))
                for name, plan in (("nova", "starter"), ("acme", "strict"), ("late", "starter")):
                    running = start(tx, name, plan)
                    if name != "nova":
                        settle(tx, running, t("2026-02-01"))
            yield opened


class Whole(EventBlock):
    """A block that remembers whole rows."""

    def __init__(self, rows: list[EventRow]) -> None:
        super().__init__(rows)
        self.whole = rows


def judged_alone(intake: Intake, rows: list[Row]) -> Judged:
    """Every row goes to the intake."""
    verdicts = intake.take(rows)
    refused = {place: one for place, one in enumerate(verdicts) if isinstance(one, Refusal)}
    taken = [one.row for one in verdicts if not isinstance(one, Refusal)]
    return Judged(Whole(taken), [place for place in range(len(rows)) if place not in refused], refused)


def appended_alone(tx: Tx, block: Whole, batch: int) -> AppendResult:
    """Every row is recorded by itself, after those before it."""
    found = [append_block(tx, EventBlock([row]), batch) for row in block.whole]
    return AppendResult(
        sum(one.accepted for one in found),
        sum(one.duplicates for one in found),
        tuple(replace(clash, position=place) for place, one in enumerate(found) for clash in one.conflicts),
        sum(one.late for one in found),
    )


Outcome = tuple[list[tuple[Imported, list[Any]]], dict[str, list[Any]]]


def imported(store: Store, contents: list[bytes], *, strict: bool) -> Outcome:
    """What becomes of files that are imported one after the other, and what is stored then; all is undone."""
    found = []
    with store.write() as tx:
        tx.rollback_only()
        if strict:
            put_setting(tx, "dedup", "strict")
        for number, content in enumerate(contents, start=1):
            terms = ImportTerms("ndjson", t("2026-02-01"), NEW_YEAR, zone("UTC"))
            told = Told()
            job = FileImport(UsageFile("usage", io.BytesIO(content), f"digest {number}"), terms, told)
            done = replace(job.whole(tx, all_or_nothing=False), told=())
            # A row that is recorded alone cannot know that it came in the same file.
            here = f"by import {number}"
            rows = [(*row[:2], row[2].replace("earlier in this file", here), *row[3:]) for row in told.rows]
            found.append((done, rows))
        named = plain({row[0]: row[1] for row in tx.rows("SELECT id, name FROM meter")})
        kept = {
            name: sorted(map(named, tx.rows(f"SELECT {columns} FROM {name}")))
            for name, columns in TABLES.items()
        }
    return found, kept


def plain(names: dict[int, str]) -> Callable[[Any], tuple[Any, ...]]:
    """A row with the name of its meter: meters are numbered in no order."""
    return lambda row: (
        names[row[0]],
        *(bytes(one) if isinstance(one, memoryview) else one for one in row[1:]),
    )


class Told:
    """Every refused row, in the order in which they are told."""

    def __init__(self) -> None:
        self.rows: list[tuple[Any, ...]] = []

    def add(self, line: int, reason: str, message: str, hint: str, raw: bytes) -> None:
        self.rows.append((line, reason, message, hint, raw))

    def flush(self) -> None:
        pass


@given(st.lists(files, min_size=1, max_size=2), st.sampled_from([3, 8, 40]), st.booleans())
def test_blocks_give_what_single_rows_give(
    store: Store, contents: list[bytes], size: int, strict: bool
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(by_file, "ROWS", size)
        by_block = imported(store, contents, strict=strict)
        patch.setattr(by_file, "take_block", judged_alone)
        patch.setattr(usage, "append_block", appended_alone)
        assert by_block == imported(store, contents, strict=strict)
