"""An encounter: one check on one client, in its own lab; its methods are what checks are written with."""

from __future__ import annotations

import contextlib
import time
from pathlib import Path
from typing import Any, Callable, Sequence

from linger.check import schedule
from linger.check.client import oneshot, surroundings, turncoat
from linger.check.client.driver import Driver
from linger.check.client.outcome import DONE, Outcome
from linger.check.client.subject import Address, Order, Program
from linger.check.client.turncoat import AUTHORITY, GOOD, REFUSE, Turncoat
from linger.check.client.vigil import LOOK, Watch, connections, opens
from linger.check.finding import NotStruck
from linger.check.measure import Meter
from linger.lab import Lab, files
from linger.lab.errors import TargetDied
from linger.lab.service import STARTING

QUICKLY = 8.0  # s for anything that does not wait for a timeout
SMALL, LARGE = 1000, 16 << 20  # bytes of a POST; more than the buffers of both hosts hold
STRIKING = 5.0  # s within which the server does what it does after a delay
GET, POST = "GET", "POST"


class Encounter:
    """A client, and a server that turns against it."""

    def __init__(
        self, name: str, order: Order, evidence: Path, tell: Callable[[str], None] = lambda step: None
    ) -> None:
        """Build the lab; nothing is started yet. name: of the lab; evidence: its directory."""
        self.order, self.tell = order, tell
        self.lab = Lab(name, evidence, connections=400, tell=tell)
        try:
            self.client, self.server = self.lab.hosts["client"], self.lab.hosts["server"]
            surroundings.name_servers(self.server, evidence)
            self._trusting = surroundings.trust(AUTHORITY, evidence)
            self._driver = Driver(evidence, self._start_driver) if order.driver else None
        except BaseException:
            self.lab.close()
            raise
        self.meter = Meter(self.client, self._pids, self.server)
        self.turncoat: Turncoat
        self._runs = 0
        self.timed = False  # whether a deadline has passed: then a busy machine may be to blame
        self.lab.since = time.time()

    def close(self) -> None:
        """End everything and remove the lab."""
        if self._driver:
            self._driver.close()
        self.lab.close()

    @property
    def driven(self) -> bool:
        """Whether one process makes many requests."""
        return self._driver is not None

    def died(self) -> str:
        """How a driver ended unasked: a sentence and its last output, "" if it did not."""
        return self._driver.died() if self._driver else ""

    def must_be_driven(self, why: str) -> None:
        """Errors: NotStruck for a command that makes one request and ends. why: what it lacks."""
        if not self.driven:
            raise NotStruck(f"a command that makes one request and ends {why}; needs --driver")

    def begin(self, *behaviours: str, tls: bool | None = None) -> None:
        """Start a turncoat with these behaviours. tls: by default as the caller chose."""
        wanted = self.order.tls if tls is None else tls
        self.turncoat = Turncoat(self.lab, behaviours, wanted)

    def now(self) -> None:
        """From now on the server does what the check is about: the ladders begin here."""
        self.lab.since = time.time()

    # What the client does.

    def ask(
        self, behaviour: str, method: str = GET, limit: float = QUICKLY, size: int = SMALL,
        host: str = surroundings.NAME,
    ) -> Outcome:  # fmt: skip
        """Let the client make one request, and watch it for at most limit seconds.

        size: bytes of a POST; host: the server's name.
        """
        if not self._driver:
            return self.asks([behaviour], limit, host)[0]
        at = self.address(behaviour, host)
        body = self._body(size) if method == POST else None
        before, program = self._driver.program, self._driver.started()
        watch = Watch(self.client, at.port, lambda: self._opened(behaviour), program is not before)
        with schedule.only_waiting() if limit > QUICKLY else contextlib.nullcontext():
            outcome = self._driver.ask(method, at, body, watch, limit)
        self.turncoat.sync()
        self.tell(f"{method} {behaviour}: {outcome.end}, {outcome.said}")
        self.timed |= outcome.goes_on
        if outcome.end != DONE and program is self._driver.program:
            self._driver.end()
        return outcome

    def asks(
        self, behaviours: Sequence[str], limit: float = QUICKLY, host: str = surroundings.NAME
    ) -> list[Outcome]:
        """Let the client meet several behaviours: a driver in turn, until one leaves it waiting; a command in
        simultaneous runs. limit: as for ask(), for each."""
        if self._driver:
            found = []
            for behaviour in behaviours:
                found.append(self.ask(behaviour, limit=limit, host=host))
                if found[-1].end != DONE:
                    break
            return found
        runs, watches = [], []
        for behaviour in behaviours:
            self._runs += 1
            at = self.address(behaviour, host)
            folder = self.lab.evidence / f"run-{self._runs}-{behaviour}"
            watches.append(Watch(self.client, at.port, lambda name=behaviour: self._opened(name)))
            runs.append(oneshot.Run(self._start, self.order, at, folder))
        with schedule.only_waiting() if limit > QUICKLY else contextlib.nullcontext():
            outcomes = oneshot.together(runs, watches, self.client, self.order.yardstick, limit)
        self.turncoat.sync()
        for outcome in outcomes:
            self.timed |= outcome.goes_on
            self.tell(f"{outcome.behaviour}: {outcome.end}, {outcome.said}")
        return outcomes

    def good(self, behaviour: str = GOOD, method: str = GET) -> Outcome:
        """A request that must succeed before anything else counts. Errors: TargetDied."""
        outcome = self.ask(behaviour, method, limit=STARTING)
        if not outcome.took and not (outcome.end == DONE and outcome.success is None):
            raise TargetDied(f"the client fails against the good server: {outcome.said}"
                             + "".join(f"\n    | {line}" for line in outcome.notes))  # fmt: skip
        return outcome

    def address(self, behaviour: str, host: str = surroundings.NAME) -> Address:
        """The address of a behaviour."""
        return Address(self.turncoat.port(behaviour), self.turncoat.tls, host, f"/{behaviour}")

    def _opened(self, behaviour: str) -> int:
        """How many connections the client has begun: those that arrived or, if none did, all."""
        if behaviour == REFUSE:
            return opens(self.client)
        return self.turncoat.accepts(self.turncoat.port(behaviour))

    def _pids(self) -> list[int]:
        program = self._driver and self._driver.program
        return program.pids if program else []

    def _body(self, size: int) -> Path:
        path = self.lab.evidence / f"body-{size}"
        if not path.exists():
            with files.writing(path):
                path.touch()
            with path.open("r+b") as body:
                body.truncate(size)
        return path

    def _start(self, words: list[str], folder: Path, stdin: Path, stdout: Path) -> Program:
        return Program(self.lab, words, self._trusting, folder, stdin, stdout)

    def _start_driver(self, requests: Path, answers: Path) -> Program:
        words = list(self.order.command)
        return self._start(words, self.lab.evidence, requests, answers)

    # What the server saw, and what the client holds.

    def struck(self, *behaviours: str) -> None:
        """Errors: NotStruck unless the server has struck on each port."""
        for behaviour in behaviours:
            port = self.turncoat.port(behaviour)
            if not self.turncoat.strikes(port):
                what = "got no request" if not self.turncoat.accepts(port) else "did nothing"
                raise NotStruck(f"{behaviour}: the server {what}")

    def await_strike(self, behaviour: str, times: int) -> None:
        """Wait until the server has struck that many times on a port. Errors: NotStruck when the client left
        earlier, so there was nothing to strike."""
        port = self.turncoat.port(behaviour)

        def struck() -> bool:
            return self.turncoat.strikes(port) >= times

        self._await(lambda: struck() or not self.turncoat.keeps(port))
        if not struck():
            raise NotStruck("it keeps no connection for another request")

    def await_end(self, behaviour: str) -> None:
        """Wait until the server has no connection left on a port. Errors: NotStruck."""
        port = self.turncoat.port(behaviour)
        if not self._await(lambda: not self.turncoat.keeps(port)):
            raise NotStruck(f"{behaviour}: the server has not ended it after {STRIKING:.0f} s")

    def _await(self, reached: Callable[[], bool]) -> bool:
        deadline = time.monotonic() + STRIKING
        while not reached() and time.monotonic() < deadline:
            time.sleep(LOOK)  # the next look
        return reached()

    def left(self, before: int, most: int, within: float) -> int:
        """Wait until the client holds at most that many more connections, or descriptors whose connection is
        gone, than before; returns how many it holds. within: seconds."""
        deadline = time.monotonic() + within
        with schedule.only_waiting():
            while (more := self.meter.take().connections - before) > most and time.monotonic() < deadline:
                time.sleep(2 * LOOK)  # the next look
        self.timed |= more > most
        return more

    def connected(self, behaviour: str) -> int:
        """How many connections to a behaviour's port the client's programs have."""
        states = connections(self.client, self.turncoat.port(behaviour))
        return sum(count for state, count in states.items() if state != "unread")

    def result(self) -> dict[str, Any]:
        """What was measured, in the shape of a scenario's result.json."""
        self.lab.snapshot = {"client": self.meter.snapshot()}
        return self.lab.result()
