"""The plot of a timeline, read back: the drawing must show what was counted."""

from __future__ import annotations

import itertools
import json
import math
import random
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from drawn import Drawing

from linger.report import axis, palette, plot, timeline

HOSTILE = "</svg><script>\"'&amp; ]]>--> $x_1$ \x07\x1b\u202e\ud800\uffff" + "W" * 90
STATES = [state for state in palette.STATES if state != "LISTEN"]


def wander(number: int, seconds: float, most: int, states: list[str]) -> list[Any]:
    """Samples of two hosts, from a seed: each state goes up and down, and is often nothing."""
    chance = random.Random(number)
    rows = []
    for time in sorted(round(chance.uniform(0, seconds), 6) for _ in range(24)):
        counted = {state: max(0, chance.randint(-most // 2, most)) for state in states}
        rows.append(
            (time, chance.choice(["client", "server"]), {k: v for k, v in counted.items() if v})
        )
    return rows


WANDERED = {
    "few": (wander(1, 2.0, 6, ["ESTABLISHED", "CLOSE_WAIT"]), 2.2),
    "many states": (wander(2, 0.9, 40, STATES), 0.95),
    "peak 1": (wander(3, 30.0, 1, ["CLOSE_WAIT", "LAST_ACK"]), 31.0),
    "hundred": (wander(4, 0.004, 100, ["TIME_WAIT"]), 0.005),
    "long": (wander(5, 86_000.0, 1000, ["FIN_WAIT2"]), 86_400.0),
    "logarithmic": (
        [
            (t, host, {**counted, "CLOSE_WAIT": 300 + 9 * n, **({"LAST_ACK": 1} if n % 2 else {})})
            for n, (t, host, counted) in enumerate(wander(6, 5.0, 40, ["ESTABLISHED", "CLOSING"]))
        ],
        5.0,
    ),
}  # fmt: skip


def counted(rows: list[Any], host: str, state: str, seconds: float) -> int:
    """What the samples themselves say about a moment."""
    return next(
        (row[2].get(state, 0) for row in reversed(rows) if row[1] == host and row[0] <= seconds), 0
    )


@pytest.mark.parametrize("name", WANDERED)
def test_what_is_drawn_is_what_was_counted(name: str) -> None:
    rows, ended = WANDERED[name]
    seen = timeline.collect(rows, ended)
    drawing = Drawing(seen)
    compared = 0
    for (host, curves), panel in zip(seen.hosts.items(), drawing.panels):
        assert panel.words[0] == host
        assert (panel.scale is math.log1p) == (name == "logarithmic")
        times = [*(row[0] for row in rows), ended]
        for state, (a, b) in itertools.product(curves, zip(times, times[1:])):
            if panel.x(b) - panel.x(a) < 1:
                continue
            middle = (a + b) / 2
            count, height = counted(rows, host, state, middle), panel.drawn(state, middle)
            assert (height is None) == (count == 0), (host, state, middle)
            if height is not None:
                assert abs(height - panel.y(count)) < 0.3, (host, state, middle, count)
                compared += 1
    assert compared > 10 and len(drawing.panels) == len(seen.hosts)


def test_a_curve_reaches_the_end_and_has_gaps() -> None:
    rows = [(0, "a", {"CLOSE_WAIT": 5}), (1, "a", {}), (2, "a", {"CLOSE_WAIT": 2})]
    panel = Drawing(timeline.collect(rows, 4.0)).panels[0]
    first, second = panel.runs("CLOSE_WAIT")
    edges = [panel.x(time) for time in (0, 1, 2, 4)]
    assert [*first[:2], *second[:2]] == pytest.approx(edges, abs=0.1)
    assert first[1] - first[0] == pytest.approx(panel.width / 4, abs=0.2)


@pytest.mark.parametrize(
    "peaks, logarithmic",
    [([25, 1], True), ([24, 1], False), ([100, 4], True), ([1000], False), ([], False)],
)
def test_a_scale_is_logarithmic_where_a_state_would_be_too_low_to_see(
    peaks: list[int], logarithmic: bool
) -> None:
    states = dict(zip(STATES, peaks))
    drawing = Drawing(timeline.collect([(0, "a", {}), (1, "a", states)], 2.0))
    assert ("logarithmic" in drawing.panels[0].words) == logarithmic


PEAKS = [
    *range(1, 400),
    *(n * 10**k + d for k in range(3, 10) for n in (1, 3, 7) for d in (-1, 0, 1)),
]


@pytest.mark.parametrize("lowest", [0, 1])
def test_counts_are_whole_and_apart(lowest: int) -> None:
    """Also beside a state with a single socket, which makes the scale logarithmic."""
    for peak in PEAKS:
        states = {"CLOSE_WAIT": peak, **({"LAST_ACK": lowest} if lowest else {})}
        panel = Drawing(timeline.collect([(0, "a", states)], 1.0)).panels[0]
        places, counts = zip(*panel.counts)
        near = 10 if panel.scale is math.log1p else 2
        assert counts[0] == 0 and peak / near <= counts[-1] <= peak, (peak, counts)
        assert all(a - b >= 10 for a, b in zip(places, places[1:])), (peak, panel.counts)
        assert all(a < b for a, b in zip(counts, counts[1:]))
        if peak <= 3:
            assert counts == tuple(range(peak + 1)), "a peak of 1 has 0 and 1 on its axis"


@pytest.mark.parametrize(
    "ended, words",
    [
        (0.26, "0 0.05 0.10 0.15 0.20 0.25"),
        (0.3, "0 0.1 0.2 0.3"),
        (1.0, "0 0.2 0.4 0.6 0.8 1.0"),
        (3.0, "0 1 2 3"),
        (50.0, "0 10 20 30 40 50"),
        (0.00013, "0 0.00005 0.00010"),
        (86_400.0, "0 20,000 40,000 60,000 80,000"),
        (0.0, "0"),
    ],
)
def test_seconds_are_written_as_one_reads_them(ended: float, words: str) -> None:
    assert [tick.words for tick in axis.seconds(ended, 246)] == words.split()


def test_seconds_are_round_and_apart() -> None:
    for ended in [
        n * 10.0**k for n in (1, 1.01, 1.9, 2.3, 4.99, 5, 7.77, 9.99) for k in range(-5, 8)
    ]:
        for width in (180, 246):
            ticks = axis.seconds(ended, width)
            places = [width * tick.value / ended for tick in ticks]
            assert places[0] == 0 and width * 0.39 < places[-1] <= width + 1e-6, ended
            for a, b in zip(ticks, ticks[1:]):
                halves = (axis.room([a.words]) + axis.room([b.words])) / 2
                assert width * (b.value - a.value) / ended > halves, (ended, a, b)
            for tick in ticks:
                assert float(tick.words.replace(",", "")) == pytest.approx(tick.value, rel=1e-9)
                assert "e" not in tick.words


def test_each_state_has_its_look_in_curve_and_key() -> None:
    states = dict.fromkeys([*STATES, "<NEW>"], 3)
    panel = Drawing(timeline.collect([(0, "a", states)], 1.0)).panels[0]
    looks = []
    for curve, key, state in zip(panel.curves, panel.key, states):
        names = ("stroke", "stroke-width", "stroke-dasharray")
        look = [curve.get(name) for name in names]
        assert look == [key.get(name) for name in names]
        ink = palette.STATES.get(state, palette.STATES["CLOSED"])
        assert look[0] == palette.colour(state) and ink.light in look[0]
        dash = [float(part) / float(look[1]) for part in (look[2] or "").split()]
        assert dash == pytest.approx(ink.dash, abs=0.1), state
        looks.append(look)
    assert len(looks) == len(states) and looks.pop() == looks[STATES.index("CLOSED")]
    assert len({look[0] for look in looks}) == len(looks)
    bold = {state: float(look[1]) for state, look in zip(STATES, looks)}
    assert max(bold, key=bold.__getitem__) == "CLOSE_WAIT" and sorted(bold.values())[-2] == 1.6
    assert len({look[2] for look in looks}) >= 8, "distinguishable without colours"


TIMELINES: dict[str, tuple[list[Any], float]] = {
    **WANDERED,
    "no connections": ([(0, "client", {"LISTEN": 1}), (0, "server", {"CLOSED": 0})], 1.7),
    "nothing": ([], 0.0),
    "a moment": ([(0.0, "server", {"CLOSE_WAIT": 5})], 0.0),
    "millions": ([(0, "a", {"TIME_WAIT": 7}), (1, "a", {"CLOSE_WAIT": 99_999_999})], 999.0),
    "even": ([(0, "a", {"CLOSE_WAIT": 8_888_888, "CLOSED": 8_888_888})], 8_640_000.0),
    "short": ([(0, "a", {"SYN_RECEIVED": 1000})], 0.00001),
    "hostile": ([(0, HOSTILE, {"CLOSE_WAIT": 9, "s" * 90: 2}), (0, "2" * 90, {})], 1.0),
}


@pytest.mark.parametrize("name", TIMELINES)
def test_no_words_leave_the_drawing_or_lie_on_others(name: str) -> None:
    drawing = Drawing(timeline.collect(*TIMELINES[name]))
    for text in drawing.texts:
        left, top, right, bottom = text.box
        assert -0.1 <= left and right <= drawing.width + 0.1, text
        assert 0 <= top and bottom <= drawing.height, text
    for a, b in itertools.combinations(drawing.texts, 2):
        across = min(a.box[2], b.box[2]) - max(a.box[0], b.box[0])
        down = min(a.box[3], b.box[3]) - max(a.box[1], b.box[1])
        assert across <= 0.1 or down <= 0.1, (a, b)


def test_names_are_never_markup() -> None:
    """A page would tolerate mistakes that a drawing alone must not have: it is XML, whatever the name."""
    tame, wild = (
        Drawing(timeline.collect([(0, host, {state: 3})], 1.0))
        for host, state in (("h" * 90, "s" * 90), (HOSTILE, '"/><script>' + HOSTILE))
    )
    assert [one.tag for one in wild.root.iter()] == [one.tag for one in tame.root.iter()]
    assert "</svg><script>\"'&amp; ]]>--> $x_1$" in wild.root.attrib["aria-label"]
    assert not re.search("[\x00-\x08\x0b-\x1f\u202e\ud800\uffff]", wild.text)
    host = wild.texts[0].words
    assert host == HOSTILE[: len(host) - 1] + "…"


def test_a_drawing_is_a_part_of_any_page() -> None:
    drawing = Drawing(timeline.collect(*WANDERED["many states"]))
    assert drawing.root.attrib["role"] == "img"
    seen = timeline.collect([(0, "a", {"CLOSE_WAIT": 7}), (1, "a", {"CLOSE_WAIT": 2})], 86_400.0)
    said = "Sockets by state over 86,400 s. a: CLOSE_WAIT 2 at the end, peak 7."
    assert Drawing(seen).root.attrib["aria-label"] == plot.sentence(seen) == said
    assert {"CLOSE_WAIT", "7", "2", "peak", "last", "seconds"} <= {*Drawing(seen).panels[0].words}
    bare = re.sub(r"var\(--[-a-z0-9]+, #[0-9a-f]{6}\)", "", drawing.text)
    assert "#" not in bare, "a colour that no scheme can change"
    assert not re.search(r" (id|href|style|class=\"(?!plot\"))|url\(|<style", drawing.text)


def test_what_tells_nothing_is_not_shown() -> None:
    drawing = Drawing(timeline.collect(*TIMELINES["no connections"]))
    assert all("no connections" in panel.words for panel in drawing.panels)
    assert not any(panel.curves or len(panel.counts) > 1 for panel in drawing.panels)
    assert "LISTEN" not in drawing.text
    assert [text.words for text in Drawing(timeline.collect([])).texts] == ["no samples"]


def test_the_same_timeline_gives_the_same_text() -> None:
    """Also in another process, with different hashes."""
    code = (
        "from linger.report import plot, timeline\n"
        "rows = [(n / 99, 'a', {'CLOSE_WAIT': n * n % 71, 'LAST_ACK': n % 3}) for n in range(4000)]\n"
        "print(plot.draw(timeline.collect(rows)))"
    )
    texts = {
        subprocess.run(
            [sys.executable, "-c", code],
            env={"PYTHONPATH": ":".join(sys.path), "PYTHONHASHSEED": seed, "PYTHONUTF8": "1"},
            capture_output=True,
            check=True,
        ).stdout
        for seed in "123"
    }
    assert len(texts) == 1 and b"CLOSE_WAIT" in texts.pop()


def test_what_comes_after_the_verdict_is_left_out(tmp_path: Path) -> None:
    file = tmp_path / "timeline.jsonl"
    lines = [(100.0, {}), (100.1, {"CLOSE_WAIT": 9}), (101.5, {})]
    rows = [json.dumps({"time": t, "host": "server", "states": s}) for t, s in lines]
    file.write_text("\n".join(rows))
    curve = timeline.read(file, began=99.9, seconds=1.0).hosts["server"]["CLOSE_WAIT"]
    assert curve.last == 9 and curve.steps[-1][0] == 1.0
    assert timeline.read(file, None, None).hosts["server"]["CLOSE_WAIT"].last == 0


def test_a_long_timeline_keeps_its_peaks_and_is_short() -> None:
    peaks = {500 * n + 3: 1000 + n for n in range(40)}
    samples = [(n / 1000, "server", {"CLOSE_WAIT": peaks.get(n, n % 7)}) for n in range(20_000)]
    seen = timeline.collect(samples)
    counts = [count for _, count in seen.hosts["server"]["CLOSE_WAIT"].steps]
    assert len(counts) < 5 * timeline.BUCKETS and set(peaks.values()) <= set(counts)
    drawing = Drawing(seen)
    assert len(drawing.text) < 30_000
    [panel] = drawing.panels
    heights = [y for _, _, y in panel.runs("CLOSE_WAIT")]
    for peak in peaks.values():
        assert min(abs(panel.y(peak) - y) for y in heights) < 0.2
