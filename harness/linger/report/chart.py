"""Curves as SVG, both axes logarithmic, in the colours of the palette."""

from __future__ import annotations

import math
from typing import NamedTuple, Sequence

from linger.report import svg
from linger.report.palette import colour

WIDTH, HEIGHT = 640, 400
LEFT, RIGHT, TOP, BOTTOM = 56, 190, 30, 46
LINE = 19  # from one name of the key to the next


class Curve(NamedTuple):
    """What one line shows."""

    name: str
    ink: str  # a name of the palette
    dash: str  # as stroke-dasharray, "none" for a whole line
    points: Sequence[tuple[float, float]]


def _decades(values: list[float]) -> tuple[int, int]:
    """The powers of ten that enclose the values."""
    low, high = math.floor(math.log10(min(values))), math.ceil(math.log10(max(values)))
    return low, max(high, low + 1)


def _name(power: int) -> str:
    return f"{10.0**power:,.{max(0, -power)}f}"


def draw(ordinate: str, abscissa: str, curves: Sequence[Curve], words: str) -> str:
    """The curves as SVG; "" when there is no point to show.

    words: the drawing in a sentence, for those who cannot see it. Values that are not
    positive have no place on a logarithmic axis and are left out.
    """
    shown = [one._replace(points=[p for p in one.points if min(p) > 0]) for one in curves]
    points = [point for curve in shown for point in curve.points]
    if not points:
        return ""
    (x0, x1), (y0, y1) = _decades([p[0] for p in points]), _decades([p[1] for p in points])
    right, bottom = WIDTH - RIGHT, HEIGHT - BOTTOM

    def place(x: float, y: float) -> tuple[float, float]:
        across, up = (math.log10(x) - x0) / (x1 - x0), (math.log10(y) - y0) / (y1 - y0)
        return LEFT + (right - LEFT) * across, bottom - (bottom - TOP) * up

    out = [
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="{colour("paper")}"/>',
        svg.text(LEFT, TOP - 12, ordinate),
        svg.text((LEFT + right) / 2, HEIGHT - 8, abscissa, look=svg.MIDDLE),
    ]
    for power in range(x0, x1 + 1):
        x, _ = place(10.0**power, 10.0**y0)
        out.append(svg.line(f"M{svg.point(x, TOP)}V{bottom}", "rule", 1))
        out.append(svg.text(x, bottom + 17, _name(power), look=svg.MIDDLE))
    for power in range(y0, y1 + 1):
        _, y = place(10.0**x0, 10.0**power)
        out.append(svg.line(f"M{svg.point(LEFT, y)}H{right}", "rule", 1))
        out.append(svg.text(LEFT - 7, y + 4, _name(power), look=svg.END))
    for number, curve in enumerate(shown):
        places = [place(*point) for point in sorted(curve.points)]
        if places:
            path = "M" + "L".join(svg.point(x, y) for x, y in places)
            out.append(svg.line(path, curve.ink, 2, curve.dash))
        out += [svg.dot(x, y, curve.ink) for x, y in places]
        y = TOP + 10 + LINE * number
        out.append(svg.line(f"M{svg.point(right + 14, y - 4)}h26", curve.ink, 2, curve.dash))
        out.append(svg.text(right + 46, y, curve.name))
    return svg.drawing(WIDTH, HEIGHT, 13, words, out) + "\n"
