"""Draws cost against size as an SVG: sizes on a scale of powers of ten, cost from zero, so that flat looks flat."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil, floor, log10
from pathlib import Path
from xml.sax.saxutils import escape

WIDTH, HEIGHT = 720, 320
LEFT, RIGHT, TOP, BOTTOM = 64, 24, 56, 48
COLORS = ("#1f6feb", "#d1242f", "#1a7f37", "#9a6700")


@dataclass(frozen=True, slots=True)
class Series:
    """A line: its name and its points, (size, cost) with sizes above 0."""

    name: str
    points: Sequence[tuple[float, float]]


@dataclass(frozen=True, slots=True)
class Plot:
    """A drawing: what it is called, what its axes say, its lines (four at most)."""

    title: str
    sizes: str
    cost: str
    series: Sequence[Series]

    def write(self, path: Path) -> None:
        """Write it as a file that needs nothing else."""
        path.write_text(self.svg(), encoding="utf-8")

    def svg(self) -> str:
        """It as text; the same for the same values."""
        points = [point for one in self.series for point in one.points]
        low, high = floor(log10(min(x for x, _ in points))), ceil(log10(max(x for x, _ in points)))
        scale = _Scale(low, max(high, low + 1), _round_up(max(y for _, y in points)))
        parts = [_text(LEFT, 20, self.title, "start", "bold"), *self._axes(scale)]
        for number, one in enumerate(self.series):
            color = COLORS[number]
            path = " ".join(f"{scale.x(x):.1f},{scale.y(y):.1f}" for x, y in one.points)
            parts.append(f'<polyline points="{path}" fill="none" stroke="{color}" stroke-width="2"/>')
            parts += [
                f'<circle cx="{scale.x(x):.1f}" cy="{scale.y(y):.1f}" r="3" fill="{color}"/>'
                for x, y in one.points
            ]
            at = LEFT + number * 160
            parts.append(f'<rect x="{at}" y="32" width="12" height="4" fill="{color}"/>')
            parts.append(_text(at + 18, 38, one.name, "start"))
        style = "font-family:system-ui,sans-serif;font-size:12px;background:#fff"
        head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" style="{style}">'
        return "\n".join([head, f"<title>{escape(self.title)}</title>", *parts, "</svg>", ""])

    def _axes(self, scale: _Scale) -> list[str]:
        parts = []
        for power in range(scale.low, scale.high + 1):
            x = scale.x(10.0**power)
            parts.append(_line(x, TOP, x, HEIGHT - BOTTOM))
            parts.append(_text(x, HEIGHT - BOTTOM + 16, f"{10**power:,}", "middle"))
        for step in range(5):
            cost = scale.top * step / 4
            y = scale.y(cost)
            parts.append(_line(LEFT, y, WIDTH - RIGHT, y))
            parts.append(_text(LEFT - 6, y + 4, f"{cost:,g}", "end"))
        parts.append(_text((LEFT + WIDTH - RIGHT) / 2, HEIGHT - 8, self.sizes, "middle"))
        parts.append(_text(WIDTH - RIGHT, 20, self.cost, "end"))
        return parts


@dataclass(frozen=True, slots=True)
class _Scale:
    """Powers of ten from `low` to `high` across, 0 to `top` upwards."""

    low: int
    high: int
    top: float

    def x(self, size: float) -> float:
        return LEFT + (log10(size) - self.low) / (self.high - self.low) * (WIDTH - LEFT - RIGHT)

    def y(self, cost: float) -> float:
        return HEIGHT - BOTTOM - cost / self.top * (HEIGHT - TOP - BOTTOM)


def _round_up(value: float) -> float:
    """The next of 1, 2, 4, 8 times a power of ten, so that four steps have short names."""
    power = 10.0 ** floor(log10(value))
    return next(step * power for step in (1, 2, 4, 8, 10) if step * power >= value)


def _line(x1: float, y1: float, x2: float, y2: float) -> str:
    return f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" stroke="#d0d7de"/>'


def _text(x: float, y: float, text: str, anchor: str, weight: str = "normal") -> str:
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" font-weight="{weight}" fill="#24292f">'
        f"{escape(text)}</text>"
    )
