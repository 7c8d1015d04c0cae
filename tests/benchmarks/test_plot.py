"""Plots are drawings that any browser reads, the same bytes for the same points."""

from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree

from benchmarks._plot import Plot, Series

SVG = "{http://www.w3.org/2000/svg}"
POINTS = [(1_000.0, 200.0), (10_000.0, 210.0), (100_000.0, 190.0)]
PLOT = Plot("Cost & size", "subscriptions", "µs each", [Series("a < b", POINTS)])


def test_a_plot_is_well_formed_with_a_circle_for_every_point_and_one_line() -> None:
    root = ElementTree.fromstring(PLOT.svg())
    assert root.tag == f"{SVG}svg"
    assert len(root.findall(f"{SVG}circle")) == 3
    assert len(root.findall(f"{SVG}polyline")) == 1
    assert {"Cost & size", "a < b"} <= {text.text for text in root.findall(f"{SVG}text")}


def test_points_of_one_cost_lie_at_one_height_a_power_of_ten_apart() -> None:
    flat = Plot("flat", "", "", [Series("one", [(10, 5), (100, 5), (1_000, 5)])])
    circles = ElementTree.fromstring(flat.svg()).findall(f"{SVG}circle")
    x = [float(circle.attrib["cx"]) for circle in circles]
    assert {circle.attrib["cy"] for circle in circles} == {circles[0].attrib["cy"]}
    assert x[1] - x[0] == x[2] - x[1] == 316.0  # 720 wide without margins of 64 and 24, two steps


def test_the_same_points_are_the_same_bytes(tmp_path: Path) -> None:
    first, second = tmp_path / "first.svg", tmp_path / "second.svg"
    PLOT.write(first)
    PLOT.write(second)
    assert first.read_bytes() == second.read_bytes()


def test_a_plot_needs_nothing_from_elsewhere() -> None:
    assert "href" not in PLOT.svg()
    assert "<script" not in PLOT.svg()
