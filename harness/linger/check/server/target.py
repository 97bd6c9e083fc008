"""The server under test and everything that it started, in a host of a lab.

It runs under build/subreaper, which adopts all its orphans, so its tree is everything below that: a daemon
that left its parent is still in it. It has the caller's rights and no more (lab/service.py).
"""

from __future__ import annotations

import contextlib
import os
import signal
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from linger.lab import Lab, census, confine, files, service
from linger.lab.errors import TargetDied, signal_name
from linger.lab.events import Event
from linger.lab.expect import Peer
from linger.lab.foreign import tail_of
from linger.lab.process import descendants
from linger.lab.programs import program
from linger.lab.service import STARTING, address_hint, as_caller, elsewhere

SLOW = 5.0  # s: a server that listens by then starts normally
NEXT_PORT = 2.0  # s from one port that a server listens on to the next
HELPING = 3.0  # s that a helper has to listen, or to end
ENDING = 10.0  # s: after the stop signal
ABOUT_TO_END = 2.0  # s: after its sockets were closed
OUTPUT = 30  # last lines of output to show: a stack trace begins with the cause


@dataclass(frozen=True)
class Plan:
    """How the caller starts the server."""

    command: tuple[str, ...]
    port: int
    helpers: tuple[str, ...] = ()  # shell commands, started before it on the same host
    stop: signal.Signals = signal.SIGTERM


