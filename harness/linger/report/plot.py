"""The plot of a timeline: the sockets of each host by state, as steps over the seconds."""

from __future__ import annotations

import math
from typing import Callable, Mapping

from linger.report import axis, svg
from linger.report.axis import GAP, SIZE
from linger.report.ladder import duration
from linger.report.palette import STATES
from linger.report.timeline import Curve, Timeline

# Lengths are in points.
WIDTH = 450.0  # of the drawing; wider when long numbers leave too little for the panels
LEFT = 34.0  # room for the counts left of a panel; more when they are long
LEAST_WIDTH, LEAST_HEIGHT = 180.0, 66.0  # of a panel
ABOVE, BELOW = 20.0, 18.0  # room over a panel for its heading, and under it for the seconds
SAMPLE, NAME, LINE = 18.0, 78.0, 13.0  # in the key: a line, a name, and from one to the next below
HOST_LETTERS, STATE_LETTERS = 20, 12  # that have room, which is enough for every state of TCP
HIGHEST = 0.92  # where in the height of a panel the highest count is
STEP = 22.0  # from one count of a linear axis up to the next, at least
LOGARITHMIC = 25  # times that the largest peak exceeds the smallest


def draw(timeline: Timeline) -> str:
    """A timeline as SVG, a panel for each host, with a key that gives each state's peak and last count.

    The same timeline always gives the same text.
    """
    return _Drawing(timeline).svg()


def sentence(timeline: Timeline) -> str:
    """What a plot of the timeline shows, in words."""
    parts = []
    for host, curves in timeline.hosts.items():
        seen = [
            f"{state} {curve.last} at the end, peak {curve.peak}"
            for state, curve in curves.items()
            if curve.peak
        ]
        parts.append(f"{host}: {'; '.join(seen) or 'no connections'}")
    parts.insert(0, f"Sockets by state over {duration(timeline.ended)}")
    return ". ".join(parts) + "."


class _Panel:
    """The curves of a host, and the scale of their counts."""

    def __init__(self, host: str, curves: Mapping[str, Curve]) -> None:
        self.host = host
        self.curves = {state: curve for state, curve in curves.items() if curve.peak}
        self.height = max(LEAST_HEIGHT, LINE * (1 + len(self.curves)))
        peaks = [curve.peak for curve in self.curves.values()]
        self.highest = max(peaks, default=0)
        # Whether a state would be too low to see on a linear scale.
        self.logarithmic = bool(peaks) and self.highest >= LOGARITHMIC * min(peaks)
        if self.logarithmic:
            self.ticks = axis.powers(self.highest, self.up)
        else:
            self.ticks = axis.counts(self.highest, int(self.height / STEP))

    def up(self, count: float) -> float:
        """How far above the axis of the seconds a count is."""
        scale: Callable[[float], float] = math.log1p if self.logarithmic else float
        return HIGHEST * self.height * scale(count) / scale(self.highest or 1)


