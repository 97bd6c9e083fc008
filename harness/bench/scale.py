#!/usr/bin/env python3
"""How far a leak goes: CLOSE_WAIT and TIME_WAIT by the thousand, up to a million, counted exactly.

    build/sandbox build/python harness/bench/scale.py [--sizes 1000,10000,...] --results DIR

A TIME_WAIT lasts 60 seconds, so a million must be made in less. For each state and number:

    servers     among how many servers, and client addresses, the connections were shared (crowd.py)
    seconds     from the first connect() until the census has counted all of them
    kernel      bytes of kernel memory per socket (growth of Slab in /proc/meminfo, the machine's)
    program     bytes of the servers' memory per socket (growth of their resident sets)
    count       seconds of one count by state in a census that runs
    owners      seconds of a whole census, processes and descriptors included
    sampling    share of a core that `census --stream` took while they were made
    busy        share of all cores in use meanwhile, by any program

Then it says what the limits are (limits.py). A new run in DIR gets scale.json, the curves time.svg
and memory.svg, and a page with all of it. Exit codes: 0; 1 a number was not reached, or a count was not
exact; 77 there is too little memory for a number.
"""

from __future__ import annotations

import argparse
import os
import resource
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from cost import Cores, meminfo, resident, settled_slab
from crowd import KINDS, Crowd
from limits import busy, limits

from linger.lab import census, files
from linger.lab.errors import HELD, CannotRun, LingerError, NotHeld, complain
from linger.lab.processor import ran_seconds
from linger.report import pages
from linger.report import scale as page
from linger.run import results

SIZES = (1_000, 10_000, 100_000, 1_000_000)
NEEDED = {"CLOSE_WAIT": 6000, "TIME_WAIT": 1500}  # bytes of memory per socket, table included
RESERVE = 2 << 30  # bytes that stay free
TELLING = 10_000  # with fewer, the rest of the machine changes Slab more than they do
COLUMNS = (
    "state size servers seconds per_second kernel_bytes program_bytes count_seconds "
    "owners_seconds sampling_share busy_share"
).split()


def fits(state: str, size: int) -> None:
    """Errors: CannotRun when there is too little memory."""
    needed, free = NEEDED[state] * size + RESERVE, meminfo("MemAvailable")
    if needed > free:
        raise CannotRun(
            f"{size:,} {state} need about {needed >> 20:,} MiB of memory and {free >> 20:,} are "
            "free; stop what uses it, or choose fewer: make bench-scale SIZES=10000"
        )


def measure(state: str, size: int) -> dict[str, Any]:
    """A row of scale.json.

    Errors: NotHeld when not all of them were there at once, CannotRun with too little memory.
    """
    slab = settled_slab()
    fits(state, size)
    crowd = Crowd(state, size)
    try:
        return _measure(crowd, slab)
    finally:
        crowd.close()


def _measure(crowd: Crowd, slab: int) -> dict[str, Any]:
    assert crowd.stream
    empty = sum(resident(server.pid) for server in crowd.servers)
    cores = Cores(crowd.pids)
    try:
        seconds = crowd.make()
    except NotHeld as short:
        raise NotHeld(f"{short}; {busy(cores.shares(), os.cpu_count() or 1)}") from None
    shares = cores.shares()
    sampling = ran_seconds(crowd.stream.pid) / seconds
    crowd.stream.kill()
    if crowd.state == "CLOSE_WAIT":  # the clients' ends are gone before memory is measured
        crowd.until("client:FIN_WAIT2 + client:TIME_WAIT == 0")
    # Before the first look into /proc/PID/fd, whose entries the kernel keeps in memory as well.
    kernel = round((meminfo("Slab") - slab) / crowd.size)
    programs = sum(resident(server.pid) for server in crowd.servers) - empty
    counted = _exactly(crowd)
    costs: dict[str, float | None] = {
        "count_seconds": _running_count(crowd),
        "owners_seconds": _whole_census(crowd),
    }
    if crowd.left < 0:  # some ended before the count was done
        costs = dict.fromkeys(costs)
    return {
        "state": crowd.state,
        "size": crowd.size,
        "counted": counted,
        "servers": len(crowd.shares),
        "seconds": round(seconds, 3),
        "per_second": round(crowd.size / seconds),
        "kernel_bytes": kernel if crowd.size >= TELLING and kernel > 0 else None,
        "program_bytes": round(programs / crowd.size),
        **costs,
        "sampling_share": round(sampling, 4),
        **shares,
    }


def _exactly(crowd: Crowd) -> int:
    """Check what the census counts. Errors: NotHeld when it is not exact, or does not stay so."""
    expected = f"{crowd.variable} == {crowd.size}"
    if crowd.state == "CLOSE_WAIT":
        expected += f" and server:descriptors == {crowd.size} and server:EstabResets == 0"
    return crowd.await_all(expected, hold=0.3)[crowd.variable]


def _census(crowd: Crowd, *options: str) -> str:
    where = crowd.kind.where
    words = [*census.command({where: crowd.hosts[where].path}), *options]
    return subprocess.run(words, check=True, capture_output=True, text=True).stdout


def _running_count(crowd: Crowd) -> float:
    """The first of the counts warms up."""
    lines = _census(crowd, "--no-owners", "--state", crowd.state, "--repeat", "6").splitlines()
    return round(statistics.median(float(line.split()[0]) for line in lines[1:]) / 1e6, 6)


def _whole_census(crowd: Crowd) -> float:
    def once() -> float:
        began = time.perf_counter()
        _census(crowd, "--json")
        return time.perf_counter() - began

    return round(statistics.median(once() for _ in range(3)), 6)


def line(row: dict[str, Any]) -> str:
    """A row as it is printed."""
    return " ".join(f"{'-' if row[name] is None else row[name]:>14}" for name in COLUMNS)


def measure_all(sizes: list[int], found: dict[str, Any]) -> int:
    """Measure and print each number, into the members of scale.json; returns the exit code."""
    code = HELD
    print(line({name: name for name in COLUMNS}), flush=True)
    for size in sizes:
        for state in KINDS:
            try:
                found["rows"].append(measure(state, size))
                print(line(found["rows"][-1]), flush=True)
            except (NotHeld, CannotRun) as short:
                complain(f"bench-scale: {short}")
                found["short"].append(str(short))
                code = code if code == NotHeld.code else short.code
    return code


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--sizes", default=",".join(map(str, SIZES)), help="numbers of sockets")
    parser.add_argument("--results", type=Path, required=True, help="where the run's folder goes")
    options = parser.parse_args()
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    machine = {
        "cores": os.cpu_count() or 1,
        "free": meminfo("MemAvailable"),
        "descriptors": hard,
    }
    found: dict[str, Any] = {"schema": 1, "machine": machine, "rows": [], "short": []}
    try:
        run = results.create_run(options.results.absolute())
        environment = results.Environment()
        try:
            code = measure_all([int(size) for size in options.sizes.split(",")], found)
        finally:
            found["limits"] = limits(found["rows"], machine)
            files.write_json(run / "scale.json", found)
            environment.write(run)
        for name, drawing in page.drawings(found["rows"]).items():
            if drawing:
                files.write_text(run / f"{name}.svg", drawing)
        print("", *found["limits"], "", f"report: {pages.write(run)}", sep="\n")
    except LingerError as error:
        complain(f"bench-scale: {error}")
        return error.code
    return code


if __name__ == "__main__":
    sys.exit(main())
