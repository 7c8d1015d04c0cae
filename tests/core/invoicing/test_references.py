"""An invoice is found in a bank's reference by its whole number, however the bank writes it."""

from __future__ import annotations

import pytest

from planctl.core.invoicing.references import by_letters, named_in

NUMBERS = by_letters(["INV-2026-00001", "INV-2026-00002", "7-1"])


@pytest.mark.parametrize(
    ("reference", "named"),
    [
        ("INV-2026-00001", ["INV-2026-00001"]),
        ("thanks for inv 2026 00001!", ["INV-2026-00001"]),
        ("INV202600001/Nova GmbH", ["INV-2026-00001"]),
        ("INV-2026-00001, INV-2026-00002", ["INV-2026-00001", "INV-2026-00002"]),
        ("INV-2026-00001 and again INV-2026-00001", ["INV-2026-00001"]),
        ("INV-2026-000011", []),
        ("XINV-2026-00001", []),
        ("2026-00001", []),
        ("", []),
    ],
)
def test_an_invoice_is_named_by_its_whole_number_however_the_bank_writes_it(
    reference: str, named: list[str]
) -> None:
    assert named_in(reference, NUMBERS) == named


def test_a_number_too_short_to_be_told_from_others_is_not_looked_for() -> None:
    assert by_letters(["7-1", "A-77", "INV-7"]) == {"INV7": "INV-7"}
