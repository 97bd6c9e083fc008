"""What a program still holds of its connections, compared with a baseline.

There are several views of a leak, since none shows all: sockets with a row (CLOSE_WAIT and the
like), descriptors whose connection is gone (after shutdown() or a RST), connections that were reset before
accept() and show only in the listener's Recv-Q, descriptors of any kind, processes, and sockets that none of
these shows (lab/unseen.py). Threads are counted too, but judged separately: their pools are large and fill up
slowly (server/trial.py). What the kernel finishes by itself (orphans, TIME_WAIT) does not count, nor does
SYN_RECEIVED, in which TCP_DEFER_ACCEPT keeps an idle connection.

A descriptor without a row may also belong to a socket that was never connected, and its port is no longer
known. A copy of it would show that, but would disturb the program; only the difference from the baseline counts.
"""

from __future__ import annotations

import contextlib
import re
import stat
import time
from collections import Counter
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Callable, Collection

from linger.check.finding import Held
from linger.lab import census, unseen
from linger.lab.host import Host

LIVE = "ESTABLISHED CLOSE_WAIT FIN_WAIT1 FIN_WAIT2 LAST_ACK CLOSING".split()
SOCKETS = " + ".join(f"{state} - {state}.orphan" for state in LIVE)
LOOK, LONGEST_PAUSE = 0.1, 0.8  # s between counts of the processes
NAMED = 3  # kinds of things listed in one line
PAIR = re.compile(r"(\S+) port (\d+) to (\S+) port (\d+) (\w+)")  # as the census names a socket
GONE = "TCP, in no table: gone or never connected"
EPHEMERAL = 32768  # from this port on, the system chooses (ip-sysctl, ip_local_port_range)
Thing = tuple[str, str]  # kind and name


