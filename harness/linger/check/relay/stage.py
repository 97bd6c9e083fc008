"""A stage: a real backend and its client in their own lab, and the relay between them."""

from __future__ import annotations

import contextlib
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Callable, Sequence

from linger.check import schedule
from linger.check.client import oneshot, surroundings
from linger.check.client.outcome import Outcome
from linger.check.client.subject import Address, Order, Program, filled
from linger.check.client.vigil import Watch, opens
from linger.check.measure import Meter
from linger.check.relay.exchange import Sizes
from linger.check.relay.middle import REFUSES, Relay
from linger.check.server.target import Plan, Target
from linger.lab import Lab, files
from linger.lab.errors import TargetDied

QUICKLY = 8.0  # s for anything that does not wait for a timeout
AT_ONCE, WAITING = 6, 24  # runs at the same time: of those that compute, and of those that wait
EVERYWHERE = {"0.0.0.0": "127.0.0.1", "::": "::1"}


class BackendDied(TargetDied):
    """The real server does not start or does not come back: nothing is known about the client."""


@dataclass(frozen=True)
class Task:
    """What the caller asked for, and what is known about the program so far."""

    order: Order  # the client
    backend: str  # a shell command
    helpers: tuple[str, ...]  # shell commands started before it, on the same host
    backend_port: int
    port: int  # the relay's first
    lasts: bool = False  # it does not end by itself
    exchange: tuple[Sizes, ...] = ()  # a good one


class Stage:
    """One check on one client, with its backend and a relay."""

    def __init__(
        self, name: str, task: Task, evidence: Path, tell: Callable[[str], None] = lambda step: None
    ) -> None:
        """Build the lab; nothing is started yet. name: of the lab; evidence: its directory."""
        self.task, self.tell = task, tell
        self.lab = Lab(name, evidence, connections=400, tell=tell)
        try:
            self.client, self.server = self.lab.hosts["client"], self.lab.hosts["server"]
            surroundings.name_servers(self.server, evidence)
            plan = Plan(("sh", "-c", task.backend), task.backend_port, task.helpers)
            self.backend = Target(self.lab, plan)
        except BaseException:
            self.lab.close()
            raise
        self.program: Program | None = None  # that lasts
        self.meter = Meter(self.client, lambda: self.program.pids if self.program else [], self.server)
        self.relay: Relay
        self.folder, self.started = evidence, 0.0  # of the last start()
        self._runs = 0
        self.timed = False  # whether a deadline has passed: then a busy machine may be to blame
        self.lab.since = time.time()

    def close(self) -> None:
        """End everything and remove the lab."""
        self.lab.close()

    def serve(self) -> None:
        """Start the helpers and the backend. Errors: BackendDied."""
        try:
            self.backend.start_helpers()
            self.backend.start()
        except TargetDied as error:
            raise BackendDied(f"of --with: {error}") from None

    def begin(self, *strikes: str) -> None:
        """Put a relay in front of the backend, with one port per strike."""
        address = self.backend.addresses[0]
        to = EVERYWHERE.get(address, address), self.task.backend_port
        self.relay = Relay(self.lab, self.task.port, to, strikes)

    def address(self, strike: str) -> Address:
        """The address of a strike."""
        return Address(self.relay.port(strike), path=f"/{strike}")

    def _opened(self, strike: str) -> int:
        """How many connections were begun on a port or, if none arrived, all that the client began."""
        return opens(self.client) if strike == REFUSES else self.relay.accepts(self.relay.port(strike))

    def _start(self, words: list[str], folder: Path, stdin: Path, stdout: Path) -> Program:
        return Program(self.lab, words, surroundings.without_proxies(), folder, stdin, stdout)

    # A client that ends.

    def meets(self, strikes: Sequence[str], limit: float = QUICKLY) -> list[Outcome]:
        """Let the client meet strikes, one run each; several at the same time, because the relay keeps them
        apart. limit: seconds that each is watched."""
        waits = limit > QUICKLY
        several = WAITING if waits else AT_ONCE
        found: list[Outcome] = []
        with schedule.only_waiting() if waits else contextlib.nullcontext():
            for first in range(0, len(strikes), several):
                found += self._meet(strikes[first : first + several], limit)
        self.relay.sync()
        for outcome in found:
            self.timed |= outcome.goes_on
            self.tell(f"{outcome.behaviour}: {outcome.end}, {outcome.said}")
        return found

    def _meet(self, strikes: Sequence[str], limit: float) -> list[Outcome]:
        runs, watches = [], []
        for strike in strikes:
            self._runs += 1
            at = self.address(strike)
            folder = self.lab.evidence / f"run-{self._runs}-{strike}"
            watches.append(Watch(self.client, at.port, lambda name=strike: self._opened(name)))
            runs.append(oneshot.Run(self._start, self.task.order, at, folder))
        return oneshot.together(runs, watches, self.client, self.task.order.yardstick, limit)

    # A client that lasts.

    def start(self, strike: str) -> Program:
        """Start the client so that it meets a strike; self.folder is where it writes."""
        self._runs += 1
        folder = self.lab.evidence / f"run-{self._runs}-{strike}"
        files.make_folder(folder)
        words = filled(self.task.order.command, self.address(strike), folder / "out")
        self.folder, self.started = folder, time.monotonic()
        self.program = self._start(words, folder, Path("/dev/null"), folder / "stdout")
        return self.program

    def restart(self, port: int) -> None:
        """Stop the backend as its owner would, and start it again; the port refuses meanwhile.

        Errors: BackendDied when it does not come back.
        """
        if not self.backend.signal(self.backend.plan.stop):
            self.backend.kill()
        self.relay.command(f"refuse {port}")
        try:
            self.backend.start()
        except TargetDied as error:
            raise BackendDied(f"of --with, when it was restarted: {error}") from None

    def result(self) -> dict[str, Any]:
        """What was measured, in the shape of a scenario's result.json."""
        self.lab.snapshot = {"client": self.meter.snapshot()}
        return self.lab.result()
