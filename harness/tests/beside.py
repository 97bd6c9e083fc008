"""beside.py BUILD SECONDS: count a server at full load in every way, and check that it never notices.

Needs its own network: `build/sandbox`. The server (harmless/server.c) dies at the first event for a
descriptor that it has closed; it is run plainly and under ASan. Each way of counting runs for SECONDS,
without a pause; `linger check --quick` as long as it takes. In the end a descriptor of the server is copied,
which must kill it: otherwise the rest would prove nothing. Exits with status 1 if anything went differently.
"""

from __future__ import annotations

import contextlib
import ctypes
import math
import os
import socket
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

SERVERS = ("server", "server-asan")
PORT, LOADED = 9009, 9010  # the first is checked, the second loaded, by linger check
BY_BPF = "owners by BPF"  # only root may
WAYS = {
    "census": ["census"],
    "census --until": ["census", "--until", "ghosts == 9", "--within", "{seconds}s"],
    "census --stream": ["census", "--stream"],
    BY_BPF: ["harmless/owners", "{whole_seconds}"],
}
COPY = "a copy"
PIDFD_GETFD = 438  # on every architecture
# At full load it is busy, whatever it does about its descriptors.
EXPECTED = "descriptor-limit FAIL|PASS\n"
PER_LOAD = 1000  # connections for a byte in the file of load


@dataclass
class Told:
    """What happened to the server while it was counted."""

    connections: int
    counts: int
    status: int  # of the server
    said: str

    @property
    def well(self) -> bool:
        return self.status == 0


def counted(build: Path, server: str, way: str, seconds: float, port: int = PORT) -> Told:
    """Run the server under load and a census beside it, again and again."""
    times = {"seconds": f"{seconds:g}", "whole_seconds": math.ceil(seconds)}
    name, *options = WAYS[way]
    census = [str(build / name), *(option.format(**times) for option in options)]
    pipe, quiet = subprocess.PIPE, subprocess.DEVNULL
    words = [str(build / "harmless" / server), f"{seconds + 1:g}", str(port)]
    served = subprocess.Popen(words, stdout=pipe, stderr=pipe, text=True)
    words = [str(build / "harmless" / "load"), f"{seconds + 1:.0f}", str(port)]
    load = subprocess.Popen(words, stdout=pipe, text=True)
    end, counts = time.monotonic() + seconds, 0
    while (left := end - time.monotonic()) > 0 and served.poll() is None:
        watch = subprocess.Popen(census, stdout=quiet, stderr=quiet)
        try:
            watch.wait(left)
        except subprocess.TimeoutExpired:
            watch.terminate()
            watch.wait()
        counts += 1
    out, said = served.communicate()
    if served.returncode:
        load.terminate()  # it would retry in vain for the rest of its time
    load.communicate()
    return Told(int(out or 0), counts, served.returncode, said.strip())


def copied(build: Path, server: str, port: int = PORT) -> Told:
    """Hold a copy of the server's end of a connection while the client ends it."""
    words = [str(build / "harmless" / server), "10", str(port)]
    with subprocess.Popen(words, stderr=subprocess.PIPE, text=True) as served:
        with connected(port) as client:
            fds = Path(f"/proc/{served.pid}/fd")
            while len(held := {int(fd.name) for fd in fds.iterdir()}) < 6:
                pass  # standard three, epoll, listener; until it has accepted
            pidfd = os.pidfd_open(served.pid)
            copy = ctypes.CDLL(None).syscall(PIDFD_GETFD, pidfd, max(held), 0)
            client.close()
            said = served.stderr.read() if served.stderr else ""
            os.close(copy)
            os.close(pidfd)
    return Told(1, 1, served.wait(), said.strip())


def connected(port: int) -> socket.socket:
    """A connection to a server that will listen soon."""
    while True:
        with contextlib.suppress(ConnectionRefusedError):
            return socket.create_connection(("127.0.0.1", port))


def checked(build: Path, server: str, folder: Path) -> Told:
    """The whole of linger check --quick, with load on another port of the same process."""
    made = folder / "made"
    load = f"{build}/harmless/load 1000 {LOADED} {made}"
    expected = folder / "expected"
    expected.write_text(EXPECTED)
    words = [str(build / "linger"), "check", "--quick", "--port", str(PORT), "--with", load]
    words += ["--expected", str(expected), "--"]
    words += [str(build / "harmless" / server), "1000", str(PORT), str(LOADED)]
    env = {**os.environ, "RESULTS": str(folder)}
    done = subprocess.run(words, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=env)
    connections = made.stat().st_size * PER_LOAD
    return Told(connections, 1, done.returncode, done.stdout.strip() if done.returncode else "")


def main(build: Path, seconds: float) -> int:
    bad = 0

    def tell(server: str, way: str, told: Told, took: float, wanted: bool = True) -> None:
        nonlocal bad
        bad += told.well != wanted
        per_minute = told.connections / took * 60
        print(
            f"{server:12} {way:22} {took:6.1f} s {told.counts:7} {told.connections:11,}"
            f" {per_minute:13,.0f}  {'well' if told.well else f'status {told.status}'}"
            f"{'' if told.well == wanted else ', which is wrong'}",
            flush=True,
        )
        if told.said and wanted:
            print(told.said, flush=True)

    print("server       beside it                time    runs connections    per minute  it is")
    for server in SERVERS:
        for way in WAYS:
            start = time.monotonic()
            told = counted(build, server, way, seconds)
            tell(server, way, told, time.monotonic() - start)
        with tempfile.TemporaryDirectory() as folder:
            start = time.monotonic()
            told = checked(build, server, Path(folder))
            tell(server, "linger check --quick", told, time.monotonic() - start)
        start = time.monotonic()
        told = copied(build, server)
        tell(server, COPY, told, time.monotonic() - start, wanted=False)
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]).resolve(), float(sys.argv[2])))
