"""What drawings are made of: pieces of SVG, in the colours of the palette.

Coordinates are in points, from the upper left corner. A drawing is a part of a page, or a file by
itself: it loads nothing and names nothing, so that two of them on a page do not disturb each other.
The `look` of a piece is markup: more attributes, each with a blank before it.
"""

from __future__ import annotations

from html import escape
from typing import Iterable

from linger.lab.foreign import printable_lines
from linger.report.palette import colour

END, MIDDLE = ' text-anchor="end"', ' text-anchor="middle"'  # looks: where words are at their point
BOLD, HALO = ' font-weight="600"', ' class="halo"'  # looks; the latter lets words lie on lines


def drawing(
    width: float, height: float, size: float, words: str, pieces: Iterable[str], look: str = ""
) -> str:
    """A whole drawing with text of a size; `words` describe it for those who cannot see it."""
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {number(width)} {number(height)}" '
        f'font-family="sans-serif" font-size="{size:g}" role="img" '
        f'aria-label="{printable(words)}"{look}>{"".join(pieces)}</svg>'
    )


def text(x: float, y: float, words: str, ink: str = "soft", look: str = "") -> str:
    """Words that begin at a point, or end there, or are centred on it, as `look` says."""
    place = f'x="{number(x)}" y="{number(y)}"'
    return f'<text {place} fill="{colour(ink)}"{look}>{printable(words)}</text>'


def line(path: str, ink: str, width: float, dash: str = "none") -> str:
    """A line along a path (the attribute `d` of one); the dash is as stroke-dasharray has it."""
    look = f'stroke="{colour(ink)}" stroke-width="{width:g}"'
    look += "" if dash == "none" else f' stroke-dasharray="{dash}"'
    return f'<path d="{path}" fill="none" {look}/>'


def dot(x: float, y: float, ink: str) -> str:
    return f'<circle cx="{number(x)}" cy="{number(y)}" r="3" fill="{colour(ink)}"/>'


def point(x: float, y: float) -> str:
    """A point in a path."""
    return f"{number(x)} {number(y)}"


def number(value: float) -> str:
    """A coordinate, to a tenth of a point."""
    return f"{value:.1f}".replace(".0", "")


def printable(words: str) -> str:
    """Any words as a part of markup."""
    return escape(printable_lines(words))
