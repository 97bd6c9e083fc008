"""What a server still holds of its clients, against a baseline.

There are several views of a leak, since none shows all: sockets with a row (CLOSE_WAIT and the
like), descriptors whose connection is gone (after shutdown() or a RST), connections that were reset
before accept() and are only in the listener's Recv-Q, descriptors of any kind, processes, and sockets
that exist though nothing of these shows them (lab/unseen.py). Only sockets of the target's port count.
What the kernel finishes by itself (orphans, TIME_WAIT) is nobody's, nor is SYN_RECEIVED, in which
TCP_DEFER_ACCEPT keeps an idle connection.

A descriptor without a row may also belong to a socket that was never connected, and its port is not
known any more. A copy of it could tell, and would disturb the server; but all that counts is the
difference to the baseline.
"""

from __future__ import annotations

import contextlib
import stat
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from linger.check.server.target import Target
from linger.lab import census, unseen
from linger.lab.host import Host

LIVE = "ESTABLISHED CLOSE_WAIT FIN_WAIT1 FIN_WAIT2 LAST_ACK CLOSING".split()
SOCKETS = " + ".join(f"{state} - {state}.orphan" for state in LIVE)
LOOK, LONGEST_PAUSE = 0.1, 0.8  # s between looks at the processes


@dataclass(frozen=True)
class Count:
    """What the server holds at one moment."""

    sockets: int  # on its port, of a process or waiting for accept()
    gone: int  # descriptors whose connection is gone, or that never had one
    queue: int  # Recv-Q of the listeners
    descriptors: dict[int, int]  # of any kind, by process
    processes: int
    unseen: int  # sockets of the host that none of these is

    @property
    def connections(self) -> int:
        """All that is left of clients, whoever has it."""
        return self.sockets + self.gone + self.queue

    def fuller_than(self, before: Count, clients: int) -> list[str]:
        """In what it holds more than before, in words; none: it is clean.

        clients: how many there were. Pools of processes and caches of descriptors grow by a few,
        so these count from half as many as there were clients.
        """
        grown = {
            "sockets": self.sockets - before.sockets,
            "descriptors of connections that are gone": self.gone - before.gone,
            "connections in the accept queue": self.queue - before.queue,
        }
        more = [f"{number} {name}" for name, number in grown.items() if number > 0]
        several = max(2, clients // 2)
        added = {pid: n - before.descriptors.get(pid, n) for pid, n in self.descriptors.items()}
        most = max(added.values(), default=0)
        if most >= several and not more:  # otherwise it is said already
            more.append(f"{most} descriptors")
        if self.unseen - before.unseen >= several:
            more.append(f"{self.unseen - before.unseen} sockets that no descriptor shows")
        if self.processes - before.processes >= several:
            more.append(f"{self.processes - before.processes} processes")
        return more


class Meter:
    """Counts what the server of a lab holds on its port."""

    def __init__(self, target: Target, client: Host) -> None:
        """client: the host of the clients."""
        self.target = target
        self._hosts = {"server": target.host.path}
        self._client = {"client": client.path}
        self._ports = [target.plan.port]

    def take(self) -> Count:
        """Count now."""
        return self._with_processes(self.snapshot())

    def snapshot(self) -> dict[str, Any]:
        """The census of the server's host, only its port."""
        return census.count(self._hosts, self._ports)["server"]

    def _with_processes(self, snapshot: dict[str, Any]) -> Count:
        rows = snapshot["rows"]
        sockets = sum(row["count"] - row["orphan"] for row in rows if row["state"] in LIVE)
        pids = self.target.pids
        held = {process["pid"]: process["held"] for process in snapshot["processes"]}
        descriptors = {
            pid: sum(thing["count"] for thing in held[pid]) for pid in pids if pid in held
        }
        queue = sum(listener["recv_q"] for listener in snapshot["listeners"])
        hidden = unseen.count(self.target.host)
        return Count(sockets, snapshot["gone"], queue, descriptors, len(pids), hidden)

    def settles(self, before: Count, clients: int, within: float) -> Count | None:
        """Wait until the server holds no more than before; None when it does, else the last count.

        clients: how many there were; within: seconds.
        """
        clean = f"{SOCKETS} <= {before.sockets} and accept_queue <= {before.queue}"
        deadline = time.monotonic() + within
        pause = LOOK
        while True:
            left = max(0.0, deadline - time.monotonic())
            census.until(self._hosts, clean, min(left, 1.0), 0, self._ports)
            now = self.take()
            if not now.fuller_than(before, clients):
                return None
            if left <= 0:
                return None if self._not_its_own(now, before, clients) else now
            time.sleep(min(pause, left))  # the sockets may be gone, and the processes not yet
            pause = min(2 * pause, LONGEST_PAUSE)

    def _not_its_own(self, now: Count, before: Count, clients: int) -> bool:
        """Whether all that is left are connections whose client did not get through.

        A FIN or an ACK that meets a full accept queue is sent again and again; the server cannot
        know of it. Only for a count that lasts: each close passes through these states.
        """
        states = census.count(self._client)["client"]["states"]
        sockets = now.sockets - states["SYN_SENT"] - states["FIN_WAIT1"]
        return not replace(now, sockets=sockets).fuller_than(before, clients)

    def awaits(self, expression: str, within: float, hold: float = 0) -> bool:
        """Wait until an expression over the sockets of the port is true (`census --help`)."""
        return census.until(self._hosts, expression, within, hold, self._ports)["until"]["held"]

    def held(self) -> list[str]:
        """Who holds what, a line each: process, state, descriptors."""
        snapshot = self.snapshot()
        lines = []
        for owner in snapshot["owners"]:
            fds = ", ".join(map(str, owner["fds"]))
            more = ", ..." if owner["descriptors"] > len(owner["fds"]) else ""
            state = owner["gone"] or owner["state"]
            unread = f", {owner['unread']} never read the end" if owner["unread"] else ""
            lines.append(
                f"{owner['process']}, pid {owner['pid']}: {owner['descriptors']} x {state}"
                f" (descriptors {fds}{more}{unread})"
            )
        for row in snapshot["rows"]:
            if row["unaccepted"] and row["state"] in LIVE:
                lines.append(f"nobody: {row['unaccepted']} x {row['state']} before accept()")
        for listener in snapshot["listeners"]:
            if listener["recv_q"]:
                lines.append(f"the listener: {listener['recv_q']} connections in its accept queue")
        return lines + unseen.told(self.target.host)


def log_bytes(pids: list[int], output: Path) -> int:
    """The size of all regular files that the processes write to, and of their output."""
    files = {output}
    for pid in pids:
        with contextlib.suppress(OSError):  # it may end while it is looked at
            files.update(Path(f"/proc/{pid}/fd").iterdir())
    sizes = {}
    for file in files:
        with contextlib.suppress(OSError):
            state = file.stat()
            if stat.S_ISREG(state.st_mode):
                sizes[state.st_dev, state.st_ino] = state.st_size
    return sum(sizes.values())
