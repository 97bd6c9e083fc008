"""Curves as SVG, both axes logarithmic, without any library."""

from __future__ import annotations

import math
from html import escape
from pathlib import Path

WIDTH, HEIGHT = 720, 440
LEFT, RIGHT, TOP, BOTTOM = 70, 210, 20, 50
COLOURS = ("#0b5394", "#3d85c6", "#9fc5e8", "#990000", "#cc4125", "#e6b8af")


def _decades(values: list[float]) -> tuple[int, int]:
    """The powers of ten that enclose the values."""
    low, high = math.floor(math.log10(min(values))), math.ceil(math.log10(max(values)))
    return low, max(high, low + 1)


def _name(power: int) -> str:
    return f"{10.0**power:g}" if -4 <= power < 4 else f"10^{power}"


def draw(
    path: Path, ordinate: str, abscissa: str, curves: dict[str, list[tuple[float, float]]]
) -> None:
    """Write curves, named lists of points, to an SVG file.

    What is not positive has no place on a logarithmic axis and is left out. Nothing is written when
    nothing is left.
    """
    shown = {name: [p for p in points if min(p) > 0] for name, points in curves.items()}
    points = [point for curve in shown.values() for point in curve]
    if not points:
        return
    (x0, x1), (y0, y1) = _decades([p[0] for p in points]), _decades([p[1] for p in points])

    def across(x: float) -> float:
        return LEFT + (WIDTH - LEFT - RIGHT) * (math.log10(x) - x0) / (x1 - x0)

    def up(y: float) -> float:
        return HEIGHT - BOTTOM - (HEIGHT - TOP - BOTTOM) * (math.log10(y) - y0) / (y1 - y0)

    out = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" '
        'font-family="sans-serif" font-size="12">',
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="white"/>',
    ]
    for power in range(x0, x1 + 1):
        x = across(10.0**power)
        out.append(f'<path d="M{x:.1f} {TOP}V{HEIGHT - BOTTOM}" stroke="#ddd"/>')
        out.append(
            f'<text x="{x:.1f}" y="{HEIGHT - 32}" text-anchor="middle">{_name(power)}</text>'
        )
    for power in range(y0, y1 + 1):
        y = up(10.0**power)
        out.append(f'<path d="M{LEFT} {y:.1f}H{WIDTH - RIGHT}" stroke="#ddd"/>')
        out.append(f'<text x="{LEFT - 6}" y="{y + 4:.1f}" text-anchor="end">{_name(power)}</text>')
    middle = (LEFT + WIDTH - RIGHT) / 2
    out.append(
        f'<text x="{middle}" y="{HEIGHT - 10}" text-anchor="middle">{escape(abscissa)}</text>'
    )
    out.append(f'<text x="8" y="{TOP - 6}">{escape(ordinate)}</text>')
    for number, (name, curve) in enumerate(shown.items()):
        colour = COLOURS[number % len(COLOURS)]
        line = " ".join(f"{across(x):.1f},{up(y):.1f}" for x, y in sorted(curve))
        out.append(f'<polyline points="{line}" fill="none" stroke="{colour}" stroke-width="2"/>')
        out += [
            f'<circle cx="{across(x):.1f}" cy="{up(y):.1f}" r="3" fill="{colour}"/>'
            for x, y in curve
        ]
        y = TOP + 14 + 18 * number
        out.append(
            f'<path d="M{WIDTH - RIGHT + 14} {y - 4}h18" stroke="{colour}" stroke-width="2"/>'
        )
        out.append(f'<text x="{WIDTH - RIGHT + 38}" y="{y}">{escape(name)}</text>')
    path.write_text("\n".join([*out, "</svg>"]) + "\n")
