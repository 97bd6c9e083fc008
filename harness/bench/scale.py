#!/usr/bin/env python3
"""How far a leak goes: CLOSE_WAIT and TIME_WAIT by the thousand, up to a million, counted exactly.

    build/sandbox build/python harness/bench/scale.py [--sizes 1000,10000,...] --results DIR

The programs are those of the scenario closewait-leak: the peer closes first, so the buggy server
keeps a CLOSE_WAIT of each connection, and with the fixed one the peer's host keeps a TIME_WAIT, for
60 seconds: a million must be made in less. What limits them: a program may have so many descriptors
(ulimit -Hn) and a client address so many ports to one server port, so larger numbers are shared
among several servers, each with its own port, and the client's ports are explicit. For each state
and number:

    remade      connections that were reset before they were accepted, and made again
    ghosts      descriptors that the leaking server keeps of those
    seconds     from the first connect() until the census has counted all of them
    kernel      bytes of kernel memory a socket (growth of Slab in /proc/meminfo, the machine's)
    programs    bytes of the servers' memory a socket (growth of their resident sets)
    count       seconds of one count by state in a census that runs
    owners      seconds of a whole census, processes and descriptors included
    sampling    share of a core that `census --stream` took while they were made

Writes scale.json and, as curves, time.svg and memory.svg to a new run in DIR. Exit codes: 0; 1 a
count was not exact; 77 there is too little memory.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import resource
import statistics
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import chart

from linger import census, host, netns, results
from linger.errors import CannotRun, LingerError, NotHeld

SIZES = (1_000, 10_000, 100_000, 1_000_000)
# What is counted where, and the server that causes it.
KINDS = {
    "CLOSE_WAIT": ("server", "closewait_leak_buggy"),
    "TIME_WAIT": ("client", "closewait_leak_fixed"),
}
FIRST_SERVER, FIRST_CLIENT = 9000, 10_000  # ports
MOST_PORTS = 50_000  # of one client address to one server port
SPARE_DESCRIPTORS = 64
NEEDED = {"CLOSE_WAIT": 6000, "TIME_WAIT": 1500}  # bytes of memory a socket, table included
LIFETIME = 60.0  # s, of a TIME_WAIT (TCP_TIMEWAIT_LEN)
WITHIN = 300.0  # s: by then all that was made is counted
RESERVE = 1 << 30  # bytes that stay free
TICKS = os.sysconf("SC_CLK_TCK")


def meminfo(name: str) -> int:
    """A line of /proc/meminfo, in bytes."""
    for line in Path("/proc/meminfo").read_text().splitlines():
        if line.startswith(f"{name}:"):
            return int(line.split()[1]) * 1024
    raise CannotRun(f"/proc/meminfo has no {name}")


def resident(pid: int) -> int:
    """The resident set of a process, in bytes (proc_pid_statm(5))."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * resource.getpagesize()


