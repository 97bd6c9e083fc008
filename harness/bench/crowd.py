"""Makes many sockets in CLOSE_WAIT or TIME_WAIT at once, on a pair of hosts of their own.

The programs are those of the scenario closewait-leak: the peer closes first, so the buggy server
keeps a CLOSE_WAIT of each connection, and with the fixed one the peer's host keeps a TIME_WAIT.

The descriptors of a program (ulimit -Hn) and the ports of a client address to one server port are
limited. So larger numbers are shared among several servers, each with its own address and its own
client address:

    client 10.1.0.1, 10.1.1.1, ... ──veth── 10.1.0.2, 10.1.1.2, ... server

connect() chooses the ports. It takes those of one parity first, and once these are used up its
search becomes slow. So the crowd uses only half of the ports of an address.
"""

from __future__ import annotations

import json
import math
import os
import resource
import subprocess
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from typing import IO, NamedTuple

from linger.lab import census, host, netns
from linger.lab.errors import NotHeld
from linger.lab.programs import program


class Kind(NamedTuple):
    """Where to count a state, and which program causes it."""

    where: str
    program: str
    fin_timeout: int  # s, of the client


KINDS = {
    # Above 60 s the client's FIN_WAIT2 never ends by a RST (tcp_keepalive_timer(), Linux 6.18), as
    # one in ten thousand does otherwise: those whose FIN was acknowledged while close() still held
    # the socket. The reset would take the server's CLOSE_WAIT away. And 61 means 2 s.
    "CLOSE_WAIT": Kind("server", "closewait_leak_buggy", 61),
    # It has to last until a busy server has closed as well.
    "TIME_WAIT": Kind("client", "closewait_leak_fixed", 60),
}
PORT = 9000  # of each server
MOST_PORTS = 30_000  # of one client address to one server port, of 64,512
SPARE_DESCRIPTORS = 64
LIFETIME = 60.0  # s, of a TIME_WAIT (TCP_TIMEWAIT_LEN)
WITHIN = 300.0  # s: by then all that was made is counted


def address(number: int, of: str) -> str:
    """The address of a host in the network of the share with a number from 0."""
    return f"10.{1 + number // 256}.{number % 256}.{1 if of == 'client' else 2}"


def start(
    where: host.Host, words: list[object], output: int | IO[bytes] = subprocess.DEVNULL
) -> subprocess.Popen[bytes]:
    """Start a program of the build in a host."""
    words = [str(program(str(words[0]))), *map(str, words[1:])]
    with netns.inside(where.path):
        return subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=output)