class _Drawing:
    """The one drawing: where its columns are, and what has been drawn so far."""

    def __init__(self, timeline: Timeline) -> None:
        self.timeline = timeline
        self.panels = [_Panel(host, curves) for host, curves in timeline.hosts.items()]
        curves = [curve for panel in self.panels for curve in panel.curves.values()]
        peaks = axis.room(["peak", *(f"{curve.peak:,}" for curve in curves)])
        lasts = axis.room(["last", *(f"{curve.last:,}" for curve in curves)])
        numbers = axis.room(tick.words for panel in self.panels for tick in panel.ticks)
        key = GAP + SAMPLE + 4 + NAME + GAP + peaks + GAP + lasts
        self.left = max(LEFT, numbers + 4)
        self.width = max(LEAST_WIDTH, WIDTH - key - self.left)  # of a panel
        self.right = self.left + self.width
        self.name = self.right + GAP + SAMPLE + 4  # where the names of the key begin
        self.last = self.right + key  # where its numbers end, and the drawing
        self.peak = self.last - lasts - GAP
        self.bottom = 0.0  # of the current panel
        self.elements: list[str] = []

    def svg(self) -> str:
        for panel in self.panels:
            self.bottom += ABOVE + panel.height
            self._heading(panel)
            self._axes(panel)
            for state, curve in panel.curves.items():
                self._line(self._steps(panel, curve), state)
            self._key(panel)
            self.bottom += BELOW
        height, words = self.bottom or BELOW, sentence(self.timeline)
        self._text(self.name, height - 5, "seconds" if self.panels else "no samples")
        return svg.drawing(self.last, height, SIZE, words, self.elements, ' class="plot"')

    def _heading(self, panel: _Panel) -> None:
        """The text over a panel and its key."""
        y = self.bottom - panel.height - 7
        self._text(0, y, _short(panel.host, HOST_LETTERS), "ink", svg.BOLD)
        if panel.logarithmic:
            self._before(self.right, y, "logarithmic")
        if panel.curves:
            self._before(self.peak, y, "peak")
            self._before(self.last, y, "last")

    def _axes(self, panel: _Panel) -> None:
        """The lines of a panel for zero and for round counts, with the numbers at its edges."""
        across = f"h{svg.number(self.width)}"
        zero, rules = f"M{svg.point(self.left, self.bottom)}{across}", ""
        for tick in panel.ticks:
            y = self.bottom - panel.up(tick.value)
            self._before(self.left - 4, y + 3.5, tick.words)
            rules += f"M{svg.point(self.left, y)}{across}" if tick.value else ""
        for tick in axis.seconds(self.timeline.ended, self.width):
            x = self._x(tick.value)
            self._text(x, self.bottom + 13, tick.words, look=svg.MIDDLE)
            zero += f"M{svg.point(x, self.bottom)}v3"
        if rules:
            self.elements.append(svg.line(rules, "rule", 0.6))
        self.elements.append(svg.line(zero, "soft", 0.8))

    def _steps(self, panel: _Panel, curve: Curve) -> str:
        """A curve as a path: along while a count lasts, up or down where it changes, and nothing
        where it is 0."""
        path, before = "", 0
        for time, count in curve.steps:
            if count != before:
                x = self._x(time)
                path += f"H{svg.number(x)}" if before else f"M{svg.point(x, self.bottom)}"
                path += f"V{svg.number(self.bottom - panel.up(count))}"
                before = count
        return path + (f"H{svg.number(self._x(curve.steps[-1][0]))}" if before else "")

    def _key(self, panel: _Panel) -> None:
        """The names of the states beside a panel, each with its line and two numbers."""
        y = self.bottom - panel.height + 8
        if not panel.curves:
            self._text(self.name, y, "no connections")
        for state, curve in panel.curves.items():
            self._line(f"M{svg.point(self.right + GAP, y - 3.5)}h{SAMPLE:g}", state)
            self._text(self.name, y, _short(state, STATE_LETTERS), "ink")
            self._before(self.peak, y, f"{curve.peak:,}", "ink")
            self._before(self.last, y, f"{curve.last:,}", "ink")
            y += LINE

    def _x(self, seconds: float) -> float:
        return self.left + self.width * seconds / (self.timeline.ended or 1)

    def _line(self, path: str, state: str) -> None:
        """Add a line in the look of a state; that of CLOSE_WAIT, the commonest leak, is bold."""
        width = 2.4 if state == "CLOSE_WAIT" else 1.6
        dash = STATES.get(state, STATES["CLOSED"]).dash
        dashes = " ".join(svg.number(width * part) for part in dash) or "none"
        self.elements.append(svg.line(path, state, width, dashes))

    def _text(self, x: float, y: float, words: str, ink: str = "soft", look: str = "") -> None:
        self.elements.append(svg.text(x, y, words, ink, look))

    def _before(self, x: float, y: float, words: str, ink: str = "soft") -> None:
        """Add words that end at a point."""
        self._text(x, y, words, ink, svg.END)


def _short(name: str, letters: int) -> str:
    return name if len(name) <= letters else name[: letters - 1] + "…"