def cpu_seconds(pid: int) -> float:
    """The processor time a process has used (proc_pid_stat(5))."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def start(where: host.Host, words: list[object]) -> subprocess.Popen[bytes]:
    """Start a program of the build in a host; nobody reads its events."""
    words = [str(census.program(str(words[0]))), *map(str, words[1:])]
    with netns.inside(where.path):
        return subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)


class Scale:
    """So many sockets in a state, on a pair of hosts of their own."""

    def __init__(self, state: str, size: int) -> None:
        self.state, self.size = state, size
        self.where, self.program = KINDS[state]
        self.variable = f"{self.where}:{state}"
        self.remade = 0  # connections that were reset before they were accepted, and made again
        self.hosts = host.build(f"{state}.{size}", entries=min(1 << 24, max(1024, 8 * size)))
        self.paths = {name: one.path for name, one in self.hosts.items()}
        self.running: list[subprocess.Popen[bytes]] = []
        for one in self.hosts.values():
            # Room for all of them; a FIN_WAIT2 that nobody holds counts as a TIME_WAIT.
            one.sysctl(tcp_max_tw_buckets=2 * size + 1000, tcp_max_syn_backlog=1 << 17)
            with netns.inside(one.path):
                netns.set_sysctls({"net.core.somaxconn": str(1 << 17)})
        self.hosts["client"].sysctl(ip_local_port_range="1024 65535", tcp_fin_timeout=1)

    def shares(self) -> list[int]:
        """How many connections each server gets."""
        room = min(MOST_PORTS, resource.getrlimit(resource.RLIMIT_NOFILE)[0] - SPARE_DESCRIPTORS)
        count = math.ceil(self.size / room)
        return [self.size // count + (n < self.size % count) for n in range(count)]

    def crowd(self, number: int, share: int, first: int = FIRST_CLIENT) -> None:
        """Let the clients of one server come and go."""
        words = ["clients/peer", "-l", host.ADDRESSES["server"], "-p", FIRST_SERVER + number]
        words += ["-n", share, f"rebind:{first}", "connect", "fin"]
        if start(self.hosts["client"], words).wait():
            raise NotHeld(f"not all of {share} connections to server {number + 1} were made")

    def until(self, expression: str, hold: float = 0) -> dict[str, Any]:
        found = census.until(self.paths, expression, WITHIN, hold)
        if not found["until"]["held"]:
            raise NotHeld(f"not {expression}: {found['until']['values']}")
        return found

    def complete(self, began: float) -> None:
        """Await the last socket; a connection that was reset instead is made again.

        began: when the first one was made, by time.monotonic().

        That happens to a few in a hundred thousand on a busy machine: the client's FIN is there
        before the ACK that completes the handshake was looked at.
        """
        under_way = "server:ESTABLISHED + server:accept_queue + client:FIN_WAIT1"
        if self.where == "client":
            under_way += " + server:CLOSE_WAIT + server:LAST_ACK + client:FIN_WAIT2"
        while missing := self.size - self._now(f"{under_way} == 0 and {self.variable} >= 0"):
            if self.where == "client" and time.monotonic() > began + LIFETIME:
                raise NotHeld(f"{self.size} TIME_WAIT took longer to make than they last")
            self.crowd(0, missing, FIRST_CLIENT + MOST_PORTS + self.remade)
            self.remade += missing

    def _now(self, settled: str) -> int:
        return self.until(settled, hold=0.02)["until"]["values"][self.variable]

    def measure(self) -> dict[str, Any]:
        slab = meminfo("Slab")
        shares = self.shares()
        for number in range(len(shares)):
            words = [f"servers/{self.program}", "-l", host.ADDRESSES["server"]]
            self.running.append(start(self.hosts["server"], [*words, "-p", FIRST_SERVER + number]))
        self.until(f"server:LISTEN == {len(shares)}")
        empty = sum(resident(server.pid) for server in self.running)
        stream = start(self.hosts[self.where], [*self._census(), "--stream"])
        self.running.append(stream)
        began = time.monotonic()
        with ThreadPoolExecutor(os.cpu_count()) as pool:
            list(pool.map(self.crowd, range(len(shares)), shares))
        self.complete(began)
        seconds = time.monotonic() - began
        sampling = cpu_seconds(stream.pid) / seconds
        stream.kill()
        expected = f"{self.variable} == {self.size}"
        if self.where == "server":
            # Of a connection that was reset the buggy server keeps the descriptor: a ghost.
            expected += f" and server:descriptors - server:ghosts == {self.size}"
        exact = self.until(expected, hold=0.3)
        if self.where == "server":  # the clients' ends are gone before memory is measured
            self.until("client:FIN_WAIT2 + client:TIME_WAIT == 0")
        kernel = round((meminfo("Slab") - slab) / self.size)
        programs = sum(resident(one.pid) for one in self.running[:-1]) - empty
        return {
            "state": self.state,
            "size": self.size,
            "counted": exact["until"]["values"][self.variable],
            "servers": len(shares),
            "remade": self.remade,
            "ghosts": exact["until"]["values"].get("server:ghosts", 0),
            "seconds": round(seconds, 3),
            "per_second": round(self.size / seconds),
            # Of a few sockets the rest of the machine makes more noise than they use.
            "kernel_bytes": kernel if self.size >= 10_000 else None,
            "program_bytes": round(programs / self.size),
            "count_seconds": self._running_count(),
            "owners_seconds": self._whole_census(),
            "sampling_share": round(sampling, 4),
        }

    def _census(self) -> list[object]:
        return ["census", "--host", f"{self.where}={self.paths[self.where]}"]

    def _output(self, *options: str) -> str:
        words = [str(census.program("census")), *map(str, self._census()[1:]), *options]
        return subprocess.run(words, check=True, capture_output=True, text=True).stdout

    def _running_count(self) -> float:
        """The first of the counts warms up."""
        lines = self._output("--no-owners", "--state", self.state, "--repeat", "6").splitlines()
        return round(statistics.median(float(line.split()[0]) for line in lines[1:]) / 1e6, 6)

    def _whole_census(self) -> float:
        def once() -> float:
            began = time.perf_counter()
            self._output("--json")
            return time.perf_counter() - began

        return round(statistics.median(once() for _ in range(3)), 6)

    def close(self) -> None:
        for process in self.running:
            process.kill()
        for process in self.running:
            process.wait()
        host.remove(self.hosts)


def fits(state: str, size: int) -> None:
    """Errors: CannotRun when there is too little memory."""
    needed, free = NEEDED[state] * size + RESERVE, meminfo("MemAvailable")
    if needed > free:
        raise CannotRun(
            f"{size} {state} need about {needed >> 20} MiB of memory and {free >> 20} are free; "
            "end what uses it, or choose less: make bench-scale SIZES=10000"
        )


def measure(state: str, size: int) -> dict[str, Any]:
    fits(state, size)
    scale = Scale(state, size)
    try:
        return scale.measure()
    finally:
        scale.close()


COLUMNS = (
    "state",
    "size",
    "servers",
    "remade",
    "ghosts",
    "seconds",
    "per_second",
    "kernel_bytes",
    "program_bytes",
)
COLUMNS += ("count_seconds", "owners_seconds", "sampling_share")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--sizes", default=",".join(map(str, SIZES)), help="numbers of sockets")
    parser.add_argument("--results", type=Path, required=True, help="where the run's folder goes")
    options = parser.parse_args()
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    run = results.create_run(options.results.absolute())
    environment = results.Environment()
    rows: list[dict[str, Any]] = []
    print(" ".join(f"{name:>14}" for name in COLUMNS), flush=True)
    code = 0
    try:
        for size in map(int, options.sizes.split(",")):
            for state in KINDS:
                try:
                    rows.append(measure(state, size))
                except NotHeld as failed:
                    print(f"bench-scale: {failed}", file=sys.stderr)
                    code = failed.code
                    continue
                print(
                    " ".join(
                        f"{'-' if rows[-1][name] is None else rows[-1][name]:>14}"
                        for name in COLUMNS
                    ),
                    flush=True,
                )
    except LingerError as error:
        print(f"bench-scale: {error}", file=sys.stderr)
        return error.code
    finally:
        (run / "scale.json").write_text(json.dumps({"schema": 1, "rows": rows}, indent=2) + "\n")
        environment.write(run)
    chart.draw(run / "time.svg", "seconds", "sockets", {
        f"{state}, {name}": [(row["size"], row[key]) for row in rows if row["state"] == state]
        for state in KINDS
        for name, key in (("made", "seconds"), ("counted", "count_seconds"), ("with owners", "owners_seconds"))
    })  # fmt: skip
    chart.draw(run / "memory.svg", "MiB", "sockets", {
        f"{state}, {name}": [
            (row["size"], row["size"] * (row[key] or 0) / 2**20)
            for row in rows
            if row["state"] == state
        ]
        for state in KINDS
        for name, key in (("kernel", "kernel_bytes"), ("programs", "program_bytes"))
    })  # fmt: skip
    print(f"results: {run}")
    return code


if __name__ == "__main__":
    sys.exit(main())
