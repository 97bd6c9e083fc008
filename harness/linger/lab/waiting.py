"""Decides whether a program can ever act again by itself, or waits for others.

The census shows in which system call each thread waits, for how long, and which timers are armed as
descriptors. A process's timers (timer_create(2)) are in /proc/PID/timers. A timer of setitimer(2)
is nowhere, but it matters only if its signal is caught.
"""

from __future__ import annotations

import re
import signal
from pathlib import Path
from typing import Any, Iterable

TIMERS = (signal.SIGALRM, signal.SIGVTALRM, signal.SIGPROF)


def forever(processes: Iterable[dict[str, Any]], pids: Iterable[int]) -> str:
    """The system calls in which all threads of some processes wait without a time-out, as "accept,
    epoll_wait"; "" where one does not, where a timer is armed, or where that is not known.

    processes: as the census has them; pids: which; those that it does not have have ended.
    """
    calls: set[str] = set()
    by_pid = {one["pid"]: one for one in processes}
    for pid in pids:
        one = by_pid.get(pid)
        if not one or one["unreadable"] or one["timers"] or not one["waits"] or timed(pid):
            return ""
        for thread in one["waits"]:
            limit, known = thread["timeout_ms"], thread["timeout_known"]
            if thread["call"] in (None, "running") or limit is not None or not known:
                return ""
            calls.add(thread["call"])
    return ", ".join(sorted(calls))


def timed(pid: int) -> bool:
    """Whether a process has a timer, or may have one."""
    try:
        if Path(f"/proc/{pid}/timers").read_text():
            return True
        status = Path(f"/proc/{pid}/status").read_text(errors="replace")  # it names itself
    except OSError:
        return True
    caught = int(re.search(r"^SigCgt:\t([0-9a-f]+)$", status, re.M)[1], 16)  # type: ignore[index]
    return any(caught >> (number - 1) & 1 for number in TIMERS)
