#!/usr/bin/env python3
"""Measures what a count costs: census, ss, netstat and /proc/net/tcp, interleaved in one run.

    build/sandbox python3 harness/census/bench.py --census build/census

Run it in a network namespace of its own. For each number of sockets, each state and each kind of
socket table it makes a namespace with that many sockets. Then it measures in turn, round by round:

    process   census --json --no-owners --state STATE
    running   the same count inside a census that already runs (--repeat)
    ss        ss -Htan state STATE
    netstat   netstat -tan
    /proc     reading /proc/net/tcp and tcp6, in this Python

Times are medians in milliseconds; the peak memory (VmHWM) of the three processes follows. "own" is
a private socket table of the namespace with 4 buckets a socket (net.ipv4.tcp_child_ehash_entries);
"shared" is the table of the machine. Every tool's count is checked. It takes about a minute.
"""

import argparse
import ctypes
import json
import os
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import time
from pathlib import Path

SIZES = (0, 1_000, 10_000, 100_000)
STATES = {"CLOSE_WAIT": ("close-wait", b" 08 "), "TIME_WAIT": ("time-wait", b" 06 ")}
PORT = 9000
PER_ADDRESS = 20_000  # connections from one source address


def sysctl(name: str, value: int | str) -> None:
    Path("/proc/sys/net", name).write_text(str(value))


def in_state(state: str) -> int:
    """How many sockets are in state, from counters that are exact when nothing moves."""
    if state == "TIME_WAIT":
        return int(Path("/proc/net/sockstat").read_text().split(" tw ")[1].split()[0])
    names, values = [
        x.split() for x in Path("/proc/net/snmp").read_text().splitlines() if "Tcp:" in x
    ]
    return int(dict(zip(names, values))["CurrEstab"])


def make_sockets(state: str, count: int) -> list[socket.socket]:
    """Make count sockets in state, in our namespace; the returned objects keep them."""
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind(("127.0.0.1", PORT))
    listener.listen(2**20)
    made = 0
    # About one connection in 10000 is reset before accept(): make it again.
    while (missing := count - in_state(state)) > 0:
        for i in range(made, made + missing):
            client = socket.socket()
            # An explicit port: the kernel's search for a free one is slow when most are taken.
            client.bind((f"127.1.0.{1 + i // PER_ADDRESS}", 10_000 + i % PER_ADDRESS))
            client.connect(("127.0.0.1", PORT))
            if state == "CLOSE_WAIT":
                client.close()  # never accepted: the other end stays in CLOSE_WAIT
            else:
                server = listener.accept()[0]
                client.close()
                server.close()
        made += missing
        # Until the FIN_WAIT2 of the clients are gone as well (tcp_fin_timeout).
        while state == "CLOSE_WAIT" and in_state("TIME_WAIT"):
            time.sleep(0.02)
    return [listener]


PTRACE_CONT, PTRACE_TRACEME, PTRACE_SETOPTIONS = 7, 0, 0x4200
TRACEEXIT, EVENT_EXIT = 0x40, 6


def peak_memory(command: list[str]) -> int:
    """Peak memory of command in KiB.

    Its VmHWM just before it exits. ru_maxrss would be that of this Python, from which it forks.
    """
    libc = ctypes.CDLL(None)
    pid = os.fork()
    if pid == 0:
        os.dup2(os.open("/dev/null", os.O_WRONLY), 1)
        libc.ptrace(PTRACE_TRACEME, 0, 0, 0)
        os.execvp(command[0], command)
    os.waitpid(pid, 0)  # the execve
    libc.ptrace(PTRACE_SETOPTIONS, pid, 0, TRACEEXIT)
    peak = 0
    libc.ptrace(PTRACE_CONT, pid, 0, 0)
    while True:
        _, status = os.waitpid(pid, 0)
        if not os.WIFSTOPPED(status):
            return peak
        if status >> 8 == signal.SIGTRAP | EVENT_EXIT << 8:
            for line in Path(f"/proc/{pid}/status").read_text().splitlines():
                if line.startswith("VmHWM:"):
                    peak = int(line.split()[1])
        libc.ptrace(PTRACE_CONT, pid, 0, 0)


def timed(command: list[str]) -> float:
    start = time.perf_counter()
    subprocess.run(command, stdout=subprocess.DEVNULL, check=True)
    return time.perf_counter() - start


