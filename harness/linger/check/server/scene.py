"""A scene: a server started in its own lab, and what its clients do."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Callable, Iterator

from linger.check import PATIENCE
from linger.check.finding import NotStruck
from linger.check.measure import Count, Meter
from linger.check.server import dialogue, ways
from linger.check.server.crowd import REPLY_WITHIN, Crowd
from linger.check.server.dialogue import Dialogue
from linger.check.server.request import Request, discover, find_large
from linger.check.server.target import Plan, Target
from linger.check.server.tls import Tls
from linger.lab import Lab, census, exits
from linger.lab.errors import TargetDied

SOON = 10.0  # s: releasing by then is as it should be, later is a slow policy
PACE = 0.01  # s between connects to a server with a short accept queue
FRESH = 10.0  # s: a request must be answered within
LETTING_GO = 2.0  # s of the first client: what is still held of it then counts as there before
SHAKING = 2.0  # s for a handshake beside a client that stays
AGAIN = 0.25  # s until a request that was refused is tried again
RECEIVE_BUFFER = 4096  # bytes, for a client that lets a reply pile up
SEND_BUFFER = 16384  # bytes of it that the server's kernel takes at most


@dataclass(frozen=True)
class Wish:
    """What the caller asked for."""

    plan: Plan
    connections: int = 20
    request: Request | None = None  # None: it is found by trying
    large: bytes = b""  # a request for a large reply, if the caller knows one
    upload: bytes = b""  # the beginning of an HTTP upload that the server takes
    dialogue: Dialogue = ()  # held before anything is asked
    tls: Tls | None = None  # None: plain TCP
    patience: float = PATIENCE  # s after which what is still held is a leak


class Scene:
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
        self.large = wish.large or self.request.large  # b"": none is known
        self.tell = tell
        self.lab = Lab(name, evidence, connections=max(400, 10 * self.n), tell=tell)
        try:
            self.client, self.server = self.lab.hosts["client"], self.lab.hosts["server"]
            ways.furnish(self.client, self.server)
            self.target = Target(self.lab, wish.plan)
            self.meter = Meter(
                self.server, lambda: self.target.pids, self.client, [wish.plan.port]
            )
        except BaseException:
            self.lab.close()
            raise
        self.before: Count
        self.watch = exits.Watch()  # of processes that must not crash
        self.lab.since = time.time()
        self.address = ""

    def begin(self, descriptors: int = 0) -> None:
        """Start the server, let it serve once, and take the baseline.

        descriptors: its limit, if any. Errors: TargetDied, also when it does not serve; CannotRun
        when no client can get there.
        """
        self.target.start_helpers()
        self.start(descriptors)
        self.watch.add(self.target.pids)  # before the first client, for which it may fork
        if why := self.fresh(within=FRESH):
            raise TargetDied(
                f"the server listens, and its first request fails: {why}"
                f"{self.target.last_output()}"
            )
        self.meter.awaits("ESTABLISHED == 0 and CLOSE_WAIT == 0", within=LETTING_GO)
        self.before = self.meter.steady()
        things = self.before.things.items()  # a worker may have come after the master listened
        self.watch.add(pid for pid, held in things if any(kind == "listener" for kind, _ in held))
        self.now()

    def now(self) -> None:
        """From now on the clients do what the check is about: the ladders begin here."""
        self.lab.since = time.time()

    def start(self, descriptors: int = 0) -> None:
        """Start the server, perhaps again; returns once it listens. Errors: as begin()."""
        self.target.start(descriptors)
        self.address = ways.reachable(self.target.addresses)
        if self.address == ways.OWN:
            self.client = self.meter.other = self.server
        self.tell(f"the server listens on {self.address} port {self.wish.plan.port}")

    def find_request(self) -> Request:
        """Start the server and find a request for it: the caller's, or one found by trying.

        Errors: as begin(), also when it ends meanwhile; Usage when it does not answer what the
        caller gave.
        """
        self.target.start_helpers()
        self.start()
        try:
            tls = self.wish.tls is not None
            request = discover(self._greeted, self.wish.request, inside_tls=tls)
            request = replace(request, one_by_one=tls and self._one_by_one())
            return request if self.wish.large else find_large(self._greeted, request)
        except NotStruck as error:
            raise TargetDied(
                f"the server listens, but {error}{self.target.last_output()}"
            ) from None
        finally:
            self._must_run()

    def _one_by_one(self) -> bool:
        """Whether a client's handshake waits until the client before has left."""
        to = (self.address, self.wish.plan.port)
        with self.crowd(1), Crowd(self.client, to, 1, within=SHAKING, tls=self.wish.tls) as second:
            return not second.connected

    def _greeted(self) -> Crowd:
        """One client that may ask. Errors: NotStruck."""
        crowd = self.crowd(1)
        self.greet(crowd)
        return crowd

    def _must_run(self) -> None:
        """Errors: TargetDied when the server has ended, or its command failed and left some processes."""
        if how := self.target.ending():
            more = ""
            if self.meter.awaits("LISTEN >= 1", within=0):
                more = "; some of it still listens, but a daemon's command must exit with status 0"
            raise TargetDied(
                f"the server {how} while probing for a request{more}{self.target.last_output()}"
            )

    def close(self) -> None:
        """End everything and remove the lab."""
        self.watch.close()
        self.lab.close()

    # What the clients do.

    def crowd(
        self,
        count: int,
        at_least: int | None = None,
        receive_buffer: int = 0,
        within: float = 20.0,
        bare: bool = False,
    ) -> Crowd:
        """Connect that many clients.

        at_least: how many must succeed, by default all; within: seconds; bare: without TLS, even
        where that is spoken.
        Errors: NotStruck when fewer do.
        """
        pace = PACE if self.target.backlog < count else 0.0
        to = (self.address, self.wish.plan.port)
        tls = None if bare else self.wish.tls
        crowd = Crowd(self.client, to, count, pace, within, receive_buffer, tls)
        made = len(crowd.connected)
        self.tell(f"client: {made} of {count} connected")
        if made < (count if at_least is None else at_least):
            why = next((one.ended for one in crowd.connections if not one.connected), "")
            crowd.close()
            raise NotStruck(f"only {made} of {count} connections were established ({why})")
        return crowd

    def waves(self, bare: bool = False) -> Iterator[Crowd]:
        """All clients, as many at a time as the server's accept queue holds. bare: as for crowd().

        Each wave must be over before the next one begins: so a server that serves one after the
        other is not held up by the crowd itself.
        """
        left = self.n
        while left:
            size = self.at_once(left, bare)
            with self.crowd(size, bare=bare) as crowd:
                if not (bare and (self.wish.tls or self.wish.dialogue)):
                    self.greet(crowd)
                yield crowd
            left -= size

    def at_once(self, count: int, bare: bool = False) -> int:
        """How many of count clients can be with the server at a time. bare: as for crowd()."""
        return 1 if self.request.one_by_one and not bare else min(count, max(1, self.target.backlog))

    def greet(self, crowd: Crowd) -> None:
        """Read what the server says first, if anything, or hold the dialogue.

        Errors: NotStruck when that fails.
        """
        if self.wish.dialogue and (why := dialogue.hold(self.wish.dialogue, crowd)):
            raise NotStruck(why)
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

    def deferred(self, crowd: Crowd) -> int:
        """How many of a crowd the server's kernel withholds until they speak (TCP_DEFER_ACCEPT).

        Those that no longer fit into the accept queue are in SYN_RECEIVED too.
        """
        found = self.meter.snapshot()
        if any(queue["recv_q"] > (queue["backlog"] or 0) for queue in found["listeners"]):
            return 0
        return min(found["states"]["SYN_RECEIVED"], len(crowd.connected))

    def accepted(self, crowd: Crowd, within: float = 2.0) -> bool:
        """Wait until the server's processes have accepted a crowd; a server that serves one by one never
        does.

        Unaccepted connections are reset with their listener and leave nothing on the port.
        """
        return self.meter.awaits(f"ESTABLISHED.owned >= {len(crowd.open)}", within)

    def ask(self, crowd: Crowd, request: bytes | None = None) -> None:
        """Send the request, or another one, on all, after the server's greeting."""
        self.greet(crowd)
        crowd.send(self.request.payload if request is None else request)

    def fresh(self, within: float = FRESH) -> str:
        """One more client with an ordinary request: "" when it is served, else why not.

        It tries again until the time is up, unless the server has ended. within: seconds.
        """
        deadline = time.monotonic() + within
        while True:
            why = self._fresh_once(max(0.1, deadline - time.monotonic()))
            if not why or time.monotonic() + AGAIN > deadline or self.target.ending():
                return why
            time.sleep(AGAIN)

    def _fresh_once(self, within: float) -> str:
        to = (self.address, self.wish.plan.port)
        with Crowd(self.client, to, 1, within=within, tls=self.wish.tls) as crowd:
            one = crowd.connections[0]
            if not one.connected:
                return f"connect: {one.ended}"
            if not self.request.answered:
                taken = self.meter.awaits("accept_queue == 0", within)
                return "" if taken else "not accepted"
            try:
                self.greet(crowd)
            except NotStruck as error:
                return str(error)
            greeting = one.received
            crowd.send(self.request.payload)
            if self.request.payload:
                crowd.read(within, lambda one: one.received > greeting)
            served = one.received > (greeting if self.request.payload else 0)
            crowd.fin()
        return "" if served else (f"no reply, {one.ended}" if one.ended else "no reply in time")

    def client_timewaits(self) -> int:
        """How many TIME_WAITs the clients hold."""
        everybody = census.count({"client": self.client.path})["client"]["states"]["TIME_WAIT"]
        return everybody - (self.client is self.server and self.server_timewaits())

    def server_timewaits(self) -> int:
        """How many TIME_WAITs the server's port holds."""
        return self.meter.snapshot()["states"]["TIME_WAIT"]

    def must_be_apart(self) -> None:
        """Errors: NotStruck where no network fault can separate clients and server."""
        if self.client is self.server:
            raise NotStruck("it listens on ::1 only, so its clients are on its own host and cannot vanish")
