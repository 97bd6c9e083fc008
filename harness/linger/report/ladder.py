"""The drawing of a ladder: two lifelines, and between them the segments in the order of time.

The ladder is one of ladder.json (see results/README.md). Height shows the order of events, not the
time between them: the times are in the margins, and a long wait is noted in words.
"""

from __future__ import annotations

from typing import Any, Mapping, NamedTuple

from linger.report import svg
from linger.report.palette import colour

Ladder = Mapping[str, Any]
Segment = Mapping[str, Any]

WIDTH = 440.0
LINES = {"client": 98.0, "server": 342.0}  # where the lifelines are
LENGTH = LINES["server"] - LINES["client"] - 12  # of an arrow, from left to right
ROOM = LENGTH - 16  # for a label: it stays clear of the bars
BAR = 7.0  # the width of a lifeline, which has the colour of the state
STEP_SENT, STEP_ARRIVED = 22.0, 11.0  # from one event down to the next
NOTE, TEXT = 16.0, 11.0  # the height of a remark between segments, and of a line in a margin
SIZE = 11.0  # of the text
LETTER = 5.6  # about the width of one, to keep labels apart
LONG_WAIT = 0.02  # s: a longer wait is noted in words
MOST_SEGMENTS = 120  # of a ladder: the rest is only in ladder.json
OTHER = {"client": "server", "server": "client"}


class Event(NamedTuple):
    """A segment leaves or arrives; `time` in seconds since the connection began."""

    time: float
    segment: int
    arrives: bool  # the last one, so that of one moment a segment leaves before it arrives


def draw(ladder: Ladder) -> str:
    """A ladder as SVG."""
    return _Drawing(ladder).svg()


def label(segment: Segment) -> str:
    """A segment in words: "FIN ACK seq 6 ack 12"."""
    words = [*segment["flags"], f"seq {number(segment['seq'])}"]
    words += [] if segment["ack"] is None else [f"ack {number(segment['ack'])}"]
    words += [f"len {segment['length']}"] if segment["length"] else []
    return " ".join(words)


def number(relative: int) -> str:
    """A relative number; a large one as short as a drawing needs it: "48.21 M"."""
    for limit, unit, factor in ((1_000_000_000, "G", 1e9), (1_000_000, "M", 1e6)):
        if relative >= limit:
            return f"{relative / factor:.2f} {unit}"
    return str(relative)


def remark(segment: Segment) -> str:
    """What is special about a segment: "retransmission", or nothing. Its drawing already shows that
    it is a reset or was lost."""
    return ", ".join(mark for mark in segment["marks"] if mark not in ("lost", "reset"))


def duration(seconds: float) -> str:
    """A time in few characters: "41 µs", "12.3 ms", "1.2 s", "86,400 s"."""
    for limit, unit, factor in ((0.001, "µs", 1e6), (1.0, "ms", 1e3)):
        if abs(seconds) < limit:
            return f"{seconds * factor:.3g} {unit}" if seconds else "0"
    return f"{seconds:,.0f} s" if abs(seconds) >= 1000 else f"{seconds:.4g} s"


def sentence(ladder: Ladder) -> str:
    """What the drawing shows, in words."""
    segments = ladder["segments"]
    lost = sum("lost" in segment["marks"] for segment in segments)
    again = sum("retransmission" in segment["marks"] for segment in segments)
    resets = sum("RST" in segment["flags"] for segment in segments)
    counts = [f"{len(segments)} segments"]
    counts += [f"{lost} lost"] if lost else []
    counts += [f"{again} retransmitted"] if again else []
    counts += [f"{resets} with RST"] if resets else []
    ends = ladder["ends"]
    return (
        f"Ladder of a connection from {_end(ladder, 'client')} to {_end(ladder, 'server')}: "
        f"{', '.join(counts)}. At its end the client is {ends['client']}, "
        f"the server {ends['server']}."
    )


