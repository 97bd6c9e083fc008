"""Watching a client that is not done: can anything still wake it?

The strongest rule needs no argument about timeouts. A client that is not done and has no connection from
which anything could come waits for nothing. One that retries has no connection between its tries, so the
watch waits for the next try; and one that computes does not wait.
"""

from __future__ import annotations

import time
from collections import Counter
from pathlib import Path
from typing import Callable

from linger.check.client.outcome import PENDING, RETRIES, WAITS
from linger.lab import census, netns, processor
from linger.lab.host import Host

NOTHING = 5.0  # s without a connection
BETWEEN = 12.0  # s between tries of a client that retries (wget pauses for 10 s at most)
LOOK = 0.05  # s
COMPUTES = 20.0  # percent of a processor
STATES = {int(number, 16): state for number, state in (
    ("01", "ESTABLISHED"), ("02", "SYN_SENT"), ("04", "FIN_WAIT1"), ("05", "FIN_WAIT2"),
    ("08", "CLOSE_WAIT"), ("09", "LAST_ACK"), ("0B", "CLOSING"),
)}  # fmt: skip
OPEN = ("ESTABLISHED", "SYN_SENT", "FIN_WAIT1", "FIN_WAIT2")  # something can still come


def connections(host: Host, port: int) -> Counter[str]:
    """The connections of a host's programs to a port, by state; under "unread", those whose end has come
    while bytes before it are still unread (proc_pid_net(5), tcp)."""
    found: Counter[str] = Counter()
    with netns.inside(host.path):
        rows = [
            line.split()
            for name in ("tcp", "tcp6")
            for line in Path("/proc/thread-self/net", name).read_text().splitlines()[1:]
        ]
    for row in rows:
        state = STATES.get(int(row[3], 16))
        if not state or row[9] == "0" or int(row[2].rpartition(":")[2], 16) != port:
            continue  # an orphan: no program has it
        found[state] += 1
        found["unread"] += state not in OPEN and int(row[4].partition(":")[2], 16) > 1
    return found


def opens(host: Host) -> int:
    """How many connections a host has opened actively (RFC 4022, tcpActiveOpens)."""
    with netns.inside(host.path):
        lines = Path("/proc/thread-self/net/snmp").read_text().splitlines()
    names, values = (line.split() for line in lines if line.startswith("Tcp:"))
    return int(values[names.index("ActiveOpens")])


class Watch:
    """Looks at a client from the moment it is given something to do."""

    def __init__(self, host: Host, port: int, opened: Callable[[], int], fresh: bool = True) -> None:
        """host: the client's; port: the server's; opened: how many connections it has begun.

        fresh: it has just been started, so it may take its time before the first connection.
        """
        self._host, self._port, self._opened, self._fresh = host, port, opened, fresh
        self.began = time.monotonic()
        self._first = self._seen = opened()
        self._last_open = self._last_live = self.began

    @property
    def connects(self) -> int:
        """How many connections it has begun since."""
        return self._seen - self._first

    @property
    def seconds(self) -> float:
        return time.monotonic() - self.began

    def idle(self) -> bool:
        """Look once; returns whether for long enough nothing could have woken the client."""
        now = time.monotonic()
        if (opened := self._opened()) != self._seen:
            self._seen, self._last_open = opened, now
        states = connections(self._host, self._port)
        if states["unread"] or any(states[state] for state in OPEN):
            self._last_live = now
        if self._fresh and not self.connects:
            return False
        pause = NOTHING if self.connects <= 1 else BETWEEN
        return now - self._last_live >= NOTHING and now - self._last_open >= pause

    def look(self, done: Callable[[], bool], pids: Callable[[], list[int]], limit: float) -> str | None:
        """Look once. done: whether the client is done; pids: its processes; limit: seconds to watch.

        Returns None while it goes on, "" when it is done, else WAITS, RETRIES or PENDING.
        """
        if done():
            return ""
        if self.idle():
            if processor.busy(pids(), 0.5) < COMPUTES and self.idle():
                return "" if done() else WAITS
            self._last_live = time.monotonic()
        if self.seconds > limit:
            return RETRIES if self.connects > 2 else PENDING
        return None

    def explained(self, pids: list[int]) -> tuple[str, list[str]]:
        """Which connection the client has, for a sentence; and what it has and waits for, one line each."""
        states = connections(self._host, self._port)
        lines = [f"{states[state]} x {state} to port {self._port}"
                 for state in STATES.values() if states[state]] or [
            f"no connection to port {self._port}"]  # fmt: skip
        found = census.count({self._host.name: self._host.path})[self._host.name]
        for process in found["processes"]:
            if process["pid"] in pids:
                lines += [f"{process['process']}, pid {process['pid']}: {_wait(one)}"
                          for one in process["waits"][:4]]  # fmt: skip
        connected = any(states[state] for state in STATES.values())
        return f"it has {lines[0]}" if connected else "it has no connection", lines


def _wait(one: dict[str, object]) -> str:
    """What a thread waits for, from the census."""
    if one["timeout_ms"] is not None:
        return f"{one['call']}, with a timeout of {int(str(one['timeout_ms'])) / 1000:g} s"
    return f"{one['call']}, without a timeout" if one["timeout_known"] else str(one["call"])
