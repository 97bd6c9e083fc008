"""The benches measure what they say: counts that are exact, curves that are there."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest
from conftest import Once, Run
from test_formats import validator
from test_report import Page, assert_reads_aloud, assert_stands_alone

from linger.lab.errors import CannotRun, NotHeld
from linger.lab.programs import ROOT
from linger.report import chart

sys.path.insert(0, str(ROOT / "harness" / "bench"))
import cost  # noqa: E402
import crowd  # noqa: E402
import limits  # noqa: E402
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


@pytest.fixture(scope="session")
def ran(once: Once) -> Path:
    """A run of bench-scale with few sockets."""

    def fill(where: Path) -> None:
        words = [sys.executable, scale.__file__, "--sizes", "300", "--results", where]
        done = subprocess.run(words, capture_output=True, text=True)
        assert done.returncode == 0, done.stdout + done.stderr

    return (once("scaled", fill) / "latest").resolve()


def test_scale_counts_exactly(ran: Path) -> None:
    found = json.loads((ran / "scale.json").read_text())
    assert [row["state"] for row in found["rows"]] == list(crowd.KINDS) and not found["short"]
    for row in found["rows"]:
        assert row["counted"] == 300 and row["servers"] == 1
        assert row["seconds"] > 0 and row["sampling_share"] > 0 and row["busy_share"] > 0
        assert row["owners_seconds"] > row["count_seconds"] > 0


def test_large_numbers_are_shared_among_servers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(crowd, "MOST_PORTS", 100)
    row = scale.measure("CLOSE_WAIT", 250)
    assert row["counted"] == 250 and row["servers"] == 3


@pytest.mark.parametrize("state", crowd.KINDS)
@pytest.mark.parametrize("more", [-1, 1])
def test_another_number_is_no_result(
    state: str, more: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    visit = crowd.Crowd.visit
    monkeypatch.setattr(crowd, "WITHIN", 1.0)
    monkeypatch.setattr(crowd.Crowd, "visit", lambda self, n, share: visit(self, n, share + more))
    with pytest.raises(NotHeld, match=f"{state} == 50: .*{50 + more}.*cores were .* busy"):
        scale.measure(state, 50)


def test_a_reset_connection_is_no_result(monkeypatch: pytest.MonkeyPatch) -> None:
    def visit(self: crowd.Crowd, number: int, share: int) -> None:
        words = ["clients/peer", "-l", crowd.address(number, "server"), "-p", crowd.PORT]
        assert crowd.start(self.hosts["client"], [*words, "connect", "hello", "rst"]).wait() == 0
        honest(self, number, share)

    honest = crowd.Crowd.visit
    monkeypatch.setattr(crowd, "WITHIN", 5.0)
    monkeypatch.setattr(crowd.Crowd, "visit", visit)
    with pytest.raises(NotHeld, match="'server:descriptors': 51, 'server:EstabResets': 1"):
        scale.measure("CLOSE_WAIT", 50)


def test_what_ends_before_all_are_made_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    visit = crowd.Crowd.visit
    monkeypatch.setattr(crowd, "LIFETIME", 0.0)
    monkeypatch.setattr(crowd.Crowd, "visit", lambda self, n, share: visit(self, n, share - 1))
    sentence = r"took longer to make and count than the 0 s that they last; at most [1-9]\d\d existed"
    with pytest.raises(NotHeld, match=f"1,000 TIME_WAIT {sentence}.*cores were .* busy"):
        scale.measure("TIME_WAIT", 1000)


def test_too_little_memory_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scale, "meminfo", lambda name: 3 << 30)
    scale.fits("CLOSE_WAIT", 1000)
    with pytest.raises(CannotRun, match="1,000,000 CLOSE_WAIT need about 7,770 .* 3,072 are free"):
        scale.fits("CLOSE_WAIT", 1_000_000)


def test_the_run_has_its_page(ran: Path, run: Run) -> None:
    """`linger report` writes the page again, with the figures, the curves, the limits."""
    index = ran / "index.html"
    written = index.read_text()
    index.unlink()
    assert run("linger", "report", ran).stdout == f"{index}\n"
    assert index.read_text() == written
    found = json.loads((ran / "scale.json").read_text())
    validator("scale").validate(found)
    page = Page(index)
    assert_stands_alone(page, ran)
    assert_reads_aloud(page)
    assert len(page.all("svg")) == 2
    for one in found["rows"]:
        assert f"{one['seconds']:.2f}" in page.text and one["state"] in page.text
    assert all(sentence in page.text for sentence in found["limits"])
    assert "var(--close-wait" in (ran / "time.svg").read_text() and "harness/bench" in page.text


def row(state: str, size: int, **more: object) -> dict[str, object]:
    return {
        "state": state, "size": size, "counted": size, "servers": 2, "seconds": 0.5,
        "per_second": 2 * size, "kernel_bytes": 4000, "program_bytes": 100, "count_seconds": 0.01,
        "owners_seconds": 0.1, "sampling_share": 0.02, "busy_share": 0.95, "kernel_share": 0.8,
        "others_share": 0.1, **more,
    }  # fmt: skip


def test_limits_are_those_of_the_largest_number() -> None:
    rows = [row("TIME_WAIT", 20_000), row("TIME_WAIT", 1000), row("CLOSE_WAIT", 500)]
    rows[2].update(busy_share=0.5, kernel_bytes=None)
    found = "\n".join(limits.limits(rows, {"cores": 2, "free": 4100 << 20, "descriptors": 1024}))
    assert "20,000 TIME_WAIT were made at 40,000 per second" in found and "2,000 per" not in found
    assert (
        "95% busy: 80% in the kernel, 10% in other programs. So the processor limits" in found
    )
    assert "at this rate 2,400,000 can exist at once" in found
    assert "TIME_WAIT takes 4,100 bytes" in found and "about 1,048,576 would fit" in found
    assert "So waiting" in found and "500 CLOSE_WAIT are too few to measure" in found
    assert "1,024 descriptors" in found and "20,000 needed 2 servers," in found
    assert limits.limits([], {"cores": 2, "free": 1, "descriptors": 1}) == []


def test_the_cores_are_busy_with_us_and_with_others() -> None:
    with subprocess.Popen([sys.executable, "-c", "while True: pass"]) as busy:
        try:
            ours, others = cost.Cores([busy.pid]), cost.Cores([])
            began = time.monotonic()
            while time.monotonic() < began + 0.5:
                time.sleep(0.1)
            one, two = ours.shares(), others.shares()
        finally:
            busy.kill()
    assert 0 < one["busy_share"] <= 1 and one["kernel_share"] <= 1
    assert two["others_share"] > one["others_share"]


@pytest.mark.parametrize(
    "name, refused", [("INSTANCE", "x" * 300), ("PORT", "none")], ids=["instance", "filter"]
)
def test_a_failed_trace_leaves_no_mount(
    name: str, refused: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The kernel refuses such a name and such a filter; without root we do not get that far."""

    def mounted() -> int:
        return Path("/proc/self/mounts").read_text().count(" tracefs ")  # others mount hosts

    before = mounted()
    monkeypatch.setattr(sampling, name, refused)
    with pytest.raises((OSError, CannotRun)):
        with sampling.kernel_trace(True):
            raise AssertionError("the trace began")
    assert mounted() == before


def test_a_chart_shows_every_point() -> None:
    curves = [
        chart.Curve("a & b", "CLOSE_WAIT", "none", [(10.0, 1.0), (1000.0, 70.0)]),
        chart.Curve("c", "TIME_WAIT", "2 3", [(10.0, 0.0), (100.0, 0.02)]),
    ]
    root = ElementTree.fromstring(chart.draw("s", "n", curves, "a & b against c"))
    points = [element for element in root.iter() if element.tag.endswith("circle")]
    assert len(points) == 3  # a zero has no logarithm
    places = [(float(p.attrib["cx"]), float(p.attrib["cy"])) for p in points]
    assert all(0 < x < chart.WIDTH and 0 < y < chart.HEIGHT for x, y in places)
    assert places[0][0] < places[1][0] and places[0][1] > places[1][1]
    words = [element.text for element in root.iter() if element.tag.endswith("text")]
    assert {"a & b", "c", "0.01", "100", "1,000"} <= set(words)
    assert chart.draw("s", "n", [curves[1]._replace(points=[(10.0, 0.0)])], "nothing") == ""


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
