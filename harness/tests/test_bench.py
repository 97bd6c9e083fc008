"""The benches measure what they say: counts that are exact, curves that are there."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest

from linger.errors import CannotRun, NotHeld
from linger.story import ROOT

sys.path.insert(0, str(ROOT / "harness" / "bench"))
import chart  # noqa: E402
import sampling  # noqa: E402
import scale  # noqa: E402


@pytest.mark.parametrize("status, kept", [(0, True), (3, False)])
def test_only_a_whole_measurement_is_kept(tmp_path: Path, status: int, kept: bool) -> None:
    words = [ROOT / "harness/bench/keep", "height", "sh", "-c", f"echo 8848 m; exit {status}"]
    environment = {**os.environ, "RESULTS": str(tmp_path)}
    done = subprocess.run(words, env=environment, capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (status, "8848 m\n")
    found = [file.read_text() for file in (tmp_path / "figures").iterdir()]
    assert [os.uname().release in text and text.endswith("\n\n8848 m\n") for text in found] == (
        [True] if kept else []
    )


@pytest.mark.parametrize("state", scale.KINDS)
def test_scale_counts_exactly(state: str) -> None:
    row = scale.measure(state, 300)
    assert row["counted"] == 300 and row["servers"] == 1
    assert row["seconds"] > 0 and row["count_seconds"] > 0
    assert row["owners_seconds"] > row["count_seconds"]


def test_large_numbers_are_shared_among_servers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scale, "MOST_PORTS", 100)
    row = scale.measure("CLOSE_WAIT", 250)
    assert row["counted"] == 250 and row["servers"] == 3


def test_a_connection_too_many_is_no_result(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scale, "WITHIN", 1.0)
    monkeypatch.setattr(scale.Scale, "complete", lambda self, began: self.crowd(0, 1, 60_500))
    with pytest.raises(NotHeld, match="CLOSE_WAIT == 50"):
        scale.measure("CLOSE_WAIT", 50)


def test_too_little_memory_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scale, "meminfo", lambda name: 1 << 31)
    scale.fits("CLOSE_WAIT", 1000)
    with pytest.raises(CannotRun, match="1000000 CLOSE_WAIT need about 6746 MiB .* 2048 are free"):
        scale.fits("CLOSE_WAIT", 1_000_000)


def test_a_chart_shows_every_point(tmp_path: Path) -> None:
    curves = {"a & b": [(10.0, 1.0), (1000.0, 70.0)], "c": [(10.0, 0.0), (100.0, 0.02)]}
    chart.draw(tmp_path / "x.svg", "s", "n", curves)
    root = ElementTree.parse(tmp_path / "x.svg").getroot()
    points = [element for element in root.iter() if element.tag.endswith("circle")]
    assert len(points) == 3  # a zero has no logarithm
    assert all(0 < float(p.attrib["cx"]) < 720 and 0 < float(p.attrib["cy"]) < 440 for p in points)
    chart.draw(tmp_path / "none.svg", "s", "n", {"c": [(10.0, 0.0)]})
    assert not (tmp_path / "none.svg").exists()


def test_what_a_sampler_saw(tmp_path: Path) -> None:
    samples = [{"CLOSE_WAIT": 2}, {"CLOSE_WAIT": 1}, {"CLOSE_WAIT": 4}, {}]
    lines = (json.dumps({"host": "server", "states": states}) for states in samples)
    (tmp_path / "timeline").write_text("\n".join(lines))
    assert sampling.seen(tmp_path / "timeline")["server", "CLOSE_WAIT"] == 5


def test_what_the_packets_tell() -> None:
    states = [("SYN_SENT", "LISTEN"), ("SYN_SENT", "SYN_RECEIVED"), ("ESTABLISHED",) * 2]
    segments = [{"client": client, "server": server} for client, server in states]
    ladder = {"client": {"host": "client"}, "server": {"host": "server"}, "segments": segments}
    counts, told = sampling.entered({"groups": [{"connections": 7, "ladder": ladder}]})
    assert told == 7
    assert counts == {
        ("client", "SYN_SENT"): 7, ("client", "ESTABLISHED"): 7,
        ("server", "SYN_RECEIVED"): 7, ("server", "ESTABLISHED"): 7,
    }  # fmt: skip