@dataclass(frozen=True)
class Count:
    """What the program holds at one moment."""

    sockets: int  # on its ports, held by a process or waiting for accept()
    gone: dict[int, int]  # descriptors whose connection is gone or never existed, by process
    queue: int  # Recv-Q of the listeners
    descriptors: dict[int, int]  # of any kind, by process
    things: dict[int, Counter[Thing]]  # those that are not connections on its ports, by process
    processes: dict[int, str]  # their names
    unseen: int = field(compare=False)  # sockets of the host that are none of these; the number flickers
    threads: dict[int, int] = field(default_factory=dict)  # by process

    @property
    def connections(self) -> int:
        """All that is left of the other side's connections, no matter which process holds it."""
        return self.sockets + sum(self.gone.values()) + self.queue

    def connections_since(self, before: Count) -> dict[str, int]:
        """What is left of the other side's connections and was not there before, by name.

        A new process inherits what the old ones have: for example a socket that was never connected, opened to
        probe what the machine can do.
        """
        inherited = max(before.gone.values(), default=0)
        usual = {pid: before.gone.get(pid, 0 if pid in before.processes else inherited) for pid in self.gone}
        grown = {
            "sockets": self.sockets - before.sockets,
            "descriptors of connections that are gone": sum(
                max(0, number - usual[pid]) for pid, number in self.gone.items()
            ),
            "connections in the accept queue": self.queue - before.queue,
        }
        return {name: number for name, number in grown.items() if number > 0}

    def fuller_than(self, before: Count, others: int) -> list[str]:
        """What it holds more of than before, in words; empty: it is clean.

        others: how many connections there were. Pools of processes and caches of descriptors grow by a few, so
        these count only from half that number, and from four if there were that many.
        """
        grown = self.connections_since(before)
        more = [f"{number} {name}" for name, number in grown.items()]
        several = max(2, min(4, others), others // 2)
        kept = [held for held in self.kept_since(before) if held.count >= several]
        more += [f"{held.count} × {held.name}" for held in kept[:NAMED]]
        most = max((sum(things.values()) for things in self._added(before).values()), default=0)
        if most >= several and not kept:
            more.append(f"{most} descriptors")
        if self.unseen - before.unseen >= several:
            more.append(f"{self.unseen - before.unseen} sockets that no descriptor shows")
        if len(self.processes) - len(before.processes) >= several:
            more.append(f"{len(self.processes) - len(before.processes)} processes")
        return more

    def threads_since(self, before: Count) -> int:
        """How many more threads the processes have that were there before; negative: fewer."""
        return sum(number - before.threads[pid] for pid, number in self.threads.items() if pid in before.threads)

    def _added(self, before: Count) -> dict[int, Counter[Thing]]:
        """What each process has more of than before; nothing for a new process."""
        return {
            pid: things - before.things[pid]
            for pid, things in self.things.items()
            if pid in before.things
        }

    def kept_since(self, before: Count) -> list[Held]:
        """What processes hold more of than before, except connections; the most first."""
        held = [
            Held(number, kind, name, self.processes.get(pid, ""), pid)
            for pid, things in self._added(before).items()
            for (kind, name), number in things.items()
        ]
        return sorted(held, key=lambda one: -one.count)


class Meter:
    """Counts what a program in a lab holds."""

    def __init__(
        self, host: Host, pids: Callable[[], list[int]], other: Host, ports: Collection[int] = ()
    ) -> None:
        """host: where it runs; pids: its processes now; other: the host at the other end.

        ports: local ports of the sockets that count; none: all do.
        """
        self.host = host
        self._pids = pids
        self._hosts = {host.name: host.path}
        self.other = other
        self._ports = list(ports)

    def take(self) -> Count:
        """Count now."""
        hidden, snapshot = unseen.count(self.host, with_ours=self.other is self.host)
        if any(port >= EPHEMERAL for port in self._ports):
            snapshot = self.snapshot()  # without ports, the census counts all ephemeral ones together
        elif self._ports:
            snapshot.update({rows: self._on_ports(snapshot[rows]) for rows in ("rows", "listeners")})
        rows = snapshot["rows"]
        pids = {*self._pids()}
        shown = [process for process in snapshot["processes"] if process["pid"] in pids]
        gone: Counter[int] = Counter()
        for owner in snapshot["owners"]:
            if owner["gone"]:
                gone[owner["pid"]] += owner["descriptors"]
        names = {pid: "" for pid in pids} | {one["pid"]: one["process"] for one in shown}
        return Count(
            sockets=sum(row["count"] - row["orphan"] for row in rows if row["state"] in LIVE),
            gone=gone,
            queue=sum(listener["recv_q"] for listener in snapshot["listeners"]),
            descriptors={
                one["pid"]: sum(held["count"] for held in one["held"]) for one in shown
            },
            things={one["pid"]: self._things(one["held"]) for one in shown},
            processes=names,
            unseen=hidden,
            threads={one["pid"]: len(one["waits"]) for one in shown},
        )

    def _on_ports(self, rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """Those rows or listeners of a census that are on the ports that count."""
        return [row for row in rows if row["port"] in self._ports]

    def steady(self, within: float = 2.0) -> Count:
        """Count once two counts agree: what ends in the middle of one would be missing later.

        within: seconds; then the last one is returned.
        """
        deadline = time.monotonic() + within
        now = self.take()
        while now != (now := self.take()) and time.monotonic() < deadline:
            time.sleep(LOOK)  # between two counts
        return now

    def snapshot(self) -> dict[str, Any]:
        """The census of the program's host, limited to its ports."""
        return census.count(self._hosts, self._ports)[self.host.name]

    def _things(self, held: list[dict[str, Any]]) -> Counter[Thing]:
        """What a process has open, except the connections on its ports."""
        found: Counter[Thing] = Counter()
        for one in held:
            if name := _name_of(one["kind"], one["name"] or "", self._ports):
                found[one["kind"], name] += one["count"]
        return found

    def settles(self, before: Count, others: int, within: float) -> Count | None:
        """Wait until the program holds no more than before; None once it does, else the last count.

        others: how many connections there were; within: seconds.
        """
        clean = f"{SOCKETS} <= {before.sockets} and accept_queue <= {before.queue}"
        deadline = time.monotonic() + within
        pause = LOOK
        while True:
            left = max(0.0, deadline - time.monotonic())
            census.until(self._hosts, clean, min(left, 1.0), 0, self._ports)
            now = self.take()
            if not now.fuller_than(before, others):
                return None
            if left <= 0:
                return None if self._not_its_own(now, before, others) else now
            time.sleep(min(pause, left))  # the sockets may be gone before the processes are
            pause = min(2 * pause, LONGEST_PAUSE)

    def _not_its_own(self, now: Count, before: Count, others: int) -> bool:
        """Whether only connections are left whose other side did not get through.

        A FIN or an ACK that meets a full accept queue is sent again and again; the program cannot know of it.
        Only for a count that persists: each close passes through these states.
        """
        [there] = census.count({self.other.name: self.other.path}).values()
        sockets = now.sockets - there["states"]["SYN_SENT"] - there["states"]["FIN_WAIT1"]
        return not replace(now, sockets=sockets).fuller_than(before, others)

    def awaits(self, expression: str, within: float, hold: float = 0) -> bool:
        """Wait until an expression about the sockets that count is true (`census --help`)."""
        return census.until(self._hosts, expression, within, hold, self._ports)["until"]["held"]

    def held(self, before: Count | None = None) -> list[Held]:
        """Who holds what: connections, and, if before is given, all else that was not there then."""
        snapshot = self.snapshot()
        found = []
        for owner in snapshot["owners"]:
            fds = ", ".join(map(str, owner["fds"]))
            more = ", ..." if owner["descriptors"] > len(owner["fds"]) else ""
            state = owner["gone"] or owner["state"]
            unread = f", {owner['unread']} never read the FIN" if owner["unread"] else ""
            kind = "gone" if owner["gone"] else "connection"
            found.append(Held(
                owner["descriptors"], kind, state, owner["process"], owner["pid"],
                f"descriptors {fds}{more}{unread}",
            ))  # fmt: skip
        for row in snapshot["rows"]:
            if row["unaccepted"] and row["state"] in LIVE:
                found.append(Held(row["unaccepted"], "unaccepted", f"{row['state']} before accept()"))
        for listener in snapshot["listeners"]:
            if listener["recv_q"]:
                found.append(Held(listener["recv_q"], "unaccepted", "connection in the accept queue"))
        if before:
            found += self.take().kept_since(before)
        for process, pid, count, threads in unseen.told(self.host):
            note = f"in descriptors that its thread {threads} shares with no other"
            found.append(Held(count, "unseen", "socket", process, pid, note))
        return found


def _name_of(kind: str, name: str, ports: Collection[int]) -> str:
    """A name for a descriptor, the same for similar ones; "" for a connection.

    kind, name: as in the census; ports: the local ones of connections, none: all are.
    """
    if kind == "socket":
        if pair := PAIR.fullmatch(name):
            _, port, peer, peer_port, state = pair.groups()
            if not ports or int(port) in ports:
                return ""
            if int(peer_port) >= EPHEMERAL > int(port):
                return f"socket on port {port} {state}"
            peer = peer.removeprefix("::ffff:")
            return f"socket to {f'[{peer}]' if ':' in peer else peer}:{peer_port} {state}"
        return "" if name == GONE else f"socket {name}".rstrip()
    if kind in ("file", "device", "memfd"):
        return name or kind
    if kind == "listener":
        address, _, port = name.rpartition(" port ")
        return f"listener {address if int(port) >= EPHEMERAL else name}"
    return kind


def log_bytes(pids: list[int], output: Path) -> int:
    """The total size of their output and of all regular files that the processes write to."""
    files = {output}
    for pid in pids:
        with contextlib.suppress(OSError):  # it may end meanwhile
            files.update(Path(f"/proc/{pid}/fd").iterdir())
    sizes = {}
    for file in files:
        with contextlib.suppress(OSError):
            state = file.stat()
            if stat.S_ISREG(state.st_mode):
                sizes[state.st_dev, state.st_ino] = state.st_size
    return sum(sizes.values())
