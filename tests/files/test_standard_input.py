"""Standard input where there is one, and where whoever started the program closed it."""

from __future__ import annotations

import sys

import pytest

from planctl.errors import StoreFailure
from planctl.files.standard_input import standard_input


def test_a_closed_standard_input_is_a_failure_of_the_system_and_says_what_to_do(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sys, "stdin", None)
    with pytest.raises(StoreFailure) as closed:
        standard_input()
    assert (closed.value.exit_code, closed.value.code) == (74, "cannot-open")
    assert "name it instead of -" in closed.value.hint
