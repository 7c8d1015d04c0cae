"""How far from flat a curve of costs is, in percent of their median."""

from __future__ import annotations

import pytest

from benchmarks.curve import deviation


@pytest.mark.parametrize(
    ("costs", "percent"),
    [
        ([5.0, 5.0, 5.0], 0),
        ([4.0, 5.0, 6.0], 20),  # both a fifth away from 5
        ([4.0, 5.0, 8.0], 60),
        ([1.0, 3.0, 5.0, 5.0], 75),  # the median of an even number lies between: 4
    ],
)
def test_the_cost_furthest_from_the_median_counts(costs: list[float], percent: float) -> None:
    assert deviation([(10.0**power, cost) for power, cost in enumerate(costs)]) == pytest.approx(percent)
