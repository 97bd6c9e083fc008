#!/usr/bin/env python3
"""Where the time of a run goes: closewait-leak by parts, warm and cold, and the suite.

    build/sandbox build/python harness/bench/parts.py [--rounds 11] [--suite]

All measurements are interleaved, round by round, so that other load on the machine disturbs all of
them alike: compare the shares. Medians, in milliseconds.

    whole, parts    `build/linger run closewait-leak` as a user calls it, and what it is made of
    cold            the same when none of its files is in memory (posix_fadvise(2), DONTNEED)
    suite           --suite: `build/linger test`, against the longest of its tests, and its report
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
import xml.etree.ElementTree as ElementTree
from pathlib import Path
from typing import Callable, Dict, List

import pytest

from linger.lab import Lab
from linger.lab.environment import outside
from linger.lab.programs import ROOT, program

N = 100
SCENARIO = "closewait-leak"
Times = Dict[str, List[float]]


def timed(times: Times, name: str, action: Callable[[], object]) -> object:
    """Do something and note how many seconds it took."""
    began = time.perf_counter()
    result = action()
    times.setdefault(name, []).append(time.perf_counter() - began)
    return result


def command(*words: object) -> Callable[[], object]:
    """To run a command to its end; it must succeed."""
    return lambda: subprocess.run(
        [str(word) for word in words], check=True, stdout=subprocess.DEVNULL, env=outside()
    )


def steps(times: Times, scratch: Path) -> None:
    """The steps of the scenario's buggy variant, in this process."""
    scratch.mkdir()
    lab = timed(times, "lab", lambda: Lab(scratch.name, scratch, N))
    try:
        server = timed(times, "processes", lambda: lab.server("closewait_leak", "buggy"))

        def fault() -> None:
            lab.peer("connect hello fin", connections=N).wait()
            lab.happened(server, ESTABLISHED=N)
            lab.happened_event(server, "recv", N, n="0")

        timed(times, "fault", fault)
        expected = {"CLOSE_WAIT": N, "descriptors": N}
        timed(times, "settle", lambda: lab.expect(server, expected))
        timed(times, "evidence", lambda: lab.result())
    finally:
        timed(times, "end", lab.close)


def evict() -> None:
    """Take the files of linger, of Python's library and of the tools out of memory."""
    roots = [ROOT / "build", ROOT / "harness", ROOT / "scenarios"]
    roots += [Path(os.__file__).parent, Path(pytest.__file__).parent, Path("/usr/sbin")]
    for path in (path for root in roots for path in root.rglob("*") if path.is_file()):
        try:
            fd = os.open(path, os.O_RDONLY)
        except OSError:  # not ours to read, so not ours to evict
            continue
        os.posix_fadvise(fd, 0, 0, os.POSIX_FADV_DONTNEED)
        os.close(fd)


PARTS = {
    "interpreter": "Python starts",
    "imports": "pytest and the driver are loaded",
    "sandbox": "namespaces and mounts",
    "lab": "two hosts, a link, the recorders",
    "processes": "the server starts and listens",
    "fault": f"{N} connections come and go, and the guard proves it",
    "settle": "the count is right and stays so for 0.2 s",
    "evidence": "the evidence is assembled",
    "end": "processes end, the lab is removed",
}


def show(times: Times) -> None:
    median = {name: statistics.median(seconds) for name, seconds in times.items()}
    median["imports"] -= median["interpreter"]
    print(f"\n{SCENARIO}, one variant; share of the whole warm run (both variants at once)")
    for name, what in PARTS.items():
        print(
            f"  {name:12} {median[name] * 1e3:8.1f} ms {median[name] / median['warm']:5.0%}  {what}"
        )
    for name in ("warm", "cold"):
        print(
            f"  {name:12} {median[name] * 1e3:8.1f} ms {median[name] / median['warm']:5.0%}  whole"
        )


def suite(build: Path) -> None:
    """The wall time of everything against that of its longest test."""
    with tempfile.TemporaryDirectory(prefix="linger-") as scratch:
        times: Times = {}
        timed(times, "suite", command(build / "linger", "test", "--results", scratch))
        cases = ElementTree.parse(Path(scratch, "latest", "junit.xml")).iter("testcase")
        timed(times, "report", command(build / "linger", "report", Path(scratch, "latest")))
        longest, name = max((float(case.attrib["time"]), case.attrib["name"]) for case in cases)
    wall, report = times["suite"][0], times["report"][0]
    print(
        f"\nsuite        {wall:8.1f} s, {wall / longest:.2f} x its longest ({name}, {longest:.1f} s)"
        f"\nreport       {report:8.1f} s, all pages written again"
    )


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=11, help="how often each is measured")
    parser.add_argument("--suite", action="store_true", help="also run all tests (minutes)")
    options = parser.parse_args()
    build = program("").resolve()
    python = build / "python"
    times: Times = {}
    with tempfile.TemporaryDirectory(prefix="linger-") as scratch:
        run = [build / "linger", "run", SCENARIO, "--results", scratch]
        imports = "import pytest, linger.run.plugin, linger.cli.main, linger.cli.console, linger.run.session"
        for number in range(options.rounds):
            timed(times, "warm", command(*run))
            timed(times, "interpreter", command(python, "-c", ""))
            timed(times, "imports", command(python, "-c", imports))
            timed(times, "sandbox", command(build / "sandbox", "true"))
            steps(times, Path(scratch, f"round{number}"))
            evict()
            timed(times, "cold", command(*run))
    show(times)
    if options.suite:
        suite(build)
    return 0


if __name__ == "__main__":
    sys.exit(main())
