"""A trial: one check on one server, in a lab of its own; the words that a check is written in."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Callable, Iterator

from linger.check import PATIENCE
from linger.check.finding import CHOICE, FAIL, LEAK, PASS, Finding, NotStruck
from linger.check.measure import Count, Meter
from linger.check.server.crowd import REPLY_WITHIN, Crowd
from linger.check.server.request import Request, discover
from linger.check.server.target import Plan, Target
from linger.lab import Lab, census
from linger.lab.errors import CannotRun, TargetDied
from linger.lab.host import Host

SOON = 10.0  # s: what is let go by then is as it should be, later by a slow policy
PACE = 0.01  # s between connects to a server with a short accept queue
FRESH = 10.0  # s: a request must be answered within
AGAIN = 0.25  # s until a request that was refused is tried again
RECEIVE_BUFFER = 4096  # bytes, of a client that lets a reply pile up
SEND_BUFFER = 16384  # bytes, most that the server's kernel takes of it
LINK = {"client": ("fd00::1", "fd00::2", 2), "server": ("fd00::2", "fd00::1", 1)}


@dataclass(frozen=True)
class Wish:
    """What the caller asked for."""

    plan: Plan
    connections: int = 20
    request: Request | None = None  # None: it is found by trying
    large: bytes = b""  # a request for a large reply, if one is known
    patience: float = PATIENCE  # s after which what is still held is a leak


class Trial:
    """A started server, the crowd's host, and what was measured before anything happened."""

    def __init__(
        self, name: str, wish: Wish, evidence: Path, tell: Callable[[str], None] = lambda step: None
    ) -> None:
        """Build the lab; nothing is started yet. name: of the lab; evidence: its directory."""
        self.wish = wish
        self.n = wish.connections
        self.late = wish.patience
        self.soon = min(SOON, self.late / 2)
        self.request = wish.request or Request(b"")
        self.tell = tell
        self.lab = Lab(name, evidence, connections=max(400, 10 * self.n), tell=tell)
        try:
            self.client, self.server = self.lab.hosts["client"], self.lab.hosts["server"]
            _furnish(self.client, self.server)
            self.target = Target(self.lab, wish.plan)
            self.meter = Meter(
                self.server, lambda: self.target.pids, self.client, [wish.plan.port]
            )
        except BaseException:
            self.lab.close()
            raise
        self.before: Count
        self.lab.since = time.time()
        self.address = ""

    def begin(self, descriptors: int = 0) -> None:
        """Start the server, let it serve once, and take the baseline.

        descriptors: its limit, if any. Errors: TargetDied, also when it does not serve; CannotRun
        when no client can get there.
        """
        self.target.start_helpers()
        self.start(descriptors)
        if why := self.fresh(within=FRESH):
            raise TargetDied(
                f"the server listens, and its first request fails: {why}"
                f"{self.target.last_output()}"
            )
        self.meter.awaits("ESTABLISHED == 0 and CLOSE_WAIT == 0", within=5.0)
        self.before = self.meter.take()
        self.now()

    def now(self) -> None:
        """From now on the clients do what the check is about: of that a ladder tells."""
        self.lab.since = time.time()

    def start(self, descriptors: int = 0) -> None:
        """Start the server, perhaps again; returns once it listens. Errors: as begin()."""
        self.target.start(descriptors)
        self.address = _reachable(self.target.addresses)
        self.tell(f"the server listens on {self.address} port {self.wish.plan.port}")

    def find_request(self) -> Request:
        """Start the server, and find out how it is asked: as the caller says, or by trying.

        Errors: as begin(), also when it ends meanwhile; Usage when it does not answer what the
        caller gave.
        """
        self.target.start_helpers()
        self.start()
        try:
            return discover(lambda: self.crowd(1), self.wish.request)
        except NotStruck as error:
            raise TargetDied(
                f"the server listens, but {error}{self.target.last_output()}"
            ) from None
        finally:
            self._must_run()

    def _must_run(self) -> None:
        """Errors: TargetDied when the server has ended, or its command failed and left some of it."""
        if how := self.target.ending():
            more = ""
            if self.meter.awaits("LISTEN >= 1", within=0):
                more = "; some of it still listens, but the command of a daemon ends with status 0"
            raise TargetDied(
                f"the server {how} while we tried what it answers{more}{self.target.last_output()}"
            )

    def close(self) -> None:
        """End everything and remove the lab."""
        self.lab.close()

    # What the clients do.

    def crowd(
        self, count: int, at_least: int | None = None, receive_buffer: int = 0, within: float = 20.0
    ) -> Crowd:
        """Connect so many clients.

        at_least: how many must succeed, by default all; within: seconds.
        Errors: NotStruck when fewer do.
        """
        pace = PACE if self.target.backlog < count else 0.0
        to = (self.address, self.wish.plan.port)
        crowd = Crowd(self.client, to, count, pace, within, receive_buffer)
        made = len(crowd.connected)
        self.tell(f"client: {made} of {count} connected")
        if made < (count if at_least is None else at_least):
            why = next((one.ended for one in crowd.connections if not one.connected), "")
            crowd.close()
            raise NotStruck(f"only {made} of {count} connections were established ({why})")
        return crowd

    def waves(self) -> Iterator[Crowd]:
        """All clients, so many at a time as the server's accept queue holds.

        Each wave must be over before the next one begins: so a server that serves one after the
        other is not held up by the crowd itself.
        """
        left = self.n
        while left:
            size = min(left, max(1, self.target.backlog))
            with self.crowd(size) as crowd:
                self.greet(crowd)
                yield crowd
            left -= size

    def greet(self, crowd: Crowd) -> None:
        """Hear what the server says first, if it does."""
        if self.request.banner:
            crowd.read(REPLY_WITHIN, lambda one: one.received > 0)

    def send_queue(self, within: float = 3.0) -> bool:
        """Wait until the server's kernel has bytes to send on its port (ss(8), Send-Q)."""
        deadline = time.monotonic() + within
        while time.monotonic() < deadline:
            rows = self.server.run("ss", "-Htn", "sport", "=", f":{self.wish.plan.port}")
            if any(int(row.split()[2]) for row in rows.splitlines()):
                return True
            time.sleep(AGAIN / 10)  # the next look
        return False

    def still_held(self, within: float) -> bool:
        """Whether the server itself still holds connections after so many seconds.

        If not, it has written its whole reply and closed, and the kernel alone does the rest.
        """
        return self.meter.settles(self.before, self.n, within) is not None

    def deferred(self, crowd: Crowd) -> int:
        """How many of a crowd the server's kernel keeps from it till they speak (TCP_DEFER_ACCEPT).

        Those that fit into no accept queue any more are in SYN_RECEIVED, too.
        """
        found = self.meter.snapshot()
        if any(listener["recv_q"] > listener["backlog"] for listener in found["listeners"]):
            return 0
        return min(found["states"]["SYN_RECEIVED"], len(crowd.connected))

    def accepted(self, crowd: Crowd, within: float = 2.0) -> bool:
        """Wait until processes of the server have a crowd; one that serves one by one never has.

        What nobody has accepted is reset with its listener, and leaves nothing on the port.
        """
        return self.meter.awaits(f"ESTABLISHED.owned >= {len(crowd.open)}", within)

    def ask(self, crowd: Crowd) -> None:
        """Send the request on all, after what the server says first."""
        self.greet(crowd)
        crowd.send(self.request.payload)

    def fresh(self, within: float = FRESH) -> str:
        """One more client with an ordinary request: "" when it is served, else why not.

        It tries again until the time is over, unless the server has ended. within: seconds.
        """
        deadline = time.monotonic() + within
        while True:
            why = self._fresh_once(max(0.1, deadline - time.monotonic()))
            if not why or time.monotonic() + AGAIN > deadline or self.target.ending():
                return why
            time.sleep(AGAIN)

    def _fresh_once(self, within: float) -> str:
        with Crowd(self.client, (self.address, self.wish.plan.port), 1, within=within) as crowd:
            one = crowd.connections[0]
            if not one.connected:
                return f"connect: {one.ended}"
            if not self.request.answered:
                taken = self.meter.awaits("accept_queue == 0", within)
                return "" if taken else "not accepted"
            self.greet(crowd)
            greeting = one.received
            crowd.send(self.request.payload)
            if self.request.payload:
                crowd.read(within, lambda one: one.received > greeting)
            served = one.received > (greeting if self.request.payload else 0)
            crowd.fin()
        return "" if served else (f"no reply, {one.ended}" if one.ended else "no reply in time")

    def client_timewaits(self) -> int:
        """How many TIME_WAITs the client's host holds."""
        return census.count({"client": self.client.path})["client"]["states"]["TIME_WAIT"]

    # What is found.

    def leavings(self, before: Count | None = None) -> Finding:
        """The finding when all clients have left: whether the server let go, and serves on.

        before: what it held before them, by default the baseline. To keep clients for a while is a
        policy; a pool of processes, or of connections to a backend, that shrinks again is none.
        """
        before = before or self.before
        began = time.monotonic()
        left = self.meter.settles(before, self.n, within=self.soon)
        kept = left and left.connections > before.connections
        verdict, slow = (CHOICE, ", by a time-out of its own") if kept else (PASS, "")
        more = ", ".join(left.fuller_than(before, self.n)) if left else ""
        took = time.monotonic() - began
        if why := self.fresh():
            return Finding(FAIL, f"{self.n} clients left, and a fresh request fails: {why}")
        if left:
            left = self.meter.settles(before, self.n, within=self.late - self.soon)
            took = time.monotonic() - began
        if left:
            return Finding(LEAK, f"held for {took:.0f} s and longer: {more}", self.meter.held(before))
        return Finding(verdict, f"{self.n} clients left, all let go in {took:.1f} s{slow}")

    def result(self) -> dict[str, Any]:
        """What was measured, in the shape of a scenario's result.json."""
        self.lab.snapshot = {"server": self.meter.snapshot()}
        return self.lab.result()


