"""Curves as SVG, both axes logarithmic, without any library.

The colours are those of the palette: by the page's variables, and without a page by themselves.
"""

from __future__ import annotations

import math
from html import escape
from typing import NamedTuple, Sequence

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


def _text(x: float, y: float, words: str, look: str = "") -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" fill="{colour("soft")}"{look}>{escape(words)}</text>'


def _line(path: str, ink: str, look: str = "") -> str:
    return f'<path d="{path}" fill="none" stroke="{colour(ink)}"{look}/>'


def draw(ordinate: str, abscissa: str, curves: Sequence[Curve], words: str) -> str:
    """The curves as SVG; "" when there is no point to show.

    words: the drawing in a sentence, for those who cannot see it. What is not positive has no place
    on a logarithmic axis and is left out.
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
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" '
        f'aria-label="{escape(words)}" font-family="sans-serif" font-size="13">',
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="{colour("paper")}"/>',
        _text(LEFT, TOP - 12, ordinate),
        _text((LEFT + right) / 2, HEIGHT - 8, abscissa, ' text-anchor="middle"'),
    ]
    for power in range(x0, x1 + 1):
        x, _ = place(10.0**power, 10.0**y0)
        out.append(_line(f"M{x:.1f} {TOP}V{bottom}", "rule"))
        out.append(_text(x, bottom + 17, _name(power), ' text-anchor="middle"'))
    for power in range(y0, y1 + 1):
        _, y = place(10.0**x0, 10.0**power)
        out.append(_line(f"M{LEFT} {y:.1f}H{right}", "rule"))
        out.append(_text(LEFT - 7, y + 4, _name(power), ' text-anchor="end"'))
    for number, curve in enumerate(shown):
        look = f' stroke-width="2" stroke-dasharray="{curve.dash}"'
        places = [place(*point) for point in sorted(curve.points)]
        if places:
            path = "M" + "L".join(f"{x:.1f} {y:.1f}" for x, y in places)
            out.append(_line(path, curve.ink, look))
        for x, y in places:
            out.append(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3" fill="{colour(curve.ink)}"/>')
        y = TOP + 10 + LINE * number
        out.append(_line(f"M{right + 14} {y - 4}h26", curve.ink, look))
        out.append(_text(right + 46, y, curve.name))
    return "".join([*out, "</svg>"]) + "\n"