def running(command: list[str], size: int) -> float:
    """Seconds of a count in a census that already runs; the first of five warms up."""
    lines = subprocess.check_output([*command, "--repeat", "5"], text=True).splitlines()
    for line in lines:
        if int(line.split()[2]) != size:
            sys.exit(f"bench: census counted {line.split()[2]} of {size}")
    return statistics.median(float(line.split()[0]) for line in lines[1:]) / 1e6


def read_proc(mark: bytes, size: int) -> float:
    start = time.perf_counter()
    counted = sum(Path("/proc/net", name).read_bytes().count(mark) for name in ("tcp", "tcp6"))
    if counted != size:
        print(f"bench: /proc/net/tcp shows {counted} of {size}", file=sys.stderr)
    return time.perf_counter() - start


def measure(census: str, state: str, size: int) -> dict:
    """Runs in the namespace to be measured."""
    subprocess.run("ip link set lo up", shell=True, check=True)
    sysctl("core/somaxconn", 2**20)
    sysctl("ipv4/tcp_max_tw_buckets", 2**20)  # a child table of n buckets sets it to n / 2
    sysctl("ipv4/tcp_max_syn_backlog", 2**20)  # ... and this one smaller as well
    sysctl("ipv4/tcp_fin_timeout", 1)
    sysctl("ipv4/tcp_rfc1337", 1)
    sysctl("ipv4/ip_local_port_range", "1024 65535")  # our clients' ports are ephemeral, too
    kept = make_sockets(state, size)
    name, mark = STATES[state]
    census_command = [census, "--no-owners", "--state", state]
    ss = ["ss", "-Htan", "state", name]
    netstat = ["netstat", "-tan"]

    if len(subprocess.check_output(ss).splitlines()) != size:
        sys.exit(f"bench: ss does not show {size} sockets")
    times: dict[str, list[float]] = {
        "process": [],
        "running": [],
        "ss": [],
        "netstat": [],
        "/proc": [],
    }
    for _ in range(15 if size <= 1_000 else 7 if size <= 10_000 else 5):
        times["process"].append(timed([*census_command, "--json"]))
        times["running"].append(running(census_command, size))
        times["ss"].append(timed(ss))
        times["netstat"].append(timed(netstat))
        times["/proc"].append(read_proc(mark, size))
    result = {tool: statistics.median(seconds) for tool, seconds in times.items()}
    result["memory"] = [peak_memory(c) for c in ([*census_command, "--json"], ss, netstat)]
    del kept
    return result


def in_new_namespace(census: str, table: str, state: str, size: int) -> dict:
    """The table is decided by the namespace of the process that creates another."""
    sysctl("ipv4/tcp_child_ehash_entries", 4 * max(size, 256) if table == "own" else 0)
    worker = [sys.executable, __file__, "--census", census, "--worker", state, str(size)]
    return json.loads(subprocess.check_output(["unshare", "--net", *worker]))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--census", default="build/census", help="the program (build/census)")
    parser.add_argument("--sizes", default=",".join(map(str, SIZES)), help="numbers of sockets")
    parser.add_argument("--worker", nargs=2, help=argparse.SUPPRESS)
    options = parser.parse_args()
    census = os.path.abspath(options.census)
    if options.worker:
        print(json.dumps(measure(census, options.worker[0], int(options.worker[1]))))
        return

    if not shutil.which("netstat"):
        print("bench: no netstat; on Debian: apt-get install net-tools", file=sys.stderr)
        sys.exit(77)
    start = time.monotonic()
    print(
        "                              ---------- milliseconds ----------  "
        "ss is slower than   peak memory, KiB"
    )
    print(
        "table  state       sockets  process running      ss netstat   /proc  "
        "process  running   census     ss netstat"
    )
    for table in ("own", "shared"):
        for state in STATES:
            for size in map(int, options.sizes.split(",")):
                r = in_new_namespace(census, table, state, size)
                print(
                    f"{table:6} {state:10} {size:8} "
                    + "".join(
                        f"{r[t] * 1e3:8.{2 if r[t] >= 1e-3 else 3}f}"
                        for t in ("process", "running", "ss", "netstat", "/proc")
                    )
                    + f"{r['ss'] / r['process']:8.1f}x{r['ss'] / r['running']:8.1f}x "
                    + "".join(f"{kib:8}" for kib in r["memory"]),
                    flush=True,
                )
    print(
        f"in {time.monotonic() - start:.0f} s, on Linux {os.uname().release}, {os.cpu_count()} cores"
    )


if __name__ == "__main__":
    main()
