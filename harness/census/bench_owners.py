#!/usr/bin/env python3
"""Measures a count with owners: census by BPF and by /proc, ss -tanp, lsof and netstat -tanp.

    build/sandbox python3 harness/census/bench_owners.py --census build/census

Run it as root: BPF does not work in a user namespace. For each number of CLOSE_WAITs it makes that
many in 500 processes, and runs the programs in turn, round by round. Times are medians of whole
processes in milliseconds: wall clock and processor time (which other load disturbs less). Each
program must find every socket and its process. Then the same with 16,000 listeners in one
process, beside ss -tlnp.
"""

import argparse
import os
import re
import resource
import signal
import socket
import statistics
import subprocess
import sys
import time
from pathlib import Path

SIZES = (0, 1_000, 10_000, 100_000)
PROCESSES = 500
LISTENERS = 16_000
# Tool: its command, and a pattern that counts the sockets with an owner in its output.
TOOLS = {
    "bpf": "{census} --state CLOSE_WAIT --owners bpf",
    "proc": "{census} --state CLOSE_WAIT --owners proc",
    "census": "{census} --state CLOSE_WAIT",
    "bare": "{census} --state CLOSE_WAIT --no-owners",
    "ss -tanp": "ss -Htanp state close-wait",
    "lsof": "lsof -nP -i TCP -s TCP:CLOSE_WAIT",
    "netstat": "netstat -tanp",
}
LISTENING = {"bpf": "{census} --state LISTEN --owners bpf",
             "proc": "{census} --state LISTEN --owners proc", "ss -tlnp": "ss -Htlnp"}  # fmt: skip


def sysctl(name: str, value: int | str) -> None:
    Path("/proc/sys/net", name).write_text(str(value))


def prepare() -> None:
    subprocess.run("ip link set lo up", shell=True, check=True)
    sysctl("ipv4/tcp_fin_timeout", 1)
    sysctl("ipv4/ip_local_port_range", "1024 65535")
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def hold(number: int, count: int, ready: int) -> None:
    """A process that keeps count CLOSE_WAITs; it reports when they exist, and never returns."""
    listener = socket.create_server((f"127.2.{number >> 8}.{number & 255}", 9000), backlog=1024)
    kept = []
    for _ in range(count):
        end = socket.create_connection(listener.getsockname())
        kept.append(listener.accept()[0])
        end.close()
    listener.close()
    os.write(ready, b".")
    signal.pause()


def processes(count: int) -> list[int]:
    """Start them, and wait until the FIN_WAIT2 of the clients are gone."""
    pids = []
    there, ready = os.pipe()
    for number in range(PROCESSES if count else 0):
        pid = os.fork()
        if pid == 0:
            hold(number, count // PROCESSES, ready)
        pids.append(pid)
    for _ in pids:
        os.read(there, 1)
    while subprocess.check_output(["ss", "-Htan", "state", "fin-wait-2"]):
        time.sleep(0.1)
    return pids


def found(tool: str, text: str) -> int:
    """Sockets that have an owner in the output of a tool."""
    if tool in ("bpf", "proc", "census", "bare"):
        if tool != "bare" and not re.search(r"COUNT +owned", text):
            return 0  # the next column counts the unknown
        row = re.search(r"CLOSE_WAIT +\S+ +(\d+) +(\d+)", text)
        return int(row[2]) if row else 0
    if tool == "lsof":
        return text.count("(CLOSE_WAIT)")
    mark = "pid=" if tool.startswith("ss") else "CLOSE_WAIT"
    return sum(mark in line and "-  " not in line[-20:] for line in text.splitlines())


Times = tuple[float, float]  # ms: wall clock and processor time


def timed(words: list[str]) -> tuple[Times, str]:
    start = time.perf_counter()
    with subprocess.Popen(
        words, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as process:
        text = process.stdout.read() if process.stdout else ""
        _, status, used = os.wait4(process.pid, 0)
        took = time.perf_counter() - start
        process.returncode = os.waitstatus_to_exitcode(status)
    return (took * 1e3, (used.ru_utime + used.ru_stime) * 1e3), text


def rounds(tools: dict[str, str], census: str, count: int, wanted: int) -> dict[str, Times]:
    times: dict[str, list[Times]] = {tool: [] for tool in tools}
    for _ in range(count):
        for tool, words in tools.items():
            took, text = timed(words.format(census=census).split())
            times[tool].append(took)
            if wanted >= 0 and found(tool, text) != wanted:
                sys.exit(f"bench: {tool} found {found(tool, text)} of {wanted}")
    return {
        tool: (statistics.median(t[0] for t in each), statistics.median(t[1] for t in each))
        for tool, each in times.items()
    }


def lines(what: str, medians: dict[str, Times]) -> None:
    for which, name in ((0, what), (1, "processor")):
        print(
            f"{name:>18} " + "".join(f"{each[which]:10.1f}" for each in medians.values()), flush=True
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--census", default="build/census", help="the program (build/census)")
    parser.add_argument("--sizes", default=",".join(map(str, SIZES)), help="numbers of sockets")
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    census = os.path.abspath(options.census)
    prepare()
    print(f"{'CLOSE_WAITs':>18} " + "".join(f"{tool:>10}" for tool in TOOLS))
    for size in map(int, options.sizes.split(",")):
        pids = processes(size)
        # About one connection in 10000 is reset before accept().
        there = found("ss", timed(["ss", "-Htanp", "state", "close-wait"])[1])
        if there < size * 0.999:
            sys.exit(f"bench: there are {there} of {size}")
        medians = rounds(TOOLS, census, options.rounds, there)
        lines(f"{there:,}", medians)
        for which, name in ((0, "ss -tanp / census"), (1, "processor")):
            ratios = [medians["ss -tanp"][which] / each[which] for each in medians.values()]
            print(f"{name:>18} " + "".join(f"{ratio:9.1f}x" for ratio in ratios))
        for pid in pids:
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
    kept = [socket.create_server(("127.0.0.1", 10_000 + n)) for n in range(LISTENERS)]
    print(f"{'listeners':>18} " + "".join(f"{tool:>10}" for tool in LISTENING))
    lines(f"{len(kept):,}", rounds(LISTENING, census, options.rounds, -1))
    print(f"on Linux {os.uname().release}, {os.cpu_count()} cores")


if __name__ == "__main__":
    main()
