"""How the audit is shown: who said what he was, and who the database says he was."""

from __future__ import annotations

import pytest

from planctl.core.audit import ChainedEntry, Logged
from planctl.core.document import canonical
from planctl.views.audit import audit_answer


@pytest.mark.parametrize(
    ("origin", "shown"),
    [
        ({"session_user": "bob"}, "bob"),
        ({"session_user": "amy"}, None),
        ({"login": "root"}, None),
        ({}, None),
    ],
)
def test_a_login_that_is_not_the_actor_stands_beside_him(origin: dict[str, str], shown: str | None) -> None:
    body = canonical({"actor": "amy", "command": "config set", "origin": {**origin}})
    answer = audit_answer([Logged(ChainedEntry(1, "0" * 64, "a" * 64, body), ())], "UTC")
    assert answer.sheet is not None
    titles = [column.title for column in answer.sheet.columns]
    ((_, _, actor, login, *_),) = answer.sheet.rows
    assert titles[2:4] == ["by", "server login"]
    assert (actor, login) == ("amy", shown)
    assert isinstance(answer.document, list)
    assert answer.document[0]["origin"] == origin