class Crowd:
    """The hosts, the servers and a census that streams; then, with make(), the sockets."""

    def __init__(self, state: str, size: int) -> None:
        self.state, self.size, self.kind = state, size, KINDS[state]
        self.variable = f"{self.kind.where}:{state}"
        self.shares = _shares(size)
        self.servers: list[subprocess.Popen[bytes]] = []
        self.stream: subprocess.Popen[bytes] | None = None
        self._began = math.nan  # when the first was made, by time.monotonic()
        self._samples = tempfile.TemporaryFile()
        entries = min(1 << 24, max(1024, 8 * size))
        self.hosts = host.build(f"{state}.{os.getpid()}", entries)
        try:
            self._prepare()
        except BaseException:
            self.close()
            raise

    def _prepare(self) -> None:
        for one, other in (("client", "server"), ("server", "client")):
            self._make_room(self.hosts[one])
            self._give_addresses(one, other)
        self.hosts["client"].sysctl(
            ip_local_port_range="1024 65535", tcp_fin_timeout=self.kind.fin_timeout
        )
        for number in range(len(self.shares)):
            words = [f"servers/{self.kind.program}", "-l", address(number, "server"), "-p", PORT]
            self.servers.append(start(self.hosts["server"], words))
        self.until(f"server:LISTEN == {len(self.shares)}")
        where = self.hosts[self.kind.where]
        words = ["census", *census.command({where.name: where.path})[1:], "--stream"]
        self.stream = start(where, words, self._samples)

    def _give_addresses(self, one: str, other: str) -> None:
        link_layer = {"client": "02:00:00:00:00:01", "server": "02:00:00:00:00:02"}[other]
        lines = "".join(
            f"addr add {address(number, one)}/24 dev eth0\n"
            f"neigh add {address(number, other)} lladdr {link_layer} dev eth0 nud permanent\n"
            for number in range(len(self.shares))
        )
        self.hosts[one].run("ip", "-batch", "-", input=lines)

    def _make_room(self, one: host.Host) -> None:
        """Raise every limit of a host that would end sockets before they are counted."""
        one.sysctl(tcp_max_tw_buckets=2 * self.size + 1000, tcp_max_syn_backlog=1 << 17)
        with netns.inside(one.path):
            netns.set_sysctls({"net.core.somaxconn": str(1 << 17)})

    @property
    def pids(self) -> list[int]:
        """The processes that keep running while the sockets are made."""
        return [one.pid for one in (*self.servers, self.stream) if one]

    def make(self) -> float:
        """Let all clients come and go; returns the seconds until everything left was counted.

        Errors: NotHeld when a connection was not made, or as await_all().
        """
        self._began = time.monotonic()
        with ThreadPoolExecutor(os.cpu_count()) as pool:
            list(pool.map(self.visit, range(len(self.shares)), self.shares))
        self.await_all(f"{self.variable} == {self.size}")
        return time.monotonic() - self._began

    @property
    def left(self) -> float:
        """The seconds until the first of them ends by itself; a CLOSE_WAIT never does."""
        if self.state == "CLOSE_WAIT":
            return math.inf
        return LIFETIME - (time.monotonic() - self._began)

    def visit(self, number: int, share: int) -> None:
        """Let the clients of one server come and go."""
        words = ["clients/peer", "-l", address(number, "server"), "-p", PORT]
        words += ["-n", share, "connect", "fin"]
        if start(self.hosts["client"], words).wait():
            raise NotHeld(f"not all {share} connections to server {number + 1} were made")

    def await_all(self, expression: str, hold: float = 0) -> dict[str, int]:
        """As until(), of all that were made: of TIME_WAITs only before the first of them ends.

        Errors: NotHeld; when it came to that, with the most that were there at once.
        """
        try:
            return self.until(expression, hold, min(WITHIN, max(0.0, self.left)))
        except NotHeld:
            if self.left > 0:
                raise
            host, _, state = self.variable.partition(":")
            now = census.count({host: self.hosts[host].path})[host]["states"][state]
            most = max(self.peak(), now)
            raise NotHeld(
                f"{self.size:,} TIME_WAIT took longer to make and count than the {LIFETIME:.0f} s "
                f"that they last; at most {most:,} existed at once"
            ) from None

    def until(
        self, expression: str, hold: float = 0, within: float | None = None
    ) -> dict[str, int]:
        """The values that a census measured when an expression held. Errors: NotHeld."""
        paths = {name: one.path for name, one in self.hosts.items()}
        found = census.until(paths, expression, WITHIN if within is None else within, hold)["until"]
        if not found["held"]:
            raise NotHeld(f"not {expression}: {found['values']}")
        return found["values"]

    def peak(self) -> int:
        """The most that the streaming census has seen at once so far."""
        file = self._samples.fileno()
        written = os.pread(file, os.fstat(file).st_size, 0)  # it shares our place in the file
        samples = map(json.loads, written.rpartition(b"\n")[0].splitlines())
        return max((one["states"].get(self.state, 0) for one in samples), default=0)

    def close(self) -> None:
        running = [one for one in (*self.servers, self.stream) if one]
        for process in running:
            process.kill()
        for process in running:
            process.wait()
        self._samples.close()
        host.remove(self.hosts)


def _shares(size: int) -> list[int]:
    """How many connections each server gets."""
    room = min(MOST_PORTS, resource.getrlimit(resource.RLIMIT_NOFILE)[0] - SPARE_DESCRIPTORS)
    count = math.ceil(size / room)
    return [size // count + (n < size % count) for n in range(count)]