def _furnish(client: Host, server: Host) -> None:
    """Make every address reachable that a server may listen on, and every port its own.

    IPv6 addresses on the link; and 127.0.0.0/8 of the server as seen from the client, which gives up
    its own (ip-sysctl, route_localnet): many servers listen on nothing else by default. For ::1 the
    kernel has no such way.
    """
    for host in (client, server):
        mine, other, number = LINK[host.name]
        host.sysctl(**{"conf.eth0.route_localnet": 1, "ip_unprivileged_port_start": 0})
        host.run("ip", "-batch", "-", input=(
            f"addr add {mine}/64 dev eth0 nodad\n"
            f"neigh add {other} lladdr 02:00:00:00:00:0{number} dev eth0 nud permanent\n"
        ))  # fmt: skip
    client.run("ip", "-batch", "-", input=(
        "addr flush dev lo\n"
        "route add 127.0.0.0/8 via 10.0.0.2 dev eth0 src 10.0.0.1\n"
    ))  # fmt: skip


def _reachable(addresses: list[str]) -> str:
    """Where the client connects to, of the addresses that are listened on. Errors: CannotRun."""
    known = {"0.0.0.0": "10.0.0.2", "10.0.0.2": "10.0.0.2"}
    known.update({address: address for address in addresses if address.startswith("127.")})
    known.update({"::": "fd00::2", "fd00::2": "fd00::2"})
    for address, to in known.items():
        if address in addresses:
            return to
    raise CannotRun(
        f"the server listens on {', '.join(addresses)} only, which the clients, on another host of "
        "the lab, cannot reach; let it listen on 127.0.0.1, 0.0.0.0 or ::"
    )
