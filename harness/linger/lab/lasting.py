"""Decides how long a program will keep what it holds: forever, or as long as we have watched.

A count that stayed for 0.2 s proves nothing about 3 s later. Only a timer or an event from outside can end
it. So if every thread of a program waits without a timeout (proc_pid_syscall(5)), no timer of its own is
armed, and no kernel timer runs for its connections, it is kept forever: as long as the program runs and
nothing from outside makes it let go. If there is a timer, we wait until it has fired.
"""

from __future__ import annotations

import math
import time
from typing import Any, Iterable, Sequence

from linger.lab import census, waiting
from linger.lab.expect import WINDOW, Expectations, Peer
from linger.lab.failure import BRIEF, Failure, not_held

FOREVER = "kept forever"
KEPT = ("CLOSE_WAIT", "CLOSE_WAIT.unread", "ESTABLISHED", "accept_queue", "descriptors", "ghosts",
        "unconnected")  # fmt: skip
AFTERWARDS, LONGEST = 1.0, 5.0  # s: what a timer's action may take, and the longest window
UNKNOWN = 1.0  # s: the window if it is not known whether there is a timer


def expect_lasting(lab: Expectations, subjects: Sequence[Peer]) -> None:
    """Expect that what programs of one host are expected to keep lasts; each of these rows then says how
    long. Errors: NotHeld when it ends meanwhile.
    """
    host = subjects[0].host
    last = {row["name"]: row for row in lab.verdict.expectations if row["subject"] == host.name}
    rows = [row for name, row in last.items() if name in KEPT and _present(row)]
    if not rows:
        return
    left = seconds_left(subjects, [row["name"] for row in rows])
    window = WINDOW if left == 0 else UNKNOWN if left == math.inf else min(left + AFTERWARDS, LONGEST)
    terms = [census.term(f"{host.name}:{row['name']}", row["measured"]) for row in rows]
    until = lab.until(" and ".join(terms), WINDOW, window)
    if not until["held"]:
        raise not_held([
            Failure(BRIEF, host.name, row["name"], row["expected"],
                    until["values"][f"{host.name}:{row['name']}"])
            for row in rows
        ])  # fmt: skip
    for row in rows:
        row["lasts"] = FOREVER if left == 0 else f"still there after {window:.1f} s"
    lab.tell(f"{host.name}: {rows[0]['lasts']}")


def _present(row: dict[str, Any]) -> bool:
    return row["held"] and row["measured"] > 0 and row["expected"].startswith("== ")


def seconds_left(subjects: Sequence[Peer], states: Iterable[str] = ()) -> float:
    """The seconds until the last timer that may end something has fired; 0 if there is none, infinity if that
    is not known. states: of connections that the kernel may also end."""
    host = subjects[0].host
    deadline = time.monotonic() + WINDOW
    while True:
        pids = {pid for subject in subjects for pid in subject.family()}
        views = [view for view in census.count({host.name: host.path})[host.name]["processes"]
                 if view["pid"] in pids]  # fmt: skip
        busy = any(wait["call"] == "running" for view in views for wait in view["waits"])
        if not busy or time.monotonic() > deadline:
            break
        time.sleep(0.01)  # until it waits again
    found = [host.timers(state) for state in states]
    kernels = [ms / 1000 for timers in found for ms in timers]
    return max([0.0, *kernels, *(_of_process(view) for view in views)])


def _of_process(view: dict[str, Any]) -> float:
    """The same for one process, from the census."""
    if waiting.forever([view], [view["pid"]]):
        return 0.0
    limits = [timer["due_ms"] for timer in view["timers"]]
    limits += [wait["timeout_ms"] for wait in view["waits"] if wait["timeout_known"]]
    told = all(wait["timeout_known"] and wait["call"] not in (None, "running") for wait in view["waits"])
    if not told or waiting.timed(view["pid"]):
        return math.inf
    return max(ms or 0 for ms in limits) / 1000
