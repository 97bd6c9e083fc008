"""The plot of a timeline: the sockets of each host by state, as steps, drawn by matplotlib."""

from __future__ import annotations

import io
import math
import re
from html import escape

import matplotlib
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.transforms import IdentityTransform

from linger.report.palette import BY_LIGHT, PAGE, STATES
from linger.report.timeline import Curve, Timeline, sentence

WIDTH, LEFT, RIGHT = 450.0, 34.0, 280.0  # points: of the drawing; where a panel begins and ends
SIZE = 10.5  # points, of the text
LINE = 13.0  # points from one line of the key to the next
LEAST, ABOVE, BELOW = 66.0, 20.0, 16.0  # points: of a panel's height, over and under it
LOGARITHMIC = 25  # times that the largest peak exceeds the smallest
INK, SOFT, RULE = (PAGE[name].light for name in ("ink", "soft", "rule"))


def draw(timeline: Timeline) -> str:
    """A timeline as SVG, a panel a host, with a key that gives each state's peak and last count.

    The same timeline always gives the same text.
    """
    keys = {host: {s: c for s, c in cs.items() if c.peak} for host, cs in timeline.hosts.items()}
    heights = [max(LEAST, LINE * (1 + len(key))) for key in keys.values()]
    height = sum(heights) + ABOVE * len(heights) + BELOW * len(heights) + LINE
    figure = Figure(figsize=(WIDTH / 72, height / 72), dpi=72)  # so that a pixel is a point
    FigureCanvasSVG(figure)
    figure.patch.set_visible(False)
    top = height
    for (host, key), tall in zip(keys.items(), heights):
        top -= ABOVE
        _text(figure, 0, top + 7, host, color=INK, weight="bold")
        _panel(figure, key, timeline.ended or 1.0, top - tall, tall)
        _key(figure, key, top)
        top -= tall + BELOW
    _text(figure, RIGHT, 1, "seconds", ha="right")
    return _ours(_svg(figure), sentence(timeline))


def _panel(
    figure: Figure, curves: dict[str, Curve], ended: float, bottom: float, tall: float
) -> None:
    """Axes and curves. They are drawn without the library's Axes, which take twice the time."""
    peaks = [curve.peak for curve in curves.values()]
    logarithmic = _logarithmic(peaks)
    scale = (lambda count: math.log10(1 + count)) if logarithmic else float
    highest = max(peaks, default=1)

    def place(seconds: float, count: float) -> tuple[float, float]:
        share = scale(count) / (1.08 * scale(highest)) if count == count else count
        return LEFT + (RIGHT - LEFT) * seconds / ended, bottom + tall * share

    for tick in _powers(highest) if logarithmic else _round_steps(highest, 3) if peaks else [0]:
        left, right = place(0, tick), place(ended, tick)
        _line(figure, [left, right], color=RULE if tick else SOFT, linewidth=0.6 if tick else 0.8)
        _text(figure, LEFT - 4, left[1] - 3.5, f"{tick:,.0f}", ha="right")
    for tick in _round_steps(ended, 4):
        _text(figure, place(tick, 0)[0], bottom - 12, f"{tick:g}", ha="center")
    if logarithmic:
        _text(figure, RIGHT, bottom + tall + 7, "logarithmic", ha="right")
    for state, curve in curves.items():
        _line(figure, [place(*corner) for corner in curve.outline()], **_look(state))


def _key(figure: Figure, key: dict[str, Curve], top: float) -> None:
    """The names of the states beside a panel, each with its line and two numbers."""
    if not key:
        _text(figure, RIGHT + 12, top - 8, "no connections")
        return
    peak, last = WIDTH - 32, WIDTH
    _text(figure, peak, top + 7, "peak", ha="right")
    _text(figure, last, top + 7, "last", ha="right")
    for number, (state, curve) in enumerate(key.items()):
        y = top - 8 - LINE * number
        _line(figure, [(RIGHT + 10, y + 3.5), (RIGHT + 28, y + 3.5)], **_look(state))
        _text(figure, RIGHT + 32, y, state, color=INK, size=SIZE - 0.5)
        _text(figure, peak, y, str(curve.peak), ha="right", color=INK)
        _text(figure, last, y, str(curve.last), ha="right", color=INK)


