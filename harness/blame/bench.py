"""What blame costs: redis under blame, alone and under strace; and the memory for many sockets.

    make bench-blame

The ways take turns, so other load on the machine affects all of them; the ratio of the medians counts. In the
sandbox, on the loopback interface.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import time
from pathlib import Path

PORT = 7379
REQUESTS, CLIENTS, ROUNDS = 20_000, 50, 5
SOCKETS, PROCESSES = 100_000, 8
MOST_KB = 32 << 10
LEAST_SAMPLED = 0.6


def ways(build: Path, folder: Path) -> dict[str, list[str]]:
    """What is put before the server's command, by name."""
    blame = [str(build / "blame"), "trace", f"--output={folder}/%p.json"]
    calls = "socket,accept,accept4,connect,read,readv,recvfrom,recvmsg,write,writev,sendto,sendmsg,close"
    return {
        "plain": [],
        "blame": [*blame, "--"],
        "blame --sample 8": [*blame, "--sample=8", "--"],
        "strace -f": ["strace", "-f", "-qq", "-o", f"{folder}/strace", "-e", f"trace={calls}"],
    }


def await_port() -> None:
    """Wait until something listens."""
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", PORT)) == 0:
                return
        time.sleep(0.02)  # the next look
    sys.exit("bench: redis does not listen")


def throughput(before: list[str]) -> float:
    """Requests per second of redis, started by these words."""
    words = [*before, "redis-server", "--port", str(PORT), "--save", "", "--appendonly", "no"]
    server = subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        await_port()
        client = ["redis-benchmark", "-p", str(PORT), "-n", str(REQUESTS), "-c", str(CLIENTS), "-t", "set", "--csv"]
        said = subprocess.run(client, capture_output=True, text=True, check=True).stdout
        return float(said.strip().splitlines()[-1].split(",")[1].strip('"'))
    finally:
        subprocess.run(["redis-cli", "-p", str(PORT), "shutdown", "nosave"], check=False,
                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)  # fmt: skip
        server.wait()


LEAKY = """
import resource, socket, sys, os
count, processes = int(sys.argv[1]), int(sys.argv[2])
soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
children = []
for number in range(processes):
    ready, child = os.pipe()
    if os.fork() == 0:
        server = socket.create_server((f"127.0.1.{number + 1}", 0), backlog=1024)
        kept = []
        for _ in range(count // processes):
            with socket.create_connection(server.getsockname()):
                kept.append(server.accept()[0])
        os.write(child, b"x")
        os.read(0, 1)
        os._exit(0)
    children.append(ready)
for ready in children:
    os.read(ready, 1)
print("ready", flush=True)
os.read(0, 1)
"""


def memory(build: Path, folder: Path) -> tuple[int, int, float]:
    """Leak many sockets; returns the tracer's peak size in kB, the sockets, and the seconds for a report."""
    report = folder / "many.json"
    words = [build / "blame", "trace", f"--output={report}", "--", sys.executable, "-S", "-c", LEAKY,
             str(SOCKETS), str(PROCESSES)]  # fmt: skip
    program = subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        program.stdout.readline()
        began = time.monotonic()
        subprocess.run([build / "blame", "ask", report], check=True)
        took = time.monotonic() - began
        found = json.loads(report.read_text())
        status = Path(f"/proc/{found['tracer']}/status").read_text()
        held = sum(group["count"] for group in found["groups"] if group["state"] == "CLOSE_WAIT")
        return int(status.split("VmHWM:")[1].split()[0]), held, took
    finally:
        program.send_signal(signal.SIGKILL)
        program.wait()


def main() -> int:
    parser = argparse.ArgumentParser(description="What blame costs.")
    parser.add_argument("--build", type=Path, default=Path("build"))
    build = parser.parse_args().build.absolute()
    for tool in ("redis-server", "redis-benchmark", "strace"):
        if not shutil.which(tool):
            print(f"bench: no {tool}; run: make bench-blame", file=sys.stderr)
            return 77
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    folder = Path("/run/bench-blame")
    folder.mkdir()
    os.chdir(folder)
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
    measured: dict[str, list[float]] = {name: [] for name in ways(build, folder)}
    for _ in range(ROUNDS):
        for name, before in ways(build, folder).items():
            measured[name].append(throughput(before))
    medians = {name: statistics.median(values) for name, values in measured.items()}
    print(f"redis SET, {CLIENTS} clients, median of {ROUNDS} interleaved runs of {REQUESTS} requests")
    for name, median in medians.items():
        print(f"  {name:18} {median:9.0f} requests/s  {median / medians['plain']:5.2f} of plain")
    size, held, took = memory(build, folder)
    print(f"{held} sockets held: the tracer's peak size {size / 1024:.1f} MiB, a report {took:.2f} s")
    kept = medians["blame --sample 8"] / medians["plain"] >= LEAST_SAMPLED
    good = kept and medians["blame"] >= medians["strace -f"] and size <= MOST_KB and held == SOCKETS
    print("as required" if good else "NOT as required")
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
