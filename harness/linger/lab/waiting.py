"""Decides whether a program can ever act again by itself, or only waits for others.

The census shows in which system call each thread waits, for how long, and which timer descriptors are armed.
A timer of timer_create(2) is in /proc/PID/timers. One of setitimer(2) or alarm(2) is shown nowhere: if its
signal is caught, there may be one; if not, all that it can do is end the program.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import re
import signal
import sys
import termios
from pathlib import Path
from typing import Any, Iterable

TIMERS = (signal.SIGALRM, signal.SIGVTALRM, signal.SIGPROF)


def forever(processes: Iterable[dict[str, Any]], pids: Iterable[int]) -> str:
    """The system calls in which all threads of some processes wait without a timeout, such as "accept,
    epoll_wait"; "" if one does not, if a timer is armed, or if that is not known.

    processes: from the census; pids: the ones to consider; those missing there have ended.
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


def place(pid: int) -> str:
    """The kernel function in which a process waits (proc(5), wchan); "" if that is not shown."""
    with contextlib.suppress(OSError):
        return Path(f"/proc/{pid}/wchan").read_text().removeprefix("0")
    return ""


def unheard(pids: Iterable[int]) -> int:
    """The most bytes of its standard input, a pipe, that one of the processes has not read yet (pipe(7),
    FIONREAD): of a confined program and of what hands its input on.

    Errors: OSError when one has ended or may not be examined.
    """
    return max(map(_unread, pids))


def _unread(pid: int) -> int:
    pipe = os.open(f"/proc/{pid}/fd/0", os.O_RDONLY | os.O_NONBLOCK)
    try:
        return int.from_bytes(fcntl.ioctl(pipe, termios.FIONREAD, bytes(4)), sys.byteorder)
    finally:
        os.close(pipe)


def timed(pid: int) -> bool:
    """Whether a process has a timer, or may have one."""
    try:
        if Path(f"/proc/{pid}/timers").read_text():
            return True
        status = Path(f"/proc/{pid}/status").read_text(errors="replace")  # a process chooses its own name
    except OSError:
        return True
    caught = int(re.search(r"^SigCgt:\t([0-9a-f]+)$", status, re.M)[1], 16)  # type: ignore[index]
    return any(caught >> (number - 1) & 1 for number in TIMERS)