def _end(ladder: Ladder, side: str) -> str:
    end = ladder[side]
    return f"{end['host'] or side} {end['address']} port {end['port']}"


def shown(ladder: Ladder) -> tuple[list[Segment], int]:
    """The segments to draw, and how many after them are too many."""
    segments = ladder["segments"]
    return segments[:MOST_SEGMENTS], max(0, len(segments) - MOST_SEGMENTS)


class _Drawing:
    """The one drawing: where each event is, and what has been drawn so far."""

    def __init__(self, ladder: Ladder) -> None:
        self.ladder = ladder
        self.segments, self.beyond = shown(ladder)
        self.parts: list[str] = []
        self.y = 34.0  # of the last event
        self.margin = dict.fromkeys(LINES, 0.0)  # down to where each margin is written on
        self.state: dict[str, tuple[str, float] | None] = dict.fromkeys(LINES)

    def svg(self) -> str:
        places = self._place()
        for number, segment in enumerate(self.segments):
            self._arrow(segment, *places[number])
        if self.beyond or self.ladder["omitted"] and not self.segments:
            self._note(f"{self.beyond or self.ladder['omitted']} more segments")
        bottom = self.y + 26
        for side in LINES:
            self._enter(side, None, bottom - 12)
        words, parts = sentence(self.ladder), [*self._head(), *self.parts]
        return svg.drawing(WIDTH, bottom, SIZE, words, parts, ' class="ladder"')

    def _head(self) -> list[str]:
        parts = []
        for side, anchor, x in (("client", "", 0.0), ("server", svg.END, WIDTH)):
            end = self.ladder[side]
            where = f"{end['address']}:{end['port']}"
            parts.append(svg.text(x, 11, end["host"] or side, "ink", anchor + svg.BOLD))
            parts.append(svg.text(x, 24, where, "soft", anchor))
        return parts

    def _place(self) -> list[tuple[float, float]]:
        """Go through the events in the order of time; returns where each segment leaves and
        arrives, having written the margins, the states and the waits."""
        places = [[0.0, 0.0] for _ in self.segments]
        before, verdict = None, self.ladder["verdict"]
        for event in sorted(self._events()):
            segment = self.segments[event.segment]
            leaves = not event.arrives
            if verdict is not None and event.time > verdict:
                self._note("the verdict")
                self._note("then all processes were stopped")
                verdict = None
            if leaves or segment["sent"] is None:
                self._remarks(segment, event.time - (event.time if before is None else before))
            self.y += STEP_SENT if leaves else STEP_ARRIVED
            places[event.segment][event.arrives] = self.y
            sender = segment["from"]
            if leaves:
                self._margin(sender, duration(event.time), "soft")
            side = sender if leaves else OTHER[sender]
            if leaves or "lost" not in segment["marks"]:
                self._enter(side, segment[side], self.y)
            if leaves and segment["arrived"] is None:
                self.y += STEP_ARRIVED
            before = event.time
        for place, segment in zip(places, self.segments):
            if segment["sent"] is None:
                place[0] = place[1] - STEP_ARRIVED
            if segment["arrived"] is None:
                place[1] = place[0] + STEP_ARRIVED
        return [(leaves, arrives) for leaves, arrives in places]

    def _events(self) -> list[Event]:
        events = []
        for number, segment in enumerate(self.segments):
            sent, arrived = segment["sent"], segment["arrived"]
            if sent is not None:
                events.append(Event(sent, number, False))
            if arrived is not None:  # clocks of captures may differ by less than they resolve
                events.append(Event(max(arrived, sent or arrived), number, True))
        return events

    def _remarks(self, segment: Segment, waited: float) -> None:
        if segment["omitted_before"]:
            self._note(f"{segment['omitted_before']} segments left out")
        elif waited >= LONG_WAIT:
            self._note(f"{duration(waited)} later")

    def _note(self, words: str) -> None:
        self.y += NOTE
        middle = sum(LINES.values()) / 2
        self.parts.append(svg.text(middle, self.y + 3, f"⋮ {words}", "soft", svg.MIDDLE))

    def _enter(self, side: str, state: str | None, y: float) -> None:
        """End the bar of the state that a side was in and begin that of another, or None."""
        current = self.state[side]
        if current and current[0] == state:
            return
        if current:
            name, since = current
            x = LINES[side] - BAR / 2
            self.parts.insert(
                0,
                f'<rect x="{x:g}" y="{since:g}" width="{BAR:g}" height="{y - since:g}" '
                f'fill="{colour(name)}"><title>{svg.printable(name)}</title></rect>',
            )
        if state:
            self._margin(side, state, "ink")
            self.state[side] = state, y

    def _margin(self, side: str, words: str, ink: str) -> None:
        """Write beside a lifeline at the height of the event, or below what is already there."""
        y = max(self.y + 3, self.margin[side] + TEXT)
        self.margin[side] = y
        x, anchor = (LINES[side] - 9, svg.END) if side == "client" else (LINES[side] + 9, "")
        self.parts.append(svg.text(x, y, words, ink, anchor))

    def _arrow(self, segment: Segment, leaves: float, arrives: float) -> None:
        """The segment between the lifelines, with its label along it."""
        sender = segment["from"]
        sign = 1 if sender == "client" else -1
        begin, end = LINES[sender] + sign * 6, LINES[OTHER[sender]] - sign * 6
        slope = (arrives - leaves) / (end - begin)
        marks = segment["marks"]
        lost = "lost" in marks or segment["arrived"] is None
        if lost:
            end -= sign * 52
        if segment["sent"] is None:
            begin += sign * 60
        top, bottom = (leaves + slope * (x - LINES[sender] - sign * 6) for x in (begin, end))
        ink = "alarm" if "RST" in segment["flags"] else "ink"
        dash = "5 3" if "retransmission" in marks else "none"
        path = f"M{svg.point(begin, top)}L{svg.point(end, bottom)}"
        self.parts.append(svg.line(path, ink, 1.2, dash))
        if segment["sent"] is None:  # no host of ours sent it
            self.parts.append(svg.dot(begin, top, ink))
        self.parts.append(_cross(end, bottom) if lost else _head(end, bottom, sign, ink))
        self._label(segment, sign, slope, leaves, ink)

    def _label(self, segment: Segment, sign: int, slope: float, leaves: float, ink: str) -> None:
        """Write along the arrow, from its sender on, so that crossing arrows keep theirs apart."""
        words = label(segment)
        length = min(LETTER * max(len(words), len(remark(segment))), ROOM)
        middle = LENGTH / 2
        if abs(slope) * LENGTH > 2 * STEP_ARRIVED:
            middle = min(middle, length / 2 + 8)
        x = LINES[segment["from"]] + sign * (6 + middle)
        y = leaves + slope * sign * middle - 4
        look = svg.MIDDLE + svg.HALO
        turned = f' transform="rotate({_degrees(slope):.1f} {svg.point(x, y)})"'
        self.parts.append(svg.text(x, y, words, ink, look + turned + _fit(words)))
        if special := remark(segment):
            self.parts.append(svg.text(x, y + 16, special, "soft", look + _fit(special)))


def _fit(words: str) -> str:
    """The size that keeps a label between the bars, as an attribute; "" if it fits as it is."""
    length = LETTER * len(words)
    return f' font-size="{SIZE * ROOM / length:.1f}"' if length > ROOM else ""


def _degrees(slope: float) -> float:
    return slope * 57.2958  # the tangent of so small an angle is the angle


def _head(x: float, y: float, sign: int, ink: str) -> str:
    return f'<path d="M{svg.point(x, y)}l{-7 * sign} -3.5v7z" fill="{colour(ink)}"/>'


def _cross(x: float, y: float) -> str:
    return svg.line(f"M{svg.point(x - 5, y - 5)}l10 10m0 -10l-10 10", "alarm", 2)
