"""Hot commands answer and record just as the ordinary way does, whatever has happened to the customer.

The lives are those of the life machine; after every step both ways are asked the same, at now and at other instants.
"""

from __future__ import annotations

import re
import shutil
from contextlib import nullcontext
from datetime import timedelta
from typing import Any
from unittest.mock import patch

import hypothesis
import pytest
from hypothesis import strategies as st
from hypothesis.stateful import invariant, rule, run_state_machine_as_test

from planctl.core.periods import Instant
from planctl.errors import PlanctlError
from planctl.store import plain
from planctl.store.engine import Tx
from planctl.views.formats.json import text_of
from planctl.views.usage import check_answer, recorded_document, usage_document
from planctl.workflows.read_usage import Asked, check_access, usage_of
from planctl.workflows.record_usage import Recording, record
from planctl.workflows.record_usage.plainly import record_plainly
from tests import stores
from tests.properties.test_life_machine import PHASES, LifeOfACustomer

FEATURES = ("minutes", "contacts", "nothing")
EVENTS = (
    "SELECT e.*, d.event_id, d.properties, d.corrects FROM usage_event e LEFT JOIN usage_detail d"
    " ON d.day = e.day AND d.customer = e.customer AND d.meter = e.meter AND d.event_key = e.event_key"
    " ORDER BY e.day, e.customer, e.meter, e.event_key"
)
_NEW = re.compile(r"(sub_[0-9a-z]{11})[0-9a-z]{12}")
"""The random end of an id: a plan that takes over, and is not stored yet, has another one each time."""

answered = {"plainly": 0, "recorded plainly": 0}
"""How often the hot way had an answer: a law that compares nothing proves nothing."""


class HotLife(LifeOfACustomer):
    """The same lives, with usage; nothing is asked of the books here."""

    @rule(feature=st.sampled_from(FEATURES), quantity=st.integers(-2, 70), hours=st.integers(0, 1_000))
    def use(self, feature: str, quantity: int, hours: int) -> None:
        """Usage now or in the past, which may be late, below 0, or of nothing that is known."""
        then = (self.now - timedelta(hours=hours)).replace(tzinfo=self.zone).isoformat()
        self.planctl(f"usage record nova {feature} {quantity} --at {then}")

    @rule(feature=st.sampled_from(FEATURES), quantity=st.sampled_from(("", "0", "3.5", "-1", "x")))
    def both_ways_record_the_same(self, feature: str, quantity: str) -> None:
        """What is recorded, or why not, and every row that is there afterwards."""
        self.planctl("usage record nova minutes 1")  # a name that is new is the ordinary way's
        said = Recording("nova", feature, quantity, id="the one", properties={"region": "eu"})
        at = self._instant()
        kept = [self._recorded(said, at, hot) for hot in (False, True)]
        assert kept[0] == kept[1], self.told()

    @invariant()
    def both_ways_say_the_same(self) -> None:
        """Every pool and every check, byte by byte."""
        if not hasattr(self, "main"):
            return
        with stores.opened(self.store) as store, store.read() as tx:
            for days in (0, 40, -25):
                at = Instant(self._instant() + days * 86_400_000_000)
                hot = said_at(tx, at)
                with patch.object(plain, "plain_customer", return_value=None):
                    assert hot == said_at(tx, at), self.told()
                customer = plain.plain_customer(tx, "nova")
                assert customer is not None
                answered["plainly"] += plain.undisturbed(tx, customer, at) is not None

    def _recorded(self, said: Recording, at: Instant, hot: bool) -> tuple[str, list[Any]]:
        with stores.opened(self.store) as store, store.write() as tx:
            tx.rollback_only()
            ordinarily = patch.object(plain, "plain_customer", return_value=None)
            with nullcontext() if hot else ordinarily:
                try:
                    found = text_of(recorded_document(record(tx, said, at)))
                except PlanctlError as error:
                    found = repr((type(error), error.code, error.message, error.got, error.hint))
            rows = [tuple(row) for row in tx.rows(EVENTS)]
            if hot:
                again = Recording("nova", said.feature, said.quantity, id="another")
                answered["recorded plainly"] += record_plainly(tx, again, at) is not None
        return found, rows

    def _instant(self) -> Instant:
        return Instant(round(self.now.replace(tzinfo=self.zone).timestamp()) * 1_000_000)

    def check(self) -> None:
        """The books are looked at elsewhere."""

    def refused(self, command: str) -> None:
        """What a rule refuses is looked at there, too."""
        self.planctl(command)

    def teardown(self) -> None:
        """Nothing stays."""
        shutil.rmtree(self.folder)


def said_at(tx: Tx, at: Instant) -> list[str]:
    """What `usage show` and `check` of every feature say, as they print it to machines."""
    said = [text_of(usage_document(usage_of(tx, "nova", at)))]
    for feature in FEATURES:
        try:
            access = check_access(tx, Asked("nova", feature, "3"), at)
            answer = check_answer("nova", access.billed_to, access.feature.id, access.checked)
            said.append(text_of(answer.document))
        except PlanctlError as error:
            said.append(repr((type(error), error.message, error.hint)))
    return [_NEW.sub(r"\1", one) for one in said]


@pytest.mark.slow
def test_both_ways_say_and_record_the_same_in_every_life() -> None:
    run_state_machine_as_test(  # type: ignore[no-untyped-call]
        HotLife,
        settings=hypothesis.settings(
            max_examples=12, stateful_step_count=15, deadline=None, derandomize=True, phases=PHASES
        ),
    )
    assert all(answered.values()), answered