class Target:
    """Starts the server again and again, each time with its helpers on the same host."""

    def __init__(self, lab: Lab, plan: Plan) -> None:
        """lab: the server runs in its host "server"; nothing starts yet."""
        self.lab = lab
        self.plan = plan
        self.host = lab.hosts["server"]
        self.output = lab.evidence / "output.log"
        with files.writing(self.output):
            self.output.touch()
        self._helpers: list[Peer] = []
        self._supervisor: Peer | None = None
        self._listeners: list[dict[str, Any]] = []
        self._told: set[int] = set()  # to end
        self.warn = lab.tell  # called with anything remarkable about a start

    def _start(self, words: list[str | Path], output: Path, name: str) -> Peer:
        return self.lab.launch("server", [program("subreaper"), output, *words], name)

    def start_helpers(self) -> None:
        """Start the helpers in turn; each may listen, end, or do neither within some seconds.

        Errors: TargetDied when one ends otherwise than with status 0.
        """
        for number, command in enumerate(self.plan.helpers, 1):
            output = self.lab.evidence / f"helper-{number}.log"
            listening = self._listening()
            helper = self._start([*as_caller(0), "sh", "-c", command], output, f"helper{number}")
            deadline = time.monotonic() + HELPING
            while helper.running and time.monotonic() < deadline:
                if self._listening(more_than=listening) > listening:
                    break
            if not helper.running:
                helper.said("ended", main=1)  # the event may be unread yet
            ended = helper.events("ended", main=1)
            if ended and ended[0]["status"] != "0":
                raise TargetDied(f"the helper {command!r} {_ending(ended[0])}{tail_of(output)}")
            self._helpers.append(helper)

    def _listening(self, more_than: int = -1) -> int:
        """How many sockets listen in the host; waits a moment for more than more_than."""
        hosts = {"server": self.host.path}
        if more_than < 0:
            return census.count(hosts)["server"]["states"]["LISTEN"]
        found = census.until(hosts, f"LISTEN > {more_than}", within=0.1, hold=0)
        return found["hosts"][0]["states"]["LISTEN"]

    def start(self, descriptors: int = 0) -> None:
        """Start the server; returns once it listens on its port.

        descriptors: its limit (RLIMIT_NOFILE), if any. Errors: TargetDied with its last output,
        or with the reason why it cannot be started even though the helpers run.
        """
        if why := confine.cannot_start(self.plan.command[0]):
            raise TargetDied(why)
        words = [*as_caller(descriptors), *self.plan.command]
        helpers = {listener["port"] for listener in service.listeners(self.host)}
        self._supervisor = self._start(words, self.output, "target")
        self._told = set()
        began, elsewhere_since, slow = time.monotonic(), 0.0, False
        while (now := time.monotonic()) < began + STARTING:
            if self._supervisor.events("over"):
                hint = address_hint(self.output)
                raise TargetDied(f"the server {self.ending()}{hint}{self.last_output()}")
            if self._await("LISTEN >= 1", within=0.1):
                # A listener that was seen may have been the last of a server that was killed.
                if listeners := self._listeners_now():
                    self._listeners = listeners
                    if slow:
                        self.warn(f"it listens after {now - began:.0f} s: a slow start")
                    return
            others = {one["port"] for one in service.listeners(self.host)} - helpers
            elsewhere_since = (elsewhere_since or now) if others else 0.0
            if elsewhere_since and now > elsewhere_since + NEXT_PORT:
                break
            if now > began + SLOW and not slow:
                slow = True
                self.warn(f"nothing listens yet after {SLOW:g} s; it has {STARTING:g} s in all")
        raise TargetDied(
            f"nothing listens on port {self.plan.port} after {now - began:.0f} s"
            f"{elsewhere(self.host)}{self.last_output()}"
        )

    def _listeners_now(self) -> list[dict[str, Any]]:
        counted = census.count({"server": self.host.path}, [self.plan.port])
        return counted["server"]["listeners"]

    def _await(self, expression: str, within: float) -> bool:
        hosts = {"server": self.host.path}
        return census.until(hosts, expression, within, 0, [self.plan.port])["until"]["held"]

    @property
    def addresses(self) -> list[str]:
        """The addresses that the server listens on."""
        return [listener["address"] for listener in self._listeners]

    @property
    def backlog(self) -> int:
        """The shortest accept queue among its listeners, in connections; 0: not known."""
        return min(listener["backlog"] or 0 for listener in self._listeners)

    @property
    def pids(self) -> list[int]:
        """Every process of the server, zombies included."""
        return descendants(self._supervisor.pid)[1:] if self._supervisor else []

    @property
    def and_helpers(self) -> list[int]:
        """Every process of the server and of its helpers."""
        helpers = [pid for helper in self._helpers for pid in descendants(helper.pid)]
        return self.pids + helpers

    def ending(self) -> str:
        """How the server ended, in words; "" while it runs.

        A command that ended with status 0 and left processes behind is a daemon, and runs. One that no longer
        listens may be about to end: its descriptors are closed first.
        """
        if not (how := self._ending()) and not self._await("LISTEN >= 1", within=0):
            deadline = time.monotonic() + ABOUT_TO_END
            while not (how := self._ending()) and time.monotonic() < deadline:
                time.sleep(0.01)  # the next look
        return how

    def _ending(self) -> str:
        assert self._supervisor
        for event in self._supervisor.events("ended", main=1):
            if event["status"] != "0" or self._supervisor.events("over"):
                return _ending(event)
        return ""

    def last_output(self) -> str:
        """The last lines that the server wrote, to append to a sentence."""
        return tail_of(self.output, OUTPUT)

    def signal(self, number: signal.Signals, within: float = ENDING) -> bool:
        """Signal the server, then any processes it leaves behind, each once; True when all have ended.

        The signal goes to the command and, once that has ended, to what it leaves behind: a shell does not
        pass it on to the server that it runs.
        """
        assert self._supervisor
        deadline = time.monotonic() + within
        while not self._supervisor.events("over") and time.monotonic() < deadline:
            for pid in self._heads():
                if pid not in self._told:
                    self._told.add(pid)
                    _kill(pid, number)
            time.sleep(0.01)  # the next look
        return bool(self._supervisor.events("over"))

    def _heads(self) -> list[int]:
        """The topmost processes of the server: the command, or those it left behind."""
        assert self._supervisor
        with contextlib.suppress(OSError):
            path = Path(f"/proc/{self._supervisor.pid}/task/{self._supervisor.pid}/children")
            return [int(word) for word in path.read_text().split()]
        return []

    def kill(self) -> None:
        """SIGKILL the whole tree; returns when all are gone."""
        assert self._supervisor
        for pid in self.pids:
            _kill(pid, signal.SIGKILL)
        self._supervisor.stop(grace=ENDING)

    def kill_command(self) -> None:
        """SIGKILL the command alone, or a daemon's main process; returns when it is gone."""
        assert self._supervisor
        heads = self._heads()
        for pid in heads:
            _kill(pid, signal.SIGKILL)
        for pid in heads:
            self._supervisor.said("ended", within=ENDING, pid=pid)


def _kill(pid: int, number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, number)


def _ending(event: Event) -> str:
    if event["signal"] != "0":
        return f"was ended by {signal_name(int(event['signal']))}"
    return f"ended with status {event['status']}"
