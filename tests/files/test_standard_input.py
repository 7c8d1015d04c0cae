"""Standard input where there is one, and where whoever started the program closed it."""

from __future__ import annotations

import io
import sys

import pytest

from planctl.errors import StoreFailure
from planctl.files.standard_input import read_up_to, standard_input


def test_a_closed_standard_input_is_a_failure_of_the_system_and_says_what_to_do(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sys, "stdin", None)
    with pytest.raises(StoreFailure) as closed:
        standard_input()
    assert (closed.value.exit_code, closed.value.code) == (74, "cannot-open")
    assert "name it instead of -" in closed.value.hint


@pytest.mark.parametrize(("most", "read"), [(0, 0), (1, 1), (3_000_000, 3_000_000), (3_000_001, 3_000_000)])
def test_a_stream_is_read_up_to_its_end_or_the_limit(most: int, read: int) -> None:
    assert len(read_up_to(io.BytesIO(bytes(3_000_000)), most)) == read


def test_a_limit_far_above_what_is_there_takes_no_memory_for_it() -> None:
    class Counting(io.BytesIO):
        asked = 0

        def read(self, size: int | None = -1) -> bytes:
            Counting.asked = max(Counting.asked, size or 0)
            return super().read(size)

    assert read_up_to(Counting(b"short"), 1 << 40) == b"short"
    assert Counting.asked <= 1 << 20
