"""A plot taken apart, known only by what is seen: its lines, its numbers, its key."""

from __future__ import annotations

import math
import re
import xml.etree.ElementTree as ElementTree
from typing import NamedTuple

from linger.report import palette, plot
from linger.report.timeline import Timeline

LETTER, COMMA, WIDEST = 0.64, 0.34, 1.0  # em, in a wide font; the widest in the names of others


class Text(NamedTuple):
    """Words of a drawing; the box is left, top, right and bottom of them in a wide font."""

    x: float
    y: float
    words: str
    anchor: str
    box: tuple[float, float, float, float]


class Panel:
    """The curves of a host, with the scales that the numbers at its edges give."""

    def __init__(self, paths: list[dict[str, str]], texts: list[Text]) -> None:
        zero = next(path for path in paths if "v3" in path["d"])
        self.left, self.bottom, self.width = map(float, re.findall(r"[\d.]+", zero["d"])[:3])
        self.words = [text.words for text in texts]
        self.seconds = [text for text in texts if text.anchor == "middle"]
        counts = (t for t in texts if t.anchor == "end" and t.x < self.left)
        self.counts = [(text.y - 3.5, int(text.words.replace(",", ""))) for text in counts]
        self.scale = math.log1p if "logarithmic" in self.words else float
        self.key = [path for path in paths if path["d"].endswith("h18")]
        self.curves = [path for path in paths if "V" in path["d"]]

    def x(self, seconds: float) -> float:
        """The position of a time, by the first and the last number under the panel."""
        first, last = self.seconds[0], self.seconds[-1]
        end = float(last.words.replace(",", ""))
        return first.x + (last.x - first.x) * seconds / end

    def y(self, count: int) -> float:
        """The position of a count, by the lowest and the highest number beside the panel."""
        (zero, _), (top, highest) = self.counts[0], self.counts[-1]
        return zero - (zero - top) * self.scale(count) / self.scale(highest)

    def runs(self, state: str) -> list[tuple[float, float, float]]:
        """The horizontal parts of a state's curve: from x to x at y."""
        ink = palette.colour(state)
        [path] = [path["d"] for path in self.curves if path["stroke"] == ink]
        found, x, y = [], 0.0, 0.0
        for command, numbers in re.findall(r"([A-Za-z])([-\d. ]+)", path):
            values = [float(number) for number in numbers.split()]
            if command == "M":
                x, y = values
            elif command == "V":
                y = values[0]
            else:
                assert command == "H" and values[0] >= x, "time runs to the right"
                found.append((x, values[0], y))
                x = values[0]
        return found

    def drawn(self, state: str, seconds: float) -> float | None:
        """The height of a state's curve at a time; None where there is none."""
        x = self.x(seconds)
        heights = {y for begin, end, y in self.runs(state) if begin < x < end}
        assert len(heights) <= 1
        return heights.pop() if heights else None


class Drawing:
    """A whole plot."""

    def __init__(self, seen: Timeline) -> None:
        self.text = plot.draw(seen)
        self.root = ElementTree.fromstring(self.text)
        self.width, self.height = map(float, self.root.attrib["viewBox"].split()[2:])
        self.texts = [self._read(one) for one in self.root.iter() if one.tag.endswith("}text")]
        paths = [one.attrib for one in self.root.iter() if one.tag.endswith("}path")]
        ends = [float(re.findall(r"[\d.]+", path["d"])[1]) for path in paths if "v3" in path["d"]]
        self.panels = [
            Panel(
                [path for path in paths if top < self._begins(path["d"]) <= bottom],
                [text for text in self.texts if top + 18 < text.y <= bottom + 18],
            )
            for top, bottom in zip([-18.0, *ends], ends)
        ]

    @staticmethod
    def _begins(path: str) -> float:
        """The height at which a path begins."""
        return float(path[1:].split("h")[0].split("V")[0].split()[1])

    @staticmethod
    def _read(one: ElementTree.Element) -> Text:
        x, y, words = float(one.attrib["x"]), float(one.attrib["y"]), one.text or ""
        anchor = one.get("text-anchor", "start")
        ours = one.get("font-weight") is None
        width = len(words) * (LETTER if ours else WIDEST) - words.count(",") * (LETTER - COMMA)
        width *= plot.SIZE
        left = x - width * {"start": 0, "middle": 0.5, "end": 1}[anchor]
        return Text(x, y, words, anchor, (left, y - 8, left + width, y + 2))
