"""What a verdict on the audit says where more is wrong than it lists."""

from __future__ import annotations

from pathlib import Path

import pytest

from planctl.core.audit import Anchor, AuditEntry, Tip
from planctl.core.periods import Instant
from planctl.store import audit
from planctl.store.engine import open_store
from planctl.workflows.read_audit import audit_verdict
from tests import stores

NEW_YEAR = Instant(1_767_225_600_000_000)  # 2026-01-01T00:00:00Z


@pytest.mark.sqlite_only
def test_a_chain_with_more_faults_than_are_listed_is_followed_to_its_end(tmp_path: Path) -> None:
    path = tmp_path / "store.db"
    with open_store(stores.url(path), create=True, is_test=True) as store, store.write() as tx:
        for number in range(121):
            audit.append(tx, AuditEntry(NEW_YEAR, "amy", f"command {number}"))
        last = audit.tip(tx)
    stores.edited(
        path,
        "DELETE FROM audit WHERE seq = 121",
        "UPDATE audit SET body = replace(body, 'amy', 'bob') WHERE seq > 1",
    )
    with stores.opened(path) as store, store.read() as tx:
        verdict = audit_verdict(tx, [Anchor(last)])
    assert (len(verdict.problems), verdict.kinds) == (100, ("edited", "cut off"))
    assert (verdict.tip.seq, verdict.good) == (120, None)
    assert last == Tip(121, last.hash)
