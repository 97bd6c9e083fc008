"""Finds out how processes that are not our children ended, such as a worker reaped by its master.

A pidfd opened earlier still knows the status after the process was reaped (Linux 6.15, PIDFD_GET_INFO of
<linux/pidfd.h>). For a zombie, /proc/PID/stat has it on any kernel.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import select
import struct
from dataclasses import dataclass
from pathlib import Path
from typing import Iterable

from linger.lab.errors import signal_name
from linger.lab.foreign import printable
from linger.lab.processor import stat

GET_INFO, WITH_EXIT = 0xC040FF0B, 1 << 3  # PIDFD_GET_INFO, PIDFD_INFO_EXIT
INFO = struct.Struct("QQ11Ii")  # struct pidfd_info, its first version
ZOMBIE = "Z"
EXITING = 0x4  # PF_EXITING of <linux/sched.h>, in the flags of proc_pid_stat(5)
DYING = 10.0  # most s from the closing of its descriptors to its end


@dataclass(frozen=True)
class Exit:
    """The end of one process."""

    pid: int
    name: str
    status: int | None  # as in wait(2); None: this kernel does not report it

    @property
    def crashed(self) -> bool:
        """Whether a signal ended it, or its status reports a failure."""
        return bool(self.status)

    def __str__(self) -> str:
        who = f"process {self.pid} ({self.name})"
        if self.status is None:
            return f"{who} ended (how is unknown before Linux 6.15)"
        if os.WIFSIGNALED(self.status):
            return f"{who} was ended by {signal_name(os.WTERMSIG(self.status))}"
        return f"{who} ended with status {os.WEXITSTATUS(self.status)}"


class Watch:
    """Processes watched to find out later whether and how they ended."""

    def __init__(self) -> None:
        self._watched: dict[int, tuple[str, int]] = {}  # name and pidfd, by pid

    def add(self, pids: Iterable[int]) -> None:
        """Watch more processes, except those that have already ended."""
        for pid in {*pids} - {*self._watched}:
            with contextlib.suppress(OSError):
                name = Path(f"/proc/{pid}/comm").read_text(errors="replace").rstrip("\n")
                self._watched[pid] = printable(name), os.pidfd_open(pid)

    def ended(self) -> list[Exit]:
        """Those that have ended or are ending: the kernel closes a process's descriptors first."""
        over = {
            fd for pid, (_, fd) in self._watched.items() if _over(fd, DYING if _exiting(pid) else 0)
        }
        return [
            Exit(pid, name, _reaped(fd) if (status := _zombie(pid)) is None else status)
            for pid, (name, fd) in self._watched.items()
            if fd in over
        ]

    def close(self) -> None:
        """Stop watching."""
        while self._watched:
            os.close(self._watched.popitem()[1][1])


def _over(fd: int, within: float) -> bool:
    """Whether the process of a pidfd has ended, or does so within the given seconds."""
    poll = select.poll()
    poll.register(fd, select.POLLIN)
    return bool(poll.poll(within * 1000))


def _exiting(pid: int) -> bool:
    """Whether a process is exiting. (A zombie may be a leader whose threads live on.)"""
    _, state, *fields = stat(pid)
    return state not in ("", ZOMBIE) and bool(int(fields[5]) & EXITING)


def _zombie(pid: int) -> int | None:
    """The status of a process that is not reaped yet; None for any other (proc_pid_stat(5))."""
    _, state, *fields = stat(pid)
    return int(fields[-1]) if state == ZOMBIE else None


def _reaped(fd: int) -> int | None:
    """The status of a reaped process, by its pidfd; None if the kernel does not report it."""
    info = bytearray(INFO.pack(WITH_EXIT, *[0] * 13))
    with contextlib.suppress(OSError):  # ENOTTY on an older kernel
        fcntl.ioctl(fd, GET_INFO, info)
        mask, *_, status = INFO.unpack(info)
        return status if mask & WITH_EXIT else None
    return None
