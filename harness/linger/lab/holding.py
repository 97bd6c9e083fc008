"""Counts what programs hold: everything that close(), accept() or wait() would release, wherever it is.

The census has the descriptors of TCP sockets, connected or not, and what waits for accept(). A descriptor in
flight is in an unreceived message (unix(7), SCM_RIGHTS): the receiving socket's fdinfo counts it (scm_fds),
and so does the kernel's count of all sockets (unseen.py). Children include dead ones that were not waited
for.
"""

from __future__ import annotations

import contextlib
import dataclasses
import time
from pathlib import Path
from typing import Any, Iterable, Sequence

from linger.lab import census, unseen
from linger.lab.expect import DEADLINE, Expectations, Peer
from linger.lab.failure import HELD, Failure, not_held
from linger.lab.lasting import seconds_left
from linger.lab.verdict import make_row

OWN = 8  # descriptors that any process may have for itself: standard streams, listener, epoll, timer
PASSING = 2  # sockets: the kernel still counts those of a tool that has just ended
PASSED = 10.0  # s that it is given to release them all: on a busy machine two were not enough


@dataclasses.dataclass(frozen=True)
class Holding:
    """How many of each kind some programs hold."""

    connections: int = 0  # descriptors of TCP sockets that do not listen
    unaccepted: int = 0  # connections in the accept queues of their host
    in_flight: int = 0  # descriptors in messages, or sockets that no descriptor shows
    children: int = 0  # processes that they have started
    others: int = 0  # descriptors of anything else, beyond OWN of each process
    uncertain: int = 0  # of those in flight: sockets that may be of tools that have just ended

    @property
    def total(self) -> int:
        """The number of things."""
        return self.connections + self.unaccepted + self.in_flight + self.children + self.others

    def __str__(self) -> str:
        kinds = {
            "descriptor of a TCP connection": self.connections,
            "connection not accepted": self.unaccepted,
            "socket or descriptor that no process shows": self.in_flight,
            "child process": self.children,
            "descriptor of another kind": self.others,
        }
        return ", ".join(f"{count} x {kind}" for kind, count in kinds.items() if count) or "nothing"


def expect_held(lab: Expectations, subjects: Sequence[Peer], most: int) -> None:
    """Expect that the programs of one host hold at most that many things, within the default deadline.

    Errors: NotHeld with what they hold.
    """
    began = time.monotonic()
    while (held := measure(subjects)).total > most:
        certain = held.total - held.uncertain > most
        if time.monotonic() > began + (DEADLINE if certain else PASSED):
            break
        if certain and seconds_left(subjects) == 0 and measure(subjects) == held:
            break  # it will not shrink
        time.sleep(0.01)  # the next look
    row = make_row(subjects[0].host.name, "held", f"<= {most}", held.total)
    lab.verdict.expectations.append(row)
    if not row["held"]:
        failure = Failure(HELD, subjects[0].program, "held", row["expected"], held.total, str(held))
        raise not_held([failure])
    lab.tell(f"{subjects[0].program} holds {held}")


def measure(subjects: Sequence[Peer]) -> Holding:
    """What programs of one host hold now, including everything they started."""
    host = subjects[0].host
    pids, started = set(), 0
    for subject in subjects:
        family = subject.family()
        pids |= {*family}
        started += max(0, len(family) - 1)
    hidden, found = unseen.count(host)
    hidden -= host.prepared
    connections = others = 0
    for view in found["processes"]:
        if view["pid"] in pids:
            counts = [(_is_connection(thing), thing["count"]) for thing in view["held"]]
            connections += sum(count for connection, count in counts if connection)
            others += max(0, sum(count for connection, count in counts if not connection) - OWN)
    messages = _in_messages(pids)
    in_flight = max(hidden if hidden > PASSING else 0, messages)
    return Holding(
        connections=connections,
        unaccepted=sum(listener["recv_q"] for listener in found["listeners"]),
        in_flight=in_flight,
        children=started,
        others=others,
        uncertain=in_flight - messages,
    )


def listening(subject: Peer) -> int:
    """How many processes of a program have a listener: a child that keeps its parent's listener keeps the
    port too."""
    host, pids = subject.host, {*subject.family()}
    views = census.count({host.name: host.path})[host.name]["processes"]
    return sum(
        view["pid"] in pids and any(thing["kind"] == "listener" for thing in view["held"])
        for view in views
    )


def _is_connection(thing: dict[str, Any]) -> bool:
    """Whether a thing in the census is a TCP socket that does not listen."""
    name = thing["name"] or ""
    return thing["kind"] == "socket" and (" port " in name or name.startswith("TCP"))


def _in_messages(pids: Iterable[int]) -> int:
    """How many descriptors are in messages that the processes' sockets have not received."""
    counts: dict[str, int] = {}  # by socket, because several descriptors may refer to one
    for pid in pids:
        for file in Path(f"/proc/{pid}/fdinfo").glob("*"):
            with contextlib.suppress(OSError):  # closed since
                words = file.read_text().split()
                if "scm_fds:" in words:
                    counts[words[words.index("ino:") + 1]] = int(words[words.index("scm_fds:") + 1])
    return sum(counts.values())