def _logarithmic(peaks: list[int]) -> bool:
    """Whether some state would be too low to see on a linear scale."""
    return bool(peaks) and max(peaks) >= LOGARITHMIC * min(peaks)


def _look(state: str) -> dict[str, object]:
    ink = STATES.get(state, STATES["CLOSED"])
    width = 2.4 if state == "CLOSE_WAIT" else 1.6
    style = (0, ink.dash) if ink.dash else "-"
    return {"color": ink.light, "linewidth": width, "linestyle": style, "solid_capstyle": "butt"}


def _line(figure: Figure, corners: list[tuple[float, float]], **look: object) -> None:
    """Add a line through points; (nan, nan) interrupts it."""
    figure.add_artist(Line2D(*zip(*corners), transform=IdentityTransform(), **look))


def _text(figure: Figure, x: float, y: float, words: str, **look: object) -> None:
    """Add words at a point, by default small and soft and to the right of it."""
    look = {"size": SIZE, "color": SOFT, "transform": IdentityTransform(), **look}
    figure.text(x, y, words.replace("$", r"\$"), **look)  # a bare one would begin a formula


def _round_steps(highest: float, most: int) -> list[float]:
    """Round numbers from 0 up to at most `highest`, with at most so many steps between."""
    step = 10.0 ** math.floor(math.log10(highest / most))
    step *= next(factor for factor in (1, 2, 5, 10) if highest / (factor * step) <= most + 1e-9)
    return [round(step * n, 9) for n in range(int(highest / step + 1e-9) + 1)]


def _powers(highest: int) -> list[float]:
    """0, the powers of ten from 10 up to `highest`, and that itself where it is far from them."""
    powers = [10.0**n for n in range(1, int(math.log10(highest)) + 1)]
    return [0, *powers, *([highest] if highest > 3 * powers[-1] else [])]


def _svg(figure: Figure) -> str:
    text = io.StringIO()
    # The salt makes names, if there are any, the same each time.
    settings = {"svg.fonttype": "none", "svg.hashsalt": "linger"}
    with matplotlib.rc_context(settings):
        figure.savefig(text, format="svg", metadata={"Date": None})
    return text.getvalue()


def _ours(svg: str, words: str) -> str:
    """What matplotlib wrote, as a part of a page: colours by variables, the page's font, no names
    that two plots of a page would share, nothing from elsewhere."""
    svg = svg[svg.index("<svg") :]
    svg = re.sub(r"<metadata>.*?</metadata>|<style.*?</style>|<!--.*?-->", "", svg, flags=re.S)
    svg = re.sub(r"(?s)<defs>\s*</defs>", "", svg)
    svg = re.sub(r'(<g) id="[^"]*"', r"\1", svg)
    svg = re.sub(r'<svg[^>]*?(viewBox="[^"]*")[^>]*>', rf"<svg {_ROOT} \1 {_label(words)}>", svg)
    svg = re.sub(r"font: ([\w ]*?)([\d.]+)px [^;\"]*", _font, svg)
    svg = re.sub(r"#[0-9a-f]{6}", lambda found: BY_LIGHT.get(found[0], found[0]), svg)
    svg = re.sub(r' transform="rotate\(-0 [^"]*"', "", svg)
    return re.sub(r"\s*\n\s*", " ", svg).replace("> <", "><").strip()


_ROOT = 'xmlns="http://www.w3.org/2000/svg" class="plot" font-family="sans-serif" role="img"'


def _label(words: str) -> str:
    return 'aria-label="{}"'.format(escape(words).replace("\\", "\\\\"))


def _font(found: re.Match[str]) -> str:
    weight = "; font-weight: 600" if "bold" in found[1] or "700" in found[1] else ""
    return f"font-size: {found[2]}px{weight}"
