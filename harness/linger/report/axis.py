"""The axes of a plot: which values have a mark, and how they are written."""

from __future__ import annotations

import math
from typing import Callable, Iterable, NamedTuple

SIZE = 10.5  # points, of the text
DIGIT, COMMA = 0.64 * SIZE, 0.34 * SIZE  # how wide they are in a wide font
GAP = 8.0  # points between two labels, at least
MICROSECOND = -6  # as a power of ten: timelines are no finer
EQUAL = 1 + 1e-12  # floats that differ by less are the same


class Tick(NamedTuple):
    """A marked value, and how it is written."""

    value: float
    words: str


def counts(highest: int, most: int) -> list[Tick]:
    """Round whole numbers from 0 up to `highest`, at most `most` of them after the 0."""
    return _round(highest, most, lowest=0)


def powers(highest: int, up: Callable[[float], float]) -> list[Tick]:
    """0, powers of ten, and `highest` if it is well above the last of them.

    up: how many points above the axis a count is; what is too close to the next is left out.
    """
    kept: list[int] = []
    below = math.inf
    for count in (10**n for n in reversed(range(len(str(highest))))):
        if SIZE <= up(count) <= below:
            kept.insert(0, count)
            below = up(count) - SIZE
    kept += [highest] if up(highest) - up(kept[-1]) >= SIZE else []
    return [Tick(count, f"{count:,}") for count in (0, *kept)]


def seconds(ended: float, width: float) -> list[Tick]:
    """Round times from 0 up to the end, as many as fit on an axis of `width` points."""
    for most in (5, 4, 3, 2, 1):
        ticks = _round(ended, most, MICROSECOND)
        apart = width * ticks[1].value / ended if ticks[1:] else width
        if apart >= room(tick.words for tick in ticks) + GAP:
            break
    return ticks


def room(numbers: Iterable[str]) -> float:
    """The width in points of the widest of some numbers, or of words in narrow letters."""
    return max((DIGIT * len(n) - (DIGIT - COMMA) * n.count(",") for n in numbers), default=0)


def _round(highest: float, most: int, lowest: int) -> list[Tick]:
    """0 and at most `most` values up to `highest`, in steps of 1, 2 or 5 times a power of ten that
    is no lower than `lowest`."""
    if not highest:
        return [Tick(0, "0")]
    power = max(lowest, math.floor(math.log10(highest / (most + 1))))
    for factor, power in ((1, power), (2, power), (5, power), (1, power + 1)):
        step = factor * 10.0**power
        steps = int(highest / step * EQUAL)
        if steps <= most:
            break
    values = [step * n for n in range(steps + 1)]
    return [Tick(value, f"{value:,.{max(0, -power)}f}" if value else "0") for value in values]
