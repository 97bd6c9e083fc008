"""A timeline as curves: what the census saw, from timeline.jsonl to lines that can be drawn."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Iterable, Mapping, NamedTuple

from linger.lab.files import MOST_EVIDENCE, read_regular
from linger.report.palette import STATES

BUCKETS = 360  # of a curve: finer than a plot shows


class Curve(NamedTuple):
    """The count of one state over time: steps as (seconds, count), a step a change."""

    steps: list[tuple[float, int]]

    @property
    def peak(self) -> int:
        return max(count for _, count in self.steps)

    @property
    def last(self) -> int:
        return self.steps[-1][1]


class Timeline(NamedTuple):
    """The curves of each host, by state; seconds since `began` up to `ended`."""

    hosts: dict[str, dict[str, Curve]]
    ended: float


def read(path: Path, began: float | None, seconds: float | None) -> Timeline | None:
    """The timeline of a lab; None when there is none.

    began: when the lab began, in seconds since 1970, or None for its first sample; seconds: when
    its verdict fell, after which its processes were ended and counts mean nothing; None for all.
    A last line that was cut off by the end of a run is left out.
    """
    try:
        lines = read_regular(path, MOST_EVIDENCE).decode(errors="replace").splitlines()
    except FileNotFoundError:
        return None
    samples = []
    for line in lines:
        try:
            sample = json.loads(line)
        except ValueError:
            continue
        samples.append((sample["time"], sample["host"], sample["states"]))
    if not samples:
        return None
    began = min(began or samples[0][0], samples[0][0])
    return collect(((time - began, host, states) for time, host, states in samples), seconds)


def collect(
    samples: Iterable[tuple[float, str, Mapping[str, int]]], seconds: float | None = None
) -> Timeline:
    """A timeline from samples (seconds, host, count of each state), in the order of time.

    seconds: leave out what came later. Listeners are left out: they show nothing.
    """
    hosts: dict[str, dict[str, list[tuple[float, int]]]] = {}
    ended = seconds or 0.0
    for time, host, states in samples:
        curves = hosts.setdefault(host, {})
        if seconds is not None and time > seconds:
            continue
        ended = max(ended, time)
        for state in {**curves, **states}:
            if state != "LISTEN":
                curves.setdefault(state, []).append((time, states.get(state, 0)))
    return Timeline(
        {
            host: {
                state: Curve(_thinned([*curves[state], (ended, curves[state][-1][1])], ended))
                for state in sorted(curves, key=_order)
            }
            for host, curves in hosts.items()
        },
        ended,
    )


def _order(state: str) -> int:
    return list(STATES).index(state) if state in STATES else len(STATES)


def _thinned(steps: list[tuple[float, int]], ended: float) -> list[tuple[float, int]]:
    """The steps that can be seen, when there are too many to draw: of each moment the first, the lowest,
    the highest and the last, so that no peak is lost."""
    if len(steps) <= 2 * BUCKETS:
        return steps
    buckets: dict[int, list[tuple[float, int]]] = {}
    for step in steps:
        buckets.setdefault(int(step[0] / ended * BUCKETS), []).append(step)
    kept = []
    for bucket in buckets.values():
        by_count = sorted(bucket, key=lambda step: step[1])
        kept += sorted({bucket[0], by_count[0], by_count[-1], bucket[-1]})
    return kept
