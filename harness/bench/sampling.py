#!/usr/bin/env python3
"""Measures what a sampler misses: states that the packets show, and those that polling saw.

    build/sandbox build/python harness/bench/sampling.py [-n 200] [--rounds 5] [--tracefs]

Connections of closewait-leak (the fixed server) come and go in a lab, while one census samples
every 5 ms and another every 1 ms. For each host and state, medians over the rounds:

    entered   connections that entered the state, by the packets (`wire ladder`)
    kernel    the same by the kernel's tracepoint sock:inet_sock_set_state, with --tracefs: root
              only, and the one thing here that is not private to the sandbox (a tracefs instance,
              removed at the end). The kernel has no such event for TIME_WAIT.
    seen      the sum of all increases of the count between two samples: what a sampler can know

The packets' column needs every connection in a ladder. A line says so if some were cut.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import re
import statistics
import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path
from typing import Dict, Iterator, List, Tuple

from linger.lab import Lab, census
from linger.lab.errors import CannotRun, LingerError
from linger.lab.process import Process

PERIODS = ("5ms", "1ms")
INSTANCE = "linger-sampling"  # of tracefs
PORT = 9743  # used by no other lab, because the kernel traces the whole machine
KERNEL_NAMES = {"SYN_RECV": "SYN_RECEIVED", "NEW_SYN_RECV": "SYN_RECEIVED", "CLOSE": "CLOSED"}
Counts = Dict[Tuple[str, str], int]  # by host and state


def seen(timeline: Path) -> Counts:
    """Entries into each state, as the samples of a census stream show them."""
    last: Counts = {}
    entries: Counter = Counter()
    for line in timeline.read_text().splitlines():
        sample = json.loads(line)
        for state in census.STATES:
            key = (sample["host"], state)
            count = sample["states"].get(state, 0)
            entries[key] += max(0, count - last.get(key, 0))
            last[key] = count
    return entries


def entered(ladder: dict) -> tuple[Counts, int]:
    """Entries by the packets, and the number of connections in the ladders."""
    entries: Counter = Counter()
    told = 0
    for group in ladder["groups"]:
        told += group["connections"]
        for side in ("client", "server"):
            states = [segment[side] for segment in group["ladder"]["segments"]]
            changes = zip(["CLOSED" if side == "client" else "LISTEN", *states], states)
            for before, after in changes:
                if before != after:
                    entries[group["ladder"][side]["host"], after] += group["connections"]
    return entries, told


@contextlib.contextmanager
def kernel_trace(wanted: bool) -> Iterator[Path | None]:
    """Our own tracefs instance, which records the state changes on our port."""
    if not wanted:
        yield None
        return
    with tempfile.TemporaryDirectory(prefix="linger-") as mount, contextlib.ExitStack() as undo:
        if subprocess.run(
            ["mount", "-t", "tracefs", "linger", mount], capture_output=True
        ).returncode:
            raise CannotRun(
                "--tracefs needs root of the machine; leave it out: the packets show the same"
            )
        undo.callback(subprocess.run, ["umount", mount], check=True)
        instance = Path(mount, "instances", INSTANCE)
        instance.mkdir()
        undo.callback(instance.rmdir)  # which also ends the events in it
        (instance / "buffer_size_kb").write_text("16384")
        event = instance / "events/sock/inet_sock_set_state"
        (event / "filter").write_text(f"sport == {PORT} || dport == {PORT}")
        (event / "enable").write_text("1")
        yield instance


def traced(instance: Path) -> Counts:
    """Entries by the kernel's own account; empties it."""
    entries: Counter = Counter()
    pattern = re.compile(r"sport=(\d+) .* newstate=TCP_(\w+)")
    for port, state in pattern.findall((instance / "trace").read_text()):
        host = "server" if int(port) == PORT else "client"
        entries[host, KERNEL_NAMES.get(state, state)] += 1
    (instance / "trace").write_text("")
    return entries


def one_round(folder: Path, connections: int, instance: Path | None) -> dict[str, Counts]:
    folder.mkdir()
    lab = Lab(folder.name, folder, connections)
    samplers: list[Process] = []
    try:
        for period in PERIODS:
            words = [*census.command(lab.paths), "--stream", "--every", period]
            samplers.append(Process(words, folder / f"{period}.jsonl"))
        server = lab.server("closewait_leak", "fixed", "-p", str(PORT))
        lab.peer("connect hello fin", connections=connections, port=PORT).wait()
        lab.happened_event(server, "recv", connections, n="0")
        lab.happened(server, hold=0.1, CLOSE_WAIT=0, LAST_ACK=0)
    finally:
        for sampler in samplers:
            sampler.stop()
        lab.close()
    found = {period: seen(folder / f"{period}.jsonl") for period in PERIODS}
    ladder = folder / "ladder.json"
    if not ladder.exists():
        raise CannotRun("the lab was not recorded (LINGER_RECORD=0), so there is no reference")
    found["entered"], told = entered(json.loads(ladder.read_text()))
    if told < connections:
        print(f"the ladders show {told} of {connections} connections", file=sys.stderr)
    if instance:
        found["kernel"] = traced(instance)
    return found


def show(rounds: List[Dict[str, Counts]]) -> None:
    def median(column: str, key: tuple[str, str]) -> int:
        return round(statistics.median(one[column].get(key, 0) for one in rounds))

    kernel = "kernel" in rounds[0]
    print(
        "host    state         entered"
        + ("   kernel" if kernel else "")
        + "      seen at 5 ms      at 1 ms"
    )
    sums: Counter = Counter()
    for host in ("client", "server"):
        for state in census.STATES:
            key = (host, state)
            truth = median("entered", key)
            if not truth or state == "CLOSED":
                continue
            values = {period: min(truth, median(period, key)) for period in PERIODS}
            sums.update(values, truth=truth)
            line = f"{host:7} {state:12} {truth:8}" + (
                f"{median('kernel', key):9}" if kernel else ""
            )
            print(line + "".join(f"{v:8} {1 - v / truth:5.0%} missed" for v in values.values()))
    missed = ", ".join(f"{1 - sums[p] / sums['truth']:.0%} at {p}" for p in PERIODS)
    print(f"missed of all {sums['truth']} changes: {missed}")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("-n", type=int, default=200, help="connections")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--tracefs", action="store_true", help="also ask the kernel, as root")
    options = parser.parse_args()
    try:
        with tempfile.TemporaryDirectory(prefix="linger-") as scratch:
            with kernel_trace(options.tracefs) as instance:
                show(
                    [
                        one_round(Path(scratch, f"round{n}"), options.n, instance)
                        for n in range(options.rounds)
                    ]
                )
    except LingerError as error:
        print(f"bench-sampling: {error}", file=sys.stderr)
        return error.code
    return 0


if __name__ == "__main__":
    sys.exit(main())
